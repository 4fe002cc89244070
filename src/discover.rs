//! Finds the pipeline files of a project, one per folder, anywhere below the root, and its pointers to data.
//!
//! Every command does this, so it must cost next to nothing: folders that cannot hold a pipeline of the project are
//! not entered. These are hidden ones, Python environments, packages of npm, other projects, and folders that a
//! `.gitignore` beside or above them names without a pattern: outs, mostly, which may hold any number of files. The first
//! three are entered in projects of DVC, as DVC does. Of the others the entries are read and nothing is asked of a file
//! but of small ones with the name of a pointer of ours in a project of DVC: 200,000 files take 0.1 s, almost all of it the system's; on two cores, two threads are no faster.

use std::collections::BTreeSet;
use std::path::Path;

use base::ProjectPath;
use cache::Ignores;
use pipeline::{Dialect, is_pointer, parse_pointer};

use crate::project::{DVC_FOLDER, PIPE_FOLDER, layout_of};

/// What has more bytes is looked into for no pointer of the other dialect.
const LARGEST_POINTER: u64 = 1 << 16;

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// All pipeline files, that of the root first, then in byte order.
    pub pipelines: Vec<ProjectPath>,
    /// All pointers, in the same order.
    pub pointers: Vec<ProjectPath>,
    /// Pipeline files of the other dialect.
    pub strangers: Vec<ProjectPath>,
    /// Other files of the other dialect, which are not read: pointers and locks of DVC in a project of ours, and those of
    /// ours in one of DVC.
    pub unread: Vec<ProjectPath>,
    /// What the answer follows from: every folder that was looked into, and the ignore files in them.
    pub seen: Vec<ProjectPath>,
}

/// All that lies below `root`, a project of this dialect. A folder that cannot be read holds nothing, and symlinks are not followed.
pub fn look_around(root: &Path, dialect: Dialect) -> Found {
    let mut walk = Walk { folders: vec![ProjectPath::root()], ..Walk::default() };
    while let Some(folder) = walk.folders.pop() {
        visit(root, dialect, &folder, &mut walk);
        walk.found.seen.push(folder);
    }
    sort(&mut walk.found.pipelines);
    sort(&mut walk.found.strangers);
    sort(&mut walk.found.pointers);
    sort(&mut walk.found.unread);
    walk.found
}

/// Whether pointers in `folder`, which need not be there yet, are found.
pub fn is_looked_into(root: &Path, dialect: Dialect, folder: &ProjectPath) -> bool {
    let mut folder = folder.clone();
    while !folder.to_path(root).is_dir() {
        if is_passed_over(dialect, folder.name()) {
            return false;
        }
        folder = folder.parent().unwrap_or_default();
    }
    let mut walk = Walk { folders: vec![ProjectPath::root()], ..Walk::default() };
    while let Some(next) = walk.folders.pop() {
        let was_entered = visit(root, dialect, &next, &mut walk);
        if next == folder {
            return was_entered;
        }
        walk.folders.retain(|inner| inner.contains(&folder));
    }
    false
}

/// How far a walk came.
#[derive(Default)]
struct Walk {
    found: Found,
    /// What `.pipeignore` files say, once one was found.
    ignores: Option<Ignores>,
    /// Still to be looked into.
    folders: Vec<ProjectPath>,
    /// Folders that an ignore file further up names.
    ignored: BTreeSet<ProjectPath>,
}

/// Says whether the folder is one of the project.
fn visit(root: &Path, dialect: Dialect, folder: &ProjectPath, walk: &mut Walk) -> bool {
    let place = folder.to_path(root);
    let Ok(entries) = std::fs::read_dir(&place) else { return false };
    let (mut pointers, mut unread) = (Vec::new(), Vec::new());
    let stranger = other(dialect);
    let mut has_pipeline = false;
    let mut has_stranger = false;
    let mut has_ignore = false;
    let mut has_pipeignore = false;
    let mut inner: Vec<String> = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        match name {
            _ if name == dialect.pipeline_file() => has_pipeline = true,
            _ if name == stranger.pipeline_file() => has_stranger = true,
            ".gitignore" => has_ignore = true,
            _ if name == layout_of(dialect).ignore_file() => has_pipeignore = true,
            "pyvenv.cfg" if dialect == Dialect::Native => return false,
            ".git" if !folder.is_root() => return false,
            // DVC does not ask whether it is a folder when it looks for data.
            DVC_FOLDER if !folder.is_root() && dialect == Dialect::Dvc => return false,
            PIPE_FOLDER | DVC_FOLDER
                if !folder.is_root() && entry.file_type().is_ok_and(|kind| kind.is_dir()) =>
            {
                return false;
            }
            PIPE_FOLDER | DVC_FOLDER => {}
            _ if name.ends_with(dialect.pointer_suffix())
                && entry.file_type().is_ok_and(|kind| kind.is_file()) =>
            {
                pointers.push(folder.join(name));
            }
            _ if dialect == Dialect::Native
                && is_of_dvc(name)
                && entry.file_type().is_ok_and(|kind| kind.is_file()) =>
            {
                unread.push(folder.join(name));
            }
            _ if dialect == Dialect::Dvc
                && (name == stranger.lock_file() || name.ends_with(stranger.pointer_suffix()))
                && entry.file_type().is_ok_and(|kind| kind.is_file())
                && (name == stranger.lock_file() || is_pointer_of_ours(root, &folder.join(name))) =>
            {
                unread.push(folder.join(name));
            }
            _ if is_passed_over(dialect, name) => {}
            _ if entry.file_type().is_ok_and(|kind| kind.is_dir()) => inner.push(name.to_owned()),
            _ => {}
        }
    }
    for (dialect, is_there, files) in [
        (dialect, has_pipeline, &mut walk.found.pipelines),
        (stranger, has_stranger, &mut walk.found.strangers),
    ] {
        let file = folder.join(dialect.pipeline_file());
        if is_there && file.to_path(root).is_file() {
            files.push(file);
        }
    }
    walk.found.pointers.extend(pointers.into_iter().filter(is_pointer));
    walk.found.unread.append(&mut unread);
    let text = if has_ignore && !inner.is_empty() {
        walk.found.seen.push(folder.join(".gitignore"));
        disk::read_text(&place.join(".gitignore")).unwrap_or_default()
    } else {
        String::new()
    };
    if has_pipeignore {
        walk.found.seen.push(folder.join(layout_of(dialect).ignore_file()));
        walk.ignores.get_or_insert_with(|| Ignores::of_layout(root, layout_of(dialect)));
    }
    let ignores = walk.ignores.as_ref();
    let is_passed = |path: &ProjectPath| ignores.is_some_and(|ignores| ignores.is_ignored(path, true));
    let inner: Vec<ProjectPath> =
        inner.iter().map(|name| folder.join(name)).filter(|path| !is_passed(path)).collect();
    let inner = inner.into_iter();
    // What a file that takes something back (`!name`) means is for git to say.
    match ignored_names(&text) {
        None => walk.folders.extend(inner),
        Some(names) => {
            walk.ignored.extend(names.iter().filter_map(|name| ProjectPath::resolve(folder, name).ok()));
            walk.folders.extend(inner.filter(|path| !walk.ignored.contains(path)));
        }
    }
    true
}

/// Whether a folder of this name is not entered, whatever it holds.
fn is_passed_over(dialect: Dialect, name: &str) -> bool {
    match dialect {
        Dialect::Native => name.starts_with('.') || name == "node_modules",
        Dialect::Dvc => [PIPE_FOLDER, DVC_FOLDER, ".git", ".hg"].contains(&name),
    }
}

/// The folder above `file` that a project of `dialect` does not enter, so that nothing would be found in it.
pub fn left_alone(root: &Path, file: &ProjectPath, dialect: Dialect) -> Option<ProjectPath> {
    let folders =
        std::iter::successors(file.parent(), ProjectPath::parent).filter(|folder| !folder.is_root());
    let is_environment = |folder: &ProjectPath| folder.to_path(root).join("pyvenv.cfg").exists();
    folders.into_iter().find(|folder| {
        is_passed_over(dialect, folder.name()) || dialect == Dialect::Native && is_environment(folder)
    })
}

/// Whether DVC keeps digests in a file of this name.
fn is_of_dvc(name: &str) -> bool {
    let suffix = Dialect::Dvc.pointer_suffix();
    name == "dvc.lock" || (name.ends_with(suffix) && name.len() > suffix.len())
}

/// Whether a file that has the name of one is a pointer of ours, and nothing of the user's, which may be of any size.
fn is_pointer_of_ours(root: &Path, file: &ProjectPath) -> bool {
    let path = file.to_path(root);
    let is_small = || std::fs::metadata(&path).is_ok_and(|found| found.len() <= LARGEST_POINTER);
    let text = || disk::read_text(&path);
    is_pointer(file) && is_small() && text().is_ok_and(|text| parse_pointer(file, &text).is_ok())
}

/// The names in an ignore file that stand for one entry beside it, or below where they are paths. Names without a
/// slash mean entries at any depth for git; here those beside the file. `None` for a file that takes something back.
fn ignored_names(text: &str) -> Option<Vec<&str>> {
    let lines = || text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'));
    if lines().any(|line| line.starts_with('!')) {
        return None;
    }
    let names = lines()
        .map(|line| line.strip_prefix('/').unwrap_or(line))
        .map(|line| line.strip_suffix('/').unwrap_or(line))
        .filter(|name| !name.contains(['*', '?', '[', '\\']) && !name.contains(".."));
    Some(names.collect())
}

/// The pipeline files and pointers among `paths`, which are all files of a commit, by the same rules as far as paths
/// tell: [`Git::names_at`](crate::git::Git::names_at) has them.
pub fn among<'a>(dialect: Dialect, paths: impl Iterator<Item = &'a str> + Clone) -> Vec<ProjectPath> {
    // Folders that hold a `.pipe` or `.dvc` of their own are other projects.
    let marks = [PIPE_FOLDER, DVC_FOLDER].map(|own| format!("/{own}/"));
    let around = |path: &'a str| {
        marks.iter().filter_map(move |mark| path.split_once(mark)).map(|(folder, _)| format!("{folder}/"))
    };
    let others: BTreeSet<String> = paths.clone().flat_map(around).collect();
    let mut files: Vec<ProjectPath> = paths
        .filter(|path| {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let is_open = !folder.split('/').any(|part| is_passed_over(dialect, part));
            is_open
                && (name == dialect.pipeline_file()
                    || (name.ends_with(dialect.pointer_suffix()) && name != dialect.pointer_suffix()))
        })
        .filter(|path| !others.iter().any(|folder| path.starts_with(folder.as_str())))
        .filter_map(|path| ProjectPath::from_record(path).ok())
        .collect();
    sort(&mut files);
    files
}

/// The pipeline files of the other tool among `paths`, which are all files of a commit, but for what the project passes over
/// now.
pub fn strangers_among<'a>(
    root: &Path,
    dialect: Dialect,
    paths: impl Iterator<Item = &'a str> + Clone,
) -> Vec<ProjectPath> {
    let mut strangers = among(other(dialect), paths);
    strangers.retain(|path| {
        let mut folders = path.as_str().split('/');
        path.name() == other(dialect).pipeline_file() && !folders.any(|part| is_passed_over(dialect, part))
    });
    if !strangers.is_empty() {
        let ignores = Ignores::of_layout(root, layout_of(dialect));
        let is_passed = |path: &ProjectPath| {
            std::iter::successors(path.parent(), ProjectPath::parent)
                .any(|folder| !folder.is_root() && ignores.is_ignored(&folder, true))
        };
        strangers.retain(|path| !is_passed(path));
    }
    strangers
}

fn other(dialect: Dialect) -> Dialect {
    match dialect {
        Dialect::Native => Dialect::Dvc,
        Dialect::Dvc => Dialect::Native,
    }
}

/// The root's file first, so that its stages come first wherever stages are shown; then by folder.
fn sort(files: &mut [ProjectPath]) {
    files.sort_by(|a, b| (a.parent(), a).cmp(&(b.parent(), b)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_of_ours_are_found_in_a_project_of_dvc_and_large_files_are_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let digest = base::Digest::Blake3([7; 32]);
        let state = base::FileState { digest, size: 1, files: None, executable: false };
        for (name, padding) in [("small", 100), ("large", 1 << 16)] {
            let file = ProjectPath::root().join(&format!("{name}.pipe"));
            let text = pipeline::write_pointer(&file, name, &state, None);
            let text = format!("{text}# {}\n", "x".repeat(padding));
            disk::replace(&file.to_path(folder.path()), text.as_bytes()).expect("written");
        }
        let found = look_around(folder.path(), Dialect::Dvc).unread;
        assert_eq!(found, [ProjectPath::root().join("small.pipe")]);
    }

    #[test]
    fn only_what_belongs_to_the_project_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        let write = |path: &str, text: &str| {
            disk::replace(&root.join(path), text.as_bytes()).expect("written");
        };
        for path in [
            "pipeline.yaml",
            "a/pipeline.yaml",
            "a/b/c/pipeline.yaml",
            "Z/pipeline.yaml",
            ".hidden/pipeline.yaml",
            "node_modules/x/pipeline.yaml",
            "venv/pipeline.yaml",
            "venv/lib/pipeline.yaml",
            "other/pipeline.yaml",
            "other/sub/pipeline.yaml",
            "out/pipeline.yaml",
            "a/model/pipeline.yaml",
            "kept/pipeline.yaml",
            "kept/x/pipeline.yaml",
            "kept/y/pipeline.yaml",
            "a/x.pipe",
            "a/.x.pipe",
            "out/x.pipe",
            "other/x.pipe",
            "a/folder.pipe/file",
        ] {
            write(path, "stages: {}\n");
        }
        write("venv/pyvenv.cfg", "");
        write("other/.pipe/.gitignore", "");
        write(".gitignore", "# outs\n/out\n*.kept\nkept/x\n");
        write("a/.gitignore", "model/\n");
        let found: Vec<String> =
            look_around(root, Dialect::Native).pipelines.iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "pipeline.yaml",
                "Z/pipeline.yaml",
                "a/pipeline.yaml",
                "a/b/c/pipeline.yaml",
                "kept/pipeline.yaml",
                "kept/y/pipeline.yaml",
            ]
        );
        let pointers: Vec<String> =
            look_around(root, Dialect::Native).pointers.iter().map(ToString::to_string).collect();
        assert_eq!(pointers, ["a/.x.pipe", "a/x.pipe"]);
        for (place, is_open) in [
            ("", true),
            ("a/b", true),
            ("a/new/one", true),
            ("a/.new/one", false),
            ("out", false),
            (".hidden", false),
            ("other", false),
        ] {
            let folder = ProjectPath::resolve(&ProjectPath::root(), place).expect("a path");
            assert_eq!(is_looked_into(root, Dialect::Native, &folder), is_open, "{place}");
        }
        // Taken back further down: then it is looked into.
        write("kept/.gitignore", "!x\n");
        assert!(
            look_around(root, Dialect::Native)
                .pipelines
                .iter()
                .any(|file| file.as_str() == "kept/x/pipeline.yaml")
        );
        write(".gitignore", "out\n!out/pipeline.yaml\n");
        assert!(
            look_around(root, Dialect::Native)
                .pipelines
                .iter()
                .any(|file| file.as_str() == "out/pipeline.yaml")
        );
    }

    #[test]
    fn the_files_of_a_commit() {
        let paths = "a/pipeline.yaml\n.x/pipeline.yaml\nother/.pipe/.gitignore\nother/pipeline.yaml\npipeline.yaml\nx\n\
             a/d.pipe\n.pipe/x\n.x/d.pipe\nml/.dvc/config\nml/s/d.dvc\nml/s/d.pipe\n.dvc/config\nmlx/.dvcignore\nmlx/d.dvc";
        let found = |dialect| -> Vec<String> {
            among(dialect, paths.lines()).iter().map(ToString::to_string).collect()
        };
        assert_eq!(found(Dialect::Native), ["pipeline.yaml", "a/d.pipe", "a/pipeline.yaml"]);
        assert_eq!(found(Dialect::Dvc), ["mlx/d.dvc"]);
    }
}
