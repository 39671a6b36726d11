//! LOBSTER's message file: one stock's order flow as NASDAQ's ITCH tells it, a line an event.
//!
//! Source: LOBSTER, *Output structure* (lobsterdata.com). Six columns without a header: time in
//! seconds after midnight with a decimal fraction, event type, order id, size, price in 1/10,000
//! dollar, and the direction of the resting order (1 buy, −1 sell). Newer files have a seventh
//! column, the attribution. The stock's name is not in the file: it comes from
//! [`Options::subject`](crate::Options::subject).
//!
//! | type | becomes |
//! |---|---|
//! | 1 new limit order | `Add` |
//! | 2 part cancelled | `Reduce` |
//! | 3 deleted | `Delete` |
//! | 4 visible order executed | `Execute` |
//! | 5 hidden order executed | `Trade`, hidden |
//! | 6 cross trade | `Trade`, cross, without a side |
//! | 7 trading halt: price −1 halted, 0 quoting resumes, 1 trading resumes | `Status` |
//!
//! A file may begin in the middle of a day: the orders that rest then are not in it. Digits of the
//! time beyond the nanosecond are dropped.

use super::lines::{self, Bad, LineCodec, Lines, fields, signed, unsigned};
use super::subjects::{Refused, Subjects};
use super::{Codec, CodecError, itch50};
use crate::Options;
use engine_event::body::{End, Execution, Order, Phase, Print, Status};
use engine_event::{
    Directory, Event, Fault, Flags, Kind, MaybePrice, Nanos, OrderId, ParticipantId, Price,
    Quantity, Side, SubjectId,
};
use engine_pipeline::{Sink, Tally};

/// The subject's name where nobody gives one.
pub const SUBJECT: &str = "LOBSTER";

const COLUMNS: usize = 7;

/// The codec.
#[derive(Debug)]
pub struct Lobster {
    lines: Lines,
    midnight: Nanos,
    name: String,
    subjects: Subjects,
    /// The file's one subject, once it was met; none within if nobody asked for it.
    subject: Option<Option<SubjectId>>,
}

impl Lobster {
    /// A codec at the beginning of a stream.
    pub fn new(options: &Options) -> Self {
        Self {
            lines: Lines::new(options),
            midnight: options.midnight.unwrap_or_default(),
            name: options.subject.clone().unwrap_or_else(|| SUBJECT.to_owned()),
            subjects: Subjects::new(options),
            subject: None,
        }
    }

    fn subject<S: Sink>(
        &mut self,
        at: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<Option<SubjectId>, Bad> {
        if let Some(subject) = self.subject {
            return Ok(subject);
        }
        let was_known = names.subjects().len();
        let met = self.subjects.meet(&self.name, itch50::definition, at, names, sink);
        let subject = met.map_err(|refused| match refused {
            Refused::Full(_) => Bad::Refused,
            Refused::Scales { .. } => Bad::Fatal(CodecError::new(self.lines.place(), refused)),
        })?;
        // A file is a day: what an earlier one left in the book is gone, and so is what was in doubt.
        if let Some(subject) = subject.filter(|_| names.subjects().len() == was_known) {
            sink.push(Event::new(subject, at, End::default()).with_kind(Kind::Clear));
        }
        self.subject = Some(subject);
        Ok(subject)
    }
}

/// A line's columns, read but not yet judged.
struct Row<'a> {
    time: u64,
    kind: u8,
    order: &'a [u8],
    size: u64,
    price: i64,
    side: Side,
    owner: Option<&'a [u8]>,
}

impl<'a> Row<'a> {
    fn read(line: &'a [u8]) -> Result<Self, &'static str> {
        let mut columns = [&b""[..]; COLUMNS];
        let count = fields(line, &mut columns).unwrap_or(0);
        let [time, kind, order, size, price, direction, owner] = columns;
        if count != 6 && count != 7 {
            return Err("expected 6 or 7 columns");
        }
        let [kind] = *kind else { return Err("the type is not one digit") };
        let side = match direction {
            b"1" => Side::Buy,
            b"-1" => Side::Sell,
            _ => return Err("the direction is neither 1 nor -1"),
        };
        Ok(Self {
            time: time_of_day(time).ok_or("the time is not one of seconds within a day")?,
            kind,
            order,
            size: unsigned(size).ok_or("the size is not a whole number")?,
            price: signed(price).ok_or("the price is not a whole number")?,
            side,
            owner: Some(owner).filter(|owner| !owner.is_empty() && *owner != b"null"),
        })
    }

    /// The event that it stands for.
    fn event(
        &self,
        subject: SubjectId,
        at: Nanos,
        owner: Option<ParticipantId>,
    ) -> Result<Event, Bad> {
        let out_of_range = |what| Bad::Lost(Fault::OutOfRange, SubjectId::EVERY, what);
        let order = || {
            let id = unsigned(self.order);
            id.map(OrderId).ok_or(Bad::malformed("the order id is not a whole number"))
        };
        let price = || {
            let price = Price(self.price);
            if self.price > 0 { Ok(price) } else { Err(out_of_range("the price is not above 0")) }
        };
        let size = || {
            let quantity = Quantity(self.size);
            if self.size > 0 { Ok(quantity) } else { Err(out_of_range("the size is 0")) }
        };
        // Of an order that rests already; the books know it by its id, a check against rows does not.
        let told_price = || MaybePrice::from(Some(Price(self.price)).filter(|_| self.price > 0));
        let side = Flags::of(self.side);
        Ok(match self.kind {
            b'1' => {
                let order = Order::new(order()?, price()?, size()?).owned_by(owner);
                Event::new(subject, at, order).with_flags(side)
            }
            b'2' => {
                let less = Order::new(order()?, told_price(), size()?);
                Event::new(subject, at, less).with_kind(Kind::Reduce).with_flags(side)
            }
            b'3' => {
                let gone = Order::new(order()?, told_price(), Quantity(self.size));
                Event::new(subject, at, gone).with_kind(Kind::Delete).with_flags(side)
            }
            b'4' => {
                let execution = Execution::new(order()?, price()?, size()?).between(owner, None);
                Event::new(subject, at, execution).with_flags(side)
            }
            b'5' => {
                let print = Print::new(order()?.0, price()?, size()?).between(owner, None);
                Event::new(subject, at, print).with_flags(side | Flags::HIDDEN)
            }
            // The id and the direction of a cross are placeholders, and −1 at that.
            b'6' => {
                let print = Print::new(unsigned(self.order).unwrap_or(0), price()?, size()?);
                Event::new(subject, at, print).with_flags(Flags::CROSS)
            }
            b'7' => {
                let (phase, code) = match self.price {
                    -1 => (Phase::Halt, "-1"),
                    0 => (Phase::Auction, "0"),
                    1 => (Phase::Continuous, "1"),
                    _ => return Err(out_of_range("the price of a halt is not -1, 0 or 1")),
                };
                Event::new(subject, at, Status::new(phase, code.as_bytes()))
            }
            _ => return Err(Bad::Lost(Fault::UnknownType, subject, "the type is unknown")),
        })
    }
}

impl LineCodec for Lobster {
    fn lines(&mut self) -> &mut Lines {
        &mut self.lines
    }

    fn line<S: Sink>(
        &mut self,
        line: &[u8],
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<(), Bad> {
        let row = Row::read(line);
        let at = match &row {
            Ok(row) => self.midnight + Nanos(row.time),
            Err(_) => self.lines.now(),
        };
        let Some(subject) = self.subject(at, names, sink)? else {
            return row.map_or(Ok(()), |row| self.lines.date(row.kind, at, tally));
        };
        let row = row.map_err(|what| Bad::malformed(what).about(Some(subject)))?;
        let owner = row.owner.and_then(lines::name);
        let owner = owner.map(|name| names.participants.intern(name)).transpose()?;
        let event = row.event(subject, at, owner).map_err(|bad| {
            if matches!(bad, Bad::Lost(Fault::UnknownType, ..)) {
                tally.unknown += 1;
                tally.by_type[usize::from(row.kind)] += 1;
            }
            bad.about(Some(subject))
        })?;
        self.lines.date(row.kind, at, tally)?;
        sink.push(event);
        Ok(())
    }
}

impl Codec for Lobster {
    fn decode<S: Sink>(
        &mut self,
        input: &[u8],
        last: bool,
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<usize, CodecError> {
        lines::decode(self, input, last, names, sink, tally)
    }

    fn place(&self) -> u64 {
        self.lines.place().number()
    }
}

/// `seconds[.fraction]` in nanoseconds, within a day.
fn time_of_day(text: &[u8]) -> Option<u64> {
    const DAY_S: u64 = 86_400;
    const PLACES: usize = 9;
    let (seconds, fraction) = match memchr::memchr(b'.', text) {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &b"0"[..]),
    };
    let finer = fraction.get(PLACES..).unwrap_or_default();
    let fraction = &fraction[..fraction.len().min(PLACES)];
    let seconds = unsigned(seconds).filter(|seconds| *seconds < DAY_S)?;
    let scale = 10u64.pow((PLACES - fraction.len()) as u32);
    let nanos = unsigned(fraction)? * scale;
    finer.iter().all(u8::is_ascii_digit).then_some(seconds * 1_000_000_000 + nanos)
}

/// Whether content that begins with `bytes` may be a message file.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    let (line, complete) = lines::first(bytes);
    if complete {
        return Row::read(line).is_ok_and(|row| (b'1'..=b'7').contains(&row.kind));
    }
    let mut columns = [&b""[..]; COLUMNS];
    let count = fields(line, &mut columns).unwrap_or(0);
    let [time, kind, ..] = columns;
    (3..=COLUMNS).contains(&count) && time_of_day(time).is_some() && matches!(kind, [b'1'..=b'7'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing::{Decoded, assert_chunks_do_not_matter, decode};
    use crate::synthetic::lobster::generate;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    fn decoded(text: &[u8]) -> Decoded {
        let options = Options { subject: Some("AAPL".to_owned()), ..Options::default() };
        decode(&mut Lobster::new(&options), text)
    }

    fn check(text: &str, expected: &Expect) {
        expected.assert_eq(&decoded(text.as_bytes()).lines());
    }

    #[test]
    fn each_type_becomes_what_it_means() {
        check(
            "34200.004241176,1,16113575,18,5853300,1\n\
             34200.1,2,16113575,8,5853300,1\n\
             34201,4,16113575,5,5853300,1\n\
             34201.0000000019,3,16113575,5,5853300,1\n\
             34202.5,5,0,100,5853200,-1\n\
             34203.5,6,-1,9000,5853200,-1\n\
             34204.5,7,0,0,-1,-1\n\
             34205.5,7,0,0,0,-1\n\
             34206.5,7,0,0,1,-1,null\n\
             34207,1,16113576,18,5853300,-1,GSCO\n",
            &expect![[r#"
                Define of AAPL at 34200004241176 {} Definition { tick: Price(100), lot: Quantity(1), venue: VenueId(0), price_scale: 4, quantity_scale: 0, venue_tag: [59, 110, 182, 171], tag: [197, 232, 204, 37, 92, 170, 176, 223] }
                Add of AAPL at 34200004241176 {"buy"} Order { id: OrderId(16113575), price: Some(Price(5853300)), quantity: Quantity(18), participant: 0, attributes: Attributes(0) }
                Reduce of AAPL at 34200100000000 {"buy"} Order { id: OrderId(16113575), price: Some(Price(5853300)), quantity: Quantity(8), participant: 0, attributes: Attributes(0) }
                Execute of AAPL at 34201000000000 {"buy"} Execution { id: OrderId(16113575), price: Some(Price(5853300)), quantity: Quantity(5), participant: 0, counterparty: 0 }
                Delete of AAPL at 34201000000001 {"buy"} Order { id: OrderId(16113575), price: Some(Price(5853300)), quantity: Quantity(5), participant: 0, attributes: Attributes(0) }
                Trade of AAPL at 34202500000000 {"sell", "hidden"} Print { trade_id: 0, price: Some(Price(5853200)), quantity: Quantity(100), participant: 0, counterparty: 0 }
                Trade of AAPL at 34203500000000 {"cross"} Print { trade_id: 0, price: Some(Price(5853200)), quantity: Quantity(9000), participant: 0, counterparty: 0 }
                Status of AAPL at 34204500000000 {} Status { phase: 4, code: [45, 49, 0, 0, 0, 0, 0], price: None }
                Status of AAPL at 34205500000000 {} Status { phase: 2, code: [48, 0, 0, 0, 0, 0, 0], price: None }
                Status of AAPL at 34206500000000 {} Status { phase: 3, code: [49, 0, 0, 0, 0, 0, 0], price: None }
                Add of AAPL at 34207000000000 {"sell"} Order { id: OrderId(16113576), price: Some(Price(5853300)), quantity: Quantity(18), participant: 1, attributes: Attributes(0) }
            "#]],
        );
    }

    #[test]
    fn what_is_wrong_is_told_and_the_next_line_is_read() {
        let text = "34200.5,1,1,18,5853300,1\n\
             hello\n\
             34200.6,8,2,18,5853300,1\n\
             34200.6,1,2,0,5853300,1\n\
             34200.6,1,2,18446744073709551616,5853300,1\n\
             34200.6,1,2,1,5853300,0\n\
             34200.6,1,2,1,-1,1\n\
             99999,1,2,1,1,1\n\
             \n\
             34200.4,1,3,18,5853300,1\r\n";
        let decoded = decoded(text.as_bytes());
        assert_eq!((decoded.tally.messages, decoded.tally.unknown, decoded.tally.gaps), (9, 1, 7));
        let faults: Vec<_> = decoded.tally.first_faults.clone();
        expect![[r#"
            [
                (
                    Malformed,
                    2,
                ),
                (
                    UnknownType,
                    3,
                ),
                (
                    OutOfRange,
                    4,
                ),
                (
                    Malformed,
                    5,
                ),
                (
                    Malformed,
                    6,
                ),
                (
                    OutOfRange,
                    7,
                ),
                (
                    Malformed,
                    8,
                ),
                (
                    TimeBackwards,
                    10,
                ),
            ]
        "#]]
        .assert_debug_eq(&faults);
        assert_eq!(decoded.events.len(), 1 + 2 + 7);
    }

    #[test]
    fn strict_reading_says_where_and_what() {
        let strict = Options { strict: true, ..Options::default() };
        let text = b"34200.5,1,1,18,5853300,1\n34200.6,1,2,x,5853300,1\n";
        let error = decode(&mut Lobster::new(&strict), text).error.unwrap().to_string();
        expect![[
            r#"line 2 (byte 25): the size is not a whole number in "34200.6,1,2,x,5853300,1""#
        ]]
        .assert_eq(&error);
    }

    #[test]
    fn a_file_may_end_anywhere() {
        let text = b"34200.5,1,11,18,5853300,1\n34200.6,3,11,18,5853300,-1\n";
        for length in 1..=text.len() {
            let decoded = decoded(&text[..length]);
            let clean = matches!(length, 25 | 26 | 52 | 53);
            assert_eq!(decoded.error.is_none(), clean, "{length} bytes");
            let whole = u64::from(length >= 25) + u64::from(length >= 52);
            assert_eq!(decoded.tally.messages, whole, "{length} bytes");
        }
        let error = decoded(&text[..40]).error.unwrap().to_string();
        expect![[r#"line 2 (byte 26): the file ends within a line: expected 6 or 7 columns in "34200.6,3,11,1""#]].assert_eq(&error);
    }

    #[test]
    fn a_line_without_end_is_passed_over() {
        let mut text = b"34200.5,1,11,18,5853300,1\n".to_vec();
        text.extend(vec![b'9'; 200_000]);
        text.extend(b"\n34200.6,3,11,18,5853300,1\n");
        assert_chunks_do_not_matter(
            || Lobster::new(&Options::default()),
            &text,
            &mut [100, 70_000, 140_000, 200_001],
        );
        let decoded = decoded(&text);
        assert_eq!(decoded.tally.first_faults, [(Fault::BadLength, 2)]);
        assert_eq!(decoded.tally.messages, 3);
    }

    #[test]
    fn real_data_is_read_without_a_fault() {
        let Some(folder) = std::env::var_os("TAPEWATCH_DATA") else {
            eprintln!("not run: no data");
            return;
        };
        let path = std::path::Path::new(&folder).join("lobster-aapl/AAPL_10_first_message.csv");
        let Ok(text) = std::fs::read(path) else {
            eprintln!("not run: no data");
            return;
        };
        let decoded = decoded(&text);
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        assert_eq!(decoded.tally.messages, lines as u64);
        assert_eq!(decoded.tally.faults.total(), 0);
        assert_eq!(decoded.events.len(), lines + 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_pieces_do_not_matter(
            seed in 0u64..100,
            damage in prop::collection::vec((0usize..20_000, any::<u8>()), 0..50),
            mut ends in prop::collection::vec(0usize..20_000, 0..50),
        ) {
            let mut bytes = Vec::new();
            generate(500, seed, &mut bytes).unwrap();
            for (at, byte) in damage {
                let length = bytes.len();
                bytes[at % length] = byte;
            }
            assert_chunks_do_not_matter(|| Lobster::new(&Options::default()), &bytes, &mut ends);
        }

        #[test]
        fn times_are_exact(seconds in 0u64..86_400, nanos in 0u64..1_000_000_000) {
            let text = format!("{seconds}.{nanos:09}");
            prop_assert_eq!(time_of_day(text.as_bytes()), Some(seconds * 1_000_000_000 + nanos));
        }
    }
}
