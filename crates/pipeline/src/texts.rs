//! What a pipeline is made of: texts of files, and which files there are. What is not at hand is noted, so that the
//! caller can look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::ProjectPath;

use crate::dialect::Dialect;
use crate::error::PipelineError;
use crate::param_path::ParamPath;
use crate::params;
use crate::special::{Glob, SpecialName};
use crate::stage::ParamFile;
use crate::unrecordable::ParamsRead;

/// What is at hand of a project.
#[derive(Clone, Debug, Default)]
pub struct Provided {
    /// The project's root by its absolute path, without symlinks. Empty where nobody knows: then no path leads out of it
    /// that is not absolute.
    pub root: String,
    /// The texts of files; `None` when it is known that there is no such file.
    pub texts: BTreeMap<ProjectPath, Option<String>>,
    /// The texts of files outside the project, by the same rule.
    pub outside: BTreeMap<SpecialName, Option<String>>,
    /// The files that patterns match, in any order.
    pub files: Vec<(Glob, Vec<ProjectPath>)>,
}

/// What must be looked at before a pipeline can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Files whose text is needed.
    pub texts: BTreeSet<ProjectPath>,
    /// Files outside the project whose text is needed.
    pub outside: BTreeSet<SpecialName>,
    /// Patterns of which it must be known which files they match.
    pub files: Vec<Glob>,
}

impl Needs {
    /// Whether there is nothing more.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.outside.is_empty() && self.files.is_empty()
    }
}

/// What the caller provided, what was made of it, and what is still needed.
pub(crate) struct Texts<'a> {
    provided: &'a Provided,
    /// How YAML is read.
    dialect: Dialect,
    /// What the caller must look at next.
    pub needed: Needs,
    /// What was parsed already.
    parsed: BTreeMap<ParamPath, Arc<ParamsRead>>,
}

impl<'a> Texts<'a> {
    pub fn new(provided: &'a Provided, dialect: Dialect) -> Self {
        Texts { provided, dialect, needed: Needs::default(), parsed: BTreeMap::new() }
    }

    /// The project's root, as far as it is known.
    pub fn root(&self) -> &'a str {
        &self.provided.root
    }

    /// The text of a file; a file that was not provided yet is noted, one that does not exist is `None` too.
    pub fn text(&mut self, file: &ProjectPath) -> Option<&'a str> {
        match self.provided.texts.get(file) {
            Some(text) => text.as_deref(),
            None => {
                self.needed.texts.insert(file.clone());
                None
            }
        }
    }

    /// The files that a pattern matches; `None` while they are not provided.
    pub fn files(&mut self, glob: &Glob) -> Option<&'a [ProjectPath]> {
        let found = self.provided.files.iter().find(|(known, _)| known == glob);
        if found.is_none() && !self.needed.files.contains(glob) {
            self.needed.files.push(glob.clone());
        }
        found.map(|(_, files)| files.as_slice())
    }

    /// A parameter file's value: `None` while it is not provided, `Missing` when there is none.
    ///
    /// # Errors
    /// When it cannot be parsed.
    pub fn value(&mut self, file: &ParamPath) -> Result<Option<ParamFile>, PipelineError> {
        if let Some(read) = self.parsed.get(file) {
            return Ok(Some(ParamFile::Read(Arc::clone(read))));
        }
        let known = match file {
            ParamPath::Inside(file) => self.provided.texts.get(file),
            ParamPath::Outside(name) => self.provided.outside.get(name),
        };
        match (known, file) {
            (None, ParamPath::Inside(file)) => {
                self.needed.texts.insert(file.clone());
                Ok(None)
            }
            (None, ParamPath::Outside(name)) => {
                self.needed.outside.insert(name.clone());
                Ok(None)
            }
            (Some(None), _) => Ok(Some(ParamFile::Missing)),
            (Some(Some(text)), _) => {
                let read = Arc::new(params::parse_at(file, text, self.dialect)?);
                self.parsed.insert(file.clone(), Arc::clone(&read));
                Ok(Some(ParamFile::Read(read)))
            }
        }
    }
}
