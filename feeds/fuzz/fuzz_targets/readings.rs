#![no_main]

mod check;

use feeds::codec::Readings;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::codec(Readings::new, bytes));
