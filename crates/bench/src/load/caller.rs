//! One connection's loop, and what all of them count together.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

use medcor_bench::connection::Connection;

use crate::{
    LoadError,
    answer::{self, WrongAnswer},
    request::Call,
    template::{Chance, Drawn},
};

/// Wrong answers that are kept to be shown.
const PROBLEMS_SHOWN: usize = 3;
/// Room between the ids of two connections, so that an answer to another's call is noticed.
const IDS_OF_A_CONNECTION: u64 = 1_000_000_000;

/// What all connections have done.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    phase: Cell<Phase>,
    opened: Cell<Option<Instant>>,
    latencies: RefCell<Vec<Duration>>,
    bytes: Cell<u64>,
    errors: Cell<u64>,
    problems: RefCell<Vec<String>>,
    count: Rc<Cell<u64>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    WarmingUp,
    Measuring,
    Over,
}

/// What was measured between opening and closing.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) duration: Duration,
    pub(crate) latencies: Vec<Duration>,
    pub(crate) bytes: u64,
    /// Wrong answers, those of the warm-up too.
    pub(crate) errors: u64,
    pub(crate) problems: Vec<String>,
}

impl Tally {
    /// Counts from now on.
    pub(crate) fn open(&self) {
        self.opened.set(Some(Instant::now()));
        self.phase.set(Phase::Measuring);
    }

    /// Counts no more, and tells the connections to end.
    pub(crate) fn close(&self) -> Window {
        self.phase.set(Phase::Over);
        Window {
            duration: self.opened.get().map(|opened| opened.elapsed()).unwrap_or_default(),
            latencies: self.latencies.take(),
            bytes: self.bytes.get(),
            errors: self.errors.get(),
            problems: self.problems.take(),
        }
    }

    fn take(&self, latency: Duration, bytes: usize) {
        if self.phase.get() == Phase::Measuring {
            self.latencies.borrow_mut().push(latency);
            self.bytes.set(self.bytes.get() + bytes as u64);
        }
    }

    fn complain(&self, problem: String) {
        self.errors.set(self.errors.get() + 1);
        let mut problems = self.problems.borrow_mut();
        if problems.len() < PROBLEMS_SHOWN {
            problems.push(problem);
        }
    }
}

/// One connection that calls.
#[derive(Debug)]
pub(crate) struct Caller {
    call: Rc<Call>,
    tally: Rc<Tally>,
    connection: Connection,
    session: Option<String>,
    chance: Chance,
    last_id: u64,
    body: String,
    request: String,
    expected: Vec<String>,
}

impl Caller {
    /// Connects, and opens a session where the protocol has them.
    pub(crate) async fn connect(
        call: Rc<Call>,
        tally: Rc<Tally>,
        (seed, number): (u64, u64),
    ) -> Result<Self, LoadError> {
        let connection = Connection::open(&call.target.authority).await.map_err(LoadError::Connect)?;
        let mut caller = Self {
            chance: Chance::new((seed, number), tally.count.clone()),
            expected: vec![String::new(); call.expected.len()],
            last_id: number * IDS_OF_A_CONNECTION,
            session: None,
            body: String::new(),
            request: String::new(),
            connection,
            call,
            tally,
        };
        // Refused here, a broken template does not become a million wrong answers.
        caller.prepare()?;
        if caller.call.needs_session() {
            caller.open_session().await?;
        }
        Ok(caller)
    }

    /// Calls until the tally is closed or the connection is lost.
    pub(crate) async fn run(mut self) {
        while self.tally.phase.get() != Phase::Over {
            if let Err(problem) = self.call().await {
                self.tally.complain(problem.to_string());
                if !self.reconnect().await {
                    return;
                }
            }
        }
    }

    /// Calls once.
    pub(crate) async fn call(&mut self) -> Result<(), WrongAnswer> {
        self.prepare()?;
        let started = Instant::now();
        let head = self.connection.exchange(&self.request).await?;
        let latency = started.elapsed();
        let body = std::str::from_utf8(self.connection.body())?;
        if head.status != 200 {
            return Err(WrongAnswer::Status(head.status, body.to_owned()));
        }
        let message = if head.is_event_stream { answer::event_data(body).unwrap_or_default() } else { body };
        answer::check(message, self.last_id, &self.expected, self.call.ending)?;
        self.tally.take(latency, body.len());
        Ok(())
    }

    /// The body of the last answer.
    pub(crate) fn answer(&self) -> &[u8] {
        self.connection.body()
    }

    fn prepare(&mut self) -> Result<(), LoadError> {
        self.last_id += 1;
        let drawn = Drawn::of(&self.call.sources, &mut self.chance);
        self.call.write_body(self.last_id, &drawn, &mut self.body)?;
        for (template, text) in self.call.expected.iter().zip(&mut self.expected) {
            text.clear();
            template.fill(&drawn, text);
        }
        self.call.write_request(&self.body, self.session.as_deref(), &mut self.request);
        Ok(())
    }

    async fn open_session(&mut self) -> Result<(), LoadError> {
        self.call.write_request(&self.call.initialize_body(), None, &mut self.request);
        let head = self.connection.exchange(&self.request).await.map_err(LoadError::Connect)?;
        if head.status != 200 {
            return Err(LoadError::Session(String::from_utf8_lossy(self.connection.body()).into_owned()));
        }
        self.session = head.session;
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        self.call.write_request(initialized, self.session.as_deref(), &mut self.request);
        let head = self.connection.exchange(&self.request).await.map_err(LoadError::Connect)?;
        if head.status >= 300 {
            return Err(LoadError::Session(format!("HTTP {}", head.status)));
        }
        Ok(())
    }

    /// A connection after a failure starts anew: what was still on its way would answer the wrong call.
    async fn reconnect(&mut self) -> bool {
        match Connection::open(&self.call.target.authority).await {
            Ok(connection) => {
                self.connection = connection;
                true
            }
            Err(error) => {
                self.tally.complain(error.to_string());
                false
            }
        }
    }
}
