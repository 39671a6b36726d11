//! The first stage: bytes become events, and events get their place.

use crate::figures::{Flow, Told};
use crate::naming::{Herald, Naming};
use crossbeam_channel::Receiver;
use engine_event::body::End;
use engine_event::{Clock, Directory, Event, Nanos, RealClock, SubjectId, WallClock};
use engine_pipeline::{
    Feed, FeedError, FeedTurn, Meter, Sink, Stage, Stamp, Stamps, Tally, Timing, Turn,
};
use engine_ring::broadcast;

/// Polls a feed and sequences what it gives.
pub struct Source<F> {
    feed: F,
    names: Directory,
    herald: Herald,
    sequencer: Sequencer,
    state: State,
    error: Option<FeedError>,
    stalls: u64,
    holds_end: bool,
    told: Option<Told<Flow>>,
    /// For what is told.
    tally: Tally,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The feed may have more.
    Open,
    /// The feed has ended: this is to be told.
    Ending,
    /// Asked to stop, or the feed has told the end: nothing is to be told, for the stream may go on
    /// another day.
    Closing,
    Done,
}

/// Events in one turn, at most: short enough that stages on the same thread get theirs soon.
const BATCH: usize = 256;

impl<F: Feed> Source<F> {
    pub(crate) fn new(feed: F, names: Directory, herald: Herald, sequencer: Sequencer) -> Self {
        Self {
            feed,
            names,
            herald,
            sequencer,
            state: State::Open,
            error: None,
            stalls: 0,
            holds_end: false,
            told: None,
            tally: Tally::default(),
        }
    }

    /// All names met so far.
    pub fn names(&self) -> &Directory {
        &self.names
    }

    /// The last sequence number given.
    pub fn seq(&self) -> u64 {
        self.sequencer.seq
    }

    /// The feed: what it knows besides events.
    pub fn feed(&mut self) -> &mut F {
        &mut self.feed
    }

    /// What the feed has read.
    pub fn tally(&self) -> Tally {
        self.feed.tally()
    }

    /// Why the feed ended early, if it did.
    pub fn error(&self) -> Option<&FeedError> {
        self.error.as_ref()
    }

    /// Takes the reason away, to return it.
    pub fn take_error(&mut self) -> Option<FeedError> {
        self.error.take()
    }

    /// Turns in which the ring was full: the shards, or the collector, held the feed back.
    pub fn stalls(&self) -> u64 {
        self.stalls
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.sequencer.meter
    }

    pub(crate) fn meter_mut(&mut self) -> &mut Meter {
        &mut self.sequencer.meter
    }

    /// One more listener for names, who has as many as `known` already.
    pub(crate) fn tell_names(&mut self, known: &Directory) -> Receiver<Naming> {
        self.herald.listen(known, &self.names)
    }

    /// From now on it tells what it has taken in, whenever an interval begins.
    pub(crate) fn tell_to(&mut self, told: Told<Flow>) {
        self.told = Some(told);
    }

    #[cold]
    fn tell(&mut self) {
        let Some(told) = &mut self.told else { return };
        self.tally.clear();
        self.feed.tally_into(&mut self.tally);
        let Tally { messages, bytes, gaps, unknown, faults, .. } = self.tally;
        told.tell(Flow {
            messages,
            events: self.sequencer.seq,
            bytes,
            gaps,
            unknown,
            stalls: self.stalls,
            in_ring: self.sequencer.in_ring(),
            faults,
        });
    }

    pub(crate) fn hold_end(&mut self) {
        self.holds_end = true;
    }

    fn take_in(&mut self, now: Nanos) -> Turn {
        self.sequencer.begin(BATCH, now);
        if self.sequencer.room() == 0 {
            self.stalls += 1;
            return Turn::Idle;
        }
        let before = self.sequencer.seq;
        let turn = self.feed.poll(now, &mut self.names, &mut self.sequencer);
        self.herald.tell(&self.names);
        self.sequencer.publish();
        match turn {
            Ok(FeedTurn::Worked) => {}
            Ok(FeedTurn::Idle) if self.sequencer.seq == before => return Turn::Idle,
            Ok(FeedTurn::Idle) => {}
            Ok(FeedTurn::Ended) if self.holds_end => self.state = State::Done,
            Ok(FeedTurn::Ended) if self.feed.tells_its_end() => self.state = State::Closing,
            Ok(FeedTurn::Ended) => self.state = State::Ending,
            Err(error) => {
                self.error = Some(error);
                let is_told = self.feed.tells_its_end();
                self.state = if is_told { State::Closing } else { State::Ending };
            }
        }
        Turn::Worked((self.sequencer.seq - before) as usize)
    }

    /// Tells everybody that there will be no more. That something is missing was told by the feed, if it
    /// broke off.
    fn end(&mut self, now: Nanos) -> Turn {
        self.sequencer.begin(1, now);
        if self.sequencer.room() == 0 {
            return Turn::Idle;
        }
        let at = self.sequencer.last_at;
        self.sequencer.push(Event::new(SubjectId::EVERY, at, End::default()));
        self.close()
    }

    fn close(&mut self) -> Turn {
        self.sequencer.publish();
        self.sequencer.producer.close();
        self.state = State::Done;
        Turn::Done
    }
}

impl<F: Feed> Stage for Source<F> {
    fn name(&self) -> &str {
        "source"
    }

    fn poll(&mut self, now: Nanos) -> Turn {
        if self.sequencer.meter.turn() {
            self.tell();
        }
        match self.state {
            State::Open => self.take_in(now),
            State::Ending => self.end(now),
            State::Closing => self.close(),
            State::Done => Turn::Done,
        }
    }

    fn drain(&mut self) {
        if self.state == State::Open {
            self.state = State::Closing;
        }
    }

    fn abandon(&mut self) {
        self.close();
    }
}

/// When an event was received; none of those that the engine made itself, whose times are the same.
pub(crate) fn received_at(event: &Event) -> Option<Nanos> {
    Some(event.received_at).filter(|at| *at != event.event_at)
}

/// Gives events their sequence numbers on their way into the ring: the sink that feeds push into.
pub(crate) struct Sequencer {
    producer: broadcast::Producer<Event>,
    seq: u64,
    last_at: Nanos,
    left: usize,
    stamps: Stamps,
    clock: RealClock,
    timing: Timing,
    /// When decoding of the next event began, if that event is sampled.
    decode_from: Option<Nanos>,
    /// Sampled events that nobody sees yet, and when they were decoded.
    unpublished: Vec<(u64, Nanos, Stamp)>,
    meter: Meter,
}

/// What a source measures of the sampled events, by its place in the meter. Only a live feed has the
/// first of them.
mod of {
    /// From the stamp of the kernel or the network card to being decoded.
    pub(super) const RECEIVE: usize = 0;
    /// From the event's beginning to its being decoded; the first of a turn begins with the turn.
    pub(super) const DECODE: usize = 1;
    /// From being decoded to being in the ring for all to see.
    pub(super) const SEQUENCE: usize = 2;
}

impl Sequencer {
    pub(crate) fn new(
        producer: broadcast::Producer<Event>,
        seq: u64,
        stamps: Stamps,
        clock: RealClock,
        timing: Timing,
    ) -> Self {
        let names = &["receive", "decode", "sequence"][usize::from(timing != Timing::Received)..];
        Self {
            producer,
            seq,
            last_at: Nanos(0),
            left: 0,
            stamps,
            clock,
            timing,
            decode_from: None,
            unpublished: Vec::with_capacity(BATCH),
            meter: Meter::new(names.iter().copied()),
        }
    }

    /// Opens a batch of at most `most` events.
    fn begin(&mut self, most: usize, now: Nanos) {
        // Asks the consumers if less is known to be free: what is known does not grow by itself.
        self.left = if self.producer.has_room(most) { most } else { self.producer.room() };
        self.decode_from = Some(now).filter(|_| self.stamps.samples(self.seq + 1));
    }

    /// How many events somebody has still to take.
    fn in_ring(&mut self) -> u64 {
        let capacity = self.producer.capacity();
        // The question makes it look how far the consumers are.
        let room = if self.producer.has_room(capacity) { capacity } else { self.producer.room() };
        (capacity - room) as u64
    }

    /// Shows everybody what was pushed.
    fn publish(&mut self) {
        if !self.unpublished.is_empty() {
            self.stamp();
        }
        self.producer.publish();
    }

    #[cold]
    fn stamp(&mut self) {
        let sequenced = self.clock.now();
        while let Some((seq, decoded, stamp)) = self.unpublished.pop() {
            self.record(of::SEQUENCE, sequenced.since(decoded));
            self.stamps.set(seq, &Stamp { sequenced, ..stamp });
        }
    }

    fn record(&mut self, what: usize, span: Nanos) {
        let without = usize::from(self.timing != Timing::Received);
        self.meter.record(what - without, span);
    }

    /// Around a sampled event: when its predecessor was done, and when it is.
    #[cold]
    fn measure(&mut self, received_at: Option<Nanos>, due: Option<Nanos>) {
        let now = self.clock.now();
        if self.stamps.samples(self.seq) {
            let mut began = now;
            if let Some(from) = self.decode_from {
                self.record(of::DECODE, now.since(from));
                began = from;
            }
            if self.timing == Timing::Received
                && let Some(received_at) = received_at
            {
                // Told by another clock, so that only its span says something here.
                let way = WallClock.now().since(received_at);
                self.record(of::RECEIVE, way);
                began = Nanos(now.0.saturating_sub(way.0));
            }
            self.unpublished.push((self.seq, now, Stamp { began, due, ..Stamp::default() }));
        }
        self.decode_from = Some(now).filter(|_| self.stamps.samples(self.seq + 1));
    }

    #[inline]
    fn sequence(&mut self, mut event: Event, due: Option<Nanos>) {
        self.seq += 1;
        event.seq = self.seq;
        self.last_at = event.event_at;
        if self.stamps.is_near(self.seq) {
            self.measure(received_at(&event), due);
        }
        self.left -= 1;
        let pushed = self.producer.push(event);
        debug_assert!(pushed.is_ok(), "a feed has asked for room");
    }
}

impl Sink for Sequencer {
    #[inline]
    fn room(&mut self) -> usize {
        self.left
    }

    #[inline]
    fn push(&mut self, event: Event) {
        self.sequence(event, None);
    }

    #[inline]
    fn push_due(&mut self, event: Event, due: Nanos) {
        self.sequence(event, Some(due));
    }
}
