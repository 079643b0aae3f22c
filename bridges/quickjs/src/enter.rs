//! [`Entered`]: the engine, entered on this thread.
//!
//! ```text
//!   trap ─▶ run ─▶ enter (depth 0=>1: lock) ─▶ script ─▶ host function
//!                                                            │
//!                    enter (depth 1=>2: no lock) ◀─ run ◀─ trap
//! ```
//!
//! The engine's lock is taken by the outermost entry and is not re-entrant. A nested entry runs
//! under that same lock, which is held further down the same stack.

#![allow(unsafe_code, reason = "a nested entry uses the context that an outer one has locked")]

use std::cell::Cell;
use std::rc::Rc;

use rquickjs::{Ctx, qjs};
use trapline::Thrown;

use crate::Object;
use crate::engine::Engine;
use crate::watch::Stop;

/// Proof that the engine is locked by this thread; `'js` is the brand of its values.
pub(crate) struct Entered<'a, 'js> {
    pub(crate) engine: &'a Rc<Engine>,
    pub(crate) ctx: Ctx<'js>,
}

impl Engine {
    /// Enters and runs one trap under the limits: the outermost starts the clock, and lets the
    /// promise jobs run that the trap left behind.
    pub(crate) fn run<T>(
        self: &Rc<Self>,
        trap: impl FnOnce(&Entered<'_, '_>) -> Result<T, Thrown<Object>>,
    ) -> Result<T, Thrown<Object>> {
        if self.depth.get() > 0 {
            // A host function that ignores errors could otherwise go on from trap to trap, none
            // long enough for the interrupt hook to be asked.
            if let Some(stop @ Stop::Time(_)) = self.watch.due() {
                return Err(stop.thrown());
            }
            let result = self.enter(trap);
            self.watch.forget_cancelled();
            return result;
        }
        self.watch.start();
        let result = self.enter(|js| {
            let value = trap(js)?;
            js.run_jobs()?;
            Ok(value)
        });
        self.watch.finish();
        self.uncatchable.take();
        if self.watch.memory.has_refused() {
            self.renew_memory();
        }
        result
    }

    /// After a script was out of memory: collects what is garbage, and lets the engine collect
    /// again before the memory is full. By itself it waits for half as much again as it kept the
    /// last time, which can be beyond the limit.
    #[cold]
    fn renew_memory(&self) {
        self.runtime.run_gc();
        self.runtime.set_gc_threshold(self.watch.memory.limit() / 2);
    }

    /// Enters, without starting the clock: for what runs no script.
    pub(crate) fn enter<T>(self: &Rc<Self>, inside: impl FnOnce(&Entered<'_, '_>) -> T) -> T {
        let _deeper = Deeper::than(&self.depth);
        if self.depth.get() == 1 {
            return self.context.with(|ctx| {
                // SAFETY: `ctx` is of a live runtime, and `with` holds its lock. The call only
                // notes the address from which the stack limit counts.
                unsafe { qjs::JS_UpdateStackTop(qjs::JS_GetRuntime(ctx.as_raw().as_ptr())) };
                inside(&Entered { engine: self, ctx })
            });
        }
        // SAFETY: depth was above 0, so `with` of the branch above is on this thread's stack
        // (`Engine` is not `Send`) and holds the lock until after this call. The brand is new: it
        // is chosen by `inside`, which is generic over it, and cannot leave it.
        let ctx = unsafe { Ctx::from_raw(self.context.as_raw()) };
        inside(&Entered { engine: self, ctx })
    }
}

/// Counts an entry, also where it ends by a panic.
struct Deeper<'a>(&'a Cell<usize>);

impl<'a> Deeper<'a> {
    fn than(depth: &'a Cell<usize>) -> Self {
        depth.set(depth.get() + 1);
        Self(depth)
    }
}

impl Drop for Deeper<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
