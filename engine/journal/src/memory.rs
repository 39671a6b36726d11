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
