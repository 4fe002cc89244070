//! `pipe dag`: draws which stage needs which.

use clap::Args;

use crate::error::CliResult;
use crate::project::Project;
use crate::ui::Printer;

/// Draw the graph of stages
#[derive(Debug, Args)]
pub struct DagArgs {
    /// Stages or outs, with what they need; without, all stages
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Print it in the DOT language of Graphviz
    #[arg(long, conflicts_with = "mermaid")]
    dot: bool,
    /// Print it as a Mermaid flowchart
    #[arg(long)]
    mermaid: bool,
}

/// Draws the graph.
///
/// # Errors
/// When the pipeline does not load, or a target names nothing.
pub fn run(args: &DagArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let pipeline = project.pipeline()?;
    let ids = if args.targets.is_empty() {
        pipeline.graph.order().to_vec()
    } else {
        pipeline.graph.with_upstream(&pipeline.targets(&args.targets, &project.base)?)
    };
    let names: Vec<String> = pipeline.stages.iter().map(|stage| stage.address.to_string()).collect();
    let name = |id: pipeline::StageId| names[id.index()].as_str();
    printer.data(if args.dot {
        pipeline::dag::dot(&pipeline.graph, &ids, name)
    } else if args.mermaid {
        pipeline::dag::mermaid(&pipeline.graph, &ids, name)
    } else {
        pipeline::dag::text(&pipeline.graph, &ids, printer.width().unwrap_or(80), name)
    });
    Ok(())
}
