//! Several `pipe` processes at work on one project: what can go on goes on, what must wait waits.

use crate::harness::Sandbox;

/// `slow` waits for a file `go`; `after` reads what it writes; `apart` has nothing to do with them.
fn project() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(concat!(
        "stages:\n",
        "  slow:\n    cmd: echo slow >> ran; touch up; while [ ! -e go ]; do sleep 0.01; done; cat in > slow.txt\n",
        "    deps: [in]\n    outs: [slow.txt]\n",
        "  after:\n    cmd: echo after >> ran; cat slow.txt slow.txt > after.txt\n",
        "    deps: [slow.txt]\n    outs: [after.txt]\n",
        "  apart:\n    cmd: echo apart >> ran; cat other > apart.txt\n    deps: [other]\n    outs: [apart.txt]\n",
        "  pooled:\n    cmd: echo pooled >> ran; echo 1 > pooled.txt\n    outs: [pooled.txt]\n    pool: p\n",
    ));
    sandbox.write("in", "one\n");
    sandbox.write("other", "other\n");
    sandbox
}

#[test]
fn what_can_go_on_goes_on() {
    let sandbox = project();
    let first = sandbox.start(sandbox.pipe_command(["repro", "slow"]));
    sandbox.await_file("up");
    // Neither running nor recording nor putting back waits for what is elsewhere at work.
    sandbox.ok(["repro", "--no-wait", "apart"]).tells(&["1 stage: 1 ran"]);
    sandbox.write("apart.txt", "by hand\n");
    sandbox.ok(["commit", "-f", "apart"]).tells(&["Recorded apart"]);
    sandbox.write("apart.txt", "again by hand\n");
    sandbox.ok(["checkout", "-f", "apart"]);
    assert_eq!(sandbox.read("apart.txt"), "by hand\n");
    // What needs what the other makes, does wait.
    let refused = sandbox.pipe(["repro", "--no-wait", "after"]).code(2);
    refused.tells(&["`pipe repro slow` (pid ", "is at work on stage slow"]);
    let second = sandbox.start(sandbox.pipe_command(["repro", "after"]));
    let third = sandbox.start(sandbox.pipe_command(["checkout", "slow"]));
    second.await_told("Waiting with slow");
    third.await_told("Waiting: ");
    assert_eq!(sandbox.count("ran", "after"), 0);
    sandbox.write("go", "");
    first.wait().code(0);
    second
        .wait()
        .code(0)
        .tells(&["Waiting with slow: `pipe repro slow` (pid ", "2 stages: 1 ran, 1 up to date"]);
    third.wait().code(0).tells(&["Waiting: `pipe repro slow` (pid "]);
    assert_eq!((sandbox.count("ran", "slow"), sandbox.count("ran", "after")), (1, 1));
    assert_eq!(sandbox.read("after.txt"), "one\none\n");
    // Nobody's success was lost.
    assert_eq!(sandbox.states(), "slow:fresh after:fresh apart:fresh pooled:stale");
    assert_eq!(sandbox.files(".pipe/lock.holders"), Vec::<String>::new());
}

#[test]
fn a_killed_process_is_in_nobodys_way() {
    let sandbox = project();
    sandbox.write("slow.txt", "good\n");
    let first = sandbox.start(sandbox.pipe_command(["repro", "slow"]));
    sandbox.await_file("up");
    let waiting = sandbox.start(sandbox.pipe_command(["repro", "after"]));
    waiting.await_told("Waiting with slow");
    sandbox.write("go", "");
    sandbox.remove("up");
    first.signal("KILL");
    first.wait();
    waiting.wait().code(0);
    assert_eq!(sandbox.read("after.txt"), "one\none\n");
    assert_eq!(sandbox.files(".pipe/tmp/jobs"), Vec::<String>::new());
}

#[test]
fn pools_and_garbage_are_minded_across_processes() {
    let sandbox = project();
    sandbox.edit("pipeline.yaml", "    outs: [slow.txt]\n", "    outs: [slow.txt]\n    pool: p\n");
    let first = sandbox.start(sandbox.pipe_command(["repro", "slow"]));
    sandbox.await_file("up");
    let pooled = sandbox.start(sandbox.pipe_command(["repro", "pooled"]));
    let garbage = sandbox.start(sandbox.pipe_command(["gc", "-w", "-f"]));
    pooled.await_told("Waiting with pooled");
    garbage.await_told("Waiting: ");
    assert_eq!(sandbox.count("ran", "pooled"), 0);
    sandbox.write("go", "");
    first.wait().code(0);
    pooled.wait().code(0).tells(&["Waiting with pooled: `pipe repro slow` (pid "]);
    garbage.wait().code(0).tells(&["Waiting: `pipe repro "]);
    assert_eq!(sandbox.count("ran", "pooled"), 1);
}

/// What nothing declared when a checkout began to wait is declared again when it goes on.
#[test]
fn a_checkout_that_waited_removes_nothing_that_is_declared_meanwhile() {
    let command = "touch up; echo kept > o; while [ ! -e go ]; do sleep 0.01; done";
    let declared = format!("stages:\n  s:\n    cmd: {command}\n    outs:\n    - o: {{persist: true}}\n");
    let sandbox = Sandbox::with_pipeline(&declared);
    sandbox.write("go", "");
    sandbox.ok(["repro"]);
    sandbox.remove("go");
    sandbox.remove("up");
    let first = sandbox.start(sandbox.pipe_command(["repro", "-f"]));
    sandbox.await_file("up");
    sandbox.write("pipeline.yaml", "stages: {}\n");
    let second = sandbox.start(sandbox.pipe_command(["checkout"]));
    second.await_told("Waiting: ");
    sandbox.write("pipeline.yaml", &declared);
    sandbox.write("go", "");
    first.wait().code(0);
    second.wait().code(0);
    assert!(sandbox.exists("o"));
    sandbox.ok(["status", "-q"]);
    // Of what nothing declares then it removes what it would have without waiting.
    sandbox.write("pipeline.yaml", "stages: {}\n");
    sandbox.ok(["checkout"]);
    assert!(!sandbox.exists("o"));
}

/// It knows nothing of a stage that was written since it began.
#[test]
fn a_commit_that_waited_keeps_what_was_recorded_meanwhile() {
    let sandbox = project();
    sandbox.ok(["repro", "apart"]);
    sandbox.write("apart.txt", "by hand\n");
    let first = sandbox.start(sandbox.pipe_command(["repro", "slow"]));
    sandbox.await_file("up");
    let second = sandbox.start(sandbox.pipe_command(["commit", "-f", "slow", "apart"]));
    second.await_told("Waiting: ");
    sandbox.append("pipeline.yaml", "  new:\n    cmd: echo new > new.txt\n    outs: [new.txt]\n");
    sandbox.ok(["repro", "new"]);
    sandbox.write("go", "");
    first.wait().code(0);
    second.wait().code(0).tells(&["Recorded apart"]);
    assert!(sandbox.states().ends_with("new:fresh"), "{}", sandbox.states());
}

/// Many at once: every stage runs once, and every success is in the lock.
#[test]
fn many_at_once_lose_nothing() {
    let mut text = "stages:\n".to_owned();
    let names: Vec<String> = (0..12).map(|number| format!("s{number:02}")).collect();
    for name in &names {
        text.push_str(&format!(
            "  {name}:\n    cmd: echo {name} >> ran; echo {name} > {name}.txt\n    outs: [{name}.txt]\n"
        ));
    }
    let sandbox = Sandbox::with_pipeline(&text);
    let process = |start: usize| {
        // Each wants most of them, in overlapping sets.
        let targets = (0..9).map(|offset| names[(start * 3 + offset) % names.len()].clone());
        let arguments: Vec<String> =
            ["repro".to_owned(), "-j2".to_owned()].into_iter().chain(targets).collect();
        sandbox.start(sandbox.pipe_command(arguments))
    };
    let processes: Vec<_> = (0..4).map(process).collect();
    for process in processes {
        process.wait().code(0);
    }
    for name in &names {
        assert_eq!(sandbox.count("ran", name), 1, "{name}");
    }
    sandbox.ok(["status", "-q"]);
    assert_eq!(sandbox.read(".pipe/journal"), "");
}

/// It would wait for itself.
#[test]
fn a_stage_that_calls_pipe_is_not_waited_for() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: pipe COMMAND || echo $? > code; echo 1 > a\n    outs: [a]\n  b: {cmd: echo b > b, outs: [b]}\n",
    );
    let text = sandbox.read("pipeline.yaml");
    for (command, code) in [("repro a", "2\n"), ("gc -w -f", "2\n"), ("checkout a", "2\n"), ("repro b", "")] {
        sandbox.write("pipeline.yaml", text.replace("COMMAND", command));
        let _ = std::fs::remove_file(sandbox.path("code"));
        let said = sandbox.ok(["repro", "-f", "a"]);
        assert_eq!(std::fs::read_to_string(sandbox.path("code")).unwrap_or_default(), code, "{command}");
        if !code.is_empty() && !command.starts_with("repro") {
            said.tells(&["stage a of this project called pipe, which waits for nobody there"]);
        }
    }
    assert_eq!(sandbox.read("b"), "b\n", "what is in nobody's way is done");
}

/// What is set aside while a stage runs is not missing.
#[test]
fn status_says_what_runs_now() {
    let sandbox = project();
    let first = sandbox.start(sandbox.pipe_command(["repro", "slow"]));
    sandbox.await_file("up");
    let said = sandbox.ok(["status", "slow", "after"]);
    assert!(said.stdout.starts_with("slow: runs now (`pipe repro slow`, pid "), "{said:?}");
    assert!(!said.stdout.contains("slow.txt is missing"), "{said:?}");
    let json = sandbox.json(["status", "--json", "after"]);
    assert_eq!(json["stages"][0]["running"]["command"], "pipe repro slow");
    assert_eq!(json["stages"][1].get("running"), None);
    sandbox.write("go", "");
    first.wait().code(0);
    assert_eq!(sandbox.ok(["status", "slow"]).stdout, "Everything is up to date.\n");
    // One that was killed does not run.
    sandbox.remove("go");
    sandbox.remove("up");
    sandbox.write("in", "two\n");
    let second = sandbox.start(sandbox.pipe_command(["repro", "slow"]));
    sandbox.await_file("up");
    second.signal("KILL");
    second.wait();
    assert!(!sandbox.ok(["status", "slow"]).stdout.contains("runs now"));
}
