//! Who is behind the orders of a base flow that does not tell.

use crate::chance::{Zipf, blended};
use engine_event::body::{Execution, Order};
use engine_event::{Event, Kind, ParticipantId};

/// Background accounts: which one an order belongs to follows from its number, which one comes to trade
/// from the time and the side, so that all that one comer takes is taken by one account.
#[derive(Clone, Debug)]
pub struct Accounts {
    seed: u64,
    zipf: Zipf,
    accounts: Vec<ParticipantId>,
}

impl Accounts {
    /// Of a base flow that names everybody itself.
    pub fn told() -> Self {
        Self { seed: 0, zipf: Zipf::new(1), accounts: Vec::new() }
    }

    /// These accounts, the first the most active.
    pub fn new(seed: u64, accounts: Vec<ParticipantId>) -> Self {
        Self { seed, zipf: Zipf::new(accounts.len()), accounts }
    }

    /// Whether orders get their accounts here.
    pub fn are_given(&self) -> bool {
        !self.accounts.is_empty()
    }

    /// All of them, the most active first.
    pub fn all(&self) -> &[ParticipantId] {
        &self.accounts
    }

    /// The account for these numbers that is none of `others`, if there is one.
    fn choose(&self, numbers: &[u64], others: [Option<ParticipantId>; 2]) -> Option<ParticipantId> {
        let start = blended(numbers);
        (0..16u64).find_map(|attempt| {
            let place = self.zipf.choose(blended(&[start, attempt]));
            let account = self.accounts.get(place).copied();
            account.filter(|account| !others.contains(&Some(*account)))
        })
    }

    /// The owner of an order.
    pub(crate) fn owner(&self, event: &Event, order: u64) -> Option<ParticipantId> {
        self.choose(&[self.seed, u64::from(event.subject.0), order], [None, None])
    }

    /// Who comes to trade with `resting`; never itself.
    pub(crate) fn comer(
        &self,
        event: &Event,
        resting: Option<ParticipantId>,
        other: Option<ParticipantId>,
    ) -> Option<ParticipantId> {
        let side = event.side().map_or(2, |side| side as u64);
        let numbers = [self.seed ^ 1, u64::from(event.subject.0), event.event_at.0, side];
        self.choose(&numbers, [resting, other])
    }

    /// The event with its order's owner.
    pub(crate) fn own(&self, event: &Event) -> Event {
        if !self.are_given() || event.kind() != Kind::Add {
            return *event;
        }
        let order: Order = event.body();
        if order.participant().is_some() {
            return *event;
        }
        with_order(event, order.owned_by(self.owner(event, order.id.0)))
    }
}

/// The same event about this order.
pub(crate) fn with_order(event: &Event, order: Order) -> Event {
    let same = Event::new(event.subject, event.event_at, order).with_kind(event.kind());
    same.with_flags(event.flags).from_source(event.source)
}

/// The same event with this execution.
pub(crate) fn with_execution(event: &Event, execution: Execution) -> Event {
    let same = Event::new(event.subject, event.event_at, execution);
    same.with_flags(event.flags).from_source(event.source)
}
