//! The clock of the machine goes back while runs are recorded: nothing is refused, what was set last counts, and ends come
//! after beginnings.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value as Json, json};

use crate::harness::{Said, Sandbox};
use crate::mlflow_tool::Served;

/// What a program sees that loads it first: a clock that is some seconds off, as many as the variable says, or the file at
/// this moment.
const SHIFT: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(id, now);
    const char *shift = getenv("CLOCK_SHIFT");
    const char *name = getenv("CLOCK_FILE");
    if (id == CLOCK_REALTIME && shift) now->tv_sec += atol(shift);
    if (id == CLOCK_REALTIME && name) {
        FILE *file = fopen(name, "r");
        long seconds = 0;
        if (file && fscanf(file, "%ld", &seconds) == 1) now->tv_sec += seconds;
        if (file) fclose(file);
    }
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

/// Has whoever looks at this clock see another time, from one moment to the next.
fn set(clock: &Path, seconds: i64) {
    let new = clock.with_extension("new");
    std::fs::write(&new, seconds.to_string()).unwrap();
    std::fs::rename(new, clock).unwrap();
}

/// Serves with a clock that can be set.
fn serve(sandbox: Sandbox, library: &Path, clock: &Path) -> Served {
    let mut command = sandbox.pipe_command(["ui", "--port", "0", "--no-token"]);
    command.env("LD_PRELOAD", library).env("CLOCK_FILE", clock);
    Served::of(sandbox, command)
}

#[test]
fn a_run_whose_client_and_server_were_killed_ends_and_goes_on_where_the_client_comes_back() {
    let sandbox = Sandbox::without_git();
    let (library, clock) = (library(&sandbox), sandbox.path("clock"));
    set(&clock, 0);
    let served = serve(sandbox, &library, &clock);
    let (gone, slow) = (served.run(), served.run());
    for run in [&gone, &slow] {
        served.ok("runs/log-parameter", json!({"run_id": run, "key": "lr", "value": "1"}));
    }
    let (sandbox, _) = served.end("KILL");
    let at = |days: i64, arguments: &[&str]| shifted(&sandbox, &library, days * DAY, arguments).code(0);
    let states = |days: i64| {
        let list: Json = at(days, &["runs", "list", "--json", "--columns", "status"]).json();
        let all = list.as_array().unwrap().iter().map(|run| run["status"].as_str().unwrap().to_owned());
        all.collect::<Vec<_>>()
    };
    let said = at(6, &["runs", "list"]);
    said.tells(&["2 runs are said to run, and were not heard of for an hour", ", as 7d of silence do."]);
    at(0, &["config", "tracking.unheard_after", "never"]);
    assert_eq!(states(400), ["RUNNING", "RUNNING"]);
    at(0, &["config", "tracking.unheard_after", "9d"]);
    assert_eq!(states(8), ["RUNNING", "RUNNING"]);
    assert_eq!(states(10), ["KILLED", "KILLED"]);
    let shown: Json = at(10, &["runs", "show", "--json", &gone]).json();
    let settled = shown["tags"]["pipe.settled"].as_str().unwrap();
    assert!(settled.starts_with("not heard of since "), "{settled}");
    // One of them logs once a fortnight. Then the clock goes back by a year and more, while it is served.
    set(&clock, 10 * DAY);
    let served = serve(sandbox, &library, &clock);
    let info = |run: &str| {
        served.get(&format!("/api/2.0/mlflow/runs/get?run_id={run}")).json()["run"]["info"].clone()
    };
    assert_eq!((&info(&slow)["status"], info(&slow)["end_time"].is_null()), (&json!("KILLED"), false));
    let point =
        |step: i64| json!({"run_id": slow, "key": "loss", "value": 1, "timestamp": step, "step": step});
    served.ok("runs/log-metric", point(1));
    assert_eq!((&info(&slow)["status"], info(&slow)["end_time"].is_null()), (&json!("RUNNING"), true));
    set(&clock, -400 * DAY);
    served.ok("runs/log-metric", point(2));
    served.ok("runs/set-tag", json!({"run_id": slow, "key": "k", "value": "v"}));
    assert_eq!(info(&slow)["status"], "RUNNING");
    served.ok("runs/update", json!({"run_id": slow, "status": "FINISHED", "end_time": 7}));
    assert_eq!((&info(&slow)["status"], &info(&slow)["end_time"]), (&json!("FINISHED"), &json!(7)));
    assert_eq!(info(&gone)["status"], "KILLED");
    served.end("TERM").1.code(0);
}

#[test]
fn a_clock_that_goes_back_a_day_in_the_middle_of_a_reproduction_spoils_nothing() {
    let sandbox = Sandbox::without_git();
    let (library, clock) = (library(&sandbox), sandbox.path("clock"));
    // The script's own clock is an hour ahead of whoever records it, and then an hour behind.
    sandbox.write(
        "pipeline.yaml",
        "stages:
  a:
    cmd: |
      CLOCK_SHIFT=3600 \"$PIPE\" log metric loss 1 --step 1
      echo -86400 > clock.new; mv clock.new clock
      CLOCK_SHIFT=-3600 \"$PIPE\" log metric loss 2 --step 2
      CLOCK_SHIFT=3600 \"$PIPE\" log tag which=last
      cp in out
    deps: [in]
    outs: [out]
  b: {cmd: cp out end, deps: [out], outs: [end]}
",
    );
    let reproduce = || {
        let mut command = sandbox.pipe_command(["repro"]);
        command.env("LD_PRELOAD", &library).env("CLOCK_FILE", &clock).env("PIPE", env!("CARGO_BIN_EXE_pipe"));
        sandbox.finish(command).code(0)
    };
    for round in ["1", "2"] {
        set(&clock, 0);
        sandbox.write("in", round);
        reproduce().tells(&["2 ran"]);
        let run = sandbox.stage_run("a");
        assert_eq!((&run["status"], &run["tags"]["which"]), (&json!("FINISHED"), &json!("last")));
        let steps = run["metrics"]["loss"].as_array().unwrap().iter().map(|point| point["step"].as_i64());
        assert_eq!(steps.collect::<Vec<_>>(), [Some(1), Some(2)]);
        reproduce().tells(&["up to date"]);
        set(&clock, DAY);
        reproduce().tells(&["up to date"]);
    }
    assert!(!sandbox.ok(["runs", "list", "-n", "0"]).stdout.contains("RUNNING"));
    assert_eq!(sandbox.read("end"), "2");
}
