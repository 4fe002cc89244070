//! What counts as an input of a stage, and the key made of it.
//!
//! [`Inputs::entries`] is the one traversal: [`stage_key`] hashes what it yields, and `fresh` compares what two
//! of them yield, so that "why did it run?" is answered by the very data that made the key.
//!
//! | counts | does not |
//! |---|---|
//! | command, shell, wdir, built-in commands' versions | the stage's name, `desc`, `meta`, `frozen`, `always_changed` |
//! | path and digest of each dep, and whether it is a folder | size, modification time, executable bit of a dep |
//! | file, key and typed value of each param | order and layout of the param file |
//! | path and `persist` of each out; of a pattern, what it leaves out | kind of an out, `cache`, `desc`, plot options |
//! | name and digest of each special dep, and whether it is a folder or file | what a pattern excludes |
//! | name and digest of each declared variable | `timeout`, `resources`, `pool`, `experiment`, `run` |
//!
//! The name is left out so that a renamed stage keeps its results; the kind of an out, so that a relabelled
//! one does. The byte layout is fixed in docs/design/stage-key.md.

use std::borrow::Cow;

use base::{Digest, FileState, ProjectPath, Value};
use serde::{Deserialize, Serialize};

use crate::builtins::Builtins;
use crate::env::{EnvState, env_states};
use crate::fresh::StaleReason;
use crate::lock::StageLock;
use crate::param_path::ParamPath;
use crate::params;
use crate::special::{Special, SpecialKind, SpecialName};
use crate::stage::{Command, Observed, Stage};

/// The first bytes of what is hashed. Changing anything below means another number here.
const HEADER: &[u8] = b"pipe stage key 1\n";

/// The identity of a stage's inputs: equal keys stand for equal work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StageKey(pub Digest);

/// What sort of input an entry is. Ordered as in the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// What runs; one entry without path.
    Command,
    /// The shell as written, null for the default; one entry without path.
    Shell,
    /// Where it runs; one entry without path.
    Wdir,
    /// The built-in commands it calls, null for none; one entry without path.
    Builtin,
    /// A dep's content, by path.
    Dep,
    /// A parameter's value, by file and key.
    Param,
    /// Whether an out persists, by path.
    Out,
    /// A declared variable's digest, by name as key.
    Env,
    /// A special dep's content, by its text as key.
    Special(SpecialKind),
    /// What an out that is a pattern leaves out, by the pattern.
    OutGlob,
    /// The value of a parameter of a file outside the project, by file, below the root of the file system, and key.
    ParamOutside,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Command => "command",
            Kind::Shell => "shell",
            Kind::Wdir => "wdir",
            Kind::Builtin => "builtin",
            Kind::Dep => "dep",
            Kind::Param => "param",
            Kind::Out => "out",
            Kind::Env => "env",
            Kind::Special(kind) => kind.word(),
            Kind::OutGlob => "out glob",
            Kind::ParamOutside => "param outside",
        }
    }
}

/// One input. Entries of one stage are sorted by kind, path and key, each triple once.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'a> {
    /// What sort of input it is.
    pub kind: Kind,
    /// Of a dep, an out or a parameter's file; the root otherwise.
    pub path: Cow<'a, ProjectPath>,
    /// Of a parameter, the name of a variable, or the text of a special dep; empty otherwise.
    pub key: &'a str,
    /// What it is.
    pub value: EntryValue<'a>,
}

impl Entry<'_> {
    /// The file of a parameter.
    pub(crate) fn param_file(&self) -> ParamPath {
        let outside = || SpecialName::outside(&format!("/{}", self.path.as_str())).ok();
        let outside = (self.kind == Kind::ParamOutside).then(outside).flatten();
        outside.map_or_else(|| self.path.clone().into_owned().into(), ParamPath::Outside)
    }
}

/// The value of an input.
#[derive(Clone, Debug, PartialEq)]
pub enum EntryValue<'a> {
    /// Nothing: the default.
    Absent,
    /// A switch.
    Bool(bool),
    /// A text.
    Text(&'a str),
    /// A folder.
    Path(&'a ProjectPath),
    /// What runs.
    Command(&'a Command),
    /// Of a file or folder. Which of both counts too: a file may hold the very bytes of a folder's tree.
    Content {
        /// Of the bytes or of the tree.
        digest: Digest,
        /// Whether it is a folder.
        folder: bool,
    },
    /// A parameter.
    Value(&'a Value),
    /// A variable.
    Env(&'a EnvState),
    /// Patterns.
    Patterns(&'a [String]),
}

impl EntryValue<'_> {
    /// Whether both stand for the same input. Of a variable, the digest tells.
    pub(crate) fn is_same(&self, other: &EntryValue<'_>) -> bool {
        match (self, other) {
            (EntryValue::Env(a), EntryValue::Env(b)) => a.digest == b.digest,
            (a, b) => a == b,
        }
    }
}

/// All inputs of a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs<'a> {
    /// What runs.
    pub command: &'a Command,
    /// The shell as written; `None` for the default.
    pub shell: Option<&'a str>,
    /// Where it runs.
    pub wdir: &'a ProjectPath,
    /// The built-in commands it calls.
    pub builtin: Option<Cow<'a, str>>,
    /// Sorted by path, each once.
    pub deps: Vec<(&'a ProjectPath, FileState)>,
    /// File, dotted key, value; sorted by file and key, each pair once.
    pub params: Vec<(&'a ParamPath, &'a str, &'a Value)>,
    /// Path and `persist`, of the outs that are paths; sorted by path, each once.
    pub outs: Vec<(&'a ProjectPath, bool)>,
    /// Of the outs that are patterns, what each leaves out; sorted by pattern, each once.
    pub out_globs: Vec<(&'a ProjectPath, Cow<'a, [String]>)>,
    /// Name and state of variables; sorted by name, each once.
    pub env: Cow<'a, [(String, EnvState)]>,
    /// Sorted by name, each once.
    pub special: Vec<(&'a SpecialName, FileState)>,
}

impl<'a> Inputs<'a> {
    /// The inputs that `stage` has now.
    ///
    /// # Errors
    /// [`StaleReason::DepMissing`] and [`StaleReason::ParamMissing`] for all that is not there.
    pub fn observed(
        stage: &'a Stage,
        observed: &'a Observed,
        builtins: &Builtins,
    ) -> Result<Self, Vec<StaleReason>> {
        match Inputs::present(stage, observed, builtins) {
            (inputs, missing) if missing.is_empty() => Ok(inputs),
            (_, missing) => Err(missing),
        }
    }

    /// The inputs that are there, and a reason for each that is not.
    pub(crate) fn present(
        stage: &'a Stage,
        observed: &'a Observed,
        builtins: &Builtins,
    ) -> (Self, Vec<StaleReason>) {
        let mut missing = Vec::new();
        let mut deps = Vec::with_capacity(stage.deps.len());
        for (at, path) in stage.deps.iter().enumerate() {
            match observed.deps.get(at).copied().flatten() {
                Some(state) => deps.push((path, state)),
                None => missing.push(StaleReason::DepMissing { path: path.clone().into() }),
            }
        }
        let mut special = Vec::with_capacity(stage.special.len());
        for (at, Special { name, .. }) in stage.special.iter().enumerate() {
            match observed.special.get(at).copied().flatten() {
                Some(state) => special.push((name, state)),
                None => missing.push(StaleReason::DepMissing { path: name.clone().into() }),
            }
        }
        let (params, absent) = params::find(&stage.params, &observed.params, stage.dialect());
        missing.extend(
            absent.into_iter().map(|absent| StaleReason::ParamMissing {
                file: absent.file.clone(),
                key: absent.key.clone(),
            }),
        );
        let paths = stage.outs.iter().filter(|out| out.glob.is_none());
        let globs = stage.outs.iter().filter_map(|out| Some((&out.path, Cow::Owned(out.excluded()?))));
        let inputs = Inputs {
            command: &stage.command,
            shell: stage.shell.as_deref(),
            wdir: &stage.wdir,
            builtin: builtins.of(&stage.command).map(Cow::Owned),
            deps,
            params,
            outs: paths.map(|out| (&out.path, out.persist)).collect(),
            out_globs: globs.collect(),
            env: Cow::Owned(env_states(stage, &observed.env)),
            special,
        };
        (inputs, missing)
    }

    /// The inputs that a lock records.
    pub fn of_lock(lock: &'a StageLock) -> Self {
        let mut params: Vec<_> = lock
            .params
            .iter()
            .flat_map(|(file, values)| values.iter().map(move |(key, value)| (file, key.as_str(), value)))
            .collect();
        params.sort_by_key(|&(file, key, _)| (file, key));
        let paths = lock.outs.iter().filter(|(path, _)| !lock.globs.contains_key(path));
        Inputs {
            command: &lock.command,
            shell: lock.shell.as_deref(),
            wdir: &lock.wdir,
            builtin: lock.builtin.as_deref().map(Cow::Borrowed),
            deps: lock.deps.iter().map(|(path, state)| (path, *state)).collect(),
            params,
            outs: paths.map(|(path, _)| (path, lock.persist.contains(path))).collect(),
            out_globs: lock.globs.iter().map(|(path, exclude)| (path, Cow::Borrowed(&exclude[..]))).collect(),
            env: Cow::Borrowed(&lock.env),
            special: lock.special.iter().map(|(name, state)| (name, *state)).collect(),
        }
    }

    /// Every input in the order of the key.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let text = |text: Option<&'a str>| text.map_or(EntryValue::Absent, EntryValue::Text);
        let builtin = self.builtin.as_deref().map_or(EntryValue::Absent, EntryValue::Text);
        let single = |kind, value| Entry { kind, path: Cow::Owned(ProjectPath::root()), key: "", value };
        let singles = [
            single(Kind::Command, EntryValue::Command(self.command)),
            single(Kind::Shell, text(self.shell)),
            single(Kind::Wdir, EntryValue::Path(self.wdir)),
            single(Kind::Builtin, builtin),
        ];
        let deps = self.deps.iter().map(|&(path, state)| Entry {
            kind: Kind::Dep,
            path: Cow::Borrowed(path),
            key: "",
            value: EntryValue::Content { digest: state.digest, folder: state.is_folder() },
        });
        let param = |&(file, key, value): &(&'a ParamPath, &'a str, &'a Value)| {
            let path = Cow::Borrowed(file.inside()?);
            Some(Entry { kind: Kind::Param, path, key, value: EntryValue::Value(value) })
        };
        let params = self.params.iter().filter_map(param);
        let outside = |&(file, key, value): &(&'a ParamPath, &'a str, &'a Value)| {
            let path = Cow::Owned(file.outside()?.outside_path()?);
            Some(Entry { kind: Kind::ParamOutside, path, key, value: EntryValue::Value(value) })
        };
        let outside = self.params.iter().filter_map(outside);
        let outs = self.outs.iter().map(|&(path, persist)| Entry {
            kind: Kind::Out,
            path: Cow::Borrowed(path),
            key: "",
            value: EntryValue::Bool(persist),
        });
        let env = self.env.iter().map(|(name, state)| Entry {
            kind: Kind::Env,
            path: Cow::Owned(ProjectPath::root()),
            key: name,
            value: EntryValue::Env(state),
        });
        let special = self.special.iter().map(|&(name, state)| Entry {
            kind: Kind::Special(name.kind),
            path: Cow::Owned(ProjectPath::root()),
            key: &name.text,
            value: EntryValue::Content { digest: state.digest, folder: state.is_folder() },
        });
        let out_globs = self.out_globs.iter().map(|(pattern, exclude)| Entry {
            kind: Kind::OutGlob,
            path: Cow::Borrowed(*pattern),
            key: "",
            value: EntryValue::Patterns(exclude),
        });
        singles
            .into_iter()
            .chain(deps)
            .chain(params)
            .chain(outs)
            .chain(env)
            .chain(special)
            .chain(out_globs)
            .chain(outside)
    }
}

/// The key of `inputs`.
pub fn stage_key(inputs: &Inputs<'_>) -> StageKey {
    let mut bytes = Vec::with_capacity(1024);
    bytes.extend_from_slice(HEADER);
    for entry in inputs.entries() {
        put_text(&mut bytes, entry.kind.name());
        put_text(&mut bytes, entry.path.as_str());
        put_text(&mut bytes, entry.key);
        match &entry.value {
            EntryValue::Absent => bytes.push(b'n'),
            EntryValue::Bool(truth) => put_value(&mut bytes, &Value::Bool(*truth)),
            EntryValue::Text(text) => put_str(&mut bytes, text),
            EntryValue::Path(path) => put_str(&mut bytes, path.as_str()),
            EntryValue::Command(Command::Script(script)) => put_str(&mut bytes, script),
            EntryValue::Command(Command::List(scripts)) => put_list(&mut bytes, scripts),
            EntryValue::Command(Command::None) => put_list(&mut bytes, &[]),
            EntryValue::Content { digest, folder: false } => put_str(&mut bytes, &digest.to_string()),
            EntryValue::Content { digest, folder: true } => put_str(&mut bytes, &format!("{digest}/")),
            EntryValue::Value(value) => put_value(&mut bytes, value),
            EntryValue::Env(EnvState { digest: Some(digest), .. }) => {
                put_str(&mut bytes, &digest.to_string());
            }
            EntryValue::Env(EnvState { digest: None, .. }) => bytes.push(b'n'),
            EntryValue::Patterns(patterns) => put_list(&mut bytes, patterns),
        }
    }
    StageKey(Digest::Blake3(*blake3::hash(&bytes).as_bytes()))
}

impl StageLock {
    /// The key of the inputs that it records.
    pub fn key(&self) -> StageKey {
        stage_key(&Inputs::of_lock(self))
    }
}

/// Equal values have equal bytes and different ones different: maps go by key, the two zeros are one, so are all NaNs.
fn put_value(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => bytes.push(b'n'),
        Value::Bool(truth) => bytes.extend_from_slice(&[b'b', u8::from(*truth)]),
        Value::Int(number) => {
            bytes.push(b'i');
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        Value::Big(digits) => {
            bytes.push(b'g');
            put_str(bytes, digits);
        }
        Value::Float(number) => {
            bytes.push(b'f');
            // Adding zero makes the negative zero positive and leaves everything else as it is.
            let bits = if number.is_nan() { 0x7ff8_0000_0000_0000 } else { (number + 0.0).to_bits() };
            bytes.extend_from_slice(&bits.to_le_bytes());
        }
        Value::Str(text) => put_str(bytes, text),
        Value::List(list) => {
            bytes.push(b'l');
            put_length(bytes, list.len());
            for item in list {
                put_value(bytes, item);
            }
        }
        Value::Map(map) => {
            bytes.push(b'm');
            put_length(bytes, map.len());
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            for (key, value) in entries {
                put_text(bytes, key);
                put_value(bytes, value);
            }
        }
        Value::Date(text) => {
            bytes.push(b'd');
            put_text(bytes, text);
        }
        Value::Pairs(pairs) => {
            bytes.push(b'p');
            put_length(bytes, pairs.len());
            let entry = |(key, value): &(Value, Value)| {
                let mut entry = Vec::new();
                put_value(&mut entry, key);
                put_value(&mut entry, value);
                entry
            };
            let mut entries: Vec<Vec<u8>> = pairs.iter().map(entry).collect();
            entries.sort_unstable();
            bytes.extend(entries.into_iter().flatten());
        }
    }
}

fn put_list(bytes: &mut Vec<u8>, texts: &[String]) {
    bytes.push(b'l');
    put_length(bytes, texts.len());
    for text in texts {
        put_str(bytes, text);
    }
}

fn put_str(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(b's');
    put_text(bytes, text);
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_length(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend_from_slice(&(length as u64).to_le_bytes());
}
