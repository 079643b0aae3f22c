//! [`Liar`]: a memory that answers each load with what an adversary chooses.

use std::fmt;
use std::sync::Arc;

/// Decides what a load of the peer's memory answers; it gets the true value.
#[derive(Clone)]
pub struct Liar(Arc<dyn Fn(u64) -> u64 + Send + Sync>);

impl Liar {
    /// A liar that answers with `lie`.
    pub fn new(lie: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(lie))
    }

    pub(super) fn lie(&self, truth: u64) -> u64 {
        (self.0)(truth)
    }
}

impl fmt::Debug for Liar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Liar")
    }
}
