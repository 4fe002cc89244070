//! From texts to a [`Pipeline`]: every pipeline file of a project read, and one graph built of all stages.
//!
//! A loop without hands: [`load`] is called with the texts that the caller has read so far and answers either
//! with the pipeline or with the files it needs next. It starts over each time, because no state can then be
//! stale; a caller who hands over each `pipeline.yaml` and the `params.yaml` beside it usually calls once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use base::{ProjectPath, Value};
use indexmap::IndexMap;

use crate::codec::lock_beside;
use crate::dialect::Dialect;
use crate::env::{EnvRef, Environment};
use crate::error::{LoadFault, PipelineError, Position};
use crate::format::dvc::datasets::Dataset;
use crate::format::dvc::plain::plain_pointer;
use crate::graph::{self, Graph};
use crate::loader::{Part, UsedValues, load_file};
use crate::lock::StageLock;
use crate::param_path::ParamPath;
use crate::pointer::parse_source;
use crate::special::Glob;
use crate::stage::{Address, Artifact, PARAMS_FILE, ParamFile, Plot, Stage, StageId, is_pointer};
use crate::texts::{Needs, Provided, Texts};
use crate::yaml::{self, Segment};

/// How far [`load`] came.
#[derive(Clone, Debug)]
pub enum Loaded {
    /// All the way.
    Done(Box<Pipeline>),
    /// Not without these, at least one: add them and call again.
    Need(Needs),
}

/// All stages of a project, with everything resolved.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The pipeline file that is meant where none is named.
    pub file: ProjectPath,
    /// All pipeline files, in the order of their stages.
    pub files: Vec<ProjectPath>,
    /// All pointers, in the order of their sources, which stand behind the stages.
    pub pointers: Vec<ProjectPath>,
    /// File by file, each in its order; [`StageId`] is an index into it.
    pub stages: Vec<Stage>,
    /// Who reads what whom wrote.
    pub graph: Graph,
    /// Every parameter file that a stage names, and each `params.yaml` that exists beside a pipeline file.
    pub param_files: BTreeMap<ParamPath, ParamFile>,
    /// In projects of DVC, what templates of stages name in the files that they are filled in from, by dotted key.
    pub used_values: BTreeMap<ParamPath, IndexMap<String, Value>>,
    /// The top-level lists `params`.
    pub params: Vec<ProjectPath>,
    /// The top-level lists `metrics`.
    pub metrics: Vec<ProjectPath>,
    /// The top-level lists `plots`.
    pub plots: Vec<Plot>,
    /// The top-level maps `artifacts`.
    pub artifacts: Vec<Artifact>,
    /// DVC's top-level lists `datasets`.
    pub datasets: Vec<Dataset>,
    /// The groups of which each stage is made of a file, in the order of the files.
    pub file_groups: Vec<FileGroup>,
    /// The values of the variables that stages declare. Empty until the caller, who alone may look, fills it in.
    pub environment: Environment,
    /// The project's root by its absolute path, as far as it is known.
    pub(crate) root: String,
    pub(crate) contents: IndexMap<ProjectPath, Content>,
}

/// A stage with `foreach` over files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileGroup {
    /// What it is called.
    pub address: Address,
    /// The files it is made of.
    pub glob: Glob,
    /// How many there are.
    pub count: usize,
    /// Whether its stages are left alone, and what they wrote.
    pub frozen: bool,
}

impl FileGroup {
    /// Whether a stage of this name in the group's pipeline file is, or once was, made of one of its files.
    pub fn is_member(&self, stage: &Address) -> bool {
        let name = |name: &str| name.strip_prefix(&self.address.name)?.strip_prefix('@').map(drop);
        stage.file == self.address.file && name(&stage.name).is_some()
    }
}

/// What is known of one pipeline file.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    /// Its stages by name.
    pub names: IndexMap<String, StageId>,
    /// Which stages were made of each stage with `foreach` or `matrix`.
    pub groups: IndexMap<String, Range<u32>>,
    text: Arc<str>,
}

impl Pipeline {
    /// The stage of an id.
    pub fn stage(&self, id: StageId) -> &Stage {
        &self.stages[id.index()]
    }

    /// Whether a stage that is declared no longer was made of a file that is gone, so that what it wrote goes too. Of a
    /// frozen group nothing goes.
    pub fn is_of_gone_file(&self, stage: &Address, lock: &StageLock) -> bool {
        let is_of = |group: &FileGroup| {
            group.is_member(stage) && lock.deps.iter().any(|(path, _)| group.glob.matches(path))
        };
        self.file_groups.iter().any(|group| !group.frozen && is_of(group))
    }

    /// Whether a lock that is written keeps what it records of a stage: one that is declared, or whose file is gone and
    /// whose outs are still to be removed.
    pub fn keeps_record(&self, stage: &Address, lock: &StageLock) -> bool {
        let declared =
            self.contents.get(&stage.file).is_some_and(|file| file.names.contains_key(&stage.name));
        let is_of = |group: &FileGroup| {
            group.is_member(stage) && lock.deps.iter().any(|(path, _)| group.glob.matches(path))
        };
        declared || self.file_groups.iter().any(is_of)
    }

    /// All ids, in the order of the files.
    pub fn ids(&self) -> impl Iterator<Item = StageId> {
        self.graph.ids()
    }

    /// The stage of a name in the file [`Pipeline::file`].
    pub fn find(&self, name: &str) -> Option<StageId> {
        self.contents.get(&self.file)?.names.get(name).copied()
    }

    /// The address of the stage with `foreach` or `matrix` that a stage was made of; of any other stage its own.
    pub fn written_address(&self, id: StageId) -> Address {
        let Address { file, name } = self.stage(id).address.clone();
        let groups = self.contents.get(&file).map(|content| &content.groups);
        let group = groups.and_then(|groups| groups.iter().find(|(_, members)| members.contains(&id.0)));
        Address { name: group.map_or(name, |(group, _)| group.clone()), file }
    }

    /// All variables that stages declare, each once; twice where one stage declares it plain and another does not.
    pub fn declared_variables(&self) -> BTreeSet<&EnvRef> {
        self.stages.iter().flat_map(|stage| &stage.env).collect()
    }

    /// Where the stage's key stands in its file. Reads the text again: for messages only.
    pub fn position(&self, id: StageId) -> Option<Position> {
        let stage = self.stage(id);
        let content = self.contents.get(&stage.address.file)?;
        position(&content.text, stage)
    }

    /// The data set that deps call so; of several, DVC takes the last.
    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        self.datasets.iter().rev().find(|dataset| dataset.name == name)
    }

    /// The lock file that tells of `stage`; of a source, its pointer.
    pub fn lock_file(&self, stage: StageId) -> ProjectPath {
        lock_beside(&self.stage(stage).address.file)
    }

    /// All sources, in the order of their pointers.
    pub fn sources(&self) -> impl Iterator<Item = StageId> {
        self.ids().filter(|id| self.stage(*id).is_source())
    }
}

/// Where the key of a stage stands; of a generated one, that of the stage it was made of; of a source, its out.
fn position(text: &str, stage: &Stage) -> Option<Position> {
    if stage.is_source() {
        return yaml::locate(text, &[Segment::Key("outs"), Segment::Index(0)]).map(|place| place.value);
    }
    let name = &stage.address.name;
    let written = name.split_once('@').map_or(name.as_str(), |(group, _)| group);
    yaml::locate(text, &[Segment::Key("stages"), Segment::Key(written)]).map(|place| place.key)
}

/// Resolves the pipeline file `file` from the texts at hand.
///
/// # Errors
/// Every fault that could be found, with its place.
pub fn load(file: &ProjectPath, provided: &Provided) -> Result<Loaded, LoadFault> {
    load_all(file, std::slice::from_ref(file), provided)
}

/// Resolves several pipeline files and pointers into one pipeline; `file` is the pipeline file that is meant where
/// none is named, and need not be there.
///
/// # Errors
/// Every fault that could be found, with its place.
pub fn load_all(file: &ProjectPath, files: &[ProjectPath], provided: &Provided) -> Result<Loaded, LoadFault> {
    let mut texts = Texts::new(provided, Dialect::of_file(file));
    let (pointers, files): (Vec<_>, Vec<_>) = files.iter().cloned().partition(is_pointer);
    for file in &files {
        texts.text(file);
        texts.text(&params_beside(file));
    }
    for file in &pointers {
        texts.text(file);
    }
    if !texts.needed.is_empty() {
        return Ok(Loaded::Need(texts.needed));
    }
    let mut builder = Builder::default();
    let mut faults = Vec::new();
    for file in &files {
        let Some(text) = texts.text(file) else {
            let hint = Some("run `pipe init` to make one, or name another folder with `--cd`");
            faults.push(PipelineError::new(file, "there is no such pipeline file").hint(hint));
            continue;
        };
        match load_file(file, text, &mut texts) {
            Ok(Some(part)) => builder.add(file, text, part),
            Ok(None) => {}
            Err(fault) => faults.extend(fault.faults),
        }
    }
    for file in &pointers {
        // Gone since it was found: then there is no such data.
        let Some(text) = texts.text(file) else { continue };
        match parse_source(file, &plain_pointer(texts.root(), file, text)) {
            // A file of DVC may tell of nothing: there is no such data.
            Ok((stage, _)) if stage.outs.is_empty() => {}
            Ok((stage, _)) => builder.add_source(file, text, stage),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() {
        builder.read_param_files(&files, &mut texts, &mut faults);
    }
    if !faults.is_empty() {
        return Err(LoadFault { faults });
    }
    if !texts.needed.is_empty() {
        return Ok(Loaded::Need(texts.needed));
    }
    builder.finish(texts.root(), file, &files).map(|pipeline| Loaded::Done(Box::new(pipeline)))
}

fn params_beside(file: &ProjectPath) -> ProjectPath {
    file.parent().unwrap_or_default().join(PARAMS_FILE)
}

/// The parts of all files, put together.
#[derive(Default)]
struct Builder {
    stages: Vec<Stage>,
    contents: IndexMap<ProjectPath, Content>,
    params: Vec<ProjectPath>,
    metrics: Vec<ProjectPath>,
    plots: Vec<Plot>,
    artifacts: Vec<Artifact>,
    datasets: Vec<Dataset>,
    file_groups: Vec<FileGroup>,
    read_by_templates: BTreeSet<ProjectPath>,
    used: UsedValues,
    param_files: BTreeMap<ParamPath, ParamFile>,
    pointers: Vec<ProjectPath>,
}

impl Builder {
    fn add_source(&mut self, file: &ProjectPath, text: &str, stage: Stage) {
        let id = StageId(u32::try_from(self.stages.len()).expect("fewer files than a disk holds"));
        let names = [(String::new(), id)].into_iter().collect();
        self.contents.insert(file.clone(), Content { names, groups: IndexMap::new(), text: text.into() });
        self.stages.push(stage);
        self.pointers.push(file.clone());
    }

    fn add(&mut self, file: &ProjectPath, text: &str, part: Part) {
        let first = self.stages.len();
        let number = |at: usize| {
            u32::try_from(first + at).expect("fewer stages than a text of 4 GiB, which no YAML reader takes")
        };
        let names = part.stages.iter().enumerate();
        let names = names.map(|(at, stage)| (stage.address.name.clone(), StageId(number(at)))).collect();
        for (name, glob) in part.globs {
            let address = Address { file: file.clone(), name };
            let count = part.groups.get(&address.name).map_or(0, Range::len);
            let frozen = part.frozen_globs.contains(&address.name);
            self.file_groups.push(FileGroup { address, glob, count, frozen });
        }
        let groups = part.groups.into_iter();
        let groups = groups.map(|(name, range)| (name, number(range.start)..number(range.end))).collect();
        self.contents.insert(file.clone(), Content { names, groups, text: text.into() });
        self.stages.extend(part.stages);
        self.params.extend(part.params);
        self.metrics.extend(part.metrics);
        self.plots.extend(part.plots);
        self.artifacts.extend(part.artifacts);
        self.datasets.extend(part.datasets);
        self.read_by_templates.extend(part.read_by_templates);
        for (file, values) in part.used {
            self.used.entry(file).or_default().extend(values);
        }
    }

    fn read_param_files(
        &mut self,
        files: &[ProjectPath],
        texts: &mut Texts<'_>,
        faults: &mut Vec<PipelineError>,
    ) {
        let of_stages = self.stages.iter().flat_map(|stage| &stage.params).map(|param| param.file.clone());
        let mut named: BTreeSet<ParamPath> = of_stages.collect();
        named.extend(self.params.iter().cloned().map(ParamPath::Inside));
        let outs = || self.stages.iter().flat_map(|stage| &stage.outs);
        for file in named {
            match texts.value(&file) {
                Ok(Some(read)) => drop(self.param_files.insert(file, read)),
                // A stage may write it anew, or it is of somebody else. Only of those that read it nothing can be said.
                Err(_) if file.inside().is_none_or(|file| outs().any(|out| out.concerns(file))) => {}
                Ok(None) => {}
                Err(fault) => faults.push(fault),
            }
        }
        for file in files.iter().map(params_beside) {
            // It parsed when templates were filled in.
            let file = ParamPath::Inside(file);
            if let Ok(Some(read @ ParamFile::Read(_))) = texts.value(&file) {
                self.param_files.insert(file, read);
            }
        }
    }

    fn finish(self, root: &str, file: &ProjectPath, files: &[ProjectPath]) -> Result<Pipeline, LoadFault> {
        let mut protected: BTreeSet<ProjectPath> = files.iter().map(params_beside).collect();
        protected.extend(self.read_by_templates.iter().cloned());
        protected.extend(self.param_files.keys().filter_map(ParamPath::inside).cloned());
        let dialect = Dialect::of_file(file);
        let may_hold_params = |stage: &&Stage| !stage.is_source() || dialect.data_may_hold_params();
        let outs = self.stages.iter().filter(may_hold_params).flat_map(|stage| &stage.outs);
        let outs: BTreeSet<&ProjectPath> =
            outs.filter(|out| out.glob.is_none()).map(|out| &out.path).collect();
        // What templates are filled in from is read before any stage runs, other params when a stage begins.
        let is_early =
            |file: &ProjectPath| !dialect.outs_may_fill_templates() && self.read_by_templates.contains(file);
        let is_made = |file: &ProjectPath| {
            std::iter::successors(Some(file.clone()), ProjectPath::parent).any(|path| outs.contains(&path))
        };
        protected.retain(|file| is_early(file) || !is_made(file));
        for file in files {
            protected.extend([file.clone(), lock_beside(file)]);
        }
        protected.extend(self.pointers.iter().cloned());
        let made = graph::items_that_are_made(&self.stages, &self.file_groups);
        if !made.is_empty() {
            return Err(place_faults(&self.contents, &self.stages, made));
        }
        let graph = Graph::build(&self.stages, &protected)
            .map_err(|faults| place_faults(&self.contents, &self.stages, faults))?;
        Ok(Pipeline {
            file: file.clone(),
            files: files.to_vec(),
            pointers: self.pointers,
            stages: self.stages,
            graph,
            param_files: self.param_files,
            used_values: self.used,
            params: self.params,
            metrics: self.metrics,
            plots: self.plots,
            artifacts: self.artifacts,
            datasets: self.datasets,
            file_groups: self.file_groups,
            environment: Environment::default(),
            root: root.to_owned(),
            contents: self.contents,
        })
    }
}

fn place_faults(
    contents: &IndexMap<ProjectPath, Content>,
    stages: &[Stage],
    faults: Vec<graph::GraphFault>,
) -> LoadFault {
    let placed = faults.into_iter().map(|fault| {
        let stage = &stages[fault.stage.index()];
        let file = &stage.address.file;
        let at = contents.get(file).and_then(|content| position(&content.text, stage));
        PipelineError::new(file, fault.message).at(at).hint(fault.hint)
    });
    LoadFault { faults: placed.collect() }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
pub(crate) mod tests;
