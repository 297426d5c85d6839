//! Real records for the tests, and how their problems are shown.

use std::{
    fs::File,
    io::{Read, Write as _},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use medcor_fhir::{ParsedResource, Problem, validate::validate};

/// The shared data beside the project, or `None`, said plainly, where it is absent.
pub(crate) fn shared_data(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(path);
    if path.exists() {
        return Some(path);
    }
    writeln!(std::io::stderr(), "skipped: {} is absent", path.display()).expect("standard error is open");
    None
}

/// The texts of HL7's examples by name, such as `Patient-example`.
pub(crate) fn examples() -> Option<Vec<(String, String)>> {
    let file = File::open(shared_data("fhir-r4/examples-4.0.1.tgz")?).expect("the examples are readable");
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let mut examples = Vec::new();
    for entry in archive.entries().expect("the examples are an archive") {
        let mut entry = entry.expect("the archive is whole");
        let path = entry.path().expect("a path").to_string_lossy().into_owned();
        let Some(name) = path.strip_prefix("all/").and_then(|name| name.strip_suffix(".json")) else {
            continue;
        };
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("an example is UTF-8");
        examples.push((name.to_owned(), text));
    }
    Some(examples)
}

/// Every problem of a text, of its syntax or else of its content.
pub(crate) fn problems(text: &str) -> Vec<Problem> {
    match ParsedResource::parse(text) {
        Ok(resource) => validate(&resource),
        Err(problems) => problems,
    }
}

/// Problems as lines for the message of a failed assertion.
pub(crate) fn listed(problems: &[Problem]) -> String {
    let lines =
        problems.iter().map(|problem| format!("  {} {:?}: {}", problem.path, problem.kind, problem.message));
    lines.collect::<Vec<_>>().join("\n")
}
