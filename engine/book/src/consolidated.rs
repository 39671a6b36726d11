//! The best bid and offer of an instrument over all venues where it trades.
//!
//! At each venue an instrument is a subject with a book of its own. Here the touches of these books
//! meet: the best price of each side, all that is displayed at it, and which venues stand there. A venue
//! whose book is stale, or which is not trading, is *away*: its quotes count for nothing until it is
//! back. Across venues the sides may well be locked or crossed; that is told, and it is no fault.
//!
//! Venues count prices and quantities in units of their own. They are compared in the finest of them, as
//! whole numbers of 128 bits, in which even the largest quantities of [`VENUES_MAX`] venues have a sum.

use crate::{BookView, Books, Quote};
use engine_event::body::Phase;
use engine_event::{Definition, Side, SubjectId};
use rustc_hash::FxHashMap;
use thiserror::Error;

/// How many venues an instrument can have: the most of which the sum of the largest quantities, in units
/// of 10^-18, fits 128 bits.
pub const VENUES_MAX: usize = 18;
/// Decimal places that prices and quantities may have.
const SCALE_MAX: u8 = 18;

const _: () = assert!(u128::MAX / (u64::MAX as u128 * 10u128.pow(SCALE_MAX as u32)) == 18);

/// The instruments that are followed, by the number that the caller gives each.
#[derive(Clone, Debug)]
pub struct Consolidated {
    instruments: Vec<Instrument>,
    numbers: FxHashMap<SubjectId, usize>,
    /// By subject: instrument, and place among its venues.
    seats: FxHashMap<SubjectId, (usize, usize)>,
    instruments_max: usize,
}

/// The best of one side over all venues that are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Across {
    /// In the instrument's units: see [`Consolidated::scales`].
    pub price: i128,
    /// All that is displayed at this price, in the instrument's units.
    pub quantity: u128,
    /// Who stands there.
    pub venues: Venues,
}

/// A set of an instrument's venues, by their places.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Venues(u32);

/// The best of both sides.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Best {
    /// The highest bid of all venues.
    pub bid: Option<Across>,
    /// The lowest offer.
    pub ask: Option<Across>,
}

/// How the sides stand to each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// At least one side is empty.
    OneSided,
    /// The bid is below the offer.
    Apart,
    /// The bid is the offer.
    Locked,
    /// The bid is above the offer.
    Crossed,
}

/// Why a venue's quotes do not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Away {
    /// Its book may differ from what it displays.
    Stale,
    /// It is not trading continuously: the phase that it is in.
    InPhase(Phase),
}

/// Why a venue cannot join an instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum NotJoined {
    /// It has joined already, here or elsewhere.
    #[error("the subject is consolidated already")]
    Already,
    /// The instrument has as many venues as it may have.
    #[error("an instrument has {VENUES_MAX} venues at most")]
    Full,
    /// There are as many instruments as there may be.
    #[error("{max} instruments are consolidated already")]
    TooMany {
        /// How many there may be.
        max: usize,
    },
    /// Prices or quantities have more than 18 decimal places.
    #[error("prices and quantities have {SCALE_MAX} decimal places at most")]
    TooFine,
}

#[derive(Clone, Default, Debug)]
struct Instrument {
    venues: Vec<Venue>,
    price_scale: u8,
    quantity_scale: u8,
    best: [Option<Across>; 2],
}

#[derive(Clone, Copy, Debug)]
struct Venue {
    subject: SubjectId,
    price_scale: u8,
    quantity_scale: u8,
    /// What it displays, in its own units; bid first.
    shown: [Option<Quote>; 2],
    away: Option<Away>,
}

impl Venues {
    fn one(place: usize) -> Self {
        Self(1 << place)
    }

    /// Whether the venue at this place is among them.
    pub fn has(self, place: usize) -> bool {
        self.0 & 1 << place != 0
    }

    /// Their places, in the order in which they joined.
    pub fn places(self) -> impl Iterator<Item = usize> {
        (0..VENUES_MAX).filter(move |place| self.has(*place))
    }

    /// How many they are.
    pub fn count(self) -> u32 {
        self.0.count_ones()
    }
}

impl Best {
    /// Whether the sides are apart.
    pub fn standing(&self) -> Standing {
        match (self.bid, self.ask) {
            (Some(bid), Some(ask)) if bid.price > ask.price => Standing::Crossed,
            (Some(bid), Some(ask)) if bid.price == ask.price => Standing::Locked,
            (Some(_), Some(_)) => Standing::Apart,
            _ => Standing::OneSided,
        }
    }
}

impl Standing {
    /// Its word in rows and summaries.
    pub fn word(self) -> &'static str {
        match self {
            Standing::OneSided => "one-sided",
            Standing::Apart => "apart",
            Standing::Locked => "locked",
            Standing::Crossed => "crossed",
        }
    }
}

impl Away {
    /// Whether, and why, a book's quotes do not count.
    fn of(book: &BookView<'_>) -> Option<Self> {
        match book.phase() {
            _ if book.stale().is_some() => Some(Away::Stale),
            Phase::Unknown | Phase::Continuous => None,
            phase => Some(Away::InPhase(phase)),
        }
    }
}

impl Consolidated {
    /// Nothing is followed yet; at most so many instruments will be.
    pub fn new(instruments_max: usize) -> Self {
        Self {
            instruments: Vec::new(),
            numbers: FxHashMap::default(),
            seats: FxHashMap::default(),
            instruments_max,
        }
    }

    /// A subject is this instrument at one more venue. Instruments go by the subject that the caller
    /// names them after, usually their first one.
    pub fn join(
        &mut self,
        instrument: SubjectId,
        subject: SubjectId,
        definition: &Definition,
    ) -> Result<(), NotJoined> {
        let Definition { price_scale, quantity_scale, .. } = *definition;
        if self.seats.contains_key(&subject) {
            return Err(NotJoined::Already);
        }
        if price_scale > SCALE_MAX || quantity_scale > SCALE_MAX {
            return Err(NotJoined::TooFine);
        }
        let number = match self.numbers.get(&instrument) {
            Some(number) => *number,
            None if self.instruments.len() == self.instruments_max => {
                return Err(NotJoined::TooMany { max: self.instruments_max });
            }
            None => {
                self.numbers.insert(instrument, self.instruments.len());
                self.instruments.push(Instrument::default());
                self.instruments.len() - 1
            }
        };
        let joined = &mut self.instruments[number];
        if joined.venues.len() == VENUES_MAX {
            return Err(NotJoined::Full);
        }
        self.seats.insert(subject, (number, joined.venues.len()));
        joined.venues.push(Venue {
            subject,
            price_scale,
            quantity_scale,
            shown: [None; 2],
            away: None,
        });
        joined.price_scale = joined.price_scale.max(price_scale);
        joined.quantity_scale = joined.quantity_scale.max(quantity_scale);
        joined.look_again(Side::Buy);
        joined.look_again(Side::Sell);
        Ok(())
    }

    /// Takes a book as it stands after an event about its subject. Whether the best of its instrument
    /// changed, or the venue went away or came back.
    #[inline]
    pub fn follow(&mut self, book: &BookView<'_>) -> bool {
        let Some((number, place)) = self.seats.get(&book.subject()) else { return false };
        let touch = book.touch();
        self.instruments[*number].set(*place, [touch.bid, touch.ask], Away::of(book))
    }

    /// Takes all books, after an event about every subject.
    pub fn follow_all(&mut self, books: &Books) {
        for instrument in &mut self.instruments {
            for place in 0..instrument.venues.len() {
                if let Some(book) = books.book(instrument.venues[place].subject) {
                    let touch = book.touch();
                    instrument.set(place, [touch.bid, touch.ask], Away::of(&book));
                }
            }
        }
    }

    /// The best bid and offer of an instrument.
    pub fn best(&self, instrument: SubjectId) -> Option<Best> {
        let [bid, ask] = self.instrument(instrument)?.best;
        Some(Best { bid, ask })
    }

    /// Decimal places of an instrument's prices and quantities.
    pub fn scales(&self, instrument: SubjectId) -> Option<(u8, u8)> {
        self.instrument(instrument).map(|of| (of.price_scale, of.quantity_scale))
    }

    /// An instrument's subjects, each at its place, and why one is away.
    pub fn venues(
        &self,
        instrument: SubjectId,
    ) -> impl ExactSizeIterator<Item = (SubjectId, Option<Away>)> {
        let venues = self.instrument(instrument).map_or(&[][..], |of| &of.venues);
        venues.iter().map(|venue| (venue.subject, venue.away))
    }

    fn instrument(&self, instrument: SubjectId) -> Option<&Instrument> {
        self.numbers.get(&instrument).map(|number| &self.instruments[*number])
    }
}

impl Instrument {
    /// What a venue shows now. Whether that made a difference.
    fn set(&mut self, place: usize, shown: [Option<Quote>; 2], away: Option<Away>) -> bool {
        let venue = &mut self.venues[place];
        let was_away = std::mem::replace(&mut venue.away, away);
        let mut differs = was_away != away;
        for side in [Side::Buy, Side::Sell] {
            let shows = shown[side as usize].filter(|_| away.is_none());
            let venue = &mut self.venues[place];
            let showed = std::mem::replace(&mut venue.shown[side as usize], shows);
            let same = |of: Option<Quote>| of.map(|of| (of.price, of.quantity));
            if same(shows) != same(showed) {
                differs |= self.moved(side, place);
            }
        }
        differs
    }

    /// A venue shows something else on this side. Whether the best is another now.
    fn moved(&mut self, side: Side, place: usize) -> bool {
        let before = self.best[side as usize];
        let stood_there = before.is_some_and(|best| best.venues.has(place));
        let now = self.across(side, place);
        match (now, before) {
            // It leaves the best price, or changes what it has there: then only the others can tell.
            _ if stood_there => self.look_again(side),
            (Some(now), Some(best)) if now.price == best.price => {
                let venues = Venues(best.venues.0 | now.venues.0);
                let quantity = best.quantity + now.quantity;
                self.best[side as usize] = Some(Across { quantity, venues, ..best });
            }
            (Some(now), best) if best.is_none_or(|best| is_better(side, now, best)) => {
                self.best[side as usize] = Some(now);
            }
            _ => {}
        }
        before != self.best[side as usize]
    }

    /// Finds the best of a side among all venues.
    fn look_again(&mut self, side: Side) {
        let mut best: Option<Across> = None;
        for place in 0..self.venues.len() {
            let Some(now) = self.across(side, place) else { continue };
            best = match best {
                Some(best) if is_better(side, best, now) => Some(best),
                Some(best) if best.price == now.price => Some(Across {
                    price: best.price,
                    quantity: best.quantity + now.quantity,
                    venues: Venues(best.venues.0 | now.venues.0),
                }),
                _ => Some(now),
            };
        }
        self.best[side as usize] = best;
    }

    /// What one venue shows, in the instrument's units.
    fn across(&self, side: Side, place: usize) -> Option<Across> {
        let venue = &self.venues[place];
        let quote = venue.shown[side as usize]?;
        let finer = |of: u8, than: u8| 10u64.pow(u32::from(than - of));
        let price_factor = finer(venue.price_scale, self.price_scale);
        let quantity_factor = finer(venue.quantity_scale, self.quantity_scale);
        Some(Across {
            price: i128::from(quote.price.0) * i128::from(price_factor),
            quantity: u128::from(quote.quantity.0) * u128::from(quantity_factor),
            venues: Venues::one(place),
        })
    }
}

fn is_better(side: Side, one: Across, than: Across) -> bool {
    match side {
        Side::Buy => one.price > than.price,
        Side::Sell => one.price < than.price,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::against_naive::{BOUNDS, events};
    use crate::tests::notation;
    use engine_event::{Event, VenueId};
    use proptest::prelude::*;

    const INSTRUMENT: SubjectId = SubjectId(0);

    /// Three venues, of which the second counts in hundredths of the first's prices and the third in
    /// tenths of its quantities.
    fn three() -> Consolidated {
        let mut across = Consolidated::new(1);
        for (subject, (price_scale, quantity_scale)) in (0..).zip([(2, 0), (4, 0), (2, 1)]) {
            let definition = Definition::new(VenueId(subject), price_scale, quantity_scale);
            across.join(INSTRUMENT, SubjectId(subject.into()), &definition).unwrap();
        }
        across
    }

    /// One event a line, behind the number of its venue.
    fn after(lines: &str) -> Consolidated {
        let (mut across, mut books) = (three(), Books::new(BOUNDS));
        for line in lines.lines().map(str::trim) {
            let (subject, line) = line.split_once(' ').unwrap();
            let mut event = notation::parse(line);
            event.subject = SubjectId(subject.parse().unwrap());
            books.apply(&event);
            across.follow(&books.book(event.subject).unwrap());
        }
        across
    }

    fn check(
        lines: &str,
        bid: Option<(i128, u128, &[usize])>,
        ask: Option<(i128, u128, &[usize])>,
    ) {
        let best = after(lines).best(INSTRUMENT).unwrap();
        let told = |side: Option<Across>| {
            side.map(|of| (of.price, of.quantity, of.venues.places().collect::<Vec<_>>()))
        };
        let expected = |side: Option<(i128, u128, &[usize])>| {
            side.map(|(price, quantity, venues)| (price, quantity, venues.to_vec()))
        };
        assert_eq!((told(best.bid), told(best.ask)), (expected(bid), expected(ask)));
    }

    #[test]
    fn the_best_of_all_venues_in_the_finest_units() {
        check(
            "0 add 1 B 5 @ 1000
             1 add 1 B 7 @ 100000
             2 add 1 B 30 @ 1000
             0 add 2 S 5 @ 1001
             1 add 2 S 4 @ 100099",
            Some((100_000, 50 + 70 + 30, &[0, 1, 2])),
            Some((100_099, 40, &[1])),
        );
    }

    #[test]
    fn who_leaves_the_best_price_leaves_it_to_the_others() {
        let both = "0 add 1 B 5 @ 1000\n1 add 1 B 7 @ 100000\n2 add 1 B 30 @ 999";
        check(&format!("{both}\n1 reduce 1 3"), Some((100_000, 90, &[0, 1])), None);
        check(&format!("{both}\n0 delete 1"), Some((100_000, 70, &[1])), None);
        check(&format!("{both}\n0 delete 1\n1 delete 1"), Some((99_900, 30, &[2])), None);
        check(&format!("{both}\n0 modify 1 5 @ 1002"), Some((100_200, 50, &[0])), None);
    }

    #[test]
    fn a_stale_or_halted_venue_is_away_until_it_is_back() {
        let both = "0 add 1 B 5 @ 1000\n1 add 1 B 7 @ 100000";
        check(&format!("{both}\n0 delete 9"), Some((100_000, 70, &[1])), None);
        check(&format!("{both}\n0 status halt"), Some((100_000, 70, &[1])), None);
        check(
            &format!("{both}\n0 status halt\n0 status continuous"),
            Some((100_000, 120, &[0, 1])),
            None,
        );
        let back = format!("{both}\n0 gap\n0 clear\n0 add 3 B 1 @ 1001");
        check(&back, Some((100_100, 10, &[0])), None);
        let away = after(&format!("{both}\n0 gap\n1 status auction"));
        let why: Vec<_> = away.venues(INSTRUMENT).map(|(_, why)| why).collect();
        assert_eq!(why, [Some(Away::Stale), Some(Away::InPhase(Phase::Auction)), None]);
        assert_eq!(away.best(INSTRUMENT), Some(Best::default()));
    }

    #[test]
    fn locked_and_crossed_across_venues_is_told() {
        let standing = |lines: &str| after(lines).best(INSTRUMENT).unwrap().standing();
        assert_eq!(standing("0 add 1 B 5 @ 1000"), Standing::OneSided);
        assert_eq!(standing("0 add 1 B 5 @ 1000\n1 add 1 S 5 @ 100001"), Standing::Apart);
        assert_eq!(standing("0 add 1 B 5 @ 1000\n1 add 1 S 5 @ 100000"), Standing::Locked);
        assert_eq!(standing("0 add 1 B 5 @ 1000\n1 add 1 S 5 @ 99999"), Standing::Crossed);
    }

    #[test]
    fn there_is_room_for_so_many() {
        let mut across = Consolidated::new(1);
        let definition = Definition::new(VenueId(0), 18, 18);
        for subject in 0..VENUES_MAX as u32 {
            across.join(INSTRUMENT, SubjectId(subject), &definition).unwrap();
        }
        let refused = |across: &mut Consolidated, instrument, subject, scale| {
            let definition = Definition::new(VenueId(0), scale, 0);
            across.join(SubjectId(instrument), SubjectId(subject), &definition).unwrap_err()
        };
        assert_eq!(refused(&mut across, 0, 3, 0), NotJoined::Already);
        assert_eq!(refused(&mut across, 0, 99, 0), NotJoined::Full);
        assert_eq!(refused(&mut across, 99, 99, 0), NotJoined::TooMany { max: 1 });
        assert_eq!(refused(&mut across, 0, 99, 19), NotJoined::TooFine);

        let mut books = Books::new(crate::Bounds { orders_max: 100, subjects_max: 100 });
        for subject in 0..VENUES_MAX as u32 {
            let mut event = notation::parse("add 1 B max @ 4611686018427387903");
            event.subject = SubjectId(subject);
            books.apply(&event);
        }
        across.follow_all(&books);
        let bid = across.best(INSTRUMENT).unwrap().bid.unwrap();
        assert_eq!(bid.quantity, u128::from(u64::MAX) * VENUES_MAX as u128);
    }

    /// The best of a side by looking at everything.
    fn plainly(books: &Books, side: Side) -> Option<Across> {
        let scales = [(2u32, 0u32), (4, 0), (2, 1)];
        let mut shown = Vec::new();
        for (place, (price_scale, quantity_scale)) in scales.into_iter().enumerate() {
            let Some(book) = books.book(SubjectId(place as u32)) else { continue };
            let trades = matches!(book.phase(), Phase::Unknown | Phase::Continuous);
            let best = book.levels(side).next().filter(|_| trades && book.stale().is_none());
            shown.extend(best.map(|best| {
                let price = i128::from(best.price.0) * 10i128.pow(4 - price_scale);
                (price, u128::from(best.quantity.0) * 10u128.pow(1 - quantity_scale), place)
            }));
        }
        let prices = shown.iter().map(|(price, ..)| *price);
        let price = if side == Side::Buy { prices.max() } else { prices.min() }?;
        let there = shown.iter().filter(|(at, ..)| *at == price);
        Some(Across {
            price,
            quantity: there.clone().map(|(_, quantity, _)| quantity).sum(),
            venues: Venues(there.map(|(.., place)| 1 << place).sum()),
        })
    }

    proptest! {
        #[test]
        fn the_best_is_what_a_look_at_everything_finds(mut events in events()) {
            let (mut across, mut books) = (three(), Books::new(BOUNDS));
            for event in &mut events {
                books.apply(event);
                let before = across.best(INSTRUMENT).unwrap();
                let told = match event.subject {
                    SubjectId::EVERY => { across.follow_all(&books); true }
                    subject => books.book(subject).is_some_and(|book| across.follow(&book)),
                };
                let best = across.best(INSTRUMENT).unwrap();
                prop_assert!(told || best == before, "a change that was not told");
                let plain = |side| plainly(&books, side);
                let plain = Best { bid: plain(Side::Buy), ask: plain(Side::Sell) };
                prop_assert_eq!(best, plain, "{:?}", event as &Event);
            }
        }
    }
}
