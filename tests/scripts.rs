//! Plays every dialogue in `tests/scripts/` against a server of its own.

mod support;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use support::node::Node;
use support::scansion::{self, Action, Actor, Script, Values};
use support::{Client, Login, TestServer};

/// How many scripts play at a time.
const AT_ONCE: usize = 3;

/// Dialogues begin with an empty roster; the operator's command has put the collector into it.
fn forget_collector(server: &TestServer, jid: &str, password: &str) {
    let mut client = Client::login(server, &Login::new(jid, password));
    let remove = "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='monitor@localhost' subscription='remove'/>\
                  </query></iq>";
    client.iq(remove);
    client.close();
}

fn bare(jid: &str) -> &str {
    jid.split('/').next().unwrap_or(jid)
}

/// Plays a script; an error says the line.
fn play(script: &Script) -> Result<(), String> {
    let server = TestServer::start();
    let accounts: BTreeMap<&str, &Actor> = script.actors.iter().map(|actor| (bare(&actor.jid), actor)).collect();
    for (jid, actor) in accounts {
        match &actor.role {
            Some(role) => server.add_account_with_role(jid, &actor.password, role),
            None => server.add_account(jid, &actor.password),
        }
        forget_collector(&server, jid, &actor.password);
    }
    let mut values = Values::default();
    for actor in &script.actors {
        values.set(&format!("{}'s JID", actor.name), bare(&actor.jid));
    }
    let mut clients: BTreeMap<&str, Client> = BTreeMap::new();
    for step in &script.steps {
        let at = |why: String| format!("line {}: {}: {why}", step.line, step.actor);
        let actor = script.actor(&step.actor).expect("the parser has checked it");
        if step.action == Action::Connects {
            let mut login = Login::new(actor.jid.split('@').next().unwrap_or_default(), &actor.password);
            login.resource = actor.jid.split_once('/').map(|(_, resource)| resource.to_owned());
            let client = Client::login(&server, &login);
            values.set(&format!("{}'s full JID", actor.name), &client.jid);
            clients.insert(&actor.name, client);
            continue;
        }
        let client = clients
            .get_mut(step.actor.as_str())
            .ok_or_else(|| at("is not connected".into()))?;
        match &step.action {
            Action::Connects => {}
            Action::Sends(xml) => client.send(&values.fill(xml).map_err(at)?),
            Action::Receives(xml) => {
                let expected = Node::parse(&values.fill(xml).map_err(&at)?).map_err(&at)?;
                let found = client.receive();
                scansion::compare(&expected, &found, &mut values)
                    .map_err(|why| at(format!("{why}\nin {found}\n{}", client.rest())))?;
            }
            Action::Disconnects => {
                clients.remove(step.actor.as_str()).expect("just found").close();
            }
        }
    }
    Ok(())
}

/// Plays a file; a panic of the client becomes an error too.
fn play_file(path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    if !text.starts_with("# ") {
        return Err("does not begin with a comment that names its clause".into());
    }
    let script = Script::parse(&text)?;
    catch_unwind(AssertUnwindSafe(|| play(&script))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text
            .or(panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
            .unwrap_or_default())
    })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts")
}

#[test]
fn every_dialogue_goes_as_written() {
    let only = std::env::var("SCRIPT").unwrap_or_default();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("tests/scripts")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "scs"))
        .filter(|path| path.to_string_lossy().contains(&only))
        .collect();
    paths.sort();
    assert!(
        only.is_empty() && paths.len() >= 20 || !paths.is_empty(),
        "only {} scripts",
        paths.len()
    );
    let queue = Mutex::new(paths.iter());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(path) = { queue.lock().expect("no panic while held").next() } {
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    match play_file(path) {
                        Ok(()) => println!("{name}: passed"),
                        Err(why) => failures
                            .lock()
                            .expect("no panic while held")
                            .push(format!("{name}: {why}")),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic while held");
    assert!(
        failures.is_empty(),
        "{} of {} failed\n{}",
        failures.len(),
        paths.len(),
        failures.join("\n\n")
    );
}

#[test]
fn a_dialogue_with_a_wrong_expectation_fails_at_its_line() {
    let play = |body: &str| {
        let body = format!(
            "# A planted mistake.\n[Client] Romeo\n\tjid: romeo@localhost\n\tpassword: secret\n-----\n\
             Romeo connects\nRomeo sends:\n\t<iq type='get' id='p1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>\n\
             Romeo receives:\n\t{body}\nRomeo disconnects\n"
        );
        play(&Script::parse(&body).expect("a script"))
    };
    assert_eq!(play("<iq type='result' id='p1'/>"), Ok(()));
    for wrong in [
        "<iq type='result' id='p2'/>",
        "<iq type='error' id='p1'/>",
        "<iq type='result' id='p1'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<message type='result' id='p1'/>",
        "<iq xmlns='jabber:server' type='result' id='p1'/>",
        "<iq type='result' id='p1' node='x'/>",
    ] {
        let failure = play(wrong).expect_err(wrong);
        assert!(failure.starts_with("line 9: Romeo: "), "{failure}");
    }
}

#[test]
fn comparison_is_structural_and_strict() {
    let compare = |expected: &str, found: &str| {
        let (expected, found) = (Node::parse(expected).expect("XML"), Node::parse(found).expect("XML"));
        scansion::compare(&expected, &found, &mut Values::default())
    };
    let same = |a: &str, b: &str| assert_eq!(compare(a, b), Ok(()), "{a}\n{b}");
    let other = |a: &str, b: &str| assert!(compare(a, b).is_err(), "{a}\n{b}");
    same(
        "<message to='a' type='chat'><body> x </body></message>",
        "<message type='chat' to='a'><body>x</body></message>",
    );
    same("<a><p:b xmlns:p='urn:b'/><c/></a>", "<a><c/><b xmlns='urn:b'/></a>");
    same(
        "<a><i n='{scansion:any}'/><i n='1'/></a>",
        "<a><i n='1'/><i n='2'/></a>",
    );
    same("<iq/>", "<iq to='x' from='y' id='z' xml:lang='en'/>");
    same(
        "<a xmlns:scansion='https://matthewwild.co.uk/projects/scansion' scansion:strict='false'/>",
        "<a b='c'><d/></a>",
    );
    other("<iq/>", "<iq type='get'/>");
    other("<a><b/></a>", "<a><b id='1'/></a>");
    other("<a><b/></a>", "<a><b/><b/></a>");
    other("<a><b/><b/></a>", "<a><b/></a>");
    other("<a><b/></a>", "<a><b xmlns='urn:b'/></a>");
    other("<a>x</a>", "<a>y</a>");
    other("<a/>", "<a>y</a>");
}
