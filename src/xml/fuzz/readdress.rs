//! Any accepted frame, delivered to any address with anything cut and appended: it reads back as the tree that was meant.
//!
//! Parts: options (`f`, `t`, `l`: the next parts count; `s`: standalone; `a`: append; a digit: cut that child), `from`,
//! `to`, `lang`, text to append, the frame.

use super::oracle::read_frame;
use super::writer::carried;
use crate::fuzzing::text;
use crate::xml::{Address, Build, CLIENT, Element, Frame, Limits, element, to_bytes};
use minidom::Node;
use minidom::rxml::{Namespace, NcName};

/// The target.
pub fn readdress(input: &[u8]) {
    let mut parts = input.splitn(6, |&byte| byte == 0xFF);
    let options = parts.next().unwrap_or_default();
    let [from, to, lang, appended] = [0; 4].map(|_| text(parts.next()));
    let xml = parts.next().unwrap_or_default().to_vec();
    let Ok(frame) = Frame::parse(xml.into(), &Limits::AUTHENTICATED) else {
        return;
    };
    let address = Address {
        from: options.contains(&b'f').then_some(&from),
        to: options.contains(&b't').then_some(&to),
        lang: options.contains(&b'l').then_some(&lang),
        standalone: options.contains(&b's'),
    };
    let digits = options.iter().filter(|byte| byte.is_ascii_digit());
    let cut: Vec<usize> = digits.map(|digit| usize::from(digit - b'0')).collect();
    let added = options.contains(&b'a').then(|| {
        let mut added = element("added", "urn:x").with("by", carried(&from)).build();
        if !appended.is_empty() {
            added.append_text(carried(&appended));
        }
        added
    });

    let expected = expected(&frame.to_element(), &address, &cut, added.as_ref());
    let append: Vec<_> = added.iter().map(|added| to_bytes(added, "")).collect();
    let delivered = frame.deliver(&address, &cut, &append).to_bytes();
    let read = Frame::parse(delivered.clone(), &Limits::NONE).expect("well-formed");
    assert_eq!(read.to_element(), expected, "{delivered:?}");
    assert_eq!(read_frame(&delivered), Ok(expected), "{delivered:?}");
    let declared = frame.attr("xmlns");
    assert!(!address.standalone || read.attr("xmlns").as_deref() == Some(declared.as_deref().unwrap_or(CLIENT)));
}

fn expected(sent: &Element, address: &Address<'_>, cut: &[usize], added: Option<&Element>) -> Element {
    let mut tree = Element::bare(sent.name(), sent.ns());
    *tree.attrs_mut() = sent.attrs().clone();
    let lang = address
        .lang
        .filter(|_| sent.attrs().get(&Namespace::XML, "lang").is_none());
    for (ns, name, value) in [
        (Namespace::NONE, "from", address.from),
        (Namespace::NONE, "to", address.to),
        (Namespace::XML, "lang", lang),
    ] {
        if let Some(value) = value {
            tree.set_attr(ns, NcName::try_from(name).expect("a name"), carried(value));
        }
    }
    let mut index = 0;
    for node in sent.nodes() {
        match node {
            Node::Text(text) => tree.append_text(text.as_str()),
            Node::Element(child) => {
                if !cut.contains(&index) {
                    tree.append_child(child.clone());
                }
                index += 1;
            }
        }
    }
    added.cloned().map(|added| tree.append_child(added));
    tree
}
