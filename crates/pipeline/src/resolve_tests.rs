//! Whole texts, from the first letter to the graph.

use super::*;
use crate::params;
use crate::stage::OutKind;
use crate::stage::{Command, ParamRef};
use base::Value;
use proptest::prelude::*;

pub(crate) fn path(text: &str) -> ProjectPath {
    ProjectPath::resolve(&ProjectPath::root(), text).expect("a path")
}

/// Loads `pipeline.yaml` with the files given; what is asked for and not given does not exist.
pub(crate) fn load_with(pipeline: &str, files: &[(&str, &str)]) -> Result<Pipeline, LoadFault> {
    let mut provided = Provided::default();
    provided.texts.insert(path("pipeline.yaml"), Some(pipeline.to_owned()));
    for _ in 0..4 {
        match load(&path("pipeline.yaml"), &provided)? {
            Loaded::Done(pipeline) => return Ok(*pipeline),
            Loaded::Need(needed) => {
                assert!(!needed.is_empty());
                for glob in needed.files {
                    let all = files.iter().map(|(name, _)| path(name)).filter(|file| glob.matches(file));
                    let all = all.collect();
                    provided.files.push((glob, all));
                }
                for file in needed.texts {
                    let text = files.iter().find(|(name, _)| path(name) == file);
                    let before =
                        provided.texts.insert(file.clone(), text.map(|(_, text)| (*text).to_owned()));
                    assert!(before.is_none(), "{file} was asked for twice");
                }
            }
        }
    }
    panic!("it never ends")
}

/// Every fault as `place message | hint`.
pub(crate) fn faults(pipeline: &str, files: &[(&str, &str)]) -> Vec<String> {
    let fault = load_with(pipeline, files).expect_err(pipeline);
    let line = |fault: &PipelineError| match &fault.hint {
        Some(hint) => format!("{fault} | {hint}"),
        None => fault.to_string(),
    };
    fault.faults.iter().map(line).collect()
}

const EXAMPLE: &str = "\
vars:
- conf/vars.yaml
- suffix: npz
stages:
  data:
    cmd: make --n ${n} -o x.${suffix}
    wdir: work
    deps: [../make.py]
    outs: ['x.${suffix}']
  train:
    desc: what it does
    cmd:
    - mkdir -p out
    - |
      run ${train}
      echo \\${HOME}
    shell: bash -e
    deps: [work/x.npz, train.py, train.py]
    params:
    - train.lr
    - seed
    - other.toml:
    outs:
    - out/model: {persist: true}
    metrics:
    - out/metrics.json:
        cache: ${cached}
    plots:
    - out/plot.csv: {x: epoch, y: loss, cache: false}
    always_changed: true
    meta: {owner: me}
metrics: [more.json]
";

const FILES: &[(&str, &str)] = &[
    ("params.yaml", "n: 100\nseed: 1\ncached: false\ntrain: {lr: 0.1, fast: true}\n"),
    ("conf/vars.yaml", "name: x\n"),
    ("other.toml", "a = 1\n[b]\nc = 2.0\n"),
];

#[test]
fn no_keys_of_a_params_file_are_all() {
    let params = |written: &str| {
        let text = format!("stages:\n  s:\n    cmd: echo s\n    params: [{{other.toml: {written}}}]\n");
        load_with(&text, FILES).expect("it is right").stages[0].params.clone()
    };
    assert_eq!(params("[]"), [ParamRef { file: path("other.toml").into(), key: None }]);
    assert_eq!(params("[]"), params(""));
    assert_ne!(params("[]"), params("[a]"));
}

#[test]
fn an_example_in_full() {
    let pipeline = load_with(EXAMPLE, FILES).expect("it is right");
    let [data, train] = pipeline.stages.as_slice() else { panic!("two stages") };
    assert_eq!(data.command, Command::Script("make --n 100 -o x.npz".into()));
    assert_eq!(data.wdir, path("work"));
    assert_eq!(data.deps, [path("make.py")]);
    assert_eq!(data.outs[0].path, path("work/x.npz"));
    let run = "run --lr 0.1 --fast\necho ${HOME}";
    assert_eq!(train.command, Command::List(vec!["mkdir -p out".into(), run.into()]));
    assert_eq!(train.shell.as_deref(), Some("bash -e"));
    assert_eq!(train.deps, [path("train.py"), path("work/x.npz")]);
    let param =
        |file: &str, key: Option<&str>| ParamRef { file: path(file).into(), key: key.map(str::to_owned) };
    let expected = [
        param("other.toml", None),
        param("params.yaml", Some("seed")),
        param("params.yaml", Some("train.lr")),
    ];
    assert_eq!(train.params, expected);
    let outs: Vec<_> =
        train.outs.iter().map(|out| (out.path.as_str(), out.kind, out.cache, out.persist)).collect();
    let expected = [
        ("out/metrics.json", OutKind::Metrics, false, false),
        ("out/model", OutKind::Data, true, true),
        ("out/plot.csv", OutKind::Plots, false, false),
    ];
    assert_eq!(outs, expected);
    assert_eq!(train.outs[2].plot.get("x"), Some(&Value::from("epoch")));
    assert!(train.always_changed && !train.frozen);
    assert_eq!(pipeline.graph.upstream(StageId(1)), [StageId(0)]);
    assert_eq!(pipeline.metrics, [path("more.json")]);
    assert_eq!(pipeline.position(StageId(1)).map(|at| at.to_string()).as_deref(), Some("10:3"));
    let values = params::select(&train.params, &pipeline.param_files, Dialect::Native).expect("all there");
    assert_eq!(values[&ParamPath::from(path("params.yaml"))]["train.lr"], Value::from(0.1));
    assert_eq!(values[&ParamPath::from(path("other.toml"))].len(), 2);
}

#[test]
fn targets_by_name_path_and_file() {
    let pipeline = load_with(EXAMPLE, FILES).expect("it is right");
    let targets = |target: &str, base: &str| pipeline.targets(&[target], &path(base));
    let (data, train) = (StageId(0), StageId(1));
    assert_eq!(targets("train", "."), Ok(vec![train]));
    assert_eq!(targets("pipeline.yaml:train", "."), Ok(vec![train]));
    assert_eq!(targets("../pipeline.yaml:train", "work"), Ok(vec![train]));
    assert_eq!(targets("x.npz", "work"), Ok(vec![data]));
    assert_eq!(targets("out/model/weights", "."), Ok(vec![train]));
    assert_eq!(targets("pipeline.yaml", "."), Ok(vec![data, train]));
    let error = targets("trian", ".").expect_err("a slip");
    assert_eq!(error.to_string(), "`trian` is neither a stage nor an out of one in pipeline.yaml");
    assert_eq!(error.hint.as_deref(), Some("did you mean `train`?"));
    assert!(targets("out", ".").is_err());
}

#[test]
fn faults_of_form() {
    let none = load(
        &path("pipeline.yaml"),
        &Provided {
            texts: BTreeMap::from([(path("pipeline.yaml"), None), (path("params.yaml"), None)]),
            ..Provided::default()
        },
    );
    assert!(none.expect_err("no file").to_string().contains("there is no such pipeline file"));
    let of = |text: &str| faults(text, &[]);
    assert_eq!(
        of("stages:\n  train:\n    cmd: x\n    dep: [a]\n"),
        ["pipeline.yaml:4:5: unknown key `dep` in stage `train` | did you mean `deps`?"]
    );
    assert_eq!(
        of("stage: {}\n"),
        ["pipeline.yaml:1:1: unknown key `stage` at the top level | did you mean `stages`?"]
    );
    assert_eq!(
        of("stages:\n  a: {cmd: x, retries: 2}\n"),
        ["pipeline.yaml:2:15: `retries` of stage `a` is not yet supported"]
    );
    assert_eq!(of("stages:\n  a: {deps: [x]}\n"), ["pipeline.yaml:2:3: stage `a` has no `cmd`"]);
    assert_eq!(of("stages: [a]\n"), ["pipeline.yaml:1:9: `stages`: expected a map, found a list"]);
    assert_eq!(of("stages:\n  a:\n"), ["pipeline.yaml:2:4: `stages.a`: expected a map, found null"]);
    assert!(of("stages:\n  -a: {cmd: x}\n")[0].contains("stage name `-a` begins with `-`"));
    assert!(of("stages:\n  a.b: {cmd: x}\n")[0].starts_with("pipeline.yaml:2:3: stage name `a.b` holds '.'"));
    let quote = "a `: ` inside makes a map of it; put the command in quotes";
    assert_eq!(
        of("stages:\n  a:\n    cmd:\n    - echo a: b\n"),
        [format!("pipeline.yaml:4:7: `stages.a.cmd[0]`: expected a string, found a map | {quote}")]
    );
    assert_eq!(of("stages:\n  a:\n    cmd: ''\n"), ["pipeline.yaml:3:10: the command is empty"]);
    assert_eq!(
        of("stages:\n  a:\n    cmd: x\n    frozen: 'yes'\n"),
        [
            "pipeline.yaml:4:13: `stages.a.frozen`: expected `true` or `false`, found a string | YAML 1.2 has no `yes` and `no`"
        ]
    );
    assert_eq!(
        of("stages:\n  a:\n    cmd: x\n    outs:\n    - y: {cach: false}\n"),
        ["pipeline.yaml:5:11: unknown key `cach` in `stages.a.outs[0].y` | did you mean `cache`?"]
    );
    assert_eq!(
        of("stages:\n  a:\n    cmd: x\n    deps: [1]\n"),
        [
            "pipeline.yaml:4:12: `stages.a.deps[0]`: expected a string, found an integer | in quotes it is a string: \"1\""
        ]
    );
    assert_eq!(of("[]"), ["pipeline.yaml:1:1: the file: expected a map, found a list"]);
    assert!(load_with("", &[]).expect("an empty pipeline").stages.is_empty());
}

#[test]
fn faults_of_paths_and_graph() {
    let of = |text: &str| faults(text, &[("params.yaml", "")]);
    let outside = of("stages:\n  a:\n    cmd: x\n    deps: [../x]\n");
    assert_eq!(outside, ["pipeline.yaml:4:12: `../x` leads out of the project"]);
    assert!(of("stages:\n  a: {cmd: x, outs: [/etc]}\n")[0].contains("absolute path"));
    assert!(of("stages:\n  a: {cmd: x, deps: [/a/.git/x]}\n")[0].contains("git, pipe or DVC keeps"));
    assert!(of("stages:\n  a: {cmd: x, deps: [/]}\n")[0].contains("`/`"));
    assert!(of("stages:\n  a: {cmd: x, outs: [.git/x]}\n")[0].contains("git, pipe or DVC keeps"));
    assert!(
        of("stages:\n  a: {cmd: x, outs: ['s3://b/x']}\n")[0]
            .contains("is a URL, and outs lie in the project")
    );
    assert!(of("stages:\n  a: {cmd: '${a}', outs: [params.yaml]}\n")[0].contains("params file"));
    assert!(load_with("stages:\n  a: {cmd: x, outs: [params.yaml]}\n", &[("params.yaml", "")]).is_ok());
    assert_eq!(
        of("stages:\n  a: {cmd: x, deps: [y], outs: [z]}\n  b: {cmd: x, deps: [z], outs: [y]}\n"),
        ["pipeline.yaml:2:3: stages depend on each other in a circle: a -> b -> a"]
    );
}

#[test]
fn faults_of_templates() {
    let params = [("params.yaml", "lr: 1\nlist: [1]\n"), ("v.yaml", "lr: 2\nw: 3\n")];
    let of = |text: &str| faults(text, &params);
    assert_eq!(
        of("stages:\n  a:\n    cmd: x\n    deps:\n    - d/${lrr}\n"),
        ["pipeline.yaml:5:7: `${lrr}` is undefined in `deps` of stage `a` | did you mean `${lr}`?"]
    );
    assert!(
        of("stages:\n  a:\n    cmd: x\n    deps: ['x/${list}']\n")[0]
            .starts_with("pipeline.yaml:4:12: `${list}` is a list")
    );
    let twice = of("vars: [v.yaml]\nstages: {}\n");
    assert_eq!(twice, ["pipeline.yaml:1:8: `lr` of `v.yaml` is already defined in `params.yaml`"]);
    assert_eq!(of("vars: ['v.yaml:x']\n"), ["pipeline.yaml:1:8: `v.yaml` has no key `x`"]);
    assert_eq!(of("vars: [gone.yaml]\n"), ["pipeline.yaml:1:8: vars file `gone.yaml` does not exist"]);
    assert_eq!(
        of("vars: ['v.yaml:w', v.yaml]\n"),
        ["pipeline.yaml:1:20: `v.yaml` is loaded both whole and by keys"]
    );
    assert!(load_with("vars: ['v.yaml:w', params.yaml]\nstages: {a: {cmd: 'x ${w}'}}\n", &params).is_ok());
}

#[test]
fn faults_of_param_files() {
    let of = |name: &str, text: &str| {
        let pipeline = format!("stages:\n  a:\n    cmd: x\n    params: [{{{name}: }}]\n");
        faults(&pipeline, &[(name, text)])
    };
    assert_eq!(of("p.json", "{\n \"a\": }"), ["p.json:2:7: expected value"]);
    assert!(of("p.toml", "a = 1\nb = [\n")[0].starts_with("p.toml:"));
    assert_eq!(of("p.json", "{\"a\": 1, \"a\": 2}"), ["p.json:1:16: duplicate key `a`"]);
    assert_eq!(of("p.py", "b = 1\na = (1\n"), ["p.py:2:5: `(` is never closed"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The example with a few characters cut, doubled or replaced: a pipeline or a fault, never a panic.
    #[test]
    fn mutated_documents_never_panic(
        cuts in proptest::collection::vec((0..EXAMPLE.len(), 0_usize..12, "[-:\\[\\]{}$*&! \\na-z0]{0,4}"), 1..4),
    ) {
        let mut text = EXAMPLE.to_owned();
        for (at, length, patch) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.replace_range(at..end, &patch);
        }
        if let Err(fault) = load_with(&text, FILES) {
            prop_assert!(!fault.faults.is_empty());
        }
    }
}

/// In projects of DVC alone: there, data is as good a place for params as any.
#[test]
fn data_may_hold_params_in_projects_of_dvc() {
    let load = |pipeline: &str, text: &str, pointer: &str, out: &str| {
        let (pipeline, pointer) = (path(pipeline), path(pointer));
        let mut provided = Provided::default();
        for (file, text) in [(&pipeline, text), (&pointer, out), (&path("params.yaml"), "a: 1\n")] {
            provided.texts.insert(file.clone(), Some(text.to_owned()));
        }
        for _ in 0..2 {
            match load_all(&pipeline, &[pipeline.clone(), pointer.clone()], &provided)? {
                Loaded::Done(pipeline) => return Ok(*pipeline),
                Loaded::Need(needed) => {
                    provided.texts.extend(needed.texts.into_iter().map(|file| (file, None)));
                }
            }
        }
        panic!("it never ends")
    };
    let text = "stages:\n  s:\n    cmd: run ${a}\n    params: [a]\n    outs: [o]\n";
    let of_dvc =
        |out: &str| format!("outs:\n- md5: 60b725f10c9c85c70d97880dfe8191b3\n  size: 2\n  path: {out}\n");
    let pipeline = load("dvc.yaml", text, "params.yaml.dvc", &of_dvc("params.yaml")).expect("a pipeline");
    let [stage, data] = ["s", "params.yaml.dvc"].map(|name| {
        let mut found = pipeline.targets(&[name], &ProjectPath::root()).expect("a target");
        found.pop().expect("one")
    });
    assert_eq!(pipeline.graph.upstream(stage), [data], "the stage waits for its params");
    let refused = |pipeline: &str, pointer: &str, out: &str| {
        let fault: LoadFault = load(pipeline, text, pointer, out).map(drop).expect_err("a fault");
        format!("{} | {}", fault.faults[0], fault.faults[0].hint.as_deref().unwrap_or_default())
    };
    let said = refused("dvc.yaml", "dvc.yaml.dvc", &of_dvc("dvc.yaml"));
    assert!(
        said.contains("`dvc.yaml` of pointer `dvc.yaml.dvc` is a pipeline, lock or params file"),
        "{said}"
    );
    let native = "version: 1\nouts:\n- path: params.yaml\n  digest: blake3:50cc1102b1c612e6962547aacdcef9a400d4416ef8dd9388e885991853c400c9\n  size: 2\n";
    let said = refused("pipeline.yaml", "params.yaml.pipe", native);
    assert!(
        said.contains("params file | git keeps such files: take it out of the data, or remove"),
        "{said}"
    );
}
