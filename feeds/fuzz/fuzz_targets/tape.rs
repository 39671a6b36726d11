#![no_main]

mod check;

use feeds::codec::Tape;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::codec(Tape::new, bytes));
