//! Dialogues over sessions: each misuse has its condition.

use super::*;
use crate::service::command::tests::{Paint, caller};
use crate::service::form;

const T0: Duration = Duration::from_secs(1_000);

fn commands() -> Commands {
    Commands::new(vec![Arc::new(Paint)], Limits::default())
}

fn operator() -> Caller {
    caller("op@mon.example/desk", Role::Operator)
}

fn request(action: Option<&str>, session: Option<&str>, fields: &[(&str, &str)]) -> Element {
    let mut request = element("command", ns::COMMANDS)
        .with("node", "paint")
        .with_some("action", action)
        .with_some("sessionid", session);
    if !fields.is_empty() {
        let field = |(var, text): &(&str, &str)| {
            element("field", ns::DATA_FORMS)
                .with("var", *var)
                .append(form::value(text))
                .build()
        };
        let x = element("x", ns::DATA_FORMS)
            .with("type", "submit")
            .append_all(fields.iter().map(field));
        request = request.append(x.build());
    }
    request.build()
}

fn answer(commands: &mut Commands, caller: &Caller, request: &Element, now: Duration) -> Result<Element, String> {
    match commands.handle(caller, request, now) {
        Ok(Reply::Now(payload)) => Ok(payload),
        Ok(Reply::Later(..)) => panic!("no job here"),
        Err(error) => {
            let application = error
                .application
                .as_ref()
                .map(|application| application.name().to_owned());
            Err([error.condition.name().to_owned(), application.unwrap_or_default()].join(" "))
        }
    }
}

/// Opens a session and returns its id.
fn open(commands: &mut Commands, caller: &Caller) -> String {
    let payload = answer(commands, caller, &request(None, None, &[]), T0).expect("a form");
    assert_eq!(payload.attr("status"), Some("executing"));
    payload.attr("sessionid").expect("a session id").to_owned()
}

fn actions(payload: &Element) -> (Option<&str>, Vec<&str>) {
    let actions = payload.get_child("actions", ns::COMMANDS).expect("actions");
    (actions.attr("execute"), actions.children().map(Element::name).collect())
}

#[test]
fn two_stages_forth_back_and_to_the_end() {
    let (mut commands, op) = (commands(), operator());
    let id = open(&mut commands, &op);
    assert_eq!(id.len(), 32);
    let id = Some(id.as_str());
    let second = answer(&mut commands, &op, &request(Some("next"), id, &[("colour", "red")]), T0).expect("stage 2");
    assert_eq!(actions(&second), (Some("complete"), vec!["prev", "complete"]));
    let first = answer(&mut commands, &op, &request(Some("prev"), id, &[]), T0).expect("stage 1");
    assert_eq!(actions(&first), (Some("next"), vec!["next"]));
    answer(
        &mut commands,
        &op,
        &request(Some("execute"), id, &[("colour", "blue")]),
        T0,
    )
    .expect("stage 2");
    let end = answer(&mut commands, &op, &request(None, id, &[("word", "blue")]), T0).expect("the end");
    assert_eq!((end.attr("status"), end.attr("sessionid")), (Some("completed"), id));
    assert!(
        end.get_child("x", ns::DATA_FORMS)
            .is_some_and(|x| x.attr("type") == Some("result"))
    );
    assert!(commands.sessions.is_empty());
}

#[test]
fn p11_a_bad_value_leaves_the_session_open() {
    let (mut commands, op) = (commands(), operator());
    let id = open(&mut commands, &op);
    let id = Some(id.as_str());
    let refused = commands.handle(&op, &request(Some("next"), id, &[("colour", "green")]), T0);
    let Err(error) = refused else {
        panic!("green is no choice")
    };
    assert_eq!(error.condition, Condition::BadRequest);
    assert!(error.text.is_some_and(|text| text.contains("'colour'")));
    answer(&mut commands, &op, &request(Some("next"), id, &[("colour", "red")]), T0).expect("still open");
}

#[test]
fn each_misuse_has_its_condition() {
    let (mut commands, op) = (commands(), operator());
    let id = open(&mut commands, &op);
    let id = Some(id.as_str());
    for (request, error) in [
        (
            request(Some("complete"), id, &[("colour", "red")]),
            "bad-request bad-action",
        ),
        (request(Some("prev"), id, &[]), "bad-request bad-action"),
        (request(Some("jump"), id, &[]), "bad-request malformed-action"),
        (request(Some("next"), id, &[]), "bad-request bad-payload"),
        (request(Some("next"), None, &[]), "bad-request bad-sessionid"),
        (
            request(Some("next"), Some("invented"), &[]),
            "bad-request bad-sessionid",
        ),
    ] {
        assert_eq!(answer(&mut commands, &op, &request, T0), Err(error.to_owned()));
    }
    let unknown = element("command", ns::COMMANDS).with("node", "erase").build();
    assert_eq!(
        answer(&mut commands, &op, &unknown, T0),
        Err("item-not-found ".to_owned())
    );
    let nameless = element("command", ns::COMMANDS).build();
    assert_eq!(
        answer(&mut commands, &op, &nameless, T0),
        Err("bad-request ".to_owned())
    );
    let odd: Element = "<command xmlns='http://jabber.org/protocol/commands' node='paint' xml:lang='not a tag'/>"
        .parse()
        .expect("XML");
    assert_eq!(
        answer(&mut commands, &op, &odd, T0),
        Err("bad-request bad-locale".to_owned())
    );
}

#[test]
fn m01_m03_the_role_is_checked_at_every_stage() {
    let (mut commands, op) = (commands(), operator());
    let id = open(&mut commands, &op);
    let viewer = caller("op@mon.example/desk", Role::Viewer);
    assert_eq!(commands.allowed(Role::Viewer).count(), 0);
    for role in [Role::Viewer, Role::Collector] {
        let other = caller("op@mon.example/desk", role);
        for action in ["execute", "next", "complete", "prev", "cancel"] {
            let request = request(Some(action), Some(&id), &[("colour", "red")]);
            assert_eq!(
                answer(&mut commands, &other, &request, T0),
                Err("forbidden ".to_owned())
            );
        }
    }
    assert_eq!(
        answer(&mut commands, &viewer, &request(None, None, &[]), T0),
        Err("forbidden ".to_owned())
    );
}

#[test]
fn m04_a_session_belongs_to_one_full_jid() {
    let (mut commands, op) = (commands(), operator());
    let id = open(&mut commands, &op);
    for thief in ["op@mon.example/phone", "admin@mon.example/desk"] {
        let thief = caller(thief, Role::Admin);
        for action in ["execute", "next", "complete", "prev", "cancel"] {
            let request = request(Some(action), Some(&id), &[("colour", "red")]);
            assert_eq!(
                answer(&mut commands, &thief, &request, T0),
                Err("bad-request bad-sessionid".to_owned())
            );
        }
    }
    answer(&mut commands, &op, &request(Some("cancel"), Some(&id), &[]), T0).expect("still its owner's");
}

#[test]
fn m12_what_has_ended_expired_or_been_cancelled_is_session_expired() {
    let (mut commands, op) = (commands(), operator());
    let expired = Err("not-allowed session-expired".to_owned());
    let cancelled = open(&mut commands, &op);
    let payload = answer(&mut commands, &op, &request(Some("cancel"), Some(&cancelled), &[]), T0).expect("cancelled");
    assert_eq!(payload.attr("status"), Some("canceled"));
    assert_eq!(
        answer(&mut commands, &op, &request(Some("cancel"), Some(&cancelled), &[]), T0),
        expired
    );

    let done = open(&mut commands, &op);
    answer(
        &mut commands,
        &op,
        &request(Some("next"), Some(&done), &[("colour", "red")]),
        T0,
    )
    .expect("stage 2");
    let complete = request(Some("complete"), Some(&done), &[("word", "red")]);
    answer(&mut commands, &op, &complete, T0).expect("the end");
    assert_eq!(answer(&mut commands, &op, &complete, T0), expired);

    let late = open(&mut commands, &op);
    answer(
        &mut commands,
        &op,
        &request(Some("next"), Some(&late), &[("colour", "red")]),
        T0,
    )
    .expect("stage 2");
    let minute = T0 + Duration::from_secs(60);
    let complete = request(Some("complete"), Some(&late), &[("word", "red")]);
    assert_eq!(answer(&mut commands, &op, &complete, minute), expired);
}

#[test]
fn sessions_are_bounded() {
    let mut commands = commands();
    let op = operator();
    for _ in 0..5 {
        open(&mut commands, &op);
    }
    let phone = caller("op@mon.example/phone", Role::Operator);
    let full = Err("resource-constraint ".to_owned());
    assert_eq!(answer(&mut commands, &phone, &request(None, None, &[]), T0), full);
    for n in 0..45 {
        open(&mut commands, &caller(&format!("u{n}@mon.example/x"), Role::Admin));
    }
    let one_more = caller("last@mon.example/x", Role::Admin);
    assert_eq!(answer(&mut commands, &one_more, &request(None, None, &[]), T0), full);
    let later = T0 + Duration::from_secs(300);
    answer(&mut commands, &one_more, &request(None, None, &[]), later).expect("the old ones have expired");
    assert_eq!(commands.sessions.len(), 1);
}
