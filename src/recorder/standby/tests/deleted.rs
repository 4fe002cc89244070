//! Scripts that delete runs before a store that goes away.

use super::*;

/// A script may delete the run of its stage, and goes on below it.
#[test]
fn what_was_begun_below_a_deleted_run_is_begun_again() {
    for is_replaced in [false, true] {
        let trial = Trial::new();
        let (stage, run) = (new_run_id(), new_run_id());
        trial.replay().apply(now(vec![begin(stage, ExperimentId::DEFAULT, None)])).unwrap();
        let delete = Change::SetLifecycle { run: stage, lifecycle: Lifecycle::Deleted };
        trial.apply(vec![delete.clone()]);
        let begun = now(vec![begin(run, ExperimentId::DEFAULT, Some(stage))]);
        trial.standby.apply(Changes { to_deleted: true, ..begun }).unwrap();
        trial.take_away();
        if is_replaced {
            trial.replace();
            trial.replay().apply(now(vec![begin(stage, ExperimentId::DEFAULT, None), delete])).unwrap();
        }
        trial.apply(vec![point(run, 1)]);
        if !is_replaced {
            trial.put_back();
        }
        let store = trial.replay();
        assert!(!trial.waits(), "{is_replaced}");
        assert_eq!(store.metric_history(run, "loss").unwrap().len(), 1, "{is_replaced}");
    }
}
