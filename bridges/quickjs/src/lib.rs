//! A *local* whose objects live in QuickJS: the other end of a link drives a real JavaScript engine.
//!
//! [`QuickJs`] implements [`Reflect`](trapline::Reflect): each trap is one operation of the engine,
//! with the meaning of JavaScript's own `Reflect`. It is a host, not a runtime environment: scripts
//! get the language, `console` and `trapline.load`, and what the embedder defines.
//!
//! ```text
//!   remote                             local
//!   ┌────────────┐  get set apply …   ┌────────────────┐ enters   ┌─────────────────┐
//!   │ Proxy      │ ─────────────────▶ │ QuickJs        │ ───────▶ │ engine          │
//!   │            │ ◀───────────────── │  holds Object  │ ◀─────── │  calls a host   │
//!   └────────────┘   value, pointer   └────────────────┘  again   │  function       │
//!                                                                 └─────────────────┘
//! ```
//!
//! # Example
//!
//! ```
//! use trapline::{Caller, Key, Reflect, Value};
//! use trapline_quickjs::{Limits, QuickJs};
//!
//! let js = QuickJs::new(Limits::default())?;
//! js.evaluate("function Point(x, y) { this.x = x; this.y = y }", "point.js")?;
//!
//! // From here on it is what a `Local` does with the requests of a remote.
//! let cx = Caller::detached();
//! let value = |answer| match answer {
//!     trapline::Answer::Value(value) => value,
//!     _ => unreachable!("the host answers with values"),
//! };
//! let global = value(js.global(&cx)?).into_reference().unwrap();
//! let class = value(js.get(&cx, &global, Key::String("Point"))?).into_reference().unwrap();
//! let point = value(js.construct(&cx, &class, vec![3.into(), 4.into()])?).into_reference().unwrap();
//! assert_eq!(value(js.get(&cx, &point, Key::String("y"))?), Value::Number(4.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What crosses
//!
//! | JavaScript | [`Value`](trapline::Value) |
//! |---|---|
//! | `undefined`, `null`, boolean, string | the same |
//! | number | `Number`; -0, NaN and the infinities are kept |
//! | `ArrayBuffer` | `Bytes`, a copy both ways |
//! | any other object, typed arrays included | `Reference`, as [`Object`] |
//! | symbol, bigint, string with a lone surrogate, detached `ArrayBuffer` | a `TypeError` |
//!
//! An error that a script throws arrives with its class, message and stack, and with a reference to
//! the error object; anything else that it throws arrives as the value.
//!
//! # What a script cannot do
//!
//! [`Limits`] bound its memory, its time and its stack. A script that goes beyond them, or whose
//! caller has cancelled the request, ends with an error, and the engine stays usable. A stop for
//! time passes every `catch` and `finally`. It can be late, because not every built-in operation of
//! the engine looks at the clock: against a script that means harm, give the engine a process of
//! its own, which can be ended from outside, and whose end the link detects. `trapline.load` reads
//! any file that the process may read; a host that does not want that deletes the global before it
//! runs a script.
//!
//! # Ownership
//!
//! An [`Object`] keeps its JavaScript object alive, and the engine. Dropping it is safe at any time.
//! The functions of [`QuickJs::define_function`] belong to the host and end with it. Promise jobs
//! run after each top-level trap, before its answer goes out, at most 10,000 of them; the rest run
//! after the next one. A promise that is rejected and not handled is dropped silently.

mod bytes;
mod console;
mod convert;
mod engine;
mod enter;
mod error;
mod function;
mod host;
mod intrinsics;
mod jobs;
mod limits;
mod load;
mod memory;
mod object;
mod reflect;
mod text;
mod thrown;
mod watch;

pub use error::CreateError;
pub use host::QuickJs;
pub use limits::Limits;
pub use object::Object;
