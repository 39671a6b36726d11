//! Books that survive a restart, and a different number of shards.
//!
//! Each book is a part of its own, written without anything that depends on where its orders lay: the
//! orders, level by level, in their priority. Levels follow from them, unless they are what was told.

use crate::book::{Book, Crossing, Room};
use crate::books::Everywhere;
use crate::heal::Healing;
use crate::level::Likely;
use crate::orders::Resting;
use crate::rules::PRICES;
use crate::{Books, Form, Quote, Stale};
use engine_event::body::{Attributes, Phase};
use engine_event::{
    Fault, Nanos, OrderId, ParticipantId, Price, Quantity, Side, SourceId, SubjectId,
};
use engine_event::{FaultCounts, Reader, Snapshot, SnapshotError, Writer};

impl Books {
    /// Writes one subject's book; false if there is none.
    pub fn save_subject(&self, subject: SubjectId, to: &mut Writer) -> bool {
        let place = self.place(subject);
        if let Some(place) = place {
            to.u32(subject.0);
            to.u16(self.books[place].source.0);
            to.versioned(Self::VERSION, |to| self.save_book(place, to));
        }
        place.is_some()
    }

    /// Reads one subject's book in place of the one that is open, and tells whose it is.
    ///
    /// A bound on orders that has been lowered meanwhile does not keep saved ones out; new ones are
    /// refused until there is room. After an error the books are of no use: load all of them again.
    pub fn load_subject(&mut self, from: &mut Reader<'_>) -> Result<SubjectId, SnapshotError> {
        let at = from.position();
        let (subject, source) = (SubjectId(from.u32()?), SourceId(from.u16()?));
        let place = self.place_or_open(subject, source).ok_or(SnapshotError::Damaged { at })?;
        self.books[place].source = source;
        from.versioned(Self::VERSION, |from| self.load_book(place, from))?;
        Ok(subject)
    }

    /// Reads those of the saved books that this shard owns, beside those that are open already. Called
    /// once for each shard of the run that saved them, it takes over from any number of shards.
    ///
    /// What was told of every subject is read in any case. Counts of events that found no book belong
    /// to no subject: they go to the shard that owns [`SubjectId::EVERY`].
    pub fn load_owned(
        &mut self,
        from: &mut Reader<'_>,
        owns: impl Fn(SubjectId) -> bool,
    ) -> Result<(), SnapshotError> {
        self.everywhere.clear();
        from.list(|from| {
            let source = SourceId(from.u16()?);
            let (phase, stale) = (load_phase(from)?, load_stale(from)?);
            self.everywhere.push(Everywhere { source, phase, stale, missing: from.u64()? });
            Ok(())
        })?;
        let mut without_book = FaultCounts::default();
        without_book.load(from)?;
        if owns(SubjectId::EVERY) {
            self.faults_without_book.add(&without_book);
            self.faults.add(&without_book);
        }
        from.list(|from| {
            let at = from.position();
            let (subject, source) = (SubjectId(from.u32()?), SourceId(from.u16()?));
            if !owns(subject) {
                return from.versioned(Self::VERSION, skip);
            }
            let place = self.place_or_open(subject, source).ok_or(SnapshotError::Damaged { at })?;
            self.books[place].source = source;
            from.versioned(Self::VERSION, |from| self.load_book(place, from))
        })
    }

    pub(crate) fn save_book(&self, place: usize, to: &mut Writer) {
        let (book, record) = (&self.books[place], &self.records[place]);
        to.bool(record.definition.is_some());
        if let Some(definition) = &record.definition {
            to.plain(definition);
        }
        to.u8(book.phase as u8);
        to.bool(book.crossing.told);
        to.bool(book.crossing.is_grouped);
        to.bool(book.crossing.may_be_new);
        save_stale(record.stale, to);
        to.bool(record.healing.is_some());
        if let Some(healing) = &record.healing {
            healing.save(to);
        }
        record.faults.save(to);
        to.u8(book.form.map_or(0, |form| form as u8));
        if book.form.is_some_and(|form| form != Form::Orders) {
            save_levels(self.view(place).bids(), to);
            save_levels(self.view(place).asks(), to);
            return;
        }
        let levels = [Side::Buy, Side::Sell].map(|side| book.levels(&self.room, side));
        let queues = levels.into_iter().flatten().map(|level| level.queue);
        let queues = queues.chain([record.hidden]);
        to.list(queues.flat_map(|queue| self.room.orders.queued(queue)), save_order);
    }

    fn load_book(&mut self, place: usize, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let (book, record) = (&mut self.books[place], &mut self.records[place]);
        let room = &mut self.room;
        book.clear(record, room);
        record.definition = if from.bool()? { Some(from.plain()?) } else { None };
        book.phase = load_phase(from)?;
        book.crossing =
            Crossing { told: from.bool()?, is_grouped: from.bool()?, may_be_new: from.bool()? };
        record.stale = load_stale(from)?;
        record.healing = if from.bool()? { Some(Box::new(Healing::load(from)?)) } else { None };
        book.is_stale = record.stale.is_some();
        self.faults.take_off(&record.faults);
        record.faults.load(from)?;
        self.faults.add(&record.faults);
        let at = from.position();
        book.form = load_form(from.u8()?).ok_or(SnapshotError::Damaged { at })?;
        if book.form.is_some_and(|form| form != Form::Orders) {
            load_levels(book, room, place, Side::Buy, from)?;
            load_levels(book, room, place, Side::Sell, from)?;
            room.orders.levels += book.levels_told(room);
            return Ok(());
        }
        from.list(|from| {
            let at = from.position();
            let order = load_order(from)?;
            let stands = book.form == Some(Form::Orders)
                && order.remaining.0 > 0
                && PRICES.contains(&order.price.0)
                && room.orders.find(record.subject, order.id).is_none();
            if !stands {
                return Err(SnapshotError::Damaged { at });
            }
            if order.is_displayed() {
                let entered = book.enter(room, (place, record.subject), order, Likely::NONE);
                return entered.map_err(|_| SnapshotError::Damaged { at });
            }
            Book::enter_hidden(record, room, record.subject, order);
            Ok(())
        })
    }
}

impl Snapshot for Books {
    const VERSION: u16 = 4;

    fn save(&self, to: &mut Writer) {
        to.list(&self.everywhere, |to, of| {
            to.u16(of.source.0);
            to.u8(of.phase as u8);
            save_stale(of.stale, to);
            to.u64(of.missing);
        });
        self.faults_without_book.save(to);
        to.list(self.subjects(), |to, subject| {
            self.save_subject(subject, to);
        });
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.close_all();
        self.load_owned(from, |_| true)
    }
}

fn skip(from: &mut Reader<'_>) -> Result<(), SnapshotError> {
    from.skip_rest();
    Ok(())
}

fn save_order(to: &mut Writer, order: &Resting) {
    to.u64(order.id.0);
    to.i64(order.price.0);
    to.u64(order.remaining.0);
    to.u64(order.entered_at.0);
    to.u64(order.entered_seq);
    to.u32(order.participant.map_or(0, |participant| participant.0.get()));
    to.u16(order.attributes.0);
    to.bool(order.side == Side::Sell);
}

fn load_order(from: &mut Reader<'_>) -> Result<Resting, SnapshotError> {
    Ok(Resting {
        id: OrderId(from.u64()?),
        price: Price(from.i64()?),
        remaining: Quantity(from.u64()?),
        entered_at: Nanos(from.u64()?),
        entered_seq: from.u64()?,
        participant: ParticipantId::new(from.u32()?),
        attributes: Attributes(from.u16()?),
        side: if from.bool()? { Side::Sell } else { Side::Buy },
    })
}

/// The levels of a side as they were told, best first.
fn save_levels(levels: impl Iterator<Item = Quote>, to: &mut Writer) {
    to.list(levels, |to, level: Quote| {
        to.i64(level.price.0);
        to.u64(level.quantity.0);
        to.u32(level.orders);
    });
}

fn load_levels(
    book: &mut Book,
    room: &mut Room,
    place: usize,
    side: Side,
    from: &mut Reader<'_>,
) -> Result<(), SnapshotError> {
    from.list(|from| {
        let at = from.position();
        let (price, quantity) = (Price(from.i64()?), Quantity(from.u64()?));
        let has_room = book.form == Some(Form::Levels) || book.depth(room, side) == 0;
        let stands = PRICES.contains(&price.0)
            && quantity.0 > 0
            && has_room
            && book.level(room, side, price).is_none();
        if !stands {
            return Err(SnapshotError::Damaged { at });
        }
        book.set_level(room, side, (price, quantity, from.u32()?), place);
        Ok(())
    })
}

/// A book's form, if the number stands for one; within, none if it has none.
fn load_form(number: u8) -> Option<Option<Form>> {
    match number {
        0 => Some(None),
        1 => Some(Some(Form::Orders)),
        2 => Some(Some(Form::Levels)),
        3 => Some(Some(Form::Touch)),
        _ => None,
    }
}

fn load_phase(from: &mut Reader<'_>) -> Result<Phase, SnapshotError> {
    from.u8().map(Phase::from_number)
}

fn save_stale(stale: Option<Stale>, to: &mut Writer) {
    to.bool(stale.is_some());
    if let Some(Stale { since_seq, since_at, reason }) = stale {
        to.u64(since_seq);
        to.u64(since_at.0);
        to.u8(reason as u8);
    }
}

fn load_stale(from: &mut Reader<'_>) -> Result<Option<Stale>, SnapshotError> {
    if !from.bool()? {
        return Ok(None);
    }
    Ok(Some(Stale {
        since_seq: from.u64()?,
        since_at: Nanos(from.u64()?),
        reason: Fault::from_number(from.u8()?),
    }))
}
