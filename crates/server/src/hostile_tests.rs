//! Paths of artifacts and sources of models that are meant to lead elsewhere: each is refused, or a harmless name.
#![allow(clippy::disallowed_methods, reason = "a test plays the user, who writes files as he likes")]

use std::sync::Arc;

use cache::Blobs;
use serde_json::{Value, json};
use track::SqliteStore;

use crate::fuzz_tests::{Sent, Spoiler, World, number, renew};
use crate::{Context, Options, Server};

/// A path that somebody hopes leads out.
fn hostile(spoiler: &mut Spoiler) -> String {
    let long = spoiler.pick(&[255, 300, 4097, 30_000]);
    let parts = [
        "..".to_owned(),
        ".".to_owned(),
        String::new(),
        "...".into(),
        "....".into(),
        "..;".into(),
        ".. ".into(),
        " ..".into(),
        "..\\".into(),
        "..\\..\\x".into(),
        "\\\\host\\share".into(),
        "..\0".into(),
        "a\0b".into(),
        "/".into(),
        "/etc/passwd".into(),
        "//etc".into(),
        "C:".into(),
        "c:\\x".into(),
        "C:/x".into(),
        "file:///etc/passwd".into(),
        "~".into(),
        "~root".into(),
        "$HOME".into(),
        "${HOME}".into(),
        ".git".into(),
        ".git/hooks".into(),
        ".pipe".into(),
        ".pipe/runs.db".into(),
        "runs.db".into(),
        "con".into(),
        "x".into(),
        "a b".into(),
        "ä".into(),
        // What looks like dots and slashes.
        "\u{2024}\u{2024}".into(),
        "\u{ff0e}\u{ff0e}".into(),
        "\u{2025}".into(),
        "a\u{2215}b".into(),
        "\u{ff0f}etc".into(),
        "\u{202e}..".into(),
        "..\u{200b}".into(),
        "\n".into(),
        "\r\nSet-Cookie: a=b".into(),
        "#".into(),
        "?a=b".into(),
        "%".into(),
        "%zz".into(),
        "%2e%2e".into(),
        "%252e%252e".into(),
        "%2f".into(),
        "%5c".into(),
        "%00".into(),
        "%c0%ae%c0%ae".into(),
        "%e0%80%ae".into(),
        "%uff0e".into(),
        "%ff%fe".into(),
        "x".repeat(long),
    ];
    let path: Vec<String> = (0..=spoiler.below(6)).map(|_| spoiler.pick(&parts)).collect();
    path.join(spoiler.pick(&["/", "/", "/", "//", "\\", "%2f", "%252f", "/./"]))
}

/// The path in an address: encoded as far as an address needs it, whole, or twice.
fn in_address(spoiler: &mut Spoiler, path: &str) -> String {
    use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
    const NEEDED: &AsciiSet = &CONTROLS.add(b' ').add(b'#').add(b'?').add(b'"').add(b'<').add(b'>');
    let encoded = match spoiler.below(4) {
        0 | 1 => utf8_percent_encode(path, NEEDED).to_string(),
        2 => utf8_percent_encode(path, NON_ALPHANUMERIC).to_string(),
        _ => {
            let once = utf8_percent_encode(path, NON_ALPHANUMERIC).to_string();
            utf8_percent_encode(&once, NON_ALPHANUMERIC).to_string()
        }
    };
    // Nobody takes addresses without end.
    let mut end = encoded.len().min(60_000);
    while !encoded.is_char_boundary(end) {
        end -= 1;
    }
    encoded[..end].to_owned()
}

/// Everything below a folder.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn hostile_paths_are_refused_or_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("a/b/c");
    std::fs::create_dir_all(&inner).unwrap();
    std::fs::write(folder.path().join("a/secret"), "secret").unwrap();
    let store = Arc::new(SqliteStore::open(&inner.join("runs.db")).unwrap());
    let blobs = Blobs::new(&inner.join("cache"));
    let options = Options { address: "127.0.0.1:0".parse().unwrap(), token: None };
    let server = Server::start(Context::new(store.clone(), blobs), options).unwrap();
    let address = server.address();
    let world = renew(address, 0);
    let World { run, experiment, model, logged } = &world;
    let mut spoiler = Spoiler::new(number("PIPE_TEST_SEED").unwrap_or(1));
    let (mut stored, mut refused) = (0, 0);
    for round in 0..number("PIPE_TEST_REQUESTS").unwrap_or(10_000) {
        let path = hostile(&mut spoiler);
        let root = match spoiler.below(3) {
            0 => format!("{experiment}/{run}/artifacts/"),
            1 => format!("{experiment}/models/{logged}/artifacts/"),
            _ => String::new(),
        };
        let sent_path = in_address(&mut spoiler, &path);
        let artifact = format!("/api/2.0/mlflow-artifacts/artifacts/{root}{sent_path}");
        let get = |path: String| Sent { method: "GET".into(), path, kind: "", body: Vec::new(), missing: 0 };
        let put = |path: String| Sent {
            method: "PUT".into(),
            path,
            kind: "",
            body: b"hostile".to_vec(),
            missing: 0,
        };
        let delete = |path: String| Sent { method: "DELETE".into(), ..get(path) };
        let sent = match round % 9 {
            0 | 1 => put(artifact),
            2 => get(artifact),
            3 => delete(artifact),
            4 => get(format!("/api/2.0/mlflow/artifacts/list?run_id={run}&path={sent_path}")),
            5 => get(format!("/get-artifact?run_uuid={run}&path={sent_path}")),
            6 => get(format!("/api/2.0/mlflow-artifacts/artifacts?path={root}{sent_path}")),
            7 => Sent {
                method: "POST".into(),
                ..put(format!("/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path={sent_path}"))
            },
            _ => {
                let schemes =
                    ["", "file://", "file:", "runs:/", "models:/", "mlflow-artifacts:/", "FILE://localhost/"];
                let source = format!("{}{}", spoiler.pick(&schemes), [&path, &sent_path][spoiler.below(2)]);
                let source = if spoiler.below(3) == 0 { format!("runs:/{run}/{path}") } else { source };
                let run = (spoiler.below(2) == 0).then_some(run);
                let fields = json!({"name": model, "source": source, "run_id": run});
                let sent = Sent::json("POST", "/api/2.0/mlflow/model-versions/create", &fields);
                if let Some(made) = sent.judge(address).filter(|answer| answer.status == 200) {
                    let made: Value = serde_json::from_slice(&made.body).unwrap();
                    let source = made["model_version"]["source"].as_str().unwrap();
                    let leads_out = source.split(['/', '\\']).any(|part| part == "..")
                        || source.to_ascii_lowercase().starts_with("file:")
                        || source.starts_with('/');
                    assert!(!leads_out, "{source}");
                }
                continue;
            }
        };
        let Some(answer) = sent.judge(address) else { continue };
        assert_ne!(answer.body, b"secret", "{}", sent.path);
        assert!(!answer.body.starts_with(b"SQLite format"), "{}", sent.path);
        if sent.method != "GET" && answer.status == 200 { stored += 1 } else { refused += 1 }
    }
    assert!(stored > 100 && refused > 1000, "{stored} {refused}");
    // Whatever was stored is a name inside its run, and its bytes are one blob.
    let owners = [
        track::ArtifactOwner::Run(run.parse().unwrap()),
        track::ArtifactOwner::Model(logged.parse().unwrap()),
    ];
    for owner in owners {
        for artifact in track::RunStore::artifacts_of(&*store, &owner).unwrap() {
            let path = &artifact.path;
            let is_harmless = !path.split('/').any(|part| matches!(part, "" | "."))
                && !path.split(['/', '\\']).any(|part| part == "..")
                && !path.starts_with('\\')
                && !path.contains(['\0', '\n'])
                && base::ProjectPath::from_relative(std::path::Path::new(path)).is_ok();
            assert!(is_harmless, "{path:?}");
        }
    }
    let outside = files(folder.path()).into_iter().filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        !path.starts_with(inner.join("cache")) && !name.starts_with("runs.db") && name != "secret"
    });
    assert_eq!(outside.collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new());
    let blobs = files(&inner.join("cache"));
    assert_eq!(blobs.len(), 1, "{blobs:?}");
    assert_eq!(std::fs::read(folder.path().join("a/secret")).unwrap(), b"secret");
}
