#![no_main]

mod check;

use feeds::Options;
use feeds::codec::Mdp3Pcap;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    check::codec(Mdp3Pcap::new, bytes);
    check::codec(|options| Mdp3Pcap::new(&Options { by_order: true, ..options.clone() }), bytes);
});
