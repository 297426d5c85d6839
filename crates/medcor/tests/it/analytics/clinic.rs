//! A clinic of which everything is known.

use serde_json::{Value, json};

use crate::support::{Clinic, patient};

/// A Wednesday; the organisation is in London.
const NOW: &str = "2026-12-02T09:00:00Z";

/// First and last day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Day(pub(super) &'static str, pub(super) &'static str);

pub(super) const DECEMBER: Day = Day("2026-12-01", "2026-12-31");

impl Day {
    pub(super) fn given(self) -> Value {
        json!({ "from": self.0, "to": self.1 })
    }
}

/// Eight patients, two doctors who work, three services, and 17 appointments in December.
pub(super) async fn open() -> Clinic {
    let clinic = Clinic::start_at(NOW).await;
    for number in 0..8 {
        let id = format!("p{number}");
        clinic.put(patient(&id, ("Pat", &format!("Example{number}")), "1980-05-17")).await;
    }
    for (id, given, family, specialty, is_active) in [
        ("grace", "Grace", "Hopper", "Cardiology", true),
        ("paul", "Paul", "Ehrlich", "Dermatology", true),
        ("old", "Old", "Doctor", "Cardiology", false),
    ] {
        clinic.put(practitioner(id, given, family, is_active)).await;
        clinic.put(role(id, specialty, "doctor")).await;
    }
    clinic.put(practitioner("nina", "Nina", "Nurse", true)).await;
    clinic.put(role("nina", "Cardiology", "nurse")).await;
    for (id, name, price) in
        [("cleaning", "Cleaning", Some("150")), ("filling", "Filling", Some("80.10")), ("talk", "Talk", None)]
    {
        clinic.put(service(id, name, price, "GBP")).await;
    }
    fill(&clinic).await;
    clinic
}

async fn fill(clinic: &Clinic) {
    for number in 0..6 {
        let patient = format!("p{number}");
        let start = format!("2026-12-01T{:02}:00:00Z", 9 + number);
        clinic
            .put(visit(&format!("c{number}"), (&patient, "grace", Some("cleaning")), &start, "fulfilled"))
            .await;
        if number < 5 {
            let start = format!("2026-12-01T{:02}:30:00Z", 9 + number);
            clinic
                .put(visit(&format!("f{number}"), (&patient, "paul", Some("filling")), &start, "fulfilled"))
                .await;
        }
    }
    for (id, patient, doctor, service, start, status) in [
        ("talk", "p1", "paul", Some("talk"), "2026-12-01T16:00:00Z", "fulfilled"),
        ("today", "p1", "grace", None, "2026-12-02T10:00:00Z", "booked"),
        ("called-off", "p2", "grace", None, "2026-12-02T11:00:00Z", "cancelled"),
        ("here", "p3", "grace", None, "2026-12-02T12:00:00Z", "arrived"),
        ("missed", "p6", "grace", None, "2026-12-01T17:00:00Z", "noshow"),
        ("soon", "p4", "paul", None, "2026-12-31T23:59:59Z", "booked"),
        ("later", "p5", "paul", None, "2027-01-05T10:00:00Z", "booked"),
        ("before", "p7", "grace", Some("cleaning"), "2026-11-30T23:59:59Z", "fulfilled"),
    ] {
        clinic.put(visit(id, (patient, doctor, service), start, status)).await;
    }
}

pub(super) fn practitioner(id: &str, given: &str, family: &str, is_active: bool) -> Value {
    json!({
        "resourceType": "Practitioner", "id": id, "active": is_active,
        "name": [{ "family": family, "given": [given], "prefix": ["Dr."] }]
    })
}

pub(super) fn role(practitioner: &str, specialty: &str, code: &str) -> Value {
    let system = "http://terminology.hl7.org/CodeSystem/practitioner-role";
    json!({
        "resourceType": "PractitionerRole", "id": format!("role-{practitioner}"), "active": true,
        "practitioner": { "reference": format!("Practitioner/{practitioner}") },
        "code": [{ "coding": [{ "system": system, "code": code }] }],
        "specialty": [{ "text": specialty }]
    })
}

/// A service of the price list; the price in its digits.
pub(super) fn service(id: &str, name: &str, price: Option<&str>, currency: &str) -> Value {
    let mut service = json!({ "resourceType": "HealthcareService", "id": id, "active": true, "name": name });
    if let Some(price) = price {
        let value: Value = serde_json::from_str(price).unwrap();
        service["extension"] = json!([{ "url": "urn:medcor:service-price", "valueMoney": { "value": value, "currency": currency } }]);
    }
    service
}

/// Half an hour, asked for four days before.
pub(super) fn visit(
    id: &str,
    (patient, doctor, service): (&str, &str, Option<&str>),
    start: &str,
    status: &str,
) -> Value {
    let at: jiff::Timestamp = start.parse().unwrap();
    let hours = |hours: i64| jiff::SignedDuration::from_mins(hours * 30);
    let with = |reference: String| json!({ "actor": { "reference": reference }, "status": "accepted" });
    let mut participants = vec![with(format!("Patient/{patient}")), with(format!("Practitioner/{doctor}"))];
    participants.extend(service.map(|service| with(format!("HealthcareService/{service}"))));
    json!({
        "resourceType": "Appointment", "id": id, "status": status, "start": start,
        "end": (at + hours(1)).to_string(), "created": (at - hours(4 * 48)).to_string(),
        "participant": participants
    })
}
