//! The disk is full, or the run store takes nothing for another reason: who logs is told, nothing stops, nothing is
//! damaged, and what could be kept elsewhere is recorded once there is room.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use crate::harness::{Said, Sandbox, await_that};

const PIPE: &str = env!("CARGO_BIN_EXE_pipe");

/// Runs a script on a disk of 4 MB, which is gone afterwards; `RUN` is a run with one point.
fn on_a_small_disk(sandbox: &Sandbox, script: &str) -> Said {
    let script = format!(
        r#"
        set -e
        mkdir disk; mount -t tmpfs -o size=4m tmpfs disk; cd disk; mkdir .pipe
        fill() {{ cat /dev/zero > fill 2> /dev/null || true; }}
        RUN=$("$PIPE" runs start --name small)
        "$PIPE" log metric loss 1 --step 1 --run $RUN
        {script}
        cp .pipe/runs.db ..
        "$PIPE" runs show $RUN --json
        "#
    );
    let mut command = sandbox.program("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &script]).env("PIPE", PIPE);
    sandbox.finish(command)
}

fn steps(run: &Json) -> Vec<i64> {
    let points = run["metrics"]["loss"].as_array().cloned().unwrap_or_default();
    points.iter().map(|point| point["step"].as_i64().unwrap()).collect()
}

#[track_caller]
fn check_whole(path: PathBuf) {
    let file = rusqlite::Connection::open(path).unwrap();
    let told: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(told, "ok");
}

#[test]
fn what_is_logged_on_a_full_disk_waits_in_the_spool_or_is_told_to_be_lost() {
    let sandbox = Sandbox::without_git();
    if !sandbox.has_namespaces() {
        return;
    }
    let said = on_a_small_disk(
        &sandbox,
        r#"
        echo something > file
        fill
        echo nothing goes >&2
        "$PIPE" log metric loss 2 --step 2 --run $RUN
        "$PIPE" runs start --name none || echo none was begun >&2
        "$PIPE" runs end $RUN || echo it was not ended >&2
        "$PIPE" runs tag $RUN a=b || echo it was not tagged >&2
        "$PIPE" log artifact file --run $RUN
        "$PIPE" log model file --run $RUN
        echo a little goes >&2
        truncate -s -40960 fill
        "$PIPE" log metric loss 3 --step 3 --run $RUN
        "$PIPE" log tag a=b --run $RUN
        ls .pipe/tmp/spool >&2
        rm fill
        "$PIPE" log metric loss 4 --step 4 --run $RUN
        "#,
    );
    let said = said.code(0);
    let (before, after) = said.stderr.split_once("a little goes").unwrap();
    assert!(
        before.contains("warning: the disk is full: nothing was recorded in the run store"),
        "{}",
        said.stderr
    );
    assert!(before.contains("what was logged is lost"), "{}", said.stderr);
    assert!(!before.contains("later pipe command"), "{}", said.stderr);
    for told in [
        "none was begun",
        "it was not ended",
        "was not ended, since nothing could be written down",
        "error: the disk is full: nothing was recorded in the run store",
        "hint: free some space and try again\nit was not tagged",
        "warning: file is not logged: ",
    ] {
        assert!(before.contains(told), "{told}: {}", said.stderr);
    }
    assert_eq!(
        after.matches("what is logged is recorded by a later pipe command").count(),
        2,
        "{}",
        said.stderr
    );
    assert!(!after.contains("lost") && after.contains(".json"), "{}", said.stderr);
    let run = said.json();
    assert_eq!(steps(&run), [1, 3, 4], "each once");
    assert_eq!(run["tags"]["a"], "b");
    check_whole(sandbox.path("runs.db"));
}

#[test]
fn a_server_on_a_full_disk_says_so_and_goes_on_when_there_is_room() {
    use crate::mlflow_tool::Served;
    let sandbox = Sandbox::without_git();
    if !sandbox.has_namespaces() {
        return;
    }
    let script = "mkdir disk; mount -t tmpfs -o size=4m tmpfs disk; cd disk; mkdir .pipe; exec \"$PIPE\" ui --port 0 --no-token";
    let mut command = sandbox.program("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]).env("PIPE", PIPE);
    let served = Served::of(sandbox, command);
    // The disk as the server sees it.
    let disk = PathBuf::from(format!("/proc/{}/cwd", served.pid()));
    let run = served.run();
    let batch = |from: i64, count: i64| {
        let points: Vec<Json> = (from..from + count)
            .map(|step| json!({"key": "loss", "value": 0.1 * step as f64, "timestamp": step, "step": step}))
            .collect();
        json!({"run_id": run, "metrics": points})
    };
    served.ok("runs/log-batch", batch(0, 1000));
    let fill = disk.join("fill");
    let mut file = std::fs::File::create(&fill).unwrap();
    let _ = std::io::copy(&mut std::io::repeat(7), &mut file);
    drop(file);
    let (mut logged, mut refused) = (1000, 0);
    // What was set aside for the log of the store takes some.
    for _ in 0..500 {
        let (status, answer) = served.post("runs/log-batch", &batch(logged, 1000));
        if status == 200 {
            logged += 1000;
            continue;
        }
        assert_eq!((status, &answer["error_code"]), (500, &json!("INTERNAL_ERROR")), "{answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains("runs.db") && message.contains("full"), "{message}");
        assert!(message.ends_with("; free some space and send it again"), "{message}");
        refused += 1;
        if refused == 20 {
            break;
        }
    }
    assert_eq!(refused, 20, "the disk is full");
    let path = format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/x.bin");
    let answer = served.ask("PUT", &path, &[], &vec![1; 300_000]);
    let told = answer.json();
    assert_eq!((answer.status, &told["error_code"]), (500, &json!("INTERNAL_ERROR")), "{told}");
    let message = told["message"].as_str().unwrap();
    let begin = format!("failed to keep artifact `x.bin` of run {run}: failed to write into the cache: ");
    assert!(message.starts_with(&begin), "{message}");
    assert!(message.ends_with("; free some space and send it again"), "{message}");
    // That is the digest of no bytes at all, which nobody sent.
    assert!(!message.contains("af1349b9"), "{message}");
    assert_eq!(served.get(&path).status, 404, "a part of a file is none");
    // It still answers questions.
    let points = || {
        let path =
            format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=loss&max_results=900000");
        served.get(&path).json()["metrics"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(points() as i64, logged);
    std::fs::remove_file(&fill).unwrap();
    served.ok("runs/log-batch", batch(logged, 1000));
    served.ok("runs/log-batch", batch(logged, 1000));
    assert_eq!(served.ask("PUT", &path, &[], &vec![1; 300_000]).status, 200);
    assert_eq!(points() as i64, logged + 1000, "each once");
    // Only the server is where the disk is: looked at is a copy.
    for suffix in ["", "-wal"] {
        let name = format!(".pipe/runs.db{suffix}");
        std::fs::copy(disk.join(name), served.sandbox.path(&format!("copy.db{suffix}"))).unwrap();
    }
    check_whole(served.sandbox.path("copy.db"));
    let (_, said) = served.end("TERM");
    said.code(0);
}

#[test]
fn a_server_that_was_begun_on_a_full_disk_takes_writes_when_there_is_room() {
    use crate::mlflow_tool::Served;
    let sandbox = Sandbox::without_git();
    if !sandbox.has_namespaces() {
        return;
    }
    let script = r#"
        mkdir disk; mount -t tmpfs -o size=3m tmpfs disk; cd disk; mkdir .pipe
        "$PIPE" runs start --name small > /dev/null
        cat /dev/zero > fill 2> /dev/null
        exec "$PIPE" ui --port 0 --no-token
    "#;
    let mut command = sandbox.program("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]).env("PIPE", PIPE);
    let served = Served::of(sandbox, command);
    let create = |name: &str| served.post("experiments/create", &json!({"name": name}));
    let (status, answer) = create("early");
    assert_eq!(status, 500, "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("disk is full"), "{answer}");
    std::fs::remove_file(PathBuf::from(format!("/proc/{}/cwd/fill", served.pid()))).unwrap();
    await_that("there is room", || create("late").0 == 200);
    let run = served.run();
    let file = format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/file");
    assert_eq!(served.ask("PUT", &file, &[], b"bytes").status, 200);
    assert_eq!(served.get(&file).body, b"bytes");
    let found = served.get("/api/2.0/mlflow/experiments/get-by-name?experiment_name=late");
    assert_eq!(found.status, 200);
    served.end("TERM").1.code(0);
}

/// As on a full disk: writes beyond 8 kB are answered with an error.
fn limited(sandbox: &Sandbox, arguments: &str) -> Said {
    let mut command = sandbox.program("sh");
    command.args(["-c", &format!("trap '' XFSZ; ulimit -f 16; exec {PIPE} {arguments}")]);
    sandbox.finish(command)
}

#[test]
fn a_store_that_takes_nothing_fails_no_stage_and_gets_it_all_later() {
    let sandbox = Sandbox::with_pipeline(&format!(
        "stages:\n  a:\n    cmd: cp in out; {PIPE} log metric loss 0.5 --step 7; echo told; {PIPE} log tag k=v\n    deps: \
         [in]\n    outs: [out]\n  b:\n    cmd: cp out last\n    deps: [out]\n    outs: [last]\n"
    ));
    sandbox.write("in", "1");
    sandbox.ok(["repro"]);
    // Closed by all, the store cannot be opened; held open by somebody, it cannot be written.
    for (value, is_open) in [("2", false), ("3", true)] {
        sandbox.write("in", value);
        let held = is_open.then(|| {
            let held = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
            held.query_row("SELECT count(*) FROM run", [], |row| row.get::<_, i64>(0)).unwrap();
            held
        });
        let said = limited(&sandbox, "repro").code(0);
        assert_eq!(said.stderr.matches("reproduction is recorded by a later").count(), 1, "{}", said.stderr);
        assert_eq!(sandbox.read("last"), value);
        assert!(!sandbox.files(".pipe/tmp/spool").is_empty());
        drop(held);
        let run = sandbox.stage_run("a");
        assert_eq!((run["status"].as_str(), steps(&run)), (Some("FINISHED"), vec![7]), "{run:#}");
        assert_eq!(run["tags"]["k"], "v");
        let logs = run["artifacts"].as_array().unwrap();
        assert!(logs.iter().any(|log| log["path"] == "stdout.log"), "{logs:?}");
        let parent = sandbox.json(["runs", "show", "--json", run["parent"].as_str().unwrap()]);
        assert_eq!(parent["status"], "FINISHED");
        assert_eq!(parent["children"].as_array().unwrap().len(), 2, "each once");
        assert_eq!(sandbox.files(".pipe/tmp/spool"), [""; 0]);
    }
    assert_eq!(sandbox.run_count(), 9);
    check_whole(sandbox.path(".pipe/runs.db"));
}

#[test]
fn a_checkout_on_a_full_disk_leaves_nothing_half_done_and_goes_on_when_there_is_room() {
    let sandbox = Sandbox::without_git();
    if !sandbox.has_namespaces() {
        return;
    }
    let said = on_a_small_disk(
        &sandbox,
        r#"
        mkdir data
        for name in $(seq 40); do yes $name | head -c 20000 > data/$name; done
        "$PIPE" add data
        sum() { cat data/* | cksum; }
        before=$(sum)
        rm -r data
        fill
        truncate -s -204800 fill
        "$PIPE" checkout && exit 9
        test ! -e data
        test -z "$(ls -d .pipe/*/*-checkout .pipe/*/*/*-checkout 2> /dev/null)"
        echo there is room again >&2
        rm fill
        "$PIPE" checkout
        test "$before" = "$(sum)"
        "$PIPE" data status
        "#,
    );
    let said = said.code(0);
    let (before, after) = said.stderr.split_once("there is room again").unwrap();
    assert!(before.contains("the disk is full: free some space"), "{}", said.stderr);
    assert!(!after.contains("error"), "{}", said.stderr);
    assert!(!said.stdout.contains("Uncommitted"), "{}", said.stdout);
}

#[test]
fn a_push_to_a_full_disk_leaves_nothing_of_what_had_no_room() {
    let sandbox = Sandbox::new();
    if !sandbox.has_namespaces() {
        return;
    }
    sandbox.write("data", vec![7; 6 << 20]);
    sandbox.ok(["add", "data"]);
    sandbox.ok(["remote", "add", "--default", "store", "../store"]);
    let script = r#"
        mkdir ../store; mount -t tmpfs -o size=4m tmpfs ../store
        "$PIPE" push; code=$?
        find ../store -type f
        exit $code
    "#;
    let mut command = sandbox.program("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]).env("PIPE", PIPE);
    let said = sandbox.finish(command);
    assert_ne!(said.code_of(), Some(0));
    assert!(!said.stdout.contains("store/"), "{}", said.stdout);
    said.tells(&["No space left", "make room there; `pipe gc --remote store`"]);
}

#[test]
fn a_stage_that_fills_the_disk_has_failed_and_one_whose_process_is_killed_was_killed() {
    let sandbox = Sandbox::without_git();
    if !sandbox.has_namespaces() {
        return;
    }
    let said = on_a_small_disk(
        &sandbox,
        r#"
        stage() { printf 'stages:\n  %s:\n    cmd: %s\n    outs: [big]\n' "$1" "$2" > pipeline.yaml; }
        stage fills 'cat /dev/zero > big'
        "$PIPE" repro && exit 9
        # The reproduction has ended, and so has what was known of it, had nothing been kept.
        rm -r .pipe/artifacts/*/partial
        "$PIPE" runs list --json > ../failed.json
        rm -rf big .pipe/artifacts
        stage waits 'sleep 2; cat /dev/zero > big 2> /dev/null || touch ../full; sleep 60'
        "$PIPE" repro & process=$!
        for nap in $(seq 200); do test -e ../full || sleep 0.05; done
        kill -9 $process
        wait $process || true
        sleep 0.3
        rm -f big
        "$PIPE" runs list --json > ../killed.json
        "#,
    );
    let said = said.code(0);
    assert!(said.stderr.contains("this reproduction is recorded by a later pipe command"), "{}", said.stderr);
    let ended = |file: &str, name: &str| {
        let runs: Json = serde_json::from_str(&sandbox.read(file)).unwrap();
        let named = |run: &&Json| run["name"] == name;
        runs.as_array().unwrap().iter().find(named).unwrap_or_else(|| panic!("no {name}: {runs}"))["status"]
            .clone()
    };
    assert_eq!(
        (ended("failed.json", "fills"), ended("failed.json", "repro")),
        (json!("FAILED"), json!("FAILED"))
    );
    assert_eq!(ended("killed.json", "fills"), json!("FAILED"));
    assert_eq!(ended("killed.json", "waits"), json!("KILLED"));
}

#[test]
fn a_stage_whose_output_has_no_room_is_done_all_the_same() {
    let sandbox = Sandbox::without_git();
    if !sandbox.has_namespaces() {
        return;
    }
    let said = on_a_small_disk(
        &sandbox,
        r#"
        printf 'stages:\n  talks:\n    cmd: seq 200000; echo 7 > out\n    outs: [out]\n' > pipeline.yaml
        "$PIPE" runs list > /dev/null
        fill
        truncate -s -614400 fill
        "$PIPE" repro > /dev/null
        "$PIPE" status --json > ../status.json
        cat out > ../out
        rm fill
        "#,
    );
    let said = said.code(0);
    assert!(
        said.stderr.contains("this output is not kept: ") && said.stderr.contains("1 ran"),
        "{}",
        said.stderr
    );
    assert_eq!(sandbox.read("out"), "7\n");
    let status: Json = serde_json::from_str(&sandbox.read("status.json")).unwrap();
    assert_eq!(status["stages"][0]["state"], "fresh", "{status}");
}

/// What is recorded of a stage took the last room, or the stage itself did: its success is written down all the same.
#[test]
fn a_success_has_room_on_a_disk_that_stays_full() {
    let sandbox = Sandbox::without_git();
    if !sandbox.has_namespaces() {
        return;
    }
    let said = on_a_small_disk(
        &sandbox,
        r#"
        "$PIPE" runs list > /dev/null
        for room in 0 4096 8192; do
            rm -f fill pipeline.* .pipe/journal
            printf 'stages:\n  a:\n    cmd: cat /dev/zero > fill 2> /dev/null || true; ' > pipeline.yaml
            printf 'truncate -s -%s fill; echo said\n  b:\n    cmd: echo %s\n' $room $room >> pipeline.yaml
            "$PIPE" repro -j 1 > /dev/null
            test -s fill
            grep -q "echo $room" pipeline.lock
        done
        rm fill
        "$PIPE" runs list --json --where "name = 'b'" > ../runs.json
        "#,
    );
    let said = said.code(0);
    assert_eq!(said.stderr.matches("2 stages: 2 ran").count(), 3, "{}", said.stderr);
    let runs: Json = serde_json::from_str(&sandbox.read("runs.json")).unwrap();
    assert_eq!(runs.as_array().unwrap().len(), 3, "{runs}");
}

/// What scripts log takes no room from what is known of their stage: neither a point nor the stage is lost for it.
#[test]
fn what_scripts_log_on_a_full_disk_is_recorded_and_their_stages_have_succeeded() {
    let sandbox = Sandbox::without_git();
    if !sandbox.has_namespaces() {
        return;
    }
    sandbox.write("script.py", LOGS_ON_A_FULL_DISK);
    // The first of them in one run, the others in three; the last of them leaves no room until all has ended.
    let said = on_a_small_disk(
        &sandbox,
        r#"
        for count in 300 1500 30000; do
            printf 'stages:\n  logs:\n    cmd: python3 ../script.py %s %s\n' $count $((count > 300 ? 3 : 1)) > pipeline.yaml
            printf -- "- $count" >&2
            "$PIPE" repro > /dev/null
            grep -q "script.py $count" pipeline.lock
            rm fill
            for run in $(seq $((count > 300 ? 3 : 1))); do
                "$PIPE" runs show of-$count-$run --json > ../$count-$run.json
            done
            test -z "$(ls .pipe/tmp/spool)"
        done
        "$PIPE" runs list --json --where "name = 'logs'" > ../stages.json
        "#,
    );
    let said = said.code(0);
    let told: Vec<&str> = said.stderr.split("- ").collect();
    let logged = |count: usize, run: usize| {
        let run: Json = serde_json::from_str(&sandbox.read(&format!("{count}-{run}.json"))).unwrap();
        assert_eq!((&run["status"], &run["tags"]["last"]), (&json!("FINISHED"), &json!("yes")), "{run}");
        assert_eq!(run["params"].as_object().unwrap().len(), 3, "{run}");
        let steps = steps(&run);
        assert!(steps.iter().copied().eq(0..steps.len() as i64), "each once");
        steps.len()
    };
    assert_eq!(logged(300, 1), 300);
    assert_eq!([1, 2, 3].map(|run| logged(1500, run)), [500; 3]);
    let left: usize = [1, 2, 3].map(|run| logged(30000, run)).iter().sum();
    assert!((1500..30_000).contains(&left), "{left}");
    let lost = format!("{} points that scripts logged are lost: the disk is full", 30_000 - left);
    for (told, count) in told[1..].iter().zip([300, 1500, 30_000]) {
        assert!(told.starts_with(&count.to_string()), "{told}");
        assert_eq!(
            told.matches("the disk is full: nothing was recorded in the run store").count(),
            1,
            "{told}"
        );
        assert_eq!(told.contains("is not tracked in full"), count == 30_000, "{told}");
        assert!(!told.contains("too slow") && !told.contains("nor is this tracked"), "{told}");
    }
    assert_eq!(told[3].matches(&lost).count(), 1, "{}", told[3]);
    let stages: Json = serde_json::from_str(&sandbox.read("stages.json")).unwrap();
    let ends: Vec<&Json> = stages.as_array().unwrap().iter().map(|run| &run["status"]).collect();
    assert_eq!(ends, ["FINISHED"; 3]);
}

/// Begins runs, fills the disk, and logs so many points to them in turn, and what else there is; fails where an answer says
/// that something was not recorded.
const LOGS_ON_A_FULL_DISK: &str = r#"
import http.client, json, os, sys, urllib.parse
count, of_runs = int(sys.argv[1]), int(sys.argv[2])
address = urllib.parse.urlsplit(os.environ["MLFLOW_TRACKING_URI"])
server = http.client.HTTPConnection(address.netloc)
def post(path, **body):
    server.request("POST", address.path + "/api/2.0/mlflow/runs/" + path, json.dumps(body), {"Content-Type": "application/json"})
    answer = server.getresponse()
    text = answer.read().decode()
    assert answer.status == 200, (answer.status, text)
    return json.loads(text)
def begin(number):
    made = post("create", experiment_id="0", run_name=f"of-{count}-{number}", start_time=1)
    return made["run"]["info"]["run_id"]
runs = [begin(1)]
post("log-parameter", run_id=runs[0], key="early", value="1")
for size in (65536, 512):
    try:
        with open("fill", "ab", buffering=0) as file:
            while True:
                file.write(b"x" * size)
    except OSError:
        pass
runs += [begin(number) for number in range(2, of_runs + 1)]
for number, run in enumerate(runs):
    for key in (["early", "late"] if number else ["late"]):
        post("log-parameter", run_id=run, key=key, value="1")
def point(step):
    return {"key": "loss", "value": step / 7, "timestamp": 1764000000000 + step, "step": step}
for step in range(0, count // of_runs):
    for run in runs:
        if count < 10000:
            post("log-metric", run_id=run, **point(step))
        elif step % 100 == 0:
            post("log-batch", run_id=run, metrics=[point(step + more) for more in range(100)])
for run in runs:
    post("log-parameter", run_id=run, key="last", value="2")
    post("set-tag", run_id=run, key="last", value="yes")
    post("update", run_id=run, status="FINISHED", end_time=5)
"#;

#[test]
fn where_nothing_can_be_written_runs_are_served_to_look_at() {
    use crate::mlflow_tool::Served;
    let sandbox = Sandbox::without_git();
    if !sandbox.has_namespaces() {
        return;
    }
    let run = sandbox.ok(["runs", "start", "--name", "seen"]).stdout.trim().to_owned();
    sandbox.ok(["log", "metric", "loss", "1", "--run", &run]);
    sandbox.write("file", "content");
    sandbox.ok(["log", "artifact", "file", "--run", &run]);
    let inside = |script: &str| {
        let script = format!("mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" && {script}");
        let mut command = sandbox.program("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", &script]).env("PIPE", PIPE);
        command
    };
    let said = sandbox.finish(inside("\"$PIPE\" runs tag seen a=b")).code(2);
    said.tells(&["can only be read here: nothing was recorded", "hint: check who may write"]);
    let served = Served::of(Sandbox::without_git(), inside("exec \"$PIPE\" ui --port 0 --no-token"));
    assert!(served.get(&format!("/runs/{run}")).text().contains("seen"));
    let file = format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/file");
    assert_eq!(served.get(&file).body, b"content");
    let search = served.ok("runs/search", json!({"experiment_ids": ["0"], "filter": "metrics.loss = 1"}));
    assert_eq!(search["runs"].as_array().unwrap().len(), 1);
    // No 5xx, for which a client would try again for minutes.
    let refused = [
        served.post("runs/create", &json!({"experiment_id": "0", "start_time": 1})),
        served.post("runs/set-tag", &json!({"run_id": run, "key": "a", "value": "b"})),
        served.post("registered-models/create", &json!({"name": "a"})),
    ];
    for (status, answer) in refused {
        assert_eq!((status, &answer["error_code"]), (403, &json!("PERMISSION_DENIED")), "{answer}");
        assert!(answer["message"].as_str().unwrap().contains("can only be read here"), "{answer}");
    }
    let upload = served.ask("PUT", &format!("{file}2"), &[], b"x");
    assert_eq!((upload.status, &upload.json()["error_code"]), (403, &json!("PERMISSION_DENIED")));
    // What is written elsewhere is seen: that the file cannot be written here does not mean that nobody does.
    sandbox.ok(["log", "metric", "loss", "3", "--step", "2", "--run", &run]);
    let history = format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=loss");
    assert_eq!(served.get(&history).json()["metrics"].as_array().unwrap().len(), 2);
    // Nor for ever by this server.
    let mut remount = sandbox.program("nsenter");
    let pid = served.pid().to_string();
    remount.args(["--preserve-credentials", "--user", "--mount", "--target", &pid]);
    let path = sandbox.root();
    remount.args(["mount", "-o", "remount,bind,rw"]).arg(&path);
    sandbox.finish(remount).code(0);
    let tag = json!({"run_id": run, "key": "a", "value": "b"});
    await_that("it can be written to", || served.post("runs/set-tag", &tag).0 == 200);
    assert_eq!(served.ask("PUT", &format!("{file}2"), &[], b"x").status, 200);
    assert_eq!(sandbox.json(["runs", "show", &run, "--json"])["tags"]["a"], "b");
    sandbox.ok(["log", "metric", "loss", "4", "--step", "3", "--run", &run]);
    assert_eq!(served.get(&history).json()["metrics"].as_array().unwrap().len(), 3);
    let (_, said) = served.end("TERM");
    said.code(0).tells(&["runs can be looked at, and what clients log is refused"]);
}
