//! The generated reference says what the code does.

use std::path::Path;

use medcor::{catalog::catalog, reference};

/// `cargo xtask docs` sets this variable, and the files are written instead of compared.
const WRITE_VARIABLE: &str = "MEDCOR_WRITE_REFERENCE";

#[test]
#[expect(clippy::disallowed_methods, reason = "tests are steered by the environment alone")]
fn the_generated_reference_is_what_the_code_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let pages = reference::pages(&catalog().unwrap());
    if std::env::var(WRITE_VARIABLE).is_ok() {
        reference::write(&pages, &folder).unwrap();
    }
    let stale = reference::stale(&pages, &folder);
    assert!(
        stale.is_empty(),
        "run `cargo xtask docs`: {stale:?} in docs/reference are not what the code says"
    );
}
