//! [`Reflect`]: what a language host implements so that its objects can be driven from the other
//! end of a link.

use std::hash::Hash;

use crate::local::Caller;
use crate::wire::{Key, Kind, Thrown, Value};

/// What a handler answers.
#[derive(Debug)]
#[non_exhaustive]
pub enum Answer<O> {
    /// The value, now.
    Value(Value<O>),
}

impl<O> From<Value<O>> for Answer<O> {
    fn from(value: Value<O>) -> Self {
        Self::Value(value)
    }
}

/// An answer, or what was thrown instead.
pub type Outcome<O> = Result<Answer<O>, Thrown<O>>;

/// The object model of a host: one method a trap, each with a default that throws a `TypeError`.
///
/// All methods take `&self` and may be entered again on the same thread while one of them runs,
/// because a handler may call back and be called in turn: keep no borrow across a call into the
/// engine. A method that panics is answered as an error; the link stays usable.
///
/// `Object` is how the host holds one of its objects: cloning it must give the same object, and
/// two of them must be equal (and hash alike) exactly when they are the same object, because that
/// decides whether the remote sees one proxy or two.
///
/// ```
/// use trapline::{Caller, Key, Outcome, Reflect, Thrown, Value};
///
/// /// A host with one object, which knows one property.
/// #[derive(Debug)]
/// struct Answers;
///
/// impl Reflect for Answers {
///     type Object = ();
///     fn global(&self, _: &Caller) -> Outcome<()> {
///         Ok(Value::Reference(()).into())
///     }
///     fn get(&self, _: &Caller, _: &(), key: Key<'_>) -> Outcome<()> {
///         match key {
///             Key::String("answer") => Ok(Value::Number(42.0).into()),
///             _ => Ok(Value::Undefined.into()),
///         }
///     }
/// }
/// ```
pub trait Reflect {
    /// One object of the host, held.
    type Object: Clone + Eq + Hash;

    /// The root from which the remote reaches everything else.
    fn global(&self, cx: &Caller) -> Outcome<Self::Object>;

    /// What the pointer to `object` says it is; asked once when the object is first sent.
    fn kind(&self, object: &Self::Object) -> Kind {
        let _ = object;
        Kind::Object
    }

    /// Reads a property.
    fn get(&self, cx: &Caller, target: &Self::Object, key: Key<'_>) -> Outcome<Self::Object> {
        let _ = (cx, target);
        Err(Thrown::type_error(format!("this host cannot read the property {key}")))
    }

    /// Writes a property; `false` where the object refuses it.
    fn set(
        &self,
        cx: &Caller,
        target: &Self::Object,
        key: Key<'_>,
        value: Value<Self::Object>,
    ) -> Result<bool, Thrown<Self::Object>> {
        let _ = (cx, target, value);
        Err(Thrown::type_error(format!("this host cannot write the property {key}")))
    }

    /// Calls a function with `this` and arguments.
    fn apply(
        &self,
        cx: &Caller,
        target: &Self::Object,
        this: Value<Self::Object>,
        args: Vec<Value<Self::Object>>,
    ) -> Outcome<Self::Object> {
        let _ = (cx, target, this, args);
        Err(Thrown::type_error("this host cannot call"))
    }

    /// Makes an instance of a class.
    fn construct(
        &self,
        cx: &Caller,
        target: &Self::Object,
        args: Vec<Value<Self::Object>>,
    ) -> Outcome<Self::Object> {
        let _ = (cx, target, args);
        Err(Thrown::type_error("this host cannot construct"))
    }
}
