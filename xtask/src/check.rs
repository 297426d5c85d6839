//! `cargo xtask check`: everything that must hold before a change lands, in one list, with one verdict.

use std::{error::Error, process::Command};

use crate::report;

/// The list. Tests come last, because they take longest.
const STEPS: &[(&str, &[&str])] = &[
    ("formatting", &["fmt", "--all", "--check"]),
    ("lints", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]),
    (
        "lints of the conformance build",
        &["clippy", "--package", "medcor", "--features", "conformance", "--quiet", "--", "-D", "warnings"],
    ),
    ("documentation", &["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"]),
    ("budgets and house rules", &["test", "--quiet", "--package", "xtask"]),
];

/// Private items are documented as well, so a link to one leads somewhere.
const RUSTDOC_FLAGS: &str = "-D warnings -A rustdoc::private-intra-doc-links";

const TESTS: (&str, &[&str]) = ("tests", &["test", "--workspace"]);

/// Writes `docs/reference/` anew. A test of the server does it, since only the server knows.
pub(crate) fn write_reference() -> Result<(), Box<dyn Error>> {
    let test = ["test", "--quiet", "--package", "medcor", "--test", "it", "reference::"];
    let status = Command::new(env!("CARGO")).args(test).env("MEDCOR_WRITE_REFERENCE", "1").status()?;
    if status.success() { Ok(()) } else { Err("the reference could not be written".into()) }
}

/// Runs the list; with `without_tests` all but the tests, for those who run them on their own.
pub(crate) fn run(without_tests: bool) -> Result<(), Box<dyn Error>> {
    let mut failed = Vec::new();
    for (name, arguments) in STEPS.iter().chain((!without_tests).then_some(&TESTS)) {
        report(&format!("== {name}: cargo {}", arguments.join(" ")));
        let status =
            Command::new(env!("CARGO")).args(*arguments).env("RUSTDOCFLAGS", RUSTDOC_FLAGS).status()?;
        if !status.success() {
            failed.push(*name);
        }
    }
    if failed.is_empty() {
        report("all checks passed");
        return Ok(());
    }
    Err(format!("failed: {}", failed.join(", ")).into())
}
