//! Why the store says no: a sentence for the operator that says what, where and how to mend it.

/// What went wrong with the store. `Display` is one sentence; the variant is what a caller acts upon.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum StoreError {
    /// Another process has the directory open.
    #[error("{0}")]
    InUse(String),
    /// The store was made for another domain.
    #[error("{sentence}")]
    OtherDomain {
        /// The domain that it was made for.
        made_for: String,
        /// What is wrong, and how to mend it.
        sentence: String,
    },
    /// The store was written by a newer program.
    #[error("{0}")]
    NewerFormat(String),
    /// Less free space than the floor; at run time: `resource-constraint`, and it may pass.
    #[error("{0}")]
    NoSpace(String),
    /// Records are missing or unreadable: a backup must be restored.
    #[error("{0}")]
    Damaged(String),
    /// The directory cannot be made, read or written.
    #[error("{0}")]
    Unreadable(String),
    /// Too many writes are on their way: `resource-constraint`, and it will pass.
    #[error("the store has too many writes on their way")]
    Busy,
    /// The store has failed while running; nothing more is written until a restart.
    #[error("{0}")]
    Failed(String),
    /// A limit of this account, node or record; the text names it. `resource-constraint` unless the XEP has better.
    #[error("{0}")]
    Limit(&'static str),
    /// What is to be added is there already.
    #[error("it exists already")]
    Exists,
    /// What is to be changed is not there.
    #[error("it does not exist")]
    Absent,
    /// The password or the name cannot be used; the text says why.
    #[error("{0}")]
    Invalid(&'static str),
}

impl StoreError {
    /// Whether a stanza that asked for the write is answered with `resource-constraint` (RFC 6120 section 8.3.3.18).
    pub fn is_constraint(&self) -> bool {
        matches!(self, StoreError::NoSpace(_) | StoreError::Busy | StoreError::Limit(_))
    }
}
