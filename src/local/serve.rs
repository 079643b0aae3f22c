//! [`Local`]: serves requests until the other end closes.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::dispatch::dispatch;
use super::{Caller, Reflect};
use crate::error::{LinkError, Misuse, PeerError, Poison};
use crate::futex::Deadline;
use crate::layout::Serving;
use crate::link::{
    Body, Count, Envelope, LaneGuard, LaneWatch, Link, Role, SMALL, SendError, Transport,
};
use crate::references::ObjectTable;
use crate::shared::SharedBytes;
use crate::wire::{
    DecodeError, Decoder, EncodeError, Encoder, Failure, Flags, FrameHeader, FrameKind, Pointer,
    Request, Room, Thrown, Value,
};

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
}

/// A request as it was taken from the ring.
struct Incoming<'s, O> {
    id: u64,
    depth: u8,
    op: u8,
    request: Result<Request<'s, O>, DecodeError>,
    /// What the unrefs of the frame have freed.
    freed: Vec<O>,
}

/// What a request is answered with.
enum Response<O> {
    Value(Value<O>),
    Thrown(Thrown<O>),
    Failure(Failure, String),
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
        if link.core().was_served(lane) {
            let problem = format!("lane {lane} was served before");
            return Err(Misuse::Config { option: "lanes", problem }.into());
        }
        let watch = link.core().watch(lane);
        let objects = RefCell::new(ObjectTable::new(link.side(), link.config().max_refs));
        link.core().say_serving(lane, Serving::Yes);
        Ok(Self { link, host, lane, watch, objects })
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

    /// Serves what is there, without waiting, and says how many requests that were.
    ///
    /// # Errors
    /// As [`Self::serve`]; a peer that has left is only noticed by a wait.
    pub fn poll(&self) -> Result<usize, LinkError> {
        let guard = self.link.core().hold(self.lane, &mut Deadline::Never)?;
        let mut served = 0;
        while self.serve_one(&guard)? {
            served += 1;
        }
        guard.borrow_mut().carrier.flush();
        Ok(served)
    }

    fn serve_until(&self, mut deadline: Deadline) -> Result<(), LinkError> {
        let guard = self.link.core().hold(self.lane, &mut deadline)?;
        loop {
            let served = self.serve_one(&guard);
            let step = match served {
                Ok(true) => continue,
                Ok(false) => guard.borrow_mut().wait_for_frame(&mut deadline),
                Err(error) => Err(error),
            };
            if let Err(error) = step {
                if !matches!(error, LinkError::Peer(PeerError::Timeout)) {
                    self.release_all();
                }
                return Err(error);
            }
        }
    }

    /// Serves one frame; `false` where there is none.
    #[inline]
    fn serve_one(&self, guard: &LaneGuard<'_>) -> Result<bool, LinkError> {
        let mut scratch = std::mem::take(&mut guard.borrow_mut().scratch);
        let taken = self.take(guard, &mut scratch);
        let served = match taken {
            Ok(Some(Some(incoming))) => self.answer(guard, incoming).map(|()| true),
            Ok(Some(None)) => Ok(true),
            Ok(None) => Ok(false),
            Err(error) => Err(error),
        };
        guard.borrow_mut().scratch = scratch;
        served
    }

    /// Takes a frame off the ring; the inner `None` stands for one that wants no answer.
    #[inline]
    fn take<'s>(
        &self,
        guard: &LaneGuard<'_>,
        scratch: &'s mut Vec<u8>,
    ) -> Result<Option<Option<Incoming<'s, H::Object>>>, LinkError> {
        let mut state = guard.borrow_mut();
        let Some((kind, mut incoming)) = state.next(scratch, |h, c, a| self.decode(h, c, a))?
        else {
            return Ok(None);
        };
        let refused = incoming.as_ref().map_or(0, |(_, refused)| *refused);
        if refused != 0 {
            state.count(Count::RefusedUnrefs, refused);
        }
        drop(state);
        match (kind, &mut incoming) {
            (FrameKind::Request, Some((incoming, _))) => {
                // Dropping an object may run code of the host: not while the lane is borrowed.
                incoming.freed.clear();
            }
            (FrameKind::Unref, _) => return Ok(Some(None)),
            _ => {
                let poison = Poison::Word { name: "frame kind", value: kind as u64 };
                return Err(guard.borrow_mut().carrier.poison(poison));
            }
        }
        Ok(Some(incoming.map(|(incoming, _)| incoming)))
    }

    /// Applies the unrefs of a frame and decodes its request; counts the unrefs that were refused.
    #[inline]
    #[expect(clippy::type_complexity, reason = "one caller, which takes it apart at once")]
    fn decode<'s>(
        &self,
        header: &FrameHeader,
        control: &'s [u8],
        area: SharedBytes<'_>,
    ) -> (FrameKind, Option<(Incoming<'s, H::Object>, u64)>) {
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
        let FrameHeader { id, depth, op, .. } = *header;
        (header.kind, Some((Incoming { id, depth, op, request, freed }, refused)))
    }

    /// Lets the host execute a request and sends what came of it.
    #[inline]
    fn answer(
        &self,
        guard: &LaneGuard<'_>,
        incoming: Incoming<'_, H::Object>,
    ) -> Result<(), LinkError> {
        let Incoming { id, depth, op, request, .. } = incoming;
        guard.borrow().count_trap(op);
        let response = match request {
            Ok(request) => {
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
        self.reply(guard, Envelope { flags: Flags::NONE, depth, id }, &response)
    }

    /// Sends a response; where it does not cross, a failure that says why.
    #[inline]
    fn reply(
        &self,
        guard: &LaneGuard<'_>,
        envelope: Envelope,
        response: &Response<H::Object>,
    ) -> Result<(), LinkError> {
        // Asking the host for the kind runs its code, so the pointer is made before the claim.
        let pointer = match response {
            Response::Value(Value::Reference(object))
            | Response::Thrown(Thrown { value: Value::Reference(object), .. }) => {
                match catch_unwind(AssertUnwindSafe(|| self.host.kind(object))) {
                    Ok(kind) => Some(self.objects.borrow_mut().offer(object, kind)),
                    Err(panic) => {
                        let failure = Failure::Panicked;
                        let response = Response::Failure(failure, panic_message(&*panic));
                        return self.reply(guard, envelope, &response);
                    }
                }
            }
            _ => None,
        };
        let body = &mut ReplyBody { response, pointer };
        let (hint, small) = body.size();
        let sent = guard.borrow_mut().send(envelope, hint, small, body, &mut Deadline::Never);
        if let Some(Ok(pointer)) = pointer {
            match sent {
                Ok(()) => self.objects.borrow_mut().sent(pointer),
                Err(_) => {
                    let freed = self.objects.borrow_mut().abandoned(pointer);
                    drop(freed);
                }
            }
        }
        match sent {
            Ok(()) => Ok(()),
            Err(SendError::Link(error)) => Err(error),
            Err(SendError::Encode(error)) => {
                let failure: Response<H::Object> =
                    Response::Failure(error.failure(), error.to_string());
                let body = &mut ReplyBody { response: &failure, pointer: None };
                let mut state = guard.borrow_mut();
                Ok(state.send(envelope, SMALL_REPLY, true, body, &mut Deadline::Never)?)
            }
        }
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
        while let Some((kind, id, depth)) =
            state.next(&mut scratch, |header, _, _| (header.kind, header.id, header.depth))?
        {
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

/// Room that a reply without text or buffers needs.
const SMALL_REPLY: usize = 64;

struct ReplyBody<'v, O> {
    response: &'v Response<O>,
    /// Of the one reference in it.
    pointer: Option<Result<Pointer, EncodeError>>,
}

impl<O> ReplyBody<'_, O> {
    /// Bytes to expect, and whether they are a control part only.
    fn size(&self) -> (usize, bool) {
        match self.response {
            Response::Value(Value::Bytes(bytes)) => (SMALL_REPLY + bytes.len(), false),
            Response::Value(Value::String(s)) => {
                (SMALL_REPLY + s.len(), SMALL_REPLY + s.len() <= SMALL)
            }
            _ => (SMALL_REPLY, true),
        }
    }
}

impl<'v, O> Body<'v> for ReplyBody<'v, O> {
    #[inline]
    fn write<W: Room>(&mut self, encoder: &mut Encoder<'v, W>) -> Result<(), EncodeError> {
        let pointer = self.pointer;
        let refs = &mut |_: &O| {
            pointer.unwrap_or(Err(EncodeError::Unencodable { type_name: "reference" }))
        };
        match self.response {
            Response::Value(value) => encoder.reply_value(value, refs),
            Response::Thrown(thrown) => encoder.reply_thrown(thrown, refs),
            Response::Failure(failure, message) => encoder.reply_failure(*failure, message),
        }
    }
}

/// What a panic said, if it said it in words.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default().to_owned()
}
