//! Opening tags: XML 1.0 section 3.1.

use super::name::{self, QName};
use super::text::{self, Kind};
use super::{Limits, XmlError};
use memchr::memchr_iter;

/// A range of a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    /// Its first byte.
    pub start: u32,
    /// Its bytes.
    pub len: u32,
}

impl Span {
    /// The range from `start` up to, not including, `end`.
    pub fn new(start: usize, end: usize) -> Span {
        Span {
            start: start as u32,
            len: (end - start) as u32,
        }
    }

    /// Past its last byte.
    pub fn end(self) -> usize {
        (self.start + self.len) as usize
    }

    /// Its bytes in the buffer.
    pub fn of(self, buf: &[u8]) -> &[u8] {
        &buf[self.start as usize..][..self.len as usize]
    }

    /// Its text in the buffer, which was validated when it was scanned.
    pub fn text(self, buf: &[u8]) -> &str {
        std::str::from_utf8(self.of(buf)).unwrap_or_default()
    }
}

/// One attribute as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attr {
    /// Its name.
    pub name: QName,
    /// Its value between the quotes, not expanded.
    pub value: Span,
}

/// What an opening tag says beside its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// The element's name.
    pub name: QName,
    /// Whether it ends in `/>`.
    pub empty: bool,
    /// Past its `>`.
    pub end: usize,
}

impl Tag {
    fn new(name: QName, empty: bool, end: usize) -> Tag {
        Tag { name, empty, end }
    }
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn skip_space(buf: &[u8], mut at: usize) -> usize {
    while buf.get(at).copied().is_some_and(is_space) {
        at += 1;
    }
    at
}

/// Reads the tag whose name begins at `start`, up to its `>`. Its attributes replace what `attrs` held. Uniqueness and
/// namespaces are the scope's to check.
///
/// # Errors
/// Every violation of the grammar, of the character set, and of the limits on names, values and attributes; some of them
/// when the tag does not end in `buf`.
pub(super) fn read(buf: &[u8], start: usize, limits: &Limits, attrs: &mut Vec<Attr>) -> Result<Tag, XmlError> {
    attrs.clear();
    let name = read_name(buf, start, limits)?;
    let mut at = name.end();
    loop {
        let next = skip_space(buf, at);
        match buf.get(next) {
            Some(b'>') => return Ok(Tag::new(name, false, next + 1)),
            Some(b'/') if buf.get(next + 1) == Some(&b'>') => return Ok(Tag::new(name, true, next + 2)),
            None => return Err(XmlError::NotWellFormed),
            Some(_) if next == at => return Err(XmlError::NotWellFormed),
            Some(_) if attrs.len() >= limits.attributes_max => return Err(XmlError::Limit("attributes_max")),
            Some(_) => attrs.push(read_attr(buf, next, limits)?),
        }
        // The quote follows the value.
        at = attrs.last().map_or(next, |attr| attr.value.end() + 1);
    }
}

fn read_name(buf: &[u8], at: usize, limits: &Limits) -> Result<QName, XmlError> {
    let name = name::read(buf, at)?;
    if name.len as usize > limits.name_bytes_max {
        return Err(XmlError::Limit("name_bytes_max"));
    }
    Ok(name)
}

fn read_attr(buf: &[u8], at: usize, limits: &Limits) -> Result<Attr, XmlError> {
    let name = read_name(buf, at, limits)?;
    let equals = skip_space(buf, name.end());
    if buf.get(equals) != Some(&b'=') {
        return Err(XmlError::NotWellFormed);
    }
    let open = skip_space(buf, equals + 1);
    let Some(quote @ (b'\'' | b'"')) = buf.get(open).copied() else {
        return Err(XmlError::NotWellFormed);
    };
    let value = read_value(buf, open + 1, quote)?;
    if value.len as usize > limits.value_bytes_max {
        return Err(XmlError::Limit("value_bytes_max"));
    }
    Ok(Attr { name, value })
}

/// Bytes of a value that need a closer look: the quotes, and what [`text::check`] or the grammar may refuse.
static SPECIAL: [bool; 256] = special();

const fn special() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(byte as u8, 0..0x20 | b'\'' | b'"' | b'<' | b'&' | 0x80..);
        byte += 1;
    }
    table
}

fn read_value(buf: &[u8], start: usize, quote: u8) -> Result<Span, XmlError> {
    let mut at = start;
    let mut plain = true;
    loop {
        match buf.get(at).copied() {
            Some(byte) if !SPECIAL[byte as usize] => {}
            Some(byte) if byte == quote => break,
            Some(b'<') | None => return Err(XmlError::NotWellFormed),
            Some(_) => plain = false,
        }
        at += 1;
    }
    if !plain {
        let value = &buf[start..at];
        text::check(value, Kind::Value, true)?;
        check_line_ends(value)?;
    }
    Ok(Span::new(start, at))
}

/// A CR without LF in a value is a space to XML (section 3.3.3) and an error to rxml 0.14: it is not passed on, for it would
/// end the stream of every client that is built on that parser.
fn check_line_ends(value: &[u8]) -> Result<(), XmlError> {
    match memchr_iter(b'\r', value).all(|cr| value.get(cr + 1) == Some(&b'\n')) {
        true => Ok(()),
        false => Err(XmlError::NotWellFormed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(tag: &str) -> Result<usize, XmlError> {
        let mut attrs = Vec::new();
        let tag = [tag, ">"].concat();
        let end = read(tag.as_bytes(), 0, &Limits::AUTHENTICATED, &mut attrs)?.end;
        assert_eq!(end, tag.len());
        Ok(attrs.len())
    }

    #[test]
    fn attributes_are_separated_by_white_space_and_quoted() {
        assert_eq!(count("a"), Ok(0));
        assert_eq!(count("a b = 'c>'\n\td=\"'\" /"), Ok(2));
        for bad in [
            "a b='c'd='e'",
            "a b=c",
            "a b",
            "a b='<'",
            "a b='c",
            "a /b='c'",
            "a//",
            "a b=''/ ",
            "a 'b'",
        ] {
            assert_eq!(count(bad), Err(XmlError::NotWellFormed), "{bad}");
        }
    }

    #[test]
    fn names_values_and_attributes_are_limited() {
        let limits = Limits::AUTHENTICATED;
        assert_eq!(count(&format!("a b='{}'", "x".repeat(limits.value_bytes_max))), Ok(1));
        assert_eq!(
            count(&format!("a b='{}'", "x".repeat(limits.value_bytes_max + 1))),
            Err(XmlError::Limit("value_bytes_max"))
        );
        assert_eq!(
            count(&"a".repeat(limits.name_bytes_max + 1)),
            Err(XmlError::Limit("name_bytes_max"))
        );
        let many = |n: usize| (0..n).fold("a".to_owned(), |tag, i| format!("{tag} b{i}=''"));
        assert_eq!(count(&many(limits.attributes_max)), Ok(limits.attributes_max));
        assert_eq!(
            count(&many(limits.attributes_max + 1)),
            Err(XmlError::Limit("attributes_max"))
        );
    }
}
