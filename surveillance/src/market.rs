//! Market abuse: the patterns of Delegated Regulation (EU) 2016/522, Annex II, and their kin.

mod action;
mod lives;
pub mod p01_layering;
pub mod p02_dynamic_layering;
pub mod p03_flip;
pub mod p04_no_intention;
pub mod p05_collusion;
pub mod p06_quote_stuffing;
pub mod p10_phishing;

pub use p01_layering::Layering;
pub use p02_dynamic_layering::DynamicLayering;
pub use p03_flip::Flip;
pub use p04_no_intention::NoIntention;
pub use p05_collusion::Collusion;
pub use p06_quote_stuffing::QuoteStuffing;
pub use p10_phishing::Phishing;
