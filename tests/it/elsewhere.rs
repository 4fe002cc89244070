//! Commands and scripts that say themselves where MLflow logs: told, by file and line.

use crate::harness::Sandbox;
use crate::mlflow_tool::Mlflow;

/// Each stage has a command of its own; each item of one a shell of its own.
#[test]
fn every_command_that_sets_a_tracking_uri_is_told() {
    let sandbox = Sandbox::with_pipeline(
        "\
stages:
  one: {cmd: MLFLOW_TRACKING_URI=http://h true}
  two: {cmd: 'export MLFLOW_TRACKING_URI=http://h; true'}
  vain: {cmd: [export MLFLOW_TRACKING_URI=http://h, echo $MLFLOW_TRACKING_URI > uri], outs: [uri]}
",
    );
    let said = sandbox.ok(["repro"]);
    let said = said.tells(&[
        "Note: the command of stage one sets MLFLOW_TRACKING_URI: that counts",
        "Note: the command of stage two sets MLFLOW_TRACKING_URI: that counts",
        "Note: stage vain sets MLFLOW_TRACKING_URI in a part of its command that runs nothing then",
    ]);
    assert_eq!(said.stderr.matches("Note: ").count(), 3, "{}", said.stderr);
    assert!(sandbox.read("uri").starts_with("http://127.0.0.1:"), "what is told of it is true");
}

/// Scripts are found by their names, as modules, by their first line, in folders that a command goes to, and by each other.
#[test]
fn every_script_that_sets_a_tracking_uri_is_told() {
    let sandbox = Sandbox::new();
    let interpreter = Mlflow::Newest.python();
    let set = "#!/bin/sh\n# MLFLOW_TRACKING_URI=no\nexport MLFLOW_TRACKING_URI=http://h\n";
    let python = "import os\n\nos.environ['MLFLOW_TRACKING_URI'] = 'http://h'\n";
    for name in ["train.sh", "w/train.sh", "deep/er/train.sh", "dep.sh"] {
        sandbox.write(name, set);
    }
    sandbox.write_program("run", &format!("{set}true\n"));
    sandbox.write_program("pyrun", &format!("#!/usr/bin/env -S {}\n{python}", interpreter.display()));
    sandbox.write("outer.sh", "set -e\nsh ./train.sh\n");
    sandbox.write(
        "long.sh",
        format!("sh train.sh\n{}", (0..100).map(|word| format!("echo word{word}\n")).collect::<String>()),
    );
    sandbox.write("calls.sh", "\"$PYTHON\" -m package.train\n");
    sandbox.write("package/__init__.py", "");
    for name in ["package/train.py", "w/package/train.py", "package/__main__.py", "w/in.py"] {
        sandbox.write(name, python);
    }
    sandbox.write("kind.sh", "export MLFLOW_TRACKING_URI=${MLFLOW_TRACKING_URI:-http://h}\ntrue\n");
    sandbox.write("data.txt", set);
    let cases = [
        ("sh train.sh", "", "", "train.sh:3"),
        ("bash -e ./train.sh", "", "", "train.sh:3"),
        ("./run --all", "", "", "run:3"),
        ("./pyrun", "", "", "pyrun:4"),
        (". ./train.sh; true", "", "", "train.sh:3"),
        ("sh train.sh", "w", "", "w/train.sh:3"),
        ("cd deep/er && sh train.sh", "", "", "deep/er/train.sh:3"),
        ("sh outer.sh", "", "", "train.sh:3"),
        ("sh long.sh", "", "", "train.sh:3"),
        ("sh calls.sh", "", "", "package/train.py:3"),
        ("$PYTHON -m package.train", "", "", "package/train.py:3"),
        ("$PYTHON -mpackage.train", "w", "", "w/package/train.py:3"),
        ("$PYTHON -m package", "", "", "package/__main__.py:3"),
        ("$PYTHON in.py", "w", "", "w/in.py:3"),
        ("['true', 'sh train.sh']", "", "", "train.sh:3"),
        ("echo hello", "", "dep.sh", "dep.sh:3"),
        ("sh kind.sh", "", "", ""),
        ("cat data.txt", "", "data.txt", ""),
    ];
    let mut text = "stages:\n".to_owned();
    for (number, (cmd, wdir, dep, _)) in cases.iter().enumerate() {
        let wdir = if wdir.is_empty() { "." } else { wdir };
        text.push_str(&format!("  s{number}: {{cmd: {cmd}, wdir: {wdir}, deps: [{dep}]}}\n"));
    }
    sandbox.write("pipeline.yaml", text);
    let mut command = sandbox.pipe_command(["repro"]);
    command.env("PYTHON", &interpreter).env("PYTHONDONTWRITEBYTECODE", "1");
    let said = sandbox.finish(command).code(0);
    for (number, (cmd, _, _, place)) in cases.iter().enumerate() {
        let told = format!("Note: stage s{number} logged nothing here, and ");
        let found = said.stderr.lines().find_map(|line| line.strip_prefix(&told));
        let expected = (!place.is_empty()).then(|| format!("{place} sets a tracking URI of its own"));
        let is_it = match &expected {
            Some(expected) => found.is_some_and(|found| found.starts_with(expected.as_str())),
            None => found.is_none(),
        };
        assert!(is_it, "{cmd}: {found:?}, not {expected:?}\n{}", said.stderr);
    }
}
