//! The stream and its XML (rows X).

use crate::scene::Scene;
use crate::support::node::Received;
use crate::support::{Client, TestServer, ns};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const XML_ERRORS: &[&str] = &[
    "not-well-formed",
    "bad-format",
    "invalid-xml",
    "restricted-xml",
    "bad-namespace-prefix",
];

fn message(body: &[u8]) -> Vec<u8> {
    [
        b"<message to='witness@localhost/w' type='chat'><body>",
        body,
        b"</body></message>",
    ]
    .concat()
}

#[test]
fn x01_x02_x03_x04_restricted_xml_ends_the_stream() {
    let mut scene = Scene::new();
    let restricted = &[
        "restricted-xml",
        "not-well-formed",
        "bad-format",
        "unsupported-encoding",
        "invalid-xml",
    ];
    for text in [
        "<!DOCTYPE x [<!ENTITY lol 'lol'>]>",
        "<!--x-->",
        "<?x y?>",
        "<?xml version='1.0'?>",
        "<message to='witness@localhost/w'><body>&lol;</body></message>",
        "<message to='&lol;'><body>x</body></message>",
        "<message to='witness@localhost/w'><!--x--><body>x</body></message>",
        "<message to='witness@localhost/w'><body><?x y?></body></message>",
        "<message to='witness@localhost/w'><!DOCTYPE x><body>x</body></message>",
    ] {
        let attacker = scene.attacker();
        scene.ends(attacker, text, text.as_bytes(), restricted);
        let stranger = Client::secured(&scene.server, true);
        scene.ends(stranger, text, text.as_bytes(), restricted);
    }
}

#[test]
fn x05_x07_x08_bytes_and_characters_that_are_not_xml_end_the_stream() {
    let mut scene = Scene::new();
    for bytes in [
        &b"\xC0\xBC"[..],
        b"\xED\xA0\x80",
        b"\xEB<",
        b"\xFF",
        b"\x00",
        b"\x01",
        b"\x0B",
        b"\x1F",
        b"\xEF\xBF\xBE",
        b"&#1;",
        b"&#x0;",
        b"&#xFFFE;",
        b"&#xD800;",
        b"&#x110000;",
        b"]]>",
    ] {
        let what = format!("{bytes:?}");
        let attacker = scene.attacker();
        scene.ends(attacker, &what, &message(bytes), XML_ERRORS);
        let attribute = [
            b"<message to='witness@localhost/w' id='",
            bytes,
            b"'><body>x</body></message>",
        ]
        .concat();
        if bytes != b"]]>" {
            let attacker = scene.attacker();
            scene.ends(attacker, &what, &attribute, XML_ERRORS);
        }
    }
}

#[test]
fn x06_x27_characters_and_stanzas_split_anywhere_arrive_whole() {
    let scene = Scene::new();
    let Scene {
        server: _server,
        mut witness,
        mut canary,
    } = scene;
    let text = "a\u{e4}\u{20ac}\u{1f980}\u{feff}z";
    for byte in message(text.as_bytes()) {
        canary.try_send_bytes(&[byte]).expect("sent");
    }
    assert_eq!(witness.receive().child_text("body").as_deref(), Some(text));
    let many: Vec<u8> = (0..50).flat_map(|n| message(n.to_string().as_bytes())).collect();
    canary.try_send_bytes(&many).expect("sent");
    for n in 0..50 {
        assert_eq!(witness.receive().child_text("body"), Some(n.to_string()));
    }
}

#[test]
fn x09_to_x16_what_a_conforming_parser_refuses_is_refused() {
    let mut scene = Scene::new();
    for text in [
        "<message to='witness@localhost/w' to='canary@localhost'><body>x</body></message>",
        "<iq xmlns='jabber:client' xmlns='evil' type='get' id='1'/>",
        "<message to='witness@localhost/w' xmlns:p='urn:a' xmlns:q='urn:a' p:x='1' q:x='2'/>",
        "<x:message to='witness@localhost/w'/>",
        "<message to='witness@localhost/w' x:a='1'/>",
        "<message to='witness@localhost/w' xmlns:p=''><p:a/></message>",
        "<message to='witness@localhost/w' xmlns:xmlns='urn:a'/>",
        "<message to='witness@localhost/w' xmlns:xml='urn:a'/>",
        "<message to='witness@localhost/w' id='<'/>",
        "<message to='witness@localhost/w'id='1'/>",
        "<message to='witness@localhost/w'><1a/></message>",
        "<message to='witness@localhost/w'><a$/></message>",
        "<message to='witness@localhost/w'><a:b:c/></message>",
        "<message to='witness@localhost/w'><=/></message>",
        "<message to='witness@localhost/w'>< /></message>",
        "<message to='witness@localhost/w'><a></b></message>",
        "<message to=witness@localhost/w/>",
        "<message to/>",
    ] {
        let attacker = scene.attacker();
        scene.ends(attacker, text, text.as_bytes(), XML_ERRORS);
    }
}

#[test]
fn x17_half_a_stanza_is_never_processed() {
    let mut scene = Scene::new();
    let mut attacker = scene.attacker();
    attacker.send("<message to='witness@localhost/w' type='chat'><body>half</body>");
    drop(attacker);
    scene.is_well("half a stanza");
    let mut attacker = scene.attacker();
    attacker.send("</stream:stream><message to='witness@localhost/w' type='chat'><body>after</body></message>");
    assert!(attacker.is_gone());
    scene.is_well("a stanza after the end");
}

#[test]
fn x20_to_x23_what_is_too_much_ends_the_stream() {
    let mut scene = Scene::new();
    let attributes: String = (0..1000).map(|n| format!(" a{n}=''")).collect();
    let namespaces: String = (0..200).map(|n| format!(" xmlns:n{n}='urn:{n}'")).collect();
    let deep = format!("<message to='witness@localhost/w'>{}", "<a>".repeat(1000));
    let wide = format!("<message to='witness@localhost/w'>{}</message>", "<a/>".repeat(10_000));
    let long = format!("<message to='witness@localhost/w'><body>{}", "x".repeat(300 * 1024));
    let name = format!("<message to='witness@localhost/w'><{}/></message>", "n".repeat(10_000));
    for (what, text) in [
        ("attributes", format!("<message to='witness@localhost/w'{attributes}/>")),
        ("namespaces", format!("<message to='witness@localhost/w'{namespaces}/>")),
        ("depth", deep),
        ("elements", wide),
        ("a stanza without end", long),
        ("a name", name),
    ] {
        let attacker = scene.attacker();
        scene.ends(attacker, what, text.as_bytes(), &["policy-violation"]);
    }
    let stranger = Client::secured(&scene.server, true);
    let large = format!("<auth xmlns='{}' mechanism='PLAIN'>{}", ns::SASL, "A".repeat(20_000));
    scene.ends(stranger, "before login", large.as_bytes(), &["policy-violation"]);
}

#[test]
fn x26_what_a_reply_echoes_is_escaped() {
    let scene = Scene::new();
    let Scene {
        server: _server,
        mut witness,
        canary: mut attacker,
    } = scene;
    let evil = "a'/><message to=\"witness@localhost/w\"><body>x</body></message><x y='&\"]]>";
    let escaped = evil
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('\'', "&apos;")
        .replace('>', "&gt;");
    attacker.send(&format!(
        "<iq type='get' id='{escaped}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
    ));
    assert_eq!(attacker.receive().attr("id"), Some(evil));
    attacker.send(&format!(
        "<iq type='get' id='i' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info' node='{escaped}'/></iq>"
    ));
    assert_eq!(attacker.receive().attr("type"), Some("error"));
    attacker.iq(&format!(
        "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='x@example.com' name='{escaped}'>\
         <group>{escaped}</group></item></query></iq>"
    ));
    let roster = attacker.result("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>");
    let item = roster
        .child("query")
        .expect("a roster")
        .nodes()
        .find(|item| item.attr("jid") == Some("x@example.com"));
    let item = item.expect("the contact");
    assert_eq!(
        (item.attr("name"), item.child_text("group").as_deref()),
        (Some(evil), Some(evil))
    );
    attacker.send(&format!("<presence><status>{escaped}</status></presence>"));
    witness.expect_nothing();
}

#[test]
fn x30_a_bad_header_is_answered_by_a_header_and_the_error() {
    let server = TestServer::start();
    let stream = "http://etherx.jabber.org/streams";
    for (header, conditions) in [
        (
            "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='urn:x'>".to_owned(),
            vec!["invalid-namespace"],
        ),
        (
            format!("<stream:stream to='other.example' version='1.0' xmlns='jabber:client' xmlns:stream='{stream}'>"),
            vec!["host-unknown"],
        ),
        (
            format!("<stream:stream to='localhost' version='0.9' xmlns='jabber:client' xmlns:stream='{stream}'>"),
            vec!["unsupported-version"],
        ),
        (
            format!("<stream:stream to='localhost' version='1.0' xmlns='jabber:server' xmlns:stream='{stream}'>"),
            vec!["invalid-namespace", "bad-namespace-prefix"],
        ),
        (
            format!("<stream:strem to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='{stream}'>"),
            vec!["bad-format", "invalid-namespace", "not-well-formed"],
        ),
        (
            "<message to='witness@localhost'><body>x</body></message>".to_owned(),
            vec!["bad-format", "invalid-namespace", "not-well-formed"],
        ),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            vec!["bad-format", "not-well-formed"],
        ),
    ] {
        let mut client = Client::connect(&server, server.starttls());
        client.send(&header);
        let answer = client.read(Duration::from_secs(10));
        assert!(matches!(answer, Some(Received::Header(_))), "{header}: {answer:?}");
        let condition = client.expect_stream_error();
        assert!(
            conditions.contains(&condition.as_str()),
            "{header}: {condition} is none of {conditions:?}"
        );
        assert!(client.is_gone());
    }
}

#[test]
fn x31_other_protocols_are_hung_up_on() {
    let server = TestServer::start();
    let hung_up = |address, bytes: &[u8]| {
        let mut stream = TcpStream::connect(address).expect("the port accepts");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout");
        stream.write_all(bytes).expect("sent");
        let mut answer = Vec::new();
        // The end may come as a reset.
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{bytes:?}");
        }
    };
    hung_up(server.direct_tls(), b"<stream:stream to='localhost' version='1.0'>");
    hung_up(server.direct_tls(), b"GET / HTTP/1.1\r\n\r\n");
    hung_up(server.starttls(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    hung_up(server.starttls(), b"\x00\xff\x00\xff");
    Client::secured(&server, true);
}
