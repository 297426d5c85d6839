//! Opens many streams of events at an MCP server, changes one record after another, and says how long it takes until
//! every stream has heard of it and what that costs.
//!
//! The next record is changed once all have heard of the last one, or none has for ten seconds.

use std::{io, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use medcor_bench::{
    complain,
    connection::Connection,
    percentile,
    process::{ProcessUsage, Usage},
    ratio,
    target::Target,
};
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::{Instant, timeout_at},
};

/// What a stream that hears nothing for so long has missed.
const PATIENCE: Duration = Duration::from_secs(10);
/// A line of each event that is waited for.
const EVENT: &[u8] = b"event: resource_update\n";
/// A line of what a stream begins with.
const BEGUN: &[u8] = b"\n\n";
const READ_BYTES: usize = 16 * 1024;

/// Measures how an MCP server on this machine tells many of a change.
#[derive(Debug, Parser)]
#[command(name = "fan")]
struct Fan {
    /// The server's root, `http://127.0.0.1:8002/`. Only loopback addresses are taken.
    #[arg(long)]
    url: Target,
    /// File with a bearer token a line; streams are shared out among them.
    #[arg(long)]
    subscribers_file: PathBuf,
    /// File with the bearer token of whoever writes.
    #[arg(long)]
    bearer_file: PathBuf,
    /// The patient whose heart rate is recorded, who the subscribers may see.
    #[arg(long)]
    patient: String,
    /// Streams.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    streams: u32,
    /// Records.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    writes: u32,
    /// The server's process, whose CPU time and memory are read, with those of its children.
    #[arg(long)]
    server: Option<u32>,
    /// One line of JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Report {
    streams: u32,
    writes: u32,
    /// Streams that did not hear of a write, added up.
    missing: usize,
    /// From the write's answer until a stream has heard of it.
    p50_ms: f64,
    p99_ms: f64,
    /// Until the last one has.
    last_p50_ms: f64,
    last_max_ms: f64,
    /// CPU time of the server for each stream and write, in microseconds: its share of the write, too.
    server_cpu_us: Option<f64>,
    server_memory_max_kib: Option<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Fan::parse();
    match measure(&arguments).await {
        Ok(report) => {
            print(&report, arguments.json);
            if report.missing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(2)
        }
    }
}

async fn measure(arguments: &Fan) -> io::Result<Report> {
    let tokens = tokio::fs::read_to_string(&arguments.subscribers_file).await?;
    let tokens: Vec<&str> = tokens.lines().filter(|line| !line.is_empty()).collect();
    let writer = tokio::fs::read_to_string(&arguments.bearer_file).await?;
    let (told, mut hears) = mpsc::unbounded_channel();
    for token in tokens.iter().cycle().take(arguments.streams.try_into().map_err(io::Error::other)?) {
        let stream = opened(&arguments.url, token).await?;
        tokio::spawn(heard(stream, told.clone()));
    }
    let mut connection = Connection::open(&arguments.url.authority).await?;
    // The first write warms up.
    let request = request(arguments, writer.trim());
    let mut before = None;
    let (mut deliveries, mut last, mut missing) = (Vec::new(), Vec::new(), 0);
    for number in 0..=arguments.writes {
        if number == 1 {
            before = Some(Usage::read(arguments.server, None));
            deliveries.clear();
            last.clear();
        }
        written(&mut connection, &request).await?;
        let answered = Instant::now();
        let mut open = arguments.streams;
        while open > 0 {
            let Ok(Some(at)) = timeout_at(Instant::now() + PATIENCE, hears.recv()).await else { break };
            deliveries.push(at.saturating_duration_since(answered));
            open -= 1;
        }
        missing += usize::try_from(open).map_err(io::Error::other)?;
        last.push(answered.elapsed());
    }
    let after = Usage::read(arguments.server, None);
    deliveries.sort_unstable();
    last.sort_unstable();
    let used = |before: ProcessUsage, after: ProcessUsage| {
        ratio(after.cpu_nanoseconds.saturating_sub(before.cpu_nanoseconds), deliveries.len()) / 1000.0
    };
    Ok(Report {
        streams: arguments.streams,
        writes: arguments.writes,
        missing,
        p50_ms: percentile(&deliveries, 50),
        p99_ms: percentile(&deliveries, 99),
        last_p50_ms: percentile(&last, 50),
        last_max_ms: percentile(&last, 100),
        server_cpu_us: before
            .and_then(|usage| usage.server)
            .zip(after.server)
            .map(|(before, after)| used(before, after)),
        server_memory_max_kib: after.server.map(|usage| usage.memory_max_kib),
    })
}

/// A stream of events that has begun.
async fn opened(target: &Target, token: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(&target.authority).await?;
    let head = format!(
        "GET {}api/mcp/sse HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         Accept: text/event-stream\r\n\r\n",
        target.path, target.authority
    );
    stream.write_all(head.as_bytes()).await?;
    let mut received = Vec::with_capacity(READ_BYTES);
    while !received.windows(BEGUN.len()).any(|window| window == BEGUN) {
        if stream.read_buf(&mut received).await? == 0 {
            break;
        }
    }
    if received.starts_with(b"HTTP/1.1 200") {
        return Ok(stream);
    }
    let answer = String::from_utf8_lossy(&received);
    Err(io::Error::other(format!("no stream is opened: {answer}")))
}

/// Tells when each event came, until the stream ends.
async fn heard(mut stream: TcpStream, told: mpsc::UnboundedSender<Instant>) {
    let mut received = Vec::with_capacity(READ_BYTES);
    while let Ok(1..) = stream.read_buf(&mut received).await {
        let now = Instant::now();
        let mut seen = 0;
        while let Some(at) = received.get(seen..).and_then(|rest| position(rest, EVENT)) {
            seen += at + EVENT.len();
            if told.send(now).is_err() {
                return;
            }
        }
        // The rest may be the beginning of one.
        let kept = received.len().saturating_sub(EVENT.len() - 1).max(seen);
        received.drain(..kept);
    }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn request(arguments: &Fan, token: &str) -> String {
    let call = serde_json::json!({
        "tool": "record_vital_signs", "params": { "patient": arguments.patient, "heart_rate": 60 }
    });
    let (call, target) = (call.to_string(), &arguments.url);
    format!(
        "POST {}api/v1/mcp/tools/invoke HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{call}",
        target.path,
        target.authority,
        call.len()
    )
}

async fn written(connection: &mut Connection, request: &str) -> io::Result<()> {
    let status = connection.exchange(request).await?.status;
    if status == 200 {
        return Ok(());
    }
    let answer = String::from_utf8_lossy(connection.body());
    Err(io::Error::other(format!("the record is refused with {status}: {answer}")))
}

#[expect(clippy::print_stdout, reason = "the report is this program's purpose")]
fn print(report: &Report, is_json: bool) {
    if is_json {
        println!("{}", serde_json::to_string(report).expect("numbers are JSON"));
        return;
    }
    println!("{} writes heard by {} streams, {} missing", report.writes, report.streams, report.missing);
    println!("ms after the answer: p50 {:.3}, p99 {:.3}", report.p50_ms, report.p99_ms);
    println!("ms until the last has heard: p50 {:.3}, most {:.3}", report.last_p50_ms, report.last_max_ms);
    if let Some(used) = report.server_cpu_us {
        println!("µs of the server's CPU for each stream and write: {used:.1}");
    }
}
