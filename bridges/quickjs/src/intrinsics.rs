//! [`Intrinsics`]: functions of the engine, taken before a script could replace them.

use rquickjs::{Constructor, Ctx, Function, Object, Persistent, Result};

/// Held across entries; each is restored for the entry that calls it.
pub(crate) struct Intrinsics {
    /// `Reflect.set`: unlike an assignment it answers `false` where the object refuses.
    pub(crate) reflect_set: Persistent<Function<'static>>,
    /// `Array.isArray`, which sees through proxies.
    pub(crate) is_array: Persistent<Function<'static>>,
    /// `String`, which unlike an implicit conversion accepts symbols.
    pub(crate) string: Persistent<Function<'static>>,
    /// `String.prototype.toWellFormed`, which replaces lone surrogates.
    pub(crate) to_well_formed: Persistent<Function<'static>>,
    /// `Error`.
    pub(crate) error: Persistent<Constructor<'static>>,
}

impl Intrinsics {
    /// Takes them from a fresh engine.
    pub(crate) fn take(ctx: &Ctx<'_>) -> Result<Self> {
        let globals = ctx.globals();
        let string: Function = globals.get("String")?;
        let reflect: Object = globals.get("Reflect")?;
        let array: Object = globals.get("Array")?;
        let prototype: Object = string.get("prototype")?;
        Ok(Self {
            reflect_set: Persistent::save(ctx, reflect.get::<_, Function>("set")?),
            is_array: Persistent::save(ctx, array.get::<_, Function>("isArray")?),
            to_well_formed: Persistent::save(ctx, prototype.get::<_, Function>("toWellFormed")?),
            string: Persistent::save(ctx, string),
            error: Persistent::save(ctx, globals.get::<_, Constructor>("Error")?),
        })
    }
}
