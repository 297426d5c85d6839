//! Processes that a benchmark starts, and what they use.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::Failure;

/// How often a process's memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A process that ends with this value.
#[derive(Debug)]
pub(super) struct Running(Child);

impl Running {
    pub(super) fn start(command: &mut Command) -> Result<Self, Failure> {
        Ok(Self(command.spawn()?))
    }

    /// Starts a program and waits for the first line that it prints.
    pub(super) fn announced(command: &mut Command) -> Result<(Self, String), Failure> {
        let mut running = Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
        let mut line = String::new();
        let output = running.0.stdout.take().ok_or("the program has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        if line.trim().is_empty() {
            return Err(format!("`{}` ended early", command.get_program().display()).into());
        }
        Ok((running, line.trim().to_owned()))
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        Ok(self.0.try_wait()?)
    }

    /// Closes its standard input, at which it ends.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        drop(self.0.stdin.take());
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let is_over = matches!(self.0.try_wait(), Ok(Some(_)));
        let killed = is_over || (self.0.kill().is_ok() && self.0.wait().is_ok());
        assert!(killed || thread::panicking(), "a process that was started can be ended");
    }
}

/// How a program went that ran to its end.
#[derive(Debug, Clone)]
pub(super) struct Finished {
    pub(super) seconds: f64,
    pub(super) output: String,
    /// Resident memory, at each look.
    pub(super) memory_kib: Vec<u64>,
}

/// Runs a program to its end.
pub(super) fn run(command: &mut Command) -> Result<Finished, Failure> {
    let started = Instant::now();
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| format!("`{}` can't be run: {error}", shown(command)))?;
    // Both are read while it runs: a full pipe would stop it.
    let output = drain(child.stdout.take());
    let errors = drain(child.stderr.take());
    let mut memory_kib = Vec::new();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        memory_kib.extend(memory(child.id()));
        thread::sleep(LOOK_EVERY);
    };
    let seconds = started.elapsed().as_secs_f64();
    let joined = |thread: thread::JoinHandle<String>| thread.join().map_err(|_| "reading a pipe failed");
    let (output, errors) = (joined(output)?, joined(errors)?);
    if !status.success() {
        return Err(format!("`{}` failed: {errors}{output}", shown(command)).into());
    }
    Ok(Finished { seconds, output, memory_kib })
}

/// The program with its arguments.
fn shown(command: &Command) -> String {
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    let program = command.get_program().to_string_lossy().into_owned();
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn drain(pipe: Option<impl std::io::Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before a failure is still worth showing.
        pipe.map(|mut pipe| pipe.read_to_end(&mut bytes).unwrap_or_default());
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The resident memory of a process that runs; `None` where there is no `/proc`.
pub(super) fn memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
