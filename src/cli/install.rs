//! `pipe install`: hooks for git, and how git merges locks and pointers.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{CliError, CliResult};
use crate::git::Git;
use crate::project::Project;
use crate::ui::Printer;

/// Let git call pipe: data follows checkouts and pushes, locks and pointers merge stage by stage
///
/// Hooks: after a checkout and after a merge (which `git pull` makes) `pipe checkout`, before a commit `pipe status` (which stops nothing), before a push
/// `pipe push`. What stands in hooks stays. The merge driver is noted in the settings of this clone and in
/// .gitattributes, which belongs into version control. Safe to run again.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// Install the merge driver alone
    #[arg(long)]
    no_hooks: bool,
}

const BEGIN: &str = "# >>> pipe >>>";
const END: &str = "# <<< pipe <<<";

/// Installs hooks and merge driver.
///
/// # Errors
/// When there is no git repository, or a hook is no shell script.
pub fn run(args: &InstallArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let git = project
        .git()
        .ok_or_else(|| CliError::message("there is no git repository here").hint("`git init` makes one"))?;
    if !args.no_hooks {
        let cd = git.prefix()?;
        let hooks = hooks(&cd);
        let folder = git.hooks_folder()?;
        // First all are looked at, so that a refusal leaves nothing half done.
        let texts = hooks.iter().map(|(name, body)| hook_text(&folder.join(name), body));
        let texts = texts.collect::<CliResult<Vec<_>>>()?;
        for ((name, _), text) in hooks.iter().zip(texts) {
            install_hook(&folder.join(name), text)?;
        }
        printer.say("Installed the hooks post-checkout, post-merge, pre-commit and pre-push.");
    }
    install_driver(&project, &git)?;
    printer.say(format_args!(
        "Installed the merge driver for {} and pointers; `git add .gitattributes` shares it.",
        project.dialect.lock_file()
    ));
    Ok(())
}

/// What each hook does; `cd` leads from the top of the repository to the project.
fn hooks(cd: &str) -> [(&'static str, String); 4] {
    let pipe =
        if cd.is_empty() { "pipe".to_owned() } else { format!("pipe --cd '{}'", cd.replace('\'', r"'\''")) };
    [
        (
            "post-checkout",
            // Only of branches and commits, not of single files, and not in the middle of a rebase.
            format!(
                "if [ \"$3\" = 1 ] && [ ! -d \"$(git rev-parse --git-path rebase-merge)\" ]; then\n    {pipe} checkout \
                 </dev/null || true\nfi"
            ),
        ),
        ("pre-commit", format!("{pipe} status </dev/null || true")),
        // Git calls no hook of checkouts after a merge, and this one only after one without conflicts.
        ("post-merge", format!("{pipe} checkout </dev/null || true")),
        ("pre-push", format!("{pipe} push </dev/null || exit $?")),
    ]
}

/// The text of a hook with our part in it: behind the first line, so that nothing that stands there can end it before.
fn hook_text(path: &Path, body: &str) -> CliResult<String> {
    let old = disk::read_text_optional(path)?.unwrap_or_default();
    let ours = format!("{BEGIN}\n{body}\n{END}\n");
    if let (Some(start), Some(end)) = (old.find(BEGIN), old.find(END)) {
        let end = end + END.len();
        let end = if old[end..].starts_with('\n') { end + 1 } else { end };
        if start < end {
            return Ok(format!("{}{ours}{}", &old[..start], &old[end..]));
        }
    }
    if old.trim().is_empty() {
        return Ok(format!("#!/bin/sh\n{ours}"));
    }
    let (first, rest) = old.split_once('\n').unwrap_or((&old, ""));
    let is_shell = first.starts_with("#!")
        && first
            .split(['/', ' '])
            .any(|word| matches!(word.trim(), "sh" | "bash" | "dash" | "ash" | "ksh" | "zsh"));
    if !is_shell {
        return Err(CliError::message(format!(
            "the hook {} is no shell script, and is left as it is",
            base::shown(path)
        ))
        .hint(format!("let it do this itself, and use `--no-hooks` here:\n{body}")));
    }
    Ok(format!("{first}\n{ours}{rest}"))
}

fn install_hook(path: &Path, text: String) -> CliResult {
    if disk::read_text_optional(path)?.as_deref() != Some(&text) {
        disk::replace(path, text.as_bytes())?;
    }
    disk::set_mode(path, 0o755)?;
    Ok(())
}

fn install_driver(project: &Project, git: &Git) -> CliResult {
    git.configure("merge.pipe.name", "merge locks and pointers stage by stage")?;
    git.configure("merge.pipe.driver", "pipe merge-driver %O %A %B %P")?;
    let path: PathBuf = project.root.join(".gitattributes");
    let mut text = disk::read_text_optional(&path)?.unwrap_or_default();
    let Project { dialect, .. } = project;
    let attributes =
        [format!("{} merge=pipe", dialect.lock_file()), format!("*{} merge=pipe", dialect.pointer_suffix())];
    let missing: Vec<&String> =
        attributes.iter().filter(|line| !text.lines().any(|known| known.trim() == *line)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for line in missing {
        text.push_str(line);
        text.push('\n');
    }
    disk::replace(&path, text.as_bytes())?;
    Ok(())
}
