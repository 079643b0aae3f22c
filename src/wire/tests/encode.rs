//! The bytes of one frame of each kind, and how an encoder treats its room.

use super::{documented, pointer, same};
use crate::wire::value::CANONICAL_NAN;
use crate::wire::*;

type Refs<'a> = &'a mut dyn FnMut(&Pointer) -> Result<Pointer, EncodeError>;

/// Encodes into a room that starts with nothing.
fn frame<'v>(body: impl FnOnce(&mut Encoder<'v, &mut VecRoom>)) -> Vec<u8> {
    let mut room = VecRoom::new(0, 4096);
    let mut encoder = Encoder::new(&mut room);
    body(&mut encoder);
    let len = encoder.finish(Flags::NONE, 0, 7).unwrap();
    room.frame(len).to_vec()
}

fn header(kind: u8, flags: u8, op: u8, control_len: u8, buffers: [u8; 2], unrefs: u8) -> Vec<u8> {
    let [len, count] = buffers;
    let lengths = [len, 0, 0, 0, count, 0, unrefs, 0];
    [&[kind, flags, 0, op, control_len, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0], &lengths[..]].concat()
}

#[test]
fn a_get_and_its_reply_are_the_bytes_in_the_document() {
    let target = Pointer::new(1, 0, Kind::Object, Side::Passive);
    let mut room = VecRoom::new(64, 64);
    let mut encoder = Encoder::new(&mut room);
    encoder.get(target, Key::String("answer")).unwrap();
    let len = encoder.finish(Flags::WAITING, 0, 7).unwrap();
    assert_eq!(room.frame(len), documented("A `get`"));
    assert_eq!(room.grown(), 0);

    let answer = Value::Number(42.0);
    assert_eq!(frame(|e| e.reply_value(&answer, &mut same).unwrap()), documented("Its reply"));
}

#[test]
fn a_reply_with_buffers_is_the_bytes_in_the_document() {
    let (one, two) = (vec![0xaa; 3].into(), vec![0xbb; 2].into());
    let args: [Value<Pointer>; 2] = [one, two];
    let target = Pointer::new(1, 0, Kind::Object, Side::Passive);
    let bytes = frame(|e| e.construct(target, &args, &mut same).unwrap());
    assert_eq!(bytes, documented("A `construct` with two buffers"));
}

#[test]
fn one_frame_of_each_kind_has_these_bytes() {
    let p = 0x8000_0002_0000_0003_u64.to_le_bytes();
    let target = Pointer::from_bits(u64::from_le_bytes(p)).unwrap();
    assert_eq!(frame(|e| e.global()), header(1, 0, 1, 0, [0, 0], 0));
    assert_eq!(
        frame(|e| e.set(target, Key::Index(300), &Value::Number(-0.0), &mut same).unwrap()),
        [&header(1, 0, 3, 22, [0, 0], 0)[..], &p, b"\x0c\x2c\x01\0\0\x07\0\0\0\0\0\0\0\x80"]
            .concat()
    );
    let args = [Value::Null, Value::Bool(true), Value::Number(300.0)];
    assert_eq!(
        frame(|e| e.apply(target, &Value::Undefined, &args, &mut same).unwrap()),
        [&header(1, 0, 4, 20, [0, 0], 0)[..], &p, b"\x01\x03\0\0\0\x02\x04\x06\x2c\x01\0\0"]
            .concat()
    );
    let thrown =
        Thrown { stack: "s".into(), value: Value::Reference(target), ..Thrown::new("E", "") };
    assert_eq!(
        frame(|e| e.reply_thrown(&thrown, &mut same).unwrap()),
        [&header(2, 0, 1, 17, [0, 0], 0)[..], b"\x08\x01E\x08\0\x08\x01s\x0b", &p].concat()
    );
    assert_eq!(
        frame(|e| e.reply_failure(Failure::Panicked, "no").unwrap()),
        [&header(2, 0, 2, 5, [0, 0], 0)[..], b"\x04\x08\x02no"].concat()
    );
    assert_eq!(
        frame(|e| e.unref(target, 258).unwrap()),
        [&header(3, 0, 0, 12, [0, 0], 1)[..], &p, b"\x02\x01\0\0"].concat()
    );
    assert_eq!(frame(|e| e.cancel()), header(4, 0, 0, 0, [0, 0], 0));
    assert_eq!(
        frame(|e| {
            e.nested(9).unwrap();
            e.data(b"user").unwrap();
        }),
        [&header(5, 4, 0, 12, [0, 0], 0)[..], &[9, 0, 0, 0, 0, 0, 0, 0], b"user"].concat()
    );
}

#[test]
fn numbers_take_the_shortest_exact_form() {
    let nan = f64::from_bits(0xfff4_dead_beef_0001);
    for (n, tag, len) in [
        (0.0, tag::I8, 2),
        (-0.0, tag::F64, 9),
        (127.0, tag::I8, 2),
        (-128.0, tag::I8, 2),
        (128.0, tag::I32, 5),
        (-2_147_483_648.0, tag::I32, 5),
        (2_147_483_648.0, tag::F64, 9),
        (9_007_199_254_740_991.0, tag::F64, 9),
        (0.5, tag::F64, 9),
        (f64::NEG_INFINITY, tag::F64, 9),
        (nan, tag::F64, 9),
    ] {
        let value = Value::<Pointer>::Number(n);
        let bytes = frame(|e| e.reply_value(&value, &mut same).unwrap());
        assert_eq!((bytes[HEADER_LEN], bytes.len() - HEADER_LEN), (tag, len), "{n}");
        if n.is_nan() {
            assert_eq!(bytes[HEADER_LEN + 1..], CANONICAL_NAN.to_le_bytes());
        }
    }
}

#[test]
fn a_frame_with_buffers_is_aligned_and_one_without_stays() {
    let values = [Value::<Pointer>::Bytes(vec![1; 100]), Value::Bytes(Vec::new()), Value::Null];
    for (value, aligned) in values.iter().zip([true, false, false]) {
        for room in [0, 33, 4096] {
            let mut room = Counting(VecRoom::new(room, 4096), 0);
            let mut encoder = Encoder::new(&mut room);
            encoder.reply_value(value, &mut same).unwrap();
            encoder.finish(Flags::NONE, 0, 1).unwrap();
            assert_eq!(room.1, usize::from(aligned));
            assert!(!aligned || room.bytes_mut().as_ptr().align_offset(64) == 0);
        }
    }
}

/// Counts how often it is aligned.
struct Counting(VecRoom, usize);

impl Room for Counting {
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.bytes_mut()
    }
    fn grow(&mut self, written: usize, min: usize) -> Result<(), NoRoom> {
        self.0.grow(written, min)
    }
    fn align(&mut self, written: usize) -> Result<(), NoRoom> {
        self.1 += 1;
        self.0.align(written)
    }
}

#[test]
fn what_does_not_fit_is_an_error_and_the_room_can_be_used_again() {
    let mut room = VecRoom::new(16, 100);
    for value in [Value::<Pointer>::String("x".repeat(75)), Value::Bytes(vec![0; 37])] {
        let mut encoder = Encoder::new(&mut room);
        let error = match encoder.reply_value(&value, &mut same) {
            Ok(()) => encoder.finish(Flags::NONE, 0, 1).map(|_| ()),
            error => error,
        };
        assert_eq!(error, Err(EncodeError::TooLong { len: 101, max: 100 }));
        let mut encoder = Encoder::new(&mut room);
        encoder.reply_failure(Failure::TooLong, "101 bytes, 100 at most").unwrap();
        assert_eq!(encoder.finish(Flags::NONE, 0, 1), Ok(24 + 25));
    }
}

#[test]
fn a_room_that_breaks_its_promise_gives_an_error() {
    struct Liar([u8; 30]);
    impl Room for Liar {
        fn bytes_mut(&mut self) -> &mut [u8] {
            &mut self.0
        }
        fn grow(&mut self, _: usize, _: usize) -> Result<(), NoRoom> {
            Ok(())
        }
        fn align(&mut self, _: usize) -> Result<(), NoRoom> {
            Ok(())
        }
    }
    let mut encoder = Encoder::new(Liar([0; 30]));
    assert_eq!(encoder.data(b"seven..").err(), Some(EncodeError::Full));
}

#[test]
fn errors_of_refs_and_counts_come_through() {
    let args = vec![Value::<Pointer>::Bytes(vec![1]); 65_536];
    let mut room = VecRoom::new(0, 1 << 22);
    let mut encoder = Encoder::new(&mut room);
    let refs: Refs<'_> = &mut same;
    let error = encoder.construct(pointer(1), &args, &mut |r| refs(r)).unwrap_err();
    assert_eq!(error, EncodeError::TooManyBuffers { max: 65_535 });

    let mut encoder = Encoder::new(&mut room);
    (0..65_535).try_for_each(|_| encoder.unref(pointer(1), 1)).unwrap();
    let error = encoder.unref(pointer(1), 1).unwrap_err();
    assert_eq!(error, EncodeError::TooManyUnrefs { max: 65_535 });

    let value = Value::Reference(pointer(1));
    let mut encoder = Encoder::new(&mut room);
    let error = encoder.reply_value(&value, &mut |_| Err(EncodeError::ForeignProxy));
    assert_eq!(error, Err(EncodeError::ForeignProxy));
    let mut encoder = Encoder::new(&mut room);
    assert_eq!(encoder.finish(Flags::NONE, 64, 1), Err(EncodeError::TooDeep { limit: 63 }));
}

#[test]
fn every_byte_of_a_frame_is_written_whatever_lay_there_before() {
    let target = Pointer::new(1, 0, Kind::Object, Side::Passive);
    let args = [Value::<Pointer>::from(vec![0xaa; 3]), vec![0xbb; 2].into()];
    let mut room = VecRoom::new(256, 256);
    room.align(0).unwrap();
    room.bytes_mut().fill(0xff);
    let mut encoder = Encoder::new(&mut room);
    encoder.construct(target, &args, &mut same).unwrap();
    let len = encoder.finish(Flags::NONE, 0, 7).unwrap();
    assert_eq!(room.frame(len), documented("A `construct` with two buffers"));
}
