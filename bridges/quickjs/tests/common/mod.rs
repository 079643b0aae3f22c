//! What the tests of the host share: short forms of the traps.

#![allow(dead_code, reason = "each test file uses some of these")]

use std::time::Duration;

use trapline::{Answer, Caller, Outcome, Reflect};
use trapline_quickjs::{Limits, Object, QuickJs};

pub(crate) type Value = trapline::Value<Object>;
pub(crate) type Thrown = trapline::Thrown<Object>;

pub(crate) fn engine() -> QuickJs {
    QuickJs::new(Limits::default()).expect("an engine")
}

/// An engine whose scripts may run for `millis`.
pub(crate) fn hurried(millis: u64) -> QuickJs {
    let time = Some(Duration::from_millis(millis));
    QuickJs::new(Limits { time, ..Limits::default() }).expect("an engine")
}

pub(crate) fn caller() -> Caller {
    Caller::detached()
}

pub(crate) fn eval(js: &QuickJs, source: &str) -> Value {
    js.evaluate(source, "test.js").unwrap_or_else(|thrown| panic!("{thrown}\n{}", thrown.stack))
}

/// The object that `source` gives.
pub(crate) fn object(js: &QuickJs, source: &str) -> Object {
    eval(js, source).into_reference().expect("an object")
}

pub(crate) fn value(outcome: Outcome<Object>) -> Result<Value, Thrown> {
    match outcome? {
        Answer::Value(value) => Ok(value),
        other => panic!("not a value: {other:?}"),
    }
}

pub(crate) fn get(js: &QuickJs, target: &Object, key: &str) -> Result<Value, Thrown> {
    value(js.get(&caller(), target, key.into()))
}

pub(crate) fn set(js: &QuickJs, target: &Object, key: &str, to: Value) -> Result<bool, Thrown> {
    js.set(&caller(), target, key.into(), to)
}

pub(crate) fn apply(js: &QuickJs, target: &Object, args: Vec<Value>) -> Result<Value, Thrown> {
    value(js.apply(&caller(), target, Value::Undefined, args))
}

pub(crate) fn construct(js: &QuickJs, target: &Object, args: Vec<Value>) -> Result<Value, Thrown> {
    value(js.construct(&caller(), target, args))
}
