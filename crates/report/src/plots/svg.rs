//! Figures as SVG: our own drawing, for papers, pull requests and wherever no script may run.

use std::fmt::Write as _;

use super::text::cell_text;
use super::thin::{MOST_POINTS, thinned};
use super::ticks::Axis;
use super::{Bars, Confusion, Figure, Image, Series, Shape, Template, escape};

/// The colours of traces: distinct on white and on black, and with most colour blindness. The page uses the
/// same ones.
pub(crate) const COLORS: [&str; 8] =
    ["#3b82c4", "#e4572e", "#2a9d5c", "#b8860b", "#8e5bc0", "#17a2b8", "#d1499b", "#7f8c8d"];

/// What tells columns apart where colours tell revisions.
const DASHES: [&str; 4] = ["none", "8 5", "2 4", "8 4 2 4"];

/// How wide a drawing is, in pixels; how high, if nothing makes it higher.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;

/// Room above the axes for the heading, and beneath for the labels; how high a line of text is.
const TOP: f64 = 40.0;
const BOTTOM: f64 = 48.0;
const LINE: f64 = 18.0;

const STYLE: &str = "\
svg{background:#fff}text{font:12px sans-serif;fill:#222}.title{font-size:15px;font-weight:600}\
.grid{stroke:#ddd}.none{stroke:none}.axis{stroke:#888}\
@media(prefers-color-scheme:dark){svg{background:#16181c}text{fill:#ddd}.grid{stroke:#333}}";

/// The figure as a whole SVG file.
pub fn svg(figure: &Figure) -> String {
    let mut canvas = Canvas { body: String::new(), height: HEIGHT };
    canvas.text(WIDTH / 2.0, 24.0, "middle", &figure.title, " class=\"title\"");
    match &figure.shape {
        Shape::Series(each) => series(&mut canvas, figure, each),
        Shape::Bars(each) => bars(&mut canvas, figure, each),
        Shape::Confusion(each) => confusion(&mut canvas, figure, each),
        Shape::Images(images) => show(&mut canvas, images),
    }
    let Canvas { body, height } = canvas;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\"><title>{}</title><style>{STYLE}</style>\n{body}</svg>\n",
        escape(&figure.title)
    )
}

struct Canvas {
    body: String,
    height: f64,
}

impl Canvas {
    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.body, "{element}").expect("writing to a string");
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, text: &str, more: &str) {
        let text = escape(text);
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{more}>{text}</text>"
        ));
    }

    fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.push(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }
}

/// Where the axes stand.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Frame {
    fn x(&self, share: f64) -> f64 {
        self.left + share * (self.right - self.left)
    }

    fn y(&self, share: f64) -> f64 {
        self.bottom - share * (self.bottom - self.top)
    }
}

/// About how wide a text is.
fn width_of(text: &str) -> f64 {
    text.chars().count() as f64 * 6.8
}

/// A text that fits into so many pixels.
fn fitting(text: &str, width: f64) -> String {
    let room = (width / 6.8) as usize;
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

/// Marks and names of both axes, with lines across in the style `grid` (`none` for none). Labels along the horizontal one that would touch are left out.
fn axes(
    canvas: &mut Canvas,
    figure: &Figure,
    frame: &Frame,
    grid: &str,
    x: &[(f64, String)],
    y: &[(f64, String)],
) {
    for (share, label) in y {
        let at = frame.y(*share);
        canvas.line(grid, (frame.left, at), (frame.right, at));
        canvas.text(frame.left - 6.0, at + 4.0, "end", &fitting(label, frame.left - 30.0), "");
    }
    let mut free_from = f64::NEG_INFINITY;
    for (share, label) in x {
        let at = frame.x(*share);
        let label = fitting(label, 120.0);
        canvas.line(grid, (at, frame.top), (at, frame.bottom));
        if at - width_of(&label) / 2.0 > free_from {
            canvas.text(at, frame.bottom + LINE, "middle", &label, "");
            free_from = at + width_of(&label) / 2.0 + 6.0;
        }
    }
    canvas.line("axis", (frame.left, frame.bottom), (frame.right, frame.bottom));
    canvas.line("axis", (frame.left, frame.top), (frame.left, frame.bottom));
    let middle = (frame.top + frame.bottom) / 2.0;
    canvas.text(frame.x(0.5), frame.bottom + 2.0 * LINE, "middle", &figure.x_label, "");
    let turned = format!(" transform=\"rotate(-90 14 {middle:.1})\"");
    canvas.text(14.0, middle, "middle", &figure.y_label, &turned);
}

/// The names of the traces beneath the axes, in as many rows as they need.
fn legend(canvas: &mut Canvas, names: &[(String, usize, usize)], from: f64) {
    let (mut x, mut y) = (60.0, from);
    for (name, color, dash) in names {
        let name = fitting(name, WIDTH - 140.0);
        if x > 60.0 && x + width_of(&name) + 32.0 > WIDTH - 20.0 {
            (x, y) = (60.0, y + LINE);
        }
        let color = COLORS[color % COLORS.len()];
        let (dash, middle, end) = (DASHES[dash % DASHES.len()], y - 4.0, x + 20.0);
        canvas.push(format_args!(
            "<line x1=\"{x:.1}\" y1=\"{middle:.1}\" x2=\"{end:.1}\" y2=\"{middle:.1}\" stroke=\"{color}\" \
             stroke-width=\"4\" stroke-dasharray=\"{dash}\"/>"
        ));
        canvas.text(x + 25.0, y, "start", &name, "");
        x += width_of(&name) + 44.0;
    }
    canvas.height = y + LINE;
}

fn left_room(labels: &[(f64, String)]) -> f64 {
    labels.iter().map(|(_, label)| width_of(label)).fold(0.0, f64::max).clamp(20.0, 200.0) + 36.0
}

fn series(canvas: &mut Canvas, figure: &Figure, series: &Series) {
    let all = || series.traces.iter().flat_map(|trace| trace.points.iter().chain(&trace.smooth));
    let y = Axis::around(all().map(|point| point.1), 5);
    let y_ticks: Vec<_> = y.ticks.iter().map(|(at, label)| (y.share(*at), label.clone())).collect();
    let (x, x_ticks) = match &series.categories {
        None => {
            let x = Axis::around(all().map(|point| point.0), 7);
            let ticks: Vec<_> = x.ticks.iter().map(|(at, label)| (x.share(*at), label.clone())).collect();
            (x, ticks)
        }
        Some(names) => {
            // Half a place free at both ends.
            let x = Axis { low: -0.5, high: names.len() as f64 - 0.5, ticks: Vec::new() };
            let ticks = names.iter().enumerate();
            let ticks: Vec<_> = ticks.map(|(at, name)| (x.share(at as f64), name.clone())).collect();
            (x, ticks)
        }
    };
    let bottom = HEIGHT - BOTTOM;
    let frame = Frame { left: left_room(&y_ticks), right: WIDTH - 20.0, top: TOP, bottom };
    axes(canvas, figure, &frame, "grid", &x_ticks, &y_ticks);
    let place = |point: &(f64, f64)| (frame.x(x.share(point.0)), frame.y(y.share(point.1)));
    for trace in &series.traces {
        let color = COLORS[trace.color % COLORS.len()];
        let dash = DASHES[trace.dash % DASHES.len()];
        let points = thinned(&trace.points, MOST_POINTS);
        match series.template {
            Template::Scatter => dots(canvas, &points, color, 0.8, place),
            Template::Simple => path(canvas, &points, (color, dash), place),
            Template::Smooth => {
                dots(canvas, &points, color, 0.25, place);
                path(canvas, &trace.smooth, (color, dash), place);
            }
            _ => {
                path(canvas, &points, (color, dash), place);
                if points.len() <= 60 {
                    dots(canvas, &points, color, 1.0, place);
                }
            }
        }
    }
    if figure.has_legend() {
        let names = series.traces.iter().map(|trace| (trace.name.clone(), trace.color, trace.dash));
        let names: Vec<_> = names.collect();
        legend(canvas, &names, bottom + BOTTOM + LINE / 2.0);
    }
}

/// A line with a gap wherever there is no value.
fn path(
    canvas: &mut Canvas,
    points: &[(f64, f64)],
    (color, dash): (&str, &str),
    place: impl Fn(&(f64, f64)) -> (f64, f64),
) {
    let mut commands = String::new();
    let mut is_open = false;
    for point in points {
        let (x, y) = place(point);
        if !y.is_finite() {
            is_open = false;
            continue;
        }
        write!(commands, "{}{x:.1} {y:.1}", if is_open { "L" } else { "M" }).expect("writing to a string");
        is_open = true;
    }
    canvas.push(format_args!(
        "<path d=\"{commands}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\" \
         stroke-linejoin=\"round\"/>"
    ));
}

fn dots(
    canvas: &mut Canvas,
    points: &[(f64, f64)],
    color: &str,
    opacity: f64,
    place: impl Fn(&(f64, f64)) -> (f64, f64),
) {
    canvas.push(format_args!("<g fill=\"{color}\" opacity=\"{opacity}\">"));
    for (x, y) in points.iter().map(place).filter(|(_, y)| y.is_finite()) {
        canvas.push(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"));
    }
    canvas.push(format_args!("</g>"));
}

fn bars(canvas: &mut Canvas, figure: &Figure, bars: &Bars) {
    let lengths = bars.traces.iter().flat_map(|(_, _, lengths)| lengths.iter().copied());
    // Bars start at zero.
    let x = Axis::around(lengths.chain([0.0]), 5);
    let x_ticks: Vec<_> = x.ticks.iter().map(|(at, label)| (x.share(*at), label.clone())).collect();
    let thickness = 16.0;
    let group = thickness * bars.traces.len() as f64 + 10.0;
    let bottom = TOP + (group * bars.categories.len() as f64).max(60.0);
    let rows = bars.categories.len() as f64;
    let share = |at: usize| 1.0 - (at as f64 + 0.5) / rows;
    let y_ticks: Vec<_> =
        bars.categories.iter().enumerate().map(|(at, name)| (share(at), name.clone())).collect();
    let frame = Frame { left: left_room(&y_ticks), right: WIDTH - 20.0, top: TOP, bottom };
    axes(canvas, figure, &frame, "grid", &x_ticks, &y_ticks);
    canvas.height = bottom + BOTTOM;
    let zero = frame.x(x.share(0.0));
    for (index, (_, color, lengths)) in bars.traces.iter().enumerate() {
        let color = COLORS[color % COLORS.len()];
        for (at, length) in lengths.iter().enumerate().filter(|(_, length)| length.is_finite()) {
            let end = frame.x(x.share(*length));
            let middle = frame.y(share(at));
            let top = middle + (index as f64 - bars.traces.len() as f64 / 2.0) * thickness;
            let (left, width) = (zero.min(end), (end - zero).abs());
            canvas.push(format_args!(
                "<rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{color}\"/>",
                top + 1.0,
                thickness - 2.0
            ));
        }
    }
    if figure.has_legend() {
        let names: Vec<_> = bars.traces.iter().map(|(name, color, _)| (name.clone(), *color, 0)).collect();
        legend(canvas, &names, bottom + BOTTOM + LINE / 2.0);
    }
}

fn confusion(canvas: &mut Canvas, figure: &Figure, confusion: &Confusion) {
    let count = confusion.classes.len();
    let share = |at: usize| (at as f64 + 0.5) / count as f64;
    let ticks = || confusion.classes.iter().enumerate();
    let x_ticks: Vec<_> = ticks().map(|(at, name)| (share(at), name.clone())).collect();
    let y_ticks: Vec<_> = ticks().map(|(at, name)| (1.0 - share(at), name.clone())).collect();
    let left = left_room(&y_ticks);
    let size = (WIDTH - left - 20.0).min(420.0);
    let mut top = TOP;
    for matrix in &confusion.matrices {
        canvas.text(left, top + 14.0, "start", &matrix.revision, "");
        top += 22.0;
        let frame = Frame { left, right: left + size, top, bottom: top + size };
        let most = matrix.cells.iter().flatten().fold(0.0_f64, |most, cell| most.max(*cell));
        let edge = size / count as f64;
        axes(canvas, figure, &frame, "none", &x_ticks, &y_ticks);
        for (row, cells) in matrix.cells.iter().enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                let (x, y) = (left + edge * column as f64, top + edge * row as f64);
                let depth = if most > 0.0 { cell / most } else { 0.0 };
                canvas.push(format_args!(
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{edge:.1}\" height=\"{edge:.1}\" \
                     fill=\"{}\" fill-opacity=\"{depth:.3}\"/>",
                    COLORS[0]
                ));
                let label = cell_text(*cell, confusion.normalized);
                if width_of(&label) < edge && edge > 14.0 {
                    canvas.text(x + edge / 2.0, y + edge / 2.0 + 4.0, "middle", &label, "");
                }
            }
        }
        top += size + BOTTOM;
    }
    canvas.height = top;
}

/// Images side by side, two in a row, each in a box whose proportions it need not have.
fn show(canvas: &mut Canvas, images: &[(String, Image)]) {
    let (columns, gap) = (images.len().clamp(1, 2), 20.0);
    let width = (WIDTH - gap * (columns as f64 + 1.0)) / columns as f64;
    let height = width * 0.75;
    for (at, (revision, image)) in images.iter().enumerate() {
        let x = gap + (at % columns) as f64 * (width + gap);
        let y = TOP + (at / columns) as f64 * (height + 30.0);
        canvas.text(x, y + 14.0, "start", &fitting(revision, width), "");
        canvas.push(format_args!(
            "<image x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" href=\"{}\"/>",
            y + 20.0,
            image.data_uri()
        ));
        canvas.height = y + 20.0 + height + gap;
    }
}
