//! `pipe init`: makes a project. Idempotent, and destroys nothing.

use base::ProjectPath;
use clap::Args;

use crate::error::{CliError, CliResult};
use crate::project::{PIPE_FOLDER, Project};
use crate::ui::Printer;

/// Make the current folder a project
///
/// Safe to run again: what exists is left as it is.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Make a project even where there is no git repository
    #[arg(long, visible_alias = "no-scm")]
    no_git: bool,
    /// Taken as DVC takes it: a project may lie anywhere in a repository
    #[arg(long, hide_short_help = true)]
    subdir: bool,
    /// Write a small pipeline to start from, which makes synthetic data and trains on them
    #[arg(long)]
    example: bool,
}

/// The example: the pipeline of this repository itself.
const EXAMPLE: [(&str, &str); 2] = [
    ("pipeline.yaml", include_str!("../../pipeline.yaml")),
    ("params.yaml", include_str!("../../params.yaml")),
];

/// What a new project's ignore file says: nothing yet.
const IGNORES: &str = "\
# What pipe passes over in folders that stages read, in the grammar of .gitignore. For example:
# __pycache__/
# .ipynb_checkpoints/
";

/// Makes the project.
///
/// # Errors
/// When there is no git repository and `--no-git` was not given, or the disk refuses.
pub fn run(args: &InitArgs, printer: Printer) -> CliResult {
    let current = std::env::current_dir().map_err(|source| {
        disk::DiskError::new("find the current folder", std::path::Path::new("."), source)
    })?;
    let project =
        Project { root: current.clone(), base: ProjectPath::root(), ..Project::at(&current, &current)? };
    if project.git().is_none() && !args.no_git {
        return Err(CliError::message(format!("{} is in no git repository", base::shown(&current)))
            .hint("run `git init` first, so that git can keep pipeline and params")
            .hint("or run `pipe init --no-git` for a project without"));
    }
    if project.dialect != pipeline::Dialect::Native {
        return Err(CliError::message(format!("{} is a DVC project", base::shown(&current)))
            .hint("pipe works in it as it is: try `pipe status`")
            .hint("`pipe convert` makes a project of pipe from it"));
    }
    let existed = project.root.join(PIPE_FOLDER).is_dir();
    project.make_pipe_folder()?;
    let ignores = project.root.join(project.layout().ignore_file());
    if !existed && !ignores.exists() {
        disk::replace(&ignores, IGNORES.as_bytes())?;
    }
    if args.example {
        for (name, text) in EXAMPLE {
            let path = project.root.join(name);
            if path.exists() {
                printer.say(format_args!("Kept {name}, which exists."));
            } else {
                disk::replace(&path, text.as_bytes())?;
                printer.say(format_args!("Wrote {name}."));
            }
        }
    }
    let root = base::shown(&project.root);
    if existed {
        printer.say(format_args!("{root} is a pipe project already."));
    } else {
        printer.say(format_args!("Made a pipe project in {root}."));
    }
    let next = if project.root.join(pipeline::PIPELINE_FILE).exists() {
        "Next: `pipe repro` runs the pipeline, `pipe status` shows what is stale."
    } else {
        "Next: describe your stages in pipeline.yaml, or run `pipe init --example`; then `pipe repro`."
    };
    printer.say(next);
    Ok(())
}
