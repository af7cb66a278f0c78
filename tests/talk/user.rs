//! A person with tokio-xmpp.

use super::connector::Connector;
use super::*;
use futures::StreamExt;
use std::collections::VecDeque;
use tokio_xmpp::parsers::iq::Iq;
use tokio_xmpp::xmlstream::Timeouts;
use tokio_xmpp::{Client, Event, IqResponse};

/// A person with a client.
pub struct User {
    pub client: Client,
    pub jid: Jid,
    /// Stanzas that arrived while something else was waited for.
    pub kept: VecDeque<Stanza>,
    /// Answers disco#info queries with these features.
    pub features: BTreeSet<&'static str>,
}

impl User {
    /// Logs in; the resource asked for stands in the JID, if any.
    pub async fn login(server: &TestServer, jid: &str, password: &str) -> User {
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

    pub async fn send(&mut self, stanza: impl Into<Stanza>) {
        self.client
            .send_stanza(stanza.into())
            .await
            .expect("the stream is there");
    }

    /// Initial presence, or a change.
    pub async fn appear(&mut self) {
        let me = self.jid.clone();
        self.send(Presence::new(Type::None)).await;
        self.presence("my own presence", |presence| presence.from.as_ref() == Some(&me))
            .await;
    }

    /// The next stanza; disco#info queries of the hub are answered on the way.
    pub async fn next(&mut self) -> Stanza {
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

    pub fn own_disco(&self, query: &Element) -> Element {
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

    pub async fn expect<T>(&mut self, what: &str, take: impl Fn(&Stanza) -> Option<T>) -> T {
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

    pub async fn presence(&mut self, what: &str, fits: impl Fn(&Presence) -> bool) -> Presence {
        self.expect(what, |stanza| match stanza {
            Stanza::Presence(presence) if fits(presence) => Some(presence.clone()),
            _ => None,
        })
        .await
    }

    pub async fn presence_from(&mut self, from: &str, kind: Type) -> Presence {
        self.presence(&format!("{kind:?} from {from}"), |presence| {
            presence.from.as_ref().is_some_and(|jid| jid.as_str() == from) && presence.type_ == kind
        })
        .await
    }

    pub async fn message(&mut self, what: &str, fits: impl Fn(&Message) -> bool) -> Message {
        self.expect(what, |stanza| match stanza {
            Stanza::Message(message) if fits(message) => Some(message.clone()),
            _ => None,
        })
        .await
    }

    /// An iq; others' stanzas that arrive meanwhile are kept.
    pub async fn iq(&mut self, to: Option<&str>, request: IqRequest) -> Result<Option<Element>, StanzaError> {
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

    pub async fn get(&mut self, to: Option<&str>, payload: &str) -> Result<Element, StanzaError> {
        let payload = payload.parse().expect("XML");
        self.iq(to, IqRequest::Get(payload))
            .await
            .map(|payload| payload.expect("a payload"))
    }

    pub async fn set(&mut self, to: Option<&str>, payload: &str) -> Result<Option<Element>, StanzaError> {
        self.iq(to, IqRequest::Set(payload.parse().expect("XML"))).await
    }

    /// Runs a stage of a command at the collector.
    pub async fn command(&mut self, attributes: &str, form: &str) -> Result<Element, StanzaError> {
        let payload = format!("<command xmlns='{}' {attributes}>{form}</command>", ns::COMMANDS);
        self.set(Some(COLLECTOR_FULL), &payload)
            .await
            .map(|payload| payload.expect("a command"))
    }

    /// Takes the collector out of the roster, where the operator's command may have put it.
    pub async fn forget_collector(&mut self) {
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
    pub async fn watch_collector(&mut self) -> Presence {
        self.forget_collector().await;
        let to: BareJid = COLLECTOR.parse().expect("a JID");
        self.send(Presence::subscribe().with_to(to)).await;
        self.presence_from(COLLECTOR, Type::Subscribed).await;
        self.presence_from(COLLECTOR_FULL, Type::None).await
    }

    /// Everything that has arrived by now.
    pub async fn drain(&mut self) -> Vec<Stanza> {
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

impl User {
    /// The payload of the collector's next PEP event with this name.
    pub async fn event(&mut self, name: &str) -> Element {
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
