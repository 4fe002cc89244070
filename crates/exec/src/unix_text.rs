//! Digests that DVC 1 and 2 recorded: of text, with the line ends of Unix. What is unchanged by them keeps them.

use std::borrow::Cow;

use base::{Digest, FileState, ProjectPath};
use cache::{Blobs, Workspace};
use pipeline::{Stage, StageLock};

use crate::drive::is_stored;

/// The lock with digests of now for those of `paths` that hold what DVC 1 or 2 recorded of them.
pub(crate) fn modern<'a>(
    workspace: &Workspace,
    locked: &'a StageLock,
    paths: &[ProjectPath],
    found: &[Option<FileState>],
) -> Cow<'a, StageLock> {
    let mut modern = Cow::Borrowed(locked);
    for (path, found) in paths.iter().zip(found) {
        let Some(found) = found.filter(|_| locked.unix_text.contains(path)) else { continue };
        let recorded = locked.deps.iter().chain(&locked.outs).find(|(known, _)| known == path);
        let Some((_, recorded)) = recorded.filter(|(_, recorded)| recorded.digest != found.digest) else {
            continue;
        };
        if workspace.unix_digest(path).is_ok_and(|digest| digest == Some(recorded.digest)) {
            let lock = modern.to_mut();
            let entries = lock.deps.iter_mut().chain(&mut lock.outs).filter(|(known, _)| known == path);
            entries.for_each(|(_, state)| state.digest = found.digest);
        }
    }
    modern
}

/// Whether a content lies in the part of the cache that belongs to what recorded it.
pub(crate) fn is_in_its_part(
    blobs: &Blobs,
    locked: &StageLock,
    path: &ProjectPath,
    state: &FileState,
) -> bool {
    blobs.is_in_its_part(state, locked.unix_text.contains(path))
}

/// The lock of a success, in which stands what DVC 1 or 2 recorded before of deps and outs that are unchanged by that. Of
/// outs that are kept, as far as the cache has them where those versions look.
pub(crate) fn as_then(
    workspace: &Workspace,
    stage: &Stage,
    recorded: Option<&StageLock>,
    lock: StageLock,
) -> StageLock {
    // Pointers tell of it themselves.
    if stage.is_source() {
        return lock;
    }
    let mut lock = deps_as_then(workspace, recorded, lock);
    for (path, state) in &mut lock.outs {
        let Some(digest) = digest_then(workspace, recorded, path, state) else { continue };
        let then = FileState { digest, ..*state };
        let is_kept = stage.outs.iter().any(|out| out.path == *path && is_stored(out));
        if !is_kept || (workspace.blobs.holds_all(&then) && workspace.blobs.is_in_its_part(&then, true)) {
            *state = then;
            lock.unix_text.insert(path.clone());
        }
    }
    lock
}

/// The same of its deps alone.
pub(crate) fn deps_as_then(
    workspace: &Workspace,
    recorded: Option<&StageLock>,
    mut lock: StageLock,
) -> StageLock {
    for (path, state) in &mut lock.deps {
        if let Some(then) = digest_then(workspace, recorded, path, state) {
            state.digest = then;
            lock.unix_text.insert(path.clone());
        }
    }
    lock
}

/// What those versions recorded of a content that they would call unchanged.
fn digest_then(
    workspace: &Workspace,
    recorded: Option<&StageLock>,
    path: &ProjectPath,
    now: &FileState,
) -> Option<Digest> {
    let recorded = recorded.filter(|recorded| recorded.unix_text.contains(path))?;
    let mut known = recorded.deps.iter().chain(&recorded.outs);
    let (_, then) = known.find(|(known, _)| known == path)?;
    let is_same = || workspace.unix_digest(path).is_ok_and(|digest| digest == Some(then.digest));
    (then.digest == now.digest || is_same()).then_some(then.digest)
}
