//! A process that may not open another descriptor.

use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use trapline::{Link, LinkError, Listener, PeerError, Side, SystemError, second};

use super::{Dir, bind, descriptors, short};

fn run_child(path: &Path) {
    let role = format!("limits {}", path.display());
    let status = second::command(&role).expect("this program").status().expect("a child");
    assert!(status.success(), "{status}");
}

pub(crate) fn too_few() {
    let dir = Dir::new();
    run_child(&dir.path());
}

/// Runs `step` with room for `more` descriptors, and checks that it leaves none behind.
fn with_room<T>(more: u64, step: impl FnOnce() -> Result<T, LinkError>) -> Result<(), LinkError> {
    let before = descriptors();
    let old = getrlimit(Resource::Nofile);
    // The listing of the descriptors has one open itself.
    let limit = Rlimit { current: Some(before as u64 - 1 + more), maximum: old.maximum };
    setrlimit(Resource::Nofile, limit).expect("less than before");
    let done = step().map(drop);
    setrlimit(Resource::Nofile, old).expect("as before");
    assert_eq!(descriptors(), before, "with room for {more}");
    done
}

/// Opens descriptors until those that are open have the lowest numbers: the limit is one of
/// numbers.
fn fill_holes() -> Vec<std::fs::File> {
    let mut files = Vec::new();
    loop {
        let file = std::fs::File::open("/dev/null").expect("a file");
        let last = usize::try_from(file.as_raw_fd()).expect("a number");
        files.push(file);
        // The listing of the descriptors counts itself.
        if last + 2 == descriptors() {
            return files;
        }
    }
}

/// Each way to meet with room for ever more descriptors: a typed error, until it works.
pub(crate) fn within_limits(path: &str) {
    let path = Path::new(path);
    // The first link of a process starts what watches over all of them, which stays.
    let (link, mut child) =
        Link::spawn(second::command("echo").expect("this program"), &short()).expect("a child");
    drop(link);
    child.wait().expect("a child");
    let _files = fill_holes();
    let until_it_works = |name: &str, step: &dyn Fn() -> Result<(), LinkError>| {
        let mut failed = 0;
        for more in 0..20 {
            match with_room(more, step) {
                Ok(()) => {
                    assert!(failed > 0, "{name} needs no descriptor");
                    return;
                }
                Err(LinkError::System(SystemError { errno: 24, .. })) => failed += 1,
                // The other end is in this process too, or in one that was told.
                Err(LinkError::Peer(PeerError::Refused(_) | PeerError::Timeout)) => failed += 1,
                Err(error) => panic!("{name} with room for {more}: {error:?}"),
            }
        }
        panic!("{name} never worked");
    };
    until_it_works("bind", &|| Listener::bind(path).map(drop));
    until_it_works("offer", &|| Link::offer(&short()).map(drop));
    until_it_works("spawn", &|| {
        let (link, mut child) = Link::spawn(second::command("echo")?, &short())?;
        drop(link);
        child.wait().expect("a child");
        Ok(())
    });
    until_it_works("stream", &|| {
        let pair = std::os::unix::net::UnixStream::pair();
        let full = |_| SystemError { operation: "socketpair", errno: 24 };
        let (here, there) = pair.map_err(full)?;
        let passive = std::thread::spawn(move || Link::from_stream(there, Side::Passive, &short()));
        let active = Link::from_stream(here, Side::Active, &short());
        let passive = passive.join().expect("no panic");
        active.and(passive).map(drop)
    });
    let listener = std::cell::RefCell::new(bind(path));
    until_it_works("accept", &|| {
        let path = path.to_owned();
        let client =
            std::thread::spawn(move || Link::connect_with(path, &short(), &Default::default()));
        let link = listener.borrow_mut().accept_timeout(Duration::from_millis(500));
        // What is left of a client that was not accepted goes with it.
        let client = client.join().expect("no panic");
        if link.is_err() {
            drop(client);
            while listener.borrow_mut().accept_timeout(Duration::ZERO).is_ok() {}
            return link.map(drop);
        }
        client.and(link).map(drop)
    });
}
