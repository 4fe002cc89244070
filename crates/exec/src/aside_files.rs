//! Setting the files of a pattern aside: one by one, since whatever else lies beside them stays where it is. So do
//! their folders, which another stage at work may be about to write into.

use std::fs;
use std::io;
use std::path::Path;

use base::ProjectPath;
use cache::{Choice, chosen_files};
use disk::DiskError;
use pipeline::{Glob, Out};
use serde::{Deserialize, Serialize};

use crate::outs::with_choice;

/// An out that is a pattern, as a job's note tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FilesOf {
    pattern: ProjectPath,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    exclude: Vec<ProjectPath>,
}

impl FilesOf {
    /// What is told of an out; `None` when it is a path.
    pub fn out(out: &Out) -> Option<Self> {
        let record = |text: &String| ProjectPath::from_record(text).ok();
        let exclude = out.excluded()?.iter().filter_map(record).collect();
        Some(FilesOf { pattern: out.path.clone(), exclude })
    }

    /// The pattern as the pipeline writes it, by which its stage names the out.
    pub fn path(&self) -> &ProjectPath {
        &self.pattern
    }

    /// The folder in which all its files lie.
    pub fn base(&self) -> ProjectPath {
        // Of a pattern that cannot be read, nothing is known.
        self.glob().map_or_else(|_| ProjectPath::root(), |glob| glob.base().clone())
    }

    fn glob(&self) -> Result<Glob, DiskError> {
        let fault = |message| {
            DiskError::new("read the pattern", self.pattern.as_str().as_ref(), io::Error::other(message))
        };
        Glob::new(&self.pattern, &self.exclude).map_err(fault)
    }

    /// Its files that there are.
    ///
    /// # Errors
    /// When something cannot be listed.
    pub fn files(&self, root: &Path) -> Result<Vec<ProjectPath>, DiskError> {
        let glob = self.glob()?;
        with_choice(&glob, |choice| list(root, choice))
    }

    /// Moves the files that there are into `slot`.
    ///
    /// # Errors
    /// When something cannot be listed or moved.
    pub fn set_aside(&self, root: &Path, slot: &Path) -> Result<(), DiskError> {
        for file in self.files(root)? {
            disk::move_path(&file.to_path(root), &file.to_path(slot))?;
        }
        Ok(())
    }

    /// Moves what lies in `slot` back; when the command has been `running`, first what it wrote into `partial`, or away
    /// where there is none; then `mark` is written. Says whether something is in `partial` now.
    ///
    /// # Errors
    /// When something cannot be moved; the next attempt goes on.
    pub fn put_back(
        &self,
        root: &Path,
        slot: &Path,
        mark: &Path,
        running: bool,
        partial: Option<&Path>,
    ) -> Result<bool, DiskError> {
        let mut kept = false;
        let mut leave = |file: &ProjectPath| {
            kept |= partial.is_some();
            match partial {
                Some(partial) => disk::move_path(&file.to_path(root), &file.to_path(partial)),
                None => disk::remove(&file.to_path(root)),
            }
        };
        if running {
            for file in self.files(root)? {
                leave(&file)?;
            }
            // From here on, what lies there is what was put back.
            disk::replace_volatile(mark, b"")?;
        }
        for file in files_below(slot)? {
            if let Some(way) = in_the_way(root, &file) {
                leave(&way)?;
            }
            disk::move_path(&file.to_path(slot), &file.to_path(root))?;
        }
        Ok(kept)
    }
}

/// What the command made where a file, or a folder above it, has to come back: a folder, or a file above.
fn in_the_way(root: &Path, file: &ProjectPath) -> Option<ProjectPath> {
    let mut above: Vec<ProjectPath> = std::iter::successors(file.parent(), ProjectPath::parent).collect();
    above.retain(|folder| !folder.is_root());
    let is_no_folder = |folder: &&ProjectPath| {
        let place = folder.to_path(root);
        fs::symlink_metadata(&place).is_ok() && !place.is_dir()
    };
    let place = file.to_path(root);
    let is_folder = fs::symlink_metadata(&place).is_ok_and(|metadata| metadata.is_dir());
    above.iter().rev().find(is_no_folder).cloned().or_else(|| is_folder.then(|| file.clone()))
}

/// All files below a folder, by their paths in it.
///
/// # Errors
/// When something there cannot be read.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<ProjectPath>, DiskError> {
    list(folder, &Choice { base: &ProjectPath::root(), matches: &|_| true, enters: &|_| true })
}

fn list(root: &Path, choice: &Choice<'_>) -> Result<Vec<ProjectPath>, DiskError> {
    chosen_files(root, choice).map_err(|fault| {
        let cause = std::error::Error::source(&fault).map(|cause| format!(": {cause}")).unwrap_or_default();
        DiskError::new(
            "list the files in",
            &choice.base.to_path(root),
            io::Error::other(format!("{fault}{cause}")),
        )
    })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests play the stage's command")]
pub(crate) mod tests {
    use indexmap::IndexMap;
    use pipeline::OutKind;

    use super::*;
    use crate::aside::Aside;
    use crate::aside::tests::{leave, recover, set};

    /// An out that is a path.
    pub fn plain(text: &str) -> Out {
        Out {
            path: ProjectPath::from_record(text).unwrap(),
            glob: None,
            kind: OutKind::Data,
            cache: true,
            persist: false,
            remote: None,
            push: true,
            desc: None,
            annotation: pipeline::Annotation::default(),
            plot: IndexMap::new(),
        }
    }

    fn glob(text: &str) -> Out {
        let out = plain(text);
        Out { glob: Some(Glob::new(&out.path, &[]).unwrap()), ..out }
    }

    /// A project where `r/**/*.csv` were set aside, and a command has written since.
    fn set_aside() -> (tempfile::TempDir, Aside) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for (path, text) in
            [("r/a.csv", "good"), ("r/deep/b.csv", "good"), ("r/c.csv", "good"), ("r/note", "mine")]
        {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let aside = set(root, &[glob("r/**/*.csv")]);
        assert!(!root.join("r/a.csv").exists() && !root.join("r/deep/b.csv").exists());
        assert_eq!(fs::read_to_string(root.join("r/note")).unwrap(), "mine");
        fs::write(root.join("r/a.csv"), "half").unwrap();
        fs::write(root.join("r/new.csv"), "half").unwrap();
        // Where a folder was there is a file, and the other way round.
        fs::remove_dir(root.join("r/deep")).unwrap();
        fs::write(root.join("r/deep"), "half").unwrap();
        fs::create_dir(root.join("r/c.csv")).unwrap();
        (folder, aside)
    }

    fn assert_recovered(root: &Path) {
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        for path in ["r/a.csv", "r/deep/b.csv", "r/c.csv"] {
            assert_eq!(read(path), "good", "{path}");
        }
        assert_eq!(read("r/note"), "mine");
        assert!(!root.join("r/new.csv").exists());
        for path in ["partial/r/a.csv", "partial/r/new.csv", "partial/r/deep"] {
            assert_eq!(read(path), "half", "{path}");
        }
        assert!(root.join("partial/r/c.csv").is_dir());
        assert_eq!(crate::at_work(&root.join("jobs")).unwrap().len(), 0);
    }

    #[test]
    fn a_failure_leaves_the_last_good_files() {
        let (folder, aside) = set_aside();
        assert_eq!(crate::at_work(&folder.path().join("jobs")).unwrap()[0].outs.len(), 3);
        assert_eq!(aside.put_back().unwrap(), Some(folder.path().join("partial")));
        assert_recovered(folder.path());
    }

    #[test]
    fn the_next_process_puts_back_what_a_killed_one_left() {
        let (folder, aside) = set_aside();
        leave(aside);
        // It was killed twice: the second time when some was back in place.
        let (root, slot) = (folder.path(), folder.path().join("jobs/1/files-0"));
        fs::create_dir_all(root.join("partial/r")).unwrap();
        for path in ["r/a.csv", "r/new.csv"] {
            fs::rename(root.join(path), root.join("partial").join(path)).unwrap();
        }
        fs::write(root.join("jobs/1/files-0.back"), "").unwrap();
        fs::rename(slot.join("r/a.csv"), root.join("r/a.csv")).unwrap();
        assert_eq!(recover(root).len(), 1);
        assert_recovered(root);
        assert_eq!(recover(root), []);
    }

    #[test]
    fn a_success_drops_the_old() {
        let (folder, aside) = set_aside();
        aside.drop_old(&[]).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("r/a.csv")).unwrap(), "half");
        assert!(!folder.path().join("r/deep/b.csv").exists());
    }
}
