//! The way back: DVC's files are kept, and a script beside them puts them where they were.

use std::path::Path;

use base::ProjectPath;
use pipeline::Pipeline;

use crate::dvc_config::KEPT;
use crate::error::CliResult;
use crate::project::{DVC_FOLDER, PIPE_FOLDER, Project};

/// The script's name in [`KEPT`].
pub const SCRIPT: &str = "undo.sh";

/// The files of DVC that go: pipeline files, locks, pointers, ignore files.
pub fn old_files(root: &Path, pipeline: &Pipeline, ignores: &[ProjectPath]) -> Vec<ProjectPath> {
    let locks = pipeline.files.iter().map(pipeline::lock_beside);
    let files = pipeline.files.iter().cloned().chain(locks).chain(pipeline.pointers.iter().cloned());
    files.chain(ignores.iter().cloned()).filter(|file| file.to_path(root).exists()).collect()
}

/// Moves DVC's files aside, once the script that brings them back stands there. `new` are the files that conversion made,
/// `changed` those of others that it changed.
///
/// # Errors
/// When the disk refuses.
pub fn put_aside(
    project: &Project,
    old: &[ProjectPath],
    new: &[ProjectPath],
    changed: &[ProjectPath],
) -> CliResult {
    let root = &project.root;
    let aside = root.join(KEPT);
    // Git need not see what it has in its history.
    disk::replace(&aside.join(".gitignore"), b"*\n")?;
    disk::replace(&aside.join(SCRIPT), script(old, new, changed, project.git().is_some()).as_bytes())?;
    for file in old {
        disk::move_path(&file.to_path(root), &file.to_path(&aside))?;
    }
    let folder = root.join(DVC_FOLDER);
    if folder.exists() {
        disk::move_path(&folder, &aside.join(DVC_FOLDER))?;
    }
    Ok(())
}

fn script(old: &[ProjectPath], new: &[ProjectPath], changed: &[ProjectPath], has_git: bool) -> String {
    let mut lines = vec![
        "#!/bin/sh".to_owned(),
        "# Makes the project one of DVC again, as it was before `pipe convert`.".to_owned(),
        "set -e".to_owned(),
        "cd \"$(dirname \"$0\")/..\"".to_owned(),
        format!("rm -rf -- {PIPE_FOLDER} pipeline.lock"),
    ];
    let locks = new.iter().filter(|file| file.name() == "pipeline.yaml").map(pipeline::lock_beside);
    lines.extend(new.iter().cloned().chain(locks).map(|file| format!("rm -f -- {}", quoted(file.as_str()))));
    if has_git {
        // Refused of what git never had: it is left with a line too many then.
        lines.extend(changed.iter().map(|file| {
            let file = quoted(file.as_str());
            format!("git checkout --quiet HEAD -- {file} || true")
        }));
    }
    lines.extend(old.iter().map(|file| {
        let file = quoted(file.as_str());
        format!("if [ -e {KEPT}/{file} ]; then mv -f -- {KEPT}/{file} {file}; fi")
    }));
    lines.push(format!("if [ -e {KEPT}/{DVC_FOLDER} ]; then rm -rf -- {DVC_FOLDER}; mv -- {KEPT}/{DVC_FOLDER} {DVC_FOLDER}; fi"));
    lines.push(format!("rm -rf -- {KEPT}"));
    lines.join("\n") + "\n"
}

/// A word of the shell. A path in front of it may be one without quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
