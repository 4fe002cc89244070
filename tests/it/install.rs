//! `pipe install`: git's hooks, and merges of locks and pointers.

use std::process::Command;

use crate::dvc_tool::{Dvc, project};
use crate::harness::Sandbox;

/// Git that finds this `pipe`.
pub fn git(sandbox: &Sandbox, words: &[&str]) -> Command {
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_pipe")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut command = sandbox.program("git");
    command.args(words).env("PATH", path);
    command
}

fn pair() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a: {cmd: cp one a, deps: [one], outs: [a]}\n  b: {cmd: cp two b, deps: [two], outs: [b]}\n",
    );
    for (path, text) in [("one", "1\n"), ("two", "2\n"), ("raw/x", "x\n"), ("data", "d\n")] {
        sandbox.write(path, text);
    }
    sandbox.ok(["add", "raw", "data"]);
    sandbox.ok(["install"]);
    sandbox.ok(["repro"]);
    sandbox.commit("base");
    sandbox
}

#[test]
fn hooks_are_installed_once_beside_what_stands_there() {
    let sandbox = Sandbox::new();
    sandbox.write(".git/hooks/pre-commit", "#!/usr/bin/env bash\ntouch theirs\nexit 0\n");
    sandbox.write(".gitattributes", "*.bin -diff");
    sandbox.ok(["install"]);
    let read = || {
        ["pre-commit", "post-checkout", "pre-push", "post-merge"]
            .map(|name| sandbox.read(&format!(".git/hooks/{name}")))
    };
    let before = read();
    assert!(before[0].starts_with("#!/usr/bin/env bash\n# >>> pipe >>>\npipe status"), "{}", before[0]);
    assert!(before[0].ends_with("# <<< pipe <<<\ntouch theirs\nexit 0\n"), "{}", before[0]);
    assert!(before[2].contains("pipe push"), "{}", before[2]);
    sandbox.ok(["install"]);
    assert_eq!(read(), before);
    assert_eq!(sandbox.read(".gitattributes"), "*.bin -diff\npipeline.lock merge=pipe\n*.pipe merge=pipe\n");
    assert_eq!(sandbox.read(".git/info/attributes"), "pipeline.lock merge=pipe\n*.pipe merge=pipe\n");
    sandbox.write(".git/hooks/pre-push", "#!/usr/bin/env python3\nprint()\n");
    sandbox.pipe(["install"]).code(2).tells(&["is no shell script", "--no-hooks"]);
    sandbox.ok(["install", "--no-hooks"]);
    Sandbox::without_git().pipe(["install"]).code(2).tells(&["there is no git repository here"]);
}

/// Each has its part, in the order in which they came; what stands beside them stays.
#[test]
fn several_projects_share_the_hooks() {
    let sandbox = Sandbox::new();
    let names = ["pre-commit", "post-checkout", "pre-push", "post-merge"];
    let read = || names.map(|name| sandbox.read(&format!(".git/hooks/{name}")));
    sandbox.write(".git/hooks/pre-commit", "#!/bin/sh\ntouch theirs\n");
    // What an earlier version wrote for the project in a folder.
    let earlier =
        "#!/bin/sh\n# >>> pipe >>>\npipe --cd 's1' checkout </dev/null || true\n# <<< pipe <<<\necho mine\n";
    sandbox.write(".git/hooks/post-merge", earlier);
    for (folder, settings) in
        [("s1", ".pipe/config.toml"), ("it's 2", ".dvc/config"), (".", ".pipe/config.toml")]
    {
        sandbox.write(&format!("{folder}/{settings}"), "");
        sandbox.write(&format!("{folder}/raw"), "1\n");
        sandbox.ok(["--cd", folder, "add", "raw"]);
        sandbox.ok(["--cd", folder, "remote", "add", "--default", "store", "../store"]);
    }
    for folder in ["s1", "it's 2", ".", "it's 2", "s1", "."] {
        sandbox.ok(["--cd", folder, "install"]);
    }
    let part = |body: &str| format!("# >>> pipe >>>\n{body}\n# <<< pipe <<<\n");
    let parts = |command: &str, indent: &str| {
        let below = |folder| {
            let line = format!("    pipe --cd {folder} {command}");
            part(&format!("if [ -d {folder} ]; then\n{line}\nfi"))
        };
        let top = part(&format!("{indent}pipe {command}"));
        [below("'s1'"), below("'it'\\''s 2'"), top].concat()
    };
    let [commit, checkout, push, merge] = read();
    assert_eq!(push, format!("#!/bin/sh\n{}", parts("push </dev/null || exit $?", "")));
    assert_eq!(commit, format!("#!/bin/sh\n{}touch theirs\n", parts("status </dev/null || true", "")));
    assert_eq!(
        merge,
        format!("#!/bin/sh\n{}echo mine\n", parts("checkout --summary </dev/null || true", ""))
    );
    assert_eq!(checkout.matches("checkout --summary").count(), 3, "{checkout}");
    // They do what they are for, also where a branch has one of the projects alone.
    sandbox.append(".gitignore", "/store\n**/.dvc/cache\n**/.dvc/tmp\n");
    sandbox.commit("one");
    sandbox.git(["init", "-q", "--bare", "../origin"]);
    sandbox.git(["remote", "add", "origin", "../origin"]);
    for folder in ["s1", "it's 2", "."] {
        sandbox.write(&format!("{folder}/raw"), "2\n");
        sandbox.ok(["--cd", folder, "add", "raw"]);
    }
    sandbox.commit("two");
    let said = sandbox.finish(git(&sandbox, &["checkout", "-q", "-b", "old", "HEAD~1"])).code(0);
    for folder in ["s1", "it's 2", "."] {
        assert_eq!(sandbox.read(&format!("{folder}/raw")), "1\n", "{folder}: {}", said.stderr);
    }
    sandbox.finish(git(&sandbox, &["push", "-q", "origin", "old"])).code(0);
    assert!(["store", "../store"].iter().all(|store| !sandbox.files(store).is_empty()));
    sandbox.git(["rm", "-rq", "it's 2"]);
    sandbox.remove("it's 2");
    sandbox.commit("without");
    let said = sandbox.finish(git(&sandbox, &["push", "-q", "origin", "old"])).code(0);
    assert!(!said.stderr.contains("it's 2"), "{}", said.stderr);
}

/// Colleagues who use DVC alone have its driver, and no other.
#[test]
fn another_merge_driver_stays() {
    let sandbox = Sandbox::new();
    sandbox.write(".dvc/config", "");
    let theirs = "dvc.lock merge=dvc\n*.dvc   -text merge=dvc\n";
    sandbox.write(".gitattributes", theirs);
    let said = sandbox.ok(["install", "--no-hooks"]).tells(&[
        "git merges dvc.lock with `merge=dvc` here, which stays",
        "git merges *.dvc with `merge=dvc` here, which stays; `*.dvc merge=pipe` as the last line",
    ]);
    assert!(!said.stderr.contains("Installed the merge driver"), "{}", said.stderr);
    assert_eq!(sandbox.read(".gitattributes"), theirs);
    assert!(!sandbox.exists(".git/info/attributes"));
    // Of each by itself.
    sandbox.write(".gitattributes", "*.dvc merge=dvc");
    for _ in 0..2 {
        sandbox.ok(["install", "--no-hooks"]).tells(&["Installed the merge driver for dvc.lock:"]);
        assert_eq!(sandbox.read(".gitattributes"), "*.dvc merge=dvc\ndvc.lock merge=pipe\n");
    }
    // What is no driver.
    sandbox.write(".gitattributes", "*.dvc binary\ndvc.lock merge\n");
    let told = ["git merges *.dvc with `-merge` here", "git merges dvc.lock with `merge` here"];
    sandbox.ok(["install", "--no-hooks"]).tells(&told);
    // As it is told.
    sandbox.write(".gitattributes", format!("{theirs}dvc.lock merge=pipe\n*.dvc merge=pipe\n"));
    sandbox.ok(["install", "--no-hooks"]).tells(&["Installed the merge driver for dvc.lock and pointers:"]);
    // Where git's own file says so.
    sandbox.remove(".gitattributes");
    sandbox.write(".git/info/attributes", "*.dvc merge=dvc\n");
    sandbox.ok(["install", "--no-hooks"]);
    assert_eq!(sandbox.read(".gitattributes"), "dvc.lock merge=pipe\n");
}

#[test]
fn data_follows_a_checkout() {
    let sandbox = pair();
    sandbox.write("raw/x", "changed\n");
    sandbox.ok(["commit"]);
    sandbox.commit("changed");
    let said = sandbox.finish(git(&sandbox, &["checkout", "--quiet", "HEAD~1"])).code(0);
    let told = [said.stdout, said.stderr].concat();
    assert!(told.contains("1 file modified") && !told.contains("raw/x"), "a summary: {told}");
    assert_eq!(sandbox.read("raw/x"), "x\n");
    sandbox.finish(git(&sandbox, &["checkout", "--quiet", "main"])).code(0);
    assert_eq!(sandbox.read("raw/x"), "changed\n");
}

#[test]
fn data_follows_a_merge_and_a_pull() {
    let sandbox = pair();
    let clone = |words: &[&str]| sandbox.finish(git(&sandbox, &[&["-C", "../clone"], words].concat()));
    sandbox.git(["clone", "--quiet", ".", "../clone"]);
    sandbox.ok(["--cd", "../clone", "config", "cache.dir", "../project/.pipe/cache", "--local"]);
    sandbox.ok(["--cd", "../clone", "install"]);
    sandbox.ok(["--cd", "../clone", "checkout"]);
    assert_eq!(sandbox.read("../clone/raw/x"), "x\n");
    sandbox.write("raw/x", "changed\n");
    sandbox.ok(["commit"]);
    sandbox.commit("changed");
    clone(&["pull", "--quiet"]).code(0);
    assert_eq!(sandbox.read("../clone/raw/x"), "changed\n");
}

#[test]
fn branches_that_changed_different_things_merge() {
    let sandbox = pair();
    sandbox.git(["branch", "other"]);
    sandbox.write("one", "10\n");
    sandbox.write("raw/mine", "mine\n");
    sandbox.ok(["repro"]);
    sandbox.commit("mine");
    sandbox.finish(git(&sandbox, &["checkout", "--quiet", "other"])).code(0);
    sandbox.write("two", "20\n");
    sandbox.write("raw/theirs", "theirs\n");
    sandbox.ok(["repro"]);
    sandbox.commit("theirs");
    sandbox.finish(git(&sandbox, &["merge", "--quiet", "-m", "merged", "main"])).code(0);
    sandbox.ok(["checkout"]);
    assert_eq!(sandbox.files("raw"), ["raw/mine", "raw/theirs", "raw/x"]);
    assert_eq!((sandbox.read("a"), sandbox.read("b")), ("10\n".into(), "20\n".into()));
    assert_eq!(sandbox.states(), "a:fresh b:fresh data.pipe:fresh raw.pipe:fresh");
}

#[test]
fn what_both_changed_is_a_conflict_of_that_stage_alone() {
    let sandbox = pair();
    sandbox.git(["branch", "other"]);
    for (text, branch) in [("10\n", "main"), ("11\n", "other")] {
        sandbox.finish(git(&sandbox, &["checkout", "--quiet", branch])).code(0);
        sandbox.write("a.txt", text);
        sandbox.edit("pipeline.yaml", "cp one a", &format!("cp one a && echo {}", text.trim()));
        sandbox.write("data", text);
        sandbox.ok(["repro"]);
        sandbox.commit(branch);
    }
    let said = sandbox.finish(git(&sandbox, &["merge", "main"])).code(1);
    assert!(said.stdout.contains("CONFLICT (content): Merge conflict in pipeline.lock"), "{}", said.stdout);
    let lock = sandbox.read("pipeline.lock");
    let inside = lock.split("<<<<<<< ours\n").nth(1).unwrap().split(">>>>>>> theirs\n").next().unwrap();
    assert!(
        inside.starts_with("  a:\n") && inside.contains("=======\n  a:\n") && !inside.contains("  b:\n"),
        "{lock}"
    );
    assert!(
        lock.ends_with(&sandbox.git(["show", "HEAD:pipeline.lock"]).split("  b:\n").nth(1).unwrap()),
        "{lock}"
    );
    let pointer = sandbox.read("data.pipe");
    assert!(pointer.starts_with("<<<<<<< ours\nversion: 1"), "{pointer}");
    said.tells(&["Conflict in pipeline.lock: both sides changed stage a."]);
    sandbox.git(["checkout", "--ours", "pipeline.yaml", "data.pipe"]);
    let line = lock.lines().position(|line| line == "<<<<<<< ours").unwrap() + 1;
    let said = sandbox.pipe(["status"]).code(2).tells(&[
        &format!("pipeline.lock:{line}:1: the file holds an unresolved merge conflict in stage a\n"),
        "hint: `git checkout --ours FILE` or `--theirs FILE` takes one side whole, and `pipe repro` then makes anew",
    ]);
    assert!(!said.stderr.contains("pipe install"), "it is installed: {}", said.stderr);
    // One side of each, and everything is read again.
    sandbox.git(["checkout", "--ours", "pipeline.lock", "data.pipe", "pipeline.yaml", "a.txt"]);
    sandbox.ok(["checkout", "-f"]);
    assert_eq!(sandbox.states(), "a:fresh b:fresh data.pipe:fresh raw.pipe:fresh");
}

#[test]
fn a_conflict_in_a_folder_names_the_files_and_the_way_file_by_file() {
    let sandbox = pair();
    sandbox.git(["branch", "other"]);
    for branch in ["main", "other"] {
        sandbox.finish(git(&sandbox, &["checkout", "--quiet", branch])).code(0);
        sandbox.write("raw/x", branch);
        sandbox.write(&format!("raw/{branch}"), branch);
        sandbox.ok(["add", "raw"]);
        sandbox.commit(branch);
    }
    let said = sandbox.finish(git(&sandbox, &["merge", "main"])).code(1);
    let way = "`git checkout --ours` its pointer, resolve all other conflicts, `pipe checkout` (`pipe pull` where data \
               is lacking), `pipe get -f --rev MERGE_HEAD . FILE -o FILE` for each file of the other side, and `pipe add` \
               the folder (in a rebase REBASE_HEAD, in a cherry-pick CHERRY_PICK_HEAD)";
    said.tells(&[
        "Conflict in raw.pipe: both sides changed raw/x; one side whole drops what the other has added",
        way,
    ]);
    sandbox
        .pipe(["status"])
        .code(2)
        .tells(&["raw.pipe:1:1: the file holds an unresolved merge conflict", way]);
    // As it says.
    sandbox.git(["checkout", "--ours", "raw.pipe"]);
    sandbox.ok(["checkout"]);
    for file in ["raw/x", "raw/main"] {
        sandbox.ok(["get", "-f", "--rev", "MERGE_HEAD", ".", file, "-o", file]);
    }
    sandbox.ok(["add", "raw"]);
    assert_eq!(sandbox.files("raw"), ["raw/main", "raw/other", "raw/x"]);
    assert_eq!(sandbox.read("raw/x"), "main");
}

/// Each side is fine by itself; some file systems cannot hold what the two make together.
#[test]
fn names_that_are_one_do_not_merge() {
    let sandbox = Sandbox::new();
    sandbox.write(".pipe/config.toml", "");
    sandbox.write("raw/x", "x");
    sandbox.ok(["add", "raw"]);
    sandbox.ok(["install", "--no-hooks"]);
    sandbox.commit("base");
    for (branch, file) in [("mine", "raw/\u{e9}"), ("theirs", "raw/e\u{301}")] {
        sandbox.git(["checkout", "--quiet", "-b", branch, "main"]);
        sandbox.ok(["checkout"]);
        sandbox.write(file, branch);
        sandbox.ok(["add", "raw"]);
        sandbox.commit(branch);
    }
    let said = sandbox.finish(git(&sandbox, &["merge", "mine"])).code(1);
    said.tells(&[
        "Conflict in raw.pipe: `raw/e\u{301}` (",
        "are the same name after Unicode normalization; one side whole drops",
    ]);
    assert!(sandbox.read("raw.pipe").contains("<<<<<<<"));
}

/// What is merged is known to this clone as `MERGE_HEAD` and `origin/main` alone: no branch of it leads there.
#[test]
fn a_conflict_of_a_pull_is_resolved_file_by_file() {
    for (settings, pointer) in [(".pipe/config.toml", "raw.pipe"), (".dvc/config", "raw.dvc")] {
        let sandbox = Sandbox::new();
        sandbox.write(settings, "");
        sandbox.write(".gitignore", "/.dvc/cache\n/.dvc/tmp\n");
        sandbox.write("raw/x", "x\n");
        sandbox.write("other", "1\n");
        sandbox.ok(["remote", "add", "-d", "store", "../store"]);
        sandbox.ok(["add", "raw", "other"]);
        sandbox.ok(["install", "--no-hooks"]);
        sandbox.ok(["push"]);
        sandbox.commit("base");
        sandbox.git(["clone", "--quiet", ".", "../theirs"]);
        sandbox.git(["remote", "add", "origin", "../theirs"]);
        sandbox.ok(["--cd", "../theirs", "pull"]);
        for (whose, at) in [("mine", "."), ("theirs", "../theirs")] {
            sandbox.remove(&format!("{at}/raw"));
            sandbox.write(&format!("{at}/raw/x"), whose);
            sandbox.write(&format!("{at}/raw/{whose}"), whose);
            sandbox.remove(&format!("{at}/other"));
            sandbox.write(&format!("{at}/other"), whose);
            sandbox.ok(["--cd", at, "add", "raw", "other"]);
            sandbox.ok(["--cd", at, "push"]);
            sandbox.git(["-C", at, "add", "."]);
            sandbox.git(["-C", at, "commit", "--quiet", "-m", whose]);
        }
        let said =
            sandbox.finish(git(&sandbox, &["pull", "--quiet", "--no-rebase", "origin", "main"])).code(1);
        said.tells(&[&format!("Conflict in {pointer}: both sides changed raw/x; ")]);
        let merged = sandbox.git(["rev-parse", "MERGE_HEAD"]);
        for rev in ["origin/main", merged.trim(), "MERGE_HEAD", "FETCH_HEAD", "origin/main@{0}"] {
            sandbox.ok(["get", "-f", "--rev", rev, ".", "raw/x", "-o", "../brought"]);
            assert_eq!(sandbox.read("../brought"), "theirs", "{rev} {settings}");
        }
        sandbox.git(["checkout", "--ours", pointer]);
        sandbox.git(["checkout", "--theirs", &pointer.replace("raw", "other")]);
        sandbox.pipe(["checkout"]).code(1).tells(&["`pipe pull` fetches it"]);
        sandbox.ok(["pull"]);
        for file in ["raw/x", "raw/theirs"] {
            sandbox.ok(["get", "-f", "--rev", "MERGE_HEAD", ".", file, "-o", file]);
        }
        sandbox.ok(["add", "raw"]);
        assert_eq!(sandbox.files("raw"), ["raw/mine", "raw/theirs", "raw/x"]);
        assert_eq!((sandbox.read("raw/x"), sandbox.read("raw/mine")), ("theirs".into(), "mine".into()));
        sandbox.commit("merged");
        assert_eq!(sandbox.ok(["status"]).stdout, "Everything is up to date.\n");
        // A name that only the repository beside it resolves is a revision for an import too.
        sandbox.ok(["import", ".", "raw/x", "-o", "taken", "--rev", "origin/main"]);
        assert_eq!(sandbox.read("taken"), "theirs");
        assert_eq!(sandbox.ok(["status"]).stdout, "Everything is up to date.\n");
        let said = sandbox.pipe(["get", ".", "raw/x", "-o", "none", "--rev", "origin/none"]).code(2);
        said.tells(&["there is no git revision `origin/none`"]);
    }
}

/// The merge of a folder is the one that DVC's own driver makes.
#[test]
fn files_of_dvc_merge_too() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a: {cmd: cp one a, deps: [one], outs: [a]}\n  b: {cmd: cp two b, deps: [two], outs: [b]}\n",
    );
    for (path, text) in [("one", "1\n"), ("two", "2\n"), ("raw/x", "x\n")] {
        sandbox.write(path, text);
    }
    dvc.ok(&sandbox, &["add", "-q", "raw"]);
    dvc.ok(&sandbox, &["repro", "-q"]);
    sandbox.ok(["install", "--no-hooks"]).tells(&["merge driver for dvc.lock and pointers"]);
    assert_eq!(sandbox.read(".gitattributes"), "dvc.lock merge=pipe\n*.dvc merge=pipe\n");
    sandbox.commit("base");
    let base = sandbox.read("raw.dvc");
    let mut sides = Vec::new();
    for (branch, input, file) in [("mine", "one", "raw/mine"), ("theirs", "two", "raw/theirs")] {
        sandbox.git(["checkout", "--quiet", "-b", branch, "main"]);
        dvc.ok(&sandbox, &["checkout", "-q", "--force"]);
        sandbox.write(input, "10\n");
        sandbox.write(file, branch);
        dvc.ok(&sandbox, &["add", "-q", "raw"]);
        dvc.ok(&sandbox, &["repro", "-q"]);
        sandbox.commit(branch);
        sides.push(sandbox.read("raw.dvc"));
    }
    sandbox.finish(git(&sandbox, &["merge", "--quiet", "-m", "merged", "mine"])).code(0);
    let ours = sandbox.read("raw.dvc");
    // DVC's own answer to the same.
    for (name, text) in [("base.dvc", &base), ("ours.dvc", &sides[1]), ("theirs.dvc", &sides[0])] {
        sandbox.write(name, text);
    }
    let arguments =
        ["git-hook", "merge-driver", "--ancestor", "base.dvc", "--our", "ours.dvc", "--their", "theirs.dvc"];
    dvc.ok(&sandbox, &arguments);
    let digest = |text: &str| {
        text.lines().find(|line| line.contains("md5: ")).unwrap().trim_start_matches("- ").to_owned()
    };
    assert_eq!(digest(&ours), digest(&sandbox.read("ours.dvc")));
    for name in ["base.dvc", "ours.dvc", "theirs.dvc"] {
        sandbox.remove(name);
    }
    dvc.ok(&sandbox, &["checkout", "-q", "--force"]);
    assert!(dvc.stale(&sandbox).is_empty());
    assert_eq!(sandbox.files("raw"), ["raw/mine", "raw/theirs", "raw/x"]);
    // Both changed the same stage: that one alone is in conflict.
    sandbox.git(["branch", "again"]);
    for (branch, text) in [("theirs", "11\n"), ("again", "12\n")] {
        sandbox.git(["checkout", "--quiet", branch]);
        sandbox.write("one", text);
        dvc.ok(&sandbox, &["repro", "-q"]);
        sandbox.commit(branch);
    }
    sandbox.finish(git(&sandbox, &["merge", "--quiet", "theirs"])).code(1);
    let lock = sandbox.read("dvc.lock");
    let (start, rest) = lock.split_once("<<<<<<< ours\n").unwrap();
    assert!(start == "schema: '2.0'\nstages:\n" && rest.starts_with("  a:\n"), "{lock}");
    assert!(rest.split_once(">>>>>>> theirs\n").unwrap().1.starts_with("  b:\n"), "{lock}");
}

/// Paths that only who knows the project's root can read.
#[test]
fn files_of_dvc_with_absolute_paths_and_other_working_folders_merge() {
    let sandbox = Sandbox::new();
    sandbox.write(".dvc/config", "");
    sandbox.write(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n");
    let root = sandbox.root().canonicalize().unwrap().display().to_string();
    for file in ["raw/x", "sub/more/x"] {
        sandbox.write(file, "x");
    }
    sandbox.ok(["add", "raw", "sub/more"]);
    sandbox.ok(["install", "--no-hooks"]);
    let absolute = || sandbox.edit("raw.dvc", "path: raw", &format!("path: {root}/raw"));
    absolute();
    sandbox.edit("sub/more.dvc", "outs:", "wdir: ..\nouts:");
    sandbox.edit("sub/more.dvc", "path: more", "path: sub/more");
    sandbox.commit("base");
    for branch in ["mine", "theirs"] {
        sandbox.git(["checkout", "--quiet", "-b", branch, "main"]);
        sandbox.ok(["checkout", "-f"]);
        for folder in ["raw", "sub/more"] {
            sandbox.write(&format!("{folder}/{branch}"), branch);
        }
        sandbox.ok(["add", "raw", "sub/more"]);
        if branch == "mine" {
            absolute();
        }
        sandbox.commit(branch);
    }
    sandbox.finish(git(&sandbox, &["merge", "--quiet", "-m", "merged", "mine"])).code(0);
    sandbox.ok(["checkout", "-f"]);
    for folder in ["raw", "sub/more"] {
        assert_eq!(sandbox.files(folder), ["mine", "theirs", "x"].map(|name| format!("{folder}/{name}")));
    }
}

/// Branches that began before `pipe install` have no `.gitattributes`, and git reads that of the branch that it merges into.
#[test]
fn branches_without_attributes_merge_too() {
    for folder in ["", "my project [1]/"] {
        let sandbox = Sandbox::new();
        sandbox.write(&format!("{folder}pipeline.yaml"), "stages: {}\n");
        let inside = |words: &[&str]| {
            let cd = format!("./{folder}");
            sandbox.ok(["--cd", cd.as_str()].iter().chain(words)).stderr
        };
        let data = |name: &str| sandbox.write(&format!("{folder}data/{name}"), format!("{name}\n"));
        inside(&["init"]);
        data("base");
        inside(&["add", "data"]);
        sandbox.commit("base");
        sandbox.git(["branch", "old"]);
        sandbox.git(["worktree", "add", "-q", "../tree", "old"]);
        assert!(inside(&["install"]).contains("on every branch of this clone"));
        data("one");
        inside(&["add", "data"]);
        sandbox.commit("one");
        sandbox.git(["checkout", "-q", "old", "--ignore-other-worktrees"]);
        assert!(!sandbox.exists(&format!("{folder}.gitattributes")));
        inside(&["checkout"]);
        data("two");
        inside(&["add", "data"]);
        sandbox.commit("two");
        sandbox.finish(git(&sandbox, &["merge", "-q", "-m", "both", "main"])).code(0);
        inside(&["checkout"]);
        let is_there = |name: &str| sandbox.exists(&format!("{folder}data/{name}"));
        assert!(["base", "one", "two"].into_iter().all(is_there));
        // Once more it adds to the file of the branch alone, where that has none.
        sandbox.git(["checkout", "-q", "old~1"]);
        let own = sandbox.read(".git/info/attributes");
        inside(&["install"]);
        assert_eq!(sandbox.read(".git/info/attributes"), own);
        assert_eq!(
            sandbox.read(&format!("{folder}.gitattributes")),
            "pipeline.lock merge=pipe\n*.pipe merge=pipe\n"
        );
        let named = format!("{folder}data.pipe");
        let told = sandbox.git(["-C", "../tree", "check-attr", "merge", "--", named.as_str()]);
        assert!(told.ends_with("merge: pipe\n"), "{told}");
    }
}
