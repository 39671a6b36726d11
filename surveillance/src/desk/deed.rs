//! What somebody did: an event about orders and trades, as a person's doing.

use super::people::{People, Person};
use engine_observer::View;
use engine_observer::book::Resting;
use engine_observer::event::body::{Attributes, Execution, Order, Print, Replacement};
use engine_observer::event::{Flags, Kind, Nanos, OrderId, ParticipantId, Price, Side};

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

    /// What the event says that somebody did; none if it is about something else, or no news.
    #[inline]
    pub(crate) fn of(view: &View<'_>, people: &People) -> Option<Deed> {
        let mut deed = Self::read(view, people)?;
        deed.quantity = deed.quantity.min(Self::QUANTITY_MAX);
        deed.left = deed.left.min(Self::QUANTITY_MAX);
        if let Some(was) = &mut deed.was {
            was.quantity = was.quantity.min(Self::QUANTITY_MAX);
        }
        Some(deed)
    }

    #[inline]
    fn read(view: &View<'_>, people: &People) -> Option<Deed> {
        let event = view.event;
        if event.flags.has(Flags::SNAPSHOT) {
            return None;
        }
        match event.kind() {
            Kind::Add => Some(Self::told(What::Enter, view, people)),
            Kind::Modify => Some(Self::told(What::Amend, view, people)),
            Kind::Reduce if view.change.left.is_some() => {
                Some(Self::told(What::Amend, view, people))
            }
            Kind::Reduce | Kind::Delete => Some(Self::told(What::Cancel, view, people)),
            Kind::Replace => {
                let body: Replacement = event.body();
                let about = Self::about(What::Amend, body.old, None, view, people);
                let quantity = body.quantity.0;
                Some(Deed { successor: body.new, price: Some(body.price), quantity, ..about })
            }
            Kind::Execute => {
                let body: Execution = event.body();
                let about = Self::about(What::Fill, body.id, body.participant(), view, people);
                let traded = view.change.traded;
                Some(Deed {
                    aggressor: body.counterparty().map(|account| Who::of(account, people)),
                    price: traded.map(|traded| traded.price).or(body.price.get()).or(about.price),
                    quantity: traded.map_or(body.quantity.0, |traded| traded.quantity.0),
                    ..about
                })
            }
            Kind::Trade => {
                let body: Print = event.body();
                let order = OrderId(body.trade_id);
                let about = Self::about(What::Print, order, body.participant(), view, people);
                Some(Deed {
                    aggressor: body.counterparty().map(|account| Who::of(account, people)),
                    price: body.price.get(),
                    quantity: body.quantity.0,
                    left: 0,
                    ..about
                })
            }
            _ => None,
        }
    }

    #[inline]
    fn told(what: What, view: &View<'_>, people: &People) -> Deed {
        let body: Order = view.event.body();
        let about = Self::about(what, body.id, body.participant(), view, people);
        match what {
            What::Enter => Deed {
                price: body.price.get(),
                quantity: body.quantity.0,
                attributes: body.attributes,
                ..about
            },
            What::Amend => {
                let price = body.price.get().or(about.price);
                Deed { price, quantity: about.left, ..about }
            }
            _ => Deed { quantity: about.was.map_or(0, |was| was.quantity), ..about },
        }
    }

    #[inline]
    fn about(
        what: What,
        order: OrderId,
        told: Option<ParticipantId>,
        view: &View<'_>,
        people: &People,
    ) -> Deed {
        let before = view.change.order.as_ref();
        let account = told.or_else(|| before.and_then(|before| before.participant));
        let side = view.event.flags.side().or_else(|| before.map(|before| before.side));
        Deed {
            what,
            seq: view.event.seq,
            at: view.event.event_at,
            order,
            successor: order,
            side: side.unwrap_or(Side::Buy),
            knows_side: side.is_some(),
            price: before.map(|before| before.price),
            quantity: 0,
            left: view.change.left.map_or(0, |left| left.0),
            was: before.map(Was::of),
            owner: account.map(|account| Who::of(account, people)),
            aggressor: None,
            attributes: before.map_or(Attributes::NONE, |before| before.attributes),
            is_cross: view.event.flags.has(Flags::CROSS),
        }
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
    #[inline]
    fn of(account: ParticipantId, people: &People) -> Self {
        Self { person: people.of(account), account }
    }
}
