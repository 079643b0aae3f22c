//! Copying out of memory that another process may write while we read.
//!
//! A plain `memcpy` from such memory is a data race. Byte-wise atomic copies are up to 19 times
//! slower, so short runs go by whole words and long ones, on x86-64, through `rep movsb`, which
//! the compiler cannot take for an ordinary read.
#![allow(
    unsafe_code,
    reason = "atomic loads and string moves from addresses checked by the caller"
)]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

/// From this many bytes on, `rep movsb` is faster than a loop of words (1 KiB: 19 ns against 27).
#[cfg(target_arch = "x86_64")]
const STRING_MOVE: usize = 256;

/// Asks the processor to fetch the cache line of `at`. A hint: it has no effect that a program
/// could see, whatever the address.
#[inline]
pub(super) fn prefetch(at: NonNull<u8>) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching neither reads nor faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.as_ptr().cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Loads one word.
///
/// # Safety
/// - `from` is valid for reads of 8 bytes and aligned to 8.
#[inline]
pub(super) unsafe fn load_u64(from: NonNull<u64>) -> u64 {
    // SAFETY: valid and aligned by this function's contract; the reference lives for one load.
    unsafe { AtomicU64::from_ptr(from.as_ptr()) }.load(Relaxed)
}

/// Copies `into.len()` bytes, each read once.
///
/// # Safety
/// - `from` is valid for reads of `into.len()` bytes.
#[inline]
pub(super) unsafe fn copy_out(from: NonNull<u8>, into: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if into.len() >= STRING_MOVE {
        // SAFETY: `from` is readable for the length by this function's contract, `into` is a
        // private slice of the same length, and the direction flag is clear by the ABI.
        unsafe {
            std::arch::asm!(
                "rep movsb",
                inout("rcx") into.len() => _,
                inout("rsi") from.as_ptr() => _,
                inout("rdi") into.as_mut_ptr() => _,
                options(nostack, preserves_flags)
            );
        }
        return;
    }
    // SAFETY: the same contract.
    unsafe { copy_words(from, into) };
}

/// Copies by words, and by bytes up to the first and behind the last aligned word.
///
/// # Safety
/// - `from` is valid for reads of `into.len()` bytes.
#[inline]
unsafe fn copy_words(from: NonNull<u8>, into: &mut [u8]) {
    let head = from.as_ptr().align_offset(8).min(into.len());
    let (first, rest) = into.split_at_mut(head);
    // SAFETY: `first` is the start of the range that the contract covers.
    unsafe { copy_bytes(from, first) };
    // SAFETY: `head` bytes are within the range.
    let from = unsafe { from.add(head) };
    let (words, last) = rest.split_at_mut(rest.len() & !7);
    for (i, word) in words.chunks_exact_mut(8).enumerate() {
        // SAFETY: `from` is aligned now, and word `i` lies within the range.
        word.copy_from_slice(&unsafe { load_u64(from.cast::<u64>().add(i)) }.to_ne_bytes());
    }
    // SAFETY: the words lie within the range, so does what follows them.
    let from = unsafe { from.add(words.len()) };
    // SAFETY: `last` is the end of the range that the contract covers.
    unsafe { copy_bytes(from, last) };
}

/// Copies fewer than 8 bytes, one by one.
///
/// # Safety
/// - `from` is valid for reads of `into.len()` bytes.
#[inline]
unsafe fn copy_bytes(from: NonNull<u8>, into: &mut [u8]) {
    for (i, byte) in into.iter_mut().enumerate() {
        // SAFETY: byte `i` lies within the range; the reference lives for one load.
        *byte = unsafe { AtomicU8::from_ptr(from.as_ptr().add(i)) }.load(Relaxed);
    }
}
