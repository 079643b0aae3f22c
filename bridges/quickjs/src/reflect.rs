//! The traps, with the meaning that JavaScript's own `Reflect` gives them.

use rquickjs::Value as Js;
use rquickjs::function::Args;
use trapline::{Caller, Key, Kind, Outcome, Reflect, Thrown, Value};

use crate::enter::Entered;
use crate::{Object, QuickJs};

impl Reflect for QuickJs {
    type Object = Object;

    fn global(&self, _: &Caller) -> Outcome<Object> {
        self.engine().enter(|js| Ok(js.to_value(js.ctx.globals().into_value())?.into()))
    }

    fn kind(&self, object: &Object) -> Kind {
        object.kind()
    }

    fn get(&self, _: &Caller, target: &Object, key: Key<'_>) -> Outcome<Object> {
        self.engine().run(|js| {
            let value: rquickjs::Result<Js> = target.restore(js)?.get(js.to_atom(key)?);
            Ok(js.to_value(js.caught(value)?)?.into())
        })
    }

    fn set(
        &self,
        _: &Caller,
        target: &Object,
        key: Key<'_>,
        value: Value<Object>,
    ) -> Result<bool, Thrown<Object>> {
        self.engine().run(|js| {
            let target = target.restore(js)?;
            let key = js.caught(js.to_atom(key)?.to_value())?;
            let value = js.to_js(value)?;
            let reflect_set = js.engine.intrinsics.reflect_set.clone().restore(&js.ctx);
            js.caught(reflect_set.and_then(|set| set.call((target, key, value))))
        })
    }

    fn apply(
        &self,
        _: &Caller,
        target: &Object,
        this: Value<Object>,
        args: Vec<Value<Object>>,
    ) -> Outcome<Object> {
        self.engine().run(|js| {
            let target = target.restore(js)?;
            let Some(function) = target.as_function() else {
                return Err(Thrown::type_error("the target is not a function"));
            };
            let mut args = js.args(args)?;
            js.caught(args.this(js.to_js(this)?))?;
            let value: Js = js.caught(function.call_arg(args))?;
            Ok(js.to_value(value)?.into())
        })
    }

    fn construct(&self, _: &Caller, target: &Object, args: Vec<Value<Object>>) -> Outcome<Object> {
        self.engine().run(|js| {
            let target = target.restore(js)?;
            let Some(class) = target.as_constructor() else {
                return Err(Thrown::type_error("the target is not a constructor"));
            };
            let value: Js = js.caught(class.construct_args(js.args(args)?))?;
            Ok(js.to_value(value)?.into())
        })
    }
}

impl<'js> Entered<'_, 'js> {
    fn args(&self, values: Vec<Value<Object>>) -> Result<Args<'js>, Thrown<Object>> {
        let mut args = Args::new(self.ctx.clone(), values.len());
        for value in values {
            self.caught(args.push_arg(self.to_js(value)?))?;
        }
        Ok(args)
    }
}
