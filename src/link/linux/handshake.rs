//! The handshake: three messages over the control socket, after which both ends have mapped and
//! checked each other's segment.
//!
//! ```text
//!  passive                                        active
//!     ├── OFFER  lanes, length, segment ───────────▶│ checks, makes its own
//!     │◀─────────────── ACCEPT  length, segment ────┤
//!     ├── READY ───────────────────────────────────▶│
//! ```
//!
//! Either answers REFUSE with the number of its reason instead, so that both ends fail with an
//! error that says why. The passive end waits once only, so it is a value between its two steps:
//! a listener holds many of them and waits for all.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::process::Pid;

use super::control::Control;
use super::liveness::Liveness;
use super::message::{Kind, Message};
use crate::error::{LinkError, Refusal};
use crate::futex::{Deadline, Moment, OwnWake};
use crate::link::{Carrier, Lanes, Link, LinkConfig};
use crate::segment::{OwnSegment, PeerSegment, Plan, attach, sealed_with_node};
use crate::sentinel::Watch;
use crate::wire::Side;

/// A passive end that has sent its OFFER.
#[derive(Debug)]
pub(super) struct Passive {
    control: Control,
    config: LinkConfig,
    plan: Plan,
    own: OwnSegment,
    watch: Watch,
    deadline: Deadline,
}

impl Passive {
    /// Makes the segment and sends the OFFER.
    pub(super) fn offer(control: Control, config: &LinkConfig) -> Result<Self, LinkError> {
        let mut deadline = Deadline::In(config.handshake_timeout);
        // It runs from now on, also while nobody looks.
        deadline.moment();
        let made = or_refuse(&control, || {
            let plan = config.plan(Side::Passive, config.lanes)?;
            let (own, watch, file) = held(&plan)?;
            Ok((plan, own, watch, file))
        });
        let (plan, own, watch, file) = made?;
        let offer = Message {
            segment_len: own.len() as u64,
            lanes: plan.lanes,
            active_lanes: plan.active_lanes,
            ..Message::new(Kind::Offer)
        };
        control.send(&offer, Some(file.as_fd()), &mut deadline)?;
        Ok(Self { control, config: config.clone(), plan, own, watch, deadline })
    }

    /// When the peer is given up.
    pub(super) fn until(&mut self) -> Option<Moment> {
        self.deadline.moment()
    }

    /// Gives the peer up.
    pub(super) fn expire(self) -> LinkError {
        let error = Refusal::Timeout.into();
        self.control.refuse(&error);
        error
    }

    /// Waits for the ACCEPT and says READY. `child` is the peer where the kernel does not say it.
    pub(super) fn finish(mut self, child: Option<Pid>) -> Result<Link, LinkError> {
        let theirs = or_refuse(&self.control, || {
            let mut accept = self.control.receive(Kind::Accept, &mut self.deadline)?;
            let (file, len) = (accept.segment()?, accept.message.segment_len);
            let theirs = attach(file, len, self.config.max_segment, &self.plan)?;
            Ok((theirs, accept.sender))
        });
        let (theirs, sender) = theirs?;
        self.control.send(&Message::new(Kind::Ready), None, &mut self.deadline)?;
        // What was started may have started the real child itself: the kernel names the sender.
        let peer = sender.or(child);
        finish(Side::Passive, &self.config, (&self.own, self.watch), &theirs, self.control, peer)
    }
}

impl AsFd for Passive {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }
}

/// The active end, from the OFFER to READY.
pub(super) fn active(
    control: Control,
    config: &LinkConfig,
    mut deadline: Deadline,
) -> Result<Link, LinkError> {
    let accepted = or_refuse(&control, || {
        let mut offer = control.receive(Kind::Offer, &mut deadline)?;
        let (file, len) = (offer.segment()?, offer.message.segment_len);
        let plan = config.plan(Side::Active, offer.message.offered_lanes()?)?;
        let theirs = attach(file, len, config.max_segment, &plan)?;
        let (own, watch, file) = held(&plan)?;
        Ok((own, watch, file, theirs, offer.sender))
    });
    let (own, watch, file, theirs, sender) = accepted?;
    let accept = Message { segment_len: own.len() as u64, ..Message::new(Kind::Accept) };
    control.send(&accept, Some(file.as_fd()), &mut deadline)?;
    control.receive(Kind::Ready, &mut deadline)?;
    let config = LinkConfig { lanes: Lanes { active: 0, passive: 0 }, ..config.clone() };
    finish(Side::Active, &config, (&own, watch), &theirs, control, sender)
}

/// Checks the options of an active end, whose lanes are the other's choice.
pub(super) fn check_active(config: &LinkConfig) -> Result<(), LinkError> {
    config.plan(Side::Active, Lanes { active: 1, passive: 0 }).map(|_| ())
}

/// Tells the peer why, where `step` fails for a reason that it does not know.
fn or_refuse<T>(
    control: &Control,
    step: impl FnOnce() -> Result<T, LinkError>,
) -> Result<T, LinkError> {
    step().inspect_err(|error| control.refuse(error))
}

/// A segment whose death word is held before anybody else can see it.
fn held(plan: &Plan) -> Result<(OwnSegment, Watch, OwnedFd), LinkError> {
    let (own, node, file) = sealed_with_node(plan)?;
    Ok((own, Watch::new(node)?, file))
}

fn finish(
    side: Side,
    config: &LinkConfig,
    (own, watch): (&OwnSegment, Watch),
    theirs: &PeerSegment,
    control: Control,
    peer: Option<Pid>,
) -> Result<Link, LinkError> {
    let wake = Arc::new(OwnWake::default());
    let liveness = Liveness::process(watch, control.into_socket(), peer, wake.clone())?;
    let carry = |rings, _| Carrier::Rings(rings);
    Ok(Link::over_segments(side, config, own, theirs, liveness, wake, &carry))
}
