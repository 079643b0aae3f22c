//! Segments on Linux: sealed memory files, anonymous memory for links within a process, and the
//! one descriptor that a child inherits.
#![allow(
    unsafe_code,
    reason = "makes regions of mappings, and owned descriptors of inherited numbers"
)]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr::NonNull;
use std::sync::Arc;

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;

use super::check::{self, Expected};
use super::reserved::{DeathNode, Reserved};
use super::{OwnSegment, PeerSegment, Plan};
use crate::error::{LinkError, Misuse, Refusal, SystemError};
use crate::layout::DEATH;
use crate::shared::{OwnRegion, PeerRegion};

/// What makes a memory file a segment: its size is fixed, and nobody can write to it but through
/// the mapping that its owner made before.
const SEALS: SealFlags =
    SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::FUTURE_WRITE).union(SealFlags::SEAL);

/// Makes, maps and seals a segment; the file descriptor is for the peer.
///
/// # Errors
/// What the operating system refuses.
pub fn sealed(plan: &Plan) -> Result<(OwnSegment, OwnedFd), LinkError> {
    sealed_with_node(plan).map(|(own, _, file)| (own, file))
}

/// As [`sealed`], with the node by which a sentinel lets the kernel mark the death word. Nobody
/// may have the file descriptor before the node is in a list.
///
/// # Errors
/// What the operating system refuses.
pub fn sealed_with_node(plan: &Plan) -> Result<(OwnSegment, DeathNode, OwnedFd), LinkError> {
    let (table, len) = plan.table();
    let file = memory_file()?;
    rustix::fs::ftruncate(&file, len).map_err(|e| SystemError::new("ftruncate", e))?;
    let map = Arc::new(Reserved::new(&file, within_memory(len)?)?);
    rustix::fs::fcntl_add_seals(&file, SEALS).map_err(|e| SystemError::new("seal", e))?;
    // SAFETY: the map was just made, writable, `len` bytes long, page-aligned, and lives as long
    // as `keep`; no reference to it exists, and only this region's windows write to it: other
    // processes are kept from it by the seals, this one by handing out one region.
    let region = unsafe { OwnRegion::new(map.segment(), map.len(), map.clone()) };
    plan.write(&table, &region);
    let node = map.node(region.u32(DEATH));
    Ok((OwnSegment { region, table }, node, file))
}

fn within_memory(len: u64) -> Result<usize, Misuse> {
    usize::try_from(len)
        .map_err(|_| Misuse::Config { option: "ring_bytes", problem: "beyond memory".into() })
}

/// Maps the peer's segment read-only, once its seals, size and front are what they must be.
/// `expected` is this end's own plan.
///
/// # Errors
/// [`Refusal`], or what the operating system refuses.
pub fn attach(
    file: OwnedFd,
    announced: u64,
    max: u64,
    expected: &Plan,
) -> Result<PeerSegment, LinkError> {
    // Seals first: before them, size and content could still change.
    let seals = rustix::fs::fcntl_get_seals(&file);
    match seals {
        Ok(seals) if seals.contains(SEALS) => {}
        seals => return Err(Refusal::Unsealed { seals: seals.ok().map(|s| s.bits()) }.into()),
    }
    let stat = rustix::fs::fstat(&file).map_err(|e| SystemError::new("fstat", e))?;
    let len = u64::try_from(stat.st_size).unwrap_or(0);
    if len != announced || len > max || len == 0 {
        return Err(Refusal::Size { len, announced, max }.into());
    }
    let map =
        MmapOptions::new().map_raw_read_only(&file).map_err(|e| SystemError::new("mmap", e))?;
    believe(peer_region(Arc::new(map)), expected)
}

/// Makes a segment of a region whose front is what it must be.
fn believe(region: PeerRegion, expected: &Plan) -> Result<PeerSegment, LinkError> {
    let side = expected.side.other();
    let (lanes, active_lanes) = (expected.lanes, expected.active_lanes);
    let table = check::front(&region, Expected { side, lanes, active_lanes })?;
    Ok(PeerSegment { region, table })
}

/// A segment in private memory, with the peer's view of it.
///
/// # Errors
/// What the operating system refuses.
pub fn heap(plan: &Plan) -> Result<(OwnSegment, PeerSegment), LinkError> {
    let (table, len) = plan.table();
    let map = MmapOptions::new()
        .len(within_memory(len)?)
        .map_anon()
        .map_err(|e| SystemError::new("mmap", e))?;
    let map = Arc::new(MmapRaw::from(map));
    let peer = peer_region(map.clone());
    let own = region_of(map);
    plan.write(&table, &own);
    let peer = PeerSegment { region: peer, table: table.clone() };
    Ok((OwnSegment { region: own, table }, peer))
}

/// For the fuzzer: a peer's segment of `len` bytes that begins with `bytes`, checked as one that
/// was attached. It is private memory.
///
/// # Errors
/// As [`attach`].
#[doc(hidden)]
pub fn attach_bytes(bytes: &[u8], len: usize, expected: &Plan) -> Result<PeerSegment, LinkError> {
    let map = MmapOptions::new()
        .len(len.max(bytes.len()).max(1))
        .map_anon()
        .map_err(|e| SystemError::new("mmap", e))?;
    let map = Arc::new(MmapRaw::from(map));
    region_of(map.clone()).bytes(0, bytes.len()).slice_mut(0, bytes.len()).copy_from_slice(bytes);
    believe(peer_region(map), expected)
}

fn memory_file() -> Result<OwnedFd, SystemError> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    rustix::fs::memfd_create("trapline", flags | MemfdFlags::NOEXEC_SEAL)
        .or_else(|errno| match errno {
            // Before Linux 6.3.
            Errno::INVAL => rustix::fs::memfd_create("trapline", flags),
            errno => Err(errno),
        })
        .map_err(|e| SystemError::new("memfd_create", e))
}

fn region_of(map: Arc<MmapRaw>) -> OwnRegion {
    let base = NonNull::new(map.as_mut_ptr()).expect("a mapping is never at address 0");
    let len = map.len();
    // SAFETY: the map was just made, writable, `len` bytes long, page-aligned, private to this
    // process, and lives as long as `keep`; no reference to it exists, and only the windows of the
    // one region that is handed out write to it.
    unsafe { OwnRegion::new(base, len, map) }
}

fn peer_region(map: Arc<MmapRaw>) -> PeerRegion {
    let base = NonNull::new(map.as_mut_ptr()).expect("a mapping is never at address 0");
    let len = map.len();
    // SAFETY: the map is readable, `len` bytes long (sealed, so that it stays so), page-aligned,
    // and lives as long as `keep`; no reference to it exists.
    unsafe { PeerRegion::new(base, len, map) }
}

/// Lets the child that `command` starts inherit `file`, and nobody else; returns its number there.
/// The command holds it from then on.
///
/// # Errors
/// No descriptor is left.
pub fn pass_descriptor(command: &mut Command, file: OwnedFd) -> Result<RawFd, SystemError> {
    // Its number must be none of a standard stream, which the child replaces.
    let file = rustix::io::fcntl_dupfd_cloexec(&file, 3).map_err(|e| SystemError::new("dup", e))?;
    let number = file.as_raw_fd();
    let pass =
        move || rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).map_err(Into::into);
    // SAFETY: `pass` makes one system call and allocates nothing, which is all that is allowed
    // between fork and exec.
    unsafe { command.pre_exec(pass) };
    Ok(number)
}

/// Takes over the descriptor that the parent passed under `number`; closed on exec from now on.
///
/// # Errors
/// [`Misuse::Inheritance`] where no socket stands there.
pub fn inherited_descriptor(number: RawFd) -> Result<OwnedFd, LinkError> {
    let missing = |what: &str| Misuse::Inheritance { problem: format!("{what} {number}") };
    if number < 3 {
        return Err(missing("standard stream").into());
    }
    // SAFETY: only looked at and duplicated; a number that is not open makes the call fail.
    let there = unsafe { BorrowedFd::borrow_raw(number) };
    let stat = rustix::fs::fstat(there).map_err(|_| missing("no open descriptor"))?;
    if rustix::fs::FileType::from_raw_mode(stat.st_mode) != rustix::fs::FileType::Socket {
        return Err(missing("no socket at descriptor").into());
    }
    let mine = rustix::io::fcntl_dupfd_cloexec(there, 3).map_err(|e| SystemError::new("dup", e))?;
    // SAFETY: the parent passed this number to us alone, and `Link::inherited` takes it once.
    drop(unsafe { OwnedFd::from_raw_fd(number) });
    Ok(mine)
}
