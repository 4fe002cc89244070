//! Whether git tracks what a stage writes.

use base::ProjectPath;
use pipeline::{Out, Stage};

/// Why a stage cannot have its outs kept: git tracks one.
pub fn refusal(tracked: &[String], stage: &Stage) -> Option<String> {
    stage.outs.iter().filter(|out| out.cache).find_map(|out| {
        let file = tracked_of(tracked, out)?;
        let path = if out.glob.is_some() { file } else { out.path.as_str() };
        let whose = if file == path { "its".to_owned() } else { format!("`{file}` in its") };
        Some(format!(
            "git tracks {whose} out `{path}`; run `git rm -r --cached '{path}'` to let pipe keep it, or declare it with \
             `cache: false` to let git keep it"
        ))
    })
}

/// The first tracked file of an out.
pub fn tracked_of<'t>(tracked: &'t [String], out: &Out) -> Option<&'t String> {
    let Some(glob) = &out.glob else { return tracked_below(tracked, &out.path) };
    let is_meant = |file: &&String| ProjectPath::from_record(file).is_ok_and(|path| glob.matches(&path));
    tracked.iter().find(is_meant)
}

/// The first tracked file that is `path` or lies below it. `tracked` is ascending.
pub fn tracked_below<'t>(tracked: &'t [String], path: &ProjectPath) -> Option<&'t String> {
    let from = tracked.partition_point(|file| file.as_str() < path.as_str());
    let folder = format!("{}/", path.as_str());
    let below = tracked.partition_point(|file| *file < folder);
    tracked
        .get(from)
        .filter(|file| file.as_str() == path.as_str())
        .or_else(|| tracked.get(below).filter(|file| file.starts_with(&folder)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracked_files_are_found_at_and_below_a_path() {
        let tracked: Vec<String> =
            ["a", "a-b", "data/x/1", "data0", "results/m.json"].map(str::to_owned).into();
        let below = |path: &str| tracked_below(&tracked, &ProjectPath::from_record(path).unwrap());
        assert_eq!(below("a").map(String::as_str), Some("a"));
        assert_eq!(below("data").map(String::as_str), Some("data/x/1"));
        assert_eq!(below("data/x").map(String::as_str), Some("data/x/1"));
        assert_eq!(below("dat"), None);
        assert_eq!(below("results/m"), None);
    }
}
