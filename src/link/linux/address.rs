//! [`Place`]: where a listener's socket stands in the file system, safely put there and taken away.
//!
//! Only this user can enter the directory, so nobody else can put anything in the socket's place
//! or reach it. Whoever puts a socket there or takes one away holds the directory's lock
//! (`flock`), so that of two listeners that start at once, neither takes the other's fresh socket,
//! which refuses connections until it listens, for one that a dead listener has left.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::geteuid;

use crate::error::{AddressError, LinkError, Misuse, SystemError};
use crate::futex::Deadline;

/// Longest path: one byte of the address stays for the zero that other languages put there.
const MAX_PATH: usize = 107;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;
/// How long the lock is asked for again.
const PAUSE: Duration = Duration::from_millis(1);
/// How long a listener that ends waits for the lock. What it leaves then is replaced later.
const LAST_WAIT: Duration = Duration::from_millis(50);

/// A socket's place in a directory. Dropping it removes the socket, if it is still the same.
#[derive(Debug)]
pub(super) struct Place {
    dir: OwnedFd,
    name: OsString,
    /// Device and number of the socket's inode, which stays taken while the socket is open.
    inode: (u64, u64),
}

/// A packet socket that does not wait.
pub(super) fn packet_socket() -> Result<OwnedFd, SystemError> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
        .map_err(|e| SystemError::new("socket", e))
}

/// The address of a path.
pub(super) fn address(path: &Path) -> Result<SocketAddrUnix, LinkError> {
    let len = path.as_os_str().len();
    if len > MAX_PATH {
        return Err(misuse(path, AddressError::TooLong { len, max: MAX_PATH }));
    }
    Ok(SocketAddrUnix::new(path).map_err(|e| SystemError::new("address", e))?)
}

fn misuse(path: &Path, problem: AddressError) -> LinkError {
    Misuse::Address { path: path.to_owned(), problem }.into()
}

/// Makes the directory if need be, and a listening socket in it. Where `others` may connect, they
/// can enter the directory and reach the socket; what they are is for the listener to check.
pub(super) fn listen(
    path: &Path,
    others: bool,
    timeout: Duration,
) -> Result<(OwnedFd, Place), LinkError> {
    let address = address(path)?;
    let name = path.file_name().ok_or_else(|| misuse(path, AddressError::NoName))?;
    let dir = directory(path, others)?;
    lock(&dir, timeout)?;
    let made = put(path, &address, dir, name, others);
    if let Ok((_, place)) = &made {
        unlock(&place.dir);
    }
    made
}

fn put(
    path: &Path,
    address: &SocketAddrUnix,
    dir: OwnedFd,
    name: &OsStr,
    others: bool,
) -> Result<(OwnedFd, Place), LinkError> {
    clear(path, address, &dir, name)?;
    let socket = packet_socket()?;
    rustix::net::bind(&socket, address).map_err(|errno| match errno {
        Errno::ADDRINUSE => misuse(path, AddressError::InUse),
        errno => SystemError::new("bind", errno).into(),
    })?;
    let stat = look(&dir, name).map_err(|e| SystemError::new("stat", e))?;
    // From here on it is removed if anything fails.
    let place = Place { dir, name: name.to_owned(), inode: (stat.st_dev, stat.st_ino) };
    let mode = Mode::from_raw_mode(if others { 0o666 } else { 0o600 });
    // Nobody can connect before it listens, so nobody does with the mode it was made with.
    rustix::fs::chmodat(&place.dir, name, mode, AtFlags::empty())
        .map_err(|e| SystemError::new("chmod", e))?;
    rustix::net::listen(&socket, BACKLOG).map_err(|e| SystemError::new("listen", e))?;
    Ok((socket, place))
}

/// Removes a socket that a dead listener left; anything else there is an error.
fn clear(
    path: &Path,
    address: &SocketAddrUnix,
    dir: &OwnedFd,
    name: &OsStr,
) -> Result<(), LinkError> {
    let stat = match look(dir, name) {
        Err(Errno::NOENT) => return Ok(()),
        stat => stat.map_err(|e| SystemError::new("stat", e))?,
    };
    if FileType::from_raw_mode(stat.st_mode) != FileType::Socket {
        return Err(misuse(path, AddressError::NotASocket));
    }
    if stat.st_uid != geteuid().as_raw() {
        return Err(misuse(path, AddressError::Owner { uid: stat.st_uid }));
    }
    match rustix::net::connect(packet_socket()?, address) {
        Err(Errno::CONNREFUSED) => {}
        Err(Errno::NOENT) => return Ok(()),
        // Alive, with too many who wait, or of another kind of socket.
        Ok(()) | Err(Errno::AGAIN | Errno::PROTOTYPE) => {
            return Err(misuse(path, AddressError::InUse));
        }
        Err(errno) => return Err(SystemError::new("connect", errno).into()),
    }
    rustix::fs::unlinkat(dir, name, AtFlags::empty())
        .map_err(|e| SystemError::new("unlink", e).into())
}

/// Opens the directory of `path`, made if it is missing, and checks that it is safe.
fn directory(path: &Path, others: bool) -> Result<OwnedFd, LinkError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.map_or_else(|| PathBuf::from("."), Path::to_owned);
    let mode = Mode::from_raw_mode(if others { 0o711 } else { 0o700 });
    let made = match rustix::fs::mkdir(&parent, mode) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(errno) => return Err(SystemError::new("mkdir", errno).into()),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = match rustix::fs::open(&parent, flags, Mode::empty()) {
        Ok(dir) => dir,
        Err(Errno::NOTDIR | Errno::LOOP) => {
            return Err(misuse(&parent, AddressError::NotADirectory));
        }
        Err(Errno::ACCESS) => {
            // Most likely somebody else's; then that is what to say.
            let stat = rustix::fs::lstat(&parent).map_err(|e| SystemError::new("stat", e))?;
            check_owner(&parent, &stat)?;
            return Err(SystemError::new("open", Errno::ACCESS).into());
        }
        Err(errno) => return Err(SystemError::new("open", errno).into()),
    };
    let stat = rustix::fs::fstat(&dir).map_err(|e| SystemError::new("stat", e))?;
    check_owner(&parent, &stat)?;
    if made {
        // The file mode mask of the process may have taken bits away.
        rustix::fs::fchmod(&dir, mode).map_err(|e| SystemError::new("chmod", e))?;
        return Ok(dir);
    }
    let has = stat.st_mode & 0o777;
    let wanted = if others { 0o755 } else { 0o700 };
    if has & !wanted != 0 {
        return Err(misuse(&parent, AddressError::Mode { mode: has, wanted }));
    }
    Ok(dir)
}

fn check_owner(path: &Path, stat: &Stat) -> Result<(), LinkError> {
    if stat.st_uid == geteuid().as_raw() {
        return Ok(());
    }
    Err(misuse(path, AddressError::Owner { uid: stat.st_uid }))
}

fn look(dir: impl AsFd, name: &OsStr) -> Result<Stat, Errno> {
    rustix::fs::statat(dir, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW)
}

fn lock(dir: &OwnedFd, timeout: Duration) -> Result<(), LinkError> {
    let mut deadline = Deadline::In(timeout);
    loop {
        match rustix::fs::flock(dir, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK) if !deadline.has_passed() => std::thread::sleep(PAUSE),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(SystemError::new("flock", errno).into()),
        }
    }
}

fn unlock(dir: &OwnedFd) {
    // Closing the directory would do the same.
    let _ = rustix::fs::flock(dir, FlockOperation::Unlock);
}

impl Drop for Place {
    fn drop(&mut self) {
        if lock(&self.dir, LAST_WAIT).is_err() {
            return;
        }
        let same = |stat: Stat| (stat.st_dev, stat.st_ino) == self.inode;
        if look(&self.dir, &self.name).is_ok_and(same) {
            // Where it cannot be removed, it is stale, and replaced by the next listener.
            let _ = rustix::fs::unlinkat(&self.dir, &self.name, AtFlags::empty());
        }
        unlock(&self.dir);
    }
}
