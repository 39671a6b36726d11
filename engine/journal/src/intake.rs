//! The pipeline's end of a journal: copies events into blocks and hands them over. It never waits.

use crate::{Durable, Pages};
use bytemuck::cast_slice;
use engine_audit::layout::{BlockHeader, EVENT, PAGE, SideHeader, Stream, side};
use engine_event::{Event, Nanos};
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::atomic::{Ordering::Acquire, fence};
use zerocopy::IntoBytes;

/// A block on its way to the writer: events where they will lie on disk; checksums and header are missing.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) pages: Pages,
    pub(crate) events: usize,
    /// Bytes of side records, which lie behind the room for the events' checksums.
    pub(crate) side_bytes: usize,
    pub(crate) sides: u32,
    /// The number of its first event, or of the one that comes next.
    pub(crate) first: u64,
    /// The number that comes after its last event.
    pub(crate) next: u64,
}

/// What an intake hands to its writer.
#[derive(Debug)]
pub(crate) enum Handed {
    Block(Block),
    /// Nothing will follow: seal it.
    Close,
}

/// How a journal groups its commits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grouping {
    /// Bytes of a block, at most.
    pub block_bytes: usize,
    /// How long an event waits for others to share its commit.
    pub commit_after: Nanos,
    /// Bytes of blocks that may wait for the disk.
    pub waiting_bytes: usize,
}

impl Default for Grouping {
    /// 128 MiB hold half a second of three million events a second.
    fn default() -> Self {
        Self {
            block_bytes: 256 << 10,
            commit_after: Nanos::from_millis(2),
            waiting_bytes: 128 << 20,
        }
    }
}

/// Where the pipeline puts events and side records.
#[derive(Debug)]
pub struct Intake {
    to: Producer<Handed>,
    back: Consumer<Pages>,
    /// Memory that nobody uses; what was used last is used first, for it is still in the cache.
    free: Vec<Pages>,
    open: Option<Pages>,
    /// Events in the open block.
    events: usize,
    /// The number of the first of them.
    first: u64,
    events_max: usize,
    block_bytes: usize,
    blocks: usize,
    /// Side records that go with the next block.
    sides: Sides,
    /// Whether they are what the stream numbers.
    numbers_sides: bool,
    /// The number of the next event.
    next: u64,
    hole: Option<(u64, u64)>,
    /// When the oldest of what waits here came.
    since: Option<Nanos>,
    commit_after: Nanos,
    durable: Durable,
    is_closed: bool,
}

/// Side records as they will lie on disk, and where each begins.
#[derive(Debug, Default)]
struct Sides {
    bytes: Vec<u8>,
    begins: Vec<usize>,
}

impl Sides {
    fn push(&mut self, kind: u16, body: &[u8]) {
        self.begins.push(self.bytes.len());
        self.bytes.extend(SideHeader::of(kind, body).as_bytes());
        self.bytes.extend(body);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
    }

    /// Takes as many of the first ones as fit, at least one if there is any.
    fn take(&mut self, room: usize) -> (Vec<u8>, u32) {
        let end = |number: usize| self.begins.get(number).copied().unwrap_or(self.bytes.len());
        let fitting = (1..=self.begins.len()).take_while(|number| end(*number) <= room).count();
        let number = fitting.max(1).min(self.begins.len());
        let bytes = end(number);
        let rest = self.bytes.split_off(bytes);
        let taken = std::mem::replace(&mut self.bytes, rest);
        self.begins.drain(..number);
        self.begins.iter_mut().for_each(|begin| *begin -= bytes);
        (taken, number as u32)
    }
}

/// The writer's ends of the two rings.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) from: Consumer<Handed>,
    pub(crate) back: Producer<Pages>,
}

impl Intake {
    /// The two ends, for events from the number `next` on.
    pub(crate) fn new(
        stream: Stream,
        grouping: &Grouping,
        next: u64,
        durable: Durable,
    ) -> (Self, Outlet) {
        let block_bytes = grouping.block_bytes.next_multiple_of(PAGE).max(2 * PAGE);
        let blocks = (grouping.waiting_bytes / block_bytes).max(4);
        // Room for the closing word, too.
        let (to, from) = RingBuffer::new(blocks + 1);
        let (back, returned) = RingBuffer::new(blocks + 1);
        let intake = Self {
            to,
            back: returned,
            free: (0..blocks).map(|_| Pages::new(block_bytes)).collect(),
            open: None,
            events: 0,
            first: next,
            events_max: (block_bytes - BlockHeader::BYTES) / (EVENT + 4),
            block_bytes,
            blocks,
            sides: Sides::default(),
            numbers_sides: stream == Stream::Alerts,
            next,
            hole: None,
            since: None,
            commit_after: grouping.commit_after,
            durable,
            is_closed: false,
        };
        (intake, Outlet { from, back })
    }

    /// How far the journal is safe.
    pub fn durable(&self) -> &Durable {
        &self.durable
    }

    /// The number of the event that comes next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// How many events may be put now; 0 as long as every block waits for the disk. A journal that has
    /// failed takes everything and keeps nothing.
    #[inline]
    pub fn room(&mut self) -> usize {
        if self.open.is_none() && !self.begin() {
            return if self.durable.has_failed() { usize::MAX } else { 0 };
        }
        self.events_max - self.events
    }

    #[cold]
    fn begin(&mut self) -> bool {
        while let Ok(pages) = self.back.pop() {
            self.free.push(pages);
        }
        self.open = self.free.pop();
        self.durable.waiting((self.blocks - self.free.len()) as u64);
        if self.open.is_none() {
            self.is_over(); // a writer that is gone gives nothing back: then it has failed
        }
        self.open.is_some()
    }

    /// Copies events, whose numbers go on from the last one's, and for which there is [room](Self::room).
    #[inline]
    pub fn put(&mut self, events: &[Event], now: Nanos) {
        let Some(last) = events.last() else { return };
        debug_assert_eq!(events[0].seq, self.next, "numbers follow each other");
        self.next = last.seq + 1;
        let Some(pages) = &mut self.open else { return };
        if self.events == 0 {
            self.first = events[0].seq;
        }
        debug_assert_eq!(events[0].seq, self.first + self.events as u64, "so they do in a block");
        let at = BlockHeader::BYTES + self.events * EVENT;
        let bytes: &[u8] = cast_slice(events);
        pages.bytes_mut()[at..at + bytes.len()].copy_from_slice(bytes);
        self.events += events.len();
        self.since.get_or_insert(now);
        if self.events == self.events_max {
            self.hand_over();
        }
    }

    /// A side record, which will lie before or with the events that are put after it; in the alert log it
    /// gets a number. One that no block can hold ends the journal.
    pub fn note(&mut self, kind: u16, body: &[u8], now: Nanos) -> u64 {
        let most = self.block_bytes - BlockHeader::BYTES;
        if SideHeader::record_bytes(body.len()) > most {
            let why = format!("a side record of {} bytes is longer than a block", body.len());
            self.durable.fail(why);
            return self.next;
        }
        self.sides.push(kind, body);
        self.since.get_or_insert(now);
        self.next += u64::from(self.numbers_sides);
        self.next - u64::from(self.numbers_sides)
    }

    /// Leaves events out for good, because there is no room for them: the journal will say so.
    pub fn leave_out(&mut self, first: u64, last: u64) {
        if self.events > 0 {
            self.hand_over();
        }
        self.hole = Some((self.hole.map_or(first, |(first, _)| first), last));
        self.next = last + 1;
        self.durable.leave_out(first, last);
    }

    /// Hands over what has waited long enough.
    #[inline]
    pub fn turn(&mut self, now: Nanos) {
        if self.since.is_some_and(|since| now.since(since) >= self.commit_after) {
            self.hand_over();
        }
    }

    /// Hands over what is here, as far as there is memory.
    pub fn hand_over(&mut self) {
        if self.durable.has_failed() {
            self.forget();
            return;
        }
        let mut first = match (self.numbers_sides, self.events) {
            (true, _) => self.next - self.sides.begins.len() as u64,
            (false, 0) => self.next,
            (false, _) => self.first,
        };
        let beside = self.block_bytes - BlockHeader::BYTES - self.events * (EVENT + 4);
        // Side records that do not fit beside the events go before them.
        while self.side_bytes() > beside {
            let Some(pages) = self.spare() else { return };
            self.declare();
            first = self.send(pages, 0, first);
        }
        if self.events == 0 && self.side_bytes() == 0 {
            return;
        }
        if self.open.is_none() && !self.begin() {
            return;
        }
        self.declare();
        if let Some(pages) = self.open.take() {
            let events = std::mem::take(&mut self.events);
            self.send(pages, events, first);
            self.since = None;
        }
    }

    /// What side records take, with that of a hole which is not declared yet.
    fn side_bytes(&self) -> usize {
        let hole = self.hole.map_or(0, |_| SideHeader::record_bytes(size_of::<[u64; 2]>()));
        self.sides.bytes.len() + hole
    }

    /// Says what was left out: as late as there is memory to say it, so that a long hole is one.
    fn declare(&mut self) {
        if let Some((first, last)) = self.hole.take() {
            self.sides.push(side::HOLE, [first, last].as_bytes());
        }
    }

    fn spare(&mut self) -> Option<Pages> {
        while let Ok(pages) = self.back.pop() {
            self.free.push(pages);
        }
        self.free.pop()
    }

    /// Returns the number that comes next.
    fn send(&mut self, mut pages: Pages, events: usize, first: u64) -> u64 {
        let at = BlockHeader::BYTES + events * (EVENT + 4);
        let (bytes, sides) = self.sides.take(self.block_bytes - at);
        pages.bytes_mut()[at..at + bytes.len()].copy_from_slice(&bytes);
        let numbers = if self.numbers_sides { sides.into() } else { events as u64 };
        let next = first + numbers;
        let block = Block { pages, events, side_bytes: bytes.len(), sides, first, next };
        let handed = self.to.push(Handed::Block(block));
        debug_assert!(handed.is_ok(), "the ring holds every block that there is");
        next
    }

    /// Ends the journal where it is, because whoever feeds it cannot go on.
    pub fn give_up(&mut self, why: &str) {
        self.durable.fail(why.to_string());
        self.close();
    }

    /// Whether the disk has caught up by a quarter of the blocks: who leaves events out goes on doing so
    /// until then, so that there are few holes, and long ones.
    pub fn has_caught_up(&mut self) -> bool {
        while let Ok(pages) = self.back.pop() {
            self.free.push(pages);
        }
        self.open.is_some() || 4 * self.free.len() >= self.blocks || self.durable.has_failed()
    }

    /// Whether nothing more will become durable: the writer has closed the journal in order, or it has
    /// failed. A writer that is gone without a word has failed.
    pub fn is_over(&self) -> bool {
        if self.to.is_abandoned() {
            fence(Acquire); // what the writer did before it went is seen
            if !self.durable.is_closed() {
                self.durable.fail("its writer is gone".to_string());
            }
        }
        self.durable.is_closed() || self.durable.has_failed()
    }

    fn forget(&mut self) {
        (self.events, self.since, self.hole) = (0, None, None);
        self.sides = Sides::default();
    }

    /// Hands over everything and says that nothing follows. Returns whether that was possible: if not, the
    /// disk has to give back memory first.
    pub fn close(&mut self) -> bool {
        if self.is_closed {
            return true;
        }
        self.hand_over();
        if self.events == 0 && self.side_bytes() == 0 {
            self.is_closed = self.to.push(Handed::Close).is_ok();
        }
        self.is_closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_event::SubjectId;
    use engine_event::body::End;

    /// A disk that takes half a second for a sync holds up nobody at three million events a second.
    #[test]
    fn half_a_second_at_peak_waits_for_the_disk() {
        let grouping = Grouping::default();
        let durable = Durable::from(1);
        let (mut intake, _outlet) = Intake::new(Stream::Events, &grouping, 1, durable);
        let mut batch = vec![Event::new(SubjectId(0), Nanos(1), End::default()); 512];
        let mut put = 0_u64;
        while intake.room() > 0 {
            let count = intake.room().min(batch.len());
            for event in &mut batch[..count] {
                put += 1;
                event.seq = put;
            }
            intake.put(&batch[..count], Nanos(put));
        }
        assert!(put >= 1_500_000, "only {put} events");
    }
}
