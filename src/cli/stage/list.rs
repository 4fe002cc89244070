//! `pipe stage list`: which stages there are, and what they are for.

use clap::Args;
use pipeline::{OutKind, Stage};
use report::{Cell, Column, Table};
use serde_json::{Value as Json, json};

use crate::error::CliResult;
use crate::project::Project;
use crate::ui::Printer;

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Stages, groups, outs, pipeline files or their folders [default: the nearest pipeline file, else
    /// all of the project]
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// List the stages of all pipeline files of the project
    #[arg(short, long, conflicts_with = "targets")]
    all: bool,
    /// Print the names alone, one a line
    #[arg(long, alias = "name-only", conflicts_with = "json")]
    names_only: bool,
    /// Nothing: a folder means the pipeline files below it in any case
    #[arg(short = 'R', long, hide = true)]
    recursive: bool,
    /// Nothing: a fault in a pipeline file is never passed over
    #[arg(long, hide = true)]
    fail: bool,
    /// Print JSON: every stage with its command, deps, params and outs
    #[arg(long)]
    json: bool,
}

/// Lists stages.
///
/// # Errors
/// When the pipeline cannot be read, or a target names nothing.
pub fn run(args: &ListArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let pipeline = project.pipeline()?;
    let ids = if args.all {
        pipeline.ids().collect()
    } else if args.targets.is_empty() {
        pipeline.own_stages()
    } else {
        pipeline.targets(&args.targets, &project.base)?
    };
    let stages: Vec<&Stage> = ids.iter().map(|id| pipeline.stage(*id)).collect();
    if args.json {
        let stages: Vec<Json> = stages.iter().map(|stage| stage_json(stage)).collect();
        printer.data_line(serde_json::to_string_pretty(&stages)?);
    } else if args.names_only {
        for stage in stages {
            printer.data_line(&stage.address);
        }
    } else if stages.is_empty() {
        printer.say(format_args!("There is no stage in {}.", pipeline.file));
    } else {
        let mut table = Table::new(vec![Column::text("stage").kept().whole(), Column::text("what").kept()]);
        for stage in stages {
            table.push(vec![Cell::text(stage.address.spelled()), Cell::text(what(stage))]);
        }
        printer.data(table.text(printer.width(), printer.colors_data()));
    }
    Ok(())
}

/// What a stage is for: in its author's words, or by what it makes.
fn what(stage: &Stage) -> String {
    let frozen = if stage.frozen { "frozen: " } else { "" };
    let desc = stage.desc.as_deref().and_then(|desc| desc.trim().lines().next());
    let text = match desc.filter(|desc| !desc.is_empty()) {
        Some(desc) => desc.to_owned(),
        None if stage.outs.is_empty() && stage.special_outs.is_empty() => format!("runs {}", stage.command),
        None => {
            let outside = stage.special_outs.iter().map(|out| out.name.text.as_str());
            let outs: Vec<&str> = stage.outs.iter().map(|out| out.path.as_str()).chain(outside).collect();
            format!("makes {}", outs.join(", "))
        }
    };
    format!("{frozen}{text}")
}

fn stage_json(stage: &Stage) -> Json {
    let outs = stage.outs.iter().map(|out| {
        let mut json =
            json!({"path": out.path.as_str(), "kind": out.kind, "cache": out.cache, "persist": out.persist});
        if let (Some(exclude), Some(map)) = (out.excluded(), json.as_object_mut()) {
            map.remove("path");
            map.insert("glob".to_owned(), json!(out.path.as_str()));
            map.insert("exclude".to_owned(), json!(exclude));
        }
        json
    });
    let outside = stage.special_outs.iter().map(
        |out| json!({"path": out.name.text, "kind": OutKind::Data, "cache": false, "persist": out.persist}),
    );
    let params = stage.params.iter().map(|param| json!({"file": param.file.as_str(), "key": param.key}));
    // As the pipeline file writes them: absolute paths and URLs are texts.
    let special = stage.special.iter().map(|dep| match &dep.glob {
        Some(glob) => json!({"glob": dep.name.text, "exclude": glob.excluded()}),
        None => json!(dep.name.text),
    });
    json!({
        "stage": stage.address.spelled(),
        "file": stage.address.file.as_str(),
        "name": stage.address.name,
        "desc": stage.desc,
        "command": stage.command,
        "wdir": stage.wdir.as_str(),
        "deps": stage.deps.iter().map(|dep| json!(dep.as_str())).chain(special).collect::<Vec<_>>(),
        "params": params.collect::<Vec<_>>(),
        "outs": outs.chain(outside).collect::<Vec<_>>(),
        "frozen": stage.frozen,
        "always_changed": stage.always_changed,
    })
}
