//! What does it cost to have everything in one place: decoding, books and observers, fused on one
//! thread as a replay runs them, against the sum of these parts measured alone?
//!
//! The parts get what they could not get better in the pipeline: decoding writes into a few slots
//! that stay in the cache, books and observers read events that lie there. What the whole costs beyond
//! them is sequencing, ring, metering, lane, collector, and that everybody shares one cache. Part and
//! whole alike begin each round with books and observers that have seen nothing.

#![forbid(unsafe_code)]

use benches::{
    Contest, Options, Overwritten, Session, Target, drain, ns_each, tell, time, time_batches,
    time_fused,
};
use engine_assembly::Spec;
use engine_book::{Books, Bounds, Change};
use engine_event::{Event, Reader, Snapshot, SnapshotError, Writer};
use engine_observer::{Interest, Observer, Outbox, Panel, Parameters, Roster, Scope, View};
use std::hint::black_box;

fn main() {
    let options = Options::from_args();
    let session = Session::new(options.choose(1_000_000, 20_000), 200);
    let events = session.events();
    let messages = session.messages();

    let results = Contest::new("a message from the file to three observers")
        .ours("decode", || ns_each(time(|| decode(&session)), messages))
        .ours("book", || books(&events, messages))
        .ours("three observers", || observers(&events, messages))
        .ours("fused path", || fused(&session, &three()))
        .ours("fused path, microprice and P06", || fused(&session, &usual()))
        .play(options.choose(15, 1))
        .derive("sum of the parts", |of| of("decode") + of("book") + of("three observers"))
        .derive("fused path, million messages a second", |of| 1e3 / of("fused path"))
        .yardstick("sum of the parts")
        .target("fused path", Target::at_most(1.3, &["sum of the parts"]));
    tell(options, "path", "ns a message", &[results]);
}

fn decode(session: &Session) {
    drain(&mut session.open(), &mut Overwritten::default());
}

fn books(events: &[Event], messages: u64) -> Vec<f64> {
    let mut books = Books::new(Bounds::default());
    let spent = time_batches(events, |batch| {
        for event in batch {
            black_box(books.apply(event));
        }
    });
    ns_each(spent, messages)
}

fn observers(events: &[Event], messages: u64) -> Vec<f64> {
    let mut panel = Panel::new(&three(), Scope::Subject, Bounds::default());
    let mut out = Outbox::new();
    let spent = time_batches(events, |batch| {
        for event in batch {
            panel.pass(event, &mut out);
            panel.show(event, &Change::NONE, &mut out);
        }
    });
    ns_each(spent, messages)
}

fn fused(session: &Session, roster: &Roster) -> Vec<f64> {
    ns_each(time_fused(session, roster, Spec::default()), session.messages())
}

fn three() -> Roster {
    Roster::new().with(Simple::<1>).with(Simple::<2>).with(Simple::<3>)
}

fn usual() -> Roster {
    let strategy = strategies::Microprice::default();
    Roster::new().with(strategy).with(surveillance::QuoteStuffing::default())
}

/// An observer that does a little with every event about orders, and finds nothing.
#[derive(Clone)]
struct Simple<const N: u64>;

struct Sum(u64);

impl<const N: u64> Observer for Simple<N> {
    type Memory = Sum;

    fn name(&self) -> &'static str {
        ["", "first", "second", "third"][N as usize]
    }

    fn interest(&self) -> Interest {
        Interest::in_orders()
    }

    fn parameters(&self, _: &mut Parameters) {}

    fn remember(&self) -> Sum {
        Sum(0)
    }

    fn observe(&self, sum: &mut Sum, view: &View<'_>, _: &mut Outbox) {
        sum.0 = sum.0.wrapping_mul(N).wrapping_add(view.event.event_at.0 ^ view.now.0);
    }
}

impl Snapshot for Sum {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        to.u64(self.0);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.0 = from.u64()?;
        Ok(())
    }
}
