//! Windows of bytes: [`OwnBytes`] to write, [`PeerBytes`] and its views [`SharedBytes`] to read.
#![allow(unsafe_code, reason = "turns checked ranges of a live region into slices and loads")]

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

#[cfg(any(test, fuzzing))]
use super::Liar;
use super::copy;
use super::region::Span;

/// Lets loom see which bytes are touched when; nothing at all otherwise.
#[derive(Clone, Default)]
struct Tracker {
    #[cfg(loom)]
    words: Option<Arc<Vec<loom::cell::UnsafeCell<()>>>>,
}

impl Tracker {
    #[cfg(loom)]
    #[allow(clippy::arc_with_non_send_sync, reason = "loom's cells are shared by its own threads")]
    fn new(len: usize) -> Self {
        let words = (0..len.div_ceil(8)).map(|_| loom::cell::UnsafeCell::new(())).collect();
        Self { words: Some(Arc::new(words)) }
    }

    #[inline]
    fn write(&self, _offset: usize, _len: usize) {
        #[cfg(loom)]
        if let Some(words) = &self.words {
            words[_offset / 8..(_offset + _len).div_ceil(8)]
                .iter()
                .for_each(|w| w.with_mut(|_| ()));
        }
    }

    #[inline]
    fn read(&self, _offset: usize, _len: usize) {
        #[cfg(loom)]
        if let Some(words) = &self.words {
            words[_offset / 8..(_offset + _len).div_ceil(8)].iter().for_each(|w| w.with(|_| ()));
        }
    }
}

/// Bytes that this side alone writes.
pub struct OwnBytes {
    span: Span,
    tracker: Tracker,
}

impl OwnBytes {
    pub(super) fn new(span: Span) -> Self {
        Self { span, tracker: Tracker::default() }
    }

    /// Bytes of the window.
    pub fn len(&self) -> usize {
        self.span.len
    }

    /// Whether the window has no bytes.
    pub fn is_empty(&self) -> bool {
        self.span.len == 0
    }

    /// Where the window lies.
    pub fn address_range(&self) -> std::ops::Range<usize> {
        let start = self.span.base.as_ptr() as usize;
        start..start + self.span.len
    }

    /// The bytes from `offset`, to write. The peer may read them at any time; it cannot write.
    ///
    /// # Panics
    /// Where they do not lie within the window.
    #[inline]
    pub(crate) fn slice_mut(&mut self, offset: usize, len: usize) -> &mut [u8] {
        let at = self.span.at(offset, len, 1);
        self.tracker.write(offset, len);
        // SAFETY: in bounds by `Span::at`; by the contract of `OwnRegion::new` nobody else writes
        // here, and `&mut self` excludes a second slice of this window.
        unsafe { std::slice::from_raw_parts_mut(at.as_ptr(), len) }
    }

    /// Copies `len` bytes from offset `from` to offset `to`; the two runs may overlap. What lies
    /// between them is not touched: the peer may be reading it.
    ///
    /// # Panics
    /// Where they do not lie within the window.
    pub(crate) fn copy_within(&mut self, from: usize, to: usize, len: usize) {
        let (source, target) = (self.span.at(from, len, 1), self.span.at(to, len, 1));
        self.tracker.read(from, len);
        self.tracker.write(to, len);
        // SAFETY: both are in bounds by `Span::at`; `ptr::copy` lets them overlap. By the contract
        // of `OwnRegion::new` nobody else writes here, and `&mut self` excludes a slice.
        unsafe { std::ptr::copy(source.as_ptr(), target.as_ptr(), len) };
    }

    /// For the fuzzer, which plays a peer that writes what it likes: stores a word at `offset`, a
    /// multiple of 8.
    #[cfg(fuzzing)]
    pub fn scribble(&mut self, offset: usize, value: u64) {
        self.store_u64(offset, value);
    }

    /// Stores a word at `offset`, a multiple of 8.
    ///
    /// # Panics
    /// Where it does not lie within the window or is not aligned.
    #[inline]
    pub(crate) fn store_u64(&mut self, offset: usize, value: u64) {
        let at = self.span.at(offset, 8, 8);
        self.tracker.write(offset, 8);
        // SAFETY: in bounds and aligned by `Span::at`; no reference to these bytes exists, because
        // `&mut self` excludes one from `slice_mut`.
        unsafe { at.cast::<u64>().write(value) };
    }
}

impl fmt::Debug for OwnBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnBytes").field("len", &self.span.len).finish_non_exhaustive()
    }
}

/// Bytes that the peer may write at any time: they are loaded or copied, never referred to.
pub struct PeerBytes {
    span: Span,
    tracker: Tracker,
    #[cfg(any(test, fuzzing))]
    liar: Option<Liar>,
}

impl PeerBytes {
    pub(super) fn new(span: Span) -> Self {
        Self {
            span,
            tracker: Tracker::default(),
            #[cfg(any(test, fuzzing))]
            liar: None,
        }
    }

    /// Bytes of the window.
    pub fn len(&self) -> usize {
        self.span.len
    }

    /// Whether the window has no bytes.
    pub fn is_empty(&self) -> bool {
        self.span.len == 0
    }

    /// Loads the word at `offset`, a multiple of 8, once.
    ///
    /// # Panics
    /// Where it does not lie within the window or is not aligned.
    #[inline]
    pub fn load_u64(&self, offset: usize) -> u64 {
        let at = self.span.at(offset, 8, 8);
        self.tracker.read(offset, 8);
        // SAFETY: in bounds and aligned by `Span::at`, mapped by the span's `keep`.
        let value = unsafe { copy::load_u64(at.cast()) };
        #[cfg(any(test, fuzzing))]
        if let Some(liar) = &self.liar {
            return liar.lie(value);
        }
        value
    }

    /// Asks the processor to fetch the cache line at `offset`; reads nothing.
    ///
    /// # Panics
    /// Where it does not lie within the window.
    #[inline]
    pub fn prefetch(&self, offset: usize) {
        let at = self.span.at(offset, 1, 1);
        copy::prefetch(at);
    }

    /// Copies the bytes from `offset` into private memory, each of them read once.
    ///
    /// # Panics
    /// Where they do not lie within the window.
    pub fn copy_to(&self, offset: usize, into: &mut [u8]) {
        self.view(offset, into.len()).copy_to(0, into);
    }

    /// A view of `len` bytes at `offset`.
    ///
    /// # Panics
    /// Where it does not lie within the window.
    #[inline]
    pub fn view(&self, offset: usize, len: usize) -> SharedBytes<'_> {
        let at = self.span.at(offset, len, 1);
        SharedBytes { at, len, origin: Origin::new(self, offset), window: PhantomData }
    }

    /// Makes every load answer what `liar` says.
    #[cfg(any(test, fuzzing))]
    pub fn lying(mut self, liar: Liar) -> Self {
        self.liar = Some(liar);
        self
    }
}

impl fmt::Debug for PeerBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerBytes").field("len", &self.span.len).finish_non_exhaustive()
    }
}

/// Where a view lies in its window, for those who watch or fake what is read; nothing otherwise.
#[derive(Clone, Copy)]
struct Origin<'a> {
    #[cfg(any(test, fuzzing, loom))]
    window: &'a PeerBytes,
    #[cfg(any(test, fuzzing, loom))]
    offset: usize,
    lifetime: PhantomData<&'a ()>,
}

impl<'a> Origin<'a> {
    #[inline]
    fn new(_window: &'a PeerBytes, _offset: usize) -> Self {
        Self {
            #[cfg(any(test, fuzzing, loom))]
            window: _window,
            #[cfg(any(test, fuzzing, loom))]
            offset: _offset,
            lifetime: PhantomData,
        }
    }

    #[inline]
    fn moved(self, _by: usize) -> Self {
        Self {
            #[cfg(any(test, fuzzing, loom))]
            offset: self.offset + _by,
            ..self
        }
    }

    /// Bytes at `at` of the view have been read into `into`.
    #[inline]
    fn read(self, _at: usize, _into: &mut [u8]) {
        #[cfg(any(test, fuzzing, loom))]
        self.window.tracker.read(self.offset + _at, _into.len());
        #[cfg(any(test, fuzzing))]
        if let Some(liar) = &self.window.liar {
            _into.iter_mut().for_each(|byte| *byte = liar.lie(u64::from(*byte)) as u8);
        }
    }
}

/// A part of the peer's memory, to be read where it lies. It may change between two reads, so it
/// is never a slice.
#[derive(Clone, Copy)]
pub struct SharedBytes<'a> {
    at: NonNull<u8>,
    len: usize,
    origin: Origin<'a>,
    /// Keeps the memory mapped.
    window: PhantomData<&'a PeerBytes>,
}

impl<'a> SharedBytes<'a> {
    /// Bytes of the view.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the view has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The byte at `index`, as it is now; `None` behind the end.
    pub fn get(&self, index: usize) -> Option<u8> {
        let mut byte = [0];
        (index < self.len).then(|| {
            self.copy_to(index, &mut byte);
            byte[0]
        })
    }

    /// The little-endian word at `offset` of the view, loaded once.
    ///
    /// # Panics
    /// Where it does not lie within the view or its address is no multiple of 8.
    #[inline]
    pub fn load_u64(&self, offset: usize) -> u64 {
        let at = self.address(offset, 8);
        assert!(at.as_ptr() as usize & 7 == 0, "offset {offset} not aligned");
        // SAFETY: 8 bytes from `at` lie within the view by `address`, aligned by the line above;
        // the window that the view borrows keeps them mapped.
        let mut bytes = unsafe { copy::load_u64(at.cast()) }.to_ne_bytes();
        self.origin.read(offset, &mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Copies the bytes from `offset` of the view into `into`, each of them read once.
    ///
    /// # Panics
    /// Where they do not lie within the view.
    #[inline]
    pub fn copy_to(&self, offset: usize, into: &mut [u8]) {
        let at = self.address(offset, into.len());
        // SAFETY: they lie within the view by `address`; the window that the view borrows keeps
        // them mapped.
        unsafe { copy::copy_out(at, into) };
        self.origin.read(offset, into);
    }

    /// A part of the view.
    ///
    /// # Panics
    /// Where it does not lie within the view.
    #[inline]
    pub fn slice(&self, offset: usize, len: usize) -> Self {
        let at = self.address(offset, len);
        Self { at, len, origin: self.origin.moved(offset), window: PhantomData }
    }

    /// The view in pieces of `len` bytes, the last one shorter.
    ///
    /// # Panics
    /// Where `len` is 0.
    pub fn chunks(self, len: usize) -> impl Iterator<Item = SharedBytes<'a>> {
        (0..self.len).step_by(len).map(move |at| self.slice(at, len.min(self.len - at)))
    }

    /// A copy of the bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut copy = vec![0; self.len];
        self.copy_to(0, &mut copy);
        copy
    }

    /// The address of `len` bytes at `offset`.
    #[inline]
    fn address(&self, offset: usize, len: usize) -> NonNull<u8> {
        assert!(
            len <= self.len && offset <= self.len - len,
            "{offset}+{len} beyond a view of {} bytes",
            self.len
        );
        // SAFETY: the line above keeps the address within the view, which lies within its window
        // by `PeerBytes::view`.
        unsafe { self.at.add(offset) }
    }
}

impl fmt::Debug for SharedBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedBytes").field("len", &self.len).finish_non_exhaustive()
    }
}

/// `len` bytes on the heap, zero, aligned to 64, with their two windows.
pub fn bytes(len: usize) -> (OwnBytes, PeerBytes) {
    #[repr(align(64))]
    #[derive(Clone)]
    struct Line(#[allow(dead_code, reason = "only the address is used")] [u8; 64]);
    let mut lines = vec![Line([0; 64]); len.div_ceil(64)];
    let base = NonNull::from(lines.as_mut_slice()).cast::<u8>();
    let span = Span { base, len, keep: Arc::new(lines) };
    let (own, peer) = (OwnBytes::new(span.clone()), PeerBytes::new(span));
    #[cfg(loom)]
    let (own, peer) = {
        let tracker = Tracker::new(len);
        (OwnBytes { tracker: tracker.clone(), ..own }, PeerBytes { tracker, ..peer })
    };
    (own, peer)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_at_every_alignment() {
        let (mut own, peer) = bytes(4096);
        let pattern: Vec<u8> = (0..4096u32).map(|i| ((i * 31) >> 3) as u8).collect();
        own.slice_mut(0, 4096).copy_from_slice(&pattern);
        for offset in (0..80).chain([1000, 2047]) {
            for len in (0..80).chain([255, 256, 257, 511, 1024, 2000]) {
                let mut copy = vec![0; len];
                peer.copy_to(offset, &mut copy);
                assert_eq!(copy, pattern[offset..offset + len], "{offset}+{len}");
            }
        }
        let view = peer.view(3, 100);
        assert_eq!(view.to_vec(), pattern[3..103]);
        assert_eq!(view.get(99), Some(pattern[102]));
        assert_eq!(view.get(100), None);
        let pieces: Vec<u8> = view.chunks(7).flat_map(|piece| piece.to_vec()).collect();
        assert_eq!(pieces, pattern[3..103]);
    }

    #[test]
    #[should_panic(expected = "beyond")]
    fn a_view_ends_where_it_ends() {
        let (_own, peer) = bytes(64);
        peer.view(0, 8).copy_to(4, &mut [0; 8]);
    }
}
