//! What each germination did, judged over a horizon of epochs; and the original's two figures.
//!
//! The original looks one epoch after a germination, when the seed cannot have had any effect yet, so its dip and
//! recovery are nearly always 0. Both are kept under their names; the fields here are the honest ones. A value that
//! cannot be known (the training ended too early) is absent, never 0.

use serde::Serialize;

use super::event::EpochRecord;
use super::seed::SeedId;

/// One germination and its effect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GerminationReport {
    /// Epoch at whose end the seed germinated.
    pub epoch: usize,
    /// Which seed.
    pub seed: SeedId,
    /// Its block, from 1.
    pub layer: usize,
    /// The variance by which it was chosen.
    pub health: f64,
    /// Validation accuracy of `epoch`.
    pub acc_before: f64,
    /// Validation loss of `epoch`.
    pub loss_before: f64,
    /// Epochs over which dip and gain are judged.
    pub horizon: usize,
    /// `acc_before` minus the lowest accuracy within the horizon.
    pub dip_acc: Option<f64>,
    /// The highest loss within the horizon minus `loss_before`.
    pub dip_loss: Option<f64>,
    /// Epochs from `epoch` to the first after the lowest accuracy that reaches `acc_before` again.
    pub recovery_epochs: Option<usize>,
    /// Accuracy at the end of the horizon minus `acc_before`.
    #[serde(rename = "gain_H")]
    pub gain_horizon: Option<f64>,
    /// Training step after which the seed became active.
    pub switch_step: Option<usize>,
    /// Validation loss right after the seed became active minus right before, same weights.
    pub switch_jump: Option<f64>,
    /// Final validation accuracy minus that without this seed; confounded, since others adapted to it.
    pub contribution: Option<f64>,
    /// Parameters of its child.
    pub params_added: usize,
}

/// Fills what follows from the history of validation results.
pub(super) fn judge(report: &mut GerminationReport, history: &[EpochRecord]) {
    let after: Vec<&EpochRecord> = history.iter().filter(|record| record.epoch > report.epoch).collect();
    let Some(window) = after.get(..report.horizon) else { return };
    let lowest = window.iter().map(|record| record.val_acc).fold(f64::INFINITY, f64::min);
    let highest = window.iter().map(|record| record.val_loss).fold(f64::NEG_INFINITY, f64::max);
    report.dip_acc = Some(report.acc_before - lowest);
    report.dip_loss = Some(highest - report.loss_before);
    report.gain_horizon = window.last().map(|record| record.val_acc - report.acc_before);
    let bottom = window.iter().position(|record| record.val_acc == lowest).unwrap_or(0);
    let recovered = after[bottom..].iter().find(|record| record.val_acc >= report.acc_before);
    report.recovery_epochs = recovered.map(|record| record.epoch - report.epoch);
}

/// The original's bookkeeping: accuracy at the last germination and one epoch later, and the first recovery.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Recovery {
    last: Option<usize>,
    pub(super) acc_pre: Option<f64>,
    pub(super) acc_post: Option<f64>,
    /// Set once, at the first germination: in its own epoch the accuracy trivially equals itself.
    pub(super) recovery_time: Option<usize>,
}

impl Recovery {
    /// Called in every adaptation epoch after the controller, with that epoch's accuracy.
    pub(super) fn epoch(&mut self, epoch: usize, val_acc: f64, germinated: bool) {
        if germinated {
            self.last = Some(epoch);
            self.acc_pre = Some(val_acc);
        }
        let (Some(last), Some(acc_pre)) = (self.last, self.acc_pre) else { return };
        if epoch == last + 1 {
            self.acc_post = Some(val_acc);
        }
        if self.recovery_time.is_none() && val_acc >= acc_pre {
            self.recovery_time = Some(epoch - last);
        }
    }

    pub(super) fn accuracy_dip(&self) -> Option<f64> {
        Some(self.acc_pre? - self.acc_post?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Phase;
    use super::*;

    fn report(horizon: usize) -> GerminationReport {
        GerminationReport {
            epoch: 2,
            seed: SeedId { layer: 1, index: 1 },
            layer: 1,
            health: 1.0,
            acc_before: 0.7,
            loss_before: 0.5,
            horizon,
            dip_acc: None,
            dip_loss: None,
            recovery_epochs: None,
            gain_horizon: None,
            switch_step: None,
            switch_jump: None,
            contribution: None,
            params_added: 1,
        }
    }

    fn history(accuracies: &[f64]) -> Vec<EpochRecord> {
        let record = |(epoch, acc): (usize, &f64)| EpochRecord {
            epoch,
            phase: Phase::Two,
            train_loss: None,
            train_accuracy: None,
            val_loss: 1.2 - acc,
            val_acc: *acc,
            best_acc: 0.0,
            learning_rate: None,
            plateau: None,
            seeds: Vec::new(),
        };
        (1..).zip(accuracies).map(record).collect()
    }

    #[test]
    fn dip_gain_and_recovery_are_judged_over_the_horizon() {
        let mut report = report(3);
        judge(&mut report, &history(&[0.6, 0.7, 0.7, 0.5, 0.65, 0.68, 0.75]));
        assert!((report.dip_acc.expect("known") - 0.2).abs() < 1e-12);
        assert!((report.dip_loss.expect("known") - 0.2).abs() < 1e-12);
        assert!((report.gain_horizon.expect("known") + 0.05).abs() < 1e-12);
        assert_eq!(report.recovery_epochs, Some(5));
    }

    #[test]
    fn an_unfinished_horizon_leaves_all_unknown() {
        let mut unfinished = report(3);
        judge(&mut unfinished, &history(&[0.6, 0.7, 0.7, 0.5]));
        assert_eq!(unfinished, report(3));
    }

    #[test]
    fn legacy_recovery_is_zero_in_the_germination_epoch_and_never_reset() {
        let mut recovery = Recovery::default();
        recovery.epoch(56, 0.77, true);
        assert_eq!((recovery.recovery_time, recovery.accuracy_dip()), (Some(0), None));
        recovery.epoch(57, 0.76, false);
        recovery.epoch(58, 0.5, false);
        assert!((recovery.accuracy_dip().expect("known") - 0.01).abs() < 1e-12);
        recovery.epoch(72, 0.8, true);
        assert_eq!(
            (recovery.recovery_time, recovery.acc_pre, recovery.acc_post),
            (Some(0), Some(0.8), Some(0.76))
        );
    }
}
