//! `pipe add -o`: data that lies elsewhere comes to its place first.

use std::path::Path;

use base::ProjectPath;
use cache::{Placement, State, Workspace};

use crate::cli::tell_link;
use crate::error::{CliError, CliResult};
use crate::project::Project;
use crate::ui::Printer;

use super::AddArgs;

/// Copies a file or folder from anywhere to `to`, through the cache: what is half done stands nowhere.
pub fn bring_in(
    project: &Project,
    workspace: &Workspace,
    args: &AddArgs,
    to: &ProjectPath,
    printer: Printer,
) -> CliResult {
    let [from] = args.paths.as_slice() else {
        return Err(CliError::message("`-o` takes one PATH").hint("add several one after the other"));
    };
    if std::fs::symlink_metadata(workspace.os_path(to)).is_ok() && !args.force {
        return Err(CliError::message(format!("{to} exists already")).hint("`-f` replaces it"));
    }
    let from = std::fs::canonicalize(from).map_err(|source| disk::DiskError::new("find", from, source))?;
    let name = from.file_name().map(Path::new).unwrap_or(Path::new(""));
    let name = ProjectPath::from_relative(name)?;
    let folder = from.parent().unwrap_or(Path::new("/"));
    let memory = State::anew(&project.pipe_path("tmp").join("no-state"));
    let outside = Workspace::with_caches(folder, project.blobs(), project.stage_cache(), memory);
    let state = outside.store(&name, Placement::Private)?.ok_or_else(|| {
        CliError::message(format!("{} is not there any more", base::shown(&from)))
            .hint("nothing was recorded")
    })?;
    save_unsaved(workspace, to, printer)?;
    workspace.restore(to, &state, Placement::Linked)?;
    Ok(())
}

/// Saves what no cache holds of a path that is about to be replaced, and says how it comes back.
///
/// # Errors
/// When it cannot be saved.
pub fn save_unsaved(workspace: &Workspace, path: &ProjectPath, printer: Printer) -> CliResult {
    let saved = workspace.save_unsaved(path)?;
    saved.links.iter().for_each(|link| tell_link(workspace, link, "replaced", printer));
    if let Some(saved) = saved.state {
        printer.insist(format_args!(
            "Saved {path}, which was in no cache, before it is replaced; `pipe data restore {} DESTINATION` brings it back",
            &saved.digest.hex()[..12]
        ));
    }
    Ok(())
}
