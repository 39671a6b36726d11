//! Market abuse: the patterns of Delegated Regulation (EU) 2016/522, Annex II, and their kin.

mod action;
mod lives;
pub mod p01_layering;
pub mod p06_quote_stuffing;
pub mod p19_wash_trade;
pub mod p20_wash_ring;
pub mod p21_matched_orders;
pub mod p22_painting;
pub mod p35_dominance;
pub mod p36_safeguards;
pub mod p37_disorderly;
pub mod p38_order_ratio;

pub use p01_layering::Layering;
pub use p06_quote_stuffing::QuoteStuffing;
pub use p19_wash_trade::WashTrade;
pub use p20_wash_ring::WashRing;
pub use p21_matched_orders::MatchedOrders;
pub use p22_painting::Painting;
pub use p35_dominance::Dominance;
pub use p36_safeguards::Safeguards;
pub use p37_disorderly::Disorderly;
pub use p38_order_ratio::OrderRatio;
