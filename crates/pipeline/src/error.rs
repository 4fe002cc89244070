//! What can be wrong with the texts of a project, and where.

use std::fmt;

use base::{MOST_DIGITS, ProjectPath};
use serde::Serialize;

/// A place in a text. Both numbers count from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl Position {
    /// The place of the byte `offset` in `text`.
    pub fn of_offset(text: &str, offset: usize) -> Self {
        let before = String::from_utf8_lossy(&text.as_bytes()[..offset.min(text.len())]);
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        Position { line: number(before.matches('\n').count() + 1), column: number(column) }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What is told of a whole number that [`base::Value::is_too_long`].
pub(crate) fn too_long() -> String {
    format!("a whole number has {MOST_DIGITS} digits at most; Python takes no more either")
}

/// One fault of a file that a person wrote (or of a lock). Shown as `pipeline.yaml:12:5: message`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PipelineError {
    /// The file.
    pub file: ProjectPath,
    /// Whether it lies outside the project, and `file` is its path below the root of the file system.
    #[serde(skip)]
    pub is_outside: bool,
    /// Where in it; `None` when it concerns no place or the place is unknown.
    pub position: Option<Position>,
    /// What is wrong, in lower case, without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl PipelineError {
    /// A fault of the whole file.
    pub fn new(file: &ProjectPath, message: impl Into<String>) -> Self {
        PipelineError {
            file: file.clone(),
            is_outside: false,
            position: None,
            message: message.into(),
            hint: None,
        }
    }

    /// The same at a place.
    #[must_use]
    pub fn at(mut self, position: Option<Position>) -> Self {
        self.position = position;
        self
    }

    /// The same of a file outside the project.
    #[must_use]
    pub fn outside(self) -> Self {
        PipelineError { is_outside: true, ..self }
    }

    /// The same with a hint, if there is one.
    #[must_use]
    pub fn hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into);
        self
    }
}

impl fmt::Display for PipelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}:", if self.is_outside { "/" } else { "" }, self.file)?;
        if let Some(position) = self.position {
            write!(f, "{position}:")?;
        }
        write!(f, " {}", self.message)
    }
}

impl std::error::Error for PipelineError {}

/// Why a pipeline could not be loaded: every fault that was found, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadFault {
    /// In the order of the text.
    pub faults: Vec<PipelineError>,
}

impl LoadFault {
    /// The hints of all faults.
    pub fn hints(&self) -> impl Iterator<Item = &str> {
        self.faults.iter().filter_map(|fault| fault.hint.as_deref())
    }
}

impl From<PipelineError> for LoadFault {
    fn from(fault: PipelineError) -> Self {
        LoadFault { faults: vec![fault] }
    }
}

/// One fault a line.
impl fmt::Display for LoadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.faults.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadFault {}
