//! The two logs of a training: one to read, one of JSON lines. Separate files, each written by one hand.
//!
//! They carry times of day and so are no outputs in the sense of equal bytes for equal seeds. Every line goes to the
//! system at once, so that a killed training leaves its log up to the last event.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::Timestamp;
use disk::{Appender, DiskError};
use serde_json::{Value, json};

use super::event::{EpochRecord, Finished, Started, TrainEvent};
use super::seed::{SeedId, SeedState};

/// Writes `train.log` and `events.jsonl`.
///
/// `train.log` has a header of `# ` lines, rows `epoch,seed,state,alpha` (one when a seed's state has changed since
/// the last epoch, or its alpha has while blending), and a footer. `events.jsonl` has one object per line with the
/// keys `timestamp`, `epoch`, `event_type`, `message`, `data`.
#[derive(Debug)]
pub struct Logs {
    readable: Appender,
    events: Appender,
    /// State and alpha of each seed when its last row was written.
    shown: BTreeMap<SeedId, (SeedState, f64)>,
    counts: BTreeMap<&'static str, usize>,
    /// Epoch and accuracy of the last germination.
    germination: Option<(usize, f64)>,
    epoch: usize,
    total_seeds: usize,
}

impl Logs {
    /// Where the logs of an output folder lie: the readable one and the JSON lines.
    pub fn paths(folder: &Path) -> [PathBuf; 2] {
        [folder.join("train.log"), folder.join("events.jsonl")]
    }

    /// Starts both files anew.
    ///
    /// # Errors
    /// When one cannot be made.
    pub fn create(folder: &Path) -> Result<Self, DiskError> {
        let [readable, events] = Self::paths(folder);
        Ok(Self {
            readable: Appender::create(&readable)?,
            events: Appender::create(&events)?,
            shown: BTreeMap::new(),
            counts: BTreeMap::new(),
            germination: None,
            epoch: 0,
            total_seeds: 0,
        })
    }

    /// Writes what belongs in the logs of `event`, which happened at `now`. Steps are not logged.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn record(&mut self, event: &TrainEvent, now: Timestamp) -> Result<(), DiskError> {
        match event {
            TrainEvent::Started(started) => self.start(started, now),
            TrainEvent::DeviceFallback => self.event(
                now,
                "device_fallback",
                "this build has no cuda; training on the processor",
                json!({}),
            ),
            TrainEvent::Phase { from, to, epoch } => {
                self.epoch = *epoch;
                let message = format!("{to} begins");
                self.event(now, "phase_transition", &message, json!({ "from": from, "to": to }))
            }
            TrainEvent::Step { epoch, .. } => {
                self.epoch = *epoch;
                Ok(())
            }
            TrainEvent::Seed(row) if row.state == SeedState::Blending => {
                let message = format!("{} at alpha {:.3}", row.seed, row.alpha);
                self.event(
                    now,
                    "blending_progress",
                    &message,
                    json!({ "seed_id": row.seed, "alpha": row.alpha }),
                )
            }
            TrainEvent::Seed(_) => Ok(()),
            TrainEvent::SeedTransition { seed, from, to, .. } => {
                let data = json!({ "seed_id": seed, "from": from, "to": to });
                self.event(now, "seed_state_change", &format!("{seed}: {from} -> {to}"), data)
            }
            TrainEvent::Germination { seed, epoch, val_acc, .. } => {
                self.epoch = *epoch;
                self.germination = Some((*epoch, *val_acc));
                self.event(now, "germination", &format!("{seed} germinated"), json!({ "seed_id": seed }))
            }
            TrainEvent::DriftWarning { seed, drift, threshold, .. } => {
                let data = json!({ "seed_id": seed, "drift": drift, "threshold": threshold });
                self.event(now, "drift_warning", &format!("{seed} drifts by {drift:.3}"), data)
            }
            TrainEvent::Epoch { record, .. } => self.epoch(record, now),
            TrainEvent::Finished(finished) => self.finish(finished, now),
        }
    }

    fn start(&mut self, started: &Started, now: Timestamp) -> Result<(), DiskError> {
        self.total_seeds = started.seeds.len();
        let config = serde_json::to_value(&started.config).expect("a configuration is plain data");
        self.readable.line("# Morphogenetic training")?;
        self.readable.line(&format!("# started: {}", now.local()))?;
        for (key, value) in config.as_object().into_iter().flatten() {
            self.readable.line(&format!("# {key}: {value}"))?;
        }
        let Started { train_rows, val_rows, columns, params_trunk, .. } = started;
        self.readable
            .line(&format!("# data: {train_rows} points train, {val_rows} validate, {columns} columns"))?;
        self.readable.line(&format!("# parameters: {params_trunk}"))?;
        self.readable.line("epoch,seed,state,alpha")?;
        self.event(now, "experiment_start", "training starts", json!({ "config": config }))
    }

    fn epoch(&mut self, record: &EpochRecord, now: Timestamp) -> Result<(), DiskError> {
        self.epoch = record.epoch;
        for status in &record.seeds {
            let before = self.shown.insert(status.seed, (status.state, status.alpha));
            let changed = before.is_none_or(|(state, _)| state != status.state);
            let moved = before.is_some_and(|(_, alpha)| alpha != status.alpha);
            if changed || status.state == SeedState::Blending && moved {
                let (epoch, seed) = (record.epoch, status.seed);
                self.readable.line(&format!("{epoch},{seed},{},{:.3}", status.state, status.alpha))?;
            }
        }
        let data = json!({
            "train_loss": record.train_loss,
            "val_loss": record.val_loss,
            "val_acc": record.val_acc,
            "best_acc": record.best_acc,
            "seeds": record.seeds,
        });
        let message = format!("epoch {}: validation accuracy {:.4}", record.epoch, record.val_acc);
        self.event(now, "epoch_progress", &message, data)?;
        match self.germination {
            Some((epoch, accuracy)) if record.epoch == epoch + 1 && record.val_acc < accuracy => {
                let data = json!({ "accuracy": accuracy - record.val_acc });
                self.event(now, "accuracy_dip", "accuracy fell after a germination", data)
            }
            _ => Ok(()),
        }
    }

    fn finish(&mut self, finished: &Finished, now: Timestamp) -> Result<(), DiskError> {
        self.readable.line(&format!("# ended: {}", now.local()))?;
        if let Some(accuracy) = finished.best_acc {
            self.readable.line(&format!("# best accuracy: {accuracy:.4}"))?;
        }
        let (active, total) = (finished.active_seeds, self.total_seeds);
        self.readable.line(&format!("# seeds activated: {active}/{total}"))?;
        let end = if finished.early_stopped { "# training stopped early" } else { "# training completed" };
        self.readable.line(end)?;
        let summary = json!({ "summary": self.counts });
        self.event(now, "experiment_end", "training ends", summary)
    }

    fn event(
        &mut self,
        now: Timestamp,
        kind: &'static str,
        message: &str,
        data: Value,
    ) -> Result<(), DiskError> {
        *self.counts.entry(kind).or_default() += 1;
        let line = json!({
            "timestamp": now.to_string(),
            "epoch": self.epoch,
            "event_type": kind,
            "message": message,
            "data": data,
        });
        self.events.line(&line.to_string())
    }
}
