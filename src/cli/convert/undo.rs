//! The way back: DVC's files are kept, and a script beside them puts them where they were.

use std::path::Path;

use base::ProjectPath;
use pipeline::Pipeline;

use crate::dvc_config::KEPT;
use crate::error::CliResult;
use crate::interrupt::Interrupt;
use crate::project::{CONVERTING, DVC_FOLDER, PIPE_FOLDER, Project};

/// The script's name in [`KEPT`].
pub const SCRIPT: &str = "undo.sh";

/// Where the texts of files lie that are git's and that conversion changed, in [`KEPT`].
const TEXTS: &str = ".texts";

/// The list of what conversion made in the folder of ours, in [`KEPT`].
const MADE: &str = ".made";

/// What comes and goes there.
const TEMPORARY: &str = ".pipe/tmp";

/// What every command may write there, and nobody misses.
const MEMORIES: [&str; 5] =
    [".pipe/lock", ".pipe/lock.holders", ".pipe/agreed", ".pipe/placed", ".pipe/state"];

/// A file of git's that conversion changed.
#[derive(Debug)]
pub struct ChangedText {
    /// The file.
    pub file: ProjectPath,
    /// What stood in it; `None` where it was not there.
    pub before: Option<String>,
    /// What it got.
    pub after: String,
}

/// The files of DVC that go: pipeline files, locks, pointers, ignore files.
pub fn old_files(root: &Path, pipeline: &Pipeline, ignores: &[ProjectPath]) -> Vec<ProjectPath> {
    let locks = pipeline.files.iter().map(pipeline::lock_beside);
    let files = pipeline.files.iter().cloned().chain(locks).chain(pipeline.pointers.iter().cloned());
    files.chain(ignores.iter().cloned()).filter(|file| file.to_path(root).exists()).collect()
}

/// Moves DVC's files aside, once the script that brings them back stands there. `new` are the files that conversion made,
/// `changed` those of others that it changed. DVC's folder goes last: with it, the conversion is done.
///
/// # Errors
/// When the disk refuses, or `interrupt` came before it was done.
pub fn put_aside(
    project: &Project,
    old: &[ProjectPath],
    (new, changed): (&[ProjectPath], &[ChangedText]),
    interrupt: &Interrupt,
) -> CliResult {
    let root = &project.root;
    let aside = root.join(KEPT);
    let pipe = root.join(PIPE_FOLDER);
    let mut made = Vec::new();
    list_files(&pipe, PIPE_FOLDER, &mut made);
    made.sort_unstable();
    // Git need not see what it has in its history.
    disk::replace(&aside.join(".gitignore"), b"*\n")?;
    disk::replace(
        &aside.join(MADE),
        made.iter().map(|file| format!("{file}\n")).collect::<String>().as_bytes(),
    )?;
    disk::replace(&aside.join(SCRIPT), script(old, new, changed).as_bytes())?;
    for ChangedText { file, before, after } in changed {
        for (when, text) in [("before", before.as_ref()), ("after", Some(after))] {
            if let Some(text) = text {
                disk::replace(&file.to_path(&aside.join(TEXTS).join(when)), text.as_bytes())?;
            }
        }
    }
    for file in old {
        interrupt.check()?;
        disk::move_path(&file.to_path(root), &file.to_path(&aside))?;
    }
    disk::move_path(&root.join(DVC_FOLDER), &aside.join(DVC_FOLDER))?;
    // It is of no use any more, and nobody looks for it there.
    let _ = disk::remove(&aside.join(CONVERTING));
    Ok(())
}

/// Lists the files of a project of ours, but for what comes and goes.
const FILES: &str = "find .pipe -type f ! -path '.pipe/tmp/*' 2>/dev/null \
                     | grep -v -x -E '\\.pipe/(lock|lock\\.holders|agreed|placed|state)' | LC_ALL=C sort";

/// The same here.
fn list_files(folder: &Path, path: &str, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = format!("{path}/{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && path != TEMPORARY => list_files(&entry.path(), &path, files),
            Ok(kind) if kind.is_file() && !MEMORIES.contains(&path.as_str()) => files.push(path),
            _ => {}
        }
    }
}

/// Makes files of links into the cache, which is about to go. `cd -P` finds where a link leads, however that is spelled.
const UNLINK: &str = r#"pipe=$(cd -P .pipe 2>/dev/null && pwd) || pipe=
if [ -n "$pipe" ]; then
  find . \( -path ./.git -o -path ./.pipe -o -path ./.dvc-converted \) -prune -o -type l -exec sh -c '
    set -e
    pipe=$1
    shift
    for link; do
      [ -f "$link" ] || continue
      target=$(readlink "$link")
      case $target in /*) ;; *) target=${link%/*}/$target ;; esac
      folder=$(cd -P "${target%/*}/" && pwd)
      case $folder/ in "$pipe"/*) ;; *) continue ;; esac
      copy=$link.undo-$$
      trap "rm -f -- \"\$copy\"" EXIT
      cp -L -- "$link" "$copy"
      chmod u+w -- "$copy"
      mv -f -- "$copy" "$link"
    done
  ' sh "$pipe" {} +
fi"#;

fn script(old: &[ProjectPath], new: &[ProjectPath], changed: &[ChangedText]) -> String {
    let mut lines = vec![
        "#!/bin/sh".to_owned(),
        "# Makes the project one of DVC again, as it was before `pipe convert`.".to_owned(),
        "set -e".to_owned(),
        "CDPATH=".to_owned(),
        "cd \"$(dirname \"$0\")/..\"".to_owned(),
        UNLINK.to_owned(),
        // What was recorded since is perhaps all that is left of data which commits name.
        format!("if [ -e {PIPE_FOLDER} ] && {FILES} | cmp -s - {KEPT}/{MADE}; then"),
        format!("  rm -rf -- {PIPE_FOLDER}"),
        format!("elif [ -e {PIPE_FOLDER} ]; then"),
        format!("  aside={PIPE_FOLDER}-undone"),
        "  while [ -e \"$aside\" ]; do aside=$aside-again; done".to_owned(),
        format!("  mv -- {PIPE_FOLDER} \"$aside\""),
        "  printf '*\\n' > \"$aside/.gitignore\"".to_owned(),
        "  echo \"Kept what pipe has recorded since in $aside: its cache has the data of commits since then.\" >&2"
            .to_owned(),
        "fi".to_owned(),
        "rm -f -- pipeline.lock".to_owned(),
    ];
    let locks = new.iter().filter(|file| file.name() == "pipeline.yaml").map(pipeline::lock_beside);
    lines.extend(new.iter().cloned().chain(locks).map(|file| format!("rm -f -- {}", quoted(file.as_str()))));
    // Pointers that were made since are nothing to DVC, and tell which data it does not know.
    lines.push(format!(
        "find . -name '*.pipe' -type f ! -path './{PIPE_FOLDER}*' ! -path './.git/*' ! -path './{KEPT}/*' -exec echo 'Left \
         as it is, made since: {{}}; `dvc add` takes its data over' \\; >&2"
    ));
    for ChangedText { file, before, .. } in changed {
        let file = quoted(file.as_str());
        let [old, new] = ["before", "after"].map(|when| format!("{KEPT}/{TEXTS}/{when}/{file}"));
        let back = if before.is_some() { format!("cp -- {old} {file}") } else { format!("rm -f -- {file}") };
        lines.push(format!("if cmp -s {new} {file}; then {back}"));
        // What somebody has written into it since is his.
        lines.push(format!("elif [ -e {file} ] && ! cmp -s {old} {file}; then"));
        lines.push(format!("  printf '%s\\n' 'Left as it is, changed since: '{file} >&2"));
        lines.push("fi".to_owned());
    }
    lines.extend(old.iter().map(|file| {
        let file = quoted(file.as_str());
        format!("if [ -e {KEPT}/{file} ]; then mv -f -- {KEPT}/{file} {file}; fi")
    }));
    lines.push(format!("if [ -e {KEPT}/{DVC_FOLDER} ]; then rm -rf -- {DVC_FOLDER}; mv -- {KEPT}/{DVC_FOLDER} {DVC_FOLDER}; fi"));
    lines.push(format!("rm -f -- {CONVERTING}"));
    lines.push(format!("rm -rf -- {KEPT}"));
    lines.join("\n") + "\n"
}

/// A word of the shell. A path in front of it may be one without quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
