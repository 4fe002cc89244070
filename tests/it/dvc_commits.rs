//! Projects of DVC as their commits have them, beside the real one: what belongs to them, and what cannot be read.

use serde_json::json;

use crate::dvc_json::same;
use crate::dvc_tool::{Dvc, pipe, project};
use crate::harness::Sandbox;

#[test]
fn a_conflicted_pointer_is_no_deleted_data() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let change = |dvc: &mut Dvc, value: &str| {
        sandbox.write("a", value);
        dvc.ok(&sandbox, &["add", "-q", "a"]);
        sandbox.commit(value);
    };
    change(&mut dvc, "1");
    sandbox.git(["checkout", "-q", "-b", "b"]);
    change(&mut dvc, "2");
    sandbox.git(["checkout", "-q", "-"]);
    change(&mut dvc, "3");
    let mut merge = sandbox.program("git");
    merge.args(["merge", "-q", "b"]);
    sandbox.finish(merge).code(1);
    for command in
        [&["data", "status", "--json"][..], &["diff", "--json"], &["list", "."], &["du", "."], &["status"]]
    {
        let (code, _, told) = dvc.call(&sandbox, command);
        assert_ne!(code, 0, "dvc {command:?}: {told}");
        let said = pipe(&sandbox, command)
            .code(2)
            .tells(&["a.dvc:2:1: the file holds an unresolved merge conflict"]);
        let said = said.tells(&["`git checkout --ours"]);
        assert_eq!(said.stdout, "", "{command:?}");
    }
}

#[test]
fn projects_in_a_project_are_none_of_its_data_in_commits_either() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("own", "1\n");
    dvc.ok(&sandbox, &["add", "-q", "own"]);
    sandbox.write("ml/s", "2\n");
    let folder = sandbox.path("ml");
    for arguments in [&["init", "-q", "--subdir"][..], &["add", "-q", "s"]] {
        let (code, _, talk) = dvc.call_in(&folder, arguments);
        assert_eq!(code, 0, "{arguments:?}: {talk}");
    }
    sandbox.write("ml/m.json", "{\"a\": 1}");
    sandbox.write("ml/params.yaml", "p: 1\n");
    sandbox.write("ml/dvc.yaml", "metrics: [m.json]\nparams: [params.yaml]\n");
    sandbox.commit("one in another");
    sandbox.write("ml/m.json", "{\"a\": 2}");
    sandbox.write("ml/params.yaml", "p: 2\n");
    let nothing = |dvc: &mut Dvc| {
        for command in ["data status", "diff", "metrics diff", "metrics show -a", "params diff"] {
            let told = same(dvc, &sandbox, ".", command);
            assert!(!told.to_string().contains("ml/"), "{command}: {told}");
        }
        let told = pipe(&sandbox, &["list", ".", "--rev", "HEAD"]).code(0).stdout;
        assert_eq!(told, "own\n");
    };
    nothing(&mut dvc);
    // What is wrong there is no fault of the project around it.
    sandbox.write("ml/dvc.yaml", "stages: [\n");
    sandbox.commit("broken inside");
    nothing(&mut dvc);
}

#[test]
fn nor_are_projects_of_pipe_in_one_of_pipe() {
    let sandbox = Sandbox::new();
    sandbox.ok(["init"]);
    sandbox.write("own", "1\n");
    sandbox.ok(["add", "own"]);
    sandbox.write("ml/s", "2\n");
    sandbox.write("dvc/s.dvc", "outs:\n- path: s\n  md5: 26ab0db90d72e28ad0ba1e22ee510510\n  size: 2\n");
    sandbox.write("dvc/dvc.yaml", "stages: [\n");
    sandbox.write("dvc/.dvc/config", "");
    sandbox.ok(["--cd", "ml", "init"]);
    sandbox.ok(["--cd", "ml", "add", "s"]);
    sandbox.commit("one in another");
    let nothing = || {
        assert_eq!(sandbox.ok(["data", "status"]).stdout, "No changes.\n");
        assert_eq!(sandbox.ok(["diff"]).stdout, "Nothing differs.\n");
        assert_eq!(sandbox.ok(["list", ".", "--rev", "HEAD"]).stdout, "own\n");
        assert_eq!(sandbox.json(["params", "diff", "--json"]), json!({}));
    };
    nothing();
    sandbox.write("ml/pipeline.yaml", "stages: [\n");
    sandbox.commit("broken inside");
    nothing();
}

/// What `vars` files give counts as far as a stage uses it, and of params files what stages name.
#[test]
fn params_that_nobody_uses_are_not_compared() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write(
        "dvc.yaml",
        "vars: [m.yaml, {inline: 5}, 'k.yaml:used']\nstages:\n  s:\n    cmd: echo ${a} ${inline} ${l[-1]} ${used.x}\n    \
         params: [n.yaml: [models.a, 'q*', l.1, '**.deep', none]]\n  f:\n    foreach: ${models}\n    do: {cmd: 'echo ${item.lr} \
         ${key}'}\n  g:\n    foreach: ['${b}', 7]\n    do: {cmd: 'echo ${item}'}\n  x:\n    matrix: {p: '${l}', q: [1, \
         '${c}'], r: [{s: 1}]}\n    cmd: echo ${item.p} ${item.q} ${item.r.s}\n  w:\n    cmd: echo ${models.z}\n    \
         vars: [own.yaml, {mine: 1}]\n    desc: ${d} ${mine}\n",
    );
    sandbox.write("sub/dvc.yaml", "stages:\n  s: {cmd: 'echo ${p}'}\n");
    let write = |value: u8| {
        let v = value;
        sandbox.write(
            "m.yaml",
            format!("{{a: {v}, b: {v}, c: {v}, u: {v}, l: [1, {v}], models: {{z: {{lr: {v}, un: {v}}}}}}}"),
        );
        sandbox.write(
            "n.yaml",
            format!("{{models: {{a: {v}, b: {v}}}, q1: {v}, q2: {{x: {v}}}, l: [1, {v}, {v}], w: {{v: {{deep: {v}, not: {v}}}}}}}"),
        );
        sandbox.write("k.yaml", format!("{{used: {{x: {v}, y: {v}}}, zz: {v}}}"));
        sandbox.write("own.yaml", format!("{{d: {v}, e: {v}}}"));
        sandbox.write("sub/params.yaml", format!("{{p: {v}, q: {v}}}"));
    };
    write(10);
    sandbox.commit("ten");
    write(20);
    for folder in [".", "sub"] {
        for command in [
            "params diff",
            "params diff --deps",
            "params diff --all",
            "params diff HEAD",
            "params diff --targets m.yaml",
        ] {
            if folder == "." || !command.contains("targets") {
                same(&mut dvc, &sandbox, folder, command);
            }
        }
    }
    let told = same(&mut dvc, &sandbox, ".", "params diff");
    let keys = |file: &str| -> Vec<&str> {
        told[file].as_object().expect("a map").keys().map(String::as_str).collect()
    };
    assert_eq!(keys("m.yaml"), ["a", "b", "c", "l.1", "models.z.lr"]);
    assert_eq!(keys("n.yaml"), ["l", "models.a", "q1", "q2.x", "w.v.deep"]);
    // A params file that a stage names is told by what stages name alone, also where templates use more.
    sandbox.edit("dvc.yaml", "params: [n.yaml:", "params: [m.yaml: [models.z.un], n.yaml:");
    same(&mut dvc, &sandbox, ".", "params diff");
    sandbox.commit("twenty");
    sandbox.edit("m.yaml", "u: 20", "u: 30");
    assert_eq!(same(&mut dvc, &sandbox, ".", "params diff"), json!({}));
}

#[test]
fn params_are_compared_where_there_is_no_pipeline() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("params.yaml", "y: 1\n");
    sandbox.write("other.yaml", "z: 1\n");
    sandbox.commit("params alone");
    sandbox.write("params.yaml", "y: 2\n");
    sandbox.write("other.yaml", "z: 2\n");
    let mut compared = || {
        let told = same(&mut dvc, &sandbox, ".", "params diff");
        assert_eq!(told["params.yaml"]["y"]["new"], 2);
        same(&mut dvc, &sandbox, ".", "params diff --deps");
        same(&mut dvc, &sandbox, ".", "params diff --targets other.yaml");
        let told = pipe(&sandbox, &["params", "diff"]).code(0).stdout;
        assert!(told.contains("params.yaml"), "{told}");
    };
    compared();
    sandbox.write("data", "1\n");
    pipe(&sandbox, &["add", "data"]).code(0);
    compared();
    sandbox.write("sub/dvc.yaml", "stages:\n  s: {cmd: 'true'}\n");
    compared();
}

#[test]
fn a_pipeline_that_cannot_be_read_hides_no_other_state() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("params.yaml", "a: 1\n");
    sandbox.write("m.json", "{\"m\": 1}");
    let good = "metrics: [m.json]\n";
    for broken in ["stages: [\n", "stages: 5\n", "stages:\n  s: {cmd: 'echo ${gone}'}\n"] {
        sandbox.write("dvc.yaml", format!("{good}{broken}"));
        sandbox.commit("broken");
        sandbox.write("dvc.yaml", good);
        for command in ["params diff", "metrics diff", "metrics show -a"] {
            let told = same(&mut dvc, &sandbox, ".", command);
            assert_ne!(told, json!({}), "{command}");
            let arguments: Vec<&str> = command.split(' ').chain(["--json"]).collect();
            pipe(&sandbox, &arguments).code(0).tells(&["dvc.yaml:"]);
        }
        let said = pipe(&sandbox, &["metrics", "diff"]).code(2).tells(&["dvc.yaml:"]);
        assert!(said.stdout.contains("m.json"), "{}", said.stdout);
        sandbox.commit("good");
        sandbox.write("dvc.yaml", format!("{good}{broken}"));
        for command in ["params diff", "metrics diff", "metrics show"] {
            same(&mut dvc, &sandbox, ".", command);
        }
        pipe(&sandbox, &["metrics", "show", "--json"]).code(0).tells(&["dvc.yaml:"]);
    }
}

#[test]
fn outs_without_a_record_are_added_and_not_committed() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox
        .write("dvc.yaml", "stages:\n  s:\n    cmd: echo 1 >o; mkdir -p f; echo 1 >f/x\n    outs: [o, f]\n");
    pipe(&sandbox, &["repro"]).code(0);
    sandbox.commit("one");
    sandbox.edit("dvc.yaml", "  s:", "  t:");
    for command in ["data status", "data status --granular", "data status --unchanged", "diff"] {
        same(&mut dvc, &sandbox, ".", command);
    }
    let told = same(&mut dvc, &sandbox, ".", "data status");
    assert_eq!(told["uncommitted"]["added"], json!(["f/", "o"]));
    sandbox.remove("o");
    let told = same(&mut dvc, &sandbox, ".", "data status");
    assert_eq!(told["uncommitted"]["added"], json!(["f/"]));
}

#[test]
fn nothing_is_committed_where_dvc_is_to_ask_no_git() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    dvc.ok(&sandbox, &["config", "core.no_scm", "true"]);
    sandbox.write("dvc.yaml", "stages:\n  s:\n    cmd: echo 1 >o\n    outs: [o]\n");
    sandbox.commit("no lock");
    pipe(&sandbox, &["repro"]).code(0);
    assert_eq!(same(&mut dvc, &sandbox, ".", "data status"), json!({}));
    sandbox.write("o", "2\n");
    same(&mut dvc, &sandbox, ".", "data status");
    same(&mut dvc, &sandbox, ".", "data status --unchanged");
}

#[test]
fn numbers_that_json_has_not_and_metrics_that_are_no_text() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("dvc.yaml", "metrics: [m.json, n.yaml]\n");
    sandbox.write("m.json", r#"{"a": NaN, "b": [NaN], "c": {"d": Infinity, "e": -Infinity}, "t": "NaN"}"#);
    sandbox.commit("one");
    sandbox.write("n.yaml", b"a: \xff\n");
    sandbox.write("m.json", r#"{"a": 1, "c": {"d": NaN}}"#);
    let names = |text: &str| -> Vec<String> {
        let words = text.split([' ', ',', '}', '\n', '{']);
        let is_name = |word: &&str| matches!(word.trim_matches('"'), "NaN" | "Infinity" | "-Infinity");
        let mut words: Vec<String> = words.filter(is_name).map(str::to_owned).collect();
        words.sort();
        words
    };
    for command in ["metrics show", "metrics show -a", "metrics diff"] {
        let arguments: Vec<&str> = command.split(' ').chain(["--json"]).collect();
        let theirs = dvc.ok(&sandbox, &arguments);
        let ours = pipe(&sandbox, &arguments).code(0).stdout;
        assert!(names(&ours).contains(&"NaN".to_owned()), "{command}: {ours}");
        assert_eq!(names(&ours), names(&theirs), "{command}: {ours} {theirs}");
    }
    let told = pipe(&sandbox, &["metrics", "show", "--json"]).code(0).stdout;
    assert!(told.contains("\"EncodingError\""), "{told}");
    assert!(dvc.ok(&sandbox, &["metrics", "show", "--json"]).contains("\"EncodingError\""));
    sandbox.write("m.json", "{\"a\": 1}");
    same(&mut dvc, &sandbox, ".", "metrics show");
}
