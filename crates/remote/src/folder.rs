//! A folder as a remote: each object is a file at the path that is its key.
//!
//! An object is written under a name of its own in the folder where it belongs, and renamed when all of it is there; so
//! a listing never shows a part of one, whoever is killed. Names of what is not finished are those of
//! [`disk::is_unfinished`].
//!
//! Whether the disk is waited for, [`Sync`] says. Where it is, a large object gets its name once the disk has it, and
//! the disk is asked once for many small ones, when the last of them is there: what names them is put after that. A
//! machine that loses power before the disk has them may leave some with their name and another size, by which the next
//! push knows them.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use cache::{Hasher, Object, RESUMED, Remote, RemoteError, Sink, Upload};
use disk::{DiskError, Partial, Stamp};

/// How much is copied at once.
const PIECE: usize = 1 << 20;

/// The disk is asked once for many objects up to this size.
const SMALL: u64 = 1 << 20;

/// It is asked for each of so many: for all that it has to write takes long where others write, too.
const FEW: usize = 4;

/// What objects survive once they are put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// The death of the process. Where a file that the system has taken may still be refused (a share), or be there in full
    /// length without its bytes, the disk is waited for all the same.
    #[default]
    Normal,
    /// A loss of power, too: the disk is waited for.
    Full,
}

/// Who may do what with what is put there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Objects whose keys begin so can only be read.
    pub read_only: Option<&'static str>,
    /// The users of the folder's group share it, whatever their mask.
    pub shared: bool,
}

/// A remote in a folder.
#[derive(Debug)]
pub struct FolderRemote {
    name: String,
    root: PathBuf,
    resumed: u64,
    sync: Sync,
    rights: Rights,
    /// Whether the folder has been made one that a group shares.
    shared: OnceLock<()>,
    /// Whether the disk is waited for, once it is known on which the folder lies.
    waits: OnceLock<bool>,
    unsettled: Mutex<Unsettled>,
    /// What is done once something lies there that was put.
    first: First,
}

/// What is done once, after the first object was put.
#[derive(Default)]
struct First(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl fmt::Debug for First {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("First")
    }
}

/// Small objects that the disk may not have.
#[derive(Debug, Default)]
struct Unsettled {
    /// As long as they are few.
    files: Vec<PathBuf>,
    /// Once they are many, the folders that they lie in.
    folders: BTreeSet<PathBuf>,
}

impl Unsettled {
    fn add(&mut self, file: PathBuf) {
        self.files.push(file);
        if self.files.len() > FEW || !self.folders.is_empty() {
            let folders = self.files.drain(..).filter_map(|file| file.parent().map(Path::to_owned));
            self.folders.extend(folders);
        }
    }
}

impl FolderRemote {
    /// The remote called `name` in the folder `root`, which is made with the first object.
    pub fn new(name: &str, root: &Path) -> Self {
        FolderRemote {
            name: name.to_owned(),
            root: root.to_owned(),
            resumed: RESUMED,
            sync: Sync::default(),
            rights: Rights::default(),
            shared: OnceLock::new(),
            waits: OnceLock::new(),
            unsettled: Mutex::default(),
            first: First::default(),
        }
    }

    /// The same, with objects that survive this much.
    #[must_use]
    pub fn with_sync(self, sync: Sync) -> Self {
        FolderRemote { sync, ..self }
    }

    /// The same, with these rights for others.
    #[must_use]
    pub fn with_rights(self, rights: Rights) -> Self {
        FolderRemote { rights, ..self }
    }

    /// The same, with transfers of objects from `size` on taken up again.
    #[must_use]
    pub fn resuming_from(self, size: u64) -> Self {
        FolderRemote { resumed: size, ..self }
    }

    /// The same, doing `then` once something lies there that was put, before a second object is known to: a process that dies
    /// later has done it.
    #[must_use]
    pub fn on_first_put(self, then: impl FnOnce() + Send + 'static) -> Self {
        FolderRemote { first: First(Mutex::new(Some(Box::new(then)))), ..self }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the disk is waited for, in a folder that is there.
    fn waits(&self, folder: &Path) -> bool {
        self.sync == Sync::Full || *self.waits.get_or_init(|| !disk::keeps_order(folder))
    }

    fn unsettled(&self) -> MutexGuard<'_, Unsettled> {
        // A thread that panicked left at worst one out.
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where an object lies. A key that would lead out of the folder is none.
    fn path(&self, key: &str, action: &'static str) -> Result<PathBuf, RemoteError> {
        let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
        if !key.split('/').all(is_plain) {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "it is no key of an object");
            return Err(self.failed(action, key, source));
        }
        Ok(self.root.join(key))
    }

    fn failed(&self, action: &'static str, key: &str, source: io::Error) -> RemoteError {
        let kind = source.kind();
        let hint = match kind {
            io::ErrorKind::PermissionDenied => {
                Some("check the owner and the permissions of that folder".to_owned())
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Some(format!("make room there; `pipe gc --remote {}` removes what nobody needs", self.name))
            }
            io::ErrorKind::ReadOnlyFilesystem => Some("that file system is mounted read-only".to_owned()),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                Some(format!("see that {} is there, and mounted if it is a share", base::shown(&self.root)))
            }
            _ => None,
        };
        use io::ErrorKind::{ConnectionReset, Interrupted, StaleNetworkFileHandle, TimedOut, WouldBlock};
        let is_passing =
            matches!(kind, ConnectionReset | Interrupted | StaleNetworkFileHandle | TimedOut | WouldBlock);
        RemoteError::Failed {
            remote: self.name.clone(),
            key: key.to_owned(),
            action,
            source: Box::new(source),
            hint,
            is_passing,
            is_of_one: false,
        }
    }

    /// That an object cannot be read: its own fault, where the folder itself still answers and lets itself be read.
    fn unreadable(&self, key: &str, source: io::Error) -> RemoteError {
        let mut fault = self.failed("read", key, source);
        if let RemoteError::Failed { is_of_one, is_passing: false, .. } = &mut fault {
            *is_of_one = fs::read_dir(&self.root).is_ok();
        }
        fault
    }

    fn refused(&self, action: &'static str, key: &str, fault: DiskError) -> RemoteError {
        self.failed(action, key, fault.source)
    }

    fn missing(&self, key: &str) -> RemoteError {
        RemoteError::Missing { remote: self.name.clone(), key: key.to_owned() }
    }

    /// Calls `found` with all files at and below a folder whose keys begin with `prefix`; those that are not finished
    /// when `unfinished`, else the others.
    fn walk(
        &self,
        folder: &str,
        prefix: &str,
        unfinished: bool,
        found: &mut dyn FnMut(Object) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        let entries = match fs::read_dir(self.root.join(folder)) {
            Ok(entries) => entries,
            Err(fault) if is_absent(&fault) => return Ok(ControlFlow::Continue(())),
            Err(fault) => return Err(fault),
        };
        for entry in entries {
            let entry = entry?;
            // What has no name in UTF-8 is nothing of ours.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let key = format!("{folder}{name}");
            let kind = entry.file_type()?;
            let flow = if kind.is_dir() {
                let below = format!("{key}/");
                match below.starts_with(prefix) || prefix.starts_with(&below) {
                    true => self.walk(&below, prefix, unfinished, found)?,
                    false => ControlFlow::Continue(()),
                }
            } else if kind.is_file() && key.starts_with(prefix) && disk::is_unfinished(&name) == unfinished {
                match fs::symlink_metadata(entry.path()) {
                    Ok(metadata) => found(object(key, &metadata)),
                    // It went away meanwhile.
                    Err(fault) if is_absent(&fault) => ControlFlow::Continue(()),
                    Err(fault) => return Err(fault),
                }
            } else {
                ControlFlow::Continue(())
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Copies what of the file is not there yet.
    fn fill(&self, key: &str, upload: &Upload<'_>, partial: &mut Partial) -> Result<(), RemoteError> {
        let unreadable = |source| RemoteError::Unreadable { path: upload.from.to_owned(), source };
        let mut source = disk::open(upload.from).map_err(unreadable)?;
        let mut buffer = buffer_for(upload.size);
        // What was put there before may be damaged: then once more from the start.
        for is_again in [false, true] {
            let mut hasher = Hasher::new(upload.digest.algorithm());
            let there = partial
                .reread(|piece| hasher.update_while(piece, || ()))
                .map_err(|fault| self.refused("write", key, fault))?;
            if is_again || there > 0 {
                source.seek(SeekFrom::Start(there)).map_err(unreadable)?;
            }
            let mut left = upload.size.saturating_sub(there);
            while left > 0 {
                let count = source.read(&mut buffer).map_err(unreadable)?;
                if count == 0 {
                    break;
                }
                let piece = &buffer[..count];
                hasher
                    .update_while(piece, || partial.append(piece))
                    .map_err(|fault| self.refused("write", key, fault))?;
                if (upload.moved)(count as u64).is_break() {
                    return Err(RemoteError::Stopped);
                }
                left = left.saturating_sub(count as u64);
            }
            if hasher.digest() == upload.digest {
                return Ok(());
            }
            partial.restart().map_err(|fault| self.refused("write", key, fault))?;
            if there == 0 {
                break;
            }
        }
        Err(RemoteError::Mismatch { remote: self.name.clone(), key: key.to_owned() })
    }
}

impl Remote for FolderRemote {
    fn name(&self) -> &str {
        &self.name
    }

    fn list(
        &self,
        prefix: &str,
        found: &mut dyn FnMut(Object) -> ControlFlow<()>,
    ) -> Result<(), RemoteError> {
        if fs::metadata(&self.root).is_ok_and(|metadata| !metadata.is_dir()) {
            return Err(self.failed("list", "what is", io::ErrorKind::NotADirectory.into()));
        }
        let folder = prefix.rfind('/').map_or("", |end| &prefix[..=end]);
        if !prefix.is_empty() {
            // A whole key needs no listing of the folder around it.
            let path = self.path(prefix.trim_end_matches('/'), "list")?;
            if !prefix.ends_with('/')
                && let Ok(metadata) = fs::symlink_metadata(path)
                && metadata.is_file()
            {
                let _ = found(object(prefix.to_owned(), &metadata));
                return Ok(());
            }
        }
        self.walk(folder, prefix, false, found).map(drop).map_err(|fault| {
            let what = if prefix.is_empty() { "what is" } else { prefix };
            self.failed("list", what, fault)
        })
    }

    fn leftovers(&self, found: &mut dyn FnMut(Object)) -> Result<(), RemoteError> {
        let mut all = |object| {
            found(object);
            ControlFlow::Continue(())
        };
        self.walk("", "", true, &mut all).map(drop).map_err(|fault| self.failed("list", "what is", fault))
    }

    fn get(&self, key: &str, start: u64, sink: &mut Sink<'_>) -> Result<(), RemoteError> {
        let path = self.path(key, "read")?;
        let failed = |fault| self.unreadable(key, fault);
        let size = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) => return Err(self.missing(key)),
            Err(fault) if is_absent(&fault) && self.root.is_dir() => return Err(self.missing(key)),
            Err(fault) => return Err(failed(fault)),
        };
        let mut file = match disk::open(&path) {
            Ok(file) => file,
            Err(fault) if is_absent(&fault) => return Err(self.missing(key)),
            Err(fault) => return Err(failed(fault)),
        };
        if start > 0 {
            file.seek(SeekFrom::Start(start)).map_err(failed)?;
        }
        let mut buffer = buffer_for(size);
        let mut left = size.saturating_sub(start);
        while left > 0 {
            let count = file.read(&mut buffer).map_err(failed)?;
            if count == 0 || sink(&buffer[..count]).is_break() {
                break;
            }
            left = left.saturating_sub(count as u64);
        }
        Ok(())
    }

    fn put(&self, key: &str, upload: &Upload<'_>) -> Result<(), RemoteError> {
        let path = self.path(key, "write")?;
        let refused = |fault| self.refused("write", key, fault);
        let is_small = upload.size <= SMALL && upload.size < self.resumed;
        if self.rights.shared {
            // Where it is another user's, it is his to do so.
            self.shared.get_or_init(|| drop(disk::share_folder(&self.root)));
        }
        // What a push that died left of a large one is taken up by the next one that puts the same there.
        let mut partial = Partial::open(&path, !is_small).map_err(refused)?;
        match self.fill(key, upload, &mut partial) {
            Err(fault @ RemoteError::Mismatch { .. }) => {
                partial.discard();
                return Err(fault);
            }
            filled => filled?,
        }
        let waits = self.waits(path.parent().unwrap_or(&self.root));
        if waits && !is_small {
            partial.sync().map_err(refused)?;
        }
        // Late: what is left of a push that dies is taken up by whoever may write to it.
        if self.rights.read_only.is_some_and(|start| key.starts_with(start)) {
            partial.protect().map_err(refused)?;
        }
        partial.finish(None).map_err(refused)?;
        let then = self.first.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(then) = then {
            then();
        }
        if waits && is_small {
            self.unsettled().add(path);
        }
        Ok(())
    }

    fn settle(&self) -> Result<(), RemoteError> {
        let Unsettled { files, folders } = std::mem::take(&mut *self.unsettled());
        disk::sync_files(&files, &folders).map_err(|fault| self.refused("write", "objects", fault))
    }

    fn remove(&self, key: &str, unless_since: Option<i64>) -> Result<bool, RemoteError> {
        let path = self.path(key, "remove")?;
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return Ok(false),
            Err(fault) if is_absent(&fault) => return Ok(false),
            Err(fault) => return Err(self.failed("remove", key, fault)),
        };
        if unless_since.is_some_and(|since| Stamp::of(&metadata).mtime >= since) {
            return Ok(false);
        }
        // The folder around it stays: somebody may be about to put something there.
        disk::remove(&path).map_err(|fault| self.refused("remove", key, fault))?;
        Ok(true)
    }

    fn touch(&self, key: &str) -> Result<bool, RemoteError> {
        disk::touch(&self.path(key, "touch")?).map_err(|fault| self.refused("touch", key, fault))
    }

    fn now(&self) -> Result<i64, RemoteError> {
        let failed = |fault| self.refused("ask the clock of", "a file", fault);
        let probe = Partial::open(&self.root.join("clock"), false).map_err(failed)?;
        let modified = probe.modified().map_err(failed);
        probe.discard();
        modified
    }
}

/// Room for a piece of something so large: most objects are small, and clearing a whole piece for each costs more than
/// copying it.
fn buffer_for(size: u64) -> Vec<u8> {
    vec![0; usize::try_from(size).map_or(PIECE, |size| size.clamp(1, PIECE))]
}

fn object(key: String, metadata: &fs::Metadata) -> Object {
    let stamp = Stamp::of(metadata);
    Object { key, size: stamp.size, modified: Some(stamp.mtime) }
}

fn is_absent(fault: &io::Error) -> bool {
    matches!(fault.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
