//! Bringing a path to a recorded state file by file: first everything is looked at, then it is done.
//!
//! [`Workspace::restore`] does the same for a caller who has saved what it replaces. Here the user is told before
//! anything is touched what would be lost, and afterwards what was changed; a file that the cache lacks does not
//! keep the others from coming back.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use base::{Digest, FileState, ProjectPath};
use rayon::prelude::*;

use crate::gather::Choice;
use crate::links::Placement;
use crate::listing::check_size;
use crate::scan::record_name;
use crate::set::chosen_files;
use crate::tree::{Tree, TreeEntry};
use crate::workspace::Workspace;
use crate::{Blobs, CacheError};

mod aside;

/// What happens to a path, as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// There was nothing.
    Added,
    /// Something else was there.
    Modified,
    /// It is not part of what is recorded.
    Deleted,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Remove what stands there.
    Remove,
    /// Make a folder.
    Folder,
    /// Place a file, over whatever stands there. What is recorded as its size is nothing but a hint.
    File { digest: Digest, size: u64, executable: bool },
    /// Only the executable bit is wrong.
    Mode { executable: bool },
}

/// What has to be done to bring paths to their recorded states.
#[derive(Debug, Default)]
pub struct Checkout {
    /// In an order where a folder is there before what lies in it. The change is `None` where it is told by the
    /// folder above.
    steps: Vec<(ProjectPath, Step, Option<Change>)>,
    /// What would be replaced or removed, and that the cache does not hold. To be saved first.
    pub unsaved: Vec<ProjectPath>,
    /// What would be replaced or removed, and that the cache holds. Whether anything names it there, so that it is found
    /// again, the cache does not know.
    pub held: Vec<(ProjectPath, FileState)>,
    /// What is recorded and cannot be brought back, with the reason.
    pub failed: Vec<(ProjectPath, CacheError)>,
    /// Folders that give way to a file: nothing takes the place of what is in them.
    gives_way: Vec<ProjectPath>,
    /// How many files are right already and are placed anew.
    pub relinked: usize,
}

/// How far a plan goes.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    steps: usize,
    unsaved: usize,
    held: usize,
}

impl Checkout {
    /// Whether what stands at a path goes, alone or with a folder that it lies in, and nothing takes its place, or not that
    /// of a folder's files.
    pub fn is_removed(&self, path: &ProjectPath) -> bool {
        let goes = |(known, _, change): &(ProjectPath, Step, Option<Change>)| {
            known.contains(path) && *change == Some(Change::Deleted)
        };
        self.steps.iter().any(goes) || self.gives_way.iter().any(|folder| folder.contains(path))
    }

    /// How far the plan goes now.
    pub fn mark(&self) -> Mark {
        Mark { steps: self.steps.len(), unsaved: self.unsaved.len(), held: self.held.len() }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether there is more to do than at `mark`.
    pub fn has_more(&self, mark: Mark) -> bool {
        self.steps.len() > mark.steps
    }

    /// Forgets what was planned since `mark`, all of it for `path`, which is left as it is and told.
    pub fn give_up(&mut self, mark: Mark, path: &ProjectPath, fault: CacheError) {
        self.steps.truncate(mark.steps);
        self.unsaved.truncate(mark.unsaved);
        self.held.truncate(mark.held);
        self.failed.retain(|(failed, _)| !path.contains(failed));
        self.failed.push((path.clone(), fault));
    }

    /// What is going to be changed, ascending by path; whether each is a folder. Of a new folder of which not all comes, the
    /// files that do.
    pub fn changes(&self) -> Vec<(ProjectPath, Change, bool)> {
        let failed: HashSet<&ProjectPath> = self.failed.iter().map(|(path, _)| path).collect();
        let partial = self.above_failed();
        let mut told = Vec::new();
        let mut inside = None;
        for (path, step, change) in &self.steps {
            let is_folder = *step == Step::Folder;
            // What is in a new folder comes right after it.
            inside = inside.filter(|folder: &&ProjectPath| folder.contains(path));
            match change {
                _ if failed.contains(path) => {}
                Some(Change::Added) if is_folder && partial.contains(path) => inside = Some(path),
                Some(change) => told.push((path.clone(), *change, is_folder)),
                None if inside.is_some() && !is_folder => told.push((path.clone(), Change::Added, false)),
                None => {}
            }
        }
        told.sort();
        told
    }

    /// The folders in which something could not be brought back.
    fn above_failed(&self) -> HashSet<ProjectPath> {
        let mut above = HashSet::new();
        for (path, _) in &self.failed {
            let mut next = path.parent();
            while let Some(folder) = next.filter(|folder| above.insert(folder.clone())) {
                next = folder.parent();
            }
        }
        above
    }
}

impl Blobs {
    /// What a recorded folder holds at the path `below` it; `None` when it holds nothing there.
    ///
    /// # Errors
    /// When a manifest on the way is missing or damaged.
    pub fn entry_below(
        &self,
        folder: &FileState,
        below: &ProjectPath,
    ) -> Result<Option<FileState>, CacheError> {
        let mut state = *folder;
        for name in below.parts() {
            if !state.is_folder() {
                return Ok(None);
            }
            let tree = self.tree(&state.digest)?;
            let Ok(at) = tree.entries().binary_search_by(|(known, _)| known.as_str().cmp(name)) else {
                return Ok(None);
            };
            state = tree.entries()[at].1.state();
        }
        Ok(Some(state))
    }
}

impl TreeEntry {
    /// What the entry says of its file or folder.
    pub fn state(&self) -> FileState {
        match *self {
            TreeEntry::File { digest, size, executable } => {
                FileState { digest, size, files: None, executable }
            }
            TreeEntry::Folder { digest, size, files } => {
                FileState { digest, size, files: Some(files), executable: false }
            }
        }
    }
}

impl Workspace {
    /// Adds to `plan` what brings `path` to `state`. What is right already is left alone, or with `relink` placed
    /// anew from the cache. Nothing is touched.
    ///
    /// # Errors
    /// When something that stands there cannot be read.
    pub fn plan_checkout(
        &self,
        path: &ProjectPath,
        state: &FileState,
        relink: bool,
        plan: &mut Checkout,
    ) -> Result<(), CacheError> {
        let is_right = self.observe(path)?.is_some_and(|now| is_same(&now, state));
        if is_right && !relink {
            return Ok(());
        }
        if let Err(fault) = self.make_way(path) {
            if !is_right {
                plan.failed.push((path.clone(), fault));
            }
            return Ok(());
        }
        Planner { workspace: self, relink, plan }.path(path, state, true, false)
    }

    /// The same for a chosen set of files, which faults call `name`. What is not chosen is left alone.
    ///
    /// # Errors
    /// As [`Workspace::plan_checkout`].
    pub fn plan_checkout_set(
        &self,
        name: &ProjectPath,
        choice: &Choice<'_>,
        state: &FileState,
        relink: bool,
        plan: &mut Checkout,
    ) -> Result<(), CacheError> {
        let files = match self.blobs.files_of_set(choice, state) {
            Ok(files) => files,
            Err(CacheError::Disk(fault)) => return Err(fault.into()),
            // Without the manifest the files may be right all the same.
            Err(_) if !relink && self.observe_set(choice)?.is_some_and(|now| is_same(&now, state)) => {
                return Ok(());
            }
            Err(fault) => {
                plan.failed.push((name.clone(), fault));
                return Ok(());
            }
        };
        let mut planner = Planner { workspace: self, relink, plan };
        for path in chosen_files(&self.os_path(&ProjectPath::root()), choice)? {
            if files.binary_search_by(|(known, _)| known.cmp(&path)).is_err() {
                let now = self.observe(&path)?;
                planner.check_saved(&path, now)?;
                planner.plan.steps.push((path, Step::Remove, Some(Change::Deleted)));
            }
        }
        for (path, state) in &files {
            match self.check_set_place(path) {
                Ok(()) => planner.file(path, state, true)?,
                Err(fault) => planner.plan.failed.push((path.clone(), fault)),
            }
        }
        Ok(())
    }

    /// Leaves what stands at `paths` as it is where the cache holds damaged, or unreadable, what is to take its place. A plan that was
    /// made before tells so when it is carried out; then what it saves first is saved for nothing, and anew each time.
    ///
    /// # Errors
    /// When somebody writes to a blob meanwhile.
    pub fn leave_damaged(&self, plan: &mut Checkout, paths: &[ProjectPath]) -> Result<(), CacheError> {
        let mut damaged = Vec::new();
        for (path, step, _) in &plan.steps {
            if let Step::File { digest, .. } = step
                && paths.iter().any(|stands| path.contains(stands))
            {
                let fault = match self.blobs.is_sound(digest) {
                    Ok(Some(false)) => CacheError::Damaged { digest: *digest, path: self.blobs.path(digest) },
                    Ok(_) => continue,
                    Err(fault @ CacheError::Unreadable { .. }) => fault,
                    Err(fault) => return Err(fault),
                };
                damaged.push((path.clone(), fault));
            }
        }
        for (path, fault) in damaged {
            plan.steps.retain(|(known, ..)| *known != path);
            plan.unsaved.retain(|known| !path.contains(known));
            plan.held.retain(|(known, _)| !path.contains(known));
            plan.failed.push((path, fault));
        }
        Ok(())
    }

    /// Does what was planned. What the cache turns out to hold damaged or unreadable is added to [`Checkout::failed`], and the
    /// rest is done. Folders that are new are made in the folder `aside` where that is on their disk.
    ///
    /// # Errors
    /// When the disk refuses. What was done until then stands; the next attempt goes on.
    pub fn carry_out(&self, plan: &mut Checkout, aside: &Path) -> Result<(), CacheError> {
        for (path, ..) in plan.steps.iter().filter(|(_, step, _)| *step == Step::Remove) {
            self.remove(path)?;
        }
        let made = self.make_aside(plan, aside)?;
        for (path, ..) in plan.steps.iter().filter(|(_, step, _)| *step == Step::Folder) {
            self.make_way(path)?;
            disk::make_folder(&self.os_path(path))?;
        }
        // What leads out of the project is refused, each folder being asked once.
        let files = plan.steps.iter().enumerate().filter(|(at, _)| !made.contains(*at));
        let files = files.map(|(_, step)| step).filter(|(_, step, _)| matches!(step, Step::File { .. }));
        let parents: HashSet<ProjectPath> = files.filter_map(|(path, ..)| path.parent()).collect();
        parents.par_iter().try_for_each(|parent| self.make_way(&parent.join("file")))?;
        let results: Vec<_> = plan
            .steps
            .par_iter()
            .enumerate()
            .filter(|(at, _)| !made.contains(*at))
            .filter_map(|(_, (path, step, _))| Some((path.clone(), self.do_file(path, step).err()?)))
            .collect();
        plan.failed.extend(told(results)?);
        plan.failed.sort_by(|(a, _), (b, _)| a.cmp(b));
        // Where nothing came into a new folder, none is left. What is in a folder was planned after it.
        let partial = plan.above_failed();
        let is_new = |path: &ProjectPath, step: &Step| *step == Step::Folder && partial.contains(path);
        for (path, ..) in plan.steps.iter().rev().filter(|(path, step, _)| is_new(path, step)) {
            // One that holds something stays.
            let _ = fs::remove_dir(self.os_path(path));
        }
        Ok(())
    }

    fn do_file(&self, path: &ProjectPath, step: &Step) -> Result<(), CacheError> {
        let os_path = self.os_path(path);
        match step {
            Step::Remove | Step::Folder => Ok(()),
            Step::Mode { executable } => {
                Ok(disk::set_mode(&os_path, disk::Mode::New { executable: *executable }.bits())?)
            }
            Step::File { digest, executable, .. } => {
                let place = || self.place(path, digest, *executable, Placement::Linked);
                match place() {
                    // Only a folder keeps a file from being placed over it.
                    Err(CacheError::Disk(_)) if os_path.is_dir() && !os_path.is_symlink() => {
                        self.check_gives_way(path)?;
                        self.remove(path)?;
                        place()
                    }
                    placed => placed,
                }
            }
        }
    }
}

/// The faults that are told while the rest is done.
fn told(faults: Vec<(ProjectPath, CacheError)>) -> Result<Vec<(ProjectPath, CacheError)>, CacheError> {
    let mut told = Vec::new();
    for (path, fault) in faults {
        match fault {
            CacheError::Missing { .. }
            | CacheError::Damaged { .. }
            | CacheError::Unreadable { .. }
            | CacheError::InTheWay { .. } => told.push((path, fault)),
            fault => return Err(fault),
        }
    }
    Ok(told)
}

/// Whether two states are one content. Sizes are what somebody wrote down, and decide nothing.
fn is_same(now: &FileState, recorded: &FileState) -> bool {
    now.digest == recorded.digest
        && now.is_folder() == recorded.is_folder()
        && now.executable == recorded.executable
}

struct Planner<'a> {
    workspace: &'a Workspace,
    relink: bool,
    plan: &'a mut Checkout,
}

impl Planner<'_> {
    /// `told` says whether changes are told of this path, rather than of a folder above, and `is_listed` whether the state
    /// comes from the list of one.
    fn path(
        &mut self,
        path: &ProjectPath,
        state: &FileState,
        told: bool,
        is_listed: bool,
    ) -> Result<(), CacheError> {
        match state.is_folder() {
            true => self.folder(path, state, told, is_listed),
            false => self.file(path, state, told),
        }
    }

    fn file(&mut self, path: &ProjectPath, state: &FileState, told: bool) -> Result<(), CacheError> {
        let now = self.workspace.observe(path)?;
        let metadata = fs::symlink_metadata(self.workspace.os_path(path)).ok();
        let old_name = match now.filter(|_| self.workspace.blobs.is_old(&state.digest)) {
            Some(now) if now.digest != state.digest => self.workspace.old_name(path, &now)?,
            _ => None,
        };
        let is_it = |now: &FileState| now.digest == state.digest || old_name == Some(state.digest);
        let has_bytes = now.is_some_and(|now| is_it(&now) && !now.is_folder());
        let is_right = has_bytes && now.is_some_and(|now| now.executable == state.executable);
        let is_cached = self.workspace.blobs.has(&state.digest);
        if is_right && (!self.relink || !is_cached) {
            return Ok(());
        }
        let change = match (&metadata, is_right) {
            (_, true) => None,
            (Some(_), false) => Some(Change::Modified),
            (None, false) => Some(Change::Added),
        };
        let change = change.filter(|_| told);
        let executable = state.executable;
        // A link's own bits mean nothing, and those of its target, or of a file with other names, are somebody else's.
        let is_own = |metadata: &fs::Metadata| metadata.is_file() && metadata.nlink() == 1;
        if has_bytes && !self.relink && metadata.as_ref().is_some_and(is_own) {
            self.plan.steps.push((path.clone(), Step::Mode { executable }, change));
        } else if is_cached {
            if metadata.is_some_and(|metadata| metadata.is_dir()) {
                match self.workspace.check_gives_way(path) {
                    Err(fault @ CacheError::InTheWay { .. }) => {
                        self.plan.failed.push((path.clone(), fault));
                        return Ok(());
                    }
                    answer => answer?,
                }
                self.plan.gives_way.push(path.clone());
            }
            self.check_saved(path, now)?;
            self.plan.relinked += usize::from(is_right);
            let step = Step::File { digest: state.digest, size: state.size, executable };
            self.plan.steps.push((path.clone(), step, change));
        } else {
            self.plan.failed.push((path.clone(), CacheError::Missing { digest: state.digest }));
        }
        Ok(())
    }

    fn folder(
        &mut self,
        path: &ProjectPath,
        state: &FileState,
        told: bool,
        is_listed: bool,
    ) -> Result<(), CacheError> {
        let os_path = self.workspace.os_path(path);
        // What a link shows that a walk does not enter is not there, whatever it shows.
        let is_shown = os_path.is_symlink() && self.workspace.is_left_out(&os_path);
        let has_sizes = is_listed && self.workspace.blobs.layout().manifests_have_sizes();
        let is_as_listed = |now: &FileState| !has_sizes || (now.size, now.files) == (state.size, state.files);
        let is_right = || {
            let now = self.workspace.observe(path)?;
            Ok::<_, CacheError>(now.is_some_and(|now| is_same(&now, state) && is_as_listed(&now)))
        };
        if !self.relink && !is_shown && is_right()? {
            return Ok(());
        }
        let tree = match self.tree(path, state, is_listed) {
            Ok(tree) => tree,
            Err(CacheError::Disk(fault)) => return Err(fault.into()),
            Err(fault) => {
                self.plan.failed.push((path.clone(), fault));
                return Ok(());
            }
        };
        match fs::symlink_metadata(&os_path) {
            Ok(metadata) if metadata.is_dir() => {
                for entry in fs::read_dir(&os_path).map_err(|source| CacheError::of_read(&os_path, source))? {
                    let entry = entry.map_err(|source| CacheError::of_read(&os_path, source))?;
                    let stays = |name: &str| self.workspace.is_kept(&path.join(name), entry.path().is_dir());
                    if entry.file_name().to_str().is_some_and(stays) {
                        continue;
                    }
                    let name = record_name(&entry.path(), &entry.file_name())?;
                    if tree.entries().binary_search_by(|(known, _)| known.cmp(&name)).is_err() {
                        let extra = path.join(&name);
                        // What a killed checkout left half written is nobody's work.
                        if disk::is_unfinished(&name) {
                            self.plan.steps.push((extra, Step::Remove, None));
                            continue;
                        }
                        let now = self.workspace.observe(&extra)?;
                        self.check_saved(&extra, now)?;
                        self.plan.steps.push((extra, Step::Remove, told.then_some(Change::Deleted)));
                    }
                }
            }
            Ok(_) => {
                let now = self.workspace.observe(path)?;
                self.check_saved(path, now)?;
                self.plan.steps.push((path.clone(), Step::Remove, None));
                self.plan.steps.push((path.clone(), Step::Folder, told.then_some(Change::Modified)));
                return self.absent(path, &tree);
            }
            Err(_) => {
                self.plan.steps.push((path.clone(), Step::Folder, told.then_some(Change::Added)));
                return self.absent(path, &tree);
            }
        }
        for (name, entry) in tree.entries() {
            self.path(&path.join(name), &entry.state(), told, true)?;
        }
        Ok(())
    }

    fn tree(&self, path: &ProjectPath, state: &FileState, is_listed: bool) -> Result<Tree, CacheError> {
        check_size(path, &state.digest, self.plan.steps.len())?;
        self.workspace.blobs.true_tree(state, is_listed)
    }

    /// Plans everything in a folder where nothing is yet, whatever a link there shows now.
    fn absent(&mut self, path: &ProjectPath, tree: &Tree) -> Result<(), CacheError> {
        for (name, entry) in tree.entries() {
            let below = path.join(name);
            match *entry {
                // Whether the cache has it turns out when it is placed.
                TreeEntry::File { digest, size, executable } => {
                    self.plan.steps.push((below, Step::File { digest, size, executable }, None));
                }
                TreeEntry::Folder { .. } => match self.tree(&below, &entry.state(), true) {
                    Ok(tree) => {
                        self.plan.steps.push((below.clone(), Step::Folder, None));
                        self.absent(&below, &tree)?;
                    }
                    Err(CacheError::Disk(fault)) => return Err(fault.into()),
                    Err(fault) => self.plan.failed.push((below, fault)),
                },
            }
        }
        Ok(())
    }

    /// Notes what no cache holds, and what it does. The bytes of a folder are those of its files: a list of just these the
    /// cache lacks where a killed checkout has removed some of them, and of a folder in a folder where one list tells of all.
    fn check_saved(&mut self, path: &ProjectPath, now: Option<FileState>) -> Result<(), CacheError> {
        let Some(now) = now else { return Ok(()) };
        let blobs = &self.workspace.blobs;
        if blobs.keeps_all(&now) {
            self.plan.held.push((path.clone(), now));
            return Ok(());
        }
        if now.is_folder() {
            let mut files = self.workspace.listing(path)?;
            files.retain(|_, state| !state.is_folder());
            let (count, mut held) = (files.len(), Vec::new());
            for (file, state) in files {
                let Some(name) = self.held_name(&file, state)? else { break };
                held.push((file, name));
            }
            if held.len() == count {
                self.plan.held.extend(held);
                return Ok(());
            }
        } else if let Some(name) = self.held_name(path, now)? {
            self.plan.held.push((path.clone(), name));
            return Ok(());
        }
        self.plan.unsaved.push(path.clone());
        Ok(())
    }

    /// A file by the name that the cache holds its bytes by, which an older version gave them perhaps.
    fn held_name(&self, path: &ProjectPath, now: FileState) -> Result<Option<FileState>, CacheError> {
        if self.workspace.blobs.keeps(&now) {
            return Ok(Some(now));
        }
        let name = self.workspace.old_name(path, &now)?;
        Ok(name.map(|digest| FileState { digest, ..now }))
    }
}
