//! Commands are the controls.

use super::*;

/// What the programs of these tests are.
const COMMANDS: &str = "[reboot]\nargv = ['/bin/true']\nconfirm = false\n\
    [[command]]\nname = 'say'\ndescription = 'Says a word'\nargv = ['/bin/echo', 'said', '{word}']\n\
    parameters = [{ name = 'word', choices = ['tea', 'coffee'] }]\n";

fn command_server(settings: &str) -> TestServer {
    let server = server(settings);
    server.add_account_with_role("boss", "secret", "admin");
    server
}

async fn boss(server: &TestServer) -> User {
    let mut boss = User::login(server, "boss@mon.example/desk", "secret").await;
    boss.send(Presence::new(Type::None)).await;
    boss.presence_from(COLLECTOR_FULL, Type::None).await;
    boss
}

async fn command_list(user: &mut User) -> BTreeSet<String> {
    let query = format!("<query xmlns='{}' node='{}'/>", ns::DISCO_ITEMS, ns::COMMANDS);
    let items = user.get(Some(COLLECTOR_FULL), &query).await.expect("the list");
    children(&items, "item").map(|item| attr(item, "node")).collect()
}

#[tokio::test]
async fn m01_the_command_list_holds_what_this_requester_may_run_and_no_more() {
    let server = command_server(COMMANDS);
    let mut boss = boss(&server).await;
    let all = command_list(&mut boss).await;
    for node in ["reboot", "stats-reset", "shell"] {
        assert!(all.contains(node), "the admin has no {node}: {all:?}");
    }
    let mut client = client(&server).await;
    client.appear().await;
    client.watch_collector().await;
    let few = command_list(&mut client).await;
    for node in ["reboot", "shell"] {
        assert!(!few.contains(node), "the viewer has {node}: {few:?}");
        let refused = client.command(&format!("node='{node}' action='execute'"), "").await;
        assert_eq!(condition(refused), "Forbidden", "{node}");
    }
    let unknown = boss.command("node='make-tea' action='execute'", "").await;
    assert_eq!(condition(unknown), "ItemNotFound");
}

#[tokio::test]
async fn reboot_completes_at_once_where_no_confirmation_is_configured() {
    let server = command_server(COMMANDS);
    let mut boss = boss(&server).await;
    let done = boss
        .command("node='reboot' action='execute'", "")
        .await
        .expect("an answer");
    assert_eq!(attr(&done, "node"), "reboot");
    assert_eq!(attr(&done, "status"), "completed", "{done:?}");
    assert!(!attr(&done, "sessionid").is_empty());
    let note = children(&done, "note").next().expect("a note").text();
    assert!(note.contains("30 s") && note.contains("cancel-reboot"), "{note}");
    let stopped = boss
        .command("node='cancel-reboot' action='execute'", "")
        .await
        .expect("stopped");
    assert_eq!(attr(&stopped, "status"), "completed", "{stopped:?}");
}

#[tokio::test]
async fn m13_reboot_asks_for_the_host_s_name_by_default() {
    let dir = tempfile::tempdir().expect("a folder");
    let witness = dir.path().join("rebooted");
    let server = command_server(&format!(
        "[reboot]\nargv = ['/usr/bin/touch', '{}']\ndelay = '1s'\n",
        witness.display()
    ));
    let mut boss = boss(&server).await;
    let form = boss
        .command("node='reboot' action='execute'", "")
        .await
        .expect("a form");
    assert_eq!(attr(&form, "status"), "executing", "{form:?}");
    let session = attr(&form, "sessionid");
    let x = form.get_child("x", ns::DATA).expect("a form");
    assert_eq!(x.attr("type"), Some("form"));
    assert!(String::from(x).contains(HOST), "the form does not name the host: {x:?}");
    let field = children(x, "field")
        .find(|field| field.attr("type") == Some("text-single"))
        .expect("a field");
    let field = attr(field, "var");
    let submit = |value: &str| {
        format!("<x xmlns='jabber:x:data' type='submit'><field var='{field}'><value>{value}</value></field></x>")
    };
    let stage = format!("node='reboot' sessionid='{session}' action='complete'");
    let wrong = boss
        .command(&stage, &submit("otherbox"))
        .await
        .expect_err("a wrong name");
    assert_eq!(format!("{:?}", wrong.defined_condition), "BadRequest");
    assert!(!witness.exists());
    let done = boss.command(&stage, &submit(HOST)).await.expect("completed");
    assert_eq!(attr(&done, "status"), "completed", "{done:?}");
    let until = tokio::time::Instant::now() + DEADLINE;
    while !witness.exists() {
        assert!(
            tokio::time::Instant::now() < until,
            "the configured argv did not run\n{}",
            server.log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The same stage once more runs nothing (threat M12).
    std::fs::remove_file(&witness).expect("removed");
    condition(boss.command(&stage, &submit(HOST)).await);
    // A second reboot within the cool-down neither.
    condition(boss.command("node='reboot' action='execute'", "").await);
    assert!(!witness.exists());
}

#[tokio::test]
async fn a_reboot_that_is_not_configured_is_not_there() {
    let server = command_server("");
    let mut boss = boss(&server).await;
    let list = command_list(&mut boss).await;
    assert!(!list.contains("reboot") && !list.contains("shell"), "{list:?}");
    assert_eq!(
        condition(boss.command("node='reboot' action='execute'", "").await),
        "ItemNotFound"
    );
}

#[tokio::test]
async fn stats_reset_completes() {
    let server = command_server("");
    let mut boss = boss(&server).await;
    let done = boss
        .command("node='stats-reset' action='execute'", "")
        .await
        .expect("an answer");
    assert_eq!(attr(&done, "status"), "completed", "{done:?}");
}

#[tokio::test]
async fn the_shell_command_asks_checks_runs_and_answers_by_forms() {
    let server = command_server(COMMANDS);
    let mut boss = boss(&server).await;
    let form = boss.command("node='shell' action='execute'", "").await.expect("a form");
    assert_eq!(attr(&form, "status"), "executing");
    let session = attr(&form, "sessionid");
    let x = form.get_child("x", ns::DATA).expect("a form").clone();
    let hidden = children(&x, "field")
        .find(|field| field.attr("var") == Some("FORM_TYPE"))
        .expect("FORM_TYPE");
    assert_eq!(hidden.attr("type"), Some("hidden"));
    let choice = children(&x, "field")
        .find(|f| f.attr("type") == Some("list-single"))
        .expect("a list")
        .clone();
    assert!(
        children(&choice, "option").any(|o| children(o, "value").any(|v| v.text() == "say")),
        "{choice:?}"
    );
    let var = attr(&choice, "var");
    let field = |var: &str, value: &str| format!("<field var='{var}'><value>{value}</value></field>");
    let submit = |fields: &str| format!("<x xmlns='jabber:x:data' type='submit'>{fields}</x>");

    // A value that is no choice: the answer names the field, and the session stays open.
    let stage = |action: &str| format!("node='shell' sessionid='{session}' action='{action}'");
    let bad = boss
        .command(&stage("next"), &submit(&field(&var, "rm -rf")))
        .await
        .expect_err("no choice");
    assert_eq!(format!("{:?}", bad.defined_condition), "BadRequest");
    assert!(
        bad.other.as_ref().is_some_and(|other| other.name() == "bad-payload"),
        "{bad:?}"
    );
    assert!(
        bad.texts
            .values()
            .any(|text| text.contains(&var) || text.contains(&attr(&choice, "label"))),
        "{bad:?}"
    );

    let next = boss
        .command(&stage("next"), &submit(&field(&var, "say")))
        .await
        .expect("the parameters");
    assert_eq!(attr(&next, "status"), "executing", "{next:?}");
    let x = next.get_child("x", ns::DATA).expect("a form");
    let word = children(x, "field")
        .find(|f| attr(f, "var").contains("word"))
        .expect("the parameter");
    let word = attr(word, "var");
    let actions = children(&next, "actions").next().expect("actions");
    assert!(children(actions, "complete").next().is_some(), "{actions:?}");

    // Back, forth, and a bad parameter on the way.
    if children(actions, "prev").next().is_some() {
        let back = boss.command(&stage("prev"), "").await.expect("the first form again");
        assert_eq!(attr(&back, "status"), "executing");
        boss.command(&stage("next"), &submit(&field(&var, "say")))
            .await
            .expect("the parameters again");
    }
    let bad = boss
        .command(&stage("complete"), &submit(&field(&word, "$(reboot)")))
        .await;
    assert_eq!(condition(bad), "BadRequest");
    let done = boss
        .command(&stage("complete"), &submit(&field(&word, "tea")))
        .await
        .expect("completed");
    assert_eq!(attr(&done, "status"), "completed", "{done:?}");
    let x = done.get_child("x", ns::DATA).expect("a result form");
    assert_eq!(x.attr("type"), Some("result"));
    let values: Vec<String> = children(x, "field")
        .flat_map(|f| children(f, "value"))
        .map(|value| value.text().trim().to_owned())
        .collect();
    assert!(
        values.iter().any(|value| value == "said tea"),
        "no stdout in {values:?}"
    );
    assert!(values.iter().any(|value| value == "0"), "no exit status in {values:?}");
}

#[tokio::test]
async fn m04_a_session_belongs_to_one_full_jid_and_can_be_cancelled() {
    let server = command_server(COMMANDS);
    let mut boss = boss(&server).await;
    let form = boss.command("node='shell' action='execute'", "").await.expect("a form");
    let session = attr(&form, "sessionid");
    let mut other = User::login(&server, "boss@mon.example/phone", "secret").await;
    let stage = |action: &str| format!("node='shell' sessionid='{session}' action='{action}'");
    condition(other.command(&stage("complete"), "").await);
    let cancelled = boss.command(&stage("cancel"), "").await.expect("cancelled");
    assert_eq!(attr(&cancelled, "status"), "canceled");
    condition(boss.command(&stage("complete"), "").await);
    condition(
        boss.command("node='shell' sessionid='invented' action='complete'", "")
            .await,
    );
}

#[tokio::test]
async fn commands_are_words_in_a_chat_too() {
    let server = command_server(COMMANDS);
    let mut boss = boss(&server).await;
    let mut ask = Message::new(Some(COLLECTOR.parse::<Jid>().expect("a JID")));
    ask.type_ = MessageType::Chat;
    ask.bodies.insert(Lang::from(String::new()), "help".to_owned());
    boss.send(ask).await;
    let answer = boss
        .message("an answer in the chat", |message| !message.bodies.is_empty())
        .await;
    let text: String = answer.bodies.values().cloned().collect();
    assert!(
        answer
            .from
            .as_ref()
            .is_some_and(|jid| jid.as_str().starts_with(COLLECTOR)),
        "{answer:?}"
    );
    assert!(text.contains("reboot") && text.contains("stats"), "{text}");
}
