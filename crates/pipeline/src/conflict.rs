//! Texts in which git left the marks of a merge conflict.

use base::ProjectPath;

use crate::dialect::Dialect;
use crate::error::{PipelineError, Position};
use crate::stage::is_pointer;

/// The fault of a text with the marks of a merge conflict: where they stand, and, as far as the text tells, in which stages.
pub fn conflict(file: &ProjectPath, text: &str) -> Option<PipelineError> {
    let line = text.lines().position(|line| line.starts_with("<<<<<<< "))?;
    let position = Position { line: u32::try_from(line + 1).unwrap_or(u32::MAX), column: 1 };
    let stages = stages(text);
    let whose = match stages.as_slice() {
        [] => String::new(),
        [one] => format!(" in stage {one}"),
        several => format!(" in stages {}", several.join(", ")),
    };
    let message = format!("the file holds an unresolved merge conflict{whose}");
    let is_lock = [Dialect::Native, Dialect::Dvc].iter().any(|one| one.lock_file() == file.name());
    let hint = match is_lock || is_pointer(file) {
        true => {
            "`git checkout --ours FILE` or `--theirs FILE` takes one side whole; or keep one side of each conflict and delete \
             the markers. `pipe install` lets git merge such files by itself"
        }
        false => "keep one side of each conflict and delete the markers",
    };
    Some(PipelineError::new(file, message).at(Some(position)).hint(Some(hint)))
}

/// The stages of a pipeline file or lock that the sides of conflicts tell of.
fn stages(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    let (mut is_below, mut is_inside, mut indent) = (false, false, None);
    // The stage that a line belongs to, and that of the line before the conflict.
    let (mut stage, mut before) = (None, None);
    for line in text.lines() {
        if let Some(mark) =
            ["<<<<<<< ", "||||||| ", "=======", ">>>>>>> "].iter().position(|mark| line.starts_with(mark))
        {
            match mark {
                0 => (is_inside, before) = (true, stage),
                3 => is_inside = false,
                _ => stage = before,
            }
            continue;
        }
        let text = line.trim_start_matches(' ');
        let depth = line.len() - text.len();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if depth == 0 {
            (is_below, indent, stage) = (text.trim_end() == "stages:", None, None);
        } else if is_below && *indent.get_or_insert(depth) == depth {
            stage = text.trim_end().strip_suffix(':').map(|name| name.trim_matches(['\'', '"']));
        }
        found.extend(stage.filter(|name| is_inside && !found.contains(name)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_told_that_the_sides_tell_of() {
        let text = "schema: '2.0'\nstages:\n  a:\n    cmd: x\n  b@1:\n    cmd: y\n<<<<<<< HEAD\n    deps: 1\n  c:\n    cmd: \
                    1\n||||||| base\n    deps: 0\n=======\n    deps: 2\n  'd':\n>>>>>>> o\n    cmd: z\n  e:\n    cmd: x\n<<<<<<< HEAD\n  f:\n\
                    =======\n>>>>>>> o\n";
        let file = ProjectPath::from_record("sub/dvc.lock").expect("a path");
        let fault = conflict(&file, text).expect("a conflict");
        assert_eq!(
            fault.to_string(),
            "sub/dvc.lock:7:1: the file holds an unresolved merge conflict in stages b@1, c, d, f"
        );
        assert!(
            fault
                .hint
                .is_some_and(|hint| hint.contains("git checkout --ours") && hint.contains("pipe install"))
        );
    }

    #[test]
    fn other_texts_hold_no_stages() {
        let text = "outs:\n<<<<<<< HEAD\n- md5: 1\n=======\n- md5: 2\n>>>>>>> o\n";
        let told =
            |name| conflict(&ProjectPath::from_record(name).expect("a path"), text).expect("a conflict");
        assert_eq!(told("f.dvc").to_string(), "f.dvc:2:1: the file holds an unresolved merge conflict");
        assert!(told("f.pipe").hint.is_some_and(|hint| hint.contains("--theirs")));
        assert!(told("params.yaml").hint.is_some_and(|hint| !hint.contains("git")));
        assert!(conflict(&ProjectPath::root().join("f.pipe"), "outs: []\n").is_none());
    }
}
