//! Files that grow.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{Context, DiskError};
use crate::file::{make_folder, parent};
use crate::network;
use crate::open::open_by;

/// A file that grows: every line goes to the system in one write, so that a reader that follows it, or
/// a crash, never sees two writers' lines mixed.
#[derive(Debug)]
pub struct Appender {
    file: File,
    path: PathBuf,
}

impl Appender {
    /// Starts an empty file, with its parent folders.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path) -> Result<Self, DiskError> {
        let mut appender = Appender::open(path)?;
        appender.clear()?;
        Ok(appender)
    }

    /// Goes on at the end of a file, which is made when missing.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        let open = || open_by(OpenOptions::new().append(true).create(true), path);
        let file = match open() {
            // Most often the folder is there.
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
                make_folder(parent(path))?;
                open()
            }
            opened => opened,
        };
        Ok(Appender::of(file.context("write file", path)?.0, path))
    }

    /// Goes on with a file that is open to be written; faults call it `path`.
    pub fn of(file: File, path: &Path) -> Self {
        Appender { file, path: path.to_owned() }
    }

    /// Appends a line; the line feed is added.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn line(&mut self, text: &str) -> Result<(), DiskError> {
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(b'\n');
        self.bytes(&bytes)
    }

    /// Appends bytes as they are.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.file.write_all(bytes).context("write file", &self.path)
    }

    /// Lets other machines see what was appended, where they have the file too.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn tell(&self) -> Result<(), DiskError> {
        network::tell(&self.file, parent(&self.path)).context("write file", &self.path)
    }

    /// Waits until the disk has all that was appended.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&self) -> Result<(), DiskError> {
        self.file.sync_data().context("write file", &self.path)
    }

    /// Empties the file.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn clear(&mut self) -> Result<(), DiskError> {
        self.file.set_len(0).context("write file", &self.path)
    }
}
