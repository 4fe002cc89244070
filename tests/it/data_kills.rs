//! Each command on data is killed (SIGKILL) at any moment, in projects of both kinds. Whatever was recorded is to be had
//! afterwards, nothing is taken for whole that is not, what is ignored in a folder stays as it is, and the same command, said
//! again, goes on from there.
//!
//! `PIPE_TEST_KILLS` says how many kills are to fall within each command, `PIPE_TEST_SEED` repeats a series of moments. A kill that
//! came too late does not count: how long a command takes is learnt on the way, so that the moments spread over all of it. Of the
//! checkouts and pulls that bring a folder that is new, some are aimed: at the time while it is filled aside, and at the time when
//! it is in place and large files are not.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::dvc_tool::{Dvc, pipe_command, project};
use crate::harness::Sandbox;
use crate::histories::{Random, number, seed};

const COMMANDS: [&str; 6] = ["add", "commit", "checkout", "push", "pull", "gc"];

/// More than a folder is filled with one by one.
const FILES: u64 = 250;

/// Not filled in aside.
const LARGE: usize = 2 << 20;

const LARGE_FILES: usize = 10;

/// In the folder that a version has alone.
const OWN_FILES: usize = 20;

type Content = BTreeMap<String, Vec<u8>>;

/// What a file holds in a version; two thirds never change.
fn text(number: u64, version: u64) -> String {
    let version = if number.is_multiple_of(3) { version } else { 0 };
    format!("{number} {version}\n").repeat(40)
}

/// The folder in a version. A folder in it has its own name in each.
fn content(version: u64) -> Content {
    let mut content: Content = (0..FILES)
        .map(|number| (format!("{}/{number}", number % 7), text(number, version).into_bytes()))
        .collect();
    for at in 0..LARGE_FILES {
        let byte = u8::try_from((version as usize + at) % 251).unwrap();
        content.insert(format!("big{at}"), vec![byte; LARGE]);
    }
    for at in 0..OWN_FILES {
        content.insert(format!("only{version}/{at}"), format!("{version} {at}").into_bytes());
    }
    content
}

/// What the ignore file of the project says.
const IGNORED: &str = "*.tmp\nscratch/\n";

fn is_ignored(path: &str) -> bool {
    !path.contains(".pipe-") && (path.ends_with(".tmp") || path.starts_with("scratch/"))
}

/// What a round begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// Something new to record, to push or to collect.
    New,
    /// Some files are gone.
    Pieces,
    /// The folder holds a version, and the pointer tells of the one before.
    Back,
    /// The folder is gone.
    Gone(Aim),
}

impl Way {
    /// Whether the kill is to fall in a certain moment.
    fn is_aimed(self) -> bool {
        matches!(self, Way::Gone(Aim::Filling | Aim::Placed))
    }
}

/// Where a kill is aimed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Aim {
    Anywhere,
    Filling,
    Placed,
}

/// Up to what part of the time that a command is taken to last it is killed: it may last longer.
const BEYOND: f64 = 1.2;

const FILLING: &str = "while a folder was filled";
const PLACED: &str = "when a folder was in place, and not all that is in it";

/// The kills of a command.
#[derive(Default)]
struct Tally {
    /// Those that fell within it, by the quarter of its time.
    quarters: [u32; 4],
    /// Those that were aimed, and fell within it.
    aimed: u32,
    /// Those that came when it had ended.
    late: u32,
    /// The rounds of it.
    rounds: u64,
    /// Which [ways](Way) were done with.
    ways: usize,
}

impl Tally {
    fn kills(&self) -> u32 {
        self.quarters.iter().sum::<u32>() + self.aimed
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.quarters;
        let (kills, aimed, late) = (self.kills(), self.aimed, self.late);
        write!(formatter, "{kills} kills ({a}, {b}, {c}, {d} by quarter, {aimed} aimed), {late} too late")
    }
}

struct Kills {
    sandbox: Sandbox,
    is_dvc: bool,
    random: Random,
    /// How long each command is taken to last from each beginning: longer once it was still there to be killed later, and
    /// shorter once it had ended before.
    lasts: BTreeMap<(&'static str, Way), Duration>,
    /// The version that the pointer tells of.
    version: u64,
    /// The last version that there was.
    newest: u64,
    /// What is ignored in the folder.
    ignored: Vec<String>,
    tallies: BTreeMap<&'static str, Tally>,
    windows: BTreeMap<&'static str, u32>,
}

impl Kills {
    fn new(dvc: Option<&mut Dvc>, seed: u64) -> Self {
        let is_dvc = dvc.is_some();
        let sandbox = match dvc {
            Some(dvc) => project(dvc),
            None => Sandbox::new(),
        };
        sandbox.write(if is_dvc { ".dvcignore" } else { ".pipeignore" }, IGNORED);
        let mut kills = Kills {
            sandbox,
            is_dvc,
            random: Random(seed),
            lasts: BTreeMap::new(),
            version: 0,
            newest: 0,
            ignored: Vec::new(),
            tallies: BTreeMap::new(),
            windows: BTreeMap::new(),
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

    /// Writes the folder as it is in a version that is new.
    fn write(&mut self) {
        self.newest += 1;
        let before = format!("a/only{}", self.version);
        if self.sandbox.exists(&before) {
            self.sandbox.remove(&before);
        }
        self.version = self.newest;
        for (path, bytes) in content(self.version) {
            // What is a link must not be written through.
            let _ = std::fs::remove_file(self.sandbox.path(&format!("a/{path}")));
            self.sandbox.write(&format!("a/{path}"), bytes);
        }
    }

    /// Writes what is ignored into the folder, also into one that is in the last version alone.
    fn write_ignored(&mut self) {
        self.ignored = ["notes.tmp", "3/notes.tmp", "scratch/deep/notes"].map(str::to_owned).into();
        let newest = format!("only{}", self.newest);
        if self.sandbox.exists(&format!("a/{newest}")) {
            self.ignored.push(format!("{newest}/notes.tmp"));
        }
        for path in &self.ignored {
            self.sandbox.write(&format!("a/{path}"), path);
        }
    }

    /// The folder without what is ignored in it, which is there as it was written.
    fn here(&self, story: &str) -> Content {
        let files = self.sandbox.files("a").into_iter();
        let files = files.map(|path| (path["a/".len()..].to_owned(), self.sandbox.bytes(&path)));
        let (ignored, content): (Content, Content) = files.partition(|(path, _)| is_ignored(path));
        let written = self.ignored.iter().map(|path| (path.clone(), path.clone().into_bytes()));
        assert_eq!(ignored, written.collect::<Content>(), "what is ignored stays: {story}");
        content
    }

    fn remove(&mut self) {
        self.sandbox.remove("a");
        self.ignored.clear();
    }

    /// No file but one of a hidden name is there that was never in the folder, or only a part of which is.
    fn check_files(&self, story: &str) {
        let mut versions = vec![content(self.version)];
        versions.extend((1..=self.newest).rev().take(3).map(content));
        for (path, bytes) in self.here(story) {
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
    fn prepare(&mut self, command: &str, way: Way) {
        let pointer = self.sandbox.path(if self.is_dvc { "a.dvc" } else { "a.pipe" });
        match command {
            "add" | "commit" => self.write(),
            "push" => {
                self.write();
                self.ok(&["add", "a"]);
            }
            "gc" => {
                for _ in 0..2 {
                    self.write();
                    self.ok(&["add", "a"]);
                }
            }
            "pull" => {
                self.ok(&["push"]);
                self.drop_cache();
            }
            _ => {}
        }
        match way {
            Way::New => {}
            Way::Pieces => {
                for number in (0..FILES).filter(|_| self.random.below(2) == 0).collect::<Vec<_>>() {
                    self.sandbox.remove(&format!("a/{}/{number}", number % 7));
                }
                self.sandbox.remove("a/big0");
            }
            Way::Back => {
                let (version, text) = (self.version, std::fs::read(&pointer).unwrap());
                self.write();
                self.ok(&["add", "a"]);
                std::fs::write(&pointer, text).unwrap();
                self.version = version;
            }
            Way::Gone(_) => self.remove(),
        }
        if self.sandbox.exists("a") {
            self.write_ignored();
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

    /// What the rounds of a command begin with, one after the other. DVC's manifests tell no sizes, so that large files come with
    /// the folder there.
    fn ways(&self, command: &str) -> &'static [Way] {
        const WAYS: [Way; 5] = [
            Way::Pieces,
            Way::Gone(Aim::Filling),
            Way::Back,
            Way::Gone(Aim::Anywhere),
            Way::Gone(Aim::Placed),
        ];
        match command {
            "checkout" | "pull" => &WAYS[..WAYS.len() - usize::from(self.is_dvc)],
            _ => &[Way::New],
        }
    }

    /// Waits until the kill is due; how long that is of the time that the command lasts, where it is.
    fn wait(&mut self, command: &'static str, way: Way, started: &mut crate::harness::Started) -> f64 {
        let begun = Instant::now();
        match way {
            Way::Gone(Aim::Filling) => {
                while self.aside() == 0 && !self.sandbox.exists("a") && started.is_running() {}
            }
            Way::Gone(Aim::Placed) => while !self.sandbox.exists("a") && started.is_running() {},
            _ => {
                let part = self.random.below(1000) as f64 / 1000.0 * BEYOND;
                let moment = self.lasts[&(command, way)].mul_f64(part);
                while begun.elapsed() < moment && started.is_running() {
                    std::thread::sleep(Duration::from_micros(200).min(moment));
                }
                return part;
            }
        }
        std::thread::sleep(Duration::from_micros(self.random.below(1000) as u64));
        0.0
    }

    /// Whether the kill fell where it was aimed at.
    fn round(&mut self, command: &'static str) -> bool {
        let ways = self.ways(command);
        let way = ways[self.tallies.get(command).map_or(0, |tally| tally.ways) % ways.len()];
        self.prepare(command, way);
        let is_first = !self.tallies.contains_key(command);
        let words = self.words(command);
        let begun = Instant::now();
        let mut started = self.sandbox.start(pipe_command(&self.sandbox, &words));
        let mut part = 0.0;
        if !is_first {
            part = self.wait(command, way, &mut started);
            started.kill();
        }
        let index = self.tallies.entry(command).or_default().rounds;
        let story = format!("{command} ({way:?}) killed after {:?}, its round {index}", begun.elapsed());
        let said = started.wait();
        let took = begun.elapsed();
        let was_killed = said.signal() == Some(9);
        self.tell(command, way, was_killed.then_some(part), took);
        let mut fell = "";
        if !was_killed {
            said.code(0);
        } else if matches!(way, Way::Gone(_)) {
            fell = match (self.aside(), self.sandbox.exists("a")) {
                (0, false) => "before a folder was filled",
                (_, false) => FILLING,
                (_, true) if self.here(&story) == content(self.version) => "when all was in place",
                (_, true) => PLACED,
            };
            *self.windows.entry(fell).or_default() += 1;
        }
        self.check_files(&story);
        if matches!(command, "add" | "commit") {
            assert!(self.here(&story) == content(self.version), "data is left as it is: {story}");
        }
        if self.sandbox.exists("a") && self.ignored.is_empty() {
            self.write_ignored();
        }
        // It goes on.
        let said = self.sandbox.finish(pipe_command(&self.sandbox, &words));
        assert_eq!(said.code_of(), Some(0), "{story}\n{}", said.stderr);
        assert!(self.here(&story) == content(self.version), "{story}");
        if command == "push" {
            self.drop_cache();
            self.ok(&["fetch"]);
        }
        // What is recorded comes back from the cache alone, and nothing else is left.
        self.remove();
        self.ok(&["checkout"]);
        assert!(self.here(&story) == content(self.version), "{story}");
        self.ok(&["status", "-q", "--verify"]);
        for folder in ["jobs", "checkouts"] {
            assert_eq!(count(&self.tmp(folder)), 0, "what was begun is forgotten: {folder}, {story}");
        }
        match way {
            Way::Gone(Aim::Filling) => fell == FILLING,
            Way::Gone(Aim::Placed) => fell == PLACED,
            _ => true,
        }
    }

    /// Takes note of a round: of the part of its time after which the command was killed, if it was, and of how long it took.
    fn tell(&mut self, command: &'static str, way: Way, part: Option<f64>, took: Duration) {
        let ways = self.ways(command);
        let tally = self.tallies.entry(command).or_default();
        let is_first = tally.rounds == 0;
        tally.rounds += 1;
        if is_first {
            // Nobody killed it.
            self.lasts.extend(ways.iter().filter(|way| !way.is_aimed()).map(|way| ((command, *way), took)));
            return;
        }
        match part {
            None => tally.late += 1,
            Some(_) if way.is_aimed() => tally.aimed += 1,
            Some(part) => tally.quarters[(part.min(0.99) * 4.0) as usize] += 1,
        }
        if !way.is_aimed() {
            let lasts = self.lasts.get_mut(&(command, way)).expect("the first round told of every way");
            *lasts = part.map_or((*lasts + took) / 2, |part| lasts.mul_f64(part.max(1.0)));
        }
    }
}

/// How many files lie below a folder.
fn count(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
}

fn kill_all(mut dvc: Option<Dvc>) {
    let wanted = u32::try_from(number("PIPE_TEST_KILLS").unwrap_or(3)).expect("so many kills");
    let seed = seed();
    println!("{wanted} kills of each command from PIPE_TEST_SEED={seed}");
    let mut kills = Kills::new(dvc.as_mut(), seed);
    let has_enough = |kills: &Kills, command: &str| {
        kills.tallies.get(command).is_some_and(|tally| tally.kills() >= wanted)
    };
    while !COMMANDS.iter().all(|command| has_enough(&kills, command)) {
        for command in COMMANDS {
            if has_enough(&kills, command) {
                continue;
            }
            // The moments that are aimed at are short.
            let _ = (0..3).any(|_| kills.round(command));
            let tally = kills.tallies.get_mut(command).expect("it had a round");
            tally.ways += 1;
            let (kills, rounds) = (tally.kills(), tally.rounds);
            assert!(
                rounds < 30 + 4 * u64::from(wanted),
                "{command}: {rounds} rounds, and {kills} kills fell within it"
            );
        }
        if let Some(dvc) = dvc.as_mut() {
            let story = format!("{} rounds of add", kills.tallies["add"].rounds);
            assert!(dvc.stale(&kills.sandbox).is_empty(), "{story}");
            kills.remove();
            dvc.ok(&kills.sandbox, &["checkout", "-q"]);
            assert!(kills.here(&story) == content(kills.version), "{story}");
        }
    }
    for command in COMMANDS {
        let lasts = kills.lasts.iter().filter(|((of, _), _)| *of == command);
        let lasts: Vec<String> = lasts.map(|((_, way), lasts)| format!("{way:?} {lasts:.0?}")).collect();
        println!("{command}: {}; it lasts about {}", kills.tallies[command], lasts.join(", "));
    }
    println!("of a folder that was gone: {:?}", kills.windows);
    // The moments are short, the second one even more so: a busy machine does not hit them each time.
    let moments =
        if wanted < 17 || kills.is_dvc { &[(FILLING, 1)][..] } else { &[(FILLING, 1), (PLACED, 4)] };
    for (moment, way) in moments {
        for _ in 0..100 {
            if kills.windows.contains_key(*moment) {
                break;
            }
            kills.tallies.get_mut("checkout").expect("it had a round").ways = *way;
            kills.round("checkout");
        }
        assert!(kills.windows.contains_key(*moment), "no kill fell {moment}: {:?}", kills.windows);
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
