//! Who holds something, and whether that process still lives.
//!
//! A process id alone is no identity: it is used again after a reboot, and means another process on
//! another host of a shared file system. So a holder is host, boot, process id and start time.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// A process, named so that it cannot be mistaken for another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Holder {
    /// The host's name.
    pub host: String,
    /// The kernel's id of the current boot; empty where there is none.
    pub boot: String,
    /// The process id.
    pub pid: u32,
    /// When the process started, in clock ticks since boot; 0 where the system does not tell.
    pub started: u64,
}

/// What can be said of a holder from this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// The very process runs.
    Alive,
    /// It ended, or its host was booted since.
    Dead,
    /// It is a process of another host, which cannot be asked from here.
    Elsewhere,
}

impl Holder {
    /// This process.
    pub fn current() -> Self {
        static CURRENT: OnceLock<Holder> = OnceLock::new();
        let current = CURRENT.get_or_init(|| {
            let pid = std::process::id();
            Holder {
                host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
                boot: boot_id(),
                pid,
                started: start_time(pid).unwrap_or(0),
            }
        });
        current.clone()
    }

    /// Another process of this host; `None` when there is none of that id.
    pub fn of(pid: u32) -> Option<Self> {
        let holder = Holder { pid, started: start_time(pid).unwrap_or(0), ..Holder::current() };
        (holder.started != u64::MAX && holder.liveness() == Liveness::Alive).then_some(holder)
    }

    /// A name for files of this process, which those of no other process on any host have.
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}", self.plain_host(), self.pid, self.started)
    }

    fn plain_host(&self) -> String {
        let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
        self.host.chars().map(plain).collect()
    }

    /// Whether the process that such a name is of has ended; `None` of one of another host, and of no such name.
    pub fn is_dead_name(name: &str) -> Option<bool> {
        let (rest, started) = name.rsplit_once('-')?;
        let (host, pid) = rest.rsplit_once('-')?;
        let here = Holder::current();
        if host != here.plain_host() {
            return None;
        }
        let holder = Holder { pid: pid.parse().ok()?, started: started.parse().ok()?, ..here };
        Some(holder.liveness() == Liveness::Dead)
    }

    /// Whether the process still runs, as far as this host can know.
    pub fn liveness(&self) -> Liveness {
        let here = Holder::current();
        if self.host != here.host {
            return Liveness::Elsewhere;
        }
        if self.boot != here.boot || !process_exists(self.pid) {
            return Liveness::Dead;
        }
        match start_time(self.pid) {
            Some(started) if self.started != 0 && started != self.started => Liveness::Dead,
            _ => Liveness::Alive,
        }
    }
}

/// "pid 4711", with the host when it is another one.
impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pid {}", self.pid)?;
        if self.host != rustix::system::uname().nodename().to_string_lossy() {
            write!(f, " on {}", self.host)?;
        }
        Ok(())
    }
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

fn process_exists(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return false };
    // A process of another user answers "not permitted", which is a sign of life as well.
    !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

/// Field 22 of `/proc/PID/stat`; the name in field 2 may hold spaces and parentheses. A zombie has ended.
fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return Some(u64::MAX);
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_its_likes_do_not() {
        let this = Holder::current();
        assert_eq!(this.liveness(), Liveness::Alive);
        if cfg!(target_os = "linux") {
            assert_eq!(Holder { started: this.started + 1, ..this.clone() }.liveness(), Liveness::Dead);
        }
        assert_eq!(Holder { boot: "another".to_owned(), ..this.clone() }.liveness(), Liveness::Dead);
        assert_eq!(
            Holder { host: "elsewhere.test".to_owned(), ..this.clone() }.liveness(),
            Liveness::Elsewhere
        );
        assert_eq!(Holder::of(this.pid), Some(this.clone()));
        assert_eq!(Holder::of(u32::MAX), None);
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let ended = Holder { pid: child.id(), started: 1, ..this };
        child.wait().unwrap();
        assert_eq!(ended.liveness(), Liveness::Dead);
    }
}
