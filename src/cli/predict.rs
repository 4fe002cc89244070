//! `pipe predict`: what a trained network says of points.

use std::path::{Path, PathBuf};

use clap::Args;
use learn::{Points, Prediction};
use report::{Cell, Column, Table};
use track::{Artifact, ArtifactOwner, ModelId, ModelStore, Run, RunStore, SqliteStore, StoreError, below};

use crate::cli::FormatArgs;
use crate::cli::runs::{open, restored_from, with_stages};
use crate::error::{CliError, CliResult};
use crate::mlmodel::WEIGHTS;
use crate::models::{ModelName, files, find_version, near_name};
use crate::project::Project;
use crate::ui::Printer;

/// Predict the classes of points with a network that `pipe train` trained
///
/// Prints the class and the probability of each class for each row, or writes the arrays `classes` and `probabilities`
/// into an .npz.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// The network: a model.safetensors or a folder that holds one, a run (its id, the end of it, its name, `last`),
    /// runs:/RUN/PATH, NAME/3 or NAME@ALIAS of a registered model, with models:/ before it or without, or models:/ID
    model: String,
    /// The points: an .npz with an array X (n rows, d columns) and, to be told the accuracy, y (n labels)
    #[arg(value_name = "DATA", value_hint = clap::ValueHint::FilePath)]
    data: PathBuf,
    /// Write an .npz instead; never over the points or the network
    #[arg(short, long, alias = "out", value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with_all = ["json", "csv", "md"])]
    output: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArgs,
}

/// Predicts.
///
/// # Errors
/// When there is no such network, the data cannot be read, they have other columns than those that it was trained on, or
/// the output is what is read.
pub fn run(args: &PredictArgs, printer: Printer) -> CliResult {
    let weights = weights_file(&args.model, printer)?;
    if let Some(output) = &args.output {
        check_output(output, &args.data, &weights, Path::new(&args.model))?;
    }
    let model = learn::load_model(&weights)?;
    let points = learn::read_points(&args.data)?;
    check_columns(&args.model, model.architecture.input_dim, points.features.ncols())?;
    let prediction = learn::predict(&model, &points.features)?;
    let told = accuracy(&points, &prediction);
    match &args.output {
        Some(path) => {
            learn::write_prediction(path, &prediction)?;
            let count = report::count_text(prediction.classes.len(), "point");
            printer.say(format_args!("Wrote {} ({count}{told}).", path.display()));
        }
        None => {
            args.format.print(&table(&prediction), printer);
            let count = report::count_text(prediction.classes.len(), "point");
            printer.say(format_args!("Predicted {count}{told}."));
        }
    }
    Ok(())
}

/// Refuses to write over what is read: the points, the weights, and what else lies in the folder of a network. Any other
/// file is replaced, as by whatever computes one.
fn check_output(output: &Path, data: &Path, weights: &Path, model: &Path) -> CliResult {
    // What is not there yet is nothing that is read.
    let Ok(place) = output.canonicalize() else { return Ok(()) };
    let is = |other: &Path| other.canonicalize().is_ok_and(|other| other == place);
    let is_in_folder = || {
        let folder = model.canonicalize().is_ok_and(|folder| folder.is_dir() && place.starts_with(folder));
        folder && place.extension().is_none_or(|suffix| suffix != "npz")
    };
    let what = if is(data) {
        "holds the points that are read"
    } else if is(weights) || is_in_folder() {
        "is a file of the network"
    } else {
        return Ok(());
    };
    Err(CliError::message(format!("{} {what}, and is not written over", base::shown(output)))
        .hint("give `-o` the name of another file"))
}

/// Refuses points of other columns than the network knows. Neither has names for them: their number is what can be told.
fn check_columns(model: &str, known: usize, given: usize) -> CliResult {
    if given == known {
        return Ok(());
    }
    let (count, is) = (given.abs_diff(known), if given < known { "missing" } else { "too many" });
    let columns = |count| report::count_text(count, "column");
    Err(CliError::message(format!(
        "the array X has {}, but `{model}` was trained on {}: {count} {is}",
        columns(given),
        columns(known)
    ))
    .hint("give it the columns that the network was trained on, in the same order"))
}

/// How often the labels agree, where there are some.
fn accuracy(points: &Points, prediction: &Prediction) -> String {
    let Some(labels) = &points.labels else { return String::new() };
    let pairs = labels.iter().zip(&prediction.classes);
    let hits =
        pairs.filter(|(label, class)| usize::try_from(**label).is_ok_and(|label| label == **class)).count();
    format!(", accuracy {:.4}", hits as f64 / labels.len().max(1) as f64)
}

fn table(prediction: &Prediction) -> Table {
    let classes = prediction.probabilities.ncols();
    let mut columns = vec![Column::number("class")];
    columns.extend((0..classes).map(|class| Column::number(format!("probability_{class}"))));
    let mut table = Table::new(columns);
    for (class, row) in prediction.classes.iter().zip(prediction.probabilities.rows()) {
        let class = Cell::Int(i64::try_from(*class).unwrap_or(i64::MAX));
        let probabilities = row.iter().map(|value| Cell::float(f64::from(*value)));
        table.push(std::iter::once(class).chain(probabilities).collect());
    }
    table
}

/// Finds the file of the network.
fn weights_file(name: &str, printer: Printer) -> CliResult<PathBuf> {
    let path = Path::new(name);
    if path.is_dir() {
        return Ok(path.join(WEIGHTS));
    }
    if path.exists() {
        return Ok(path.to_owned());
    }
    if path.extension().is_some() && !name.contains(':') {
        return Err(CliError::message(format!("there is no file {name}")));
    }
    let project = Project::find()?;
    let store = open(&project, printer)?;
    let Some(weights) = weights(&store, name)? else {
        return Err(CliError::message(format!("`{name}` has no {WEIGHTS}"))
            .hint("`pipe train` logs one; `pipe runs show` and `pipe models show` tell what is there"));
    };
    let blobs = project.blobs();
    if !blobs.has(&weights.digest) {
        return Err(CliError::message(format!("the cache has no {} ({})", weights.path, weights.digest))
            .hint("`pipe fetch --all-commits` may bring it, where it is an out of a stage"));
    }
    Ok(blobs.path(&weights.digest))
}

/// The weights of what is named in the store.
fn weights(store: &SqliteStore, name: &str) -> CliResult<Option<Artifact>> {
    if let Some(which) = name.strip_prefix("models:/") {
        if let Ok(id) = which.parse::<ModelId>() {
            store.logged_model(id)?;
            return Ok(among(store.artifacts_of(&ArtifactOwner::Model(id))?));
        }
        let wanted: ModelName = name.parse().map_err(|fault: String| CliError::message(fault))?;
        return Ok(among(files(store, &find_version(store, &wanted)?)?));
    }
    let (run, path) = match name.strip_prefix("runs:/") {
        Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
        None => (name, ""),
    };
    let found = match store.find_run(run) {
        // A registered model may be named without `models:/` as well.
        Err(fault @ StoreError::NoMatch(_)) => match run.parse::<ModelName>() {
            Ok(wanted) if wanted.which.is_some() || store.registered_model(&wanted.name).is_ok() => {
                return Ok(among(files(store, &find_version(store, &wanted)?)?));
            }
            Ok(ModelName { name, .. }) => {
                let near = near_name(store, &name)
                    .map(|near| format!("did you mean the registered model `{near}`?"));
                return Err(near.into_iter().fold(fault.into(), CliError::hint));
            }
            Err(_) => return Err(fault.into()),
        },
        found => found?,
    };
    for run in with_stages(store, found)? {
        if let Some(found) = weights_of(store, &run, path)? {
            return Ok(Some(found));
        }
        // What was restored is what another run made.
        let origin = restored_from(&run).and_then(|origin| store.run(origin.parse().ok()?).ok());
        if let Some(found) = origin.map_or(Ok(None), |origin| weights_of(store, &origin, path))? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The weights of the model that a run logged last, of that name where one is given, else those among its artifacts.
fn weights_of(store: &SqliteStore, run: &Run, path: &str) -> CliResult<Option<Artifact>> {
    for output in run.data.model_outputs.iter().rev() {
        // One that was logged to another store has no files here.
        let named = path.is_empty() || store.logged_model(output.model).is_ok_and(|model| model.name == path);
        if let Some(found) = among(store.artifacts_of(&ArtifactOwner::Model(output.model))?).filter(|_| named)
        {
            return Ok(Some(found));
        }
    }
    Ok(among(below(store.artifacts(run.info.id)?, path)))
}

fn among(artifacts: Vec<Artifact>) -> Option<Artifact> {
    artifacts.into_iter().find(|artifact| artifact.path == WEIGHTS)
}
