//! Scripts that take more than they may.

mod common;

use std::time::{Duration, Instant};

use common::*;
use trapline::Reflect;
use trapline_quickjs::{CreateError, Limits, QuickJs};

const MILLIS: u64 = 100;

#[track_caller]
fn stopped_for_time(js: &QuickJs, source: &str) {
    let begin = Instant::now();
    let thrown = js.evaluate(source, "test.js").unwrap_err();
    assert_eq!(thrown.name, "InternalError", "{thrown}");
    assert_eq!(thrown.message, "the time limit of 100ms was reached");
    assert!(begin.elapsed() >= Duration::from_millis(MILLIS));
    assert_eq!(eval(js, "6 * 7"), Value::Number(42.0), "usable afterwards");
}

#[test]
fn an_endless_loop_ends_at_the_limit() {
    stopped_for_time(&hurried(MILLIS), "for (;;) {}");
}

#[test]
fn a_stop_for_time_cannot_be_caught() {
    let js = hurried(MILLIS);
    stopped_for_time(&js, "try { for (;;) {} } catch (e) { 1 }");
    stopped_for_time(&js, "for (;;) { try { for (;;) {} } catch (e) {} finally { continue } }");
    stopped_for_time(&js, "function f() { try { f() } catch (e) { f() } finally { f() } } f()");
}

#[test]
fn endless_built_in_operations_end() {
    let js = hurried(MILLIS);
    stopped_for_time(&js, "/(a*)*b/.test('a'.repeat(40))");
    stopped_for_time(&js, "Array.prototype.find.call({ length: 2 ** 52 }, () => false)");
    stopped_for_time(&js, "[1, 2].sort(() => { for (;;) {} })");
    stopped_for_time(&js, "new Proxy({}, { get() { for (;;) {} } }).x");
    stopped_for_time(&js, "String({ toString() { for (;;) {} } })");
    stopped_for_time(&js, "[...{ *[Symbol.iterator]() { for (;;) yield 1 } }].length");
}

#[test]
fn a_getter_that_never_ends_stops_a_get() {
    let js = hurried(MILLIS);
    let o = object(&js, "({ get x() { for (;;) {} }, y: 1 })");
    assert_eq!(get(&js, &o, "x").unwrap_err().message, "the time limit of 100ms was reached");
    assert_eq!(get(&js, &o, "y").unwrap(), Value::Number(1.0));
}

#[test]
fn the_time_limit_is_per_trap() {
    let js = hurried(200);
    let wait = object(&js, "(() => { const end = Date.now() + 120; while (Date.now() < end); })");
    for _ in 0..3 {
        apply(&js, &wait, vec![]).unwrap();
    }
}

#[test]
fn an_error_whose_getters_never_end_is_still_told() {
    let js = hurried(MILLIS);
    let source = "const e = new Error('x');
        for (const key of ['name', 'message', 'stack'])
            Object.defineProperty(e, key, { get() { for (;;) {} } });
        throw e";
    let thrown = js.evaluate(source, "test.js").unwrap_err();
    assert_eq!((thrown.name.as_str(), thrown.message.as_str()), ("Error", ""));
    assert_eq!(eval(&js, "1"), Value::Number(1.0));
}

#[test]
fn promise_jobs_that_never_end_are_stopped() {
    let js = hurried(MILLIS);
    stopped_for_time(&js, "Promise.resolve().then(() => { for (;;) {} }); 1");
}

#[test]
fn promise_jobs_that_queue_jobs_forever_do_not_hold_up_traps() {
    let js = hurried(5_000);
    eval(&js, "var n = 0; (function again() { n++; Promise.resolve().then(again) })(); 1");
    let Value::Number(before) = eval(&js, "n") else { panic!() };
    let Value::Number(after) = eval(&js, "n") else { panic!() };
    assert!(before > 1.0 && after > before, "{before} {after}");
}

#[test]
fn a_blocking_wait_is_refused() {
    let js = hurried(MILLIS);
    let source = "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)";
    assert_eq!(js.evaluate(source, "test.js").unwrap_err().name, "TypeError");
}

fn small() -> QuickJs {
    QuickJs::new(Limits { memory: 16 << 20, ..Limits::default() }).expect("an engine")
}

#[track_caller]
fn out_of_memory(js: &QuickJs, source: &str) {
    let thrown = js.evaluate(source, "test.js").unwrap_err();
    assert_eq!(thrown.to_string(), "InternalError: out of memory", "{source}");
}

#[test]
fn memory_is_bounded_and_given_back() {
    for source in [
        "(() => { const all = []; for (;;) all.push(new ArrayBuffer(1 << 16)) })()",
        "(() => { let s = 'x'; for (;;) { s += s + 1; [s].join() } })()",
        "(() => { const all = []; for (;;) all.push({}) })()",
        "new Array(1e7).fill(0).map(() => [1, 2, 3])",
        "(() => { let last = null; for (;;) last = { last } })()",
        "(() => { let f = () => 1; for (;;) { const g = f; f = () => g() } })()",
        "(() => { const all = []; for (;;) { const o = {}; o.o = o; all.push(o) } })()",
        "(() => { const m = new Map(); for (let i = 0;; i++) m.set(i, i) })()",
        "(() => { const m = {}; for (let i = 0;; i++) m['k' + i] = i })()",
        "new Uint8Array(1 << 30)",
        "new SharedArrayBuffer(1 << 29)",
    ] {
        let js = small();
        out_of_memory(&js, source);
        assert_eq!(eval(&js, "'a' + [1, 2].map(n => n + 1)"), "a2,3".into());
    }
}

#[test]
fn a_heap_left_full_can_be_emptied_by_the_remote() {
    for source in [
        "for (;;) kept = { kept }",
        "kept = []; for (;;) kept.push({})",
        "for (;;) kept = [kept, 'k' + Math.random()]",
        "kept = []; for (;;) kept.push('k' + Math.random())",
        "kept = new Map(); for (let i = 0;; i++) kept.set(i, 'k' + i)",
    ] {
        let js = small();
        eval(&js, "var kept = null");
        out_of_memory(&js, source);
        let global = value(js.global(&caller())).unwrap().into_reference().unwrap();
        assert!(set(&js, &global, "kept", Value::Null).unwrap());
        assert_eq!(eval(&js, "'a' + [1, 2].map(n => n + 1)"), "a2,3".into());
    }
}

#[test]
fn cyclic_garbage_is_collected_when_the_memory_is_full() {
    let js = small();
    let cycles =
        "(() => { let last = null; for (;;) { const o = { last }; o.o = o; last = o } })()";
    for _ in 0..3 {
        out_of_memory(&js, cycles);
    }
    assert_eq!(eval(&js, "new Array(1e4).fill(1).map(n => [n]).length"), Value::Number(1e4));
}

#[test]
fn a_stop_for_time_cannot_be_caught_on_a_full_heap() {
    let limits = Limits { memory: 16 << 20, ..Limits::default() };
    let js = QuickJs::new(Limits { time: Some(Duration::from_secs(1)), ..limits }).unwrap();
    let source = "var kept = null; try { for (;;) kept = { kept } } catch {}
        for (;;) try { for (;;) {} } catch {}";
    let thrown = js.evaluate(source, "test.js").unwrap_err();
    assert_eq!(thrown.message, "the time limit of 1s was reached");
}

#[test]
fn a_thrown_null_is_not_taken_for_a_full_heap() {
    let thrown = engine().evaluate("throw null", "test.js").unwrap_err();
    assert_eq!((thrown.message.as_str(), thrown.value), ("null", Value::Null));
}

#[test]
fn bytes_from_the_remote_count_against_the_memory_limit() {
    let js = small();
    let keep = object(&js, "const kept = []; (b => kept.push(b))");
    let thrown = (0..100).find_map(|_| apply(&js, &keep, vec![vec![1; 1 << 20].into()]).err());
    assert_eq!(thrown.expect("the limit is reached").to_string(), "InternalError: out of memory");
}

#[test]
fn deep_recursion_is_an_error() {
    let js = engine();
    for source in [
        "function f() { return 1 + f() } f()",
        "const a = []; a[0] = a; (function g(x) { return [x].map(g) })(a)",
        "JSON.parse('['.repeat(1e6))",
        "eval('('.repeat(1e6))",
        "eval('1' + '+1'.repeat(1e6) + '**(1)'.repeat(1e5)); eval('[' .repeat(1e6))",
        "new RegExp('('.repeat(1e6))",
        "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x",
        "let b = () => 1; for (let i = 0; i < 1e5; i++) b = b.bind(); b()",
        "let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; JSON.stringify(o)",
        "let l = []; for (let i = 0; i < 1e5; i++) l = [l]; String(l)",
        "let d = []; for (let i = 0; i < 1e5; i++) d = [d]; d.flat(Infinity)",
        "const h = { get x() { return this.x } }; h.x",
        "const t = { toString() { return '' + this } }; '' + t",
    ] {
        let thrown = js.evaluate(&format!("{{{source}}}"), "test.js").unwrap_err();
        let known = ["RangeError", "InternalError", "SyntaxError"].contains(&thrown.name.as_str());
        assert!(known, "{source}: {thrown}");
        assert_eq!(eval(&js, "6 * 7"), Value::Number(42.0));
    }
}

#[test]
fn deep_structures_can_be_dropped() {
    let js = engine();
    eval(&js, "let o = {}; for (let i = 0; i < 1e6; i++) o = { o }; o = null; 1");
    eval(&js, "let l = []; for (let i = 0; i < 1e6; i++) l = [l]; l = null; 1");
    eval(&js, "let p = {}; for (let i = 0; i < 3e5; i++) p = new Proxy(p, {}); p = null; 1");
    eval(
        &js,
        "let f = () => 1; for (let i = 0; i < 3e5; i++) { const g = f; f = () => g } f = null; 1",
    );
    let deep = object(&js, "{ let o = {}; for (let i = 0; i < 1e6; i++) o = { o }; o }");
    drop((js, deep));
}

#[test]
fn kind_of_deep_proxies_is_told() {
    let js = engine();
    let deep = object(&js, "{ let p = []; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p }");
    let _ = js.kind(&deep);
    assert_eq!(eval(&js, "1"), Value::Number(1.0));
}

#[test]
fn limits_that_cannot_be_kept_are_refused() {
    let limits = Limits::default();
    for (limits, name) in [
        (Limits { memory: 0, ..limits }, "memory"),
        (Limits { memory: usize::MAX, ..limits }, "memory"),
        (Limits { stack: 0, ..limits }, "stack"),
        (Limits { stack: 1 << 30, ..limits }, "stack"),
    ] {
        match QuickJs::new(limits).unwrap_err() {
            CreateError::OutOfRange { limit, given, least, most } => {
                assert_eq!(limit, name);
                assert!(given < least || given > most);
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn no_time_limit_and_the_longest_one() {
    for time in [None, Some(Duration::MAX)] {
        let js = QuickJs::new(Limits { time, ..Limits::default() }).unwrap();
        assert_eq!(eval(&js, "let n = 0; while (n < 1e5) n++; n"), Value::Number(1e5));
    }
}

#[test]
fn the_least_limits_suffice_for_small_scripts() {
    let limits = Limits { memory: 1 << 20, stack: 64 << 10, ..Limits::default() };
    let js = QuickJs::new(limits).unwrap();
    assert_eq!(eval(&js, "[1, 2, 3].map(n => n * 2).join()"), "2,4,6".into());
}
