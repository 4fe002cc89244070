//! What is told together with the answer to changes of it.

use crate::{LoggedModel, ModelId, ModelVersion, RegisteredModel, Run, RunId, VersionRef};

/// What is to be told of what changes have made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// A run.
    Run(RunId),
    /// A logged model.
    LoggedModel(ModelId),
    /// The registered model of this name.
    RegisteredModel(String),
    /// A version of a registered model.
    Version(VersionRef),
    /// The version that was made last, of the registered model of this name.
    NewVersion(String),
}

/// What was sought, as the changes left it.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// The run.
    Run(Run),
    /// The logged model.
    LoggedModel(LoggedModel),
    /// The registered model, and the newest version of each of its stages.
    RegisteredModel(RegisteredModel, Vec<ModelVersion>),
    /// The version.
    Version(ModelVersion),
}
