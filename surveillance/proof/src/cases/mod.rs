//! The cases, one file for each pattern: its positives, and each class of near misses that the catalogue
//! names.
//!
//! At severity 1 the quantities that define a pattern are at least 2.2 times what the catalogue asks for
//! at the least, so that at 0.5 they are still enough and at 0.25 they are not any more. Sizes are drawn
//! from what the instrument is like at that moment: its sizes, its displayed depth, its spread and tick.

mod p01_layering;
mod p02_dynamic_layering;
mod p03_flip;
mod p04_no_intention;
mod p05_collusive_spoofing;
mod p06_quote_stuffing;
mod p07_momentum_ignition;
mod p08_smoking;
mod p09_ping_orders;
mod p10_phishing;
mod p11_advancing_the_bid;
mod p12_inside_quote_lure;
mod p13_excessive_spread;
mod p14_floor;
mod p15_marking_the_close;
mod p16_marking_the_open;
mod p17_auction_manipulation;
mod p18_fixing_window;
mod p19_wash_trade;
mod p20_wash_ring;
mod p21_matched_orders;
mod p22_painting_the_tape;
mod p35_dominance_and_reversal;
mod p36_bypassing_safeguards;
mod p37_disorderly_algorithm;
mod p38_unexecuted_order_ratio;

use crate::scenario::Case;

/// All of them, pattern by pattern.
pub const ALL: &[&[Case]] = &[
    p01_layering::CASES,
    p02_dynamic_layering::CASES,
    p03_flip::CASES,
    p04_no_intention::CASES,
    p05_collusive_spoofing::CASES,
    p06_quote_stuffing::CASES,
    p07_momentum_ignition::CASES,
    p08_smoking::CASES,
    p09_ping_orders::CASES,
    p10_phishing::CASES,
    p11_advancing_the_bid::CASES,
    p12_inside_quote_lure::CASES,
    p13_excessive_spread::CASES,
    p14_floor::CASES,
    p15_marking_the_close::CASES,
    p16_marking_the_open::CASES,
    p17_auction_manipulation::CASES,
    p18_fixing_window::CASES,
    p19_wash_trade::CASES,
    p20_wash_ring::CASES,
    p21_matched_orders::CASES,
    p22_painting_the_tape::CASES,
    p35_dominance_and_reversal::CASES,
    p36_bypassing_safeguards::CASES,
    p37_disorderly_algorithm::CASES,
    p38_unexecuted_order_ratio::CASES,
];
