//! Messages byte by byte.

