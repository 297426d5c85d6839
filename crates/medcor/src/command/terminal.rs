//! The only writer to standard output, and what a person sees on standard error.

use std::{
    error::Error,
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::CommandError;

/// How often a line of progress is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Writes one line, or several, to standard output.
pub(super) fn print(text: &str) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n"));
    written.and_then(|()| out.flush()).map_err(|source| CommandError::Output { source })
}

/// Writes one line for a person to standard error, where it is not in the way of output.
pub(super) fn note(text: &str) {
    // Nobody is left to tell when standard error is closed.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// Reports an error with its causes.
pub(super) fn error(error: &CommandError) {
    let mut text = format!("medcor: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    note(&text);
}

/// Logs go to standard error: text for a terminal, JSON lines for everything else.
pub(super) fn log_to_standard_error(filter: &str) {
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    // A second start in one process, as in tests, keeps the first log.
    drop(started);
}

/// A table with its columns aligned; all but the first to the right.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A number with its thousands apart.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The progress of long work: a bar on a terminal, a line every few seconds elsewhere.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    what: &'static str,
    total: u64,
    last_line: Instant,
}

impl Progress {
    /// Starts with `total` units of `what`.
    pub(super) fn start(what: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| bar(what, total));
        Self { bar, what, total, last_line: Instant::now() }
    }

    /// So many units are done.
    pub(super) fn at(&mut self, position: u64) {
        self.at_with(position, "");
    }

    /// So many units are done; `message` says it in words.
    pub(super) fn at_with(&mut self, position: u64, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(message.to_owned());
            bar.set_position(position);
        } else if self.last_line.elapsed() >= LINE_INTERVAL {
            self.last_line = Instant::now();
            let percent = position * 100 / self.total.max(1);
            note(format!("{}: {percent} % {message}", self.what).trim_end());
        }
    }

    /// A line between the progress.
    pub(super) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| note(text)),
            None => note(text),
        }
    }

    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &'static str, total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {percent:>3} % {msg} {eta}")
        .expect("the template is a constant");
    ProgressBar::new(total).with_style(style).with_prefix(what)
}

#[cfg(test)]
mod tests {
    use super::{table, thousands};

    #[test]
    fn numbers_are_readable() {
        let numbers = [0, 999, 1000, 12_345, 1_234_567].map(thousands);
        assert_eq!(numbers, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["type".to_owned(), "taken".to_owned()], vec!["Patient".to_owned(), "3".to_owned()]];
        assert_eq!(table(&rows), "type     taken\nPatient      3");
    }
}
