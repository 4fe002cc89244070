//! The text of a `pipeline.yaml` as it is written: keys and types are checked, paths and names mean nothing yet.
//!
//! Reading has two halves, since templates are filled in between: [`parse`] checks which keys there are,
//! `stage_spec` takes one filled-in stage and checks its types.

use base::{ProjectPath, Value};
use indexmap::IndexMap;

use crate::dialect::Dialect;
use crate::error::{LoadFault, PipelineError};
use crate::format::dvc::nulls;
use crate::format::native::needs::{self, Needs};
use crate::format::native::top::{self, PLOT_KEYS};
use crate::format::native::tracking;
use crate::node::{Node, Source};
use crate::stage::{Annotation, Command, OutKind, Tracking};
use crate::yaml::Segment;

/// Keys of a pipeline file.
const TOP_KEYS: &[&str] = &["stages", "vars", "params", "metrics", "plots", "artifacts"];
const TOP_NOT_YET: &[&str] = &["datasets"];
/// Keys of a stage.
const STAGE_KEYS: &[&str] = &[
    "cmd",
    "shell",
    "wdir",
    "deps",
    "params",
    "outs",
    "metrics",
    "plots",
    "frozen",
    "always_changed",
    "desc",
    "meta",
    "vars",
    "env",
    "timeout",
    "resources",
    "pool",
    "experiment",
    "run",
];
/// Those of them that DVC does not know. In its files they stand under `meta.pipe`, where it does not look.
const EXTENSIONS: &[&str] = &["shell", "env", "timeout", "resources", "pool", "experiment", "run"];
const STAGE_NOT_YET: &[&str] = &["retries", "tools", "map"];
/// Keys of an out; plots have those of [`PLOT_KEYS`] too.
const OUT_KEYS: &[&str] = &["cache", "persist", "remote", "push", "desc", "type", "labels", "meta"];

/// Keys of a stage that is written once and stands for several.
const FOREACH_KEYS: &[&str] = &["foreach", "do"];

/// No more faults than this are told at once: the rest usually follows from the first.
const MOST_FAULTS: usize = 20;

/// A pipeline file as written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PipelineSpec {
    /// By name, in the order written.
    pub stages: IndexMap<String, Written>,
    /// Files (`file`, `file:key,key`) and maps, for templates.
    pub vars: Vec<Value>,
    /// A map of `params`, `metrics`, `plots` and `artifacts`, those that there are.
    pub top: Value,
}

/// A stage as written. Templates are not filled in, types not checked; keys are.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// How many stages it becomes.
    pub form: Form,
    /// The stage's own keys, without `vars`, `foreach` and `matrix`.
    pub body: Value,
    /// Files and maps for its templates alone.
    pub vars: Vec<Value>,
}

/// How a written stage becomes stages.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// It is one.
    Single,
    /// One for each item of this value; the body stands under `do`.
    Foreach(Value),
    /// One for each file that a pattern matches: a map of `glob` and, where there is one, `exclude`; the body stands
    /// under `do`.
    Files(Value),
    /// One for each combination of this value's variables.
    Matrix(Value),
}

/// Where the body of a stage stands in its file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyPlace<'a> {
    /// The key under `stages`.
    pub group: &'a str,
    /// Whether it stands under `do` there.
    pub under_do: bool,
}

impl<'a> BodyPlace<'a> {
    /// The way from the top of the file to something in the body.
    pub fn path(&self, inside: &[Segment<'a>]) -> Vec<Segment<'a>> {
        let mut path = vec![Segment::Key("stages"), Segment::Key(self.group)];
        if self.under_do {
            path.push(Segment::Key("do"));
        }
        path.extend(inside);
        path
    }
}

/// One stage as written, templates filled in. Paths are relative to its wdir.
#[derive(Clone, Debug, PartialEq)]
pub struct StageSpec {
    /// What it runs.
    pub cmd: Command,
    /// The shell instead of `/bin/sh -e`.
    pub shell: Option<String>,
    /// Where it runs, relative to the pipeline file's folder.
    pub wdir: Option<String>,
    /// What it reads, each with the number of the item it came from.
    pub deps: Vec<(usize, DepSpec)>,
    /// Parameters it reads.
    pub params: Vec<ParamSpec>,
    /// What it writes.
    pub outs: Vec<OutSpec>,
    /// Never runs.
    pub frozen: bool,
    /// Always runs.
    pub always_changed: bool,
    /// For people.
    pub desc: Option<String>,
    /// For people.
    pub meta: Option<Value>,
    /// What it needs of the machine.
    pub needs: Needs,
    /// What its run is called, and where it is kept.
    pub tracking: Tracking,
}

/// An item of `deps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DepSpec {
    /// As written: a path, whatever characters it holds.
    Path(String),
    /// All files that a pattern matches.
    Glob {
        /// As written.
        pattern: String,
        /// Patterns for what is left out.
        exclude: Vec<String>,
    },
}

/// An item of `params`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamSpec {
    /// A key of the default parameter file.
    Key(String),
    /// A file with its keys, or with all of its top-level keys.
    File(String, Option<Vec<String>>),
}

/// An item of `outs`, `metrics` or `plots`.
#[derive(Clone, Debug, PartialEq)]
pub struct OutSpec {
    /// As written: a path, or a pattern.
    pub path: String,
    /// Of a pattern, patterns for what is left out; `None` for a path.
    pub exclude: Option<Vec<String>>,
    /// From the list it stands in.
    pub kind: OutKind,
    /// Its number in that list, from 0.
    pub index: usize,
    /// Whether the cache keeps it.
    pub cache: bool,
    /// Whether it stays in place.
    pub persist: bool,
    /// The remote that it goes to instead of the default one.
    pub remote: Option<String>,
    /// Whether it goes to a remote at all.
    pub push: bool,
    /// For people.
    pub desc: Option<String>,
    /// For people and registries.
    pub annotation: Annotation,
    /// How to draw it.
    pub plot: IndexMap<String, Value>,
}

impl OutKind {
    /// The stage's key that lists outs of this kind.
    pub fn field(self) -> &'static str {
        match self {
            OutKind::Data => "outs",
            OutKind::Metrics => "metrics",
            OutKind::Plots => "plots",
        }
    }
}

/// Reads a pipeline file.
///
/// # Errors
/// When the text is no YAML, has unknown or reserved keys, or a top-level key of a wrong type.
pub fn parse(file: &ProjectPath, text: &str, dialect: Dialect) -> Result<PipelineSpec, LoadFault> {
    let value = dialect.read_pipeline(file, text)?;
    if matches!(value, Value::Null) {
        return Ok(PipelineSpec::default());
    }
    let source = Source { file, text };
    let root = Node::root(source, &value);
    let mut faults = Vec::new();
    let (known, not_yet) = match dialect.has_extensions() {
        true => (TOP_KEYS.to_vec(), TOP_NOT_YET),
        false => ([TOP_KEYS, TOP_NOT_YET].concat(), &[][..]),
    };
    check_keys(&root, "the file", &known, not_yet, &mut faults);
    if dialect.refuses_null() {
        nulls::refuse(&root, &mut faults);
    }
    let mut spec = PipelineSpec::default();
    let mut note = |result: Result<(), PipelineError>| faults.extend(result.err());
    note(vars(&root).map(|list| spec.vars = list));
    let top = root.value.as_map().into_iter().flatten();
    let top = top.filter(|(key, _)| !matches!(key.as_str(), "stages" | "vars"));
    spec.top = Value::Map(top.map(|(key, value)| (key.clone(), value.clone())).collect());
    if let Some(stages) = root.get("stages") {
        match stages.entries() {
            Ok(entries) => {
                for (name, stage) in entries {
                    check_name(&stages, name, dialect, &mut faults);
                    match written(&stages, name, &stage, dialect, &mut faults) {
                        Ok(written) => drop(spec.stages.insert(name.to_owned(), written)),
                        Err(fault) => faults.push(fault),
                    }
                }
            }
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() {
        return Ok(spec);
    }
    faults.truncate(MOST_FAULTS);
    Err(LoadFault { faults })
}

/// The text under a key, where there is one.
pub(crate) fn text(node: &Node<'_, '_>, key: &'static str) -> Result<Option<String>, PipelineError> {
    node.get(key).map(|node| node.string().map(str::to_owned)).transpose()
}

/// An error for the first key that is none of `known`; `whose` is how messages call the map.
pub(crate) fn known_keys_only(node: &Node<'_, '_>, whose: &str, known: &[&str]) -> Result<(), PipelineError> {
    let mut faults = Vec::new();
    check_keys(node, whose, known, &[], &mut faults);
    faults.into_iter().next().map_or(Ok(()), Err)
}

/// Every key is known; those that will be, and are not yet, are told apart from slips.
fn check_keys(
    node: &Node<'_, '_>,
    whose: &str,
    known: &[&str],
    not_yet: &[&str],
    faults: &mut Vec<PipelineError>,
) {
    let map = match node.map() {
        Ok(map) => map,
        Err(fault) => return faults.push(fault),
    };
    for key in map.keys().map(String::as_str) {
        if not_yet.contains(&key) {
            faults.push(node.child_fault(key, format!("`{key}` of {whose} is not yet supported")));
        } else if !known.contains(&key) {
            faults.push(node.unknown_key(key, known));
        }
    }
}

/// Files of DVC hold any name but those that look generated; what `stage add` makes is as ours.
fn check_name(stages: &Node<'_, '_>, name: &str, dialect: Dialect, faults: &mut Vec<PipelineError>) {
    let wrong = |c: char| match dialect {
        Dialect::Native => c.is_control() || (c.is_ascii_punctuation() && c != '-' && c != '_'),
        Dialect::Dvc => c.is_control() || c == '@',
    };
    if let Some(wrong) = name.chars().find(|&c| wrong(c)) {
        let message = format!("stage name `{}` holds {wrong:?}", name.escape_debug());
        let hint = Some("use letters, digits, spaces, `-` and `_`");
        faults.push(stages.child_fault(name, message).hint(hint));
    } else if name.starts_with('-') && dialect == Dialect::Native {
        faults.push(stages.child_fault(name, format!("stage name `{name}` begins with `-`, as flags do")));
    } else if name.trim() != name || name.is_empty() {
        faults
            .push(stages.child_fault(name, format!("stage name `{name}` is empty or has spaces around it")));
    }
}

/// Takes a stage apart; its keys are checked, their values are not.
fn written(
    stages: &Node<'_, '_>,
    name: &str,
    stage: &Node<'_, '_>,
    dialect: Dialect,
    faults: &mut Vec<PipelineError>,
) -> Result<Written, PipelineError> {
    let known: Vec<&str> = match dialect.has_extensions() {
        true => STAGE_KEYS.to_vec(),
        false => STAGE_KEYS.iter().copied().filter(|key| !EXTENSIONS.contains(key)).collect(),
    };
    let whose = format!("stage `{name}`");
    let map = stage.map()?;
    if map.contains_key("foreach") || map.contains_key("do") {
        let (Some(data), Some(body)) = (map.get("foreach"), map.get("do")) else {
            // Most likely one of the two is misspelt.
            if let Some(key) =
                map.keys().find(|key| !FOREACH_KEYS.contains(&key.as_str()) && !known.contains(&key.as_str()))
            {
                return Err(stage.unknown_key(key, FOREACH_KEYS));
            }
            return Err(stages.child_fault(name, format!("{whose} needs both `foreach` and `do`")));
        };
        let hint = "with `foreach`, everything else of the stage stands under `do`";
        if let Some(key) = map.keys().find(|key| !FOREACH_KEYS.contains(&key.as_str())) {
            let message = format!("`{key}` of {whose} stands beside `foreach`");
            return Err(stage.child_fault(key, message).hint(Some(hint)));
        }
        let node = stage.child("do", body);
        let whose = format!("`do` of {whose}");
        let idle = dialect.passes_over_idle_keys().then_some("matrix");
        let known: Vec<&str> = known.into_iter().chain(idle).collect();
        check_keys(&node, &whose, &known, STAGE_NOT_YET, faults);
        let body = body_of(&node, || stage.child_fault("do", format!("{whose} has no `cmd`")))?;
        let form = match dialect.has_extensions() && is_pattern(data) {
            true => Form::Files(data.clone()),
            false => Form::Foreach(data.clone()),
        };
        return Ok(Written { form, body, vars: vars(&node)? });
    }
    let known: Vec<&str> = known.into_iter().chain(["foreach", "do", "matrix"]).collect();
    check_keys(stage, &whose, &known, STAGE_NOT_YET, faults);
    let body = body_of(stage, || stages.child_fault(name, format!("{whose} has no `cmd`")))?;
    let form = map.get("matrix").map_or(Form::Single, |data| Form::Matrix(data.clone()));
    Ok(Written { form, body, vars: vars(stage)? })
}

/// Whether what `foreach` goes through is written as a pattern: `{glob: PATTERN}`, perhaps with `exclude`. A map that
/// comes from params is always one of items.
fn is_pattern(data: &Value) -> bool {
    let keys = |map: &IndexMap<String, Value>| {
        map.contains_key("glob") && map.keys().all(|key| matches!(key.as_str(), "glob" | "exclude"))
    };
    data.as_map().is_some_and(keys)
}

/// The pattern of a stage with [`Form::Files`], templates filled in, with what it excludes.
///
/// # Errors
/// When one of them is no text.
pub(crate) fn files_spec(
    source: Source<'_>,
    group: &str,
    filled: &Value,
) -> Result<(String, Vec<String>), PipelineError> {
    let nothing = Value::Null;
    let root = Node::root(source, &nothing);
    let stages = root.child("stages", &nothing);
    let stage = stages.child(group, &nothing);
    let item = stage.child("foreach", filled);
    let pattern = text(&item, "glob")?.ok_or_else(|| item.expected("`{glob: PATTERN}`"))?;
    Ok((pattern, exclude(&item)?))
}

fn body_of(stage: &Node<'_, '_>, no_cmd: impl Fn() -> PipelineError) -> Result<Value, PipelineError> {
    let map = stage.map()?;
    if !map.contains_key("cmd") {
        return Err(no_cmd());
    }
    let own = map.iter().filter(|(key, _)| !matches!(key.as_str(), "vars" | "matrix"));
    Ok(Value::Map(own.map(|(key, value)| (key.clone(), value.clone())).collect()))
}

/// A list of paths, with lists among the items unfolded: a parameter may hold several paths.
pub(crate) fn paths(stage: &Node<'_, '_>, key: &'static str) -> Result<Vec<(usize, String)>, PipelineError> {
    let Some(list) = stage.get(key) else { return Ok(Vec::new()) };
    let mut paths = Vec::new();
    for (at, item) in list.items()?.enumerate() {
        match item.value {
            Value::List(_) => {
                for item in item.items()? {
                    paths.push((at, item.string()?.to_owned()));
                }
            }
            _ => paths.push((at, item.string()?.to_owned())),
        }
    }
    Ok(paths)
}

fn read_deps(stage: &Node<'_, '_>) -> Result<Vec<(usize, DepSpec)>, PipelineError> {
    let Some(list) = stage.get("deps") else { return Ok(Vec::new()) };
    let mut deps = Vec::new();
    for (at, item) in list.items()?.enumerate() {
        match item.value {
            // A parameter may hold several paths.
            Value::List(_) => {
                for item in item.items()? {
                    deps.push((at, read_dep(&item)?));
                }
            }
            _ => deps.push((at, read_dep(&item)?)),
        }
    }
    Ok(deps)
}

fn read_dep(item: &Node<'_, '_>) -> Result<DepSpec, PipelineError> {
    if !matches!(item.value, Value::Map(_)) {
        return Ok(DepSpec::Path(item.string()?.to_owned()));
    }
    known_keys_only(item, "a dep", &["glob", "exclude"])?;
    let pattern = text(item, "glob")?.ok_or_else(|| item.expected("a path, or `{glob: PATTERN}`"))?;
    Ok(DepSpec::Glob { pattern, exclude: exclude(item)? })
}

/// What a pattern leaves out: a pattern, or a list of them.
fn exclude(item: &Node<'_, '_>) -> Result<Vec<String>, PipelineError> {
    let Some(node) = item.get("exclude") else { return Ok(Vec::new()) };
    match node.value {
        Value::Str(pattern) => Ok(vec![pattern.clone()]),
        _ => node.items()?.map(|item| item.string().map(str::to_owned)).collect(),
    }
}

fn vars(root: &Node<'_, '_>) -> Result<Vec<Value>, PipelineError> {
    let Some(list) = root.get("vars") else { return Ok(Vec::new()) };
    list.items()?
        .map(|item| match item.value {
            Value::Str(_) | Value::Map(_) => Ok(item.value.clone()),
            _ => Err(item.expected("a file or a map")),
        })
        .collect()
}

/// Reads the body of one stage, templates filled in; `source` is the whole pipeline file, for positions.
///
/// # Errors
/// When a value has a wrong type or an out an unknown key.
pub(crate) fn stage_spec(
    source: Source<'_>,
    place: BodyPlace<'_>,
    filled: &Value,
) -> Result<StageSpec, PipelineError> {
    let nothing = Value::Null;
    let root = Node::root(source, &nothing);
    let stages = root.child("stages", &nothing);
    let group = stages.child(place.group, &nothing);
    let stage = if place.under_do { group.child("do", filled) } else { stages.child(place.group, filled) };
    let string = |key| text(&stage, key);
    let switch = |key| stage.get(key).map_or(Ok(false), |node| node.boolean());
    let mut outs = Vec::new();
    for kind in [OutKind::Data, OutKind::Metrics, OutKind::Plots] {
        read_outs(&stage, kind, &mut outs)?;
    }
    Ok(StageSpec {
        cmd: command(&stage)?,
        shell: string("shell")?,
        wdir: string("wdir")?,
        deps: read_deps(&stage)?,
        params: read_params(&stage, Dialect::of_file(source.file))?,
        outs,
        frozen: switch("frozen")?,
        always_changed: switch("always_changed")?,
        desc: string("desc")?,
        meta: stage.get("meta").map(|node| node.value.clone()),
        needs: needs::read(&stage)?,
        tracking: tracking::read(&stage)?,
    })
}

/// Puts what stands under `meta.pipe` of a stage where it stands in a file of ours.
///
/// # Errors
/// When it is no map, or has other keys than our extensions.
pub(crate) fn lift_extensions(
    source: Source<'_>,
    place: BodyPlace<'_>,
    filled: &mut Value,
) -> Result<(), PipelineError> {
    let Some(found) = filled.as_map().and_then(|body| body.get("meta")?.as_map()?.get("pipe")).cloned()
    else {
        return Ok(());
    };
    let nothing = Value::Null;
    let root = Node::root(source, &nothing);
    let stages = root.child("stages", &nothing);
    let group = stages.child(place.group, &nothing);
    let under_do = group.child("do", &nothing);
    let meta = if place.under_do { under_do.child("meta", &nothing) } else { group.child("meta", &nothing) };
    known_keys_only(&meta.child("pipe", &found), "`meta.pipe`", EXTENSIONS)?;
    if let (Value::Map(body), Value::Map(extensions)) = (filled, found) {
        body.extend(extensions);
    }
    Ok(())
}

fn command(stage: &Node<'_, '_>) -> Result<Command, PipelineError> {
    let map = stage.map()?;
    let value = map.get("cmd").unwrap_or(&Value::Null);
    let node = stage.child("cmd", value);
    let command = match value {
        Value::Str(script) => Command::Script(script.clone()),
        Value::List(_) => Command::List(node.items()?.map(|item| script(&item)).collect::<Result<_, _>>()?),
        Value::Map(_) => return Err(node.expected("a string or a list of strings").hint(Some(QUOTE))),
        _ => return Err(node.expected("a string or a list of strings").hint(node.quote_hint())),
    };
    match command.scripts() {
        // A fault of that stage alone, once it is to run.
        _ if node.dialect().takes_empty_commands() => Ok(command),
        scripts if scripts.is_empty() || scripts.iter().any(|script| script.trim().is_empty()) => {
            Err(node.fault("the command is empty"))
        }
        _ => Ok(command),
    }
}

const QUOTE: &str = "a `: ` inside makes a map of it; put the command in quotes";

fn script(item: &Node<'_, '_>) -> Result<String, PipelineError> {
    match item.value {
        Value::Map(_) => Err(item.expected("a string").hint(Some(QUOTE))),
        _ => item.string().map(str::to_owned),
    }
}

fn read_params(stage: &Node<'_, '_>, dialect: Dialect) -> Result<Vec<ParamSpec>, PipelineError> {
    let Some(list) = stage.get("params") else { return Ok(Vec::new()) };
    let mut params = Vec::new();
    for item in list.items()? {
        match item.value {
            Value::Str(key) => params.push(ParamSpec::Key(key.clone())),
            Value::Map(_) => {
                for (file, keys) in item.entries()? {
                    let keys = match keys.value {
                        Value::Null => None,
                        nothing if dialect.takes_nothing_for_all(nothing) => None,
                        _ => Some(
                            keys.items()?
                                .map(|key| key.string().map(str::to_owned))
                                .collect::<Result<_, _>>()?,
                        ),
                    };
                    params.push(ParamSpec::File(file.to_owned(), keys));
                }
            }
            _ => return Err(item.expected("a key, or a map of a file to its keys")),
        }
    }
    Ok(params)
}

fn read_outs(stage: &Node<'_, '_>, kind: OutKind, outs: &mut Vec<OutSpec>) -> Result<(), PipelineError> {
    let Some(list) = stage.get(kind.field()) else { return Ok(()) };
    for (index, item) in list.items()?.enumerate() {
        match item.value {
            // A parameter may hold several paths.
            Value::List(_) => {
                for item in item.items()? {
                    read_out(&item, kind, index, outs)?;
                }
            }
            _ => read_out(&item, kind, index, outs)?,
        }
    }
    Ok(())
}

fn read_out(
    item: &Node<'_, '_>,
    kind: OutKind,
    index: usize,
    outs: &mut Vec<OutSpec>,
) -> Result<(), PipelineError> {
    let plain = |path: &str| OutSpec {
        path: path.to_owned(),
        exclude: None,
        kind,
        index,
        cache: true,
        persist: false,
        remote: None,
        push: true,
        desc: None,
        annotation: Annotation::default(),
        plot: IndexMap::new(),
    };
    match item.value {
        Value::Str(path) => outs.push(plain(path)),
        Value::Map(map) if matches!(map.get("glob"), Some(Value::Str(_))) => {
            outs.push(read_glob_out(item, kind, plain)?);
        }
        Value::Map(map) if map.len() == 1 => {
            for (path, options) in item.entries()? {
                let mut out = plain(path);
                if !matches!(options.value, Value::Null) {
                    read_options(&options, &mut out)?;
                }
                outs.push(out);
            }
        }
        Value::Map(_) => return Err(item.expected("one path with its options").hint(Some(INDENT))),
        _ => return Err(item.expected("a path, or a map of a path to its options")),
    }
    Ok(())
}

/// A pattern, with its options beside it.
fn read_glob_out(
    item: &Node<'_, '_>,
    kind: OutKind,
    plain: impl Fn(&str) -> OutSpec,
) -> Result<OutSpec, PipelineError> {
    if kind != OutKind::Data {
        let hint = Some("a pattern stands under `outs`; name each file here");
        return Err(item.fault(format!("`{}` cannot be patterns", kind.field())).hint(hint));
    }
    let mut out = plain(&text(item, "glob")?.unwrap_or_default());
    out.exclude = Some(exclude(item)?);
    read_options(item, &mut out)?;
    if out.persist {
        let hint = Some("name a folder that persists instead");
        return Err(item.child_fault("persist", "files of a pattern cannot persist").hint(hint));
    }
    Ok(out)
}

const INDENT: &str = "options are indented below their path, which ends in `:`";

fn read_options(options: &Node<'_, '_>, out: &mut OutSpec) -> Result<(), PipelineError> {
    let mut known = OUT_KEYS.to_vec();
    if options.dialect().passes_over_idle_keys() {
        known.push("checkpoint");
    }
    if out.kind == OutKind::Plots {
        known.extend(PLOT_KEYS);
    }
    if out.exclude.is_some() {
        known.extend(["glob", "exclude"]);
    }
    known_keys_only(options, &format!("out `{}`", out.path), &known)?;
    let switch = |key, default| options.get(key).map_or(Ok(default), |node| node.boolean());
    out.cache = switch("cache", true)?;
    out.persist = switch("persist", false)?;
    out.push = switch("push", true)?;
    out.remote = text(options, "remote")?;
    out.desc = text(options, "desc")?;
    out.annotation = top::annotation(options)?;
    top::check_plot(options)?;
    for key in PLOT_KEYS {
        if let Some(node) = options.get(key) {
            out.plot.insert((*key).to_owned(), node.value.clone());
        }
    }
    Ok(())
}
