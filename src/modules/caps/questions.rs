//! Who presents which capabilities, and who is being asked about them. Knows neither router nor store: events go in,
//! actions come out.

use super::known::{Features, Key, Known};
use crate::service::caps::{Algorithm, ver};
use crate::service::disco::Info;
use crate::xml::Element;
use jid::FullJid;
use std::collections::{HashMap, hash_map::Entry};
use std::sync::Arc;

/// Bytes of `node` and `ver` together; longer ones are treated as no capabilities.
const ADVERTISEMENT_BYTES_MAX: usize = 1_024;

/// What a session's presence says (XEP-0115 section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertisement {
    node: String,
    ver: String,
    hash: Option<String>,
}

impl Advertisement {
    /// Reads `<c/>`; `None` when it lacks what is required, or is oversized.
    pub fn from_element(c: &Element) -> Option<Advertisement> {
        let (node, ver) = (c.attr("node")?, c.attr("ver")?);
        let hash = c.attr("hash").map(str::to_owned);
        let bytes = node.len() + ver.len() + hash.as_ref().map_or(0, String::len);
        (bytes <= ADVERTISEMENT_BYTES_MAX).then(|| Advertisement {
            node: node.to_owned(),
            ver: ver.to_owned(),
            hash,
        })
    }

    /// The key to remember it by: `None` when it has no hash that we verify.
    pub fn key(&self) -> Option<Key> {
        let algorithm = Algorithm::from_name(self.hash.as_deref()?)?;
        Some(Key {
            algorithm,
            ver: self.ver.clone(),
        })
    }

    /// The node to ask for (XEP-0115 section 6.2). Legacy capabilities spread over several nodes: there the entity
    /// itself is asked.
    fn node(&self) -> Option<String> {
        self.hash
            .as_ref()
            .map(|_| [self.node.as_str(), self.ver.as_str()].join("#"))
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A session's features are known, or no longer known.
    Learn(FullJid, Option<Features>),
    /// Ask a session about a node, or about itself.
    Ask(FullJid, Option<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// An answer, its own or another's, is awaited.
    Awaited,
    /// It was learnt.
    Learnt,
    /// No answer, or a bad one: its next presence asks again.
    Failed,
}

/// What an answer is worth.
enum Verdict {
    /// The hash is right: it holds for everybody.
    Verified(Key, Features),
    /// Well-formed, but its hash is wrong or not ours to check: it holds for the one who said it.
    Claimed(Features),
    /// Ill-formed, or none.
    Worthless,
}

/// Bounded by the number of available sessions: each has one entry, at most one open question, and waits for at most
/// one hash.
#[derive(Debug, Default)]
pub struct Questions {
    sessions: HashMap<FullJid, (Advertisement, Standing)>,
    /// Open questions: what the session presented when it was asked.
    asked: HashMap<FullJid, Advertisement>,
    /// Sessions that wait for the answer of another. A key is here while somebody is being asked about it.
    waiting: HashMap<Key, Vec<FullJid>>,
}

impl Questions {
    /// A session's presence presents capabilities, or none.
    pub fn advertised(&mut self, jid: &FullJid, new: Option<Advertisement>, known: &mut Known) -> Vec<Action> {
        let Some(new) = new else {
            self.forget(jid);
            return vec![Action::Learn(jid.clone(), None)];
        };
        match self.sessions.get(jid) {
            Some((old, Standing::Awaited | Standing::Learnt)) if *old == new => Vec::new(),
            _ => {
                self.forget(jid);
                self.resolve(jid, new, known)
            }
        }
    }

    /// A session answered its question, or did not (`None`). The second value is a hash to be saved.
    pub fn answered(
        &mut self,
        jid: &FullJid,
        info: Option<&Info>,
        known: &mut Known,
    ) -> (Vec<Action>, Option<(Key, Features)>) {
        let Some(question) = self.asked.remove(jid) else {
            return (Vec::new(), None);
        };
        let mut saved = None;
        let mut actions = match judge(&question, info) {
            Verdict::Verified(key, features) => {
                known.insert(key.clone(), features.clone());
                saved = Some((key.clone(), features.clone()));
                let mut waiters = self.waiting.remove(&key).unwrap_or_default();
                waiters.retain(|waiter| waiter != jid);
                let mut actions = self.learn(jid, &question, Some(&features));
                for waiter in waiters {
                    actions.extend(self.learn(&waiter, &question, Some(&features)));
                }
                actions
            }
            Verdict::Claimed(features) => self.learn_alone(jid, &question, Some(&features)),
            Verdict::Worthless => self.learn_alone(jid, &question, None),
        };
        // What it has presented since it was asked comes next.
        if let Some((current, Standing::Awaited)) = self.sessions.get(jid) {
            let current = current.clone();
            self.forget(jid);
            actions.extend(self.resolve(jid, current, known));
        }
        (actions, saved)
    }

    /// A session is no longer available. An open question stays open, until it is answered or the router gives up on it:
    /// the session can be asked nothing else meanwhile.
    pub fn gone(&mut self, jid: &FullJid) -> Vec<Action> {
        self.forget(jid);
        vec![Action::Learn(jid.clone(), None)]
    }

    /// Drops what a session presented.
    fn forget(&mut self, jid: &FullJid) {
        let Some((old, _)) = self.sessions.remove(jid) else {
            return;
        };
        if let Some(waiters) = old.key().and_then(|key| self.waiting.get_mut(&key)) {
            waiters.retain(|waiter| waiter != jid);
        }
    }

    fn resolve(&mut self, jid: &FullJid, new: Advertisement, known: &mut Known) -> Vec<Action> {
        let key = new.key();
        if let Some(features) = key.as_ref().and_then(|key| known.get(key)) {
            self.sessions.insert(jid.clone(), (new, Standing::Learnt));
            return vec![Action::Learn(jid.clone(), Some(features))];
        }
        self.sessions.insert(jid.clone(), (new, Standing::Awaited));
        if let Some(waiters) = key.and_then(|key| self.waiting.get_mut(&key)) {
            waiters.push(jid.clone());
            return Vec::new();
        }
        self.ask(jid).into_iter().collect()
    }

    /// Asks a session about what it presents, unless its answer to an older question is still awaited.
    fn ask(&mut self, jid: &FullJid) -> Option<Action> {
        let (advertisement, _) = self.sessions.get(jid)?;
        let Entry::Vacant(question) = self.asked.entry(jid.clone()) else {
            return None;
        };
        question.insert(advertisement.clone());
        if let Some(key) = advertisement.key() {
            self.waiting.entry(key).or_default();
        }
        Some(Action::Ask(jid.clone(), advertisement.node()))
    }

    /// A question to a session came to nothing for the others: the next who presents the same is asked. Those who cannot be asked now
    /// have an open question, whose answer brings their turn.
    fn ask_next(&mut self, jid: &FullJid, question: &Advertisement) -> Option<Action> {
        let mut waiters = self
            .waiting
            .remove(&question.key()?)?
            .into_iter()
            .filter(|waiter| waiter != jid);
        let action = waiters.find_map(|waiter| self.ask(&waiter))?;
        if let Some(others) = self.waiting.get_mut(&question.key()?) {
            others.extend(waiters);
        }
        Some(action)
    }

    fn learn_alone(&mut self, jid: &FullJid, question: &Advertisement, features: Option<&Features>) -> Vec<Action> {
        let mut actions = self.learn(jid, question, features);
        actions.extend(self.ask_next(jid, question));
        actions
    }

    /// A session's features are known, if it still presents what the question was about.
    fn learn(&mut self, jid: &FullJid, question: &Advertisement, features: Option<&Features>) -> Vec<Action> {
        match self.sessions.get_mut(jid) {
            Some((current, standing)) if current == question || is_same_hash(current, question) => {
                *standing = if features.is_some() {
                    Standing::Learnt
                } else {
                    Standing::Failed
                };
                vec![Action::Learn(jid.clone(), features.cloned())]
            }
            _ => Vec::new(),
        }
    }
}

/// Whether two advertisements, perhaps of different nodes, name the same hash.
fn is_same_hash(a: &Advertisement, b: &Advertisement) -> bool {
    a.key().is_some() && a.key() == b.key()
}

fn judge(question: &Advertisement, info: Option<&Info>) -> Verdict {
    let Some(info) = info else {
        return Verdict::Worthless;
    };
    let features = || Arc::new(info.features.iter().cloned().collect());
    let key = question.key();
    let algorithm = key.as_ref().map_or(Algorithm::Sha1, |key| key.algorithm);
    match (ver(info, algorithm), key) {
        (Err(_), _) => Verdict::Worthless,
        (Ok(ver), Some(key)) if ver == key.ver => Verdict::Verified(key, features()),
        (Ok(_), _) => Verdict::Claimed(features()),
    }
}

#[cfg(test)]
mod tests;
