//! MLflow's clients and server beside ours: what scripts do works, and the same requests get the same answers.

use std::net::TcpListener;

use crate::harness::{Started, await_that};
use crate::mlflow_tool::{Mlflow, Served};

/// The large artifact's size in megabytes; `PIPE_TEST_LARGE` sets another one.
fn large() -> String {
    std::env::var("PIPE_TEST_LARGE").unwrap_or_else(|_| "40".to_owned())
}

#[track_caller]
fn client(mlflow: Mlflow, script: &str, part: &str) {
    let served = Served::start();
    let mut command = mlflow.script(&served.sandbox, &format!("{script}.py"));
    command.arg(part).env("MLFLOW_TRACKING_URI", served.uri());
    if part == "artifacts" {
        command.arg(large());
    }
    let said = served.sandbox.finish(command);
    assert!(said.code_of() == Some(0) && said.stdout.ends_with("done\n"), "{}\n{}", said.stdout, said.stderr);
}

/// Parts of a script, each a test with the newest client and one with the old.
macro_rules! parts {
    ($script:ident: $($part:ident)*) => {
        mod $script {
            mod newest {
                use crate::mlflow::{Mlflow, client};
                $(#[test] fn $part() { client(Mlflow::Newest, stringify!($script), stringify!($part)); })*
            }
            mod old {
                use crate::mlflow::{Mlflow, client};
                $(#[test] fn $part() { client(Mlflow::Old, stringify!($script), stringify!($part)); })*
            }
        }
    };
}

parts! { client: logging batches searching artifacts media families prompts models autolog datasets evaluate asynchronous }
parts! { calls: methods functions grid evaluated asynchronous }

#[test]
fn what_makes_traces_goes_on_without_them() {
    client(Mlflow::Newest, "calls", "traces");
}

/// What clients made versions of goes for ever: the versions keep their files, and clients find them.
fn versions_keep_their_files(mlflow: Mlflow, names: &[&str]) {
    let served = Served::start();
    let run = |part: &str| {
        let mut command = mlflow.script(&served.sandbox, "kept.py");
        command.arg(part).env("MLFLOW_TRACKING_URI", served.uri());
        let said = served.sandbox.finish(command);
        assert!(said.stdout.ends_with("done\n"), "{part}\n{}\n{}", said.stdout, said.stderr);
    };
    run("make");
    let sandbox = &served.sandbox;
    sandbox.ok(["runs", "delete", "maker"]);
    sandbox.gc(&["--workspace", "-f"]).code(0);
    run("load");
    let said = sandbox.ok(["runs", "gc", "-n"]);
    said.tells(&["Made of this and kept with their files", "by run/1 (prod)"]);
    sandbox.ok(["runs", "gc", "-y"]);
    sandbox.gc(&["--workspace", "-f"]).code(0);
    run("load");
    for name in names {
        sandbox.ok(["models", "download", &format!("{name}@prod"), "-o", &format!("of {name}")]);
        assert_eq!(sandbox.read(&format!("of {name}/w")), "weights");
    }
}

#[test]
fn versions_of_the_newest_client_keep_their_files() {
    versions_keep_their_files(Mlflow::Newest, &["by run", "proxy #1", "copy", "logged"]);
}

#[test]
fn versions_of_the_old_client_keep_their_files() {
    versions_keep_their_files(Mlflow::Old, &["by run", "proxy #1", "copy"]);
}

/// `mlflow server` over a database of its own, at a port that nobody has. It cannot say itself at which it is: who takes one in
/// the moment between makes it end, and then it begins again at another.
fn real_server(served: &Served) -> (Started, String) {
    let python = Mlflow::Newest.python();
    let path = format!("{}:{}", python.parent().unwrap().display(), std::env::var("PATH").unwrap());
    for _ in 0..5 {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let mut command = served.sandbox.program(python.with_file_name("mlflow"));
        command.args(["server", "--host", "127.0.0.1", "--workers", "1", "--port", &port]);
        command.args(["--backend-store-uri", "sqlite:///theirs.db", "--artifacts-destination", "./theirs"]);
        command.env("MLFLOW_DISABLE_TELEMETRY", "true").env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false");
        command.env("PATH", &path);
        let mut server = served.sandbox.start(command);
        let is_there = || std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_ok();
        let mut is_running = true;
        await_that("MLflow's server answers, or ends", || {
            is_running = server.is_running();
            !is_running || is_there()
        });
        if is_running {
            return (server, format!("http://127.0.0.1:{port}"));
        }
    }
    panic!("MLflow's server does not start");
}

#[test]
fn the_same_requests_get_the_same_answers() {
    let served = Served::start();
    let (theirs, address) = real_server(&served);
    let mut command = Mlflow::Newest.script(&served.sandbox, "replay.py");
    command.args([&address, &served.uri()]);
    let said = served.sandbox.finish(command);
    // The runs that were sent to both, as clients find them.
    let searched = [Mlflow::Newest, Mlflow::Old].map(|mlflow| {
        let mut command = mlflow.script(&served.sandbox, "searched.py");
        command.args([&address, &served.uri()]);
        served.sandbox.finish(command)
    });
    theirs.signal("TERM");
    theirs.wait();
    for said in [said].into_iter().chain(searched) {
        assert_eq!(said.code_of(), Some(0), "{}\n{}", said.stdout, said.stderr);
        println!("{}", said.stdout);
    }
}
