//! Character data: XML 1.0 sections 2.2, 2.4, 2.11, 3.3.3 and 4.1.

use super::XmlError;
use std::borrow::Cow;

/// Bytes of a reference between `&` and `;`; no legal one needs more.
const REFERENCE_BYTES_MAX: usize = 16;

/// Where the characters stand, hence what they may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Between tags: references, no `]]>`.
    Text,
    /// Between `<![CDATA[` and `]]>`, both exclusive: no references.
    Cdata,
    /// Between the quotes of an attribute: references, `]]>` allowed. `<` is looked for by the caller.
    Value,
}

/// Checks that the bytes are UTF-8, XML characters and resolvable references. Returns how many of them are settled: all
/// when `complete`, otherwise up to 16 at the end may depend on what follows.
///
/// # Errors
/// The first violation, the same one however the bytes are cut.
pub(super) fn check(bytes: &[u8], kind: Kind, complete: bool) -> Result<usize, XmlError> {
    if !any(bytes, |byte| byte >= 0x80 || is_special(byte)) {
        return Ok(bytes.len());
    }
    let (valid, broken) = match std::str::from_utf8(bytes) {
        Ok(_) => (bytes.len(), None),
        Err(error) => (error.valid_up_to(), Some(error.error_len().is_some() || complete)),
    };
    let mut at = 0;
    while let Some(offset) = find_special(&bytes[at..valid]) {
        at += offset;
        let rest = &bytes[at..valid];
        at += match rest[0] {
            b'&' if kind == Kind::Cdata => 1,
            b'&' => match reference(rest)? {
                Some((_, len)) => len,
                None if broken == Some(true) => return Err(XmlError::BadFormat),
                None if complete => return Err(XmlError::NotWellFormed),
                None => return Ok(at),
            },
            b']' if kind != Kind::Text => 1,
            b']' if rest.starts_with(b"]]>") => return Err(XmlError::NotWellFormed),
            b']' if !complete && broken.is_none() && matches!(rest, b"]" | b"]]") => return Ok(at),
            b']' => 1,
            0xEF if matches!(rest, [_, 0xBF, 0xBE | 0xBF, ..]) => return Err(XmlError::NotWellFormed),
            0xEF => 3,
            _ => return Err(XmlError::NotWellFormed),
        };
    }
    match broken {
        Some(true) => Err(XmlError::BadFormat),
        _ => Ok(valid),
    }
}

/// Bytes that need a closer look: control characters, `&`, `]`, the lead byte of U+FFFE and U+FFFF.
fn is_special(byte: u8) -> bool {
    (byte < 0x20) & (byte != b'\t') & (byte != b'\n') & (byte != b'\r') | matches!(byte, b'&' | b']' | 0xEF)
}

/// `Iterator::any` without its early end, which keeps the loop from being vectorised.
fn any(bytes: &[u8], test: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(false, |found, &byte| found | test(byte))
}

fn find_special(bytes: &[u8]) -> Option<usize> {
    let chunk = bytes.chunks(32).position(|chunk| any(chunk, is_special))? * 32;
    bytes[chunk..]
        .iter()
        .position(|&byte| is_special(byte))
        .map(|offset| chunk + offset)
}

/// Reads the reference at the start: its character and its bytes, `&` and `;` included. `None`: it is not complete.
///
/// # Errors
/// `RestrictedXml` for an entity other than the five predefined (RFC 6120 section 11.1), otherwise `NotWellFormed`.
fn reference(bytes: &[u8]) -> Result<Option<(char, usize)>, XmlError> {
    let name = &bytes[1..bytes.len().min(REFERENCE_BYTES_MAX + 2)];
    match name
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'#')
    {
        Some(len) if name[len] == b';' => Ok(Some((resolve(&name[..len])?, len + 2))),
        None if name.len() <= REFERENCE_BYTES_MAX => Ok(None),
        _ => Err(XmlError::NotWellFormed),
    }
}

fn resolve(name: &[u8]) -> Result<char, XmlError> {
    let (digits, radix) = match name {
        b"amp" => return Ok('&'),
        b"lt" => return Ok('<'),
        b"gt" => return Ok('>'),
        b"apos" => return Ok('\''),
        b"quot" => return Ok('"'),
        [b'#', b'x', digits @ ..] => (digits, 16),
        [b'#', digits @ ..] => (digits, 10),
        [first, ..] if first.is_ascii_alphabetic() => return Err(XmlError::RestrictedXml),
        _ => return Err(XmlError::NotWellFormed),
    };
    std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| u32::from_str_radix(digits, radix).ok())
        .and_then(char::from_u32)
        .filter(|&c| is_char(c))
        .ok_or(XmlError::NotWellFormed)
}

/// XML 1.0 section 2.2, production 2.
pub(super) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// What checked characters mean: references resolved and line ends LF (XML 1.0 section 2.11); in an attribute value
/// literal white space is a space (section 3.3.3).
pub(super) fn expand(raw: &str, kind: Kind) -> Cow<'_, str> {
    let special = |byte: u8| match kind {
        Kind::Text => matches!(byte, b'&' | b'\r'),
        Kind::Cdata => byte == b'\r',
        Kind::Value => matches!(byte, b'&' | b'\r' | b'\n' | b'\t'),
    };
    let Some(mut next) = raw.bytes().position(special) else {
        return Cow::Borrowed(raw);
    };
    let white = if kind == Kind::Value { ' ' } else { '\n' };
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    loop {
        out.push_str(&rest[..next]);
        rest = &rest[next..];
        let (c, len) = match reference(rest.as_bytes()) {
            Ok(Some(resolved)) if rest.starts_with('&') => resolved,
            _ if rest.starts_with("\r\n") => (white, 2),
            _ => (white, 1),
        };
        out.push(c);
        rest = &rest[len..];
        match rest.bytes().position(special) {
            Some(offset) => next = offset,
            None => break,
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict on the bytes when they arrive one by one.
    fn check_bytewise(bytes: &[u8], kind: Kind) -> Result<usize, XmlError> {
        let mut settled = 0;
        for end in 0..bytes.len() {
            settled += check(&bytes[settled..end], kind, false)?;
        }
        Ok(settled + check(&bytes[settled..], kind, true)?)
    }

    #[test]
    fn a_verdict_does_not_depend_on_how_the_bytes_are_cut() {
        let samples: [&[u8]; 16] = [
            b"plain",
            "два\u{FEFF}😀".as_bytes(),
            b"&amp;&#x41;&#10;",
            b"&amp",
            b"&am\xFF;",
            b"&lol;",
            b"&0123456789abcdef;",
            b"&0123456789abcdefg;",
            b"a]]>b",
            b"a]]\xC3\xA9>]",
            b"]]\xFF",
            b"\xED\xA0\x80",
            b"\xC0\xBC",
            b"\xEF\xBF\xBE",
            b"ok\x01\xFF",
            b"\xE2\x82",
        ];
        for bytes in samples {
            for kind in [Kind::Text, Kind::Cdata, Kind::Value] {
                assert_eq!(
                    check(bytes, kind, true),
                    check_bytewise(bytes, kind),
                    "{bytes:?} {kind:?}"
                );
            }
        }
    }

    #[test]
    fn expansion_resolves_references_and_normalises_white_space() {
        assert_eq!(expand("a\r\nb\rc\td&#13;&lt;&#x1F600;", Kind::Text), "a\nb\nc\td\r<😀");
        assert_eq!(expand("a\r\nb\tc&#9;&quot;", Kind::Value), "a b c\t\"");
        assert_eq!(expand("a\r\n&amp;", Kind::Cdata), "a\n&amp;");
        assert!(matches!(expand("plain", Kind::Text), Cow::Borrowed("plain")));
    }
}
