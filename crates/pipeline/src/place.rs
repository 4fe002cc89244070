//! Where a path leads that somebody wrote: into the project, or in projects of DVC out of it.

use base::{PathError, ProjectPath};

use crate::special::SpecialName;

/// What a path means.
#[derive(Debug)]
pub(crate) enum Place {
    /// A path of the project.
    Inside(ProjectPath),
    /// A file or folder outside it.
    Outside(SpecialName),
}

/// Where `text` leads, seen from the folder `base` of the project at `root`, which is absolute and without symlinks. `.`
/// and `..` are resolved by their spelling, as DVC does, which knows the project by its path without symlinks alone.
pub(crate) fn place(root: &str, base: &ProjectPath, text: &str) -> Result<Place, PathError> {
    let inside = ProjectPath::resolve(base, text);
    let (Err(PathError::Absolute(_) | PathError::Outside(_)), true) = (&inside, root.starts_with('/')) else {
        return inside.map(Place::Inside);
    };
    let whole = match text.starts_with('/') {
        true => text.to_owned(),
        false => format!("{root}/{}/{text}", base.as_str()),
    };
    // All paths are below the root of the file system.
    let below = |path: &str| ProjectPath::resolve(&ProjectPath::root(), path.trim_start_matches('/'));
    let (whole, root) = (below(&whole)?, below(root)?);
    if root == whole {
        return Ok(Place::Inside(ProjectPath::root()));
    }
    match root.contains(&whole) {
        true => below(&whole.relative_to(&root)).map(Place::Inside),
        false => SpecialName::outside(&format!("/{}", whole.as_str())).map(Place::Outside),
    }
}
