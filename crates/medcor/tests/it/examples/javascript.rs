//! JavaScript: booking, batch, dashboard, WebSocket.

use medcor_policy::Role;
use serde_json::json;

use super::{Example, FRIDAY, appointments, clinic, has_packages, patients_called};
use crate::support::{folder::Folder, patient};

fn node(arguments: &[&str]) -> Option<Example> {
    has_packages("javascript").then(|| Example::new("node", "javascript", arguments))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_booking_client_books_the_first_free_time() {
    let Some(example) = node(&["booking.js", "MRN-ada", "cardiology", FRIDAY, "chest pain"]) else { return };
    let clinic = clinic().await;
    let token = clinic.server.token("receptionist@here").await;
    let told = example.at(clinic.server.address, &token).run().await.done();
    let booked = appointments(&clinic).await;
    assert_eq!(booked.len(), 1);
    let id = booked[0]["appointment_id"].as_str().unwrap();
    assert_eq!(told.trim(), format!("booked {id}: {FRIDAY} 09:00 with Dr. Grace Hopper, SCHEDULED"));
    assert_eq!((&booked[0]["doctor_id"], &booked[0]["time"]), (&json!("grace"), &json!("09:00")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_booking_client_tells_what_the_server_refuses() {
    let Some(nobody) = node(&["booking.js", "Ada Lovelase", "cardiology", FRIDAY]) else { return };
    let clinic = clinic().await;
    let address = clinic.server.address;
    let token = clinic.server.token("receptionist@here").await;
    let hints = nobody.at(address, &token).run().await.refused("RESOURCE_NOT_FOUND");
    assert!(hints.contains("did_you_mean: Ada Lovelace"), "{hints}");
    let narrow = clinic.server.narrowed_token("receptionist@here", Some("user/Patient.r")).await;
    let booking = || node(&["booking.js", "MRN-ada", "cardiology", FRIDAY]).unwrap();
    booking().at(address, &narrow).run().await.refused("PERMISSION_DENIED");
    booking().at(address, "nonsense").run().await.refused("AUTH_INVALID");
    let without = booking().run().await;
    assert!(without.code == Some(2) && without.errors.contains("set MEDCOR_TOKEN"), "{}", without.errors);
    assert!(appointments(&clinic).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_batch_client_registers_many_and_says_who_was_refused() {
    let folder = Folder::new();
    let path = folder.path().join("patients.json").display().to_string();
    let Some(example) = node(&["batch.js", &path]) else { return };
    let clinic = clinic().await;
    let address = clinic.server.address;
    let patient = |number: u32| json!({ "first_name": "Emmy", "last_name": format!("Noether{number}"), "dob": "1982-03-23" });
    let mut patients: Vec<_> = (0..12).map(patient).collect();
    patients[10]["dob"] = "1982-02-30".into();
    std::fs::write(&path, json!(patients).to_string()).unwrap();
    let auditor = clinic.server.token("auditor@here").await;
    let told = example.at(address, &auditor).run().await.refused("PERMISSION_DENIED");
    assert_eq!(told.matches("PERMISSION_DENIED").count(), 12, "{told}");
    let token = clinic.server.token("receptionist@here").await;
    let ran = node(&["batch.js", &path]).unwrap().at(address, &token).run().await;
    assert_eq!(ran.output.trim(), "registered 11 of 12 patients");
    let told = ran.refused("10: VALIDATION_ERROR");
    assert!(told.contains("/dob"), "{told}");
    assert_eq!(patients_called(&clinic, "Emmy").await, 11);
    let sophie = json!({ "first_name": "Sophie", "last_name": "Germain", "dob": "1976-04-01" });
    std::fs::write(&path, json!([sophie, patients[10]]).to_string()).unwrap();
    let ran = node(&["batch.js", &path, "--atomic"]).unwrap().at(address, &token).run().await;
    assert_eq!(ran.output.trim(), "registered 0 of 2 patients");
    ran.refused("VALIDATION_ERROR");
    assert_eq!(patients_called(&clinic, "Germain").await, 0, "all or none");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dashboard_client_follows_and_goes_on_where_it_ended() {
    let Some(example) = node(&["dashboard.js", FRIDAY, "2"]) else { return };
    let clinic = clinic().await;
    let address = clinic.server.address;
    let token = clinic.server.token("receptionist@here").await;
    let (running, figures) = example.at(address, &token).start().line().await;
    assert_eq!(figures.trim(), format!("{FRIDAY}: 0 appointments, 1 clinicians"));
    let (running, following) = running.line().await;
    assert!(following.starts_with("following after "), "{following}");
    let book = async |start_time: &str| {
        let arguments =
            json!({ "patient": "ada", "provider": "grace", "date": FRIDAY, "start_time": start_time });
        let booked = clinic.ok(Role::Receptionist, "create_appointment", arguments).await;
        booked["appointment_id"].as_str().unwrap().to_owned()
    };
    let first = book("09:00").await;
    let told = running.end().await.done();
    assert!(told.contains(&format!("appointment_created {first} SCHEDULED")), "{told}");
    let after = told.lines().last().unwrap().strip_prefix("ended after ").unwrap().to_owned();
    let missed = book("10:00").await;
    let again = node(&["dashboard.js", FRIDAY, "2", &after]).unwrap().at(address, &token).run().await.done();
    assert!(again.starts_with(&format!("{FRIDAY}: 2 appointments")), "{again}");
    assert!(again.contains(&format!("appointment_created {missed}")) && !again.contains(&first), "{again}");
    let narrow = clinic.server.narrowed_token("receptionist@here", Some("user/Practitioner.rs")).await;
    let refused = node(&["dashboard.js", FRIDAY, "1"]).unwrap().at(address, &narrow).run().await;
    refused.refused("PERMISSION_DENIED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dashboard_client_shows_administrators_the_whole_organisation() {
    let Some(example) = node(&["dashboard.js", FRIDAY, "1"]) else { return };
    let clinic = clinic().await;
    clinic
        .put(json!({
            "resourceType": "HealthcareService", "id": "cleaning", "active": true, "name": "Cleaning",
            "extension": [{ "url": "urn:medcor:service-price", "valueMoney": { "value": 80.10, "currency": "GBP" } }]
        }))
        .await;
    for number in 0..5 {
        let id = format!("p{number}");
        clinic.put(patient(&id, ("Pat", "Example"), "1980-01-01")).await;
        let actors =
            [format!("Patient/{id}"), "Practitioner/grace".into(), "HealthcareService/cleaning".into()];
        let actors = actors.map(|actor| json!({ "actor": { "reference": actor }, "status": "accepted" }));
        clinic
            .put(json!({
                "resourceType": "Appointment", "id": format!("seen{number}"), "status": "fulfilled",
                "start": "2026-12-01T09:00:00Z", "end": "2026-12-01T09:30:00Z", "participant": actors
            }))
            .await;
    }
    let token = clinic.server.token("admin@here").await;
    let (running, day) = example.at(clinic.server.address, &token).start().line().await;
    assert_eq!(day.trim(), format!("{FRIDAY}: 0 appointments, 1 clinicians"));
    let (_, whole) = running.line().await;
    assert_eq!(whole.trim(), "6 patients, revenue of the month: 400.50 GBP");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_websocket_client_books_and_hears_of_it() {
    let arguments = ["websocket.js", "ada", "grace", FRIDAY, "10:30"];
    let Some(example) = node(&arguments) else { return };
    let clinic = clinic().await;
    let address = clinic.server.address;
    let token = clinic.server.token("receptionist@here").await;
    let told = example.at(address, &token).run().await.done();
    let booked = appointments(&clinic).await;
    let id = booked[0]["appointment_id"].as_str().unwrap();
    let heard = format!("booked {id}, and heard of {id}: SCHEDULED {FRIDAY}T10:30:00+00:00");
    assert_eq!(told.lines().next(), Some(heard.as_str()), "{told}");
    assert!(told.contains("MCP over WebSocket: "), "{told}");
    let hints = node(&arguments).unwrap().at(address, &token).run().await.refused("CONFLICT");
    assert!(hints.contains("alternatives: "), "{hints}");
    let auditor = clinic.server.token("auditor@here").await;
    node(&arguments).unwrap().at(address, &auditor).run().await.refused("PERMISSION_DENIED");
    assert_eq!(appointments(&clinic).await.len(), 1);
}
