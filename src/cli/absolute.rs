//! Targets that are absolute paths: as if they had been written from the current folder.

use std::path::Path;

use base::ProjectPath;

use crate::error::{CliError, CliResult};
use crate::project::Project;

use super::Command;
use super::data::DataCommand;
use super::metrics::MetricsCommand;
use super::params::ParamsCommand;
use super::plots::PlotsCommand;
use super::stage::StageCommand;

/// Makes the absolute paths among the targets of a command relative.
///
/// # Errors
/// When one lies outside of the project.
pub fn make_relative(command: &mut Command) -> CliResult {
    let mut project = None;
    for target in targets_of(command).into_iter().filter(|target| target.starts_with('/')) {
        if project.is_none() {
            project = Some(Project::locate()?);
        }
        if let Some(project) = &project {
            *target = relative(project, target)?;
        }
    }
    Ok(())
}

/// An absolute path of the project as seen from the current folder, also one through a symlink to the project or above
/// it; what is none stays as it is.
///
/// # Errors
/// When it lies outside of the project.
pub fn relative(project: &Project, text: &str) -> CliResult<String> {
    if !text.starts_with('/') {
        return Ok(text.to_owned());
    }
    let path = cache::lexical(Path::new(text));
    let root = project.root.canonicalize().unwrap_or_else(|_| project.root.clone());
    let mut above: Vec<&Path> = path.ancestors().collect();
    above.reverse();
    // What is a symlink within the project stays one: the outermost folder that is the root counts.
    let is_root = |folder: &&&Path| {
        **folder == project.root || folder.canonicalize().is_ok_and(|folder| folder == root)
    };
    let below = above.iter().find(is_root).and_then(|folder| path.strip_prefix(folder).ok());
    let Some(below) = below else {
        let shown = base::shown(&project.root);
        return Err(CliError::message(format!(
            "{} lies outside of the project {shown}",
            base::one_line(text)
        )));
    };
    let mut seen = ProjectPath::from_relative(below)?.relative_to(&project.base);
    // A bare word may be the name of a stage.
    if !seen.contains('/') && seen != "." {
        seen = format!("./{seen}");
    }
    if text.ends_with('/') {
        seen.push('/');
    }
    Ok(seen)
}

/// What of a command names stages or paths in the project.
fn targets_of(command: &mut Command) -> Vec<&mut String> {
    let targets: &mut [String] = match command {
        Command::Repro(args) => &mut args.select.targets,
        Command::Status(args) => &mut args.select.targets,
        Command::Commit(args) => &mut args.targets,
        Command::Checkout(args) => &mut args.which.targets,
        Command::Push(args) => &mut args.share.which.targets,
        Command::Pull(args) => &mut args.share.which.targets,
        Command::Fetch(args) => &mut args.share.which.targets,
        Command::Remove(args) => &mut args.targets,
        Command::Update(args) => &mut args.targets,
        Command::Unprotect(args) => &mut args.paths,
        Command::Dag(args) => &mut args.targets,
        Command::Diff(args) => &mut args.targets,
        Command::Freeze(args) | Command::Unfreeze(args) => &mut args.names,
        Command::Stage(StageCommand::Freeze(args) | StageCommand::Unfreeze(args)) => &mut args.names,
        Command::Stage(StageCommand::Remove(args)) => &mut args.names,
        Command::Stage(StageCommand::List(args)) => &mut args.targets,
        Command::Params(ParamsCommand::Diff(args)) => &mut args.sides.targets,
        Command::Metrics(MetricsCommand::Diff(args)) => &mut args.sides.targets,
        Command::Metrics(MetricsCommand::Show(args)) => &mut args.words,
        Command::Plots(PlotsCommand::Show(args)) => &mut args.files,
        Command::Plots(PlotsCommand::Diff(args)) => &mut args.targets,
        Command::Data(DataCommand::Status(args)) => &mut args.targets,
        Command::Data(DataCommand::Restore(args)) => return vec![&mut args.destination],
        Command::Move(args) => return vec![&mut args.from, &mut args.to],
        Command::Add(args) => return args.out.iter_mut().collect(),
        Command::Import(args) => return args.out.iter_mut().collect(),
        Command::ImportUrl(args) => return args.out.iter_mut().collect(),
        _ => &mut [],
    };
    targets.iter_mut().collect()
}
