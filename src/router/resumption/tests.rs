//! Connections that come and go under a session.

mod cuts;
mod undelivered;

use super::*;
use crate::router::bench::{Bench, Client, account};
use crate::router::{Closing, Sink};
use crate::stanza::Role;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Wake, Waker};

const MINUTE: Duration = Duration::from_secs(60);
const EVER: Duration = Duration::MAX;

/// A client that counts, and can resume its session.
struct Phone {
    client: Client,
    id: String,
    /// What it has handled, modulo 2^32.
    h: u32,
}

impl Phone {
    fn new(bench: &Bench, client: Client) -> Phone {
        let id = bench.router.manage(&client.session, Some(MINUTE)).unwrap().unwrap();
        Phone { client, id, h: 0 }
    }

    fn online(bench: &Bench, address: &str) -> Phone {
        Phone::new(bench, bench.online(address))
    }

    /// Reads all that is written, and counts it.
    fn read(&mut self) -> Vec<String> {
        let received = self.client.received();
        self.h = self.h.wrapping_add(u32::try_from(received.len()).unwrap());
        received
    }

    fn acknowledge(&self, bench: &Bench) {
        bench.router.acknowledged(&self.client.session, self.h).unwrap();
    }

    fn cut(&self, bench: &Bench) {
        assert!(bench.router.detach(&self.client.session, 0, EVER, None));
    }

    fn cut_after(&self, bench: &Bench, silence: Duration) {
        assert!(bench.router.detach(&self.client.session, 0, EVER, Some(silence)));
    }

    fn resume(&self, bench: &Bench) -> Result<Resuming, Unresumable> {
        bench.router.resume(self.client.session.account(), &self.id, self.h)
    }

    fn resumed(&self, bench: &Bench) -> u32 {
        match self.resume(bench) {
            Ok(Resuming::Resumed { session, handled }) => {
                assert!(Arc::ptr_eq(&session, &self.client.session));
                handled
            }
            other => panic!("{other:?}"),
        }
    }
}

fn chat(body: &str) -> String {
    format!("<message type='chat' to='bob@@'><body>{body}</body></message>")
}

fn line(body: &str) -> String {
    format!("message chat <ada/desk body={body}")
}

fn lines<'a>(bodies: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    bodies.into_iter().map(line).collect()
}

fn stored(bench: &Bench) -> usize {
    bench.store.offline().list("bob", chrono::Utc::now()).len()
}

#[test]
fn a_lost_connection_is_no_lost_session_and_what_comes_meanwhile_waits() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, mut bob) = (bench.online("ada/desk"), Phone::online(&bench, "bob/phone"));
    ada.received();
    ada.send(&chat("1"));
    assert_eq!(bob.read(), lines(["1"]));
    ada.send(&chat("2"));
    // Written, and lost with the connection.
    bob.client.received();
    ada.send(&chat("3"));
    assert!(bench.router.detach(&bob.client.session, 17, EVER, None));
    ada.send(&chat("4"));
    ada.send("<iq type='get' id='1' to='bob@@/phone'><query xmlns='urn:x'/></iq>");
    assert!(ada.received().is_empty(), "nobody sees that it is gone");
    assert_eq!(bob.resumed(&bench), 17);
    assert_eq!(bob.read()[..3], lines(["2", "3", "4"]));
    bob.acknowledge(&bench);
    bob.client.end();
    assert_eq!(
        ada.received(),
        ["presence unavailable <bob/phone"],
        "the request was delivered, and is the client's"
    );
    assert_eq!(stored(&bench), 0);
}

#[test]
fn n01_when_its_time_is_over_a_session_ends_and_what_was_not_acknowledged_is_kept() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, mut bob) = (bench.online("ada/desk"), Phone::online(&bench, "bob/phone"));
    let start = Instant::now();
    bench.router.tick(start);
    ada.received();
    ada.send(&chat("handled"));
    bob.read();
    bob.acknowledge(&bench);
    ada.send(&chat("written"));
    bob.client.received();
    bob.cut(&bench);
    ada.send(&chat("queued"));
    ada.send("<message type='headline' to='bob@@/phone'><body>x</body></message>");
    ada.send("<iq type='get' id='1' to='bob@@/phone'><query xmlns='urn:x'/></iq>");
    bench.router.tick(start + MINUTE - Duration::from_secs(1));
    assert!(ada.received().is_empty());
    bench.router.tick(start + MINUTE);
    assert_eq!(
        ada.received(),
        [
            "presence unavailable <bob/phone",
            "iq error <bob/phone service-unavailable"
        ]
    );
    assert!(bench.router.sessions().len() == 1);
    let again = bench.connect("bob/desk");
    again.send("<presence/>");
    let received = again.received();
    let bodies: Vec<_> = received.iter().filter(|line| line.contains("body")).collect();
    assert_eq!(bodies.len(), 2, "{received:?}");
    assert!(bodies[0].contains("body=written") && bodies[1].contains("body=queued"));
    // What the client knows of it is told to its account alone.
    let gone = |name: &str| bench.router.resume(&account(name), &bob.id, 0).unwrap_err();
    assert_eq!(gone("bob"), Unresumable::Gone { handled: Some(0) });
    assert_eq!(gone("eve"), Unresumable::Gone { handled: None });
}

#[test]
fn only_its_own_account_can_resume_a_session_by_its_id_and_with_a_count_that_can_be() {
    let bench = Bench::new();
    let bob = Phone::online(&bench, "bob/phone");
    let eve = Phone::online(&bench, "eve/phone");
    assert!(bob.id.len() == 32 && bob.id != eve.id);
    bob.cut(&bench);
    let gone = Err(Unresumable::Gone { handled: None });
    let resume = |name: &str, id: &str, h| bench.router.resume(&account(name), id, h).map(|_| ());
    assert_eq!(resume("eve", &bob.id, 0), gone);
    assert_eq!(resume("bob", &eve.id, 0), gone);
    assert_eq!(resume("bob", "", 0), gone);
    assert_eq!(
        resume("bob", &bob.id, 1),
        Err(Unresumable::TooHigh(HandledCountTooHigh { send_count: 0 }))
    );
    assert_eq!(resume("bob", &bob.id, 0), Ok(()), "it still waits");
}

#[tokio::test]
async fn a_session_that_a_connection_still_has_is_let_go_for_the_one_that_resumes_it() {
    let bench = Bench::new();
    let bob = Phone::online(&bench, "bob/phone");
    let Ok(Resuming::Occupied(released)) = bob.resume(&bench) else {
        panic!("nobody let it go");
    };
    assert!(bob.client.session.sink().is_claimed());
    assert!(bench.router.detach(&bob.client.session, 5, EVER, None));
    released.await.expect("it was let go");
    assert_eq!(bob.resumed(&bench), 5);
    assert!(!bob.client.session.sink().is_claimed());
}

#[test]
fn an_account_has_so_many_sessions_without_connection_and_the_oldest_ends() {
    let bench = Bench::new();
    let phones = ["bob/1", "bob/2", "bob/3"].map(|address| Phone::online(&bench, address));
    for phone in &phones {
        phone.cut(&bench);
    }
    let count = |name: &str| bench.router.sessions().iter().filter(|one| one.node() == name).count();
    assert_eq!(count("bob"), 2);
    assert_eq!(
        phones[0].resume(&bench).unwrap_err(),
        Unresumable::Gone { handled: Some(0) }
    );
    assert_eq!(phones[1].resumed(&bench), 0);
    // Those that wait give way to those that come.
    for address in ["bob/4", "bob/5"] {
        bench.connect(address);
    }
    assert_eq!(count("bob"), 3);
    assert!(phones[2].resume(&bench).is_err());
    let sink = Arc::new(Sink::new(10, 1000));
    assert!(
        bench
            .router
            .bind(&account("bob"), Some("6"), Role::Viewer, sink)
            .is_err()
    );
}

#[test]
fn a_session_that_ended_while_a_connection_took_it_is_neither_resumed_nor_in_the_way() {
    let bench = Bench::new();
    let phones = ["bob/1", "bob/2", "bob/3"].map(|address| Phone::online(&bench, address));
    let (ended, waits) = (&phones[0], &phones[1]);
    let waiting = |phone: &Phone| Waiting {
        session: Arc::clone(&phone.client.session),
        handled: 7,
        until: Instant::now() + MINUTE,
    };
    ended.cut(&bench);
    let taken = bench.router.shared.detached.take(&ended.client.session).unwrap();
    ended.client.end();
    let gone = bench.router.reattach(taken, 0).unwrap_err();
    assert_eq!(gone, Unresumable::Gone { handled: Some(0) });
    // Put back, as one is whose client claims too much.
    locked(&bench.router.shared.detached.waiting).push(waiting(ended));
    waits.cut(&bench);
    bench.connect("bob/4");
    assert!(!waits.client.session.has_ended(), "there was room");
    locked(&bench.router.shared.detached.waiting).insert(0, waiting(ended));
    bench.connect("bob/5");
    assert!(waits.client.session.has_ended());
    assert!(!phones[2].client.session.has_ended());
}

#[test]
fn whoever_takes_the_oldest_that_waits_owns_it() {
    let bench = Bench::new();
    let phones = ["bob/1", "bob/2"].map(|address| Phone::online(&bench, address));
    for phone in &phones {
        phone.cut(&bench);
    }
    let detached = &bench.router.shared.detached;
    let oldest = detached.take_oldest(&account("bob")).unwrap();
    assert!(Arc::ptr_eq(&oldest, &phones[0].client.session));
    assert!(
        detached.take(&oldest).is_none(),
        "a connection that comes to resume it is too late"
    );
    assert_eq!(phones[1].resumed(&bench), 0);
    assert!(detached.take_oldest(&account("bob")).is_none(), "a connection has it");
    assert!(!phones[1].client.session.has_ended());
}

#[test]
fn n06_a_new_session_takes_the_resource_of_one_that_waits() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob) = (bench.online("ada/desk"), Phone::online(&bench, "bob/phone"));
    ada.received();
    bob.cut(&bench);
    ada.send(&chat("meanwhile"));
    let again = bench.connect("bob/phone");
    again.send("<presence/>");
    assert_eq!(
        ada.received(),
        ["presence unavailable <bob/phone", "presence <bob/phone"]
    );
    assert!(again.received().last().unwrap().contains("body=meanwhile"));
    assert!(bob.resume(&bench).is_err());
}

#[test]
fn whoever_ends_sessions_ends_those_that_wait_too() {
    let bench = Bench::new();
    let (bob, eve) = (Phone::online(&bench, "bob/phone"), Phone::online(&bench, "eve/phone"));
    bob.cut(&bench);
    eve.cut(&bench);
    bench.router.end_sessions(Some(&account("bob")), Closing::NotAuthorized);
    assert_eq!(bench.router.sessions().len(), 1);
    bench.router.end_sessions(None, Closing::SystemShutdown);
    assert!(bench.router.sessions().is_empty());
    // Closed before its connection was lost.
    let bob = Phone::online(&bench, "bob/phone");
    bob.client.session.sink().close(Closing::Reset);
    assert!(!bench.router.detach(&bob.client.session, 0, EVER, None));
    assert!(bench.router.sessions().is_empty());
}

#[test]
fn d06_a_session_that_waits_has_the_bounds_of_any_other_and_loses_no_message() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    let client = bench.connect_through("bob/phone", Sink::new(5, 100_000));
    client.send("<presence/>");
    client.received();
    let bob = Phone::new(&bench, client);
    bob.cut(&bench);
    let bodies: Vec<String> = (0..8).map(|number| number.to_string()).collect();
    for body in &bodies {
        ada.send(&chat(body));
    }
    bench.router.tick(Instant::now());
    assert_eq!(bench.router.sessions().len(), 1, "the full one has ended");
    assert_eq!(stored(&bench), 8);
    assert!(bob.resume(&bench).is_err());
}

#[test]
fn presence_does_not_fill_the_queue_of_a_session_that_waits() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, mut bob) = (bench.online("ada/desk"), Phone::online(&bench, "bob/phone"));
    bob.read();
    bob.cut(&bench);
    for number in 0..2_000 {
        ada.send(&format!("<presence><status>{number}</status></presence>"));
    }
    bob.resumed(&bench);
    assert_eq!(bob.read(), ["presence <ada/desk status=1999"]);
}

#[test]
fn a_collector_that_waits_is_stale_to_its_watchers_until_it_is_back() {
    let bench = Bench::new();
    let web = Phone::new(&bench, bench.collector("web"));
    bench.befriend("ada", "web");
    let ada = bench.online("ada/desk");
    ada.received();
    web.cut_after(&bench, Duration::from_secs(30));
    assert!(ada.received()[0].starts_with("presence <web/watchpost show=xa status=stale since "));
    web.resumed(&bench);
    assert_eq!(ada.received(), ["presence <web/watchpost"]);
}

/// A connection that resumes a session as soon as it is told that it may.
struct Claimant {
    router: Router,
    account: BareJid,
    id: String,
}

impl Wake for Claimant {
    fn wake(self: Arc<Self>) {
        let resumed = self.router.resume(&self.account, &self.id, 0);
        assert!(matches!(resumed, Ok(Resuming::Resumed { .. })), "{resumed:?}");
    }
}

#[test]
fn a_collector_that_is_back_at_once_does_not_stay_stale() {
    let bench = Bench::new();
    let web = Phone::new(&bench, bench.collector("web"));
    bench.befriend("ada", "web");
    let ada = bench.online("ada/desk");
    ada.received();
    let Ok(Resuming::Occupied(mut released)) = web.resume(&bench) else {
        panic!("nobody let it go");
    };
    let claimant = Claimant {
        router: bench.router.clone(),
        account: account("web"),
        id: web.id.clone(),
    };
    let waker = Waker::from(Arc::new(claimant));
    assert!(
        Pin::new(&mut released)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    web.cut_after(&bench, Duration::from_secs(30));
    assert_eq!(ada.received().last().unwrap(), "presence <web/watchpost");
}
