//! The charts of the demonstration: visits with vital signs, conditions with what treats and follows
//! them, allergies, immunizations, procedures.

use jiff::{ToSpan, civil::Date};
use medcor_fhir::Id;
use medcor_store::Clock;
use serde_json::{Value, json};

use super::{
    hospital::{Clinician, Hospital},
    patient::{Person, today},
    random::Random,
    term::{
        AILMENTS, ALLERGIES, CVX, Drug, GLUCOSE, HEMOGLOBIN, LDL_CHOLESTEROL, LOINC, PROCEDURES, RXNORM,
        SNOMED, Test, UCUM, VACCINES, VISIT_REASONS, concept, hl7, number,
    },
};

/// How far back a chart goes.
const YEARS: i32 = 5;

/// A chart while it is written.
pub(super) struct Charting<'c> {
    person: &'c Person,
    hospital: &'c Hospital,
    doctor: &'c Clinician,
    today: Date,
    random: &'c mut Random,
    records: Vec<Value>,
    weight: f64,
    height: f64,
    has_high_pressure: bool,
}

/// A quantity's number and unit: for people and in UCUM.
type Measured = (f64, &'static str, &'static str);

impl<'c> Charting<'c> {
    pub(super) fn new(
        person: &'c Person,
        hospital: &'c Hospital,
        clock: &Clock,
        random: &'c mut Random,
    ) -> Self {
        let adult: f64 = if person.is_woman { 164.0 } else { 177.0 };
        let height =
            if person.age >= 18 { random.around(adult, 7.0) } else { 55.0 + f64::from(person.age) * 6.3 };
        let index = if person.age >= 18 { random.around(26.0, 4.0) } else { random.around(17.0, 1.5) };
        let weight = (index * height * height / 1000.0).round() / 10.0;
        let doctor = hospital.doctors()[person.doctor];
        Self {
            person,
            hospital,
            doctor,
            today: today(clock),
            random,
            records: Vec::new(),
            weight,
            height: (height * 10.0).round() / 10.0,
            has_high_pressure: false,
        }
    }

    pub(super) fn into_records(self) -> Vec<Value> {
        self.records
    }

    /// Five years of visits.
    pub(super) fn plausible(&mut self) {
        let tests = self.add_ailments();
        self.add_allergies();
        for year in (0..YEARS).rev() {
            let visits = self.random.between(1, if tests.is_empty() { 2 } else { 3 });
            for visit in 0..visits {
                let days_ago = year * 365 + visit * 365 / visits + self.random.between(4, 100);
                self.add_visit(self.days_ago(days_ago), &tests);
            }
            self.add_vaccines(year);
        }
        for (code, text, age_from) in PROCEDURES {
            if self.person.age >= *age_from && self.random.percent(14) {
                let day = self.random.between(30, YEARS * 365);
                self.add_procedure(code, text, day);
            }
        }
    }

    /// So many of each, for benchmarks.
    pub(super) fn uniform(&mut self, allergies: u32, medications: u32, observations: u32) {
        for (_, allergy) in (0..allergies).zip(ALLERGIES.iter().cycle()) {
            self.add_allergy(allergy);
        }
        let drugs = AILMENTS.iter().flat_map(|ailment| ailment.drugs).cycle();
        for (number, drug) in (0..medications).zip(drugs) {
            self.add_prescription(drug, "active", number_of_days(number));
        }
        for number in 0..observations {
            let rate = self.random.around(74.0, 9.0).round();
            let moment = self.moment(self.days_ago(number_of_days(number)));
            self.add_vital(("8867-4", "Heart rate"), (rate, "beats/minute", "/min"), &moment, None);
        }
    }

    fn days_ago(&self, days: i32) -> Date {
        self.today.saturating_sub(days.days())
    }

    /// Some minute of working hours of this day, as an instant.
    fn moment(&mut self, day: Date) -> String {
        format!("{day}T{:02}:{:02}:00Z", self.random.between(14, 20), self.random.between(0, 59))
    }

    fn practitioner(&self) -> Value {
        json!({ "reference": format!("Practitioner/{}", self.doctor.id), "display": self.doctor.display() })
    }

    /// Conditions and their prescriptions; returns the tests by which they are followed.
    fn add_ailments(&mut self) -> Vec<&'static Test> {
        let mut tests = Vec::new();
        for ailment in AILMENTS {
            if self.person.age < ailment.age_from || !self.random.percent(ailment.chance) {
                continue;
            }
            self.has_high_pressure |= ailment.code == "59621000";
            let days = self.random.between(200, YEARS * 365);
            let is_over = ailment.tests.is_empty() && self.random.percent(30);
            self.add_condition((ailment.code, ailment.text), days, is_over);
            let drug = self.random.pick(ailment.drugs);
            self.add_prescription(drug, if is_over { "completed" } else { "active" }, days);
            tests.extend(ailment.tests);
        }
        tests
    }

    fn add_condition(&mut self, (code, text): (&str, &str), days: i32, is_over: bool) {
        let onset = self.days_ago(days);
        let mut record = json!({
            "resourceType": "Condition",
            "id": self.random.id(),
            "clinicalStatus": hl7("condition-clinical", if is_over { "resolved" } else { "active" }),
            "verificationStatus": hl7("condition-ver-status", "confirmed"),
            "category": [hl7("condition-category", "problem-list-item")],
            "code": concept(SNOMED, code, text),
            "subject": self.person.reference(),
            "onsetDateTime": onset.to_string(),
            "recordedDate": onset.to_string(),
            "asserter": self.practitioner()
        });
        if is_over {
            let days_later = self.random.between(60, days.min(180));
            record["abatementDateTime"] =
                onset.saturating_add(days_later.days()).min(self.today).to_string().into();
        }
        self.records.push(record);
    }

    fn add_prescription(&mut self, drug: &Drug, status: &str, days: i32) {
        let authored = self.days_ago(days).to_string();
        let (value, unit) = drug.dose;
        let dose = if unit == "puffs" {
            json!({ "value": number(value), "unit": "puffs" })
        } else {
            json!({ "value": number(value), "unit": unit, "system": UCUM, "code": unit })
        };
        self.records.push(json!({
            "resourceType": "MedicationRequest",
            "id": self.random.id(),
            "status": status,
            "intent": "order",
            "medicationCodeableConcept": concept(RXNORM, drug.code, drug.text),
            "subject": self.person.reference(),
            "authoredOn": authored,
            "requester": self.practitioner(),
            "dosageInstruction": [{
                "text": drug.sig,
                "timing": { "repeat": { "frequency": drug.per_day, "period": 1, "periodUnit": "d" } },
                "route": concept(SNOMED, drug.route.0, drug.route.1),
                "doseAndRate": [{ "doseQuantity": dose }]
            }],
            "dispenseRequest": { "numberOfRepeatsAllowed": self.random.between(0, 5) }
        }));
    }

    fn add_allergies(&mut self) {
        if !self.random.percent(35) {
            return;
        }
        let first = self.random.between(0, 9);
        let count = self.random.between(1, 3);
        let start = usize::try_from(first).expect("between 0 and 9");
        let count = usize::try_from(count).expect("between 1 and 3");
        for allergy in ALLERGIES.iter().cycle().skip(start).step_by(3).take(count) {
            self.add_allergy(allergy);
        }
    }

    fn add_allergy(&mut self, (system, code, text, category, reaction): &(&str, &str, &str, &str, &str)) {
        let is_severe = *reaction == "Anaphylaxis" || *reaction == "Wheezing";
        let days = self.random.between(100, YEARS * 365);
        self.records.push(json!({
            "resourceType": "AllergyIntolerance",
            "id": self.random.id(),
            "clinicalStatus": hl7("allergyintolerance-clinical", "active"),
            "verificationStatus": hl7("allergyintolerance-verification", "confirmed"),
            "type": "allergy",
            "category": [category],
            "criticality": if is_severe { "high" } else { "low" },
            "code": concept(system, code, text),
            "patient": self.person.reference(),
            "recordedDate": self.days_ago(days).to_string(),
            "recorder": self.practitioner(),
            "reaction": [{ "manifestation": [{ "text": reaction }], "severity": if is_severe { "severe" } else { "mild" } }]
        }));
    }

    fn add_visit(&mut self, day: Date, tests: &[&'static Test]) {
        if day >= self.today || day < self.person.birth_date {
            return;
        }
        let moment = self.moment(day);
        let encounter = self.random.id();
        let reason =
            if self.person.age < 12 { VISIT_REASONS[3] } else { *self.random.pick(&VISIT_REASONS[..3]) };
        self.records.push(json!({
            "resourceType": "Encounter",
            "id": encounter,
            "status": "finished",
            "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB", "display": "ambulatory" },
            "type": [concept(SNOMED, reason.0, reason.1)],
            "subject": self.person.reference(),
            "participant": [{ "individual": self.practitioner() }],
            "period": { "start": moment, "end": moment.replace(":00Z", ":59Z") },
            "location": [{ "location": { "reference": format!("Location/{}", self.hospital.location) } }],
            "serviceProvider": self.hospital.reference()
        }));
        self.add_vitals(&moment, &encounter);
        for test in tests {
            self.add_result(test, &moment, &encounter);
        }
        if self.person.age >= 40 && self.random.percent(20) {
            for test in [&GLUCOSE, &LDL_CHOLESTEROL, &HEMOGLOBIN] {
                self.add_result(test, &moment, &encounter);
            }
        }
    }

    fn add_vitals(&mut self, moment: &str, encounter: &Id) {
        self.weight = (self.weight + self.random.around(0.1, 0.8)).clamp(3.0, 190.0);
        self.weight = (self.weight * 10.0).round() / 10.0;
        let rate = self.random.around(if self.person.age < 12 { 92.0 } else { 72.0 }, 8.0).round();
        let breaths = self.random.around(if self.person.age < 12 { 20.0 } else { 15.0 }, 2.0).round();
        let temperature = self.random.around(36.7, 0.3);
        let saturation = self.random.around(97.5, 1.2).round().min(100.0);
        let vitals: [((&str, &str), Measured); 6] = [
            (("8867-4", "Heart rate"), (rate, "beats/minute", "/min")),
            (("9279-1", "Respiratory rate"), (breaths, "breaths/minute", "/min")),
            (("8310-5", "Body temperature"), (temperature, "C", "Cel")),
            (("2708-6", "Oxygen saturation in Arterial blood"), (saturation, "%", "%")),
            (("29463-7", "Body weight"), (self.weight, "kg", "kg")),
            (("8302-2", "Body height"), (self.height, "cm", "cm")),
        ];
        for (code, measured) in vitals {
            self.add_vital(code, measured, moment, Some(encounter));
        }
        self.add_pressure(moment, encounter);
    }

    fn add_vital(
        &mut self,
        code: (&str, &str),
        (value, unit, ucum): Measured,
        moment: &str,
        encounter: Option<&Id>,
    ) {
        let mut record = self.observation("vital-signs", &concept(LOINC, code.0, code.1), moment, encounter);
        record["valueQuantity"] =
            json!({ "value": number(value), "unit": unit, "system": UCUM, "code": ucum });
        self.records.push(record);
    }

    fn add_pressure(&mut self, moment: &str, encounter: &Id) {
        let (systolic, diastolic) = if self.has_high_pressure { (142.0, 88.0) } else { (118.0, 75.0) };
        let systolic = self.random.around(systolic, 9.0).round();
        let diastolic = self.random.around(diastolic, 6.0).round();
        let part = |code: &str, text: &str, value: f64| {
            json!({
                "code": concept(LOINC, code, text),
                "valueQuantity": { "value": number(value), "unit": "mmHg", "system": UCUM, "code": "mm[Hg]" }
            })
        };
        let mut record = self.observation(
            "vital-signs",
            &concept(LOINC, "85354-9", "Blood pressure panel"),
            moment,
            Some(encounter),
        );
        record["component"] = json!([
            part("8480-6", "Systolic blood pressure", systolic),
            part("8462-4", "Diastolic blood pressure", diastolic)
        ]);
        self.records.push(record);
    }

    fn add_result(&mut self, test: &Test, moment: &str, encounter: &Id) {
        let value = self.random.around(test.usual.0, test.usual.1).max(0.1);
        let flag = match value {
            value if value > test.range.1 => "H",
            value if value < test.range.0 => "L",
            _ => "N",
        };
        let (unit, ucum) = test.unit;
        let limit =
            |value: f64| json!({ "value": number(value), "unit": unit, "system": UCUM, "code": ucum });
        let mut record =
            self.observation("laboratory", &concept(LOINC, test.code, test.text), moment, Some(encounter));
        record["valueQuantity"] =
            json!({ "value": number(value), "unit": unit, "system": UCUM, "code": ucum });
        record["interpretation"] = json!([hl7("v3-ObservationInterpretation", flag)]);
        record["referenceRange"] = json!([{ "low": limit(test.range.0), "high": limit(test.range.1) }]);
        self.records.push(record);
    }

    fn observation(&mut self, category: &str, code: &Value, moment: &str, encounter: Option<&Id>) -> Value {
        let mut record = json!({
            "resourceType": "Observation",
            "id": self.random.id(),
            "status": "final",
            "category": [hl7("observation-category", category)],
            "code": code,
            "subject": self.person.reference(),
            "effectiveDateTime": moment,
            "performer": [self.practitioner()]
        });
        if let Some(encounter) = encounter {
            record["encounter"] = json!({ "reference": format!("Encounter/{encounter}") });
        }
        record
    }

    fn add_vaccines(&mut self, year: i32) {
        for (code, text, age_from) in VACCINES {
            let is_yearly = *code == "140";
            let chance = if is_yearly { 60 } else { 12 };
            if self.person.age - year < *age_from || !self.random.percent(chance) {
                continue;
            }
            let days = year * 365 + self.random.between(5, 120);
            self.records.push(json!({
                "resourceType": "Immunization",
                "id": self.random.id(),
                "status": "completed",
                "vaccineCode": concept(CVX, code, text),
                "patient": self.person.reference(),
                "occurrenceDateTime": self.days_ago(days).to_string(),
                "primarySource": true,
                "performer": [{ "actor": self.practitioner() }]
            }));
        }
    }

    fn add_procedure(&mut self, code: &str, text: &str, days: i32) {
        self.records.push(json!({
            "resourceType": "Procedure",
            "id": self.random.id(),
            "status": "completed",
            "code": concept(SNOMED, code, text),
            "subject": self.person.reference(),
            "performedDateTime": self.days_ago(days).to_string(),
            "performer": [{ "actor": self.practitioner() }]
        }));
    }
}

fn number_of_days(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX).saturating_mul(7).min(YEARS * 365)
}
