//! [`ObjectTable`]: the objects that the other side holds.

use std::collections::HashMap;
use std::hash::Hash;

use crate::wire::{EncodeError, Kind, Pointer, Side};

/// One table for a link and an owner. A slot is free when neither the other side nor a frame that
/// is being written names it.
#[derive(Debug)]
pub(crate) struct ObjectTable<O> {
    owner: Side,
    limit: usize,
    slots: Vec<Slot<O>>,
    free: Vec<u32>,
    by_object: HashMap<O, u32>,
}

/// An object that nobody holds any more, with all that the table had of it. Dropping it may run
/// code of the host, which may come back to the table: not while that is borrowed.
#[derive(Debug)]
pub(crate) struct Freed<O> {
    #[cfg_attr(not(test), expect(dead_code, reason = "held until it is dropped"))]
    object: O,
    _key: Option<O>,
}

#[derive(Debug)]
struct Slot<O> {
    pointer: Pointer,
    /// Absent while the slot is free or retired.
    object: Option<O>,
    /// How often the pointer was sent, less what came back.
    sent: u64,
    /// Frames that name it and are not published yet.
    pins: u32,
}

impl<O: Clone + Eq + Hash> ObjectTable<O> {
    pub(crate) fn new(owner: Side, limit: usize) -> Self {
        Self { owner, limit, slots: Vec::new(), free: Vec::new(), by_object: HashMap::new() }
    }

    /// Objects held for the other side.
    pub(crate) fn len(&self) -> usize {
        self.by_object.len()
    }

    /// The pointer of `object`, a new one where it has none, pinned until [`Self::sent`] or
    /// [`Self::abandoned`]. `kind` is what the pointer will say.
    pub(crate) fn offer(&mut self, object: &O, kind: Kind) -> Result<Pointer, EncodeError> {
        match self.offer_again(object) {
            Some(pointer) => Ok(pointer),
            None => {
                let index = self.insert(object, kind)?;
                Ok(self.pin(index))
            }
        }
    }

    /// As [`Self::offer`], for an object that has a pointer already.
    #[inline]
    pub(crate) fn offer_again(&mut self, object: &O) -> Option<Pointer> {
        let index = *self.by_object.get(object)?;
        Some(self.pin(index))
    }

    fn pin(&mut self, index: u32) -> Pointer {
        let slot = &mut self.slots[index as usize];
        slot.pins += 1;
        slot.pointer
    }

    fn insert(&mut self, object: &O, kind: Kind) -> Result<u32, EncodeError> {
        let full = EncodeError::LimitReached { limit: self.limit };
        if self.by_object.len() >= self.limit {
            return Err(full);
        }
        let (owner, held) = (self.owner, Some(object.clone()));
        let index = match self.free.pop() {
            Some(index) => {
                let slot = &mut self.slots[index as usize];
                let generation = slot.pointer.generation() + 1;
                slot.pointer = Pointer::new(index + 1, generation, kind, owner);
                slot.object = held;
                index
            }
            None => {
                let index =
                    u32::try_from(self.slots.len()).ok().filter(|i| *i < u32::MAX).ok_or(full)?;
                let pointer = Pointer::new(index + 1, 0, kind, owner);
                self.slots.push(Slot { pointer, object: held, sent: 0, pins: 0 });
                index
            }
        };
        self.by_object.insert(object.clone(), index);
        Ok(index)
    }

    /// A frame with this pointer in it was published.
    pub(crate) fn sent(&mut self, pointer: Pointer) {
        let slot = &mut self.slots[pointer.index() as usize - 1];
        slot.pins -= 1;
        slot.sent += 1;
    }

    /// A frame with this pointer in it was not published. Returns what nobody holds any more.
    pub(crate) fn abandoned(&mut self, pointer: Pointer) -> Option<Freed<O>> {
        let index = pointer.index() - 1;
        self.slots[index as usize].pins -= 1;
        self.free_if_unheld(index)
    }

    /// The object of a pointer that came back; `None` for one that is stale or forged.
    #[inline]
    pub(crate) fn resolve(&self, pointer: Pointer) -> Option<O> {
        let slot = self.slots.get(pointer.index() as usize - 1)?;
        slot.object.as_ref().filter(|_| slot.pointer == pointer && slot.sent > 0).cloned()
    }

    /// Takes back `count` receipts. `Err` where the pointer is stale or forged, or was not sent
    /// that often: then nothing changes. Returns the object if nobody holds it any more; dropping
    /// it may run code of the host.
    pub(crate) fn unref(&mut self, bits: u64, count: u32) -> Result<Option<Freed<O>>, ()> {
        let pointer = Pointer::from_bits(bits).ok_or(())?;
        let index = pointer.index() - 1;
        let slot = self.slots.get_mut(index as usize).ok_or(())?;
        if slot.object.is_none()
            || slot.pointer != pointer
            || slot.sent < count.into()
            || count == 0
        {
            return Err(());
        }
        slot.sent -= u64::from(count);
        Ok(self.free_if_unheld(index))
    }

    fn free_if_unheld(&mut self, index: u32) -> Option<Freed<O>> {
        let slot = &mut self.slots[index as usize];
        if slot.sent != 0 || slot.pins != 0 {
            return None;
        }
        let object = slot.object.take()?;
        let key = self.by_object.remove_entry(&object).map(|(key, _)| key);
        // A slot whose generations are used up is retired: its pointers would come again.
        if slot.pointer.generation() + 1 < Pointer::GENERATIONS {
            self.free.push(index);
        }
        Some(Freed { object, _key: key })
    }

    /// Forgets everything: the other side is gone. Dropping what is returned may run code of the
    /// host.
    pub(crate) fn clear(&mut self) -> Vec<Freed<O>> {
        let held = (0..self.slots.len() as u32).filter_map(|index| {
            let slot = &mut self.slots[index as usize];
            slot.sent = 0;
            self.free_if_unheld(index)
        });
        held.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freed(result: Result<Option<Freed<&'static str>>, ()>) -> Result<Option<&'static str>, ()> {
        result.map(|freed| freed.map(|freed| freed.object))
    }

    fn table() -> ObjectTable<&'static str> {
        ObjectTable::new(Side::Passive, 3)
    }

    fn send(table: &mut ObjectTable<&'static str>, object: &'static str) -> Pointer {
        let pointer = table.offer(&object, Kind::Object).expect("room");
        table.sent(pointer);
        pointer
    }

    #[test]
    fn c1_same_object_same_pointer() {
        let mut table = table();
        let (a, b) = (send(&mut table, "a"), send(&mut table, "b"));
        assert_ne!(a, b);
        assert_eq!(send(&mut table, "a"), a);
        assert_eq!(table.len(), 2);
        assert_eq!(table.resolve(a), Some("a"));
    }

    #[test]
    fn c5_a_pointer_that_crosses_its_unref_stays_valid() {
        let mut table = table();
        let a = send(&mut table, "a");
        assert_eq!(send(&mut table, "a"), a);
        assert_eq!(freed(table.unref(a.to_bits(), 1)), Ok(None));
        assert_eq!(table.resolve(a), Some("a"), "one receipt is still out");
        assert_eq!(freed(table.unref(a.to_bits(), 1)), Ok(Some("a")));
        assert_eq!(table.resolve(a), None);
    }

    #[test]
    fn c6_a_wrong_unref_changes_nothing() {
        let mut table = table();
        let a = send(&mut table, "a");
        for (bits, count) in
            [(a.to_bits(), 2), (a.to_bits(), 0), (a.to_bits() ^ 1 << 59, 1), (0, 1), (99, 1)]
        {
            assert_eq!(freed(table.unref(bits, count)), Err(()));
        }
        assert_eq!(freed(table.unref(a.to_bits(), 1)), Ok(Some("a")));
        assert_eq!(freed(table.unref(a.to_bits(), 1)), Err(()), "freed already");
    }

    #[test]
    fn c7_a_stale_pointer_is_never_another_object() {
        let mut table = table();
        let a = send(&mut table, "a");
        table.unref(a.to_bits(), 1).expect("held");
        let b = send(&mut table, "b");
        assert_eq!(b.index(), a.index(), "the slot is used again");
        assert_eq!(table.resolve(a), None);
        assert_eq!(table.resolve(b), Some("b"));
    }

    #[test]
    fn an_abandoned_frame_counts_nothing() {
        let mut table = table();
        let a = table.offer(&"a", Kind::Object).expect("room");
        assert_eq!(table.resolve(a), None, "not sent yet, so nobody can know it");
        assert_eq!(freed(Ok(table.abandoned(a))), Ok(Some("a")));
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn an_unref_does_not_free_what_a_frame_names() {
        let mut table = table();
        let a = send(&mut table, "a");
        assert_eq!(table.offer(&"a", Kind::Object), Ok(a));
        assert_eq!(freed(table.unref(a.to_bits(), 1)), Ok(None));
        table.sent(a);
        assert_eq!(table.resolve(a), Some("a"));
    }

    #[test]
    fn the_limit_holds_and_room_comes_back() {
        let mut table = table();
        let a = send(&mut table, "a");
        send(&mut table, "b");
        send(&mut table, "c");
        assert_eq!(table.offer(&"d", Kind::Object), Err(EncodeError::LimitReached { limit: 3 }));
        table.unref(a.to_bits(), 1).expect("held");
        send(&mut table, "d");
        assert_eq!(table.clear().len(), 3);
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn a_slot_without_generations_left_is_retired() {
        let mut table = table();
        let a = send(&mut table, "a");
        let last = Pointer::new(a.index(), Pointer::GENERATIONS - 1, Kind::Object, Side::Passive);
        table.slots[0].pointer = last;
        assert_eq!(freed(table.unref(last.to_bits(), 1)), Ok(Some("a")));
        assert_ne!(send(&mut table, "b").index(), a.index());
    }
}
