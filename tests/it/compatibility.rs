//! What a pipeline file means in DVC and must mean here: rules of the file that no other test shows whole. The table
//! of all of them is docs/compatibility.md.

use crate::harness::Sandbox;
use crate::repro::chain;

#[test]
fn templates_stand_in_every_field() {
    let sandbox = Sandbox::with_pipeline(
        "\
vars: [{where: sub, name: out}, extra.yaml]
stages:
  a:
    cmd: cat ${from} > ${name}.txt; echo ${numbers[1]} ${numbers.0} ${on} \\${HOME:+home} >> ${name}.txt
    desc: reads ${from}
    meta: {of: '${from}'}
    wdir: ${where}
    deps: ['${from}']
    params: ['${key}', {'${file}': ['${key}']}]
    frozen: ${off}
    always_changed: ${off}
    outs:
    - ${name}.txt: {cache: '${on}', persist: '${off}', desc: '${name}', labels: ['${name}']}
metrics: ['${where}/metrics.json']
params: ['${where}/other.yaml']
plots: ['${where}/${name}.csv': {title: '${name}'}]
artifacts: {model: {path: '${where}/${name}.txt', type: '${name}'}}
",
    );
    sandbox.write("params.yaml", "from: in.txt\nkey: k\nfile: other.yaml\n");
    sandbox.write("extra.yaml", "numbers: [1, 2]\non: true\noff: false\n");
    for file in ["sub/params.yaml", "sub/other.yaml"] {
        sandbox.write(file, "k: 1\n");
    }
    sandbox.write("sub/in.txt", "text\n");
    sandbox.write("sub/metrics.json", "{\"m\": 1}");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("sub/out.txt"), "text\n2 1 true home\n");
    assert!(sandbox.ok(["metrics", "show"]).stdout.contains("sub/metrics.json"));
    sandbox.write("sub/other.yaml", "k: 2\n");
    assert_eq!(sandbox.states(), "a:stale");
}

#[test]
fn a_stage_without_deps_runs_once() {
    let sandbox =
        Sandbox::with_pipeline("stages:\n  a:\n    cmd: echo a >> ran; echo 1 > out\n    outs: [out]\n");
    sandbox.ok(["repro"]);
    sandbox.ok(["repro"]).tells(&["Everything is up to date"]);
    // It is in the stage cache like any other (DVC keeps none without deps).
    sandbox.remove("out");
    sandbox.remove("pipeline.lock");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.count("ran", "a"), 1);
}

#[test]
fn bytes_in_place_are_enough() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    sandbox.remove(".pipe/cache");
    sandbox.ok(["repro"]).tells(&["Everything is up to date"]);
    // Gone from both places, they are made again.
    sandbox.remove("second.txt");
    sandbox.ok(["repro"]).tells(&["1 ran, 1 up to date"]);
}

#[test]
fn a_stage_with_neither_deps_nor_outs_runs_every_time_unless_frozen() {
    let sandbox = Sandbox::with_pipeline("stages:\n  a:\n    cmd: echo a >> ran\n");
    sandbox.ok(["repro"]);
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.count("ran", "a"), 2);
    sandbox.ok(["freeze", "a"]);
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.count("ran", "a"), 2);
}

#[test]
fn a_frozen_stage_cuts_the_graph() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    sandbox.ok(["freeze", "second"]);
    sandbox.write("input", "two\n");
    sandbox.ok(["repro", "second"]);
    assert_eq!(sandbox.read("ran"), "first\nsecond\n", "neither it nor what it reads from ran");
    sandbox.ok(["unfreeze", "second"]);
    sandbox.ok(["repro", "second"]);
    assert_eq!(sandbox.read("second.txt"), "two\n");
}

#[test]
fn what_is_for_people_makes_nothing_stale() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    sandbox.edit(
        "pipeline.yaml",
        "    deps: [input]\n",
        "    desc: other\n    meta: {a: [1]}\n    deps: [input]\n",
    );
    sandbox.append("params.yaml", "# a comment, and a key that nobody reads\nother: 1\n");
    sandbox.ok(["repro"]).tells(&["Everything is up to date"]);
}

#[test]
fn edges_go_by_equal_inner_and_outer_paths() {
    let sandbox = Sandbox::with_pipeline(
        "\
stages:
  around: {cmd: ls parts > around, deps: [parts], outs: [around]}
  inside: {cmd: cp folder/a inside, deps: [folder/a], outs: [inside]}
  equal: {cmd: cp parts/b equal, deps: [parts/b], outs: [equal]}
  part: {cmd: echo b > parts/b, outs: [parts/b]}
  folder: {cmd: mkdir folder; echo a > folder/a, outs: [folder]}
",
    );
    sandbox.ok(["repro", "-j", "1"]);
    assert_eq!((sandbox.read("around"), sandbox.read("inside")), ("b\n".into(), "a\n".into()));
    assert_eq!(sandbox.read("equal"), "b\n");
}

#[test]
fn the_pipeline_says_which_files_a_command_sees() {
    // Persisting outs stay, others are set aside before the command runs; lists stop at their first failure.
    let sandbox = Sandbox::with_pipeline(
        "\
stages:
  a:
    cmd:
    - ls > seen; test -e input
    - echo more >> kept; touch gone
    deps: [input]
    outs: [gone, seen, kept: {persist: true}]
",
    );
    sandbox.write("input", "1");
    sandbox.ok(["repro"]);
    sandbox.write("input", "2");
    sandbox.ok(["repro"]);
    let seen = sandbox.read("seen");
    assert!(seen.contains("kept\n") && !seen.contains("gone\n"), "{seen}");
    assert_eq!(sandbox.read("kept"), "more\nmore\n");
    sandbox.edit("pipeline.yaml", "test -e input", "false");
    sandbox.pipe(["repro"]).code(1);
    assert_eq!(sandbox.read("kept"), "more\nmore\n", "the second command did not start");
}

#[test]
fn composite_items_are_numbered_and_scalars_named() {
    let sandbox = Sandbox::with_pipeline(
        "\
stages:
  scalar: {foreach: [x, 2, true], do: {cmd: 'echo ${item}'}}
  index: {foreach: [{n: 1}, {n: 2}], do: {cmd: 'echo ${item.n}'}}
  map: {foreach: {one: {n: 1}}, do: {cmd: 'echo ${key} ${item.n}'}}
  grid: {matrix: {a: [1, 2], b: [{n: x}, y]}, cmd: 'echo ${item.a} ${key}'}
",
    );
    let names = sandbox.ok(["stage", "list", "--names-only"]).stdout.replace('\n', " ");
    assert_eq!(
        names.trim(),
        "scalar@x scalar@2 scalar@true index@0 index@1 map@one grid@1-b0 grid@1-y grid@2-b0 grid@2-y"
    );
}

#[test]
fn a_map_in_a_command_unpacks_to_flags() {
    let sandbox = Sandbox::with_pipeline("stages:\n  a:\n    cmd: echo ${train} > out\n    outs: [out]\n");
    sandbox.write(
        "params.yaml",
        "train: {lr: 0.1, fast: true, slow: false, layers: [1, 2], opt: {name: a b}}\n",
    );
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("out"), "--lr 0.1 --fast --layers 1 2 --opt.name a b\n");
}

#[test]
fn a_value_used_in_a_command_is_no_param() {
    let sandbox = Sandbox::with_pipeline("stages:\n  a:\n    cmd: echo ${used} > out\n    outs: [out]\n");
    sandbox.write("params.yaml", "used: 1\nunused: 1\n");
    sandbox.ok(["repro"]);
    sandbox.write("params.yaml", "used: 1\nunused: 2\n");
    sandbox.ok(["repro"]).tells(&["Everything is up to date"]);
    sandbox.write("params.yaml", "used: 2\nunused: 2\n");
    assert!(sandbox.ok(["status"]).stdout.contains("command changed: echo 1 > out -> echo 2 > out"));
}

#[test]
fn exit_codes_are_kept() {
    let sandbox = chain();
    sandbox.ok(["repro", "--dry"]);
    sandbox.pipe(["status", "-q"]).code(1);
    sandbox.ok(["repro"]);
    sandbox.pipe(["status", "-q"]).code(0);
    sandbox.pipe(["repro", "--no-such-flag"]).code(2);
    sandbox.pipe(["repro", "nobody"]).code(2);
    sandbox.edit("pipeline.yaml", "cat first.txt", "false");
    sandbox.pipe(["repro"]).code(1);
}

/// A name in the table that is no test would be a promise that nobody keeps.
#[test]
fn the_table_names_tests() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("docs/compatibility.md")).unwrap();
    let mut sources = Vec::new();
    for folder in ["tests/it", "src", "crates"] {
        collect(&root.join(folder), &mut sources);
    }
    let has = |file: &str, test: &str| {
        let head = format!("fn {test}(");
        sources.iter().any(|(path, text)| path.contains(file) && text.contains(&head))
    };
    let mut named = 0;
    for row in table.lines().filter(|line| line.starts_with('|')) {
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap();
        for name in cell.split('`').skip(1).step_by(2) {
            let mut parts = name.rsplit("::");
            let test = parts.next().unwrap();
            let file = parts.next().map_or(".rs".to_owned(), |file| format!("/{file}.rs"));
            assert!(has(&file, test), "no test `{name}`: {row}");
            named += 1;
        }
    }
    assert!(named > 100, "only {named} names were found");
}

fn collect(folder: &std::path::Path, sources: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|suffix| suffix == "rs") {
            sources.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}
