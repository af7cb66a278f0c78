//! What one connection may cost in memory, counted by the allocator.

use bytes::Bytes;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use watchpost::xml::{Address, Event, Frame, Limits, StreamParser};

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static TAKEN: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator; it counts the bytes of the thread that a test runs in.
struct Counting;

fn count(bytes: isize) {
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
    let _ = TAKEN.try_with(|taken| taken.set(taken.get() + bytes.max(0)));
}

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that something holds, the most that it held meanwhile, and all that it ever took.
struct Cost {
    held: isize,
    peak: isize,
    taken: isize,
}

fn cost<T>(act: impl FnOnce() -> T) -> (T, Cost) {
    let (held, taken) = (HELD.get(), TAKEN.get());
    PEAK.set(held);
    let value = act();
    let cost = Cost {
        held: HELD.get() - held,
        peak: PEAK.get() - held,
        taken: TAKEN.get() - taken,
    };
    (value, cost)
}

const HEADER: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

#[test]
fn delivery_to_a_thousand_copies_no_body() {
    let body = "x".repeat(100_000);
    let xml = [
        "<message type='headline' to='all@mon.example'><body>",
        &body,
        "</body></message>",
    ]
    .concat();
    let frame = Frame::parse(Bytes::from(xml), &Limits::AUTHENTICATED).expect("a stanza");
    let recipients: Vec<String> = (0..1_000)
        .map(|number| format!("user{number}@mon.example/desk"))
        .collect();
    let deliver = |to: &String| {
        let address = Address {
            from: Some("web1@mon.example/collector"),
            to: Some(to),
            ..Address::default()
        };
        frame.deliver(&address, &[], &[Bytes::from_static(b"<store xmlns='urn:xmpp:hints'/>")])
    };
    let (ropes, cost) = cost(|| recipients.iter().map(deliver).collect::<Vec<_>>());
    assert!(ropes.iter().all(|rope| rope.len() > body.len()));
    let each = cost.taken / 1_000;
    assert!(each < 1_024, "{each} bytes for each recipient of {}", body.len());
}

/// The parser's cost while a stanza that never ends arrives in chunks.
fn endless(start: &[u8], piece: &[u8], chunk: usize, limits: Limits) -> Cost {
    let mut parser = StreamParser::new(limits);
    let pieces = limits.stanza_bytes_max / piece.len() + 2;
    let stream = [HEADER, start, &piece.repeat(pieces)].concat();
    let ((), mut total) = cost(|| {
        for chunk in stream.chunks(chunk) {
            parser.feed(chunk);
            while let Ok(Some(_)) = parser.next() {}
        }
    });
    let mut most = 0;
    let mut parser = StreamParser::new(limits);
    let before = HELD.get();
    for chunk in stream.chunks(chunk) {
        parser.feed(chunk);
        while let Ok(Some(_)) = parser.next() {}
        most = most.max(HELD.get() - before);
    }
    total.held = most;
    total
}

/// What does not depend on any limit: bindings, open elements, attributes.
const CONSTANT: usize = 16 * 1024;
/// What is remembered of each direct child of a stanza, while the list of them grows.
const CHILD: usize = 64;

#[test]
fn a_connection_holds_no_more_than_its_limit_and_a_constant() {
    // No power of two, as a buffer that doubles would have it.
    let odd = Limits {
        stanza_bytes_max: 300_000,
        ..Limits::AUTHENTICATED
    };
    let shapes: [(&[u8], &[u8], usize); 5] = [
        (b"<message><body>", b"x", 0),
        (b"<message a='", b"x", 0),
        (b"", b"<a>", 0),
        (b"<message>", b"<a/>", CHILD),
        (b"<message>", b"<a b='c' d='e' xmlns='urn:x'/>", CHILD),
    ];
    for limits in [Limits::BEFORE_AUTHENTICATION, Limits::AUTHENTICATED, odd] {
        for (start, piece, child) in shapes {
            for chunk in [1, 997, 4_096] {
                let bound = limits.stanza_bytes_max + limits.elements_max * child + chunk + CONSTANT;
                let cost = endless(start, piece, chunk, limits);
                let piece = piece.escape_ascii();
                assert!(
                    cost.held <= bound as isize,
                    "{} > {bound} held: {piece} by {chunk}",
                    cost.held
                );
                // While a buffer grows there are two of them; that is a thread's matter and not each connection's.
                let peak = bound + limits.stanza_bytes_max;
                assert!(cost.peak <= peak as isize, "{} > {peak}: {piece} by {chunk}", cost.peak);
            }
        }
    }
}

#[test]
fn an_idle_connection_holds_next_to_nothing() {
    let mut parser = StreamParser::new(Limits::AUTHENTICATED);
    let stanza = ["<message><body>", &"x".repeat(5_000), "</body></message>"].concat();
    let (frames, cost) = cost(|| {
        let mut frames = 0;
        for bytes in [HEADER, b"<presence/>", stanza.as_bytes(), b"\n", b"<iq id='1'", b"/>"] {
            parser.feed(bytes);
            while let Ok(Some(event)) = parser.next() {
                frames += usize::from(matches!(event, Event::Frame(_)));
            }
        }
        frames
    });
    assert_eq!((frames, parser.pending()), (3, 0));
    assert!(cost.held < 512, "{} bytes", cost.held);
}
