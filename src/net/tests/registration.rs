//! In-band registration over real TLS, and logins by XEP-0388.

use super::*;
use crate::admin::Invite;

const RESULT: &str = "type='result'";

fn change(user: &str, password: &str) -> String {
    format!(
        "<iq type='set' id='c' to='mon.example'><query xmlns='jabber:iq:register'><username>{user}</username>\
         <password>{password}</password></query></iq>"
    )
}

impl Bench {
    /// The token of a new invitation.
    fn invite(&self, role: Role) -> String {
        let invite = Invite {
            role,
            jid: None,
            time: None,
            inviter: None,
            befriends: false,
        };
        let made = self
            .accounts
            .invite(&invite, chrono::Utc::now())
            .expect("an invitation");
        made.uri.split_once("preauth=").expect("a token").1.to_owned()
    }

    /// Inside TLS, as far as the features.
    async fn featured(&self) -> (Client<TlsStream<TcpStream>>, String) {
        let mut client = self.encrypted().await;
        let features = client.expect("</stream:features>").await;
        (client, features)
    }

    async fn may_log_in(&self, user: &str, password: &str) -> bool {
        let (mut client, _) = self.featured().await;
        client.send(&plain(user, password)).await;
        let answer = client.expect("urn:ietf:params:xml:ns:xmpp-sasl'").await;
        answer.contains("<success")
    }
}

async fn preauth(client: &mut Client<TlsStream<TcpStream>>, token: &str) -> String {
    client
        .send(&format!(
            "<iq type='set' id='p' to='mon.example'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>"
        ))
        .await;
    client.expect("from='mon.example'").await
}

#[tokio::test]
async fn a17_a_password_changed_in_band_ends_the_other_sessions_and_counts_for_all_mechanisms() {
    let bench = Bench::start(|_| {});
    let (mut desk, phone) = (
        bench.session("juliet", "desk").await,
        bench.session("juliet", "phone").await,
    );
    let romeo = bench.session("romeo", "desk").await;
    let before = bench
        .store
        .accounts()
        .credentials("juliet", crate::store::ScramHash::Sha256);
    desk.send(&change("Juliet", "an other secret")).await;
    desk.expect(RESULT).await;
    assert!(
        phone
            .rest()
            .await
            .contains("<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>")
    );
    bench.sessions(2).await;
    assert!(bench.may_log_in("juliet", "an other secret").await);
    assert!(!bench.may_log_in("juliet", "secret").await);
    let after = bench
        .store
        .accounts()
        .credentials("juliet", crate::store::ScramHash::Sha256);
    assert_ne!(before.salt, after.salt);
    desk.send("<message to='romeo@mon.example/desk'><body>still here</body></message></stream:stream>")
        .await;
    desk.expect("</stream:stream>").await;
    drop(romeo);
}

#[tokio::test]
async fn a_password_that_cannot_be_used_and_another_s_change_nothing() {
    let bench = Bench::start(|_| {});
    let mut desk = bench.session("juliet", "desk").await;
    for (request, condition) in [
        (change("juliet", ""), "bad-request"),
        (change("juliet", "bell\u{7f}"), "not-acceptable"),
        (change("juliet", &"x".repeat(1_024)), "not-acceptable"),
        (change("romeo", "stolen"), "forbidden"),
        (change("", "x"), "bad-request"),
    ] {
        desk.send(&request).await;
        let answer = desk.expect("</iq>").await;
        assert!(answer.contains(&format!("<{condition} ")), "{request}: {answer}");
        assert!(!answer.contains("<password"), "what was sent is not sent back");
    }
    assert!(bench.may_log_in("juliet", "secret").await && bench.may_log_in("romeo", "secret").await);
}

#[tokio::test]
async fn an_account_removed_in_band_hears_so_and_is_gone() {
    let bench = Bench::start(|_| {});
    let (mut desk, phone) = (
        bench.session("juliet", "desk").await,
        bench.session("juliet", "phone").await,
    );
    desk.send("<iq type='set' id='r'><query xmlns='jabber:iq:register'><remove/></query></iq>")
        .await;
    let last = desk.rest().await;
    assert!(
        last.starts_with("<iq id='r'") && last.contains(RESULT) && last.contains("<not-authorized "),
        "{last}"
    );
    assert!(phone.rest().await.contains("<not-authorized "));
    bench.sessions(0).await;
    assert!(!bench.store.accounts().exists("juliet"));
    assert!(!bench.may_log_in("juliet", "secret").await);
}

#[tokio::test]
async fn the_invited_make_an_account_and_log_in() {
    let bench = Bench::start(|_| {});
    let (_, features) = bench.featured().await;
    assert!(!features.contains("<register"), "nobody is invited: {features}");
    let token = bench.invite(Role::Operator);
    let (mut client, features) = bench.featured().await;
    assert!(
        features.contains("<register xmlns='urn:xmpp:ibr-token:0'/>"),
        "{features}"
    );
    assert!(preauth(&mut client, &token).await.contains(RESULT));
    // What Conversations sends: no 'to', and a 'from' of its own.
    client
        .send(
            "<iq type='set' id='r' from='nurse@mon.example'><query xmlns='jabber:iq:register'>\
             <username>nurse</username><password>secret</password></query></iq>",
        )
        .await;
    client.expect("<iq type='result' id='r'").await;
    assert_eq!(bench.store.accounts().role("nurse"), Some(Role::Operator));
    client.send(&plain("nurse", "secret")).await;
    client.expect("<success").await;
    let (mut again, features) = bench.featured().await;
    assert!(!features.contains("<register"), "the invitation is used");
    assert!(preauth(&mut again, &token).await.contains("type='error'"));
}

#[tokio::test]
async fn a10_a_name_is_said_to_be_taken_to_the_invited_alone() {
    let bench = Bench::start(|_| {});
    let register = |name: &str| change(name, "secret2");
    let (mut stranger, _) = bench.featured().await;
    let mut answers = Vec::new();
    for name in ["juliet", "nobody"] {
        stranger.send(&register(name)).await;
        answers.push(stranger.expect("</iq>").await);
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].contains("<not-allowed "), "{}", answers[0]);
    let token = bench.invite(Role::Viewer);
    let (mut invited, _) = bench.featured().await;
    preauth(&mut invited, &token).await;
    invited.send(&register("juliet")).await;
    let answer = invited.expect("</iq>").await;
    assert!(answer.contains("<conflict "), "{answer}");
    assert!(bench.may_log_in("juliet", "secret").await, "nothing has changed");
}

#[tokio::test]
async fn a12_an_address_that_guesses_invitations_is_refused() {
    let bench = Bench::start(|options| {
        options.admission.loopback_exempt = false;
        options.admission.failures_max = 2;
    });
    bench.invite(Role::Viewer);
    let (mut client, _) = bench.featured().await;
    for token in ["", "0123456789abcdef0123456789abcdef"] {
        assert!(preauth(&mut client, token).await.contains("type='error'"));
    }
    let refused = bench.tcp(Security::StartTls).await;
    assert_eq!(refused.rest().await, "");
}

#[tokio::test]
async fn a_person_who_is_invited_has_time_to_fill_in_the_form() {
    let bench = Bench::start(|options| options.times.login = Duration::from_millis(1_500));
    let token = bench.invite(Role::Viewer);
    let (mut invited, _) = bench.featured().await;
    let (stranger, _) = bench.featured().await;
    preauth(&mut invited, &token).await;
    assert!(
        stranger.rest().await.contains("<connection-timeout "),
        "the others have none"
    );
    invited.send(&change("nurse", "secret")).await;
    invited.expect("<iq type='result' id='c'").await;
}

/// XEP-0388 with XEP-0386.
async fn bind2(bench: &Bench, user: &str, id: &str) -> (Client<TlsStream<TcpStream>>, String) {
    let (mut client, features) = bench.featured().await;
    assert!(features.contains("<bind xmlns='urn:xmpp:bind:0'"), "{features}");
    let message = STANDARD.encode(format!("\0{user}\0secret"));
    client
        .send(&format!(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>{message}</initial-response>\
             <user-agent id='{id}'><software>AwesomeXMPP</software></user-agent>\
             <bind xmlns='urn:xmpp:bind:0'><tag>AwesomeXMPP</tag></bind></authenticate>"
        ))
        .await;
    let success = client.expect("</success>").await;
    client.expect("</stream:features>").await;
    let jid = success.split_once("<authorization-identifier>").expect("a JID").1;
    let jid = jid.split_once('<').expect("its end").0.to_owned();
    (client, jid)
}

#[tokio::test]
async fn one_round_trip_logs_in_and_binds() {
    let bench = Bench::start(|_| {});
    let (mut client, jid) = bind2(&bench, "juliet", "d4565fa7-4d72-4749-b3d3-740edbf87770").await;
    assert!(jid.starts_with("juliet@mon.example/AwesomeXMPP/"), "{jid}");
    client
        .send(&format!(
            "<presence/><message to='{jid}'><body>to myself</body></message>"
        ))
        .await;
    client.expect("to myself").await;
}

#[tokio::test]
async fn a_client_that_comes_again_replaces_the_session_that_it_left() {
    let bench = Bench::start(|_| {});
    let id = "d4565fa7-4d72-4749-b3d3-740edbf87770";
    let (left, _) = bind2(&bench, "juliet", id).await;
    let (_other, _) = bind2(&bench, "juliet", "00000000-4d72-4749-b3d3-740edbf87770").await;
    let (_stranger, _) = bind2(&bench, "romeo", id).await;
    let (_again, _) = bind2(&bench, "juliet", id).await;
    assert!(left.rest().await.contains("<conflict "));
    bench.sessions(3).await;
}

#[tokio::test]
async fn a_lost_session_goes_on_in_the_request_that_logs_in() {
    let bench = Bench::start(|_| {});
    let authenticate = |inline: &str| {
        let message = STANDARD.encode("\0juliet\0secret");
        format!(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>{message}</initial-response>\
             {inline}</authenticate>"
        )
    };
    let bind = "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>";
    let (mut phone, _) = bench.featured().await;
    phone.send(&authenticate(bind)).await;
    let success = phone.expect("</success>").await;
    phone.expect("</stream:features>").await;
    let between = |after: &str, before: &str| {
        let (_, rest) = success.split_once(after).expect(after);
        rest.split_once(before).expect(before).0.to_owned()
    };
    let (jid, id) = (between("<authorization-identifier>", "<"), between("id='", "'"));
    phone.send("<presence/><r xmlns='urn:xmpp:sm:3'/>").await;
    phone.expect("<a xmlns='urn:xmpp:sm:3' h='1'/>").await;
    drop(phone);
    let mut romeo = bench.session("romeo", "desk").await;
    romeo
        .send(&format!(
            "<message to='{jid}' type='chat'><body>in the tunnel</body></message>"
        ))
        .await;
    let (mut phone, _) = bench.featured().await;
    let resume = format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='0'/>{bind}");
    phone.send(&authenticate(&resume)).await;
    let success = phone.expect("</success>").await;
    assert!(
        success.contains("<resumed ") && !success.contains("<bound"),
        "{success}"
    );
    phone.expect("in the tunnel").await;
    bench.sessions(2).await;
}
