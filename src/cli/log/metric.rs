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
/// until standard input ends. What is no number there is told of and left out. JSON has no NaN: write "NaN".
#[derive(Debug, Args)]
pub struct MetricArgs {
    /// Its name, or `-` for standard input
    name: String,
    /// Its value; nan, inf and -inf are values too
    #[arg(allow_negative_numbers = true, allow_hyphen_values = true)]
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
/// So many lines that cannot be read are told of one by one.
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
            let read = line.map_err(|fault| fault.to_string());
            let read = read.and_then(|line| points_of(&line, step, Timestamp::now()));
            match read {
                Ok(more) => points.extend(more),
                Err(fault) => {
                    faults += 1;
                    if faults <= FAULTS_TOLD {
                        printer.warn(format_args!("line {number} is not logged: {fault}"));
                    }
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
        printer.warn(format_args!("{} more lines are not logged", faults - FAULTS_TOLD));
    }
    if faults > 0 { Err(CliError::silent(ErrorKind::Unable)) } else { Ok(()) }
}

/// The points in a line; none in an empty one.
fn points_of(line: &[u8], step: i64, now: Timestamp) -> Result<Vec<Metric>, String> {
    if line.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let object: Map<String, Json> =
        serde_json::from_slice(line).map_err(|fault| format!("it is no JSON object: {fault}"))?;
    let whole = |name: &str, default: i64| match object.get(name) {
        None => Ok(default),
        Some(value) => value.as_i64().ok_or_else(|| format!("`{name}` is {value}, and no whole number")),
    };
    let (step, timestamp) = (whole("step", step)?, Timestamp(whole("timestamp", now.0)?));
    let point = |key: &str, value: f64| {
        track::check_key("metric", key).map_err(|fault| fault.to_string())?;
        Ok(Metric { key: key.to_owned(), value, step, timestamp })
    };
    let name = ["name", "key"].into_iter().find_map(|name| object.get(name)).and_then(Json::as_str);
    if let (Some(name), Some(value)) = (name, object.get("value")) {
        return Ok(vec![point(name, number(name, value)?)?]);
    }
    let pairs = object.iter().filter(|(key, _)| !matches!(key.as_str(), "step" | "timestamp"));
    pairs.map(|(key, value)| point(key, number(key, value)?)).collect()
}

fn number(key: &str, value: &Json) -> Result<f64, String> {
    let read = match value {
        Json::Number(number) => number.as_f64(),
        Json::Bool(is_true) => Some(f64::from(u8::from(*is_true))),
        // What JSON has no number for.
        Json::String(text) => text.parse().ok().filter(|value: &f64| !value.is_finite()),
        _ => None,
    };
    read.ok_or_else(|| format!("`{key}` is {value}, and no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_points() {
        let read = |line: &str| points_of(line.as_bytes(), 3, Timestamp(9));
        let point = |key: &str, value, step, timestamp| Metric {
            key: key.into(),
            value,
            step,
            timestamp: Timestamp(timestamp),
        };
        assert_eq!(
            read(r#"{"loss": 0.5, "acc": 1, "step": 7}"#),
            Ok(vec![point("acc", 1.0, 7, 9), point("loss", 0.5, 7, 9)])
        );
        assert_eq!(
            read(r#"{"name": "loss", "value": "NaN", "timestamp": 4}"#),
            Ok(vec![point("loss", f64::NAN, 3, 4)])
        );
        assert_eq!(read("  \r"), Ok(Vec::new()));
        for bad in ["[1]", "{", r#"{"loss": "x"}"#, r#"{"a#": 1}"#, r#"{"loss": 1, "step": 1.5}"#, "\u{1}"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
