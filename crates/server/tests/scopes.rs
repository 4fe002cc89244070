//! The address of a stage, from a server that starts when somebody asks.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base::Timestamp;
use cache::Blobs;
use serde_json::{Value as Json, json};
use server::{Context, Scope, Scopes, Server};
use track::{Change, Changes, Lease, NewRun, RunId, RunStatus, RunStore, SqliteStore, Tag};

struct Served {
    server: Server,
    scopes: Scopes,
    store: Arc<SqliteStore>,
    asked: Arc<AtomicUsize>,
    /// Kept while it is served.
    _folder: tempfile::TempDir,
}

fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&folder.path().join("runs.db")).unwrap());
    let (scopes, asked) = (Scopes::default(), Arc::new(AtomicUsize::default()));
    let (blobs, served, count) = (Blobs::new(folder.path()), scopes.clone(), asked.clone());
    let kept = store.clone();
    let context = move || {
        count.fetch_add(1, Ordering::SeqCst);
        Some(Context { scopes: served, ..Context::new(kept, blobs) })
    };
    let server = Server::on_demand(context).unwrap();
    Served { server, scopes, store, asked, _folder: folder }
}

impl Served {
    fn post(&self, secret: &str, path: &str, body: &Json) -> (u16, Json) {
        self.ask("POST", secret, path, &body.to_string())
    }

    fn ask(&self, method: &str, secret: &str, path: &str, body: &str) -> (u16, Json) {
        let address = self.server.address();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "{method} /s/{secret}/api/2.0/mlflow/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: \
             application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }
}

fn run_id() -> RunId {
    RunId::new(Timestamp::now(), &mut rand::make_rng::<rand::rngs::StdRng>())
}

#[test]
fn a_server_that_nobody_asks_makes_nothing_and_ends_at_once() {
    let Served { server, asked, .. } = served();
    std::thread::sleep(Duration::from_millis(50));
    let started = Instant::now();
    drop(server);
    // No time is left for requests that there are not.
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[test]
fn runs_of_a_script_belong_to_its_stage() {
    let served = served();
    let stage = run_id();
    let store = served.store.clone();
    let calls = Arc::new(AtomicUsize::default());
    let count = calls.clone();
    // The stage's run is not in the store before somebody asks.
    let before = move || {
        count.fetch_add(1, Ordering::SeqCst);
        let run = NewRun::new(stage, Timestamp::now());
        store.apply(Changes::new(Timestamp::now(), vec![Change::CreateRun(run)])).unwrap();
    };
    let mark = Tag { key: "mark".to_owned(), value: "x".to_owned() };
    let scope = Arc::new(Scope::new(stage, vec![mark], before));
    let token = served.scopes.open(scope.clone());
    let ok = |path: &str, body: Json| {
        let (status, answer) = served.post(token.as_str(), path, &body);
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let id = |answer: &Json| answer["run"]["info"]["run_id"].as_str().unwrap().parse::<RunId>().unwrap();
    let top = id(&ok("runs/create", json!({"experiment_id": "0"})));
    let below = json!([{"key": "mlflow.parentRunId", "value": top.to_string()}]);
    let nested = id(&ok("runs/create", json!({"experiment_id": "0", "tags": below})));
    assert_eq!((calls.load(Ordering::SeqCst), served.asked.load(Ordering::SeqCst)), (1, 1));
    let run = |id: RunId| served.store.run(id).unwrap();
    assert_eq!(run(top).info.parent, Some(stage));
    assert_eq!((run(nested).info.parent, run(nested).data.tags["mark"].as_str()), (Some(top), "x"));
    let leases = served.store.leases().unwrap();
    assert_eq!(leases, [(top, Lease::current()), (nested, Lease::current())], "they live as long as we do");
    // The end of the stage's own run is not the script's to say.
    let end = json!({"run_id": stage.to_string(), "status": "FINISHED", "end_time": 5, "run_name": "n"});
    ok("runs/update", end);
    let own = run(stage).info;
    assert_eq!((own.status, own.end_time, own.name.as_str()), (RunStatus::Running, None, "n"));
    ok("runs/update", json!({"run_id": top.to_string(), "status": "FINISHED"}));
    assert_eq!(run(top).info.status, RunStatus::Finished);
    assert_eq!(scope.started(), [top, nested]);
    // One of an earlier stage that is started again is owed an end, too.
    let other = run_id();
    let new = NewRun { status: RunStatus::Finished, ..NewRun::new(other, Timestamp::now()) };
    served.store.apply(Changes::new(Timestamp::now(), vec![Change::CreateRun(new)])).unwrap();
    ok("runs/update", json!({"run_id": other.to_string(), "status": "RUNNING"}));
    assert!(scope.started().contains(&other));

    served.scopes.close(&token);
    let (status, answer) = served.post(token.as_str(), "runs/create", &json!({"experiment_id": "0"}));
    assert_eq!((status, &answer["error_code"]), (404, &json!("ENDPOINT_NOT_FOUND")));
    assert_eq!(served.post("0123", "runs/create", &json!({})).0, 404);
}

#[test]
fn an_experiment_that_two_stages_make_at_once_is_one() {
    let served = served();
    let stage = || {
        let run = NewRun::new(run_id(), Timestamp::now());
        let stage = run.id;
        served.store.apply(Changes::new(Timestamp::now(), vec![Change::CreateRun(run)])).unwrap();
        served.scopes.open(Arc::new(Scope::new(stage, vec![], || {})))
    };
    let (one, other) = (stage(), stage());
    let ask =
        |secret: &str| served.ask("GET", secret, "experiments/get-by-name?experiment_name=flowers", "").0;
    let make = |secret: &str, body: &Json| {
        let (status, answer) = served.post(secret, "experiments/create", body);
        (status, answer["experiment_id"].as_str().unwrap_or_default().to_owned())
    };
    let flowers = json!({"name": "flowers"});
    assert_eq!((ask(one.as_str()), ask(other.as_str())), (404, 404), "both see that it is not there");
    let made = make(one.as_str(), &flowers);
    assert_eq!((made.0, made.1.is_empty()), (200, false));
    assert_eq!(make(other.as_str(), &flowers), made, "as if it had asked a moment later");
    // Who makes it without having been told so is refused, as by MLflow.
    let refused = (400, String::new());
    assert_eq!((make(one.as_str(), &flowers), make(other.as_str(), &flowers)), (refused.clone(), refused));
    assert_eq!((ask(one.as_str()), ask(other.as_str())), (200, 200));
}

/// Whoever still sends reads no answer: on a full disk not even the sign may be made that something is being stored.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test plays a disk that takes nothing")]
fn an_upload_that_nobody_wants_is_read_to_its_end() {
    let Served { server, scopes, store, _folder: folder, .. } = served();
    let stage = run_id();
    let run = NewRun::new(stage, Timestamp::now());
    store.apply(Changes::new(Timestamp::now(), vec![Change::CreateRun(run)])).unwrap();
    let token = scopes.open(Arc::new(Scope::new(stage, Vec::new(), || {})));
    std::fs::write(folder.path().join("arriving"), "no folder").unwrap();
    for (of, expected) in [(stage, "500"), (run_id(), "404")] {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let (address, secret, length) = (server.address(), token.as_str(), 32 << 20);
        write!(
            stream,
            "PUT /s/{secret}/api/2.0/mlflow-artifacts/artifacts/0/{of}/artifacts/x HTTP/1.1\r\nHost: {address}\r\n\
             Connection: close\r\nContent-Length: {length}\r\n\r\n",
        )
        .unwrap();
        stream.write_all(&vec![7; length]).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text.split(' ').nth(1), Some(expected), "{text}");
    }
}
