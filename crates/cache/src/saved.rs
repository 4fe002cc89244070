//! Saving what is about to be replaced or removed. What lies there itself is stored, and no link is followed that a person
//! made: what it leads to stays where it is, may lie anywhere, and may be nobody else's to read.

use base::{FileState, ProjectPath};

use crate::gather::Choice;
use crate::links::Placement;
use crate::pipeignore::Within;
use crate::set::chosen_files;
use crate::{CacheError, Workspace};

/// What was saved.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// What was stored; `None` where there was nothing to store.
    pub state: Option<FileState>,
    /// Links that lead elsewhere, which the state lacks; ascending.
    pub links: Vec<ProjectPath>,
}

impl Saved {
    fn of((state, mut links): (Option<FileState>, Vec<ProjectPath>)) -> Self {
        links.sort();
        // A folder in which nothing but links lies is not worth a word.
        let state = state.filter(|state| links.is_empty() || state.files != Some(0));
        Saved { state, links }
    }
}

impl Workspace {
    /// Whether a symlink stands at a path that is none into the cache.
    pub fn leads_elsewhere(&self, path: &ProjectPath) -> bool {
        let os_path = self.os_path(path);
        os_path.is_symlink() && self.digest_of_symlink(&os_path).is_none()
    }

    /// Stores what lies at a path.
    ///
    /// # Errors
    /// As [`Workspace::store`].
    pub fn save(&self, path: &ProjectPath) -> Result<Saved, CacheError> {
        self.scan_stored(path, Within::Own, Placement::Private, &mut |_| ()).map(Saved::of)
    }

    /// The same when the cache has no copy of it yet.
    ///
    /// # Errors
    /// As [`Workspace::store`].
    pub fn save_unsaved(&self, path: &ProjectPath) -> Result<Saved, CacheError> {
        let mut links = Vec::new();
        match self.scan(path, Within::Own, &mut links)? {
            Some(state) if !self.blobs.keeps_all(&state) => self.save(path),
            _ => Ok(Saved::of((None, links))),
        }
    }

    /// The same of the files of a set.
    ///
    /// # Errors
    /// As [`Workspace::store_set`].
    pub fn save_unsaved_set(&self, choice: &Choice<'_>) -> Result<Saved, CacheError> {
        let mut links = chosen_files(&self.os_path(&ProjectPath::root()), choice)?;
        links.retain(|path| self.leads_elsewhere(path));
        let is_own = |path: &ProjectPath| (choice.matches)(path) && links.binary_search(path).is_err();
        let own = Choice { base: choice.base, matches: &is_own, enters: choice.enters };
        let state = match self.observe_set(&own)? {
            Some(state) if !self.blobs.keeps_all(&state) => self.store_set(&own, Placement::Private)?,
            _ => None,
        };
        Ok(Saved::of((state, links)))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests play the user, who writes files as he likes")]
mod tests {
    use super::*;
    use crate::State;

    #[test]
    fn what_links_lead_to_is_not_saved_and_the_links_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        let state = State::load(&root.join(".pipe/state")).unwrap();
        let workspace = Workspace::new(&root, &root.join(".pipe/cache"), state);
        let path = |text: &str| ProjectPath::from_record(text).unwrap();
        for (place, text) in [("project/d/sub/own", "1"), ("private/key", "2"), ("project/only/x", "3")] {
            disk::replace(&folder.path().join(place), text.as_bytes()).unwrap();
        }
        disk::remove(&root.join("only/x")).unwrap();
        let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, root.join(at)).unwrap();
        link("../../private", "d/folder");
        link("../../../private/key", "d/sub/key");
        link("..", "d/sub/loop");
        link("nowhere", "d/sub/nowhere");
        link("../private", "link");
        link("../../private", "only/link");
        let saved = workspace.save_unsaved(&path("d")).unwrap();
        let links = ["d/folder", "d/sub/key", "d/sub/loop", "d/sub/nowhere"].map(path);
        assert_eq!(saved.links, links);
        workspace.restore(&path("back"), &saved.state.unwrap(), Placement::Private).unwrap();
        assert_eq!(
            workspace.listing(&path("back")).unwrap().into_keys().collect::<Vec<_>>(),
            [path("back/sub/own")]
        );
        assert_eq!(workspace.save_unsaved(&path("d")).unwrap(), Saved { state: None, links: links.to_vec() });
        for (of, links) in [("link", [path("link")]), ("only", [path("only/link")])] {
            let expected = Saved { state: None, links: links.to_vec() };
            assert_eq!(
                (workspace.save(&path(of)).unwrap(), workspace.save_unsaved(&path(of)).unwrap()),
                (expected, Saved { state: None, links: links.to_vec() })
            );
        }
        disk::replace(&root.join("d/sub/own"), b"4").unwrap();
        let [base, matches] = [path("d"), path("d/sub")];
        let choice = Choice {
            base: &base,
            matches: &|path| matches.contains(path) && path.name() != "loop",
            enters: &|_| true,
        };
        let saved = workspace.save_unsaved_set(&choice).unwrap();
        assert_eq!(saved.links, ["d/sub/key", "d/sub/nowhere"].map(path));
        assert_eq!(saved.state.unwrap().files, Some(1));
        assert_eq!(std::fs::read_to_string(folder.path().join("private/key")).unwrap(), "2");
    }
}
