//! What scripts throw.

mod common;

use common::*;

#[track_caller]
fn thrown(source: &str) -> Thrown {
    let js = engine();
    let thrown = js.evaluate(source, "test.js").unwrap_err();
    assert_eq!(eval(&js, "6 * 7"), Value::Number(42.0), "usable afterwards");
    thrown
}

#[test]
fn errors_arrive_with_class_message_stack_and_value() {
    let js = engine();
    let e = js.evaluate("\nfunction f() { throw new TypeError('no') }\nf()", "a.js").unwrap_err();
    assert_eq!((e.name.as_str(), e.message.as_str()), ("TypeError", "no"));
    assert!(e.stack.contains("at f (a.js:2:"), "{}", e.stack);
    assert!(e.stack.contains("a.js:3:"), "{}", e.stack);
    let error = e.value.into_reference().unwrap();
    assert_eq!(get(&js, &error, "message").unwrap(), "no".into());
}

#[test]
fn errors_of_own_classes_keep_their_name() {
    let source = "class Mine extends Error { get name() { return 'Mine' } } throw new Mine('x')";
    assert_eq!(thrown(source).to_string(), "Mine: x");
}

#[test]
fn other_values_arrive_as_they_are() {
    for (source, message, value) in [
        ("throw 3", "3", Value::Number(3.0)),
        ("throw 'text'", "text", "text".into()),
        ("throw null", "null", Value::Null),
        ("throw undefined", "undefined", Value::Undefined),
        ("throw false", "false", false.into()),
    ] {
        let e = thrown(source);
        assert_eq!((e.name.as_str(), e.message.as_str(), &e.value), ("Error", message, &value));
    }
    let e = thrown("throw { toString: () => 'mine' }");
    assert_eq!((e.message.as_str(), e.value.type_name()), ("mine", "reference"));
}

#[test]
fn values_that_cannot_cross_still_give_a_message() {
    for (source, message) in [
        ("throw Symbol('s')", "Symbol(s)"),
        ("throw 12n", "12"),
        ("throw 'half \\ud800'", "half \u{fffd}"),
    ] {
        let e = thrown(source);
        assert_eq!((e.message.as_str(), &e.value), (message, &Value::Undefined));
    }
    assert_eq!(thrown("throw new Error('half \\ud800')").message, "half \u{fffd}");
}

#[test]
fn errors_that_fight_back_are_read_as_far_as_they_go() {
    let e = thrown(
        "const e = new Error('m');
         for (const key of ['name', 'message', 'stack'])
             Object.defineProperty(e, key, { get() { throw e } });
         throw e",
    );
    assert_eq!((e.name.as_str(), e.message.as_str(), e.stack.as_str()), ("Error", "", ""));
    let e = thrown("const e = new Error(); e.name = e.message = Symbol('s'); throw e");
    assert_eq!(e.to_string(), "Symbol(s): Symbol(s)");
    let e = thrown("const e = new Error(); e.message = { toString() { throw 1 } }; throw e");
    assert_eq!(e.to_string(), "Error: (a value without text)");
    let e = thrown("throw { toString() { throw 1 } }");
    assert_eq!(e.message, "(a value without text)");
    let e = thrown("throw Object.create(null)");
    assert_eq!(e.message, "(a value without text)");
    let e = thrown("const { proxy, revoke } = Proxy.revocable(() => 1, {}); revoke(); throw proxy");
    assert_eq!(e.value.type_name(), "reference");
    let e = thrown("const e = new Error('m'); delete e.stack; e.__proto__ = null; throw e");
    assert_eq!(e.to_string(), "Error: m");
    let e = thrown("Error.prepareStackTrace = () => { throw 1 }; throw new Error('m')");
    assert!(["m", "1"].contains(&e.message.as_str()), "{e}");
}

#[test]
fn errors_by_the_engine_itself() {
    assert_eq!(thrown("missing").name, "ReferenceError");
    assert_eq!(thrown("null.x").name, "TypeError");
    assert_eq!(thrown("new Array(-1)").name, "RangeError");
    assert_eq!(thrown("decodeURI('%')").name, "URIError");
    let e = thrown("\n\nlet a = ;");
    assert_eq!(e.name, "SyntaxError");
    assert!(e.stack.contains("test.js:3"), "{}", e.stack);
}

#[test]
fn source_with_a_nul_byte() {
    let js = engine();
    let thrown = js.evaluate("1 \0 2", "test.js").unwrap_err();
    assert_eq!(thrown.name, "SyntaxError");
    assert!(js.evaluate("1", "te\0st.js").is_err());
    assert_eq!(eval(&js, "1"), Value::Number(1.0));
}
