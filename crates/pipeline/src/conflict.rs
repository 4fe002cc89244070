//! Texts in which git left the marks of a merge conflict.

use base::ProjectPath;

use crate::dialect::Dialect;
use crate::error::{PipelineError, Position};
use crate::stage::is_pointer;

/// How a folder is merged by hand that both sides changed.
pub const FILE_BY_FILE: &str = "one side whole drops what the other has added to a folder: `git checkout --ours` its \
     pointer, resolve all other conflicts, `pipe checkout` (`pipe pull` where data is lacking), `pipe get -f --rev \
     MERGE_HEAD . FILE -o FILE` for each file of the other side, and `pipe add` the folder (in a rebase REBASE_HEAD, in a \
     cherry-pick CHERRY_PICK_HEAD)";

/// The fault of a text with the marks of a merge conflict: where they stand, and, as far as the text tells, in which stages.
pub fn conflict(file: &ProjectPath, text: &str) -> Option<PipelineError> {
    let line = text.lines().position(|line| line.starts_with("<<<<<<< "))?;
    let position = Position { line: u32::try_from(line + 1).unwrap_or(u32::MAX), column: 1 };
    let stages = stages(text);
    let whose = match stages.as_slice() {
        [] => String::new(),
        [(one, _)] => format!(" in stage {one}"),
        several => format!(" in stages {}", with_lines(several)),
    };
    let message = format!("the file holds an unresolved merge conflict{whose}");
    let is_lock = [Dialect::Native, Dialect::Dvc].iter().any(|one| one.lock_file() == file.name());
    let by_hand = "keep one side of each conflict and delete the markers";
    let hint = if is_lock || is_pointer(file) {
        let then = if is_lock {
            "`pipe repro` then makes anew what that leaves stale".to_owned()
        } else if is_of_folder(text) {
            format!("`pipe checkout` then brings the data that it records; {FILE_BY_FILE}")
        } else {
            "`pipe checkout` then brings the data that it records".to_owned()
        };
        // The driver merged what it could already.
        let driver = match text.lines().nth(line) {
            Some(OURS) => "",
            _ => ". `pipe install` lets git merge by itself what only one side changed",
        };
        format!(
            "`git checkout --ours FILE` or `--theirs FILE` takes one side whole, and {then}; or {by_hand}{driver}"
        )
    } else {
        by_hand.to_owned()
    };
    Some(PipelineError::new(file, message).at(Some(position)).hint(Some(hint)))
}

/// `ours` and `theirs`, one of which is empty at most, between the marks of a conflict, as the merge driver writes it.
pub fn conflicting(ours: &str, theirs: &str) -> String {
    let ended = |text: &str| {
        if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
    };
    format!("{OURS}\n{}=======\n{}>>>>>>> theirs\n", ended(ours), ended(theirs))
}

/// Whether the lines of a pointer tell of a folder: of how many files, or by a digest of DVC.
fn is_of_folder(text: &str) -> bool {
    let is_so =
        |line: &str| line.starts_with("files:") || line.starts_with("nfiles:") || line.ends_with(".dir");
    text.lines().any(|line| is_so(line.trim().trim_start_matches("- ")))
}

const OURS: &str = "<<<<<<< ours";

/// Names with the lines of their conflicts, where there are several: `a, b (line 3), c (line 9)`.
fn with_lines(stages: &[(&str, usize)]) -> String {
    let is_one = stages.iter().all(|(_, line)| *line == stages[0].1);
    let told = stages.iter().enumerate().map(|(at, (name, line))| {
        let is_last = stages.get(at + 1).is_none_or(|(_, next)| next != line);
        if is_last && !is_one { format!("{name} (line {line})") } else { (*name).to_owned() }
    });
    told.collect::<Vec<_>>().join(", ")
}

/// The stages of a pipeline file or lock that the sides of conflicts tell of, with the line of the first.
fn stages(text: &str) -> Vec<(&str, usize)> {
    let mut found: Vec<(&str, usize)> = Vec::new();
    let (mut is_below, mut conflict, mut indent) = (false, None, None);
    // The stage that a line belongs to, and that of the line before the conflict.
    let (mut stage, mut before) = (None, None);
    for (at, line) in text.lines().enumerate() {
        if let Some(mark) =
            ["<<<<<<< ", "||||||| ", "=======", ">>>>>>> "].iter().position(|mark| line.starts_with(mark))
        {
            match mark {
                0 => (conflict, before) = (Some(at + 1), stage),
                3 => conflict = None,
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
        let is_known = |name: &&str| found.iter().any(|(known, _)| known == name);
        if let (Some(name), Some(line)) = (stage.filter(|name| !is_known(name)), conflict) {
            found.push((name, line));
        }
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
            "sub/dvc.lock:7:1: the file holds an unresolved merge conflict in stages b@1, c, d (line 7), f (line 20)"
        );
        assert!(
            fault
                .hint
                .is_some_and(|hint| hint.contains("git checkout --ours") && hint.contains("pipe install"))
        );
    }

    #[test]
    fn what_the_driver_left_is_not_to_be_mended_by_the_driver() {
        let sides = format!("stages:\n{}", conflicting("  a:\n    cmd: 1\n", "  a:\n    cmd: 2"));
        assert_eq!(
            sides,
            "stages:\n<<<<<<< ours\n  a:\n    cmd: 1\n=======\n  a:\n    cmd: 2\n>>>>>>> theirs\n"
        );
        let file = ProjectPath::from_record("pipeline.lock").expect("a path");
        let fault = conflict(&file, &sides).expect("a conflict");
        assert_eq!(
            fault.to_string(),
            "pipeline.lock:2:1: the file holds an unresolved merge conflict in stage a"
        );
        let hint = fault.hint.expect("a hint");
        assert!(hint.contains("`pipe repro` then") && !hint.contains("pipe install"), "{hint}");
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
