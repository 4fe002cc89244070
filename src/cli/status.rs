//! `pipe status`: what is stale now, what is stale because of something before it, and why.

use clap::Args;
use exec::{Assessment, Conditions, Decision, World, survey};
use pipeline::{Pipeline, StageId, StaleReason, Subject};
use serde_json::{Map, Value as Json, json};

use crate::cli::select::SelectArgs;
use crate::cli::tell_damage;
use crate::error::{CliError, CliResult, ErrorKind};
use crate::freshness::Question;
use crate::project::Project;
use crate::ui::Printer;

/// Show which stages are stale, and why
///
/// With `-q` nothing is printed and the exit code tells: 0 when everything is up to date, 1 when something is
/// stale, 2 when it could not be told.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    select: SelectArgs,
    /// Print JSON: every stage with its state and reasons
    #[arg(long)]
    json: bool,
}

const UP_TO_DATE: &str = "Everything is up to date.";

/// Judged stages, in the order of the graph.
pub type Plan = [(StageId, Assessment)];

/// Shows the status.
///
/// # Errors
/// With `-q`, exit code 1 when something is stale; exit code 2 when it could not be told.
pub fn run(args: &StatusArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let question = Question::new(&project, &format!("{:?}", args.select));
    let names_none = !args.json && !printer.is_verbose();
    if names_none && question.recall().is_some() {
        if !printer.is_quiet() {
            printer.data_line(UP_TO_DATE);
        }
        return Ok(());
    }
    let (pipeline, origin) = project.pipeline_with_origin()?;
    let wanted = args.select.stages(&pipeline, &project)?;
    let workspace = project.workspace(printer)?;
    let builtins = Project::builtins();
    let world = World { pipeline: &pipeline, workspace: &workspace, builtins: &builtins };
    let ledger = project.ledger(&pipeline)?;
    workspace.begin_witness();
    let plan = survey(world, &wanted, |stage| ledger.get(&stage.address).cloned(), |_| Conditions::default());
    let _ = workspace.save_state();
    tell_damage(&workspace, printer);
    if plan.iter().all(|(_, judged)| judged.decision == Decision::Fresh) {
        question.remember(&pipeline, &origin, &ledger, &workspace, &wanted);
    }
    if args.json {
        let stages: Vec<Json> = plan.iter().map(|(id, judged)| stage_json(&pipeline, *id, judged)).collect();
        let text = serde_json::to_string_pretty(&json!({ "stages": stages })).expect("plain data");
        printer.data_line(text);
    } else if !printer.is_quiet() {
        print_status(&pipeline, &plan, printer);
    }
    match plan_result(&plan) {
        Ok(()) if printer.is_quiet() && plan.iter().any(|(_, judged)| judged.decision != Decision::Fresh) => {
            Err(CliError::silent(ErrorKind::Negative))
        }
        result => result,
    }
}

/// Fails when something could not be told: an input is missing that no stage makes.
///
/// # Errors
/// With exit code 2, naming the inputs.
pub fn plan_result(plan: &Plan) -> CliResult {
    let mut missing: Vec<String> = Vec::new();
    for (_, judged) in plan {
        let reasons = match &judged.decision {
            Decision::Unknown { reasons } | Decision::Depends { reasons, .. } => reasons,
            _ => continue,
        };
        for reason in reasons.iter().filter(|reason| reason.blocks_verdict()) {
            let text = reason.to_string();
            if !missing.contains(&text) {
                missing.push(text);
            }
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(CliError::message(missing.join("; "))) }
}

/// The word of the machine-readable status.
fn state(decision: &Decision) -> &'static str {
    match decision {
        Decision::Fresh => "fresh",
        Decision::Restore { .. } | Decision::Run { .. } | Decision::Frozen { .. } => "stale",
        Decision::Unknown { .. } => "unknown",
        Decision::Depends { reasons, .. } if reasons.iter().any(StaleReason::blocks_verdict) => "unknown",
        Decision::Depends { reasons, .. } if reasons.is_empty() => "upstream",
        Decision::Depends { .. } => "stale",
    }
}

/// All reasons, those that stand before the stage included.
pub fn reasons(pipeline: &Pipeline, decision: &Decision) -> Vec<StaleReason> {
    match decision {
        Decision::Fresh => Vec::new(),
        Decision::Restore { reasons, .. }
        | Decision::Run { reasons }
        | Decision::Frozen { reasons }
        | Decision::Unknown { reasons } => reasons.clone(),
        Decision::Depends { reasons, on } => {
            let upstream =
                on.iter().map(|id| StaleReason::Upstream { stage: pipeline.stage(*id).address.clone() });
            reasons.iter().cloned().chain(upstream).collect()
        }
    }
}

fn stage_json(pipeline: &Pipeline, id: StageId, judged: &Assessment) -> Json {
    let reasons: Vec<Json> = reasons(pipeline, &judged.decision).iter().map(reason_json).collect();
    json!({
        "stage": pipeline.stage(id).address.to_string(),
        "state": state(&judged.decision),
        "reasons": reasons,
    })
}

pub fn reason_json(reason: &StaleReason) -> Json {
    let mut entry = Map::new();
    entry.insert("kind".to_owned(), reason.kind().into());
    match reason.subject() {
        Subject::Stage => {}
        Subject::Path(path) => {
            entry.insert("path".to_owned(), path.to_string().into());
        }
        Subject::Param(file, key) => {
            entry.insert("path".to_owned(), file.to_string().into());
            entry.insert("key".to_owned(), key.into());
        }
        Subject::Variable(name) => {
            entry.insert("variable".to_owned(), name.into());
        }
        Subject::Other(stage) => {
            entry.insert("stage".to_owned(), stage.to_string().into());
        }
    }
    let value = |value: Option<base::Value>| value.and_then(|value| serde_json::to_value(value).ok()).into();
    entry.insert("old".to_owned(), value(reason.old_value()));
    entry.insert("new".to_owned(), value(reason.new_value()));
    Json::Object(entry)
}

fn print_status(pipeline: &Pipeline, plan: &Plan, printer: Printer) {
    let mut all_fresh = true;
    for (id, judged) in plan {
        let name = &pipeline.stage(*id).address;
        let word = match (&judged.decision, state(&judged.decision)) {
            (Decision::Fresh, _) => {
                if printer.is_verbose() {
                    printer.data_line(format_args!("{name}: up to date"));
                }
                continue;
            }
            (Decision::Frozen { .. }, _) if judged.frozen_refusal().is_some() => {
                "frozen, and its outs cannot be restored"
            }
            (Decision::Frozen { .. }, _) => "frozen, with other outs than recorded",
            (_, "upstream") => "stale because of what is before it",
            (_, "unknown") => "cannot be told",
            _ => "stale",
        };
        all_fresh = false;
        printer.data_line(format_args!("{name}: {word}"));
        for reason in reasons(pipeline, &judged.decision) {
            printer.data_line(format_args!("  {reason}"));
        }
    }
    if all_fresh {
        printer.data_line(UP_TO_DATE);
    }
}
