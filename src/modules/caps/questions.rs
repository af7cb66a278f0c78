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
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn jid(text: &str) -> FullJid {
        FullJid::new(text).expect("a JID")
    }

    fn info(feature: &str) -> Info {
        Info::new(None).identity("client", "pc", "x").features([feature])
    }

    fn hashed(info: &Info) -> Advertisement {
        let ver = ver(info, Algorithm::Sha1).expect("well-formed");
        Advertisement {
            node: "n".to_owned(),
            ver,
            hash: Some("sha-1".to_owned()),
        }
    }

    fn features(feature: &str) -> Option<Features> {
        Some(Arc::new(BTreeSet::from([feature.to_owned()])))
    }

    fn ask(session: &str, advertisement: &Advertisement) -> Action {
        Action::Ask(jid(session), advertisement.node())
    }

    fn learn(session: &str, feature: &str) -> Action {
        Action::Learn(jid(session), features(feature))
    }

    #[test]
    fn a_hash_is_asked_for_once_and_holds_for_all_who_present_it() {
        let (mut questions, mut known, f) = (Questions::default(), Known::default(), info("f"));
        let c = hashed(&f);
        assert_eq!(
            questions.advertised(&jid("a@x/1"), Some(c.clone()), &mut known),
            [ask("a@x/1", &c)]
        );
        assert_eq!(questions.advertised(&jid("b@x/1"), Some(c.clone()), &mut known), []);
        assert_eq!(
            questions.advertised(&jid("a@x/1"), Some(c.clone()), &mut known),
            [],
            "a repeated presence"
        );

        let (actions, saved) = questions.answered(&jid("a@x/1"), Some(&f), &mut known);
        assert_eq!(actions, [learn("a@x/1", "f"), learn("b@x/1", "f")]);
        assert_eq!(saved.map(|(key, _)| key), c.key());
        assert_eq!(
            questions.advertised(&jid("d@x/1"), Some(c), &mut known),
            [learn("d@x/1", "f")]
        );
    }

    #[test]
    fn p01_a_wrong_answer_poisons_nobody_else() {
        let (mut questions, mut known, truth) = (Questions::default(), Known::default(), info("truth"));
        let c = hashed(&truth);
        questions.advertised(&jid("liar@x/1"), Some(c.clone()), &mut known);
        questions.advertised(&jid("b@x/1"), Some(c.clone()), &mut known);

        let (actions, saved) = questions.answered(&jid("liar@x/1"), Some(&info("lie")), &mut known);
        assert_eq!(actions, [learn("liar@x/1", "lie"), ask("b@x/1", &c)]);
        assert!(saved.is_none() && known.get(&c.key().expect("a hash")).is_none());
        let (actions, saved) = questions.answered(&jid("b@x/1"), Some(&truth), &mut known);
        assert_eq!(actions, [learn("b@x/1", "truth")]);
        assert!(saved.is_some());
    }

    #[test]
    fn p01_legacy_capabilities_never_meet_the_hashed_ones() {
        let (mut questions, mut known, f) = (Questions::default(), Known::default(), info("f"));
        let legacy = Advertisement {
            hash: None,
            ..hashed(&f)
        };
        let actions = questions.advertised(&jid("a@x/1"), Some(legacy), &mut known);
        assert_eq!(actions, [Action::Ask(jid("a@x/1"), None)]);
        let (actions, saved) = questions.answered(&jid("a@x/1"), Some(&f), &mut known);
        assert_eq!((actions, saved), (vec![learn("a@x/1", "f")], None));
        assert!(known.get(&hashed(&f).key().expect("a hash")).is_none());
    }

    #[test]
    fn p02_an_ill_formed_answer_tells_nothing() {
        let (mut questions, mut known, mut f) = (Questions::default(), Known::default(), info("f"));
        questions.advertised(&jid("a@x/1"), Some(hashed(&f)), &mut known);
        f.features.push("f".to_owned());
        let (actions, saved) = questions.answered(&jid("a@x/1"), Some(&f), &mut known);
        assert_eq!((actions, saved), (vec![Action::Learn(jid("a@x/1"), None)], None));
    }

    #[test]
    fn p03_a_flood_of_hashes_leaves_one_question_and_one_entry_a_session() {
        let (mut questions, mut known) = (Questions::default(), Known::default());
        let mut asked = 0;
        for n in 0..10_000 {
            let c = hashed(&info(&n.to_string()));
            asked += questions.advertised(&jid("a@x/1"), Some(c), &mut known).len();
        }
        assert_eq!(asked, 1);
        assert_eq!(
            (questions.sessions.len(), questions.asked.len(), questions.waiting.len()),
            (1, 1, 1)
        );

        let (actions, _) = questions.answered(&jid("a@x/1"), None, &mut known);
        assert_eq!(
            actions,
            [ask("a@x/1", &hashed(&info("9999")))],
            "what it presents now comes next"
        );
        assert_eq!(questions.waiting.len(), 1);
        assert_eq!(questions.gone(&jid("a@x/1")), [Action::Learn(jid("a@x/1"), None)]);
        assert_eq!(questions.answered(&jid("a@x/1"), None, &mut known).0, []);
        assert_eq!(
            (questions.sessions.len(), questions.asked.len(), questions.waiting.len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn p04_an_unknown_hash_function_is_asked_per_session() {
        let (mut questions, mut known, f) = (Questions::default(), Known::default(), info("f"));
        let md5 = Advertisement {
            hash: Some("md5".to_owned()),
            ..hashed(&f)
        };
        for session in ["a@x/1", "b@x/1"] {
            assert_eq!(
                questions.advertised(&jid(session), Some(md5.clone()), &mut known),
                [ask(session, &md5)]
            );
        }
    }

    #[test]
    fn when_the_one_asked_goes_the_next_is_asked() {
        let (mut questions, mut known, f) = (Questions::default(), Known::default(), info("f"));
        let c = hashed(&f);
        for session in ["a@x/1", "b@x/1", "c@x/1"] {
            questions.advertised(&jid(session), Some(c.clone()), &mut known);
        }
        assert_eq!(questions.gone(&jid("a@x/1")), [Action::Learn(jid("a@x/1"), None)]);
        assert_eq!(
            questions.answered(&jid("a@x/1"), None, &mut known).0,
            [ask("b@x/1", &c)]
        );
        assert_eq!(
            questions.answered(&jid("a@x/1"), Some(&f), &mut known).0,
            [],
            "too late"
        );
        let (actions, _) = questions.answered(&jid("b@x/1"), Some(&f), &mut known);
        assert_eq!(actions, [learn("b@x/1", "f"), learn("c@x/1", "f")]);
    }

    #[test]
    fn a_presence_without_capabilities_takes_them_back() {
        let (mut questions, mut known, f) = (Questions::default(), Known::default(), info("f"));
        questions.advertised(&jid("a@x/1"), Some(hashed(&f)), &mut known);
        let actions = questions.advertised(&jid("a@x/1"), None, &mut known);
        assert_eq!(actions, [Action::Learn(jid("a@x/1"), None)]);
        assert_eq!(
            questions.answered(&jid("a@x/1"), Some(&f), &mut known).0,
            [],
            "nobody presents it any more"
        );
    }
}
