//! [`Caller`]: who asked, and whether it still wants the answer.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

use crate::link::LaneWatch;

/// The request that a handler serves. It stays on the thread that serves the lane.
#[derive(Clone, Debug)]
pub struct Caller {
    id: u64,
    depth: u8,
    watch: LaneWatch,
    not_send: PhantomData<Rc<()>>,
}

thread_local! {
    static CURRENT: RefCell<Vec<Caller>> = const { RefCell::new(Vec::new()) };
}

impl Caller {
    pub(crate) fn new(id: u64, depth: u8, watch: LaneWatch) -> Self {
        Self { id, depth, watch, not_send: PhantomData }
    }

    /// A caller that nobody can cancel, to use a host directly, without a link.
    pub fn detached() -> Self {
        Self::new(0, 0, LaneWatch::nobody())
    }

    /// The id of the request, unique on its lane; 0 for a detached caller.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How many requests of this lane are being served below this one: 0 for a plain trap.
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// Whether the caller has given up on this request. One load: cheap enough for an engine's
    /// interrupt hook.
    pub fn is_cancelled(&self) -> bool {
        self.id != 0 && self.watch.cancelled(self.depth) >= self.id
    }

    /// The innermost request that this thread is serving, for code that runs inside an engine's
    /// trampoline and was handed no `Caller`. `None` outside a handler.
    pub fn current() -> Option<Self> {
        CURRENT.with_borrow(|stack| stack.last().cloned())
    }

    /// Runs `handler` with this request as the innermost one of the thread.
    pub(crate) fn enter<T>(&self, handler: impl FnOnce() -> T) -> T {
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                CURRENT.with_borrow_mut(|stack| stack.pop());
            }
        }
        CURRENT.with_borrow_mut(|stack| stack.push(self.clone()));
        let _leave = Leave;
        handler()
    }
}
