//! Who did what to which order: an event about orders as a participant's doing.

use crate::desk::deed::Deed;
use engine_observer::View;
use engine_observer::event::body::{Execution, Order, Replacement};
use engine_observer::event::{Flags, Kind, Nanos, OrderId, ParticipantId};

/// What somebody did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    /// Entered an order.
    Enter,
    /// Changed one that stays: price, quantity, or both.
    Amend,
    /// Took one away.
    Cancel,
    /// Traded with a resting one.
    Execute,
}

/// What somebody did, to which order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Action {
    pub(crate) act: Act,
    /// Whose order it is, if the event or the book can tell.
    pub(crate) owner: Option<ParticipantId>,
    /// Who traded against it.
    pub(crate) aggressor: Option<ParticipantId>,
    /// The order as it was called before.
    pub(crate) order: OrderId,
    /// As it is called now; only a replacement has another name.
    pub(crate) successor: OrderId,
    /// When it entered, if the book knows it.
    pub(crate) entered_at: Option<Nanos>,
}

impl Action {
    /// What the event says that somebody did; none if it is not about an order, or no news.
    #[inline]
    pub(crate) fn of(view: &View<'_>) -> Option<Action> {
        let event = view.event;
        if event.flags.has(Flags::SNAPSHOT) || Deed::is_settled(event) {
            return None;
        }
        let stays = view.change.left.is_some();
        match event.kind() {
            Kind::Add => Some(Self::told(Act::Enter, view)),
            Kind::Modify => Some(Self::told(Act::Amend, view)),
            Kind::Reduce if stays => Some(Self::told(Act::Amend, view)),
            Kind::Reduce | Kind::Delete => Some(Self::told(Act::Cancel, view)),
            Kind::Replace => {
                let body: Replacement = event.body();
                let known = Self::about(Act::Amend, body.old, None, view);
                Some(Action { successor: body.new, ..known })
            }
            Kind::Execute => {
                let body: Execution = event.body();
                let known = Self::about(Act::Execute, body.id, body.participant(), view);
                Some(Action { aggressor: body.counterparty(), ..known })
            }
            _ => None,
        }
    }

    #[inline]
    fn told(act: Act, view: &View<'_>) -> Action {
        let body: Order = view.event.body();
        Self::about(act, body.id, body.participant(), view)
    }

    #[inline]
    fn about(act: Act, order: OrderId, told: Option<ParticipantId>, view: &View<'_>) -> Action {
        let before = view.change.order.as_ref();
        Action {
            act,
            owner: told.or_else(|| before.and_then(|before| before.participant)),
            aggressor: None,
            order,
            successor: order,
            entered_at: before.map(|before| before.entered_at),
        }
    }
}
