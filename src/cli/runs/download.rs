//! `pipe runs download`: artifacts, outs and logged models of a run.

use std::collections::BTreeMap;

use clap::Args;
use track::{
    Artifact, ArtifactOwner, Joined, ModelStore, Run, RunId, RunStore, STAGE_RUN_TAG, SqliteStore, View,
};

use crate::cli::download::FolderArgs;
use crate::cli::models::out;
use crate::error::{CliError, CliResult};
use crate::project::Project;
use crate::ui::Printer;

use super::{open, restored_from};

/// Put artifacts of a run, its outs or its logged models into a folder
///
/// They lie there as they are called in the run: a logged model in a folder of its name. Where a stage has a file and its
/// script a folder of one name, or the other way round, the stage's is called `NAME (stage)`, or `NAME (stage 2)` where
/// that is taken. Without a path these are all artifacts and logged models; outs are named, since they may be large. What a
/// run itself has not may be of its stages.
#[derive(Debug, Args)]
pub struct DownloadArgs {
    /// The run: its id, the end of it, its name, or `last`
    run: String,
    /// What of it: an artifact, an out or a folder of either, or a logged model by its name [default: all artifacts and
    /// logged models]
    path: Option<String>,
    #[command(flatten)]
    folder: FolderArgs,
}

/// Puts them there.
///
/// # Errors
/// When the run has no such thing, the cache lacks it, or the folder holds something.
pub fn run(args: &DownloadArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let root = Joined::find(&store, &args.run, View::Active)?;
    let path = args.path.as_deref().map(|path| path.trim_matches('/')).filter(|path| !path.is_empty());
    let short = root.run.info.id.short();
    for generation in root.generations(&store)? {
        let files = files(&store, project, &generation, path, printer)?;
        if !files.is_empty() {
            return args.folder.put(&files, (&format!("run {short}"), &short), project, printer);
        }
    }
    let what = path.map_or("artifacts and no logged models".to_owned(), |path| {
        format!("artifact, out or logged model `{path}`")
    });
    let hint = match restored_from(&root.run).and_then(|from| from.parse::<RunId>().ok()) {
        Some(from) => format!("it was restored from run {}, which may have it", from.short()),
        None => format!("`pipe runs show {short}` shows what it has"),
    };
    Err(CliError::message(format!("run {short} has no {what}")).hint(hint))
}

/// What is meant in runs of one generation, by path.
fn files(
    store: &SqliteStore,
    project: &Project,
    runs: &[Run],
    path: Option<&str>,
    printer: Printer,
) -> CliResult<Vec<Artifact>> {
    let mut found: BTreeMap<String, (RunId, Artifact)> = BTreeMap::new();
    for run in runs {
        for file in of_run(store, project, run, path)? {
            let id = run.info.id;
            // Of a name that a stage and its script have, the script's counts.
            let is_of_pair = |other: RunId| run.data.tags.get(STAGE_RUN_TAG) == Some(&other.to_string());
            if let Some((other, known)) = found.get(&file.path)
                && known.digest != file.digest
                && !is_of_pair(*other)
            {
                return Err(both_have(*other, id, &file.path));
            }
            found.insert(file.path.clone(), (id, file));
        }
    }
    set_apart(&mut found, runs, printer)?;
    Ok(found.into_values().map(|(_, file)| file).collect())
}

fn both_have(one: RunId, other: RunId, path: &str) -> CliError {
    CliError::message(format!("runs {} and {} both have {path}", one.short(), other.short()))
        .hint("name one of them in place of the run that began both")
}

/// Where one run has a file of the name of another one's folder: of a stage and its script, the stage's gets another name.
fn set_apart(found: &mut BTreeMap<String, (RunId, Artifact)>, runs: &[Run], printer: Printer) -> CliResult {
    let stage_of = |id: RunId| {
        let run = runs.iter().find(|run| run.info.id == id)?;
        run.data.tags.get(STAGE_RUN_TAG)?.parse::<RunId>().ok()
    };
    let mut apart: BTreeMap<String, RunId> = BTreeMap::new();
    for (path, (of_folder, _)) in &*found {
        for (end, _) in path.match_indices('/') {
            let Some((of_file, _)) = found.get(&path[..end]) else { continue };
            let stage = match (stage_of(*of_folder), stage_of(*of_file)) {
                (Some(stage), _) if stage == *of_file => stage,
                (_, Some(stage)) if stage == *of_folder => stage,
                _ => return Err(both_have(*of_file, *of_folder, &path[..end])),
            };
            apart.insert(path[..end].to_owned(), stage);
        }
    }
    for (name, stage) in apart {
        let other = free_name(found, &name);
        let own = found.iter().filter(|(path, (id, _))| *id == stage && is_in(path, &name));
        for path in own.map(|(path, _)| path.clone()).collect::<Vec<_>>() {
            let (id, file) = found.remove(&path).expect("it was found");
            let path = format!("{other}{}", &path[name.len()..]);
            found.insert(path.clone(), (id, Artifact { path, ..file }));
        }
        printer.say(format_args!(
            "`{name}` of the stage is called `{other}` there: its script has a file or folder of that name, too."
        ));
    }
    Ok(())
}

/// What nobody has, as `NAME (stage)`, or with a number.
fn free_name(found: &BTreeMap<String, (RunId, Artifact)>, name: &str) -> String {
    let is_free = |wanted: &String| !found.keys().any(|path| is_in(path, wanted));
    let numbered = (2..).map(|number| format!("{name} (stage {number})"));
    let mut names = std::iter::once(format!("{name} (stage)")).chain(numbered);
    names.find(is_free).expect("there are more numbers than files")
}

/// What is meant of one run: its artifacts and logged models, else an out.
fn of_run(store: &SqliteStore, project: &Project, run: &Run, path: Option<&str>) -> CliResult<Vec<Artifact>> {
    let mut models: BTreeMap<String, Vec<Artifact>> = BTreeMap::new();
    for model in store.made_by(&[run])?.0 {
        let files = store.artifacts_of(&ArtifactOwner::Model(model.id))?;
        // The last of a name counts.
        if !files.is_empty() {
            models.insert(model.name, files);
        }
    }
    let artifacts = store.artifacts(run.info.id)?.into_iter();
    let mut files: BTreeMap<String, Artifact> = artifacts.map(|file| (file.path.clone(), file)).collect();
    for (name, of_model) in models {
        files.remove(&name);
        // Artifacts may lie in a folder of that name, too.
        let renamed =
            of_model.into_iter().map(|file| Artifact { path: format!("{name}/{}", file.path), ..file });
        files.extend(renamed.map(|file| (file.path.clone(), file)));
    }
    let mut files: Vec<Artifact> = files.into_values().collect();
    let Some(path) = path else { return Ok(files) };
    files.retain(|file| is_in(&file.path, path));
    if files.is_empty() {
        files = out(store, &project.blobs(), run.info.id, path)?;
    }
    Ok(files)
}

fn is_in(file: &str, path: &str) -> bool {
    file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
