//! `pipe merge-driver`: merges locks stage by stage, and pointers by what they tell. Started by git, as `pipe install`
//! tells it to.
//!
//! Git hands over three files and takes the merged one in place of the second. What cannot be merged is written between
//! the marks of a conflict, as git itself does it, and told by exit code 1.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use base::{FileState, ProjectPath, Value};
use cache::{Blobs, CacheError, Files};
use clap::Args;
use indexmap::IndexSet;
use pipeline::{
    DVC_LOCK_FILE, LOCK_FILE, Lock, Pointer, StageLock, conflicting, dvc_lock_lines, dvc_lock_stages,
    is_pointer, parse_lock, parse_pointer, plain_pointer, update_pointer, write_lock,
};

use crate::error::{CliError, CliResult, ErrorKind};
use crate::project::{DVC_FOLDER, PIPE_FOLDER, Project};
use crate::reading::root_text;
use crate::remotes;
use crate::ui::Printer;

/// So many stages in conflict are named.
const NAMED: usize = 10;

#[derive(Debug, Args)]
pub struct MergeDriverArgs {
    /// The common ancestor (%O)
    base: PathBuf,
    /// Our side (%A), which becomes the result
    ours: PathBuf,
    /// Their side (%B)
    theirs: PathBuf,
    /// Where the file stands in the repository (%P)
    path: PathBuf,
}

/// Merges.
///
/// # Errors
/// With exit code 1 when there is a conflict, which is written into the result.
pub fn run(args: &MergeDriverArgs, printer: Printer) -> CliResult {
    let read = |path: &Path| -> CliResult<String> { Ok(disk::read_text_optional(path)?.unwrap_or_default()) };
    let texts = [read(&args.base)?, read(&args.ours)?, read(&args.theirs)?];
    let name = args.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let place = Place::of(&args.path);
    let file = place.file.clone().unwrap_or_else(|| ProjectPath::root().join(name));
    let mut why = "both sides changed the same".to_owned();
    let merged = if name == LOCK_FILE {
        merge_locks(&file, &texts)
    } else if name == DVC_LOCK_FILE {
        merge_dvc_locks(&file, &texts)
    } else if is_pointer(&file) {
        match merge_pointers((&place.root, &file), &texts, &Store::of(&place.root)) {
            Ok(merged) => Some(merged),
            Err(Clash::Same) => None,
            Err(Clash::Files(files)) => {
                // A pointer has the name of its data.
                let data = args.path.with_extension("");
                let files: Vec<String> =
                    files.iter().map(|file| base::shown(&data.join(file.as_str()))).collect();
                why = format!(
                    "both sides changed {}; {}",
                    report::few_text(&files, NAMED, ", "),
                    pipeline::FILE_BY_FILE
                );
                None
            }
            Err(Clash::SameName(fault)) => {
                let data = ProjectPath::from_relative(&args.path.with_extension("")).unwrap_or_default();
                why = format!("{}; {}", fault.in_folder(&data), pipeline::FILE_BY_FILE);
                None
            }
            Err(Clash::Unknown(fault)) => {
                let reason = fault.source.map(|source| format!(": {source:#}")).unwrap_or_default();
                why = format!(
                    "the cache lacks the list of a side's files, so that the two cannot be merged{reason}; `git merge --abort`, \
                     `pipe fetch --rev` with the revision that is merged, and merge again"
                );
                None
            }
        }
    } else {
        None
    };
    // What cannot be read is one conflict as a whole.
    let Merged { text, conflicts } = match merged {
        Some(merged) if merged.conflicts.is_empty() => {
            return Ok(disk::replace(&args.ours, merged.text.as_bytes())?);
        }
        Some(merged) => merged,
        None => Merged { text: conflicting(&texts[1], &texts[2]), conflicts: Vec::new() },
    };
    disk::replace(&args.ours, text.as_bytes())?;
    if !conflicts.is_empty() {
        let word = if conflicts.len() == 1 { "stage" } else { "stages" };
        why = format!("both sides changed {word} {}", report::few_text(&conflicts, NAMED, ", "));
    }
    printer.insist(format_args!("Conflict in {}: {why}.", base::shown(&args.path)));
    Err(CliError::silent(ErrorKind::Negative))
}

struct Merged {
    text: String,
    /// The stages that both sides changed.
    conflicts: Vec<String>,
}

/// The side that changed, where only one did or both to the same.
fn side<'a, T: PartialEq>(base: &T, ours: &'a T, theirs: &'a T) -> Option<&'a T> {
    if ours == theirs || base == theirs {
        Some(ours)
    } else if base == ours {
        Some(theirs)
    } else {
        None
    }
}

/// `None` where a side is no lock.
fn merge_locks(file: &ProjectPath, texts: &[String; 3]) -> Option<Merged> {
    let read = |text: &String| parse_lock(file, text).ok();
    let [base, ours, theirs] = texts.each_ref().map(read);
    let (base, ours, theirs) = (base?, ours?, theirs?);
    let names: BTreeSet<&String> =
        [&base, &ours, &theirs].into_iter().flat_map(|lock| lock.stages.keys()).collect();
    let mut merged =
        Merged { text: write_lock(&Lock::default()).replace("stages: {}", "stages:"), conflicts: Vec::new() };
    let mut any = false;
    for name in names {
        let of = |lock: &Lock| lock.stages.get(name).cloned();
        let (old, mine, other) = (of(&base), of(&ours), of(&theirs));
        let block =
            |stage: &Option<StageLock>| stage.as_ref().map_or_else(String::new, |stage| block(name, stage));
        match side(&old, &mine, &other) {
            Some(stage) => merged.text.push_str(&block(stage)),
            None => {
                merged.conflicts.push(name.clone());
                merged.text.push_str(&conflicting(&block(&mine), &block(&other)));
            }
        }
        any = true;
    }
    Some(if any { merged } else { Merged { text: write_lock(&Lock::default()), conflicts: Vec::new() } })
}

/// The same of locks of DVC, in the order of ours. `None` where a side is none.
fn merge_dvc_locks(file: &ProjectPath, texts: &[String; 3]) -> Option<Merged> {
    let [base, ours, theirs] = texts.each_ref().map(|text| dvc_lock_stages(file, text));
    let (base, ours, theirs) = (base?, ours?, theirs?);
    let names: IndexSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let mut merged = Merged { text: String::new(), conflicts: Vec::new() };
    for name in names {
        let [old, mine, other] = [&base, &ours, &theirs].map(|stages| stages.get(name).cloned());
        let block = |stage: &Option<Value>| {
            dvc_lock_lines(stage.iter().map(|stage| (name.clone(), stage.clone())).collect())
        };
        match side(&old, &mine, &other) {
            Some(stage) => merged.text.push_str(&block(stage)),
            None => {
                merged.conflicts.push(name.clone());
                merged.text.push_str(&conflicting(&block(&mine), &block(&other)));
            }
        }
    }
    let stages = if merged.text.is_empty() { "stages: {}\n" } else { "stages:\n" };
    merged.text = format!("schema: '2.0'\n{stages}{}", merged.text);
    Some(merged)
}

/// The lines of one stage in a lock.
fn block(name: &str, stage: &StageLock) -> String {
    let mut lock = Lock::default();
    lock.stages.insert(name.to_owned(), stage.clone());
    let text = write_lock(&lock);
    let start = text.find("stages:\n").map_or(0, |at| at + "stages:\n".len());
    text[start..].to_owned()
}

/// Why two sides do not merge.
enum Clash {
    /// Both changed the same, or a side cannot be read.
    Same,
    /// Both changed these files of a folder, or have files there where the other has folders.
    Files(Vec<ProjectPath>),
    /// They have names that some file systems take for one.
    SameName(CacheError),
    /// The lists of these folders are not to be had.
    Unknown(CliError),
}

/// Merges pointers of the project at `root`.
fn merge_pointers(
    (root, file): (&Path, &ProjectPath),
    texts: &[String; 3],
    store: &Store,
) -> Result<Merged, Clash> {
    if let Some(text) = side(&texts[0], &texts[1], &texts[2]) {
        return Ok(Merged { text: text.clone(), conflicts: Vec::new() });
    }
    let root = root_text(root);
    let texts = texts.each_ref().map(|text| plain_pointer(&root, file, text));
    let [base, ours, theirs] = texts.each_ref().map(|text| parse_pointer(file, text).ok());
    let (ours, theirs) = (ours.ok_or(Clash::Same)?, theirs.ok_or(Clash::Same)?);
    // Data that both sides added has no common state, unless it is the same.
    let state = match &base {
        Some(base) => merge_states([&base.state, &ours.state, &theirs.state], store)?,
        None => (ours.state == theirs.state).then_some(ours.state).ok_or(Clash::Same)?,
    };
    let words = |pointer: &Pointer| Pointer { state: ours.state, ..pointer.clone() };
    let old = base.as_ref().map_or_else(|| words(&theirs), words);
    let text = if words(&theirs) == old || words(&theirs) == words(&ours) {
        &texts[1]
    } else if words(&ours) == old {
        &texts[2]
    } else {
        return Err(Clash::Same);
    };
    let text = update_pointer(file, text, &state, None, None).map_err(|_| Clash::Same)?;
    Ok(Merged { text, conflicts: Vec::new() })
}

/// Folders merge path by path; a path that both sides changed differently is a conflict.
fn merge_states([base, ours, theirs]: [&FileState; 3], store: &Store) -> Result<FileState, Clash> {
    if let Some(state) = side(base, ours, theirs) {
        return Ok(*state);
    }
    if ![base, ours, theirs].iter().all(|state| state.is_folder()) {
        return Err(Clash::Same);
    }
    let files = |state| store.files(state).map_err(Clash::Unknown);
    let merged = merge_files(&files(base)?, &files(ours)?, &files(theirs)?).map_err(Clash::Files)?;
    let blobs = &store.blobs;
    let sizes_are_known = merged.values().all(|state| state.size > 0 || blobs.has(&state.digest));
    let sized = merged.into_iter().map(|(path, state)| (path, blobs.sized(state))).collect();
    let state = blobs.store_listing(&sized).map_err(|fault| match fault {
        fault @ CacheError::SameName { .. } => Clash::SameName(fault),
        fault => Clash::Unknown(fault.into()),
    })?;
    // The lists of DVC tell no sizes, and of what is not here nothing else does.
    let size = match sizes_are_known {
        true => state.size,
        false => ours.size.saturating_add(theirs.size).saturating_sub(base.size),
    };
    Ok(FileState { size, ..state })
}

/// Fails with the paths that both changed differently, or that are a file on one side and a folder on the other.
fn merge_files(base: &Files, ours: &Files, theirs: &Files) -> Result<Files, Vec<ProjectPath>> {
    let mut merged = Files::new();
    let mut clashes = Vec::new();
    let paths: BTreeSet<&ProjectPath> = base.keys().chain(ours.keys()).chain(theirs.keys()).collect();
    for path in paths {
        match merge_file([base, ours, theirs].map(|files| files.get(path))) {
            Some(Some(state)) => drop(merged.insert(path.clone(), state)),
            Some(None) => {}
            None => clashes.push(path.clone()),
        }
    }
    let above = |path: &ProjectPath| std::iter::successors(path.parent(), ProjectPath::parent);
    let folders: HashSet<ProjectPath> = merged.keys().flat_map(above).collect();
    // An empty folder in which the other side has something is no longer empty.
    merged.retain(|path, state| !(state.is_folder() && folders.contains(path)));
    clashes.extend(merged.keys().filter(|path| folders.contains(path)).cloned());
    clashes.sort();
    if clashes.is_empty() { Ok(merged) } else { Err(clashes) }
}

/// What becomes of one path, if anything; `None` where both changed it differently.
fn merge_file(sides: [Option<&FileState>; 3]) -> Option<Option<FileState>> {
    let content = sides.map(|state| state.map(|state| (state.digest, state.is_folder())));
    let bits = sides.map(|state| state.map(|state| state.executable));
    let [_, mine, other] = sides;
    let Some((digest, _)) = *side(&content[0], &content[1], &content[2])? else {
        // The bytes went on one side; a new bit on the other is a change all the same.
        let changed = (mine.is_some() && bits[0] != bits[1]) || (other.is_some() && bits[0] != bits[2]);
        return (!changed).then_some(None);
    };
    let state = [mine, other].into_iter().flatten().find(|state| state.digest == digest)?;
    let executable = (*side(&bits[0], &bits[1], &bits[2])?)?;
    Some(Some(FileState { executable, ..*state }))
}

/// Where a file of the repository is in a project.
struct Place {
    /// The project's root, or the top of the work tree.
    root: PathBuf,
    /// The file there.
    file: Option<ProjectPath>,
}

impl Place {
    /// Of the file at `path`. Git starts drivers at the top of the work tree.
    fn of(path: &Path) -> Self {
        let here = std::env::current_dir().unwrap_or_default();
        let place = here.join(path);
        let is_root = |folder: &&Path| folder.join(PIPE_FOLDER).is_dir() || folder.join(DVC_FOLDER).is_dir();
        let root = place.ancestors().skip(1).find(is_root).unwrap_or(&here);
        let file = place.strip_prefix(root).ok().and_then(|below| ProjectPath::from_relative(below).ok());
        Place { root: root.to_owned(), file }
    }
}

/// The cache of the project that a file of the repository belongs to, and where to ask for what it lacks.
struct Store {
    blobs: Blobs,
    project: Option<Project>,
}

impl Store {
    /// Of the project at `root`.
    fn of(root: &Path) -> Self {
        let project = Project::at(root, root).and_then(Project::with_settings).ok();
        let plain = || Blobs::new(&root.join(PIPE_FOLDER).join("cache"));
        Store { blobs: project.as_ref().map_or_else(plain, Project::blobs), project }
    }

    /// The files of a folder, whose lists are fetched where the cache lacks them.
    fn files(&self, state: &FileState) -> CliResult<Files> {
        let files = || self.blobs.files(&ProjectPath::root(), state);
        match (files(), &self.project) {
            (Err(CacheError::Missing { .. }), Some(project)) => {
                remotes::bring_lists(project, &self.blobs, state)?;
                Ok(files()?)
            }
            (found, _) => Ok(found?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(number: u64) -> FileState {
        let digest = format!("blake3:{number:064}").parse().expect("a digest");
        FileState { digest, size: number, files: None, executable: false }
    }

    fn pointer(number: u64, desc: Option<&str>) -> String {
        pipeline::write_pointer(&ProjectPath::root().join("a.pipe"), "a", &state(number), desc)
    }

    fn merged(texts: [String; 3]) -> Option<String> {
        let store = Store { blobs: Blobs::new(Path::new("/nonexistent")), project: None };
        merge_pointers((Path::new("/nonexistent"), &ProjectPath::root().join("a.pipe")), &texts, &store)
            .ok()
            .map(|merged| merged.text)
    }

    fn files(texts: &[(&str, u64)]) -> Files {
        let file = |(path, number): &(&str, u64)| {
            (
                ProjectPath::from_record(path).expect("a path"),
                FileState { executable: *number > 99, ..state(number % 100) },
            )
        };
        texts.iter().map(file).collect()
    }

    #[test]
    fn folders_merge_path_by_path() {
        let merge = |base: &[(&str, u64)], ours: &[(&str, u64)], theirs: &[(&str, u64)]| {
            let one = merge_files(&files(base), &files(ours), &files(theirs));
            assert_eq!(one, merge_files(&files(base), &files(theirs), &files(ours)), "either way");
            one.ok()
        };
        let base = [("a", 1), ("b", 2), ("c", 3)];
        assert_eq!(merge(&base, &base[1..], &base[..2]), Some(files(&[("b", 2)])));
        assert_eq!(
            merge(&base, &base[1..], &[("a", 1), ("b", 2), ("c", 4), ("d", 5)]),
            Some(files(&[("b", 2), ("c", 4), ("d", 5)]))
        );
        assert_eq!(merge(&base, &base[1..], &base[1..]), Some(files(&base[1..])));
        assert_eq!(merge(&base, &base[1..], &[("a", 9), ("b", 2), ("c", 3)]), None);
        assert_eq!(merge(&[], &[("a", 1)], &[("a", 2)]), None);
        assert_eq!(merge(&[], &[("a", 1)], &[("a/x", 2)]), None);
        // Bytes on one side and the executable bit on the other are two things.
        assert_eq!(merge(&[("a", 1)], &[("a", 101)], &[("a", 2)]), Some(files(&[("a", 102)])));
        assert_eq!(merge(&[("a", 1)], &[("a", 101)], &[]), None);
        let empty = |path: &str| {
            let folder = FileState { files: Some(0), ..state(7) };
            Files::from([(ProjectPath::from_record(path).expect("a path"), folder)])
        };
        let filled = files(&[("e/x", 1)]);
        assert_eq!(merge_files(&empty("e"), &empty("e"), &filled), Ok(filled.clone()));
        assert_eq!(merge_files(&Files::new(), &filled, &empty("e")), Ok(filled));
    }

    /// The oracle is git's own merge of the same files. No two paths hold the same bytes, so that git sees no renames.
    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test plays the user, and asks git")]
    fn random_folders_merge_as_git_merges_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let git = |words: &[&str]| {
            let name = ["-c", "user.name=a", "-c", "user.email=a@b"];
            let run = std::process::Command::new("git")
                .arg("-C")
                .arg(folder.path())
                .args(name)
                .args(words)
                .output();
            let run = run.expect("git runs");
            (run.status.code(), String::from_utf8_lossy(&run.stdout).trim().to_owned())
        };
        git(&["init", "--quiet"]);
        let mut seed = 7_u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        let (mut whole, mut clashes) = (0, 0);
        for round in 0..60 {
            let paths = ["a", "b", "d/x", "d/y", "d/e/z", "f", "f/g", "h", "k/l", "m"];
            let mut side = |before: &Files| {
                let mut side = before.clone();
                for path in paths {
                    let path = ProjectPath::from_record(path).expect("a path");
                    match random(if round % 2 == 0 { 8 } else { 20 }) {
                        0 => drop(side.remove(&path)),
                        1 => {
                            side.retain(|known, _| !known.contains(&path) && !path.contains(known));
                            side.insert(path, state(1 + random(4)));
                        }
                        _ => {}
                    }
                }
                side
            };
            let start = files(&[("a", 1), ("b", 2), ("d/x", 3), ("d/y", 4), ("h", 5), ("k/l", 6), ("m", 7)]);
            let base = side(&start);
            let sides = [base.clone(), side(&base), side(&base)];
            let commits: Vec<String> = sides
                .iter()
                .map(|files| {
                    for (path, _) in std::fs::read_dir(folder.path())
                        .expect("a folder")
                        .flatten()
                        .map(|entry| (entry.path(), ()))
                    {
                        if path.ends_with(".git") {
                            continue;
                        }
                        let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
                    }
                    for (path, state) in files {
                        let text = format!("{path}={}\n", state.size);
                        let path = path.to_path(folder.path());
                        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
                        std::fs::write(path, text).expect("a file");
                    }
                    git(&["add", "--all"]);
                    let tree = git(&["write-tree"]).1;
                    git(&["commit-tree", &tree, "-m", "x"]).1
                })
                .collect();
            let shown = sides.each_ref().map(|files| {
                files.iter().map(|(path, state)| format!("{path}={}", state.size)).collect::<Vec<_>>()
            });
            let base = format!("--merge-base={}", commits[0]);
            let (code, told) = git(&["merge-tree", "--write-tree", &base, &commits[1], &commits[2]]);
            let ours = merge_files(&sides[0], &sides[1], &sides[2]);
            assert_eq!(code == Some(0), ours.is_ok(), "{shown:?}: {told}");
            let Ok(ours) = ours else {
                clashes += 1;
                continue;
            };
            whole += 1;
            let listed: Vec<String> =
                git(&["ls-tree", "-r", "--name-only", &told]).1.lines().map(str::to_owned).collect();
            assert_eq!(listed, ours.keys().map(ToString::to_string).collect::<Vec<_>>(), "{shown:?}");
            for (path, state) in &ours {
                assert_eq!(
                    git(&["show", &format!("{told}:{path}")]).1,
                    format!("{path}={}", state.size),
                    "{path} of {shown:?}"
                );
            }
        }
        assert!(whole > 10 && clashes > 10, "{whole} merged, {clashes} did not");
    }

    #[test]
    fn pointers_merge_where_the_sides_changed_different_things() {
        let ours_alone = merged([pointer(1, None), pointer(2, None), pointer(1, None)]);
        assert_eq!(ours_alone, Some(pointer(2, None)));
        let words_and_bytes = merged([pointer(1, None), pointer(1, Some("new")), pointer(3, None)]);
        assert_eq!(words_and_bytes, Some(pointer(3, Some("new"))));
        let other_way = merged([pointer(1, None), pointer(3, None), pointer(1, Some("new"))]);
        assert_eq!(other_way, Some(pointer(3, Some("new"))));
        assert_eq!(merged([pointer(1, None), pointer(2, None), pointer(3, None)]), None);
        assert_eq!(merged([pointer(1, None), pointer(2, Some("a")), pointer(2, Some("b"))]), None);
        assert_eq!(merged([String::new(), pointer(2, None), pointer(3, None)]), None);
        assert_eq!(merged([pointer(1, None), "no pointer".to_owned(), pointer(3, None)]), None);
    }
}
