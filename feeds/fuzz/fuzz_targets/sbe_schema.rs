#![no_main]

use feeds::codec::sbe::{Plan, Schema};

// A schema is read or refused in one line; what was read makes a plan or is refused likewise.
libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(error) = Schema::read(text).and_then(|schema| Plan::new(&schema)) {
        assert!(!error.to_string().contains('\n'));
    }
});
