//! Python: booking, batch, and a skill for agents, with the standard library alone.

use serde_json::{Value, json};

use super::{Example, FRIDAY, appointments, clinic, patients_called, python};
use crate::support::folder::Folder;

fn program(folder: &str, arguments: &[&str]) -> Option<Example> {
    Some(Example::new(python()?, folder, arguments))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_booking_client_books_or_tells_why_not() {
    let arguments = ["booking.py", "MRN-ada", "cardiology", FRIDAY];
    let Some(example) = program("python", &arguments) else { return };
    let clinic = clinic().await;
    let address = clinic.server.address;
    let narrow = clinic.server.narrowed_token("receptionist@here", Some("user/Patient.r")).await;
    example.at(address, &narrow).run().await.refused("PERMISSION_DENIED");
    assert!(appointments(&clinic).await.is_empty());
    let token = clinic.server.token("receptionist@here").await;
    let told = program("python", &arguments).unwrap().at(address, &token).run().await.done();
    let booked = appointments(&clinic).await;
    let id = booked[0]["appointment_id"].as_str().unwrap();
    assert_eq!(told.trim(), format!("booked {id}: {FRIDAY} 09:00 with Dr. Grace Hopper, SCHEDULED"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_batch_client_registers_many_and_says_who_was_refused() {
    let folder = Folder::new();
    let path = folder.path().join("patients.json").display().to_string();
    let Some(example) = program("python", &["batch.py", &path]) else { return };
    let clinic = clinic().await;
    let address = clinic.server.address;
    let patient = |name: &str| json!({ "name": name, "dob": "1982-03-23" });
    std::fs::write(&path, json!([patient("Emmy Noether"), patient("Emmy")]).to_string()).unwrap();
    let token = clinic.server.token("receptionist@here").await;
    let atomic = program("python", &["batch.py", &path, "--atomic"]).unwrap();
    atomic.at(address, &token).run().await.refused("1: VALIDATION_ERROR");
    assert_eq!(patients_called(&clinic, "Noether").await, 0, "all or none");
    let ran = example.at(address, &token).run().await;
    assert_eq!(ran.output.trim(), "registered 1 of 2 patients");
    ran.refused("1: VALIDATION_ERROR");
    assert_eq!(patients_called(&clinic, "Noether").await, 1);
    let auditor = clinic.server.token("auditor@here").await;
    let refused = program("python", &["batch.py", &path]).unwrap().at(address, &auditor).run().await;
    refused.refused("PERMISSION_DENIED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_skill_finds_tools_and_changes_nothing_without_approval() {
    const SCRIPT: &str = "scripts/medcor_tool.py";
    if python().is_none() {
        return;
    }
    let clinic = clinic().await;
    let address = clinic.server.address;
    let token = clinic.server.token("receptionist@here").await;
    let run = async |arguments: &[&str]| {
        let arguments = [&[SCRIPT], arguments].concat();
        program("skill", &arguments).unwrap().at(address, &token).run().await
    };
    let found = run(&["find", "free", "times", "of", "a", "clinician"]).await.done();
    assert!(found.contains("list_appointment_slots (reads): "), "{found}");
    let described = run(&["describe", "create_appointment"]).await.done();
    assert!(
        described.contains("ask the person first") && described.contains("\"start_time\""),
        "{described}"
    );
    let free = json!({ "specialty": "cardiology", "date": FRIDAY }).to_string();
    let free: Value =
        serde_json::from_str(&run(&["call", "list_appointment_slots", &free]).await.done()).unwrap();
    let time = free["available_times"][0].as_str().unwrap();
    let booking =
        json!({ "patient": "ada", "provider": "grace", "date": FRIDAY, "start_time": time }).to_string();
    let unasked = run(&["call", "create_appointment", &booking]).await;
    assert!(unasked.code == Some(1) && unasked.errors.contains("pass --approved"), "{}", unasked.errors);
    assert!(appointments(&clinic).await.is_empty());
    run(&["call", "create_appointment", &booking, "--approved"]).await.done();
    assert_eq!(appointments(&clinic).await[0]["time"], "09:00");
    run(&["call", "create_appointment", &booking, "--approved"]).await.refused("CONFLICT");
    let unknown = run(&["call", "prescribe_medication", "{}", "--approved"]).await;
    assert!(
        unknown.errors.contains("there is no tool prescribe_medication that you may use"),
        "{}",
        unknown.errors
    );
}
