//! The in-process session of the built-in collector: no TLS, no parsing; frames handed over.
//!
//! One task drives the collector: frames from the sink, snapshots from the sampling thread, finished work, its deadline.
//! A panic ends the session like any other, with unavailable presence, and it is bound again a little later.

mod desk;
mod directory;
mod sampling;

use super::checks;
use crate::collector::{self, Collector, Finished, Host, Output, Ticket, Work};
use crate::monitor::checks::{self as book, Book};
use crate::monitor::{Memory, Processes, Readings, Rule, boot_id};
use crate::router::{Closing, Router, Session, Sink};
use crate::service::command::{Command, Job};
use crate::service::report::Report;
use crate::stanza::{Condition, Role, StanzaError};
use crate::store::{self, Store};
use crate::xml::{Element, Frame, Limits, Rope};
pub use desk::Desk;
use directory::{Accounts, Records};
use jid::BareJid;
use sampling::Sampling;
use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{Mutex, watch};
use tokio::task::{Id, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

/// The resource that every collector binds.
pub const RESOURCE: &str = "watchpost";
/// Before a session that was lost is bound again.
const PAUSE: Duration = Duration::from_secs(5);
/// Jobs at once; programs have a tighter limit of their own.
const JOBS_MAX: usize = 64;
/// Bytes taken from the sink in one go.
const DRAIN_BYTES: usize = 256 * 1024;

/// What the built-in collector is.
#[derive(Clone)]
pub struct Options {
    /// Its account: `monitor@DOMAIN`. The account exists.
    pub account: BareJid,
    /// Time between two samples.
    pub interval: Duration,
    /// The collector's own settings.
    pub collector: collector::Options,
    /// The rules.
    pub rules: Vec<Rule>,
    /// The checks of services.
    pub checks: checks::Options,
    /// Commands that need more than the collector has.
    pub commands: Vec<Arc<dyn Command>>,
}

/// The running collector.
pub struct Local {
    stop: watch::Sender<bool>,
    task: JoinHandle<Option<Left>>,
    looking: AbortOnDrop,
    book: Book,
    epoch: Instant,
}

/// A task that ends with its handle.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a collector that was shut down leaves to the next.
pub struct Kept {
    /// What its times are counted from.
    epoch: Instant,
    left: Option<Left>,
    checks: book::Kept,
}

impl Local {
    /// Starts it on the current tokio runtime, its timers and processes enabled. It goes on where the one before it has
    /// stopped.
    pub fn start(options: Options, router: Router, store: Store, before: Option<Kept>, desk: Arc<Desk>) -> Local {
        let (stop, stopping) = watch::channel(false);
        let epoch = before.as_ref().map_or_else(Instant::now, |kept| kept.epoch);
        let (kept, checks) = before.map_or_else(Default::default, |kept| (kept.left, kept.checks));
        let readings = desk.readings.clone();
        let memory = Arc::new(Records::new(store.clone(), &options.account));
        let times = (epoch.elapsed(), SystemTime::now());
        let book = Book::new(options.checks.checks.clone(), checks, readings.clone(), memory, times);
        let looking = checks::watch(options.checks.clone(), book.clone(), readings.clone(), epoch);
        desk.open(book.clone());
        let place = Place {
            options,
            router,
            store,
            processes: Arc::new(Mutex::new(Processes::new(readings.clone()))),
            readings,
            book: book.clone(),
            desk,
            epoch,
        };
        Local {
            stop,
            task: tokio::spawn(keep_running(place, stopping, kept)),
            looking: AbortOnDrop(tokio::spawn(looking)),
            book,
            epoch,
        }
    }

    /// Ends it: unavailable presence to its watchers, programs go on, for the next one to answer after them; they are killed with what
    /// is returned.
    pub async fn shutdown(self) -> Kept {
        self.stop.send_replace(true);
        let ended = self.task.await;
        let left = ended.unwrap_or_else(|error| {
            tracing::error!(%error, "the collector ended badly");
            None
        });
        drop(self.looking);
        Kept {
            epoch: self.epoch,
            left,
            checks: self.book.kept(),
        }
    }
}

/// What stays from one session to the next.
#[derive(Clone)]
struct Place {
    options: Options,
    router: Router,
    store: Store,
    processes: Arc<Mutex<Processes>>,
    readings: Readings,
    book: Book,
    desk: Arc<Desk>,
    epoch: Instant,
}

/// Why a session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// It was asked to.
    Stopped,
    /// It was lost.
    Lost(&'static str),
}

async fn keep_running(place: Place, mut stopping: watch::Receiver<bool>, mut kept: Option<Left>) -> Option<Left> {
    loop {
        let mut tasks = JoinSet::new();
        tasks.spawn(run(place.clone(), stopping.clone(), kept.take()));
        match tasks.join_next().await {
            None => return None,
            Some(Ok((Ended::Stopped, left))) => return left,
            Some(Ok((Ended::Lost(why), left))) => {
                kept = left;
                tracing::error!(why, "the collector's session was lost");
            }
            Some(Err(error)) => tracing::error!(%error, "the collector has failed"),
        }
        tokio::select! {
            () = sleep(PAUSE) => {}
            _ = stopping.changed() => return kept,
        }
    }
}

/// Binds the session and drives it to its end. What was kept comes back, with what has been added to it.
async fn run(place: Place, stopping: watch::Receiver<bool>, kept: Option<Left>) -> (Ended, Option<Left>) {
    let sink = Arc::new(Sink::new(usize::MAX, usize::MAX));
    let account = &place.options.account;
    let Ok(session) = place.router.bind(account, Some(RESOURCE), Role::Collector, sink) else {
        return (Ended::Lost("it could not be bound"), kept);
    };
    session.answer_for_account();
    let bound = Bound {
        router: place.router.clone(),
        session,
    };
    let memory: Arc<dyn Memory> = Arc::new(Records::new(place.store.clone(), account));
    let Some(sampling) = Sampling::start(&place, memory.clone()) else {
        return (Ended::Lost("its sampling thread could not be started"), kept);
    };
    let host = Host {
        directory: Arc::new(Accounts::new(place.store.clone(), place.router.clone(), account)),
        memory,
        processes: place.processes.clone(),
        checks: place.book.clone(),
        boot_id: boot_id(),
        commands: place.options.commands.clone(),
        account_features: place.router.account_features().into_iter().map(str::to_owned).collect(),
    };
    let collector = Collector::new(
        place.options.collector.clone(),
        bound.session.jid().clone(),
        place.options.rules.clone(),
        host,
    );
    let mut drive = Drive {
        collector,
        bound,
        sampling,
        desk: place.desk.clone(),
        work: Working::default(),
        epoch: place.epoch,
        online: false,
    };
    if let Some(left) = kept {
        drive.work = left.work;
        let outputs = drive.collector.resume(left.collector);
        drive.act(outputs);
    }
    let ended = drive.run(place.store.committed(), stopping).await;
    let left = Left {
        collector: drive.collector.into_kept(),
        work: drive.work,
    };
    (ended, Some(left))
}

/// What one session leaves to the next.
struct Left {
    collector: collector::Kept,
    work: Working,
}

/// The work under way, and whom to answer after it.
#[derive(Default)]
struct Working {
    jobs: JoinSet<Result<Report, StanzaError>>,
    tickets: HashMap<Id, Ticket>,
}

/// A bound session; whatever happens, it is unbound.
struct Bound {
    router: Router,
    session: Arc<Session>,
}

impl Bound {
    fn route(&self, element: &Element) {
        if let Err(violation) = self.router.route(&self.session, Frame::from_element(element)) {
            tracing::error!(?violation, "the collector made a stanza that the router refuses");
        }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.router.unbind(&self.session);
    }
}

/// The collector and all that it is driven by.
struct Drive {
    collector: Collector,
    bound: Bound,
    sampling: Sampling,
    desk: Arc<Desk>,
    work: Working,
    epoch: Instant,
    online: bool,
}

impl Drive {
    async fn run(
        &mut self,
        mut committed: watch::Receiver<store::Ticket>,
        mut stopping: watch::Receiver<bool>,
    ) -> Ended {
        let sink = self.bound.session.sink().clone();
        let mut waits = false;
        let ended = loop {
            tokio::select! {
                _ = stopping.changed() => break Ended::Stopped,
                () = sink.ready(), if !waits => {
                    match sink.closing() {
                        None => {}
                        Some(Closing::SystemShutdown) => break Ended::Stopped,
                        Some(_) => break Ended::Lost("the router ended it"),
                    }
                    waits = self.drain(&sink, *committed.borrow_and_update());
                }
                changed = committed.changed(), if waits => {
                    if changed.is_err() {
                        break Ended::Lost("the store has failed");
                    }
                    waits = self.drain(&sink, *committed.borrow_and_update());
                }
                snapshot = self.sampling.next() => match snapshot {
                    Some(snapshot) => self.sampled(snapshot),
                    None => break Ended::Lost("its sampling thread has ended"),
                },
                Some(joined) = self.work.jobs.join_next_with_id() => self.joined(joined),
                () = until(self.collector.deadline().map(|deadline| self.epoch + deadline)) => {
                    let outputs = self.collector.tick(self.now());
                    self.act(outputs);
                }
            }
        };
        self.bound.route(&self.collector.offline());
        ended
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Hands over what arrived; `true` when what is left waits for the disk.
    fn drain(&mut self, sink: &Sink, committed: store::Ticket) -> bool {
        let mut arrived = Vec::new();
        let waits = sink.drain(committed, DRAIN_BYTES, &mut arrived).is_some();
        for rope in arrived {
            self.receive(&rope);
        }
        waits
    }

    fn receive(&mut self, rope: &Rope) {
        // What the router delivers it has measured before.
        match Frame::parse(rope.to_bytes(), &Limits::NONE) {
            Ok(frame) => {
                let outputs = self.collector.receive(&frame, self.now());
                self.act(outputs);
            }
            Err(error) => tracing::error!(%error, "the router delivered what is no frame"),
        }
    }

    fn sampled(&mut self, snapshot: Arc<crate::monitor::Snapshot>) {
        let now = self.now();
        self.desk.show(snapshot.clone());
        let outputs = self.collector.sampled(snapshot, now);
        self.act(outputs);
        // The first presence already says how the host is.
        if !std::mem::replace(&mut self.online, true) {
            let outputs = self.collector.online(now);
            self.act(outputs);
        }
    }

    fn act(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send(element) => self.bound.route(&element),
                Output::Run(work) => self.begin(work),
                Output::ResetStatistics => self.sampling.reset(),
            }
        }
    }

    fn begin(&mut self, work: Work) {
        let (job, ticket): (Job, Ticket) = work.split();
        if self.work.jobs.len() >= JOBS_MAX {
            let busy = StanzaError::new(Condition::ResourceConstraint, "Too much is going on. Wait a little.");
            return self.finish(ticket.finish(Err(busy)));
        }
        let id = self.work.jobs.spawn(job).id();
        self.work.tickets.insert(id, ticket);
    }

    fn joined(&mut self, joined: Result<(Id, Result<Report, StanzaError>), tokio::task::JoinError>) {
        let (id, result) = match joined {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, "a command has failed");
                (error.id(), Err(Condition::InternalServerError.into()))
            }
        };
        if let Some(ticket) = self.work.tickets.remove(&id) {
            self.finish(ticket.finish(result));
        }
    }

    fn finish(&mut self, finished: Finished) {
        let outputs = self.collector.finished(finished);
        self.act(outputs);
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests;
