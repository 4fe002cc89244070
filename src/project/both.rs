//! What is said where `.pipe` and `.dvc` stand side by side. Each may hold the only copy of data, so that removing one is
//! never the advice.

use std::path::Path;
use std::time::Duration;

use disk::{LockError, LockFile};

use super::{CONVERTING, DVC_FOLDER, PIPE_FOLDER};
use crate::cli::quoted_path;
use crate::error::CliError;

/// Why nothing can be done in the project at `root`, and the way on.
pub fn both(root: &Path) -> CliError {
    let pipe = |name: &str| root.join(PIPE_FOLDER).join(name).exists();
    let dvc = |name: &str| root.join(DVC_FOLDER).join(name).exists();
    if root.join(CONVERTING).exists() {
        return half_converted(root);
    }
    let fault = CliError::message(format!("{} has both {PIPE_FOLDER} and {DVC_FOLDER}", base::shown(root)));
    // Git takes away what it tracks, and leaves caches and runs.
    let is_pipe_of_git = pipe(".gitignore") || pipe("config.toml");
    if is_pipe_of_git && !dvc("config") && !root.join("dvc.yaml").exists() {
        let holds = [("cache", "its cache"), ("tmp/pipe/runs.db", "the runs that were recorded with pipe")];
        let holds: Vec<&str> = holds.iter().filter(|(name, _)| dvc(name)).map(|(_, what)| *what).collect();
        let holds =
            if holds.is_empty() { String::new() } else { format!(" holds {}, and", holds.join(" and ")) };
        let name = root.file_name().map_or_else(|| "project".into(), |name| name.to_string_lossy());
        let beside = |end: &str| quoted_path(&format!("../{name}{end}"));
        return fault
            .hint(format!(
                "the project was made one of pipe (`pipe convert`). What is left in {DVC_FOLDER}{holds} is perhaps nowhere else: move it \
                 aside with `mv {DVC_FOLDER} {}`, so that git does not add it, and keep it",
                beside(".dvc")
            ))
            .hint(format!(
                "what you never pushed, and the runs: `git worktree add {} COMMIT` with the last commit from before, `cp -a \
                 {} {}`, and there `pipe push`, `pipe checkout`, `pipe runs list`. Data that is to be in this project, too, is \
                 copied here and recorded with `pipe add`",
                beside("-old"),
                beside(".dvc/."),
                beside("-old/.dvc/")
            ));
    }
    if dvc("config") && !is_pipe_of_git {
        return fault.hint(format!(
            "this commit is one of DVC. What is left in {PIPE_FOLDER} is of commits after `pipe convert`, and its data and runs are perhaps \
             nowhere else: keep it, and do not let git add it. `git switch BRANCH` leads back; to look at this commit, use dvc, or a folder of its \
             own: `git worktree add FOLDER COMMIT`"
        ));
    }
    if pipe("cache") || pipe("runs.db") {
        return fault.hint(format!(
            "a project is one of pipe or one of DVC. Keep {PIPE_FOLDER}, which holds data or runs. A commit from before `pipe \
             convert` is looked at with dvc, or in a folder of its own: `git worktree add FOLDER COMMIT`"
        ));
    }
    fault.hint(
        "a project is one of pipe or one of DVC, and pipe works with both: move the folder that is not in use out of the project",
    )
}

/// DVC's files and ours stand side by side: `pipe convert` is at work, or was killed.
fn half_converted(root: &Path) -> CliError {
    let lock = root.join(CONVERTING).with_file_name("lock");
    let is_free =
        LockFile::acquire_to_read(&lock, disk::Sharing::Shared, Duration::ZERO, &|| true, &mut |_| ());
    match is_free {
        Err(LockError::Held { .. }) => {
            CliError::message(format!("`pipe convert` is at work in {}", base::shown(root)))
                .hint("wait until it is done")
        }
        _ => CliError::message(format!("the conversion of {} was cut off", base::shown(root)))
            .hint("`pipe convert` goes on: it takes back what was done, and begins again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_out_name_folders_as_a_shell_takes_them() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("it's mine");
        for file in [".pipe/config.toml", ".dvc/cache/x"] {
            disk::replace(&root.join(file), b"").unwrap();
        }
        let hints = both(&root).hints.concat();
        for part in ["`mv .dvc '../it'", "`git worktree add '../it'", "mine.dvc/.' '../it'"] {
            assert!(hints.contains(part), "{hints}");
        }
    }
}
