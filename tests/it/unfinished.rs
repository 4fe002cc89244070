//! What a killed process leaves of files that it had not finished: nothing where git and DVC look.

use std::time::Duration;

use crate::harness::Sandbox;

fn project(of_dvc: bool) -> (Sandbox, &'static str) {
    let sandbox = Sandbox::new();
    if of_dvc {
        sandbox.write(".dvc/config", "");
    }
    (sandbox, if of_dvc { ".dvc/tmp/pipe/tmp/files" } else { ".pipe/tmp/files" })
}

#[test]
fn files_are_made_where_neither_git_nor_dvc_looks() {
    for of_dvc in [false, true] {
        let (sandbox, apart) = project(of_dvc);
        sandbox.ok(["config", "cache.link_types", "symlink"]);
        for file in 0..40 {
            sandbox.write(&format!("d/{}/{file}", file % 3), format!("{file}\n").repeat(9_000));
        }
        sandbox.ok(["add", "d"]);
        assert!(sandbox.exists(apart), "{apart}");
        let whole = sandbox.files("d");
        for round in 0..6 {
            sandbox.ok(["checkout", "--relink"]);
            let mut unprotect = sandbox.start(sandbox.pipe_command(["unprotect", "d"]));
            std::thread::sleep(Duration::from_millis(8 + 2 * round));
            if unprotect.is_running() {
                unprotect.signal("KILL");
            }
            unprotect.wait();
            assert_eq!(sandbox.files("d"), whole, "after round {round}");
        }
        // What a dead process left goes with the next command that writes, and what is no such file stays.
        let dead = format!("{apart}/{}-999999999-1-aB3dE6.tmp", host());
        for file in [&dead, &format!("{apart}/notes")] {
            sandbox.write(file, "half");
        }
        sandbox.ok(["add", "d"]);
        assert!(!sandbox.exists(&dead) && sandbox.exists(&format!("{apart}/notes")));
        assert_eq!(sandbox.files("d"), whole);
    }
}

fn host() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    host.trim().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}
