//! The classic profile: when what trains, germinates and is told.
//!
//! Phase 1 trains the trunk. Phase 2 freezes it, waits on the plateau rule, germinates the seed whose layer varies
//! least, lets its child learn to copy what passes it, blends it in, and trains it on the task. Each order of events
//! within an epoch follows the original, whose reported figures depend on it.

use std::time::Instant;

use super::controller::{Plateau, select};
use super::drift::Drift;
use super::event::{Control, EpochRecord, Finished, Phase, SeedRow, SeedStatus, Started, TrainEvent};
use super::germination::{GerminationReport, Recovery, judge};
use super::metrics::{METRICS_SCHEMA, Metrics};
use super::seed::{Seed, SeedState};
use super::session::{Evaluation, Session, Trained};
use super::{TrainError, TrainOutcome};
use crate::TrainConfig;
use crate::data::Dataset;
use crate::train_config::TrainDevice;

/// Trains on `data`, telling `on` everything as it happens. Equal arguments give equal outcomes, bit for bit.
///
/// # Errors
/// [`TrainError::Parameter`] for a parameter that breaks its rule or contradicts the data; [`TrainError::Diverged`]
/// when a loss is NaN or infinite.
pub fn train(
    config: &TrainConfig,
    data: &Dataset,
    on: &mut dyn FnMut(TrainEvent) -> Control,
) -> Result<TrainOutcome, TrainError> {
    config.validate()?;
    config.check_data(data)?;
    let mut training = Training::new(Session::new(config, data), on);
    training.run()?;
    Ok(training.outcome())
}

/// A training in progress.
struct Training<'a> {
    session: Session<'a>,
    config: &'a TrainConfig,
    on: &'a mut dyn FnMut(TrainEvent) -> Control,
    stopped: bool,
    epoch: usize,
    step: usize,
    /// Epochs that the current schedule has trained.
    schedule_epochs: usize,
    plateau: Plateau,
    recovery: Recovery,
    reports: Vec<GerminationReport>,
    history: Vec<EpochRecord>,
    seed_rows: Vec<SeedRow>,
}

/// Results of the training half of an epoch.
struct TrainedEpoch {
    loss: f64,
    accuracy: f64,
    learning_rate: f64,
    average_batch_seconds: f64,
}

impl<'a> Training<'a> {
    fn new(session: Session<'a>, on: &'a mut dyn FnMut(TrainEvent) -> Control) -> Self {
        Self {
            config: session.config,
            session,
            on,
            stopped: false,
            epoch: 0,
            step: 0,
            schedule_epochs: 0,
            plateau: Plateau::new(),
            recovery: Recovery::default(),
            reports: Vec::new(),
            history: Vec::new(),
            seed_rows: Vec::new(),
        }
    }

    fn tell(&mut self, event: TrainEvent) {
        if (self.on)(event) == Control::Stop {
            self.stopped = true;
        }
    }

    fn run(&mut self) -> Result<(), TrainError> {
        self.tell_start();
        while self.epoch < self.config.epochs() && !self.stopped {
            self.epoch += 1;
            self.one_epoch()?;
        }
        let finished = self.finished();
        self.tell(TrainEvent::Finished(finished));
        Ok(())
    }

    fn tell_start(&mut self) {
        if self.config.device != TrainDevice::Cpu {
            self.tell(TrainEvent::DeviceFallback);
        }
        let architecture = self.session.architecture;
        let train_rows = self.session.train_rows.len();
        self.tell(TrainEvent::Started(Box::new(Started {
            config: self.config.clone(),
            train_rows,
            val_rows: self.session.val_rows(),
            columns: architecture.input_dim,
            classes: architecture.classes,
            steps_per_epoch: train_rows.div_ceil(self.config.batch_size),
            params_trunk: architecture.params_trunk(),
            params_child: architecture.params_child(),
            seeds: architecture.seed_ids(),
        })));
    }

    fn phase(&self) -> Phase {
        if self.epoch <= self.config.warm_up_epochs { Phase::One } else { Phase::Two }
    }

    fn one_epoch(&mut self) -> Result<(), TrainError> {
        let start = Instant::now();
        self.enter_phase();
        let trained = if self.trains() { Some(self.train_epoch()?) } else { None };
        // A stop in the middle of an epoch leaves no half record behind.
        if self.stopped {
            return Ok(());
        }
        let (evaluation, drifts) = self.session.evaluate_epoch();
        self.check_finite("the validation loss", evaluation.loss, self.learning_rate())?;
        let germinated = self.phase() == Phase::Two && self.control(evaluation);
        if self.phase() == Phase::Two {
            self.recovery.epoch(self.epoch, evaluation.accuracy, germinated);
        }
        self.tell_drifts(&drifts);
        let record = self.record(evaluation, trained.as_ref());
        self.history.push(record.clone());
        self.tell(TrainEvent::Epoch {
            record,
            seconds: start.elapsed().as_secs_f64(),
            average_batch_seconds: trained.map(|trained| trained.average_batch_seconds),
        });
        Ok(())
    }

    /// Tells of a phase that begins with this epoch. The trunk is frozen by no longer being trained.
    fn enter_phase(&mut self) {
        let to = self.phase();
        let first = match to {
            Phase::One => 1,
            Phase::Two => self.config.warm_up_epochs + 1,
        };
        if self.epoch == first {
            self.schedule_epochs = 0;
            let from = (to == Phase::Two && self.epoch > 1).then_some(Phase::One);
            self.tell(TrainEvent::Phase { from, to, epoch: self.epoch });
        }
    }

    /// In phase 2 there is nothing to train before the first germination.
    fn trains(&self) -> bool {
        self.phase() == Phase::One || self.session.seeds.iter().any(|seed| seed.state != SeedState::Dormant)
    }

    /// Step decay, counted from the start of the current optimiser.
    fn learning_rate(&self) -> f64 {
        let base = match self.phase() {
            Phase::One => self.config.lr,
            Phase::Two => self.config.lr * self.config.phase_2_lr_factor,
        };
        let decays = (self.schedule_epochs / self.config.lr_step_epochs).min(i32::MAX as usize);
        base * self.config.lr_gamma.powi(decays as i32)
    }

    fn train_epoch(&mut self) -> Result<TrainedEpoch, TrainError> {
        let learning_rate = self.learning_rate();
        let order = self.session.shuffled_rows();
        let (mut loss, mut hits, mut batches) = (0.0, 0, 0);
        let start = Instant::now();
        for rows in order.chunks(self.config.batch_size) {
            let result = self.train_batch(rows, learning_rate)?;
            loss += result.0;
            hits += result.1;
            batches += 1;
            if self.stopped {
                break;
            }
        }
        self.schedule_epochs += 1;
        Ok(TrainedEpoch {
            loss: loss / f64::from(batches),
            accuracy: hits as f64 / order.len() as f64,
            learning_rate,
            average_batch_seconds: start.elapsed().as_secs_f64() / f64::from(batches),
        })
    }

    /// One batch: the task's step, then every seed's own. Returns loss and hits.
    fn train_batch(&mut self, rows: &[usize], learning_rate: f64) -> Result<(f64, usize), TrainError> {
        let start = Instant::now();
        self.step += 1;
        let phase = self.phase();
        let trained = if phase == Phase::One { Trained::Trunk } else { Trained::Children };
        let mut drifts = Vec::new();
        let batch = self.session.task_step(rows, trained, learning_rate, &mut drifts);
        self.check_finite("the training loss", batch.loss, learning_rate)?;
        self.warn_of_drift(&drifts);
        for position in 0..self.session.seeds.len() {
            let drift = drifts.iter().find(|(of, _)| *of == position).map(|(_, drift)| *drift);
            self.tick(position, drift)?;
        }
        self.tell(TrainEvent::Step {
            epoch: self.epoch,
            step: self.step,
            phase,
            loss: batch.loss,
            accuracy: batch.hits as f64 / rows.len() as f64,
            learning_rate,
            seconds: start.elapsed().as_secs_f64(),
        });
        Ok((batch.loss, batch.hits))
    }

    fn warn_of_drift(&mut self, drifts: &[(usize, Drift)]) {
        let threshold = self.config.drift_warn;
        for (position, drift) in drifts {
            let Seed { id, state, .. } = self.session.seeds[*position];
            if state == SeedState::Blending && threshold > 0.0 && drift.cosine > threshold {
                let (epoch, step) = (self.epoch, self.step);
                self.tell(TrainEvent::DriftWarning { seed: id, epoch, step, drift: drift.cosine, threshold });
            }
        }
    }

    /// A seed's own work after a batch: a shadow step, its progress, its alpha.
    fn tick(&mut self, position: usize, drift: Option<Drift>) -> Result<(), TrainError> {
        let mut shadowed = false;
        if self.session.seeds[position].state == SeedState::Training
            && let Some(loss) = self.session.shadow_step(position)
        {
            let id = self.session.seeds[position].id;
            self.check_finite(&format!("the shadow loss of {id}"), loss, self.config.shadow_lr)?;
            shadowed = true;
        }
        let tick = self.session.seeds[position].tick(shadowed, self.config);
        if tick.began_blending {
            self.tell_transition(position, SeedState::Training, SeedState::Blending);
        }
        if tick.became_active {
            self.report_switch(position);
            self.tell_transition(position, SeedState::Blending, SeedState::Active);
        }
        if tick.alpha_moved {
            self.tell_seed(position, drift);
        }
        Ok(())
    }

    /// Measures what the change of formula alone does to the validation loss.
    fn report_switch(&mut self, position: usize) {
        let after = self.session.evaluate(&self.session.seeds);
        let mut seeds = self.session.seeds.clone();
        seeds[position].state = SeedState::Blending;
        let before = self.session.evaluate(&seeds);
        let id = seeds[position].id;
        let jump = after.loss - before.loss;
        if let Some(report) = self.reports.iter_mut().find(|report| report.seed == id) {
            report.switch_step = Some(self.step);
            report.switch_jump = jump.is_finite().then_some(jump);
        }
    }

    fn tell_transition(&mut self, position: usize, from: SeedState, to: SeedState) {
        let seed = self.session.seeds[position].id;
        self.tell(TrainEvent::SeedTransition { seed, from, to, epoch: self.epoch, step: self.step });
    }

    fn tell_seed(&mut self, position: usize, drift: Option<Drift>) {
        let Seed { id, state, alpha, .. } = self.session.seeds[position];
        let row = SeedRow { epoch: self.epoch, step: self.step, seed: id, state, alpha, drift };
        self.seed_rows.push(row);
        self.tell(TrainEvent::Seed(row));
    }

    /// One row per contributing seed with its drift on the validation part.
    fn tell_drifts(&mut self, drifts: &[(usize, Drift)]) {
        for position in 0..self.session.seeds.len() {
            let own: Vec<Drift> =
                drifts.iter().filter(|(of, _)| *of == position).map(|(_, drift)| *drift).collect();
            if let Some(drift) = Drift::mean(&own) {
                self.tell_seed(position, Some(drift));
            }
        }
    }

    /// The controller's turn at the end of an adaptation epoch; whether a seed germinated.
    fn control(&mut self, evaluation: Evaluation) -> bool {
        if !self.plateau.step(evaluation.loss, evaluation.accuracy, self.config) {
            return false;
        }
        let health = self.session.health();
        let Some(position) = select(&self.session.seeds, &health) else { return false };
        self.session.germinate(position);
        self.schedule_epochs = 0;
        let seed = self.session.seeds[position].id;
        let health = health[seed.layer - 1];
        self.reports.push(GerminationReport {
            epoch: self.epoch,
            seed,
            layer: seed.layer,
            health,
            acc_before: evaluation.accuracy,
            loss_before: evaluation.loss,
            horizon: self.config.event_horizon,
            dip_acc: None,
            dip_loss: None,
            recovery_epochs: None,
            gain_horizon: None,
            switch_step: None,
            switch_jump: None,
            contribution: None,
            params_added: self.session.architecture.params_child(),
        });
        let (epoch, val_loss, val_acc) = (self.epoch, evaluation.loss, evaluation.accuracy);
        self.tell(TrainEvent::Germination { seed, epoch, val_loss, val_acc, health });
        self.tell_transition(position, SeedState::Dormant, SeedState::Training);
        self.tell_seed(position, None);
        true
    }

    fn record(&self, evaluation: Evaluation, trained: Option<&TrainedEpoch>) -> EpochRecord {
        let best = self.history.last().map_or(0.0, |record| record.best_acc);
        let status = |seed: &Seed| SeedStatus { seed: seed.id, state: seed.state, alpha: seed.alpha };
        EpochRecord {
            epoch: self.epoch,
            phase: self.phase(),
            train_loss: trained.map(|trained| trained.loss),
            train_accuracy: trained.map(|trained| trained.accuracy),
            val_loss: evaluation.loss,
            val_acc: evaluation.accuracy,
            best_acc: evaluation.accuracy.max(best),
            learning_rate: trained.map(|trained| trained.learning_rate),
            plateau: (self.phase() == Phase::Two).then_some(self.plateau.count),
            seeds: self.session.seeds.iter().map(status).collect(),
        }
    }

    fn check_finite(&self, what: &str, value: f64, learning_rate: f64) -> Result<(), TrainError> {
        if value.is_finite() {
            return Ok(());
        }
        let (what, epoch, step) = (what.to_owned(), self.epoch, self.step);
        Err(TrainError::Diverged { what, value, epoch, step, learning_rate })
    }

    fn best(&self) -> Option<&EpochRecord> {
        let best_acc = self.history.last()?.best_acc;
        self.history.iter().find(|record| record.val_acc == best_acc)
    }

    fn active_seeds(&self) -> usize {
        self.session.seeds.iter().filter(|seed| seed.state == SeedState::Active).count()
    }

    fn finished(&self) -> Finished {
        let best = self.best();
        Finished {
            best_acc: best.map(|record| record.val_acc),
            best_epoch: best.map(|record| record.epoch),
            best_loss: best.map(|record| record.val_loss),
            total_epochs: self.history.len(),
            total_steps: self.step,
            early_stopped: self.history.len() < self.config.epochs(),
            germinations: self.reports.len(),
            active_seeds: self.active_seeds(),
        }
    }

    fn outcome(mut self) -> TrainOutcome {
        let mut reports = std::mem::take(&mut self.reports);
        for report in &mut reports {
            judge(report, &self.history);
            report.contribution = self.contribution(report);
        }
        let model = self.session.model();
        let metrics = self.metrics(reports, model.params_total());
        TrainOutcome { model, metrics, history: self.history, seed_rows: self.seed_rows }
    }

    /// What the final accuracy loses without the seed; unknown for one that does not contribute yet.
    fn contribution(&self, report: &GerminationReport) -> Option<f64> {
        let mut seeds = self.session.seeds.clone();
        let seed = seeds.iter_mut().find(|seed| seed.id == report.seed && seed.contributes())?;
        seed.state = SeedState::Dormant;
        Some(self.session.evaluate(&self.session.seeds).accuracy - self.session.evaluate(&seeds).accuracy)
    }

    fn metrics(&self, events: Vec<GerminationReport>, params_total: usize) -> Metrics {
        let (best, last) = (self.best(), self.history.last());
        let trained = self.history.iter().rev().find(|record| record.train_loss.is_some());
        let warm_up = self.history.iter().rfind(|record| record.phase == Phase::One);
        let warm_up = warm_up.filter(|record| record.epoch == self.config.warm_up_epochs);
        let params_trunk = self.session.architecture.params_trunk();
        Metrics {
            best_acc: best.map(|record| record.val_acc),
            accuracy_dip: self.recovery.accuracy_dip(),
            recovery_time: self.recovery.recovery_time,
            seeds_activated: !events.is_empty(),
            schema: METRICS_SCHEMA,
            profile: self.config.profile,
            best_val_epoch: best.map(|record| record.epoch),
            val_acc_last: last.map(|record| record.val_acc),
            val_loss_last: last.map(|record| record.val_loss),
            val_acc_warm_up: warm_up.map(|record| record.val_acc),
            train_accuracy_last: trained.and_then(|record| record.train_accuracy),
            train_loss_last: trained.and_then(|record| record.train_loss),
            acc_pre: self.recovery.acc_pre,
            acc_post: self.recovery.acc_post,
            params_trunk,
            params_total,
            params_ratio: params_total as f64 / params_trunk as f64,
            total_seeds: self.session.seeds.len(),
            active_seeds: self.active_seeds(),
            germinations: events.len(),
            total_epochs: self.history.len(),
            total_steps: self.step,
            early_stopped: self.history.len() < self.config.epochs(),
            events,
        }
    }
}
