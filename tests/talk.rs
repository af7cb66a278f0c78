//! The whole talk, played by `tokio-xmpp`, a client that others wrote: every row of the wire contract, in its order.
//!
//! Each test runs on one thread. On several, tokio-xmpp 6.0.0 stops now and then, with the server's answer read from the
//! socket: its `StanzaReceiver::poll_next` returns `Pending` and leaves no waker when `try_lock` fails because another thread
//! is inside `StanzaSender::send`. What has arrived stays in its queue for ever.

mod support;

use futures::{SinkExt, StreamExt};
use sasl::common::ChannelBinding;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use support::{Login, TestServer, ns};
use tokio::io::BufStream;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_xmpp::connect::ServerConnector;
use tokio_xmpp::error::ProtocolError;
use tokio_xmpp::jid::{BareJid, Jid};
use tokio_xmpp::minidom::Element;
use tokio_xmpp::parsers::iq::Iq;
use tokio_xmpp::parsers::message::{Lang, Message, MessageType};
use tokio_xmpp::parsers::presence::{Presence, Show, Type};
use tokio_xmpp::parsers::stanza_error::StanzaError;
use tokio_xmpp::parsers::starttls;
use tokio_xmpp::xmlstream::{PendingFeaturesRecv, StreamHeader, Timeouts, XmppStreamElement, initiate_stream};
use tokio_xmpp::{Client, Event, IqRequest, IqResponse, Stanza};

/// How long any one thing may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// What the wire contract calls the collector.
const COLLECTOR: &str = "monitor@mon.example";
const COLLECTOR_FULL: &str = "monitor@mon.example/watchpost";
/// The host's name in these tests.
const HOST: &str = "box1";

/// STARTTLS to an address of our choosing, with trust in the server's own CA only.
#[derive(Clone, Debug)]
struct Connector {
    address: std::net::SocketAddr,
    tls: Arc<ClientConfig>,
}

impl ServerConnector for Connector {
    type Stream = BufStream<TlsStream<TcpStream>>;

    async fn connect(
        &self,
        jid: &Jid,
        ns: &'static str,
        timeouts: Timeouts,
    ) -> Result<(PendingFeaturesRecv<Self::Stream>, ChannelBinding), tokio_xmpp::Error> {
        let header = || StreamHeader {
            to: Some(jid.domain().as_str().to_owned().into()),
            from: None,
            id: None,
        };
        let tcp = BufStream::new(TcpStream::connect(self.address).await?);
        let (features, mut stream) = initiate_stream(tcp, ns, header(), timeouts)
            .await?
            .recv_features::<XmppStreamElement>()
            .await?;
        if !features.can_starttls() {
            return Err(ProtocolError::NoTls.into());
        }
        stream
            .send(&XmppStreamElement::Starttls(starttls::Nonza::Request(
                starttls::Request,
            )))
            .await?;
        match stream.next().await {
            Some(Ok(XmppStreamElement::Starttls(starttls::Nonza::Proceed(_)))) => {}
            _ => return Err(ProtocolError::NoTls.into()),
        }
        let name = ServerName::try_from(jid.domain().as_str().to_owned()).expect("a DNS name");
        let tls = tokio_rustls::TlsConnector::from(self.tls.clone()).connect(name, stream.into_inner().into_inner());
        let tls = tls.await?;
        let exported = tls
            .get_ref()
            .1
            .export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", None);
        let binding = ChannelBinding::TlsExporter(exported.expect("TLS 1.3"));
        Ok((
            initiate_stream(BufStream::new(tls), ns, header(), timeouts).await?,
            binding,
        ))
    }
}

/// A person with a client.
struct User {
    client: Client,
    jid: Jid,
    /// Stanzas that arrived while something else was waited for.
    kept: VecDeque<Stanza>,
    /// Answers disco#info queries with these features.
    features: BTreeSet<&'static str>,
}

impl User {
    /// Logs in; the resource asked for stands in the JID, if any.
    async fn login(server: &TestServer, jid: &str, password: &str) -> User {
        let connector = Connector {
            address: server.starttls(),
            tls: support::client::tls_config(&server.ca_pem()),
        };
        let jid = Jid::new(jid).expect("a JID");
        let mut client = Client::new_with_connector(jid, password, connector, Timeouts::default());
        match tokio::time::timeout(DEADLINE, client.next())
            .await
            .expect("online in time")
        {
            Some(Event::Online { bound_jid, .. }) => User {
                client,
                jid: bound_jid,
                kept: VecDeque::new(),
                features: BTreeSet::new(),
            },
            other => panic!("not online: {other:?}\n{}", server.log()),
        }
    }

    async fn send(&mut self, stanza: impl Into<Stanza>) {
        self.client
            .send_stanza(stanza.into())
            .await
            .expect("the stream is there");
    }

    /// Initial presence, or a change.
    async fn appear(&mut self) {
        let me = self.jid.clone();
        self.send(Presence::new(Type::None)).await;
        self.presence("my own presence", |presence| presence.from.as_ref() == Some(&me))
            .await;
    }

    /// The next stanza; disco#info queries of the hub are answered on the way.
    async fn next(&mut self) -> Stanza {
        loop {
            let event = tokio::time::timeout(DEADLINE, self.client.next()).await;
            match event.unwrap_or_else(|_| panic!("{} waits in vain; kept: {:#?}", self.jid, self.kept)) {
                Some(Event::Stanza(Stanza::Iq(Iq::Get { from, id, payload, .. })))
                    if payload.is("query", ns::DISCO_INFO) =>
                {
                    let result = self.own_disco(&payload);
                    self.send(Iq::Result {
                        from: None,
                        to: from,
                        id,
                        payload: Some(result),
                    })
                    .await;
                }
                Some(Event::Stanza(stanza)) => return stanza,
                Some(Event::Online { .. }) => {}
                other => panic!("{}: the stream ended: {other:?}", self.jid),
            }
        }
    }

    fn own_disco(&self, query: &Element) -> Element {
        let mut result = Element::builder("query", ns::DISCO_INFO)
            .append(
                Element::builder("identity", ns::DISCO_INFO)
                    .attr("category".try_into().expect("a name"), "client")
                    .attr("type".try_into().expect("a name"), "pc")
                    .build(),
            )
            .build();
        for feature in &self.features {
            let feature = Element::builder("feature", ns::DISCO_INFO)
                .attr("var".try_into().expect("a name"), *feature)
                .build();
            result.append_child(feature);
        }
        if let Some(node) = query.attr("node") {
            result.set_attr("".into(), "node".try_into().expect("a name"), node);
        }
        result
    }

    async fn expect<T>(&mut self, what: &str, take: impl Fn(&Stanza) -> Option<T>) -> T {
        if let Some((at, found)) = self
            .kept
            .iter()
            .enumerate()
            .find_map(|(at, s)| take(s).map(|found| (at, found)))
        {
            self.kept.remove(at);
            return found;
        }
        let until = tokio::time::Instant::now() + DEADLINE;
        loop {
            assert!(
                tokio::time::Instant::now() < until,
                "{} waits for {what}; kept: {:#?}",
                self.jid,
                self.kept
            );
            let stanza = self.next().await;
            match take(&stanza) {
                Some(found) => return found,
                None => self.kept.push_back(stanza),
            }
        }
    }

    async fn presence(&mut self, what: &str, fits: impl Fn(&Presence) -> bool) -> Presence {
        self.expect(what, |stanza| match stanza {
            Stanza::Presence(presence) if fits(presence) => Some(presence.clone()),
            _ => None,
        })
        .await
    }

    async fn presence_from(&mut self, from: &str, kind: Type) -> Presence {
        self.presence(&format!("{kind:?} from {from}"), |presence| {
            presence.from.as_ref().is_some_and(|jid| jid.as_str() == from) && presence.type_ == kind
        })
        .await
    }

    async fn message(&mut self, what: &str, fits: impl Fn(&Message) -> bool) -> Message {
        self.expect(what, |stanza| match stanza {
            Stanza::Message(message) if fits(message) => Some(message.clone()),
            _ => None,
        })
        .await
    }

    /// An iq; others' stanzas that arrive meanwhile are kept.
    async fn iq(&mut self, to: Option<&str>, request: IqRequest) -> Result<Option<Element>, StanzaError> {
        let to = to.map(|jid| Jid::new(jid).expect("a JID"));
        let token = self.client.send_iq(to, request).await;
        let mut token = std::pin::pin!(token);
        let until = tokio::time::Instant::now() + DEADLINE;
        loop {
            tokio::select! {
                answer = &mut token => return match answer.expect("the stream is there") {
                    IqResponse::Result(payload) => Ok(payload),
                    IqResponse::Error(error) => Err(error),
                },
                stanza = self.next() => self.kept.push_back(stanza),
            }
            assert!(tokio::time::Instant::now() < until, "no answer; kept: {:#?}", self.kept);
        }
    }

    async fn get(&mut self, to: Option<&str>, payload: &str) -> Result<Element, StanzaError> {
        let payload = payload.parse().expect("XML");
        self.iq(to, IqRequest::Get(payload))
            .await
            .map(|payload| payload.expect("a payload"))
    }

    async fn set(&mut self, to: Option<&str>, payload: &str) -> Result<Option<Element>, StanzaError> {
        self.iq(to, IqRequest::Set(payload.parse().expect("XML"))).await
    }

    /// Runs a stage of a command at the collector.
    async fn command(&mut self, attributes: &str, form: &str) -> Result<Element, StanzaError> {
        let payload = format!("<command xmlns='{}' {attributes}>{form}</command>", ns::COMMANDS);
        self.set(Some(COLLECTOR_FULL), &payload)
            .await
            .map(|payload| payload.expect("a command"))
    }

    /// Takes the collector out of the roster, where the operator's command may have put it.
    async fn forget_collector(&mut self) {
        let roster = self
            .get(None, "<query xmlns='jabber:iq:roster'/>")
            .await
            .expect("a roster");
        if children(&roster, "item").any(|item| attr(item, "jid") == COLLECTOR) {
            let remove =
                format!("<query xmlns='jabber:iq:roster'><item jid='{COLLECTOR}' subscription='remove'/></query>");
            self.set(None, &remove).await.expect("removed");
            self.drain().await;
        }
    }

    /// Subscribes to the collector, and waits for its presence.
    async fn watch_collector(&mut self) -> Presence {
        self.forget_collector().await;
        let to: BareJid = COLLECTOR.parse().expect("a JID");
        self.send(Presence::subscribe().with_to(to)).await;
        self.presence_from(COLLECTOR, Type::Subscribed).await;
        self.presence_from(COLLECTOR_FULL, Type::None).await
    }

    /// Everything that has arrived by now.
    async fn drain(&mut self) -> Vec<Stanza> {
        let domain = self.jid.domain().as_str().to_owned();
        self.iq(
            Some(&domain),
            IqRequest::Get("<ping xmlns='urn:xmpp:ping'/>".parse().expect("XML")),
        )
        .await
        .expect("a pong");
        self.kept.drain(..).collect()
    }
}

fn server(settings: &str) -> TestServer {
    let server = TestServer::for_domain(
        "mon.example",
        &format!("{settings}\n[collector]\nname = '{HOST}'\nsample_interval = '1s'\n"),
    );
    server.add_account("client", "secret");
    server
}

async fn client(server: &TestServer) -> User {
    User::login(server, "client@mon.example/desk", "secret").await
}

fn statuses(presence: &Presence) -> String {
    presence.statuses.values().cloned().collect::<Vec<_>>().join("|")
}

fn condition<T: std::fmt::Debug>(answer: Result<T, StanzaError>) -> String {
    match answer {
        Ok(answer) => panic!("not refused: {answer:?}"),
        Err(error) => format!("{:?}", error.defined_condition),
    }
}

fn children<'a>(element: &'a Element, name: &'a str) -> impl Iterator<Item = &'a Element> {
    element.children().filter(move |child| child.name() == name)
}

fn attr(element: &Element, name: &str) -> String {
    element.attr(name).unwrap_or_default().to_owned()
}

fn has_caps(presence: &Presence) -> bool {
    presence.payloads.iter().any(|payload| payload.is("c", ns::CAPS))
}

// --- 1. Presence is the status ---

#[tokio::test]
async fn subscribing_makes_the_server_a_contact_and_its_presence_is_its_status() {
    let server = server("");
    let mut client = client(&server).await;
    assert_eq!(client.jid.as_str(), "client@mon.example/desk");
    client
        .get(None, "<query xmlns='jabber:iq:roster'/>")
        .await
        .expect("a roster");
    client.appear().await;
    let presence = client.watch_collector().await;
    assert!(has_caps(&presence), "no capabilities: {presence:?}");
    let status = statuses(&presence);
    for part in ["load", "memory", "up "] {
        assert!(status.contains(part), "{part} is not in the status {status:?}");
    }
    let roster = client
        .get(None, "<query xmlns='jabber:iq:roster'/>")
        .await
        .expect("a roster");
    let item = children(&roster, "item")
        .find(|item| attr(item, "jid") == COLLECTOR)
        .expect("the collector");
    assert!(
        ["to", "both"].contains(&attr(item, "subscription").as_str()),
        "{item:?}"
    );
}

#[tokio::test]
async fn a_new_admin_finds_the_collector_in_its_roster_both_ways() {
    let server = server("");
    server.add_account_with_role("boss", "secret", "admin");
    let mut boss = User::login(&server, "boss@mon.example", "secret").await;
    let roster = boss
        .get(None, "<query xmlns='jabber:iq:roster'/>")
        .await
        .expect("a roster");
    let item = children(&roster, "item")
        .find(|item| attr(item, "jid") == COLLECTOR)
        .expect("the collector");
    assert_eq!(attr(item, "subscription"), "both");
    assert_eq!(attr(item, "name"), HOST);
    assert_eq!(
        children(item, "group").map(Element::text).collect::<Vec<_>>(),
        ["Servers"]
    );
    boss.send(Presence::new(Type::None)).await;
    let presence = boss.presence_from(COLLECTOR_FULL, Type::None).await;
    assert!(has_caps(&presence) && !statuses(&presence).is_empty(), "{presence:?}");
}

#[tokio::test]
async fn the_client_binds_the_channel_by_its_own_choice() {
    let server = server("[log]\nlevel = 'debug'");
    client(&server).await;
    let log = server.log();
    assert!(
        log.contains("account=client@mon.example mechanism=SCRAM-SHA-256-PLUS"),
        "{log}"
    );
}

#[tokio::test]
async fn who_is_not_admitted_is_refused() {
    let narrow = TestServer::for_domain("mon.example", "[collector]\nwatchers = ['other@mon.example']\n");
    narrow.add_account("client", "secret");
    narrow.add_account("other", "secret");
    let mut client = client(&narrow).await;
    client.appear().await;
    client.forget_collector().await;
    client
        .send(Presence::subscribe().with_to(COLLECTOR.parse::<BareJid>().expect("a JID")))
        .await;
    client.presence_from(COLLECTOR, Type::Unsubscribed).await;
    let mut other = User::login(&narrow, "other@mon.example", "secret").await;
    other.appear().await;
    other.watch_collector().await;
}

/// Sessions are the lever: a crowd of them exceeds the limits, and its going clears them.
const CROWDED: &str = "[[rule]]\nname = 'crowd'\nstatistic = 'xmpp#sessions'\nwarning = 6.0\ncritical = 9.0\nclear = 5.0\n\
                       message = 'Crowded. {value} sessions'\n[rules]\ndefaults = false\n";

#[tokio::test]
async fn a_busy_server_is_away_then_dnd_and_publishes_what_happened() {
    let server = server(CROWDED);
    server.add_account("crowd", "secret");
    let mut client = client(&server).await;
    client.features = BTreeSet::from(["codebits+notify", ns::CAPS, ns::DISCO_INFO]);
    let caps = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://example.org/talk' \
                ver='qaeCftXGqffNCQx5I4l+ZnFlEuc='/>";
    let mut presence = Presence::new(Type::None);
    presence.payloads.push(caps.parse().expect("XML"));
    client.send(presence).await;
    let before = client.watch_collector().await;
    assert_eq!(before.show, None);
    assert!(statuses(&before).starts_with("OK"), "{before:?}");

    let crowd = |count: usize| -> Vec<support::Client> {
        (0..count)
            .map(|_| support::Client::login(&server, &Login::new("crowd", "secret")))
            .collect()
    };
    let first = crowd(5);
    let away = client
        .presence("away", |presence| presence.show == Some(Show::Away))
        .await;
    assert!(statuses(&away).starts_with("Crowded. "), "{away:?}");
    let exceeded = client.event("limit-exceeded").await;
    assert_eq!(attr(&exceeded, "severity"), "warning", "{exceeded:?}");
    let second = crowd(4);
    let dnd = client
        .presence("dnd", |presence| presence.show == Some(Show::Dnd))
        .await;
    assert!(statuses(&dnd).starts_with("Crowded. "), "{dnd:?}");
    assert_eq!(attr(&client.event("limit-exceeded").await, "severity"), "critical");
    drop((first, second));
    let back = client
        .presence("available again", |p| {
            p.show.is_none()
                && p.type_ == Type::None
                && p.from.as_ref().is_some_and(|jid| jid.as_str() == COLLECTOR_FULL)
        })
        .await;
    assert!(statuses(&back).starts_with("OK"), "{back:?}");
    client.event("limit-cleared").await;
}

impl User {
    /// The payload of the collector's next PEP event with this name.
    async fn event(&mut self, name: &str) -> Element {
        let found = |message: &Message| {
            let event = message
                .payloads
                .iter()
                .find(|payload| payload.is("event", ns::PUBSUB_EVENT))?;
            let items = children(event, "items").find(|items| items.attr("node") == Some(ns::CODEBITS))?;
            let item = children(items, "item").next()?;
            item.get_child(name, ns::CODEBITS).cloned()
        };
        let message = self
            .message(name, |message| {
                message.from.as_ref().is_some_and(|jid| jid.as_str() == COLLECTOR) && found(message).is_some()
            })
            .await;
        found(&message).expect("just found")
    }
}

/// A server that is watched from elsewhere: an account of role collector, played by the raw client.
fn remote_collector(server: &TestServer) -> support::Client {
    server.add_account_with_role("web1", "secret", "collector");
    support::Client::login(server, &Login::new("web1", "secret").resource("watchpost"))
}

/// The two have each other in their rosters from the start.
async fn watch_web1(web1: &mut support::Client, client: &mut User) {
    web1.send("<presence><status>OK</status></presence>");
    let presence = client.presence_from("web1@mon.example/watchpost", Type::None).await;
    assert_eq!(statuses(&presence), "OK");
}

#[tokio::test]
async fn a_dead_server_is_unavailable() {
    let server = server("");
    let mut client = client(&server).await;
    client.appear().await;
    let mut web1 = remote_collector(&server);
    watch_web1(&mut web1, &mut client).await;
    drop(web1);
    client
        .presence_from("web1@mon.example/watchpost", Type::Unavailable)
        .await;
    // It starts up again: the same resource, at once.
    let mut web1 = support::Client::login(&server, &Login::new("web1", "secret").resource("watchpost"));
    web1.send("<presence><status>OK</status></presence>");
    client.presence_from("web1@mon.example/watchpost", Type::None).await;
    web1.close();
    client
        .presence_from("web1@mon.example/watchpost", Type::Unavailable)
        .await;
}

#[tokio::test]
async fn a_collector_that_falls_silent_is_stale_and_then_dead_without_a_goodbye() {
    let server = server("[limits]\ndead_after = '3s'\n");
    let mut client = client(&server).await;
    client.appear().await;
    let mut web1 = remote_collector(&server);
    watch_web1(&mut web1, &mut client).await;
    // Its connection stays open, and nothing answers any more.
    let stale = client.presence_from("web1@mon.example/watchpost", Type::None).await;
    assert_eq!(stale.show, Some(tokio_xmpp::parsers::presence::Show::Xa));
    assert!(statuses(&stale).starts_with("stale since "), "{}", statuses(&stale));
    client
        .presence_from("web1@mon.example/watchpost", Type::Unavailable)
        .await;
}

// --- 2. Discovery is the catalogue ---

#[tokio::test]
async fn disco_info_tells_the_monitor_and_every_feature_at_the_full_and_the_bare_jid() {
    let server = server("");
    let mut client = client(&server).await;
    client.appear().await;
    client.watch_collector().await;
    for to in [COLLECTOR_FULL, COLLECTOR] {
        let info = client
            .get(Some(to), &format!("<query xmlns='{}'/>", ns::DISCO_INFO))
            .await
            .expect("an answer");
        let identities: Vec<_> = children(&info, "identity")
            .map(|id| (attr(id, "category"), attr(id, "type"), attr(id, "name")))
            .collect();
        assert!(
            identities.contains(&("monitor".into(), "server".into(), "XMPP Monitor".into())),
            "{to}: {identities:?}"
        );
        let features: BTreeSet<String> = children(&info, "feature").map(|feature| attr(feature, "var")).collect();
        let mut wanted = vec![ns::DISCO_INFO, ns::DISCO_ITEMS];
        match to {
            COLLECTOR_FULL => {
                assert!(
                    identities
                        .iter()
                        .any(|id| (id.0.as_str(), id.1.as_str()) == ("client", "bot"))
                );
                wanted.extend([
                    "codebits",
                    "codebits+notify",
                    ns::COMMANDS,
                    ns::STATS,
                    "urn:xmpp:ping",
                    "jabber:iq:version",
                ]);
            }
            _ => {
                let kinds: Vec<_> = identities.iter().map(|id| (id.0.as_str(), id.1.as_str())).collect();
                assert!(
                    kinds.contains(&("account", "registered")) && kinds.contains(&("pubsub", "pep")),
                    "{kinds:?}"
                );
            }
        }
        for feature in wanted {
            assert!(features.contains(feature), "{to}: no {feature} in {features:?}");
        }
    }
    for (feature, payload) in [
        ("urn:xmpp:ping", "<ping xmlns='urn:xmpp:ping'/>"),
        ("jabber:iq:version", "<query xmlns='jabber:iq:version'/>"),
    ] {
        client
            .iq(Some(COLLECTOR_FULL), IqRequest::Get(payload.parse().expect("XML")))
            .await
            .unwrap_or_else(|error| panic!("{feature} is announced and refused: {error:?}"));
    }
}

#[tokio::test]
async fn disco_items_list_the_statistics_and_disco_info_of_a_node_carries_the_values() {
    let server = server("");
    let mut client = client(&server).await;
    client.appear().await;
    client.watch_collector().await;
    for to in [COLLECTOR_FULL, COLLECTOR] {
        let items = client
            .get(Some(to), &format!("<query xmlns='{}'/>", ns::DISCO_ITEMS))
            .await
            .expect("items");
        let items: Vec<_> = children(&items, "item")
            .map(|i| (attr(i, "jid"), attr(i, "node"), attr(i, "name")))
            .collect();
        assert!(
            items.contains(&(to.into(), "cpu".into(), "CPU Load".into())),
            "{to}: {items:?}"
        );
        for node in ["memory", "swap", "disk", "network", "process", "uptime", "xmpp"] {
            assert!(
                items.iter().any(|item| item.1 == node && item.0 == to),
                "{to}: no {node} in {items:?}"
            );
        }
        let cpu = client
            .get(Some(to), &format!("<query xmlns='{}' node='cpu'/>", ns::DISCO_INFO))
            .await
            .expect("cpu");
        assert_eq!(cpu.attr("node"), Some("cpu"));
        let values: Vec<_> = cpu
            .children()
            .filter(|child| child.is("statistic", ns::CODEBITS))
            .map(|s| (attr(s, "name"), attr(s, "value"), attr(s, "units")))
            .collect();
        for name in ["1-min", "5-min", "15-min", "usage"] {
            let value = values
                .iter()
                .find(|value| value.0 == name)
                .unwrap_or_else(|| panic!("no {name}: {values:?}"));
            value
                .1
                .parse::<f64>()
                .unwrap_or_else(|error| panic!("{name} = {:?}: {error}", value.1));
        }
        assert!(
            values.iter().any(|v| v.0 == "usage" && !v.2.is_empty()),
            "usage has no units: {values:?}"
        );
        let form = cpu.get_child("x", ns::DATA).expect("an XEP-0128 form");
        assert_eq!(form.attr("type"), Some("result"));
        let fields: Vec<_> = children(form, "field")
            .map(|field| {
                (
                    attr(field, "var"),
                    children(field, "value").map(Element::text).collect::<String>(),
                )
            })
            .collect();
        assert!(fields.contains(&("FORM_TYPE".into(), "codebits".into())), "{fields:?}");
        let five = values.iter().find(|value| value.0 == "5-min").expect("5-min");
        assert!(
            fields.iter().any(|f| f.0.ends_with("5-min") && f.1 == five.1),
            "{five:?} is not in {fields:?}"
        );
        let unknown = client
            .get(Some(to), &format!("<query xmlns='{}' node='teapot'/>", ns::DISCO_INFO))
            .await;
        assert_eq!(condition(unknown), "ItemNotFound");
    }
    // A group with members is a hierarchy.
    let members = client
        .get(
            Some(COLLECTOR_FULL),
            &format!("<query xmlns='{}' node='cpu'/>", ns::DISCO_ITEMS),
        )
        .await
        .expect("members");
    assert!(
        children(&members, "item").any(|item| item.attr("node") == Some("cpu/0")),
        "{members:?}"
    );
    let member = client
        .get(
            Some(COLLECTOR_FULL),
            &format!("<query xmlns='{}' node='cpu/0'/>", ns::DISCO_INFO),
        )
        .await
        .expect("cpu/0");
    assert!(
        member.children().any(|child| child.is("statistic", ns::CODEBITS)),
        "{member:?}"
    );
}

#[tokio::test]
async fn the_same_values_answer_statistics_gathering() {
    let server = server("");
    let mut client = client(&server).await;
    client.appear().await;
    client.watch_collector().await;
    let list = client
        .get(Some(COLLECTOR_FULL), &format!("<query xmlns='{}'/>", ns::STATS))
        .await
        .expect("a list");
    let names: Vec<String> = children(&list, "stat").map(|stat| attr(stat, "name")).collect();
    let name = names
        .iter()
        .find(|name| name.contains("5-min"))
        .unwrap_or_else(|| panic!("no 5-min in {names:?}"));
    let query = format!(
        "<query xmlns='{}'><stat name='{name}'/><stat name='no/such'/></query>",
        ns::STATS
    );
    let values = client.get(Some(COLLECTOR_FULL), &query).await.expect("values");
    let stat = children(&values, "stat")
        .find(|stat| attr(stat, "name") == *name)
        .expect("the value");
    stat.attr("value").expect("a value").parse::<f64>().expect("a number");
    let missing = children(&values, "stat")
        .find(|stat| attr(stat, "name") == "no/such")
        .expect("an answer for it too");
    assert!(children(missing, "error").next().is_some(), "{missing:?}");
}

// --- 3. Commands are the controls ---

/// What the programs of these tests are.
const COMMANDS: &str = "[reboot]\nargv = ['/bin/true']\nconfirm = false\n\
    [[command]]\nname = 'say'\ndescription = 'Says a word'\nargv = ['/bin/echo', 'said', '{word}']\n\
    parameters = [{ name = 'word', choices = ['tea', 'coffee'] }]\n";

fn command_server(settings: &str) -> TestServer {
    let server = server(settings);
    server.add_account_with_role("boss", "secret", "admin");
    server
}

async fn boss(server: &TestServer) -> User {
    let mut boss = User::login(server, "boss@mon.example/desk", "secret").await;
    boss.send(Presence::new(Type::None)).await;
    boss.presence_from(COLLECTOR_FULL, Type::None).await;
    boss
}

async fn command_list(user: &mut User) -> BTreeSet<String> {
    let query = format!("<query xmlns='{}' node='{}'/>", ns::DISCO_ITEMS, ns::COMMANDS);
    let items = user.get(Some(COLLECTOR_FULL), &query).await.expect("the list");
    children(&items, "item").map(|item| attr(item, "node")).collect()
}

#[tokio::test]
async fn m01_the_command_list_holds_what_this_requester_may_run_and_no_more() {
    let server = command_server(COMMANDS);
    let mut boss = boss(&server).await;
    let all = command_list(&mut boss).await;
    for node in ["reboot", "stats-reset", "shell"] {
        assert!(all.contains(node), "the admin has no {node}: {all:?}");
    }
    let mut client = client(&server).await;
    client.appear().await;
    client.watch_collector().await;
    let few = command_list(&mut client).await;
    for node in ["reboot", "shell"] {
        assert!(!few.contains(node), "the viewer has {node}: {few:?}");
        let refused = client.command(&format!("node='{node}' action='execute'"), "").await;
        assert_eq!(condition(refused), "Forbidden", "{node}");
    }
    let unknown = boss.command("node='make-tea' action='execute'", "").await;
    assert_eq!(condition(unknown), "ItemNotFound");
}

#[tokio::test]
async fn reboot_completes_at_once_where_no_confirmation_is_configured() {
    let server = command_server(COMMANDS);
    let mut boss = boss(&server).await;
    let done = boss
        .command("node='reboot' action='execute'", "")
        .await
        .expect("an answer");
    assert_eq!(attr(&done, "node"), "reboot");
    assert_eq!(attr(&done, "status"), "completed", "{done:?}");
    assert!(!attr(&done, "sessionid").is_empty());
    let note = children(&done, "note").next().expect("a note").text();
    assert!(note.contains("30 s") && note.contains("cancel-reboot"), "{note}");
    let stopped = boss
        .command("node='cancel-reboot' action='execute'", "")
        .await
        .expect("stopped");
    assert_eq!(attr(&stopped, "status"), "completed", "{stopped:?}");
}

#[tokio::test]
async fn m13_reboot_asks_for_the_host_s_name_by_default() {
    let dir = tempfile::tempdir().expect("a folder");
    let witness = dir.path().join("rebooted");
    let server = command_server(&format!(
        "[reboot]\nargv = ['/usr/bin/touch', '{}']\ndelay = '1s'\n",
        witness.display()
    ));
    let mut boss = boss(&server).await;
    let form = boss
        .command("node='reboot' action='execute'", "")
        .await
        .expect("a form");
    assert_eq!(attr(&form, "status"), "executing", "{form:?}");
    let session = attr(&form, "sessionid");
    let x = form.get_child("x", ns::DATA).expect("a form");
    assert_eq!(x.attr("type"), Some("form"));
    assert!(String::from(x).contains(HOST), "the form does not name the host: {x:?}");
    let field = children(x, "field")
        .find(|field| field.attr("type") == Some("text-single"))
        .expect("a field");
    let field = attr(field, "var");
    let submit = |value: &str| {
        format!("<x xmlns='jabber:x:data' type='submit'><field var='{field}'><value>{value}</value></field></x>")
    };
    let stage = format!("node='reboot' sessionid='{session}' action='complete'");
    let wrong = boss
        .command(&stage, &submit("otherbox"))
        .await
        .expect_err("a wrong name");
    assert_eq!(format!("{:?}", wrong.defined_condition), "BadRequest");
    assert!(!witness.exists());
    let done = boss.command(&stage, &submit(HOST)).await.expect("completed");
    assert_eq!(attr(&done, "status"), "completed", "{done:?}");
    let until = tokio::time::Instant::now() + DEADLINE;
    while !witness.exists() {
        assert!(
            tokio::time::Instant::now() < until,
            "the configured argv did not run\n{}",
            server.log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The same stage once more runs nothing (threat M12).
    std::fs::remove_file(&witness).expect("removed");
    condition(boss.command(&stage, &submit(HOST)).await);
    // A second reboot within the cool-down neither.
    condition(boss.command("node='reboot' action='execute'", "").await);
    assert!(!witness.exists());
}

#[tokio::test]
async fn a_reboot_that_is_not_configured_is_not_there() {
    let server = command_server("");
    let mut boss = boss(&server).await;
    let list = command_list(&mut boss).await;
    assert!(!list.contains("reboot") && !list.contains("shell"), "{list:?}");
    assert_eq!(
        condition(boss.command("node='reboot' action='execute'", "").await),
        "ItemNotFound"
    );
}

#[tokio::test]
async fn stats_reset_completes() {
    let server = command_server("");
    let mut boss = boss(&server).await;
    let done = boss
        .command("node='stats-reset' action='execute'", "")
        .await
        .expect("an answer");
    assert_eq!(attr(&done, "status"), "completed", "{done:?}");
}

#[tokio::test]
async fn the_shell_command_asks_checks_runs_and_answers_by_forms() {
    let server = command_server(COMMANDS);
    let mut boss = boss(&server).await;
    let form = boss.command("node='shell' action='execute'", "").await.expect("a form");
    assert_eq!(attr(&form, "status"), "executing");
    let session = attr(&form, "sessionid");
    let x = form.get_child("x", ns::DATA).expect("a form").clone();
    let hidden = children(&x, "field")
        .find(|field| field.attr("var") == Some("FORM_TYPE"))
        .expect("FORM_TYPE");
    assert_eq!(hidden.attr("type"), Some("hidden"));
    let choice = children(&x, "field")
        .find(|f| f.attr("type") == Some("list-single"))
        .expect("a list")
        .clone();
    assert!(
        children(&choice, "option").any(|o| children(o, "value").any(|v| v.text() == "say")),
        "{choice:?}"
    );
    let var = attr(&choice, "var");
    let field = |var: &str, value: &str| format!("<field var='{var}'><value>{value}</value></field>");
    let submit = |fields: &str| format!("<x xmlns='jabber:x:data' type='submit'>{fields}</x>");

    // A value that is no choice: the answer names the field, and the session stays open.
    let stage = |action: &str| format!("node='shell' sessionid='{session}' action='{action}'");
    let bad = boss
        .command(&stage("next"), &submit(&field(&var, "rm -rf")))
        .await
        .expect_err("no choice");
    assert_eq!(format!("{:?}", bad.defined_condition), "BadRequest");
    assert!(
        bad.other.as_ref().is_some_and(|other| other.name() == "bad-payload"),
        "{bad:?}"
    );
    assert!(
        bad.texts
            .values()
            .any(|text| text.contains(&var) || text.contains(&attr(&choice, "label"))),
        "{bad:?}"
    );

    let next = boss
        .command(&stage("next"), &submit(&field(&var, "say")))
        .await
        .expect("the parameters");
    assert_eq!(attr(&next, "status"), "executing", "{next:?}");
    let x = next.get_child("x", ns::DATA).expect("a form");
    let word = children(x, "field")
        .find(|f| attr(f, "var").contains("word"))
        .expect("the parameter");
    let word = attr(word, "var");
    let actions = children(&next, "actions").next().expect("actions");
    assert!(children(actions, "complete").next().is_some(), "{actions:?}");

    // Back, forth, and a bad parameter on the way.
    if children(actions, "prev").next().is_some() {
        let back = boss.command(&stage("prev"), "").await.expect("the first form again");
        assert_eq!(attr(&back, "status"), "executing");
        boss.command(&stage("next"), &submit(&field(&var, "say")))
            .await
            .expect("the parameters again");
    }
    let bad = boss
        .command(&stage("complete"), &submit(&field(&word, "$(reboot)")))
        .await;
    assert_eq!(condition(bad), "BadRequest");
    let done = boss
        .command(&stage("complete"), &submit(&field(&word, "tea")))
        .await
        .expect("completed");
    assert_eq!(attr(&done, "status"), "completed", "{done:?}");
    let x = done.get_child("x", ns::DATA).expect("a result form");
    assert_eq!(x.attr("type"), Some("result"));
    let values: Vec<String> = children(x, "field")
        .flat_map(|f| children(f, "value"))
        .map(|value| value.text().trim().to_owned())
        .collect();
    assert!(
        values.iter().any(|value| value == "said tea"),
        "no stdout in {values:?}"
    );
    assert!(values.iter().any(|value| value == "0"), "no exit status in {values:?}");
}

#[tokio::test]
async fn m04_a_session_belongs_to_one_full_jid_and_can_be_cancelled() {
    let server = command_server(COMMANDS);
    let mut boss = boss(&server).await;
    let form = boss.command("node='shell' action='execute'", "").await.expect("a form");
    let session = attr(&form, "sessionid");
    let mut other = User::login(&server, "boss@mon.example/phone", "secret").await;
    let stage = |action: &str| format!("node='shell' sessionid='{session}' action='{action}'");
    condition(other.command(&stage("complete"), "").await);
    let cancelled = boss.command(&stage("cancel"), "").await.expect("cancelled");
    assert_eq!(attr(&cancelled, "status"), "canceled");
    condition(boss.command(&stage("complete"), "").await);
    condition(
        boss.command("node='shell' sessionid='invented' action='complete'", "")
            .await,
    );
}

#[tokio::test]
async fn commands_are_words_in_a_chat_too() {
    let server = command_server(COMMANDS);
    let mut boss = boss(&server).await;
    let mut ask = Message::new(Some(COLLECTOR.parse::<Jid>().expect("a JID")));
    ask.type_ = MessageType::Chat;
    ask.bodies.insert(Lang::from(String::new()), "help".to_owned());
    boss.send(ask).await;
    let answer = boss
        .message("an answer in the chat", |message| !message.bodies.is_empty())
        .await;
    let text: String = answer.bodies.values().cloned().collect();
    assert!(
        answer
            .from
            .as_ref()
            .is_some_and(|jid| jid.as_str().starts_with(COLLECTOR)),
        "{answer:?}"
    );
    assert!(text.contains("reboot") && text.contains("stats"), "{text}");
}

// --- 4. Notifications are events ---

#[tokio::test]
async fn what_an_account_publishes_reaches_contacts_that_announce_interest_and_nobody_else() {
    let server = server("");
    server.add_account("bot", "secret");
    server.add_account("stranger", "secret");
    let mut client = client(&server).await;
    client.features = BTreeSet::from(["codebits+notify", ns::CAPS, ns::DISCO_INFO]);
    let mut presence = Presence::new(Type::None);
    presence.payloads.push(
        "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://example.org/talk' \
         ver='qaeCftXGqffNCQx5I4l+ZnFlEuc='/>"
            .parse()
            .expect("XML"),
    );
    client.send(presence.clone()).await;
    let mut plain = User::login(&server, "client@mon.example/plain", "secret").await;
    plain.appear().await;
    let mut stranger = User::login(&server, "stranger@mon.example", "secret").await;
    stranger.features = client.features.clone();
    stranger.send(presence).await;
    let mut bot = User::login(&server, "bot@mon.example/bot", "secret").await;
    bot.appear().await;
    client
        .send(Presence::subscribe().with_to("bot@mon.example".parse::<BareJid>().expect("a JID")))
        .await;
    bot.presence_from("client@mon.example", Type::Subscribe).await;
    bot.send(Presence::new(Type::Subscribed).with_to("client@mon.example".parse::<BareJid>().expect("a JID")))
        .await;
    client.presence_from("bot@mon.example/bot", Type::None).await;
    // The hub has asked what the hash stands for by the time it answers this.
    client.drain().await;
    let publish = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='codebits'><item>\
                   <rebooted xmlns='codebits'/></item></publish></pubsub>";
    let result = bot
        .set(None, publish)
        .await
        .expect("published")
        .expect("a result with the item id");
    let item = result
        .get_child("publish", ns::PUBSUB)
        .and_then(|p| p.get_child("item", ns::PUBSUB))
        .expect("an item");
    let id = attr(item, "id");
    assert!(!id.is_empty());
    let event = client
        .message("the event", |m| {
            m.payloads.iter().any(|payload| payload.is("event", ns::PUBSUB_EVENT))
        })
        .await;
    assert_eq!(event.from.as_ref().map(Jid::as_str), Some("bot@mon.example"));
    let items = event.payloads[0].get_child("items", ns::PUBSUB_EVENT).expect("items");
    assert_eq!(items.attr("node"), Some("codebits"));
    let item = children(items, "item").next().expect("an item");
    assert_eq!(attr(item, "id"), id);
    assert!(item.get_child("rebooted", ns::CODEBITS).is_some(), "{item:?}");
    for other in [&mut plain, &mut stranger] {
        let arrived = other.drain().await;
        assert!(
            !arrived.iter().any(|stanza| matches!(stanza, Stanza::Message(_))),
            "{}: {arrived:?}",
            other.jid
        );
    }
}

// --- 5. Basics ---

#[tokio::test]
async fn a_resource_is_made_by_the_server_when_none_is_asked_for() {
    let server = server("");
    let one = User::login(&server, "client@mon.example", "secret").await;
    let two = User::login(&server, "client@mon.example", "secret").await;
    assert!(
        one.jid.resource().is_some_and(|resource| resource.len() >= 8),
        "{}",
        one.jid
    );
    assert_ne!(one.jid, two.jid);
}

#[tokio::test]
async fn the_server_is_an_im_server_with_vcards() {
    let server = server("");
    let mut client = client(&server).await;
    let info = client
        .get(Some("mon.example"), &format!("<query xmlns='{}'/>", ns::DISCO_INFO))
        .await
        .expect("info");
    let identity = children(&info, "identity").next().expect("an identity");
    assert_eq!(
        (attr(identity, "category"), attr(identity, "type")),
        ("server".into(), "im".into())
    );
    assert!(
        children(&info, "feature").any(|feature| feature.attr("var") == Some("vcard-temp")),
        "{info:?}"
    );
}

#[tokio::test]
async fn chat_goes_to_the_resource_of_the_highest_priority_with_extensions_untouched() {
    let server = server("");
    server.add_account("jack", "secret");
    let mut jack = User::login(&server, "jack@mon.example/home", "secret").await;
    let mut home = client(&server).await;
    let mut work = User::login(&server, "client@mon.example/work", "secret").await;
    home.send(Presence::new(Type::None).with_priority(1)).await;
    home.presence_from("client@mon.example/desk", Type::None).await;
    work.send(Presence::new(Type::None).with_priority(7)).await;
    work.presence_from("client@mon.example/work", Type::None).await;
    let mut message = Message::new(Some("client@mon.example".parse::<Jid>().expect("a JID")));
    message.type_ = MessageType::Chat;
    message
        .bodies
        .insert(Lang::from(String::new()), "Wherefore art thou?".to_owned());
    message.payloads.push(
        "<statistic xmlns='codebits' name='5-min' value='0.4'/>"
            .parse()
            .expect("XML"),
    );
    jack.send(message).await;
    let got = work.message("the message", |message| !message.bodies.is_empty()).await;
    assert_eq!(got.from.as_ref().map(Jid::as_str), Some("jack@mon.example/home"));
    assert_eq!(got.type_, MessageType::Chat);
    let statistic = got
        .payloads
        .iter()
        .find(|payload| payload.is("statistic", ns::CODEBITS))
        .expect("the extension");
    assert_eq!(
        (attr(statistic, "name"), attr(statistic, "value")),
        ("5-min".into(), "0.4".into())
    );
    let arrived = home.drain().await;
    assert!(
        !arrived.iter().any(|stanza| matches!(stanza, Stanza::Message(_))),
        "{arrived:?}"
    );
}
