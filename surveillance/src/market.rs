//! Market abuse: the patterns of Delegated Regulation (EU) 2016/522, Annex II, and their kin.

mod action;
mod lives;
mod marking;
pub mod p01_layering;
pub mod p06_quote_stuffing;
pub mod p07_momentum_ignition;
pub mod p11_advancing_the_bid;
pub mod p12_inside_quote_lure;
pub mod p13_excessive_spread;
pub mod p14_floor_or_ceiling;
pub mod p15_marking_the_close;
pub mod p16_marking_the_open;
pub mod p17_auction_price;
pub mod p18_fixing_window;

pub use p01_layering::Layering;
pub use p06_quote_stuffing::QuoteStuffing;
pub use p07_momentum_ignition::MomentumIgnition;
pub use p11_advancing_the_bid::AdvancingTheBid;
pub use p12_inside_quote_lure::InsideQuoteLure;
pub use p13_excessive_spread::ExcessiveSpread;
pub use p14_floor_or_ceiling::FloorOrCeiling;
pub use p15_marking_the_close::MarkingTheClose;
pub use p16_marking_the_open::MarkingTheOpen;
pub use p17_auction_price::AuctionPrice;
pub use p18_fixing_window::FixingWindow;
