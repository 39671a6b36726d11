#![no_main]

mod check;

use feeds::codec::ItchPcap;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::codec(ItchPcap::new, bytes));
