//! `pipe check-ignore`: which paths `.pipeignore` files name.

use std::path::Path;

use base::{ProjectPath, one_line};
use cache::Ignores;
use clap::Args;
use disk::DiskError;
use pipeline::Dialect;

use crate::cli::absolute::relative;
use crate::error::{CliError, CliResult, ErrorKind};
use crate::project::{DVC_FOLDER, Project};
use crate::ui::Printer;

/// Tell which paths are ignored by .pipeignore files
///
/// Those that are get printed. The exit code is 1 when none is.
#[derive(Debug, Args)]
pub struct CheckIgnoreArgs {
    /// Files and folders, which need not exist; one with a slash behind it is taken for a folder
    #[arg(value_name = "PATH", required_unless_present = "stdin")]
    paths: Vec<String>,
    /// Print the rule too that decides: file, line, pattern; also one that takes another back
    #[arg(short, long)]
    details: bool,
    /// Print all rules that name a path, the deciding one last
    #[arg(short, long, requires = "details")]
    all: bool,
    /// Print also what no rule names, after `::`
    #[arg(short, long, requires = "details")]
    non_matching: bool,
    /// Read the paths from standard input, one a line
    #[arg(long, conflicts_with = "paths")]
    stdin: bool,
}

/// What ignores a path at which nothing may be kept then, as a sentence goes on after the colon. Where nothing stands yet,
/// a rule for folders alone counts too: nobody knows what comes there.
pub fn ignored_by(project: &Project, path: &ProjectPath) -> Option<String> {
    let ignores = Ignores::of_layout(&project.root, project.layout());
    let rule = match std::fs::metadata(path.to_path(&project.root)) {
        Ok(metadata) => ignores.rule(path, metadata.is_dir()),
        Err(_) => ignores.rule(path, false).or_else(|| ignores.rule(path, true)),
    };
    rule.map(|rule| format!("{}:{} ignores it: {}", rule.file, rule.line, rule.pattern))
}

/// Tells which of the paths are ignored.
///
/// # Errors
/// With exit code 1 when none is.
pub fn run(args: &CheckIgnoreArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let ignores = Ignores::of_layout(&project.root, project.layout());
    let mut any = false;
    // Told path by path, so that a program can ask one after the other.
    for text in args.paths.iter().cloned().map(Ok).chain(lines().take_while(|_| args.stdin)) {
        let text = text.map_err(|source| DiskError::new("read", Path::new("standard input"), source))?;
        if !text.is_empty() {
            any |= tell(args, &project, &ignores, &text, printer)?;
        }
    }
    if any { Ok(()) } else { Err(CliError::silent(ErrorKind::Negative)) }
}

fn lines() -> impl Iterator<Item = std::io::Result<String>> {
    std::io::stdin().lines()
}

fn tell(
    args: &CheckIgnoreArgs,
    project: &Project,
    ignores: &Ignores,
    text: &str,
    printer: Printer,
) -> CliResult<bool> {
    let path = ProjectPath::resolve(&project.base, &relative(project, text)?)?;
    let is_folder = text.ends_with('/') || path.to_path(&project.root).is_dir();
    let unwritten = unwritten_rule(project, ignores, &path, is_folder);
    if let (Some(rule), true) = (&unwritten, args.details) {
        printer.data_line(format_args!("{}\t{}", one_line(rule), one_line(text)));
        return Ok(true);
    }
    if !args.details {
        let is_ignored = unwritten.is_some() || ignores.rule(&path, is_folder).is_some();
        if is_ignored {
            printer.data_line(one_line(text));
        }
        return Ok(is_ignored);
    }
    let mut rules = ignores.rules(&path, is_folder);
    // A rule above that a deeper one could not take back decides all the same.
    if let Some(deciding) = ignores.rule(&path, is_folder) {
        rules.retain(|rule| *rule != deciding);
        rules.push(deciding);
    }
    let from = if args.all { 0 } else { rules.len().saturating_sub(1) };
    for rule in &rules[from..] {
        let file = match project.dialect {
            Dialect::Native => rule.file.relative_to(&project.base),
            // DVC tells it from the root.
            Dialect::Dvc => rule.file.spelled().to_owned(),
        };
        let place = format!("{file}:{}:{}", rule.line, rule.pattern);
        printer.data_line(format_args!("{}\t{}", one_line(&place), one_line(text)));
    }
    if rules.is_empty() && args.non_matching {
        printer.data_line(format_args!("::\t{}", one_line(text)));
    }
    Ok(!rules.is_empty())
}

/// What DVC passes over though no file says so, as it tells it: its folder and those of git and Mercurial, and other projects
/// of DVC. Of what lies in several, the outermost decides, also one that a rule names.
fn unwritten_rule(
    project: &Project,
    ignores: &Ignores,
    path: &ProjectPath,
    is_folder: bool,
) -> Option<String> {
    if project.dialect != Dialect::Dvc {
        return None;
    }
    let mut at = ProjectPath::root();
    for name in path.parts() {
        at = at.join(name);
        let is_folder = at != *path || is_folder;
        match name {
            ".git" => return Some(":.git".to_owned()),
            ".hg" | ".dvc" if is_folder => return Some(format!(":{name}/")),
            _ if is_folder && at.join(DVC_FOLDER).to_path(&project.root).exists() => {
                return Some(format!("in sub_repo:{name}"));
            }
            _ if ignores.rule(&at, is_folder).is_some() => return None,
            _ => {}
        }
    }
    None
}
