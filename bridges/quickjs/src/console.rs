//! `console`, as far as scripts take it for granted: `debug`, `error`, `info`, `log`, `warn`.

use std::io::Write;
use std::rc::{Rc, Weak};

use rquickjs::prelude::Rest;
use rquickjs::{Ctx, Function, Object as JsObject, Value as Js};
use trapline::Thrown;

use crate::enter::Entered;
use crate::host::Host;
use crate::{Object, QuickJs};

impl QuickJs {
    /// Defines the global `console`.
    pub(crate) fn define_console(&self) -> Result<(), Thrown<Object>> {
        self.engine().run(|js| {
            let console = js.caught(JsObject::new(js.ctx.clone()))?;
            for name in ["debug", "error", "info", "log", "warn"] {
                let write = js.caught(self.writer(js, name))?;
                js.define(&console, name, write.into_value())?;
            }
            js.define(&js.ctx.globals(), "console", console.into_value())
        })
    }

    /// Not a host function: those take no symbols and no bigints, which a script may well print.
    fn writer<'js>(&self, js: &Entered<'_, 'js>, name: &str) -> rquickjs::Result<Function<'js>> {
        let host = Rc::downgrade(&self.host);
        let write = move |ctx: Ctx<'js>, args: Rest<Js<'js>>| write_line(&host, ctx, &args.0);
        Function::new(js.ctx.clone(), write)?.with_name(name)
    }
}

fn write_line<'js>(host: &Weak<Host>, ctx: Ctx<'js>, args: &[Js<'js>]) {
    let Some(host) = host.upgrade() else { return };
    let js = Entered { engine: &host.engine, ctx };
    let words: Vec<_> = args.iter().map(|arg| js.shown(arg)).collect();
    // A closed stream is no error of the script.
    let _ = writeln!(std::io::stderr().lock(), "{}", words.join(" "));
}

impl<'js> Entered<'_, 'js> {
    /// The text of a value, and for an error its stack.
    fn shown(&self, value: &Js<'js>) -> String {
        let text = self.text_of(value);
        let error = value.as_object().filter(|object| object.is_error());
        match error.and_then(|error| self.property_text(error, "stack")) {
            Some(stack) => format!("{text}\n{}", stack.trim_end()),
            None => text,
        }
    }
}
