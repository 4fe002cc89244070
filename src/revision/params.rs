//! The params of a state.

use std::cell::RefCell;
use std::collections::BTreeSet;

use base::{Digest, ProjectPath, Value};
use indexmap::IndexMap;
use pipeline::{LoadFault, PARAMS_FILE, ParamFile, Pipeline, PipelineError, SpecialName, params};
use report::DiffSide;
use track::{Run, RunId};

use super::committed::Committed;
use super::{Readable, Revision, as_of, load_at, store, with_children};
use crate::error::{CliError, CliResult};
use crate::project::Project;
use crate::reading::{Reader, load_pipeline};
use crate::recorder::{params_of, tags};

impl Revision {
    /// The params of this state by file, flattened to dotted keys. With `declared`, only those that a stage
    /// depends on.
    ///
    /// # Errors
    /// When the state itself cannot be read; what is wrong with single params files is told beside the others.
    pub fn params(&self, project: &Project, declared: bool) -> CliResult<Readable> {
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
                readable.side = pipeline_params(&pipeline, declared);
                for (path, fault) in faults {
                    readable.reject(self, &path, fault);
                }
            }
            (None, Revision::Commit(commit)) => {
                let path = project.pipeline_file()?.parent().unwrap_or_default().join(PARAMS_FILE);
                let bytes = project.git().map(|git| git.file(commit, &path)).transpose()?.flatten();
                let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                readable.insert(self, project.dialect, &path, Ok(text));
            }
            (None, _) => {}
        }
        Ok(readable)
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
