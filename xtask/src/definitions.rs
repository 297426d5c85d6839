//! `cargo xtask definitions`: HL7's R4 package, compiled into the data files of `crates/fhir/src/definitions/`.
//!
//! The same package always gives the same bytes.

mod package;
mod search;
mod structure;
mod terminology;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use package::Package;

use crate::report;

/// Where HL7's package lies for developers and CI.
pub(crate) fn default_package_path() -> PathBuf {
    workspace().join("../shared/data/fhir-r4/hl7.fhir.r4.core-4.0.1.tgz")
}

/// Compiles the package at `path` and writes every data file.
pub(crate) fn write(path: &Path) -> Result<(), Box<dyn Error>> {
    let package = Package::read(path)?;
    for DataFile { name, content } in compile(&package)? {
        fs::write(data_folder().join(name), &content)?;
        report(&format!("{name}: {} bytes", content.len()));
    }
    Ok(())
}

/// A file of `crates/fhir/src/definitions/`.
struct DataFile {
    name: &'static str,
    content: Vec<u8>,
}

fn compile(package: &Package) -> Result<Vec<DataFile>, Box<dyn Error>> {
    Ok(vec![
        DataFile { name: "patient_compartment.txt", content: search::compile_patient_compartment(package)? },
        DataFile { name: "search.txt", content: search::compile_parameters(package)? },
        DataFile { name: "structures.txt", content: structure::compile(package)? },
    ])
}

fn data_folder() -> PathBuf {
    workspace().join("crates/fhir/src/definitions")
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{DataFile, Package, compile, data_folder, default_package_path};
    use crate::report;

    #[test]
    fn the_committed_data_files_are_what_the_task_produces() {
        let path = default_package_path();
        if !path.exists() {
            report("skipped: ../shared/data is absent");
            return;
        }
        let package = Package::read(&path).expect("HL7's package is readable");
        for DataFile { name, content } in compile(&package).expect("HL7's package compiles") {
            let committed = fs::read(data_folder().join(name)).expect("the data file is committed");
            assert!(committed == content, "{name} differs: run `cargo xtask definitions` and commit it");
        }
    }
}
