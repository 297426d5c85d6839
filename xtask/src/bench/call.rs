//! The calls that are measured: what is asked, and what the answer must hold.

use std::{cell::Cell, fmt::Write, fs, ops::Range, path::PathBuf};

use jiff::{
    Span, Zoned,
    civil::{Date, Weekday},
};
use serde_json::{Value, json};

use super::{Failure, load, server::Server};

/// Which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    GetPatient,
    SearchPatients,
    GetVitalSigns,
    RecordVitalSigns,
    Summary,
    Book,
    Prescribe,
    ToolsList,
    /// A `get_patient` that validation refuses: it has passed all guards and leaves an audit row.
    Refused,
    /// A page that needs no caller.
    Page,
    /// `get_patient` over REST.
    Rest,
    /// Ten of them in one request.
    Batch,
}

impl Name {
    /// What guards cost is the difference of these two.
    pub(super) const GUARDS: [Self; 2] = [Self::Refused, Self::Page];

    /// The same read by another door.
    pub(super) const DOORS: [Self; 2] = [Self::Rest, Self::Batch];

    /// Reads first: what is written would change what they read.
    pub(super) const ALL: [Self; 8] = [
        Self::GetPatient,
        Self::SearchPatients,
        Self::GetVitalSigns,
        Self::Summary,
        Self::ToolsList,
        Self::RecordVitalSigns,
        Self::Book,
        Self::Prescribe,
    ];

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::GetPatient => "get_patient",
            Self::SearchPatients => "search_patients",
            Self::GetVitalSigns => "get_vital_signs",
            Self::RecordVitalSigns => "record_vital_signs",
            Self::Summary => "get_patient_summary",
            Self::Book => "create_appointment",
            Self::Prescribe => "prescribe_medication",
            Self::ToolsList => "tools/list",
            Self::Refused => "get_patient, refused",
            Self::Page => "GET /health/liveness",
            Self::Rest => "get_patient by REST",
            Self::Batch => "a batch of ten get_patient",
        }
    }
}

/// Arguments of the load generator.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) arguments: Vec<String>,
    /// Another path than that of MCP.
    pub(super) page: Option<&'static str>,
}

impl Call {
    fn tool(name: Name, arguments: &Value) -> Self {
        Self::of(["--tool", name.text(), "--arguments", &arguments.to_string()])
    }

    /// A body that is sent as it is.
    fn sent(path: &'static str, body: &str) -> Self {
        let call = Self { page: Some(path), ..Self::of(["--arguments", body]) };
        call.ending("document")
    }

    fn of<const N: usize>(arguments: [&str; N]) -> Self {
        Self { arguments: arguments.map(str::to_owned).to_vec(), page: None }
    }

    fn ending(mut self, ending: &str) -> Self {
        self.arguments.extend(["--ending".to_owned(), ending.to_owned()]);
        self
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
    drugs_file: PathBuf,
    visits: Visits,
    /// How many doses were handed out.
    prescribed: Cell<u32>,
    /// The result of a `get_patient`, which the ceiling repeats.
    pub(super) result_file: PathBuf,
}

/// Names that searches are made for.
const NAMES: u32 = 64;
/// What is prescribed: common drugs, of which some should not be taken together. None is one that every seeded patient
/// is allergic to: an order against that writes a second record, with the reason.
const DRUGS: [&str; 6] = ["metformin", "lisinopril", "simvastatin", "warfarin", "omeprazole", "sertraline"];
/// Calls of the batch that is measured.
pub(super) const BATCHED: u32 = 10;
const REST: &str = "/api/v1/mcp/tools/invoke";
const BATCH: &str = "/api/v1/mcp/batch";
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
        let mut known = Self {
            patients,
            names_file: folder.join("names"),
            drugs_file: folder.join("drugs"),
            visits: Visits {
                doctors: doctors(server)?,
                patients: 0..0,
                file: folder.join("visits"),
                today: today(),
                used: Cell::new(0),
            },
            prescribed: Cell::new(0),
            result_file: folder.join("result.json"),
        };
        known.visits.patients = known.first_written()..patients;
        fs::write(&known.names_file, names)?;
        fs::write(&known.drugs_file, DRUGS.join("\n"))?;
        fs::write(&known.result_file, result.to_string())?;
        Ok(known)
    }

    /// The call of this name.
    pub(super) fn call(&self, name: Name) -> Result<Call, Failure> {
        Ok(match name {
            Name::GetPatient => {
                Call::tool(name, &json!({ "patient": "${mrn}" })).draw(self.read()).expect("${mrn}")
            }
            Name::Summary => {
                Call::tool(name, &json!({ "patient": "${mrn}" })).draw(self.summarised()).expect("${mrn}")
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
                Call::of(["--tool", name.text(), "--arguments", arguments])
                    .draw(self.written())
                    .draw("rate=between:55:95".to_owned())
                    .draw("number=count:1".to_owned())
                    .expect("${mrn}")
                    .expect("Recorded 1 vital sign")
            }
            Name::Book => Call::of(["--tool", name.text(), "--arguments", "{${visit}}"])
                .draw(format!("visit=next:{}", self.visits.next_file()?.display()))
                .expect("SCHEDULED"),
            Name::Prescribe => {
                let arguments = json!({
                    "patient": "${mrn}", "medication_name": "${drug}", "dosage": "${number} drops", "frequency": "once daily",
                    "override_reason": "A benchmark"
                });
                Call::tool(name, &arguments)
                    .draw(self.prescribed())
                    .draw(format!("drug=line:{}", self.drugs_file.display()))
                    // The same dose of the same drug would be refused.
                    .draw(format!(
                        "number=count:{}",
                        self.prescribed.replace(self.prescribed.get() + PRESCRIPTIONS_A_RUN)
                    ))
                    .expect("${mrn}")
                    .expect("warnings")
            }
            Name::ToolsList => Call::of(["--method", name.text()]).expect("\"get_patient\""),
            Name::Refused => {
                Call::tool(Name::GetPatient, &json!({ "patient": "MRN000001", "format": "none" }))
                    .ending("refused")
                    .expect("VALIDATION_ERROR")
            }
            Name::Rest => Call::sent(REST, &rest_call("mrn")).draw(self.read()).expect("${mrn}"),
            Name::Batch => self.batch(),
            Name::Page => {
                let call = Call { page: Some("/health/liveness"), ..Call::of([]) };
                call.ending("page").expect("healthy")
            }
        })
    }

    /// Ten patients in one request.
    fn batch(&self) -> Call {
        let names: Vec<String> = (0..BATCHED).map(|number| format!("mrn{number}")).collect();
        let calls: Vec<String> = names.iter().map(|name| rest_call(name)).collect();
        let call = Call::sent(BATCH, &format!(r#"{{"requests":[{}]}}"#, calls.join(",")));
        let drawn = names.iter().fold(call, |call, name| call.draw(self.read_as(name)));
        names.iter().fold(drawn, |call, name| call.expect(&format!("${{{name}}}")))
    }

    /// The call that the ceiling gets: the same requests as for `get_patient`, drawn alike, so that both cost
    /// the generator the same. Its answer is always about one patient.
    pub(super) fn ceiling_call(&self) -> Call {
        Call::tool(Name::GetPatient, &json!({ "patient": "${mrn}" })).draw(self.read()).expect("\"content\"")
    }

    /// Patients who are read: nine in ten.
    fn read(&self) -> String {
        self.read_as("mrn")
    }

    fn read_as(&self, name: &str) -> String {
        format!("{name}=between:0:{}:MRN:6", self.first_written() - 1)
    }

    /// Patients who are written: the others, so that reads find what was seeded.
    fn written(&self) -> String {
        format!("mrn=between:{}:{}:MRN:6", self.first_written(), self.patients - 1)
    }

    fn first_written(&self) -> u32 {
        self.patients - self.patients / 10
    }

    /// Patients whose summaries are read: one in ten.
    fn summarised(&self) -> String {
        format!("mrn=between:0:{}:MRN:6", self.patients / 10 - 1)
    }

    /// Patients to whom something is prescribed: all others, of whom no other call reads prescriptions. Among as few as
    /// are written otherwise, each would soon have more medications than anybody takes.
    fn prescribed(&self) -> String {
        format!("mrn=between:{}:{}:MRN:6", self.patients / 10, self.patients - 1)
    }
}

fn rest_call(name: &str) -> String {
    format!(r#"{{"tool":"get_patient","params":{{"patient":"${{{name}}}"}}}}"#)
}

fn one_patient(number: u32) -> Call {
    let mrn = format!("MRN{number:06}");
    Call::tool(Name::GetPatient, &json!({ "patient": mrn })).expect(&mrn)
}

/// Visits that can be booked, each once: five minutes of a doctor on a working day to come.
#[derive(Debug)]
struct Visits {
    doctors: Vec<String>,
    /// Numbers of MRNs.
    patients: Range<u32>,
    file: PathBuf,
    today: Date,
    /// How many were handed out.
    used: Cell<u32>,
}

/// More than a measurement prescribes.
const PRESCRIPTIONS_A_RUN: u32 = 20_000;
/// Visits of one file: more than a measurement books. All of a run lie within the two years that can be booked.
const VISITS_A_FILE: u32 = 15_000;
/// Five minutes each from 09:00 to 12:30 and from 13:00 to 17:00.
const VISITS_A_DAY: u32 = VISITS_A_MORNING + 48;
const VISITS_A_MORNING: u32 = 42;

impl Visits {
    /// A file with visits that nobody had before.
    fn next_file(&self) -> Result<PathBuf, Failure> {
        let first = self.used.replace(self.used.get() + VISITS_A_FILE);
        let monday = self.today.nth_weekday(1, Weekday::Monday)?;
        let doctors = u32::try_from(self.doctors.len())?;
        let patients = self.patients.end - self.patients.start;
        let mut text = String::new();
        for number in first..first + VISITS_A_FILE {
            // Doctors change fastest, so that no patient is at two of them at a time.
            let (doctor, place) = (&self.doctors[usize::try_from(number % doctors)?], number / doctors);
            let (day, visit) = (place / VISITS_A_DAY, place % VISITS_A_DAY);
            let pause = if visit < VISITS_A_MORNING { 0 } else { 30 };
            let minute = 9 * 60 + visit * 5 + pause;
            let date = monday.checked_add(Span::new().days(day / 5 * 7 + day % 5))?;
            let mrn = self.patients.start + number % patients;
            writeln!(
                text,
                r#""patient": "MRN{mrn:06}", "provider": "{doctor}", "date": "{date}", "start_time": "{:02}:{:02}", "duration_minutes": 5"#,
                minute / 60,
                minute % 60
            )?;
        }
        fs::write(&self.file, text)?;
        Ok(self.file.clone())
    }
}

#[expect(clippy::disallowed_methods, reason = "the server that is measured has the clock of this machine")]
fn today() -> Date {
    Zoned::now().date()
}

/// Ids of the doctors who can be booked.
fn doctors(server: &Server<'_>) -> Result<Vec<String>, Failure> {
    let call = Call::of(["--tool", "list_doctors", "--arguments", "{}"]).expect("count");
    let answer = load::ask(server, &call)?;
    let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_default();
    let list: Value = serde_json::from_str(text)?;
    let rows = list["results"].as_array().ok_or("no doctors are listed")?;
    Ok(rows.iter().filter_map(|row| row["id"].as_str().map(str::to_owned)).collect())
}
