//! A cache that others use too: users of its group, or other projects.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base::Digest;
use disk::Holder;
use pipeline::Dialect;
use track::{SqliteStore, told_holdings};

use super::{DVC_FOLDER, PIPE_FOLDER, Project};
use crate::cli::quoted_path;
use crate::dvc_config;
use crate::error::{CliError, CliResult};

/// A project of which a cache has been told.
#[derive(Debug)]
struct Known {
    /// The file that says so.
    file: PathBuf,
    root: PathBuf,
    /// The host on whose disk it is; nothing where that was not told.
    host: Option<String>,
}

impl Known {
    /// What the file holds: see [`Project::name_in_cache`].
    fn new(file: PathBuf, mut name: Vec<u8>) -> Self {
        let host = name.iter().position(|byte| *byte == 0).map(|end| {
            let host = String::from_utf8_lossy(&name[end + 1..]).into_owned();
            name.truncate(end);
            host
        });
        Known { file, root: PathBuf::from(OsString::from_vec(name)), host }
    }

    /// Whether it is on a disk of another host, which cannot be looked at from here.
    fn is_elsewhere(&self) -> bool {
        self.host.as_ref().is_some_and(|host| *host != Holder::current().host)
    }

    /// Its path; with its host, as in `host:/path`, where that is another.
    fn shown(&self) -> String {
        let root = base::shown(&self.root);
        match &self.host {
            Some(host) if self.is_elsewhere() => format!("{}:{root}", base::one_line(host)),
            _ => root,
        }
    }
}

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
        if file.exists() { Ok(()) } else { disk::replace(&file, &self.name_in_cache()) }
    }

    /// The project's own file in a folder of a cache outside the project.
    fn file_in_cache(&self, folder: &str) -> Option<PathBuf> {
        let cache = self.cache_folder();
        let name = || cache.join(folder).join(&cache::hash_bytes(&self.name_in_cache()).hex()[..16]);
        (!cache.starts_with(&self.root)).then(name)
    }

    /// What the project is called in a cache outside it: its path; and its host after a NUL where the cache is on a network
    /// file system and the project is not, so that a project of another host at the same path is another one.
    fn name_in_cache(&self) -> Vec<u8> {
        let mut name = self.root.as_os_str().as_encoded_bytes().to_vec();
        let cache = self.cache_folder();
        let there = cache.ancestors().find(|folder| folder.is_dir());
        if there.is_some_and(disk::is_network) && !disk::is_network(&self.root) {
            name.push(0);
            name.extend_from_slice(Holder::current().host.as_bytes());
        }
        name
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

    /// Makes the cache forget projects that are gone for good, so that nothing is kept for them any more.
    ///
    /// # Errors
    /// When one of them is there, cannot be looked at, or is not known; then none is forgotten.
    pub fn forget(&self, folders: &[PathBuf]) -> CliResult {
        let known = self.known_projects()?;
        let mut files = Vec::new();
        for folder in folders {
            let root = cache::lexical(&std::path::absolute(folder).unwrap_or_else(|_| folder.clone()));
            let shown = base::shown(&root);
            // As those of other hosts are shown.
            let is_named = |known: &&Known| known.is_elsewhere() && Path::new(&known.shown()) == folder;
            if let Some(Known { file, .. }) = known.iter().find(is_named) {
                files.push(file);
                continue;
            }
            let Some(Known { file, .. }) =
                known.iter().find(|known| known.root == root && !known.is_elsewhere())
            else {
                let names: Vec<String> = known.iter().map(Known::shown).collect();
                let cache = base::shown(&self.cache_folder());
                let which = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                return Err(CliError::message(format!("the cache {cache} knows of no project {shown}"))
                    .hint(format!("those that it knows of: {which}")));
            };
            match std::fs::symlink_metadata(&root) {
                Err(fault) if matches!(fault.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                Err(fault) => return Err(unknown_needs(&root, fault.into(), &self.cache_folder())),
                Ok(_) => {
                    return Err(CliError::refusal(format!("project {shown} is not forgotten: it is there"))
                        .hint("remove it first, where it is not needed; nothing was touched"));
                }
            }
            files.push(file);
        }
        for file in files {
            // What its runs hold, too.
            if let Some(name) = file.file_name() {
                disk::remove(&self.cache_folder().join("held").join(name))?;
            }
            disk::remove(file)?;
        }
        Ok(())
    }

    /// The projects of which the cache has been told, with the file that says so.
    fn known_projects(&self) -> CliResult<Vec<Known>> {
        let folder = self.cache_folder().join("projects");
        let fault = |source| disk::DiskError::new("list folder", &folder, source);
        let files = match std::fs::read_dir(&folder) {
            Err(missing) if missing.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            files => files.map_err(fault)?,
        };
        let mut known = Vec::new();
        for file in files {
            let file = file.map_err(fault)?.path();
            // One that is forgotten just now is none.
            known.extend(disk::read_optional(&file)?.map(|name| Known::new(file, name)));
        }
        Ok(known)
    }

    fn registered(&self) -> CliResult<Vec<Project>> {
        let cache = self.cache_folder();
        let mut others = self.beside()?;
        // It may have another cache by now.
        others.retain(|other| other.dialect == self.dialect && other.cache_folder() == cache);
        Ok(others)
    }

    /// Projects of the other tool of which the cache has been told, as ones of the tool of this one: what they record now lies
    /// elsewhere or under other names, but what they recorded before `pipe convert` may lie there.
    ///
    /// # Errors
    /// When one of them cannot be found.
    pub fn sharing_by_history(&self) -> CliResult<Vec<Project>> {
        let mut others = self.beside()?;
        others.retain(|other| other.dialect != self.dialect);
        for other in &mut others {
            other.dialect = self.dialect;
        }
        Ok(others)
    }

    /// The other projects of which the cache has been told, whichever tool they are of.
    fn beside(&self) -> CliResult<Vec<Project>> {
        let cache = self.cache_folder();
        let mut others = Vec::new();
        for known in self.known_projects()? {
            if known.is_elsewhere() {
                return Err(elsewhere(&known));
            }
            let root = known.root;
            if root == self.root {
                continue;
            }
            // Another user's may be closed to this one.
            let is_there = |path: &Path| match std::fs::metadata(path) {
                Ok(found) => Ok(found.is_dir()),
                Err(fault) if matches!(fault.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    Ok(false)
                }
                Err(fault) => Err(unknown_needs(&root, fault.into(), &cache)),
            };
            if !is_there(&root.join(PIPE_FOLDER))? && !is_there(&root.join(DVC_FOLDER))? {
                return Err(gone(&root));
            }
            let other = Project::at(&root, &root).and_then(Project::with_settings);
            others.push(other.map_err(|fault| unknown_needs(&root, fault, &cache))?);
        }
        Ok(others)
    }
}

/// That a project which shares a cache is not there.
fn gone(root: &Path) -> CliError {
    let shown = base::shown(root);
    let way = match std::fs::symlink_metadata(root) {
        Ok(_) => format!("remove what is left of it and run `pipe gc --forget {}`", quoted_path(&shown)),
        Err(_) => format!("`pipe gc --forget {}`", quoted_path(&shown)),
    };
    CliError::message(format!("project {shown}, which shares this cache, is not there"))
        .hint(format!("nothing was removed; mount it; or {way}, if it is gone for good"))
}

/// That a project which shares a cache is on a disk of another host.
fn elsewhere(known: &Known) -> CliError {
    let shown = known.shown();
    CliError::message(format!("project {shown}, which shares this cache, is on a disk of another host")).hint(
        format!(
            "nothing was removed, since what it needs cannot be told from here; or `pipe gc --forget {}`, if it is \
             gone for good",
            quoted_path(&shown)
        ),
    )
}

/// That it cannot be told what a project needs of a cache that it shares.
pub fn unknown_needs(root: &Path, fault: CliError, cache: &Path) -> CliError {
    let shown = base::shown(root);
    let is_closed = fault.source.iter().flat_map(|source| source.chain()).any(|cause| {
        let of_disk = cause.downcast_ref::<disk::DiskError>().map(|fault| &fault.source);
        of_disk.or(cause.downcast_ref()).is_some_and(|fault| fault.kind() == ErrorKind::PermissionDenied)
    });
    let fault =
        fault.context(format!("what project {shown}, which shares this cache, needs of it cannot be told"));
    if !is_closed {
        return fault.hint(format!("nothing was removed; files and commands are those in {shown}"));
    }
    let group = std::fs::metadata(cache).map_or(0, |found| found.gid());
    let path = quoted_path(&shown);
    fault.hint(format!(
        "nothing was removed; its user lets the group of the cache look into it with `chgrp -R {group} {path}` and \
         `chmod -R g+rX {path}`, and with a umask of 027 it stays so; or collect as a user who may"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_of_another_host_at_the_same_path_is_another_one() {
        let known = |name: &str| Known::new(PathBuf::from("file"), name.as_bytes().to_vec());
        let here = known(&format!("/data/project\0{}", Holder::current().host));
        let (there, old) = (known("/data/project\0elsewhere.test"), known("/data/project"));
        assert_eq!([&here, &there, &old].map(Known::is_elsewhere), [false, true, false]);
        assert_eq!(
            [&here, &there, &old].map(Known::shown),
            ["/data/project", "elsewhere.test:/data/project", "/data/project"]
        );
        assert!([here, there, old].iter().all(|known| known.root == Path::new("/data/project")));
    }
}
