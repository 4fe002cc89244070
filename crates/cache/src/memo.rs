//! The memory that everything was up to date: which files and folders that verdict was made of, with their stamps.
//!
//! While all of them are what they were, the verdict holds, and nothing has to be parsed or compared: this is what
//! makes a reproduction that does nothing as fast as looking at its files. A verdict is only remembered when none of
//! its files changed since the process began, so that what was read is what the stamps tell of. The memory is one
//! file; one that is missing, damaged or of another version is no memory.

use std::fs;
use std::path::{Path, PathBuf};

use base::ProjectPath;
use disk::{DiskError, Stamp};
use rayon::prelude::*;

/// Name and version of the format.
const HEADER: &[u8; 8] = b"pipeuf\x00\x02";

/// How many paths one thread looks at in one go.
const BATCH: usize = 512;

/// What a verdict of "up to date" was made of.
#[derive(Debug)]
pub struct Memo {
    path: PathBuf,
    root: PathBuf,
}

/// What a question is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many stages with a command.
    pub stages: u64,
    /// How many pointers to data.
    pub pointers: u64,
}

/// A path and what was there; `None` when nothing was.
type Seen = (ProjectPath, Option<Stamp>);

impl Memo {
    /// The memory at `path` of the project at `root`.
    pub fn new(root: &Path, path: &Path) -> Self {
        Memo { path: path.to_owned(), root: root.to_owned() }
    }

    /// What `question` asks about, when all of it was up to date and nothing has changed since. On a network file system
    /// nothing is known: what other machines changed is not always seen in a stamp.
    pub fn recall(&self, question: &str) -> Option<Counted> {
        if disk::is_network(&self.root) {
            return None;
        }
        let bytes = disk::read_optional(&self.path).ok().flatten()?;
        let (counted, seen) = decode(&bytes, question)?;
        let holds = |(path, stamp): &Seen| self.look(path) == *stamp;
        seen.par_chunks(BATCH).all(|batch| batch.iter().all(holds)).then_some(counted)
    }

    /// Remembers that what `question` asks about, so much as is `counted`, is up to date. `present` and `absent` tell what
    /// was found when they were loaded, `witness` what their deps and outs were. Nothing is remembered when one of
    /// them may have changed since `start` (nanoseconds since 1970), the moment before the first was read.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn remember(
        &self,
        question: &str,
        counted: Counted,
        start: i64,
        found: (&[ProjectPath], &[ProjectPath]),
        witness: Vec<(ProjectPath, Stamp)>,
    ) -> Result<(), DiskError> {
        let (present, absent) = found;
        let mut seen: Vec<Seen> = Vec::with_capacity(present.len() + absent.len() + witness.len());
        for path in present {
            let Some(stamp) = self.look(path) else { return Ok(()) };
            seen.push((path.clone(), Some(stamp)));
        }
        if absent.iter().any(|path| self.look(path).is_some()) {
            return Ok(());
        }
        seen.extend(absent.iter().map(|path| (path.clone(), None)));
        seen.extend(witness.into_iter().map(|(path, stamp)| (path, Some(stamp))));
        seen.sort_by(|a, b| a.0.cmp(&b.0));
        seen.dedup();
        let changed_since = |(_, stamp): &Seen| stamp.is_some_and(|stamp| stamp.is_racy(start));
        if seen.iter().any(changed_since) {
            return Ok(());
        }
        disk::replace_volatile(&self.path, &encode(question, counted, &seen))
    }

    fn look(&self, path: &ProjectPath) -> Option<Stamp> {
        fs::metadata(path.to_path(&self.root)).ok().map(|metadata| Stamp::of(&metadata))
    }
}

fn encode(question: &str, counted: Counted, seen: &[Seen]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64 + question.len() + seen.len() * 80);
    bytes.extend_from_slice(HEADER);
    put_text(&mut bytes, question);
    bytes.extend_from_slice(&counted.stages.to_le_bytes());
    bytes.extend_from_slice(&counted.pointers.to_le_bytes());
    for (path, stamp) in seen {
        put_text(&mut bytes, path.as_str());
        bytes.push(u8::from(stamp.is_some()));
        if let Some(stamp) = stamp {
            bytes.extend_from_slice(&stamp.size.to_le_bytes());
            bytes.extend_from_slice(&stamp.mtime.to_le_bytes());
            bytes.extend_from_slice(&stamp.ctime.to_le_bytes());
            bytes.extend_from_slice(&stamp.inode.to_le_bytes());
            bytes.extend_from_slice(&stamp.mode.to_le_bytes());
        }
    }
    let checksum = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).expect("paths and questions are short");
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

fn decode(bytes: &[u8], question: &str) -> Option<(Counted, Vec<Seen>)> {
    let (body, checksum) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let mut reader = Reader(body.strip_prefix(HEADER.as_slice())?);
    if reader.text()? != question {
        return None;
    }
    let stages = u64::from_le_bytes(reader.take()?);
    let pointers = u64::from_le_bytes(reader.take()?);
    let mut seen = Vec::with_capacity(reader.0.len() / 60);
    while !reader.0.is_empty() {
        // Not a record of somebody else: files of `.pipe` itself are among them.
        let path = ProjectPath::from_relative(Path::new(reader.text()?)).ok()?;
        let stamp = match reader.take::<1>()? {
            [0] => None,
            _ => Some(Stamp {
                size: u64::from_le_bytes(reader.take()?),
                mtime: i64::from_le_bytes(reader.take()?),
                ctime: i64::from_le_bytes(reader.take()?),
                inode: u64::from_le_bytes(reader.take()?),
                mode: u32::from_le_bytes(reader.take()?),
            }),
        };
        seen.push((path, stamp));
    }
    Some((Counted { stages, pointers }, seen))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(u32::from_le_bytes(self.take()?)).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests play the user, who writes files as he likes")]
mod tests {
    use super::*;

    fn path(text: &str) -> ProjectPath {
        ProjectPath::from_record(text).unwrap()
    }

    const COUNTED: Counted = Counted { stages: 7, pointers: 3 };

    /// A project with a memo of `a` and `folder`, of which `none` is absent.
    fn remembered(start: i64) -> ((tempfile::TempDir, tempfile::TempDir), Memo) {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::write(root.join("a"), "1").unwrap();
        fs::create_dir(root.join("folder")).unwrap();
        let memo = Memo::new(root, &outside.path().join("memo"));
        let witness = vec![(path("a"), memo.look(&path("a")).unwrap())];
        let journal = ProjectPath::from_relative(Path::new(".pipe/journal")).unwrap();
        let present = [ProjectPath::root(), path("folder")];
        memo.remember("all", COUNTED, start, (&present, &[path("none"), journal]), witness).unwrap();
        ((folder, outside), memo)
    }

    fn later() -> i64 {
        Stamp::now() + 10_000_000_000
    }

    #[test]
    fn holds_until_something_changes() {
        let ((folder, _outside), memo) = remembered(later());
        assert_eq!(memo.recall("all"), Some(COUNTED));
        assert_eq!(memo.recall("other"), None);
        fs::write(folder.path().join("a"), "22").unwrap();
        assert_eq!(memo.recall("all"), None);
        for change in ["folder/new", "none"] {
            let ((folder, _outside), memo) = remembered(later());
            // The folder's clock ticks every few milliseconds.
            std::thread::sleep(std::time::Duration::from_millis(20));
            fs::write(folder.path().join(change), "").unwrap();
            assert_eq!(memo.recall("all"), None, "{change}");
        }
        let ((folder, _outside), memo) = remembered(later());
        fs::remove_file(folder.path().join("a")).unwrap();
        assert_eq!(memo.recall("all"), None);
    }

    #[test]
    fn what_may_have_changed_since_the_start_is_not_remembered() {
        let (_folders, memo) = remembered(Stamp::now());
        assert_eq!(memo.recall("all"), None);
    }

    #[test]
    fn any_damage_is_no_memory() {
        let ((_folder, outside), memo) = remembered(later());
        let file = outside.path().join("memo");
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            assert!(decode(&bytes, "all").is_none(), "byte {at}");
            assert!(decode(&whole[..at], "all").is_none(), "cut at {at}");
        }
        assert_eq!(memo.recall("all"), Some(COUNTED));
    }
}
