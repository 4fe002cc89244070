//! Requests that no client sends: every route, with everything in it broken. Whatever comes, the answer is MLflow's, and
//! no fault is ours.
//!
//! `PIPE_TEST_SEED` repeats a series, `PIPE_TEST_REQUESTS` sets its length.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use axum::routing::MethodFilter;
use cache::Blobs;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};
use track::SqliteStore;

use crate::route::{OWN_PREFIX, OWN_ROUTES, PREFIXES, ROUTES};
use crate::{Context, Options, Server};

/// How many requests are sent at the same time.
const SENDERS: u64 = 4;

/// What there is to be named. Senders delete and make anew at any moment.
#[derive(Clone, Default)]
pub struct World {
    pub run: String,
    pub experiment: String,
    pub model: String,
    pub logged: String,
}

/// Who is refused before all was read is told that the connection ends, or can go on with it.
#[test]
fn a_body_that_nobody_reads_ends_the_connection_with_a_word_or_not_at_all() {
    let served = served();
    let address = served.server.address();
    for (length, sent, is_kept) in [
        (200_000, 200_000, true),
        // Nobody waits for all of it. Every byte that is sent is read: closing over others could take the answer back.
        (100 << 20, (1 << 20) + 1, false),
    ] {
        for line in ["POST /nowhere", "DELETE /health", "POST /api/2.0/mlflow/runs/create"] {
            let head = format!("{line} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n");
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            // What nobody takes any more may be refused.
            let _ = stream.write_all(&vec![b'x'; sent]);
            let answer = one_answer(&mut stream);
            let says_close = answer.to_ascii_lowercase().contains("connection: close");
            assert_eq!(says_close, !is_kept, "{line} of {length} bytes: {answer}");
            if is_kept {
                let again = format!("GET /health HTTP/1.1\r\nHost: {address}\r\n\r\n");
                stream.write_all(again.as_bytes()).unwrap();
                assert!(one_answer(&mut stream).starts_with("HTTP/1.1 200"), "{line} of {length} bytes");
            }
        }
    }
}

/// The head of the next answer on a connection, once its body is read too.
fn one_answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    stream.read_exact(&mut vec![0; length.unwrap_or(0)]).unwrap();
    head
}

struct Served {
    server: Server,
    _folder: tempfile::TempDir,
}

fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&folder.path().join("runs.db")).unwrap());
    let context = Context::new(store, Blobs::new(&folder.path().join("cache")));
    let address = "127.0.0.1:0".parse().unwrap();
    let server = Server::start(context, Options { address, token: None }).unwrap();
    Served { server, _folder: folder }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

/// Sends bytes; nothing when the connection is closed without an answer.
fn send(address: SocketAddr, head: &[u8], body: &[u8], is_broken: bool) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let _ = stream.write_all(head).and_then(|()| stream.write_all(body));
    if is_broken {
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head, body: bytes[end + 4..].to_vec() })
}

/// One request as it is about to be sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub method: String,
    pub path: String,
    pub kind: &'static str,
    pub body: Vec<u8>,
    /// How many bytes more than there are its head promises.
    pub missing: usize,
}

impl Sent {
    pub fn json(method: &str, path: &str, body: &Value) -> Sent {
        let (method, path) = (method.to_owned(), path.to_owned());
        Sent { method, path, kind: "application/json", body: body.to_string().into_bytes(), missing: 0 }
    }

    fn ask(&self, address: SocketAddr) -> Option<Answer> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.method,
            self.path,
            self.body.len() + self.missing
        );
        if !self.kind.is_empty() {
            head += &format!("Content-Type: {}\r\n", self.kind);
        }
        head += "\r\n";
        send(address, head.as_bytes(), &self.body, self.missing > 0)
    }

    /// Sends it and judges the answer.
    pub fn judge(&self, address: SocketAddr) -> Option<Answer> {
        let shown = || {
            let mut body = String::from_utf8_lossy(&self.body).into_owned();
            body = body.chars().take(2000).collect();
            format!("{} {} {}\n{body}", self.method, self.path, self.kind)
        };
        let Some(answer) = self.ask(address) else {
            assert!(self.missing > 0, "no answer to {}", shown());
            return None;
        };
        assert!(
            answer.status < 500,
            "{}\n{}\n{}",
            shown(),
            answer.head,
            String::from_utf8_lossy(&answer.body)
        );
        // To be told nothing but the head is what HEAD is for.
        if answer.status >= 400 && self.method != "HEAD" {
            let told: Value = serde_json::from_slice(&answer.body)
                .unwrap_or_else(|_| panic!("no JSON for {}\n{answer:?}", shown()));
            assert!(told["error_code"].is_string() && told["message"].is_string(), "{}\n{told}", shown());
        }
        Some(answer)
    }
}

/// A right request for a route, as a client sends it.
fn valid(path: &str, world: &World) -> Value {
    let World { run, experiment, model, logged } = world;
    let pair = json!([{"key": "k", "value": "v"}]);
    let point = json!({"key": "loss", "value": 0.5, "timestamp": 1, "step": 2, "model_id": logged,
                       "dataset_name": "d", "dataset_digest": "1"});
    let name = json!({"name": model});
    let version = json!({"name": model, "version": "1", "description": "d", "stage": "Staging",
                         "archive_existing_versions": true, "key": "k", "value": "v"});
    match path {
        "/experiments/create" => json!({"name": "e", "artifact_location": "s3://x/y", "tags": pair}),
        "/experiments/get-by-name" => json!({"experiment_name": "Default"}),
        "/experiments/search" => json!({"filter": "name LIKE '%e%' AND tags.k = 'v'", "max_results": 5,
                                        "order_by": ["name ASC"], "view_type": "ALL", "page_token": ""}),
        "/experiments/update" => json!({"experiment_id": experiment, "new_name": "n"}),
        "/experiments/search-datasets" => json!({"experiment_ids": [experiment]}),
        path if path.starts_with("/experiments/") => {
            json!({"experiment_id": experiment, "key": "k", "value": "v"})
        }
        "/runs/create" => {
            json!({"experiment_id": experiment, "user_id": "me", "run_name": "r", "start_time": 1,
                                 "tags": [{"key": "mlflow.parentRunId", "value": run}]})
        }
        "/runs/update" => json!({"run_id": run, "status": "FINISHED", "end_time": 5, "run_name": "n"}),
        "/runs/log-metric" => {
            let mut point = point;
            point["run_id"] = json!(run);
            point
        }
        "/runs/log-batch" => {
            json!({"run_id": run, "metrics": [point, point], "params": pair, "tags": pair})
        }
        "/runs/log-model" => {
            json!({"run_id": run, "model_json": json!({"artifact_path": "m", "flavors": {"f": {}},
            "utc_time_created": "x", "run_id": run}).to_string()})
        }
        "/runs/log-inputs" => {
            json!({"run_id": run, "datasets": [{"tags": pair, "dataset": {"name": "d", "digest": "1",
            "source_type": "local", "source": "s", "schema": "{}", "profile": "{}"}}],
            "models": [{"model_id": logged}]})
        }
        "/runs/outputs" => json!({"run_id": run, "models": [{"model_id": logged, "step": 3}]}),
        "/runs/search" => {
            json!({"experiment_ids": [experiment, "0"], "max_results": 10, "run_view_type": "ALL",
            "filter": "metrics.loss < 1 AND params.k = 'v' AND tags.k ILIKE 'V' AND attributes.status != 'FAILED'",
            "order_by": ["metrics.loss DESC", "start_time"], "page_token": "eyJvZmZzZXQiOiAwfQ=="})
        }
        path if path.starts_with("/runs/") => json!({"run_id": run, "key": "k", "value": "v"}),
        "/metrics/get-history-bulk-interval" => {
            json!({"run_ids": [run], "metric_key": "loss", "start_step": 0,
            "end_step": 9, "max_results": 10})
        }
        path if path.starts_with("/metrics/") => {
            json!({"run_id": run, "metric_key": "loss", "max_results": 5, "page_token": ""})
        }
        "/artifacts/list" => json!({"run_id": run, "path": "a/b", "page_token": ""}),
        "/logged-models" => {
            json!({"experiment_id": experiment, "name": "m", "model_type": "t", "source_run_id": run,
            "params": pair, "tags": pair})
        }
        "/logged-models/search" => json!({"experiment_ids": [experiment], "filter": "metrics.loss < 1",
            "datasets": [{"dataset_name": "d", "dataset_digest": "1"}], "max_results": 4, "page_token": "",
            "order_by": [{"field_name": "metrics.loss", "ascending": false, "dataset_name": "d"}]}),
        path if path.starts_with("/logged-models/") => json!({"status": "LOGGED_MODEL_READY", "tags": pair,
            "params": pair, "artifact_directory_path": "a"}),
        "/registered-models/create" => json!({"name": model, "description": "d", "tags": pair}),
        "/registered-models/rename" => json!({"name": model, "new_name": format!("{model}-2")}),
        "/registered-models/search" => {
            json!({"filter": "name LIKE 'm%'", "max_results": 3, "order_by": ["name DESC"], "page_token": ""})
        }
        "/registered-models/get-latest-versions" => json!({"name": model, "stages": ["None", "Staging"]}),
        "/registered-models/alias" => json!({"name": model, "alias": "champion", "version": "1"}),
        path if path.starts_with("/registered-models/") => {
            json!({"name": model, "key": "k", "value": "v", "description": "d"})
        }
        "/model-versions/create" => {
            json!({"name": model, "source": format!("runs:/{run}/model"), "run_id": run,
            "tags": pair, "description": "d", "model_id": null})
        }
        "/model-versions/search" => json!({"filter": format!("name = '{model}' AND run_id IN ('{run}')"),
            "max_results": 3, "order_by": ["version_number DESC"], "page_token": ""}),
        path if path.starts_with("/model-versions/") => version,
        _ => name,
    }
}

/// The same for the addresses that MLflow has not.
fn valid_of_ours(world: &World) -> Value {
    json!({"experiments": [world.experiment, "Default"], "limit": 5, "view": "all", "top": false, "page_token": "",
           "where": "best(loss) < 1 or not (params.k in ('v', 2) and name ~ '^r')",
           "order_by": ["last(loss) desc", "name"], "fields": ["metrics.loss", "tags", "lineage"]})
}

fn method_of(filter: MethodFilter) -> &'static str {
    let methods = [
        (MethodFilter::GET, "GET"),
        (MethodFilter::POST, "POST"),
        (MethodFilter::PATCH, "PATCH"),
        (MethodFilter::DELETE, "DELETE"),
    ];
    methods.into_iter().find(|(known, _)| *known == filter).expect("one that routes have").1
}

/// The address with what it names put in.
fn address_of(path: &str, world: &World) -> String {
    path.replace("{model_id}", &world.logged).replace("{key}", "k")
}

/// Makes of a right request a wrong one.
pub struct Spoiler {
    random: ChaCha8Rng,
}

impl Spoiler {
    /// The same wrongs for the same seed.
    pub fn new(seed: u64) -> Self {
        Spoiler { random: ChaCha8Rng::seed_from_u64(seed) }
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.random.random_range(0..limit)
    }

    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn text(&mut self) -> String {
        let long = self.pick(&[300, 6001, 20_000, 200_000]);
        let texts = [
            String::new(),
            " ".into(),
            "\0".into(),
            "a\0b".into(),
            "../../etc/passwd".into(),
            "..%2f..%2fx".into(),
            "a/../b".into(),
            "//".into(),
            ".".into(),
            "x".repeat(long),
            "ä\u{301}🦀\u{202e}".into(),
            "\u{feff}\u{fffd}\u{7f}\u{1b}[31m".into(),
            "' OR 1=1 --".into(),
            "\"); DROP TABLE run; --".into(),
            "%s%n{}${jndi:x}".into(),
            "NaN".into(),
            "Infinity".into(),
            "-1".into(),
            "9223372036854775808".into(),
            "1e309".into(),
            "0x10".into(),
            "٣".into(),
            "null".into(),
            "latest".into(),
            "m-".into(),
            format!("m-{}", "f".repeat(32)),
            "f".repeat(32),
            "0".repeat(32),
            "metrics.`a".into(),
            "metrics.loss > 'x'".into(),
            "params.a LIKE".into(),
            "((((((((((".into(),
            "a = 'b' AND ".repeat(500),
            "name = 'x' OR name = 'y'".into(),
            "tags.\"a b\" != ''".into(),
            "run_id IN ()".into(),
            "eyJvZmZzZXQiOiA5OTk5OTk5OTk5OTk5OTk5fQ==".into(),
            "e30=".into(),
            "models:/m/1".into(),
            "models:/m-0/../x".into(),
            "file:///etc".into(),
            "mlflow-artifacts:/0/x/artifacts".into(),
            "[\"a\"]".into(),
            "{\"a\": 1}".into(),
        ];
        self.pick(&texts)
    }

    fn number(&mut self) -> Value {
        self.pick(&[
            json!(0),
            json!(-1),
            json!(1),
            json!(i64::MAX),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1e308),
            json!(-1e-308),
            json!(0.5),
            json!(9_007_199_254_740_993_i64),
            json!(2_147_483_648_i64),
            json!(50_000),
            json!(1001),
        ])
    }

    fn value(&mut self) -> Value {
        match self.below(12) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 | 3 => self.number(),
            4..=7 => Value::String(self.text()),
            8 => json!([]),
            9 => json!({}),
            10 => {
                let depth = self.pick(&[3, 60, 120, 200]);
                let is_list = self.below(2) == 0;
                (0..depth)
                    .fold(json!(1), |inner, _| if is_list { json!([inner]) } else { json!({"key": inner}) })
            }
            _ => {
                let inner = if self.below(2) == 0 { self.number() } else { Value::String(self.text()) };
                let many = self.pick(&[1, 2, 101, 1001]);
                match self.below(3) {
                    0 => Value::from(vec![inner; many.min(120)]),
                    1 => Value::from(vec![
                        json!({"key": inner, "value": inner, "timestamp": inner});
                        many.min(120)
                    ]),
                    _ => Value::from(vec![json!({"key": "a", "value": 1, "timestamp": 1}); many]),
                }
            }
        }
    }

    /// Changes something anywhere in a value.
    fn spoil(&mut self, value: &mut Value) {
        match value {
            Value::Object(fields) if !fields.is_empty() && self.below(8) > 0 => {
                let keys: Vec<String> = fields.keys().cloned().collect();
                let key = self.pick(&keys);
                match self.below(8) {
                    0 => drop(fields.remove(&key)),
                    1 => drop(fields.insert(self.text(), json!(1))),
                    2 | 3 => self.spoil(&mut fields[&key]),
                    _ => fields[&key] = self.value(),
                }
            }
            Value::Array(values) if !values.is_empty() && self.below(8) > 0 => {
                let at = self.below(values.len());
                match self.below(6) {
                    0 => drop(values.remove(at)),
                    1 => values.push(values[at].clone()),
                    2 | 3 => values[at] = self.value(),
                    _ => self.spoil(&mut values[at]),
                }
            }
            value => *value = self.value(),
        }
    }

    /// Fields as a query.
    fn query(&mut self, fields: &Map<String, Value>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields {
            let values = match value {
                Value::Array(values) => values.clone(),
                value => vec![value.clone()],
            };
            for value in values {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                // Servers take no longer addresses.
                query.append_pair(name, &text.chars().take(5000).collect::<String>());
            }
        }
        let mut query = query.finish();
        match self.below(10) {
            0 => query.push_str("&%ff=%ff"),
            1 => query.push_str("&&=&run_id=%00&key=%zz"),
            2 => {
                let end = self.below(query.len() + 1);
                query.truncate(end);
            }
            _ => {}
        }
        query
    }

    fn request(&mut self, world: &World) -> Sent {
        const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
        let is_own = self.below(30) == 0;
        let routes = if is_own { OWN_ROUTES } else { ROUTES };
        let (filter, route, _) = routes[self.below(routes.len())];
        let mut method = method_of(filter);
        let mut fields = if is_own { valid_of_ours(world) } else { valid(route, world) };
        let address = if self.below(20) == 0 {
            route.replace("{model_id}", &encoded(&self.text())).replace("{key}", &encoded(&self.text()))
        } else {
            address_of(route, world)
        };
        let prefix = if is_own { OWN_PREFIX } else { self.pick(&PREFIXES) };
        let mut path = format!("{prefix}{address}");
        for _ in 0..self.below(4) {
            self.spoil(&mut fields);
        }
        if self.below(30) == 0 {
            method = self.pick(&METHODS);
        }
        let by_query = matches!(method, "GET" | "HEAD") || (method == "DELETE" && self.below(2) == 0);
        if let (true, Value::Object(fields)) = (by_query, &fields) {
            path = format!("{path}?{}", self.query(fields));
            let path =
                if path.len() > 60_000 { path[..60_000].trim_end_matches('%').to_owned() } else { path };
            return Sent { method: method.to_owned(), path, kind: "", body: Vec::new(), missing: 0 };
        }
        let mut sent = Sent::json(method, &path, &fields);
        match self.below(14) {
            0 => {
                let end = self.below(sent.body.len() + 1);
                sent.body.truncate(end);
            }
            1 => {
                let at = self.below(sent.body.len());
                sent.body[at] = self.random.random();
            }
            2 => {
                let at = self.below(sent.body.len());
                sent.body.splice(at..at, [0xff, 0xc0, 0xaf]);
            }
            3 => {
                sent.body =
                    self.pick(&[&b""[..], b"null", b"[]", b"7", b"\"\"", b"{", b"\xff", b"{}{}"]).to_vec();
            }
            4 => sent.body = json!(String::from_utf8_lossy(&sent.body)).to_string().into_bytes(),
            5 => {
                sent.kind =
                    self.pick(&["", "text/plain", "application/json; charset=latin-1", "application/x"]);
            }
            6 if self.below(5) == 0 => sent.missing = 1 + self.below(50),
            _ => {}
        }
        sent
    }
}

fn encoded(text: &str) -> String {
    let short: String = text.chars().take(500).collect();
    percent_encoding::utf8_percent_encode(&short, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Makes what is to be named anew: others may have deleted it.
pub fn renew(address: SocketAddr, number: u64) -> World {
    let post = |path: &str, body: Value| {
        let answer = Sent::json("POST", &format!("/api/2.0/mlflow{path}"), &body).judge(address).unwrap();
        serde_json::from_slice::<Value>(&answer.body).unwrap()
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let experiment =
        text(&post("/experiments/create", json!({"name": format!("w{number}")}))["experiment_id"]);
    let made = post("/runs/create", json!({"experiment_id": experiment, "start_time": 1}));
    let run = text(&made["run"]["info"]["run_id"]);
    let model = format!("m{number}");
    post("/registered-models/create", json!({"name": model}));
    post("/model-versions/create", json!({"name": model, "source": "s3://a/b"}));
    let made = post("/logged-models", json!({"experiment_id": experiment}));
    let logged = text(&made["model"]["info"]["model_id"]);
    World { run, experiment, model, logged }
}

pub fn number(name: &str) -> Option<u64> {
    #[allow(clippy::disallowed_methods, reason = "how long a test takes is for who runs it to say")]
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn right_requests_are_answered() {
    let served = served();
    let address = served.server.address();
    for (at, (filter, route, _)) in ROUTES.iter().enumerate() {
        let world = renew(address, at as u64);
        let fields = valid(route, &world);
        let method = method_of(*filter);
        let path = format!("/api/2.0/mlflow{}", address_of(route, &world));
        let sent = if method == "GET" {
            let mut query = form_urlencoded::Serializer::new(String::new());
            for (name, value) in fields.as_object().unwrap() {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Array(values) => values[0].as_str().unwrap_or_default().to_owned(),
                    value => value.to_string(),
                };
                query.append_pair(name, &text);
            }
            let path = format!("{path}?{}", query.finish());
            Sent { method: "GET".to_owned(), path, kind: "", body: Vec::new(), missing: 0 }
        } else {
            Sent::json(method, &path, &fields)
        };
        let answer = sent.judge(address).unwrap();
        // What is not there cannot be found, restored or taken away, but the request for it was read.
        let told = String::from_utf8_lossy(&answer.body).into_owned();
        let is_read = answer.status == 200
            || ["not found", "No tag", "No Experiment", "exists", "Invalid value \"\""]
                .iter()
                .any(|text| told.contains(text));
        assert!(is_read, "{route}: {told}");
    }
}

#[test]
fn whatever_is_asked_the_answer_is_mlflows() {
    let served = served();
    let address = served.server.address();
    let count = number("PIPE_TEST_REQUESTS").unwrap_or(12_000);
    let seed = number("PIPE_TEST_SEED").unwrap_or(1);
    let worlds = Mutex::new((0..3).map(|number| renew(address, number)).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let worlds = &worlds;
            scope.spawn(move || {
                let mut spoiler = Spoiler::new(seed * SENDERS + sender);
                for round in 0..count / SENDERS {
                    let at = spoiler.below(3);
                    if round % 40 == 0 {
                        let world = renew(address, 100 + round * SENDERS + sender);
                        worlds.lock().unwrap()[at] = world;
                    }
                    let world = worlds.lock().unwrap()[at].clone();
                    spoiler.request(&world).judge(address);
                }
            });
        }
    });
    let answer = Sent::json("GET", "/health", &Value::Null).judge(address).unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"OK"[..]));
}
