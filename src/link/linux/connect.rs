//! Links over sockets: one with a path, on which a listener waits, or one that was handed in.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;

use super::address::{address, packet_socket};
use super::control::Control;
use super::handshake::{self, Passive};
use super::users::Users;
use crate::error::{LinkError, Refusal, SystemError};
use crate::futex::Deadline;
use crate::link::{Link, LinkConfig};
use crate::wire::Side;

/// How long a listener with too many who wait is left alone.
const PAUSE: Duration = Duration::from_millis(1);

impl Link {
    /// Links to the [`Listener`](crate::Listener) at `path`, which must run as the same user; this
    /// is the active end.
    ///
    /// # Errors
    /// [`SystemError`] where nobody listens there (`connect`: `ENOENT`, `ECONNREFUSED`) or access
    /// is denied; [`Refusal`] where the handshake fails.
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, LinkError> {
        Self::connect_with(path, &LinkConfig::default(), &Users::Same)
    }

    /// As [`Link::connect`], with options of this end and with what the listener may run as. The
    /// lanes are the listener's choice.
    ///
    /// # Errors
    /// As [`Link::connect`].
    pub fn connect_with(
        path: impl AsRef<Path>,
        config: &LinkConfig,
        listener: &Users,
    ) -> Result<Self, LinkError> {
        handshake::check_active(config)?;
        let address = address(path.as_ref())?;
        let mut deadline = Deadline::In(config.handshake_timeout);
        let socket = packet_socket()?;
        loop {
            match rustix::net::connect(&socket, &address) {
                Ok(()) => break,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if deadline.has_passed() => return Err(Refusal::Timeout.into()),
                Err(Errno::AGAIN) => std::thread::sleep(PAUSE),
                Err(errno) => return Err(SystemError::new("connect", errno).into()),
            }
        }
        let control = Control::new(socket)?;
        listener.check(&control).inspect_err(|error| control.refuse(error))?;
        handshake::active(control, config, deadline)
    }

    /// A link over a connected socket that was handed in; this end is `side`, the other end must
    /// be the other one. Nothing else may travel on the socket, before or after. Who is at its
    /// other end is for the caller to know.
    ///
    /// ```
    /// use std::os::unix::net::UnixStream;
    /// use trapline::{Link, LinkConfig, Side};
    /// let (here, there) = UnixStream::pair()?;
    /// let config = LinkConfig::default();
    /// let other = std::thread::spawn(move || Link::from_stream(there, Side::Passive, &config));
    /// let link = Link::from_stream(here, Side::Active, &LinkConfig::default())?;
    /// # let passive = other.join().expect("no panic")?;
    /// # assert_eq!(link.lanes(), passive.lanes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The handshake failed, or what the operating system refuses.
    pub fn from_stream(
        stream: UnixStream,
        side: Side,
        config: &LinkConfig,
    ) -> Result<Self, LinkError> {
        let control = Control::new(OwnedFd::from(stream))?;
        match side {
            Side::Passive => Passive::offer(control, config)?.finish(None),
            Side::Active => {
                handshake::check_active(config)?;
                handshake::active(control, config, Deadline::In(config.handshake_timeout))
            }
        }
    }
}
