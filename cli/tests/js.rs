//! `trapline js`: what it prints, and how it fails.
#![cfg(target_os = "linux")]

mod common;

use std::process::Command;
use std::time::{Duration, Instant};

use common::*;

const LIBRARY: &str = "
function upper(text) { return text.toUpperCase() }
const tools = { count: text => text.length, self() { return this === tools }, version: 7 };
var count = 3;
function thrower() { throw new RangeError('first line\\nsecond line') }
function text() { throw 'only text' }
function forever() { for (;;) {} }
function hoard() { const all = []; for (;;) all.push(new Array(1000).fill(1)) }
function bytes() { return new Uint8Array([0, 255, 10]).buffer }
function number() { return -0.5e-30 }
function nothing() {}
function object() { return { toString() { return 'shown' } } }
function greet() { return greeting + arguments.length }
";

#[test]
fn a_function_gets_the_standard_input_and_its_result_is_printed_as_it_is() {
    let folder = Folder::new();
    let script = folder.script("library.js", LIBRARY);
    let call = |name: &str| output(&["js", &script, "--call", name, "--stdin"], "hé\n".as_bytes());
    assert_eq!(call("upper"), "HÉ\n");
    assert_eq!(call("tools.count"), "3");
    assert_eq!(call("tools.self"), "true", "the object before the dot is `this`");
    assert_eq!(call("number"), "-5e-31");
    assert_eq!(call("object"), "shown");
    assert_eq!(call("nothing"), "");
    let bytes = run(&["js", &script, "--call", "bytes"], b"");
    assert_eq!(bytes.stdout, [0, 255, 10]);
}

#[test]
fn files_are_loaded_in_order_and_without_a_call_that_is_all() {
    let folder = Folder::new();
    let first = folder.script("first.js", "var greeting = 'hello '");
    let second = folder.script("second.js", LIBRARY);
    assert_eq!(output(&["js", &first, &second, "--call", "greet"], b""), "hello 0");
    assert_eq!(output(&["js", &first, &second], b""), "");
}

#[test]
fn an_input_longer_than_the_default_ring_crosses() {
    let folder = Folder::new();
    let script = folder.script("library.js", LIBRARY);
    let input = vec![b'a'; 20 << 20];
    let printed = run(&["js", &script, "--call", "upper", "--stdin"], &input).stdout;
    assert!(printed.len() == input.len() && printed.iter().all(|byte| *byte == b'A'));
}

#[test]
fn counters_tell_what_both_processes_did() {
    let folder = Folder::new();
    let script = folder.script("library.js", LIBRARY);
    let output = run(&["js", &script, "--call", "upper", "--stdin", "--counters"], b"x");
    assert_eq!(output.stdout, b"X");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("first process:  sent 7 frames"), "{text}");
    assert!(text.contains("second process served: global 1, get 4, apply 2"), "{text}");
}

#[test]
fn scripts_that_do_not_parse_or_throw_are_told_with_their_place() {
    let folder = Folder::new();
    let broken = folder.script("broken.js", "\nvar a = ;");
    let said = error(&["js", &broken], b"");
    assert!(said.starts_with("SyntaxError: "), "{said}");
    assert!(said.ends_with("broken.js:2)"), "{said}");

    let throws = folder.script("throws.js", "\n\nmissing()");
    let said = error(&["js", &throws], b"");
    assert!(said.starts_with("ReferenceError: ") && said.ends_with("throws.js:3)"), "{said}");

    let script = folder.script("library.js", LIBRARY);
    let said = error(&["js", &script, "--call", "thrower"], b"");
    assert!(said.starts_with("RangeError: first line second line ("), "{said}");
    assert_eq!(error(&["js", &script, "--call", "text"], b""), "Error: only text");
}

#[test]
fn scripts_that_take_too_much_are_stopped() {
    let folder = Folder::new();
    let script = folder.script("library.js", LIBRARY);
    let said = error(&["js", &script, "--call", "forever", "--time-limit", "1"], b"");
    assert_eq!(said, "InternalError: the time limit of 1s was reached");
    let endless = folder.script("endless.js", "for (;;) {}");
    let said = error(&["js", &endless, "--time-limit", "0.2"], b"");
    assert_eq!(said, "InternalError: the time limit of 200ms was reached");
    let said = error(&["js", &script, "--call", "hoard", "--memory-limit", "8"], b"");
    assert!(said.starts_with("InternalError: out of memory"), "{said}");
}

#[test]
fn what_is_not_there_is_named() {
    let folder = Folder::new();
    let script = folder.script("library.js", LIBRARY);
    let call = |name: &str| error(&["js", &script, "--call", name], b"");
    assert_eq!(call("nowhere"), "cannot call nowhere: the files define nothing of that name");
    assert_eq!(call("tools.no"), "cannot call tools.no: the files define nothing of that name");
    assert_eq!(call("count"), "cannot call count: it is a number, not a function");
    assert_eq!(call("tools.version.x"), "cannot call tools.version.x: version is a number");
    assert_eq!(call("a b"), "cannot call a b: the files define nothing of that name");
    assert!(error(&["js", "no/such.js"], b"").starts_with("no/such.js: no such file"));
    assert!(error(&["js", "."], b"").contains("is a folder"));
    let latin = folder.script("latin.js", b"var caf\xe9 = 1");
    assert!(error(&["js", &latin], b"").contains("cannot read the script"));
}

#[test]
fn input_that_is_no_text_is_refused() {
    let folder = Folder::new();
    let script = folder.script("library.js", LIBRARY);
    let said = error(&["js", &script, "--call", "upper", "--stdin"], b"ab\xff");
    assert_eq!(said, "standard input: not UTF-8 text at byte 2");
}

#[test]
fn usage_errors_end_with_two() {
    for args in [
        &["js"][..],
        &["js", "x.js", "--stdin"],
        &["js", "x.js", "--time-limit", "soon"],
        &["js", "x.js", "--time-limit", "-1"],
        &["js", "x.js", "--memory-limit", "0"],
        &["nothing"],
    ] {
        assert_eq!(run(args, b"").status.code(), Some(2), "{args:?}");
    }
}

/// The second process, found and killed while the script runs.
#[test]
fn a_second_process_that_is_killed_is_told_at_once() {
    let folder = Folder::new();
    let script = folder.script("library.js", LIBRARY);
    let mut command = trapline(&["js", &script, "--call", "forever", "--time-limit", "50"]);
    let command = command.spawn().expect("the command starts");
    let second = second_of(command.id());
    kill(second);
    let killed = Instant::now();
    let output = command.wait_with_output().unwrap();
    assert!(killed.elapsed() < Duration::from_secs(10), "took {:?}", killed.elapsed());
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("error: the second process ") && said.lines().count() == 1, "{said}");
    assert!(!exists(second), "it was waited for");
}

/// The command killed: what it has started must not stay behind.
#[test]
fn the_second_process_does_not_outlive_the_command() {
    let folder = Folder::new();
    let script = folder.script("library.js", LIBRARY);
    let mut command = trapline(&["js", &script, "--call", "forever", "--time-limit", "50"]);
    let mut command = command.spawn().expect("the command starts");
    let second = second_of(command.id());
    command.kill().unwrap();
    command.wait().unwrap();
    let start = Instant::now();
    while exists(second) {
        assert!(start.elapsed() < Duration::from_secs(20), "process {second} is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn second_of(command: u32) -> u32 {
    let start = Instant::now();
    loop {
        if let [second] = children_of(command)[..] {
            return second;
        }
        assert!(start.elapsed() < BOUND, "no second process was started");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kill(process: u32) {
    // Of the shell, because the program of that name is not everywhere.
    let kill = format!("kill -9 {process}");
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// Whether it runs; a process that has ended but was not waited for by its parent does not.
fn exists(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
