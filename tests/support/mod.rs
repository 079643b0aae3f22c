//! What the integration tests share: a toy host, the nine ways to connect it, a peer made by
//! hand, and a clock that ends a test which hangs.
#![allow(dead_code, unused_imports, reason = "each test uses its part")]

#[cfg(target_os = "linux")]
pub(crate) mod death;
pub(crate) mod hand;
pub(crate) mod random;
pub(crate) mod session;
pub(crate) mod signals;
pub(crate) mod toy;
pub(crate) mod watch;
