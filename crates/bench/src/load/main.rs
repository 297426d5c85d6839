//! Calls an MCP server over and over, checks every answer, and says how fast they came and what they cost.
//!
//! Closed loop on one thread: each connection sends a call, waits for the whole answer, and sends the next.

mod answer;
mod caller;
mod report;
mod request;
mod template;

use std::{path::PathBuf, process::ExitCode, rc::Rc, time::Duration};

use clap::Parser;
use medcor_bench::{complain, process::Usage, target::Target};

use crate::{
    answer::Ending,
    caller::{Caller, Tally, Window},
    report::Report,
    request::{Call, Protocol},
    template::{Source, Template},
};

/// Longest measured span.
const SECONDS_MAX: f64 = 300.0;
/// Calls before a span is measured need not be many: caches fill and connections open.
const WARM_UP_SECONDS: f64 = 0.5;

/// Measures an MCP server on this machine.
#[derive(Debug, Parser)]
#[command(
    name = "load",
    after_help = "\
Examples:
  load --url http://127.0.0.1:8002/mcp --bearer-file token --tool get_patient \\
       --arguments '{\"patient\": \"${mrn}\"}' --draw mrn=between:0:9999:MRN:6 --expect '${mrn}' \\
       --connections 16 --server $PID
  load --url http://127.0.0.1:8002/mcp --method tools/list --expect get_patient"
)]
struct Load {
    /// Where the server answers. Only loopback addresses are taken.
    #[arg(long)]
    url: Target,
    /// File with the bearer token: a token in the arguments would show in the list of processes.
    #[arg(long)]
    bearer_file: Option<PathBuf>,
    /// Protocol version: from 2026-07-28 on without sessions, before with one session a connection.
    #[arg(long, default_value = Protocol::STATELESS)]
    protocol: Protocol,
    /// JSON-RPC method.
    #[arg(long, default_value = "tools/call")]
    method: String,
    /// Tool to call.
    #[arg(long, default_value = "")]
    tool: String,
    /// Arguments of the tool: JSON in which `${name}` stands for what was drawn.
    #[arg(long, default_value = "{}")]
    arguments: Template,
    /// What is drawn anew for each call: `name=between:LOW:HIGH[:PREFIX[:WIDTH]]`, `name=count:FIRST`
    /// `name=line:FILE` for any line, `name=next:FILE` for the next.
    #[arg(long)]
    draw: Vec<Source>,
    /// Text that the result must hold; `${name}` as in the arguments.
    #[arg(long)]
    expect: Vec<Template>,
    /// How each call is to end.
    #[arg(long, value_enum, default_value_t = Ending::Done)]
    ending: Ending,
    /// Connections, each with one call at a time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// How long to measure, at most 300.
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// The server's process, whose CPU time and memory are read, with those of its children.
    #[arg(long)]
    server: Option<u32>,
    /// The database's process, likewise.
    #[arg(long)]
    database: Option<u32>,
    /// What chance starts from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One line of JSON instead of text.
    #[arg(long)]
    json: bool,
    /// One call: print the answer and end.
    #[arg(long)]
    once: bool,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("`{path}` can't be read: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("`{0}` is drawn nowhere")]
    Undrawn(String),
    #[error("the arguments are not JSON: {0}")]
    Arguments(serde_json::Error),
    #[error("the server can't be reached: {0}")]
    Connect(std::io::Error),
    #[error("the server refuses sessions: {0}")]
    Session(String),
    #[error("can't start: {0}")]
    Runtime(std::io::Error),
}

fn main() -> ExitCode {
    let arguments = Load::parse();
    match run(&arguments) {
        Ok(is_right) if is_right => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Load) -> Result<bool, LoadError> {
    let call = Rc::new(call(arguments)?);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LoadError::Runtime)?;
    let tasks = tokio::task::LocalSet::new();
    if arguments.once {
        return tasks.block_on(&runtime, once(call, arguments.seed));
    }
    let report = tasks.block_on(&runtime, measure(call, arguments))?;
    if arguments.json {
        report.print_json();
    } else {
        report.print_text();
    }
    Ok(report.errors == 0)
}

/// Sends one call and prints what came.
async fn once(call: Rc<Call>, seed: u64) -> Result<bool, LoadError> {
    let mut caller = Caller::connect(call, Rc::default(), (seed, 0)).await?;
    let checked = caller.call().await;
    report::show(caller.answer());
    if let Err(problem) = &checked {
        complain(&problem.to_string());
    }
    Ok(checked.is_ok())
}

/// Connects everybody, lets the calls warm up, and measures one span.
async fn measure(call: Rc<Call>, arguments: &Load) -> Result<Report, LoadError> {
    let tally = Rc::new(Tally::default());
    let mut callers = Vec::new();
    for number in 0..u64::from(arguments.connections) {
        callers.push(Caller::connect(call.clone(), tally.clone(), (arguments.seed, number)).await?);
    }
    let tasks: Vec<_> = callers.into_iter().map(|caller| tokio::task::spawn_local(caller.run())).collect();
    tokio::time::sleep(Duration::from_secs_f64(WARM_UP_SECONDS)).await;
    let before = Usage::read(arguments.server, arguments.database);
    tally.open();
    tokio::time::sleep(Duration::from_secs_f64(arguments.seconds)).await;
    let window: Window = tally.close();
    let after = Usage::read(arguments.server, arguments.database);
    for task in tasks {
        // A task that panicked has lost its calls: the span is then not what was asked for.
        task.await.map_err(|error| LoadError::Runtime(error.into()))?;
    }
    Ok(Report::new(arguments.connections, window, &before, &after))
}

fn call(arguments: &Load) -> Result<Call, LoadError> {
    let bearer = match &arguments.bearer_file {
        Some(path) => Some(
            std::fs::read_to_string(path)
                .map_err(|source| LoadError::File { path: path.clone(), source })?
                .trim()
                .to_owned(),
        ),
        None => None,
    };
    let call = Call {
        ending: arguments.ending,
        target: arguments.url.clone(),
        bearer,
        protocol: arguments.protocol.clone(),
        method: arguments.method.clone(),
        tool: arguments.tool.clone(),
        arguments: arguments.arguments.clone(),
        sources: arguments.draw.clone(),
        expected: arguments.expect.clone(),
    };
    for template in std::iter::once(&call.arguments).chain(&call.expected) {
        if let Some(name) =
            template.names().find(|name| call.sources.iter().all(|source| source.name != *name))
        {
            return Err(LoadError::Undrawn(name.to_owned()));
        }
    }
    Ok(call)
}

fn seconds(text: &str) -> Result<f64, &'static str> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= SECONDS_MAX => Ok(seconds),
        _ => Err("more than 0 and at most 300 seconds"),
    }
}
