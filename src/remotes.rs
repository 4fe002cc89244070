//! Opens remotes by what the settings say of them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use cache::{Extent, Meter, RESUMED, Remote, Results, Root, Transfer, Workspace};
use pipeline::{Dialect, Recorded, run_outs};
use remote::{FolderRemote, Rights};
use serde_json::{Value as Json, json};

use crate::dvc_config;
use crate::environment;
use crate::error::{CliError, CliResult};
use crate::project::Project;

/// How many objects are transferred at once when nothing is said.
pub fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(4, |cores| usize::from(cores) * 4).min(32)
}

/// The name of the remote that is meant: the one that is named, else the default one, else the only one.
///
/// # Errors
/// When there is none of that name, or it is not said which of several.
pub fn name(project: &Project, named: Option<&str>) -> CliResult<String> {
    let (remotes, default) = project.remotes();
    let named = named.map(|name| project.dialect.remote_name(name));
    let known = || remotes.iter().map(|(name, _)| name.as_str());
    if let Some(name) = named.as_deref().or(default.as_deref()) {
        if known().any(|known| known == name) {
            return Ok(name.to_owned());
        }
        let hint = pipeline::did_you_mean(name, known()).unwrap_or_else(|| {
            format!("`pipe remote add {name} URL` makes it known; `pipe remote list` lists them")
        });
        return Err(CliError::message(format!("there is no remote `{name}`")).hint(hint));
    }
    match &remotes[..] {
        [(only, _)] => Ok(only.clone()),
        [] => Err(CliError::message("there is no remote to share data through")
            .hint("`pipe remote add --default NAME FOLDER` makes one known")),
        _ => Err(CliError::message("there are several remotes, and none is the default one")
            .hint("name one with `-r`, or choose with `pipe remote default NAME`")),
    }
}

/// Opens the remote of a name.
///
/// # Errors
/// When there is none, or its URL is of a kind that is not known yet.
pub fn open(project: &Project, name: &str) -> CliResult<FolderRemote> {
    let name = self::name(project, Some(name))?;
    let (remotes, _) = project.remotes();
    let url = remotes.into_iter().find(|(known, _)| *known == name).map(|(_, url)| url).unwrap_or_default();
    let rights = Rights {
        read_only: project.layout().read_only_keys(),
        shared: project.dialect == Dialect::Dvc && dvc_config::is_remote_shared(&project.root, &name),
    };
    let remote = FolderRemote::new(&name, &folder(project, &url)?).with_rights(rights);
    Ok(remote.with_sync(project.settings.push_sync()))
}

/// Opens a remote that something is to be read from: what is not there, or not mounted, must not pass for empty.
///
/// # Errors
/// As [`open`], and when there is no such folder.
pub fn open_existing(project: &Project, name: &str) -> CliResult<FolderRemote> {
    let remote = open(project, name)?;
    if remote.root().is_dir() {
        return Ok(remote);
    }
    Err(CliError::message(format!(
        "remote `{name}` is not there: {} is no folder",
        base::shown(remote.root())
    ))
    .hint(format!(
        "mount it if it is a share; where it was moved, `pipe remote modify {name} url FOLDER` says so; the first `pipe \
         push` makes it"
    )))
}

/// What to say where nothing was ever put at a remote: it looks like the place where a share is to be mounted.
pub fn emptiness(remote: &FolderRemote) -> Option<String> {
    let is_empty = std::fs::read_dir(remote.root()).is_ok_and(|mut entries| entries.next().is_none());
    is_empty
        .then(|| format!("remote `{}` is empty: {} holds nothing", remote.name(), base::shown(remote.root())))
}

/// Refuses to begin a remote anew whose folder has been used from here and now is absent or empty: most likely a share
/// is not mounted, and what is put there would lie on the disk below.
///
/// # Errors
/// When that is so.
pub fn refuse_vanished(project: &Project, remote: &FolderRemote) -> CliResult {
    let is_gone = !remote.root().is_dir() || emptiness(remote).is_some();
    if !is_gone || !used(project).contains(remote.root()) {
        return Ok(());
    }
    let what = if remote.root().is_dir() { "holds nothing" } else { "is not there" };
    let (name, folder) = (remote.name(), base::shown(remote.root()));
    Err(CliError::message(format!("remote `{name}` was used before, and now {folder} {what}"))
        .hint(format!(
            "mount it if it is a share; where it was moved, `pipe remote modify {name} url FOLDER` says so; `pipe push \
             --create` begins it anew"
        )))
}

/// Remembers that a remote's folder holds something.
///
/// # Errors
/// When that cannot be written down.
pub fn remember_used(project: &Project, remote: &FolderRemote) -> CliResult {
    let mut used = used(project);
    if !remote.root().is_dir() || emptiness(remote).is_some() || !used.insert(remote.root().to_owned()) {
        return Ok(());
    }
    let folders: Vec<_> = used.iter().filter_map(|folder| folder.to_str()).collect();
    let mut text = serde_json::to_string_pretty(&json!({ "version": USED_VERSION, "folders": folders }))?;
    text.push('\n');
    Ok(disk::replace(&project.pipe_path(USED), text.as_bytes())?)
}

/// The same remote, remembered as one that was used as soon as something was put there: also where what puts it dies then.
pub fn noting_use(project: &Project, remote: FolderRemote) -> FolderRemote {
    let (project, noted) = (project.clone(), FolderRemote::new(remote.name(), remote.root()));
    // At the end it is tried again, and told.
    remote.on_first_put(move || drop(remember_used(&project, &noted)))
}

const USED: &str = "remotes.json";
const USED_VERSION: u32 = 1;

/// The folders of remotes that were used from here. Deleting the file costs a question, never data.
fn used(project: &Project) -> BTreeSet<PathBuf> {
    let text = disk::read_text_optional(&project.pipe_path(USED)).ok().flatten().unwrap_or_default();
    let record: Json = serde_json::from_str(&text).unwrap_or_default();
    let folders = record["folders"].as_array().filter(|_| record["version"] == USED_VERSION);
    folders.into_iter().flatten().filter_map(Json::as_str).map(PathBuf::from).collect()
}

/// The folder that a URL names: an absolute path, one relative to the project's root, one at the user's home, or
/// `file://` with an absolute path.
///
/// # Errors
/// When it is of another kind.
pub fn folder(project: &Project, url: &str) -> CliResult<PathBuf> {
    let path = match url.split_once("://") {
        None => url,
        Some(("file", path)) if path.starts_with('/') && project.dialect == Dialect::Dvc => {
            let text = format!("DVC takes `{url}` for a folder `file:` below the one where it is called");
            return Err(
                CliError::message(text).hint(format!("write the path alone, which both take: {path}"))
            );
        }
        Some(("file", path)) if path.starts_with('/') => path,
        Some(("file", _)) => {
            return Err(CliError::message(format!("`{url}` names no folder"))
                .hint("write three slashes before an absolute path: file:///data/shared"));
        }
        Some(("remote", rest)) => {
            let base = rest.split('/').next().unwrap_or_default();
            return Err(CliError::message(format!(
                "`{url}` leads to no folder: there is no remote `{base}`, or it leads back here"
            ))
            .hint("`pipe remote list` lists the remotes with their URLs"));
        }
        Some((scheme, _)) => {
            return Err(CliError::message(format!("remotes of the kind `{scheme}://` are not there yet"))
                .hint("a folder for now: on a disk, or on a share that is mounted"));
        }
    };
    let home = path.strip_prefix("~/").and_then(|below| Some(environment::home()?.join(below)));
    Ok(cache::lexical(&project.root.join(home.unwrap_or_else(|| PathBuf::from(path)))))
}

/// Fetches the lists of a recorded folder that the cache lacks from the default remote, without the files in them.
///
/// # Errors
/// When there is no remote, or it does not have one.
pub fn bring_lists(project: &Project, blobs: &cache::Blobs, folder: &base::FileState) -> CliResult {
    let remote = open_existing(project, &name(project, None)?)?;
    let meter = Meter::new(Arc::default());
    Ok(transfer(blobs, &remote, None, &meter).fetch_manifests(folder)?)
}

/// Transfers between the cache of a project and a remote.
pub fn transfer<'a>(
    blobs: &'a cache::Blobs,
    remote: &'a FolderRemote,
    jobs: Option<u16>,
    meter: &'a Meter,
) -> Transfer<'a> {
    let jobs = jobs.map_or_else(default_jobs, usize::from);
    Transfer { blobs, remote, jobs, resumed: RESUMED, meter }
}

/// The results of a project, as its tool keeps them.
pub fn results<'a>(project: &Project, workspace: &'a Workspace) -> Results<'a> {
    match project.dialect {
        Dialect::Native => Results::Stages(&workspace.stages),
        Dialect::Dvc => {
            Results::Runs { blobs: &workspace.blobs, trust: workspace.stages.trust(), read: run_roots }
        }
    }
}

fn run_roots(text: &str) -> Option<Vec<Root>> {
    let outs = run_outs(text).ok()?.into_iter();
    let root = |Recorded { path, state, is_old }| Root { path, state, is_old, extent: Extent::Whole };
    Some(outs.map(root).collect::<Vec<_>>()).filter(|roots| !roots.is_empty())
}
