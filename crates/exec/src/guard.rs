//! Somebody who outlives `pipe`: a shell that ends the commands of stages when the process that started them dies
//! without a word, as by SIGKILL.
//!
//! It waits for the end of a pipe that only we hold open. When that ends without a word of farewell, it kills the
//! process groups that then stand on a board which both share, and then whatever has our mark in its environment: what
//! was started in the moment of our death, or made a session of its own. A process cannot ask the system for that on
//! behalf of its grandchildren, and a thread dies with us. What it misses is ended by the next `pipe` process. That also has
//! to know what the commands made and what was made since: it finds a file in the job's folder, written at their end.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

use disk::Board;
use rustix::process::Pid;

use crate::claim;

/// Signals that are meant for us must not end it before us.
const SCRIPT: &str = "\
trap '' HUP INT QUIT TERM
tell() {
  for folder in \"$1\"*; do
    [ -d \"$folder\" ] && echo end > \"$folder/ended\"
  done
}
read -r word && exit
while read -r group; do
  [ \"$group\" = 0 ] || kill -s KILL -- \"-$group\"
done <&1
tell \"$2\"
for pause in 0.1 0.4; do
  for found in $(grep -lsazxF -- \"$0=$1\" /proc/[0-9]*/environ); do
    found=${found#/proc/}
    kill -s KILL \"${found%/environ}\" && tell \"$2\"
  done
  sleep $pause
done
";

/// The variable that marks every command that we start.
pub(crate) const MARK: &str = "PIPE_PROCESS";

/// Started with the first command, gone after the last.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Mutex<Option<Shell>>,
    mark: String,
}

#[derive(Debug)]
struct Shell {
    process: Child,
    /// Held open for as long as we live.
    farewell: ChildStdin,
    groups: Board,
}

impl Default for Guard {
    fn default() -> Self {
        // Ours alone: no other process has our number now, none had it with this time.
        let mark = format!("{}.{}", std::process::id(), disk::Stamp::now());
        Guard { shell: Mutex::default(), mark }
    }
}

impl Guard {
    /// Makes sure that it is there, before anything is started for the job in this folder, one of ours. Returns the value of
    /// [`MARK`].
    pub fn stand_by(&self, job: &Path) -> &OsStr {
        let mut shell = self.lock();
        if shell.is_none() {
            *shell = start(&self.mark, &job.with_file_name(claim::prefix()));
        }
        OsStr::new(&self.mark)
    }

    /// Names a group that must not outlive us. Without a guard, or with one that somebody killed, everything goes on as
    /// before.
    pub fn watch(&self, group: Pid) {
        if let Some(shell) = self.lock().as_mut() {
            let _ = shell.groups.add(group.as_raw_nonzero().get());
        }
    }

    /// Crosses a group off. To be called while its number cannot be another's yet.
    pub fn release(&self, group: Pid) {
        if let Some(shell) = self.lock().as_mut() {
            let _ = shell.groups.remove(group.as_raw_nonzero().get());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Shell>> {
        self.shell.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[allow(clippy::disallowed_methods, reason = "it belongs to the spawner, whom the lint leads to")]
fn start(mark: &str, jobs: &Path) -> Option<Shell> {
    let groups = Board::new().ok()?;
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", SCRIPT, MARK, mark])
        .arg(jobs)
        .stdin(Stdio::piped())
        .stdout(groups.for_child().ok()?)
        .stderr(Stdio::null());
    // It must not hold a folder that others want to unmount.
    let mut process = command.current_dir("/").process_group(0).spawn().ok()?;
    let farewell = process.stdin.take()?;
    Some(Shell { process, farewell, groups })
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(Shell { mut process, mut farewell, .. }) = self.lock().take() {
            let _ = farewell.write_all(b"end\n");
            drop(farewell);
            let _ = process.wait();
        }
    }
}
