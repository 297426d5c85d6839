//! Text that nobody meant well.
