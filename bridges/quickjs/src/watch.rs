//! [`Watch`]: stops a script that runs too long or whose caller has given up.
//!
//! The engine calls [`Watch::interrupts`] every few thousand branches and calls. `true` makes it
//! raise an error that no `catch` and no `finally` of a script sees.
//!
//! A stop for time ends everything up to the outermost trap: its deadline stays in the past. A
//! stop by the caller ends the trap of that caller only, because a trap below it on the stack has
//! a caller of its own.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use trapline::{Caller, Thrown};

use crate::Object;
use crate::memory::Memory;

/// Why a script was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The outermost trap took longer than this.
    Time(Duration),
    /// The caller of the innermost trap no longer wants the answer.
    Cancelled,
}

impl Stop {
    pub(crate) fn thrown(self) -> Thrown<Object> {
        let message = match self {
            Self::Time(limit) => format!("the time limit of {limit:?} was reached"),
            Self::Cancelled => "the caller cancelled the request".to_owned(),
        };
        Thrown::new("InternalError", message)
    }
}

#[derive(Debug)]
pub(crate) struct Watch {
    limit: Option<Duration>,
    pub(crate) memory: Rc<Memory>,
    /// `None` between top-level traps and where there is no limit.
    deadline: Cell<Option<Instant>>,
    stop: Cell<Option<Stop>>,
}

impl Watch {
    pub(crate) fn new(limit: Option<Duration>, memory: Rc<Memory>) -> Self {
        Self { limit, memory, deadline: Cell::new(None), stop: Cell::new(None) }
    }

    /// A top-level trap begins. A limit too far away for the clock is no limit.
    pub(crate) fn start(&self) {
        self.deadline.set(self.limit.and_then(|limit| Instant::now().checked_add(limit)));
        self.stop.set(None);
        self.memory.close_reserve();
        self.memory.forget_refusal();
    }

    /// The top-level trap has ended.
    pub(crate) fn finish(&self) {
        self.deadline.set(None);
        self.stop.set(None);
    }

    /// The engine's interrupt hook: whether the script has to end now.
    pub(crate) fn interrupts(&self) -> bool {
        let stop = self.due();
        if stop.is_some() {
            self.stop.set(stop);
            // For the error that the engine is about to make.
            self.memory.open_reserve();
        }
        stop.is_some()
    }

    /// The reason to stop that holds at this moment.
    pub(crate) fn due(&self) -> Option<Stop> {
        match (self.limit, self.deadline.get()) {
            (Some(limit), Some(deadline)) if Instant::now() >= deadline => Some(Stop::Time(limit)),
            _ if Caller::current().is_some_and(|caller| caller.is_cancelled()) => {
                Some(Stop::Cancelled)
            }
            _ => None,
        }
    }

    /// A nested trap has ended. If its caller cancelled it, that is no affair of those below it.
    pub(crate) fn forget_cancelled(&self) {
        if self.stop.get() == Some(Stop::Cancelled) {
            self.stop.set(None);
        }
    }

    /// Why the engine was last stopped within this top-level trap.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.stop.get()
    }
}
