//! The trapline command.
fn main() {}
