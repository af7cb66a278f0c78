//! XEP-0115: Entity Capabilities, as the server learns them from its sessions.
//!
//! A `ver` is asked for once, of one session, whoever else presents it meanwhile; what it stands for is believed only if
//! its hash is right, and then remembered, across restarts too. Anything else (no hash, an unknown hash, a wrong one) is
//! at most believed of the one session that said it, which can so deceive nobody but itself.

mod known;
mod questions;

use crate::router::{Context, Module, Session, Status, Xep};
use crate::service::disco::Info;
use crate::stanza::ns;
use crate::xml::{Build, Element, Frame, element};
use jid::FullJid;
use known::{Features, Key, Known};
use questions::{Action, Advertisement, Questions};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of an answer, serialised, that is worth reading.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// Features in an answer that is worth reading.
const FEATURES_MAX: usize = 256;

/// Learns what sessions can do.
#[derive(Debug, Default)]
pub struct Caps {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: Known,
    questions: Questions,
}

impl Module for Caps {
    fn xeps(&self) -> &'static [Xep] {
        &[Xep {
            number: "XEP-0115",
            title: "Entity Capabilities",
            version: "1.6.0",
            status: Status::Complete,
        }]
    }

    fn server_features(&self) -> &'static [&'static str] {
        &[ns::CAPS]
    }

    fn handle_response(&self, cx: &Context<'_>, from: &FullJid, _: &str, payload: Option<&Element>) {
        let info = payload
            .filter(|payload| is_bounded(payload))
            .and_then(Info::from_element);
        let info = info.filter(|info| info.features.len() <= FEATURES_MAX);
        let (actions, verified) = {
            let State { known, questions } = &mut *self.state();
            questions.answered(from, info.as_ref(), known)
        };
        if let Some((key, features)) = verified {
            key.save(cx.store(), &features);
        }
        self.act(cx, actions);
    }

    fn presence_available(&self, cx: &Context<'_>, session: &Session, presence: &Frame, _: bool) {
        let advertisement = advertisement(presence);
        let key = advertisement.as_ref().and_then(Advertisement::key);
        let saved = key.and_then(|key| self.recall(cx, key));
        let actions = {
            let State { known, questions } = &mut *self.state();
            if let Some((key, features)) = saved {
                known.insert(key, features);
            }
            questions.advertised(session.jid(), advertisement, known)
        };
        self.act(cx, actions);
    }

    fn presence_unavailable(&self, cx: &Context<'_>, session: &Session, _: &Frame) {
        let actions = self.state().questions.gone(session.jid());
        self.act(cx, actions);
    }
}

impl Caps {
    /// The state: never held while the context is called, which may call hooks.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the store remembers of a hash that memory does not.
    fn recall(&self, cx: &Context<'_>, key: Key) -> Option<(Key, Features)> {
        if self.state().known.contains(&key) {
            return None;
        }
        let features = key.load(cx.store())?;
        Some((key, features))
    }

    fn act(&self, cx: &Context<'_>, actions: Vec<Action>) {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Learn(session, features) => cx.set_caps(&session, features),
                Action::Ask(session, node) => {
                    if !self.ask(cx, &session, node.as_deref()) {
                        let State { known, questions } = &mut *self.state();
                        actions.extend(questions.answered(&session, None, known).0);
                    }
                }
            }
        }
    }

    /// Asks a session; `false` when it cannot be asked.
    fn ask(&self, cx: &Context<'_>, jid: &FullJid, node: Option<&str>) -> bool {
        let sessions = cx.sessions(&jid.to_bare());
        let Some(session) = sessions.iter().find(|session| session.jid() == jid) else {
            return false;
        };
        let query = element("query", ns::DISCO_INFO).with_some("node", node).build();
        cx.request(self, session, query).is_ok()
    }
}

fn is_bounded(payload: &Element) -> bool {
    Frame::from_element(payload).bytes().len() <= ANSWER_BYTES_MAX
}

fn advertisement(presence: &Frame) -> Option<Advertisement> {
    let index = presence
        .children()
        .position(|child| child.name == "c" && child.ns == ns::CAPS)?;
    Advertisement::from_element(&presence.child_element(index)?)
}

#[cfg(test)]
mod tests {
    use crate::modules::dialogue::{advertise, answer, client_info, client_ver, events, present, question};
    use crate::router::bench::{Bench, Client};

    /// Whether the server knows that a client wants its own account's node `f`.
    fn is_known(client: &Client) -> bool {
        client.elements();
        let publish = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='f'><item><a xmlns='a'/></item>\
                       </publish></pubsub>";
        client.send(&["<iq type='set' id='p'>", publish, "</iq>"].concat());
        !events(client).is_empty()
    }

    #[test]
    fn a_hash_is_known_after_a_restart() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        assert!(present(&ada, &["f+notify"]), "the first is asked");
        assert!(!present(&bench.online("bob/desk"), &["f+notify"]), "the second is not");
        drop(ada);
        let bench = bench.restart();
        let bob = bench.online("bob/desk");
        assert!(!present(&bob, &["f+notify"]), "nor is anybody after a restart");
        assert!(is_known(&bob));
    }

    #[test]
    fn s04_only_the_one_who_was_asked_answers() {
        let bench = Bench::new();
        let (ada, eve) = (bench.online("ada/desk"), bench.online("eve/desk"));
        advertise(&ada, &client_ver(&["f+notify"]));
        let id = question(&ada).expect("an unknown hash");
        for guess in [id.as_str(), "1", "ask"] {
            answer(&eve, guess, &client_info(&["f+notify"]));
        }
        assert!(!is_known(&ada));
        answer(&ada, "1", &client_info(&["f+notify"]));
        assert!(!is_known(&ada));
        answer(&ada, &id, &client_info(&["f+notify"]));
        assert!(is_known(&ada));
    }

    #[test]
    fn p03_an_answer_out_of_all_proportion_is_not_read() {
        let bench = Bench::new();
        let many: Vec<String> = (0..300).map(|number| number.to_string()).collect();
        let long = (10..27)
            .map(|number: u8| number.to_string() + &"x".repeat(1024))
            .collect();
        for (name, others, expected) in [
            ("ada/desk", many, false),
            ("bob/desk", long, false),
            ("eve/desk", vec![], true),
        ] {
            let client = bench.online(name);
            let features: Vec<&str> = others.iter().map(String::as_str).chain(["f+notify"]).collect();
            assert!(present(&client, &features));
            assert_eq!(is_known(&client), expected, "{name}");
        }
    }
}
