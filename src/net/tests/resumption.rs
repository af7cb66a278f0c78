//! Stream management (XEP-0198) over real sockets: cuts, resumption, silence.

use super::*;

const REQUEST: &str = "<r xmlns='urn:xmpp:sm:3'/>";

fn ack(h: u32) -> String {
    format!("<a xmlns='urn:xmpp:sm:3' h='{h}'/>")
}

fn message(to: &str, body: &str) -> String {
    format!("<message to='{to}@mon.example/phone' type='chat'><body>{body}</body></message>")
}

/// How often a text occurs.
fn count(text: &str, part: &str) -> u32 {
    u32::try_from(text.matches(part).count()).expect("a few")
}

impl Client<TlsStream<TcpStream>> {
    /// Enables stream management; returns the id by which the session can be resumed.
    async fn manage(&mut self) -> String {
        self.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").await;
        let enabled = self.expect("/>").await;
        let id = enabled.split("id='").nth(1).and_then(|rest| rest.split('\'').next());
        assert!(enabled.contains(" resume='true' max='"), "{enabled}");
        id.expect("an id").to_owned()
    }
}

impl Bench {
    async fn managed(&self, user: &str) -> (Client<TlsStream<TcpStream>>, String) {
        let mut client = self.session(user, "phone").await;
        let id = client.manage().await;
        (client, id)
    }

    /// Lets time pass until no session is left.
    async fn time_out(&self) {
        let passing = async {
            for round in 1.. {
                let now = Instant::now() + Duration::from_secs(301) * round;
                self.router.tick(now.into_std());
                if self.router.sessions().is_empty() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, passing).await.expect("the end of all sessions");
    }

    /// Logs in and asks for a lost session.
    async fn resume(&self, user: &str, id: &str, h: u32) -> Client<TlsStream<TcpStream>> {
        let mut client = self.encrypted().await;
        client.send(&plain(user, "secret")).await;
        client
            .expect("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
            .await;
        client.send(HEADER).await;
        client.expect("</stream:features>").await;
        client
            .send(&format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='{h}'/>"))
            .await;
        client
    }
}

/// What a text says in messages with such bodies, in order.
fn bodies<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    let found = text.match_indices(start).map(|(at, _)| &text[at..]);
    found.filter_map(|rest| rest.split('<').next()).collect()
}

#[tokio::test]
async fn what_both_say_before_and_during_cuts_comes_once_and_in_order() {
    let bench = Bench::start(|_| {});
    let mut romeo = bench.session("romeo", "phone").await;
    let (mut juliet, id) = bench.managed("juliet").await;
    let (mut his, mut hers): (Vec<String>, Vec<String>) = (vec![], vec![]);
    let (mut received, mut handled) = (String::new(), 0);
    for round in 0..6_usize {
        let batch: Vec<String> = (0..7).map(|number| format!("his {round}.{number}")).collect();
        let text: String = batch.iter().map(|body| message("juliet", body)).collect();
        romeo.send(&text).await;
        // She handles some of it, says something herself, and is gone, in the middle of something.
        let seen = juliet.expect(&format!("{}</body></message>", batch[round])).await;
        let mine: Vec<String> = (0..=round).map(|number| format!("hers {round}.{number}")).collect();
        let text: String = mine.iter().map(|body| message("romeo", body)).collect();
        juliet.send(&format!("{text}<message to='romeo@mon.example'><bo")).await;
        handled += count(&seen, "<message ");
        received.push_str(&seen);
        his.extend(batch);
        hers.extend(mine);
        drop(juliet);
        let late = format!("his {round}.late");
        romeo.send(&message("juliet", &late)).await;
        his.push(late);
        juliet = bench.resume("juliet", &id, handled).await;
        let resumed = juliet.expect("/>").await;
        let h = resumed.split("h='").nth(1).and_then(|rest| rest.split('\'').next());
        let h: usize = h.and_then(|h| h.parse().ok()).expect("a count");
        assert!(
            h + round + 1 >= hers.len(),
            "what she said before is not forgotten: {resumed}"
        );
        let again: String = hers[h..].iter().map(|body| message("romeo", body)).collect();
        juliet.send(&again).await;
    }
    romeo.send(&message("juliet", "the end")).await;
    received.push_str(&juliet.expect("the end").await);
    juliet.send(&message("romeo", "the end")).await;
    assert_eq!(bodies(&received, "his "), his);
    assert_eq!(bodies(&romeo.expect("the end").await, "hers "), hers);
    bench.sessions(2).await;
}

#[tokio::test]
async fn a_request_is_answered_with_what_was_handled_and_the_server_asks_by_itself() {
    let bench = Bench::start(|_| {});
    let (mut juliet, _) = bench.managed("juliet").await;
    juliet
        .send(&format!("{REQUEST}{}{REQUEST}", message("juliet", "one")))
        .await;
    let received = juliet.expect(&ack(1)).await;
    assert!(received.contains(&ack(0)), "{received}");
    // One stanza: asked after a while. Ten: at once.
    juliet.expect(REQUEST).await;
    juliet.send(&ack(1)).await;
    juliet
        .send(&(0..10).map(|_| message("juliet", "more")).collect::<String>())
        .await;
    juliet.expect(REQUEST).await;
    juliet.send(&ack(12)).await;
    let rest = juliet.rest().await;
    let error = "<undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>";
    let application = "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='12' send-count='11'/>";
    assert!(rest.contains(error) && rest.contains(application), "{rest}");
    bench.sessions(0).await;
}

#[tokio::test]
async fn a_clean_goodbye_ends_the_session_at_once() {
    let bench = Bench::start(|options| options.times.close = Duration::from_millis(200));
    let (mut juliet, id) = bench.managed("juliet").await;
    juliet.send("</stream:stream>").await;
    juliet.rest().await;
    bench.sessions(0).await;
    let mut again = bench.resume("juliet", &id, 0).await;
    let failed = "<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";
    assert_eq!(again.expect("</failed>").await, failed);
    again
        .send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        .await;
    again.expect("</jid></bind></iq>").await;
}

#[tokio::test]
async fn a_session_that_nobody_resumes_ends_and_is_remembered() {
    let bench = Bench::start(|_| {});
    let (mut juliet, id) = bench.managed("juliet").await;
    juliet.send(&format!("{}{REQUEST}", message("romeo", "hi"))).await;
    juliet.expect(&ack(1)).await;
    drop(juliet);
    bench.time_out().await;
    let mut other = bench.resume("romeo", &id, 0).await;
    assert!(
        other
            .expect("</failed>")
            .await
            .starts_with("<failed xmlns='urn:xmpp:sm:3'><item-not-found ")
    );
    let mut again = bench.resume("juliet", &id, 0).await;
    assert!(
        again
            .expect("</failed>")
            .await
            .starts_with("<failed xmlns='urn:xmpp:sm:3' h='1'><item-not-found ")
    );
}

#[tokio::test]
async fn n06_the_old_connection_of_a_resumed_session_ends_with_conflict() {
    let bench = Bench::start(|options| options.times.close = Duration::from_millis(200));
    let (old, id) = bench.managed("juliet").await;
    let mut new = bench.resume("juliet", &id, 0).await;
    new.expect("<resumed ").await;
    assert!(old.rest().await.contains("<conflict "));
    new.send(&message("juliet", "mine")).await;
    new.expect("mine").await;
    bench.sessions(1).await;
}

#[tokio::test]
async fn d06_n01_a_session_whose_old_connection_takes_nothing_is_resumed_all_the_same() {
    let bench = Bench::start(|options| {
        options.rate = Rate::per_second(usize::MAX, usize::MAX);
        options.queue_bytes_max = 64 << 20;
    });
    let mut romeo = bench.session("romeo", "phone").await;
    let (juliet, id) = bench.managed("juliet").await;
    // More than the kernel holds on the way: the server is in the middle of a write.
    let long = message("juliet", &"x".repeat(200_000));
    for _ in 0..80 {
        romeo.send(&long).await;
    }
    romeo.send(&message("romeo", "all routed")).await;
    romeo.expect("all routed").await;
    let start = Instant::now();
    let mut again = bench.resume("juliet", &id, 0).await;
    again.expect("<resumed ").await;
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "it did not wait for the write to give up"
    );
    again.expect("<message ").await;
    drop(juliet);
}

#[tokio::test]
async fn n01_who_is_silent_is_asked_by_a_request_and_then_waits_for_a_connection() {
    let bench = Bench::start(|options| {
        options.times.idle = Duration::from_millis(300);
        options.times.ping = Duration::from_millis(600);
        options.times.close = Duration::from_millis(100);
    });
    let (mut juliet, id) = bench.managed("juliet").await;
    juliet.expect(REQUEST).await;
    juliet.send(&ack(0)).await;
    juliet.expect(REQUEST).await;
    let rest = juliet.rest().await;
    assert!(rest.contains("<connection-timeout "), "{rest}");
    assert_eq!(bench.router.sessions().len(), 1);
    let mut again = bench.resume("juliet", &id, 0).await;
    again.expect("<resumed ").await;
}

#[tokio::test]
async fn n01_a_silent_collector_is_stale_then_dead_and_alive_again_when_resumed() {
    let bench = Bench::start(|options| options.times.dead_after = Duration::from_secs(3));
    let accounts = bench.store.accounts();
    let policy = crate::store::Policy::default();
    accounts
        .add("web", Role::Collector, "secret", &policy)
        .expect("an account");
    let jid = |name: &str| jid::BareJid::new(&format!("{name}@mon.example")).expect("a JID");
    bench
        .router
        .provision(&jid("romeo"), &jid("web"), None, Vec::new())
        .expect("a contact");
    let mut romeo = bench.session("romeo", "garden").await;
    romeo.send("<presence/>").await;
    romeo.expect("from='romeo@mon.example/garden'").await;
    let mut web = bench.session("web", "watchpost").await;
    let id = web.manage().await;
    web.send("<presence><status>OK</status></presence>").await;
    romeo.expect("<status>OK</status></presence>").await;
    web.expect(REQUEST).await;
    // It does not answer.
    let stale = romeo.expect("</presence>").await;
    assert!(stale.contains("<show>xa</show><status>stale since "), "{stale}");
    assert!(web.rest().await.contains("<connection-timeout "));
    let mut web = bench.resume("web", &id, 0).await;
    web.expect("<resumed ").await;
    let back = romeo.expect("</presence>").await;
    assert!(
        back.contains("<status>OK</status>") && !back.contains("<show>"),
        "{back}"
    );
    drop(web);
    let stale = romeo.expect("</presence>").await;
    assert!(stale.contains("<show>xa</show>"), "{stale}");
    bench.router.tick((Instant::now() + Duration::from_secs(3)).into_std());
    romeo.expect(" type='unavailable'").await;
}

#[tokio::test]
async fn o01_shutdown_ends_sessions_that_wait_too() {
    let bench = Bench::start(|_| {});
    let (juliet, _) = bench.managed("juliet").await;
    drop(juliet);
    let Bench { server, router, .. } = bench;
    server.shutdown().await;
    assert!(router.sessions().is_empty());
}

#[tokio::test]
async fn an_inactive_client_hears_of_presence_when_it_looks_again() {
    let bench = Bench::start(|_| {});
    let mut juliet = bench.session("juliet", "phone").await;
    let mut desk = bench.session("juliet", "desk").await;
    juliet
        .send(&format!(
            "<presence/><inactive xmlns='urn:xmpp:csi:0'/>{}",
            message("juliet", "one")
        ))
        .await;
    juliet.expect("one").await;
    desk.send("<presence><status>1</status></presence><presence><status>2</status></presence>")
        .await;
    desk.expect("<status>2</status>").await;
    desk.send(&message("juliet", "two")).await;
    let received = juliet.expect("two").await;
    assert!(
        received.contains("<status>2</status>") && !received.contains("<status>1</status>"),
        "{received}"
    );
    desk.send("<presence><status>3</status></presence>").await;
    desk.expect("<status>3</status>").await;
    juliet.send("<active xmlns='urn:xmpp:csi:0'/>").await;
    juliet.expect("<status>3</status>").await;
}
