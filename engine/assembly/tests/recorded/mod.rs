//! What the tests of the assembly share: streams of events, a feed that replays them, a roster.
#![allow(dead_code, unreachable_pub)] // each test uses its part

use engine_assembly::{Assembly, Outcome, Outlet, Roll, Spec};
use engine_event::body::{
    Definition, End, Execution, Gap, Order, Phase, Print, Reading, Replacement, Status,
};
use engine_event::{
    Directory, Event, Fault, Flags, Kind, MetricId, Nanos, OrderId, ParticipantId, Price, Quantity,
    Side, SubjectId, VenueId,
};
use engine_observer::{Alert, Finding, Roster};
use engine_pipeline::{
    Feed, FeedError, FeedTurn, Layout, Plan, Role, Sink, Tally, Topology, allowed_cores,
};
use proptest::prelude::*;
use std::io;
use std::sync::Arc;

/// A feed of events that exist already.
pub struct Recorded {
    events: Arc<[Event]>,
    next: usize,
}

impl Recorded {
    pub fn new(events: impl Into<Arc<[Event]>>) -> Self {
        Self { events: events.into(), next: 0 }
    }
}

impl Feed for Recorded {
    fn poll<S: Sink>(
        &mut self,
        _: Nanos,
        _: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        while self.next < self.events.len() && sink.room() > 0 {
            sink.push(self.events[self.next]);
            self.next += 1;
        }
        Ok(if self.next == self.events.len() { FeedTurn::Ended } else { FeedTurn::Worked })
    }

    fn tally(&self) -> Tally {
        Tally { messages: self.next as u64, ..Tally::default() }
    }
}

/// Takes findings and keeps none: the ledger has counted and digested them.
pub struct Nowhere;

impl Outlet for Nowhere {
    fn take(&mut self, _: &Finding, _: Option<&Alert>, _: &mut Roll) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub const SUBJECTS: u32 = 7;
pub const PARTICIPANTS: u32 = 3;

/// The names that the streams use.
pub fn names() -> Directory {
    let mut names = Directory::new(1000);
    names.venues.intern("TEST").unwrap();
    for subject in 0..SUBJECTS {
        names.define(&format!("S{subject}"), Definition::new(VenueId(0), 2, 0)).unwrap();
    }
    for participant in 0..PARTICIPANTS {
        names.participants.intern(&format!("P{participant}")).unwrap();
    }
    names.metrics.intern("temperature").unwrap();
    names
}

/// Every observer that there is, made so sensitive that short streams find something, and so forgetful
/// that they must evict.
pub fn roster() -> Roster {
    let stuffing = surveillance::QuoteStuffing {
        rate_min_per_s: 10,
        rate_sd_min: 0.0,
        cancel_share_min: 0.5,
        execution_ratio_max: 1.0,
        life_max_ms: 60_000,
        message_share_min: 0.01,
        others_z_max: 1000.0,
        orders_min: 1,
        bursts_min: 1,
        settle_s: 0,
        score_min: 0.0,
        groups_max: 2,
        ..surveillance::QuoteStuffing::default()
    };
    let mean = surveillance::MeanThreshold {
        window_s: 1,
        low: Some(99.0),
        ..surveillance::MeanThreshold::default()
    };
    Roster::new()
        .with(strategies::Microprice::default())
        .with(strategies::EventRate::default())
        .with(strategies::NearDepth { basis_points: 100, ..strategies::NearDepth::default() })
        .with(strategies::OrderFlow { changes: 5, ..strategies::OrderFlow::default() })
        .with(stuffing)
        .with(mean)
}

/// Whatever happens to orders, trades, phases, readings and gaps, in any order, right or wrong.
pub fn any_events(length: usize) -> impl Strategy<Value = Vec<Event>> {
    let step = (
        0u8..40,
        0u32..SUBJECTS,
        1u64..30,
        -5i64..5,
        1u64..20,
        0u32..=PARTICIPANTS,
        0u64..400_000_000,
    );
    prop::collection::vec(step, length).prop_map(|steps| {
        let mut at = Nanos::from_secs(1);
        let event = |(what, subject, id, price, quantity, who, wait): (
            u8,
            u32,
            u64,
            i64,
            u64,
            u32,
            u64,
        )| {
            at = at + Nanos(wait / 80);
            let subject = SubjectId(subject);
            let side = if id % 2 == 0 { Side::Buy } else { Side::Sell };
            let price = Price(if side == Side::Buy { 100 + price } else { 104 + price });
            let (id, quantity, who) = (OrderId(id), Quantity(quantity), ParticipantId::new(who));
            let order = Order::new(id, price, quantity).owned_by(who);
            match what {
                0..=14 => Event::new(subject, at, order).with_flags(Flags::of(side)),
                15..=24 => Event::new(subject, at, Order::gone(id)).with_kind(Kind::Delete),
                25..=26 => Event::new(subject, at, order).with_kind(Kind::Reduce),
                27..=28 => Event::new(subject, at, order).with_kind(Kind::Modify),
                29..=30 => {
                    let new = OrderId(id.0 + 30);
                    Event::new(subject, at, Replacement { old: id, new, price, quantity })
                }
                31..=33 => Event::new(subject, at, Execution::new(id, None, quantity)),
                34 => Event::new(subject, at, Print::new(id.0, price, quantity))
                    .with_flags(Flags::HIDDEN),
                35 => {
                    Event::new(subject, at, Status::new(Phase::from_number((id.0 % 6) as u8), b"T"))
                }
                36 if id.0 > 25 => {
                    Event::new(SubjectId::EVERY, at, Gap::new(id.0, 1, Fault::Missing))
                }
                36 => Event::new(subject, at, Gap::new(id.0, 1, Fault::Missing)),
                _ => Event::new(subject, at, Reading::new(MetricId(0), price.0 as f64)),
            }
        };
        steps.into_iter().map(event).collect()
    })
}

/// The same without a generator's tree: `length` events from a seed.
pub fn some_events(seed: u64, length: usize) -> Vec<Event> {
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let tree = any_events(length).new_tree(&mut runner).expect("the strategy rejects nothing");
    proptest::strategy::ValueTree::current(&tree)
}

pub fn plan(topology: Topology, shards: u32, spread: bool) -> Plan {
    plan_of(topology, &Assembly::<Recorded>::roles(shards), spread)
}

/// The same for a pipeline with a journal.
pub fn plan_with_journal(topology: Topology, shards: u32, spread: bool) -> Plan {
    plan_of(topology, &Assembly::<Recorded>::roles_with_journal(shards), spread)
}

fn plan_of(topology: Topology, roles: &[Role], spread: bool) -> Plan {
    let layout =
        Layout { topology, roles, cores: &allowed_cores(), spread, force: true, bounded: true };
    Plan::new(&layout).expect("forced")
}

/// Runs the events through a whole pipeline.
pub fn run(events: &Arc<[Event]>, topology: Topology, spec: Spec, spread: bool) -> Outcome {
    let feed = Recorded::new(events.clone());
    let mut assembly = Assembly::new(feed, names(), &roster(), Box::new(Nowhere), spec);
    assembly.run(&plan(topology, spec.shards, spread)).expect("no stage panics");
    assembly.outcome()
}

/// What must not depend on threads and shards.
pub fn essence(outcome: &Outcome) -> impl PartialEq + std::fmt::Debug + use<> {
    let alerts: Vec<_> = outcome.alerts.clone().into_iter().collect();
    let signals: Vec<_> = outcome.signals.clone().into_iter().collect();
    let digests = (outcome.findings_digest, outcome.books_digest);
    (outcome.events, digests, outcome.faults, outcome.doubt.clone(), alerts, signals)
}

pub fn ending() -> Event {
    Event::new(SubjectId::EVERY, Nanos(0), End::default())
}
