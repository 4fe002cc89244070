//! The words of `tracking.inject`.

/// When the scripts of stages get a tracking URI, so that what they log by MLflow becomes runs of the project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inject {
    /// Unless the user's environment has one.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// Not at all.
    Never,
}

impl Inject {
    const ALL: [(&str, Inject); 3] =
        [("auto", Inject::Auto), ("always", Inject::Always), ("never", Inject::Never)];

    /// By its word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, inject)| inject)
    }
}
