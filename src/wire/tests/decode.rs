//! What a decoder refuses, and what a hostile frame may cost.

use std::cell::RefCell;

use super::pointer;
use crate::wire::value::CANONICAL_NAN;
use crate::wire::*;

const ROOMY: Limits = Limits { nodes: 1000, bytes: 1000, depth: 64 };

fn value(control: &[u8], area: &[u8], limits: &Limits) -> Result<Value<Pointer>, DecodeError> {
    match Decoder::new(control, area, limits).reply(0, &mut Ok)? {
        Reply::Value(value) => Ok(value),
        other => panic!("{other:?}"),
    }
}

fn construct(argc: u32, values: &[u8], limits: &Limits) -> Result<usize, DecodeError> {
    let target = pointer(1).to_bits().to_le_bytes();
    let control = [&target[..], &argc.to_le_bytes(), values].concat();
    let mut decoder = Decoder::new(&control, [].as_slice(), limits);
    match decoder.request(Trap::Construct as u8, &mut Ok::<Pointer, _>)? {
        Request::Construct { args, .. } => Ok(args.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn lengths_that_are_not_there_are_refused_before_memory_is_set_aside() {
    let error = DecodeError::Truncated { needed: u32::MAX as usize, left: 3 };
    assert_eq!(construct(u32::MAX, &[1, 1, 1], &ROOMY), Err(error));
    assert_eq!(value(b"\x09\xff\xff\xff\xffabc", &[], &ROOMY), Err(error));
    for (offset, len) in [(0, u32::MAX), (u32::MAX, u32::MAX), (0, 5), (4, 1), (5, 0)] {
        let control = [&[tag::BYTES], &u32::to_le_bytes(offset)[..], &len.to_le_bytes()].concat();
        let error = DecodeError::BufferOutside { offset, len, area: 4 };
        assert_eq!(value(&control, &[1, 2, 3, 4], &ROOMY), Err(error));
    }
}

#[test]
fn budgets_bind_exactly() {
    let nodes = |nodes| construct(3, &[tag::NULL; 3], &Limits { nodes, ..ROOMY });
    assert_eq!(nodes(3), Ok(3));
    assert_eq!(nodes(2), Err(DecodeError::TooManyNodes { limit: 2 }));
    let bytes = |bytes| value(b"\x08\x03abc", &[], &Limits { bytes, ..ROOMY });
    assert_eq!(bytes(3), Ok("abc".into()));
    assert_eq!(bytes(2), Err(DecodeError::TooManyBytes { limit: 2 }));
    let depth = |depth| value(&[tag::NULL], &[], &Limits { depth, ..ROOMY });
    assert_eq!(depth(1), Ok(Value::Null));
    assert_eq!(depth(0), Err(DecodeError::TooDeep { limit: 0 }));
}

#[test]
fn a_buffer_named_often_counts_often() {
    let target = pointer(1).to_bits().to_le_bytes();
    let control = [&target[..], &[4, 0, 0, 0], &b"\x0a\x01\0\0\0\x02\0\0\0".repeat(4)].concat();
    let decode = |bytes| {
        let mut decoder = Decoder::new(&control, [5, 6, 7].as_slice(), &Limits { bytes, ..ROOMY });
        decoder.request(Trap::Construct as u8, &mut Ok::<Pointer, _>)
    };
    let args = vec![Value::Bytes(vec![6, 7]); 4];
    assert_eq!(decode(8), Ok(Request::Construct { target: pointer(1), args }));
    assert_eq!(decode(7), Err(DecodeError::TooManyBytes { limit: 7 }));
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let surrogate = b"\x08\x04a\xed\xa0\x80";
    assert_eq!(value(surrogate, &[], &ROOMY), Err(DecodeError::InvalidUtf8 { valid: 1 }));
    let mut get = pointer(1).to_bits().to_le_bytes().to_vec();
    get.extend(b"\x08\x02k\xff");
    let mut decoder = Decoder::new(&get, [].as_slice(), &ROOMY);
    let error = decoder.request(Trap::Get as u8, &mut Ok::<Pointer, _>).unwrap_err();
    assert_eq!(error, DecodeError::InvalidUtf8 { valid: 1 });
}

#[test]
fn what_has_no_meaning_in_this_version_is_named() {
    for unknown in (0..=u8::MAX).filter(|tag| !(tag::UNDEFINED..=tag::POINTER).contains(tag)) {
        let control = [[unknown].as_slice(), &[1; 40]].concat();
        assert_eq!(value(&control, &[], &ROOMY), Err(DecodeError::UnknownTag(unknown)));
    }
    let empty = || Decoder::new(&[], [].as_slice(), &ROOMY);
    for op in (0..=u8::MAX).filter(|op| !(1..=5).contains(op)) {
        let error = empty().request(op, &mut Ok::<Pointer, _>).unwrap_err();
        assert_eq!(error, DecodeError::UnknownTrap(op));
    }
    let status = empty().reply(3, &mut Ok::<Pointer, _>).unwrap_err();
    assert_eq!(status, DecodeError::UnknownStatus(3));
    let mut failure = Decoder::new(b"\x09\x08\0", [].as_slice(), &ROOMY);
    let failure = failure.reply(2, &mut Ok::<Pointer, _>).unwrap_err();
    assert_eq!(failure, DecodeError::UnknownFailure(9));
    assert_eq!(value(&[tag::NULL, 0], &[], &ROOMY), Err(DecodeError::Trailing { left: 1 }));
}

#[test]
fn a_forged_pointer_is_stale_in_a_trap_and_passes_in_an_unref() {
    let forged = [9, 0, 0, 0, 0, 0, 0, 0x78];
    let bits = u64::from_le_bytes(forged);
    let control = [&[tag::POINTER], &forged[..]].concat();
    assert_eq!(value(&control, &[], &ROOMY), Err(DecodeError::StalePointer(bits)));
    let list = [&forged[..], &[3, 0, 0, 0], &[0; 12]].concat();
    let mut decoder = Decoder::new(&list, [].as_slice(), &ROOMY);
    let unrefs = decoder.unrefs(2).unwrap();
    assert_eq!(unrefs.len(), 2);
    assert_eq!(unrefs.collect::<Vec<_>>(), [(bits, 3), (0, 0)]);
    assert!(decoder.data().is_empty());
    let mut decoder = Decoder::new(&list, [].as_slice(), &ROOMY);
    assert_eq!(decoder.unrefs(3).err(), Some(DecodeError::Truncated { needed: 36, left: 24 }));
}

#[test]
fn numbers_in_other_than_their_shortest_form_are_read_and_nan_is_made_one() {
    assert_eq!(value(b"\x06\x01\0\0\0", &[], &ROOMY), Ok(Value::Number(1.0)));
    let hidden = [&[tag::F64], &0xfff8_dead_beef_0001_u64.to_le_bytes()[..]].concat();
    let number = value(&hidden, &[], &ROOMY).unwrap().as_number().unwrap();
    assert_eq!(number.to_bits(), CANONICAL_NAN);
}

/// An area that answers each read with other bytes, and notes what was read.
struct Changing(RefCell<Vec<(usize, usize)>>);

impl BufferArea for Changing {
    fn len(&self) -> usize {
        64
    }
    fn read(&self, offset: usize, into: &mut [u8]) {
        assert!(offset + into.len() <= 64);
        let mut reads = self.0.borrow_mut();
        into.fill(reads.len() as u8);
        reads.push((offset, into.len()));
    }
}

#[test]
fn a_changing_area_is_read_once_for_each_value_that_names_it() {
    let area = Changing(RefCell::default());
    let mut decoder = Decoder::new(b"\x0a\x10\0\0\0\x30\0\0\0", &area, &ROOMY);
    let reply = decoder.reply(0, &mut Ok::<Pointer, _>).unwrap();
    assert_eq!(reply, Reply::Value(Value::Bytes(vec![0; 48])));
    assert_eq!(*area.0.borrow(), [(16, 48)]);
}
