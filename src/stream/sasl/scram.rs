//! SCRAM (RFC 5802, RFC 7677), the server's side, with and without channel binding.
//!
//! ```text
//! client-first ─▶ ClientFirst ── keys, nonce ─▶ ServerFirst, server-first ── client-final ─▶ Authenticated, server-final
//! ```

mod advertised;
mod hash;

pub use advertised::advertised;
pub use hash::ScramHash;

use super::{Authenticated, ChannelBindings, Failure, authorize, user};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jid::{BareJid, NodePart};
use subtle::ConstantTimeEq;

/// What the server keeps of a password for one hash (RFC 5802 section 3).
#[derive(Clone)]
pub struct ScramKeys {
    /// The salt.
    pub salt: Vec<u8>,
    /// The iteration count.
    pub iterations: u32,
    /// `H(ClientKey)`.
    pub stored_key: Vec<u8>,
    /// `HMAC(SaltedPassword, "Server Key")`.
    pub server_key: Vec<u8>,
}

impl std::fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScramKeys(…)")
    }
}

/// What the server offers on this connection, against which the client's first message is read.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The domain served.
    pub domain: &'a BareJid,
    /// The mechanism's hash.
    pub hash: ScramHash,
    /// Whether this is the `-PLUS` variant.
    pub channel_binding: bool,
    /// Whether some `-PLUS` variant was offered.
    pub binding_offered: bool,
    /// The connection's data.
    pub bindings: &'a ChannelBindings,
}

/// A client's first message: who it claims to be.
#[derive(Debug)]
pub struct ClientFirst {
    hash: ScramHash,
    user: NodePart,
    account: BareJid,
    /// The `c` attribute that the client must send at the end.
    channel: String,
    nonce: String,
    bare: String,
    /// The authorization identity is given, and is the account.
    authorizes: bool,
    /// The `h` attribute of the challenge.
    protection: Option<String>,
}

/// A challenge that was sent: what the client must answer to.
#[derive(Debug)]
pub struct ServerFirst {
    hash: ScramHash,
    user: NodePart,
    account: BareJid,
    keys: ScramKeys,
    channel: String,
    nonce: String,
    /// client-first-message-bare "," server-first-message.
    messages: String,
}

impl ClientFirst {
    /// Reads client-first-message.
    ///
    /// # Errors
    /// `malformed-request`, `invalid-authzid`; `not-authorized` for a name that nobody can have, and for a client that
    /// believes that we offer no channel binding although we do (RFC 5802 section 6: somebody changed our offer).
    pub fn parse(message: &[u8], offer: &Offer<'_>) -> Result<ClientFirst, Failure> {
        let message = std::str::from_utf8(message).map_err(|_| Failure::MalformedRequest)?;
        let (flag, rest) = message.split_once(',').ok_or(Failure::MalformedRequest)?;
        let (authzid, bare) = rest.split_once(',').ok_or(Failure::MalformedRequest)?;
        let data = binding_data(flag, offer)?;
        let mut attributes = bare.split(',');
        let name = saslname(value("n", attributes.next())?)?;
        let nonce = value("r", attributes.next()).and_then(nonce)?;
        extensions(attributes)?;

        let user = user(&name)?;
        let account = offer.domain.domain().with_node(&user);
        if !authzid.is_empty() {
            let authzid = saslname(value("a", Some(authzid))?)?;
            // `a=` without a name is not in the grammar.
            (!authzid.is_empty()).then_some(()).ok_or(Failure::MalformedRequest)?;
            authorize(&authzid, &account)?;
        }
        let header = &message.as_bytes()[..message.len() - bare.len()];
        Ok(ClientFirst {
            hash: offer.hash,
            user,
            account,
            channel: STANDARD.encode([header, data].concat()),
            nonce: nonce.to_owned(),
            bare: bare.to_owned(),
            authorizes: !authzid.is_empty(),
            protection: None,
        })
    }

    /// XEP-0474: lets the challenge carry a hash of what was [`advertised`], which the proof then covers. A client that
    /// was shown another list notices.
    pub fn protect(mut self, advertised: &str) -> ClientFirst {
        self.protection = Some(STANDARD.encode(self.hash.digest(advertised.as_bytes())));
        self
    }

    /// The account, where the client named it as its authorization identity.
    pub fn authorization(&self) -> Option<&BareJid> {
        self.authorizes.then_some(&self.account)
    }

    /// Whose keys are needed.
    pub fn user(&self) -> &NodePart {
        &self.user
    }

    /// Which keys are needed.
    pub fn hash(&self) -> ScramHash {
        self.hash
    }

    /// Makes server-first-message. `nonce` is unpredictable, printable ASCII without comma.
    pub fn challenge(self, keys: ScramKeys, nonce: &str) -> (ServerFirst, String) {
        let nonce = self.nonce + nonce;
        let salt = STANDARD.encode(&keys.salt);
        let protection = self.protection.map_or(String::new(), |hash| format!(",h={hash}"));
        let message = format!("r={nonce},s={salt},i={}{protection}", keys.iterations);
        let first = ServerFirst {
            hash: self.hash,
            user: self.user,
            account: self.account,
            keys,
            channel: self.channel,
            nonce,
            messages: self.bare + "," + &message,
        };
        (first, message)
    }
}

impl ServerFirst {
    /// Who is being asked for a proof.
    pub fn user(&self) -> &NodePart {
        &self.user
    }

    /// Reads client-final-message and checks the proof; returns server-final-message with the evidence.
    ///
    /// # Errors
    /// `malformed-request`; `not-authorized` for a wrong proof or wrong channel-binding data.
    pub fn finish(self, message: &[u8]) -> Result<(Authenticated, String), Failure> {
        let message = std::str::from_utf8(message).map_err(|_| Failure::MalformedRequest)?;
        let (bare, proof) = message.rsplit_once(",p=").ok_or(Failure::MalformedRequest)?;
        let proof = STANDARD.decode(proof).map_err(|_| Failure::MalformedRequest)?;
        let mut attributes = bare.split(',');
        let channel = value("c", attributes.next())?;
        let nonce = value("r", attributes.next())?;
        extensions(attributes)?;
        if nonce != self.nonce {
            return Err(Failure::MalformedRequest);
        }

        let messages = format!("{},{bare}", self.messages);
        let bound = channel.as_bytes().ct_eq(self.channel.as_bytes());
        let proved = self.hash.proves(&self.keys.stored_key, messages.as_bytes(), &proof);
        if !bool::from(bound & proved) {
            return Err(Failure::NotAuthorized);
        }
        let signature = self.hash.hmac(&self.keys.server_key, messages.as_bytes());
        let message = format!("v={}", STANDARD.encode(signature));
        Ok((Authenticated::new(self.account), message))
    }
}

/// The data that the client's `c` attribute must carry, by its gs2-cbind-flag (RFC 5802 section 6).
fn binding_data<'a>(flag: &str, offer: &Offer<'a>) -> Result<&'a [u8], Failure> {
    match (flag, offer.channel_binding) {
        ("n", false) => Ok(&[]),
        // The same section: this must fail. It is no wrong password, and does not count as one: slixmpp up to 1.8 sends it
        // for each SCRAM of the list, because it knows no binding of TLS 1.3, before it comes to PLAIN.
        ("y", false) if offer.binding_offered => Err(Failure::MechanismTooWeak),
        ("y", false) => Ok(&[]),
        (flag, true) => flag
            .strip_prefix("p=")
            .and_then(|kind| offer.bindings.data(kind))
            .ok_or(Failure::MalformedRequest),
        (_, false) => Err(Failure::MalformedRequest),
    }
}

/// The value of an attribute that must come now.
fn value<'a>(name: &str, attribute: Option<&'a str>) -> Result<&'a str, Failure> {
    attribute
        .and_then(|attribute| attribute.strip_prefix(name))
        .and_then(|rest| rest.strip_prefix('='))
        .ok_or(Failure::MalformedRequest)
}

/// Optional extensions are ignored; a mandatory one (`m`), or a known attribute out of place, is refused (RFC 5802
/// section 5.1).
fn extensions<'a>(attributes: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let is_extension = |attribute: &str| match attribute.as_bytes() {
        [name, b'=', _, ..] => name.is_ascii_alphabetic() && !b"acimnprsv".contains(name),
        _ => false,
    };
    match attributes.into_iter().all(is_extension) {
        true => Ok(()),
        false => Err(Failure::MalformedRequest),
    }
}

/// A nonce: printable ASCII without comma, at least one character.
fn nonce(text: &str) -> Result<&str, Failure> {
    match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(text),
        false => Err(Failure::MalformedRequest),
    }
}

/// Undoes `=2C` and `=3D`; any other `=` is an error (RFC 5802 section 5.1).
fn saslname(text: &str) -> Result<String, Failure> {
    let mut parts = text.split('=');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (character, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return Err(Failure::MalformedRequest),
        };
        name.push(character);
        name.push_str(rest);
    }
    Ok(name)
}

#[cfg(test)]
mod tests;
