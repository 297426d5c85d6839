//! A real browser against the real doors, with the example clients in its pages: events by `EventSource` and ticket,
//! calls and events by WebSocket, MCP by WebSocket; from an origin that is allowed, and from one that is not.

use axum::http::StatusCode;
use medcor::door::DoorSettings;
use medcor_policy::Role;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    examples::{FRIDAY, clinic},
    support::{
        Clinic, Request,
        chromium::{Chromium, Site},
    },
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/javascript");

/// Waits until something is true of the page.
const UNTIL: &str = "
    const element = (id) => document.getElementById(id);
    const lines = () => [...document.querySelectorAll('#events li')].map((item) => item.textContent);
    const until = (claim) => new Promise((resolve) => {
        const observer = new MutationObserver(() => look());
        const look = () => { if (claim()) { observer.disconnect(); resolve(true); } };
        observer.observe(document, { subtree: true, childList: true, characterData: true });
        look();
    });
";

fn allowing(site: &Site) -> DoorSettings {
    let allowed_origins = vec![site.origin.clone()];
    DoorSettings { allowed_origins, ..DoorSettings::new("https://mcp.example.org") }
}

async fn book(clinic: &Clinic, start_time: &str) -> String {
    let arguments =
        json!({ "patient": "ada", "provider": "grace", "date": FRIDAY, "start_time": start_time });
    let booked = clinic.ok(Role::Receptionist, "create_appointment", arguments).await;
    booked["appointment_id"].as_str().unwrap().to_owned()
}

/// Fills the form of the dashboard in and sends it.
fn submitted(url: &str, token: &str) -> String {
    let values = json!({ "url": url, "token": token, "date": FRIDAY });
    format!(
        "{UNTIL} for (const [id, value] of Object.entries({values})) element(id).value = value;
        element('form').requestSubmit();"
    )
}

/// What a dashboard says of a new appointment.
fn told(id: &str, start: &str) -> [String; 2] {
    let start = format!("{FRIDAY}T{start}:00+00:00");
    [
        format!("resource_update appointments created {id} SCHEDULED {start}"),
        format!("appointment_created {id} SCHEDULED {start}"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_follows_events_across_a_restart_without_loss_or_repeat() {
    let Some(mut browser) = Chromium::start().await else { return };
    let (clinic, site) = (clinic().await, Site::of(FOLDER).await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, closed) = clinic.server.doors_at(listener, allowing(&site));
    let token = clinic.server.token("receptionist@here").await;
    browser.load(&format!("{}/dashboard.html", site.origin)).await;
    let start = submitted(&format!("http://{address}"), &token);
    browser.run(&format!("{start} await until(() => element('state').textContent);")).await;
    let figures = browser.run("return document.getElementById('figures').textContent;").await;
    assert_eq!(figures, "0 appointments, 1 clinicians");
    let first = book(&clinic, "09:00").await;
    browser.run(&format!("{UNTIL} await until(() => lines().length === 2);")).await;
    stop.cancel();
    closed.await.unwrap().unwrap();
    let missed = book(&clinic, "10:00").await;
    let listener = TcpListener::bind(address).await.unwrap();
    let (_stop, _served) = clinic.server.doors_at(listener, allowing(&site));
    browser.run(&format!("{UNTIL} await until(() => lines().length === 4);")).await;
    let last = book(&clinic, "11:00").await;
    let lines =
        browser.run(&format!("{UNTIL} await until(() => lines().length >= 6); return lines();")).await;
    let wanted = [told(&first, "09:00"), told(&missed, "10:00"), told(&last, "11:00")].concat();
    assert_eq!(lines, json!(wanted), "each once, in order");
    let opened: Vec<Value> = clinic.server.audit().await;
    let tickets = opened.iter().filter(|row| row["action"] == "issue_stream_ticket").count();
    assert!(tickets >= 2, "a ticket is good for one stream");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_calls_and_is_told_over_websocket() {
    let Some(mut browser) = Chromium::start().await else { return };
    let (clinic, site) = (clinic().await, Site::of(FOLDER).await);
    let (address, _stop) = clinic.server.doors_with(allowing(&site)).await;
    let token = clinic.server.token("receptionist@here").await;
    browser.load(&format!("{}/dashboard.html", site.origin)).await;
    let open = format!(
        "const {{ MedCorSocket, McpSocket }} = await import('{}/socket.js');
        const url = 'http://{address}', token = '{token}';
        const wanted = {{ patient_id: 'ada', doctor_id: 'grace', appointment_date: '{FRIDAY}' }};
        let heard = [], waiting;
        const hear = (event) => {{
            if (event.type === 'appointment_created') heard.push(event.appointment.id);
            waiting?.();
        }};
        const heardOf = (number) => new Promise((resolve) => {{
            waiting = () => heard.length >= number && resolve();
            waiting();
        }});",
        site.origin
    );
    let seen = browser
        .run(&format!(
            "{open}
            const first = await MedCorSocket.open(url, token, hear);
            await first.subscribe('appointment_created');
            const one = await first.invoke('create_appointment', {{ ...wanted, appointment_time: '09:00' }});
            await heardOf(1);
            const last = first.last;
            first.close();
            const other = await MedCorSocket.open(url, token);
            const two = await other.invoke('create_appointment', {{ ...wanted, appointment_time: '10:00' }});
            const again = await MedCorSocket.open(url, token, hear);
            await again.subscribe('appointment_created', last);
            await heardOf(2);
            const three = await other.invoke('create_appointment', {{ ...wanted, appointment_time: '11:00' }});
            await heardOf(3);
            const taken = await other.invoke('create_appointment', {{ ...wanted, appointment_time: '11:00' }})
                .catch((error) => error.message);
            return {{ heard, booked: [one, two, three].map((it) => it.appointment_id), taken }};"
        ))
        .await;
    assert_eq!(seen["heard"], seen["booked"], "each once, in order");
    assert!(seen["taken"].as_str().unwrap().starts_with("CONFLICT: "), "{seen}");
    let found = clinic.ok(Role::Receptionist, "list_appointments", json!({ "patient": "ada" })).await;
    assert_eq!(found["count"], 3);
    let mcp = browser
        .run(&format!(
            "{open}
            const mcp = await McpSocket.open(url, token);
            const {{ tools }} = await mcp.request('tools/list');
            const {{ count }} = await mcp.call('list_appointments', {{ patient: 'ada' }});
            const refused = await mcp.call('get_patient', {{ patient: 'nobody' }}).catch((error) => error.message);
            return {{ tools: tools.map(({{ name }}) => name), count, refused }};"
        ))
        .await;
    assert!(mcp["tools"].as_array().unwrap().contains(&json!("create_appointment")));
    assert_eq!(mcp["count"], 3);
    assert!(mcp["refused"].as_str().unwrap().starts_with("RESOURCE_NOT_FOUND"), "{mcp}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_origin_reaches_nothing() {
    let Some(mut browser) = Chromium::start().await else { return };
    let (clinic, site, foreign) = (clinic().await, Site::of(FOLDER).await, Site::of(FOLDER).await);
    let (address, _stop) = clinic.server.doors_with(allowing(&site)).await;
    let token = clinic.server.token("receptionist@here").await;
    let ticket = Request::new(address, "POST", "/api/mcp/sse/ticket").bearer(&token).send().await;
    assert_eq!(ticket.status, StatusCode::OK);
    let ticket: Value = serde_json::from_str(&ticket.body).unwrap();
    browser.load(&format!("{}/dashboard.html", foreign.origin)).await;
    let start = submitted(&format!("http://{address}"), &token);
    let failed = browser.run(&format!("{start} await until(() => element('failure').textContent);")).await;
    assert_eq!(failed, Value::Null, "nothing but that it failed is known");
    let stream = format!(
        "const source = new EventSource('http://{address}{}');
        return await new Promise((resolve) => {{
            source.addEventListener('heartbeat', () => resolve('told'));
            source.addEventListener('error', () => {{ source.close(); resolve('refused'); }});
        }});",
        ticket["url"].as_str().unwrap()
    );
    assert_eq!(browser.run(&stream).await, "refused", "even with a good ticket");
    let open = format!("const {{ MedCorSocket, McpSocket }} = await import('{}/socket.js');", foreign.origin);
    for socket in ["MedCorSocket", "McpSocket"] {
        let refused =
            browser.try_run(&format!("{open} await {socket}.open('http://{address}', '{token}');")).await;
        assert!(refused.unwrap_err().contains("no connection"), "{socket}");
    }
    let rows = clinic.server.audit().await;
    let refused = rows.iter().filter(|row| row["action"] == "open_connection");
    let doors: Vec<&Value> = refused.map(|row| &row["door"]).collect();
    assert_eq!(doors, ["websocket", "mcp-websocket"], "both have their rows");
}
