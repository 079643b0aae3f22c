//! An unmodified package from npm, driven through the command, against node running the same file.
//!
//! Without npm or node the test says that it was skipped; the variable `TRAPLINE_REQUIRE_NPM`
//! turns that into a failure.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PACKAGE: &str = "marked@15.0.12";
const FILE: &str = "node_modules/marked/lib/marked.umd.js";
/// Runs the file as a script, as the engine does, and renders the standard input. A script that
/// finds `module` would take it for node's own kind of file.
const NODE: &str = "const fs = require('fs'), vm = require('vm');
delete globalThis.module; delete globalThis.exports;
vm.runInThisContext(fs.readFileSync(process.argv[1], 'utf8'));
process.stdout.write(marked.parse(fs.readFileSync(0, 'utf8')));";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

/// The package below `target/`, installed if it is not there yet; `Err` says what is missing.
fn installed() -> Result<PathBuf, String> {
    let folder = root().join("target/npm");
    let file = folder.join(FILE);
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    if !file.exists() {
        let npm = Command::new("npm")
            .args([
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--no-save",
                "--prefix",
            ])
            .arg(&folder)
            .arg(PACKAGE)
            .output()
            .map_err(|e| format!("npm: {e}"))?;
        if !npm.status.success() {
            return Err(format!("npm: {}", String::from_utf8_lossy(&npm.stderr)));
        }
    }
    Command::new("node").arg("--version").output().map_err(|e| format!("node: {e}"))?;
    Ok(file)
}

/// What a command prints for `input`, and what it says on its error stream.
fn output(command: &mut Command, input: &str) -> (Vec<u8>, String) {
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = streams.spawn().expect("starts");
    let mut stdin = child.stdin.take().expect("piped");
    let output = std::thread::scope(|threads| {
        threads.spawn(move || stdin.write_all(input.as_bytes()).expect("takes its input"));
        child.wait_with_output().expect("ends")
    });
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    (output.stdout, said)
}

/// Texts of the repository, and generated ones of the kinds that they lack.
fn texts() -> Vec<(String, String)> {
    let files = [
        "docs/wire.md",
        "docs/layout.md",
        "docs/decisions.md",
        "docs/reliability.md",
        "LICENSE-APACHE",
        "src/link/mod.rs",
    ];
    let mut texts: Vec<(String, String)> = files
        .iter()
        .map(|name| {
            let text =
                std::fs::read_to_string(root().join(name)).expect("a file of this repository");
            ((*name).to_owned(), text)
        })
        .collect();
    texts.push((
        "tables".into(),
        repeated(120, |i, text| {
            writeln!(
                text,
                "| a{i} | *b* `c|d` | ünïcödé 🦀 {i} |\n|:--|:-:|--:|\n| 1 | **2** | ~~3~~ |\n"
            )
        }),
    ));
    texts.push(("lists and quotes".into(), repeated(90, |i, text| {
        writeln!(text, "> quote {i}\n> > deeper\n\n1. one\n   - two\n     - [ ] three\n     - [x] `four`\n\n---\n")
    })));
    texts.push(("links and entities".into(), repeated(90, |i, text| {
        writeln!(text, "[l{i}][r{i}] <https://example.org/?a={i}&b> &copy; &#x1F600; <b>raw</b> ![i](x.png \"t\")\n\n[r{i}]: /u{i} 'T'\n")
    })));
    for (name, text) in &texts {
        assert!(text.len() >= 5 << 10, "{name} has only {} bytes", text.len());
    }
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README");
    texts.push(("README.md".into(), readme));
    texts
}

fn repeated(times: usize, mut part: impl FnMut(usize, &mut String) -> std::fmt::Result) -> String {
    let mut text = String::new();
    (0..times).for_each(|i| part(i, &mut text).expect("a string takes everything"));
    text
}

#[test]
fn renders_as_node_does() {
    let file = match installed() {
        Ok(file) => file,
        Err(missing) if std::env::var_os("TRAPLINE_REQUIRE_NPM").is_none() => {
            println!("skipped: {missing}");
            return;
        }
        Err(missing) => panic!("{missing}"),
    };
    for (name, text) in texts() {
        let mut trapline = Command::new(env!("CARGO_BIN_EXE_trapline"));
        trapline.arg("js").arg(&file).args(["--call", "marked.parse", "--stdin", "--counters"]);
        let (ours, counters) = output(&mut trapline, &text);
        let (theirs, _) = output(Command::new("node").args(["-e", NODE]).arg(&file), &text);
        assert!(!theirs.is_empty());
        assert!(ours == theirs, "{name}: {} bytes instead of {}", ours.len(), theirs.len());
        println!(
            "{name}: {} bytes in, {} out; {}",
            text.len(),
            ours.len(),
            counters.replace('\n', "; ")
        );
        expect_reflected_calls(&counters, &text);
    }
}

/// The text crossed as the argument of an `apply`, next to the `get`s that found the functions, and
/// no other trap was used: nothing was evaluated.
fn expect_reflected_calls(counters: &str, text: &str) {
    let line = |start: &str| {
        let line = counters.lines().find_map(|line| line.strip_prefix(start));
        line.unwrap_or_else(|| panic!("no {start:?} in {counters:?}"))
    };
    // `String`, `trapline`, `load`; `marked`, `parse`. Then `load(path)` and `parse(text)`.
    assert_eq!(line("second process served: "), "global 1, get 5, apply 2");
    let received = line("second process: ").split_once("received ").expect("what it received").1;
    let bytes = received.split_once('(').and_then(|(_, rest)| rest.split_once(" B)"));
    let bytes: usize = bytes.and_then(|(n, _)| n.parse().ok()).expect("a number of bytes");
    assert!(bytes > text.len(), "{bytes} bytes received, the text has {}", text.len());
    assert!(bytes < text.len() + 2000, "{bytes} bytes received, the text has {}", text.len());
}
