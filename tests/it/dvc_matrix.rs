//! DVC's features, project by project: what `pipe status` and `dvc status` call stale is the same, each accepts what the
//! other has run, and both write the same `dvc.lock` to the byte.

use std::collections::{BTreeMap, BTreeSet};

use crate::dvc_tool::{Dvc, pipe, project, stale};
use crate::harness::Sandbox;

/// One feature: a part of a project whose names begin with a prefix, `@` in the texts.
struct Feature {
    name: &'static str,
    /// Below `stages:`.
    stages: &'static str,
    /// Below a key of the prefix in `params.yaml`.
    params: &'static str,
    /// Items of the top-level `vars`.
    vars: &'static str,
    files: &'static [(&'static str, &'static str)],
    /// What `dvc add` is told.
    adds: &'static [&'static str],
    /// Changes, one after the other; `None` removes.
    edits: &'static [(&'static str, Option<&'static str>)],
    /// Stages that are never up to date.
    restless: &'static [&'static str],
}

const NONE: Feature =
    Feature { name: "", stages: "", params: "", vars: "", files: &[], adds: &[], edits: &[], restless: &[] };

const FEATURES: &[Feature] = &[
    Feature {
        name: "a chain",
        stages: "@one:\n  cmd: cp @in @mid\n  deps: [@in]\n  outs: [@mid]\n@two:\n  cmd: cp @mid @out\n  deps: [@mid]\n  \
                 outs: [@out]\n",
        files: &[("@in", "1\n")],
        edits: &[("@in", Some("2\n")), ("@mid", None), ("@out", Some("edited\n"))],
        ..NONE
    },
    Feature {
        name: "folders",
        stages: "@make:\n  cmd: mkdir -p @d/sub/deep @d/empty && cp @in @d/a && cp @in @d/sub/deep/b && chmod +x @d/a\n  \
                 deps: [@in]\n  outs: [@d]\n@read:\n  cmd: cat @d/sub/deep/b > @r\n  deps: [@d/sub]\n  outs: [@r]\n",
        files: &[("@in", "1\n")],
        edits: &[
            ("@d/sub/deep/b", Some("edited\n")),
            ("@d/a", None),
            ("@in", Some("2\n")),
            ("@d/new", Some("x")),
        ],
        ..NONE
    },
    Feature {
        name: "foreach over a list",
        stages: "@each:\n  foreach: [1, 2.5, true, a-b, 1.0e-05]\n  do:\n    cmd: echo ${item} > @o-${item}\n    deps: \
                 [@in]\n    outs:\n    - @o-${item}\n",
        files: &[("@in", "1\n")],
        edits: &[("@o-2.5", None), ("@in", Some("2\n"))],
        ..NONE
    },
    Feature {
        name: "foreach over a map",
        stages: "@map:\n  foreach: ${@p.models}\n  do:\n    cmd: echo ${key} ${item.lr} ${item.deep.n} > @m-${key}\n    \
                 params: [@p.models]\n    outs: ['@m-${key}']\n",
        params: "models:\n  us: {lr: 1.0e-07, deep: {n: 3}}\n  größe: {lr: 10.0, deep: {n: x y}}\n",
        edits: &[("@m-us", Some("edited"))],
        ..NONE
    },
    Feature {
        name: "foreach over maps in a list",
        stages: "@list:\n  foreach:\n  - {a: 1, b: [x, y]}\n  - {a: 2.0, b: [z]}\n  do:\n    cmd: echo ${item.a} \
                 ${item.b[0]} > @l${item.a}\n    deps: [@in]\n    outs: ['@l${item.a}']\n",
        files: &[("@in", "1\n")],
        edits: &[("@in", None), ("@in", Some("3\n"))],
        ..NONE
    },
    Feature {
        name: "matrix",
        stages: "@grid:\n  matrix:\n    n: [1, 2.5]\n    model: ${@p.models}\n  cmd: echo ${item.n} ${item.model.name} \
                 ${key} > @g-${key}\n  outs: ['@g-${key}']\n",
        params: "models: [{name: a}, {name: b}]\n",
        edits: &[("@g-1-model0", None), ("@g-2.5-model1", Some("x"))],
        ..NONE
    },
    Feature {
        name: "vars",
        stages: "@vars:\n  vars: [{@own: 4}, '@own.yaml:inner']\n  cmd: echo ${@top} ${@file.deep[0]} ${@own} ${inner.a} > \
                 @v\n  deps: [@in]\n  outs: [@v]\n",
        vars: "- {@top: 1.5}\n- @vars.yaml\n",
        files: &[
            ("@vars.yaml", "@file: {deep: [1]}\n"),
            ("@own.yaml", "inner: {a: yes}\nother: 1\n"),
            ("@in", "1\n"),
        ],
        edits: &[("@own.yaml", Some("inner: {a: no}\nother: 1\n")), ("@in", Some("2\n"))],
        ..NONE
    },
    Feature {
        name: "wdir",
        stages: "@wdir:\n  wdir: @w\n  cmd: cat ../@in in > out\n  deps: [../@in, in]\n  params: [a, {../@q.json: [b]}]\n  \
                 outs: [out]\n",
        files: &[
            ("@in", "1\n"),
            ("@w/in", "2\n"),
            ("@w/params.yaml", "a: 1\n"),
            ("@q.json", "{\"b\": [1, 2.0]}"),
        ],
        edits: &[
            ("@in", Some("5\n")),
            ("@q.json", Some("{\"b\": [1.0, 2]}")),
            ("@w/params.yaml", Some("a: 2\n")),
        ],
        ..NONE
    },
    Feature {
        name: "outs that persist",
        stages: "@keep:\n  cmd: mkdir -p @k && cat @in >> @k/log\n  deps: [@in]\n  outs:\n  - @k:\n      persist: true\n",
        files: &[("@in", "1\n")],
        edits: &[("@in", Some("2\n")), ("@k/log", None)],
        ..NONE
    },
    Feature {
        name: "metrics and plots without cache",
        stages: "@score:\n  cmd: cat @in > @m.json && printf 'step,loss\\n1,2\\n' > @p.csv\n  deps: [@in]\n  metrics:\n  - \
                 @m.json:\n      cache: false\n  plots:\n  - @p.csv:\n      cache: false\n      x: step\n      y: loss\n",
        files: &[("@in", "{\"a\": 1.5}\n")],
        edits: &[("@m.json", Some("{}")), ("@p.csv", None), ("@in", Some("{\"a\": 2}"))],
        ..NONE
    },
    Feature {
        name: "metrics and outs with options",
        stages: "@kept:\n  cmd: cat @in > @m.json && cp @in @o && cp @in @n\n  deps: [@in]\n  desc: for people\n  meta: {a: \
                 [1]}\n  metrics: [@m.json]\n  outs:\n  - @o:\n      desc: an out\n      type: model\n      labels: [a]\n      \
                 push: false\n      remote: elsewhere\n  - @n:\n      cache: false\n",
        files: &[("@in", "{\"a\": 1.5}\n")],
        edits: &[("@n", Some("x")), ("@in", Some("{\"a\": 2}"))],
        ..NONE
    },
    Feature {
        name: "params of all kinds of files",
        stages: "@params:\n  cmd: echo hi > @o\n  params:\n  - @p.lr\n  - @a.json:\n    - x\n    - y.z\n  - @b.toml:\n  - \
                 @c.py:\n    - RATE\n    - Net.layers\n  outs: [@o]\n",
        params: "lr: 0.1\n",
        files: &[
            ("@a.json", "{\"x\": 1e-5, \"y\": {\"z\": null}}"),
            ("@b.toml", "t = 1.0\nb = true\n[s]\nq = 'é'\n"),
            ("@c.py", "RATE = 1e-4\nclass Net:\n    layers = [1, 2]\n"),
        ],
        edits: &[
            ("@a.json", Some("{\"x\": 0.00001, \"y\": {\"z\": null}, \"new\": 1}")),
            ("@b.toml", Some("t = 1\nb = 1\n[s]\nq = 'é'\n")),
            ("@b.toml", Some("t = 1\nb = 1\nnew = 2\n[s]\nq = 'é'\n")),
            ("@c.py", Some("RATE = 1e-3\nclass Net:\n    layers = [1, 2]\n")),
        ],
        ..NONE
    },
    Feature {
        name: "floats and other values",
        stages: "@values:\n  cmd: echo ${@p.f.a} ${@p.f.b} ${@p.f.c} ${@p.f.d} ${@p.f.e} > @o\n  params: [@p.f, @p.m]\n  \
                 outs: [@o]\n",
        params: "f: {a: 1.0e-05, b: 1.0, c: 1.0e+16, d: 123456789012345680.0, e: true}\nm: {text: '1', none: null, date: x, \
                 nested: [[1], {k: .5}], long: \"it's a text that is long enough to be folded when it is written into a \
                 lock\"}\n",
        edits: &[("@o", None)],
        ..NONE
    },
    Feature {
        name: "frozen stages",
        stages: "@ice:\n  cmd: cp @in @o\n  deps: [@in]\n  outs: [@o]\n  frozen: true\n@after:\n  cmd: cp @o @p\n  deps: \
                 [@o]\n  outs: [@p]\n",
        // It never runs: what is there is its result.
        files: &[("@in", "1\n"), ("@o", "1\n")],
        edits: &[("@in", Some("2\n")), ("@o", Some("edited"))],
        ..NONE
    },
    Feature {
        name: "stages that always run",
        stages: "@always:\n  cmd: echo x > @o\n  deps: [@in]\n  outs: [@o]\n  always_changed: true\n@callback:\n  cmd: echo \
                 hello\n@once:\n  cmd: echo 1 > @p\n  outs: [@p]\n",
        files: &[("@in", "1\n")],
        edits: &[("@p", None), ("@in", Some("2\n"))],
        restless: &["@always", "@callback"],
        ..NONE
    },
    Feature {
        name: "commands of several lines",
        stages: "@lines:\n  cmd: |\n    A=1\n    [[ -z $A ]] && echo \"$DVC_STAGE\" > @o\n\n    echo second >> @o\n  outs: \
                 [@o]\n@items:\n  cmd:\n  - test \"$(cd \"$DVC_ROOT\" && pwd -P)\" = \"$(git rev-parse --show-toplevel)\"\n  \
                 - 'echo \"a: b\" > @p'\n  - \"echo 'it''s' # not >> @p\"\n  deps: [@o]\n  outs: [@p]\n",
        edits: &[("@o", None)],
        ..NONE
    },
    Feature {
        name: "names beyond ASCII",
        stages: "@größe:\n  cmd: mkdir -p '@ü d' && cp '@ein gang é' '@ü d/日本 \"x\"'\n  deps: ['@ein gang é']\n  outs: ['@ü \
                 d']\n@日本:\n  cmd: cat '@ü d/日本 \"x\"' > '@🙂'\n  deps: ['@ü d/日本 \"x\"']\n  outs: ['@🙂']\n",
        files: &[("@ein gang é", "1\n")],
        edits: &[("@ein gang é", Some("2\n")), ("@🙂", None)],
        ..NONE
    },
    Feature {
        name: "paths outside",
        stages: "@outside:\n  cmd: cat EXTERNAL/@in > @o\n  deps: [EXTERNAL/@in, EXTERNAL/@folder]\n  outs: [@o]\n",
        files: &[("EXTERNAL/@in", "1\n"), ("EXTERNAL/@folder/sub/a", "1\n")],
        edits: &[("EXTERNAL/@in", Some("2\n")), ("EXTERNAL/@folder/sub/b", Some("2\n"))],
        ..NONE
    },
    Feature {
        name: "maps as flags",
        stages: "@flags:\n  cmd: echo ${@p.flags} > @o\n  outs: [@o]\n",
        params: "flags: {lr: 1.0e-05, on: true, off: false, list: [1, a b], deep: {x: 'it''s', n: 2.0}}\n",
        edits: &[("@o", Some("x"))],
        ..NONE
    },
    Feature {
        name: "paths spelled in odd ways",
        stages: "@odd:\n  cmd: cp @in @o\n  deps: [./@in, @w/../@in2]\n  outs: [./@o]\n",
        files: &[("@in", "1\n"), ("@in2", "2\n"), ("@w/x", "")],
        edits: &[("@in2", Some("5\n"))],
        ..NONE
    },
    Feature {
        name: "data with pointers",
        stages: "@uses:\n  cmd: cat @data @dir/sub/b > @o\n  deps: [@data, @dir/sub]\n  outs: [@o]\n",
        files: &[("@data", "1\n"), ("@dir/a", "x\n"), ("@dir/sub/b", "y\n"), ("@größe d", "z\n")],
        adds: &["@data", "@dir", "@größe d"],
        edits: &[
            ("@data", Some("2\n")),
            ("@dir/a", None),
            ("@größe d", None),
            ("@dir/sub/b", Some("edited\n")),
            ("@dir/new", Some("new\n")),
        ],
        ..NONE
    },
    Feature {
        name: "data that is not used",
        stages: "@idle:\n  cmd: echo 1 > @o\n  outs: [@o]\n",
        files: &[("@deep/data", "1\n")],
        adds: &["@deep/data"],
        edits: &[("@deep/data", None), ("@deep/data", Some("2\n"))],
        ..NONE
    },
];

/// A project of features, at the root or below.
struct Recipe {
    features: Vec<&'static Feature>,
    folder: &'static str,
}

fn recipes() -> Vec<Recipe> {
    let count = FEATURES.len();
    let mut recipes = Vec::new();
    for at in 0..count {
        recipes.push(Recipe { features: vec![&FEATURES[at]], folder: "" });
        recipes.push(Recipe {
            features: vec![&FEATURES[at], &FEATURES[(at + 7) % count]],
            folder: "a folder/sub/",
        });
    }
    recipes
}

/// The files of a recipe by path, its edits, and its stages that are never up to date.
struct Made {
    files: BTreeMap<String, String>,
    adds: Vec<String>,
    edits: Vec<(String, Option<String>)>,
    restless: BTreeSet<String>,
}

fn make(recipe: &Recipe, external: &str) -> Made {
    let (mut stages, mut params, mut vars) = (String::new(), String::new(), String::new());
    let mut made =
        Made { files: BTreeMap::new(), adds: Vec::new(), edits: Vec::new(), restless: BTreeSet::new() };
    let indent = |text: &str, by: &str| text.lines().map(|line| format!("{by}{line}\n")).collect::<String>();
    for (number, feature) in recipe.features.iter().enumerate() {
        let prefix = format!("f{number}");
        let fill = |text: &str| text.replace('@', &prefix).replace("EXTERNAL", external);
        stages += &indent(&fill(feature.stages), "  ");
        if !feature.params.is_empty() {
            params += &format!("{prefix}p:\n{}", indent(&fill(feature.params), "  "));
        }
        vars += &fill(feature.vars);
        let place = |path: &str| {
            let path = fill(path);
            if path.starts_with('/') { path } else { format!("{}{path}", recipe.folder) }
        };
        for (path, text) in feature.files {
            made.files.insert(place(path), fill(text));
        }
        made.adds.extend(feature.adds.iter().map(|path| place(path)));
        for (path, text) in feature.edits {
            made.edits.push((place(path), text.map(fill)));
        }
        let address = |name: &&str| match recipe.folder {
            "" => fill(name),
            folder => format!("{folder}dvc.yaml:{}", fill(name)),
        };
        made.restless.extend(feature.restless.iter().map(address));
    }
    if !params.is_empty() {
        made.files.insert(format!("{}params.yaml", recipe.folder), params);
    }
    let vars = if vars.is_empty() { vars } else { format!("vars:\n{vars}") };
    made.files.insert(format!("{}dvc.yaml", recipe.folder), format!("{vars}stages:\n{stages}"));
    made
}

fn put(sandbox: &Sandbox, path: &str, text: Option<&str>) {
    let place = if path.starts_with('/') { path.into() } else { sandbox.path(path) };
    match text {
        Some(text) => {
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            // What DVC placed may be read-only.
            let _ = std::fs::remove_file(&place);
            std::fs::write(place, text).unwrap();
        }
        None => drop(std::fs::remove_file(place)),
    }
}

fn check(dvc: &mut Dvc, recipe: &Recipe) -> Result<(), String> {
    let sandbox = project(dvc);
    let external = sandbox.path("../tmp").canonicalize().unwrap().join("external").display().to_string();
    let made = make(recipe, &external);
    for (path, text) in &made.files {
        put(&sandbox, path, Some(text));
    }
    for path in &made.adds {
        dvc.ok(&sandbox, &["add", "-q", path]);
    }
    let lock = format!("{}dvc.lock", recipe.folder);
    let same = |dvc: &mut Dvc, when: &str| {
        let (ours, theirs) = (stale(&sandbox), dvc.stale(&sandbox));
        if ours == theirs { Ok(()) } else { Err(format!("{when}: ours {ours:?}, DVC {theirs:?}")) }
    };
    let clean = |stale: BTreeSet<String>, when: &str| {
        let left: Vec<String> = stale.difference(&made.restless).cloned().collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{when}: {left:?} is stale")) }
    };
    let run = || {
        let said = pipe(&sandbox, &["repro", "-P"]);
        if said.stderr.contains("rror:") { Err(format!("pipe repro: {}", said.stderr)) } else { Ok(()) }
    };
    same(dvc, "before anything ran")?;
    run()?;
    clean(dvc.stale(&sandbox), "after pipe repro, for DVC")?;
    clean(stale(&sandbox), "after pipe repro, for pipe")?;
    let ours = sandbox.read(&lock);
    sandbox.remove(&lock);
    dvc.ok(&sandbox, &["repro", "-q", "-f", "-P"]);
    let theirs = sandbox.read(&lock);
    // What persists holds more the second time.
    if ours != theirs && recipe.features.iter().all(|feature| feature.name != "outs that persist") {
        return Err(format!("locks differ; ours:\n{ours}\nDVC's:\n{theirs}"));
    }
    clean(stale(&sandbox), "after dvc repro, for pipe")?;
    same(dvc, "after dvc repro")?;
    for (at, (path, text)) in made.edits.iter().enumerate() {
        put(&sandbox, path, text.as_deref());
        let when = format!("edit {at} of {path}");
        same(dvc, &when)?;
        let said = pipe(&sandbox, &["status", "-P"]);
        if said.stderr.contains("rror:") && text.is_some() {
            return Err(format!("{when}: pipe status: {}", said.stderr));
        }
        if at % 2 == 0 && text.is_some() {
            run()?;
            clean(dvc.stale(&sandbox), &format!("after {when} and pipe repro, for DVC"))?;
        } else {
            let (code, _, err) = dvc.call(&sandbox, &["repro", "-q", "-P"]);
            if code != 0 && path.contains("in") {
                continue;
            }
            if code != 0 && made.adds.contains(path) {
                // DVC restores no data here, and we do.
                run()?;
                clean(dvc.stale(&sandbox), &format!("after {when} and pipe repro, for DVC"))?;
                continue;
            }
            if code != 0 {
                return Err(format!("{when}: dvc repro: {err}"));
            }
            clean(stale(&sandbox), &format!("after {when} and dvc repro, for pipe"))?;
        }
    }
    Ok(())
}

fn check_all(part: usize, parts: usize) {
    let sandbox = Sandbox::without_git();
    let mut dvc = Dvc::start(&sandbox);
    let recipes = recipes();
    assert!(recipes.len() >= 40);
    let only = std::env::var("PIPE_TEST_DVC_FEATURE").ok();
    let mut faults = Vec::new();
    for recipe in recipes.iter().skip(part).step_by(parts) {
        let name = recipe.features.iter().map(|feature| feature.name).collect::<Vec<_>>().join(" + ");
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        // What one project breaks, the others tell more of.
        let check = std::panic::AssertUnwindSafe(|| check(&mut dvc, recipe));
        let told = |panic: Box<dyn std::any::Any + Send>| {
            Err(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".to_owned()))
        };
        if let Err(fault) = std::panic::catch_unwind(check).unwrap_or_else(told) {
            faults.push(format!("== {name} in `{}`: {fault}", recipe.folder));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn features_at_the_root() {
    check_all(0, 2);
}

#[test]
fn features_together_in_folders() {
    check_all(1, 2);
}
