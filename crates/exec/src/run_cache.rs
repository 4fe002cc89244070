//! The run cache of DVC beside our stage cache: results of ours are put there, and its results are restored.

use std::path::PathBuf;

use base::ProjectPath;
use cache::{Maker, StageEntry, StageOut, Workspace};
use disk::DiskError;
use pipeline::{Dialect, Stage, StageLock};

use crate::unix_text;

fn folder(workspace: &Workspace, key: &str) -> PathBuf {
    workspace.blobs.root().join("runs").join(&key[..2]).join(key)
}

/// Puts a result there, with who made it, where the dialect has such a cache and the stage's results are kept. One that is
/// there already stays, whoever made it.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn store(
    workspace: &Workspace,
    dialect: Dialect,
    stage: &Stage,
    lock: &StageLock,
    maker: &Maker,
) -> Result<(), DiskError> {
    let Some(entry) = dialect.run_entry(stage, lock) else { return Ok(()) };
    let path = folder(workspace, &entry.key).join(&entry.value);
    if path.exists() {
        return Ok(());
    }
    disk::replace_volatile(&path, (entry.text + &maker.comment()).as_bytes())
}

/// Who made just this result, where an entry there tells it.
pub fn maker_in_run_cache(
    workspace: &Workspace,
    dialect: Dialect,
    stage: &Stage,
    lock: &StageLock,
) -> Option<Maker> {
    let entry = dialect.run_entry(stage, lock)?;
    let path = folder(workspace, &entry.key).join(&entry.value);
    Maker::of_entry(&disk::read_text_optional(&path).ok()??)
}

/// The newest trusted result for these inputs that makes exactly the stage's outs and whose bytes are all where DVC 3
/// looks. What is recorded tells which of the inputs DVC names as older versions did.
pub(crate) fn restorable(
    workspace: &Workspace,
    dialect: Dialect,
    stage: &Stage,
    (recorded, inputs): (Option<&StageLock>, &StageLock),
) -> Option<StageEntry> {
    let key = dialect.run_key(stage, &unix_text::deps_as_then(workspace, recorded, inputs.clone()))?;
    let files = std::fs::read_dir(folder(workspace, &key)).ok()?;
    let mut files: Vec<PathBuf> = files.filter_map(|entry| Some(entry.ok()?.path())).collect();
    let written = |path: &PathBuf| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    files.sort_by_cached_key(|path| std::cmp::Reverse(written(path)));
    files.into_iter().find_map(|path| {
        let text = disk::read_text_optional(&path).ok()??;
        let maker = Maker::of_entry(&text);
        if !workspace.stages.trust().admits(maker.as_ref()) {
            return None;
        }
        let outs = dialect.read_run_entry(stage, &text)?;
        let declared: Vec<&ProjectPath> = stage.outs.iter().map(|out| &out.path).collect();
        let is_whole = outs.iter().map(|(path, _)| path).eq(declared)
            && outs.iter().all(|(_, state)| workspace.blobs.can_restore(state));
        is_whole.then(|| {
            let outs = outs.into_iter().map(|(path, state)| StageOut { path, state }).collect();
            StageEntry::new(inputs.key().0, stage.address.spelled(), outs, maker.unwrap_or_default())
        })
    })
}
