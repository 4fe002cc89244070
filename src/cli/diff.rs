//! `pipe diff`: what was different between two executions of a stage, or between the data of two states.
//!
//! Told from what the runs recorded, so that it works however the workspace looks now. What a folder held is read
//! from its manifest, when the cache has it.

mod data;
mod side;

use clap::Args;
use report::{Cell, Column, Table};
use serde_json::{Map, Value as Json, json};
use track::{Filter, Joined, ParentFilter, Run, RunStatus, RunStore, Search, SqliteStore, StoreError, View};

use crate::cli::quoted;
use crate::error::{CliError, CliResult};
use crate::project::Project;
use crate::recorder::tags;
use crate::revision::Revision;
use crate::ui::Printer;
use side::{Change, FileChange, Sides};

/// Show what differed between two executions of a stage, or in the data of two revisions
///
/// Without a stage or run, the data is compared: of two git revisions, of one and the workspace, or of HEAD and the
/// workspace. Files in folders count one by one, and equal bytes under another name are a renaming.
///
/// Of executions, first the inputs: command, params, deps, declared variables of the environment; then commit and host; then the
/// outs. With a stage alone, its last two executions are compared; with a stage and a run, that run and its last
/// execution. Of two reproductions all stages are compared that both executed.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// A stage, or a run: the end of its id as lists show it, the whole id, `last`, or `last~1`; else a git revision
    #[arg(value_name = "STAGE|RUN|REV")]
    first: Option<String>,
    /// The run to compare with, or the other revision
    #[arg(value_name = "RUN|REV")]
    second: Option<String>,
    /// Take the words for revisions and compare the data, also where a stage or run is called so
    #[arg(long)]
    data: bool,
    /// Compare only these files and folders, and what is in them, or the data of these stages, pointers and pipeline files
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub targets: Vec<String>,
    /// Leave out which data that changed the cache lacks
    #[arg(long)]
    hide_missing: bool,
    /// Show digests of data too
    #[arg(long)]
    show_hash: bool,
    /// Print JSON, with whole digests
    #[arg(long, conflicts_with = "md")]
    json: bool,
    /// Print markdown tables
    #[arg(long)]
    md: bool,
}

/// Compares executions.
///
/// # Errors
/// When there is no such stage or run, or nothing to compare it with.
pub fn run(args: &DiffArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let states = data_states(args, &project, printer)?;
    let (Some(first), None) = (&args.first, &states) else {
        return data::run(args, &project, states.unwrap_or((None, None)), printer);
    };
    let store = project.store_to_show(printer)?.ok_or_else(CliError::no_run_yet)?;
    let blobs = project.blobs();
    let pairs = pairs(args, first, &project, &store)?;
    let sides = pairs.iter().map(|(old, new)| Sides::read(&store, &blobs, old, new));
    let sides = sides.collect::<Result<Vec<_>, _>>()?;
    if args.json {
        let all: Vec<Json> = sides.iter().map(sides_json).collect();
        printer.data_line(serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    for (at, sides) in sides.iter().enumerate() {
        if at > 0 {
            printer.data("\n");
        }
        print(sides, args.md, printer);
    }
    Ok(())
}

/// The states whose data is to be compared; `None` where executions are meant.
fn data_states(
    args: &DiffArgs,
    project: &Project,
    printer: Printer,
) -> CliResult<Option<(Option<Revision>, Option<Revision>)>> {
    let Some(first) = &args.first else { return Ok(Some((None, None))) };
    let words = || std::iter::once(first).chain(&args.second);
    if !args.data {
        // Where runs cannot be read, words that name states are not kept from doing so.
        let opened = project.existing_store();
        let store = opened.as_ref().ok().and_then(Option::as_ref);
        let is_run = |word: &String| store.is_some_and(|store| store.find_run(word).is_ok());
        let pipeline = project.pipeline_if_any_beside_conflicts(printer)?;
        let is_stage = |word: &String| {
            let found = pipeline.targets(&[word], &project.base);
            found.is_ok_and(|found| found.iter().any(|id| !pipeline.stage(*id).is_source()))
        };
        if words().any(|word| is_run(word) || is_stage(word)) {
            return Ok(None);
        }
        for word in words() {
            match Revision::parse(project, word) {
                Ok(_) => {}
                Err(fault) if fault.is_of_foreign_repository() => return Err(fault),
                Err(_) => {
                    let names_data = pipeline.targets(&[word], &project.base).is_ok();
                    refuse_unknown(project, opened, word, names_data)?;
                    return Ok(None);
                }
            }
        }
    }
    let second = args.second.as_ref().map(|word| Revision::parse(project, word)).transpose()?;
    Ok(Some((Some(Revision::parse(project, first)?), second)))
}

/// Refuses a word that names no run either, and no stage that ever ran.
fn refuse_unknown(
    project: &Project,
    opened: Result<Option<SqliteStore>, StoreError>,
    word: &str,
    names_data: bool,
) -> CliResult {
    let store = match opened {
        // It may be the word of a run.
        Err(fault) if !names_data => return Err(fault.into()),
        opened => opened.ok().flatten(),
    };
    if let Some(store) = &store {
        match store.find_run(word) {
            Err(StoreError::NoMatch(_)) => {}
            // Of several runs none is guessed, which is told where it is opened.
            _ => return Ok(()),
        }
        if !executions(project, store, word)?.is_empty() {
            return Ok(());
        }
    }
    Err(match names_data {
        true => CliError::message(format!("`{word}` is data, which no stage makes"))
            .hint(format!("`pipe diff --targets {}` compares it", quoted(word))),
        false => CliError::message(format!("`{word}` names no git revision, no run and no stage")).hint(
            "`git branch --all`, `git tag` and `git log` tell the revisions, `pipe runs list` the runs, `pipe stage list` \
             the stages; `--targets PATH` compares single files and folders",
        ),
    })
}

/// The executions to compare, old and new.
fn pairs(
    args: &DiffArgs,
    first_name: &str,
    project: &Project,
    store: &SqliteStore,
) -> CliResult<Vec<(Run, Run)>> {
    let executions = executions(project, store, first_name)?;
    let Some(second) = &args.second else {
        let mut executions = executions.into_iter();
        return match (executions.next(), executions.next()) {
            (Some(new), Some(old)) => Ok(vec![(old, new)]),
            (Some(_), None) => Err(CliError::message(format!("stage `{first_name}` was executed only once"))
                .hint("there is something to compare once it ran again")),
            (None, _) => {
                Err(CliError::message(format!("no execution of a stage `{first_name}` is recorded"))
                    .hint("name a stage that ran, or two runs; `pipe runs list` shows them"))
            }
        };
    };
    let second = Joined::find(store, second, View::Active)?.run;
    if let Some(newest) = executions.into_iter().next() {
        let name = stage_of(&newest).unwrap_or_default().to_owned();
        let other = stage_runs(store, second)?.into_iter().find(|run| stage_of(run) == Some(&name));
        let other = other.ok_or_else(|| {
            CliError::message(format!(
                "run {} executed no stage `{name}`",
                args.second.as_deref().unwrap_or("")
            ))
            .hint("`pipe runs show` tells which stages a run executed")
        })?;
        return Ok(vec![(other, newest)]);
    }
    let first = Joined::find(store, first_name, View::Active)?.run;
    let titles = [&first, &second].map(|run| format!("run {} ({})", run.info.id.short(), run.info.name));
    let news = stage_runs(store, second)?;
    let mut pairs = Vec::new();
    for old in stage_runs(store, first)? {
        if let Some(new) = news.iter().find(|new| stage_of(new) == stage_of(&old)) {
            pairs.push((old, new.clone()));
        }
    }
    if pairs.is_empty() {
        let [first, second] = titles;
        return Err(CliError::message(format!("{first} and {second} have no stage in common"))
            .hint("`pipe runs compare` compares params, metrics and tags of any runs"));
    }
    Ok(pairs)
}

fn stage_of(run: &Run) -> Option<&str> {
    run.data.tags.get(tags::STAGE).map(String::as_str)
}

/// A stage's run itself, or the runs of the stages that a reproduction executed.
fn stage_runs(store: &SqliteStore, run: Run) -> CliResult<Vec<Run>> {
    if stage_of(&run).is_some() {
        return Ok(vec![run]);
    }
    let children = store.children(run.info.id)?;
    Ok(children.into_iter().filter(|run| stage_of(run).is_some()).collect())
}

/// The runs in which a stage ran, restored ones not counted, the newest first; none when the text names no stage.
fn executions(project: &Project, store: &SqliteStore, wanted: &str) -> CliResult<Vec<Run>> {
    let mut names = vec![wanted.to_owned()];
    if let Ok(pipeline) = project.pipeline()
        && let Ok(stages) = pipeline.targets(&[wanted], &project.base)
        && let [stage] = stages.as_slice()
    {
        names.insert(0, pipeline.stage(*stage).address.spelled());
    }
    for name in names {
        let quote = if name.contains('\'') { '"' } else { '\'' };
        let Ok(filter) = Filter::parse(&format!("tags.`{}` = {quote}{name}{quote}", tags::STAGE)) else {
            continue;
        };
        let search = Search { filter: Some(filter), parent: ParentFilter::Any, ..Search::default() };
        let mut runs = store.search(&search)?;
        runs.retain(|run| !run.data.tags.contains_key(tags::RESTORED_FROM) && !track::is_of_script(run));
        if !runs.is_empty() {
            return Ok(runs);
        }
    }
    Ok(Vec::new())
}

fn title(run: &Run) -> String {
    let status = match run.info.status {
        RunStatus::Finished => String::new(),
        status => format!(", {}", status.name().to_lowercase()),
    };
    format!("run {} ({}{status})", run.info.id.short(), run.info.start_time.local())
}

fn print(sides: &Sides, md: bool, printer: Printer) {
    let name = stage_of(&sides.new).unwrap_or_default();
    let mut table = Table::new(vec![
        Column::text("what").kept(),
        Column::text("name").kept().whole(),
        Column::text("old").kept(),
        Column::text("new").kept(),
    ]);
    let cell = |value: &Option<String>| value.as_ref().map_or(Cell::Missing, Cell::text);
    let mut push = |what: &str, changes: &[Change]| {
        for Change { name, old, new } in changes {
            table.push(vec![Cell::text(what), Cell::text(name), cell(old), cell(new)]);
        }
    };
    push("command", sides.command.as_slice());
    push("param", &sides.params);
    push("dep", &shown(&sides.deps));
    push("env", &sides.shown_env());
    let inputs_are_equal = sides.inputs_are_equal();
    push("git", &sides.git);
    push("host", &sides.host);
    push("out", &shown(&sides.outs));
    let [old, new] = [&sides.old, &sides.new].map(title);
    if md {
        printer.data_line(format_args!("### {name}: {old} -> {new}\n"));
        if !table.is_empty() {
            printer.data(table.markdown());
        }
    } else {
        printer.data_text(format_args!("{name}: {old} -> {new}"));
        if !table.is_empty() {
            printer.data(table.text(printer.width(), printer.colors_data()));
        }
    }
    if inputs_are_equal {
        let text = match (sides.key_differs, table.is_empty()) {
            (true, _) => {
                "Other inputs differ than the runs recorded: the shell, the folder or the list of outs."
            }
            (false, true) => "Nothing differs.",
            (false, false) => "The inputs are the same.",
        };
        printer.data_line(text);
    }
}

/// Files with short digests, those inside a folder below it.
fn shown(files: &[FileChange]) -> Vec<Change> {
    let mut changes = Vec::new();
    for file in files {
        let short = |digest: &Option<base::Digest>| digest.as_ref().map(base::Digest::short);
        changes.push(Change { name: file.path.clone(), old: short(&file.old), new: short(&file.new) });
        changes.extend(shown(&file.inside));
    }
    changes
}

fn change_json(change: &Change) -> Json {
    json!({"old": change.old, "new": change.new})
}

fn map_json(changes: &[Change]) -> Json {
    let entries = changes.iter().map(|change| (change.name.clone(), change_json(change)));
    Json::Object(entries.collect::<Map<_, _>>())
}

fn files_json(files: &[FileChange]) -> Json {
    let file = |file: &FileChange| {
        let change = match (&file.old, &file.new) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        };
        let mut entry = json!({"path": file.path, "change": change, "old": file.old, "new": file.new});
        if !file.inside.is_empty() {
            entry["files"] = files_json(&file.inside);
        }
        entry
    };
    files.iter().map(file).collect()
}

fn sides_json(sides: &Sides) -> Json {
    let run = |run: &Run| {
        json!({
            "run": run.info.id.to_string(),
            "start_time": run.info.start_time.to_string(),
            "status": run.info.status.name(),
        })
    };
    json!({
        "stage": stage_of(&sides.new),
        "old": run(&sides.old),
        "new": run(&sides.new),
        "inputs_differ": sides.key_differs || !sides.inputs_are_equal(),
        "command": sides.command.as_ref().map(change_json),
        "params": sides.params_json(),
        "deps": files_json(&sides.deps),
        "env": map_json(&sides.env),
        "git": map_json(&sides.git),
        "host": map_json(&sides.host),
        "outs": files_json(&sides.outs),
    })
}
