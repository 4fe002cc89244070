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
        ["pipeline.yaml:6:14: `stages.a.do.deps[0]`: expected a string, found an integer"]
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
