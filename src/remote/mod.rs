//! The remote: holds proxies of the other end's objects, and drives them.
//!
//! ```text
//!  Proxy::get ─▶ call ─▶ Encoder ─▶ ring ─▶ … ─▶ ring ─▶ Decoder ─▶ Value<Proxy>
//!                 └ one lane, held from the request to its reply
//! ```

mod call;
mod error;
mod proxy;

pub use error::CallError;
pub use proxy::{Proxy, Remote};
