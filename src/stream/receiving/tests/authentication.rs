//! SASL on the receiving side.

use super::*;
use crate::stream::{Mechanism, ScramHash};

const ABORT: &str = "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

/// Keys of RFC 5802 section 5's user, whose password is `pencil`.
pub(super) fn keys() -> ScramKeys {
    let decode = |text: &str| STANDARD.decode(text).expect("base64");
    ScramKeys {
        salt: decode("QSXCR+Q6sek8bf92"),
        iterations: 4096,
        stored_key: decode("6dlGYMOdZcOPutkcNY8U2g7vK9Y="),
        server_key: decode("D+CSWLOshSulAsxiupA+qs2/fTE="),
    }
}

fn bindings() -> ChannelBindings {
    ChannelBindings {
        exporter: Some([1; 32]),
        end_point: Some(vec![2; 32]),
    }
}

/// The challenge's message.
fn challenge(output: &str) -> String {
    let text = output
        .strip_prefix("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>")
        .expect("a challenge");
    let text = text.strip_suffix("</challenge>").expect("a challenge alone");
    String::from_utf8(STANDARD.decode(text).expect("base64")).expect("UTF-8")
}

#[test]
fn a05_mechanisms_are_what_the_connection_can_do() {
    let plus = Bench::new(Transport::Encrypted(bindings())).say(HEADER);
    let (_, features) = plus.split_once("<stream:features>").expect("features");
    assert!(
        features.starts_with(
            "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-512-PLUS</mechanism>"
        )
    );
    assert!(features.ends_with(
        "<mechanism>PLAIN</mechanism><inline><bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:carbons:2'/>\
         <feature var='urn:xmpp:csi:0'/>\
         <feature var='urn:xmpp:sm:3'/></inline></bind><sm xmlns='urn:xmpp:sm:3'/></inline></authentication>\
         <sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>\
         <channel-binding type='tls-exporter'/><channel-binding type='tls-server-end-point'/></sasl-channel-binding>\
         <limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>10000</max-bytes></limits></stream:features>"
    ));
    assert_eq!(features.matches("<mechanism>SCRAM-SHA-256-PLUS</mechanism>").count(), 2);
    let none = Bench::new(Transport::Encrypted(ChannelBindings::default())).say(HEADER);
    assert!(!none.contains("PLUS") && !none.contains("sasl-channel-binding"));
    assert_eq!(none.matches("<mechanism>").count(), 8, "four in each profile");
}

#[test]
fn a22_other_mechanisms_and_older_ways_are_refused() {
    for mechanism in [
        "ANONYMOUS",
        "DIGEST-MD5",
        "LOGIN",
        "EXTERNAL",
        "plain",
        "",
        "SCRAM-SHA-1-PLUS",
    ] {
        let mut bench = Bench::encrypted();
        assert_eq!(
            bench.say(&auth(mechanism, "x")),
            failure(Failure::InvalidMechanism),
            "{mechanism}"
        );
    }
    let none = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    assert_eq!(Bench::encrypted().say(none), failure(Failure::InvalidMechanism));
    for request in [
        "<iq type='get' id='a'><query xmlns='jabber:iq:auth'/></iq>",
        "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
    ] {
        assert!(ends_with(&Bench::encrypted().say(request), "not-authorized"));
    }
}

#[test]
fn a_listed_mechanism_alone_is_taken() {
    let options = Options {
        mechanisms: vec![Mechanism::Plain],
        ..Options::new(BareJid::new("mon.example").expect("a domain"))
    };
    let mut bench = Bench::with(options, Transport::Encrypted(bindings()));
    let output = bench.say(HEADER);
    assert!(output.contains("'><mechanism>PLAIN</mechanism></mechanisms><authentication"));
    assert_eq!(
        bench.say(&auth("SCRAM-SHA-1", "n,,n=user,r=abc")),
        failure(Failure::InvalidMechanism)
    );
}

#[test]
fn scram_is_a_challenge_and_a_response_and_binds_the_channel() {
    let mut bench = Bench::new(Transport::Encrypted(bindings()));
    bench.say(HEADER);
    bench.say(&auth("SCRAM-SHA-1-PLUS", "p=tls-exporter,,n=user,r=abc"));
    assert_eq!(bench.events(), ["Credentials user Sha1"]);
    let first = challenge(&bench.answer(|stream| stream.credentials(Some(keys()))));
    let (nonce, rest) = first.split_once(',').expect("attributes");
    assert!(
        nonce.starts_with("r=abc") && nonce.len() >= "r=abc".len() + 24,
        "{first}"
    );
    let rest = rest.split_once(",h=").expect("XEP-0474's attribute").0;
    assert_eq!(rest, "s=QSXCR+Q6sek8bf92,i=4096");

    let channel = STANDARD.encode([b"p=tls-exporter,,".as_slice(), &[1; 32]].concat());
    let without_proof = format!("c={channel},{nonce}");
    let messages = format!("n=user,r=abc,{first},{without_proof}");
    let proof = proof(&keys(), messages.as_bytes());
    let output = bench.say(&response(&format!("{without_proof},p={proof}")));
    assert!(
        output.starts_with("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>dj"),
        "{output}"
    );
    assert_eq!(bench.events(), ["Authenticated user@mon.example SCRAM-SHA-1-PLUS"]);
    assert!(bench.say(HEADER).contains("<bind"));
}

/// A proof for the keys above: the client key is H⁻¹ of nothing we store, so it is derived from the password.
pub(super) fn proof(keys: &ScramKeys, messages: &[u8]) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let hmac = |key: &[u8], data: &[u8]| {
        let mac = <Hmac<sha1::Sha1> as KeyInit>::new_from_slice(key).expect("any length");
        mac.chain_update(data).finalize().into_bytes()
    };
    let mut salted = [0; 20];
    pbkdf2::pbkdf2_hmac::<sha1::Sha1>(b"pencil", &keys.salt, keys.iterations, &mut salted);
    let client_key = hmac(&salted, b"Client Key");
    let signature = hmac(&keys.stored_key, messages);
    STANDARD.encode(client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect::<Vec<_>>())
}

/// XEP-0474: what a client does with the features that it was shown.
fn protection(features: &str) -> String {
    use sha1::{Digest, Sha1};
    let list = |before: &str, after: &str, item: &str| {
        let (_, rest) = features.split_once(before).expect("a list");
        let (list, _) = rest.split_once(after).expect("its end");
        let mut names: Vec<&str> = list
            .split(item)
            .skip(1)
            .filter_map(|part| part.split(['<', '\'']).next())
            .collect();
        names.sort_unstable();
        names.join("\u{1e}")
    };
    let mechanisms = list("<mechanisms", "</mechanisms>", "<mechanism>");
    let hashed = match features.contains("<sasl-channel-binding") {
        true => [
            mechanisms,
            list("<sasl-channel-binding", "</sasl-channel-binding>", "type='"),
        ]
        .join("\u{1f}"),
        false => mechanisms,
    };
    STANDARD.encode(Sha1::digest(hashed))
}

#[test]
fn a06_a_changed_offer_of_mechanisms_or_bindings_shows_in_the_challenge() {
    for bindings in [bindings(), ChannelBindings::default()] {
        let mut bench = Bench::new(Transport::Encrypted(bindings));
        let features = bench.say(HEADER);
        bench.say(&auth("SCRAM-SHA-1", "n,,n=user,r=abc"));
        let challenge = challenge(&bench.answer(|stream| stream.credentials(Some(keys()))));
        let (_, hash) = challenge.split_once(",h=").expect("XEP-0474's attribute");
        assert_eq!(hash, protection(&features));
        for less in [
            "<mechanism>SCRAM-SHA-512</mechanism>",
            "<channel-binding type='tls-exporter'/>",
        ] {
            let changed = features.replace(less, "");
            assert_eq!(hash == protection(&changed), changed == features, "{less}");
        }
    }
}

#[test]
fn a06_the_hash_cannot_be_taken_out_of_the_challenge() {
    let mut bench = Bench::encrypted();
    bench.say(&auth("SCRAM-SHA-1", "n,,n=user,r=abc"));
    let first = challenge(&bench.answer(|stream| stream.credentials(Some(keys()))));
    let (nonce, _) = first.split_once(',').expect("attributes");
    let without_proof = format!("c=biws,{nonce}");
    let shown = first.split_once(",h=").expect("XEP-0474's attribute").0;
    let proof = proof(&keys(), format!("n=user,r=abc,{shown},{without_proof}").as_bytes());
    let output = bench.say(&response(&format!("{without_proof},p={proof}")));
    assert_eq!(output, failure(Failure::NotAuthorized));
}

#[test]
fn a10_a_wrong_password_fails_alike_whatever_the_mechanism() {
    let mut bench = Bench::encrypted();
    bench.say(&plain("\0juliet\0wrong"));
    assert_eq!(
        bench.answer(|stream| stream.password_checked(Verdict::Wrong)),
        failure(Failure::NotAuthorized)
    );
    bench.say(&auth("SCRAM-SHA-1", "n,,n=juliet,r=abc"));
    let first = challenge(&bench.answer(|stream| stream.credentials(Some(keys()))));
    let nonce = first.split(',').next().expect("a nonce");
    let wrong = format!("c=biws,{nonce},p={}", STANDARD.encode([0; 20]));
    assert_eq!(bench.say(&response(&wrong)), failure(Failure::NotAuthorized));
    let events = bench.events();
    let failed = "AuthenticationFailed juliet not-authorized";
    assert_eq!(
        events,
        ["CheckPassword juliet wrong", failed, "Credentials juliet Sha1", failed]
    );
}

#[test]
fn a12_the_stream_stays_open_for_another_try_but_not_for_ever() {
    let mut bench = Bench::encrypted();
    for _ in 0..2 {
        bench.say(&plain("\0juliet\0wrong"));
        let output = bench.answer(|stream| stream.password_checked(Verdict::Wrong));
        assert_eq!(output, failure(Failure::NotAuthorized));
    }
    bench.say(&plain("\0juliet\0wrong"));
    let output = bench.answer(|stream| stream.password_checked(Verdict::Wrong));
    assert!(output.starts_with(&failure(Failure::NotAuthorized)), "{output}");
    assert!(ends_with(&output, "policy-violation"));
    assert_eq!(
        bench.events().last().map(String::as_str),
        Some("Closed policy-violation")
    );
}

#[test]
fn failures_that_are_no_guess_leave_room_for_the_whole_list_of_mechanisms() {
    let mut bench = Bench::new(Transport::Encrypted(bindings()));
    bench.say(HEADER);
    // What slixmpp 1.8 says before it comes to PLAIN.
    for hash in ["512", "256", "1"] {
        let (bound, unbound) = (format!("SCRAM-SHA-{hash}-PLUS"), format!("SCRAM-SHA-{hash}"));
        assert_eq!(
            bench.say(&auth(&bound, "p=tls-unique,,n=juliet,r=a")),
            failure(Failure::MalformedRequest)
        );
        assert_eq!(
            bench.say(&auth(&unbound, "y,,n=juliet,r=a")),
            failure(Failure::MechanismTooWeak)
        );
    }
    bench.say(&plain("\0juliet\0secret"));
    assert!(
        bench
            .answer(|stream| stream.password_checked(Verdict::Right))
            .starts_with("<success")
    );

    let mut bench = Bench::encrypted();
    let output = bench.say(&"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>".repeat(11));
    assert_eq!(output.matches("<challenge").count(), 10);
    assert!(ends_with(&output, "policy-violation"));
}

#[test]
fn a13_a_check_that_cannot_be_made_may_be_tried_again() {
    let mut bench = Bench::encrypted();
    bench.say(&plain("\0juliet\0secret"));
    let output = bench.answer(|stream| stream.password_checked(Verdict::Unavailable));
    assert_eq!(output, failure(Failure::TemporaryAuthFailure));
    bench.say(&auth("SCRAM-SHA-256", "n,,n=juliet,r=abc"));
    let output = bench.answer(|stream| stream.credentials(None));
    assert_eq!(output, failure(Failure::TemporaryAuthFailure));
    bench.say(&plain("\0juliet\0secret"));
    assert!(
        bench
            .answer(|stream| stream.password_checked(Verdict::Right))
            .starts_with("<success")
    );
}

#[test]
fn abort_and_a_second_auth_end_the_exchange_and_not_the_stream() {
    let mut bench = Bench::encrypted();
    bench.say(&auth("SCRAM-SHA-1", "n,,n=user,r=abc"));
    let first = challenge(&bench.answer(|stream| stream.credentials(Some(keys()))));
    assert_eq!(bench.say(ABORT), failure(Failure::Aborted));
    let nonce = first.split(',').next().expect("a nonce");
    let replayed = bench.say(&response(&format!("c=biws,{nonce},p=AAAA")));
    assert_eq!(
        replayed,
        failure(Failure::MalformedRequest),
        "a07: no exchange survives its end"
    );

    bench.say(&auth("SCRAM-SHA-1", "n,,n=user,r=abc"));
    bench.answer(|stream| stream.credentials(Some(keys())));
    bench.events.clear();
    bench.say(&plain("\0juliet\0secret"));
    assert_eq!(bench.events(), ["CheckPassword juliet secret"]);
}

#[test]
fn the_first_message_may_come_after_an_empty_challenge() {
    let mut bench = Bench::encrypted();
    let output = bench.say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>");
    assert_eq!(output, "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    bench.say(&response("\0juliet\0secret"));
    assert_eq!(bench.events(), ["CheckPassword juliet secret"]);
}

#[test]
fn messages_must_be_exact_base64_and_nothing_else() {
    for (text, expected) in [
        ("AGp1bGlldABzZWNyZXQ", Failure::IncorrectEncoding),
        ("AGp1bGlldABzZWNyZXR=", Failure::IncorrectEncoding),
        (" AGp1bGlldABzZWNyZXQ=", Failure::IncorrectEncoding),
        ("AGp1bGlldA\nBzZWNyZXQ=", Failure::IncorrectEncoding),
        ("AGp1-_ld", Failure::IncorrectEncoding),
        ("==", Failure::IncorrectEncoding),
        ("=", Failure::MalformedRequest),
        ("<x/>", Failure::MalformedRequest),
    ] {
        let request = format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{text}</auth>");
        assert_eq!(Bench::encrypted().say(&request), failure(expected), "{text}");
    }
}

#[test]
fn a01_authzids_of_others_are_refused_on_the_wire() {
    let victim = plain("victim@mon.example\0me\0pw");
    assert_eq!(Bench::encrypted().say(&victim), failure(Failure::InvalidAuthzid));
    let victim = auth("SCRAM-SHA-1", "n,a=victim@mon.example,n=me,r=abc");
    assert_eq!(Bench::encrypted().say(&victim), failure(Failure::InvalidAuthzid));
}

#[test]
fn what_comes_ahead_of_success_is_refused() {
    for ahead in [HEADER, BIND, "<"] {
        let mut bench = Bench::encrypted();
        bench.say(&format!("{}{ahead}", plain("\0juliet\0secret")));
        assert_eq!(
            bench.events(),
            ["CheckPassword juliet secret"],
            "nothing is read while a question is open"
        );
        let output = bench.answer(|stream| stream.password_checked(Verdict::Right));
        assert!(
            ends_with(&output, "policy-violation") && !output.contains("<success"),
            "{ahead}: {output}"
        );
    }
}

#[test]
fn a08_no_order_of_elements_without_a_proof_gets_past_authentication() {
    let elements = [
        auth("PLAIN", "\0juliet\0wrong"),
        auth("SCRAM-SHA-1", "n,,n=user,r=abc"),
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>".to_owned(),
        response("\0juliet\0wrong"),
        response("c=biws,r=abc,p=AAAA"),
        ABORT.to_owned(),
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".to_owned(),
        BIND.to_owned(),
        "<message to='romeo@mon.example'/>".to_owned(),
        "<iq type='get' id='x'><query xmlns='jabber:iq:roster'/></iq>".to_owned(),
        STARTTLS.to_owned(),
        HEADER.replace("<?xml version='1.0'?>", ""),
        super::sasl2::authenticate("PLAIN", "\0juliet\0wrong", "<bind xmlns='urn:xmpp:bind:0'/>"),
        super::sasl2::response("\0juliet\0wrong"),
    ];
    let allowed = |event: &str| {
        let (name, _) = event.split_once(' ').unwrap_or((event, ""));
        matches!(
            name,
            "CheckPassword" | "Credentials" | "AuthenticationFailed" | "Closed"
        )
    };
    for sequence in 0..elements.len().pow(4) {
        let mut bench = Bench::encrypted();
        for position in 0..4 {
            let element = &elements[sequence / elements.len().pow(position) % elements.len()];
            bench.say(element);
            bench.answer(|stream| stream.password_checked(Verdict::Wrong));
            bench.answer(|stream| stream.credentials(Some(keys())));
            if bench.is_closed() {
                break;
            }
        }
        let events = bench.events();
        assert!(events.iter().all(|event| allowed(event)), "{sequence}: {events:?}");
    }
    for request in [BIND, "<message/>", "<presence/>"] {
        let mut bench = Bench::encrypted();
        bench.say(&auth("SCRAM-SHA-1", "n,,n=user,r=abc"));
        bench.answer(|stream| stream.credentials(Some(keys())));
        assert!(ends_with(&bench.say(request), "not-authorized"), "{request}");
    }
}

#[test]
fn keys_of_every_hash_are_asked_for_by_name() {
    let hashes = [
        ("SCRAM-SHA-1", ScramHash::Sha1),
        ("SCRAM-SHA-256", ScramHash::Sha256),
        ("SCRAM-SHA-512", ScramHash::Sha512),
    ];
    for (mechanism, hash) in hashes {
        let mut bench = Bench::encrypted();
        bench.say(&auth(mechanism, "n,,n=Juliet,r=abc"));
        assert_eq!(bench.events(), [format!("Credentials juliet {hash:?}")]);
    }
}
