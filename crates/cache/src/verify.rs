//! Whether the cache still holds what it was given: blobs are hashed again, and damaged ones replaced where the
//! workspace has the same content.
//!
//! Nothing else asks this of all blobs: a blob is checked whenever its bytes are used, and hashing the whole cache to
//! find that nothing is to be done would cost more than any reproduction saves.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use base::{Digest, FileState, ProjectPath};
use rayon::prelude::*;

use crate::{CacheError, Placement, Workspace};

/// A blob whose bytes are not those of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedBlob {
    /// The content that the blob should hold.
    pub digest: Digest,
    /// Where that content belongs: outs, or paths in them. At least one.
    pub paths: Vec<ProjectPath>,
}

/// What became of a damaged blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// Where its bytes lie now.
    pub aside: PathBuf,
    /// The path that still held its content, which was stored again from there; `None` when none did.
    pub from: Option<ProjectPath>,
}

impl Workspace {
    /// The damaged blobs among those that hold the contents `recorded`, ascending by digest. Blobs that are not there
    /// are not damaged, and what a damaged manifest names is not known.
    ///
    /// # Errors
    /// When a blob cannot be read.
    pub fn damaged(&self, recorded: &[(ProjectPath, FileState)]) -> Result<Vec<DamagedBlob>, CacheError> {
        let mut named = BTreeMap::new();
        for (path, state) in recorded {
            self.name_contents(path, state, &mut named);
        }
        let judge = |(digest, paths): (Digest, Vec<ProjectPath>)| match self.is_damaged(&digest) {
            Ok(false) => None,
            Ok(true) => Some(Ok(DamagedBlob { digest, paths })),
            Err(fault) => Some(Err(fault)),
        };
        named.into_par_iter().filter_map(judge).collect()
    }

    /// Takes a damaged blob out of the way, and stores its content again from the first of its paths that holds it.
    /// To be called with the project's lock held: then nobody replaces the blob meanwhile.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn mend(&self, damage: &DamagedBlob) -> Result<Mended, CacheError> {
        // What a link shows is what somebody wrote through it: it stays where it was written.
        for path in &damage.paths {
            let os_path = self.os_path(path);
            let is_link =
                |metadata: fs::Metadata| metadata.is_symlink() || metadata.is_file() && metadata.nlink() > 1;
            if fs::symlink_metadata(&os_path).is_ok_and(is_link) {
                self.unprotect(path)?;
            }
        }
        let aside = self.blobs.quarantine(&damage.digest)?;
        // A path that cannot be read does not hold it.
        let holds = |path: &&ProjectPath| {
            self.observe(path).is_ok_and(|now| now.is_some_and(|now| now.digest == damage.digest))
        };
        let from = damage.paths.iter().find(holds).cloned();
        if let Some(path) = &from {
            self.store(path, Placement::Linked)?;
        }
        Ok(Mended { aside, from })
    }

    fn name_contents(
        &self,
        path: &ProjectPath,
        state: &FileState,
        named: &mut BTreeMap<Digest, Vec<ProjectPath>>,
    ) {
        named.entry(state.digest).or_default().push(path.clone());
        if state.is_folder()
            && let Ok(tree) = self.blobs.tree(&state.digest)
        {
            for (name, entry) in tree.entries() {
                self.name_contents(&path.join(name), &entry.state(), named);
            }
        }
    }

    fn is_damaged(&self, digest: &Digest) -> Result<bool, CacheError> {
        match self.blobs.has(digest) {
            true => Ok(!self.blobs.is_named_right(digest, &self.blobs.path(digest))?),
            false => Ok(false),
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests play the user, who writes files as he likes")]
mod tests {
    use super::*;
    use crate::State;

    fn path(text: &str) -> ProjectPath {
        ProjectPath::from_record(text).unwrap()
    }

    #[test]
    fn damage_is_found_and_mended_from_the_workspace() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let workspace = Workspace::new(root, &root.join(".pipe/cache"), State::anew(&root.join("state")));
        fs::create_dir_all(root.join("out/sub")).unwrap();
        for (name, text) in [("out/a", "1"), ("out/sub/b", "2"), ("copy", "2"), ("alone", "3")] {
            fs::write(root.join(name), text).unwrap();
        }
        let store =
            |name: &str| (path(name), workspace.store(&path(name), Placement::Linked).unwrap().unwrap());
        let recorded = [store("out"), store("copy"), store("alone")];
        assert_eq!(workspace.damaged(&recorded).unwrap(), []);
        let [out, copy, alone] = [0, 1, 2].map(|at: usize| recorded[at].1.digest);
        for digest in [&out, &copy, &alone] {
            disk::replace(&workspace.blobs.path(digest), b"evil").unwrap();
        }
        let damaged = |digest: Digest| {
            let found = workspace.damaged(&recorded).unwrap();
            found.into_iter().find(|damage| damage.digest == digest)
        };
        assert_eq!(damaged(out).unwrap().paths, [path("out")]);
        assert_eq!(
            damaged(copy).unwrap().paths,
            [path("copy")],
            "what a damaged manifest names is not known"
        );
        let mended = workspace.mend(&damaged(out).unwrap()).unwrap();
        assert_eq!(mended.from, Some(path("out")));
        assert_eq!(fs::read(mended.aside).unwrap(), b"evil");
        // Storing the folder mended what is in it too.
        assert_eq!(damaged(copy), None);
        disk::replace(&workspace.blobs.path(&copy), b"evil").unwrap();
        assert_eq!(damaged(copy).unwrap().paths, [path("out/sub/b"), path("copy")]);
        // The first place has other bytes now, and the second has them still.
        fs::write(root.join("out/sub/b"), "other").unwrap();
        assert_eq!(workspace.mend(&damaged(copy).unwrap()).unwrap().from, Some(path("copy")));
        fs::remove_file(root.join("alone")).unwrap();
        assert_eq!(workspace.mend(&damaged(alone).unwrap()).unwrap().from, None);
        assert_eq!(workspace.damaged(&recorded).unwrap(), []);
        assert!(workspace.blobs.has_all(&recorded[0].1) && !workspace.blobs.has(&alone));
    }
}
