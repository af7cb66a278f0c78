//! Any messages as a SASL exchange: nobody gets in but who knows the password, and who knows it does.
//!
//! Parts: options (`P`: PLAIN; otherwise SCRAM, `+` with channel binding, `o` with some offered), the first message, the
//! final one; without a final one an honest client goes on from the first.

use super::scram::{ClientFirst, Offer, ServerFirst};
use super::{ChannelBindings, ScramHash, ScramKeys, plain};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jid::BareJid;
use sha2::{Digest, Sha256};

/// What the client of these tests has hashed of its password; any bytes do.
const SALTED: &[u8] = b"SaltedPassword";
const NONCE: &str = "ServerNonce";

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("keys of any length");
    mac.chain_update(data).finalize().into_bytes().to_vec()
}

/// The keys of everybody's password.
pub fn keys() -> ScramKeys {
    ScramKeys {
        salt: vec![7; 16],
        iterations: 4096,
        stored_key: Sha256::digest(hmac(SALTED, b"Client Key")).to_vec(),
        server_key: hmac(SALTED, b"Server Key"),
    }
}

/// The final message of a client that knows the password: to its own first message, by SHA-256.
pub fn honest_final(first: &str, challenge: &str, data: &[u8]) -> Option<String> {
    let mut fields = first.splitn(3, ',');
    let header = [fields.next()?, ",", fields.next()?, ","].concat();
    let nonce = challenge.strip_prefix("r=")?.split(',').next()?;
    let channel = STANDARD.encode([header.as_bytes(), data].concat());
    let bare = format!("c={channel},r={nonce}");
    let messages = [fields.next()?, challenge, &bare].join(",");
    let key = hmac(SALTED, b"Client Key");
    let signature = hmac(&Sha256::digest(&key), messages.as_bytes());
    let proof: Vec<u8> = key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    Some(format!("{bare},p={}", STANDARD.encode(proof)))
}

/// The fuzz target.
pub fn sasl(input: &[u8]) {
    let mut parts = crate::fuzzing::parts(input);
    let options = parts.next().unwrap_or_default();
    let first = parts.next().unwrap_or_default();
    let domain = BareJid::new("mon.example").expect("a domain");
    if options.contains(&b'P') {
        return check_plain(first, &domain);
    }
    let bindings = ChannelBindings {
        exporter: Some([7; 32]),
        end_point: Some(vec![9; 32]),
    };
    let offer = Offer {
        domain: &domain,
        hash: ScramHash::Sha256,
        channel_binding: options.contains(&b'+'),
        binding_offered: options.contains(&b'o'),
        bindings: &bindings,
    };
    let Ok(client) = ClientFirst::parse(first, &offer) else {
        return;
    };
    let account = domain.domain().with_node(client.user());
    let (server, challenge) = client.challenge(keys(), NONCE);
    let kind = std::str::from_utf8(first)
        .ok()
        .and_then(|first| first.strip_prefix("p=")?.split(',').next());
    let data = kind.and_then(|kind| bindings.data(kind)).unwrap_or_default();
    let honest = std::str::from_utf8(first)
        .ok()
        .and_then(|first| honest_final(first, &challenge, data));
    let honest = honest.expect("a first message that was accepted");
    check_final(server, parts.next(), &honest, &account);
}

fn check_final(server: ServerFirst, given: Option<&[u8]>, honest: &str, account: &BareJid) {
    let proof = |message: &[u8]| {
        message
            .windows(3)
            .rposition(|at| at == b",p=")
            .map(|at| message[at..].to_vec())
    };
    match given {
        None => {
            let (authenticated, message) = server.finish(honest.as_bytes()).expect("the right proof");
            assert_eq!(authenticated.account(), account);
            assert!(message.starts_with("v="));
        }
        Some(given) => {
            let known = proof(given) == proof(honest.as_bytes());
            assert!(known || server.finish(given).is_err(), "in without the password");
        }
    }
}

fn check_plain(message: &[u8], domain: &BareJid) {
    let Ok((request, password)) = plain::Request::parse(message, domain) else {
        return;
    };
    let account = domain.domain().with_node(request.user());
    assert_eq!(message.iter().filter(|&&byte| byte == 0).count(), 2);
    assert!(!password.as_str().contains('\0'));
    let (again, _) = plain::Request::parse(message, domain).expect("as before");
    assert!(again.checked(false).is_err(), "in with a wrong password");
    assert_eq!(request.checked(true).expect("the right one").account(), &account);
}
