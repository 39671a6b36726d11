#![no_main]

mod check;

use feeds::codec::ItchSoup;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::codec(ItchSoup::new, bytes));
