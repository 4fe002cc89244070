//! `pipe plots show` and `pipe plots diff`.

use std::path::{Path, PathBuf};

use base::ProjectPath;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand, ValueEnum};
use indexmap::{IndexMap, IndexSet};
use pipeline::Dialect;
use report::plots::{self, Content, Figure, Image, Page, Part, Plot, PlotOptions, Records, Template};

use crate::error::{CliError, CliResult, ErrorKind};
use crate::project::Project;
use crate::revision::{PlotFile, Revision};
use crate::ui::Printer;

/// The folder for drawings when nothing else is said, below the project's root.
const PLOTS_FOLDER: &str = "pipe_plots";

/// Draw plots, and compare them
#[derive(Debug, Subcommand)]
pub enum PlotsCommand {
    /// Draw the plots of the workspace
    ///
    /// Plots are the files and folders under `plots:` in pipeline.yaml: CSV, TSV, JSON and YAML with rows, and
    /// images. Prints the address of a page that works offline.
    Show(PlotsShowArgs),
    /// Draw the plots of several states of the project into each other
    ///
    /// Lines of different states have different colours; images stand side by side.
    Diff(PlotsDiffArgs),
}

#[derive(Debug, Args)]
pub struct PlotsShowArgs {
    /// Files or folders with plots, declared or not [default: all that pipeline.yaml declares]
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::AnyPath)]
    pub files: Vec<String>,
    #[command(flatten)]
    drawing: DrawingArgs,
}

#[derive(Debug, Args)]
pub struct PlotsDiffArgs {
    /// The states: git revisions, `run:ID` or `workspace`; a single one is compared with the workspace
    /// [default: HEAD, or the last run without git, and the workspace]
    #[arg(value_name = "REVISION")]
    revisions: Vec<String>,
    /// Draw only these files or folders, declared or not
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = clap::ValueHint::AnyPath)]
    pub targets: Vec<String>,
    #[command(flatten)]
    drawing: DrawingArgs,
}

/// How plots are drawn and where to. What is said here goes before what pipeline.yaml says.
#[derive(Debug, Args)]
struct DrawingArgs {
    /// Draw in this shape [default: linear]
    #[arg(short, long, value_name = "NAME", value_parser = template_parser())]
    template: Option<Template>,
    /// Take this column along the horizontal axis [default: the row's number]
    #[arg(short, value_name = "COLUMN")]
    x: Option<String>,
    /// Take this column along the vertical axis; may be given several times [default: the last one with numbers]
    #[arg(short, value_name = "COLUMN")]
    y: Vec<String>,
    /// Put this heading above [default: the file's path]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Call the horizontal axis so [default: the column's name]
    #[arg(long, value_name = "TEXT")]
    x_label: Option<String>,
    /// Call the vertical axis so [default: the column's name]
    #[arg(long, value_name = "TEXT")]
    y_label: Option<String>,
    /// Take the first row of CSV and TSV for data; columns are called 0, 1, …
    #[arg(long)]
    no_header: bool,
    /// Make a page, an SVG file for each plot, or lines in the terminal
    #[arg(long, value_name = "FORMAT", default_value = "html", hide_possible_values = false)]
    format: Format,
    /// Write the drawings into this folder, or the page into this file if it ends in .html
    /// [default: pipe_plots in the project]
    #[arg(short, long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    out: Option<PathBuf>,
    /// Print the data points as JSON, and draw nothing
    #[arg(long, conflicts_with_all = ["format", "out"])]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Html,
    Svg,
    Text,
}

fn template_parser() -> impl clap::builder::TypedValueParser<Value = Template> {
    PossibleValuesParser::new(Template::ALL.map(Template::name))
        .map(|name| Template::from_name(&name).expect("only names of templates are possible"))
}

impl DrawingArgs {
    fn options(&self) -> PlotOptions {
        PlotOptions {
            template: self.template,
            x: self.x.clone(),
            y: self.y.clone(),
            title: self.title.clone(),
            x_label: self.x_label.clone(),
            y_label: self.y_label.clone(),
            header: self.no_header.then_some(false),
        }
    }
}

/// Draws plots.
///
/// # Errors
/// When there is nothing to draw, a state cannot be read, or the disk refuses; and when a plot cannot be
/// shown, after the others were.
pub fn run(command: &PlotsCommand, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let (revisions, files, drawing) = match command {
        PlotsCommand::Show(args) => {
            let revisions = IndexMap::from([("workspace".to_owned(), Revision::Workspace)]);
            (revisions, &args.files, &args.drawing)
        }
        PlotsCommand::Diff(args) => {
            (compared(&project, &args.revisions, printer)?, &args.targets, &args.drawing)
        }
    };
    let wanted = files.iter().map(|file| ProjectPath::resolve(&project.base, file));
    let wanted: Vec<ProjectPath> = wanted.collect::<Result<_, _>>()?;
    let mut faults = Vec::new();
    let mut states = Vec::new();
    for (name, revision) in &revisions {
        states.push((name.as_str(), revision.plot_files(&project, &wanted)?));
    }
    for path in &wanted {
        if !states.iter().flat_map(|(_, files)| files).any(|file| path.contains(&file.path)) {
            faults.push(format!("{path}: there is no such file or folder"));
        }
    }
    let names: Vec<String> = revisions.keys().cloned().collect();
    let mut figures = Vec::new();
    for plot in gather(&states, project.dialect, &drawing.options(), printer, &mut faults) {
        match plots::figure(&plot, &names) {
            Ok(figure) => figures.push(figure),
            Err(fault) => faults.push(format!("{}: {fault}", plot.name)),
        }
    }
    if figures.is_empty() && faults.is_empty() {
        return Err(CliError::message(format!("there are no plots in {}", names.join(" and ")))
            .hint("declare a file under `plots:` of a stage and run `pipe repro`, or name a file"));
    }
    for note in figures.iter().flat_map(|figure| figure.notes.iter().map(move |note| (&figure.name, note))) {
        printer.warn(format_args!("{}: {}", note.0, note.1));
    }
    if drawing.json {
        printer.data(plots::json(&figures));
    } else if !figures.is_empty() {
        draw(&project, drawing, &names, &figures, &faults, printer)?;
    }
    for fault in &faults {
        printer.error([format!("failed to draw {fault}")], &[]);
    }
    if faults.is_empty() { Ok(()) } else { Err(CliError::silent(ErrorKind::Unable)) }
}

/// The states that `plots diff` is to compare, by the names that people gave them.
fn compared(project: &Project, texts: &[String], printer: Printer) -> CliResult<IndexMap<String, Revision>> {
    let mut revisions = IndexMap::new();
    for text in texts {
        revisions.insert(text.clone(), Revision::parse(project, text)?);
    }
    if texts.is_empty() {
        let base = Revision::default_base(project, printer)?;
        let name = match &base {
            Revision::Commit(_) => "HEAD".to_owned(),
            other => other.to_string(),
        };
        revisions.insert(name, base);
    }
    if revisions.len() == 1 {
        revisions.insert("workspace".to_owned(), Revision::Workspace);
    }
    Ok(revisions)
}

/// The files of all states by path, read; the newest state's come first and decide the options.
fn gather(
    states: &[(&str, Vec<PlotFile>)],
    dialect: Dialect,
    flags: &PlotOptions,
    printer: Printer,
    faults: &mut Vec<String>,
) -> Vec<Plot> {
    let paths: IndexSet<&ProjectPath> =
        states.iter().rev().flat_map(|(_, files)| files).map(|file| &file.path).collect();
    let mut plots = Vec::new();
    for path in paths {
        let files = states.iter().filter_map(|(revision, files)| {
            files.iter().find(|file| file.path == *path).map(|file| (*revision, file))
        });
        let files: Vec<(&str, &PlotFile)> = files.collect();
        let Some((_, newest)) = files.last() else { continue };
        let (declared, odd) = PlotOptions::from_map(&newest.options);
        for fault in odd {
            printer.warn(format_args!("{path}: in its plot options, {fault}"));
        }
        let options = flags.clone().or(declared);
        let mut parts = Vec::new();
        for (revision, file) in files {
            match content(file, dialect, &options) {
                Ok(Some(content)) => parts.push(Part { revision: revision.to_owned(), content }),
                Ok(None) => {}
                Err(fault) if states.len() > 1 => faults.push(format!("{fault} (in {revision})")),
                Err(fault) => faults.push(fault),
            }
        }
        if !parts.is_empty() {
            plots.push(Plot { name: path.spelled().to_owned(), options, parts });
        }
    }
    plots
}

/// Reads a file by its suffix; nothing for a file of another kind that only lies in a folder of plots.
fn content(file: &PlotFile, dialect: Dialect, options: &PlotOptions) -> Result<Option<Content>, String> {
    let path = &file.path;
    let suffix = path.name().rsplit_once('.').map_or("", |(_, suffix)| suffix).to_ascii_lowercase();
    let media_type = Image::media_type(&suffix);
    let is_known = matches!(suffix.as_str(), "csv" | "tsv" | "json" | "yaml" | "yml");
    if !is_known && media_type.is_none() && !file.is_named {
        return Ok(None);
    }
    let bytes = file.bytes.as_ref().map_err(|fault| format!("{path}: {fault}"))?;
    if let Some(media_type) = media_type {
        let image = Image::read(media_type, bytes.clone()).map_err(|fault| format!("{path}: {fault}"))?;
        return Ok(Some(Content::Image(image)));
    }
    let header = options.header.unwrap_or(true);
    let records = match suffix.as_str() {
        "csv" => Records::from_delimited(bytes, b',', header),
        "tsv" => Records::from_delimited(bytes, b'\t', header),
        "json" | "yaml" | "yml" => {
            let text = std::str::from_utf8(bytes).map_err(|_| format!("{path}: it is not UTF-8 text"))?;
            let value =
                pipeline::params::parse_any(path, text, dialect).map_err(|fault| fault.to_string())?;
            let wanted: Vec<&str> = options.x.iter().chain(&options.y).map(String::as_str).collect();
            Records::from_value(&value, &wanted)
        }
        _ => {
            return Err(format!("{path}: it is neither CSV, TSV, JSON or YAML nor an image, by its suffix"));
        }
    };
    let records = records.map_err(|fault| match fault.line {
        Some(line) => format!("{path}:{line}: {}", fault.message),
        None => format!("{path}: {}", fault.message),
    })?;
    Ok(Some(Content::Records(records)))
}

fn draw(
    project: &Project,
    drawing: &DrawingArgs,
    revisions: &[String],
    figures: &[Figure],
    faults: &[String],
    printer: Printer,
) -> CliResult {
    if drawing.format == Format::Text {
        printer.data(plots::text(figures, printer.width(), printer.colors_data()));
        return Ok(());
    }
    let folder = match &drawing.out {
        Some(out) => absolute(out)?,
        None => {
            let folder = project.root.join(PLOTS_FOLDER);
            // What can be drawn again at any time is nothing for git.
            disk::replace(&folder.join(".gitignore"), b"*\n")?;
            folder
        }
    };
    let is_page = folder.extension().is_some_and(|suffix| suffix == "html" || suffix == "htm");
    if drawing.format == Format::Svg {
        if is_page {
            let shown = folder.display().to_string();
            return Err(CliError::message(format!("SVG files need a folder, and `{shown}` names a page")));
        }
        for figure in figures {
            let path = folder.join(format!("{}.svg", figure.name));
            disk::replace(&path, plots::svg(figure).as_bytes())?;
            printer.data_line(path.display());
        }
        return Ok(());
    }
    let path = if is_page { folder } else { folder.join("index.html") };
    let name = project.root.file_name().map_or_else(|| "project".into(), |name| name.to_string_lossy());
    let page = Page {
        title: format!("{name}: plots of {}", revisions.join(", ")),
        revisions: revisions.to_vec(),
        faults: faults.to_vec(),
    };
    disk::replace(&path, plots::page(&page, figures).as_bytes())?;
    printer.data_line(address(&path));
    Ok(())
}

fn absolute(path: &Path) -> CliResult<PathBuf> {
    Ok(std::path::absolute(path)
        .map_err(|source| disk::DiskError::new("find the current folder", path, source))?)
}

/// The path as an address that a terminal or a browser opens.
fn address(path: &Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    let mut address = "file://".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~+=@,".contains(byte) {
            address.push(char::from(*byte));
        } else {
            write!(address, "%{byte:02X}").expect("writing to a string");
        }
    }
    address
}
