//! This repository's own pipeline, run as a newcomer does: everything once, nothing the second time, one
//! stage after one change, and none after taking it back.

use serde_json::{Value as Json, json};

use crate::harness::Sandbox;

/// The example with a training of a blink: what is tested here is the pipeline, not the network.
fn example() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.ok(["init", "--example"]);
    for name in ["pipeline.yaml", "params.yaml"] {
        let ours = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        assert_eq!(
            sandbox.read(name),
            std::fs::read_to_string(ours).unwrap(),
            "`init --example` writes our own {name}"
        );
    }
    for (old, new) in [("n_samples: 2000", "n_samples: 200"), ("hidden_dim: 128", "hidden_dim: 16")] {
        sandbox.edit("params.yaml", old, new);
    }
    for (old, new) in
        [("warm_up_epochs: 40", "warm_up_epochs: 2"), ("adaptation_epochs: 60", "adaptation_epochs: 2")]
    {
        sandbox.edit("params.yaml", old, new);
    }
    // The example's own ignore file leaves the metrics to git.
    sandbox.write(".gitignore", "/results/*\n!/results/metrics.json\n");
    sandbox
}

/// Without the trainer the second stage is played by something that reads `lr` and the data.
fn with_a_trainer(sandbox: &Sandbox) {
    if !cfg!(feature = "train") {
        let command = "mkdir -p results/plots; rate=$(grep '^lr:' params.yaml | cut -d' ' -f2); \
                       cat data/${problem_type}.npz params.yaml > results/model.safetensors; \
                       echo \"{\\\"best_acc\\\": $rate}\" > results/metrics.json; \
                       for name in history seeds events; do echo \"epoch,$rate\" > results/plots/$name.csv; done";
        let text = sandbox.read("pipeline.yaml");
        let start = text.find("    cmd: pipe train").unwrap();
        let end = start + text[start..].find('\n').unwrap();
        sandbox
            .write("pipeline.yaml", format!("{}    cmd: |\n      {command}{}", &text[..start], &text[end..]));
    }
}

fn metrics_diff(sandbox: &Sandbox) -> Json {
    sandbox.json(["metrics", "diff", "--json"])
}

#[test]
fn the_example_from_first_run_to_restored() {
    let sandbox = example();
    with_a_trainer(&sandbox);
    // Everything once.
    sandbox.ok(["repro"]).tells(&["Finished generate_data in ", "Finished train in ", "2 stages: 2 ran."]);
    for out in ["data/spirals.npz", "results/model.safetensors", "results/plots/history.csv"] {
        assert!(sandbox.exists(out), "{out}");
    }
    sandbox.commit("first results");
    let tracked = sandbox.git(["ls-files"]);
    assert!(tracked.contains("results/metrics.json") && !tracked.contains("spirals.npz"), "{tracked}");
    assert_eq!(metrics_diff(&sandbox), json!({}));
    let runs = sandbox.run_count();
    assert_eq!(runs, 3, "a reproduction and its two stages");
    // Nothing the second time.
    sandbox.ok(["repro"]).tells(&["Everything is up to date (2 stages)."]);
    assert_eq!((sandbox.run_count(), sandbox.git(["status", "--porcelain"])), (runs, String::new()));
    // One change, one stage.
    let model = sandbox.bytes("results/model.safetensors");
    let params = sandbox.read("params.yaml");
    sandbox.edit("params.yaml", "lr: 0.001\nwarm", "lr: 0.01\nwarm");
    assert_eq!(sandbox.states(), "generate_data:fresh train:stale");
    let change = json!({"params.yaml": {"lr": {"old": 0.001, "new": 0.01, "diff": 0.009}}});
    let told = sandbox.json(["params", "diff", "--json"]);
    assert_eq!(
        (&told["params.yaml"]["lr"]["old"], &told["params.yaml"]["lr"]["new"]),
        (&change["params.yaml"]["lr"]["old"], &change["params.yaml"]["lr"]["new"])
    );
    sandbox.ok(["repro"]).tells(&[
        "Running train: param params.yaml:lr changed: 0.001 -> 0.01",
        "2 stages: 1 ran, 1 up to date.",
    ]);
    assert_ne!(sandbox.bytes("results/model.safetensors"), model);
    assert!(metrics_diff(&sandbox)["results/metrics.json"].as_object().is_some_and(|keys| !keys.is_empty()));
    // Taken back: restored, not trained.
    sandbox.write("params.yaml", params);
    sandbox.ok(["repro"]).tells(&["Restored train from run ", "2 stages: 1 restored, 1 up to date."]);
    assert_eq!(sandbox.bytes("results/model.safetensors"), model);
    assert_eq!((metrics_diff(&sandbox), sandbox.git(["status", "--porcelain"])), (json!({}), String::new()));
    // All of it is in the list.
    let list = sandbox.json([
        "runs",
        "list",
        "--json",
        "--sort",
        "start_time",
        "--columns",
        "id,stage,status",
        "-n",
        "0",
    ]);
    let stages: Vec<&str> = list.as_array().unwrap().iter().filter_map(|run| run["stage"].as_str()).collect();
    let count = |stage: &str| stages.iter().filter(|name| **name == stage).count();
    assert_eq!((count("generate_data"), count("train"), count("repro")), (1, 3, 3), "{list:#}");
}

#[test]
fn a_fresh_clone_with_the_cache_restores_everything() {
    let sandbox = example();
    with_a_trainer(&sandbox);
    sandbox.ok(["repro"]);
    sandbox.commit("first results");
    let clone = sandbox.root().with_file_name("clone");
    let clone = clone.to_str().unwrap();
    sandbox.git(["clone", "--quiet", ".", clone]);
    let mut copy = sandbox.program("cp");
    copy.args(["-r", ".pipe/cache", &format!("{clone}/.pipe/cache")]);
    sandbox.finish(copy).code(0);
    sandbox.ok(["--cd", clone, "repro"]).tells(&["2 stages: 2 restored."]);
    assert_eq!(
        std::fs::read(format!("{clone}/data/spirals.npz")).unwrap(),
        sandbox.bytes("data/spirals.npz")
    );
}

/// Without it they would train with other parameters than the example's, and for longer than anybody waits.
#[test]
fn the_readme_trains_on_the_data_of_the_example_with_its_params() {
    let readme = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(readme).unwrap().replace("\\\n", " ");
    let trainings: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("pipe train ") && line.contains("data/spirals.npz"))
        .collect();
    assert!(!trainings.is_empty());
    assert!(trainings.iter().all(|line| line.contains(" --params params.yaml ")), "{trainings:?}");
}
