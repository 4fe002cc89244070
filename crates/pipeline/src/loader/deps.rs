//! What a stage reads: paths of the project, and all that is none.

use base::{PathError, ProjectPath};
use glob::Pattern;

use super::Loader;
use crate::error::PipelineError;
use crate::format::native::spec::{BodyPlace, DepSpec};
use crate::place::Place;
use crate::special::{Glob, Special, SpecialKind, SpecialName};
use crate::yaml::Segment;

impl Loader<'_, '_> {
    /// The deps of a stage that runs in `wdir`: paths of the project, and the others; both sorted, each once.
    pub(super) fn deps(
        &self,
        place: BodyPlace<'_>,
        wdir: &ProjectPath,
        deps: &[(usize, DepSpec)],
    ) -> Result<(Vec<ProjectPath>, Vec<Special>), PipelineError> {
        let mut paths = Vec::new();
        let mut special: Vec<Special> = Vec::new();
        for (at, dep) in deps {
            let inside = [Segment::Key("deps"), Segment::Index(*at)];
            match dep {
                DepSpec::Path(text) if !text.starts_with('/') && text.contains("://") => {
                    let dataset = SpecialName::dataset(text).filter(|_| self.dialect.has_datasets());
                    let name = dataset.map_or_else(|| SpecialName::url(text), Ok);
                    let name = name.map_err(|fault| self.fault_at(&place.path(&inside), fault))?;
                    special.push(Special { name, glob: None });
                }
                DepSpec::Path(text) => match self.place(wdir, text) {
                    Ok(Place::Outside(name)) => special.push(Special { name, glob: None }),
                    Err(PathError::Absolute(_)) => {
                        let name = SpecialName::outside(text)
                            .map_err(|fault| self.fault_at(&place.path(&inside), fault.to_string()))?;
                        special.push(Special { name, glob: None });
                    }
                    _ => paths.push(self.path(wdir, text, place, &inside)?),
                },
                DepSpec::Glob { pattern, exclude } => {
                    let dep = glob(wdir, pattern, exclude)
                        .map_err(|message| self.fault_at(&place.path(&inside), message))?;
                    if special.iter().any(|known| known.name == dep.name && *known != dep) {
                        let message =
                            format!("pattern `{}` stands here twice, with different `exclude`", dep.name);
                        return Err(self.fault_at(&place.path(&inside), message));
                    }
                    special.push(dep);
                }
            }
        }
        paths.sort_unstable();
        paths.dedup();
        special.sort_by(|a, b| a.name.cmp(&b.name));
        special.dedup();
        Ok((paths, special))
    }
}

/// The pattern of an out as written in a stage that runs in `wdir`, with its text.
pub(super) fn out_glob(
    wdir: &ProjectPath,
    pattern: &str,
    exclude: &[String],
) -> Result<(ProjectPath, Glob), String> {
    let (path, mut exclude) = resolve_glob(wdir, pattern, exclude)?;
    // It is recorded, and its order means nothing.
    exclude.sort_unstable();
    exclude.dedup();
    let glob = Glob::new(&path, &exclude)?;
    Ok((path, glob))
}

/// The pattern of a `foreach` as written in a pipeline file in `folder`.
pub(super) fn files_glob(folder: &ProjectPath, pattern: &str, exclude: &[String]) -> Result<Glob, String> {
    let (path, exclude) = resolve_glob(folder, pattern, exclude)?;
    Glob::new(&path, &exclude)
}

/// The pattern of a dep as written in a stage that runs in `wdir`.
fn glob(wdir: &ProjectPath, pattern: &str, exclude: &[String]) -> Result<Special, String> {
    let (path, exclude) = resolve_glob(wdir, pattern, exclude)?;
    let glob = Glob::new(&path, &exclude)?;
    let name = SpecialName { kind: SpecialKind::Glob, text: path.as_str().to_owned() };
    Ok(Special { name, glob: Some(glob) })
}

/// A pattern and what it excludes, relative to the project root.
fn resolve_glob(
    wdir: &ProjectPath,
    pattern: &str,
    exclude: &[String],
) -> Result<(ProjectPath, Vec<ProjectPath>), String> {
    // What the folder is called is no pattern.
    let folder = ProjectPath::resolve(&ProjectPath::root(), &Pattern::escape(wdir.as_str()))
        .map_err(|fault| fault.to_string())?;
    let resolve = |text: &str| {
        let path = ProjectPath::resolve(&folder, text).map_err(|fault| fault.to_string())?;
        match path.is_reserved() {
            true => Err(PathError::Reserved(text.to_owned()).to_string()),
            false if path.is_root() => Err(format!("pattern `{text}` matches no file")),
            false => Ok(path),
        }
    };
    Ok((resolve(pattern)?, exclude.iter().map(|text| resolve(text)).collect::<Result<_, _>>()?))
}
