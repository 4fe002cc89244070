//! Who made a result in DVC's run cache: told by a comment that DVC carries and passes over.

use serde_json::Value as Json;

use crate::dvc_tool::{Dvc, pipe, pipe_command, project};
use crate::harness::{Said, Sandbox};

/// A project with one stage and a remote.
fn shared(dvc: &mut Dvc) -> Sandbox {
    let sandbox = project(dvc);
    let remote = sandbox.root().with_file_name("remote").display().to_string();
    dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "shared", &remote]);
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: echo run >> ../log && cp in o\n    deps: [in]\n    outs: [o]\n",
    );
    sandbox.write("in", "1\n");
    sandbox
}

/// The only entry in a cache or remote.
#[track_caller]
fn entry(sandbox: &Sandbox, folder: &str) -> String {
    let files = sandbox.files(&format!("{folder}/runs"));
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

/// What the comment of an entry tells.
#[track_caller]
fn told(text: &str) -> Json {
    let line = text.lines().next_back().unwrap();
    serde_json::from_str(line.strip_prefix("# pipe: ").unwrap_or_else(|| panic!("{text}"))).unwrap()
}

/// What the stage made and all that tells of it here goes, and so does what is named.
fn lose(sandbox: &Sandbox, more: &[&str]) {
    for path in [".dvc/tmp/pipe", "dvc.lock", "o"].iter().chain(more) {
        if sandbox.exists(path) {
            sandbox.remove(path);
        }
    }
}

#[test]
fn dvc_restores_from_entries_that_tell_their_maker_and_carries_them() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for user in ["tester", "\u{1b}[2Jzoë\u{7f}\n\u{85}# pipe: {}"] {
        let sandbox = shared(&mut dvc);
        let mut command = pipe_command(&sandbox, &["repro"]);
        command.env("USER", user);
        sandbox.finish(command).code(0).tells(&["1 ran"]);
        let ours = entry(&sandbox, ".dvc/cache");
        let text = sandbox.read(&ours);
        assert_eq!(told(&text)["user"], user);
        // What DVC says of an entry that it cannot read: it removes it.
        let mut dvc_ok = |arguments: &[&str]| {
            let (code, out, err) = dvc.call(&sandbox, arguments);
            assert_eq!(code, 0, "{out}{err}");
            assert!(!format!("{out}{err}").contains("corrupted"), "{arguments:?}: {out}{err}");
            assert_eq!(sandbox.read(&ours), text, "{arguments:?}");
            out
        };
        lose(&sandbox, &[]);
        assert!(dvc_ok(&["repro"]).contains("is cached"), "restored");
        dvc_ok(&["repro", "-f"]);
        assert_eq!(sandbox.count("../log", "run"), 2);
        dvc_ok(&["push", "--run-cache"]);
        assert_eq!(sandbox.read(&entry(&sandbox, "../remote")), text);
        for pull in [&["pull", "--run-cache", "--allow-missing"][..], &["fetch", "--run-cache"]] {
            lose(&sandbox, &[".dvc/cache"]);
            sandbox.remove("../remote");
            // Ours has the bytes again, and gives them to DVC.
            sandbox.write(&ours, &text);
            sandbox.finish(pipe_command(&sandbox, &["repro", "--no-run-cache"])).code(0).tells(&["1 ran"]);
            pipe(&sandbox, &["push", "--run-cache"]).code(0).tells(&["1 of 1 result new"]);
            assert_eq!(sandbox.read(&entry(&sandbox, "../remote")), text, "the first entry stays");
            lose(&sandbox, &[".dvc/cache"]);
            dvc_ok(pull);
            assert!(dvc_ok(&["repro", "--pull"]).contains("is cached"), "restored");
        }
        assert_eq!(sandbox.count("../log", "run"), 4);
    }
}

#[test]
fn a_colleagues_result_in_a_project_of_dvc_tells_who_made_it() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = shared(&mut dvc);
    pipe(&sandbox, &["repro"]).code(0).tells(&["1 ran"]);
    let made = told(&sandbox.read(&entry(&sandbox, ".dvc/cache")));
    let run = made["run"].as_str().unwrap().to_owned();
    let platform = format!("({}-{})", std::env::consts::OS, std::env::consts::ARCH);
    // Of the only run of the stage that is recorded here.
    let told_of_run = |column: &str| {
        let list = ["runs", "list", "--json", "--where", "stage = 'a'", "--columns", column];
        let list = pipe(&sandbox, &list).code(0).json();
        assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
        list[0][column].clone()
    };
    assert_eq!(told_of_run("id"), run.as_str());
    pipe(&sandbox, &["push", "--run-cache"]).code(0).tells(&["1 of 1 result new"]);
    lose(&sandbox, &[".dvc/cache"]);
    let name = format!("Restored a from run {} of ", &run[24..]);
    let whole = [name.as_str(), " by tester on ", platform.as_str(), "1 restored"];
    pipe(&sandbox, &["repro", "--pull"]).code(0).tells(&whole);
    assert_eq!(told_of_run("restored_from"), run.as_str());
    // From the cache; first the plan.
    lose(&sandbox, &[]);
    let plan = pipe(&sandbox, &["repro", "--dry"]).code(0).stdout;
    assert!(plan.contains(&format!("would be restored from run {} of ", &run[24..])), "{plan}");
    pipe(&sandbox, &["repro"]).code(0).tells(&whole);
    // As the lock records it, of which the run cache tells the run.
    sandbox.remove("o");
    sandbox.remove(".dvc/tmp/pipe");
    pipe(&sandbox, &["repro"]).code(0).tells(&["as the lock records it"]);
    assert_eq!(told_of_run("restored_from"), run.as_str());
    // DVC carries it, too.
    lose(&sandbox, &[".dvc/cache"]);
    dvc.ok(&sandbox, &["fetch", "-q", "--run-cache"]);
    pipe(&sandbox, &["repro", "--pull"]).code(0).tells(&whole);
    assert_eq!(sandbox.count("../log", "run"), 1);
}

/// Tells what a restore from the only entry at the remote says whose comment is another one: once with the cache lost,
/// once with it here. Where none is restored, the stage runs.
fn with_comment(sandbox: &Sandbox, comment: &str) -> [Said; 2] {
    let remote = entry(sandbox, "../remote");
    let text = sandbox.read(&remote);
    let lines = text.split_inclusive('\n').filter(|line| !line.starts_with('#'));
    let text = lines.collect::<String>() + comment;
    sandbox.remove(&remote);
    sandbox.write(&remote, &text);
    lose(sandbox, &[".dvc/cache"]);
    let fetched = pipe(sandbox, &["repro", "--pull"]).code(0);
    // The bytes, and no other entry than that one.
    let ours = entry(sandbox, ".dvc/cache");
    sandbox.remove(&ours);
    sandbox.write(&ours, &text);
    lose(sandbox, &[]);
    let local = pipe(sandbox, &["repro"]).code(0);
    assert_eq!(sandbox.read(&ours), text, "what is there stays");
    [fetched, local]
}

#[test]
fn settings_say_whose_results_of_dvcs_run_cache_count() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = shared(&mut dvc);
    pipe(&sandbox, &["repro"]).code(0).tells(&["1 ran"]);
    pipe(&sandbox, &["push", "--run-cache"]).code(0).tells(&["1 of 1 result new"]);
    let own = sandbox.read(&entry(&sandbox, ".dvc/cache")).lines().next_back().unwrap().to_owned() + "\n";
    let platform = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let ana = own.replace("tester", "ana");
    let elsewhere = ana.replace(&platform, "plan9-mips");
    let dvcs_own = "";
    let cases: [(&str, &str, &[&str], &[&str]); 4] = [
        ("all", "false", &[&own, &ana, dvcs_own], &[&elsewhere]),
        ("all", "true", &[&own, &ana, &elsewhere, dvcs_own], &[]),
        ("bob,ana", "false", &[&ana], &[&own, &elsewhere, dvcs_own]),
        ("bob,ana", "true", &[&ana, &elsewhere], &[&own, dvcs_own]),
    ];
    for (trust, other_platforms, admitted, refused) in cases {
        pipe(&sandbox, &["config", "--user", "stage_cache.trust", trust]).code(0);
        pipe(&sandbox, &["config", "--user", "stage_cache.other_platforms", other_platforms]).code(0);
        for comment in admitted {
            for said in with_comment(&sandbox, comment) {
                assert!(said.stderr.contains("1 restored"), "{trust} {comment}: {}", said.stderr);
                let is_told = said.stderr.contains(" by ana on ") || said.stderr.contains(" by tester on ");
                assert_eq!(is_told, !comment.is_empty(), "{comment}: {}", said.stderr);
                assert_eq!(said.stderr.contains("plan9"), comment.contains("plan9"), "{}", said.stderr);
            }
        }
        for comment in refused {
            for said in with_comment(&sandbox, comment) {
                assert!(said.stderr.contains("1 ran"), "{trust} {comment}: {}", said.stderr);
            }
            lose(&sandbox, &[".dvc/cache"]);
            pipe(&sandbox, &["fetch", "--run-cache"]).code(0).tells(&["0 of 0 results new"]);
        }
    }
    // Of this machine: nothing is fetched, and what lies here counts where it was made here.
    pipe(&sandbox, &["config", "--user", "stage_cache.trust", "local"]).code(0);
    for (comment, is_own) in [(&own, true), (&own.replace("\"host\":\"", "\"host\":\"x"), false)] {
        let [fetched, local] = with_comment(&sandbox, comment);
        assert!(fetched.stderr.contains("1 ran"), "{comment}: {}", fetched.stderr);
        let end = if is_own { "1 restored" } else { "1 ran" };
        assert!(local.stderr.contains(end), "{comment}: {}", local.stderr);
    }
}

#[test]
fn what_a_comment_tells_does_not_reach_the_terminal_raw() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = shared(&mut dvc);
    pipe(&sandbox, &["repro"]).code(0).tells(&["1 ran"]);
    pipe(&sandbox, &["push", "--run-cache"]).code(0).tells(&["1 of 1 result new"]);
    let own = sandbox.read(&entry(&sandbox, ".dvc/cache")).lines().next_back().unwrap().to_owned() + "\n";
    let run = told(&own)["run"].as_str().unwrap().to_owned();
    let evil = r"\u001b[2J\u009bx\r\nFAKE\u202e";
    for comment in [own.replace("tester", evil), own.replace(&run, evil)] {
        assert_ne!(comment, own);
        for said in with_comment(&sandbox, &comment) {
            assert!(said.stderr.contains("1 restored"), "{}", said.stderr);
            let list = pipe(&sandbox, &["runs", "list", "--columns", "restored_from"]).code(0);
            let show = pipe(&sandbox, &["runs", "show", "last", "--all"]).code(0);
            for text in [&said.stderr, &list.stdout, &show.stdout] {
                assert!(text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()), "{text:?}");
                assert!(!text.contains('\u{202e}') && !text.contains("\nFAKE"), "{text:?}");
            }
        }
    }
    // What cannot be read, or is huge, tells of nobody.
    for comment in [
        own.replace("tester", &"a".repeat(100_000)),
        own.replace("\"host\"", "host"),
        own.replace("\"run\"", "\"host\":\"x\",\"run\""),
        format!("# pipe: {}\n", "[".repeat(100_000)),
        "# pipe: \n".to_owned(),
        "# another comment".to_owned(),
    ] {
        for said in with_comment(&sandbox, &comment) {
            assert!(said.stderr.contains("Restored a from DVC's run cache"), "{}", said.stderr);
        }
    }
}
