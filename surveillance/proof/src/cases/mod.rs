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
];
