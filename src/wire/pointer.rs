//! [`Pointer`]: the id under which a non-primitive value crosses.
//!
//! ```text
//!  bit 63   62..59   58 .. 32          31 .. 0
//!     owner  kind     generation (27)   index (0 is never used)
//! ```
//!
//! `owner` says whose table the index belongs to: 0 the active side, 1 the passive one. An owner
//! compares the whole word with what its slot holds, so a stale generation, another kind or a
//! forged index never reaches another object.

/// What a pointer points at, known without a round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// Anything that is neither an array nor callable.
    Object = 0,
    /// A sequence that the host calls an array.
    Array = 1,
    /// Callable.
    Function = 2,
}

/// Which end of a link: the active one was started or connected, the passive one started it or
/// listened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The end that was started, or that connects.
    Active,
    /// The end that starts the other, or listens.
    Passive,
}

impl Side {
    /// The end opposite to this one.
    pub fn other(self) -> Self {
        match self {
            Self::Active => Self::Passive,
            Self::Passive => Self::Active,
        }
    }
}

/// The id of a non-primitive value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pointer(u64);

impl Pointer {
    /// Bits of the generation; a slot that used them up is retired.
    pub const GENERATIONS: u32 = 1 << 27;

    /// Packs a pointer. `index` is at least 1, `generation` below [`Self::GENERATIONS`].
    pub fn new(index: u32, generation: u32, kind: Kind, owner: Side) -> Self {
        debug_assert!(index != 0 && generation < Self::GENERATIONS);
        let owner = (owner == Side::Passive) as u64;
        Self(owner << 63 | (kind as u64) << 59 | (generation as u64) << 32 | index as u64)
    }

    /// The word as it stands on the wire.
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// Reads a word from the wire; `None` where the index is 0 or the kind has no meaning.
    pub fn from_bits(bits: u64) -> Option<Self> {
        let pointer = Self(bits);
        (pointer.index() != 0 && bits >> 59 & 15 <= Kind::Function as u64).then_some(pointer)
    }

    /// The slot in its owner's table, at least 1.
    pub fn index(self) -> u32 {
        self.0 as u32
    }

    /// How often the slot was used before.
    pub fn generation(self) -> u32 {
        (self.0 >> 32) as u32 & (Self::GENERATIONS - 1)
    }

    /// What it points at.
    pub fn kind(self) -> Kind {
        match self.0 >> 59 & 15 {
            1 => Kind::Array,
            2 => Kind::Function,
            _ => Kind::Object,
        }
    }

    /// Whose table it belongs to.
    pub fn owner(self) -> Side {
        if self.0 >> 63 == 0 { Side::Active } else { Side::Passive }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back() {
        for kind in [Kind::Object, Kind::Array, Kind::Function] {
            for owner in [Side::Active, Side::Passive] {
                let p = Pointer::new(u32::MAX, Pointer::GENERATIONS - 1, kind, owner);
                assert_eq!(Pointer::from_bits(p.to_bits()), Some(p));
                assert_eq!((p.index(), p.generation()), (u32::MAX, Pointer::GENERATIONS - 1));
                assert_eq!((p.kind(), p.owner()), (kind, owner));
            }
        }
    }

    #[test]
    fn index_zero_and_unknown_kinds_are_refused() {
        assert_eq!(Pointer::from_bits(7 << 32), None);
        assert_eq!(Pointer::from_bits(3 << 59 | 1), None);
    }
}
