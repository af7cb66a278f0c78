//! `top`: the processes that use most. For operators: names of processes are not everybody's.

use super::FORM_TYPE;
use crate::monitor::{Order, Process, Processes};
use crate::service::command::{Command, Request, Step};
use crate::service::form::{Field, FieldKind, Form};
use crate::service::report::{Report, Table};
use crate::stanza::{Condition, Role, StanzaError};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Processes shown.
const COUNT: usize = 15;

/// The command.
pub(super) struct Top {
    processes: Arc<Mutex<Processes>>,
}

impl Top {
    pub(super) fn new(processes: Arc<Mutex<Processes>>) -> Top {
        Top { processes }
    }
}

impl Command for Top {
    fn node(&self) -> &str {
        "top"
    }

    fn name(&self) -> &str {
        "Show processes"
    }

    fn usage(&self) -> &str {
        "[cpu|memory]"
    }

    fn help(&self) -> &str {
        "the processes that use most CPU and memory"
    }

    fn role(&self) -> Role {
        Role::Operator
    }

    fn parameters(&self) -> Form {
        let order = Field::new(FieldKind::ListSingle, "order", "The heaviest in");
        let order = order.choice("cpu", "CPU").choice("memory", "memory");
        Form::new("Processes", "Choose what they are ordered by.")
            .typed(FORM_TYPE)
            .field(order)
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let processes = self.processes.clone();
        let order = match request.parameters.get("order") {
            Some("memory") => Order::Memory,
            _ => Order::Cpu,
        };
        Ok(Step::Run(Box::pin(async move {
            // One scan at a time, and only that one takes a thread; who waited is given the same list.
            let mut processes = processes.lock_owned().await;
            let list = tokio::task::spawn_blocking(move || processes.top(order, COUNT)).await;
            list.map(|list| report(&list))
                .map_err(|_| Condition::InternalServerError.into())
        })))
    }
}

fn report(list: &[Process]) -> Report {
    let mut table = Table::new(&[
        ("pid", "PID"),
        ("name", "Name"),
        ("cpu", "CPU %"),
        ("memory", "Memory, MiB"),
    ]);
    let mut lines = Vec::new();
    for process in list {
        let (cpu, memory) = (
            format!("{:.1}", process.cpu),
            format!("{:.1}", process.memory / 1_048_576.0),
        );
        lines.push(format!(
            "{:>5} % {:>8} MiB  {} ({})",
            cpu, memory, process.name, process.pid
        ));
        table.row([process.pid.to_string(), process.name.clone(), cpu, memory]);
    }
    Report::titled("Processes")
        .with_table(table)
        .with_text(lines.join("\n"))
}
