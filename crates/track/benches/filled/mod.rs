//! What benchmarks fill a store with.

use base::Timestamp;
use track::{Change, ExperimentId, ExperimentRef, Metric, NewRun, Param, RunId, Tag};

/// The id of the run with that number.
pub fn id(number: u128) -> RunId {
    RunId::from_parts(Timestamp(1_000_000), number)
}

/// A point as a training logs one every 20 ms.
pub fn point(key: &str, step: i64, value: f64) -> Metric {
    Metric { key: key.to_owned(), value, step, timestamp: Timestamp(1_763_721_727_045 + step * 20) }
}

/// A run in experiment 1, with metrics, params and tags.
pub fn run_with_data(number: u128) -> Vec<Change> {
    let n = number as i64;
    let run = id(number);
    let new = NewRun {
        experiment: ExperimentRef::Id(ExperimentId(1)),
        status: track::RunStatus::ALL[(n % 4) as usize],
        ..NewRun::new(run, Timestamp(n))
    };
    let metrics = ["acc", "loss", "val/acc", "val/loss", "seconds"];
    let params = ["lr", "seed", "depth", "width", "optimizer", "batch", "epochs", "data"];
    let tags = ["stage", "mlflow.user", "mlflow.source.name", "mlflow.runName", "note"];
    let value = |place: usize| ((n as f64 + place as f64) * 0.618).fract();
    vec![
        Change::CreateRun(new),
        Change::LogMetrics {
            run,
            metrics: metrics.iter().enumerate().map(|(place, key)| point(key, 1, value(place))).collect(),
        },
        Change::LogParams {
            run,
            params: params
                .iter()
                .map(|key| Param {
                    key: (*key).into(),
                    value: ["0.1", "0.01", "0.001"][(n % 3) as usize].into(),
                })
                .collect(),
        },
        Change::SetTags {
            run,
            tags: tags
                .iter()
                .map(|key| Tag { key: (*key).into(), value: ["train", "evaluate"][(n % 2) as usize].into() })
                .collect(),
        },
    ]
}
