//! [`Remote`] and [`Proxy`]: what a program that drives uses.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use super::CallError;
use super::call::{Trap, call, flush};
use crate::error::{LinkError, Misuse};
use crate::futex::Deadline;
use crate::link::{Link, Role};
use crate::references::{Held, Identities};
use crate::wire::{Key, Kind, Pointer, Thrown, Value};

/// The end of a link that drives: its traps are synchronous.
///
/// ```
/// use trapline::{Caller, Key, Link, LinkConfig, Local, Outcome, Reflect, Remote, Value};
///
/// struct Adder;
/// impl Reflect for Adder {
///     type Object = ();
///     fn global(&self, _: &Caller) -> Outcome<()> {
///         Ok(Value::Reference(()).into())
///     }
///     fn apply(&self, _: &Caller, _: &(), _: Value<()>, args: Vec<Value<()>>) -> Outcome<()> {
///         Ok(Value::Number(args.iter().filter_map(Value::as_number).sum()).into())
///     }
/// }
///
/// let (passive, active) = Link::pair(&LinkConfig::default())?;
/// let local = std::thread::spawn(|| Local::new(passive, Adder)?.serve());
/// let remote = Remote::new(active)?;
/// let sum = remote.global()?.apply(&Value::Undefined, &[1.into(), 2.into()])?;
/// assert_eq!(sum, Value::Number(3.0));
/// drop((remote, sum));
/// local.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Remote {
    shared: Arc<Shared>,
}

/// What all proxies of a link share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) link: Link,
    pub(super) identities: Identities<Inner>,
}

impl Remote {
    /// Drives the other end of `link`.
    ///
    /// # Errors
    /// [`Misuse::NoLane`] where this end drives no lane.
    pub fn new(link: Link) -> Result<Self, LinkError> {
        if link.core().lanes_of(Role::Driver).next().is_none() {
            return Err(Misuse::NoLane { lane: 0, lanes: 0 }.into());
        }
        let identities = Identities::new(link.config().max_refs);
        Ok(Self { shared: Arc::new(Shared { link, identities }) })
    }

    /// The root of the other side's objects.
    ///
    /// # Errors
    /// [`CallError`]; a root that is no object is a `TypeError`.
    pub fn global(&self) -> Result<Proxy, CallError> {
        self.global_until(Deadline::Never)
    }

    /// As [`Self::global`], for at most `timeout`.
    ///
    /// # Errors
    /// As [`Self::global`], and [`PeerError::Timeout`](crate::PeerError::Timeout).
    pub fn global_timeout(&self, timeout: Duration) -> Result<Proxy, CallError> {
        self.global_until(Deadline::In(timeout))
    }

    fn global_until(&self, deadline: Deadline) -> Result<Proxy, CallError> {
        call(&self.shared, Trap::Global, deadline)?.into_reference().map_err(|value| {
            let what = value.type_name();
            Thrown::type_error(format!("the global is no object but of type {what}")).into()
        })
    }

    /// Pointers of the other side that this one keeps alive: living proxies, and dead ones that no
    /// frame has given back yet.
    pub fn held_pointers(&self) -> usize {
        self.shared.identities.len()
    }

    /// Gives back what dead proxies held, now instead of with the next trap. Does not wait for the
    /// other end to do anything about it.
    ///
    /// # Errors
    /// Why the link does not work any more.
    pub fn flush(&self) -> Result<(), LinkError> {
        flush(&self.shared)
    }

    /// The link.
    pub fn link(&self) -> &Link {
        &self.shared.link
    }
}

/// One living pointer: there is one for each, however many proxies share it.
#[derive(Debug)]
pub(super) struct Inner {
    pointer: Pointer,
    shared: Arc<Shared>,
}

impl Inner {
    pub(super) fn new(pointer: Pointer, shared: Arc<Shared>) -> Self {
        Self { pointer, shared }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Held for Inner {
    fn pointer(&self) -> Pointer {
        self.pointer
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.identities.died(self);
    }
}

/// An object of the other side. Clones are the same object, and so is every proxy that the other
/// side sends for it; two proxies are equal exactly then.
///
/// Dropping the last clone touches no ring: the next frame tells the other side.
#[derive(Clone)]
pub struct Proxy {
    inner: Arc<Inner>,
}

impl From<Arc<Inner>> for Proxy {
    fn from(inner: Arc<Inner>) -> Self {
        Self { inner }
    }
}

impl Proxy {
    /// Reads a property.
    ///
    /// # Errors
    /// [`CallError`].
    #[inline]
    pub fn get<'k>(&self, key: impl Into<Key<'k>>) -> Result<Value<Self>, CallError> {
        self.call(Trap::Get { target: self, key: key.into() }, Deadline::Never)
    }

    /// As [`Self::get`], for at most `timeout`.
    ///
    /// # Errors
    /// [`CallError`], and [`PeerError::Timeout`](crate::PeerError::Timeout): whether the trap was
    /// executed is unknown then, and the link stays usable.
    pub fn get_timeout<'k>(
        &self,
        key: impl Into<Key<'k>>,
        timeout: Duration,
    ) -> Result<Value<Self>, CallError> {
        self.call(Trap::Get { target: self, key: key.into() }, Deadline::In(timeout))
    }

    /// Writes a property; `false` where the object refuses it.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn set<'k>(
        &self,
        key: impl Into<Key<'k>>,
        value: impl Into<Value<Self>>,
    ) -> Result<bool, CallError> {
        self.set_until(key.into(), &value.into(), Deadline::Never)
    }

    /// As [`Self::set`], for at most `timeout`.
    ///
    /// # Errors
    /// As [`Self::get_timeout`].
    pub fn set_timeout<'k>(
        &self,
        key: impl Into<Key<'k>>,
        value: impl Into<Value<Self>>,
        timeout: Duration,
    ) -> Result<bool, CallError> {
        self.set_until(key.into(), &value.into(), Deadline::In(timeout))
    }

    fn set_until(
        &self,
        key: Key<'_>,
        value: &Value<Self>,
        deadline: Deadline,
    ) -> Result<bool, CallError> {
        let done = self.call(Trap::Set { target: self, key, value }, deadline)?;
        Ok(done == Value::Bool(true))
    }

    /// Calls it as a function.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn apply(
        &self,
        this: &Value<Self>,
        args: &[Value<Self>],
    ) -> Result<Value<Self>, CallError> {
        self.call(Trap::Apply { target: self, this, args }, Deadline::Never)
    }

    /// As [`Self::apply`], for at most `timeout`.
    ///
    /// # Errors
    /// As [`Self::get_timeout`].
    pub fn apply_timeout(
        &self,
        this: &Value<Self>,
        args: &[Value<Self>],
        timeout: Duration,
    ) -> Result<Value<Self>, CallError> {
        self.call(Trap::Apply { target: self, this, args }, Deadline::In(timeout))
    }

    /// Makes an instance of it as a class.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn construct(&self, args: &[Value<Self>]) -> Result<Value<Self>, CallError> {
        self.call(Trap::Construct { target: self, args }, Deadline::Never)
    }

    /// As [`Self::construct`], for at most `timeout`.
    ///
    /// # Errors
    /// As [`Self::get_timeout`].
    pub fn construct_timeout(
        &self,
        args: &[Value<Self>],
        timeout: Duration,
    ) -> Result<Value<Self>, CallError> {
        self.call(Trap::Construct { target: self, args }, Deadline::In(timeout))
    }

    /// Calls the method `key` of this object: a [`get`](Self::get) and an
    /// [`apply`](Self::apply).
    ///
    /// # Errors
    /// [`CallError`]; a property that is no object is a `TypeError`.
    pub fn invoke<'k>(
        &self,
        key: impl Into<Key<'k>>,
        args: &[Value<Self>],
    ) -> Result<Value<Self>, CallError> {
        let key = key.into();
        let method = self.get(key)?.into_reference().map_err(|value| {
            let what = value.type_name();
            CallError::from(Thrown::type_error(format!("{key} is no function but of type {what}")))
        })?;
        method.apply(&self.into(), args)
    }

    /// What it is, as the other side said when it sent it; no round trip.
    pub fn kind(&self) -> Kind {
        self.inner.pointer.kind()
    }

    /// The id under which it crosses.
    pub fn pointer(&self) -> Pointer {
        self.inner.pointer
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    #[inline]
    fn call(&self, trap: Trap<'_>, deadline: Deadline) -> Result<Value<Self>, CallError> {
        call(&self.inner.shared, trap, deadline)
    }
}

impl PartialEq for Proxy {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Proxy {}

impl Hash for Proxy {
    fn hash<S: Hasher>(&self, state: &mut S) {
        Arc::as_ptr(&self.inner).hash(state);
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = self.inner.pointer;
        write!(f, "Proxy({:?} {}.{})", pointer.kind(), pointer.index(), pointer.generation())
    }
}

impl From<Proxy> for Value<Proxy> {
    fn from(proxy: Proxy) -> Self {
        Self::Reference(proxy)
    }
}

impl From<&Proxy> for Value<Proxy> {
    fn from(proxy: &Proxy) -> Self {
        Self::Reference(proxy.clone())
    }
}
