//! `stats-reset`: counters, extremes and averages start anew.

use super::super::board::Board;
use crate::service::command::{Command, Request, Step};
use crate::service::report::{NoteKind, Report};
use crate::stanza::{Role, StanzaError};
use std::sync::Arc;

/// The command.
pub(super) struct StatsReset {
    board: Arc<Board>,
}

impl StatsReset {
    pub(super) fn new(board: Arc<Board>) -> StatsReset {
        StatsReset { board }
    }
}

impl Command for StatsReset {
    fn node(&self) -> &str {
        "stats-reset"
    }

    fn name(&self) -> &str {
        "Reset statistics"
    }

    fn help(&self) -> &str {
        "start counters, extremes and averages anew"
    }

    fn role(&self) -> Role {
        Role::Operator
    }

    fn step(&self, _request: &Request<'_>) -> Result<Step, StanzaError> {
        self.board.lock().reset = true;
        let text = "Counters, extremes and averages start anew.";
        Ok(Step::Done(Report::note(NoteKind::Info, text)))
    }
}
