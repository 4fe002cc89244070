//! Starts the processes of stages: the only place that spawns them.
//!
//! Each command has a process group of its own, so that stopping it stops all that it started; a guard ends it
//! when we die. The thread that waits for the command copies its output to log files meanwhile and tells each whole
//! line.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use disk::{Appender, DiskError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

use crate::guard::Guard;
use crate::halt::{halt_groups, tell_halted};
use crate::start::{JOB, Starter};

/// How long a stopped process may take to end before it is killed.
const GRACE: Duration = Duration::from_millis(500);

/// How long after a command's end somebody else may hold its outputs.
const LEFTOVER: Duration = Duration::from_millis(100);

/// How often a process is asked for where nothing tells of its end.
const ASK_AGAIN: Duration = Duration::from_millis(5);

/// How long a killed orphan is waited for; one that hangs in the kernel cannot be ended by anybody.
const ORPHAN_PATIENCE: Duration = Duration::from_secs(5);

/// Which of its two outputs a process wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// When the time of a stage is up, of which its commands may be several.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// If nothing is halted.
    pub at: Instant,
    /// For how long its runner had halted commands when this was said: what comes to it since puts the deadline off.
    pub halted: Duration,
}

/// One command to run.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// The script for the shell.
    pub script: &'a str,
    /// The shell as the stage writes it; `None` for `/bin/sh -e`.
    pub shell: Option<&'a str>,
    /// The folder it runs in.
    pub folder: PathBuf,
    /// Variables set on top of this process's own.
    pub variables: &'a [(OsString, OsString)],
    /// Variables of this process that it does not inherit.
    pub cleared: &'a [OsString],
    /// Log file of its standard output, which is appended to.
    pub stdout: PathBuf,
    /// Log file of its standard error, which is appended to.
    pub stderr: PathBuf,
    /// The job's folder: tells its processes from all others, for `end_orphans`.
    pub job: PathBuf,
    /// When it is ended, if it has not by then.
    pub deadline: Option<Deadline>,
    /// Texts that neither logs nor anybody who is told may see.
    pub secrets: &'a [String],
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was ended because its deadline passed.
    TimedOut,
}

/// Why a process could not be started or followed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The shell did not start.
    #[error("failed to start `{shell}` in {}", base::shown(folder))]
    Spawn {
        /// The shell.
        shell: String,
        /// The folder it was to run in.
        folder: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The system did not tell how it ended.
    #[error("failed to wait for the command")]
    Wait(#[source] io::Error),
}

/// Runs commands. Called from several threads at once; `run` returns when the command has ended and
/// nothing of its process group is left.
pub trait Runner: Sync {
    /// Runs one command and tells each line of its output as it comes.
    ///
    /// # Errors
    /// When it could not be started or followed. A command that fails is no error here.
    fn run(&self, spawn: &Spawn<'_>, on_line: &(dyn Fn(Stream, &str) + Sync)) -> Result<Exit, RunError>;

    /// Ends all running commands: asks them first, kills them half a second later. Commands that are
    /// started afterwards end at once.
    fn stop(&self);

    /// For how long commands were halted until now.
    fn time_halted(&self) -> Duration {
        Duration::ZERO
    }
}

/// Runs commands on this machine.
#[derive(Debug, Default)]
pub struct LocalRunner {
    /// Process groups that may be signalled: from the start of a command until just before it is reaped,
    /// so that the number cannot have passed to another process. With the folders of their jobs.
    groups: Mutex<Vec<(Pid, PathBuf)>>,
    stopped: AtomicBool,
    /// For how long commands were halted: no part of the time that they have.
    paused: Mutex<Duration>,
    guard: Guard,
    starter: Starter,
}

impl Runner for LocalRunner {
    fn run(&self, spawn: &Spawn<'_>, on_line: &(dyn Fn(Stream, &str) + Sync)) -> Result<Exit, RunError> {
        let mark = self.guard.stand_by(&spawn.job);
        // Held over the start: what is not among them yet would go on alone while all else is halted.
        let mut groups = self.lock_groups();
        let mut child = self.starter.start(spawn, mark)?;
        let group = Pid::from_child(&child);
        groups.push((group, spawn.job.clone()));
        drop(groups);
        self.guard.watch(group);
        if self.stopped.load(Ordering::SeqCst) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let mut outputs = Vec::new();
        outputs.extend(child.stdout.take().map(|out| Output::new(Stream::Stdout, out.into(), &spawn.stdout)));
        outputs.extend(child.stderr.take().map(|out| Output::new(Stream::Stderr, out.into(), &spawn.stderr)));
        let (exit, timed_out) = self.follow(&mut child, group, spawn, &mut outputs, on_line);
        // What left the group and still holds the pipes is ended as an orphan would be.
        let ended = Instant::now();
        while !outputs.is_empty() {
            wait_for(&outputs, None, Some(ended + LEFTOVER));
            read_ready(&mut outputs, spawn.secrets, on_line);
            if ended.elapsed() > LEFTOVER && !outputs.is_empty() {
                end_orphans(&spawn.job);
                break;
            }
        }
        while !outputs.is_empty() && ended.elapsed() < ORPHAN_PATIENCE {
            wait_for(&outputs, None, Some(ended + ORPHAN_PATIENCE));
            read_ready(&mut outputs, spawn.secrets, on_line);
        }
        let exit = exit?;
        Ok(if timed_out { Exit::TimedOut } else { exit })
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        for (group, _) in self.lock_groups().iter() {
            let _ = kill_process_group(*group, Signal::TERM);
        }
        let asked = Instant::now();
        while asked.elapsed() < GRACE && !self.lock_groups().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        for (group, _) in self.lock_groups().iter() {
            let _ = kill_process_group(*group, Signal::KILL);
        }
    }

    fn time_halted(&self) -> Duration {
        // Also by who runs this process in a stage of its own.
        *self.lock_paused() + self.starter.time_halted()
    }
}

impl LocalRunner {
    /// A runner in an environment that brings along shell functions of these names: a command of such a name is theirs. Each
    /// of the files `above` tells for how long a reproduction around this one has halted it ([`HALTED`](crate::HALTED)).
    pub fn with(functions: BTreeSet<String>, above: Vec<PathBuf>) -> Self {
        LocalRunner { starter: Starter::with(functions, above), ..LocalRunner::default() }
    }

    /// Halts all commands while `halt` halts this process, until it comes back. A command has a process group of its own,
    /// which a terminal does not halt with us. It must not go on alone: scripts that log would wait for us in vain, and fail.
    pub fn halted(&self, halt: impl FnOnce()) {
        // Held until it is told: whoever finds that a command's time is up asks for it first.
        let mut paused = self.lock_paused();
        let since = Instant::now();
        let groups = self.lock_groups();
        let all = halt_groups(&groups.iter().map(|(group, _)| *group).collect::<Vec<Pid>>());
        halt();
        let halted = since.elapsed();
        *paused += halted;
        // Told before they go on, and ask.
        groups.iter().for_each(|(_, job)| tell_halted(job, halted));
        for group in all {
            let _ = kill_process_group(group, Signal::CONT);
        }
    }

    fn lock_paused(&self) -> std::sync::MutexGuard<'_, Duration> {
        self.paused.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn lock_groups(&self) -> std::sync::MutexGuard<'_, Vec<(Pid, PathBuf)>> {
        self.groups.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Copies what the command writes until it has ended, stops it when its time is up, ends what it left behind in its
    /// group, and only then reaps it. Tells also whether its time was up.
    fn follow(
        &self,
        child: &mut Child,
        group: Pid,
        spawn: &Spawn<'_>,
        outputs: &mut Vec<Output<'_>>,
        on_line: &(dyn Fn(Stream, &str) + Sync),
    ) -> (Result<Exit, RunError>, bool) {
        let end = ProcessEnd::of(group);
        let mut deadline = spawn.deadline.map(|deadline| deadline.at);
        let mut timed_out = false;
        let mut paused = spawn.deadline.map_or_else(|| self.time_halted(), |deadline| deadline.halted);
        let ended = loop {
            let paused_since = self.time_halted().saturating_sub(paused);
            paused += paused_since;
            deadline = deadline.map(|deadline| deadline + paused_since);
            wait_for(outputs, Some(&end), deadline);
            read_ready(outputs, spawn.secrets, on_line);
            match has_ended(group) {
                Ok(false) => {}
                Ok(true) => break Ok(()),
                Err(fault) => break Err(fault),
            }
            let is_up = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if is_up && self.time_halted() <= paused {
                // Asked first, killed half a second later.
                let signal = if timed_out { Signal::KILL } else { Signal::TERM };
                let _ = kill_process_group(group, signal);
                deadline = (!timed_out).then(|| Instant::now() + GRACE);
                timed_out = true;
            }
        };
        let _ = kill_process_group(group, Signal::KILL);
        self.lock_groups().retain(|(known, _)| *known != group);
        self.guard.release(group);
        let exit = ended.and_then(|()| child.wait()).map(exit_of).map_err(RunError::Wait);
        (exit, timed_out)
    }
}

/// Whether the process has ended; it is not reaped.
fn has_ended(process: Pid) -> io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    match waitid(WaitId::Pid(process), options) {
        Ok(status) => Ok(status.is_some()),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Tells of the end of a process. Where the system has nothing to wait on, it is asked every few milliseconds.
struct ProcessEnd(Option<OwnedFd>);

impl ProcessEnd {
    #[cfg(target_os = "linux")]
    fn of(process: Pid) -> Self {
        ProcessEnd(rustix::process::pidfd_open(process, rustix::process::PidfdFlags::empty()).ok())
    }

    #[cfg(not(target_os = "linux"))]
    fn of(_: Pid) -> Self {
        ProcessEnd(None)
    }
}

/// Waits until there is something to read, the process has ended, or `until` has come.
fn wait_for(outputs: &[Output<'_>], end: Option<&ProcessEnd>, until: Option<Instant>) {
    let mut until = until.map(|until| until.saturating_duration_since(Instant::now()));
    if end.is_some_and(|end| end.0.is_none()) {
        until = Some(until.unwrap_or(ASK_AGAIN).min(ASK_AGAIN));
    }
    let mut sources: Vec<PollFd<'_>> =
        outputs.iter().map(|output| PollFd::new(&output.source, PollFlags::IN)).collect();
    if let Some(end) = end.and_then(|end| end.0.as_ref()) {
        sources.push(PollFd::new(end, PollFlags::IN));
    }
    // A timeout that is rounded down would turn into a busy loop.
    let timeout = until.and_then(|until| Timespec::try_from(until + Duration::from_micros(1)).ok());
    // An interrupted wait is one that ended early.
    let _ = poll(&mut sources, timeout.as_ref());
}

/// Reads what is there; outputs that have ended are dropped. A log that cannot be written is told once all is read:
/// after a full disk the process must still be able to write, or it would hang in its pipe. A log is no out: a command that
/// did its work has not failed for it.
fn read_ready(outputs: &mut Vec<Output<'_>>, secrets: &[String], on_line: &(dyn Fn(Stream, &str) + Sync)) {
    outputs.retain_mut(|output| {
        let tell = |line: &str| on_line(output.stream, line);
        let mut source = [PollFd::new(&output.source, PollFlags::IN)];
        if !matches!(poll(&mut source, Some(&Timespec::default())), Ok(1..)) {
            return true;
        }
        let mut bytes = [0; 64 * 1024];
        match rustix::io::read(&output.source, &mut bytes) {
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => true,
            Ok(length @ 1..) => {
                output.lines.take(&bytes[..length], secrets, &tell);
                true
            }
            _ => {
                if let Some(fault) = output.lines.end(secrets, &tell) {
                    let told = format!("pipe: this output is not kept: {fault}: {}", fault.source);
                    on_line(Stream::Stderr, &told);
                }
                false
            }
        }
    });
}

/// One of the two outputs of a running process.
struct Output<'a> {
    stream: Stream,
    source: OwnedFd,
    lines: Lines<'a>,
}

impl<'a> Output<'a> {
    fn new(stream: Stream, source: OwnedFd, log: &'a Path) -> Self {
        Output {
            stream,
            source,
            lines: Lines { path: log, log: None, line: Vec::new(), redrawn: String::new(), fault: None },
        }
    }
}

/// Copies output to its log, byte for byte, and tells each line. Progress bars redraw theirs with a carriage return, hundreds
/// of times: of such a line its last state is told, when it ends. With secrets, log and teller get whole lines in which each of
/// them is masked.
struct Lines<'a> {
    path: &'a Path,
    /// Made with the first byte: most commands say nothing.
    log: Option<Appender>,
    line: Vec<u8>,
    /// What the line was before it was begun anew.
    redrawn: String,
    fault: Option<DiskError>,
}

impl Lines<'_> {
    fn take(&mut self, bytes: &[u8], secrets: &[String], tell: &dyn Fn(&str)) {
        if secrets.is_empty() {
            self.write(bytes);
        }
        for part in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line.extend_from_slice(part);
            if matches!(part.last(), Some(b'\n' | b'\r')) || self.line.len() > 64 * 1024 {
                self.finish_line(secrets, tell);
            }
        }
    }

    fn end(&mut self, secrets: &[String], tell: &dyn Fn(&str)) -> Option<DiskError> {
        self.finish_line(secrets, tell);
        self.fault.take()
    }

    fn finish_line(&mut self, secrets: &[String], tell: &dyn Fn(&str)) {
        let mut line = std::mem::take(&mut self.line);
        if !secrets.is_empty() {
            mask(&mut line, secrets);
            self.write(&line);
        }
        let text = String::from_utf8_lossy(&line);
        let shown = text.trim_end_matches(['\n', '\r']);
        // What was redrawn as nothing is not seen.
        let is_gone = shown.is_empty() && self.redrawn.trim().is_empty();
        if !shown.is_empty() {
            shown.clone_into(&mut self.redrawn);
        }
        if !text.ends_with('\r') {
            if !is_gone {
                tell(&self.redrawn);
            }
            self.redrawn.clear();
        }
        line.clear();
        self.line = line;
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.fault.is_some() || bytes.is_empty() {
            return;
        }
        let log = match self.log.take() {
            Some(log) => Ok(log),
            None => Appender::open(self.path),
        };
        match log {
            Ok(mut log) => {
                self.fault = log.bytes(bytes).err();
                self.log = Some(log);
            }
            Err(fault) => self.fault = Some(fault),
        }
        if self.fault.is_some() {
            // On a full disk its room is needed for what the command came to.
            self.log = None;
            let _ = disk::remove(self.path);
        }
    }
}

/// Ends what is left of the commands of the job in `folder`, when they outlived the process that started them:
/// they would go on writing where the next attempt writes. They are known by a variable of their environment,
/// which their children have too and which no other process can have by chance. Where the system does not
/// show it (there is no `/proc`), nothing is done. Says whether there were any.
pub(crate) fn end_orphans(folder: &Path) -> bool {
    let asked = Instant::now();
    let mut had_any = false;
    loop {
        let orphans = processes_of(folder);
        for orphan in &orphans {
            let _ = kill_process(*orphan, Signal::KILL);
        }
        had_any |= !orphans.is_empty();
        if orphans.is_empty() || asked.elapsed() > ORPHAN_PATIENCE {
            return had_any;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The living processes with the job's folder in their environment.
fn processes_of(folder: &Path) -> Vec<Pid> {
    let mut wanted = format!("{JOB}=").into_bytes();
    wanted.extend_from_slice(folder.as_os_str().as_bytes());
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| *pid != std::process::id().cast_signed())
        .filter(|pid| {
            // A process of somebody else does not show its environment, and is none of ours.
            let environment = disk::read_bytes(format!("/proc/{pid}/environ").as_ref()).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == wanted)
        })
        .filter_map(Pid::from_raw)
        .collect()
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    }
}

/// Puts `***` in the place of each secret.
fn mask(line: &mut Vec<u8>, secrets: &[String]) {
    for secret in secrets.iter().map(String::as_bytes).filter(|secret| !secret.is_empty()) {
        let mut from = 0;
        while let Some(at) = line[from..].windows(secret.len()).position(|window| window == secret) {
            line.splice(from + at..from + at + secret.len(), *b"***");
            from += at + 3;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn run_in(folder: &Path, runner: &LocalRunner, script: &str, shell: Option<&str>) -> (Exit, Vec<String>) {
        let lines = Mutex::new(Vec::new());
        let spawn = Spawn {
            script,
            shell,
            folder: folder.to_owned(),
            variables: &[("NAME".into(), "value".into())],
            cleared: &[],
            stdout: folder.join("stdout.log"),
            stderr: folder.join("stderr.log"),
            job: folder.join("job"),
            deadline: None,
            secrets: &[],
        };
        let exit = runner
            .run(&spawn, &|stream, line| lines.lock().unwrap().push(format!("{stream:?} {line}")))
            .expect("it starts");
        (exit, lines.into_inner().unwrap())
    }

    #[test]
    fn lines_logs_and_codes() {
        let folder = tempfile::tempdir().unwrap();
        let (exit, lines) = run_in(
            folder.path(),
            &LocalRunner::default(),
            "echo $NAME; printf 'a\\rb'; printf 'no\\r\\n' >&2; exit 3",
            None,
        );
        assert_eq!(exit, Exit::Code(3));
        let of =
            |stream: &str| lines.iter().filter(|line| line.starts_with(stream)).cloned().collect::<Vec<_>>();
        assert_eq!(of("Stdout"), ["Stdout value", "Stdout b"]);
        assert_eq!(of("Stderr"), ["Stderr no"]);
        assert_eq!(disk::read(&folder.path().join("stdout.log")).unwrap(), b"value\na\rb");
    }

    #[test]
    fn of_a_line_that_is_redrawn_its_last_state_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let told = |parts: &[&str], secrets: &[String]| {
            let lines = Mutex::new(Vec::new());
            let tell = |line: &str| lines.lock().unwrap().push(line.to_owned());
            let path = folder.path().join("log");
            let _ = disk::remove(&path);
            let mut output =
                Lines { path: &path, log: None, line: Vec::new(), redrawn: String::new(), fault: None };
            for part in parts {
                output.take(part.as_bytes(), secrets, &tell);
            }
            assert!(output.end(secrets, &tell).is_none());
            drop(output);
            (lines.into_inner().unwrap(), disk::read(&path).unwrap())
        };
        for (parts, lines) in [
            (&["\r 10%", "\r 50%\r100%\n", "done\n"][..], &["100%", "done"][..]),
            (&["\r 10%\r 5", "0%"], &[" 50%"]),
            // A bar that is taken away leaves nothing.
            (&["\r 10%\r     \r"], &[]),
            (&["\r 10%\r     \rdone\n"], &["done"]),
            (&["a\r", "\n\n", "b\r\n", "  \n"], &["a", "b", "  "]),
        ] {
            let (told, log) = told(parts, &[]);
            assert_eq!(told, lines, "{parts:?}");
            assert_eq!(log, parts.concat().into_bytes());
        }
        let (told, log) = told(&["key\rke", "y 2\n"], &["key".to_owned()]);
        assert_eq!((told, log), (vec!["*** 2".to_owned()], b"***\r*** 2\n".to_vec()));
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let masked = |text: &str, secrets: &[&str]| {
            let mut line = text.as_bytes().to_vec();
            mask(&mut line, &secrets.iter().map(ToString::to_string).collect::<Vec<_>>());
            String::from_utf8(line).unwrap()
        };
        assert_eq!(masked("key=abcdabcd, abc", &["abcd"]), "key=******, abc");
        assert_eq!(masked("one two", &["two", "", "one"]), "*** ***");
        assert_eq!(masked("***", &["*"]), "*********");
    }

    #[test]
    fn a_script_stops_at_the_first_failing_line() {
        let folder = tempfile::tempdir().unwrap();
        let script = "echo one\nfalse\necho two\n";
        for shell in [None, Some("bash"), Some("/bin/sh")] {
            let (exit, lines) = run_in(folder.path(), &LocalRunner::default(), script, shell);
            assert_eq!((exit, lines.as_slice()), (Exit::Code(1), ["Stdout one".to_owned()].as_slice()));
        }
        let (exit, _) = run_in(folder.path(), &LocalRunner::default(), script, Some("bash -u"));
        assert_eq!(exit, Exit::Code(0), "flags are taken as written");
    }

    #[test]
    fn what_a_command_leaves_behind_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let started = Instant::now();
        let (exit, _) = run_in(folder.path(), &LocalRunner::default(), "sleep 60 & echo $!", None);
        assert_eq!(exit, Exit::Code(0));
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "the pipe of the background process is not waited for"
        );
    }

    /// What made a session of its own holds the outputs and would be waited for; it is ended as an orphan is.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_leaves_the_group_ends_with_it_too() {
        let folder = tempfile::tempdir().unwrap();
        let started = Instant::now();
        let (exit, lines) = run_in(folder.path(), &LocalRunner::default(), "setsid sleep 60 & echo up", None);
        assert_eq!((exit, lines), (Exit::Code(0), vec!["Stdout up".to_owned()]));
        assert!(started.elapsed() < Duration::from_secs(30));
        assert_eq!(processes_of(&folder.path().join("job")), []);
    }

    #[test]
    fn a_deadline_ends_a_command_that_ignores_it() {
        // On a busy machine the first ones may pass before the command has begun to ignore anything.
        for millis in [200, 2000, 20_000] {
            let folder = tempfile::tempdir().unwrap();
            let started = Instant::now();
            let spawn = Spawn {
                script: "trap '' TERM; echo up; while :; do sleep 1; done",
                shell: None,
                folder: folder.path().to_owned(),
                variables: &[],
                cleared: &[],
                stdout: folder.path().join("stdout.log"),
                stderr: folder.path().join("stderr.log"),
                job: folder.path().join("job"),
                deadline: Some(Deadline {
                    at: started + Duration::from_millis(millis),
                    halted: Duration::ZERO,
                }),
                secrets: &[],
            };
            assert_eq!(LocalRunner::default().run(&spawn, &|_, _| {}).unwrap(), Exit::TimedOut);
            assert!(!folder.path().join("stderr.log").exists(), "no log without output");
            if folder.path().join("stdout.log").exists() {
                assert!(started.elapsed() >= Duration::from_millis(millis) + GRACE, "it was asked first");
                return;
            }
        }
        panic!("the command never began");
    }

    /// Which may have been that of the command before it.
    #[test]
    fn a_deadline_is_put_off_by_all_that_was_halted_since_it_was_set() {
        let folder = tempfile::tempdir().unwrap();
        let runner = LocalRunner::default();
        let deadline = Deadline { at: Instant::now(), halted: runner.time_halted() };
        *runner.lock_paused() += Duration::from_secs(60 * 60);
        let spawn = Spawn {
            script: "sleep 0.1",
            shell: None,
            folder: folder.path().to_owned(),
            variables: &[],
            cleared: &[],
            stdout: folder.path().join("stdout.log"),
            stderr: folder.path().join("stderr.log"),
            job: folder.path().join("job"),
            deadline: Some(deadline),
            secrets: &[],
        };
        assert_eq!(runner.run(&spawn, &|_, _| {}).unwrap(), Exit::Code(0));
        let late = Deadline { halted: runner.time_halted(), ..deadline };
        let spawn = Spawn { script: "sleep 60", deadline: Some(late), ..spawn };
        assert_eq!(runner.run(&spawn, &|_, _| {}).unwrap(), Exit::TimedOut);
        // Also by who runs this one in a stage of its own.
        let spawn =
            Spawn { script: "sleep 0.1; echo $PIPE_HALTED > files", deadline: Some(deadline), ..spawn };
        let above = folder.path().join("above/halted");
        let runner = LocalRunner::with(BTreeSet::new(), vec![above.clone()]);
        tell_halted(&folder.path().join("above"), Duration::from_secs(60 * 60));
        assert_eq!(runner.run(&spawn, &|_, _| {}).unwrap(), Exit::Code(0));
        let files = disk::read_text(&folder.path().join("files")).unwrap();
        assert_eq!(files, format!("{}:{}\n", folder.path().join("job/halted").display(), above.display()));
    }

    #[test]
    fn stop_ends_even_what_ignores_it() {
        let folder = tempfile::tempdir().unwrap();
        let runner = Arc::new(LocalRunner::default());
        let thread = {
            let (runner, folder) = (runner.clone(), folder.path().to_owned());
            std::thread::spawn(move || {
                run_in(&folder, &runner, "trap '' TERM; touch up; while :; do sleep 1; done", None)
            })
        };
        while !folder.path().join("up").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let started = Instant::now();
        runner.stop();
        assert_eq!(thread.join().unwrap().0, Exit::Signal(9));
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
