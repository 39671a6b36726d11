//! What do bands, the last touches and the best over all venues cost beside the book?
//!
//! Each follows the book event by event; the book alone is what they are held against. A walk over the
//! levels within the band after each event is what an observer would do without bands.

#![forbid(unsafe_code)]

use benches::{Contest, Options, Session, Target, ns_each, tell, time_batches};
use engine_book::bands::{Bands, Depth};
use engine_book::consolidated::Consolidated;
use engine_book::recent::RecentTouches;
use engine_book::{BookView, Books, Bounds, Change};
use engine_event::{Definition, Event, Side, SubjectId, VenueId};
use std::hint::black_box;

/// Stocks; for the consolidated best they are ten instruments at ten venues each.
const STOCKS: usize = 100;
const VENUES: u32 = 10;

fn main() {
    let options = Options::from_args();
    let events = Session::new(options.choose(1_000_000, 20_000), STOCKS).events();
    let alone = || follow(&events, |_, _, _| ());
    let results = Contest::new("an event taken by a book and who follows it")
        .ours("the book alone", alone)
        .ours("one band of 10 bp", || bands(&events, &[10]))
        .ours("bands of 10, 50 and 200 bp", || bands(&events, &[10, 50, 200]))
        .ours("a walk over 10 bp", || walk(&events, &[10]))
        .ours("walks over 10, 50 and 200 bp", || walk(&events, &[10, 50, 200]))
        .ours("the last 50 touches", || touches(&events))
        .ours("the best over ten venues", || consolidated(&events))
        .play(options.choose(11, 1))
        .derive("added by one band", |of| of("one band of 10 bp") - of("the book alone"))
        .derive("added by three bands", |of| {
            of("bands of 10, 50 and 200 bp") - of("the book alone")
        })
        .derive("added by one walk", |of| of("a walk over 10 bp") - of("the book alone"))
        .derive("added by three walks", |of| {
            of("walks over 10, 50 and 200 bp") - of("the book alone")
        })
        .derive("added by the touches", |of| of("the last 50 touches") - of("the book alone"))
        .derive("added by ten venues", |of| of("the best over ten venues") - of("the book alone"))
        .target("added by three bands", Target::at_most(1.0, &["added by three walks"]));
    tell(options, "near", "ns an event", &[results]);
}

/// The first half of the events warms everything up; the second one counts.
fn follow(events: &[Event], mut look: impl FnMut(&Event, &Change, BookView<'_>)) -> Vec<f64> {
    let mut books = Books::new(Bounds::default());
    let mut take = |batch: &[Event]| {
        for event in batch {
            let change = books.apply(event);
            if let Some(book) = books.book(event.subject) {
                look(event, &change, book);
            }
        }
    };
    let (early, late) = events.split_at(events.len() / 2);
    take(early);
    ns_each(time_batches(late, take), late.len() as u64)
}

fn bands(events: &[Event], widths: &[u32]) -> Vec<f64> {
    let mut all = vec![Bands::new(widths).expect("they ascend"); STOCKS];
    follow(events, |_, change, book| {
        let bands = &mut all[book.subject().index()];
        bands.follow(change, &book);
        for band in 0..widths.len() {
            black_box([Side::Buy, Side::Sell].map(|side| bands.depth(side, band).quantity));
        }
    })
}

fn walk(events: &[Event], widths: &[u32]) -> Vec<f64> {
    follow(events, |_, _, book| {
        for width in widths {
            black_box([Side::Buy, Side::Sell].map(|side| Depth::of(&book, side, *width).quantity));
        }
    })
}

fn touches(events: &[Event]) -> Vec<f64> {
    let mut all = vec![RecentTouches::new(50); STOCKS];
    follow(events, |event, change, book| {
        black_box(all[book.subject().index()].follow(event, change, book.touch()));
    })
}

fn consolidated(events: &[Event]) -> Vec<f64> {
    let mut across = Consolidated::new(STOCKS);
    for stock in 0..STOCKS as u32 {
        let instrument = SubjectId(stock - stock % VENUES);
        let definition = Definition::new(VenueId(stock as u16), 4, 0);
        across.join(instrument, SubjectId(stock), &definition).expect("there is room");
    }
    follow(events, |_, _, book| {
        black_box(across.follow(&book));
    })
}
