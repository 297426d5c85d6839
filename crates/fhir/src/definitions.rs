//! HL7's R4 definitions, compiled by `cargo xtask definitions` into data files beside this module.
