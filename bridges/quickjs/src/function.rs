//! Functions of the host that scripts call.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

use rquickjs::object::Property;
use rquickjs::prelude::Rest;
use rquickjs::{Ctx, Function, Value as Js};
use trapline::{Answer, Caller, Outcome, Thrown, Value};

use crate::enter::Entered;
use crate::host::Host;
use crate::{Object, QuickJs};

/// The shape of a host function.
pub(crate) type HostFunction = dyn Fn(&QuickJs, &Caller, Vec<Value<Object>>) -> Outcome<Object>;

impl QuickJs {
    /// Makes a function of the engine that calls `function`, which the host owns from now on.
    pub(crate) fn make_function<'js>(
        &self,
        js: &Entered<'_, 'js>,
        name: &str,
        function: Rc<HostFunction>,
    ) -> Result<Function<'js>, Thrown<Object>> {
        let index = {
            let mut functions = self.host.functions.borrow_mut();
            functions.push(function);
            functions.len() - 1
        };
        let host = Rc::downgrade(&self.host);
        let trampoline = move |ctx: Ctx<'js>, args: Rest<Js<'js>>| call(&host, index, ctx, args.0);
        let made = Function::new(js.ctx.clone(), trampoline).and_then(|f| f.with_name(name));
        js.caught(made)
    }
}

impl<'js> Entered<'_, 'js> {
    /// Defines a property as a global of the language is: writable, not enumerable.
    pub(crate) fn define(
        &self,
        object: &rquickjs::Object<'js>,
        name: &str,
        value: Js<'js>,
    ) -> Result<(), Thrown<Object>> {
        self.caught(object.prop(name, Property::from(value).writable().configurable()))
    }
}

/// Script to host and back.
fn call<'js>(
    host: &Weak<Host>,
    index: usize,
    ctx: Ctx<'js>,
    args: Vec<Js<'js>>,
) -> rquickjs::Result<Js<'js>> {
    // The engine runs no script after its host is gone, so this fails only if that changes.
    let host = host.upgrade().ok_or(rquickjs::Error::Unknown)?;
    let js = Entered { engine: &host.engine, ctx };
    let function = host.functions.borrow().get(index).cloned().ok_or(rquickjs::Error::Unknown)?;
    let quickjs = QuickJs { host: Rc::clone(&host) };
    quickjs.answer(&js, &*function, args).map_err(|thrown| js.throw(thrown))
}

impl QuickJs {
    fn answer<'js>(
        &self,
        js: &Entered<'_, 'js>,
        function: &HostFunction,
        args: Vec<Js<'js>>,
    ) -> Result<Js<'js>, Thrown<Object>> {
        let args = args.into_iter().map(|arg| js.to_value(arg)).collect::<Result<_, _>>()?;
        let caller = Caller::current().unwrap_or_else(Caller::detached);
        // A panic must not unwind into the engine, nor be taken for an error of a later call.
        let outcome = catch_unwind(AssertUnwindSafe(|| function(self, &caller, args)));
        match outcome.unwrap_or_else(|panic| Err(panicked(&*panic)))? {
            Answer::Value(value) => js.to_js(value),
            _ => Err(Thrown::type_error("a function of the host can only answer with a value")),
        }
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Thrown<Object> {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("no message");
    Thrown::new("InternalError", format!("a function of the host panicked: {text}"))
}
