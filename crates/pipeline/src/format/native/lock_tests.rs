//! Locks written and read back, and what is no lock.

use super::*;
use base::Algorithm;
use proptest::prelude::*;

fn file() -> ProjectPath {
    ProjectPath::root().join("pipeline.lock")
}

fn fault(text: &str) -> String {
    parse_lock(&file(), text).expect_err(text).to_string()
}

#[test]
fn what_is_no_lock_is_refused_with_its_place() {
    let entry = |entry: &str| format!("schema: 1\nstages:\n  a:\n    cmd: x\n    outs:\n    - {entry}\n");
    let digest = format!("blake3:{}", "0".repeat(64));
    let good = entry(&format!("{{path: m, digest: '{digest}', size: 1}}"));
    assert!(parse_lock(&file(), &good).is_ok());
    assert!(parse_lock(&file(), "").is_ok_and(|lock| lock == Lock::default()));
    for (text, expected) in [
        ("a: 1".to_owned(), "pipeline.lock:1:1: this is no lock: it has no `schema`"),
        (
            "schema: 2\nnew: 1".to_owned(),
            "pipeline.lock:1:9: schema 2 was written by a newer version of pipe; this one reads up to 1",
        ),
        ("schema: x".to_owned(), "pipeline.lock:1:9: `schema`: expected a whole number, found a string"),
        ("schema: 1\nstages: [".to_owned(), "pipeline.lock:3:1: "),
        ("schema: 1\nstage: {}".to_owned(), "pipeline.lock:2:1: unknown key `stage` at the top level"),
        (
            "schema: 1\n<<<<<<< HEAD\n".to_owned(),
            "pipeline.lock:2:1: the file holds an unresolved merge conflict",
        ),
        (
            entry(&format!("{{path: ../m, digest: '{digest}', size: 1}}")),
            "pipeline.lock:6:14: `../m` leads out of the project",
        ),
        (
            entry(&format!("{{path: .GIT/m, digest: '{digest}', size: 1}}")),
            "pipeline.lock:6:14: `.GIT/m` lies in a folder",
        ),
        (entry("{path: m, digest: 'blake3:00', size: 1}"), "pipeline.lock:6:25: `blake3:00` is not a digest"),
        (
            entry(&format!("{{path: m, digest: '{digest}', size: -1}}")),
            "pipeline.lock:6:106: -1 is out of range",
        ),
        (entry("{path: m}"), "pipeline.lock:6:7: the file has no `digest`"),
        (
            good.replace("    - {", "    - {exe: 1, "),
            "pipeline.lock:6:8: unknown key `exe` in `stages.a.outs[0]`",
        ),
    ] {
        let message = fault(&text);
        assert!(message.starts_with(expected), "{message}\nexpected {expected}");
    }
    let hint = parse_lock(&file(), "a: 1").expect_err("no lock").hint.expect("a hint");
    assert!(hint.starts_with("restore pipeline.lock from version control, or delete it"));
}

/// A heredoc is no merge key, although both are spelled `<<`.
#[test]
fn heredocs_survive() {
    let mut lock = Lock::default();
    let command = Command::Script("cat <<EOF >x\n a: \t<<\nEOF".into());
    lock.stages.insert("a".into(), StageLock { command, ..empty() });
    assert_eq!(parse_lock(&file(), &write_lock(&lock)), Ok(lock));
}

fn empty() -> StageLock {
    StageLock {
        unix_text: BTreeSet::new(),
        told: Vec::new(),
        command: Command::List(Vec::new()),
        shell: None,
        wdir: ProjectPath::root(),
        builtin: None,
        deps: Vec::new(),
        params: ParamValues::new(),
        outs: Vec::new(),
        globs: BTreeMap::new(),
        persist: BTreeSet::new(),
        env: Vec::new(),
        special: Vec::new(),
        special_outs: Vec::new(),
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~\\n\\t]{0,20}",
        "\\PC{0,8}",
        "(null|~|true|yes|1|1\\.0|1e3|0x1f|\\.inf|- a|a: b|#c|<<|=|'|\"|\\||&a|\\*a|!t|%d|  | a )",
        "[\\x00-\\x1f\\x7f\\u{85}\\u{2028}\\u{feff}a]{0,5}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|number| Value::Int(number.into())),
        any::<u64>().prop_map(|number| Value::Int(number.into())),
        any::<f64>().prop_map(Value::Float),
        prop_oneof![Just(1.0), Just(-0.0), Just(1e300), Just(1e-7), Just(f64::INFINITY)]
            .prop_map(Value::Float),
        text().prop_map(Value::Str),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
            proptest::collection::btree_map(text(), inner, 0..3)
                .prop_map(|map| Value::Map(map.into_iter().collect())),
        ]
    })
}

fn a_path() -> impl Strategy<Value = ProjectPath> {
    "[a-zA-Z0-9 :#'é-]{1,6}(/[a-z~]{1,4}){0,2}"
        .prop_map(|text| ProjectPath::from_record(&text).expect("canonical by its pattern"))
}

fn files() -> impl Strategy<Value = Vec<(ProjectPath, FileState)>> {
    let state = (any::<[u8; 32]>(), any::<u64>(), any::<Option<u64>>(), any::<bool>()).prop_map(
        |(bytes, size, files, executable)| FileState {
            digest: Digest::Blake3(bytes),
            size,
            files,
            executable,
        },
    );
    proptest::collection::btree_map(a_path(), state, 0..3).prop_map(|map| map.into_iter().collect())
}

fn stage_lock() -> impl Strategy<Value = StageLock> {
    let command = prop_oneof![
        text().prop_map(Command::Script),
        proptest::collection::vec(text(), 0..3).prop_map(Command::List),
    ];
    let values = proptest::collection::btree_map(text(), value(), 0..3);
    let params = proptest::collection::btree_map(a_path(), values, 0..3).prop_map(|files| {
        files
            .into_iter()
            .map(|(file, values)| (file.into(), values.into_iter().collect()))
            .collect::<ParamValues>()
    });
    let option = || proptest::option::of(text());
    let env_state = (any::<Option<[u8; 32]>>(), option())
        .prop_map(|(digest, plain)| EnvState { digest: digest.map(Digest::Blake3), plain });
    let env = proptest::collection::btree_map(text(), env_state, 0..3);
    let special = files().prop_map(|files| {
        let name =
            |path: ProjectPath| SpecialName { kind: SpecialKind::Glob, text: path.as_str().to_owned() };
        files.into_iter().map(|(path, state)| (name(path), state)).collect::<Vec<_>>()
    });
    (command, option(), a_path(), option(), (files(), special), params, files(), any::<bool>(), env).prop_map(
        |(command, shell, wdir, builtin, (deps, special), params, outs, persist, env)| StageLock {
            unix_text: BTreeSet::new(),
            told: Vec::new(),
            command,
            shell,
            wdir,
            builtin,
            deps,
            params,
            persist: outs.iter().filter(|_| persist).map(|(path, _)| path.clone()).collect(),
            globs: outs
                .iter()
                .filter(|_| !persist)
                .step_by(2)
                .map(|(path, state)| {
                    (path.clone(), vec![path.as_str().to_owned(); usize::from(state.executable)])
                })
                .collect(),
            outs,
            env: env.into_iter().collect(),
            special,
            special_outs: Vec::new(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn locks_read_back(stages in proptest::collection::btree_map(text(), stage_lock(), 0..3)) {
        let lock = Lock { schema: LOCK_SCHEMA, stages };
        let text = write_lock(&lock);
        let read = parse_lock(&file(), &text);
        prop_assert_eq!(read.as_ref(), Ok(&lock), "{}", text);
        for (name, stage) in &lock.stages {
            prop_assert_eq!(stage.key(), read.as_ref().expect("just compared").stages[name].key());
        }
    }

    #[test]
    fn nothing_panics(at in 0_usize..400, patch in "[-:\\[\\]{}a-z0 \\n]{0,6}") {
        let mut lock = Lock::default();
        let state = FileState {
            digest: Digest::from_hex(Algorithm::Md5, &"0".repeat(32)).expect("a digest"),
            size: 1,
            files: Some(2),
            executable: true,
        };
        let deps = vec![(file(), state)];
        lock.stages.insert("a".into(), StageLock { deps: deps.clone(), outs: deps, ..empty() });
        let mut text = write_lock(&lock);
        let at = at.min(text.len());
        text.replace_range(at..(at + 3).min(text.len()), &patch);
        let _ = parse_lock(&file(), &text);
    }
}
