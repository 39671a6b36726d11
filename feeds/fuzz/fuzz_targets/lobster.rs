#![no_main]

mod check;

use feeds::codec::Lobster;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::codec(Lobster::new, bytes));
