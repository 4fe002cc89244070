//! Groups and templates, in whole files.

use crate::resolve::Pipeline;
use crate::resolve::tests::{faults, load_with, path};
use crate::stage::StageId;

fn names(pipeline: &Pipeline) -> Vec<&str> {
    pipeline.stages.iter().map(|stage| stage.address.name.as_str()).collect()
}

fn commands(pipeline: &Pipeline) -> Vec<String> {
    pipeline.stages.iter().map(|stage| stage.command.to_string()).collect()
}

fn loaded(text: &str, files: &[(&str, &str)]) -> Pipeline {
    load_with(text, files).expect(text)
}

#[test]
fn foreach_unfolds_lists_and_maps() {
    let text = "\
stages:
  clean:
    foreach: [raw, 1, 0.5]
    do:
      cmd: clean ${item}
      outs: ['${item}.csv']
  fit:
    foreach: ${models}
    do:
      cmd: fit ${key} --lr ${item.lr}
      wdir: ${key}
      params:
      - models.${key}
      outs: [model]
  report:
    foreach:
    - {name: a}
    - name: b
    do:
      cmd: report ${item.name}
  last:
    cmd: end
    deps: [us/model]
";
    let pipeline = loaded(text, &[("params.yaml", "models: {us: {lr: 0.1}, uk: {lr: 1}}\n")]);
    let expected = ["clean@raw", "clean@1", "clean@0.5", "fit@us", "fit@uk", "report@0", "report@1", "last"];
    assert_eq!(names(&pipeline), expected);
    let expected = [
        "clean raw",
        "clean 1",
        "clean 0.5",
        "fit us --lr 0.1",
        "fit uk --lr 1",
        "report a",
        "report b",
        "end",
    ];
    assert_eq!(commands(&pipeline), expected);
    assert_eq!(pipeline.stages[3].wdir, path("us"));
    assert_eq!(pipeline.stages[4].outs[0].path, path("uk/model"));
    assert_eq!(pipeline.graph.upstream(StageId(7)), [StageId(3)]);
    assert_eq!(pipeline.position(StageId(4)).map(|at| at.line), Some(7));
}

#[test]
fn a_matrix_is_a_product() {
    let text = "\
stages:
  train:
    matrix:
      model: [cnn, xgb]
      data: ${sets}
    cmd: train ${item.model} ${item.data.n} --name ${key}
    outs: ['out/${key}']
";
    let pipeline = loaded(text, &[("params.yaml", "sets: [{n: 1}, {n: 2}]\n")]);
    let expected = ["train@cnn-data0", "train@cnn-data1", "train@xgb-data0", "train@xgb-data1"];
    assert_eq!(names(&pipeline), expected);
    assert_eq!(commands(&pipeline)[1], "train cnn 2 --name cnn-data1");
    let all: Vec<StageId> = (0..4).map(StageId).collect();
    assert_eq!(pipeline.targets(&["train"], &path(".")), Ok(all.clone()));
    assert_eq!(pipeline.targets(&["pipeline.yaml:train"], &path(".")), Ok(all));
    assert_eq!(pipeline.targets(&["train@xgb-data0"], &path(".")), Ok(vec![StageId(2)]));
    let error = pipeline.targets(&["trian"], &path(".")).expect_err("a slip");
    assert_eq!(error.hint.as_deref(), Some("did you mean `train`?"));
}

#[test]
fn a_group_may_be_empty_and_hides_global_names() {
    let text = "stages:\n  a:\n    foreach: ${none}\n    do: {cmd: x}\n  b:\n    foreach: [1]\n    do: {cmd: 'x ${item}'}\n";
    let pipeline = loaded(text, &[("params.yaml", "none: []\nitem: 7\n")]);
    assert_eq!(names(&pipeline), ["b@1"]);
    assert_eq!(commands(&pipeline), ["x 1"]);
    assert_eq!(pipeline.targets(&["a"], &path(".")), Ok(Vec::new()));
}

#[test]
fn faults_of_groups() {
    let of = |text: &str| faults(text, &[("params.yaml", "n: 3\n")]);
    assert_eq!(
        of("stages:\n  a:\n    foreach: [1]\n    cmd: x\n"),
        ["pipeline.yaml:2:3: stage `a` needs both `foreach` and `do`"]
    );
    assert_eq!(
        of("stages:\n  a:\n    foreach: [1]\n    do: {cmd: x}\n    deps: [y]\n"),
        [
            "pipeline.yaml:5:5: `deps` of stage `a` stands beside `foreach` | with `foreach`, everything else of the stage stands under `do`"
        ]
    );
    assert_eq!(
        of("stages:\n  a:\n    foreach: ${n}\n    do: {cmd: x}\n"),
        ["pipeline.yaml:3:14: `foreach` of stage `a`: expected a list or a map, found an integer"]
    );
    assert_eq!(
        of("stages:\n  a:\n    foreach: [1]\n    do:\n      cmd: x\n      dep: [y]\n"),
        ["pipeline.yaml:6:7: unknown key `dep` in `stages.a.do` | did you mean `deps`?"]
    );
    assert_eq!(
        of("stages:\n  a:\n    foreach: [1, 2]\n    do:\n      cmd: x ${key}\n"),
        [
            "pipeline.yaml:5:12: `${key}` is undefined in `cmd` of stage `a@1` | `item` exists in a stage with `foreach` or `matrix`, `key` in one with `matrix` or with `foreach` over a map"
        ]
    );
    assert_eq!(
        of("stages:\n  a:\n    foreach: [1]\n    do:\n      cmd: x\n      deps: [1]\n"),
        [
            "pipeline.yaml:6:14: `stages.a.do.deps[0]`: expected a string, found an integer | in quotes it is a string: \"1\""
        ]
    );
    assert_eq!(
        of("stages:\n  a:\n    foreach: [1, 2]\n    do: {cmd: x, outs: [same]}\n"),
        ["pipeline.yaml:2:3: `same` is an out of both stage `a@1` and stage `a@2`"]
    );
    assert_eq!(
        of("stages:\n  a:\n    matrix: {b: 1}\n    cmd: x\n"),
        ["pipeline.yaml:3:13: `matrix` of stage `a`: `b`: expected a list, found an integer"]
    );
    assert!(of("stages:\n  a@1: {cmd: x}\n")[0].contains("stage name `a@1` holds '@'"));
    assert!(
        of("stages:\n  a:\n    foreach: [1]\n    do: {matrix: {b: [1]}, cmd: x}\n")[0]
            .contains("unknown key `matrix`")
    );
}

#[test]
fn a_stage_has_vars_of_its_own() {
    let text = "\
vars:
- model: {name: cnn}
stages:
  a:
    wdir: work
    vars:
    - own.yaml
    - model: {size: 3}
    - more.json:x,y
    cmd: run ${model.name} ${model.size} ${rate} ${x}${y}
  b:
    cmd: run ${model}
";
    let files = [("work/own.yaml", "rate: 0.5\n"), ("work/more.json", r#"{"x": 1, "y": 2, "model": 9}"#)];
    let pipeline = loaded(text, &files);
    assert_eq!(commands(&pipeline), ["run cnn 3 0.5 12", "run --name cnn"]);
    let own = text.replace("run ${model}\n", "run ${rate}\n");
    assert!(faults(&own, &files)[0].contains("`${rate}` is undefined in `cmd` of stage `b`"));
}

#[test]
fn generated_stages_have_vars_too() {
    let text = "\
stages:
  a:
    foreach: [x, y]
    do:
      wdir: ${item}
      vars: [own.yaml]
      cmd: run ${item} ${n}
  b:
    matrix: {m: [1]}
    vars: [{n: 7}]
    cmd: run ${item.m} ${n}
";
    let pipeline = loaded(text, &[("x/own.yaml", "n: 1\n"), ("y/own.yaml", "n: 2\n")]);
    assert_eq!(commands(&pipeline), ["run x 1", "run y 2", "run 1 7"]);
    assert_eq!(
        faults("stages:\n  a:\n    foreach: [1]\n    do:\n      cmd: x\n      vars: [{item: 1}]\n", &[]),
        ["pipeline.yaml:6:14: `item` is a name of `foreach` and `matrix` and cannot be defined here"]
    );
    assert_eq!(commands(&loaded("stages:\n  a:\n    vars: [{item: 1}]\n    cmd: x ${item}\n", &[])), ["x 1"]);
}

#[test]
fn faults_of_vars() {
    let files = [
        ("params.yaml", "lr: 1\nnet: {depth: 2}\n"),
        ("v.yaml", "w: {a: 1, b: 2}\nu: 0\n"),
        ("w.yaml", "w: {b: 3}\n"),
    ];
    let stage = |vars: &str| format!("stages:\n  a:\n    cmd: x\n    vars: {vars}\n");
    let of = |vars: &str| faults(&stage(vars), &files);
    assert_eq!(
        of("[{lr: 2}]"),
        ["pipeline.yaml:4:12: `lr` of `vars` of stage `a` is already defined in `params.yaml`"]
    );
    assert_eq!(
        of("[{net: 2}]"),
        ["pipeline.yaml:4:12: `net` of `vars` of stage `a` is already defined in `params.yaml`"]
    );
    assert_eq!(
        of("[v.yaml, w.yaml]"),
        ["pipeline.yaml:4:20: `w.b` of `w.yaml` is already defined in `v.yaml`"]
    );
    assert_eq!(of("['v.yaml:u', v.yaml]"), ["pipeline.yaml:4:24: `v.yaml` is loaded both whole and by keys"]);
    assert_eq!(
        of("[v.yaml, 'v.yaml:u']")[0],
        "pipeline.yaml:4:20: `v.yaml` is loaded both whole and by keys"
    );
    assert_eq!(of("['v.yaml:u,z']"), ["pipeline.yaml:4:12: `v.yaml` has no key `z`"]);
    assert_eq!(of("[gone.yaml]"), ["pipeline.yaml:4:12: vars file `gone.yaml` does not exist"]);
    assert_eq!(
        of("[1]"),
        ["pipeline.yaml:4:12: `stages.a.vars[0]`: expected a file or a map, found an integer"]
    );
    // Partly at the top and wholly in a stage is both, too; wholly twice is once; keys may come one by one.
    let both = format!("vars: ['v.yaml:u']\n{}", stage("[v.yaml]"));
    assert!(faults(&both, &files)[0].contains("both whole and by keys"));
    let twice = format!("vars: [v.yaml]\n{}", stage("[v.yaml, params.yaml]"));
    assert!(load_with(&twice, &files).is_ok());
    assert!(load_with(&stage("['v.yaml:u', 'v.yaml:w', {net: {width: 1}}]"), &files).is_ok());
    let out = stage("[v.yaml]").replace("cmd: x", "cmd: x\n    outs: [v.yaml]");
    assert!(faults(&out, &files)[0].contains("params file"));
}

#[test]
fn flags_and_lists_from_params() {
    let params = "\
files: [a.csv, b c.csv]
plots: [p1.csv, p2.csv]
train: {lr: 0.1, on: true, off: false, in: {k: it's, n: 1}, many: [1, q r], empty: []}
";
    let text = "\
stages:
  a:
    cmd:
    - run ${train} --seed ${seed:-7}
    - ${tool:-sh} ${train.in}
    deps: ${files}
    outs: ['${name:-model}.bin', '${gone:-}x']
    plots:
    - ${plots}
    - last.csv: {cache: false}
  b:
    cmd: x
    deps: [c.csv, '${files}', '${no:-d.csv}']
    frozen: ${frozen:-true}
    outs: ['${outs:-o}']
";
    let pipeline = loaded(text, &[("params.yaml", params)]);
    let [a, b] = pipeline.stages.as_slice() else { panic!("two stages") };
    assert_eq!(
        a.command.scripts(),
        [
            "run --lr 0.1 --on --in.k 'it'\"'\"'s' --in.n 1 --many 1 'q r' --empty --seed 7",
            "sh --k 'it'\"'\"'s' --n 1"
        ]
    );
    assert_eq!(a.deps, [path("a.csv"), path("b c.csv")]);
    let outs: Vec<_> = a.outs.iter().map(|out| (out.path.as_str(), out.kind.field(), out.cache)).collect();
    let expected = [
        ("last.csv", "plots", false),
        ("model.bin", "outs", true),
        ("p1.csv", "plots", true),
        ("p2.csv", "plots", true),
        ("x", "outs", true),
    ];
    assert_eq!(outs, expected);
    assert_eq!(b.deps, [path("a.csv"), path("b c.csv"), path("c.csv"), path("d.csv")]);
    assert!(b.frozen);
    let of = |text: &str| faults(text, &[("params.yaml", "files: [a, 1]\nmap: {a: 1}\n")]);
    assert_eq!(
        of("stages:\n  a:\n    cmd: x\n    deps: [b, '${files}']\n"),
        [
            "pipeline.yaml:4:15: `stages.a.deps[1][1]`: expected a string, found an integer | in quotes it is a string: \"1\""
        ]
    );
    assert_eq!(
        of("stages:\n  a:\n    cmd: x\n    deps: ['${map}']\n"),
        ["pipeline.yaml:4:12: `${map}` is a map, which cannot stand in a string in `deps` of stage `a`"]
    );
    assert!(
        of("stages:\n  a:\n    cmd: x ${files}\n")[0].contains("is a list, which cannot stand in a string")
    );
}

#[test]
fn what_stands_beside_the_stages() {
    let text = "\
params: [conf.toml, '${more}']
metrics:
- '${dir}/m.json'
plots:
- out/loss.csv
- out/curve.csv: {x: epoch, y: [train, val], title: Loss, header: true}
- both:
    template: linear
    x: {a.csv: step}
    y: {a.csv: loss, b.csv: [loss, acc]}
    x_label: s
artifacts:
  best-model:
    path: ${dir}/model
    type: model
    desc: The best
    labels: [a, b]
    meta: {framework: burn}
";
    let files = [
        ("params.yaml", "dir: out\nmore: [a.yaml, b.yaml]\n"),
        ("conf.toml", "x = 1\n"),
        ("a.yaml", "y: 2\n"),
    ];
    let pipeline = loaded(text, &files);
    assert_eq!(pipeline.params, ["conf.toml", "a.yaml", "b.yaml"].map(path));
    assert_eq!(pipeline.param_files.len(), 4);
    assert_eq!(pipeline.metrics, [path("out/m.json")]);
    let sources: Vec<_> = pipeline.plots.iter().map(|plot| (plot.id.as_str(), plot.sources.len())).collect();
    assert_eq!(sources, [("out/loss.csv", 1), ("out/curve.csv", 1), ("both", 2)]);
    assert_eq!(pipeline.plots[1].options["title"].as_str(), Some("Loss"));
    let artifact = &pipeline.artifacts[0];
    assert_eq!((artifact.id.as_str(), &artifact.path), ("best-model", &path("out/model")));
    assert_eq!(artifact.annotation.kind.as_deref(), Some("model"));
    assert_eq!(artifact.annotation.labels, ["a", "b"]);
    assert_eq!(artifact.annotation.meta["framework"].as_str(), Some("burn"));
    // The older form of `plots` is a map.
    assert_eq!(loaded("plots: {l.csv: {y: a}, m.csv: }\n", &[]).plots.len(), 2);
}

#[test]
fn faults_beside_the_stages() {
    let of = |text: &str| faults(text, &[]);
    assert_eq!(
        of("artifacts:\n  m: {path: x, kind: model}\n"),
        [
            "pipeline.yaml:2:16: unknown key `kind` in `artifacts.m` | known here: path, type, desc, labels, meta"
        ]
    );
    assert_eq!(of("artifacts:\n  m: {type: model}\n"), ["pipeline.yaml:2:3: artifact `m` has no `path`"]);
    assert!(
        of("artifacts:\n  -m: {path: x}\n")[0]
            .starts_with("pipeline.yaml:2:3: `-m` is no name for an artifact")
    );
    assert_eq!(
        of("artifacts:\n  m: {path: x, labels: [1]}\n"),
        [
            "pipeline.yaml:2:25: `artifacts.m.labels[0]`: expected a string, found an integer | in quotes it is a string: \"1\""
        ]
    );
    assert_eq!(
        of("plots:\n- a.csv: {y: {b.csv: {c: 1}}}\n"),
        [
            "pipeline.yaml:2:22: `plots[0].a.csv.y.b.csv`: expected a column, a list of columns, or a map of files to columns, found a map"
        ]
    );
    assert_eq!(
        of("plots:\n- a.csv: {titel: x}\n"),
        ["pipeline.yaml:2:11: unknown key `titel` in `plots[0].a.csv` | did you mean `title`?"]
    );
    assert_eq!(of("metrics: [../x]\n"), ["pipeline.yaml:1:11: `../x` leads out of the project"]);
    assert_eq!(of("metrics: m\n"), ["pipeline.yaml:1:10: `metrics`: expected a list, found a string"]);
    assert!(of("params: ['${x}']\n")[0].starts_with("pipeline.yaml:1:10: `${x}` is undefined in `params`"));
    assert!(of("datasets: []\n")[0].contains("not yet supported"));
}

#[test]
fn all_options_of_outs() {
    let text = "\
stages:
  a:
    cmd: x
    outs:
    - m: {remote: far, push: false, type: model, labels: [l], meta: {k: 1}, desc: d, persist: true}
    plots:
    - p.csv: {template: linear, x: e, y: 0, x_label: X, y_label: Y, title: T, header: false, cache: false}
";
    let pipeline = loaded(text, &[]);
    let [m, p] = pipeline.stages[0].outs.as_slice() else { panic!("two outs") };
    assert_eq!(
        (m.remote.as_deref(), m.push, m.persist, m.desc.as_deref()),
        (Some("far"), false, true, Some("d"))
    );
    assert_eq!((m.annotation.kind.as_deref(), m.annotation.labels.len()), (Some("model"), 1));
    assert_eq!((p.push, p.cache, p.plot.len()), (true, false, 7));
    let of =
        |options: &str| faults(&format!("stages:\n  a:\n    cmd: x\n    outs:\n    - m: {options}\n"), &[]);
    assert!(of("{push: 1}")[0].contains("expected `true` or `false`"));
    assert!(of("{title: x}")[0].contains("unknown key `title`"));
    assert!(of("{meta: [1]}")[0].contains("expected a map"));
}

#[test]
fn needs_of_a_stage() {
    let text = "\
stages:
  a:
    cmd: x
    env: [TOKEN, {MODE: {plain: true}}, _X1]
    timeout: ${limit}
    resources: {cpus: 0.5, gpus: 1, memory: 512MiB, tokens: {licence: 2}}
    pool: disk
  b:
    cmd: x
    env: {B: , A: {plain: true}}
    timeout: 0.25
    resources: {memory: 1000}
    pool: [gpu, disk, gpu]
";
    let pipeline = loaded(text, &[("params.yaml", "limit: 1h 30m\n")]);
    let [a, b] = pipeline.stages.as_slice() else { panic!("two stages") };
    let env = |stage: &crate::Stage| {
        stage.env.iter().map(|variable| format!("{} {}", variable.name, variable.plain)).collect::<Vec<_>>()
    };
    assert_eq!(env(a), ["MODE true", "TOKEN false", "_X1 false"]);
    assert_eq!(env(b), ["A true", "B false"]);
    assert_eq!((a.timeout_millis, b.timeout_millis), (Some(5_400_000), Some(250)));
    assert_eq!(
        (a.resources.cpus, a.resources.gpus, a.resources.memory),
        (Some(0.5), Some(1), Some(512 << 20))
    );
    assert_eq!(a.resources.tokens["licence"], 2);
    assert_eq!(b.resources.memory, Some(1000));
    assert_eq!(
        (a.pools.as_slice(), b.pools.as_slice()),
        (&["disk".to_owned()][..], &["disk".to_owned(), "gpu".into()][..])
    );
    let names: Vec<_> = pipeline.declared_variables().into_iter().collect();
    let names: Vec<&str> = names.iter().map(|variable| variable.name.as_str()).collect();
    assert_eq!(names, ["A", "B", "MODE", "TOKEN", "_X1"]);
}

#[test]
fn what_is_said_of_a_run() {
    let text = "\
stages:
  a:
    cmd: x
    experiment: churn
    run: {name: 'rate ${rate}', tags: {owner: me, rate: '${rate}', pipe.better.acc: higher}}
  b: {cmd: x}
";
    let pipeline = loaded(text, &[("params.yaml", "rate: 0.5\n")]);
    let [a, b] = pipeline.stages.as_slice() else { panic!("two stages") };
    assert_eq!(a.tracking.experiment.as_deref(), Some("churn"));
    assert_eq!(a.tracking.name.as_deref(), Some("rate 0.5"));
    let tags: Vec<_> = a.tracking.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(tags, ["owner=me", "pipe.better.acc=higher", "rate=0.5"]);
    assert_eq!(b.tracking, crate::stage::Tracking::default());
    let of = |line: &str| faults(&format!("stages:\n  a:\n    cmd: x\n    {line}\n"), &[]).remove(0);
    for (line, expected) in [
        ("experiment: ''", "pipeline.yaml:4:17: the name is empty"),
        ("experiment: [a]", "pipeline.yaml:4:17: `stages.a.experiment`: expected a text, found a list"),
        ("run: a", "pipeline.yaml:4:10: `stages.a.run`: expected a map"),
        ("run: {nam: a}", "pipeline.yaml:4:11: unknown key `nam` in `stages.a.run` | did you mean `name`?"),
        ("run: {tags: {'a=b': 1}}", "pipeline.yaml:4:18: `a=b` is no key of a tag"),
        (
            "run: {tags: {pipe.restored_from: a}}",
            "pipeline.yaml:4:18: `pipe.restored_from` is for pipe itself to set",
        ),
        ("run: {tags: {a: }}", "pipeline.yaml:4:19: `stages.a.run.tags.a`: expected a text, found null"),
    ] {
        let fault = of(line);
        assert!(fault.starts_with(expected), "{fault}\nexpected {expected}");
    }
    let long = of(&format!("run: {{name: {}}}", "x".repeat(251)));
    assert!(long.contains("longer than 250 characters"), "{long}");
}

#[test]
fn faults_of_needs() {
    let of = |line: &str| faults(&format!("stages:\n  a:\n    cmd: x\n    {line}\n"), &[]).remove(0);
    for timeout in ["0", "-1", "''", "ten", "5x", "1h 30", ".inf", "[1]", "1e300", "5 s s"] {
        let fault = of(&format!("timeout: {timeout}"));
        assert!(fault.starts_with("pipeline.yaml:4:14: `"), "{fault}");
    }
    for (line, expected) in [
        ("env: [A, A]", "pipeline.yaml:4:14: variable `A` is declared twice"),
        ("env: [A=1]", "pipeline.yaml:4:11: `A=1` is no name of a variable"),
        (
            "env: {A: 1}",
            "pipeline.yaml:4:14: `stages.a.env.A`: expected options such as `{plain: true}`, found an integer",
        ),
        (
            "env: {A: {plan: true}}",
            "pipeline.yaml:4:15: unknown key `plan` in `stages.a.env.A` | did you mean `plain`?",
        ),
        ("env: A", "pipeline.yaml:4:10: `stages.a.env`: expected a list of names"),
        (
            "resources: {cpu: 1}",
            "pipeline.yaml:4:17: unknown key `cpu` in `stages.a.resources` | did you mean `cpus`?",
        ),
        ("resources: {cpus: 0}", "pipeline.yaml:4:23: `stages.a.resources.cpus`: expected a number above 0"),
        ("resources: {gpus: -1}", "pipeline.yaml:4:23: -1 is out of range"),
        (
            "resources: {memory: 4 XB}",
            "pipeline.yaml:4:25: `stages.a.resources.memory`: expected a number of bytes",
        ),
        (
            "resources: {tokens: {x: a}}",
            "pipeline.yaml:4:29: `stages.a.resources.tokens.x`: expected a whole number",
        ),
        ("pool: ''", "pipeline.yaml:4:11: the name of a pool is empty"),
        ("pool: {a: 1}", "pipeline.yaml:4:11: `stages.a.pool`: expected a string, found a map"),
        ("retries: 2", "pipeline.yaml:4:5: `retries` of stage `a` is not yet supported"),
    ] {
        let fault = of(line);
        assert!(fault.starts_with(expected), "{fault}\nexpected {expected}");
    }
}

const GROUPS: &str = "\
vars: [{n: [1, {a: b}]}, 'v.yaml:x']
stages:
  a:
    foreach: ${n}
    do:
      wdir: d
      vars: [v.yaml, {k: 1}]
      cmd: run ${item} ${x:-1} ${k}
      deps: ['${files:-f}', [g]]
  b:
    matrix: {m: [x, y], n: '${n}'}
    cmd: run ${key} ${item.m}
    env: [A, {B: {plain: true}}]
    timeout: 1h5m
    resources: {cpus: 1, memory: 4GB, tokens: {t: 1}}
    pool: [p]
    outs: ['${key}.out': {labels: [l]}]
plots: [{p: {y: {q.csv: [a]}}}]
artifacts: {m: {path: '${x}/m', meta: {a: 1}}}
";

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 200, failure_persistence: None, ..Default::default() })]

    /// A file with all there is, a few characters of it changed: a pipeline or a fault, never a panic.
    #[test]
    fn mutated_groups_never_panic(
        cuts in proptest::collection::vec((0..GROUPS.len(), 0_usize..12, "[-:\\[\\]{}$*&!@ \\na-z0]{0,4}"), 0..4),
    ) {
        let mut text = GROUPS.to_owned();
        for (at, length, patch) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.replace_range(at..end, &patch);
        }
        let files = [("v.yaml", "x: y\n"), ("d/v.yaml", "z: 1\n"), ("params.yaml", "files: [a, b]\n")];
        if let Ok(pipeline) = load_with(&text, &files) {
            let _ = pipeline.targets(&["a", "b@x-1", "x-n1.out"], &path("."));
        }
    }
}

#[test]
fn a_file_with_all_there_is_loads() {
    let files = [("v.yaml", "x: y\n"), ("d/v.yaml", "z: 1\n"), ("params.yaml", "files: [a, b]\n")];
    let text = GROUPS.replace("${item} ", "");
    let pipeline = loaded(&text, &files);
    assert_eq!(names(&pipeline), ["a@0", "a@1", "b@x-1", "b@x-n1", "b@y-1", "b@y-n1"]);
}
