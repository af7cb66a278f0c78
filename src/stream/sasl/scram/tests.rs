//! SCRAM against the vectors of RFC 5802 and RFC 7677, and against hostile clients.

use super::*;
use crate::stream::Mechanism;

/// SaltedPassword: PBKDF2 of one block (RFC 5802 section 2.2).
fn salted(hash: ScramHash, password: &str, salt: &[u8], iterations: u32) -> Vec<u8> {
    let mut block = hash.hmac(password.as_bytes(), &[salt, &[0, 0, 0, 1]].concat());
    let mut sum = block.clone();
    for _ in 1..iterations {
        block = hash.hmac(password.as_bytes(), &block);
        sum.iter_mut().zip(&block).for_each(|(a, b)| *a ^= b);
    }
    sum
}

/// A password's keys.
fn keys(hash: ScramHash, password: &str, salt: &str, iterations: u32) -> ScramKeys {
    let salt = STANDARD.decode(salt).expect("base64");
    let salted = salted(hash, password, &salt, iterations);
    ScramKeys {
        salt,
        iterations,
        stored_key: hash.digest(&hash.hmac(&salted, b"Client Key")),
        server_key: hash.hmac(&salted, b"Server Key"),
    }
}

/// The proof of a client that knows the password.
fn proof(hash: ScramHash, password: &str, keys: &ScramKeys, messages: &str) -> String {
    let salted = salted(hash, password, &keys.salt, keys.iterations);
    let key = hash.hmac(&salted, b"Client Key");
    let signature = hash.hmac(&hash.digest(&key), messages.as_bytes());
    STANDARD.encode(key.iter().zip(signature).map(|(a, b)| a ^ b).collect::<Vec<_>>())
}

fn domain() -> BareJid {
    BareJid::new("mon.example").expect("a domain")
}

fn bindings() -> ChannelBindings {
    ChannelBindings {
        exporter: Some([7; 32]),
        end_point: Some(vec![9; 32]),
    }
}

fn first(message: &str, channel_binding: bool, bindings: &ChannelBindings) -> Result<ClientFirst, Failure> {
    let offer = Offer {
        domain: &domain(),
        hash: ScramHash::Sha256,
        channel_binding,
        binding_offered: !bindings.is_empty(),
        bindings,
    };
    ClientFirst::parse(message.as_bytes(), &offer)
}

/// A whole exchange with the right password; `c` is what the client sends as that attribute.
fn exchange(gs2: &str, channel_binding: bool, bindings: &ChannelBindings, c: &[u8]) -> Result<String, Failure> {
    let bare = "n=user,r=abc";
    let keys = keys(ScramHash::Sha256, "pencil", "c2FsdHNhbHQ=", 10);
    let (server, challenge) = first(&format!("{gs2}{bare}"), channel_binding, bindings)?.challenge(keys.clone(), "def");
    let without_proof = format!("c={},r=abcdef", STANDARD.encode(c));
    let messages = format!("{bare},{challenge},{without_proof}");
    let proof = proof(ScramHash::Sha256, "pencil", &keys, &messages);
    server
        .finish(format!("{without_proof},p={proof}").as_bytes())
        .map(|(authenticated, _)| authenticated.account().to_string())
}

#[test]
fn the_rfcs_vectors_hold() {
    // RFC 5802 section 5, RFC 7677 section 3.
    let vectors = [
        (
            ScramHash::Sha1,
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "3rfcNHYJY1ZVvWVs7j",
            "QSXCR+Q6sek8bf92",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (
            ScramHash::Sha256,
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
    ];
    for (hash, client_first, nonce, salt, server_first, client_final, server_final) in vectors {
        let offer = Offer {
            domain: &domain(),
            hash,
            channel_binding: false,
            binding_offered: false,
            bindings: &ChannelBindings::default(),
        };
        let first = ClientFirst::parse(client_first.as_bytes(), &offer).expect("client-first");
        assert_eq!(first.user().as_str(), "user");
        let (server, message) = first.challenge(keys(hash, "pencil", salt, 4096), nonce);
        assert_eq!(message, server_first);
        let (authenticated, message) = server.finish(client_final.as_bytes()).expect("the right proof");
        assert_eq!(message, server_final);
        assert_eq!(authenticated.account().as_str(), "user@mon.example");
    }
}

#[test]
fn a06_what_was_advertised_is_hashed_as_xep_0474_s_example() {
    let plus = |channel_binding| Mechanism::Scram {
        hash: ScramHash::Sha1,
        channel_binding,
    };
    let advertised = advertised(&[plus(true), plus(false)], &bindings());
    let offer = Offer {
        domain: &domain(),
        hash: ScramHash::Sha1,
        channel_binding: false,
        binding_offered: true,
        bindings: &bindings(),
    };
    let first = ClientFirst::parse(b"n,,n=user,r=abc", &offer).expect("client-first");
    let keys = keys(ScramHash::Sha1, "pencil", "QSXCR+Q6sek8bf92", 4096);
    let (_, challenge) = first.protect(&advertised).challenge(keys, "def");
    assert_eq!(
        challenge,
        "r=abcdef,s=QSXCR+Q6sek8bf92,i=4096,h=G6k/rBLDqgOhRRaCuuatSDFkJ08="
    );
}

#[test]
fn a09_proofs_are_compared_in_constant_time() {
    // `Choice` is what comparisons in constant time yield, and only they: a comparison that stops early is a `bool`.
    let compared: subtle::Choice = ScramHash::Sha256.proves(&[0; 32], b"messages", &[0; 32]);
    assert!(!bool::from(compared));
    let keys = keys(ScramHash::Sha256, "pencil", "c2FsdHNhbHQ=", 10);
    let proof = STANDARD
        .decode(proof(ScramHash::Sha256, "pencil", &keys, "messages"))
        .expect("base64");
    let proves = |proof: &[u8]| bool::from(ScramHash::Sha256.proves(&keys.stored_key, b"messages", proof));
    assert!(proves(&proof));
    for at in 0..proof.len() {
        let mut wrong = proof.clone();
        wrong[at] ^= 1;
        assert!(!proves(&wrong), "byte {at}");
    }
}

#[test]
fn a03_channel_binding_cannot_be_talked_away() {
    let none = ChannelBindings::default();
    let some = bindings();
    assert_eq!(exchange("n,,", false, &some, b"n,,"), Ok("user@mon.example".into()));
    assert_eq!(exchange("y,,", false, &none, b"y,,"), Ok("user@mon.example".into()));
    assert_eq!(exchange("y,,", false, &some, b"y,,"), Err(Failure::MechanismTooWeak));
    assert_eq!(exchange("n,,", false, &some, b"y,,"), Err(Failure::NotAuthorized));
    let refused = [
        ("p=tls-exporter,,", false),
        ("n,,", true),
        ("y,,", true),
        ("p=tls-unique,,", true),
    ];
    for (gs2, plus) in refused {
        assert_eq!(
            exchange(gs2, plus, &some, gs2.as_bytes()),
            Err(Failure::MalformedRequest),
            "{gs2}"
        );
    }
}

#[test]
fn a04_channel_binding_data_must_be_this_connections_and_of_the_type_named() {
    let with = |gs2: &str, data: &[u8]| exchange(gs2, true, &bindings(), &[gs2.as_bytes(), data].concat());
    assert!(with("p=tls-exporter,,", &[7; 32]).is_ok());
    assert!(with("p=tls-server-end-point,,", &[9; 32]).is_ok());
    assert_eq!(with("p=tls-exporter,,", &[8; 32]), Err(Failure::NotAuthorized));
    assert_eq!(with("p=tls-exporter,,", &[9; 32]), Err(Failure::NotAuthorized));
    assert_eq!(with("p=tls-server-end-point,,", &[7; 32]), Err(Failure::NotAuthorized));
    assert_eq!(with("p=tls-exporter,,", &[]), Err(Failure::NotAuthorized));
}

#[test]
fn a01_an_authzid_must_be_the_own_bare_jid() {
    let gs2 = |authzid: &str| format!("n,a={authzid},");
    let with = |authzid: &str| exchange(&gs2(authzid), false, &bindings(), gs2(authzid).as_bytes());
    assert!(with("user@mon.example").is_ok());
    assert!(with("USER@mon.example").is_ok());
    assert_eq!(with("victim@mon.example"), Err(Failure::InvalidAuthzid));
    assert_eq!(with("user@mon.example/desk"), Err(Failure::InvalidAuthzid));
    assert_eq!(with("user"), Err(Failure::InvalidAuthzid));
    assert_eq!(with(""), Err(Failure::MalformedRequest));
}

#[test]
fn a07_crafted_first_messages_are_refused() {
    let malformed = [
        "",
        ",",
        "n",
        "n,",
        "n,,",
        "n,,n=user",
        "n,,r=abc,n=user",
        "n,,n=user,r=",
        "n,,n=user,r=a b",
        "n,,n=user,r=aé",
        "n,,m=x,n=user,r=abc",
        "n,,n=user,r=abc,m=x",
        "n,,n=user,n=other,r=abc",
        "n,,n=user,r=abc,r=def",
        "n,,n=us=er,r=abc",
        "n,,n=user=2c,r=abc",
        "n,,n=user=,r=abc",
        "n,,n=user,r=abc,x",
        "n,,n=user,r=abc,",
        "n,,n=user,r=abc,1=x",
        "q,,n=user,r=abc",
        "n,b=user,n=user,r=abc",
        "N,,n=user,r=abc",
    ];
    for message in malformed {
        assert_eq!(
            first(message, false, &bindings()).err(),
            Some(Failure::MalformedRequest),
            "{message}"
        );
    }
    // Names decode; one that nobody can have fails like a wrong password.
    for message in ["n,,n=a=3Db,r=abc", "n,,n=a=2Cb,r=abc,x=optional"] {
        assert!(first(message, false, &bindings()).is_ok(), "{message}");
    }
    for message in ["n,,n=,r=abc", "n,,n=a@b,r=abc", "n,,n=a b,r=abc"] {
        assert_eq!(
            first(message, false, &bindings()).err(),
            Some(Failure::NotAuthorized),
            "{message}"
        );
    }
}

#[test]
fn a07_crafted_final_messages_are_refused() {
    let keys = keys(ScramHash::Sha256, "pencil", "c2FsdHNhbHQ=", 10);
    let finish = |message: &str| {
        let first = first("n,,n=user,r=abc", false, &bindings()).expect("client-first");
        first.challenge(keys.clone(), "def").0.finish(message.as_bytes()).err()
    };
    let malformed = [
        "",
        "c=biws",
        "c=biws,r=abcdef",
        "r=abcdef,c=biws,p=AAAA",
        "c=biws,r=abc,p=AAAA",
        "c=biws,r=def,p=AAAA",
        "c=biws,r=abcdeg,p=AAAA",
        "c=biws,r=abcdef,m=x,p=AAAA",
        "c=biws,r=abcdef,p=A",
        "c=biws,r=abcdef,p=AA AA",
        "c=biws,c=biws,r=abcdef,p=AAAA",
        "c=biws,r=abcdef,p=AAAA,x=y",
        "n=user,r=abcdef,p=AAAA",
    ];
    for message in malformed {
        assert_eq!(finish(message), Some(Failure::MalformedRequest), "{message}");
    }
    let zeros = STANDARD.encode([0; 32]);
    let short = STANDARD.encode([0; 31]);
    let wrong = [
        "c=biws,r=abcdef,p=".to_owned(),
        format!("c=biws,r=abcdef,p={zeros}"),
        format!("c=biws,r=abcdef,p={short}"),
        format!("c=eSws,r=abcdef,p={zeros}"),
        format!("c=,r=abcdef,p={zeros}"),
    ];
    for message in wrong {
        assert_eq!(finish(&message), Some(Failure::NotAuthorized), "{message}");
    }
}
