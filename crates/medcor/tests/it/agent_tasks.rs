//! What people ask agents to do at a clinic, each done in the fewest calls that the descriptions of the tools
//! lead to, and what the answers cost to read.

use std::fmt::Write;

use medcor_policy::Role;
use serde_json::{Value, json};

use crate::support::demonstration::{Demonstration, Read};

const DOCTOR: &str = "stone@northgate.example";
const DESK: &str = "desk@northgate.example";
const TOKENS_MAX: usize = 8000;
const TOKENS_MEDIAN_MAX: usize = 600;
const TODAY: &str = "2026-12-02";
const TOMORROW: &str = "2026-12-03";

/// The clinic, and what was called for which task.
struct Trial {
    demonstration: Demonstration,
    tasks: Vec<Task>,
}

struct Task {
    question: &'static str,
    calls: Vec<(String, usize)>,
}

impl Trial {
    async fn begin() -> Self {
        let trial = Self { demonstration: Demonstration::open().await, tasks: Vec::new() };
        trial.employ().await;
        trial.chart().await;
        trial.adherence().await;
        trial.diary().await;
        trial
    }

    fn task(&mut self, question: &'static str) {
        self.tasks.push(Task { question, calls: Vec::new() });
    }

    async fn call(&mut self, who: &str, tool: &str, arguments: Value) -> Value {
        let Read { answer, tokens } = match self.demonstration.call(who, tool, &arguments).await {
            Ok(read) => read,
            Err(refusal) => panic!("{tool} {arguments}: {refusal}"),
        };
        let task = self.tasks.last_mut().expect("a task was begun");
        task.calls.push((tool.to_owned(), tokens));
        answer
    }

    /// What is no part of a task.
    async fn arranged(&self, tool: &str, arguments: Value) -> Value {
        match self.demonstration.call(DOCTOR, tool, &arguments).await {
            Ok(read) => read.answer,
            Err(refusal) => panic!("{tool} {arguments}: {refusal}"),
        }
    }

    fn solved_in(&self, calls: usize) {
        let task = self.tasks.last().expect("a task was begun");
        assert_eq!(task.calls.len(), calls, "{}: {:?}", task.question, task.calls);
    }

    async fn employ(&self) {
        let here = &self.demonstration;
        for (id, family, given, specialty) in
            [("stone", "Stone", "Amelia", "Cardiology"), ("rao", "Rao", "Ravi", "Cardiology")]
        {
            here.put(json!({
                "resourceType": "Practitioner", "id": id, "active": true,
                "name": [{ "family": family, "given": [given], "prefix": ["Dr."] }]
            }))
            .await;
            here.put(json!({
                "resourceType": "PractitionerRole", "id": format!("role-{id}"), "active": true,
                "practitioner": { "reference": format!("Practitioner/{id}"), "display": format!("Dr. {given} {family}") },
                "specialty": [{ "text": specialty }],
                "availableTime": [{
                    "daysOfWeek": ["mon", "tue", "wed", "thu", "fri"],
                    "availableStartTime": "09:00:00", "availableEndTime": "17:00:00"
                }]
            }))
            .await;
        }
        here.employ(DOCTOR, Role::Doctor, Some("stone")).await;
        here.employ(DESK, Role::Receptionist, None).await;
    }

    /// Maria has been coming for years.
    async fn chart(&self) {
        let here = &self.demonstration;
        let maria = json!({ "reference": "Patient/maria", "display": "Maria Delgado" });
        here.put(json!({
            "resourceType": "Patient", "id": "maria", "active": true, "gender": "female", "birthDate": "1961-07-08",
            "name": [{ "use": "official", "family": "Delgado", "given": ["Maria"] }]
        }))
        .await;
        for (day, status) in
            [("2025-09-10", "finished"), ("2026-06-12", "finished"), ("2026-11-05", "finished")]
        {
            here.put(json!({
                "resourceType": "Encounter", "id": format!("visit-{day}"), "status": status, "class": { "code": "AMB" },
                "subject": maria, "period": { "start": format!("{day}T09:00:00Z"), "end": format!("{day}T09:30:00Z") }
            }))
            .await;
        }
        for (code, name, unit, values) in [
            (
                "2823-3",
                "Potassium",
                "mmol/L",
                &[("2026-02-10", 4.1), ("2026-06-12", 4.6), ("2026-11-05", 5.2)][..],
            ),
            ("4548-4", "Hemoglobin A1c", "%", &[("2025-03-01", 7.9), ("2025-09-10", 7.4)]),
            (
                "2160-0",
                "Creatinine",
                "mg/dL",
                &[("2026-06-12", 1.0), ("2026-11-05", 1.1), ("2026-11-20", 1.6)],
            ),
            (
                "2345-7",
                "Glucose",
                "mg/dL",
                &[("2026-02-10", 130.0), ("2026-06-12", 141.0), ("2026-11-05", 128.0)],
            ),
        ] {
            for (day, value) in values {
                here.put(json!({
                    "resourceType": "Observation", "status": "final", "subject": maria,
                    "category": [{ "coding": [{
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"
                    }] }],
                    "code": { "coding": [{ "system": "http://loinc.org", "code": code }], "text": name },
                    "effectiveDateTime": format!("{day}T09:10:00Z"),
                    "valueQuantity": { "value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit }
                }))
                .await;
            }
        }
        for (id, name, day, amount) in [
            ("lisinopril", "lisinopril 10 MG Oral Tablet", "2026-06-12", 10),
            ("simvastatin", "simvastatin 20 MG Oral Tablet", "2026-06-12", 20),
            ("metformin", "metformin hydrochloride 500 MG Oral Tablet", "2025-09-10", 500),
            ("amlodipine", "amlodipine 5 MG Oral Tablet", "2026-11-20", 5),
        ] {
            here.put(json!({
                "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
                "subject": maria, "authoredOn": day, "medicationCodeableConcept": { "text": name },
                "dosageInstruction": [{
                    "timing": { "repeat": { "frequency": 1, "period": 1, "periodUnit": "d" } },
                    "doseAndRate": [{ "doseQuantity": { "value": amount, "unit": "mg" } }]
                }],
                "dispenseRequest": { "numberOfRepeatsAllowed": 3 }
            }))
            .await;
        }
    }

    /// A month of reminders: two doses were skipped, one was forgotten.
    async fn adherence(&self) {
        let maria = json!({ "reference": "Patient/maria" });
        self.demonstration
            .put(json!({
                "resourceType": "CommunicationRequest", "id": "reminder", "status": "active", "subject": maria,
                "contained": [{
                    "resourceType": "MedicationRequest", "id": "schedule", "status": "active", "intent": "plan",
                    "subject": maria, "medicationCodeableConcept": { "text": "Metformin" },
                    "dosageInstruction": [{ "text": "500 mg", "timing": { "repeat": {
                        "boundsPeriod": { "start": "2026-11-02", "end": "2026-12-31" },
                        "frequency": 1, "period": 1, "periodUnit": "d", "timeOfDay": ["08:30:00"]
                    } } }]
                }],
                "about": [{ "reference": "#schedule" }],
                "category": [{ "coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/communication-category", "code": "reminder"
                }] }],
                "payload": [{ "contentString": "Time to take Metformin" }],
                "occurrenceDateTime": "2026-12-03T08:30:00Z", "authoredOn": "2026-11-01T10:00:00Z"
            }))
            .await;
        for day in (3..=30).filter(|day| *day != 17) {
            let dose = format!("2026-11-{day:02}T08:30:00Z");
            let logged = if day == 9 || day == 21 {
                json!({ "reminder": "reminder", "scheduled_for": dose, "status": "skipped", "reason": "Nausea" })
            } else {
                json!({ "reminder": "reminder", "scheduled_for": dose, "taken_at": dose })
            };
            self.arranged("log_medication_taken", logged).await;
        }
    }

    /// Today's and tomorrow's visits; some of the patients have filled the form.
    async fn diary(&self) {
        let patients = self.demonstration.records(medcor_fhir::ResourceType::PATIENT).await;
        let others = patients.iter().filter_map(|patient| patient["id"].as_str()).filter(|id| *id != "maria");
        let others: Vec<&str> = others.take(6).collect();
        let visit = |patient: &str, date: &str, time: &str| json!({ "patient": patient, "provider": "stone", "date": date, "start_time": time });
        for (patient, time) in
            [(others[0], "10:00"), ("maria", "10:30"), (others[1], "11:00"), (others[2], "14:00")]
        {
            let booked = self.arranged("create_appointment", visit(patient, TODAY, time)).await;
            if time == "10:00" {
                self.arranged("cancel_appointment", json!({ "appointment_id": booked["id"] })).await;
            }
            if time == "11:00" {
                let answers = json!({
                    "patient": patient, "appointment": booked["id"], "responses": { "reason": "Palpitations" }
                });
                self.arranged("submit_previsit_response", answers).await;
            }
        }
        self.arranged("create_appointment", visit(others[3], TOMORROW, "09:00")).await;
        self.arranged("create_appointment", visit(others[4], TOMORROW, "09:30")).await;
    }

    /// What every task cost.
    fn table(&self) -> String {
        let mut table = String::from("\ncalls tokens task\n");
        for task in &self.tasks {
            let tokens: usize = task.calls.iter().map(|(_, tokens)| tokens).sum();
            let calls: Vec<String> =
                task.calls.iter().map(|(tool, tokens)| format!("{tool} {tokens}")).collect();
            writeln!(table, "{:5} {tokens:6} {} ({})", task.calls.len(), task.question, calls.join(", "))
                .unwrap();
        }
        table
    }

    async fn reads_the_chart(&mut self) {
        self.task("What was Maria's last potassium, and where is it going?");
        let potassium = json!({ "patient": "Maria Delgado", "test": "potassium", "limit": 1 });
        let potassium = self.call(DOCTOR, "get_lab_results", potassium).await;
        let measure = &potassium["summary"]["measures"][0];
        assert_eq!(
            (&measure["latest"]["value"], &measure["trend"]["direction"]),
            (&json!(5.2), &json!("rising"))
        );
        self.solved_in(1);

        self.task("Is her A1c older than a year? If so, order one.");
        let glycated = json!({ "patient": "Maria Delgado", "test": "A1c", "limit": 1 });
        let glycated = self.call(DOCTOR, "get_lab_results", glycated).await;
        let age = glycated["summary"]["measures"][0]["latest"]["age_days"].as_i64().unwrap();
        assert_eq!(age, 447, "from 2025-09-10 to 2026-12-02");
        let order = json!({ "patient": "Maria Delgado", "tests": ["A1c"] });
        assert_eq!(self.call(DOCTOR, "order_lab", order).await["orders"][0]["loinc_code"], "4548-4");
        self.solved_in(2);

        self.task("What changed since Maria's last visit?");
        let since = json!({ "patient": "Maria Delgado", "since": "last visit" });
        let changed = self.call(DOCTOR, "get_patient_summary", since).await;
        assert_eq!(changed["since"], "2026-11-05T09:30:00Z");
        let labs = changed["labs"]["results"].as_array().unwrap();
        assert_eq!(labs.len(), 1, "{labs:?}");
        assert!(labs[0].to_string().contains("1.6"));
        assert!(changed["medications"].to_string().contains("2026-11-20"));
        self.solved_in(1);

        self.task("How was her adherence over the last 30 days?");
        let adherence = self.call(DOCTOR, "get_adherence", json!({ "patient": "Maria Delgado" })).await;
        assert_eq!((&adherence["taken"], &adherence["skipped"]), (&json!(25), &json!(2)), "{adherence:#}");
        assert!(adherence["adherence_rate"].is_number(), "{adherence:#}");
        self.solved_in(1);
    }

    async fn treats(&mut self) {
        self.task("What does Maria take, and does anything of it interact with clarithromycin?");
        let asked = json!({ "patient": "Maria Delgado", "medications": ["clarithromycin"] });
        let checked = self.call(DOCTOR, "check_interactions", asked).await;
        let taken = checked["medications"].as_array().unwrap().iter().filter(|row| row["origin"] == "chart");
        assert_eq!(taken.count(), 4, "{checked:#}");
        let gravest = &checked["interactions"][0];
        assert_eq!(gravest["clinical_severity"], "contraindicated");
        assert!(gravest.to_string().contains("simvastatin"));
        self.solved_in(1);

        self.task("Refill her lisinopril.");
        let refill = json!({ "patient": "Maria Delgado", "medication": "lisinopril", "quantity": 30 });
        let refill = self.call(DOCTOR, "add_medication_refill", refill).await;
        assert_eq!(
            (&refill["status"], &refill["refills_remaining"]),
            (&json!("success"), &json!(3)),
            "{refill:#}"
        );
        self.solved_in(1);
    }

    async fn schedules(&mut self) {
        self.task("Who is next on Dr Stone's list?");
        let next = json!({ "provider": "Amelia Stone", "period": "UPCOMING", "limit": 1 });
        let next = self.call(DESK, "list_appointments", next).await;
        let row = &next["results"][0];
        assert_eq!(
            (&row["patient_name"], &row["time"]),
            (&json!("Maria Delgado"), &json!("10:30")),
            "{next:#}"
        );
        self.solved_in(1);

        self.task("Which of today's patients of Dr Stone have not filled the form before the visit?");
        let missing = self.call(DOCTOR, "list_missing_previsit", json!({ "provider": "me" })).await;
        assert_eq!((&missing["appointments"], &missing["answered"]), (&json!(3), &json!(1)), "{missing:#}");
        assert_eq!(missing["results"][0]["patient_name"], "Maria Delgado");
        self.solved_in(1);

        // On a Wednesday some mean the day after tomorrow: the first call says so, and the person chooses.
        self.task("Book Maria next Friday afternoon with a cardiologist.");
        let mut wish = json!({
            "patient": "Maria Delgado", "specialty": "cardiologist", "date": "next Friday afternoon", "mode": "BOOK"
        });
        let unclear = self.call(DESK, "check_and_book_appointment", wish.clone()).await;
        assert_eq!(unclear["readings"], json!(["2026-12-04", "2026-12-11"]));
        wish["date"] = "2026-12-11 afternoon".into();
        let booked = self.call(DESK, "check_and_book_appointment", wish).await;
        assert_eq!(
            (&booked["status"], &booked["date"]),
            (&json!("SCHEDULED"), &json!("2026-12-11")),
            "{booked:#}"
        );
        assert!(booked["time"].as_str() >= Some("12:00"));
        self.solved_in(2);

        self.task("Move Dr Stone's patient of tomorrow 9:00 to another cardiologist.");
        let list = json!({ "provider": "Amelia Stone", "date": TOMORROW, "limit": 3 });
        let list = self.call(DESK, "list_appointments", list).await;
        assert_eq!(list["results"][0]["time"], "09:00");
        let free = json!({ "specialty": "cardiology", "date": TOMORROW, "limit": 3 });
        let free = self.call(DESK, "list_appointment_slots", free).await;
        let slots = free["results"].as_array().unwrap().iter();
        let other = slots.filter(|slot| slot["start_time"].as_str().unwrap().starts_with("09:00"));
        let other: Vec<&Value> = other.filter(|slot| slot["doctor_id"] != "stone").collect();
        assert!(!other.is_empty(), "{free:#}");
        let moved = json!({ "appointment_id": list["results"][0]["id"], "provider": other[0]["doctor_id"] });
        let moved = self.call(DESK, "reschedule_appointment", moved).await;
        assert_eq!((&moved["time"], &moved["date"]), (&json!("09:00"), &json!(TOMORROW)), "{moved:#}");
        assert_ne!(moved["doctor_id"], "stone");
        self.solved_in(3);
    }
}

#[tokio::test]
async fn what_people_ask_for_takes_few_calls_and_short_answers() {
    let mut trial = Trial::begin().await;
    trial.reads_the_chart().await;
    trial.treats().await;
    trial.schedules().await;
    println!("{}", trial.table());
    assert_eq!(trial.tasks.len(), 10);
    let mut sizes: Vec<usize> =
        trial.tasks.iter().flat_map(|task| &task.calls).map(|(_, tokens)| *tokens).collect();
    sizes.sort_unstable();
    let (median, largest) = (sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
    println!("median {median} tokens, largest {largest}");
    assert!(largest <= TOKENS_MAX, "{}", trial.table());
    assert!(median < TOKENS_MEDIAN_MAX, "median {median}: {}", trial.table());
}
