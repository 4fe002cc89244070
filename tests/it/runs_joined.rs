//! The run of a stage and the only run of its script are one, for every command and on every page.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::harness::Sandbox;
use crate::mlflow_tool::{Mlflow, Served};

/// A pipeline whose stage runs a part of `tests/mlflow/stage.py`.
fn pipeline(part: &str) -> Sandbox {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mlflow/stage.py");
    let python = Mlflow::Newest.python();
    let cmd = format!("{} {} {part}", python.display(), script.display());
    let sandbox = Sandbox::with_pipeline(&format!("stages:\n  train:\n    cmd: {cmd}\n    params: [lr]\n"));
    sandbox.write("params.yaml", "lr: 0.001\n");
    sandbox
}

fn command(sandbox: &Sandbox) -> std::process::Command {
    let mut command = sandbox.pipe_command(["repro"]);
    command.env("MLFLOW_DISABLE_TELEMETRY", "true").env("DO_NOT_TRACK", "1");
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("GIT_PYTHON_REFRESH", "quiet");
    command
}

/// The ids of a stage's run and of its script's.
fn pair(sandbox: &Sandbox) -> (String, String) {
    let filter = "tags.pipe.kind = 'stage'";
    let list = sandbox.json(["runs", "list", "--json", "-n", "1", "--columns", "id", "--where", filter]);
    let run = sandbox.json(["runs", "show", "--json", list[0]["id"].as_str().unwrap()]);
    let text = |key: &str| run[key].as_str().unwrap_or_else(|| panic!("{key} of {run:#}")).to_owned();
    (text("run_id"), text("script_run"))
}

fn names(sandbox: &Sandbox, arguments: &[&str]) -> Vec<String> {
    let fixed = ["runs", "list", "--json", "--columns", "name", "--sort", "name"];
    let list = sandbox.json(fixed.iter().chain(arguments));
    list.as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_script_with_a_model_is_one_run_everywhere() {
    let sandbox = pipeline("models net");
    let said = sandbox.finish(command(&sandbox));
    assert_eq!(said.code_of(), Some(0), "{}\n{}", said.stdout, said.stderr);
    let (stage, script) = pair(&sandbox);
    // Filters look at what either has, and either id names the one.
    for filter in [
        "params.lr = 0.001 and params.size = 10 and metrics.acc > 0.2",
        "tags.pipe.kind = 'stage' and experiment = 'flowers' and status = 'FINISHED'",
        &format!("id = '{}' and params.lr = 0.001", &script[24..]),
        &format!("id = '{stage}' and params.size = 10"),
        "name = 'of the script' and tags.pipe.kind = 'stage'",
    ] {
        assert_eq!(names(&sandbox, &["--where", filter]), ["train"], "{filter}");
    }
    assert_eq!(names(&sandbox, &["--experiment", "flowers"]), ["inner", "train"]);
    assert_eq!(names(&sandbox, &["--filter", "params.size = '10' AND params.lr = '0.001'"]), ["train"]);
    for parent in [&stage, &script] {
        let filter = format!("parent = '{parent}'");
        let list = sandbox.json(["runs", "list", "--json", "--columns", "name,parent", "--where", &filter]);
        assert_eq!(list, json!([{"name": "inner", "parent": stage}]));
    }
    assert_eq!(names(&sandbox, &["--filter", "attributes.run_name = 'of the script'"]), ["train"]);
    // On a terminal the line that names the script's run is wrapped.
    let mut terminal = sandbox.program("script");
    let shown = format!("stty rows 24 cols 60; {} runs show {stage}", env!("CARGO_BIN_EXE_pipe"));
    terminal.args(["-q", "-e", "-c", &shown, "/dev/null"]).env("TERM", "xterm");
    let text = sandbox.finish(terminal).code(0).stdout;
    let mut lines =
        text.lines().skip_while(|line| !line.starts_with("its script logged run")).map(str::trim_end);
    let (line, rest) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    assert!((1..=60).contains(&line.len()) && rest.starts_with("  ") && rest.ends_with("flowers"), "{text}");
    // The registry names the run that lists show.
    let version = sandbox.json(["models", "show", "iris-net/1", "--json"]);
    assert_eq!((&version["run_id"], &version["script_run"]), (&json!(stage), &json!(script)));
    assert!(sandbox.ok(["models", "show", "iris-net"]).stdout.contains(&stage[24..]));
    // A run lists what it made.
    sandbox.ok(["models", "alias", "iris-net/1", "champion"]);
    let text = sandbox.ok(["runs", "show", &script]).stdout;
    let model = version["model_id"].as_str().unwrap();
    let row = text.lines().find(|line| line.starts_with("iris-net/1 ")).unwrap_or_else(|| panic!("{text}"));
    assert!(row.contains("champion") && row.contains(" net ") && row.ends_with(model), "{row}");
    let shown = sandbox.json(["runs", "show", &stage, "--json"]);
    assert_eq!(shown["logged_models"][0]["model_id"], model);
    let versions = &shown["model_versions"];
    assert_eq!(versions[0]["aliases"], json!(["champion"]));
    assert_eq!((&versions[0]["name"], &versions[0]["version"]), (&json!("iris-net"), &json!(1)));
    // Models are found from any run above them.
    for (number, run) in ["last", &stage[24..], &script].into_iter().enumerate() {
        let rule = ["--if", "metrics.acc > 0.2"];
        let register = ["models", "register", "again", "--run", run, "--json"];
        let made = sandbox.json(register.iter().chain(&rule));
        assert_eq!(made["version"], json!(number + 1), "{run}");
        let version = sandbox.json(["models", "show", "again/latest", "--json"]);
        assert_eq!((&version["model_id"], &version["run_id"]), (&json!(model), &json!(stage)));
    }
    // Marks of the script go by either id, too.
    sandbox.ok(["runs", "tag", &script, "mine=1"]);
    assert_eq!(sandbox.json(["runs", "show", &stage, "--json"])["tags"]["mine"], "1");
    assert_eq!(sandbox.ok(["runs", "note", &stage]).stdout, "from the script\n");
    sandbox.ok(["runs", "note", &stage, ""]);
    sandbox.ok(["runs", "note", &script]).tells(&["has no note"]);

    // Pages show the one, too.
    let served = Served::with(sandbox, &["--no-token"]);
    let page = |path: &str| {
        let answer = served.get(path);
        assert_eq!(answer.status, 200, "{path}");
        answer.text()
    };
    let home = page("/");
    assert!(home.contains(&format!("/runs/{stage}")) && !home.contains(&format!("/runs/{script}")), "{home}");
    let run = page(&format!("/runs/{script}"));
    for part in [&stage, &script, "0.841234567", "123456", "iris-net/1", "champion", model, "lr", "inner"] {
        assert!(run.contains(part), "{part} in {run}");
    }
    // A version of the script's run is one of the stage's.
    for path in ["/models/iris-net", "/models/iris-net/versions/1"] {
        let text = page(path);
        assert!(text.contains(&format!("/runs/{stage}")) && !text.contains(&script), "{path}: {text}");
    }
    let version = page("/models/iris-net/versions/1");
    for part in [model, "0.841234567", ">size<", ">lr<", ">MLmodel<", "@champion"] {
        assert!(version.contains(part), "{part} in {version}");
    }
    // Files of a logged model are there whether it is registered or not, and a browser shows texts.
    let files =
        format!("/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files?artifact_file_path=MLmodel");
    let text = page(&format!("/runs/{stage}"));
    assert!(text.contains(&files), "{text}");
    let file = served.get(&files);
    assert!(file.header("content-disposition").starts_with("inline"), "{file:?}");
    assert_eq!(file.header("content-security-policy"), "default-src 'none'; sandbox");
    let experiments = served.ok("experiments/search", json!({"max_results": 10}));
    let all = experiments["experiments"].as_array().unwrap();
    let flowers = all.iter().find(|one| one["name"] == "flowers").unwrap()["experiment_id"].as_str().unwrap();
    let listed = page(&format!("/experiments/{flowers}?filter=params.lr+%3D+0.001+and+params.size+%3D+10"));
    assert!(listed.contains(&format!("/runs/{stage}")), "{listed}");
    let (sandbox, said) = served.end("INT");
    said.code(0);

    // Both go and both come back, as one.
    sandbox.ok(["runs", "delete", &script]).tells(&["Deleted 2 runs;"]);
    assert_eq!(names(&sandbox, &["--deleted"]), ["inner", "train"]);
    assert_eq!(
        names(&sandbox, &["--deleted", "--where", "params.size = 10 and params.lr = 0.001"]),
        ["train"]
    );
    let gone = sandbox.ok(["runs", "gc", "-n"]).tells(&["Would remove 2 runs for ever."]).stdout;
    assert!(gone.contains(&stage[24..]) && !gone.contains(&script[24..]), "{gone}");
    sandbox.ok(["runs", "restore", &stage[24..]]).tells(&["Restored 2 runs."]);
    assert_eq!(names(&sandbox, &[]), ["inner", "repro", "train"]);

    // The champion is judged by what the one has, though its version is of the script's run.
    sandbox.ok(["log", "metric", "judged", "0.9", "--run", &stage]);
    let other = sandbox.ok(["runs", "start", "--name", "other"]).stdout.trim().to_owned();
    sandbox.write("other-model", "bytes");
    sandbox.ok(["log", "artifact", "other-model", "--as", "model", "--run", &other]);
    let rule = ["--if-better-than", "champion", "--metric", "judged"];
    for (value, code) in [("0.5", 1), ("0.95", 0)] {
        sandbox.ok(["log", "metric", "judged", value, "--run", &other]);
        let register = ["models", "register", "iris-net", "--run", &other];
        sandbox.pipe(register.iter().chain(&rule)).code(code);
    }
}

#[test]
fn of_several_models_none_is_guessed() {
    let sandbox = pipeline("models net,tree");
    sandbox.finish(command(&sandbox)).code(0);
    let (stage, script) = pair(&sandbox);
    for run in ["last", &stage, &script] {
        let said = sandbox.pipe(["models", "register", "any", "--run", run]).code(2);
        said.tells(&["2 logged models could be meant: net (m-", "tree (m-", "`--path`"]);
    }
    sandbox.ok(["models", "register", "any", "--run", "last", "--path", "tree"]);
    let version = sandbox.json(["models", "show", "any/1", "--json"]);
    let models = sandbox.json(["runs", "show", &stage, "--json"])["logged_models"].clone();
    let id = |name: &str| -> Json {
        let found = models.as_array().unwrap().iter().find(|model| model["name"] == name);
        found.unwrap_or_else(|| panic!("{name} in {models}"))["model_id"].clone()
    };
    assert_eq!(version["model_id"], id("tree"));
    sandbox.ok(["models", "register", "any", "--run", &stage, "--path", id("net").as_str().unwrap()]);
    assert_eq!(sandbox.json(["models", "show", "any/2", "--json"])["model_id"], id("net"));
}

#[test]
fn a_restore_is_where_its_script_was_with_what_that_logged() {
    let sandbox = pipeline("models net");
    sandbox.edit("pipeline.yaml", "models net\n", "models net && echo done > out\n    outs: [out]\n");
    sandbox.finish(command(&sandbox)).code(0);
    let (stage, _) = pair(&sandbox);
    sandbox.remove("out");
    sandbox.ok(["repro"]).tells(&["Restored train"]);
    let columns = "restored_from,experiment,params.size,params.lr,metrics.acc,status";
    let filter = "status = 'restored' and metrics.acc > 0.2 and experiment = 'flowers'";
    let list = sandbox.json(["runs", "list", "--json", "--columns", columns, "--where", filter]);
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    assert_eq!(
        (&list[0]["restored_from"], &list[0]["params.size"], &list[0]["params.lr"]),
        (&json!(stage), &json!(10), &json!(0.001))
    );
}

#[test]
fn they_go_and_come_back_with_the_experiment_of_the_script() {
    let sandbox = pipeline("models net");
    sandbox.finish(command(&sandbox)).code(0);
    let (stage, _) = pair(&sandbox);
    let counts = || {
        let list = sandbox.json(["experiments", "list", "--json", "--all"]);
        let of = |run: &Json| (run["name"].as_str().unwrap().to_owned(), run["runs"].as_i64().unwrap());
        list.as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let (whole, all) = (counts(), names(&sandbox, &[]));
    assert_eq!(whole, [("Default".to_owned(), 1), ("flowers".to_owned(), 2)]);
    let said = sandbox.ok(["experiments", "delete", "flowers"]);
    said.tells(&["Deleted experiment `flowers` with 2 runs"]);
    assert_eq!((names(&sandbox, &[]), counts()), (vec!["repro".to_owned()], whole.clone()));
    let said = sandbox.ok(["experiments", "restore", "flowers"]);
    said.tells(&["Restored experiment `flowers` with 2 runs."]);
    assert_eq!((names(&sandbox, &[]), counts()), (all.clone(), whole));
    assert_eq!(sandbox.json(["runs", "show", &stage, "--json"])["experiment"], "flowers");
    // Those that were deleted on their own before stay so, both of them.
    sandbox.ok(["runs", "delete", &stage]);
    sandbox.ok(["experiments", "delete", "flowers"]);
    let said = sandbox.ok(["experiments", "restore", "flowers"]);
    said.tells(&["Restored experiment `flowers` with 0 runs; 2 runs that had been deleted before stay so."]);
    assert_eq!(names(&sandbox, &[]), ["repro"]);
    sandbox.ok(["runs", "restore", &stage]);
    assert_eq!(names(&sandbox, &[]), all);
    // A client's own deletion is MLflow's: it takes what is in the experiment.
    let served = Served::with(sandbox, &["--no-token"]);
    let id = |name: &str| {
        let found = served.get(&format!("/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}"));
        found.json()["experiment"]["experiment_id"].clone()
    };
    let flowers = id("flowers");
    served.ok("experiments/delete", json!({"experiment_id": flowers}));
    let run = |id: &str| served.get(&format!("/api/2.0/mlflow/runs/get?run_id={id}")).json();
    assert_eq!(run(&stage)["run"]["info"]["lifecycle_stage"], "active");
    served.ok("experiments/restore", json!({"experiment_id": flowers}));
    assert!(served.get(&format!("/runs/{stage}")).text().contains("of the script"));
}

#[test]
fn after_a_kill_they_are_one_as_well() {
    let sandbox = pipeline("waits ready");
    let running = sandbox.start(command(&sandbox));
    sandbox.await_file("ready");
    running.signal("KILL");
    running.wait();
    assert_eq!(names(&sandbox, &[]), ["repro", "train"]);
    let (_, script) = pair(&sandbox);
    let run = sandbox.json(["runs", "show", &script, "--json"]);
    assert_eq!((&run["status"], &run["metrics"]["loss"][0]["value"]), (&json!("KILLED"), &json!(1.0)));
}

#[test]
fn what_both_have_otherwise_is_found_and_told_of_both() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mlflow/both.py");
    let (python, pipe) = (Mlflow::Newest.python(), env!("CARGO_BIN_EXE_pipe"));
    let cmd = format!("{} {} {pipe}", python.display(), script.display());
    let sandbox = Sandbox::with_pipeline(&format!("stages:\n  train:\n    cmd: {cmd}\n    params: [lr]\n"));
    for lr in ["0.1", "0.2"] {
        sandbox.write("params.yaml", format!("lr: {lr}\n"));
        let said = sandbox.finish(command(&sandbox));
        assert_eq!(said.code_of(), Some(0), "{}\n{}", said.stdout, said.stderr);
    }
    let of_stage = "tags.pipe.kind = 'stage'";
    for filter in
        ["params.lr = 0.5", "params.lr = 0.1 or params.lr = 0.2", "metrics.acc = 0.4", "metrics.acc = 0.9"]
    {
        let filter = format!("({filter}) and {of_stage}");
        assert_eq!(names(&sandbox, &["--where", &filter]), ["train", "train"], "{filter}");
    }
    assert_eq!(names(&sandbox, &["--where", "params.lr = '0.1'"]), ["train"]);
    let list = sandbox.ok(["runs", "list", "--where", of_stage, "--columns", "name,params.lr,metrics.acc"]);
    assert!(
        list.stdout.contains("0.5, 0.1 (stage)") && list.stdout.contains("0.9, 0.4 (stage)"),
        "{}",
        list.stdout
    );
    let ids = sandbox.json(["runs", "list", "--json", "--columns", "id", "--where", of_stage]);
    let id = |at: usize| ids[at]["id"].as_str().unwrap().to_owned();
    let said = sandbox.ok(["runs", "compare", &id(0), &id(1)]).stdout;
    let row =
        said.lines().find(|line| line.contains("params.lr (stage)")).unwrap_or_else(|| panic!("{said}"));
    assert!(row.contains("0.1") && row.contains("0.2"), "{row}");
    // Where a stage has none, that of its script is not taken for it; where the stage has it alone, it is the stage's.
    let cmd = format!("{} {} {pipe}", python.display(), script.display());
    sandbox.write(
        "pipeline.yaml",
        format!("stages:\n  bare:\n    cmd: {cmd}\n  plain:\n    cmd: 'true'\n    params: [lr]\n"),
    );
    sandbox.finish(command(&sandbox)).code(0);
    let rows = |name: &str| {
        let filter = format!("name = '{name}' and tags.pipe.kind = 'stage'");
        let found = sandbox.json(["runs", "list", "--json", "--columns", "id", "--where", &filter]);
        let compare = ["runs", "compare", &id(0), found[0]["id"].as_str().unwrap(), "--json"];
        let rows = sandbox.json(compare);
        let row = |field: &str| rows.as_array().unwrap().iter().find(|row| row["field"] == field).cloned();
        ["params.lr", "params.lr (stage)"].map(|field| {
            let row = row(field).unwrap_or_else(|| panic!("{field}: {rows}"));
            let cells = row.as_object().unwrap().iter().filter(|(name, _)| *name != "field");
            cells.map(|(_, cell)| cell.clone()).collect::<Vec<_>>()
        })
    };
    let (script_has, stage_has) = (json!(0.5), json!(0.2));
    let mut bare = rows("bare");
    bare[1].sort_by_key(Json::is_null);
    assert_eq!(bare, [vec![script_has.clone(), script_has], vec![stage_has.clone(), Json::Null]]);
    assert_eq!(rows("plain")[1], [stage_has.clone(), stage_has]);
    let said = sandbox.ok(["runs", "show", &id(1)]).stdout;
    for part in ["lr (stage)", "acc (stage)", "note.txt (stage)"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let shown = sandbox.json(["runs", "show", &id(1), "--json"]);
    assert_eq!((&shown["params"]["lr"], &shown["stage_params"]["lr"]), (&json!("0.5"), &json!("0.1")));
    assert_eq!(shown["stage_metrics"]["acc"][0]["value"], json!(0.4));
    // Of files that both have, the script's count.
    sandbox.ok(["models", "register", "noted", "--run", &id(0), "--path", "note.txt"]);
    sandbox.ok(["models", "download", "noted"]);
    assert_eq!(sandbox.read("noted/note.txt"), "the script's");
    sandbox.ok(["runs", "download", &id(0), "-o", "all"]);
    assert_eq!(
        (sandbox.read("all/note.txt"), sandbox.read("all/deep/own.txt")),
        ("the script's".into(), "alone".into())
    );
}

#[test]
fn a_file_of_the_one_and_a_folder_of_the_other_lie_apart() {
    let (pipe, python) = (env!("CARGO_BIN_EXE_pipe"), Mlflow::Newest.python());
    let sandbox = Sandbox::with_pipeline(&format!(
        "stages:\n  train:\n    cmd: |\n      echo stage > file; echo own > own\n      {pipe} log artifact file --as x\n      \
         {pipe} log artifact file --as y/z\n      {pipe} log artifact own --as 'x (stage)'\n      {} script.py\n",
        python.display()
    ));
    let script = "import mlflow\nwith mlflow.start_run():\n  \
                  mlflow.log_text('script', 'x/y')\n  mlflow.log_text('script', 'y')\n  \
                  mlflow.log_text('own', 'y (stage)/own')\n";
    sandbox.write("script.py", script);
    sandbox.finish(command(&sandbox)).code(0);
    let (stage, _) = pair(&sandbox);
    let said = sandbox.ok(["runs", "download", &stage, "-o", "all"]);
    said.tells(&["`x` of the stage is called `x (stage 2)` there", "`y (stage 2)`"]);
    for (path, text) in [
        ("all/x (stage 2)", "stage"),
        ("all/x (stage)", "own"),
        ("all/x/y", "script"),
        ("all/y", "script"),
        ("all/y (stage 2)/z", "stage"),
        ("all/y (stage)/own", "own"),
    ] {
        assert_eq!(sandbox.read(path).trim(), text, "{path}");
    }
    sandbox.ok(["runs", "download", &stage, "x", "-o", "one"]);
    assert_eq!(sandbox.read("one/x (stage)").trim(), "stage");
    assert_eq!(sandbox.read("one/x/y").trim(), "script");
}
