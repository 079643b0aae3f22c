//! [`Trap`]: the numbers of the reflected operations, and [`Request`], one of them decoded.

use super::value::{Key, Value};

/// One reflected operation. Its number stands in the `op` of a request.
///
/// Every trap has its number; version 1.0 reads and writes `global` to `construct`, and answers
/// the others with [`Failure::Malformed`](super::Failure::Malformed).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Trap {
    /// The root object.
    Global = 1,
    /// Read a property.
    Get = 2,
    /// Write a property.
    Set = 3,
    /// Call.
    Apply = 4,
    /// Call as a constructor.
    Construct = 5,
    /// Reserved: whether a property is there.
    Has = 6,
    /// Reserved: remove a property.
    DeleteProperty = 7,
    /// Reserved: the names of the object's own properties.
    OwnKeys = 8,
    /// Reserved: how an own property is defined.
    GetOwnPropertyDescriptor = 9,
    /// Reserved: define a property.
    DefineProperty = 10,
    /// Reserved: the prototype.
    GetPrototypeOf = 11,
    /// Reserved: replace the prototype.
    SetPrototypeOf = 12,
    /// Reserved: whether properties can be added.
    IsExtensible = 13,
    /// Reserved: let no property be added.
    PreventExtensions = 14,
    /// Reserved: run source text.
    Evaluate = 15,
    /// Reserved: load a module.
    Import = 16,
    /// Reserved: length, text, hash, truth.
    Inspect = 17,
    /// Reserved: the next items of an iterator.
    Iterate = 18,
    /// Reserved: answered when a promise-like pointer settles.
    Resolve = 19,
    /// Reserved: several traps in one frame.
    Batch = 20,
}

impl Trap {
    /// The trap with this number.
    #[inline]
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Global,
            2 => Self::Get,
            3 => Self::Set,
            4 => Self::Apply,
            5 => Self::Construct,
            6 => Self::Has,
            7 => Self::DeleteProperty,
            8 => Self::OwnKeys,
            9 => Self::GetOwnPropertyDescriptor,
            10 => Self::DefineProperty,
            11 => Self::GetPrototypeOf,
            12 => Self::SetPrototypeOf,
            13 => Self::IsExtensible,
            14 => Self::PreventExtensions,
            15 => Self::Evaluate,
            16 => Self::Import,
            17 => Self::Inspect,
            18 => Self::Iterate,
            19 => Self::Resolve,
            20 => Self::Batch,
            _ => return None,
        })
    }

    /// Its name, as in the documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Get => "get",
            Self::Set => "set",
            Self::Apply => "apply",
            Self::Construct => "construct",
            Self::Has => "has",
            Self::DeleteProperty => "delete_property",
            Self::OwnKeys => "own_keys",
            Self::GetOwnPropertyDescriptor => "get_own_property_descriptor",
            Self::DefineProperty => "define_property",
            Self::GetPrototypeOf => "get_prototype_of",
            Self::SetPrototypeOf => "set_prototype_of",
            Self::IsExtensible => "is_extensible",
            Self::PreventExtensions => "prevent_extensions",
            Self::Evaluate => "evaluate",
            Self::Import => "import",
            Self::Inspect => "inspect",
            Self::Iterate => "iterate",
            Self::Resolve => "resolve",
            Self::Batch => "batch",
        }
    }
}

/// A request, decoded: which trap, on what, with what. `R` is how the receiver holds references.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Request<'a, R> {
    /// The root object.
    Global,
    /// Read a property.
    Get {
        /// The object.
        target: R,
        /// Its property.
        key: Key<'a>,
    },
    /// Write a property.
    Set {
        /// The object.
        target: R,
        /// Its property.
        key: Key<'a>,
        /// What to write.
        value: Value<R>,
    },
    /// Call.
    Apply {
        /// The function.
        target: R,
        /// What the function is called on.
        this: Value<R>,
        /// The arguments.
        args: Vec<Value<R>>,
    },
    /// Call as a constructor.
    Construct {
        /// The constructor.
        target: R,
        /// The arguments.
        args: Vec<Value<R>>,
    },
}

impl<R> Request<'_, R> {
    /// Which trap it is.
    pub fn trap(&self) -> Trap {
        match self {
            Self::Global => Trap::Global,
            Self::Get { .. } => Trap::Get,
            Self::Set { .. } => Trap::Set,
            Self::Apply { .. } => Trap::Apply,
            Self::Construct { .. } => Trap::Construct,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_the_document_lists_each() {
        let doc = include_str!("../../docs/wire.md");
        for number in 0..=u8::MAX {
            let Some(trap) = Trap::from_number(number) else {
                assert!(number == 0 || number > Trap::Batch as u8);
                continue;
            };
            assert_eq!(trap as u8, number);
            let row = format!("| {number} | `{}` |", trap.name());
            assert!(doc.contains(&row), "docs/wire.md has no row {row}");
        }
    }
}
