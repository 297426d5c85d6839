//! Finding and reading input: files, folders, `.gz`; line by line where a file has one record a line.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::read::MultiGzDecoder;

/// Most bytes of one bundle, or of one line.
pub(super) const UNIT_BYTES_MAX: usize = 256 * 1024 * 1024;
const BUFFER_BYTES: usize = 256 * 1024;

/// How the records stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One bundle or resource.
    Whole,
    /// One a line.
    Lines,
}

/// One file to read.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) path: Arc<Path>,
    pub(super) layout: Layout,
    pub(super) is_compressed: bool,
    /// As stored, so compressed where it is.
    pub(super) bytes: u64,
}

/// What there is to read.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub(super) files: Vec<Input>,
    /// Files in folders whose names say that they hold no FHIR records.
    pub(super) left_aside: u64,
}

/// Every file under these paths, folders in order of name. A file that is named itself has to be readable.
pub(super) fn find(paths: &[PathBuf]) -> io::Result<Inputs> {
    let mut inputs = Inputs::default();
    for path in paths {
        if fs::metadata(path).map_err(|error| named(path, &error))?.is_dir() {
            add_folder(path, &mut inputs)?;
        } else {
            let input = Input::of(path)?.ok_or_else(|| {
                let names = "expected .json, .ndjson or .jsonl, also with .gz";
                io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {names}", path.display()))
            })?;
            inputs.files.push(input);
        }
    }
    Ok(inputs)
}

fn add_folder(folder: &Path, inputs: &mut Inputs) -> io::Result<()> {
    let entries = fs::read_dir(folder).map_err(|error| named(folder, &error))?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        // A link to a folder could lead back here.
        let is_folder = fs::symlink_metadata(&path)?.is_dir();
        if is_folder {
            add_folder(&path, inputs)?;
        } else if let Some(input) = Input::of(&path)? {
            inputs.files.push(input);
        } else {
            inputs.left_aside += 1;
        }
    }
    Ok(())
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

impl Input {
    /// `None` where the name says that there are no FHIR records in it.
    fn of(path: &Path) -> io::Result<Option<Self>> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let plain = name.strip_suffix(".gz");
        let layout = match plain.unwrap_or(&name).rsplit_once('.') {
            Some((_, "json")) => Layout::Whole,
            Some((_, "ndjson" | "jsonl")) => Layout::Lines,
            _ => return Ok(None),
        };
        let metadata = fs::metadata(path).map_err(|error| named(path, &error))?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let is_compressed = plain.is_some();
        Ok(Some(Self { path: path.into(), layout, is_compressed, bytes: metadata.len() }))
    }

    /// Opens the file; `read` counts its bytes as stored.
    pub(super) fn open(&self, read: Arc<AtomicU64>) -> io::Result<Box<dyn BufRead>> {
        let file = Counted { file: File::open(&self.path)?, read };
        Ok(if self.is_compressed {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(file)))
        } else {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, file))
        })
    }
}

struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// A piece of a file, or why it can't be used.
pub(super) type Piece = Result<String, &'static str>;

/// All of it.
pub(super) fn whole(reader: &mut dyn BufRead) -> io::Result<Piece> {
    let mut bytes = Vec::new();
    Read::take(reader, UNIT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(text(bytes))
}

/// The next line without its end; `None` at the end of the file. A line that is too long is skipped.
pub(super) fn line(reader: &mut dyn BufRead) -> io::Result<Option<Piece>> {
    let mut bytes = Vec::new();
    let limit = UNIT_BYTES_MAX as u64 + 1;
    if Read::take(&mut *reader, limit).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    let is_whole = bytes.last() == Some(&b'\n') || bytes.len() <= UNIT_BYTES_MAX;
    if !is_whole {
        while Read::take(&mut *reader, limit).read_until(b'\n', &mut Vec::new())? as u64 == limit {}
    }
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    Ok(Some(text(bytes)))
}

fn text(bytes: Vec<u8>) -> Piece {
    if bytes.len() > UNIT_BYTES_MAX {
        return Err("it is longer than 256 MiB: split it into NDJSON");
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text")?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    })
}
