//! `pipe stage`: lists stages, and changes how they are written in their pipeline files.
//!
//! A change is made in the text, the whole project is read with it, and only then is the file replaced.

mod add;
mod list;
pub mod remove;

use base::ProjectPath;
use clap::{Args, Subcommand};
use pipeline::{Pipeline, StageId, edit, freeze_pointer};

use crate::cli::targets::part;
use crate::edits::{Edits, lock};
use crate::error::{CliError, CliResult};
use crate::import::of_stage;
use crate::project::Project;
use crate::ui::Printer;

/// List stages, and change how they are written
///
/// Changes keep the comments, the order and the blank lines of the file. A change with which the pipeline would be
/// faulty is refused, and nothing is written.
#[derive(Debug, Subcommand)]
pub enum StageCommand {
    /// Write a stage into the pipeline.yaml of the current folder
    Add(Box<add::AddArgs>),
    /// List stages, and what they are for
    List(list::ListArgs),
    /// Keep stages from running, by `frozen: true`
    Freeze(NamesArgs),
    /// Let frozen stages run again
    Unfreeze(NamesArgs),
    /// Take stages out of their pipeline files
    Remove(remove::RemoveArgs),
}

#[derive(Debug, Args)]
pub struct NamesArgs {
    /// Names of stages, one with `foreach` or `matrix` as a whole; or pointers
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
}

/// Lists or changes stages.
///
/// # Errors
/// When a pipeline file is faulty, or would be with the change.
pub fn run(command: &StageCommand, printer: Printer) -> CliResult {
    match command {
        StageCommand::Add(args) => add::run(args, printer),
        StageCommand::List(args) => list::run(args, printer),
        StageCommand::Freeze(args) => freeze(args, true, printer),
        StageCommand::Unfreeze(args) => freeze(args, false, printer),
        StageCommand::Remove(args) => remove::run(args, printer),
    }
}

/// Freezes or unfreezes stages.
///
/// # Errors
/// When there is no such stage, or its file cannot be changed.
pub fn freeze(args: &NamesArgs, frozen: bool, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let (_lock, pipeline) = (lock(&project, printer)?, project.pipeline()?);
    let is_data = |name: &&String| {
        let found = pipeline.targets(&[name], &project.base);
        found.is_ok_and(|found| !found.is_empty() && found.iter().all(|id| pipeline.stage(*id).is_source()))
    };
    let (data, names): (Vec<&String>, Vec<&String>) = args.names.iter().partition(is_data);
    for name in &data {
        if let Some((_, out, path)) = part(&pipeline, &project, name) {
            return Err(CliError::message(format!(
                "{path} is a part of {}, and has no pointer of its own",
                out.path
            ))
            .hint(format!("name {} to freeze or unfreeze all of it", out.path)));
        }
    }
    let names: Vec<String> = names.into_iter().cloned().collect();
    let written = written(&pipeline, &project, &names)?;
    let mut edits = Edits::new(&project);
    for id in pipeline.targets(&data, &project.base)? {
        let file = &pipeline.stage(id).address.file;
        edits.change(file, |text| freeze_pointer(file, text, frozen))?;
    }
    for Written { file, name, .. } in &written {
        let change = if frozen { edit::freeze } else { edit::unfreeze };
        edits.change(file, |text| change(file, text, name))?;
    }
    let checked = edits.check(&pipeline.file)?;
    for Written { file, name, .. } in &written {
        let is = |id: &StageId| {
            let stage = checked.stage(*id);
            stage.address.file == *file && written_name(&stage.address.name) == name
        };
        if checked.ids().filter(is).any(|id| checked.stage(id).frozen != frozen) {
            let message = format!("`frozen` of stage `{name}` in {file} comes from elsewhere");
            return Err(CliError::message(message).hint("it is merged in with `<<`; change it by hand"));
        }
    }
    edits.write()?;
    let names: Vec<&str> = written.iter().map(|stage| stage.name.as_str()).collect();
    let data: Vec<&str> = data.into_iter().map(String::as_str).collect();
    let is_import = |name: &&str| {
        let stages = pipeline.targets(&[name], &project.base).unwrap_or_default();
        stages.iter().any(|id| matches!(of_stage(&project, pipeline.stage(*id)), Ok(Some(_))))
    };
    let (imports, data): (Vec<&str>, Vec<&str>) = data.into_iter().partition(is_import);
    let (what, effect, of_data, of_imports) = match frozen {
        true => (
            "Froze",
            "will not run",
            "is left as it is when it changed",
            "stays as it is until `pipe update`",
        ),
        false => (
            "Unfroze",
            "will run again when stale",
            "is recorded by `pipe repro` when it changed",
            "is brought by `pipe repro` when its source changed",
        ),
    };
    for (names, effect) in [(names, effect), (data, of_data), (imports, of_imports)] {
        if !names.is_empty() {
            printer.say(format_args!("{what} {}: {effect}.", names.join(", ")));
        }
    }
    Ok(())
}

/// A stage as its file writes it.
struct Written {
    file: ProjectPath,
    name: String,
    /// What it is, or what was made of it.
    stages: Vec<StageId>,
}

/// The name under which a stage is written: of a generated one that of the stage it was made of.
pub fn written_name(name: &str) -> &str {
    name.split_once('@').map_or(name, |(group, _)| group)
}

/// The written stages of these names, each once.
fn written(pipeline: &Pipeline, project: &Project, names: &[String]) -> CliResult<Vec<Written>> {
    let mut found: Vec<Written> = Vec::new();
    for name in names {
        let stages = pipeline.targets(&[name], &project.base)?;
        let first = stages.first().map(|id| &pipeline.stage(*id).address);
        let last_word = name.rsplit(':').next().unwrap_or(name);
        let Some(first) = first.filter(|first| written_name(&first.name) == written_name(last_word)) else {
            return Err(CliError::message(format!("`{name}` is no stage's name"))
                .hint("`pipe stage list --all` shows the names"));
        };
        let own = written_name(&first.name);
        if last_word != own {
            return Err(CliError::message(format!("`{last_word}` is made of stage `{own}` with others"))
                .hint(format!("name `{own}`, or change its `foreach` or `matrix`")));
        }
        if !found.iter().any(|stage| stage.file == first.file && stage.name == own) {
            found.push(Written { file: first.file.clone(), name: own.to_owned(), stages });
        }
    }
    Ok(found)
}
