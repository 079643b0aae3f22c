//! What ends when: objects that the other end held, calls that wait while a local goes away,
//! handlers that panic or call back, and many threads on one lane.
#![cfg(target_os = "linux")]

mod support;

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use support::random::Random;
use support::session::{Combination, Places, Session};
use support::toy::{self, Ledger};
use support::watch::{SOON, conclude, trial, within};
use trapline::{
    CallError, Caller, Failure, Key, Kind, Lanes, Link, LinkConfig, LinkError, Local, Misuse,
    Outcome, PeerError, Proxy, Reflect, Remote, Value, WaitPolicy, args, second,
};

/// A case and its name.
type Case = (&'static str, fn(Combination));

fn main() {
    if let Some(role) = second::role() {
        let words: Vec<&str> = role.split(' ').collect();
        match words[..] {
            ["toy", policy] => support::session::serve_as_child(policy).expect("served"),
            ["hold", how] => hold(how),
            _ => panic!("no role {role}"),
        }
        return;
    }
    let cases: &[(&str, fn())] = &[
        ("held objects are released when the other end is killed", || released("die")),
        ("held objects are released when the other end exits", || released("exit")),
        ("held objects are released when the other end closes", || released("close")),
        ("held objects are released when a local is dropped", released_by_drop),
        ("nobody serves any more", nobody_serves_any_more),
        ("the local goes while a call waits", the_local_goes_while_a_call_waits),
        ("nobody serves yet", nobody_serves_yet),
        ("a handler that panics", a_handler_that_panics),
        ("a kind that panics", a_kind_that_panics),
        ("a call from inside a handler, stepped", a_call_inside_a_handler_stepped),
        ("a call from inside a handler, its own lane", a_call_inside_a_handler_on_its_own_lane),
        ("a local after a local", a_local_after_a_local),
        ("the table of references is full", the_table_of_references_is_full),
        ("both rings full after timeouts", both_rings_full_after_timeouts),
        ("serve_timeout while nobody reads", serve_timeout_while_nobody_reads),
        ("the remote's own table is full", the_remotes_own_table_is_full),
    ];
    let mut trials: Vec<_> =
        cases.iter().map(|(name, case)| trial((*name).to_owned(), *case)).collect();
    let ways: &[Case] = &[
        ("proxies dropped in any order by several threads", dropped_in_any_order),
        ("four threads, one proxy, one lane", four_threads_on_one_lane),
        ("a foreign proxy", a_foreign_proxy),
        ("flush", flush),
    ];
    for (name, case) in ways {
        for how in Combination::all() {
            // The steps of a stepped link belong to one thread.
            if how.places != Places::Stepped || *name == "flush" || *name == "a foreign proxy" {
                trials.push(trial(format!("{name} {how}"), move || case(how)));
            }
        }
    }
    conclude(trials)
}

/// A host that is what its functions are.
struct Host<A, K> {
    apply: A,
    kind: K,
}

impl<A, K> Reflect for Host<A, K>
where
    A: Fn(&Caller, u32, &[Value<u32>]) -> Outcome<u32>,
    K: Fn(u32) -> Kind,
{
    type Object = u32;

    fn global(&self, _: &Caller) -> Outcome<u32> {
        Ok(Value::Reference(0).into())
    }

    fn kind(&self, object: &u32) -> Kind {
        (self.kind)(*object)
    }

    fn get(&self, _: &Caller, target: &u32, key: Key<'_>) -> Outcome<u32> {
        match key {
            Key::Index(index) => Ok(Value::Reference(index).into()),
            _ => Ok(Value::Number((*target).into()).into()),
        }
    }

    fn apply(
        &self,
        cx: &Caller,
        target: &u32,
        _: Value<u32>,
        args: Vec<Value<u32>>,
    ) -> Outcome<u32> {
        (self.apply)(cx, *target, &args)
    }
}

fn host(apply: impl Fn(&Caller, u32, &[Value<u32>]) -> Outcome<u32>) -> impl Reflect<Object = u32> {
    Host { apply, kind: |_| Kind::Function }
}

fn proxy(value: Result<Value<Proxy>, CallError>) -> Proxy {
    value.expect("an answer").into_reference().expect("an object")
}

/// What the remote is told where nobody serves it.
fn is_not_served(error: &CallError) -> bool {
    matches!(error, CallError::Misuse(Misuse::NotServed))
}

fn is_timeout(outcome: &Result<Value<Proxy>, CallError>) -> bool {
    matches!(outcome, Err(CallError::Peer(PeerError::Timeout)))
}

// The end of the other end.

/// A child that drives, holds objects of its parent, and ends.
fn hold(how: &str) {
    let link = Link::inherited().expect("a parent");
    let remote = Remote::new(link).expect("a lane to drive");
    let fresh = proxy(remote.global().expect("a global").get("fresh"));
    let held: Vec<Proxy> = (0..100).map(|_| proxy(fresh.apply(&Value::Undefined, &[]))).collect();
    println!("ready");
    std::io::stdout().flush().expect("a parent");
    match how {
        "exit" => std::process::exit(0),
        "close" => remote.link().close(),
        _ => thread::sleep(Duration::from_secs(100)),
    }
    drop(held);
}

fn released(how: &str) {
    let ledger: Arc<Ledger> = Arc::default();
    let mut command = second::command(&format!("hold {how}")).expect("this program");
    command.stdout(Stdio::piped());
    let (link, mut child) = Link::spawn(command, &LinkConfig::default()).expect("a child");
    let local = toy::local(link, ledger.clone()).expect("a lane to serve");
    let at_first = ledger.living();
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let waits_for_death = how == "die";
    let ready = thread::spawn(move || {
        let mut line = String::new();
        output.read_line(&mut line).expect("text");
        assert_eq!(line, "ready\n");
        if waits_for_death {
            child.kill().expect("alive");
        }
        let status = child.wait().expect("a child");
        (Instant::now(), status)
    });
    let served = local.serve();
    let noticed = Instant::now();
    let (left, status) = ready.join().expect("no panic");
    assert!(noticed.saturating_duration_since(left) < SOON);
    let died =
        Err(LinkError::Peer(PeerError::PeerDied { outcome: trapline::CallOutcome::Unknown }));
    assert_eq!(served, if how == "close" { Ok(()) } else { died });
    assert_eq!(status.success(), !waits_for_death);
    assert_eq!(local.held_objects(), 0);
    assert_eq!((ledger.made() - at_first, ledger.living()), (100, at_first));
    drop(local);
    assert_eq!(ledger.living(), 0, "each of them dropped, and once");
}

fn released_by_drop() {
    let ledger: Arc<Ledger> = Arc::default();
    let (passive, active, stepper) = Link::stepped(&LinkConfig::default()).expect("a pair");
    let local = toy::local(passive, ledger.clone()).expect("a lane to serve");
    let serves = local.clone();
    stepper.on_wait(move || serves.poll().is_ok_and(|served| served != 0));
    let remote = Remote::new(active).expect("a lane to drive");
    let fresh = proxy(remote.global().expect("a global").get("fresh"));
    let held: Vec<Proxy> = (0..10).map(|_| proxy(fresh.apply(&Value::Undefined, &[]))).collect();
    assert_eq!(local.held_objects(), 11, "the function and what it made");
    drop(stepper);
    drop(local);
    assert_eq!(ledger.living(), 0);
    let error = held[0].get("mark").expect_err("it is gone");
    assert!(is_not_served(&error) || matches!(error, CallError::Peer(PeerError::Closed)));
}

// Nobody serves.

fn nobody_serves_any_more() {
    for wait in [WaitPolicy::Spin, WaitPolicy::Park, WaitPolicy::Adaptive] {
        let config = LinkConfig { wait, ..LinkConfig::default() };
        let (passive, active) = Link::pair(&config).expect("a pair");
        let kept = passive.clone();
        drop(Local::new(passive, host(|_, _, _| Ok(Value::Null.into()))).expect("a lane"));
        let remote = Remote::new(active).expect("a lane to drive");
        for _ in 0..3 {
            let error = within(SOON, || remote.global()).expect_err("nobody is there");
            assert!(is_not_served(&error), "{error:?}");
        }
        kept.close();
        let error = within(SOON, || remote.global()).expect_err("nobody is there");
        assert!(is_not_served(&error) || matches!(error, CallError::Peer(PeerError::Closed)));
    }
}

fn the_local_goes_while_a_call_waits() {
    for wait in [WaitPolicy::Spin, WaitPolicy::Park, WaitPolicy::Adaptive] {
        let config = LinkConfig { wait, ..LinkConfig::default() };
        let (passive, active) = Link::pair(&config).expect("a pair");
        let kept = passive.clone();
        let local = Local::new(passive, host(|_, _, _| Ok(Value::Null.into()))).expect("a lane");
        let remote = Remote::new(active).expect("a lane to drive");
        let caller = thread::spawn(move || {
            let error = remote.global().expect_err("nobody serves");
            (error, Instant::now())
        });
        thread::sleep(Duration::from_millis(30));
        let left = Instant::now();
        drop(local);
        let (error, noticed) = caller.join().expect("no panic");
        assert!(is_not_served(&error), "{error:?}");
        assert!(noticed.saturating_duration_since(left) < SOON);
        drop(kept);
    }
}

/// Who calls before the local is there waits for it.
fn nobody_serves_yet() {
    let (passive, active) = Link::pair(&LinkConfig::default()).expect("a pair");
    let local = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        Local::new(passive, host(|_, _, _| Ok(Value::Null.into()))).expect("a lane").serve()
    });
    let remote = Remote::new(active).expect("a lane to drive");
    let global = remote.global().expect("late, but there");
    assert_eq!(global.get("number").expect("a number"), 0.into());
    drop((global, remote));
    assert_eq!(local.join().expect("no panic"), Ok(()));
}

// Handlers.

fn a_handler_that_panics() {
    for how in Combination::all() {
        let session = Session::open(how);
        let panics = session.object("panic");
        for _ in 0..3 {
            let error = panics.apply(&Value::Undefined, &[]).expect_err("it panics");
            let CallError::Failed { failure: Failure::Panicked, message } = error else {
                panic!("{error:?}");
            };
            assert_eq!(message, "the host panics on purpose");
            assert_eq!(session.call("add_inverse", &args![3, 2]), (-5).into());
        }
        session.finish();
    }
}

fn a_kind_that_panics() {
    let (passive, active) = Link::pair(&LinkConfig::default()).expect("a pair");
    let local = thread::spawn(move || {
        let kind = |object| if object == 7 { panic!("no kind, on purpose") } else { Kind::Object };
        let apply = |_: &Caller, _: u32, _: &[Value<u32>]| Ok(Value::Null.into());
        Local::new(passive, Host { apply, kind }).expect("a lane").serve()
    });
    let remote = Remote::new(active).expect("a lane to drive");
    let global = remote.global().expect("a global");
    let error = global.get_timeout(7, SOON * 5).expect_err("it panics");
    assert!(
        matches!(error, CallError::Failed { failure: Failure::Panicked, .. }),
        "the handler ended with {error:?}"
    );
    assert_eq!(global.get("number").expect("works on"), 0.into());
    drop((global, remote));
    assert_eq!(local.join().expect("no panic"), Ok(()));
}

/// The thread that waits serves as well: its handler cannot wait for the very same lane.
fn a_call_inside_a_handler_stepped() {
    let (passive, active, stepper) = Link::stepped(&LinkConfig::default()).expect("a pair");
    let remote = Remote::new(active).expect("a lane to drive");
    let seen: Rc<RefCell<Vec<CallError>>> = Rc::default();
    let (inner, errors) = (remote.clone(), seen.clone());
    let local = Local::new(
        passive,
        host(move |_, _, _| {
            errors.borrow_mut().extend(inner.global().err());
            Ok(Value::Bool(true).into())
        }),
    );
    let local = Rc::new(local.expect("a lane to serve"));
    let serves = local.clone();
    stepper.on_wait(move || serves.poll().is_ok_and(|served| served != 0));
    let global = remote.global().expect("a global");
    assert_eq!(global.apply(&Value::Undefined, &[]).expect("an answer"), true.into());
    let seen = seen.borrow();
    assert!(matches!(seen[..], [CallError::Misuse(Misuse::WouldDeadlock)]), "{seen:?}");
    assert_eq!(global.get("number").expect("works on"), 0.into());
}

/// Both ends drive a lane; a handler that drives on the thread that serves would wait for an end
/// that waits for it.
fn a_call_inside_a_handler_on_its_own_lane() {
    let lanes = Lanes { active: 1, passive: 1 };
    let config = LinkConfig { lanes, ..LinkConfig::default() };
    let (passive, active) = Link::pair(&config).expect("a pair");
    let back = Remote::new(passive.clone()).expect("a lane to drive");
    let (passive_seen, seen) = std::sync::mpsc::channel();
    let local = thread::spawn(move || {
        let handler = move |_: &Caller, _: u32, _: &[Value<u32>]| {
            let begin = Instant::now();
            let error = back.global_timeout(SOON * 3).err();
            passive_seen.send((error, begin.elapsed())).expect("a test");
            Ok(Value::Null.into())
        };
        Local::new(passive, host(handler)).expect("a lane to serve").serve()
    });
    let remote = Remote::new(active).expect("a lane to drive");
    let global = remote.global().expect("a global");
    assert_eq!(global.apply(&Value::Undefined, &[]).expect("an answer"), Value::Null);
    let (error, took) = seen.recv().expect("it was called");
    assert!(
        matches!(error, Some(CallError::Misuse(Misuse::WouldDeadlock))) && took < SOON,
        "{error:?} after {took:?}"
    );
    remote.link().close();
    assert_eq!(local.join().expect("no panic"), Ok(()));
}

// Full rings and tables.

/// A timeout leaves the link usable, also where requests fill one ring and late replies the other.
fn both_rings_full_after_timeouts() {
    let config = LinkConfig { ring_bytes: 4096, ..LinkConfig::default() };
    let (passive, active) = Link::pair(&config).expect("a pair");
    let local = thread::spawn(move || {
        let long = |_: &Caller, _: u32, args: &[Value<u32>]| {
            // The first one takes so long that the others pile up behind it.
            thread::sleep(Duration::from_millis(if args.is_empty() { 200 } else { 0 }));
            Ok(Value::from("a".repeat(1800)).into())
        };
        Local::new(passive, host(long)).expect("a lane").serve()
    });
    let remote = Remote::new(active).expect("a lane to drive");
    let global = remote.global().expect("a global");
    let soon = Duration::from_millis(2);
    assert!(is_timeout(&global.apply_timeout(&Value::Undefined, &[], soon)));
    for _ in 0..40 {
        let late = global.apply_timeout(&Value::Undefined, &args!["b".repeat(100)], soon);
        assert!(is_timeout(&late), "{late:?}");
    }
    thread::sleep(Duration::from_millis(400));
    let big = "c".repeat(1900);
    let answer = global.apply_timeout(&Value::Undefined, &args![big], SOON * 5);
    remote.link().close();
    local.join().expect("no panic").expect("served");
    assert!(answer.is_ok(), "{answer:?}");
}

/// A proxy of a local that is gone never names an object of the next one.
fn a_local_after_a_local() {
    let (passive, active, stepper) = Link::stepped(&LinkConfig::default()).expect("a pair");
    let link = passive.clone();
    let made = |link| Local::new(link, host(|_, _, _| Ok(Value::Null.into())));
    let serve = |local: Local<_>| {
        let local = Rc::new(local);
        let serves = local.clone();
        stepper.on_wait(move || serves.poll().is_ok_and(|served| served != 0));
        local
    };
    let first = serve(made(passive).expect("a lane"));
    let remote = Remote::new(active).expect("a lane to drive");
    let (global, seven) =
        (remote.global().expect("a global"), |global: &Proxy| proxy(global.get(7)));
    let old = seven(&global);
    stepper.on_wait(|| false);
    drop(first);
    let Ok(second) = made(link) else {
        // To refuse is an answer as well.
        let error = old.get("number").expect_err("nobody serves");
        let closed = matches!(error, CallError::Peer(PeerError::Closed));
        assert!(closed || is_not_served(&error), "{error:?}");
        return;
    };
    let second = serve(second);
    let (_eight, _nine) = (remote.global().expect("a global"), remote.global().expect("a global"));
    proxy(remote.global().expect("a global").get(9));
    let outcome = old.get("number");
    assert!(outcome.is_err(), "an object of another local answered {outcome:?}");
    drop(second);
}

/// The time of `serve_timeout` holds also where a reply has no room.
fn serve_timeout_while_nobody_reads() {
    let config = LinkConfig { ring_bytes: 4096, ..LinkConfig::default() };
    let (passive, active) = Link::pair(&config).expect("a pair");
    let serve = thread::spawn(move || {
        let long = |_: &Caller, _: u32, _: &[Value<u32>]| {
            thread::sleep(Duration::from_millis(20));
            Ok(Value::from("a".repeat(1800)).into())
        };
        let local = Local::new(passive, host(long)).expect("a lane");
        let begin = Instant::now();
        let served = local.serve_timeout(Duration::from_millis(300));
        (served, begin.elapsed())
    });
    let remote = Remote::new(active).expect("a lane to drive");
    let global = remote.global().expect("a global");
    for _ in 0..20 {
        // Nobody reads these answers.
        let _ = global.apply_timeout(&Value::Undefined, &[], Duration::ZERO);
    }
    thread::sleep(Duration::from_millis(300) + SOON);
    let in_time = serve.is_finished();
    remote.link().close();
    let (served, took) = serve.join().expect("no panic");
    assert!(in_time, "{served:?} after {took:?}");
}

fn the_table_of_references_is_full() {
    let config = LinkConfig { max_refs: 10, ..LinkConfig::default() };
    let (passive, active) = Link::pair(&config).expect("a pair");
    let local = thread::spawn(move || {
        let local = Local::new(passive, host(|_, _, _| Ok(Value::Null.into()))).expect("a lane");
        local.serve().map(|()| local.held_objects())
    });
    let remote = Remote::new(active).expect("a lane to drive");
    let global = remote.global().expect("a global");
    for _ in 0..3 {
        let held: Vec<Proxy> = (1..10).map(|index| proxy(global.get(index))).collect();
        let error = global.get(10).expect_err("full");
        let is_full = matches!(error, CallError::Failed { failure: Failure::LimitReached, .. });
        assert!(is_full, "{error:?}");
        assert_eq!(proxy(global.get(5)), held[4], "known already");
        drop(held);
    }
    proxy(global.get(10));
    drop((global, remote));
    assert_eq!(local.join().expect("no panic"), Ok(0));
}

fn the_remotes_own_table_is_full() {
    let config = LinkConfig { max_refs: 3, ..LinkConfig::driven_by_passive(1) };
    let command = second::command("toy Adaptive").expect("this file");
    let (link, mut child) = Link::spawn(command, &config).expect("a child");
    let remote = Remote::new(link).expect("a lane to drive");
    let global = remote.global().expect("a global");
    let make = proxy(global.get("fresh"));
    for _ in 0..3 {
        let held = proxy(make.apply(&Value::Undefined, &[]));
        let error = make.apply(&Value::Undefined, &[]).expect_err("full");
        let is_full = matches!(error, CallError::Failed { failure: Failure::LimitReached, .. });
        assert!(is_full, "{error:?}");
        // What was refused is given back with what has died.
        assert_eq!(remote.held_pointers(), 4);
        drop(held);
        remote.flush().expect("the link works on");
        assert_eq!(remote.held_pointers(), 2);
    }
    drop((make, global, remote));
    assert!(child.wait().expect("a child").success());
}

// Threads.

fn dropped_in_any_order(how: Combination) {
    let session = Session::open(how);
    let (fresh, held, living) =
        (session.object("fresh"), session.object("held"), session.object("living"));
    let ask = |of: &Proxy| of.apply(&Value::Undefined, &[]).expect("a number").as_number();
    let before = (ask(&held), ask(&living));
    let pool: Mutex<Vec<Proxy>> = Mutex::default();
    let rounds = if cfg!(debug_assertions) { 300 } else { 20_000 };
    let made = AtomicU32::new(0);
    thread::scope(|threads| {
        for seed in 0..4 {
            let (fresh, pool, made) = (&fresh, &pool, &made);
            threads.spawn(move || {
                let mut random = Random::new(seed);
                let mut own: Vec<Proxy> = Vec::new();
                for round in 0..rounds {
                    match random.below(4) {
                        0 | 1 => {
                            own.push(proxy(fresh.apply(&Value::Undefined, &[])));
                            made.fetch_add(1, Relaxed);
                        }
                        2 if !own.is_empty() => {
                            drop(own.swap_remove(random.below(own.len())));
                        }
                        _ => {
                            let mut pool = pool.lock().expect("no panic");
                            std::mem::swap(&mut *pool, &mut own);
                        }
                    }
                    if let Some(one) = own.last().filter(|_| round % 5 == 0) {
                        assert!(one.set("mark", round).expect("alive"));
                        assert_eq!(one.get("mark").expect("alive"), round.into());
                    }
                }
            });
        }
    });
    drop(pool);
    session.remote.flush().expect("flushed");
    assert_eq!((ask(&held), ask(&living)), before, "after {} objects", made.into_inner());
    assert_eq!(session.ask("refused"), 0);
    drop((fresh, held, living));
    session.finish();
}

fn four_threads_on_one_lane(how: Combination) {
    let session = Session::open(how);
    let identity = session.object("identity");
    let rounds = if cfg!(debug_assertions) { 200 } else { 5000 };
    thread::scope(|threads| {
        for thread in 0..4 {
            let identity = identity.clone();
            threads.spawn(move || {
                for round in 0..rounds {
                    let number = thread * 1_000_000 + round;
                    let own = identity.apply(&Value::Undefined, &args![number]).expect("a value");
                    assert_eq!(own, number.into());
                    let text = format!("{thread}: {round}");
                    let own = identity.apply(&Value::Undefined, &args![text.clone()]);
                    assert_eq!(own.expect("a value"), text.into());
                }
            });
        }
    });
    drop(identity);
    session.finish();
}

fn a_foreign_proxy(how: Combination) {
    let (session, other) = (Session::open(how), Session::open(how));
    let (foreign, identity) = (other.object("nested"), session.object("identity"));
    let is_foreign = |error: CallError| {
        assert!(matches!(error, CallError::Misuse(Misuse::ForeignProxy)), "{error:?}");
    };
    for _ in 0..3 {
        is_foreign(identity.apply(&Value::Undefined, &args![1, &foreign]).expect_err("foreign"));
        is_foreign(identity.apply(&(&foreign).into(), &[]).expect_err("foreign"));
        is_foreign(identity.construct(&args![&foreign]).expect_err("foreign"));
        is_foreign(identity.set("key", &foreign).expect_err("foreign"));
        assert_eq!(session.call("identity", &args![3]), 3.into());
    }
    assert!(foreign.get("inner").expect("its own link").as_reference().is_some());
    drop((foreign, identity));
    session.finish();
    other.finish();
}

fn flush(how: Combination) {
    let session = Session::open(how);
    let (fresh, held) = (session.object("fresh"), session.object("held"));
    let ask = || held.apply(&Value::Undefined, &[]).expect("a number").as_number();
    session.remote.flush().expect("flushed");
    let sent = || session.remote.link().counters().records_sent;
    let before = (ask(), session.remote.held_pointers(), sent());
    session.remote.flush().expect("nothing to do");
    assert_eq!(sent(), before.2, "nothing was sent");
    // More than one frame takes along.
    let made: Vec<Proxy> = (0..700).map(|_| proxy(fresh.apply(&Value::Undefined, &[]))).collect();
    drop(made);
    assert_eq!(session.remote.held_pointers(), before.1 + 700, "until they are given back");
    session.remote.flush().expect("flushed");
    assert_eq!(session.remote.held_pointers(), before.1);
    assert_eq!(ask(), before.0);
    drop((fresh, held));
    session.finish();
}
