//! Bad input of every kind: a clear error that names file, line, column or key, exit code 2, nothing lost, and
//! never a panic (the harness looks for those).

use crate::harness::{Said, Sandbox, snapshot};
use crate::repro::chain;

/// What `repro` says about a pipeline text; nothing may have been made.
fn refused(pipeline: &str) -> Said {
    let sandbox = Sandbox::with_pipeline(pipeline);
    sandbox.write("params.yaml", "k: 1\n");
    sandbox.write("input", "1");
    let before = sandbox.files("");
    let said = sandbox.pipe(["repro"]).code(2);
    let left: Vec<String> = sandbox
        .files("")
        .into_iter()
        .filter(|file| !file.starts_with(".pipe/") && !before.contains(file))
        .collect();
    assert_eq!(left, Vec::<String>::new(), "a refusal leaves nothing");
    // Whoever only asks hears the same.
    for question in [&["status"][..], &["dag"], &["repro", "--dry"]] {
        assert_eq!(sandbox.pipe(question).code(2).stderr, said.stderr, "{question:?}");
    }
    said
}

#[test]
fn no_pipeline_file() {
    snapshot!(Sandbox::new().pipe(["repro"]), @"
    exit: 2
    --- stderr
    error: there is no pipeline.yaml in ROOT or above it
    hint: `pipe init --example` makes a project with a pipeline to start from
    ");
    snapshot!(Sandbox::new().pipe(["status"]), @"
    exit: 2
    --- stderr
    error: there is no pipeline.yaml in ROOT or above it
    hint: `pipe init --example` makes a project with a pipeline to start from
    ");
}

#[test]
fn what_lists_data_says_that_there_is_no_project() {
    let sandbox = Sandbox::without_git();
    for git in [false, true] {
        if git {
            sandbox.git(["init", "-q"]);
        }
        for command in [&["list"][..], &["list", "."], &["du"], &["data", "status"]] {
            sandbox.pipe(command).code(2).tells(&["there is no pipeline.yaml in ROOT or above it"]);
        }
    }
    sandbox.ok(["init"]);
    for command in [&["list"][..], &["du"], &["data", "status"]] {
        sandbox.ok(command);
    }
}

#[test]
fn malformed_yaml() {
    snapshot!(refused("stages:\n  a:\n    cmd: [echo\n"), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:4:1: did not find expected ',' or ']', while parsing a flow sequence at line 3 column 10
    ");
    snapshot!(refused("stages:\n  a: {cmd: x}\n\tb: 1\n"), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:3:1: found character that cannot start any token, while scanning for the next token
    hint: YAML is indented with spaces, not tabs
    ");
    snapshot!(refused("stages:\n  a:\n    cmd: x\n  a:\n    cmd: y\n"), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:4:3: duplicate key `a`
    ");
    refused("stages: \u{1}\n").tells(&["pipeline.yaml:1:"]);
    refused("a: &x [*x]\n").tells(&["pipeline.yaml:1:"]);
}

#[test]
fn a_file_that_is_no_text() {
    let sandbox = Sandbox::new();
    sandbox.write("pipeline.yaml", b"stages: \xff\xfe\n");
    sandbox.pipe(["repro"]).code(2).tells(&["pipeline.yaml", "UTF-8"]);
    sandbox.remove("pipeline.yaml");
    std::fs::create_dir(sandbox.path("pipeline.yaml")).unwrap();
    sandbox.pipe(["repro"]).code(2).tells(&["pipeline.yaml"]);
}

#[test]
fn wrong_types() {
    snapshot!(refused("stages:\n  a:\n    cmd: 1\n    deps: input\n"), @r#"
    exit: 2
    --- stderr
    error: pipeline.yaml:3:10: `stages.a.cmd`: expected a string or a list of strings, found an integer
    hint: in quotes it is a string: "1"
    "#);
    snapshot!(refused("stages:\n  - a\n"), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:2:3: `stages`: expected a map, found a list
    ");
    snapshot!(refused("stages:\n  a:\n    cmd: x\n    frozen: maybe\n"), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:4:13: `stages.a.frozen`: expected `true` or `false`, found a string
    ");
    snapshot!(refused("stages:\n  a:\n    cmd: {echo: hello}\n"), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:3:10: `stages.a.cmd`: expected a string or a list of strings, found a map
    hint: a `: ` inside makes a map of it; put the command in quotes
    ");
    refused("stages:\n  a:\n    cmd: x\n    outs: [{o: {cache: 1}}]\n").tells(&["pipeline.yaml:4:", "cache"]);
    refused("stages:\n  a: x\n").tells(&["pipeline.yaml:2:"]);
    refused("[1, 2]\n").tells(&["pipeline.yaml:1:1"]);
    refused("stages:\n  a:\n    deps: [input]\n").tells(&["pipeline.yaml:2:3", "has no `cmd`"]);
}

#[test]
fn unknown_and_reserved_keys() {
    snapshot!(refused("stage:\n  a:\n    cmd: x\n"), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:1:1: unknown key `stage` at the top level
    hint: did you mean `stages`?
    ");
    snapshot!(refused("stages:\n  a:\n    cmd: x\n    dep: [input]\n    outs: [{o: {cahce: true}}]\n"), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:4:5: unknown key `dep` in stage `a`
    hint: did you mean `deps`?
    ");
    let reserved = ["retries", "tools", "map"];
    for key in reserved {
        let said = refused(&format!("stages:\n  a:\n    cmd: x\n    {key}: [1]\n"));
        said.tells(&["pipeline.yaml:4:5", &format!("`{key}`"), "not yet"]);
    }
}

#[test]
fn unknown_targets() {
    let sandbox = chain();
    snapshot!(sandbox.pipe(["repro", "frist"]), @"
    exit: 2
    --- stderr
    error: `frist` is neither a stage nor an out of one in pipeline.yaml
    hint: did you mean `first`?
    ");
    for command in [&["status", "frist"][..], &["dag", "frist"], &["repro", "-s", "frist"]] {
        sandbox.pipe(command).code(2).tells(&["frist", "first"]);
    }
    sandbox.pipe(["repro", "../first.txt"]).code(2).tells(&["../first.txt"]);
}

#[test]
fn missing_deps_and_params() {
    let sandbox = chain();
    sandbox.remove("input");
    snapshot!(sandbox.pipe(["repro"]), @"
    exit: 2
    --- stderr
    Added the cached outs to .gitignore, so that git leaves them to pipe.
    Failed first: dep input does not exist.
    Skipped second: it needs first.
    2 stages: 1 failed, 1 not started.
    ");
    sandbox.write("input", "1");
    sandbox.write("params.yaml", "fcator: 1\n");
    snapshot!(sandbox.pipe(["repro"]), @"
    exit: 2
    --- stderr
    Failed first: param file params.yaml has no key `factor`.
    Skipped second: it needs first.
    2 stages: 1 failed, 1 not started.
    ");
    sandbox.remove("params.yaml");
    sandbox.pipe(["repro"]).code(2).tells(&["params.yaml does not exist"]);
    assert_eq!(sandbox.count("ran", "first"), 0);
}

#[test]
fn params_files_that_do_not_parse() {
    let sandbox =
        Sandbox::with_pipeline("stages:\n  a:\n    cmd: x\n    params: [{p.json: [k]}, {p.toml: [k]}, k]\n");
    for (file, good, bad, place) in [
        ("p.json", "{\"k\": 1}", "{\"k\": }", "p.json:1:"),
        ("p.toml", "k = 1", "a = 1\nk = = 2", "p.toml:2:"),
        ("params.yaml", "k: 1", "k: 1\nl: [\n", "params.yaml:"),
        ("params.yaml", "k: 1", "k: 1\nk: 2\n", "params.yaml:2:1"),
    ] {
        for (file, text) in [("p.json", "{\"k\": 1}"), ("p.toml", "k = 1"), ("params.yaml", "k: 1")] {
            sandbox.write(file, text);
        }
        sandbox.write(file, bad);
        sandbox.pipe(["repro"]).code(2).tells(&[place]);
        sandbox.write(file, good);
    }
}

#[test]
fn undefined_templates() {
    snapshot!(refused("stages:\n  a:\n    cmd: echo ${modle.lr}\n"), @r"
    exit: 2
    --- stderr
    error: pipeline.yaml:3:10: `${modle.lr}` is undefined in `cmd` of stage `a`
    hint: add `modle.lr` to a params file or `vars`, or write `\${modle.lr}` to leave it to the shell
    ");
    refused("stages:\n  a:\n    cmd: echo ${k\n").tells(&["pipeline.yaml:3:"]);
    refused("stages:\n  a:\n    cmd: echo ${k.deeper}\n").tells(&["pipeline.yaml:3:", "k.deeper"]);
    refused("vars: [nothing.yaml]\nstages:\n  a:\n    cmd: x\n").tells(&["nothing.yaml"]);
}

#[test]
fn cycles() {
    snapshot!(refused(
        "stages:\n  a:\n    cmd: x\n    deps: [c.out]\n    outs: [a.out]\n  b:\n    cmd: x\n    deps: [a.out]\n    outs: [b.out]\n  c:\n    cmd: x\n    deps: [b.out]\n    outs: [c.out]\n"
    ), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:2:3: stages depend on each other in a circle: a -> b -> c -> a
    ");
    snapshot!(refused("stages:\n  a:\n    cmd: x\n    deps: [o]\n    outs: [o]\n"), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:2:3: stage `a` has `o` both as dep and as out
    ");
}

#[test]
fn outs_of_two_stages() {
    snapshot!(refused("stages:\n  a:\n    cmd: x\n    outs: [o]\n  b:\n    cmd: x\n    outs: [./sub/../o]\n"), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:5:3: `o` is an out of both stage `a` and stage `b`
    ");
    snapshot!(refused("stages:\n  a:\n    cmd: x\n    outs: [o]\n  b:\n    cmd: x\n    metrics: [o/m.json]\n"), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:5:3: out `o/m.json` of stage `b` lies inside out `o` of stage `a`
    ");
    refused("stages:\n  a:\n    cmd: x\n    outs: [o, o]\n").tells(&["pipeline.yaml:", "`o` twice"]);
}

#[test]
fn outs_that_would_destroy_the_project() {
    for (out, told) in [
        (".", "project root"),
        ("sub/..", "project root"),
        (".git", ".git"),
        (".git/config", ".git"),
        (".pipe", ".pipe"),
        (".pipe/cache", ".pipe"),
        (".PIPE/x", ".PIPE"),
        ("pipeline.yaml", "pipeline.yaml"),
        ("pipeline.lock", "pipeline.lock"),
        ("params.yaml", "params.yaml"),
        ("conf", "conf/more.yaml"),
        ("../outside", "../outside"),
        ("/tmp/outside", "/tmp/outside"),
    ] {
        let sandbox = Sandbox::with_pipeline(&format!(
            "stages:\n  a:\n    cmd: touch ran\n    params: [k, {{conf/more.yaml: [k]}}]\n    outs: ['{out}']\n"
        ));
        sandbox.write("params.yaml", "k: 1\n");
        sandbox.write("conf/more.yaml", "k: 1\n");
        sandbox.pipe(["repro"]).code(2).tells(&["pipeline.yaml:", told]);
        assert!(!sandbox.exists("ran"), "{out}");
        assert!(sandbox.exists(".git/HEAD") && sandbox.exists("conf/more.yaml"), "{out}");
    }
}

#[test]
fn outs_that_git_tracks() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: touch ran; echo new > kept/out\n    outs: [kept/out]\n",
    );
    sandbox.write("kept/out", "in git\n");
    sandbox.commit("all");
    snapshot!(sandbox.pipe(["repro"]), @"
    exit: 2
    --- stderr
    Failed a: git tracks its out `kept/out`; run `git rm -r --cached 'kept/out'` to let pipe keep it, or declare it with `cache: false` to let git keep it.
    1 stage: 1 failed.
    ");
    sandbox.edit("pipeline.yaml", "outs: [kept/out]", "outs: [kept]");
    snapshot!(sandbox.pipe(["repro"]), @"
    exit: 2
    --- stderr
    Failed a: git tracks `kept/out` in its out `kept`; run `git rm -r --cached 'kept'` to let pipe keep it, or declare it with `cache: false` to let git keep it.
    1 stage: 1 failed.
    ");
    assert_eq!((sandbox.read("kept/out"), sandbox.exists("ran")), ("in git\n".into(), false));
    sandbox.edit("pipeline.yaml", "outs: [kept]", "outs: [{kept/out: {cache: false}}]");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("kept/out"), "new\n");
}

#[test]
fn a_corrupt_lock() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    let good = sandbox.read("pipeline.lock");
    let bad = [
        ("pipeline.lock:", "schema: 1\nstages: [".to_owned()),
        ("schema", good.replace("schema: 1", "schema: 99")),
        ("pipeline.lock:", good.replacen("blake3:", "blake3:zz", 1)),
        ("pipeline.lock:", good.replace("size: 4", "size: -4")),
        ("../evil", good.replacen("path: first.txt", "path: ../evil", 1)),
        (".git/hooks", good.replacen("path: first.txt", "path: .git/hooks/pre-commit", 1)),
        ("/etc/passwd", good.replacen("path: first.txt", "path: /etc/passwd", 1)),
        ("pipeline.lock", "<<<<<<< ours\nschema: 1\n=======\nschema: 1\n>>>>>>> theirs\n".to_owned()),
    ];
    for (told, text) in bad {
        assert_ne!(text, good);
        sandbox.write("pipeline.lock", &text);
        for command in [&["repro"][..], &["status"]] {
            sandbox.pipe(command).code(2).tells(&["pipeline.lock", told]);
        }
        assert_eq!(sandbox.read("pipeline.lock"), text, "it is for a person to judge");
    }
    sandbox.write("pipeline.lock", good);
    sandbox.ok(["status", "-q"]);
}

#[test]
fn a_corrupt_journal() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    let line = "deadbeef {\"version\":1}\n";
    sandbox.write(".pipe/journal", format!("{line}{line}"));
    // Bad lines at the end were torn by a crash; they never told anything.
    sandbox.ok(["status", "-q"]);
    let record = r#"{"version":99,"stage":{"file":"pipeline.yaml","name":"first"},"lock":{}}"#;
    let _ = record;
    sandbox.write(".pipe/journal", b"\xff\xfe\x00garbage\n");
    sandbox.pipe(["status"]);
    sandbox.remove(".pipe/journal");
    std::fs::create_dir(sandbox.path(".pipe/journal")).unwrap();
    sandbox.pipe(["status"]).code(2).tells(&[".pipe/journal"]);
}

#[test]
fn damage_in_the_middle_of_a_journal() {
    // Two finished stages in the journal of a killed process, and then a bit that flips in the first.
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: echo 1 > a\n    outs: [a]\n  b:\n    cmd: echo 2 > b\n    deps: [a]\n    outs: [b]\n  c:\n    cmd: echo $$ > shell; touch up; sleep 60\n    deps: [b]\n",
    );
    let started = sandbox.start(sandbox.pipe_command(["repro", "-j", "1"]));
    sandbox.await_file("up");
    started.signal("KILL");
    started.wait();
    let good = sandbox.read(".pipe/journal");
    sandbox.write(".pipe/journal", good.replacen("echo 1", "echo 7", 1));
    let said = sandbox.pipe(["repro", "a"]).code(2);
    said.tells(&["ROOT/.pipe/journal:1: damaged journal record", "hint: "]);
    sandbox.write(".pipe/journal", good);
    sandbox.ok(["repro", "a"]);
}

#[test]
fn a_corrupt_state_costs_time_only() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    for text in ["", "garbage", "pipest\0\u{1}garbage"] {
        sandbox.write(".pipe/state", text);
        // Otherwise the verdict is recalled, and nobody asks the state.
        let _ = std::fs::remove_file(sandbox.path(".pipe/tmp/up-to-date"));
        sandbox.ok(["status", "-q"]).tells(&["the state file ROOT/.pipe/state is damaged and not used"]);
        assert!(sandbox.ok(["status", "-q"]).stderr.is_empty(), "it was written anew");
    }
}

#[test]
fn a_corrupt_run_store() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    for file in sandbox.files(".pipe").iter().filter(|file| file.starts_with(".pipe/runs.db-")) {
        sandbox.remove(file);
    }
    sandbox.write(".pipe/runs.db", "this is no database, and long enough to be looked at as one by anybody");
    for command in [&["runs", "list"][..], &["runs", "show", "x"], &["params", "diff", "run:x"]] {
        sandbox.pipe(command).code(2).tells(&["ROOT/.pipe/runs.db"]);
    }
    // Tracking never fails a stage.
    sandbox.write("input", "two\n");
    let said = sandbox.ok(["repro"]).tells(&["recorded by a later pipe command", ".pipe/runs.db"]);
    assert_eq!(said.stderr.matches("warning: ").count(), 1, "{}", said.stderr);
    assert_eq!(sandbox.read("second.txt"), "two\n");
    assert!(sandbox.read(".pipe/runs.db").starts_with("this is no database"), "it is left for a look");
    // Moved away, it makes room for one that gets what waits.
    sandbox.remove(".pipe/runs.db");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.stage_run("second")["status"], "FINISHED");
}

#[test]
fn a_run_store_of_a_newer_version() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    let store = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
    store.pragma_update(None, "user_version", 999).unwrap();
    drop(store);
    sandbox.pipe(["runs", "list"]).code(2).tells(&["ROOT/.pipe/runs.db", "newer", "999"]);
    sandbox.write("input", "two\n");
    sandbox.ok(["repro"]).tells(&["recorded by a later pipe command", "newer"]);
}

#[test]
fn no_git() {
    let sandbox = Sandbox::without_git();
    sandbox.write("pipeline.yaml", crate::repro::CHAIN);
    sandbox.write("input", "one\n");
    sandbox.write("params.yaml", "factor: 1\n");
    sandbox.ok(["repro"]);
    assert!(!sandbox.exists(".gitignore"));
    let run = sandbox.stage_run("first");
    assert!(run["tags"]["git.commit"].is_null());
    // A repository whose git program is gone: stages run, comparisons with a commit say what they lack.
    let sandbox = chain();
    sandbox.commit("first");
    let without = |arguments: &[&str]| {
        let mut command = sandbox.pipe_command(arguments);
        let programs = sandbox.root().with_file_name("bin");
        std::fs::create_dir_all(&programs).unwrap();
        for name in ["sh", "cat", "echo"] {
            let _ = std::os::unix::fs::symlink(format!("/bin/{name}"), programs.join(name));
        }
        command.env("PATH", programs);
        sandbox.finish(command)
    };
    without(&["repro"]).code(0);
    assert_eq!(sandbox.read("second.txt"), "one\n");
    without(&["params", "diff", "HEAD"]).code(2).tells(&["failed to start git"]);
}

#[test]
fn two_reproductions_at_once() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: echo a >> ran; touch up; while [ ! -e go ] && [ -e up ]; do sleep 0.01; done; echo 1 > out\n    outs: [out]\n",
    );
    let first = sandbox.start(sandbox.pipe_command(["repro"]));
    sandbox.await_file("up");
    let said = sandbox.pipe(["repro", "--no-wait"]).code(2);
    said.tells(&["`pipe repro` (pid ", "is at work on stage a"]);
    let second = sandbox.start(sandbox.pipe_command(["repro"]));
    second.await_told("Waiting with a");
    // Readers wait for nobody.
    assert_eq!(sandbox.states(), "a:stale");
    sandbox.ok(["runs", "list"]);
    sandbox.write("go", "");
    first.wait().code(0);
    second.wait().code(0).tells(&[
        "Waiting with a: `pipe repro` (pid ",
        "is at work on stage a.",
        "Everything is up to date",
    ]);
    assert_eq!(sandbox.count("ran", "a"), 1);
}

#[test]
fn a_cache_entry_that_lies() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    let entries: Vec<String> =
        sandbox.files(".pipe/cache").into_iter().filter(|file| file.ends_with(".json")).collect();
    assert!(!entries.is_empty(), "{:?}", sandbox.files(".pipe/cache"));
    for entry in &entries {
        let text = sandbox.read(entry).replace("first.txt", "../evil").replace("second.txt", ".git/config");
        std::fs::remove_file(sandbox.path(entry)).unwrap();
        sandbox.write(entry, text);
    }
    for name in ["pipeline.lock", "first.txt", "second.txt"] {
        sandbox.remove(name);
    }
    sandbox.ok(["repro"]);
    assert!(!sandbox.root().with_file_name("evil").exists());
    assert_eq!((sandbox.read("second.txt"), sandbox.count("ran", "first")), ("one\n".into(), 2));
}

#[test]
fn odd_names_are_taken_as_they_are_or_refused() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  \"läuft gut\":\n    cmd: cat 'in put' > 'o\"ut $x é'\n    deps: ['in put']\n    outs: ['o\"ut $x é']\n",
    );
    sandbox.write("in put", "1");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("o\"ut $x é"), "1");
    sandbox.ok(["repro"]).tells(&["Everything is up to date"]);
    for name in ["a.b", "a/b", "''", "a:b", "a@b"] {
        refused(&format!("stages:\n  {name}:\n    cmd: x\n")).tells(&["pipeline.yaml:2:3"]);
    }
}

#[test]
fn a_lock_is_no_dep() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: echo 1 > out\n    deps: [pipeline.lock]\n    outs: [out]\n",
    );
    snapshot!(sandbox.pipe(["repro"]), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:2:3: dep `pipeline.lock` of stage `a` is a lock, which changes whenever a stage runs
    hint: name what the stages there write instead
    ");
}

#[test]
fn words_of_other_tools_are_translated() {
    let sandbox = Sandbox::new();
    snapshot!(sandbox.pipe(["run", "x"]), @"
    exit: 2
    --- stderr
    error: unrecognized subcommand 'run'

      tip: `pipe repro` runs what is stale; `pipe stage add` writes a stage

    Usage: pipe [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    sandbox.pipe(["exp", "show"]).code(2).tells(&["tip: `pipe repro` records every run: `pipe runs list`"]);
    sandbox.pipe(["statsu"]).code(2).tells(&["'status'"]);
    for (words, tells) in [
        (["runs", "search"], "`pipe runs list --where FILTER`"),
        (["runs", "ls"], "`pipe runs list"),
        (["runs", "create"], "`pipe runs start`"),
        (["models", "serve"], "`pipe models download`"),
        (["models", "ls"], "`pipe models list`"),
        (["log", "params"], "`pipe log param KEY=VALUE…`"),
        (["registry", "list"], "`pipe models` is the registry"),
        (["create-study", "--direction"], "a stage with `matrix`"),
    ] {
        sandbox.pipe(words).code(2).tells(&["tip: ", tells]);
    }
    for (words, tells) in [
        (&["gc", "-w", "--not-in-remote"][..], "`pipe push` first"),
        (&["install", "--use-pre-commit-tool"], "`pipe install` writes its hooks beside"),
        (&["config", "--system", "core.remote", "x"], "`--user` is for all projects"),
    ] {
        sandbox.pipe(words).code(2).tells(&["tip: ", tells]);
    }
    for (words, tells) in [
        (&["destroy"][..], "`pipe unprotect`"),
        (&["exp", "run"], "`pipe repro` records every run"),
        (&["queue", "start"], "`pipe repro -j`"),
        (&["import-db", "--sql", "x"], "a stage runs the query"),
        (&["artifacts", "get", "x"], "`pipe models` is the registry"),
        (&["studio", "login"], "tip: "),
        (&["daemon", "updater"], "leaves no process behind"),
        (&["dataset", "add"], "`pipe import`"),
        (&["git-hook", "pre-push"], "`pipe install`"),
        (&["ls-url", "x"], "`pipe list`"),
        (&["unfrozen", "x"], "`pipe unfreeze`"),
        (&["cache", "migrate"], "read where it lies"),
        (&["plots", "templates"], "`--template NAME`"),
        (&["update", "--to-remote", "x"], "`pipe push`"),
        (&["update", "-f", "x"], "`pipe checkout -f DATA`"),
        (&["repro", "-n"], "`--dry` tells"),
        (&["add", "-R", "x"], "`pipe add FOLDER/*`"),
        (&["add", "--recursive", "x"], "`pipe add FOLDER/*`"),
        (&["commit", "--data-only"], "`pipe commit DATA`"),
        (&["import-url", "--version-aware", "x"], "keep no versions"),
        (&["init", "-f"], "leaves what there is"),
        (&["remote", "list", "--local"], "`pipe config --list --local`"),
        (&["plots", "show", "--open"], "`--format text`"),
    ] {
        sandbox.pipe(words).code(2).tells(&["tip: ", tells]);
    }
}

/// A comment in Latin-1, which git takes.
#[test]
fn an_ignore_file_that_is_not_utf8_keeps_its_bytes() {
    let sandbox = Sandbox::new();
    sandbox.write("data", "1");
    let text = b"# \xe9t\xe9\n*.tmp\n";
    sandbox.write(".gitignore", text);
    sandbox.ok(["add", "data"]);
    assert_eq!(sandbox.bytes(".gitignore"), [&text[..], b"/data\n"].concat());
    sandbox.ok(["remove", "data.pipe"]);
    assert_eq!(sandbox.bytes(".gitignore"), text);
}

#[test]
fn a_name_that_leaves_no_room_for_its_pointers_is_told() {
    for is_dvc in [false, true] {
        let sandbox = crate::bad_data::data(is_dvc);
        let name = "x".repeat(255);
        sandbox.write(&format!("sub/{name}"), "1");
        sandbox.write(&name, "1");
        let said = sandbox.pipe(["add", &format!("sub/{name}")]).code(2);
        said.tells(&[
            "the name of its pointer",
            "would be too long",
            "add the folder sub, or rename the data",
        ]);
        sandbox.pipe(["add", &name]).code(2).tells(&["add a folder around it, or rename the data"]);
        sandbox.ok(["add", "sub"]);
    }
}

/// The project may well be written to.
#[test]
fn a_cache_elsewhere_that_may_not_be_entered_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("data", "1");
    sandbox.ok(["config", "cache.dir", "../elsewhere"]);
    std::fs::create_dir(sandbox.path("../elsewhere")).unwrap();
    crate::bad_data::set_mode(&sandbox, "../elsewhere", 0);
    let said = crate::bad_data::as_nobody(&sandbox, &["add", "data"]).code(2);
    assert!(said.stderr.contains("nothing can be written into the cache"), "{}", said.stderr);
    assert!(!said.stderr.contains("the project"), "{}", said.stderr);
}
