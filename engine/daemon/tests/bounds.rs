//! Memory stays within what the configuration says, however many orders and symbols a feed has: what does
//! not fit is counted, and its book is called stale.
//!
//! Feeds come through a pipe: of a file that is mapped, the pages that were read would count as memory.

mod tapewatch;

use engine_book::{Books, Bounds};
use engine_event::{Directory, Fault};
use engine_pipeline::Tally;
use feeds::codec::Codec;
use feeds::codec::itch50::message::{AddOrder, Head, StockDirectory};
use feeds::{Options, codec, synthetic};
use serde_json::Value;
use std::io::{BufWriter, Write};
use tapewatch::Folder;
use zerocopy::IntoBytes;

/// How ids follow one another.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Ids {
    /// In the order in which orders enter, as NASDAQ gives them.
    Running,
    /// All over 64 bits.
    Scattered,
}

impl Ids {
    fn of(self, order: u64) -> u64 {
        match self {
            Ids::Running => order + 1,
            Ids::Scattered => order.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        }
    }
}

fn named(stock: u64) -> [u8; 8] {
    let mut name = [b' '; 8];
    let text = synthetic::symbol(stock as usize);
    name[..text.len()].copy_from_slice(text.as_bytes());
    name
}

/// A session of ITCH whose orders all stay, dealt out over its stocks in turn; 100 levels in each book.
fn itch(stocks: u64, orders: u64, ids: Ids, out: impl Write) {
    const OPEN: u64 = 34_200_000_000_000;
    let mut out = BufWriter::new(out);
    let mut put = |message: &[u8]| {
        out.write_all(&(message.len() as u16).to_be_bytes()).unwrap();
        out.write_all(message).unwrap();
    };
    for stock in 0..stocks {
        let listed = StockDirectory {
            head: Head::new(StockDirectory::LETTER, stock as u16 + 1, OPEN),
            stock: named(stock),
            market_category: b'Q',
            financial_status: b'N',
            round_lot: 100.into(),
            round_lots_only: b'N',
            classification: b'C',
            sub_type: *b"Z ",
            authenticity: b'P',
            short_sale_threshold: b'N',
            ipo: b'N',
            luld_tier: b'1',
            etp: b'N',
            etp_leverage: 0.into(),
            inverse: b'N',
        };
        put(listed.as_bytes());
    }
    for order in 0..orders {
        let (stock, step) = (order % stocks, order / stocks);
        let is_bid = step % 2 == 0;
        let cents = step / 2 % 50 + if is_bid { 50 } else { 151 };
        let add = AddOrder {
            head: Head::new(AddOrder::LETTER, stock as u16 + 1, OPEN + order * 1000),
            order: ids.of(order).into(),
            side: if is_bid { b'B' } else { b'S' },
            shares: 100.into(),
            stock: named(stock),
            price: (cents as u32 * 100).into(),
        };
        put(add.as_bytes());
    }
}

/// A tape with so many symbols, and orders that are dealt out over them in turn.
fn tape(symbols: u64, orders: u64, out: impl Write) {
    let mut out = BufWriter::new(out);
    writeln!(out, "event_at,subject,kind,order_id,side,price,quantity").unwrap();
    for order in 0..orders {
        let (symbol, step) = (order % symbols, order / symbols);
        let (side, price) = if step % 2 == 0 { ('B', 10) } else { ('S', 11) };
        writeln!(out, "{order},S{symbol:07},add,{order},{side},{price},100").unwrap();
    }
}

/// What came of a replay through a pipe, and the most memory that it held, in KiB. The pipe stays open for
/// a moment, so that there is somebody to be asked.
fn replay(folder: &Folder, file: &str, bounds: Bounds) -> (Value, u64) {
    let Bounds { orders_max, subjects_max } = bounds;
    let books = format!("[books]\norders_max = {orders_max}\nsubjects_max = {subjects_max}\n");
    folder.write("c.toml", books);
    let ran = folder.shell(&format!(
        "{{ cat {file}; sleep 0.3; }} | \"$TAPEWATCH\" replay - --config c.toml --json > summary & \
         while used=$(grep VmHWM /proc/$!/status 2>/dev/null); do peak=$used; sleep 0.01; done; \
         echo $peak; wait $!"
    ));
    let peak = ran.succeeded().stdout;
    let peak = peak.split_whitespace().nth(1).and_then(|kib| kib.parse().ok());
    let summary = serde_json::from_slice(&folder.read("summary")).unwrap();
    (summary, peak.expect("the system tells how much memory it holds"))
}

/// What an order may take, in bytes: itself, and its place in the index.
const ORDER_BYTES: u64 = 64 + 100;

/// What a longer stream touches besides: rings, lanes, buffers.
const FLOW_KIB: u64 = 12 << 10;

#[test]
fn orders_that_do_not_fit_are_counted_and_take_no_memory() {
    let folder = Folder::new();
    let file = |name: &str| std::fs::File::create(folder.path(name)).unwrap();
    let bounds = Bounds { orders_max: 20_000, subjects_max: 40 };
    itch(20, 100, Ids::Running, file("few"));
    let (summary, least) = replay(&folder, "few", bounds);
    assert_eq!(summary["faults"].to_string(), "{}");
    for ids in [Ids::Running, Ids::Scattered] {
        itch(20, 420_000, ids, file("many"));
        let (summary, peak) = replay(&folder, "many", bounds);
        assert_eq!(summary["faults"].to_string(), r#"{"orders-full":400000}"#, "{ids:?}");
        let most = least + u64::from(bounds.orders_max) * ORDER_BYTES / 1024 + FLOW_KIB;
        assert!(peak <= most, "{ids:?}: {peak} KiB, {most} at most");
    }
}

#[test]
fn symbols_that_do_not_fit_are_counted_and_take_no_memory() {
    let folder = Folder::new();
    let file = |name: &str| std::fs::File::create(folder.path(name)).unwrap();
    let bounds = Bounds { orders_max: 20_000, subjects_max: 500 };
    itch(400, 800, Ids::Running, file("few"));
    let (summary, least) = replay(&folder, "few", bounds);
    assert_eq!(summary["faults"].to_string(), "{}");
    itch(60_000, 60_000, Ids::Running, file("many"));
    let (summary, peak) = replay(&folder, "many", bounds);
    // A definition and an order of each.
    assert_eq!(summary["faults"].to_string(), r#"{"directory-full":119000}"#);
    assert!(peak <= least + FLOW_KIB, "{peak} KiB after {least}");
    tape(60_000, 60_000, file("many"));
    let (summary, peak) = replay(&folder, "many", bounds);
    assert_eq!(summary["faults"].to_string(), r#"{"directory-full":59500}"#);
    assert_eq!(summary["gaps"], 0, "who has room lacks nothing");
    assert!(peak <= least + FLOW_KIB, "{peak} KiB after {least}");
}

#[test]
fn a_book_whose_orders_do_not_fit_is_stale_and_no_other() {
    let mut bytes = Vec::new();
    itch(4, 22, Ids::Running, &mut bytes);
    let mut names = Directory::new(10);
    let (mut events, mut tally) = (Vec::new(), Tally::default());
    let mut codec = codec::Itch50::new(&Options::default());
    codec.decode(&bytes, true, &mut names, &mut events, &mut tally).unwrap();
    let mut books = Books::new(Bounds { orders_max: 20, subjects_max: 10 });
    for event in &events {
        books.apply(event);
    }
    assert_eq!((books.orders_live(), books.faults().of(Fault::OrdersFull)), (20, 2));
    let why: Vec<_> = books.iter().map(|book| book.stale().map(|stale| stale.reason)).collect();
    assert_eq!(why, [Some(Fault::OrdersFull), Some(Fault::OrdersFull), None, None]);
}

/// What the index's pages may take, whatever comes, and what a price level of a book by orders takes.
const PAGES_BYTES: u64 = 128 << 20;
const LEVEL_BYTES: u64 = 100;

/// What a symbol may take, in bytes: its name and its book; and what the usual observers remember of it,
/// nearly all of that the windows of P06.
const SYMBOL_BYTES: u64 = 1000 + 3300;

/// For a release build: `cargo xtask soak` runs it.
#[test]
#[ignore = "gigabytes and minutes: cargo xtask soak --only bounds"]
fn ten_million_orders_and_a_million_symbols_stay_within_bounds() {
    let folder = Folder::new();
    let file = |name: &str| std::fs::File::create(folder.path(name)).unwrap();
    let (orders, symbols, stocks) = (10_000_000, 1_000_000, 8000);
    let orders_bytes =
        |orders: u64| PAGES_BYTES + orders * ORDER_BYTES + stocks * 100 * LEVEL_BYTES;
    let all = Bounds { orders_max: 10_000_000, subjects_max: 1_000_000 };
    let half = Bounds { orders_max: 5_000_000, subjects_max: 500_000 };
    itch(stocks, 100, Ids::Running, file("few"));
    let (_, least) = replay(&folder, "few", all);
    let within = |what: &str, peak: u64, bytes: u64| {
        let (held, most) = ((peak - least) / 1024, bytes >> 20);
        eprintln!("{what}: {held} MiB beyond {} MiB, {most} at most", least / 1024);
        assert!(held <= most, "{what}: {held} MiB, {most} at most");
    };
    for ids in [Ids::Running, Ids::Scattered] {
        itch(stocks, orders, ids, file("many"));
        let (summary, peak) = replay(&folder, "many", all);
        assert_eq!(summary["faults"].to_string(), "{}", "{ids:?}");
        within(&format!("{orders} orders, ids {ids:?}"), peak, orders_bytes(orders));
        let (summary, peak) = replay(&folder, "many", half);
        assert_eq!(summary["faults"].to_string(), r#"{"orders-full":5000000}"#, "{ids:?}");
        within(&format!("half of them, ids {ids:?}"), peak, orders_bytes(orders / 2));
    }
    tape(symbols, 4 * symbols, file("many"));
    let (summary, peak) = replay(&folder, "many", all);
    assert_eq!(summary["faults"].to_string(), "{}");
    let bytes = PAGES_BYTES + symbols * (SYMBOL_BYTES + 4 * ORDER_BYTES + 2 * LEVEL_BYTES);
    within(&format!("{symbols} symbols"), peak, bytes);
    let (summary, peak) = replay(&folder, "many", half);
    assert_eq!(summary["faults"].to_string(), r#"{"directory-full":2000000}"#);
    within("half of them", peak, bytes / 2);
}
