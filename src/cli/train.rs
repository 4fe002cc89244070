//! `pipe train`: trains on a data set, showing and recording it live.

use std::path::{Path, PathBuf};

use base::{ProjectPath, Timestamp};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use learn::{Control, Logs, TrainConfig};
use serde_json::{Map, Value as Json};

use crate::cli::flags::{self, Flag};
use crate::error::{CliError, CliResult, ErrorKind};
use crate::interrupt::Interrupt;
use crate::registration::RuleArgs;
use crate::training::{Registration, TrainingRun};
use crate::ui::Printer;
use crate::ui::training::TrainingView;

/// The fields of [`TrainConfig`].
const FLAGS: &[Flag] = &[
    ("problem_type", "Name of the data's kind, for the records"),
    ("n_samples", "Number of points that the data were asked for; the data are checked against it"),
    ("input_dim", "Number of columns; the data are checked against it"),
    ("profile", "The recipe: classic"),
    ("device", "Where to train: cpu, or cuda, which falls back to cpu in this build"),
    ("seed", "Seed of every random stream of the training"),
    ("train_frac", "Share of the points that train; the rest validates"),
    ("batch_size", "Rows per training batch"),
    ("validation_batch_factor", "A validation batch has this many times batch_size rows"),
    ("warm_up_epochs", "Epochs of phase 1, in which the trunk trains"),
    ("adaptation_epochs", "Epochs of phase 2, in which seeds may germinate"),
    ("lr", "Learning rate of phase 1"),
    ("phase_2_lr_factor", "Phase 2 starts from lr times this"),
    ("lr_step_epochs", "Epochs between decays of the learning rate"),
    ("lr_gamma", "Factor of each decay"),
    ("beta_1", "Adam: decay of the first moment"),
    ("beta_2", "Adam: decay of the second moment"),
    ("epsilon", "Adam: added to the root of the second moment"),
    ("hidden_dim", "Width of every layer"),
    ("num_layers", "Hidden blocks after the input layer"),
    ("seeds_per_layer", "Seeds after each block"),
    ("blend_steps", "Steps over which a trained seed is blended in"),
    ("blend_done", "A blend is done at this alpha"),
    ("shadow_lr", "Learning rate of a seed while it learns to copy"),
    ("shadow_batch_size", "Rows of one shadow step"),
    ("shadow_entries", "Buffered batches from which a shadow step draws its rows"),
    ("progress_step", "Progress of a seed per shadow step"),
    ("progress_thresh", "Blending starts when progress is above this"),
    ("buffer_length", "Batches kept per layer"),
    ("buffer_minimum", "With fewer batches a seed neither trains nor germinates"),
    ("drift_warn", "Cosine drift above which a blending seed is warned of; 0 turns it off"),
    ("acc_threshold", "Nothing germinates at this validation accuracy or above"),
    ("patience", "Epochs without improvement before a seed germinates"),
    ("delta", "Improvement of the validation loss that counts"),
    ("leak_compat", "As the original: scaler and buffers see validation rows"),
    ("event_horizon", "Epochs after a germination over which its effect is reported"),
];

/// Train a morphogenetic network on a data set
///
/// The network warms up, is frozen, and grows: when the validation loss stalls, a seed germinates, learns to
/// copy what passes it, and is blended in. Writes model.safetensors, metrics.json, plots/ and logs/ into the
/// output folder. The same seed, flags and data give the same bytes (logs apart, which tell the time). The
/// network is logged as a model of the run, which MLflow's clients load and `pipe predict` asks.
#[derive(Debug)]
pub struct TrainArgs {
    data: PathBuf,
    output: PathBuf,
    params: Option<String>,
    given: Map<String, Json>,
    registration: Option<Registration>,
}

fn defaults() -> Json {
    serde_json::to_value(TrainConfig::default()).expect("a configuration is plain data")
}

impl Args for TrainArgs {
    fn augment_args(command: Command) -> Command {
        let path = |name: &'static str, value: &'static str| {
            clap::Arg::new(name).long(name).value_name(value).value_parser(clap::value_parser!(PathBuf))
        };
        let command = command
            .about("Train a morphogenetic network on a data set")
            .long_about(
                "Train a morphogenetic network on a data set\n\nThe network warms up, is frozen, and grows: when \
                 the validation loss stalls, a seed germinates, learns to copy what passes it, and is blended in. \
                 Writes model.safetensors, metrics.json, plots/ and logs/ into the output folder. The same seed, \
                 flags and data give the same bytes (logs apart, which tell the time). The network is logged as a model \
                 of the run, which MLflow's clients load and `pipe predict` asks.",
            )
            .arg(
                path("data", "FILE")
                    .required(true)
                    .value_hint(clap::ValueHint::FilePath)
                    .help("The data set: an .npz with arrays X (n rows, d columns) and y (n labels 0 or 1)"),
            )
            .arg(
                path("output", "FOLDER")
                    .short('o')
                    .default_value("results")
                    .value_hint(clap::ValueHint::DirPath)
                    .help("The folder for everything that the training writes"),
            )
            .arg(
                clap::Arg::new("params")
                    .long("params")
                    .value_name("FILE[:KEY]")
                    .value_hint(clap::ValueHint::FilePath)
                    .help("Take parameters from this YAML, JSON or TOML file, or from a map in it; flags go before it"),
            );
        let command = command.next_help_heading("Registration").arg(
            clap::Arg::new("register")
                .long("register")
                .value_name("NAME")
                .help("Make a version of this registered model of the trained network; when its rule does not hold, a line says so"),
        );
        let command = ["if", "if_better_than", "alias"]
            .into_iter()
            .fold(RuleArgs::augment_args(command), |command, name| {
                command.mut_arg(name, |arg| arg.requires("register"))
            });
        flags::add(command, "Parameters", FLAGS, &defaults())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for TrainArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let path = |name: &str| matches.get_one::<PathBuf>(name).cloned().unwrap_or_default();
        Ok(TrainArgs {
            data: path("data"),
            output: path("output"),
            params: matches.get_one::<String>("params").cloned(),
            given: flags::given(matches, FLAGS, &defaults()),
            registration: match matches.get_one::<String>("register") {
                Some(name) => {
                    Some(Registration { name: name.clone(), rule: RuleArgs::from_arg_matches(matches)? })
                }
                None => None,
            },
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Trains.
///
/// # Errors
/// When a parameter or the data are illegal, the training diverges, or a file cannot be written; with exit
/// code 130 or 143 when it is interrupted, and then no output is written.
pub fn run(args: TrainArgs, printer: Printer) -> CliResult {
    let config = config(&args)?;
    config.validate()?;
    let data = learn::read_npz(&args.data)?;
    config.check_data(&data)?;
    args.registration.as_ref().map_or(Ok(()), Registration::check)?;
    // A training that is told to stop ends after the step it is at.
    let interrupt = Interrupt::listen()?;
    let logs_folder = args.output.join("logs");
    // The logs tell the time, so they are no outs; git need not see them either.
    disk::replace(&logs_folder.join(".gitignore"), b"*\n")?;
    let mut logs = Logs::create(&logs_folder)?;
    let run = TrainingRun::start(&config, &args.data, printer);
    let view = TrainingView::new(printer, &config);
    let mut log_fault = None;
    let trained = learn::train(&config, &data, &mut |event| {
        let now = Timestamp::now();
        if log_fault.is_none() {
            log_fault = logs.record(&event, now).err();
        }
        view.event(&event);
        run.event(&event, now);
        let stop = interrupt.came() || log_fault.is_some();
        if stop { Control::Stop } else { Control::Continue }
    });
    view.close();
    let outcome = match trained {
        Ok(_) if interrupt.came() => {
            run.end(track::RunStatus::Killed, &[]);
            return Err(CliError::silent(ErrorKind::Interrupted(interrupt.signal())));
        }
        Ok(outcome) => outcome,
        Err(fault) => {
            run.end(track::RunStatus::Failed, &Logs::paths(&logs_folder));
            return Err(fault.into());
        }
    };
    let written = match log_fault {
        Some(fault) => Err(CliError::from(fault)),
        None => learn::write_outputs(&args.output, &outcome).map_err(CliError::from),
    };
    let paths = match written {
        Ok(paths) => paths,
        Err(fault) => {
            run.end(track::RunStatus::Failed, &[]);
            return Err(fault);
        }
    };
    run.results(&outcome, &paths);
    run.model(&outcome, &config, &data, args.registration.as_ref());
    run.end(track::RunStatus::Finished, &Logs::paths(&logs_folder));
    let best = outcome.metrics.best_acc.map(|best| format!("best_acc {best:.4}, ")).unwrap_or_default();
    let (active, total) = (outcome.metrics.active_seeds, outcome.metrics.total_seeds);
    printer.say(format_args!(
        "Trained: {best}{active} of {total} seeds active. Wrote {}.",
        args.output.display()
    ));
    Ok(())
}

/// Defaults, then the params file, then flags.
fn config(args: &TrainArgs) -> CliResult<TrainConfig> {
    let mut values = defaults();
    if let Some(params) = &args.params {
        merge_params(&mut values, params)?;
    }
    for (name, value) in &args.given {
        let shown = value.clone();
        if let Err(fault) = set(&mut values, name, value.clone()) {
            return Err(CliError::message(format!("--{name} {shown} is not legal: {fault}"))
                .hint("`pipe train --help` lists the parameters with their defaults"));
        }
    }
    Ok(serde_json::from_value(values)?)
}

fn set(values: &mut Json, name: &str, value: Json) -> Result<(), serde_json::Error> {
    values[name] = value;
    serde_json::from_value::<TrainConfig>(values.clone()).map(drop)
}

/// Takes from a params file the keys that are parameters of a training; others belong to somebody else.
fn merge_params(values: &mut Json, spec: &str) -> CliResult {
    let (file, key) = match spec.rsplit_once(':') {
        Some((file, key)) if !Path::new(spec).exists() => (file, key),
        _ => (spec, ""),
    };
    let path = Path::new(file);
    let text = disk::read_text_optional(path)?
        .ok_or_else(|| CliError::message(format!("there is no params file {file}")))?;
    // Names in messages only; the file may lie anywhere.
    let shown = ProjectPath::from_relative(path)
        .or_else(|_| ProjectPath::from_relative(Path::new(path.file_name().unwrap_or_default())))?;
    let whole = pipeline::params::parse(&shown, &text, pipeline::Dialect::Native)?;
    let map = whole
        .get(key)
        .and_then(base::Value::as_map)
        .ok_or_else(|| CliError::message(format!("{file} has no map `{key}`")))?;
    for (name, _) in FLAGS {
        let Some(value) = map.get(*name) else { continue };
        if let Err(fault) = set(values, name, serde_json::to_value(value)?) {
            let mut segments: Vec<pipeline::yaml::Segment<'_>> =
                key.split('.').filter(|part| !part.is_empty()).map(pipeline::yaml::Segment::Key).collect();
            segments.push(pipeline::yaml::Segment::Key(name));
            let place = pipeline::yaml::locate(&text, &segments).map(|place| place.value);
            let message = format!("parameter `{name}` is {value}: {fault}");
            return Err(pipeline::PipelineError::new(&shown, message).at(place).into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_flag() {
        let fields = defaults();
        let names: Vec<&str> = FLAGS.iter().map(|(name, _)| *name).collect();
        assert!(fields.as_object().unwrap().keys().all(|field| names.contains(&field.as_str())), "{fields}");
        assert_eq!(names.len(), fields.as_object().unwrap().len());
    }
}
