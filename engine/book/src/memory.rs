//! Memory as the books want it: in huge pages, and on its way before it is needed.
//!
//! A shard's orders and levels lie all over some tens of megabytes, and each event needs a few lines of
//! them. With pages of 4 KiB nearly each of those costs a walk through the page tables besides the line
//! itself; with pages of 2 MiB the tables stay in the cache. And what a coming event needs is known
//! before its turn, so that its lines can be asked for without waiting for any.
//!
//! The one file of this crate that is allowed `unsafe`: advice to the system and a hint to the processor,
//! neither of which changes what memory holds. The standard library has no safe function for either.

#![allow(unsafe_code)]

/// What a huge page holds, and from how many bytes on a reservation asks for them.
const HUGE: usize = 2 << 20;

/// An empty vector with room for `count`: addresses only, to which the system gives memory as they are
/// first used, in huge pages where it has them. Where so many addresses are not to be had, the vector
/// grows as it must.
pub(crate) fn reserve<T>(count: usize) -> Vec<T> {
    let mut room = Vec::new();
    if room.try_reserve_exact(count).is_ok() {
        advise(&mut room);
    }
    room
}

/// Asks for huge pages. Only advice: whether it is taken makes a difference to speed alone.
#[cfg(target_os = "linux")]
fn advise<T>(room: &mut Vec<T>) {
    const PAGE: usize = 4096;
    let bytes = room.capacity() * size_of::<T>();
    if bytes < 2 * HUGE {
        return;
    }
    let start = room.as_mut_ptr().cast::<u8>();
    let skipped = start.align_offset(PAGE);
    let whole = (bytes - skipped) & !(PAGE - 1);
    // SAFETY: `skipped` is less than a page and the allocation has more.
    let first = unsafe { start.add(skipped) };
    // SAFETY: the range begins on a page and lies within the one allocation of `room`, which is
    // borrowed; this advice changes nothing of what it holds.
    unsafe { libc::madvise(first.cast(), whole, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn advise<T>(_: &mut Vec<T>) {}

/// Sends for the line of one element without waiting for it; where there is no such element, for the line
/// behind the last one. Whether it is there would often be guessed wrong.
#[inline(always)]
pub fn prefetch<T>(all: &[T], at: usize) {
    hint(all.as_ptr().wrapping_add(at.min(all.len())));
}

/// The same for all lines of one element, but no more than the first `lines`.
#[inline(always)]
pub fn prefetch_whole<T>(all: &[T], at: usize, lines: usize) {
    const LINE: usize = 64;
    let first = all.as_ptr().wrapping_add(at.min(all.len())).cast::<u8>();
    for line in 0..size_of::<T>().div_ceil(LINE).min(lines) {
        hint(first.wrapping_add(line * LINE));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn hint<T>(one: *const T) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a hint reads and writes nothing that a program could see, and no address is wrong for it;
    // every x86-64 has it.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(one.cast()) }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn hint<T>(_: *const T) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_can_be_filled() {
        for count in [0, 10, 3 << 20] {
            let mut room = reserve::<u64>(count);
            assert!(room.capacity() >= count && room.is_empty());
            let before = room.capacity();
            room.extend(0..count as u64);
            assert_eq!(room.capacity(), before, "nothing moved");
            assert!(room.iter().copied().eq(0..count as u64));
        }
    }

    #[test]
    fn more_than_there_are_addresses_is_no_failure() {
        assert_eq!(reserve::<u64>(usize::MAX).capacity(), 0);
        let mut room = reserve::<u64>(1 << 60);
        room.push(1);
        assert_eq!(room, [1]);
    }

    #[test]
    fn a_hint_may_point_beyond_the_end() {
        prefetch(&[1, 2, 3], 2);
        prefetch(&[1, 2, 3], 3);
        prefetch::<u8>(&[], usize::MAX);
    }
}
