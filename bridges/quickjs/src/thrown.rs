//! What scripts throw, as [`Thrown`], and the way back into a script.

use rquickjs::object::Property;
use rquickjs::{Error, Exception, Persistent, Value as Js};
use trapline::{Thrown, Value};

use crate::Object;
use crate::enter::Entered;
use crate::watch::Stop;

const INTERNAL: &str = "InternalError";

/// What the engine says where it has the memory to say so, and not just `null`.
fn out_of_memory() -> Thrown<Object> {
    Thrown { value: Value::Null, ..Thrown::new(INTERNAL, "out of memory") }
}

impl<'js> Entered<'_, 'js> {
    /// Takes what the engine threw out of it.
    pub(crate) fn caught<T>(&self, result: rquickjs::Result<T>) -> Result<T, Thrown<Object>> {
        result.map_err(|error| self.thrown(error))
    }

    #[cold]
    fn thrown(&self, error: Error) -> Thrown<Object> {
        if error.is_exception() || self.ctx.has_exception() {
            return self.thrown_value(self.ctx.catch());
        }
        match error {
            Error::InvalidString(_) => Thrown::new("SyntaxError", "the text contains a NUL byte"),
            Error::UnrelatedRuntime => Thrown::type_error("the object belongs to another engine"),
            other => Thrown::new(INTERNAL, other.to_string()),
        }
    }

    fn thrown_value(&self, value: Js<'js>) -> Thrown<Object> {
        let memory = &self.engine.watch.memory;
        memory.open_reserve();
        let thrown = match self.engine.watch.stopped() {
            Some(stop) if value.is_uncatchable_error() => self.stopped(stop, value),
            _ => match value.as_object() {
                Some(object) if object.is_error() => self.thrown_error(object),
                None if value.is_null() && memory.has_refused() => out_of_memory(),
                _ => self.thrown_other(&value),
            },
        };
        memory.close_reserve();
        thrown
    }

    fn stopped(&self, stop: Stop, error: Js<'js>) -> Thrown<Object> {
        if matches!(stop, Stop::Time(_)) {
            let error = Persistent::save(&self.ctx, error);
            self.engine.uncatchable.replace(Some(error));
        }
        stop.thrown()
    }

    fn thrown_error(&self, error: &rquickjs::Object<'js>) -> Thrown<Object> {
        Thrown {
            name: self.property_text(error, "name").unwrap_or_else(|| "Error".to_owned()),
            message: self.property_text(error, "message").unwrap_or_default(),
            stack: self.property_text(error, "stack").unwrap_or_default(),
            value: Value::Reference(Object::hold(self, error.clone())),
        }
    }

    fn thrown_other(&self, value: &Js<'js>) -> Thrown<Object> {
        let mut thrown = Thrown::new("Error", self.text_of(value));
        thrown.value = self.to_value(value.clone()).unwrap_or(Value::Undefined);
        thrown
    }

    /// Throws into the script that called a host function: the value where there is one, so that
    /// an error keeps its identity through any number of levels. Once the time is up, whatever the
    /// function threw becomes the error that cannot be caught.
    pub(crate) fn throw(&self, thrown: Thrown<Object>) -> Error {
        let uncatchable = self.engine.uncatchable.borrow().clone();
        if let Some(Ok(error)) = uncatchable.map(|error| error.restore(&self.ctx)) {
            return self.ctx.throw(error);
        }
        let value = match thrown.value {
            Value::Undefined => None,
            value => self.to_js(value).ok(),
        };
        match value {
            Some(value) => self.ctx.throw(value),
            None => match self.new_error(&thrown.name, &thrown.message) {
                Ok(error) => self.ctx.throw(error),
                Err(error) => error,
            },
        }
    }

    fn new_error(&self, name: &str, message: &str) -> rquickjs::Result<Js<'js>> {
        let error = match name {
            INTERNAL => self.raised(Exception::throw_internal),
            "RangeError" => self.raised(Exception::throw_range),
            "ReferenceError" => self.raised(Exception::throw_reference),
            "SyntaxError" => self.raised(Exception::throw_syntax),
            "TypeError" => self.raised(Exception::throw_type),
            _ => self.named_error(name)?,
        };
        if let Some(error) = error.as_object() {
            error.prop("message", Property::from(message).writable().configurable())?;
        }
        Ok(error)
    }

    /// A fresh error of a class of the engine, whatever scripts did to its global name.
    fn raised(&self, raise: fn(&rquickjs::Ctx<'js>, &str) -> Error) -> Js<'js> {
        raise(&self.ctx, "");
        self.ctx.catch()
    }

    fn named_error(&self, name: &str) -> rquickjs::Result<Js<'js>> {
        let class = self.engine.intrinsics.error.clone().restore(&self.ctx)?;
        let error: rquickjs::Object = class.construct(())?;
        if name != "Error" {
            error.prop("name", Property::from(name).writable().configurable())?;
        }
        Ok(error.into_value())
    }
}
