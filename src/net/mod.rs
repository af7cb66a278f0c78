//! Listeners, TLS, and the task that pumps bytes between a socket, the stream and the router.

pub mod certificates;
