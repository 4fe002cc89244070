//! Cross-entropy of logits: value, hits and gradient in one pass over the host's numbers.
//!
//! On the processor the logits are at hand anyway and there are few of them; one pass here replaces four tensor
//! operations, their graph nodes, and the read-back for loss and accuracy.

/// What a batch of logits is worth.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BatchLoss {
    /// Mean over the rows.
    pub(super) loss: f64,
    /// Rows whose largest logit is their class's; the first of equals counts.
    pub(super) hits: usize,
    /// Derivative of `loss` by each logit, row-major.
    pub(super) gradient: Vec<f32>,
}

/// Softmax cross-entropy of `logits` (rows, classes), row-major.
pub(super) fn cross_entropy(logits: &[f32], labels: &[usize], classes: usize) -> BatchLoss {
    let rows = labels.len() as f64;
    let (mut loss, mut hits) = (0.0, 0);
    let mut gradient = Vec::with_capacity(logits.len());
    for (row, label) in logits.chunks_exact(classes).zip(labels) {
        let largest = row.iter().fold(f32::NEG_INFINITY, |largest, logit| largest.max(*logit));
        let powers: f64 = row.iter().map(|logit| f64::from(logit - largest).exp()).sum();
        loss += powers.ln() - f64::from(row[*label] - largest);
        hits += usize::from(predicted(row) == *label);
        gradient.extend(row.iter().enumerate().map(|(class, logit)| {
            let probability = f64::from(logit - largest).exp() / powers;
            let target = if class == *label { 1.0 } else { 0.0 };
            ((probability - target) / rows) as f32
        }));
    }
    BatchLoss { loss: loss / rows, hits, gradient }
}

/// The class of the largest logit, the first of equals.
pub(super) fn predicted(row: &[f32]) -> usize {
    let mut best = 0;
    for (class, logit) in row.iter().enumerate() {
        if *logit > row[best] {
            best = class;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_logits_lose_the_logarithm_of_the_classes() {
        let batch = cross_entropy(&[0.0; 6], &[0, 2], 3);
        assert!((batch.loss - 3f64.ln()).abs() < 1e-12);
        assert_eq!(batch.hits, 1);
    }

    #[test]
    fn gradient_agrees_with_differences() {
        let logits = [0.3f32, -1.2, 2.0, 0.7, 0.1, 0.0];
        let labels = [1, 0];
        let batch = cross_entropy(&logits, &labels, 3);
        for index in 0..logits.len() {
            let moved = |by: f32| {
                let mut logits = logits;
                logits[index] += by;
                cross_entropy(&logits, &labels, 3).loss
            };
            let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            assert!((slope - f64::from(batch.gradient[index])).abs() < 1e-4, "{index}");
        }
    }

    #[test]
    fn broken_logits_give_a_loss_that_is_not_finite() {
        assert!(!cross_entropy(&[f32::NAN, 0.0], &[0], 2).loss.is_finite());
        assert!(!cross_entropy(&[f32::INFINITY, 0.0], &[1], 2).loss.is_finite());
        assert!(cross_entropy(&[1e30, -1e30], &[1], 2).loss > 1e29);
    }
}
