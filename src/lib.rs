//! Shared-memory transport for language bridges.
//!
//! A *bridge* lets code in one context (a process, a thread, a language runtime) use live objects
//! of another as if they were its own. Each property read, call or `new` on a proxy becomes a
//! *trap*. trapline carries traps through lock-free rings in shared memory that each side writes
//! alone, and wakes a sleeper through a futex word: a trap takes well under a microsecond where
//! pipes, sockets and `postMessage` take 15 to 1,000.
//!
//! ```text
//!    remote (drives)                                    local (owns the objects)
//!   ┌──────────────────┐  request ring ──▶             ┌──────────────────┐
//!   │ Remote ── Proxy  │═══════════════════════════════│ Local ── Reflect │
//!   └──────────────────┘             ◀── reply ring    └──────────────────┘
//!     segment A: written by this side,   segment B: written by that side,
//!     sealed, read-only over there       sealed, read-only over here
//! ```
//!
//! - [`Link`] connects two places: two processes, one of which starts the other ([`Link::spawn`] and
//!   [`Link::inherited`], [`Link::offer`] where a host starts it in its own way) or finds it at a
//!   path ([`Listener::bind`] and [`Link::connect`]), or two threads ([`Link::pair`]).
//! - [`Local`] serves a host that implements [`Reflect`]; [`Remote`] hands out [`Proxy`]s of its
//!   objects. Traps are synchronous.
//! - [`Lane`] carries plain messages, for a bridge that has a format of its own.
//!
//! It is not a serialisation framework, a service mesh or a network protocol: both ends are on one
//! machine, and what crosses is what a dynamic language can say about an object.
//!
//! Two processes:
//!
//! ```
//! # #![allow(clippy::needless_doctest_main)]
//! use trapline::{Caller, Key, Link, LinkConfig, Local, Outcome, Reflect, Remote, Value, second};
//!
//! /// A host whose global has one property.
//! struct Answers;
//! impl Reflect for Answers {
//!     type Object = ();
//!     fn global(&self, _: &Caller) -> Outcome<()> {
//!         Ok(Value::Reference(()).into())
//!     }
//!     fn get(&self, _: &Caller, _: &(), _: Key<'_>) -> Outcome<()> {
//!         Ok(Value::Number(42.0).into())
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     if second::role().is_some() {
//!         return Ok(Local::new(Link::inherited()?, Answers)?.serve()?);
//!     }
//!     let config = LinkConfig::driven_by_passive(1);
//!     # if cfg!(not(target_os = "linux")) { return Ok(()) }
//!     let (link, mut child) = Link::spawn(second::command("local")?, &config)?;
//!     let answer = Remote::new(link)?.global()?.get("answer")?;
//!     assert_eq!(answer, Value::Number(42.0));
//!     assert!(child.wait()?.success());
//!     Ok(())
//! }
//! ```
//!
//! The layers, from the bottom; imports point down only:
//!
//! | layer | modules | what it is |
//! |---|---|---|
//! | 5 | [`Remote`], [`Local`], references | traps out, traps in, who holds what |
//! | 4 | [`link`] | segments, rings, words and liveness as one connection |
//! | 3 | [`ring`], [`segment`], `sentinel` | the queue; memory that one side writes; who watches over death |
//! | 2 | [`wire`] | bytes of values, traps and frames |
//! | 1 | [`futex`], [`shared`] | waiting; windows on the peer's memory |
//! | 0 | [`layout`], errors | the bytes of a segment |

#![cfg_attr(loom, allow(dead_code, reason = "what the missing layers use"))]

mod error;
pub mod futex;
pub mod layout;
pub mod ring;
pub mod shared;
mod sync;
pub mod wire;

// The model checker runs the ring and the words; what stands above them needs real memory.
#[cfg(not(loom))]
pub mod line;
#[cfg(not(loom))]
pub mod link;
#[cfg(not(loom))]
mod local;
#[cfg(not(loom))]
mod references;
#[cfg(not(loom))]
mod remote;
#[cfg(not(loom))]
pub mod second;
#[cfg(not(loom))]
pub mod segment;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod sentinel;

pub use error::{
    AddressError, LinkError, Misuse, Outcome as CallOutcome, PeerError, Poison, Refusal,
    SystemError,
};
#[cfg(not(loom))]
pub use futex::WaitPolicy;
#[cfg(not(loom))]
pub use link::{Batch, Counters, Lane, Lanes, Link, LinkConfig, Waker};
#[cfg(all(not(loom), target_os = "linux"))]
pub use link::{Listener, ListenerOptions, Offer, Users};
#[cfg(not(loom))]
pub use local::{Answer, Caller, Local, Outcome, Reflect};
#[cfg(not(loom))]
pub use remote::{CallError, Proxy, Remote};
pub use wire::{Failure, Key, Kind, Limits, Pointer, Side, Thrown, Trap, Value};

/// Arguments of a trap, each of them turned into a [`Value`].
///
/// ```
/// use trapline::{Proxy, Value, args};
/// let args: [Value<Proxy>; 3] = args![1, "two", vec![3u8]];
/// assert_eq!(args[1].as_str(), Some("two"));
/// ```
#[macro_export]
macro_rules! args {
    ($($arg:expr),* $(,)?) => { [$($crate::Value::from($arg)),*] };
}
