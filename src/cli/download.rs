//! Files of runs and models put into a folder: for `pipe runs download` and `pipe models download`.

use std::path::{Path, PathBuf};

use base::ProjectPath;
use cache::Blobs;
use clap::Args;
use disk::Mode;
use track::Artifact;

use crate::cli::command_line;
use crate::error::{CliError, CliResult};
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::ui::Printer;

/// So many files that are missing are named, each by so many characters of its path.
const MOST_TOLD: usize = 20;
const LONGEST_TOLD: usize = 80;

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
    /// Puts files into the folder, or into the one that is usual, and says so. One that cannot be written there keeps none of
    /// the others away.
    ///
    /// # Errors
    /// When the cache lacks one of them, or the folder holds something; after all others were put there, when one cannot be
    /// written, or the cache holds it damaged.
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
        let mut missing = Vec::new();
        for file in files {
            if let Err(fault) = put_one(&blobs, file, &folder) {
                missing.push((file, fault));
            }
        }
        let count = report::count_text(files.len(), "file");
        let there = base::shown(&folder);
        let all =
            if missing.is_empty() { String::new() } else { format!("{} of ", files.len() - missing.len()) };
        printer.say(format_args!("Put {all}{count} of {what} into {there}."));
        if missing.is_empty() { Ok(()) } else { Err(told(&missing, &there)) }
    }
}

fn put_one(blobs: &Blobs, file: &Artifact, folder: &Path) -> CliResult {
    let target = folder.join(&file.path);
    if let Some(link) = disk::symlink_between(folder, &target) {
        return Err(CliError::message(format!("{} is a symbolic link", base::shown(&link)))
            .hint("remove it, or name another folder with `-o`"));
    }
    disk::make_folder(target.parent().unwrap_or(folder))?;
    blobs.copy_to(&file.digest, &target, Mode::New { executable: false })?;
    Ok(())
}

/// What is not there, and why.
fn told(missing: &[(&Artifact, CliError)], folder: &str) -> CliError {
    let mut text = format!("{} missing in {folder}:", are(missing.len()));
    for (file, fault) in missing.iter().take(MOST_TOLD) {
        let path = base::one_line(&file.path);
        let path = report::cut_in_middle(&path, LONGEST_TOLD);
        text.push_str(&format!("\n  {path}: {}", why(fault)));
    }
    if missing.len() > MOST_TOLD {
        text.push_str(&format!("\n  and {} more", missing.len() - MOST_TOLD));
    }
    let mut fault = CliError::message(text);
    for hint in missing.iter().flat_map(|(_, fault)| fault.all_hints()) {
        if !fault.hints.contains(&hint) {
            fault = fault.hint(hint);
        }
    }
    fault
}

fn are(count: usize) -> String {
    let files = report::count_text(count, "file");
    if count == 1 { format!("{files} is") } else { format!("{files} are") }
}

/// What the system said of a file, whose path is told already; else all that is known.
fn why(fault: &CliError) -> String {
    let Some(source) = &fault.source else { return String::new() };
    match source.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>()) {
        Some(system) => system.to_string(),
        None => format!("{source:#}"),
    }
}

fn is_full(folder: &Path) -> bool {
    std::fs::read_dir(folder).map_or_else(|_| folder.exists(), |mut entries| entries.next().is_some())
}
