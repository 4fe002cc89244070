//! Data that comes from elsewhere: brought into a cache from a repository or from a place outside of any.

mod listing;
mod place;
mod repository;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base::{FileState, ProjectPath};
use cache::{Blobs, Placement, StageCache, State, Workspace};
use pipeline::{Dialect, Import, Pipeline, Repo, Stage, parse_import};

use crate::error::{CliError, CliResult, ErrorKind};
use crate::git::source as git_source;
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::reading::pointer_text;
use crate::ui::Printer;

pub use listing::{Kept, Listing};
pub use repository::Repository;

/// Where what is brought goes, and what is needed on the way.
pub struct Depot<'a> {
    /// Relative URLs of repositories start here, where [`Depot::start`] finds no other place.
    pub root: PathBuf,
    /// A folder of our own, for repositories and what is half done.
    pub folder: PathBuf,
    /// What is brought ends here.
    pub blobs: Blobs,
    /// Who knows the remotes of `remote://NAME/PATH`.
    pub project: Option<&'a Project>,
    /// Files transferred at once.
    pub jobs: Option<u16>,
    /// What ends it.
    pub interrupt: &'a Interrupt,
    /// Who is told.
    pub printer: Printer,
    /// The repositories that are being read: what is wanted was imported there, each from the next.
    pub chain: Vec<String>,
}

/// Which state of its source an import is brought in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// As it was when it was recorded.
    Recorded,
    /// As it is now.
    Newest,
}

/// What was brought.
#[derive(Clone, Debug)]
pub struct Brought {
    /// What it holds; the depot's cache has all of it. `None` where only its origin was looked at.
    pub state: Option<FileState>,
    /// Its origin, as it is to be recorded.
    pub import: Import,
}

impl<'a> Depot<'a> {
    /// The one of a project.
    pub fn of(project: &'a Project, jobs: Option<u16>, interrupt: &'a Interrupt, printer: Printer) -> Self {
        Depot {
            root: project.root.clone(),
            folder: project.pipe_path("tmp").join("imports"),
            blobs: project.blobs(),
            project: Some(project),
            jobs,
            interrupt,
            printer,
            chain: Vec::new(),
        }
    }

    /// Brings an import into the cache; `wdir` is where its relative path starts. With `is_looked_at`, only says which
    /// state there is.
    ///
    /// # Errors
    /// When its source cannot be read, or does not have it.
    pub fn bring(
        &self,
        import: &Import,
        wdir: &Path,
        which: Which,
        is_looked_at: bool,
    ) -> CliResult<Brought> {
        self.bring_from(import, wdir, which, is_looked_at).map_err(|fault| match fault.kind {
            ErrorKind::Interrupted(_) => fault,
            _ => fault.context(format!("failed to bring {}", import.shown())),
        })
    }

    fn bring_from(
        &self,
        import: &Import,
        wdir: &Path,
        which: Which,
        is_looked_at: bool,
    ) -> CliResult<Brought> {
        let Some(repo) = &import.repo else { return place::bring(self, import, wdir, is_looked_at) };
        let repository = Repository::open(self, &self.start(repo, wdir), repo, which)?;
        let mut import = import.clone();
        if let Some(repo) = &mut import.repo {
            repo.rev_lock = Some(repository.commit.clone());
        }
        let state = match is_looked_at {
            true => None,
            false => Some(repository.bring(&import.path)?),
        };
        Ok(Brought { state, import })
    }

    /// Where the URL of a repository starts that is a relative path and stands in a pointer in the folder `wdir`. In projects
    /// of DVC, it is as somebody typed it, and so it is read where the command is called, else where the pointer lies, which
    /// are the same for who types it, else at the top, where earlier versions of pipe had it start: where the first of these
    /// ways leads to a repository.
    pub fn start(&self, repo: &Repo, wdir: &Path) -> PathBuf {
        let is_relative = git_source::is_local(&repo.url) && !repo.url.starts_with('/');
        let here = match self.project {
            Some(project) if is_relative && project.dialect == Dialect::Dvc => {
                project.base.to_path(&self.root)
            }
            _ => return self.root.clone(),
        };
        let leads = |from: &PathBuf| git_source::is_repository(&cache::lexical(&from.join(&repo.url)));
        [here, wdir.to_owned()].into_iter().find(leads).unwrap_or_else(|| self.root.clone())
    }

    /// Files at `root`, to be stored where things are brought to.
    fn workspace(&self, root: &Path) -> Workspace {
        let memory = State::anew(&self.folder.join("no-state"));
        Workspace::with_caches(
            root,
            self.blobs.clone(),
            StageCache::new(&self.folder.join("no-stages")),
            memory,
        )
    }

    /// Stores the file or folder at `path`, which is somewhere outside.
    fn store(&self, path: &Path, is_looked_at: bool) -> CliResult<FileState> {
        let gone = || CliError::message(format!("there is no {}", base::shown(path)));
        let path = std::fs::canonicalize(path).map_err(|_| gone())?;
        let name = path.file_name().map(Path::new).unwrap_or(Path::new(""));
        let name = ProjectPath::from_relative(name)?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let workspace = self.workspace(folder);
        let state = match is_looked_at {
            true => workspace.observe(&name)?,
            false => workspace.store(&name, Placement::Private)?,
        };
        state.ok_or_else(gone)
    }

    /// What is recorded of a state: what DVC imports is not executable.
    fn as_recorded(&self, state: FileState) -> FileState {
        let dialect = self.project.map_or(Dialect::Native, |project| project.dialect);
        FileState { executable: state.executable && dialect == Dialect::Native, ..state }
    }

    /// A folder of this process for what is half done, which goes with it.
    fn scratch(&self) -> CliResult<Scratch> {
        // One for each repository of the chain: the others are at work too.
        let name = format!("{}-{}", disk::Holder::current().file_name(), self.chain.len());
        let folder = self.folder.join("on-the-way").join(name);
        let scratch = Scratch(folder);
        scratch.clear()?;
        disk::make_folder(&scratch.0)?;
        Ok(scratch)
    }
}

/// A folder that goes when it is not needed any more.
pub struct Scratch(pub PathBuf);

impl Scratch {
    /// Removes what is in it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn clear(&self) -> CliResult {
        if self.0.exists() { Ok(disk::remove(&self.0)?) } else { Ok(()) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = self.clear();
    }
}

/// Where the data of a stage came from; `None` of stages, and of data that came from nowhere else.
///
/// # Errors
/// When its pointer cannot be read.
pub fn of_stage(project: &Project, stage: &Stage) -> CliResult<Option<Import>> {
    if !stage.is_source() {
        return Ok(None);
    }
    let file = &stage.address.file;
    let text = pointer_text(project, file)?;
    Ok(parse_import(file, &text)?)
}

/// Says that data is no import any more.
pub fn tell_own(data: &ProjectPath, import: &Import, printer: Printer) {
    printer.insist(format_args!(
        "{data} is data of your own from now on, and no import: it is not what {} has",
        import.shown()
    ));
}

/// The outs of the workspace that came from repositories: who wants them finds them there, so that they are not shared.
///
/// # Errors
/// When a pointer cannot be read.
pub fn outs_of_repositories(project: &Project, pipeline: &Pipeline) -> CliResult<BTreeSet<ProjectPath>> {
    let mut outs = BTreeSet::new();
    for stage in pipeline.sources().map(|id| pipeline.stage(id)) {
        if of_stage(project, stage)?.is_some_and(|import| import.repo.is_some()) {
            outs.extend(stage.outs.iter().map(|out| out.path.clone()));
        }
    }
    Ok(outs)
}

/// Whether a verdict about data asks elsewhere each time: a repository that it came from, or a source that it follows.
///
/// # Errors
/// When a pointer cannot be read.
pub fn is_asked_about(project: &Project, pipeline: &Pipeline) -> CliResult<bool> {
    for stage in pipeline.sources().map(|id| pipeline.stage(id)) {
        if of_stage(project, stage)?.is_some_and(|import| import.repo.is_some() || import.follows) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is new at the source of imported data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// Other data.
    Data,
    /// Other commits of the repository, with the same data. In projects of DVC alone, which takes them for an update.
    Commits,
}

/// What is new compared with what a stage records: in the repository that it was imported from, or at a source that it
/// follows.
///
/// # Errors
/// When it cannot be asked.
pub fn update_of(
    depot: &Depot<'_>,
    project: &Project,
    stage: &Stage,
    import: &Import,
) -> CliResult<Option<Update>> {
    let data_if = |is_other: bool| is_other.then_some(Update::Data);
    let wdir = stage.wdir.to_path(&project.root);
    let Some(repo) = &import.repo else {
        return Ok(data_if(
            import.follows && !import.is_same(&depot.bring(import, &wdir, Which::Newest, true)?.import),
        ));
    };
    // What was never brought has nothing to differ from.
    let Some(locked) = &repo.rev_lock else { return Ok(None) };
    let start = depot.start(repo, &wdir);
    let tip = if repo.rev.as_deref().is_some_and(git_source::is_relative) {
        Some(Repository::open(depot, &start, repo, Which::Newest)?.commit)
    } else {
        git_source::tip(&repository::address(&start, &repo.url)?, repo.rev.as_deref())?
    };
    Ok(match tip {
        Some(tip) if tip == *locked => None,
        // Where the two cannot be compared, it is known that there is another commit.
        Some(tip) => match is_other(depot, &start, (repo, &import.path), [&tip, locked]).unwrap_or(true) {
            true => Some(Update::Data),
            false => (project.dialect == Dialect::Dvc).then_some(Update::Commits),
        },
        // The name of a commit is of that commit alone.
        None => data_if(repo.rev.as_ref().is_none_or(|rev| !locked.starts_with(rev.as_str()))),
    })
}

/// Whether two commits of a repository have different data at a path.
fn is_other(
    depot: &Depot<'_>,
    start: &Path,
    (repo, path): (&Repo, &str),
    [now, then]: [&str; 2],
) -> CliResult<bool> {
    // One after the other, since each holds the copy of the repository.
    let content = |commit: &str, is_close| {
        let repo = Repo { rev_lock: Some(commit.to_owned()), has_more: false, ..repo.clone() };
        Repository::open(depot, start, &repo, Which::Recorded)?.content(path, is_close)
    };
    let (new, old) = (content(now, false)?, content(then, false)?);
    Ok(match new.is_part && old.is_part && new != old {
        true => content(now, true)? != content(then, true)?,
        false => new != old,
    })
}
