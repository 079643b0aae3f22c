//! [`Listener`]: links for whoever connects to a path.

use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};

use super::address::{self, Place};
use super::control::{Control, timespec};
use super::handshake::Passive;
use super::users::Users;
use crate::error::{LinkError, PeerError, SystemError};
use crate::futex::{Deadline, Moment};
use crate::link::{Link, LinkConfig};
use crate::wire::Side;

/// What an epoll event says where it is the listening socket's.
const LISTENING: u64 = 0;
/// Clients in mid-handshake. Those who are honest stay so for less than a millisecond; one more
/// puts the oldest out.
const PENDING: usize = 64;

/// Options of a [`Listener`] besides those of its links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenerOptions {
    /// Who may connect. Unless it is [`Users::Same`], others can reach the socket: its mode is
    /// 0666, its directory may have 0755 and is made with 0711.
    pub allow_users: Users,
}

/// Waits at a path of the file system for those who [`Link::connect`]; its ends of the links are
/// the passive ones.
///
/// The socket has the mode 0600 and stands in a directory of this user with the mode 0700, made if
/// it is missing. Dropping the listener removes the socket, not the links; a socket that a killed
/// listener left is replaced by the next one.
///
/// Clients that are silent, lie or die in mid-handshake hold nobody up: all handshakes under way
/// are waited for at once, and each ends after
/// [`handshake_timeout`](LinkConfig::handshake_timeout) at the latest.
///
/// ```
/// use trapline::{Link, Listener};
/// # let dir = std::env::temp_dir().join(format!("trapline-doc-{}", std::process::id()));
/// let path = dir.join("socket");
/// let mut listener = Listener::bind(&path)?;
/// let client = std::thread::spawn(move || Link::connect(path));
/// let link = listener.accept()?;
/// # let client = client.join().expect("no panic")?;
/// # assert_eq!(link.lanes(), client.lanes());
/// # drop(listener);
/// # std::fs::remove_dir(dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Listener {
    // In this order: the socket's inode must stay taken until its place has been looked at.
    _place: Place,
    socket: OwnedFd,
    epoll: OwnedFd,
    config: LinkConfig,
    options: ListenerOptions,
    /// In the order of their deadlines.
    pending: VecDeque<(u64, Passive)>,
    last_id: u64,
    refused: u64,
    last_refusal: Option<LinkError>,
}

impl Listener {
    /// Listens at `path` for processes of this user.
    ///
    /// # Errors
    /// [`Misuse::Address`](crate::Misuse::Address) where `path` is in use, taken or unsafe, or
    /// what the operating system refuses.
    pub fn bind(path: impl AsRef<Path>) -> Result<Self, LinkError> {
        Self::bind_with(path, &LinkConfig::default(), &ListenerOptions::default())
    }

    /// As [`Listener::bind`], with options of the links and of the listener.
    ///
    /// # Errors
    /// As [`Listener::bind`], and an option that cannot be used.
    pub fn bind_with(
        path: impl AsRef<Path>,
        config: &LinkConfig,
        options: &ListenerOptions,
    ) -> Result<Self, LinkError> {
        config.plan(Side::Passive, config.lanes)?;
        let others = options.allow_users != Users::Same;
        let (socket, place) = address::listen(path.as_ref(), others, config.handshake_timeout)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)
            .map_err(|e| SystemError::new("epoll_create", e))?;
        watch(&epoll, &socket, LISTENING)?;
        Ok(Self {
            _place: place,
            socket,
            epoll,
            config: config.clone(),
            options: options.clone(),
            pending: VecDeque::new(),
            last_id: LISTENING,
            refused: 0,
            last_refusal: None,
        })
    }

    /// Waits for the next client whose handshake succeeds. Those whose does not are only counted
    /// ([`Listener::refused`]).
    ///
    /// # Errors
    /// What the operating system refuses, such as another file descriptor. The listener can be
    /// used on, but the same may happen again at once while a client waits.
    pub fn accept(&mut self) -> Result<Link, LinkError> {
        self.accept_until(Deadline::Never)
    }

    /// As [`Listener::accept`], for at most `timeout`. Handshakes under way go on at the next
    /// call. With no time at all, it does what there is to do, for an event loop that waits for
    /// the listener's file descriptor to be readable.
    ///
    /// # Errors
    /// [`PeerError::Timeout`]; otherwise as [`Listener::accept`].
    pub fn accept_timeout(&mut self, timeout: Duration) -> Result<Link, LinkError> {
        self.accept_until(Deadline::In(timeout))
    }

    /// How many clients were refused, went away or fell silent before they were linked.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Why the last of them was.
    pub fn last_refusal(&self) -> Option<&LinkError> {
        self.last_refusal.as_ref()
    }

    fn accept_until(&mut self, mut deadline: Deadline) -> Result<Link, LinkError> {
        // Whatever comes meanwhile, it does not stay much longer than it may.
        let mut late = 0;
        loop {
            self.expire();
            match self.next_event(&mut deadline)? {
                Some(LISTENING) => self.admit()?,
                Some(id) => {
                    if let Some(link) = self.finish(id)? {
                        return Ok(link);
                    }
                }
                None if deadline.has_passed() => return Err(PeerError::Timeout.into()),
                None => {}
            }
            late += usize::from(deadline.has_passed());
            if late > 2 * PENDING {
                return Err(PeerError::Timeout.into());
            }
        }
    }

    /// Waits for one socket to be readable, the deadline, or that of the oldest handshake.
    fn next_event(&mut self, deadline: &mut Deadline) -> Result<Option<u64>, LinkError> {
        let oldest = self.pending.front_mut().and_then(|(_, client)| client.until());
        let until = [deadline.moment(), oldest].into_iter().flatten().min();
        let left = until.map(|until| timespec(Moment::now(), until));
        let mut events = [MaybeUninit::<epoll::Event>::uninit(); 1];
        match epoll::wait(&self.epoll, &mut events, left.as_ref()) {
            Ok((events, _)) => Ok(events.first().map(|event| event.data.u64())),
            Err(Errno::INTR) => Ok(None),
            Err(errno) => Err(SystemError::new("epoll_wait", errno).into()),
        }
    }

    /// Takes the next client and sends it the OFFER.
    fn admit(&mut self) -> Result<(), LinkError> {
        let client = match accept_with(&self.socket, SocketFlags::CLOEXEC) {
            Ok(client) => client,
            // It has gone already.
            Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => return Ok(()),
            Err(errno) => return Err(SystemError::new("accept", errno).into()),
        };
        let control = Control::new(client)?;
        if let Err(error) = self.options.allow_users.check(&control) {
            control.refuse(&error);
            self.note(error);
            return Ok(());
        }
        let client = match Passive::offer(control, &self.config) {
            Ok(client) => client,
            Err(error @ LinkError::Peer(_)) => {
                self.note(error);
                return Ok(());
            }
            // Nothing that the client did so far can have caused it.
            Err(error) => return Err(error),
        };
        if self.pending.len() == PENDING {
            self.put_out_oldest();
        }
        self.last_id += 1;
        watch(&self.epoll, &client, self.last_id)?;
        self.pending.push_back((self.last_id, client));
        Ok(())
    }

    /// Ends the handshake of a client that has answered.
    fn finish(&mut self, id: u64) -> Result<Option<Link>, LinkError> {
        let Some(at) = self.pending.iter().position(|(pending, _)| *pending == id) else {
            return Ok(None);
        };
        let Some((_, client)) = self.pending.remove(at) else { return Ok(None) };
        self.forget(&client);
        match client.finish(None) {
            Ok(link) => Ok(Some(link)),
            // Whatever else failed, the client may have contrived.
            Err(LinkError::System(error)) if is_shortage(error) => Err(error.into()),
            Err(error) => {
                self.note(error);
                Ok(None)
            }
        }
    }

    /// Gives up those who have been silent for too long.
    fn expire(&mut self) {
        let now = Moment::now();
        let has_passed = |until: Option<Moment>| until.is_some_and(|until| until <= now);
        while self.pending.front_mut().is_some_and(|(_, client)| has_passed(client.until())) {
            self.put_out_oldest();
        }
    }

    fn put_out_oldest(&mut self) {
        if let Some((_, client)) = self.pending.pop_front() {
            self.forget(&client);
            let error = client.expire();
            self.note(error);
        }
    }

    fn forget(&self, client: &Passive) {
        // Only a socket that was never added cannot be taken out.
        let _ = epoll::delete(&self.epoll, client);
    }

    fn note(&mut self, error: LinkError) {
        self.refused += 1;
        self.last_refusal = Some(error);
    }
}

impl AsFd for Listener {
    /// Readable when [`Listener::accept_timeout`] would find something to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

fn watch(epoll: &OwnedFd, socket: impl AsFd, id: u64) -> Result<(), SystemError> {
    epoll::add(epoll, socket, epoll::EventData::new_u64(id), epoll::EventFlags::IN)
        .map_err(|e| SystemError::new("epoll_ctl", e))
}

/// Whether it was this process that ran out of file descriptors.
fn is_shortage(error: SystemError) -> bool {
    [Errno::MFILE, Errno::NFILE].iter().any(|errno| errno.raw_os_error() == error.errno)
}
