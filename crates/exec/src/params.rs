//! Parameter files as they are when a stage begins and when it has ended.
//!
//! A reproduction can take hours, and people edit `params.yaml` meanwhile. A stage's command reads what stands
//! there when it starts, so that this is what its record must say, not what stood there when the pipeline was loaded.
//! What lies outside the project is reached from here too, since its memory lives as long.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use base::ProjectPath;
use cache::{CacheError, StageEntry, Workspace};
use pipeline::{
    DepName, ParamFile, ParamPath, ParamValues, Pipeline, PipelineError, SpecialName, Stage, StaleReason,
    params,
};

use crate::assess::World;

/// Reads parameter files anew, and parses one again only when its text is another.
#[derive(Debug)]
pub struct ParamReader<'a> {
    workspace: &'a Workspace,
    pipeline: &'a Pipeline,
    known: Mutex<HashMap<ParamPath, (String, ParamFile)>>,
    outside: OnceLock<Outside>,
    /// What servers told last, and locks of data sets.
    told: Mutex<HashMap<SpecialName, String>>,
}

impl<'a> ParamReader<'a> {
    /// A reader of the files of a world.
    pub fn new(world: World<'a>) -> Self {
        let World { workspace, pipeline, .. } = world;
        ParamReader {
            workspace,
            pipeline,
            known: Mutex::default(),
            outside: OnceLock::new(),
            told: Mutex::default(),
        }
    }

    /// The project's own files.
    pub(crate) fn workspace(&self) -> &'a Workspace {
        self.workspace
    }

    /// The pipeline that is judged.
    pub(crate) fn pipeline(&self) -> &'a Pipeline {
        self.pipeline
    }

    /// Remembers what a server told of a URL, or a lock of a data set.
    pub(crate) fn note(&self, name: &SpecialName, told: String) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), told);
    }

    /// What was told last of a URL or a data set.
    pub(crate) fn told(&self, name: &SpecialName) -> Option<(SpecialName, String)> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.get_key_value(name).map(|(name, told)| (name.clone(), told.clone()))
    }

    /// The folder of a remote.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn remote_folder(&self, name: &str) -> Result<&'a Path, String> {
        let known = self
            .pipeline
            .environment
            .remotes
            .get(name)
            .ok_or_else(|| format!("there is no remote `{name}`"))?;
        known.as_deref().map_err(Clone::clone)
    }

    /// The whole file system, with a memory of its own of what was hashed there.
    ///
    /// # Errors
    /// When that memory is there and cannot be read.
    pub(crate) fn outside(&self) -> Result<&Workspace, disk::DiskError> {
        if let Some(outside) = self.outside.get() {
            return Ok(&outside.0);
        }
        let outside = self.workspace.outside()?;
        Ok(&self.outside.get_or_init(|| Outside(outside)).0)
    }

    /// The files that `stage` reads parameters from, as they are now.
    ///
    /// # Errors
    /// [`Unreadable`] for the first that cannot be read or parsed.
    pub fn files_of(&self, stage: &Stage) -> Result<BTreeMap<ParamPath, ParamFile>, Unreadable> {
        let mut files = BTreeMap::new();
        for reference in &stage.params {
            if !files.contains_key(&reference.file) {
                files.insert(reference.file.clone(), self.read(&reference.file)?);
            }
        }
        check_whole(stage, &files)?;
        Ok(files)
    }

    /// One file as it is now.
    ///
    /// # Errors
    /// [`Unreadable`] when it cannot be read or parsed.
    pub fn read(&self, file: &ParamPath) -> Result<ParamFile, Unreadable> {
        let root = self.workspace.os_path(&ProjectPath::root());
        let text = disk::read_text_optional(&file.to_path(&root))
            .map_err(|fault| Unreadable::new(file.clone(), &fault))?;
        let Some(text) = text else { return Ok(ParamFile::Missing) };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, parsed)) = known.get(file).filter(|(before, _)| *before == text) {
            return Ok(parsed.clone());
        }
        let value = params::parse_at(file, &text, self.pipeline.dialect())
            .map_err(|fault| Unreadable::new(file.clone(), &fault))?;
        let parsed = ParamFile::Read(value.into());
        known.insert(file.clone(), (text, parsed.clone()));
        Ok(parsed)
    }
}

/// Refuses files that hold a list or one value, where a stage asks for the whole of them.
pub(crate) fn check_whole(stage: &Stage, files: &BTreeMap<ParamPath, ParamFile>) -> Result<(), Unreadable> {
    for reference in stage.params.iter().filter(|reference| reference.key.is_none()) {
        if let Some(ParamFile::Read(read)) = files.get(&reference.file) {
            read.map(&reference.file)
                .map_err(|fault| Unreadable::of_params(reference.file.clone(), &fault))?;
        }
    }
    Ok(())
}

/// Notes in an entry of the stage cache the params of the project's own files: it knows no others.
pub(crate) fn note_params(entry: &mut StageEntry, params: &ParamValues) {
    let inside = params.iter().filter_map(|(file, values)| Some((file.inside()?.clone(), values.clone())));
    entry.params = inside.collect();
}

/// The whole file system; what was hashed there is written down at the end.
#[derive(Debug)]
struct Outside(Workspace);

impl Drop for Outside {
    fn drop(&mut self) {
        // Lost, it costs time only; and where nothing can be written, nothing must be.
        let _ = self.0.save_state();
    }
}

/// A path that cannot be read, so that nothing can be said about the stages that declare it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Unreadable {
    path: DepName,
    message: String,
}

impl Unreadable {
    /// Says why `path` cannot be read, with every cause.
    pub(crate) fn new(path: impl Into<DepName>, fault: &dyn Error) -> Self {
        let mut message = fault.to_string();
        let mut cause = fault.source();
        while let Some(next) = cause {
            let more = next.to_string();
            if !message.ends_with(&more) {
                message = format!("{message}: {more}");
            }
            cause = next.source();
        }
        Unreadable { path: path.into(), message }
    }

    /// The same of params, with what can be done about it.
    fn of_params(file: ParamPath, fault: &PipelineError) -> Self {
        let hint = fault.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        let Unreadable { path, message } = Unreadable::new(file, fault);
        Unreadable { path, message: message + &hint }
    }

    /// The same of files and folders, with what can be done about it.
    pub(crate) fn of_content(path: impl Into<DepName>, fault: &CacheError) -> Self {
        let hint = fault.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        let Unreadable { path, message } = Unreadable::new(path, fault);
        Unreadable { path, message: message + &hint }
    }
}

impl From<Unreadable> for StaleReason {
    fn from(fault: Unreadable) -> Self {
        StaleReason::Unreadable { path: fault.path, message: fault.message }
    }
}
