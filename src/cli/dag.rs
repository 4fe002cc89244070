//! `pipe dag`: draws which stage needs which, and how each stands.

use clap::Args;
use exec::Assessment;
use pipeline::dag::{Drawing, Mark, Node};
use pipeline::{Pipeline, Stage, StageId};

use crate::cli::select::together;
use crate::cli::status::{State, judge, state};
use crate::error::CliResult;
use crate::project::Project;
use crate::ui::Printer;

/// Draw the graph of stages
///
/// Each line is a stage, below what it needs and with the stages that it reads from. On a terminal with colours, or
/// with `--status`, a sign before its name tells how it stands, as `pipe status` does; the line below says what the
/// signs mean.
#[derive(Debug, Args)]
pub struct DagArgs {
    /// Stages or outs, with what they need [default: all stages]
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Draw everything that is connected with the targets, not only what they need
    #[arg(long)]
    full: bool,
    /// Draw outs instead of stages
    #[arg(short, long)]
    outs: bool,
    /// Draw all stages made of one `foreach` or `matrix` as one, with the worst of their signs
    #[arg(long, conflicts_with = "outs")]
    collapse_foreach_matrix: bool,
    /// Show how each stage stands, where that is no default
    #[arg(long, conflicts_with = "no_status")]
    status: bool,
    /// Draw the graph alone, and look at no files
    #[arg(long)]
    no_status: bool,
    #[command(flatten)]
    form: FormArgs,
}

/// For whom the graph is drawn.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct FormArgs {
    /// Print the graph in the DOT language of Graphviz
    #[arg(long)]
    dot: bool,
    /// Print the graph as a Mermaid flowchart
    #[arg(long)]
    mermaid: bool,
    /// Print the graph as a Mermaid flowchart in a code block of Markdown
    #[arg(long)]
    md: bool,
}

/// Draws the graph.
///
/// # Errors
/// When the pipeline does not load, or a target names nothing.
pub fn run(args: &DagArgs, printer: Printer) -> CliResult {
    let FormArgs { dot, mermaid, md } = args.form;
    let project = Project::find()?;
    let pipeline = project.pipeline()?;
    let ids = stages(args, &pipeline, &project)?;
    let for_terminal = !(dot || mermaid || md);
    let by_default = for_terminal && printer.width().is_some() && printer.colors_data();
    let mut marks: Vec<Option<Mark>> = vec![None; pipeline.stages.len()];
    if args.status || (by_default && !args.no_status) {
        for (id, judged) in judge(&project, &pipeline, &ids, printer)? {
            marks[id.index()] = Some(mark(pipeline.stage(id), &judged));
        }
    }
    let mark = |id: StageId| marks[id.index()];
    let drawing = if args.outs {
        Drawing::outs(&pipeline.graph, &pipeline.stages, &ids, mark)
    } else {
        Drawing::stages(&pipeline.graph, &ids, |id| {
            let address = match args.collapse_foreach_matrix {
                true => pipeline.written_address(id),
                false => pipeline.stage(id).address.clone(),
            };
            Node { label: address.to_string(), mark: mark(id) }
        })
    };
    printer.data(if dot {
        drawing.dot()
    } else if mermaid {
        drawing.mermaid()
    } else if md {
        format!("```mermaid\n{}```\n", drawing.mermaid())
    } else {
        drawing.text(printer.width().unwrap_or(80), printer.colors_data())
    });
    Ok(())
}

fn stages(args: &DagArgs, pipeline: &Pipeline, project: &Project) -> CliResult<Vec<StageId>> {
    if args.targets.is_empty() {
        return Ok(pipeline.graph.order().to_vec());
    }
    let targets = pipeline.targets(&args.targets, &project.base)?;
    Ok(if args.full { together(pipeline, &targets) } else { pipeline.graph.with_upstream(&targets) })
}

fn mark(stage: &Stage, judged: &Assessment) -> Mark {
    match state(&judged.decision) {
        State::Fresh if stage.frozen => Mark::Frozen,
        State::Fresh => Mark::Fresh,
        State::Upstream => Mark::Upstream,
        State::Stale => Mark::Stale,
        State::Unknown => Mark::Unknown,
    }
}
