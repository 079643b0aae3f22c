//! Script files, `trapline.load` and `console`.

mod common;

use std::fs;
use std::path::PathBuf;

use common::*;
use trapline_quickjs::{Object, QuickJs};

/// A script of this test run, deleted at the end.
struct Script(PathBuf);

impl Script {
    fn new(name: &str, source: impl AsRef<[u8]>) -> Self {
        let path = std::env::temp_dir().join(format!("{}-{name}", std::process::id()));
        fs::write(&path, source).unwrap();
        Self(path)
    }

    fn path(&self) -> String {
        self.0.to_str().unwrap().to_owned()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// `trapline.load` as the remote reaches it.
fn loader(js: &QuickJs) -> Object {
    let trapline = object(js, "trapline");
    get(js, &trapline, "load").unwrap().into_reference().unwrap()
}

#[test]
fn a_script_runs_in_the_global_sloppy_scope() {
    let js = engine();
    let script = Script::new(
        "scope.js",
        "#!/usr/bin/env js\nvar a = 1; b = 2; function c() { return this === globalThis }
         let d = 4; with ({ e: 5 }) { a += e }",
    );
    js.load(&script.0).unwrap();
    assert_eq!(eval(&js, "[a, b, c(), d].join()"), "6,2,true,4".into());
}

#[test]
fn a_byte_order_mark_is_no_error() {
    let js = engine();
    js.load(&Script::new("bom.js", "\u{feff}var a = 1").0).unwrap();
    assert_eq!(eval(&js, "a"), Value::Number(1.0));
}

#[test]
fn the_value_of_a_script_need_not_cross() {
    let js = engine();
    js.load(&Script::new("symbol.js", "Symbol()").0).unwrap();
    js.load(&Script::new("empty.js", "").0).unwrap();
}

#[test]
fn a_missing_file_is_an_error_that_names_it() {
    let js = engine();
    let direct = js.load("no/such/file.js").unwrap_err();
    let remote = apply(&js, &loader(&js), vec!["no/such/file.js".into()]).unwrap_err();
    for thrown in [direct, remote] {
        assert_eq!(thrown.name, "Error");
        assert!(thrown.message.contains("no/such/file.js"), "{thrown}");
    }
}

#[test]
fn a_file_that_is_not_text_is_an_error_that_names_it() {
    let js = engine();
    let script = Script::new("latin1.js", b"var a = '\xe4'");
    let thrown = js.load(&script.0).unwrap_err();
    assert!(thrown.message.contains("latin1.js"), "{thrown}");
    let script = Script::new("nul.js", b"1 \0");
    assert_eq!(js.load(&script.0).unwrap_err().name, "SyntaxError");
    assert!(js.load(std::env::temp_dir()).unwrap_err().message.contains("cannot read"));
}

#[test]
fn a_script_that_does_not_parse_is_a_syntax_error_with_its_place() {
    let js = engine();
    let script = Script::new("bad.js", "var a = 1;\nvar b = ;\n");
    let direct = js.load(&script.0).unwrap_err();
    let remote = apply(&js, &loader(&js), vec![script.path().into()]).unwrap_err();
    for thrown in [direct, remote] {
        assert_eq!(thrown.name, "SyntaxError");
        assert!(!thrown.message.is_empty());
        assert!(thrown.stack.contains("bad.js:2"), "{}", thrown.stack);
        assert_eq!(thrown.value.type_name(), "reference");
    }
    assert_eq!(eval(&js, "typeof a"), "undefined".into());
}

#[test]
fn a_script_that_throws_is_an_error_with_its_place() {
    let js = engine();
    let script = Script::new("throws.js", "\n\nthrow new RangeError('at load')");
    let direct = js.load(&script.0).unwrap_err();
    let remote = apply(&js, &loader(&js), vec![script.path().into()]).unwrap_err();
    for thrown in [direct, remote] {
        assert_eq!(thrown.to_string(), "RangeError: at load");
        assert!(thrown.stack.contains("throws.js:3"), "{}", thrown.stack);
    }
}

#[test]
fn the_remote_loads_by_apply() {
    let js = engine();
    let script = Script::new("lib.js", "var lib = { twice: n => 2 * n }");
    assert_eq!(apply(&js, &loader(&js), vec![script.path().into()]).unwrap(), Value::Undefined);
    let twice = object(&js, "lib.twice");
    assert_eq!(apply(&js, &twice, vec![21.into()]).unwrap(), Value::Number(42.0));
    for args in [vec![], vec![1.into()], vec![Value::Null]] {
        assert_eq!(apply(&js, &loader(&js), args).unwrap_err().name, "TypeError");
    }
}

#[test]
fn scripts_load_scripts() {
    let js = engine();
    let inner = Script::new("inner.js", "var inner = 1");
    let outer = Script::new("outer.js", format!("trapline.load({:?}); inner++", inner.path()));
    js.load(&outer.0).unwrap();
    assert_eq!(eval(&js, "inner"), Value::Number(2.0));
}

#[test]
fn console_takes_anything() {
    let js = engine();
    eval(
        &js,
        "console.log('a', 1, -0, 1n, Symbol('s'), null, undefined, [1], {}, 'half \\ud800');
         console.warn(new Error('shown'), { toString() { throw 1 } });
         console.error(); console.info(1); console.debug(1);
         const { log } = console; log('unbound')",
    );
    assert_eq!(eval(&js, "Object.keys(globalThis).includes('console')"), false.into());
}

#[test]
fn a_plain_engine_has_no_way_out() {
    let js = engine();
    let names = "['std', 'os', 'require', 'process', 'fetch', 'setTimeout', 'Worker']";
    let source = format!("{names}.filter(name => name in globalThis).join()");
    assert_eq!(eval(&js, &source), "".into());
    assert!(js.evaluate("import('std').catch(e => imported = e); 1", "t.js").is_ok());
    assert_eq!(eval(&js, "imported instanceof Error"), true.into());
}
