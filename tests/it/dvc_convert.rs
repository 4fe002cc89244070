//! `pipe convert`: a project of ours from one that the real DVC made.

use crate::dvc_tool::{Dvc, pipe, project, stale};
use crate::harness::{Sandbox, Started};

const STAGES: &str = "# kept\nstages:\n  one:\n    cmd: echo run >> ../log && mkdir -p d && cp data/a d/a\n    deps: [data]\n    \
                      params: [x]\n    outs: [d]\n  two:\n    cmd: |\n      echo run >> ../log\n      cat d/a in > out\n    deps: [d, \
                      in]\n    outs: [out]\n    meta: {pipe: {timeout: 1h}}\n";

#[test]
fn what_is_here_and_up_to_date_is_converted() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("dvc.yaml", STAGES);
    sandbox.write("params.yaml", "x: 1\n");
    sandbox.write("data/a", "1\n");
    sandbox.write("gone", "2\n");
    sandbox.write("in", "3\n");
    dvc.ok(&sandbox, &["add", "-q", "data", "gone"]);
    dvc.ok(&sandbox, &["repro", "-q"]);
    sandbox.write("in", "4\n");
    sandbox.remove("gone");
    sandbox.remove(".dvc/cache/files/md5/26");
    sandbox.commit("one");
    let before = sandbox.files("");
    let said = pipe(&sandbox, &["convert", "--dry"]).code(0);
    let _ = said.tells(&[
        "Would write pipeline.yaml",
        "Would write data.pipe",
        "Would record the results of 1 stage",
    ]);
    let files: Vec<String> = sandbox.files("").into_iter().filter(|file| !file.contains("/tmp/")).collect();
    assert_eq!(
        files,
        before.into_iter().filter(|file| !file.contains("/tmp/")).collect::<Vec<_>>(),
        "--dry changes nothing"
    );
    // What is neither here nor in the cache would lose its record.
    pipe(&sandbox, &["convert"]).code(2).tells(&["gone of gone.dvc", "`pipe pull` first"]);
    assert!(sandbox.exists("gone.dvc") && !sandbox.exists(".pipe"));
    pipe(&sandbox, &["convert", "-f"]).code(1).tells(&[
        "Wrote pipeline.yaml",
        "Wrote data.pipe",
        "Recorded the results of 1 stage",
        "the result of stage two, which is not up to date",
        "gone of gone.dvc, which is not here as recorded",
        "the shells of stage two, one for each line: all lines run in one now",
        "`meta.pipe` of stage two",
        ".dvc-converted",
        "converted without 1 record of data that is not here",
    ]);
    assert_eq!(sandbox.read("pipeline.yaml"), STAGES);
    assert!(!sandbox.exists("dvc.yaml") && !sandbox.exists(".dvc") && !sandbox.exists("data.dvc"));
    assert!(
        sandbox.read("pipeline.lock").contains("blake3:") && sandbox.read("data.pipe").contains("blake3:")
    );
    assert_eq!(stale(&sandbox).into_iter().collect::<Vec<_>>(), ["two"]);
    pipe(&sandbox, &["repro"]).code(0);
    assert_eq!(sandbox.read("../log").lines().count(), 3, "stage one did not run again");
    // The bytes are in the new cache.
    sandbox.remove("data");
    sandbox.remove("d");
    pipe(&sandbox, &["checkout"]).code(0);
    assert_eq!((sandbox.read("data/a"), sandbox.read("d/a")), ("1\n".to_owned(), "1\n".to_owned()));
    pipe(&sandbox, &["convert"]).code(2).tells(&["is no DVC project"]);
}

/// What one command made is not recorded as what another one did.
#[test]
fn what_would_not_be_found_any_more_is_not_converted() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write(".hidden/x", "1\n");
    dvc.ok(&sandbox, &["add", "-q", ".hidden/x"]);
    sandbox.commit("one");
    pipe(&sandbox, &["convert"])
        .code(2)
        .tells(&["a project of pipe does not enter .hidden", "nothing was changed"]);
    assert!(sandbox.exists(".hidden/x.dvc") && !sandbox.exists(".pipe"));
}

#[test]
fn commands_that_become_others_run_anew() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("params.yaml", "lr: 1e-5\n");
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: echo ${lr} > a.txt\n    outs: [a.txt]\n  b:\n    cmd: echo 1 > b.txt\n    outs: [b.txt]\n  \
         l:\n    foreach: [1e-5, x]\n    do:\n      cmd: echo ${item} > l-${item}.txt\n      outs: ['l-${item}.txt']\n",
    );
    dvc.ok(&sandbox, &["repro", "-q"]);
    sandbox.commit("one");
    for arguments in [&["convert", "--dry"][..], &["convert"]] {
        let said = pipe(&sandbox, arguments).code(0);
        said.tells(&["results of 2 stages", "`echo 1e-05 > a.txt` is `echo 1e-5 > a.txt` now", "l@1e-05"]);
    }
    let states = sandbox.states();
    assert_eq!(states.matches("fresh").count(), 2, "{states}");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("a.txt"), "1e-5\n");
}

#[test]
fn settings_and_ignore_files_come_along_and_earlier_commits_can_be_compared() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let config = "[core]\n    remote = near\n    autostage = false\n[cache]\n    type = copy\n['remote \"near\"']\n    url = \
                  ../../near\n['remote \"far\"']\n    url = https://far/x\n    password = hunter2\n";
    sandbox.write(".dvc/config", config);
    sandbox.write(".dvcignore", "*.tmp\n");
    sandbox.write("sub/.dvcignore", "/skip\n");
    sandbox.write("params.yaml", "x: 1\n");
    let stage = "stages:\n  a:\n    cmd: 'cat data/a > o; echo \"{\\\"m\\\": $(cat data/a)}\" > m.json'\n    deps: [data]\n    \
                 params: [x]\n    outs: [o]\n    metrics: [m.json]\n";
    sandbox.write("dvc.yaml", stage);
    sandbox.write("data/a", "1\n");
    dvc.ok(&sandbox, &["add", "-q", "data"]);
    dvc.ok(&sandbox, &["repro", "-q"]);
    sandbox.write("data/b.tmp", "ignored\n");
    sandbox.write(".gitattributes", "dvc.lock merge=pipe\n*.dvc merge=pipe\n*.bin -diff\n");
    sandbox.commit("one");
    sandbox.write("params.yaml", "x: 2\n");
    // What git could not bring back is not begun with.
    pipe(&sandbox, &["convert"]).code(1).tells(&["not committed", "convert with `-f`"]);
    assert!(sandbox.exists("dvc.yaml") && !sandbox.exists("pipeline.yaml"));
    sandbox.write("params.yaml", "x: 1\n");
    let before = sandbox.git(["status", "--porcelain"]);
    let said = pipe(&sandbox, &["convert"]).code(0).tells(&[
        "Wrote .pipeignore.",
        "Wrote sub/.pipeignore.",
        "Set remote.near.url to ../near.",
        "Set core.remote to near.",
        "Set cache.link_types to copy.",
        "Recorded the results of 1 stage",
        "Has pipe merge its own locks and pointers, by .gitattributes.",
        "https://far/x",
        "`remote \"far\".password`",
        "`core.autostage`",
        "sh .dvc-converted/undo.sh",
        "git worktree add",
    ]);
    assert!(!said.stderr.contains("hunter2"), "{}", said.stderr);
    assert_eq!(sandbox.read(".gitattributes"), "pipeline.lock merge=pipe\n*.pipe merge=pipe\n*.bin -diff\n");
    assert!(stale(&sandbox).is_empty(), "what is ignored is no part of the data");
    pipe(&sandbox, &["push"]).code(0);
    assert!(sandbox.exists("../near/blake3"));
    // What git has not yet is compared with nothing, and the rest is told.
    let told =
        pipe(&sandbox, &["data", "status"]).code(0).tells(&["the last commit is from before `pipe convert`"]);
    assert_eq!(told.stdout, "No changes.\n");
    sandbox.write("data/c", "3\n");
    let told = pipe(&sandbox, &["data", "status", "--granular", "--json"]).code(0).json();
    assert_eq!(told["uncommitted"]["added"], serde_json::json!(["data/c"]), "{told}");
    assert_eq!(told["committed"]["added"], serde_json::json!([]), "{told}");
    sandbox.remove("data/c");
    // Earlier commits are DVC's, and are compared with all the same.
    sandbox.write("data/a", "2\n");
    sandbox.write("params.yaml", "x: 3\n");
    pipe(&sandbox, &["add", "data"]).code(0);
    pipe(&sandbox, &["repro"]).code(0);
    for (what, file, old, new) in [("metrics", "m.json", 1, 2), ("params", "params.yaml", 1, 3)] {
        let said = pipe(&sandbox, &[what, "diff", "HEAD", "--json"]).code(0);
        let found = said.json().to_string();
        assert!(found.contains(file) && found.contains(&format!("\"old\":{old}")), "{found}");
        assert!(found.contains(&format!("\"new\":{new}")), "{found}");
    }
    pipe(&sandbox, &["diff", "HEAD"]).code(2).tells(&["from before `pipe convert`"]);
    // And the way back.
    let mut undo = sandbox.program("/bin/sh");
    undo.arg(".dvc-converted/undo.sh");
    sandbox.finish(undo).code(0);
    sandbox.git(["checkout", "--quiet", "--", "params.yaml"]);
    assert_eq!(sandbox.git(["status", "--porcelain"]), before);
    dvc.ok(&sandbox, &["checkout", "-q", "--force"]);
    assert!(dvc.stale(&sandbox).is_empty());
    assert!(
        !sandbox.exists(".pipe") && !sandbox.exists(".dvc-converted") && !sandbox.exists("pipeline.lock")
    );
    assert!(sandbox.exists(".pipe-undone/cache"), "what was recorded since is kept");
}

#[test]
fn params_in_data_go_to_git_first() {
    let sandbox = Sandbox::new();
    sandbox.write(".dvc/config", "");
    sandbox.write(".dvc/.gitignore", "/tmp\n/cache\n");
    sandbox.write("dvc.yaml", "stages:\n  s:\n    cmd: echo ${a} > o\n    params: [a]\n    outs: [o]\n");
    sandbox.write("params.yaml", "a: 1\n");
    sandbox.ok(["add", "params.yaml"]);
    sandbox.ok(["repro"]);
    sandbox.commit("one");
    let before = sandbox.files(".");
    let said = sandbox.pipe(["convert"]).code(2);
    said.tells(&[
        "params.yaml is data, and params are read from it",
        "`pipe remove params.yaml` and `git add params.yaml`",
    ]);
    assert_eq!(sandbox.files("."), before);
    sandbox.ok(["remove", "params.yaml"]);
    sandbox.commit("params in git");
    sandbox.ok(["convert"]);
    assert_eq!(sandbox.states(), "s:fresh");
}

#[test]
fn links_into_the_old_cache_become_files() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.append(".dvc/config", "[cache]\n    type = symlink\n");
    sandbox.write("data", "1\n");
    dvc.ok(&sandbox, &["add", "-q", "data"]);
    assert!(sandbox.path("data").is_symlink());
    sandbox.commit("one");
    pipe(&sandbox, &["convert"]).code(0);
    assert_eq!(sandbox.read("data"), "1\n");
    assert!(stale(&sandbox).is_empty());
}

#[test]
fn after_conversion_data_is_edited_as_before_and_an_undo_loses_nothing() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for with_more in [false, true] {
        let sandbox = project(&mut dvc);
        sandbox.write("data", "1\n");
        dvc.ok(&sandbox, &["add", "-q", "data"]);
        sandbox.write("still", "1\n");
        dvc.ok(&sandbox, &["add", "-q", "still"]);
        dvc.ok(&sandbox, &["freeze", "-q", "still.dvc"]);
        sandbox.commit("one");
        pipe(&sandbox, &["convert"]).code(0);
        assert!(sandbox.read("still.pipe").contains("frozen: true"));
        sandbox.commit("two");
        if with_more {
            sandbox.write("data", "2\n");
            pipe(&sandbox, &["commit"]).code(0).tells(&["Recorded data.pipe"]);
            sandbox.write("new", "first\n");
            pipe(&sandbox, &["add", "new"]).code(0);
        }
        let mut undo = sandbox.program("/bin/sh");
        undo.arg(".dvc-converted/undo.sh");
        let said = sandbox.finish(undo).code(0);
        assert!(!sandbox.exists(".pipe") && sandbox.exists("data.dvc"));
        assert_eq!(sandbox.exists(".pipe-undone"), with_more, "{}", said.stderr);
        if with_more {
            said.tells(&["Kept what pipe has recorded since in .pipe-undone", "made since: ./new.pipe"]);
            let kept = sandbox.files(".pipe-undone/cache/blake3");
            assert!(kept.iter().any(|file| sandbox.read(file) == "first\n"));
        }
    }
}

/// What git has is the converted project by then.
#[test]
fn an_undo_after_a_commit_brings_the_files_of_git_back_and_keeps_what_was_written_since() {
    for (is_edited, is_committed) in [(false, true), (true, true), (true, false)] {
        let sandbox = with_pointers(1);
        sandbox.append(".gitattributes", "*.bin -diff\n");
        sandbox.append(".gitignore", "/mine\n");
        sandbox.commit("before");
        let files = [".gitattributes", ".gitignore"];
        let before = files.map(|file| sandbox.read(file));
        sandbox.ok(["convert"]);
        assert!(sandbox.read(".gitattributes").contains("*.pipe merge=pipe"));
        if is_edited {
            sandbox.append(".gitattributes", "*.png -diff\n");
        }
        if is_committed {
            sandbox.commit("converted");
        }
        let mut undo = sandbox.program("/bin/sh");
        undo.arg(".dvc-converted/undo.sh");
        let said = sandbox.finish(undo).code(0);
        assert_eq!(sandbox.read(".gitignore"), before[1]);
        let told = "Left as it is, changed since: .gitattributes";
        assert_eq!(said.stderr.contains(told), is_edited, "{}", said.stderr);
        match is_edited {
            false => assert_eq!(sandbox.read(".gitattributes"), before[0]),
            true => assert!(sandbox.read(".gitattributes").ends_with("*.png -diff\n")),
        }
        assert!(!sandbox.exists(".dvc-converted"));
    }
}

/// A DVC project of pipe's own making: pointers `d0`, `d1`… and a stage, committed.
fn with_pointers(count: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(".dvc/config", "[core]\n    remote = near\n['remote \"near\"']\n    url = ../../near\n");
    sandbox.write(".dvc/.gitignore", "/tmp\n/cache\n");
    sandbox.write(".gitattributes", "*.dvc merge=pipe\n");
    sandbox.write("dvc.yaml", "stages:\n  s:\n    cmd: cat d0 d0 > o\n    deps: [d0]\n    outs: [o]\n");
    let names: Vec<String> = (0..count).map(|number| format!("d{number}")).collect();
    for name in &names {
        sandbox.write(name, format!("{name}\n"));
    }
    sandbox.ok(std::iter::once("add").chain(names.iter().map(String::as_str)));
    sandbox.ok(["repro"]);
    sandbox.ok(["push"]);
    sandbox.commit("one");
    sandbox
}

/// The project's files, but for what comes and goes.
fn lasting(sandbox: &Sandbox) -> Vec<(String, Vec<u8>)> {
    let files =
        sandbox.files("").into_iter().filter(|file| !file.contains("/tmp/") && !file.starts_with(".git/"));
    files.map(|file| (file.clone(), sandbox.bytes(&file))).collect()
}

#[test]
fn records_of_data_that_is_not_here_are_not_dropped() {
    let sandbox = with_pointers(12);
    for number in 0..12 {
        sandbox.remove(&format!("d{number}"));
    }
    // What only the cache has is brought back.
    sandbox.pipe(["convert", "--dry"]).code(0).tells(&["Would write d0.pipe"]);
    sandbox.remove(".dvc/cache");
    sandbox.remove("o");
    let before = lasting(&sandbox);
    let said = sandbox.pipe(["convert"]).code(2);
    let said = said.tells(&["d0 of d0.dvc", "and 3 more", "`pipe pull` first", "nothing was changed"]);
    assert!(!said.stderr.contains("d9.dvc"), "{}", said.stderr);
    assert_eq!(lasting(&sandbox), before);
    sandbox.ok(["pull"]);
    sandbox.write("d1", "edited\n");
    sandbox.remove("o");
    let blobs = sandbox.files(".dvc/cache/files");
    sandbox.remove(blobs.iter().find(|blob| sandbox.read(blob) == "d0\nd0\n").expect("the blob of o"));
    sandbox.pipe(["convert"]).code(2).tells(&["d1 of d1.dvc", "o of stage s", "`pipe commit` first"]);
    sandbox.ok(["pull", "-f"]);
    sandbox.ok(["convert"]);
    assert!(stale(&sandbox).is_empty() && sandbox.states().contains("d11.pipe:fresh"));
}

/// Starts a conversion and waits until `path` is there, or it has ended.
fn converting_until(sandbox: &Sandbox, path: &str) -> Started {
    let mut convert = sandbox.start(sandbox.pipe_command(["convert"]));
    while convert.is_running() && !sandbox.exists(path) {
        std::thread::yield_now();
    }
    convert
}

#[test]
fn a_conversion_that_was_killed_is_taken_back_and_goes_on() {
    let moments = [
        ".pipe",
        ".pipe/cache/blake3",
        "d0.pipe",
        "d15.pipe",
        ".dvc-converted/undo.sh",
        ".dvc-converted/d3.dvc",
    ];
    let mut cut_off = 0;
    // On a busy machine some kills come too late.
    for (round, moment) in moments.iter().cycle().take(60).enumerate() {
        if round >= moments.len() && cut_off > 2 {
            break;
        }
        let sandbox = with_pointers(24);
        let before = lasting(&sandbox);
        let mut convert = converting_until(&sandbox, moment);
        convert.kill();
        drop(convert);
        if sandbox.exists(".dvc") {
            cut_off += 1;
            let said = sandbox.pipe(["status"]).code(2);
            said.tells(&["was cut off", "`pipe convert` goes on"]);
            sandbox.pipe(["convert", "--dry"]).code(2).tells(&["was cut off"]);
            // Once more, in the middle of taking it back or of the next try.
            let mut convert = converting_until(&sandbox, "d1.pipe");
            convert.kill();
            drop(convert);
            if sandbox.exists(".dvc") {
                sandbox.ok(["convert"]);
            }
        }
        assert!(!sandbox.exists(".dvc") && !sandbox.exists("d0.dvc"), "{moment}");
        assert!(stale(&sandbox).is_empty(), "{moment}: {}", sandbox.states());
        let mut undo = sandbox.program("/bin/sh");
        undo.arg(".dvc-converted/undo.sh");
        sandbox.finish(undo).code(0);
        assert_eq!(sandbox.git(["status", "--porcelain"]), "", "{moment}");
        assert_eq!(lasting(&sandbox), before, "{moment}");
        assert!(!sandbox.exists(".dvc/tmp/pipe/converting"));
    }
    assert!(cut_off > 2, "{cut_off} were cut off");
}

/// As where somebody called `git restore` after a kill: what was moved aside had changes of which git knows nothing.
#[test]
fn what_a_killed_conversion_moved_aside_is_not_dropped() {
    let sandbox = with_pointers(1);
    let pipeline = sandbox.read("dvc.yaml");
    sandbox.write(".pipe/config.toml", "");
    sandbox.write(".dvc/tmp/pipe/converting", r#"{"new": [], "gone": ["d0.dvc", "dvc.yaml"], "texts": {}}"#);
    sandbox.write(".dvc-converted/dvc.yaml", format!("# mine\n{pipeline}"));
    let told = "dvc.yaml came back here, and another one is in .dvc-converted";
    sandbox.pipe(["convert"]).code(2).tells(&[told, "move one of the two elsewhere"]);
    assert!(sandbox.read(".dvc-converted/dvc.yaml").starts_with("# mine"));
    sandbox.remove("dvc.yaml");
    sandbox.ok(["convert", "-f"]);
    assert!(sandbox.read("pipeline.yaml").starts_with("# mine"));
}

/// What conversion wrote into files of the user goes; what he wrote there since it was cut off stays.
#[test]
fn what_somebody_writes_after_a_killed_conversion_stays() {
    let sandbox = with_pointers(1);
    for (file, before, after) in [(".gitignore", None, "/o\n"), ("deep/.gitignore", Some("/a\n"), "/a\n/o\n")]
    {
        for (now, left) in [(after, before), ("/mine\n", Some("/mine\n"))] {
            sandbox.write(".pipe/config.toml", "");
            let texts = serde_json::json!({file: {"before": before, "after": after}});
            let note = serde_json::json!({"new": [], "gone": [], "texts": texts});
            sandbox.write(".dvc/tmp/pipe/converting", note.to_string());
            sandbox.write(file, now);
            // It is taken back, and then refused: git has none of this.
            sandbox.write("dvc.yaml", "stages: {}\n# of the user\n");
            sandbox.pipe(["convert"]).code(1).tells(&["Took back", "not committed"]);
            assert_eq!(sandbox.exists(file).then(|| sandbox.read(file)).as_deref(), left, "{file}: {now}");
        }
    }
}

#[test]
fn an_interrupted_conversion_changes_nothing() {
    let interrupted = || {
        let sandbox = with_pointers(100);
        let before = lasting(&sandbox);
        let mut convert = converting_until(&sandbox, ".pipe/cache/blake3");
        if convert.is_running() {
            convert.signal("INT");
        }
        let said = convert.wait();
        // It came too late: so it does now and then on a busy machine.
        (said.code_of() != Some(0)).then_some((sandbox, before, said))
    };
    let (sandbox, before, said) = (0..20).find_map(|_| interrupted()).expect("one is in time");
    said.code(130).tells(&["Interrupted: nothing was converted."]);
    assert_eq!(lasting(&sandbox), before);
    assert!(stale(&sandbox).is_empty() && sandbox.exists(".dvc"));
    sandbox.ok(["convert"]);
}

#[test]
fn runs_and_models_that_stay_behind_are_told() {
    let sandbox = with_pointers(1);
    let run = sandbox.ok(["runs", "start"]).stdout.trim().to_owned();
    sandbox.write("note", "kept\n");
    sandbox.ok(["log", "artifact", "note", "--as", "model", "--run", &run]);
    sandbox.ok(["runs", "end", &run]);
    sandbox.ok(["models", "register", "net", "--run", &run]);
    let runs = sandbox.json(["runs", "list", "--json"]).as_array().expect("a list").len();
    sandbox.remove("note");
    let told = format!("{runs} runs and 1 registered model, which stay in .dvc-converted");
    sandbox.ok(["convert", "--dry"]).tells(&[&told]);
    sandbox.ok(["convert"]).tells(&[&told, "in the folder .dvc-converted, `pipe runs list`"]);
    sandbox.ok(["runs", "list"]).tells(&["No run was recorded", "are in .dvc-converted"]);
    // As it says.
    let there = |arguments: &[&str]| {
        let mut command = sandbox.pipe_command(arguments);
        command.current_dir(sandbox.path(".dvc-converted"));
        sandbox.finish(command).code(0)
    };
    assert_eq!(there(&["runs", "list", "--json"]).json().as_array().expect("a list").len(), runs);
    assert!(there(&["models", "list"]).stdout.contains("net"));
    there(&["models", "download", "net/1", "-o", "../got"]);
    assert!(sandbox.files("got").iter().any(|file| sandbox.read(file) == "kept\n"));
}

#[test]
fn who_used_pipe_in_place_keeps_cache_and_runs_after_a_pull() {
    let sandbox = with_pointers(1);
    let branch = sandbox.git(["branch", "--show-current"]);
    sandbox.git(["clone", "--quiet", ".", "../hers"]);
    let hers = |program: &str, arguments: &[&str]| {
        let mut command = sandbox.program(program);
        command.args(arguments).current_dir(sandbox.path("../hers"));
        sandbox.finish(command)
    };
    let hers_pipe = |arguments: &[&str]| {
        let mut command = sandbox.pipe_command(arguments);
        command.current_dir(sandbox.path("../hers"));
        sandbox.finish(command)
    };
    sandbox.write("../hers/own", "hers alone\n");
    hers_pipe(&["add", "own"]).code(0);
    hers_pipe(&["runs", "start"]).code(0);
    sandbox.ok(["convert"]);
    sandbox.commit("converted");
    hers("git", &["pull", "--quiet", "--ff-only"]).code(0);
    let said = hers_pipe(&["status"]).code(2).tells(&[
        "has both .pipe and .dvc",
        "was made one of pipe",
        "its cache and the runs",
        "`mv .dvc ../hers.dvc`",
        "git worktree add ../hers-old COMMIT",
    ]);
    assert!(!said.stderr.contains("remove"), "{}", said.stderr);
    // The way that it tells.
    hers("mv", &[".dvc", "../hers.dvc"]).code(0);
    hers_pipe(&["runs", "list"]).code(0);
    hers("git", &["worktree", "add", "--quiet", "../hers-old", "HEAD~1"]).code(0);
    hers("cp", &["-a", "../hers.dvc/.", "../hers-old/.dvc/"]).code(0);
    let there = |arguments: &[&str]| hers_pipe(&[&["--cd", "../hers-old"], arguments].concat()).code(0);
    assert_eq!(there(&["runs", "list", "--json"]).json().as_array().expect("a list").len(), 1);
    sandbox.write("../hers-old/own.dvc", sandbox.bytes("../hers/own.dvc"));
    there(&["checkout", "own"]);
    assert_eq!(sandbox.read("../hers-old/own"), "hers alone\n");
    // The other way round: what git does not track of ours stays in a checkout of an old commit.
    sandbox.git(["checkout", "--quiet", "HEAD~1"]);
    let said = sandbox.pipe(["status"]).code(2).tells(&[
        "this commit is one of DVC",
        "keep it",
        "`git switch BRANCH`",
    ]);
    assert!(!said.stderr.contains("remove"), "{}", said.stderr);
    sandbox.git(["worktree", "add", "--quiet", "../old", "HEAD"]);
    let told = sandbox.pipe(["--cd", "../old", "status"]).code(2);
    assert!(told.stdout.contains("d0.dvc"), "a project of DVC, without its data: {}", told.stdout);
    sandbox.git(["switch", "--quiet", branch.trim()]);
    assert!(stale(&sandbox).is_empty());
}

#[test]
fn files_of_dvc_that_a_merge_brings_are_told() {
    let sandbox = with_pointers(1);
    let branch = sandbox.git(["branch", "--show-current"]);
    sandbox.git(["switch", "--quiet", "--create", "before"]);
    sandbox.write("imgs/new", "new\n");
    sandbox.ok(["add", "imgs/new"]);
    sandbox.commit("new data");
    sandbox.git(["switch", "--quiet", branch.trim()]);
    sandbox.ok(["convert"]);
    sandbox.commit("converted");
    sandbox.ok(["status"]);
    sandbox.git(["merge", "--quiet", "--no-edit", "before"]);
    for (command, code) in [(&["status"][..], 2), (&["data", "status"], 0), (&["pull"], 0)] {
        let said = sandbox.pipe(command).code(code);
        let said =
            said.tells(&["imgs/new.dvc is a file of DVC", "`pipe add imgs/new`", "`git rm imgs/new.dvc`"]);
        assert_eq!(said.stderr.matches("a file of DVC").count(), 1, "{}", said.stderr);
    }
    sandbox.git(["rm", "--quiet", "imgs/new.dvc"]);
    assert!(!sandbox.ok(["status"]).stderr.contains("DVC"));
}

/// Links that were made since lead into a cache that goes, or moves.
#[test]
fn an_undo_makes_files_of_links_that_were_made_since() {
    for with_more in [false, true] {
        let mut dvc = Dvc::start(&Sandbox::without_git());
        let sandbox = project(&mut dvc);
        sandbox.append(".dvc/config", "[cache]\n    type = symlink\n");
        sandbox.write("sub/d/it's $a\nb", "1\n");
        sandbox.write("data", "2\n");
        dvc.ok(&sandbox, &["add", "-q", "sub/d", "data"]);
        std::os::unix::fs::symlink("data", sandbox.path("theirs")).unwrap();
        sandbox.commit("one");
        pipe(&sandbox, &["convert"]).code(0);
        pipe(&sandbox, &["checkout", "--relink"]).code(0);
        assert!(sandbox.path("data").is_symlink() && sandbox.path("sub/d/it's $a\nb").is_symlink());
        if with_more {
            // As many files as before, and not the same: what is left of data that commits name.
            sandbox.write("new", "3\n");
            pipe(&sandbox, &["add", "new"]).code(0);
            let blob = sandbox.path("data").read_link().unwrap();
            assert!(sandbox.path("new").is_symlink());
            let other = blob.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
            sandbox.remove("data");
            sandbox.remove(&format!(".pipe/cache/blake3/{other}"));
        }
        let mut undo = sandbox.program("/bin/sh");
        undo.arg(".dvc-converted/undo.sh");
        let _ = sandbox.finish(undo).code(0);
        assert_eq!(sandbox.exists(".pipe-undone"), with_more);
        assert!(!sandbox.exists(".dvc-converted"));
        assert_eq!(sandbox.read("sub/d/it's $a\nb"), "1\n");
        assert!(sandbox.path("theirs").is_symlink(), "links of others stay");
        if with_more {
            assert_eq!(sandbox.read("new"), "3\n");
            sandbox.write("new", "may be written to\n");
        } else {
            assert_eq!(sandbox.read("data"), "2\n");
        }
        dvc.ok(&sandbox, &["checkout", "-q"]);
        assert_eq!(sandbox.read("data"), "2\n");
    }
}
