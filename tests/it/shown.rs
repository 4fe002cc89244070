//! What a person sees: names that are hostile, lines that are long, lists that have no end, and nothing when asked so.

use serde_json::json;

use crate::harness::{Sandbox, snapshot};

/// What `pipe` shows on a terminal of so many columns, without our own sequences.
fn on_terminal(sandbox: &Sandbox, columns: u16, arguments: &str) -> String {
    let mut command = sandbox.program("script");
    let pipe = format!("stty rows 24 cols {columns}; {} {arguments}", env!("CARGO_BIN_EXE_pipe"));
    command.args(["--quiet", "--return", "--command", &pipe, "/dev/null"]).env("TERM", "xterm");
    let said = sandbox.finish(command).stdout.replace('\r', "");
    console_free(&said)
}

/// Without escape sequences.
fn console_free(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => drop(rest.by_ref().find(char::is_ascii_alphabetic)),
            c => plain.push(c),
        }
    }
    plain
}

fn remote(sandbox: &Sandbox) {
    let folder = sandbox.root().with_file_name("remote");
    sandbox.ok(["remote", "add", "-q", "-d", "near", folder.to_str().unwrap()]);
}

#[test]
fn names_that_move_the_cursor_are_shown_on_one_line() {
    let name = "a\nb\u{1b}[31m\r.csv";
    let pointer = format!("{name}.pipe");
    let sandbox = Sandbox::with_pipeline(&format!(
        "stages:\n  s: {{cmd: 'cat a* > o', deps: [{}], outs: [o]}}\n",
        serde_json::to_string(name).unwrap()
    ));
    sandbox.ok(["init"]);
    sandbox.write(name, "1");
    sandbox.write(&format!("data/{name}"), "2");
    remote(&sandbox);
    let mut seen = 0;
    let mut look = |arguments: &[&str]| {
        let said = sandbox.pipe(arguments);
        for text in [&said.stdout, &said.stderr] {
            assert!(!text.contains("a\nb") && !text.contains(['\u{1b}', '\r']), "{arguments:?}: {text}");
            seen += text.matches(r"a\nb").count();
        }
        said.code_of()
    };
    assert_eq!(look(&["add", name, "data"]), Some(0));
    for arguments in [
        &["status"][..],
        &["repro"],
        &["list", "-R"],
        &["list", "--tree"],
        &["list", "--size"],
        &["du"],
        &["dag"],
        &["dag", "--outs"],
        &["dag", "--dot"],
        &["stage", "list"],
        &["data", "status", "--granular"],
        &["push", "--dry"],
        &["push"],
        &["status", "-c"],
    ] {
        assert!(matches!(look(arguments), Some(0 | 2)), "{arguments:?}");
    }
    sandbox.commit("all");
    sandbox.write(name, "3");
    sandbox.remove("data");
    for arguments in [
        &["status"][..],
        &["data", "status", "--granular"],
        &["diff"],
        &["diff", "--md"],
        &["checkout"],
        &["checkout", "-f"],
        &["unprotect", name],
        &["add", "no\nfile"],
        &["checkout", "no\nfile"],
        &["move", name, "data"],
        &["move", name, "a\nb.new"],
        &["remove", "a\nb.new.pipe"],
    ] {
        look(arguments);
    }
    assert!(seen > 30, "{seen}");
    sandbox.git(["checkout", "-q", "."]);
    let all = sandbox.json(["list", "-R", "--json"]);
    let paths: Vec<&str> =
        all.as_array().unwrap().iter().filter_map(|entry| entry["path"].as_str()).collect();
    assert!(paths.contains(&name) && paths.contains(&format!("data/{name}").as_str()), "{paths:?}");
    let state = sandbox.json(["status", "--json"]);
    assert!(state["stages"].as_array().unwrap().iter().any(|stage| stage["stage"] == pointer), "{state}");
}

#[test]
fn what_git_is_to_be_given_can_be_copied() {
    let sandbox = Sandbox::new();
    sandbox.ok(["init"]);
    sandbox.write("a\nb", "1");
    let said = sandbox.ok(["add", "a\nb"]);
    let line = said.stderr.lines().find_map(|line| line.strip_prefix("To version the change: ")).unwrap();
    let mut shell = sandbox.program("bash");
    shell.args(["-c", line]);
    sandbox.finish(shell).code(0);
    assert!(sandbox.git(["diff", "--cached", "--name-only", "-z"]).contains("a\nb.pipe"));
    for at in 0..30 {
        sandbox.write(&format!("in/deep/{at}.csv"), at.to_string());
    }
    let mut command = sandbox.pipe_command(["add", "--glob", "deep/*.csv"]);
    command.current_dir(sandbox.path("in"));
    snapshot!(sandbox.finish(command), @"
    exit: 0
    --- stderr
    Added in/deep/0.csv (1 B).
    Added in/deep/1.csv (1 B).
    Added in/deep/10.csv (2 B).
    Added in/deep/11.csv (2 B).
    Added in/deep/12.csv (2 B).
    Added in/deep/13.csv (2 B).
    … 30 in all, 30 of them new or changed.
    To version the change: git add 'deep/*.pipe' deep/.gitignore
    ");
    let mut shell = sandbox.program("bash");
    shell.args(["-c", "git add 'deep/*.pipe' deep/.gitignore"]).current_dir(sandbox.path("in"));
    sandbox.finish(shell).code(0);
    assert_eq!(sandbox.git(["diff", "--cached", "--name-only"]).matches("in/deep/").count(), 31);
}

#[test]
fn long_lines_are_wrapped_between_words_on_a_terminal() {
    let sandbox = Sandbox::with_pipeline(&format!(
        "stages:\n  s: {{cmd: 'true {}--epochs 100 --seed 1{}'}}\n",
        "--first 1 ".repeat(10),
        " --more 2".repeat(10)
    ));
    sandbox.ok(["init"]);
    sandbox.ok(["repro"]);
    sandbox.edit("pipeline.yaml", "100", "200");
    assert_eq!(
        on_terminal(&sandbox, 80, "status"),
        "s: stale\n  has neither deps, params nor outs\n  command changed: … --epochs 100 --seed … -> … --epochs 200 --seed \
         …\n"
    );
    for (columns, arguments) in
        [(80, "checkout nothing"), (80, "gc"), (60, "status"), (140, "gc"), (60, "move s x")]
    {
        let shown = on_terminal(&sandbox, columns, arguments);
        let widest = shown.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= usize::from(columns), "{columns} {arguments}: {shown}");
    }
    // What is no terminal gets whole lines.
    let said = sandbox.pipe(["gc"]).code(2);
    assert_eq!(said.stderr.lines().count(), 2, "{}", said.stderr);
}

#[test]
fn tables_of_runs_fit_a_terminal_whatever_was_logged() {
    let sandbox = Sandbox::new();
    let huge = format!("huge={}", "x".repeat(3000));
    let runs = ["a", "b"].map(|name| {
        let run = sandbox.ok(["runs", "start", "--name", name]).stdout.trim().to_owned();
        let (lr, key) = (format!("lr={name}"), format!("{}=1", "a.long.key/".repeat(4) + name));
        sandbox.ok(["log", "param", &huge, &lr, &key, "--run", &run]);
        sandbox.ok(["log", "tag", &huge, "--run", &run]);
        sandbox.ok(["log", "metric", "acc", "0.1234567890123456", "--run", &run]);
        sandbox.ok(["runs", "end", &run]);
        run
    });
    for columns in [80, 140] {
        for arguments in [
            "runs list --columns id,params.huge,params.lr,tags.huge".to_owned(),
            "runs show last --all".to_owned(),
            format!("runs compare --all {} {}", runs[0], runs[1]),
        ] {
            let shown = on_terminal(&sandbox, columns, &arguments);
            let widest = shown.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(
                widest <= usize::from(columns) && shown.contains("xxx…"),
                "{columns} {arguments}: {shown}"
            );
        }
    }
    let list = sandbox.json(["runs", "list", "--json", "--columns", "params.huge"]);
    assert_eq!(list[0]["params.huge"].as_str().unwrap().len(), 3000);
}

#[test]
fn of_many_that_are_missing_the_first_are_named() {
    let sandbox = Sandbox::new();
    sandbox.ok(["init"]);
    for at in 10..40 {
        sandbox.write(&format!("f{at}"), at.to_string());
    }
    sandbox.ok(["add", "--glob", "f*"]);
    remote(&sandbox);
    sandbox.remove(".pipe/cache");
    snapshot!(sandbox.pipe(["push"]), @"
    exit: 1
    --- stderr
    f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, and 20 more: neither the cache nor remote `near` has it; who has the data can `pipe push` it, and `pipe commit` stores it where it lies
    `--json` names them all
    0 files pushed to near, 0 B, 0 up to date.
    ");
    for at in 10..40 {
        sandbox.remove(&format!("f{at}"));
    }
    let said = sandbox.pipe(["checkout"]).code(1);
    assert_eq!(said.stderr.lines().count(), 11, "{}", said.stderr);
    let said = said.tells(&["Cannot bring back f10: ", "and 20 more that cannot be brought back"]);
    assert!(!said.stderr.contains("f20"), "{}", said.stderr);
    assert_eq!(sandbox.pipe(["status"]).code(2).stderr, "", "the list says it");
    let said = sandbox.pipe(["status", "-q"]).code(2);
    let error = said.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(error.contains("; and 20 more") && error.len() < 1200, "{error}");
}

#[test]
fn quiet_commands_print_nothing() {
    let sandbox = Sandbox::new();
    let quiet = |arguments: &[&str]| {
        let said = sandbox.ok(std::iter::once(&"-q").chain(arguments));
        assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""), "{arguments:?}");
    };
    quiet(&["init"]);
    sandbox.write("d/a", "1");
    sandbox.write("e", "1");
    quiet(&["add", "d", "e"]);
    quiet(&["stage", "add", "-n", "s", "-d", "d", "-o", "o", "cat d/a > o"]);
    quiet(&["repro"]);
    remote(&sandbox);
    quiet(&["push"]);
    sandbox.commit("all");
    sandbox.write("d/a", "2");
    quiet(&["commit", "d.pipe"]);
    sandbox.remove("d");
    quiet(&["checkout"]);
    sandbox.remove("d");
    quiet(&["checkout", "--summary"]);
    quiet(&["push"]);
    sandbox.remove("d");
    sandbox.remove(".pipe/cache");
    quiet(&["fetch"]);
    quiet(&["pull"]);
    assert_eq!(sandbox.read("d/a"), "2");
    quiet(&["checkout", "--relink"]);
    quiet(&["unprotect", "d"]);
    quiet(&["update"]);
    quiet(&["repro"]);
    quiet(&["freeze", "s"]);
    quiet(&["unfreeze", "s"]);
    quiet(&["move", "e", "g"]);
    quiet(&["remove", "g.pipe"]);
    quiet(&["get-url", "g", "h"]);
    quiet(&["import-url", "h", "i"]);
    quiet(&["stage", "remove", "s"]);
    quiet(&["gc", "-w", "-f"]);
    quiet(&["gc", "-w", "-f", "-r", "near"]);
    quiet(&["install"]);
    quiet(&["status"]);
}

#[test]
fn a_project_that_was_just_begun_has_nothing_to_do() {
    for folder in [".pipe", ".dvc"] {
        let sandbox = Sandbox::new();
        sandbox.write(&format!("{folder}/.gitignore"), "/tmp\n");
        for command in ["status", "checkout", "push", "pull", "fetch", "commit", "dag", "list", "data status"]
        {
            let words: Vec<&str> = command.split(' ').collect();
            sandbox.ok(&words);
            sandbox.ok(words.iter().chain(&["-q"]));
        }
        assert!(sandbox.ok(["status"]).stdout.starts_with("There are no stages and no data yet"));
        let nothing = if folder == ".dvc" { json!({}) } else { json!({ "stages": [] }) };
        assert_eq!(sandbox.json(["status", "--json"]), nothing);
        sandbox.pipe(["repro"]).code(2).tells(&["there is no "]);
        sandbox.pipe(["move", "a", "b"]).code(2).tells(&["hint: `pipe stage add` describes a stage"]);
    }
}

#[test]
fn help_and_titles_fit_the_terminal() {
    let sandbox = Sandbox::with_pipeline("stages:\n  a:\n    cmd: cp n o\n    deps: [n]\n    outs: [o]\n");
    for n in ["1", "2"] {
        sandbox.write("n", n);
        sandbox.ok(["repro"]);
    }
    let widest = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap();
    for columns in [60, 80, 140] {
        for arguments in ["--help", "gc --help", "diff -h", "diff a"] {
            let shown = on_terminal(&sandbox, columns, arguments);
            assert!(widest(&shown) <= usize::from(columns).min(100), "{arguments} at {columns}:\n{shown}");
        }
    }
    // Nobody's terminal: as it is in the documentation.
    let help = sandbox.ok(["gc", "--help"]).stdout;
    assert!((90..=100).contains(&widest(&help)), "{help}");
    assert!(widest(&sandbox.ok(["diff", "a"]).stdout) <= 80);
}
