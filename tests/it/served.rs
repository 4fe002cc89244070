//! What a server answers when several ask at once, or for too much: MLflow's codes, and nothing of 500.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value as Json, json};

use crate::mlflow_tool::Served;

/// Sends what MLflow's clients send with another method than POST.
fn sent(served: &Served, method: &str, path: &str, body: &Json) -> (u16, Json) {
    let kind = [("Content-Type", "application/json")];
    let answer = served.ask(method, &format!("/api/2.0/mlflow/{path}"), &kind, body.to_string().as_bytes());
    (answer.status, answer.json())
}

#[test]
fn eight_that_delete_and_restore_the_same_get_answers_of_the_protocol() {
    let served = Served::start();
    let made = served.ok("experiments/create", json!({"name": "shared"}));
    let experiment = made["experiment_id"].as_str().unwrap().to_owned();
    let runs: Vec<String> = (0..3)
        .map(|_| {
            let made = served.ok("runs/create", json!({"experiment_id": experiment, "start_time": 1}));
            made["run"]["info"]["run_id"].as_str().unwrap().to_owned()
        })
        .collect();
    served.ok("registered-models/create", json!({"name": "net"}));
    let answered = AtomicUsize::new(0);
    let check = |what: &str, (status, answer): (u16, Json)| {
        answered.fetch_add(1, Ordering::Relaxed);
        let code = answer["error_code"].as_str().unwrap_or_default();
        let known = ["RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "RESOURCE_ALREADY_EXISTS"];
        let is_known = match status {
            200 => code.is_empty(),
            400 | 404 => known.contains(&code),
            _ => false,
        };
        assert!(is_known, "{what}: {status} {answer}");
    };
    std::thread::scope(|scope| {
        for client in 0..8 {
            let (served, runs, experiment, check) = (&served, &runs, &experiment, &check);
            scope.spawn(move || {
                for round in 0..25 {
                    let run = &runs[(client + round) % runs.len()];
                    let post = |path: &str, body: Json| check(path, served.post(path, &body));
                    post("runs/delete", json!({"run_id": run}));
                    post(
                        "runs/log-metric",
                        json!({"run_id": run, "key": "a", "value": 1.0, "timestamp": 1, "step": round}),
                    );
                    post("runs/restore", json!({"run_id": run}));
                    let way = if round % 2 == 0 { "delete" } else { "restore" };
                    post(&format!("experiments/{way}"), json!({"experiment_id": experiment}));
                    post("runs/create", json!({"experiment_id": experiment, "start_time": 1}));
                    post("model-versions/create", json!({"name": "net", "source": "s3://b/m"}));
                    let version = (client + round).to_string();
                    let alias = json!({"name": "net", "alias": "best", "version": version});
                    post("registered-models/alias", alias);
                    let named = json!({"name": "net", "version": version});
                    check("delete a version", sent(served, "DELETE", "model-versions/delete", &named));
                    if round % 10 == 9 {
                        check(
                            "delete a model",
                            sent(served, "DELETE", "registered-models/delete", &json!({"name": "net"})),
                        );
                        post("registered-models/create", json!({"name": "net"}));
                    }
                }
            });
        }
    });
    assert!(answered.load(Ordering::Relaxed) > 1600);
    // Whatever they did last, everything can be brought back and used.
    let _ = served.post("experiments/delete", &json!({"experiment_id": experiment}));
    served.ok("experiments/restore", json!({"experiment_id": experiment}));
    for run in &runs {
        served.ok("runs/restore", json!({"run_id": run}));
        served.ok("runs/set-tag", json!({"run_id": run, "key": "a", "value": "b"}));
    }
    let (sandbox, said) = served.end("TERM");
    said.code(0);
    let file = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
    let broken: i64 =
        file.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
    assert_eq!(broken, 0);
}

#[test]
fn what_is_too_long_is_refused_and_the_server_goes_on() {
    let served = Served::start();
    let run = served.run();
    let kind = [("Content-Type", "application/json")];
    let mut body = format!("{{\"run_id\": \"{run}\", \"key\": \"a\", \"value\": \"").into_bytes();
    body.resize((64 << 20) + 1, b'x');
    let answer = served.ask("POST", "/api/2.0/mlflow/runs/set-tag", &kind, &body);
    let told = answer.json();
    assert_eq!((answer.status, &told["error_code"]), (400, &json!("BAD_REQUEST")), "{told}");
    assert!(told["message"].as_str().unwrap().contains("longer than 67108864 bytes"), "{told}");
    // Files that a page sends are small; those of clients go to the disk piece by piece, whatever their length.
    let file = vec![7; (10 << 20) + 1];
    let by_page = format!("/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=big");
    let answer = served.ask("POST", &by_page, &[], &file);
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(served.ask("POST", &by_page, &[], &file[1..]).status, 200);
    let by_client = format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/big");
    assert_eq!(served.ask("PUT", &by_client, &[], &file).status, 200);
    assert_eq!(served.get(&by_client).body.len(), file.len());
}

/// What no disk could hold, nobody could download.
#[test]
fn names_that_no_disk_takes_are_refused() {
    let served = Served::start();
    let run = served.run();
    let name = "ä".repeat(128);
    for path in [name.clone(), format!("a/{name}/b")] {
        let encoded = path.replace('ä', "%C3%A4");
        let by_client = format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{encoded}");
        let by_page = format!("/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path={encoded}");
        for (method, address) in [("PUT", &by_client), ("POST", &by_page)] {
            let answer = served.ask(method, address, &[], b"x");
            let told = answer.json();
            assert_eq!(
                (answer.status, &told["error_code"]),
                (400, &json!("INVALID_PARAMETER_VALUE")),
                "{told}"
            );
            assert!(told["message"].as_str().unwrap().contains("256 bytes long: at most 255"), "{told}");
        }
    }
}

#[test]
fn files_that_a_browser_would_run_are_shut_in() {
    let served = Served::start();
    let run = served.run();
    let script = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    for name in ["page.html", "page.htm", "image.svg", "feed.xml", "page.xhtml", "code.js", "none"] {
        let path = format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{name}");
        assert_eq!(served.ask("PUT", &path, &[], script.as_bytes()).status, 200, "{name}");
        for address in [
            path,
            format!("/get-artifact?run_uuid={run}&path={name}"),
            format!("/ajax-api/2.0/mlflow/get-artifact?run_uuid={run}&path={name}"),
        ] {
            for headers in [&[][..], &[("Range", "bytes=0-9")], &[("Accept", "text/html")]] {
                let file = served.ask("GET", &address, headers, b"");
                assert!(matches!(file.status, 200 | 206), "{address}");
                assert_eq!(
                    file.header("content-security-policy"),
                    "default-src 'none'; sandbox",
                    "{address}"
                );
                assert_eq!(file.header("x-content-type-options"), "nosniff", "{address}");
                // Text is text whatever it says, and a browser may show it.
                let is_text = matches!(name, "feed.xml" | "code.js") && !address.starts_with("/api");
                let shown = if is_text { "inline" } else { "attachment" };
                assert!(file.header("content-disposition").starts_with(shown), "{address}");
                if is_text {
                    assert!(file.header("content-type").starts_with("text/plain"), "{address}");
                }
            }
        }
    }
}
