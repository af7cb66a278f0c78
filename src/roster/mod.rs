//! The roster and its subscriptions (RFC 6121 sections 2 and 3, appendix A), without I/O.

mod subscription;

pub use subscription::{Direction, Request, State, Subscription, Transition, transition};

use jid::BareJid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bounds on one roster; `usize::MAX` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Items that clients see.
    pub items_max: usize,
    /// Bytes in an item's name.
    pub name_bytes_max: usize,
    /// Groups of one item.
    pub groups_max: usize,
    /// Bytes in a group's name.
    pub group_bytes_max: usize,
    /// Inbound subscription requests that wait for an answer; what comes beyond them is ignored.
    pub requests_max: usize,
}

impl Limits {
    /// 1000 items, names of 256 bytes, 32 groups of 256 bytes, 50 requests.
    pub const DEFAULT: Limits = Limits {
        items_max: 1_000,
        name_bytes_max: 256,
        groups_max: 32,
        group_bytes_max: 256,
        requests_max: 50,
    };
}

/// One contact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The handle that the user gave the contact (RFC 6121 section 2.1.2.4).
    pub name: Option<String>,
    /// The groups, in the order of the roster set (RFC 6121 section 2.1.2.6).
    pub groups: Vec<String>,
    /// The subscription both ways, with what is pending.
    pub state: State,
    /// What the server wrote into an item of its own making; `None` for one that the user made. As long as name and groups
    /// are these, the server may write others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provided: Option<Provided>,
    /// Whether the item is in the roster that clients see. A mere inbound request is noted without one (RFC 6121
    /// appendix A.1, "None + Pending In").
    pub listed: bool,
}

/// What the server calls a contact, and where it puts it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provided {
    /// The handle.
    pub name: Option<String>,
    /// The groups.
    pub groups: Vec<String>,
}

impl Item {
    /// An item of the server's making: in the roster, seen both ways.
    pub fn provided(provided: Provided) -> Item {
        Item {
            name: provided.name.clone(),
            groups: provided.groups.clone(),
            state: State {
                subscription: Subscription::Both,
                ..State::default()
            },
            provided: Some(provided),
            listed: true,
        }
    }

    /// The item once the server has made the two see each other: a name and groups that the user chose stay.
    pub fn befriended(self, provided: Provided) -> Item {
        let is_servers = self
            .provided
            .as_ref()
            .is_some_and(|before| before.name == self.name && before.groups == self.groups);
        let made = Item::provided(provided);
        match self.listed && !is_servers {
            true => Item {
                state: made.state,
                ..self
            },
            false => made,
        }
    }
}

/// An account's contacts and their version.
///
/// Invariant: an item is listed, or its state says that a request is pending in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    items: BTreeMap<BareJid, Item>,
    version: u64,
}

/// Why a roster set is refused (RFC 6121 section 2.3.3); the doc line names the stanza error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `not-acceptable`
    #[error("the name is too long")]
    NameTooLong,
    /// `not-acceptable`
    #[error("a group's name is too long")]
    GroupTooLong,
    /// `not-acceptable`
    #[error("a group's name is empty")]
    GroupEmpty,
    /// `bad-request`
    #[error("a group is named twice")]
    GroupTwice,
    /// `resource-constraint`
    #[error("the item has too many groups")]
    TooManyGroups,
    /// `resource-constraint`
    #[error("the roster is full")]
    TooManyItems,
}

impl Roster {
    /// A roster as it was stored. The version must be above every version that this account's clients may have cached.
    pub fn new(items: impl IntoIterator<Item = (BareJid, Item)>, version: u64) -> Roster {
        Roster {
            items: items.into_iter().collect(),
            version,
        }
    }

    /// The version (RFC 6121 section 2.6): an opaque number to clients, larger after each change that they see.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Everything known of a contact, listed or not.
    pub fn get(&self, contact: &BareJid) -> Option<&Item> {
        self.items.get(contact)
    }

    /// The state of a contact; unknown ones are "None".
    pub fn state(&self, contact: &BareJid) -> State {
        self.items.get(contact).map(|item| item.state).unwrap_or_default()
    }

    /// The items that clients see.
    pub fn listed(&self) -> impl Iterator<Item = (&BareJid, &Item)> {
        self.items.iter().filter(|(_, item)| item.listed)
    }

    /// The items that count towards [`Limits::items_max`]: the user's own.
    fn own_count(&self) -> usize {
        self.listed().filter(|(_, item)| item.provided.is_none()).count()
    }

    /// Contacts whose subscription request waits for the user's answer.
    pub fn pending_in(&self) -> impl Iterator<Item = &BareJid> {
        self.items
            .iter()
            .filter(|(_, item)| item.state.pending_in)
            .map(|(contact, _)| contact)
    }

    /// Contacts that receive the user's presence.
    pub fn subscribers(&self) -> impl Iterator<Item = &BareJid> {
        self.items
            .iter()
            .filter(|(_, item)| item.state.subscription.is_from())
            .map(|(contact, _)| contact)
    }

    /// Contacts whose presence the user receives.
    pub fn subscriptions(&self) -> impl Iterator<Item = &BareJid> {
        self.items
            .iter()
            .filter(|(_, item)| item.state.subscription.is_to())
            .map(|(contact, _)| contact)
    }

    /// A roster set (RFC 6121 sections 2.3 and 2.4): adds or changes name and groups, leaves the subscription alone.
    /// Whether the contact is the user itself is the caller's to check. A push is due.
    ///
    /// # Errors
    /// When a limit is exceeded; the roster is unchanged.
    pub fn set(
        &mut self,
        contact: &BareJid,
        name: Option<String>,
        groups: Vec<String>,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        check(name.as_deref(), &groups, limits)?;
        let known = self.items.get(contact).is_some_and(|item| item.listed);
        if !known && self.own_count() >= limits.items_max {
            return Err(Refusal::TooManyItems);
        }
        let item = self.items.entry(contact.clone()).or_default();
        item.name = name.filter(|name| !name.is_empty());
        item.groups = groups;
        item.listed = true;
        self.version += 1;
        Ok(())
    }

    /// Puts an item there as the server's own doing: the collector in an admin's roster. No limit applies.
    pub fn insert(&mut self, contact: BareJid, item: Item) {
        self.items.insert(contact, item);
        self.version += 1;
    }

    /// Removes a contact (RFC 6121 section 2.5) and returns what it was; the caller sends what section 2.5.2 asks for:
    /// [`State::cancellations`]. A push is due when the item was listed; `None`: `item-not-found`.
    pub fn remove(&mut self, contact: &BareJid) -> Option<Item> {
        let item = self.items.remove(contact)?;
        self.version += u64::from(item.listed);
        Some(item)
    }

    /// Runs a subscription stanza to (outbound) or from (inbound) a contact through appendix A, keeps the outcome, and
    /// returns it. A new item that only an outbound stanza makes (RFC 6121 sections 3.1.2 and 3.4.2) counts towards
    /// [`Limits::items_max`]; a request beyond [`Limits::requests_max`] leaves no trace.
    ///
    /// # Errors
    /// [`Refusal::TooManyItems`] for outbound stanzas alone.
    pub fn apply(
        &mut self,
        contact: &BareJid,
        direction: Direction,
        request: Request,
        limits: &Limits,
    ) -> Result<Transition, Refusal> {
        let before = self.items.get(contact).cloned().unwrap_or_default();
        let mut outcome = transition(before.state, direction, request);
        let asks = outcome.state.pending_in && !before.state.pending_in;
        if asks && self.pending_in().count() >= limits.requests_max {
            return Ok(Transition::ignored(before.state));
        }
        let listed = before.listed || outcome.push;
        if listed && !before.listed && direction == Direction::Outbound && self.own_count() >= limits.items_max {
            return Err(Refusal::TooManyItems);
        }
        outcome.push = outcome.push && listed;
        self.version += u64::from(outcome.push);
        self.keep(contact, before, outcome.state, listed);
        Ok(outcome)
    }

    fn keep(&mut self, contact: &BareJid, item: Item, state: State, listed: bool) {
        if listed || state.pending_in {
            self.items.insert(contact.clone(), Item { state, listed, ..item });
        } else {
            self.items.remove(contact);
        }
    }
}

fn check(name: Option<&str>, groups: &[String], limits: &Limits) -> Result<(), Refusal> {
    if name.is_some_and(|name| name.len() > limits.name_bytes_max) {
        return Err(Refusal::NameTooLong);
    }
    if groups.len() > limits.groups_max {
        return Err(Refusal::TooManyGroups);
    }
    for (index, group) in groups.iter().enumerate() {
        match group.len() {
            0 => return Err(Refusal::GroupEmpty),
            bytes if bytes > limits.group_bytes_max => return Err(Refusal::GroupTooLong),
            _ if groups[..index].contains(group) => return Err(Refusal::GroupTwice),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(items_max: usize) -> Limits {
        Limits {
            items_max,
            ..Limits::DEFAULT
        }
    }

    fn contact(name: &str) -> BareJid {
        BareJid::new(&format!("{name}@mon.example")).unwrap()
    }

    #[test]
    fn a_request_from_a_stranger_is_noted_without_a_roster_item() {
        let mut roster = Roster::default();
        let outcome = roster
            .apply(&contact("a"), Direction::Inbound, Request::Subscribe, &of(10))
            .unwrap();
        assert!(outcome.pass && !outcome.push);
        assert_eq!(roster.listed().count(), 0);
        assert_eq!(roster.pending_in().count(), 1);
        assert_eq!(roster.version(), 0);
        // Withdrawn: nothing is left of it.
        let outcome = roster
            .apply(&contact("a"), Direction::Inbound, Request::Unsubscribe, &of(10))
            .unwrap();
        assert!(outcome.pass && !outcome.push);
        assert_eq!(roster, Roster::default());
    }

    #[test]
    fn approving_a_stranger_creates_the_item() {
        let mut roster = Roster::default();
        roster
            .apply(&contact("a"), Direction::Inbound, Request::Subscribe, &of(10))
            .unwrap();
        let outcome = roster
            .apply(&contact("a"), Direction::Outbound, Request::Subscribed, &of(10))
            .unwrap();
        assert!(outcome.pass && outcome.push);
        assert_eq!(roster.listed().count(), 1);
        assert_eq!(roster.subscribers().collect::<Vec<_>>(), [&contact("a")]);
        assert_eq!(roster.version(), 1);
    }

    #[test]
    fn s08_requests_beyond_the_limit_leave_no_trace() {
        let mut roster = Roster::default();
        for number in 0..Limits::DEFAULT.requests_max + 10 {
            let from = contact(&format!("a{number}"));
            let outcome = roster
                .apply(&from, Direction::Inbound, Request::Subscribe, &of(10))
                .unwrap();
            assert_eq!(outcome.pass, number < Limits::DEFAULT.requests_max);
        }
        assert_eq!(roster.pending_in().count(), Limits::DEFAULT.requests_max);
    }

    #[test]
    fn s09_sets_beyond_the_limits_are_refused_and_change_nothing() {
        let mut roster = Roster::default();
        let long = "x".repeat(257);
        let group = |name: &str| vec![name.to_owned()];
        let many = (0..33).map(|number| format!("g{number}")).collect::<Vec<_>>();
        let twice = vec!["g".to_owned(), "g".to_owned()];
        let a = contact("a");
        assert_eq!(
            roster.set(&a, Some(long.clone()), vec![], &of(10)),
            Err(Refusal::NameTooLong)
        );
        assert_eq!(roster.set(&a, None, group(&long), &of(10)), Err(Refusal::GroupTooLong));
        assert_eq!(roster.set(&a, None, group(""), &of(10)), Err(Refusal::GroupEmpty));
        assert_eq!(roster.set(&a, None, many, &of(10)), Err(Refusal::TooManyGroups));
        assert_eq!(roster.set(&a, None, twice, &of(10)), Err(Refusal::GroupTwice));
        assert_eq!(roster.set(&a, None, vec![], &of(0)), Err(Refusal::TooManyItems));
        assert_eq!(
            roster.apply(&a, Direction::Outbound, Request::Subscribe, &of(0)),
            Err(Refusal::TooManyItems)
        );
        assert_eq!(roster, Roster::default());
        // A full roster can still be edited and answer requests.
        roster.set(&a, None, vec![], &of(1)).unwrap();
        roster.set(&a, Some("A".into()), group("g"), &of(1)).unwrap();
        roster
            .apply(&a, Direction::Outbound, Request::Subscribe, &of(1))
            .unwrap();
        assert_eq!(roster.listed().count(), 1);
    }

    #[test]
    fn s07_a_set_leaves_the_subscription_alone() {
        let mut roster = Roster::default();
        let a = contact("a");
        roster
            .apply(&a, Direction::Outbound, Request::Subscribe, &of(10))
            .unwrap();
        let state = roster.state(&a);
        roster
            .set(&a, Some("Ada".into()), vec!["Friends".into()], &of(10))
            .unwrap();
        assert_eq!(roster.state(&a), state);
        assert!(state.pending_out);
        let removed = roster.remove(&a).unwrap();
        assert_eq!(removed.name.as_deref(), Some("Ada"));
        assert_eq!(roster.version(), 3);
        assert!(roster.remove(&a).is_none());
    }
}
