//! The clock of the machine goes back while runs are recorded: nothing is refused, what was set last counts, and ends come
//! after beginnings.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value as Json;

use crate::harness::{Said, Sandbox};

/// What a program sees that loads it first: a clock that is some seconds off.
const SHIFT: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(id, now);
    const char *shift = getenv("CLOCK_SHIFT");
    if (id == CLOCK_REALTIME && shift) now->tv_sec += atol(shift);
    return failed;
}
"#;

/// The compiler that linked this test makes it.
fn library(sandbox: &Sandbox) -> PathBuf {
    sandbox.write("shift.c", SHIFT);
    let made = sandbox.path("shift.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&made).arg(sandbox.path("shift.c")).arg("-ldl");
    assert!(compiler.status().expect("cc is there").success());
    made
}

fn shifted(sandbox: &Sandbox, library: &PathBuf, seconds: i64, arguments: &[&str]) -> Said {
    let mut command = sandbox.pipe_command(arguments);
    command.env("LD_PRELOAD", library).env("CLOCK_SHIFT", seconds.to_string());
    sandbox.finish(command)
}

const DAY: i64 = 86_400;

#[test]
fn a_clock_that_goes_back_changes_no_order_and_refuses_nothing() {
    let sandbox = Sandbox::without_git();
    let library = library(&sandbox);
    let at = |seconds, arguments: &[&str]| shifted(&sandbox, &library, seconds, arguments).code(0);
    let run = at(DAY, &["runs", "start", "--name", "first"]).stdout.trim().to_owned();
    at(DAY, &["log", "metric", "loss", "1", "--step", "1", "--run", &run]);
    at(DAY, &["log", "tag", "which=old", "--run", &run]);
    // Two days earlier.
    at(-DAY, &["log", "metric", "loss", "2", "--step", "2", "--run", &run]);
    at(-DAY, &["log", "tag", "which=new", "--run", &run]);
    at(-DAY, &["runs", "end", &run]);
    let shown: Json = sandbox.json(["runs", "show", "--json", &run]);
    let time = |key: &str| shown[key].as_i64().unwrap_or_else(|| panic!("{key} of {shown:#}"));
    assert_eq!((&shown["status"], &shown["tags"]["which"]), (&"FINISHED".into(), &"new".into()));
    assert_eq!(shown["metrics"]["loss"].as_array().map(Vec::len), Some(2));
    assert!(time("start_time") > time("end_time"), "the test has its clock: {shown:#}");
    assert!(sandbox.ok(["runs", "show", &run]).stdout.contains(" 0ms"), "it took no time");
    // What was begun last is the last one, whatever its clock said.
    let second = at(-DAY, &["runs", "start", "--name", "second"]).stdout.trim().to_owned();
    assert_eq!(sandbox.json(["runs", "show", "--json", "last"])["run_id"], Json::from(second.as_str()));
    // While the store is away, what is logged later counts later.
    let aside = sandbox.path("aside");
    std::fs::rename(sandbox.path(".pipe/runs.db"), &aside).unwrap();
    sandbox.write(".pipe/runs.db", "no database, and long enough to be looked at as one by anybody");
    for (shift, value) in [(DAY, "a"), (-DAY, "b"), (-2 * DAY, "c")] {
        at(shift, &["log", "tag", &format!("spooled={value}"), "--run", &second]);
    }
    std::fs::rename(&aside, sandbox.path(".pipe/runs.db")).unwrap();
    assert_eq!(sandbox.json(["runs", "show", "--json", "last"])["tags"]["spooled"], "c");
    // Stages are up to date or not as ever.
    sandbox.write("pipeline.yaml", "stages:\n  a:\n    cmd: cp in out\n    deps: [in]\n    outs: [out]\n");
    sandbox.write("in", "1");
    at(DAY, &["repro"]).tells(&["1 ran"]);
    at(-DAY, &["repro"]).tells(&["up to date"]);
    sandbox.write("in", "2");
    at(-DAY, &["repro"]).tells(&["1 ran"]);
    assert_eq!((sandbox.read("out"), sandbox.states()), ("2".to_owned(), "a:fresh".to_owned()));
}
