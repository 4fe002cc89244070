//! Every kind of difference, one at a time, against a stage that is fresh.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::graph::tests::stage as plain_stage;

use crate::dialect::Dialect;
use crate::env::{EnvKey, EnvRef, Environment, env_states};
use crate::key::stage_key;
use crate::params;
use crate::special::SpecialOut;
use crate::stage::{OutKind, ParamFile, ParamRef};

const BUILTINS: &[(&str, u32)] = &[("pipe train", 1)];

fn path(text: &str) -> ProjectPath {
    ProjectPath::resolve(&ProjectPath::root(), text).expect("a path")
}

fn state(byte: u8) -> FileState {
    FileState { digest: Digest::Blake3([byte; 32]), size: 1, files: None, executable: false }
}

fn param_file(json: &str) -> ParamFile {
    let value: Value = serde_json::from_str(json).expect("JSON");
    ParamFile::Read(Arc::new(value.into()))
}

/// A stage, what is there, and the lock of its success with just that.
struct World {
    stage: Stage,
    observed: Observed,
    lock: StageLock,
    builtins: Builtins,
}

fn world() -> World {
    let mut stage = plain_stage("train", &["a", "b"], &["m", "n"]);
    stage.command = Command::Script("pipe train".into());
    let param =
        |file: &str, key: Option<&str>| ParamRef { file: path(file).into(), key: key.map(str::to_owned) };
    stage.params = vec![param("all.yaml", None), param("params.yaml", Some("lr"))];
    let params = BTreeMap::from([
        (path("params.yaml").into(), param_file(r#"{"lr": 1, "other": 5}"#)),
        (path("all.yaml").into(), param_file(r#"{"x": {"y": 1.5}}"#)),
    ]);
    let observed = Observed {
        deps: vec![Some(state(1)), Some(state(2))],
        special: Vec::new(),
        special_outs: Vec::new(),
        params,
        outs: vec![Some(state(3)), Some(state(4))],
        outs_cached: vec![true, true],
        env: Environment {
            values: [("MODE".to_owned(), "fast".to_owned()), ("TOKEN".to_owned(), "t0".to_owned())].into(),
            key: EnvKey::of(b"one"),
            remotes: BTreeMap::new(),
        },
    };
    let builtins = Builtins(BUILTINS.to_vec());
    let values = params::select(&stage.params, &observed.params, Dialect::Native).expect("all there");
    let lock = StageLock::new(
        &stage,
        builtins.of(&stage.command),
        vec![state(1), state(2)],
        values,
        env_states(&stage, &observed.env),
        vec![state(3), state(4)],
    );
    World { stage, observed, lock, builtins }
}

impl World {
    /// The kinds and sentences of what is stale.
    fn reasons(&self) -> Vec<String> {
        match fresh(&self.stage, Some(&self.lock), &self.observed, &self.builtins) {
            Freshness::Fresh => Vec::new(),
            Freshness::Stale(reasons) => {
                reasons.iter().map(|reason| format!("{}: {reason}", reason.kind())).collect()
            }
        }
    }

    fn key_agrees(&self) -> bool {
        Inputs::observed(&self.stage, &self.observed, &self.builtins)
            .is_ok_and(|inputs| stage_key(&inputs) == self.lock.key())
    }
}

/// Changes the world and tells what `fresh` says then. Checks on the way that the key tells the same
/// about inputs: reasons of inputs appear exactly when the keys differ.
fn after(change: impl FnOnce(&mut World)) -> Vec<String> {
    let mut world = world();
    change(&mut world);
    let reasons = world.reasons();
    let not_inputs = ["out_missing", "out_changed", "out_not_cached", "always_changed"];
    let of_inputs = reasons.iter().any(|reason| !not_inputs.iter().any(|kind| reason.starts_with(kind)));
    assert_eq!(of_inputs, !world.key_agrees(), "key and reasons disagree: {reasons:?}");
    reasons
}

#[test]
fn nothing_changed() {
    assert_eq!(after(|_| {}), [""; 0]);
    // What is no input.
    assert_eq!(
        after(|world| {
            world.stage.desc = Some("x".into());
            world.stage.meta = Some(Value::from(1));
            world.stage.outs[0].kind = OutKind::Metrics;
            world.stage.outs[0].cache = false;
            world.stage.outs[0].desc = Some("y".into());
            world.stage.address.name = "renamed".into();
            world.observed.deps[0] = Some(FileState { executable: true, ..state(1) });
            world.observed.params.insert(path("params.yaml").into(), param_file(r#"{"other": 6, "lr": 1}"#));
        }),
        [""; 0]
    );
}

#[test]
fn commands_shells_and_folders() {
    let command = after(|world| world.stage.command = Command::Script("pipe train -v".into()));
    assert_eq!(command, ["command_changed: command changed: pipe train -> pipe train -v"]);
    let long = |middle: &str| Command::Script(format!("{}{middle}{}", "a".repeat(60), "z".repeat(60)));
    let told = StaleReason::CommandChanged { old: long("1"), new: long("é") }.to_string();
    let side = format!("{} … {}", "a".repeat(50), "z".repeat(50));
    assert_eq!(told, format!("command changed: {side} -> {side}"));
    let list = after(|world| world.stage.command = Command::List(vec!["pipe train".into()]));
    assert_eq!(list.len(), 1, "a list of one is another command: {list:?}");
    let shell = after(|world| world.stage.shell = Some("bash".into()));
    assert_eq!(shell, ["shell_changed: shell changed: default -> bash"]);
    assert_eq!(after(|world| world.stage.wdir = path("sub")), ["wdir_changed: wdir changed: . -> sub"]);
    let builtin = after(|world| world.builtins = Builtins(vec![("pipe train", 2)]));
    assert_eq!(builtin, ["builtin_changed: built-in algorithm changed: train 1 -> train 2"]);
    assert_eq!(after(|world| world.stage.always_changed = true), ["always_changed: is always changed"]);
}

#[test]
fn deps() {
    let changed = after(|world| world.observed.deps[1] = Some(state(9)));
    assert_eq!(changed, ["dep_changed: dep b changed: 0202020202 -> 0909090909"]);
    let folder = after(|world| world.observed.deps[1] = Some(FileState { files: Some(1), ..state(2) }));
    assert_eq!(folder.len(), 1, "a folder in place of the file that spells its tree: {folder:?}");
    assert_eq!(after(|world| world.observed.deps[0] = None), ["dep_missing: dep a does not exist"]);
    let added = after(|world| {
        world.stage.deps.insert(1, path("aa"));
        world.observed.deps.insert(1, Some(state(5)));
    });
    assert_eq!(added, ["dep_added: dep aa is new"]);
    let removed = after(|world| {
        world.stage.deps.remove(0);
        world.observed.deps.remove(0);
    });
    assert_eq!(removed, ["dep_removed: dep a was removed"]);
    let renamed = after(|world| world.stage.deps[1] = path("c"));
    assert_eq!(renamed, ["dep_removed: dep b was removed", "dep_added: dep c is new"]);
}

/// DVC takes 1, 1.0 and true for the same.
#[test]
fn params_count_with_their_types() {
    for (now, shown) in [("2", "2"), ("1.0", "1.0"), ("true", "true"), ("\"1\"", "\"1\"")] {
        let json = format!("{{\"lr\": {now}}}");
        let reasons = after(|world| {
            world.observed.params.insert(path("params.yaml").into(), param_file(&json));
        });
        assert_eq!(reasons, [format!("param_changed: param params.yaml:lr changed: 1 -> {shown}")]);
    }
    let all = |json: &'static str| {
        after(move |world| drop(world.observed.params.insert(path("all.yaml").into(), param_file(json))))
    };
    assert_eq!(all(r#"{"x": {"y": 1.5}, "z": 1}"#), ["param_added: param all.yaml:z is new: 1"]);
    assert_eq!(all("{}"), ["param_removed: param all.yaml:x was removed: it was {\"y\":1.5}"]);
    let missing =
        after(|world| drop(world.observed.params.insert(path("params.yaml").into(), param_file("{}"))));
    assert_eq!(missing, ["param_missing: param file params.yaml has no key `lr`"]);
    let gone = after(|world| drop(world.observed.params.remove(&path("all.yaml").into())));
    assert_eq!(gone, ["param_missing: param file all.yaml does not exist"]);
}

#[test]
fn outs() {
    assert_eq!(after(|world| world.observed.outs[0] = None), ["out_missing: out m does not exist"]);
    let changed = after(|world| world.observed.outs[1] = Some(state(9)));
    assert_eq!(changed, ["out_changed: out n changed: 0404040404 -> 0909090909"]);
    let uncached = |world: &mut World| world.observed.outs_cached[0] = false;
    assert_eq!(after(uncached), ["out_not_cached: out m is not in the cache"]);
    let not_kept = after(|world| {
        uncached(world);
        world.stage.outs[0].cache = false;
    });
    assert_eq!(not_kept, [""; 0], "nobody promised to cache it");
    let persist = after(|world| world.stage.outs[0].persist = true);
    assert_eq!(persist, ["persist_changed: persist of out m changed: false -> true"]);
    let renamed = after(|world| world.stage.outs[1].path = path("o"));
    assert_eq!(renamed, ["out_removed: out n was removed", "out_added: out o is new"]);
}

#[test]
fn frozen_stages_are_asked_for_outs_alone() {
    let mut world = world();
    world.stage.frozen = true;
    world.stage.always_changed = true;
    world.stage.command = Command::Script("other".into());
    world.observed.deps = vec![None, None];
    world.observed.params.clear();
    assert_eq!(world.reasons(), [""; 0]);
    world.observed.outs[0] = None;
    assert_eq!(world.reasons(), ["out_missing: out m does not exist"]);
}

#[test]
fn never_ran_and_callback() {
    let world = world();
    let freshness = fresh(&world.stage, None, &world.observed, &world.builtins);
    assert_eq!(freshness, Freshness::Stale(vec![StaleReason::New]));
    let stage = plain_stage("hook", &[], &[]);
    let lock = StageLock::new(&stage, None, Vec::new(), Default::default(), Vec::new(), Vec::new());
    let freshness = fresh(&stage, Some(&lock), &Observed::default(), &world.builtins);
    assert_eq!(freshness, Freshness::Stale(vec![StaleReason::Callback]));
    // Outs and no deps: up to date once it ran.
    let stage = plain_stage("make", &[], &["x"]);
    let lock = StageLock::new(&stage, None, Vec::new(), Default::default(), Vec::new(), vec![state(1)]);
    let observed = Observed { outs: vec![Some(state(1))], outs_cached: vec![true], ..Observed::default() };
    assert_eq!(fresh(&stage, Some(&lock), &observed, &world.builtins), Freshness::Fresh);
}

#[test]
fn outs_outside_are_as_they_were_written() {
    let mut stage = plain_stage("make", &[], &[]);
    let name = SpecialName::url("remote://r/x").expect("a name");
    stage.special_outs = vec![SpecialOut { name: name.clone(), persist: false }];
    let mut lock = StageLock::new(&stage, None, Vec::new(), Default::default(), Vec::new(), Vec::new());
    let told = |lock: &StageLock, now| {
        let observed = Observed { special_outs: vec![now], ..Observed::default() };
        match fresh(&stage, Some(lock), &observed, &Builtins::default()) {
            Freshness::Fresh => Vec::new(),
            Freshness::Stale(reasons) => reasons.iter().map(StaleReason::kind).collect(),
        }
    };
    assert_eq!(told(&lock, Some(state(1))), ["out_added"]);
    lock.special_outs = vec![(name, state(1))];
    assert_eq!(told(&lock, Some(state(1))), [""; 0]);
    assert_eq!(told(&lock, Some(state(2))), ["out_changed"]);
    let folder = FileState { files: Some(1), ..state(1) };
    assert_eq!(told(&lock, Some(folder)), ["out_changed"]);
    assert_eq!(told(&lock, None), ["out_missing"]);
}

#[test]
fn reasons_are_data() {
    let reason = StaleReason::ParamChanged {
        file: path("params.yaml").into(),
        key: "lr".into(),
        old: Value::from(1),
        new: Value::from(1.0),
    };
    let json = serde_json::to_string(&reason).expect("JSON");
    assert_eq!(json, r#"{"kind":"param_changed","path":"params.yaml","key":"lr","old":1,"new":1.0}"#);
    assert_eq!(serde_json::from_str::<StaleReason>(&json).expect("JSON"), reason);
    assert_eq!(reason.subject(), Subject::Param(&path("params.yaml").into(), Some("lr")));
    assert_eq!((reason.old_value(), reason.new_value()), (Some(Value::from(1)), Some(Value::from(1.0))));
    let json = serde_json::to_value(StaleReason::New).expect("JSON");
    assert_eq!(json["kind"], StaleReason::New.kind());
}

/// A declared variable is an input: set, changed, unset, declared and no longer declared are all told, and a value
/// only where it is declared plain.
#[test]
fn declared_variables() {
    let mut world = world();
    let key = world.lock.key();
    let variable = |name: &str, plain| EnvRef { name: name.to_owned(), plain };
    let texts = |world: &World| match fresh(&world.stage, Some(&world.lock), &world.observed, &world.builtins)
    {
        Freshness::Fresh => Vec::new(),
        Freshness::Stale(reasons) => reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
    };
    assert!(texts(&world).is_empty());
    world.stage.env = vec![variable("MODE", true), variable("TOKEN", false)];
    assert_eq!(texts(&world), ["variable MODE is new", "variable TOKEN is new"]);
    world.lock.env = env_states(&world.stage, &world.observed.env);
    assert!(texts(&world).is_empty());
    assert_ne!(world.lock.key(), key);
    let inputs = Inputs::observed(&world.stage, &world.observed, &world.builtins).expect("all there");
    assert_eq!(stage_key(&inputs), world.lock.key());
    let record = serde_json::to_string(&world.lock.env).expect("JSON");
    assert!(record.contains("fast") && !record.contains("t0"), "{record}");

    world.observed.env.values.insert("MODE".into(), "slow".into());
    world.observed.env.values.insert("TOKEN".into(), "t1".into());
    assert_eq!(texts(&world), ["variable MODE changed: fast -> slow", "variable TOKEN changed"]);
    world.observed.env.values.remove("MODE");
    world.observed.env.values.insert("TOKEN".into(), "t0".into());
    assert_eq!(texts(&world), ["variable MODE changed: fast -> not set"]);
    world.observed.env.values.insert("MODE".into(), "fast".into());
    // Under another key nothing is known of a secret's value; plain ones are the same everywhere.
    world.observed.env.key = EnvKey::of(b"other");
    assert_eq!(texts(&world), ["variable TOKEN changed"]);
    world.observed.env.key = EnvKey::of(b"one");
    world.stage.env[1].plain = true;
    assert_eq!(texts(&world), ["variable TOKEN changed"]);
    world.stage.env[1].plain = false;
    let inputs = Inputs::observed(&world.stage, &world.observed, &world.builtins).expect("all there");
    assert_eq!(stage_key(&inputs), world.lock.key());
    world.stage.env.remove(0);
    assert_eq!(texts(&world), ["variable MODE is no longer declared"]);
    world.stage.frozen = true;
    assert!(texts(&world).is_empty());
}
