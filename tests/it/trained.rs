//! The model that `pipe train` logs: MLflow's client and the ONNX runtime predict what `pipe predict` predicts.

use serde_json::{Value as Json, json};

use crate::harness::{Said, Sandbox};

/// A training that ends with seeds in every state: dormant, training, blending, active.
const GROWING: &str = "--warm_up_epochs 2 --adaptation_epochs 8 --hidden_dim 12 --num_layers 2 --seeds_per_layer 4 \
                       --patience 1 --progress_step 0.05 --blend_steps 14 --buffer_minimum 1 --acc_threshold 1";

fn generate(sandbox: &Sandbox, kind: &str, columns: &str) {
    let file = format!("{kind}.npz");
    let sizes = ["--n_samples", "400", "--input_dim", columns];
    sandbox.ok(["data", "generate", "--problem_type", kind, "-o", &file].iter().chain(&sizes));
}

fn with_data() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.ok(["init"]);
    generate(&sandbox, "spirals", "3");
    sandbox
}

fn train(sandbox: &Sandbox, data: &str, more: &[&str]) -> Said {
    let fixed = ["train", "--data", data, "--output", "out"].into_iter();
    sandbox.pipe(fixed.chain(GROWING.split_whitespace()).chain(more.iter().copied()))
}

fn newest_run(sandbox: &Sandbox) -> Json {
    sandbox.json(["runs", "show", "last", "--json"])
}

fn seed_states(run: &Json) -> Vec<&str> {
    let tags = run["tags"].as_object().unwrap();
    let states = tags.iter().filter(|(key, _)| key.starts_with("seed/"));
    states.filter_map(|(_, state)| state.as_str()).collect()
}

#[cfg(feature = "serve")]
mod clients {
    use super::*;
    use crate::mlflow_tool::{Mlflow, Served};

    /// Trains, registers, and asks everybody.
    fn agree(sandbox: Sandbox, data: &str) -> Sandbox {
        let name = data.trim_end_matches(".npz");
        train(&sandbox, data, &["--register", name, "--alias", "champion"])
            .code(0)
            .tells(&[&format!("Registered {name}/1, {name}@champion.")]);
        sandbox.ok(["predict", &format!("models:/{name}/1"), data, "--output", "told.npz"]);
        let run = newest_run(&sandbox)["run_id"].as_str().unwrap().to_owned();
        let served = Served::with(sandbox, &["--no-token"]);
        let mut command = Mlflow::Newest.script(&served.sandbox, "trained.py");
        command.env("MLFLOW_TRACKING_URI", served.uri());
        command.args([data, "told.npz", &run, &format!("{name}/1")]);
        command.args([format!("models:/{name}@champion"), format!("runs:/{run}/model")]);
        let said = served.sandbox.finish(command);
        assert!(
            said.code_of() == Some(0) && said.stdout.ends_with("done\n"),
            "{}\n{}",
            said.stdout,
            said.stderr
        );
        served.end("TERM").0
    }

    #[test]
    fn mlflow_predicts_the_spirals_as_pipe_does() {
        let sandbox = agree(with_data(), "spirals.npz");
        let run = newest_run(&sandbox);
        for state in ["training", "blending", "active"] {
            assert!(seed_states(&run).contains(&state), "a seed that is {state}: {}", run["tags"]);
        }
        assert!(seed_states(&run).len() < 8, "a dormant seed: {}", run["tags"]);
    }

    /// Three classes, and columns whose means leave nothing of their deviations in 32 bits.
    #[test]
    fn mlflow_predicts_three_classes_far_from_zero_as_pipe_does() {
        let sandbox = Sandbox::new();
        sandbox.ok(["init"]);
        let python = std::env::var("PIPE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut command = sandbox.program(python);
        let make = "import numpy\nrandom = numpy.random.default_rng(3)\ny = numpy.arange(600) % 3\n\
                    means = numpy.array([[0, 0], [0, 0.05], [0.05, 0]])[y] + numpy.array([5000, -3])\n\
                    X = (means + random.normal(size=(600, 2)) * 0.02).astype('f4')\nnumpy.savez('far.npz', X=X, y=y)";
        command.args(["-c", make]);
        sandbox.finish(command).code(0);
        agree(sandbox, "far.npz");
    }
}

/// What `pipe predict` prints as CSV.
fn predicted(sandbox: &Sandbox, model: &str) -> String {
    sandbox.ok(["predict", model, "spirals.npz", "--csv"]).stdout
}

#[test]
fn a_network_has_many_names() {
    let sandbox = with_data();
    train(&sandbox, "spirals.npz", &["--register", "spirals"]).code(0).tells(&["Registered spirals/1."]);
    let run = newest_run(&sandbox);
    let id = run["run_id"].as_str().unwrap();
    let model =
        sandbox.json(["models", "show", "spirals/1", "--json"])["source"].as_str().unwrap().to_owned();
    let told = predicted(&sandbox, "out");
    assert_eq!(told.lines().count(), 401);
    assert!(told.starts_with("class,probability_0,probability_1\n"), "{told}");
    for name in ["out/model.safetensors", "last", id, "models:/spirals/1", "models:/spirals/latest", &model] {
        assert_eq!(predicted(&sandbox, name), told, "{name}");
    }
    for name in [format!("runs:/{id}"), format!("runs:/{id}/model")] {
        assert_eq!(predicted(&sandbox, &name), told, "{name}");
    }
    // Another network says something else.
    train(&sandbox, "spirals.npz", &["--seed", "7"]).code(0);
    assert_ne!(predicted(&sandbox, "last"), told);
    assert_eq!(predicted(&sandbox, "models:/spirals/1"), told);
}

#[test]
fn what_cannot_be_predicted_is_told() {
    let sandbox = with_data();
    generate(&sandbox, "moons", "2");
    train(&sandbox, "spirals.npz", &[]).code(0);
    let refused =
        |model: &str, data: &str, told: &[&str]| sandbox.pipe(["predict", model, data]).code(2).tells(told);
    refused("out", "moons.npz", &["the array X has 2 columns, but `out` was trained on ", "missing"]);
    refused("out", "gone.npz", &["gone.npz"]);
    refused("gone.safetensors", "moons.npz", &["there is no file gone.safetensors"]);
    refused("models:/gone/1", "moons.npz", &["gone"]);
    sandbox.ok(["models", "register", "spirals", "--run", "last", "--alias", "champion"]);
    refused("spiral@champion", "spirals.npz", &["no registered model `spiral`", "did you mean `spirals`?"]);
    refused("spirols", "spirals.npz", &["did you mean the registered model `spirals`?"]);
    sandbox.ok(["predict", "spirals@champion", "spirals.npz"]);
    refused("models:/a:b", "moons.npz", &["a:b"]);
    refused("spirals.npz", "spirals.npz", &["spirals.npz", "no safetensors file"]);
    refused("ffffffff", "spirals.npz", &["ffffffff"]);
    let run = sandbox.ok(["runs", "start"]).stdout.trim().to_owned();
    refused(&run, "spirals.npz", &["has no model.safetensors", "pipe train"]);
    sandbox.pipe(["predict", "out", "spirals.npz", "-o", "p.npz", "--json"]).code(2);
    // Nothing that is read is written over, by whatever name; what was predicted before is.
    let kept =
        || ["spirals.npz", "out/model.safetensors", "out/metrics.json"].map(|path| sandbox.bytes(path));
    let before = kept();
    std::os::unix::fs::symlink("spirals.npz", sandbox.path("link.npz")).unwrap();
    for (model, output, told) in [
        ("out", "spirals.npz", "spirals.npz holds the points that are read"),
        ("out", "./link.npz", "holds the points that are read"),
        ("out", "out/model.safetensors", "out/model.safetensors is a file of the network"),
        ("out/model.safetensors", "out/../out/model.safetensors", "is a file of the network"),
        ("out", "out/metrics.json", "out/metrics.json is a file of the network"),
    ] {
        sandbox.pipe(["predict", model, "spirals.npz", "-o", output]).code(2).tells(&[told, "another file"]);
    }
    assert_eq!(kept(), before);
    for _ in 0..2 {
        sandbox.ok(["predict", "out", "spirals.npz", "-o", "out/told.npz"]);
    }
    // Labels tell the accuracy, and need not be there.
    sandbox
        .ok(["predict", "out", "spirals.npz", "-o", "p.npz"])
        .tells(&["Wrote p.npz (400 points, accuracy 0."]);
    let python = std::env::var("PIPE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut command = sandbox.program(python);
    command.args([
        "-c",
        "import numpy\nX = numpy.load('spirals.npz')['X']\nnumpy.savez('plain.npz', X=X)\n\
         p = numpy.load('p.npz')\nassert p['classes'].dtype == 'i8' and p['probabilities'].shape == (400, 2)\n\
         assert (p['probabilities'].argmax(1) == p['classes']).all()\nassert abs(p['probabilities'].sum(1) - 1).max() < 1e-6",
    ]);
    sandbox.finish(command).code(0);
    let said = sandbox.ok(["predict", "out", "plain.npz", "--csv"]).tells(&["Predicted 400 points."]);
    assert_eq!(said.stdout, predicted(&sandbox, "out"));
}

#[test]
fn a_rule_decides_whether_a_version_is_made() {
    let sandbox = with_data();
    let versions = || {
        let list = sandbox.json(["models", "list", "--json"]);
        list.as_array().unwrap().first().map_or(0, |model| model["version"].as_i64().unwrap())
    };
    // What could never be registered is told before anything is trained.
    for bad in [
        &["--register", "a/b"][..],
        &["--register", "spirals", "--if", "params.lr = 1"],
        &["--register", "spirals", "--if-better-than", "champion"],
        &["--alias", "champion"],
        &["--if", "metrics.best_acc > 0"],
    ] {
        train(&sandbox, "spirals.npz", bad).code(2);
    }
    assert!(!sandbox.exists("out"));
    let bound =
        |bound: &str| train(&sandbox, "spirals.npz", &["--register", "spirals", "--if", bound]).code(0);
    bound("metrics.best_acc > 1.5").tells(&["No version of `spirals` was made", "1.5", "Trained:"]);
    assert_eq!(versions(), 0);
    bound("metrics.best_acc > 0.1 and metrics.total_seeds >= 6").tells(&["Registered spirals/1."]);
    let champion =
        ["--register", "spirals", "--if-better-than", "best", "--metric", "best_acc", "--alias", "best"];
    train(&sandbox, "spirals.npz", &champion).code(0).tells(&["Registered spirals/2, spirals@best."]);
    // The same training is no better.
    train(&sandbox, "spirals.npz", &champion).code(0).tells(&["No version of `spirals` was made"]);
    assert_eq!(versions(), 2);
    let run = newest_run(&sandbox);
    assert_eq!(run["status"], "FINISHED", "and its model is logged all the same");
    assert!(sandbox.pipe(["predict", "last", "spirals.npz"]).code_of() == Some(0));
}

#[test]
fn a_model_that_cannot_be_logged_is_a_warning() {
    let sandbox = with_data();
    train(&sandbox, "spirals.npz", &[]).code(0);
    let store = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
    let broken = "CREATE TRIGGER broken BEFORE INSERT ON logged_model BEGIN SELECT RAISE(ABORT, 'no models today'); END";
    store.execute_batch(broken).unwrap();
    drop(store);
    train(&sandbox, "spirals.npz", &["--register", "spirals"]).code(0).tells(&[
        "the model is not logged",
        "no models today",
        "Trained:",
    ]);
    let run = newest_run(&sandbox);
    assert_eq!((&run["status"], &run["tags"]["pipe.kind"]), (&json!("FINISHED"), &json!("train")));
    assert!(!run["metrics"]["best_acc"].as_array().unwrap().is_empty());
    assert_eq!(sandbox.json(["models", "list", "--json"]), json!([]));
    // Nor does a training without a store fail, and it is recorded once there is one.
    sandbox.write(".pipe/runs.db", "no database");
    let said = train(&sandbox, "spirals.npz", &["--register", "spirals"]).code(0).tells(&[
        "this training is recorded by a later pipe command",
        "no version of `spirals` is made",
        "Trained:",
    ]);
    assert_eq!(said.stderr.matches("recorded by a later").count(), 1, "{}", said.stderr);
    sandbox.remove(".pipe/runs.db");
    // Who only reads makes none.
    let begun = sandbox.ok(["runs", "start"]).tells(&["a new store is made"]).stdout.trim().to_owned();
    sandbox.ok(["runs", "delete", &begun]);
    let recorded = newest_run(&sandbox);
    assert_eq!((&recorded["status"], &recorded["tags"]["pipe.kind"]), (&json!("FINISHED"), &json!("train")));
    assert_ne!(recorded["run_id"], run["run_id"]);
    assert_eq!(recorded["metrics"].as_object().unwrap().len(), run["metrics"].as_object().unwrap().len());
    assert_eq!(recorded["logged_models"][0]["name"], "model", "{recorded:#}");
    assert_eq!(sandbox.files(".pipe/tmp/spool"), [""; 0]);
}

#[test]
fn in_a_stage_the_model_is_that_of_the_stages_run() {
    let sandbox = with_data();
    sandbox.write(
        "pipeline.yaml",
        format!(
            "stages:\n  train:\n    cmd: pipe train --data spirals.npz --output out --register spirals {GROWING}\n    \
             deps: [spirals.npz]\n    outs: [out/model.safetensors]\n    experiment: arms\n"
        ),
    );
    sandbox.ok(["repro"]).tells(&["Registered spirals/1."]);
    let run = sandbox.stage_run("train");
    let version = sandbox.json(["models", "show", "spirals/1", "--json"]);
    assert_eq!(version["run_id"], run["run_id"], "{version:#}");
    let told = predicted(&sandbox, "out");
    assert_eq!(predicted(&sandbox, "last"), told, "a reproduction stands for its stages");
    // What is restored was logged by the run that made it.
    sandbox.remove("out/model.safetensors");
    sandbox.edit("pipeline.yaml", "--patience 1", "--patience 2");
    sandbox.ok(["repro"]);
    sandbox.edit("pipeline.yaml", "--patience 2", "--patience 1");
    sandbox.ok(["repro"]).tells(&["Restored train"]);
    assert_eq!(predicted(&sandbox, "last"), told);
    assert_eq!(predicted(&sandbox, "models:/spirals/1"), told);
}
