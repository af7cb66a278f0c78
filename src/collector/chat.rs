//! Chat: the commands in words, for clients that have no forms; answers to messages about alerts.

use super::commands::acknowledge;
use super::reply::{Reply, message};
use super::{Collector, Output, Work};
use crate::service::command::{Caller, Job};
use crate::service::conversation::{Said, excuse};
use crate::stanza::referring::{Reference, encryption};
use crate::stanza::{Role, Stanza, ns};
use crate::xml::{CLIENT, Element};
use jid::{FullJid, Jid};
use std::time::Duration;

/// Bytes of a message that is read.
const BODY_BYTES_MAX: usize = 4 * 1024;
/// Reactions that take an alert over, whatever their skin tone.
const ASSENT: [char; 6] = ['👍', '👌', '✅', '✔', '🆗', '🫡'];

impl Collector {
    /// Answers a chat message. Group chat, headlines and messages without text are nobody's questions.
    pub(super) fn message(&mut self, stanza: &Stanza, from: &Jid, now: Duration) -> Vec<Output> {
        if stanza.type_attr().as_deref() == Some("error") {
            if let Some(id) = stanza.id() {
                self.notices.bounce(&id, &from.to_bare(), now);
            }
            return Vec::new();
        }
        if !matches!(stanza.type_attr().as_deref(), None | Some("chat" | "normal")) {
            return Vec::new();
        }
        let account = from.to_bare();
        let (Some(role), Ok(jid)) = (self.watcher(&account), FullJid::try_from(from.clone())) else {
            return Vec::new();
        };
        let tree = stanza.frame.to_element();
        let child = |name: &str| tree.get_child(name, CLIENT).map(Element::text);
        let talk = Talk {
            to: from,
            thread: child("thread").filter(|thread| !thread.is_empty()),
        };
        if let Some(name) = encryption(&tree) {
            return talk.say(&format!(
                "I cannot read encrypted messages ({name}). Please switch encryption off for this chat."
            ));
        }
        let caller = Caller { jid, role };
        if let Some(outputs) = self.answer_to_alert(&caller, &tree, &talk, now) {
            return outputs;
        }
        let Some(body) = child("body").filter(|body| !body.trim().is_empty()) else {
            return Vec::new();
        };
        if tree.get_child("delay", ns::DELAY).is_some() {
            return talk.say("That came late, so I did not act on it. Say it again.");
        }
        if body.len() > BODY_BYTES_MAX {
            return talk.say("That is too long for me.");
        }
        self.converse(&caller, body.trim(), &talk, now)
    }

    /// A reply (XEP-0461) or a reaction (XEP-0444) to a message about alerts means these alerts, even when it comes late.
    fn answer_to_alert(
        &mut self,
        caller: &Caller,
        tree: &Element,
        talk: &Talk<'_>,
        now: Duration,
    ) -> Option<Vec<Output>> {
        let (id, said) = match Reference::of(tree)? {
            Reference::Reaction(id, reactions) => {
                let assents = |reaction: &String| reaction.starts_with(ASSENT);
                (id, reactions.iter().any(assents).then(String::new)?)
            }
            Reference::Reply(id, said) => (id, said),
        };
        let is_late = tree.get_child("delay", ns::DELAY).is_some();
        let alerts = self.notices.answered(&id, &caller.jid.to_bare())?;
        let word = said.split_whitespace().next().unwrap_or_default();
        let meant = self.commands.meant(&said, caller.role);
        match meant.as_ref().map(|(command, _)| command.node()) {
            Some("mute") if alerts.len() == 1 && !is_late => {
                let rest = said.get(word.len()..).unwrap_or_default();
                let command = format!("mute {}{rest}", alerts[0]);
                Some(self.converse(caller, &command, talk, now))
            }
            Some(node) if node != "ack" && is_late => None,
            Some(node) if node != "ack" => Some(self.converse(caller, &said, talk, now)),
            meant => {
                let note = if meant.is_some() {
                    said.get(word.len()..).unwrap_or_default()
                } else {
                    &said
                };
                Some(self.acknowledge(caller, &alerts, note.trim(), talk, now))
            }
        }
    }

    /// The message corrects itself; only who is refused is answered.
    fn acknowledge(
        &mut self,
        caller: &Caller,
        alerts: &[u64],
        note: &str,
        talk: &Talk<'_>,
        now: Duration,
    ) -> Vec<Output> {
        if caller.role < Role::Operator {
            return talk.say("This needs the role operator.");
        }
        let reading = self.reading();
        let outcome = acknowledge(
            &mut self.board.lock(),
            alerts,
            &caller.jid.to_bare(),
            note,
            now,
            &reading,
        );
        match outcome.refused.is_empty() || !outcome.done.is_empty() {
            true => Vec::new(),
            false => talk.say(&outcome.refused.join("\n")),
        }
    }

    fn converse(&mut self, caller: &Caller, body: &str, talk: &Talk<'_>, now: Duration) -> Vec<Output> {
        let meant = self
            .commands
            .meant(body, caller.role)
            .map(|(command, _)| command.node().to_owned());
        match self.commands.say(caller, body, now) {
            Ok(Some(Said::Question(text) | Said::Refused(text))) => talk.say(&text),
            Ok(Some(Said::Done(report))) => {
                let outputs = talk.say(&report.to_text());
                self.log_command(caller, meant.as_deref(), now);
                outputs
            }
            Ok(Some(Said::Later(job))) => {
                self.log_command(caller, meant.as_deref(), now);
                vec![talk.later(job)]
            }
            Ok(None) => talk.say(&self.puzzled(body, caller.role)),
            Err(refusal) => {
                let mut outputs = talk.say(&excuse(&refusal));
                outputs.extend(meant.and_then(|node| self.audit_refusal(caller, &node, &refusal, now)));
                outputs
            }
        }
    }

    /// The nearest word there is, if one is near.
    fn puzzled(&self, body: &str, role: Role) -> String {
        let word = body.split_whitespace().next().unwrap_or_default().to_lowercase();
        let words = self.commands.allowed(role).map(|command| command.word());
        let nearest = words.map(|known| (distance(&word, known), known)).min();
        match nearest {
            Some((distance, known)) if distance <= 2 && distance * 2 < known.len() => {
                format!("I do not know '{word}'. Did you mean '{known}'?")
            }
            _ => "I do not understand that. Say 'help'.".to_owned(),
        }
    }
}

/// Whom the answers go to.
struct Talk<'a> {
    to: &'a Jid,
    thread: Option<String>,
}

impl Talk<'_> {
    fn say(&self, text: &str) -> Vec<Output> {
        vec![Output::Send(message(self.to, self.thread.as_deref(), text))]
    }

    fn later(&self, job: Job) -> Output {
        Output::Run(Work {
            job,
            reply: Reply::Chat(self.to.clone(), self.thread.clone()),
        })
    }
}

/// Letters to insert, remove, replace or swap with their neighbour, to make one word of another; words longer than any
/// of ours are far away.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(32).collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(rows[i][j - 1] + 1)
                .min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}
