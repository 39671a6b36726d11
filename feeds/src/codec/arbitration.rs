//! One stream out of several lines: each message once, in order, whichever line brought it.
//!
//! A venue sends every datagram twice, on lines A and B, because either may lose it. [`Arbitration`]
//! takes what both bring, with the time at which it came, and gives out what is next:
//!
//! * A message that is next goes on at once, where it lies. One that came before is a duplicate.
//! * A message that is ahead is kept until those before it have come: from the other line, or because
//!   they were asked for again ([`Arbitration::request`]) after [`Settings::request_after`].
//! * What has not come [`Settings::declare_after`] its absence was seen, or when no more can be kept, is
//!   declared lost: a [`Delivery::Gap`]. Should it come yet, it is counted as late and not told.
//!
//! A sequence number too far ahead to be kept, or another session, may be damage: it is believed when a
//! second datagram says nearly the same, or when it was the last that came. What was kept of the old
//! session is told before the new one begins; datagrams of a session that has ended are not heard.
//!
//! No clock and no socket: the time is given, and what is to be sent is a value.

mod held;
mod values;

use super::framing::{Blocks, ByteOrder, Datagram, SessionId};
use engine_event::Nanos;
use held::{Found, Held};

pub use values::{Counters, Delivery, Line, LineCounters, Request, Settings};

/// The lines of one stream.
#[derive(Debug)]
pub struct Arbitration {
    settings: Settings,
    session: Option<SessionId>,
    /// Sessions that have ended, the latest last.
    former: [Option<SessionId>; FORMER],
    /// What came before its turn; it also knows whose turn is next.
    held: Held,
    /// One more than the highest number that was heard of, and when that was.
    end: u64,
    end_at: Nanos,
    /// Whether no more messages are to come, and whether that was told.
    ends: bool,
    ended: bool,
    hole: Option<Hole>,
    round: Round,
    /// The latest gaps, as ranges: what comes of them is late.
    declared: [(u64, u64); DECLARED],
    declared_at: usize,
    now: Nanos,
    current: Current,
    doubt: Option<Box<Doubt>>,
    flush: Option<Then>,
    counters: Counters,
}

/// How many ended sessions are known as such.
const FORMER: usize = 8;
/// How many gaps are remembered.
const DECLARED: usize = 64;

/// Messages that are missing from the next one on.
#[derive(Clone, Copy, Debug)]
struct Hole {
    /// The first one that is not missing, or not heard of.
    end: u64,
    since: Nanos,
}

/// The asking for all that is missing, once.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    begun_at: Option<Nanos>,
    /// Up to which number was asked.
    asked: u64,
}

/// The datagram at hand: which of its messages were not looked at yet.
#[derive(Clone, Copy, Debug, Default)]
struct Current {
    line: usize,
    first: u64,
    /// How many messages it has, 0 if it is not to be used.
    count: u16,
    /// How many were dealt with, and where the next one begins.
    done: u16,
    at: usize,
    /// What was heard of before it.
    end_before: u64,
}

/// A datagram that is not believed yet: a copy of it.
#[derive(Clone, Debug)]
struct Doubt {
    session: SessionId,
    first: u64,
    next: u64,
    ends: bool,
    line: usize,
    at: Nanos,
    bytes: Vec<u8>,
    order: ByteOrder,
    count: u16,
    /// Whether something came since that is at odds with it.
    shaken: bool,
}

/// What comes after everything that is kept was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Then {
    /// The first session is told, before anything else.
    Tell,
    /// The session, or the place, that the doubted datagram told; if it is the last one, the end.
    Believe {
        /// Whether nothing comes after it.
        last: bool,
    },
    /// Nothing: the input is at its end.
    Finish,
}

/// What is next, by place: found before anything is borrowed.
enum Due {
    Session(SessionId),
    Packet { at: usize, sequence: u64 },
    Held(Found),
    Gap { first: u64, count: u64 },
    Ended,
    Nothing,
}

impl Arbitration {
    /// The lines of a stream of which nothing has come yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            session: None,
            former: [None; FORMER],
            held: Held::new(settings.messages_max, settings.bytes_max, settings.first),
            end: settings.first,
            end_at: Nanos(0),
            ends: false,
            ended: false,
            hole: None,
            round: Round::default(),
            declared: [(0, 0); DECLARED],
            declared_at: 0,
            now: Nanos(0),
            current: Current::default(),
            doubt: None,
            flush: None,
            counters: Counters::default(),
            settings,
        }
    }

    /// What came so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The session that is told.
    pub fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// The number of the message that is told next.
    pub fn next(&self) -> u64 {
        self.held.next()
    }

    /// The latest time that was given.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// Takes a datagram that came at `at`. [`deliver`](Self::deliver) is to be called with the same
    /// datagram until it gives nothing more, before the next one is taken.
    pub fn receive(&mut self, line: Line, datagram: &Datagram<'_>, at: Nanos) {
        self.pass_to(at);
        self.current = Current { line: line.index(), ..Current::default() };
        let counted = &mut self.counters.lines[line.index()];
        counted.datagrams += 1;
        counted.messages += u64::from(datagram.messages.len());
        if datagram.first.checked_add(u64::from(datagram.count)).is_none() {
            self.counters.malformed += 1;
            return;
        }
        match self.session {
            None => {
                self.open(datagram.session);
                self.flush = Some(Then::Tell);
            }
            Some(session) if session == datagram.session => {}
            Some(_) if self.former.contains(&Some(datagram.session)) => {
                self.counters.stale += 1;
                return;
            }
            Some(_) => return self.doubt(datagram),
        }
        let reach = self.held.next().saturating_add(self.held.capacity());
        match datagram.first > reach {
            true => self.doubt(datagram),
            false => self.place(datagram),
        }
    }

    /// Time passes without a datagram; then [`deliver`](Self::deliver) with [`Datagram::NONE`].
    pub fn tick(&mut self, now: Nanos) {
        self.pass_to(now);
        self.current = Current::default();
    }

    /// Nothing more will come: all that is missing is lost. Then [`deliver`](Self::deliver) with
    /// [`Datagram::NONE`].
    pub fn finish(&mut self) {
        self.current = Current::default();
        let believed = self.doubt.as_ref().is_some_and(|doubt| !doubt.shaken);
        self.flush = Some(if believed { Then::Believe { last: true } } else { Then::Finish });
    }

    /// What is next, now that this datagram has come; nothing if it has not come yet.
    #[inline]
    pub fn deliver<'a>(&'a mut self, datagram: &Datagram<'a>) -> Option<Delivery<'a>> {
        match self.due(&datagram.messages) {
            Due::Packet { at, sequence } => {
                let (bytes, _) = datagram.messages.at(at)?;
                Some(Delivery::Message { sequence, received_at: self.now, bytes })
            }
            Due::Held(found) => Some(Delivery::Message {
                sequence: found.sequence,
                received_at: found.at,
                bytes: self.held.bytes(found),
            }),
            Due::Gap { first, count } => Some(Delivery::Gap { first, count }),
            Due::Session(session) => Some(Delivery::Session(session)),
            Due::Ended => Some(Delivery::Ended),
            Due::Nothing => None,
        }
    }

    /// The next messages to be asked for again at `now`, if there are any for which that is due.
    pub fn request(&mut self, now: Nanos) -> Option<Request> {
        let hole = self.hole?;
        let wait = self.settings.request_after;
        let due = now.since(hole.since) >= wait;
        if due && self.round.begun_at.is_none_or(|at| now.since(at) >= wait) {
            self.round = Round { begun_at: Some(now), asked: self.held.next() };
        }
        self.round.begun_at?;
        let first = self.held.first_absent(self.round.asked.max(self.held.next()), self.end);
        let end = self.held.first_present(first, self.end);
        let seen_at = self.held.at(end).unwrap_or(self.end_at);
        if first >= self.end || now.since(seen_at) < wait {
            return None;
        }
        self.ask(first, end)
    }

    /// What to ask for next when an answer has ended before `sequence`: the rest of what was asked for,
    /// at once. A server answers with one packet, however much was asked for.
    pub fn request_from(&mut self, sequence: u64) -> Option<Request> {
        self.round.begun_at?;
        let first = sequence.max(self.held.next());
        let asked = self.round.asked.min(self.end);
        if first >= asked || self.held.has(first) {
            return None;
        }
        let (so_far, end) = (self.round.asked, self.held.first_present(first, asked));
        let request = self.ask(first, end);
        self.round.asked = so_far;
        request
    }

    fn ask(&mut self, first: u64, end: u64) -> Option<Request> {
        let count = (end - first).min(u64::from(u16::MAX - 1)) as u16;
        self.round.asked = first + u64::from(count);
        self.counters.requests += 1;
        self.counters.requested += u64::from(count);
        Some(Request { session: self.session?, first, count })
    }

    /// When something is due although nothing comes: a request or a gap.
    pub fn wake_at(&self) -> Option<Nanos> {
        let hole = self.hole?;
        let asked = self.round.begun_at.unwrap_or(hole.since).max(hole.since);
        Some((asked + self.settings.request_after).min(self.declares_at()?))
    }

    /// When what is missing now will be declared lost.
    #[inline]
    pub fn declares_at(&self) -> Option<Nanos> {
        Some(self.hole?.since + self.settings.declare_after)
    }

    fn pass_to(&mut self, now: Nanos) {
        self.now = now;
        // A clock that was set back must not make anybody wait for it to catch up.
        self.end_at = self.end_at.min(now);
        if let Some(hole) = &mut self.hole {
            hole.since = hole.since.min(now);
        }
        self.round.begun_at = self.round.begun_at.map(|at| at.min(now));
    }

    /// Begins a session, as if nothing had come before.
    fn open(&mut self, session: SessionId) {
        if let Some(old) = self.session {
            self.former.rotate_left(1);
            self.former[FORMER - 1] = Some(old);
        }
        self.session = Some(session);
        self.held.clear(self.settings.first);
        self.end = self.settings.first;
        (self.end_at, self.ends, self.ended) = (self.now, false, false);
        (self.hole, self.round) = (None, Round::default());
        self.declared.fill((0, 0));
    }

    /// Makes a datagram of the session the one at hand.
    fn place(&mut self, datagram: &Datagram<'_>) {
        if let Some(doubt) = &mut self.doubt {
            doubt.shaken = true;
        }
        let next = datagram.next();
        let count = datagram.messages.len();
        let end_before = self.end;
        self.current = Current { first: datagram.first, count, end_before, ..self.current };
        if datagram.first < self.held.next() {
            self.count_old(datagram.first, self.held.next().min(datagram.first + u64::from(count)));
        }
        if next > self.end {
            (self.end, self.end_at) = (next, self.now);
        }
        self.ends |= datagram.ends;
    }

    /// Counts messages that came too late to be told, from `first` up to `end`.
    fn count_old(&mut self, first: u64, end: u64) {
        let overlap = |gap: &(u64, u64)| gap.1.min(end).saturating_sub(gap.0.max(first));
        let late: u64 = self.declared.iter().map(overlap).sum();
        self.counters.late += late;
        self.counters.duplicates += end.saturating_sub(first).saturating_sub(late);
    }

    /// Keeps a datagram that may be damaged until another one confirms it.
    #[cold]
    fn doubt(&mut self, datagram: &Datagram<'_>) {
        let near = self.held.capacity() / 2;
        let confirmed = self.doubt.as_ref().is_some_and(|doubt| {
            doubt.session == datagram.session
                && doubt.first.abs_diff(datagram.first) <= near
                && doubt.next.abs_diff(datagram.next()) <= near
        });
        if confirmed {
            self.flush = Some(Then::Believe { last: false });
            // It is placed when what it confirms was.
            let (first, count) = (datagram.first, datagram.messages.len());
            self.current = Current { first, count, ..self.current };
            if let Some(doubt) = &mut self.doubt {
                doubt.ends |= datagram.ends;
                doubt.next = doubt.next.max(datagram.next());
            }
            return;
        }
        self.counters.doubted += 1;
        self.doubt = Some(Box::new(Doubt {
            session: datagram.session,
            first: datagram.first,
            next: datagram.next(),
            ends: datagram.ends,
            line: self.current.line,
            at: self.now,
            bytes: datagram.messages.bytes().to_vec(),
            order: datagram.messages.order(),
            count: datagram.messages.len(),
            shaken: false,
        }));
    }

    /// Goes where the doubted datagram was. What is kept was told before.
    #[cold]
    fn believe(&mut self, last: bool) -> Due {
        let Some(mut doubt) = self.doubt.take() else { return Due::Nothing };
        let here = match self.current.count {
            0 => doubt.first,
            _ => doubt.first.min(self.current.first),
        };
        let due = if self.session != Some(doubt.session) {
            self.open(doubt.session);
            Due::Session(doubt.session)
        } else if here > self.held.next().saturating_add(self.held.capacity() / 2) {
            self.declare(here)
        } else {
            self.take_up(&mut doubt);
            return Due::Nothing;
        };
        // It is not done with.
        self.doubt = Some(doubt);
        self.flush = Some(Then::Believe { last });
        due
    }

    /// Keeps the messages of a datagram that was doubted.
    fn take_up(&mut self, doubt: &mut Doubt) {
        self.current.end_before = self.end;
        let messages = Blocks::cut(&doubt.bytes, doubt.order, doubt.count);
        for (place, message) in messages.iter().enumerate() {
            let sequence = doubt.first + place as u64;
            // What finds no room is missing, and told as such.
            if sequence >= self.held.next() && !self.held.has(sequence) {
                self.held.put(sequence, message, doubt.at, doubt.line);
            }
        }
        (self.end, self.end_at) = (self.end.max(doubt.next), doubt.at.min(self.now));
        self.ends |= doubt.ends;
    }

    /// Finds what is next and takes it off.
    #[inline]
    fn due(&mut self, messages: &Blocks<'_>) -> Due {
        if self.flush.is_some() {
            return self.flush_step(messages);
        }
        if self.ahead() == Some(0) || self.skip_to_next(messages) {
            let Current { at, line, .. } = self.current;
            let Some((_, after)) = messages.at(at) else { return Due::Nothing };
            self.current.at = after;
            self.current.done += 1;
            self.count_first(line);
            return Due::Packet { at, sequence: self.advance() };
        }
        if let Some(found) = self.take_held() {
            return Due::Held(found);
        }
        self.wait(messages)
    }

    /// The next message, if it is kept.
    #[inline]
    fn take_held(&mut self) -> Option<Found> {
        let found = self.held.take(self.held.next())?;
        self.counters.lines[found.line].first += 1;
        self.advance();
        Some(found)
    }

    /// What there is to do while the next message is missing.
    fn wait(&mut self, messages: &Blocks<'_>) -> Due {
        let full = !self.hold(messages);
        let next = self.held.next();
        if next == self.end {
            return self.end_of_session();
        }
        let hole = self.find_hole();
        if full {
            self.counters.overruns += 1;
            return self.declare(self.ahead().map_or(hole.end, |ahead| hole.end.min(next + ahead)));
        }
        match self.now.since(hole.since) < self.settings.declare_after {
            true => Due::Nothing,
            false => self.declare(hole.end),
        }
    }

    fn end_of_session(&mut self) -> Due {
        if !self.ends || self.ended {
            return Due::Nothing;
        }
        self.ended = true;
        Due::Ended
    }

    /// How far ahead of the next message the first one of the datagram is that was not dealt with.
    #[inline(always)]
    fn ahead(&self) -> Option<u64> {
        let Current { first, count, done, .. } = self.current;
        if done >= count {
            return None;
        }
        (first + u64::from(done)).checked_sub(self.held.next())
    }

    /// Passes over messages of the datagram that were told before; whether the next one follows.
    fn skip_to_next(&mut self, messages: &Blocks<'_>) -> bool {
        while self.current.done < self.current.count
            && self.current.first + u64::from(self.current.done) < self.held.next()
        {
            let Some((_, after)) = messages.at(self.current.at) else {
                self.current.count = self.current.done;
                return false;
            };
            self.current.at = after;
            self.current.done += 1;
        }
        self.ahead() == Some(0)
    }

    /// The next message was told.
    #[inline(always)]
    fn advance(&mut self) -> u64 {
        let sequence = self.held.next();
        let next = sequence + 1;
        self.held.go_to(next);
        self.end = self.end.max(next);
        self.counters.delivered += 1;
        if self.hole.is_some_and(|hole| hole.end <= next) {
            self.hole = None;
        }
        sequence
    }

    /// Counts the message that is told out of the datagram; one that was kept was counted.
    #[inline(always)]
    fn count_first(&mut self, line: usize) {
        if let Some(kept) = self.held.take(self.held.next()) {
            self.counters.lines[kept.line].first += 1;
            self.counters.duplicates += 1;
            return;
        }
        self.counters.lines[line].first += 1;
        self.counters.recovered += u64::from(self.held.next() < self.current.end_before);
    }

    /// Keeps the datagram's messages that are ahead; false if there is no room for one.
    fn hold(&mut self, messages: &Blocks<'_>) -> bool {
        while self.current.done < self.current.count {
            let Some((bytes, after)) = messages.at(self.current.at) else {
                self.current.count = self.current.done;
                return true;
            };
            let sequence = self.current.first + u64::from(self.current.done);
            if self.held.has(sequence) {
                self.counters.duplicates += 1;
            } else {
                let Current { line, end_before, .. } = self.current;
                if !self.held.put(sequence, bytes, self.now, line) {
                    return false;
                }
                self.counters.recovered += u64::from(sequence < end_before);
                self.counters.held_max = self.counters.held_max.max(self.held.count());
                if let Some(hole) = &mut self.hole {
                    hole.end = hole.end.min(sequence);
                }
            }
            self.current.at = after;
            self.current.done += 1;
        }
        true
    }

    /// The messages that are missing now.
    fn find_hole(&mut self) -> Hole {
        *self.hole.get_or_insert_with(|| {
            let end = self.held.first_present(self.held.next(), self.end);
            let since = self.held.at(end).unwrap_or(self.end_at);
            Hole { end, since: since.min(self.now) }
        })
    }

    /// Gives up on the messages before `end`.
    fn declare(&mut self, end: u64) -> Due {
        let (first, count) = (self.held.next(), end - self.held.next());
        self.declared[self.declared_at] = (first, end);
        self.declared_at = (self.declared_at + 1) % DECLARED;
        self.counters.gaps += 1;
        self.counters.declared = self.counters.declared.saturating_add(count);
        self.held.go_to(end);
        self.end = self.end.max(end);
        self.hole = None;
        Due::Gap { first, count }
    }

    /// Tells what is kept, with gaps for what is missing, and then goes on as was decided.
    #[cold]
    fn flush_step(&mut self, messages: &Blocks<'_>) -> Due {
        if let (Some(Then::Tell), Some(session)) = (self.flush, self.session) {
            self.flush = None;
            return Due::Session(session);
        }
        if let Some(found) = self.take_held() {
            return Due::Held(found);
        }
        if self.held.next() < self.end {
            return self.declare(self.held.first_present(self.held.next(), self.end));
        }
        if let told @ Due::Ended = self.end_of_session() {
            return told;
        }
        let Some(Then::Believe { last }) = self.flush.take() else { return Due::Nothing };
        match self.believe(last) {
            Due::Nothing => {
                self.flush = last.then_some(Then::Finish);
                self.due(messages)
            }
            due => due,
        }
    }
}

#[cfg(test)]
mod tests;
