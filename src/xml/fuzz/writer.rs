//! Any tree, whatever its strings: it is written so that everybody reads it back, less only what XML cannot carry.
//!
//! Parts: `e` name 0xFE namespace opens an element, `a` namespace 0xFE name 0xFE value adds an attribute to it, `t` adds
//! text, `c` closes it.

use super::oracle::read_frame;
use crate::fuzzing::{parts, text};
use crate::xml::name::is_ncname;
use crate::xml::text::is_char;
use crate::xml::{CLIENT, Element, Frame, Limits, to_bytes};
use minidom::rxml::{Namespace, NcName, XMLNS_XML, XMLNS_XMLNS};

/// Deeper trees are not built: they are dropped by recursion.
const DEPTH_MAX: usize = 200;

/// A tree as it is given, and as it must come back.
struct Pair {
    given: Element,
    expected: Element,
}

/// The target.
pub fn writer(input: &[u8]) {
    let mut open = vec![Pair::new("root".to_owned(), CLIENT.to_owned())];
    for part in parts(input) {
        let Some((&operation, rest)) = part.split_first() else {
            continue;
        };
        let mut fields = rest.split(|&byte| byte == 0xFE);
        match operation {
            b'e' if open.len() < DEPTH_MAX => open.push(Pair::new(text(fields.next()), text(fields.next()))),
            b'c' => close(&mut open),
            _ => {}
        }
        let Some(top) = open.last_mut() else { continue };
        match operation {
            b'a' => top.attr(text(fields.next()), text(fields.next()), text(fields.next())),
            b't' => top.text(text(Some(rest))),
            _ => {}
        }
    }
    while open.len() > 1 {
        close(&mut open);
    }
    open.pop().iter().for_each(Pair::check);
}

fn close(open: &mut Vec<Pair>) {
    if open.len() > 1
        && let (Some(inner), Some(outer)) = (open.pop(), open.last_mut())
    {
        outer.given.append_child(inner.given);
        outer.expected.append_child(inner.expected);
    }
}

impl Pair {
    fn new(name: String, ns: String) -> Pair {
        let legal = if is_ncname(&name) { name.as_str() } else { "_" };
        let kept = if is_kept(&ns) || ns == XMLNS_XML {
            ns.as_str()
        } else {
            ""
        };
        Pair {
            expected: Element::bare(legal, kept),
            given: Element::bare(name, ns),
        }
    }

    fn attr(&mut self, ns: String, name: String, value: String) {
        let Ok(ncname) = NcName::try_from(name.as_str()) else {
            return;
        };
        let declaration = ns.is_empty() && name == "xmlns";
        let kept = ns.is_empty() || ns == XMLNS_XML || is_kept(&ns);
        if is_ncname(&name) && kept && !declaration {
            let ns = Namespace::from(ns.clone());
            self.expected.set_attr(ns, ncname.clone(), carried(&value));
        }
        self.given.set_attr(Namespace::from(ns), ncname, value);
    }

    fn text(&mut self, text: String) {
        if !text.is_empty() {
            self.expected.append_text(carried(&text));
        }
        self.given.append_text_node(text);
    }

    fn check(&self) {
        let frame = Frame::from_element(&self.given);
        let bytes = frame.bytes();
        assert_eq!(frame.to_element(), self.expected, "{bytes:?}");
        assert_eq!(read_frame(bytes), Ok(self.expected.clone()), "{bytes:?} elsewhere");
        for default in ["", "urn:x"] {
            // Written for another place it is the same where that place's default namespace holds.
            let bytes = to_bytes(&self.given, default);
            let within = [b"<r xmlns='", default.as_bytes(), b"'>", &bytes[..], b"</r>"].concat();
            let outer = Frame::parse(within.into(), &Limits::NONE).expect("well-formed");
            assert_eq!(
                outer.child_element(0),
                Some(self.expected.clone()),
                "{bytes:?} in {default}"
            );
        }
    }
}

/// Whether a namespace can be declared so that all parties read it alike.
fn is_kept(ns: &str) -> bool {
    let plain = ns.chars().all(|c| is_char(c) && c > ' ' && c != '&' && c != '<');
    plain && ns != XMLNS_XML && ns != XMLNS_XMLNS && !(ns.contains('\'') && ns.contains('"'))
}

/// A text as XML carries it.
pub(super) fn carried(text: &str) -> String {
    text.chars().map(|c| if is_char(c) { c } else { '\u{FFFD}' }).collect()
}
