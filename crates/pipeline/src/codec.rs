//! Locks as texts, of either dialect: who reads or writes one asks this, not the format.

use base::ProjectPath;
use indexmap::IndexMap;

use crate::dialect::Dialect;
use crate::error::PipelineError;
use crate::format::dvc::plain::plain_pointer;
use crate::format::{dvc, native};
use crate::lock::{Lock, StageLock};
use crate::pointer::{parse_source, update_source};
use crate::resolve::Pipeline;
use crate::stage::{Stage, is_pointer};

/// Reads and writes the locks of a pipeline. What a lock of DVC says of a stage can be read only by who knows how the
/// stage is declared.
#[derive(Clone, Debug, Default)]
pub struct LockCodec {
    /// The project's root by its absolute path, as far as it is known.
    root: String,
    /// By pipeline file and name.
    frames: IndexMap<ProjectPath, IndexMap<String, dvc::lock::Frame>>,
}

impl LockCodec {
    /// For the locks of these stages, of the project at `root`.
    fn of<'a>(root: &str, stages: impl IntoIterator<Item = &'a Stage>) -> Self {
        let mut frames: IndexMap<ProjectPath, IndexMap<String, dvc::lock::Frame>> = IndexMap::new();
        for stage in stages {
            if Dialect::of_file(&stage.address.file) == Dialect::Dvc {
                let file = frames.entry(stage.address.file.clone()).or_default();
                file.insert(stage.address.name.clone(), dvc::lock::Frame::of(stage));
            }
        }
        LockCodec { root: root.to_owned(), frames }
    }

    fn frames(&self, lock: &ProjectPath) -> IndexMap<String, dvc::lock::Frame> {
        self.frames.get(&pipeline_file_of(lock)).cloned().unwrap_or_default()
    }

    /// Reads the text of a lock or a pointer.
    ///
    /// # Errors
    /// When it is none, or a newer version wrote it.
    pub fn parse(&self, file: &ProjectPath, text: &str) -> Result<Lock, PipelineError> {
        if is_pointer(file) {
            return Ok(parse_source(file, &plain_pointer(&self.root, file, text))?.1);
        }
        match Dialect::of_file(file) {
            Dialect::Native => native::lock::parse_lock(file, text),
            Dialect::Dvc => dvc::lock::parse(file, text, &self.frames(file)).map_err(|fault| {
                let hint =
                    fault.hint.clone().unwrap_or_else(|| format!("restore {file} from version control"));
                fault.hint(Some(hint))
            }),
        }
    }

    /// The text of a pointer with what `lock` says of its things; `old` is what it held until now. What came from elsewhere
    /// and is another now is data of one's own from then on.
    ///
    /// # Errors
    /// When the old text is no pointer.
    pub fn update_source(
        &self,
        file: &ProjectPath,
        old: Option<&str>,
        lock: &StageLock,
    ) -> Result<String, PipelineError> {
        update_source(file, old.map(|old| plain_pointer(&self.root, file, old)).as_deref(), lock)
    }

    /// The text of a lock; `old` is what the file held until now. `None` when nothing is left in it.
    pub fn write(&self, file: &ProjectPath, old: Option<&str>, lock: &Lock) -> Option<String> {
        match Dialect::of_file(file) {
            Dialect::Native => (!lock.stages.is_empty()).then(|| native::lock::write_lock(lock)),
            Dialect::Dvc => dvc::lock::write(file, old, lock, &self.frames(file)),
        }
    }
}

impl Pipeline {
    /// Whose files it is made of.
    pub fn dialect(&self) -> Dialect {
        Dialect::of_file(&self.file)
    }

    /// Reads and writes its locks.
    pub fn lock_codec(&self) -> LockCodec {
        LockCodec::of(&self.root, &self.stages)
    }
}

/// The lock beside a pipeline file; of a pointer, itself.
pub fn lock_beside(file: &ProjectPath) -> ProjectPath {
    if is_pointer(file) {
        return file.clone();
    }
    file.parent().unwrap_or_default().join(Dialect::of_file(file).lock_file())
}

/// The pipeline file beside a lock.
pub fn pipeline_file_of(lock: &ProjectPath) -> ProjectPath {
    lock.parent().unwrap_or_default().join(Dialect::of_file(lock).pipeline_file())
}
