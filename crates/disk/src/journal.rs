//! An append-only file of records that survives being cut at any byte.
//!
//! One record is one line: eight hexadecimal digits of the CRC-32C of the JSON text, a space, the JSON
//! text, a line feed. A crash can leave one torn line at the end, which is dropped; a bad line before a
//! good one is damage and is told. What was appended is with the system at once (it survives kill -9) and
//! on the disk at most a second later.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::appender::Appender;
use crate::error::DiskError;
use crate::file::read_optional;

/// How long an appended record may wait for the disk while others follow.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    appender: Appender,
    last_sync: Instant,
}

/// Why a journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A line in the middle is damaged.
    #[error("{}:{line}: damaged journal record: {reason}", base::shown(path))]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Journal {
    /// Goes on at the end of the journal at `path`. A torn last line must have been dropped before, by
    /// [`Journal::clear`] or by rewriting, or the next record would be glued to it; a line feed is
    /// written first to be safe.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        let torn = read_optional(path)?.is_some_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n'));
        let mut appender = Appender::open(path)?;
        if torn {
            appender.bytes(b"\n")?;
        }
        Ok(Journal { appender, last_sync: Instant::now() })
    }

    /// Appends a record.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn append(&mut self, record: &impl Serialize) -> Result<(), DiskError> {
        let json = serde_json::to_string(record).expect("a record is plain data");
        self.appender.line(&format!("{:08x} {json}", crc32c::crc32c(json.as_bytes())))?;
        self.appender.tell()?;
        if self.last_sync.elapsed() >= SYNC_EVERY {
            self.appender.sync()?;
            self.last_sync = Instant::now();
        }
        Ok(())
    }

    /// Empties the journal: what it told stands elsewhere now.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn clear(&mut self) -> Result<(), DiskError> {
        self.appender.clear()
    }
}

/// Reads all records of the journal at `path`; none when there is no file.
///
/// # Errors
/// [`JournalError::Damaged`] for a bad line that is followed by a good one.
pub fn read_journal<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, JournalError> {
    let Some(bytes) = read_optional(path)? else { return Ok(Vec::new()) };
    let mut records = Vec::new();
    let mut bad: Option<(usize, String)> = None;
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        match parse_line(line) {
            Ok(record) => match bad.take() {
                // A line that was torn by a crash and closed by the next process is no damage: it never
                // was a whole record. One whose checksum fails at full length is.
                Some((line, reason)) if reason != TORN => {
                    return Err(JournalError::Damaged { path: path.to_owned(), line, reason });
                }
                _ => records.push(record),
            },
            Err(reason) => bad = Some((index + 1, reason)),
        }
    }
    Ok(records)
}

const TORN: &str = "it is cut off";

fn parse_line<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    let text = std::str::from_utf8(line).map_err(|fault| {
        // A cut inside a character leaves its first bytes; other bytes were damaged.
        if fault.error_len().is_none() { TORN.to_owned() } else { "it is not UTF-8".to_owned() }
    })?;
    let (checksum, json) = text.split_once(' ').ok_or(TORN)?;
    let expected = u32::from_str_radix(checksum, 16).map_err(|_| "it has no checksum".to_owned())?;
    if crc32c::crc32c(json.as_bytes()) != expected {
        let cut = serde_json::from_str::<serde::de::IgnoredAny>(json).is_err_and(|fault| fault.is_eof());
        return Err(if cut { TORN } else { "its checksum does not fit" }.to_owned());
    }
    serde_json::from_str(json).map_err(|fault| fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(records: &[u32]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path).unwrap();
        for record in records {
            journal.append(&vec![*record; 3]).unwrap();
        }
        (folder, path)
    }

    #[test]
    fn cut_at_any_byte_it_keeps_what_was_whole() {
        let (_folder, path) = written(&[1, 22, 333]);
        let whole = std::fs::read(&path).unwrap();
        let ends: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let records: Vec<Vec<u32>> = read_journal(&path).unwrap();
            // A record counts from its last byte on; its line feed may be missing.
            assert_eq!(records.len(), ends.iter().filter(|end| cut >= **end).count(), "cut at {cut}");
            Journal::open(&path).unwrap().append(&vec![4u32]).unwrap();
            let after: Vec<Vec<u32>> = read_journal(&path).unwrap();
            assert_eq!(after.len(), records.len() + 1, "cut at {cut}, then appended");
        }
    }

    #[test]
    fn a_cut_inside_a_character_is_a_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        Journal::open(&path).unwrap().append(&"é").unwrap();
        let whole = std::fs::read(&path).unwrap();
        let inside = whole.iter().position(|byte| *byte >= 0x80).unwrap() + 1;
        std::fs::write(&path, &whole[..inside]).unwrap();
        Journal::open(&path).unwrap().append(&"next").unwrap();
        assert_eq!(read_journal::<String>(&path).unwrap(), ["next"]);
    }

    #[test]
    fn damage_in_the_middle_is_told() {
        let (_folder, path) = written(&[1, 22, 333]);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 12;
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let fault = read_journal::<Vec<u32>>(&path).unwrap_err();
        assert!(fault.to_string().contains("journal:2: damaged journal record"), "{fault}");
    }
}
