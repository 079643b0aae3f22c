//! Both twins together: what is encoded decodes to the same, what is damaged to an error.

mod decode;
mod encode;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

/// The pointer to slot `index`.
fn pointer(index: u32) -> Pointer {
    Pointer::new(index, 0, Kind::Object, Side::Passive)
}

/// The bytes of the dump below the heading `title` in the document.
fn documented(title: &str) -> Vec<u8> {
    let doc = include_str!("../../docs/wire.md");
    let (_, section) = doc.split_once(&format!("### {title}\n")).expect("the heading");
    let dump = section.split("```").nth(1).expect("the dump");
    let digits = dump.lines().skip(1).filter_map(|line| line.split('|').nth(1));
    let pairs = digits.flat_map(str::split_whitespace);
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("a byte")).collect()
}

fn same(pointer: &Pointer) -> Result<Pointer, EncodeError> {
    Ok(*pointer)
}

/// A whole frame: what `body` writes, into a room of `room` bytes that grows.
fn written<'v>(room: usize, body: impl FnOnce(&mut Encoder<'v, &mut VecRoom>)) -> Vec<u8> {
    let mut room = VecRoom::new(room, 1 << 24);
    let mut encoder = Encoder::new(&mut room);
    body(&mut encoder);
    let len = encoder.finish(Flags::WAITING, 3, 42).expect("room");
    room.frame(len).to_vec()
}

/// What a frame says, decoded.
#[derive(Clone, Debug, PartialEq)]
enum Body<'a> {
    Request(Request<'a, Pointer>),
    Reply(Reply<Pointer>),
    Other(&'a [u8]),
}

#[derive(Clone, Debug, PartialEq)]
struct Frame<'a> {
    parent: Option<u64>,
    unrefs: Vec<(u64, u32)>,
    body: Body<'a>,
}

fn read(frame: &[u8]) -> Result<Frame<'_>, DecodeError> {
    let left = frame.len();
    let (head, rest) =
        frame.split_first_chunk().ok_or(DecodeError::Truncated { needed: HEADER_LEN, left })?;
    let header = FrameHeader::parse(head, frame.len())?;
    let area = &frame[header.buffers_offset()..];
    let limits = Limits { bytes: 1 << 20, ..Limits::default() };
    let mut decoder = Decoder::new(&rest[..header.control_len as usize], area, &limits);
    let nested = header.flags.contains(Flags::NESTED);
    let parent = if nested { Some(decoder.parent()?) } else { None };
    let unrefs = decoder.unrefs(header.unref_count)?.collect();
    let body = match header.kind {
        FrameKind::Request => Body::Request(decoder.request(header.op, &mut Ok)?),
        FrameKind::Reply => Body::Reply(decoder.reply(header.op, &mut Ok)?),
        _ => Body::Other(decoder.data()),
    };
    Ok(Frame { parent, unrefs, body })
}

/// Writes a decoded body again.
fn put<'v>(encoder: &mut Encoder<'v, &mut VecRoom>, body: &'v Body<'_>) {
    match body {
        Body::Request(Request::Global) => encoder.global(),
        Body::Request(Request::Get { target, key }) => encoder.get(*target, *key).unwrap(),
        Body::Request(Request::Set { target, key, value }) => {
            encoder.set(*target, *key, value, &mut same).unwrap();
        }
        Body::Request(Request::Apply { target, this, args }) => {
            encoder.apply(*target, this, args, &mut same).unwrap();
        }
        Body::Request(Request::Construct { target, args }) => {
            encoder.construct(*target, args, &mut same).unwrap();
        }
        Body::Reply(Reply::Value(value)) => encoder.reply_value(value, &mut same).unwrap(),
        Body::Reply(Reply::Thrown(thrown)) => encoder.reply_thrown(thrown, &mut same).unwrap(),
        Body::Reply(Reply::Failure { code, message }) => {
            encoder.reply_failure(*code, message).unwrap();
        }
        Body::Other(payload) => encoder.data(payload).unwrap(),
    }
}

fn reply(value: Value<Pointer>) -> Body<'static> {
    Body::Reply(Reply::Value(value))
}

/// Encodes and decodes; compares as text, in which NaN equals NaN and -0 differs from 0.
fn round_trip(room: usize, body: &Body<'_>) {
    let bytes = written(room, |encoder| put(encoder, body));
    let back = read(&bytes).expect("what was encoded decodes");
    assert_eq!(format!("{:?}", back.body), format!("{body:?}"));
}

#[test]
fn a1_to_a5_and_a9_come_back_identical() {
    let numbers = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        1.23,
        -1.23,
        123.0,
        -123.0,
        1.0,
        255.0,
        256.0,
        -1.0,
        2_147_483_648.0,
        9_007_199_254_740_991.0,
        f64::MIN_POSITIVE,
        f64::MAX,
    ];
    let texts = ["test".into(), "a".repeat(200), "😀".into(), "string".repeat(65_536), "".into()];
    let primitives = [Value::Undefined, Value::Null, Value::Bool(true), Value::Bool(false)];
    let values = primitives
        .into_iter()
        .chain(numbers.map(Value::Number))
        .chain(texts.map(Value::String))
        .chain([0, 1, 16, 17, 100_000].map(|len| Value::Bytes(vec![7; len])));
    for value in values {
        round_trip(0, &reply(value));
    }
}

#[test]
fn texts_on_both_sides_of_each_length_form_come_back() {
    for len in [0, 1, 254, 255, 256, 257, 65_535, 65_536] {
        round_trip(0, &reply(Value::String("k".repeat(len))));
        let name = "k".repeat(len);
        let (target, key) = (pointer(1), Key::String(&name));
        round_trip(0, &Body::Request(Request::Get { target, key }));
    }
}

#[test]
fn a_tiny_room_grows_as_the_frame_does() {
    let mut room = VecRoom::new(1, 1 << 16);
    let value = Value::<Pointer>::String("x".repeat(5000));
    let mut encoder = Encoder::new(&mut room);
    encoder.reply_value(&value, &mut same).unwrap();
    let len = encoder.finish(Flags::NONE, 0, 1).unwrap();
    assert!(room.grown() > 0);
    assert_eq!(read(room.frame(len)).unwrap().body, reply(value));
}

/// Frames of every kind and trap, with lists and buffers.
fn samples() -> Vec<Vec<u8>> {
    let target = pointer(5);
    let args = vec![Value::Bytes(vec![1; 20]), "text".into(), Value::Bytes(vec![2; 3]), 1.5.into()];
    let value = Value::String("s".repeat(300));
    let thrown = Thrown { value: Value::Reference(target), ..Thrown::new("E", "message") };
    let bodies = [
        Body::Request(Request::Global),
        Body::Request(Request::Get { target, key: Key::String("name") }),
        Body::Request(Request::Set { target, key: Key::Index(9), value: value.clone() }),
        Body::Request(Request::Apply { target, this: Value::Null, args: args.clone() }),
        Body::Request(Request::Construct { target, args: args.clone() }),
        reply(value),
        reply(Value::Bytes(vec![3; 70])),
        Body::Reply(Reply::Thrown(thrown)),
        Body::Reply(Reply::Failure { code: Failure::NotServed, message: "nobody".into() }),
    ];
    let mut frames: Vec<_> = bodies.iter().map(|body| written(0, |e| put(e, body))).collect();
    frames.extend(bodies.iter().map(|body| {
        written(0, |encoder| {
            encoder.nested(77).unwrap();
            encoder.unref(pointer(8), 2).unwrap();
            put(encoder, body);
        })
    }));
    frames.push(written(0, |encoder| encoder.unref(target, 3).unwrap()));
    frames.push(written(0, |encoder| encoder.cancel()));
    frames
}

#[test]
fn a_frame_cut_anywhere_is_an_error() {
    for frame in samples() {
        assert!(read(&frame).is_ok());
        for len in 0..frame.len() {
            assert!(read(&frame[..len]).is_err(), "{len} of {frame:?}");
        }
        assert!(read(&[&frame[..], &[0]].concat()).is_err());
    }
}

#[test]
fn a_control_part_cut_anywhere_is_an_error_whatever_the_header_says() {
    for frame in samples() {
        let header = FrameHeader::parse(frame.first_chunk().unwrap(), frame.len()).unwrap();
        let control = &frame[HEADER_LEN..][..header.control_len as usize];
        for len in 0..control.len() {
            let area = &frame[header.buffers_offset()..];
            let mut decoder = Decoder::new(&control[..len], area, &Limits::default());
            let nested = header.flags.contains(Flags::NESTED);
            let cut = (nested && decoder.parent().is_err())
                || decoder.unrefs(header.unref_count).is_err()
                || match header.kind {
                    FrameKind::Request => {
                        decoder.request(header.op, &mut Ok::<Pointer, _>).is_err()
                    }
                    _ => decoder.reply(header.op, &mut Ok::<Pointer, _>).is_err(),
                };
            assert!(cut, "{len} of {control:?}");
        }
    }
}

fn any_pointer() -> impl Strategy<Value = Pointer> {
    let kind = prop_oneof![Just(Kind::Object), Just(Kind::Array), Just(Kind::Function)];
    let side = prop_oneof![Just(Side::Active), Just(Side::Passive)];
    (1..=u32::MAX, 0..Pointer::GENERATIONS, kind, side)
        .prop_map(|(index, generation, kind, side)| Pointer::new(index, generation, kind, side))
}

fn any_value() -> impl Strategy<Value = Value<Pointer>> {
    prop_oneof![
        Just(Value::Undefined),
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(Value::from),
        any::<i8>().prop_map(|n| Value::Number(n.into())),
        any::<u64>().prop_map(|bits| Value::Number(f64::from_bits(bits))),
        any::<String>().prop_map(Value::String),
        vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        any_pointer().prop_map(Value::Reference),
    ]
}

proptest! {
    #[test]
    fn any_request_comes_back(
        target in any_pointer(),
        name in option::of(any::<String>()),
        index: u32,
        this in any_value(),
        args in vec(any_value(), 0..8),
        room in 0..200_usize,
    ) {
        let key = name.as_deref().map_or(Key::Index(index), Key::String);
        round_trip(room, &Body::Request(Request::Get { target, key }));
        round_trip(room, &Body::Request(Request::Set { target, key, value: this.clone() }));
        round_trip(room, &Body::Request(Request::Construct { target, args: args.clone() }));
        round_trip(room, &Body::Request(Request::Apply { target, this, args }));
    }

    #[test]
    fn any_reply_comes_back(
        value in any_value(),
        [name, message, stack]: [String; 3],
        code in 1..=8_u8,
        room in 0..200_usize,
    ) {
        round_trip(room, &reply(value.clone()));
        let code = Failure::from_code(code).unwrap();
        round_trip(room, &Body::Reply(Reply::Failure { code, message: message.clone() }));
        round_trip(room, &Body::Reply(Reply::Thrown(Thrown { name, message, stack, value })));
    }

    #[test]
    fn any_lists_come_back_before_the_body(
        parent: Option<u64>,
        unrefs in vec((any_pointer(), any::<u32>()), 0..20),
        value in any_value(),
        room in 0..200_usize,
    ) {
        let bytes = written(room, |encoder| {
            parent.iter().for_each(|parent| encoder.nested(*parent).unwrap());
            unrefs.iter().for_each(|(pointer, count)| encoder.unref(*pointer, *count).unwrap());
            encoder.reply_value(&value, &mut same).unwrap();
        });
        let back = read(&bytes).unwrap();
        let bits = unrefs.iter().map(|(pointer, count)| (pointer.to_bits(), *count)).collect();
        prop_assert_eq!((back.parent, back.unrefs), (parent, bits));
        prop_assert_eq!(format!("{:?}", back.body), format!("{:?}", reply(value)));
    }

    #[test]
    fn any_control_part_decodes_or_fails(
        control in vec(prop_oneof![0..=12_u8, any::<u8>()], 0..80),
        area in vec(any::<u8>(), 0..40),
        op in 0..8_u8,
    ) {
        let limits = Limits { nodes: 20, bytes: 100, depth: 4 };
        let decoder = || Decoder::new(&control, area.as_slice(), &limits);
        let bodies = [
            decoder().request(op, &mut Ok).map(Body::Request).ok(),
            decoder().reply(op, &mut Ok).map(Body::Reply).ok(),
        ];
        for body in bodies.iter().flatten() {
            round_trip(0, body);
        }
    }

    #[test]
    fn a_damaged_frame_decodes_or_fails(
        sample in 0..20_usize,
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut frame = samples().swap_remove(sample);
        for (at, byte) in damage {
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        if let Ok(frame) = read(&frame) {
            round_trip(0, &frame.body);
        }
    }
}
