//! MedCor.

fn main() {}
