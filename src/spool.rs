//! What was logged while the run store was away: private files of sets of changes, mostly of one, applied by the next command
//! that opens the store. The sets have ids, so that one which is applied twice counts once (docs/design/run-store.md).

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::{Digest, Timestamp};
use disk::DiskError;
use serde::{Deserialize, Serialize};
use track::{
    Applied, Change, Changes, ChangesId, ErrorKind, ModelStore, RegistryChange, RunId, SqliteStore,
    StoreError,
};
#[cfg(feature = "serve")]
use track::{LoggedModelChange, VersionRef};

use crate::error::with_causes;
use crate::project::Project;
use crate::recorder::new_run_id;
use crate::ui::Printer;

/// How long a set waits for a run that the store does not know yet: whoever executes a stage writes its run a moment
/// after the stage has started.
const PATIENCE_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// How long it counts as something that waits for the store: whoever executes a stage is gone, or never was of this store, when
/// its run is not there by then. It goes aside, and nobody waits behind it.
const SOON_MILLIS: i64 = 10 * 60 * 1000;

/// So many digits of an id are the milliseconds of its time.
const TIME_DIGITS: usize = 12;

/// Nobody takes so long to write a small file.
const WRITING: Duration = Duration::from_secs(60 * 60);

/// What the store does not take.
#[derive(Debug, Serialize, Deserialize)]
struct Refused {
    /// Why, in the words of the store.
    reason: String,
    /// What it was, where that could be read.
    changes: Option<Changes>,
}

/// A version that was made while the store was away, with the number that scripts knew and the one that it has.
#[derive(Debug, Serialize, Deserialize)]
struct Numbered {
    model: String,
    known_as: i64,
    number: i64,
}

/// A set of changes that is made now, under an id of its own, and its name in the spool.
pub fn named(changes: Vec<Change>) -> (RunId, Changes) {
    named_at(Changes::new(Timestamp::now(), changes))
}

/// A set of changes that was made before, under an id of its own, and its name in the spool.
pub fn named_at(changes: Changes) -> (RunId, Changes) {
    let name = new_run_id();
    (name, Changes { id: Some(ChangesId(format!("log-{name}"))), ..changes })
}

/// The folder of what waits for a run that may never come.
const ORPHANS: &str = "orphans";

/// Keeps a set of changes, which has an id, until the store is there. What waits already comes before it, even if the
/// clock has gone back since.
///
/// # Errors
/// When the disk refuses.
pub fn keep(folder: &Path, name: &RunId, changes: &Changes) -> Result<(), DiskError> {
    let name = newest(folder).map_or(*name, |newest| name.after(newest));
    write(folder, name, &bytes_of(changes))
}

/// A set of changes as it is kept.
pub fn bytes_of(changes: &Changes) -> Vec<u8> {
    serde_json::to_vec(changes).expect("changes are plain data")
}

/// Several sets as they are kept in one file: each takes a line.
pub fn bytes_of_all<'s>(sets: impl IntoIterator<Item = &'s Changes>) -> Vec<u8> {
    sets.into_iter().map(bytes_of).collect::<Vec<_>>().join(&b'\n')
}

/// Keeps one set or several under a name that comes after all that waits.
///
/// # Errors
/// When the disk refuses.
pub fn write(folder: &Path, mut name: RunId, bytes: &[u8]) -> Result<(), DiskError> {
    // Others that keep something in the same moment may have counted on from the same newest one.
    while !disk::create_private(&folder.join(format!("{name}.json")), bytes)? {
        name = name.after(name);
    }
    let mut newest = lock_newest();
    let known = newest.entry(folder.to_owned()).or_insert(name);
    *known = name.max(*known);
    Ok(())
}

/// The newest name of each spool: of what this process has kept there, or of what waited when it first kept something. To
/// look each time is slow where much waits. What others have kept since is ordered by the clock alone.
static NEWEST: Mutex<BTreeMap<PathBuf, RunId>> = Mutex::new(BTreeMap::new());

fn lock_newest() -> MutexGuard<'static, BTreeMap<PathBuf, RunId>> {
    NEWEST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name that the next one comes after; `None` where nothing waits.
pub fn newest(folder: &Path) -> Option<RunId> {
    let known = lock_newest().get(folder).copied();
    known.or_else(|| Path::new(&names(folder).max()?).file_stem()?.to_str()?.parse::<RunId>().ok())
}

/// Applies what waits, oldest first, and again what waited for something that came later. What the store refuses goes to
/// the folder `refused`, to be told of.
///
/// # Errors
/// When the store fails, which ends it; the rest waits on.
pub fn replay(folder: &Path, store: &dyn ModelStore) -> Result<(), StoreError> {
    forget_unfinished(folder);
    let mut waited = usize::MAX;
    loop {
        // They came before, if their run has come after all.
        let mut awaited = HashSet::new();
        let orphans = replay_once(&folder.join(ORPHANS), folder, store, &mut awaited)?;
        let waits = orphans + replay_once(folder, folder, store, &mut awaited)?;
        if waits == 0 || waits >= waited {
            return Ok(());
        }
        waited = waits;
    }
}

/// Goes once through what waits in a folder of the spool; returns how many sets wait for a run. What waits makes the runs that
/// are `awaited`, or is about them: what comes later about them must not come before it.
fn replay_once(
    waiting: &Path,
    folder: &Path,
    store: &dyn ModelStore,
    awaited: &mut HashSet<RunId>,
) -> Result<usize, StoreError> {
    let mut waits = 0;
    for path in files(waiting) {
        // Somebody else was faster, or the next command is luckier.
        let Ok(Some(bytes)) = disk::read_optional(&path) else { continue };
        let mut sets = sets_in(&bytes);
        let several = sets.len() > 1;
        let mut left = Vec::new();
        let (mut is_changed, mut is_stuck) = (false, false);
        let mut failed = Ok(());
        for set in sets.drain(..) {
            let outcome = match set {
                Ok(changes) if failed.is_err() => Outcome::Waits(changes),
                set => replay_set(set, folder, store, awaited),
            };
            match outcome {
                Outcome::Done => is_changed = true,
                Outcome::Waits(changes) => left.push(changes),
                Outcome::Failed(fault, changes) => {
                    failed = Err(fault);
                    left.push(changes);
                }
                Outcome::Refused(refused) => match put_in_refused(&refused, &path, folder, several) {
                    Ok(_) => is_changed = true,
                    Err(_) if refused.changes.is_none() => is_stuck = true,
                    Err(_) => left.extend(refused.changes),
                },
            }
        }
        if is_stuck {
            // What cannot be read stays until it can be told of.
        } else if left.is_empty() {
            let _ = disk::remove(&path);
        } else if is_changed {
            // Without it they are applied again, which counts once.
            let _ = disk::replace(&path, &bytes_of_all(&left));
        }
        failed?;
        if let Some(last) = left.last() {
            waits += left.len();
            set_aside(&path, folder, last);
        }
    }
    Ok(waits)
}

/// What became of a set.
enum Outcome {
    Done,
    /// For a run.
    Waits(Changes),
    /// The store takes nothing.
    Failed(StoreError, Changes),
    Refused(Refused),
}

/// Applies a set, unless it waits for something.
fn replay_set(
    set: Result<Changes, serde_json::Error>,
    folder: &Path,
    store: &dyn ModelStore,
    awaited: &mut HashSet<RunId>,
) -> Outcome {
    let changes = match set {
        Ok(changes) => changes,
        Err(fault) => {
            let reason = format!("it is no set of changes: {fault}");
            return Outcome::Refused(Refused { reason, changes: None });
        }
    };
    if is_awaiting(&changes, awaited) {
        awaited.extend(made_by(&changes));
        return Outcome::Waits(changes);
    }
    match store.apply(changes.clone()) {
        Ok(applied) => {
            note_versions(folder, store, &changes, &applied);
            Outcome::Done
        }
        Err(fault) if fault.kind() == ErrorKind::Failed => Outcome::Failed(fault, changes),
        // Ids are never given twice: the run, or the model, was made by this set, which was kept twice.
        Err(StoreError::RunExists(_) | StoreError::Exists { noun: "logged model", .. }) => Outcome::Done,
        Err(StoreError::UnknownRun(run)) if Timestamp::now().millis_since(changes.at) < PATIENCE_MILLIS => {
            awaited.insert(run);
            awaited.extend(made_by(&changes));
            Outcome::Waits(changes)
        }
        Err(fault) => Outcome::Refused(Refused { reason: with_causes(&fault), changes: Some(changes) }),
    }
}

/// Has people told of something that was refused. Of several in a file each has a name of its own.
fn put_in_refused(refused: &Refused, path: &Path, folder: &Path, several: bool) -> Result<bool, DiskError> {
    let id = refused.changes.as_ref().and_then(|changes| changes.id.as_ref());
    let own = id.and_then(|id| id.0.strip_prefix("log-")?.parse::<RunId>().ok());
    let name = match own.filter(|_| several) {
        Some(own) => OsString::from(format!("{own}.json")),
        None => path.file_name().unwrap_or_default().to_owned(),
    };
    let bytes = serde_json::to_vec_pretty(refused).expect("plain data");
    disk::create_private(&folder.join("refused").join(name), &bytes)
}

/// Puts a file aside that has waited for its run for a while. What is newer waits behind it as long as it is about that run.
fn set_aside(path: &Path, folder: &Path, changes: &Changes) {
    if Timestamp::now().millis_since(changes.at) > SOON_MILLIS && path.parent() == Some(folder) {
        let name = path.file_name().unwrap_or_default();
        let _ = disk::move_path(path, &folder.join(ORPHANS).join(name));
    }
}

/// The sets of a file: mostly one. What follows something that cannot be read cannot be, either.
fn sets_in(bytes: &[u8]) -> Vec<Result<Changes, serde_json::Error>> {
    let mut sets: Vec<_> = serde_json::Deserializer::from_slice(bytes).into_iter::<Changes>().collect();
    if sets.is_empty() {
        sets.push(serde_json::from_slice(bytes));
    }
    sets
}

/// The sets that a file has, as far as they can be read.
fn read_sets(path: &Path) -> Vec<Changes> {
    let bytes = disk::read_optional(path).ok().flatten();
    bytes.map(|bytes| sets_in(&bytes).into_iter().flatten().collect()).unwrap_or_default()
}

/// The run of this name that something makes which waits, if it is one.
pub fn run_named(folder: &Path, wanted: &str) -> Option<RunId> {
    let mut named: BTreeMap<RunId, Option<String>> = BTreeMap::new();
    for path in files(&folder.join(ORPHANS)).into_iter().chain(files(folder)) {
        for change in read_sets(&path).into_iter().flat_map(|changes| changes.changes) {
            match change {
                Change::CreateRun(new) => drop(named.insert(new.id, new.name)),
                Change::UpdateRun { run, name: Some(name), .. } => drop(named.insert(run, Some(name))),
                _ => {}
            }
        }
    }
    let mut found = named.into_iter().filter(|(_, name)| name.as_deref() == Some(wanted));
    let (first, second) = (found.next(), found.next());
    first.filter(|_| second.is_none()).map(|(run, _)| run)
}

/// Notes at logged models which versions were made of them, and for people which number a version got that they know by
/// another one.
fn note_versions(folder: &Path, store: &dyn ModelStore, changes: &Changes, applied: &Applied) {
    let made = changes.changes.iter().filter_map(|change| match change {
        Change::Registry(RegistryChange::CreateVersion(new)) => Some(new),
        _ => None,
    });
    for (new, number) in made.zip(&applied.versions) {
        let Some(known_as) = new.known_as else { continue };
        // Such versions come from scripts that a server listened to.
        #[cfg(not(feature = "serve"))]
        let _ = store;
        #[cfg(feature = "serve")]
        if let Some(model) = new.logged_model.and_then(|id| store.logged_model(id).ok()) {
            let version = VersionRef { model: new.model.clone(), version: *number };
            let tags = vec![server::version_noted(&model, &version)];
            let change = Change::LoggedModel(LoggedModelChange::SetTags { model: model.id, tags });
            let _ = store.apply(Changes::new(changes.at, vec![change]));
        }
        if known_as.number != *number {
            let numbered = Numbered { model: new.model.clone(), known_as: known_as.number, number: *number };
            let bytes = serde_json::to_vec(&numbered).expect("plain data");
            let path = folder.join("numbered").join(format!("{}.json", known_as.token));
            let _ = disk::create_private(&path, &bytes);
        }
    }
}

/// The runs that a set makes.
fn made_by(changes: &Changes) -> impl Iterator<Item = RunId> {
    changes.changes.iter().filter_map(|change| match change {
        Change::CreateRun(new) => Some(new.id),
        _ => None,
    })
}

/// Whether a set is about one of these runs, or a run in it comes from one, that it does not make itself.
fn is_awaiting(changes: &Changes, awaited: &HashSet<RunId>) -> bool {
    let mut used = changes.changes.iter().flat_map(Change::uses);
    used.any(|run| awaited.contains(&run) && made_by(changes).all(|made| made != run))
}

/// Whether something waits about a run, of what was kept since that was named: who kept it has told why it waits.
pub fn has_about(folder: &Path, run: RunId) -> bool {
    let is_about = |changes: &Changes| {
        made_by(changes).chain(changes.changes.iter().flat_map(Change::uses)).any(|found| found == run)
    };
    since(folder, run).into_iter().any(|path| read_sets(&path).iter().any(is_about))
}

/// Looks out for what makes a run that the store does not know.
pub struct Maker {
    run: RunId,
    /// What was read: it is put there whole, and only gets less.
    read: HashSet<PathBuf>,
}

impl Maker {
    /// Of this run.
    pub fn of(run: RunId) -> Self {
        Maker { run, read: HashSet::new() }
    }

    /// Whether it waits now. Each file is read once.
    pub fn waits(&mut self, folder: &Path) -> bool {
        let new: Vec<PathBuf> =
            since(folder, self.run).into_iter().filter(|path| !self.read.contains(path)).collect();
        let mut read = new.into_iter().map(|path| (read_sets(&path), path));
        read.any(|(sets, path)| {
            let is_made = sets.iter().any(|changes| made_by(changes).any(|made| made == self.run));
            if !is_made {
                self.read.insert(path);
            }
            is_made
        })
    }
}

/// What was kept since a run was named.
fn since(folder: &Path, run: RunId) -> Vec<PathBuf> {
    let run = run.to_string();
    let is_since = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        name.get(..TIME_DIGITS) >= run.as_bytes().get(..TIME_DIGITS)
    };
    files(folder).into_iter().filter(is_since).collect()
}

/// Whether something was put aside that waits for a run.
pub fn has_orphans(folder: &Path) -> bool {
    !is_empty(&folder.join(ORPHANS))
}

/// Whether nothing waits.
pub fn is_empty(folder: &Path) -> bool {
    names(folder).next().is_none()
}

/// How many sets wait.
pub fn count(folder: &Path) -> usize {
    names(folder).count()
}

/// The contents of artifacts that wait to be named, which a collection of garbage has to keep.
///
/// # Errors
/// When what waits cannot be read.
pub fn kept_artifacts(folder: &Path) -> Result<Vec<Digest>, DiskError> {
    let mut kept = Vec::new();
    for path in all_files(folder) {
        let aside = || disk::read_optional(&folder.join(ORPHANS).join(path.file_name().unwrap_or_default()));
        // One that was applied meanwhile is asked of the store; perhaps it was put aside.
        let Some(bytes) = disk::read_optional(&path)?.map_or_else(aside, |bytes| Ok(Some(bytes)))? else {
            continue;
        };
        let sets: Vec<Changes> = sets_in(&bytes).into_iter().flatten().collect();
        let artifacts = sets.iter().flat_map(|set| &set.changes).flat_map(Change::artifacts);
        kept.extend(artifacts.map(|artifact| artifact.digest));
    }
    Ok(kept)
}

/// Says once what became of what waited: which numbers versions got, what could not be recorded, and where it is. The numbers
/// of a store that was put aside say nothing of the one that is there.
pub fn tell_outcome(project: &Project, store: Option<&SqliteStore>, printer: Printer) {
    let folder = project.spool_folder();
    for (path, store) in files(&folder.join("numbered")).into_iter().zip(store.into_iter().cycle()) {
        let bytes = disk::read_optional(&path).ok().flatten();
        let numbered = bytes.and_then(|bytes| serde_json::from_slice::<Numbered>(&bytes).ok());
        let found = numbered.map(|made| (store.model_version(&made.model, made.number), made));
        if matches!(&found, Some((Err(fault), _)) if fault.kind() == ErrorKind::Failed) {
            continue;
        }
        if let (Ok(()), Some((Ok(_), Numbered { model, known_as, number }))) = (disk::remove(&path), found) {
            printer.say(format_args!(
                "Note: version {known_as} of model {model}, as a script knew it while the run store was away, is version \
                 {number}."
            ));
        }
    }
    for path in files(&folder.join("refused")) {
        let told = folder.join("told").join(path.file_name().unwrap_or_default());
        let reason = disk::read_optional(&path).ok().flatten();
        let reason = reason.and_then(|bytes| serde_json::from_slice::<Refused>(&bytes).ok());
        if disk::move_path(&path, &told).is_ok() {
            let reason = reason.map_or_else(|| "it cannot be read".to_owned(), |refused| refused.reason);
            let place = told.strip_prefix(&project.root).unwrap_or(&told).display();
            printer.warn(format_args!(
                "something that was logged while the run store was away is not recorded: {reason} ({place} has it)"
            ));
        }
    }
}

/// Removes what processes were writing when they were killed: nobody was told that it is kept.
fn forget_unfinished(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_name().to_str().is_some_and(disk::is_unfinished) {
            continue;
        }
        let changed = entry.metadata().and_then(|metadata| metadata.modified());
        if changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age > WRITING)) {
            let _ = disk::remove(&entry.path());
        }
    }
}

/// The files that wait in a folder, oldest first: their names begin with the time.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = names(folder).map(|name| folder.join(name)).collect();
    files.sort();
    files
}

/// The same, and then those that were put aside: one may come there meanwhile.
pub fn all_files(folder: &Path) -> Vec<PathBuf> {
    [files(folder), files(&folder.join(ORPHANS))].concat()
}

/// Their names, in no order. Many may wait: each that is kept asks for the newest, and each that is written whether there are any.
fn names(folder: &Path) -> impl Iterator<Item = OsString> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).filter(|name| name.as_encoded_bytes().ends_with(b".json"))
}

#[cfg(test)]
mod tests;
