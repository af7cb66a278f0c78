//! The stream header (RFC 6120 section 4.7), theirs and ours.

use super::{Condition, Options, StreamError, random};
use crate::stanza::parse_jid;
use crate::xml::{CLIENT, Header, STREAM, Writer};
use jid::{BareJid, Jid};

/// Bytes of a language tag that we take; RFC 5646 section 4.4.1 needs 35.
const LANG_BYTES_MAX: usize = 64;

/// Checks the peer's header.
///
/// # Errors
/// `invalid-namespace`, `unsupported-version` or `host-unknown`.
pub(super) fn check(header: &Header, options: &Options) -> Result<(), StreamError> {
    if header.content_ns.as_deref() != Some(CLIENT) {
        return Err(Condition::InvalidNamespace.into());
    }
    if !header.version.as_deref().is_some_and(is_supported) {
        return Err(StreamError::new(Condition::UnsupportedVersion, "this is version 1.0"));
    }
    // The same check runs after each restart: a stream cannot move to another host (CVE-2018-10847).
    match header.to.as_deref().and_then(parse_jid) {
        Some(to) if to == options.domain => Ok(()),
        _ => Err(Condition::HostUnknown.into()),
    }
}

/// Whom the peer's header names, before anything is proved.
///
/// # Errors
/// `invalid-from` for somebody of another domain (XEP-0388 section 2.1).
pub(super) fn claimed(from: Option<Jid>, options: &Options) -> Result<Option<BareJid>, StreamError> {
    match from {
        Some(from) if from.domain() != options.domain.domain() => Err(Condition::InvalidFrom.into()),
        from => Ok(from.map(|from| from.to_bare())),
    }
}

/// Whether a version speaks of 1.0 or a later one, which answers to 1.0 (RFC 6120 section 4.7.5).
fn is_supported(version: &str) -> bool {
    let number = |part: &str| match part.bytes().all(|byte| byte.is_ascii_digit()) {
        true => part.parse::<u16>().ok(),
        false => None,
    };
    match version.split_once('.') {
        Some((major, minor)) => number(major).is_some_and(|major| major >= 1) && number(minor).is_some(),
        None => false,
    }
}

/// The language of the peer's stanzas, where its header names one that can be one.
pub(super) fn lang(header: &Header) -> Option<&str> {
    let plausible = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let lang = header.lang.as_deref()?;
    (1..=LANG_BYTES_MAX).contains(&lang.len()).then_some(())?;
    lang.bytes().all(plausible).then_some(lang)
}

/// Writes our header, with a new id. `to` is what the peer called itself (RFC 6120 section 4.7.2).
///
/// # Errors
/// When there is no randomness for the id.
pub(super) fn write(writer: &mut Writer, options: &Options, to: Option<&Jid>) -> Result<(), StreamError> {
    let id = random::token()?;
    writer.raw(b"<?xml version='1.0'?>");
    writer.open("stream:stream").attr("xmlns", CLIENT);
    writer.attr("xmlns:stream", STREAM).attr("id", &id);
    writer.attr("from", options.domain.as_str());
    if let Some(to) = to {
        writer.attr("to", to.as_str());
    }
    writer.attr("version", "1.0").attr("xml:lang", "en").leave_open();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_below_one_and_nonsense_are_not_supported() {
        for version in ["1.0", "1.1", "2.0", "01.0"] {
            assert!(is_supported(version), "{version}");
        }
        for version in [
            "",
            "0.9",
            "x",
            "1",
            "1.",
            ".0",
            "1.x",
            "-1.0",
            "+1.0",
            "1.0.0",
            "99999999.0",
        ] {
            assert!(!is_supported(version), "{version}");
        }
    }
}
