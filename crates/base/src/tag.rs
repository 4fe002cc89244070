//! The tags by which `pipe` records how a run came about. Pipelines, clients and people set tags of runs, but none of these;
//! what is said of the others is not known here.

/// The start of the tag that says which way a metric of a run is better: `pipe.better.KEY` is `lower` or `higher`.
pub const DIRECTION_TAG: &str = "pipe.better.";

/// Whether a tag is one by which `pipe` records how a run came about: what ran, how it ended, which runs belong together.
/// Those who write such a tag are asked by what it says later on, so clients and people do not. Which way a metric is
/// better is for them to say.
pub fn is_own_tag(key: &str) -> bool {
    key.starts_with("pipe.") && !key.starts_with(DIRECTION_TAG)
}

/// Refuses the keys of tags by which `pipe` records how a run came about.
///
/// # Errors
/// When the key is one of those.
pub fn check_tag_key(key: &str) -> Result<(), String> {
    if is_own_tag(key) {
        return Err(format!(
            "`{key}` is for pipe itself to set: by tags that begin with `pipe.` it records how a run came about"
        ));
    }
    Ok(())
}
