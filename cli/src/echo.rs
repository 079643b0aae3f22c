//! Both ends of an exchange of plain frames: what is sent comes back, and on two special frames the
//! other end answers the line, or the bare futex.

use std::time::Duration;

use trapline::line::{Bare, Line};
use trapline::{Lane, Link, LinkConfig, LinkError, PeerError, WaitPolicy};

use crate::error::Error;
use crate::place::Placed;
use crate::second::Second;

/// The role of the end that answers.
pub(crate) const ROLE: &str = "frames";
/// Longest wait for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Tells the other end to answer the line; no payload looks like it.
const ANSWER_LINE: &[u8] = b"\0answer the line";
/// Tells the other end to answer the bare futex.
const ANSWER_BARE: &[u8] = b"\0answer the bare futex";

/// How both ends wait, by the name that the second process gets as its argument.
pub(crate) const POLICIES: [(&str, WaitPolicy); 3] =
    [("spin", WaitPolicy::Spin), ("park", WaitPolicy::Park), ("adaptive", WaitPolicy::Adaptive)];

/// The policy of that name; the default one for any other.
pub(crate) fn policy(name: Option<&str>) -> WaitPolicy {
    let named = POLICIES.iter().find(|(known, _)| Some(*known) == name);
    named.map_or(WaitPolicy::default(), |(_, policy)| *policy)
}

/// The second process: answers until the link is closed.
pub(crate) fn answer(policy: WaitPolicy) -> Result<(), LinkError> {
    let config = LinkConfig { wait: policy, ..LinkConfig::default() };
    let link = Link::inherited_with(&config)?;
    match answer_on(&link) {
        Err(LinkError::Peer(PeerError::Closed)) => Ok(()),
        done => done,
    }
}

fn answer_on(link: &Link) -> Result<(), LinkError> {
    let (line, mut bare) = (Line::new(link)?, Bare::new(link)?);
    let mut lane = link.lane(0)?;
    let mut message = Vec::new();
    loop {
        lane.receive(&mut message)?;
        match &message[..] {
            ANSWER_LINE => line.answer()?,
            ANSWER_BARE => bare.answer()?,
            message => lane.send(message)?,
        }
    }
}

/// Starts the second process for it.
pub(crate) fn start(name: &str, policy: WaitPolicy) -> Result<(Link, Second), Error> {
    let config = LinkConfig { wait: policy, ..LinkConfig::driven_by_passive(1) };
    Second::start(ROLE, &[name.to_owned()], &config)
}

/// One frame there and back. Without a deadline: setting one up would be a part of what is
/// measured, and a peer that dies is noticed anyway.
#[inline]
pub(crate) fn trip(
    lane: &mut Lane<'_>,
    message: &[u8],
    back: &mut Vec<u8>,
) -> Result<(), LinkError> {
    lane.send(message)?;
    lane.receive(back)
}

/// Places both ends on a processor each, once the other end has answered for the first time.
pub(crate) fn apart(lane: &mut Lane<'_>, second: &mut Second) -> Result<Option<Placed>, Error> {
    trip(lane, b"first", &mut Vec::new()).map_err(|error| second.explain_link(error))?;
    Ok(Placed::apart(second.id()))
}

/// Tells the other end to answer the line, and stops it again after `sample`.
pub(crate) fn with_line<T>(
    link: &Link,
    lane: &mut Lane<'_>,
    sample: impl FnOnce(&Line) -> Result<T, Error>,
) -> Result<T, Error> {
    let line = Line::new(link)?;
    lane.send(ANSWER_LINE)?;
    let sampled = sample(&line)?;
    line.stop()?;
    Ok(sampled)
}

/// Tells the other end to answer the bare futex, and stops it again after `measure`.
pub(crate) fn with_bare<T>(
    link: &Link,
    lane: &mut Lane<'_>,
    measure: impl FnOnce(&mut Bare) -> Result<T, LinkError>,
) -> Result<T, LinkError> {
    let mut bare = Bare::new(link)?;
    lane.send(ANSWER_BARE)?;
    let measured = measure(&mut bare)?;
    bare.stop()?;
    Ok(measured)
}
