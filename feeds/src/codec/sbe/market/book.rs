//! Books by levels: incremental changes, and the snapshots that make a stale book whole.

use super::super::ladder::{Action, DEPTH_MAX, Rung};
use super::super::plan::{Book, Snapshot, Template};
use super::{Kept, Market, Stop, Turn, View};
use engine_event::body::{self, Level};
use engine_event::{Event, Fault, Flags, Kind, Nanos, Price, Quantity, Side};

/// What an entry does to a book by levels.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Nothing,
    Step {
        side: Side,
        action: Action,
        place: u8,
        rung: Rung,
    },
    /// The book is empty now.
    Reset,
}

impl Market {
    pub(super) fn book_levels(
        &mut self,
        of: &Book,
        template: &Template,
        view: &View<'_>,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), Stop> {
        let entries = self.entries(view, template, of.entries, at, turn)?;
        for place in 0..entries.count {
            let Some(entry) = entries.get(place) else { return self.cut(at, turn) };
            let needed = of.security.get(entry).zip(of.number.small(entry));
            let Some((security, number)) = needed else { return self.cut(at, turn) };
            let instrument = match self.admit(security, at, turn) {
                Ok(instrument) => instrument,
                Err(Stop::Skip) => continue,
                Err(fatal) => return Err(fatal),
            };
            match self.change(of, entry) {
                Ok(change) => {
                    if self.follow(instrument, number, Some(change), at, turn)? {
                        self.apply(instrument, change, at, turn)?;
                    }
                }
                Err((field, found)) => {
                    self.follow(instrument, number, None, at, turn)?;
                    self.odd(instrument, field, found, at, turn)?;
                }
            }
        }
        Ok(())
    }

    /// What an entry says, or which of its fields holds what it may not.
    #[inline]
    fn change(&mut self, of: &Book, entry: &[u8]) -> Result<Change, (&'static str, i64)> {
        let side = match of.kind.get(entry).unwrap_or(0) as u8 {
            b'0' => Side::Buy,
            b'1' => Side::Sell,
            b'E' | b'F' => {
                self.implied += 1;
                return Ok(Change::Nothing);
            }
            b'J' => return Ok(Change::Reset),
            other => return Err(("entry type", i64::from(other))),
        };
        let number = of.action.get(entry).unwrap_or(-1);
        let action = Action::of(number).ok_or(("update action", number))?;
        let level = of.level.get(entry).unwrap_or(0);
        if !(1..=DEPTH_MAX as i64).contains(&level) {
            return Err(("price level", level));
        }
        let rung = if matches!(action, Action::New | Action::Change | Action::Overlay) {
            let size = of.size.get(entry).unwrap_or(0);
            let price = of.price.price(entry).ok_or(("price of level", level))?;
            if size <= 0 {
                return Err(("size", size));
            }
            let orders = of.order_count.and_then(|cell| cell.small(entry)).unwrap_or(0);
            Rung { price, quantity: size as u64, orders }
        } else {
            Rung { price: 0, quantity: 0, orders: 0 }
        };
        Ok(Change::Step { side, action, place: level as u8 - 1, rung })
    }

    /// Takes the running number of an entry. Whether what the entry says is to be applied: it is news.
    #[inline]
    pub(super) fn follow(
        &mut self,
        instrument: usize,
        number: u32,
        change: Option<Change>,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<bool, Stop> {
        let of = &mut self.instruments[instrument];
        of.channel = Some(turn.channel);
        if self.by_order {
            return Ok(true);
        }
        match of.number {
            Some(last) if last.checked_add(1) == Some(number) => {}
            Some(last) if number <= last => return Ok(false),
            None if of.is_certain => {}
            None if number == 1 => self.begin(instrument, at),
            last => self.jump(instrument, last, number, at, turn)?,
        }
        let of = &mut self.instruments[instrument];
        of.number = Some(number);
        if !of.is_certain {
            let change = change.unwrap_or(Change::Nothing);
            self.keep(instrument, Kept::Level { number, change });
        } else if of.losses != self.losses {
            // Something was lost, but nothing of this security.
            self.restate(instrument, at);
        }
        Ok(true)
    }

    /// The first number of all: the book is empty, and nothing is missing.
    #[cold]
    fn begin(&mut self, instrument: usize, at: Nanos) {
        let of = &mut self.instruments[instrument];
        of.ladders.iter_mut().for_each(|ladder| ladder.clear(true));
        of.is_certain = true;
        // Whoever was told that something is missing is told that this book is whole.
        if std::mem::replace(&mut of.losses, self.losses) != self.losses {
            let clear = Event::new(of.subject, at, body::End::default());
            self.push(instrument, clear.with_kind(Kind::Clear));
        }
    }

    /// Something of this security was missed.
    #[cold]
    fn jump(
        &mut self,
        instrument: usize,
        last: Option<u32>,
        number: u32,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), Stop> {
        self.distrust(instrument, at);
        let first = last.map_or(1, |last| last + 1);
        // Number 0 is none that the venue gives: how many are missing is not known.
        let count = number.saturating_sub(first);
        let subject = self.instruments[instrument].subject;
        let gap = body::Gap::new(u64::from(first), u64::from(count), Fault::Missing);
        self.push(instrument, Event::new(subject, at, gap));
        turn.tally.gaps += 1;
        let name = turn.names.name(subject);
        let what = format_args!("{count} messages of {name} from number {first} on are missing");
        self.trouble(Fault::Missing, turn.place, what).count(self.strict, turn.tally)?;
        Ok(())
    }

    #[inline]
    fn apply(
        &mut self,
        instrument: usize,
        change: Change,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), Stop> {
        match change {
            Change::Nothing => Ok(()),
            Change::Reset => {
                self.forget_kept(instrument);
                let of = &mut self.instruments[instrument];
                of.ladders.iter_mut().for_each(|ladder| ladder.clear(true));
                (of.is_certain, of.losses, of.restated) = (true, self.losses, None);
                let clear = Event::new(of.subject, at, body::End::default());
                self.push(instrument, clear.with_kind(Kind::Clear));
                Ok(())
            }
            Change::Step { side, action, place, rung } => {
                let of = &mut self.instruments[instrument];
                let place = usize::from(place);
                of.depth = of.depth.max(place + 1);
                let (subject, flags) = (of.subject, Flags::of(side));
                let mut restated = None;
                let outbox = &mut self.outbox;
                let tell = |rung: Rung| {
                    let level = level_of(rung);
                    outbox.push(Event::new(subject, at, level).with_flags(flags));
                    restated = Some((side, level));
                };
                let applied = of.ladders[side as usize].apply(action, place, rung, of.depth, tell);
                if restated.is_some() {
                    of.restated = restated;
                    of.last = (self.packet, self.outbox.len() - 1);
                    if !of.is_open {
                        of.is_open = true;
                        self.open.push(instrument as u32);
                    }
                }
                match applied {
                    Ok(()) => Ok(()),
                    Err(_) => self.odd(instrument, "price level", place as i64 + 1, at, turn),
                }
            }
        }
    }

    /// Tells a whole book anew.
    #[cold]
    fn restate(&mut self, instrument: usize, at: Nanos) {
        let of = &mut self.instruments[instrument];
        of.losses = self.losses;
        let clear = Event::new(of.subject, at, body::End::default()).with_kind(Kind::Clear);
        self.push(instrument, clear.with_flags(Flags::SNAPSHOT));
        let of = &mut self.instruments[instrument];
        for side in [Side::Buy, Side::Sell] {
            for rung in of.ladders[side as usize].rungs() {
                let level = level_of(rung);
                of.restated = Some((side, level));
                let event = Event::new(of.subject, at, level);
                self.outbox.push(event.with_flags(Flags::of(side) | Flags::SNAPSHOT));
            }
        }
        of.last = (self.packet, self.outbox.len() - 1);
    }

    /// A snapshot of one security's book by levels, as it was after the running number that it tells.
    pub(super) fn snapshot(
        &mut self,
        of: &Snapshot,
        template: &Template,
        view: &View<'_>,
        sent_at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), Stop> {
        let root = view.root;
        let security = of.security.get(root).zip(of.number.small(root));
        let told = security.zip(of.last_processed.get(root));
        let Some(((security, number), processed)) = told else { return self.cut(sent_at, turn) };
        let at = self.now(sent_at);
        let entries = self.entries(view, template, of.entries, at, turn)?;
        let instrument = self.admit(security, at, turn)?;
        if let Some(status) = of.status.and_then(|cell| cell.get(root)) {
            self.change_phase(instrument, status, None, at);
        }
        let losses = self.losses;
        let known = &self.instruments[instrument];
        let is_sure = known.is_certain && known.losses == losses;
        if is_sure || (processed as u64) < known.from {
            return Ok(());
        }
        let first_kept = match known.kept.front() {
            Some(Kept::Level { number, .. }) => Some(*number),
            _ => None,
        };
        match known.number {
            Some(last) if known.is_certain && number < last => return Ok(()),
            Some(last) if number == last && known.is_certain => {
                self.restate(instrument, at);
                return Ok(());
            }
            // What came since must be there without a hole.
            Some(last) if number < last && first_kept.is_none_or(|first| first > number + 1) => {
                return Ok(());
            }
            _ => {}
        }
        let known = &mut self.instruments[instrument];
        known.ladders.iter_mut().for_each(|ladder| ladder.clear(true));
        for place in 0..entries.count {
            let Some(entry) = entries.get(place) else { return self.cut(at, turn) };
            let side = match of.kind.get(entry).unwrap_or(0) as u8 {
                b'0' => Side::Buy,
                b'1' => Side::Sell,
                b'E' | b'F' => {
                    self.implied += 1;
                    continue;
                }
                _ => continue,
            };
            let level = of.level.get(entry).unwrap_or(0);
            let size = of.size.get(entry).unwrap_or(0);
            let price = of.price.price(entry);
            let (1..=20, Some(price), 1..) = (level, price, size) else {
                return self.odd(instrument, "level of a snapshot", level, at, turn);
            };
            let orders = of.order_count.and_then(|cell| cell.small(entry)).unwrap_or(0);
            let rung = Rung { price, quantity: size as u64, orders };
            self.instruments[instrument].ladders[side as usize].put(level as usize - 1, rung);
        }
        self.catch_up(instrument, number, at, turn)
    }

    /// Applies what came after the snapshot that the ladders hold, and tells the book.
    fn catch_up(
        &mut self,
        instrument: usize,
        number: u32,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), Stop> {
        let of = &mut self.instruments[instrument];
        let mut fits = of.ladders.iter().all(super::Ladder::is_full);
        let deepest = of.ladders.iter().map(|ladder| ladder.rungs().count()).max();
        of.depth = of.depth.max(deepest.unwrap_or(0));
        for kept in &of.kept {
            match *kept {
                Kept::Level { number: of, .. } if of <= number => {}
                Kept::Level { change: Change::Step { side, action, place, rung }, .. } => {
                    let (place, depth) = (usize::from(place), of.depth);
                    let ladder = &mut of.ladders[side as usize];
                    fits &= ladder.apply(action, place, rung, depth, |_| {}).is_ok();
                }
                Kept::Level { .. } | Kept::Order { .. } => {}
            }
        }
        if !fits {
            return self.odd(instrument, "levels after snapshot", i64::from(number), at, turn);
        }
        of.is_certain = true;
        of.number = of.number.max(Some(number));
        self.forget_kept(instrument);
        self.restate(instrument, at);
        let last = self.outbox.last_mut().expect("it was told just now");
        last.flags = last.flags | Flags::LAST;
        Ok(())
    }
}

fn level_of(rung: Rung) -> Level {
    Level::new(Price(rung.price), Quantity(rung.quantity), rung.orders)
}
