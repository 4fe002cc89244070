//! What a transfer shows while it goes on: on a terminal a bar with bytes, rate and what is left, redrawn in place;
//! elsewhere a plain line now and then.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use cache::{Meter, Tally};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::ui::Printer;
use crate::ui::pace::Pace;
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
        let target = ProgressDrawTarget::stderr_with_hz(12);
        let bar = ProgressBar::with_draw_target(Some(1), target);
        draw(&bar, what, &parts(Tally::default(), Tally::default(), Duration::ZERO, None));
        bar
    });
    let (mut pace, mut next) = (Pace::default(), EVERY);
    while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(LOOK) {
        let elapsed = begun.elapsed();
        let (done, all) = meter.read();
        pace.note(elapsed, done);
        let parts = || parts(done, all, elapsed, pace.left(elapsed, all));
        match &bar {
            Some(bar) => {
                bar.set_length(all.bytes.max(1));
                bar.set_position(done.bytes);
                draw(bar, what, &parts());
            }
            None if elapsed >= next => {
                next += EVERY;
                printer.say(format_args!("{what}: {}.", joined(&parts(), &Part::ALL)));
            }
            None => {}
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

/// How often is looked how far it has come.
const LOOK: Duration = Duration::from_millis(100);

/// So many columns a bar has at least; one with fewer tells nothing.
const BAR: usize = 10;

/// What is told of a transfer, in the order in which it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Looking,
    Files,
    Bytes,
    Rate,
    Left,
}

impl Part {
    const ALL: [Part; 5] = [Part::Looking, Part::Files, Part::Bytes, Part::Rate, Part::Left];
}

/// `3 of 12 files, 1.2 of 4.8 GB, 110.0 MB/s, 33s left`, in parts; while it is not known yet what there is to do, that.
fn parts(done: Tally, all: Tally, elapsed: Duration, left: Option<u64>) -> Vec<(Part, String)> {
    if all.count == 0 {
        return vec![(Part::Looking, "looking at what is there".to_owned())];
    }
    let mut parts =
        vec![(Part::Files, format!("{} of {}", done.count, report::count_text(all.count, "file")))];
    if all.bytes > 0 {
        let rate = done.bytes as f64 / elapsed.as_secs_f64().max(0.001);
        parts.push((Part::Bytes, part_text(done.bytes, all.bytes.max(done.bytes))));
        parts.push((Part::Rate, format!("{}/s", report::bytes_text(rate as u64))));
    }
    if let Some(seconds) = left {
        let text = match i64::try_from(seconds) {
            Ok(seconds) if seconds >= 60 => report::duration_text(seconds.saturating_mul(1000)),
            _ => format!("{seconds}s"),
        };
        parts.push((Part::Left, format!("{text} left")));
    }
    parts
}

/// Those of the parts that are named.
fn joined(parts: &[(Part, String)], named: &[Part]) -> String {
    let texts = parts.iter().filter(|(part, _)| named.contains(part)).map(|(_, text)| text.as_str());
    texts.collect::<Vec<_>>().join(", ")
}

/// What of the doing and the parts fits into so many columns, without breaking off inside one of them, and whether there is
/// room for a bar between the two.
fn fitted(what: &str, parts: &[(Part, String)], width: usize) -> (String, bool, String) {
    use Part::{Bytes, Files, Left, Looking, Rate};
    let choices: [(bool, &[Part]); 7] = [
        (true, &[Looking, Files, Bytes, Rate, Left]),
        (true, &[Looking, Files, Bytes, Left]),
        (false, &[Looking, Files, Bytes, Left]),
        (false, &[Looking, Bytes, Left]),
        (false, &[Left]),
        (false, &[Files]),
        (false, &[]),
    ];
    let columns = console::measure_text_width;
    for (has_bar, named) in choices {
        let text = joined(parts, named);
        let bar = if has_bar { 1 + BAR } else { 0 };
        if !text.is_empty() && columns(what) + bar + 1 + columns(&text) <= width {
            return (what.to_owned(), has_bar, text);
        }
    }
    (console::truncate_str(what, width, "…").into_owned(), false, String::new())
}

/// Draws the line anew, as wide as the terminal is now.
fn draw(bar: &ProgressBar, what: &str, parts: &[(Part, String)]) {
    let width = usize::from(console::Term::stderr().size().1);
    let (what, has_bar, text) = fitted(what, parts, width);
    let template = match has_bar {
        true => "{prefix:.bold} {wide_bar:.cyan/dim} {msg}",
        false => "{prefix:.bold} {msg}",
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the template is one of ours"));
    bar.set_prefix(what);
    bar.set_message(text);
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

    const DONE: Tally = Tally { count: 407, bytes: 298_100_000 };
    const ALL: Tally = Tally { count: 4098, bytes: 300_400_000 };

    fn whole(done: Tally, all: Tally, left: Option<u64>) -> String {
        joined(&parts(done, all, Duration::from_secs(2), left), &Part::ALL)
    }

    #[test]
    fn nothing_is_counted_before_it_is_known_what_there_is() {
        assert_eq!(whole(Tally::default(), Tally::default(), None), "looking at what is there");
        let lists = Tally { count: 2, bytes: 0 };
        assert_eq!(whole(Tally { count: 1, bytes: 0 }, lists, None), "1 of 2 files");
        assert_eq!(whole(DONE, ALL, None), "407 of 4098 files, 298.1 of 300.4 MB, 149.1 MB/s");
        assert_eq!(whole(DONE, ALL, Some(59)), "407 of 4098 files, 298.1 of 300.4 MB, 149.1 MB/s, 59s left");
        assert_eq!(
            whole(DONE, ALL, Some(61)),
            "407 of 4098 files, 298.1 of 300.4 MB, 149.1 MB/s, 1m 01s left"
        );
        assert!(whole(DONE, ALL, Some(u64::MAX)).ends_with("s left"));
    }

    #[test]
    fn a_line_fits_the_terminal_and_breaks_inside_no_number() {
        let at = |width, what, left| {
            let parts = parts(DONE, ALL, Duration::from_secs(2), left);
            let (what, has_bar, text) = fitted(what, &parts, width);
            let bar = if has_bar { " ##########" } else { "" };
            let line = format!("{what}{bar} {text}");
            assert!(line.trim_end().len() <= width, "{line}");
            line
        };
        let push = "Pushing to storage";
        assert_eq!(
            at(140, push, Some(4)),
            "Pushing to storage ########## 407 of 4098 files, 298.1 of 300.4 MB, 149.1 MB/s, 4s left"
        );
        assert_eq!(
            at(80, push, Some(4)),
            "Pushing to storage ########## 407 of 4098 files, 298.1 of 300.4 MB, 4s left"
        );
        assert_eq!(at(70, push, Some(4)), "Pushing to storage 407 of 4098 files, 298.1 of 300.4 MB, 4s left");
        assert_eq!(at(50, push, Some(4)), "Pushing to storage 298.1 of 300.4 MB, 4s left");
        assert_eq!(at(40, push, Some(4)), "Pushing to storage 4s left");
        assert_eq!(at(40, push, None), "Pushing to storage 298.1 of 300.4 MB");
        assert_eq!(at(37, push, None), "Pushing to storage 298.1 of 300.4 MB");
        assert_eq!(at(35, push, None).trim_end(), push);
        let (cut, ..) = fitted("Pushing to a remote with a long name", &[], 20);
        assert_eq!(console::measure_text_width(&cut), 20);
        let looking = parts(Tally::default(), Tally::default(), Duration::ZERO, None);
        assert_eq!(
            fitted(push, &looking, 80),
            (push.to_owned(), true, "looking at what is there".to_owned())
        );
        assert_eq!(
            fitted(push, &looking, 45),
            (push.to_owned(), false, "looking at what is there".to_owned())
        );
    }

    #[test]
    fn a_part_has_its_unit_once() {
        assert_eq!(part_text(78_600_000, 411_100_000), "78.6 of 411.1 MB");
        assert_eq!(part_text(900, 411_100_000), "900 B of 411.1 MB");
    }
}
