//! Clients that mean harm: they send slowly, read nothing, open connections by the hundred or send shapes that cost.
//! Each of their connections is closed by the server, and who calls meanwhile is served.
//!
//! `MEDCOR_HOSTILE_CONNECTIONS` says how many there are of each kind; then times are judged too.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{body::Bytes, http::Request};
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    runtime,
    task::JoinHandle,
};

use crate::support::{
    folder::Folder,
    process::{Place, Program},
    setting,
};

const EMAIL: &str = "doctor@example.org";
/// Where the hostile clients are: another network than the others.
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66));
/// Between two pieces of what they send.
const PAUSE: Duration = Duration::from_millis(500);
/// Of each kind, opened at once: where the queue of the listener is full, a client believes in a connection that the
/// server never had, and one that says nothing is not told otherwise.
const WAVE: usize = 50;
/// Longest that one of their connections may last.
const LONGEST: Duration = Duration::from_secs(30);
/// Calls of a healthy client between two pauses.
const HEALTHY_CALLS: usize = 20;
/// How often it calls so before there is harm; ten times as often where times are judged.
const ROUNDS: usize = 10;

#[derive(Debug, Clone, Copy)]
enum Harm {
    /// A head that never ends.
    SlowHead,
    /// A body that never ends.
    SlowBody,
    /// Answers that nobody reads.
    NoReader,
    /// The same over HTTP/2, where the client keeps the connection going and grants its answers no room.
    NoWindow,
    /// A connection on which nothing happens.
    Nothing,
}

impl Harm {
    const ALL: [Self; 5] = [Self::SlowHead, Self::SlowBody, Self::NoReader, Self::NoWindow, Self::Nothing];

    fn opening(self) -> String {
        match self {
            Self::SlowHead => "GET /health HTTP/1.1\r\nHost: localhost\r\n".to_owned(),
            Self::SlowBody => "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                 Content-Length: 100000\r\n\r\n{"
                .to_owned(),
            // Megabytes of answers, more than the buffers of both sides hold.
            Self::NoReader => "GET /api/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(60),
            Self::NoWindow | Self::Nothing => String::new(),
        }
    }

    fn piece(self) -> &'static str {
        match self {
            Self::SlowHead => "X-More: 1\r\n",
            Self::SlowBody | Self::NoReader => " ",
            Self::NoWindow | Self::Nothing => "",
        }
    }

    /// Does harm until the connection is closed; how long it lasted.
    async fn done(self, address: SocketAddr) -> io::Result<Duration> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        socket.bind(SocketAddr::new(THERE, 0))?;
        let mut stream = socket.connect(address).await?;
        let began = Instant::now();
        if matches!(self, Self::NoWindow) {
            return nothing_taken(stream).await.map(|()| began.elapsed()).map_err(io::Error::other);
        }
        if stream.write_all(self.opening().as_bytes()).await.is_err() {
            return Ok(began.elapsed());
        }
        while !self.is_closed(&mut stream).await {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(began.elapsed())
    }

    /// Whether the server has closed it, told without reading what it sent.
    async fn is_closed(self, stream: &mut TcpStream) -> bool {
        let writing = tokio::time::timeout(PAUSE, stream.write_all(self.piece().as_bytes()));
        if let Ok(Err(_)) = writing.await {
            return true;
        }
        // A close follows whatever is unread, and an answer to who never asked is followed by one.
        match (self, stream.try_read(&mut [0; 512])) {
            (Self::NoReader, _) => stream.take_error().is_ok_and(|error| error.is_some()),
            (_, Ok(0)) => true,
            (_, Err(error)) => error.kind() != io::ErrorKind::WouldBlock,
            (_, Ok(_)) => false,
        }
    }
}

/// Asks over HTTP/2 for what is long and what is short, and takes nothing of the answers until the connection ends.
async fn nothing_taken(stream: TcpStream) -> hyper::Result<()> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(16).initial_connection_window_size(1 << 20);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let mut untaken = Vec::new();
    for path in ["/api/openapi.json", "/health"] {
        let request = Request::get(format!("http://localhost{path}")).body(Empty::<Bytes>::new()).unwrap();
        untaken.push(sender.send_request(request).await?);
    }
    // However it ends, it has ended.
    let _ended = connection.await;
    Ok(())
}

/// The longest that each kind lasted.
async fn harmed(address: SocketAddr, count: usize) -> Vec<(Harm, Duration)> {
    let mut tasks: Vec<(Harm, JoinHandle<io::Result<Duration>>)> = Vec::new();
    for number in 0..count {
        if number % WAVE == WAVE - 1 {
            tokio::time::sleep(PAUSE).await;
        }
        for harm in Harm::ALL {
            tasks.push((harm, tokio::spawn(harm.done(address))));
        }
    }
    let mut lasted = Vec::new();
    for (harm, task) in tasks {
        // What was refused at once has done nothing.
        let longest = tokio::time::timeout(2 * LONGEST, task).await;
        let longest = longest.unwrap_or_else(|_| panic!("a connection of {harm:?} is never closed"));
        lasted.push((harm, longest.unwrap().unwrap_or_default()));
    }
    Harm::ALL
        .map(|harm| {
            let of_kind = lasted.iter().filter(|(kind, _)| *kind as u8 == harm as u8);
            (harm, of_kind.map(|(_, lasted)| *lasted).max().unwrap_or_default())
        })
        .to_vec()
}

/// How long some calls of a healthy client take, each on a connection of its own every tenth time. Then it pauses.
async fn healthy(program: &Program, token: &str) -> Vec<Duration> {
    let mut client = program.client(token).await;
    let mut took = Vec::new();
    for number in 0..HEALTHY_CALLS {
        if number % 10 == 0 {
            client = program.client(token).await;
        }
        let began = Instant::now();
        let answer = client.call("list_patients", &json!({ "limit": 1 })).await.expect("it is answered");
        assert_eq!(answer.status, 200, "{}", answer.text());
        took.push(began.elapsed());
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    took
}

/// Bodies that cost whoever reads them carelessly, one after another.
async fn shapes(program: &Program, token: &str, stop: Arc<AtomicBool>) -> usize {
    let nested = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let empties = format!("[{}[]]", "[],".repeat(300_000));
    let keys: Vec<String> = (0..60_000).map(|number| format!("\"k{number}\":1")).collect();
    let keys = keys.join(",");
    let number = "9".repeat(900_000);
    let bodies = [
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"get_patient","arguments":{{"patient":{nested}}}}}}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"get_patient","arguments":{{"patient":{empties}}}}}}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{keys},"name":"get_patient"}}}}"#
        ),
        format!(r#"{{"jsonrpc":"2.0","id":{number},"method":"tools/list"}}"#),
        "x".repeat(3 * 1024 * 1024),
    ];
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        for body in &bodies {
            let mut client = program.client(token).await;
            // The server may have closed it before all of a body was sent.
            if let Ok(answer) = client.send("POST", "/mcp", "", body.as_bytes()).await {
                assert!(answer.status < 500, "{}", answer.text());
            }
            sent += 1;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    sent
}

/// Lets other threads go first, where the system numbers threads and has `renice`.
fn stand_back() {
    let Ok(thread) = fs::read_link("/proc/thread-self") else { return };
    let Some(number) = thread.file_name() else { return };
    let mut command = Command::new("renice");
    // What it says, and whether it is there, changes nothing but times.
    let _said =
        command.args(["-n", "19", "-p"]).arg(number).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_connections_are_closed_and_others_are_served() {
    let measured = setting("MEDCOR_HOSTILE_CONNECTIONS").map(|count| count.parse::<usize>().unwrap());
    let count = measured.unwrap_or(40) / Harm::ALL.len();
    let folder = Folder::new();
    let place = Place { folder: folder.path(), database_url: None };
    place.run(&["user", "add", "--email", EMAIL, "--role", "doctor"]);
    let token = place.run(&["token", "--user", EMAIL]).trim().to_owned();
    // Where times are judged, all of them get in.
    let places = 2 * count * Harm::ALL.len();
    let text = format!("connections_max = \"{places}\"\nconnections_per_network = \"{places}\"\n");
    let config = folder.path().join("medcor.toml");
    fs::write(&config, text).unwrap();
    let room = ["--config", config.to_str().unwrap()];
    let program = Program::start(place, if measured.is_some() { &room } else { &[] }).await;
    let program = Arc::new(program);
    // As later, with pauses: after one a call takes longer, whoever else is there.
    let mut before = Vec::new();
    for _ in 0..if measured.is_some() { 10 * ROUNDS } else { ROUNDS } {
        before.extend(healthy(&program, &token).await);
    }
    before.sort_unstable();
    let resident = program.resident_kib();
    // Who calls in good faith must not wait for the others in this very process, nor, where the others would be on
    // machines of their own, for processors.
    let mut others = runtime::Builder::new_multi_thread();
    let others = others.worker_threads(1).enable_all().on_thread_start(stand_back).build().unwrap();
    let harm = others.spawn(harmed(program.address, count));
    let stop = Arc::new(AtomicBool::new(false));
    let shapes = others.spawn({
        let (program, token, stop) = (program.clone(), token.clone(), stop.clone());
        async move { shapes(&program, &token, stop).await }
    });
    let mut during = Vec::new();
    while !harm.is_finished() {
        during.extend(healthy(&program, &token).await);
    }
    stop.store(true, Ordering::Relaxed);
    let (lasted, sent) = (harm.await.unwrap(), shapes.await.unwrap());
    others.shutdown_background();
    during.sort_unstable();
    let p99 = |times: &[Duration]| times[times.len() * 99 / 100];
    let (before, during) = (p99(&before), p99(&during));
    let grown = resident.zip(program.resident_kib()).map(|(before, now)| now.saturating_sub(before));
    eprintln!(
        "{count} of each kind lasted {lasted:?}; {sent} shapes; p99 {before:?}, meanwhile {during:?}; {grown:?} KiB"
    );
    if measured.is_some() {
        assert!(lasted.iter().all(|(_, lasted)| *lasted <= LONGEST), "{lasted:?}");
        assert!(during <= 2 * before, "{before:?} became {during:?}");
    }
}
