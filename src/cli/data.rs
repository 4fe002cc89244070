//! `pipe data`: how data under version control stands, synthetic data sets, and contents of the cache by their digest.

mod status;

use std::path::PathBuf;

use base::ProjectPath;
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};
use learn::DataConfig;
use serde_json::{Map, Value as Json};

use crate::cli::flags::{self, Flag};
use crate::error::{CliError, CliResult};
use crate::project::Project;
use crate::ui::Printer;

/// Show how data stands; make data sets; bring contents back from the cache
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Make a synthetic data set and write it as .npz, with arrays X (float32) and y (int64)
    ///
    /// The same flags make the same bytes, on every machine.
    Generate(GenerateArgs),
    /// Bring a file or folder back from the cache by its digest
    ///
    /// For bytes that `pipe repro` saved before it replaced them, and for any out of an earlier run.
    Restore(RestoreArgs),
    /// Show what of the data changed: since the last commit, and since it was recorded
    ///
    /// Data is what pointers tell of, and outs of stages that the cache keeps.
    Status(status::StatusArgs),
}

#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The content's digest, or the first hexadecimal digits of it
    digest: String,
    /// Where to put it; nothing may stand there
    #[arg(value_hint = clap::ValueHint::AnyPath)]
    pub destination: String,
}

/// The fields of [`DataConfig`].
const FLAGS: &[Flag] = &[
    ("problem_type", "Which data: spirals, moons, complex_moons, clusters or spheres"),
    ("n_samples", "Number of points"),
    ("input_dim", "Number of columns"),
    ("data_seed", "Seed of every draw"),
    ("noise", "spirals: width of the uniform jitter"),
    ("rotations", "spirals: turns of each arm"),
    ("moon_noise", "moons, complex_moons: standard deviation of the jitter"),
    ("moon_sep", "moons: the first axis is stretched by 1 + this"),
    ("cluster_count", "clusters: number of blobs"),
    ("cluster_size", "accepted and ignored: a blob has n_samples / cluster_count points"),
    ("cluster_std", "clusters: standard deviation of a blob"),
    ("cluster_sep", "clusters: distance of the centres from the origin"),
    ("sphere_count", "spheres: number of shells"),
    ("sphere_size", "accepted and ignored: a shell has n_samples / sphere_count points"),
    ("sphere_radii", "spheres: the radius of each shell, separated by commas"),
    ("sphere_noise", "spheres: standard deviation of the jitter"),
];

#[derive(Debug)]
pub struct GenerateArgs {
    output: PathBuf,
    given: Map<String, Json>,
}

fn defaults() -> Json {
    serde_json::to_value(DataConfig::default()).expect("a configuration is plain data")
}

impl Args for GenerateArgs {
    fn augment_args(command: Command) -> Command {
        let output = clap::Arg::new("output")
            .long("output")
            .short('o')
            .value_name("FILE")
            .required(true)
            .value_parser(clap::value_parser!(PathBuf))
            .value_hint(clap::ValueHint::FilePath)
            .help("The .npz file to write; the suffix is added where it is missing");
        let command = flags::add(command.arg(output), "Data", FLAGS, &defaults());
        // It has to be said, so that its default would be a lie.
        command.mut_arg(FLAGS[0].0, |arg| arg.required(true).help(FLAGS[0].1))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for GenerateArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let output = matches.get_one::<PathBuf>("output").cloned().unwrap_or_default();
        Ok(GenerateArgs { output, given: flags::given(matches, FLAGS, &defaults()) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Makes a data set, or brings a content back.
///
/// # Errors
/// When a flag has an illegal value, the cache does not hold the content, or the disk refuses.
pub fn run(command: DataCommand, printer: Printer) -> CliResult {
    match command {
        DataCommand::Generate(args) => generate(args, printer),
        DataCommand::Restore(args) => restore(&args, printer),
        DataCommand::Status(args) => status::run(&args, printer),
    }
}

/// Brings a content back from the cache.
fn restore(args: &RestoreArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let workspace = project.workspace(printer)?;
    let destination = ProjectPath::resolve(&project.base, &args.destination)?;
    if std::fs::symlink_metadata(workspace.os_path(&destination)).is_ok() {
        return Err(CliError::message(format!("{destination} exists already"))
            .hint("name a place where nothing stands"));
    }
    let digits = args.digest.trim_start_matches("blake3:");
    let digest = match workspace.blobs.starting_with(digits)?.as_slice() {
        [digest] => *digest,
        [] => {
            return Err(CliError::message(format!(
                "the cache holds nothing with the digest {}",
                args.digest
            ))
            .hint("see how it is spelled; `pipe fetch` brings what a remote has of what is recorded"));
        }
        several => {
            return Err(CliError::message(format!(
                "the cache holds {} contents whose digest begins with {digits}",
                several.len()
            ))
            .hint("give more digits"));
        }
    };
    let state = workspace.blobs.describe(&digest)?;
    workspace.restore(&destination, &state, cache::Placement::Private)?;
    let what = match state.files {
        Some(files) => format!(
            "a folder with {}",
            report::count_text(usize::try_from(files).unwrap_or(usize::MAX), "file")
        ),
        None => format!("a file of {} bytes", state.size),
    };
    printer.say(format_args!("Restored {destination}: {what}."));
    Ok(())
}

fn generate(args: GenerateArgs, printer: Printer) -> CliResult {
    let mut values = defaults();
    for (name, value) in args.given {
        let shown = value.clone();
        values[&name] = value;
        if let Err(fault) = serde_json::from_value::<DataConfig>(values.clone()) {
            return Err(CliError::message(format!("--{name} {shown} is not legal: {fault}"))
                .hint("`pipe data generate --help` lists the flags with their defaults"));
        }
    }
    let config: DataConfig = serde_json::from_value(values)?;
    let data = learn::generate(&config)?;
    let mut output = args.output;
    if output.extension().is_none_or(|suffix| suffix != "npz") {
        output.as_mut_os_string().push(".npz");
    }
    learn::write_npz(&output, &data)?;
    printer.say(format_args!(
        "Wrote {} ({}, {}, {}).",
        base::shown(&output),
        report::count_text(data.rows(), "point"),
        report::count_text(data.columns(), "column"),
        config.problem_type
    ));
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
