//! The plot files of a state: those that its pipeline declares, or those that someone names.
//!
//! Bytes come from the disk, from git, or by digest from the cache. A file whose bytes cannot be had is told
//! with its reason instead of failing the rest.

use std::path::Path;

use base::{Digest, ProjectPath, Value};
use cache::{Blobs, TreeEntry};
use indexmap::IndexMap;
use pipeline::{OutKind, Pipeline, Plot};
use track::{Role, RunStore};

use super::{Revision, as_of, pipeline_at, store, with_children};
use crate::error::CliResult;
use crate::git::commit::CommitFiles;
use crate::project::Project;

/// A plot file in one state.
#[derive(Clone, Debug)]
pub struct PlotFile {
    /// Relative to the project's root.
    pub path: ProjectPath,
    /// Its plot options as the pipeline file writes them; none for a file that is not declared.
    pub options: IndexMap<String, Value>,
    /// Whether it was declared or named itself, and not only a folder above it, in which files of all kinds
    /// may lie.
    pub is_named: bool,
    /// Its bytes, or why they cannot be had.
    pub bytes: Result<Vec<u8>, String>,
}

/// Files with their bytes, by path.
type Files = IndexMap<ProjectPath, Result<Vec<u8>, String>>;

impl Revision {
    /// The plot files of this state: all that are at or below the paths `wanted`, or, when there are none, at or
    /// below what the pipeline declares under `plots`. A path where nothing is gives nothing.
    ///
    /// # Errors
    /// When the pipeline does not load, or git or the run store fails.
    pub fn plot_files(&self, project: &Project, wanted: &[ProjectPath]) -> CliResult<Vec<PlotFile>> {
        let earlier = match self {
            Revision::Commit(commit) => Some(as_of(project, commit)?),
            _ => None,
        };
        let project = earlier.as_ref().unwrap_or(project);
        let pipeline = match self {
            Revision::Commit(commit) => pipeline_at(project, commit)?,
            // Files can be named where there is no pipeline at all.
            _ if !wanted.is_empty() && project.pipeline_file().is_err() => None,
            _ => Some(project.pipeline()?),
        };
        let declared = pipeline.as_ref().map(declared).unwrap_or_default();
        let source = match self {
            Revision::Workspace => Source::Disk(&project.root),
            Revision::Commit(commit) => Source::commit(project, commit, pipeline.as_ref())?,
            Revision::Run(run) => {
                let store = store(project)?;
                let mut outs = IndexMap::new();
                for run in with_children(&store, *run)? {
                    for file in store.lineage(run.info.id, Role::Output)? {
                        if let Ok(path) = ProjectPath::from_record(&file.path) {
                            outs.insert(path, (file.digest, None));
                        }
                    }
                }
                Source::Cache { outs, blobs: project.blobs(), git: None }
            }
        };
        let places: Vec<ProjectPath> =
            if wanted.is_empty() { declared.keys().cloned().collect() } else { wanted.to_vec() };
        let mut files: IndexMap<ProjectPath, PlotFile> = IndexMap::new();
        for place in &places {
            for (path, bytes) in source.files(place)? {
                let options = declared.iter().find(|(out, _)| out.contains(&path));
                let options = options.map(|(_, options)| options.clone()).unwrap_or_default();
                let is_named = *place == path || declared.contains_key(&path);
                let file = PlotFile { path: path.clone(), options, is_named, bytes };
                files.entry(path).or_insert(file);
            }
        }
        Ok(files.into_values().collect())
    }
}

/// The plots of a pipeline with their options: outs in its order, then the files of top-level plots. What the top level
/// says of an out goes before what the out says.
fn declared(pipeline: &Pipeline) -> IndexMap<ProjectPath, IndexMap<String, Value>> {
    let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
    let plots = outs.filter(|out| out.kind == OutKind::Plots);
    let mut declared: IndexMap<ProjectPath, IndexMap<String, Value>> =
        plots.map(|out| (out.path.clone(), out.plot.clone())).collect();
    for plot in &pipeline.plots {
        for source in &plot.sources {
            declared.entry(source.clone()).or_default().extend(options_for(plot, source));
        }
    }
    declared
}

/// The options of a top-level plot for one of its files: where `x` or `y` is a map of files, what it says of this one.
fn options_for(plot: &Plot, source: &ProjectPath) -> IndexMap<String, Value> {
    let folder = plot.file.parent().unwrap_or_default();
    let is_source = |path: &str| ProjectPath::resolve(&folder, path).is_ok_and(|path| path == *source);
    let of_source = |value: &Value| match value {
        Value::Map(files) => {
            files.iter().find(|(path, _)| is_source(path)).map(|(_, columns)| columns.clone())
        }
        other => Some(other.clone()),
    };
    plot.options.iter().filter_map(|(key, value)| Some((key.clone(), of_source(value)?))).collect()
}

/// Where a state's files are.
enum Source<'a> {
    /// In the workspace below this root.
    Disk(&'a Path),
    /// Recorded by digest; in a commit those that git keeps besides.
    Cache {
        /// The recorded outs, and whether they are folders where that is known.
        outs: IndexMap<ProjectPath, (Digest, Option<bool>)>,
        blobs: Blobs,
        git: Option<Box<CommitFiles>>,
    },
}

impl<'a> Source<'a> {
    fn commit(project: &Project, commit: &str, pipeline: Option<&Pipeline>) -> CliResult<Self> {
        let git = project.git().map(|git| Box::new(CommitFiles::new(git, commit)));
        let mut outs = IndexMap::new();
        if let (Some(git), Some(pipeline)) = (&git, pipeline) {
            for file in &pipeline.files {
                let path = pipeline::lock_beside(file);
                let Some(bytes) = git.file(&path)? else { continue };
                let lock = pipeline.lock_codec().parse(&path, &String::from_utf8_lossy(&bytes))?;
                let recorded = lock.stages.into_values().flat_map(|stage| stage.outs);
                outs.extend(recorded.map(|(path, state)| (path, (state.digest, Some(state.is_folder())))));
            }
        }
        let blobs = project.blobs();
        Ok(Source::Cache { outs, blobs, git })
    }

    /// The files at or below `place`, ascending in each folder.
    fn files(&self, place: &ProjectPath) -> CliResult<Files> {
        let mut found = Files::new();
        match self {
            Source::Disk(root) => on_disk(root, place, true, &mut found),
            Source::Cache { outs, blobs, git } => {
                if let Some(git) = git {
                    for path in git.files_at(place)? {
                        if let Some(bytes) = git.file(&path)? {
                            found.insert(path, Ok(bytes));
                        }
                    }
                }
                for (path, (digest, is_folder)) in outs {
                    // Runs do not record what is a folder, but no plot begins as a tree does.
                    let is_folder =
                        is_folder.unwrap_or_else(|| overlap(path, place) && blobs.tree(digest).is_ok());
                    in_cache(blobs, path, (digest, is_folder), place, &mut found);
                }
            }
        }
        Ok(found)
    }
}

/// The files in a folder of the workspace, ascending.
pub(super) fn files_below(root: &Path, folder: &ProjectPath) -> Vec<ProjectPath> {
    let at = folder.to_path(root);
    let entries = std::fs::read_dir(&at).into_iter().flatten().filter_map(Result::ok);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut children: Vec<ProjectPath> = names.map(|name| folder.join(&name)).collect();
    children.retain(|child| !child.is_reserved());
    children.sort_unstable();
    let below = children.into_iter().flat_map(|child| {
        let place = child.to_path(root);
        match place.is_dir() && !place.is_symlink() {
            true => files_below(root, &child),
            false if place.is_file() => vec![child],
            false => Vec::new(),
        }
    });
    below.collect()
}

fn on_disk(root: &Path, path: &ProjectPath, is_named: bool, found: &mut Files) {
    let at = path.to_path(root);
    // A link that was named is followed; a link to a folder inside a folder might lead in a circle.
    let is_link = at.is_symlink();
    if at.is_dir() && (is_named || !is_link) {
        let entries = std::fs::read_dir(&at).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match entries {
            Ok(mut entries) => {
                entries.sort_by_key(std::fs::DirEntry::file_name);
                let names = entries.iter().filter_map(|entry| entry.file_name().into_string().ok());
                for child in names.map(|name| path.join(&name)).filter(|child| !child.is_reserved()) {
                    on_disk(root, &child, false, found);
                }
            }
            Err(fault) => {
                found.insert(path.clone(), Err(format!("the folder cannot be read: {fault}")));
            }
        }
    } else if at.is_file() {
        found.insert(path.clone(), disk::read_bytes(&at).map_err(|fault| fault.to_string()));
    }
}

fn overlap(a: &ProjectPath, b: &ProjectPath) -> bool {
    a.contains(b) || b.contains(a)
}

fn in_cache(
    blobs: &Blobs,
    path: &ProjectPath,
    (digest, is_folder): (&Digest, bool),
    place: &ProjectPath,
    found: &mut Files,
) {
    if !overlap(path, place) || found.contains_key(path) {
        return;
    }
    if !is_folder {
        if place.contains(path) {
            found.insert(path.clone(), blobs.read(digest).map_err(|fault| fault.to_string()));
        }
        return;
    }
    match blobs.tree(digest) {
        Ok(tree) => {
            for (name, entry) in tree.entries() {
                let (digest, is_folder) = match entry {
                    TreeEntry::File { digest, .. } => (digest, false),
                    TreeEntry::Folder { digest, .. } => (digest, true),
                };
                in_cache(blobs, &path.join(name), (digest, is_folder), place, found);
            }
        }
        Err(fault) => {
            found.insert(path.clone(), Err(fault.to_string()));
        }
    }
}
