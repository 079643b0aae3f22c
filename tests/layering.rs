//! Imports point down only: reads every path from one module of the crate to another and fails on
//! one that points to a higher layer. Also holds `unsafe` to the layers that may have it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// The layer of each top-level module. A module that stands in no row fails the test, so that
/// whoever adds one decides where it belongs.
const LAYERS: &[(&str, u8)] = &[
    ("sync", 0),
    ("error", 0),
    ("layout", 0),
    ("futex", 1),
    ("shared", 1),
    ("wire", 2),
    ("ring", 3),
    ("segment", 3),
    ("sentinel", 3),
    ("link", 4),
    ("line", 4),
    ("second", 4),
    ("remote", 5),
    ("local", 5),
    ("callback", 5),
    ("references", 5),
    ("bus", 6),
    ("registry", 6),
];

/// Layers whose files may allow `unsafe`.
const UNSAFE_LAYERS: std::ops::RangeInclusive<u8> = 1..=3;

/// An item that the crate root names anew, and the module it comes from.
type Renamed = (String, String);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    file: PathBuf,
    line: usize,
    problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.problem)
    }
}

fn layer(module: &str) -> Option<u8> {
    LAYERS.iter().find(|(name, _)| *name == module).map(|(_, layer)| *layer)
}

/// All Rust files below `dir`, with their text.
fn files(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    for path in entries.map(|entry| entry.expect("readable").path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).expect("UTF-8");
            found.push((path, text));
        }
    }
    found.sort();
    found
}

/// The module path of a file below `src`, without the crate root: `link/linux/mod.rs` is
/// `[link, linux]`.
fn module_of(file: &Path) -> Vec<String> {
    let mut parts: Vec<String> =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    parts
}

/// The text with comments, strings and characters blanked out, lines kept.
fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    let blank = |part: &str| -> String {
        part.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect()
    };
    while let Some(first) = rest.chars().next() {
        let skipped = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' if rest.starts_with("r\"") => rest[2..].find('"').map_or(rest.len(), |e| e + 3),
            'r' if rest.starts_with("r#\"") => rest[3..].find("\"#").map_or(rest.len(), |e| e + 5),
            '"' => quoted(rest),
            '\'' if rest.starts_with("'\\") => rest[2..].find('\'').map_or(1, |end| end + 3),
            '\'' if rest.chars().nth(2) == Some('\'') => {
                2 + rest.chars().nth(1).map_or(0, char::len_utf8)
            }
            _ => 0,
        };
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.push_str(&blank(&rest[..skipped]));
            rest = &rest[skipped..];
        }
    }
    code
}

/// Bytes of the string literal at the start of `text`.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Where in `code` a path starts with `word`, as a word of its own.
fn starts<'c>(code: &'c str, word: &'c str) -> impl Iterator<Item = usize> + 'c {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '$')
    })
}

fn word_at(code: &str) -> &str {
    let end = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
    &code[..end]
}

/// The first words after `prefix::`: one, or those of each branch of a brace.
fn heads(code: &str) -> Vec<&str> {
    let code = code.trim_start();
    let Some(inside) = code.strip_prefix('{') else { return vec![word_at(code)] };
    let (mut depth, mut begin, mut found) = (0, 0, Vec::new());
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                found.push(word_at(inside[begin..at].trim_start()));
                begin = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    found.into_iter().filter(|head| !head.is_empty()).collect()
}

/// The depth of `super`s at the start of a path, and what follows them.
fn supers(mut code: &str) -> (usize, &str) {
    let mut depth = 0;
    while let Some(rest) = code.strip_prefix("super::") {
        depth += 1;
        code = rest;
    }
    (depth, code)
}

/// What the crate root exports under another path than its module's.
fn renamed(root: &str) -> Vec<Renamed> {
    let code = code_only(root);
    let mut items = Vec::new();
    for at in starts(&code, "pub use ") {
        let path = &code[at + "pub use ".len()..];
        let module = word_at(path);
        if let Some(rest) = path[module.len()..].strip_prefix("::") {
            let rest = &rest[..rest.find(';').unwrap_or(rest.len())];
            for item in rest.split(|c: char| !c.is_alphanumeric() && c != '_') {
                items.push((item.to_owned(), module.to_owned()));
            }
        }
    }
    items
}

/// The faults of one file.
fn check(file: &Path, text: &str, root: &[Renamed]) -> Vec<Fault> {
    let module = module_of(file);
    let Some(own) = module.first() else { return Vec::new() };
    let fault = |line, problem| Fault { file: file.to_owned(), line, problem };
    let Some(own_layer) = layer(own) else {
        return vec![fault(1, format!("the module {own} has no layer, give it one in this test"))];
    };
    let code = code_only(text);
    let line_of = |at: usize| code[..at].matches('\n').count() + 1;
    let mut faults = Vec::new();
    let mut judge = |at: usize, head: &str| {
        let home = root.iter().find(|(item, _)| item == head).map(|(_, module)| module.as_str());
        let target = home.unwrap_or(head);
        match layer(target) {
            // A macro of the crate root, or a marker of a test.
            None if head == "args" || head == "self" => {}
            None => faults.push(fault(line_of(at), format!("the module {target} has no layer"))),
            Some(layer) if layer > own_layer => {
                let problem = format!("{own} (layer {own_layer}) uses {target} (layer {layer})");
                faults.push(fault(line_of(at), problem));
            }
            Some(_) => {}
        }
    };
    for at in starts(&code, "crate::") {
        heads(&code[at + "crate::".len()..]).into_iter().for_each(|head| judge(at, head));
    }
    for at in starts(&code, "super::") {
        let (depth, rest) = supers(&code[at..]);
        // Blocks that are modules of their own go up by one more; that only hides a fault where a
        // test module leaves its file, and those say `crate::`.
        if depth >= module.len() && !inside_module(&code[..at]) {
            heads(rest).into_iter().for_each(|head| judge(at, head));
        }
    }
    if allows_unsafe(&code) && !UNSAFE_LAYERS.contains(&own_layer) {
        let line = code.find("unsafe_code").map_or(1, line_of);
        faults.push(fault(line, format!("unsafe code is not for layer {own_layer}")));
    }
    faults
}

/// Whether the end of `code` is inside an inline module.
fn inside_module(code: &str) -> bool {
    let mut open = Vec::new();
    for (at, c) in code.char_indices() {
        match c {
            '{' => {
                let before = code[..at].trim_end();
                let word = before.rfind([' ', '\n']).map_or(before, |space| &before[..space]);
                open.push(word.ends_with("mod"));
            }
            '}' => drop(open.pop()),
            _ => {}
        }
    }
    open.contains(&true)
}

fn allows_unsafe(code: &str) -> bool {
    ["allow(", "expect("].iter().any(|attribute| {
        code.match_indices(attribute).any(|(at, _)| {
            let inside = &code[at..];
            inside[..inside.find(')').unwrap_or(inside.len())].contains("unsafe_code")
        })
    })
}

/// The sources of this crate, by paths below `src`.
fn sources() -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    files(&src)
        .into_iter()
        .map(|(path, text)| (path.strip_prefix(&src).expect("below src").to_owned(), text))
        .collect()
}

fn check_all(sources: &[(PathBuf, String)]) -> Vec<Fault> {
    let root = sources.iter().find(|(path, _)| path == Path::new("lib.rs"));
    let root = renamed(&root.expect("a crate root").1);
    sources.iter().flat_map(|(path, text)| check(path, text, &root)).collect()
}

fn planted(file: &str, text: &str) -> Vec<String> {
    let mut sources = sources();
    sources.push((file.into(), text.to_owned()));
    let faults = check_all(&sources);
    // The last text of that name is the planted one.
    let mine = faults.iter().rev().take_while(|fault| fault.file == Path::new(file));
    let mut list: Vec<String> = mine.map(ToString::to_string).collect();
    list.reverse();
    list
}

#[test]
fn imports_point_down() {
    let sources = sources();
    assert!(sources.len() > 40, "the sources are there");
    let faults = check_all(&sources);
    let list: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{}", list.join("\n"));
}

#[test]
fn every_module_of_the_root_has_a_layer() {
    let sources = sources();
    let root = &sources.iter().find(|(path, _)| path == Path::new("lib.rs")).expect("a root").1;
    let code = code_only(root);
    let modules: Vec<&str> = starts(&code, "mod ").map(|at| word_at(&code[at + 4..])).collect();
    assert!(modules.len() >= 14, "{modules:?}");
    let unknown: Vec<_> = modules.iter().filter(|module| layer(module).is_none()).collect();
    assert!(unknown.is_empty(), "no layer for {unknown:?}");
}

#[test]
fn a_planted_upward_import_is_found() {
    let line = |text| planted("ring/planted.rs", text);
    let wrong = ["ring/planted.rs:2: ring (layer 3) uses link (layer 4)"];
    assert_eq!(line("\nuse crate::link::Link;\n"), wrong);
    assert_eq!(line("\nuse crate::{error::Poison, link::{Link, Lane}, wire::Side};\n"), wrong);
    assert_eq!(line("\nfn f() -> crate::link::Link { panic!() }\n"), wrong);
    assert_eq!(line("\nuse crate::Link;\n"), wrong, "by the name that the root gives it");
    assert_eq!(line("\nuse super::super::link::Link;\n"), wrong);
    assert_eq!(planted("wire/value.rs", "use crate::shared::PeerU64;"), [""; 0]);
    assert_eq!(planted("sync.rs", "\nuse super::error::Poison;\n"), [""; 0], "the same layer");
    let upward = ["sync.rs:1: sync (layer 0) uses local (layer 5)"];
    assert_eq!(planted("sync.rs", "use super::local::Local;"), upward);
}

#[test]
fn what_is_no_code_is_no_import() {
    let text =
        "//! [`crate::link`]\n/* crate::link */\nconst A: &str = \"crate::link \\\" crate::bus\";";
    assert_eq!(planted("ring/planted.rs", text), [""; 0]);
    let below = "mod tests {\n    use super::*;\n    use super::super::Plan;\n}";
    assert_eq!(planted("segment/planted.rs", below), [""; 0]);
}

#[test]
fn an_unknown_module_is_found() {
    let found = planted("cloud.rs", "");
    assert_eq!(found, ["cloud.rs:1: the module cloud has no layer, give it one in this test"]);
    let found = planted("link/planted.rs", "use crate::cloud::Rain;");
    assert_eq!(found, ["link/planted.rs:1: the module cloud has no layer"]);
}

#[test]
fn planted_unsafe_is_found() {
    let text = "//! Planted.\n#![allow(\n    unsafe_code,\n    reason = \"none\"\n)]\n";
    let found = planted("local/planted.rs", text);
    assert_eq!(found, ["local/planted.rs:3: unsafe code is not for layer 5"]);
    assert_eq!(planted("layout.rs", "#[expect(unsafe_code)]").len(), 1);
    assert_eq!(planted("ring/planted.rs", text), [""; 0]);
}
