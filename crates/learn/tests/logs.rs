//! Both logs of a short training, read back.
#![cfg(feature = "train")]
#![allow(clippy::disallowed_methods, reason = "tests read what was written as others do")]

use base::Timestamp;
use learn::{Control, DataConfig, Logs, TrainConfig, generate, train};

#[test]
fn logs_tell_the_life_of_a_seed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut logs = Logs::create(folder.path()).expect("the folder is writable");
    let data = generate(&DataConfig::default()).expect("defaults are valid");
    let config = TrainConfig {
        hidden_dim: 8,
        num_layers: 2,
        warm_up_epochs: 2,
        adaptation_epochs: 21,
        ..TrainConfig::default()
    };
    train(&config, &data, &mut |event| {
        logs.record(&event, Timestamp(0)).expect("the log is writable");
        Control::Continue
    })
    .expect("the training is sound");

    let [readable, events] =
        Logs::paths(folder.path()).map(|path| std::fs::read_to_string(path).expect("a log"));
    let rows: Vec<&str> = readable.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(rows[0], "epoch,seed,state,alpha");
    let born: Vec<&str> = rows.iter().filter(|row| row.starts_with("18,")).copied().collect();
    let [born] = born[..] else { panic!("one germination at epoch 18, not {born:?}") };
    let seed = born.split(',').nth(1).expect("a seed");
    let life: Vec<&str> = rows.iter().filter(|row| row.contains(seed)).copied().collect();
    let expected = ["1,_,dormant,0.000", "18,_,training,0.000", "21,_,blending,0.533", "22,_,active,1.000"]
        .map(|row| row.replace('_', seed));
    assert_eq!(life, expected);
    assert!(readable.starts_with("# Morphogenetic training\n"));
    assert!(readable.contains("\n# best accuracy: 0."));
    assert!(readable.ends_with("# seeds activated: 1/2\n# training completed\n"), "{readable}");

    let events: Vec<serde_json::Value> =
        events.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect();
    let count = |kind: &str| events.iter().filter(|event| event["event_type"] == kind).count();
    assert_eq!(count("experiment_start"), 1);
    assert_eq!(count("epoch_progress"), 23);
    assert_eq!(count("germination"), 1);
    assert_eq!(count("seed_state_change"), 3);
    let last = events.last().expect("there are events");
    assert_eq!(last["event_type"], "experiment_end");
    assert_eq!(last["data"]["summary"]["phase_transition"], 2);
    assert_eq!(last["timestamp"], "1970-01-01T00:00:00.000Z");
}
