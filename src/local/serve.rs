//! [`Local`]: serves requests until the other end closes.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::dispatch::dispatch;
use super::reply::{ReplyBody, Response, SMALL_REPLY, panic_message};
use super::{Caller, Reflect};
use crate::error::{LinkError, Misuse, PeerError, Poison};
use crate::futex::Deadline;
use crate::layout::Serving;
use crate::link::{Count, Envelope, LaneGuard, LaneWatch, Link, Role, SendError, Transport};
use crate::references::{Freed, ObjectTable};
use crate::shared::SharedBytes;
use crate::wire::{
    DecodeError, Decoder, Failure, Flags, FrameHeader, FrameKind, Pointer, Request, Thrown, Value,
};

/// Most frames that are taken without a look at anything else.
const TURN: usize = 4096;

/// The end of a link that owns objects: a host, and what the other end holds of it.
///
/// It serves on the thread that calls [`serve`](Self::serve) or [`poll`](Self::poll). When it is
/// dropped, callers at the other end get [`Misuse::NotServed`].
pub struct Local<H: Reflect> {
    link: Link,
    host: H,
    lane: usize,
    watch: LaneWatch,
    objects: RefCell<ObjectTable<H::Object>>,
    /// An answer that had no room before the time was up; it goes out before anything else.
    unsent: RefCell<Option<(Envelope, Response<H::Object>)>>,
}

/// A frame as it was taken from the ring.
struct Incoming<'s, O> {
    kind: FrameKind,
    id: u64,
    depth: u8,
    op: u8,
    /// Means something where the frame is a request.
    request: Result<Request<'s, O>, DecodeError>,
    /// What the unrefs of the frame have freed.
    freed: Vec<Freed<O>>,
    /// How many of them were refused.
    refused: u64,
}

impl<H: Reflect> Local<H> {
    /// Serves `host` to the other end of `link`, on the one lane that it drives.
    ///
    /// # Errors
    /// [`Misuse::NoLane`] where the other end drives none, [`Misuse::Config`] where it drives
    /// several (one thread that serves several lanes is not there yet), or where the lane had a
    /// local before.
    pub fn new(link: Link, host: H) -> Result<Self, LinkError> {
        let served: Vec<usize> = link.core().lanes_of(Role::Server).collect();
        let lane = match served[..] {
            [lane] => lane,
            [] => return Err(Misuse::NoLane { lane: 0, lanes: 0 }.into()),
            _ => {
                let problem = format!("{} lanes to serve, one is possible", served.len());
                return Err(Misuse::Config { option: "lanes", problem }.into());
            }
        };
        // A table that starts over would hand out the pointers of the last one again, and the
        // other end may still hold those.
        if !link.core().serve_once(lane) {
            let problem = format!("lane {lane} was served before");
            return Err(Misuse::Config { option: "lanes", problem }.into());
        }
        let watch = link.core().watch(lane);
        let objects = RefCell::new(ObjectTable::new(link.side(), link.config().max_refs));
        link.core().say_serving(lane, Serving::Yes);
        Ok(Self { link, host, lane, watch, objects, unsent: RefCell::new(None) })
    }

    /// The host.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// Objects that the other end holds.
    pub fn held_objects(&self) -> usize {
        self.objects.borrow().len()
    }

    /// Serves until the other end closes the link, which is no error.
    ///
    /// # Errors
    /// Why the link does not work any more. Everything that the other end held is released.
    pub fn serve(&self) -> Result<(), LinkError> {
        match self.serve_until(Deadline::Never) {
            Err(LinkError::Peer(PeerError::Closed)) => Ok(()),
            done => done,
        }
    }

    /// Serves for `timeout`.
    ///
    /// # Errors
    /// As [`Self::serve`], and [`PeerError::Closed`].
    pub fn serve_timeout(&self, timeout: Duration) -> Result<(), LinkError> {
        match self.serve_until(Deadline::In(timeout)) {
            Err(LinkError::Peer(PeerError::Timeout)) => Ok(()),
            done => done,
        }
    }

    /// Serves what is there, without waiting and at most 4,096 frames, and says how many it were.
    ///
    /// # Errors
    /// As [`Self::serve`]; a peer that has left is only noticed by a wait.
    pub fn poll(&self) -> Result<usize, LinkError> {
        let guard = self.link.core().hold(self.lane, &mut Deadline::Never)?;
        let mut now = Deadline::In(Duration::ZERO);
        let mut served = 0;
        while served < TURN {
            match self.serve_one(&guard, &mut now) {
                Ok(true) => served += 1,
                // An answer without room keeps until the next poll.
                Ok(false) | Err(LinkError::Peer(PeerError::Timeout)) => break,
                Err(error) => return Err(self.ended(error)),
            }
        }
        guard.borrow_mut().carrier.flush();
        Ok(served)
    }

    fn serve_until(&self, mut deadline: Deadline) -> Result<(), LinkError> {
        let guard = self.link.core().hold(self.lane, &mut deadline)?;
        // From now on, however busy the driver keeps this end.
        deadline.moment();
        loop {
            let served = self.serve_one(&guard, &mut deadline);
            let step = match served {
                Ok(true) if deadline.has_passed() => Err(PeerError::Timeout.into()),
                Ok(true) => continue,
                Ok(false) => guard.borrow_mut().wait_for_frame(&mut deadline),
                Err(error) => Err(error),
            };
            if let Err(error) = step {
                return Err(self.ended(error));
            }
        }
    }

    /// Serves one frame; `false` where there is none.
    #[inline]
    fn serve_one(&self, guard: &LaneGuard<'_>, deadline: &mut Deadline) -> Result<bool, LinkError> {
        let unsent = self.unsent.take();
        if let Some((envelope, response)) = unsent {
            self.reply(guard, envelope, response, deadline)?;
        }
        let mut scratch = std::mem::take(&mut guard.borrow_mut().scratch);
        let served = match self.take(guard, &mut scratch) {
            Ok(Some(incoming)) => self.handle(guard, incoming, deadline).map(|()| true),
            Ok(None) => Ok(false),
            Err(error) => Err(error),
        };
        guard.borrow_mut().scratch = scratch;
        served
    }

    /// Takes a frame off the ring.
    #[inline]
    fn take<'s>(
        &self,
        guard: &LaneGuard<'_>,
        scratch: &'s mut Vec<u8>,
    ) -> Result<Option<Incoming<'s, H::Object>>, LinkError> {
        let mut state = guard.borrow_mut();
        let taken = state.next(scratch, |h, c, a| self.decode(h, c, a))?;
        let Some(mut incoming) = taken else { return Ok(None) };
        if incoming.refused != 0 {
            state.count(Count::RefusedUnrefs, incoming.refused);
        }
        drop(state);
        // Dropping an object may run code of the host: not while the lane is borrowed.
        incoming.freed.clear();
        Ok(Some(incoming))
    }

    /// Applies the unrefs of a frame and decodes its request.
    #[inline]
    fn decode<'s>(
        &self,
        header: &FrameHeader,
        control: &'s [u8],
        area: SharedBytes<'_>,
    ) -> Incoming<'s, H::Object> {
        let mut decoder = Decoder::new(control, area, &self.link.config().limits);
        let (mut freed, mut refused) = (Vec::new(), 0);
        let mut lists = || {
            if header.flags.contains(Flags::NESTED) {
                decoder.parent()?;
            }
            for (bits, count) in decoder.unrefs(header.unref_count)? {
                match self.objects.borrow_mut().unref(bits, count) {
                    Ok(object) => freed.extend(object),
                    Err(()) => refused += 1,
                }
            }
            Ok(())
        };
        let request = lists().and_then(|()| {
            let objects = self.objects.borrow();
            decoder.request(header.op, &mut |pointer: Pointer| {
                objects.resolve(pointer).ok_or(DecodeError::StalePointer(pointer.to_bits()))
            })
        });
        let FrameHeader { kind, id, depth, op, .. } = *header;
        Incoming { kind, id, depth, op, request, freed, refused }
    }

    #[inline]
    fn handle(
        &self,
        guard: &LaneGuard<'_>,
        incoming: Incoming<'_, H::Object>,
        deadline: &mut Deadline,
    ) -> Result<(), LinkError> {
        match incoming.kind {
            FrameKind::Request => self.answer(guard, incoming, deadline),
            // Their lists have been applied; asynchronous calls, which a CANCEL ends, do not come
            // this way.
            FrameKind::Unref | FrameKind::Cancel => Ok(()),
            kind => {
                let poison = Poison::Word { name: "frame kind", value: kind as u64 };
                Err(guard.borrow_mut().carrier.poison(poison))
            }
        }
    }

    /// Lets the host execute a request and sends what came of it.
    #[inline]
    fn answer(
        &self,
        guard: &LaneGuard<'_>,
        incoming: Incoming<'_, H::Object>,
        deadline: &mut Deadline,
    ) -> Result<(), LinkError> {
        let Incoming { id, depth, op, request, .. } = incoming;
        let response = match request {
            Ok(request) => {
                guard.borrow().count_trap(op);
                let caller = Caller::new(id, depth, self.watch.clone());
                let run = || caller.enter(|| dispatch(&self.host, &caller, request));
                match catch_unwind(AssertUnwindSafe(run)) {
                    Ok(Ok(value)) => Response::Value(value),
                    Ok(Err(thrown)) => Response::Thrown(thrown),
                    Err(panic) => Response::Failure(Failure::Panicked, panic_message(&*panic)),
                }
            }
            Err(error) => Response::Failure(error.failure(), error.to_string()),
        };
        self.reply(guard, Envelope { flags: Flags::NONE, depth, id }, response, deadline)
    }

    /// Sends a response; where it does not cross, a failure that says why; where it has no room
    /// until `deadline`, it is kept for the next time.
    #[inline]
    fn reply(
        &self,
        guard: &LaneGuard<'_>,
        envelope: Envelope,
        mut response: Response<H::Object>,
        deadline: &mut Deadline,
    ) -> Result<(), LinkError> {
        loop {
            let pointer = match self.offer(&response) {
                Ok(pointer) => pointer,
                Err(failure) => {
                    response = failure;
                    continue;
                }
            };
            let body = &mut ReplyBody { response: &response, pointer };
            let (hint, small) = body.size();
            let sent = guard.borrow_mut().send(envelope, hint, small, body, deadline);
            self.settle_offer(pointer, sent.is_ok());
            match sent {
                Ok(()) => return Ok(()),
                Err(SendError::Encode(error)) => {
                    response = Response::Failure(error.failure(), error.to_string());
                }
                Err(error) => {
                    let error = error.into();
                    if error == LinkError::Peer(PeerError::Timeout) {
                        *self.unsent.borrow_mut() = Some((envelope, response));
                    }
                    return Err(error);
                }
            }
        }
    }

    /// The pointer of the one reference in a response, or the failure to answer with instead.
    /// Asking the host for the kind runs its code, so this comes before the claim.
    #[inline]
    fn offer(
        &self,
        response: &Response<H::Object>,
    ) -> Result<Option<Pointer>, Response<H::Object>> {
        let (Response::Value(Value::Reference(object))
        | Response::Thrown(Thrown { value: Value::Reference(object), .. })) = response
        else {
            return Ok(None);
        };
        if let Some(pointer) = self.objects.borrow_mut().offer_again(object) {
            return Ok(Some(pointer));
        }
        let kind = catch_unwind(AssertUnwindSafe(|| self.host.kind(object)))
            .map_err(|panic| Response::Failure(Failure::Panicked, panic_message(&*panic)))?;
        let offered = self.objects.borrow_mut().offer(object, kind);
        offered.map(Some).map_err(|e| Response::Failure(e.failure(), e.to_string()))
    }

    /// Says whether the frame with an offered pointer was published.
    #[inline]
    fn settle_offer(&self, pointer: Option<Pointer>, published: bool) {
        let Some(pointer) = pointer else { return };
        if published {
            self.objects.borrow_mut().sent(pointer);
        } else {
            let freed = self.objects.borrow_mut().abandoned(pointer);
            // It may run code of the host, which may come back here.
            drop(freed);
        }
    }

    /// What an error means for what the other end holds: nothing, if it is only late.
    fn ended(&self, error: LinkError) -> LinkError {
        if !matches!(error, LinkError::Peer(PeerError::Timeout | PeerError::Interrupted)) {
            self.release_all();
        }
        error
    }

    /// The other end is gone: it holds nothing any more.
    fn release_all(&self) {
        let held = self.objects.borrow_mut().clear();
        drop(held);
    }

    /// Answers what lies in the ring, so that nobody waits for a host that has left.
    fn refuse_rest(&self, guard: &LaneGuard<'_>) -> Result<(), LinkError> {
        let mut state = guard.borrow_mut();
        let mut scratch = Vec::new();
        // What comes while we look is told by the word.
        for _ in 0..TURN {
            let taken = state.next(&mut scratch, |h, _, _| (h.kind, h.id, h.depth))?;
            let Some((kind, id, depth)) = taken else { break };
            if kind == FrameKind::Request {
                let response: Response<H::Object> =
                    Response::Failure(Failure::NotServed, String::new());
                let body = &mut ReplyBody { response: &response, pointer: None };
                let envelope = Envelope { flags: Flags::NONE, depth, id };
                // A full ring has answers in it already; the state word tells the rest.
                let mut now = Deadline::In(Duration::ZERO);
                state.send(envelope, SMALL_REPLY, true, body, &mut now)?;
            }
        }
        Ok(())
    }
}

impl<H: Reflect> Drop for Local<H> {
    fn drop(&mut self) {
        self.link.core().say_serving(self.lane, Serving::Stopped);
        if let Ok(guard) = self.link.core().hold(self.lane, &mut Deadline::Never) {
            // Whoever waits sees the serving word as well, so a link that fails here loses nobody.
            let _ = self.refuse_rest(&guard);
        }
        self.release_all();
    }
}

impl<H: Reflect + fmt::Debug> fmt::Debug for Local<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("host", &self.host).finish_non_exhaustive()
    }
}
