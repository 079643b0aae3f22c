//! Held objects: identity, and dropping them at any time.

mod common;

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use common::*;
use trapline::Reflect;
use trapline_quickjs::{Limits, Object, QuickJs};

#[test]
fn the_same_object_is_equal_and_hashes_alike() {
    let js = engine();
    let o = object(&js, "var o = { self() { return this } }; o");
    let again = object(&js, "o");
    let other = object(&js, "({ self() { return this } })");
    assert_eq!(o, again);
    assert_eq!(o, o.clone());
    assert_ne!(o, other);
    assert_eq!(HashSet::from([o.clone(), again.clone(), other.clone()]).len(), 2);

    let method = get(&js, &o, "self").unwrap().into_reference().unwrap();
    let this = value(js.apply(&caller(), &method, Value::Reference(o.clone()), vec![])).unwrap();
    assert_eq!(this, Value::Reference(o));
}

#[test]
fn an_object_is_kept_alive_by_being_held() {
    let js = engine();
    let held = object(
        &js,
        "var gone = false; var r = new FinalizationRegistry(() => { gone = true });
        (() => { const o = { a: 1 }; r.register(o, 0); return o })()",
    );
    let churn = "for (let i = 0; i < 1e5; i++) ({ i, a: [i] }); gone";
    assert_eq!(eval(&js, churn), false.into());
    assert_eq!(get(&js, &held, "a").unwrap(), Value::Number(1.0));
    drop(held);
    eval(&js, churn);
    assert_eq!(eval(&js, "gone"), true.into());
}

#[test]
fn objects_may_be_dropped_in_any_order_and_after_the_host() {
    for order in 0..6 {
        let js = engine();
        let mut held = vec![
            object(&js, "var a = {}; var b = { a }; a.b = b; a"),
            object(&js, "b"),
            object(&js, "(() => a)"),
            object(&js, "globalThis"),
        ];
        held.rotate_left(order % 4);
        if order < 3 {
            drop(js);
            held.into_iter().for_each(drop);
        } else {
            held.pop();
            drop(js);
            held.reverse();
            assert_eq!(held[0].clone(), held[0]);
        }
    }
}

#[test]
fn objects_may_be_dropped_while_the_engine_runs() {
    let js = engine();
    let kept: Rc<RefCell<Vec<Object>>> = Rc::default();
    let keep = Rc::clone(&kept);
    js.define_function("keep", move |_, _, args| {
        keep.borrow_mut().extend(args.into_iter().filter_map(|arg| arg.into_reference().ok()));
        Ok(Value::Undefined.into())
    })
    .unwrap();
    let forget = Rc::clone(&kept);
    js.define_function("forget", move |_, _, _| {
        forget.borrow_mut().clear();
        Ok(Value::Undefined.into())
    })
    .unwrap();
    eval(
        &js,
        "for (let i = 0; i < 1000; i++) { keep({ i }, [i], () => i); if (i % 7 == 0) forget() }",
    );
    eval(&js, "keep(forget, keep); forget(); forget()");
    assert!(kept.borrow().is_empty());
    eval(&js, "for (let i = 0; i < 100; i++) { const o = {}; o.o = o; keep(o) } 1");
    drop(js);
    assert_eq!(kept.borrow().len(), 100);
}

#[test]
fn a_function_of_the_host_may_own_objects_of_its_engine() {
    let js = engine();
    let owned = object(&js, "var log = []; log");
    let dropped = Rc::new(());
    let witness = Rc::downgrade(&dropped);
    js.define_function("owned", move |_, _, _| {
        let _ = &dropped;
        Ok(Value::Reference(owned.clone()).into())
    })
    .unwrap();
    assert_eq!(eval(&js, "owned() === log"), true.into());
    let function = object(&js, "owned");
    drop(js);
    assert!(witness.upgrade().is_none(), "functions end with the host");
    drop(function);
}

#[test]
fn many_engines_on_one_thread() {
    let engines: Vec<_> = (0..8).map(|_| engine()).collect();
    let objects: Vec<_> = engines.iter().map(|js| object(js, "({ a: 1 })")).collect();
    for (js, o) in engines.iter().zip(&objects) {
        assert_eq!(get(js, o, "a").unwrap(), Value::Number(1.0));
    }
    assert_eq!(objects.iter().collect::<HashSet<_>>().len(), 8);
}

#[test]
fn an_engine_on_each_thread() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                let js = QuickJs::new(Limits::default()).unwrap();
                let sum = eval(&js, "let n = 0; for (let i = 0; i < 1e4; i++) n += i; n");
                assert_eq!(sum, Value::Number(49_995_000.0));
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn debug_texts_run_no_script() {
    let js = engine();
    let e = object(
        &js,
        "const e = new Error(); Object.defineProperty(e, 'message', { get() { hit = 1 } }); e",
    );
    assert_eq!(format!("{e:?} {js:?}"), "Object { .. } QuickJs { .. }");
    assert_eq!(eval(&js, "typeof hit"), "undefined".into());
}
