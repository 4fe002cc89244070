//! Projects of DVC in place, beside the real DVC: what is not a matter of single features.

use std::os::unix::fs::PermissionsExt;

use crate::dvc_tool::{Dvc, pipe, project, stale};
use crate::harness::Sandbox;

const CHAIN: &str = "stages:\n  one:\n    cmd: mkdir -p d && cp in d/a\n    deps: [in]\n    outs: [d]\n  two:\n    cmd: cat d/a > \
                     out\n    deps: [d]\n    outs: [out]\n";

fn chain(dvc: &mut Dvc) -> Sandbox {
    let sandbox = project(dvc);
    sandbox.write("dvc.yaml", CHAIN);
    sandbox.write("in", "1\n");
    sandbox
}

#[test]
fn a_project_is_of_one_tool() {
    let sandbox = Sandbox::new();
    sandbox.write("dvc.yaml", CHAIN);
    sandbox.write("in", "1\n");
    // A pipeline file is enough; nobody needs to have run `dvc init`.
    pipe(&sandbox, &["repro"]).code(0);
    assert!(
        sandbox.read("dvc.lock").starts_with("schema: '2.0'\n") && sandbox.exists(".dvc/tmp/pipe/runs.db")
    );
    pipe(&sandbox, &["init"]).code(2).tells(&["is a DVC project", "pipe convert"]);
    sandbox.write("sub/pipeline.yaml", "stages: {}\n");
    pipe(&sandbox, &["status"])
        .code(2)
        .tells(&["dvc.yaml and sub/pipeline.yaml", "one of pipe or one of DVC"]);
    sandbox.remove("sub");
    sandbox.write(".pipe/x", "");
    pipe(&sandbox, &["status"]).code(2).tells(&["has both .pipe and .dvc"]);
    let native = Sandbox::with_pipeline("stages: {a: {cmd: echo}}\n");
    native.write("sub/dvc.yaml", "stages: {}\n");
    pipe(&native, &["status"]).code(2).tells(&["pipeline.yaml and sub/dvc.yaml"]);
}

#[test]
fn no_answer_is_given_for_a_project_of_two_tools() {
    let sandbox = Sandbox::new();
    pipe(&sandbox, &["init"]).code(0);
    sandbox.write("d", "1\n");
    pipe(&sandbox, &["add", "d"]).code(0);
    sandbox.commit("data");
    sandbox.write("sub/dvc.yaml", "stages: {}\n");
    for command in
        ["status", "list", "du", "data status", "diff HEAD", "diff", "add d", "import d e", "metrics show"]
    {
        let words: Vec<&str> = command.split(' ').collect();
        pipe(&sandbox, &words)
            .code(2)
            .tells(&["the project has d.pipe and sub/dvc.yaml: it is one of pipe or one of DVC"]);
    }
    pipe(&sandbox, &["stage", "add", "-n", "a", "true"]).code(2).tells(&["it is one of pipe or one of DVC"]);
    assert!(!sandbox.exists("pipeline.yaml"));
    sandbox.remove("sub");
    pipe(&sandbox, &["data", "status"]).code(0);
}

#[test]
fn no_answer_is_given_for_a_revision_of_two_tools() {
    let sandbox = Sandbox::new();
    pipe(&sandbox, &["init"]).code(0);
    sandbox.write("d", "1\n");
    sandbox.write("params.yaml", "a: 1\n");
    pipe(&sandbox, &["add", "d"]).code(0);
    sandbox.commit("one tool");
    // What is another project, or passed over, is no file of this one.
    for path in ["other/.dvc/config", "other/dvc.yaml", "passed/dvc.yaml"] {
        sandbox.write(path, "");
    }
    sandbox.append(".pipeignore", "passed\n");
    sandbox.commit("others beside it");
    sandbox.write("sub/dvc.yaml", "stages: {}\n");
    sandbox.commit("two tools");
    sandbox.remove("sub");
    sandbox.commit("again one");
    for command in [
        "diff HEAD~1",
        "diff HEAD~1 HEAD",
        "diff HEAD HEAD~1",
        "list HEAD~1 .",
        "du HEAD~1 .",
        "metrics diff HEAD~1",
        "params diff HEAD~1",
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        pipe(&sandbox, &words)
            .code(2)
            .tells(&[" has d.pipe and sub/dvc.yaml: a project is one of pipe or one of DVC"]);
        let words: Vec<String> = words.iter().map(|word| word.replace("HEAD~1", "HEAD~2")).collect();
        pipe(&sandbox, &words.iter().map(String::as_str).collect::<Vec<_>>()).code(0);
    }
}

#[test]
fn our_pointers_in_a_project_of_dvc_are_told() {
    let native = Sandbox::new();
    pipe(&native, &["init"]).code(0);
    native.write("d", "1\n");
    pipe(&native, &["add", "d"]).code(0);
    let sandbox = Sandbox::new();
    sandbox.write(".dvc/config", "");
    sandbox.write("raw", "1\n");
    pipe(&sandbox, &["add", "raw"]).code(0);
    // A file of the user's that happens to be called so.
    sandbox.write("smoking.pipe", "a: 1\n");
    let plain = pipe(&sandbox, &["status"]).code(0);
    assert!(!plain.stderr.contains(".pipe"), "{}", plain.stderr);
    sandbox.write("d.pipe", native.read("d.pipe"));
    for command in ["status", "checkout"] {
        pipe(&sandbox, &[command]).tells(&[
            "d.pipe is a pointer of pipe's own, which a project of DVC does not have",
            "`pipe add d`",
        ]);
    }
}

#[test]
fn our_extensions_stand_under_meta() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: sleep 60\n    outs: [o]\n    meta: {pipe: {timeout: 1s}}\n",
    );
    sandbox.write(".dvc/config", "");
    pipe(&sandbox, &["repro"]).code(1).tells(&["`timeout` had passed"]);
    sandbox.write("dvc.yaml", "stages:\n  a:\n    cmd: sleep 60\n    outs: [o]\n    timeout: 1s\n");
    pipe(&sandbox, &["repro"]).code(2).tells(&["dvc.yaml:5:5", "timeout"]);
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: sleep 60\n    outs: [o]\n    meta: {pipe: {timeot: 1s}}\n",
    );
    pipe(&sandbox, &["repro"]).code(2).tells(&["timeot"]);
}

#[test]
fn each_restores_what_the_other_has_stored() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = chain(&mut dvc);
    dvc.ok(&sandbox, &["repro", "-q"]);
    sandbox.remove("d");
    sandbox.remove("out");
    pipe(&sandbox, &["checkout"]).code(0);
    assert_eq!((sandbox.read("d/a"), sandbox.read("out")), ("1\n".to_owned(), "1\n".to_owned()));
    sandbox.write("in", "2\n");
    pipe(&sandbox, &["repro"]).code(0);
    sandbox.remove("d");
    sandbox.remove("out");
    dvc.ok(&sandbox, &["checkout", "-q"]);
    assert_eq!((sandbox.read("d/a"), sandbox.read("out")), ("2\n".to_owned(), "2\n".to_owned()));
    assert!(stale(&sandbox).is_empty() && dvc.stale(&sandbox).is_empty());
    let ignored = sandbox.read(".gitignore");
    assert_eq!(ignored.lines().collect::<Vec<_>>(), ["/d", "/out"]);
    // What is not in the cache is stale for DVC, bytes in place or not.
    sandbox.remove(".dvc/cache/files");
    assert_eq!(stale(&sandbox), dvc.stale(&sandbox));
    pipe(&sandbox, &["repro"]).code(0);
    assert!(dvc.stale(&sandbox).is_empty());
}

#[test]
fn the_cache_of_dvc_2_is_read() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = chain(&mut dvc);
    dvc.ok(&sandbox, &["repro", "-q"]);
    for folder in std::fs::read_dir(sandbox.path(".dvc/cache/files/md5")).unwrap().flatten() {
        std::fs::rename(folder.path(), sandbox.path(".dvc/cache").join(folder.file_name())).unwrap();
    }
    sandbox.remove("d");
    sandbox.remove("out");
    pipe(&sandbox, &["checkout"]).code(0);
    assert_eq!(sandbox.read("d/a"), "1\n");
}

#[test]
fn the_cache_may_lie_elsewhere() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = chain(&mut dvc);
    dvc.ok(&sandbox, &["cache", "dir", "../shared"]);
    pipe(&sandbox, &["repro"]).code(0);
    assert!(dvc.stale(&sandbox).is_empty());
    assert!(sandbox.exists("../shared/files/md5") && !sandbox.exists(".dvc/cache/files"));
}

#[test]
fn data_is_added_moved_and_taken_over() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("data/größe 1", "1\n");
    sandbox.write("data/sub/b", "2\n");
    sandbox.write("one.csv", "a,b\n");
    pipe(&sandbox, &["add", "data", "one.csv"]).code(0);
    assert!(dvc.stale(&sandbox).is_empty());
    let ours = (sandbox.read("data.dvc"), sandbox.read("one.csv.dvc"));
    dvc.ok(&sandbox, &["add", "-q", "data", "one.csv"]);
    assert_eq!((sandbox.read("data.dvc"), sandbox.read("one.csv.dvc")), ours, "as DVC writes it");
    // A file in a tracked folder goes into its list.
    for (file, text) in [("data/sub/b", "20\n"), ("data/new/c", "3\n")] {
        sandbox.write(file, text);
        pipe(&sandbox, &["add", file]).code(0);
        let ours = sandbox.read("data.dvc");
        dvc.ok(&sandbox, &["add", "-q", "data"]);
        assert_eq!(sandbox.read("data.dvc"), ours, "as DVC writes it");
    }
    sandbox.write("one.csv", "a,c\n");
    pipe(&sandbox, &["commit", "-f"]).code(0);
    assert!(dvc.stale(&sandbox).is_empty());
    pipe(&sandbox, &["move", "one.csv", "two.csv"]).code(0);
    assert!(sandbox.exists("two.csv.dvc") && dvc.stale(&sandbox).is_empty());
}

/// The run cache: what one has run, the other need not.
#[test]
fn results_are_found_by_their_inputs() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let text = "stages:\n  a:\n    wdir: w\n    cmd: echo run >> ../../log && mkdir -p d && cp ../in d/ü && cat params.yaml > o\n    \
                deps: [../in, run.sh]\n    params: [size, 'größe', f]\n    outs: [d]\n    metrics: [{o: {cache: false}}]\n";
    sandbox.write("dvc.yaml", text);
    sandbox.write("w/params.yaml", "size: 3\ngröße: {b: [1.0e-05, null], a: 'ü'}\nf: 1.0\n");
    sandbox.write("w/run.sh", "");
    std::fs::set_permissions(sandbox.path("w/run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let runs = || sandbox.read("../log").lines().count();
    let entries = || sandbox.files(".dvc/cache/runs");
    sandbox.write("in", "1\n");
    pipe(&sandbox, &["repro"]).code(0);
    let ours = entries();
    assert_eq!(ours.len(), 1);
    let text = sandbox.read(&ours[0]);
    sandbox.remove(".dvc/cache/runs");
    dvc.ok(&sandbox, &["repro", "-q", "-f"]);
    let (text, maker) = text.split_at(text.rfind("# pipe: {").unwrap());
    assert!(maker.ends_with("}\n") && maker.lines().count() == 1, "{maker}");
    assert_eq!(
        (entries(), &*sandbox.read(&ours[0])),
        (ours, text),
        "key, value and text are DVC's, but for who made it"
    );
    sandbox.write("in", "2\n");
    dvc.ok(&sandbox, &["repro", "-q"]);
    assert_eq!(runs(), 3);
    sandbox.write("in", "1\n");
    sandbox.remove(".dvc/tmp/pipe");
    pipe(&sandbox, &["repro"]).code(0);
    assert_eq!(runs(), 3, "restored from DVC's entry");
    assert!(dvc.stale(&sandbox).is_empty());
    sandbox.write("in", "3\n");
    pipe(&sandbox, &["repro"]).code(0);
    sandbox.write("in", "1\n");
    pipe(&sandbox, &["repro"]).code(0);
    sandbox.write("in", "3\n");
    dvc.ok(&sandbox, &["repro", "-q"]);
    assert_eq!((runs(), sandbox.read("w/d/ü")), (4, "3\n".to_owned()), "restored from ours");
}

#[test]
fn what_dvcignore_names_is_passed_over() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write(".dvcignore", "*.log\n!keep.log\n/data/tmp/\n");
    let text = "stages:\n  a:\n    cmd: mkdir -p d && cp in d/a && cp in d/x.log\n    deps: [in, sub, data]\n    outs: [d]\n";
    sandbox.write("dvc.yaml", text);
    for path in
        ["in", "sub/a", "sub/keep.log", "sub/x.log", "sub/.git/x", "sub/.hg/x", "data/a", "data/tmp/x"]
    {
        sandbox.write(path, "1\n");
    }
    pipe(&sandbox, &["repro"]).code(0);
    assert!(dvc.stale(&sandbox).is_empty());
    for (path, is_seen) in [
        ("sub/.git/x", false),
        ("sub/.hg/x", false),
        ("sub/x.log", false),
        ("data/tmp/x", false),
        ("d/x.log", false),
        ("sub/keep.log", true),
    ] {
        sandbox.write(path, "2\n");
        assert_eq!(!stale(&sandbox).is_empty(), is_seen, "{path}");
        assert_eq!(stale(&sandbox), dvc.stale(&sandbox), "{path}");
    }
}

/// What the lock knows and the file declares no longer, another wdir, other options.
#[test]
fn edits_of_the_file_count_as_they_do_for_dvc() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let write = |wdir: &str, deps: &str, params: &str, outs: &str| {
        let text = format!(
            "stages:\n  a:\n    cmd: pwd > /dev/null; cp $DVC_ROOT/in $DVC_ROOT/o; cp $DVC_ROOT/in $DVC_ROOT/p\n    wdir: {wdir}\n    \
             deps: [{deps}]\n    params: [{params}]\n    outs: [{outs}]\n"
        );
        sandbox.write("dvc.yaml", text);
    };
    for path in ["in", "in2", "w/x"] {
        sandbox.write(path, "1\n");
    }
    sandbox.write("params.yaml", "x: 1\ny: 2\n");
    write(".", "in, in2", "x, y", "o, p");
    pipe(&sandbox, &["repro"]).code(0);
    let mut told = Vec::new();
    for (wdir, deps, params, outs) in [
        (".", "in", "x, y", "o, p"),
        (".", "in, in2", "x", "o, p"),
        (".", "in, in2", "x, y", "o"),
        (".", "in, in2, w", "x, y", "o, p"),
        (".", "in, in2", "x, y", "o: {persist: true, push: false}, p"),
        ("w", "../in, ../in2", "../params.yaml: [x]", "../o, ../p"),
    ] {
        let outs = outs.replace("o: {", "{o: {").replace("false}", "false}}");
        let params = if params.contains(':') { format!("{{{params}}}") } else { params.to_owned() };
        write(wdir, deps, &params, &outs);
        let (ours, theirs) = (stale(&sandbox), dvc.stale(&sandbox));
        assert_eq!(ours, theirs, "{wdir} {deps} {params} {outs}");
        told.push(ours.len());
    }
    assert_eq!(told[..5], [0, 0, 0, 1, 0]);
}

/// Neither runs a stage into the other's files.
#[test]
fn pipe_and_dvc_exclude_each_other() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: touch began && while [ ! -e go ]; do sleep 0.05; done && echo 1 > o && echo run >> ../log\n    outs: [o]\n",
    );
    let mut command = sandbox.pipe_command(["repro"]);
    command.env("SHELL", "/bin/bash");
    let running = sandbox.start(command);
    sandbox.await_file("began");
    let (code, _, err) = dvc.call(&sandbox, &["repro"]);
    assert!(code != 0 && err.contains("busy"), "{code} {err}");
    sandbox.write("go", "");
    running.wait().code(0);
    // The other way round.
    sandbox.remove("began");
    sandbox.remove("go");
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: touch began && while [ ! -e go ]; do sleep 0.05; done && echo 2 > o && echo run >> ../log\n    outs: [o]\n",
    );
    let before = sandbox.read("../log").lines().count();
    let program = std::thread::spawn({
        let root = sandbox.root();
        let program = crate::dvc_tool::program();
        let mut command = sandbox.program(program);
        command.arg("repro").current_dir(root).env("DVC_NO_ANALYTICS", "1").env("SHELL", "/bin/bash");
        command.env("DVC_SITE_CACHE_DIR", sandbox.path("../tmp/site2"));
        move || command.output().unwrap()
    });
    sandbox.await_file("began");
    let said = pipe(&sandbox, &["repro", "--no-wait"]).code(2);
    assert!(said.stderr.contains("is at work on"), "{}", said.stderr);
    let mut command = sandbox.pipe_command(["repro"]);
    command.env("SHELL", "/bin/bash");
    let waiting = sandbox.start(command);
    waiting.await_told("Waiting with a");
    sandbox.write("go", "");
    let said = waiting.wait().code(0);
    assert!(program.join().unwrap().status.success());
    assert_eq!(
        sandbox.read("../log").lines().count(),
        before + 1,
        "it waited and found all done: {}",
        said.stderr
    );
    assert!(stale(&sandbox).is_empty() && dvc.stale(&sandbox).is_empty());
}

/// DVC calls a stage up to date that is not: we say "stale" where it does not, never the reverse.
#[test]
fn where_dvc_is_wrong() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = chain(&mut dvc);
    dvc.ok(&sandbox, &["repro", "-q"]);
    // An edit of the same size that keeps the time is invisible to it.
    let time = sandbox.modified("in");
    sandbox.write("in", "7\n");
    sandbox.set_modified("in", time);
    assert!(stale(&sandbox).contains("one"));
}

/// Params of a file that is spelled otherwise than it is seen are new to DVC for ever, and so they are here.
#[test]
fn a_params_file_is_found_in_the_lock_by_its_spelling() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: echo > o\n    params: [{./p.json: [x]}]\n    outs: [o]\n",
    );
    sandbox.write("p.json", "{\"x\": 1}");
    dvc.ok(&sandbox, &["repro", "-q"]);
    assert_eq!((stale(&sandbox).len(), dvc.stale(&sandbox).len()), (1, 1));
    pipe(&sandbox, &["repro"]).code(0);
    let said = pipe(&sandbox, &["status"]).stdout;
    assert!(said.contains("params of ./p.json are new to DVC each time: write p.json in dvc.yaml"), "{said}");
    assert_eq!(dvc.stale(&sandbox).len(), 1);
    sandbox.edit("dvc.yaml", "./p.json", "p.json");
    assert!(stale(&sandbox).is_empty() && dvc.stale(&sandbox).is_empty());
    // In a folder, too.
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    wdir: w\n    cmd: echo > o\n    params: [{../w/q.json: [x]}, {../p.json: [x]}]\n    \
         outs: [o]\n",
    );
    sandbox.write("w/q.json", "{\"x\": 1}");
    dvc.ok(&sandbox, &["repro", "-q"]);
    let said = pipe(&sandbox, &["status"]).stdout;
    assert!(said.contains("params of ../w/q.json") && !said.contains("../p.json"), "{said}");
    assert_eq!(dvc.stale(&sandbox).len(), 1);
}

/// What one has pushed the other pulls: files, folders in folders, and data.
#[test]
fn a_remote_serves_both() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = chain(&mut dvc);
    sandbox.write("data/deep/er/x", "x\n");
    sandbox.write("data/y", "y\n");
    sandbox.write("single", "s\n");
    // The list of `data` tells what is in it.
    sandbox.write("twin/x", "x\n");
    dvc.ok(&sandbox, &["add", "-q", "data", "single", "twin"]);
    let remote = sandbox.root().with_file_name("remote").display().to_string();
    dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "shared", &remote]);
    assert!(pipe(&sandbox, &["remote", "list"]).code(0).stdout.starts_with("shared\t"));
    pipe(&sandbox, &["repro"]).code(0);
    let outs = ["data", "single", "twin", "d", "out", ".dvc/cache"];
    let lists = |sandbox: &Sandbox| {
        let files = sandbox.files(".dvc/cache/files").into_iter();
        files.filter(|file| file.ends_with(".dir")).collect::<Vec<_>>()
    };
    let held = |sandbox: &Sandbox| {
        ["data/deep/er/x", "data/y", "single", "d/a", "out"].map(|file| sandbox.read(file))
    };
    let before = held(&sandbox);
    let listed = lists(&sandbox);
    assert_eq!(listed.len(), 3);
    for (push, pull) in [("pipe", "dvc"), ("dvc", "pipe"), ("pipe", "pipe")] {
        let _ = std::fs::remove_dir_all(&remote);
        let _ = std::fs::remove_file(sandbox.path(".dvc/tmp/pipe/remotes.json"));
        for (tool, command) in [(push, "push"), (pull, "pull")] {
            if command == "pull" {
                for out in outs {
                    sandbox.remove(out);
                }
            }
            match tool {
                "pipe" => drop(pipe(&sandbox, &[command]).code(0)),
                _ => drop(dvc.ok(&sandbox, &[command, "-q"])),
            }
        }
        assert_eq!(held(&sandbox), before, "pushed by {push}, pulled by {pull}");
        assert_eq!(lists(&sandbox), listed, "pushed by {push}, pulled by {pull}");
        assert_eq!(dvc.stale(&sandbox), stale(&sandbox));
    }
    // Nothing is left to do.
    pipe(&sandbox, &["push"]).code(0).tells(&["0 files pushed"]);
}

/// What one has found out the other need not compute: entries of the run cache go over, and from us also what they name.
#[test]
fn results_go_over_a_remote_in_both_directions() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let remote = sandbox.root().with_file_name("remote").display().to_string();
    dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "shared", &remote]);
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    wdir: w\n    cmd: echo run >> ../../log && mkdir -p d && cp ../in d/x && cp ../in m\n    \
         deps: [../in]\n    outs: [d]\n    metrics: [{m: {cache: false}}]\n",
    );
    sandbox.write("w/keep", "");
    let runs = || sandbox.read("../log").lines().count();
    let mut expected = 0;
    for (push, pull) in [("pipe", "dvc"), ("dvc", "pipe"), ("pipe", "pipe")] {
        let _ = std::fs::remove_dir_all(&remote);
        let _ = std::fs::remove_file(sandbox.path(".dvc/tmp/pipe/remotes.json"));
        let input = |text: &str| sandbox.write("in", format!("{push} {pull} {text}\n"));
        for text in ["1", "2"] {
            input(text);
            dvc.ok(&sandbox, &["repro", "-q"]);
            expected += 1;
            // DVC pushes the contents of what is recorded now, and no others.
            if push == "dvc" {
                dvc.ok(&sandbox, &["push", "-q", "--run-cache"]);
            }
        }
        if push == "pipe" {
            pipe(&sandbox, &["push", "--run-cache"]).code(0).tells(&["2 of 2 results new"]);
            pipe(&sandbox, &["push", "--run-cache"]).code(0).tells(&["0 of 2 results new"]);
        }
        for gone in [".dvc/cache", "dvc.lock", "w/d", "w/m"] {
            sandbox.remove(gone);
        }
        let _ = std::fs::remove_dir_all(sandbox.path(".dvc/tmp/pipe"));
        input("1");
        match pull {
            "dvc" => {
                dvc.ok(&sandbox, &["fetch", "-q", "--run-cache"]);
                dvc.ok(&sandbox, &["repro", "-q", "--pull"]);
            }
            _ => {
                pipe(&sandbox, &["fetch", "--run-cache"]).code(0).tells(&["2 results new"]);
                pipe(&sandbox, &["repro"]).code(0);
            }
        }
        assert_eq!(
            (runs(), sandbox.read("w/d/x")),
            (expected, format!("{push} {pull} 1\n")),
            "{push} {pull}"
        );
        assert!(dvc.stale(&sandbox).is_empty());
        sandbox.remove(".dvc/cache/runs");
    }
    pipe(&sandbox, &["repro", "-f"]).code(0);
    // What is not a result is none, and what must not go there stays here.
    let junk = format!("{remote}/runs/ab/{}/{}", "ab".repeat(32), "0".repeat(64));
    sandbox.write(&junk, "outs: [{path: ../../x, md5: zz}]\n");
    pipe(&sandbox, &["fetch", "--run-cache"]).code(0);
    assert!(!sandbox.path(&format!(".dvc/cache/runs/ab/{}", "ab".repeat(32))).exists());
    let _ = std::fs::remove_dir_all(format!("{remote}/runs"));
    sandbox.write("dvc.yaml", sandbox.read("dvc.yaml").replace("outs: [d]", "outs: [{d: {push: false}}]"));
    pipe(&sandbox, &["push", "--run-cache"]).code(0);
    assert!(!std::path::Path::new(&remote).join("runs").exists());
}

#[test]
fn maps_become_flags_as_the_settings_say() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("dvc.yaml", "stages:\n  a:\n    cmd: echo ${f} > out\n    outs: [out]\n");
    sandbox.write(
        "params.yaml",
        "f: {on: true, off: false, n: 1, many: [1, 2.5, a b, true], none: [], in: {k: x y, off: false, l: [q]}, e: 1e-05}\n",
    );
    for settings in
        ["", "bool = boolean_optional\n", "list = append\n", "bool = Boolean_Optional\nlist = Append\n"]
    {
        sandbox.write(".dvc/config", format!("[parsing]\n{settings}"));
        dvc.ok(&sandbox, &["repro", "-q"]);
        assert!(stale(&sandbox).is_empty(), "{settings}\n{}", sandbox.read("dvc.lock"));
        sandbox.write(".dvc/config.local", "[parsing]\nlist = append\nbool = boolean_optional\n");
        assert_eq!(stale(&sandbox), dvc.stale(&sandbox), "{settings}");
        sandbox.remove(".dvc/config.local");
        assert!(stale(&sandbox).is_empty(), "{settings}");
    }
}

/// A folder with a pointer or a lock of DVC alone is a project of DVC.
#[test]
fn a_pointer_or_a_lock_alone_makes_a_project() {
    for sandbox in [Sandbox::new(), Sandbox::without_git()] {
        let md5 = "60b725f10c9c85c70d97880dfe8191b3";
        sandbox.write("a.dvc", format!("outs:\n- md5: {md5}\n  size: 2\n  hash: md5\n  path: a\n"));
        assert!(sandbox.pipe(["status"]).code(2).stdout.contains("data a is neither in the workspace"));
        sandbox.write("a", "a\n");
        sandbox.ok(["commit", "-f"]);
        sandbox.ok(["status"]);
        sandbox.remove("a");
        sandbox.ok(["checkout"]);
        assert_eq!(sandbox.read("a"), "a\n");
        assert!(!sandbox.exists(".pipe"));
    }
    for sandbox in [Sandbox::new(), Sandbox::without_git()] {
        sandbox.write("dvc.lock", "schema: '2.0'\nstages: {}\n");
        for command in [&["status"][..], &["data", "status"], &["checkout"], &["list"]] {
            sandbox.ok(command);
        }
        assert!(!sandbox.exists(".pipe"));
    }
}

/// DVC takes a text apart into lines, and no item of a list.
#[test]
fn an_item_of_several_lines_is_one_script() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let stages = "stages:\n  s:\n    cmd:\n    - |\n      X=1\n      echo \"$X\" > o\n    outs: [o]\n  t:\n    cmd: |\n      X=1\n      \
                  echo \"$X\" > p\n    outs: [p]\n";
    sandbox.write("dvc.yaml", stages);
    sandbox.ok(["repro"]);
    let ours = (sandbox.read("o"), sandbox.read("p"));
    dvc.ok(&sandbox, &["repro", "-q", "-f"]);
    assert_eq!(ours, (sandbox.read("o"), sandbox.read("p")));
    assert_eq!(ours, ("1\n".into(), "\n".into()));
}

#[test]
fn keys_that_dvc_takes_unused_are_taken() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("in", "1\n");
    sandbox.write("d", "1\n");
    dvc.ok(&sandbox, &["add", "-q", "d"]);
    sandbox.edit("d.dvc", "outs:\n", "locked: true\nouts:\n");
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: cp in o && cp in m.json && cp in p.csv\n    deps: [in]\n    outs:\n    \
         - o: {checkpoint: true, meta: 3, persist: true}\n    metrics:\n    - m.json: {checkpoint: false}\n    \
         plots:\n    - p.csv: {checkpoint: true, header: false}\n  b:\n    foreach: [1]\n    \
         do: {matrix: {x: [1, 2]}, cmd: 'cp in o${item}', deps: [in], outs: ['o${item}']}\n",
    );
    assert_eq!(stale(&sandbox), dvc.stale(&sandbox));
    pipe(&sandbox, &["repro"]).code(0);
    assert!(dvc.stale(&sandbox).is_empty());
    let lock = sandbox.read("dvc.lock");
    assert!(!lock.contains("checkpoint"), "{lock}");
    sandbox.write("in", "2\n");
    assert_eq!(stale(&sandbox), dvc.stale(&sandbox));
    dvc.ok(&sandbox, &["repro"]);
    assert!(stale(&sandbox).is_empty());
}

#[test]
fn data_whose_stage_has_no_record_is_compared_as_dvc_does() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let stage = |name: &str| format!("  {name}: {{cmd: cp in {name}, deps: [in], outs: [{name}]}}\n");
    let of =
        |names: &[&str]| format!("stages:\n{}", names.iter().map(|name| stage(name)).collect::<String>());
    sandbox.write("in", "1\n");
    sandbox.write("dvc.yaml", of(&["a", "b"]));
    dvc.ok(&sandbox, &["repro", "-q"]);
    sandbox.commit("first");
    sandbox.write("dvc.yaml", of(&["a"]));
    sandbox.remove("dvc.lock");
    dvc.ok(&sandbox, &["repro", "-q", "-f"]);
    let mut same = |what: &str| {
        let sorted = |text: &str| {
            let mut all: serde_json::Value = serde_json::from_str(text.trim()).expect("JSON");
            for list in all.as_object_mut().expect("a map").values_mut() {
                list.as_array_mut().expect("a list").sort_by_key(ToString::to_string);
            }
            all
        };
        let theirs = sorted(&dvc.ok(&sandbox, &["diff", "--json"]));
        let ours = sorted(&pipe(&sandbox, &["diff", "--json"]).code(0).stdout);
        assert_eq!(ours, theirs, "{what}");
        theirs
    };
    assert_eq!(same("not declared")["deleted"][0]["path"], "b");
    sandbox.write("dvc.yaml", of(&["a", "b", "c"]));
    assert_eq!(same("declared, not recorded"), serde_json::json!({}));
    sandbox.write("c", "2\n");
    assert_eq!(same("added")["added"][0]["path"], "c");
    sandbox.remove("b");
    assert_eq!(same("gone")["deleted"][0]["path"], "b");
}
