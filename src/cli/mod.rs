//! The command line: what was written, and which command carries it out.

mod absolute;
mod add;
mod arguments;
mod cache_dir;
mod check_ignore;
mod checkout;
mod commit;
mod completions;
mod config;
mod convert;
mod dag;
mod data;
mod diff;
mod download;
mod experiments;
mod flags;
mod gc;
mod get;
mod import;
mod init;
mod install;
mod list;
mod log;
mod merge_driver;
mod metrics;
mod models;
mod moving;
mod params;
mod plan;
mod plots;
#[cfg(feature = "train")]
mod predict;
mod pull;
pub mod push;
mod remote;
mod remove;
mod repro;
mod root;
mod runs;
mod select;
mod sharing;
mod stage;
mod status;
mod targets;
#[cfg(feature = "train")]
mod train;
#[cfg(feature = "serve")]
mod ui;
mod unprotect;
mod update;
mod version;
pub mod words;

use std::path::PathBuf;

use base::{Digest, ProjectPath, one_line};
use cache::{Damage, Workspace};
use clap::{Args, Parser, Subcommand};
use indexmap::IndexMap;

use crate::error::{CliError, CliResult};
use crate::ui::{ColorChoice, Printer, Verbosity};

/// A reproducible data and model pipeline, with every run tracked, over one store.
#[derive(Debug, Parser)]
#[command(name = "pipe", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct GlobalArgs {
    /// Print errors and data alone, and no word about progress
    #[arg(short, long, global = true, overrides_with = "quiet")]
    quiet: bool,
    /// Tell also which stages are up to date, and every line that stages print
    #[arg(short, long, global = true, conflicts_with = "quiet", overrides_with = "verbose")]
    verbose: bool,
    /// Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        hide_default_value = true
    )]
    color: ColorChoice,
    /// Work as if pipe had been started in FOLDER
    #[arg(long, global = true, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    cd: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArgs),
    Repro(repro::ReproArgs),
    Status(status::StatusArgs),
    Add(add::AddArgs),
    Import(import::ImportArgs),
    ImportUrl(import::ImportUrlArgs),
    Update(update::UpdateArgs),
    Get(get::GetArgs),
    GetUrl(get::GetUrlArgs),
    Commit(commit::CommitArgs),
    #[command(visible_alias = "mv")]
    Move(moving::MoveArgs),
    #[command(visible_alias = "rm")]
    Remove(remove::RemoveArgs),
    Checkout(checkout::CheckoutArgs),
    Push(push::PushArgs),
    Pull(pull::PullArgs),
    Fetch(pull::FetchArgs),
    #[command(subcommand)]
    Remote(remote::RemoteCommand),
    Dag(dag::DagArgs),
    #[command(subcommand)]
    Stage(stage::StageCommand),
    /// Keep stages from running: `pipe stage freeze`
    Freeze(stage::NamesArgs),
    /// Let frozen stages run again: `pipe stage unfreeze`
    Unfreeze(stage::NamesArgs),
    #[command(subcommand)]
    Params(params::ParamsCommand),
    #[command(subcommand)]
    Metrics(metrics::MetricsCommand),
    Diff(diff::DiffArgs),
    #[command(subcommand)]
    Plots(plots::PlotsCommand),
    #[command(subcommand)]
    Data(data::DataCommand),
    #[cfg(feature = "train")]
    Train(train::TrainArgs),
    #[cfg(feature = "train")]
    Predict(predict::PredictArgs),
    #[command(subcommand)]
    Runs(runs::RunsCommand),
    #[command(subcommand)]
    Log(log::LogCommand),
    #[command(subcommand)]
    Experiments(experiments::ExperimentsCommand),
    #[command(subcommand)]
    Models(models::ModelsCommand),
    #[cfg(feature = "serve")]
    #[command(visible_alias = "serve")]
    Ui(ui::UiArgs),
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    Du(list::DuArgs),
    CheckIgnore(check_ignore::CheckIgnoreArgs),
    Gc(gc::GcArgs),
    Convert(convert::ConvertArgs),
    Install(install::InstallArgs),
    /// Merge locks and pointers for git
    #[command(hide = true)]
    MergeDriver(merge_driver::MergeDriverArgs),
    Config(config::ConfigArgs),
    #[command(subcommand)]
    Cache(cache_dir::CacheCommand),
    Root(root::RootArgs),
    Unprotect(unprotect::UnprotectArgs),
    #[command(alias = "completion")]
    Completions(completions::CompletionsArgs),
    #[command(visible_alias = "doctor")]
    Version(version::VersionArgs),
}

impl Cli {
    /// The printer that the global flags ask for.
    pub fn printer(&self) -> Printer {
        let verbosity = match (self.global.quiet, self.global.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        Printer::new(verbosity, self.global.color)
    }

    /// Carries the command out.
    ///
    /// # Errors
    /// As the command does.
    pub fn run(mut self, printer: Printer) -> CliResult {
        #[cfg(feature = "serve")]
        if matches!(self.command, Command::Ui(_)) {
            ui::start_anew();
        }
        if let Some(folder) = &self.global.cd {
            std::env::set_current_dir(folder)
                .map_err(|source| disk::DiskError::new("change to folder", folder, source))?;
        }
        absolute::make_relative(&mut self.command)?;
        match self.command {
            Command::Init(args) => init::run(&args, printer),
            Command::Repro(args) => repro::run(&args, printer),
            Command::Status(args) => status::run(&args, printer),
            Command::Add(args) => add::run(&args, printer),
            Command::Import(args) => import::run(&args, printer),
            Command::ImportUrl(args) => import::run_url(&args, printer),
            Command::Update(args) => update::run(&args, printer),
            Command::Get(args) => get::run(&args, printer),
            Command::GetUrl(args) => get::run_url(&args, printer),
            Command::Move(args) => moving::run(&args, printer),
            Command::Remove(args) => remove::run(&args, printer),
            Command::Commit(args) => commit::run(&args, printer),
            Command::Convert(args) => convert::run(&args, printer),
            Command::Checkout(args) => checkout::run(&args, printer),
            Command::Push(args) => push::run(&args, printer),
            Command::Pull(args) => pull::run(&args, printer),
            Command::Fetch(args) => pull::fetch(&args, printer),
            Command::Remote(command) => remote::run(&command, printer),
            Command::Dag(args) => dag::run(&args, printer),
            Command::Stage(command) => stage::run(&command, printer),
            Command::Freeze(args) => stage::freeze(&args, true, printer),
            Command::Unfreeze(args) => stage::freeze(&args, false, printer),
            Command::Params(command) => params::run(&command, printer),
            Command::Metrics(command) => metrics::run(&command, printer),
            Command::Plots(command) => plots::run(&command, printer),
            Command::Diff(args) => diff::run(&args, printer),
            Command::Data(command) => data::run(command, printer),
            #[cfg(feature = "train")]
            Command::Train(args) => train::run(args, printer),
            #[cfg(feature = "train")]
            Command::Predict(args) => predict::run(&args, printer),
            Command::Runs(command) => runs::run(&command, printer),
            Command::Log(command) => log::run(&command, printer),
            Command::Experiments(command) => experiments::run(&command, printer),
            Command::Models(command) => models::run(&command, printer),
            #[cfg(feature = "serve")]
            Command::Ui(args) => ui::run(&args, printer),
            Command::List(args) => list::run(&args, printer),
            Command::Du(args) => list::du(&args, printer),
            Command::CheckIgnore(args) => check_ignore::run(&args, printer),
            Command::Gc(args) => gc::run(&args, printer),
            Command::Install(args) => install::run(&args, printer),
            Command::MergeDriver(args) => merge_driver::run(&args, printer),
            Command::Config(args) => config::run(&args, printer),
            Command::Cache(command) => cache_dir::run(&command, printer),
            Command::Root(args) => root::run(&args, printer),
            Command::Version(args) => version::run(&args, printer),
            Command::Unprotect(args) => unprotect::run(&args, printer),
            Command::Completions(args) => completions::run(&args, printer),
        }
    }
}

/// What a table of values shows of them.
#[derive(Clone, Copy, Debug, Args)]
pub struct ValueArgs {
    /// Leave out of tables in which file a value stands
    #[arg(long)]
    no_path: bool,
    /// Round numbers to N significant digits, in text and markdown
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=17))]
    precision: u8,
}

impl ValueArgs {
    /// The number of significant digits.
    pub fn precision(self) -> usize {
        usize::from(self.precision)
    }

    /// The table, without files where they are left out.
    pub fn of(self, table: report::Table) -> report::Table {
        if self.no_path { table.without("file") } else { table }
    }
}

/// How a table is printed.
#[derive(Clone, Copy, Debug, Default, Args)]
#[group(multiple = false)]
pub struct FormatArgs {
    /// Print JSON, with all digits
    #[arg(long)]
    pub json: bool,
    /// Print CSV, with all digits
    #[arg(long)]
    pub csv: bool,
    /// Print a markdown table
    #[arg(long)]
    pub md: bool,
}

impl FormatArgs {
    /// Prints a table in the form asked for.
    pub fn print(self, table: &report::Table, printer: Printer) {
        printer.data(if self.json {
            table.json()
        } else if self.csv {
            table.csv()
        } else if self.md {
            table.markdown()
        } else {
            table.text(printer.width(), printer.colors_data())
        });
    }
}

/// Tells what is wrong with single files after the others were shown; the last fault is left to whoever called.
fn all_told(mut faults: Vec<CliError>, printer: Printer) -> CliResult {
    let Some(last) = faults.pop() else { return Ok(()) };
    for fault in faults {
        let causes = fault.source.iter().flat_map(anyhow::Error::chain);
        printer.error(causes.map(ToString::to_string), &fault.all_hints());
    }
    Err(last)
}

/// Tells of a symlink that goes, of which nothing is saved: what it leads to stays where it is.
pub fn tell_link(workspace: &Workspace, link: &ProjectPath, goes: &str, printer: Printer) {
    let target = std::fs::read_link(workspace.os_path(link)).unwrap_or_default();
    printer.insist(format_args!(
        "The symlink {link}, which leads to {}, is {goes}; what it leads to stays.",
        base::shown(&target)
    ));
}

/// How many blobs, and paths of each, are named that were written to.
const DAMAGE_TOLD: usize = 5;

/// Tells which blobs were found to have been written to through links in the workspace.
pub fn tell_damage(workspace: &Workspace, printer: Printer) {
    let mut blobs: IndexMap<(Digest, PathBuf), Vec<ProjectPath>> = IndexMap::new();
    for Damage { path, digest, blob } in workspace.take_damage() {
        let paths = blobs.entry((digest, blob)).or_default();
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    for ((digest, blob), paths) in blobs.iter().take(DAMAGE_TOLD) {
        let what = match paths.as_slice() {
            [path] => format!("{path} is a link into the cache and was written to"),
            paths => format!(
                "{} are links into the cache and were written to",
                report::few_text(paths, DAMAGE_TOLD, ", ")
            ),
        };
        printer.warn(format_args!(
            "{what}: the cache's copy of {} is damaged ({}) and not used; `pipe unprotect` makes links files that may be \
             edited",
            digest.short(),
            base::shown(blob)
        ));
    }
    if blobs.len() > DAMAGE_TOLD {
        let more = report::count_text(blobs.len() - DAMAGE_TOLD, "more file");
        printer.warn(format_args!("{more} of the cache were written to through links"));
    }
}

/// The command line as it was written, for records.
pub fn command_line() -> String {
    let words = std::env::args().skip(1).map(|word| quoted(&word));
    std::iter::once("pipe".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// A word as a shell reads it back.
pub fn quoted(word: &str) -> String {
    let is_plain = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./:=,@%+".contains(c));
    if one_line(word) != word {
        return format!("$'{}'", word.chars().map(in_dollar_quotes).collect::<String>());
    }
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// A character of a word between `$'` and `'`, which bash, zsh and POSIX of 2024 read.
fn in_dollar_quotes(c: char) -> String {
    match c {
        '\n' => r"\n".to_owned(),
        '\t' => r"\t".to_owned(),
        '\r' => r"\r".to_owned(),
        '\'' | '\\' => format!(r"\{c}"),
        c if one_line(c.encode_utf8(&mut [0; 4])) == c.to_string() => c.to_string(),
        c => c.to_string().bytes().map(|byte| format!(r"\{byte:03o}")).collect(),
    }
}

/// A path as a shell reads it back, and no program takes for an option.
pub fn quoted_path(path: &str) -> String {
    if path.starts_with('-') { quoted(&format!("./{path}")) } else { quoted(path) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn no_path_reads_as_an_option() {
        assert_eq!(super::quoted_path("-x y"), "'./-x y'");
        assert_eq!(super::quoted_path("a-b"), "a-b");
    }

    #[test]
    fn a_word_of_two_lines_is_quoted_on_one() {
        assert_eq!(super::quoted("it's"), r"'it'\''s'");
        assert_eq!(super::quoted("a\nb'\\\u{1b}\u{2028}"), r"$'a\nb\'\\\033\342\200\250'");
    }

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
