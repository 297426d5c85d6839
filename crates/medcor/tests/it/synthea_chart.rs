//! A real chart, imported and read through every tool; the expected figures are computed here, from the
//! file alone.

use std::path::{Path, PathBuf};

use medcor::import::Import;
use medcor_policy::Role;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::support::Clinic;

const BUNDLE: &str = "Alejandro_Riojas_a9fcc685-c7a2-4474-bf25-26c8fe4b48f9.json";

/// The records of one patient, and the clinic that has imported them.
struct Chart {
    clinic: Clinic,
    records: Vec<Value>,
    patient: String,
}

impl Chart {
    async fn imported() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/synthea/2019-bundles");
        let file = folder.join(BUNDLE);
        if !file.exists() {
            eprintln!("skipped: {} is absent", file.display());
            return None;
        }
        let bundle: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let records: Vec<Value> =
            bundle["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone()).collect();
        let is_patient = |record: &&Value| record["resourceType"] == "Patient";
        let patient = records.iter().find(is_patient).unwrap()["id"].as_str().unwrap().to_owned();
        let clinic = Clinic::start().await;
        import(&clinic, file).await;
        Some(Self { clinic, records, patient })
    }

    fn of_type(&self, name: &str) -> impl Iterator<Item = &Value> {
        let name = name.to_owned();
        self.records.iter().filter(move |record| record["resourceType"] == name)
    }

    fn observations(&self, category: &str) -> Vec<&Value> {
        self.of_type("Observation")
            .filter(|record| record["category"][0]["coding"][0]["code"] == category)
            .collect()
    }

    /// Every row of a list, following the cursor.
    async fn rows(&self, tool: &str, arguments: Value) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut arguments = arguments;
        arguments["patient"] = self.patient.as_str().into();
        arguments["limit"] = 17.into();
        loop {
            let answer = self.clinic.ok(Role::Doctor, tool, arguments.clone()).await;
            rows.extend(answer["results"].as_array().unwrap().iter().cloned());
            match answer.get("next_cursor") {
                Some(cursor) => arguments["cursor"] = cursor.clone(),
                None => return rows,
            }
        }
    }
}

async fn import(clinic: &Clinic, file: PathBuf) {
    let store = clinic.server.store.clone();
    let tenant = clinic.server.here.id;
    let runtime = Handle::current();
    let imported = tokio::task::spawn_blocking(move || {
        let scratch = std::env::temp_dir().join(format!("medcor-it-scratch-{}", std::process::id()));
        std::fs::create_dir_all(&scratch).unwrap();
        let import =
            Import { store: &store, tenant, scratch: &scratch, is_strict: false, is_restoring: false };
        import.run(&[file], &runtime, &mut |_| {})
    });
    let report = imported.await.unwrap().unwrap();
    assert_eq!(report.total().refused, 0);
}

fn sorted_ids(records: impl IntoIterator<Item = impl std::borrow::Borrow<Value>>) -> Vec<String> {
    let ids = records.into_iter().map(|record| record.borrow()["id"].as_str().unwrap().to_owned());
    let mut ids: Vec<String> = ids.collect();
    ids.sort_unstable();
    ids
}

fn date<'r>(record: &'r Value, field: &str) -> &'r str {
    record[field].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_of_the_chart_is_listed_once_and_nothing_else() {
    let Some(chart) = Chart::imported().await else { return };
    for (tool, arguments, expected) in [
        ("list_conditions", json!({}), sorted_ids(chart.of_type("Condition"))),
        ("list_immunizations", json!({}), sorted_ids(chart.of_type("Immunization"))),
        ("list_procedures", json!({}), sorted_ids(chart.of_type("Procedure"))),
        ("list_prescriptions", json!({}), sorted_ids(chart.of_type("MedicationRequest"))),
        ("list_encounters", json!({}), sorted_ids(chart.of_type("Encounter"))),
        ("get_allergies", json!({ "status": "all" }), sorted_ids(chart.of_type("AllergyIntolerance"))),
        ("get_vital_signs", json!({}), sorted_ids(chart.observations("vital-signs"))),
    ] {
        assert_eq!(sorted_ids(chart.rows(tool, arguments).await), expected, "{tool}");
    }
    let active = chart.of_type("MedicationRequest").filter(|record| record["status"] == "active");
    assert_eq!(sorted_ids(chart.rows("get_medications", json!({})).await), sorted_ids(active));
    let is_active = |record: &&Value| record["clinicalStatus"]["coding"][0]["code"] == "active";
    let active = chart.of_type("Condition").filter(is_active);
    assert_eq!(
        sorted_ids(chart.rows("list_conditions", json!({ "status": "active" })).await),
        sorted_ids(active)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn vital_signs_have_the_latest_value_and_the_average_of_the_file() {
    let Some(chart) = Chart::imported().await else { return };
    let arguments = json!({ "patient": chart.patient, "window_days": 36_500, "limit": 5 });
    let answer = chart.clinic.ok(Role::Doctor, "get_vital_signs", arguments).await;
    let measures = answer["summary"]["measures"].as_array().unwrap();
    for (kind, code) in
        [("weight", "29463-7"), ("height", "8302-2"), ("bmi", "39156-5"), ("pain_score", "72514-3")]
    {
        let of_code = |record: &&&Value| record["code"]["coding"][0]["code"] == code;
        let vitals = chart.observations("vital-signs");
        let mut records: Vec<&&Value> = vitals.iter().filter(of_code).collect();
        records.sort_by_key(|record| date(record, "effectiveDateTime"));
        let values: Vec<f64> =
            records.iter().map(|record| record["valueQuantity"]["value"].as_f64().unwrap()).collect();
        let measure = measures.iter().find(|measure| measure["kind"] == kind).unwrap();
        assert_eq!(measure["values"], values.len(), "{kind}");
        assert_eq!(measure["latest"]["value"].as_f64(), values.last().copied(), "{kind}");
        assert_eq!(
            measure["latest"]["recorded_date"],
            records.last().unwrap()["effectiveDateTime"],
            "{kind}"
        );
        let average = values.iter().sum::<f64>() / f64::from(u32::try_from(values.len()).unwrap());
        assert!((measure["average"].as_f64().unwrap() - average).abs() <= 0.005, "{kind}: {measure}");
    }
    let systolic: Vec<f64> = chart
        .observations("vital-signs")
        .iter()
        .flat_map(|record| record["component"].as_array().into_iter().flatten())
        .filter(|part| part["code"]["coding"][0]["code"] == "8480-6")
        .map(|part| part["valueQuantity"]["value"].as_f64().unwrap())
        .collect();
    let measure = measures.iter().find(|measure| measure["kind"] == "systolic_bp").unwrap();
    assert_eq!(measure["values"], systolic.len());
    assert_eq!(measure["maximum"].as_f64(), systolic.iter().copied().reduce(f64::max).map(hundredths));
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[tokio::test(flavor = "multi_thread")]
async fn laboratory_values_stand_in_the_panels_of_the_file() {
    let Some(chart) = Chart::imported().await else { return };
    let mut listed: Vec<(String, String)> = Vec::new();
    for panel in chart.rows("get_lab_results", json!({})).await {
        for value in panel["results"].as_array().unwrap() {
            listed.push((
                value["id"].as_str().unwrap().to_owned(),
                panel["order_id"].as_str().unwrap().to_owned(),
            ));
        }
    }
    let mut expected: Vec<(String, String)> = Vec::new();
    for record in chart.observations("laboratory") {
        let id = record["id"].as_str().unwrap();
        let urn = format!("urn:uuid:{id}");
        let mut reports = chart.of_type("DiagnosticReport");
        let has = |report: &&Value| {
            let results = report["result"].as_array().into_iter().flatten();
            results.into_iter().any(|result| result["reference"] == urn.as_str())
        };
        let report = reports.find(has).map_or(id, |report| report["id"].as_str().unwrap());
        expected.push((id.to_owned(), report.to_owned()));
    }
    listed.sort_unstable();
    expected.sort_unstable();
    assert!(!expected.is_empty());
    assert_eq!(listed, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encounter_of_the_file_has_its_own_records() {
    let Some(chart) = Chart::imported().await else { return };
    for encounter in chart.of_type("Encounter").take(5) {
        let id = encounter["id"].as_str().unwrap();
        let urn = format!("urn:uuid:{id}");
        let of_visit = |record: &&Value| record["encounter"]["reference"] == urn.as_str();
        let answer = chart.clinic.ok(Role::Nurse, "get_encounter", json!({ "encounter": id })).await;
        let expected = chart.of_type("Condition").filter(of_visit).count().min(10);
        assert_eq!(answer["conditions"]["count"], expected);
        let vitals = chart.observations("vital-signs").into_iter().filter(|record| of_visit(record)).count();
        assert_eq!(answer["vital_signs"]["count"], vitals.min(10));
        assert_eq!(answer["started_at"], encounter["period"]["start"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_summary_fits_into_one_answer() {
    let Some(chart) = Chart::imported().await else { return };
    let arguments = json!({ "patient": chart.patient, "limit": 30 });
    let answer = chart.clinic.ok(Role::Doctor, "get_patient_summary", arguments).await;
    assert!(answer.to_string().len() < medcor_tools::BYTES_MAX, "{} bytes", answer.to_string().len());
    let is_active = |record: &&Value| record["clinicalStatus"]["coding"][0]["code"] == "active";
    let active = chart.of_type("Condition").filter(is_active).count();
    assert_eq!(answer["conditions"]["count"], active.min(30));
}
