//! Each command on data is killed (SIGKILL) at any moment, in projects of both kinds. Whatever was recorded is to be had
//! afterwards, nothing is taken for whole that is not, and the same command, said again, goes on from there.
//!
//! `PIPE_TEST_KILLS` says how often, `PIPE_TEST_SEED` repeats a series of moments. Of the checkouts and pulls that bring a folder
//! that is new, some are aimed: at the time while it is filled aside, and at the time when it is in place and large files are not.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::dvc_tool::{Dvc, pipe_command, project};
use crate::harness::Sandbox;
use crate::histories::{Random, number, seed_of_now};

const COMMANDS: [&str; 6] = ["add", "commit", "checkout", "push", "pull", "gc"];

/// More than a folder is filled with one by one.
const FILES: u64 = 250;

/// Not filled in aside.
const LARGE: usize = 2 << 20;

const LARGE_FILES: usize = 10;

type Content = BTreeMap<String, Vec<u8>>;

/// What a file holds in a version; two thirds never change.
fn text(number: u64, version: u64) -> String {
    let version = if number.is_multiple_of(3) { version } else { 0 };
    format!("{number} {version}\n").repeat(40)
}

/// The folder in a version.
fn content(version: u64) -> Content {
    let mut content: Content = (0..FILES)
        .map(|number| (format!("{}/{number}", number % 7), text(number, version).into_bytes()))
        .collect();
    for at in 0..LARGE_FILES {
        let byte = u8::try_from((version as usize + at) % 251).unwrap();
        content.insert(format!("big{at}"), vec![byte; LARGE]);
    }
    content
}

struct Kills {
    sandbox: Sandbox,
    is_dvc: bool,
    random: Random,
    /// How long each command takes when nobody kills it.
    whole: BTreeMap<&'static str, Duration>,
    version: u64,
    tally: BTreeMap<String, u32>,
}

const FILLING: &str = "while a folder was filled";
const PLACED: &str = "when a folder was in place, and not all that is in it";

/// Where a kill is aimed at.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Aim {
    Anywhere,
    Filling,
    Placed,
}

impl Kills {
    fn new(dvc: Option<&mut Dvc>, seed: u64) -> Self {
        let is_dvc = dvc.is_some();
        let sandbox = match dvc {
            Some(dvc) => project(dvc),
            None => Sandbox::new(),
        };
        let kills = Kills {
            sandbox,
            is_dvc,
            random: Random(seed),
            whole: BTreeMap::new(),
            version: 1,
            tally: BTreeMap::new(),
        };
        kills.write();
        kills.ok(&["add", "a"]);
        kills.ok(&["remote", "add", "--default", "store", "../store"]);
        kills.ok(&["push"]);
        kills
    }

    fn ok(&self, words: &[&str]) {
        self.sandbox.finish(pipe_command(&self.sandbox, words)).code(0);
    }

    fn tmp(&self, name: &str) -> PathBuf {
        self.sandbox.path(if self.is_dvc { ".dvc/tmp/pipe/tmp" } else { ".pipe/tmp" }).join(name)
    }

    fn drop_cache(&self) {
        self.sandbox.remove(if self.is_dvc { ".dvc/cache" } else { ".pipe/cache" });
    }

    /// Writes the folder as it is in this version.
    fn write(&self) {
        for (path, bytes) in content(self.version) {
            // What is a link must not be written through.
            let _ = std::fs::remove_file(self.sandbox.path(&format!("a/{path}")));
            self.sandbox.write(&format!("a/{path}"), bytes);
        }
    }

    fn here(&self) -> Content {
        let files = self.sandbox.files("a").into_iter();
        files.map(|path| (path["a/".len()..].to_owned(), self.sandbox.bytes(&path))).collect()
    }

    /// No file but one of a hidden name is there that was never in the folder, or only a part of which is.
    fn check_files(&self, story: &str) {
        let versions: Vec<Content> = (1..=self.version).rev().take(3).map(content).collect();
        for (path, bytes) in self.here() {
            if !path.contains(".pipe-") {
                assert!(versions.iter().any(|version| version.get(&path) == Some(&bytes)), "{path}: {story}");
            }
        }
    }

    /// Files in folders that a checkout fills.
    fn aside(&self) -> usize {
        let jobs = std::fs::read_dir(self.tmp("jobs")).into_iter().flatten().flatten();
        let asides = jobs.filter(|job| job.file_name().to_string_lossy().ends_with("-checkout"));
        asides.map(|aside| count(&aside.path())).sum()
    }

    /// What a command needs to have something to do.
    fn prepare(&mut self, command: &str, aim: Aim) {
        match command {
            "add" | "commit" => {
                self.version += 1;
                self.write();
            }
            "checkout" | "pull" if aim == Aim::Anywhere && self.random.below(2) == 0 => {
                // Some of the files, where they are.
                for number in (0..FILES).filter(|_| self.random.below(2) == 0).collect::<Vec<_>>() {
                    self.sandbox.remove(&format!("a/{}/{number}", number % 7));
                }
                self.sandbox.remove("a/big0");
            }
            "checkout" | "pull" => self.sandbox.remove("a"),
            "push" => {
                self.version += 1;
                self.write();
                self.ok(&["add", "a"]);
            }
            _ => {
                for _ in 0..2 {
                    self.version += 1;
                    self.write();
                    self.ok(&["add", "a"]);
                }
            }
        }
        if command == "pull" {
            self.ok(&["push"]);
            self.drop_cache();
        }
        self.sandbox.settle();
    }

    fn words(&self, command: &'static str) -> Vec<&'static str> {
        match command {
            "add" | "commit" => vec![command, "a"],
            "gc" => vec!["gc", "-w", "-f"],
            _ => vec![command],
        }
    }

    /// Whether the kill fell where it was aimed at.
    fn round(&mut self, index: u64) -> bool {
        let command = COMMANDS[(index % 6) as usize];
        let aim = match (command, index / 6 % 3) {
            ("checkout" | "pull", 1) => Aim::Filling,
            ("checkout" | "pull", 2) => Aim::Placed,
            _ => Aim::Anywhere,
        };
        self.prepare(command, aim);
        let words = self.words(command);
        let is_new = !self.sandbox.exists("a");
        let begun = Instant::now();
        let mut started = self.sandbox.start(pipe_command(&self.sandbox, &words));
        let is_first = !self.whole.contains_key(command);
        match aim {
            _ if is_first => {}
            Aim::Anywhere => {
                std::thread::sleep(self.whole[command].mul_f64(self.random.below(1000) as f64 / 950.0));
            }
            Aim::Filling => while self.aside() == 0 && !self.sandbox.exists("a") && started.is_running() {},
            Aim::Placed => while !self.sandbox.exists("a") && started.is_running() {},
        }
        if aim != Aim::Anywhere {
            std::thread::sleep(Duration::from_micros(self.random.below(1000) as u64));
        }
        let story = format!("{command} ({aim:?}) killed after {:?}, round {index}", begun.elapsed());
        if !is_first {
            started.kill();
        }
        let said = started.wait();
        let took = begun.elapsed();
        let was_killed = said.signal() == Some(9);
        let mut fell = "";
        if !was_killed {
            // The first of all takes longer than those that follow, which would be over before they are killed.
            said.code(0);
            self.whole.insert(command, took);
        }
        if was_killed {
            *self.tally.entry(command.to_owned()).or_default() += 1;
            if is_new {
                let window = match (self.aside(), self.sandbox.exists("a")) {
                    (0, false) => "before a folder was filled",
                    (_, false) => FILLING,
                    (_, true) if self.here() == content(self.version) => "when all was in place",
                    (_, true) => PLACED,
                };
                *self.tally.entry(window.to_owned()).or_default() += 1;
                fell = window;
            }
        }
        self.check_files(&story);
        if matches!(command, "add" | "commit") {
            assert_eq!(self.here(), content(self.version), "data is left as it is: {story}");
        }
        // It goes on.
        let said = self.sandbox.finish(pipe_command(&self.sandbox, &words));
        assert_eq!(said.code_of(), Some(0), "{story}\n{}", said.stderr);
        assert!(self.here() == content(self.version), "{story}");
        if command == "push" {
            self.drop_cache();
            self.ok(&["fetch"]);
        }
        // What is recorded comes back from the cache alone, and nothing else is left.
        self.sandbox.remove("a");
        self.ok(&["checkout"]);
        assert!(self.here() == content(self.version), "{story}");
        self.ok(&["status", "-q", "--verify"]);
        for folder in ["jobs", "checkouts"] {
            assert_eq!(count(&self.tmp(folder)), 0, "what was begun is forgotten: {folder}, {story}");
        }
        match aim {
            Aim::Anywhere => true,
            Aim::Filling => fell == FILLING,
            Aim::Placed => fell == PLACED,
        }
    }
}

/// How many files lie below a folder.
fn count(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
}

fn kill_all(mut dvc: Option<Dvc>) {
    // The first of each command is let be.
    let rounds = number("PIPE_TEST_KILLS").unwrap_or(18).max(18) + 6;
    let seed = number("PIPE_TEST_SEED").unwrap_or_else(seed_of_now);
    println!("{rounds} rounds from PIPE_TEST_SEED={seed}");
    let mut kills = Kills::new(dvc.as_mut(), seed);
    for index in 0..rounds {
        // The moments are short.
        let _ = (0..3).any(|_| kills.round(index));
        if let Some(dvc) = dvc.as_mut().filter(|_| index % 6 == 5) {
            assert!(dvc.stale(&kills.sandbox).is_empty(), "round {index}");
            kills.sandbox.remove("a");
            dvc.ok(&kills.sandbox, &["checkout", "-q"]);
            assert!(kills.here() == content(kills.version), "round {index}");
        }
    }
    println!("{:?}; undisturbed: {:?}", kills.tally, kills.whole);
    // The second moment is too short for a busy machine to hit it each time: so many tries do. DVC's manifests tell no sizes, so that
    // large files come with the folder there.
    let moments = if rounds < 100 || kills.is_dvc { &[FILLING][..] } else { &[FILLING, PLACED] };
    for moment in moments {
        assert!(kills.tally.contains_key(*moment), "no kill fell {moment}: {:?}", kills.tally);
    }
}

#[test]
fn kills_of_any_command_lose_nothing() {
    kill_all(None);
}

#[test]
fn kills_in_projects_of_dvc_lose_nothing() {
    kill_all(Some(Dvc::start(&Sandbox::without_git())));
}
