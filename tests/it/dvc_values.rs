//! Values of params beside the real DVC: what the texts of its files say is the same to both, in commands and in locks.

use crate::dvc_tool::{Dvc, agree, pipe, project, stale};
use crate::harness::Sandbox;

/// What `pipe` and DVC each lock after they ran the same project; neither calls anything of the other changed.
#[track_caller]
fn locked_by_both(params: &str, stages: &str) -> String {
    locked_beside(&[("params.yaml", params)], stages)
}

/// As [`locked_by_both`], beside these files.
#[track_caller]
fn locked_beside(files: &[(&str, &str)], stages: &str) -> String {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    for (file, text) in files {
        sandbox.write(file, text);
    }
    sandbox.write("dvc.yaml", stages);
    sandbox.write("xNone", "");
    let said = pipe(&sandbox, &["repro"]);
    said.code(0);
    let ours = sandbox.read("dvc.lock");
    assert!(dvc.stale(&sandbox).is_empty(), "{ours}");
    sandbox.remove("dvc.lock");
    dvc.ok(&sandbox, &["repro", "--force"]);
    let theirs = sandbox.read("dvc.lock");
    assert!(stale(&sandbox).is_empty(), "{theirs}");
    let sorted =
        |text: &str| text.split("\n  ").map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(sorted(&ours), sorted(&theirs));
    ours
}

#[test]
fn truths_in_names_are_those_of_dvc() {
    let lock = locked_by_both(
        "a: [true, false]\nb: true\n",
        "stages:\n  s:\n    foreach: ${a}\n    do:\n      cmd: echo ${item}\n      params: [b]\n  t:\n    \
         foreach: [true, '${b}']\n    do:\n      cmd: echo ${item}\n      params: [b]\n  m:\n    matrix:\n      \
         x: ${a}\n      y: [true, '${b}']\n    cmd: echo ${key} ${item.x} ${item}\n    params: [b]\n",
    );
    for name in ["s@True:", "s@False:", "t@true:", "t@True:", "m@True-true:", "m@False-True:"] {
        assert!(lock.contains(name), "{name} in {lock}");
    }
    assert!(lock.contains("s@True:\n    cmd: echo true\n"), "{lock}");
}

#[test]
fn nothing_is_the_word_of_dvc() {
    let lock = locked_by_both(
        "a: null\nd: {n: null, l: [null, true], m: {k: ~}}\nl: [null]\n",
        "stages:\n  s:\n    cmd: echo ${a} ${d}\n    deps: ['x${a}']\n  t:\n    foreach: ${l}\n    do:\n      \
         cmd: echo ${item}\n      params: [a]\n      desc: ${item}\n",
    );
    assert!(lock.contains("cmd: echo None --n None --l None True --m.k None\n"), "{lock}");
    assert!(lock.contains("t@None:") && lock.contains("cmd: echo None\n"), "{lock}");
}

#[test]
fn numbers_are_those_of_dvc() {
    let numbers = "[1_000, 010, -010, 00, 08, 1_0.5, 0x1_F, 0b1_1, 0o1_7, 1__0, 0.1_2, 1e400, -1e400, .5e3]";
    let lock = locked_by_both(
        &format!("a: 1_000\nl: {numbers}\n1_0: {{1_1: 1_2}}\n"),
        &format!(
            "vars:\n- v: 0_7\nstages:\n  s:\n    cmd: echo ${{a}} ${{v}}\n    params: [a, l]\n  \
             t:\n    foreach: {numbers}\n    do:\n      cmd: echo ${{item}}\n      deps: [xNone]\n"
        ),
    );
    assert!(lock.contains("cmd: echo 1000 7\n") && lock.contains("        a: 1000\n"), "{lock}");
    for name in ["t@-10:", "t@10.5:", "t@31:", "t@inf:", "t@.5e3:"] {
        assert!(lock.contains(name), "{name} in {lock}");
    }
}

#[test]
fn maps_have_the_order_of_dvc() {
    let lock = locked_beside(
        &[
            ("p.toml", "[t]\nx = 1\na = 2\n[m.z]\nv = 1\n[m.b]\nv = 2\n"),
            ("p.json", r#"{"z": -0, "d": {"y": -0, "c": -0.0}}"#),
            ("params.yaml", "x: &x {p: 1, q: 2}\ny: &y {q: 5, s: 6}\ne:\n  c: 1\n  <<: [*x, *y]\n  q: 9\n"),
        ],
        "vars: [p.toml, p.json]\nstages:\n  s:\n    cmd: echo ${t} ${e} ${z} ${d}\n    params: [e, {p.toml: [t], \
         p.json: [z, d]}]\n  f:\n    foreach: ${m}\n    do:\n      cmd: echo ${key} ${item.v}\n      params: [e]\n",
    );
    assert!(lock.contains("cmd: echo --x 1 --a 2 --q 9 --s 6 --p 1 --c 1 0 --y 0 --c -0.0\n"), "{lock}");
    for text in
        ["        t:\n          x: 1\n          a: 2\n", "f@z:\n    cmd: echo z 1\n", "        z: 0\n"]
    {
        assert!(lock.contains(text), "{text} in {lock}");
    }
}

#[test]
fn no_keys_of_a_file_are_all() {
    let lock = locked_beside(
        &[("p.yaml", "a: 1\nb: 2\n"), ("q.yaml", "c: 3\n")],
        "stages:\n  s:\n    cmd: echo s\n    params: [{p.yaml: []}]\n  t:\n    cmd: echo t\n    params: [{p.yaml: \
         []}, {p.yaml: [a], q.yaml: }, {q.yaml: []}]\n",
    );
    assert_eq!(lock.matches("        a: 1\n        b: 2\n").count(), 2, "{lock}");
    assert!(lock.contains("        c: 3\n"), "{lock}");
}

#[test]
fn keys_of_a_file_that_is_read_whole_count_for_nothing() {
    let lock = locked_beside(
        &[("p.yaml", "a: {b: 1, c: 2}\nd: 3\n"), ("params.yaml", "e: 1\nf: 2\n")],
        "stages:\n  s:\n    cmd: echo s\n    params: [e, {params.yaml: }, {p.yaml: }, {p.yaml: [a.b, none]}]\n  t:\n    \
         cmd: echo t\n    params: [{p.yaml: [a.b, d]}, f]\n",
    );
    assert_eq!(lock.matches("a.b:").count(), 1, "{lock}");
    assert!(lock.contains("        a:\n          b: 1\n          c: 2\n        d: 3\n"), "{lock}");
}

#[test]
fn keys_that_are_no_texts_stay_what_they_are() {
    let lock = locked_beside(
        &[
            (
                "params.yaml",
                "w: {0: 1.0, 10: 2.5, 2: [{true: 1}]}\nl: [{1: 2}, [{.inf: 3}], {~: 4}]\n\
                 x: &x {7: 1, 8: 2}\ny:\n  <<: *x\n  \
                 8: 3\nf: {1e-7: a, 1e16: b}\nt: {'1': 2}\n",
            ),
            ("p.py", "a = {True: 1, 3: {-1: None}}\nb = {1: 2, True: 3}\n"),
            ("p.json", r#"{"1": {"2": 3}}"#),
        ],
        "stages:\n  s:\n    cmd: echo ${w} ${t}\n    params: [w, w.10, l, y, f, t, \
         {p.py: [a, b, a.True]}, {p.json: }]\n",
    );
    for text in [
        "        w:\n          0: 1.0\n          10: 2.5\n          2:\n          - true: 1\n",
        "        - 1: 2\n        - - .inf: 3\n        - null: 4\n",
        "          1e-07: a\n          1e+16: b\n",
        "        t:\n          '1': 2\n",
        "          true: 1\n          3:\n            -1:\n",
        "cmd: echo  --1 2\n",
    ] {
        assert!(lock.contains(text), "{text} in {lock}");
    }
}

/// What was made with such keys is found again by both.
#[test]
fn results_are_found_by_keys_that_are_no_texts() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write(
        "dvc.yaml",
        "stages:\n  s:\n    cmd: echo ran >> ran && echo x > o\n    params: [w]\n    outs: [o]\n",
    );
    sandbox.write("params.yaml", "w: {10: 1, 2: 2}\n");
    pipe(&sandbox, &["repro"]).code(0);
    let lock = sandbox.read("dvc.lock");
    sandbox.write("params.yaml", "w: {10: 1, 2: 3}\n");
    dvc.ok(&sandbox, &["repro", "-q"]);
    assert_eq!(sandbox.read("ran"), "ran\nran\n");
    for text in ["w: {10: 1, 2: 2}\n", "w: {10: 1, 2: 3}\n"] {
        sandbox.write("params.yaml", text);
        sandbox.remove("dvc.lock");
        pipe(&sandbox, &["repro"]).code(0);
        assert!(dvc.stale(&sandbox).is_empty(), "{text}");
        sandbox.remove("dvc.lock");
        dvc.ok(&sandbox, &["repro", "-q"]);
        assert!(stale(&sandbox).is_empty(), "{text}");
    }
    assert_eq!(sandbox.read("ran"), "ran\nran\n");
    // Another type is another key to both.
    sandbox.write("dvc.lock", &lock);
    sandbox.write("params.yaml", "w: {10: 1, '2': 2}\n");
    assert_eq!((stale(&sandbox).len(), dvc.stale(&sandbox).len()), (1, 1));
}

/// DVC reproduces no stage with a date among its params, but tells whether one has changed.
#[test]
fn dates_are_recorded_as_dvc_reads_them() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write(
        "dvc.yaml",
        "stages:\n  s:\n    cmd: echo x > o\n    params: [{p.yaml: [d, t, z, m, s]}, {p.toml: [d, \
         t]}]\n    outs: [o]\n",
    );
    let dates = "d: 2024-01-02\nt: 2024-01-02T03:04:05\nz: 2024-1-2 3:04:05.5 -5:30\n\
                 m: [{a: 2024-03-04}]\ns: '2024-01-02'\n";
    sandbox.write("p.yaml", dates);
    sandbox.write("p.toml", "d = 2024-01-02\nt = 2024-01-02T03:04:05Z\n");
    let (code, _, said) = dvc.call(&sandbox, &["repro"]);
    assert!(code != 0 && said.contains("is not JSON serializable"), "{said}");
    pipe(&sandbox, &["repro"]).code(0);
    assert!(dvc.stale(&sandbox).is_empty() && stale(&sandbox).is_empty());
    let lock = sandbox.read("dvc.lock");
    for text in [
        "d: 2024-01-02\n",
        "t: 2024-01-02 03:04:05\n",
        "z: 2024-01-02 03:04:05.500000-05:30\n",
        "- a: 2024-03-04\n",
        "s: '2024-01-02'\n",
        "t: 2024-01-02 03:04:05+00:00\n",
    ] {
        assert!(lock.contains(text), "{text} in {lock}");
    }
    sandbox.write("p.yaml", dates.replace("d: 2024-01-02", "d: '2024-01-02'"));
    assert_eq!((stale(&sandbox).len(), dvc.stale(&sandbox).len()), (1, 1));
    sandbox.write("p.yaml", dates.replace("03-04", "03-05"));
    assert_eq!((stale(&sandbox).len(), dvc.stale(&sandbox).len()), (1, 1));
    pipe(&sandbox, &["repro"]).code(0);
    assert!(dvc.stale(&sandbox).is_empty());
    // How one and the same date is spelled does not count, in the lock either.
    sandbox.write(
        "p.yaml",
        dates.replace("03-04", "03-05").replace("2T03", "2 03").replace("1-2 3", "01-02t03"),
    );
    sandbox.write("dvc.lock", sandbox.read("dvc.lock").replace("t: 2024-01-02 0", "t: 2024-01-02T0"));
    assert!(stale(&sandbox).is_empty() && dvc.stale(&sandbox).is_empty());
}

/// Where templates may name them DVC fails over dates, and in a record over sets; here they are texts and lists.
#[test]
fn what_dvc_cannot_read_is_a_text_or_a_list() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("params.yaml", "d: 2024-01-02\n");
    sandbox.write("p.py", "s = {1, 2}\n");
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: echo ${d} > o\n    outs: [o]\n  b:\n    cmd: echo > q\n    params: [{p.py: [s]}]\n    \
         outs: [q]\n",
    );
    let (code, _, said) = dvc.call(&sandbox, &["repro", "a"]);
    assert!(code != 0 && said.contains("Unsupported value of type 'date'"), "{said}");
    pipe(&sandbox, &["repro"]).code(0);
    assert_eq!(sandbox.read("o"), "2024-01-02\n");
    assert!(sandbox.read("dvc.lock").contains("        s:\n        - 1\n        - 2\n"));
    assert_eq!(stale(&sandbox).into_iter().collect::<Vec<_>>(), ["b"]);
    sandbox.write("params.yaml", "d: 1\n");
    let (code, _, said) = dvc.call(&sandbox, &["repro", "b", "-f"]);
    assert!(code != 0 && said.contains("type set is not JSON serializable"), "{said}");
}

/// The whole of a file that holds nothing stands in the lock, and is new where it does not.
#[test]
fn files_of_params_that_hold_nothing_are_recorded() {
    let files = [
        ("p.yaml", ""),
        ("p.json", "{}"),
        ("p.toml", "# none\n"),
        ("p.py", "import x\n"),
        ("q.yaml", "a: 1\n"),
    ];
    let stages = "stages:\n  s:\n    cmd: echo x\n    params: [{p.yaml: }, {p.json: []}, {p.toml: ''}, {p.py: {}}, {q.yaml: 0}]\n  \
                  t:\n    cmd: echo y\n    params: [{q.yaml: false}]\n";
    let lock = locked_beside(&files, stages);
    assert!(
        lock.contains("      p.json: {}\n      p.py: {}\n      p.toml: {}\n      p.yaml: {}\n"),
        "{lock}"
    );
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("dvc.yaml", "stages:\n  s:\n    cmd: echo x\n    params: [{p.yaml: }]\n");
    sandbox.write("p.yaml", "");
    pipe(&sandbox, &["repro"]).code(0);
    let lock = sandbox.read("dvc.lock");
    sandbox.write("p.yaml", "a: 1\n");
    assert_eq!((stale(&sandbox).len(), dvc.stale(&sandbox).len()), (1, 1));
    sandbox.write("p.yaml", "");
    sandbox.write("dvc.lock", lock.replace("    params:\n      p.yaml: {}\n", ""));
    assert_eq!((stale(&sandbox).len(), dvc.stale(&sandbox).len()), (1, 1));
    let said = pipe(&sandbox, &["status"]).stdout;
    assert!(said.contains("param file p.yaml is new, and holds nothing"), "{said}");
}

/// Python spells the keys of a `foreach` that is written out; what templates take values from has no keys but texts.
#[test]
fn keys_of_foreach_that_are_no_texts() {
    let body = "    do:\n      cmd: echo ${key} ${item}\n      deps: [xNone]\n";
    let stages = format!(
        "vars: [{{v: {{1: x, z: y}}}}]\nstages:\n  s:\n    foreach: {{null: 1, 1.0e-9: 2, false: 3, 010: 4, b: {{1: 2, x: 3}}}}\n\
         {body}  t:\n    foreach: ${{m}}\n{body}  u:\n    foreach: ${{v}}\n{body}  w:\n    cmd: echo ${{v}}\n    deps: [xNone]\n"
    );
    let lock = locked_by_both("m: {1: a, 2.5: b, null: c, e: f}\n", &stages);
    for name in ["s@None", "s@1e-09", "s@false", "s@10", "s@b", "t@e", "u@z", "w"] {
        assert!(lock.contains(&format!("\n  {name}:\n")), "{name}: {lock}");
    }
    assert_eq!(lock.matches("    cmd:").count(), 8, "{lock}");
    assert!(lock.contains("cmd: echo b --x 3\n"), "{lock}");
}

#[test]
fn keys_of_toml_stand_where_they_are_first_written() {
    let toml = "[a.b.c]\nx = 1\n[[q.l]]\ny = 1\n[a]\ny = 2\n[q]\nz = 3\n[a.b]\nz = 3\n";
    let lock = locked_beside(
        &[("p.toml", toml)],
        "vars: [p.toml]\nstages:\n  s:\n    cmd: echo ${a}\n    params: [{p.toml: }]\n",
    );
    assert!(lock.contains("cmd: echo --b.c.x 1 --b.z 3 --y 2\n"), "{lock}");
}

/// DVC reproduces no stage with a time of TOML among its params; here it is a text, and the stage is up to date.
#[test]
fn a_time_of_toml_is_a_text() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("dvc.yaml", "stages:\n  s:\n    cmd: echo x\n    params: [{p.toml: [t]}]\n");
    sandbox.write("p.toml", "t = 07:32:00\n");
    let (code, _, said) = dvc.call(&sandbox, &["repro"]);
    assert!(code != 0 && said.contains("is not JSON serializable"), "{said}");
    pipe(&sandbox, &["repro"]).code(0);
    assert!(sandbox.read("dvc.lock").contains("        t: 07:32:00\n"));
    agree(&mut dvc, &sandbox, &["s"]);
    sandbox.write("p.toml", "t = '07:32:00'\n");
    agree(&mut dvc, &sandbox, &[]);
}

#[test]
fn the_last_of_a_key_of_json_counts() {
    let lock = locked_beside(
        &[(
            "p.json",
            r#"{"m": {"a": 1, "b": NaN, "a": 3, "b": -0}, "n": {"x": 1}, "n": {"y": [{"z": 1, "z": 2}]}}"#,
        )],
        "vars: [p.json]\nstages:\n  s:\n    cmd: echo ${m}\n    params: [{p.json: [m, n]}]\n",
    );
    assert!(lock.contains("cmd: echo --a 3 --b 0\n"), "{lock}");
    assert!(lock.contains("        n:\n          y:\n          - z: 2\n"), "{lock}");
}

/// DVC's status looks at what is there, and so does ours, whatever a stage before it is about to restore.
#[test]
fn what_is_to_be_restored_is_not_there_yet() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: cp in o\n    deps: [in]\n    outs: [o]\n  b:\n    cmd: cp o p\n    deps: [o]\n    \
         outs: [p]\n  c:\n    cmd: cp p q\n    deps: [p]\n    outs: [q]\n",
    );
    for text in ["1\n", "2\n"] {
        sandbox.write("in", text);
        pipe(&sandbox, &["repro"]).code(0);
    }
    sandbox.write("in", "1\n");
    assert_eq!(stale(&sandbox), dvc.stale(&sandbox));
    assert_eq!(stale(&sandbox).len(), 1);
    let said = pipe(&sandbox, &["status"]).stdout;
    assert!(said.contains("a: stale") && said.contains("c:"), "{said}");
    pipe(&sandbox, &["repro"]).code(0);
    assert_eq!(sandbox.read("q"), "1\n");
}

#[test]
fn integers_of_any_width_stay_whole() {
    let (wide, next) = ("170141183460469231731687303715884105728", "170141183460469231731687303715884105729");
    let yaml = format!(
        "a: {wide}\nb: -{next}\nc: 0x{:0<40}\nd: {{{wide}: {wide}, -{next}: [1]}}\nx: [{next}, 1]\ne: {}\n{}: \
         1234567\n",
        "1f",
        "1".repeat(100),
        "f".repeat(75),
    );
    let json = format!("{{\"a\": {wide}, \"b\": [-{next}]}}");
    let toml = format!("a = {wide}\nb = [1, -{next}, {{x = 0x{:0<40}}}]\n[t]\nx.y = {next}\n", "1f");
    let python = format!("a = {wide}\nb = {{-{next}: 1, 2: -{next}}}\n");
    let files = [("params.yaml", &*yaml), ("p.json", &json), ("p.toml", &toml), ("p.py", &python)];
    let lock = locked_beside(
        &files,
        &format!(
            "stages:\n  s:\n    cmd: echo ${{a}} ${{x[0]}} ${{c}}\n    params: [a, b, c, d, e, {}, p.json: [a, b], \
             p.toml: [a, b, t], p.py: [a, b]]\n",
            "f".repeat(75),
        ),
    );
    assert!(lock.contains(&format!("cmd: echo {wide} \n      {next} \n      17697")), "{lock}");
    // What the same float is nearest to is another number.
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    for (file, text) in files {
        sandbox.write(file, text);
        let stages = format!("stages:\n  s:\n    cmd: echo\n    params: [{file}: [a]]\n");
        sandbox.write("dvc.yaml", stages);
        pipe(&sandbox, &["repro"]).code(0);
        assert!(dvc.stale(&sandbox).is_empty() && stale(&sandbox).is_empty(), "{file}");
        sandbox.write(file, text.replacen(wide, next, 1));
        assert_eq!(stale(&sandbox), dvc.stale(&sandbox), "{file}");
        assert!(!stale(&sandbox).is_empty(), "{file}");
    }
}

#[test]
fn scalars_of_yaml_1_1_are_those_of_dvc() {
    let lock = locked_by_both(
        "# old\n%YAML 1.1\n---\na: [yes, 'yes', 010, 1:30, 0o7, +.5, 08, 1e3, on]\nb: {x: No}\no: {on: 010}\nc: \
         1_0\n",
        "%YAML 1.1\n---\nstages:\n  s:\n    cmd: echo ${b.x} ${a[2]} ${c} ${a[4]}\n    params: [a, b, c, o]\n    \
         frozen: no\n",
    );
    assert!(lock.contains("cmd: echo false 8 10 0o7\n"), "{lock}");
    assert!(lock.contains("- 8\n") && lock.contains("- 90\n") && lock.contains("- '0o7'\n"), "{lock}");
}

#[test]
fn tags_and_keys_in_brackets_are_those_of_dvc() {
    let lock = locked_by_both(
        "a: [!!bool yes, !!null x, ! 1_0, !!int '5', !!float 1, ! yes]\nb: {x:, y: 1}\nc: [x:, 1]\nd: {'<<': {x: 1}, \
         y: 2}\n",
        "stages:\n  s:\n    cmd: echo ${b.y}\n    params: [a, b, c, d]\n",
    );
    assert!(lock.contains("'x:':") && lock.contains("'<<':"), "{lock}");
}

/// `.dvc` files are YAML like any other, whoever reads them.
#[test]
fn pointers_are_read_as_params_are() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("d", "hello\n");
    sandbox.write("dvc.yaml", "stages:\n  s:\n    cmd: cp d o\n    deps: [d]\n    outs: [o]\n");
    dvc.ok(&sandbox, &["add", "-q", "d"]);
    dvc.ok(&sandbox, &["repro", "-q"]);
    let md5 = "md5: b1946ac92492d2347c6235b4d2611184";
    for text in [
        format!(
            "%YAML 1.1\n---\nfrozen: no\nouts:\n- {md5}\n  size: 006\n  hash: md5\n  path: d\n  cache: yes\n"
        ),
        format!("outs:\n- {md5}\n  size: !!int '0x6'\n  hash: ! md5\n  path: d\n"),
        format!(
            "meta: &x {{hash: md5, d: 2020-01-01, 1: {}}}\nouts:\n- <<: *x\n  {md5}\n  size: 6_\n  path: d\n",
            "9".repeat(50)
        ),
    ] {
        // Of such a key DVC knows nothing beside an out.
        let text = text.replace("<<: *x", "<<: {hash: md5}");
        sandbox.write("d.dvc", &text);
        assert_eq!((stale(&sandbox), dvc.stale(&sandbox)), Default::default(), "{text}");
        sandbox.write("d", "other\n");
        assert_eq!(stale(&sandbox), dvc.stale(&sandbox), "{text}");
        pipe(&sandbox, &["add", "d"]).code(0);
        pipe(&sandbox, &["repro"]).code(0);
        assert_eq!((stale(&sandbox), dvc.stale(&sandbox)), Default::default(), "{}", sandbox.read("d.dvc"));
        sandbox.write("d", "hello\n");
        sandbox.write("d.dvc", &text);
        pipe(&sandbox, &["repro"]).code(0);
    }
}

#[test]
fn keys_of_params_are_patterns() {
    let params = "l: [1, [2, 3], {x: 4}]\na.b: 5\na: {b: 6, c: {d: 7}}\nk0: 9\n':': 11\nmm: {only: 1}\n";
    let keys = "'l.-1', 'l.1.+0', a.b, 'k[0-9]', '**.d', 'mm.*', '[:]', '[!a]m'";
    let lock = locked_by_both(params, &format!("stages:\n  s:\n    cmd: echo x\n    params: [{keys}]\n"));
    assert!(lock.contains("        a.b: 6\n") && lock.contains("        '[:]': 11\n"), "{lock}");
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("params.yaml", params);
    for key in ["l[0]", "a.", "*", "[;, 1]"] {
        sandbox.write("dvc.yaml", format!("stages:\n  s:\n    cmd: echo x\n    params: ['{key}']\n"));
        assert_ne!(dvc.call(&sandbox, &["repro"]).0, 0, "{key}");
        pipe(&sandbox, &["repro"]).code(2);
    }
}

/// What Python has as a text and nobody else, and characters that end lines for DVC alone.
#[test]
fn texts_that_only_python_has_are_recorded() {
    let lock = locked_beside(
        &[
            ("p.yaml", "a: \"\\ud800x\"\nb: x\u{85}y\nc: [x \u{85}\u{85} y]\n"),
            ("p.json", r#"{"a": "\ud800", "b": ["\udc00\ud83d\ude00"]}"#),
            ("p.py", "a = '\\ud83d\\ude00'\n(b) = 1\n"),
        ],
        "stages:\n  s:\n    cmd: echo x\n    params: [{p.yaml: }, {p.json: }, {p.py: }]\n",
    );
    for text in ["\"\\uD800x\"", "\"\\uDC00😀\"", "\"\\uD83D\\uDE00\"", "b: x y\n", "- \"x\\ny\"\n"] {
        assert!(lock.contains(text), "{text} in {lock}");
    }
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("dvc.yaml", "stages:\n  s:\n    cmd: echo x\n    params: [{p.yaml: }]\n");
    for text in ["a: x\u{2028}y\nb: 'x\u{2029} y'\nc: {x\u{2028}y: 1}\n", "a: [\"x\u{2028}\t\u{2029}y\"]\n"] {
        sandbox.write("p.yaml", text);
        pipe(&sandbox, &["repro"]).code(0);
        assert_eq!((stale(&sandbox), dvc.stale(&sandbox)), Default::default(), "{text}");
        dvc.ok(&sandbox, &["repro", "-q", "-f"]);
        assert_eq!((stale(&sandbox), dvc.stale(&sandbox)), Default::default(), "{text}");
    }
    // What is not read is no reason to call a stage up to date.
    sandbox.write("p.yaml", "a: 1\n# x\u{2028}b: 1\n");
    pipe(&sandbox, &["repro"]).code(2).tells(&["p.yaml:2:4: a line that ends in U+2028"]);
    assert_ne!(pipe(&sandbox, &["status"]).code_of(), Some(0));
    sandbox.write("dvc.yaml", "stages:\n  s:\n    cmd: echo x\n    params: [{p.py: }]\n");
    sandbox.write("p.py", "b = 1\nclass A:\n    a = '\\N{EN DASH}'\n");
    pipe(&sandbox, &["repro"]).code(2).tells(&["p.py:3:5: characters are not known by their names here"]);
    assert_ne!(pipe(&sandbox, &["status"]).code_of(), Some(0));
    sandbox.write("dvc.yaml", "stages:\n  s:\n    cmd: echo ${a}\n");
    sandbox.write("params.yaml", "a: \"\\ud800\"\n");
    pipe(&sandbox, &["repro"]).code(2).tells(&["dvc.yaml:3:10", "half a surrogate pair"]);
    assert_ne!(dvc.call(&sandbox, &["repro"]).0, 0);
}

#[test]
fn templates_find_texts_as_keys_alone() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("params.yaml", "m: {1: x, a: y}\n");
    for (template, is_found) in [("m.1", false), ("m[1]", false), ("m.a", true)] {
        sandbox.write("dvc.yaml", format!("stages:\n  s:\n    cmd: echo ${{{template}}}\n"));
        assert_eq!(pipe(&sandbox, &["repro"]).code_of() == Some(0), is_found, "{template}");
        assert_eq!(dvc.call(&sandbox, &["repro"]).0 == 0, is_found, "{template}");
    }
}
