//! What has to wait until all files are read, on disk so that memory stays flat. The file has no name: it
//! is gone with the process, whatever ends it.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Seek, Write},
    path::{Path, PathBuf},
};

use medcor_store::Clock;

/// Frames of bytes, written first and then read.
pub(super) struct Spill {
    folder: PathBuf,
    clock: Clock,
    writer: Option<BufWriter<File>>,
}

impl Spill {
    /// Nothing is made before the first frame. The folder has to be private.
    pub(super) fn new(folder: &Path, clock: &Clock) -> Self {
        Self { folder: folder.to_owned(), clock: clock.clone(), writer: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.writer.is_none()
    }

    pub(super) fn push(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        if self.writer.is_none() {
            self.writer = Some(BufWriter::new(self.unnamed_file()?));
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        for part in parts {
            writer.write_all(&(part.len() as u64).to_le_bytes())?;
            writer.write_all(part)?;
        }
        Ok(())
    }

    /// Everything that was pushed; what is pushed from now on is for the next time.
    pub(super) fn take(&mut self) -> io::Result<Frames> {
        let Some(writer) = self.writer.take() else { return Ok(Frames { reader: None }) };
        let mut file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Frames { reader: Some(BufReader::new(file)) })
    }

    fn unnamed_file(&self) -> io::Result<File> {
        let path = self.folder.join(format!(".import-{}", self.clock.new_id()));
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        fs::remove_file(&path)?;
        Ok(file)
    }
}

/// The parts of the frames, in order.
pub(super) struct Frames {
    reader: Option<BufReader<File>>,
}

impl Frames {
    /// The next part; `None` at the end.
    pub(super) fn part(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        let mut length = [0; 8];
        match reader.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let length = usize::try_from(u64::from_le_bytes(length)).map_err(io::Error::other)?;
        let mut part = vec![0; length];
        reader.read_exact(&mut part)?;
        Ok(Some(part))
    }

    /// The next part as text.
    pub(super) fn text(&mut self) -> io::Result<Option<String>> {
        let part = self.part()?;
        part.map(|part| String::from_utf8(part).map_err(io::Error::other)).transpose()
    }
}
