//! Market abuse: the patterns of Delegated Regulation (EU) 2016/522, Annex II, and their kin.

mod action;
mod lives;
pub mod p01_layering;
pub mod p02_dynamic_layering;
pub mod p03_flip;
pub mod p04_no_intention;
pub mod p05_collusion;
pub mod p06_quote_stuffing;
pub mod p07_momentum_ignition;
pub mod p08_smoking;
pub mod p09_ping_orders;
pub mod p10_phishing;
pub mod p11_advancing_the_bid;
pub mod p12_inside_quote_lure;
pub mod p19_wash_trade;
pub mod p21_matched_orders;
pub mod p22_painting;

pub use p01_layering::Layering;
pub use p02_dynamic_layering::DynamicLayering;
pub use p03_flip::Flip;
pub use p04_no_intention::NoIntention;
pub use p05_collusion::Collusion;
pub use p06_quote_stuffing::QuoteStuffing;
pub use p07_momentum_ignition::MomentumIgnition;
pub use p08_smoking::Smoking;
pub use p09_ping_orders::PingOrders;
pub use p10_phishing::Phishing;
pub use p11_advancing_the_bid::AdvancingTheBid;
pub use p12_inside_quote_lure::InsideQuoteLure;
pub use p19_wash_trade::WashTrade;
pub use p21_matched_orders::MatchedOrders;
pub use p22_painting::Painting;
