//! XEP-0059: Result Set Management: which page of a long answer is asked for, and which one it is.

use super::{Condition, StanzaError, ns};
use crate::xml::{Build, Element, element};
use std::ops::Range;

/// Bytes of an id; no id of ours is longer, and none of a peer's needs to be.
const ID_BYTES_MAX: usize = 3_072;

/// The page asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// Section 2.1: from the beginning.
    #[default]
    First,
    /// Section 2.2: what follows an item.
    After(String),
    /// Section 2.3: what comes before an item.
    Before(String),
    /// Section 2.5: the end.
    Last,
    /// Section 2.6: from a position on, counted from 0.
    At(usize),
}

/// A `<set/>` in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetQuery {
    /// Items wanted at most; 0 asks for the count alone (section 2.7).
    pub max: Option<usize>,
    /// Which of them.
    pub page: Page,
}

impl SetQuery {
    /// Reads the `<set/>` among the children of a request; without one, it asks for everything.
    ///
    /// # Errors
    /// `bad-request` for what is no number where one must be, and for more than one page at a time.
    pub fn within(request: &Element) -> Result<SetQuery, StanzaError> {
        match request.get_child("set", ns::RSM) {
            Some(set) => SetQuery::read(set),
            None => Ok(SetQuery::default()),
        }
    }

    fn read(set: &Element) -> Result<SetQuery, StanzaError> {
        let text = |name| set.get_child(name, ns::RSM).map(Element::text);
        let number = |name| text(name).map(|text| number(&text)).transpose();
        let page = match (text("after"), text("before"), number("index")?) {
            (None, None, None) => Page::First,
            // Not in the XEP, and some clients say so when they know no item yet.
            (Some(id), None, None) if id.is_empty() => Page::First,
            (Some(id), None, None) => Page::After(checked(id)?),
            (None, Some(id), None) if id.is_empty() => Page::Last,
            (None, Some(id), None) => Page::Before(checked(id)?),
            (None, None, Some(index)) => Page::At(index),
            _ => return Err(Condition::BadRequest.into()),
        };
        let max = number("max")?;
        Ok(SetQuery { max, page })
    }

    /// Whether it asks for items from the end of the set.
    pub fn is_backwards(&self) -> bool {
        matches!(self.page, Page::Before(_) | Page::Last)
    }

    /// The page among ids that are all at hand, of at most `max` items, however many are asked for.
    ///
    /// # Errors
    /// `item-not-found` when it follows, or precedes, an item that is not there (section 2.4).
    pub fn select<T: AsRef<str>>(&self, ids: &[T], max: usize) -> Result<Range<usize>, StanzaError> {
        let max = self.max.unwrap_or(max).min(max);
        let position = |id: &str| {
            let found = ids.iter().position(|other| other.as_ref() == id);
            found.ok_or(Condition::ItemNotFound)
        };
        let start = match &self.page {
            Page::First => 0,
            Page::After(id) => position(id)? + 1,
            Page::At(index) => (*index).min(ids.len()),
            Page::Before(id) => {
                let end = position(id)?;
                return Ok(end.saturating_sub(max)..end);
            }
            Page::Last => return Ok(ids.len().saturating_sub(max)..ids.len()),
        };
        Ok(start..ids.len().min(start.saturating_add(max)))
    }
}

/// A `<set/>` in an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetResult {
    /// The first item of the page, and its position in the whole set where that is known.
    pub first: Option<(String, Option<usize>)>,
    /// The last item of the page.
    pub last: Option<String>,
    /// Items of the whole set, where that is known.
    pub count: Option<usize>,
}

impl SetResult {
    /// What is said of a page of ids that are all at hand.
    pub fn of<T: AsRef<str>>(ids: &[T], page: &Range<usize>) -> SetResult {
        let here = ids.get(page.clone()).unwrap_or_default();
        SetResult {
            first: here.first().map(|id| (id.as_ref().to_owned(), Some(page.start))),
            last: here.last().map(|id| id.as_ref().to_owned()),
            count: Some(ids.len()),
        }
    }

    /// The `<set/>` element.
    pub fn to_element(&self) -> Element {
        let child = |name, text: String| element(name, ns::RSM).append(text);
        let first = self.first.as_ref().map(|(id, index)| {
            let index = index.map(|index| index.to_string());
            child("first", id.clone()).with_some("index", index).build()
        });
        let last = self.last.as_ref().map(|id| child("last", id.clone()).build());
        let count = self.count.map(|count| child("count", count.to_string()).build());
        element("set", ns::RSM)
            .append_all(first)
            .append_all(last)
            .append_all(count)
            .build()
    }
}

fn number(text: &str) -> Result<usize, StanzaError> {
    text.trim().parse().map_err(|_| Condition::BadRequest.into())
}

fn checked(id: String) -> Result<String, StanzaError> {
    match id.len() {
        0..=ID_BYTES_MAX => Ok(id),
        _ => Err(Condition::BadRequest.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &str) -> Result<SetQuery, Condition> {
        let request = format!("<query xmlns='x'><set xmlns='{}'>{set}</set></query>", ns::RSM);
        let request: Element = request.parse().unwrap();
        SetQuery::within(&request).map_err(|error| error.condition)
    }

    #[test]
    fn each_page_is_asked_for_as_the_xep_says() {
        let none: Element = "<query xmlns='x'/>".parse().unwrap();
        assert_eq!(SetQuery::within(&none).unwrap(), SetQuery::default());
        for (set, max, page) in [
            ("", None, Page::First),
            ("<max>10</max>", Some(10), Page::First),
            ("<max>0</max>", Some(0), Page::First),
            ("<max>10</max><after>a</after>", Some(10), Page::After("a".to_owned())),
            ("<after/>", None, Page::First),
            ("<before>b</before>", None, Page::Before("b".to_owned())),
            ("<max>5</max><before/>", Some(5), Page::Last),
            ("<index>371</index>", None, Page::At(371)),
        ] {
            assert_eq!(read(set), Ok(SetQuery { max, page }), "{set}");
        }
        for set in [
            "<max>ten</max>",
            "<max>-1</max>",
            "<index>x</index>",
            "<after>a</after><before/>",
        ] {
            assert_eq!(read(set), Err(Condition::BadRequest), "{set}");
        }
    }

    #[test]
    fn pages_follow_each_other_both_ways() {
        let ids = ["a", "b", "c", "d", "e"];
        let select = |set: &str| {
            let page = read(set).unwrap().select(&ids, 3);
            page.map(|page| ids[page].concat()).map_err(|error| error.condition)
        };
        for (set, page) in [
            ("", "abc"),
            ("<max>2</max>", "ab"),
            ("<max>9</max>", "abc"),
            ("<max>2</max><after>b</after>", "cd"),
            ("<max>2</max><after>e</after>", ""),
            ("<max>2</max><before/>", "de"),
            ("<max>2</max><before>d</before>", "bc"),
            ("<max>2</max><before>a</before>", ""),
            ("<max>2</max><index>3</index>", "de"),
            ("<max>2</max><index>9</index>", ""),
            ("<max>0</max>", ""),
        ] {
            assert_eq!(select(set).as_deref(), Ok(page), "{set}");
        }
        assert_eq!(select("<after>x</after>"), Err(Condition::ItemNotFound));
    }

    #[test]
    fn an_answer_names_its_ends_and_the_whole() {
        let ids = ["a", "b", "c"];
        let written = |page| String::from(&SetResult::of(&ids, &page).to_element());
        let set = "http://jabber.org/protocol/rsm";
        assert_eq!(
            written(1..3),
            format!("<set xmlns='{set}'><first index='1'>b</first><last>c</last><count>3</count></set>")
        );
        assert_eq!(written(3..3), format!("<set xmlns='{set}'><count>3</count></set>"));
    }
}
