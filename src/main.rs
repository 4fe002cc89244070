//! The `pipe` binary.
fn main() {}
