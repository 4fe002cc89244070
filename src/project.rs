//! A project: where it is, and the only place that opens what belongs to it.

mod both;
mod loading;
mod locking;
mod shared_cache;
mod stores;

use std::path::{Path, PathBuf};

use base::ProjectPath;
use cache::{Blobs, Layout, StageCache, State, Workspace};
use disk::LinkType;
use exec::{Ledger, Neighbour};
use pipeline::{Dialect, Pipeline};
use track::RunId;

pub use self::loading::{one_tool, refuse_unread};
use crate::dvc_config;
use crate::environment;
use crate::error::{CliError, CliResult};
use crate::git::{self, Git};
use crate::settings::{self, Scope, Settings};
use crate::ui::Printer;

pub use self::shared_cache::{Held, unknown_needs};

/// The folder with everything that `pipe` keeps in a project.
pub const PIPE_FOLDER: &str = ".pipe";

/// What of [`PIPE_FOLDER`] git shall not see.
const IGNORED: &str = "\
/*
!/.gitignore
!/config.toml
";

/// What of [`DVC_FOLDER`] git shall not see, as `dvc init` has it.
const IGNORED_BY_DVC: &str = "\
/config.local
/tmp
/cache
";

/// The folder that makes a project of DVC.
pub const DVC_FOLDER: &str = ".dvc";

/// Stands in a project of DVC from before `pipe convert` changes anything until all is done: how to take it back.
pub const CONVERTING: &str = ".dvc/tmp/pipe/converting";

/// A project, found from the current folder.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its root folder.
    pub root: PathBuf,
    /// The current folder, relative to the root.
    pub base: ProjectPath,
    /// Whose files it is made of.
    pub dialect: Dialect,
    /// What its settings files say.
    pub settings: Settings,
}

/// What a pipeline was made of.
#[derive(Debug)]
pub struct Origin {
    /// The moment before the first file was read, in nanoseconds since 1970.
    pub start: i64,
    /// Files that were read, and folders that were looked into.
    pub present: Vec<ProjectPath>,
    /// Files that were not there.
    pub absent: Vec<ProjectPath>,
    /// Files of DVC in a project of ours, or the other way round, which were not read.
    pub unread: Vec<ProjectPath>,
}

impl Project {
    /// The project around the current folder: the nearest folder above with `.pipe` or `.dvc`, else with `.git`,
    /// else with a pipeline file, else the current folder itself.
    ///
    /// # Errors
    /// When the current folder cannot be named, a settings file is faulty, or the project is one of pipe and one of
    /// DVC at once.
    pub fn find() -> CliResult<Self> {
        Project::locate()?.with_settings()
    }

    /// The same without settings, for whoever mends them.
    ///
    /// # Errors
    /// When the current folder cannot be named.
    pub fn locate() -> CliResult<Self> {
        let current = current_folder()?;
        Project::at(root_around(&current), &current)
    }

    /// The project of DVC around the current folder whose conversion was cut off, or is under way.
    ///
    /// # Errors
    /// When the current folder cannot be named, or a settings file is faulty.
    pub fn cut_off() -> CliResult<Option<Self>> {
        let current = current_folder()?;
        let root = root_around(&current);
        if !root.join(CONVERTING).exists() || !root.join(PIPE_FOLDER).is_dir() {
            return Ok(None);
        }
        let base = base_of(root, &current)?;
        let dialect = Dialect::Dvc;
        Project { root: root.to_owned(), base, dialect, settings: Settings::default() }
            .with_settings()
            .map(Some)
    }

    /// The project at `root`, seen from the folder `current` inside it.
    ///
    /// # Errors
    /// When `current` has a name that records cannot hold, or the project is one of pipe and one of DVC at once.
    pub fn at(root: &Path, current: &Path) -> CliResult<Self> {
        let base = base_of(root, current)?;
        // What DVC made when it was called in a project that is one of pipe by now is no project of DVC.
        let is_project = |folder: &Path| folder.join("config").exists() || folder.join("tmp/pipe").exists();
        let is_of_dvc =
            |folder: &Path| folder.is_dir() && (is_project(folder) || !root.join(PIPE_FOLDER).is_dir());
        let dialect = match (root.join(PIPE_FOLDER).is_dir(), is_of_dvc(&root.join(DVC_FOLDER))) {
            (true, true) => return Err(both::both(root)),
            (true, false) => Dialect::Native,
            (false, true) => Dialect::Dvc,
            (false, false) => {
                let inside = || current.ancestors().take_while(|folder| folder.starts_with(root));
                let of_files = inside().flat_map(dialects_of_files).next();
                of_files.or_else(|| inside().find_map(dialect_of_traces)).unwrap_or_default()
            }
        };
        Ok(Project { root: root.to_owned(), base, dialect, settings: Settings::default() })
    }

    /// How its cache is laid out.
    pub fn layout(&self) -> Layout {
        layout_of(self.dialect)
    }

    /// Another tool that works on the same files.
    pub fn neighbour(&self) -> Option<Neighbour> {
        let folder = self.dialect.neighbours_folder()?;
        Some(Neighbour::new(&self.root, &self.root.join(folder)))
    }

    /// The cache's contents.
    pub fn blobs(&self) -> Blobs {
        Blobs::with_layout(&self.cache_folder(), self.layout())
    }

    /// The cache's results of stages.
    pub fn stage_cache(&self) -> StageCache {
        match self.dialect {
            Dialect::Native => StageCache::new(&self.cache_folder()),
            // DVC would not know what to make of it.
            Dialect::Dvc => StageCache::new(&self.pipe_path("")),
        }
    }

    /// The same with what the settings files say.
    ///
    /// # Errors
    /// When one of them cannot be read, or holds something that is no setting.
    pub fn with_settings(self) -> CliResult<Self> {
        if self.dialect == Dialect::Dvc {
            dvc_config::check(&self.root)?;
        }
        let own = [PIPE_FOLDER, DVC_FOLDER, ".git"].map(Path::new);
        disk::make_apart(&self.root, &own, &self.pipe_path(""), &self.making_folder());
        self.with_settings_of(None)
    }

    /// The same with what one settings file says, or all of them.
    ///
    /// # Errors
    /// As [`Project::with_settings`].
    pub fn with_settings_of(self, only: Option<Scope>) -> CliResult<Self> {
        let mut texts = Vec::new();
        for scope in Scope::ALL.into_iter().filter(|scope| only.is_none_or(|only| only == *scope)) {
            if let Some(path) = self.settings_file(scope)
                && let Some(text) = disk::read_text_optional(&path)?
            {
                texts.push((scope, path.strip_prefix(&self.root).unwrap_or(&path).to_owned(), text));
            }
        }
        let files = texts.iter().map(|(scope, path, text)| (*scope, path.as_path(), text.as_str()));
        Ok(Project { settings: Settings::of(files)?, ..self })
    }

    /// The remotes with their URLs, and the name of the one that is meant when none is named.
    pub fn remotes(&self) -> (Vec<(String, String)>, Option<String>) {
        match self.dialect {
            Dialect::Native => {
                let remotes = self.settings.remotes().into_iter();
                let owned = remotes.map(|(name, url)| (name.to_owned(), url.to_owned()));
                (owned.collect(), self.settings.default_remote().map(str::to_owned))
            }
            Dialect::Dvc => dvc_config::remotes(&self.root),
        }
    }

    /// Where the settings of a scope are; `None` when the user has no home.
    pub fn settings_file(&self, scope: Scope) -> Option<PathBuf> {
        match scope {
            Scope::User => Some(environment::config_folder()?.join("config.toml")),
            Scope::Project => Some(self.pipe_path("config.toml")),
            Scope::Local => Some(self.pipe_path("config.local.toml")),
        }
    }

    /// The file of a scope, with its name for errors and what it holds.
    fn settings_text(&self, scope: Scope) -> CliResult<(PathBuf, PathBuf, String)> {
        let path = self.settings_file(scope).ok_or_else(|| {
            CliError::message("there is no folder for the user's settings")
                .hint("set XDG_CONFIG_HOME or HOME, or use `--local`")
        })?;
        let text = disk::read_text_optional(&path)?.unwrap_or_default();
        let named = path.strip_prefix(&self.root).unwrap_or(&path).to_owned();
        Ok((path, named, text))
    }

    /// Sets a key in a settings file.
    ///
    /// # Errors
    /// When the key or the value is none, or the file is faulty or cannot be written.
    pub fn set(&self, scope: Scope, key: &str, value: &str) -> CliResult {
        if scope != Scope::User {
            self.expect_any()?;
        }
        let (path, named, text) = self.settings_text(scope)?;
        let text = settings::set(&text, scope, &named, key, value)?;
        if scope != Scope::User {
            self.make_pipe_folder()?;
        }
        if scope == Scope::Local {
            self.ignore_in_pipe_folder("config.local.toml")?;
        }
        Ok(disk::replace(&path, text.as_bytes())?)
    }

    /// Takes a key out of a settings file. False when it is not set there.
    ///
    /// # Errors
    /// When the file is no TOML, or cannot be written.
    pub fn unset(&self, scope: Scope, key: &str) -> CliResult<bool> {
        let (path, named, text) = self.settings_text(scope)?;
        let Some(text) = settings::unset(&text, scope, &named, key)? else { return Ok(false) };
        disk::replace(&path, text.as_bytes())?;
        Ok(true)
    }

    /// Where the cache is: in the project, unless `cache.dir` says otherwise. A relative path there starts at the
    /// project's root, one with `~/` at the user's home. What DVC's files say counts before what ours do.
    pub fn cache_folder(&self) -> PathBuf {
        if let Some(folder) = Some(&self.root)
            .filter(|_| self.dialect == Dialect::Dvc)
            .and_then(|root| dvc_config::cache_dir(root))
        {
            return folder;
        }
        let Some(folder) = self.settings.cache_dir() else {
            return match self.dialect {
                Dialect::Native => self.pipe_path("cache"),
                Dialect::Dvc => dvc_config::cache_folder(&self.root),
            };
        };
        let home = folder.strip_prefix("~/").and_then(|below| Some(environment::home()?.join(below)));
        cache::lexical(&self.root.join(home.unwrap_or_else(|| PathBuf::from(folder))))
    }

    /// A path inside [`PIPE_FOLDER`].
    pub fn pipe_path(&self, name: &str) -> PathBuf {
        self.root.join(self.dialect.state_folder()).join(name)
    }

    /// The git repository around it.
    pub fn git(&self) -> Option<Git> {
        Git::find(&self.root)
    }

    /// Makes [`PIPE_FOLDER`], with its ignore file.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn make_pipe_folder(&self) -> CliResult {
        let ignore = self.pipe_path(".gitignore");
        if disk::read_optional(&ignore)?.is_none() {
            self.ignore_in_dvc_folder()?;
            disk::replace(&ignore, IGNORED.as_bytes())?;
        }
        Ok(())
    }

    /// Keeps out of git what nobody shares of DVC's folder, where `dvc init` has not: there is a `dvc.yaml` alone.
    fn ignore_in_dvc_folder(&self) -> CliResult {
        let folder = self.root.join(DVC_FOLDER);
        let (ignore, config) = (folder.join(".gitignore"), folder.join("config"));
        if self.dialect == Dialect::Dvc && !config.exists() && !ignore.exists() && self.git().is_some() {
            disk::replace(&ignore, IGNORED_BY_DVC.as_bytes())?;
        }
        Ok(())
    }

    /// Keeps a file in [`PIPE_FOLDER`] out of git, also where its ignore file is older than the file's name.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn ignore_in_pipe_folder(&self, name: &str) -> Result<(), disk::DiskError> {
        let ignore = self.pipe_path(".gitignore");
        let mut text = disk::read_text_optional(&ignore)?.unwrap_or_else(|| IGNORED.to_owned());
        if !text.lines().any(|line| line == "/*" || line.strip_prefix('/') == Some(name)) {
            text = format!("{}\n/{name}\n", text.trim_end());
        } else if ignore.exists() {
            return Ok(());
        }
        disk::replace(&ignore, text.as_bytes())
    }

    /// Whether stages are at work, or were when their process died: then outs are in motion.
    pub fn is_in_motion(&self) -> bool {
        let jobs = std::fs::read_dir(self.job_folder());
        jobs.is_ok_and(|mut jobs| jobs.next().is_some())
    }

    /// A folder for what a checkout of this process makes before it puts it in place. That of a dead process is removed by
    /// whoever [recovers](exec::Claims::recover) what it left.
    pub fn checkout_folder(&self) -> PathBuf {
        self.job_folder().join(format!("{}-checkout", disk::Holder::current().file_name()))
    }

    /// Where files of the workspace are made before they get their names: what is left there by a process that was killed
    /// is seen by neither git nor DVC, and goes with the next command that takes the lock.
    pub fn making_folder(&self) -> PathBuf {
        self.pipe_path("tmp").join("files")
    }

    /// Where it is noted what processes are at work on, and what they have set aside.
    pub fn job_folder(&self) -> PathBuf {
        self.pipe_path("tmp").join("jobs")
    }

    /// The project's files and their cache, with no memory of what was hashed before.
    pub fn workspace_anew(&self) -> Workspace {
        self.workspace_with(State::anew(&self.pipe_path("state")))
    }

    /// The project's files and their cache.
    ///
    /// # Errors
    /// When the state file is there and cannot be read.
    pub fn workspace(&self, printer: Printer) -> CliResult<Workspace> {
        let state = State::load(&self.pipe_path("state"))?;
        if state.was_damaged() {
            printer.warn(format_args!(
                "the state file {} is damaged and not used; files are hashed again",
                self.pipe_path("state").display()
            ));
        }
        Ok(self.workspace_with(state))
    }

    /// The project's files and their cache, with this memory.
    pub fn workspace_with(&self, state: State) -> Workspace {
        let mut workspace = Workspace::with_caches(&self.root, self.blobs(), self.stage_cache(), state)
            .with_link_types(self.link_types());
        workspace.stages = workspace.stages.with_trust(self.settings.trust());
        workspace
    }

    /// How files of the workspace are made from the cache, the preferred way first. DVC's settings count before ours.
    pub fn link_types(&self) -> Vec<LinkType> {
        let theirs = match self.dialect {
            Dialect::Native => None,
            Dialect::Dvc => dvc_config::link_types(&self.root),
        };
        theirs.unwrap_or_else(|| self.settings.link_types())
    }

    /// What is known of the last successes of the pipeline's stages.
    ///
    /// # Errors
    /// When lock or journal are damaged.
    pub fn ledger(&self, pipeline: &Pipeline) -> CliResult<Ledger> {
        let journal = self.pipe_path("journal");
        let (files, pointers) = (&pipeline.files, &pipeline.pointers);
        Ok(Ledger::read_with(
            (pipeline.lock_codec(), self.neighbour()),
            &self.root,
            &journal,
            files,
            pointers,
        )?)
    }

    /// The stage of this project that this process is started by. It must wait for no other: that may be its own
    /// stage, or one that waits for it.
    pub fn enclosing_stage(&self) -> Option<String> {
        environment::enclosing_stage().filter(|(root, _)| *root == self.root).map(|(_, stage)| stage)
    }

    /// What is said when a command makes a project of a folder that was none.
    pub fn told_when_made(&self) -> String {
        format!("Made a pipe project in {}: its runs are kept there from now on.", self.root.display())
    }

    /// Whether it is a project already: of pipe, or of DVC.
    pub fn is_made(&self) -> bool {
        self.root.join(PIPE_FOLDER).is_dir() || self.root.join(DVC_FOLDER).is_dir()
    }

    /// Where the files of a run lie while they belong to nothing else.
    pub fn run_folder(&self, run: RunId) -> PathBuf {
        self.pipe_path("artifacts").join(run.to_string())
    }
}

fn current_folder() -> CliResult<PathBuf> {
    Ok(std::env::current_dir()
        .map_err(|source| disk::DiskError::new("find the current folder", Path::new("."), source))?)
}

/// The root of the project around a folder.
fn root_around(current: &Path) -> &Path {
    let with = |holds: &dyn Fn(&Path) -> bool| current.ancestors().find(|folder| holds(folder));
    let made = |folder: &Path| [PIPE_FOLDER, DVC_FOLDER].iter().any(|own| folder.join(own).is_dir());
    with(&made)
        .or_else(|| git::folder_of_git(current))
        .or_else(|| with(&|folder| dialects_of_files(folder).next().is_some()))
        .unwrap_or(current)
}

/// Where `current` is in the project at `root`.
fn base_of(root: &Path, current: &Path) -> CliResult<ProjectPath> {
    Ok(ProjectPath::from_relative(current.strip_prefix(root).unwrap_or(Path::new("")))?)
}

/// How the cache of a project is laid out.
pub fn layout_of(dialect: Dialect) -> Layout {
    match dialect {
        Dialect::Native => Layout::Native,
        Dialect::Dvc => Layout::Dvc,
    }
}

/// The dialects of the pipeline files in a folder.
fn dialects_of_files(folder: &Path) -> impl Iterator<Item = Dialect> {
    let folder = folder.to_owned();
    [Dialect::Native, Dialect::Dvc]
        .into_iter()
        .filter(move |dialect| folder.join(dialect.pipeline_file()).is_file())
}

/// The dialect of the pointers and locks in a folder.
fn dialect_of_traces(folder: &Path) -> Option<Dialect> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let names: Vec<String> = files.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let is_of = |name: &String, dialect: Dialect| {
        let suffix = dialect.pointer_suffix();
        name == dialect.lock_file() || (name.ends_with(suffix) && name != suffix)
    };
    [Dialect::Native, Dialect::Dvc].into_iter().find(|dialect| names.iter().any(|name| is_of(name, *dialect)))
}
