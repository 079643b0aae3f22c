//! The link: two segments, their rings and words, and the peer's liveness, as one connection.
//!
//! ```text
//!  Link ── Core ─┬─ lanes[0] ── lock ── LaneState ── Carrier ─┬─ RingLane (segments, heap)
//!                ├─ lanes[1] ── …                             ├─ SteppedLane (tests)
//!                └─ peer: states, liveness, poison            └─ Box<dyn Transport>
//! ```
//!
//! A lane belongs to the thread that holds its lock. The link ends when its last handle is
//! dropped, or by [`Link::close`]: the state word says so and every bell is rung, so that no peer
//! sleeps through it.

mod batch;
mod carrier;
mod config;
mod counters;
mod frames;
mod lane;
mod peer;
mod rings;
mod stepped;
mod transport;
mod waker;

#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod platform;
#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod platform;

use std::cell::RefCell;
use std::process::{Child, Command};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use crossbeam_utils::CachePadded;

use crate::error::{LinkError, Misuse, PeerError};
use crate::futex::{Deadline, OwnWake, ReentrantGuard, ReentrantLock, Scope};
use crate::layout::{
    LANE_CANCELLED, LANE_NOTIFY, LANE_SERVING, LINK_BARE, LINK_LINE, MAX_LANES, Serving,
};
use crate::segment::{OwnSegment, PeerSegment};
use crate::shared::{OwnU32, OwnU64, PeerU32, PeerU64};
use crate::sync::{Acquire, Relaxed, Release};
use crate::wire::Side;

pub use batch::Batch;
pub(crate) use carrier::Carrier;
pub use config::{Lanes, LinkConfig};
pub use counters::Counters;
pub(crate) use counters::{Count, LaneCounters};
pub(crate) use frames::{Body, Envelope, LaneState, Role, SMALL, SendError};
pub use lane::Lane;
use peer::Peer;
use platform::Liveness;
#[cfg(target_os = "linux")]
#[doc(hidden)]
pub use platform::read_messages;
#[cfg(target_os = "linux")]
pub use platform::{Listener, ListenerOptions, Offer, Users};
use rings::RingLane;
use stepped::SteppedLane;
pub use stepped::Stepper;
pub use transport::{InFrame, Interest, OutFrame, Transport};
pub use waker::Waker;

/// One end of a connection between two places. Clones are handles to the same end.
#[derive(Clone, Debug)]
pub struct Link {
    core: Arc<Core>,
}

/// What all handles of one end share.
#[derive(Debug)]
pub(crate) struct Core {
    side: Side,
    config: LinkConfig,
    /// Apart, because each has its own thread.
    lanes: Vec<CachePadded<LaneSlot>>,
    /// Absent where the lanes are the user's own transport.
    segments: Option<Segments>,
}

/// What lies under all lanes.
#[derive(Debug)]
struct Segments {
    own: OwnSegment,
    theirs: PeerSegment,
    peer: Arc<Peer>,
}

/// A lane with what can be reached without its lock.
#[derive(Debug)]
struct LaneSlot {
    role: Role,
    /// It has, or had, a local.
    served: AtomicBool,
    state: ReentrantLock<RefCell<LaneState>>,
    words: Option<LaneWords>,
}

/// Words of a lane that any thread may use.
#[derive(Debug)]
struct LaneWords {
    serving: OwnU32,
    notify: OwnU32,
    counters: LaneCounters,
    cancelled: Vec<OwnU64>,
}

/// Tells a handler whether its caller has given up: the peer's `cancelled` words. It stays on the
/// thread that serves the lane.
#[derive(Clone, Debug)]
pub(crate) struct LaneWatch(Option<Rc<[PeerU64]>>);

impl LaneWatch {
    /// No caller, nothing to give up.
    pub(crate) fn nobody() -> Self {
        Self(None)
    }

    /// The last id that was given up at this depth, 0 for none.
    #[inline]
    pub(crate) fn cancelled(&self, depth: u8) -> u64 {
        self.0
            .as_ref()
            .and_then(|words| words.get(usize::from(depth)))
            .map_or(0, |w| w.load(Acquire))
    }
}

impl Link {
    /// Two ends in this process, for two threads: the passive one and the active one. The same
    /// code as between processes, over private memory.
    ///
    /// # Errors
    /// An option that cannot be used, or what the operating system refuses.
    pub fn pair(config: &LinkConfig) -> Result<(Self, Self), LinkError> {
        Self::heap_pair(config, &|rings, _| Carrier::Rings(rings))
    }

    /// As [`Link::pair`], for one thread and for tests: where the active end would wait, what the
    /// stepper was given runs instead.
    ///
    /// # Errors
    /// As [`Link::pair`].
    pub fn stepped(config: &LinkConfig) -> Result<(Self, Self, Stepper), LinkError> {
        let stepper = Stepper::new();
        let id = stepper.id();
        let (passive, active) = Self::heap_pair(config, &move |rings, side| match side {
            Side::Active => Carrier::Stepped(SteppedLane { rings, stepper: id }),
            // Nothing steps the active end: the passive one finds that out at once.
            Side::Passive => Carrier::Stepped(SteppedLane { rings, stepper: u64::MAX }),
        })?;
        Ok((passive, active, stepper))
    }

    fn heap_pair(
        config: &LinkConfig,
        carry: &dyn Fn(RingLane, Side) -> Carrier,
    ) -> Result<(Self, Self), LinkError> {
        let half = |side| crate::segment::heap(&config.plan(side, config.lanes)?);
        let (passive, seen_by_active) = half(Side::Passive)?;
        let (active, seen_by_passive) = half(Side::Active)?;
        let end = |side, own, theirs| {
            let wake = Arc::new(OwnWake::default());
            Self::over_segments(side, config, own, theirs, Liveness::thread(), wake, carry)
        };
        Ok((
            end(Side::Passive, &passive, &seen_by_passive),
            end(Side::Active, &active, &seen_by_active),
        ))
    }

    /// Starts `command` and links to it; this is the passive end. The child calls
    /// [`Link::inherited`].
    ///
    /// # Errors
    /// The child could not be started, or the handshake failed; a child that was started is ended
    /// then.
    pub fn spawn(command: Command, config: &LinkConfig) -> Result<(Self, Child), LinkError> {
        platform::spawn(command, config)
    }

    /// The link that the parent process made for this one when it started it; this is the active
    /// end. It can be taken once.
    ///
    /// # Errors
    /// [`Misuse::Inheritance`] where there is none, or the handshake failed.
    pub fn inherited() -> Result<Self, LinkError> {
        Self::inherited_with(&LinkConfig::default())
    }

    /// As [`Link::inherited`], with options: sizes, limits and waiting of this side. The lanes are
    /// the parent's choice.
    ///
    /// # Errors
    /// As [`Link::inherited`].
    pub fn inherited_with(config: &LinkConfig) -> Result<Self, LinkError> {
        platform::inherited(config)
    }

    /// A link whose lanes are carried by `transports` of the user's own, all driven by `driver`;
    /// this end is `side`.
    ///
    /// # Errors
    /// [`Misuse::Config`] where there is none, or more than 64.
    pub fn over(
        side: Side,
        driver: Side,
        transports: Vec<Box<dyn Transport>>,
        config: &LinkConfig,
    ) -> Result<Self, LinkError> {
        if transports.is_empty() || transports.len() > MAX_LANES {
            let problem = format!("{} transports", transports.len());
            return Err(Misuse::Config { option: "transports", problem }.into());
        }
        let role = if side == driver { Role::Driver } else { Role::Server };
        let slot = |(lane, transport)| {
            CachePadded::new(LaneSlot {
                role,
                served: AtomicBool::new(false),
                state: ReentrantLock::new(RefCell::new(LaneState::new(
                    Carrier::Own(transport),
                    role,
                    lane,
                ))),
                words: None,
            })
        };
        let lanes = transports.into_iter().enumerate().map(slot).collect();
        Ok(Self { core: Arc::new(Core { side, config: config.clone(), lanes, segments: None }) })
    }

    /// The end of `side` over two segments that have been checked.
    fn over_segments(
        side: Side,
        config: &LinkConfig,
        own: &OwnSegment,
        theirs: &PeerSegment,
        liveness: Liveness,
        wake: Arc<OwnWake>,
        carry: &dyn Fn(RingLane, Side) -> Carrier,
    ) -> Self {
        let peer = Arc::new(Peer::new(own, theirs, liveness, wake));
        let slot = |lane| {
            let role = if own.driver(lane) == side { Role::Driver } else { Role::Server };
            let drives = role == Role::Driver;
            let rings = RingLane::new(own, theirs, lane, peer.clone(), config.wait, drives);
            let cancelled = |depth| own.lane_u64(lane, cancelled_word(depth));
            CachePadded::new(LaneSlot {
                role,
                served: AtomicBool::new(false),
                state: ReentrantLock::new(RefCell::new(LaneState::new(
                    carry(rings, side),
                    role,
                    lane,
                ))),
                words: Some(LaneWords {
                    serving: own.lane_u32(lane, LANE_SERVING),
                    notify: own.lane_u32(lane, LANE_NOTIFY),
                    counters: LaneCounters::new(own, lane),
                    cancelled: (0..DEPTHS).map(cancelled).collect(),
                }),
            })
        };
        let lanes = (0..own.lanes()).map(slot).collect();
        let segments = Segments { own: own.clone(), theirs: theirs.clone(), peer };
        Self {
            core: Arc::new(Core { side, config: config.clone(), lanes, segments: Some(segments) }),
        }
    }

    /// Which end this is.
    pub fn side(&self) -> Side {
        self.core.side
    }

    /// The options of this end.
    pub fn config(&self) -> &LinkConfig {
        &self.core.config
    }

    /// How many lanes the link has.
    pub fn lanes(&self) -> usize {
        self.core.lanes.len()
    }

    /// Takes a lane, to send and receive messages of the user's own; waits while another thread
    /// holds it.
    ///
    /// # Errors
    /// [`Misuse::NoLane`].
    pub fn lane(&self, lane: usize) -> Result<Lane<'_>, LinkError> {
        let lanes = self.core.lanes.len();
        let slot = self.core.lanes.get(lane).ok_or(Misuse::NoLane { lane, lanes })?;
        let guard = slot.state.lock(&mut Deadline::Never).ok_or(PeerError::Timeout)?;
        Ok(Lane::new(guard))
    }

    /// What this end has done so far.
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for words in self.core.lanes.iter().filter_map(|lane| lane.words.as_ref()) {
            words.counters.add_to(&mut sum);
        }
        sum
    }

    /// What ends the waits of this end, from any thread and from a signal handler.
    pub fn waker(&self) -> Waker {
        let own = self.core.segments.as_ref().map(|segments| segments.peer.own().clone());
        Waker::new(own.unwrap_or_default())
    }

    /// Ends the link, from any thread: from now on every operation at this end fails with
    /// [`PeerError::Closed`], and so does every one at the other end, once it has received what was
    /// sent before. Whoever waits is woken. Closing twice is closing once. A link over transports
    /// of the user's own waits until nobody uses them.
    pub fn close(&self) {
        self.core.close();
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }
}

/// Nesting depths of a lane.
const DEPTHS: usize = 64;

/// Within a lane block: the `cancelled` word of a depth.
fn cancelled_word(depth: usize) -> usize {
    LANE_CANCELLED + depth * size_of::<u64>()
}

/// A held lane.
pub(crate) type LaneGuard<'a> = ReentrantGuard<'a, RefCell<LaneState>>;

impl Core {
    /// The lanes of one role, by number.
    pub(crate) fn lanes_of(&self, role: Role) -> impl Iterator<Item = usize> + '_ {
        (0..self.lanes.len()).filter(move |lane| self.lanes[*lane].role == role)
    }

    /// Takes one particular lane.
    pub(crate) fn hold(
        &self,
        lane: usize,
        deadline: &mut Deadline,
    ) -> Result<LaneGuard<'_>, LinkError> {
        Ok(self.lanes[lane].state.lock(deadline).ok_or(PeerError::Timeout)?)
    }

    /// Takes a lane that this end drives: the one that this thread holds already, else the one it
    /// used last, else any that is free; waits for its usual one where none is.
    #[inline]
    pub(crate) fn hold_driven(&self, deadline: &mut Deadline) -> Result<LaneGuard<'_>, LinkError> {
        thread_local!(static HINT: AtomicUsize = const { AtomicUsize::new(0) });
        let hint = HINT.with(|hint| hint.load(Relaxed));
        let driven = |lane: &usize| self.lanes[*lane].role == Role::Driver;
        if let Some(lane) = self.lanes.get(hint).filter(|lane| lane.role == Role::Driver) {
            // One lane only, or its own: nothing to search.
            if self.lanes.len() == 1 || lane.state.is_mine() {
                return Ok(lane.state.lock(deadline).ok_or(PeerError::Timeout)?);
            }
        }
        // The other end waits for what this thread serves, so it may never come to answer.
        if self.lanes.iter().any(|lane| lane.role == Role::Server && lane.state.is_mine()) {
            return Err(Misuse::WouldDeadlock.into());
        }
        let mine = (0..self.lanes.len()).filter(driven).find(|l| self.lanes[*l].state.is_mine());
        let order = mine.into_iter().chain(Some(hint).filter(|h| *h < self.lanes.len()));
        for lane in order.chain(0..self.lanes.len()).filter(driven) {
            if let Some(guard) = self.lanes[lane].state.try_lock() {
                HINT.with(|hint| hint.store(lane, Relaxed));
                return Ok(guard);
            }
        }
        let lanes = self.lanes_of(Role::Driver).count();
        let usual = self.lanes_of(Role::Driver).nth(hint % lanes.max(1));
        self.hold(usual.ok_or(Misuse::NoLane { lane: 0, lanes: 0 })?, deadline)
    }

    /// The words by which the driver of `lane` gives calls up.
    pub(crate) fn watch(&self, lane: usize) -> LaneWatch {
        let word = |theirs: &PeerSegment, depth| theirs.lane_u64(lane, cancelled_word(depth));
        let words = |theirs| (0..DEPTHS).map(|depth| word(theirs, depth)).collect();
        LaneWatch(self.segments.as_ref().map(|segments| words(&segments.theirs)))
    }

    /// Fails where the peer has left.
    pub(crate) fn verdict(&self) -> Result<(), LinkError> {
        self.segments.as_ref().map_or(Ok(()), |segments| segments.peer.verdict())
    }

    /// The calibration words, own and the peer's.
    pub(crate) fn line_words(&self) -> Result<(OwnU64, PeerU64), LinkError> {
        let segments = self.segments.as_ref();
        let segments = segments.ok_or(Misuse::Unsupported { what: "the line of this link" })?;
        Ok((segments.own.link_u64(LINK_LINE), segments.theirs.link_u64(LINK_LINE)))
    }

    /// The calibration words of sleepers, own and the peer's, and who shares them.
    pub(crate) fn bare_words(&self) -> Result<(OwnU32, PeerU32, Scope), LinkError> {
        let segments = self.segments.as_ref();
        let segments = segments.ok_or(Misuse::Unsupported { what: "the words of this link" })?;
        let (own, peer) = (segments.own.link_u32(LINK_BARE), segments.theirs.link_u32(LINK_BARE));
        Ok((own, peer, segments.peer.scope()))
    }

    /// Gives up the call `id`, and all before it, at `depth`.
    pub(crate) fn cancel(&self, lane: usize, depth: u8, id: u64) {
        let words = self.lanes[lane].words.as_ref();
        if let Some(word) = words.and_then(|words| words.cancelled.get(usize::from(depth))) {
            word.store(id, Release);
        }
    }

    /// Says to the driver of `lane` whether anybody serves it.
    pub(crate) fn say_serving(&self, lane: usize, serving: Serving) {
        if let Some(words) = &self.lanes[lane].words {
            words.serving.store(serving as u32, Release);
            self.ring(words);
        }
    }

    /// Whether nobody has served `lane` before; asked once, by who is going to.
    pub(crate) fn serve_once(&self, lane: usize) -> bool {
        !self.lanes[lane].served.swap(true, Relaxed)
    }

    /// Wakes whatever of the peer sleeps on a lane, from any thread.
    fn ring(&self, words: &LaneWords) {
        let scope = self.segments.as_ref().map_or(Scope::Shared, |segments| segments.peer.scope());
        crate::futex::ring(&words.notify, scope);
    }

    fn close(&self) {
        if let Some(segments) = &self.segments {
            if !segments.peer.is_ours() {
                return;
            }
            segments.peer.close();
        }
        for lane in &self.lanes {
            match &lane.words {
                Some(words) => self.ring(words),
                // The user's own transport says it in its own way, once nobody uses the lane.
                None => {
                    if let Some(guard) = lane.state.lock(&mut Deadline::Never) {
                        guard.borrow_mut().carrier.close();
                    }
                }
            }
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.close();
    }
}
