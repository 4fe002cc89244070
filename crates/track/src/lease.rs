//! Leases of this machine: who we are, and whether another process still lives.
//!
//! The judgement is `disk`'s, which judges the holders of locks by the same four facts.

use disk::{Holder, Liveness};

use crate::Lease;

impl Lease {
    /// The lease of this process.
    pub fn current() -> Lease {
        Holder::current().into()
    }

    /// The lease of another process of this host; `None` when there is none of that id.
    pub fn of(pid: u32) -> Option<Lease> {
        Holder::of(pid).map(Lease::from)
    }
}

impl From<Holder> for Lease {
    fn from(Holder { host, boot, pid, started }: Holder) -> Lease {
        Lease { host, boot, pid, started }
    }
}

/// Whether the process may live: a process of another host, which cannot be asked, counts as alive.
pub fn lease_is_alive(lease: &Lease) -> bool {
    let Lease { host, boot, pid, started } = lease.clone();
    Holder { host, boot, pid, started }.liveness() != Liveness::Dead
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a child process is what is judged here")]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn this_process_lives_and_one_that_ended_does_not() {
        let here = Lease::current();
        assert!(lease_is_alive(&here));
        assert!(!lease_is_alive(&Lease { boot: "before".into(), ..here.clone() }));
        assert!(lease_is_alive(&Lease {
            host: "elsewhere.test".into(),
            boot: String::new(),
            ..here.clone()
        }));
        let mut child = Command::new("true").spawn().expect("starts");
        child.wait().expect("ours");
        assert!(!lease_is_alive(&Lease { pid: child.id(), started: 1, ..here }));
    }
}
