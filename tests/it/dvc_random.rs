//! Random projects with random histories, in which `pipe` and DVC take turns: what they call stale is the same after every
//! step, and each accepts what the other has run.
//!
//! `PIPE_TEST_DVC_ROUNDS` sets the number of histories, `PIPE_TEST_SEED` repeats one; `now` makes others each time, whose seeds
//! are printed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::dvc_tool::{Dvc, pipe, project, stale};
use crate::harness::Sandbox;
use crate::histories::{Random, rounds, seed};

const STEPS: usize = 6;

struct Stage {
    deps: Vec<String>,
    params: Vec<usize>,
    is_folder: bool,
    wdir: bool,
    options: usize,
    comment: usize,
    frozen: bool,
}

impl Stage {
    fn new(random: &mut Random, number: usize, stages: &[Stage]) -> Self {
        let mut deps = vec![format!("in{}", random.below(3))];
        for _ in 0..random.below(3) {
            if number > 0 {
                let before = random.below(number);
                let inside = stages[before].is_folder && random.below(2) == 0;
                deps.push(if inside { format!("o{before}/sub") } else { format!("o{before}") });
            }
        }
        deps.sort();
        deps.dedup();
        // A folder and what lies in it are not both named.
        let all = deps.clone();
        deps.retain(|dep| !all.iter().any(|other| dep.starts_with(&format!("{other}/"))));
        Stage {
            deps,
            params: (0..3).filter(|_| random.below(3) == 0).collect(),
            is_folder: random.below(3) == 0,
            wdir: random.below(4) == 0,
            options: random.below(4),
            comment: 0,
            frozen: false,
        }
    }

    fn text(&self, number: usize) -> String {
        let up = if self.wdir { "../" } else { "" };
        let out = format!("{up}o{number}");
        let deps: Vec<String> = self.deps.iter().map(|dep| format!("{up}{dep}")).collect();
        let read = format!("find {} -type f | sort | xargs cat", deps.join(" "));
        let params: Vec<String> = self.params.iter().map(|at| format!("p{at}")).collect();
        let values: String = params.iter().map(|param| format!(" ${{{param}}}")).collect();
        let write = match self.is_folder {
            true => format!(
                "mkdir -p {out}/sub && ({read}; echo{values}) | cut -c1-2 > {out}/sub/a && echo {number} > {out}/b"
            ),
            false => format!("({read}; echo{values}) | cut -c1-2 > {out}"),
        };
        let mut text =
            format!("  s{number}:\n    cmd: {write} # {}\n    deps: [{}]\n", self.comment, deps.join(", "));
        if self.wdir {
            text += "    wdir: w\n";
        }
        if !params.is_empty() {
            let file = if self.wdir { "../params.yaml" } else { "params.yaml" };
            writeln!(text, "    params: [{{{file}: [{}]}}]", params.join(", ")).unwrap();
        }
        if self.frozen {
            text += "    frozen: true\n";
        }
        text + &match self.options {
            0 => format!("    outs: [{{{out}: {{cache: false}}}}]\n"),
            1 if !self.is_folder => format!("    metrics: [{out}]\n"),
            2 => format!("    outs: [{{{out}: {{push: false, desc: a text}}}}]\n"),
            _ => format!("    outs: [{out}]\n"),
        }
    }
}

const VALUES: &[&str] = &[
    "1",
    "1.0",
    "true",
    "1.0e-05",
    "'1'",
    "a b",
    "0.1",
    "12345678901234567890",
    "1.5e+300",
    "1_000",
    "'1_000'",
    "010",
    "-08",
    "0x1_F",
    "0b1_1",
    "1_0.5",
    "1e400",
    ".5e3",
];

fn write(sandbox: &Sandbox, stages: &[Stage], params: &BTreeMap<usize, usize>) {
    let text: String = stages.iter().enumerate().map(|(number, stage)| stage.text(number)).collect();
    sandbox.write("dvc.yaml", format!("stages:\n{text}"));
    let params: String = params.iter().map(|(at, value)| format!("p{at}: {}\n", VALUES[*value])).collect();
    sandbox.write("params.yaml", params);
}

fn history(dvc: &mut Dvc, seed: u64) -> Result<(), String> {
    let mut random = Random(seed);
    let sandbox = project(dvc);
    sandbox.write("w/x", "");
    let mut stages = Vec::new();
    for number in 0..2 + random.below(4) {
        let stage = Stage::new(&mut random, number, &stages);
        stages.push(stage);
    }
    let mut params: BTreeMap<usize, usize> = (0..3).map(|at| (at, random.below(VALUES.len()))).collect();
    for at in 0..3 {
        sandbox.write(&format!("in{at}"), format!("{at}\n"));
    }
    dvc.ok(&sandbox, &["add", "-q", "in2"]);
    for step in 0..STEPS {
        write(&sandbox, &stages, &params);
        let (ours, theirs) = (stale(&sandbox), dvc.stale(&sandbox));
        let place = || format!("step {step} in\n{}{}", sandbox.read("dvc.yaml"), sandbox.read("params.yaml"));
        if ours != theirs {
            return Err(format!("ours {ours:?}, DVC {theirs:?}; {}", place()));
        }
        if random.below(2) == 0 {
            let said = pipe(&sandbox, &["repro", "-P"]);
            if said.stderr.contains("Failed") || said.stderr.contains("rror:") {
                return Err(format!("pipe: {}; {}", said.stderr, place()));
            }
        } else {
            let (code, out, err) = dvc.call(&sandbox, &["repro", "-P"]);
            if code != 0 {
                return Err(format!("dvc: {out}{err}; {}", place()));
            }
        }
        let (ours, theirs) = (stale(&sandbox), dvc.stale(&sandbox));
        if !ours.is_empty() || !theirs.is_empty() {
            return Err(format!("after repro: ours {ours:?}, DVC {theirs:?}; {}", place()));
        }
        for _ in 0..1 + random.below(2) {
            let number = random.below(stages.len());
            match random.below(6) {
                0 => drop(params.insert(random.below(3), random.below(VALUES.len()))),
                1 => {
                    let path = format!("in{}", random.below(3));
                    sandbox.remove(&path);
                    sandbox.write(&path, format!("{}\n", random.below(4)));
                }
                2 => stages[number].comment += 1,
                3 if sandbox.exists(&format!("o{number}")) => sandbox.remove(&format!("o{number}")),
                4 => stages[number].options = random.below(4),
                _ => {
                    let out =
                        if stages[number].is_folder { format!("o{number}/b") } else { format!("o{number}") };
                    if sandbox.exists(&out) {
                        sandbox.remove(&out);
                    }
                    sandbox.write(&out, "edited\n");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn they_take_turns() {
    let first = seed();
    let rounds = rounds("PIPE_TEST_DVC_ROUNDS").unwrap_or(4);
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for seed in first..first + rounds {
        println!("seed {seed}");
        if let Err(fault) = history(&mut dvc, seed) {
            panic!("PIPE_TEST_SEED={seed}: {fault}");
        }
    }
}
