//! A peer made by hand: it speaks the handshake byte by byte and writes whatever it likes into its
//! own segment.
#![allow(unsafe_code, reason = "writes anywhere in a mapping, which is what a liar does")]

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Release};

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use trapline::Side;
use trapline::futex::{Bell, Scope};
use trapline::layout::{BLOCK, LANE_BLOCKS, LANE_NOTIFY, LANE_PARKED, LANE_POSITIONS, RingName};
use trapline::ring::{Consumer, Producer};
use trapline::segment::{OwnSegment, PeerSegment, Plan, RingSizes, attach, sealed};

/// Bytes of a message of the handshake.
pub(crate) const MESSAGE: usize = 64;
/// Kinds of message.
pub(crate) const OFFER: u32 = 1;
pub(crate) const ACCEPT: u32 = 2;
pub(crate) const READY: u32 = 3;
pub(crate) const REFUSE: u32 = 4;

/// The seals that a segment needs.
pub(crate) const SEALS: SealFlags =
    SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::FUTURE_WRITE).union(SealFlags::SEAL);

/// A message as it should be.
pub(crate) fn message(kind: u32, segment_len: u64, lanes: u32, active_lanes: u32) -> Vec<u8> {
    let mut bytes = vec![0; MESSAGE];
    bytes[..8].copy_from_slice(b"TRAPLINE");
    bytes[8..10].copy_from_slice(&1u16.to_le_bytes());
    bytes[12..16].copy_from_slice(&kind.to_le_bytes());
    bytes[16..24].copy_from_slice(&segment_len.to_le_bytes());
    bytes[24..28].copy_from_slice(&lanes.to_le_bytes());
    bytes[28..32].copy_from_slice(&active_lanes.to_le_bytes());
    bytes
}

/// Two ends of a control socket.
pub(crate) fn sockets() -> (OwnedFd, OwnedFd) {
    let flags = SocketFlags::CLOEXEC;
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).expect("sockets")
}

/// The end of the control socket that this process inherited.
pub(crate) fn inherited_socket() -> OwnedFd {
    let number = std::env::var("TRAPLINE_LINK").expect("started by a link");
    // SAFETY: whoever started this process left the number to it, and it is taken once.
    unsafe { OwnedFd::from_raw_fd(number.parse().expect("a number")) }
}

/// Sends bytes with files beside them; the other end may be gone.
pub(crate) fn send(socket: &OwnedFd, bytes: &[u8], files: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() {
        assert!(beside.push(SendAncillaryMessage::ScmRights(files)));
    }
    let _ = sendmsg(socket, &[IoSlice::new(bytes)], &mut beside, SendFlags::NOSIGNAL);
}

/// Waits for a message; no bytes where the other end hung up.
pub(crate) fn receive(socket: &OwnedFd) -> (Vec<u8>, Vec<OwnedFd>) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16), ScmCredentials(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = vec![0; 2 * MESSAGE];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let got = recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut beside, flags);
    bytes.truncate(got.map_or(0, |got| got.bytes));
    let mut files = Vec::new();
    for part in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = part {
            files.extend(rights);
        }
    }
    (bytes, files)
}

/// A memory file of `len` bytes without any seal.
pub(crate) fn memory_file(len: u64) -> OwnedFd {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = rustix::fs::memfd_create("hand", flags).expect("memory");
    rustix::fs::ftruncate(&file, len).expect("memory");
    file
}

/// A plan with small rings and one lane.
pub(crate) fn plan(side: Side, driver: Side) -> Plan {
    let sizes = RingSizes { main: 1 << 13, events: 1 << 12 };
    let active_lanes = u32::from(driver == Side::Active);
    Plan { side, lanes: 1, active_lanes, first: sizes, others: sizes }
}

/// A segment that can be written anywhere, for as long as it exists.
#[derive(Debug)]
pub(crate) struct HandSegment {
    map: MmapRaw,
    pub(crate) file: OwnedFd,
}

impl HandSegment {
    /// An honest segment, with `seals`.
    pub(crate) fn new(plan: &Plan, seals: SealFlags) -> Self {
        let (honest, honest_file) = sealed(plan).expect("memory");
        let file = memory_file(honest.len() as u64);
        let map = MmapOptions::new().map_raw(&file).expect("memory");
        rustix::fs::fcntl_add_seals(&file, seals).expect("sealable");
        let mut bytes = vec![0; honest.len()];
        let read = rustix::io::pread(&honest_file, &mut bytes, 0).expect("readable");
        assert_eq!(read, bytes.len());
        let segment = Self { map, file };
        segment.write(0, &bytes);
        segment
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= self.len());
        for (index, byte) in bytes.iter().enumerate() {
            // SAFETY: within the mapping by the assertion above; no reference to it exists, and
            // readers in other processes take their chances.
            unsafe { self.map.as_mut_ptr().add(offset + index).write_volatile(*byte) };
        }
    }

    /// Stores a word at a multiple of 8.
    pub(crate) fn store(&self, offset: usize, value: u64) {
        assert!(offset % 8 == 0 && offset + 8 <= self.len());
        let at = self.map.as_mut_ptr().wrapping_add(offset).cast::<u64>();
        // SAFETY: within the mapping and aligned by the assertion above; the mapping lives as long
        // as `self`, and this process reaches the word by atomics only.
        unsafe { AtomicU64::from_ptr(at) }.store(value, Release);
    }
}

impl HandSegment {
    /// Wakes whoever sleeps on lane 0, whatever it waits for.
    pub(crate) fn ring(&self) {
        let at = self.map.as_mut_ptr().wrapping_add(LANE_BLOCKS + LANE_NOTIFY).cast::<u32>();
        // SAFETY: every segment is longer than its lane blocks and aligned to a page; the mapping
        // lives as long as `self`, and this process reaches the word by atomics only.
        let notify = unsafe { AtomicU32::from_ptr(at) };
        notify.fetch_add(1, Release);
        trapline::futex::wake(notify, Scope::Shared);
    }
}

/// What the active end does: answers the offer with `own`, whose plan `plan` is.
pub(crate) fn answer_offer(
    socket: &OwnedFd,
    plan: &Plan,
    own: BorrowedFd<'_>,
    len: u64,
) -> PeerSegment {
    let (offer, mut files) = receive(socket);
    let announced = u64::from_le_bytes(offer[16..24].try_into().expect("8 bytes"));
    let theirs = attach(files.pop().expect("a file"), announced, 1 << 40, plan).expect("honest");
    send(socket, &message(ACCEPT, len, 0, 0), &[own]);
    let (ready, _) = receive(socket);
    assert_eq!(ready[12..16], READY.to_le_bytes());
    theirs
}

/// The driver of lane 0, made of the public parts, who sends frames of any content.
#[derive(Debug)]
pub(crate) struct HandDriver {
    _socket: OwnedFd,
    own: OwnSegment,
    requests: Producer,
    replies: Consumer,
    bell: Bell,
}

impl HandDriver {
    /// Links to the parent, which must serve one lane.
    pub(crate) fn inherited() -> Self {
        let (socket, plan) = (inherited_socket(), plan(Side::Active, Side::Active));
        let (own, file) = sealed(&plan).expect("memory");
        let theirs = answer_offer(&socket, &plan, file.as_fd(), own.len() as u64);
        let at = |ring: RingName| LANE_POSITIONS + ring as usize * BLOCK;
        let (request, reply) = (RingName::Request, RingName::Reply);
        let requests = Producer::new(
            own.lane_u64(0, at(request)),
            theirs.lane_u64(0, at(request)),
            own.ring(0, request).expect("the driver's"),
        );
        let replies = Consumer::new(
            own.lane_u64(0, at(reply)),
            theirs.lane_u64(0, at(reply)),
            theirs.ring(0, reply).expect("the server's"),
        );
        let parked = theirs.lane_u64(0, LANE_PARKED);
        let bell = Bell::new(parked, own.lane_u32(0, LANE_NOTIFY), Scope::Shared);
        Self { _socket: socket, own, requests, replies, bell }
    }

    /// Sends a frame.
    pub(crate) fn send(&mut self, frame: &[u8]) {
        let mut claim = self.requests.claim(frame.len(), true).expect("room");
        claim.bytes_mut()[..frame.len()].copy_from_slice(frame);
        let _ = claim.commit(frame.len(), &mut self.bell);
        self.bell.ring();
    }

    /// Spins for the next frame.
    pub(crate) fn receive(&mut self) -> Vec<u8> {
        loop {
            if let Some(record) = self.replies.next().expect("honest") {
                let frame = record.bytes().to_vec();
                let _ = record.release(&mut self.bell);
                return frame;
            }
            std::thread::yield_now();
        }
    }

    /// Says that this end has left.
    pub(crate) fn close(&mut self) {
        self.own.link_u32(trapline::layout::STATE).store(2, Release);
        self.bell.ring();
    }
}
