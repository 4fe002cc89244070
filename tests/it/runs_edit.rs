//! `pipe runs`: what is changed of recorded runs, what goes and what comes back.

use serde_json::Value as Json;

use crate::harness::Sandbox;

fn started(sandbox: &Sandbox, name: &str, acc: &str) -> String {
    let run =
        sandbox.ok(["runs", "start", "--name", name, "--experiment", "spirals"]).stdout.trim().to_owned();
    sandbox.ok(["log", "metric", "acc", acc, "--run", &run]);
    sandbox.ok(["runs", "end", &run]);
    run
}

fn names(sandbox: &Sandbox, arguments: &[&str]) -> Vec<String> {
    let list = sandbox
        .json(["runs", "list", "--json", "--columns", "name", "--sort", "name"].iter().chain(arguments));
    list.as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap().to_owned()).collect()
}

fn shown(sandbox: &Sandbox, run: &str) -> Json {
    sandbox.json(["runs", "show", run, "--json"])
}

#[test]
fn tags_names_and_notes() {
    let sandbox = Sandbox::new();
    let run = started(&sandbox, "first", "0.5");
    sandbox.ok(["runs", "tag", &run[24..], "team=blue", "eq=a=b"]);
    assert_eq!(shown(&sandbox, &run)["tags"]["eq"], "a=b");
    sandbox.ok(["runs", "tag", "first", "--delete", "team", "x=1"]);
    let tags = &shown(&sandbox, "last")["tags"];
    assert_eq!((tags.get("team"), tags["x"].as_str()), (None, Some("1")));
    sandbox.pipe(["runs", "tag", "last", "--delete", "team"]).code(2).tells(&["no tag `team`", "runs show"]);
    sandbox.pipe(["runs", "tag", "last", "nothing"]).code(2).tells(&["KEY=VALUE"]);
    sandbox.pipe(["runs", "tag", "last"]).code(2);
    sandbox.ok(["runs", "rename", "last", "better"]);
    assert_eq!(names(&sandbox, &[]), ["better"]);
    sandbox.pipe(["runs", "rename", "last", " "]).code(2).tells(&["empty"]);
    sandbox.ok(["runs", "note", "better"]).tells(&["has no note"]);
    sandbox.ok(["runs", "note", "better", "- tried it\n- works"]);
    assert_eq!(sandbox.ok(["runs", "note", "better"]).stdout, "- tried it\n- works\n");
    assert_eq!(shown(&sandbox, "better")["tags"]["mlflow.note.content"], "- tried it\n- works");
    sandbox.write("note", "# from a file\n");
    let mut command = sandbox.pipe_command(["runs", "note", "better", "-"]);
    command.stdin(std::fs::File::open(sandbox.path("note")).unwrap());
    sandbox.finish(command).code(0);
    assert_eq!(sandbox.ok(["runs", "note", "better"]).stdout, "# from a file\n");
    sandbox.ok(["runs", "note", "better", ""]);
    assert_eq!(sandbox.ok(["runs", "note", "better"]).stdout, "");
}

#[test]
fn what_is_deleted_comes_back_until_it_is_collected() {
    let sandbox = Sandbox::new();
    for (name, acc) in [("a", "0.1"), ("b", "0.2"), ("c", "0.9")] {
        started(&sandbox, name, acc);
    }
    sandbox.ok(["runs", "delete", "a", "-n"]).tells(&["Would delete 1 run."]);
    assert_eq!(names(&sandbox, &[]), ["a", "b", "c"]);
    sandbox.ok(["runs", "delete", "a"]);
    assert_eq!(
        (names(&sandbox, &[]), names(&sandbox, &["--deleted"])),
        (vec!["b".into(), "c".into()], vec!["a".into()])
    );
    for command in
        [&["runs", "show", "a"][..], &["runs", "rename", "a", "z"], &["log", "param", "x=1", "--run", "a"]]
    {
        sandbox.pipe(command).code(2).tells(&["run `a` (a) is deleted", "`pipe runs restore`"]);
    }
    sandbox.pipe(["runs", "restore", "b"]).code(2).tells(&["runs list --deleted"]);
    sandbox
        .pipe(["runs", "delete", "--where", "max(acc) < 0.5"])
        .code(1)
        .tells(&["nothing was changed", "-y"]);
    let said = sandbox.ok(["runs", "delete", "--filter", "metrics.acc < 0.5", "-y"]);
    assert!(said.stdout.contains(" b ") && !said.stdout.contains(" c "), "{}", said.stdout);
    assert_eq!(names(&sandbox, &[]), ["c"]);
    sandbox.ok(["runs", "restore", "a"]);
    assert_eq!(names(&sandbox, &[]), ["a", "c"]);
    sandbox.pipe(["runs", "delete"]).code(2);
    sandbox.pipe(["runs", "delete", "--filter", "acc ~ 'x'"]).code(2).tells(&["--where"]);

    sandbox.ok(["runs", "gc", "--older-than", "1h", "-n"]).tells(&["nothing deleted"]);
    let said = sandbox.ok(["runs", "gc", "-n"]).tells(&["Would remove 1 run for ever"]);
    assert!(said.stdout.contains(" b "), "{}", said.stdout);
    sandbox.pipe(["runs", "gc"]).code(1).tells(&["-y"]);
    assert_eq!(names(&sandbox, &["--deleted"]), ["b"]);
    sandbox.ok(["runs", "gc", "-y"]);
    assert_eq!(names(&sandbox, &["--deleted"]), [""; 0]);
    sandbox.ok(["runs", "gc", "-y"]).tells(&["nothing deleted"]);
}

#[test]
fn a_reproduction_goes_with_the_runs_of_its_stages_and_not_while_it_is_at_work() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: touch begun; while [ ! -e go ]; do sleep 0.02; done; echo 1 > out\n    outs: [out]\n",
    );
    let repro = sandbox.start(sandbox.pipe_command(["repro"]));
    sandbox.await_file("begun");
    crate::harness::await_that("the run is recorded", || sandbox.run_count() == 2);
    sandbox.pipe(["runs", "delete", "last"]).code(2).tells(&["is at work in process", "nothing was deleted"]);
    sandbox.pipe(["runs", "end", "last"]).code(2).tells(&["belongs to process"]);
    sandbox.write("go", "");
    repro.wait().code(0);
    sandbox.ok(["runs", "delete", "last"]).tells(&["Deleted 2 runs"]);
    assert_eq!(sandbox.run_count(), 0);
    sandbox.ok(["runs", "restore", "last"]).tells(&["Restored 2 runs"]);
    assert_eq!(sandbox.run_count(), 2);
}

#[test]
fn columns_and_filters_of_both_languages() {
    let sandbox = Sandbox::new();
    let run = started(&sandbox, "a", "0.9");
    sandbox.ok(["log", "metric", "acc", "0.3", "--step", "1", "--run", &run]);
    sandbox.ok(["log", "metric", "val/loss", "2", "--run", &run]);
    sandbox.ok(["log", "metric", "val/loss", "3", "--step", "4", "--run", &run]);
    started(&sandbox, "b", "0.5");
    let list = sandbox.json([
        "runs",
        "list",
        "--json",
        "--where",
        "name = 'a' or name ~ '^$'",
        "--columns",
        "best(acc),min(acc),last(acc),best(val/loss),datasets.name,end,experiment",
    ]);
    let row = &list[0];
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!((row["best(acc)"].as_f64(), row["min(acc)"].as_f64()), (Some(0.9), Some(0.3)));
    assert_eq!((row["metrics.acc"].as_f64(), row["best(val/loss)"].as_f64()), (Some(0.3), Some(2.0)));
    assert_eq!((&row["datasets.name"], row["experiment"].as_str()), (&Json::Null, Some("spirals")));
    assert!(!row["end"].is_null());
    assert_eq!(names(&sandbox, &["--filter", "metrics.acc < 0.4 AND attributes.run_name LIKE 'a%'"]), ["a"]);
    sandbox.pipe(["runs", "list", "--filter", "name = 'a' OR name = 'b'"]).code(2).tells(&["--where"]);
    sandbox.pipe(["runs", "list", "--columns", "best(x"]).code(2).tells(&["there is no column"]);
}

#[test]
fn name_and_parent_are_what_mlflow_calls_them() {
    let sandbox = Sandbox::new();
    let start = |name: &str| sandbox.ok(["runs", "start", "--name", name]).stdout.trim().to_owned();
    let (parent, run) = (start("parent"), start("child"));
    let named = |name: &str| {
        let filter = format!("tags.mlflow.runName = '{name}'");
        sandbox.json(["runs", "list", "--filter", &filter, "--json"]).as_array().unwrap().len()
    };
    sandbox.ok(["runs", "rename", &run, "renamed"]);
    assert_eq!((named("child"), named("renamed")), (0, 1));
    sandbox.ok(["runs", "tag", &run, "mlflow.runName=tagged"]);
    assert_eq!(sandbox.json(["runs", "show", &run, "--json"])["name"], "tagged");
    sandbox.ok(["log", "tag", "mlflow.runName=logged", "--run", &run]);
    assert_eq!((named("tagged"), named("logged")), (0, 1));
    let below = format!("parent = '{parent}'");
    let children = || sandbox.json(["runs", "list", "--where", &below, "--json"]).as_array().unwrap().len();
    sandbox.ok(["runs", "tag", &run, &format!("mlflow.parentRunId={parent}")]);
    assert_eq!(children(), 1);
    sandbox.ok(["runs", "tag", &run, "--delete", "mlflow.parentRunId"]);
    assert_eq!(children(), 0);
    sandbox.pipe(["runs", "tag", &run, "--delete", "mlflow.parentRunId"]).code(2).tells(&["has no tag"]);
}

#[test]
fn names_of_others_move_no_cursor() {
    let sandbox = Sandbox::new();
    let name = "a\nfake line\u{1b}[2J\u{1b}]0;title\u{7}\r\u{202e}";
    let run = sandbox.ok(["runs", "start", "--name", name]).stdout.trim().to_owned();
    sandbox.ok(["runs", "start", "--name", name]);
    sandbox.ok(["runs", "note", &run, "one\n\ttwo\u{1b}[2J"]);
    let commands: [&[&str]; 12] = [
        &["runs", "list"],
        &["runs", "list", "--md"],
        &["runs", "show", &run],
        &["runs", "show", name],
        &["runs", "note", &run],
        &["runs", "note", &run, "three"],
        &["runs", "tag", &run, "k=v"],
        &["runs", "compare", &run, "last"],
        &["runs", "logs", &run],
        &["runs", "end", &run],
        &["runs", "end", &run],
        &["runs", "rename", &run, "b\u{1b}[2J\nc"],
    ];
    for command in commands {
        let said = sandbox.pipe(command);
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(!all.is_empty(), "{command:?}");
        let is_plain = |c: char| c == '\n' || c == '\t' || !c.is_control() && c != '\u{202e}';
        assert!(all.chars().all(is_plain), "{command:?}: {all:?}");
        assert!(!all.lines().any(|line| line.starts_with("fake line")), "{command:?}: {all}");
    }
    // Programs get what was said, in a form that says it.
    assert_eq!(sandbox.json(["runs", "show", &run, "--json"])["name"], "b\u{1b}[2J\nc");
}

#[test]
fn a_name_stands_for_no_other_run() {
    let sandbox = Sandbox::new();
    let begin = |name: &str| sandbox.ok(["runs", "start", "--name", name]).stdout.trim().to_owned();
    let first = begin("last");
    let newest = begin("last~1");
    let id = |wanted: &str| {
        sandbox.json(["runs", "show", wanted, "--json"])["run_id"].as_str().unwrap().to_owned()
    };
    assert_eq!((id("last"), id("last~1")), (newest.clone(), first.clone()));
    // The last four digits of a run as the name of another: who deletes one of them says which.
    let digits = &first[28..];
    let named = begin(digits);
    // A third one may have them, too.
    sandbox.pipe(["runs", "delete", digits]).code(2).tells(&["could be ", " runs"]);
    // As many digits as lists show are an id, whatever somebody calls his run.
    let shown = &first[24..];
    begin(shown);
    assert_eq!((id(shown), id(&named)), (first, named));
}

#[test]
fn how_a_run_came_about_is_not_for_others_to_say() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: pipe log tag pipe.stage_key=x || pipe log tag pipe.better.loss=lower k=v\n    outs: []\n",
    );
    sandbox.ok(["repro"]);
    let run = sandbox.stage_run("a");
    assert_eq!(
        (run["tags"]["k"].as_str(), run["tags"]["pipe.better.loss"].as_str()),
        (Some("v"), Some("lower"))
    );
    assert_eq!(run["tags"]["pipe.stage_key"].as_str().unwrap().len(), 71, "{run:#}");
    let id = run["run_id"].as_str().unwrap();
    for refused in [
        &["runs", "tag", id, "pipe.script_run=x"][..],
        &["runs", "tag", id, "--delete", "pipe.exit_code"],
        &["runs", "start", "--tag", "pipe.stage=x"],
        &["log", "tag", "pipe.kind=repro", "--run", id],
    ] {
        sandbox.pipe(refused).code(2).tells(&["is for pipe itself to set"]);
    }
    assert_eq!(sandbox.stage_run("a")["tags"], run["tags"]);
}

#[test]
fn a_run_of_a_deleted_experiment_comes_back_with_it_and_stops_no_removal() {
    let served = crate::mlflow_tool::Served::start();
    let made = served.ok("experiments/create", serde_json::json!({"name": "flowers"}));
    for name in ["rose", "tulip"] {
        let body = serde_json::json!({"experiment_id": made["experiment_id"], "run_name": name});
        served.ok("runs/create", body);
    }
    let delete =
        || served.ok("experiments/delete", serde_json::json!({"experiment_id": made["experiment_id"]}));
    delete();
    let sandbox = &served.sandbox;
    let said = sandbox.ok(["runs", "gc", "-n"]).tells(&["Would remove 1 experiment, 2 runs for ever"]);
    assert!(said.stdout.contains("rose") && said.stdout.contains("tulip"), "{}", said.stdout);
    // A client restores a run alone: the rest goes, and the experiment stays as it is.
    let id =
        sandbox.json(["runs", "list", "--deleted", "--json", "--columns", "id", "--where", "name = 'rose'"]);
    served.ok("runs/restore", serde_json::json!({"run_id": id[0]["id"]}));
    sandbox.ok(["runs", "gc", "-n"]).tells(&["Would remove 1 run for ever"]);
    served.ok("experiments/restore", serde_json::json!({"experiment_id": made["experiment_id"]}));
    delete();
    sandbox.ok(["runs", "restore", "rose"]).tells(&["Restored 1 run.", "Restored experiment `flowers` too"]);
    assert_eq!(names(sandbox, &["--experiment", "flowers"]), ["rose"]);
    sandbox.ok(["runs", "gc", "-y"]).tells(&["Removed 1 run;"]);
    assert_eq!(names(sandbox, &[]), ["rose"]);
}

#[test]
fn experiments_are_listed_renamed_deleted_and_restored() {
    let sandbox = Sandbox::without_git();
    sandbox.ok(["runs", "start", "--name", "a", "--experiment", "old"]);
    let gone = sandbox.ok(["runs", "start", "--name", "b", "--experiment", "old"]).stdout;
    sandbox.ok(["runs", "delete", gone.trim()]);
    sandbox.ok(["runs", "start", "--name", "c"]);
    let list = |arguments: &[&str]| {
        let found = sandbox.json([&["experiments", "list", "--json"], arguments].concat());
        let shown = found.as_array().unwrap().iter();
        shown
            .map(|known| {
                let [id, name, lifecycle, runs] = ["id", "name", "lifecycle", "runs"].map(|key| &known[key]);
                format!("{id} {} {} {runs}", name.as_str().unwrap(), lifecycle.as_str().unwrap())
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(list(&[]), ["0 Default active 1", "1 old active 1"]);
    let dates = sandbox.json(["experiments", "list", "--json"]);
    assert!(dates[0]["created"].is_null() && dates[0]["updated"].is_null(), "nobody made it: {dates}");
    assert!(dates[1]["created"].is_string() && dates[1]["updated"].is_string(), "{dates}");
    sandbox.ok(["experiments", "rename", "old", "new"]);
    sandbox.pipe(["experiments", "rename", "new", "Default"]).code(2).tells(&["exists already"]);
    sandbox.pipe(["experiments", "delete", "0"]).code(2).tells(&["cannot be deleted"]);
    sandbox.pipe(["experiments", "delete", "old"]).code(2).tells(&["there is no experiment `old`"]);
    sandbox.pipe(["experiments", "restore", "new"]).code(2).tells(&["experiment `new` is not deleted"]);
    sandbox.pipe(["runs", "restore", "a"]).code(2).tells(&["error: run `a` is not deleted"]);
    let said = sandbox.ok(["experiments", "delete", "new"]);
    said.tells(&["Deleted experiment `new` with 1 run; `pipe experiments restore 1` brings it back."]);
    assert_eq!(list(&[]), ["0 Default active 1"]);
    assert_eq!(list(&["--all"]), ["0 Default active 1", "1 new deleted 2"]);
    sandbox.pipe(["experiments", "delete", "new"]).code(2).tells(&["hint: `pipe experiments restore new`"]);
    // Its name is free, and another one takes it.
    sandbox.ok(["runs", "start", "--experiment", "new"]);
    sandbox
        .pipe(["experiments", "restore", "1"])
        .code(2)
        .tells(&["another experiment has the name `new` now"]);
    sandbox.ok(["experiments", "delete", "new"]);
    let several = sandbox.pipe(["experiments", "restore", "new"]).code(2);
    several.tells(&["several deleted experiments", "name one by its number: 1, 2"]);
    let said = sandbox.ok(["experiments", "restore", "1"]);
    said.tells(&["Restored experiment `new` with 1 run; 1 run that had been deleted before stays so."]);
    assert_eq!(list(&["--deleted"]), ["2 new deleted 1"]);
    // What goes for ever is shown whole.
    sandbox.write("net.bin", "x");
    sandbox.ok(["log", "model", "net.bin", "--run", "a"]);
    sandbox.ok(["experiments", "delete", "1"]);
    let said = sandbox.ok(["runs", "gc", "-n"]);
    said.tells(&["Would remove 2 experiments, 3 runs, 1 logged model for ever."]);
    // Of a run at work.
    let process = std::process::id().to_string();
    sandbox.ok(["runs", "start", "--experiment", "busy", "--process", &process]);
    sandbox
        .pipe(["experiments", "delete", "busy"])
        .code(2)
        .tells(&["is at work in process", "nothing was deleted"]);
    sandbox.ok(["runs", "start", "--experiment", "two words"]);
    sandbox.ok(["experiments", "delete", "two words"]);
    sandbox
        .pipe(["experiments", "delete", "two words"])
        .code(2)
        .tells(&["hint: `pipe experiments restore 'two words'`"]);
}
