//! [`Engine`]: one QuickJS runtime with its one context, and what watches over it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rquickjs::{Context, Ctx, Persistent, Runtime, Value};

use crate::intrinsics::Intrinsics;
use crate::memory::Memory;
use crate::watch::Watch;
use crate::{CreateError, Limits};

/// Shared by the host and by each held object, so that an object may be dropped after the host.
///
/// Fields drop from top to bottom: whatever holds values of the engine stands above `context`,
/// and that above `runtime`.
pub(crate) struct Engine {
    pub(crate) intrinsics: Intrinsics,
    /// The error by which the engine stopped a nested trap for time, until the outermost one ends.
    /// It is the one object that no script can catch, so host functions pass it on.
    pub(crate) uncatchable: RefCell<Option<Persistent<Value<'static>>>>,
    pub(crate) context: Context,
    pub(crate) runtime: Runtime,
    pub(crate) watch: Rc<Watch>,
    /// How many entries are on the thread's stack; 0 between top-level traps.
    pub(crate) depth: Cell<usize>,
}

impl Engine {
    pub(crate) fn new(limits: &Limits) -> Result<Rc<Self>, CreateError> {
        limits.check()?;
        let memory = Memory::new(limits.memory);
        let runtime = Runtime::new_with_alloc(memory.allocator()).map_err(refused)?;
        let context = Context::full(&runtime).map_err(refused)?;
        let intrinsics = context.with(|ctx| Intrinsics::take(&ctx).map_err(|e| told(&ctx, e)))?;
        runtime.set_max_stack_size(limits.stack);
        let watch = Rc::new(Watch::new(limits.time, memory));
        let hook = Rc::clone(&watch);
        runtime.set_interrupt_handler(Some(Box::new(move || hook.interrupts())));
        let (uncatchable, depth) = (RefCell::default(), Cell::default());
        Ok(Rc::new(Self { intrinsics, uncatchable, context, runtime, watch, depth }))
    }
}

fn refused(error: rquickjs::Error) -> CreateError {
    CreateError::Engine(error.to_string())
}

fn told(ctx: &Ctx<'_>, error: rquickjs::Error) -> CreateError {
    let text = ctx.catch().as_exception().and_then(|e| e.message());
    CreateError::Engine(text.unwrap_or_else(|| error.to_string()))
}
