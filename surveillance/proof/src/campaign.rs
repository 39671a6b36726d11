//! A campaign: one person's repeated episodes of one pattern in one instrument.

use crate::desk::{Desk, Outcome, SECOND};
use crate::scenario::Case;
use crate::stage::{self, alongside};
use engine_event::Nanos;
use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

/// How many episodes may come to nothing before the campaign is given up.
const VOIDS_MAX: u32 = 25;

/// How long a campaign in the base's own market may go on before it is given up: its instrument is no
/// other's meanwhile.
const LASTS_MAX: u64 = 7_200 * SECOND;

/// How long a market may be closed, or one-sided, before the campaign is given up.
const CLOSED_MAX: u64 = 900 * SECOND;

/// What a campaign has done so far.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Told {
    pub(crate) first_at: Nanos,
    pub(crate) last_at: Nanos,
    pub(crate) decided_at: Vec<Nanos>,
}

/// A campaign while it goes on; in the end, whether it is complete.
pub(crate) type Campaign = dyn Future<Output = bool>;

pub(crate) async fn campaign(
    desk: Desk,
    case: &'static Case,
    episodes: u64,
    told: Rc<RefCell<Told>>,
) -> bool {
    let Some(stage) = case.stage else { return episodes_of(&desk, case, episodes, &told).await };
    let crowd = desk.beside(desk.whole(0, u64::MAX - 1));
    let mood = desk.mood();
    let act = async {
        desk.pause(stage.warm_s * SECOND).await;
        told.borrow_mut().first_at = desk.now();
        episodes_of(&desk, case, episodes, &told).await
    };
    let complete = alongside(stage::crowd(&crowd, stage, &mood), act).await;
    crowd.clear_up();
    complete
}

async fn episodes_of(
    desk: &Desk,
    case: &'static Case,
    episodes: u64,
    told: &RefCell<Told>,
) -> bool {
    let (mut voids, begun) = (0, desk.now());
    let own_session = case.stage.is_some_and(|stage| stage.own_session || stage.per_second <= 0.0);
    loop {
        if !own_session && !desk.until(CLOSED_MAX, Desk::is_open).await {
            return false;
        }
        let outcome = (case.run)(desk).await;
        desk.clear_up();
        match outcome {
            Outcome::Done(at) => told.borrow_mut().decided_at.push(at),
            Outcome::Void => voids += 1,
        }
        if told.borrow().decided_at.len() as u64 >= episodes {
            return true;
        }
        let is_long = !own_session && desk.now().since(begun).0 > LASTS_MAX;
        if voids > VOIDS_MAX || is_long {
            return false;
        }
        let (least, most) = case.apart_s;
        desk.pause_between(least * SECOND, most * SECOND).await;
    }
}
