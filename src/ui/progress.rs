//! That something takes its time: a line that turns on a terminal, and elsewhere a line now and then.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::Printer;

/// How long nothing is said elsewhere than on a terminal, and then again and again.
pub const EVERY: Duration = Duration::from_secs(10);

/// Shown until it is dropped.
#[derive(Debug)]
pub struct Working {
    bar: Option<ProgressBar>,
    /// Dropping it ends the thread that speaks.
    _end: Option<mpsc::Sender<()>>,
}

impl Printer {
    /// Shows that `what` goes on, as in `Storing raw`.
    pub fn working(&self, what: &str) -> Working {
        if self.is_live() {
            let style = ProgressStyle::with_template("{spinner:.cyan} {wide_msg} {elapsed:>4}");
            let bar = ProgressBar::new_spinner().with_style(style.expect("the template is one of ours"));
            bar.set_message(what.to_owned());
            bar.enable_steady_tick(Duration::from_millis(100));
            return Working { bar: Some(bar), _end: None };
        }
        let (end, ended) = mpsc::channel::<()>();
        let (printer, what, begun) = (*self, what.to_owned(), Instant::now());
        std::thread::spawn(move || {
            while ended.recv_timeout(EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                let millis = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
                printer.say(format_args!("{what}: still at work after {}.", report::duration_text(millis)));
            }
        });
        Working { bar: None, _end: Some(end) }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
