//! A move of data that was begun: noted before its first change, and forgotten after its last.
//!
//! In between two pointers tell of one data, or a pointer tells of data that lies elsewhere by now. A checkout would make
//! two of one, and a commit would record that something is gone; so commands that write refuse, and tell the words that
//! finish the move, until it is finished. What a killed process had not begun to change, or was done with, is no matter.

use std::path::PathBuf;

use base::ProjectPath;
use disk::Holder;
use pipeline::{parse_pointer, pointed_state};
use serde::{Deserialize, Serialize};

use crate::cli::quoted_path;
use crate::error::{CliError, CliResult};
use crate::project::Project;
use crate::reading::pointer_text;
use crate::ui::Printer;

/// A move, as it is noted.
#[derive(Debug, Serialize, Deserialize)]
pub struct Move {
    /// Where the data was.
    pub from: ProjectPath,
    /// Where it goes.
    pub to: ProjectPath,
    /// The pointer that tells of it.
    pub old: ProjectPath,
    /// The one that is going to; the same where it stays.
    pub new: ProjectPath,
}

#[derive(Serialize, Deserialize)]
struct Note {
    #[serde(flatten)]
    what: Move,
    holder: Holder,
}

impl Move {
    /// Notes it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn begin(self, project: &Project) -> CliResult {
        let note = Note { what: self, holder: Holder::current() };
        let text = serde_json::to_string(&note).expect("plain data");
        Ok(disk::replace(&place(project), text.as_bytes())?)
    }

    /// The one that the end of its process has cut off in the middle.
    pub fn cut_off(project: &Project) -> Option<Self> {
        let text = disk::read_text_optional(&place(project)).ok().flatten()?;
        let note: Note = serde_json::from_str(&text).ok()?;
        let lives = disk::holder_is_alive(&project.pipe_path("lock"), &note.holder);
        (!lives && note.what.is_half_done(project)).then_some(note.what)
    }

    fn is_half_done(&self, project: &Project) -> bool {
        let is_there = |path: &ProjectPath| std::fs::symlink_metadata(path.to_path(&project.root)).is_ok();
        let text = |file: &ProjectPath| pointer_text(project, file).ok().filter(|text| !text.is_empty());
        let Some(old) = text(&self.old) else { return false };
        if self.old == self.new {
            let tells = pointed_state(&self.old, &old, &self.from).is_ok_and(|state| state.is_some());
            return tells && is_there(&self.to) && !is_there(&self.from);
        }
        let state = |file: &ProjectPath, text: &str| parse_pointer(file, text).ok().map(|known| known.state);
        text(&self.new).is_some_and(|new| state(&self.new, &new) == state(&self.old, &old))
    }

    /// The command that goes on with it.
    fn words(&self, project: &Project) -> String {
        let [from, to] = [&self.from, &self.to].map(|path| quoted_path(&path.relative_to(&project.base)));
        format!("pipe move {from} {to}")
    }
}

/// Forgets the move that was begun.
///
/// # Errors
/// When the disk refuses.
pub fn end(project: &Project) -> CliResult {
    Ok(disk::remove(&place(project))?)
}

fn place(project: &Project) -> PathBuf {
    project.pipe_path("tmp").join("move")
}

/// Refuses to go on beside a move that was cut off, unless it is the one from and to `but`.
///
/// # Errors
/// With what finishes the move.
pub fn refuse_cut_off_move(project: &Project, but: Option<(&ProjectPath, &ProjectPath)>) -> CliResult {
    match Move::cut_off(project) {
        Some(cut) if but != Some((&cut.from, &cut.to)) => {
            Err(CliError::message(format!("a move of {} to {} was cut off", cut.from, cut.to))
                .hint(format!("`{}` finishes it", cut.words(project))))
        }
        _ => Ok(()),
    }
}

/// Tells of a move that was cut off.
pub fn tell_cut_off_move(project: &Project, printer: Printer) {
    if let Some(cut) = Move::cut_off(project) {
        let (from, to) = (&cut.from, &cut.to);
        printer
            .warn(format_args!("a move of {from} to {to} was cut off; `{}` finishes it", cut.words(project)));
    }
}
