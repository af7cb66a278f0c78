//! The stream parser beside others, over the same bytes in the same chunks: `cargo bench --bench parser`.
//!
//! Ours checks everything that the room `xml` promises; quick-xml's loop only finds tokens, its `NsReader` binds names and
//! reads attributes, rxml and libexpat check what XML asks. libexpat is measured by a C program, where a compiler and the
//! library's headers are. At the end stand the ratios.

use criterion::{BenchmarkId, Criterion, Throughput};
use quick_xml::events::Event as Token;
use quick_xml::reader::{NsReader, Reader};
use std::hint::black_box;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use watchpost::xml::{Event, Limits, StreamParser};

const HEADER: &str =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
const STANZAS: &str = include_str!("stanzas.xml");
const CHUNKS: [usize; 2] = [1024, 4096];

type Contender = (&'static str, fn(&[u8], usize) -> usize);

const CONTENDERS: [Contender; 4] = [
    ("watchpost", watchpost),
    ("quick-xml", quick_xml),
    ("NsReader", ns_reader),
    ("rxml", rxml),
];

/// About a megabyte of stanzas.
fn stream() -> Vec<u8> {
    [HEADER, &STANZAS.repeat((1 << 20) / STANZAS.len())]
        .concat()
        .into_bytes()
}

fn main() {
    let stream = stream();
    let mut criterion = Criterion::default()
        .sample_size(20)
        .measurement_time(Duration::from_secs(2))
        .warm_up_time(Duration::from_millis(500))
        .configure_from_args();
    let expected = STANZAS.split_inclusive(">\n").count() * ((1 << 20) / STANZAS.len());
    for chunk in CHUNKS {
        let mut group = criterion.benchmark_group(format!("{chunk}"));
        group.throughput(Throughput::Bytes(stream.len() as u64));
        for (name, parse) in CONTENDERS {
            assert_eq!(parse(&stream, chunk), expected, "{name} sees other stanzas");
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| parse(black_box(&stream), chunk));
            });
        }
        group.finish();
    }
    criterion.final_summary();
    CHUNKS.iter().for_each(|&chunk| compare(&stream, chunk));
}

/// Prints speeds, and how ours relates to them.
fn compare(stream: &[u8], chunk: usize) {
    let mut speeds: Vec<(&str, f64)> = CONTENDERS
        .iter()
        .filter_map(|(name, _)| Some((*name, measured(chunk, name, stream.len())?)))
        .collect();
    match expat(stream, chunk) {
        Ok(speed) => speeds.push(("libexpat", speed)),
        Err(why) => println!("libexpat: not measured: {why}"),
    }
    let Some(&(_, ours)) = speeds.first() else { return };
    for (name, speed) in &speeds {
        println!(
            "{chunk:>5} B chunks  {name:<10} {speed:>7.1} MB/s  {:>5.2}",
            ours / speed
        );
    }
}

/// Megabytes a second by the median that criterion has written.
fn measured(chunk: usize, name: &str, bytes: usize) -> Option<f64> {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into());
    let path = Path::new(&target).join(format!("criterion/{chunk}/{name}/new/estimates.json"));
    let estimates: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let nanoseconds = estimates["median"]["point_estimate"].as_f64()?;
    Some(bytes as f64 * 1e3 / nanoseconds)
}

fn expat(stream: &[u8], chunk: usize) -> Result<f64, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (program, file) = (dir.path().join("expat"), dir.path().join("stream"));
    std::fs::write(&file, stream).map_err(|error| error.to_string())?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/expat.c");
    let mut compile = Command::new("cc");
    run(compile.args(["-O2", "-o"]).arg(&program).arg(source).arg("-lexpat"))?;
    let output = run(Command::new(&program)
        .arg(&file)
        .args([chunk.to_string(), "40".to_owned()]))?;
    output.trim().parse().map_err(|_| format!("it printed '{output}'"))
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr)
            .lines()
            .next()
            .unwrap_or("it failed")
            .to_owned()),
    }
}

/// Bytes as they come from a socket.
struct Chunks<'a> {
    rest: &'a [u8],
    size: usize,
}

impl Read for Chunks<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = self.fill_buf()?.len().min(into.len());
        into[..len].copy_from_slice(&self.rest[..len]);
        self.consume(len);
        Ok(len)
    }
}

impl BufRead for Chunks<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // What is left of the current chunk.
        let chunk = (self.rest.len() + self.size - 1) % self.size + 1;
        Ok(&self.rest[..chunk.min(self.rest.len())])
    }

    fn consume(&mut self, len: usize) {
        self.rest = &self.rest[len..];
    }
}

/// Each contender returns the number of stanzas, so that nothing is optimised away and nothing overlooked.
fn watchpost(stream: &[u8], chunk: usize) -> usize {
    let mut parser = StreamParser::new(Limits::AUTHENTICATED);
    let mut stanzas = 0;
    for chunk in stream.chunks(chunk) {
        parser.feed(chunk);
        while let Some(event) = parser.next().expect("well-formed") {
            stanzas += usize::from(matches!(black_box(event), Event::Frame(_)));
        }
    }
    stanzas
}

/// Depth before and after each token: stanzas are what begins at depth 1.
#[derive(Default)]
struct Depth {
    now: usize,
    stanzas: usize,
}

impl Depth {
    fn start(&mut self) {
        self.empty();
        self.now += 1;
    }

    fn empty(&mut self) {
        self.stanzas += usize::from(self.now == 1);
    }

    fn end(&mut self) {
        self.now -= 1;
    }
}

fn quick_xml(stream: &[u8], size: usize) -> usize {
    let mut reader = Reader::from_reader(Chunks { rest: stream, size });
    reader.config_mut().check_end_names = false;
    let (mut buf, mut depth) = (Vec::new(), Depth::default());
    loop {
        buf.clear();
        match black_box(reader.read_event_into(&mut buf).expect("tokens")) {
            Token::Start(_) => depth.start(),
            Token::Empty(_) => depth.empty(),
            Token::End(_) => depth.end(),
            Token::Eof => return depth.stanzas,
            _ => {}
        }
    }
}

fn ns_reader(stream: &[u8], size: usize) -> usize {
    let mut reader = NsReader::from_reader(Chunks { rest: stream, size });
    let (mut buf, mut depth) = (Vec::new(), Depth::default());
    loop {
        buf.clear();
        let token = reader.read_event_into(&mut buf).expect("tokens");
        match &token {
            Token::Start(tag) | Token::Empty(tag) => {
                black_box(reader.resolver().resolve_element(tag.name()));
                for attribute in tag.attributes() {
                    let attribute = attribute.expect("an attribute");
                    black_box(reader.resolver().resolve_attribute(attribute.key));
                }
            }
            _ => {}
        }
        match token {
            Token::Start(_) => depth.start(),
            Token::Empty(_) => depth.empty(),
            Token::End(_) => depth.end(),
            Token::Eof => return depth.stanzas,
            _ => {}
        }
    }
}

fn rxml(stream: &[u8], size: usize) -> usize {
    let mut reader = rxml::Reader::new(Chunks { rest: stream, size });
    let mut depth = Depth::default();
    // The stream is not closed: its end is an error.
    while let Ok(Some(event)) = reader.read() {
        match black_box(event) {
            rxml::Event::StartElement(..) => depth.start(),
            rxml::Event::EndElement(_) => depth.end(),
            _ => {}
        }
    }
    depth.stanzas
}
