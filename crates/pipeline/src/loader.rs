//! One pipeline file, from its text to its stages: templates filled in, groups unfolded, paths resolved.
//!
//! Of all stages the first fault each is collected, so that one run shows everything that must be mended.

mod deps;
mod outs;
mod places;
mod top_level;
mod used;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use base::{PathError, ProjectPath, Value};
use indexmap::IndexMap;

use crate::dialect::Dialect;
use crate::error::{LoadFault, PipelineError};
use crate::expand::{self, Member};
use crate::format::dvc::datasets::Dataset;
use crate::format::dvc::lock::relative;
use crate::format::native::spec::{
    self, BodyPlace, DepSpec, Form, ParamSpec, PipelineSpec, StageSpec, Written,
};
use crate::format::native::top::{self, TopSpec};
use crate::node::{Node, Source};
use crate::param_path::ParamPath;
use crate::place::Place;
use crate::special::{Glob, SpecialName};
use crate::stage::{Address, Artifact, Command, PARAMS_FILE, ParamFile, ParamRef, Plot, Stage};
use crate::template::{Context, Field, FlagStyle, Scope, Step, TemplateError};
use crate::texts::Texts;
use crate::yaml::{self, Segment};

use self::deps::files_glob;

/// What one pipeline file adds to a pipeline.
#[derive(Debug)]
pub(crate) struct Part {
    /// In the order of the file.
    pub stages: Vec<Stage>,
    /// Stages with `foreach` or `matrix`, and which of `stages` were made of each.
    pub groups: IndexMap<String, Range<usize>>,
    /// Of those groups that are made of files, the patterns.
    pub globs: IndexMap<String, Glob>,
    /// Those of them whose stages are frozen.
    pub frozen_globs: BTreeSet<String>,
    /// The top-level list `params`.
    pub params: Vec<ProjectPath>,
    /// The top-level list `metrics`.
    pub metrics: Vec<ProjectPath>,
    /// The top-level list `plots`.
    pub plots: Vec<Plot>,
    /// The top-level map `artifacts`.
    pub artifacts: Vec<Artifact>,
    /// DVC's top-level list `datasets`.
    pub datasets: Vec<Dataset>,
    /// Files that templates are filled in from.
    pub read_by_templates: BTreeSet<ProjectPath>,
    /// What of them templates of stages name.
    pub used: UsedValues,
}

/// Reads one pipeline file; `None` when a file was needed first that `texts` does not have yet.
pub(crate) fn load_file(
    file: &ProjectPath,
    text: &str,
    texts: &mut Texts<'_>,
) -> Result<Option<Part>, LoadFault> {
    let dialect = Dialect::of_file(file);
    let spec = spec::parse(file, text, dialect)?;
    let folder = file.parent().unwrap_or_default();
    let default_params = folder.join(PARAMS_FILE);
    let mut loader = Loader {
        dialect,
        file,
        text,
        folder,
        texts,
        read_by_templates: BTreeSet::new(),
        used: UsedValues::new(),
        globs: IndexMap::new(),
        complete: true,
    };
    let vars = loader.context(&spec, default_params)?;
    if !loader.complete {
        return Ok(None);
    }
    let (stages, groups) = loader.stages(&spec, &vars)?;
    let top = loader.top(&spec, &vars)?;
    if !loader.complete {
        return Ok(None);
    }
    let params = loader.top_paths("params", &top.params)?;
    let metrics = loader.top_paths("metrics", &top.metrics)?;
    let plots = loader.plots(&top.plots)?;
    let artifacts = loader.artifacts(&top.artifacts)?;
    let datasets = Dataset::all(file, top.datasets.as_ref());
    let Loader { globs, read_by_templates, used, .. } = loader;
    let is_frozen = |name: &&String| {
        let body = spec.stages.get(*name).and_then(|written| written.body.as_map());
        body.and_then(|body| body.get("frozen")) == Some(&Value::Bool(true))
    };
    let frozen_globs = globs.keys().filter(is_frozen).cloned().collect();
    Ok(Some(Part {
        stages,
        groups,
        globs,
        frozen_globs,
        params,
        metrics,
        plots,
        artifacts,
        datasets,
        read_by_templates,
        used,
    }))
}

/// The values for templates, and which files they came from.
#[derive(Clone, Default)]
struct Vars {
    context: Context,
    /// Files that were loaded whole.
    whole: BTreeSet<ParamPath>,
    /// Files of which only some keys were loaded.
    parts: BTreeSet<ParamPath>,
}

/// Values by the file that they stand in and their dotted key.
pub(crate) type UsedValues = BTreeMap<ParamPath, IndexMap<String, Value>>;

/// Values for templates, and how messages call where they came from.
type Sourced = (IndexMap<String, Value>, String);

/// Stages, and the range of each group among them.
type Unfolded = (Vec<Stage>, IndexMap<String, Range<usize>>);

struct Loader<'a, 't> {
    dialect: Dialect,
    file: &'a ProjectPath,
    text: &'a str,
    folder: ProjectPath,
    texts: &'a mut Texts<'t>,
    read_by_templates: BTreeSet<ProjectPath>,
    used: UsedValues,
    /// The patterns of groups that are made of files.
    globs: IndexMap<String, Glob>,
    /// Whether all files that templates are filled in from were there.
    complete: bool,
}

impl Loader<'_, '_> {
    fn fault_at(&self, path: &[Segment<'_>], message: impl Into<String>) -> PipelineError {
        let place = yaml::locate(self.text, path);
        PipelineError::new(self.file, message).at(place.map(|place| place.value))
    }

    /// How maps become flags: asked of the settings only where there are templates.
    fn flag_style(&mut self) -> FlagStyle {
        let files = if self.text.contains("${") { self.dialect.template_settings() } else { Vec::new() };
        let texts: Vec<&str> = files.iter().filter_map(|file| self.texts.text(file)).collect();
        self.complete &= !files.iter().any(|file| self.texts.needed.texts.contains(file));
        self.dialect.flag_style(&texts)
    }

    /// The values for templates of all stages: `params.yaml`, then `vars` in order.
    fn context(&mut self, spec: &PipelineSpec, default_params: ProjectPath) -> Result<Vars, PipelineError> {
        let style = self.flag_style();
        let context = Context::new(self.dialect, style);
        let mut vars = Vars { context, ..Vars::default() };
        let has_templates = self.text.contains("${");
        let params = ParamPath::Inside(default_params.clone());
        match self.texts.value(&params)? {
            Some(ParamFile::Read(read)) => match read.map(&params) {
                Ok(map) => {
                    vars.context
                        .merge(map, &format!("`{default_params}`"))
                        .expect("nothing is defined twice in an empty context");
                    if has_templates {
                        self.read_by_templates.insert(default_params);
                    }
                    vars.whole.insert(params);
                }
                Err(fault) if has_templates || self.dialect.always_fills_in() => return Err(fault),
                Err(_) => {}
            },
            Some(ParamFile::Missing) => {}
            None => self.complete = false,
        }
        let folder = self.folder.clone();
        self.add_vars(&mut vars, &spec.vars, &folder, &[], "`vars`")?;
        Ok(vars)
    }

    /// Adds a list `vars` that stands at `place`; its files are relative to `folder`.
    fn add_vars(
        &mut self,
        vars: &mut Vars,
        list: &[Value],
        folder: &ProjectPath,
        place: &[Segment<'_>],
        source: &str,
    ) -> Result<(), PipelineError> {
        for (at, item) in list.iter().enumerate() {
            let mut place = place.to_vec();
            place.extend([Segment::Key("vars"), Segment::Index(at)]);
            let merged = match item {
                Value::Map(map) => vars.context.merge(map, source),
                Value::Str(text) => match self.vars_file(vars, text, folder, &place)? {
                    Some((map, source)) => vars.context.merge(&map, &source),
                    None => Ok(()),
                },
                _ => Ok(()),
            };
            merged.map_err(|error| self.fault_at(&place, error.message).hint(error.hint))?;
        }
        Ok(())
    }

    /// The values of `file` or `file:key,key`; `None` while the file is not provided, or was loaded before.
    fn vars_file(
        &mut self,
        vars: &mut Vars,
        text: &str,
        folder: &ProjectPath,
        place: &[Segment<'_>],
    ) -> Result<Option<Sourced>, PipelineError> {
        let (name, keys) = match text.split_once(':') {
            Some((name, keys)) => (name, Some(keys)),
            None => (text, None),
        };
        let file = self.param_path(folder, name).map_err(|error| self.fault_at(place, error.to_string()))?;
        let (again, mixed) = match keys {
            Some(_) => (false, vars.whole.contains(&file)),
            None => (vars.whole.contains(&file), vars.parts.contains(&file)),
        };
        if mixed {
            return Err(self.fault_at(place, format!("`{file}` is loaded both whole and by keys")));
        }
        if again {
            return Ok(None);
        }
        let read = match self.texts.value(&file)? {
            None => {
                self.complete = false;
                return Ok(None);
            }
            Some(ParamFile::Missing) => {
                return Err(self.fault_at(place, format!("vars file `{file}` does not exist")));
            }
            Some(ParamFile::Read(read)) => read,
        };
        self.read_by_templates.extend(file.inside().cloned());
        let map = read.map(&file)?;
        let source = format!("`{file}`");
        let Some(keys) = keys else {
            vars.whole.insert(file);
            return Ok(Some((map.clone(), source)));
        };
        let mut chosen = IndexMap::new();
        for key in keys.split(',').map(str::trim) {
            let Some(value) = map.get(key) else {
                return Err(self.fault_at(place, format!("`{file}` has no key `{key}`")));
            };
            chosen.insert(key.to_owned(), value.clone());
        }
        vars.parts.insert(file);
        Ok(Some((chosen, source)))
    }

    fn stages(&mut self, spec: &PipelineSpec, vars: &Vars) -> Result<Unfolded, LoadFault> {
        let mut stages = Vec::with_capacity(spec.stages.len());
        let mut groups = IndexMap::new();
        let mut faults = Vec::new();
        for (name, written) in &spec.stages {
            let first = stages.len();
            let members = match self.members(name, written, vars) {
                Ok(Some(members)) => members,
                Ok(None) => {
                    match self.stage(name, name, written, vars, &[], None) {
                        Ok(stage) => stages.extend(stage),
                        Err(fault) => faults.push(fault),
                    }
                    continue;
                }
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            };
            for member in members {
                let whole_name = format!("{name}@{}", member.suffix);
                match self.stage(name, &whole_name, written, vars, &member.locals, member.file) {
                    Ok(stage) => stages.extend(stage),
                    // What is wrong with one is most likely wrong with all.
                    Err(fault) => {
                        faults.push(fault);
                        break;
                    }
                }
            }
            groups.insert(name.clone(), first..stages.len());
        }
        if faults.is_empty() { Ok((stages, groups)) } else { Err(LoadFault { faults }) }
    }

    /// What a stage with `foreach` or `matrix` stands for; `None` when it stands for itself.
    fn members(
        &mut self,
        name: &str,
        written: &Written,
        vars: &Vars,
    ) -> Result<Option<Vec<Member>>, PipelineError> {
        let (key, data) = match &written.form {
            Form::Single => return Ok(None),
            Form::Foreach(data) | Form::Files(data) => ("foreach", data),
            Form::Matrix(data) => ("matrix", data),
        };
        let written_data = data;
        let data = vars.context.fill(data, Field::Data).map_err(|error| {
            let mut path = vec![Segment::Key("stages"), Segment::Key(name), Segment::Key(key)];
            path.extend(error.way.iter().rev().map(segment));
            let message = format!("{} in `{key}` of stage `{name}`", error.message);
            self.fault_at(&path, message).hint(error.hint.clone())
        })?;
        let members = match &written.form {
            Form::Files(_) => return self.files(name, &data).map(Some),
            Form::Matrix(_) => expand::matrix(&data, written_data, self.dialect),
            _ => expand::foreach(&data, written_data, self.dialect),
        };
        let path = [Segment::Key("stages"), Segment::Key(name), Segment::Key(key)];
        members
            .map(Some)
            .map_err(|message| self.fault_at(&path, format!("`{key}` of stage `{name}`: {message}")))
    }

    /// A stage for each file that a pattern matches.
    fn files(&mut self, name: &str, data: &Value) -> Result<Vec<Member>, PipelineError> {
        let source = Source { file: self.file, text: self.text };
        let (pattern, exclude) = spec::files_spec(source, name, data)?;
        let path = [Segment::Key("stages"), Segment::Key(name), Segment::Key("foreach")];
        let fault = |message| format!("`foreach` of stage `{name}`: {message}");
        let glob = files_glob(&self.folder, &pattern, &exclude)
            .map_err(|message| self.fault_at(&path, fault(message)))?;
        let Some(found) = self.texts.files(&glob) else {
            self.complete = false;
            return Ok(Vec::new());
        };
        let members = expand::files(&glob, found, &self.folder)
            .map_err(|message| self.fault_at(&path, fault(message)))?;
        self.globs.insert(name.to_owned(), glob);
        Ok(members)
    }

    /// One stage of the written stage `group`, made of `file` perhaps; `None` when a file of its `vars` is needed first.
    fn stage(
        &mut self,
        group: &str,
        name: &str,
        written: &Written,
        vars: &Vars,
        locals: &[(&'static str, Value)],
        file: Option<ProjectPath>,
    ) -> Result<Option<Stage>, PipelineError> {
        let under_do = matches!(written.form, Form::Foreach(_) | Form::Files(_));
        let place = BodyPlace { group, under_do };
        let private;
        let mut context = &vars.context;
        if !written.vars.is_empty() {
            let wdir = self.wdir(place, name, written, context.with(locals))?;
            let mut own = vars.clone();
            let source = format!("`vars` of stage `{group}`");
            self.refuse_reserved(place, written, locals)?;
            let complete = std::mem::replace(&mut self.complete, true);
            self.add_vars(&mut own, &written.vars, &wdir, &place.path(&[]), &source)?;
            let got_all = std::mem::replace(&mut self.complete, complete);
            if !got_all {
                self.complete = false;
                return Ok(None);
            }
            private = own.context;
            context = &private;
        }
        let mut filled = self.fill(place, name, &written.body, context.with(locals))?;
        self.note_used(written, context, &vars.context, locals);
        let source = Source { file: self.file, text: self.text };
        if !self.dialect.has_extensions() {
            spec::lift_extensions(source, place, &mut filled)?;
        }
        let spec = spec::stage_spec(source, place, &filled)?;
        let wdir = match &spec.wdir {
            Some(wdir) => self.path(&self.folder, wdir, place, &[Segment::Key("wdir")])?,
            None => self.folder.clone(),
        };
        let (mut deps, special) = self.deps(place, &wdir, &spec.deps)?;
        if let Some(Err(at)) = file.as_ref().map(|file| deps.binary_search(file)) {
            deps.splice(at..at, file);
        }
        let params = self.params(place, &wdir, &spec.params)?;
        let (outs, special_outs) = self.outs(place, &wdir, &spec.outs)?;
        let mut spelled: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut plain_of = BTreeMap::new();
        for text in spec_texts(&spec) {
            let (name, plain) = match self.place(&wdir, text) {
                _ if text.contains("://") => continue,
                Ok(Place::Inside(path)) => (path.as_str().to_owned(), relative(&wdir, &path)),
                Ok(Place::Outside(name)) => (name.text.clone(), name.text),
                Err(_) => match SpecialName::outside(text) {
                    Ok(name) => (name.text.clone(), name.text),
                    Err(_) => continue,
                },
            };
            // DVC itself spells an absolute path of the project plainly.
            let is_plain = text.starts_with('/') && !plain.starts_with('/');
            spelled.entry(name.clone()).or_default().push(if is_plain {
                plain.clone()
            } else {
                text.to_owned()
            });
            plain_of.insert(name, plain);
        }
        for texts in spelled.values_mut() {
            texts.sort();
        }
        spelled.retain(|name, texts| texts.len() > 1 || texts.first() != plain_of.get(name));
        let of_params = spec.params.iter().filter_map(|param| match param {
            ParamSpec::File(text, _) => Some(text),
            ParamSpec::Key(_) => None,
        });
        let of_params: Vec<&String> = of_params.collect();
        let outside = of_params.iter().filter_map(|text| match self.param_path(&wdir, text) {
            Ok(ParamPath::Outside(name)) => Some((name.text, (*text).clone())),
            _ => None,
        });
        let spelled_params = outside.filter(|(name, text)| name != text).collect();
        let misspelled_params = of_params
            .into_iter()
            .filter_map(|text| Some((text.clone(), self.path_inside(&wdir, text).ok()?)))
            .filter(|(text, path)| !text.starts_with('/') && relative(&wdir, path) != *text)
            .collect();
        let StageSpec { cmd, shell, frozen, always_changed, desc, meta, needs, tracking, .. } = spec;
        Ok(Some(Stage {
            spelled,
            spelled_params,
            misspelled_params,
            address: Address { file: self.file.clone(), name: name.to_owned() },
            command: recorded(self.dialect, cmd),
            shell,
            wdir,
            deps,
            special,
            params,
            outs,
            special_outs,
            frozen,
            always_changed,
            desc,
            meta,
            env: needs.env,
            timeout_millis: needs.timeout_millis,
            resources: needs.resources,
            pools: needs.pools,
            tracking,
        }))
    }

    /// The folder that files of a stage's own `vars` are relative to: its wdir, which must not need them.
    fn wdir(
        &self,
        place: BodyPlace<'_>,
        name: &str,
        written: &Written,
        scope: Scope<'_>,
    ) -> Result<ProjectPath, PipelineError> {
        let Some(wdir) = written.body.as_map().and_then(|map| map.get("wdir")) else {
            return Ok(self.folder.clone());
        };
        let filled = scope
            .fill(wdir, Field::Other)
            .map_err(|error| self.template_fault(place, name, "wdir", error))?;
        match filled {
            Value::Str(wdir) => self.path(&self.folder, &wdir, place, &[Segment::Key("wdir")]),
            // Of a wrong type; that is told when the stage is read.
            _ => Ok(self.folder.clone()),
        }
    }

    /// In a generated stage, `item` and `key` are taken.
    fn refuse_reserved(
        &self,
        place: BodyPlace<'_>,
        written: &Written,
        locals: &[(&'static str, Value)],
    ) -> Result<(), PipelineError> {
        if locals.is_empty() {
            return Ok(());
        }
        for (at, item) in written.vars.iter().enumerate() {
            let taken = item
                .as_map()
                .into_iter()
                .flatten()
                .find(|(key, _)| locals.iter().any(|(local, _)| local == key) || key.as_str() == "key");
            if let Some((key, _)) = taken {
                let path = place.path(&[Segment::Key("vars"), Segment::Index(at)]);
                let message =
                    format!("`{key}` is a name of `foreach` and `matrix` and cannot be defined here");
                return Err(self.fault_at(&path, message));
            }
        }
        Ok(())
    }

    fn fill(
        &self,
        place: BodyPlace<'_>,
        name: &str,
        body: &Value,
        scope: Scope<'_>,
    ) -> Result<Value, PipelineError> {
        let map = body.as_map().expect("a written stage is a map");
        let mut filled = IndexMap::with_capacity(map.len());
        for (key, value) in map {
            let field = match key.as_str() {
                "cmd" => Field::Command,
                "deps" | "outs" | "metrics" | "plots" => Field::Paths,
                _ => Field::Other,
            };
            let value =
                scope.fill(value, field).map_err(|error| self.template_fault(place, name, key, error))?;
            filled.insert(key.clone(), value);
        }
        Ok(Value::Map(filled))
    }

    fn template_fault(
        &self,
        place: BodyPlace<'_>,
        name: &str,
        key: &str,
        error: TemplateError,
    ) -> PipelineError {
        let mut inside = vec![Segment::Key(key)];
        inside.extend(error.way.iter().rev().map(segment));
        let message = format!("{} in `{key}` of stage `{name}`", error.message);
        self.fault_at(&place.path(&inside), message).hint(error.hint.clone())
    }

    /// A path as written in a stage, told with its place when it is none.
    fn path(
        &self,
        base: &ProjectPath,
        text: &str,
        place: BodyPlace<'_>,
        inside: &[Segment<'static>],
    ) -> Result<ProjectPath, PipelineError> {
        let fault = |message: String| self.fault_at(&place.path(inside), message);
        if text.is_empty() {
            return Err(fault("the path is empty".to_owned()));
        }
        if text.contains("://") {
            let is_out = matches!(inside, [Segment::Key("outs" | "metrics" | "plots"), ..]);
            return Err(match is_out {
                true => fault(format!("`{text}` is a URL, and outs lie in the project")).hint(Some(
                    "write a file of the project and declare that, with `remote: NAME`, so that `pipe push` brings it there; \
                     what others put at a remote can be a dep: remote://NAME/PATH",
                )),
                false => fault(format!("`{text}` is a URL, where a path of the project is wanted")),
            });
        }
        let path = self.path_inside(base, text).map_err(|error| fault(error.to_string()))?;
        if path.is_reserved() {
            return Err(fault(PathError::Reserved(text.to_owned()).to_string()));
        }
        Ok(path)
    }

    fn params(
        &self,
        place: BodyPlace<'_>,
        wdir: &ProjectPath,
        specs: &[ParamSpec],
    ) -> Result<Vec<ParamRef>, PipelineError> {
        let mut refs = Vec::new();
        for (at, spec) in specs.iter().enumerate() {
            let inside = [Segment::Key("params"), Segment::Index(at)];
            match spec {
                ParamSpec::Key(key) => {
                    let file = self.path(wdir, PARAMS_FILE, place, &inside)?;
                    refs.push(ParamRef { file: file.into(), key: Some(key.clone()) });
                }
                ParamSpec::File(file, keys) if keys.as_ref().is_none_or(Vec::is_empty) => {
                    refs.push(ParamRef { file: self.param_file(wdir, file, place, &inside)?, key: None });
                }
                ParamSpec::File(file, keys) => {
                    let file = self.param_file(wdir, file, place, &inside)?;
                    let keys = keys.iter().flatten();
                    refs.extend(keys.map(|key| ParamRef { file: file.clone(), key: Some(key.clone()) }));
                }
            }
        }
        refs.sort_unstable();
        refs.dedup();
        if self.dialect.whole_file_covers_keys() {
            // Sorted, the whole of a file stands before its keys.
            refs.dedup_by(|key, before| before.key.is_none() && before.file == key.file);
        }
        Ok(refs)
    }

    /// What stands beside the stages, templates filled in.
    fn top(&self, spec: &PipelineSpec, vars: &Vars) -> Result<TopSpec, PipelineError> {
        let mut filled = IndexMap::new();
        for (key, value) in spec.top.as_map().into_iter().flatten() {
            let field =
                if matches!(key.as_str(), "params" | "metrics") { Field::Paths } else { Field::Other };
            let value = vars.context.fill(value, field).map_err(|error| {
                let mut path = vec![Segment::Key(key)];
                path.extend(error.way.iter().rev().map(segment));
                self.fault_at(&path, format!("{} in `{key}`", error.message)).hint(error.hint.clone())
            })?;
            filled.insert(key.clone(), value);
        }
        let filled = Value::Map(filled);
        top::read(&Node::root(Source { file: self.file, text: self.text }, &filled))
    }
}

/// The paths of a stage as written, but for those of params, which DVC spells plainly itself.
fn spec_texts(spec: &StageSpec) -> impl Iterator<Item = &str> {
    let deps = spec.deps.iter().filter_map(|(_, dep)| match dep {
        DepSpec::Path(text) => Some(text.as_str()),
        DepSpec::Glob { .. } => None,
    });
    let outs = spec.outs.iter().filter(|out| out.exclude.is_none()).map(|out| out.path.as_str());
    deps.chain(outs)
}

fn segment(step: &Step) -> Segment<'_> {
    match step {
        Step::Key(key) => Segment::Key(key),
        Step::Index(at) => Segment::Index(*at),
    }
}

fn recorded(dialect: Dialect, command: Command) -> Command {
    match command {
        Command::Script(script) => Command::Script(dialect.recorded(script)),
        Command::List(scripts) => {
            Command::List(scripts.into_iter().map(|script| dialect.recorded(script)).collect())
        }
        Command::None => Command::None,
    }
}

#[cfg(test)]
#[path = "loader_tests.rs"]
mod tests;
