//! From texts to a [`Pipeline`]: templates filled in, paths resolved, the graph built.
//!
//! A loop without hands: [`load`] is called with the texts that the caller has read so far and answers either
//! with the pipeline or with the files it needs next. It starts over each time, because no state can then be
//! stale; a caller who hands over `pipeline.yaml` and `params.yaml` at once usually calls once.
//!
//! Of all stages the first fault each is collected, so that one run shows everything that must be mended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::{PathError, ProjectPath, Value};
use indexmap::IndexMap;

use crate::error::{LoadFault, PipelineError, Position};
use crate::format::native::spec::{self, OutSpec, ParamSpec, PipelineSpec, StageSpec};
use crate::graph::{self, Graph};
use crate::params;
use crate::stage::{Address, Command, LOCK_FILE, Out, PARAMS_FILE, ParamFile, ParamRef, Stage, StageId};
use crate::template::{Context, Field, Step, TemplateError};
use crate::yaml::{self, Segment};

/// The texts at hand; `None` when it is known that there is no such file.
type Provided = BTreeMap<ProjectPath, Option<String>>;

/// Values for templates, and how messages call where they came from.
type Vars = (IndexMap<String, Value>, String);

/// How far [`load`] came.
#[derive(Clone, Debug)]
pub enum Loaded {
    /// All the way.
    Done(Box<Pipeline>),
    /// Not without the texts of these files, at least one: add them and call again.
    Need(Vec<ProjectPath>),
}

/// A pipeline file with everything resolved.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The file.
    pub file: ProjectPath,
    /// In the order of the file; [`StageId`] is an index into it.
    pub stages: Vec<Stage>,
    /// Who reads what whom wrote.
    pub graph: Graph,
    /// Every parameter file that a stage names, and `params.yaml` where it exists.
    pub param_files: BTreeMap<ProjectPath, ParamFile>,
    /// The top-level list `params`.
    pub params: Vec<ProjectPath>,
    /// The top-level list `metrics`.
    pub metrics: Vec<ProjectPath>,
    names: IndexMap<String, StageId>,
    text: Arc<str>,
}

impl Pipeline {
    /// The stage of an id.
    pub fn stage(&self, id: StageId) -> &Stage {
        &self.stages[id.index()]
    }

    /// All ids in the order of the file.
    pub fn ids(&self) -> impl Iterator<Item = StageId> {
        self.graph.ids()
    }

    /// The stage of a name.
    pub fn find(&self, name: &str) -> Option<StageId> {
        self.names.get(name).copied()
    }

    /// Where the stage's key stands in the file. Reads the text again: for messages only.
    pub fn position(&self, id: StageId) -> Option<Position> {
        let path = [Segment::Key("stages"), Segment::Key(&self.stage(id).address.name)];
        yaml::locate(&self.text, &path).map(|place| place.key)
    }

    /// The lock file beside it.
    pub fn lock_file(&self) -> ProjectPath {
        folder_of(&self.file).join(LOCK_FILE)
    }
}

/// Resolves the pipeline file `root_file` from the texts at hand.
///
/// # Errors
/// Every fault that could be found, with its place.
pub fn load(root_file: &ProjectPath, provided: &Provided) -> Result<Loaded, LoadFault> {
    let folder = folder_of(root_file);
    let default_params = folder.join(PARAMS_FILE);
    let mut needed = BTreeSet::new();
    let text = ask(provided, root_file, &mut needed);
    ask(provided, &default_params, &mut needed);
    let Some(text) = text else {
        if needed.is_empty() {
            let hint = Some("run `pipe init` to make one, or name another folder with `--cd`");
            return Err(PipelineError::new(root_file, "there is no such pipeline file").hint(hint).into());
        }
        return Ok(Loaded::Need(needed.into_iter().collect()));
    };
    let spec = spec::parse(root_file, text)?;
    let mut loader = Loader {
        file: root_file,
        text,
        folder,
        default_params,
        provided,
        needed,
        files: BTreeMap::new(),
        whole: BTreeSet::new(),
        parts: BTreeSet::new(),
    };
    let context = loader.context(&spec)?;
    if !loader.needed.is_empty() {
        return Ok(Loaded::Need(loader.needed.into_iter().collect()));
    }
    let stages = loader.stages(&spec, &context)?;
    let top_params = loader.top_paths("params", &spec.params)?;
    let metrics = loader.top_paths("metrics", &spec.metrics)?;
    let param_files = loader.param_files(&stages, &top_params)?;
    if !loader.needed.is_empty() {
        return Ok(Loaded::Need(loader.needed.into_iter().collect()));
    }
    let mut protected = loader.whole;
    protected.extend(loader.parts);
    protected.extend([root_file.clone(), loader.folder.join(LOCK_FILE), loader.default_params.clone()]);
    protected.extend(param_files.keys().cloned());
    let graph =
        Graph::build(&stages, &protected).map_err(|faults| place_faults(root_file, text, &stages, faults))?;
    let number = |at: usize| StageId(u32::try_from(at).expect("a text of 4 GiB does not fit a YAML reader"));
    let names =
        stages.iter().enumerate().map(|(at, stage)| (stage.address.name.clone(), number(at))).collect();
    let file = root_file.clone();
    let pipeline =
        Pipeline { file, stages, graph, param_files, params: top_params, metrics, names, text: text.into() };
    Ok(Loaded::Done(Box::new(pipeline)))
}

fn folder_of(file: &ProjectPath) -> ProjectPath {
    file.parent().unwrap_or_default()
}

/// The text of a file; a file that was not provided yet is noted, one that does not exist is `None` too.
fn ask<'a>(
    provided: &'a Provided,
    file: &ProjectPath,
    needed: &mut BTreeSet<ProjectPath>,
) -> Option<&'a str> {
    match provided.get(file) {
        Some(text) => text.as_deref(),
        None => {
            needed.insert(file.clone());
            None
        }
    }
}

fn place_faults(
    file: &ProjectPath,
    text: &str,
    stages: &[Stage],
    faults: Vec<graph::GraphFault>,
) -> LoadFault {
    let placed = faults.into_iter().map(|fault| {
        let name = &stages[fault.stage.index()].address.name;
        let place = yaml::locate(text, &[Segment::Key("stages"), Segment::Key(name)]);
        PipelineError::new(file, fault.message).at(place.map(|place| place.key)).hint(fault.hint)
    });
    LoadFault { faults: placed.collect() }
}

/// One call of [`load`].
struct Loader<'a> {
    file: &'a ProjectPath,
    text: &'a str,
    folder: ProjectPath,
    default_params: ProjectPath,
    provided: &'a Provided,
    /// What the caller must read next.
    needed: BTreeSet<ProjectPath>,
    /// What was parsed already.
    files: BTreeMap<ProjectPath, Arc<Value>>,
    /// Files of `vars` that were loaded whole, and those of which only some keys were.
    whole: BTreeSet<ProjectPath>,
    parts: BTreeSet<ProjectPath>,
}

impl Loader<'_> {
    fn fault_at(&self, path: &[Segment<'_>], message: impl Into<String>) -> PipelineError {
        let place = yaml::locate(self.text, path);
        PipelineError::new(self.file, message).at(place.map(|place| place.value))
    }

    /// A file's value: `None` while it is not provided, `Missing` when there is none.
    fn read(&mut self, file: &ProjectPath) -> Result<Option<ParamFile>, PipelineError> {
        if let Some(value) = self.files.get(file) {
            return Ok(Some(ParamFile::Read(Arc::clone(value))));
        }
        match self.provided.get(file) {
            None => {
                self.needed.insert(file.clone());
                Ok(None)
            }
            Some(None) => Ok(Some(ParamFile::Missing)),
            Some(Some(text)) => {
                let value = Arc::new(params::parse(file, text)?);
                self.files.insert(file.clone(), Arc::clone(&value));
                Ok(Some(ParamFile::Read(value)))
            }
        }
    }

    /// The values for templates: `params.yaml`, then `vars` in order.
    fn context(&mut self, spec: &PipelineSpec) -> Result<Context, PipelineError> {
        let mut context = Context::default();
        let default_params = self.default_params.clone();
        if let Some(ParamFile::Read(value)) = self.read(&default_params)? {
            self.whole.insert(default_params.clone());
            let map = value.as_map().expect("a parsed parameter file is a map");
            context
                .merge(map, &format!("`{default_params}`"))
                .expect("nothing is defined twice in an empty context");
        }
        for (at, item) in spec.vars.iter().enumerate() {
            let place = [Segment::Key("vars"), Segment::Index(at)];
            let merged = match item {
                Value::Map(map) => context.merge(map, "`vars`"),
                Value::Str(text) => match self.vars_file(text, &place)? {
                    Some((map, source)) => context.merge(&map, &source),
                    None => Ok(()),
                },
                _ => Ok(()),
            };
            merged.map_err(|error| self.fault_at(&place, error.message).hint(error.hint))?;
        }
        Ok(context)
    }

    /// The values of `file` or `file:key,key`; `None` while the file is not provided, or was loaded before.
    fn vars_file(&mut self, text: &str, place: &[Segment<'_>]) -> Result<Option<Vars>, PipelineError> {
        let (name, keys) = match text.split_once(':') {
            Some((name, keys)) => (name, Some(keys)),
            None => (text, None),
        };
        let file = ProjectPath::resolve(&self.folder, name)
            .map_err(|error| self.fault_at(place, error.to_string()))?;
        let (again, mixed) = match keys {
            Some(_) => (false, self.whole.contains(&file)),
            None => (self.whole.contains(&file), self.parts.contains(&file)),
        };
        if mixed {
            return Err(self.fault_at(place, format!("`{file}` is loaded both whole and by keys")));
        }
        let value = match self.read(&file)? {
            _ if again => return Ok(None),
            None => return Ok(None),
            Some(ParamFile::Missing) => {
                return Err(self.fault_at(place, format!("vars file `{file}` does not exist")));
            }
            Some(ParamFile::Read(value)) => value,
        };
        let map = value.as_map().expect("a parsed parameter file is a map");
        let source = format!("`{file}`");
        let Some(keys) = keys else {
            self.whole.insert(file);
            return Ok(Some((map.clone(), source)));
        };
        let mut chosen = IndexMap::new();
        for key in keys.split(',').map(str::trim) {
            let Some(value) = map.get(key) else {
                return Err(self.fault_at(place, format!("`{file}` has no key `{key}`")));
            };
            chosen.insert(key.to_owned(), value.clone());
        }
        self.parts.insert(file);
        Ok(Some((chosen, source)))
    }

    fn stages(&self, spec: &PipelineSpec, context: &Context) -> Result<Vec<Stage>, LoadFault> {
        let mut stages = Vec::with_capacity(spec.stages.len());
        let mut faults = Vec::new();
        for (name, written) in &spec.stages {
            match self.stage(name, written, context) {
                Ok(stage) => stages.push(stage),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(stages) } else { Err(LoadFault { faults }) }
    }

    fn stage(&self, name: &str, written: &Value, context: &Context) -> Result<Stage, PipelineError> {
        let filled = self.fill(name, written, context)?;
        let spec = spec::stage_spec(self.file, self.text, name, &filled)?;
        let wdir = match &spec.wdir {
            Some(wdir) => self.path(&self.folder, wdir, &[Segment::Key(name), Segment::Key("wdir")])?,
            None => self.folder.clone(),
        };
        let deps = self.deps(name, &wdir, &spec.deps)?;
        let params = self.params(name, &wdir, &spec.params)?;
        let outs = self.outs(name, &wdir, &spec.outs)?;
        let StageSpec { cmd, shell, frozen, always_changed, desc, meta, .. } = spec;
        Ok(Stage {
            address: Address { file: self.file.clone(), name: name.to_owned() },
            command: trim(cmd),
            shell,
            wdir,
            deps,
            params,
            outs,
            frozen,
            always_changed,
            desc,
            meta,
        })
    }

    fn fill(&self, name: &str, written: &Value, context: &Context) -> Result<Value, PipelineError> {
        let Some(map) = written.as_map() else { return Ok(written.clone()) };
        let mut filled = IndexMap::with_capacity(map.len());
        for (key, value) in map {
            let field = if key == "cmd" { Field::Command } else { Field::Other };
            let value = context.fill(value, field).map_err(|error| self.template_fault(name, key, error))?;
            filled.insert(key.clone(), value);
        }
        Ok(Value::Map(filled))
    }

    fn template_fault(&self, name: &str, key: &str, error: TemplateError) -> PipelineError {
        let mut path = vec![Segment::Key("stages"), Segment::Key(name), Segment::Key(key)];
        path.extend(error.way.iter().rev().map(|step| match step {
            Step::Key(key) => Segment::Key(key),
            Step::Index(at) => Segment::Index(*at),
        }));
        let message = format!("{} in `{key}` of stage `{name}`", error.message);
        self.fault_at(&path, message).hint(error.hint)
    }

    /// A path as written in a stage, told with its place when it is none.
    fn path(
        &self,
        base: &ProjectPath,
        text: &str,
        place: &[Segment<'_>],
    ) -> Result<ProjectPath, PipelineError> {
        let fault = |message: String| {
            let mut path = vec![Segment::Key("stages")];
            path.extend(place);
            self.fault_at(&path, message)
        };
        if text.is_empty() {
            return Err(fault("the path is empty".to_owned()));
        }
        if text.contains("://") {
            return Err(fault(format!("`{text}` is a URL; these are not yet supported here")));
        }
        let path = ProjectPath::resolve(base, text).map_err(|error| fault(error.to_string()))?;
        if path.is_reserved() {
            return Err(fault(PathError::Reserved(text.to_owned()).to_string()));
        }
        Ok(path)
    }

    fn deps(
        &self,
        name: &str,
        wdir: &ProjectPath,
        deps: &[String],
    ) -> Result<Vec<ProjectPath>, PipelineError> {
        let mut paths = deps
            .iter()
            .enumerate()
            .map(|(at, dep)| {
                self.path(wdir, dep, &[Segment::Key(name), Segment::Key("deps"), Segment::Index(at)])
            })
            .collect::<Result<Vec<_>, _>>()?;
        paths.sort_unstable();
        paths.dedup();
        Ok(paths)
    }

    fn params(
        &self,
        name: &str,
        wdir: &ProjectPath,
        specs: &[ParamSpec],
    ) -> Result<Vec<ParamRef>, PipelineError> {
        let mut refs = Vec::new();
        for (at, spec) in specs.iter().enumerate() {
            let place = [Segment::Key(name), Segment::Key("params"), Segment::Index(at)];
            match spec {
                ParamSpec::Key(key) => {
                    let file = self.path(wdir, PARAMS_FILE, &place)?;
                    refs.push(ParamRef { file, key: Some(key.clone()) });
                }
                ParamSpec::File(file, None) => {
                    refs.push(ParamRef { file: self.path(wdir, file, &place)?, key: None });
                }
                ParamSpec::File(file, Some(keys)) => {
                    let file = self.path(wdir, file, &place)?;
                    refs.extend(
                        keys.iter().map(|key| ParamRef { file: file.clone(), key: Some(key.clone()) }),
                    );
                }
            }
        }
        refs.sort_unstable();
        refs.dedup();
        Ok(refs)
    }

    fn outs(&self, name: &str, wdir: &ProjectPath, specs: &[OutSpec]) -> Result<Vec<Out>, PipelineError> {
        let mut outs = Vec::with_capacity(specs.len());
        for spec in specs {
            let place = [Segment::Key(name), Segment::Key(spec.kind.field()), Segment::Index(spec.index)];
            let path = self.path(wdir, &spec.path, &place)?;
            outs.push(Out {
                path,
                kind: spec.kind,
                cache: spec.cache,
                persist: spec.persist,
                desc: spec.desc.clone(),
                plot: spec.plot.clone(),
            });
        }
        outs.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(outs)
    }

    fn top_paths(&self, key: &str, texts: &[String]) -> Result<Vec<ProjectPath>, PipelineError> {
        let path = |(at, text): (usize, &String)| {
            ProjectPath::resolve(&self.folder, text)
                .map_err(|error| self.fault_at(&[Segment::Key(key), Segment::Index(at)], error.to_string()))
        };
        texts.iter().enumerate().map(path).collect()
    }

    fn param_files(
        &mut self,
        stages: &[Stage],
        top: &[ProjectPath],
    ) -> Result<BTreeMap<ProjectPath, ParamFile>, LoadFault> {
        let mut named: BTreeSet<&ProjectPath> =
            stages.iter().flat_map(|stage| &stage.params).map(|param| &param.file).collect();
        named.extend(top);
        let mut files = BTreeMap::new();
        let mut faults = Vec::new();
        for file in named {
            match self.read(file) {
                Ok(Some(read)) => drop(files.insert(file.clone(), read)),
                Ok(None) => {}
                Err(fault) => faults.push(fault),
            }
        }
        if let Some(value) = self.files.get(&self.default_params) {
            files.insert(self.default_params.clone(), ParamFile::Read(Arc::clone(value)));
        }
        if faults.is_empty() { Ok(files) } else { Err(LoadFault { faults }) }
    }
}

/// Line ends after the last line are the block's, not the command's: `|` and `|-` mean the same command.
fn trim(command: Command) -> Command {
    let trim = |script: String| script.trim_end().to_owned();
    match command {
        Command::Script(script) => Command::Script(trim(script)),
        Command::List(scripts) => Command::List(scripts.into_iter().map(trim).collect()),
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
