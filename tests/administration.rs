//! XEP-0133 and the roster against the built binary: an admin works from a client, and everyone sees what comes of it.

mod support;

use support::node::Node;
use support::{Client, Login, TestServer};

const COMMANDS: &str = "http://jabber.org/protocol/commands";
const ADMIN: &str = "http://jabber.org/protocol/admin";

fn login(server: &TestServer, user: &str) -> Client {
    Client::login(server, &Login::new(user, "secret"))
}

/// The `<command/>` of an answer.
fn command(answer: &Node) -> Node {
    let found = answer.nodes().find(|child| child.name == "command");
    found.unwrap_or_else(|| panic!("no command in {answer}")).clone()
}

/// Runs a command of the server with one form; what its answer says.
fn administer(client: &mut Client, name: &str, fields: &[(&str, &str)]) -> String {
    let execute = format!("<iq type='set' to='localhost'><command xmlns='{COMMANDS}' node='{ADMIN}#{name}'/></iq>");
    let asked = command(&client.result(&execute));
    if asked.attr("status") == Some("completed") {
        return asked.to_string();
    }
    let session = asked.attr("sessionid").expect("a session").to_owned();
    let field = |(var, value): &(&str, &str)| format!("<field var='{var}'><value>{value}</value></field>");
    let fields: String = fields.iter().map(field).collect();
    let done = client.result(&format!(
        "<iq type='set' to='localhost'><command xmlns='{COMMANDS}' node='{ADMIN}#{name}' sessionid='{session}' \
         action='complete'><x xmlns='jabber:x:data' type='submit'>{fields}</x></command></iq>"
    ));
    done.to_string()
}

#[test]
fn an_admin_makes_an_account_disables_it_and_stops_the_service() {
    let mut server = TestServer::start();
    server.add_account_with_role("root", "secret", "admin");
    server.add_account("romeo", "secret");
    let mut root = login(&server, "root");
    root.send("<presence/>");
    let list = format!(
        "<iq type='get' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/></iq>"
    );
    assert!(root.result(&list).to_string().contains("#add-user"));
    let mut romeo = login(&server, "romeo");
    assert!(!romeo.result(&list).to_string().contains("admin#"), "not for others");
    let execute = format!("<iq type='set' to='localhost'><command xmlns='{COMMANDS}' node='{ADMIN}#add-user'/></iq>");
    romeo.refused(&execute, "forbidden");

    let fields = [
        ("accountjid", "juliet@localhost"),
        ("password", "secret"),
        ("password-verify", "secret"),
    ];
    assert!(administer(&mut root, "add-user", &fields).contains("added as viewer"));
    let mut juliet = login(&server, "juliet");
    assert!(administer(&mut root, "disable-user", &[("accountjids", "juliet@localhost")]).contains("is disabled"));
    assert_eq!(juliet.expect_stream_error(), "not-authorized");
    assert!(Client::try_login(&server, &Login::new("juliet", "secret")).is_err());
    // It lasts over a restart.
    assert!(administer(&mut root, "shutdown", &[("delay", "0")]).contains("stops in 0 s"));
    assert_eq!(root.expect_stream_error(), "system-shutdown");
    assert_eq!(server.wait().code(), Some(0));
    server.spawn();
    assert!(Client::try_login(&server, &Login::new("juliet", "secret")).is_err());
    let mut root = login(&server, "root");
    assert!(administer(&mut root, "reenable-user", &[("accountjids", "juliet@localhost")]).contains("is enabled"));
    login(&server, "juliet").close();
    let audit = std::fs::read_to_string(server.data().join("audit.log")).expect("an audit log");
    assert!(
        audit.contains("\"refused\"") && audit.contains("romeo@localhost"),
        "{audit}"
    );
    assert!(!audit.contains("secret"), "{audit}");
}

#[test]
fn a_host_that_comes_and_goes_is_pushed_into_and_out_of_the_roster() {
    let server = TestServer::with_config("[[group]]\nname = 'Databases'\ncollectors = ['db1']\n");
    server.add_account("romeo", "secret");
    let mut romeo = login(&server, "romeo");
    let roster = "<iq type='get'><query xmlns='jabber:iq:roster'/></iq>";
    assert!(romeo.result(roster).to_string().contains("monitor@localhost"));
    romeo.send("<presence/>");
    server.add_account_with_role("db1", "secret", "collector");
    let pushed = |client: &mut Client, words: &[&str]| {
        client.expect(&words.join(" "), |node| {
            let text = node.to_string();
            node.name == "iq" && words.iter().all(|word| text.contains(word))
        })
    };
    pushed(&mut romeo, &["db1@localhost", "both", "Databases"]);
    let mut db1 = Client::login(&server, &Login::new("db1", "secret").resource("watchpost"));
    db1.send("<presence/>");
    romeo.expect_presence("db1@localhost/watchpost", None);
    assert_eq!(
        server.run(&["account", "remove", "db1@localhost"]).status.code(),
        Some(0)
    );
    romeo.expect_presence("db1@localhost/watchpost", Some("unavailable"));
    pushed(&mut romeo, &["db1@localhost", "remove"]);
    assert!(!romeo.result(roster).to_string().contains("db1@localhost"));
}
