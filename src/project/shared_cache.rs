//! A cache that others use too: users of its group, or other projects.

use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use base::Digest;
use pipeline::Dialect;
use track::{SqliteStore, told_holdings};

use super::Project;
use crate::dvc_config;
use crate::error::{CliError, CliResult};

/// What the runs of a project hold of the cache.
#[derive(Debug)]
pub enum Held {
    /// What the store says, which this user may read.
    Readable,
    /// What its user has left word of in the cache.
    Told(Vec<Digest>),
    /// It cannot be told.
    Unknown,
}

impl Project {
    /// Whether the users of its group share the cache.
    fn is_cache_shared(&self) -> bool {
        self.settings.is_cache_shared()
            || (self.dialect == Dialect::Dvc && dvc_config::is_cache_shared(&self.root))
    }

    /// Makes the cache fit to be written to: shared, where the settings want that, and told of a project that is outside.
    ///
    /// # Errors
    /// When the cache cannot be written to.
    pub fn prepare_cache(&self) -> Result<(), disk::DiskError> {
        if self.is_cache_shared() {
            disk::share_folder(&self.cache_folder())?;
        }
        self.register()
    }

    /// Tells a cache outside the project that the project needs it, so that nobody collects what it holds for it.
    ///
    /// # Errors
    /// When the cache cannot be written to.
    fn register(&self) -> Result<(), disk::DiskError> {
        let Some(file) = self.file_in_cache("projects") else { return Ok(()) };
        if file.exists() { Ok(()) } else { disk::replace(&file, self.root.as_os_str().as_encoded_bytes()) }
    }

    /// The project's own file in a folder of a cache outside the project.
    fn file_in_cache(&self, folder: &str) -> Option<PathBuf> {
        let (cache, root) = (self.cache_folder(), self.root.as_os_str().as_encoded_bytes());
        let name = || cache.join(folder).join(&cache::hash_bytes(root).hex()[..16]);
        (!cache.starts_with(&self.root)).then(name)
    }

    /// Has a run store tell a cache outside the project what its runs hold, since other users may not read it.
    pub fn telling(&self, store: SqliteStore) -> SqliteStore {
        match self.file_in_cache("held") {
            Some(list) => store.telling(list),
            None => store,
        }
    }

    /// Whether this user may read the run store, and what its runs hold if not.
    pub fn held_by_runs(&self) -> Held {
        let store = self.pipe_path("runs.db");
        match disk::may_not_be_read(&store) {
            false => Held::Readable,
            true => (self.file_in_cache("held").and_then(|list| told_holdings(&store, &list)))
                .map_or(Held::Unknown, Held::Told),
        }
    }

    /// The other projects that share the cache: those it knows of, and those that are named.
    ///
    /// # Errors
    /// When one of them cannot be found.
    pub fn sharing(&self, named: &[PathBuf]) -> CliResult<Vec<Project>> {
        let mut all = self.registered()?;
        all.extend(self.named(named)?);
        all.sort_by(|a, b| a.root.cmp(&b.root));
        all.dedup_by(|a, b| a.root == b.root);
        Ok(all)
    }

    /// The other projects in these folders.
    ///
    /// # Errors
    /// When there is none in one of them.
    pub fn named(&self, folders: &[PathBuf]) -> CliResult<Vec<Project>> {
        let mut others = Vec::new();
        for folder in folders {
            let shown = base::shown(folder);
            let root = std::fs::canonicalize(folder)
                .map_err(|fault| CliError::message(format!("there is no project {shown}: {fault}")))?;
            if root == self.root {
                continue;
            }
            let other = Project::at(&root, &root)?.with_settings()?;
            if other.dialect != self.dialect || !other.is_begun() {
                let kind = if self.dialect == Dialect::Dvc { "DVC" } else { "pipe" };
                return Err(CliError::message(format!("{shown} is no project of {kind}, as this one is"))
                    .hint("`--projects` takes the top folders of projects"));
            }
            others.push(other);
        }
        Ok(others)
    }

    fn registered(&self) -> CliResult<Vec<Project>> {
        let cache = self.cache_folder();
        let folder = cache.join("projects");
        let fault = |source| disk::DiskError::new("list folder", &folder, source);
        let files = match std::fs::read_dir(&folder) {
            Err(missing) if missing.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            files => files.map_err(fault)?,
        };
        let mut others = Vec::new();
        for file in files {
            let file = file.map_err(fault)?.path();
            let root = PathBuf::from(std::ffi::OsString::from_vec(disk::read(&file)?));
            if root == self.root {
                continue;
            }
            let found = std::fs::metadata(root.join(self.dialect.state_folder()));
            if let Err(fault) = &found
                && !matches!(fault.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
            {
                // Another user's may be closed to this one.
                let text = format!(
                    "what project {}, which shares this cache, needs of it cannot be told",
                    base::shown(&root)
                );
                return Err(CliError::message(format!("{text}: {fault}"))
                    .hint("nothing was removed; let this user look into it, or collect as a user who may"));
            }
            if !found.is_ok_and(|found| found.is_dir()) {
                let text = format!("project {}, which shares this cache, is not there", base::shown(&root));
                let hint = format!("mount it; or remove {}, if it is gone for good", base::shown(&file));
                return Err(CliError::message(text).hint(hint));
            }
            let other = Project::at(&root, &root)?.with_settings()?;
            // It may have another cache by now.
            if other.cache_folder() == cache {
                others.push(other);
            }
        }
        Ok(others)
    }
}
