//! Entering the engine again from a function that it called.

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::*;
use trapline::{Caller, Kind, Outcome, Reflect};
use trapline_quickjs::{Limits, Object, QuickJs};

/// `reenter(f, ...args)` applies `f` by a nested trap.
fn with_reenter(js: QuickJs) -> QuickJs {
    js.define_function("reenter", |js, cx, mut args| {
        let target = args.remove(0).into_reference().expect("a function");
        js.apply(cx, &target, Value::Undefined, args)
    })
    .unwrap();
    js
}

#[test]
fn traps_nest_to_any_depth() {
    let js = with_reenter(engine());
    let source = "const down = n => n == 0 ? 'bottom' : n + reenter(down, n - 1); down(20)";
    assert_eq!(eval(&js, source), "2019181716151413121110987654321bottom".into());
}

#[test]
fn every_trap_nests() {
    let js = engine();
    js.define_function("all", |js: &QuickJs, cx: &Caller, args| -> Outcome<Object> {
        let o = args[0].as_reference().unwrap();
        let f = value(js.get(cx, o, "f".into()))?.into_reference().unwrap();
        let made = value(js.construct(cx, &f, vec![1.into()]))?.into_reference().unwrap();
        assert_eq!(js.kind(&made), Kind::Object);
        assert!(js.set(cx, o, "made".into(), Value::Reference(made))?);
        assert_eq!(js.evaluate("1 + 1", "inner.js")?, Value::Number(2.0));
        js.define_function("late", |_, _, _| Ok(Value::Number(9.0).into()))?;
        value(js.global(cx))?;
        js.apply(cx, &f, Value::Reference(o.clone()), vec![2.into()])
    })
    .unwrap();
    let source = "const o = { f: function (n) { this.n = n; return this } };
        const same = all(o) === o; [same, o.n, o.made.n, late()].join()";
    assert_eq!(eval(&js, source), "true,2,1,9".into());
}

#[test]
fn errors_keep_their_identity_through_both_levels() {
    let js = with_reenter(engine());
    let source = "const e = new RangeError('deep');
        let seen;
        try { reenter(() => reenter(() => { throw e })) } catch (c) { seen = c }
        if (seen !== e) throw new Error('another error: ' + seen);
        reenter(() => reenter(() => { throw e }))";
    let thrown = js.evaluate(source, "test.js").unwrap_err();
    assert_eq!(thrown.to_string(), "RangeError: deep");
    for primitive in ["3", "'text'", "null", "true"] {
        let source = format!(
            "try {{ reenter(() => {{ throw {primitive} }}) }} catch (c) {{ c === {primitive} }}"
        );
        assert_eq!(eval(&js, &source), true.into());
    }
}

#[test]
fn errors_of_the_host_are_errors_of_their_class() {
    let js = engine();
    js.define_function("fail", |_, _, args| {
        let name = args[0].as_str().unwrap().to_owned();
        Err(Thrown::new(name, "m".repeat(1000)))
    })
    .unwrap();
    for class in
        ["Error", "TypeError", "RangeError", "ReferenceError", "SyntaxError", "InternalError"]
    {
        let source = format!("try {{ fail('{class}') }} catch (e) {{
            [e.constructor === {class}, e.name === '{class}', e.message.length, e.stack.includes('test.js')].join() }}");
        assert_eq!(eval(&js, &source), "true,true,1000,true".into(), "{class}");
    }
    let source =
        "try { fail('Custom') } catch (e) { (e instanceof Error) + e.name + Object.keys(e) }";
    assert_eq!(eval(&js, source), "trueCustom".into());
    assert_eq!(js.evaluate("fail('Custom')", "test.js").unwrap_err().name, "Custom");
}

#[test]
fn a_panic_in_a_function_is_an_error() {
    let js = engine();
    js.define_function("panics", |_, _, _| panic!("on {}", "purpose")).unwrap();
    let thrown = js.evaluate("panics()", "test.js").unwrap_err();
    assert_eq!(thrown.to_string(), "InternalError: a function of the host panicked: on purpose");
    assert_eq!(eval(&js, "try { panics() } catch { 1 }"), Value::Number(1.0));
}

#[test]
fn a_panic_below_a_nested_trap_leaves_the_engine_usable() {
    let js = engine();
    let depth = Rc::new(Cell::new(0));
    let deeper = Rc::clone(&depth);
    js.define_function("panics", move |js, _, _| {
        deeper.set(deeper.get() + 1);
        assert!(deeper.get() < 4, "deep enough");
        js.evaluate("panics()", "inner.js").map(Into::into)
    })
    .unwrap();
    assert!(js.evaluate("panics()", "test.js").unwrap_err().message.contains("deep enough"));
    assert_eq!(depth.get(), 4);
    assert_eq!(eval(&js, "6 * 7"), Value::Number(42.0));
}

#[test]
fn arguments_that_cannot_cross_are_errors_of_the_script() {
    let js = engine();
    js.define_function("f", |_, _, args| Ok(Value::from(args.len() as u32).into())).unwrap();
    assert_eq!(eval(&js, "f(1, 'a', {}, undefined)"), Value::Number(4.0));
    assert_eq!(eval(&js, "try { f(1n) } catch (e) { e.name }"), "TypeError".into());
    assert_eq!(
        eval(&js, "[typeof f, f.name, Object.keys(globalThis).includes('f')].join()"),
        "function,f,false".into()
    );
    assert_eq!(eval(&js, "try { new f() } catch (e) { e.name }"), "TypeError".into());
}

#[test]
fn a_fixed_global_cannot_be_redefined() {
    let js = engine();
    let thrown = js.define_function("undefined", |_, _, _| Ok(Value::Null.into())).unwrap_err();
    assert_eq!(thrown.name, "TypeError");
}

#[test]
fn the_time_limit_is_the_one_of_the_outermost_trap() {
    let time = Some(Duration::from_millis(150));
    let js = with_reenter(QuickJs::new(Limits { time, ..Limits::default() }).unwrap());
    let begin = Instant::now();
    // Each nested trap would be within a limit of its own.
    let source = "const wait = () => { const end = Date.now() + 20; while (Date.now() < end); };
        for (;;) { reenter(wait) }";
    let thrown = js.evaluate(source, "test.js").unwrap_err();
    assert_eq!(thrown.message, "the time limit of 150ms was reached");
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_stop_for_time_cannot_be_caught_on_any_level() {
    let js = with_reenter(hurried(100));
    eval(&js, "var caught = 0; 1");
    let source = "try { reenter(() => { try { reenter(() => { for (;;) {} }) } catch { caught++ } finally { caught++ } }) }
        catch { caught++ } finally { caught++ }";
    let thrown = js.evaluate(source, "test.js").unwrap_err();
    assert_eq!(thrown.message, "the time limit of 100ms was reached");
    assert_eq!(eval(&js, "caught"), Value::Number(0.0));
}

#[test]
fn a_function_that_ignores_the_stop_is_stopped_too() {
    let js = hurried(100);
    let traps = Rc::new(Cell::new(0u64));
    let count = Rc::clone(&traps);
    js.define_function("stubborn", move |js, _, _| {
        while js.evaluate("1", "inner.js").is_ok() {
            count.set(count.get() + 1);
        }
        let thrown = js.evaluate("1", "inner.js").unwrap_err();
        assert_eq!(thrown.message, "the time limit of 100ms was reached");
        Ok(Value::Undefined.into())
    })
    .unwrap();
    let thrown = js.evaluate("for (;;) stubborn()", "test.js").unwrap_err();
    assert_eq!(thrown.message, "the time limit of 100ms was reached");
    assert!(traps.get() > 0);
    assert_eq!(eval(&js, "1"), Value::Number(1.0));
}

#[test]
fn endless_recursion_through_the_host_is_an_error() {
    let js = with_reenter(engine());
    let thrown = js.evaluate("function f() { return reenter(f) } f()", "test.js").unwrap_err();
    assert_eq!(thrown.name, "RangeError");
    assert_eq!(eval(&js, "1"), Value::Number(1.0));
}

#[test]
fn promise_jobs_wait_for_the_outermost_trap() {
    let js = with_reenter(engine());
    let source = "var log = [];
        reenter(() => { Promise.resolve().then(() => log.push('job')); log.push('inner') });
        log.push('outer')";
    eval(&js, source);
    assert_eq!(eval(&js, "log.join()"), "inner,outer,job".into());
}

#[test]
fn a_function_may_hand_objects_from_call_to_call() {
    let js = engine();
    let last: RefCell<Option<Object>> = RefCell::default();
    js.define_function("swap", move |_, _, mut args| {
        let given = args.pop().and_then(|arg| arg.into_reference().ok());
        let before = last.replace(given);
        Ok(before.map_or(Value::Null, Value::Reference).into())
    })
    .unwrap();
    let source = "const a = {}, b = {}; [swap(a) === null, swap(b) === a, swap(b) === b].join()";
    assert_eq!(eval(&js, source), "true,true,true".into());
}
