//! `status`: how the host is, in a line.

use super::super::presence::status;
use super::Desk;
use crate::service::command::{Command, Request, Step};
use crate::service::report::Report;
use crate::stanza::{Role, StanzaError};

/// The command.
pub(super) struct Status {
    host: String,
    desk: Desk,
}

impl Status {
    pub(super) fn new(host: String, desk: Desk) -> Status {
        Status { host, desk }
    }
}

impl Command for Status {
    fn node(&self) -> &str {
        "status"
    }

    fn name(&self) -> &str {
        "Show the status"
    }

    fn help(&self) -> &str {
        "see how the host is"
    }

    fn phrases(&self) -> &[(&str, &str)] {
        &[
            ("how are you", "status"),
            ("hows it going", "status"),
            ("how is it going", "status"),
            ("are you ok", "status"),
            ("all ok", "status"),
        ]
    }

    fn role(&self) -> Role {
        Role::Viewer
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let text = status(&self.desk.board.lock(), &self.desk.reading(&self.host), request.now);
        let report = Report::default().with_entry("status", "Status", text.as_str());
        Ok(Step::Done(report.with_text(text)))
    }
}
