//! Order books, rebuilt from events: every order, every level, the touch, and what each event changed.
//! Where a feed tells only levels, or only the touch, the same books without orders: [`Form`].
//!
//! Read in this order: [`Books`] takes the events of one shard and answers each with a [`Change`];
//! [`BookView`] shows one subject's book, best first, and what follows from its [`Touch`]; beneath them
//! lie the orders (one slab for the whole shard) and each side's levels (sorted, the best at the end).
//! [`naive`] is the same book written as plainly as possible: tests hold the two against each other.
//!
//! What a book promises:
//!
//! - **Integers only.** Prices, quantities, the spread and twice the mid are exact.
//! - **A fault is data.** What cannot be true of a book (an unknown order, an id twice, more executed
//!   than there was) is refused, counted by its [`Fault`](engine_event::Fault), and told in the
//!   `Change`. From then on the book is [`Stale`]: what it holds may differ from what the venue holds,
//!   and whoever decides upon it knows. It ends where the feed begins a fresh picture
//!   ([`Kind::Clear`](engine_event::Kind::Clear)).
//! - **A refused event changes nothing.** The one exception takes away: an order of which more was
//!   executed or taken off than it had is gone at the venue too, so it leaves.
//! - **No allocation once warm**, and a bound on everything that input can grow: [`Bounds`].
//! - **Only events count.** The same events give the same books, on whichever shard, before and after
//!   a restart: [`Books::digest_of`] is one number for all that a book holds.
#![deny(unsafe_code)]

pub mod bands;
mod best;
mod book;
mod books;
mod change;
pub mod checksum;
mod consistent;
pub mod consolidated;
pub mod flow;
mod heal;
mod index;
mod level;
mod memory;
pub mod naive;
mod orders;
pub mod recent;
mod rules;
mod saved;
#[cfg(test)]
mod tests;
mod touch;
pub mod transition;
mod view;

pub use books::{Books, Bounds};
pub use change::{Change, Effect, Traded};
pub use memory::{prefetch, prefetch_whole};
pub use orders::Resting;
pub use touch::{Microprice, Quote, Touch};
pub use view::{BookView, Form, Place, Stale};
