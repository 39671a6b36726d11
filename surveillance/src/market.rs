//! Market abuse: the patterns of Delegated Regulation (EU) 2016/522, Annex II, and their kin.

mod action;
mod lives;
pub mod p06_quote_stuffing;

pub use p06_quote_stuffing::QuoteStuffing;
