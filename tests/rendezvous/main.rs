//! How two ends meet: at a path, over a stream that was handed in, as a child of a host, and from
//! another language. Whatever goes wrong is a typed error in bounded time, nobody else waits for
//! it, and nothing is left behind.
#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod children;
mod clients;
mod limits;
mod paths;
mod streams;

use std::path::{Path, PathBuf};
use std::time::Duration;

use support::watch::{conclude_alone, trial};
use trapline::{Link, LinkConfig, Listener, ListenerOptions, second};

fn main() {
    if let Some(role) = second::role() {
        let words: Vec<&str> = role.split(' ').collect();
        return match words[..] {
            ["echo"] => children::echo(),
            ["exit"] => {}
            ["listen", path] => clients::listen_until_killed(path),
            ["connect", path] => clients::connect_and_say(path),
            ["limits", path] => limits::within_limits(path),
            _ => panic!("no role {role}"),
        };
    }
    let cases: &[(&str, fn())] = &[
        ("modes of socket and directory", paths::modes),
        ("modes where others may connect", paths::modes_for_others),
        ("paths that are refused", paths::refused),
        ("a path of somebody else", paths::of_somebody_else),
        ("nobody listens", paths::nobody_listens),
        ("a listener is alive", paths::alive),
        ("only its own socket is removed", paths::only_its_own),
        ("listeners that start at once", paths::at_once),
        ("a directory that is locked", paths::locked),
        ("a listener that was killed", clients::restart),
        ("eight clients at once", clients::eight_at_once),
        ("two hundred clients one after another", clients::two_hundred),
        ("accept with a timeout", clients::accept_timeout),
        ("clients that lie", clients::liars),
        ("clients that are silent", clients::silent),
        ("too many clients that are silent", clients::too_many_silent),
        ("a client of another user", clients::another_user),
        ("a listener of another user", clients::listener_of_another_user),
        ("streams", streams::honest),
        ("a stream byte by byte", streams::byte_by_byte),
        ("a stream cut at every byte", streams::cut),
        ("a stream with other files", streams::files),
        ("a stream that trickles", streams::trickle),
        ("READY with a file", streams::ready_with_a_file),
        ("sockets of other kinds", streams::other_kinds),
        ("a child of a host", children::of_a_host),
        ("a child of a host that ends", children::that_ends),
        ("a child in Python", children::in_python),
        ("too few descriptors", limits::too_few),
    ];
    conclude_alone(cases.iter().map(|(name, case)| trial((*name).to_owned(), *case)).collect())
}

/// A directory of this test's own, removed with all that is in it.
#[derive(Debug)]
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("trapline-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).expect("a directory");
        Self(dir)
    }

    /// A path whose directory does not exist yet.
    fn path(&self) -> PathBuf {
        self.0.join("link").join("socket")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Options of an end that is not patient.
fn short() -> LinkConfig {
    LinkConfig {
        handshake_timeout: Duration::from_millis(400),
        max_segment: 16 << 20,
        ..LinkConfig::default()
    }
}

fn bind(path: &Path) -> Listener {
    Listener::bind_with(path, &short(), &ListenerOptions::default()).expect("a listener")
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("proc").count()
}

/// Runs `step`, and checks that it leaves no descriptor behind.
#[track_caller]
fn leaves_nothing<T>(step: impl FnOnce() -> T) -> T {
    let before = descriptors();
    let done = step();
    assert_eq!(descriptors(), before, "descriptors");
    done
}

/// Sends a message from one end to the other and back.
#[track_caller]
fn talk(active: &Link, passive: &Link) {
    let mut got = Vec::new();
    let (mut here, mut there) = (active.lane(0).expect("a lane"), passive.lane(0).expect("a lane"));
    for message in [&b"ping"[..], &[7; 1000]] {
        here.send(message).expect("sent");
        there.receive_timeout(&mut got, Duration::from_secs(5)).expect("received");
        assert_eq!(got, message);
        there.send(message).expect("sent");
        here.receive_timeout(&mut got, Duration::from_secs(5)).expect("received");
        assert_eq!(got, message);
    }
}
