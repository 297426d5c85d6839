//! Several clients that write and read until the server is gone, and remember what they were told.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use medcor_fhir::{Id, ResourceType};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{http::Client, process::Program};

const WRITERS: usize = 4;
const READERS: usize = 3;

/// Who calls, and what to call with.
pub(super) struct Load {
    pub(super) address: SocketAddr,
    token: String,
    /// For the readers.
    patient: Id,
    /// Makes every text of the run another one.
    numbers: Arc<AtomicU64>,
}

/// What clients saw before the server was gone.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) writes: Vec<Write>,
    /// Of every answer that began to arrive.
    pub(super) request_ids: Vec<String>,
}

/// A write that was acknowledged.
pub(super) struct Write {
    pub(super) resource_type: ResourceType,
    pub(super) id: Id,
    pub(super) version: u32,
    /// A text that is in this version of the record and in nothing else.
    pub(super) text: String,
}

/// Kills the server once enough was sent.
struct Trigger {
    left: AtomicU64,
    is_time: Notify,
}

impl Load {
    /// Registers the patient that all readers look at.
    pub(super) async fn new(address: SocketAddr, token: &str) -> Self {
        let mut client = Client::connect(address, token).await.expect("the server listens");
        let arguments = json!({ "first_name": "Reader", "last_name": "Example", "dob": "1980-03-04" });
        let response = client.call("create_patient", &arguments).await.expect("the server answers");
        let answer = response.answer().unwrap_or_else(|| panic!("{}", response.text()));
        Self { address, token: token.to_owned(), patient: id_in(&answer), numbers: Arc::default() }
    }

    /// Calls from all clients; kills the server after so many requests and `turns` more turns of the
    /// scheduler, while others are on their way.
    pub(super) async fn until_killed(&self, program: Program, requests: u64, turns: u64) -> Seen {
        let trigger = Arc::new(Trigger { left: AtomicU64::new(requests), is_time: Notify::new() });
        let mut clients = Vec::new();
        for number in 0..WRITERS + READERS {
            let worker = Worker {
                client: program.client(&self.token).await,
                trigger: trigger.clone(),
                patient: self.patient.clone(),
                numbers: self.numbers.clone(),
                seen: Seen::default(),
            };
            clients.push(tokio::spawn(async move {
                if number < WRITERS { worker.write().await } else { worker.read().await }
            }));
        }
        trigger.is_time.notified().await;
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        program.kill();
        let mut seen = Seen::default();
        for client in clients {
            let by_one = client.await.expect("a client runs to the end of its server");
            seen.writes.extend(by_one.writes);
            seen.request_ids.extend(by_one.request_ids);
        }
        seen
    }
}

/// One client.
struct Worker {
    client: Client,
    trigger: Arc<Trigger>,
    patient: Id,
    numbers: Arc<AtomicU64>,
    seen: Seen,
}

impl Worker {
    /// Registers a patient, then measures and corrects it, over and over.
    async fn write(mut self) -> Seen {
        loop {
            let text = self.text();
            let arguments = json!({ "first_name": "Crash", "last_name": text, "dob": "1980-03-04" });
            let Some(patient) =
                self.acknowledged("create_patient", arguments, ResourceType::PATIENT, text).await
            else {
                return self.ended();
            };
            for round in 0..4 {
                let text = self.text();
                let (tool, resource_type, arguments) = if round % 2 == 0 {
                    let arguments = json!({ "patient": patient, "heart_rate": 60 + round, "note": text });
                    ("record_vital_signs", ResourceType::OBSERVATION, arguments)
                } else {
                    ("update_patient", ResourceType::PATIENT, json!({ "patient": patient, "city": text }))
                };
                if self.acknowledged(tool, arguments, resource_type, text).await.is_none() {
                    return self.ended();
                }
            }
        }
    }

    async fn read(mut self) -> Seen {
        loop {
            for tool in ["get_patient", "get_vital_signs"] {
                let arguments = json!({ "patient": self.patient });
                if self.call(tool, &arguments).await.is_none() {
                    return self.ended();
                }
            }
        }
    }

    fn ended(mut self) -> Seen {
        self.seen.request_ids = self.client.take_request_ids();
        self.seen
    }

    /// Letters only, so that it is a name as well as a remark.
    fn text(&self) -> String {
        let mut number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mut text = "Unique".to_owned();
        for _ in 0..6 {
            text.push(char::from(b'a' + u8::try_from(number % 26).expect("below 26")));
            number /= 26;
        }
        text
    }

    /// The id of what was written; `None` when the server is gone.
    async fn acknowledged(
        &mut self,
        tool: &str,
        arguments: Value,
        resource_type: ResourceType,
        text: String,
    ) -> Option<Id> {
        let answer = self.call(tool, &arguments).await?;
        let row = answer.pointer("/results/0").unwrap_or(&answer);
        let id = id_in(row);
        let version =
            row["version"].as_u64().map_or(1, |version| u32::try_from(version).expect("it is small"));
        self.seen.writes.push(Write { resource_type, id: id.clone(), version, text });
        Some(id)
    }

    /// The answer; `None` when the server is gone. Whatever else the server says is a failure.
    async fn call(&mut self, tool: &str, arguments: &Value) -> Option<Value> {
        if self.trigger.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.trigger.is_time.notify_one();
        }
        let response = self.client.call(tool, arguments).await.ok()?;
        Some(response.answer().unwrap_or_else(|| panic!("{tool} {arguments}: {}", response.text())))
    }
}

fn id_in(answer: &Value) -> Id {
    let id = answer["id"].as_str().and_then(Id::new);
    id.unwrap_or_else(|| panic!("an answer names what was written: {answer}"))
}
