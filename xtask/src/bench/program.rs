//! The programs that are measured and that measure, built for release.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::Failure;
use crate::report as tell;

/// Where the programs are.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) medcor: PathBuf,
    pub(super) load: PathBuf,
    pub(super) constant: PathBuf,
    pub(super) cluster: PathBuf,
    pub(super) fan: PathBuf,
}

impl Programs {
    /// Those in this folder.
    pub(super) fn of_folder(folder: &Path) -> Result<Self, Failure> {
        let program = |name: &str| {
            let path = folder.join(name);
            if path.is_file() { Ok(path) } else { Err(format!("there is no {}", path.display())) }
        };
        Self::found(program)
    }

    /// Builds them.
    pub(super) fn build() -> Result<Self, Failure> {
        tell("building for release");
        let output = Command::new(env!("CARGO"))
            .args(["build", "--release", "--message-format", "json-render-diagnostics"])
            .args(["--package", "medcor", "--package", "medcor-bench"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err("the release build failed".into());
        }
        let text = String::from_utf8(output.stdout)?;
        let messages: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let program = |name: &str| {
            let artifact = messages
                .iter()
                .find(|message| message["target"]["name"] == name && message["target"]["kind"][0] == "bin");
            let path = artifact.and_then(|artifact| artifact["executable"].as_str());
            path.map(PathBuf::from).ok_or_else(|| format!("the build made no `{name}`"))
        };
        Self::found(program)
    }

    fn found(program: impl Fn(&str) -> Result<PathBuf, String>) -> Result<Self, Failure> {
        Ok(Self {
            medcor: program("medcor")?,
            load: program("load")?,
            constant: program("constant")?,
            cluster: program("cluster")?,
            fan: program("fan")?,
        })
    }
}
