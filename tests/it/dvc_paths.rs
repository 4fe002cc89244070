//! Paths of projects of DVC that are absolute, or lead out of the project: taken, judged and recorded as DVC does.

use crate::dvc_tool::{Dvc, agree, pipe, project};
use crate::harness::Sandbox;

/// Two projects with these pipeline files, in which `ROOT` is the project's folder: one for each tool.
fn twins(dvc: &mut Dvc, files: &[(&str, &str)]) -> [Sandbox; 2] {
    [(); 2].map(|()| {
        let sandbox = project(dvc);
        let root = sandbox.root().canonicalize().unwrap().display().to_string();
        for (file, text) in files {
            sandbox.write(file, text.replace("ROOT", &root));
        }
        sandbox
    })
}

/// Both make the same files of the same projects, and each takes what the other recorded for up to date.
#[track_caller]
fn reproduce(dvc: &mut Dvc, [ours, theirs]: &[Sandbox; 2], files: &[&str]) {
    pipe(ours, &["repro"]).code(0);
    dvc.ok(theirs, &["repro", "-q"]);
    for file in files {
        assert_eq!(ours.read(file), theirs.read(file), "{file}");
    }
    let entries = |sandbox: &Sandbox| {
        let mut entries = sandbox.files(".dvc/cache/runs");
        entries.sort();
        entries
    };
    assert_eq!(entries(ours), entries(theirs));
    for sandbox in [ours, theirs] {
        agree(dvc, sandbox, &[]);
        let before = sandbox.read("dvc.lock");
        assert!(!dvc.ok(sandbox, &["repro"]).contains("Running stage"), "what was recorded is up to date");
        pipe(sandbox, &["repro"]).code(0);
        assert_eq!(sandbox.read("dvc.lock"), before);
    }
}

const INSIDE: &str = "\
stages:
  a:
    cmd: cp f o; cp f o2; cp f m.json
    deps: [ROOT/f]
    params:
    - ROOT/p.yaml: [a]
    - ROOT/sub/../params.yaml:
    outs: [ROOT/o, ROOT/o2: {cache: false}]
    metrics: [ROOT/m.json]
  b:
    cmd: cp o p
    deps: [o, ../NAME/f]
    outs: [../NAME/p]
  c:
    wdir: sub
    cmd: cp ../p q; cp ../p r
    deps: [ROOT/p]
    outs: [ROOT/sub/q]
    plots: [ROOT/sub/../sub/r]
  d:
    wdir: ROOT/sub
    cmd: cp q s
    deps: [q, ROOT//sub/r]
    outs: [s]
";

#[test]
fn absolute_paths_of_the_project_are_its_own() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let name = Sandbox::new().root().file_name().unwrap().to_str().unwrap().to_owned();
    let text = INSIDE.replace("NAME", &name);
    let both = twins(&mut dvc, &[("dvc.yaml", &text), ("f", "1\n"), ("p.yaml", "a: 2\n"), ("sub/x", "")]);
    let [ours, theirs] = &both;
    for sandbox in [ours, theirs] {
        assert!(sandbox.root().ends_with(&name), "all sandboxes call their project so");
        sandbox.write("params.yaml", "b: 1\n");
        dvc.ok(sandbox, &["remote", "add", "-q", "-d", "st", "../store"]);
    }
    agree(&mut dvc, ours, &["a", "b", "c", "d"]);
    let lock = ["dvc.lock", "o", "sub/q", "sub/s"];
    reproduce(&mut dvc, &both, &lock);
    // The edges are there, by whatever name.
    let listed = pipe(ours, &["dag", "--md"]).code(0).stdout;
    assert_eq!(listed.matches("-->").count(), 3, "{listed}");
    for sandbox in [ours, theirs] {
        sandbox.write("f", "2\n");
        agree(&mut dvc, sandbox, &["a", "b"]);
    }
    reproduce(&mut dvc, &both, &lock);
    for sandbox in [ours, theirs] {
        sandbox.write("p.yaml", "a: 3\n");
        agree(&mut dvc, sandbox, &["a"]);
    }
    // It goes to the remote and comes back.
    pipe(ours, &["push"]).code(0);
    dvc.ok(ours, &["push", "-q"]);
    for file in ["o", "p", "sub/q", "sub/r", "sub/s", "m.json"] {
        ours.remove(file);
    }
    std::fs::remove_dir_all(ours.path(".dvc/cache/files")).unwrap();
    pipe(ours, &["pull"]).code(0);
    assert_eq!(ours.read("sub/s"), "2\n");
    agree(&mut dvc, ours, &["a"]);
}

#[test]
fn stages_are_added_with_the_plain_names_of_absolute_paths() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let both = twins(&mut dvc, &[("f", "1\n"), ("sub/p.yaml", "x: 1\n"), ("params.yaml", "x: 1\n")]);
    for (at, sandbox) in both.iter().enumerate() {
        let root = sandbox.root().canonicalize().unwrap().display().to_string();
        let [f, o, params] = ["f", "sub/../o", "sub/p.yaml:x"].map(|path| format!("{root}/{path}"));
        let add = ["stage", "add", "-n", "a", "-d", &f, "-o", &o, "-p", &params, "echo 1 > o"];
        let folder = ["stage", "add", "-n", "b", "-w", "sub", "-d", &f, "-o", "y", "echo 1 > y"];
        for call in [&add[..], &folder] {
            match at {
                0 => drop(pipe(sandbox, call).code(0)),
                _ => drop(dvc.ok(sandbox, call)),
            }
        }
    }
    let [ours, theirs] = &both;
    let lines = |sandbox: &Sandbox| {
        sandbox.read("dvc.yaml").lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(lines(ours), lines(theirs));
    reproduce(&mut dvc, &both, &["dvc.lock"]);
}

const LEADS_OUT: &str = "\
stages:
  a:
    cmd: cp f o; cp ../shared/x.py ../o2; echo 1 > ../m.json; echo more >> ../shared/kept
    deps: [f, ../shared/x.py, ../shared/d]
    outs:
    - o
    - ../o2:
        cache: false
    - ../shared/./kept:
        cache: false
        persist: true
    metrics:
    - ../m.json:
        cache: false
  b:
    cmd: cp ../../o2 p
    wdir: sub
    deps: [../../o2]
    outs: [p]
  c:
    cmd: cat ../shared/./x.py > q
    deps: [.././shared/x.py, ../shared/d/../x.py2, sub/p]
    outs: [q]
";

/// Two projects of [`LEADS_OUT`].
fn leading_out(dvc: &mut Dvc) -> [Sandbox; 2] {
    let shared =
        [("../shared/x.py", "x\n"), ("../shared/x.py2", "2\n"), ("../shared/d/1", "1\n"), ("../o2.x", "")];
    let files = [("dvc.yaml", LEADS_OUT), ("f", "1\n"), ("sub/y", "")];
    twins(dvc, &shared.into_iter().chain(files).collect::<Vec<_>>())
}

#[test]
fn relative_paths_that_lead_out_are_read_and_written_as_in_dvc() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let both = leading_out(&mut dvc);
    let [ours, theirs] = &both;
    agree(&mut dvc, ours, &["a", "b", "c"]);
    let files = ["dvc.lock", "o", "../o2", "../m.json", "../shared/kept", "sub/p", "q"];
    reproduce(&mut dvc, &both, &files);
    // The one edge that leads over a place outside is there.
    let listed = pipe(ours, &["dag", "--md"]).code(0).stdout;
    assert_eq!(listed.matches("-->").count(), 2, "{listed}");
    for (file, text, changed) in [
        ("../shared/x.py", "y\n", &["a", "c"][..]),
        ("../shared/d/2", "new\n", &["a"]),
        ("../o2", "by hand\n", &["a", "b"]),
        ("../shared/kept", "by hand\n", &["a"]),
        ("../shared/x.py2", "y\n", &["c"]),
    ] {
        for sandbox in [ours, theirs] {
            sandbox.write(file, text);
            agree(&mut dvc, sandbox, changed);
        }
        reproduce(&mut dvc, &both, &files);
    }
    assert_eq!(ours.read("../shared/kept"), "by hand\nmore\n");
    // What is gone there cannot be put back.
    ours.remove("../o2");
    agree(&mut dvc, ours, &["a", "b"]);
    pipe(ours, &["checkout"]);
    assert!(!ours.exists("../o2"));
    pipe(ours, &["repro"]).code(0);
    agree(&mut dvc, ours, &[]);
    // Nothing else there was touched, nor put into the cache.
    assert_eq!(ours.files("../shared"), theirs.files("../shared"));
}

#[test]
fn a_failed_stage_gives_back_what_it_had_written_where_a_relative_path_leads() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [sandbox, _] = leading_out(&mut dvc);
    pipe(&sandbox, &["repro"]).code(0);
    sandbox.edit("dvc.yaml", "cp f o;", "echo half > ../o2; echo half >> ../shared/kept; exit 1;");
    pipe(&sandbox, &["repro"]).code(1);
    assert_eq!(sandbox.read("../o2"), "x\n");
    assert_eq!(sandbox.read("../shared/kept"), "more\n");
}

#[test]
fn what_may_not_lead_out_is_refused_with_its_place() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let refused = |body: &str, tells: &[&str]| {
        sandbox.write("dvc.yaml", format!("stages:\n  a:\n    cmd: touch ran\n{body}"));
        let said = pipe(&sandbox, &["repro"]);
        assert_ne!(said.code_of(), Some(0));
        said.tells(tells);
        assert!(!sandbox.exists("ran"));
    };
    let cached = "out `../x` lies outside the project, where the cache keeps nothing";
    refused("    outs: [../x]\n", &["dvc.yaml:4:12: ", cached]);
    refused("    metrics: [../x]\n", &["dvc.yaml:4:15: ", cached]);
    refused("    outs: [..: {cache: false}]\n", &["contains the project"]);
    refused(
        "    outs: [../.git/x: {cache: false}]\n",
        &["lies in a folder that git, pipe or DVC keeps for itself"],
    );
    let twice =
        "    outs: [../x: {cache: false}]\n  b:\n    cmd: touch ran\n    outs: [../x/y: {cache: false}]\n";
    refused(twice, &["/x/y` of stage `b` overlaps an out of stage `a`"]);
    refused("    deps: [../x/y]\n    outs: [../x: {cache: false}]\n", &["and writes there"]);
    // A record that leads out is none of a stage that does not name that place.
    sandbox.write("../mine", "mine\n");
    sandbox.write("dvc.yaml", "stages:\n  a:\n    cmd: echo 1 > o\n    outs: [o]\n");
    pipe(&sandbox, &["repro"]).code(0);
    sandbox.edit("dvc.lock", "path: o", "path: ../mine");
    pipe(&sandbox, &["checkout"]);
    pipe(&sandbox, &["repro"]).code(0);
    assert_eq!(sandbox.read("../mine"), "mine\n");
}

const PARAMS_OUT: &str = "\
vars:
- ../p.yaml
- ROOT/../q.json:width
stages:
  a:
    cmd: echo ${lr} ${width} > o
    params:
    - ../p.yaml: [lr]
    - ../whole.toml:
    - ROOT/../shared/r.yaml: [x]
    outs: [o]
  b:
    wdir: sub
    cmd: echo 1 > o; echo 'y=5' > ../../made.toml
    vars: [../../shared/own.yaml]
    params:
    - lr
    - ../../shared/./own.yaml: [own]
    outs:
    - o
    - ../../made.toml:
        cache: false
  c:
    cmd: cp sub/o p
    deps: [sub/o]
    params:
    - ../made.toml: [y]
    outs: [p]
params: [../p.yaml]
metrics: [../m.json]
plots: [../m.json]
";

#[test]
fn params_and_vars_may_lie_outside_as_in_dvc() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let files = [
        ("dvc.yaml", PARAMS_OUT),
        ("../p.yaml", "lr: 1\n"),
        ("../q.json", "{\"width\": 2, \"other\": 1}"),
        ("../whole.toml", "a = 1\n"),
        ("../shared/r.yaml", "x: 1\ny: 2\n"),
        ("../shared/own.yaml", "own: 3\n"),
        ("sub/params.yaml", "lr: 4\n"),
    ];
    let both = twins(&mut dvc, &files);
    let [ours, theirs] = &both;
    // In the lock of each the absolute path is its own.
    let same = |dvc: &mut Dvc| {
        let lock = |sandbox: &Sandbox| {
            let root = sandbox.root().canonicalize().unwrap().display().to_string();
            sandbox.read("dvc.lock").replace(&root, "ROOT")
        };
        pipe(ours, &["repro"]).code(0);
        dvc.ok(theirs, &["repro", "-q"]);
        assert_eq!(lock(ours), lock(theirs));
        assert_eq!(ours.read("o"), theirs.read("o"));
        for sandbox in [ours, theirs] {
            agree(dvc, sandbox, &[]);
            let before = sandbox.read("dvc.lock");
            assert!(!dvc.ok(sandbox, &["repro"]).contains("Running stage"));
            pipe(sandbox, &["repro"]).code(0);
            assert_eq!(sandbox.read("dvc.lock"), before);
        }
    };
    agree(&mut dvc, ours, &["a", "b", "c"]);
    same(&mut dvc);
    assert_eq!(ours.read("o"), "1 2\n");
    for (file, text, changed) in [
        ("../p.yaml", "lr: 2\n", &["a"][..]),
        ("../q.json", "{\"width\": 3}", &["a"]),
        ("../whole.toml", "a = 1\nb = 2\n", &["a"]),
        ("../shared/r.yaml", "x: 1\ny: 3\n", &[]),
        ("../shared/r.yaml", "x: 2\n", &["a"]),
        ("../shared/own.yaml", "own: 4\n", &["b"]),
        ("../made.toml", "y=6\n", &["b", "c"]),
    ] {
        for sandbox in [ours, theirs] {
            sandbox.write(file, text);
            agree(&mut dvc, sandbox, changed);
        }
        if !changed.is_empty() {
            same(&mut dvc);
        }
    }
    // A param that is gone, and a file, stop both.
    for (file, text, tells) in [
        ("../shared/r.yaml", Some("y: 1\n"), "shared/r.yaml has no key `x`"),
        ("../shared/r.yaml", None, "shared/r.yaml does not exist"),
        ("../whole.toml", Some("a = [\n"), "/whole.toml:"),
        ("../p.yaml", None, "/p.yaml` does not exist"),
    ] {
        let before = ours.read(file);
        match text {
            Some(text) => ours.write(file, text),
            None => ours.remove(file),
        }
        let said = pipe(ours, &["repro"]);
        assert_ne!(said.code_of(), Some(0), "{file}");
        said.tells(&[tells]);
        assert_ne!(dvc.call(ours, &["repro", "-q"]).0, 0, "{file}");
        ours.write(file, before);
    }
    // What is shown is of the project alone.
    ours.commit("all of it");
    ours.write("../p.yaml", "lr: 9\n");
    ours.write("sub/params.yaml", "lr: 7\n");
    let shown = pipe(ours, &["params", "diff"]).code(0).stdout;
    assert!(shown.contains("sub/params.yaml") && !shown.contains('9'), "{shown}");
    assert!(!dvc.ok(ours, &["params", "diff"]).contains('9'));
}

#[test]
fn a_conversion_refuses_places_that_a_project_of_pipe_has_no_word_for() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let root = sandbox.root().canonicalize().unwrap().display().to_string();
    sandbox.write("../shared/x", "1\n");
    sandbox.write("../p.yaml", "a: 1\n");
    sandbox.write("f", "1\n");
    for (body, tells) in [
        ("    deps: [../shared/x]\n    outs: [o]\n", "reads ../shared/x, which lies outside the project"),
        ("    params: [../p.yaml: [a]]\n    outs: [o]\n", "/p.yaml, which lies outside the project"),
        ("    outs:\n    - o\n    - ../y:\n        cache: false\n", "/y, which lies outside the project"),
        ("    deps: [ROOT/f]\n    outs: [o]\n", "names f by its absolute path"),
        ("    deps: [f]\n    outs: [ROOT/o]\n", "is an absolute path"),
    ] {
        let text =
            format!("stages:\n  a:\n    cmd: echo 1 > o; echo 1 > ../y\n{body}").replace("ROOT", &root);
        sandbox.write("dvc.yaml", &text);
        pipe(&sandbox, &["repro"]).code(0);
        sandbox.commit("a stage");
        for call in [&["convert", "--dry"][..], &["convert"]] {
            let said = pipe(&sandbox, call);
            assert_ne!(said.code_of(), Some(0), "{body}");
            said.tells(&[tells]);
        }
        assert_eq!(sandbox.read("dvc.yaml"), text);
        assert!(
            !sandbox.exists(".pipe") && !sandbox.exists("pipeline.yaml") && sandbox.exists(".dvc/config")
        );
        pipe(&sandbox, &["status"]).code(0);
    }
}

#[test]
fn pointers_may_name_data_of_the_project_by_any_path() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let name = Sandbox::new().root().file_name().unwrap().to_str().unwrap().to_owned();
    let outside_in = format!("outs:\n- path: ../{name}/e\n");
    let files = [
        ("a", "1\n"),
        ("sub/d/x", "2\n"),
        ("c", "3\n"),
        ("e", "5\n"),
        ("sub/f", "6\n"),
        ("sub/g", "7\n"),
        ("a.dvc", "# what it is\nouts:\n- path: 'ROOT/sub/../a' # this one\n"),
        ("sub/d.dvc", "wdir: ROOT/sub\nouts:\n- path: d\n"),
        ("sub/c.dvc", "wdir: ..\nouts:\n- path: c\n"),
        ("e.dvc", &outside_in),
        ("f.dvc", "wdir: \"ROOT\"\nouts: [{path: ROOT/sub/f, desc: six}]\n"),
        ("deep/g.dvc", "wdir: ROOT/\nouts:\n- path: sub/g\n"),
        (
            "dvc.yaml",
            "stages:\n  s:\n    wdir: ROOT\n    cmd: cat a c e sub/f > o\n    deps: [a, c, e, sub/f]\n    outs: [o]\n",
        ),
    ];
    let both = twins(&mut dvc, &files);
    let [ours, theirs] = &both;
    let all = ["a.dvc", "deep/g.dvc", "e.dvc", "f.dvc", "s", "sub/c.dvc", "sub/d.dvc"];
    let pointers = || all.into_iter().filter(|name| name.ends_with(".dvc"));
    for sandbox in [ours, theirs] {
        assert!(sandbox.root().ends_with(&name), "all sandboxes call their project so");
        agree(&mut dvc, sandbox, &all);
        dvc.ok(sandbox, &["remote", "add", "-q", "-d", "st", "../store"]);
    }
    // What is recorded is spelled as DVC does, and comments stay.
    pipe(ours, &["repro"]).code(0);
    dvc.ok(theirs, &["repro", "-q"]);
    // Two pointers tell of what no stage reads.
    pipe(ours, &["commit", "-f"]).code(0);
    dvc.ok(theirs, &["commit", "-f", "-q"]);
    let words = |sandbox: &Sandbox, file: &str| {
        let text = sandbox.read(file);
        let mut lines: Vec<String> = text
            .lines()
            .map(|line| line.replace("- ", "  ").split(" #").next().unwrap().trim_end().to_owned())
            .collect();
        lines.retain(|line| !line.starts_with('#'));
        lines.sort();
        lines
    };
    // What stands in braces is laid out anew here.
    for file in pointers().filter(|file| *file != "f.dvc") {
        assert_eq!(words(ours, file), words(theirs, file), "{file}");
    }
    assert!(ours.read("a.dvc").starts_with("# what it is\nouts:\n- path: a # this one\n"));
    assert_eq!(ours.read("dvc.lock"), theirs.read("dvc.lock"));
    for sandbox in [ours, theirs] {
        agree(&mut dvc, sandbox, &[]);
        assert!(!dvc.ok(sandbox, &["repro"]).contains("Running stage"));
        pipe(sandbox, &["push"]).code(0);
    }
    // Also where only digests were recorded so far, and by each command that changes such a file.
    let root = ours.root().canonicalize().unwrap().display().to_string();
    let absolute = |file: &str, from: &str, to: &str| ours.edit(file, from, &to.replace("ROOT", &root));
    absolute("a.dvc", "path: a", "path: ROOT/a");
    absolute("sub/c.dvc", "wdir: ..", "wdir: ROOT");
    absolute("e.dvc", "path: e", "path: ROOT/e");
    agree(&mut dvc, ours, &[]);
    for file in ["a", "c", "e", "o", "sub/d", "sub/f", "sub/g"] {
        ours.remove(file);
    }
    std::fs::remove_dir_all(ours.path(".dvc/cache")).unwrap();
    pipe(ours, &["pull"]).code(0);
    assert_eq!(ours.read("o"), "1\n3\n5\n6\n");
    agree(&mut dvc, ours, &[]);
    assert!(ours.read("a.dvc").contains(&root), "nothing was recorded anew");
    ours.write("a", "11\n");
    pipe(ours, &["add", "a"]).code(0);
    assert!(ours.read("a.dvc").contains("- path: a # this one\n"), "{}", ours.read("a.dvc"));
    ours.write("c", "33\n");
    pipe(ours, &["commit", "-f", "sub/c.dvc"]).code(0);
    assert!(ours.read("sub/c.dvc").contains("wdir: ..\n"));
    pipe(ours, &["move", "e", "e2"]).code(0);
    assert!(ours.read("e2.dvc").contains("path: e2\n") && !ours.exists("e"));
    agree(&mut dvc, ours, &["s"]);
    pipe(ours, &["gc", "-w", "-f"]);
    pipe(ours, &["checkout"]).code(0);
    assert_eq!(ours.read("a"), "11\n");
}

#[test]
fn pointers_that_lead_out_by_absolute_paths_are_refused() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let root = sandbox.root().canonicalize().unwrap().display().to_string();
    sandbox.write("../mine", "mine\n");
    sandbox.write("a", "1\n");
    pipe(&sandbox, &["add", "a"]).code(0);
    let good = sandbox.read("a.dvc");
    let config = sandbox.read(".dvc/config");
    for path in [
        "ROOT/../mine",
        "ROOT/.git/hooks/post-commit",
        "ROOT/.GIT/config",
        "ROOT/.dvc/config",
        "ROOT",
        "ROOTX/a",
        "/etc/pipe-was-here",
        "../../mine",
    ] {
        let path = path.replace("ROOT", &root);
        for text in [
            good.replace("path: a", &format!("path: {path}")),
            format!(
                "wdir: {}\n{}",
                path.rsplit_once('/').unwrap().0,
                good.replace("path: a", &format!("path: {path}"))
            ),
            format!("wdir: {path}\n{good}"),
        ] {
            sandbox.write("a.dvc", &text);
            for call in [&["checkout", "-f"][..], &["status"], &["repro"], &["pull"]] {
                let said = pipe(&sandbox, call);
                assert!(
                    said.code_of() != Some(0) || text.contains(&format!("wdir: {root}\n{good}")),
                    "{text}"
                );
            }
            assert_eq!(sandbox.read("../mine"), "mine\n");
            assert_eq!(sandbox.read(".dvc/config"), config);
            assert!(!sandbox.exists(".git/hooks/post-commit"));
        }
    }
}

#[test]
fn broken_params_files_outside_keep_no_diff_of_params_back() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let root = sandbox.root().canonicalize().unwrap().display().to_string();
    let stage = "stages:\n  a:\n    cmd: echo 1 > o\n    params:\n    - a\n    - ../p.yaml: [lr]\n    - ROOT/../q.json:\n    \
                 outs: [o]\n";
    sandbox.write("dvc.yaml", stage.replace("ROOT", &root));
    sandbox.write("../p.yaml", "lr: 1\n");
    sandbox.write("../q.json", "{}");
    sandbox.write("params.yaml", "a: 1\n");
    pipe(&sandbox, &["repro"]).code(0);
    sandbox.commit("a stage");
    sandbox.write("params.yaml", "a: 2\n");
    let shown = |dvc: &mut Dvc| {
        for call in [&["params", "diff", "--json"][..], &["params", "diff", "--json", "HEAD"]] {
            let ours = pipe(&sandbox, call).code(0).stdout;
            let json = |text: &str| serde_json::from_str::<serde_json::Value>(text.trim()).unwrap();
            assert_eq!(json(&ours), json(&dvc.ok(&sandbox, call)), "{call:?}");
            assert!(ours.contains("params.yaml"), "{ours}");
        }
    };
    shown(&mut dvc);
    sandbox.write("../p.yaml", "lr: [1\n");
    sandbox.write("../q.json", "{");
    shown(&mut dvc);
    // Nor other commands; of the stage that reads it nothing can be said.
    for call in [&["checkout"][..], &["dag"], &["stage", "list"], &["data", "status"], &["gc", "-w", "-f"]] {
        pipe(&sandbox, call).code(0);
        dvc.ok(&sandbox, call);
    }
    for call in [&["status"][..], &["repro"], &["commit", "-f"]] {
        let said = pipe(&sandbox, call);
        assert_ne!(said.code_of(), Some(0), "{call:?}");
        assert!(format!("{}{}", said.stdout, said.stderr).contains("/p.yaml:"), "{call:?}");
        assert_ne!(dvc.call(&sandbox, call).0, 0, "{call:?}");
    }
    sandbox.write("../p.yaml", [0xff, 0xfe, 0x00, 0xff]);
    shown(&mut dvc);
    // What templates are filled in from is needed; DVC shows nothing then.
    sandbox.write("../p.yaml", "lr: [1\n");
    sandbox.edit("dvc.yaml", "stages:", "vars: [../p.yaml]\nstages:");
    let said = pipe(&sandbox, &["params", "diff"]);
    assert_ne!(said.code_of(), Some(0));
    said.tells(&["/p.yaml:"]);
}

/// DVC refuses to add such a stage, and runs one that is written by hand: to fail then, before anything is recorded, but
/// where it has nothing for the run cache.
#[test]
fn working_folders_outside_are_refused_before_anything_runs() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let root = sandbox.root().canonicalize().unwrap().display().to_string();
    sandbox.write("../shared/x", "1\n");
    for wdir in ["../shared".to_owned(), format!("{root}/../shared")] {
        assert_ne!(dvc.call(&sandbox, &["stage", "add", "-n", "s", "-w", &wdir, "true"]).0, 0);
        assert_ne!(pipe(&sandbox, &["stage", "add", "-n", "s", "-w", &wdir, "true"]).code_of(), Some(0));
        let name = sandbox.root().file_name().unwrap().to_str().unwrap().to_owned();
        let out = format!("../{name}/o");
        let stage = format!(
            "stages:\n  a:\n    wdir: {wdir}\n    cmd: cp x {out}\n    deps: [x]\n    outs: [{out}]\n"
        );
        sandbox.write("dvc.yaml", stage);
        let said = pipe(&sandbox, &["repro"]);
        assert_ne!(said.code_of(), Some(0));
        said.tells(&["dvc.yaml:3:11: "]);
        assert!(!sandbox.exists("o"));
        let (code, _, told) = dvc.call(&sandbox, &["repro"]);
        assert!(code != 0 && told.contains("is outside of DVC repo"), "{told}");
        assert!(sandbox.exists("o") && !sandbox.exists("dvc.lock"));
        sandbox.remove("o");
        sandbox.remove("dvc.yaml");
    }
}

#[test]
fn every_spelling_of_a_dep_is_recorded_and_looked_for() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let text = "stages:\n  a:\n    cmd: cat f ../shared/x > o\n    deps: [f, ./f, sub/../f, ../shared/x, ../shared/./x, \
                ROOT/f, ROOT/../shared/x, ./p.json]\n    params:\n    - p.json: [a]\n    outs: [./o]\n";
    let files =
        [("dvc.yaml", text), ("f", "1\n"), ("../shared/x", "2\n"), ("p.json", "{\"a\": 1}"), ("sub/y", "")];
    let both = twins(&mut dvc, &files);
    let [ours, theirs] = &both;
    pipe(ours, &["repro"]).code(0);
    dvc.ok(theirs, &["repro", "-q"]);
    // In the lock of each the absolute path is its own.
    let lock = |sandbox: &Sandbox| {
        let root = sandbox.root().canonicalize().unwrap().display().to_string();
        sandbox.read("dvc.lock").replace(&root, "ROOT")
    };
    assert_eq!(lock(ours), lock(theirs));
    for sandbox in [ours, theirs] {
        agree(&mut dvc, sandbox, &[]);
        assert!(!dvc.ok(sandbox, &["repro"]).contains("Running stage"));
        pipe(sandbox, &["repro"]).code(0).tells(&["up to date"]);
        // By another spelling than the stage's nothing is found, and one of several is not enough.
        let whole = sandbox.read("dvc.lock");
        for (from, to) in [
            ("path: ./f\n", "path: .//f\n"),
            ("path: ../shared/./x", "path: ../shared/../shared/x"),
            ("path: ./p.json", "path: p.json"),
            ("path: ./o", "path: o"),
            ("path: ./f\n      hash: md5\n      md5: b0", "path: ./f\n      hash: md5\n      md5: b1"),
        ] {
            sandbox.write("dvc.lock", whole.replace(from, to));
            assert_ne!(sandbox.read("dvc.lock"), whole, "{from}");
            agree(&mut dvc, sandbox, &["a"]);
        }
        sandbox.write("dvc.lock", whole);
        sandbox.edit("dvc.yaml", "[f, ./f, ", "[f, ");
        agree(&mut dvc, sandbox, &[]);
        sandbox.edit("dvc.yaml", "[f, ", "[.//f, ");
        agree(&mut dvc, sandbox, &["a"]);
    }
}
