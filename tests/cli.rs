//! The operator's contract: the commands, what they print, and their exit codes.

mod support;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use support::server::shown;
use support::{Client, Login, TestServer};

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Ended with this code.
#[track_caller]
fn ended(output: Output, code: i32) -> Output {
    assert_eq!(output.status.code(), Some(code), "{}", shown(&output));
    output
}

/// Exit code 1, and one clear sentence on standard error that holds all of these.
#[track_caller]
fn refused(output: Output, parts: &[&str]) {
    let text = err(&ended(output, 1));
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    for bare in ["panicked", "RUST_BACKTRACE", "Os {"] {
        assert!(!text.contains(bare), "{text}");
    }
}

/// Runs the server in the foreground until it ends by itself.
fn run_to_its_end(server: &TestServer, arguments: &[&str]) -> Output {
    let mut child = server
        .command(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let until = Instant::now() + Duration::from_secs(20);
    while child.try_wait().expect("waitable").is_none() {
        if Instant::now() > until {
            child.kill().expect("SIGKILL");
            panic!(
                "it should have ended: {}",
                shown(&child.wait_with_output().expect("its output"))
            );
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().expect("its output")
}

#[test]
fn help_and_version_are_answers_and_an_unknown_option_is_wrong_usage() {
    let server = TestServer::prepared("localhost", "");
    let help = out(&ended(server.run(&["--help"]), 0));
    for word in [
        "account", "check", "config", "status", "ca", "--config", "--domain", "--data", "--certs",
    ] {
        assert!(help.contains(word), "{word} is not in\n{help}");
    }
    assert!(out(&ended(server.run(&["--version"]), 0)).starts_with("watchpost "));
    ended(server.run(&["account", "add", "--help"]), 0);
    assert!(err(&ended(server.run(&["--dmain", "x"]), 2)).contains("--domain"));
    ended(server.run(&["account"]), 2);
    ended(server.run(&["account", "add"]), 2);
    ended(server.run(&["account", "add", "x@localhost", "--role", "emperor"]), 2);
    ended(server.run(&["make-tea"]), 2);
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_key() {
    let server = TestServer::prepared("localhost", "");
    server.rewrite_config(|_| "domain = 'localhost'\n\nlisen = 1\n".to_owned());
    for arguments in [&["run"][..], &["check"], &["config"], &["account", "list"]] {
        refused(server.run(arguments), &["lisen", "line 3", "listen"]);
    }
    refused(server.run(&["check", "--config", "absent.toml"]), &["absent.toml"]);
}

#[test]
fn config_prints_every_setting_as_a_file_that_means_the_same() {
    let server = TestServer::prepared("localhost", "[limits]\nroster_items = 7\n");
    let text = out(&ended(server.run(&["config"]), 0));
    assert!(
        text.contains("roster_items = 7") && text.contains("stanza_size"),
        "{text}"
    );
    server.rewrite_config(|_| text.clone());
    assert_eq!(out(&ended(server.run(&["config"]), 0)), text);
    // The options count before and after the subcommand.
    for arguments in [
        &["--domain", "a.example", "config"][..],
        &["config", "--domain", "a.example"],
    ] {
        let text = out(&ended(server.run(arguments), 0));
        assert!(
            text.lines()
                .any(|line| line.contains("domain") && line.contains("a.example")),
            "{text}"
        );
    }
}

#[test]
fn n07_a_busy_port_is_refused_with_its_number() {
    let server = TestServer::start();
    let other = TestServer::prepared("localhost", "");
    let busy = server.starttls().to_string();
    let output = run_to_its_end(&other, &["run", "--listen", &busy]);
    refused(output, &[&busy]);
}

#[test]
fn f09_a_second_instance_on_the_same_data_is_refused_and_the_first_goes_on() {
    let server = TestServer::start();
    server.add_account("romeo", "secret");
    let output = run_to_its_end(&server, &["run"]);
    refused(output, &["data"]);
    Client::login(&server, &Login::new("romeo", "secret")).close();
}

#[test]
fn t12_a_key_that_cannot_be_used_is_refused() {
    let mut server = TestServer::start();
    assert!(server.terminate().success());
    let certs = server.dir().join("certs");
    let key = std::fs::read_dir(&certs)
        .expect("certs/")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.ends_with(".key") && !name.starts_with("ca")
        })
        .expect("the server's key");
    let good = std::fs::read(&key).expect("the key");
    std::fs::write(&key, "no key").expect("written");
    refused(
        run_to_its_end(&server, &["run"]),
        &[&*key.file_name().expect("a name").to_string_lossy()],
    );
    std::fs::write(&key, good).expect("written");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    // Either refused, or said aloud: a key that others can read.
    let output = server.run(&["check"]);
    assert!((out(&output) + &err(&output)).contains("key"), "{}", shown(&output));
    assert_ne!(output.status.code(), Some(0), "{}", shown(&output));
}

#[test]
fn a_store_of_another_domain_is_refused_with_the_way_out() {
    let mut server = TestServer::start();
    assert!(server.terminate().success());
    refused(
        run_to_its_end(&server, &["run", "--domain", "other.example"]),
        &["localhost", "other.example"],
    );
    refused(
        server.run(&["check", "--domain", "other.example"]),
        &["localhost", "other.example"],
    );
    server.spawn();
}

#[test]
fn where_no_domain_is_named_the_store_s_own_is_meant() {
    let mut server = TestServer::for_domain("mon.example", "");
    server.rewrite_config(|text| text.replace("domain = 'mon.example'", ""));
    let add = |name: &str| server.run_with_input(&["account", "add", name, "--password-stdin"], "a secret\n");
    assert!(out(&ended(add("juliet"), 0)).contains("juliet@mon.example"));
    assert!(!out(&ended(server.run(&["reload"]), 0)).contains("domain"));
    assert!(server.terminate().success());
    let add = server.run_with_input(&["account", "add", "romeo", "--password-stdin"], "a secret\n");
    assert!(out(&ended(add, 0)).contains("romeo@mon.example"));
    assert!(out(&ended(server.run(&["config"]), 0)).contains("domain = \"mon.example\""));
    ended(server.run(&["check"]), 0);
    server.spawn();
    assert!(out(&ended(server.run(&["status"]), 0)).contains("mon.example"));
    assert!(server.terminate().success());
    ended(server.run(&["rename-domain", "watch.example"]), 0);
    assert!(out(&ended(server.run(&["account", "list"]), 0)).contains("juliet@watch.example"));
}

#[test]
fn the_first_start_makes_an_admin_whose_password_is_printed_once() {
    let mut server = TestServer::start();
    let log = server.log();
    let line = log
        .lines()
        .find(|line| line.contains("admin@localhost"))
        .unwrap_or_else(|| panic!("no admin: {log}"));
    let password = printed_password(&log).unwrap_or_else(|| panic!("no password near {line:?} in\n{log}"));
    let mut admin = Client::login(&server, &Login::new("admin", &password));
    let roster = admin.result("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>");
    let item = roster.at(&["query", "item"]).expect("the collector");
    assert_eq!(
        (item.attr("jid"), item.attr("subscription")),
        (Some("monitor@localhost"), Some("both"))
    );
    assert_eq!(item.child_text("group").as_deref(), Some("Servers"));
    admin.close();
    assert!(server.terminate().success());
    server.spawn();
    assert!(!server.log().contains(&password), "the password is printed again");
    assert!(printed_password(&server.log()).is_none());
    let mut admin = Client::login(&server, &Login::new("admin", &password));
    admin.send("<presence/>");
    admin.expect_presence("monitor@localhost/watchpost", None);
}

/// The word after "password" in what the first start prints.
fn printed_password(log: &str) -> Option<String> {
    let line = log.lines().find(|line| line.to_lowercase().contains("password"))?;
    let at = line.to_lowercase().find("password")? + "password".len();
    line[at..]
        .split(|c: char| c.is_whitespace() || matches!(c, ':' | '"' | '\'' | '=' | ',' | '(' | ')'))
        .find(|word| word.len() >= 8 && word.chars().any(|c| c.is_ascii_digit() || c.is_ascii_uppercase()))
        .map(str::to_owned)
}

/// Adds, changes, lists and removes; logs in to see whether it is so.
fn account_commands(server: &mut TestServer, running: bool) {
    let add = server.run_with_input(
        &["account", "add", "romeo@localhost", "--password-stdin"],
        "first secret\n",
    );
    assert!(out(&ended(add, 0)).contains("romeo@localhost"));
    let again = server.run_with_input(&["account", "add", "romeo@localhost", "--password-stdin"], "x\n");
    refused(again, &["romeo@localhost"]);
    let foreign = server.run_with_input(&["account", "add", "romeo@other.example", "--password-stdin"], "x\n");
    refused(foreign, &["other.example", "localhost"]);
    let list = out(&ended(server.run(&["account", "list"]), 0));
    let line = list
        .lines()
        .find(|line| line.contains("romeo@localhost"))
        .expect("romeo");
    assert!(line.contains("viewer"), "{list}");
    let passwd = server.run_with_input(
        &["account", "passwd", "romeo@localhost", "--password-stdin"],
        "second secret\n",
    );
    ended(passwd, 0);
    refused(
        server.run_with_input(&["account", "passwd", "nobody@localhost", "--password-stdin"], "x\n"),
        &["nobody@localhost"],
    );
    if !running {
        server.spawn();
    }
    for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "PLAIN"] {
        Client::login(server, &Login::new("romeo", "second secret").mechanism(mechanism)).close();
        let wrong = Client::try_login(server, &Login::new("romeo", "first secret").mechanism(mechanism));
        assert_eq!(
            wrong.err().map(|refusal| refusal.condition).as_deref(),
            Some("not-authorized"),
            "{mechanism}"
        );
    }
    if !running {
        assert!(server.terminate().success());
    }
    ended(server.run(&["account", "remove", "romeo@localhost"]), 0);
    refused(
        server.run(&["account", "remove", "romeo@localhost"]),
        &["romeo@localhost"],
    );
    assert!(!out(&server.run(&["account", "list"])).contains("romeo"));
    if !running {
        server.spawn();
    }
    let gone = Client::try_login(server, &Login::new("romeo", "second secret"));
    assert_eq!(
        gone.err().map(|refusal| refusal.condition).as_deref(),
        Some("not-authorized")
    );
}

#[test]
fn account_commands_work_while_it_runs() {
    let mut server = TestServer::start();
    account_commands(&mut server, true);
}

#[test]
fn account_commands_work_while_it_does_not_run() {
    let mut server = TestServer::start();
    assert!(server.terminate().success());
    account_commands(&mut server, false);
}

#[test]
fn a17_a_changed_password_and_a_removal_end_the_account_s_sessions() {
    let server = TestServer::start();
    server.add_account("romeo", "secret");
    let mut romeo = Client::login(&server, &Login::new("romeo", "secret"));
    let passwd = ["account", "passwd", "romeo@localhost", "--password-stdin"];
    ended(server.run_with_input(&passwd, "other\n"), 0);
    assert!(["not-authorized", "reset"].contains(&romeo.expect_stream_error().as_str()));
    let mut romeo = Client::login(&server, &Login::new("romeo", "other"));
    ended(server.run(&["account", "remove", "romeo@localhost"]), 0);
    romeo.expect_stream_error();
}

#[test]
fn nobody_logs_in_as_the_collector_and_its_password_cannot_be_set() {
    let server = TestServer::start();
    for password in ["", "monitor", "watchpost"] {
        for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
            let login = Login::new("monitor", password).mechanism(mechanism);
            assert!(Client::try_login(&server, &login).is_err(), "{login:?}");
        }
    }
    let passwd = ["account", "passwd", "monitor@localhost", "--password-stdin"];
    refused(server.run_with_input(&passwd, "secret\n"), &["monitor@localhost"]);
    refused(
        server.run(&["account", "remove", "monitor@localhost"]),
        &["monitor@localhost"],
    );
    let add = ["account", "add", "monitor@localhost", "--password-stdin"];
    refused(server.run_with_input(&add, "secret\n"), &["monitor@localhost"]);
    assert!(Client::try_login(&server, &Login::new("monitor", "secret")).is_err());
}

#[test]
fn check_says_whether_all_is_well() {
    let mut server = TestServer::start();
    assert!(server.terminate().success());
    ended(server.run(&["check"]), 0);
    std::fs::set_permissions(server.data(), std::fs::Permissions::from_mode(0o777)).expect("chmod");
    let output = server.run(&["check"]);
    assert_ne!(output.status.code(), Some(2), "{}", shown(&output));
}

#[test]
fn status_tells_what_the_operator_wants_to_know_and_fails_when_nothing_runs() {
    let mut server = TestServer::start();
    server.add_account("romeo", "secret");
    let _romeo = Client::login(&server, &Login::new("romeo", "secret"));
    let status = out(&ended(server.run(&["status"]), 0));
    for part in [
        &server.starttls().to_string(),
        &server.direct_tls().to_string(),
        "session",
        "certificate",
        "localhost",
    ] {
        assert!(status.to_lowercase().contains(part), "{part} is not in\n{status}");
    }
    assert!(server.terminate().success());
    ended(server.run(&["status"]), 1);
}

#[test]
fn ca_shows_the_certificate_to_trust() {
    let server = TestServer::start();
    let text = out(&ended(server.run(&["ca"]), 0));
    assert!(text.contains("ca.pem") || text.contains("BEGIN CERTIFICATE"), "{text}");
    let log = server.log();
    let shown = |title: &str| {
        let line = log.lines().find(|line| line.trim_start().starts_with(title));
        line.and_then(|line| line.split_whitespace().last()).map(str::to_owned)
    };
    for title in ["certificate  SHA-256", "authority    SHA-256"] {
        let fingerprint = shown(title).unwrap_or_else(|| panic!("no {title} in\n{log}"));
        assert!(text.contains(&fingerprint), "{title} {fingerprint} is not in\n{text}");
    }
    let pem = out(&ended(server.run(&["ca", "--pem"]), 0));
    assert_eq!(pem.trim().as_bytes(), server.ca_pem().trim_ascii());
}

#[test]
fn o01_sigterm_ends_every_stream_with_system_shutdown_and_exit_code_0() {
    let mut server = TestServer::start();
    server.add_account("romeo", "secret");
    server.add_account("juliet", "secret");
    let mut clients = [
        Client::login(&server, &Login::new("romeo", "secret")),
        Client::login(&server, &Login::new("juliet", "secret").direct()),
        Client::secured(&server, true),
    ];
    for client in &mut clients[..2] {
        client.send("<presence/>");
        client.drain();
    }
    let start = Instant::now();
    server.signal("TERM");
    for client in &mut clients {
        assert_eq!(client.expect_stream_error(), "system-shutdown");
        assert!(client.is_gone());
    }
    drop(clients);
    assert_eq!(server.wait().code(), Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "the shutdown took {:?}",
        start.elapsed()
    );
}

#[test]
fn o02_sigint_ends_it_too_and_sighup_does_not() {
    let mut server = TestServer::start();
    server.add_account("romeo", "secret");
    let mut romeo = Client::login(&server, &Login::new("romeo", "secret"));
    server.signal("HUP");
    romeo.expect_nothing();
    server.signal("INT");
    assert_eq!(romeo.expect_stream_error(), "system-shutdown");
    drop(romeo);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a14_secrets_are_in_no_file_and_folders_are_the_owner_s_alone() {
    let mut server = TestServer::start();
    server.add_account("romeo", "a-planted-secret-4711");
    Client::login(
        &server,
        &Login::new("romeo", "a-planted-secret-4711").mechanism("PLAIN"),
    )
    .close();
    assert!(server.terminate().success());
    let mut folders = vec![server.dir().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                files += 1;
                let found = bytes.windows(21).any(|window| window == b"a-planted-secret-4711");
                assert!(!found, "the password stands in {}", path.display());
            }
        }
    }
    assert!(files > 4, "only {files} files");
    let mode = std::fs::metadata(server.data()).expect("data/").permissions().mode() & 0o777;
    assert_eq!(mode, 0o700, "data/ is {mode:o}");
}

#[test]
fn m21_root_is_warned_of_and_the_unit_has_a_user_of_its_own() {
    let server = TestServer::start();
    let is_root = std::fs::metadata(server.data()).is_ok_and(|data| data.uid() == 0);
    assert_eq!(server.log().contains("running as root"), is_root, "{}", server.log());
    let empty = tempfile::tempdir().expect("a folder");
    let unit = out(&ended(
        server
            .command(&["unit"])
            .current_dir(empty.path())
            .output()
            .expect("it runs"),
        0,
    ));
    for line in ["DynamicUser=yes", "NoNewPrivileges=yes", "CapabilityBoundingSet="] {
        assert!(unit.lines().any(|have| have == line), "{line} is not in\n{unit}");
    }
    let own = out(&ended(server.run(&["unit"]), 0));
    assert!(
        own.contains("\nUser=watchpost\n") && own.contains(&server.data().display().to_string()),
        "{own}"
    );
}

#[test]
fn m22_the_unit_is_one_that_systemd_takes_and_calls_confined() {
    let server = TestServer::prepared("localhost", "");
    let unit = out(&ended(server.run(&["unit"]), 0));
    let path = server.dir().join("watchpost.service");
    std::fs::write(&path, &unit).expect("written");
    for line in [
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "LimitNOFILE=65536",
    ] {
        assert!(unit.lines().any(|have| have == line), "{line} is not in\n{unit}");
    }
    let analyse = Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--threshold=25"])
        .arg(&path)
        .output();
    match analyse {
        // The exposure, of 10.0, is below 2.5.
        Ok(output) => assert!(output.status.success(), "{}", shown(&output)),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}"),
    }
}
