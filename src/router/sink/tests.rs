//! The queue of one session.

use super::*;
use bytes::Bytes;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

fn rope(text: &'static str) -> Rope {
    Rope::from(Bytes::from_static(text.as_bytes()))
}

fn backlog<const N: usize>(texts: [&'static str; N]) -> Vec<(Rope, Option<u64>)> {
    texts.map(|text| (rope(text), None)).to_vec()
}

fn texts(out: &[Rope]) -> Vec<String> {
    out.iter()
        .map(|rope| String::from_utf8(rope.to_bytes().to_vec()).unwrap())
        .collect()
}

fn is_ready(sink: &Sink) -> bool {
    matches!(
        pin!(sink.ready()).poll(&mut Context::from_waker(Waker::noop())),
        Poll::Ready(())
    )
}

#[test]
fn a_ticket_holds_its_element_and_all_behind_it() {
    let sink = Sink::new(10, 1000);
    sink.push(rope("a"), None);
    sink.push(rope("b"), Some(Ticket(2)));
    sink.push(rope("c"), None);
    let mut out = vec![];
    assert_eq!(sink.drain(Ticket(1), usize::MAX, &mut out), Some(Ticket(2)));
    assert_eq!(texts(&out), ["a"]);
    assert!(!is_ready(&sink), "what waits for the disk wakes nobody");
    sink.push(rope("d"), None);
    assert!(!is_ready(&sink));
    assert_eq!(sink.drain(Ticket(2), usize::MAX, &mut out), None);
    assert_eq!(texts(&out), ["a", "b", "c", "d"]);
}

#[test]
fn a_drain_stops_at_its_budget_and_stays_ready() {
    let sink = Sink::new(10, 1000);
    sink.push(rope("aaaa"), None);
    sink.push(rope("bbbb"), None);
    let mut out = vec![];
    assert_eq!(sink.drain(Ticket(0), 3, &mut out), None);
    assert_eq!(texts(&out), ["aaaa"]);
    assert!(is_ready(&sink));
    sink.drain(Ticket(0), 3, &mut out);
    assert!(!is_ready(&sink));
}

#[test]
fn a_full_sink_closes_and_hands_back_what_it_held() {
    let sink = Sink::new(2, 1000);
    assert!(sink.push(rope("a"), None));
    assert!(!sink.is_congested());
    let copies = Copies::new(rope("b"));
    assert!(sink.push_copy(rope("b"), &copies));
    assert!(copies.is_held());
    assert!(sink.is_congested());
    assert!(!sink.push(rope("c"), None));
    assert_eq!(sink.closing(), Some(Closing::ResourceConstraint));
    sink.close(Closing::Conflict);
    assert_eq!(
        sink.closing(),
        Some(Closing::ResourceConstraint),
        "the first reason stays"
    );
    let back = sink.end();
    assert!(matches!(
        [&back[0].origin, &back[1].origin],
        [Origin::Alone, Origin::Copy(_)]
    ));
    assert!(!sink.push_copy(rope("b"), &copies));
    assert!(copies.returned(), "nobody else has it");
    assert!(!sink.push(rope("d"), None), "an ended sink takes nothing");
}

#[test]
fn bytes_are_bounded_too() {
    let sink = Sink::new(usize::MAX, 6);
    assert!(sink.push(rope("abcd"), None));
    let mut out = vec![];
    sink.drain(Ticket(0), usize::MAX, &mut out);
    assert!(sink.push(rope("abcd"), None));
    assert!(!sink.push(rope("abcd"), None));
}

#[test]
fn a_backlog_counts_towards_no_bound_and_the_next_does_while_it_is_not_read() {
    let sink = Sink::new(2, 4);
    assert!(sink.push_backlog(backlog(["aaaa", "bbbb", "cccc"])));
    assert!(!sink.push_backlog(backlog(["x", "y", "z"])), "too many");
    assert!(!sink.push_backlog(backlog(["ddddd"])), "too large");
    assert!(sink.push_backlog(backlog(["d"])));
    assert!(sink.push(rope("e"), None), "the bounds are free for what is new");
    assert!(!sink.push_backlog(backlog(["f"])), "not beyond them");
    assert!(is_ready(&sink));
    let mut out = vec![];
    sink.drain(Ticket(0), usize::MAX, &mut out);
    assert_eq!(texts(&out), ["aaaa", "bbbb", "cccc", "d", "e"]);
    assert_eq!(sink.closing(), None);
    assert_eq!(sink.waiting(), (0, 0));
    assert!(sink.push_backlog(backlog(["dddd", "eeee"])));
    assert_eq!(sink.waiting(), (2, 0));
}

#[tokio::test]
async fn a_push_and_a_close_wake_the_one_who_waits() {
    let sink = Sink::new(10, 1000);
    let (_, ()) = tokio::join!(sink.ready(), async {
        sink.push(rope("a"), None);
    });
    sink.drain(Ticket(0), usize::MAX, &mut vec![]);
    let (_, ()) = tokio::join!(sink.ready(), async { sink.close(Closing::Reset) });
    assert_eq!(sink.closing(), Some(Closing::Reset));
}

const WINDOW: Window = Window {
    stanzas_max: 3,
    bytes_max: 1000,
};

fn resumable() -> Option<(String, std::time::Duration)> {
    Some(("id".to_owned(), std::time::Duration::from_secs(60)))
}

fn drained(sink: &Sink) -> Vec<String> {
    let mut out = vec![];
    sink.drain(Ticket(0), usize::MAX, &mut out);
    texts(&out)
}

fn push_all(sink: &Sink, texts: &[&'static str]) {
    for text in texts {
        assert!(sink.push(rope(text), None));
    }
}

#[test]
fn what_is_not_acknowledged_stops_what_follows_until_it_is() {
    let sink = Sink::new(10, 1000);
    sink.push(rope("before"), None);
    drained(&sink);
    sink.manage(WINDOW, None);
    push_all(&sink, &["a", "b", "c", "d"]);
    assert_eq!(drained(&sink), ["a", "b", "c"]);
    assert!(!is_ready(&sink), "the window is full");
    assert!(drained(&sink).is_empty());
    assert_eq!(sink.acknowledge(4), Err(HandledCountTooHigh { send_count: 3 }));
    assert_eq!(sink.acknowledge(2), Ok(vec![]));
    assert!(is_ready(&sink));
    assert_eq!(drained(&sink), ["d"]);
    let back = sink.end();
    let back: Vec<Rope> = back.into_iter().map(|back| back.rope).collect();
    assert_eq!(texts(&back), ["c", "d"]);
}

#[test]
fn d07_a_client_that_never_acknowledges_is_read_from_and_ends_when_its_queue_is_full() {
    let sink = Sink::new(4, 1000);
    sink.manage(WINDOW, None);
    push_all(&sink, &["a", "b", "c"]);
    drained(&sink);
    push_all(&sink, &["d", "e", "f", "g"]);
    assert!(!sink.is_congested(), "its acknowledgement is still to be read");
    assert!(!sink.push(rope("h"), None));
    assert_eq!(sink.closing(), Some(Closing::ResourceConstraint));
    assert_eq!(sink.end().len(), 7);
}

#[test]
fn what_was_not_acknowledged_is_written_again_first_and_bounds_nothing() {
    let sink = Sink::new(2, 1000);
    sink.manage(WINDOW, resumable());
    for text in ["a", "b", "c"] {
        sink.push(rope(text), None);
        drained(&sink);
    }
    sink.set_active(false);
    push_all(&sink, &["d", "e"]);
    assert_eq!(sink.reattach(9), Err(HandledCountTooHigh { send_count: 3 }));
    assert_eq!(sink.reattach(1), Ok(vec![]));
    assert_eq!(drained(&sink), ["b", "c", "d"]);
    push_all(&sink, &["f"]);
    sink.acknowledge(4).unwrap();
    assert_eq!(drained(&sink), ["e", "f"]);
    assert_eq!(sink.acknowledge(6), Ok(vec![]));
    assert!(sink.end().is_empty());
}

#[test]
fn requests_are_made_when_much_is_unacknowledged_or_when_due_and_one_at_a_time() {
    let sink = Sink::new(10, 1000);
    sink.push(rope("a"), None);
    drained(&sink);
    assert_eq!(sink.asking(true, 1), Asking::No, "nobody counts");
    sink.manage(WINDOW, None);
    assert_eq!(sink.asking(true, 2), Asking::No);
    push_all(&sink, &["a"]);
    drained(&sink);
    assert_eq!(sink.asking(false, 2), Asking::Soon);
    assert_eq!(sink.asking(true, 2), Asking::Now);
    assert_eq!(sink.asking(true, 2), Asking::No);
    sink.acknowledge(1).unwrap();
    push_all(&sink, &["b", "c"]);
    drained(&sink);
    assert_eq!(sink.asking(false, 2), Asking::Now);
}

#[tokio::test]
async fn only_the_last_who_claims_a_session_is_told_when_it_is_free() {
    let sink = Sink::new(10, 1000);
    assert!(sink.claim().is_none(), "it cannot be resumed");
    sink.manage(WINDOW, resumable());
    assert!(!is_ready(&sink));
    let first = sink.claim().unwrap();
    let second = sink.claim().unwrap();
    assert!(first.await.is_err());
    assert!(is_ready(&sink) && sink.is_claimed());
    sink.release();
    assert!(second.await.is_ok());
    let third = sink.claim().unwrap();
    sink.end();
    assert!(third.await.is_err(), "it has ended instead");
}

#[test]
fn an_inactive_client_is_sent_the_latest_presence_with_the_next_that_matters() {
    let sink = Sink::new(100, 10_000);
    sink.set_active(false);
    let (away, dnd) = (
        "<presence from='a@x/1'><show>away</show></presence>",
        "<presence from='a@x/1'/>",
    );
    push_all(&sink, &[away, dnd]);
    assert!(!is_ready(&sink), "nobody looks");
    let alert = "<message from='a@x/1'><body>disk full</body></message>";
    push_all(&sink, &[alert]);
    assert_eq!(drained(&sink), [dnd, alert]);
    push_all(&sink, &[away]);
    sink.set_active(true);
    assert_eq!(drained(&sink), [away]);
    push_all(&sink, &[away]);
    assert_eq!(drained(&sink), [away], "nothing is held back any more");
}

#[test]
fn what_is_held_back_is_bounded() {
    let sink = Sink::new(8, 10_000);
    sink.set_active(false);
    push_all(&sink, &["<presence from='a@x/1'/>", "<presence from='b@x/1'/>"]);
    assert!(drained(&sink).is_empty());
    push_all(&sink, &["<presence from='c@x/1'/>"]);
    assert_eq!(drained(&sink).len(), 3);
    assert_eq!(sink.closing(), None);
}

#[test]
fn what_is_kept_in_the_store_is_told_of_when_acknowledged() {
    let sink = Sink::new(10, 1000);
    sink.manage(WINDOW, None);
    assert!(!sink.has_kept());
    assert!(sink.push_backlog(vec![(rope("a"), Some(4)), (rope("b"), Some(6))]));
    assert!(sink.has_kept());
    drained(&sink);
    assert!(sink.has_kept());
    assert_eq!(sink.acknowledge(1), Ok(vec![4]));
    assert!(sink.has_kept());
    assert_eq!(sink.acknowledge(2), Ok(vec![6]));
    assert!(!sink.has_kept());
}
