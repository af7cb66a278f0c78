//! What a command has to say at its end: notes, a few fields, a table; as a form's result and as plain text.

use super::form::{FieldKind, value};
use crate::stanza::ns;
use crate::xml::{Build, Element, element};
use jid::FullJid;

/// How grave a note is (XEP-0050 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// For information.
    Info,
    /// Something to mind.
    Warn,
    /// It failed.
    Error,
}

impl NoteKind {
    fn name(self) -> &'static str {
        match self {
            NoteKind::Info => "info",
            NoteKind::Warn => "warn",
            NoteKind::Error => "error",
        }
    }
}

/// One named result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    var: String,
    label: String,
    text: String,
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As XEP-0004 section 3.4 has it: `<reported/>` and items.
    Reported,
    /// A field for each row.
    Fields,
}

impl Layout {
    /// The layout for whoever runs a command. Gajim's assistant (1.7.3, with nbxmpp 4.2.2) breaks off at a form with
    /// `<reported/>` and shows nothing at all; it is known by the resource that it asks for unless told otherwise.
    pub fn of_client(jid: &FullJid) -> Layout {
        match jid.resource().as_str().starts_with("gajim") {
            true => Layout::Fields,
            false => Layout::Reported,
        }
    }
}

/// A table (XEP-0004 section 3.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    columns: Vec<(String, String)>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    cells: Vec<String>,
    /// Its name and text where it is a field.
    said: Option<(String, String)>,
}

impl Table {
    /// A table with columns (variable, label).
    pub fn new(columns: &[(&str, &str)]) -> Table {
        let column = |(var, label): &(&str, &str)| ((*var).to_owned(), (*label).to_owned());
        Table {
            columns: columns.iter().map(column).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; a cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.push(cells, None);
    }

    /// Adds a row that is said in other words, a name and a text, where it is laid out as a field.
    pub fn row_said(&mut self, cells: impl IntoIterator<Item = String>, name: String, text: String) {
        self.push(cells, Some((name, text)));
    }

    fn push(&mut self, cells: impl IntoIterator<Item = String>, said: Option<(String, String)>) {
        let cells = cells.into_iter().take(self.columns.len()).collect();
        self.rows.push(Row { cells, said });
    }

    fn to_elements(&self, layout: Layout) -> Vec<Element> {
        match layout {
            Layout::Reported => self.reported(),
            Layout::Fields => self.fields(),
        }
    }

    fn fields(&self) -> Vec<Element> {
        let field = |(number, row): (usize, &Row)| {
            let (name, text) = row.said.clone().unwrap_or_else(|| self.say(&row.cells));
            element("field", ns::DATA_FORMS)
                .with("var", number.to_string())
                .with("type", FieldKind::TextSingle.name())
                .with("label", name)
                .append(value(&text))
                .build()
        };
        self.rows.iter().enumerate().map(field).collect()
    }

    /// The first two cells name a row; the others, but empty ones, are its text, each with its column's label.
    fn say(&self, cells: &[String]) -> (String, String) {
        let (name, rest) = cells.split_at(cells.len().min(2));
        let labels = self.columns.iter().skip(name.len());
        let rest = labels.zip(rest).filter(|(_, cell)| !cell.is_empty());
        let text: Vec<String> = rest.map(|((_, label), cell)| [label, ": ", cell].concat()).collect();
        (name.join(" "), text.join(", "))
    }

    fn reported(&self) -> Vec<Element> {
        let field = |var: &str| element("field", ns::DATA_FORMS).with("var", var);
        let reported = self.columns.iter().map(|(var, label)| {
            let kind = FieldKind::TextSingle.name();
            field(var).with("label", label).with("type", kind).build()
        });
        let head = element("reported", ns::DATA_FORMS).append_all(reported).build();
        let item = |row: &Row| {
            let cells = self.columns.iter().zip(&row.cells);
            element("item", ns::DATA_FORMS)
                .append_all(cells.map(|((var, _), text)| field(var).append(value(text)).build()))
                .build()
        };
        std::iter::once(head).chain(self.rows.iter().map(item)).collect()
    }

    /// A line for each row.
    fn to_text(&self) -> String {
        let line = |row: &Row| {
            row.cells
                .iter()
                .filter(|cell| !cell.is_empty())
                .cloned()
                .collect::<Vec<_>>()
        };
        let lines: Vec<String> = self.rows.iter().map(|row| line(row).join("  ")).collect();
        lines.join("\n")
    }
}

/// The end of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    notes: Vec<(NoteKind, String)>,
    form_type: Option<String>,
    title: String,
    entries: Vec<Entry>,
    table: Option<Table>,
    text: Option<String>,
}

impl Report {
    /// A report that is one note.
    pub fn note(kind: NoteKind, text: impl Into<String>) -> Report {
        Report::default().with_note(kind, text)
    }

    /// A report under a title.
    pub fn titled(title: impl Into<String>) -> Report {
        Report {
            title: title.into(),
            ..Report::default()
        }
    }

    /// One more note. A failure needs one of kind [`NoteKind::Error`] (XEP-0050 section 3.5).
    pub fn with_note(mut self, kind: NoteKind, text: impl Into<String>) -> Report {
        self.notes.push((kind, text.into()));
        self
    }

    /// One more named result; several lines become several values.
    pub fn with_entry(mut self, var: &str, label: &str, text: impl Into<String>) -> Report {
        self.entries.push(Entry {
            var: var.to_owned(),
            label: label.to_owned(),
            text: text.into(),
        });
        self
    }

    /// The form's `FORM_TYPE` (XEP-0068).
    pub fn typed(mut self, form_type: &str) -> Report {
        self.form_type = Some(form_type.to_owned());
        self
    }

    /// The table.
    pub fn with_table(mut self, table: Table) -> Report {
        self.table = Some(table);
        self
    }

    /// What a chat is told in place of title, results and table.
    pub fn with_text(mut self, text: impl Into<String>) -> Report {
        self.text = Some(text.into());
        self
    }

    /// The payload of `<command status='completed'/>`: notes, then the result form if there is anything in it.
    pub fn to_elements(&self, layout: Layout) -> Vec<Element> {
        let note = |(kind, text): &(NoteKind, String)| {
            element("note", ns::COMMANDS)
                .with("type", kind.name())
                .append(text.as_str())
                .build()
        };
        let notes = self.notes.iter().map(note);
        notes.chain(self.form(layout)).collect()
    }

    fn form(&self, layout: Layout) -> Option<Element> {
        if self.entries.is_empty() && self.table.is_none() {
            return None;
        }
        let mut x = element("x", ns::DATA_FORMS).with("type", "result");
        if !self.title.is_empty() {
            x = x.append(element("title", ns::DATA_FORMS).append(self.title.as_str()).build());
        }
        if let Some(form_type) = &self.form_type {
            let hidden = element("field", ns::DATA_FORMS)
                .with("var", "FORM_TYPE")
                .with("type", "hidden");
            x = x.append(hidden.append(value(form_type)).build());
        }
        x = x.append_all(self.entries.iter().map(Entry::to_element));
        if let Some(table) = &self.table {
            x = x.append_all(table.to_elements(layout));
        }
        Some(x.build())
    }

    /// The same as plain text.
    pub fn to_text(&self) -> String {
        let mut parts: Vec<String> = self.notes.iter().map(|(_, text)| text.clone()).collect();
        if let Some(text) = &self.text {
            parts.push(text.clone());
            return parts.join("\n");
        }
        if !self.title.is_empty() {
            parts.push(self.title.clone());
        }
        parts.extend(
            self.entries
                .iter()
                .filter(|entry| !entry.text.is_empty())
                .map(Entry::to_text),
        );
        parts.extend(self.table.iter().map(Table::to_text).filter(|text| !text.is_empty()));
        parts.join("\n")
    }
}

impl Entry {
    fn to_element(&self) -> Element {
        let lines: Vec<&str> = self.text.lines().collect();
        let kind = if lines.len() > 1 {
            FieldKind::TextMulti
        } else {
            FieldKind::TextSingle
        };
        element("field", ns::DATA_FORMS)
            .with("var", &self.var)
            .with("type", kind.name())
            .with("label", &self.label)
            .append_all(lines.into_iter().map(value))
            .build()
    }

    fn to_text(&self) -> String {
        let separator = if self.text.trim_end().contains('\n') {
            ":\n"
        } else {
            ": "
        };
        [&self.label, separator, self.text.trim_end()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_form_and_a_text() {
        let mut table = Table::new(&[("name", "Name"), ("value", "Value")]);
        table.row(["load".to_owned(), "0.4".to_owned()]);
        let report = Report::titled("Statistics")
            .with_note(NoteKind::Info, "Done.")
            .with_entry("stdout", "Output", "a\nb\n")
            .with_entry("status", "Exit status", "0")
            .with_table(table);
        assert_eq!(
            report.to_text(),
            "Done.\nStatistics\nOutput:\na\nb\nExit status: 0\nload  0.4"
        );
        let elements = report.to_elements(Layout::Reported);
        assert_eq!((elements[0].name(), elements[0].attr("type")), ("note", Some("info")));
        let names: Vec<_> = elements[1].children().map(Element::name).collect();
        assert_eq!(names, ["title", "field", "field", "reported", "item"]);
        let stdout = elements[1].children().nth(1).expect("stdout");
        assert_eq!(stdout.attr("type"), Some("text-multi"));
        assert_eq!(stdout.children().count(), 2);
        let elements = report.to_elements(Layout::Fields);
        let row = elements[1].children().last().expect("a row");
        assert_eq!((row.name(), row.attr("label")), ("field", Some("load 0.4")));
    }

    #[test]
    fn gajim_is_given_a_field_for_each_row() {
        let layout = |jid: &str| Layout::of_client(&FullJid::new(jid).expect("a full JID"));
        assert_eq!(layout("admin@localhost/gajim.WEI9M5XQ"), Layout::Fields);
        assert_eq!(layout("admin@localhost/desk"), Layout::Reported);
    }

    #[test]
    fn a_note_alone_needs_no_form() {
        let report = Report::note(NoteKind::Error, "No.");
        assert_eq!(report.to_elements(Layout::Reported).len(), 1);
    }
}
