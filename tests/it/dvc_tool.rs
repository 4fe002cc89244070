//! The real DVC, for the tests that compare with it: one Python process that takes many commands, since starting one for
//! each would take most of the time.
//!
//! `PIPE_TEST_DVC` names its program; else it is the one that `scripts/test` installs. Without one the tests fail: a
//! check that is silently left out checks nothing.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value as Json, json};

use crate::harness::Sandbox;

/// Servers that tests start may be asked.
const OWN_SERVERS: &str = "127.0.0.1";

const DRIVER: &str = r#"
import json, os, sys, tempfile
answers = os.fdopen(os.dup(1), "w")
logs = [tempfile.TemporaryFile() for _ in range(2)]
for number, log in enumerate(logs, 1):
    os.dup2(log.fileno(), number)
from dvc.cli import main
for line in sys.stdin:
    call = json.loads(line)
    os.chdir(call["folder"])
    for log in logs:
        log.seek(0)
        log.truncate()
    try:
        code = main(call["arguments"])
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir("/")
    said = []
    for log in logs:
        log.seek(0)
        said.append(log.read().decode("utf-8", "replace"))
    answers.write(json.dumps({"code": code, "out": said[0], "err": said[1]}) + "\n")
    answers.flush()
"#;

/// A running DVC.
pub struct Dvc {
    child: Child,
    calls: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// Its program.
pub fn program() -> PathBuf {
    let installed = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/test-python/bin/dvc");
    let program = std::env::var_os("PIPE_TEST_DVC").map_or_else(installed, PathBuf::from);
    assert!(
        program.is_file(),
        "there is no {}; install DVC (`python3 -m venv target/test-python && target/test-python/bin/pip install \
         'dvc>=3.60,<4'`, or run scripts/test) or name it in PIPE_TEST_DVC",
        program.display()
    );
    program
}

impl Dvc {
    /// Starts it with the sealed environment of `sandbox`; it works in other sandboxes too.
    pub fn start(sandbox: &Sandbox) -> Self {
        let python = program().with_file_name("python");
        let mut command = sandbox.program(python);
        command.args(["-c", DRIVER]).env("DVC_NO_ANALYTICS", "1").env("SHELL", "/bin/bash");
        command.env("no_proxy", OWN_SERVERS);
        command.env("DVC_SITE_CACHE_DIR", sandbox.path("../tmp/site"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the Python beside DVC starts");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Dvc { calls: child.stdin.take(), child, answers }
    }

    /// Runs a command; gives its exit code and what it said.
    pub fn call(&mut self, sandbox: &Sandbox, arguments: &[&str]) -> (i64, String, String) {
        self.call_in(&sandbox.root(), arguments)
    }

    /// The same in any folder.
    pub fn call_in(&mut self, folder: &std::path::Path, arguments: &[&str]) -> (i64, String, String) {
        let call = json!({ "folder": folder, "arguments": arguments });
        writeln!(self.calls.as_mut().expect("it runs"), "{call}").expect("DVC listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("DVC answers");
        let answer: Json = serde_json::from_str(&line).expect("an answer");
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        (answer["code"].as_i64().unwrap_or_default(), text("out"), text("err"))
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub fn ok(&mut self, sandbox: &Sandbox, arguments: &[&str]) -> String {
        let (code, out, err) = self.call(sandbox, arguments);
        assert_eq!(code, 0, "dvc {arguments:?}:\n{out}\n{err}");
        out
    }

    /// Which stages it calls changed.
    #[track_caller]
    pub fn stale(&mut self, sandbox: &Sandbox) -> BTreeSet<String> {
        let out = self.ok(sandbox, &["status", "--json"]);
        let status: Json = serde_json::from_str(out.trim()).unwrap_or_else(|_| panic!("{out}"));
        status.as_object().expect("a map").keys().cloned().collect()
    }
}

impl Drop for Dvc {
    fn drop(&mut self) {
        drop(self.calls.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A DVC project without stages.
pub fn project(dvc: &mut Dvc) -> Sandbox {
    let sandbox = Sandbox::new();
    dvc.ok(&sandbox, &["init", "-q"]);
    sandbox
}

/// Runs `pipe` to its end, which does its part alone.
#[track_caller]
pub fn pipe(sandbox: &Sandbox, arguments: &[&str]) -> crate::harness::Said {
    let said = sandbox.finish(pipe_command(sandbox, arguments));
    assert!(!sandbox.exists(CALLED), "pipe {arguments:?} called DVC or Python");
    said
}

/// Tells that somebody called DVC.
const CALLED: &str = "../no-dvc/called";

/// `pipe` with the shell that DVC has, and without DVC: who asks for it or for Python finds something that only notes it.
pub fn pipe_command(sandbox: &Sandbox, arguments: &[&str]) -> std::process::Command {
    let folder = sandbox.path("../no-dvc");
    let names: &[&str] = if folder.exists() { &[] } else { &["dvc", "python", "python3"] };
    for name in names {
        let path = format!("../no-dvc/{name}");
        let text = format!("#!/bin/sh\necho {name} > '{}'\nexit 127\n", sandbox.path(CALLED).display());
        sandbox.write_program(&path, &text);
    }
    let mut command = sandbox.pipe_command(arguments);
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    command.env("PATH", path).env("SHELL", "/bin/bash").env("no_proxy", OWN_SERVERS);
    command
}

/// Both call the same stages changed, or the same data.
#[track_caller]
pub fn agree(dvc: &mut Dvc, sandbox: &Sandbox, expected: &[&str]) {
    let theirs = dvc.stale(sandbox);
    assert_eq!(theirs.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    assert_eq!(stale(sandbox), theirs);
}

/// Which stages are stale of themselves for `pipe`.
#[track_caller]
pub fn stale(sandbox: &Sandbox) -> BTreeSet<String> {
    let said = pipe(sandbox, &["status", "--json"]);
    let status: Json =
        serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{}{}", said.stdout, said.stderr));
    // A project that was converted answers in a shape of its own.
    if let Some(stages) = status["stages"].as_array().filter(|_| !sandbox.exists("dvc.yaml")) {
        let is_stale = |stage: &&Json| matches!(stage["state"].as_str(), Some("stale" | "unknown"));
        let direct = stages.iter().filter(is_stale);
        return direct.map(|stage| stage["stage"].as_str().expect("a name").to_owned()).collect();
    }
    status.as_object().expect("a map").keys().cloned().collect()
}
