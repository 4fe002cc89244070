//! What scripts of stages log by MLflow: runs below the stage's run, with no change to the scripts.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::harness::{Said, Sandbox};
use crate::mlflow_tool::Mlflow;

/// A part of `tests/mlflow/stage.py`, as a stage calls it.
fn script(mlflow: Mlflow, part: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mlflow/stage.py");
    format!("{} {} {part}", mlflow.python().display(), script.display())
}

/// A reproduction in which clients neither phone home nor leave compiled files.
fn repro(sandbox: &Sandbox, arguments: &[&str]) -> Said {
    let mut command = sandbox.pipe_command(std::iter::once(&"repro").chain(arguments));
    command.env("MLFLOW_DISABLE_TELEMETRY", "true").env("DO_NOT_TRACK", "1").env("MPLBACKEND", "agg");
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("GIT_PYTHON_REFRESH", "quiet");
    sandbox.finish(command)
}

fn show(sandbox: &Sandbox, id: &str) -> Json {
    sandbox.json(["runs", "show", "--json", id])
}

/// Names and states of all runs but the reproductions', the oldest first.
fn listed(sandbox: &Sandbox) -> Vec<String> {
    let columns = "name,status,experiment,tags.pipe.kind";
    let list = sandbox.json(["runs", "list", "--json", "-n", "0", "--sort", "start", "--columns", columns]);
    let text = |run: &Json, key: &str| run[key].as_str().unwrap_or_default().to_owned();
    let all = list.as_array().unwrap().iter().filter(|run| run["tags.pipe.kind"] != "repro");
    let line =
        |run: &Json| format!("{} {} {}", text(run, "name"), text(run, "status"), text(run, "experiment"));
    all.map(line).collect()
}

#[track_caller]
fn tutorial(mlflow: Mlflow) {
    let sandbox = Sandbox::with_pipeline(&format!(
        "stages:\n  train:\n    cmd: {} final\n    outs: [final]\n  predict:\n    cmd: {} good\n    deps: [final]\n    \
         outs: [good]\n",
        script(mlflow, "tutorial"),
        script(mlflow, "predict"),
    ));
    let said = repro(&sandbox, &[]);
    assert_eq!(said.code_of(), Some(0), "{}\n{}", said.stdout, said.stderr);
    assert_eq!(sandbox.read("good"), "True");
    assert!(!sandbox.exists("mlruns") && !sandbox.exists("mlflow.db"), "everything went to us");
    let mut all = listed(&sandbox);
    all.sort();
    let flowers = |name: &str| format!("{name} FINISHED flowers");
    let expected = [flowers("explore"), flowers("final"), flowers("inner")];
    assert_eq!(
        all,
        [&expected[..], &["predict FINISHED Default".into(), "train FINISHED Default".into()]].concat()
    );
    let last = show(&sandbox, &sandbox.read("final"));
    let train = show(&sandbox, last["parent"].as_str().unwrap());
    assert_eq!((&train["name"], &train["script_run"]), (&json!("train"), &Json::Null), "there were two");
    assert_eq!(train["children"].as_array().unwrap().len(), 2);
    assert_eq!(last["tags"]["pipe.stage"], "train");
    assert!(last["metrics"]["acc"][0]["value"].as_f64().unwrap() > 0.9, "{last:#}");
    let explore = show(&sandbox, train["children"][0].as_str().unwrap());
    assert_eq!(explore["params"]["max_iter"], "200", "autolog logged it");
    let inner = show(&sandbox, explore["children"][0].as_str().unwrap());
    assert_eq!((&inner["name"], &inner["parent"]), (&json!("inner"), &explore["run_id"]));
    // What was logged is no input.
    assert!(repro(&sandbox, &[]).code(0).stderr.contains("up to date"));
}

#[test]
fn a_tutorial_with_the_newest_client() {
    tutorial(Mlflow::Newest);
}

#[test]
fn a_tutorial_with_the_old_client() {
    tutorial(Mlflow::Old);
}

/// Two stages whose scripts make one run each, side by side.
fn pair(mlflow: Mlflow) -> Sandbox {
    let stage = |name: &str| {
        let cmd = script(mlflow, &format!("one {name}"));
        format!("  {name}:\n    cmd: {cmd}\n    outs: [{name}.out]\n")
    };
    let sandbox = Sandbox::with_pipeline(&format!(
        "stages:\n{}    experiment: letters\n    run: {{name: letter a, tags: {{owner: me}}}}\n{}",
        stage("a"),
        stage("b")
    ));
    let said = repro(&sandbox, &["-j", "2"]);
    assert_eq!(said.code_of(), Some(0), "{}\n{}", said.stdout, said.stderr);
    sandbox
}

#[test]
fn a_stage_and_the_one_run_of_its_script_are_one() {
    let sandbox = pair(Mlflow::Newest);
    let mut all = listed(&sandbox);
    all.sort();
    assert_eq!(all, ["b FINISHED Default", "letter a FINISHED letters"]);
    let found = |filter: &str| {
        let columns = "id,stage,metrics.loss,params.size,tags.owner";
        sandbox.json(["runs", "list", "--json", "--columns", columns, "--where", filter])
    };
    let (a, b) = (sandbox.read("a.out"), sandbox.read("b.out"));
    let by_metric = found("stage = 'a' and metrics.loss < 0.5");
    assert_eq!(by_metric.as_array().unwrap().len(), 1, "{by_metric}");
    let row = &by_metric[0];
    assert_eq!(row["tags.owner"], "me");
    assert_eq!((&row["metrics.loss"], &row["params.size"]), (&json!(0.2), &json!("a")));
    assert_eq!(row, &found("tags.owner = 'me'")[0], "the same row, whichever of the two is found");
    let stage = row["id"].as_str().unwrap();
    assert_ne!(stage, a);
    let (by_stage, by_script) = (show(&sandbox, stage), show(&sandbox, &a));
    assert_eq!(by_stage, by_script);
    assert_eq!((&by_stage["run_id"], &by_stage["script_run"]), (&json!(stage), &json!(a)));
    assert_eq!(by_stage["metrics"]["loss"].as_array().unwrap().len(), 5, "with its history");
    assert_eq!(
        (&by_stage["tags"]["pipe.stage"], &by_stage["tags"]["pipe.exit_code"]),
        (&json!("a"), &json!("0"))
    );
    let artifacts: Vec<&str> =
        by_stage["artifacts"].as_array().unwrap().iter().filter_map(|file| file["path"].as_str()).collect();
    assert!(artifacts.contains(&"notes.txt") && artifacts.contains(&"stdout.log"), "{artifacts:?}");
    let text = sandbox.ok(["runs", "show", &a]).stdout;
    assert!(
        text.contains(&format!("its script logged run {a}  run of a  FINISHED, experiment letters")),
        "{text}"
    );
    let data = &by_stage["datasets"][0];
    assert_eq!((&data["name"], &data["context"]), (&json!("letters"), &json!("training")), "{data}");
    let row: Vec<&str> = text
        .lines()
        .skip_while(|line| *line != "Data sets")
        .nth(2)
        .unwrap_or(&text)
        .split_whitespace()
        .collect();
    assert_eq!(row[..3], ["letters", data["digest"].as_str().unwrap(), "training"], "{text}");
    for id in [stage, &a] {
        assert!(sandbox.ok(["runs", "logs", id]).stdout.contains("training a\n"));
    }
    let compared = |ids: [&str; 2]| {
        let rows = sandbox.json(["runs", "compare", "--json", ids[0], ids[1]]);
        rows.as_array()
            .unwrap()
            .iter()
            .filter(|row| row["field"] == "params.size")
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(compared([stage, &b]).len(), 1);
    assert_eq!(compared([stage, &b]), compared([&a, &b]));
    assert!(sandbox.ok(["diff", "--json", &a, stage]).stdout.contains('{'));
    // The experiment and the name are no inputs.
    sandbox.edit("pipeline.yaml", "letter a", "letter A");
    sandbox.edit("pipeline.yaml", "letters", "others");
    assert_eq!(sandbox.states(), "a:fresh b:fresh");
}

#[test]
fn two_scripts_at_once_with_the_old_client() {
    let sandbox = pair(Mlflow::Old);
    for name in ["a", "b"] {
        let run = show(&sandbox, &sandbox.read(&format!("{name}.out")));
        assert_eq!((&run["tags"]["pipe.stage"], &run["params"]["size"]), (&json!(name), &json!(name)));
    }
}

#[track_caller]
fn tuned_side_by_side(mlflow: Mlflow) {
    let stage = |name: &str| {
        format!("  {name}:\n    cmd: {}\n    outs: [{name}.out]\n", script(mlflow, &format!("tune {name}")))
    };
    let sandbox = Sandbox::with_pipeline(&format!("stages:\n{}{}", stage("left"), stage("right")));
    let said = repro(&sandbox, &["-j", "2"]);
    assert_eq!(said.code_of(), Some(0), "{}\n{}", said.stdout, said.stderr);
    let mut versions = Vec::new();
    for name in ["left", "right"] {
        let told: Json = serde_json::from_str(&sandbox.read(&format!("{name}.out"))).unwrap();
        let run = told["run"].as_str().unwrap();
        // The stage's run and the one of its script are one.
        let stage = show(&sandbox, run);
        assert_eq!((&stage["name"], &stage["script_run"]), (&json!(name), &json!(run)), "{stage:#}");
        assert_eq!((&stage["status"], &stage["tags"]["pipe.exit_code"]), (&json!("FINISHED"), &json!("0")));
        assert_eq!(
            (&stage["tags"]["of"], &stage["metrics"]["best"][0]["value"]),
            (&json!(name), &json!(0.973_333_333_333_333_4))
        );
        let mut below: Vec<&str> =
            stage["children"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        let mut expected: Vec<&str> =
            told["below"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        below.sort_unstable();
        expected.sort_unstable();
        assert_eq!(below, expected, "nothing of the other script's");
        for id in below {
            let candidate = show(&sandbox, id);
            assert_eq!(
                (&candidate["status"], &candidate["params"]["of"]),
                (&json!("FINISHED"), &json!(name))
            );
            assert_eq!(candidate["tags"]["pipe.stage"], name);
            assert_eq!(candidate["metrics"]["acc"].as_array().unwrap().len(), 50, "{candidate:#}");
        }
        let version = told["version"].as_str().unwrap();
        let shown = sandbox.json(["models", "show", "--json", &format!("iris/{version}")]);
        assert_eq!(shown["script_run"], run, "{shown:#}");
        versions.push(version.to_owned());
    }
    versions.sort_unstable();
    assert_eq!(versions, ["1", "2"]);
    let mut all = listed(&sandbox);
    all.sort();
    let line = |name: &str| format!("{name} FINISHED flowers");
    let of = |name| {
        let rounds = [1, 3, 300].map(|rounds| line(&format!("{name}, {rounds} rounds")));
        [vec![line(name)], rounds.to_vec()].concat()
    };
    assert_eq!(all, [of("left"), of("right")].concat());
}

#[test]
fn two_tutorials_at_once_with_the_newest_client() {
    tuned_side_by_side(Mlflow::Newest);
}

#[test]
fn two_tutorials_at_once_with_the_old_client() {
    tuned_side_by_side(Mlflow::Old);
}

/// The stage's run and its script's, of a stage that does what this part of the script does.
#[track_caller]
fn of_part(part: &str, code: i32) -> (Json, Json) {
    let sandbox =
        Sandbox::with_pipeline(&format!("stages:\n  s: {{cmd: {}}}\n", script(Mlflow::Newest, part)));
    let said = repro(&sandbox, &[]);
    assert_eq!(said.code_of(), Some(code), "{}\n{}", said.stdout, said.stderr);
    let stage = sandbox.stage_run("s");
    let logged = stage["script_run"].as_str().map(ToOwned::to_owned);
    let list = sandbox.json(["runs", "list", "--json", "--columns", "id,status,name"]);
    let of_script =
        list.as_array().unwrap().iter().find(|run| Some(run["id"].as_str().unwrap()) == logged.as_deref());
    assert_eq!(of_script, None, "it is no row of its own");
    let id = logged.unwrap_or_default();
    let text = sandbox.ok(["runs", "show", stage["run_id"].as_str().unwrap()]).stdout;
    let line = text.lines().find(|line| line.contains(&id) && line.contains("script")).unwrap_or_default();
    (stage, json!(line))
}

#[test]
fn a_killed_script_leaves_no_run_running() {
    let (stage, script) = of_part("killed", 1);
    assert_eq!((&stage["status"], &stage["tags"]["pipe.signal"]), (&json!("FAILED"), &json!("9")));
    assert!(script.as_str().unwrap().contains("killed  FAILED"), "{script}");
    assert_eq!(stage["tags"]["pipe.settled"], "its stage ended without ending it");
}

#[test]
fn a_run_left_running_ends_as_its_stage_did() {
    let (stage, script) = of_part("left_running", 0);
    assert_eq!(stage["status"], "FINISHED");
    assert!(script.as_str().unwrap().contains("FINISHED"), "{script}");
}

#[test]
fn the_stage_is_what_its_process_was() {
    let (stage, script) = of_part("failed", 1);
    assert_eq!((&stage["status"], &stage["tags"]["pipe.exit_code"]), (&json!("FAILED"), &json!("1")));
    assert!(script.as_str().unwrap().contains("ended well  FINISHED"), "{script}");
    let (stage, _) = of_part("own_run", 1);
    assert_eq!((&stage["status"], &stage["metrics"]["mine"][0]["value"]), (&json!("FAILED"), &json!(3.0)));
}

/// How a process ended is told, whatever its script did to the runs meanwhile.
#[track_caller]
fn a_script_that_deletes(mlflow: Mlflow, what: &str) {
    let sandbox = Sandbox::with_pipeline(&format!(
        "stages:\n  s:\n    cmd: {}\n    experiment: its own\n",
        script(mlflow, &format!("deleted {what}"))
    ));
    let said = repro(&sandbox, &[]);
    assert_eq!(said.code_of(), Some(1), "{}\n{}", said.stdout, said.stderr);
    assert!(!said.stderr.contains("not tracked in full"), "{}", said.stderr);
    let columns = "id,name,status,tags.pipe.exit_code,tags.pipe.settled,metrics.mine,metrics.loss";
    let listed = |deleted: &[&str]| {
        let list = [&["runs", "list", "--json", "-n", "0", "--sort", "start", "--columns", columns], deleted]
            .concat();
        sandbox.json(list).as_array().unwrap().clone()
    };
    let (there, gone) = (listed(&[]), listed(&["--deleted"]));
    let named = |list: &[Json], name: &str| list.iter().find(|run| run["name"] == name).cloned();
    let stage = named(if what == "script" { &there } else { &gone }, "s").unwrap();
    assert_eq!(
        (&stage["status"], &stage["tags.pipe.exit_code"]),
        (&json!("FAILED"), &json!("3")),
        "{stage:#}"
    );
    assert_eq!((&stage["tags.pipe.settled"], &stage["metrics.mine"]), (&Json::Null, &json!(1.0)));
    let of_script = named(if what == "stage" { &there } else { &gone }, "of the script").unwrap();
    let ends = if what == "stage" { "FINISHED" } else { "FAILED" };
    assert_eq!(
        (&of_script["status"], &of_script["metrics.loss"]),
        (&json!(ends), &json!(1.0)),
        "{of_script:#}"
    );
    assert_eq!(named(&there, "after it").is_some(), what == "stage");
    let id = stage["id"].as_str().unwrap();
    if what == "stage" {
        sandbox.ok(["runs", "restore", id]);
    }
    if what != "experiment" {
        assert!(sandbox.ok(["runs", "logs", id]).stdout.contains("before it is deleted"));
    }
}

#[test]
fn a_stage_ends_as_its_process_did_also_where_its_script_deleted_runs() {
    for what in ["script", "stage", "experiment"] {
        a_script_that_deletes(Mlflow::Newest, what);
        a_script_that_deletes(Mlflow::Old, what);
    }
}

/// A script that says itself where it logs is not overruled, but told of, where nothing came to us.
#[test]
fn a_script_that_logs_elsewhere_does_and_is_told() {
    let sandbox = Sandbox::without_git();
    let python = Mlflow::Newest.python().display().to_string();
    let stage = |name: &str, wdir: &str| {
        format!("  {name}:\n    cmd: {python} {name}.py\n    wdir: {wdir}\n    always_changed: true\n")
    };
    sandbox.write(
        "pipeline.yaml",
        format!("stages:\n{}{}{}", stage("away", "src"), stage("here", "."), stage("none", ".")),
    );
    let log = "with mlflow.start_run():\n    mlflow.log_metric('loss', 1)\n";
    sandbox.write(
        "src/away.py",
        format!("import mlflow\n# set_tracking_uri(x)\nmlflow.set_tracking_uri('sqlite:///own.db')\n{log}"),
    );
    let own = "import os, mlflow\nuri = os.environ['MLFLOW_TRACKING_URI']\nmlflow.set_tracking_uri(uri)\n";
    sandbox.write("here.py", format!("{own}{log}"));
    sandbox.write("none.py", "import sys\n# mlflow.set_tracking_uri(x)\n");
    for _ in 0..2 {
        let said = repro(&sandbox, &[]);
        assert_eq!(said.code_of(), Some(0), "{}\n{}", said.stdout, said.stderr);
        assert_eq!(said.stderr.matches("Note: ").count(), 1, "{}", said.stderr);
        let note = "Note: stage away logged nothing here, and src/away.py:3 sets a tracking URI of its own";
        assert!(said.stderr.contains(note), "{}", said.stderr);
    }
    assert!(sandbox.exists("src/own.db"));
    let list = sandbox.json(["runs", "list", "--json", "-n", "0", "--columns", "name,metrics.loss"]);
    let logged = list.as_array().unwrap().iter().filter(|run| run["metrics.loss"] == 1.0);
    assert!(logged.map(|run| &run["name"]).all(|name| name == "here"), "{list:#}");
    // Not twice.
    sandbox.write(
        "pipeline.yaml",
        format!("stages:\n{}", stage("away", "src").replace("cmd: ", "cmd: MLFLOW_TRACKING_URI=x ")),
    );
    let said = repro(&sandbox, &[]).code(0);
    assert_eq!(said.stderr.matches("Note: ").count(), 1, "{}", said.stderr);
    assert!(said.stderr.contains("the command of stage away sets"), "{}", said.stderr);
}

/// What a stage finds of a few variables.
const VARIABLES: &str = "\
stages:
  show:
    cmd: env | grep -i -e ^mlflow -e ^no_proxy | sort > found
    deps: [input]
    outs: [found]
";

fn found_with(sandbox: &Sandbox, variables: &[(&str, &str)]) -> (String, Said) {
    let mut command = sandbox.pipe_command(["repro", "--force", "--no-stage-cache"]);
    command.envs(variables.iter().copied());
    let said = sandbox.finish(command).code(0);
    (sandbox.read("found"), said)
}

#[test]
fn the_users_tracking_uri_is_respected_and_told() {
    let sandbox = Sandbox::with_pipeline(VARIABLES);
    sandbox.write("input", "1");
    let theirs = [
        ("MLFLOW_TRACKING_URI", "http://me:secret@tracking.example/x?token=secret"),
        ("MLFLOW_TRACKING_TOKEN", "t"),
        ("MLFLOW_EXPERIMENT_ID", "7"),
        ("MLFLOW_RUN_ID", "r"),
        ("MLFLOW_HTTP_REQUEST_TIMEOUT", "9"),
        ("NO_PROXY", "internal"),
    ];
    let (found, said) = found_with(&sandbox, &theirs);
    assert!(found.contains("tracking.example") && found.contains("MLFLOW_RUN_ID=r"), "{found}");
    assert_eq!(
        said.stderr
            .matches("Note: MLFLOW_TRACKING_URI is set to http://…@tracking.example/x?token=…:")
            .count(),
        1
    );
    assert!(!said.stderr.contains("secret"), "{}", said.stderr);

    sandbox.ok(["config", "tracking.inject", "always"]);
    let (found, said) = found_with(&sandbox, &theirs);
    let lines: Vec<&str> = found.lines().collect();
    assert!(lines.iter().any(|line| line.starts_with("MLFLOW_TRACKING_URI=http://127.0.0.1:")), "{found}");
    assert!(
        lines.contains(&"MLFLOW_HTTP_REQUEST_TIMEOUT=9") && lines.contains(&"NO_PROXY=internal,127.0.0.1")
    );
    for gone in ["MLFLOW_TRACKING_TOKEN", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"] {
        assert!(!found.contains(gone), "{found}");
    }
    assert!(!said.stderr.contains("Note"), "{}", said.stderr);

    sandbox.ok(["config", "tracking.inject", "never"]);
    let (found, said) = found_with(&sandbox, &[("MLFLOW_RUN_ID", "r")]);
    assert_eq!((found.as_str(), said.stderr.contains("Note")), ("MLFLOW_RUN_ID=r\n", false));

    sandbox.ok(["config", "--unset", "tracking.inject"]);
    sandbox.pipe(["config", "tracking.inject", "sometimes"]).code(2).tells(&["auto", "always", "never"]);
    let (found, _) = found_with(&sandbox, &[]);
    assert!(found.contains("MLFLOW_HTTP_REQUEST_MAX_RETRIES=2\n") && found.contains("no_proxy=127.0.0.1\n"));
}

#[test]
fn an_address_differs_each_time_and_is_no_input() {
    let sandbox = Sandbox::with_pipeline(VARIABLES);
    sandbox.write("input", "1");
    let (first, _) = found_with(&sandbox, &[]);
    let (second, _) = found_with(&sandbox, &[]);
    assert_ne!(first, second);
    assert_eq!(sandbox.states(), "show:fresh");
    sandbox.remove("found");
    assert!(sandbox.ok(["repro"]).stderr.contains("1 restored"), "the key is the same");
    sandbox.write("pipeline.yaml", VARIABLES.replace("cmd: env", "cmd: MLFLOW_TRACKING_URI=x env"));
    let said = sandbox.ok(["repro"]);
    assert!(said.stderr.contains("the command of stage show sets MLFLOW_TRACKING_URI"), "{}", said.stderr);
    assert!(sandbox.read("found").contains("MLFLOW_TRACKING_URI=x\n"));
}

/// Asks for the address in a file and prints the status and the answer.
const ASK: &str = "\
import sys, urllib.error, urllib.request
uri = open(sys.argv[1]).read().strip()
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    answer = opener.open(uri + '/api/2.0/mlflow/experiments/get?experiment_id=0')
    print(answer.status)
except urllib.error.HTTPError as fault:
    print(fault.code, fault.read().decode())
";

#[test]
fn an_address_dies_with_its_stage() {
    let python = Mlflow::Newest.python();
    let python = python.display();
    let sandbox = Sandbox::with_pipeline(&format!(
        "stages:
  first:
    cmd: echo $MLFLOW_TRACKING_URI > uri; {python} ask.py uri > while
    outs: [uri, while]
  second:
    cmd: {python} ask.py uri > after; echo $MLFLOW_TRACKING_URI | sed s#/s/.*## > bare; {python} ask.py bare >> after
    deps: [uri]
    outs: [after, bare]
"
    ));
    sandbox.write("ask.py", ASK);
    repro(&sandbox, &[]).code(0);
    assert_eq!(sandbox.read("while"), "200\n");
    let after = sandbox.read("after");
    assert!(after.starts_with("404 {") && after.contains("its stage has ended"), "{after}");
    assert!(after.contains("\n401 {"), "without an address of a stage nobody gets in: {after}");
}

/// Reproduces a stage whose script loses the run store, on a disk of its own, and says what is in the store afterwards.
fn lost(mlflow: Mlflow, how: &str) -> Option<(Sandbox, Said)> {
    let sandbox = Sandbox::without_git();
    if !sandbox.has_namespaces() {
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mlflow/gone.py");
    let stage = format!("{} {} {how}", mlflow.python().display(), script.display());
    sandbox.write("pipeline.yaml", format!("stages:\n  train:\n    cmd: {stage}\n"));
    // What was there before the first run.
    sandbox.ok(["runs", "start", "--name", "earlier"]);
    // Another store, in which another experiment has the number that the script gets to know.
    let other = Sandbox::without_git();
    other.ok(["runs", "start", "--name", "other", "--experiment", "others"]);
    std::fs::copy(other.path(".pipe/runs.db"), sandbox.path("other.db")).unwrap();
    if how == "damaged" {
        sandbox.write(".pipe/runs.db", "no database, but as long as the head of one".repeat(9));
    }
    let script = r#"
        mkdir disk; mount -t tmpfs -o size=16m tmpfs disk; cp -r pipeline.yaml .pipe other.db disk; cd disk
        "$PIPE" repro
        code=$?
        cp -r .pipe/. ../.pipe; cp aside.db* .. 2> /dev/null
        exit $code
        "#;
    let mut command = sandbox.program("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]).env("PIPE", env!("CARGO_BIN_EXE_pipe"));
    command
        .env("MLFLOW_DISABLE_TELEMETRY", "true")
        .env("DO_NOT_TRACK", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("GIT_PYTHON_REFRESH", "quiet");
    let said = sandbox.finish(command);
    if matches!(how, "removed" | "damaged") {
        sandbox.remove(".pipe/runs.db");
    }
    if how == "aside" {
        for name in ["", "-wal", "-shm"] {
            let _ = std::fs::rename(
                sandbox.path(&format!("aside.db{name}")),
                sandbox.path(&format!(".pipe/runs.db{name}")),
            );
        }
    }
    Some((sandbox, said))
}

/// What cannot be recorded is a warning: also for a script that begins everything after the store was lost.
#[track_caller]
fn a_script_that_loses_the_store(mlflow: Mlflow, how: &str) {
    let Some((sandbox, said)) = lost(mlflow, how) else { return };
    assert_eq!(said.code_of(), Some(0), "{how}: {}\n{}", said.stdout, said.stderr);
    let told = said.stderr;
    assert!(told.contains("1 ran"), "{how}: {told}");
    let is_replaced = how == "replaced";
    let waits = told.matches("this reproduction is recorded by a later pipe command").count();
    assert_eq!(waits, usize::from(!is_replaced), "{how}: {told}");
    // Files need room at once.
    assert_eq!(told.contains("is not tracked in full: artifact "), how == "full", "{how}: {told}");
    let lost = if how == "full" { 2 } else { 0 };
    // Each by its name.
    let named = told.lines().find(|line| line.contains("nor is this tracked: ")).unwrap_or_default();
    assert_eq!(named.contains("/artifacts/notes.txt"), how == "full", "{how}: {told}");
    assert_eq!(told.matches("warning: ").count(), waits + lost, "{how}: {told}");

    if matches!(how, "removed" | "damaged") {
        // Who only reads makes no store.
        sandbox.ok(["runs", "start", "--name", "new"]).tells(&["runs.db is missing", "a new store is made"]);
    }
    let columns = "id,name,status,experiment,params.depth,metrics.loss,metrics.acc,metrics.of_stage";
    let list = sandbox.json(["runs", "list", "--json", "-n", "0", "--sort", "start", "--columns", columns]);
    let list = list.as_array().unwrap();
    let has_earlier = !matches!(how, "removed" | "damaged" | "replaced");
    // What was logged before is there, unless it went with the store.
    let has_all = has_earlier || how == "damaged";
    let named = |name: &str| {
        let mut found = list.iter().filter(|run| run["name"] == name);
        let (found, other) = (found.next(), found.next());
        assert!(found.is_some() && other.is_none(), "{how}: one {name} in {list:#?}\n{told}");
        found.unwrap()
    };
    for (name, experiment, depth, loss) in [
        ("train", "Default", Json::Null, Json::Null),
        ("begun", "early", if has_all { json!(1) } else { Json::Null }, json!(0.5)),
        ("outer", "late", json!(3), json!(0.25)),
        ("inner", "late", Json::Null, json!(0.125)),
        ("early again", "early", Json::Null, json!(2.0)),
        ("last", "late", Json::Null, json!(3.0)),
    ] {
        let run = named(name);
        assert_eq!(
            (&run["status"], &run["experiment"]),
            (&json!("FINISHED"), &json!(experiment)),
            "{how}: {run:#}"
        );
        assert_eq!((&run["params.depth"], &run["metrics.loss"]), (&depth, &loss), "{how}: {run:#}");
    }
    assert_eq!(list.iter().filter(|run| run["name"] == "earlier").count(), usize::from(has_earlier));
    assert_eq!(named("train")["metrics.of_stage"], 1.0, "{how}");
    let of = |name: &str| show(&sandbox, named(name)["id"].as_str().unwrap());
    let (train, outer, inner) = (of("train"), of("outer"), of("inner"));
    assert_eq!((&outer["parent"], &inner["parent"]), (&train["run_id"], &outer["run_id"]));
    assert_eq!(train["children"].as_array().unwrap().len(), 4, "{how}: {train:#}");
    let begun = of("begun");
    assert_eq!(begun["tags"]["who"], "me");
    let points = begun["metrics"]["loss"].as_array().unwrap().len();
    assert_eq!(points, if has_all { 4 } else { 3 }, "{how}: each once");
    let none: [&str; 0] = [];
    assert_eq!(sandbox.files(".pipe/tmp/spool"), none, "{how}");
    registered_as_well(&sandbox, how, &outer, &begun);
    if how != "full" {
        let artifacts = outer["artifacts"].as_array().unwrap();
        assert!(artifacts.iter().any(|file| file["path"] == "notes.txt"), "{how}: {artifacts:?}");
    }
}

/// All that was registered is there, once.
#[track_caller]
fn registered_as_well(sandbox: &Sandbox, how: &str, outer: &Json, begun: &Json) {
    let version = |name: &str| {
        let shown = sandbox.json(["models", "show", "--json", name]);
        let run = shown["run_id"].clone();
        (shown, run)
    };
    let (iris, of_iris) = version("iris@best");
    assert_eq!((&iris["version"], &of_iris), (&json!(1), &outer["run_id"]), "{how}: {iris:#}");
    assert_eq!((&iris["stage"], &iris["tags"]["by"]), (&json!("Staging"), &json!("me")), "{how}: {iris:#}");
    let files = iris["files"].as_array().unwrap();
    assert_eq!(files.iter().any(|file| file["path"] == "MLmodel"), how != "full", "{how}: {iris:#}");
    let first = version("rose@first");
    assert_eq!(first, version("rose@best"), "{how}");
    let (rose, of_rose) = first;
    assert_eq!((&rose["version"], &of_rose), (&json!(1), &begun["run_id"]), "{how}: {rose:#}");
    let told = [&rose["stage"], &rose["tags"]["by"], &rose["description"]];
    assert_eq!(told, [&json!("Production"), &json!("me"), &json!("the first")], "{how}: {rose:#}");
    let (last, of_last) = version("rose@last");
    assert_eq!((&last["version"], &of_last), (&json!(2), &outer["run_id"]), "{how}: {last:#}");
    assert_eq!(last["tags"]["by"], "you", "{how}: {last:#}");
    let rose = sandbox.json(["models", "show", "--json", "rose"]);
    assert_eq!((&rose["tags"], &rose["description"]), (&json!({"team": "a"}), &json!("a flower")), "{how}");
    sandbox.ok(["models", "show", "tulip"]);
}

#[test]
fn the_newest_client_loses_the_store_for_good() {
    a_script_that_loses_the_store(Mlflow::Newest, "removed");
    a_script_that_loses_the_store(Mlflow::Newest, "damaged");
    a_script_that_loses_the_store(Mlflow::Newest, "replaced");
}

#[test]
fn the_newest_client_loses_the_store_for_a_while() {
    a_script_that_loses_the_store(Mlflow::Newest, "aside");
    a_script_that_loses_the_store(Mlflow::Newest, "returns");
}

#[test]
fn the_newest_client_has_no_room() {
    a_script_that_loses_the_store(Mlflow::Newest, "full");
}

#[test]
fn the_old_client_loses_the_store_for_good() {
    a_script_that_loses_the_store(Mlflow::Old, "removed");
    a_script_that_loses_the_store(Mlflow::Old, "replaced");
}

#[test]
fn the_old_client_loses_the_store_for_a_while() {
    a_script_that_loses_the_store(Mlflow::Old, "aside");
    a_script_that_loses_the_store(Mlflow::Old, "returns");
}

#[test]
fn the_old_client_has_no_room() {
    a_script_that_loses_the_store(Mlflow::Old, "full");
}

/// A script goes on, after a few seconds, while another process keeps everybody else from writing to the store.
#[test]
fn the_newest_client_finds_the_store_locked() {
    a_script_that_loses_the_store(Mlflow::Newest, "locked");
}

#[test]
fn the_old_client_finds_the_store_locked() {
    a_script_that_loses_the_store(Mlflow::Old, "locked");
}
