//! [`QuickJs`]: the host.

use std::cell::RefCell;
use std::fmt;
use std::path::Path;
use std::rc::Rc;

use trapline::{Caller, Outcome, Thrown, Value};

use crate::engine::Engine;
use crate::function::HostFunction;
use crate::{CreateError, Limits, Object};

/// A JavaScript engine whose objects the other end of a link can use.
///
/// It stays on the thread that made it. All methods, and the traps of
/// [`Reflect`](trapline::Reflect), may be used again from inside a function that the engine calls.
pub struct QuickJs {
    pub(crate) host: Rc<Host>,
}

/// Owns the functions of the host. They are not owned by the engine, because a function may hold
/// objects, and each of those keeps the engine alive.
pub(crate) struct Host {
    pub(crate) functions: RefCell<Vec<Rc<HostFunction>>>,
    pub(crate) engine: Rc<Engine>,
}

impl QuickJs {
    /// Starts an engine with the standard library of the language, `console` (which writes to the
    /// standard error stream) and `trapline.load`, and nothing else: no files, no network, no
    /// timers.
    ///
    /// # Errors
    /// [`CreateError::OutOfRange`] where the engine could not keep a limit, and
    /// [`CreateError::Engine`] where it could not be set up.
    pub fn new(limits: Limits) -> Result<Self, CreateError> {
        let engine = Engine::new(&limits)?;
        let host = Rc::new(Host { functions: RefCell::default(), engine });
        let quickjs = Self { host };
        quickjs.furnish().map_err(|thrown| CreateError::Engine(thrown.to_string()))?;
        Ok(quickjs)
    }

    fn furnish(&self) -> Result<(), Thrown<Object>> {
        self.define_console()?;
        self.define_load()
    }

    pub(crate) fn engine(&self) -> &Rc<Engine> {
        &self.host.engine
    }

    /// Gives scripts a global function `name` that runs `function`, for as long as the host lives.
    ///
    /// `function` receives this host, the request being served (or [`Caller::detached`] outside of
    /// one) and the arguments. It may use the host like anyone else, traps included. What it
    /// throws, the script sees as an exception: the thrown value itself where there is one, else an
    /// error of that class and message. Arguments that cannot cross are a `TypeError` in the
    /// script, a panic of `function` an `InternalError`.
    ///
    /// # Errors
    /// What the engine throws, such as a `TypeError` where a global of that name is fixed.
    ///
    /// ```
    /// use trapline::{Thrown, Value};
    /// use trapline_quickjs::{Limits, QuickJs};
    ///
    /// let js = QuickJs::new(Limits::default())?;
    /// js.define_function("half", |_, _, args| match args.first().and_then(Value::as_number) {
    ///     Some(n) => Ok(Value::from(n / 2.0).into()),
    ///     None => Err(Thrown::type_error("half of what?")),
    /// })?;
    /// assert_eq!(js.evaluate("half(5)", "doc.js")?, Value::Number(2.5));
    /// assert_eq!(js.evaluate("half()", "doc.js").unwrap_err().message, "half of what?");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn define_function<F>(&self, name: &str, function: F) -> Result<(), Thrown<Object>>
    where
        F: Fn(&QuickJs, &Caller, Vec<Value<Object>>) -> Outcome<Object> + 'static,
    {
        self.engine().run(|js| {
            let function = self.make_function(js, name, Rc::new(function))?;
            js.define(&js.ctx.globals(), name, function.into_value())
        })
    }

    /// Runs a script in the global scope, in sloppy mode as scripts are, and gives the value of its
    /// last expression. `file_name` is what stacks call it.
    ///
    /// # Errors
    /// What the script throws, a `SyntaxError` where it does not parse, and a `TypeError` where
    /// its value cannot cross.
    pub fn evaluate(&self, source: &str, file_name: &str) -> Result<Value<Object>, Thrown<Object>> {
        self.engine().run(|js| {
            let value = js.evaluate(source, file_name)?;
            js.to_value(value)
        })
    }

    /// Runs a script file in the global scope, as it is. Its value is dropped. The path, as given,
    /// is what stacks call it.
    ///
    /// The remote does the same by applying the function `load` of the global `trapline`.
    ///
    /// # Errors
    /// An `Error` that names the path where the file cannot be read or is not UTF-8; else as
    /// [`evaluate`](Self::evaluate).
    pub fn load(&self, path: impl AsRef<Path>) -> Result<(), Thrown<Object>> {
        self.engine().run(|js| js.load(path.as_ref()))
    }
}

impl fmt::Debug for QuickJs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuickJs").finish_non_exhaustive()
    }
}
