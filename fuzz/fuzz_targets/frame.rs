//! Any bytes as a frame: they decode or fail, and what decodes comes back the same when it is
//! encoded again.

#![no_main]

use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use trapline::wire::{
    DecodeError, Decoder, EncodeError, Encoder, Flags, FrameHeader, FrameKind, HEADER_LEN, Limits,
    Pointer, Reply, Request, VecRoom,
};

/// Small enough that what decodes can be encoded again within [`ROOM`].
const LIMITS: Limits = Limits { nodes: 1 << 10, bytes: 1 << 20, depth: 64 };
const ROOM: usize = 1 << 23;

#[derive(Debug)]
enum Body<'a> {
    Request(Request<'a, Pointer>),
    Reply(Reply<Pointer>),
    Other(&'a [u8]),
}

#[derive(Debug)]
struct Frame<'a> {
    header: FrameHeader,
    parent: Option<u64>,
    unrefs: Vec<(u64, u32)>,
    body: Body<'a>,
}

fn decode(frame: &[u8]) -> Result<Frame<'_>, DecodeError> {
    let left = frame.len();
    let (head, rest) =
        frame.split_first_chunk().ok_or(DecodeError::Truncated { needed: HEADER_LEN, left })?;
    let header = FrameHeader::parse(head, frame.len())?;
    let area = &frame[header.buffers_offset()..];
    let mut decoder = Decoder::new(&rest[..header.control_len as usize], area, &LIMITS);
    let nested = header.flags.contains(Flags::NESTED);
    let parent = if nested { Some(decoder.parent()?) } else { None };
    let unrefs = decoder.unrefs(header.unref_count)?.collect();
    let body = match header.kind {
        FrameKind::Request => Body::Request(decoder.request(header.op, &mut Ok)?),
        FrameKind::Reply => Body::Reply(decoder.reply(header.op, &mut Ok)?),
        _ => Body::Other(decoder.data()),
    };
    Ok(Frame { header, parent, unrefs, body })
}

fn encode(frame: &Frame<'_>) -> Result<Vec<u8>, EncodeError> {
    let mut room = VecRoom::new(0, ROOM);
    let mut encoder = Encoder::new(&mut room);
    if let Some(parent) = frame.parent {
        encoder.nested(parent)?;
    }
    // A stale pointer in an unref is no error to a receiver, but no encoder writes one.
    let pointers = frame.unrefs.iter().filter_map(|&(p, n)| Some((Pointer::from_bits(p)?, n)));
    for (pointer, count) in pointers {
        encoder.unref(pointer, count)?;
    }
    let refs = &mut |pointer: &Pointer| Ok(*pointer);
    match &frame.body {
        Body::Request(Request::Global) => encoder.global(),
        Body::Request(Request::Get { target, key }) => encoder.get(*target, *key)?,
        Body::Request(Request::Set { target, key, value }) => {
            encoder.set(*target, *key, value, refs)?;
        }
        Body::Request(Request::Apply { target, this, args }) => {
            encoder.apply(*target, this, args, refs)?;
        }
        Body::Request(Request::Construct { target, args }) => {
            encoder.construct(*target, args, refs)?;
        }
        Body::Reply(Reply::Value(value)) => encoder.reply_value(value, refs)?,
        Body::Reply(Reply::Thrown(thrown)) => encoder.reply_thrown(thrown, refs)?,
        Body::Reply(Reply::Failure { code, message }) => encoder.reply_failure(*code, message)?,
        Body::Other(_) if frame.header.kind == FrameKind::Unref => {}
        Body::Other(_) if frame.header.kind == FrameKind::Cancel => encoder.cancel(),
        Body::Other(payload) => encoder.data(payload)?,
        other => panic!("a body that this target does not know: {other:?}"),
    }
    let waiting = frame.header.flags.contains(Flags::WAITING);
    let flags = if waiting { Flags::WAITING } else { Flags::NONE };
    let len = encoder.finish(flags, frame.header.depth, frame.header.id)?;
    Ok(room.frame(len).to_vec())
}

fuzz_target!(|data: &[u8]| {
    let Ok(first) = decode(data) else { return };
    black_box(&first);
    let bytes = encode(&first).expect("what decodes within the limits fits the room");
    let second = decode(&bytes).expect("what was encoded decodes");
    // As text, in which NaN equals NaN and -0 differs from 0.
    assert_eq!(format!("{:?}", first.body), format!("{:?}", second.body));
    assert_eq!(first.parent, second.parent);
    assert_eq!(bytes, encode(&second).expect("the same bytes fit again"));
});
