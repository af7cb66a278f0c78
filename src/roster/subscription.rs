//! RFC 6121 appendix A: subscription states, as one pure transition function.

use serde::{Deserialize, Serialize};

/// Who receives whose presence, as the user sees it (RFC 6121 section 2.1.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subscription {
    /// Neither.
    #[default]
    None,
    /// The user receives the contact's.
    To,
    /// The contact receives the user's.
    From,
    /// Both.
    Both,
}

impl Subscription {
    fn new(to: bool, from: bool) -> Subscription {
        match (to, from) {
            (false, false) => Subscription::None,
            (true, false) => Subscription::To,
            (false, true) => Subscription::From,
            (true, true) => Subscription::Both,
        }
    }

    /// Whether the user receives the contact's presence.
    pub fn is_to(self) -> bool {
        matches!(self, Subscription::To | Subscription::Both)
    }

    /// Whether the contact receives the user's presence.
    pub fn is_from(self) -> bool {
        matches!(self, Subscription::From | Subscription::Both)
    }

    /// The value of the attribute `subscription`.
    pub fn as_str(self) -> &'static str {
        match self {
            Subscription::None => "none",
            Subscription::To => "to",
            Subscription::From => "from",
            Subscription::Both => "both",
        }
    }
}

/// A subscription with what is pending (RFC 6121 appendix A.1) or approved beforehand (section 3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct State {
    /// The subscription.
    pub subscription: Subscription,
    /// The user has asked and waits for the contact: `ask='subscribe'`.
    pub pending_out: bool,
    /// The contact has asked and waits for the user.
    pub pending_in: bool,
    /// The contact's next request is approved already: `approved='true'`. Kept until used or cancelled.
    pub approved: bool,
}

/// The four presence types that manage subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// `subscribe`
    Subscribe,
    /// `subscribed`
    Subscribed,
    /// `unsubscribe`
    Unsubscribe,
    /// `unsubscribed`
    Unsubscribed,
}

impl Request {
    /// Reads the `type` of a presence stanza.
    pub fn parse(text: &str) -> Option<Request> {
        Some(match text {
            "subscribe" => Request::Subscribe,
            "subscribed" => Request::Subscribed,
            "unsubscribe" => Request::Unsubscribe,
            "unsubscribed" => Request::Unsubscribed,
            _ => return None,
        })
    }

    /// The `type` of the presence stanza.
    pub fn as_str(self) -> &'static str {
        match self {
            Request::Subscribe => "subscribe",
            Request::Subscribed => "subscribed",
            Request::Unsubscribe => "unsubscribe",
            Request::Unsubscribed => "unsubscribed",
        }
    }
}

/// Which way a subscription stanza passes the user's server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the user to the contact.
    Outbound,
    /// From the contact to the user.
    Inbound,
}

/// What a subscription stanza leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The state after it.
    pub state: State,
    /// Outbound: the stanza is routed to the contact. Inbound: it is delivered to the user.
    pub pass: bool,
    /// What the server answers the contact at once, on the user's behalf, from the user's bare JID.
    pub reply: Option<Request>,
    /// What the roster shows has changed, so interested resources are pushed the item.
    pub push: bool,
}

impl Transition {
    /// The stanza has no effect at all.
    pub fn ignored(state: State) -> Transition {
        Transition {
            state,
            pass: false,
            reply: None,
            push: false,
        }
    }
}

impl State {
    /// What must be routed to the contact when the item is removed (RFC 6121 section 2.5.2): `unsubscribe` for a
    /// subscription that the user has or asked for, `unsubscribed` for one that the contact has or asked for (section
    /// 3.2: a request that waits is denied).
    pub fn cancellations(self) -> Vec<Request> {
        let unsubscribe = (self.subscription.is_to() || self.pending_out).then_some(Request::Unsubscribe);
        let unsubscribed = (self.subscription.is_from() || self.pending_in).then_some(Request::Unsubscribed);
        unsubscribe.into_iter().chain(unsubscribed).collect()
    }

    fn with_to(self, to: bool) -> State {
        State {
            subscription: Subscription::new(to, self.subscription.is_from()),
            pending_out: false,
            ..self
        }
    }

    fn with_from(self, from: bool) -> State {
        State {
            subscription: Subscription::new(self.subscription.is_to(), from),
            pending_in: false,
            approved: false,
            ..self
        }
    }
}

/// Tables 2 to 9 of RFC 6121 appendix A, with pre-approval (section 3.4). Where a table says SHOULD NOT, it is not done.
pub fn transition(state: State, direction: Direction, request: Request) -> Transition {
    match direction {
        Direction::Outbound => outbound(state, request),
        Direction::Inbound => inbound(state, request),
    }
}

fn outbound(before: State, request: Request) -> Transition {
    let from_side = before.subscription.is_from() || before.pending_in;
    let (state, pass) = match request {
        // Table 2: always routed, so that two servers that disagree find together again.
        Request::Subscribe if before.subscription.is_to() => (before, true),
        Request::Subscribe => (
            State {
                pending_out: true,
                ..before
            },
            true,
        ),
        // Table 3.
        Request::Unsubscribe => (before.with_to(false), true),
        // Table 4; the notes: section 3.4.2.
        Request::Subscribed if before.pending_in => (before.with_from(true), true),
        Request::Subscribed if before.subscription.is_from() => (before, false),
        Request::Subscribed => (
            State {
                approved: true,
                ..before
            },
            false,
        ),
        // Table 5; cancels a pre-approval.
        Request::Unsubscribed => (before.with_from(false), from_side),
    };
    Transition {
        state,
        pass,
        reply: None,
        push: shown(before) != shown(state),
    }
}

fn inbound(before: State, request: Request) -> Transition {
    let (state, pass, reply) = match request {
        // Table 6; `subscribed` again mends a contact's server that has forgotten.
        Request::Subscribe if before.subscription.is_from() => (before, false, Some(Request::Subscribed)),
        Request::Subscribe if before.approved => (before.with_from(true), false, Some(Request::Subscribed)),
        Request::Subscribe if before.pending_in => (before, false, None),
        Request::Subscribe => (
            State {
                pending_in: true,
                ..before
            },
            true,
            None,
        ),
        // Table 7; a pre-approval is the user's and stays.
        Request::Unsubscribe if before.subscription.is_from() || before.pending_in => {
            let approved = before.approved;
            let state = State {
                approved,
                ..before.with_from(false)
            };
            (state, true, Some(Request::Unsubscribed))
        }
        // Table 8.
        Request::Subscribed if before.pending_out => (before.with_to(true), true, None),
        // Table 9.
        Request::Unsubscribed if before.pending_out || before.subscription.is_to() => {
            (before.with_to(false), true, None)
        }
        _ => (before, false, None),
    };
    Transition {
        state,
        pass,
        reply,
        push: shown(before) != shown(state),
    }
}

/// What a roster item shows of a state: everything but an inbound request.
fn shown(state: State) -> (Subscription, bool, bool) {
    (state.subscription, state.pending_out, state.approved)
}

#[cfg(test)]
mod tests {
    use super::Direction::{Inbound, Outbound};
    use super::Request::{Subscribe, Subscribed, Unsubscribe, Unsubscribed};
    use super::*;

    /// The nine states of appendix A.1, in its order, with a short name (N, T, F, B; o, i: pending out, in), and the three
    /// in which a request is approved beforehand (section 3.4.2: a).
    const STATES: [&str; 12] = ["N", "No", "Ni", "Noi", "T", "Ti", "F", "Fo", "B", "Na", "Noa", "Ta"];

    fn state(name: &str) -> State {
        State {
            subscription: match name.as_bytes()[0] {
                b'N' => Subscription::None,
                b'T' => Subscription::To,
                b'F' => Subscription::From,
                _ => Subscription::Both,
            },
            pending_out: name.contains('o'),
            pending_in: name.contains('i'),
            approved: name.contains('a'),
        }
    }

    /// Tables 2 to 9, transcribed row by row: for each existing state, `yes` or `no` (routed or delivered), the new
    /// state, and the automatic reply. The last three of each follow sections 3.2.2 and 3.4.2.
    #[rustfmt::skip]
    const TABLES: [(Direction, Request, [&str; 12]); 8] = [
        (Outbound, Subscribe, [
            "yes No", "yes No", "yes Noi", "yes Noi", "yes T", "yes Ti", "yes Fo", "yes Fo", "yes B",
            "yes Noa", "yes Noa", "yes Ta",
        ]),
        (Outbound, Unsubscribe, [
            "yes N", "yes N", "yes Ni", "yes Ni", "yes N", "yes Ni", "yes F", "yes F", "yes F",
            "yes Na", "yes Na", "yes Na",
        ]),
        (Outbound, Subscribed, [
            "no Na", "no Noa", "yes F", "yes Fo", "no Ta", "yes B", "no F", "no Fo", "no B",
            "no Na", "no Noa", "no Ta",
        ]),
        (Outbound, Unsubscribed, [
            "no N", "no No", "yes N", "yes No", "no T", "yes T", "yes N", "yes No", "yes T",
            "no N", "no No", "no T",
        ]),
        (Inbound, Subscribe, [
            "yes Ni", "yes Noi", "no Ni", "no Noi", "yes Ti", "no Ti",
            "no F subscribed", "no Fo subscribed", "no B subscribed",
            "no F subscribed", "no Fo subscribed", "no B subscribed",
        ]),
        (Inbound, Unsubscribe, [
            "no N", "no No", "yes N unsubscribed", "yes No unsubscribed", "no T", "yes T unsubscribed",
            "yes N unsubscribed", "yes No unsubscribed", "yes T unsubscribed",
            "no Na", "no Noa", "no Ta",
        ]),
        (Inbound, Subscribed, [
            "no N", "yes T", "no Ni", "yes Ti", "no T", "no Ti", "no F", "yes B", "no B",
            "no Na", "yes Ta", "no Ta",
        ]),
        (Inbound, Unsubscribed, [
            "no N", "yes N", "no Ni", "yes Ni", "yes N", "yes Ni", "no F", "yes F", "yes F",
            "no Na", "yes Na", "yes Na",
        ]),
    ];

    #[test]
    fn s07_every_state_and_stanza_follows_appendix_a() {
        for (direction, request, rows) in TABLES {
            for (before, row) in STATES.iter().zip(rows) {
                let got = transition(state(before), direction, request);
                let mut words = row.split(' ');
                let case = format!("{direction:?} {request:?} in {before}");
                assert_eq!(got.pass, words.next() == Some("yes"), "{case}");
                assert_eq!(got.state, state(words.next().unwrap()), "{case}");
                assert_eq!(got.reply, words.next().and_then(Request::parse), "{case}");
                let visible = |state: State| State {
                    pending_in: false,
                    ..state
                };
                assert_eq!(got.push, visible(got.state) != visible(state(before)), "{case}");
            }
        }
    }

    #[test]
    fn a_pre_approval_answers_the_request_and_can_be_cancelled() {
        for (before, after) in [("Na", "F"), ("Noa", "Fo"), ("Ta", "B")] {
            let got = transition(state(before), Inbound, Subscribe);
            assert_eq!((got.state, got.pass, got.push), (state(after), false, true));
            assert_eq!(got.reply, Some(Subscribed));
            let cancelled = transition(state(before), Outbound, Unsubscribed);
            assert_eq!(cancelled.state, state(&before.replace('a', "")));
            assert!(!cancelled.pass && cancelled.push);
            let again = transition(state(before), Outbound, Subscribed);
            assert_eq!(again, Transition::ignored(state(before)));
            let withdrawn = transition(state(before), Inbound, Unsubscribe);
            assert_eq!(withdrawn, Transition::ignored(state(before)));
        }
    }

    #[test]
    fn removal_cancels_both_ways() {
        let sent = |name: &str| state(name).cancellations();
        assert_eq!(sent("N"), []);
        assert_eq!(sent("No"), [Unsubscribe]);
        assert_eq!(sent("Ni"), [Unsubscribed]);
        assert_eq!(sent("Ti"), [Unsubscribe, Unsubscribed]);
        assert_eq!(sent("B"), [Unsubscribe, Unsubscribed]);
    }
}
