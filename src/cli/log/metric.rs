//! `pipe log metric`: one point, or a stream of points as lines of JSON.

use std::io::BufRead;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use base::Timestamp;
use clap::Args;
use serde_json::{Map, Value as Json};
use track::{Change, Metric};

use crate::error::{CliError, CliResult, ErrorKind};
use crate::logging::Logger;
use crate::ui::Printer;

use super::TargetArgs;

/// Log a point of a metric, or points as lines of JSON from standard input
///
/// `pipe log metric -` reads lines as {"loss": 0.3, "acc": 0.9, "step": 7} or {"name": "loss", "value": 0.3, "step": 7},
/// until standard input ends; empty lines are passed over. JSON has no NaN: write "NaN". What is no number there is told of
/// with the number of its line, and all else is logged; the exit code is 2 then.
#[derive(Debug, Args)]
pub struct MetricArgs {
    /// Its name, or `-` for standard input
    name: String,
    /// Its value; nan, inf and -inf are values too
    #[arg(allow_negative_numbers = true, allow_hyphen_values = true, value_parser = value_of)]
    value: Option<f64>,
    /// The step [default: 0]
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        default_value_t = 0,
        hide_default_value = true
    )]
    step: i64,
    /// When it was measured, in milliseconds since 1970 [default: now]
    #[arg(long, value_name = "MILLISECONDS", allow_negative_numbers = true)]
    timestamp: Option<i64>,
    #[command(flatten)]
    target: TargetArgs,
}

/// How long a point may wait before it is in the store.
const FLUSH_EVERY: Duration = Duration::from_millis(250);
/// How many points are written in one go at most.
const FLUSH_POINTS: usize = 1000;
/// How many lines are read ahead while the store is waited for. After that, whoever writes them waits as well, until what is
/// logged goes to the spool.
const MOST_LINES: usize = 65_536;
/// So much that cannot be read is told of one by one.
const FAULTS_TOLD: usize = 5;

/// Logs one point, or many.
///
/// # Errors
/// When the store refuses a point; with exit code 2, after all others were logged, when a line cannot be read.
pub fn run(args: &MetricArgs, printer: Printer) -> CliResult {
    let mut logger = args.target.open(printer)?;
    let run = logger.run;
    let timestamp = args.timestamp.map_or_else(Timestamp::now, Timestamp);
    match args.value {
        Some(value) => {
            let point = Metric { key: args.name.clone(), value, step: args.step, timestamp };
            logger.log(vec![Change::LogMetrics { run, metrics: vec![point] }])
        }
        None if args.name == "-" => stream(&mut logger, args.step, printer),
        None => Err(CliError::message(format!("metric `{}` has no value", args.name))
            .hint("`pipe log metric NAME VALUE`, or `pipe log metric -` for lines of JSON")),
    }
}

fn stream(logger: &mut Logger, step: i64, printer: Printer) -> CliResult {
    let run = logger.run;
    let (sender, receiver) = sync_channel(MOST_LINES);
    // A thread of its own, so that points are written while the next are awaited.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().split(b'\n') {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let (mut points, mut faults, mut number) = (Vec::new(), 0, 0);
    let mut flushed = Instant::now();
    loop {
        let received = receiver.recv_timeout(FLUSH_EVERY);
        let ended = matches!(received, Err(RecvTimeoutError::Disconnected));
        if let Ok(line) = received {
            number += 1;
            let read = match line {
                Ok(line) => Line::read(&line, step, Timestamp::now()),
                Err(fault) => Line { points: Vec::new(), faults: vec![fault.to_string()] },
            };
            let left_out = if read.points.is_empty() { "is not logged" } else { "is not logged in full" };
            points.extend(read.points);
            for fault in read.faults {
                faults += 1;
                if faults <= FAULTS_TOLD {
                    printer.warn(format_args!("line {number} {left_out}: {fault}"));
                }
            }
        }
        if ended || points.len() >= FLUSH_POINTS || flushed.elapsed() >= FLUSH_EVERY {
            if !points.is_empty() {
                let metrics: Vec<Metric> = std::mem::take(&mut points);
                logger.log(vec![Change::LogMetrics { run, metrics }])?;
            }
            flushed = Instant::now();
        }
        if ended {
            break;
        }
    }
    if faults > FAULTS_TOLD {
        printer.warn(format_args!("{} more values are not logged", faults - FAULTS_TOLD));
    }
    if faults > 0 { Err(CliError::silent(ErrorKind::Unable)) } else { Ok(()) }
}

/// What a line holds.
#[derive(Debug, Default, PartialEq)]
struct Line {
    points: Vec<Metric>,
    /// Why something in it is no point.
    faults: Vec<String>,
}

impl Line {
    /// The points in a line; none in an empty one.
    fn read(line: &[u8], step: i64, now: Timestamp) -> Self {
        if line.trim_ascii().is_empty() {
            return Line::default();
        }
        let (points, faults) = match points_of(line, step, now) {
            Ok(read) => {
                let (points, faults): (Vec<_>, Vec<_>) = read.into_iter().partition(Result::is_ok);
                (points.into_iter().flatten().collect(), faults.into_iter().filter_map(Result::err).collect())
            }
            Err(fault) => (Vec::new(), vec![fault]),
        };
        Line { points, faults }
    }
}

/// The points that a line that is not empty is meant to hold.
fn points_of(line: &[u8], step: i64, now: Timestamp) -> Result<Vec<Result<Metric, String>>, String> {
    let object: Map<String, Json> =
        serde_json::from_slice(line).map_err(|fault| format!("it is no JSON object: {fault}"))?;
    let whole = |name: &str, default: i64| match object.get(name) {
        None => Ok(default),
        Some(value) => value.as_i64().ok_or_else(|| format!("`{name}` is {value}, and no whole number")),
    };
    let (step, timestamp) = (whole("step", step)?, Timestamp(whole("timestamp", now.0)?));
    let point = |key: &str, value: &Json| {
        track::check_key("metric", key).map_err(|fault| fault.to_string())?;
        Ok(Metric { key: key.to_owned(), value: number(key, value)?, step, timestamp })
    };
    let name = ["name", "key"].into_iter().find_map(|name| object.get(name)).and_then(Json::as_str);
    if let (Some(name), Some(value)) = (name, object.get("value")) {
        return Ok(vec![point(name, value)]);
    }
    let pairs = object.iter().filter(|(key, _)| !matches!(key.as_str(), "step" | "timestamp"));
    let points: Vec<_> = pairs.map(|(key, value)| point(key, value)).collect();
    if points.is_empty() { Err("it names no metric".to_owned()) } else { Ok(points) }
}

/// The number that a text says. Digits that no float can hold say none, while an infinity is written in letters.
fn value_of(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|fault| format!("{fault}"))?;
    if value.is_infinite() && text.contains(|c: char| c.is_ascii_digit()) {
        let most = f64::MAX;
        return Err(format!("the number is out of range, which ends at {most:e}; `inf` is a value too"));
    }
    Ok(value)
}

fn number(key: &str, value: &Json) -> Result<f64, String> {
    let read = match value {
        Json::Number(number) => number.as_f64(),
        // What JSON has no number for.
        Json::String(text) => value_of(text).ok().filter(|value| !value.is_finite()),
        _ => None,
    };
    read.ok_or_else(|| format!("`{key}` is {value}, and no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_points() {
        let read = |line: &str| Line::read(line.as_bytes(), 3, Timestamp(9));
        let point = |key: &str, value, step, timestamp| Metric {
            key: key.into(),
            value,
            step,
            timestamp: Timestamp(timestamp),
        };
        let good = |points| Line { points, faults: Vec::new() };
        assert_eq!(
            read(r#"{"loss": 0.5, "acc": 1, "step": 7}"#),
            good(vec![point("acc", 1.0, 7, 9), point("loss", 0.5, 7, 9)])
        );
        assert_eq!(
            read(r#"{"name": "loss", "value": "NaN", "timestamp": 4}"#),
            good(vec![point("loss", f64::NAN, 3, 4)])
        );
        assert_eq!(read("  \r"), Line::default());
        let bad = [
            "[1]",
            "{",
            "{}",
            r#"{"step": 3}"#,
            r#"{"loss": "x"}"#,
            r#"{"loss": 1e400}"#,
            r#"{"loss": "-1e400"}"#,
            r#"{"loss": true}"#,
            r#"{"a#": 1}"#,
            r#"{"loss": 1, "step": 1.5}"#,
            "\u{1}",
        ];
        for bad in bad {
            let read = read(bad);
            assert_eq!((read.points.len(), read.faults.len()), (0, 1), "{bad}");
        }
    }

    #[test]
    fn what_is_good_in_a_line_is_kept() {
        let line = Line::read(br#"{"loss": 0.5, "done": true, "a#": 1, "acc": 2}"#, 0, Timestamp(9));
        assert_eq!(line.points.iter().map(|point| point.key.as_str()).collect::<Vec<_>>(), ["acc", "loss"]);
        assert!(line.faults.len() == 2 && line.faults[1].contains("`done` is true"), "{line:?}");
    }
}
