//! A stage's own address: open to who knows it, its runs under the stage's run, and shut with the stage.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use base::Timestamp;
use cache::Blobs;
use server::{Context, Options, Scope, Server, Token};
use track::{Change, Changes, NewRun, RunId, RunStore, SqliteStore};

fn post(address: SocketAddr, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer.split_once("\r\n\r\n").expect("a body").1.to_owned())
}

#[test]
fn runs_of_a_stage_are_children_of_its_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(SqliteStore::open_in_memory().expect("memory"));
    let stage = RunId::from_parts(Timestamp(1), 1);
    let made = Change::CreateRun(NewRun::new(stage, Timestamp(1)));
    store.apply(Changes::new(Timestamp(1), vec![made])).expect("a new run");
    let context = Context::new(store.clone(), Blobs::new(folder.path()));
    let scopes = context.scopes.clone();
    let options =
        Options { address: "127.0.0.1:0".parse().expect("an address"), token: Some(Token::random()) };
    let server = Server::start(context, options).expect("a free port");
    let secret = scopes.open(Scope { parent: Some(stage) });
    let create = |prefix: &str, tags: &str| {
        post(
            server.address(),
            &format!("{prefix}/api/2.0/mlflow/runs/create"),
            &format!("{{\"tags\": {tags}}}"),
        )
    };
    let own = format!("/s/{}", secret.as_str());

    assert_eq!(create("", "[]").0, 401);
    assert_eq!(create("/s/0123", "[]").0, 404);
    let (status, answer) = create(&own, "[]");
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(&format!(r#"{{"key":"mlflow.parentRunId","value":"{stage}"}}"#)), "{answer}");
    let children = store.children(stage).expect("a store");
    assert_eq!(children.len(), 1);
    // A nested run is a child of the run that the script named.
    let nested = format!(r#"[{{"key": "mlflow.parentRunId", "value": "{}"}}]"#, children[0].info.id);
    assert_eq!(create(&own, &nested).0, 200);
    assert_eq!(store.children(stage).expect("a store").len(), 1);
    assert_eq!(store.children(children[0].info.id).expect("a store").len(), 1);

    scopes.close(&secret);
    assert_eq!(create(&own, "[]").0, 404);
    server.stop();
}
