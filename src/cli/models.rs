//! `pipe models`: the model registry. Names, their versions, and what each version is used for.

mod change;
mod download;
mod register;
mod show;

use clap::Subcommand;

use crate::error::CliResult;
use crate::project::Project;
use crate::ui::Printer;

pub use register::out;

/// List, register, mark and fetch registered models and their versions
///
/// A version is named NAME/3, NAME@ALIAS, NAME/Production (the newest in that stage) or NAME/latest; NAME alone is the
/// newest version where a version is meant.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List registered models
    List(show::ListArgs),
    /// Show a registered model with its versions, or one version with its files
    Show(show::ShowArgs),
    Register(register::RegisterArgs),
    /// Make an alias mean a version, or remove it
    Alias(change::AliasArgs),
    /// Move a version to a stage: None, Staging, Production or Archived
    Stage(change::StageArgs),
    /// Set tags of a registered model or of a version, or remove some
    Tag(change::TagArgs),
    /// Describe a registered model or a version, or print the description
    Describe(change::DescribeArgs),
    /// Put the files of a version, or of a logged model, into a folder
    Download(download::DownloadArgs),
    Delete(change::DeleteArgs),
}

/// Lists, shows or changes registered models.
///
/// # Errors
/// When there is no such model or version, or the store cannot be read or written.
pub fn run(command: &ModelsCommand, printer: Printer) -> CliResult {
    let project = Project::find()?;
    match command {
        ModelsCommand::List(args) => show::list(args, &project, printer),
        ModelsCommand::Show(args) => show::show(args, &project, printer),
        ModelsCommand::Register(args) => register::run(args, &project, printer),
        ModelsCommand::Alias(args) => change::alias(args, &project, printer),
        ModelsCommand::Stage(args) => change::stage(args, &project, printer),
        ModelsCommand::Tag(args) => change::tag(args, &project, printer),
        ModelsCommand::Describe(args) => change::describe(args, &project, printer),
        ModelsCommand::Download(args) => download::run(args, &project, printer),
        ModelsCommand::Delete(args) => change::delete(args, &project, printer),
    }
}
