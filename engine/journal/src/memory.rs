//! A journal's other end without a disk: for tests of whoever feeds a journal, and for measuring what
//! feeding it costs.

use crate::intake::{Block, Handed, Outlet};
use crate::{Durable, Grouping, Intake};
use bytemuck::cast_slice;
use engine_audit::layout::Stream;
use engine_audit::layout::{BlockHeader, EVENT, SideHeader};
use engine_event::Event;
use rtrb::{Consumer, Producer};
use std::collections::VecDeque;
use zerocopy::FromBytes;

/// A journal for events from the number `next` on that somebody moves by hand.
pub fn memory(grouping: &Grouping, next: u64) -> (Intake, InMemory) {
    let durable = Durable::from(next);
    let (intake, Outlet { from, back }) =
        Intake::new(Stream::Events, grouping, next, durable.clone());
    let memory = InMemory {
        from,
        back,
        durable,
        under_way: VecDeque::new(),
        is_ending: false,
        is_forgetful: false,
        events: Vec::new(),
        sides: Vec::new(),
    };
    (intake, memory)
}

/// Takes blocks, as a disk would, and makes them durable when it is told to.
#[derive(Debug)]
pub struct InMemory {
    from: Consumer<Handed>,
    back: Producer<crate::Pages>,
    durable: Durable,
    under_way: VecDeque<Block>,
    is_ending: bool,
    is_forgetful: bool,
    events: Vec<Event>,
    sides: Vec<Side>,
}

/// A side record that has become durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Side {
    /// Before which event it stands at the latest: the number of its block's first one.
    pub before: u64,
    /// Its kind.
    pub kind: u16,
    /// What it says.
    pub body: Vec<u8>,
}

impl InMemory {
    /// Keeps nothing of what becomes durable.
    #[must_use]
    pub fn forgetful(self) -> Self {
        Self { is_forgetful: true, ..self }
    }

    /// Takes the blocks that were handed over, as a disk that begins to write them; returns how many are
    /// under way.
    pub fn accept(&mut self) -> usize {
        while let Ok(handed) = self.from.pop() {
            match handed {
                Handed::Block(block) => self.under_way.push_back(block),
                Handed::Close => self.is_ending = true,
            }
        }
        self.under_way.len()
    }

    /// Makes the first so many blocks under way durable and gives their memory back. When the last of all
    /// is, the journal is closed.
    pub fn settle(&mut self, blocks: usize) {
        if self.durable.has_failed() {
            self.lose();
        }
        for block in self.under_way.drain(..blocks.min(self.under_way.len())) {
            if !self.is_forgetful {
                read(&block, &mut self.events, &mut self.sides);
            }
            self.durable.committed(block.pages.bytes().len() as u64);
            self.durable.raise(block.next);
            // The pipeline's end may be gone: then nobody wants it.
            let _ = self.back.push(block.pages);
        }
        if self.is_ending && self.under_way.is_empty() && !self.durable.has_failed() {
            self.durable.close();
        }
    }

    /// Takes everything and makes it durable at once. Returns whether the journal goes on.
    pub fn keep_up(&mut self) -> bool {
        let blocks = self.accept();
        self.settle(blocks);
        !self.is_over()
    }

    /// From now on nothing becomes durable any more.
    pub fn fail(&mut self, why: &str) {
        self.durable.fail(why.to_string());
        self.lose();
    }

    fn lose(&mut self) {
        for block in self.under_way.drain(..) {
            let _ = self.back.push(block.pages);
        }
    }

    /// Whether nothing more will come: the journal is closed, or has failed, or nobody feeds it.
    pub fn is_over(&self) -> bool {
        let is_abandoned = self.from.is_abandoned() && self.from.is_empty();
        self.durable.is_closed() || self.durable.has_failed() || is_abandoned
    }

    /// How far it is.
    pub fn durable(&self) -> &Durable {
        &self.durable
    }

    /// The events that have become durable.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The side records that have become durable.
    pub fn sides(&self) -> &[Side] {
        &self.sides
    }
}

fn read(block: &Block, events: &mut Vec<Event>, sides: &mut Vec<Side>) {
    let bytes = &block.pages.bytes()[BlockHeader::BYTES..];
    events.extend_from_slice(cast_slice(&bytes[..block.events * EVENT]));
    let mut left = &bytes[block.events * (EVENT + 4)..][..block.side_bytes];
    for _ in 0..block.sides {
        let (header, behind) =
            SideHeader::read_from_prefix(left).expect("an intake writes it whole");
        let (length, kind) = (header.length.get() as usize, header.kind.get());
        let body = behind[..length].to_vec();
        sides.push(Side { before: block.first, kind, body });
        left = &left[SideHeader::record_bytes(length)..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_audit::layout::side;
    use engine_event::body::End;
    use engine_event::{Nanos, SubjectId};

    fn events(numbers: std::ops::RangeInclusive<u64>) -> Vec<Event> {
        let event = |seq| {
            let mut event = Event::new(SubjectId::EVERY, Nanos(seq), End::default());
            event.seq = seq;
            event
        };
        numbers.map(event).collect()
    }

    /// Blocks of 118 events, four of them.
    const GROUPING: Grouping =
        Grouping { block_bytes: 8192, commit_after: Nanos(100), waiting_bytes: 4 * 8192 };

    #[test]
    fn what_goes_in_comes_out_when_it_is_durable() {
        let (mut intake, mut memory) = memory(&GROUPING, 1);
        intake.note(side::VENUE, b"XNAS", Nanos(0));
        assert_eq!(intake.room(), 118);
        intake.put(&events(1..=100), Nanos(0));
        intake.turn(Nanos(99));
        assert_eq!(memory.accept(), 0, "others may share its commit");
        intake.turn(Nanos(100));
        assert_eq!((memory.accept(), memory.durable().next()), (1, 1));
        memory.settle(1);
        assert_eq!(memory.events(), events(1..=100));
        let venue = Side { before: 1, kind: side::VENUE, body: b"XNAS".to_vec() };
        assert_eq!((memory.sides(), memory.durable().next()), (&[venue][..], 101));
        assert!(intake.close() && memory.is_over() == intake.is_over());
        assert!(!memory.keep_up() && intake.is_over());
        assert_eq!(memory.durable().failure(), None);
    }

    #[test]
    fn a_hole_lies_between_what_was_put_before_and_behind_it() {
        let (mut intake, mut memory) = memory(&GROUPING, 1);
        // Side records that fit beside no full block, and no memory for one of their own.
        let mut next = 1;
        while intake.room() > 0 {
            let last = next + (intake.room() as u64).min(50) - 1;
            if next > 118 * 3 {
                intake.note(side::SUBJECT, &[7; 1000], Nanos(0));
            }
            intake.put(&events(next..=last), Nanos(0));
            next = last + 1;
        }
        assert_eq!(next, 118 * 4 + 1);
        intake.leave_out(next, next + 9);
        intake.leave_out(next + 10, next + 99);
        memory.keep_up();
        intake.turn(Nanos(100));
        assert!(intake.room() > 0);
        intake.put(&events(next + 100..=next + 120), Nanos(200));
        while !intake.close() {
            memory.keep_up();
        }
        memory.keep_up();
        let kept = [events(1..=next - 1), events(next + 100..=next + 120)].concat();
        let numbers = |events: &[Event]| events.iter().map(|event| event.seq).collect::<Vec<_>>();
        assert_eq!(numbers(memory.events()), numbers(&kept));
        assert!(memory.events() == kept);
        let hole = [next.to_le_bytes(), (next + 99).to_le_bytes()].concat();
        let holes: Vec<_> = memory.sides().iter().filter(|of| of.kind == side::HOLE).collect();
        assert!(matches!(&holes[..], [Side { body, .. }] if *body == hole), "{holes:?}");
        assert_eq!(memory.durable().next(), next + 121);
    }

    #[test]
    fn an_end_that_is_gone_or_given_up_has_failed() {
        let (mut intake, ended) = memory(&GROUPING, 1);
        drop(ended);
        while !intake.durable().has_failed() {
            let next = intake.next();
            let room = intake.room().min(100) as u64;
            intake.put(&events(next..=next + room - 1), Nanos(0));
        }
        assert_eq!(intake.durable().failure().as_deref(), Some("its writer is gone"));
        assert_eq!(intake.room(), usize::MAX, "it takes everything and keeps nothing");
        let (mut intake, mut memory) = memory(&GROUPING, 1);
        assert_eq!(intake.room(), 118);
        intake.put(&events(1..=118), Nanos(0));
        intake.give_up("somebody has panicked");
        assert!(!memory.keep_up() && memory.is_over());
        assert_eq!((memory.events(), memory.durable().next()), (&[][..], 1));
    }
}
