//! `pipe models download`.

use std::path::{Path, PathBuf};

use base::ProjectPath;
use clap::Args;
use disk::{LinkType, Mode};

use crate::cli::command_line;
use crate::cli::runs::open;
use crate::error::{CliError, CliResult};
use crate::interrupt::Interrupt;
use crate::models::{ModelName, files, find_version};
use crate::project::Project;
use crate::ui::Printer;

#[derive(Debug, Args)]
pub struct DownloadArgs {
    /// The version: NAME/3, NAME@ALIAS, NAME/Production, NAME/latest; NAME alone is the newest
    model: ModelName,
    /// The folder, which is made [default: NAME]
    #[arg(short, long, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    output: Option<PathBuf>,
    /// Write into a folder that holds something, over files of the same names
    #[arg(short, long)]
    force: bool,
}

/// Puts the files of a version into a folder.
///
/// # Errors
/// When there is no such version, its files are not here, or the folder holds something.
pub fn run(args: &DownloadArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let version = find_version(&store, &args.model)?;
    let files = files(&store, &version)?;
    let folder = args.output.clone().unwrap_or_else(|| PathBuf::from(&version.model));
    if !args.force && is_full(&folder) {
        return Err(CliError::message(format!("{} holds something already", base::shown(&folder)))
            .hint("`-o` names another folder, `-f` writes over files of the same names"));
    }
    let blobs = project.blobs();
    let _lock = project.lock_to_read(&command_line(), &Interrupt::default(), printer)?;
    // All is looked at before anything is written.
    for file in &files {
        ProjectPath::from_record(&file.path)?;
        if !blobs.has(&file.digest) {
            return Err(CliError::message(format!("the cache has no {} ({})", file.path, file.digest))
                .hint("`pipe fetch --all-commits` may bring it, where it is an out of a stage"));
        }
    }
    disk::make_folder(&folder)?;
    for file in &files {
        let target = folder.join(&file.path);
        if let Some(link) = disk::symlink_between(&folder, &target) {
            return Err(CliError::message(format!("{} is a symbolic link", base::shown(&link)))
                .hint("remove it, or name another folder with `-o`"));
        }
        disk::make_folder(target.parent().unwrap_or(&folder))?;
        disk::duplicate(
            LinkType::Copy,
            &blobs.path(&file.digest),
            &target,
            Mode::New { executable: false },
            None,
        )?;
    }
    let count = report::count_text(files.len(), "file");
    printer.say(format_args!(
        "Put {count} of {}/{} into {}.",
        version.model,
        version.version,
        base::shown(&folder)
    ));
    Ok(())
}

fn is_full(folder: &Path) -> bool {
    std::fs::read_dir(folder).map_or_else(|_| folder.exists(), |mut entries| entries.next().is_some())
}
