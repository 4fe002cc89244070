//! `pipe log model`: a file or a folder as a logged model, and a version of a registered one if that is wanted.

use std::path::PathBuf;

use base::Timestamp;
use clap::Args;
use track::{
    Change, ExperimentRef, LoggedModelChange, ModelId, ModelOutput, ModelStatus, NewLoggedModel, NewVersion,
};

use crate::artifacts;
use crate::environment;
use crate::error::CliResult;
use crate::registration::registration;
use crate::ui::Printer;

use super::{TargetArgs, count_text, keep_cache};

/// Log a file or a folder as a model of the run
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// A file or a folder
    #[arg(value_hint = clap::ValueHint::AnyPath)]
    pub(super) path: PathBuf,
    /// Its name
    #[arg(long, default_value = "model")]
    name: String,
    /// Also make a version of this registered model of it, which is made when there is none of that name
    #[arg(long, value_name = "MODEL")]
    register: Option<String>,
    /// The step at which the run made it
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    step: i64,
    #[command(flatten)]
    target: TargetArgs,
}

/// Logs a model.
///
/// # Errors
/// When it cannot be read, or the store refuses its name.
pub fn run(args: &ModelArgs, printer: Printer) -> CliResult {
    let mut logger = args.target.open(printer)?;
    let (run, _lock) = (logger.run, keep_cache(&logger, printer)?);
    let artifacts = artifacts::store(&logger.project.blobs(), &args.path, "")?;
    let model = ModelId::new(Timestamp::now(), &mut rand::make_rng::<rand::rngs::StdRng>());
    let told = count_text(&args.path, artifacts.len());
    let new = NewLoggedModel {
        id: model,
        experiment: ExperimentRef::OfRun(run),
        name: Some(args.name.clone()),
        model_type: None,
        run: Some(run),
        params: Vec::new(),
        tags: Vec::new(),
    };
    let ready = LoggedModelChange::SetStatus { model, status: ModelStatus::Ready, message: None };
    let output = ModelOutput { model, step: args.step };
    let mut changes = vec![
        Change::LoggedModel(LoggedModelChange::Create(new)),
        Change::LoggedModel(LoggedModelChange::LogArtifacts { model, artifacts: artifacts.clone() }),
        Change::LoggedModel(ready),
        Change::LogModelOutputs { run, models: vec![output] },
    ];
    if let Some(name) = &args.register {
        changes.extend(registration(NewVersion {
            model: name.clone(),
            source: format!("models:/{model}"),
            run: Some(run),
            logged_model: Some(model),
            user: environment::user(),
            status: ModelStatus::Ready,
            artifacts,
            ..NewVersion::default()
        }));
    }
    logger.log(changes)?;
    let registered = args.register.as_ref().map(|name| format!(", a version of {name}")).unwrap_or_default();
    printer.say(format_args!(
        "Logged {told} to run {} as model {}{registered}: {model}.",
        run.short(),
        args.name
    ));
    Ok(())
}
