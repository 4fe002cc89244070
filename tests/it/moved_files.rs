//! `foreach` over files of data whose pointer git moved: the stages are those of what the data is going to be.

use crate::harness::{Sandbox, snapshot};
use crate::install::git;

const PIPELINE: &str = "\
stages:
  each:
    foreach: {glob: 'raw/*.t'}
    do:
      cmd: rev < ${item} > ev/${stem}.o
      outs: ['ev/${stem}.o']
  all:
    cmd: cat ev/*.o > all.txt
    deps: [ev]
    outs: [all.txt]
";

fn project() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    for name in ["1", "2", "3"] {
        sandbox.write(&format!("raw/{name}.t"), format!("abc{name}\n"));
    }
    sandbox
}

/// Commit `one` of three files, and `two`, which is checked out, with `changed` files.
fn two_commits(change: impl FnOnce(&Sandbox)) -> Sandbox {
    let sandbox = project();
    sandbox.ok(["add", "raw"]);
    sandbox.ok(["repro"]);
    sandbox.commit("one");
    change(&sandbox);
    sandbox.ok(["repro"]);
    sandbox.commit("two");
    sandbox
}

#[test]
fn one_reproduction_brings_a_moved_pointer_and_all_that_is_made_of_its_files() {
    let sandbox = two_commits(|sandbox| sandbox.write("raw/9.t", "nine\n"));
    let whole = sandbox.read("all.txt");
    sandbox.git(["checkout", "-q", "HEAD~1"]);
    sandbox.ok(["checkout"]);
    assert!(!sandbox.exists("ev/9.o"));
    assert_eq!(sandbox.read("all.txt").lines().count(), 3);
    sandbox.git(["checkout", "-q", "main"]);
    let plan = sandbox.ok(["repro", "--dry"]);
    assert!(plan.stdout.contains("each@9.t: would be restored"), "{plan:?}");
    assert!(sandbox.ok(["status"]).stdout.contains("each@9.t: stale"));
    sandbox.ok(["repro"]).tells(&["each@9.t"]);
    assert_eq!(sandbox.read("all.txt"), whole);
    assert_eq!(sandbox.git(["status", "--porcelain"]), "");
    assert!(sandbox.ok(["repro"]).stderr.contains("up to date"));
}

#[test]
fn one_checkout_brings_a_moved_pointer_and_all_that_is_made_of_its_files() {
    let sandbox = two_commits(|sandbox| sandbox.write("raw/9.t", "nine\n"));
    sandbox.git(["checkout", "-q", "HEAD~1"]);
    sandbox.ok(["checkout"]);
    assert!(!sandbox.exists("raw/9.t") && !sandbox.exists("ev/9.o"));
    sandbox.git(["checkout", "-q", "main"]);
    sandbox.ok(["checkout"]);
    assert_eq!((sandbox.read("ev/9.o"), sandbox.read("raw/9.t")), ("enin\n".into(), "nine\n".into()));
    assert!(sandbox.ok(["repro"]).stderr.contains("up to date"));
    assert_eq!(sandbox.git(["status", "--porcelain"]), "");
}

#[test]
fn nothing_is_run_for_files_that_go_nor_removed_of_files_that_come() {
    let sandbox = two_commits(|sandbox| {
        sandbox.remove("raw/1.t");
        sandbox.write("raw/9.t", "nine\n");
    });
    let two = sandbox.read("all.txt");
    sandbox.git(["checkout", "-q", "HEAD~1"]);
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("all.txt"), "1cba\n2cba\n3cba\n");
    assert_eq!(sandbox.files("raw"), ["raw/1.t", "raw/2.t", "raw/3.t"]);
    sandbox.git(["checkout", "-q", "-f", "main"]);
    let said = sandbox.ok(["repro"]);
    assert!(!said.stderr.contains("Removed ev/9.o"), "{said:?}");
    assert_eq!(sandbox.read("all.txt"), two);
}

/// What the data is going to be is in no cache: nothing is removed, and it is told how to get it.
#[test]
fn where_the_list_of_files_is_not_here_nothing_is_concluded_from_it() {
    let sandbox = two_commits(|sandbox| sandbox.write("raw/9.t", "nine\n"));
    sandbox.git(["checkout", "-q", "HEAD~1"]);
    sandbox.ok(["checkout"]);
    sandbox.gc(&["-w", "-f"]);
    sandbox.git(["checkout", "-q", "main"]);
    let said = sandbox.pipe(["repro"]).code(2).tells(&["raw", "`pipe pull` fetches it"]);
    assert!(!said.stderr.contains("Removed"), "{said:?}");
    assert!(sandbox.read("pipeline.lock").contains("each@9.t"));
}

/// The outs of another branch's files: git moves pipeline and lock, and what they told of stays.
fn left_behind() -> Sandbox {
    let sandbox = project();
    sandbox.ok(["repro"]);
    sandbox.commit("one");
    sandbox.git(["mv", "raw/1.t", "raw/7.t"]);
    sandbox.write("raw/9.t", "new\n");
    sandbox.append(
        "pipeline.yaml",
        "  list:\n    foreach: [a, b]\n    do: {cmd: 'mkdir d && echo ${item} > d/${item}', outs: ['d/${item}']}\n",
    );
    sandbox.edit("pipeline.yaml", "mkdir d && ", "mkdir -p d && ");
    sandbox.write("data/x", "x\n");
    sandbox.ok(["add", "data"]);
    sandbox.ok(["repro"]);
    sandbox.commit("two");
    sandbox.git(["checkout", "-q", "HEAD~1"]);
    sandbox
}

#[test]
fn a_checkout_removes_what_nothing_declares_any_more() {
    let sandbox = left_behind();
    let said = sandbox.ok(["checkout"]);
    for line in ["D\tev/7.o\n", "D\tev/9.o\n", "D\td/a\n", "D\td/b\n", "D\tdata/\n", "A\tev/1.o\n"] {
        assert!(said.stdout.contains(line), "{line}: {said:?}");
    }
    assert_eq!(sandbox.files("ev"), ["ev/1.o", "ev/2.o", "ev/3.o"]);
    assert_eq!(sandbox.git(["status", "--porcelain"]), "");
    assert!(sandbox.ok(["repro"]).stderr.contains("up to date"));
    sandbox.git(["checkout", "-q", "main"]);
    sandbox.ok(["checkout"]);
    assert!(sandbox.ok(["repro"]).stderr.contains("up to date"));
    assert_eq!((sandbox.read("d/a"), sandbox.read("data/x")), ("a\n".into(), "x\n".into()));
    assert_eq!(sandbox.git(["status", "--porcelain"]), "");
}

#[test]
fn a_checkout_removes_nothing_that_somebody_changed_keeps_or_names() {
    let sandbox = left_behind();
    sandbox.write("ev/9.o", "mine\n");
    sandbox.git(["add", "-f", "d/a"]);
    sandbox.append("pipeline.yaml", "  reads: {cmd: 'cat ev/7.o > seven', deps: [ev/7.o], outs: [seven]}\n");
    // A target alone removes nothing.
    sandbox.ok(["checkout", "all.txt"]);
    assert!(sandbox.exists("d/b") && sandbox.exists("data"));
    let said = sandbox.ok(["checkout"]).tells(&["ev/9.o is left in place"]);
    assert_eq!((sandbox.read("ev/9.o"), sandbox.read("d/a")), ("mine\n".into(), "a\n".into()), "{said:?}");
    assert!(sandbox.exists("ev/7.o") && !sandbox.exists("d/b") && !sandbox.exists("data"));
    // What was taken out of version control by name is the user's.
    sandbox.write("own", "own\n");
    sandbox.ok(["add", "own"]);
    sandbox.ok(["remove", "own.pipe"]);
    sandbox.ok(["stage", "remove", "all"]);
    sandbox.ok(["checkout"]);
    assert!(sandbox.exists("own") && sandbox.exists("all.txt"));
}

#[test]
fn a_reproduction_removes_what_files_of_another_revision_gave() {
    let sandbox = left_behind();
    sandbox.ok(["repro"]).tells(&["Removed ev/9.o"]);
    assert_eq!(sandbox.read("all.txt"), "1cba\n2cba\n3cba\n");
    // Of a stage that is only left out for a while it removes nothing; it tells who reads what is left.
    assert!(sandbox.exists("d/a"));
    sandbox.append("pipeline.yaml", "  reads: {cmd: 'ls d > list', deps: [d], outs: [list]}\n");
    let tells = ["reads reads d/a, which list@a of another revision left", "`pipe checkout` removes it"];
    sandbox.ok(["status"]).tells(&tells);
    sandbox.ok(["repro"]).tells(&tells);
}

/// Whatever else is brought up to date: what is left of a file that is gone is forgotten when it is removed.
#[test]
fn a_reproduction_of_something_else_does_not_forget_what_is_to_be_removed() {
    for command in [
        ["repro", "folder"].as_slice(),
        &["repro", "-s", "folder"],
        &["repro", "fo.txt"],
        &["repro", "--downstream", "folder"],
        &["commit", "-f", "folder"],
    ] {
        let sandbox = project();
        sandbox.append("pipeline.yaml", "  folder: {cmd: ls raw > fo.txt, deps: [raw], outs: [fo.txt]}\n");
        sandbox.ok(["repro"]);
        sandbox.remove("raw/1.t");
        sandbox.ok(command);
        let status = sandbox.ok(["status"]);
        assert!(status.stdout.contains("each@1.t: gone with its file"), "{command:?}: {status:?}");
        sandbox.ok(["repro"]).tells(&["Removed ev/1.o"]);
        assert_eq!(sandbox.read("all.txt"), "2cba\n3cba\n", "{command:?}");
        assert!(!sandbox.read("pipeline.lock").contains("each@1.t"));
    }
}

#[test]
fn of_a_frozen_group_nothing_is_removed() {
    let sandbox = project();
    sandbox.ok(["repro"]);
    sandbox.ok(["freeze", "each"]);
    sandbox.remove("raw/1.t");
    let said = sandbox.ok(["repro"]);
    assert!(!said.stderr.contains("Removed"), "{said:?}");
    assert!(sandbox.exists("ev/1.o"));
    sandbox.ok(["unfreeze", "each"]);
    sandbox.ok(["repro"]).tells(&["Removed ev/1.o"]);
}

#[test]
fn a_plan_foretells_what_a_removal_means() {
    let sandbox = project();
    sandbox.append("pipeline.yaml", "  last: {cmd: cp all.txt last, deps: [all.txt], outs: [last]}\n");
    sandbox.ok(["repro"]);
    sandbox.remove("raw/2.t");
    snapshot!(sandbox.ok(["repro", "--dry"]), @"
    exit: 0
    --- stdout
    each@2.t: gone with its file; `pipe repro` removes ev/2.o
    each@1.t: up to date
    each@3.t: up to date
    all: would run or be restored: depends on the removal of ev/2.o
    last: depends on the result of all
    ");
    snapshot!(sandbox.ok(["status"]), @"
    exit: 0
    --- stdout
    each@2.t: gone with its file; `pipe repro` removes ev/2.o
    all: stale
      depends on the removal of ev/2.o
    last: stale because of what is before it
      stage all before it is stale
    ");
    sandbox.ok(["repro"]).tells(&["Running all"]);
    // What stays where it is changes nothing.
    sandbox.remove("raw/3.t");
    sandbox.write("ev/3.o", "3cba\nmine\n");
    let plan = sandbox.ok(["repro", "--dry"]);
    assert!(plan.stdout.contains("dep ev changed") && !plan.stdout.contains("removal"), "{plan:?}");
}

#[test]
fn edited_data_is_judged_by_what_it_is_now() {
    let sandbox = project();
    sandbox.ok(["add", "raw"]);
    sandbox.ok(["repro"]);
    sandbox.write("raw/1.t", "r\n");
    snapshot!(sandbox.ok(["repro", "--dry"]), @"
    exit: 0
    --- stdout
    raw.pipe: would be recorded: out raw changed: 3dd9d8ae16 -> 3849b5edb3
    each@1.t: would run: dep raw/1.t changed: 3f33099dc8 -> 86e46190be
    each@2.t: up to date
    each@3.t: up to date
    all: depends on the result of each@1.t
    ");
    snapshot!(sandbox.ok(["status"]), @"
    exit: 0
    --- stdout
    raw.pipe: stale (`pipe commit raw` records it)
      out raw changed: 3dd9d8ae16 -> 3849b5edb3
        M raw/1.t
    each@1.t: stale
      dep raw/1.t changed: 3f33099dc8 -> 86e46190be
    all: stale because of what is before it
      stage each@1.t before it is stale
    ");
    let actions = sandbox.json(["repro", "--dry", "--json"]);
    assert_eq!(actions["stages"][0]["action"], "record", "{actions}");
    sandbox.ok(["repro"]).tells(&["2 ran, 1 recorded, 2 up to date"]);
}

/// With the hooks, git alone leaves nothing behind.
#[test]
fn hooks_leave_nothing_of_the_other_branch() {
    let sandbox = project();
    sandbox.ok(["repro"]);
    sandbox.commit("one");
    sandbox.git(["checkout", "-q", "-b", "other"]);
    sandbox.write("raw/9.t", "new\n");
    sandbox.ok(["repro"]);
    sandbox.commit("two");
    sandbox.ok(["install"]);
    sandbox.commit("hooks");
    sandbox.finish(git(&sandbox, &["checkout", "-q", "main"])).code(0);
    assert_eq!(sandbox.files("ev"), ["ev/1.o", "ev/2.o", "ev/3.o"]);
    assert_eq!(sandbox.git(["status", "--porcelain"]), "");
    sandbox.finish(git(&sandbox, &["checkout", "-q", "other"])).code(0);
    assert_eq!(sandbox.read("ev/9.o"), "wen\n");
}

/// A checkout that is killed while it removes a folder of another revision leaves a part of it: the next one removes the rest. What
/// somebody has put there since is his.
#[test]
fn a_removal_that_was_cut_off_is_gone_on_with() {
    let sandbox = Sandbox::new();
    sandbox.ok(["init"]);
    sandbox.commit("one");
    for (name, text) in [("x", "1"), ("y", "2"), ("deep/z", "3")] {
        sandbox.write(&format!("data/{name}"), text);
    }
    sandbox.ok(["add", "data"]);
    sandbox.commit("two");
    sandbox.git(["checkout", "-q", "HEAD~1"]);
    sandbox.remove("data/y");
    sandbox.write("data/mine", "mine");
    sandbox.ok(["checkout"]).tells(&["data is left in place"]);
    assert_eq!(sandbox.files("data"), ["data/deep/z", "data/mine", "data/x"]);
    sandbox.remove("data/mine");
    sandbox.ok(["checkout"]);
    assert!(!sandbox.exists("data"));
    sandbox.git(["checkout", "-q", "main"]);
    sandbox.ok(["checkout"]);
    assert_eq!(sandbox.files("data"), ["data/deep/z", "data/x", "data/y"]);
}

/// What no record tells of stays where the folder goes that it lies in.
#[test]
fn what_is_ignored_in_an_out_whose_file_is_gone_stays() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  each:\n    foreach: {glob: 'raw/*.t'}\n    do: {cmd: 'mkdir -p ev/${stem} && cp ${item} ev/${stem}', outs: \
         ['ev/${stem}']}\n",
    );
    sandbox.write(".pipeignore", "*.tmp\n");
    sandbox.write("raw/1.t", "1");
    sandbox.write("raw/2.t", "2");
    sandbox.ok(["repro"]);
    sandbox.write("ev/1/notes.tmp", "notes");
    sandbox.remove("raw/1.t");
    sandbox.ok(["repro"]).tells(&["Removed ev/1"]);
    assert_eq!(sandbox.files("ev/1"), ["ev/1/notes.tmp"]);
}
