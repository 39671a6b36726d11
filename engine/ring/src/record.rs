//! What may travel through a ring by its bytes, and what comes back when there is no room.

use bytemuck::Pod;

/// A record that [`broadcast()`](crate::broadcast()) and [`latest()`](crate::latest()) can carry.
///
/// It is plain old data without padding, moved as whole 64-bit words: its size must be a multiple
/// of 8 and its alignment between 8 and 64. A type that breaks this does not compile:
///
/// ```compile_fail
/// let ring = engine_ring::broadcast::<[u8; 8]>(8, 1); // aligned to 1
/// ```
///
/// Every type that qualifies is a `Record`; there is nothing to implement.
pub trait Record: Pod + Send + Sync {
    /// How many 64-bit words one record occupies; evaluating it checks the layout.
    #[doc(hidden)]
    const WORDS: usize = {
        assert!(size_of::<Self>() > 0, "a record has at least one word");
        assert!(size_of::<Self>().is_multiple_of(8), "a record is made of whole 64-bit words");
        assert!(align_of::<Self>() >= 8, "a record is aligned for 64-bit words");
        assert!(align_of::<Self>() <= 64, "a record is aligned to a cache line at most");
        size_of::<Self>() / 8
    };
}

impl<T: Pod + Send + Sync> Record for T {}

/// The ring had no room: here is the value back.
///
/// ```
/// let (mut producer, _consumer) = engine_ring::spsc::<&str>(1);
/// assert_eq!(producer.push("first"), Ok(()));
/// assert_eq!(producer.push("second"), Err(engine_ring::Full("second")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ring is full")]
pub struct Full<T>(
    /// The value that was not taken.
    pub T,
);
