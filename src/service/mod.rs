//! What server and collector both answer with.
