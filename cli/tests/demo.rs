//! `trapline demo` does what it says, and says it.
#![cfg(target_os = "linux")]

mod common;

use common::output;

#[test]
fn the_demonstration_ends_well_and_without_escape_codes() {
    let text = output(&["demo"], b"");
    for part in [
        "1 MiB",
        "spin p50",
        "line",
        "Hello, world!",
        "throws a RangeError",
        "at withdraw (",
        "stopped after 300ms",
        "Hello, again!",
        "live references now: 0",
        "second process served: global 1",
        "All as expected",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    assert!(!text.contains('\x1b'));
}
