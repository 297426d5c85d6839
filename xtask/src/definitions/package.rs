//! An HL7 package (.tgz of JSON files) in memory.

use std::{collections::BTreeMap, error::Error, fs::File, io::Read, path::Path};

use flate2::read::GzDecoder;
use serde_json::Value;

/// The JSON files of a package, by name and in order of name.
pub(crate) struct Package {
    files: BTreeMap<String, Vec<u8>>,
}

impl Package {
    /// Reads every `package/*.json` of the archive.
    pub(crate) fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(GzDecoder::new(file)).entries()? {
            let mut entry = entry?;
            let path = entry.path()?.to_string_lossy().into_owned();
            let Some(name) = path.strip_prefix("package/").and_then(|name| name.strip_suffix(".json")) else {
                continue;
            };
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            files.insert(name.to_owned(), content);
        }
        Ok(Self { files })
    }

    /// Every resource of this type (`StructureDefinition`, `SearchParameter`, …), in order of id.
    pub(crate) fn resources(&self, resource_type: &str) -> Result<Vec<Value>, Box<dyn Error>> {
        let mut resources = Vec::new();
        for (name, content) in &self.files {
            let is_of_type =
                name.strip_prefix(resource_type).is_some_and(|rest| rest.starts_with('-') && rest.len() > 1);
            if !is_of_type {
                continue;
            }
            let resource: Value =
                serde_json::from_slice(content).map_err(|error| format!("{name}: {error}"))?;
            // A file such as `ValueSet-…` is named after its type; one that is not would be a broken package.
            if resource["resourceType"] == resource_type {
                resources.push(resource);
            }
        }
        Ok(resources)
    }
}
