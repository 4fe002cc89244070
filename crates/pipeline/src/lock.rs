//! What a lock says of each stage: the inputs and outs of its last success.
//!
//! The text form is the business of `format::native`; which bytes the digests stand for, of the cache.

use std::collections::{BTreeMap, BTreeSet};

use base::{FileState, ProjectPath};
use serde::{Deserialize, Serialize};

use crate::env::EnvState;
use crate::special::SpecialName;
use crate::stage::{Command, Out, ParamValues, Stage};

/// The version of the lock format that this code writes, and the newest it reads.
pub const LOCK_SCHEMA: u32 = 1;

/// What is known of a stage's last success.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageLock {
    /// What ran.
    pub command: Command,
    /// The shell as written; `None` for the default.
    pub shell: Option<String>,
    /// The folder it ran in.
    pub wdir: ProjectPath,
    /// `train 1`: the built-in commands it called, each with the version of its algorithm.
    pub builtin: Option<String>,
    /// What it read. Sorted by path.
    pub deps: Vec<(ProjectPath, FileState)>,
    /// The parameters it depended on.
    pub params: ParamValues,
    /// What it wrote. Sorted by path.
    pub outs: Vec<(ProjectPath, FileState)>,
    /// Those of `outs` that are patterns, each with what it leaves out. What such an out held is a folder at the
    /// place of the pattern's fixed part, with the files that matched alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub globs: BTreeMap<ProjectPath, Vec<String>>,
    /// Those of `outs` that stayed in place while it ran.
    pub persist: BTreeSet<ProjectPath>,
    /// Paths whose digests DVC 1 or 2 made: of text, with the line ends of Unix.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unix_text: BTreeSet<ProjectPath>,
    /// What servers told of URLs among the special deps, where the dialect records that, and no digest of ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<(SpecialName, String)>,
    /// The variables of the environment that it declared. Sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, EnvState)>,
    /// What else it read. Sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub special: Vec<(SpecialName, FileState)>,
    /// What it wrote outside the project. Sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub special_outs: Vec<(SpecialName, FileState)>,
}

impl StageLock {
    /// The lock of `stage`, which has no special deps and outs, after a success. `deps` and `outs` hold one state for each of the stage's, in
    /// its order; `params` are the values it ran with (see [`select`](crate::params::select)),
    /// and `env` the states of its variables (see [`env_states`](crate::env_states)).
    pub fn new(
        stage: &Stage,
        builtin: Option<String>,
        deps: Vec<FileState>,
        params: ParamValues,
        env: Vec<(String, EnvState)>,
        outs: Vec<FileState>,
    ) -> Self {
        debug_assert_eq!(deps.len(), stage.deps.len());
        debug_assert_eq!(outs.len(), stage.outs.len());
        StageLock {
            unix_text: BTreeSet::new(),
            told: Vec::new(),
            command: stage.command.clone(),
            shell: stage.shell.clone(),
            wdir: stage.wdir.clone(),
            builtin,
            deps: stage.deps.iter().cloned().zip(deps).collect(),
            params,
            outs: stage.outs.iter().map(|out| out.path.clone()).zip(outs).collect(),
            globs: globs_of(&stage.outs),
            persist: stage.outs.iter().filter(|out| out.persist).map(|out| out.path.clone()).collect(),
            env,
            special: Vec::new(),
            special_outs: Vec::new(),
        }
    }

    /// What it says of the out that is the path `path`.
    pub fn out(&self, path: &ProjectPath) -> Option<&FileState> {
        find(&self.outs, path).filter(|_| !self.globs.contains_key(path))
    }

    /// What it says of an out as it is declared: a pattern that leaves out something else is another out.
    pub fn recorded(&self, out: &Out) -> Option<&FileState> {
        find(&self.outs, &out.path).filter(|_| self.globs.get(&out.path) == out.excluded().as_ref())
    }

    /// What it says of the dep at `path`.
    pub fn dep(&self, path: &ProjectPath) -> Option<&FileState> {
        find(&self.deps, path)
    }

    /// What it says of a special dep.
    pub fn special(&self, name: &SpecialName) -> Option<&FileState> {
        self.special.iter().find(|(known, _)| known == name).map(|(_, state)| state)
    }

    /// What it says of an out outside the project.
    pub fn special_out(&self, name: &SpecialName) -> Option<&FileState> {
        self.special_outs.iter().find(|(known, _)| known == name).map(|(_, state)| state)
    }

    /// Whether it records exactly the outs that `outs` declares, so that all of them could be restored.
    pub fn has_outs(&self, outs: &[Out]) -> bool {
        self.outs.len() == outs.len() && outs.iter().all(|out| self.recorded(out).is_some())
    }
}

/// The patterns among `outs`, each with what it leaves out.
pub fn globs_of(outs: &[Out]) -> BTreeMap<ProjectPath, Vec<String>> {
    outs.iter().filter_map(|out| Some((out.path.clone(), out.excluded()?))).collect()
}

/// Both lists of a lock are sorted by path.
fn find<'a>(list: &'a [(ProjectPath, FileState)], path: &ProjectPath) -> Option<&'a FileState> {
    list.binary_search_by(|(at, _)| at.cmp(path)).ok().map(|at| &list[at].1)
}

/// A whole lock file: one per pipeline file.
#[derive(Clone, Debug, PartialEq)]
pub struct Lock {
    /// The version of the format it was read from.
    pub schema: u32,
    /// By the stage's name in the pipeline file.
    pub stages: BTreeMap<String, StageLock>,
}

impl Default for Lock {
    fn default() -> Self {
        Lock { schema: LOCK_SCHEMA, stages: BTreeMap::new() }
    }
}
