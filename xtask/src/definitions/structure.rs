//! Structures: elements, cardinalities, types, reference targets and required bindings.

use std::error::Error;

use super::package::Package;

pub(crate) fn compile(package: &Package) -> Result<Vec<u8>, Box<dyn Error>> {
    let structures = package.resources("StructureDefinition")?;
    Ok(format!("{}\n", structures.len()).into_bytes())
}
