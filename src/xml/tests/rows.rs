//! The rows of the threat table on XML and the stream layer that concern the grammar, by their ids.

use super::XmlError::{
    BadFormat, BadNamespacePrefix, InvalidNamespace, NotWellFormed, RestrictedXml, UnsupportedEncoding,
};
use super::*;
use crate::xml::CLIENT;

const ROOT: &str = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";

#[test]
fn x01_a_document_type_is_restricted_xml() {
    let bomb = "<!DOCTYPE s [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]>";
    assert_eq!(opening(format!("{bomb}{HEADER}")), [Seen::Error(RestrictedXml)]);
    refused(bomb, RestrictedXml);
    refused(format!("<message><body>{bomb}&b;</body></message>"), RestrictedXml);
}

#[test]
fn x02_an_entity_that_is_not_predefined_is_restricted_xml() {
    for stanza in [
        "<a><body>&lol;</body></a>",
        "<a to='&lol;'/>",
        "<a><x xmlns='urn:x' y='&lol;'>z</x></a>",
    ] {
        refused(stanza, RestrictedXml);
    }
    for stanza in [
        "<a>&</a>",
        "<a>& b</a>",
        "<a>&amp</a>",
        "<a b='&amp'/>",
        "<a>&;</a>",
        "<a>&#;</a>",
        "<a>&#x;</a>",
        "<a>&#X41;</a>",
    ] {
        refused(stanza, NotWellFormed);
    }
    assert_eq!(
        accepted("<a>&lt;&gt;&amp;&apos;&quot;&#65;&#x1f600;</a>")
            .to_element()
            .text(),
        "<>&'\"A😀"
    );
}

#[test]
fn x03_comments_and_processing_instructions_are_restricted_xml() {
    for markup in ["<!--x-->", "<?x y?>"] {
        refused(markup, RestrictedXml);
        refused(format!("<message><body>a{markup}</body></message>"), RestrictedXml);
        assert_eq!(opening(format!("{markup}{HEADER}")), [Seen::Error(RestrictedXml)]);
    }
}

#[test]
fn x04_an_xml_declaration_is_the_very_first_thing_and_says_utf_8() {
    for good in [
        "<?xml version='1.0'?>",
        "<?xml version=\"1.0\" encoding='Utf-8' standalone='yes' ?>\r\n",
    ] {
        assert!(
            matches!(opening(format!("{good}{HEADER}")).as_slice(), [Seen::Header(_)]),
            "{good}"
        );
    }
    for (bad, error) in [
        (" <?xml version='1.0'?>", RestrictedXml),
        ("<?xml version='1.1'?>", RestrictedXml),
        ("<?xml version='1.0' standalone='no'?>", RestrictedXml),
        ("<?xml version='1.0' encoding='utf-16'?>", UnsupportedEncoding),
        ("<?xml?>", RestrictedXml),
        ("<?xml ?>", NotWellFormed),
        ("<?xml encoding='utf-8'?>", NotWellFormed),
        ("<?xml version='1.0' standalone='yes' encoding='utf-8'?>", NotWellFormed),
        ("<?xml version='1.0'encoding='utf-8'?>", NotWellFormed),
        ("<?xml version='1.0'?><?xml version='1.0'?>", RestrictedXml),
    ] {
        assert_eq!(opening(format!("{bad}{HEADER}")), [Seen::Error(error)], "{bad}");
    }
    assert_eq!(
        opening(format!("<?xml {}", " ".repeat(300))),
        [Seen::Error(NotWellFormed)]
    );
    refused("<?xml version='1.0'?>", RestrictedXml);
    refused("<a><?xml version='1.0'?></a>", RestrictedXml);
}

#[test]
fn x05_bytes_that_are_not_utf_8_are_refused_wherever_they_stand() {
    let sequences: [&[u8]; 8] = [
        b"\xC0\xBC",
        b"\xED\xA0\x80",
        b"\xEB",
        b"\xFF",
        b"\x80",
        b"\xF4\x90\x80\x80",
        b"\xF5\x80\x80\x80",
        b"\xE2\x82",
    ];
    for bad in sequences {
        for (before, after) in [
            ("<a", "/>"),
            ("<a b", "='c'/>"),
            ("<a b='", "'/>"),
            ("<a>", "</a>"),
            ("<a>é]", "</a>"),
            ("<a><![CDATA[", "]]></a>"),
        ] {
            refused([before.as_bytes(), bad, after.as_bytes()].concat(), BadFormat);
        }
        // A closing tag is compared as bytes.
        refused([&b"<a></a"[..], bad, b">"].concat(), NotWellFormed);
    }
}

#[test]
fn x06_a_character_may_be_split_between_reads() {
    let stanza = "<сообщение я='é'><body>é€😀</body><![CDATA[é€😀]]></сообщение>";
    assert_eq!(accepted(stanza).bytes(), stanza.as_bytes());
}

#[test]
fn x07_characters_that_xml_forbids_are_refused() {
    for bad in (0..0x20).filter(|c| ![9, 10, 13].contains(c)).chain([0xFFFE, 0xFFFF]) {
        let bad = char::from_u32(bad).unwrap();
        refused(format!("<a>x{bad}</a>"), NotWellFormed);
        refused(format!("<a b='{bad}'/>"), NotWellFormed);
        refused(format!("<a><![CDATA[{bad}]]></a>"), NotWellFormed);
    }
    accepted("<a b='\t\u{7F}\u{85}\u{FFFD}\u{1FFFF}'>\t\n\r\u{7F}\u{85}\u{FFFD}\u{1FFFF}</a>");
}

#[test]
fn x08_references_to_characters_that_xml_forbids_are_refused() {
    for bad in [
        "0",
        "1",
        "x1F",
        "11",
        "xFFFE",
        "xffff",
        "xD800",
        "xDFFF",
        "x110000",
        "99999999999999",
    ] {
        refused(format!("<a>&#{bad};</a>"), NotWellFormed);
        refused(format!("<a b='&#{bad};'/>"), NotWellFormed);
    }
}

#[test]
fn x09_duplicate_attribute_is_not_well_formed() {
    refused("<message to='a@x' to='b@x'/>", NotWellFormed);
    refused("<iq xmlns='jabber:client' xmlns='evil'/>", NotWellFormed);
    refused("<a><b xmlns:p='urn:p' xmlns:p='urn:p'/></a>", NotWellFormed);
    let many: String = (0..40).map(|i| format!(" a{i}=''")).collect();
    accepted(format!("<a{many}/>"));
    refused(format!("<a{many} a7=''/>"), NotWellFormed);
}

#[test]
fn x10_duplicate_expanded_attribute_name_is_not_well_formed() {
    refused("<a xmlns:p='urn:x' xmlns:q='urn:x' p:b='' q:b=''/>", NotWellFormed);
    refused(
        "<a xmlns:p='urn:x'><c xmlns:q='urn:x' p:b='' d='' q:b=''/></a>",
        NotWellFormed,
    );
    accepted("<a xmlns='urn:x' xmlns:p='urn:x' xmlns:q='urn:y' p:b='' q:b='' b=''/>");
}

#[test]
fn x11_an_undeclared_prefix_is_refused() {
    for stanza in [
        "<x:message/>",
        "<a x:b=''/>",
        "<a><x:b/></a>",
        "<a><b xmlns:x='urn:x'/><x:c/></a>",
        "<xmlns:a/>",
    ] {
        refused(stanza, BadNamespacePrefix);
    }
}

#[test]
fn x12_reserved_prefixes_and_namespaces_stay_what_they_are() {
    const XML: &str = "http://www.w3.org/XML/1998/namespace";
    const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
    for declaration in [
        "xmlns:xml='urn:x'".to_owned(),
        "xmlns:xmlns='urn:x'".to_owned(),
        format!("xmlns:xmlns='{XMLNS}'"),
        format!("xmlns='{XML}'"),
        format!("xmlns='{XMLNS}'"),
        format!("xmlns:p='{XML}'"),
        format!("xmlns:p='{XMLNS}'"),
        "xmlns:p=''".to_owned(),
        "xmlns:=''".to_owned(),
    ] {
        refused(format!("<a {declaration}/>"), NotWellFormed);
        refused(format!("<a><b {declaration}/></a>"), NotWellFormed);
    }
    let frame = accepted(format!("<a xmlns:xml='{XML}' xml:lang='de'><b xmlns=''/></a>"));
    assert_eq!(frame.attr("xml:lang").unwrap(), "de");
    assert_eq!(frame.children().next().unwrap().ns, "");
}

#[test]
fn x13_a_reference_in_a_namespace_name_is_refused() {
    refused("<message xmlns='jabber:clie&#110;t'/>", NotWellFormed);
    refused("<a xmlns:p='urn:&amp;'/>", NotWellFormed);
}

#[test]
fn x14_white_space_and_controls_in_a_namespace_name_are_refused() {
    for bad in [" ", "\t", "\n", "\r", "&#12;", "&#10;"] {
        refused(format!("<a xmlns='jabber:client{bad}message'/>"), NotWellFormed);
    }
}

#[test]
fn x15_what_a_strict_receiver_refuses_is_not_passed_on() {
    for stanza in [
        "<a b='<'/>",
        "<a b='1'c='2'/>",
        "<a>]]></a>",
        "<a>x]]]></a>",
        "<a b=1/>",
        "<a b/>",
        "<a b='",
        "<a>é]]></a>",
        "<a b='c\rd'/>",
        "<a b='\r'/>",
        "<a b='\r\r\n'/>",
    ] {
        refused(format!("{stanza}<iq/>"), NotWellFormed);
    }
    accepted("<a b=']]>'>]] >]]&gt;<![CDATA[]]]]><![CDATA[>]]></a>");
}

#[test]
fn x16_names_are_checked() {
    let names = [
        "1a",
        "=",
        "a$",
        "a:b:c",
        " ",
        ":a",
        "a:",
        "a:1",
        "-a",
        ".a",
        "a\u{D7}",
        "\u{300}a",
        "a\u{10000}",
        "a&",
        "a;",
        "",
        "a'",
        "a/b",
    ];
    for name in names {
        refused(format!("<{name}></{name}><iq/>"), NotWellFormed);
        refused(format!("<a><{name}/></a><iq/>"), NotWellFormed);
        if !["=", " ", ""].contains(&name) {
            refused(format!("<a {name}='x'/><iq/>"), NotWellFormed);
        }
    }
}

#[test]
fn x17_half_a_stanza_is_nothing_and_nothing_follows_the_close() {
    assert_eq!(after_header("<message><body>x</body></message"), []);
    assert_eq!(after_header("</stream:stream><message/>"), [Seen::Close]);
    refused("x", NotWellFormed);
    refused("</stream>", NotWellFormed);
    refused("</stream:stream x>", NotWellFormed);
    refused("<a><b></a></b>", NotWellFormed);
    refused("<a></a b='c'>", NotWellFormed);
}

#[test]
fn x18_a_byte_order_mark_is_a_character_in_text_and_refused_before_the_header() {
    let frame = accepted("<a>\u{FEFF}x</a>");
    assert_eq!(frame.bytes(), "<a>\u{FEFF}x</a>".as_bytes());
    assert_eq!(frame.to_element().text(), "\u{FEFF}x");
    assert_eq!(opening(format!("\u{FEFF}{HEADER}")), [Seen::Error(NotWellFormed)]);
}

#[test]
fn x19_line_ends_and_white_space_are_normalised_for_the_reader_and_exact_for_the_next() {
    let stanza = "<a b='1\t2\n3\r\n4&#10;5'>1\r\n2\r3<![CDATA[\r\n&amp;]]>&#13;</a>";
    let frame = accepted(stanza);
    assert_eq!(frame.bytes(), stanza.as_bytes());
    assert_eq!(frame.attr("b").unwrap(), "1 2 3 4\n5");
    let tree = frame.to_element();
    assert_eq!(
        (tree.attr("b").unwrap(), tree.text()),
        ("1 2 3 4\n5", "1\n2\n3\n&amp;\r".to_owned())
    );
    let again = Frame::from_element(&tree);
    assert_eq!(
        again.bytes(),
        "<a b='1 2 3 4&#xA;5'>1\n2\n3\n&amp;amp;&#xD;</a>".as_bytes()
    );
    assert_eq!(again.to_element(), tree);
}

#[test]
fn x26_strings_of_a_peer_cannot_leave_their_place() {
    let evil = "a'/><message to=\"v@x\"><body>x</body></message>]]>&<x y='\u{1}";
    let mut tree = crate::xml::Element::builder("iq", CLIENT).append(evil).build();
    tree.set_attr(
        minidom::rxml::Namespace::NONE,
        minidom::rxml::NcName::try_from("id").unwrap(),
        evil,
    );
    let frame = accepted(Frame::from_element(&tree).bytes());
    let safe = evil.replace('\u{1}', "\u{FFFD}");
    assert_eq!(
        (frame.attr("id").unwrap(), frame.to_element().text()),
        (safe.as_str().into(), safe.clone())
    );
    assert_eq!(frame.children().count(), 0);
    let address = crate::xml::Address {
        from: Some(evil),
        to: Some(evil),
        lang: Some(evil),
        standalone: true,
    };
    let delivered = accepted(frame.deliver(&address, &[], &[]).to_bytes());
    for name in ["id", "from", "to", "xml:lang"] {
        assert_eq!(delivered.attr(name).unwrap(), safe, "{name}");
    }
}

#[test]
fn x30_the_root_is_stream_in_the_streams_namespace() {
    for (header, error) in [
        (
            "<stream:stream xmlns='jabber:client' xmlns:stream='urn:x'>".to_owned(),
            InvalidNamespace,
        ),
        ("<stream xmlns='jabber:client'>".to_owned(), InvalidNamespace),
        ("<message xmlns='jabber:client'/>".to_owned(), InvalidNamespace),
        ("<message/>".to_owned(), InvalidNamespace),
        ("<stream:stream xmlns='jabber:client'>".to_owned(), BadNamespacePrefix),
        (format!("<stream:message {ROOT}>"), BadFormat),
        (format!("<stream:stream {ROOT} to='a' to='b'>"), NotWellFormed),
        (format!("<stream:stream {ROOT} to='\u{1}'>"), NotWellFormed),
        (format!("x<stream:stream {ROOT}>"), NotWellFormed),
        ("</stream:stream>".to_owned(), NotWellFormed),
        (
            format!("<stream:stream {ROOT} to='{}'>", "x".repeat(20_000)),
            XmlError::Limit("value_bytes_max"),
        ),
    ] {
        assert_eq!(opening(&header), [Seen::Error(error)], "{header}");
    }
    // What a second header means is for the stream to say.
    let frame = accepted(format!("<stream:stream {ROOT}></stream:stream>"));
    assert_eq!((frame.name(), frame.ns()), ("stream", STREAM));
}

#[test]
fn x31_bytes_that_are_not_xml_end_at_the_first() {
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01",
        b"\x00",
        b"\xFF\xFE<\x00",
    ] {
        assert_eq!(opening(&bytes[..1]), [Seen::Error(NotWellFormed)]);
        assert_eq!(opening(bytes), [Seen::Error(NotWellFormed)]);
    }
}
