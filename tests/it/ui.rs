//! `pipe ui`: who gets in, what hostile requests get, what survives, and how it ends.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::json;

use crate::harness::{Sandbox, await_that};
use crate::mlflow_tool::Served;

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn a_token_is_asked_for_and_comes_three_ways() {
    let served = Served::with(Sandbox::new(), &[]);
    let token = served.token.clone().expect("it is printed");
    let runs = "/api/2.0/mlflow/experiments/search";
    let status =
        |headers: &[(&str, &str)]| served.ask("POST", runs, &[headers, &[JSON]].concat(), b"{}").status;
    assert_eq!(status(&[]), 401);
    assert_eq!(status(&[("Authorization", "Bearer 0")]), 401);
    assert_eq!(status(&[("Authorization", &format!("Bearer {token}"))]), 200);
    assert_eq!(served.get("/").status, 401);
    assert_eq!(served.get("/?token=wrong").status, 401);
    let shown = served.get(&format!("/?token={token}"));
    assert_eq!((shown.status, shown.header("location")), (303, "/"));
    // All else that is asked for stays.
    let asked = served.get(&format!("/compare?run=a&token={token}&run=b"));
    assert_eq!((asked.status, asked.header("location")), (303, "/compare?run=a&run=b"));
    let cookie = shown.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(shown.header("set-cookie").contains("HttpOnly; SameSite=Strict"));
    assert_eq!(served.ask("GET", "/", &[("Cookie", &cookie)], b"").status, 200);
    assert_eq!(served.get("/health").text(), "OK");
    let (_, said) = served.end("INT");
    assert!(!said.code(0).stderr.contains(&token), "no secret in what it says");
}

#[test]
fn a_token_of_a_file_or_of_the_environment_outlives_a_restart() {
    let sandbox = Sandbox::new();
    let served = Served::with(sandbox, &["--token-file", "deep/token"]);
    let token = served.token.clone().expect("it is printed");
    let (sandbox, _) = served.end("INT");
    let path = sandbox.path("deep/token");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{token}\n"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let served = Served::with(sandbox, &["--token-file", "deep/token"]);
    assert_eq!(served.token.as_deref(), Some(token.as_str()), "the same after a restart");
    let (sandbox, _) = served.end("INT");
    let refused = |options: &[&str], tells: &[&str]| {
        sandbox.pipe(["ui", "--port", "0"].iter().chain(options)).code(2).tells(tells);
    };
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    refused(
        &["--token-file", "deep/token"],
        &["others may read the token in deep/token", "chmod 600 deep/token"],
    );
    sandbox.write("empty", "");
    std::fs::set_permissions(sandbox.path("empty"), std::fs::Permissions::from_mode(0o600)).unwrap();
    refused(&["--token-file", "empty"], &["what empty holds is no token", "16 characters"]);
    refused(&["--token-file", "deep/token", "--no-token"], &["cannot be used with"]);
    let with = |value: &str, sandbox: &Sandbox| {
        let mut command = sandbox.pipe_command(["ui", "--port", "0"]);
        command.env("PIPE_UI_TOKEN", value);
        command
    };
    let command = with("one-of-mine-and-long", &sandbox);
    let served = Served::of(sandbox, command);
    assert_eq!(served.token.as_deref(), Some("one-of-mine-and-long"));
    let (sandbox, _) = served.end("INT");
    let said = sandbox.start(with("short", &sandbox)).wait();
    said.code(2).tells(&["the value of PIPE_UI_TOKEN is no token"]);
}

#[test]
fn other_machines_are_never_let_in_without_a_token() {
    let sandbox = Sandbox::new();
    sandbox
        .pipe(["ui", "--host", "0.0.0.0", "--port", "0", "--no-token"])
        .code(2)
        .tells(&["other machines can reach 0.0.0.0:0", "hint: leave `--no-token` out"]);
    let served = Served::with(sandbox, &["--host", "0.0.0.0"]);
    let (_, said) = served.end("TERM");
    said.code(0).tells(&["other machines can reach this address"]);
}

#[test]
fn an_address_that_is_taken_is_told() {
    let served = Served::start();
    let port = served.address.rsplit_once(':').unwrap().1.to_owned();
    served
        .sandbox
        .pipe(["ui", "--port", &port])
        .code(2)
        .tells(&["failed to listen on 127.0.0.1:", "`--port 0`"]);
    served
        .sandbox
        .pipe(["ui", "--host", "no such host"])
        .code(2)
        .tells(&["`no such host` is no address", "hint:"]);
}

#[test]
fn a_folder_that_is_changed_to_counts_once() {
    // The server starts anew in its own place.
    let sandbox = Sandbox::new();
    sandbox.write("below/params.yaml", "a: 1\n");
    let served = Served::with(sandbox, &["--cd", "below"]);
    let (_, said) = served.end("TERM");
    said.code(0);
}

#[test]
fn pages_of_other_sites_are_refused() {
    let served = Served::start();
    let create = |headers: &[(&str, &str)]| {
        served.ask("POST", "/api/2.0/mlflow/experiments/create", headers, br#"{"name": "evil"}"#).status
    };
    for headers in [
        &[JSON, ("Host", "evil.example")][..],
        &[JSON, ("Origin", "http://evil.example")],
        &[JSON, ("Origin", "null")],
        &[JSON, ("Sec-Fetch-Site", "cross-site")],
    ] {
        assert_eq!(create(headers), 403, "{headers:?}");
    }
    // What a form can send.
    assert_eq!(create(&[("Content-Type", "text/plain")]), 400);
    assert_eq!(create(&[]), 400);
    let ours = format!("http://{}", served.address);
    assert_eq!(create(&[JSON, ("Origin", &ours)]), 200);
}

#[test]
fn pages_show_what_was_logged_and_run_none_of_it() {
    let served = Served::start();
    let run = served.run();
    let script = "<script>alert(1)</script>";
    served.ok("runs/set-tag", json!({"run_id": run, "key": "mlflow.runName", "value": script}));
    served.ok(
        "runs/log-parameter",
        json!({"run_id": run, "key": "p", "value": "\"><img src=x onerror=alert(1)>"}),
    );
    for step in 0..3 {
        served.ok(
            "runs/log-metric",
            json!({"run_id": run, "key": "loss", "value": 0.5, "timestamp": 1, "step": step}),
        );
    }
    let path = format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/page.html");
    assert_eq!(served.ask("PUT", &path, &[], script.as_bytes()).status, 200);
    for address in ["/".to_owned(), "/experiments/0".to_owned(), format!("/runs/{run}")] {
        let page = served.get(&address);
        assert_eq!(page.status, 200, "{address}");
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"), "{address}");
        let text = page.text();
        // The page of all experiments has one script of ours, and may run no other.
        let ours = usize::from(address == "/");
        assert_eq!(text.matches("<script").count(), ours, "{text}");
        assert_eq!(page.header("content-security-policy").matches("script-src 'sha256-").count(), ours);
        assert!(text.contains("&lt;script&gt;alert") && !text.contains("<img"), "{text}");
    }
    let text = served.get(&format!("/runs/{run}")).text();
    assert!(text.contains("<svg") && text.contains("page.html"), "{text}");
    let filtered = served.get("/experiments/0?filter=metrics.loss+%3E+1").text();
    assert!(filtered.contains("No run matches."), "{filtered}");
    assert!(served.get("/experiments/0?filter=%3Cb%3E").text().contains("class=\"fault\""));
    let file = served.get(&format!("/get-artifact?run_uuid={run}&path=page.html"));
    assert_eq!(file.header("content-security-policy"), "default-src 'none'; sandbox");
    assert_eq!(file.header("x-content-type-options"), "nosniff");
    assert!(file.header("content-disposition").starts_with("attachment"), "{file:?}");
    assert_eq!(served.get("/runs/none").status, 404);
}

#[test]
fn addresses_that_the_client_prints_lead_on() {
    let served = Served::start();
    let text = served.get("/").text();
    let script =
        text.split("<script>").nth(1).and_then(|rest| rest.split("</script>").next()).expect("a script");
    assert!(script.contains("experiments") && script.contains("location.replace"), "{script}");
    // Also from an address below which all is served for one stage.
    assert!(script.contains("\"runs/\"+") && script.contains("\"experiments/\"+"), "{script}");
    assert!(script.contains("(models(?:") && script.contains("location.replace(n[1])"), "{script}");
}

#[test]
fn what_is_kept_elsewhere_or_is_not_there_is_said() {
    let served = Served::start();
    let made = served.ok("experiments/create", json!({"name": "far", "artifact_location": "s3://bucket/x"}));
    let run = served.ok("runs/create", json!({"experiment_id": made["experiment_id"], "start_time": 1}));
    let run = run["run"]["info"]["run_id"].as_str().unwrap();
    let list = format!("/api/2.0/mlflow/artifacts/list?run_id={run}");
    let refused = served.get(&list);
    assert_eq!((refused.status, &refused.json()["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")));
    assert!(
        refused.text().contains("s3://bucket/x/") && refused.text().contains("does not read"),
        "{refused:?}"
    );
    // What was logged here all the same is found.
    served.sandbox.write("a.txt", "x");
    served.sandbox.ok(["log", "artifact", "a.txt", "--run", run]);
    assert_eq!(served.get(&list).json()["files"][0]["path"], "a.txt");
    let body = json!({"experiment_id": made["experiment_id"], "name": "net"});
    let model = served.ok("logged-models", body)["model"]["info"]["model_id"].clone();
    let model = model.as_str().unwrap();
    let refused = served.get(&format!("/api/2.0/mlflow/logged-models/{model}/artifacts/directories"));
    assert_eq!(refused.status, 400, "{refused:?}");
    for (path, tells) in [
        ("/api/2.0/mlflow/traces", "keeps no traces"),
        ("/api/3.0/mlflow/traces/search", "keeps no traces"),
        ("/v1/traces", "keeps no traces"),
        ("/api/2.0/mlflow/webhooks", "calls no webhooks"),
        ("/graphql", "answers no GraphQL"),
        ("/api/2.0/mlflow/nothing", "There is nothing at"),
    ] {
        let answer = served.ask("POST", path, &[("Content-Type", "application/json")], b"{}");
        assert_eq!(
            (answer.status, &answer.json()["error_code"]),
            (404, &json!("ENDPOINT_NOT_FOUND")),
            "{path}"
        );
        assert!(answer.text().contains(tells), "{answer:?}");
    }
    // In these words, or the client does not send the file whole.
    let parts = served.ask("POST", "/api/2.0/mlflow-artifacts/mpu/create/0/x", &[], b"{}");
    assert_eq!((parts.status, &parts.json()["error_code"]), (501, &json!("NOT_IMPLEMENTED")));
    assert!(parts.text().contains("Multipart upload is not supported for the current artifact repository"));
}

#[test]
fn files_of_models_and_in_places_of_ones_own_are_served() {
    let served = Served::start();
    let put = |path: &str, bytes: &[u8]| {
        let path = format!("/api/2.0/mlflow-artifacts/artifacts/{path}");
        assert_eq!(served.ask("PUT", &path, &[], bytes).status, 200, "{path}");
    };
    let location = "mlflow-artifacts:/my/place";
    let made = served.ok("experiments/create", json!({"name": "mine", "artifact_location": location}));
    let run = served.ok("runs/create", json!({"experiment_id": made["experiment_id"], "start_time": 1}));
    let (run, uri) = (&run["run"]["info"]["run_id"], &run["run"]["info"]["artifact_uri"]);
    let run = run.as_str().unwrap();
    assert_eq!(uri, &json!(format!("{location}/{run}/artifacts")));
    put(&format!("my/place/{run}/artifacts/m/file"), b"of the run");
    let elsewhere = format!("/api/2.0/mlflow-artifacts/artifacts/other/{run}/artifacts/m/file");
    assert_eq!(served.ask("PUT", &elsewhere, &[], b"x").status, 404);
    let body = json!({"experiment_id": made["experiment_id"], "name": "net"});
    let model = served.ok("logged-models", body)["model"]["info"]["model_id"].clone();
    let model = model.as_str().unwrap();
    put(&format!("my/place/models/{model}/artifacts/file"), b"of the model");
    let page = "/ajax-api/2.0/mlflow/logged-models";
    let file = served.get(&format!("{page}/{model}/artifacts/files?artifact_file_path=file"));
    assert_eq!((file.status, file.text().as_str()), (200, "of the model"));
    served.ok("registered-models/create", json!({"name": "net"}));
    let sources = [
        json!({"name": "net", "run_id": run, "source": format!("{location}/{run}/artifacts/m")}),
        json!({"name": "net", "run_id": run, "source": format!("runs:/{run}/m")}),
        json!({"name": "net", "model_id": model, "source": format!("models:/{model}")}),
        json!({"name": "net", "source": "models:/net/3"}),
    ];
    for (source, expected) in
        sources.into_iter().zip(["of the run", "of the run", "of the model", "of the model"])
    {
        let version = served.ok("model-versions/create", source)["model_version"]["version"].clone();
        let version = version.as_str().unwrap();
        for path in ["/model-versions", "/ajax-api/2.0/mlflow/model-versions"] {
            let file = served.get(&format!("{path}/get-artifact?name=net&version={version}&path=file"));
            assert_eq!((file.status, file.text().as_str()), (200, expected), "{version}");
            assert_eq!(file.header("content-security-policy"), "default-src 'none'; sandbox");
        }
        let gone = served.get(&format!("/model-versions/get-artifact?name=net&version={version}&path=gone"));
        assert_eq!(gone.status, 404);
    }
}

#[test]
fn a_part_of_a_file_can_be_had() {
    let served = Served::start();
    let run = served.run();
    let path = format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/a%20b/x.bin");
    let bytes: Vec<u8> = (0..700_000_u32).map(|at| (at % 253) as u8).collect();
    assert_eq!(served.ask("PUT", &path, &[], &bytes).status, 200);
    assert_eq!(served.get(&path).body, bytes);
    let part = served.ask("GET", &path, &[("Range", "bytes=300000-600000")], b"");
    assert_eq!((part.status, part.header("content-range")), (206, "bytes 300000-600000/700000"));
    assert_eq!(part.body, bytes[300_000..=600_000]);
    assert_eq!(served.ask("GET", &path, &[("Range", "bytes=700000-")], b"").status, 416);
    // Equal bytes lie in the cache once, and nothing else is left there.
    let again = path.replace("x.bin", "y.bin");
    assert_eq!(served.ask("PUT", &again, &[], &bytes).status, 200);
    assert_eq!(served.sandbox.files(".pipe/cache").len(), 1);
}

#[test]
fn hostile_paths_reach_nothing() {
    let served = Served::start();
    let run = served.run();
    served.sandbox.write("../secret", "secret");
    let before = served.sandbox.files("..").len();
    let parts = [
        "..",
        "%2e%2e",
        "%252e%252e",
        ".%2e",
        "%2e.",
        "..%2f",
        "..%5c",
        "%c0%ae%c0%ae",
        "....//",
        "secret",
        "x",
        "",
    ];
    let mut state = 1_u64;
    let mut next = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    let count = 10_000;
    for round in 0..count {
        let mut path: Vec<&str> = (0..1 + next(6)).map(|_| parts[next(parts.len())]).collect();
        path.push("secret");
        let path = path.join("/");
        let root = match next(4) {
            0 => "/api/2.0/mlflow-artifacts/artifacts/".to_owned(),
            1 => format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/"),
            2 => format!("/get-artifact?run_uuid={run}&path="),
            _ => format!("/api/2.0/mlflow/artifacts/list?run_id={run}&path="),
        };
        let method = if round % 3 == 0 && !root.contains('?') { "PUT" } else { "GET" };
        let answer = served.ask(method, &format!("{root}{path}"), &[], b"hostile");
        assert!(answer.status < 500, "{method} {root}{path}: {answer:?}");
        assert!(!answer.text().contains("secret\n") && answer.body != b"secret", "{method} {root}{path}");
    }
    let after = served.sandbox.files("..");
    let outside: Vec<&String> = after.iter().filter(|file| !file.contains(".pipe/")).collect();
    assert!(outside.len() <= before, "{outside:?}");
    assert_eq!(served.get("/health").status, 200);
}

#[test]
fn nonsense_is_never_a_fault_of_ours() {
    let served = Served::start();
    let run = served.run();
    let paths = [
        "experiments/create",
        "experiments/search",
        "runs/create",
        "runs/update",
        "runs/search",
        "runs/log-metric",
        "runs/log-batch",
        "runs/log-parameter",
        "runs/set-tag",
        "runs/log-model",
        "runs/log-inputs",
        "registered-models/create",
        "model-versions/create",
        "logged-models",
    ];
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e308),
        json!(u64::MAX),
        json!("\u{0}"),
        json!("x".repeat(100_000)),
        json!([]),
        json!([[]]),
        json!({}),
        json!([{}]),
        json!(["x"]),
        json!([{"key": null}]),
        json!([{"key": {}, "value": [], "timestamp": "x"}]),
        json!(run),
    ];
    let fields = [
        "experiment_id",
        "experiment_ids",
        "name",
        "run_id",
        "key",
        "value",
        "timestamp",
        "step",
        "metrics",
        "params",
        "tags",
        "filter",
        "order_by",
        "max_results",
        "page_token",
        "status",
        "end_time",
        "start_time",
        "model_json",
        "datasets",
        "source",
        "models",
    ];
    for path in paths {
        for field in fields {
            for value in &values {
                let body = json!({"run_id": run, "key": "k", "value": "1", field: value});
                let (status, answer) = served.post(path, &body);
                assert!(status < 500, "{path} {field} {value}: {answer}");
                assert!(
                    status == 200 || answer["error_code"].is_string(),
                    "{path} {field} {value}: {answer}"
                );
            }
        }
        for raw in [&b""[..], b"{", b"[]", b"nul", b"\xff\xfe", b"{\"run_id\": 1e999}"] {
            let answer = served.ask("POST", &format!("/api/2.0/mlflow/{path}"), &[JSON], raw);
            assert!(answer.status < 500, "{path} {raw:?}");
        }
    }
    let huge = vec![b' '; (64 << 20) + 1];
    assert_eq!(served.ask("POST", "/api/2.0/mlflow/runs/create", &[JSON], &huge).status, 400);
    let (_, said) = served.end("TERM");
    said.code(0);
}

#[test]
fn long_answers_come_in_parts_and_whole() {
    let served = Served::start();
    let run = served.run();
    for set in 0..25 {
        let points: Vec<_> = (0..1000)
            .map(|i| json!({"key": "m", "value": 0.5, "timestamp": 1, "step": set * 1000 + i}))
            .collect();
        served.ok("runs/log-batch", json!({"run_id": run, "metrics": points}));
    }
    let steps = |limit: &str| -> (Vec<i64>, bool) {
        let path = format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=m{limit}");
        let found = served.get(&path).json();
        let steps = found["metrics"].as_array().unwrap().iter().map(|point| point["step"].as_i64().unwrap());
        (steps.collect(), found["next_page_token"].is_string())
    };
    assert_eq!(steps(""), ((0..25_000).collect(), false));
    assert_eq!(steps("&max_results=25000"), ((0..25_000).collect(), false));
    assert_eq!(steps("&max_results=24999"), ((0..24_999).collect(), true));
    let mut runs: Vec<String> = (0..450).map(|_| served.run()).collect();
    runs.push(run);
    let search = |fields| served.ok("runs/search", fields);
    let first = search(json!({"experiment_ids": ["0"], "max_results": 450}));
    let token = &first["next_page_token"];
    let second = search(json!({"experiment_ids": ["0"], "max_results": 450, "page_token": token}));
    let of = |answer: &serde_json::Value| -> Vec<String> {
        let runs = answer["runs"].as_array().unwrap().iter();
        runs.map(|run| run["info"]["run_id"].as_str().unwrap().to_owned()).collect()
    };
    let mut found = of(&first);
    assert_eq!(found.len(), 450);
    found.extend(of(&second));
    found.sort_unstable();
    runs.sort_unstable();
    assert_eq!(found, runs);
}

#[test]
fn what_was_answered_survives_a_kill() {
    let served = Served::start();
    let run = served.run();
    let mut logged = 0;
    for step in 0..50 {
        served.ok(
            "runs/log-metric",
            json!({"run_id": run, "key": "m", "value": step, "timestamp": 1, "step": step}),
        );
        logged += 1;
    }
    let (sandbox, said) = served.end("KILL");
    assert_eq!(said.signal(), Some(9));
    let served = Served::with(sandbox, &["--no-token"]);
    let history =
        served.get(&format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=m")).json();
    assert_eq!(history["metrics"].as_array().unwrap().len(), logged);
    assert!(served.sandbox.ok(["runs", "show", &run]).stdout.contains("m"));
}

#[test]
fn requests_that_are_being_answered_are_finished() {
    use std::io::{Read, Write};
    let served = Served::start();
    let run = served.run();
    let address = served.address.clone();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    let head = format!(
        "PUT /api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/x HTTP/1.1\r\nHost: {address}\r\nContent-Length: \
         6\r\n\r\nabc"
    );
    stream.write_all(head.as_bytes()).unwrap();
    await_that("the file arrives", || !served.sandbox.files(".pipe/cache/arriving").is_empty());
    let ending = std::thread::spawn(move || served.end("TERM"));
    await_that("nobody else is let in", || std::net::TcpStream::connect(&address).is_err());
    stream.write_all(b"def").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (sandbox, said) = ending.join().unwrap();
    said.code(0);
    assert!(sandbox.exists(".pipe/runs.db"));
}

#[test]
fn a_collection_of_garbage_takes_nothing_that_is_being_uploaded() {
    use std::io::{Read, Write};
    let served = Served::start();
    let run = served.run();
    let path = format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/x");
    // The bytes lie in the cache for long, and nobody needs them.
    assert_eq!(served.ask("PUT", &path, &[], b"content").status, 200);
    assert_eq!(served.ask("DELETE", &path, &[], b"").status, 200);
    let begun = |body: &[u8]| {
        let mut stream = std::net::TcpStream::connect(&served.address).unwrap();
        let head = format!(
            "PUT {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 7\r\n\r\n",
            served.address
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        stream
    };
    let done = |mut stream: std::net::TcpStream| {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let found = served.get(&path);
        assert_eq!((found.status, found.body.as_slice()), (200, &b"content"[..]));
    };
    served.sandbox.settle();
    // While it arrives: what lies there goes, and the upload brings it again.
    let mut stream = begun(b"con");
    served.sandbox.gc(&["-w", "-f"]).code(0).tells(&["Removed 1 file"]);
    stream.write_all(b"tent").unwrap();
    done(stream);
    // Once it is there, and while the store cannot be told so.
    let lock = rusqlite::Connection::open(served.sandbox.path(".pipe/runs.db")).unwrap();
    lock.execute_batch("DELETE FROM artifact; BEGIN IMMEDIATE").unwrap();
    served.sandbox.settle();
    let [blob] = &served.sandbox.files(".pipe/cache/blake3")[..] else { panic!("one file") };
    let touched =
        || std::fs::metadata(served.sandbox.path(blob)).map(|file| (file.ctime(), file.ctime_nsec())).ok();
    let before = touched();
    let stream = begun(b"content");
    await_that("it is there", || touched() != before);
    served.sandbox.gc(&["-w", "-f"]).code(0).tells(&["nothing to remove"]);
    lock.execute_batch("ROLLBACK").unwrap();
    done(stream);
    assert_eq!(served.sandbox.files(".pipe/cache/arriving"), [""; 0]);
}

/// Sends bytes as they are, and takes what comes back until the server closes or nothing comes for so many seconds.
fn raw(address: &str, bytes: &[u8], seconds: u64) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(seconds))).unwrap();
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        answer.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn requests_that_no_client_sends_get_nowhere() {
    let served = Served::with(Sandbox::new(), &[]);
    let (address, token) = (served.address.clone(), served.token.clone().expect("it is printed"));
    let search = "/api/2.0/mlflow/experiments/search?max_results=1";
    let bearer = format!("Authorization: Bearer {token}\r\nConnection: close\r\n");
    let status = |request: String| -> u16 {
        let answer = raw(&address, request.as_bytes(), 60);
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    };
    assert_eq!(status(format!("GET {search} HTTP/1.1\r\nHost: {address}\r\n{bearer}\r\n")), 200);
    // The name that counts is that of the header, and one that is not there names nobody.
    for head in [
        format!("GET {search} HTTP/1.0\r\n{bearer}"),
        format!("GET {search} HTTP/1.1\r\nHost:\r\n{bearer}"),
        format!("GET {search} HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: {address}\r\n{bearer}"),
        format!("GET {search} HTTP/1.1\r\nHost: evil.example\r\nHost: {address}\r\n{bearer}"),
        format!("GET {search} HTTP/1.1\r\nHost: 127.0.0.1@evil.example\r\n{bearer}"),
        format!("GET {search} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://evil.example\r\n{bearer}"),
        format!("GET http://evil.example{search} HTTP/1.1\r\nHost: evil.example\r\n{bearer}"),
    ] {
        let found = status(format!("{head}\r\n"));
        assert!(matches!(found, 400 | 403), "{found}: {head}");
    }
    // No token is no way in, wherever one hopes that it is not asked for.
    for path in [
        "/s/",
        "/s//health",
        "/s/0123456789abcdef0123456789abcdef/health",
        "/health/../",
        "//health",
        "/health/",
        "/version/x",
        "/%68ealth",
        "/HEALTH",
        "/?token",
        "/?token=",
        "/?token=%00",
        "/models",
        "/compare",
    ] {
        let found = status(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"));
        assert!(matches!(found, 401 | 404), "{found}: {path}");
    }
    // What breaks off, is endless or is no HTTP takes nobody's place.
    let idle: Vec<_> = (0..50)
        .map(|_| {
            use std::io::Write;
            let mut stream = std::net::TcpStream::connect(&address).unwrap();
            let head = format!(
                "POST {search} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 99999999999\r\n{bearer}\r\n{{"
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = raw(&address, nonsense, 2);
        assert!(!answer.starts_with("HTTP/1.1 2") && !answer.starts_with("HTTP/1.1 5"), "{nonsense:?}: {answer}");
    }
    let long = format!("GET / HTTP/1.1\r\nHost: {address}\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    assert!(matches!(status(long), 0 | 400 | 431), "a head without an end");
    assert_eq!(status(format!("GET {search} HTTP/1.1\r\nHost: {address}\r\n{bearer}\r\n")), 200);
    drop(idle);
    let (_, said) = served.end("TERM");
    said.code(0);
}

#[test]
fn a_token_leads_nowhere_else_and_stands_nowhere() {
    let sandbox = Sandbox::new();
    let served = Served::with(sandbox, &[]);
    let token = served.token.clone().expect("it is printed");
    for (path, place) in [
        ("/", "/"),
        ("//evil.example/", "/evil.example/"),
        ("///evil.example", "/evil.example"),
        ("/runs/x", "/runs/x"),
    ] {
        let shown = served.get(&format!("{path}?token={token}"));
        assert_eq!((shown.status, shown.header("location")), (303, place), "{path}");
        assert_eq!(shown.header("referrer-policy"), "no-referrer");
    }
    let run = {
        let headers = [JSON, ("Authorization", &*format!("Bearer {token}"))];
        let body = br#"{"experiment_id": "0", "start_time": 1}"#;
        let made = served.ask("POST", "/api/2.0/mlflow/runs/create", &headers, body);
        assert_eq!(made.status, 200, "{made:?}");
        made.json()["run"]["info"]["run_id"].as_str().unwrap().to_owned()
    };
    // What other users of the machine can see of a process.
    let line = std::fs::read(format!("/proc/{}/cmdline", served.pid()));
    assert!(!line.is_ok_and(|line| String::from_utf8_lossy(&line).contains(&token)));
    let (sandbox, said) = served.end("TERM");
    assert!(!said.code(0).stderr.contains(&token));
    assert!(sandbox.ok(["runs", "show", &run]).stdout.contains(&run));
    for file in sandbox.files(".pipe") {
        let bytes = sandbox.bytes(&file);
        assert!(!bytes.windows(token.len()).any(|part| part == token.as_bytes()), "{file} holds the token");
    }
}

#[test]
fn what_clients_may_not_write_is_refused_in_their_words() {
    let served = Served::start();
    let run = served.run();
    let tag = |key: &str| json!({"run_id": run, "key": key, "value": "x"});
    let refused = [
        served.post("runs/set-tag", &tag("pipe.script_run")),
        served.post("runs/delete-tag", &tag("pipe.kind")),
        served.post("runs/log-batch", &json!({"run_id": run, "tags": [{"key": "pipe.stage", "value": "x"}]})),
        served.post(
            "runs/create",
            &json!({"experiment_id": "0", "tags": [{"key": "pipe.stage_run", "value": run}]}),
        ),
    ];
    for (status, answer) in refused {
        assert_eq!((status, &answer["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")), "{answer}");
        assert!(answer["message"].as_str().unwrap().contains("begin with 'pipe.'"), "{answer}");
    }
    // As with MLflow's own server, its names are free, and which way is better is for clients to say.
    for key in ["mlflow.user", "mlflow.source.name", "git.commit", "pipe.better.loss", "pipes"] {
        served.ok("runs/set-tag", tag(key));
    }
    served.ok("registered-models/create", json!({"name": "m", "tags": [{"key": "pipe.x", "value": "y"}]}));
}
