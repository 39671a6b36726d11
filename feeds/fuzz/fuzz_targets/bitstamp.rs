#![no_main]

mod check;

use feeds::codec::Bitstamp;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::codec(Bitstamp::new, bytes));
