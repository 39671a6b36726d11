//! A server that says anything at all: the same is heard whether it comes at once or in pieces.
#![no_main]

use engine_event::Nanos;
use feeds::codec::framing::soupbintcp::{Client, Login};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let hear = |piece: usize| {
        let mut client = Client::new(Login::new("name", "word", "", 0), Nanos(0));
        let (mut from, mut seen, mut heard) = (0, 0, Vec::new());
        loop {
            match client.receive(&bytes[from..seen], Nanos(1)) {
                Ok((0, _)) if seen == bytes.len() => break,
                Ok((0, _)) => seen = bytes.len().min(seen + piece),
                Ok((consumed, said)) => {
                    from += consumed;
                    heard.push(format!("{said:?}"));
                }
                Err(error) => {
                    heard.push(error.to_string());
                    break;
                }
            }
        }
        (heard, client.next(), client.is_over())
    };
    assert_eq!(hear(usize::MAX), hear(3));
});
