//! One synchronous trap: a request out, and its reply in.

use std::sync::Arc;

use super::proxy::{Inner, Shared};
use super::{CallError, Proxy};
use crate::error::{LinkError, Misuse, PeerError, Poison};
use crate::futex::Deadline;
use crate::link::{Body, Count, Envelope, LaneState, SMALL, SendError, Transport};
use crate::references::Held;
use crate::shared::SharedBytes;
use crate::wire::{
    DecodeError, Decoder, EncodeError, Encoder, Failure, Flags, FrameHeader, FrameKind, HEADER_LEN,
    Key, Pointer, Reply, Room, Value,
};

/// Most entries of the unref list that one frame takes along.
const UNREFS: usize = 256;
/// Bytes of one of them.
const UNREF_LEN: usize = 12;

/// A trap, with what it names borrowed from the caller, who thereby keeps it alive until the reply
/// is there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trap<'v> {
    Global,
    Get {
        target: &'v Proxy,
        key: Key<'v>,
    },
    Set {
        target: &'v Proxy,
        key: Key<'v>,
        value: &'v Value<Proxy>,
    },
    Apply {
        target: &'v Proxy,
        this: &'v Value<Proxy>,
        args: &'v [Value<Proxy>],
    },
    Construct {
        target: &'v Proxy,
        args: &'v [Value<Proxy>],
    },
    /// No trap: only the unref list.
    Flush,
}

struct Request<'v> {
    shared: &'v Shared,
    trap: Trap<'v>,
    unrefs: &'v [(Pointer, u32)],
}

impl<'v> Body<'v> for Request<'v> {
    #[inline]
    fn write<W: Room>(&mut self, encoder: &mut Encoder<'v, W>) -> Result<(), EncodeError> {
        for (pointer, count) in self.unrefs {
            encoder.unref(*pointer, *count)?;
        }
        let shared = self.shared;
        let refs = &mut |proxy: &Proxy| shared.pointer_of(proxy);
        match self.trap {
            Trap::Global => {
                encoder.global();
                Ok(())
            }
            Trap::Get { target, key } => encoder.get(refs(target)?, key),
            Trap::Set { target, key, value } => encoder.set(refs(target)?, key, value, refs),
            Trap::Apply { target, this, args } => encoder.apply(refs(target)?, this, args, refs),
            Trap::Construct { target, args } => encoder.construct(refs(target)?, args, refs),
            Trap::Flush => Ok(()),
        }
    }
}

impl Trap<'_> {
    /// Bytes to expect of the frame, and whether they are a control part only.
    #[inline]
    fn size(&self, unrefs: usize) -> (usize, bool) {
        let base = HEADER_LEN + 40 + unrefs * UNREF_LEN;
        let of = |values: &[Value<Proxy>]| values.iter().map(value_size).fold((0, true), both);
        let (len, small) = match self {
            Trap::Global | Trap::Flush => (0, true),
            Trap::Get { key, .. } => (key_size(*key), true),
            Trap::Set { key, value, .. } => both((key_size(*key), true), value_size(value)),
            Trap::Apply { this, args, .. } => both(value_size(this), of(args)),
            Trap::Construct { args, .. } => of(args),
        };
        (base + len, small && base + len <= SMALL)
    }
}

fn both(a: (usize, bool), b: (usize, bool)) -> (usize, bool) {
    (a.0.saturating_add(b.0), a.1 && b.1)
}

fn key_size(key: Key<'_>) -> usize {
    if let Key::String(s) = key { s.len() } else { 0 }
}

/// Bytes of a value at most, and whether it has no buffer.
fn value_size(value: &Value<Proxy>) -> (usize, bool) {
    match value {
        Value::String(s) => (5 + s.len(), true),
        // Its place in the buffer area may start 15 bytes late, the area itself 63.
        Value::Bytes(b) => (9 + 64 + 16 + b.len(), false),
        _ => (9, true),
    }
}

/// A reply, or why the frame is none for this call.
enum Got {
    Mine(Result<Reply<Proxy>, DecodeError>),
    /// For that earlier call.
    Late(u64),
    Wrong(FrameKind),
}

/// Sends `trap` and waits for its reply.
#[inline]
pub(super) fn call(
    shared: &Arc<Shared>,
    trap: Trap<'_>,
    mut deadline: Deadline,
) -> Result<Value<Proxy>, CallError> {
    let core = shared.link.core();
    let guard = core.hold_driven(&mut deadline)?;
    // Borrowed already: this thread is inside an operation on the very same lane.
    let mut state = guard.try_borrow_mut().map_err(|_| LinkError::from(Misuse::WouldDeadlock))?;
    let id = send(shared, &mut state, trap, &mut deadline)?;
    let mut scratch = std::mem::take(&mut state.scratch);
    let reply = receive(shared, &mut state, &mut scratch, id, &mut deadline);
    state.scratch = scratch;
    if let Err(CallError::Peer(PeerError::Timeout | PeerError::Interrupted)) = reply {
        core.cancel(state.lane, 0, id);
    }
    drop(state);
    match reply? {
        Reply::Value(value) => Ok(value),
        Reply::Thrown(thrown) => Err(thrown.into()),
        // The same answer as from the word that says it to who asks later.
        Reply::Failure { code: Failure::NotServed, .. } => Err(Misuse::NotServed.into()),
        Reply::Failure { code: failure, message } => Err(CallError::Failed { failure, message }),
    }
}

/// Sends the unref list alone; no reply comes.
pub(super) fn flush(shared: &Arc<Shared>) -> Result<(), LinkError> {
    let mut deadline = Deadline::Never;
    let guard = shared.link.core().hold_driven(&mut deadline)?;
    let mut state = guard.try_borrow_mut().map_err(|_| LinkError::from(Misuse::WouldDeadlock))?;
    while shared.identities.has_list() {
        send(shared, &mut state, Trap::Flush, &mut deadline)?;
    }
    Ok(())
}

#[inline]
fn send(
    shared: &Arc<Shared>,
    state: &mut LaneState,
    trap: Trap<'_>,
    deadline: &mut Deadline,
) -> Result<u64, LinkError> {
    let mut unrefs = Vec::new();
    if shared.identities.has_list() {
        shared.identities.take_list(&mut unrefs, UNREFS);
    }
    let id = state.next_id();
    let (hint, small) = trap.size(unrefs.len());
    let envelope = Envelope { flags: Flags::WAITING, depth: 0, id };
    let mut request = Request { shared, trap, unrefs: &unrefs };
    let sent = loop {
        match state.send(envelope, hint, small, &mut request, deadline) {
            // Replies to calls that have given up stand in the way of their own answers.
            Err(SendError::Unread) => discard_late(shared, state, id, deadline)?,
            // Together they may be too long for a frame; each alone is not.
            Err(SendError::Encode(EncodeError::TooLong { .. }))
                if !request.unrefs.is_empty() && !matches!(request.trap, Trap::Flush) =>
            {
                let mut list = Request { trap: Trap::Flush, ..request };
                let (hint, small) = list.trap.size(unrefs.len());
                let sent = state.send(envelope, hint, small, &mut list, deadline);
                if let Err(error) = sent {
                    break Err(error);
                }
                request.unrefs = &[];
            }
            sent => break sent,
        }
    };
    if sent.is_err() && !request.unrefs.is_empty() {
        shared.identities.give_back(&unrefs);
    }
    sent?;
    Ok(id)
}

/// Takes what is there to read before the call `id` was sent: nothing of it can be its reply.
#[cold]
fn discard_late(
    shared: &Arc<Shared>,
    state: &mut LaneState,
    id: u64,
    deadline: &mut Deadline,
) -> Result<(), LinkError> {
    let mut scratch = Vec::new();
    loop {
        let ids = (state.last_reply, id);
        let got = state.next(&mut scratch, |h, c, a| decode(shared, ids, h, c, a))?;
        match got {
            None => return Ok(()),
            Some(Got::Late(of)) => late(state, of, deadline)?,
            Some(Got::Mine(_)) => return Err(wrong_kind(state, FrameKind::Reply)),
            Some(Got::Wrong(kind)) => return Err(wrong_kind(state, kind)),
        }
    }
}

/// Notes a reply to a call that had given up.
fn late(state: &mut LaneState, of: u64, deadline: &mut Deadline) -> Result<(), LinkError> {
    state.last_reply = of;
    state.count(Count::LateReplies, 1);
    if deadline.has_passed() { Err(PeerError::Timeout.into()) } else { Ok(()) }
}

fn wrong_kind(state: &mut LaneState, kind: FrameKind) -> LinkError {
    state.carrier.poison(Poison::Word { name: "frame kind", value: kind as u64 })
}

#[inline]
fn receive(
    shared: &Arc<Shared>,
    state: &mut LaneState,
    scratch: &mut Vec<u8>,
    id: u64,
    deadline: &mut Deadline,
) -> Result<Reply<Proxy>, CallError> {
    loop {
        let ids = (state.last_reply, id);
        let got = state.next(scratch, |h, c, a| decode(shared, ids, h, c, a))?;
        if let Some(Got::Mine(_)) = got {
            state.last_reply = id;
        }
        match got {
            Some(Got::Mine(Ok(reply))) => return Ok(reply),
            // Well-formed, but more than this end takes.
            Some(Got::Mine(Err(error))) if error.is_limit() => {
                let (failure, message) = (error.failure(), error.to_string());
                return Err(CallError::Failed { failure, message });
            }
            Some(Got::Mine(Err(_))) => {
                return Err(state.carrier.poison(Poison::Frame { len: scratch.len() }).into());
            }
            Some(Got::Late(of)) => late(state, of, deadline)?,
            Some(Got::Wrong(kind)) => return Err(wrong_kind(state, kind).into()),
            None => state.wait_for_frame(deadline)?,
        }
    }
}

/// Decodes a reply, which is for a call after `last` and not after `id`. A late one is decoded too: its pointers become proxies that die at once, so
/// that they are given back.
#[inline]
fn decode(
    shared: &Arc<Shared>,
    (last, id): (u64, u64),
    header: &FrameHeader,
    control: &[u8],
    area: SharedBytes<'_>,
) -> Got {
    let expected = header.id > last && header.id <= id;
    if header.kind != FrameKind::Reply || !expected || header.unref_count != 0 {
        return Got::Wrong(header.kind);
    }
    let mut decoder = Decoder::new(control, area, &shared.link.config().limits);
    let reply = decoder.reply(header.op, &mut |pointer| shared.receive(pointer));
    if header.id == id { Got::Mine(reply) } else { Got::Late(header.id) }
}

impl Shared {
    /// The proxy of a pointer that came.
    fn receive(self: &Arc<Self>, pointer: Pointer) -> Result<Proxy, DecodeError> {
        if pointer.owner() == self.link.side() {
            return Err(DecodeError::StalePointer(pointer.to_bits()));
        }
        let make = || Inner::new(pointer, self.clone());
        let limit = self.link.config().max_refs;
        match self.identities.received(pointer, make) {
            Some(inner) => Ok(Proxy::from(inner)),
            None => {
                // Its owner has counted it as sent.
                self.identities.give_back(&[(pointer, 1)]);
                Err(DecodeError::LimitReached { limit })
            }
        }
    }

    /// The pointer of a proxy of this link.
    #[inline]
    fn pointer_of(&self, proxy: &Proxy) -> Result<Pointer, EncodeError> {
        let inner = proxy.inner();
        if std::ptr::eq(Arc::as_ptr(inner.shared()), self) {
            Ok(inner.pointer())
        } else {
            Err(EncodeError::ForeignProxy)
        }
    }
}
