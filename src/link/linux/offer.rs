//! [`Offer`]: a link for a child that a host starts by itself.

use std::os::fd::{OwnedFd, RawFd};
use std::process::Command;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::Pid;

use super::control::Control;
use super::handshake::Passive;
use super::process::VARIABLE;
use crate::error::{LinkError, SystemError};
use crate::link::{Link, LinkConfig};
use crate::segment::pass_descriptor;
use crate::wire::Side;

/// What a host hands to a child that it starts in its own way, and then accepts it by.
///
/// The child gets one file descriptor and one variable, and calls
/// [`Link::inherited`](crate::Link::inherited); `docs/layout.md` says what a child in another
/// language does. This end is the passive one.
///
/// ```no_run
/// use trapline::{Link, LinkConfig};
/// # fn start_somehow(_: &std::os::fd::OwnedFd, _: [(&str, String); 1]) {}
/// let mut offer = Link::offer(&LinkConfig::driven_by_passive(1))?;
/// let descriptor = offer.take_descriptor().expect("taken once");
/// // The host lets the child inherit it as number 7, by whatever means it has.
/// start_somehow(&descriptor, trapline::Offer::environment(7));
/// drop(descriptor);
/// let link = offer.accept()?;
/// # Ok::<(), trapline::LinkError>(())
/// ```
#[derive(Debug)]
pub struct Offer {
    ours: Control,
    theirs: Option<OwnedFd>,
    config: LinkConfig,
}

impl Link {
    /// A link to a child that the caller is about to start. [`Link::spawn`] does the same for a
    /// [`Command`].
    ///
    /// # Errors
    /// An option that cannot be used, or what the operating system refuses.
    pub fn offer(config: &LinkConfig) -> Result<Offer, LinkError> {
        // A configuration that cannot work should not start a process.
        config.plan(Side::Passive, config.lanes)?;
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
            .map_err(|e| SystemError::new("socketpair", e))?;
        let (ours, theirs) = (Control::new(ours)?, Control::new(theirs)?);
        Ok(Offer { ours, theirs: Some(theirs.into_socket()), config: config.clone() })
    }
}

impl Offer {
    /// The child's end of the control socket, closed on exec; `None` where it was taken before.
    ///
    /// The child inherits it under a number of the caller's choice, from 3 on. The caller drops
    /// its own copy once the child runs: while it is open, a child that dies before it has
    /// answered is noticed only when the handshake times out.
    pub fn take_descriptor(&mut self) -> Option<OwnedFd> {
        self.theirs.take()
    }

    /// The variables for a child that inherits the descriptor as `number`.
    pub fn environment(number: RawFd) -> [(&'static str, String); 1] {
        [(VARIABLE, number.to_string())]
    }

    /// Lets the child that `command` starts inherit the descriptor, and sets the variables. Does
    /// nothing where the descriptor was taken. The command holds it from then on: drop it once the
    /// child runs.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn pass_to(&mut self, command: &mut Command) -> Result<(), LinkError> {
        if let Some(theirs) = self.theirs.take() {
            let number = pass_descriptor(command, theirs)?;
            command.envs(Self::environment(number));
        }
        Ok(())
    }

    /// Does the handshake with the child, once it was started.
    ///
    /// # Errors
    /// The child ended, refused, lied or took too long, or what the operating system refuses. The
    /// child is the caller's to end then.
    pub fn accept(self) -> Result<Link, LinkError> {
        self.accept_from(None)
    }

    /// As [`Offer::accept`]; `child` is what was started, in case the kernel does not name it.
    pub(super) fn accept_from(self, child: Option<Pid>) -> Result<Link, LinkError> {
        // Only the child may hold its end, so that it hangs up with it.
        drop(self.theirs);
        Passive::offer(self.ours, &self.config)?.finish(child)
    }
}
