//! Children that a host starts by itself.

use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use trapline::{Link, LinkConfig, LinkError, Misuse, Offer, Refusal, WaitPolicy, second};

use super::support::watch::{SOON, within};
use super::{leaves_nothing, short};

/// Sends everything back.
pub(crate) fn echo() {
    let link = Link::inherited().expect("a parent");
    let (mut got, mut lane) = (Vec::new(), link.lane(0).expect("a lane"));
    while lane.receive(&mut got).is_ok() {
        lane.send(&got).expect("sent");
    }
}

/// Messages of many lengths, each of which comes back.
fn all_come_back(link: &Link) {
    let (mut got, mut lane) = (Vec::new(), link.lane(0).expect("a lane"));
    for round in 0..3000usize {
        let message = vec![round as u8; round * 7 % 3001];
        lane.send_timeout(&message, SOON * 5).expect("sent");
        lane.receive_timeout(&mut got, SOON * 5).expect("received");
        assert!(got == message, "message {round}");
    }
}

fn config() -> LinkConfig {
    LinkConfig { handshake_timeout: Duration::from_secs(5), ..LinkConfig::driven_by_passive(1) }
}

pub(crate) fn of_a_host() {
    for number in [3, 7, 9] {
        leaves_nothing(|| {
            let mut offer = Link::offer(&config()).expect("an offer");
            let descriptor = offer.take_descriptor().expect("the first time");
            assert!(offer.take_descriptor().is_none());
            let flags = rustix::io::fcntl_getfd(&descriptor).expect("open");
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
            // A host that starts its child through a shell, which puts the descriptor in place.
            let open = rustix::io::fcntl_dupfd_cloexec(&descriptor, 20).expect("a descriptor");
            drop(descriptor);
            rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).expect("open");
            let [(name, value)] = Offer::environment(number);
            assert_eq!((name, value.as_str()), ("TRAPLINE_LINK", number.to_string().as_str()));
            let from = open.as_raw_fd();
            let program = second::command("echo").expect("this program");
            let mut child = Command::new("bash")
                .args(["-c", &format!("exec \"$0\" {number}<&{from} {from}<&-")])
                .arg(program.get_program())
                .env(name, value)
                .env("TRAPLINE_ROLE", "echo")
                .spawn()
                .expect("a child");
            drop(open);
            let link = offer.accept().expect("a link");
            all_come_back(&link);
            drop(link);
            assert!(within(SOON * 5, || child.wait().expect("a child")).success());
        });
    }
    // The same for a command that the host starts.
    let mut offer = Link::offer(&config()).expect("an offer");
    let mut command = second::command("echo").expect("this program");
    offer.pass_to(&mut command).expect("a descriptor");
    assert!(offer.take_descriptor().is_none(), "passed already");
    let mut child = command.spawn().expect("a child");
    drop(command);
    let link = offer.accept().expect("a link");
    all_come_back(&link);
    drop(link);
    assert!(child.wait().expect("a child").success());
}

pub(crate) fn that_ends() {
    leaves_nothing(|| {
        let mut offer = Link::offer(&short()).expect("an offer");
        let mut command = second::command("exit").expect("this program");
        offer.pass_to(&mut command).expect("a descriptor");
        let mut child = command.spawn().expect("a child");
        drop(command);
        let ended = within(short().handshake_timeout, || offer.accept().map(|_| ()));
        assert_eq!(ended, Err(Refusal::HungUp.into()));
        child.wait().expect("a child");
    });
    // Nobody was started: its end is closed by then.
    let nobody = leaves_nothing(|| Link::offer(&short()).expect("an offer").accept().map(|_| ()));
    assert_eq!(nobody, Err(Refusal::HungUp.into()));
    // Its end is held by the host: then only the time tells.
    let mut offer = Link::offer(&short()).expect("an offer");
    let _held = offer.take_descriptor();
    assert_eq!(offer.accept().map(|_| ()), Err(Refusal::Timeout.into()));
    let wrong = LinkConfig { ring_bytes: 5000, ..short() };
    let refused = leaves_nothing(|| Link::offer(&wrong).map(|_| ()));
    assert!(matches!(refused, Err(LinkError::Misuse(Misuse::Config { .. }))), "{refused:?}");
}

/// A program that was written after `docs/layout.md` and `docs/wire.md`, without this crate.
pub(crate) fn in_python() {
    let there = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        let required = std::env::var_os("TRAPLINE_REQUIRE_NPM").is_some();
        assert!(!required, "python3 is not there");
        eprintln!("skipped: python3 is not there");
        return;
    }
    // It rings no bell, so this end must not sleep.
    let config = LinkConfig { wait: WaitPolicy::Spin, ring_bytes: 1 << 16, ..config() };
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/join.py"));
    let (link, mut child) = Link::spawn(command, &config).expect("a link");
    all_come_back(&link);
    drop(link);
    assert!(within(SOON * 5, || child.wait().expect("a child")).success());
}
