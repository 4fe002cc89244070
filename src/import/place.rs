//! What lies outside of any repository: at a URL, at a path of this machine, in the folder of a remote.

use std::path::{Path, PathBuf};

use pipeline::{Import, SpecialKind, SpecialName};

use super::{Brought, Depot};
use crate::error::{CliError, CliResult};
use crate::remotes;

/// Brings what `import` names, or, with `is_looked_at`, only says what it is.
///
/// # Errors
/// When it is not there, or cannot be read.
pub fn bring(depot: &Depot<'_>, import: &Import, wdir: &Path, is_looked_at: bool) -> CliResult<Brought> {
    let working = depot.printer.working(&format!("Reading {}", import.path));
    let mut import = import.clone();
    let state = match local(depot, &import.path, wdir)? {
        Some(path) => {
            let state = depot.store(&path, is_looked_at)?;
            import.state = Some(state);
            state
        }
        None => {
            let (state, told) = match is_looked_at {
                true => exec::ask_url(&import.path)
                    .map_err(CliError::message)?
                    .ok_or_else(|| gone(&import.path))?,
                false => download(depot, &import.path)?,
            };
            import.size = Some(state.size);
            import.checksum = Some(told.strip_prefix("etag ").unwrap_or(&told).to_owned());
            import.state = Some(state);
            state
        }
    };
    drop(working);
    Ok(Brought { state: (!is_looked_at).then(|| depot.as_recorded(state)), import })
}

fn gone(url: &str) -> CliError {
    CliError::message(format!("the server has nothing at {url}"))
}

/// The path on this machine that is meant; `None` of a URL that a server is asked for.
fn local(depot: &Depot<'_>, text: &str, wdir: &Path) -> CliResult<Option<PathBuf>> {
    if !text.contains("://") {
        return Ok(Some(wdir.join(text)));
    }
    let name = SpecialName::url(text).map_err(CliError::message)?;
    match name.kind {
        SpecialKind::Url => Ok(None),
        SpecialKind::Remote => {
            let (remote, path) = name.in_remote().unwrap_or_default();
            let project = depot.project.ok_or_else(|| {
                CliError::message(format!("`{text}` names a remote, and here is no project that knows it"))
            })?;
            let remote = remotes::open_existing(project, remote)?;
            Ok(Some(path.to_path(remote.root())))
        }
        _ => Ok(Some(PathBuf::from(name.text))),
    }
}

/// Fetches a file and stores it. Returns what it holds, and what the server told of it.
fn download(depot: &Depot<'_>, url: &str) -> CliResult<(base::FileState, String)> {
    let scratch = depot.scratch()?;
    let file = scratch.0.join("download");
    let mut answer = None;
    let mut fault = None;
    let stop = || depot.interrupt.came();
    disk::replace_with(&file, |to| {
        match exec::download_url(url, to, &stop) {
            Ok(told) => answer = told,
            Err(message) => fault = Some(message),
        }
        Ok(())
    })?;
    if depot.interrupt.came() {
        return Err(CliError::silent(crate::error::ErrorKind::Interrupted(depot.interrupt.signal())));
    }
    if let Some(fault) = fault {
        return Err(CliError::message(fault));
    }
    let told = answer.ok_or_else(|| gone(url))?;
    Ok((depot.store(&file, false)?, told))
}
