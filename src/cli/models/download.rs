//! `pipe models download`.

use clap::Args;
use track::{ArtifactOwner, ModelId, ModelStore, RunStore};

use crate::cli::download::FolderArgs;
use crate::cli::runs::open;
use crate::error::{CliError, CliResult};
use crate::models::{ModelName, files, find_version};
use crate::project::Project;
use crate::ui::Printer;

#[derive(Debug, Args)]
pub struct DownloadArgs {
    /// The version: NAME/3, NAME@ALIAS, NAME/Production, NAME/latest; NAME alone is the newest. Or a logged model, by
    /// its id m-…, as `pipe runs show` lists it
    model: ModelName,
    #[command(flatten)]
    folder: FolderArgs,
}

/// Puts the files of a version or a logged model into a folder.
///
/// # Errors
/// When there is no such version, its files are not here, or the folder holds something.
pub fn run(args: &DownloadArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    if let (Ok(id), None) = (args.model.name.parse::<ModelId>(), &args.model.which) {
        let model = store.logged_model(id)?;
        let files = store.artifacts_of(&ArtifactOwner::Model(id))?;
        if files.is_empty() {
            return Err(CliError::message(format!(
                "the logged model {} ({id}) has no files here",
                model.name
            )));
        }
        return args.folder.put(&files, (&format!("{} ({id})", model.name), &model.name), project, printer);
    }
    let version = find_version(&store, &args.model)?;
    let files = files(&store, &version)?;
    let what = format!("{}/{}", version.model, version.version);
    args.folder.put(&files, (&what, &version.model), project, printer)
}
