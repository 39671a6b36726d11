//! Checksums by which venues let a book be verified: functions of a book, whatever brought it about.

use crate::{BookView, Quote};

/// The checksum that Kraken publishes with its books: the CRC-32 of the ten best offers' prices and
/// quantities and then of the ten best bids', best first, each written without its point and without
/// leading zeros. That is how a number of units reads, if the subject's scales are those with which the
/// venue writes.
///
/// Source: Kraken, *Book checksum* (WebSocket v1 and v2, docs.kraken.com).
pub fn kraken(book: BookView<'_>) -> u32 {
    let mut crc = Crc32::new();
    let ten = book.asks().take(10).chain(book.bids().take(10));
    for Quote { price, quantity, .. } in ten {
        crc.add_digits(price.0.unsigned_abs());
        crc.add_digits(quantity.0);
    }
    crc.value()
}

/// CRC-32 as zip and Ethernet have it (ISO 3309): polynomial 0x04c11db7, reflected.
struct Crc32(u32);

impl Crc32 {
    fn new() -> Self {
        Self(!0)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = TABLE[usize::from(self.0 as u8 ^ byte)] ^ (self.0 >> 8);
        }
    }

    fn add_digits(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut first = digits.len();
        while first == digits.len() || number > 0 {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.add(&digits[first..]);
    }

    fn value(&self) -> u32 {
        !self.0
    }
}

/// The remainder of each byte.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        let mut remainder = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            let carry = if remainder & 1 == 1 { 0xedb8_8320 } else { 0 };
            remainder = remainder >> 1 ^ carry;
            bit += 1;
        }
        table[byte] = remainder;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Books, Bounds};
    use engine_event::body::Level;
    use engine_event::{Event, Flags, Nanos, Price, Quantity, Side, SubjectId};

    /// The checksum of a book with these levels, in units.
    fn of(asks: &[(i64, u64)], bids: &[(i64, u64)]) -> u32 {
        let mut books = Books::new(Bounds::default());
        for (side, levels) in [(Side::Sell, asks), (Side::Buy, bids)] {
            for (price, quantity) in levels {
                let level = Level::new(Price(*price), Quantity(*quantity), 0);
                let event = Event::new(SubjectId(0), Nanos(0), level);
                books.apply(&event.with_flags(Flags::of(side)));
            }
        }
        kraken(books.book(SubjectId(0)).unwrap())
    }

    #[test]
    fn the_polynomial_is_the_usual_one() {
        let mut crc = Crc32::new();
        crc.add(b"123456789");
        assert_eq!(crc.value(), 0xcbf4_3926);
        let mut digits = Crc32::new();
        digits.add_digits(123_456_789);
        assert_eq!(digits.value(), 0xcbf4_3926);
    }

    /// The example of the venue's documentation for version 1: prices with five places, quantities with
    /// eight.
    #[test]
    fn the_first_published_example() {
        let asks: Vec<_> = (0..10).map(|n| (5005 + 5 * n, 500)).collect();
        let bids = [5000, 4995, 4990, 4980, 4975, 4970, 4965, 4960, 4955, 4950];
        assert_eq!(of(&asks, &bids.map(|price| (price, 500))), 974_947_235);
        let mut more = asks.clone();
        more.push((5055, 7));
        assert_eq!(of(&more, &bids.map(|price| (price, 500))), 974_947_235, "ten count");
    }

    /// The example of the documentation for version 2: one place, and eight.
    #[test]
    fn the_second_published_example() {
        let asks = [
            (452_852, 100_000),
            (452_864, 154_571_953),
            (452_866, 154_571_109),
            (452_896, 154_560_911),
            (452_902, 15_890_660),
            (452_918, 154_553_491),
            (452_947, 4_454_749),
            (452_961, 35_380_000),
            (452_975, 9_945_542),
            (452_995, 18_772_827),
        ];
        let bids = [
            (452_835, 10_000_000),
            (452_834, 154_582_015),
            (452_821, 10_000_000),
            (452_810, 10_000_000),
            (452_803, 154_592_586),
            (452_790, 7_990_000),
            (452_776, 3_310_103),
            (452_775, 30_000_000),
            (452_773, 154_602_737),
            (452_766, 15_445_238),
        ];
        assert_eq!(of(&asks, &bids), 3_310_070_434);
    }
}
