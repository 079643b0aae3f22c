//! What stands at a path, before and after.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::thread;

use rustix::fs::{FlockOperation, Mode};
use trapline::{
    AddressError, Link, LinkError, Listener, ListenerOptions, Misuse, SystemError, Users,
};

use super::{Dir, bind, leaves_nothing, short, talk};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("there").mode() & 0o7777
}

fn problem(path: &Path) -> AddressError {
    let others = leaves_nothing(|| Listener::bind(path).map(|_| ()));
    match others {
        Err(LinkError::Misuse(Misuse::Address { problem, .. })) => problem,
        other => panic!("{}: {other:?}", path.display()),
    }
}

pub(crate) fn modes() {
    for mask in [0o022, 0, 0o777] {
        let (dir, old) = (Dir::new(), rustix::process::umask(Mode::from_raw_mode(mask)));
        let path = dir.path();
        let listener = Listener::bind(&path);
        rustix::process::umask(old);
        let listener = listener.expect("a listener");
        assert_eq!(mode(path.parent().expect("a directory")), 0o700);
        assert_eq!(mode(&path), 0o600);
        assert!(fs::symlink_metadata(&path).expect("there").file_type().is_socket());
        drop(listener);
        assert!(!path.exists() && path.parent().expect("a directory").exists());
    }
}

pub(crate) fn modes_for_others() {
    let dir = Dir::new();
    let path = dir.path();
    let parent = path.parent().expect("a directory");
    let options = ListenerOptions { allow_users: Users::Any };
    let bind = || Listener::bind_with(&path, &short(), &options);
    drop(bind().expect("a listener"));
    assert_eq!(mode(parent), 0o711);
    let wide = AddressError::Mode { mode: 0o711, wanted: 0o700 };
    assert_eq!(problem(&path), wide);
    let listener = bind().expect("a listener");
    assert_eq!(mode(&path), 0o666);
    drop(listener);
    fs::set_permissions(parent, Permissions::from_mode(0o733)).expect("ours");
    assert!(matches!(bind(), Err(LinkError::Misuse(Misuse::Address { .. }))));
}

pub(crate) fn refused() {
    let dir = Dir::new();
    let own = dir.0.join("own");
    fs::create_dir(&own).expect("a directory");
    fs::set_permissions(&own, Permissions::from_mode(0o700)).expect("ours");
    let long = own.join("x".repeat(108));
    let len = long.as_os_str().len();
    assert_eq!(problem(&long), AddressError::TooLong { len, max: 107 });
    // The longest that fits.
    let fits = own.join("x".repeat(107 - own.as_os_str().len() - 1));
    let (client, mut listener) = {
        let listener = bind(&fits);
        (thread::spawn(move || Link::connect(fits)), listener)
    };
    let link = listener.accept().expect("a client");
    talk(&client.join().expect("no panic").expect("a link"), &link);
    assert_eq!(problem(Path::new("/")), AddressError::NoName);
    assert_eq!(problem(&own.join("..")), AddressError::NoName);
    // Whatever stands there and is no socket stays.
    for make in [
        (|path| fs::write(path, b"kept").expect("a file")) as fn(&Path),
        |path| symlink("nowhere", path).expect("a link"),
        |path| fs::create_dir(path).expect("a directory"),
    ] {
        let path = own.join("taken");
        make(&path);
        assert_eq!(problem(&path), AddressError::NotASocket);
        let there = fs::symlink_metadata(&path).expect("still there");
        if there.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) }.expect("ours");
    }
    // The directory.
    for mode in [0o701, 0o710, 0o755, 0o777] {
        fs::set_permissions(&own, Permissions::from_mode(mode)).expect("ours");
        assert_eq!(problem(&own.join("socket")), AddressError::Mode { mode, wanted: 0o700 });
    }
    fs::set_permissions(&own, Permissions::from_mode(0o700)).expect("ours");
    let (file, link) = (dir.0.join("file"), dir.0.join("link"));
    fs::write(&file, b"").expect("a file");
    symlink(&own, &link).expect("a link");
    for parent in [file, link] {
        assert_eq!(problem(&parent.join("socket")), AddressError::NotADirectory);
    }
    let nowhere = leaves_nothing(|| Listener::bind(dir.0.join("a/b/c")).map(|_| ()));
    let Err(LinkError::System(SystemError { operation: "mkdir", errno: 2 })) = nowhere else {
        panic!("{nowhere:?}");
    };
    let zero = dir.0.join(OsStr::new("a\0b")).join("c");
    assert!(matches!(Listener::bind(zero), Err(LinkError::System(_))));
}

pub(crate) fn of_somebody_else() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can give files away");
        return;
    }
    let dir = Dir::new();
    let path = dir.path();
    let parent = path.parent().expect("a directory");
    drop(bind(&path));
    std::os::unix::fs::chown(parent, Some(65534), None).expect("root");
    assert_eq!(problem(&path), AddressError::Owner { uid: 65534 });
    std::os::unix::fs::chown(parent, Some(0), None).expect("root");
    drop(UnixDatagram::bind(&path).expect("a socket"));
    std::os::unix::fs::chown(&path, Some(65534), None).expect("root");
    assert_eq!(problem(&path), AddressError::Owner { uid: 65534 });
    assert!(path.exists());
}

pub(crate) fn nobody_listens() {
    let dir = Dir::new();
    let path = dir.path();
    let connect = || leaves_nothing(|| Link::connect(&path).map(|_| ()));
    let failed = |errno| Err(LinkError::System(SystemError { operation: "connect", errno }));
    assert_eq!(connect(), failed(2));
    fs::create_dir(path.parent().expect("a directory")).expect("a directory");
    assert_eq!(connect(), failed(2));
    fs::write(&path, b"").expect("a file");
    assert_eq!(connect(), failed(111));
    let long = Link::connect(dir.0.join("x".repeat(108))).map(|_| ());
    assert!(matches!(long, Err(LinkError::Misuse(Misuse::Address { .. }))), "{long:?}");
}

pub(crate) fn alive() {
    let dir = Dir::new();
    let path = dir.path();
    let mut listener = bind(&path);
    assert_eq!(problem(&path), AddressError::InUse);
    // Whoever looked whether it lives is no client.
    let other = path.clone();
    let client = thread::spawn(move || Link::connect(other));
    let link = listener.accept().expect("a client");
    talk(&client.join().expect("no panic").expect("a link"), &link);
    drop(listener);
    // The link outlives the listener, and the path is free.
    let _again = bind(&path);
    assert!(link.lane(0).is_ok());
    // One of another kind of socket is alive too.
    let path = path.with_file_name("other");
    let _socket = UnixDatagram::bind(&path).expect("a socket");
    assert_eq!(problem(&path), AddressError::InUse);
}

pub(crate) fn only_its_own() {
    let dir = Dir::new();
    let path = dir.path();
    let aside = path.with_file_name("aside");
    let first = bind(&path);
    fs::rename(&path, &aside).expect("ours");
    let second = bind(&path);
    drop(first);
    assert!(path.exists(), "the second one's");
    assert!(aside.exists(), "not where it was put");
    assert_eq!(problem(&path), AddressError::InUse);
    drop(second);
    assert!(!path.exists());
    // What was left aside is a stale socket.
    drop(bind(&aside));
    // And where nothing is left, there is nothing to remove.
    let third = bind(&path);
    fs::remove_file(&path).expect("ours");
    drop(third);
}

/// Of several listeners that start at once at the path of a dead one, one wins, and its socket is
/// the one that stands there.
pub(crate) fn at_once() {
    let dir = Dir::new();
    let path = dir.path();
    drop(bind(&path));
    for _ in 0..50 {
        drop(UnixDatagram::bind(&path).expect("a stale socket"));
        let start = std::sync::Arc::new(std::sync::Barrier::new(4));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (start, path) = (start.clone(), path.clone());
                thread::spawn(move || {
                    start.wait();
                    Listener::bind(path)
                })
            })
            .collect();
        let all: Vec<_> = threads.into_iter().map(|one| one.join().expect("no panic")).collect();
        let (won, lost): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1, "{lost:?}");
        for one in lost {
            let Err(LinkError::Misuse(Misuse::Address { problem, .. })) = one else {
                panic!("{one:?}");
            };
            assert_eq!(problem, AddressError::InUse);
        }
        let mut listener = won.into_iter().next().expect("one").expect("won");
        let other = path.clone();
        let client = thread::spawn(move || Link::connect(other));
        drop((listener.accept().expect("a client"), client.join().expect("no panic")));
    }
}

/// While somebody holds the directory's lock, nothing is put there or taken away: a socket that
/// refuses connections may be one that is about to listen.
pub(crate) fn locked() {
    let dir = Dir::new();
    let path = dir.path();
    let first = bind(&path);
    drop(UnixDatagram::bind(path.with_file_name("stale")).expect("a stale socket"));
    let lock = fs::File::open(path.parent().expect("a directory")).expect("ours");
    rustix::fs::flock(&lock, FlockOperation::LockExclusive).expect("nobody else");
    let stale = path.with_file_name("stale");
    let options = ListenerOptions::default();
    let waited = leaves_nothing(|| Listener::bind_with(&stale, &short(), &options).map(|_| ()));
    let Err(LinkError::System(SystemError { operation: "flock", .. })) = waited else {
        panic!("{waited:?}");
    };
    let inode = fs::symlink_metadata(&stale).expect("still there").ino();
    let other = stale.clone();
    let waits = thread::spawn(move || Listener::bind(other));
    thread::sleep(short().handshake_timeout / 4);
    assert_eq!(fs::symlink_metadata(&stale).expect("still there").ino(), inode);
    drop(lock);
    let second = waits.join().expect("no panic").expect("a listener");
    drop((first, second));
    assert!(!path.exists() && !stale.exists());
}
