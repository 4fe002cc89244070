//! Data commands in projects of DVC, beside `dvc` itself: `.dvc` files that tell of several things, and data that goes to
//! a remote alone.

use crate::dvc_tool::{Dvc, agree, pipe, pipe_command, project, stale};
use crate::harness::Sandbox;

const FILE: &str = "outs:\n- path: a\n- path: b # the other\n";

/// A project with a `.dvc` file that tells of two files, of which nothing is recorded yet.
fn several(dvc: &mut Dvc) -> Sandbox {
    let sandbox = project(dvc);
    for name in ["a", "b"] {
        sandbox.write(name, format!("{name}\n"));
    }
    sandbox.write("both.dvc", FILE);
    sandbox
}

#[test]
fn of_several_things_each_is_recorded_alone() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = [several(&mut dvc), several(&mut dvc)];
    agree(&mut dvc, &ours, &["both.dvc"]);
    let mut same = |arguments: &[&str]| {
        pipe(&ours, arguments).code(0);
        dvc.ok(&theirs, arguments);
        // What DVC makes of an entry without a digest is a key without a value; and it loses the comment of its line.
        let expected = theirs.read("both.dvc").replace("  md5:\n", "").replace(" # the other", "");
        assert_eq!(ours.read("both.dvc").replace(" # the other", ""), expected, "{arguments:?}");
    };
    same(&["add", "a"]);
    same(&["add", "b"]);
    for sandbox in [&ours, &theirs] {
        sandbox.write("a", "another\n");
        sandbox.write("b", "another b\n");
    }
    same(&["add", "a"]);
    same(&["commit", "-f", "b"]);
    for sandbox in [&ours, &theirs] {
        sandbox.remove("a");
        sandbox.remove("b");
    }
    same(&["checkout", "a"]);
    assert!(ours.exists("a") && !ours.exists("b") && theirs.exists("a") && !theirs.exists("b"));
    assert_eq!(ours.read(".gitignore"), theirs.read(".gitignore"));
    agree(&mut dvc, &ours, &["both.dvc"]);
    pipe(&ours, &["checkout", "both.dvc"]).code(0);
    agree(&mut dvc, &ours, &[]);
    dvc.ok(&ours, &["remote", "add", "-q", "-d", "store", "../store"]);
    pipe(&ours, &["push", "a"]).code(0).tells(&["1 file pushed"]);
    dvc.ok(&ours, &["push", "-q"]);
    pipe(&ours, &["push"]).code(0).tells(&["0 files pushed"]);
    pipe(&ours, &["add", "both.dvc"]).code(2);
    pipe(&ours, &["remove", "both.dvc"]).code(0);
    assert!(!ours.exists("both.dvc") && ours.exists("a"));
}

/// `dvc move` forgets the other things.
#[test]
fn one_of_several_things_is_moved_and_the_others_stay() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = several(&mut dvc);
    pipe(&sandbox, &["add", "a", "b"]).code(0);
    let text = sandbox.read("both.dvc");
    pipe(&sandbox, &["move", "both.dvc", "c"]).code(2).tells(&["both.dvc tells of 2 things"]);
    pipe(&sandbox, &["move", "a", "in/c"]).code(0);
    assert_eq!(sandbox.read("both.dvc"), text.replace("path: a", "path: in/c"));
    assert!(sandbox.exists("in/c") && !sandbox.exists("a"));
    agree(&mut dvc, &sandbox, &[]);
    // Cut off before the pointer told of it.
    std::fs::rename(sandbox.path("in/c"), sandbox.path("d")).unwrap();
    pipe(&sandbox, &["move", "in/c", "d"]).code(0);
    assert_eq!(sandbox.read("both.dvc"), text.replace("path: a", "path: d"));
    agree(&mut dvc, &sandbox, &[]);
    assert_eq!(sandbox.git(["status", "--short", "--untracked-files=all", "a", "b", "d", "in/c"]), "");
}

#[test]
fn outs_of_stages_are_not_moved() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("dvc.yaml", "stages: {a: {cmd: echo 1 > o, outs: [o]}}\n");
    dvc.ok(&sandbox, &["repro", "-q"]);
    assert_ne!(dvc.call(&sandbox, &["move", "o", "p"]).0, 0);
    pipe(&sandbox, &["move", "o", "p"])
        .code(2)
        .tells(&["`o` is no data with a pointer of its own", "change "]);
    assert!(sandbox.exists("o") && !sandbox.exists("p"));
}

/// As by `pipe add`: other bytes are not what their source has, and `pipe update` must not undo that unasked.
#[test]
fn an_import_that_is_added_to_the_remote_is_data_of_your_own() {
    let sandbox = Sandbox::new();
    sandbox.write("../outside/file", "1\n");
    sandbox.ok(["import-url", "../outside/file"]);
    sandbox.ok(["remote", "add", "store", "../store"]);
    let imported = sandbox.read("file.pipe");
    let said = sandbox.ok(["add", "--to-remote", "file"]);
    assert!(!said.stderr.contains("of your own"), "it is the same: {}", said.stderr);
    assert_eq!(sandbox.read("file.pipe"), imported);
    sandbox.write("file", "edited\n");
    let said = sandbox.ok(["add", "--to-remote", "file"]);
    said.tells(&["file is data of your own from now on, and no import: it is not what ../outside/file has"]);
    assert!(!sandbox.read("file.pipe").contains("deps:"));
}

#[test]
fn data_goes_to_the_remote_alone() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = [project(&mut dvc), project(&mut dvc)];
    for sandbox in [&ours, &theirs] {
        sandbox.write("file", "1\n");
        sandbox.write("../outside/folder/x", "2\n");
        dvc.ok(sandbox, &["remote", "add", "-q", "store", "../store"]);
    }
    for arguments in [
        &["add", "--to-remote", "-r", "store", "file"][..],
        &["add", "--to-remote", "-r", "store", "../outside/folder"],
        &["add", "--to-remote", "-r", "store", "--remote-jobs", "2", "../outside/folder", "-o", "other"],
    ] {
        dvc.ok(&theirs, arguments);
        pipe(&ours, arguments).code(0).tells(&["pushed to store"]);
    }
    for pointer in ["file.dvc", "folder.dvc", "other.dvc"] {
        assert_eq!(ours.read(pointer), theirs.read(pointer));
    }
    let names = |sandbox: &Sandbox| {
        let files = sandbox.files("../store").into_iter();
        files.map(|name| name.rsplit("/md5/").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let theirs_whole: Vec<String> =
        names(&theirs).into_iter().filter(|name| !name.ends_with(".tmp")).collect();
    assert_eq!(names(&ours), theirs_whole);
    assert!(!ours.exists("other") && !ours.exists("folder"));
    assert_eq!((ours.files(".dvc/cache").len(), theirs.files(".dvc/cache").len()), (0, 0));
    assert!(!ours.exists(".dvc/tmp/pipe/tmp/to-remote"));
    ours.write("other", "in the way\n");
    pipe(&ours, &["add", "--to-remote", "../outside/folder", "-o", "other"]).code(2).tells(&["other exists"]);
    ours.remove("other");
    pipe(&ours, &["pull", "-r", "store"]).code(0);
    assert_eq!(ours.read("other/x"), "2\n");
    agree(&mut dvc, &ours, &[]);
}

#[test]
fn data_from_outside_is_stored_as_dvc_stores_it() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("../outside/x", "2\n");
    pipe(&sandbox, &["add", "../outside", "-o", "in"]).code(0);
    agree(&mut dvc, &sandbox, &[]);
    assert_eq!(sandbox.files(".dvc/cache").len(), 2);
}

#[test]
fn a_checkout_is_told_in_numbers() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    for name in ["a", "b", "c"] {
        sandbox.write(name, format!("{name}\n"));
        dvc.ok(&sandbox, &["add", "-q", name]);
    }
    let mut same = |damage: &dyn Fn()| {
        damage();
        let ours = pipe(&sandbox, &["checkout", "-f", "--summary"]).code(0).stdout;
        damage();
        assert_eq!(ours, dvc.ok(&sandbox, &["checkout", "-f", "--summary"]));
        ours
    };
    assert_eq!(same(&|| ()), "No changes.\n");
    same(&|| sandbox.remove("a"));
    let all = same(&|| {
        sandbox.remove("a");
        sandbox.remove("b");
        sandbox.write("c", "another\n");
    });
    assert!(all.contains("2 files added") && all.contains("1 file modified"), "{all}");
    assert_eq!(pipe(&sandbox, &["status", "--no-updates"]).code(0).stdout, "Everything is up to date.\n");
}

#[test]
fn what_lies_in_a_remote_is_an_input_as_for_dvc() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = [project(&mut dvc), project(&mut dvc)];
    for sandbox in [&ours, &theirs] {
        dvc.ok(sandbox, &["remote", "add", "-q", "st", "../store"]);
        sandbox.write("../store/sub/x", "x\n");
        sandbox.write("../store/folder/a", "1\n");
        sandbox.write(
            "dvc.yaml",
            "stages:\n  a:\n    cmd: echo 1 > o\n    deps: [remote://st/sub/x, remote://st/folder]\n    outs: [o]\n",
        );
    }
    let mut same = |sandboxes: [&Sandbox; 2]| {
        pipe(sandboxes[0], &["repro"]).code(0);
        dvc.ok(sandboxes[1], &["repro", "-q"]);
        assert_eq!(ours.read("dvc.lock"), theirs.read("dvc.lock"));
        let results = |sandbox: &Sandbox| {
            let files = sandbox.files(".dvc/cache/runs").into_iter();
            files.map(|path| path.rsplit("/runs/").next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(results(&ours), results(&theirs));
        agree(&mut dvc, sandboxes[0], &[]);
        for sandbox in sandboxes {
            sandbox.append("../store/folder/a", "2\n");
            agree(&mut dvc, sandbox, &["a"]);
        }
    };
    same([&ours, &theirs]);
    same([&ours, &theirs]);
    ours.remove("../store/sub/x");
    pipe(&ours, &["repro"]).code(2).tells(&["dep remote://st/sub/x"]);
    dvc.ok(&ours, &["remote", "remove", "-q", "st"]);
    pipe(&ours, &["repro"]).code(2).tells(&["there is no remote `st`"]);
}

/// A remote may lie in another one.
#[test]
fn a_remote_may_be_named_by_another() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("a", "1\n");
    dvc.ok(&sandbox, &["add", "-q", "a"]);
    for (name, url) in [
        ("base", "../../store"),
        ("inner", "remote://base/in"),
        ("deep", "remote://inner/x/y/"),
        ("round", "remote://trip/x"),
        ("trip", "remote://round"),
        ("lost", "remote://nowhere/x"),
    ] {
        sandbox.append(".dvc/config", &format!("['remote \"{name}\"']\n    url = {url}\n"));
    }
    for name in ["base", "inner", "deep"] {
        pipe(&sandbox, &["push", "-r", name]).code(0).tells(&["1 file pushed"]);
        let pushed = sandbox.files("../store");
        assert_eq!(pushed.len(), 1, "{name}: {pushed:?}");
        sandbox.remove("../store");
        dvc.ok(&sandbox, &["push", "-q", "-r", name]);
        assert_eq!(sandbox.files("../store"), pushed, "{name}");
        sandbox.remove(".dvc/cache");
        pipe(&sandbox, &["fetch", "-r", name]).code(0).tells(&["1 file fetched"]);
        sandbox.remove("../store");
        sandbox.remove(".dvc/tmp/pipe");
    }
    for name in ["round", "trip", "lost"] {
        pipe(&sandbox, &["push", "-r", name]).code(2).tells(&["leads to no folder"]);
    }
}

/// `repro --pull` restores what others have computed of the same inputs, entry by entry.
#[test]
fn repro_asks_the_run_cache_of_the_remote() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let remote = sandbox.root().with_file_name("remote").display().to_string();
    dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "shared", &remote]);
    sandbox.write(
        "dvc.yaml",
        "stages:\n  s:\n    cmd: echo run >> ../log && cp a o\n    deps: [a]\n    outs: [o]\n  t:\n    wdir: w\n    \
         cmd: echo run >> ../../log && cp ../o q && cp q m\n    deps: [../o]\n    outs: [q]\n    \
         metrics: [m: {cache: false}]\n",
    );
    sandbox.write("w/keep", "");
    for value in ["1\n", "2\n", "3\n"] {
        sandbox.write("a", value);
        dvc.ok(&sandbox, &["repro", "-q"]);
        dvc.ok(&sandbox, &["push", "-q", "--run-cache"]);
    }
    assert_eq!(sandbox.count("../log", "run"), 6);
    let lose = |paths: &[&str]| {
        for path in paths.iter().chain(&[".dvc/tmp/pipe", "dvc.lock", "o", "w/q", "w/m"]) {
            if sandbox.exists(path) {
                sandbox.remove(path);
            }
        }
    };
    lose(&[".dvc/cache"]);
    sandbox.write("a", "2\n");
    let dry = pipe(&sandbox, &["repro", "--pull", "--dry"]).code(0).tells(&["`--dry` asks no remote"]);
    assert!(dry.stdout.starts_with("s: would run"), "{}", dry.stdout);
    assert!(!sandbox.exists("o") && !sandbox.exists(".dvc/cache/runs"));
    dvc.ok(&sandbox, &["repro", "-q", "--pull", "--dry", "s"]);
    lose(&[".dvc/cache"]);
    pipe(&sandbox, &["repro", "--pull"]).code(0).tells(&["Restored s from DVC's run cache", "2 restored"]);
    assert_eq!((sandbox.read("w/q"), sandbox.read("w/m")), ("2\n".to_owned(), "2\n".to_owned()));
    assert!(dvc.stale(&sandbox).is_empty());
    // Of the results that the cache holds without their bytes, too.
    lose(&[".dvc/cache/files"]);
    pipe(&sandbox, &["repro", "--pull"]).code(0).tells(&["2 restored"]);
    // Where no results are wanted, and of what nobody has computed, there is none.
    lose(&[".dvc/cache"]);
    pipe(&sandbox, &["repro", "--pull", "--no-run-cache"]).code(0).tells(&["2 ran"]);
    lose(&[".dvc/cache"]);
    sandbox.write("a", "4\n");
    pipe(&sandbox, &["repro", "--pull"]).code(0).tells(&["2 ran"]);
    assert_eq!(sandbox.count("../log", "run"), 10);
}

/// What persists is what a run would go on from: where the remote has it, none is needed.
#[test]
fn repro_brings_what_persists() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let remote = sandbox.root().with_file_name("remote").display().to_string();
    dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "shared", &remote]);
    sandbox.write(
        "dvc.yaml",
        "stages:\n  s:\n    cmd: cat a >> o\n    deps: [a]\n    outs:\n    - o: {persist: true}\n",
    );
    sandbox.write("a", "1\n");
    dvc.ok(&sandbox, &["repro", "-q"]);
    dvc.ok(&sandbox, &["push", "-q"]);
    for (lost, told) in
        [(&[".dvc/cache", ".dvc/tmp", "o"][..], "1 restored"), (&[".dvc/cache"], "up to date")]
    {
        let lose = || lost.iter().filter(|path| sandbox.exists(path)).for_each(|path| sandbox.remove(path));
        lose();
        dvc.ok(&sandbox, &["repro", "-q", "--pull"]);
        assert_eq!(sandbox.read("o"), "1\n", "{lost:?}");
        lose();
        pipe(&sandbox, &["repro", "--pull"]).code(0).tells(&[told]);
        assert_eq!(sandbox.read("o"), "1\n", "{lost:?}");
        assert!(dvc.stale(&sandbox).is_empty() || lost.len() == 1);
    }
    // What somebody made of it is gone on with.
    sandbox.remove("o");
    sandbox.write("o", "mine\n");
    pipe(&sandbox, &["repro", "--pull"]).code(0).tells(&["1 ran"]);
    assert_eq!(sandbox.read("o"), "mine\n1\n");
}

/// `repro --pull` brings what the lock records of inputs that are current, and runs nothing for it.
#[test]
fn repro_brings_what_the_lock_records() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let remote = sandbox.root().with_file_name("remote").display().to_string();
    dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "shared", &remote]);
    sandbox.write(
        "dvc.yaml",
        "stages:\n  s:\n    cmd: echo run >> ../log && cp a o\n    deps: [a]\n    outs: [o]\n  t:\n    \
         cmd: echo run >> ../log && cp o q\n    deps: [o]\n    outs: [q]\n",
    );
    sandbox.write("a", "1\n");
    dvc.ok(&sandbox, &["repro", "-q"]);
    dvc.ok(&sandbox, &["push", "-q"]);
    let lock = sandbox.read("dvc.lock");
    let lose = || {
        for path in [".dvc/cache", ".dvc/tmp", "o", "q"] {
            if sandbox.exists(path) {
                sandbox.remove(path);
            }
        }
    };
    lose();
    dvc.ok(&sandbox, &["repro", "-q", "--pull"]);
    lose();
    pipe(&sandbox, &["repro", "--pull"]).code(0).tells(&["2 restored"]);
    assert_eq!((sandbox.read("o"), sandbox.read("q")), ("1\n".to_owned(), "1\n".to_owned()));
    // A stage alone needs no dep for it.
    lose();
    dvc.ok(&sandbox, &["repro", "-q", "--pull", "-s", "t"]);
    assert!(sandbox.exists("q") && !sandbox.exists("o"));
    lose();
    pipe(&sandbox, &["repro", "--pull", "-s", "t"]).code(0).tells(&["1 restored"]);
    assert!(sandbox.exists("q") && !sandbox.exists("o"));
    assert_eq!((sandbox.read("dvc.lock"), sandbox.count("../log", "run")), (lock, 2));
    // Another command is no result of the lock, and needs the dep.
    lose();
    sandbox.write("dvc.yaml", sandbox.read("dvc.yaml").replace("cp o q", "cat o > q"));
    pipe(&sandbox, &["repro", "-s", "t"]).code(2).tells(&["dep o does not exist"]);
    assert!(!sandbox.exists("q"));
    pipe(&sandbox, &["repro", "--pull", "-s", "t"]).code(0).tells(&["1 ran"]);
    assert_eq!((sandbox.read("o"), sandbox.read("q")), ("1\n".to_owned(), "1\n".to_owned()));
    agree(&mut dvc, &sandbox, &[]);
}

/// A file of DVC holds stages of names that `dvc stage add` refuses.
#[test]
fn stages_of_any_name_are_taken_from_a_file() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let names = ["a.b", "a+b", "a/b", "a:b", "-d"];
    let stages = names.iter().enumerate();
    let stages = stages.map(|(at, name)| format!("  \"{name}\": {{cmd: echo 1 > o{at}, outs: [o{at}]}}\n"));
    let stages = format!("stages:\n{}", stages.collect::<String>());
    for folder in ["", "sub/"] {
        sandbox.write(&format!("{folder}dvc.yaml"), &stages);
    }
    pipe(&sandbox, &["repro", "-P"]).code(0).tells(&["10 ran"]);
    assert!(dvc.stale(&sandbox).is_empty() && stale(&sandbox).is_empty());
    pipe(&sandbox, &["status"]).code(0);
    for target in
        ["a.b", "a/b", "a:b", "dvc.yaml:a+b", "dvc.yaml:a:b", "sub/dvc.yaml:a.b", "sub/dvc.yaml:a:b"]
    {
        pipe(&sandbox, &["repro", "-s", "--dry", target]).code(0);
    }
    dvc.ok(&sandbox, &["repro", "-q", "-f", "-P"]);
    assert!(stale(&sandbox).is_empty());
    // Those that are added are as DVC has them, and what looks generated is none that DVC finds.
    assert_ne!(dvc.call(&sandbox, &["stage", "add", "-q", "-n", "x.y", "true"]).0, 0);
    pipe(&sandbox, &["stage", "add", "-n", "x.y", "true"]).code(2);
    sandbox.write("dvc.yaml", "stages:\n  a@b: {cmd: 'true'}\n");
    pipe(&sandbox, &["status"]).code(2).tells(&["stage name `a@b` holds '@'"]);
}

/// DVC enters every folder but those of git, Mercurial and itself.
#[test]
fn hidden_folders_and_python_environments_are_entered() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let folders = [".data", "env", "node_modules/x", ".a/.b"];
    for folder in folders.iter().chain(&[".hg"]) {
        sandbox.write(&format!("{folder}/x"), "1\n");
    }
    sandbox.write("env/pyvenv.cfg", "");
    for folder in folders {
        dvc.ok(&sandbox, &["add", "-q", &format!("{folder}/x")]);
    }
    sandbox.write(".data/dvc.yaml", "stages:\n  s:\n    cmd: cat x > y\n    deps: [x]\n    outs: [y]\n");
    sandbox.write(".hg/y.dvc", "outs:\n- path: y\n");
    dvc.ok(&sandbox, &["repro", "-q", "-P"]);
    agree(&mut dvc, &sandbox, &[]);
    for folder in folders {
        sandbox.remove(&format!("{folder}/x"));
        sandbox.write(&format!("{folder}/x"), "2\n");
    }
    let changed = dvc.stale(&sandbox);
    assert_eq!((stale(&sandbox), changed.len()), (changed, 5));
    for folder in folders {
        pipe(&sandbox, &["add", &format!("{folder}/x")]).code(0);
    }
    pipe(&sandbox, &["repro", "-P"]).code(0).tells(&["1 ran"]);
    agree(&mut dvc, &sandbox, &[]);
    // What is ignored is passed over by both.
    sandbox.write(".dvcignore", "/env\n/.data\n");
    sandbox.write("env/x", "3\n");
    agree(&mut dvc, &sandbox, &[]);
}

/// Any shell gets `-c` and what is known of it, no flags of others.
#[test]
fn the_users_shell_is_called_as_dvc_calls_it() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("dvc.yaml", "stages:\n  s:\n    cmd: echo x > o\n    outs: [o]\n");
    for (name, said, expected) in [
        ("tcsh", "tcsh 6.24", "-c echo x > o\n"),
        ("fish", "fish, version 3.6.0", "--no-config -c echo x > o\n"),
        ("old/fish", "fish, version 3.2.2", "-c echo x > o\n"),
        ("bash", "", "--noprofile --norc -c echo x > o\n"),
        ("zsh", "", "--no-rcs -c echo x > o\n"),
    ] {
        let [program, log] =
            [format!("../shells/{name}"), "../called".to_owned()].map(|path| sandbox.path(&path));
        let script = format!(
            "#!/bin/sh\nif [ \"$1\" = --version ]; then echo '{said}'; exit; fi\necho \"$@\" >> '{}'\n\
             while [ $# -gt 1 ]; \
             do shift; done\nexec /bin/sh -c \"$1\"\n",
            log.display()
        );
        sandbox.write_program(&format!("../shells/{name}"), &script);
        let mut command = pipe_command(&sandbox, &["repro", "-f"]);
        command.env("SHELL", &program);
        sandbox.finish(command).code(0);
        let mut command = sandbox.program(crate::dvc_tool::program());
        command.args(["repro", "-q", "-f"]).current_dir(sandbox.root()).env("DVC_NO_ANALYTICS", "1");
        command.env("DVC_SITE_CACHE_DIR", sandbox.path("../tmp/site")).env("SHELL", &program);
        sandbox.finish(command).code(0);
        assert_eq!(sandbox.read("../called"), expected.repeat(2), "{name}");
        sandbox.remove("../called");
    }
}

/// Names of remotes are lower case, however they are written.
#[test]
fn remotes_are_found_in_upper_and_lower_case() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write(".dvc/config", "[Core]\n    remote = STORE\n['remote \"Store\"']\n    URL = ../store\n");
    sandbox.write("data", "x\n");
    dvc.ok(&sandbox, &["add", "data"]);
    for name in ["Store", "store", "STORE"] {
        pipe(&sandbox, &["push", "-r", name]).code(0);
        dvc.ok(&sandbox, &["push", "-r", name]);
    }
    // The name of the default one counts as it is written, for `remote list` alone.
    sandbox.write(".dvc/config", sandbox.read(".dvc/config").replace("STORE", "store"));
    assert!(dvc.ok(&sandbox, &["remote", "list"]).starts_with("store"));
    assert!(pipe(&sandbox, &["remote", "list"]).code(0).stdout.starts_with("store\t"));
    pipe(&sandbox, &["remote", "rename", "STORE", "Other"]).code(0);
    assert!(dvc.ok(&sandbox, &["remote", "list"]).starts_with("other"));
    dvc.ok(&sandbox, &["push"]);
    pipe(&sandbox, &["remote", "add", "-f", "-d", "Other", "elsewhere"]).code(0);
    assert_eq!(
        sandbox.read(".dvc/config").matches("url").count()
            + sandbox.read(".dvc/config").matches("URL").count(),
        1
    );
    assert!(dvc.ok(&sandbox, &["remote", "list"]).contains("elsewhere"));
}

/// Passed over, a settings file that is no text would take the remote and the cache with it.
#[test]
fn settings_that_are_no_text_are_refused() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("data", "x\n");
    sandbox.write(".dvc/config", b"# caf\xe9\n[core]\n    remote = a\n");
    let (code, _, said) = dvc.call(&sandbox, &["add", "data"]);
    assert!(code != 0 && said.contains("can't decode"), "{said}");
    let said = pipe(&sandbox, &["add", "data"]);
    assert!(said.stderr.contains(".dvc/config") && said.stderr.contains("not UTF-8"), "{}", said.stderr);
    assert!(!sandbox.exists("data.dvc"));
}

/// Into `folder`: a file, a link to one, links to folders, one of them round in a circle, and another project of DVC.
fn with_left_out(sandbox: &Sandbox, folder: &str) {
    sandbox.write("real/1", "1\n");
    sandbox.write(&format!("{folder}/f"), "f\n");
    sandbox.write(&format!("{folder}/g/x"), "of another project\n");
    sandbox.write(&format!("{folder}/g/.git/config"), "");
    sandbox.write(&format!("{folder}/g/.dvc/config"), "");
    let link = |to: &str, at: &str| {
        std::os::unix::fs::symlink(to, sandbox.path(&format!("{folder}/{at}"))).unwrap();
    };
    link("../real", "l");
    link(".", "loop");
    link("../real/1", "file");
}

/// That all of it is there still.
#[track_caller]
fn is_left(sandbox: &Sandbox, folder: &str) {
    let is_link = |at: &str| sandbox.path(&format!("{folder}/{at}")).is_symlink();
    assert!(is_link("l") && is_link("loop"));
    assert_eq!(sandbox.read(&format!("{folder}/g/x")), "of another project\n");
    assert!(sandbox.exists(&format!("{folder}/g/.dvc/config")) && sandbox.exists("real/1"));
}

#[test]
fn links_to_folders_and_other_projects_are_no_part_of_a_folder() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = [project(&mut dvc), project(&mut dvc)];
    for sandbox in [&ours, &theirs] {
        with_left_out(sandbox, "d");
        with_left_out(sandbox, "data");
        let out = "mkdir -p out/g/.dvc; ln -s ../real out/l; echo f > out/f; echo x > out/g/x";
        let stages = [("reads", "ls d > o", "d", "o"), ("writes", out, "real", "out")];
        let stages = stages.map(|(name, command, dep, out)| {
            format!("  {name}:\n    cmd: {command}\n    deps: [{dep}]\n    outs: [{out}]\n")
        });
        sandbox.write("dvc.yaml", format!("stages:\n{}", stages.concat()));
    }
    dvc.ok(&theirs, &["add", "-q", "data"]);
    dvc.ok(&theirs, &["repro", "-q"]);
    pipe(&ours, &["add", "data"]).code(0);
    pipe(&ours, &["repro"]).code(0);
    for file in ["data.dvc", "dvc.lock"] {
        assert_eq!(ours.read(file), theirs.read(file));
    }
    for sandbox in [&ours, &theirs] {
        agree(&mut dvc, sandbox, &[]);
        // What they lead to, and what the other project holds, is nobody's matter here.
        sandbox.write("data/g/y", "y\n");
        agree(&mut dvc, sandbox, &[]);
    }
    // What goes and comes again leaves them in place.
    for at in ["data/f", "out/f"] {
        ours.remove(at);
    }
    ours.write("data/more/new", "new\n");
    std::os::unix::fs::symlink("../../real", ours.path("data/more/l")).unwrap();
    pipe(&ours, &["checkout", "--force"]).code(0);
    assert!(ours.exists("data/f") && ours.exists("out/f") && !ours.exists("data/more/new"));
    is_left(&ours, "data");
    is_left(&ours, "d");
    assert!(ours.path("data/more/l").is_symlink() && ours.path("out/l").is_symlink());
    agree(&mut dvc, &ours, &[]);
    // Both that are made anew, and those that stand there still.
    ours.write("real/2", "2\n");
    agree(&mut dvc, &ours, &["writes"]);
    pipe(&ours, &["repro"]).code(0);
    assert!(ours.path("out/l").is_symlink() && ours.exists("out/g/x"));
    agree(&mut dvc, &ours, &[]);
    pipe(&ours, &["remove", "data.dvc", "--outs"])
        .code(0)
        .tells(&["ignores, which no cache holds: data/g, "]);
    assert!(ours.exists("data/l/1") && !ours.exists("data/f"));
}

/// A recorded folder comes back where a link to one has taken its place, whose files DVC does not see.
#[test]
fn a_link_in_place_of_a_recorded_folder_gives_way() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("data/f", "f\n");
    sandbox.write("data/sub/s", "s\n");
    pipe(&sandbox, &["add", "data"]).code(0);
    agree(&mut dvc, &sandbox, &[]);
    std::fs::rename(sandbox.path("data/sub"), sandbox.path("moved")).unwrap();
    std::os::unix::fs::symlink("../moved", sandbox.path("data/sub")).unwrap();
    agree(&mut dvc, &sandbox, &["data.dvc"]);
    pipe(&sandbox, &["checkout"]).code(0);
    agree(&mut dvc, &sandbox, &[]);
    assert!(!sandbox.path("data/sub").is_symlink());
    assert_eq!((sandbox.read("data/sub/s"), sandbox.read("moved/s")), ("s\n".into(), "s\n".into()));
}
