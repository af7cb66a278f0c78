//! The commands at the server's own address (XEP-0050): they need more of the appliance than a module may reach, and are
//! handed in once it is wired.

use super::{Session, Shared, locked, rates};
use crate::service::command::{Caller, Command};
use crate::service::session::{Commands, Limits};
use crate::stanza::{Condition, Stanza, StanzaError, error_reply, iq_result};
use crate::xml::Element;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Work that ends with an answer.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs what takes a while, and notes what was refused.
pub trait Executor: Send + Sync {
    /// Begins some work.
    ///
    /// # Errors
    /// `resource-constraint` when too much is under way.
    fn run(&self, work: Work) -> Result<(), StanzaError>;

    /// A caller was refused a command that is audited.
    fn refused(&self, caller: &Caller, node: &str, error: &StanzaError);
}

/// Commands with their open sessions, and what runs them.
pub struct ServerCommands {
    commands: Mutex<Commands>,
    executor: Box<dyn Executor>,
    epoch: Instant,
}

impl ServerCommands {
    pub(super) fn new(list: Vec<Arc<dyn Command>>, limits: Limits, executor: Box<dyn Executor>) -> ServerCommands {
        ServerCommands {
            commands: Mutex::new(Commands::new(list, limits)),
            executor,
            epoch: Instant::now(),
        }
    }

    /// The commands; the lock is not to be held while one runs.
    pub fn commands(&self) -> MutexGuard<'_, Commands> {
        locked(&self.commands)
    }

    /// What runs them.
    pub fn executor(&self) -> &dyn Executor {
        &*self.executor
    }

    /// The time that sessions are counted in.
    pub fn now(&self) -> Duration {
        self.epoch.elapsed()
    }
}

/// An answer that is given later, exactly once: dropped, it is `internal-server-error`.
pub struct Later {
    session: Arc<Session>,
    stanza: Stanza,
    is_open: bool,
}

impl Later {
    pub(super) fn new(session: &Arc<Session>, stanza: &Stanza) -> Later {
        Later {
            session: Arc::clone(session),
            stanza: stanza.clone(),
            is_open: true,
        }
    }

    /// Answers.
    pub fn answer(mut self, answer: Result<Option<Element>, StanzaError>) {
        self.send(answer);
    }

    fn send(&mut self, answer: Result<Option<Element>, StanzaError>) {
        self.is_open = false;
        let to = self.session.jid().as_str();
        let element = match answer {
            Ok(payload) => iq_result(&self.stanza, to, payload),
            Err(error) => {
                rates::refused(&self.session, &error);
                error_reply(&self.stanza, to, &error)
            }
        };
        Shared::send(&self.session, &element);
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        if self.is_open {
            self.send(Err(Condition::InternalServerError.into()));
        }
    }
}
