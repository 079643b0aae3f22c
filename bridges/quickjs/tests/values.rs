//! What crosses, and what does not.

mod common;

use common::*;
use trapline::Reflect;

/// Through the engine and back.
fn there_and_back(value: Value) -> Value {
    let js = engine();
    let same = object(&js, "(x => x)");
    apply(&js, &same, vec![value]).unwrap()
}

#[test]
fn primitives_come_back() {
    for value in [
        Value::Undefined,
        Value::Null,
        true.into(),
        false.into(),
        "".into(),
        "with \0 and ä and 🦀".into(),
        "x".repeat(100_000).into(),
    ] {
        assert_eq!(there_and_back(value.clone()), value);
    }
}

#[test]
fn numbers_keep_every_bit_that_counts() {
    for n in [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.1,
        f64::from(i32::MIN),
        f64::from(i32::MAX),
        f64::from(u32::MAX),
        9_007_199_254_740_991.0,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ] {
        let got = there_and_back(n.into()).as_number().unwrap();
        assert_eq!(got.to_bits(), n.to_bits(), "{n}");
    }
    for bits in [f64::NAN.to_bits(), u64::MAX, 0xfff8_0000_0000_0001, 0x7ff0_0000_0000_0001] {
        assert!(there_and_back(f64::from_bits(bits).into()).as_number().unwrap().is_nan());
    }
    let js = engine();
    assert!(eval(&js, "-0").as_number().unwrap().is_sign_negative());
    assert_eq!(eval(&js, "1 + 1"), Value::Number(2.0));
}

#[test]
fn the_engine_sees_the_types_that_were_sent() {
    let js = engine();
    let name = object(&js, "(x => Object.prototype.toString.call(x))");
    for (value, expected) in [
        (Value::Undefined, "[object Undefined]"),
        (Value::Null, "[object Null]"),
        (true.into(), "[object Boolean]"),
        (1.into(), "[object Number]"),
        (0.5.into(), "[object Number]"),
        ("".into(), "[object String]"),
        (vec![1u8].into(), "[object ArrayBuffer]"),
        (Value::Reference(name.clone()), "[object Function]"),
    ] {
        assert_eq!(apply(&js, &name, vec![value]).unwrap(), expected.into());
    }
    let is_minus_zero = object(&js, "(x => Object.is(x, -0))");
    assert_eq!(apply(&js, &is_minus_zero, vec![(-0.0).into()]).unwrap(), true.into());
}

#[test]
fn bytes_come_back() {
    for bytes in [vec![], vec![7], (0..=255).collect::<Vec<u8>>(), vec![9; 1 << 20]] {
        assert_eq!(there_and_back(bytes.clone().into()), Value::Bytes(bytes));
    }
}

#[test]
fn every_array_buffer_is_bytes() {
    let js = engine();
    assert_eq!(eval(&js, "new Uint8Array([1, 2, 3]).buffer"), vec![1, 2, 3].into());
    assert_eq!(eval(&js, "new ArrayBuffer(0)"), vec![].into());
    assert_eq!(eval(&js, "new ArrayBuffer(4).transfer(0)"), vec![].into());
    assert_eq!(eval(&js, "new ArrayBuffer(2, { maxByteLength: 9 })"), vec![0, 0].into());
    assert_eq!(eval(&js, "new ArrayBuffer(0, { maxByteLength: 9 })"), vec![].into());
    assert_eq!(eval(&js, "new (class extends ArrayBuffer {})(1)"), vec![0].into());
}

#[test]
fn bytes_are_copies() {
    let js = engine();
    let buffer = object(&js, "({ b: new ArrayBuffer(2) })");
    let before = get(&js, &buffer, "b").unwrap();
    let fill = object(&js, "(o => new Uint8Array(o.b).fill(1))");
    apply(&js, &fill, vec![Value::Reference(buffer.clone())]).unwrap();
    assert_eq!((before, get(&js, &buffer, "b").unwrap()), (vec![0, 0].into(), vec![1, 1].into()));
}

#[test]
fn other_objects_are_references() {
    let js = engine();
    for source in [
        "new Uint8Array(2)",
        "new DataView(new ArrayBuffer(2))",
        "new SharedArrayBuffer(2)",
        "new Date()",
        "new Map()",
        "/x/",
        "new Number(1)",
        "new String('')",
        "Object(1n)",
        "Object(Symbol())",
        "new Error('x')",
        "Promise.resolve()",
        "new Proxy(new ArrayBuffer(1), {})",
        "Object.create(null)",
    ] {
        assert!(matches!(eval(&js, source), Value::Reference(_)), "{source}");
    }
}

#[test]
fn what_cannot_cross_is_a_type_error_that_says_so() {
    let js = engine();
    for (source, what) in [
        ("1n", "bigint"),
        ("10n ** 40n", "bigint"),
        ("Symbol('s')", "symbol"),
        ("Symbol.iterator", "symbol"),
        ("'\\ud800'", "lone surrogate"),
        ("'ok \\udc00 ok'", "lone surrogate"),
        ("'🦀'.charAt(0)", "lone surrogate"),
        ("gone = new ArrayBuffer(8), gone.transfer(), gone", "detached ArrayBuffer"),
    ] {
        let thrown = js.evaluate(source, "test.js").unwrap_err();
        assert_eq!(thrown.name, "TypeError", "{source}");
        assert!(thrown.message.contains(what), "{thrown}");
        assert_eq!(eval(&js, "1"), Value::Number(1.0));

        let o = object(&js, &format!("({{ get x() {{ return ({source}) }} }})"));
        assert!(get(&js, &o, "x").unwrap_err().message.contains(what));
    }
}

#[test]
fn a_rope_string_crosses() {
    let js = engine();
    let text = eval(&js, "let s = ''; for (let i = 0; i < 1e5; i++) s += i % 10; s");
    assert_eq!(text.as_str().map(str::len), Some(100_000));
}

#[test]
fn objects_of_another_engine_are_refused() {
    let (one, two) = (engine(), engine());
    let foreign = object(&one, "({ a: 1 })");
    let own = object(&two, "(x => x)");
    let refused = "TypeError: the object belongs to another engine";
    assert_eq!(get(&two, &foreign, "a").unwrap_err().to_string(), refused);
    let sent = vec![Value::Reference(foreign.clone())];
    assert_eq!(apply(&two, &own, sent).unwrap_err().to_string(), refused);
    assert_eq!(
        set(&two, &own, "a", Value::Reference(foreign.clone())).unwrap_err().to_string(),
        refused
    );
    assert_eq!(two.kind(&foreign), one.kind(&foreign));
    assert_ne!(foreign, own);
}
