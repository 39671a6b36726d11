//! Memory for a block: whole pages, so that it can be written as it lies.

use engine_audit::layout::PAGE;
use std::fmt;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// Pages that belong together, aligned as the disk wants them.
pub struct Pages(Box<[Page]>);

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(4096))]
struct Page([u8; PAGE]);

impl Pages {
    /// Zeroed memory of at least so many bytes.
    pub fn new(bytes: usize) -> Self {
        let pages = <[Page]>::new_box_zeroed_with_elems(bytes.div_ceil(PAGE));
        Self(pages.expect("a block is far smaller than memory"))
    }

    /// All bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// All bytes, to be written to.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_mut_bytes()
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pages", self.0.len())
    }
}
