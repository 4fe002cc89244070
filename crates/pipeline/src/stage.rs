//! Stages as the rest of `pipe` sees them: every name filled in, every path relative to the project root.
//!
//! Plain nouns without verbs: how a stage came out of a text is the business of `format` and `resolve`,
//! whether it must run is asked of [`fresh`](crate::fresh()). Nothing here knows the disk.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base::{FileState, PathError, ProjectPath, Value, one_line};
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::dialect::Dialect;
use crate::env::{EnvRef, Environment};
use crate::param_path::ParamPath;
use crate::special::{Glob, Special, SpecialOut};
use crate::unrecordable::ParamsRead;

/// The name of a native pipeline file.
pub const PIPELINE_FILE: &str = "pipeline.yaml";
/// The name of a native lock, beside its pipeline file.
pub const LOCK_FILE: &str = "pipeline.lock";
/// The parameter file that templates and plain `params` keys read, beside its pipeline file.
pub const PARAMS_FILE: &str = "params.yaml";

/// How the names of pointers end: `data.csv.pipe` beside `data.csv`.
pub const POINTER_SUFFIX: &str = ".pipe";

/// How the names of DVC's pointers end.
pub const DVC_POINTER_SUFFIX: &str = ".dvc";

/// Whether a file is a pointer of either dialect by its name.
pub fn is_pointer(file: &ProjectPath) -> bool {
    let ends = |suffix: &str| file.name().len() > suffix.len() && file.name().ends_with(suffix);
    ends(POINTER_SUFFIX) || ends(DVC_POINTER_SUFFIX)
}

/// The number of a stage in [`Pipeline::stages`](crate::Pipeline): dense, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageId(pub u32);

impl StageId {
    /// The same number as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The name of a stage across the project, for people: `train` in the file at the root, `sub/pipeline.yaml:train`
/// elsewhere. A source is called as its pointer, `data.csv.pipe`, and has an empty name in it; it is never read back from
/// a text.
///
/// Ordered by file, then by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// The pipeline file.
    pub file: ProjectPath,
    /// The stage's key in it.
    pub name: String,
}

impl Address {
    /// The address of the data that a pointer tells of.
    pub fn of_pointer(file: &ProjectPath) -> Self {
        Address { file: file.clone(), name: String::new() }
    }

    /// As it is written, for records and to be compared.
    pub fn spelled(&self) -> String {
        if self.is_source() {
            self.file.as_str().to_owned()
        } else if matches!(self.file.as_str(), PIPELINE_FILE | crate::dialect::DVC_FILE) {
            self.name.clone()
        } else {
            format!("{}:{}", self.file.as_str(), self.name)
        }
    }

    /// Whether it is that of data rather than of a command.
    pub fn is_source(&self) -> bool {
        self.name.is_empty()
    }
}

/// For people, on one line. What is compared or recorded is [`Address::spelled`].
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.spelled()))
    }
}

impl FromStr for Address {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Names may hold colons too.
        let ends = [PIPELINE_FILE, crate::dialect::DVC_FILE];
        let is_file = |file: &str| ends.contains(&file.rsplit('/').next().unwrap_or(file));
        let mut cuts = text.match_indices(':').map(|(at, _)| (&text[..at], &text[at + 1..]));
        let cut = cuts.find(|(file, _)| is_file(file)).or_else(|| text.rsplit_once(':'));
        let (file, name) = cut.unwrap_or((PIPELINE_FILE, text));
        Ok(Address { file: ProjectPath::resolve(&ProjectPath::root(), file)?, name: name.to_owned() })
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.file.as_str() {
            PIPELINE_FILE => serializer.serialize_str(&self.name),
            _ => serializer.collect_str(&format_args!("{}:{}", self.file.as_str(), self.name)),
        }
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a stage runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Command {
    /// One script for one shell, of one line or many; the shell stops at the first failing line (`sh -e`).
    Script(String),
    /// Each item has a shell of its own; the first failure stops.
    List(Vec<String>),
    /// Nothing runs: a source, whose out is data that people change.
    None,
}

impl Command {
    /// The scripts in the order they run: one of a script, every item of a list.
    pub fn scripts(&self) -> &[String] {
        match self {
            Command::Script(script) => std::slice::from_ref(script),
            Command::List(scripts) => scripts,
            Command::None => &[],
        }
    }
}

/// One line for people: the items of a list joined by ` && `, the lines of a script by `; `.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, script) in self.scripts().iter().enumerate() {
            if at > 0 {
                f.write_str(" && ")?;
            }
            for (at, line) in script.trim_end().lines().enumerate() {
                if at > 0 {
                    f.write_str("; ")?;
                }
                f.write_str(line)?;
            }
        }
        Ok(())
    }
}

/// What an out is read as. No part of the stage key: relabelling makes nothing stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutKind {
    /// Files for other stages and people.
    Data,
    /// Numbers that `metrics show` reads and a run records.
    Metrics,
    /// Series or images that `plots show` draws.
    Plots,
}

/// A file or folder that a stage writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Out {
    /// Relative to the project root; the pattern, of an out that is one.
    pub path: ProjectPath,
    /// Of an out that is a pattern, which files are meant: it is the set of those that match.
    #[serde(skip)]
    pub glob: Option<Glob>,
    /// What it is read as.
    pub kind: OutKind,
    /// Whether its bytes are kept in the cache; without, git or nobody keeps them.
    pub cache: bool,
    /// Whether it stays in place when the stage runs, so that the command can build on it.
    pub persist: bool,
    /// The remote that its bytes go to; `None` for the default one.
    pub remote: Option<String>,
    /// Whether its bytes go to a remote at all.
    pub push: bool,
    /// For people.
    pub desc: Option<String>,
    /// What it is, for people and registries.
    pub annotation: Annotation,
    /// How to draw it: `template`, `x`, `y`, `x_label`, `y_label`, `title`, `header`, as written.
    pub plot: IndexMap<String, Value>,
}

impl Out {
    /// Of a pattern, what it leaves out; `None` for a path.
    pub fn excluded(&self) -> Option<Vec<String>> {
        self.glob.as_ref().map(Glob::excluded)
    }

    /// Whether `path` is the out, lies in it, or is one of its files.
    pub fn holds(&self, path: &ProjectPath) -> bool {
        self.glob.as_ref().map_or_else(|| self.path.contains(path), |glob| glob.matches(path))
    }

    /// Whether the out can hold something at `path`, above it or below it.
    pub fn concerns(&self, path: &ProjectPath) -> bool {
        match &self.glob {
            Some(glob) => glob.concerns(path),
            None => self.path.contains(path) || path.contains(&self.path),
        }
    }

    /// Whether the out can hold something of what a pattern means.
    pub fn concerns_glob(&self, other: &Glob) -> bool {
        self.glob.as_ref().map_or_else(|| other.touches(&self.path), |glob| glob.meets(other))
    }
}

/// What someone says of an out or an artifact. Changes nothing that `pipe` does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    /// `type`: `model`, `dataset` or any other word.
    pub kind: Option<String>,
    /// Words to find it by.
    pub labels: Vec<String>,
    /// Whatever else.
    pub meta: IndexMap<String, Value>,
}

/// A plot that is declared beside the stages: an item of the top-level list `plots`.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// The pipeline file that declares it.
    pub file: ProjectPath,
    /// As written: a path, or a name where the options name the files.
    pub id: String,
    /// The files or folders with its data, relative to the project root; the keys of the maps `x` and `y`, or else
    /// the path that `id` is.
    pub sources: Vec<ProjectPath>,
    /// `template`, `x`, `y`, `x_label`, `y_label`, `title`, `header`, as written.
    pub options: IndexMap<String, Value>,
}

/// An entry of the top-level map `artifacts`.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// The pipeline file that declares it.
    pub file: ProjectPath,
    /// Its name.
    pub id: String,
    /// Relative to the project root.
    pub path: ProjectPath,
    /// For people.
    pub desc: Option<String>,
    /// What it is.
    pub annotation: Annotation,
}

/// A parameter, or all of a file, that a stage depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ParamRef {
    /// The file that holds it.
    pub file: ParamPath,
    /// A dotted key; `None` for all top-level keys of the file.
    pub key: Option<String>,
}

/// What a stage occupies while it runs. Nothing is occupied of what is not named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Processors, a part of one perhaps.
    pub cpus: Option<f64>,
    /// Graphics processors.
    pub gpus: Option<u64>,
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// Whatever else is scarce, by a name of the user's: licences, slots on a server.
    pub tokens: BTreeMap<String, u64>,
}

/// What a stage says of the run that records it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tracking {
    /// The experiment that the run is kept in, made when there is none; the default one without it.
    pub experiment: Option<String>,
    /// The run's name; the stage's without it.
    pub name: Option<String>,
    /// Tags of the run.
    pub tags: BTreeMap<String, String>,
}

/// A stage with every template filled in and every path relative to the project root.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Its name across the project.
    pub address: Address,
    /// What it runs.
    pub command: Command,
    /// The shell as written in `shell:`; `None` for `/bin/sh -e`.
    pub shell: Option<String>,
    /// The folder the command runs in.
    pub wdir: ProjectPath,
    /// Files and folders it reads; sorted, each once.
    pub deps: Vec<ProjectPath>,
    /// What else it reads; sorted by name, each once.
    pub special: Vec<Special>,
    /// Parameters it reads; sorted, each once.
    pub params: Vec<ParamRef>,
    /// Files and folders it writes; sorted by path, each once.
    pub outs: Vec<Out>,
    /// What it writes outside the project; sorted by name, each once.
    pub special_outs: Vec<SpecialOut>,
    /// Of paths that the pipeline file spells in another way than they are seen from `wdir`, or more than once, how it does;
    /// by path, or by the name of a special dep. Sorted, and never empty.
    pub spelled: BTreeMap<String, Vec<String>>,
    /// Of parameter files outside the project, how the pipeline file spells each, by its name.
    pub spelled_params: BTreeMap<String, String>,
    /// Of parameter files that the pipeline file spells in another way than they are seen from `wdir`, which they are.
    pub misspelled_params: BTreeMap<String, ProjectPath>,
    /// Whether it never runs: deps and params are not asked, edges to what it reads are cut.
    pub frozen: bool,
    /// Whether it runs every time.
    pub always_changed: bool,
    /// For people.
    pub desc: Option<String>,
    /// Whatever the user keeps there; never read.
    pub meta: Option<Value>,
    /// Variables of the environment that it reads; sorted by name, each once.
    pub env: Vec<EnvRef>,
    /// How long it may run, in milliseconds. No part of the stage key, like all that follows.
    pub timeout_millis: Option<u64>,
    /// What it occupies while it runs.
    pub resources: Resources,
    /// Pools it is in: of the stages of one pool, one runs at a time. Sorted, each once.
    pub pools: Vec<String>,
    /// What its run is called, and where it is kept.
    pub tracking: Tracking,
}

impl Stage {
    /// Data that the pointer `file` tells of: a stage without a command.
    pub(crate) fn of_data(file: &ProjectPath, wdir: ProjectPath, outs: Vec<Out>) -> Self {
        Stage {
            address: Address::of_pointer(file),
            command: Command::None,
            shell: None,
            wdir,
            deps: Vec::new(),
            special: Vec::new(),
            special_outs: Vec::new(),
            params: Vec::new(),
            outs,
            spelled_params: BTreeMap::new(),
            misspelled_params: BTreeMap::new(),
            spelled: BTreeMap::new(),
            frozen: false,
            always_changed: false,
            desc: None,
            meta: None,
            env: Vec::new(),
            timeout_millis: None,
            resources: Resources::default(),
            pools: Vec::new(),
            tracking: Tracking::default(),
        }
    }

    /// Whose file declares it.
    pub fn dialect(&self) -> Dialect {
        Dialect::of_file(&self.address.file)
    }

    /// Whether it is data that a pointer tells of: it has one out and nothing that runs.
    pub fn is_source(&self) -> bool {
        self.command == Command::None
    }

    /// Whether it has nothing that could be up to date and thus runs every time: no deps, params, outs or
    /// declared variables.
    pub fn is_callback(&self) -> bool {
        self.deps.is_empty()
            && self.special.is_empty()
            && self.params.is_empty()
            && self.outs.is_empty()
            && self.special_outs.is_empty()
            && self.env.is_empty()
    }
}

/// A parameter file as it was found.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamFile {
    /// There is no such file.
    Missing,
    /// All that stands in it, shared by all stages that refer to it.
    Read(Arc<ParamsRead>),
}

/// What the world looks like for one stage. Made by the caller, who alone may look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// One for each of [`Stage::deps`], in that order; `None` when there is no such file.
    pub deps: Vec<Option<FileState>>,
    /// One for each of [`Stage::special`], in that order; `None` when there is no such thing, or nothing matches.
    pub special: Vec<Option<FileState>>,
    /// Every file that [`Stage::params`] names; one that is left out counts as missing.
    pub params: BTreeMap<ParamPath, ParamFile>,
    /// One for each of [`Stage::outs`], in that order; `None` when there is no such file.
    pub outs: Vec<Option<FileState>>,
    /// One for each of [`Stage::special_outs`], in that order; `None` when there is no such thing.
    pub special_outs: Vec<Option<FileState>>,
    /// One for each of [`Stage::outs`]: whether the bytes that the *lock* records for it can be had,
    /// from the cache or the workspace. Not asked for outs with `cache: false`.
    pub outs_cached: Vec<bool>,
    /// The values of [`Stage::env`].
    pub env: Environment,
}

/// Parameter values by file and dotted key.
pub type ParamValues = IndexMap<ParamPath, IndexMap<String, Value>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back() {
        for text in ["train", "sub/pipeline.yaml:train", "dvc.yaml:a@1"] {
            let address: Address = text.parse().expect("an address");
            assert_eq!(serde_json::to_string(&address).expect("plain data"), format!("\"{text}\""));
        }
        for (text, file, name) in
            [("dvc.yaml:a:b", "dvc.yaml", "a:b"), ("s/dvc.yaml:x/y:b", "s/dvc.yaml", "x/y:b")]
        {
            let address: Address = text.parse().expect("an address");
            assert_eq!((address.file.as_str(), address.name.as_str()), (file, name));
        }
        assert!("../pipeline.yaml:a".parse::<Address>().is_err());
    }

    #[test]
    fn commands_on_one_line() {
        assert_eq!(Command::Script("a\nb\n".into()).to_string(), "a; b");
        assert_eq!(Command::List(vec!["a".into(), "b".into()]).to_string(), "a && b");
    }
}
