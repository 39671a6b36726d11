//! The binary as a user meets it: a folder to work in, a line to type, and what comes back.
#![allow(dead_code)] // each test file uses what it needs

use expect_test::Expect;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Nothing here takes longer. Seconds would do, but where every core is busy, and some of them with threads
/// that never sleep, a disk's answer was seen to take a minute to get through.
const PATIENCE: Duration = Duration::from_secs(300);

/// What `replay --json` always has.
pub(crate) const SUMMARY_KEYS: [&str; 14] = [
    "messages",
    "events",
    "bytes",
    "seconds",
    "messages_per_second",
    "topology",
    "shards",
    "gaps",
    "faults",
    "findings",
    "books_digest",
    "findings_digest",
    "latency",
    "jitter",
];

/// A folder in which commands run, so that messages show bare file names.
pub(crate) struct Folder(TempDir);

/// What a command has left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("there is room for a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn gzip(&self, name: &str, content: &[u8]) {
        let mut gzip = GzEncoder::new(File::create(self.path(name)).unwrap(), Compression::fast());
        gzip.write_all(content).unwrap();
        gzip.finish().unwrap();
    }

    /// Generates data of this kind into a file.
    pub(crate) fn generate(&self, what: &str, flags: &str, name: &str) -> Vec<u8> {
        self.run(&format!("generate {what} {flags} --out {name}")).succeeded();
        self.read(name)
    }

    /// Runs `tapewatch` with these arguments, separated by blanks.
    pub(crate) fn run(&self, line: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tapewatch"));
        command.args(line.split(' '));
        self.start(command).end()
    }

    /// Runs a line of the shell in which `$TAPEWATCH` is the binary.
    pub(crate) fn shell(&self, line: &str) -> Ran {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        self.start(command).end()
    }

    /// Runs `tapewatch` while the test goes on.
    pub(crate) fn begin(&self, line: &str) -> Running<'_> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tapewatch"));
        command.args(line.split(' '));
        self.start(command)
    }

    fn start(&self, mut command: Command) -> Running<'_> {
        let output = |name: &str| Stdio::from(File::create(self.path(name)).unwrap());
        command.current_dir(self.0.path()).env("TAPEWATCH", env!("CARGO_BIN_EXE_tapewatch"));
        command.env_remove("TAPEWATCH_LOG").env_remove("RUST_BACKTRACE").stdin(Stdio::null());
        command.stdout(output(".stdout")).stderr(output(".stderr"));
        Running { child: command.spawn().unwrap(), folder: self, until: Instant::now() + PATIENCE }
    }

    /// Holds the exit code and all that was told on stderr against what is expected.
    pub(crate) fn check(&self, line: &str, expected: &Expect) {
        let ran = self.run(line);
        expected.assert_eq(&format!("{}exit {}\n", ran.stderr, ran.code.unwrap()));
    }

    /// The summary of a replay, which must succeed.
    pub(crate) fn replay(&self, arguments: &str) -> Value {
        self.run(&format!("replay {arguments} --json")).succeeded().json()
    }
}

/// A command under way. It does not outlive the test.
pub(crate) struct Running<'a> {
    child: Child,
    folder: &'a Folder,
    until: Instant,
}

impl Running<'_> {
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Whether it ends within this time.
    pub(crate) fn has_ended_after(&mut self, span: Duration) -> bool {
        thread::sleep(span);
        !self.is_running()
    }

    /// Waits until it has come about.
    pub(crate) fn wait_for(&mut self, what: &str, mut has_come: impl FnMut() -> bool) {
        while !has_come() {
            assert!(self.is_running(), "ended before {what}: {:?}", self.left_behind(None));
            assert!(Instant::now() < self.until, "waited too long for {what}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ran {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return self.left_behind(status.code());
            }
            assert!(Instant::now() < self.until, "does not end: {:?}", self.left_behind(None));
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn left_behind(&self, code: Option<i32>) -> Ran {
        let text = |name: &str| String::from_utf8(self.folder.read(name)).expect("text");
        let ran = Ran { code, stdout: text(".stdout"), stderr: text(".stderr") };
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        ran
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    /// The error: stderr must be this one line, but for a summary before it.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        let errors = self.stderr.lines().filter(|line| line.starts_with("tapewatch: "));
        assert_eq!(errors.count(), 1, "{}", self.stderr);
        let last = self.stderr.lines().last().unwrap();
        last.strip_prefix("tapewatch: ").expect("the error comes last")
    }

    /// Standard output as one JSON document on one line.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).expect("a JSON document")
    }
}

/// Lines of JSON.
#[track_caller]
pub(crate) fn json_lines(text: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(text).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is whole");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// An object's keys in their order.
pub(crate) fn keys(of: &Value) -> Vec<&str> {
    of.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// How many findings a summary counts.
pub(crate) fn counted(summary: &Value) -> u64 {
    let kinds = ["alert", "signal"].map(|kind| summary["findings"][kind].as_object().unwrap());
    kinds.iter().flat_map(|kind| kind.values()).map(|count| count.as_u64().unwrap()).sum()
}
