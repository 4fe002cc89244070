//! What `repro` shows while it goes on: on a terminal the stages at work, redrawn in place; elsewhere plain
//! lines, each with its stage's name before it.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use base::one_line;
use cache::Maker;
use exec::{Event, Failure, Observer, Outcome, Source};
use indexmap::IndexMap;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use pipeline::{Pipeline, Stage, StageId, StaleReason};

use crate::error::with_causes;
use crate::ui::Printer;

/// How many of a stage's last lines are kept to be shown when it fails.
const KEPT_LINES: usize = 2000;

/// Shows a reproduction.
pub struct ReproView<'a> {
    printer: Printer,
    pipeline: &'a Pipeline,
    wanted: usize,
    explain: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    screen: Option<Screen>,
    /// Stages at work, with what they said last.
    at_work: IndexMap<StageId, AtWork>,
    settled: usize,
}

struct Screen {
    bars: MultiProgress,
    summary: ProgressBar,
}

struct AtWork {
    bar: Option<ProgressBar>,
    lines: std::collections::VecDeque<String>,
    since: Instant,
    /// Whether no run before it is known to have ended well.
    is_first: bool,
}

impl<'a> ReproView<'a> {
    /// A view of bringing `wanted` stages up to date; with `explain`, it gives every reason.
    pub fn new(printer: Printer, pipeline: &'a Pipeline, wanted: usize, explain: bool) -> Self {
        let screen = printer.is_live().then(|| {
            let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(12));
            let summary = bars.add(ProgressBar::new_spinner().with_style(style("{wide_msg}")));
            Screen { bars, summary }
        });
        ReproView {
            printer,
            pipeline,
            wanted,
            explain,
            state: Mutex::new(State { screen, ..State::default() }),
        }
    }

    /// Takes what is redrawn off the screen.
    pub fn close(&self) {
        let mut state = self.lock();
        if let Some(screen) = state.screen.take() {
            let _ = screen.bars.clear();
        }
    }

    /// Asks whether a stage is to be brought up to date, until `stop` is set.
    pub fn confirm(&self, stage: StageId, reasons: &[StaleReason], stop: &AtomicBool) -> bool {
        let question = format!("{}: {}. Go on?", self.printer.paint("1", self.name(stage)), because(reasons));
        let ask = || self.printer.ask_until(&question, stop).unwrap_or_default();
        match &self.lock().screen {
            Some(screen) => screen.bars.suspend(ask),
            None => ask(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn name(&self, stage: StageId) -> String {
        self.pipeline.stage(stage).address.to_string()
    }

    /// Prints above what is redrawn.
    fn say(&self, state: &State, text: &str) {
        match &state.screen {
            Some(screen) => screen.bars.suspend(|| self.printer.say(text)),
            None => self.printer.say(text),
        }
    }

    /// The same of a line that stays whole.
    fn relay(&self, state: &State, text: &str) {
        match &state.screen {
            Some(screen) => screen.bars.suspend(|| self.printer.relay(text)),
            None => self.printer.relay(text),
        }
    }

    /// Prints above what is redrawn, with `-q` as well.
    fn insist(&self, state: &State, text: &str) {
        match &state.screen {
            Some(screen) => screen.bars.suspend(|| self.printer.insist(text)),
            None => self.printer.insist(text),
        }
    }

    fn started(&self, state: &mut State, stage: StageId, reasons: &[StaleReason]) {
        let name = self.name(stage);
        let bold = self.printer.paint("1", &name);
        if self.explain {
            self.say(state, &format!("Running {bold}:"));
            for reason in reasons {
                self.say(state, &format!("  {reason}"));
            }
        } else {
            self.say(state, &format!("Running {bold}: {}.", because(reasons)));
        }
        let bar = state.screen.as_ref().map(|screen| {
            let bar = ProgressBar::new_spinner()
                .with_style(style("{spinner:.cyan} {prefix:.bold} {elapsed:>4} {wide_msg:.dim}"));
            let bar = screen.bars.insert_before(&screen.summary, bar);
            bar.set_prefix(name);
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        let is_first = reasons.contains(&StaleReason::New);
        let lines = std::collections::VecDeque::new();
        state.at_work.insert(stage, AtWork { bar, lines, since: Instant::now(), is_first });
    }

    fn line(&self, state: &mut State, stage: StageId, text: &str) {
        let on_screen = state.screen.is_some();
        if !on_screen || self.printer.is_verbose() {
            let name = self.printer.paint("2", format_args!("{} |", self.name(stage)));
            self.relay(state, &format!("{name} {text}"));
        }
        if let Some(work) = state.at_work.get_mut(&stage) {
            if on_screen {
                if work.lines.len() == KEPT_LINES {
                    work.lines.pop_front();
                }
                work.lines.push_back(text.to_owned());
            }
            if let Some(bar) = &work.bar {
                bar.set_message(console::strip_ansi_codes(text).into_owned());
            }
        }
    }

    fn settle(&self, state: &mut State, stage: StageId) -> Option<AtWork> {
        state.settled += 1;
        let work = state.at_work.shift_remove(&stage)?;
        if let (Some(bar), Some(screen)) = (&work.bar, &state.screen) {
            bar.finish_and_clear();
            screen.bars.remove(bar);
        }
        Some(work)
    }

    fn finished(&self, state: &mut State, stage: StageId, outcome: &Outcome) {
        self.settle(state, stage);
        let name = self.printer.paint("1", self.name(stage));
        match outcome {
            Outcome::Fresh if self.printer.is_verbose() => {
                self.say(state, &format!("Stage {name} is up to date."));
            }
            Outcome::Fresh => {}
            Outcome::Ran { duration, .. } => {
                let took = report::duration_text(millis(*duration));
                self.say(state, &format!("{} {name} in {took}.", self.printer.paint("32", "Finished")));
            }
            Outcome::Recorded { is_anew, .. } => {
                let (done, what) = match is_anew {
                    true => ("Stored", format!("the data of {name} anew, which the cache had lost")),
                    false => ("Recorded", format!("the changed data of {name}")),
                };
                self.say(state, &format!("{} {what}.", self.printer.paint("32", done)));
            }
            Outcome::Restored { source, .. } => {
                let from = describe_source(source, self.pipeline.stage(stage));
                self.say(state, &format!("{} {name} from {from}.", self.printer.paint("32", "Restored")));
            }
        }
    }

    fn failed(
        &self,
        state: &mut State,
        stage: StageId,
        failure: &Failure,
        partial: Option<&std::path::Path>,
    ) {
        let work = self.settle(state, stage);
        let is_first = work.as_ref().is_some_and(|work| work.is_first);
        let name = self.printer.paint("1", self.name(stage));
        // Elsewhere than on a terminal the lines were shown as they came.
        if let Some(work) = work.as_ref().filter(|work| !work.lines.is_empty() && !self.printer.is_verbose())
        {
            for line in &work.lines {
                let prefix = self.printer.paint("2", format_args!("{} |", self.name(stage)));
                self.relay(state, &format!("{prefix} {line}"));
            }
        }
        let after = work
            .map(|work| format!(" after {}", report::duration_text(millis(work.since.elapsed()))))
            .unwrap_or_default();
        let causes = with_causes(failure);
        let word = self.printer.paint("31;1", "Failed");
        self.insist(state, &format!("{word} {name}{after}: {causes}."));
        if let Some(partial) = partial {
            self.insist(
                state,
                &format!(
                    "Its partial outs are in {}{}.",
                    base::shown(partial),
                    if is_first { "" } else { "; the last good ones are in place" }
                ),
            );
        }
    }

    fn summarize(&self, state: &State) {
        if let Some(screen) = &state.screen {
            let at_work = state.at_work.len();
            let waiting = self.wanted.saturating_sub(at_work + state.settled);
            screen
                .summary
                .set_message(format!("{at_work} running, {} done, {waiting} waiting", state.settled));
        }
    }
}

impl Observer for ReproView<'_> {
    fn event(&self, event: Event<'_>) {
        let mut state = self.lock();
        let state = &mut *state;
        match event {
            Event::Started { stage, reasons } => self.started(state, stage, reasons),
            Event::Line { stage, text, .. } => self.line(state, stage, text),
            Event::Saved { stage, path, state: saved } => {
                let name = self.name(stage);
                let digest = &saved.digest.hex()[..12];
                self.insist(
                    state,
                    &format!(
                        "Saved {path}, which was in no cache, before stage {name} replaces it; `pipe data restore \
                         {digest} DESTINATION` brings it back"
                    ),
                );
            }
            Event::Finished { stage, outcome } => self.finished(state, stage, outcome),
            Event::Failed { stage, failure, partial, .. } => {
                self.failed(state, stage, failure, partial.map(std::path::PathBuf::as_path));
            }
            Event::Waiting { stage, by } => {
                let name = self.name(stage);
                self.say(state, &format!("Waiting with {name}: {by}."));
            }
            Event::Blocked { stage, by } => {
                state.settled += 1;
                let (stage, by) = (self.name(stage), self.name(by));
                self.say(state, &format!("Skipped {stage}: it needs {by}."));
            }
            Event::Warning(text) => match &state.screen {
                Some(screen) => screen.bars.suspend(|| self.printer.warn(&text)),
                None => self.printer.warn(&text),
            },
        }
        self.summarize(state);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is one of ours")
}

/// The reasons in one line; the first three, and how many more there are.
pub fn because(reasons: &[StaleReason]) -> String {
    let mut text: Vec<String> = reasons.iter().take(3).map(ToString::to_string).collect();
    if reasons.len() > 3 {
        let more = reasons.len() - 3;
        text.push(report::count_text(more, "more reason"));
    }
    text.join("; ")
}

/// Where a restored result of a stage came from, in words.
pub fn describe_source(source: &Source, stage: &Stage) -> String {
    match source {
        Source::Lock if stage.is_source() => "the cache, as the pointer records it".to_owned(),
        Source::Lock => "the cache, as the lock records it".to_owned(),
        // DVC itself tells outs and nothing of their making.
        Source::StageCache(entry) if entry.maker.host.is_empty() => "DVC's run cache".to_owned(),
        Source::StageCache(entry) => describe_maker(&entry.maker),
    }
}

/// What an entry tells of its making, in one line: whoever wrote to a remote may have put any text there.
fn describe_maker(maker: &Maker) -> String {
    let run = match &maker.run {
        None => "the result".to_owned(),
        Some(run) => {
            let end = run.char_indices().rev().nth(7).map_or(run.as_str(), |(start, _)| &run[start..]);
            format!("run {}", one_line(end))
        }
    };
    let by = if maker.user.is_empty() { String::new() } else { format!(" by {}", one_line(&maker.user)) };
    let (host, platform) = (one_line(&maker.host), one_line(&maker.platform));
    format!("{run} of {}{by} on {host} ({platform})", maker.created.local())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_entry_tells_of_its_maker_does_not_reach_the_terminal_raw() {
        let hostile = "\u{1b}[2Jroot\nFAKE LINE";
        let mut maker = Maker::default();
        for text in [&mut maker.user, &mut maker.host, &mut maker.platform] {
            hostile.clone_into(text);
        }
        for run in ["", "é", hostile, "019aa5c0c5c57a0a9b5d1d1d1d1d1d1d"] {
            maker.run = Some(run.to_owned());
            let told = describe_maker(&maker);
            assert_eq!(one_line(&told), told);
        }
        assert!(describe_maker(&maker).starts_with("run 1d1d1d1d of "));
    }
}
