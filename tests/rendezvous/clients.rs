//! Those who come to a listener.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};
use trapline::{
    Link, LinkConfig, LinkError, Listener, ListenerOptions, PeerError, Refusal, Side, Users, second,
};

use super::support::hand::{self, ACCEPT, HandSegment, MESSAGE, REFUSE, SEALS};
use super::support::watch::{SOON, within};
use super::{Dir, bind, leaves_nothing, short, talk};

/// Another user than the one that runs the tests, where that is root.
const NOBODY: u32 = 65534;

/// A listener that never accepts, until it is killed.
pub(crate) fn listen_until_killed(path: &str) {
    let _listener = bind(Path::new(path));
    println!("listening");
    std::io::stdout().flush().expect("a reader");
    thread::sleep(Duration::from_secs(60));
}

/// Says how it went.
pub(crate) fn connect_and_say(path: &str) {
    println!("{:?}", Link::connect_with(path, &short(), &Users::Any).map(|_| ()));
}

fn listening(path: &Path, user: Option<u32>) -> Child {
    let mut command = second::command(&format!("listen {}", path.display())).expect("this program");
    if let Some(user) = user {
        command.uid(user);
    }
    let mut child = command.stdout(Stdio::piped()).spawn().expect("a child");
    let mut line = String::new();
    let output = child.stdout.as_mut().expect("piped");
    BufReader::new(output).read_line(&mut line).expect("text");
    assert_eq!(line.trim(), "listening");
    child
}

/// Connects without any handshake.
fn raw(path: &Path) -> OwnedFd {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None);
    let socket = socket.expect("a socket");
    let address = SocketAddrUnix::new(path).expect("short enough");
    rustix::net::connect(&socket, &address).expect("a listener");
    socket
}

fn refusal(listener: &Listener) -> Refusal {
    match listener.last_refusal() {
        Some(LinkError::Peer(PeerError::Refused(refusal))) => refusal.clone(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn restart() {
    let dir = Dir::new();
    let path = dir.path();
    for _ in 0..3 {
        let mut child = listening(&path, None);
        let taken = Listener::bind(&path).map(|_| ());
        assert!(matches!(taken, Err(LinkError::Misuse(_))), "{taken:?}");
        child.kill().expect("alive");
        child.wait().expect("a child");
        assert!(path.exists(), "a killed listener leaves its socket");
    }
    let mut listener = bind(&path);
    let client = thread::spawn(move || Link::connect(path));
    let link = listener.accept().expect("a client");
    talk(&client.join().expect("no panic").expect("a link"), &link);
}

pub(crate) fn eight_at_once() {
    let dir = Dir::new();
    let path = dir.path();
    let mut listener = bind(&path);
    leaves_nothing(|| {
        let start = Arc::new(Barrier::new(8));
        let clients: Vec<_> = (0..8u8)
            .map(|number| {
                let (start, path) = (start.clone(), path.clone());
                thread::spawn(move || {
                    start.wait();
                    let link = Link::connect(path).expect("a link");
                    let (mut got, mut lane) = (Vec::new(), link.lane(0).expect("a lane"));
                    lane.send(&[number; 100]).expect("sent");
                    lane.receive(&mut got).expect("received");
                    assert_eq!(got, [number; 100], "an answer of its own");
                })
            })
            .collect();
        let links: Vec<Link> = (0..8).map(|_| listener.accept().expect("a client")).collect();
        for link in &links {
            let (mut got, mut lane) = (Vec::new(), link.lane(0).expect("a lane"));
            lane.receive(&mut got).expect("received");
            lane.send(&got).expect("sent");
        }
        clients.into_iter().for_each(|client| client.join().expect("no panic"));
    });
    assert_eq!(listener.refused(), 0);
}

pub(crate) fn two_hundred() {
    let dir = Dir::new();
    let path = dir.path();
    let mut listener = bind(&path);
    leaves_nothing(|| {
        let clients = thread::spawn(move || {
            for _ in 0..200 {
                let link = Link::connect(&path).expect("a link");
                let (mut got, mut lane) = (Vec::new(), link.lane(0).expect("a lane"));
                lane.send(b"one").expect("sent");
                lane.receive(&mut got).expect("received");
            }
        });
        for _ in 0..200 {
            let link = listener.accept().expect("a client");
            let (mut got, mut lane) = (Vec::new(), link.lane(0).expect("a lane"));
            lane.receive(&mut got).expect("received");
            lane.send(&got).expect("sent");
        }
        clients.join().expect("no panic");
    });
    assert_eq!(listener.refused(), 0);
}

pub(crate) fn accept_timeout() {
    let dir = Dir::new();
    let path = dir.path();
    let mut listener = bind(&path);
    for timeout in [Duration::ZERO, Duration::from_millis(20)] {
        let begin = Instant::now();
        let nobody = within(SOON, || listener.accept_timeout(timeout).map(|_| ()));
        assert_eq!(nobody, Err(PeerError::Timeout.into()));
        assert!(begin.elapsed() >= timeout);
    }
    // An event loop: it waits for the descriptor, and never within the listener.
    let client = thread::spawn(move || Link::connect(path));
    let link = loop {
        let mut ask = [rustix::event::PollFd::new(&listener, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut ask, None).expect("polled");
        match listener.accept_timeout(Duration::ZERO) {
            Err(LinkError::Peer(PeerError::Timeout)) => {}
            link => break link.expect("a client"),
        }
    };
    talk(&client.join().expect("no panic").expect("a link"), &link);
}

/// An honest client gets its link at once, whatever others do meanwhile.
fn honest(listener: &mut Listener, path: &Path) {
    let path = path.to_owned();
    within(SOON, || {
        let client = thread::spawn(move || Link::connect(path));
        let link = listener.accept_timeout(SOON).expect("a client");
        talk(&client.join().expect("no panic").expect("a link"), &link);
    });
}

/// What a client answers the OFFER with: bytes, and files beside them.
fn lie(listener: &mut Listener, path: &Path, bytes: &[u8], files: usize) -> (Refusal, u32) {
    let before = listener.refused();
    let client = raw(path);
    assert_eq!(listener.accept_timeout(Duration::ZERO).map(|_| ()), Err(PeerError::Timeout.into()));
    let (offer, segment) = hand::receive(&client);
    assert_eq!((offer.len(), segment.len()), (MESSAGE, 1));
    drop(segment);
    let honest = HandSegment::new(&hand::plan(Side::Active, Side::Active), SEALS);
    let beside: Vec<BorrowedFd<'_>> = (0..files).map(|_| honest.file.as_fd()).collect();
    hand::send(&client, bytes, &beside);
    assert_eq!(listener.accept_timeout(Duration::ZERO).map(|_| ()), Err(PeerError::Timeout.into()));
    assert_eq!(listener.refused(), before + 1, "{} bytes, {files} files", bytes.len());
    let (said, _) = hand::receive(&client);
    let refused = said.get(12..16) == Some(&REFUSE.to_le_bytes());
    let code = said.get(32..36).filter(|_| refused).map_or(0, |code| code[0].into());
    (refusal(listener), code)
}

pub(crate) fn liars() {
    let dir = Dir::new();
    let path = dir.path();
    let mut listener = bind(&path);
    let accept = hand::message(ACCEPT, 1 << 20, 0, 0);
    leaves_nothing(|| {
        for len in 1..MESSAGE {
            for files in [0, 1] {
                let said = lie(&mut listener, &path, &accept[..len], files);
                assert_eq!(said, (Refusal::Malformed { problem: "wrong length" }, 1));
            }
        }
        for count in [0, 2, 16] {
            let said = lie(&mut listener, &path, &accept, count);
            assert_eq!(said, (Refusal::Descriptors { count }, 3));
        }
        assert!(matches!(lie(&mut listener, &path, &accept, 1), (Refusal::Size { .. }, 5)));
        let again = hand::message(hand::OFFER, 1 << 20, 1, 1);
        assert!(matches!(lie(&mut listener, &path, &again, 1), (Refusal::Malformed { .. }, 1)));
        assert_eq!(lie(&mut listener, &path, b"", 0).0, Refusal::HungUp);
        let mut refused = hand::message(REFUSE, 0, 0, 0);
        refused[32] = 77;
        assert_eq!(lie(&mut listener, &path, &refused, 0), (Refusal::ByPeer { code: 77 }, 0));
        // Gone before it is looked at, and in mid-handshake.
        let before = listener.refused();
        drop(raw(&path));
        let client = raw(&path);
        let _ = listener.accept_timeout(Duration::ZERO);
        drop(client);
        let _ = listener.accept_timeout(Duration::ZERO);
        assert_eq!((refusal(&listener), listener.refused()), (Refusal::HungUp, before + 2));
        honest(&mut listener, &path);
    });
}

pub(crate) fn silent() {
    let dir = Dir::new();
    let path = dir.path();
    let mut listener = bind(&path);
    leaves_nothing(|| {
        let silent: Vec<OwnedFd> = (0..20).map(|_| raw(&path)).collect();
        let begin = Instant::now();
        while begin.elapsed() < short().handshake_timeout / 2 {
            honest(&mut listener, &path);
        }
        assert_eq!(listener.refused(), 0, "not yet");
        let wait = short().handshake_timeout + Duration::from_millis(50);
        assert!(listener.accept_timeout(wait).is_err());
        assert_eq!((listener.refused(), refusal(&listener)), (20, Refusal::Timeout));
        for client in silent {
            let (offer, _) = hand::receive(&client);
            let (refused, _) = hand::receive(&client);
            assert_eq!((offer.len(), refused[12], refused[32]), (MESSAGE, REFUSE as u8, 7));
            assert!(hand::receive(&client).0.is_empty(), "hung up");
        }
    });
}

/// More than are kept: the oldest go, and the honest one still gets in.
pub(crate) fn too_many_silent() {
    let dir = Dir::new();
    let path = dir.path();
    let config = LinkConfig { handshake_timeout: Duration::from_secs(60), ..short() };
    let mut listener =
        Listener::bind_with(&path, &config, &ListenerOptions::default()).expect("a listener");
    leaves_nothing(|| {
        let mut silent = Vec::new();
        for _ in 0..10 {
            silent.extend((0..20).map(|_| raw(&path)));
            assert!(listener.accept_timeout(Duration::ZERO).is_err());
        }
        assert_eq!(listener.refused(), 200 - 64);
        honest(&mut listener, &path);
        drop(silent);
        assert!(listener.accept_timeout(Duration::ZERO).is_err());
        assert_eq!(listener.refused(), 200);
    });
}

fn is_root() -> bool {
    let is = rustix::process::geteuid().is_root();
    if !is {
        eprintln!("skipped: only root can act as another user");
    }
    is
}

/// What a client that runs as [`NOBODY`] says.
fn nobody_connects(listener: &mut Listener, path: &Path) -> String {
    let mut command =
        second::command(&format!("connect {}", path.display())).expect("this program");
    let mut child = command.uid(NOBODY).stdout(Stdio::piped()).spawn().expect("a child");
    let mut links = Vec::new();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        links.extend(listener.accept_timeout(Duration::from_millis(5)));
    };
    let mut text = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut text).expect("text");
    assert!(status.success(), "{status}: {text}");
    text.trim().to_owned()
}

pub(crate) fn another_user() {
    if !is_root() {
        return;
    }
    let dir = Dir::new();
    let path = dir.path();
    let mut listener = bind(&path);
    let kept_out = nobody_connects(&mut listener, &path);
    assert!(kept_out.contains("connect") && kept_out.contains("errno: 13"), "{kept_out}");
    assert_eq!(listener.refused(), 0);
    // Where the file system lets it through, the kernel still says who it is.
    use std::os::unix::fs::PermissionsExt;
    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("ours");
    };
    open(path.parent().expect("a directory"), 0o755);
    open(&path, 0o666);
    let refused = nobody_connects(&mut listener, &path);
    assert!(refused.contains("ByPeer { code: 10 }"), "{refused}");
    assert_eq!(refusal(&listener), Refusal::User { uid: NOBODY });
    drop(listener);
    for (users, linked) in
        [(Users::Also(vec![1, NOBODY]), true), (Users::Any, true), (Users::Also(vec![1, 2]), false)]
    {
        let options = ListenerOptions { allow_users: users };
        let mut listener = Listener::bind_with(&path, &short(), &options).expect("a listener");
        let said = nobody_connects(&mut listener, &path);
        assert_eq!(said == "Ok(())", linked, "{options:?}: {said}");
    }
}

pub(crate) fn listener_of_another_user() {
    if !is_root() {
        return;
    }
    let dir = Dir::new();
    std::os::unix::fs::chown(&dir.0, Some(NOBODY), None).expect("root");
    let path = dir.path();
    let mut child = listening(&path, Some(NOBODY));
    let refused = leaves_nothing(|| Link::connect(&path).map(|_| ()));
    assert_eq!(refused, Err(Refusal::User { uid: NOBODY }.into()));
    child.kill().expect("alive");
    child.wait().expect("a child");
}
