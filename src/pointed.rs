//! Which files data under version control is going to be made of: what pipelines that go through files are read from.
//!
//! Git moves pointers without their data. Until the data has followed, what lies there is what another revision recorded,
//! and stages made of its files would be those of that revision. So data that its pointer is going to replace, and data
//! that is not here, are listed as the pointer records them.

use base::ProjectPath;
use cache::{State, Workspace};
use pipeline::{Glob, Pointer, is_pointer, parse_pointer, plain_pointer};

use crate::error::CliResult;
use crate::project::Project;
use crate::reading::{TextOf, root_text};

/// The data of one pointer.
#[derive(Debug)]
pub struct Pointed {
    /// Where it is.
    pub path: ProjectPath,
    /// Whether what lies there now counts: all but data that is going to be replaced as a whole.
    pub in_place: bool,
    /// Its files as the pointer records them, where they count; `None` where the cache does not have their list.
    pub recorded: Option<Vec<ProjectPath>>,
}

/// How it is told what data is going to be.
#[derive(Clone, Copy)]
pub enum Depth {
    /// By what lies there, where something does. What is about to be recorded is as good as that.
    Shallow,
    /// By what it was agreed on: it is hashed where its pointer is not what is remembered here.
    Whole,
}

/// The data that has to do with `glob`, of those of `files` that are pointers.
///
/// # Errors
/// When a text or the memory of what was hashed cannot be read.
pub fn data(
    project: &Project,
    files: &[ProjectPath],
    (glob, text): (&Glob, &TextOf<'_>),
    depth: Depth,
) -> CliResult<Vec<Pointed>> {
    let mut found = Vec::new();
    let mut remembered = None;
    let root = root_text(&project.root);
    for file in files.iter().filter(|file| is_pointer(file)) {
        // What is wrong with it is told where it is read for its own sake.
        let Some(Ok(pointer)) =
            text(file)?.map(|text| parse_pointer(file, &plain_pointer(&root, file, &text)))
        else {
            continue;
        };
        let path = &pointer.out.path;
        if !(glob.touches(path) || path.contains(glob.base())) {
            continue;
        }
        let in_place = std::fs::symlink_metadata(path.to_path(&project.root)).is_ok();
        let counts = match (in_place, depth) {
            (false, _) => Counts::Recorded,
            (true, Depth::Shallow) => Counts::InPlace,
            (true, Depth::Whole) => {
                let remembered = remembered.get_or_insert_with(|| project.workspace_anew());
                match remembered.agreed(path) {
                    Some(agreed) if agreed == pointer.state.digest => Counts::InPlace,
                    // It is left as it is.
                    _ if pointer.frozen => Counts::InPlace,
                    _ => counts(project, &pointer)?,
                }
            }
        };
        let recorded = || match project.blobs().files(path, &pointer.state) {
            Ok(files) => {
                Some(files.into_iter().filter(|(_, state)| !state.is_folder()).map(|(path, _)| path))
            }
            Err(_) => None,
        };
        found.push(Pointed {
            path: path.clone(),
            in_place: counts != Counts::Recorded,
            recorded: match counts {
                Counts::InPlace => Some(Vec::new()),
                _ => recorded().map(Iterator::collect),
            },
        });
    }
    Ok(found)
}

/// What tells the files of data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    InPlace,
    Recorded,
    /// Nobody knows which of them it is going to be: no stage is given up for it.
    Both,
}

/// What counts of data whose pointer is not what was agreed on last.
fn counts(project: &Project, pointer: &Pointer) -> CliResult<Counts> {
    let workspace: Workspace = project.workspace_with(State::load(&project.pipe_path("state"))?);
    // What cannot be read is told by whoever judges it.
    let now = workspace.observe(&pointer.out.path).ok().flatten().map(|now| now.digest);
    let _ = workspace.save_state();
    Ok(match now {
        Some(now) if now == pointer.state.digest => Counts::InPlace,
        Some(now) if workspace.is_as_agreed(&pointer.out.path, now) => Counts::Recorded,
        _ => Counts::Both,
    })
}
