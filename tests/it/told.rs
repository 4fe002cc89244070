//! What is said: only what is so, with a way out that works, and no more than somebody can read.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;

use crate::harness::{Sandbox, snapshot};

const MAKE: &str = "stages:\n  make: {cmd: 'echo m > made', outs: [made]}\n";

/// Git must not see an out between its making and the end: somebody adds everything, or the process dies.
#[test]
fn outs_are_ignored_before_they_are_made() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  make: {cmd: 'echo m > made && git status --porcelain > seen', outs: [made]}\n",
    );
    sandbox.write(".gitignore", "seen\n");
    sandbox.commit("stages");
    sandbox.ok(["repro"]);
    assert!(!sandbox.read("seen").contains("made"), "{}", sandbox.read("seen"));
}

#[test]
fn a_name_with_a_line_end_is_one_line_of_the_ignore_file() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  each:\n    foreach: {glob: 'raw/*'}\n    do: {cmd: 'cp ${item} out/${key}.o', outs: ['out/${key}.o']}\n",
    );
    sandbox.write("raw/new\nl", "x");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("out/.gitignore"), "/new?l.o\n");
    sandbox.edit("pipeline.yaml", "cp", "cp -f");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("out/.gitignore"), "/new?l.o\n");
    assert!(!sandbox.git(["status", "--porcelain", "-uall"]).contains("out/new"));
}

#[test]
fn what_is_up_to_date_does_not_count_as_not_started() {
    let mut text = "\
stages:
  bad: {cmd: 'test ! -e fail && cp in b', deps: [in], outs: [b]}
  zz: {cmd: 'cp b zz', deps: [b], outs: [zz]}
"
    .to_owned();
    for at in 0..5 {
        text += &format!("  s{at}: {{cmd: 'echo {at} > o{at}', outs: [o{at}]}}\n");
    }
    text += "  after: {cmd: 'cp o0 after', deps: [o0], outs: [after]}\n";
    let sandbox = Sandbox::with_pipeline(&text);
    sandbox.write("in", "1");
    sandbox.ok(["repro"]);
    sandbox.write("in", "2");
    sandbox.write("fail", "");
    sandbox.edit("pipeline.yaml", "cp o0", "cp -f o0");
    // `bad` comes before `after`.
    sandbox.forget_durations();
    let said = sandbox.pipe(["repro", "-j", "1"]).code(1);
    assert!(said.stderr.contains("5 up to date, 1 failed, 2 not started"), "{said:?}");
}

#[test]
fn a_changed_map_is_told_by_its_changed_keys() {
    let sandbox = Sandbox::with_pipeline("stages:\n  s: {cmd: 'true', params: [big]}\n");
    let params = |first: usize| {
        let keys: Vec<String> =
            (0..2000).map(|at| format!("  k{at}: {}\n", if at == 7 { first } else { at })).collect();
        format!("big:\n{}", keys.concat())
    };
    sandbox.write("params.yaml", params(7));
    sandbox.ok(["repro"]);
    sandbox.write("params.yaml", params(8));
    sandbox.ok(["repro"]).tells(&["param params.yaml:big changed: k7 7 -> 8"]);
}

#[test]
fn a_misspelt_key_is_named() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  s:\n    foreachx: [a]\n    do: {cmd: 'true'}\n  b@d: {cmd: 'true'}\n",
    );
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:3:5: unknown key `foreachx` in stage `s`
    pipeline.yaml:5:3: stage name `b@d` holds '@'
    hint: did you mean `foreach`?
    hint: use letters, digits, spaces, `-` and `_`
    ");
}

#[test]
fn a_file_whose_name_cannot_be_recorded_is_told() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  each:\n    foreach: {glob: 'raw/*.t'}\n    do: {cmd: 'true', deps: ['${item}']}\n",
    );
    sandbox.write("raw/a.t", "a");
    let name = std::ffi::OsStr::from_bytes(b"\xff.t");
    sandbox.program("cp").arg("raw/a.t").arg(sandbox.path("raw").join(name)).status().unwrap();
    sandbox
        .ok(["status"])
        .tells(&[".t matches raw/*.t of each, and no stage is made of it: its name is not UTF-8"]);
}

#[test]
fn outside_of_a_project_nothing_below_is_looked_for() {
    let sandbox = Sandbox::without_git();
    sandbox.write("deep/foreign/x.pipe", "no pointer");
    sandbox.pipe(["status"]).code(2).tells(&["there is no pipeline.yaml"]);
}

#[test]
fn metrics_whose_bytes_are_gone_are_said_to_be_gone() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  s: {cmd: 'cp in m.json', deps: [in], metrics: [m.json]}\nmetrics: [good.json]\n",
    );
    sandbox.write("in", "{\"a\": 1}");
    sandbox.write("good.json", "{\"g\": 1}");
    sandbox.ok(["repro"]);
    sandbox.commit("one");
    sandbox.write("in", "{\"a\": 2}");
    sandbox.ok(["repro"]);
    sandbox.write("good.json", "{\"g\": 2}");
    sandbox.commit("two");
    sandbox.gc(&["-w", "-f", "--no-stage-cache"]);
    sandbox.pipe(["metrics", "show", "HEAD~1"]).code(2).tells(&["the cache does not hold m.json any more"]);
    let diff = sandbox.pipe(["metrics", "diff", "HEAD~1"]).code(2).tells(&["does not hold m.json any more"]);
    assert!(diff.stdout.contains("good.json") && !diff.stdout.contains("m.json  a"), "{diff:?}");
    // A broken one silences none of the others.
    sandbox.write("m.json", "{");
    let diff = sandbox.pipe(["metrics", "diff", "HEAD~1"]).code(2);
    assert!(diff.stdout.contains("good.json"), "{diff:?}");
}

/// The way out that is told has to lead out.
#[test]
fn what_brings_lost_bytes_back_is_told() {
    let sandbox = Sandbox::with_pipeline(MAKE);
    sandbox.ok(["remote", "add", "--default", "store", "../store"]);
    sandbox.ok(["repro"]);
    sandbox.ok(["push"]);
    sandbox.remove(".pipe/cache");
    sandbox.remove("../store");
    std::fs::create_dir(sandbox.path("../store")).unwrap();
    sandbox.pipe(["push", "--create"]).code(1).tells(&["`pipe commit` stores it where it lies"]);
    sandbox.ok(["commit"]);
    sandbox.ok(["push", "--create"]);
    sandbox.remove(".pipe/cache");
    sandbox.remove("made");
    sandbox.pipe(["checkout"]).code(1).tells(&["`pipe pull` fetches it"]);
    sandbox.ok(["pull"]);
    sandbox.ok(["remote", "remove", "store"]);
    sandbox.remove(".pipe/cache");
    sandbox.remove("made");
    sandbox.pipe(["checkout"]).code(1).tells(&["`pipe repro` makes it anew"]);
    sandbox.ok(["repro"]);
}

#[test]
fn a_frozen_stage_that_cannot_be_brought_back_is_told() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  each:\n    foreach: {glob: 'raw/*'}\n    do: {cmd: 'cp ${item} ${stem}.o', outs: ['${stem}.o'], frozen: true}\n",
    );
    sandbox.write("raw/a", "a");
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 0
    --- stdout
    each@a: frozen, and its outs cannot be restored
      has not run yet
    ");
    snapshot!(sandbox.pipe(["repro"]), @"
    exit: 2
    --- stderr
    Added the cached outs to .gitignore, so that git leaves them to pipe.
    Failed each@a: it is frozen and cannot be restored (has not run yet); remove `frozen: true` to let it run.
    1 stage: 1 failed.
    ");
}

/// Several commands that share a pipe must not tear each other's lines.
#[test]
fn each_line_is_one_write() {
    let sandbox = Sandbox::new();
    sandbox.ok(["init"]);
    let (reader, out) = UnixDatagram::pair().unwrap();
    // It is read when the command has ended: what is not there by then never comes.
    reader.set_nonblocking(true).unwrap();
    let mut command = sandbox.pipe_command(["models", "register", "net", "--run", "last", "--path", "gone"]);
    command.stdout(OwnedFd::from(out.try_clone().unwrap())).stderr(OwnedFd::from(out));
    assert_eq!(command.status().unwrap().code(), Some(2));
    // The writing ends are closed with the command.
    drop(command);
    let mut buffer = [0; 4096];
    let mut lines = 0;
    while let Ok(length @ 1..) = reader.recv(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        assert!(text.ends_with('\n'), "a part of a line: {text:?}");
        lines += 1;
    }
    assert!(lines > 0);
}

/// That it could be a path helps whoever has such a file, and nobody else.
#[test]
fn an_unknown_flag_is_no_path() {
    let sandbox = Sandbox::new();
    let said = sandbox.pipe(["add", "-n"]).code(2).stderr;
    assert!(said.contains("unexpected argument '-n'") && !said.contains("as a value"), "{said}");
    sandbox.write("-n", "1\n");
    sandbox.pipe(["add", "-n"]).code(2).tells(&["use '-- -n'"]);
    sandbox.ok(["add", "--", "-n"]);
}

#[test]
fn a_flag_of_how_much_is_told_may_stand_twice() {
    let sandbox = Sandbox::with_pipeline("stages:\n  s: {cmd: echo 1 > o, outs: [o]}\n");
    sandbox.ok(["repro"]);
    for words in [&["status", "-vv"][..], &["status", "-v", "-v"], &["-v", "status", "-v", "--verbose"]] {
        assert_eq!(sandbox.ok(words).stdout, "s: up to date\nEverything is up to date.\n", "{words:?}");
    }
    for words in [&["status", "-qq"][..], &["-q", "status", "-q"]] {
        assert_eq!(sandbox.ok(words).stdout, "", "{words:?}");
    }
    sandbox.pipe(["status", "-q", "-v"]).code(2);
}

#[test]
fn data_that_the_cache_has_lost_is_not_called_changed() {
    let sandbox = Sandbox::new();
    sandbox.write(".dvc/config", "");
    sandbox.write("data", "1\n");
    sandbox.ok(["add", "data"]);
    sandbox.remove(sandbox.cache());
    let said = sandbox.ok(["repro"]).tells(&["Stored the data of data.dvc anew, which the cache had lost"]);
    assert!(!said.stderr.contains("changed"), "{}", said.stderr);
    sandbox.write("data", "2\n");
    sandbox.ok(["repro"]).tells(&["Recorded the changed data of data.dvc"]);
}
