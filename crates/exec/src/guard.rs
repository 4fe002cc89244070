//! Somebody who outlives `pipe`: a shell that ends the commands of stages when the process that started them dies
//! without a word, as by SIGKILL.
//!
//! It reads which process groups are at work from a pipe that only we hold open. When that ends without a word of
//! farewell, it kills the groups that were not crossed off, and then whatever has our mark in its environment: what
//! was started in the moment of our death, or made a session of its own. A process cannot ask the system for that on
//! behalf of its grandchildren, and a thread dies with us. What it misses is ended by the next `pipe` process.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

use rustix::process::Pid;

/// Signals that are meant for us must not end it before us.
const SCRIPT: &str = "\
trap '' HUP INT QUIT TERM
groups=
while read -r sign group; do
  case $sign in
    end) exit ;;
    +) groups=\"$groups $group\" ;;
    -) left=
       for known in $groups; do [ \"$known\" = \"$group\" ] || left=\"$left $known\"; done
       groups=$left ;;
  esac
done
for known in $groups; do kill -s KILL -- \"-$known\"; done
for pause in 0.1 0.4; do
  for found in $(grep -lsazxF -- \"$0=$1\" /proc/[0-9]*/environ); do
    found=${found#/proc/}
    kill -s KILL \"${found%/environ}\"
  done
  sleep $pause
done
";

/// The variable that marks every command that we start.
pub(crate) const MARK: &str = "PIPE_PROCESS";

/// Started with the first command, gone after the last.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Mutex<Option<(Child, ChildStdin)>>,
    mark: String,
}

impl Default for Guard {
    fn default() -> Self {
        // Ours alone: no other process has our number now, none had it with this time.
        let mark = format!("{}.{}", std::process::id(), disk::Stamp::now());
        Guard { shell: Mutex::default(), mark }
    }
}

impl Guard {
    /// Makes sure that it is there, before anything is started. Returns the value of [`MARK`].
    pub fn stand_by(&self) -> &OsStr {
        let mut shell = self.lock();
        if shell.is_none() {
            *shell = start(&self.mark);
        }
        OsStr::new(&self.mark)
    }

    /// Names a group that must not outlive us.
    pub fn watch(&self, group: Pid) {
        tell(&mut self.lock(), '+', group);
    }

    /// Crosses a group off. To be called while its number cannot be another's yet.
    pub fn release(&self, group: Pid) {
        tell(&mut self.lock(), '-', group);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Child, ChildStdin)>> {
        self.shell.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Without a guard, or with one that somebody killed, everything goes on as before.
fn tell(shell: &mut Option<(Child, ChildStdin)>, sign: char, group: Pid) {
    if let Some((_, lines)) = shell {
        let _ = lines.write_all(format!("{sign} {}\n", group.as_raw_nonzero()).as_bytes());
    }
}

#[allow(clippy::disallowed_methods, reason = "it belongs to the spawner, whom the lint leads to")]
fn start(mark: &str) -> Option<(Child, ChildStdin)> {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", SCRIPT, MARK, mark])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // It must not hold a folder that others want to unmount.
    let mut child = command.current_dir("/").process_group(0).spawn().ok()?;
    let lines = child.stdin.take()?;
    Some((child, lines))
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some((mut child, mut lines)) = self.lock().take() {
            let _ = lines.write_all(b"end\n");
            drop(lines);
            let _ = child.wait();
        }
    }
}
