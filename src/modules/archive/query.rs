//! XEP-0313 section 4: queries, and the pages that answer them.

use super::stamp;
use crate::router::{Context, Session};
use crate::stanza::rsm::{Page, SetQuery, SetResult};
use crate::stanza::{Condition, StanzaError, ns, parse_jid};
use crate::store::{Archive, ArchivePage, ArchiveSpan, Archived, Extent};
use crate::xml::{Build, Element, Rope, Writer, element};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use jid::Jid;

/// Messages of one page; whoever asks for more gets less, and pages on (section 4.3.1).
const PAGE_MESSAGES_MAX: usize = 100;
/// Bytes of one page: what a session that reads at all has room for in its queue, however much it has asked for.
const PAGE_BYTES_MAX: usize = 128 * 1024;
/// Ids that may be asked for at once.
const IDS_MAX: usize = 100;

/// A query, read.
#[derive(Debug, Default)]
pub struct Query {
    queryid: Option<String>,
    with: Option<Jid>,
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
    before: Option<String>,
    after: Option<String>,
    ids: Option<Vec<String>>,
    set: SetQuery,
    flip: bool,
}

impl Query {
    /// Reads a `<query/>`.
    ///
    /// # Errors
    /// `bad-request`, `jid-malformed`, `feature-not-implemented` for a field that is not ours, `item-not-found` for a node
    /// (accounts have none that are archived).
    pub fn read(payload: &Element) -> Result<Query, StanzaError> {
        if payload.attr("node").is_some_and(|node| !node.is_empty()) {
            return Err(Condition::ItemNotFound.into());
        }
        let mut query = Query {
            queryid: payload.attr("queryid").map(str::to_owned),
            set: SetQuery::within(payload)?,
            flip: payload.has_child("flip-page", ns::MAM),
            ..Query::default()
        };
        if let Some(x) = payload.get_child("x", ns::DATA_FORMS) {
            for field in x.children().filter(|child| child.is("field", ns::DATA_FORMS)) {
                query.read_field(field)?;
            }
        }
        Ok(query)
    }

    fn read_field(&mut self, field: &Element) -> Result<(), StanzaError> {
        let values = field.children().filter(|child| child.is("value", ns::DATA_FORMS));
        let mut values = values.map(Element::text).filter(|value| !value.is_empty());
        match field.attr("var").unwrap_or_default() {
            "FORM_TYPE" if values.next().is_some_and(|value| value != ns::MAM) => Err(Condition::BadRequest)?,
            "FORM_TYPE" => {}
            "with" => self.with = values.next().map(|value| jid(&value)).transpose()?,
            "start" => self.start = values.next().map(|value| time(&value)).transpose()?,
            "end" => self.end = values.next().map(|value| time(&value)).transpose()?,
            "before-id" => self.before = values.next(),
            "after-id" => self.after = values.next(),
            "ids" => {
                let ids: Vec<String> = values.take(IDS_MAX + 1).collect();
                if ids.len() > IDS_MAX {
                    return Err(StanzaError::new(Condition::PolicyViolation, "too many ids at once"));
                }
                self.ids = (!ids.is_empty()).then_some(ids);
            }
            unknown => {
                let text = ["there is no field ", unknown].concat();
                return Err(StanzaError::new(Condition::FeatureNotImplemented, text));
            }
        }
        Ok(())
    }
}

fn jid(text: &str) -> Result<Jid, StanzaError> {
    parse_jid(text).ok_or_else(|| Condition::JidMalformed.into())
}

/// XEP-0082: DateTime.
fn time(text: &str) -> Result<DateTime<Utc>, StanzaError> {
    let time = DateTime::parse_from_rfc3339(text.trim()).map_err(|_| Condition::BadRequest)?;
    Ok(time.to_utc())
}

/// Sends the page that answers a query; what is returned ends it.
///
/// # Errors
/// `item-not-found` for an id that the archive does not have.
pub fn answer(cx: &Context<'_>, session: &Session, query: &Query) -> Result<Element, StanzaError> {
    let reader = Reader {
        archive: cx.store().archive(),
        account: session.node(),
        query,
    };
    let number = cx.store().newest_number();
    let (page, set) = match &query.ids {
        Some(ids) => reader.named(ids)?,
        None => reader.page()?,
    };
    session.set_archive_read(number);
    let mut messages: Vec<&Archived> = page.messages.iter().collect();
    if query.flip {
        messages.reverse();
    }
    for message in messages {
        cx.send_rope(session, result(session, query.queryid.as_deref(), message));
    }
    Ok(element("fin", ns::MAM)
        .with_some("complete", page.complete.then_some("true"))
        .append(set.to_element())
        .build())
}

struct Reader<'a> {
    archive: Archive<'a>,
    account: &'a str,
    query: &'a Query,
}

impl Reader<'_> {
    fn page(&self) -> Result<(ArchivePage, SetResult), StanzaError> {
        let query = self.query;
        let with = query.with.as_ref();
        let all = self.span()?;
        let extent = Extent {
            backwards: query.set.is_backwards(),
            messages_max: query.set.max.unwrap_or(PAGE_MESSAGES_MAX).min(PAGE_MESSAGES_MAX),
            bytes_max: PAGE_BYTES_MAX,
        };
        let page = self.archive.page(self.account, &self.asked(&all)?, with, extent);
        // Positions within one conversation would have to be counted: they are, for whoever asks for the number alone.
        let is_known = with.is_none() || query.set.max == Some(0);
        let set = SetResult {
            count: is_known.then(|| self.archive.count(self.account, &all, with)),
            ..ends(&page, |message| {
                usize::try_from(message.number.saturating_sub(all.start)).ok()
            })
        };
        Ok((page, self.without_index(set)))
    }

    /// What the form's fields leave, whichever page of it is asked for.
    fn span(&self) -> Result<ArchiveSpan, StanzaError> {
        let mut span = self.archive.span(self.account, self.query.start, self.query.end);
        if let Some(after) = &self.query.after {
            span.start = span.start.max(self.number(after)? + 1);
        }
        if let Some(before) = &self.query.before {
            span.end = span.end.min(self.number(before)?);
        }
        span.end = span.end.max(span.start);
        Ok(span)
    }

    /// The part of it in which the page lies.
    fn asked(&self, all: &ArchiveSpan) -> Result<ArchiveSpan, StanzaError> {
        let span = match &self.query.set.page {
            Page::First | Page::Last => all.clone(),
            Page::After(id) => all.start.max(self.number(id)? + 1)..all.end,
            Page::Before(id) => all.start..all.end.min(self.number(id)?),
            // XEP-0059 section 2.6: not where positions are not known.
            Page::At(_) if self.query.with.is_some() => return Err(Condition::FeatureNotImplemented.into()),
            Page::At(index) => all.start.saturating_add(*index as u64)..all.end,
        };
        Ok(span.start.min(span.end)..span.end)
    }

    /// Section 4.1.4: messages by their ids.
    fn named(&self, ids: &[String]) -> Result<(ArchivePage, SetResult), StanzaError> {
        let span = self.span()?;
        let numbers: Result<Vec<u64>, StanzaError> = ids.iter().map(|id| self.number(id)).collect();
        let mut numbers = numbers?;
        numbers.retain(|number| span.contains(number));
        numbers.sort_unstable();
        numbers.dedup();
        let with = self.query.with.as_ref();
        let one = |number: u64| {
            let extent = Extent {
                backwards: false,
                messages_max: 1,
                bytes_max: usize::MAX,
            };
            self.archive
                .page(self.account, &(number..number + 1), with, extent)
                .messages
        };
        let found: Vec<Archived> = numbers.into_iter().flat_map(one).collect();
        let ids: Vec<&str> = found.iter().map(|message| message.id.as_str()).collect();
        let mut range = self.query.set.select(&ids, PAGE_MESSAGES_MAX)?;
        let mut bytes = 0;
        let fits = |message: &&Archived| {
            let before = bytes;
            bytes += message.stanza.len();
            before < PAGE_BYTES_MAX
        };
        let wanted = range.end;
        range.end = range.start + found[range.clone()].iter().take_while(fits).count();
        let set = SetResult::of(&ids, &range);
        let reaches = match self.query.set.is_backwards() {
            true => range.start == 0,
            false => range.end == found.len(),
        };
        let complete = reaches && range.end == wanted;
        let messages = found[range].to_vec();
        Ok((ArchivePage { messages, complete }, self.without_index(set)))
    }

    /// The position of a page is told to those alone who ask by position: slixmpp 1.17 takes a page whose position and length
    /// reach the end of the set for the last one, also where it pages backwards from there.
    fn without_index(&self, mut set: SetResult) -> SetResult {
        let first = set
            .first
            .as_mut()
            .filter(|_| !matches!(self.query.set.page, Page::At(_)));
        if let Some((_, index)) = first {
            *index = None;
        }
        set
    }

    fn number(&self, id: &str) -> Result<u64, StanzaError> {
        let number = self.archive.find(self.account, id);
        number.ok_or_else(|| Condition::ItemNotFound.into())
    }
}

/// The ends of a page.
fn ends(page: &ArchivePage, index: impl Fn(&Archived) -> Option<usize>) -> SetResult {
    SetResult {
        first: page.messages.first().map(|first| (first.id.clone(), index(first))),
        last: page.messages.last().map(|last| last.id.clone()),
        count: None,
    }
}

/// Section 4.2: an archived message, forwarded (XEP-0297) by the archive to its owner.
fn result(session: &Session, queryid: Option<&str>, message: &Archived) -> Rope {
    let mut writer = Writer::with_capacity(512);
    writer
        .open("message")
        .attr("from", session.account().as_str())
        .attr("to", session.jid().as_str());
    writer.open("result").attr("xmlns", ns::MAM);
    if let Some(queryid) = queryid {
        writer.attr("queryid", queryid);
    }
    writer.attr("id", &message.id);
    writer.open("forwarded").attr("xmlns", ns::FORWARD);
    writer
        .open("delay")
        .attr("xmlns", ns::DELAY)
        .attr("stamp", &stamp(message.stamp))
        .close();
    let mut rope = Rope::from(writer.finish());
    rope.push(message.stanza.clone());
    rope.push(Bytes::from_static(b"</forwarded></result></message>"));
    rope
}
