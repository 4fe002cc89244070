//! Which variables a stage's command finds that this process did not.

use std::ffi::OsString;
use std::path::Path;

use pipeline::{Stage, Told};
use track::RunId;

use crate::environment::{self, names};
use crate::project::Project;

/// What `pipe` tells a command of itself; `search_path` is the one with this binary before it.
pub fn of_stage(
    project: &Project,
    stage: &Stage,
    run: RunId,
    search_path: Option<OsString>,
) -> Vec<(OsString, OsString)> {
    let name = stage.address.spelled();
    let mut variables: Vec<(OsString, OsString)> = vec![
        (names::ROOT.into(), project.root.clone().into()),
        (names::STAGE.into(), name.clone().into()),
        (names::RUN.into(), run.to_string().into()),
    ];
    for (variable, told) in project.dialect.command_variables() {
        let value: OsString = match told {
            Told::Root => project.root.clone().into(),
            Told::Stage => name.clone().into(),
        };
        variables.push(((*variable).into(), value));
    }
    variables.extend(search_path.map(|path| ("PATH".into(), path)));
    variables
}

/// The search path with a folder before it in which `pipe` is the running binary, whatever its file is
/// called. `None` when the folder cannot be made: then the user's own path has to do.
pub fn search_path_with_this_binary(project: &Project) -> Option<OsString> {
    let binary = std::env::current_exe().ok()?;
    let folder = project.pipe_path("tmp").join("bin");
    let link = folder.join("pipe");
    if std::fs::read_link(&link).ok().as_deref() != Some(binary.as_path())
        && disk::replace_symlink(&binary, &link).is_err()
    {
        starts(&binary, &link)?;
    }
    let known = environment::search_path();
    let paths = std::iter::once(folder).chain(std::env::split_paths(&known));
    std::env::join_paths(paths).ok()
}

/// Makes `script` start `binary`, where the file system has no symlinks that could.
fn starts(binary: &Path, script: &Path) -> Option<()> {
    let quoted = binary.to_str()?.replace('\'', r"'\''");
    let text = format!("#!/bin/sh\nexec '{quoted}' \"$@\"\n");
    if disk::read_bytes(script).ok().as_deref() != Some(text.as_bytes()) {
        disk::replace_volatile(script, text.as_bytes()).ok()?;
    }
    disk::set_mode(script, 0o755).ok()
}
