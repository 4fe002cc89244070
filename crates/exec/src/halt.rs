//! Halts process groups with all that was started below them.

use std::collections::BTreeSet;

use rustix::process::{Pid, Signal, kill_process_group};

/// Halts the process groups, and those of all that was started by their processes: a reproduction in a stage, say, which is
/// halted before it could halt its own. Returns all of them. Where there is no `/proc`, these are the given ones.
pub(crate) fn halt_groups(groups: &[Pid]) -> Vec<Pid> {
    let own = rustix::process::getpgrp();
    let mut halted: Vec<Pid> = Vec::new();
    let mut wanted = groups.to_vec();
    // Until nobody is left who could start more.
    while !wanted.is_empty() {
        for group in wanted.drain(..) {
            let _ = kill_process_group(group, Signal::STOP);
            halted.push(group);
        }
        if !groups.is_empty() {
            wanted = groups_below(groups);
            wanted.retain(|group| *group != own && !halted.contains(group));
        }
    }
    halted
}

/// The groups of all processes that those of `groups` have started, each once.
fn groups_below(groups: &[Pid]) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let processes: Vec<[i32; 3]> = entries
        .filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse::<i32>().ok()?;
            let status = disk::read_text(format!("/proc/{pid}/stat").as_ref()).ok()?;
            // Behind the name, which may hold anything: its state, its parent, its group.
            let mut fields = status.rsplit_once(") ")?.1.split(' ').skip(1);
            Some([pid, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?])
        })
        .collect();
    let mut known: BTreeSet<i32> = groups.iter().map(|group| group.as_raw_nonzero().get()).collect();
    let mut found: BTreeSet<i32> = known.clone();
    loop {
        // Members of a group, and children of what was found.
        let is_below = |[pid, parent, group]: &&[i32; 3]| {
            known.contains(pid) || known.contains(parent) || found.contains(group)
        };
        let below: Vec<[i32; 3]> = processes.iter().filter(is_below).copied().collect();
        let count = known.len();
        known.extend(below.iter().map(|[pid, ..]| *pid));
        found.extend(below.iter().map(|[.., group]| *group));
        if known.len() == count {
            return found.into_iter().filter_map(Pid::from_raw).collect();
        }
    }
}
