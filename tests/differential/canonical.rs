//! Our reading of XML streams, in a form that others can compare: `canonical FILE...`.
//!
//! For each file a line `file PATH`, then one line an event. Where a file opens no stream there is a line `usual`, and its
//! bytes follow a usual header. An element is `[name, attributes, nodes]` in JSON: a name `[namespace, local]`, attributes
//! sorted.

use serde_json::{Value, json};
use watchpost::xml::{Element, Event, Limits, StreamParser};

const HEADER: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

fn main() {
    for path in std::env::args().skip(1) {
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                eprintln!("{path}: {error}");
                std::process::exit(1);
            }
        };
        println!("file {path}");
        let mut lines = read(&bytes);
        if !lines.first().is_some_and(|line| line.starts_with("header")) {
            println!("usual");
            lines = read(&[HEADER, &bytes].concat());
        }
        lines.iter().for_each(|line| println!("{line}"));
    }
}

/// The events of a stream: `header`, `frame BYTES TREE`, `close`, `error WHAT`; each but the last with the number of bytes
/// that were read up to its end.
fn read(stream: &[u8]) -> Vec<String> {
    let mut parser = StreamParser::new(Limits::AUTHENTICATED);
    let mut lines = Vec::new();
    for (at, byte) in stream.chunks(1).enumerate() {
        parser.feed(byte);
        loop {
            match parser.next() {
                Ok(None) => break,
                Ok(Some(Event::Header(_))) => lines.push(format!("header {}", at + 1)),
                Ok(Some(Event::Frame(frame))) => {
                    lines.push(format!("frame {} {}", at + 1, tree(&frame.to_element())));
                }
                Ok(Some(Event::Close)) => lines.push(format!("close {}", at + 1)),
                Err(error) => {
                    lines.push(format!("error {error}"));
                    return lines;
                }
            }
        }
    }
    lines
}

fn tree(element: &Element) -> Value {
    let mut attrs: Vec<(&str, &str, &str)> = element
        .attrs()
        .iter()
        .map(|((ns, name), value)| (ns.as_str(), name.as_str(), value.as_str()))
        .collect();
    attrs.sort_unstable();
    let nodes = element.nodes().map(|node| match (node.as_element(), node.as_text()) {
        (Some(child), _) => tree(child),
        (None, text) => json!(text),
    });
    json!([[element.ns(), element.name()], attrs, nodes.collect::<Vec<_>>()])
}
