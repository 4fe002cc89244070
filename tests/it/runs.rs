//! `pipe runs`: what was recorded, and finding it again.

use serde_json::{Value as Json, json};

use crate::harness::{Sandbox, snapshot};

const PIPELINE: &str = "\
stages:
  train:
    cmd: echo to stdout; echo to stderr >&2; echo \"{\\\"acc\\\":${acc}, \\\"deep\\\":{\\\"loss\\\":1}}\" > metrics.json; cp input model
    deps: [input]
    params: [acc, seed, {other.toml: [x]}]
    outs: [model]
    metrics: [metrics.json]
";

fn three_runs() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    sandbox.write("input", "1");
    sandbox.write("other.toml", "x = 1");
    for (acc, seed) in [("0.5", "1"), ("0.75", "42"), ("0.25", "42")] {
        sandbox.write("params.yaml", format!("acc: {acc}\nseed: {seed}\n"));
        sandbox.ok(["repro"]);
        sandbox.commit("next");
    }
    sandbox
}

fn accuracies(sandbox: &Sandbox, arguments: &[&str]) -> Vec<f64> {
    let fixed = ["runs", "list", "--json", "--columns", "metrics.acc"];
    let list = sandbox.json(fixed.iter().chain(arguments));
    list.as_array().unwrap().iter().filter_map(|run| run["metrics.acc"].as_f64()).collect()
}

#[test]
fn lists_filters_sorts_and_chooses_columns() {
    let sandbox = three_runs();
    assert_eq!(accuracies(&sandbox, &[]), [0.25, 0.75, 0.5], "newest first");
    assert_eq!(accuracies(&sandbox, &["--sort", "metrics.acc desc"]), [0.75, 0.5, 0.25]);
    assert_eq!(
        accuracies(&sandbox, &["--sort", "params.seed asc", "--sort", "metrics.acc"]),
        [0.5, 0.25, 0.75]
    );
    assert_eq!(accuracies(&sandbox, &["--where", "metrics.acc > 0.3 and params.seed = 42"]), [0.75]);
    assert_eq!(
        accuracies(&sandbox, &["--where", "status = 'FINISHED' and metrics.acc <= 0.5", "-n", "1"]),
        [0.25]
    );
    assert_eq!(
        accuracies(&sandbox, &["--where", "best(acc) ~ '^0[.].5$' or max(acc) in (0.5)"]),
        [0.25, 0.75, 0.5]
    );
    assert_eq!(
        accuracies(&sandbox, &["--where", "stage !~ 'eval' and min(acc) < 0.6", "--sort", "min(acc)"]),
        [0.25, 0.5]
    );
    assert_eq!(accuracies(&sandbox, &["--where", "datasets.name = 'iris'"]), [0.0; 0]);
    // A time is found as lists show it.
    assert_eq!(accuracies(&sandbox, &["--where", r"start ~ '^20\d\d-\d\d-\d\d \d\d:'"]).len(), 3);
    let said = sandbox.ok([
        "runs",
        "list",
        "--where",
        "metrics.acc > 0",
        "--columns",
        "stage,status,params.seed,metrics.acc",
    ]);
    snapshot!(said, @"
    exit: 0
    --- stdout
    stage  status    params.seed  metrics.acc
    train  FINISHED           42         0.25
    train  FINISHED           42         0.75
    train  FINISHED            1          0.5
    ");
    assert_eq!(sandbox.run_count(), 6);
    assert_eq!(sandbox.json(["runs", "list", "--top", "--json"]).as_array().unwrap().len(), 3);
    assert_eq!(sandbox.ok(["runs", "list", "--csv"]).stdout.lines().count(), 7);
    assert!(sandbox.ok(["runs", "list", "--md", "-n", "2"]).stdout.starts_with("| id |"));
}

#[test]
fn shows_everything_about_a_run() {
    let sandbox = three_runs();
    let run = sandbox.stage_run("train");
    assert_eq!(run["status"], "FINISHED");
    assert_eq!(run["params"], json!({"acc": "0.25", "seed": "42", "other.toml:x": "1"}));
    assert_eq!(run["metrics"]["acc"][0]["value"], 0.25);
    assert_eq!(run["metrics"]["deep.loss"][0]["value"], 1.0);
    let tags = &run["tags"];
    assert_eq!(tags["git.commit"].as_str().unwrap(), sandbox.git(["rev-parse", "HEAD~1"]).trim());
    assert_eq!(tags["git.dirty"], "true");
    assert_eq!((&tags["pipe.stage"], &tags["pipe.exit_code"]), (&json!("train"), &json!("0")));
    assert!(tags["pipe.command"].as_str().unwrap().contains("cp input model"));
    assert!(tags["pipe.reasons"].as_str().unwrap().contains("params.yaml:acc changed: 0.75 -> 0.25"));
    for key in ["pipe.host", "pipe.version", "pipe.stage_key", "pipe.duration_ms"] {
        assert!(tags[key].is_string(), "{key} is not in {tags:#}");
    }
    let paths = |key: &str| -> Vec<String> {
        run[key].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (paths("inputs"), paths("outs")),
        (vec!["input".into()], vec!["metrics.json".into(), "model".into()])
    );
    assert_eq!(paths("artifacts"), ["stderr.log", "stdout.log"]);
    assert!(run["end_time"].as_i64().unwrap() >= run["start_time"].as_i64().unwrap());
    let parent = sandbox.json(["runs", "show", "--json", run["parent"].as_str().unwrap()]);
    assert_eq!(parent["children"], json!([run["run_id"]]));
    assert_eq!(
        (&parent["status"], &parent["tags"]["pipe.command"]),
        (&json!("FINISHED"), &json!("pipe repro"))
    );
    assert!(
        parent["start_time"].as_i64() <= run["start_time"].as_i64(),
        "a reproduction starts before its stages"
    );
    assert!(parent["end_time"].as_i64() >= run["end_time"].as_i64());
    let text = sandbox.ok(["runs", "show", run["run_id"].as_str().unwrap()]).stdout;
    for section in ["\nParams\n", "\nMetrics\n", "\nInputs\n", "\nOuts\n", "\nArtifacts\n", "\nTags\n"] {
        assert!(text.contains(section), "no {section:?} in\n{text}");
    }
    assert!(text.contains("\npipe.reasons ") && !text.contains("\npipe.host "), "{text}");
    let said = sandbox
        .ok(["runs", "show", "last"])
        .tells(&[" tags of pipe and MLflow not shown; --all shows them."]);
    assert!(said.stdout.contains("\npipe.command ") && !said.stdout.contains("\npipe.version "), "{said:?}");
    assert!(sandbox.ok(["runs", "show", "last", "--all"]).stdout.contains("\npipe.version "));
}

#[test]
fn runs_are_found_by_part_of_their_id_and_by_name() {
    let sandbox = three_runs();
    let run = sandbox.stage_run("train");
    let id = run["run_id"].as_str().unwrap();
    let parent = run["parent_run_id"].as_str().or(run["parent"].as_str()).unwrap_or_default();
    // Runs of one moment differ in their last digits alone.
    let common = id.chars().zip(parent.chars()).take_while(|(a, b)| a == b).count();
    for wanted in [&id[24..], &id[..(common + 1).max(20)]] {
        assert_eq!(sandbox.json(["runs", "show", "--json", wanted])["run_id"], run["run_id"]);
    }
    sandbox.pipe(["runs", "show", "ffffffff"]).code(2).tells(&["ffffffff"]);
    sandbox.pipe(["runs", "show", "01"]).code(2).tells(&["01"]);
}

#[test]
fn logs_are_those_of_the_command() {
    let sandbox = three_runs();
    let id = sandbox.stage_run("train")["run_id"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.ok(["runs", "logs", &id]).stdout, "to stdout\nto stderr\n");
    assert_eq!(sandbox.ok(["runs", "logs", "--stdout", &id]).stdout, "to stdout\n");
    assert_eq!(sandbox.ok(["runs", "logs", "--stderr", &id]).stdout, "to stderr\n");
}

#[test]
fn compare_shows_what_differs_first() {
    let sandbox = three_runs();
    let list = sandbox.json([
        "runs",
        "list",
        "--json",
        "--columns",
        "id",
        "--where",
        "metrics.acc > 0",
        "--sort",
        "start",
    ]);
    let ids: Vec<&str> = list.as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap()).collect();
    let rows = sandbox.json(["runs", "compare", "--json", ids[0], ids[1]]);
    let field = |row: &Json| row["field"].as_str().unwrap().to_owned();
    let fields: Vec<String> = rows.as_array().unwrap().iter().map(field).collect();
    let place = |name: &str| {
        fields.iter().position(|field| field == name).unwrap_or_else(|| panic!("{name} in {fields:?}"))
    };
    for (different, equal) in [
        ("metrics.acc", "metrics.deep.loss"),
        ("params.seed", "params.other.toml:x"),
        ("tags.pipe.command", "tags.pipe.host"),
    ] {
        assert!(place(different) < place(equal), "{different} comes before {equal}: {fields:?}");
    }
    let last = &fields[fields.len() - 1..];
    let volatile = place("tags.pipe.reasons") < place("start") || last[0] == "start";
    assert!(volatile, "what always differs comes after what tells something: {fields:?}");
    let said = sandbox.ok(["runs", "compare", ids[0], ids[1]]).tells(&[" equal rows; --all shows them."]);
    assert!(said.stdout.contains("\nmetrics.acc ") && !said.stdout.contains("metrics.deep.loss"), "{said:?}");
    let all = sandbox.ok(["runs", "compare", "--all", ids[0], ids[1]]).stdout;
    assert!(all.contains("\n* metrics.acc ") && all.contains("\n  metrics.deep.loss "), "{all}");
    // The tags by which pipe keeps its books are for who asks; what ran and why is for all.
    assert!(
        said.stdout.contains("\ntags.pipe.command ") && !said.stdout.contains("pipe.stage_key"),
        "{said:?}"
    );
    assert!(all.contains(" tags.pipe.stage_key ") && all.contains(" tags.pipe.host "), "{all}");
    let changed = sandbox.json(["runs", "compare", "--changed", "--json", ids[0], ids[1]]);
    assert!(changed.as_array().unwrap().iter().all(|row| field(row) != "metrics.deep.loss"), "{changed}");
    sandbox.pipe(["runs", "compare", ids[0]]).code(2);
}

#[test]
fn compare_is_readable_with_long_values() {
    let long = "x".repeat(2000);
    let sandbox = Sandbox::with_pipeline(&format!(
        "stages:\n  a:\n    cmd: 'true {long} ${{end}} {long}'\n    params: [end]\n"
    ));
    for end in ["first", "second"] {
        sandbox.write("params.yaml", format!("end: {end}\n"));
        sandbox.ok(["repro"]);
    }
    let list = sandbox.json(["runs", "list", "--json", "--where", "stage = 'a'", "--columns", "id"]);
    let ids: Vec<&str> = list.as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap()).collect();
    let table = sandbox.ok(["runs", "compare", ids[1], ids[0]]).stdout;
    let row = table.lines().find(|line| line.starts_with("tags.pipe.command  ")).unwrap();
    assert!(
        row.contains("x first x") && row.contains("x second x") && row.len() > 8000,
        "whole in a pipe: {row}"
    );
    let rows = sandbox.json(["runs", "compare", "--json", ids[1], ids[0]]);
    let command = rows.as_array().unwrap().iter().find(|row| row["field"] == "tags.pipe.command").unwrap();
    assert!(command.to_string().len() > 8000, "programs get the whole");
}

#[test]
fn no_row_is_wider_than_the_terminal() {
    let sandbox = Sandbox::without_git();
    let binary = env!("CARGO_BIN_EXE_pipe");
    sandbox.write("file", "7");
    let path = format!("images/{}-last.png", "long".repeat(50));
    for number in 0..8 {
        let run = sandbox.ok(["runs", "start", "--name", &format!("run-{number}")]).stdout.trim().to_owned();
        let long = format!("long={number}{}", "x".repeat(5000));
        sandbox.ok(["log", "param", &long, &format!("seed={number}"), "--run", &run]);
        sandbox.ok(["log", "artifact", "file", "--as", &path, "--run", &run]);
    }
    let runs: Vec<String> = (0..8).map(|number| format!("run-{number}")).collect();
    let on_a_terminal = |arguments: &str, width: usize| {
        let mut command = sandbox.program("script");
        let line = format!("stty cols {width} rows 50; {binary} -q runs {arguments}");
        command.args(["-q", "-e", "-c", &line, "/dev/null"]).env("TERM", "xterm").env("NO_COLOR", "1");
        let text = sandbox.finish(command).code(0).stdout;
        let rows: Vec<String> =
            text.lines().map(|row| row.trim_end().to_owned()).filter(|row| !row.starts_with('(')).collect();
        assert!(rows.iter().all(|row| row.chars().count() <= width), "{width}: {text}");
        rows
    };
    for width in [80, 140] {
        let shown = on_a_terminal("show run-3", width);
        assert!(shown.iter().any(|row| row.starts_with("long  3xxx") && row.ends_with("x…")), "{shown:?}");
        let file = shown.iter().find(|row| row.starts_with("images/")).expect("an artifact");
        assert!(file.contains('…') && file.contains("-last.png   1 B"), "{file}");
        let compared = on_a_terminal(&format!("compare {}", runs[..2].join(" ")), width);
        assert!(compared.iter().any(|row| row.starts_with("params.long  0xx") && row.contains("  1xx")));
        // Of eight runs some have no room; two always have.
        let compared = on_a_terminal(&format!("compare {}", runs.join(" ")), width);
        assert!(compared.iter().any(|row| row.starts_with("params.seed  0 ")), "{compared:?}");
        on_a_terminal(&format!("compare {}", runs[..2].join(" ")), 20);
    }
    // Elsewhere all is there, and a long value makes no other row long.
    let shown = sandbox.ok(["runs", "show", "run-3"]).stdout;
    assert!(shown.contains(&"x".repeat(5000)) && shown.contains(&path), "{shown}");
    let short = sandbox.ok(["runs", "compare", "run-1", "run-2"]).stdout;
    assert!(short.lines().find(|row| row.starts_with("params.seed ")).expect("a row").len() < 200, "{short}");
    assert!(short.contains(&"x".repeat(5000)), "{short}");
}

#[test]
fn a_map_among_the_params_is_recorded_leaf_by_leaf() {
    let sandbox = Sandbox::with_pipeline("stages:\n  a:\n    cmd: 'true'\n    params: [train]\n");
    sandbox.write("params.yaml", "train:\n  lr: 0.5\n  net: {sizes: [1, 2]}\n");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.stage_run("a")["params"], json!({"train.lr": "0.5", "train.net.sizes": "[1,2]"}));
    let list = sandbox.json(["runs", "list", "--json", "--where", "params.train.lr = 0.5"]);
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    // What a run recorded compares with what the files say.
    let said = sandbox.ok(["params", "diff", "run:last"]);
    assert_eq!(said.stdout, "", "{said:?}");
}

#[test]
fn a_restored_run_is_told_from_one_that_worked() {
    let sandbox = three_runs();
    sandbox.write("params.yaml", "acc: 0.5\nseed: 1\n");
    sandbox.ok(["repro"]);
    let origin = sandbox.json(["runs", "list", "--json", "--where", "metrics.acc = 0.5", "--sort", "start"]);
    let origin = origin[0]["id"].as_str().unwrap();
    let said = sandbox.ok(["runs", "list", "-n", "2", "--columns", "name,status"]).stdout;
    // The two may begin in the same millisecond.
    assert!(said.contains("\ntrain  restored\n") && said.contains("\nrepro  FINISHED\n"), "{said}");
    assert!(sandbox.ok(["runs", "show", "last"]).stdout.contains("  train  restored "));
    let list = sandbox.json(["runs", "list", "--json", "--where", "stage = 'train'"]);
    let row = |index: usize| (&list[index]["status"], &list[index]["restored_from"]);
    assert_eq!(row(0), (&json!("FINISHED"), &json!(origin)));
    assert_eq!(row(1), (&json!("FINISHED"), &Json::Null));
    let logs = format!("restored from run {0}; `pipe runs logs {0}` prints that run's output", &origin[24..]);
    let said = sandbox.ok(["runs", "logs", list[0]["id"].as_str().unwrap()]).tells(&[&logs]);
    assert!(!said.stderr.contains("has no output"), "{said:?}");
    sandbox.ok(["runs", "logs", "last"]).tells(&[&logs]);
    let restored = list[0]["id"].as_str().unwrap();
    let shown = |id: &str| sandbox.ok(["runs", "show", id]).stdout;
    assert!(shown(restored).contains(&format!("\nrestored from run {}\n", &origin[24..])));
    let statuses = |filter: &str| sandbox.ok(["runs", "list", "--where", filter, "--columns", "id"]).stdout;
    assert_eq!(statuses("status = 'restored'"), format!("id\n{}\n", &restored[24..]));
    assert!(!statuses("status != 'restored'").contains(&restored[24..]));
    // What it was restored from may go.
    sandbox.ok(["runs", "delete", origin]);
    sandbox.ok(["runs", "gc", "-y"]);
    let gone = format!("restored from run {origin} (no longer kept)");
    assert!(shown(restored).contains(&gone), "{}", shown(restored));
    sandbox.ok(["runs", "logs", restored]).tells(&[&gone]);
}

#[test]
fn a_list_without_a_match_says_so() {
    let sandbox = three_runs();
    let said = sandbox.ok(["runs", "list", "--where", "params.seed = 7"]);
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", "No run matches.\n"));
    assert_eq!(sandbox.ok(["runs", "list", "--where", "params.seed = 7", "--json"]).stdout, "[]\n");
}

#[test]
fn metrics_come_before_times_and_digests_are_short() {
    let sandbox = three_runs();
    let head = sandbox.ok(["runs", "list", "-n", "1"]).stdout.lines().next().unwrap().to_owned();
    let heads: Vec<&str> = head.split_whitespace().collect();
    assert_eq!(
        heads,
        ["id", "name", "status", "acc", "deep.loss", "start", "duration"],
        "a narrow terminal drops all metrics but the first"
    );
    let run = sandbox.stage_run("train");
    let digest = run["inputs"][0]["digest"].as_str().unwrap().strip_prefix("blake3:").unwrap();
    let text = sandbox.ok(["runs", "show", run["run_id"].as_str().unwrap()]).stdout;
    assert!(text.contains(&format!("  {}\n", &digest[..12])) && !text.contains(digest), "{text}");
    assert_eq!(digest.len(), 64);
}

#[test]
fn the_newest_run_has_a_name_and_ambiguous_ids_can_be_pasted() {
    let sandbox = three_runs();
    let tops = sandbox.json(["runs", "list", "--json", "--top", "--columns", "id"]);
    for (name, place) in [("last", 0), ("last~1", 1), ("last~2", 2)] {
        assert_eq!(sandbox.json(["runs", "show", "--json", name])["run_id"], tops[place]["id"], "{name}");
    }
    assert_eq!(sandbox.ok(["runs", "logs", "last"]).stdout, "to stdout\nto stderr\n");
    sandbox.pipe(["runs", "show", "last~3"]).code(2).tells(&["no run `last~3`: 3 runs were recorded"]);
    assert_eq!(sandbox.json(["metrics", "diff", "--json", "run:last"]), json!({}));
    let newest = sandbox.stage_run("train")["run_id"].as_str().unwrap().to_owned();
    let said = sandbox.pipe(["runs", "show", "train"]).code(2).tells(&["`train` could be 3 runs"]);
    let shown = said.stderr.split("newest first: ").nth(1).unwrap().split(' ').next().unwrap();
    assert_eq!(sandbox.json(["runs", "show", "--json", shown])["run_id"], newest.as_str());
    assert!(newest.ends_with(shown), "the end of the id: {shown}");
    assert!(sandbox.ok(["runs", "--help"]).stdout.contains("END of ids"));
}

/// A process that may write no file at all, root or not: as in a folder of somebody else.
fn unable_to_write(sandbox: &Sandbox, arguments: &str) -> crate::harness::Said {
    let mut command = sandbox.program("sh");
    let script = format!("trap '' XFSZ; ulimit -f 0; exec '{}' {arguments}", env!("CARGO_BIN_EXE_pipe"));
    command.args(["-c", &script]);
    sandbox.finish(command)
}

#[test]
fn runs_are_read_where_nothing_can_be_written() {
    let sandbox = three_runs();
    let expected = sandbox.ok(["runs", "list"]).stdout;
    assert_eq!(unable_to_write(&sandbox, "runs list").code(0).stdout, expected);
    unable_to_write(&sandbox, "runs show last").code(0);
    // Root is not stopped by a mode; everybody else is.
    use std::os::unix::fs::PermissionsExt;
    let set = |path: &str, mode: u32| {
        std::fs::set_permissions(sandbox.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for name in ["runs.db-wal", "runs.db-shm"] {
        let _ = std::fs::remove_file(sandbox.path(&format!(".pipe/{name}")));
    }
    set(".pipe/runs.db", 0o444);
    set(".pipe", 0o555);
    let said = sandbox.pipe(["runs", "list"]);
    set(".pipe", 0o755);
    assert_eq!(said.code(0).stdout, expected);
}

#[test]
fn data_that_cannot_be_written_is_an_error() {
    let sandbox = three_runs();
    let commands = ["runs list", "metrics show", "dag", "status --json", "completions bash"];
    // Those that the parser of the command line answers by itself.
    for arguments in commands.into_iter().chain(["--help", "-h", "repro --help", "help runs", "--version"]) {
        let mut command = sandbox.program("sh");
        command.args(["-c", &format!("exec '{}' {arguments} > /dev/full", env!("CARGO_BIN_EXE_pipe"))]);
        sandbox.finish(command).code(2).tells(&["error: failed to write to standard output: No space left"]);
        let mut command = sandbox.program("bash");
        let script =
            format!("set -o pipefail; '{}' {arguments} | head -c 0 > /dev/null", env!("CARGO_BIN_EXE_pipe"));
        command.args(["-c", &script]);
        sandbox.finish(command).code(0);
    }
}

#[test]
fn untracked_files_and_what_a_run_writes_make_no_commit_dirty() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: echo n=${n} > m.toml\n    metrics: [{m.toml: {cache: false}}]\n",
    );
    let dirty = || sandbox.stage_run("a")["tags"]["git.dirty"].as_str().unwrap().to_owned();
    for n in ["1", "2", "1"] {
        sandbox.write("params.yaml", format!("n: {n}\n"));
        sandbox.commit("next");
        sandbox.write("notes.txt", "not for git");
        sandbox.ok(["repro"]);
        assert_eq!(dirty(), "false", "n: {n}");
        sandbox.remove("notes.txt");
        sandbox.commit("its results");
    }
    let run = sandbox.stage_run("a");
    assert!(run["tags"]["pipe.restored_from"].is_string(), "the last one was restored");
    sandbox.edit("params.yaml", "1", "3");
    sandbox.ok(["repro"]);
    assert_eq!(dirty(), "true");
}

#[test]
fn a_restored_run_has_what_was_logged_of_its_result() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  train:\n    cmd: sh train.sh\n    deps: [in]\n    outs: [out]\n    metrics: [m.json]\n",
    );
    sandbox.write(
        "train.sh",
        "pipe log metric loss 3 --step 1 && pipe log metric loss 2 --step 5\npipe log param depth=3\ncp in out && echo '{\"f1\": 0.5}' > m.json\n",
    );
    for text in ["one", "two", "one"] {
        sandbox.write("in", text);
        sandbox.ok(["repro"]);
    }
    sandbox.remove("out");
    sandbox.ok(["repro"]).tells(&["as the lock records it"]);
    let columns = "id,restored_from,metrics.loss,metrics.f1,params.depth";
    let fixed = ["runs", "list", "--json", "--columns", columns, "--where", "stage = 'train' and loss < 3"];
    let list = sandbox.json(fixed.map(|text| text.replace("and loss", "and metrics.loss")));
    assert_eq!(list.as_array().unwrap().len(), 4, "{list}");
    for restored in [0, 1] {
        assert_eq!(list[restored]["restored_from"], list[3]["id"], "the lock's result too: {list}");
        assert_eq!(
            ["metrics.loss", "metrics.f1", "params.depth"].map(|column| &list[restored][column]),
            [&json!(2.0), &json!(0.5), &json!(3)]
        );
    }
    assert_eq!(list[2]["restored_from"], Json::Null);
    let run = sandbox.json(["runs", "show", "--json", list[0]["id"].as_str().unwrap()]);
    assert_eq!((&run["restored_from"], &run["metrics"]["loss"][0]["step"]), (&list[3]["id"], &json!(5)));
    assert_eq!(run["metrics"]["f1"].as_array().unwrap().len(), 1, "{run}");
    let shown = sandbox.ok(["runs", "list", "--columns", "restored_from", "-n", "1", "--sort", "start desc"]);
    assert_eq!(shown.stdout.lines().next(), Some("restored_from"));
    // Of a run that was deleted nothing is taken over.
    sandbox.ok(["runs", "delete", list[3]["id"].as_str().unwrap()]);
    sandbox.remove("out");
    sandbox.ok(["repro"]);
    let run = sandbox.stage_run("train");
    assert_eq!((&run["metrics"]["loss"], &run["restored_from"]), (&Json::Null, &list[3]["id"]));
}

#[test]
fn a_restored_stage_says_where_its_result_came_from() {
    let sandbox = three_runs();
    let list = sandbox.json(["runs", "list", "--json", "--columns", "id", "--where", "metrics.acc = 0.5"]);
    sandbox.write("params.yaml", "acc: 0.5\nseed: 1\n");
    sandbox.ok(["repro"]).tells(&["Restored train from run ", "1 restored."]);
    let run = sandbox.stage_run("train");
    assert_eq!(run["tags"]["pipe.restored_from"], list[0]["id"]);
    assert_eq!((&run["status"], &run["metrics"]["acc"][0]["value"]), (&json!("FINISHED"), &json!(0.5)));
    assert_eq!(run["tags"]["pipe.exit_code"], Json::Null, "nothing was executed");
}

#[test]
fn a_failure_is_recorded_with_its_exit_code_or_signal() {
    let sandbox =
        Sandbox::with_pipeline("stages:\n  a:\n    cmd: echo half > out; exit 3\n    outs: [out]\n");
    sandbox.pipe(["repro"]).code(1);
    let run = sandbox.stage_run("a");
    assert_eq!((&run["status"], &run["tags"]["pipe.exit_code"]), (&json!("FAILED"), &json!("3")));
    let partial = run["tags"]["pipe.partial_outs"].as_str().unwrap();
    assert_eq!(sandbox.read(&format!("{partial}/out")), "half\n");
    assert_eq!(sandbox.json(["runs", "show", "--json", run["parent"].as_str().unwrap()])["status"], "FAILED");
    sandbox.edit("pipeline.yaml", "exit 3", "kill -9 $$");
    sandbox.pipe(["repro"]).code(1);
    assert_eq!(sandbox.stage_run("a")["tags"]["pipe.signal"], "9");
}

#[test]
fn bad_questions_are_answered_with_what_is_wrong() {
    let sandbox = three_runs();
    snapshot!(sandbox.pipe(["runs", "list", "--where", "metrics.acc >"]), @"
    exit: 2
    --- stderr
    error: filter, column 14: expected a number, or a text in quotes
    ");
    sandbox.pipe(["runs", "list", "--where", "metrik.acc > 1"]).code(2).tells(&["metrik"]);
    sandbox
        .pipe(["runs", "list", "--sort", "metrics.acc upwards"])
        .code(2)
        .tells(&["error: sort, column 13"]);
    sandbox
        .pipe(["runs", "list", "--columns", "stag"])
        .code(2)
        .tells(&["there is no column `stag`", "did you mean `stage`?"]);
}

#[test]
fn without_any_run_a_list_is_empty() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.json(["runs", "list", "--json"]), json!([]));
    sandbox.ok(["runs", "list"]).tells(&["No run was recorded"]);
    sandbox.pipe(["runs", "show", "x"]).code(2).tells(&["no run was recorded"]);
    assert!(!sandbox.exists(".pipe"), "a question makes nothing");
}
