#![no_main]

mod check;

use feeds::codec::Dbn;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::codec(Dbn::new, bytes));
