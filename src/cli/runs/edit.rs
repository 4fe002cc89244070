//! `pipe runs tag`, `rename` and `note`: what people say about a run.

use base::{check_tag_key, one_line, plain_lines};
use clap::Args;
use track::{Change, Joined, NOTE_TAG, RunStore, Tag, View};

use crate::cli::arguments::{parse_tag, text_argument};
use crate::error::{CliError, CliResult};
use crate::logging::now;
use crate::project::Project;
use crate::ui::Printer;

use super::open;

#[derive(Debug, Args)]
pub struct TagArgs {
    /// The run: the end of its id as lists show it, the whole id, its name, or `last`
    run: String,
    /// Tags to set
    #[arg(value_name = "KEY=VALUE", required_unless_present = "delete", value_parser = parse_tag)]
    tags: Vec<(String, String)>,
    /// Remove this tag; may be repeated
    #[arg(long, value_name = "KEY")]
    delete: Vec<String>,
}

#[derive(Debug, Args)]
pub struct RenameArgs {
    /// The run: the end of its id as lists show it, the whole id, its name, or `last`
    run: String,
    /// Its new name
    name: String,
}

#[derive(Debug, Args)]
pub struct NoteArgs {
    /// The run: the end of its id as lists show it, the whole id, its name, or `last`
    run: String,
    /// The note, in markdown; `-` reads it from standard input, an empty one removes it [default: print the note]
    #[arg(allow_hyphen_values = true)]
    text: Option<String>,
}

/// Sets and removes tags.
///
/// # Errors
/// When there is no such run or tag, a key is against the rules, or the store cannot be written.
pub fn tag(args: &TagArgs, project: &Project, printer: Printer) -> CliResult {
    args.delete.iter().try_for_each(|key| check_tag_key(key)).map_err(CliError::message)?;
    let store = open(project, printer)?;
    let joined = Joined::find(&store, &args.run, View::Active)?;
    let (run, id) = (&joined.run, joined.run.info.id);
    if let Some(key) = args.delete.iter().find(|key| run.tag(key).is_none()) {
        return Err(CliError::message(format!("run {} has no tag `{key}`", id.short()))
            .hint(format!("`pipe runs show {}` shows its tags", id.short())));
    }
    let tags = args.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
    let mut changes = vec![Change::SetTags { run: id, tags }];
    for key in &args.delete {
        changes.extend(joined.ids().map(|run| Change::DeleteTag { run, key: key.clone() }));
    }
    store.apply(now(changes))?;
    printer.say(format_args!("Changed the tags of run {} ({}).", id.short(), one_line(&run.info.name)));
    Ok(())
}

/// Gives a run another name.
///
/// # Errors
/// When there is no such run, the name is too long, or the store cannot be written.
pub fn rename(args: &RenameArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let run = Joined::find(&store, &args.run, View::Active)?.run;
    let (id, name) = (run.info.id, args.name.trim());
    if name.is_empty() {
        return Err(CliError::message("the name is empty").hint("give the run a name that lists can show"));
    }
    let name = Some(name.to_owned());
    store.apply(now(vec![Change::UpdateRun { run: id, status: None, end_time: None, name }]))?;
    let (old, new) = (one_line(&run.info.name), one_line(args.name.trim()));
    printer.say(format_args!("Run {} was {old} and is {new}.", id.short()));
    Ok(())
}

/// Writes the note of a run, or prints it.
///
/// # Errors
/// When there is no such run, the note is too long, or the store cannot be written.
pub fn note(args: &NoteArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let joined = Joined::find(&store, &args.run, View::Active)?;
    let (run, id) = (&joined.run, joined.run.info.id);
    let Some(text) = args.text.as_deref().map(text_argument).transpose()? else {
        match run.data.tags.get(NOTE_TAG) {
            Some(note) => printer.data_text(plain_lines(note.trim_end())),
            None => printer.say(format_args!("Run {} has no note.", id.short())),
        }
        return Ok(());
    };
    let key = NOTE_TAG.to_owned();
    let changes = if text.trim().is_empty() {
        joined.ids().map(|run| Change::DeleteTag { run, key: key.clone() }).collect()
    } else {
        vec![Change::SetTags { run: id, tags: vec![Tag { key, value: text }] }]
    };
    store.apply(now(changes))?;
    printer.say(format_args!("Changed the note of run {} ({}).", id.short(), one_line(&run.info.name)));
    Ok(())
}
