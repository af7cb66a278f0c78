//! What is noted of each task, and what runs it.

use super::{Act, Administration, failed};
use crate::collector::{Audit, Event, Line};
use crate::router::{Executor, Work};
use crate::service::command::Caller;
use crate::service::form::{FieldKind, Form, Values};
use crate::service::report::Report;
use crate::service::session::random_id;
use crate::stanza::{Condition, StanzaError};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Tasks at once.
const TASKS_MAX: usize = 8;

/// Runs tasks on the runtime, a few at a time.
pub struct Runner {
    runtime: Handle,
    places: Arc<Semaphore>,
    audit: Audit,
}

impl Runner {
    /// On the current runtime.
    pub fn new(audit: Audit) -> Runner {
        Runner {
            runtime: Handle::current(),
            places: Arc::new(Semaphore::new(TASKS_MAX)),
            audit,
        }
    }

    fn begin(&self, work: Work) -> Result<(), StanzaError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            tracing::warn!(TASKS_MAX, "too many administrative tasks at once");
            StanzaError::new(Condition::ResourceConstraint, "Too much is going on. Wait a little.")
        })?;
        self.runtime.spawn(async move {
            let _place = place;
            work.await;
        });
        Ok(())
    }
}

impl Executor for Runner {
    fn run(&self, work: Work) -> Result<(), StanzaError> {
        self.begin(work)
    }

    fn refused(&self, caller: &Caller, node: &str, error: &StanzaError) {
        let mut line = Line::new(Event::Refused, caller.jid.as_str(), node);
        line.outcome = Some(error.condition.name().to_owned());
        let audit = self.audit.clone();
        let noted = self.begin(Box::pin(async move {
            if let Err(error) = audit.write(line).await {
                tracing::error!(%error, "cannot audit a refusal");
            }
        }));
        if noted.is_err() {
            tracing::warn!(jid = %caller.jid, node, "refused, and too often to audit it");
        }
    }
}

/// What was filled in, without what is secret.
pub(super) fn arguments(form: &Form, values: Option<&Values>) -> Vec<String> {
    let fields = form.fields.iter();
    let told = fields.filter(|field| field.is_input() && field.kind != FieldKind::TextPrivate);
    told.filter_map(|field| {
        let given = values?.all(&field.var);
        (!given.is_empty()).then(|| [field.var.as_str(), "=", &given.join(" ")].concat())
    })
    .collect()
}

/// Does it, once it is noted that it will be; then notes how it went.
pub(super) async fn audited(
    to: Administration,
    caller: Caller,
    node: &'static str,
    arguments: Vec<String>,
    values: Values,
    act: Act,
) -> Result<Report, StanzaError> {
    let mut line = Line::new(Event::Start, caller.jid.as_str(), node);
    line.run = Some(random_id()?);
    line.argv = arguments;
    to.audit.write(line.clone()).await.map_err(|error| {
        tracing::error!(%error, "cannot audit: the command is refused");
        StanzaError::new(
            Condition::ResourceConstraint,
            "The server cannot audit, so it does not do this: see its log.",
        )
    })?;
    let audit = to.audit.clone();
    let done = tokio::task::spawn_blocking(move || act(&to, &caller, &values)).await;
    line.event = Event::End;
    line.outcome = Some(match &done {
        Ok(Ok(_)) => "done".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "failed".to_owned(),
    });
    if let Err(error) = audit.write(line).await {
        tracing::error!(%error, "cannot audit what has happened");
    }
    match done {
        Ok(done) => done.map_err(|error| failed(&error)),
        Err(_) => Err(Condition::InternalServerError.into()),
    }
}
