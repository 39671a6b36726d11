//! Messages that came before their turn, kept by number in memory of a fixed size.
//!
//! A message's slot is its number modulo the number of slots, and its bytes lie in an arena that grows
//! up to its bound and is swept when enough of it was given out. Nothing is allocated until the first
//! message has to wait, and nothing more once the arena has grown.

use engine_event::Nanos;

/// The messages ahead of the one that is next.
#[derive(Debug)]
pub(super) struct Held {
    slots: Box<[Slot]>,
    capacity: usize,
    bytes_max: usize,
    arena: Vec<u8>,
    spare: Vec<u8>,
    count: u64,
    live_bytes: usize,
    /// The number of the message that is next: those from it on have slots.
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    at: Nanos,
    offset: u32,
    length: u16,
    line: u8,
    used: bool,
}

const _: () = assert!(size_of::<Slot>() == 16);

const FREE: Slot = Slot { at: Nanos(0), offset: 0, length: 0, line: 0, used: false };

/// A message that was taken out: its bytes are there until the next one is put in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) sequence: u64,
    pub(super) at: Nanos,
    pub(super) line: usize,
    offset: usize,
    length: usize,
}

impl Held {
    /// Room for `messages` messages, the next power of two of it, and `bytes_max` bytes of them.
    pub(super) fn new(messages: usize, bytes_max: usize, next: u64) -> Self {
        let capacity = messages.clamp(2, 1 << 24).next_power_of_two();
        let bytes_max = bytes_max.min(1 << 30);
        Self {
            slots: Box::default(),
            capacity,
            bytes_max,
            arena: Vec::new(),
            spare: Vec::new(),
            count: 0,
            live_bytes: 0,
            next,
        }
    }

    pub(super) fn capacity(&self) -> u64 {
        self.capacity as u64
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The number of the message that is next.
    #[inline(always)]
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Makes `next` the next one; none before it is kept any more.
    #[inline(always)]
    pub(super) fn go_to(&mut self, next: u64) {
        self.next = next;
    }

    pub(super) fn clear(&mut self, next: u64) {
        self.next = next;
        self.slots.fill(FREE);
        self.arena.clear();
        (self.count, self.live_bytes) = (0, 0);
    }

    fn place(&self, sequence: u64) -> usize {
        (sequence & (self.capacity as u64 - 1)) as usize
    }

    #[inline]
    fn slot(&self, sequence: u64) -> Option<&Slot> {
        if self.count == 0 || sequence.wrapping_sub(self.next) >= self.capacity() {
            return None;
        }
        Some(&self.slots[self.place(sequence)]).filter(|slot| slot.used)
    }

    /// Whether the message is kept.
    pub(super) fn has(&self, sequence: u64) -> bool {
        self.slot(sequence).is_some()
    }

    /// When the message came, if it is kept.
    pub(super) fn at(&self, sequence: u64) -> Option<Nanos> {
        self.slot(sequence).map(|slot| slot.at)
    }

    /// Keeps a message that is not kept yet; false if there is no room.
    pub(super) fn put(&mut self, sequence: u64, bytes: &[u8], at: Nanos, line: usize) -> bool {
        let Ok(length) = u16::try_from(bytes.len()) else { return false };
        let within = sequence.wrapping_sub(self.next) < self.capacity();
        if !within || !self.make_room(bytes.len()) {
            return false;
        }
        if self.slots.is_empty() {
            self.slots = vec![FREE; self.capacity].into_boxed_slice();
        }
        let offset = self.arena.len() as u32;
        self.arena.extend_from_slice(bytes);
        let place = self.place(sequence);
        self.slots[place] = Slot { at, offset, length, line: line as u8, used: true };
        self.count += 1;
        self.live_bytes += bytes.len();
        true
    }

    fn make_room(&mut self, bytes: usize) -> bool {
        if self.count == 0 {
            self.arena.clear();
        }
        if self.arena.len() + bytes <= self.bytes_max {
            return true;
        }
        // Swept only when that gives back half of it, so that a byte is moved once on average.
        if self.live_bytes + bytes > self.bytes_max || self.live_bytes > self.bytes_max / 2 {
            return false;
        }
        self.sweep();
        true
    }

    fn sweep(&mut self) {
        self.spare.clear();
        for slot in &mut self.slots {
            if slot.used {
                let from = slot.offset as usize;
                slot.offset = self.spare.len() as u32;
                self.spare.extend_from_slice(&self.arena[from..from + usize::from(slot.length)]);
            }
        }
        std::mem::swap(&mut self.arena, &mut self.spare);
    }

    /// Takes the message out, if it is kept.
    #[inline]
    pub(super) fn take(&mut self, sequence: u64) -> Option<Found> {
        let slot = *self.slot(sequence)?;
        let place = self.place(sequence);
        self.slots[place].used = false;
        self.count -= 1;
        self.live_bytes -= usize::from(slot.length);
        let (offset, length) = (slot.offset as usize, usize::from(slot.length));
        Some(Found { sequence, at: slot.at, line: usize::from(slot.line), offset, length })
    }

    /// The bytes of a message that was taken out just now.
    pub(super) fn bytes(&self, found: Found) -> &[u8] {
        &self.arena[found.offset..found.offset + found.length]
    }

    /// The first number from `from` on, before `end`, whose message is kept; else `end`.
    pub(super) fn first_present(&self, from: u64, end: u64) -> u64 {
        if self.count == 0 {
            return end;
        }
        let reach = self.next.saturating_add(self.capacity());
        (from..end.min(reach)).find(|sequence| self.has(*sequence)).unwrap_or(end)
    }

    /// The first number from `from` on, before `end`, whose message is not kept; else `end`.
    pub(super) fn first_absent(&self, from: u64, end: u64) -> u64 {
        if self.count == 0 {
            return from.min(end);
        }
        (from..end).find(|sequence| !self.has(*sequence)).unwrap_or(end)
    }
}
