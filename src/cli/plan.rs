//! `pipe repro --dry`: what would be done, and why.

use exec::{Decision, Host};
use pipeline::{Pipeline, StageId, StaleReason};
use serde_json::{Value as Json, json};

use crate::cli::status::{Plan, plan_result, print_reason, reason_json, reasons};
use crate::error::{CliError, CliResult, ErrorKind};
use crate::inside::Inside;
use crate::ui::Printer;
use crate::ui::live::{because, describe_source};

/// So many reasons are named of a stage that cannot run, and so many refusals.
const NAMED: usize = 10;

/// Says for each stage what `repro` would do; with `explain`, all reasons, one to a line.
///
/// # Errors
/// With exit code 2 when a stage could not be told, or would be refused.
pub fn print(
    inside: Inside<'_>,
    plan: &Plan,
    host: &dyn Host,
    json: bool,
    explain: bool,
    printer: Printer,
) -> CliResult {
    let pipeline = inside.pipeline;
    let mut refused = Vec::new();
    let mut stages = Vec::new();
    for (id, judged) in plan {
        let stage = pipeline.stage(*id);
        let name = &stage.address;
        let refusal = match &judged.decision {
            Decision::Run { .. } | Decision::Restore { .. } => host.permit(stage).err(),
            Decision::Frozen { .. } => judged.frozen_refusal(),
            _ => None,
        };
        if json {
            stages.push(stage_json(inside, *id, &judged.decision, refusal.as_deref()));
        } else if let Some(refusal) = &refusal {
            printer.data_line(format_args!("{name}: cannot run: {refusal}"));
        } else {
            print_stage(inside, *id, &judged.decision, explain, printer);
        }
        refused.extend(refusal.map(|refusal| format!("stage {name}: {refusal}")));
    }
    if json {
        printer.data_line(serde_json::to_string_pretty(&json!({ "stages": stages })).expect("plain data"));
    }
    let result = plan_result(plan).and_then(|()| match refused.is_empty() {
        true => Ok(()),
        false => Err(CliError::message(report::few_text(&refused, NAMED, "; "))),
    });
    // Lines for people said so already.
    result.map_err(|fault| if json { fault } else { CliError::silent(ErrorKind::Unable) })
}

/// What would be done, without the reasons.
fn action(pipeline: &Pipeline, id: StageId, decision: &Decision) -> String {
    match decision {
        Decision::Fresh => "up to date".to_owned(),
        Decision::Run { reasons } if is_update(reasons) => "would be updated from its source".to_owned(),
        Decision::Run { .. } if pipeline.stage(id).frozen => {
            "is frozen and would be recorded as it is".to_owned()
        }
        Decision::Run { .. } if pipeline.stage(id).is_source() => "would be recorded".to_owned(),
        Decision::Run { .. } => "would run".to_owned(),
        Decision::Restore { sources, .. } => {
            format!("would be restored from {}", describe_source(&sources[0], pipeline.stage(id)))
        }
        Decision::Frozen { .. } => "is frozen and would be left alone".to_owned(),
        Decision::Unknown { .. } => "cannot run".to_owned(),
        // What is before it makes nothing of what it lacks.
        Decision::Depends { reasons, .. } if is_blocked(reasons) => "cannot run".to_owned(),
        Decision::Depends { reasons, on } => {
            let on: Vec<String> = on.iter().map(|id| pipeline.stage(*id).address.to_string()).collect();
            let on = on.join(", ");
            if on.is_empty() {
                // The reason says after what: the removal of something.
                "would run or be restored".to_owned()
            } else if reasons.is_empty() {
                format!("depends on the result of {on}")
            } else {
                format!("would run or be restored after {on}")
            }
        }
    }
}

/// Whether somebody has to act before it can run.
fn is_blocked(reasons: &[StaleReason]) -> bool {
    reasons.iter().any(StaleReason::blocks_verdict)
}

fn is_update(reasons: &[StaleReason]) -> bool {
    matches!(reasons, [StaleReason::SourceChanged { .. }])
}

fn print_stage(inside: Inside<'_>, id: StageId, decision: &Decision, explain: bool, printer: Printer) {
    let pipeline = inside.pipeline;
    let name = &pipeline.stage(id).address;
    let action = action(pipeline, id, decision);
    let own: Vec<StaleReason> = reasons(pipeline, decision)
        .into_iter()
        .filter(|reason| !matches!(reason, StaleReason::Upstream { .. }))
        .collect();
    if own.is_empty() {
        printer.data_line(format_args!("{name}: {action}"));
    } else if explain {
        printer.data_line(format_args!("{name}: {action}"));
        for reason in own {
            print_reason(inside, id, &reason, printer);
        }
    } else if is_blocked(&own) {
        // Nothing else says what it lacks.
        printer.data_text(format_args!("{name}: {action}: {}", report::few_text(&own, NAMED, "; ")));
    } else {
        printer.data_text(format_args!("{name}: {action}: {}", because(&own)));
    }
}

fn stage_json(inside: Inside<'_>, id: StageId, decision: &Decision, refusal: Option<&str>) -> Json {
    let pipeline = inside.pipeline;
    let name = &pipeline.stage(id).address;
    let word = match decision {
        _ if refusal.is_some() => "refused",
        Decision::Fresh => "fresh",
        Decision::Run { reasons } if is_update(reasons) => "update",
        Decision::Run { .. } if pipeline.stage(id).is_source() => "record",
        Decision::Run { .. } => "run",
        Decision::Restore { .. } => "restore",
        Decision::Frozen { .. } => "frozen",
        Decision::Unknown { .. } => "unknown",
        Decision::Depends { .. } => "depends",
    };
    let on: Vec<String> = match decision {
        Decision::Depends { on, .. } => on.iter().map(|id| pipeline.stage(*id).address.spelled()).collect(),
        _ => Vec::new(),
    };
    let reasons: Vec<Json> =
        reasons(pipeline, decision).iter().map(|reason| reason_json(inside, id, reason)).collect();
    json!({ "stage": name.spelled(), "action": word, "reasons": reasons, "on": on, "refusal": refusal })
}
