//! Where a pipeline is read from: the workspace, a commit, or texts that are not written yet.

use std::cell::RefCell;
use std::path::Path;

use base::ProjectPath;
use cache::{Choice, Layout, chosen_files};
use pipeline::{Glob, Loaded, POINTER_SUFFIX, Pipeline, Provided, SpecialName, is_pointer, plain_pointer};

use crate::error::CliResult;
use crate::pointed::{self, Depth, Pointed};
use crate::project::Project;

/// Tells the text of a file; `None` where there is none.
pub type TextOf<'a> = dyn Fn(&ProjectPath) -> CliResult<Option<String>> + 'a;

/// Tells which files a pattern matches.
pub type FilesOf<'a> = dyn Fn(&Glob) -> CliResult<Vec<ProjectPath>> + 'a;

/// Tells the text of a file outside the project; `None` where there is none.
pub type OutsideOf<'a> = dyn Fn(&SpecialName) -> CliResult<Option<String>> + 'a;

/// What tells everything that a pipeline is made of.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The project's root.
    pub root: &'a Path,
    /// Texts.
    pub text: &'a TextOf<'a>,
    /// Files that stages are made of.
    pub files: &'a FilesOf<'a>,
    /// Texts of files outside the project: [`outside_text`], or less.
    pub outside: &'a OutsideOf<'a>,
}

/// The project's root as its files name it: without symlinks. Empty where it is no text.
pub fn root_text(root: &Path) -> String {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    root.to_str().map(str::to_owned).unwrap_or_default()
}

/// The text of a pointer with paths of the project as they are seen from its folder; empty where there is none.
///
/// # Errors
/// When it cannot be read.
pub fn pointer_text(project: &Project, file: &ProjectPath) -> CliResult<String> {
    let text = disk::read_text_optional(&file.to_path(&project.root))?.unwrap_or_default();
    Ok(plain_pointer(&root_text(&project.root), file, &text).into_owned())
}

/// Reads the pipeline of `files`, pipeline files and pointers. `file` is the one that is meant where none is named.
///
/// # Errors
/// When something in the texts is wrong, or `reader` fails.
pub fn load_pipeline(file: &ProjectPath, files: &[ProjectPath], reader: Reader<'_>) -> CliResult<Pipeline> {
    let mut provided = Provided { root: root_text(reader.root), ..Provided::default() };
    loop {
        match pipeline::load_all(file, files, &provided)? {
            Loaded::Done(pipeline) => return Ok(*pipeline),
            Loaded::Need(needs) => {
                for path in needs.texts {
                    let content = (reader.text)(&path)?;
                    provided.texts.insert(path, content);
                }
                for name in needs.outside {
                    let content = (reader.outside)(&name)?;
                    provided.outside.insert(name, content);
                }
                for glob in needs.files {
                    let mut found = (reader.files)(&glob)?;
                    found.extend(not_in_place(files, &glob));
                    found.retain(|path| !is_pointer(path) && !files.contains(path));
                    found.sort_unstable();
                    found.dedup();
                    provided.files.push((glob, found));
                }
            }
        }
    }
}

/// The text of a file outside the project, which no commit of it has: as it is now.
///
/// # Errors
/// When it cannot be read.
pub fn outside_text(name: &SpecialName) -> CliResult<Option<String>> {
    let place = Path::new(&name.text);
    match disk::read_text_optional(place) {
        // A folder holds no params. Who needs them to run says so then.
        Err(_) if place.is_dir() => Ok(None),
        text => Ok(text?),
    }
}

/// The matching files that pointers tell of: data of the project also while it is not in place.
fn not_in_place<'a>(files: &'a [ProjectPath], glob: &'a Glob) -> impl Iterator<Item = ProjectPath> + 'a {
    let data = |pointer: &ProjectPath| {
        let name = pointer.name().strip_suffix(POINTER_SUFFIX)?;
        Some(pointer.parent().unwrap_or_default().join(name))
    };
    files.iter().filter(|file| is_pointer(file)).filter_map(data).filter(|path| glob.matches(path))
}

/// The matching files that stages have read, as the locks of the pipeline files `files` tell.
pub fn recorded_files(files: &[ProjectPath], text: &TextOf<'_>, glob: &Glob) -> CliResult<Vec<ProjectPath>> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| !is_pointer(file)) {
        let path = pipeline::lock_beside(file);
        let Some(text) = text(&path)? else { continue };
        let lock = pipeline::parse_lock(&path, &text)?;
        let deps = lock.stages.into_values().flat_map(|stage| stage.deps).map(|(path, _)| path);
        found.extend(deps.filter(|path| glob.matches(path)));
    }
    Ok(found)
}

/// The files of the workspace that a pattern matches, and the folders and ignore files that say so, in `seen`. Data that
/// its pointer is going to replace counts as what the pointer records ([`pointed`]). Where files cannot be told at all,
/// as in a clone without its data, they are those that the locks tell of.
pub fn files_in_place(
    project: &Project,
    files: &[ProjectPath],
    (glob, text): (&Glob, &TextOf<'_>),
    depth: Depth,
    seen: &RefCell<Vec<ProjectPath>>,
) -> CliResult<Vec<ProjectPath>> {
    let data = pointed::data(project, files, (glob, text), depth)?;
    let is_there = glob.base().to_path(&project.root).is_dir();
    let mut found = if is_there { files_there(project, glob, seen)? } else { Vec::new() };
    found.retain(|file| !data.iter().any(|data| !data.in_place && data.path.contains(file)));
    let mut untold = Vec::new();
    for Pointed { path, recorded, .. } in &data {
        match recorded {
            Some(files) => found.extend(files.iter().filter(|file| glob.matches(file)).cloned()),
            None => untold.push(path),
        }
    }
    let is_untold = |file: &ProjectPath| untold.iter().any(|path| path.contains(file));
    if !untold.is_empty() || (!is_there && data.is_empty()) {
        let known = recorded_files(files, text, glob)?;
        found.extend(known.into_iter().filter(|file| data.is_empty() || is_untold(file)));
    }
    Ok(found)
}

/// The files that lie there.
fn files_there(
    project: &Project,
    glob: &Glob,
    seen: &RefCell<Vec<ProjectPath>>,
) -> CliResult<Vec<ProjectPath>> {
    let note = |folder: &ProjectPath| {
        let ignore = folder.join(Layout::Native.ignore_file());
        let ignore = Some(ignore).filter(|file| file.to_path(&project.root).is_file());
        seen.borrow_mut().extend(std::iter::once(folder.clone()).chain(ignore));
    };
    note(glob.base());
    let enters = |folder: &ProjectPath| {
        let enters = glob.may_lie_below(folder);
        if enters {
            note(folder);
        }
        enters
    };
    let choice = Choice { base: glob.base(), matches: &|path| glob.matches(path), enters: &enters };
    Ok(chosen_files(&project.root, &choice)?)
}
