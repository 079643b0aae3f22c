//! Other transports, measured beside trapline.
fn main() {}
