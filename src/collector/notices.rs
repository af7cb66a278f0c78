//! The messages about alerts: which there are, which are due, which must be corrected. Kept over a restart, so that none
//! is lost and old ones can still be answered.

use super::notice::{Addressee, Line, Notice};
use crate::monitor::{Alert, Change, Event, Life, Memory, Severity, Write};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// The series in [`Memory`].
const SERIES: &str = "notices";
/// New messages to each addressee in a minute; what comes faster is told together.
const PACE: usize = 3;
const MINUTE: Duration = Duration::from_secs(60);
/// Between two corrections of one message that nobody waits for.
const CORRECTIONS: Duration = Duration::from_secs(10);
/// Before a message that came back is sent again; twice as long each time.
const RETRY: Duration = Duration::from_secs(60);
/// How often one is sent again.
const BOUNCES_MAX: u32 = 10;

/// The messages.
pub(super) struct Notices {
    memory: Arc<dyn Memory>,
    list: BTreeMap<u64, Notice>,
    /// The number of the newest.
    last: u64,
    notices_max: usize,
    /// When each alert was last told of, monotonic, and how bad it was.
    told: BTreeMap<u64, (Duration, Severity)>,
    /// When the last messages went out.
    pace: VecDeque<Duration>,
    /// Messages to be corrected, and whether somebody waits for it.
    stale: BTreeMap<u64, bool>,
    corrected: BTreeMap<u64, Duration>,
    /// Messages handed over that the server has by now.
    handed: BTreeSet<u64>,
}

impl Notices {
    /// The messages of earlier processes.
    pub(super) fn new(memory: Arc<dyn Memory>, notices_max: usize) -> Notices {
        let read = |number| {
            let notice = serde_json::from_slice::<Notice>(&memory.read(SERIES, number)?).ok()?;
            Some((number, notice))
        };
        let list: BTreeMap<u64, Notice> = memory.numbers(SERIES).into_iter().filter_map(read).collect();
        let last = list.last_key_value().map_or(0, |(last, _)| *last);
        Notices {
            memory,
            list,
            last,
            notices_max: notices_max.max(1),
            told: BTreeMap::new(),
            pace: VecDeque::new(),
            stale: BTreeMap::new(),
            corrected: BTreeMap::new(),
            handed: BTreeSet::new(),
        }
    }

    /// The severity at which people were last told of an alert that is not over.
    fn told(&self, alert: u64) -> Option<Severity> {
        if let Some((_, severity)) = self.told.get(&alert) {
            return Some(*severity);
        }
        let lines = self.list.values().flat_map(|notice| &notice.lines);
        let lines = lines.filter(|line| line.alert == alert && !line.is_over());
        lines.map(|line| line.severity).max()
    }

    /// Of these alerts, those that people must be told of: new, worse than they were told, or no longer muted.
    pub(super) fn untold<'a>(&self, loud: &[&'a Alert]) -> Vec<&'a Alert> {
        let news = |alert: &&&Alert| {
            alert.life == Life::Firing && self.told(alert.id).is_none_or(|told| told < alert.severity)
        };
        loud.iter().filter(news).copied().collect()
    }

    /// Of these alerts, those that nobody has acknowledged for as long as their rules wait, and with them those whose
    /// half of that has passed: one reminder for all.
    pub(super) fn due<'a>(&mut self, loud: &[&'a Alert], now: Duration) -> Vec<&'a Alert> {
        for alert in loud {
            if let Some(severity) = self.told(alert.id) {
                self.told.entry(alert.id).or_insert((now, severity));
            }
        }
        let waited = |alert: &Alert| {
            let told = self.told.get(&alert.id).map_or(now, |(told, _)| *told);
            let waits = alert.life == Life::Firing && !alert.repeat.is_zero();
            waits.then(|| now.saturating_sub(told).as_secs_f64() / alert.repeat.as_secs_f64())
        };
        let since = |share: f64| {
            loud.iter()
                .filter(move |alert| waited(alert).is_some_and(|waited| waited >= share))
        };
        match since(1.0).next() {
            Some(_) => since(0.5).copied().collect(),
            None => Vec::new(),
        }
    }

    /// Whether one more message may go out now.
    pub(super) fn may_tell(&mut self, now: Duration) -> bool {
        self.pace.retain(|sent| now.saturating_sub(*sent) < MINUTE);
        self.pace.len() < PACE
    }

    /// A new message; kept before it goes out.
    pub(super) fn make(
        &mut self,
        lines: Vec<Line>,
        to: Vec<Addressee>,
        reminder: bool,
        made: u64,
        now: Duration,
    ) -> &Notice {
        self.pace.push_back(now);
        for line in &lines {
            self.told.insert(line.alert, (now, line.severity));
        }
        if reminder {
            self.supersede(&lines);
        }
        while self.list.len() >= self.notices_max {
            self.forget();
        }
        self.last += 1;
        let number = self.last;
        let notice = Notice {
            number,
            made,
            revision: 0,
            reminder,
            sent: false,
            superseded: false,
            lines,
            to,
        };
        self.save(&notice);
        self.handed.insert(number);
        self.corrected.insert(number, now);
        self.list.entry(number).insert_entry(notice).into_mut()
    }

    /// Earlier reminders of the same alerts are left as they are.
    fn supersede(&mut self, lines: &[Line]) {
        let same = |notice: &Notice| {
            notice
                .lines
                .iter()
                .any(|line| lines.iter().any(|new| new.alert == line.alert))
        };
        for notice in self.list.values_mut() {
            notice.superseded |= notice.reminder && same(notice);
        }
    }

    /// The oldest goes, if possible one whose alerts are over.
    fn forget(&mut self) {
        let over = self.list.values().find(|notice| notice.is_over());
        let Some(number) = over.or(self.list.values().next()).map(|notice| notice.number) else {
            return;
        };
        if self.list.remove(&number).is_some_and(|notice| !notice.is_over()) {
            tracing::warn!(
                limit = self.notices_max,
                "a message about alerts is forgotten: limits.alert_messages"
            );
        }
        self.stale.remove(&number);
        self.corrected.remove(&number);
        self.handed.remove(&number);
        self.memory.write(vec![Write {
            series: SERIES,
            number,
            record: None,
        }]);
    }

    fn save(&self, notice: &Notice) {
        self.memory.write(vec![Write {
            series: SERIES,
            number: notice.number,
            record: serde_json::to_vec(notice).ok(),
        }]);
    }

    /// Something has become of an alert: the messages about it are out of date. One that gets worse is told anew.
    pub(super) fn follow(&mut self, change: &Change) {
        let worse = matches!(change.event, Event::Changed(from) if from < change.alert.severity);
        if worse || change.event == Event::Raised {
            return;
        }
        let waits = change.event == Event::Acknowledged;
        for notice in self.list.values_mut().filter(|notice| !notice.superseded) {
            let lines = notice
                .lines
                .iter_mut()
                .filter(|line| line.alert == change.alert.id && !line.is_over());
            for line in lines {
                line.follow(&change.alert);
                *self.stale.entry(notice.number).or_default() |= waits;
            }
        }
        if change.event == Event::Cleared {
            self.told.remove(&change.alert.id);
        }
    }

    /// What the server has been handed by now is sent.
    pub(super) fn settle(&mut self) {
        for number in std::mem::take(&mut self.handed) {
            if let Some(notice) = self.list.get_mut(&number) {
                notice.sent = true;
                let notice = notice.clone();
                self.save(&notice);
            }
        }
    }

    /// The messages that are to be corrected now, as they are after it.
    pub(super) fn corrections(&mut self, now: Duration) -> Vec<Notice> {
        let due = |number: &u64, waits: bool| {
            let last = self.corrected.get(number).copied();
            waits || last.is_none_or(|last| now.saturating_sub(last) >= CORRECTIONS)
        };
        let numbers: Vec<u64> = self
            .stale
            .iter()
            .filter(|(number, waits)| due(number, **waits))
            .map(|(number, _)| *number)
            .collect();
        let mut corrected = Vec::new();
        for number in numbers {
            self.stale.remove(&number);
            self.corrected.insert(number, now);
            let Some(notice) = self.list.get_mut(&number) else {
                continue;
            };
            notice.revision += 1;
            let notice = notice.clone();
            self.save(&notice);
            corrected.push(notice);
        }
        corrected
    }

    /// What an earlier process has made, and perhaps not sent: to be sent again.
    pub(super) fn unsent(&mut self) -> Vec<Notice> {
        let unsent = self
            .list
            .values()
            .filter(|notice| !notice.sent && !self.handed.contains(&notice.number));
        let unsent: Vec<Notice> = unsent.cloned().collect();
        self.handed.extend(unsent.iter().map(|notice| notice.number));
        unsent
    }

    /// A message came back from an account: it is sent again later, unless it is over or came back too often.
    pub(super) fn bounce(&mut self, id: &str, from: &jid::BareJid, now: Duration) {
        let notice = self.list.values_mut().find(|notice| notice.has_id(id));
        let Some(notice) = notice.filter(|notice| !notice.is_over()) else {
            return;
        };
        let addressees = notice
            .to
            .iter_mut()
            .filter(|to| to.account == *from && to.bounces < BOUNCES_MAX);
        for to in addressees {
            to.again = Some(now + RETRY * 2u32.pow(to.bounces));
            to.bounces += 1;
            tracing::warn!(account = %to.account, bounces = to.bounces, "a message about an alert came back");
        }
    }

    /// What came back, and is due again: the message, and to whom.
    pub(super) fn retries(&mut self, now: Duration) -> Vec<(Notice, Addressee)> {
        let mut due = Vec::new();
        for notice in self.list.values_mut() {
            let snapshot = notice.clone();
            let again = |to: &&mut Addressee| to.again.is_some_and(|again| again <= now);
            for to in notice.to.iter_mut().filter(again) {
                to.again = None;
                due.push((snapshot.clone(), to.clone()));
            }
        }
        due.retain(|(notice, _)| !notice.is_over());
        due
    }

    /// The alerts that a message with this id, told to that account, is about.
    pub(super) fn answered(&self, id: &str, by: &jid::BareJid) -> Option<Vec<u64>> {
        let notice = self.list.values().find(|notice| notice.has_id(id))?;
        let told = notice.to.iter().any(|to| to.account == *by);
        told.then(|| notice.lines.iter().map(|line| line.alert).collect())
    }
}
