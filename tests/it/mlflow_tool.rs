//! A served project and who asks it: plain requests, and the real MLflow, newest and 2.9.
//!
//! `PIPE_TEST_MLFLOW` and `PIPE_TEST_MLFLOW29` name Pythons with them; else they are those that `scripts/test` installs.
//! Without one the tests fail: a check that is silently left out checks nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::harness::{Said, Sandbox, Started};

/// Which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mlflow {
    Newest,
    Old,
}

impl Mlflow {
    /// Its Python.
    pub fn python(self) -> PathBuf {
        let (variable, folder, wanted) = match self {
            Mlflow::Newest => {
                ("PIPE_TEST_MLFLOW", "test-mlflow", "mlflow==3.17.2 scikit-learn psutil onnx onnxruntime")
            }
            Mlflow::Old => ("PIPE_TEST_MLFLOW29", "test-mlflow29", "mlflow==2.9.2 'setuptools<81' psutil"),
        };
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
        let installed = || target.join(folder).join("bin/python");
        let python = std::env::var_os(variable).map_or_else(installed, PathBuf::from);
        assert!(
            python.is_file(),
            "there is no {}; install MLflow (`python3 -m venv target/{folder} && target/{folder}/bin/pip install {wanted}`, \
             or run scripts/test) or name a Python that has it in {variable}",
            python.display()
        );
        python
    }

    /// The Python with a script of `tests/mlflow`, asking only servers of this machine.
    pub fn script(self, sandbox: &Sandbox, name: &str) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mlflow").join(name);
        let mut command = sandbox.program(self.python());
        command.arg(script).env("no_proxy", "127.0.0.1").env("MLFLOW_DISABLE_TELEMETRY", "true");
        command.env("DO_NOT_TRACK", "1").env("PYTHONDONTWRITEBYTECODE", "1").env("MPLBACKEND", "agg");
        // Four minutes of trying again would look like a hang.
        command.env("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1");
        command
    }
}

/// A project that `pipe ui` serves.
pub struct Served {
    pub sandbox: Sandbox,
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// What the address shows, where a token is asked for.
    pub token: Option<String>,
    server: Started,
}

impl Served {
    /// Without a token, on a free port.
    pub fn start() -> Self {
        Served::with(Sandbox::new(), &["--no-token"])
    }

    /// With these options, on a free port.
    pub fn with(sandbox: Sandbox, options: &[&str]) -> Self {
        let command = sandbox.pipe_command(["ui", "--port", "0"].iter().chain(options));
        Served::of(sandbox, command)
    }

    /// By a command of one's own.
    pub fn of(sandbox: Sandbox, command: Command) -> Self {
        let server = sandbox.start(command);
        let line = server.first_line();
        let (address, token) = match line.split_once("?token=") {
            Some((address, token)) => (address, Some(token.to_owned())),
            None => (line.as_str(), None),
        };
        let address = address.strip_prefix("http://").expect("an address").trim_end_matches('/').to_owned();
        Served { sandbox, address, token, server }
    }

    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The process that serves.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Ends it by a signal.
    pub fn end(self, signal: &str) -> (Sandbox, Said) {
        self.server.signal(signal);
        (self.sandbox, self.server.wait())
    }

    /// Posts JSON to MLflow's protocol; the status and the answer.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Json) -> (u16, Json) {
        let kind = [("Content-Type", "application/json")];
        let answer = self.ask("POST", &format!("/api/2.0/mlflow/{path}"), &kind, body.to_string().as_bytes());
        (answer.status, answer.json())
    }

    /// Posts what must be answered.
    #[track_caller]
    pub fn ok(&self, path: &str, body: Json) -> Json {
        let (status, answer) = self.post(path, &body);
        assert_eq!(status, 200, "{path} {body}: {answer}");
        answer
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    /// A new run of the default experiment.
    #[track_caller]
    pub fn run(&self) -> String {
        let answer = self.ok("runs/create", json!({"experiment_id": "0", "start_time": 1}));
        answer["run"]["info"]["run_id"].as_str().expect("an id").to_owned()
    }

    /// Sends a request as it is written.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        // A server that refuses need not read what comes after the head.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        let mut bytes = Vec::new();
        // Where it has not, its end is told as an error, after its answer.
        if let Err(fault) = stream.read_to_end(&mut bytes) {
            assert!(
                fault.kind() == std::io::ErrorKind::ConnectionReset && !bytes.is_empty(),
                "{fault}: {path}"
            );
        }
        Answer::parse(&bytes)
    }
}

/// The pieces of a body that was sent piece by piece, each after its length.
fn without_lengths(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|two| two == b"\r\n").expect("a length");
        let length = std::str::from_utf8(&bytes[..end]).expect("digits");
        let length = usize::from_str_radix(length, 16).expect("a length");
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&bytes[end + 2..][..length]);
        bytes = &bytes[end + 2 + length + 2..];
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut answer = Answer { status, head, body: bytes[end + 4..].to_vec() };
        if answer.header("transfer-encoding") == "chunked" {
            answer.body = without_lengths(&answer.body);
        }
        answer
    }

    /// The value of a header; empty without it.
    pub fn header(&self, wanted: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map_or("", |(_, value)| value)
    }

    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
