//! The calls that are measured: what is asked, and what the answer must hold.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::{Failure, load, server::Server};

/// Which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    GetPatient,
    SearchPatients,
    GetVitalSigns,
    RecordVitalSigns,
    ToolsList,
}

impl Name {
    /// Reads first: what is written would change what they read.
    pub(super) const ALL: [Self; 5] = [
        Self::GetPatient,
        Self::SearchPatients,
        Self::GetVitalSigns,
        Self::ToolsList,
        Self::RecordVitalSigns,
    ];

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::GetPatient => "get_patient",
            Self::SearchPatients => "search_patients",
            Self::GetVitalSigns => "get_vital_signs",
            Self::RecordVitalSigns => "record_vital_signs",
            Self::ToolsList => "tools/list",
        }
    }
}

/// Arguments of the load generator.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) arguments: Vec<String>,
}

impl Call {
    fn tool(name: Name, arguments: &Value) -> Self {
        Self {
            arguments: vec!["--tool".into(), name.text().into(), "--arguments".into(), arguments.to_string()],
        }
    }

    fn draw(mut self, source: String) -> Self {
        self.arguments.extend(["--draw".to_owned(), source]);
        self
    }

    fn expect(mut self, text: &str) -> Self {
        self.arguments.extend(["--expect".to_owned(), text.to_owned()]);
        self
    }
}

/// What has to be known of the patients to ask for them.
#[derive(Debug)]
pub(super) struct Known {
    patients: u32,
    names_file: PathBuf,
    /// The result of a `get_patient`, which the ceiling repeats.
    pub(super) result_file: PathBuf,
}

/// Names that searches are made for.
const NAMES: u32 = 64;
/// Observations of a patient, all of which one call lists.
const OBSERVATIONS: u32 = 50;

impl Known {
    /// Asks the server for some patients' names.
    pub(super) fn ask(server: &Server<'_>, patients: u32) -> Result<Self, Failure> {
        let folder = &server.backend.folder;
        let mut names = String::new();
        let mut result = Value::Null;
        for number in 0..NAMES {
            let number = number * (patients / NAMES);
            let answer = load::ask(server, &one_patient(number))?;
            result = answer["result"].clone();
            let text = result["content"][0]["text"].as_str().unwrap_or_default();
            let patient: Value = serde_json::from_str(text)?;
            let name = patient["name"].as_str().ok_or("a patient has no name")?;
            names.push_str(name);
            names.push('\n');
        }
        let known =
            Self { patients, names_file: folder.join("names"), result_file: folder.join("result.json") };
        fs::write(&known.names_file, names)?;
        fs::write(&known.result_file, result.to_string())?;
        Ok(known)
    }

    /// The call of this name.
    pub(super) fn call(&self, name: Name) -> Call {
        match name {
            Name::GetPatient => {
                Call::tool(name, &json!({ "patient": "${mrn}" })).draw(self.read()).expect("${mrn}")
            }
            Name::SearchPatients => Call::tool(name, &json!({ "query": "${name}" }))
                .draw(format!("name=line:{}", self.names_file.display()))
                .expect("${name}"),
            Name::GetVitalSigns => Call::tool(name, &json!({ "patient": "${mrn}", "limit": OBSERVATIONS }))
                .draw(self.read())
                .expect("${mrn}")
                .expect(&format!("\\\"count\\\":{OBSERVATIONS},")),
            Name::RecordVitalSigns => {
                let arguments =
                    r#"{"patient": "${mrn}", "heart_rate": ${rate}, "note": "reading ${number}"}"#;
                let call = Call {
                    arguments: vec![
                        "--tool".into(),
                        name.text().into(),
                        "--arguments".into(),
                        arguments.to_owned(),
                    ],
                };
                call.draw(self.written())
                    .draw("rate=between:55:95".to_owned())
                    .draw("number=count:1".to_owned())
                    .expect("${mrn}")
                    .expect("Recorded 1 vital sign")
            }
            Name::ToolsList => {
                Call { arguments: vec!["--method".into(), name.text().into()] }.expect("\"get_patient\"")
            }
        }
    }

    /// The call that the ceiling gets: like `get_patient`, about the patient whom its answer shows.
    pub(super) fn ceiling_call() -> Call {
        Call::tool(Name::GetPatient, &json!({ "patient": "MRN000001" })).expect("\"content\"")
    }

    /// Patients who are read: nine in ten.
    fn read(&self) -> String {
        format!("mrn=between:0:{}:MRN:6", self.first_written() - 1)
    }

    /// Patients who are written: the others, so that reads find what was seeded.
    fn written(&self) -> String {
        format!("mrn=between:{}:{}:MRN:6", self.first_written(), self.patients - 1)
    }

    fn first_written(&self) -> u32 {
        self.patients - self.patients / 10
    }
}

fn one_patient(number: u32) -> Call {
    let mrn = format!("MRN{number:06}");
    Call::tool(Name::GetPatient, &json!({ "patient": mrn })).expect(&mrn)
}
