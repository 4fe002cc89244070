//! Changes to how stages and data are written: made in the texts, checked by reading the whole project with them, and
//! only then put in place of the files.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use base::ProjectPath;
use disk::{LockFile, Sharing};
use pipeline::{Glob, Pipeline, PipelineError, plain_pointer};

use crate::cli::command_line;
use crate::discover::{Found, look_around};
use crate::error::{CliError, CliResult};
use crate::pointed::Depth;
use crate::project::{Project, one_tool};
use crate::reading::{Reader, files_in_place, load_pipeline, outside_text, root_text};
use crate::ui::Printer;

/// One edit of pipeline files at a time: of two at once, one would be lost.
///
/// # Errors
/// When the lock file cannot be written.
pub fn lock(project: &Project, printer: Printer) -> CliResult<LockFile> {
    project.make_pipe_folder()?;
    let on_wait = &mut |holder: &str| printer.say(format_args!("Waiting: {holder} edits the pipeline."));
    let path = project.pipe_path("tmp").join("edit");
    Ok(LockFile::acquire(&path, &command_line(), Sharing::Exclusive, Duration::MAX, &|| true, on_wait)?)
}

/// Texts of pipeline files and pointers, changed and not written yet.
#[derive(Debug)]
pub struct Edits<'a> {
    project: &'a Project,
    /// By file: as it was read (`None` where there was none), and as it shall be (`None` where it goes).
    texts: BTreeMap<ProjectPath, (Option<String>, Option<String>)>,
}

impl<'a> Edits<'a> {
    /// None yet.
    pub fn new(project: &'a Project) -> Self {
        Edits { project, texts: BTreeMap::new() }
    }

    /// Changes the text of a file; one that does not exist is empty.
    ///
    /// # Errors
    /// When it cannot be read, or `change` fails.
    pub fn change(
        &mut self,
        file: &ProjectPath,
        change: impl FnOnce(&str) -> Result<String, PipelineError>,
    ) -> CliResult {
        let root = root_text(&self.project.root);
        let (_, text) = self.text(file)?;
        *text = Some(change(&plain_pointer(&root, file, text.as_deref().unwrap_or_default()))?);
        Ok(())
    }

    /// Removes a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn remove(&mut self, file: &ProjectPath) -> CliResult {
        self.text(file)?.1 = None;
        Ok(())
    }

    /// Removes the files among those that change whose new texts are such.
    pub fn remove_if(&mut self, is_such: impl Fn(&ProjectPath, &str) -> bool) {
        for (file, (_, new)) in &mut self.texts {
            new.take_if(|text| is_such(file, text));
        }
    }

    /// The text of a file, as it was and as it shall be.
    fn text(&mut self, file: &ProjectPath) -> CliResult<&mut (Option<String>, Option<String>)> {
        if !self.texts.contains_key(file) {
            let old = disk::read_text_optional(&file.to_path(&self.project.root))?;
            self.texts.insert(file.clone(), (old.clone(), old));
        }
        Ok(self.texts.get_mut(file).expect("it is there now"))
    }

    /// The project as it would be.
    ///
    /// # Errors
    /// When it would be faulty, or one of pipe and one of DVC at once.
    pub fn check(&self, file: &ProjectPath) -> CliResult<Pipeline> {
        let Found { pipelines: mut files, pointers, strangers, .. } =
            look_around(&self.project.root, self.project.dialect);
        files.extend(pointers);
        let is_there = |file: &&ProjectPath| file.to_path(&self.project.root).is_file();
        for file in Some(file).filter(is_there).into_iter().chain(self.texts.keys()) {
            if !files.contains(file) {
                files.push(file.clone());
            }
        }
        files.retain(|file| self.texts.get(file).is_none_or(|(_, new)| new.is_some()));
        one_tool(files.first(), &strangers)?;
        let text = |path: &ProjectPath| match self.texts.get(path) {
            Some((_, new)) => Ok(new.clone()),
            None => Ok(disk::read_text_optional(&path.to_path(&self.project.root))?),
        };
        let found = |glob: &Glob| {
            files_in_place(self.project, &files, (glob, &text), Depth::Shallow, &RefCell::default())
        };
        load_pipeline(
            file,
            &files,
            Reader { root: &self.project.root, text: &text, files: &found, outside: &outside_text },
        )
        .map_err(|mut fault| {
            let what = "the pipeline would be faulty, so nothing was written";
            fault.source = fault.source.map(|source| source.context(what));
            fault
        })
    }

    /// Replaces the files, and removes those that go.
    ///
    /// # Errors
    /// When one was changed meanwhile, or the disk refuses.
    pub fn write(&self) -> CliResult {
        for (file, (old, new)) in &self.texts {
            let path = file.to_path(&self.project.root);
            if disk::read_text_optional(&path)? != *old {
                return Err(CliError::message(format!("{file} was changed meanwhile, and is left as it is"))
                    .hint("run the command again"));
            }
            match new {
                // Where a symlink stands, what it leads to is the file.
                Some(new) if old.as_ref() != Some(new) => {
                    let place = if path.is_symlink() { std::fs::canonicalize(&path).ok() } else { None };
                    disk::replace(&place.unwrap_or(path), new.as_bytes())?;
                }
                Some(_) => {}
                None => disk::remove(&path)?,
            }
        }
        Ok(())
    }
}
