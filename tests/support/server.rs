//! The real binary, in a folder of its own, on ports of its own.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a start or an end may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_watchpost");

/// A running server. Ends with the value.
pub struct TestServer {
    dir: tempfile::TempDir,
    domain: String,
    child: Option<Child>,
    starttls: Option<SocketAddr>,
    direct_tls: Option<SocketAddr>,
    /// The bytes of the log that earlier runs wrote.
    log_start: usize,
}

impl TestServer {
    /// A server for `localhost` with the defaults.
    pub fn start() -> TestServer {
        TestServer::with_config("")
    }

    /// A server for `localhost` with these settings added. `[listen]` is the test's own affair.
    pub fn with_config(settings: &str) -> TestServer {
        TestServer::for_domain("localhost", settings)
    }

    /// A server for a domain.
    pub fn for_domain(domain: &str, settings: &str) -> TestServer {
        let mut server = TestServer::prepared(domain, settings);
        server.spawn();
        server
    }

    /// The folder and its configuration, with nothing started yet.
    pub fn prepared(domain: &str, settings: &str) -> TestServer {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let server = TestServer {
            dir,
            domain: domain.to_owned(),
            child: None,
            starttls: None,
            direct_tls: None,
            log_start: 0,
        };
        // Top-level keys must stand before the first table.
        let config = format!(
            "domain = '{domain}'\n{settings}\n[listen]\nstarttls = '127.0.0.1:0'\ntls = '127.0.0.1:0'\nhttp = 'none'\n"
        );
        std::fs::write(server.config_path(), config).expect("a configuration file");
        server
    }

    pub fn domain(&self) -> &str {
        &self.domain
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn data(&self) -> PathBuf {
        self.dir().join("data")
    }

    pub fn config_path(&self) -> PathBuf {
        self.dir().join("watchpost.toml")
    }

    fn log_path(&self) -> PathBuf {
        self.dir().join("watchpost.log")
    }

    /// Replaces the settings; they count from the next start, or from SIGHUP on.
    pub fn rewrite_config(&self, change: impl FnOnce(&str) -> String) {
        let text = std::fs::read_to_string(self.config_path()).expect("the configuration file");
        std::fs::write(self.config_path(), change(&text)).expect("the configuration file");
    }

    /// The binary with these arguments, in the server's folder; configuration, data and certificates are found there.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .current_dir(self.dir())
            .stdin(Stdio::null())
            .env_remove("RUST_LOG");
        command
    }

    /// Runs a subcommand to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }

    /// Runs a subcommand with this on its standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        use std::io::Write as _;
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        // A refusal may come before the input is read.
        let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        child.wait_with_output().expect("the binary ends")
    }

    /// Starts the binary and waits until it listens.
    pub fn spawn(&mut self) {
        self.spawn_with(&["run"]);
    }

    /// As [`TestServer::spawn`], with these arguments.
    pub fn spawn_with(&mut self, arguments: &[&str]) {
        assert!(self.child.is_none(), "it runs already");
        self.log_start = std::fs::metadata(self.log_path()).map_or(0, |metadata| metadata.len() as usize);
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("a log file");
        let child = self
            .command(arguments)
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        self.child = Some(child);
        let until = Instant::now() + DEADLINE;
        while !self.is_listening() {
            if let Some(status) = self
                .child
                .as_mut()
                .and_then(|child| child.try_wait().expect("waitable"))
            {
                panic!("the server ended with {status}:\n{}", self.log());
            }
            assert!(Instant::now() < until, "the server does not listen:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks the operator's command for the addresses chosen.
    fn is_listening(&mut self) -> bool {
        let status = self.run(&["status"]);
        let text = String::from_utf8_lossy(&status.stdout).into_owned();
        self.starttls = listening(&text, "STARTTLS");
        self.direct_tls = listening(&text, "direct TLS");
        status.status.success() && self.starttls.is_some() && self.direct_tls.is_some()
    }

    /// The STARTTLS listener.
    pub fn starttls(&self) -> SocketAddr {
        self.starttls.expect("it listens")
    }

    /// The direct-TLS listener.
    pub fn direct_tls(&self) -> SocketAddr {
        self.direct_tls.expect("it listens")
    }

    /// What this run has logged so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(self.log_start..).unwrap_or_default()).into_owned()
    }

    /// The CA to trust, as the operator's command gives it.
    pub fn ca_pem(&self) -> Vec<u8> {
        std::fs::read(self.dir().join("certs/ca.pem")).expect("certs/ca.pem")
    }

    /// Adds an account of role viewer.
    pub fn add_account(&self, localpart: &str, password: &str) {
        self.add_account_with_role(localpart, password, "viewer");
    }

    /// Adds an account.
    pub fn add_account_with_role(&self, localpart: &str, password: &str, role: &str) {
        let jid = match localpart.contains('@') {
            true => localpart.to_owned(),
            false => format!("{localpart}@{}", self.domain),
        };
        let arguments = ["account", "add", &jid, "--role", role, "--password-stdin"];
        let output = self.run_with_input(&arguments, &format!("{password}\n"));
        assert!(
            output.status.success(),
            "account add {jid}: {}\n{}",
            shown(&output),
            self.log()
        );
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status().expect("kill");
        assert!(status.success(), "kill -s {name} {pid}: {status}");
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + DEADLINE;
        let mut child = self.child.take().expect("it runs");
        loop {
            if let Some(status) = child.try_wait().expect("waitable") {
                return status;
            }
            if Instant::now() > until {
                let _ = child.kill();
                let _ = child.wait();
                panic!("the server does not end:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as the operator does: SIGTERM.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// kill -9: no goodbye.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("SIGKILL");
        child.wait().expect("waitable");
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- log of the server\n{}---", self.log());
        }
    }
}

/// The address that stands after this transport's name.
fn listening(status: &str, transport: &str) -> Option<SocketAddr> {
    let (_, after) = status.split_once(transport)?;
    after
        .split(|c: char| c.is_whitespace() || c == ',')
        .find_map(|word| word.parse().ok())
}

/// A finished command's outcome, for a message.
pub fn shown(output: &Output) -> String {
    format!(
        "{}\nstdout: {}\nstderr: {}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
