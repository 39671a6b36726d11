//! What does an observer cost that wants nothing of what happens?
//!
//! The panel knows by kind who wants to see an event, so that one who does not should cost nothing at
//! all. One candidate has no interest in anything; the other has one in news, of which this session
//! has none. The difference is far below what a shared machine does from one moment to the next: many
//! short rounds, and the median of what is added within each; the same panel once more shows how far
//! that can be trusted.

#![forbid(unsafe_code)]

use benches::{Contest, Options, Session, Target, ns_each, tell, time_batches};
use engine_book::Bounds;
use engine_event::{Event, Kind};
use engine_observer::{Interest, Observer, Outbox, Panel, Parameters, Roster, Scope, View};
use std::hint::black_box;

fn main() {
    let options = Options::from_args();
    let events = Session::new(options.choose(100_000, 10_000), 20).events();

    let results = Contest::new("an event shown to a panel")
        .ours("microprice", || observe(&events, &base()))
        .ours("the same once more", || observe(&events, &base()))
        .ours("and one that wants nothing", || observe(&events, &base().with(Idle(NOTHING))))
        .ours("and one that wants news", || observe(&events, &base().with(Idle(NEWS))))
        .play(options.choose(301, 1))
        .derive("added by nobody: the bench's own error", |of| {
            of("the same once more") - of("microprice")
        })
        .derive("added by wanting nothing", |of| {
            of("and one that wants nothing") - of("microprice")
        })
        .derive("added by wanting news", |of| of("and one that wants news") - of("microprice"))
        .target("added by wanting nothing", Target::at_most(0.5, &[]))
        .target("added by wanting news", Target::at_most(0.5, &[]));
    tell(options, "idle_observer", "ns an event", &[results]);
}

const NOTHING: Interest = Interest::NONE;
const NEWS: Interest = Interest::in_kinds(&[Kind::News]);

fn base() -> Roster {
    Roster::new().with(strategies::Microprice::default())
}

/// The first half of the events warms the panel up; the second one counts.
fn observe(events: &[Event], roster: &Roster) -> Vec<f64> {
    let mut panel = Panel::new(roster, Scope::Subject, Bounds::default());
    let mut out = Outbox::new();
    let mut show = |batch: &[Event]| {
        for event in batch {
            panel.observe(event, &mut out);
            black_box(out.contents());
            out.clear();
        }
    };
    let (early, late) = events.split_at(events.len() / 2);
    show(early);
    ns_each(time_batches(late, show), late.len() as u64)
}

/// Looks at what it must, which is nothing.
#[derive(Clone)]
struct Idle(Interest);

impl Observer for Idle {
    type Memory = ();

    fn name(&self) -> &'static str {
        "idle"
    }

    fn interest(&self) -> Interest {
        self.0
    }

    fn parameters(&self, _: &mut Parameters) {}

    fn remember(&self) {}

    fn observe(&self, _: &mut (), view: &View<'_>, _: &mut Outbox) {
        unreachable!("{:?} was shown", view.event);
    }
}
