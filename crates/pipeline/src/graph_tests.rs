//! Graphs from stages made by hand.

use super::*;
use crate::special::{Special, SpecialName, SpecialOut};
use crate::stage::{Address, Command, Out, OutKind, PIPELINE_FILE};

fn path(text: &str) -> ProjectPath {
    ProjectPath::resolve(&ProjectPath::root(), text).expect("a path")
}

pub(crate) fn stage(name: &str, deps: &[&str], outs: &[&str]) -> Stage {
    let out = |out: &&str| Out {
        glob: None,
        path: path(out),
        kind: OutKind::Data,
        cache: true,
        persist: false,
        remote: None,
        push: true,
        desc: None,
        annotation: crate::stage::Annotation::default(),
        plot: indexmap::IndexMap::new(),
    };
    Stage {
        spelled_params: BTreeMap::new(),
        spelled: BTreeMap::new(),
        misspelled_params: BTreeMap::new(),
        address: Address { file: path(PIPELINE_FILE), name: name.to_owned() },
        command: Command::Script(format!("make {name}")),
        shell: None,
        wdir: ProjectPath::root(),
        deps: deps.iter().map(|dep| path(dep)).collect(),
        special: Vec::new(),
        special_outs: Vec::new(),
        params: Vec::new(),
        outs: outs.iter().map(out).collect(),
        frozen: false,
        always_changed: false,
        desc: None,
        meta: None,
        env: Vec::new(),
        timeout_millis: None,
        resources: crate::stage::Resources::default(),
        pools: Vec::new(),
        tracking: crate::stage::Tracking::default(),
    }
}

pub(crate) fn graph_of(stages: &[Stage]) -> Result<Graph, Vec<GraphFault>> {
    let protected = BTreeSet::from([path("pipeline.yaml"), path("pipeline.lock"), path("conf/params.yaml")]);
    Graph::build(stages, &protected)
}

fn faults(stages: &[Stage]) -> Vec<String> {
    graph_of(stages).expect_err("no graph").into_iter().map(|fault| fault.message).collect()
}

fn numbers(ids: &[StageId]) -> Vec<u32> {
    ids.iter().map(|id| id.0).collect()
}

/// A stage whose one out is a pattern.
fn pattern_stage(name: &str, deps: &[&str], pattern: &str) -> Stage {
    let mut stage = stage(name, deps, &[pattern]);
    stage.outs[0].glob = Some(Glob::new(&path(pattern), &[]).expect("a pattern"));
    stage
}

#[test]
fn patterns_are_outs_of_all_that_they_can_match() {
    let stages = [
        stage("file", &["r/sub/a.csv"], &["1"]),
        stage("folder", &["r"], &["2"]),
        stage("below", &["r/sub"], &["3"]),
        stage("other", &["x/a.csv", "s"], &["4"]),
        pattern_stage("make", &["in"], "r/**/*.csv"),
    ];
    let graph = graph_of(&stages).expect("a graph");
    assert_eq!(numbers(graph.downstream(StageId(4))), [0, 1, 2]);
    assert_eq!(graph.producer(&path("r/x/y.csv")), Some(StageId(4)));
    assert_eq!(graph.producer(&path("r/x/y.txt")), None);
    let twice = [pattern_stage("a", &[], "r/*"), pattern_stage("b", &[], "r/x*")];
    assert_eq!(
        faults(&twice),
        ["out `r/x*` of stage `b` can mean files of out `r/*` of stage `a`, and no file has two stages"]
    );
    assert_eq!(
        faults(&[pattern_stage("a", &["r/x"], "r/*")]),
        ["stage `a` has dep `r/x` and out `r/*`, which overlap"]
    );
    let circle = [pattern_stage("a", &["o"], "r/*"), stage("b", &["r/x"], &["o"])];
    assert_eq!(faults(&circle), ["stages depend on each other in a circle: a -> b -> a"]);
}

/// A stage that reads and writes outside the project.
fn outside_stage(name: &str, deps: &[&str], outs: &[&str]) -> Stage {
    let name_of = |text: &&str| match text.starts_with('/') {
        true => SpecialName::outside(text).expect("a path"),
        false => SpecialName::url(text).expect("a URL"),
    };
    let mut stage = stage(name, &[], &[]);
    stage.special = deps.iter().map(|text| Special { name: name_of(text), glob: None }).collect();
    stage.special_outs = outs.iter().map(|text| SpecialOut { name: name_of(text), persist: false }).collect();
    stage
}

#[test]
fn edges_go_by_places_outside_too() {
    let stages = [
        outside_stage("equal", &["remote://r/d/x"], &[]),
        outside_stage("outer", &["remote://r/d"], &[]),
        outside_stage("inner", &["/e/f/g"], &[]),
        outside_stage("makes_d", &[], &["remote://r/./d//x"]),
        outside_stage("makes_e", &[], &["/e"]),
        outside_stage("neighbour", &["remote://r/d-x", "remote://s/d/x", "/d/x", "https://r/d/x"], &[]),
    ];
    let graph = graph_of(&stages).expect("a graph");
    assert_eq!(numbers(graph.upstream(StageId(0))), [3]);
    assert_eq!(numbers(graph.upstream(StageId(1))), [3]);
    assert_eq!(numbers(graph.upstream(StageId(2))), [4]);
    assert_eq!(numbers(graph.upstream(StageId(5))), [0u32; 0]);
    assert!(stages[3].writes_special(&stages[1].special[0].name));
    assert!(!stages[3].writes_special(&stages[2].special[0].name));
    assert_eq!(
        faults(&[outside_stage("a", &[], &["/x"]), outside_stage("b", &[], &["/x/y"])]),
        ["out `/x/y` of stage `b` overlaps an out of stage `a`"]
    );
    assert_eq!(
        faults(&[outside_stage("a", &["/x/y"], &["/x"])]),
        ["stage `a` has dep `/x/y`, and writes there"]
    );
    let circle = [outside_stage("a", &["/y"], &["/x"]), outside_stage("b", &["/x"], &["/y"])];
    assert_eq!(faults(&circle), ["stages depend on each other in a circle: a -> b -> a"]);
}

#[test]
fn edges_go_by_equal_inner_and_outer_paths() {
    let stages = [
        stage("equal", &["d/x"], &["1"]),
        stage("outer", &["d"], &["2"]),
        stage("inner", &["e/f/g"], &["3"]),
        stage("makes_d", &[], &["d/x"]),
        stage("makes_e", &[], &["e"]),
        stage("neighbour", &["d-x", "ef"], &["4"]),
        stage("whole_folder", &["d"], &["5"]),
    ];
    let graph = graph_of(&stages).expect("a graph");
    assert_eq!(numbers(graph.upstream(StageId(0))), [3]);
    assert_eq!(numbers(graph.upstream(StageId(1))), [3]);
    assert_eq!(numbers(graph.upstream(StageId(2))), [4]);
    assert_eq!(numbers(graph.upstream(StageId(5))), [0u32; 0]);
    assert_eq!(numbers(graph.downstream(StageId(3))), [0, 1, 6]);
    assert_eq!(numbers(graph.order()), [3, 0, 1, 4, 2, 5, 6]);
    assert_eq!(numbers(&graph.with_upstream(&[StageId(2)])), [4, 2]);
    assert_eq!(numbers(&graph.with_downstream(&[StageId(3)])), [3, 0, 1, 6]);
    assert_eq!(graph.producer(&path("e/f/g")), Some(StageId(4)));
    assert_eq!(graph.producer(&path("d")), None);
}

/// Byte order puts `d-x` between `d` and `d/x`, so a folder's contents do not stand right behind it.
#[test]
fn a_neighbour_with_a_smaller_byte_hides_nothing() {
    let stages = [stage("a", &[], &["d-x"]), stage("b", &[], &["d/x"]), stage("reads", &["d"], &["r"])];
    let graph = graph_of(&stages).expect("a graph");
    assert_eq!(numbers(graph.upstream(StageId(2))), [1]);
    let stages = [stage("a", &[], &["d-x"]), stage("b", &[], &["d/x"]), stage("c", &[], &["d"])];
    assert_eq!(faults(&stages), ["out `d/x` of stage `b` lies inside out `d` of stage `c`"]);
}

#[test]
fn cycles_are_named() {
    let stages = [
        stage("head", &["c"], &["h"]),
        stage("a", &["c"], &["a1"]),
        stage("b", &["a1"], &["b1"]),
        stage("c", &["b1"], &["c"]),
    ];
    assert_eq!(faults(&stages), ["stages depend on each other in a circle: a -> b -> c -> a"]);
    let mut frozen = stages.clone();
    frozen[1].frozen = true;
    assert!(graph_of(&frozen).is_ok(), "a frozen stage waits for nobody");
}

/// Two circles, and stages behind and between them: what is named is a circle and nothing more.
#[test]
fn of_several_cycles_the_earliest_is_named_alone() {
    let stages = [
        stage("after", &["d1", "b1"], &["x"]),
        stage("a", &["b1"], &["a1"]),
        stage("b", &["a1"], &["b1"]),
        stage("c", &["d1", "a1"], &["c1"]),
        stage("d", &["c1"], &["d1"]),
    ];
    assert_eq!(faults(&stages), ["stages depend on each other in a circle: a -> b -> a"]);
}

/// A search that recursed would need a stack as deep as the circle is long.
#[test]
fn a_long_cycle_is_no_trouble() {
    let count = 20_000;
    let stages: Vec<Stage> = (0..count)
        .map(|at| {
            stage(&format!("s{at}"), &[&format!("o{}", (at + count - 1) % count)], &[&format!("o{at}")])
        })
        .collect();
    let message = faults(&stages).remove(0);
    assert!(message.contains("circle: s0 -> s1 -> ") && message.ends_with(" -> s19999 -> s0"));
}

proptest::proptest! {
    /// Stage numbers against a slow law: the next in order is the first of the file whose upstream is done.
    #[test]
    fn the_order_keeps_that_of_the_file(
        edges in proptest::collection::vec((0usize..9, 0usize..9), 0..14)
    ) {
        let deps = |at: usize| -> Vec<String> {
            let mine = edges.iter().filter(|(_, to)| *to == at);
            mine.filter(|(from, to)| from != to).map(|(from, _)| format!("o{from}")).collect()
        };
        let stages: Vec<Stage> = (0..9)
            .map(|at| {
                let deps = deps(at);
                let deps: Vec<&str> = deps.iter().map(String::as_str).collect();
                stage(&format!("s{at}"), &deps, &[&format!("o{at}")])
            })
            .collect();
        let mut expected: Vec<u32> = Vec::new();
        let done = |expected: &[u32], at: u32| {
            deps(at as usize).iter().all(|dep| expected.iter().any(|id| format!("o{id}") == *dep))
        };
        while let Some(next) = (0..9).find(|at| !expected.contains(at) && done(&expected, *at)) {
            expected.push(next);
        }
        match graph_of(&stages) {
            Ok(graph) => proptest::prop_assert_eq!(numbers(graph.order()), expected),
            Err(faults) => {
                proptest::prop_assert!(expected.len() < 9);
                let (_, circle) = faults[0].message.split_once("circle: ").expect("it names the circle");
                let names: Vec<usize> =
                    circle.split(" -> ").map(|name| name[1..].parse().expect("a number")).collect();
                proptest::prop_assert!(names.len() > 2 && names.first() == names.last());
                for pair in names.windows(2) {
                    proptest::prop_assert!(edges.contains(&(pair[0], pair[1])), "{}", circle);
                }
            }
        }
    }
}

#[test]
fn wrong_outs_are_refused() {
    for (out, part) in [
        (".", "project root"),
        ("pipeline.yaml", "is a pipeline, lock or params file"),
        ("pipeline.lock", "is a pipeline, lock or params file"),
        ("conf", "contains `conf/params.yaml`"),
    ] {
        let faults = faults(&[stage("a", &[], &[out])]);
        assert!(faults[0].contains(part), "{faults:?}");
    }
    // Data that comes back must not be read as what describes stages or data.
    for out in ["dvc.yaml", "d/PIPELINE.yaml", "dvc.LOCK", "x.pipe", "d/y.dvc"] {
        let address = Address { file: path("a.pipe"), name: String::new() };
        let data = Stage { address, command: Command::None, ..stage("a", &[], &[out]) };
        assert!(faults(&[data])[0].contains(" is a p"), "{out}");
    }
    let both = [stage("a", &[], &["x"]), stage("b", &[], &["x"])];
    assert_eq!(faults(&both), ["`x` is an out of both stage `a` and stage `b`"]);
    assert_eq!(faults(&[stage("a", &[], &["x", "x"])]), ["stage `a` has out `x` twice"]);
    assert_eq!(faults(&[stage("a", &["x"], &["x"])]), ["stage `a` has `x` both as dep and as out"]);
    assert_eq!(
        faults(&[stage("a", &["src"], &["src/x"])]),
        ["stage `a` has dep `src` and out `src/x`, which overlap"]
    );
    let mut inside = stage("a", &[], &["work"]);
    inside.wdir = path("work/here");
    assert_eq!(faults(&[inside]), ["stage `a` runs inside its own out `work`"]);
    let address = Address { file: path("work/x.dvc"), name: String::new() };
    let mut data = Stage { address, command: Command::None, ..stage("a", &[], &["work"]) };
    data.wdir = path("work");
    assert_eq!(
        faults(&[data]),
        ["pointer `work/x.dvc` lies inside its own data `work`: move it out of there"]
    );
}

/// Work that grew with the square of the stages would take minutes here.
#[test]
fn ten_thousand_stages_are_no_trouble() {
    let names: Vec<String> = (0..=10_000).map(|at| format!("folder{}/out{at}", at % 7)).collect();
    let stages: Vec<Stage> = names.windows(2).map(|pair| stage(&pair[1], &[&pair[0]], &[&pair[1]])).collect();
    let graph = graph_of(&stages).expect("a graph");
    assert_eq!(graph.order().len(), 10_000);
    assert!(graph.order().is_sorted());
}
