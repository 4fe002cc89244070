//! `pipe stage add`: a stage from flags.

use std::collections::HashSet;
use std::path::Path;

use base::ProjectPath;
use clap::{Args, FromArgMatches};
use pipeline::edit::{self, NewOut, NewStage};
use pipeline::{Dialect, OutKind, Stage};

use crate::cli::check_ignore::ignored_by;
use crate::cli::quoted_path;
use crate::cli::repro::{self, ReproArgs};
use crate::edits::{Edits, lock};
use crate::error::{CliError, CliResult};
use crate::git::GitError;
use crate::ignore::{ignore_outs, unignore_outs};
use crate::project::Project;
use crate::staging;
use crate::tracked::refusal;
use crate::ui::Printer;

use super::written_name;

#[derive(Debug, Args)]
pub struct AddArgs {
    /// Call the stage NAME
    #[arg(short, long)]
    name: String,
    /// Let it read a file or folder; may be repeated, as all of these may
    #[arg(short, long, value_name = "PATH", help_heading = "What it reads")]
    deps: Vec<String>,
    /// Let it read parameters: keys of params.yaml, `FILE:KEY,KEY` of another file, `FILE:` for all of it
    #[arg(short, long, value_name = "KEYS", help_heading = "What it reads")]
    params: Vec<String>,
    /// Let it write a file or folder
    #[arg(short, long, value_name = "PATH", help_heading = "What it writes")]
    outs: Vec<String>,
    /// Let it write a file or folder that is not kept in the cache
    #[arg(short = 'O', long, value_name = "PATH", help_heading = "What it writes")]
    outs_no_cache: Vec<String>,
    /// Let it write a file or folder that stays in place while it runs
    #[arg(long, value_name = "PATH", help_heading = "What it writes")]
    outs_persist: Vec<String>,
    /// Let it write one that stays in place and is not kept in the cache
    #[arg(long, value_name = "PATH", help_heading = "What it writes")]
    outs_persist_no_cache: Vec<String>,
    /// Let it write a file with metrics
    #[arg(short, long, value_name = "PATH", help_heading = "What it writes")]
    metrics: Vec<String>,
    /// Let it write a file with metrics that is not kept in the cache
    #[arg(short = 'M', long, value_name = "PATH", help_heading = "What it writes")]
    metrics_no_cache: Vec<String>,
    /// Let it write a file or folder with plots
    #[arg(long, value_name = "PATH", help_heading = "What it writes")]
    plots: Vec<String>,
    /// Let it write plots that are not kept in the cache
    #[arg(long, value_name = "PATH", help_heading = "What it writes")]
    plots_no_cache: Vec<String>,
    /// Let it run in FOLDER; all paths are relative to it
    #[arg(short, long, value_name = "FOLDER")]
    wdir: Option<String>,
    /// Replace a stage that has the name already
    #[arg(short, long)]
    force: bool,
    /// Let it run every time, up to date or not
    #[arg(long)]
    always_changed: bool,
    /// Say what it is for
    #[arg(long, value_name = "TEXT")]
    desc: Option<String>,
    /// Bring the stage up to date afterwards, without what it needs
    #[arg(long)]
    run: bool,
    /// The command that it runs; of several words, those with spaces or quotes in them are quoted
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Writes the stage.
///
/// # Errors
/// When there is one of that name, or the pipeline would be faulty with it.
pub fn run(args: &AddArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let file = project.base.join(project.dialect.pipeline_file());
    let own = |stage: &Stage| stage.address.file == file && written_name(&stage.address.name) == args.name;
    if let Some(wrong) = args.name.chars().find(|c| c.is_ascii_punctuation() && !matches!(c, '-' | '_')) {
        let message = format!("stage name `{}` holds {wrong:?}", args.name.escape_debug());
        return Err(CliError::message(message).hint("use letters, digits, spaces, `-` and `_`"));
    }
    {
        let _lock = lock(&project, printer)?;
        let mut edits = Edits::new(&project);
        let stage = new_stage(args, &project)?;
        refuse_unclear(args, &stage, &project)?;
        edits.change(&file, |text| edit::add(&file, text, &args.name, &stage, args.force))?;
        let old = if args.force { project.pipeline().ok() } else { None };
        let pipeline = edits.check(&file)?;
        refuse_ignored(&project, pipeline.stages.iter().filter(|stage| own(stage)))?;
        refuse_tracked(&project, pipeline.stages.iter().filter(|stage| own(stage)))?;
        edits.write()?;
        printer.say(format_args!("Wrote stage {} into {file}.", args.name));
        let old = old.iter().flat_map(|old| &old.stages).filter(|stage| own(stage));
        let left = unignore_outs(&project, old, &pipeline)?;
        for changed in &left {
            printer.say(format_args!("Took the old outs out of {changed}."));
        }
        let stages = pipeline.stages.iter().filter(|stage| own(stage));
        let entered = ignore_outs(&project, stages, &pipeline)?;
        for changed in &entered {
            printer.say(format_args!("Added the outs to {changed}, so that git leaves them to pipe."));
        }
        staging::stage(&project, left.iter().chain(&entered).chain([&file]), printer);
    }
    if args.run {
        let command = ReproArgs::augment_args(clap::Command::new("repro"));
        let matches = command.try_get_matches_from(["repro", "--single-item", &args.name])?;
        return repro::run(&ReproArgs::from_arg_matches(&matches)?, printer);
    }
    Ok(())
}

/// Refuses deps that are named twice, and in projects of DVC a folder to run in that is not there.
fn refuse_unclear(args: &AddArgs, stage: &NewStage, project: &Project) -> CliResult {
    let mut seen = HashSet::new();
    if let Some(dep) = stage.deps.iter().find(|dep| !seen.insert(cache::lexical(Path::new(dep)))) {
        return Err(CliError::message(format!("`{dep}` is named twice among the deps")).hint("name it once"));
    }
    if let Some(folder) = args.wdir.as_ref().filter(|_| project.dialect == Dialect::Dvc)
        && !project.base.to_path(&project.root).join(folder).is_dir()
    {
        return Err(CliError::message(format!("there is no folder `{folder}` to run the stage in"))
            .hint(format!("`mkdir -p {}` makes it", quoted_path(folder))));
    }
    Ok(())
}

/// Refuses outs that are passed over wherever files are looked for.
fn refuse_ignored<'a>(project: &Project, stages: impl Iterator<Item = &'a Stage>) -> CliResult {
    let mut outs = stages.flat_map(|stage| &stage.outs).filter(|out| out.glob.is_none());
    match outs.find_map(|out| Some((out, ignored_by(project, &out.path)?))) {
        Some((out, why)) => {
            Err(CliError::message(format!("nothing was written, since {} cannot be an out: {why}", out.path))
                .hint("change the rule, or name another place"))
        }
        None => Ok(()),
    }
}

/// Refuses outs that git keeps: no line of an ignore file would keep them out of it.
fn refuse_tracked<'a>(project: &Project, stages: impl Iterator<Item = &'a Stage>) -> CliResult {
    let tracked = match project.git().map(|git| git.tracked()) {
        // Without git nothing can be said to be tracked by it.
        None | Some(Err(GitError::Start(_))) => return Ok(()),
        Some(tracked) => tracked?,
    };
    match stages.filter_map(|stage| refusal(&tracked, stage)).next() {
        Some(refusal) => Err(CliError::message(format!("nothing was written, since {refusal}"))
            .hint("`-O`, `-M` and `--plots-no-cache` declare outs with `cache: false`")),
        None => Ok(()),
    }
}

/// A path as DVC writes it into a pipeline file: one of the project as seen from the folder `from`, where it is absolute.
fn plain(text: &str, from: &Path, root: &Path) -> String {
    let Ok(inside) = cache::lexical(Path::new(text)).strip_prefix(root).map(ProjectPath::from_relative)
    else {
        return text.to_owned();
    };
    let from = from.strip_prefix(root).ok().and_then(|from| ProjectPath::from_relative(from).ok());
    match (inside, from) {
        (Ok(inside), Some(from)) if !inside.is_root() => inside.relative_to(&from),
        _ => text.to_owned(),
    }
}

fn new_stage(args: &AddArgs, project: &Project) -> CliResult<NewStage> {
    let plain = |text: &String| {
        let root = project.root.canonicalize().unwrap_or_else(|_| project.root.clone());
        let folder = project.base.to_path(&root).join(args.wdir.as_deref().unwrap_or_default());
        match project.dialect.names_any_place() && text.starts_with('/') {
            true => plain(text, &cache::lexical(&folder), &root),
            false => text.clone(),
        }
    };
    let mut outs = Vec::new();
    for (paths, kind, cache, persist) in [
        (&args.outs, OutKind::Data, true, false),
        (&args.outs_no_cache, OutKind::Data, false, false),
        (&args.outs_persist, OutKind::Data, true, true),
        (&args.outs_persist_no_cache, OutKind::Data, false, true),
        (&args.metrics, OutKind::Metrics, true, false),
        (&args.metrics_no_cache, OutKind::Metrics, false, false),
        (&args.plots, OutKind::Plots, true, false),
        (&args.plots_no_cache, OutKind::Plots, false, false),
    ] {
        outs.extend(paths.iter().map(|path| NewOut { path: plain(path), kind, cache, persist }));
    }
    let param = |text: &String| {
        let (file, keys) = param(text)?;
        Ok::<_, CliError>((file.as_ref().map(&plain), keys))
    };
    Ok(NewStage {
        command: command(&args.command),
        desc: args.desc.clone(),
        wdir: args.wdir.clone(),
        deps: args.deps.iter().map(&plain).collect(),
        params: args.params.iter().map(param).collect::<CliResult<_>>()?,
        outs,
        always_changed: args.always_changed,
    })
}

/// `key,key`, `file:key,key` or `file:`.
fn param(text: &str) -> CliResult<(Option<String>, Vec<String>)> {
    let (file, keys) = match text.rsplit_once(':') {
        Some((file, keys)) => (Some(file.to_owned()), keys),
        None => (None, text),
    };
    let keys = keys.split(',').map(str::trim).filter(|key| !key.is_empty());
    let keys: Vec<String> = keys.map(str::to_owned).collect();
    if file.as_ref().map_or(keys.is_empty(), String::is_empty) {
        return Err(CliError::message(format!("`{text}` names no parameter"))
            .hint("write `--params KEY,KEY`, `--params FILE:KEY,KEY` or `--params FILE:`"));
    }
    Ok((file, keys))
}

/// One command line. A single word is a whole one; of several, operators such as `>` stay what they are.
fn command(words: &[String]) -> String {
    if let [whole] = words {
        return whole.trim_end().to_owned();
    }
    let quoted = words.iter().map(|word| {
        if word.is_empty() || word.contains(|c: char| c.is_whitespace() || matches!(c, '\'' | '"')) {
            format!("'{}'", word.replace('\'', r"'\''"))
        } else {
            word.clone()
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_a_command() {
        let command =
            |words: &[&str]| command(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(command(&["echo 'a b' > x"]), "echo 'a b' > x");
        assert_eq!(command(&["echo", "a b", "it's", "", ">", "x"]), r"echo 'a b' 'it'\''s' '' > x");
    }

    #[test]
    fn params_name_files_and_keys() {
        let read = |text: &str| param(text).ok();
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        assert_eq!(read("lr, epochs"), Some((None, keys(&["lr", "epochs"]))));
        assert_eq!(read("a.json:x.y"), Some((Some("a.json".to_owned()), keys(&["x.y"]))));
        assert_eq!(read("a.json:"), Some((Some("a.json".to_owned()), Vec::new())));
        for nothing in ["", ",", ":", ":a"] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
