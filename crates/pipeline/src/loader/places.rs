//! Where a path leads that a stage names: into the project, or in projects of DVC out of it.

use base::{PathError, ProjectPath};

use super::Loader;
use crate::error::PipelineError;
use crate::format::native::spec::BodyPlace;
use crate::param_path::ParamPath;
use crate::place::{self, Place};
use crate::special::SpecialName;
use crate::yaml::Segment;

impl Loader<'_, '_> {
    /// Where `text` leads, seen from the folder `base`.
    pub(super) fn place(&self, base: &ProjectPath, text: &str) -> Result<Place, PathError> {
        match self.dialect.names_any_place() {
            true => place::place(self.texts.root(), base, text),
            false => ProjectPath::resolve(base, text).map(Place::Inside),
        }
    }

    /// The same of a file that params are read from.
    pub(super) fn param_path(&self, base: &ProjectPath, text: &str) -> Result<ParamPath, PathError> {
        let there = match self.place(base, text) {
            // Nothing says where the project lies.
            Err(PathError::Absolute(_)) if self.dialect.names_any_place() => {
                SpecialName::outside(text).map(Place::Outside)
            }
            there => there,
        };
        Ok(match there? {
            Place::Inside(path) => ParamPath::Inside(path),
            Place::Outside(name) => ParamPath::Outside(name),
        })
    }

    /// The same as written in a stage, told with its place when it is none.
    pub(super) fn param_file(
        &self,
        base: &ProjectPath,
        text: &str,
        place: BodyPlace<'_>,
        inside: &[Segment<'static>],
    ) -> Result<ParamPath, PipelineError> {
        match self.param_path(base, text) {
            Ok(ParamPath::Outside(name)) if !text.contains("://") => Ok(ParamPath::Outside(name)),
            _ => self.path(base, text, place, inside).map(ParamPath::Inside),
        }
    }

    /// The same of what must lie in the project.
    pub(super) fn path_inside(&self, base: &ProjectPath, text: &str) -> Result<ProjectPath, PathError> {
        match self.place(base, text)? {
            Place::Inside(path) => Ok(path),
            Place::Outside(_) if text.starts_with('/') => Err(PathError::Absolute(text.to_owned())),
            Place::Outside(_) => Err(PathError::Outside(text.to_owned())),
        }
    }
}
