//! `pipe models register`: a version of what a run made, if the run is good enough; checked and made in one transaction.

use std::collections::BTreeSet;

use base::{FileState, ProjectPath};
use cache::Blobs;
use clap::Args;
use pipeline::Dialect;
use track::{
    Artifact, ArtifactOwner, Change, Changes, Joined, Lifecycle, LoggedModel, ModelStatus, ModelStore,
    NewVersion, Role, Run, RunId, RunStore, STAGE_RUN_TAG, SqliteStore, StoreError, Tag, View, below,
};

use crate::cli::arguments::parse_pair;
use crate::cli::runs::{open, restored_from};
use crate::environment;
use crate::error::{CliError, CliResult};
use crate::logging::now;
use crate::project::Project;
use crate::registration::{RuleArgs, registration};
use crate::ui::Printer;

/// Make a version of a registered model of what a run made
///
/// The model is made when there is none of that name. With `--if` and `--if-better-than` a version is made only when the
/// run is good enough, which is checked in the moment in which it is made; else nothing changes, and the exit code is 1.
#[derive(Debug, Args)]
pub struct RegisterArgs {
    /// The registered model's name
    name: String,
    /// The run: its id, the end of it, its name, or `last`; what its stages and their scripts made is its own, too, and
    /// of a run that was restored what the run made that it was restored from
    #[arg(long)]
    run: String,
    /// What of it: one of its logged models by name or id, a file or folder of its artifacts, or an out of its stage [default:
    /// its only logged model, else `model`]
    #[arg(long)]
    path: Option<String>,
    #[command(flatten)]
    rule: RuleArgs,
    /// What is special about the version
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A tag of the version; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_pair)]
    tag: Vec<(String, String)>,
    /// Print JSON: the name and the number of the version
    #[arg(long)]
    json: bool,
}

/// Makes a version.
///
/// # Errors
/// When the run has no such thing, or a name is against the rules; with exit code 1 when the run is not good enough.
pub fn run(args: &RegisterArgs, project: &Project, printer: Printer) -> CliResult {
    track::check_registered_name(&args.name)?;
    let store = open(project, printer)?;
    let root = Joined::find(&store, &args.run, View::Active)?;
    let blobs = project.blobs();
    let made = find(&store, &blobs, &root, args.path.as_deref())?;
    check_files(project, &blobs, &made)?;
    // What is measured of a stage may lie with it or with its script's run.
    let measured = Joined::of(&store, made.run.clone())?;
    let preconditions =
        args.rule.preconditions(&args.name, &|metric| measured.holder(metric), &measured.run.data.tags)?;
    let changes = registration(NewVersion {
        model: args.name.clone(),
        source: made.source,
        run: Some(made.run.info.id),
        run_link: None,
        logged_model: made.logged_model,
        description: args.description.clone(),
        user: environment::user(),
        status: ModelStatus::Ready,
        tags: args.tag.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect(),
        artifacts: made.artifacts,
        aliases: args.rule.alias.clone(),
        known_as: None,
    });
    let mut changes = Vec::from(changes);
    if !made.logged.is_empty() {
        changes.push(Change::LogArtifacts { run: made.run.info.id, artifacts: made.logged });
    }
    let changes = Changes { preconditions, ..now(changes) };
    let applied = store.apply(changes).map_err(|fault| match fault {
        StoreError::Precondition { .. } => CliError::refusal(fault.to_string())
            .hint(format!("no version of `{}` was made, and nothing was changed", args.name)),
        fault => fault.into(),
    })?;
    let number = applied.versions.first().copied().unwrap_or_default();
    if args.json {
        printer.data_line(serde_json::json!({"name": args.name, "version": number}));
    } else {
        let aliases: String =
            args.rule.alias.iter().map(|alias| format!(", {}@{alias}", args.name)).collect();
        printer.say(format_args!("Registered {}/{number}{aliases}.", args.name));
    }
    Ok(())
}

/// So many files that are gone are named.
const NAMED: usize = 10;

/// Refuses a version whose files nobody could fetch.
fn check_files(project: &Project, blobs: &Blobs, made: &Made) -> CliResult {
    let is_gone = |artifact: &&Artifact| !blobs.has(&artifact.digest);
    let gone: Vec<&str> =
        made.artifacts.iter().filter(is_gone).map(|artifact| artifact.path.as_str()).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let why = match project.dialect {
        Dialect::Native => "",
        Dialect::Dvc => "`dvc gc` removes what runs alone name from the cache, `pipe gc` keeps it: ",
    };
    let what = report::few_text(&gone, NAMED, ", ");
    Err(CliError::message(format!("the cache lacks {what} of {}: no version was made", made.source)).hint(
        format!(
            "{why}log it again, or, where it is an out of a stage, `pipe fetch --all-commits` or `pipe repro -f`"
        ),
    ))
}

/// What a version is made of.
struct Made {
    run: Run,
    source: String,
    logged_model: Option<track::ModelId>,
    artifacts: Vec<Artifact>,
    /// Outs that become artifacts of the run.
    logged: Vec<Artifact>,
}

/// Finds what is meant in the nearest generation of a run's family that has it, or else in the runs that these were
/// restored from.
fn find(store: &SqliteStore, blobs: &Blobs, root: &Joined, path: Option<&str>) -> CliResult<Made> {
    let generations = root.generations(store)?;
    if let Some(made) = find_in(store, blobs, &generations, path)? {
        return Ok(made);
    }
    let (origins, gone) = origins(store, &generations)?;
    for origin in &origins {
        if let Some(made) = find_in(store, blobs, &origin.generations(store)?, path)? {
            return Ok(made);
        }
    }
    let short = root.run.info.id.short();
    let wanted = path.unwrap_or("model");
    let mut from: Vec<String> = origins.iter().map(|origin| origin.run.info.id.short()).collect();
    from.extend(gone.iter().map(|id| format!("{} (no longer kept)", id.short())));
    let from = match from.is_empty() {
        true => String::new(),
        false => format!(", and neither has what it was restored from, {}", from.join(", ")),
    };
    let shown = origins.first().map_or(short.clone(), |origin| origin.run.info.id.short());
    Err(CliError::message(format!("run {short} has no artifact, logged model or out `{wanted}`{from}"))
        .hint(format!("`pipe runs show {shown}` shows what it made; `--path` names one of them")))
}

/// The runs that others were restored from, each once, and the ids of those that are gone.
fn origins(store: &SqliteStore, generations: &[Vec<Run>]) -> CliResult<(Vec<Joined>, Vec<RunId>)> {
    let named = generations.iter().flatten().filter_map(|run| restored_from(run)?.parse::<RunId>().ok());
    let mut seen = BTreeSet::new();
    let (mut origins, mut gone) = (Vec::new(), Vec::new());
    for id in named.filter(|id| seen.insert(*id)) {
        match store.run(id) {
            Ok(run) if run.info.lifecycle == Lifecycle::Active => origins.push(Joined::of(store, run)?),
            Ok(_) | Err(StoreError::UnknownRun(_)) => gone.push(id),
            Err(fault) => return Err(fault.into()),
        }
    }
    Ok((origins, gone))
}

/// Finds what is meant in one family: logged models first, then files.
fn find_in(
    store: &SqliteStore,
    blobs: &Blobs,
    generations: &[Vec<Run>],
    path: Option<&str>,
) -> CliResult<Option<Made>> {
    for generation in generations {
        if let Some(made) = logged_model(store, generation, path)? {
            return Ok(Some(made));
        }
    }
    for generation in generations {
        // Of a file that both have, the script's counts, as of a param.
        let is_of_pair = |run: &&Run| run.data.tags.contains_key(STAGE_RUN_TAG);
        let (scripts, others): (Vec<&Run>, Vec<&Run>) = generation.iter().partition(is_of_pair);
        for run in scripts.into_iter().chain(others) {
            if let Some(made) = files_in(store, blobs, run, path)? {
                return Ok(Some(made));
            }
        }
    }
    Ok(None)
}

/// The logged model of one of these runs that is meant.
fn logged_model(store: &SqliteStore, runs: &[Run], path: Option<&str>) -> CliResult<Option<Made>> {
    let mut found: Vec<(&Run, LoggedModel)> = Vec::new();
    for run in runs {
        let (models, _) = store.made_by(&[run])?;
        let is_meant = |model: &LoggedModel| match path {
            Some(path) => model.name == path || model.id.to_string() == path,
            None => true,
        };
        let mut models: Vec<LoggedModel> = models.into_iter().filter(is_meant).collect();
        if path.is_some() {
            // Of several with a name in one run, the one that was logged last.
            models.drain(..models.len().saturating_sub(1));
        }
        found.extend(models.into_iter().map(|model| (run, model)));
    }
    if found.len() > 1 {
        let listed = found.iter().map(|(run, model)| {
            format!("{} ({}, of run {} {})", model.name, model.id, run.info.id.short(), run.info.name)
        });
        let listed = listed.collect::<Vec<_>>().join(", ");
        let (run, first) = &found[0];
        let is_one_name =
            found.iter().all(|(of, model)| of.info.id == run.info.id && model.name == first.name);
        let hint = if is_one_name {
            format!("`--path` takes one of them by its id; `--path {}` is the last one", first.name)
        } else {
            "`--path` takes one of them by its name or its id, `--run` one of these runs".to_owned()
        };
        let count = found.len();
        return Err(CliError::message(format!("{count} logged models could be meant: {listed}")).hint(hint));
    }
    let Some((run, model)) = found.pop() else { return Ok(None) };
    let artifacts = store.artifacts_of(&ArtifactOwner::Model(model.id))?;
    let source = format!("models:/{}", model.id);
    let (run, logged) = (run.clone(), Vec::new());
    Ok(Some(Made { run, source, logged_model: Some(model.id), artifacts, logged }))
}

/// The files that are meant of a run: artifacts, or an out.
fn files_in(store: &SqliteStore, blobs: &Blobs, run: &Run, path: Option<&str>) -> CliResult<Option<Made>> {
    let id = run.info.id;
    let path = path.unwrap_or("model").trim_end_matches('/');
    let (mut artifacts, mut logged) = (below(store.artifacts(id)?, path), Vec::new());
    if artifacts.is_empty() {
        logged = out(store, blobs, id, path)?;
        artifacts = below(logged.clone(), path);
    }
    if artifacts.is_empty() {
        return Ok(None);
    }
    let source = format!("runs:/{id}/{path}");
    Ok(Some(Made { run: run.clone(), source, logged_model: None, artifacts, logged }))
}

/// The files of an out that the run's stage wrote, or of a folder in one, as artifacts of the run: so others find them
/// there.
///
/// # Errors
/// When the cache lacks the list of a folder, or the store fails.
pub fn out(store: &SqliteStore, blobs: &Blobs, run: RunId, path: &str) -> CliResult<Vec<Artifact>> {
    let is_above =
        |out: &str| path.strip_prefix(out).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let Some(file) = store.lineage(run, Role::Output)?.into_iter().find(|file| is_above(&file.path)) else {
        return Ok(Vec::new());
    };
    let digest = file.digest;
    let (size, files) = match blobs.tree(&digest) {
        Ok(tree) => (tree.totals().0, Some(tree.totals().1)),
        Err(_) => (file.size, None),
    };
    let state = FileState { digest, size, files, executable: false };
    let files = blobs.files(&ProjectPath::from_record(&file.path)?, &state)?;
    let files = files.into_iter().filter(|(_, state)| !state.is_folder());
    let artifact = |(path, state): (ProjectPath, FileState)| Artifact {
        path: path.to_string(),
        digest: state.digest,
        size: state.size,
    };
    let is_meant = |file: &Artifact| {
        file.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    Ok(files.map(artifact).filter(is_meant).collect())
}
