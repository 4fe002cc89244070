//! Whether the process behind a lease still lives, asked on its own machine.
//!
//! A process is known by boot, process id and start time, since ids come again: after a reboot, and
//! on a busy machine within minutes. OS calls of this crate sit here and nowhere else.

use rustix::process::{Pid, test_kill_process};

use crate::Lease;

impl Lease {
    /// The lease of this process.
    pub fn current() -> Lease {
        let pid = std::process::id();
        Lease { host: host(), boot: boot(), pid, started: start_time(pid).unwrap_or(0) }
    }
}

/// Whether the process lives. Ask only for leases of this machine's host.
pub fn lease_is_alive(lease: &Lease) -> bool {
    if lease.boot != boot() {
        return false;
    }
    match start_time(lease.pid) {
        Some(started) => lease.started == 0 || started == lease.started,
        // No answer from the process list: the process is gone, or the list is hidden from us.
        None => responds(lease.pid),
    }
}

/// This machine's name.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn boot() -> String {
    if cfg!(target_os = "linux") {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        text.trim().to_owned()
    } else {
        String::new()
    }
}

/// Ticks since boot at which the process started. A zombie has none: it does nothing more.
fn start_time(pid: u32) -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let bytes = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&String::from_utf8_lossy(&bytes))
}

/// The start time in a line of `/proc/PID/stat`: field 22. The name in field 2 may hold spaces and
/// parentheses, so fields are counted from its last parenthesis.
fn parse_stat(line: &str) -> Option<u64> {
    let (_, rest) = line.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" | "x" => None,
        _ => fields.nth(18)?.parse().ok(),
    }
}

/// Whether a signal could reach it. "Not permitted" is an answer too: someone lives there.
fn responds(pid: u32) -> bool {
    if std::fs::exists(format!("/proc/{pid}/stat")).unwrap_or(false) {
        return false;
    }
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a child process is what is judged here")]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_a_killed_child_does_not() {
        assert!(lease_is_alive(&Lease::current()));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep starts");
        let lease =
            Lease { pid: child.id(), started: start_time(child.id()).unwrap_or(0), ..Lease::current() };
        assert!(lease_is_alive(&lease));
        child.kill().expect("the child is ours");
        std::thread::sleep(std::time::Duration::from_millis(100));
        if cfg!(target_os = "linux") {
            assert!(!lease_is_alive(&lease), "a zombie is dead");
        }
        child.wait().expect("the child is ours");
        assert!(!lease_is_alive(&lease));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn another_boot_or_another_start_is_another_process() {
        let lease = Lease::current();
        assert!(!lease_is_alive(&Lease { boot: "before".into(), ..lease.clone() }));
        assert!(!lease_is_alive(&Lease { started: lease.started + 1, ..lease }));
    }

    #[test]
    fn a_name_with_parentheses_moves_no_field() {
        let tail = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20";
        assert_eq!(parse_stat(&format!("42 (a) b) (c) S {tail}")), Some(777));
        assert_eq!(parse_stat(&format!("42 (sleep) Z {tail}")), None);
        assert_eq!(parse_stat("42 (sleep"), None);
    }
}
