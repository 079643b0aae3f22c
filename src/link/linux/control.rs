//! [`Control`]: the control socket, which carries the messages of the handshake.
//!
//! Own sockets keep the bounds of messages (`SEQPACKET`). One that was handed in may be a stream:
//! then a message is sent at once and read by its length, however it comes apart on the way. The
//! socket is never switched between waiting and not waiting, because somebody else may hold it
//! too: every call says for itself that it does not wait.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketType, recvmsg, sendmsg, sockopt,
};
use rustix::process::Pid;

use super::message::{Kind, LEN, Message, refusal_code};
use crate::error::{LinkError, Misuse, PeerError, Refusal, SystemError};
use crate::futex::{Deadline, Moment};

/// File descriptors that one read has room for: more than belong there, so that too many are seen
/// and closed, not cut off.
const ROOM: usize = 16;

/// One end of a control socket.
#[derive(Debug)]
pub(super) struct Control {
    socket: OwnedFd,
    packets: bool,
}

/// What came: the message, the file beside it, and who the kernel says has sent it.
pub(super) struct Received {
    pub(super) message: Message,
    pub(super) file: Option<OwnedFd>,
    pub(super) sender: Option<Pid>,
}

impl Received {
    /// The segment beside an OFFER or ACCEPT.
    pub(super) fn segment(&mut self) -> Result<OwnedFd, Refusal> {
        self.file.take().ok_or(Refusal::Descriptors { count: 0 })
    }
}

/// What came beside the bytes so far.
#[derive(Default)]
struct Beside {
    files: Vec<OwnedFd>,
    sender: Option<Pid>,
    cut: bool,
}

impl Control {
    /// Takes a Unix socket of either kind.
    pub(super) fn new(socket: OwnedFd) -> Result<Self, LinkError> {
        let ask = |e| SystemError::new("getsockopt", e);
        let kind = sockopt::socket_type(&socket).map_err(ask)?;
        let family = sockopt::socket_domain(&socket).map_err(ask)?;
        let packets = kind == SocketType::SEQPACKET;
        if family != AddressFamily::UNIX || !(packets || kind == SocketType::STREAM) {
            let problem = "neither a stream nor a packet socket of the Unix family".into();
            return Err(Misuse::Config { option: "socket", problem }.into());
        }
        sockopt::set_socket_passcred(&socket, true)
            .map_err(|e| SystemError::new("setsockopt", e))?;
        Ok(Self { socket, packets })
    }

    pub(super) fn into_socket(self) -> OwnedFd {
        self.socket
    }

    /// Sends a message, with `file` beside its first byte.
    pub(super) fn send(
        &self,
        message: &Message,
        mut file: Option<BorrowedFd<'_>>,
        deadline: &mut Deadline,
    ) -> Result<(), LinkError> {
        let mut rest = bytemuck::bytes_of(message);
        while !rest.is_empty() {
            match self.write(rest, file) {
                Ok(0) | Err(Errno::PIPE | Errno::CONNRESET) => return Err(Refusal::HungUp.into()),
                Ok(sent) => {
                    rest = rest.get(sent..).unwrap_or_default();
                    file = None;
                }
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT, deadline)?,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(SystemError::new("sendmsg", errno).into()),
            }
        }
        Ok(())
    }

    fn write(&self, bytes: &[u8], file: Option<BorrowedFd<'_>>) -> Result<usize, Errno> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        let files = file.map(|file| [file]);
        if let Some(files) = &files {
            beside.push(SendAncillaryMessage::ScmRights(files));
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        sendmsg(&self.socket, &[IoSlice::new(bytes)], &mut beside, flags)
    }

    /// Tells the peer why, unless it has said no itself. It may be gone already; then nobody needs
    /// to know.
    pub(super) fn refuse(&self, error: &LinkError) {
        let refusal = match error {
            LinkError::Peer(PeerError::Refused(Refusal::ByPeer { .. } | Refusal::HungUp)) => return,
            LinkError::Peer(PeerError::Refused(refusal)) => refusal_code(refusal),
            _ => 9,
        };
        let message = Message { refusal, ..Message::new(Kind::Refuse) };
        let _ = self.write(bytemuck::bytes_of(&message), None);
    }

    /// Waits for a message of `kind`, with exactly the files that belong to it. Others are closed.
    pub(super) fn receive(
        &self,
        kind: Kind,
        deadline: &mut Deadline,
    ) -> Result<Received, LinkError> {
        // A packet that is too long shows itself; of a stream, nothing behind the message is read.
        let mut bytes = [0; 2 * LEN];
        let room = if self.packets { 2 * LEN } else { LEN };
        let (mut have, mut beside) = (0, Beside::default());
        while have == 0 || (!self.packets && have < LEN && beside.files.len() <= 1) {
            match self.read(&mut bytes[have..room], &mut beside) {
                Ok(0) | Err(Errno::CONNRESET | Errno::PIPE) => return Err(Refusal::HungUp.into()),
                Ok(got) => have += got,
                Err(Errno::AGAIN) => self.wait(PollFlags::IN, deadline)?,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(SystemError::new("recvmsg", errno).into()),
            }
        }
        let Beside { mut files, sender, cut } = beside;
        if cut && files.len() < ROOM {
            // There was room in the buffer, so it was the process that could hold no more.
            return Err(SystemError::new("recvmsg", Errno::MFILE).into());
        }
        if have < LEN && !self.packets {
            return Err(Refusal::Descriptors { count: files.len() }.into());
        }
        let message = Message::parse(&bytes[..have], kind)?;
        let count = files.len() + usize::from(cut);
        if count != kind.files() {
            return Err(Refusal::Descriptors { count }.into());
        }
        Ok(Received { message, file: files.pop(), sender })
    }

    fn read(&self, into: &mut [u8], beside: &mut Beside) -> Result<usize, Errno> {
        let mut space =
            [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(ROOM), ScmCredentials(1))];
        let mut parts = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let got = recvmsg(&self.socket, &mut [IoSliceMut::new(into)], &mut parts, flags)?;
        for part in parts.drain() {
            match part {
                RecvAncillaryMessage::ScmRights(rights) => beside.files.extend(rights),
                RecvAncillaryMessage::ScmCredentials(who) => beside.sender = Some(who.pid),
                _ => {}
            }
        }
        beside.cut |= got.flags.contains(ReturnFlags::CTRUNC);
        Ok(got.bytes)
    }

    fn wait(&self, what: PollFlags, deadline: &mut Deadline) -> Result<(), LinkError> {
        loop {
            let left = deadline.moment().map(|at| timespec(Moment::now(), at));
            match poll(&mut [PollFd::new(&self.socket, what)], left.as_ref()) {
                Ok(0) => return Err(Refusal::Timeout.into()),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(SystemError::new("poll", errno).into()),
            }
        }
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// From one moment to another, as the kernel takes it; zero where that has passed.
pub(super) fn timespec(from: Moment, to: Moment) -> Timespec {
    let left = from.until(to);
    Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    }
}
