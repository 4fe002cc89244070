//! Whose files a project is made of, and everything that follows from that for texts, stages and verdicts.
//!
//! Chosen once, where the project is opened, by the names of its files. Nobody else asks which one it is: what
//! differs is a method here.

use std::borrow::Cow;

use base::{FileState, ProjectPath, Value};
use indexmap::IndexMap;

use crate::builtins::Builtins;
use crate::error::PipelineError;
use crate::format::dvc::{self, run_cache::RunEntry};
use crate::fresh::{Freshness, fresh};
use crate::lock::StageLock;
use crate::stage::{Command, DVC_POINTER_SUFFIX, LOCK_FILE, Observed, PIPELINE_FILE, POINTER_SUFFIX, Stage};
use crate::template::FlagStyle;
use crate::yaml;

/// The name of a pipeline file of DVC.
pub const DVC_FILE: &str = "dvc.yaml";

/// The name of a lock of DVC, beside its pipeline file.
pub const DVC_LOCK_FILE: &str = "dvc.lock";

/// Whose files a project is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// `pipeline.yaml` and `pipeline.lock`.
    #[default]
    Native,
    /// `dvc.yaml` and `dvc.lock`, as DVC 3 reads and writes them.
    Dvc,
}

/// What a variable tells a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The project's root folder.
    Root,
    /// The stage's name.
    Stage,
}

impl Dialect {
    /// The dialect that a pipeline file, a lock or a pointer of this name belongs to.
    pub fn of_file(file: &ProjectPath) -> Self {
        match file.name() {
            DVC_FILE | DVC_LOCK_FILE => Dialect::Dvc,
            name if name.ends_with(DVC_POINTER_SUFFIX) => Dialect::Dvc,
            _ => Dialect::Native,
        }
    }

    /// The name of a pipeline file.
    pub fn pipeline_file(self) -> &'static str {
        match self {
            Dialect::Native => PIPELINE_FILE,
            Dialect::Dvc => DVC_FILE,
        }
    }

    /// The name of a lock.
    pub fn lock_file(self) -> &'static str {
        match self {
            Dialect::Native => LOCK_FILE,
            Dialect::Dvc => DVC_LOCK_FILE,
        }
    }

    /// Whether a file of this name is a pipeline file or a lock in either dialect, on some file system.
    pub fn reads_somewhere(name: &str) -> bool {
        let names = [PIPELINE_FILE, LOCK_FILE, DVC_FILE, DVC_LOCK_FILE];
        names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// How the names of pointers end.
    pub fn pointer_suffix(self) -> &'static str {
        match self {
            Dialect::Native => POINTER_SUFFIX,
            Dialect::Dvc => DVC_POINTER_SUFFIX,
        }
    }

    /// The pointer of data at `path`.
    pub fn pointer_of(self, path: &ProjectPath) -> ProjectPath {
        path.parent().unwrap_or_default().join(&format!("{}{}", path.name(), self.pointer_suffix()))
    }

    /// The keys of a stage that its file may hold beside those of DVC. Where there are none, they stand under
    /// `meta.pipe`.
    pub(crate) fn has_extensions(self) -> bool {
        self == Dialect::Native
    }

    /// Whether params are compared that templates alone use.
    pub(crate) fn tells_used_values(self) -> bool {
        self == Dialect::Dvc
    }

    /// A command as it is recorded. Line ends after the last line are the block's, not the command's; DVC compares
    /// them all the same.
    pub(crate) fn recorded(self, script: String) -> String {
        match self {
            Dialect::Native => script.trim_end().to_owned(),
            Dialect::Dvc => script,
        }
    }

    /// Reads one YAML document that people write. The tools differ in what they take for a number.
    pub(crate) fn read_yaml(self, file: &ProjectPath, text: &str) -> Result<Value, PipelineError> {
        match self {
            Dialect::Native => yaml::parse(file, text),
            Dialect::Dvc => {
                let refused = |(at, message)| PipelineError::new(file, message).at(Some(at));
                let text = &*dvc::breaks::respelled(text).map_err(refused)?;
                let respelled = dvc::scalars::respelled(text).map_err(refused)?;
                // What is wrong is told of the text as it is written.
                let value = yaml::parse(file, &respelled)
                    .map_err(|fault| yaml::parse(file, text).err().unwrap_or(fault))?;
                Ok(dvc::scalars::with_quoted_merges(value, &respelled))
            }
        }
    }

    /// The same of a file whose values are recorded: with dates and keys as the dialect has them.
    pub(crate) fn read_typed_yaml(self, file: &ProjectPath, text: &str) -> Result<Value, PipelineError> {
        match self {
            Dialect::Native => yaml::parse(file, text),
            Dialect::Dvc => {
                let refused = |(at, message)| PipelineError::new(file, message).at(Some(at));
                let text = &*dvc::breaks::respelled(text).map_err(refused)?;
                let respelled = dvc::scalars::respelled_with_dates(text).map_err(refused)?;
                let value = yaml::parse_typed(file, &respelled).map_err(|fault| {
                    let is_double = fault.message.contains("duplicate key");
                    let doubled = if is_double { dvc::scalars::duplicate(file, text) } else { None };
                    doubled.or_else(|| yaml::parse(file, text).err()).unwrap_or(fault)
                })?;
                Ok(dvc::scalars::with_quoted_merges(value, &respelled))
            }
        }
    }

    /// The same of a pipeline file, whose keys are texts but where templates take values from.
    pub(crate) fn read_pipeline(self, file: &ProjectPath, text: &str) -> Result<Value, PipelineError> {
        match self {
            Dialect::Native => yaml::parse(file, text),
            Dialect::Dvc => self.read_typed_yaml(file, text).map(dvc::keys::of_pipeline),
        }
    }

    /// The items of a map that a `foreach` goes through whose keys name a stage.
    pub(crate) fn named_items(self, pairs: &[(Value, Value)]) -> IndexMap<String, Value> {
        let named = pairs.iter().filter_map(|(key, value)| match (self, key) {
            (_, Value::Str(key)) => Some((key.clone(), value.clone())),
            (Dialect::Native, key) => Some((key.to_string(), value.clone())),
            // What templates take values from has no other keys.
            (Dialect::Dvc, _) => None,
        });
        named.collect()
    }

    /// The values of a variable of a `matrix`, for which `written` stands in the pipeline file; `None` where there are none. As
    /// Python goes through them, DVC takes the keys of a map that is filled in, and the characters of a text that is not.
    pub(crate) fn values_of_variable<'a>(
        self,
        values: &'a Value,
        written: Option<&Value>,
    ) -> Option<Cow<'a, [Value]>> {
        let written = written.and_then(Value::as_str);
        let is_filled_in = written.is_some_and(|text| text.starts_with("${") && text.ends_with('}'));
        match (self, values) {
            (_, Value::List(list)) => Some(Cow::Borrowed(list)),
            (Dialect::Dvc, Value::Map(map)) if is_filled_in => {
                Some(map.keys().map(|key| Value::from(key.as_str())).collect())
            }
            (Dialect::Dvc, Value::Pairs(pairs)) if is_filled_in => {
                let texts = pairs.iter().map(|(key, _)| key).filter(|key| key.as_str().is_some());
                Some(texts.cloned().collect())
            }
            (Dialect::Dvc, Value::Str(text)) if !is_filled_in => {
                Some(text.chars().map(|c| Value::Str(c.to_string())).collect())
            }
            _ => None,
        }
    }

    /// What stands in a text for a value that is written there: DVC takes escapes out of values, too.
    pub(crate) fn filled_in(self, spelled: String) -> String {
        match self {
            Dialect::Dvc if spelled.contains("\\${") => spelled.replace("\\${", "${"),
            _ => spelled,
        }
    }

    /// Whether dates, and keys that are no texts, are what they are in files of params.
    pub(crate) fn has_types(self) -> bool {
        self == Dialect::Dvc
    }

    /// A scalar inside a text, or as part of a name.
    pub(crate) fn scalar_text(self, value: &Value) -> String {
        match (self, value) {
            (_, Value::Str(text)) => text.clone(),
            (Dialect::Dvc, Value::Float(number)) => dvc::python::float_text(*number),
            (Dialect::Dvc, Value::Null) => "None".to_owned(),
            (_, scalar) => scalar.to_string(),
        }
    }

    /// A scalar as part of a stage's name, where `written` stands in the pipeline file. DVC has Python spell what is true or
    /// false there if it comes from elsewhere.
    pub(crate) fn name_part(self, value: &Value, written: Option<&Value>) -> String {
        match value {
            Value::Bool(truth) if written != Some(value) => self.listed_truth(*truth).to_owned(),
            _ => self.scalar_text(value),
        }
    }

    /// Whether nothing can stand in a text, as a word.
    pub(crate) fn spells_null(self) -> bool {
        self == Dialect::Dvc
    }

    /// Whether only the pipeline tells which paths a lock names.
    pub fn paths_need_a_pipeline(self) -> bool {
        self == Dialect::Dvc
    }

    /// Whether a file that params are read from may be data under version control, and come back with it.
    pub fn data_may_hold_params(self) -> bool {
        self == Dialect::Dvc
    }

    /// Whether what DVC takes without using it is taken: `checkpoint` of an out, `matrix` under `do`, a `meta` that is no
    /// map.
    pub(crate) fn passes_over_idle_keys(self) -> bool {
        self == Dialect::Dvc
    }

    /// Whether null is none of the lists and maps of a pipeline file, and `plots` at its top is no map.
    pub(crate) fn refuses_null(self) -> bool {
        self == Dialect::Dvc
    }

    /// Whether a stage may have no command: it is refused only when it is to run.
    pub(crate) fn takes_empty_commands(self) -> bool {
        self == Dialect::Dvc
    }

    /// Whether a stage may write what templates are filled in from. Its next run is told by what stood there before.
    pub(crate) fn outs_may_fill_templates(self) -> bool {
        self == Dialect::Dvc
    }

    /// Whether keys of a params file count for nothing beside the whole of it. Otherwise they are what must be there.
    pub(crate) fn whole_file_covers_keys(self) -> bool {
        self == Dialect::Dvc
    }

    /// A text with each line ended as DVC has it from Python, which reads any line end as one.
    pub(crate) fn with_line_ends(self, text: &str) -> Cow<'_, str> {
        match self {
            Dialect::Dvc if text.contains('\r') => text.replace("\r\n", "\n").replace('\r', "\n").into(),
            _ => text.into(),
        }
    }

    /// What a key of a params file means in it.
    pub(crate) fn param<'a>(self, file: &'a Value, key: &str) -> Option<&'a Value> {
        match self {
            Dialect::Native => file.get(key),
            Dialect::Dvc => dvc::paths::find(file, key),
        }
    }

    /// Whether the values for templates must be such also where there are no templates.
    pub(crate) fn always_fills_in(self) -> bool {
        self == Dialect::Dvc
    }

    /// The params of a file whose top level is no map and that counts as an empty one.
    pub(crate) fn params_of_no_map(self, value: &Value) -> Option<Value> {
        let holds_nothing = match self {
            Dialect::Native => matches!(value, Value::Null),
            Dialect::Dvc => !dvc::python::is_true(value),
        };
        holds_nothing.then(|| Value::Map(IndexMap::new()))
    }

    /// Whether a text holds what is no character, and cannot stand in a command.
    pub(crate) fn is_no_text(self, text: &str) -> bool {
        self == Dialect::Dvc && dvc::surrogates::has_half(text)
    }

    /// Whether what stands in the place of the keys of a params file, and is no list, asks for the whole of it.
    pub(crate) fn takes_nothing_for_all(self, keys: &Value) -> bool {
        self == Dialect::Dvc && !dvc::python::is_true(keys)
    }

    /// The remote that a name means: to DVC, upper case and lower case are one.
    pub fn remote_name(self, name: &str) -> String {
        match self {
            Dialect::Native => name.to_owned(),
            Dialect::Dvc => name.to_lowercase(),
        }
    }

    /// Whether an empty list among flags leaves its flag.
    pub(crate) fn tells_empty_lists(self) -> bool {
        self == Dialect::Native
    }

    /// True or false as an item of a list among flags: DVC has Python spell it there, and there alone.
    pub(crate) fn listed_truth(self, truth: bool) -> &'static str {
        match (self, truth) {
            (Dialect::Native, true) => "true",
            (Dialect::Native, false) => "false",
            (Dialect::Dvc, true) => "True",
            (Dialect::Dvc, false) => "False",
        }
    }

    /// The settings files that say how templates are filled in, the weaker one first.
    pub(crate) fn template_settings(self) -> Vec<ProjectPath> {
        match self {
            Dialect::Native => Vec::new(),
            Dialect::Dvc => dvc::config::files().to_vec(),
        }
    }

    /// How maps become flags by the texts of those files.
    pub(crate) fn flag_style(self, texts: &[&str]) -> FlagStyle {
        match self {
            Dialect::Native => FlagStyle::default(),
            Dialect::Dvc => dvc::config::flag_style(texts.iter().copied()),
        }
    }

    /// The scripts of a command that have a shell of their own each, in the order they run.
    pub fn scripts(self, command: &Command) -> Vec<String> {
        match self {
            Dialect::Native => command.scripts().to_vec(),
            Dialect::Dvc => match command {
                Command::Script(script) => {
                    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
                    lines.map(str::to_owned).collect()
                }
                // An item of several lines is one script there, too.
                Command::List(scripts) => scripts.clone(),
                Command::None => Vec::new(),
            },
        }
    }

    /// The shell of stages that name none, written with all its flags; `None` for `/bin/sh -e`, which makes a result
    /// independent of who runs it. `user` is what `$SHELL` says, and `version` tells what a program says of its version.
    pub fn default_shell(
        self,
        user: Option<&str>,
        version: impl FnOnce(&str) -> Option<String>,
    ) -> Option<String> {
        match self {
            Dialect::Native => None,
            Dialect::Dvc => {
                let shell = user.unwrap_or("/bin/sh");
                let flags = match shell.rsplit('/').next().unwrap_or(shell).to_ascii_lowercase().as_str() {
                    "bash" => " --noprofile --norc",
                    "zsh" => " --no-rcs",
                    "fish" if version(shell).is_some_and(|version| fish_knows_no_config(&version)) => {
                        " --no-config"
                    }
                    // Each command is one line, and whether it goes on after a failure is the line's affair.
                    "sh" | "dash" | "ash" | "ksh" => " +e",
                    // Whatever it is, it knows `-c`.
                    _ => "",
                };
                Some(format!("{shell}{flags}"))
            }
        }
    }

    /// The folder below the project's root where `pipe` keeps what is its own.
    pub fn state_folder(self) -> &'static str {
        match self {
            Dialect::Native => ".pipe",
            Dialect::Dvc => ".dvc/tmp/pipe",
        }
    }

    /// Where another tool that works on the same files notes what it is at, below the project's root.
    pub fn neighbours_folder(self) -> Option<&'static str> {
        match self {
            Dialect::Native => None,
            Dialect::Dvc => Some(".dvc/tmp"),
        }
    }

    /// The variables that tell a command its project's root and its stage.
    pub fn command_variables(self) -> &'static [(&'static str, Told)] {
        match self {
            Dialect::Native => &[],
            Dialect::Dvc => &[("DVC_ROOT", Told::Root), ("DVC_STAGE", Told::Stage)],
        }
    }

    /// A result as an entry of the dialect's own cache of results; `None` where there is no such cache, or the
    /// stage's results are not kept.
    pub fn run_entry(self, stage: &Stage, lock: &StageLock) -> Option<RunEntry> {
        match self {
            Dialect::Native => None,
            Dialect::Dvc => dvc::run_cache::entry(stage, lock),
        }
    }

    /// The key of inputs in that cache.
    pub fn run_key(self, stage: &Stage, inputs: &StageLock) -> Option<String> {
        match self {
            Dialect::Native => None,
            Dialect::Dvc => dvc::run_cache::key(stage, inputs),
        }
    }

    /// The outs that an entry of that cache records for `stage`; `None` where it is none.
    pub fn read_run_entry(self, stage: &Stage, text: &str) -> Option<Vec<(ProjectPath, FileState)>> {
        match self {
            Dialect::Native => None,
            Dialect::Dvc => dvc::run_cache::read(stage, text),
        }
    }

    /// Whether an out that is in place as recorded is enough, also where the cache lost its bytes.
    pub fn bytes_in_place_are_enough(self) -> bool {
        self == Dialect::Native
    }

    /// Whether `status` without a target is about all pipeline files, or the nearest one with what it needs.
    pub fn status_is_of_everything(self) -> bool {
        self == Dialect::Dvc
    }

    /// Whether `status` tells how each stage stands now, also of deps that a stage before it is about to make anew.
    pub fn status_is_of_now(self) -> bool {
        self == Dialect::Dvc
    }

    /// Whether a stage may write outside the project, where nothing is kept in the cache.
    pub(crate) fn writes_outside(self) -> bool {
        self == Dialect::Dvc
    }

    /// Whether a stage may name files of the project by absolute paths, and others by relative ones that lead out.
    pub fn names_any_place(self) -> bool {
        self == Dialect::Dvc
    }

    /// Whether deps can be data sets that stand beside the stages.
    pub(crate) fn has_datasets(self) -> bool {
        self == Dialect::Dvc
    }

    /// Whether a lock records what servers told of URLs, and no digest of that.
    pub fn records_tags(self) -> bool {
        self == Dialect::Dvc
    }

    /// Whether a frozen stage is left alone whatever its outs and its command have become. In projects of DVC only
    /// what it reads does not count, and outs that are there are recorded as they are. It runs in neither.
    pub fn leaves_frozen(self) -> bool {
        self == Dialect::Native
    }

    /// The lock of a stage as far as it counts against what is declared and observed now: what a lock of this dialect
    /// does not record, and what it compares differently, stands there as it is now.
    pub fn settled<'a>(
        self,
        stage: &Stage,
        locked: &'a StageLock,
        observed: &Observed,
        builtins: &Builtins,
    ) -> Cow<'a, StageLock> {
        match self {
            Dialect::Native => Cow::Borrowed(locked),
            Dialect::Dvc => Cow::Owned(dvc::rules::settled(stage, locked, observed, builtins)),
        }
    }

    /// Whether `stage` must run; see [`fresh`].
    pub fn judge(
        self,
        stage: &Stage,
        settled: Option<&StageLock>,
        observed: &Observed,
        builtins: &Builtins,
    ) -> Freshness {
        match self {
            Dialect::Native => fresh(stage, settled, observed, builtins),
            Dialect::Dvc => dvc::rules::judge(stage, settled, observed, builtins),
        }
    }
}

/// Whether a fish of this version, as `fish --version` tells it, knows `--no-config`: from 3.3 on.
fn fish_knows_no_config(said: &str) -> bool {
    let number = said.split_whitespace().last().unwrap_or_default();
    let mut parts = number.split('.').map_while(|part| part.parse::<u32>().ok());
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (3, 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_shell_has_the_flags_that_it_knows() {
        let shell = |user: Option<&str>, version: &str| {
            Dialect::Dvc.default_shell(user, |_| Some(version.to_owned())).expect("a shell")
        };
        for (user, expected) in [
            (None, "/bin/sh +e"),
            (Some("/bin/bash"), "/bin/bash --noprofile --norc"),
            (Some("/bin/zsh"), "/bin/zsh --no-rcs"),
            (Some("/bin/dash"), "/bin/dash +e"),
            (Some("/bin/tcsh"), "/bin/tcsh"),
            (Some("/opt/nu"), "/opt/nu"),
        ] {
            assert_eq!(shell(user, ""), expected);
        }
        for (version, expected) in [
            ("fish, version 3.6.0\n", "/usr/bin/fish --no-config"),
            ("fish, version 4.0b1\n", "/usr/bin/fish --no-config"),
            ("fish, version 3.1.2\n", "/usr/bin/fish"),
            ("", "/usr/bin/fish"),
        ] {
            assert_eq!(shell(Some("/usr/bin/fish"), version), expected, "{version}");
        }
        assert_eq!(Dialect::Native.default_shell(Some("/bin/zsh"), |_| None), None);
    }
}
