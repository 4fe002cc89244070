//! Features of DVC's projects, one by one, for projects that are made of them.

/// One feature: a part of a project whose names begin with a prefix, `@` in the texts.
pub struct Feature {
    pub name: &'static str,
    /// Below `stages:`.
    pub stages: &'static str,
    /// Below a key of the prefix in `params.yaml`.
    pub params: &'static str,
    /// Items of the top-level `vars`.
    pub vars: &'static str,
    pub files: &'static [(&'static str, &'static str)],
    /// What `dvc add` is told.
    pub adds: &'static [&'static str],
    /// What `dvc` imports, `SOURCE` being another repository; outs begin with `@`.
    pub imports: &'static [&'static [&'static str]],
    /// What `dvc dataset` is told; `OUTSIDE` is `EXTERNAL` as a relative path.
    pub datasets: &'static [&'static [&'static str]],
    /// Changes, one after the other; `None` removes.
    pub edits: &'static [(&'static str, Option<&'static str>)],
    /// Stages that are never up to date.
    pub restless: &'static [&'static str],
}

const NONE: Feature = Feature {
    name: "",
    stages: "",
    params: "",
    vars: "",
    files: &[],
    adds: &[],
    imports: &[],
    datasets: &[],
    edits: &[],
    restless: &[],
};

pub const FEATURES: &[Feature] = &[
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
    Feature {
        name: "imports",
        stages: "@uses:\n  cmd: cat @url @repo/sub/b @lone > @o\n  deps: [@url, @repo/sub, @lone]\n  outs: [@o]\n",
        files: &[("EXTERNAL/@file", "1\n")],
        imports: &[
            &["import-url", "EXTERNAL/@file", "@url"],
            &["import", "SOURCE", "data", "-o", "@repo"],
            &["import", "SOURCE", "single", "--rev", "v1", "-o", "@lone"],
        ],
        edits: &[
            ("@url", None),
            ("@o", Some("edited\n")),
            ("EXTERNAL/@file", Some("2\n")),
            ("@repo/a", None),
        ],
        ..NONE
    },
    Feature {
        name: "outs outside",
        stages: "@put:\n  cmd: mkdir -p EXTERNAL/@f && cat @in >> EXTERNAL/@x && cp @in EXTERNAL/@f/y && cp @in \
                 EXTERNAL/@a\n  deps: [@in]\n  outs:\n  - remote://st/@x:\n      cache: false\n  - \
                 remote://st/@f:\n      cache: false\n  - EXTERNAL/@a:\n      cache: false\n@get:\n  cmd: cat EXTERNAL/@x \
                 EXTERNAL/@f/y EXTERNAL/@a > @r\n  deps: [remote://st/@x, remote://st/@f/y, EXTERNAL/@a]\n  outs: [@r]\n",
        files: &[("@in", "1\n")],
        edits: &[
            ("EXTERNAL/@x", Some("edited\n")),
            ("EXTERNAL/@f/y", None),
            ("@in", Some("2\n")),
            ("EXTERNAL/@f/z", Some("new\n")),
            ("EXTERNAL/@a", Some("edited\n")),
            ("EXTERNAL/@x", None),
        ],
        ..NONE
    },
    Feature {
        name: "data sets",
        stages: "@uses:\n  cmd: cat @in > @o\n  deps: [@in, 'ds://@file', 'ds://@folder', 'ds://@repo']\n  outs: [@o]\n",
        files: &[("@in", "1\n"), ("EXTERNAL/@file", "1\n"), ("EXTERNAL/@folder/a", "1\n")],
        datasets: &[
            &["add", "--url", "OUTSIDE/@file", "@file"],
            &["add", "--url", "OUTSIDE/@folder", "@folder"],
            &["add", "--dvc", "SOURCE", "@repo", "--path", "data"],
        ],
        edits: &[("@in", Some("2\n")), ("EXTERNAL/@file", Some("another\n")), ("@o", None)],
        ..NONE
    },
    Feature {
        name: "pipelines in folders of each other",
        stages: "@top:\n  cmd: cp @in @mid\n  deps: [@in]\n  outs: [@mid]\n@end:\n  cmd: cat @n/deep/out > @e\n  deps: \
                 [@n/deep]\n  outs: [@e]\n",
        files: &[
            ("@in", "1\n"),
            ("@n/params.yaml", "rate: 1.0e-05\n"),
            (
                "@n/dvc.yaml",
                "stages:\n  mid:\n    cmd: cat ../@mid > out && echo ${rate} >> out\n    deps: [../@mid]\n    params: \
                 [rate]\n    outs: [out]\n",
            ),
            (
                "@n/deep/dvc.yaml",
                "vars: [../params.yaml]\nstages:\n  last:\n    cmd: cat ../out > out; echo ${rate} >> out\n    deps: \
                 [../out]\n    outs: [out]\n",
            ),
        ],
        edits: &[
            ("@in", Some("2\n")),
            ("@n/params.yaml", Some("rate: 0.00001\n")),
            ("@n/out", None),
            ("@n/params.yaml", Some("rate: 1.0e+16\n")),
            ("@n/deep/out", Some("edited\n")),
        ],
        ..NONE
    },
];
