//! Records with a canary in every text that they can hold.

use medcor_fhir::Id;
use medcor_store::Clock;
use serde_json::{Value, json};

use super::canary::Canary;

/// LOINC 4548-4.
const HEMOGLOBIN_A1C: &str = "4548-4";
const ALLERGY: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
/// What every clinician has besides.
pub(crate) const SPECIALTY: &str = "Example medicine";
const CONDITION: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
/// LOINC 8867-4.
const HEART_RATE: &str = "8867-4";

/// Writes the records of one person.
pub(super) struct Writer<'w> {
    pub(super) clock: &'w Clock,
    pub(super) canary: Canary,
    pub(super) patient: Id,
    pub(super) practitioner: Id,
    pub(super) organization: Id,
}

/// A clinician and the organisation's place.
pub(super) fn staff(clock: &Clock, canary: &mut Canary, organization: &Id) -> (Id, String, Vec<Value>) {
    let (practitioner, location) = (clock.new_id(), clock.new_id());
    let (given, family) = (canary.word(), canary.word());
    let records = vec![
        json!({
            "resourceType": "Organization", "id": organization, "active": true, "name": canary.word(),
            "alias": [canary.word()], "telecom": [{ "system": "email", "value": format!("{}@example.org", canary.word()) }]
        }),
        json!({
            "resourceType": "Location", "id": location, "status": "active", "name": canary.word(),
            "description": canary.word(), "managingOrganization": { "reference": format!("Organization/{organization}") }
        }),
        json!({
            "resourceType": "Practitioner", "id": practitioner, "active": true, "gender": "female",
            "identifier": [{ "system": "http://hl7.org/fhir/sid/us-npi", "value": canary.word() }],
            "name": [{ "family": family, "given": [given] }],
            "telecom": [{ "system": "email", "value": format!("{}@example.org", canary.word()) }],
            "qualification": [{ "code": { "text": canary.word() } }]
        }),
        json!({
            "resourceType": "PractitionerRole", "id": clock.new_id(), "active": true,
            "practitioner": { "reference": format!("Practitioner/{practitioner}"), "display": canary.word() },
            "organization": { "reference": format!("Organization/{organization}") },
            "location": [{ "reference": format!("Location/{location}") }],
            "code": [{ "text": canary.word() }], "specialty": [{ "text": canary.word() }, { "text": SPECIALTY }],
            "availableTime": [{
                "daysOfWeek": ["mon", "tue", "wed", "thu", "fri"],
                "availableStartTime": "08:00:00", "availableEndTime": "18:00:00"
            }]
        }),
    ];
    (practitioner, format!("{given} {family}"), records)
}

/// A service of the price list.
pub(super) fn service(id: &Id, canary: &mut Canary) -> Value {
    json!({
        "resourceType": "HealthcareService", "id": id, "active": true, "name": canary.word(),
        "comment": canary.word(), "category": [{ "text": canary.word() }],
        "extension": [{ "url": "urn:medcor:service-price", "valueMoney": { "value": 150.00, "currency": "GBP" } }]
    })
}

impl Writer<'_> {
    pub(super) fn patient_record(&mut self, name: (&str, &str), mrn: &str, phone: &str) -> Value {
        let (given, family) = name;
        let mut word = || self.canary.word();
        json!({
            "resourceType": "Patient", "id": self.patient, "active": true, "gender": "female", "birthDate": "1980-03-04",
            "text": { "status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{}</div>", word()) },
            "identifier": [{
                "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR" }] },
                "system": "urn:medcor:mrn", "value": mrn
            }],
            "name": [{ "family": family, "given": [given, word()] }],
            "telecom": [
                { "system": "phone", "value": phone, "use": "mobile" },
                { "system": "email", "value": format!("{}@example.org", word()) }
            ],
            "address": [{ "line": [word()], "city": word(), "state": word(), "postalCode": word(), "country": word() }],
            "contact": [{ "name": { "family": word(), "given": [word()] }, "relationship": [{ "text": word() }] }],
            "communication": [{ "language": { "text": word() } }],
            "generalPractitioner": [{ "reference": format!("Practitioner/{}", self.practitioner) }],
            "managingOrganization": { "reference": format!("Organization/{}", self.organization) }
        })
    }

    /// One record of every type of the chart that tools show.
    pub(super) fn chart(&mut self) -> Vec<Value> {
        let encounter = self.encounter();
        let visit =
            json!({ "reference": format!("Encounter/{}", encounter["id"].as_str().expect("it has an id")) });
        let mut records = vec![
            encounter,
            self.observation("vital-signs", HEART_RATE, &visit),
            self.observation("laboratory", HEMOGLOBIN_A1C, &visit),
        ];
        records.extend(self.problems(&visit));
        records.extend(self.treatments(&visit));
        records.push(self.note(&visit));
        records.push(self.document(&visit));
        records.push(self.plan(&visit));
        records.extend(self.messages());
        records
    }

    fn messages(&mut self) -> Vec<Value> {
        let kind = |code: &str| json!({ "system": "urn:medcor:message-kind", "code": code });
        let (emergency, inquiry) = (kind("emergency"), kind("inquiry"));
        vec![
            json!({
                "resourceType": "QuestionnaireResponse", "id": self.clock.new_id(), "status": "completed",
                "questionnaire": "urn:medcor:questionnaire:previsit", "authored": "2026-11-30T09:00:00Z",
                "subject": self.subject(), "item": [{
                    "linkId": "reason", "text": self.canary.word(), "answer": [{ "valueString": self.canary.word() }]
                }]
            }),
            json!({
                "resourceType": "Communication", "id": self.clock.new_id(), "status": "in-progress",
                "category": [{ "coding": [emergency], "text": self.canary.word() }], "priority": "urgent",
                "subject": self.subject(), "sent": "2026-12-01T09:00:00Z",
                "payload": [{ "contentString": self.canary.word() }], "note": [{ "text": self.canary.word() }]
            }),
            json!({
                "resourceType": "CommunicationRequest", "id": self.clock.new_id(), "status": "active",
                "category": [{ "coding": [inquiry], "text": self.canary.word() }], "subject": self.subject(),
                "authoredOn": "2026-12-01T09:00:00Z", "reasonCode": [{ "text": self.canary.word() }],
                "payload": [{ "contentString": self.canary.word() }]
            }),
        ]
    }

    fn plan(&mut self, visit: &Value) -> Value {
        let mut word = || self.canary.word();
        json!({
            "resourceType": "CarePlan", "id": self.clock.new_id(), "status": "active", "intent": "plan",
            "subject": { "reference": format!("Patient/{}", self.patient), "display": word() }, "encounter": visit,
            "title": word(), "description": word(), "category": [{ "text": word() }],
            "period": { "start": "2026-11-02" }, "addresses": [{ "display": word() }],
            "author": { "reference": format!("Practitioner/{}", self.practitioner), "display": word() },
            "activity": [
                { "detail": { "status": "in-progress", "code": { "text": word() }, "description": word() } },
                { "reference": { "display": word() } }
            ],
            "note": [{ "text": word() }]
        })
    }

    fn encounter(&mut self) -> Value {
        json!({
            "resourceType": "Encounter", "id": self.clock.new_id(), "status": "finished", "subject": self.subject(),
            "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB", "display": self.canary.word() },
            "type": [{ "text": self.canary.word() }], "reasonCode": [{ "text": self.canary.word() }],
            "participant": [{ "individual": { "reference": format!("Practitioner/{}", self.practitioner) } }],
            "period": { "start": "2026-11-02T09:00:00Z", "end": "2026-11-02T09:30:00Z" },
            "serviceProvider": { "reference": format!("Organization/{}", self.organization), "display": self.canary.word() }
        })
    }

    fn observation(&mut self, category: &str, code: &str, visit: &Value) -> Value {
        json!({
            "resourceType": "Observation", "id": self.clock.new_id(), "status": "final", "subject": self.subject(),
            "category": [{ "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": category
            }] }],
            "code": { "coding": [{ "system": "http://loinc.org", "code": code }], "text": self.canary.word() },
            "encounter": visit, "effectiveDateTime": "2026-11-02T09:10:00Z",
            "valueQuantity": { "value": 72.5, "unit": self.canary.word() },
            "note": [{ "text": self.canary.word() }]
        })
    }

    fn problems(&mut self, visit: &Value) -> Vec<Value> {
        let status = |system: &str, code: &str| json!({ "coding": [{ "system": system, "code": code }] });
        vec![
            json!({
                "resourceType": "AllergyIntolerance", "id": self.clock.new_id(), "patient": self.subject(),
                "clinicalStatus": status(ALLERGY, "active"), "criticality": "high",
                "code": { "text": self.canary.word() }, "note": [{ "text": self.canary.word() }],
                "reaction": [{ "manifestation": [{ "text": self.canary.word() }], "description": self.canary.word() }]
            }),
            json!({
                "resourceType": "Condition", "id": self.clock.new_id(), "subject": self.subject(), "encounter": visit,
                "clinicalStatus": status(CONDITION, "active"),
                "code": { "text": self.canary.word() }, "note": [{ "text": self.canary.word() }],
                "onsetDateTime": "2024-05-01"
            }),
        ]
    }

    fn treatments(&mut self, visit: &Value) -> Vec<Value> {
        vec![
            json!({
                "resourceType": "MedicationRequest", "id": self.clock.new_id(), "subject": self.subject(),
                "status": "active", "intent": "order", "encounter": visit, "authoredOn": "2026-11-02",
                "medicationCodeableConcept": { "text": self.canary.word() },
                "requester": { "reference": format!("Practitioner/{}", self.practitioner), "display": self.canary.word() },
                "dosageInstruction": [{ "text": self.canary.word(), "patientInstruction": self.canary.word() }],
                "reasonCode": [{ "text": self.canary.word() }], "note": [{ "text": self.canary.word() }]
            }),
            json!({
                "resourceType": "CommunicationRequest", "id": self.clock.new_id(), "subject": self.subject(),
                "contained": [{
                    "resourceType": "MedicationRequest", "id": "schedule", "status": "active", "intent": "plan",
                    "subject": self.subject(), "medicationCodeableConcept": { "text": self.canary.word() },
                    "dosageInstruction": [{ "text": self.canary.word(), "timing": { "repeat": {
                        "boundsPeriod": { "start": "2026-11-30", "end": "2026-12-31" },
                        "frequency": 1, "period": 1, "periodUnit": "d", "timeOfDay": ["08:30:00"]
                    } } }]
                }],
                "about": [{ "reference": "#schedule" }], "status": "active",
                "category": [{ "coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/communication-category", "code": "reminder"
                }] }],
                "payload": [{ "contentString": self.canary.word() }],
                "occurrenceDateTime": "2026-12-02T08:30:00Z", "authoredOn": "2026-11-30T10:00:00Z"
            }),
            json!({
                "resourceType": "Immunization", "id": self.clock.new_id(), "patient": self.subject(), "status": "completed",
                "vaccineCode": { "text": self.canary.word() }, "occurrenceDateTime": "2025-10-01",
                "lotNumber": self.canary.word(), "note": [{ "text": self.canary.word() }]
            }),
            json!({
                "resourceType": "Procedure", "id": self.clock.new_id(), "subject": self.subject(), "status": "completed",
                "code": { "text": self.canary.word() }, "performedDateTime": "2025-09-01", "encounter": visit,
                "note": [{ "text": self.canary.word() }]
            }),
            json!({
                "resourceType": "DiagnosticReport", "id": self.clock.new_id(), "subject": self.subject(), "status": "final",
                "code": { "text": self.canary.word() }, "conclusion": self.canary.word(), "encounter": visit,
                "effectiveDateTime": "2026-11-02T09:10:00Z"
            }),
            json!({
                "resourceType": "ServiceRequest", "id": self.clock.new_id(), "subject": self.subject(),
                "status": "active", "intent": "order", "authoredOn": "2026-11-02", "code": { "text": self.canary.word() },
                "note": [{ "text": self.canary.word() }]
            }),
            json!({
                "resourceType": "Coverage", "id": self.clock.new_id(), "status": "active", "beneficiary": self.subject(),
                "subscriberId": self.canary.word(), "type": { "text": self.canary.word() },
                "payor": [{ "display": self.canary.word() }],
                "class": [{ "type": { "text": "plan" }, "value": self.canary.word(), "name": self.canary.word() }]
            }),
            json!({
                "resourceType": "Appointment", "id": self.clock.new_id(), "status": "booked",
                "description": self.canary.word(), "start": "2026-12-09T09:00:00Z", "end": "2026-12-09T09:30:00Z",
                "participant": [{ "actor": self.subject(), "status": "accepted" }]
            }),
        ]
    }

    /// The draft of a SOAP note.
    fn note(&mut self, visit: &Value) -> Value {
        let div =
            format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><pre>{}</pre></div>", self.canary.word());
        json!({
            "resourceType": "Composition", "id": self.clock.new_id(), "status": "preliminary", "subject": self.subject(),
            "type": { "coding": [{ "system": "http://loinc.org", "code": "11506-3" }], "text": self.canary.word() },
            "encounter": visit, "date": "2026-11-02T09:20:00Z", "title": self.canary.word(),
            "author": [{ "reference": format!("Practitioner/{}", self.practitioner), "display": self.canary.word() }],
            "section": [{
                "title": self.canary.word(),
                "code": { "coding": [{ "system": "http://loinc.org", "code": "61150-9" }] },
                "text": { "status": "additional", "div": div }
            }]
        })
    }

    fn document(&mut self, visit: &Value) -> Value {
        json!({
            "resourceType": "DocumentReference", "id": self.clock.new_id(), "status": "current", "docStatus": "final",
            "subject": self.subject(), "type": { "text": self.canary.word() }, "description": self.canary.word(),
            "date": "2026-11-02T09:25:00Z", "context": { "encounter": [visit] },
            "author": [{ "reference": format!("Practitioner/{}", self.practitioner), "display": self.canary.word() }],
            "content": [{ "attachment": {
                "url": format!("https://files.example.org/{}", self.canary.word()), "title": self.canary.word()
            } }]
        })
    }

    fn subject(&mut self) -> Value {
        json!({ "reference": format!("Patient/{}", self.patient), "display": self.canary.word() })
    }
}
