//! [`Identities`]: the proxies of this side, so that the same pointer is the same proxy, and the
//! list of those that died.
//!
//! A proxy's last drop only puts its pointer on the list; the entry keeps the count until a frame
//! takes it along. A pointer that arrives before that takes its entry back off the list.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::wire::Pointer;

/// What an identity holds weakly: it knows its pointer.
pub(crate) trait Held {
    fn pointer(&self) -> Pointer;
}

#[derive(Debug)]
struct Entry<P> {
    proxy: Weak<P>,
    received: u64,
    /// Its proxy has died and nobody has asked for it since.
    listed: bool,
}

#[derive(Debug)]
struct Table<P> {
    entries: HashMap<Pointer, Entry<P>>,
    /// Pointers whose entry was listed; some may have come back meanwhile.
    list: Vec<Pointer>,
}

/// The proxies of one link.
#[derive(Debug)]
pub(crate) struct Identities<P> {
    table: Mutex<Table<P>>,
    /// Length of the list, to be looked at without the lock.
    listed: AtomicUsize,
    limit: usize,
}

impl<P: Held> Identities<P> {
    pub(crate) fn new(limit: usize) -> Self {
        let table = Table { entries: HashMap::new(), list: Vec::new() };
        Self { table: Mutex::new(table), listed: AtomicUsize::new(0), limit }
    }

    fn table(&self) -> MutexGuard<'_, Table<P>> {
        // Nothing in here panics half-way, so a poisoned lock still guards a whole table.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pointers that the other side keeps alive for us.
    pub(crate) fn len(&self) -> usize {
        self.table().entries.len()
    }

    /// Whether [`Self::take_list`] has something.
    #[inline]
    pub(crate) fn has_list(&self) -> bool {
        self.listed.load(Relaxed) != 0
    }

    /// Counts a receipt of `pointer` and returns its proxy, one of `make`'s where none lives.
    /// `None` where the limit is reached.
    pub(crate) fn received(&self, pointer: Pointer, make: impl FnOnce() -> P) -> Option<Arc<P>> {
        let mut table = self.table();
        let room = table.entries.len() < self.limit;
        let entry = match table.entries.entry(pointer) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) if room => {
                entry.insert(Entry { proxy: Weak::new(), received: 0, listed: false })
            }
            std::collections::hash_map::Entry::Vacant(_) => return None,
        };
        entry.received += 1;
        entry.listed = false;
        let proxy = entry.proxy.upgrade().unwrap_or_else(|| {
            let proxy = Arc::new(make());
            entry.proxy = Arc::downgrade(&proxy);
            proxy
        });
        Some(proxy)
    }

    /// Notes that the last clone of `proxy` is being dropped. Touches no ring.
    pub(crate) fn died(&self, proxy: &P) {
        let mut table = self.table();
        let pointer = proxy.pointer();
        let Some(entry) = table.entries.get_mut(&pointer) else { return };
        // Another proxy may have taken its place between the last drop and this lock.
        if !std::ptr::eq(entry.proxy.as_ptr(), proxy) {
            return;
        }
        entry.listed = true;
        table.list.push(pointer);
        self.listed.store(table.list.len(), Relaxed);
    }

    /// Takes at most `most` pointers off the list, with the counts to give back, and appends them
    /// to `into`.
    pub(crate) fn take_list(&self, into: &mut Vec<(Pointer, u32)>, most: usize) {
        let mut table = self.table();
        while into.len() < most {
            let Some(pointer) = table.list.pop() else { break };
            let Some(entry) = table.entries.get_mut(&pointer).filter(|entry| entry.listed) else {
                continue;
            };
            let count = u32::try_from(entry.received).unwrap_or(u32::MAX);
            entry.received -= u64::from(count);
            into.push((pointer, count));
            if entry.received == 0 {
                table.entries.remove(&pointer);
            } else {
                table.list.push(pointer);
            }
        }
        self.listed.store(table.list.len(), Relaxed);
    }

    /// Puts back what [`Self::take_list`] gave, where no frame took it along.
    pub(crate) fn give_back(&self, taken: &[(Pointer, u32)]) {
        let mut table = self.table();
        for (pointer, count) in taken {
            let entry = table.entries.entry(*pointer).or_insert(Entry {
                proxy: Weak::new(),
                received: 0,
                listed: true,
            });
            entry.received += u64::from(*count);
            table.list.push(*pointer);
        }
        self.listed.store(table.list.len(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Kind, Side};

    /// A proxy that reports its death, as the real one does.
    struct Toy(Pointer, Arc<Identities<Toy>>);

    impl Held for Toy {
        fn pointer(&self) -> Pointer {
            self.0
        }
    }

    impl Drop for Toy {
        fn drop(&mut self) {
            let identities = self.1.clone();
            identities.died(self);
        }
    }

    fn receive(identities: &Arc<Identities<Toy>>, index: u32) -> Option<Arc<Toy>> {
        let pointer = Pointer::new(index, 0, Kind::Object, Side::Active);
        identities.received(pointer, || Toy(pointer, identities.clone()))
    }

    fn list(identities: &Identities<Toy>) -> Vec<(u32, u32)> {
        let mut list = Vec::new();
        identities.take_list(&mut list, 100);
        list.into_iter().map(|(pointer, count)| (pointer.index(), count)).collect()
    }

    #[test]
    fn b29_the_same_pointer_is_the_same_proxy() {
        let identities = Arc::new(Identities::new(10));
        let (a, again) = (receive(&identities, 1), receive(&identities, 1));
        assert!(Arc::ptr_eq(a.as_ref().expect("room"), again.as_ref().expect("room")));
        drop(a);
        assert!(!identities.has_list(), "one clone is left");
        drop(again);
        assert_eq!(list(&identities), [(1, 2)]);
        assert_eq!(identities.len(), 0);
    }

    #[test]
    fn c4_a_pointer_that_comes_again_leaves_the_list() {
        let identities = Arc::new(Identities::new(10));
        drop(receive(&identities, 1));
        let again = receive(&identities, 1);
        assert_eq!(list(&identities), []);
        drop(again);
        assert_eq!(list(&identities), [(1, 2)], "both receipts are given back at once");
    }

    #[test]
    fn what_no_frame_took_along_is_taken_again() {
        let identities = Arc::new(Identities::new(10));
        drop(receive(&identities, 1));
        let mut taken = Vec::new();
        identities.take_list(&mut taken, 10);
        let again = receive(&identities, 1);
        identities.give_back(&taken);
        assert_eq!(list(&identities), [], "it came back meanwhile");
        drop(again);
        assert_eq!(list(&identities), [(1, 2)]);
    }

    #[test]
    fn the_limit_holds() {
        let identities = Arc::new(Identities::new(1));
        let held = receive(&identities, 1);
        assert!(receive(&identities, 2).is_none());
        assert!(receive(&identities, 1).is_some(), "known already");
        drop(held);
    }

    #[test]
    fn a_list_is_taken_in_parts() {
        let identities = Arc::new(Identities::new(100));
        for index in 1..=10 {
            drop(receive(&identities, index));
        }
        let mut part = Vec::new();
        identities.take_list(&mut part, 4);
        assert_eq!(part.len(), 4);
        assert!(identities.has_list());
        assert_eq!(list(&identities).len(), 6);
        assert!(!identities.has_list());
    }

    #[test]
    fn counts_add_up_under_threads() {
        const ROUNDS: u32 = 20_000;
        let identities = Arc::new(Identities::new(10));
        let given_back = AtomicUsize::new(0);
        std::thread::scope(|threads| {
            for _ in 0..3 {
                threads.spawn(|| (0..ROUNDS).for_each(|i| drop(receive(&identities, 1 + i % 3))));
            }
            threads.spawn(|| {
                for _ in 0..ROUNDS {
                    let sum: u32 = list(&identities).iter().map(|(_, count)| count).sum();
                    given_back.fetch_add(sum as usize, Relaxed);
                }
            });
        });
        let rest: u32 = list(&identities).iter().map(|(_, count)| count).sum();
        assert_eq!(given_back.into_inner() + rest as usize, 3 * ROUNDS as usize);
        assert_eq!(identities.len(), 0);
    }
}
