//! The role that owns the JavaScript objects.

use std::io::Write;
use std::time::Duration;

use trapline::{Link, LinkConfig, Local};
use trapline_quickjs::{Limits, QuickJs};

use crate::roles::RoleError;
use crate::text;

pub(crate) const ROLE: &str = "javascript";

/// What the first process says of the second one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given {
    /// How long one trap may take.
    pub(crate) time: Duration,
    /// Bytes that the engine may use.
    pub(crate) memory: u64,
    /// Bytes of the rings, which each side has its own of.
    pub(crate) ring: u64,
}

impl Given {
    /// As arguments of the role.
    pub(crate) fn arguments(&self) -> [String; 3] {
        [self.time.as_millis().to_string(), self.memory.to_string(), self.ring.to_string()]
    }

    fn from_arguments(args: &[String]) -> Result<Self, RoleError> {
        let [time, memory, ring] = args else { return Err("three arguments are needed".into()) };
        let time = Duration::from_millis(time.parse()?);
        Ok(Self { time, memory: memory.parse()?, ring: ring.parse()? })
    }

    /// The options of a link with rings of this size.
    pub(crate) fn config(&self, others: LinkConfig) -> LinkConfig {
        LinkConfig { ring_bytes: self.ring, max_segment: 4 << 30, ..others }
    }
}

/// Serves an engine until the first process closes the link, then writes what this end has counted.
pub(crate) fn serve(args: &[String]) -> Result<(), RoleError> {
    let given = Given::from_arguments(args)?;
    let memory = usize::try_from(given.memory)?;
    let limits = Limits { time: Some(given.time), memory, ..Limits::default() };
    let link = Link::inherited_with(&given.config(LinkConfig::default()))?;
    let local = Local::new(link.clone(), QuickJs::new(limits)?)?;
    local.serve()?;
    let counters = link.counters();
    let mut out = std::io::stdout().lock();
    writeln!(out, "second process: {}", text::counters(&counters))?;
    writeln!(out, "second process served: {}", text::served(&counters))?;
    Ok(())
}
