//! [`Object`]: how the host holds one object of the engine.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use rquickjs::Persistent;
use trapline::{Kind, Thrown};

use crate::engine::Engine;
use crate::enter::Entered;

/// A JavaScript object, array or function, kept alive for as long as this is held.
///
/// Two are equal exactly when they are the same object. Clones are cheap. It may be dropped at any
/// time: while the engine runs, and after the [`QuickJs`](crate::QuickJs) from which it came, whose
/// engine then lives on until the last object is gone.
#[derive(Clone)]
pub struct Object {
    // Drops before `engine`, which may end the runtime.
    held: Persistent<rquickjs::Object<'static>>,
    engine: Rc<Engine>,
}

impl Object {
    pub(crate) fn hold<'js>(js: &Entered<'_, 'js>, object: rquickjs::Object<'js>) -> Self {
        Self { held: Persistent::save(&js.ctx, object), engine: Rc::clone(js.engine) }
    }

    /// The object, for use within one entry.
    ///
    /// # Errors
    /// A `TypeError` where it belongs to another engine.
    pub(crate) fn restore<'js>(
        &self,
        js: &Entered<'_, 'js>,
    ) -> Result<rquickjs::Object<'js>, Thrown<Object>> {
        let restored = self.held.clone().restore(&js.ctx);
        restored.map_err(|_| Thrown::type_error("the object belongs to another engine"))
    }

    pub(crate) fn kind(&self) -> Kind {
        self.engine.enter(|js| self.restore(js).map_or(Kind::Object, |object| js.kind_of(object)))
    }
}

impl<'js> Entered<'_, 'js> {
    fn kind_of(&self, object: rquickjs::Object<'js>) -> Kind {
        if object.is_array() || object.is_proxy() && self.is_proxied_array(&object) {
            Kind::Array
        } else if object.is_function() {
            Kind::Function
        } else {
            Kind::Object
        }
    }

    /// `Array.isArray`; a proxy that was revoked, where it throws, is no array.
    fn is_proxied_array(&self, object: &rquickjs::Object<'js>) -> bool {
        let is_array = self.engine.intrinsics.is_array.clone().restore(&self.ctx);
        is_array.and_then(|f| f.call((object.clone(),))).unwrap_or_else(|_| {
            self.ctx.catch();
            false
        })
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.held == other.held
    }
}

impl Eq for Object {}

impl Hash for Object {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.held.hash(state);
    }
}

impl fmt::Debug for Object {
    // The engine's own notation would run getters of the object.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").finish_non_exhaustive()
    }
}
