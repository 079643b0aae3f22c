//! The host behind a link, driven by a remote on another thread.

mod common;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use trapline::{CallError, Kind, Link, LinkConfig, Local, PeerError, Proxy, Remote, Value, args};
use trapline_quickjs::{Limits, QuickJs};

/// Runs `drive` against an engine that another thread serves, and checks that the engine holds
/// nothing for a remote that is gone.
fn driven(limits: Limits, drive: impl FnOnce(&Remote)) {
    let (passive, active) = Link::pair(&LinkConfig::default()).unwrap();
    let engine = thread::spawn(move || {
        let local = Local::new(passive, QuickJs::new(limits).unwrap()).unwrap();
        local.serve().unwrap();
        assert_eq!(local.held_objects(), 0);
        common::eval(local.host(), "1 + 1").as_number()
    });
    let remote = Remote::new(active).unwrap();
    drive(&remote);
    drop(remote);
    assert_eq!(engine.join().unwrap(), Some(2.0));
}

/// What a function of that source gives.
fn run(remote: &Remote, source: &str) -> Result<Value<Proxy>, CallError> {
    let function = reference(remote.global()?.get("Function")?);
    reference(function.construct(&args![source])?).apply(&Value::Undefined, &[])
}

fn reference(value: Value<Proxy>) -> Proxy {
    value.into_reference().expect("a reference")
}

#[test]
fn values_and_kinds_cross() {
    driven(Limits::default(), |remote| {
        assert_eq!(run(remote, "return 'a' + 1").unwrap(), "a1".into());
        let zero = run(remote, "return -0").unwrap().as_number().unwrap();
        assert!(zero == 0.0 && zero.is_sign_negative());
        assert_eq!(run(remote, "return new Uint8Array([1, 2]).buffer").unwrap(), vec![1, 2].into());
        for (source, kind) in
            [("[]", Kind::Array), ("() => 1", Kind::Function), ("{}", Kind::Object)]
        {
            assert_eq!(reference(run(remote, &format!("return ({source})")).unwrap()).kind(), kind);
        }
    });
}

#[test]
fn the_same_object_is_the_same_proxy() {
    driven(Limits::default(), |remote| {
        let global = remote.global().unwrap();
        let math = reference(global.get("Math").unwrap());
        assert_eq!(math, reference(global.get("Math").unwrap()));
        assert_eq!(math, reference(run(remote, "return Math").unwrap()));
        let same = reference(run(remote, "return x => x === Math").unwrap());
        assert_eq!(same.apply(&Value::Undefined, &args![math]).unwrap(), true.into());
    });
}

#[test]
fn what_is_thrown_arrives_whole() {
    driven(Limits::default(), |remote| {
        let error = run(remote, "throw new RangeError('far')").unwrap_err();
        let thrown = error.as_thrown().unwrap();
        assert_eq!((thrown.name.as_str(), thrown.message.as_str()), ("RangeError", "far"));
        assert!(!thrown.stack.is_empty());
        let object = thrown.value.as_reference().unwrap();
        assert_eq!(object.get("message").unwrap(), "far".into());
    });
}

#[test]
fn the_remote_loads_scripts() {
    let path = std::env::temp_dir().join(format!("{}-link.js", std::process::id()));
    fs::write(&path, "var twice = n => 2 * n").unwrap();
    driven(Limits::default(), |remote| {
        let global = remote.global().unwrap();
        let trapline = reference(global.get("trapline").unwrap());
        trapline.invoke("load", &args![path.to_str().unwrap()]).unwrap();
        assert_eq!(global.invoke("twice", &args![21]).unwrap(), Value::Number(42.0));
        let missing = trapline.invoke("load", &args!["no/such.js"]).unwrap_err();
        assert!(missing.as_thrown().unwrap().message.contains("no/such.js"));
    });
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_loop_ends_at_the_limit_and_the_link_works_on() {
    let time = Some(Duration::from_millis(100));
    driven(Limits { time, ..Limits::default() }, |remote| {
        let error = run(remote, "for (;;) {}").unwrap_err();
        assert_eq!(error.as_thrown().unwrap().message, "the time limit of 100ms was reached");
        assert_eq!(run(remote, "return 1").unwrap(), Value::Number(1.0));
    });
}

#[test]
fn a_caller_that_gives_up_ends_the_script() {
    driven(Limits { time: None, ..Limits::default() }, |remote| {
        let endless = "try { for (;;) {} } catch { globalThis.caught = true }";
        let function = reference(remote.global().unwrap().get("Function").unwrap());
        let endless = reference(function.construct(&args![endless]).unwrap());
        let begin = Instant::now();
        for _ in 0..3 {
            let patience = Duration::from_millis(50);
            let error = endless.apply_timeout(&Value::Undefined, &[], patience).unwrap_err();
            assert!(matches!(error, CallError::Peer(PeerError::Timeout)), "{error}");
        }
        // Without the hook the engine would never come to this one.
        assert_eq!(run(remote, "return typeof caught").unwrap(), "undefined".into());
        assert!(begin.elapsed() < Duration::from_secs(10));
    });
}
