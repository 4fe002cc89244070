//! `core.autostage`: git is told of the records that a command wrote, ready for the next commit.

use std::collections::BTreeSet;

use base::ProjectPath;
use pipeline::{Dialect, Pipeline, StageId};

use crate::dvc_config;
use crate::error::CliResult;
use crate::project::Project;
use crate::ui::Printer;

/// Whether the settings ask for that, and there is a git repository.
pub fn is_wanted(project: &Project) -> bool {
    let is_set = match project.dialect {
        Dialect::Native => project.settings.wants_staging(),
        Dialect::Dvc => dvc_config::wants_staging(&project.root),
    };
    is_set && project.git().is_some()
}

/// Stages files, also that one is gone, where the settings ask for that. Those that git ignores stay out. When git refuses, that is told: what was
/// recorded is recorded.
pub fn stage<'a>(project: &Project, files: impl IntoIterator<Item = &'a ProjectPath>, printer: Printer) {
    if !is_wanted(project) {
        return;
    }
    if let Err(fault) = add(project, files.into_iter().collect()) {
        let causes: Vec<String> =
            fault.source.iter().flat_map(anyhow::Error::chain).map(ToString::to_string).collect();
        printer.warn(format_args!(
            "git could not be told of what was recorded (`core.autostage`): {}",
            causes.join(": ")
        ));
    }
}

/// The locks and pointers of stages as they were, where that will be asked for.
pub struct Before(Vec<(ProjectPath, Option<Vec<u8>>)>);

impl Before {
    /// Reads them.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn look(project: &Project, pipeline: &Pipeline, stages: &[StageId]) -> CliResult<Self> {
        if !is_wanted(project) {
            return Ok(Before(Vec::new()));
        }
        let files: BTreeSet<ProjectPath> = stages.iter().map(|id| pipeline.lock_file(*id)).collect();
        let read = |file: ProjectPath| Ok((file.clone(), disk::read_optional(&file.to_path(&project.root))?));
        Ok(Before(files.into_iter().map(read).collect::<CliResult<_>>()?))
    }

    /// Stages those that are others now, and the ignore files that were changed.
    pub fn stage_changed(&self, project: &Project, ignore_files: &[ProjectPath], printer: Printer) {
        let is_other = |before: &&(ProjectPath, Option<Vec<u8>>)| {
            disk::read_optional(&before.0.to_path(&project.root)).ok().flatten() != before.1
        };
        let changed = self.0.iter().filter(is_other).map(|(file, _)| file);
        stage(project, changed.chain(ignore_files), printer);
    }
}

fn add(project: &Project, files: BTreeSet<&ProjectPath>) -> CliResult {
    let Some(git) = project.git() else { return Ok(()) };
    let (there, gone): (Vec<&ProjectPath>, Vec<&ProjectPath>) =
        files.into_iter().partition(|file| file.to_path(&project.root).is_file());
    let mut told = git.not_ignored(&there)?;
    if !gone.is_empty() {
        // Of what git never knew there is nothing to tell.
        let tracked = git.tracked()?;
        told.extend(gone.into_iter().filter(|file| tracked.iter().any(|known| known == file.as_str())));
    }
    Ok(git.add(&told)?)
}
