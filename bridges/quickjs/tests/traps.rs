//! The traps mean what JavaScript's own `Reflect` means.

mod common;

use common::*;
use trapline::{Key, Kind, Reflect};

#[test]
fn get_reads_properties_indices_and_prototypes() {
    let js = engine();
    let o = object(&js, "({ a: 1, '': 2, 'ä\\0b': 3, 7: 'seven', 4294967295: 'most' })");
    assert_eq!(get(&js, &o, "a").unwrap(), Value::Number(1.0));
    assert_eq!(get(&js, &o, "").unwrap(), Value::Number(2.0));
    assert_eq!(get(&js, &o, "ä\0b").unwrap(), Value::Number(3.0));
    assert_eq!(get(&js, &o, "7").unwrap(), "seven".into());
    assert_eq!(value(js.get(&caller(), &o, Key::Index(7))).unwrap(), "seven".into());
    assert_eq!(value(js.get(&caller(), &o, Key::Index(u32::MAX))).unwrap(), "most".into());
    assert_eq!(get(&js, &o, "missing").unwrap(), Value::Undefined);
    assert!(matches!(get(&js, &o, "toString").unwrap(), Value::Reference(_)));
}

#[test]
fn get_passes_proxies() {
    let js = engine();
    let p = object(&js, "new Proxy({}, { get: (_, key) => typeof key + key })");
    assert_eq!(get(&js, &p, "x").unwrap(), "stringx".into());
    assert_eq!(value(js.get(&caller(), &p, Key::Index(3))).unwrap(), "string3".into());
}

#[test]
fn a_getter_that_throws_is_thrown() {
    let js = engine();
    let o = object(&js, "({ get x() { throw new RangeError('no x') } })");
    let thrown = get(&js, &o, "x").unwrap_err();
    assert_eq!(thrown.to_string(), "RangeError: no x");
    assert!(thrown.stack.contains("test.js:1"), "{}", thrown.stack);
    let error = thrown.value.into_reference().unwrap();
    assert_eq!(get(&js, &error, "message").unwrap(), "no x".into());
}

#[test]
fn set_writes_and_says_whether_it_did() {
    let js = engine();
    let o = object(&js, "({ a: 1 })");
    assert!(set(&js, &o, "a", Value::Null).unwrap());
    assert_eq!(get(&js, &o, "a").unwrap(), Value::Null);
    assert!(js.set(&caller(), &o, Key::Index(3), true.into()).unwrap());
    assert_eq!(get(&js, &o, "3").unwrap(), Value::Bool(true));

    for source in [
        "Object.freeze({ a: 1 })",
        "'use strict'; Object.freeze({ a: 1 })",
        "({ get a() { return 1 } })",
        "Object.preventExtensions({})",
        "new Proxy({}, { set: () => false })",
    ] {
        let fixed = object(&js, source);
        assert!(!set(&js, &fixed, "a", 2.into()).unwrap(), "{source}");
    }
}

#[test]
fn a_setter_that_throws_is_thrown() {
    let js = engine();
    let o = object(&js, "({ set a(v) { throw new TypeError('not ' + v) } })");
    assert_eq!(set(&js, &o, "a", 2.into()).unwrap_err().to_string(), "TypeError: not 2");
}

#[test]
fn apply_passes_this_and_any_number_of_arguments() {
    let js = engine();
    let f = object(&js, "(function (...args) { return this + ':' + args })");
    for n in [0, 1, 4, 5, 9, 300, 50_000] {
        let args = (0..n).map(Value::from).collect();
        let expected: Vec<_> = (0..n).map(|n| n.to_string()).collect();
        let got = value(js.apply(&caller(), &f, "me".into(), args)).unwrap();
        assert_eq!(got, format!("me:{}", expected.join(",")).into());
    }
}

#[test]
fn apply_calls_callable_proxies_bound_functions_and_built_ins() {
    let js = engine();
    for source in ["new Proxy(x => x + 1, {})", "((a, b) => a + b).bind(null, 1)", "Math.round"] {
        let f = object(&js, source);
        assert_eq!(
            apply(&js, &f, vec![Value::Number(2.6)]).unwrap().as_number().map(f64::round),
            Some(if source == "Math.round" { 3.0 } else { 4.0 })
        );
    }
}

#[test]
fn apply_of_what_is_not_callable_is_a_type_error() {
    let js = engine();
    for source in ["({})", "[]", "new Proxy({}, {})", "/x/", "new Date()"] {
        assert_eq!(apply(&js, &object(&js, source), vec![]).unwrap_err().name, "TypeError");
    }
    let class = object(&js, "(class {})");
    assert_eq!(apply(&js, &class, vec![]).unwrap_err().name, "TypeError");
}

#[test]
fn construct_makes_instances() {
    let js = engine();
    let class = object(&js, "(class { constructor(...args) { this.args = args.join('-') } })");
    let made = construct(&js, &class, vec![1.into(), "b".into()]).unwrap();
    let made = made.into_reference().unwrap();
    assert_eq!(get(&js, &made, "args").unwrap(), "1-b".into());
    assert_eq!(get(&js, &made, "constructor").unwrap(), Value::Reference(class));

    let date = construct(&js, &object(&js, "Date"), vec![0.into()]).unwrap();
    let date = date.into_reference().unwrap();
    let iso = get(&js, &date, "toISOString").unwrap().into_reference().unwrap();
    let text = value(js.apply(&caller(), &iso, Value::Reference(date), vec![])).unwrap();
    assert_eq!(text, "1970-01-01T00:00:00.000Z".into());
}

#[test]
fn construct_of_what_is_no_constructor_is_a_type_error() {
    let js = engine();
    for source in ["(() => 1)", "({})", "Math.round", "({ m() {} }).m", "(async function () {})"] {
        let thrown = construct(&js, &object(&js, source), vec![]).unwrap_err();
        assert_eq!(thrown.name, "TypeError", "{source}");
    }
}

#[test]
fn a_constructor_that_throws_is_thrown() {
    let js = engine();
    let class = object(
        &js,
        "(class E2 extends Error { get name() { return 'E2' } }); (class { constructor() { throw new Error('no') } })",
    );
    assert_eq!(construct(&js, &class, vec![]).unwrap_err().to_string(), "Error: no");
}

#[test]
fn kinds_are_told() {
    let js = engine();
    for (source, kind) in [
        ("[]", Kind::Array),
        ("new (class extends Array {})", Kind::Array),
        ("new Proxy([], {})", Kind::Array),
        ("new Proxy(new Proxy([], {}), {})", Kind::Array),
        ("(() => 1)", Kind::Function),
        ("(class {})", Kind::Function),
        ("new Proxy(() => 1, {})", Kind::Function),
        ("Math.max", Kind::Function),
        ("({})", Kind::Object),
        ("({ length: 0 })", Kind::Object),
        ("new Proxy({}, {})", Kind::Object),
        ("new Uint8Array(3)", Kind::Object),
        ("Promise.resolve()", Kind::Object),
        ("{ const { proxy, revoke } = Proxy.revocable([], {}); revoke(); proxy }", Kind::Object),
    ] {
        let o = object(&js, source);
        assert_eq!(js.kind(&o), kind, "{source}");
    }
    assert_eq!(eval(&js, "1"), Value::Number(1.0));
}

#[test]
fn the_global_is_the_one_of_the_scripts() {
    let js = engine();
    eval(&js, "var here = 'here'");
    let global = value(js.global(&caller())).unwrap();
    assert_eq!(get(&js, global.as_reference().unwrap(), "here").unwrap(), "here".into());
    assert_eq!(global, eval(&js, "globalThis"));
}

#[test]
fn scripts_cannot_change_what_the_traps_do() {
    let js = engine();
    eval(
        &js,
        "Reflect.set = Array.isArray = () => { throw 1 }; String = null;
        String_ = ''.constructor; String_.prototype.toWellFormed = null;
        Error = TypeError = null; Function.prototype.call = null; 1",
    );
    let o = object(&js, "({ a: 1 })");
    assert!(set(&js, &o, "a", 2.into()).unwrap());
    assert_eq!(js.kind(&object(&js, "new Proxy([], {})")), Kind::Array);
    assert_eq!(
        js.evaluate("throw { toString: () => 'x\\ud800' }", "t").unwrap_err().message,
        "x\u{fffd}"
    );
}

#[test]
fn promise_jobs_run_before_the_answer_goes_out() {
    let js = engine();
    eval(&js, "var log = []; (async () => { log.push(1); await 0; log.push(3) })(); log.push(2)");
    assert_eq!(eval(&js, "log.join()"), "1,2,3".into());
    // What a job throws is its promise's affair.
    eval(&js, "Promise.resolve().then(() => { throw new Error('unhandled') })");
    assert_eq!(eval(&js, "1"), Value::Number(1.0));
}
