//! Names with letters that mean something to git, in ignore files and where git is asked for a path.

use crate::harness::Sandbox;

const LETTERS: &str = "*?[]!#\\ \t:";

/// Git takes what it is asked for as a pattern, and with `star*` it was asked for the pointer beside it, too.
#[test]
fn a_name_that_reads_as_a_pattern_gets_one_line() {
    for is_dvc in [false, true] {
        let sandbox = Sandbox::new();
        if is_dvc {
            sandbox.write(".dvc/config", "");
            sandbox.write(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n");
        }
        let at = |letter| [format!("{letter}begin"), format!("mid{letter}dle"), format!("end{letter}")];
        let names: Vec<String> = LETTERS.chars().flat_map(at).collect();
        for name in &names {
            sandbox.write(name, name);
        }
        sandbox.ok(["add", "--"].into_iter().chain(names.iter().map(String::as_str)));
        let lines = sandbox.read(".gitignore");
        assert_eq!(lines.lines().count(), names.len(), "{lines}");
        sandbox.commit("one");
        for _ in 0..2 {
            for name in &names {
                sandbox.remove(name);
            }
            sandbox.ok(["checkout"]);
            assert!(names.iter().all(|name| sandbox.read(name) == *name));
            assert_eq!(sandbox.read(".gitignore"), lines);
        }
        assert_eq!(sandbox.git(["status", "--short"]), "");
        // One that git tracks stays told of.
        let (pointer, file) = (if is_dvc { "mid*dle.dvc" } else { "mid*dle.pipe" }, "mid*dle");
        sandbox.ok(["remove", pointer]);
        sandbox.write(file, "tracked");
        sandbox.git(["add", "-f", "--", file]);
        assert!(sandbox.pipe(["add", file]).code(2).stderr.contains("git tracks"));
    }
}
