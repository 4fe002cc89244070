//! Which stages a command is about: targets, and the flags that widen or narrow what they name.

use std::collections::{HashMap, HashSet};

use base::ProjectPath;
use clap::Args;
use pipeline::{Dialect, Pipeline, StageId};

use crate::error::{CliError, CliResult};
use crate::project::Project;

/// What of the pipeline is meant.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Which stages")]
pub struct SelectArgs {
    /// Stages, groups, outs, pipeline files or their folders, and what they need [default: the stages of the nearest
    /// pipeline file, else of all of the project, and what they need]
    #[arg(value_name = "TARGET", help_heading = None)]
    pub targets: Vec<String>,
    /// Take the targets alone, without what they need, also beside `--downstream`
    #[arg(short, long, conflicts_with_all = ["pipeline", "all_pipelines"])]
    pub single_item: bool,
    /// Take the targets and what needs them, instead of what they need
    #[arg(long, conflicts_with_all = ["pipeline", "all_pipelines"])]
    pub downstream: bool,
    /// Read the targets as patterns (`*`, `?`, `[abc]`) for names of stages
    #[arg(long)]
    pub glob: bool,
    /// Read the targets as folders: all stages of the pipeline files in and below them [default: this folder; in
    /// projects of DVC, as without `-R`]
    #[arg(short = 'R', long, conflicts_with = "glob")]
    pub recursive: bool,
    /// Take everything that is connected with the targets, before and after them
    #[arg(short, long)]
    pub pipeline: bool,
    /// Take all stages of all pipeline files of the project, whatever the targets
    #[arg(short = 'P', long)]
    pub all_pipelines: bool,
}

impl SelectArgs {
    /// The stages that are meant, in an order where each comes after those it needs.
    ///
    /// # Errors
    /// When a target names nothing.
    pub fn stages(&self, pipeline: &Pipeline, project: &Project) -> CliResult<Vec<StageId>> {
        let graph = &pipeline.graph;
        if self.all_pipelines {
            return Ok(graph.order().to_vec());
        }
        if self.names_none(project) {
            let all = pipeline.default_stages();
            return Ok(if self.pipeline { together(pipeline, &all) } else { all });
        }
        Ok(self.around(pipeline, &self.named(pipeline, project)?))
    }

    /// The stages that a reproduction is about. In projects of DVC those that `dvc repro` takes: data alone that is named,
    /// that one of these stages reads, or that all is meant with.
    ///
    /// # Errors
    /// When a target names nothing.
    pub fn stages_to_reproduce(&self, pipeline: &Pipeline, project: &Project) -> CliResult<Vec<StageId>> {
        if project.dialect == Dialect::Native || self.all_pipelines {
            return self.stages(pipeline, project);
        }
        let named = match self.names_none(project) {
            true => pipeline.own_stages(),
            false => self.named(pipeline, project)?,
        };
        // A file without stages means everything to DVC; so does none here, where DVC fails.
        Ok(if named.is_empty() { pipeline.graph.order().to_vec() } else { self.around(pipeline, &named) })
    }

    /// Data among the stages `wanted` that nobody named and none of them reads. Where there is data alone, it is meant.
    pub fn spare(&self, pipeline: &Pipeline, wanted: &[StageId]) -> HashSet<StageId> {
        let is_data = |id: &StageId| pipeline.stage(*id).is_source();
        let is_named = !self.targets.is_empty() && !self.glob && !self.recursive && !self.pipeline;
        if is_named || pipeline.dialect() == Dialect::Dvc {
            return HashSet::new();
        }
        let readers: Vec<StageId> = wanted.iter().copied().filter(|id| !is_data(id)).collect();
        if readers.is_empty() {
            return HashSet::new();
        }
        let needed: HashSet<StageId> = pipeline.graph.with_upstream(&readers).into_iter().collect();
        wanted.iter().copied().filter(|id| is_data(id) && !needed.contains(id)).collect()
    }

    /// `targets`, with what the flags say beside them.
    fn around(&self, pipeline: &Pipeline, targets: &[StageId]) -> Vec<StageId> {
        let graph = &pipeline.graph;
        if self.single_item {
            graph.order().iter().copied().filter(|id| targets.contains(id)).collect()
        } else if self.downstream {
            graph.with_downstream(targets)
        } else if self.pipeline {
            together(pipeline, targets)
        } else {
            graph.with_upstream(targets)
        }
    }

    /// The same; without any choice all stages of all pipeline files, where that is what the project's dialect means.
    ///
    /// # Errors
    /// When a target names nothing.
    pub fn stages_to_tell(&self, pipeline: &Pipeline, project: &Project) -> CliResult<Vec<StageId>> {
        let is_narrowed = !self.names_none(project) || self.pipeline;
        match !is_narrowed && project.dialect.status_is_of_everything() {
            true => Ok(pipeline.graph.order().to_vec()),
            false => self.stages(pipeline, project),
        }
    }

    /// Those of them that DVC means where it tells what changed: what is named alone, but with `-p` all that is connected.
    ///
    /// # Errors
    /// When a target names nothing.
    pub fn stages_of_dvc(&self, pipeline: &Pipeline, project: &Project) -> CliResult<Vec<StageId>> {
        match self.names_none(project) || self.pipeline || self.downstream {
            true => self.stages_to_tell(pipeline, project),
            false => self.named(pipeline, project),
        }
    }

    /// Whether there is no choice. DVC takes no notice of `-R` without a target.
    fn names_none(&self, project: &Project) -> bool {
        self.targets.is_empty() && (!self.recursive || project.dialect == Dialect::Dvc)
    }

    /// The outs that are named themselves, or in which something is, by their stage: of the others of it DVC tells nothing.
    /// None of a stage that is named as well.
    pub fn outs_of_dvc(&self, pipeline: &Pipeline, project: &Project) -> HashMap<StageId, Vec<ProjectPath>> {
        let mut outs: HashMap<StageId, Vec<ProjectPath>> = HashMap::new();
        if self.glob || self.recursive || self.pipeline || self.downstream {
            return outs;
        }
        let mut whole = Vec::new();
        for target in &self.targets {
            let path = ProjectPath::resolve(&project.base, target).ok();
            let stages = pipeline.targets(&[target], &project.base).unwrap_or_default();
            // The name of a stage goes first.
            let of_out = path.zip(stages.first().copied()).filter(|(path, id)| {
                let address = &pipeline.stage(*id).address;
                stages.len() == 1 && address.name != *target && pipeline.graph.producer(path) == Some(*id)
            });
            match of_out {
                Some((path, id)) => outs.entry(id).or_default().push(path),
                None => whole.extend(stages),
            }
        }
        outs.retain(|id, _| !whole.contains(id));
        outs
    }

    fn named(&self, pipeline: &Pipeline, project: &Project) -> CliResult<Vec<StageId>> {
        if self.recursive {
            return self.below(pipeline, &project.base);
        }
        if !self.glob {
            return Ok(pipeline.targets(&self.targets, &project.base)?);
        }
        let mut found = Vec::new();
        for target in &self.targets {
            let pattern = glob::Pattern::new(target)
                .map_err(|fault| CliError::message(format!("`{target}` is no pattern: {fault}")))?;
            let before = found.len();
            found.extend(pipeline.ids().filter(|id| {
                let address = &pipeline.stage(*id).address;
                let is_near = address.file == pipeline.file;
                // DVC knows patterns for stages of one file alone.
                let is_meant = project.dialect == Dialect::Native || is_near || target.contains(':');
                (is_meant && pattern.matches(&address.spelled()))
                    || (is_near && pattern.matches(&address.name))
            }));
            if found.len() == before {
                return Err(CliError::message(format!("no stage's name matches `{target}`")).hint(
                    "`pipe status -v` lists the stages; quote a pattern, so that the shell leaves it alone",
                ));
            }
        }
        Ok(found)
    }

    /// The stages of the pipeline files in and below the folders that the targets name.
    fn below(&self, pipeline: &Pipeline, base: &ProjectPath) -> CliResult<Vec<StageId>> {
        let own = [".".to_owned()];
        let targets = if self.targets.is_empty() { &own[..] } else { &self.targets };
        let mut found = Vec::new();
        for target in targets {
            let folder = ProjectPath::resolve(base, target)?;
            let inside = |file: &ProjectPath| folder.is_root() || folder.contains(file);
            let before = found.len();
            found.extend(pipeline.ids().filter(|id| inside(&pipeline.stage(*id).address.file)));
            if found.len() == before {
                return Err(CliError::message(format!(
                    "no pipeline file lies in or below the folder `{target}`"
                )));
            }
        }
        Ok(found)
    }
}

/// `targets` and all that is connected with them.
pub fn together(pipeline: &Pipeline, targets: &[StageId]) -> Vec<StageId> {
    let mut known = pipeline.graph.with_upstream(targets);
    loop {
        let wider = pipeline.graph.with_upstream(&pipeline.graph.with_downstream(&known));
        if wider.len() == known.len() {
            return wider;
        }
        known = wider;
    }
}
