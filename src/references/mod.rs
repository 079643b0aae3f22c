//! References across the link: what the owner holds for the other side, and what the other side
//! holds of the owner's.
//!
//! The owner counts how often it *sent* a pointer, the holder how often it *received* it. The
//! holder's proxy dies on its own, whenever its last clone is dropped; the count that it had
//! received is then given back by an *unref*, with the next frame. The object is freed when the
//! two counts agree, so a pointer that crosses an unref on its way stays valid.
//!
//! ```text
//!   owner                                     holder
//!   ObjectTable                               Identities
//!   slot ─ object, sent 3      ◀── 3 frames ──  pointer ─ weak proxy, received 3
//!                              ◀── unref 3 ───  last clone dropped
//!   freed: 3 - 3 = 0
//! ```

mod identities;
mod objects;

pub(crate) use identities::{Held, Identities};
pub(crate) use objects::{Freed, ObjectTable};
