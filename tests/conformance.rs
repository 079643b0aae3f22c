//! The conformance cases that traps, pointers and direct values can say, each in nine ways: two
//! ends stepped in one thread, two threads and two processes, and each of them spinning, parking
//! and adaptive. The letters and numbers of the cases are those of the list that bridges are held
//! to: A values, B traps, C lifetimes, E the connection, G what any language has.
#![cfg(target_os = "linux")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use support::random::Random;
use support::session::{Combination, Places, RING, Session, kind, serve_as_child};
use support::signals;
use support::watch::{Budget, SOON, conclude, trial, within};
use trapline::wire::{DecodeError, Decoder, Limits, Status, VecRoom, tag};
use trapline::wire::{Encoder, Flags, HEADER_LEN};
use trapline::{
    CallError, Failure, Key, Kind, Misuse, PeerError, Proxy, Thrown, Value, args, second,
};

type Case = fn(&Session);

const CASES: &[(&str, Case)] = &[
    ("A1", a1_null_undefined_and_booleans),
    ("A2", a2_nan_and_the_infinities),
    ("A3", a3_the_sign_of_zero),
    ("A4", a4_fractions_and_integers),
    ("A5", a5_integers_small_ones_compact),
    ("A9", a9_text),
    ("A10", a10_invalid_utf8_is_refused),
    ("A25", a25_too_large_is_an_error_for_the_caller),
    ("B1", b1_a_class_of_the_global),
    ("B2", b2_an_array_is_an_array_over_there),
    ("B3", b3_construct_and_read),
    ("B4", b4_the_kind_is_kept),
    ("B7", b7_the_prototypes_method_is_one_proxy),
    ("B9", b9_set_get_and_is),
    ("B14", b14_identity),
    ("B15", b15_the_same_function_twice),
    ("B20", b20_references_and_plain_values),
    ("B27", b27_dates_maps_and_errors_are_pointers),
    ("B28", b28_plain_results_allocate_no_pointer),
    ("B29", b29_the_same_object_is_the_same_id),
    ("B30", b30_a_proxy_sent_back_is_the_object),
    ("B33", b33_what_throws),
    ("B36", b36_one_record_each),
    ("C1", c1_first_and_second_sight),
    ("C2", c2_a_dropped_proxy_frees_its_object),
    ("C4", c4_sent_again_before_the_unref),
    ("C5", c5_an_unref_and_the_trap_behind_it),
    ("C7", c7_nothing_answers_after_the_end),
    ("C9", c9_many_gets_one_entry),
    ("C10", c10_an_unref_waits_for_nobody),
    ("E9", e9_nothing_comes_back_from_nothing),
    ("E11", e11_a_call_after_close),
    ("E12", e12_calls_pending_at_the_end_of_the_other),
    ("E16", e16_a_late_reply),
    ("E20", e20_signals),
    ("E21", e21_unusual_arguments),
    ("G1", g1_add_inverse),
    ("G2", g2_classes),
    ("G3", g3_a_function_from_a_function),
    ("G4", g4_the_last_item),
    ("G6", g6_set_an_item),
    ("G7", g7_nested_properties),
    ("G8", g8_errors_are_caught),
    ("G9", g9_blobs),
    ("G10", g10_null_is_not_undefined),
];

fn main() {
    if let Some(role) = second::role() {
        let policy = role.strip_prefix("toy ").expect("no other role");
        serve_as_child(policy).expect("served");
        return;
    }
    let mut trials = Vec::new();
    for (name, case) in CASES {
        for how in Combination::all() {
            trials.push(trial(format!("{name} {how}"), move || {
                let session = Session::open(how);
                case(&session);
                session.finish();
            }));
        }
    }
    println!("{} cases in 9 ways: {} trials", CASES.len(), trials.len());
    conclude(trials)
}

/// What comes back when `value` goes to the toy and back.
fn round_trip(session: &Session, value: &Value<Proxy>) -> Value<Proxy> {
    session.call("identity", std::slice::from_ref(value))
}

#[track_caller]
fn comes_back(session: &Session, value: impl Into<Value<Proxy>>) {
    let value = value.into();
    assert_eq!(round_trip(session, &value), value);
}

/// Numbers must come back bit by bit.
#[track_caller]
fn number_comes_back(session: &Session, number: f64) {
    let back = round_trip(session, &number.into()).as_number().expect("a number");
    assert_eq!(back.to_bits(), number.to_bits(), "{number} came back as {back}");
}

#[track_caller]
fn thrown(outcome: Result<Value<Proxy>, CallError>) -> Thrown<Proxy> {
    outcome.expect_err("it throws").as_thrown().expect("thrown").clone()
}

fn is_closed(error: &CallError) -> bool {
    matches!(error, CallError::Peer(PeerError::Closed))
}

/// What says that nobody is there any more.
fn is_end(error: &CallError) -> bool {
    is_closed(error) || matches!(error, CallError::Peer(PeerError::PeerDied { .. }))
}

// A. Values.

fn a1_null_undefined_and_booleans(session: &Session) {
    for value in [Value::Bool(true), Value::Bool(false), Value::Null, Value::Undefined] {
        comes_back(session, value);
    }
    assert_ne!(round_trip(session, &Value::Null), Value::Undefined);
}

fn a2_nan_and_the_infinities(session: &Session) {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        number_comes_back(session, number);
    }
}

fn a3_the_sign_of_zero(session: &Session) {
    number_comes_back(session, 0.0);
    number_comes_back(session, -0.0);
}

fn a4_fractions_and_integers(session: &Session) {
    for number in [1.23, -1.23, 123.0, -123.0, f64::MIN_POSITIVE, f64::MAX, f64::EPSILON] {
        number_comes_back(session, number);
    }
}

fn a5_integers_small_ones_compact(session: &Session) {
    let sizes = [0.0, 1.0, 255.0, 256.0, -1.0, 2f64.powi(31), 2f64.powi(53) - 1.0].map(|number| {
        number_comes_back(session, number);
        let before = session.remote.link().counters().bytes_received;
        number_comes_back(session, number);
        session.remote.link().counters().bytes_received - before
    });
    assert!(sizes[0] < sizes[2] && sizes[2] < sizes[6], "bytes of the replies: {sizes:?}");
}

fn a9_text(session: &Session) {
    let long = "string".repeat(65_536);
    for text in ["test", &"a".repeat(200), "\u{1f98a}", &long, "", "a\0b", "ä€\u{10ffff}"] {
        comes_back(session, text);
    }
    for len in [254, 255, 256, 257] {
        comes_back(session, "é".repeat(len));
    }
}

fn a10_invalid_utf8_is_refused(session: &Session) {
    for bytes in [&b"\xff"[..], b"ok\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"] {
        let mut control = vec![tag::STRING_8, bytes.len() as u8];
        control.extend_from_slice(bytes);
        let mut decoder = Decoder::new(&control, [].as_slice(), &Limits::default());
        let reply = decoder.reply::<()>(Status::Value as u8, &mut |_| Ok(()));
        assert!(matches!(reply, Err(DecodeError::InvalidUtf8 { .. })), "{bytes:?}: {reply:?}");
    }
    comes_back(session, "valid");
}

fn a25_too_large_is_an_error_for_the_caller(session: &Session) {
    let too_long = RING as usize;
    let identity = session.object("identity");
    for value in [Value::from("a".repeat(too_long)), Value::from(vec![0; too_long])] {
        let refused = identity.apply(&Value::Undefined, &[value]);
        assert!(matches!(refused, Err(CallError::Misuse(Misuse::TooLong { .. }))), "{refused:?}");
        comes_back(session, 1);
    }
    for name in ["long_text", "long_bytes"] {
        let refused = session.object(name).apply(&Value::Undefined, &args![too_long as f64]);
        let Err(CallError::Failed { failure, .. }) = &refused else { panic!("{refused:?}") };
        assert_eq!(*failure, Failure::TooLong);
        comes_back(session, 2);
        let long = session.call(name, &args![(RING / 2 - 256) as f64]);
        let len = long.as_str().map(str::len).or_else(|| long.as_bytes().map(<[u8]>::len));
        assert_eq!(len, Some(RING as usize / 2 - 256), "what fits goes through");
    }
}

// B. Traps.

fn b1_a_class_of_the_global(session: &Session) {
    let array = session.object("Array");
    assert_eq!(array.kind(), Kind::Function);
    assert_eq!(kind(&array.construct(&[]).expect("a class")), Some(Kind::Array));
    assert_eq!(array.invoke("isArray", &args![&array]).expect("a method"), false.into());
}

fn b2_an_array_is_an_array_over_there(session: &Session) {
    let array = session.object("Array");
    let made = array.construct(&[]).expect("a class");
    assert_eq!(array.invoke("isArray", &[made]).expect("a method"), true.into());
    assert_eq!(array.invoke("isArray", &args![7]).expect("a method"), false.into());
}

fn b3_construct_and_read(session: &Session) {
    let array = session.object("Array").construct(&args![1, 2, 3]).expect("a class");
    let array = array.as_reference().expect("an array");
    let items: Vec<_> = (0..4u32).map(|index| array.get(index).expect("an item")).collect();
    assert_eq!(items, [1.into(), 2.into(), 3.into(), Value::Undefined]);
    assert_eq!(array.get("length").expect("a length"), 3.into());
}

fn b4_the_kind_is_kept(session: &Session) {
    let kinds = ["numbers", "identity", "nested"].map(|name| session.object(name).kind());
    assert_eq!(kinds, [Kind::Array, Kind::Function, Kind::Object]);
    for name in ["numbers", "identity", "nested"] {
        let proxy = session.object(name);
        assert_eq!(kind(&round_trip(session, &(&proxy).into())), Some(proxy.kind()));
    }
}

fn b7_the_prototypes_method_is_one_proxy(session: &Session) {
    let demo = session.object("Demo");
    let method = || {
        let made = demo.construct(&args!["it"]).expect("a class");
        made.as_reference().expect("an object").get("hello").expect("a method")
    };
    let (one, other) = (method(), method());
    assert_eq!(kind(&one), Some(Kind::Function));
    assert_eq!(one, other);
    assert_ne!(one, demo.get("hello").expect("another one"));
}

fn b9_set_get_and_is(session: &Session) {
    let class = session.object("Object");
    let o = class.construct(&[]).expect("a class").into_reference().expect("an object");
    let another = class.construct(&[]).expect("a class").into_reference().expect("an object");
    assert!(o.set("value", 123).expect("set"));
    assert_eq!(o.get("value").expect("get"), 123.into());
    assert_eq!(another.get("value").expect("get"), Value::Undefined);
    assert_eq!(class.invoke("is", &args![&o, &o]).expect("is"), true.into());
    assert_eq!(class.invoke("is", &args![&o, &another]).expect("is"), false.into());
    assert_ne!(o, another);
    assert!(!session.object("bad").set("bad", 1).expect("an answer"), "an object may refuse");
}

fn b14_identity(session: &Session) {
    comes_back(session, true);
    comes_back(session, Value::Null);
    comes_back(session, session.remote.global().expect("a global"));
    comes_back(session, vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    comes_back(session, session.object("numbers"));
    let global = session.remote.global().expect("a global");
    let this = session.object("this").apply(&(&global).into(), &[]).expect("a value");
    assert_eq!(this, global.into());
}

fn b15_the_same_function_twice(session: &Session) {
    let function = session.object("identity");
    let once = round_trip(session, &(&function).into());
    let twice = round_trip(session, &(&function).into());
    assert_eq!(once, twice);
    assert_eq!(once, function.into());
}

fn b20_references_and_plain_values(session: &Session) {
    for name in ["nested", "numbers", "identity"] {
        assert!(session.get(name).as_reference().is_some(), "{name}");
    }
    for value in [Value::Null, false.into(), 0.into(), "text".into(), vec![1].into()] {
        assert!(round_trip(session, &value).as_reference().is_none(), "{value:?}");
    }
}

fn b27_dates_maps_and_errors_are_pointers(session: &Session) {
    for name in ["date", "map", "error"] {
        assert_eq!(kind(&session.get(name)), Some(Kind::Object), "{name}");
    }
    assert_eq!(session.object("error").get("message").expect("a message"), "kept".into());
}

fn b28_plain_results_allocate_no_pointer(session: &Session) {
    let values = session.object("values");
    let before = (session.ask("held"), session.remote.held_pointers());
    let get = |key: &str| values.get(key).expect("a value");
    assert_eq!(get("missing"), Value::Undefined);
    assert_eq!(get("null"), Value::Null);
    assert_eq!(get("undefined"), Value::Undefined);
    assert!(get("nan").as_number().is_some_and(f64::is_nan));
    let zero = get("minus_zero").as_number().expect("a number");
    assert!(zero == 0.0 && zero.is_sign_negative());
    assert_eq!((session.ask("held"), session.remote.held_pointers()), before);
}

fn b29_the_same_object_is_the_same_id(session: &Session) {
    let (one, other) = (session.object("nested"), session.object("nested"));
    assert_eq!(one.pointer(), other.pointer());
    assert_eq!(one, other);
    assert_ne!(one, session.object("numbers"));
}

fn b30_a_proxy_sent_back_is_the_object(session: &Session) {
    let made = session.make("fresh", &[]);
    session.call("remember", &args![&made]);
    assert_eq!(session.call("is_remembered", &args![&made]), true.into());
    assert_eq!(session.call("remembered", &[]), made.into());
    let another = session.make("fresh", &[]);
    assert_eq!(session.call("is_remembered", &args![another]), false.into());
}

fn b33_what_throws(session: &Session) {
    let one_trip = |operation: &dyn Fn() -> Result<Value<Proxy>, CallError>| {
        let before = session.remote.link().counters();
        let thrown = thrown(operation());
        let after = session.remote.link().counters();
        assert_eq!(after.records_sent - before.records_sent, 1);
        assert_eq!(after.records_received - before.records_received, 1);
        assert_eq!(thrown.value.as_reference().map(Proxy::kind), Some(Kind::Object));
        (thrown.name, thrown.message, thrown.stack)
    };
    let text = |name: &str, message: &str, stack: &str| {
        (name.to_owned(), message.to_owned(), stack.to_owned())
    };
    let (fail, bad) = (session.object("fail"), session.object("bad"));
    let call = one_trip(&|| fail.apply(&Value::Undefined, &args!["too far"]));
    assert_eq!(call, text("RangeError", "too far", "  at fail"));
    let construct = one_trip(&|| bad.construct(&[]));
    assert_eq!(construct, text("TypeError", "not a constructor", ""));
    let getter = one_trip(&|| bad.get("bad"));
    assert_eq!(getter, text("Error", "the getter throws", "  at get bad"));
    assert_eq!(bad.get("good").expect("works on"), 1.into());
}

fn b36_one_record_each(session: &Session) {
    let values = session.object("values");
    session.remote.flush().expect("what died before is given back");
    let before = session.remote.link().counters();
    assert_eq!(values.get("null").expect("a value"), Value::Null);
    let after = session.remote.link().counters();
    assert_eq!(after.records_sent - before.records_sent, 1);
    assert_eq!(after.records_received - before.records_received, 1);
    // Target and key as they stand in the documented frame, and nothing else.
    let mut room = VecRoom::new(64, 4096);
    let mut encoder = Encoder::new(&mut room);
    encoder.get(values.pointer(), Key::from("null")).expect("room");
    let len = encoder.finish(Flags::WAITING, 0, 1).expect("room");
    assert!(len > HEADER_LEN);
    assert_eq!(after.bytes_sent - before.bytes_sent, len as u64);
}

// C. References and lifetime.

fn c1_first_and_second_sight(session: &Session) {
    let before = session.remote.held_pointers();
    let one = session.object("nested");
    let held = session.remote.held_pointers();
    assert!(held > before);
    let again = session.object("nested");
    assert_eq!(session.remote.held_pointers(), held);
    assert_eq!(again.pointer(), one.pointer());
    assert_ne!(session.object("mixed").pointer(), one.pointer());
}

fn c2_a_dropped_proxy_frees_its_object(session: &Session) {
    // The functions that are asked with are held from now on.
    let (fresh, held, living) =
        (session.object("fresh"), session.object("held"), session.object("living"));
    let ask = |of: &Proxy| of.apply(&Value::Undefined, &[]).expect("a number").as_number();
    let before = (ask(&held), ask(&living));
    let made: Vec<_> =
        (0..50).map(|_| fresh.apply(&Value::Undefined, &[]).expect("made")).collect();
    let more = |count: Option<f64>| count.map(|count| count + 50.0);
    assert_eq!((ask(&held), ask(&living)), (more(before.0), more(before.1)));
    let copies = made.clone();
    drop(made);
    assert_eq!(ask(&living), more(before.1), "a clone keeps its object");
    drop(copies);
    session.remote.flush().expect("flushed");
    assert_eq!((ask(&held), ask(&living)), before);
    assert_eq!(session.ask("refused"), 0);
}

fn c4_sent_again_before_the_unref(session: &Session) {
    let fresh = session.make("fresh", &[]);
    session.call("remember", &args![&fresh]);
    let (pointer, remembered) = (fresh.pointer(), session.object("remembered"));
    // It dies after the request went out and before the reply came in: nothing lists it.
    let again = remembered.apply(&Value::Undefined, &[]).expect("the object");
    drop(fresh);
    assert_eq!(again.as_reference().map(Proxy::pointer), Some(pointer));
    for _ in 0..10 {
        let once = remembered.apply(&Value::Undefined, &[]).expect("the object");
        drop(once);
    }
    let again = again.into_reference().expect("the object");
    assert_eq!(session.call("is_remembered", &args![&again]), true.into());
    assert_eq!(session.ask("refused"), 0);
}

fn c5_an_unref_and_the_trap_behind_it(session: &Session) {
    let fresh = session.make("fresh", &[]);
    assert!(fresh.set("mark", 7).expect("set"));
    session.call("remember", &args![&fresh]);
    let remembered = session.object("remembered");
    for _ in 0..20 {
        let proxy = remembered.apply(&Value::Undefined, &[]).expect("the object");
        drop(proxy);
        // The unref goes out with the very request whose reply brings the object again.
        let proxy = remembered.apply(&Value::Undefined, &[]).expect("the object");
        let proxy = proxy.into_reference().expect("an object");
        assert_eq!(proxy.get("mark").expect("alive"), 7.into());
    }
    drop(fresh);
    session.remote.flush().expect("flushed");
    let again = session.make("remembered", &[]);
    assert_eq!(again.get("mark").expect("alive"), 7.into());
    assert_eq!(session.ask("refused"), 0);
}

fn c7_nothing_answers_after_the_end(session: &Session) {
    let (nested, identity) = (session.object("nested"), session.object("identity"));
    if let Some(end) = session.end_of_other(Duration::ZERO) {
        end.join().expect("ended");
    }
    let begin = Instant::now();
    for outcome in [nested.get("inner"), identity.apply(&Value::Undefined, &args![&nested])] {
        let error = outcome.expect_err("nobody is there");
        assert!(is_end(&error), "{error:?}");
    }
    assert!(begin.elapsed() < SOON);
}

fn c9_many_gets_one_entry(session: &Session) {
    let (kept, global) = (session.object("nested"), session.remote.global().expect("a global"));
    let (held, living) = (session.object("held"), session.object("living"));
    let ask = |of: &Proxy| of.apply(&Value::Undefined, &[]).expect("a number").as_number();
    let before = (ask(&held), ask(&living), session.remote.held_pointers());
    // A million where the machine is fast; a build without optimisation stops earlier.
    let time = if cfg!(debug_assertions) { 200 } else { 20_000 };
    let mut budget = Budget::new(1_000_000, Duration::from_millis(time));
    let nested = Value::Reference(kept.clone());
    while budget.more() {
        assert!(global.get("nested").expect("there") == nested);
    }
    println!("C9 {}: {} gets of one object", session.how, budget.done());
    assert_eq!((ask(&held), ask(&living), session.remote.held_pointers()), before);
    drop((kept, nested));
    session.remote.flush().expect("all its receipts at once");
    assert_eq!(ask(&held), before.0.map(|held| held - 1.0));
    assert_eq!(session.ask("refused"), 0);
}

fn c10_an_unref_waits_for_nobody(session: &Session) {
    let (made, slow) = (session.make("fresh", &[]), session.object("fresh_later"));
    session.freeze(true);
    let nap = Duration::from_millis(5);
    let given_up = slow.apply_timeout(&Value::Undefined, &args![1000], nap);
    assert!(matches!(given_up, Err(CallError::Peer(PeerError::Timeout))), "{given_up:?}");
    drop(made);
    let before = session.remote.link().counters().records_received;
    within(Duration::from_millis(900), || session.remote.flush()).expect("flushed");
    assert_eq!(session.remote.link().counters().records_received, before, "no reply");
    session.freeze(false);
    assert_eq!(session.ask("refused"), 0);
}

// E. The connection.

fn e9_nothing_comes_back_from_nothing(session: &Session) {
    assert_eq!(session.call("remember", &args!["a value"]), Value::Undefined);
}

fn e11_a_call_after_close(session: &Session) {
    let nested = session.object("nested");
    session.remote.link().close();
    session.remote.link().close();
    let begin = Instant::now();
    for error in [
        nested.get("inner").expect_err("closed"),
        nested.set("inner", 1).expect_err("closed"),
        nested.apply(&Value::Undefined, &[]).expect_err("closed"),
        nested.construct(&[]).expect_err("closed"),
        session.remote.global().expect_err("closed"),
    ] {
        assert!(is_closed(&error), "{error:?}");
    }
    assert!(begin.elapsed() < SOON);
    drop(nested);
    assert_eq!(session.remote.flush(), Err(PeerError::Closed.into()));
}

fn e12_calls_pending_at_the_end_of_the_other(session: &Session) {
    let (slow, delay) = (session.object("fresh_later"), Duration::from_millis(60));
    let nap = if session.how.places == Places::Stepped { 0 } else { 400 };
    // The stepper belongs to this thread, so only two threads or processes have several callers.
    let callers = if session.how.places == Places::Stepped { 1 } else { 4 };
    let failed = AtomicUsize::new(0);
    let begin = Instant::now();
    let end = session.end_of_other(delay);
    let call = || {
        let error = slow.apply(&Value::Undefined, &args![nap]).expect_err("the end");
        assert!(is_end(&error), "{error:?}");
        failed.fetch_add(1, Relaxed);
    };
    std::thread::scope(|threads| {
        (1..callers).for_each(|_| drop(threads.spawn(call)));
        call();
    });
    let took = begin.elapsed();
    assert_eq!(failed.into_inner(), callers);
    assert!(took < delay + SOON, "{took:?}");
    if let Some(end) = end {
        end.join().expect("ended");
    }
}

fn e16_a_late_reply(session: &Session) {
    let (slow, held) = (session.object("fresh_later"), session.object("held"));
    let living = session.object("living");
    let ask = |of: &Proxy| of.apply(&Value::Undefined, &[]).expect("a number").as_number();
    let before = (ask(&held), ask(&living));
    let nap = if session.how.places == Places::Stepped { 0 } else { 60 };
    let late = 3;
    for _ in 0..late {
        session.freeze(true);
        let patience = Duration::from_millis(10);
        let given_up = slow.apply_timeout(&Value::Undefined, &args![nap], patience);
        assert!(matches!(given_up, Err(CallError::Peer(PeerError::Timeout))), "{given_up:?}");
    }
    session.freeze(false);
    comes_back(session, 5);
    assert_eq!(session.remote.link().counters().late_replies, late);
    session.remote.flush().expect("flushed");
    assert_eq!((ask(&held), ask(&living)), before, "what came late was given back");
    assert_eq!(session.ask("refused"), 0);
}

fn e20_signals(session: &Session) {
    let before = signals::handled();
    let storm = signals::Storm::new(session.child());
    let slow = session.object("fresh_later");
    for round in 0..20 {
        let made = slow.apply(&Value::Undefined, &args![4]).expect("the wait goes on");
        assert_eq!(kind(&made), Some(Kind::Object));
        comes_back(session, round);
        let patience = Duration::from_secs(60);
        let made = slow.apply_timeout(&Value::Undefined, &args![1], patience);
        assert_eq!(kind(&made.expect("in time")), Some(Kind::Object));
    }
    drop(storm);
    let handled = signals::handled() - before;
    assert!(handled > 10, "{handled} signals");
}

fn e21_unusual_arguments(session: &Session) {
    let unusual = args![f64::NAN, f64::INFINITY, vec![0u8, 255], "", Value::Null, ()];
    assert_eq!(session.call("count", &unusual), 6.into());
    assert_eq!(session.call("count", &[]), 0.into());
    let many: Vec<Value<Proxy>> = (0..1000).map(Value::from).collect();
    assert_eq!(session.call("count", &many), 1000.into());
}

// G. What any language has.

fn g1_add_inverse(session: &Session) {
    assert_eq!(session.call("add_inverse", &args![3, 2]), (-5).into());
}

fn g2_classes(session: &Session) {
    let demo = session.object("Demo");
    assert_eq!(demo.invoke("hello", &[]).expect("a static method"), "world".into());
    let made = demo.construct(&args!["blue"]).expect("a class");
    let made = made.as_reference().expect("an instance");
    assert_eq!(made.get("what").expect("a property"), "blue".into());
    assert_eq!(made.invoke("hello", &[]).expect("a method"), "blue".into());
    assert_eq!(thrown(demo.apply(&Value::Undefined, &[])).name, "TypeError");
}

fn g3_a_function_from_a_function(session: &Session) {
    let made = session.make("factory", &[]);
    assert_eq!(made.apply(&Value::Undefined, &[]).expect("a function"), 6.into());
    assert_eq!(made.get("x").expect("a property"), "wow".into());
}

fn g4_the_last_item(session: &Session) {
    let mixed = session.object("mixed");
    let len = mixed.get("length").expect("a length").as_number().expect("a number") as u32;
    let items: Vec<_> = (0..len).map(|index| mixed.get(index).expect("an item")).collect();
    assert_eq!(kind(&items[0]), Some(Kind::Array));
    assert_eq!(items[1..3], [5.into(), 6.into()]);
    let last = items[3].as_reference().expect("an object");
    assert_eq!(last.get("a").expect("a property"), 3.into());
}

fn g6_set_an_item(session: &Session) {
    let numbers = session.object("numbers");
    assert!(numbers.set(2, 4).expect("set"));
    assert_eq!([0, 1, 2].map(|i| numbers.get(i).expect("an item")), args![1, 2, 4]);
    assert_eq!(session.call("sum", &args![&numbers]), 7.into());
}

fn g7_nested_properties(session: &Session) {
    let inner = session.object("nested").get("inner").expect("a property");
    let inner = inner.into_reference().expect("an object");
    assert!(inner.set("value", 44).expect("set"));
    let again = session.object("nested").get("inner").expect("a property");
    assert_eq!(again.as_reference().expect("an object").get("value").expect("get"), 44.into());
}

fn g8_errors_are_caught(session: &Session) {
    let error = session.object("fail").apply(&Value::Undefined, &args!["lost"]);
    let error = error.expect_err("it throws");
    assert_eq!(error.to_string(), "RangeError: lost");
    let thrown = error.as_thrown().expect("thrown");
    assert!(thrown.stack.contains("at fail"));
    let value = thrown.value.as_reference().expect("the error itself");
    assert_eq!(value.get("message").expect("a property"), "lost".into());
}

fn g9_blobs(session: &Session) {
    let mut random = Random::new(9);
    for len in [0, 1, 15, 16, 17, 63, 64, 65, 4095, 4096, 70_000, 300_001] {
        let mut blob = vec![0; len];
        random.fill(&mut blob);
        comes_back(session, blob);
    }
    for newlines in [0, 1, 2, 3, 10] {
        comes_back(session, vec![b'\n'; newlines]);
    }
    let parts = args![vec![1u8; 33], "between", Vec::<u8>::new(), vec![2u8; 7]];
    assert_eq!(session.call("count", &parts), 4.into());
    for (index, part) in parts.iter().enumerate() {
        let array = session.object("Array").construct(&parts).expect("an array");
        let item = array.as_reference().expect("an array").get(index as u32);
        assert_eq!(item.expect("an item"), *part);
    }
}

fn g10_null_is_not_undefined(session: &Session) {
    let values = session.object("values");
    assert_eq!(values.get("null").expect("a value"), Value::Null);
    assert_ne!(values.get("null").expect("a value"), values.get("undefined").expect("a value"));
}
