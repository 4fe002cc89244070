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
fn an_empty_value_is_not_the_lack_of_one() {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    assert!(pipe(&sandbox, &["repro"], &[("API_TOKEN", ""), ("MODE", "")]).stderr.contains("1 ran"));
    pipe(&sandbox, &["status", "-q"], &[("API_TOKEN", ""), ("MODE", "")]).code(0);
    let unset = pipe(&sandbox, &["status", "-q"], &[("MODE", "")]).code(1);
    assert_eq!(unset.stdout, "");
    let status = pipe(&sandbox, &["status"], &[("MODE", "")]).stdout;
    assert!(status.contains("variable API_TOKEN changed\n"), "{status}");
}

/// The digest of the secret in the lock.
fn digest(sandbox: &Sandbox) -> String {
    let lock = sandbox.read("pipeline.lock");
    let (_, rest) = lock.split_once("API_TOKEN:\n        digest: ").expect("it is in the lock");
    rest[.."blake3:".len() + 64].to_owned()
}

/// A project where the stage ran with the secret, and with the variables `more`.
fn project(more: &[(&str, &str)]) -> Sandbox {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    let mut command = sandbox.pipe_command(["repro"]);
    command.env("API_TOKEN", "hunter2").env("MODE", "fast").envs(more.iter().copied());
    assert!(sandbox.finish(command).code(0).stderr.contains("1 ran"));
    sandbox
}

#[test]
fn a_secret_cannot_be_found_by_trying() {
    let (sandbox, other) = (project(&[]), project(&[]));
    assert_ne!(digest(&sandbox), digest(&other), "each project has a key of its own");
    let guesses = [
        blake3::hash(b"hunter2"),
        blake3::hash(b"API_TOKEN\0hunter2"),
        blake3::derive_key("pipe declared environment variable 1", b"API_TOKEN\0hunter2").into(),
    ]
    .map(|guess| guess.to_hex().to_string());
    for file in sandbox.files(".") {
        let bytes = sandbox.bytes(&file);
        for guess in &guesses {
            let found = bytes.windows(64).any(|window| window == guess.as_bytes());
            assert!(!found, "{file} holds a digest that anybody can make");
        }
    }
    // Without the key, or with another, nothing is known of the value, and plain ones are as they were.
    sandbox.remove(".pipe/env-key");
    let same = [("API_TOKEN", "hunter2"), ("MODE", "fast")];
    let status = pipe(&sandbox, &["status"], &same).stdout;
    assert_eq!(status.matches("variable").count(), 1, "{status}");
    assert!(status.contains("variable API_TOKEN changed\n"), "{status}");
}

#[test]
fn the_key_is_kept_from_others() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    // A project that is older than keys.
    sandbox.write(".pipe/.gitignore", "/cache/\n/lock");
    sandbox.git(["init", "-q"]);
    assert!(pipe(&sandbox, &["status"], &[("API_TOKEN", "hunter2")]).code(0).stdout.contains("stale"));
    let mode = std::fs::metadata(sandbox.path(".pipe/env-key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(sandbox.read(".pipe/.gitignore"), "/cache/\n/lock\n/env-key\n");
    sandbox.git(["check-ignore", ".pipe/env-key"]);
    // Nothing to hide, no key.
    let plain = Sandbox::with_pipeline("stages:\n  a: {cmd: 'true', env: [{MODE: {plain: true}}, UNSET]}\n");
    pipe(&plain, &["repro"], &[("MODE", "fast")]).code(0);
    assert!(!plain.path(".pipe/env-key").exists());
}

#[test]
fn a_key_can_be_shared() {
    let first = project(&[]);
    let key = first.read(".pipe/env-key");
    let shared = project(&[("PIPE_ENV_KEY", key.trim())]);
    assert_eq!(digest(&first), digest(&shared), "the content of a key file is as good as the file");
    assert!(!shared.path(".pipe/env-key").exists());
    let text = project(&[("PIPE_ENV_KEY", "any text")]);
    assert_ne!(digest(&first), digest(&text));
    assert_eq!(digest(&text), digest(&project(&[("PIPE_ENV_KEY", "any text")])));
    // The user's key stands before the project's.
    let config = text.root().with_file_name("config");
    std::fs::create_dir_all(config.join("pipe")).unwrap();
    std::fs::write(config.join("pipe/env-key"), &key).unwrap();
    let (config, values) = (config.display().to_string(), [("API_TOKEN", "hunter2"), ("MODE", "fast")]);
    let variables = [values[0], values[1], ("XDG_CONFIG_HOME", &config)];
    pipe(&text, &["repro"], &variables).code(0).tells(&["1 ran"]);
    assert_eq!(digest(&first), digest(&text));
}

#[test]
fn a_damaged_key_is_told() {
    let sandbox = project(&[]);
    let whole = sandbox.read(".pipe/env-key");
    for text in ["", "12", &whole[1..], &format!("{whole}0")] {
        sandbox.write(".pipe/env-key", text);
        let said = pipe(&sandbox, &["status"], &[("API_TOKEN", "hunter2")]).code(2);
        said.tells(&[
            "/.pipe/env-key holds no key: 64 hexadecimal digits",
            "hint: restore the file, or remove it",
        ]);
    }
    sandbox.remove(".pipe/env-key");
    sandbox.write(".pipe/env-key/x", "");
    let said = pipe(&sandbox, &["status"], &[("API_TOKEN", "hunter2")]).code(2);
    said.tells(&["failed to read file: ", "/.pipe/env-key", "hint: restore the file, or remove it"]);
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

/// What a reproduction inherits must not take away what the stage says.
#[cfg(feature = "serve")]
#[test]
fn the_experiment_of_a_stage_counts_whatever_is_inherited() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  s: {cmd: 'echo $MLFLOW_EXPERIMENT_NAME > o', experiment: its own, outs: [o]}\n",
    );
    let mut command = sandbox.pipe_command(["repro"]);
    command.env("MLFLOW_EXPERIMENT_NAME", "another");
    sandbox.finish(command).code(0);
    assert_eq!(sandbox.read("o"), "its own\n");
}
