//! `.pipeignore`, or `.dvcignore` in projects of DVC: what is passed over in folders, in the grammar of `.gitignore`. A
//! file of it counts for its folder and everything below, and the deepest one that says something decides.
//!
//! It is asked about what lies in a folder, never about a path that somebody names himself.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base::ProjectPath;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::{CacheError, Layout, Workspace};

/// The rule that a path is ignored by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// The file that says so.
    pub file: ProjectPath,
    /// Its line, from 1.
    pub line: usize,
    /// What stands there.
    pub pattern: String,
}

/// The ignore files of a project, each read when it is first asked for.
#[derive(Debug)]
pub struct Ignores {
    root: PathBuf,
    /// How the files are called.
    name: &'static str,
    /// By folder; `None` where there is none.
    files: Mutex<HashMap<ProjectPath, Option<Arc<Gitignore>>>>,
}

impl Ignores {
    /// Those of the project at `root`.
    pub fn new(root: &Path) -> Self {
        Ignores::of_layout(root, Layout::Native)
    }

    /// The same, with the files' name as a layout has it.
    pub fn of_layout(root: &Path, layout: Layout) -> Self {
        Ignores { root: root.to_owned(), name: layout.ignore_file(), files: Mutex::default() }
    }

    /// The file of a folder.
    fn file(&self, folder: &ProjectPath) -> Option<Arc<Gitignore>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = files.get(folder) {
            return known.clone();
        }
        let text = disk::read_optional(&folder.join(self.name).to_path(&self.root)).ok().flatten();
        let read = text.map(|bytes| {
            let mut builder = GitignoreBuilder::new(folder.to_path(&self.root));
            for line in String::from_utf8_lossy(&bytes).lines() {
                // A line that is no pattern ignores nothing, as with git.
                let _ = builder.add_line(None, line);
            }
            Arc::new(builder.build().unwrap_or_else(|_| Gitignore::empty()))
        });
        files.insert(folder.clone(), read.clone());
        read
    }

    /// Whether a folder has a file of its own.
    pub(crate) fn has_file(&self, folder: &ProjectPath) -> bool {
        self.file(folder).is_some()
    }

    /// The files that say something about what lies in `folder`, from the top down to that of `folder` itself.
    pub fn above(&self, folder: &ProjectPath) -> Vec<ProjectPath> {
        let mut above: Vec<ProjectPath> =
            std::iter::successors(Some(folder.clone()), ProjectPath::parent).collect();
        above.reverse();
        above.retain(|folder| self.file(folder).is_some());
        above.into_iter().map(|folder| folder.join(self.name)).collect()
    }

    /// Whether an entry of a folder is passed over. The folders above it are not asked for.
    pub fn is_ignored(&self, path: &ProjectPath, is_folder: bool) -> bool {
        self.decision(path, is_folder).is_some_and(|(_, _, is_ignored)| is_ignored)
    }

    /// The same for an entry that was found on a walk from `top`: what is named itself is never passed over.
    pub fn is_ignored_within(&self, top: &ProjectPath, path: &ProjectPath, is_folder: bool) -> bool {
        path != top && self.is_ignored(path, is_folder)
    }

    /// The rule by which a path is ignored, itself or with a folder above it.
    pub fn rule(&self, path: &ProjectPath, is_folder: bool) -> Option<Ignored> {
        let mut places: Vec<ProjectPath> =
            std::iter::successors(Some(path.clone()), ProjectPath::parent).collect();
        places.reverse();
        places.iter().skip(1).find_map(|place| {
            let (folder, pattern, is_ignored) = self.decision(place, is_folder || place != path)?;
            is_ignored.then(|| self.located(&folder, pattern))
        })
    }

    /// Every rule that names a path, itself or with a folder above it, also those that take another back (`!`): the last
    /// one of the deepest file comes last.
    pub fn rules(&self, path: &ProjectPath, is_folder: bool) -> Vec<Ignored> {
        let os_path = path.to_path(&self.root);
        let mut rules = Vec::new();
        for file in self.above(&path.parent().unwrap_or_default()) {
            let folder = file.parent().unwrap_or_default().to_path(&self.root);
            let text = disk::read_text_optional(&file.to_path(&self.root)).ok().flatten().unwrap_or_default();
            for (at, pattern) in text.lines().enumerate() {
                let mut builder = GitignoreBuilder::new(&folder);
                let _ = builder.add_line(None, pattern);
                let Ok(alone) = builder.build() else { continue };
                if !alone.matched_path_or_any_parents(&os_path, is_folder).is_none() {
                    rules.push(Ignored { file: file.clone(), line: at + 1, pattern: pattern.to_owned() });
                }
            }
        }
        rules
    }

    /// Which folder's file decides about a path, by which pattern, and how.
    fn decision(&self, path: &ProjectPath, is_folder: bool) -> Option<(ProjectPath, String, bool)> {
        let os_path = path.to_path(&self.root);
        let mut folder = path.parent();
        while let Some(at) = folder {
            if let Some(file) = self.file(&at) {
                let found = file.matched(&os_path, is_folder);
                if let Some(glob) = found.inner() {
                    return Some((at, glob.original().to_owned(), found.is_ignore()));
                }
            }
            folder = at.parent();
        }
        None
    }

    fn located(&self, folder: &ProjectPath, pattern: String) -> Ignored {
        let file = folder.join(self.name);
        let text = disk::read_text_optional(&file.to_path(&self.root)).ok().flatten().unwrap_or_default();
        // Of equal lines the last decides.
        let line =
            text.lines().collect::<Vec<_>>().iter().rposition(|line| line.trim_end() == pattern.trim_end());
        Ignored { file, line: line.map_or(0, |line| line + 1), pattern }
    }
}

impl Workspace {
    /// Whether an entry of a folder stays where all else in it goes: it is ignored or [left out](Self::is_left_out), and not
    /// what a killed process of ours left half written, which is nobody's whatever an ignore file says of its name.
    pub(crate) fn is_kept(&self, path: &ProjectPath, is_folder: bool) -> bool {
        !disk::is_unfinished(path.name())
            && (self.ignores.is_ignored(path, is_folder)
                || self.is_left_out(&self.os_path(path))
                // It cannot be removed, and goes by itself.
                || (disk::is_open_remnant(path.name()) && disk::is_network(&self.os_path(path))))
    }

    /// Whether what lies in a folder is no part of it in a project of DVC: its walks enter no link to a folder, no other
    /// project of DVC, which is each folder with a `.dvc` in it, and nothing that is git's, Mercurial's or DVC's own: data
    /// may be a clone. Outside of the project it looks for none of these but links.
    pub(crate) fn is_left_out(&self, os_path: &Path) -> bool {
        if !self.blobs.layout().is_flat() {
            return false;
        }
        let is_inside = self.ignores.root.parent().is_some();
        let name = os_path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match fs::symlink_metadata(os_path) {
            // A clone's is a file where it is a worktree or a submodule.
            Ok(_) if is_inside && name == ".git" => true,
            Ok(metadata) if metadata.is_symlink() => os_path.is_dir(),
            Ok(metadata) if metadata.is_dir() => {
                let is_its_own = matches!(name, ".hg" | ".dvc");
                is_inside && (is_its_own || fs::symlink_metadata(os_path.join(".dvc")).is_ok())
            }
            _ => false,
        }
    }

    /// What lies in the folder at a path and is passed over there. What lies in that again goes with it.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn ignored_in(&self, path: &ProjectPath) -> Result<Vec<ProjectPath>, CacheError> {
        let mut ignored = Vec::new();
        let mut folders = vec![path.clone()];
        while let Some(folder) = folders.pop() {
            let os_path = self.os_path(&folder);
            if !fs::symlink_metadata(&os_path).is_ok_and(|metadata| metadata.is_dir()) {
                continue;
            }
            for entry in fs::read_dir(&os_path).map_err(|source| CacheError::of_read(&os_path, source))? {
                let entry = entry.map_err(|source| CacheError::of_read(&os_path, source))?;
                let kind = entry.file_type().map_err(|source| CacheError::of_read(&os_path, source))?;
                let Some(below) = entry.file_name().to_str().map(|name| folder.join(name)) else { continue };
                let is_folder = if kind.is_symlink() { entry.path().is_dir() } else { kind.is_dir() };
                if self.is_kept(&below, is_folder) {
                    ignored.push(below);
                } else if kind.is_dir() {
                    folders.push(below);
                }
            }
        }
        ignored.sort();
        Ok(ignored)
    }

    /// Whether a folder that stands at the path, where a file belongs, can give way: nothing ignored is in it.
    ///
    /// # Errors
    /// [`CacheError::InTheWay`] when it cannot; when it cannot be read.
    pub(crate) fn check_gives_way(&self, path: &ProjectPath) -> Result<(), CacheError> {
        match self.ignored_in(path)?.first() {
            None => Ok(()),
            Some(ignored) => {
                Err(CacheError::InTheWay { folder: path.as_str().into(), ignored: ignored.as_str().into() })
            }
        }
    }

    /// Removes what stands at a path, but for what is ignored in it: nothing holds its bytes. The folders that it lies in
    /// stay then.
    pub fn remove(&self, path: &ProjectPath) -> Result<(), CacheError> {
        let os_path = self.os_path(path);
        if !fs::symlink_metadata(&os_path).is_ok_and(|metadata| metadata.is_dir()) {
            return Ok(disk::remove(&os_path)?);
        }
        for entry in fs::read_dir(&os_path).map_err(|source| CacheError::of_read(&os_path, source))? {
            let entry = entry.map_err(|source| CacheError::of_read(&os_path, source))?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                disk::remove(&entry.path())?;
                continue;
            };
            if !self.is_kept(&path.join(name), entry.path().is_dir()) {
                self.remove(&path.join(name))?;
            }
        }
        disk::remove_empty_folders(&os_path, os_path.parent().unwrap_or(&os_path));
        Ok(())
    }
}

/// What a walk goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Within {
    /// What is recorded to be put in place again, so that all of it has to be recorded or refused.
    Records,
    /// What is only read.
    Inputs,
    /// What lies there itself: no link that leads elsewhere is followed.
    Own,
}

impl Within {
    /// Whether what lies there is nobody's data.
    pub fn passes_over(self, place: &ProjectPath, layout: Layout) -> bool {
        // All of them begin with a dot.
        if !place.name().starts_with('.') {
            return false;
        }
        let is = |own: &str| place.name().eq_ignore_ascii_case(own);
        self == Within::Inputs
            && ([".git", ".pipe", ".dvc"].into_iter().any(is)
                || (layout == Layout::Dvc && place.name() == ".hg"))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests play the user, who writes files as he likes")]
mod tests {
    use super::*;
    use crate::{Placement, State};

    fn path(text: &str) -> ProjectPath {
        ProjectPath::from_record(text).unwrap()
    }

    #[test]
    fn deeper_files_decide_and_folders_above_count_for_a_rule() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |path: &str, text: &str| disk::replace(&folder.path().join(path), text.as_bytes()).unwrap();
        write(".pipeignore", "# junk\n*.tmp\n/top\nbuild/\n[\n");
        write("a/.pipeignore", "!keep.tmp\n*.log\n");
        let ignores = Ignores::new(folder.path());
        for (text, is_folder, expected) in [
            ("x.tmp", false, true),
            ("a/x.tmp", false, true),
            ("a/keep.tmp", false, false),
            ("keep.tmp", false, true),
            ("a/x.log", false, true),
            ("x.log", false, false),
            ("top", false, true),
            ("a/top", false, false),
            ("a/build", true, true),
            ("a/build", false, false),
        ] {
            assert_eq!(ignores.is_ignored(&path(text), is_folder), expected, "{text}");
        }
        let rule = ignores.rule(&path("a/build/deep/x.csv"), false).unwrap();
        assert_eq!((rule.file.as_str(), rule.line, rule.pattern.as_str()), (".pipeignore", 4, "build/"));
        assert_eq!(ignores.rule(&path("a/x.csv"), false), None);
        let rules = ignores.rules(&path("a/keep.tmp"), false);
        let rules: Vec<(&str, usize)> = rules.iter().map(|rule| (rule.file.as_str(), rule.line)).collect();
        assert_eq!(rules, [(".pipeignore", 2), ("a/.pipeignore", 1)]);
        assert_eq!(ignores.above(&path("a/b")), [path(".pipeignore"), path("a/.pipeignore")]);
    }

    #[test]
    fn what_is_ignored_is_neither_recorded_nor_removed() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::load(&folder.path().join(".pipe/state")).unwrap();
        let workspace = Workspace::new(folder.path(), &folder.path().join(".pipe/cache"), state);
        let write =
            |path: &str, text: &str| disk::replace(&folder.path().join(path), text.as_bytes()).unwrap();
        write(".pipeignore", "*.tmp\n/out\nskip/\n");
        write("out/a", "1");
        let alone = workspace.store(&path("out"), Placement::Private).unwrap();
        write("out/b.tmp", "2");
        write("out/skip/c", "3");
        assert_eq!(
            workspace.observe(&path("out")).unwrap(),
            alone,
            "named itself, it counts, but for what is in it"
        );
        write("out/d", "4");
        workspace.restore(&path("out"), &alone.unwrap(), Placement::Private).unwrap();
        let is_there = |path: &str| folder.path().join(path).exists();
        assert!(is_there("out/b.tmp") && is_there("out/skip/c") && !is_there("out/d"));
        write("out/d", "4");
        let mut plan = crate::Checkout::default();
        workspace.plan_checkout(&path("out"), &alone.unwrap(), false, &mut plan).unwrap();
        workspace.carry_out(&mut plan, &folder.path().join("aside")).unwrap();
        assert!(is_there("out/b.tmp") && is_there("out/skip/c") && !is_there("out/d"));
        // In a folder that goes, too.
        write("out/new/e", "5");
        write("out/new/f.tmp", "6");
        let mut plan = crate::Checkout::default();
        workspace.plan_checkout(&path("out"), &alone.unwrap(), false, &mut plan).unwrap();
        workspace.carry_out(&mut plan, &folder.path().join("aside")).unwrap();
        assert!(is_there("out/new/f.tmp") && !is_there("out/new/e"));
        // What a killed process left half written is no file of the user's, though its name is ignored.
        let left = ["out/.pipe-aB3dE6.tmp", "out/gone/.pipe-aB3dE6.tmp"];
        for restores in [false, true] {
            for name in left.into_iter().chain(["out/gone/e"]) {
                write(name, "6");
            }
            assert_eq!(workspace.ignored_in(&path("out")).unwrap().len(), 3);
            let mut plan = crate::Checkout::default();
            workspace.plan_checkout(&path("out"), &alone.unwrap(), false, &mut plan).unwrap();
            if restores {
                workspace.restore(&path("out"), &alone.unwrap(), Placement::Private).unwrap();
            } else {
                workspace.carry_out(&mut plan, &folder.path().join("aside")).unwrap();
            }
            assert!(!left.into_iter().any(is_there), "restores: {restores}");
        }
        write("out/gone/e", "5");
        workspace.restore(&path("out"), &alone.unwrap(), Placement::Private).unwrap();
        assert!(is_there("out/new/f.tmp") && !is_there("out/gone"));
    }

    #[test]
    fn a_folder_with_something_ignored_gives_no_way_to_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::load(&folder.path().join(".pipe/state")).unwrap();
        let workspace = Workspace::new(folder.path(), &folder.path().join(".pipe/cache"), state);
        let write =
            |path: &str, text: &str| disk::replace(&folder.path().join(path), text.as_bytes()).unwrap();
        write(".pipeignore", "*.tmp\n");
        write("out", "file");
        let file = workspace.store(&path("out"), Placement::Private).unwrap().unwrap();
        disk::remove(&folder.path().join("out")).unwrap();
        write("out/plain", "1");
        write("out/deep/x.tmp", "2");
        let told =
            |fault: &CacheError| assert!(fault.to_string().contains("holds out/deep/x.tmp"), "{fault}");
        told(&workspace.restore(&path("out"), &file, Placement::Private).unwrap_err());
        let mut plan = crate::Checkout::default();
        workspace.plan_checkout(&path("out"), &file, false, &mut plan).unwrap();
        assert!(plan.is_empty());
        told(&plan.failed[0].1);
        // One that comes there after the look.
        disk::remove(&folder.path().join("out/deep")).unwrap();
        let mut plan = crate::Checkout::default();
        workspace.plan_checkout(&path("out"), &file, false, &mut plan).unwrap();
        write("out/deep/x.tmp", "2");
        workspace.carry_out(&mut plan, &folder.path().join("aside")).unwrap();
        told(&plan.failed[0].1);
        let read = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
        assert_eq!((read("out/plain"), read("out/deep/x.tmp")), ("1".to_owned(), "2".to_owned()));
        disk::remove(&folder.path().join("out/deep")).unwrap();
        workspace.restore(&path("out"), &file, Placement::Private).unwrap();
        assert_eq!(read("out"), "file");
    }
}
