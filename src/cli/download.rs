//! Files of runs and models put into a folder: for `pipe runs download` and `pipe models download`.

use std::path::{Path, PathBuf};

use base::ProjectPath;
use clap::Args;
use disk::Mode;
use track::Artifact;

use crate::cli::command_line;
use crate::error::{CliError, CliResult};
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::ui::Printer;

/// Where files are put.
#[derive(Debug, Args)]
pub struct FolderArgs {
    /// The folder, which is made [default: the name of the model, or the short id of the run]
    #[arg(short, long, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    output: Option<PathBuf>,
    /// Write into a folder that holds something, over files of the same names
    #[arg(short, long)]
    force: bool,
}

impl FolderArgs {
    /// Puts files into the folder, or into the one that is usual, and says so.
    ///
    /// # Errors
    /// When the cache lacks one of them or holds it damaged, or the folder holds something.
    pub fn put(
        &self,
        files: &[Artifact],
        (what, usual): (&str, &str),
        project: &Project,
        printer: Printer,
    ) -> CliResult {
        let folder = self.output.clone().unwrap_or_else(|| PathBuf::from(usual));
        if !self.force && is_full(&folder) {
            return Err(CliError::message(format!("{} holds something already", base::shown(&folder)))
                .hint("`-o` names another folder, `-f` writes over files of the same names"));
        }
        let blobs = project.blobs();
        let _lock = project.lock_to_read(&command_line(), &Interrupt::default(), printer)?;
        // All is looked at before anything is written.
        for file in files {
            ProjectPath::from_record(&file.path)?;
            if !blobs.has(&file.digest) {
                return Err(CliError::message(format!("the cache has no {} ({})", file.path, file.digest))
                    .hint("`pipe fetch --all-commits` may bring it, where it is an out of a stage"));
            }
        }
        disk::make_folder(&folder)?;
        for file in files {
            let target = folder.join(&file.path);
            if let Some(link) = disk::symlink_between(&folder, &target) {
                return Err(CliError::message(format!("{} is a symbolic link", base::shown(&link)))
                    .hint("remove it, or name another folder with `-o`"));
            }
            disk::make_folder(target.parent().unwrap_or(&folder))?;
            blobs.copy_to(&file.digest, &target, Mode::New { executable: false })?;
        }
        let count = report::count_text(files.len(), "file");
        printer.say(format_args!("Put {count} of {what} into {}.", base::shown(&folder)));
        Ok(())
    }
}

fn is_full(folder: &Path) -> bool {
    std::fs::read_dir(folder).map_or_else(|_| folder.exists(), |mut entries| entries.next().is_some())
}
