//! What becomes of a trade, of the orders that rested in it, and of what follows.

use super::*;
use ::dbn::flags::LAST;
use engine_event::body::{Execution, Order, Print};
use proptest::prelude::*;

/// A record of so much, at moment 1.
fn of(action: char, side: char, order: u64, size: u32) -> MboMsg {
    MboMsg { size, ..mbo(action, side, 10, 1, order) }
}

fn last(mut record: MboMsg) -> MboMsg {
    record.flags = FlagSet::new(LAST);
    record
}

fn at(at: u64, mut record: MboMsg) -> MboMsg {
    (record.hd.ts_event, record.ts_recv) = (DAY + at, DAY + at + 5);
    record
}

/// What the records become, in short: what, of which order, how much, and its flags.
fn told(records: &[MboMsg]) -> Vec<String> {
    let decoded = strictly(&stream(&two_stocks(), records));
    assert_eq!(decoded.error, None);
    let short = |event: &Event| {
        let (order, quantity) = match event.kind() {
            Kind::Trade => (0, event.body::<Print>().quantity.0),
            Kind::Execute => (event.body::<Execution>().id.0, event.body::<Execution>().quantity.0),
            _ => (event.body::<Order>().id.0, event.body::<Order>().quantity.0),
        };
        format!("{:?} {order} {quantity} {:?}", event.kind(), event.flags)
    };
    decoded.events.iter().filter(|event| event.kind() != Kind::Define).map(short).collect()
}

#[test]
fn what_becomes_of_an_order_that_was_filled_is_an_execution() {
    let two = [
        of('T', 'A', 0, 5),
        of('F', 'B', 1, 2),
        of('F', 'B', 2, 3),
        of('C', 'B', 1, 2),
        last(of('C', 'B', 2, 3)),
    ];
    assert_eq!(told(&two), [r#"Execute 1 2 {"buy"}"#, r#"Execute 2 3 {"last", "buy"}"#]);
}

#[test]
fn what_no_order_is_told_to_have_filled_stays_a_trade() {
    let implied = [of('T', 'B', 0, 5), of('F', 'A', 1, 2), last(of('C', 'A', 1, 2))];
    assert_eq!(told(&implied), [r#"Trade 0 3 {"sell"}"#, r#"Execute 1 2 {"last", "sell"}"#]);
    let alone = [of('T', 'B', 0, 5), at(2, of('A', 'A', 1, 2))];
    assert_eq!(told(&alone), [r#"Trade 0 5 {"sell"}"#, r#"Add 1 2 {"sell"}"#]);
    assert_eq!(told(&[of('T', 'B', 0, 5)]), [r#"Trade 0 5 {"sell"}"#], "at the end");
    assert_eq!(told(&[last(of('T', 'B', 0, 5))]), [r#"Trade 0 5 {"last", "sell"}"#]);
}

#[test]
fn an_order_that_stays_is_there_before_it_is_filled() {
    // Seven were shown and two of them filled; or an iceberg showed two, and shows five anew.
    let stays = [of('T', 'A', 0, 2), of('F', 'B', 1, 2), last(of('M', 'B', 1, 5))];
    let before = r#"Modify 1 7 {"snapshot", "buy"}"#;
    assert_eq!(told(&stays), [before, r#"Execute 1 2 {"last", "buy"}"#]);
}

#[test]
fn the_one_who_came_did_not_rest() {
    let records = [
        of('T', 'B', 9, 2),
        of('F', 'B', 9, 2),
        of('F', 'A', 1, 2),
        of('C', 'B', 9, 2),
        last(of('C', 'A', 1, 2)),
    ];
    assert_eq!(
        told(&records),
        [r#"Reduce 9 2 {"buy", "non-printable"}"#, r#"Execute 1 2 {"last", "sell"}"#]
    );
}

#[test]
fn in_an_auction_both_sides_rested_and_count_once() {
    let records = [
        of('T', 'N', 0, 2),
        of('F', 'B', 1, 2),
        of('F', 'A', 2, 2),
        of('C', 'B', 1, 2),
        last(of('C', 'A', 2, 2)),
    ];
    let bought = r#"Execute 1 2 {"buy", "non-printable"}"#;
    assert_eq!(told(&records), [bought, r#"Execute 2 2 {"last", "sell"}"#]);
}

#[test]
fn more_is_cancelled_than_was_filled_and_less() {
    let more = [of('T', 'A', 0, 2), of('F', 'B', 1, 2), last(of('C', 'B', 1, 6))];
    assert_eq!(told(&more), [r#"Execute 1 2 {"buy"}"#, r#"Reduce 1 4 {"last", "buy"}"#]);
    let less =
        [of('T', 'A', 0, 4), of('F', 'B', 1, 4), of('C', 'B', 1, 1), last(of('C', 'B', 1, 3))];
    assert_eq!(told(&less), [r#"Execute 1 1 {"buy"}"#, r#"Execute 1 3 {"last", "buy"}"#]);
}

#[test]
fn a_fill_that_nothing_follows_is_a_trade_when_the_moment_is_over() {
    let records = [of('T', 'A', 0, 2), of('F', 'B', 1, 2), at(2, of('C', 'B', 1, 2))];
    assert_eq!(told(&records), [r#"Trade 0 2 {"buy"}"#, r#"Reduce 1 2 {"buy"}"#]);
    assert_eq!(told(&records[..2]), [r#"Trade 0 2 {"buy"}"#], "at the end");
}

#[test]
fn what_is_told_of_an_order_is_over_whatever_still_waits() {
    let records = [
        of('T', 'A', 0, 20),
        of('F', 'B', 1, 10),
        of('F', 'B', 2, 10),
        of('C', 'B', 2, 10),
        // Nothing is left of the second one's fill, while the first one's waits.
        of('A', 'B', 2, 5),
        of('C', 'B', 2, 5),
        of('T', 'A', 0, 3),
        of('F', 'B', 2, 3),
        of('M', 'B', 2, 4),
        last(of('C', 'B', 1, 10)),
    ];
    assert_eq!(
        told(&records),
        [
            r#"Execute 2 10 {"buy"}"#,
            r#"Add 2 5 {"buy"}"#,
            r#"Reduce 2 5 {"buy"}"#,
            r#"Modify 2 7 {"snapshot", "buy"}"#,
            r#"Execute 2 3 {"buy"}"#,
            r#"Execute 1 10 {"last", "buy"}"#,
        ]
    );
}

#[test]
fn trades_of_several_instruments_may_be_told_at_once() {
    let other = |record: MboMsg| MboMsg { hd: mbo('A', 'B', 20, 1, 0).hd, ..record };
    let records = [
        of('T', 'A', 0, 2),
        of('F', 'B', 1, 2),
        other(of('T', 'B', 0, 3)),
        other(of('F', 'A', 1, 3)),
        of('C', 'B', 1, 2),
        other(of('C', 'A', 1, 3)),
    ];
    assert_eq!(told(&records), [r#"Execute 1 2 {"buy"}"#, r#"Execute 1 3 {"sell"}"#]);
}

proptest! {
    /// Whatever is filled, no volume is lost and none is told twice.
    #[test]
    fn the_volume_is_that_of_the_trades(
        trades in prop::collection::vec(
            (0..3u32, prop::collection::vec((1..5u32, 0..4u8), 0..6), any::<bool>()), 0..20,
        ),
        mut ends in prop::collection::vec(0usize..9000, 0..30),
    ) {
        let (mut records, mut volume, mut moment) = (Vec::new(), 0, 0);
        for (implied, fills, is_bought) in trades {
            moment += 1;
            let (comes, rests) = if is_bought { ('B', 'A') } else { ('A', 'B') };
            let size = fills.iter().map(|fill| fill.0).sum::<u32>() + implied;
            volume += u64::from(size);
            let mut tell = |record| records.push(at(moment, record));
            tell(of('T', comes, 0, size));
            fills.iter().zip(1..).for_each(|(fill, id)| tell(of('F', rests, id, fill.0)));
            for ((size, then), id) in fills.into_iter().zip(1..) {
                match then {
                    0 => tell(of('C', rests, id, size)),
                    1 => tell(of('C', rests, id, size + 3)),
                    2 => tell(of('M', rests, id, 4)),
                    _ => {}
                }
            }
        }
        let bytes = stream(&two_stocks(), &records);
        let told = strictly(&bytes);
        let traded = told.events.iter().map(|event| match event.kind() {
            Kind::Trade => event.body::<Print>().quantity.0,
            Kind::Execute => event.body::<Execution>().quantity.0,
            _ => 0,
        });
        prop_assert_eq!(traded.sum::<u64>(), volume);
        assert_chunks_do_not_matter(|| Dbn::new(&Options::default()), &bytes, &mut ends);
    }
}
