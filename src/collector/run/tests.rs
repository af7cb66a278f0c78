//! Programs that misbehave, each in its own process.

use super::*;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant as Clock;

const BOUNDS: Bounds = Bounds {
    time_max: Duration::from_secs(20),
    dry: false,
    output_bytes_max: 64 * 1024,
};

fn argv(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

/// Runs a line of sh; the tests' own shell, never the product's.
async fn sh(line: &str, bounds: Bounds) -> Outcome {
    run(&argv(&["/bin/sh", "-c", line]), bounds).await.expect("started")
}

fn quick(seconds: u64) -> Bounds {
    Bounds {
        time_max: Duration::from_secs(seconds),
        ..BOUNDS
    }
}

#[tokio::test]
async fn m05_arguments_reach_the_program_as_they_are() {
    let hostile = [
        "; rm -rf /",
        "$(id)",
        "`id`",
        "a | b && c",
        "*",
        "~",
        "'\"\\",
        "two\nlines",
        "-n",
    ];
    for argument in hostile {
        let outcome = run(&argv(&["/usr/bin/printf", "[%s]", argument]), BOUNDS)
            .await
            .expect("started");
        assert_eq!(outcome.stdout.text, format!("[{argument}]"));
    }
}

#[tokio::test]
async fn m07_m10_m23_a_program_sees_a_fixed_environment_no_input_and_no_other_file() {
    let outcome = run(&argv(&["/usr/bin/env"]), BOUNDS).await.expect("started");
    let mut variables: Vec<_> = outcome
        .stdout
        .text
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    variables.sort_unstable();
    assert_eq!(variables, ["LANG", "PATH"]);
    let outcome = run(&argv(&["/bin/cat"]), BOUNDS).await.expect("started");
    assert!(outcome.is_success() && outcome.stdout.text.is_empty());
    let file = tempfile::NamedTempFile::new().expect("a file");
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    let outcome = sh("pwd; ls -l /proc/self/fd", BOUNDS).await;
    assert!(outcome.stdout.text.starts_with("/\n"), "{outcome:?}");
    // Whoever started the tests may have left files open in them; what is opened here stays here.
    let inode = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).expect("a link");
    for own in [inode.display().to_string(), file.path().display().to_string()] {
        assert!(!outcome.stdout.text.contains(&own), "{own} in {outcome:?}");
    }
}

#[test]
fn m07_a_relative_or_writable_program_is_refused() {
    assert_eq!(check_program("/bin/echo"), Ok(()));
    assert!(check_program("echo").is_err() && check_program("/nonexistent").is_err());
    let dir = tempfile::tempdir().expect("a folder");
    let program = dir.path().join("program");
    std::fs::write(&program, "#!/bin/sh\n").expect("written");
    let name = program.to_str().expect("UTF-8");
    let mode =
        |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
    mode(&program, 0o755);
    assert_eq!(check_program(name), Ok(()));
    for loose in [0o775, 0o757] {
        mode(&program, loose);
        assert!(check_program(name).is_err_and(|why| why.contains("chmod")));
    }
    mode(&program, 0o755);
    mode(dir.path(), 0o777);
    assert!(check_program(name).is_err_and(|why| why.contains("chmod")));
}

#[tokio::test]
async fn m08_a_program_that_hangs_is_ended_with_its_children() {
    let start = Clock::now();
    let outcome = sh("echo $$; sleep 300 & sleep 300", quick(1)).await;
    assert!(outcome.timed_out && !outcome.is_success());
    assert_eq!(outcome.status_text(), "timed out");
    assert!(start.elapsed() < Duration::from_secs(4), "SIGTERM was enough");
    let group: i32 = outcome.stdout.text.trim().parse().expect("a process id");
    // A zombie that init has not reaped yet still counts as a member; a running one does not go away by itself.
    let gone = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        !group_runs(group)
    });
    assert!(gone, "children survive");
}

/// Whether a process of that group is alive and no zombie.
fn group_runs(group: i32) -> bool {
    let stat = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("stat")).ok();
    std::fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .filter_map(stat)
        .any(|stat| {
            // After the name in parentheses: state, parent, group.
            let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
            fields.get(2).is_some_and(|field| *field == group.to_string()) && fields[0] != "Z"
        })
}

#[tokio::test]
async fn m08_what_has_left_the_group_is_ended_with_its_parent() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("pid");
    // The child of setsid says who it is, then waits; so does its parent.
    let line = format!("setsid sh -c 'echo $$ >{}; exec sleep 600' & wait", file.display());
    let outcome = sh(&line, quick(1)).await;
    assert!(outcome.timed_out);
    let pid: i32 = std::fs::read_to_string(&file)
        .expect("begun")
        .trim()
        .parse()
        .expect("a pid");
    let gone = || !std::path::Path::new(&format!("/proc/{pid}/exe")).exists();
    let start = Clock::now();
    while !gone() && start.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(gone(), "{pid} has outlived its time");
}

#[tokio::test]
async fn m08_a_program_that_ignores_sigterm_is_killed() {
    let start = Clock::now();
    let outcome = sh("trap '' TERM; echo on; while :; do sleep 1; done", quick(1)).await;
    assert!(outcome.timed_out);
    assert_eq!(outcome.stdout.text, "on\n");
    assert!((5..9).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn m08_a_child_that_keeps_the_pipe_open_holds_nothing_up() {
    for line in ["echo done; sleep 300 &", "echo done; setsid sleep 20 &"] {
        let start = Clock::now();
        let outcome = sh(line, BOUNDS).await;
        assert!(outcome.is_success(), "{line}");
        assert_eq!(outcome.stdout.text, "done\n");
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{line}: {:?}",
            start.elapsed()
        );
    }
}

#[tokio::test]
async fn m09_a_flood_is_cut_and_stopped() {
    let start = Clock::now();
    for line in [
        "yes",
        "yes >&2",
        "trap '' PIPE; while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyy 2>/dev/null; done",
    ] {
        let outcome = sh(line, BOUNDS).await;
        assert!(outcome.stdout.truncated || outcome.stderr.truncated, "{line}");
        assert!(!outcome.timed_out && outcome.stdout.text.len() <= BOUNDS.output_bytes_max);
    }
    assert!(start.elapsed() < Duration::from_secs(18), "{:?}", start.elapsed());
}

#[tokio::test]
async fn m09_hostile_output_becomes_plain_text() {
    let outcome = sh(r#"printf 'a\377b\000c\033[2J</iq>]]>\r\n'; exit 3"#, BOUNDS).await;
    assert_eq!(outcome.stdout.text, "a\u{FFFD}b\u{FFFD}c\u{FFFD}[2J</iq>]]>\n");
    assert_eq!(outcome.status_text(), "3");
}

#[test]
fn m09_what_escaping_makes_longer_counts_in_full() {
    let angry = legible(&[b'<'; 10_000], 6_000);
    assert!(angry.truncated && angry.text.len() == 1_000);
    let lines = legible(&[b'\n'; 10_000], 1 << 20);
    assert!(lines.truncated && lines.text.len() < LINES_MAX);
}
