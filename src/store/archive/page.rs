//! Reading an archive: by time, by contact, a page at a time.

use super::{Archive, Archived, conversation, number};
use crate::stanza::parse_jid;
use crate::xml::{Frame, Limits};
use chrono::{DateTime, Utc};
use jid::Jid;
use std::ops::Range;

/// Numbers of an archive, the end excluded.
pub type ArchiveSpan = Range<u64>;

/// A page of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchivePage {
    /// The messages, oldest first.
    pub messages: Vec<Archived>,
    /// Whether nothing more lies beyond it, in the direction in which it was read.
    pub complete: bool,
}

/// How much of a span a page takes.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// From the end of the span, not from its beginning.
    pub backwards: bool,
    /// Messages at most.
    pub messages_max: usize,
    /// Bytes of stanzas after which no further message is taken.
    pub bytes_max: usize,
}

impl Archive<'_> {
    /// The messages from one time to another, both included; `None` is no bound.
    pub fn span(&self, account: &str, start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) -> ArchiveSpan {
        let Some((first, last)) = self.bounds(account) else {
            return 0..0;
        };
        let all = first..last.saturating_add(1);
        // Stamps have milliseconds; within one, an earlier start or a later end makes no difference.
        let millis = |time: DateTime<Utc>| {
            time.timestamp_millis() + i64::from(!time.timestamp_subsec_nanos().is_multiple_of(1_000_000))
        };
        let low = start.map_or(all.start, |start| {
            self.bisect(account, &all, |stamp| stamp < millis(start))
        });
        let high = end.map_or(all.end, |end| {
            self.bisect(account, &all, |stamp| stamp <= end.timestamp_millis())
        });
        low..high.max(low)
    }

    /// A page of a span, of the messages exchanged with a contact alone if one is named: with a resource, those from or to
    /// that very resource.
    pub fn page(&self, account: &str, span: &ArchiveSpan, with: Option<&Jid>, extent: Extent) -> ArchivePage {
        let mut page = ArchivePage::default();
        let mut bytes = 0;
        let mut rest = span.clone();
        while let Some(number) = self.step(account, &mut rest, with, extent.backwards) {
            let Some(message) = self.get(account, number).filter(|message| is_with(message, with)) else {
                continue;
            };
            if page.messages.len() >= extent.messages_max || bytes >= extent.bytes_max {
                return page.chronological(extent.backwards);
            }
            bytes += message.stanza.len();
            page.messages.push(message);
        }
        page.complete = true;
        page.chronological(extent.backwards)
    }

    /// How many messages of a span were exchanged with a contact, whichever its resource.
    pub fn count(&self, account: &str, span: &ArchiveSpan, with: Option<&Jid>) -> usize {
        let mut rest = span.clone();
        match with {
            None => usize::try_from(span.end - span.start).unwrap_or(usize::MAX),
            Some(_) => std::iter::from_fn(|| self.step(account, &mut rest, with, false)).count(),
        }
    }

    /// Takes the next number off a span, of those under the contact.
    fn step(&self, account: &str, rest: &mut ArchiveSpan, with: Option<&Jid>, backwards: bool) -> Option<u64> {
        let found = match with {
            _ if rest.is_empty() => None,
            None if backwards => Some(rest.end - 1),
            None => Some(rest.start),
            Some(with) => {
                let under = conversation(account, with.to_bare().as_str());
                let key = match backwards {
                    true => self.store.key_before(&under, &under.clone().number(rest.end)),
                    false => self
                        .store
                        .key_after(&under, &under.clone().number(rest.start.saturating_sub(1))),
                };
                key.and_then(|key| number(&key)).filter(|number| rest.contains(number))
            }
        };
        match found {
            Some(number) if backwards => rest.end = number,
            Some(number) => rest.start = number + 1,
            None => *rest = 0..0,
        }
        found
    }

    /// The first number of a span whose stamp is not before a time, as `is_before` has it.
    fn bisect(&self, account: &str, span: &ArchiveSpan, is_before: impl Fn(i64) -> bool) -> u64 {
        let (mut low, mut high) = (span.start, span.end);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.entry(account, middle) {
                Some(entry) if is_before(entry.stamp) => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }
}

impl ArchivePage {
    fn chronological(mut self, backwards: bool) -> ArchivePage {
        if backwards {
            self.messages.reverse();
        }
        self
    }
}

/// Whether a message of the right conversation is from or to the resource asked for.
fn is_with(message: &Archived, with: Option<&Jid>) -> bool {
    let Some(with) = with.filter(|with| with.resource().is_some()) else {
        return true;
    };
    let Ok(frame) = Frame::parse(message.stanza.clone(), &Limits::NONE) else {
        return false;
    };
    let is = |name| {
        frame
            .attr(name)
            .and_then(|jid| parse_jid(&jid))
            .is_some_and(|jid| jid == *with)
    };
    is("from") || is("to")
}
