//! `pipe models`: versions, the rules under which they are made, and their files.

use serde_json::{Value as Json, json};

use crate::harness::Sandbox;

fn trained(sandbox: &Sandbox, acc: &str, weights: &str) -> String {
    let run = sandbox.ok(["runs", "start"]).stdout.trim().to_owned();
    sandbox.ok(["log", "metric", "acc", acc, "--run", &run]);
    sandbox.ok(["log", "metric", "loss", acc, "--run", &run]);
    sandbox.write("net/weights", weights);
    sandbox.write("net/deep/config", "{}");
    sandbox.ok(["log", "artifact", "net", "--as", "model", "--run", &run]);
    sandbox.ok(["runs", "end", &run]);
    run
}

fn register(sandbox: &Sandbox, run: &str, more: &[&str]) -> crate::harness::Said {
    sandbox.pipe(["models", "register", "spiral", "--run", run].iter().chain(more))
}

fn shown(sandbox: &Sandbox, model: &str) -> Json {
    sandbox.json(["models", "show", model, "--json"])
}

#[test]
fn a_version_is_made_only_when_its_rule_holds() {
    let sandbox = Sandbox::new();
    sandbox.pipe(["models", "show", "spiral"]).code(2);
    assert_eq!(sandbox.json(["models", "list", "--json"]), json!([]));
    let (good, better, worse) =
        (trained(&sandbox, "0.8", "a"), trained(&sandbox, "0.9", "b"), trained(&sandbox, "0.7", "c"));
    let champion = ["--if-better-than", "champion", "--metric", "acc", "--alias", "champion"];
    register(&sandbox, &good, &["--if", "metrics.acc > 0.9", "--alias", "champion"]).code(1).tells(&[
        "above 0.9",
        "it is 0.8",
        "nothing was changed",
    ]);
    sandbox.pipe(["models", "show", "spiral"]).code(2).tells(&["spiral"]);
    // Nobody is there to beat.
    register(&sandbox, &good, &champion).code(0).tells(&["Registered spiral/1, spiral@champion"]);
    register(&sandbox, &worse, &champion).code(1).tells(&["that of version 1 is 0.8"]);
    let said = register(&sandbox, &better, &[&champion[..], &["--json", "--tag", "a=b"]].concat()).code(0);
    assert_eq!(said.json(), json!({"name": "spiral", "version": 2}));
    assert_eq!(shown(&sandbox, "spiral@champion")["version"], 2);
    // Less of a loss is better, by its name; the flags say otherwise.
    let loss = ["--if-better-than", "champion", "--metric", "loss"];
    register(&sandbox, &worse, &[&loss[..], &["--higher-is-better"]].concat()).code(1);
    register(&sandbox, &worse, &loss).code(0);
    register(&sandbox, &worse, &["--if-better-than", "champion", "--metric", "acc", "--lower-is-better"])
        .code(0);
    register(&sandbox, &worse, &["--if", "metrics.acc >= 0.7 and metrics.loss < 1"]).code(0);
    register(&sandbox, &worse, &["--if", "metrics.gone > 0"]).code(1).tells(&["has none"]);
    for bad in ["metrics.acc = 1", "params.x > 1", "metrics.acc > 0 or metrics.loss > 0", "acc >"] {
        register(&sandbox, &worse, &["--if", bad]).code(2);
    }
    register(&sandbox, &worse, &["--path", "gone"])
        .code(2)
        .tells(&["no artifact, logged model or out `gone`"]);
    register(&sandbox, &worse, &["--alias", "v1"]).code(2);
    sandbox.pipe(["models", "register", "a/b", "--run", &worse]).code(2);
    let model = shown(&sandbox, "spiral");
    assert_eq!(model["versions"].as_array().unwrap().len(), 5);
    assert_eq!(
        (&model["aliases"], &model["versions"][3]["tags"]),
        (&json!({"champion": 2}), &json!({"a": "b"}))
    );
    assert_eq!(model["versions"][3]["source"], format!("runs:/{better}/model"));
}

/// What is no alias was taken for one that no version has, so that there was nobody to beat.
#[test]
fn who_has_to_be_beaten_is_named_by_alias_by_number_or_as_the_latest() {
    let sandbox = Sandbox::new();
    let (good, better, worse) =
        (trained(&sandbox, "0.8", "a"), trained(&sandbox, "0.9", "b"), trained(&sandbox, "0.7", "c"));
    let beat =
        |run: &str, whom: &str| register(&sandbox, run, &["--if-better-than", whom, "--metric", "acc"]);
    beat(&good, "1").code(2).tells(&["registered model `spiral` has no version 1"]);
    beat(&good, "latest").code(0);
    for latest in ["latest", "@latest", "Latest", "1", "v1"] {
        let name = if latest.contains('1') { "`spiral/1`" } else { "`spiral@latest`" };
        beat(&worse, latest).code(1).tells(&[name, "that of version 1 is 0.8"]);
    }
    register(&sandbox, &worse, &["--alias", "champion"]).code(0);
    beat(&worse, "@champion").code(1).tells(&["`spiral@champion`", "that of version 2 is 0.7"]);
    beat(&good, "1").code(1);
    beat(&good, "latest").code(0).tells(&["Registered spiral/3"]);
    beat(&better, "1").code(0);
    beat(&better, "99").code(2).tells(&["registered model `spiral` has no version 99"]);
    for bad in ["", "a b", "1.5", "spiral/1", "spiral@champion"] {
        beat(&better, bad).code(2).tells(&["expected an alias, the number of a version, or latest"]);
    }
    assert_eq!(shown(&sandbox, "spiral")["versions"].as_array().unwrap().len(), 4);
}

#[test]
fn of_several_at_once_only_one_beats_the_latest() {
    let sandbox = Sandbox::new();
    let runs: Vec<String> =
        ["a", "b", "c", "d", "e"].iter().map(|name| trained(&sandbox, "0.8", name)).collect();
    let rule = ["--if-better-than", "latest", "--metric", "acc"];
    let start = |run: &String| {
        let command = ["models", "register", "spiral", "--run", run];
        sandbox.start(sandbox.pipe_command(command.iter().chain(&rule)))
    };
    let started: Vec<_> = runs.iter().map(start).collect();
    let codes: Vec<_> = started.into_iter().map(|process| process.wait().code_of().unwrap()).collect();
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
    assert_eq!(shown(&sandbox, "spiral")["versions"].as_array().unwrap().len(), 1);
}

#[test]
fn a_long_description_is_wrapped_on_a_terminal_alone() {
    let sandbox = Sandbox::new();
    let run = trained(&sandbox, "0.8", "a");
    register(&sandbox, &run, &[]).code(0);
    let long = "twelve chars ".repeat(30);
    sandbox.ok(["models", "describe", "spiral", &long]);
    let plain = sandbox.ok(["models", "show", "spiral"]).stdout;
    assert!(plain.lines().any(|line| line == long.trim_end()), "{plain}");
    let mut terminal = sandbox.program("script");
    let shown = format!("stty rows 24 cols 70; {} models show spiral", env!("CARGO_BIN_EXE_pipe"));
    terminal.args(["-q", "-e", "-c", &shown, "/dev/null"]).env("TERM", "xterm");
    let text = sandbox.finish(terminal).code(0).stdout;
    assert_eq!(text.matches("twelve").count(), 30, "{text}");
    let mut described = text.lines().filter(|line| line.contains("twelve"));
    assert!(described.all(|line| line.trim_end().chars().count() <= 70), "{text}");
}

#[test]
fn of_several_at_once_only_better_ones_become_champion() {
    let sandbox = Sandbox::new();
    let accuracies = ["0.3", "0.8", "0.1", "0.6", "0.5", "0.7", "0.2", "0.4"];
    let runs: Vec<String> = accuracies.iter().map(|acc| trained(&sandbox, acc, acc)).collect();
    let champion = ["--if-better-than", "champion", "--metric", "acc", "--alias", "champion"];
    let start = |run: &String| {
        let command = ["models", "register", "spiral", "--run", run];
        sandbox.start(sandbox.pipe_command(command.iter().chain(&champion)))
    };
    let started: Vec<_> = runs.iter().map(start).collect();
    let codes: Vec<_> = started.into_iter().map(|process| process.wait().code_of().unwrap()).collect();
    let model = shown(&sandbox, "spiral");
    let accuracy = |version: &Json| {
        let source = version["source"].as_str().unwrap();
        let at = runs.iter().position(|run| source.contains(run.as_str())).expect("one of them");
        accuracies[at].parse::<f64>().unwrap()
    };
    let mut made: Vec<&Json> = model["versions"].as_array().unwrap().iter().collect();
    made.sort_by_key(|version| version["version"].as_i64());
    let made: Vec<f64> = made.into_iter().map(accuracy).collect();
    assert!(made.is_sorted_by(|a, b| a < b), "each is better than the one before it: {made:?}");
    assert_eq!((made.last(), made.len()), (Some(&0.8), codes.iter().filter(|code| **code == 0).count()));
    assert!(codes.iter().all(|code| matches!(code, 0 | 1)), "{codes:?}");
    assert_eq!(model["aliases"]["champion"], made.len());
}

#[test]
fn versions_are_named_marked_and_removed() {
    let sandbox = Sandbox::new();
    let run = trained(&sandbox, "0.8", "a");
    for _ in 0..3 {
        register(&sandbox, &run, &[]).code(0);
    }
    let version = |name: &str| shown(&sandbox, name)["version"].as_i64().unwrap();
    assert_eq!((version("spiral/latest"), version("models:/spiral/1")), (3, 1));
    for number in ["12", "v12"] {
        sandbox.pipe(["models", "alias", "spiral/2", number]).code(2).tells(&["means that version"]);
        register(&sandbox, &run, &["--alias", number]).code(2).tells(&["means that version"]);
    }
    for command in [
        &["models", "show", "spirals"][..],
        &["models", "download", "spira@best"],
        &["models", "tag", "Spirat", "a=b"],
    ] {
        sandbox.pipe(command).code(2).tells(&["there is no registered model `", "did you mean `spiral`?"]);
    }
    sandbox.pipe(["models", "show", "other"]).code(2).tells(&["`pipe models list` shows"]);
    sandbox.ok(["models", "alias", "spiral/2", "best"]);
    assert_eq!(version("spiral@best"), 2);
    sandbox.ok(["models", "stage", "spiral@best", "production"]);
    sandbox
        .ok(["models", "stage", "spiral/3", "Production", "--archive-existing"])
        .tells(&["Version 3 of spiral is in Production.", "is archived."]);
    let again = sandbox.ok(["models", "stage", "spiral/3", "Production", "--archive-existing"]);
    assert!(!again.stderr.contains("is archived"), "{}", again.stderr);
    assert_eq!((version("spiral/Production"), version("spiral/archived")), (3, 2));
    sandbox.pipe(["models", "stage", "spiral/3", "None", "--archive-existing"]).code(2);
    sandbox.pipe(["models", "stage", "spiral/3", "prod"]).code(2).tells(&["Staging"]);
    sandbox.pipe(["models", "show", "spiral/Staging"]).code(2).tells(&["no version in Staging"]);
    sandbox.ok(["models", "tag", "spiral", "team=blue", "x=1"]);
    sandbox.ok(["models", "tag", "spiral", "--delete", "x"]);
    sandbox.ok(["models", "tag", "spiral@best", "checked=yes"]);
    sandbox.pipe(["models", "tag", "spiral", "--delete", "x"]).code(2).tells(&["no tag `x`"]);
    sandbox.ok(["models", "describe", "spiral", "tells arms apart"]);
    let described = sandbox.ok(["models", "describe", "spiral/2", "- the second"]);
    described.tells(&["Changed the description of version 2 of spiral."]);
    assert_eq!(sandbox.ok(["models", "describe", "spiral/2"]).stdout, "- the second\n");
    let model = shown(&sandbox, "spiral");
    assert_eq!(
        (&model["tags"], &model["description"]),
        (&json!({"team": "blue"}), &json!("tells arms apart"))
    );
    assert_eq!(shown(&sandbox, "spiral/2")["tags"], json!({"checked": "yes"}));
    let list = sandbox.json(["models", "list", "--json"]);
    assert_eq!(
        (&list[0]["name"], &list[0]["version"], &list[0]["aliases"]),
        (&json!("spiral"), &json!(3), &json!({"best": 2}))
    );
    sandbox
        .pipe(["models", "show", "spiral/99"])
        .code(2)
        .tells(&["registered model `spiral` has no version 99"]);
    sandbox.pipe(["models", "show", "spiral@none"]).code(2).tells(&["`spiral` has no alias `none`"]);
    assert_eq!(sandbox.json(["models", "list", "--json", "--filter", "name LIKE 'x%'"]), json!([]));
    let text = sandbox.ok(["models", "show", "spiral"]).stdout;
    assert!(
        text.contains("tells arms apart") && text.contains("best") && text.contains("Archived"),
        "{text}"
    );
    assert!(sandbox.ok(["models", "show", "spiral/2"]).stdout.contains("weights"));
    sandbox.ok(["models", "alias", "spiral", "best", "--delete"]);
    sandbox.pipe(["models", "show", "spiral@best"]).code(2).tells(&["best"]);
    sandbox.pipe(["models", "alias", "spiral", "best", "--delete"]).code(2).tells(&["no alias"]);

    sandbox.pipe(["models", "delete", "spiral/1"]).code(1).tells(&["-y"]);
    sandbox.ok(["models", "delete", "spiral/1", "-y"]);
    sandbox.pipe(["models", "show", "spiral/1"]).code(2);
    sandbox.ok(["models", "delete", "spiral", "-n"]).tells(&["spiral with 2 versions"]);
    sandbox.ok(["models", "delete", "spiral", "-y"]);
    sandbox.pipe(["models", "delete", "spiral", "-y"]).code(2);
    register(&sandbox, &run, &[]).code(0).tells(&["spiral/1"]);
}

#[test]
fn files_are_downloaded_and_outlive_their_run() {
    let sandbox = Sandbox::new();
    let run = trained(&sandbox, "0.8", "weights of one");
    register(&sandbox, &run, &["--alias", "champion"]).code(0);
    sandbox.ok(["runs", "delete", &run]);
    sandbox.ok(["runs", "gc", "-y"]);
    sandbox.write("loose", "logged by a run that goes");
    let other = sandbox.ok(["runs", "start"]).stdout.trim().to_owned();
    sandbox.ok(["log", "artifact", "loose", "--run", &other]);
    let cached = || sandbox.files(".pipe/cache").len();
    let before = cached();
    sandbox.gc(&["--workspace", "-f"]).code(0);
    assert_eq!(cached(), before, "artifacts of runs and versions are kept");
    sandbox.ok(["runs", "delete", &other]);
    sandbox.gc(&["--workspace", "-f"]).code(0);
    assert_eq!(cached(), before - 1, "that of a deleted run goes");
    sandbox.ok(["models", "download", "spiral@champion", "-o", "here/there"]);
    assert_eq!(sandbox.read("here/there/weights"), "weights of one");
    assert_eq!(sandbox.read("here/there/deep/config"), "{}");
    sandbox.pipe(["models", "download", "spiral", "-o", "here/there"]).code(2).tells(&["holds something"]);
    sandbox.append("here/there/weights", "edited");
    sandbox.ok(["models", "download", "spiral", "-f", "-o", "here/there"]);
    assert_eq!(sandbox.read("here/there/weights"), "weights of one");
    sandbox.ok(["models", "download", "spiral/1"]);
    assert_eq!(sandbox.files("spiral").len(), 2);
    sandbox.remove("here/there/deep/config");
    std::fs::remove_dir(sandbox.path("here/there/deep")).unwrap();
    std::os::unix::fs::symlink("..", sandbox.path("here/there/deep")).unwrap();
    sandbox
        .pipe(["models", "download", "spiral", "-f", "-o", "here/there"])
        .code(2)
        .tells(&["symbolic link"]);
}

#[test]
fn what_the_cache_holds_damaged_is_not_put_into_a_folder() {
    let sandbox = Sandbox::new();
    let run = sandbox.ok(["runs", "start"]).stdout.trim().to_owned();
    sandbox.write("note", "whole");
    sandbox.ok(["log", "artifact", "note", "--run", &run]);
    let damaged = sandbox.files(".pipe/cache").into_iter().find(|file| sandbox.read(file) == "whole");
    let damaged = damaged.expect("it is in the cache");
    sandbox.remove(&damaged);
    sandbox.write(&damaged, "whale");
    sandbox.write("out/note", "mine");
    sandbox.pipe(["runs", "download", &run, "-f", "-o", "out"]).code(2).tells(&["is damaged"]);
    assert_eq!(sandbox.read("out/note"), "mine");
}

#[test]
fn files_are_downloaded_from_where_nothing_can_be_written() {
    let sandbox = Sandbox::without_git();
    if !sandbox.has_namespaces() {
        return;
    }
    let run = trained(&sandbox, "0.8", "weights");
    register(&sandbox, &run, &[]).code(0);
    let script = r#"
        set -e
        mount --bind "$PWD" "$PWD"; cd "$PWD"; mount -o remount,bind,ro "$PWD"
        ! touch written 2> /dev/null
        "$PIPE" models download spiral -o ../taken
    "#;
    let mut command = sandbox.program("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]).env("PIPE", env!("CARGO_BIN_EXE_pipe"));
    sandbox.finish(command).code(0).tells(&["Put 2 files of spiral/1"]);
    let taken = sandbox.root().with_file_name("taken");
    assert_eq!(std::fs::read_to_string(taken.join("weights")).unwrap(), "weights");
}

#[test]
fn of_two_logged_models_of_one_name_the_id_says_which() {
    let sandbox = Sandbox::new();
    let run = sandbox.ok(["runs", "start"]).stdout.trim().to_owned();
    for weights in ["first", "second"] {
        sandbox.write("net", weights);
        sandbox.ok(["log", "model", "net", "--run", &run]);
    }
    let models = sandbox.json(["runs", "show", &run, "--json"])["logged_models"].clone();
    let id = |at: usize| models[at]["model_id"].as_str().unwrap().to_owned();
    register(&sandbox, &run, &[]).code(2).tells(&[
        &id(0),
        &id(1),
        "by its id; `--path model` is the last one",
    ]);
    register(&sandbox, &run, &["--path", &id(0)]).code(0);
    register(&sandbox, &run, &["--path", "model"]).code(0);
    assert_eq!(
        (&shown(&sandbox, "spiral/1")["model_id"], &shown(&sandbox, "spiral/2")["model_id"]),
        (&json!(id(0)), &json!(id(1)))
    );
}

#[test]
fn outs_of_stages_and_logged_models_become_versions() {
    let pipe = env!("CARGO_BIN_EXE_pipe");
    let sandbox = Sandbox::with_pipeline(&format!(
        "stages:\n  train:\n    cmd: mkdir -p net/deep; echo w > net/weights; echo c > net/deep/config; echo f > one.bin; {pipe} log \
         metric acc 0.9; {pipe} log model one.bin --name logged\n    outs: [net, one.bin]\n"
    ));
    sandbox.ok(["repro"]);
    sandbox.ok([
        "models",
        "register",
        "folder",
        "--run",
        "last",
        "--path",
        "net",
        "--if",
        "metrics.acc > 0.5",
    ]);
    sandbox.ok(["models", "register", "file", "--run", "last", "--path", "one.bin"]);
    sandbox.ok(["models", "register", "logged", "--run", "last"]);
    let files = |model: &str| -> Vec<String> {
        let files = shown(&sandbox, model)["files"].as_array().unwrap().clone();
        files.iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(files("folder/1"), ["deep/config", "weights"]);
    assert_eq!((files("file/1"), files("logged/1")), (vec!["one.bin".into()], vec!["one.bin".to_owned()]));
    let stage = sandbox.stage_run("train");
    assert_eq!(shown(&sandbox, "folder/1")["run_id"], stage["run_id"]);
    assert!(shown(&sandbox, "logged/1")["source"].as_str().unwrap().starts_with("models:/m-"));
    let artifacts = stage["artifacts"].to_string();
    assert!(artifacts.contains("net/deep/config") && artifacts.contains("one.bin"), "{artifacts}");
    sandbox.ok(["models", "download", "folder", "-o", "out"]);
    assert_eq!(sandbox.read("out/deep/config"), "c\n");
}

#[test]
fn a_run_that_was_restored_has_what_the_one_made_that_it_was_restored_from() {
    let pipe = env!("CARGO_BIN_EXE_pipe");
    let sandbox = Sandbox::with_pipeline(&format!(
        "stages:\n  train:\n    cmd: echo $RANDOM > net; {pipe} log metric acc 0.9; {pipe} log model net; cp net out\n    \
         params: [lr]\n    outs: [out]\n"
    ));
    for lr in ["0.1", "0.2", "0.1"] {
        sandbox.write("params.yaml", format!("lr: {lr}\n"));
        sandbox.ok(["repro"]);
    }
    let rule = ["--if", "metrics.acc > 0.5"];
    register(&sandbox, "last", &rule).code(0).tells(&["spiral/1"]);
    let ids = sandbox.json(["runs", "list", "--json", "--columns", "id", "--where", "stage = 'train'"]);
    assert_eq!(shown(&sandbox, "spiral/1")["run_id"], ids[2]["id"], "{ids}");
    let origin = ids[2]["id"].as_str().unwrap();
    register(&sandbox, "last", &["--path", "other"]).code(2).tells(&["restored from", &origin[24..]]);
}

#[test]
fn files_of_runs_and_logged_models_are_downloaded() {
    let pipe = env!("CARGO_BIN_EXE_pipe");
    let sandbox = Sandbox::with_pipeline(&format!(
        "stages:\n  train:\n    cmd: mkdir -p net/deep; echo w > net/weights; echo c > net/deep/config; echo n > note; {pipe} log \
         artifact note --as notes/; {pipe} log artifact note --as logged/; {pipe} log artifact note --as logged/weights; \
         {pipe} log model net --name logged\n    outs: [net]\n"
    ));
    sandbox.ok(["repro"]);
    let run = sandbox.stage_run("train");
    let (id, model) = (run["run_id"].as_str().unwrap(), &run["logged_models"][0]);
    let files = model["files"].as_array().unwrap();
    assert_eq!(files.len(), 2, "{model}");
    for (path, folder, expected) in [
        (None, "all", &["logged/deep/config", "logged/note", "logged/weights", "notes/note"][..]),
        (Some("logged/note"), "beside", &["logged/note"]),
        (Some("notes/note"), "one", &["notes/note"]),
        (Some("notes/"), "folder", &["notes/note"]),
        (Some("net"), "out", &["net/deep/config", "net/weights"]),
        (Some("net/deep"), "part", &["net/deep/config"]),
        (Some("logged"), "model", &["logged/deep/config", "logged/note", "logged/weights"]),
    ] {
        // What a stage made is found from the reproduction, too.
        for (run, folder) in [(id, folder.to_owned()), ("last", format!("{folder} of last"))] {
            let arguments = ["runs", "download", run].into_iter().chain(path).chain(["-o", &folder]);
            sandbox.ok(arguments.collect::<Vec<_>>());
            let mut found = sandbox.files(&folder);
            found.retain(|file| !file.ends_with(".log"));
            found.sort();
            assert_eq!(found.len(), expected.len(), "{folder}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.ends_with(expected), "{folder}: {found}");
            }
        }
    }
    assert_eq!(sandbox.read("all/logged/weights"), "w\n", "the model's");
    sandbox.pipe(["runs", "download", id, "none"]).code(2).tells(&["`none`", "runs show"]);
    sandbox.pipe(["runs", "download", id, "-o", "all"]).code(2).tells(&["holds something"]);
    let model = model["model_id"].as_str().unwrap();
    sandbox.ok(["models", "download", model]);
    assert_eq!(sandbox.read("logged/deep/config"), "c\n");
    sandbox.pipe(["models", "download", "runs:/0123/net"]).code(2).tells(&["pipe runs download 0123 net"]);
}

/// Earlier versions took names that no disk holds; and what is in the way of one file is none of the others'.
#[test]
fn a_file_that_cannot_be_written_keeps_no_other_away() {
    let sandbox = Sandbox::new();
    let run = sandbox.ok(["runs", "start"]).stdout.trim().to_owned();
    sandbox.write("net/a", "1");
    sandbox.write("net/b", "2");
    sandbox.write("net/c", "3");
    sandbox.ok(["log", "artifact", "net", "--as", "net", "--run", &run]);
    let told = sandbox.ok(["log", "model", "net", "--run", &run]).stderr;
    let model = told.trim().trim_end_matches('.').rsplit(": ").next().unwrap();
    let refused = sandbox.pipe(["log", "artifact", "net/a", "--as", &"x".repeat(300), "--run", &run]).code(2);
    refused.tells(&["`xxxxxxxx", "300 bytes long: at most 255", "hint: `--as`"]);
    let long = "x".repeat(300);
    let file = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
    for (table, path) in [("artifact", "net/a"), ("logged_model_artifact", "a")] {
        let rename = format!("UPDATE {table} SET path = 'deep/{long}' WHERE path = '{path}'");
        assert_eq!(file.execute(&rename, []).unwrap(), 1);
    }
    drop(file);
    for (arguments, below, missing) in [
        (["runs", "download", &run, "-o", "of-run"], "net/", "2 files are"),
        (["models", "download", model, "-o", "of-model"], "", "1 file is"),
    ] {
        let said = sandbox.pipe(arguments).code(2);
        let folder = arguments[4];
        let told = format!("error: {missing} missing in {folder}:\n  ");
        assert!(said.stderr.contains(&told) && said.stderr.contains("File name too long"), "{said:?}");
        assert!(said.stderr.contains("x…x") && !said.stderr.contains(&"x".repeat(80)), "{said:?}");
        for (name, text) in [("b", "2"), ("c", "3")] {
            assert_eq!(sandbox.read(&format!("{folder}/{below}{name}")), text);
        }
    }
    // In the way of one lies a folder.
    sandbox.remove("of-run/net/b");
    sandbox.write("of-run/net/b/mine", "mine");
    sandbox.write("of-run/net/c", "old");
    let said = sandbox.pipe(["runs", "download", &run, "net", "-f", "-o", "of-run"]).code(2);
    said.tells(&["Put 1 of 2 files", "1 file is missing in of-run:", "net/b: "]);
    assert_eq!(
        (sandbox.read("of-run/net/c"), sandbox.read("of-run/net/b/mine")),
        ("3".into(), "mine".into())
    );
}
