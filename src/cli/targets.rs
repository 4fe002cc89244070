//! Which outs and data a command is about: targets, and the flags that widen what they name.

use base::ProjectPath;
use clap::Args;
use pipeline::{Out, Pipeline, Stage, StageId};

use crate::error::{CliError, CliResult};
use crate::project::Project;

/// Outs and data by what people call them.
#[derive(Clone, Debug, Default, Args)]
pub struct TargetArgs {
    /// Stages, outs, pointers, pipeline files, or files inside outs and data [default: all outs and data]
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Take also what the targets need
    #[arg(short = 'd', long)]
    pub with_deps: bool,
    /// Take of folders all that is declared in and below them
    #[arg(short = 'R', long)]
    pub recursive: bool,
    /// Read the targets as patterns (`*`, `?`, `**`, `[abc]`) for outs, pointers and names of stages
    #[arg(long)]
    pub glob: bool,
}

/// A stage, or a path that is one of its outs or lies inside one.
pub struct Picked {
    /// The stage.
    pub stage: StageId,
    /// The path; `None` for all its outs.
    pub path: Option<ProjectPath>,
}

impl TargetArgs {
    /// Whether data that nobody can tell of would be meant too: all is, or what the targets name is found by looking.
    pub fn may_mean_any(&self) -> bool {
        self.targets.is_empty() || self.recursive || self.glob || self.with_deps
    }

    /// What the targets name; without any, all stages.
    ///
    /// # Errors
    /// When one names nothing.
    pub fn pick(&self, pipeline: &Pipeline, project: &Project) -> CliResult<Vec<Picked>> {
        let whole = |stage| Picked { stage, path: None };
        if self.targets.is_empty() {
            return Ok(pipeline.graph.order().iter().copied().map(whole).collect());
        }
        let mut picked: Vec<Picked> = Vec::new();
        for target in &self.targets {
            if self.glob {
                picked.extend(matching(pipeline, project, target)?);
                continue;
            }
            let path = ProjectPath::resolve(&project.base, target).ok();
            if let Some(folder) = path.as_ref().filter(|_| self.recursive) {
                let below = pipeline.ids().filter(|id| {
                    let stage = pipeline.stage(*id);
                    folder.contains(&stage.address.file)
                        || stage.outs.iter().any(|out| folder.contains(&out.path))
                });
                let before = picked.len();
                picked.extend(below.map(whole));
                if picked.len() > before {
                    continue;
                }
            }
            for stage in pipeline.targets(std::slice::from_ref(target), &project.base)? {
                let inside = |path: &ProjectPath| {
                    pipeline.stage(stage).outs.iter().any(|out| out.holds(path))
                        && pipeline.find(target).is_none()
                };
                picked.push(Picked { stage, path: path.clone().filter(inside) });
            }
        }
        if self.with_deps {
            let named: Vec<StageId> = picked.iter().map(|picked| picked.stage).collect();
            let needed = pipeline.graph.with_upstream(&named);
            picked.extend(needed.into_iter().filter(|id| !named.contains(id)).map(whole));
        }
        Ok(picked)
    }
}

/// The out of a stage or of data, and what a target names in it, where that is only a part of it.
pub fn part<'a>(
    pipeline: &'a Pipeline,
    project: &Project,
    target: &str,
) -> Option<(&'a Stage, &'a Out, ProjectPath)> {
    let path = ProjectPath::resolve(&project.base, target).ok()?;
    let found = pipeline.targets(&[target], &project.base).ok()?;
    let [id] = found.as_slice() else { return None };
    // A name goes before a path.
    if pipeline.find(target).is_some() {
        return None;
    }
    let stage = pipeline.stage(*id);
    let out = stage.outs.iter().find(|out| out.path != path && out.path.contains(&path))?;
    Some((stage, out, path))
}

/// What is wrong with a pattern.
pub fn no_pattern(text: &str, fault: &glob::PatternError) -> CliError {
    CliError::message(format!("`{text}` is no pattern: {fault}"))
        .hint("`*`, `?`, `**` and `[abc]` mean others; `[[]` means the bracket itself")
}

/// What a pattern names: outs by their paths from here, pointers, and stages by their names.
fn matching(pipeline: &Pipeline, project: &Project, target: &str) -> CliResult<Vec<Picked>> {
    let pattern = target.strip_prefix("./").unwrap_or(target);
    let pattern = glob::Pattern::new(pattern).map_err(|fault| no_pattern(target, &fault))?;
    let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
    let matches = |text: &str| pattern.matches_with(text, options);
    let mut found = Vec::new();
    for id in pipeline.ids() {
        let stage = pipeline.stage(id);
        let address = &stage.address;
        let is_named = match stage.is_source() {
            true => matches(&address.file.relative_to(&project.base)),
            false => matches(&address.spelled()) || (address.file == pipeline.file && matches(&address.name)),
        };
        if is_named {
            found.push(Picked { stage: id, path: None });
            continue;
        }
        let outs = stage.outs.iter().filter(|out| matches(&out.path.relative_to(&project.base)));
        found.extend(outs.map(|out| Picked { stage: id, path: Some(out.path.clone()) }));
    }
    if found.is_empty() {
        return Err(CliError::message(format!("no out, pointer or stage matches `{target}`"))
            .hint("quote a pattern, so that the shell leaves it alone"));
    }
    Ok(found)
}
