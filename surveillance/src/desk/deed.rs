//! What somebody did: an event about orders and trades, as a person's doing.

use super::people::{People, Person};
use engine_observer::View;
use engine_observer::book::Resting;
use engine_observer::event::body::{Attributes, Execution, Order, Print, Replacement};
use engine_observer::event::{Event, Flags, Kind, Nanos, OrderId, ParticipantId, Price, Side};
use std::num::NonZeroU32;

/// What kind of thing happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum What {
    /// Somebody entered an order.
    Enter,
    /// Somebody changed one that stays: price, quantity, or both.
    Amend,
    /// Somebody took one away.
    Cancel,
    /// A resting order traded.
    Fill,
    /// A trade without a visible order.
    Print,
    /// The market is in another phase: continuous, auction, halt.
    Phase,
    /// A headline about the instrument.
    News,
    /// A fixing or a settlement price was published.
    Fixing,
}

impl What {
    pub(crate) const COUNT: usize = 8;
    /// What is about orders and trades.
    pub(crate) const DEEDS: [What; 5] =
        [What::Enter, What::Amend, What::Cancel, What::Fill, What::Print];
}

/// An account, and whose it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Who {
    pub(crate) person: Person,
    pub(crate) account: ParticipantId,
}

/// One of the two of a trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Trader {
    pub(crate) who: Who,
    /// Bought or sold.
    pub(crate) side: Side,
    /// Came, and did not wait.
    pub(crate) comes: bool,
}

/// An order as it was before the deed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Was {
    pub(crate) price: Price,
    /// What was left of it.
    pub(crate) quantity: u64,
    pub(crate) entered_at: Nanos,
    pub(crate) entered_seq: u64,
}

/// What somebody did, to which order.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Deed {
    pub(crate) what: What,
    pub(crate) seq: u64,
    pub(crate) at: Nanos,
    /// The order as it was called before; of a print, the trade's number.
    pub(crate) order: OrderId,
    /// As it is called now: only a replacement has another name.
    pub(crate) successor: OrderId,
    /// Which side the order stands on; of trades, the resting order's. A print may have none: `Buy` then,
    /// and [`knows_side`](Self::knows_side) is false.
    pub(crate) side: Side,
    pub(crate) knows_side: bool,
    /// The order's limit as it is now; where it traded, the trade's price. A market order has none.
    pub(crate) price: Option<Price>,
    /// Entered: the order's. Amended: what it is for now. Cancelled: what was taken away. Traded: how much.
    pub(crate) quantity: u64,
    /// What rests of the order now.
    pub(crate) left: u64,
    /// The order as it was, if the book knew it.
    pub(crate) was: Option<Was>,
    /// Whose order it is; of trades, the resting one's.
    pub(crate) owner: Option<Who>,
    /// Of trades: who came.
    pub(crate) aggressor: Option<Who>,
    pub(crate) attributes: Attributes,
    /// Of trades: told as a cross, not made by the book.
    pub(crate) is_cross: bool,
}

impl Deed {
    /// No quantity is taken for larger than this, 45 million at eight decimal places: so that sums of
    /// thousands of them fit, whatever a feed tells.
    pub(crate) const QUANTITY_MAX: u64 = 1 << 52;

    /// What the event says that somebody did; none if it is about something else, no news, or
    /// [settled](Self::is_settled).
    #[inline]
    pub(crate) fn of(view: &View<'_>, people: &People) -> Option<Deed> {
        let (event, change) = (view.event, view.change);
        let is_odd = event.flags.0 & (Flags::SNAPSHOT.0 | Flags::NON_PRINTABLE.0) != 0;
        if is_odd && (event.flags.has(Flags::SNAPSHOT) || Self::is_settled(event)) {
            return None;
        }
        // What all of them have in common first, then what is each one's own, in place: a deed that is
        // put together from halves is copied more than once, and this is done for every event.
        let (what, order, told) = match event.kind() {
            Kind::Add => Self::who(What::Enter, event),
            Kind::Modify => Self::who(What::Amend, event),
            Kind::Reduce if change.left.is_some() => Self::who(What::Amend, event),
            Kind::Reduce | Kind::Delete => Self::who(What::Cancel, event),
            Kind::Replace => (What::Amend, event.body::<Replacement>().old, None),
            Kind::Execute => {
                let body: Execution = event.body();
                (What::Fill, body.id, body.participant())
            }
            Kind::Trade => {
                let body: Print = event.body();
                (What::Print, OrderId(body.trade_id), body.participant())
            }
            _ => return None,
        };
        let before = change.order.as_ref();
        let account = told.or_else(|| before.and_then(|before| before.participant));
        let side = event.flags.side().or_else(|| before.map(|before| before.side));
        let mut deed = Deed {
            what,
            seq: event.seq,
            at: event.event_at,
            order,
            successor: order,
            side: side.unwrap_or(Side::Buy),
            knows_side: side.is_some(),
            price: before.map(|before| before.price),
            quantity: 0,
            left: change.left.map_or(0, |left| left.0),
            was: before.map(Was::of),
            owner: account.map(|account| Who::of(account, people)),
            aggressor: None,
            attributes: before.map_or(Attributes::NONE, |before| before.attributes),
            is_cross: event.flags.has(Flags::CROSS),
        };
        match event.kind() {
            Kind::Add => {
                let body: Order = event.body();
                deed.price = body.price.get();
                deed.quantity = body.quantity.0;
                deed.attributes = body.attributes;
            }
            Kind::Replace => {
                let body: Replacement = event.body();
                deed.successor = body.new;
                deed.price = Some(body.price);
                deed.quantity = body.quantity.0;
            }
            Kind::Execute => {
                let body: Execution = event.body();
                deed.aggressor = body.counterparty().map(|account| Who::of(account, people));
                deed.price = match &change.traded {
                    Some(traded) => Some(traded.price),
                    None => body.price.get().or(deed.price),
                };
                deed.quantity =
                    change.traded.as_ref().map_or(body.quantity.0, |traded| traded.quantity.0);
            }
            Kind::Trade => {
                let body: Print = event.body();
                deed.aggressor = body.counterparty().map(|account| Who::of(account, people));
                deed.price = body.price.get();
                deed.quantity = body.quantity.0;
                deed.left = 0;
            }
            _ if what == What::Amend => {
                let body: Order = event.body();
                deed.price = body.price.get().or(deed.price);
                deed.quantity = deed.left;
            }
            _ => deed.quantity = deed.was.as_ref().map_or(0, |was| was.quantity),
        }
        deed.quantity = deed.quantity.min(Self::QUANTITY_MAX);
        deed.left = deed.left.min(Self::QUANTITY_MAX);
        if let Some(was) = &mut deed.was {
            was.quantity = was.quantity.min(Self::QUANTITY_MAX);
        }
        Some(deed)
    }

    /// Whether an order is less only because it traded as it came: the deed is the trade, told by the order
    /// that rested.
    pub(crate) fn is_settled(event: &Event) -> bool {
        let is_less = matches!(event.kind(), Kind::Reduce | Kind::Delete);
        is_less && event.flags.has(Flags::NON_PRINTABLE)
    }

    #[inline]
    fn who(what: What, event: &Event) -> (What, OrderId, Option<ParticipantId>) {
        let body: Order = event.body();
        (what, body.id, body.participant())
    }

    /// Whether it is a trade.
    #[inline]
    pub(crate) fn is_trade(&self) -> bool {
        matches!(self.what, What::Fill | What::Print)
    }

    /// Of trades between two who are known: the buyer, then the seller. Where the feed does not tell the
    /// side, the one who rested counts as the buyer.
    #[inline]
    pub(crate) fn parties(&self) -> Option<(Who, Who)> {
        let (rests, comes) = (self.owner?, self.aggressor?);
        Some(if self.side == Side::Buy { (rests, comes) } else { (comes, rests) })
    }

    /// Which side the one who came traded on; none if the feed does not tell.
    pub(crate) fn aggressor_side(&self) -> Option<Side> {
        self.knows_side.then(|| self.side.opposite())
    }

    /// Of trades: who bought and who sold, as far as they are known. The resting one first.
    #[inline]
    pub(crate) fn traders(&self) -> impl Iterator<Item = Trader> + use<> {
        let is_trade = self.is_trade() && self.knows_side;
        let rests = self.owner.map(|who| Trader { who, side: self.side, comes: false });
        let side = self.side.opposite();
        let comes = self.aggressor.map(|who| Trader { who, side, comes: true });
        [rests, comes].into_iter().flatten().filter(move |_| is_trade)
    }

    /// Whether both sides of the trade are the same person.
    pub(crate) fn is_with_oneself(&self) -> bool {
        let persons = self.owner.zip(self.aggressor);
        persons.is_some_and(|(one, other)| one.person == other.person)
    }
}

impl Was {
    fn of(order: &Resting) -> Self {
        Self {
            price: order.price,
            quantity: order.remaining.0,
            entered_at: order.entered_at,
            entered_seq: order.entered_seq,
        }
    }
}

impl Who {
    /// The owner of orders of which nobody says whose they are.
    pub(crate) const NOBODY: Who =
        Who { person: Person::NOBODY, account: ParticipantId(NonZeroU32::MAX) };

    #[inline]
    fn of(account: ParticipantId, people: &People) -> Self {
        Self { person: people.of(account), account }
    }
}
