//! Chat: the commands in words, for clients that have no forms.

use super::reply::{Reply, message};
use super::{Collector, Output, Work};
use crate::service::command::{Caller, Job};
use crate::service::conversation::{Said, excuse};
use crate::stanza::{Role, Stanza, ns};
use crate::xml::{CLIENT, Element};
use jid::{FullJid, Jid};
use std::time::Duration;

/// Bytes of a message that is read.
const BODY_BYTES_MAX: usize = 4 * 1024;
/// Namespaces of end-to-end encryption, legacy and present (XEP-0384).
const OMEMO: [&str; 2] = ["eu.siacs.conversations.axolotl", "urn:xmpp:omemo:2"];

impl Collector {
    /// Answers a chat message. Errors, group chat, headlines and messages without text are nobody's questions.
    pub(super) fn message(&mut self, stanza: &Stanza, from: &Jid, now: Duration) -> Vec<Output> {
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
        if tree.children().any(|child| OMEMO.contains(&child.ns().as_str())) {
            return talk.say("I cannot read encrypted messages. Please switch encryption off for this chat.");
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
        self.converse(&Caller { jid, role }, body.trim(), &talk, now)
    }

    fn converse(&mut self, caller: &Caller, body: &str, talk: &Talk<'_>, now: Duration) -> Vec<Output> {
        let word = body.split_whitespace().next().unwrap_or_default().to_lowercase();
        if !self.commands.is_asked(caller, now) {
            match word.as_str() {
                "help" | "?" => return talk.say(&self.help(caller.role)),
                "status" => return talk.say(&self.state().1),
                _ => {}
            }
        }
        match self.commands.say(caller, body, now) {
            Ok(Some(Said::Question(text) | Said::Refused(text))) => talk.say(&text),
            Ok(Some(Said::Done(report))) => talk.say(&report.to_text()),
            Ok(Some(Said::Later(job))) => vec![talk.later(job)],
            Ok(None) => talk.say(&self.puzzled(&word, caller.role)),
            Err(refusal) => {
                let mut outputs = talk.say(&excuse(&refusal));
                let node = self.commands.by_word(&word).map(|command| command.node().to_owned());
                outputs.extend(node.and_then(|node| self.audit_refusal(caller, &node, &refusal, now)));
                outputs
            }
        }
    }

    fn help(&self, role: Role) -> String {
        let own = [("help", "this list"), ("status", "how the host is")];
        let mut lines = vec![format!("I speak for {}. Say:", self.options.host)];
        lines.extend(own.iter().map(|(word, help)| format!("  {word} - {help}")));
        lines.extend(self.commands.allowed(role).map(|command| {
            let words = [command.word(), command.usage()].join(" ");
            format!("  {} - {}", words.trim_end(), command.help())
        }));
        lines.join("\n")
    }

    /// The nearest word there is, if one is near.
    fn puzzled(&self, word: &str, role: Role) -> String {
        let words = self.commands.allowed(role).map(|command| command.word());
        let nearest = words
            .chain(["help", "status"])
            .map(|known| (distance(word, known), known))
            .min();
        match nearest {
            Some((distance, known)) if distance <= 2 && distance < known.len() => {
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
fn distance(a: &str, b: &str) -> usize {
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
