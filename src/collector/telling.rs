//! Telling people of alerts by chat: one message for what fires at once, corrected (XEP-0308) when somebody takes it over
//! and when it ends, repeated until then, sent again when it comes back.

use super::notice::{Addressee, Line, Notice, Reading};
use super::reply::{Reply, message, message_with_id};
use super::{Collector, Output, Work};
use crate::monitor::history::seconds;
use crate::monitor::{Alert, Process};
use crate::service::report::Report;
use crate::stanza::{Role, ns, referring};
use crate::xml::{Element, element};
use jid::Jid;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// What processes explain.
const EXPLAINED: [&str; 4] = ["cpu", "memory", "swap", "pressure"];
/// Processes named.
const CULPRITS: usize = 3;
/// How long a message waits for their names.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a list of processes explains what fires.
const FRESH: Duration = Duration::from_secs(30);
/// A process below these shares is no culprit: of a core, percent; of memory, bytes.
const CULPRIT_CPU: f64 = 1.0;
const CULPRIT_MEMORY: f64 = 1_048_576.0;

/// The list of processes that a scan leaves behind.
pub(super) type Found = Arc<Mutex<Vec<Process>>>;

/// What is known of the processes that use most.
#[derive(Debug, Default)]
pub(super) struct Culprits {
    asked: Option<Duration>,
    known: Option<(Duration, Vec<Process>)>,
}

impl Collector {
    /// Tells what there is to be told by now.
    pub(super) fn tell(&mut self, now: Duration) -> Vec<Output> {
        let changes = self.board.lock().desk.take_changes();
        for change in &changes {
            self.notices.follow(change);
        }
        let mut outputs = self.announce(&changes);
        outputs.extend(self.raise(now));
        outputs.extend(self.correct(now));
        outputs.extend(self.send_again(now));
        outputs
    }

    /// New messages: of what is new, then of what nobody has acknowledged for too long.
    fn raise(&mut self, now: Duration) -> Vec<Output> {
        let (alerts, wall) = {
            let state = self.board.lock();
            let wall = state.wall(now);
            let loud: Vec<Alert> = state.desk.loud(wall).into_iter().cloned().collect();
            (loud, wall)
        };
        let loud: Vec<&Alert> = alerts.iter().collect();
        let news = self.notices.untold(&loud);
        let due = self.notices.due(&loud, now);
        if (news.is_empty() && due.is_empty()) || !self.notices.may_tell(now) {
            return Vec::new();
        }
        if let Some(scan) = self.scan(&news, now) {
            return scan.into_iter().collect();
        }
        let mut outputs = Vec::new();
        let known: BTreeSet<u64> = news.iter().map(|alert| alert.id).collect();
        let due: Vec<&Alert> = due.into_iter().filter(|alert| !known.contains(&alert.id)).collect();
        for (alerts, reminder) in [(news, false), (due, true)] {
            if !alerts.is_empty() {
                outputs.extend(self.told(&alerts, reminder, wall, now));
            }
        }
        outputs
    }

    /// Whether a message must wait for the names of processes; with the work that finds them, once.
    fn scan(&mut self, news: &[&Alert], now: Duration) -> Option<Option<Output>> {
        let explained = news.iter().any(|alert| EXPLAINED.contains(&alert.group()));
        let known = self.culprits.known.as_ref();
        if !explained || known.is_some_and(|(at, _)| now.saturating_sub(*at) < FRESH) {
            return None;
        }
        match self.culprits.asked {
            Some(asked) if now.saturating_sub(asked) < PATIENCE => Some(None),
            Some(asked) if now.saturating_sub(asked) < FRESH => None,
            _ => {
                self.culprits.asked = Some(now);
                Some(Some(self.find_processes()))
            }
        }
    }

    fn find_processes(&self) -> Output {
        let found = Found::default();
        let (processes, result) = (self.processes.clone(), found.clone());
        let job = Box::pin(async move {
            let mut processes = processes.lock_owned().await;
            let list = tokio::task::spawn_blocking(move || processes.culprits(usize::MAX)).await;
            *result.lock().unwrap_or_else(PoisonError::into_inner) = list.unwrap_or_default();
            Ok(Report::default())
        });
        let reply = Reply::Culprits(found);
        Output::Run(Work { job, reply })
    }

    /// The processes have been found: messages that waited for them go out.
    pub(super) fn found(&mut self, found: &Found) -> Vec<Output> {
        let list = found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(asked) = self.culprits.asked.take() else {
            return Vec::new();
        };
        self.culprits.known = Some((asked, list));
        self.tell(asked)
    }

    /// The processes that explain an alert.
    fn culprits_of(&self, alert: &Alert) -> String {
        let Some((_, list)) = self
            .culprits
            .known
            .as_ref()
            .filter(|_| EXPLAINED.contains(&alert.group()))
        else {
            return String::new();
        };
        let mut list: Vec<&Process> = list.iter().collect();
        let by_memory = matches!(alert.group(), "memory" | "swap");
        let share = |process: &Process| if by_memory { process.memory } else { process.cpu };
        list.retain(|process| share(process) >= if by_memory { CULPRIT_MEMORY } else { CULPRIT_CPU });
        list.sort_by(|a, b| share(b).total_cmp(&share(a)));
        let say = |process: &&Process| match by_memory {
            true => format!("{} {:.0} MiB", process.name, process.memory / 1_048_576.0),
            false => format!("{} {:.0}%", process.name, process.cpu),
        };
        list.iter().take(CULPRITS).map(say).collect::<Vec<_>>().join(", ")
    }

    fn told(&mut self, alerts: &[&Alert], reminder: bool, wall: SystemTime, now: Duration) -> Vec<Output> {
        let line = |alert: &&Alert| Line::new(alert, &self.culprits_of(alert));
        let lines: Vec<Line> = alerts.iter().map(line).collect();
        let to = self.addressees();
        let notice = self.notices.make(lines, to, reminder, seconds(wall), now).clone();
        notice.to.iter().map(|to| self.message_to(&notice, to)).collect()
    }

    /// Everybody who is to be told of alerts.
    fn addressees(&self) -> Vec<Addressee> {
        let accounts = self.directory.accounts(&self.options.chat_alerts).into_iter();
        let addressee = |account| {
            let role = self.watcher(&account)?;
            Some(Addressee {
                account,
                operator: role >= Role::Operator,
                bounces: 0,
                again: None,
            })
        };
        accounts.filter_map(addressee).collect()
    }

    /// The message under its own id: a client that has it already knows it again.
    fn message_to(&self, notice: &Notice, to: &Addressee) -> Output {
        Output::Send(self.telling(notice, to, &notice.id(), None))
    }

    fn telling(&self, notice: &Notice, to: &Addressee, id: &str, replaced: Option<&str>) -> Element {
        let reading = self.reading();
        let text = notice.text(&reading, to.operator);
        let mut stanza = message_with_id(&Jid::from(to.account.clone()), id, &text);
        // What must not get lost: kept by the archive and for those who are away, whatever else it holds (XEP-0334).
        stanza.append_child(element("store", ns::HINTS).build());
        if let Some(replaced) = replaced {
            stanza.append_child(referring::replace(replaced));
        }
        stanza
    }

    pub(super) fn reading(&self) -> Reading<'_> {
        Reading {
            host: &self.options.host,
            domain: self.jid.domain().as_str(),
            zone: self.options.zone,
        }
    }

    /// What was told and is out of date is corrected, for everybody who got it.
    fn correct(&mut self, now: Duration) -> Vec<Output> {
        let corrections = self.notices.corrections(now);
        let mut outputs = Vec::new();
        for notice in &corrections {
            let correction = |to: &Addressee| {
                let (id, original) = (notice.correction_id(), notice.id());
                Output::Send(self.telling(notice, to, &id, Some(&original)))
            };
            outputs.extend(notice.to.iter().map(correction));
        }
        outputs
    }

    /// What an earlier process has left unsent, and what came back.
    fn send_again(&mut self, now: Duration) -> Vec<Output> {
        let unsent = self.notices.unsent();
        let again = self.notices.retries(now);
        let first = unsent
            .iter()
            .flat_map(|notice| notice.to.iter().map(move |to| (notice, to)));
        let all = first.chain(again.iter().map(|(notice, to)| (notice, to)));
        all.map(|(notice, to)| self.message_to(notice, to)).collect()
    }

    /// A chat message to every account that is to be told of alerts.
    pub(super) fn tell_all(&self, text: &str) -> Vec<Output> {
        let to = |to: Addressee| Output::Send(message(&Jid::from(to.account), None, text));
        self.addressees().into_iter().map(to).collect()
    }
}
