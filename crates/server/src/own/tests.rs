//! What is asked in our own language and how it is told: over a store in memory, without HTTP.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::{Digest, Timestamp};
use cache::Blobs;
use serde_json::{Value, json};
use track::{Change, Changes, ExperimentRef, LineageFile, Metric, NewRun, Param, RunId, SqliteStore, Tag};

use crate::call::Call;
use crate::context::Context;
use crate::error::Code;
use crate::wire::Json;

fn context() -> Context {
    let store = SqliteStore::open_in_memory().expect("memory");
    Context::new(Arc::new(store), Blobs::new(std::path::Path::new("nowhere")))
}

fn id(number: u128) -> RunId {
    RunId::from_parts(Timestamp(1_000_000), number)
}

fn apply(context: &Context, changes: Vec<Change>) {
    context.store.apply(Changes::new(Timestamp(5), changes)).expect("applied");
}

fn make(context: &Context, number: u128, experiment: &str) -> RunId {
    let experiment = ExperimentRef::Name(experiment.to_owned());
    let run = NewRun {
        experiment,
        name: Some(format!("run-{number}")),
        user: "ada".into(),
        ..NewRun::new(id(number), Timestamp(1000 + number as i64))
    };
    apply(context, vec![Change::CreateRun(run)]);
    id(number)
}

fn log(context: &Context, run: RunId, key: &str, values: &[f64]) {
    let metric = |(step, value): (usize, &f64)| Metric {
        key: key.to_owned(),
        value: *value,
        step: step as i64,
        timestamp: Timestamp(7),
    };
    let metrics = values.iter().enumerate().map(metric).collect();
    apply(context, vec![Change::LogMetrics { run, metrics }]);
}

fn ask(context: &Context, body: Value) -> Result<Value, (Code, String)> {
    answer(context, &Call::from_body(body.to_string().as_bytes()))
}

fn answer(context: &Context, call: &Call) -> Result<Value, (Code, String)> {
    let bytes = match super::search(context, call).map_err(|fault| (fault.code, fault.message))? {
        Json::Whole(bytes) => bytes,
        Json::Long(mut pieces) => {
            let mut bytes = Vec::new();
            while let Some(piece) = pieces().expect("no fault") {
                bytes.extend(piece);
            }
            bytes
        }
    };
    Ok(serde_json::from_slice(&bytes).expect("JSON"))
}

fn names(answer: &Value) -> Vec<String> {
    let runs = answer["runs"].as_array().expect("a list").iter();
    runs.map(|run| run["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn a_run_is_told_with_what_is_wanted_of_it() {
    let context = context();
    apply(&context, vec![Change::CreateExperiment { name: "moons".into(), if_absent: true }]);
    let (maker, run) = (make(&context, 1, "Default"), make(&context, 2, "moons"));
    log(&context, run, "loss", &[2.0, 0.5, 1.0]);
    log(&context, run, "lost", &[f64::NAN]);
    let param = |key: &str| Param { key: key.into(), value: "1".into() };
    let tag = |key: &str, value: &str| Tag { key: key.into(), value: value.into() };
    let file = |path: &str| LineageFile {
        path: path.into(),
        digest: format!("blake3:{}", "a".repeat(64)).parse::<Digest>().expect("a digest"),
        size: 3,
    };
    let tags = vec![tag("pipe.stage", "train"), tag("team", "blue")];
    apply(
        &context,
        vec![
            Change::LogParams { run, params: vec![param("lr"), param("a.b")] },
            Change::SetTags { run, tags },
            Change::LogOutputs { run: maker, files: vec![file("data")] },
            Change::LogInputs { run, files: vec![file("data")] },
        ],
    );
    let all = ["metrics", "params", "tags", "datasets", "models", "lineage"];
    let told = ask(&context, json!({"experiments": ["moons"], "fields": all})).expect("an answer");
    let digest = format!("blake3:{}", "a".repeat(64));
    let expected = json!({"runs": [{
        "run_id": run.to_string(), "name": "run-2", "status": "RUNNING", "lifecycle": "active",
        "experiment_id": "1", "experiment": "moons", "user": "ada", "start_time": 1002, "stage": "train",
        "metrics": {
            "loss": {"last": 1.0, "step": 2, "timestamp": 7, "min": 0.5, "max": 2.0, "best": 0.5},
            "lost": {"last": "NaN", "step": 0, "timestamp": 7},
        },
        "params": {"a.b": "1", "lr": "1"},
        "tags": {"pipe.stage": "train", "team": "blue"},
        "datasets": [], "models": {"inputs": [], "outputs": []},
        "lineage": {
            "inputs": [{"path": "data", "digest": digest, "size": 3, "made_by": maker.to_string()}],
            "outputs": [],
        },
    }]});
    assert_eq!(told, expected);
    let told = ask(&context, json!({"where": "name = 'run-2'", "fields": ["metrics.loss", "params.a.b"]}));
    let told = &told.expect("an answer")["runs"][0];
    assert_eq!(told["params"], json!({"a.b": "1"}));
    assert_eq!(told["metrics"].as_object().expect("a map").keys().collect::<Vec<_>>(), ["loss"]);
    assert!(told.get("tags").is_none());
    let usual = &ask(&context, json!({"limit": 1})).expect("an answer")["runs"][0];
    let has = |name: &str| usual.get(name).is_some();
    assert!(has("metrics") && has("params") && has("tags") && !has("lineage") && !has("models"));
    let few = &ask(&context, json!({"fields": []})).expect("an answer")["runs"][0];
    assert!(few.get("metrics").is_none() && few.get("tags").is_none());
}

#[test]
fn experiments_go_by_name_or_number() {
    let context = context();
    for name in ["moons", "7"] {
        apply(&context, vec![Change::CreateExperiment { name: name.into(), if_absent: true }]);
    }
    make(&context, 1, "Default");
    make(&context, 2, "moons");
    make(&context, 3, "7");
    let found = |experiments: Value| {
        ask(&context, json!({"experiments": experiments})).map(|answer| names(&answer).join(" "))
    };
    assert_eq!(found(json!(["moons"])), Ok("run-2".into()));
    assert_eq!(found(json!([1, "Default"])), Ok("run-2 run-1".into()));
    assert_eq!(found(json!(["1", "7"])), Ok("run-3 run-2".into()));
    assert_eq!(found(json!([])), Ok("run-3 run-2 run-1".into()));
    let unknown = |name: &str, more: &str| {
        let message = format!("There is no experiment '{name}'{more}");
        Err((Code::ResourceDoesNotExist, message))
    };
    assert_eq!(found(json!(["moon"])), unknown("moon", "; did you mean 'moons'?"));
    assert_eq!(found(json!([7])), unknown("7", ""), "a number is no name");
    assert!(found(json!([1.5])).is_err());
}

#[test]
fn faults_say_where_they_are() {
    let context = context();
    let refused = |body: Value| {
        let (code, message) = ask(&context, body).expect_err("refused");
        assert_eq!(code, Code::InvalidParameterValue);
        message
    };
    let told = refused(json!({"where": "metrics.loss < 1 and nmae = 'x'"}));
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("where: filter, column 22: "), "{told}");
    assert_eq!(lines[1..], ["metrics.loss < 1 and nmae = 'x'", &format!("{}^^^^", " ".repeat(21))]);
    let told = refused(json!({"order_by": ["name", "best(acc) dsc"]}));
    assert!(told.starts_with("order_by[1]: sort, column 11: "), "{told}");
    for (body, message) in [
        (json!({"limit": 0}), "Invalid limit 0; it must be between 1 and 50000"),
        (json!({"limit": 50_001}), "Invalid limit 50001; it must be between 1 and 50000"),
        (json!({"view": "none"}), "Invalid view 'none'; it must be active, deleted or all"),
        (json!({"orderby": []}), "Unknown field 'orderby'; did you mean 'order_by'?"),
        (json!({"page_token": "e30="}), "Invalid page token"),
    ] {
        assert_eq!(refused(body), message);
    }
    assert!(
        refused(json!({"fields": ["metric"]})).starts_with("Unknown name 'metric' in 'fields'; there are")
    );
    assert!(refused(json!({"where": 5})).starts_with("Invalid value 5 for parameter 'where' supplied"));
    assert!(refused(json!({"where": "id = 'x'"})).starts_with("`x` is no id of a run"));
    let broken = Call::from_body(b"{");
    assert!(answer(&context, &broken).expect_err("no JSON").1.starts_with("The request body is no JSON"));
}

#[test]
fn a_page_ends_where_the_next_begins() {
    let context = context();
    for number in 1..=120 {
        let run = make(&context, number, "Default");
        if number % 3 > 0 {
            log(&context, run, "loss", &[(number % 5) as f64]);
        }
    }
    let mut newest = 1000;
    for order_by in [json!([]), json!(["metrics.loss desc"]), json!(["max(loss)", "name"])] {
        let mut seen = Vec::new();
        let mut token = Value::Null;
        loop {
            // A newer run comes in front of each page, and one that was seen goes.
            newest += 1;
            make(&context, newest, "Default");
            let body = json!({"order_by": order_by, "limit": 17, "page_token": token, "fields": [],
                              "where": "name !~ '^run-[0-9]{4}$'"});
            let page = ask(&context, body).expect("a page");
            seen.extend(names(&page));
            token = page["next_page_token"].clone();
            if token.is_null() {
                break;
            }
            let lifecycle = track::Lifecycle::Deleted;
            apply(&context, vec![Change::SetLifecycle { run: id(newest), lifecycle }]);
        }
        assert_eq!(seen.len(), 120);
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 120, "each once");
    }
    let page = ask(&context, json!({"order_by": ["name"], "limit": 1})).expect("a page");
    let other = ask(&context, json!({"limit": 1, "page_token": page["next_page_token"]}));
    assert_eq!(other.expect_err("refused").1, "The page token is of a search with another 'order_by'");
}

#[test]
fn where_nothing_is_found_a_key_that_no_run_has_is_told() {
    let context = context();
    let run = make(&context, 1, "Default");
    log(&context, run, "accuracy", &[1.0]);
    assert_eq!(ask(&context, json!({"where": "metrics.accuracy > 2"})), Ok(json!({"runs": []})));
    let told = ask(&context, json!({"where": "metrics.acuracy > 0"})).expect("an answer");
    let note = "No run has a metric `acuracy`; did you mean `accuracy`?";
    assert_eq!(told, json!({"runs": [], "notes": [note]}));
}

#[test]
fn a_query_asks_the_same() {
    let context = context();
    for number in 1..=3 {
        let run = make(&context, number, "Default");
        log(&context, run, "loss", &[number as f64]);
    }
    let call = Call::from_query(
        "where=metrics.loss+%3E+1+or+name%3D%27run-1%27&order_by=min(loss)+desc&order_by=name&limit=2&top=true\
         &experiments=Default&fields=metrics.loss",
    );
    let answer = answer(&context, &call).expect("an answer");
    assert_eq!(names(&answer), ["run-3", "run-2"]);
    assert!(answer["next_page_token"].is_string());
}
