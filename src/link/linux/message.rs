//! The messages of the handshake: 64 bytes each over a `SEQPACKET` socket, with at most one file
//! descriptor. `docs/layout.md` draws them.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytemuck::{Pod, Zeroable};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use rustix::process::Pid;

use crate::error::{LinkError, Refusal, SystemError};
use crate::futex::{Deadline, Moment};
use crate::layout::{MAGIC, VERSION};

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Kind {
    /// Passive to active: here is my segment, these are the lanes.
    Offer = 1,
    /// Active to passive: here is mine.
    Accept = 2,
    /// Passive to active: your segment is fine, go on.
    Ready = 3,
    /// Either: no, and why.
    Refuse = 4,
}

/// A message as it stands on the socket. All fields little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Message {
    pub(super) magic: [u8; 8],
    pub(super) major: u16,
    pub(super) minor: u16,
    pub(super) kind: u32,
    pub(super) segment_len: u64,
    pub(super) lanes: u32,
    pub(super) active_lanes: u32,
    pub(super) refusal: u32,
    pub(super) reserved: [u32; 7],
}

const _: () = assert!(size_of::<Message>() == 64);

impl Message {
    pub(super) fn new(kind: Kind) -> Self {
        let (major, minor) = VERSION;
        Self { magic: MAGIC, major, minor, kind: kind as u32, ..Self::zeroed() }
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        [Kind::Offer, Kind::Accept, Kind::Ready, Kind::Refuse]
            .into_iter()
            .find(|kind| *kind as u32 == self.kind)
    }

    /// Checks what all messages share.
    fn check(self) -> Result<Self, Refusal> {
        if self.magic != MAGIC {
            return Err(Refusal::Malformed { problem: "wrong magic" });
        }
        if self.major != VERSION.0 {
            return Err(Refusal::Version { ours: VERSION, theirs: (self.major, self.minor) });
        }
        match self.kind() {
            Some(Kind::Refuse) => Err(Refusal::ByPeer { code: self.refusal }),
            Some(_) => Ok(self),
            None => Err(Refusal::Malformed { problem: "unknown kind" }),
        }
    }
}

/// The number under which a refusal crosses.
pub(super) fn refusal_code(refusal: &Refusal) -> u32 {
    match refusal {
        Refusal::Malformed { .. } => 1,
        Refusal::Version { .. } => 2,
        Refusal::Descriptors { .. } => 3,
        Refusal::Unsealed { .. } => 4,
        Refusal::Size { .. } => 5,
        Refusal::Layout { .. } => 6,
        Refusal::Timeout => 7,
        Refusal::ByPeer { .. } | Refusal::HungUp => 8,
    }
}

/// Sends a message, with `file` beside it.
pub(super) fn send(
    socket: &OwnedFd,
    message: &Message,
    file: Option<BorrowedFd<'_>>,
) -> Result<(), LinkError> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let files = file.map(|file| [file]);
    if let Some(files) = &files {
        beside.push(SendAncillaryMessage::ScmRights(files));
    }
    let bytes = [IoSlice::new(bytemuck::bytes_of(message))];
    match sendmsg(socket, &bytes, &mut beside, SendFlags::NOSIGNAL) {
        Ok(_) => Ok(()),
        Err(Errno::PIPE | Errno::CONNRESET) => Err(Refusal::HungUp.into()),
        Err(errno) => Err(SystemError::new("sendmsg", errno).into()),
    }
}

/// What came: the message, the files beside it, and who the kernel says has sent it.
pub(super) struct Received {
    pub(super) message: Message,
    pub(super) files: Vec<OwnedFd>,
    pub(super) sender: Option<Pid>,
}

impl Received {
    /// The one file that belongs to the message; any other number is refused, and closed.
    pub(super) fn one_file(&mut self) -> Result<OwnedFd, Refusal> {
        let count = self.files.len();
        self.files.pop().filter(|_| count == 1).ok_or(Refusal::Descriptors { count })
    }
}

/// Waits for a message of `kind`.
pub(super) fn receive(
    socket: &OwnedFd,
    kind: Kind,
    deadline: &mut Deadline,
) -> Result<Received, LinkError> {
    wait_readable(socket, deadline)?;
    let mut message = Message::zeroed();
    // Room for more than belongs there, so that too many are seen and closed, not cut off.
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16), ScmCredentials(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; 2 * size_of::<Message>()];
    let got = recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut bytes)],
        &mut beside,
        RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT,
    );
    let got = match got {
        Ok(got) => got,
        Err(Errno::CONNRESET | Errno::PIPE) => return Err(Refusal::HungUp.into()),
        Err(errno) => return Err(SystemError::new("recvmsg", errno).into()),
    };
    let (mut files, mut sender) = (Vec::new(), None);
    for part in beside.drain() {
        match part {
            RecvAncillaryMessage::ScmRights(rights) => files.extend(rights),
            RecvAncillaryMessage::ScmCredentials(who) => sender = Some(who.pid),
            _ => {}
        }
    }
    match got.bytes {
        0 => return Err(Refusal::HungUp.into()),
        64 => bytemuck::bytes_of_mut(&mut message).copy_from_slice(&bytes[..64]),
        _ => return Err(Refusal::Malformed { problem: "wrong length" }.into()),
    }
    if got.flags.contains(ReturnFlags::CTRUNC) {
        return Err(Refusal::Descriptors { count: files.len() + 1 }.into());
    }
    let message = message.check()?;
    if message.kind() != Some(kind) {
        return Err(Refusal::Malformed { problem: "a message out of turn" }.into());
    }
    Ok(Received { message, files, sender })
}

fn wait_readable(socket: &OwnedFd, deadline: &mut Deadline) -> Result<(), LinkError> {
    loop {
        let left = deadline.moment().map(|at| Moment::now().until(at));
        let left = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        let mut ask = [PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN)];
        match poll(&mut ask, left.as_ref()) {
            Ok(0) => return Err(Refusal::Timeout.into()),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(SystemError::new("poll", errno).into()),
        }
    }
}
