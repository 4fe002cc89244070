//! What the environment says: the only reader of its variables.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Variables that a stage's command finds, and that `pipe` run by a stage reads back.
pub mod names {
    /// The project's root folder.
    pub const ROOT: &str = "PIPE_ROOT";
    /// The stage's name.
    pub const STAGE: &str = "PIPE_STAGE";
    /// The id of the run that records the stage.
    pub const RUN: &str = "PIPE_RUN_ID";
}

#[allow(clippy::disallowed_methods, reason = "this is the reader that the lint leads to")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The value of a variable that stages inherit, where it is not empty.
#[cfg(feature = "serve")]
pub fn inherited(name: &str) -> Option<OsString> {
    variable(name)
}

/// The run that a stage's command is recorded by, with the project it belongs to: set when `pipe` is
/// called by a stage.
pub fn enclosing_run() -> Option<(PathBuf, String)> {
    Some((PathBuf::from(variable(names::ROOT)?), variable(names::RUN)?.into_string().ok()?))
}

/// The stage whose command this process is part of, with the root of its project.
pub fn enclosing_stage() -> Option<(PathBuf, String)> {
    Some((PathBuf::from(variable(names::ROOT)?), variable(names::STAGE)?.into_string().ok()?))
}

/// The signals that end what is going on in order. Under `nohup`, which ignores it, a lost terminal is no reason to
/// stop. That a shell ignores SIGINT and SIGQUIT for what it starts in the background keeps nobody from sending them.
pub fn ending_signals() -> impl Iterator<Item = i32> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    [SIGINT, SIGTERM, SIGQUIT, SIGHUP]
        .into_iter()
        .filter(|signal| *signal != SIGHUP || !ignores_signal(*signal))
}

/// Whether Ctrl-Z halts a command.
pub fn may_halt() -> bool {
    !ignores_signal(signal_hook::consts::SIGTSTP)
}

/// Whether a signal is ignored. Where the system does not tell (there is no `/proc`), no.
fn ignores_signal(signal: i32) -> bool {
    let status = disk::read_text("/proc/self/status".as_ref()).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    u32::try_from(signal - 1).is_ok_and(|bit| mask.checked_shr(bit).unwrap_or_default() & 1 == 1)
}

/// The value of a variable that a stage declares as an input; an empty one is set all the same. What is not Unicode
/// is spelled with escapes: it is only compared.
#[allow(clippy::disallowed_methods, reason = "this is the reader that the lint leads to")]
pub fn declared(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?;
    Some(value.into_string().unwrap_or_else(|value| format!("{value:?}")))
}

/// The names of the functions that the environment brings along for shells, as bash exports them (`module` of a
/// cluster, say).
#[allow(clippy::disallowed_methods, reason = "this is the reader that the lint leads to")]
pub fn shell_functions() -> BTreeSet<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let function = |name: String| Some(name.strip_prefix("BASH_FUNC_")?.strip_suffix("%%")?.to_owned());
    names.filter_map(function).collect()
}

/// The files that tell for how long this process was halted by the reproductions around it.
pub fn halted_files() -> Vec<PathBuf> {
    variable(exec::HALTED).map(|files| std::env::split_paths(&files).collect()).unwrap_or_default()
}

/// The text under whose key the values of declared variables are digested, where one is given.
pub fn env_key() -> Option<OsString> {
    variable("PIPE_ENV_KEY")
}

/// The folder with the user's own settings.
pub fn config_folder() -> Option<PathBuf> {
    config_home().map(|folder| folder.join("pipe"))
}

/// The folder with the settings of the user's programs.
pub fn config_home() -> Option<PathBuf> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))
}

/// How many graphics processors NVIDIA's driver shows; 0 without it.
pub fn gpus() -> u64 {
    let devices = std::fs::read_dir("/proc/driver/nvidia/gpus");
    devices.map(|devices| devices.count() as u64).unwrap_or(0)
}

/// The machine's memory in bytes, where the system tells.
pub fn memory() -> Option<u64> {
    let text = disk::read_text("/proc/meminfo".as_ref()).ok()?;
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    total.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Whether git looks for a repository beyond the file system that a folder lies on.
pub fn git_crosses_file_systems() -> bool {
    let told = variable("GIT_DISCOVERY_ACROSS_FILESYSTEM").and_then(|value| value.into_string().ok());
    told.is_some_and(|told| matches!(told.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"))
}

/// The user's shell.
pub fn shell() -> Option<String> {
    variable("SHELL")?.into_string().ok()
}

/// What a program says of its version; `None` where it does not.
#[allow(clippy::disallowed_methods, reason = "it is asked for its version alone, and ends")]
pub fn version_of(program: &str) -> Option<String> {
    let said =
        Command::new(program).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(said.stdout).ok().filter(|_| said.status.success())
}

/// The search path for programs.
pub fn search_path() -> OsString {
    variable("PATH").unwrap_or_default()
}

/// Where things go that nobody keeps.
pub fn temporary_folder() -> PathBuf {
    std::env::temp_dir()
}

/// The user's home folder.
pub fn home() -> Option<PathBuf> {
    variable("HOME").map(PathBuf::from)
}

/// The user's name: as the environment tells it, else as the system does, which is asked in containers and scheduled jobs;
/// or an empty text.
pub fn user() -> String {
    let told = ["USER", "LOGNAME"].into_iter().filter_map(variable).find_map(|name| name.into_string().ok());
    told.filter(|name| !name.is_empty()).or_else(|| whoami::username().ok()).unwrap_or_default()
}

/// Whether colours are unwanted (`NO_COLOR`, or a terminal that has none).
pub fn no_color() -> bool {
    variable("NO_COLOR").is_some() || is_dumb_terminal()
}

/// Whether nothing on the terminal can be written over.
pub fn is_dumb_terminal() -> bool {
    variable("TERM").is_some_and(|term| term == "dumb")
}
