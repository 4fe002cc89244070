//! Declared environment variables are inputs, and secrets unless they are declared plain.

use crate::harness::Sandbox;

const PIPELINE: &str = "\
stages:
  fetch:
    cmd: echo \"$MODE\" > out
    env: [API_TOKEN, {MODE: {plain: true}}]
    outs: [out]
";

fn pipe(sandbox: &Sandbox, arguments: &[&str], variables: &[(&str, &str)]) -> crate::harness::Said {
    let mut command = sandbox.pipe_command(arguments);
    command.envs(variables.iter().copied());
    sandbox.finish(command)
}

#[test]
fn a_change_makes_stale_and_an_old_value_is_restored() {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    let (first, second) =
        ([("API_TOKEN", "hunter2"), ("MODE", "fast")], [("API_TOKEN", "other"), ("MODE", "slow")]);
    assert!(pipe(&sandbox, &["repro"], &first).stderr.contains("1 ran"));
    assert!(pipe(&sandbox, &["repro"], &first).stderr.contains("up to date"));
    let status = pipe(&sandbox, &["status"], &second).stdout;
    assert!(status.contains("variable API_TOKEN changed\n"), "{status}");
    assert!(status.contains("variable MODE changed: fast -> slow\n"), "{status}");
    let json = pipe(&sandbox, &["status", "--json"], &[("MODE", "fast")]).json();
    let reason = &json["stages"][0]["reasons"][0];
    assert_eq!(
        (reason["kind"].as_str(), reason["variable"].as_str()),
        (Some("env_changed"), Some("API_TOKEN"))
    );
    assert_eq!((reason["old"].as_str(), reason["new"].as_str()), (None, Some("not set")));
    assert!(pipe(&sandbox, &["repro"], &second).stderr.contains("1 ran"));
    assert_eq!(sandbox.read("out"), "slow\n");
    assert!(pipe(&sandbox, &["repro"], &first).stderr.contains("1 restored"));
    assert_eq!(sandbox.read("out"), "fast\n");
}

#[test]
fn a_secret_is_written_nowhere() {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    assert!(
        pipe(&sandbox, &["repro"], &[("API_TOKEN", "hunter2"), ("MODE", "fast")]).stderr.contains("1 ran")
    );
    let lock = sandbox.read("pipeline.lock");
    assert!(lock.contains("API_TOKEN:\n        digest: blake3:") && lock.contains("plain: fast"), "{lock}");
    let files = sandbox.files(".");
    assert!(files.iter().any(|file| file.ends_with("runs.db")), "{files:?}");
    for file in files {
        let bytes = sandbox.bytes(&file);
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"), "{file} holds the secret");
    }
}

#[test]
fn a_secret_is_masked_in_what_a_command_says() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: echo \"token $API_TOKEN.\"; printf 'no end %s' \"$API_TOKEN\" >&2; echo $API_TOKEN | wc -c > out\n    env: [API_TOKEN]\n    outs: [out]\n",
    );
    let mut command = sandbox.pipe_command(["repro"]);
    command.env("API_TOKEN", "s3cr3t-value");
    let said = sandbox.finish(command).code(0);
    said.tells(&["a | token ***.", "a | no end ***"]);
    assert_eq!(sandbox.read("out").trim(), "13", "the command itself sees it");
    for file in sandbox.files(".") {
        let bytes = sandbox.bytes(&file);
        let found = bytes.windows(12).any(|window| window == b"s3cr3t-value");
        assert!(!found, "{file} holds the secret");
    }
}
