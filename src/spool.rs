//! What was logged while the run store was away: one private file per set of changes, applied by the next command that
//! opens the store. The sets have ids, so that one which is applied twice counts once (docs/design/run-store.md).

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::{Digest, Timestamp};
use disk::DiskError;
use rand::Rng;
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

/// How many bytes of the disk are set aside for what must be known also when the disk is full.
const RESERVE: usize = 256 << 10;

/// Sets room aside on the disk of this spool, unless some is.
pub fn make_reserve(folder: &Path) {
    let path = reserve_path(folder);
    if !path.exists() {
        // Zeros would take no room where the file system packs them.
        let mut noise = vec![0; RESERVE];
        rand::make_rng::<rand::rngs::StdRng>().fill_bytes(&mut noise);
        let _ = disk::replace_volatile(&path, &noise);
    }
}

/// Gives the room back that was set aside; false when there was none.
pub fn use_reserve(folder: &Path) -> bool {
    let path = reserve_path(folder);
    path.exists() && disk::remove(&path).is_ok()
}

fn reserve_path(folder: &Path) -> PathBuf {
    folder.with_file_name("reserve")
}

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

/// Keeps a set under a name that comes after all that waits.
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
        let changes = match disk::read_optional(&path) {
            Ok(Some(bytes)) => serde_json::from_slice::<Changes>(&bytes),
            // Somebody else was faster, or the next command is luckier.
            _ => continue,
        };
        let refused = match changes {
            Err(fault) => Refused { reason: format!("it is no set of changes: {fault}"), changes: None },
            Ok(changes) if is_awaiting(&changes, awaited) => {
                awaited.extend(made_by(&changes));
                waits += 1;
                set_aside(&path, folder, &changes);
                continue;
            }
            Ok(changes) => match store.apply(changes.clone()) {
                Ok(applied) => {
                    note_versions(folder, store, &changes, &applied);
                    let _ = disk::remove(&path);
                    continue;
                }
                Err(fault) if fault.kind() == ErrorKind::Failed => return Err(fault),
                // Ids are never given twice: the run, or the model, was made by this set, which was kept twice.
                Err(StoreError::RunExists(_) | StoreError::Exists { noun: "logged model", .. }) => {
                    let _ = disk::remove(&path);
                    continue;
                }
                Err(StoreError::UnknownRun(run))
                    if Timestamp::now().millis_since(changes.at) < PATIENCE_MILLIS =>
                {
                    awaited.insert(run);
                    awaited.extend(made_by(&changes));
                    waits += 1;
                    set_aside(&path, folder, &changes);
                    continue;
                }
                Err(fault) => Refused { reason: with_causes(&fault), changes: Some(changes) },
            },
        };
        let name = path.file_name().unwrap_or_default();
        let bytes = serde_json::to_vec_pretty(&refused).expect("plain data");
        if disk::create_private(&folder.join("refused").join(name), &bytes).is_ok() {
            let _ = disk::remove(&path);
        }
    }
    Ok(waits)
}

/// Puts a set aside that has waited for its run for a while. What is newer waits behind it as long as it is about that run.
fn set_aside(path: &Path, folder: &Path, changes: &Changes) {
    if Timestamp::now().millis_since(changes.at) > SOON_MILLIS && path.parent() == Some(folder) {
        let name = path.file_name().unwrap_or_default();
        let _ = disk::move_path(path, &folder.join(ORPHANS).join(name));
    }
}

/// The run of this name that something makes which waits, if it is one.
pub fn run_named(folder: &Path, wanted: &str) -> Option<RunId> {
    let mut named: BTreeMap<RunId, Option<String>> = BTreeMap::new();
    for path in files(&folder.join(ORPHANS)).into_iter().chain(files(folder)) {
        let bytes = disk::read_optional(&path).ok().flatten();
        let changes = bytes.and_then(|bytes| serde_json::from_slice::<Changes>(&bytes).ok());
        for change in changes.into_iter().flat_map(|changes| changes.changes) {
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
    has_since(folder, run, is_about)
}

/// Whether a run that the store does not know is made by something that waits.
pub fn makes(folder: &Path, run: RunId) -> bool {
    has_since(folder, run, |changes| made_by(changes).any(|made| made == run))
}

fn has_since(folder: &Path, run: RunId, is_it: impl Fn(&Changes) -> bool) -> bool {
    let run = run.to_string();
    let is_since = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        name.get(..TIME_DIGITS) >= run.as_bytes().get(..TIME_DIGITS)
    };
    let found = |path: PathBuf| {
        let bytes = disk::read_optional(&path).ok().flatten()?;
        serde_json::from_slice::<Changes>(&bytes).ok().filter(|changes| is_it(changes))
    };
    files(folder).into_iter().filter(is_since).any(|path| found(path).is_some())
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
        let changes = serde_json::from_slice::<Changes>(&bytes).map(|changes| changes.changes);
        let artifacts = changes.iter().flatten().flat_map(Change::artifacts);
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
mod tests {
    use track::{Artifact, Metric, NewRun, Param, RunStore, SqliteStore, Tag};

    use super::*;

    fn logged(id: &str, change: Change) -> Changes {
        Changes { id: Some(ChangesId(id.into())), ..Changes::new(Timestamp::now(), vec![change]) }
    }

    #[test]
    fn what_is_kept_at_once_by_several_is_kept_of_each() {
        let folder = tempfile::tempdir().unwrap();
        // Later than any clock: the names that follow are counted on from it.
        let newest = RunId::from_parts(Timestamp(i64::from(u32::MAX) * 1000), 0);
        let changes = logged("a", Change::LogParams { run: newest, params: Vec::new() });
        keep(folder.path(), &newest, &changes).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..20).for_each(|_| keep(folder.path(), &new_run_id(), &changes).unwrap()));
            }
        });
        assert_eq!(files(folder.path()).len(), 161);
    }

    #[test]
    fn the_folder_is_read_for_the_first_set_alone() {
        let folder = tempfile::tempdir().unwrap();
        let name = |number| RunId::from_parts(Timestamp(number), 0);
        let changes = logged("a", Change::LogParams { run: name(1), params: Vec::new() });
        let file = |name: RunId| folder.path().join(format!("{name}.json"));
        disk::create_private(&file(name(5_000)), b"{}").unwrap();
        keep(folder.path(), &name(4_000), &changes).unwrap();
        let first = files(folder.path()).pop().unwrap();
        assert!(first > file(name(5_000)), "behind what waited");
        // Another process, whose clock is ahead.
        disk::create_private(&file(name(90_000)), b"{}").unwrap();
        keep(folder.path(), &name(3_000), &changes).unwrap();
        keep(folder.path(), &name(6_000), &changes).unwrap();
        let files = files(folder.path());
        assert_eq!((&files[1], &files[3..]), (&first, &[file(name(6_000)), file(name(90_000))][..]));
    }

    /// Files that earlier versions left must be read for ever.
    const SPOOL_1: &str = include_str!("../tests/golden/spool-1.json");

    #[test]
    fn a_file_of_version_1() {
        let run = RunId::from_parts(Timestamp(1), 1);
        let point =
            |value, step| Metric { key: "loss".into(), value, step, timestamp: Timestamp(1_764_000_000_000) };
        let changes = Changes {
            id: Some(ChangesId("log-0".into())),
            ..Changes::new(
                Timestamp(1_764_000_000_000),
                vec![Change::LogMetrics { run, metrics: vec![point(0.5, 1), point(f64::NAN, -2)] }],
            )
        };
        assert_eq!(serde_json::to_string(&changes).unwrap(), SPOOL_1.trim_end());
        assert_eq!(serde_json::from_str::<Changes>(SPOOL_1).unwrap(), changes);
    }

    /// What a reproduction logs must not wait behind what was logged to a run that is gone.
    #[test]
    fn what_waits_for_a_run_that_does_not_come_goes_aside() {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool");
        let store = SqliteStore::open_in_memory().unwrap();
        let run = RunId::from_parts(Timestamp(1), 1);
        let tag = |value: &str| {
            let tags = vec![Tag { key: "k".into(), value: value.into() }];
            Change::SetTags { run, tags }
        };
        let digest = Digest::from_hex(base::Algorithm::Blake3, &"0".repeat(64)).unwrap();
        let artifact = Artifact { path: "a".into(), digest, size: 4 };
        let log = Change::LogArtifacts { run, artifacts: vec![artifact] };
        let old = Timestamp(Timestamp::now().0 - 2 * SOON_MILLIS);
        let keep_at = |at, number, change| {
            let name = RunId::from_parts(Timestamp(number), 0);
            let id = Some(ChangesId(format!("log-{number}")));
            keep(&spool, &name, &Changes { id, ..Changes::new(at, vec![change]) }).unwrap();
        };
        keep_at(old, 1, tag("first"));
        keep_at(old, 2, log);
        replay(&spool, &store).unwrap();
        assert!(is_empty(&spool) && has_orphans(&spool));
        assert_eq!(kept_artifacts(&spool).unwrap(), [digest]);
        // What comes about it is no reason to be quicker.
        keep_at(Timestamp::now(), 3, tag("last"));
        replay(&spool, &store).unwrap();
        assert!(!is_empty(&spool));
        let begin = Change::CreateRun(NewRun { name: Some("late".into()), ..NewRun::new(run, old) });
        keep_at(Timestamp::now(), 4, begin);
        assert_eq!(run_named(&spool, "late"), Some(run));
        assert_eq!(run_named(&spool, "early"), None);
        replay(&spool, &store).unwrap();
        assert!(is_empty(&spool) && !has_orphans(&spool));
        let found = store.run(run).unwrap();
        assert_eq!(found.data.tags["k"], "last");
        assert_eq!(store.artifacts(run).unwrap().len(), 1);
    }

    #[test]
    fn what_waits_is_applied_once_and_what_is_refused_goes_aside() {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool");
        let store = SqliteStore::open_in_memory().unwrap();
        let run = RunId::from_parts(Timestamp(1), 1);
        let point = |value| Metric { key: "loss".into(), value, step: 1, timestamp: Timestamp(5) };
        let metrics = Change::LogMetrics { run, metrics: vec![point(0.5), point(f64::NAN)] };
        let name = |number| RunId::from_parts(Timestamp(number), 0);
        let file = |number| spool.join(format!("{}.json", name(number)));
        keep(&spool, &name(1), &logged("a", metrics)).unwrap();
        let param = |value: &str| Change::LogParams {
            run,
            params: vec![Param { key: "p".into(), value: value.into() }],
        };
        keep(&spool, &name(2), &logged("b", param("1"))).unwrap();
        keep(&spool, &name(3), &logged("c", param("2"))).unwrap();
        // The run is not there yet.
        replay(&spool, &store).unwrap();
        assert_eq!(files(&spool).len(), 3);
        store
            .apply(Changes::new(Timestamp(1), vec![Change::CreateRun(NewRun::new(run, Timestamp(1)))]))
            .unwrap();
        let bytes = disk::read(&file(1)).unwrap();
        replay(&spool, &store).unwrap();
        assert_eq!(files(&spool), Vec::<PathBuf>::new());
        assert_eq!(files(&spool.join("refused")), [spool.join("refused").join(file(3).file_name().unwrap())]);
        assert_eq!(store.run(run).unwrap().data.params["p"], "1");
        // Killed before the file was removed: it counts once.
        disk::create_private(&file(1), &bytes).unwrap();
        replay(&spool, &store).unwrap();
        assert_eq!(store.metric_history(run, "loss").unwrap().len(), 2);
        assert_eq!(files(&spool), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_clock_that_goes_back_does_not_change_the_order() {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool");
        let store = SqliteStore::open_in_memory().unwrap();
        let run = RunId::from_parts(Timestamp(1), 1);
        let new = Change::CreateRun(NewRun::new(run, Timestamp(9_000)));
        store.apply(Changes::new(Timestamp(9_000), vec![new])).unwrap();
        for (at, value) in [(9_000, "first"), (8_000, "second"), (20, "third")] {
            let tags = vec![Tag { key: "which".into(), value: value.into() }];
            let changes = logged(value, Change::SetTags { run, tags });
            keep(&spool, &RunId::from_parts(Timestamp(at), 7), &changes).unwrap();
        }
        assert_eq!(files(&spool).len(), 3);
        // One that is written now, and one whose writer is long gone.
        for (name, age) in [(".pipe-a1b2c3.tmp", 0), (".pipe-d4e5f6.tmp", 7200)] {
            disk::create_private(&spool.join(name), b"{").unwrap();
            let old = std::time::SystemTime::now() - Duration::from_secs(age);
            std::fs::File::open(spool.join(name)).unwrap().set_modified(old).unwrap();
        }
        replay(&spool, &store).unwrap();
        let left: Vec<_> =
            std::fs::read_dir(&spool).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [".pipe-a1b2c3.tmp"]);
        assert_eq!(store.run(run).unwrap().data.tags["which"], "third");
        assert!(is_empty(&spool));
    }

    #[test]
    fn what_waits_for_a_run_that_was_kept_after_it_is_applied_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_in_memory().unwrap();
        let [parent, child, inner] = [1, 2, 3].map(|number| RunId::from_parts(Timestamp(number), 1));
        let begin = |run, parent| Change::CreateRun(NewRun { parent, ..NewRun::new(run, Timestamp(1)) });
        let tag = |run, key: &str, value: &str| Change::SetTags {
            run,
            tags: vec![Tag { key: key.into(), value: value.into() }],
        };
        let sets = [
            vec![tag(child, "k", "v")],
            vec![begin(child, Some(parent))],
            // It says by a tag where it comes from.
            vec![begin(inner, None), tag(inner, track::PARENT_TAG, &child.to_string())],
            vec![begin(parent, None)],
        ];
        replay_in_order(folder.path(), sets, &store);
        let found = store.run(child).unwrap();
        assert_eq!((found.info.parent, &*found.data.tags["k"]), (Some(parent), "v"));
        assert_eq!(store.run(inner).unwrap().info.parent, Some(child));
    }

    /// Has the sets wait one after the other, and applies them all.
    fn replay_in_order(folder: &Path, sets: impl IntoIterator<Item = Vec<Change>>, store: &SqliteStore) {
        for (at, changes) in (1..).zip(sets) {
            let id = Some(ChangesId(format!("log-{at}")));
            let changes = Changes { id, ..Changes::new(Timestamp::now(), changes) };
            keep(folder, &RunId::from_parts(Timestamp(at), 0), &changes).unwrap();
        }
        replay(folder, store).unwrap();
        assert!(is_empty(folder));
    }

    /// A tag is the one that was set last.
    #[test]
    fn what_comes_after_something_that_waits_for_the_same_run_is_applied_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_in_memory().unwrap();
        let run = RunId::from_parts(Timestamp(1), 1);
        let tag =
            |value: &str| Change::SetTags { run, tags: vec![Tag { key: "k".into(), value: value.into() }] };
        let begin = Change::CreateRun(NewRun::new(run, Timestamp(1)));
        let sets = [vec![tag("first")], vec![begin, tag("begun")], vec![tag("last")]];
        replay_in_order(folder.path(), sets, &store);
        assert_eq!(&*store.run(run).unwrap().data.tags["k"], "last");
    }

    #[test]
    fn artifacts_that_wait_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunId::from_parts(Timestamp(1), 1);
        let digest = Digest::Blake3([7; 32]);
        let artifacts = vec![Artifact { path: "a".into(), digest, size: 1 }];
        let changes = logged("a", Change::LogArtifacts { run, artifacts });
        keep(folder.path(), &run, &changes).unwrap();
        disk::create_private(&folder.path().join("z.json"), b"no changes").unwrap();
        assert_eq!(kept_artifacts(folder.path()).unwrap(), [digest]);
    }
}
