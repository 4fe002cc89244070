//! A sealed project for one test: its own home, an empty environment, git with a fixed identity, and no
//! way to the network that a well-behaved program would take.
//!
//! Every call of `pipe` is watched: one that hangs is ended and fails the test, and so does one that panics.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

/// No call may take longer: the machine that runs the tests may be slow, but not that slow.
const PATIENCE: Duration = Duration::from_secs(300);

/// A project in a temporary folder, removed at the end.
pub struct Sandbox {
    folder: tempfile::TempDir,
}

/// What a program said and how it ended.
#[derive(Debug)]
pub struct Said {
    pub stdout: String,
    pub stderr: String,
    status: ExitStatus,
    root: PathBuf,
}

/// A program that was started and not waited for.
pub struct Started {
    child: Child,
    readers: Option<[Reader; 2]>,
    root: PathBuf,
}

impl Sandbox {
    /// A project in a git repository without a commit.
    pub fn new() -> Self {
        let sandbox = Sandbox::without_git();
        sandbox.git(["init", "--quiet", "--initial-branch=main"]);
        sandbox
    }

    /// A project in no git repository.
    pub fn without_git() -> Self {
        hear_interrupts();
        let folder = tempfile::Builder::new().prefix("pipe-it-").tempdir().unwrap();
        for name in ["project", "home", "tmp"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Sandbox { folder }
    }

    /// The same with a pipeline file.
    pub fn with_pipeline(text: &str) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write("pipeline.yaml", text);
        sandbox
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Makes sure that a test can mount file systems of its own. False when such tests are left out on purpose.
    #[track_caller]
    pub fn has_namespaces(&self) -> bool {
        if std::env::var_os("PIPE_TEST_NO_NAMESPACES").is_some_and(|value| !value.is_empty()) {
            println!("left out: PIPE_TEST_NO_NAMESPACES is set");
            return false;
        }
        let probe = self.program("unshare").args(["--map-root-user", "--mount", "true"]).output();
        let refusal = match probe {
            Ok(said) if said.status.success() => return true,
            Ok(said) => String::from_utf8_lossy(&said.stderr).trim().to_owned(),
            Err(fault) => format!("failed to start unshare: {fault}"),
        };
        panic!(
            "no file system can be mounted for this test ({refusal}): install util-linux, and run the tests as root or let \
             anybody make namespaces (`sysctl kernel.unprivileged_userns_clone=1`, on Ubuntu `sysctl \
             kernel.apparmor_restrict_unprivileged_userns=0`, in a container `--privileged`); \
             PIPE_TEST_NO_NAMESPACES=1 leaves these tests out"
        )
    }

    /// Where the cache of a project of either kind lies.
    pub fn cache(&self) -> &'static str {
        if self.exists(".dvc") { ".dvc/cache" } else { ".pipe/cache" }
    }

    /// Whether the tests run as root, whom no permission stops.
    pub fn is_root(&self) -> bool {
        let mut command = self.program("id");
        command.arg("-u");
        self.finish(command).stdout.trim() == "0"
    }

    /// `pipe` as somebody whom permissions stop: nobody, where the tests run as root. It is a copy, since the binary may lie
    /// in a folder that others cannot enter; another process makes it: a file that this one has open for writing cannot be
    /// executed by a child that was forked meanwhile for another test.
    pub fn pipe_as_nobody(&self) -> Command {
        let binary = self.root().with_file_name("pipe");
        if !binary.exists() {
            let mut copy = self.program("cp");
            copy.args(["--", env!("CARGO_BIN_EXE_pipe")]).arg(&binary);
            self.finish(copy).code(0);
        }
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        if !self.is_root() {
            return self.program(&binary);
        }
        let mut command = self.program("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&binary);
        command
    }

    /// A program with the sealed environment, in the project's root.
    pub fn program(&self, name: impl AsRef<OsStr>) -> Command {
        let home = self.folder.path().join("home");
        let mut command = Command::new(name);
        command.current_dir(self.root()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &home).env("TMPDIR", self.folder.path().join("tmp"));
        for name in ["CONFIG", "CACHE", "DATA", "STATE"] {
            command.env(format!("XDG_{name}_HOME"), home.join(name.to_lowercase()));
        }
        // Nothing listens on the discard port: who asks for the network is refused at once.
        for name in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env(name, "http://127.0.0.1:9");
        }
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.env("GIT_CEILING_DIRECTORIES", self.folder.path());
        for who in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{who}_NAME"), "A. Tester")
                .env(format!("GIT_{who}_EMAIL"), "tester@example.com");
            command.env(format!("GIT_{who}_DATE"), "2026-01-02T03:04:05Z");
        }
        command.env("TZ", "UTC").env("LC_ALL", "C.UTF-8").env("USER", "tester");
        command
    }

    /// `pipe` with the given arguments, not started yet.
    pub fn pipe_command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_pipe"));
        command.args(arguments);
        command
    }

    /// Runs `pipe` to its end.
    #[track_caller]
    pub fn pipe<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Said {
        self.finish(self.pipe_command(arguments))
    }

    /// Runs `pipe`, which must succeed.
    #[track_caller]
    pub fn ok<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Said {
        self.pipe(arguments).code(0)
    }

    /// Waits until what was written is old enough to be remembered by its stamp, and to go.
    pub fn settle(&self) {
        std::thread::sleep(Duration::from_millis(60));
    }

    /// Runs `pipe gc`, once all that was written before is old enough to go.
    #[track_caller]
    pub fn gc(&self, arguments: &[&str]) -> Said {
        self.settle();
        self.pipe(std::iter::once(&"gc").chain(arguments))
    }

    /// Runs `pipe` with `--json` output, which must succeed.
    #[track_caller]
    pub fn json<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Json {
        self.ok(arguments).json()
    }

    /// Runs a command to its end.
    #[track_caller]
    pub fn finish(&self, command: Command) -> Said {
        self.start(command).wait()
    }

    /// Starts a command in a process group of its own, so that the test can signal it as a terminal does.
    #[track_caller]
    pub fn start(&self, mut command: Command) -> Started {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child =
            command.spawn().unwrap_or_else(|fault| panic!("failed to start {command:?}: {fault}"));
        let out = Reader::start(child.stdout.take().unwrap());
        let err = Reader::start(child.stderr.take().unwrap());
        Started { child, readers: Some([out, err]), root: self.root() }
    }

    #[track_caller]
    pub fn git<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        let mut command = self.program("git");
        command.args(arguments);
        self.finish(command).code(0).stdout
    }

    /// Commits everything that git does not ignore.
    #[track_caller]
    pub fn commit(&self, message: &str) {
        self.git(["add", "--all"]);
        self.git(["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    #[track_caller]
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap_or_else(|fault| panic!("failed to write {}: {fault}", path.display()));
    }

    #[track_caller]
    pub fn append(&self, path: &str, text: &str) {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(self.path(path)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        String::from_utf8(self.bytes(path)).unwrap()
    }

    #[track_caller]
    pub fn bytes(&self, path: &str) -> Vec<u8> {
        fs::read(self.path(path)).unwrap_or_else(|fault| panic!("failed to read {path}: {fault}"))
    }

    pub fn exists(&self, path: &str) -> bool {
        fs::symlink_metadata(self.path(path)).is_ok()
    }

    #[track_caller]
    pub fn remove(&self, path: &str) {
        let path = self.path(path);
        let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        gone.unwrap_or_else(|fault| panic!("failed to remove {}: {fault}", path.display()));
    }

    /// Drops the memory of what was hashed. There is none when every file was too new to be remembered.
    pub fn forget(&self) {
        let _ = fs::remove_file(self.path(".pipe/state"));
    }

    /// Drops the memory of how long stages took: ready stages start in the order of the pipeline file again. With it,
    /// milliseconds decide.
    pub fn forget_durations(&self) {
        let _ = fs::remove_file(self.path(".pipe/tmp/durations.json"));
    }

    /// Writes a program that can be started at once. Another process copies it: a file that this one has open for writing
    /// cannot be executed by anybody, and a child that is forked in that moment for another test has it open for longer.
    #[track_caller]
    pub fn write_program(&self, path: &str, text: &str) {
        let place = self.path(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let source = self.folder.path().join("tmp/program");
        fs::write(&source, text).unwrap();
        let mut copy = self.program("install");
        copy.args(["-m", "755", "--"]).arg(&source).arg(&place);
        self.finish(copy).code(0);
        fs::remove_file(source).unwrap();
    }

    /// Replaces the one place where `old` stands in a file.
    #[track_caller]
    pub fn edit(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(old).count(), 1, "`{old}` stands once in {path}:\n{text}");
        self.write(path, text.replace(old, new));
    }

    /// Sets a file's modification time, as a careful copying program does.
    #[track_caller]
    pub fn set_modified(&self, path: &str, time: std::time::SystemTime) {
        // Its owner may do so also where nobody may write to it.
        fs::File::open(self.path(path)).unwrap().set_modified(time).unwrap();
    }

    pub fn modified(&self, path: &str) -> std::time::SystemTime {
        fs::metadata(self.path(path)).unwrap().modified().unwrap()
    }

    /// How often a stage of a test ran: its command appends to `log`, which nothing tracks.
    pub fn count(&self, log: &str, word: &str) -> usize {
        let text = fs::read_to_string(self.path(log)).unwrap_or_default();
        text.lines().filter(|line| *line == word).count()
    }

    /// Waits until a file appears.
    #[track_caller]
    pub fn await_file(&self, path: &str) {
        await_that(&format!("{path} appears"), || self.exists(path));
    }

    /// Files below a folder of the project, ascending.
    pub fn files(&self, below: &str) -> Vec<String> {
        let mut files = Vec::new();
        collect(&self.path(below), &mut files);
        let root = self.root();
        let mut names: Vec<String> =
            files.iter().map(|path| path.strip_prefix(&root).unwrap().display().to_string()).collect();
        names.sort();
        names
    }

    /// The newest run of a stage, as `runs show --json` has it.
    #[track_caller]
    pub fn stage_run(&self, stage: &str) -> Json {
        let filter = format!("tags.`pipe.stage` = '{stage}'");
        let list = self.json(["runs", "list", "--json", "-n", "1", "--columns", "id", "--where", &filter]);
        let id = list[0]["id"].as_str().unwrap_or_else(|| panic!("no run of {stage}: {list}")).to_owned();
        self.json(["runs", "show", "--json", &id])
    }

    /// How many runs there are.
    #[track_caller]
    pub fn run_count(&self) -> usize {
        self.json(["runs", "list", "--json", "-n", "0"]).as_array().unwrap().len()
    }

    /// Each stage's state as `status --json` tells it, as `a:fresh b:stale`.
    #[track_caller]
    pub fn states(&self) -> String {
        let said = self.pipe(["status", "--json"]).json();
        let state = |stage: &Json| {
            format!("{}:{}", stage["stage"].as_str().unwrap(), stage["state"].as_str().unwrap())
        };
        said["stages"].as_array().unwrap().iter().map(state).collect::<Vec<_>>().join(" ")
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(path) else {
        return files.extend(path.is_file().then(|| path.to_owned()));
    };
    for entry in entries {
        collect(&entry.unwrap().path(), files);
    }
}

/// A program that is started with SIGINT ignored, as those are that a shell has in the background, keeps it so, and rightly:
/// tests that send one would wait for ever. What is caught here is as usual in the programs that tests start, and here it goes
/// on being of no effect.
fn hear_interrupts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = ignored.map_or(0, |mask| u64::from_str_radix(mask.trim(), 16).unwrap());
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGQUIT] {
            if ignored >> (signal - 1) & 1 == 1 {
                signal_hook::flag::register(signal, Arc::<AtomicBool>::default()).unwrap();
            }
        }
    });
}

/// Waits until something is true.
#[track_caller]
pub fn await_that(what: &str, mut is_true: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_true() {
        assert!(started.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Reads all that a program says, and has what it said so far.
struct Reader {
    said: Arc<Mutex<Vec<u8>>>,
    thread: std::thread::JoinHandle<()>,
}

impl Reader {
    fn start(mut source: impl Read + Send + 'static) -> Self {
        let said = Arc::new(Mutex::new(Vec::new()));
        let into = said.clone();
        let thread = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let count = source.read(&mut bytes).unwrap();
                if count == 0 {
                    return;
                }
                into.lock().unwrap().extend(&bytes[..count]);
            }
        });
        Reader { said, thread }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned()
    }

    fn whole(self) -> String {
        self.thread.join().unwrap();
        String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned()
    }
}

/// Whether a process is there and no zombie.
pub fn is_alive(pid: &str) -> bool {
    let said = Command::new("ps").args(["-o", "stat=", "-p", pid.trim()]).output().unwrap();
    let state = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

impl Started {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, as in `INT`, to the program alone.
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status().unwrap();
        assert!(status.success(), "the program is still there to be signalled");
    }

    /// Kills the program at once, if it still runs.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it has told something on stderr.
    #[track_caller]
    pub fn await_told(&self, text: &str) {
        let [_, stderr] = self.readers.as_ref().unwrap();
        await_that(&format!("it tells `{text}`"), || stderr.so_far().contains(text));
    }

    /// Waits until it has printed something on stdout.
    #[track_caller]
    pub fn await_printed(&self, text: &str) {
        let [stdout, _] = self.readers.as_ref().unwrap();
        await_that(&format!("it prints `{text}`"), || stdout.so_far().contains(text));
    }

    /// Waits until it has printed a line of data; returns the first.
    #[cfg(feature = "serve")]
    #[track_caller]
    pub fn first_line(&self) -> String {
        let [stdout, stderr] = self.readers.as_ref().unwrap();
        await_that("it prints a line", || {
            stdout.so_far().contains('\n') || stderr.so_far().contains("error:")
        });
        let said = stdout.so_far();
        said.lines().next().unwrap_or_else(|| panic!("no line, but:\n{}", stderr.so_far())).to_owned()
    }

    /// Waits for the end.
    #[track_caller]
    pub fn wait(mut self) -> Said {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() > PATIENCE {
                self.signal("KILL");
                panic!("the program was still running after {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(if started.elapsed().as_millis() < 200 {
                1
            } else {
                10
            }));
        };
        let [stdout, stderr] = self.readers.take().unwrap().map(Reader::whole);
        assert!(!stderr.contains("panicked at"), "a panic:\n{stderr}");
        Said { stdout, stderr, status, root: self.root.clone() }
    }
}

/// A test that fails half-way leaves no process behind.
impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Said {
    /// The same, which must have ended with this exit code.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(
            self.status.code(),
            Some(code),
            "{}\nstdout:\n{}\nstderr:\n{}",
            self.status,
            self.stdout,
            self.stderr
        );
        self
    }

    /// The exit code, if it ended by itself.
    pub fn code_of(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it, if one did.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|fault| panic!("{fault} in stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr))
    }

    /// The same, whose stderr must contain each of these texts.
    #[track_caller]
    pub fn tells(self, texts: &[&str]) -> Self {
        let stderr = self.stderr.replace(&self.root.display().to_string(), "ROOT");
        for text in texts {
            assert!(stderr.contains(text), "stderr does not tell `{text}`:\n{stderr}");
        }
        self
    }

    /// Everything it said, without what differs from day to day: for snapshots.
    pub fn normal(&self) -> String {
        let mut text =
            format!("exit: {}\n", self.status.code().map_or("by signal".into(), |code| code.to_string()));
        for (name, said) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !said.is_empty() {
                text.push_str(&format!("--- {name}\n{said}"));
            }
        }
        text.replace(&self.root.display().to_string(), "ROOT")
    }
}

/// What differs from day to day, and what stands for it in snapshots.
pub const FILTERS: [(&str, &str); 7] = [
    (r"\b[0-9a-f]{64}\b", "[DIGEST]"),
    (r"\bblake3/[0-9a-f]{2}/[0-9a-f]{62}\b", "[BLOB]"),
    (r"\b[0-9a-f]{32}\b", "[RUN-ID]"),
    (r"\b([Rr])un [0-9a-f]{8}\b", "${1}un [RUN]"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "[TIME]"),
    (r"\b(in|after) (\d+(\.\d+)?(ms|µs|s|m|h) ?)+", "${1} [DURATION]"),
    (r"\(pid \d+\)", "(pid [PID])"),
];

/// An inline snapshot of everything that a [`Said`] holds, filtered.
macro_rules! snapshot {
    ($said:expr, @$expected:literal) => {{
        let text = $said.normal();
        insta::with_settings!({ filters => $crate::harness::FILTERS.to_vec(), omit_expression => true }, {
            insta::assert_snapshot!(text, @$expected);
        });
    }};
}
pub(crate) use snapshot;
