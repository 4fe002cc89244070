//! `pipe repro` is ended at any moment, with SIGKILL and SIGTERM in turn, while its stages have children of their own.
//! Whatever is told as done afterwards is right, nothing of a stage survives, and the next one goes on from there.
//!
//! `PIPE_TEST_KILLS` sets how often, `PIPE_TEST_SEED` repeats a series of moments. The judge is a shell that runs the
//! same commands one after the other in a clean folder.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::harness::{Sandbox, await_that};
use crate::histories::{Random, number};

/// Each stage with what it reads: a diamond, then a chain, and one that is alone.
const STAGES: [(&str, &[&str]); 7] = [
    ("a", &["input"]),
    ("b", &["a.out"]),
    ("c", &["a.out"]),
    ("d", &["b.out", "c.out"]),
    ("e", &["d.out"]),
    ("f", &["e.out"]),
    ("g", &["input"]),
];

/// Writes half of its out, tells that its end is near, and writes the other half. `NAP` is empty for the judge.
const WORK: &str = "\
name=$1; shift
if [ -n \"$NAP\" ]; then
  echo $name >> ran
  sleep 600 > /dev/null 2>&1 &
  sleep 601 &
  sh -c 'trap \"\" TERM INT; sleep 602' > /dev/null 2>&1 &
fi
cat \"$@\" > $name.out
[ -z \"$NAP\" ] || sleep $NAP
if [ -n \"$NAP\" ]; then touch ending.$name; sleep $NAP; fi
echo $name >> $name.out
";

/// How long a stage sleeps in each half, in seconds. The second half is its last 25 ms.
const NAP: &str = "0.025";

fn project() -> Sandbox {
    let mut text = String::from("stages:\n");
    for (name, deps) in STAGES {
        let _ = writeln!(
            text,
            "  {name}: {{cmd: sh work.sh {name} {}, deps: [{}], outs: [{name}.out]}}",
            deps.join(" "),
            deps.join(", ")
        );
    }
    let sandbox = Sandbox::with_pipeline(&text);
    sandbox.write("work.sh", WORK);
    sandbox
}

/// What a shell makes of it.
fn oracle(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let folder = sandbox.root().with_file_name("oracle");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    for file in ["input", "work.sh"] {
        std::fs::copy(sandbox.path(file), folder.join(file)).unwrap();
    }
    let script: String =
        STAGES.iter().map(|(name, deps)| format!("sh work.sh {name} {}\n", deps.join(" "))).collect();
    let mut command = sandbox.program("sh");
    command.args(["-e", "-c", &script]).env("NAP", "").current_dir(&folder);
    sandbox.finish(command).code(0);
    let out = |name: &str| std::fs::read_to_string(folder.join(format!("{name}.out"))).unwrap();
    STAGES.iter().map(|(name, _)| ((*name).to_owned(), out(name))).collect()
}

/// Processes that were started in this sandbox and are still there, zombies aside: they know its home.
fn alive(sandbox: &Sandbox) -> Vec<String> {
    let home = format!("HOME={}", sandbox.root().with_file_name("home").display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
        if read("environ").split(|byte| *byte == 0).any(|variable| variable == home.as_bytes()) {
            let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
            found.push(format!("{} {command}", entry.file_name().display()));
        }
    }
    found
}

/// Stages that count as up to date.
fn fresh(sandbox: &Sandbox) -> Vec<String> {
    let states = sandbox.states();
    states.split(' ').filter_map(|state| state.strip_suffix(":fresh")).map(str::to_owned).collect()
}

fn repro(sandbox: &Sandbox, jobs: usize) -> std::process::Command {
    let mut command = sandbox.pipe_command(["repro", "-j", &jobs.to_string()]);
    command.env("NAP", NAP);
    command
}

#[derive(Default)]
struct Tally {
    kills: [u32; 2],
    near_an_end: u32,
    too_late: u32,
    orphans_after_sigkill: u32,
    done_before: u32,
    beside: u32,
}

fn round(sandbox: &Sandbox, random: &mut Random, index: u64, whole: Duration, tally: &mut Tally) {
    sandbox.write("input", format!("{index}\n"));
    for (name, _) in STAGES {
        let _ = std::fs::remove_file(sandbox.path(&format!("ending.{name}")));
    }
    let expected = oracle(sandbox);
    let jobs = 1 + random.below(4);
    let begun = Instant::now();
    let mut started = sandbox.start(repro(sandbox, jobs));
    // Sometimes another process is at work on a part of it, or waits for what the killed one is at work on.
    let beside = (index % 5 > 2).then(|| {
        let mut command = repro(sandbox, jobs);
        command.arg(STAGES[random.below(STAGES.len())].0);
        tally.beside += 1;
        sandbox.start(command)
    });
    let moment = if index % 4 < 2 {
        let stage = STAGES[random.below(STAGES.len())].0;
        let near = format!("ending.{stage}");
        while !sandbox.exists(&near) && started.is_running() {
            std::thread::sleep(Duration::from_millis(1));
        }
        tally.near_an_end += 1;
        std::thread::sleep(Duration::from_micros(random.below(50_000) as u64));
        format!("within 50 ms of the end of {stage}")
    } else {
        std::thread::sleep(whole.mul_f64(random.below(1000) as f64 / 1000.0));
        "anywhere".to_owned()
    };
    let signal = ["KILL", "TERM"][usize::from(index % 2 == 1)];
    let story =
        format!("{signal} {moment}, {:?} after the start with -j {jobs}, round {index}", begun.elapsed());
    if started.is_running() {
        started.signal(signal);
        tally.kills[usize::from(index % 2 == 1)] += 1;
    } else {
        tally.too_late += 1;
    }
    let said = started.wait();
    if let Some(beside) = beside {
        let beside = beside.wait();
        beside.code(0);
    }
    if signal == "TERM" {
        assert_eq!(alive(sandbox), Vec::<String>::new(), "{story}\n{}", said.stderr);
    } else if said.signal() == Some(9) {
        // Nobody but the guard is left to end them. What was started in the very moment is left to the next one.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) && !alive(sandbox).is_empty() {
            std::thread::sleep(Duration::from_millis(2));
        }
        tally.orphans_after_sigkill += u32::from(!alive(sandbox).is_empty());
    }

    // All files of record can be read, and tell nothing that is not so.
    let done = fresh(sandbox);
    tally.done_before += u32::try_from(done.len()).unwrap();
    for stage in &done {
        assert_eq!(
            sandbox.read(&format!("{stage}.out")),
            expected[stage],
            "{stage}: {story}\n{}",
            said.stderr
        );
    }
    sandbox.ok(["repro", "--dry"]);
    sandbox.json(["runs", "list", "--json", "-n", "0"]);
    sandbox.json(["stage", "list", "--json"]);
    if index % 3 == 1 {
        // The next kill meets what this one left.
        return;
    }
    let before = done.iter().map(|stage| sandbox.count("ran", stage)).collect::<Vec<_>>();
    let said = sandbox.finish(repro(sandbox, jobs)).code(0);
    let after = done.iter().map(|stage| sandbox.count("ran", stage)).collect::<Vec<_>>();
    assert_eq!(before, after, "what was done is not done again: {done:?}, {story}\n{}", said.stderr);
    for (stage, text) in &expected {
        assert_eq!(sandbox.read(&format!("{stage}.out")), *text, "{stage}: {story}\n{}", said.stderr);
    }
    await_that(&format!("no process is left: {story}"), || alive(sandbox).is_empty());
    sandbox.ok(["repro"]).tells(&["Everything is up to date"]);
    assert!(!sandbox.ok(["runs", "list", "-n", "0"]).stdout.contains("RUNNING"), "{story}");
    assert_eq!(sandbox.files(".pipe/tmp/jobs"), Vec::<String>::new(), "{story}");
}

#[test]
fn kills_at_any_moment_lose_nothing() {
    let kills = number("PIPE_TEST_KILLS").unwrap_or(8);
    let seed = crate::histories::seed();
    println!("{kills} kills from PIPE_TEST_SEED={seed}");
    let mut random = Random(seed);
    let sandbox = project();
    sandbox.write("input", "before\n");
    let begun = Instant::now();
    sandbox.finish(repro(&sandbox, 2)).code(0);
    let whole = begun.elapsed();
    let mut tally = Tally::default();
    for index in 0..kills {
        round(&sandbox, &mut random, index, whole, &mut tally);
    }
    println!(
        "an undisturbed reproduction took {whole:?}; {} SIGKILL, {} SIGTERM, {} came too late; {} within 50 ms of a stage's \
         end; {} of {} stages were done when it came; {} SIGKILLs left processes for the next pipe process to end; {} came beside another process",
        tally.kills[0],
        tally.kills[1],
        tally.too_late,
        tally.near_an_end,
        tally.done_before,
        kills * STAGES.len() as u64,
        tally.orphans_after_sigkill,
        tally.beside
    );
    assert!(
        tally.orphans_after_sigkill <= 1 + tally.kills[0] / 50,
        "the guard ends all but what began in that moment"
    );
}
