//! Which subject a record is about.

use super::*;
use ::dbn::{InstrumentDefMsg, SymbolMappingMsg, v1};

fn names(bytes: &[u8]) -> Vec<String> {
    let decoded = decoded(bytes);
    let name = |event: &Event| decoded.names.name(event.subject).to_owned();
    let told = decoded.events.iter().filter(|event| event.kind() != Kind::Define);
    told.map(|event| format!("{:?} {}", event.kind(), name(event))).collect()
}

/// One order each of these instruments at these times.
fn orders(of: &[(u32, u64)]) -> Vec<MboMsg> {
    of.iter().map(|&(id, at)| mbo('A', 'B', id, at, 1)).collect()
}

const ONE_DAY: u64 = NEXT_DAY - DAY;

#[test]
fn a_name_is_valid_on_its_days() {
    let records =
        orders(&[(10, 0), (20, 0), (21, 0), (20, ONE_DAY), (21, ONE_DAY), (10, 2 * ONE_DAY)]);
    expect![[r#"
        [
            "Add MSFT",
            "Add AAPL",
            "Add 21",
            "Add 20",
            "Clear AAPL",
            "Add AAPL",
            "Add 10",
        ]
    "#]]
    .assert_debug_eq(&names(&stream(&two_stocks(), &records)));
}

#[test]
fn names_of_the_outgoing_kind_are_read_the_other_way_round() {
    let mut inverse = metadata(vec![SymbolMapping {
        raw_symbol: "10".into(),
        intervals: vec![MappingInterval {
            symbol: "MSFT".into(),
            ..mapping("x", &[(1, 0, 1)]).intervals[0].clone()
        }],
    }]);
    (inverse.stype_in, inverse.stype_out) = (Some(SType::InstrumentId), SType::RawSymbol);
    assert_eq!(names(&stream(&inverse, &orders(&[(10, 0), (11, 0)]))), ["Add MSFT", "Add 11"]);
}

#[test]
fn instruments_that_share_a_name_are_told_apart() {
    let chain = metadata(vec![mapping("ES.FUT", &[(1, 0, 1), (2, 0, 1), (3, 1, 2)])]);
    let told = names(&stream(&chain, &orders(&[(1, 0), (2, 0), (1, 1)])));
    assert_eq!(told, ["Add ES.FUT:1", "Add ES.FUT:2", "Add ES.FUT:1"]);
}

#[test]
fn an_instrument_at_two_publishers_is_two_subjects() {
    let mut records = orders(&[(10, 0), (10, 1), (10, 2), (10, 3)]);
    records[1].hd.publisher_id = 9;
    records[3].hd.publisher_id = 9999;
    let bytes = stream(&two_stocks(), &records);
    assert_eq!(names(&bytes), ["Add MSFT", "Add MSFT@XNYS", "Add MSFT", "Add MSFT@publisher-9999"]);
    let decoded = decoded(&bytes);
    assert_eq!(decoded.names.venue(decoded.events[0].subject), "XNAS");
}

#[test]
fn a_live_stream_names_its_instruments_on_the_way() {
    let nobody = metadata(Vec::new());
    let mapped = |symbol: &str| {
        SymbolMappingMsg::new(
            10,
            DAY,
            SType::RawSymbol,
            symbol,
            SType::RawSymbol,
            symbol,
            DAY,
            u64::MAX,
        )
        .unwrap()
    };
    let mut bytes = stream(&nobody, &orders(&[(10, 0)]));
    let mut old = v1::SymbolMappingMsg {
        hd: RecordHeader::new::<v1::SymbolMappingMsg>(::dbn::rtype::SYMBOL_MAPPING, 2, 11, DAY),
        ..Default::default()
    };
    old.stype_in_symbol[0] = b'F' as _;
    old.stype_out_symbol[0] = b'1' as _;
    for record in [mapped("MSFT").as_ref(), old.as_ref()] as [&[u8]; 2] {
        bytes.extend_from_slice(record);
    }
    for order in orders(&[(10, 1), (11, 1), (12, 1)]) {
        bytes.extend_from_slice(order.as_ref());
    }
    assert_eq!(names(&bytes), ["Add 10", "Add MSFT", "Add F", "Add 12"]);
    assert_eq!(decoded(&bytes).tally.by_type[usize::from(::dbn::rtype::SYMBOL_MAPPING)], 2);
}

#[test]
fn a_definition_gives_the_tick_and_a_name_where_there_is_none() {
    let mut definition = InstrumentDefMsg {
        hd: RecordHeader::new::<InstrumentDefMsg>(::dbn::rtype::INSTRUMENT_DEF, 1, 5, DAY),
        ts_recv: DAY,
        min_price_increment: 250_000_000,
        ..Default::default()
    };
    for (at, letter) in b"ESM2".iter().enumerate() {
        definition.raw_symbol[at] = *letter as _;
    }
    let mut bytes = stream(&metadata(Vec::new()), &[definition.clone()]);
    let mut order = mbo('A', 'B', 5, 1, 1);
    order.hd.publisher_id = 1;
    bytes.extend_from_slice(order.as_ref());
    definition.min_price_increment = 500_000_000;
    (definition.ts_recv, definition.hd.ts_event) = (DAY + 9, DAY + 9);
    bytes.extend_from_slice(definition.as_ref());
    expect![[r#"
        Define of ESM2 at 1649980800000000000 {} Definition { tick: Price(250000000), lot: Quantity(0), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [207, 74, 8, 144], tag: [77, 61, 0, 71, 137, 199, 202, 177] }
        Add of ESM2 at 1649980800000000001 {"buy"} Order { id: OrderId(1), price: Some(Price(100000000000)), quantity: Quantity(7), participant: 0, attributes: Attributes(0) }
        Define of ESM2 at 1649980800000000009 {} Definition { tick: Price(500000000), lot: Quantity(0), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [207, 74, 8, 144], tag: [77, 61, 0, 71, 137, 199, 202, 177] }
    "#]].assert_eq(&decoded(&bytes).lines());
}

#[test]
fn only_who_is_asked_for_is_told() {
    let options = Options { symbols: Some(vec!["AAPL".into()]), ..Options::default() };
    let records = orders(&[(10, 0), (20, 1), (10, 2), (20, 3), (21, ONE_DAY)]);
    let decoded = decode(&mut Dbn::new(&options), &stream(&two_stocks(), &records));
    assert_eq!(decoded.tally.messages, 5);
    let kinds: Vec<_> = decoded.events.iter().map(Event::kind).collect();
    assert_eq!(kinds, [Kind::Define, Kind::Add, Kind::Add, Kind::Clear, Kind::Add]);
    assert_eq!(decoded.names.subjects().len(), 1);
}

#[test]
fn more_instruments_than_the_directory_holds_are_counted() {
    let records = orders(&(0..1005).map(|id| (id, 0)).chain([(1004, 0)]).collect::<Vec<_>>());
    let decoded = decoded(&stream(&metadata(Vec::new()), &records));
    assert_eq!(decoded.tally.faults.of(Fault::DirectoryFull), 6);
    assert_eq!((decoded.tally.gaps, decoded.names.subjects().len()), (0, 1000));
}
