//! Keeps what the cache holds out of git: outs of stages get a line in the `.gitignore` beside them. So does each file
//! of a pattern; a pattern of git's would hide what it leaves out, too. Whoever wants it shorter writes one himself.
//! In a folder that a stage reads as a whole no ignore file is put: it would be read, too, and change what is read.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use base::ProjectPath;
use pipeline::{Out, Pipeline, Stage};

use crate::error::CliResult;
use crate::project::Project;
use crate::tracked::tracked_below;

/// Adds the cached outs of `stages`, which are some of `pipeline`'s, to the ignore files, unless git ignores them already. Without a git
/// repository nothing is done. Returns the ignore files that were changed.
///
/// # Errors
/// When git or the disk refuses.
pub fn ignore_outs<'a>(
    project: &Project,
    stages: impl Iterator<Item = &'a Stage>,
    pipeline: &Pipeline,
) -> CliResult<Vec<ProjectPath>> {
    ignore_untracked(project, stages, pipeline, None, &mut |_| ())
}

/// The same; tells of outs that git tracks, which a line in an ignore file does not keep out of it. `tracked` are the files
/// that git tracks, where the caller has asked already.
///
/// # Errors
/// As [`ignore_outs`].
pub fn ignore_untracked<'a>(
    project: &Project,
    stages: impl Iterator<Item = &'a Stage>,
    pipeline: &Pipeline,
    tracked: Option<&[String]>,
    on_tracked: &mut dyn FnMut(&ProjectPath),
) -> CliResult<Vec<ProjectPath>> {
    let texts = with_outs(project, stages, pipeline, tracked, on_tracked)?;
    for (file, text) in &texts {
        disk::replace(&file.to_path(&project.root), text)?;
    }
    Ok(texts.into_keys().collect())
}

/// What [`ignore_untracked`] writes, by the ignore file: bytes, as for git, which asks for no text.
///
/// # Errors
/// When git refuses, or an ignore file cannot be read.
pub fn with_outs<'a>(
    project: &Project,
    stages: impl Iterator<Item = &'a Stage>,
    pipeline: &Pipeline,
    tracked: Option<&[String]>,
    on_tracked: &mut dyn FnMut(&ProjectPath),
) -> CliResult<BTreeMap<ProjectPath, Vec<u8>>> {
    let Some(git) = project.git() else { return Ok(BTreeMap::new()) };
    // What lies behind a symlink git does not see.
    let seen =
        |path: &&ProjectPath| disk::symlink_between(&project.root, &path.to_path(&project.root)).is_none();
    let cached = places(project, stages.flat_map(|stage| &stage.outs).filter(|out| out.cache))?;
    let outs: Vec<&ProjectPath> = cached.iter().filter(seen).collect();
    let mut open = git.not_ignored(&outs)?;
    if !open.is_empty() {
        let tracked =
            tracked.map_or_else(|| git.tracked().map(Cow::Owned), |known| Ok(Cow::Borrowed(known)))?;
        open.retain(|out| {
            let is_tracked = tracked_below(&tracked, out).is_some();
            if is_tracked {
                on_tracked(out);
            }
            !is_tracked
        });
    }
    let read: HashSet<&ProjectPath> = pipeline.stages.iter().flat_map(|stage| &stage.deps).collect();
    let mut missing: BTreeMap<ProjectPath, Vec<String>> = BTreeMap::new();
    for out in open {
        let beside = out.parent().unwrap_or_default();
        let folders = std::iter::successors(Some(beside.clone()), ProjectPath::parent);
        let above = folders.filter(|folder| read.contains(folder)).last().and_then(|folder| folder.parent());
        let folder = above.unwrap_or(beside);
        missing.entry(folder.join(".gitignore")).or_default().push(pattern(&out.relative_to(&folder)));
    }
    let mut texts = BTreeMap::new();
    for (file, patterns) in missing {
        let text = disk::read_optional(&file.to_path(&project.root))?.unwrap_or_default();
        texts.insert(file, patterns.iter().fold(text, |text, pattern| with_line(&text, pattern)));
    }
    Ok(texts)
}

/// Where outs lie: of a pattern, the files that there are.
///
/// # Errors
/// When a folder cannot be read.
pub fn places<'a>(project: &Project, outs: impl Iterator<Item = &'a Out>) -> CliResult<Vec<ProjectPath>> {
    let mut places = Vec::new();
    for out in outs {
        match &out.glob {
            None => places.push(out.path.clone()),
            Some(glob) => {
                places.extend(exec::with_choice(glob, |choice| cache::chosen_files(&project.root, choice))?);
            }
        }
    }
    Ok(places)
}

/// Takes the lines that [`ignore_outs`] wrote for the outs of `stages` out of the ignore files, unless `pipeline`
/// still has a cached out there. An ignore file that is empty then goes. Returns those that were changed.
///
/// # Errors
/// When the disk refuses.
pub fn unignore_outs<'a>(
    project: &Project,
    stages: impl Iterator<Item = &'a Stage>,
    pipeline: &Pipeline,
) -> CliResult<Vec<ProjectPath>> {
    let kept = |path: &ProjectPath| {
        let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
        outs.filter(|out| out.cache)
            .any(|out| out.glob.as_ref().map_or(out.path == *path, |glob| glob.matches(path)))
    };
    let mut gone: BTreeMap<ProjectPath, Vec<String>> = BTreeMap::new();
    let cached = places(project, stages.flat_map(|stage| &stage.outs).filter(|out| out.cache))?;
    for out in cached.iter().filter(|out| !kept(out)) {
        for folder in std::iter::successors(out.parent(), ProjectPath::parent) {
            let pattern = pattern(&out.relative_to(&folder));
            gone.entry(folder.join(".gitignore")).or_default().push(pattern);
        }
    }
    let mut changed = Vec::new();
    for (file, patterns) in gone {
        let path = file.to_path(&project.root);
        if disk::symlink_between(&project.root, &path).is_some() {
            continue;
        }
        let Some(text) = disk::read_optional(&path)? else { continue };
        let is_gone = |line: &&[u8]| patterns.iter().any(|pattern| without_end(line) == pattern.as_bytes());
        let left: Vec<u8> = lines(&text).filter(|line| !is_gone(line)).flatten().copied().collect();
        if left == text {
            continue;
        }
        if left.is_empty() {
            disk::remove(&path)?;
        } else {
            disk::replace(&path, &left)?;
        }
        changed.push(file);
    }
    Ok(changed)
}

/// The text of an ignore file with a line more: in its place among those at the end that are like it, so that branches
/// which add different lines seldom meet. It ends as most of the others do, which stay as they are.
fn with_line(text: &[u8], line: &str) -> Vec<u8> {
    let (all, returns) = lines(text).fold((0, 0), |(all, returns), line| {
        (all + usize::from(line.ends_with(b"\n")), returns + usize::from(line.ends_with(b"\r\n")))
    });
    let end = if returns > all / 2 { "\r\n" } else { "\n" };
    let mut text = text.to_vec();
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.extend(end.as_bytes());
    }
    let lines: Vec<&[u8]> = lines(&text).collect();
    let ours = lines.iter().rev().take_while(|line| line.starts_with(b"/")).count();
    let (others, ours) = lines.split_at(lines.len() - ours);
    let at = ours.iter().position(|known| without_end(known) > line.as_bytes()).unwrap_or(ours.len());
    let line = format!("{line}{end}");
    [others, &ours[..at], &[line.as_bytes()], &ours[at..]].concat().concat()
}

/// The lines of a text, with their ends.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}

fn without_end(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b'\r' | b'\n'] = line {
        line = rest;
    }
    line
}

/// The pattern for exactly that name, or path, in the ignore file's own folder.
fn pattern(name: &str) -> String {
    let mut pattern = String::from("/");
    for c in name.chars() {
        // No line of an ignore file can hold them, and this matches them among others.
        if matches!(c, '\n' | '\r') {
            pattern.push('?');
            continue;
        }
        if matches!(c, '*' | '?' | '[' | '\\' | '!' | '#') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    if let Some(trimmed) = pattern.strip_suffix(' ') {
        return format!("{trimmed}\\ ");
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::{pattern, with_line};

    #[test]
    fn lines_stand_in_order_behind_those_of_others() {
        let text = ["/b", "/c", "/a"]
            .iter()
            .fold(b"*.tmp\n/z*\n# m\xe9ine".to_vec(), |text, line| with_line(&text, line));
        assert_eq!(text, b"*.tmp\n/z*\n# m\xe9ine\n/a\n/b\n/c\n");
        assert_eq!(with_line(b"", "/a"), b"/a\n");
    }

    #[test]
    fn lines_that_are_there_keep_their_ends() {
        for (text, all) in [
            ("*.tmp\r\n", "*.tmp\r\n/b\r\n"),
            ("*.tmp\r\n/a\r\n/c", "*.tmp\r\n/a\r\n/b\r\n/c\r\n"),
            ("*.tmp\n*.o\r\n/c\n", "*.tmp\n*.o\r\n/b\n/c\n"),
            ("*.tmp\r\n/a\n/c\n", "*.tmp\r\n/a\n/b\n/c\n"),
        ] {
            assert_eq!(with_line(text.as_bytes(), "/b"), all.as_bytes());
        }
    }

    #[test]
    fn names_are_taken_literally() {
        assert_eq!(pattern("a*b [1]"), "/a\\*b \\[1]");
        assert_eq!(pattern("end "), "/end\\ ");
        assert_eq!(pattern("two\nlines"), "/two?lines");
        assert_eq!(pattern("a\nl.o"), "/a?l.o");
    }
}
