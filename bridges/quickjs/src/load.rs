//! Scripts from files.

use std::fs;
use std::io;
use std::path::Path;
use std::rc::Rc;

use rquickjs::Value as Js;
use rquickjs::context::EvalOptions;
use trapline::{Caller, Outcome, Thrown, Value};

use crate::enter::Entered;
use crate::{Object, QuickJs};

impl QuickJs {
    /// Defines the global `trapline` with its function `load`.
    pub(crate) fn define_load(&self) -> Result<(), Thrown<Object>> {
        self.engine().run(|js| {
            let trapline = js.caught(rquickjs::Object::new(js.ctx.clone()))?;
            let load = self.make_function(js, "load", Rc::new(load))?;
            js.define(&trapline, "load", load.into_value())?;
            js.define(&js.ctx.globals(), "trapline", trapline.into_value())
        })
    }
}

fn load(host: &QuickJs, _: &Caller, args: Vec<Value<Object>>) -> Outcome<Object> {
    let Some(path) = args.first().and_then(Value::as_str) else {
        return Err(Thrown::type_error("load needs a path as its argument"));
    };
    host.load(path)?;
    Ok(Value::Undefined.into())
}

impl<'js> Entered<'_, 'js> {
    pub(crate) fn load(&self, path: &Path) -> Result<(), Thrown<Object>> {
        let source = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        self.evaluate(&source, &path.to_string_lossy()).map(drop)
    }

    pub(crate) fn evaluate(&self, source: &str, name: &str) -> Result<Js<'js>, Thrown<Object>> {
        let mut options = EvalOptions::default();
        options.strict = false;
        options.filename = Some(name.to_owned());
        self.caught(self.ctx.eval_with_options(source, options))
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Thrown<Object> {
    Thrown::new("Error", format!("cannot read the script {}: {error}", path.display()))
}
