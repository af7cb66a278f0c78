//! Subscriptions between accounts of this domain (RFC 6121 section 3), and every other change of a roster.
//!
//! Both rosters change in one batch, and both parties are told at once, while no other roster changes. What either is
//! told comes in the RFC's order: unavailable presence from those it may no longer see, the subscription stanza, the
//! roster push, then presence from those it may now see.

use super::rosters::{refused, refused_by_store};
use super::sender::{Sender, Target};
use super::{Session, Shared, locked, presence};
use crate::roster::{Direction, Item, Request, Roster, State, Subscription};
use crate::stanza::{Condition, Stanza, StanzaError};
use crate::store::{Batch, Ticket};
use crate::xml::{Address, Build, CLIENT, Rope, element};
use jid::{BareJid, Jid};
use std::sync::Arc;

/// Bytes of a stored request; of a longer one only the asking is kept (RFC 6121 section 3.1.3, security warning).
const REQUEST_BYTES_MAX: usize = 4096;

/// One party to a change: its roster, and what it is told.
struct Party {
    account: BareJid,
    roster: Roster,
    before: State,
    told: Vec<Request>,
    push: bool,
}

/// The user whose doing it is, and the contact, unless there is no such account.
struct Change {
    user: Party,
    contact: Option<Party>,
    with: BareJid,
}

/// Routes a subscription stanza from a session. To an account that does not exist it does to the user's roster what it
/// would do otherwise, and nothing else: nobody learns who exists.
pub(super) fn route(shared: &Shared, session: &Arc<Session>, stanza: &Stanza, to: &Jid, request: Request) {
    let contact = to.to_bare();
    let outcome = match Target::of(shared.domain(), to) {
        Target::Abroad => Err(Condition::RemoteServerNotFound.into()),
        Target::Server => Ok(()),
        // Everyone sees their own presence anyway (section 4.2.2).
        _ if contact == *session.account() => Ok(()),
        _ if request == Request::Subscribe && !locked(&session.state).may_ask(shared.now()) => {
            Err(Condition::ResourceConstraint.into())
        }
        _ => request_change(shared, session, stanza, &contact, request),
    };
    if let Err(error) = outcome {
        Sender::session(session).refuse(stanza, &error);
    }
}

fn request_change(
    shared: &Shared,
    session: &Arc<Session>,
    stanza: &Stanza,
    contact: &BareJid,
    request: Request,
) -> Result<(), StanzaError> {
    let account = session.account();
    let held = shared.rosters.hold();
    let mut change = Change::new(shared, account, contact);
    let items_max = shared.options.roster_items_max;
    let outcome = change
        .user
        .roster
        .apply(contact, Direction::Outbound, request, items_max);
    let outcome = outcome.map_err(refused)?;
    change.user.push |= outcome.push;
    if outcome.pass {
        change.tell_contact(request);
    }
    let address = Address {
        from: Some(account.as_str()),
        to: Some(contact.as_str()),
        lang: session.lang(),
        standalone: true,
    };
    let rope = stanza.frame.deliver(&address, &[], &[]);
    change.submit(shared, Some((request, &rope)))?;
    change.announce(shared, Some((request, &rope)));
    drop(held);
    change.hooks(shared, Some(session));
    Ok(())
}

/// A roster set (section 2.3): name and groups; the subscription stays as it is.
///
/// # Errors
/// Those of section 2.3.3.
pub(super) fn set_item(
    shared: &Shared,
    account: &BareJid,
    contact: &BareJid,
    name: Option<String>,
    groups: Vec<String>,
) -> Result<Ticket, StanzaError> {
    let _held = shared.rosters.hold();
    let mut user = Party::new(shared, account, contact);
    let items_max = shared.options.roster_items_max;
    user.roster.set(contact, name, groups, items_max).map_err(refused)?;
    user.push = true;
    let change = Change {
        user,
        contact: None,
        with: contact.clone(),
    };
    let ticket = change.submit(shared, None)?;
    change.announce(shared, None);
    Ok(ticket)
}

/// Removes an item (section 2.5), and with it the subscriptions both ways.
///
/// # Errors
/// `item-not-found` when there is none.
pub(super) fn remove_item(shared: &Shared, account: &BareJid, contact: &BareJid) -> Result<Ticket, StanzaError> {
    let held = shared.rosters.hold();
    let mut change = Change::new(shared, account, contact);
    let listed = change.user.roster.get(contact).is_some_and(|item| item.listed);
    if !listed {
        return Err(Condition::ItemNotFound.into());
    }
    let ticket = change.remove(shared)?;
    drop(held);
    change.hooks(shared, None);
    Ok(ticket)
}

/// Cancels everything between an account that goes and its contacts.
pub(super) fn remove_all(shared: &Shared, account: &BareJid) {
    let roster = shared.roster(account);
    let contacts = roster.listed().map(|(contact, _)| contact).chain(roster.pending_in());
    for contact in contacts {
        let held = shared.rosters.hold();
        let mut change = Change::new(shared, account, contact);
        let removed = change.remove(shared);
        drop(held);
        match removed {
            Ok(_) => change.hooks(shared, None),
            Err(error) => tracing::warn!(
                ?error,
                contact = contact.as_str(),
                "a subscription outlives its account"
            ),
        }
    }
}

/// Makes two accounts see each other, as the server's own doing.
///
/// # Errors
/// When the store takes no more.
pub(super) fn provision(
    shared: &Shared,
    owner: &BareJid,
    contact: &BareJid,
    name: Option<String>,
    groups: Vec<String>,
) -> Result<Ticket, StanzaError> {
    let held = shared.rosters.hold();
    let mut change = Change::new(shared, owner, contact);
    change.user.befriend(contact, name, groups);
    if let Some(other) = &mut change.contact {
        other.befriend(owner, None, Vec::new());
    }
    let ticket = change.submit(shared, None)?;
    change.announce(shared, None);
    drop(held);
    change.hooks(shared, None);
    Ok(ticket)
}

/// Delivers the requests that wait for an answer, to a session that has just become available (section 3.1.3).
pub(super) fn remind(shared: &Shared, session: &Session) {
    for (_, stanza) in shared.store.rosters().requests(session.node()) {
        session.sink().push(Rope::from(stanza), None);
    }
}

fn plain(request: Request, from: &BareJid, to: &BareJid) -> Rope {
    let presence = element("presence", CLIENT)
        .with("type", request.as_str())
        .with("from", from.as_str())
        .with("to", to.as_str());
    super::shared::rope(&presence.build())
}

impl Party {
    fn new(shared: &Shared, account: &BareJid, with: &BareJid) -> Party {
        let roster = (*shared.roster(account)).clone();
        Party {
            account: account.clone(),
            before: roster.state(with),
            roster,
            told: Vec::new(),
            push: false,
        }
    }

    /// A stanza from the other one; returns what the server answers it at once. Only outbound stanzas can be refused,
    /// so that a refusal here has no effect.
    fn receive(&mut self, with: &BareJid, request: Request) -> Option<Request> {
        let outcome = self.roster.apply(with, Direction::Inbound, request, usize::MAX).ok()?;
        self.push |= outcome.push;
        if outcome.pass {
            self.told.push(request);
        }
        outcome.reply
    }

    fn befriend(&mut self, with: &BareJid, name: Option<String>, groups: Vec<String>) {
        let known = self.roster.get(with).filter(|item| item.listed).cloned();
        let state = State {
            subscription: Subscription::Both,
            ..State::default()
        };
        let item = known.unwrap_or_else(|| Item {
            name,
            groups,
            listed: true,
            state,
        });
        self.roster.insert(with.clone(), Item { state, ..item });
        self.push = true;
    }
}

impl Change {
    fn new(shared: &Shared, account: &BareJid, contact: &BareJid) -> Change {
        let exists = shared.account_exists(contact);
        Change {
            user: Party::new(shared, account, contact),
            contact: exists.then(|| Party::new(shared, contact, account)),
            with: contact.clone(),
        }
    }

    /// Section 2.5.2.
    fn remove(&mut self, shared: &Shared) -> Result<Ticket, StanzaError> {
        if let Some(item) = self.user.roster.remove(&self.with) {
            self.user.push = item.listed;
            for request in item.state.cancellations() {
                self.tell_contact(request);
            }
        }
        let ticket = self.submit(shared, None)?;
        self.announce(shared, None);
        Ok(ticket)
    }

    /// The contact receives a stanza, and the user what the contact's server answers.
    fn tell_contact(&mut self, request: Request) {
        let Some(contact) = &mut self.contact else {
            return;
        };
        if let Some(reply) = contact.receive(&self.user.account, request) {
            // An answer is never answered: only requests are.
            self.user.receive(&self.with, reply);
        }
    }

    /// Both parties, each with the other's JID.
    fn parties(&self) -> impl Iterator<Item = (&Party, &BareJid)> {
        let contact = self.contact.as_ref().map(|contact| (contact, &self.user.account));
        contact.into_iter().chain([(&self.user, &self.with)])
    }

    /// Hands both rosters to the store in one batch.
    fn submit(&self, shared: &Shared, sent: Option<(Request, &Rope)>) -> Result<Ticket, StanzaError> {
        let mut batch = Batch::new();
        let rosters = shared.store.rosters();
        for (party, with) in self.parties() {
            let Some(node) = shared.local_node(&party.account) else {
                continue;
            };
            rosters.save(&mut batch, node, &party.roster, with);
            if let Some((Request::Subscribe, rope)) = sent
                && party.told.contains(&Request::Subscribe)
            {
                let stanza = if rope.len() > REQUEST_BYTES_MAX {
                    plain(Request::Subscribe, with, &party.account).to_bytes()
                } else {
                    rope.to_bytes()
                };
                rosters.put_request(&mut batch, node, with, &stanza);
            }
        }
        let ticket = shared.store.submit(batch).map_err(|error| refused_by_store(&error))?;
        for (party, _) in self.parties() {
            shared.rosters.replace(&party.account, party.roster.clone());
        }
        Ok(ticket)
    }

    /// Tells both parties' resources.
    fn announce(&self, shared: &Shared, sent: Option<(Request, &Rope)>) {
        for (party, with) in self.parties() {
            if party.before.subscription.is_from() && !party.sees_me(with) {
                presence::withdraw(shared, &party.account, with);
            }
        }
        for (party, with) in self.parties() {
            for request in &party.told {
                let rope = match sent {
                    Some((sent, rope)) if sent == *request && party.account == self.with => rope.clone(),
                    _ => plain(*request, with, &party.account),
                };
                deliver(shared, &party.account, *request, &rope);
            }
            if party.push {
                shared.push_item(&party.account, &party.roster, with);
            }
        }
        for (party, with) in self.parties() {
            if !party.before.subscription.is_from() && party.sees_me(with) {
                presence::grant(shared, &party.account, with);
            }
        }
    }

    /// Tells the modules. No lock is held.
    fn hooks(&self, shared: &Shared, origin: Option<&Arc<Session>>) {
        for (party, with) in self.parties() {
            if party.before == party.roster.state(with) {
                continue;
            }
            let received = party.before.subscription.is_from();
            let receives = party.sees_me(with);
            shared.each(origin, |module, cx| {
                module.subscription_changed(cx, &party.account, with, received, receives);
            });
        }
    }
}

impl Party {
    /// Whether the other one now receives this one's presence.
    fn sees_me(&self, with: &BareJid) -> bool {
        self.roster.state(with).subscription.is_from()
    }
}

/// A request goes to the available resources, an answer to the interested ones (sections 3.1.3, 3.1.6, 3.2.3, 3.3.3).
fn deliver(shared: &Shared, account: &BareJid, request: Request, rope: &Rope) {
    for session in shared.sessions_of(account).iter() {
        let hears = match request {
            Request::Subscribe => session.is_available(),
            _ => session.is_interested(),
        };
        if hears {
            session.sink().push(rope.clone(), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::REQUEST_BYTES_MAX;
    use crate::roster::REQUESTS_MAX;
    use crate::router::bench::{Bench, Client, account};
    use crate::router::{Context, Module};
    use jid::BareJid;
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    fn presence(client: &Client, kind: &str, to: &str) {
        client.send(&format!("<presence type='{kind}' to='{to}@@' id='1'/>"));
    }

    #[test]
    fn a_subscription_is_asked_for_granted_and_cancelled() {
        let bench = Bench::new();
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        presence(&ada, "subscribe", "bob");
        assert_eq!(ada.received(), ["iq set [bob:none+ask]"]);
        assert_eq!(bob.received(), ["presence subscribe <ada"]);
        presence(&ada, "subscribe", "bob");
        assert!(bob.received().is_empty(), "once is enough");
        presence(&bob, "subscribed", "ada");
        assert_eq!(bob.received(), ["iq set [ada:from]"]);
        assert_eq!(
            ada.received(),
            ["presence subscribed <bob", "iq set [bob:to]", "presence <bob/desk"]
        );
        presence(&bob, "unsubscribed", "ada");
        assert_eq!(bob.received(), ["iq set [ada:none]"]);
        assert_eq!(
            ada.received(),
            [
                "presence unavailable <bob/desk",
                "presence unsubscribed <bob",
                "iq set [bob:none]",
            ]
        );
    }

    #[test]
    fn whoever_has_enough_unsubscribes() {
        let bench = Bench::new();
        bench.befriend("ada", "bob");
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        ada.received();
        ada.send("<presence type='unsubscribe' to='bob@@/desk'/>");
        assert_eq!(ada.received(), ["presence unavailable <bob/desk", "iq set [bob:from]"]);
        assert_eq!(bob.received(), ["presence unsubscribe <ada", "iq set [ada:to]"]);
        bob.send("<presence><show>away</show></presence>");
        assert!(ada.received().is_empty());
    }

    #[test]
    fn a_request_waits_with_all_it_said_until_it_is_answered() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        ada.send("<presence type='subscribe' to='bob@@'><status>It is me</status></presence>");
        let bench = bench.restart();
        for _ in 0..2 {
            let bob = bench.connect("bob/desk");
            bob.send("<presence/>");
            assert_eq!(
                bob.received(),
                ["presence <bob/desk", "presence subscribe <ada status=It is me"]
            );
            bob.end();
        }
        let bob = bench.connect("bob/desk");
        presence(&bob, "unsubscribed", "ada");
        bob.send("<presence/>");
        assert_eq!(bob.received(), ["presence <bob/desk"]);
    }

    #[test]
    fn a_long_request_is_kept_without_what_it_said() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        let status = "x".repeat(REQUEST_BYTES_MAX);
        ada.send(&format!(
            "<presence type='subscribe' to='bob@@'><status>{status}</status></presence>"
        ));
        let bob = bench.connect("bob/desk");
        bob.send("<presence/>");
        assert_eq!(bob.received(), ["presence <bob/desk", "presence subscribe <ada"]);
    }

    #[test]
    fn s07_nobody_gets_in_uninvited() {
        let bench = Bench::new();
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        // Unasked approval is a pre-approval of the sender's own presence, and tells the other nothing.
        presence(&ada, "subscribed", "bob");
        assert_eq!(ada.received(), ["iq set [bob:none+approved]"]);
        assert!(bob.received().is_empty());
        presence(&bob, "subscribe", "ada");
        assert_eq!(
            bob.received(),
            ["presence subscribed <ada", "iq set [ada:to]", "presence <ada/desk"]
        );
        assert_eq!(ada.received(), ["iq set [bob:from]"]);
        presence(&bob, "unsubscribed", "eve");
        presence(&bob, "unsubscribe", "bob");
        presence(&bob, "subscribe", "bob");
        assert!(bob.received().is_empty());
    }

    #[test]
    fn a11_a_request_to_nobody_looks_like_one_to_somebody() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        presence(&ada, "subscribe", "nobody");
        presence(&ada, "subscribe", "bob");
        assert_eq!(ada.received(), ["iq set [nobody:none+ask]", "iq set [bob:none+ask]"]);
    }

    #[test]
    fn s08_requests_are_bounded_by_the_minute_and_by_the_account() {
        let bench = Bench::new();
        let start = Instant::now();
        bench.router.tick(start);
        let ada = bench.connect("ada/desk");
        for _ in 0..12 {
            presence(&ada, "subscribe", "bob");
        }
        assert_eq!(ada.received(), ["presence error <bob resource-constraint"; 2]);
        bench.router.tick(start + Duration::from_secs(60));
        presence(&ada, "subscribe", "bob");
        assert!(ada.received().is_empty());
        for number in 0..REQUESTS_MAX + 5 {
            let name = format!("u{number}");
            let role = crate::stanza::Role::Viewer;
            bench.store.accounts().add_without_credentials(&name, role).unwrap();
            presence(&bench.connect(&format!("{name}/x")), "subscribe", "bob");
        }
        assert_eq!(bench.store.rosters().requests("bob").len(), REQUESTS_MAX);
    }

    #[test]
    fn s12_only_resources_that_asked_for_the_roster_hear_of_its_changes() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        let silent = bench.connect("ada/silent");
        silent.send("<presence/>");
        (ada.received(), silent.received());
        presence(&ada, "subscribe", "bob");
        let bob = bench.connect("bob/desk");
        presence(&bob, "subscribed", "ada");
        assert_eq!(
            ada.received(),
            ["iq set [bob:none+ask]", "presence subscribed <bob", "iq set [bob:to]"]
        );
        assert!(silent.received().is_empty());
    }

    #[test]
    fn removing_an_item_cancels_both_ways() {
        let bench = Bench::new();
        bench.befriend("ada", "bob");
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        ada.received();
        ada.send(
            "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='bob@@' subscription='remove'/></query></iq>",
        );
        assert_eq!(
            ada.received(),
            ["presence unavailable <bob/desk", "iq set [bob:remove]", "iq result"]
        );
        assert_eq!(
            bob.received(),
            [
                "presence unavailable <ada/desk",
                "presence unsubscribe <ada",
                "presence unsubscribed <ada",
                "iq set [ada:none]",
            ]
        );
    }

    #[test]
    fn a_provisioned_contact_appears_both_ways_and_keeps_the_name_it_was_given() {
        let bench = Bench::new();
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        ada.send("<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='bob@@' name='Bobby'/></query></iq>");
        ada.received();
        let groups = vec!["Servers".to_owned()];
        let name = Some("host".to_owned());
        bench
            .router
            .provision(&account("ada"), &account("bob"), name, groups)
            .unwrap();
        assert_eq!(ada.received(), ["iq set [bob:both]", "presence <bob/desk"]);
        assert_eq!(bob.received(), ["iq set [ada:both]", "presence <ada/desk"]);
        let bench = bench.restart();
        let roster = bench.store.rosters().load("ada");
        assert_eq!(roster.get(&account("bob")).unwrap().name.as_deref(), Some("Bobby"));
    }

    /// Notes what it is told of subscriptions.
    #[derive(Default)]
    struct Witness(Arc<Mutex<Vec<String>>>);

    impl Module for Witness {
        fn subscription_changed(
            &self,
            _cx: &Context<'_>,
            account: &BareJid,
            contact: &BareJid,
            received: bool,
            receives: bool,
        ) {
            let name = |jid: &BareJid| jid.node().unwrap().as_str().to_owned();
            let line = format!("{} {} {received} {receives}", name(account), name(contact));
            self.0.lock().unwrap().push(line);
        }
    }

    #[test]
    fn modules_hear_of_both_sides() {
        let witness = Witness::default();
        let heard = Arc::clone(&witness.0);
        let bench = Bench::with(vec![Box::new(witness)]);
        let told = || std::mem::take(&mut *heard.lock().unwrap());
        let (ada, bob) = (bench.connect("ada/desk"), bench.connect("bob/desk"));
        presence(&ada, "subscribe", "bob");
        assert_eq!(told(), ["bob ada false false", "ada bob false false"]);
        presence(&bob, "subscribed", "ada");
        assert_eq!(told(), ["ada bob false false", "bob ada false true"]);
        presence(&bob, "subscribed", "ada");
        assert!(told().is_empty());
        presence(&ada, "unsubscribe", "bob");
        assert_eq!(told(), ["bob ada true false", "ada bob false false"]);
    }
}
