//! What an observer wants to see, so that what it does not want costs it nothing.

use engine_event::Kind;

/// A set of kinds, possibly narrowed to events that moved the touch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interest {
    kinds: u32,
    touch_only: bool,
}

const _: () = assert!(Kind::COUNT <= 32);

impl Interest {
    /// In nothing.
    pub const NONE: Interest = Interest { kinds: 0, touch_only: false };

    /// In these kinds.
    pub const fn in_kinds(kinds: &[Kind]) -> Self {
        let mut set = 0;
        let mut i = 0;
        while i < kinds.len() {
            set |= 1 << kinds[i] as u8;
            i += 1;
        }
        Self { kinds: set, touch_only: false }
    }

    /// In everything that happens to orders.
    pub const fn in_orders() -> Self {
        Self::in_kinds(&[
            Kind::Add,
            Kind::Modify,
            Kind::Reduce,
            Kind::Delete,
            Kind::Replace,
            Kind::Execute,
        ])
    }

    /// In everything that changes what stands in a book, however the feed tells it.
    pub const fn in_books() -> Self {
        let mut books = Self::in_orders();
        books.kinds |= 1 << Kind::Level as u8 | 1 << Kind::Quote as u8 | 1 << Kind::Clear as u8;
        books
    }

    /// In every kind.
    pub const fn in_everything() -> Self {
        Self { kinds: u32::MAX, touch_only: false }
    }

    /// The same, but only when the best bid or offer changed in price or quantity.
    pub const fn when_touch_changes(mut self) -> Self {
        self.touch_only = true;
        self
    }

    /// Whether events of this kind are wanted.
    pub const fn wants(self, kind: Kind) -> bool {
        self.kinds & (1 << kind as u8) != 0
    }

    /// Whether only those that moved the touch are.
    pub const fn is_touch_only(self) -> bool {
        self.touch_only
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interest_is_a_set() {
        let orders = Interest::in_orders();
        assert!(orders.wants(Kind::Replace) && !orders.wants(Kind::Reading));
        let books = Interest::in_books();
        assert!(books.wants(Kind::Add) && books.wants(Kind::Clear) && !books.wants(Kind::Trade));
        assert!(Kind::ALL.iter().all(|kind| !Interest::NONE.wants(*kind)));
        assert!(Kind::ALL.iter().all(|kind| Interest::in_everything().wants(*kind)));
    }
}
