//! The byte before each value and key: what follows it.
//!
//! Every type that will ever cross has its number already, so that an older end refuses a newer
//! value by name ([`DecodeError::UnknownTag`](super::DecodeError::UnknownTag)) instead of reading
//! it as something else. Version 1.0 writes and reads the first group; the others are reserved.
//! 0 is no tag, so that zeroed memory never reads as values.

/// No value at all. Nothing follows.
pub const UNDEFINED: u8 = 0x01;
/// The null value. Nothing follows.
pub const NULL: u8 = 0x02;
/// False. Nothing follows.
pub const FALSE: u8 = 0x03;
/// True. Nothing follows.
pub const TRUE: u8 = 0x04;
/// An integral number of one byte: `i8`.
pub const I8: u8 = 0x05;
/// An integral number of four bytes: `i32`.
pub const I32: u8 = 0x06;
/// Any other number, -0 and NaN included: `f64`.
pub const F64: u8 = 0x07;
/// Text of at most 255 bytes: length `u8`, UTF-8.
pub const STRING_8: u8 = 0x08;
/// Longer text: length `u32`, UTF-8.
pub const STRING_32: u8 = 0x09;
/// Bytes in the buffer area: offset `u32`, length `u32`.
pub const BYTES: u8 = 0x0a;
/// A reference: the pointer's `u64`.
pub const POINTER: u8 = 0x0b;
/// Keys only: an index, `u32`.
pub const INDEX: u8 = 0x0c;

/// Reserved: keys only, an item (`o[k]` where a language tells items from attributes).
pub const ITEM: u8 = 0x0d;
/// Reserved: text with lone surrogates.
pub const SURROGATE_STRING: u8 = 0x0e;
/// Reserved: a 64-bit signed bigint.
pub const I64: u8 = 0x10;
/// Reserved: a 64-bit unsigned bigint.
pub const U64: u8 = 0x11;
/// Reserved: a bigint of any size.
pub const BIGINT: u8 = 0x12;
/// Reserved: a well-known symbol.
pub const SYMBOL_WELL_KNOWN: u8 = 0x18;
/// Reserved: a registered symbol.
pub const SYMBOL_REGISTERED: u8 = 0x19;
/// Reserved: a symbol that keeps its description only.
pub const SYMBOL_DESCRIBED: u8 = 0x1a;
/// Reserved: a symbol without description.
pub const SYMBOL_BARE: u8 = 0x1b;

/// Reserved: a buffer with its maximum length, resizable.
pub const BUFFER: u8 = 0x20;
/// Reserved: the first typed view. In order from here: i8, u8, u8 clamped, i16, u16, i32, u32,
/// i64, u64, f16, f32, f64, data view.
pub const VIEW_FIRST: u8 = 0x21;
/// Reserved: the last typed view, the data view.
pub const VIEW_LAST: u8 = 0x2d;
/// Reserved: a blob: media type and bytes.
pub const BLOB: u8 = 0x30;
/// Reserved: a file: media type, name, time and bytes.
pub const FILE: u8 = 0x31;
/// Reserved: a loan: pool, offset, length, generation.
pub const LOAN: u8 = 0x32;

/// Reserved: an array, direct.
pub const ARRAY: u8 = 0x40;
/// Reserved: an object, direct.
pub const OBJECT: u8 = 0x41;
/// Reserved: a map, direct.
pub const MAP: u8 = 0x42;
/// Reserved: a set, direct.
pub const SET: u8 = 0x43;
/// Reserved: a date, direct.
pub const DATE: u8 = 0x44;
/// Reserved: an error, direct: name, message, stack, cause.
pub const ERROR: u8 = 0x45;
/// Reserved: a regular expression, direct.
pub const REGEXP: u8 = 0x46;
/// Reserved: a reference back to an earlier part of the same message.
pub const BACK: u8 = 0x47;
/// Reserved: bytes of a codec of the user's choice, under its name.
pub const CODEC: u8 = 0x48;
/// Reserved: keyword arguments.
pub const KEYWORDS: u8 = 0x49;
/// Reserved: the result of an earlier trap of the same batch.
pub const RESULT: u8 = 0x4a;

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(u8, &str); 38] = [
        (UNDEFINED, "undefined"),
        (NULL, "null"),
        (FALSE, "false"),
        (TRUE, "true"),
        (I8, "i8"),
        (I32, "i32"),
        (F64, "f64"),
        (STRING_8, "string8"),
        (STRING_32, "string32"),
        (BYTES, "bytes"),
        (POINTER, "pointer"),
        (INDEX, "index"),
        (ITEM, "item"),
        (SURROGATE_STRING, "surrogate string"),
        (I64, "i64"),
        (U64, "u64"),
        (BIGINT, "bigint"),
        (SYMBOL_WELL_KNOWN, "symbol, well known"),
        (SYMBOL_REGISTERED, "symbol, registered"),
        (SYMBOL_DESCRIBED, "symbol, described"),
        (SYMBOL_BARE, "symbol, bare"),
        (BUFFER, "buffer"),
        (VIEW_FIRST, "view i8"),
        (VIEW_LAST, "view data"),
        (BLOB, "blob"),
        (FILE, "file"),
        (LOAN, "loan"),
        (ARRAY, "array"),
        (OBJECT, "object"),
        (MAP, "map"),
        (SET, "set"),
        (DATE, "date"),
        (ERROR, "error"),
        (REGEXP, "regular expression"),
        (BACK, "back reference"),
        (CODEC, "codec"),
        (KEYWORDS, "keywords"),
        (RESULT, "result"),
    ];

    #[test]
    fn numbers_are_distinct_and_the_document_lists_each() {
        let doc = include_str!("../../docs/wire.md");
        for (i, (tag, name)) in ALL.iter().enumerate() {
            assert!(*tag != 0 && ALL[..i].iter().all(|(earlier, _)| earlier < tag), "{name}");
            let row = format!("| `{tag:02x}` | {name} |");
            assert!(doc.contains(&row), "docs/wire.md has no row {row}");
        }
        assert_eq!(VIEW_LAST - VIEW_FIRST + 1, 13);
    }
}
