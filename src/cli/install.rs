//! `pipe install`: hooks for git, and how git merges locks and pointers.

use std::ops::Range;
use std::path::Path;

use clap::Args;

use crate::error::{CliError, CliResult};
use crate::git::Git;
use crate::project::Project;
use crate::ui::Printer;

/// Let git call pipe: data follows checkouts and pushes, locks and pointers merge stage by stage
///
/// Hooks: after a checkout and after a merge (which `git pull` makes) `pipe checkout`, before a commit `pipe status` (which stops nothing), before a push
/// `pipe push`. What stands in hooks stays. The merge driver is noted in the settings of this clone, in its
/// .git/info/attributes, which counts on every branch, and in .gitattributes, which belongs into version control; another
/// driver that git has there for these files stays. Safe to run again, and in each project of a repository: each has its
/// part of the hooks. To undo it, remove what stands between `# >>> pipe >>>` and `# <<< pipe <<<` in the hooks (of one
/// project, the parts that name its folder), the lines with `merge=pipe` in both files, and the section `merge.pipe` of
/// the settings (`git config --remove-section merge.pipe`).
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
        let texts = hooks.iter().map(|hook| hook_text(&folder.join(hook.name), hook));
        let texts = texts.collect::<CliResult<Vec<_>>>()?;
        for (hook, text) in hooks.iter().zip(texts) {
            install_hook(&folder.join(hook.name), text)?;
        }
        printer.say("Installed the hooks post-checkout, post-merge, pre-commit and pre-push.");
    }
    let kept = install_driver(&project, &git)?;
    for (pattern, driver) in &kept {
        printer.insist(format_args!(
            "git merges {pattern} with `{driver}` here, which stays; `{pattern} merge=pipe` as the last line of .gitattributes \
             (of .git/info/attributes, where it stands there) lets pipe do it, for all who work on this project"
        ));
    }
    let named = [
        (project.dialect.lock_file().to_owned(), project.dialect.lock_file()),
        (pointers(&project), "pointers"),
    ];
    let ours: Vec<&str> = named
        .iter()
        .filter(|(pattern, _)| !kept.iter().any(|(known, _)| known == pattern))
        .map(|(_, name)| *name)
        .collect();
    if !ours.is_empty() {
        printer.say(format_args!(
            "Installed the merge driver for {}: on every branch of this clone (.git/info/attributes); \
             `git add .gitattributes` shares it.",
            ours.join(" and ")
        ));
    }
    Ok(())
}

/// The pattern of pointers.
fn pointers(project: &Project) -> String {
    format!("*{}", project.dialect.pointer_suffix())
}

/// What a hook does for one project.
struct Hook {
    /// Its name in git.
    name: &'static str,
    /// What calls pipe, as far as it tells this project and this hook from others: also of our earlier versions.
    call: String,
    /// The lines of the script.
    body: String,
}

/// The hooks of a project; `cd` leads from the top of the repository to it.
fn hooks(cd: &str) -> [Hook; 4] {
    let folder = format!("'{}'", cd.replace('\'', r"'\''"));
    let pipe = if cd.is_empty() { "pipe".to_owned() } else { format!("pipe --cd {folder}") };
    let hook = |name, condition: Option<&str>, command: &str, rest: &str| {
        // A branch without the project has nothing to be done, and must not keep that of others from being pushed.
        let is_here = (!cd.is_empty()).then(|| format!("[ -d {folder} ]"));
        let conditions: Vec<&str> = condition.into_iter().chain(is_here.as_deref()).collect();
        let call = format!("{pipe} {command}");
        let line = format!("{call}{rest}");
        let body = match conditions.is_empty() {
            true => line,
            false => format!("if {}; then\n    {line}\nfi", conditions.join(" && ")),
        };
        Hook { name, call, body }
    };
    // Only of branches and commits, not of single files, and not in the middle of a rebase.
    let is_whole = "[ \"$3\" = 1 ] && [ ! -d \"$(git rev-parse --git-path rebase-merge)\" ]";
    [
        hook("post-checkout", Some(is_whole), "checkout", " --summary </dev/null || true"),
        hook("pre-commit", None, "status", " </dev/null || true"),
        // Git calls no hook of checkouts after a merge, and this one only after one without conflicts.
        hook("post-merge", None, "checkout", " --summary </dev/null || true"),
        hook("pre-push", None, "push", " </dev/null || exit $?"),
    ]
}

/// Where our parts of a hook lie in its text, one for each project that was installed; ascending.
fn parts(text: &str) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    for (start, _) in text.match_indices(BEGIN) {
        let Some(length) = text[start..].find(END) else { break };
        let end = start + length + END.len();
        if parts.last().is_none_or(|last| last.end <= start) {
            parts.push(start..if text[end..].starts_with('\n') { end + 1 } else { end });
        }
    }
    parts
}

/// Whether a part of a hook makes the call, as a command of its own.
fn has_call(part: &str, call: &str) -> bool {
    part.match_indices(call).any(|(at, _)| {
        part[..at].trim_end_matches(' ').ends_with('\n') && part[at + call.len()..].starts_with(' ')
    })
}

/// The text of a hook with the part of this project in it: behind those of other projects, else behind the first line, so
/// that nothing that stands there can end it before.
fn hook_text(path: &Path, hook: &Hook) -> CliResult<String> {
    let Hook { call, body, .. } = hook;
    let old = disk::read_text_optional(path)?.unwrap_or_default();
    let ours = format!("{BEGIN}\n{body}\n{END}\n");
    let parts = parts(&old);
    let place = match parts.iter().find(|part| has_call(&old[(*part).clone()], call)) {
        Some(own) => Some(own.clone()),
        None => parts.last().map(|last| last.end..last.end),
    };
    if let Some(Range { start, end }) = place {
        let gap = if old[..start].ends_with('\n') || start == 0 { "" } else { "\n" };
        return Ok(format!("{}{gap}{ours}{}", &old[..start], &old[end..]));
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

/// Patterns with what others have chosen for them, as it is written: a colleague who uses DVC alone has no other driver.
type Kept = Vec<(String, String)>;

fn install_driver(project: &Project, git: &Git) -> CliResult<Kept> {
    git.configure("merge.pipe.name", "merge locks and pointers stage by stage")?;
    git.configure("merge.pipe.driver", "pipe merge-driver %O %A %B %P")?;
    let lock = project.dialect.lock_file();
    let pointer = format!("data{}", project.dialect.pointer_suffix());
    let files = [(lock.to_owned(), lock), (pointers(project), &pointer)];
    // Those of this clone count on every branch, also where a branch has no shared ones yet.
    let (own, prefix) = (git.attributes_file()?, git.prefix()?);
    let own_lines = files.each_ref().map(|(pattern, _)| format!("{} merge=pipe", below(&prefix, pattern)));
    let before = text_of(&own)?;
    let is_own = |line: &&str| own_lines.iter().any(|own| line.trim_end() == own);
    let mut own_text: String = before.split_inclusive('\n').filter(|line| !is_own(line)).collect();
    // They go before the others: what others say is known without them alone.
    if own_text != before {
        disk::replace(&own, own_text.as_bytes())?;
    }
    let shared = project.root.join(".gitattributes");
    let (mut kept, mut missing) = (Kept::new(), Vec::new());
    for ((pattern, file), own_line) in files.into_iter().zip(&own_lines) {
        match git.attribute("merge", file)? {
            Some(driver) if driver != "pipe" => {
                let written = match driver.as_str() {
                    "set" => "merge".to_owned(),
                    "unset" => "-merge".to_owned(),
                    driver => format!("merge={driver}"),
                };
                kept.push((pattern, written));
                continue;
            }
            Some(_) => {}
            None => missing.push(format!("{pattern} merge=pipe")),
        }
        add_line(&mut own_text, own_line);
    }
    if !missing.is_empty() {
        let mut text = text_of(&shared)?;
        for line in &missing {
            add_line(&mut text, line);
        }
        disk::replace(&shared, text.as_bytes())?;
    }
    if own_text != text_of(&own)? {
        disk::replace(&own, own_text.as_bytes())?;
    }
    Ok(kept)
}

fn text_of(path: &Path) -> CliResult<String> {
    Ok(disk::read_text_optional(path)?.unwrap_or_default())
}

fn add_line(text: &mut String, line: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
}

/// Makes of a pattern for names in the project, which lies in that folder of the repository, one for the repository.
fn below(folder: &str, pattern: &str) -> String {
    if folder.is_empty() {
        return pattern.to_owned();
    }
    let is_letter_of_patterns = |c: char| matches!(c, '*' | '?' | '[' | '\\');
    let escaped = |c: char| is_letter_of_patterns(c).then_some('\\').into_iter().chain([c]);
    let whole = format!("/{}/**/{pattern}", folder.chars().flat_map(escaped).collect::<String>());
    if !whole.contains([' ', '\t', '\n', '"']) {
        return whole;
    }
    // Where it would end in the middle, git reads it in quotes.
    let text = whole.replace('\\', r"\\").replace('"', r#"\""#).replace('\t', r"\t").replace('\n', r"\n");
    format!("\"{text}\"")
}
