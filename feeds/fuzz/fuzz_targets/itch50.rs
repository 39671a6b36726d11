#![no_main]

mod check;

use feeds::codec::Itch50;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::codec(Itch50::new, bytes));
