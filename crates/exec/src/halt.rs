//! Halts process groups with all that was started below them, and tells for how long: who is halted that way, as a
//! reproduction in a stage, hears of it by no signal, and would count the time as its stages'.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// The variable that names the files, of the job of a command and of those around it, that tell for how long it was halted.
pub const HALTED: &str = "PIPE_HALTED";

/// The file in the folder of a job.
pub(crate) fn halted_file(job: &Path) -> PathBuf {
    job.join("halted")
}

/// Adds to the time for which the commands of a job were halted. Where that cannot be written, it counts as theirs.
pub(crate) fn tell_halted(job: &Path, more: Duration) {
    let file = halted_file(job);
    let micros = (told_halted(&file) + more).as_micros();
    let _ = disk::replace_volatile(&file, micros.to_string().as_bytes());
}

/// For how long commands were halted as such a file tells.
pub(crate) fn told_halted(file: &Path) -> Duration {
    let text = disk::read_text_optional(file).ok().flatten();
    Duration::from_micros(text.and_then(|text| text.trim().parse().ok()).unwrap_or_default())
}

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
