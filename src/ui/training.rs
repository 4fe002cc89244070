//! What `pipe train` shows: on a terminal phase, losses, accuracy and seeds, redrawn in place; elsewhere a
//! line per epoch.

use std::cell::RefCell;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use learn::{EpochRecord, SeedState, SeedStatus, TrainConfig, TrainEvent};

use crate::ui::Printer;

/// Shows a training.
pub struct TrainingView {
    printer: Printer,
    bar: Option<ProgressBar>,
    epochs: usize,
    last: RefCell<String>,
}

impl TrainingView {
    /// A view of a training with this configuration.
    pub fn new(printer: Printer, config: &TrainConfig) -> Self {
        let epochs = config.epochs();
        let bar = printer.is_live().then(|| {
            let template = "{prefix:.bold} {bar:24.cyan/dim} {pos}/{len} {elapsed:.dim}\n  {msg}";
            let style = ProgressStyle::with_template(template).expect("the template is one of ours");
            let target = ProgressDrawTarget::stderr_with_hz(12);
            ProgressBar::with_draw_target(Some(epochs as u64), target).with_style(style)
        });
        TrainingView { printer, bar, epochs, last: RefCell::default() }
    }

    /// Takes what is redrawn off the screen, leaving its last state as lines.
    pub fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            let last = self.last.borrow();
            if !last.is_empty() {
                self.printer.say(&*last);
            }
        }
    }

    /// Something happened.
    pub fn event(&self, event: &TrainEvent) {
        match event {
            TrainEvent::Started(started) => self.say(&format!(
                "Training on {} points, validating on {}; {} parameters, {} seeds.",
                started.train_rows,
                started.val_rows,
                started.params_trunk,
                started.seeds.len()
            )),
            TrainEvent::DeviceFallback => {
                self.printer.warn("this build has no cuda; training on the processor");
            }
            TrainEvent::Phase { to, epoch, .. } => {
                if let Some(bar) = &self.bar {
                    bar.set_prefix(to.name());
                }
                let what = match to {
                    learn::Phase::One => "warm-up",
                    learn::Phase::Two => "adaptation, trunk frozen",
                };
                self.say(&format!("Epoch {epoch}: {to} begins ({what})."));
            }
            TrainEvent::Germination { seed, epoch, val_acc, .. } => {
                self.say(&format!("Epoch {epoch}: {seed} germinated at accuracy {val_acc:.4}."));
            }
            TrainEvent::SeedTransition { seed, to, epoch, step, .. } if *to == SeedState::Active => {
                self.say(&format!("Epoch {epoch}: {seed} is active since step {step}."));
            }
            TrainEvent::DriftWarning { seed, drift, threshold, .. } if self.printer.is_verbose() => {
                self.say(&format!("{seed} drifts by {drift:.3}, more than {threshold}."));
            }
            TrainEvent::Epoch { record, .. } => self.epoch(record),
            _ => {}
        }
    }

    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.printer.say(text)),
            None => self.printer.say(text),
        }
    }

    fn epoch(&self, record: &EpochRecord) {
        let loss = record.train_loss.map(|loss| format!("train_loss {loss:.4}  ")).unwrap_or_default();
        let line = format!(
            "{loss}val_loss {:.4}  val_acc {:.4}  best_acc {:.4}  seeds {}/{}{}",
            record.val_loss,
            record.val_acc,
            record.best_acc,
            record.active_seeds(),
            record.seeds.len(),
            germinated(&record.seeds),
        );
        match &self.bar {
            Some(bar) => {
                bar.set_position(record.epoch as u64);
                bar.set_message(line.clone());
                *self.last.borrow_mut() =
                    format!("Epoch {}/{} {}  {line}", record.epoch, self.epochs, record.phase);
            }
            None => self
                .printer
                .say(format_args!("Epoch {}/{} {}  {line}", record.epoch, self.epochs, record.phase)),
        }
    }
}

/// The seeds that are neither dormant nor done, with how far they are.
fn germinated(seeds: &[SeedStatus]) -> String {
    let at_work = seeds.iter().filter_map(|seed| match seed.state {
        SeedState::Training => Some(format!("{} training", seed.seed)),
        SeedState::Blending => Some(format!("{} alpha {:.3}", seed.seed, seed.alpha)),
        SeedState::Dormant | SeedState::Active => None,
    });
    at_work.map(|text| format!("  {text}")).collect()
}
