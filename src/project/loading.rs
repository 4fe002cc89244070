//! How a project's pipeline is found and read.

use std::cell::RefCell;
use std::sync::Once;

use base::ProjectPath;
use pipeline::{Builtins, Dialect, Environment, Glob, Pipeline, Special, SpecialKind};

use super::{DVC_FOLDER, Origin, PIPE_FOLDER, Project, dialects_of_files};
use crate::cli::quoted_path;
use crate::discover::{Found, look_around};
use crate::env_key::env_key;
use crate::environment;
use crate::error::{CliError, CliResult};
use crate::git::GitError;
use crate::pointed::Depth;
use crate::reading::{Reader, files_in_place, load_pipeline, outside_text};
use crate::remotes;
use crate::ui::Printer;

/// How many files of DVC are named.
const NAMED: usize = 3;

/// What a pipeline is read from.
struct Files {
    /// The pipeline file that is meant.
    file: ProjectPath,
    /// All of them and all pointers.
    files: Vec<ProjectPath>,
    /// What was looked into to find them.
    seen: Vec<ProjectPath>,
    /// Files of DVC in a project of ours, or the other way round.
    unread: Vec<ProjectPath>,
}

/// Of files of DVC that a project of ours does not read, or the other way round: a merge of a branch from before
/// `pipe convert`, or from after it, brings them, and nothing else would tell that their data is none of the project's.
/// What is so, and the way out.
fn of_both_tools(unread: &[ProjectPath]) -> Option<(String, String)> {
    let first = unread.first()?;
    let is_lock = |file: &ProjectPath| file.name() == Dialect::Native.lock_file();
    let is_ours = is_lock(first) || first.as_str().ends_with(Dialect::Native.pointer_suffix());
    let what = match (is_ours, unread.len()) {
        (true, 1) if is_lock(first) => "is a lock of pipe's own, which a project of DVC does not have",
        (true, _) if unread.iter().any(is_lock) => {
            "are files of pipe's own, which a project of DVC does not have"
        }
        (false, 1) => "is a file of DVC, which a project of pipe does not read",
        (false, _) => "are files of DVC, which a project of pipe does not read",
        (true, 1) => "is a pointer of pipe's own, which a project of DVC does not have",
        (true, _) => "are pointers of pipe's own, which a project of DVC does not have",
    };
    let pointer = unread.iter().find(|file| pipeline::is_pointer(file)).unwrap_or(first);
    let suffix = if is_ours { Dialect::Native } else { Dialect::Dvc }.pointer_suffix();
    let way = match pointer.as_str().strip_suffix(suffix) {
        Some(data) => format!(
            "`pipe pull` brings its data in a checkout of the commit that it came from (`git worktree add FOLDER COMMIT`). Copy \
             that here, `git rm {}`, and `pipe add {}`",
            quoted_path(pointer.as_str()),
            quoted_path(data)
        ),
        None => format!(
            "`pipe repro` records results in {}; `git rm {}`",
            if is_ours { Dialect::Dvc } else { Dialect::Native }.lock_file(),
            quoted_path(first.as_str())
        ),
    };
    Some((format!("{} {what}", report::few_text(unread, NAMED, ", ")), way))
}

/// Tells of files of the other tool, once in a process: of commands that bring what is needed to take their data over.
fn tell_unread(unread: &[ProjectPath], printer: Printer) {
    // A pull reads the pipeline again to check out.
    static TOLD: Once = Once::new();
    if let Some((what, way)) = of_both_tools(unread) {
        TOLD.call_once(|| printer.warn(format_args!("{what}: {way}")));
    }
}

/// Refuses files of the other tool.
///
/// # Errors
/// When there are any: what they are, and the way out.
pub fn refuse_unread(unread: &[ProjectPath]) -> CliResult {
    match of_both_tools(unread) {
        Some((what, way)) => Err(CliError::message(what).hint(way)),
        None => Ok(()),
    }
}

/// Refuses a project that has a file `own` and pipeline files of the other tool.
///
/// # Errors
/// When it does.
pub fn one_tool(own: Option<&ProjectPath>, strangers: &[ProjectPath]) -> CliResult {
    let (Some(own), Some(stranger)) = (own, strangers.first()) else { return Ok(()) };
    let text = format!("the project has {own} and {stranger}: it is one of pipe or one of DVC");
    let hint = "remove or rename one of them; `pipe convert` makes pipeline files of DVC's";
    Err(CliError::message(text).hint(hint))
}

impl Project {
    /// The pipeline file meant without a target: that of the current folder, else of the nearest above. Where others alone
    /// lie in the project, that of its root, which is not there: all of them are meant.
    ///
    /// # Errors
    /// When the project has none.
    pub fn pipeline_file(&self) -> CliResult<ProjectPath> {
        let mut folder = Some(self.base.clone());
        while let Some(at) = folder {
            let file = at.join(self.dialect.pipeline_file());
            if file.to_path(&self.root).is_file() {
                return Ok(file);
            }
            folder = at.parent();
        }
        if self.is_one()? && !look_around(&self.root, self.dialect).pipelines.is_empty() {
            return Ok(ProjectPath::root().join(self.dialect.pipeline_file()));
        }
        let place = self.base.to_path(&self.root);
        let hint = match self.dialect {
            Dialect::Native => "`pipe init --example` makes a project with a pipeline to start from",
            Dialect::Dvc => {
                "`pipe stage add` makes one with a stage, `pipe add` puts data under version control"
            }
        };
        let text =
            format!("there is no {} in {} or above it", self.dialect.pipeline_file(), base::shown(&place));
        Err(CliError::message(text).hint(hint))
    }

    /// Reads all pipeline files of the project, with all that they refer to.
    ///
    /// # Errors
    /// When there is none for the current folder, or something in one is wrong.
    pub fn pipeline(&self) -> CliResult<Pipeline> {
        Ok(self.pipeline_with_origin()?.0)
    }

    /// The same, with what it was made of.
    ///
    /// # Errors
    /// As [`Project::pipeline`].
    pub fn pipeline_with_origin(&self) -> CliResult<(Pipeline, Origin)> {
        let start = disk::Stamp::now();
        self.loaded(start, self.pipeline_files()?)
    }

    /// The same without data whose pointers hold an unresolved merge conflict, which is told: for commands that can do
    /// what they do for all other data. Returns also whether it has all data.
    ///
    /// # Errors
    /// As [`Project::pipeline`].
    pub fn pipeline_beside_conflicts(&self, printer: Printer) -> CliResult<(Pipeline, bool)> {
        let start = disk::Stamp::now();
        self.loaded_beside_conflicts(start, self.pipeline_files()?, printer)
    }

    fn loaded_beside_conflicts(
        &self,
        start: i64,
        mut read: Files,
        printer: Printer,
    ) -> CliResult<(Pipeline, bool)> {
        tell_unread(&read.unread, printer);
        let mut conflicts = Vec::new();
        for path in read.files.iter().filter(|path| pipeline::is_pointer(path)) {
            let text = disk::read_text_optional(&path.to_path(&self.root))?.unwrap_or_default();
            let Some(fault) = pipeline::conflict(path, &text) else { continue };
            let hint = fault.hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default();
            printer.warn(format_args!("{fault}, and its data is left out{hint}"));
            conflicts.push(path.clone());
        }
        read.files.retain(|path| !conflicts.contains(path));
        Ok((self.loaded(start, read)?.0, conflicts.is_empty()))
    }

    fn loaded(
        &self,
        start: i64,
        Files { file, files, seen, unread }: Files,
    ) -> CliResult<(Pipeline, Origin)> {
        let read = RefCell::new(Origin { start, present: seen, absent: Vec::new(), unread });
        let text = |path: &ProjectPath| {
            let place = path.to_path(&self.root);
            let text = match disk::read_text_optional(&place) {
                // A folder holds no params. Who needs them to run says so then.
                Err(_) if !files.contains(path) && place.is_dir() => None,
                text => text?,
            };
            let mut read = read.borrow_mut();
            if text.is_some() { &mut read.present } else { &mut read.absent }.push(path.clone());
            Ok(text)
        };
        let seen = RefCell::default();
        let found = |glob: &Glob| {
            let base = glob.base();
            if !base.to_path(&self.root).is_dir() {
                read.borrow_mut().absent.push(base.clone());
            }
            files_in_place(self, &files, (glob, &text), Depth::Whole, &seen)
        };
        let mut pipeline = load_pipeline(
            &file,
            &files,
            Reader { root: &self.root, text: &text, files: &found, outside: &outside_text },
        )?;
        read.borrow_mut().present.append(&mut seen.borrow_mut());
        let shell = self.dialect.default_shell(environment::shell().as_deref(), environment::version_of);
        for stage in pipeline.stages.iter_mut().filter(|stage| stage.shell.is_none()) {
            stage.shell.clone_from(&shell);
        }
        pipeline.environment = self.environment(&pipeline)?;
        Ok((pipeline, read.into_inner()))
    }

    /// In projects of DVC, refuses locks that git ignores, which DVC would not read.
    ///
    /// # Errors
    /// When there is one, or git fails.
    pub fn refuse_ignored_locks(&self, pipeline: &Pipeline) -> CliResult {
        let Some(git) = self.git().filter(|_| self.dialect == Dialect::Dvc) else { return Ok(()) };
        let locks: Vec<ProjectPath> = pipeline.files.iter().map(pipeline::lock_beside).collect();
        let locks: Vec<&ProjectPath> = locks.iter().collect();
        let open = match git.not_ignored(&locks) {
            Err(GitError::Start(_)) => return Ok(()),
            open => open?,
        };
        match locks.into_iter().find(|lock| !open.contains(lock)) {
            Some(lock) => Err(CliError::message(format!("{lock} is git-ignored, and DVC would not read it"))
                .hint(format!("`git check-ignore -v {}` names the rule", quoted_path(lock.as_str())))),
            None => Ok(()),
        }
    }

    /// What the variables hold that stages declare. The key is asked for where there is something to hide.
    fn environment(&self, pipeline: &Pipeline) -> CliResult<Environment> {
        let mut environment = Environment::default();
        let mut secrets = false;
        for variable in pipeline.declared_variables() {
            if let Some(value) = environment::declared(&variable.name) {
                secrets |= !variable.plain;
                environment.values.insert(variable.name.clone(), value);
            }
        }
        if secrets {
            environment.key = env_key(self)?;
        }
        // An out outside the project may not contain the folder of any.
        let is_concerned = pipeline.stages.iter().any(|stage| {
            let is_remote = |dep: &Special| dep.name.kind == SpecialKind::Remote;
            !stage.special_outs.is_empty() || stage.special.iter().any(is_remote)
        });
        if is_concerned {
            for (name, url) in self.remotes().0 {
                let folder = remotes::folder(self, &url).map_err(|fault| {
                    fault.source.map_or_else(|| "it cannot be opened".to_owned(), |cause| cause.to_string())
                });
                environment.remotes.insert(name, folder);
            }
        }
        Ok(environment)
    }

    /// Whether anything makes a project of the root: else it is just the current folder, below which anything may lie.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn is_one(&self) -> CliResult<bool> {
        if self.is_made()
            || self.root.join(".git").exists()
            || dialects_of_files(&self.root).next().is_some()
            || self.has_lock_of_dvc()
        {
            return Ok(true);
        }
        let entries = std::fs::read_dir(&self.root)
            .map_err(|source| disk::DiskError::new("look into", &self.root, source))?;
        let is_pointer = |name: &str| {
            [Dialect::Native, Dialect::Dvc].iter().any(|one| name.ends_with(one.pointer_suffix()))
        };
        Ok(entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(is_pointer)))
    }

    /// What the pipeline is to be read from. Where there are pointers alone, or a project was begun and has neither, the
    /// file that is meant need not be there.
    fn pipeline_files(&self) -> CliResult<Files> {
        self.pipeline_files_if_any()?
    }

    /// The same, or why there is nothing to read.
    ///
    /// # Errors
    /// When what is there cannot be told, or is of pipe and of DVC at once.
    fn pipeline_files_if_any(&self) -> CliResult<CliResult<Files>> {
        if !self.is_one()? {
            let fault = self.pipeline_file().err();
            return Ok(Err(fault.unwrap_or_else(|| CliError::message("there is no project here"))));
        }
        let Found { pipelines: mut files, pointers, strangers, seen, unread } =
            look_around(&self.root, self.dialect);
        one_tool(files.first().or(pointers.first()), &strangers)?;
        let file = match self.pipeline_file() {
            Ok(file) => file,
            Err(_) if !pointers.is_empty() || (files.is_empty() && self.is_begun()) => {
                ProjectPath::root().join(self.dialect.pipeline_file())
            }
            Err(fault) => return Ok(Err(fault)),
        };
        if !files.contains(&file) && file.to_path(&self.root).is_file() {
            // It stands in a folder that is not looked into; someone who works there means it all the same.
            files.push(file.clone());
        }
        files.extend(pointers);
        Ok(Ok(Files { file, files, seen, unread }))
    }

    /// Refuses where nothing makes a project.
    ///
    /// # Errors
    /// When nothing does, or what is there cannot be told.
    pub fn expect(&self) -> CliResult {
        self.pipeline_files_if_any()?.map(drop)
    }

    /// Refuses where nothing at all makes a project, before anything is written: it would make one by the way.
    ///
    /// # Errors
    /// When nothing does, or the folder cannot be read.
    pub fn expect_any(&self) -> CliResult {
        if self.is_one()? {
            return Ok(());
        }
        let text = format!("there is no project in {} or above it", base::shown(&self.root));
        Err(CliError::message(text).hint("`pipe init` makes one of the folder in which it is called"))
    }

    /// Whether somebody made it with `pipe init` or `dvc init`, or it has at least a lock of DVC.
    pub(super) fn is_begun(&self) -> bool {
        [PIPE_FOLDER, DVC_FOLDER].iter().any(|folder| self.root.join(folder).is_dir())
            || self.has_lock_of_dvc()
    }

    fn has_lock_of_dvc(&self) -> bool {
        self.dialect == Dialect::Dvc && self.root.join(self.dialect.lock_file()).is_file()
    }

    /// Whether it was begun and has no pipeline file and no pointer yet.
    pub fn is_bare(&self) -> bool {
        if !self.is_begun() || self.pipeline_file().is_ok() {
            return false;
        }
        let Found { pipelines, pointers, strangers, .. } = look_around(&self.root, self.dialect);
        [pipelines, pointers, strangers].iter().all(Vec::is_empty)
    }

    /// The pipeline, or one without stages where there is no pipeline file and no pointer.
    ///
    /// # Errors
    /// When something in a file is wrong, or the project is one of pipe and one of DVC at once.
    pub fn pipeline_if_any(&self) -> CliResult<Pipeline> {
        let start = disk::Stamp::now();
        match self.pipeline_files_if_any()? {
            Ok(files) => Ok(self.loaded(start, files)?.0),
            Err(_) => self.no_pipeline(),
        }
    }

    /// The same of a project that has no files of the other tool.
    ///
    /// # Errors
    /// As [`Project::pipeline_if_any`], and when it has.
    pub fn pipeline_of_one_tool_if_any(&self) -> CliResult<Pipeline> {
        let start = disk::Stamp::now();
        match self.pipeline_files_if_any()? {
            Ok(files) => {
                refuse_unread(&files.unread)?;
                Ok(self.loaded(start, files)?.0)
            }
            Err(_) => self.no_pipeline(),
        }
    }

    /// The same as far as [`Project::pipeline_beside_conflicts`] goes.
    ///
    /// # Errors
    /// As [`Project::pipeline`].
    pub fn pipeline_if_any_beside_conflicts(&self, printer: Printer) -> CliResult<Pipeline> {
        let start = disk::Stamp::now();
        match self.pipeline_files_if_any()? {
            Ok(files) => Ok(self.loaded_beside_conflicts(start, files, printer)?.0),
            Err(_) => self.no_pipeline(),
        }
    }

    /// The same as [`Project::pipeline_if_any`], and unread files of the other tool are told.
    ///
    /// # Errors
    /// As [`Project::pipeline_if_any`].
    pub fn pipeline_if_any_told(&self, printer: Printer) -> CliResult<Pipeline> {
        let start = disk::Stamp::now();
        match self.pipeline_files_if_any()? {
            Ok(files) => {
                tell_unread(&files.unread, printer);
                Ok(self.loaded(start, files)?.0)
            }
            Err(_) => self.no_pipeline(),
        }
    }

    fn no_pipeline(&self) -> CliResult<Pipeline> {
        let nothing = Reader {
            root: &self.root,
            text: &|_| Ok(None),
            files: &|_| Ok(Vec::new()),
            outside: &outside_text,
        };
        load_pipeline(&ProjectPath::root().join(self.dialect.pipeline_file()), &[], nothing)
    }

    /// Loads the texts of the workspace with `load`, which gets the pipeline file that is meant and all of them.
    ///
    /// # Errors
    /// When there is no pipeline file, or `load` fails.
    pub fn load_with<T>(
        &self,
        load: impl FnOnce(&ProjectPath, &[ProjectPath], Reader<'_>) -> CliResult<T>,
    ) -> CliResult<T> {
        let Files { file, files, .. } = self.pipeline_files()?;
        let text = |path: &ProjectPath| Ok(disk::read_text_optional(&path.to_path(&self.root))?);
        let found =
            |glob: &Glob| files_in_place(self, &files, (glob, &text), Depth::Whole, &RefCell::default());
        load(&file, &files, Reader { root: &self.root, text: &text, files: &found, outside: &outside_text })
    }

    /// The built-in commands with the versions of their algorithms.
    pub fn builtins() -> Builtins {
        Builtins(vec![
            ("pipe data generate", learn::DATA_ALGORITHM_VERSION),
            #[cfg(feature = "train")]
            ("pipe train", learn::TRAIN_ALGORITHM_VERSION),
        ])
    }
}
