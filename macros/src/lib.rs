//! Procedural macros of trapline.
//!
//! The crate holds the place of the attribute that makes caller and dispatcher of a typed protocol
//! (the feature `bus` of `trapline`). It exports no macro yet.
