//! The single files of a content: of a recorded folder, by its manifests; of the workspace, by a look at it.

use std::collections::{BTreeMap, HashMap, HashSet};

use base::{Digest, FileState, ProjectPath};
use rayon::prelude::*;

use crate::gather::Folder;
use crate::hash::hash_bytes_by;
use crate::one_name::refuse_same;
use crate::tree::{Tree, TreeEntry, TreeError};
use crate::{Blobs, CacheError};

/// No folder is unfolded to more files and folders: small manifests that name each other more than once can stand for any
/// number.
const LARGEST: usize = 20_000_000;

/// Nor to deeper paths: no file system holds twice as many folders in each other.
const DEEPEST: usize = 1000;

/// Refuses to unfold the folder of `digest` at `path`, where `count` files and folders were unfolded before.
pub(crate) fn check_size(path: &ProjectPath, digest: &Digest, count: usize) -> Result<(), CacheError> {
    let fault = |message: String| {
        Err(CacheError::Tree { digest: *digest, source: TreeError::new(1, format!("with it, {message}")) })
    };
    if count > LARGEST {
        return fault(format!("a folder has more than {LARGEST} files and folders"));
    }
    if path.parts().count() > DEEPEST {
        return fault(format!("more than {DEEPEST} folders lie in each other"));
    }
    Ok(())
}

/// Files by path; an empty folder stands among them as itself.
pub type Files = BTreeMap<ProjectPath, FileState>;

/// What differs between two contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What only the second has.
    pub added: Vec<ProjectPath>,
    /// What is another in the second.
    pub modified: Vec<ProjectPath>,
    /// What only the first has.
    pub deleted: Vec<ProjectPath>,
    /// Old and new path of equal bytes, where they are [told apart](Difference::with_renames).
    pub renamed: Vec<(ProjectPath, ProjectPath)>,
}

impl Difference {
    /// What leads from `old` to `new`; ascending.
    pub fn between(old: &Files, new: &Files) -> Self {
        let mut difference = Difference::default();
        for (path, state) in new {
            match old.get(path) {
                None => difference.added.push(path.clone()),
                Some(before) if !is_same(before, state) => difference.modified.push(path.clone()),
                Some(_) => {}
            }
        }
        difference.deleted = old.keys().filter(|path| !new.contains_key(path)).cloned().collect();
        difference
    }
}

impl Difference {
    /// Whether anything is told of a path, by its old name or its new one.
    pub fn names(&self, path: &ProjectPath) -> bool {
        let is_renamed = self.renamed.iter().any(|(old, new)| old == path || new == path);
        is_renamed || [&self.added, &self.modified, &self.deleted].iter().any(|paths| paths.contains(path))
    }

    /// The same, with what was added and deleted with equal bytes told as renamed.
    #[must_use]
    pub fn with_renames(mut self, old: &Files, new: &Files) -> Self {
        let mut gone: HashMap<(Digest, bool), Vec<ProjectPath>> = HashMap::new();
        for path in self.deleted.iter().rev() {
            let state = old[path];
            gone.entry((state.digest, state.is_folder())).or_default().push(path.clone());
        }
        let mut taken = HashSet::new();
        self.added.retain(|path| {
            let state = new[path];
            let before = gone.get_mut(&(state.digest, state.is_folder())).and_then(Vec::pop);
            if let Some(before) = before.clone() {
                taken.insert(before.clone());
                self.renamed.push((before, path.clone()));
            }
            before.is_none()
        });
        self.deleted.retain(|path| !taken.contains(path));
        self
    }
}

fn is_same(a: &FileState, b: &FileState) -> bool {
    a.digest == b.digest && a.is_folder() == b.is_folder() && a.executable == b.executable
}

impl Blobs {
    /// The files of the content `state` at `path`.
    ///
    /// # Errors
    /// When a manifest is missing or damaged.
    pub fn files(&self, path: &ProjectPath, state: &FileState) -> Result<Files, CacheError> {
        let mut files = Files::new();
        let mut open = vec![(path.clone(), *state)];
        while let Some((path, state)) = open.pop() {
            if !state.is_folder() {
                files.insert(path, state);
                continue;
            }
            check_size(&path, &state.digest, files.len() + open.len())?;
            let tree = self.tree(&state.digest)?;
            if tree.entries().is_empty() {
                files.insert(path, state);
            } else {
                open.extend(tree.entries().iter().map(|(name, entry)| (path.join(name), entry.state())));
            }
        }
        Ok(files)
    }

    /// The manifest of the folder `state`, where what it tells of sizes is so, as far as the blobs are here: of its files,
    /// and of all of them what the manifest above told, where one `is_listed` there. With wrong ones it would be placed, and
    /// would never be what stands there then.
    ///
    /// # Errors
    /// When it is missing, damaged, or tells what is not so.
    pub(crate) fn true_tree(&self, state: &FileState, is_listed: bool) -> Result<Tree, CacheError> {
        let tree = self.tree(&state.digest)?;
        if !self.layout().manifests_have_sizes() {
            return Ok(tree);
        }
        let fault =
            |line, message| CacheError::Tree { digest: state.digest, source: TreeError::new(line, message) };
        let (bytes, files) = tree.totals();
        if is_listed && (state.size, state.files) != (bytes, Some(files)) {
            let (size, count) = (state.size, state.files.unwrap_or_default());
            return Err(fault(
                1,
                format!("the list above tells {size} bytes in {count} files, and it has {bytes} in {files}"),
            ));
        }
        let wrong = tree.entries().par_iter().enumerate().find_map_first(|(at, (name, entry))| match entry {
            TreeEntry::File { digest, size, .. } => {
                let is = self.size(digest).filter(|is| is != size)?;
                // Of a blob with other bytes, its list is not to blame.
                let is_sound = matches!(self.is_sound(digest), Ok(Some(true)));
                is_sound.then(|| fault(at + 2, format!("`{name}` has {is} bytes, and not {size}")))
            }
            TreeEntry::Folder { .. } => None,
        });
        wrong.map_or(Ok(tree), Err)
    }

    /// A file's state with the size of its blob, where its manifest tells none.
    #[must_use]
    pub fn sized(&self, state: FileState) -> FileState {
        let size = std::fs::metadata(self.path(&state.digest)).map_or(state.size, |blob| blob.len());
        if state.is_folder() { state } else { FileState { size, ..state } }
    }

    /// The recorded folder `folder` with `entry` at the path `below` in it, whatever stood there. Its new manifests are
    /// stored.
    ///
    /// # Errors
    /// When a manifest on the way is missing or damaged, two names would be one after Unicode normalization, or the disk
    /// refuses.
    pub fn with_entry(
        &self,
        folder: &FileState,
        below: &ProjectPath,
        entry: FileState,
    ) -> Result<FileState, CacheError> {
        if self.layout().is_flat() {
            return self.planted_flat(folder, below, entry);
        }
        let parts: Vec<&str> = below.parts().collect();
        self.planted(Some(folder), &ProjectPath::root(), &parts, entry)
    }

    /// The same where one manifest lists all files. It tells no sizes, so that those of the blobs count.
    fn planted_flat(
        &self,
        folder: &FileState,
        below: &ProjectPath,
        entry: FileState,
    ) -> Result<FileState, CacheError> {
        let mut files = self.files(&ProjectPath::root(), folder)?;
        let size_of = |state: &FileState| self.size(&state.digest).unwrap_or(state.size);
        let mut size = folder.size;
        files.retain(|path, state| {
            let is_in_the_way = below.contains(path) || path.contains(below);
            if is_in_the_way {
                size = size.saturating_sub(size_of(state));
            }
            !is_in_the_way
        });
        files.extend(self.files(below, &entry)?);
        let state = self.store_listing(&files)?;
        Ok(FileState { size: size.saturating_add(entry.size), ..state })
    }

    /// The folder that holds `files`, whose manifests are stored. Paths are those in the folder, and none lies in another.
    ///
    /// # Errors
    /// When two names would be one after Unicode normalization, or the disk refuses.
    pub fn store_listing(&self, files: &Files) -> Result<FileState, CacheError> {
        refuse_same(&ProjectPath::root(), files.keys().map(ProjectPath::as_str))?;
        if !self.layout().is_flat() {
            let mut folder = Folder::default();
            for (path, state) in files {
                folder.insert(path.parts(), *state);
            }
            return folder.state(&mut |manifest| self.store_bytes(manifest).map(drop));
        }
        let files = || files.iter().filter(|(_, state)| !state.is_folder());
        let named = files().map(|(path, state)| (path.spelled().to_owned(), state.digest)).collect();
        let manifest = self.layout().encode_files(named).expect("a flat layout has a form for all files");
        let digest = hash_bytes_by(self.layout().algorithm(), &manifest);
        self.store_manifest(&digest, &manifest)?;
        let size = files().map(|(_, state)| state.size).fold(0, u64::saturating_add);
        Ok(FileState { digest, size, files: Some(files().count() as u64), executable: false })
    }

    fn planted(
        &self,
        folder: Option<&FileState>,
        at: &ProjectPath,
        parts: &[&str],
        entry: FileState,
    ) -> Result<FileState, CacheError> {
        let Some((name, rest)) = parts.split_first() else { return Ok(entry) };
        let tree = match folder.filter(|state| state.is_folder()) {
            Some(folder) => self.tree(&folder.digest)?,
            None => Tree::default(),
        };
        let is_it = |(known, _): &&(String, TreeEntry)| known == name;
        let before = tree.entries().iter().find(is_it).map(|(_, entry)| entry.state());
        let FileState { digest, size, files, executable } =
            self.planted(before.as_ref(), &at.join(name), rest, entry)?;
        let planted = match files {
            None => TreeEntry::File { digest, size, executable },
            Some(files) => TreeEntry::Folder { digest, size, files },
        };
        let others = tree.entries().iter().filter(|entry| !is_it(entry)).cloned();
        let tree = Tree::new(others.chain([((*name).to_owned(), planted)]).collect());
        refuse_same(at, tree.entries().iter().map(|(name, _)| name.as_str()))?;
        let (size, files) = tree.totals();
        let digest = self.store_bytes(&tree.encode())?;
        Ok(FileState { digest, size, files: Some(files), executable: false })
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests play the user, who writes files as he likes")]
mod tests {
    use super::*;
    use crate::{Placement, State, Workspace};

    fn path(text: &str) -> ProjectPath {
        ProjectPath::from_record(text).unwrap()
    }

    #[test]
    fn manifests_that_unfold_without_bound_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path());
        let mut state =
            FileState { digest: blobs.store_bytes(b"1").unwrap(), size: 1, files: None, executable: false };
        let wrap = |state: FileState, names: &[&str]| {
            let entry = match state.files {
                None => TreeEntry::File { digest: state.digest, size: 1, executable: false },
                Some(files) => TreeEntry::Folder { digest: state.digest, size: 1, files },
            };
            let tree = Tree::new(names.iter().map(|name| ((*name).to_owned(), entry.clone())).collect());
            let digest = blobs.store_bytes(&tree.encode()).unwrap();
            FileState { digest, size: 1, files: Some(1), executable: false }
        };
        for _ in 0..1001 {
            state = wrap(state, &["a"]);
        }
        let fault = blobs.files(&path("out"), &state).unwrap_err();
        assert!(matches!(fault, CacheError::Tree { .. }), "{fault}");
        // 2^60 files: asked for in no time.
        let mut state = wrap(FileState { files: None, ..state }, &["a"]);
        for _ in 0..60 {
            state = wrap(state, &["a", "b"]);
        }
        assert!(blobs.has_all(&state));
        check_size(&path("out"), &state.digest, LARGEST).unwrap();
        check_size(&path("out"), &state.digest, LARGEST + 1).unwrap_err();
    }

    #[test]
    fn a_planted_entry_is_what_storing_it_all_would_give() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::load(&folder.path().join(".pipe/state")).unwrap();
        let workspace = Workspace::new(folder.path(), &folder.path().join(".pipe/cache"), state);
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("out/a/b/old", "1");
        write("out/file", "2");
        std::fs::create_dir(folder.path().join("out/empty")).unwrap();
        let before = workspace.store(&path("out"), Placement::Private).unwrap().unwrap();
        for (file, text) in [("a/b/new", "3"), ("a/b/old", "4"), ("x/y", "5"), ("empty/z", "6")] {
            write(&format!("out/{file}"), text);
            let now = workspace.store(&path("out"), Placement::Private).unwrap().unwrap();
            let entry = workspace.store(&path(&format!("out/{file}")), Placement::Private).unwrap().unwrap();
            // From the state before the last change alone.
            let planted = workspace.blobs.with_entry(&before, &path(file), entry).unwrap();
            let files = workspace.blobs.files(&path("out"), &planted).unwrap();
            assert_eq!(files[&path(&format!("out/{file}"))], entry);
            assert_eq!(
                workspace.blobs.files(&path("out"), &now).unwrap(),
                workspace.listing(&path("out")).unwrap()
            );
        }
        let (old, new) =
            (workspace.blobs.files(&path("out"), &before).unwrap(), workspace.listing(&path("out")).unwrap());
        let difference = Difference::between(&old, &new);
        assert_eq!(difference.modified, [path("out/a/b/old")]);
        assert_eq!(difference.deleted, [path("out/empty")]);
        assert_eq!(difference.added, [path("out/a/b/new"), path("out/empty/z"), path("out/x/y")]);
        let mut planted = before;
        for file in ["a/b/new", "a/b/old", "x/y", "empty/z"] {
            let entry = workspace.observe(&path(&format!("out/{file}"))).unwrap().unwrap();
            planted = workspace.blobs.with_entry(&planted, &path(file), entry).unwrap();
        }
        assert_eq!(Some(planted), workspace.observe(&path("out")).unwrap());
    }
}
