//! Commands that work on data are killed (SIGKILL) at any moment. Whatever was recorded is to be had afterwards, and the
//! same command, said again, goes on from there.
//!
//! `PIPE_TEST_KILLS` and `PIPE_TEST_SEED` as for the kills of reproductions.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::harness::Sandbox;
use crate::histories::{Random, number, seed};

/// How many files the folder has.
const FILES: usize = 120;

type Content = BTreeMap<String, Vec<u8>>;

fn write(sandbox: &Sandbox, folder: &str, index: u64) {
    for number in 0..FILES {
        // A third changes from round to round.
        let version = if number % 3 == 0 { index } else { 0 };
        let text = format!("{number} {version}\n").repeat(200);
        sandbox.write(&format!("{folder}/{}/{number}", number % 7), text);
    }
}

fn content(sandbox: &Sandbox, folder: &str) -> Content {
    let files = sandbox.files(folder).into_iter();
    let inside = |path: &str| path.strip_prefix(&format!("{folder}/")).unwrap().to_owned();
    files.map(|path| (inside(&path), sandbox.bytes(&path))).collect()
}

/// Runs a command and kills it somewhere on its way; says whether it was killed.
fn kill(sandbox: &Sandbox, words: &[&str], after: Duration) -> bool {
    let mut started = sandbox.start(sandbox.pipe_command(words));
    std::thread::sleep(after);
    if started.is_running() {
        started.signal("KILL");
    }
    started.wait().signal() == Some(9)
}

#[test]
fn kills_of_commands_on_data_lose_nothing() {
    let kills = number("PIPE_TEST_KILLS").unwrap_or(15);
    let seed = seed();
    println!("{kills} kills from PIPE_TEST_SEED={seed}");
    let mut random = Random(seed);
    let sandbox = Sandbox::new();
    write(&sandbox, "a", 0);
    sandbox.ok(["add", "a"]);
    let begun = Instant::now();
    write(&sandbox, "a", 1_000_000);
    sandbox.ok(["add", "a"]);
    let mut whole = begun.elapsed();
    let mut killed = 0;
    for index in 0.. {
        if index >= kills && (killed > 0 || kills < 5) {
            break;
        }
        assert!(index < kills + 100, "none of {index} was killed in time");
        let after = whole.mul_f64(random.below(1000) as f64 / 900.0);
        let word = ["add", "commit", "checkout", "move", "remove"][(index % 5) as usize];
        let story = format!("{word} killed after {after:?}, round {index}");
        let expected;
        let was_killed = match word {
            "add" | "commit" => {
                write(&sandbox, "a", index + 1);
                expected = content(&sandbox, "a");
                let was_killed = kill(&sandbox, &[word, "a"], after);
                assert_eq!(content(&sandbox, "a"), expected, "data is left as it is: {story}");
                sandbox.ok([word, "a"]);
                was_killed
            }
            "checkout" => {
                expected = content(&sandbox, "a");
                for number in (0..FILES).filter(|_| random.below(2) == 0).collect::<Vec<_>>() {
                    sandbox.remove(&format!("a/{}/{number}", number % 7));
                }
                let was_killed = kill(&sandbox, &["checkout"], after);
                sandbox.ok(["checkout"]);
                was_killed
            }
            "move" => {
                expected = content(&sandbox, "a");
                let was_killed = kill(&sandbox, &["move", "a", "b"], after);
                sandbox.json(["status", "--json"]);
                // What has two pointers is not brought back twice.
                if sandbox.exists("a.pipe") && sandbox.exists("b.pipe") {
                    for word in ["checkout", "commit", "repro"] {
                        sandbox.pipe([word]).code(2).tells(&["was cut off", "`pipe move a b` finishes it"]);
                    }
                }
                if sandbox.exists("a.pipe") {
                    sandbox.ok(["move", "a", "b"]);
                }
                assert_eq!(content(&sandbox, "b"), expected, "{story}");
                assert!(!sandbox.exists("a") && !sandbox.exists("a.pipe"), "{story}");
                sandbox.ok(["move", "b", "a"]);
                was_killed
            }
            _ => {
                expected = content(&sandbox, "a");
                let pointer = sandbox.read("a.pipe");
                let was_killed = kill(&sandbox, &["remove", "--outs", "a"], after);
                if sandbox.exists("a.pipe") {
                    sandbox.ok(["remove", "--outs", "a"]);
                }
                assert!(!sandbox.exists("a") && !sandbox.exists("a.pipe"), "{story}");
                sandbox.write("a.pipe", pointer);
                sandbox.ok(["checkout"]);
                was_killed
            }
        };
        killed += u64::from(was_killed);
        if !was_killed {
            // It takes less than that.
            whole = whole.mul_f64(0.7);
        }
        // What is recorded is there, and comes back from the cache alone.
        assert_eq!(sandbox.states(), "a.pipe:fresh", "{story}");
        sandbox.remove("a");
        sandbox.ok(["checkout"]);
        assert_eq!(content(&sandbox, "a"), expected, "{story}");
        sandbox.ok(["status", "--verify"]);
    }
    println!("in the end an add was taken to last {whole:?}; {killed} of {kills} were killed in time");
}
