//! What the tests of the command share.

#![allow(dead_code, reason = "each test file uses some of these")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// No command may take longer, however slow the machine is.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// The command with arguments, its streams captured.
pub(crate) fn trapline(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trapline"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end with `input` as its standard input.
#[track_caller]
pub(crate) fn run(args: &[&str], input: &[u8]) -> Output {
    let start = Instant::now();
    let mut child = trapline(args).spawn().expect("the command starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // A command that does not read closes the pipe: no failure of the test.
    let writer = std::thread::spawn(move || stdin.write_all(&input).is_ok());
    let output = child.wait_with_output().expect("the command ends");
    writer.join().expect("the writer does not panic");
    assert!(start.elapsed() < BOUND, "took {:?}", start.elapsed());
    output
}

/// The standard output of a command that must succeed, and say nothing besides.
#[track_caller]
pub(crate) fn output(args: &[&str], input: &[u8]) -> String {
    let output = run(args, input);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stderr, "");
    String::from_utf8(output.stdout).expect("text")
}

/// The one line that a command says which must fail.
#[track_caller]
pub(crate) fn error(args: &[&str], input: &[u8]) -> String {
    let output = run(args, input);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8(output.stderr).expect("text");
    let line = stderr.strip_suffix('\n').expect("a whole line");
    assert!(!line.contains('\n'), "{line}");
    line.strip_prefix("error: ").expect("it says that it is an error").to_owned()
}

/// A folder for the scripts of a test, removed in the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("trapline-cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).expect("a new folder");
        Self(folder)
    }

    /// Writes a script and returns its path.
    pub(crate) fn script(&self, name: &str, source: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, source).expect("a script");
        path.into_os_string().into_string().expect("a path that is text")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The processes that `process` has started and that still run.
pub(crate) fn children_of(process: u32) -> Vec<u32> {
    let threads = Path::new("/proc").join(process.to_string()).join("task");
    let threads = std::fs::read_dir(threads).into_iter().flatten().flatten();
    let children = threads.filter_map(|t| std::fs::read_to_string(t.path().join("children")).ok());
    let text: String = children.collect();
    text.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}
