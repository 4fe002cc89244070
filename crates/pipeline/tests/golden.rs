//! The formats that must not change unseen: a change here invalidates what users have on disk.

use std::collections::BTreeMap;

use base::{Digest, FileState, ProjectPath};
use pipeline::{Builtins, Inputs, Loaded, Lock, Observed, Pipeline, Provided, StageLock, load, stage_key};

const PIPELINE: &str = include_str!("golden/pipeline.yaml");
const PARAMS: &str = include_str!("golden/params.yaml");
const LOCK: &str = include_str!("golden/pipeline.lock");
const KEYS: &str = include_str!("golden/stage-keys.txt");

fn path(text: &str) -> ProjectPath {
    ProjectPath::resolve(&ProjectPath::root(), text).expect("a path")
}

fn pipeline() -> Pipeline {
    let texts = BTreeMap::from([
        (path("pipeline.yaml"), Some(PIPELINE.to_owned())),
        (path("params.yaml"), Some(PARAMS.to_owned())),
    ]);
    match load(&path("pipeline.yaml"), &Provided { texts, ..Provided::default() }) {
        Ok(Loaded::Done(pipeline)) => *pipeline,
        other => panic!("{other:?}"),
    }
}

#[test]
fn pointers_of_version_1() {
    let file = path("sub/data.csv.pipe");
    let text = include_str!("golden/pointer.yaml");
    let read = pipeline::parse_pointer(&file, text).expect("a pointer");
    let (out, state) = (&read.out, read.state);
    assert_eq!(
        (out.path.as_str(), state.size, state.files, state.executable),
        ("sub/data.csv", 2, None, true)
    );
    assert_eq!((out.cache, out.push, out.remote.as_deref()), (true, false, Some("archive")));
    assert_eq!((out.desc.as_deref(), out.annotation.kind.as_deref()), (Some("one line"), Some("dataset")));
    assert_eq!(
        (read.frozen, read.desc.as_deref(), read.meta.is_some()),
        (true, Some("raw measurements"), true)
    );
    // Written down again, it is the same text, comments and all.
    assert_eq!(pipeline::update_pointer(&file, text, &state, None, None).as_deref(), Ok(text));
    let text = include_str!("golden/pointer-of-folder.yaml");
    let read = pipeline::parse_pointer(&path("raw.pipe"), text).expect("a pointer");
    assert_eq!(pipeline::write_pointer(&path("raw.pipe"), "raw", &read.state, None), text);
}

/// Some state for each path, always the same for the same path.
fn state(path: &ProjectPath) -> FileState {
    let digest = Digest::Blake3(*blake3::hash(path.as_str().as_bytes()).as_bytes());
    let folder = !path.name().contains('.');
    FileState {
        digest,
        size: path.as_str().len() as u64,
        files: folder.then_some(2),
        executable: path.name().ends_with(".sh"),
    }
}

fn locks() -> Vec<(String, StageLock, String)> {
    let pipeline = pipeline();
    let builtins = Builtins(vec![("pipe train", 1)]);
    let of = |stage: &pipeline::Stage| {
        let observed = Observed {
            deps: stage.deps.iter().map(state).map(Some).collect(),
            params: pipeline.param_files.clone(),
            ..Observed::default()
        };
        let inputs = Inputs::observed(stage, &observed, &builtins).expect("all there");
        let lock = StageLock::new(
            stage,
            builtins.of(&stage.command),
            stage.deps.iter().map(state).collect(),
            pipeline::params::select(&stage.params, &pipeline.param_files, stage.dialect())
                .expect("all there"),
            Vec::new(),
            stage.outs.iter().map(|out| state(&out.path)).collect(),
        );
        assert_eq!(stage_key(&inputs), lock.key(), "a stage and its lock have one key");
        (stage.address.name.clone(), lock, stage_key(&inputs).0.to_string())
    };
    pipeline.stages.iter().map(of).collect()
}

#[test]
fn lock_version_1() {
    let lock =
        Lock { stages: locks().into_iter().map(|(name, lock, _)| (name, lock)).collect(), ..Lock::default() };
    assert_eq!(pipeline::write_lock(&lock), LOCK);
    assert_eq!(pipeline::parse_lock(&path("pipeline.lock"), LOCK), Ok(lock));
}

#[test]
fn stage_key_version_1() {
    let keys: String = locks().iter().map(|(name, _, key)| format!("{name} {key}\n")).collect();
    assert_eq!(keys, KEYS);
}

/// The bytes of docs/design/stage-key.md, put together by hand for the smallest stage.
#[test]
fn stage_key_by_hand() {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let entry = |kind: &str, path: &str, key: &str, value: &[u8]| {
        [text(kind), text(path), text(key), value.to_vec()].concat()
    };
    let string = |value: &str| [b"s".to_vec(), text(value)].concat();
    let digest = format!("blake3:{}", blake3::hash(b"in.csv").to_hex());
    let bytes = [
        b"stage: ".to_vec(),
        entry("command", "", "", &string("sort in.csv > out.csv")),
        entry("shell", "", "", b"n"),
        entry("wdir", "", "", &string("")),
        entry("builtin", "", "", b"n"),
        entry("dep", "in.csv", "", &string(&digest)),
        entry(
            "param",
            "params.yaml",
            "a.big",
            &[b"i".as_slice(), &i128::from(u64::MAX).to_le_bytes()].concat(),
        ),
        entry("param", "params.yaml", "a.lr", &[b"f".as_slice(), &0.001_f64.to_le_bytes()].concat()),
        entry("out", "out.csv", "", &[b'b', 0]),
    ];
    let mut bytes = bytes.concat();
    bytes.splice(..b"stage: ".len(), *b"pipe stage key 1\n");
    let expected = format!("sort blake3:{}\n", blake3::hash(&bytes).to_hex());
    assert!(KEYS.contains(&expected), "{expected}");
}

/// Deps that are no single path of the project come last, each kind with entries of its own.
#[test]
fn stage_key_of_special_deps_by_hand() {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let string = |value: &str| [b"s".to_vec(), text(value)].concat();
    let entry =
        |kind: &str, key: &str, value: &[u8]| [text(kind), text(""), text(key), value.to_vec()].concat();
    let zeros = format!("blake3:{}", "00".repeat(32));
    let lock = format!(
        "schema: 1\nstages:\n  a:\n    cmd: x\n    deps:\n    - url: https://h/x\n      digest: {zeros}\n      size: 0\n    \
         - outside: /a\n      digest: {zeros}\n      size: 1\n    - glob: '*'\n      digest: {zeros}\n      size: 2\n      \
         files: 1\n"
    );
    let lock = pipeline::parse_lock(&path("pipeline.lock"), &lock).expect("a lock");
    let bytes = [
        b"pipe stage key 1\n".to_vec(),
        entry("command", "", &string("x")),
        entry("shell", "", b"n"),
        entry("wdir", "", &string("")),
        entry("builtin", "", b"n"),
        entry("glob", "*", &string(&format!("{zeros}/"))),
        entry("outside", "/a", &string(&zeros)),
        entry("url", "https://h/x", &string(&zeros)),
    ];
    let expected = blake3::hash(&bytes.concat()).to_hex();
    assert_eq!(lock.stages["a"].key().0.to_string(), format!("blake3:{expected}"));
    assert_eq!(pipeline::parse_lock(&path("pipeline.lock"), &pipeline::write_lock(&lock)), Ok(lock));
}

/// Outs that are patterns come after everything else, each with what it leaves out.
#[test]
fn stage_key_of_out_patterns_by_hand() {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let string = |value: &str| [b"s".to_vec(), text(value)].concat();
    let entry =
        |kind: &str, path: &str, value: &[u8]| [text(kind), text(path), text(""), value.to_vec()].concat();
    let state = format!("digest: blake3:{}\n      size: 1\n", "00".repeat(32));
    let lock = format!(
        "schema: 1\nstages:\n  a:\n    cmd: x\n    outs:\n    - glob: r/*\n      exclude:\n      - r/a\n      - r/b\n      {state}      \
         files: 1\n    - path: z\n      {state}"
    );
    let lock = pipeline::parse_lock(&path("pipeline.lock"), &lock).expect("a lock");
    let bytes = [
        b"pipe stage key 1\n".to_vec(),
        entry("command", "", &string("x")),
        entry("shell", "", b"n"),
        entry("wdir", "", &string("")),
        entry("builtin", "", b"n"),
        entry("out", "z", &[b'b', 0]),
        entry(
            "out glob",
            "r/*",
            &[b"l".to_vec(), 2_u64.to_le_bytes().to_vec(), string("r/a"), string("r/b")].concat(),
        ),
    ];
    let expected = blake3::hash(&bytes.concat()).to_hex();
    assert_eq!(lock.stages["a"].key().0.to_string(), format!("blake3:{expected}"));
    assert_eq!(pipeline::parse_lock(&path("pipeline.lock"), &pipeline::write_lock(&lock)), Ok(lock));
    for out in ["glob: ../*", "glob: r/*, path: r", "glob: r/*, exclude: [../x]", "path: r, exclude: [x]"] {
        let text = format!(
            "schema: 1\nstages: {{a: {{cmd: x, outs: [{{{out}, digest: 'blake3:{}', size: 0}}]}}}}",
            "00".repeat(32)
        );
        assert!(pipeline::parse_lock(&path("pipeline.lock"), &text).is_err(), "{out}");
    }
}

#[test]
fn hostile_special_deps_are_refused() {
    for dep in [
        "outside: a",
        "outside: /a/../b",
        "outside: /a/.git/x",
        "outside: /",
        "url: file:///etc/passwd",
        "url: ftp://h/x",
        "url: https://u:p@h/x",
        "glob: ../*",
        "glob: '*', path: a",
        "glob: '*', url: https://h/x",
    ] {
        let zeros = "00".repeat(32);
        let lock = format!(
            "schema: 1\nstages:\n  a:\n    cmd: x\n    deps:\n    - {{{dep}, digest: 'blake3:{zeros}', size: 0}}\n"
        );
        assert!(pipeline::parse_lock(&path("pipeline.lock"), &lock).is_err(), "{dep}");
        let out = lock.replace("deps:", "outs:");
        assert!(pipeline::parse_lock(&path("pipeline.lock"), &out).is_err(), "an out: {dep}");
    }
}
