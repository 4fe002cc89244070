//! Where params are read from: a file of the project, or in projects of DVC one outside it.

use std::fmt;
use std::path::{Path, PathBuf};

use base::{PathError, ProjectPath};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::special::{DepName, SpecialName};

/// A file that params are read from. Ordered with the project's own files first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ParamPath {
    /// One of the project.
    Inside(ProjectPath),
    /// One outside, of the kind [`SpecialKind::Outside`](crate::SpecialKind::Outside). It is only ever read.
    Outside(SpecialName),
}

impl ParamPath {
    /// The path of a file of the project.
    pub fn inside(&self) -> Option<&ProjectPath> {
        match self {
            ParamPath::Inside(path) => Some(path),
            ParamPath::Outside(_) => None,
        }
    }

    /// The name of a file outside it.
    pub fn outside(&self) -> Option<&SpecialName> {
        match self {
            ParamPath::Inside(_) => None,
            ParamPath::Outside(name) => Some(name),
        }
    }

    /// How records and programs read it: relative to the project's root, or absolute.
    pub fn as_str(&self) -> &str {
        match self {
            ParamPath::Inside(path) => path.as_str(),
            ParamPath::Outside(name) => &name.text,
        }
    }

    /// The same for people and programs, where the root of the project has a name.
    pub fn spelled(&self) -> &str {
        match self {
            ParamPath::Inside(path) => path.spelled(),
            ParamPath::Outside(name) => &name.text,
        }
    }

    /// Where it lies in a project with this root.
    pub fn to_path(&self, root: &Path) -> PathBuf {
        match self {
            ParamPath::Inside(path) => path.to_path(root),
            ParamPath::Outside(name) => PathBuf::from(&name.text),
        }
    }

    /// Reads what [`ParamPath::as_str`] gives.
    ///
    /// # Errors
    /// When it is not how records spell such a path.
    pub fn from_record(text: &str) -> Result<Self, PathError> {
        if !text.starts_with('/') {
            return ProjectPath::from_record(text).map(ParamPath::Inside);
        }
        let name = SpecialName::outside(text)?;
        match name.text == text {
            true => Ok(ParamPath::Outside(name)),
            false => Err(PathError::Spelling { text: text.to_owned(), record: name.text }),
        }
    }
}

impl From<ProjectPath> for ParamPath {
    fn from(path: ProjectPath) -> Self {
        ParamPath::Inside(path)
    }
}

impl From<ParamPath> for DepName {
    fn from(path: ParamPath) -> Self {
        match path {
            ParamPath::Inside(path) => path.into(),
            ParamPath::Outside(name) => name.into(),
        }
    }
}

impl fmt::Display for ParamPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamPath::Inside(path) => path.fmt(f),
            ParamPath::Outside(name) => name.fmt(f),
        }
    }
}

impl Serialize for ParamPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ParamPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        ParamPath::from_record(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_both_sorts_read_back() {
        for text in ["params.yaml", "a/b.json", "/shared/p.yaml"] {
            let path = ParamPath::from_record(text).expect("a path");
            let json = serde_json::to_string(&path).expect("a text");
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<ParamPath>(&json).expect("it reads back"), path);
        }
        for text in ["../p.yaml", "/a/../p.yaml", "/", "./p.yaml", "/a/.git/p.yaml"] {
            assert!(ParamPath::from_record(text).is_err(), "{text}");
        }
    }
}
