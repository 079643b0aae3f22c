//! The promise jobs that a trap leaves behind.

use trapline::Thrown;

use crate::Object;
use crate::enter::Entered;

/// How many jobs run after one top-level trap. The rest wait for the next: a script whose jobs
/// always queue another one slows the traps down, but cannot hold them up.
const JOBS_PER_TRAP: usize = 10_000;

impl Entered<'_, '_> {
    /// Runs what is queued. What a job throws is its promise's affair, except a stop.
    pub(crate) fn run_jobs(&self) -> Result<(), Thrown<Object>> {
        for _ in 0..JOBS_PER_TRAP {
            if !self.ctx.execute_pending_job() {
                break;
            }
            if let Some(stop) = self.engine.watch.stopped() {
                return Err(stop.thrown());
            }
        }
        Ok(())
    }
}
