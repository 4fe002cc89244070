//! What processes at work on one project leave to each other: each claims what it reads and writes, and nobody
//! begins what is in the way of somebody else's claim.
//!
//! A claim is the job's folder with its note (`aside.rs`), so that what a killed process had claimed and what it had
//! set aside are found in one place. Stages of one process are not asked: its schedule keeps them apart.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::ProjectPath;
use disk::{Appender, DiskError, Holder, LockFile, Moment};
use pipeline::{Out, Stage};

use crate::aside::{self, Note};
use crate::aside_files::FilesOf;
use crate::cut_off::{self, Found, MadeSince, Recall, Recovered, recover_one};
use crate::event::{Event, Observer};
use crate::neighbour::{Listed, Neighbour};

/// What somebody is about to do.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// What it is called: `stage train`.
    pub(crate) what: String,
    /// What it reads.
    pub(crate) reads: Vec<ProjectPath>,
    /// What it writes; whether it stays in place meanwhile.
    pub(crate) writes: Vec<(ProjectPath, bool)>,
    /// Patterns of files that it writes.
    pub(crate) patterns: Vec<FilesOf>,
    /// What it reads outside the project, by absolute paths.
    pub(crate) reads_outside: Vec<PathBuf>,
    /// What it writes there; whether it stays in place meanwhile.
    pub(crate) outside: Vec<(PathBuf, bool)>,
    /// Names of which one at a time may hold each.
    pub(crate) pools: Vec<String>,
}

impl Wish {
    /// Taking `outs` away, which nobody makes any more.
    pub fn to_remove(what: &str, outs: impl IntoIterator<Item = ProjectPath>) -> Self {
        let mut wish = Wish::named(what);
        wish.writes.extend(outs.into_iter().map(|out| (out, false)));
        wish
    }

    /// What bringing `stage` up to date reads and writes.
    pub fn of_stage(stage: &Stage) -> Self {
        let patterns = stage.special.iter().filter_map(|special| special.glob.as_ref());
        let params = stage.params.iter().filter_map(|param| param.file.inside().cloned());
        let reads = stage.deps.iter().cloned().chain(params);
        let what = format!("stage {}", stage.address);
        let mut wish = Wish::named(&what).writing(&stage.outs);
        wish.reads.extend(reads.chain(patterns.map(|glob| glob.base().clone())));
        // Also where it writes nothing, one at a time brings it up to date.
        wish.pools.extend(stage.pools.iter().cloned().chain([what]));
        wish
    }

    /// Nothing yet, called `what`.
    pub fn named(what: &str) -> Self {
        Wish { what: what.to_owned(), ..Wish::default() }
    }

    /// It reads `paths` too.
    #[must_use]
    pub fn reading<'p>(mut self, paths: impl IntoIterator<Item = &'p ProjectPath>) -> Self {
        self.reads.extend(paths.into_iter().cloned());
        self
    }

    /// It writes `outs` too.
    #[must_use]
    pub fn writing<'o>(mut self, outs: impl IntoIterator<Item = &'o Out>) -> Self {
        for out in outs {
            match FilesOf::out(out) {
                Some(files) => self.patterns.push(files),
                None => self.writes.push((out.path.clone(), out.persist)),
            }
        }
        self
    }

    /// It reads and writes this outside the project too, by absolute paths.
    #[must_use]
    pub(crate) fn outside(mut self, reads: Vec<PathBuf>, writes: Vec<(PathBuf, bool)>) -> Self {
        self.reads_outside = reads;
        self.outside = writes;
        self
    }

    /// It writes `path` in place too.
    #[must_use]
    pub fn writing_path(mut self, path: &ProjectPath) -> Self {
        self.writes.push((path.clone(), true));
        self
    }

    /// The paths that it writes.
    pub(crate) fn written_paths(&self) -> Vec<ProjectPath> {
        written(&self.writes, &self.patterns)
    }

    fn is_hindered_by(&self, note: &Note) -> bool {
        let overlap = |a: &ProjectPath, b: &ProjectPath| a.contains(b) || b.contains(a);
        let theirs = written(&note.outs, &note.patterns);
        let ours = written(&self.writes, &self.patterns);
        let is_written = |path: &ProjectPath| theirs.iter().any(|out| overlap(out, path));
        let meet = |a: &Path, b: &Path| a.starts_with(b) || b.starts_with(a);
        let is_written_outside = |path: &PathBuf| note.outside.iter().any(|(out, _)| meet(out, path));
        let is_read_outside = |path: &PathBuf| note.reads_outside.iter().any(|dep| meet(dep, path));
        let mut outs_outside = self.outside.iter().map(|(path, _)| path);
        let is_read = |path: &ProjectPath| note.reads.iter().any(|dep| overlap(dep, path));
        self.reads.iter().any(is_written)
            || ours.iter().any(|path| is_written(path) || is_read(path))
            || self.reads_outside.iter().any(is_written_outside)
            || outs_outside.any(|path| is_written_outside(path) || is_read_outside(path))
            || self.pools.iter().any(|pool| note.pools.contains(pool))
    }
}

/// The paths that are written; of a pattern, the folder in which its files lie.
fn written(paths: &[(ProjectPath, bool)], patterns: &[FilesOf]) -> Vec<ProjectPath> {
    let paths = paths.iter().map(|(path, _)| path.clone());
    paths.chain(patterns.iter().map(FilesOf::base)).collect()
}

/// What this process has claimed; dropping it lets go.
#[derive(Debug)]
pub struct Claim {
    pub(crate) folder: PathBuf,
    pub(crate) note: Note,
    /// The note's file; `None` once it was let go of, or is left to the next process.
    file: Option<Appender>,
    folders: Arc<Folders>,
    /// Whether outs were put in order for it, which a dead process had left.
    pub(crate) has_recovered: bool,
    /// What stands in the neighbour's list for as long.
    _listed: Option<Listed>,
}

/// The folders of this process's jobs that are free, with their empty notes. A folder is used again by the next job:
/// file systems are slow with files that come and go.
#[derive(Debug, Default)]
struct Folders(Mutex<Free>);

#[derive(Debug, Default)]
struct Free {
    folders: Vec<(PathBuf, Appender)>,
    /// Whether there will be no more jobs.
    is_over: bool,
}

impl Folders {
    fn lock(&self) -> MutexGuard<'_, Free> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// Appends the note to its file, where the last whole line counts.
    pub(crate) fn write_note(&mut self) -> Result<(), DiskError> {
        let text = serde_json::to_string(&self.note).expect("a note is plain data");
        self.file.as_mut().map_or(Ok(()), |file| file.line(&text).and_then(|()| file.tell()))
    }

    /// Lets go, and removes what lies in the folder. The note goes first: without it, nothing is put back.
    pub(crate) fn end(mut self) -> Result<(), DiskError> {
        self.let_go()
    }

    /// Leaves everything as it is to the next process.
    pub(crate) fn leave(&mut self) {
        self.file = None;
    }

    fn let_go(&mut self) -> Result<(), DiskError> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        file.clear()?;
        let mut is_empty = true;
        if self.note.has_outs() {
            for entry in aside::folders(&self.folder)? {
                if entry.file_name().is_some_and(|name| name != aside::NOTE) {
                    is_empty &= disk::remove_what_is_closed(&entry)?;
                }
            }
        }
        let mut free = self.folders.lock();
        // What a reader still has open is left to a process that comes later, since no other job can have its place.
        if free.is_over || !is_empty {
            drop(file);
            return disk::remove_what_is_closed(&self.folder).map(drop);
        }
        free.folders.push((std::mem::take(&mut self.folder), file));
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn in_folder(folder: PathBuf, note: Note) -> Result<Self, DiskError> {
        let file = Some(Appender::create(&folder.join(aside::NOTE))?);
        let mut claim =
            Claim { folder, note, file, folders: Arc::default(), has_recovered: false, _listed: None };
        claim.write_note()?;
        Ok(claim)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // What cannot be removed is found by the next process, which sees that nothing was set aside.
        let _ = self.let_go();
    }
}

/// What keeps a claim from being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InTheWay {
    /// Somebody is at work; says who, and on what.
    Busy(String),
    /// A stage was cut off, and one of its outs was made since.
    MadeSince {
        /// The stage's name.
        stage: String,
        /// The out, relative to the project root where it lies in it.
        out: PathBuf,
    },
}

/// The claims on a project, of this process and of others.
pub struct Claims<'a> {
    root: &'a Path,
    recall: &'a dyn Recall,
    made_since: MadeSince,
    jobs: PathBuf,
    lock: &'a LockFile,
    command: &'a str,
    prefix: String,
    serial: AtomicU64,
    folders: Arc<Folders>,
    neighbour: Option<Neighbour>,
}

impl<'a> Claims<'a> {
    /// Claims on the project at `root`, whose `lock` this process holds, for `command`; noted in the folder `jobs`.
    /// `recall` is asked when a stage was cut off, and `made_since` says what becomes of outs in the way that were made since.
    ///
    /// They keep clear of the `neighbour`, where there is one.
    pub fn new(
        root: &'a Path,
        jobs: &Path,
        lock: &'a LockFile,
        command: &'a str,
        (recall, made_since): (&'a dyn Recall, MadeSince),
        neighbour: Option<Neighbour>,
    ) -> Self {
        let prefix = prefix();
        let (jobs, serial, folders) = (jobs.to_owned(), AtomicU64::new(0), Arc::default());
        Claims { root, recall, made_since, jobs, lock, command, prefix, serial, folders, neighbour }
    }

    /// Whether no other process is at work on the project.
    pub fn is_alone(&self) -> bool {
        self.lock.is_alone()
    }

    /// Waits until the neighbour, where there is one, has written down what became of the stage that it has just ended.
    ///
    /// # Errors
    /// When its lock file cannot be made or locked.
    pub(crate) fn await_records(&self) -> Result<(), DiskError> {
        self.neighbour.as_ref().map_or(Ok(()), |neighbour| neighbour.records().map(drop))
    }

    fn moment(&self) -> Result<Moment, DiskError> {
        Moment::take(&self.jobs.with_extension("lock"))
    }

    /// What another machine has noted since is in folders that this one may believe to know.
    fn look_anew(&self) {
        disk::look_anew(self.jobs.parent().and_then(Path::parent).unwrap_or(self.root), &self.jobs);
    }

    /// Claims what `wish` names; `Err` tells what is in the way. What a dead process left in the way is recovered.
    ///
    /// # Errors
    /// When notes cannot be read or written, or something cannot be moved back.
    pub fn claim(&self, wish: Wish, observer: &dyn Observer) -> Result<Result<Claim, InTheWay>, DiskError> {
        let _moment = self.moment()?;
        self.look_anew();
        let mut has_recovered = false;
        for folder in aside::folders(&self.jobs)? {
            if folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&self.prefix)) {
                continue;
            }
            let note = aside::read_note(&folder)?;
            let Some(note) = note.filter(|note| wish.is_hindered_by(note)) else { continue };
            if self.lock.is_alive(&note.holder) {
                let by = format!("`{}` ({}) is at work on {}", note.command, note.holder, note.stage);
                return Ok(Err(InTheWay::Busy(by)));
            }
            match recover_one(self.root, folder, note, self.recall, self.made_since)? {
                Found::Nothing => {}
                Found::Recovered(recovered) => {
                    has_recovered = true;
                    tell(&recovered, observer);
                }
                Found::MadeSince { stage, out } => {
                    let out = out.strip_prefix(self.root).unwrap_or(&out).to_owned();
                    let stage = cut_off::name_of(&stage).to_owned();
                    return Ok(Err(InTheWay::MadeSince { stage, out }));
                }
            }
        }
        let listed = match &self.neighbour {
            Some(neighbour) => {
                // Between two stages it has none on its list, writes down what became of the one and begins the other, and
                // fails if somebody is in its way then. It keeps others from its records until the other's command runs.
                let _records = neighbour.records()?;
                match neighbour.list(&wish, self.command)? {
                    Ok(listed) => Some(listed),
                    Err(by) => return Ok(Err(InTheWay::Busy(by))),
                }
            }
            None => None,
        };
        let free = self.folders.lock().folders.pop();
        let (folder, file) = match free {
            Some(free) => free,
            None => {
                let serial = self.serial.fetch_add(1, Ordering::Relaxed);
                let folder = self.jobs.join(format!("{}{serial}", self.prefix));
                let file = Appender::create(&folder.join(aside::NOTE))?;
                (folder, file)
            }
        };
        let note = Note::new(self.command, wish);
        let folders = self.folders.clone();
        let mut claim = Claim { folder, note, file: Some(file), folders, has_recovered, _listed: listed };
        claim.write_note()?;
        Ok(Ok(claim))
    }

    /// Puts back what dead processes had set aside, and tells what it did. Where outs were made since, nothing is done before
    /// somebody claims them.
    ///
    /// # Errors
    /// When something cannot be moved.
    pub fn recover(&self, observer: &dyn Observer) -> Result<(), DiskError> {
        let _moment = self.moment()?;
        self.look_anew();
        for (folder, note) in aside::notes(&self.jobs)? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with(&self.prefix) {
                continue;
            }
            match note {
                Some(note) if self.lock.is_alive(&note.holder) => {}
                Some(note) => {
                    let found = recover_one(self.root, folder, note, self.recall, MadeSince::Refuse)?;
                    if let Found::Recovered(recovered) = found {
                        tell(&recovered, observer);
                    }
                }
                // No note: its process is dropping the folder, or died in doing so.
                None if self.lock.is_of_the_living(&name) => {}
                None => disk::remove_what_is_closed(&folder).map(drop)?,
            }
        }
        Ok(())
    }
}

impl Drop for Claims<'_> {
    fn drop(&mut self) {
        let mut free = self.folders.lock();
        // What is at work still removes its own.
        free.is_over = true;
        for (folder, file) in free.folders.drain(..) {
            drop(file);
            // An empty note is in nobody's way.
            let _ = disk::remove(&folder);
        }
    }
}

/// How the job folders of this process begin.
pub(crate) fn prefix() -> String {
    format!("{}-", Holder::current().file_name())
}

fn tell(recovered: &Recovered, observer: &dyn Observer) {
    let Recovered { stage, partial, stays } = recovered;
    let (outs, kept) = match stays {
        false => ("its last good outs are back in place", "its partial outs are"),
        true => ("what was made of its outs since stays", "what else there was of them is"),
    };
    let partial =
        partial.as_ref().map(|folder| format!("; {kept} in {}", base::shown(folder))).unwrap_or_default();
    let text = format!("{stage} was cut off by the end of its pipe process; {outs}{partial}");
    observer.event(Event::Warning(text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cut_off::tests::Unrecorded;

    fn path(text: &str) -> ProjectPath {
        ProjectPath::from_record(text).unwrap()
    }

    fn wish(reads: &[&str], writes: &[&str], pools: &[&str]) -> Wish {
        Wish {
            what: "stage a".to_owned(),
            reads: reads.iter().map(|text| path(text)).collect(),
            writes: writes.iter().map(|text| (path(text), false)).collect(),
            pools: pools.iter().map(ToString::to_string).collect(),
            ..Wish::default()
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    #[expect(clippy::disallowed_methods, reason = "tests play what others do")]
    fn outs_come_back_when_the_note_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::write(root.join("model"), "good").unwrap();
        let note = Note::new("pipe repro", wish(&[], &["model"], &[]));
        let mut claim = Claim::in_folder(root.join("jobs/1"), note).unwrap();
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        claim.file = Some(Appender::of(full, "/dev/full".as_ref()));
        assert!(aside::Aside::set(root, claim, None).is_err());
        assert_eq!(std::fs::read_to_string(root.join("model")).unwrap(), "good");
    }

    #[test]
    fn so_it_is_outside_the_project() {
        let outside = |reads: &[&str], writes: &[&str]| {
            let writes = writes.iter().map(|text| (text.into(), false)).collect();
            Wish::named("stage a").outside(reads.iter().map(Into::into).collect(), writes)
        };
        let held = Note::new("pipe repro", outside(&["/r"], &["/w/x"]));
        for (reads, writes, is_hindered) in [
            (&["/r/a", "/w/xy"][..], &["/other"][..], false),
            (&["/w"], &[], true),
            (&["/w/x/y"], &[], true),
            (&[], &["/w/x"], true),
            (&[], &["/r/a"], true),
        ] {
            assert_eq!(outside(reads, writes).is_hindered_by(&held), is_hindered, "{reads:?} {writes:?}");
        }
        assert!(!wish(&["w"], &["r"], &[]).is_hindered_by(&held));
    }

    #[test]
    fn writers_exclude_readers_and_writers_below_and_above() {
        let held = Note::new("pipe repro", wish(&["data/raw"], &["out/models"], &["gpu"]));
        for (reads, writes, pools, is_hindered) in [
            (&["data/raw"][..], &["other"][..], &["cpu"][..], false),
            (&["out/models"], &[], &[], true),
            (&["out/models/best.bin"], &[], &[], true),
            (&["out"], &[], &[], true),
            (&["out/models2"], &[], &[], false),
            (&[], &["out/models/best.bin"], &[], true),
            (&[], &["data"], &[], true),
            (&[], &["data/raw/x"], &[], true),
            (&[], &["data/clean"], &[], false),
            (&[], &[], &["gpu"], true),
        ] {
            let wish = wish(reads, writes, pools);
            assert_eq!(wish.is_hindered_by(&held), is_hindered, "{wish:?}");
        }
    }

    struct Deaf;

    impl Observer for Deaf {
        fn event(&self, _: Event<'_>) {}
    }

    /// Between two stages the neighbour has none on its list and fails if somebody is there: it holds its records meanwhile.
    #[test]
    fn nothing_is_claimed_while_the_neighbour_writes_its_records() {
        let folder = tempfile::tempdir().unwrap();
        let (root, jobs) = (folder.path(), folder.path().join("jobs"));
        let theirs = folder.path().join("theirs");
        let lock = LockFile::acquire(
            &root.join("lock"),
            "pipe repro",
            disk::Sharing::Shared,
            std::time::Duration::ZERO,
            &|| true,
            &mut |_| (),
        );
        let lock = lock.unwrap();
        let neighbour = Neighbour::new(root, &theirs);
        let records = neighbour.records().unwrap();
        std::thread::scope(|scope| {
            let claimed = scope.spawn(|| {
                let recovery = (&Unrecorded as &dyn Recall, MadeSince::Refuse);
                let claims = Claims::new(root, &jobs, &lock, "pipe repro", recovery, Some(neighbour.clone()));
                claims.claim(wish(&[], &["out"], &[]), &Deaf).unwrap().map(drop)
            });
            while !jobs.with_extension("lock").exists() {
                std::thread::yield_now();
            }
            // The first process lives as long as the system does.
            let list = r#"{"read": {"PATH": [{"pid": 1, "cmd": "dvc repro"}]}, "write": {}}"#;
            let list = list.replace("PATH", &root.join("out").to_string_lossy());
            disk::replace(&theirs.join("rwlock"), list.as_bytes()).unwrap();
            drop(records);
            let InTheWay::Busy(by) = claimed.join().unwrap().unwrap_err() else {
                panic!("nothing was cut off")
            };
            assert!(by.contains("`dvc repro` (pid 1)"), "{by}");
        });
    }
}
