#![no_main]

mod check;

use feeds::codec::IexPcap;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::codec(IexPcap::new, bytes));
