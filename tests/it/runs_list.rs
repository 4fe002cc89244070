//! `pipe runs list`: numbers, ids, experiments and names that nobody has.

use serde_json::json;

use crate::harness::Sandbox;

type Pairs<'a> = &'a [(&'a str, &'a str)];

/// Runs with these metrics and params, in this order, each in an experiment.
fn logged(runs: &[(&str, &str, Pairs, Pairs)]) -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::new();
    let mut ids = Vec::new();
    for (name, experiment, metrics, params) in runs {
        let start = ["runs", "start", "--name", name, "--experiment", experiment];
        let run = sandbox.ok(start).stdout.trim().to_owned();
        for (key, value) in *metrics {
            sandbox.ok(["log", "metric", key, value, "--run", &run]);
        }
        for (key, value) in *params {
            sandbox.ok(["log", "param", &format!("{key}={value}"), "--run", &run]);
        }
        sandbox.ok(["runs", "end", &run]);
        ids.push(run);
    }
    (sandbox, ids)
}

#[test]
fn numbers_are_whole_without_noise_and_in_order() {
    let (sandbox, ids) = logged(&[
        ("a", "Default", &[("steps", "123456"), ("acc", "0.30000000000000004")], &[("size", "9")]),
        ("b", "Default", &[("steps", "123457"), ("acc", "0.841234567")], &[("size", "10")]),
        ("c", "Default", &[("steps", "1e20"), ("acc", "0.3")], &[("size", "0.123456789")]),
    ]);
    let list = |more: &[&str]| {
        let fixed = ["runs", "list", "--columns", "name,metrics.steps,metrics.acc,params.size"];
        sandbox.ok(fixed.iter().chain(more)).stdout
    };
    assert_eq!(
        list(&["--sort", "params.size"]),
        "name  metrics.steps  metrics.acc  params.size\n\
         c              1e20          0.3  0.123456789\n\
         a            123456          0.3            9\n\
         b            123457     0.841235           10\n"
    );
    let exact = sandbox.json([
        "runs",
        "list",
        "--json",
        "--columns",
        "metrics.acc,metrics.steps",
        "--where",
        "name = 'a'",
    ]);
    assert_eq!(exact[0], json!({"metrics.acc": 0.300_000_000_000_000_04, "metrics.steps": 123_456.0}));
    let compared = |a: usize, b: usize| sandbox.ok(["runs", "compare", &ids[a], &ids[b]]).stdout;
    let row = |text: String, key: &str| -> Vec<String> {
        let row =
            text.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key} in {text}"));
        row.split_whitespace().skip(1).map(ToOwned::to_owned).collect()
    };
    assert_eq!(row(compared(0, 1), "metrics.acc"), ["0.3", "0.841235"]);
    assert_eq!(row(compared(0, 1), "metrics.steps"), ["123456", "123457"]);
    assert_eq!(row(compared(0, 2), "metrics.acc"), ["0.30000000000000004", "0.3"], "that is the difference");
    let shown = sandbox.ok(["runs", "show", "b"]).stdout;
    assert!(
        shown.contains("  123457  ") && shown.contains("  0.841234567  "),
        "one run with all digits: {shown}"
    );
}

#[test]
fn ids_in_filters_are_as_short_as_elsewhere() {
    let (sandbox, ids) = logged(&[("a", "Default", &[], &[]), ("b", "Default", &[], &[])]);
    let names = |flag: &str, filter: &str| {
        let list = sandbox.json(["runs", "list", "--json", "--columns", "name", flag, filter]);
        let names = list.as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>().join(" ")
    };
    let short = &ids[0][24..];
    assert_eq!(names("--where", &format!("id = '{short}'")), "a");
    assert_eq!(names("--where", &format!("run_id != '{short}'")), "b");
    assert_eq!(names("--where", "id = 'last'"), "b");
    assert_eq!(names("--filter", &format!("attributes.run_id = '{short}'")), "a");
    for (filter, told) in [
        ("id = 'a'", "`a` is no id of a run: expected 4 to 32 hexadecimal digits"),
        ("parent = 'ffffffff'", "no run has an id that starts or ends with `ffffffff`"),
    ] {
        sandbox.pipe(["runs", "list", "--where", filter]).code(2).tells(&[told]);
        sandbox.pipe(["runs", "delete", "--where", filter, "-y"]).code(2).tells(&[told]);
    }
    sandbox.ok(["runs", "delete", short]).tells(&["Deleted 1 run; `pipe runs restore` brings it back."]);
    sandbox.ok(["runs", "restore", "--where", &format!("id = '{short}'"), "-y"]).tells(&["Restored 1 run."]);
    sandbox.ok(["runs", "delete", &ids[0], "b"]).tells(&["brings them back"]);
}

#[test]
fn experiments_and_names_that_nobody_has() {
    let (sandbox, _) = logged(&[
        ("a", "spirals", &[("accuracy", "0.5")], &[("lr", "1")]),
        ("b", "moons", &[("accuracy", "0.6")], &[]),
        ("c", "Default", &[("accuracy", "0.7")], &[]),
    ]);
    let list = |arguments: &[&str]| sandbox.ok(["runs", "list"].iter().chain(arguments));
    let said = list(&["--experiment", "spirals", "--experiment", "moons", "--columns", "name,experiment"]);
    assert_eq!(
        (said.stdout.as_str(), said.stderr.as_str()),
        ("name  experiment\nb     moons\na     spirals\n", "")
    );
    let head = list(&[]).stdout.lines().next().unwrap().to_owned();
    assert_eq!(
        head.split_whitespace().collect::<Vec<_>>(),
        ["id", "name", "status", "accuracy", "start", "duration", "experiment"]
    );
    sandbox
        .pipe(["runs", "list", "--experiment", "spiral"])
        .code(2)
        .tells(&["there is no experiment `spiral`", "did you mean `spirals`?"]);
    for (arguments, told) in [
        (["--sort", "metrics.acuracy"], "No run has a metric `acuracy`; did you mean `accuracy`?"),
        (["--columns", "name,params.lrr,best(accuracy)"], "No run has a param `lrr`; did you mean `lr`?"),
        (["--where", "tags.nobody = 'x'"], "No run has a tag `nobody`."),
    ] {
        let said = list(&arguments).tells(&[told]);
        assert_eq!(said.stderr.matches("No run has").count(), 1, "{said:?}");
    }
    // A run without it is not a store without it, and what every store knows is never unknown.
    for arguments in [
        ["--columns", "params.lr", "--experiment", "moons"],
        ["--where", "stage = 'x' or status = 'restored'", "--sort", "tags.mlflow.runName"],
    ] {
        assert!(!list(&arguments).stderr.contains("No run has"), "{arguments:?}");
    }
}

#[test]
fn points_before_1970_are_refused_and_told() {
    let (sandbox, ids) = logged(&[("a", "Default", &[], &[])]);
    sandbox
        .pipe(["log", "metric", "acc", "1", "--timestamp", "-1", "--run", &ids[0]])
        .code(2)
        .tells(&["a time before 1970: -1 ms"]);
    let said = sandbox.pipe(["log", "metric", "acc", "1", "--timestamp", "0", "--run", &ids[0]]);
    said.code(0);
}

#[test]
fn one_run_with_many_metrics_takes_no_column_from_the_others() {
    let usual: Pairs = &[("acc", "1"), ("zeta", "2")];
    let odd: Pairs = &[("best_acc", "3"), ("gpu_a", "1"), ("gpu_b", "1"), ("gpu_c", "1")];
    let (sandbox, _) = logged(&[("a", "Default", usual, &[]), ("b", "Default", usual, &[])]);
    assert!(!sandbox.ok(["runs", "list"]).stderr.contains("No column"), "all have one");
    sandbox.ok(["runs", "start", "--name", "odd"]);
    for (key, value) in odd {
        sandbox.ok(["log", "metric", key, value, "--run", "last"]);
    }
    let listed = sandbox.ok(["runs", "list"]);
    let head: Vec<&str> = listed.stdout.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(head[3..7], ["acc", "zeta", "best_acc", "gpu_a"], "{}", listed.stdout);
    let told = "No column for 2 more metrics: `--columns name,metrics.gpu_b` shows those that it names.";
    assert!(listed.stderr.contains(told), "{}", listed.stderr);
}

#[test]
fn times_are_those_of_the_users_clock() {
    let (sandbox, _) = logged(&[("a", "Default", &[], &[])]);
    let listed = |zone: &str, filter: &str| {
        let columns = ["runs", "list", "--csv", "--columns", "name,start", "--where", filter];
        let mut command = sandbox.pipe_command(columns);
        command.env("TZ", zone);
        let count = sandbox.finish(command).code(0).stdout.lines().count() - 1;
        let mut command = sandbox.pipe_command(["runs", "list", "--columns", "start"]);
        command.env("TZ", zone);
        (count, sandbox.finish(command).stdout.lines().nth(1).expect("a run").trim().to_owned())
    };
    let is_known = std::path::Path::new("/usr/share/zoneinfo/Asia/Tokyo").exists();
    let zones = ["UTC", "<+09>-9", "Asia/Tokyo"].into_iter().take(if is_known { 3 } else { 2 });
    let shown: Vec<String> = zones
        .map(|zone| {
            let (_, shown) = listed(zone, "name = 'a'");
            assert_eq!(
                listed(zone, &format!("start = '{shown}'")).0,
                1,
                "what {zone} shows finds it: {shown}"
            );
            assert_eq!(listed(zone, &format!("start = '{shown}+02:00'")).0, 0);
            shown
        })
        .collect();
    assert!(
        shown[1..].iter().all(|time| *time != shown[0] && *time == shown[1]),
        "nine hours later: {shown:?}"
    );
}

/// Nobody knows what became of the maker of a run that belongs to no process.
#[test]
fn a_run_that_goes_on_in_silence_is_told_of_and_can_be_ended() {
    let sandbox = Sandbox::without_git();
    let run = sandbox.ok(["runs", "start", "--name", "lost"]).stdout.trim().to_owned();
    let said = sandbox.ok(["runs", "list", "--columns", "name,heard"]);
    assert!(!said.stderr.contains("said to run"), "it has just begun: {}", said.stderr);
    let long_ago = 1_763_721_727_045_i64;
    let store = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
    let before =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    store.execute("UPDATE run SET start_time = ?1, heard = ?1", [long_ago]).unwrap();
    sandbox.ok(["config", "tracking.unheard_after", "never"]);
    let heard = || sandbox.json(["runs", "list", "--json", "--columns", "heard"])[0]["heard"].clone();
    assert_eq!(heard(), "2025-11-21T10:42:07.045Z");
    let found = |filter: &str| {
        let found = sandbox.json(["runs", "list", "--json", "--where", filter, "--sort", "heard desc"]);
        found.as_array().unwrap().len()
    };
    let filters =
        ["heard < '2025-11-22'", "heard = '2025-11-21T10:42:07Z'", "heard is null", "heard > '2025-11-22'"];
    assert_eq!(filters.map(found), [1, 1, 0, 0]);
    let end = format!("`pipe runs end {} --status killed`", &run[24..]);
    sandbox.ok(["runs", "list"]).tells(&["1 run is said to run, and was not heard of for an hour", &end]);
    let shown = || sandbox.ok(["runs", "show", &run]).stdout;
    assert!(!shown().contains("last heard of"), "the start says it: {}", shown());
    // Whatever it logs, and whenever that is said to be from.
    sandbox.ok(["log", "param", "lr=1", "--run", &run]);
    assert!(shown().contains("still running, last heard of "), "{}", shown());
    assert!(sandbox.json(["runs", "show", "--json", &run])["last_heard"].as_i64().unwrap() >= before);
    assert!(!sandbox.ok(["runs", "list"]).stderr.contains("said to run"));
    sandbox.ok(["runs", "end", &run[24..], "--status", "killed"]);
    assert!(heard().is_null(), "it has ended");
    assert_eq!(["heard is null", "heard > '2025-11-21'"].map(found), [1, 0]);
    assert!(!sandbox.ok(["runs", "list"]).stderr.contains("said to run"));
}
