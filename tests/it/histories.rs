//! Random projects with random histories, judged by a shell: after every `pipe repro` the outs are what the
//! commands make in a clean folder, and `status` and `--dry` had said what then happened. In between, stages fail
//! and `pipe` is killed: then what counts as up to date is right, and the next one makes up for the rest.
//!
//! `PIPE_TEST_ROUNDS` sets the number of histories, `PIPE_TEST_SEED` repeats one; `now` makes others each time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::harness::Sandbox;

const STEPS: usize = 7;

/// A splitmix generator: small, and nobody else's.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

/// What a stage writes.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    File,
    Folder,
    /// One file for each of two members of a group, in one folder.
    Group,
}

#[derive(Clone)]
struct Stage {
    /// Inputs, and outs of earlier stages, or the folder of a folder out.
    deps: Vec<String>,
    /// Numbers of params.
    params: Vec<usize>,
    /// How much of its inputs shows in its out: less means more early cutoff.
    kind: usize,
    shape: Shape,
    /// Something in the command that changes nothing.
    comment: usize,
}

#[derive(Clone)]
struct Project {
    stages: Vec<Stage>,
    inputs: Vec<usize>,
    params: Vec<usize>,
}

impl Stage {
    fn random(random: &mut Random, index: usize, outs: &[String]) -> Self {
        let mut deps: Vec<String> =
            (0..3).filter(|_| random.chance(4)).map(|input| format!("in{input}")).collect();
        deps.extend(outs.iter().filter(|_| random.chance(2)).cloned());
        if deps.is_empty() {
            deps.push(format!("in{}", index % 3));
        }
        let params = (0..3).filter(|_| random.chance(3)).collect();
        let shape = [Shape::File, Shape::File, Shape::File, Shape::Folder, Shape::Group][random.below(5)];
        Stage { deps, params, kind: random.below(3), shape, comment: 0 }
    }

    /// What a later stage names as its dep.
    fn out(&self, index: usize) -> String {
        if self.shape == Shape::File { format!("out{index}") } else { format!("dir{index}") }
    }

    fn files(&self, index: usize) -> Vec<String> {
        let out = self.out(index);
        if self.shape == Shape::File { vec![out] } else { vec![format!("{out}/a"), format!("{out}/b")] }
    }

    fn members(&self, index: usize) -> Vec<String> {
        if self.shape == Shape::Group {
            vec![format!("s{index}@a"), format!("s{index}@b")]
        } else {
            vec![format!("s{index}")]
        }
    }

    /// Reads deps and params, writes the out. Folders are read in the order of their names. `item` stands for the
    /// member of a group.
    fn command(&self, index: usize, item: &str) -> String {
        let out = self.out(index);
        let mut read = format!("find {} -type f | LC_ALL=C sort | xargs cat", self.deps.join(" "));
        for param in &self.params {
            let _ = write!(read, "; grep '^p{param}:' params.yaml");
        }
        let filter = ["cat", "head -c 9", "wc -l | tr -d ' '"][self.kind];
        let write = match self.shape {
            Shape::File => format!("({read}) | {filter} > {out}"),
            Shape::Folder => format!("mkdir {out} && ({read}) | {filter} > {out}/a && cp {out}/a {out}/b"),
            Shape::Group => format!("mkdir -p {out} && (echo {item}; {read}) | {filter} > {out}/{item}"),
        };
        // Half an out is there before it fails.
        let fail = match self.shape {
            Shape::File => format!("echo half > {out}; exit 7"),
            Shape::Folder => format!("mkdir {out}; echo half > {out}/a; exit 7"),
            Shape::Group => "exit 7".to_owned(),
        };
        format!("if [ -e fail{index} ]; then {fail}; fi\n      {write} # {}", self.comment)
    }
}

impl Project {
    fn random(random: &mut Random) -> Self {
        let mut stages: Vec<Stage> = Vec::new();
        let mut outs = Vec::new();
        for index in 0..2 + random.below(5) {
            let stage = Stage::random(random, index, &outs);
            outs.push(stage.out(index));
            stages.push(stage);
        }
        Project { stages, inputs: vec![0; 3], params: vec![0; 3] }
    }

    fn pipeline(&self) -> String {
        let mut text = String::from("stages:\n");
        for (index, stage) in self.stages.iter().enumerate() {
            let params: Vec<String> = stage.params.iter().map(|param| format!("p{param}")).collect();
            let (deps, params) = (stage.deps.join(", "), params.join(", "));
            let out = stage.out(index);
            let _ = if stage.shape == Shape::Group {
                write!(
                    text,
                    "  s{index}:\n    foreach: [a, b]\n    do:\n      cmd: |\n        echo s{index}@${{item}} >> ran\n        {}\n      deps: [{deps}]\n      params: [{params}]\n      outs: ['{out}/${{item}}']\n",
                    stage.command(index, "${item}").replace("\n", "\n  "),
                )
            } else {
                write!(
                    text,
                    "  s{index}:\n    cmd: |\n      echo s{index} >> ran\n      {}\n    deps: [{deps}]\n    params: [{params}]\n    outs: [{out}]\n",
                    stage.command(index, ""),
                )
            };
        }
        text
    }

    fn params_text(&self) -> String {
        self.params.iter().enumerate().map(|(index, value)| format!("p{index}: {value}\n")).collect()
    }

    fn write(&self, sandbox: &Sandbox) {
        sandbox.write("pipeline.yaml", self.pipeline());
        sandbox.write("params.yaml", self.params_text());
        for (index, value) in self.inputs.iter().enumerate() {
            let path = format!("in{index}");
            let text = format!("{index} {}\n{}", value / 2, "line\n".repeat(value % 2));
            if !sandbox.exists(&path) || sandbox.read(&path) != text {
                sandbox.write(&path, text);
            }
        }
    }

    /// What a shell makes of it in a clean folder.
    fn oracle(&self, sandbox: &Sandbox) -> BTreeMap<String, String> {
        let folder = sandbox.root().with_file_name("oracle");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        let mut script = String::from("set -e\n");
        for (index, stage) in self.stages.iter().enumerate() {
            let items: &[&str] = if stage.shape == Shape::Group { &["a", "b"] } else { &[""] };
            for item in items {
                let _ = writeln!(script, "{}", stage.command(index, item));
            }
        }
        for name in ["in0", "in1", "in2", "params.yaml"] {
            std::fs::copy(sandbox.path(name), folder.join(name)).unwrap();
        }
        let mut command = sandbox.program("sh");
        command.args(["-c", &script]).current_dir(&folder);
        sandbox.finish(command).code(0);
        self.outs(&folder)
    }

    fn outs(&self, folder: &std::path::Path) -> BTreeMap<String, String> {
        let mut outs = BTreeMap::new();
        for (index, stage) in self.stages.iter().enumerate() {
            for file in stage.files(index) {
                let text = std::fs::read_to_string(folder.join(&file));
                outs.insert(file.clone(), text.unwrap_or_else(|fault| format!("{fault}")));
            }
        }
        outs
    }

    /// Changes something; returns what, in words.
    fn change(&mut self, random: &mut Random, sandbox: &Sandbox, past: &[Project]) -> String {
        let index = random.below(self.stages.len());
        let out = self.stages[index].out(index);
        match random.below(11) {
            0 | 1 => {
                let param = random.below(3);
                self.params[param] = random.below(3);
                format!("p{param} = {}", self.params[param])
            }
            2 | 3 => {
                let input = random.below(3);
                self.inputs[input] = random.below(4);
                format!("in{input} = {}", self.inputs[input])
            }
            4 => {
                self.stages[index].comment = random.below(3);
                format!("another comment in s{index}")
            }
            5 => {
                self.stages[index].kind = random.below(3);
                format!("another filter in s{index}")
            }
            6 => {
                *self = past[random.below(past.len())].clone();
                "back to an earlier state".to_owned()
            }
            7 => {
                let path = self.stages[index].files(index).remove(0);
                sandbox.write(&path, "edited by hand\n");
                format!("{path} edited")
            }
            8 => {
                if sandbox.exists(&out) {
                    sandbox.remove(&out);
                }
                format!("{out} removed")
            }
            9 => {
                let lost = [".pipe/state", "pipeline.lock"][random.below(2)];
                if sandbox.exists(lost) {
                    sandbox.remove(lost);
                }
                format!("{lost} removed")
            }
            _ => {
                let blobs = sandbox.files(".pipe/cache/blake3");
                for blob in blobs.iter().filter(|_| random.chance(4)) {
                    sandbox.remove(blob);
                }
                "some blobs removed".to_owned()
            }
        }
    }
}

/// How often each stage ran so far.
fn runs(sandbox: &Sandbox, project: &Project) -> BTreeMap<String, usize> {
    let members = project.stages.iter().enumerate().flat_map(|(index, stage)| stage.members(index));
    members.map(|name| (name.clone(), sandbox.count("ran", &name))).collect()
}

/// Whatever happened: what counts as up to date is what a shell makes of it.
fn check_fresh(sandbox: &Sandbox, project: &Project, story: &str) {
    let states = sandbox.states();
    let expected = project.oracle(sandbox);
    for (index, stage) in project.stages.iter().enumerate() {
        let (members, files) = (stage.members(index), stage.files(index));
        for (at, file) in files.iter().enumerate() {
            let member = &members[at.min(members.len() - 1)];
            if states.split(' ').any(|state| state == format!("{member}:fresh")) {
                assert_eq!(
                    sandbox.read(file),
                    expected[file],
                    "{story}\n{member} is told to be fresh: {states}"
                );
            }
        }
    }
}

/// Some stages fail as soon as they run; then nothing keeps them from it.
fn check_failures(sandbox: &Sandbox, project: &Project, random: &mut Random, story: &str) {
    let failing: Vec<usize> = (0..project.stages.len()).filter(|_| random.chance(3)).collect();
    for index in &failing {
        sandbox.write(&format!("fail{index}"), "");
    }
    let jobs = (1 + random.below(8)).to_string();
    let mut arguments = vec!["repro", "-j", &jobs];
    if random.chance(2) {
        arguments.push("--keep-going");
    }
    let before = runs(sandbox, project);
    let said = sandbox.pipe(&arguments);
    let after = runs(sandbox, project);
    for index in &failing {
        sandbox.remove(&format!("fail{index}"));
    }
    let story = format!("{story}; {arguments:?} where {failing:?} fail");
    let failed = failing
        .iter()
        .flat_map(|index| project.stages[*index].members(*index))
        .any(|member| after[&member] > before[&member]);
    let story = format!("{story}\n{}", said.stderr);
    said.code(i32::from(failed));
    check_fresh(sandbox, project, &story);
}

fn check_kill(sandbox: &Sandbox, project: &Project, random: &mut Random, story: &str) {
    let jobs = (1 + random.below(8)).to_string();
    let mut started = sandbox.start(sandbox.pipe_command(["repro", "-j", &jobs]));
    std::thread::sleep(Duration::from_millis(random.below(80) as u64));
    let signal = ["KILL", "TERM"][random.below(2)];
    if started.is_running() {
        started.signal(signal);
    }
    let said = started.wait();
    check_fresh(sandbox, project, &format!("{story}; SIG{signal}\n{}", said.stderr));
}

fn check(sandbox: &Sandbox, project: &Project, random: &mut Random, story: &str) {
    let status = sandbox.pipe(["status", "--json"]).code(0).json();
    let dry = sandbox.ok(["repro", "--dry"]).stdout;
    let before = runs(sandbox, project);
    let jobs = (1 + random.below(8)).to_string();
    let said = sandbox.ok(["repro", "-j", &jobs]);
    let after = runs(sandbox, project);
    for (index, line) in dry.lines().enumerate() {
        let state = status["stages"][index]["state"].as_str().unwrap();
        let (name, told) = line.split_once(": ").unwrap();
        let ran = after[name] - before[name];
        assert_eq!(status["stages"][index]["stage"], name);
        let tells_truth = match told {
            "up to date" => state == "fresh" && ran == 0,
            // Bytes that are saved before they are replaced may be those that a removed blob held.
            _ if told.starts_with("would run: ") => {
                state == "stale" && (ran == 1 || (ran == 0 && said.stderr.contains("Saved ")))
            }
            _ if told.starts_with("would be restored from ") => state == "stale" && ran == 0,
            _ if told.starts_with("depends on ") => state == "upstream" && ran <= 1,
            _ if told.starts_with("would run or be restored after ") => state == "stale" && ran <= 1,
            _ => false,
        };
        assert!(tells_truth, "{story}\n{name} was {state} and {told}, and ran {ran} times\n{}", said.stderr);
    }
    assert_eq!(project.outs(&sandbox.root()), project.oracle(sandbox), "{story}\n{}", said.stderr);
    sandbox.ok(["repro"]).tells(&["Everything is up to date"]);
    assert_eq!(runs(sandbox, project), after, "{story}\na second reproduction does nothing");
    sandbox.ok(["status", "-q"]);
}

/// A number from the environment.
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// How many random histories a variable asks for: of a seed that was named, that one alone.
pub fn rounds(name: &str) -> Option<u64> {
    let is_named = std::env::var("PIPE_TEST_SEED").is_ok_and(|seed| seed != "now");
    number(name).or(is_named.then_some(1))
}

/// The seed of a random series: the same one each time, so that what passes once passes always. `PIPE_TEST_SEED` names another,
/// and `now` one that was not there before.
pub fn seed() -> u64 {
    match std::env::var("PIPE_TEST_SEED").as_deref() {
        Err(_) => 1,
        Ok("now") => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            u64::from(now.subsec_nanos()) << 20
        }
        Ok(text) => text.parse().expect("a number, or `now`"),
    }
}

fn history(seed: u64) {
    let mut random = Random(seed);
    let mut project = Project::random(&mut random);
    let mut past = vec![project.clone()];
    let sandbox = Sandbox::without_git();
    let mut story = format!("PIPE_TEST_SEED={seed}");
    for _ in 0..STEPS {
        project.write(&sandbox);
        match random.below(6) {
            0 => check_failures(&sandbox, &project, &mut random, &story),
            1 => check_kill(&sandbox, &project, &mut random, &story),
            _ => {}
        }
        check(&sandbox, &project, &mut random, &story);
        past.push(project.clone());
        for _ in 0..1 + random.below(2) {
            let _ = write!(story, "; {}", project.change(&mut random, &sandbox, &past));
        }
    }
}

#[test]
fn random_histories_agree_with_a_shell() {
    let first = seed();
    let rounds = rounds("PIPE_TEST_ROUNDS").unwrap_or(5);
    println!("{rounds} histories from PIPE_TEST_SEED={first} on");
    for seed in first..first + rounds {
        history(seed);
    }
}
