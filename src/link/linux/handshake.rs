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
//! error that says why.

use std::os::fd::{AsFd, OwnedFd};

use rustix::process::Pid;

use super::liveness::Liveness;
use super::message::{Kind, Message, Received, receive, refusal_code, send};
use crate::error::{LinkError, PeerError, Refusal};
use crate::futex::Deadline;
use crate::layout::MAX_LANES;
use crate::link::{Carrier, Lanes, Link, LinkConfig};
use crate::segment::{OwnSegment, PeerSegment, attach, sealed};
use crate::wire::Side;

/// The end that started the other.
pub(super) fn passive(
    socket: OwnedFd,
    config: &LinkConfig,
    child: Option<Pid>,
) -> Result<Link, LinkError> {
    let plan = config.plan(Side::Passive, config.lanes)?;
    let mut deadline = Deadline::In(config.handshake_timeout);
    let (own, file) = sealed(&plan)?;
    let offer = Message {
        segment_len: own.len() as u64,
        lanes: plan.lanes,
        active_lanes: plan.active_lanes,
        ..Message::new(Kind::Offer)
    };
    send(&socket, &offer, Some(file.as_fd()))?;
    let theirs = or_refuse(&socket, || {
        let mut accept = receive(&socket, Kind::Accept, &mut deadline)?;
        let file = accept.one_file()?;
        let theirs = attach(file, accept.message.segment_len, config.max_segment, &plan)?;
        Ok((theirs, accept.sender))
    });
    let (theirs, sender) = theirs?;
    send(&socket, &Message::new(Kind::Ready), None)?;
    // What was started may have started the real child itself: the kernel names the sender.
    Ok(finish(Side::Passive, config, &own, &theirs, socket, sender.or(child)))
}

/// The end that was started.
pub(super) fn active(socket: OwnedFd, config: &LinkConfig) -> Result<Link, LinkError> {
    let mut deadline = Deadline::In(config.handshake_timeout);
    let accepted = or_refuse(&socket, || {
        let mut offer = receive(&socket, Kind::Offer, &mut deadline)?;
        let file = offer.one_file()?;
        let lanes = lanes_of(&offer)?;
        let plan = config.plan(Side::Active, lanes)?;
        let theirs = attach(file, offer.message.segment_len, config.max_segment, &plan)?;
        let (own, file) = sealed(&plan)?;
        Ok((own, file, theirs, offer.sender))
    });
    let (own, file, theirs, sender) = accepted?;
    let accept = Message { segment_len: own.len() as u64, ..Message::new(Kind::Accept) };
    send(&socket, &accept, Some(file.as_fd()))?;
    receive(&socket, Kind::Ready, &mut deadline)?;
    let config = LinkConfig { lanes: Lanes { active: 0, passive: 0 }, ..config.clone() };
    Ok(finish(Side::Active, &config, &own, &theirs, socket, sender))
}

/// The lanes that an offer names.
fn lanes_of(offer: &Received) -> Result<Lanes, Refusal> {
    let Message { lanes, active_lanes, .. } = offer.message;
    let possible = (1..=MAX_LANES as u32).contains(&lanes) && active_lanes <= lanes;
    if !possible {
        return Err(Refusal::Layout { field: "lanes", value: lanes.into() });
    }
    Ok(Lanes { active: active_lanes, passive: lanes - active_lanes })
}

/// Tells the peer why, where `step` fails for a reason that it does not know.
fn or_refuse<T>(
    socket: &OwnedFd,
    step: impl FnOnce() -> Result<T, LinkError>,
) -> Result<T, LinkError> {
    step().inspect_err(|error| {
        let code = match error {
            LinkError::Peer(PeerError::Refused(Refusal::ByPeer { .. } | Refusal::HungUp)) => return,
            LinkError::Peer(PeerError::Refused(refusal)) => refusal_code(refusal),
            _ => 9,
        };
        // The peer may be gone already; then nobody needs to know.
        let _ = send(socket, &Message { refusal: code, ..Message::new(Kind::Refuse) }, None);
    })
}

fn finish(
    side: Side,
    config: &LinkConfig,
    own: &OwnSegment,
    theirs: &PeerSegment,
    socket: OwnedFd,
    peer: Option<Pid>,
) -> Link {
    let liveness = Liveness::process(socket, peer);
    Link::over_segments(side, config, own, theirs, liveness, &|rings, _| Carrier::Rings(rings))
}
