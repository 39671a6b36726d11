//! What somebody did: orders entered, changed, taken back, and what traded.

use crate::output::{Short, Thousands};
use engine_book::Resting;
use engine_event::body::{Execution, Order, Print, Replacement};
use engine_event::{
    Directory, Event, Kind, MaybePrice, OrderId, ParticipantId, Price, Quantity, Side, SubjectId,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write;

/// An event about an order, in words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deed {
    pub(super) what: &'static str,
    /// As it is called now, and as it was before.
    pub(super) order: OrderId,
    pub(super) was: OrderId,
    pub(super) side: Option<Side>,
    pub(super) price: MaybePrice,
    /// Entered: the order's; changed: what it is for now; taken back: what was left; traded: how much.
    pub(super) quantity: Option<u64>,
    pub(super) owner: Option<ParticipantId>,
    pub(super) aggressor: Option<ParticipantId>,
}

impl Deed {
    /// An order that stood there already.
    pub(super) fn stood(order: &Resting) -> Self {
        Self {
            what: "stood",
            order: order.id,
            was: order.id,
            side: Some(order.side),
            price: order.price.into(),
            quantity: Some(order.remaining.0),
            owner: order.participant,
            aggressor: None,
        }
    }
}

/// Orders as they stand, as far as the events told of them.
#[derive(Default)]
pub(super) struct Orders {
    live: HashMap<OrderId, Live>,
}

#[derive(Clone, Copy)]
struct Live {
    side: Option<Side>,
    price: MaybePrice,
    left: u64,
    owner: Option<ParticipantId>,
}

impl Orders {
    /// More are not followed: what is taken back of others is told without its quantity.
    const MAX: usize = 1 << 22;

    /// Takes an event about the subject in question; what somebody did by it, if it is about an order.
    pub(super) fn take(&mut self, event: &Event) -> Option<Deed> {
        match event.kind() {
            Kind::Add => {
                let body: Order = event.body();
                let live = Live {
                    side: event.side(),
                    price: body.price,
                    left: body.quantity.0,
                    owner: body.participant(),
                };
                if self.live.len() < Self::MAX {
                    self.live.insert(body.id, live);
                }
                Some(live.deed("entered", body.id, Some(live.left)))
            }
            Kind::Modify | Kind::Reduce | Kind::Delete => self.change(event),
            Kind::Replace => {
                let body: Replacement = event.body();
                let was = self.live.remove(&body.old);
                let live = Live {
                    side: was.and_then(|was| was.side).or(event.side()),
                    price: body.price.into(),
                    left: body.quantity.0,
                    owner: was.and_then(|was| was.owner),
                };
                self.live.insert(body.new, live);
                Some(Deed { was: body.old, ..live.deed("amended", body.new, Some(live.left)) })
            }
            Kind::Execute => {
                let body: Execution = event.body();
                let mut live = self.of(body.id, event);
                live.left = live.left.saturating_sub(body.quantity.0);
                self.keep(body.id, live);
                let deed = live.deed("filled", body.id, Some(body.quantity.0));
                let owner = body.participant().or(live.owner);
                let price = if body.price.get().is_some() { body.price } else { live.price };
                Some(Deed { owner, price, aggressor: body.counterparty(), ..deed })
            }
            Kind::Trade => {
                let body: Print = event.body();
                let (side, price, left) = (event.side(), body.price, body.quantity.0);
                let live = Live { side, price, left, owner: body.participant() };
                let deed = live.deed("traded", OrderId(body.trade_id), Some(left));
                Some(Deed { aggressor: body.counterparty(), ..deed })
            }
            _ => None,
        }
    }

    fn change(&mut self, event: &Event) -> Option<Deed> {
        let body: Order = event.body();
        let was = self.live.get(&body.id).copied();
        let mut live = self.of(body.id, event);
        live.owner = body.participant().or(live.owner);
        let deed = match event.kind() {
            Kind::Modify => {
                let price = if body.price.get().is_some() { body.price } else { live.price };
                (live.price, live.left) = (price, body.quantity.0);
                live.deed("amended", body.id, Some(live.left))
            }
            Kind::Reduce => {
                live.left = live.left.saturating_sub(body.quantity.0);
                live.deed("reduced", body.id, Some(body.quantity.0))
            }
            _ => {
                let left = was.map(|was| was.left);
                live.left = 0;
                live.deed("cancelled", body.id, left)
            }
        };
        self.keep(body.id, live);
        Some(deed)
    }

    fn of(&self, id: OrderId, event: &Event) -> Live {
        let unknown =
            Live { side: event.side(), price: None::<Price>.into(), left: 0, owner: None };
        self.live.get(&id).copied().unwrap_or(unknown)
    }

    fn keep(&mut self, id: OrderId, live: Live) {
        if live.left == 0 {
            self.live.remove(&id);
        } else if let Some(own) = self.live.get_mut(&id) {
            *own = live;
        }
    }
}

impl Live {
    fn deed(self, what: &'static str, order: OrderId, quantity: Option<u64>) -> Deed {
        let Self { side, price, owner, .. } = self;
        Deed { what, order, was: order, side, price, quantity, owner, aggressor: None }
    }
}

/// How much of everything somebody did: how often, and what quantity.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Doings {
    entered: (u64, u64),
    amended: (u64, u64),
    cancelled: (u64, u64),
    /// As the one who was there.
    filled: (u64, u64),
    /// As the one who came.
    took: (u64, u64),
}

impl Doings {
    /// Counts a deed, if one of these did it or took part.
    pub(super) fn count(&mut self, deed: &Deed, who: &[ParticipantId]) {
        let is_own = |account: Option<ParticipantId>| account.is_some_and(|own| who.contains(&own));
        let is_trade = matches!(deed.what, "filled" | "traded");
        if is_trade && is_own(deed.aggressor) {
            add(&mut self.took, deed);
        }
        if !is_own(deed.owner) {
            return;
        }
        add(
            match deed.what {
                "entered" => &mut self.entered,
                "cancelled" | "reduced" => &mut self.cancelled,
                "amended" => &mut self.amended,
                _ => &mut self.filled,
            },
            deed,
        );
    }

    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    fn all(&self) -> [(&'static str, (u64, u64)); 5] {
        let Self { entered, amended, cancelled, filled, took } = *self;
        let [one, two, three] =
            [("entered", entered), ("amended", amended), ("cancelled", cancelled)];
        [one, two, three, ("filled", filled), ("took", took)]
    }

    pub(super) fn json(&self, names: &Directory, subject: SubjectId) -> Value {
        let each = self.all().map(|(what, (times, quantity))| {
            let quantity = names.quantity(subject, Quantity(quantity)).to_string();
            (what.to_string(), json!({"times": times, "quantity": quantity}))
        });
        Value::Object(each.into_iter().collect())
    }

    /// `entered 12 of 1200, cancelled 12 of 1200, filled 1 of 3`.
    pub(super) fn text(&self, names: &Directory, subject: SubjectId) -> String {
        let mut text = String::new();
        for (what, (times, quantity)) in self.all().into_iter().filter(|(_, (times, _))| *times > 0)
        {
            let before = if text.is_empty() { "" } else { ", " };
            let quantity = Short(names.quantity(subject, Quantity(quantity)));
            let _ = write!(text, "{before}{what} {} of {quantity}", Thousands(times));
        }
        if text.is_empty() { "nothing".to_string() } else { text }
    }
}

fn add((times, quantity): &mut (u64, u64), deed: &Deed) {
    *times += 1;
    *quantity = quantity.saturating_add(deed.quantity.unwrap_or(0));
}
