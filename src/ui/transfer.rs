//! What a transfer shows while it goes on: on a terminal a bar with bytes, rate and what is left, redrawn in place;
//! elsewhere a plain line now and then.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use cache::Meter;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::ui::Printer;
use crate::ui::progress::EVERY;

/// Does `work`, showing meanwhile how far `meter` says that it has come. `what` is the doing: `Pushing to storage`.
pub fn watch<T>(printer: Printer, what: &str, meter: &Meter, work: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        // Dropped with this block, however it ends, which ends the thread.
        let (_end, ended) = mpsc::channel::<()>();
        scope.spawn(move || show(printer, what, meter, &ended));
        work()
    })
}

fn show(printer: Printer, what: &str, meter: &Meter, ended: &mpsc::Receiver<()>) {
    let begun = Instant::now();
    let bar = printer.is_live().then(|| {
        let template = "{prefix:.bold} {wide_bar:.cyan/dim} {msg}";
        let style = ProgressStyle::with_template(template).expect("the template is one of ours");
        let target = ProgressDrawTarget::stderr_with_hz(12);
        let bar = ProgressBar::with_draw_target(Some(1), target).with_style(style);
        bar.set_message(text(meter, Duration::ZERO));
        bar.set_prefix(what.to_owned());
        bar
    });
    let pause = if bar.is_some() { Duration::from_millis(100) } else { EVERY };
    while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(pause) {
        let text = text(meter, begun.elapsed());
        match &bar {
            Some(bar) => {
                let (done, all) = meter.read();
                bar.set_length(all.bytes.max(1));
                bar.set_position(done.bytes);
                bar.set_message(text);
            }
            None => printer.say(format_args!("{what}: {text}.")),
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

/// `3 of 12 files, 1.2 of 4.8 GB, 110.0 MB/s, 33s left`.
fn text(meter: &Meter, elapsed: Duration) -> String {
    let (done, all) = meter.read();
    let seconds = elapsed.as_secs_f64().max(0.001);
    let rate = done.bytes as f64 / seconds;
    let left = match all.bytes.saturating_sub(done.bytes) {
        0 => String::new(),
        _ if rate < 1.0 => String::new(),
        bytes => {
            let seconds = (bytes as f64 / rate).min(1e12).ceil() as i64;
            let text =
                if seconds < 60 { format!("{seconds}s") } else { report::duration_text(seconds * 1000) };
            format!(", {text} left")
        }
    };
    format!(
        "{} of {}, {}, {}/s{left}",
        done.count,
        report::count_text(all.count, "file"),
        part_text(done.bytes, all.bytes.max(done.bytes)),
        report::bytes_text(rate as u64)
    )
}

/// `1.2 of 4.8 GB`: the unit once, where it is the same.
fn part_text(part: u64, all: u64) -> String {
    let (part, all) = (report::bytes_text(part), report::bytes_text(all));
    match (part.split_once(' '), all.split_once(' ')) {
        (Some((number, unit)), Some((_, other))) if unit == other => format!("{number} of {all}"),
        _ => format!("{part} of {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_done_yet_has_no_time_left() {
        let meter = Meter::default();
        assert_eq!(text(&meter, Duration::ZERO), "0 of 0 files, 0 of 0 B, 0 B/s");
    }

    #[test]
    fn a_part_has_its_unit_once() {
        assert_eq!(part_text(78_600_000, 411_100_000), "78.6 of 411.1 MB");
        assert_eq!(part_text(900, 411_100_000), "900 B of 411.1 MB");
    }
}
