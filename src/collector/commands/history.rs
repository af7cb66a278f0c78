//! `history`: what a statistic was; in a chat as a curve in a line, in a form as a table.

use super::super::locked;
use super::super::times::length;
use super::{Desk, FORM_TYPE, ask, given, joined, page, page_field, page_number, refused, take_page};
use crate::monitor::history::{Point, Span, Tier, seconds, sparkline};
use crate::monitor::{Definition, age, group};
use crate::service::command::{Command, Given, Request, Step, Words};
use crate::service::form::{Field, FieldKind, Form, Values};
use crate::service::report::{NoteKind, Report, Table};
use crate::stanza::{Condition, Role, StanzaError};
use std::time::{Duration, SystemTime};

/// Characters of a curve: a phone shows them in a line.
const CELLS: usize = 24;
/// Rows of a page.
const PAGE: usize = 50;
/// What is shown when nobody says what.
const STATISTIC: &str = "cpu#usage";
const TIME: &str = "24h";

/// The command.
pub(super) struct History {
    desk: Desk,
}

impl History {
    pub(super) fn new(desk: Desk) -> History {
        History { desk }
    }

    fn form(&self) -> Form {
        let history = self.desk.board.history();
        let field = Field::new(FieldKind::ListSingle, "statistic", "Statistic").value(STATISTIC);
        let history = locked(&history);
        let mut names: Vec<&str> = history.names().chain([STATISTIC]).collect();
        names.sort_unstable();
        names.dedup();
        let field = names
            .into_iter()
            .fold(field, |field, name| field.choice(name, title(name)));
        Form::new(
            "History",
            "What a statistic was: an hour in full, a day by minutes, 30 days by ten minutes.",
        )
        .typed(FORM_TYPE)
        .field(field)
        .field(Field::new(FieldKind::TextSingle, "time", "How far back (1h, 24h, 30d)").value(TIME))
        .field(page_field())
    }

    /// The statistic that a word and perhaps a second one mean: `cpu`, `cpu#5-min`, `cpu 5-min`, `/var`, `load`.
    fn resolve(&self, words: &mut Words) -> Result<String, String> {
        let history = self.desk.board.history();
        let history = locked(&history);
        let names: Vec<&str> = history.names().collect();
        let Some(first) = words.pop_front().map(|word| word.to_lowercase()) else {
            return Ok(STATISTIC.to_owned());
        };
        let node = |name: &str| name.split_once('#').map_or(name, |(node, _)| node).to_lowercase();
        let value = |name: &str| name.split_once('#').map_or("", |(_, value)| value).to_lowercase();
        let member = |name: &str| node(name).split_once('/').map(|(_, member)| member.to_owned());
        let first = if first == "load" { "cpu#5-min".to_owned() } else { first };
        if let Some(name) = names.iter().find(|name| name.to_lowercase() == first) {
            return Ok((*name).to_owned());
        }
        let here = |name: &&&str| node(name) == first || member(name).as_ref() == Some(&first);
        let found: Vec<&str> = names.iter().filter(here).copied().collect();
        if let Some(second) = words.front().map(|word| word.to_lowercase())
            && let Some(name) = found.iter().find(|name| value(name) == second)
        {
            words.pop_front();
            return Ok((*name).to_owned());
        }
        let usual = |name: &&&str| {
            ["usage", "percent", "highest", "current", "received-rate", "count"].contains(&value(name).as_str())
        };
        let best = found.iter().find(usual).or(found.first());
        best.map(|name| (*name).to_owned())
            .ok_or_else(|| format!("I have no history of '{first}'. Say 'stats' to see what there is."))
    }
}

fn definition(name: &str) -> Option<&'static Definition> {
    let (node, value) = name.split_once('#')?;
    match node.split_once('/') {
        Some((head, _)) => group(head)?.member(value),
        None => group(node)?.statistic(value),
    }
}

fn title(name: &str) -> String {
    let node = name.split_once('#').map_or(name, |(node, _)| node);
    let value = definition(name).map_or("", |definition| definition.title);
    format!("{node}: {value}")
}

/// What is asked for, from when to when.
struct Asked<'a> {
    name: &'a str,
    from: u64,
    to: u64,
    back: Duration,
    wall: SystemTime,
    number: usize,
}

impl Command for History {
    fn node(&self) -> &str {
        "history"
    }

    fn name(&self) -> &str {
        "Show history"
    }

    fn usage(&self) -> &str {
        "[STATISTIC] [TIME]"
    }

    fn help(&self) -> &str {
        "see what a statistic was: a curve, its extremes and when"
    }

    fn topic(&self) -> &str {
        "'history cpu', 'history cpu 5-min 6h', 'history /var 30d', 'history memory 2h'. An hour is known in full, a day by \
         minutes, 30 days by ten minutes."
    }

    fn phrases(&self) -> &[(&str, &str)] {
        &[
            ("graph", "history"),
            ("chart", "history"),
            ("curve", "history"),
            ("trend", "history"),
        ]
    }

    fn role(&self) -> Role {
        Role::Viewer
    }

    fn read(&self, words: &mut Words, _answers: &[Values]) -> Option<Result<Given, String>> {
        let page = take_page(words);
        words.retain(|word| !matches!(word.as_str(), "of" | "the" | "last" | "for"));
        let timed = length(&mut words.clone()).is_some();
        let name = if timed {
            Ok(STATISTIC.to_owned())
        } else {
            self.resolve(words)
        };
        let time = joined(words);
        let time = if time.is_empty() { TIME.to_owned() } else { time };
        Some(name.map(|name| given([("statistic", name), ("time", time), ("page", page)])))
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let [.., values] = request.answers else {
            return Ok(ask(self.form()));
        };
        let time = values.get("time").unwrap_or(TIME);
        let mut words: Words = time.split_whitespace().map(str::to_owned).collect();
        let back = length(&mut words).filter(|_| words.is_empty());
        let back = back.ok_or_else(|| refused(format!("'{time}' is no time: say 1h, 24h or 30d.")))?;
        let (name, number) = (
            values.get("statistic").unwrap_or(STATISTIC).to_owned(),
            page_number(values),
        );
        let wall = self.desk.board.lock().wall(request.now);
        let (desk, history) = (self.desk.clone(), self.desk.board.history());
        // A month is thousands of rows: milliseconds that the collector has better use for.
        Ok(Step::Run(Box::pin(async move {
            let to = seconds(wall) + 1;
            let from = to.saturating_sub(back.as_secs());
            let read = {
                let name = name.clone();
                move || locked(&history).query(&name, from, to, Tier::reaching(back))
            };
            let points = tokio::task::spawn_blocking(read).await;
            let points = points.map_err(|_| StanzaError::from(Condition::InternalServerError))?;
            let asked = Asked {
                name: &name,
                from,
                to,
                back,
                wall,
                number,
            };
            report(&desk, &asked, &points)
        })))
    }
}

fn report(desk: &Desk, asked: &Asked<'_>, points: &[Point]) -> Result<Report, StanzaError> {
    let zone = desk.zone;
    let human =
        |value: f64| definition(asked.name).map_or_else(|| value.to_string(), |definition| definition.human(value));
    let time = |at: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(at);
    let head = format!("{}, {}", title(asked.name), age(asked.back.as_secs_f64()));
    let least = points.iter().min_by(|a, b| a.span.min.total_cmp(&b.span.min));
    let most = points.iter().max_by(|a, b| a.span.max.total_cmp(&b.span.max));
    let mean = Span::over(points.iter().map(|point| point.span)).map(|all| all.mean);
    let (Some(least), Some(most), Some(mean)) = (least, most, mean) else {
        return Ok(Report::note(
            NoteKind::Info,
            format!("{head}: there is no history yet."),
        ));
    };
    let clock = |at: u64| zone.clock(time(at), asked.wall);
    let extremes = format!(
        "least {} {}, mean {}, most {} {}",
        human(least.span.min),
        clock(least.at),
        human(mean),
        human(most.span.max),
        clock(most.at)
    );
    let curve = sparkline(&cells(points, asked.from, asked.to));
    let (rows, more) = page(points.iter().rev().collect(), asked.number, PAGE, "history")?;
    let mut table = Table::new(&[("at", "When"), ("min", "Least"), ("mean", "Mean"), ("max", "Greatest")]);
    for point in rows {
        let span = point.span;
        table.row([
            zone.stamp(time(point.at)),
            human(span.min),
            human(span.mean),
            human(span.max),
        ]);
    }
    let report = Report::titled(&head)
        .with_entry("curve", "Curve", &curve)
        .with_entry("extremes", "Extremes", &extremes);
    let report = more
        .into_iter()
        .fold(report, |report, more| report.with_entry("page", "Page", more));
    Ok(report
        .with_table(table)
        .with_text(format!("{head}\n{curve}\n{extremes}")))
}

/// The points in so many cells of the same length.
fn cells(points: &[Point], from: u64, to: u64) -> Vec<Option<Span>> {
    let index = |at: u64| (at - from) as usize * CELLS / (to - from).max(1) as usize;
    let mut cells: Vec<Vec<Span>> = vec![Vec::new(); CELLS];
    for point in points {
        if let Some(cell) = cells.get_mut(index(point.at.max(from))) {
            cell.push(point.span);
        }
    }
    cells.into_iter().map(Span::over).collect()
}
