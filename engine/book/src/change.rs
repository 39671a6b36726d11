//! What one event did to a book.

use crate::best::Before;
use crate::{Resting, Touch};
use engine_event::{Fault, Price, Quantity, Side};

/// What one event did to the books: the answer of [`Books::apply`](crate::Books::apply). The book after
/// it is in the books; what is gone (the order as it was, the touch as it stood) is here.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Change {
    /// What happened. [`Effect::None`] with a fault: the event was refused.
    pub effect: Effect,
    /// The affected order as it was before the event; none when it entered with it, or when the event
    /// affected no order. Of a replacement, the order that left.
    pub order: Option<Resting>,
    /// What rests now of the order that the event is about (of a replacement, the new one), or what is
    /// displayed now at the level that it tells; none when nothing is.
    pub left: Option<Quantity>,
    /// What traded, as far as the event and the book can tell: the price is the event's where it
    /// gives one, else the order's own. Also there when the order itself was unknown. The quantity is
    /// as it was told: with a fault it may be any number.
    pub traded: Option<Traded>,
    /// The level that the event changed: where the order stands now when it entered or changed, where it
    /// stood when it left, or the level that was told. None for hidden orders, and for quotes. How many
    /// levels stand before it, [`BookView::depth_of`](crate::BookView::depth_of) tells.
    pub level: Option<(Side, Price)>,
    /// Where the event told a level: what was displayed there before, 0 if nothing was.
    pub(crate) stood: Quantity,
    /// The touch before the event: see [`before`](Self::before).
    pub(crate) before: Before,
    /// Whether the event changed a price or a quantity of the touch.
    pub touch_changed: bool,
    /// Whether it changed a price of the touch; a side that appears or empties counts.
    pub touch_price_changed: bool,
    /// What was wrong with the event, or with the book because of it.
    pub fault: Option<Fault>,
}

impl Change {
    /// Nothing happened to any book.
    pub const NONE: Change = Change {
        effect: Effect::None,
        order: None,
        left: None,
        traded: None,
        level: None,
        stood: Quantity(0),
        before: Before::NONE,
        touch_changed: false,
        touch_price_changed: false,
        fault: None,
    };

    /// Nothing happened to any book: what events get that do not concern books.
    #[inline]
    pub fn none() -> Change {
        Change::NONE
    }

    /// The touch before the event; empty for an event about every subject.
    #[inline]
    pub fn before(&self) -> Touch {
        self.before.touch()
    }

    /// The event was refused.
    pub(crate) fn refused(fault: Fault) -> Change {
        Change { fault: Some(fault), ..Change::NONE }
    }

    /// The event is refused after all. What traded did so whatever the book knows of it.
    #[cold]
    pub(crate) fn refuse(&mut self, fault: Fault) {
        let Change { before, traded, .. } = *self;
        *self = Change { before, traded, ..Self::refused(fault) };
    }

    /// An order or a level entered or changed, so that afterwards the sides may stand across each other.
    pub(crate) fn may_cross(&self) -> bool {
        matches!(
            self.effect,
            Effect::Entered | Effect::Modified | Effect::Replaced | Effect::Restated
        )
    }
}

impl Default for Change {
    fn default() -> Self {
        Change::NONE
    }
}

/// What kind of change it was.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Effect {
    /// None.
    #[default]
    None,
    /// An order entered.
    Entered,
    /// An order got a new price or quantity.
    Modified,
    /// Quantity was taken off an order; [`Change::left`] says whether it still rests.
    Reduced,
    /// An order left.
    Deleted,
    /// An order left and another took its place.
    Replaced,
    /// A resting order traded; [`Change::left`] says whether it still rests.
    Executed,
    /// A trade without a visible order: the book is as it was.
    Traded,
    /// An earlier trade was taken back: the book is as it was.
    Broken,
    /// The subject, or every subject, is in another phase.
    PhaseChanged,
    /// The subject's numbers were told.
    Defined,
    /// Messages are missing: the book, or every book, is stale.
    Interrupted,
    /// A level, or the whole touch, was told as it stands now.
    Restated,
    /// The book, or every book, is empty, and what was in doubt is forgotten.
    Cleared,
}

/// A price and a quantity that changed hands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Traded {
    /// At which price.
    pub price: Price,
    /// How much.
    pub quantity: Quantity,
}
