//! The program `tw`.
fn main() {}
