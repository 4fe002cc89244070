//! The params of a state.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use base::{Digest, ProjectPath, Value};
use indexmap::IndexMap;
use pipeline::{Dialect, LoadFault, PARAMS_FILE, ParamFile, Pipeline, PipelineError, SpecialName, params};
use report::DiffSide;
use track::{Run, RunId};

use super::committed::Committed;
use super::{Readable, Revision, as_of, load_at, store, with_children};
use crate::error::{CliError, CliResult};
use crate::project::Project;
use crate::reading::{Reader, load_pipeline};
use crate::recorder::{params_of, tags};

/// Which params of a state are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// Those that stages depend on.
    Declared,
    /// All that are told where nothing is said: of the files that the pipeline reads, in projects of DVC without what
    /// nobody uses.
    Told,
    /// All that these files hold.
    Of(&'a [ProjectPath]),
}

impl Revision {
    /// The params of this state by file, flattened to dotted keys.
    ///
    /// # Errors
    /// When the state itself cannot be read; what is wrong with single params files is told beside the others.
    pub fn params(&self, project: &Project, which: Which<'_>) -> CliResult<Readable> {
        let mut readable = Readable::default();
        let loaded = match self {
            Revision::Run(run) => {
                readable.side = run_params(project, *run)?;
                return Ok(readable);
            }
            Revision::Workspace => Some(project.load_with(load_what_parses)?),
            Revision::Commit(commit) => load_at(&as_of(project, commit)?, commit, load_what_parses)?,
        };
        match (loaded, self) {
            (Some((mut pipeline, faults)), _) => {
                self.add_made_params(project, &mut pipeline, &mut readable);
                readable.side = match (project.dialect, which) {
                    (Dialect::Dvc, Which::Told | Which::Declared) => {
                        told_by_dvc(&pipeline, which == Which::Declared)
                    }
                    _ => pipeline_params(&pipeline, which == Which::Declared),
                };
                for (path, fault) in faults {
                    readable.reject(self, &path, fault);
                }
            }
            (None, Revision::Commit(_)) if project.dialect == Dialect::Native => {
                let folder = project.pipeline_file()?.parent().unwrap_or_default();
                self.read_more(project, &folder.join(PARAMS_FILE), &mut readable);
            }
            (None, _) => {}
        }
        if project.dialect == Dialect::Dvc {
            let of_root = [ProjectPath::root().join(PARAMS_FILE)];
            let more = match which {
                Which::Declared => &[],
                Which::Told => &of_root[..],
                Which::Of(files) => files,
            };
            let more = match which {
                Which::Of(_) => self.each_file(project, more.to_vec()),
                Which::Declared | Which::Told => more.to_vec(),
            };
            for file in more.iter().filter(|file| !readable.tells_of(file)).collect::<Vec<_>>() {
                self.read_more(project, file, &mut readable);
            }
        }
        Ok(readable)
    }

    /// Adds a file of the workspace or of git.
    fn read_more(&self, project: &Project, file: &ProjectPath, readable: &mut Readable) {
        let place = file.to_path(&project.root);
        let text = match self {
            Revision::Commit(commit) => {
                let bytes = project.git().map_or(Ok(None), |git| git.file(commit, file));
                bytes
                    .map(|bytes| bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
                    .map_err(CliError::from)
            }
            _ if place.is_dir() => Ok(None),
            _ => disk::read_text_optional(&place).map_err(CliError::from),
        };
        readable.insert(self, project.dialect, file, text);
    }

    /// Adds the params files that are not read with the pipeline. Those that stages write: in a commit, the cache has them,
    /// and what is wrong with one is no fault of the pipeline. And those in folders of the top-level lists `params`.
    fn add_made_params(&self, project: &Project, pipeline: &mut Pipeline, readable: &mut Readable) {
        let of_stages =
            pipeline.stages.iter().flat_map(|stage| &stage.params).filter_map(|param| param.file.inside());
        let of_stages: BTreeSet<ProjectPath> = of_stages.cloned().collect();
        let of_top: BTreeSet<ProjectPath> =
            self.each_file(project, pipeline.params.clone()).into_iter().collect();
        let as_named: BTreeSet<&ProjectPath> = pipeline.params.iter().collect();
        let is_unread = |file: &ProjectPath| {
            let is_read = matches!(pipeline.param_files.get(&file.clone().into()), Some(ParamFile::Read(_)));
            let is_in_folder = of_top.contains(file) && !as_named.contains(file);
            !is_read && (is_in_folder || pipeline.graph.producer(file).is_some())
        };
        let named: BTreeSet<ProjectPath> = of_stages.into_iter().chain(of_top.iter().cloned()).collect();
        let unread: Vec<ProjectPath> = named.into_iter().filter(is_unread).collect();
        let committed = match self {
            Revision::Commit(commit) => Some(Committed::new(project, commit, pipeline)),
            _ => None,
        };
        let mut read = Vec::with_capacity(unread.len());
        for file in unread {
            let text = match &committed {
                Some(committed) => committed.text(&file),
                None => disk::read_text_optional(&file.to_path(&project.root)).map_err(CliError::from),
            };
            let value = text.and_then(|text| {
                Ok(text.map(|text| params::parse_typed(&file, &text, pipeline.dialect())).transpose()?)
            });
            match value {
                Ok(Some(value)) => read.push((file.into(), ParamFile::Read(value.into()))),
                Ok(None) => {}
                Err(fault) => readable.reject(self, &file, fault),
            }
        }
        pipeline.param_files.extend(read);
    }
}

/// A pipeline as if the params files that cannot be read were not there, with what is wrong with each of them; of those
/// outside the project nothing is shown, and nothing told.
/// Where it cannot be loaded without one, that one is the fault.
fn load_what_parses(
    file: &ProjectPath,
    files: &[ProjectPath],
    reader: Reader<'_>,
) -> CliResult<(Pipeline, Vec<(ProjectPath, CliError)>)> {
    let bad: RefCell<Vec<(ProjectPath, CliError)>> = RefCell::default();
    let bad_outside: RefCell<Vec<(SpecialName, CliError)>> = RefCell::default();
    loop {
        let outside = |name: &SpecialName| {
            if bad_outside.borrow().iter().any(|(known, _)| known == name) {
                return Ok(None);
            }
            (reader.outside)(name).or_else(|fault| {
                bad_outside.borrow_mut().push((name.clone(), fault));
                Ok(None)
            })
        };
        let text = |path: &ProjectPath| {
            if bad.borrow().iter().any(|(known, _)| known == path) {
                return Ok(None);
            }
            match (reader.text)(path) {
                Err(fault) if !files.contains(path) => {
                    bad.borrow_mut().push((path.clone(), fault));
                    Ok(None)
                }
                text => text,
            }
        };
        let fault = match load_pipeline(file, files, Reader { text: &text, outside: &outside, ..reader }) {
            Ok(pipeline) => return Ok((pipeline, bad.into_inner())),
            Err(fault) => fault,
        };
        let load = fault.source.as_ref().and_then(|source| source.downcast_ref::<LoadFault>());
        let faults = load.map(|load| load.faults.clone()).unwrap_or_default();
        // A file outside the project is a fault only where templates are filled in from it.
        let is_of_other_file = |fault: &PipelineError| !fault.is_outside && !files.contains(&fault.file);
        let is_of_other_files = !faults.is_empty() && faults.iter().all(is_of_other_file);
        if is_of_other_files {
            let faults = faults.into_iter().map(|fault| (fault.file.clone(), CliError::from(fault)));
            bad.borrow_mut().extend(faults);
        } else {
            // What was left out is what it is faulty without.
            let first = bad.into_inner().into_iter().next().map(|(_, first)| first);
            let outside = || bad_outside.into_inner().into_iter().next().map(|(_, first)| first);
            return Err(first.or_else(outside).unwrap_or(fault));
        }
    }
}

/// What DVC tells: of files that only stages name, the keys that these name; and of files that nothing but templates are
/// filled in from, what templates name.
fn told_by_dvc(pipeline: &Pipeline, declared: bool) -> DiffSide {
    let mut keys: BTreeMap<&ProjectPath, Vec<&str>> = BTreeMap::new();
    let mut whole: BTreeSet<&ProjectPath> = BTreeSet::new();
    for param in pipeline.stages.iter().flat_map(|stage| &stage.params) {
        match (param.file.inside(), &param.key) {
            (Some(file), Some(key)) => keys.entry(file).or_default().push(key),
            (Some(file), None) => drop(whole.insert(file)),
            (None, _) => {}
        }
    }
    let of_root = ProjectPath::root().join(PARAMS_FILE);
    let is_whole = |file: &ProjectPath| {
        let of_top = || pipeline.params.iter().any(|top| top.contains(file));
        whole.contains(file) || (!declared && (*file == of_root || of_top()))
    };
    let mut side = DiffSide::new();
    for (path, file) in &pipeline.param_files {
        let (Some(inside), ParamFile::Read(value)) = (path.inside(), file) else { continue };
        let values = match keys.get(inside) {
            _ if is_whole(inside) => report::flatten(&value.value),
            Some(keys) => match params::pick(&value.value, keys) {
                Value::Map(map) if map.is_empty() => IndexMap::new(),
                picked => report::flatten(&picked),
            },
            None => continue,
        };
        side.insert(path.spelled().to_owned(), values);
    }
    for (path, values) in &pipeline.used_values {
        let Some(file) = path.inside().filter(|file| !is_whole(file) && !keys.contains_key(file)) else {
            continue;
        };
        let leaves = values.iter().flat_map(|(key, value)| leaves(key, value));
        side.insert(file.spelled().to_owned(), leaves.collect());
    }
    side
}

fn pipeline_params(pipeline: &Pipeline, declared: bool) -> DiffSide {
    if declared {
        let refs: Vec<_> = pipeline.stages.iter().flat_map(|stage| stage.params.clone()).collect();
        let mut side = DiffSide::new();
        for reference in refs {
            let values =
                params::select(std::slice::from_ref(&reference), &pipeline.param_files, pipeline.dialect())
                    .unwrap_or_default();
            // What lies outside is as it is now, whatever state is asked for; DVC shows none of it.
            for (file, values) in values.into_iter().filter(|(file, _)| file.inside().is_some()) {
                let leaves = values.iter().flat_map(|(key, value)| leaves(key, value));
                side.entry(file.spelled().to_owned()).or_default().extend(leaves);
            }
        }
        return side;
    }
    let files = pipeline.param_files.iter().filter_map(|(path, file)| match file {
        ParamFile::Read(read) if path.inside().is_some() => {
            Some((path.spelled().to_owned(), report::flatten(&read.value)))
        }
        _ => None,
    });
    files.collect()
}

/// The leaves of a value that stands under `key`, by their whole keys.
fn leaves(key: &str, value: &Value) -> Vec<(String, Value)> {
    let whole = |below: String| if below.is_empty() { key.to_owned() } else { format!("{key}.{below}") };
    report::flatten(value).into_iter().map(|(below, leaf)| (whole(below), leaf)).collect()
}

/// The params that a run and its stages recorded, back under their files. The store keeps texts; they read
/// back as the types they were written from. What the scripts of a stage logged stands in no file.
fn run_params(project: &Project, run: RunId) -> CliResult<DiffSide> {
    let mut side = DiffSide::new();
    for run in with_children(&store(project)?, run)? {
        let declared = declared_by(project, &run);
        let is_of_file = |key: &String| declared.as_ref().is_none_or(|declared| declared.contains(key));
        for (key, text) in run.data.params.into_iter().filter(|(key, _)| is_of_file(key)) {
            let (file, key) = match key.split_once(':') {
                Some((file, key)) => (file.to_owned(), key.to_owned()),
                None => (PARAMS_FILE.to_owned(), key),
            };
            let value = Value::from_text(&text);
            let values: &mut IndexMap<String, Value> = side.entry(file).or_default();
            values.extend(leaves(&key, &value));
        }
    }
    Ok(side)
}

/// The keys of the params that the stage of a run declared, as far as the stage cache tells of it: all results of one stage key have
/// the same.
fn declared_by(project: &Project, run: &Run) -> Option<BTreeSet<String>> {
    let key = run.data.tags.get(tags::KEY)?.parse::<Digest>().ok()?;
    let entry = project.stage_cache().results(&key).into_iter().next()?;
    let params = entry.params.into_iter().map(|(file, values)| (file.into(), values)).collect();
    Some(params_of(&params).into_iter().map(|param| param.key).collect())
}
