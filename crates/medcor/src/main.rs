//! MedCor.
fn main() {}
