//! Data in projects of DVC: what `pipe` records of it is, to the byte, what DVC would have recorded.

use serde_json::{Value as Json, json};

use crate::dvc_tool::{Dvc, pipe, project};
use crate::harness::Sandbox;

fn started() -> (Dvc, Sandbox) {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    (dvc, sandbox)
}

#[track_caller]
fn assert_clean(dvc: &mut Dvc, sandbox: &Sandbox) {
    assert_eq!(dvc.ok(sandbox, &["status", "--json"]).trim(), "{}");
}

#[test]
fn names_of_all_characters_are_spelled_as_dvc_spells_them() {
    let (mut dvc, sandbox) = started();
    let codes = (1..0x100_u32).chain([0x2028, 0x202e, 0xd7ff, 0xe000, 0xfffd, 0x1_0000, 0x1_f600, 0x10_ffff]);
    for c in codes.filter_map(char::from_u32).filter(|c| !matches!(c, '/' | '.')) {
        sandbox.write(&format!("raw/{c}"), "x");
    }
    let said = pipe(&sandbox, &["add", "raw"]);
    assert_eq!(said.code_of(), Some(0), "{}", said.stderr);
    let ours = sandbox.read("raw.dvc");
    assert_clean(&mut dvc, &sandbox);
    sandbox.remove("raw.dvc");
    dvc.ok(&sandbox, &["add", "-q", "raw"]);
    assert_eq!(ours, sandbox.read("raw.dvc"));
}

#[test]
fn a_folder_of_nothing_but_ignored_files_is_no_change() {
    let (mut dvc, sandbox) = started();
    sandbox.write(".dvcignore", "*.tmp\n");
    sandbox.write("a/x", "1\n");
    dvc.ok(&sandbox, &["add", "-q", "a"]);
    sandbox.commit("one");
    sandbox.write("a/new/x.tmp", "ignored\n");
    std::fs::create_dir(sandbox.path("a/empty")).unwrap();
    assert_eq!(dvc.ok(&sandbox, &["data", "status", "--granular"]).trim(), "No changes.");
    assert_eq!(pipe(&sandbox, &["data", "status", "--granular"]).code(0).stdout, "No changes.\n");
}

#[test]
fn the_folder_of_dvc_is_begun_as_dvc_begins_it() {
    let (mut dvc, theirs) = started();
    let sandbox = Sandbox::new();
    sandbox.write("dvc.yaml", "stages:\n  a:\n    cmd: echo a > a\n    outs: [a]\n");
    pipe(&sandbox, &["repro"]).code(0);
    assert_eq!(sandbox.read(".dvc/.gitignore"), theirs.read(".dvc/.gitignore"));
    sandbox.commit("all");
    assert!(!sandbox.git(["ls-files"]).contains(".dvc/tmp"));
    assert_clean(&mut dvc, &sandbox);
    // One that somebody has begun is left to him.
    theirs.remove(".dvc/.gitignore");
    theirs.write("data", "data\n");
    pipe(&theirs, &["add", "data"]).code(0);
    assert!(!theirs.exists(".dvc/.gitignore"));
}

#[test]
fn a_file_goes_into_the_list_of_its_folder() {
    let (mut dvc, sandbox) = started();
    sandbox.write("raw/a", "aaaa");
    sandbox.write("raw/sub/b", "bb");
    dvc.ok(&sandbox, &["add", "-q", "raw"]);
    sandbox.write("raw/sub/c", "ccc");
    sandbox.write("raw/a", "a");
    sandbox.ok(["add", "raw/sub/c", "raw/a"]);
    let ours = sandbox.read("raw.dvc");
    assert!(ours.contains("size: 6\n  nfiles: 3"), "{ours}");
    assert_clean(&mut dvc, &sandbox);
    dvc.ok(&sandbox, &["add", "-q", "raw"]);
    assert_eq!(ours, sandbox.read("raw.dvc"));
}

#[test]
fn sizes_come_from_the_cache_and_are_unknown_without_it() {
    let (mut dvc, sandbox) = started();
    sandbox.write("raw/a", "aaaa");
    sandbox.write("raw/sub/b", "bb");
    sandbox.write("raw/sub/c", "ccc");
    sandbox.write("d", "d");
    dvc.ok(&sandbox, &["add", "-q", "raw", "d"]);
    for gone in ["raw", "d"] {
        sandbox.remove(gone);
    }
    assert_eq!(sandbox.ok(["du"]).stdout, "1 B\td\n9 B\traw/\n10 B\ttotal\n");
    assert_eq!(sandbox.ok(["du", "raw"]).stdout, "4 B\ta\n5 B\tsub/\n9 B\ttotal\n");
    let sizes = |arguments: &[&str]| -> Vec<Json> {
        sandbox.json(arguments).as_array().unwrap().iter().map(|entry| entry["size"].clone()).collect()
    };
    assert_eq!(sizes(&["list", "-R", "raw", "--json"]), [json!(4), json!(2), json!(3)]);
    let files = sandbox.files(".dvc/cache/files/md5");
    sandbox.remove(files.iter().find(|file| sandbox.read(file) == "bb").unwrap());
    assert_eq!(sizes(&["list", "-R", "raw", "--json"]), [json!(4), Json::Null, json!(3)]);
    assert_eq!(sandbox.ok(["du", "raw"]).stdout, "4 B\ta\nat least 3 B\tsub/\nat least 7 B\ttotal\n");
    assert_eq!(sandbox.ok(["du"]).stdout, "1 B\td\n9 B\traw/\n10 B\ttotal\n", "the `.dvc` file tells");
}

#[test]
fn the_digest_of_an_import_follows_its_text() {
    let (mut dvc, sandbox) = started();
    sandbox.write("../outside", "1");
    let source = sandbox.path("../outside").display().to_string();
    dvc.ok(&sandbox, &["import-url", "-q", &source, "data"]);
    let before = sandbox.read("data.dvc");
    assert!(before.starts_with("md5: "), "{before}");
    sandbox.write("data", "edited");
    sandbox.ok(["commit", "-f", "data"]);
    let ours = sandbox.read("data.dvc");
    assert_ne!(ours, before);
    sandbox.write("data.dvc", &before);
    dvc.ok(&sandbox, &["commit", "-q", "-f", "data.dvc"]);
    assert_eq!(ours, sandbox.read("data.dvc"));
    assert_clean(&mut dvc, &sandbox);
}

#[test]
fn what_was_edited_before_the_first_command_of_ours_is_an_edit() {
    let (mut dvc, sandbox) = started();
    sandbox.write("a", "1\n");
    sandbox.write("raw/x", "1\n");
    dvc.ok(&sandbox, &["add", "-q", "a", "raw"]);
    sandbox.settle();
    sandbox.remove("a");
    sandbox.write("a", "2\n");
    sandbox.write("raw/y", "2\n");
    pipe(&sandbox, &["repro"]).code(0);
    assert_clean(&mut dvc, &sandbox);
    assert!(sandbox.read("raw.dvc").contains("nfiles: 2"));
}

#[test]
fn files_are_linked_as_the_settings_of_dvc_say() {
    use std::os::unix::fs::MetadataExt;
    let (mut dvc, sandbox) = started();
    let links = |sandbox: &Sandbox| std::fs::metadata(sandbox.path("a")).unwrap().nlink();
    dvc.ok(&sandbox, &["config", "cache.type", "hardlink,copy"]);
    sandbox.write("a", "1\n");
    pipe(&sandbox, &["add", "a"]).code(0);
    assert_eq!(links(&sandbox), 2);
    dvc.ok(&sandbox, &["config", "--local", "cache.type", "symlink"]);
    pipe(&sandbox, &["checkout", "--relink"]).code(0);
    assert!(std::fs::symlink_metadata(sandbox.path("a")).unwrap().is_symlink());
    assert_clean(&mut dvc, &sandbox);
    pipe(&sandbox, &["config", "--local", "cache.link_types", "copy"]).code(0);
    pipe(&sandbox, &["checkout", "--relink"]).code(0);
    assert_eq!(links(&sandbox), 1);
}

#[test]
fn remotes_are_written_into_the_settings_of_dvc_as_dvc_writes_them() {
    let (mut dvc, ours) = started();
    let theirs = project(&mut dvc);
    for arguments in [
        &["remote", "add", "-d", "a", "../st"][..],
        &["remote", "add", "b", "/tmp/x"],
        &["remote", "add", "--local", "c", "../l"],
        &["remote", "modify", "b", "url", "../y"],
        &["remote", "rename", "a", "z"],
        &["remote", "default", "b"],
        &["remote", "remove", "b"],
        &["remote", "default", "z"],
        &["remote", "default", "-u"],
    ] {
        pipe(&ours, arguments).code(0);
        dvc.ok(&theirs, arguments);
        for file in [".dvc/config", ".dvc/config.local"] {
            let text = |sandbox: &Sandbox| std::fs::read_to_string(sandbox.path(file)).unwrap_or_default();
            let sorted = |text: String| parse(&text);
            assert_eq!(sorted(text(&ours)), sorted(text(&theirs)), "{arguments:?}: {}", text(&ours));
        }
    }
    let before = "# kept\n['remote \"n\"']\n    url = /n # why\n";
    ours.write(".dvc/config", before);
    pipe(&ours, &["remote", "add", "m", "/m"]).code(0);
    assert_eq!(ours.read(".dvc/config"), format!("{before}['remote \"m\"']\n    url = /m\n"));
    assert_eq!(pipe(&ours, &["remote", "add", "m", "/o"]).code_of(), Some(2));
}

/// A key that both tools know has one place: the files of DVC, as DVC writes them.
#[test]
fn settings_that_dvc_has_too_are_in_its_files() {
    let (mut dvc, ours) = started();
    let theirs = project(&mut dvc);
    for (arguments, same) in [
        (&["config", "cache.dir", "../a\"b #1"][..], &["cache", "dir", "../a\"b #1"][..]),
        (&["config", "cache.dir", "../caches"], &["cache", "dir", "../caches"]),
        (&["config", "cache.type", "hardlink,copy"], &["config", "cache.type", "hardlink,copy"]),
        (&["config", "--local", "cache.link_types", "copy"], &["config", "--local", "cache.type", "copy"]),
        (&["config", "remote.a.url", "../st"], &["remote", "add", "a", "../st"]),
        (&["config", "core.remote", "a"], &["remote", "default", "a"]),
        (&["config", "core.autostage", "true"], &["config", "core.autostage", "true"]),
        (&["config", "cache.shared", "group"], &["config", "cache.shared", "group"]),
        (&["config", "--unset", "cache.shared"], &["config", "--unset", "cache.shared"]),
    ] {
        pipe(&ours, arguments).code(0);
        dvc.ok(&theirs, same);
        for file in [".dvc/config", ".dvc/config.local"] {
            let text = |sandbox: &Sandbox| std::fs::read_to_string(sandbox.path(file)).unwrap_or_default();
            assert_eq!(parse(&text(&ours)), parse(&text(&theirs)), "{arguments:?}: {}", text(&ours));
        }
    }
    assert!(!ours.exists(".dvc/tmp/pipe/config.toml"));
    let told = |words: &[&str]| pipe(&ours, words).code(0).stdout;
    assert_eq!(
        told(&["config", "--list", "--show-origin"]),
        ".dvc/config\tcache.dir=../caches\n.dvc/config.local\tcache.link_types=copy\n\
         .dvc/config\tcore.autostage=true\n.dvc/config\tcore.remote=a\n.dvc/config\tremote.a.url=../st\n"
    );
    assert_eq!(told(&["config", "cache.type"]), "copy\n");
    assert_eq!(told(&["config", "--project", "cache.link_types"]), "hardlink,copy\n");
    assert_eq!(told(&["remote", "default"]), "a\n");
    let places = [told(&["cache", "dir"]), dvc.ok(&theirs, &["cache", "dir"])].map(|place| {
        std::path::Path::new(place.trim()).file_name().map(|name| name.to_string_lossy().into_owned())
    });
    assert_eq!(places, [Some("caches".to_owned()), Some("caches".to_owned())]);
    pipe(&ours, &["config", "cache.type", "hardlnk"]).code(2).tells(&["did you mean `hardlink`?"]);
    pipe(&ours, &["config", "--unset", "cache.shared"]).code(1).tells(&["`cache.shared` is not set"]);
    pipe(&ours, &["config", "--user", "cache.dir", "x"])
        .code(2)
        .tells(&["`dvc config --global cache.dir` does it"]);
    pipe(&ours, &["config", "core.analytics", "false"]).code(2).tells(&["`dvc config core.analytics`"]);
    let before = ours.read(".dvc/config");
    pipe(&ours, &["config", "cache.dir", "a\nb"]).code(2).tells(&[".dvc/config cannot hold that value"]);
    pipe(&ours, &["config", "remote.x\"y.url", "/x"]).code(2).tells(&["is no name of a remote"]);
    assert_eq!(ours.read(".dvc/config"), before);
    // What we alone have stays ours, and what an earlier version wrote there gives way.
    pipe(&ours, &["config", "push.sync", "full"]).code(0);
    assert_eq!(ours.read(".dvc/tmp/pipe/config.toml"), "[push]\nsync = \"full\"\n");
    ours.write(".dvc/tmp/pipe/config.toml", "cache.dir = 'old'\ncore.remote = 'none'\n");
    assert_eq!(told(&["config", "cache.dir"]), "../caches\n");
    assert_eq!(told(&["config", "core.remote"]), "a\n");
    assert!(told(&["cache", "dir"]).ends_with("/caches\n"));
    // A project of pipe names its own key.
    let native = Sandbox::new();
    native
        .pipe(["config", "cache.type", "copy"])
        .code(2)
        .tells(&["what DVC calls so is `cache.link_types` here"]);
}

/// What a settings file of DVC says, whatever the order.
fn parse(text: &str) -> std::collections::BTreeSet<String> {
    let mut section = String::new();
    let mut found = std::collections::BTreeSet::new();
    for line in text.lines() {
        match line.starts_with('[') {
            true => section = line.to_owned(),
            false => drop(found.insert(format!("{section} {line}"))),
        }
    }
    found
}

#[test]
fn data_sets_of_other_tools_are_passed_over_and_refusals_are_json_too() {
    let (mut dvc, sandbox) = started();
    sandbox.write(
        "dvc.yaml",
        "datasets:\n- name: x\n  type: url\n  url: s3://b/x\nstages:\n  a:\n    cmd: echo 1 > b\n    outs: [b]\n",
    );
    pipe(&sandbox, &["repro"]).code(0);
    assert_clean(&mut dvc, &sandbox);
    sandbox.remove("b");
    sandbox.write("b", "precious\n");
    let said = pipe(&sandbox, &["checkout", "--json"]).code(1);
    assert_eq!(said.json()["refused"], json!(["b"]));
}

#[test]
fn git_is_told_of_what_was_recorded_where_dvc_tells_it() {
    let (mut dvc, sandbox) = started();
    let staged = || sandbox.git(["diff", "--cached", "--name-only"]);
    sandbox.git(["init", "-q"]);
    sandbox.git(["add", "."]);
    sandbox.git(["commit", "-qm", "start"]);
    sandbox.write("w/a", "1\n");
    sandbox.write("dvc.yaml", "stages:\n  s:\n    cmd: cp w/a b\n    deps: [w/a]\n    outs: [b]\n");
    pipe(&sandbox, &["add", "w/a"]).code(0).tells(&["git add w/a.dvc w/.gitignore"]);
    assert_eq!(staged(), "");
    dvc.ok(&sandbox, &["config", "core.autostage", "true"]);
    sandbox.write("other", "not ours\n");
    // One after the other begins where the other began.
    let mut each = |arguments: &[&str]| {
        let both = ["pipe", "dvc"].map(|tool| {
            for path in ["b", "dvc.lock", "w/a.dvc", "w/.gitignore", ".gitignore"] {
                if arguments[0] == "add" || !path.starts_with("w/") {
                    let _ = std::fs::remove_file(sandbox.path(path));
                }
            }
            sandbox.git(["reset", "-q"]);
            match tool {
                "pipe" => drop(pipe(&sandbox, arguments).code(0)),
                _ => drop(dvc.ok(&sandbox, arguments)),
            }
            staged()
        });
        assert_eq!(both[0], both[1], "{arguments:?}");
        both[0].clone()
    };
    assert_eq!(each(&["add", "w/a"]), "w/.gitignore\nw/a.dvc\n");
    assert_eq!(each(&["repro"]), ".gitignore\ndvc.lock\n");
    // From here on each begins at the commit.
    sandbox.git(["add", "."]);
    sandbox.git(["commit", "-qm", "all"]);
    for arguments in [
        &["move", "w/a", "w/c"][..],
        &["stage", "add", "-n", "t", "-o", "new", "echo 1 > new"],
        &["remove", "w/a.dvc"],
        &["remove", "s"],
        &["freeze", "s"],
    ] {
        let [ours, theirs] = ["pipe", "dvc"].map(|tool| {
            sandbox.git(["reset", "-q", "--hard"]);
            sandbox.git(["clean", "-qfd"]);
            dvc.ok(&sandbox, &["checkout", "-q"]);
            match tool {
                "pipe" => drop(pipe(&sandbox, arguments).code(0)),
                _ => drop(dvc.ok(&sandbox, arguments)),
            }
            staged()
        });
        match arguments[0] {
            // DVC forgets it there, though what it removes has to be committed as well.
            "remove" => assert!(theirs.is_empty() && !ours.is_empty(), "{arguments:?}: {ours} {theirs}"),
            _ => assert_eq!(ours, theirs, "{arguments:?}"),
        }
    }
    sandbox.git(["reset", "-q", "--hard"]);
    dvc.ok(&sandbox, &["checkout", "-q"]);
    sandbox.write("w/a", "22\n");
    sandbox.git(["reset", "-q"]);
    pipe(&sandbox, &["commit", "-f", "w/a.dvc"]).code(0);
    assert!(staged().contains("w/a.dvc"), "{}", staged());
}

#[test]
fn remotes_are_listed_as_dvc_lists_them() {
    let (mut dvc, sandbox) = started();
    sandbox.write(
        ".dvc/config",
        "[core]\n    remote = near\n['remote \"near\"']\n    url = ../../store\n['remote \"mine\"']\n    url = ~/mine\n\
         ['remote \"far\"']\n    url = ssh://host/path\n",
    );
    sandbox.write("../home/mine/x", "");
    let listed = |said: &str| {
        let mut lines: Vec<String> =
            said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        lines.sort();
        // Each of the two has a home of its own here.
        lines
            .iter()
            .map(|line| line.split_once("/home/").map_or(line.clone(), |(_, rest)| rest.to_owned()))
            .collect::<Vec<_>>()
    };
    let ours = pipe(&sandbox, &["remote", "list"]).code(0).stdout;
    assert_eq!(listed(&ours), listed(&dvc.ok(&sandbox, &["remote", "list"])));
    assert!(!ours.contains(".."), "{ours}");
    pipe(&sandbox, &["remote", "check", "mine"]).code(0);
}

/// DVC does not mind what is in data, params included.
#[test]
fn params_may_be_data_as_with_dvc() {
    let (mut dvc, sandbox) = started();
    let text = "stages:\n  s:\n    cmd: echo ${a} > o\n    params: [a]\n    outs: [o]\n";
    sandbox.write("dvc.yaml", text);
    sandbox.write("params.yaml", "a: 1\n");
    pipe(&sandbox, &["add", "params.yaml"]).code(0);
    let ours = sandbox.read("params.yaml.dvc");
    dvc.ok(&sandbox, &["add", "-q", "params.yaml"]);
    assert_eq!(sandbox.read("params.yaml.dvc"), ours);
    pipe(&sandbox, &["repro"]).code(0);
    assert_clean(&mut dvc, &sandbox);
    sandbox.commit("one");
    sandbox.write("params.yaml", "a: 2\n");
    assert_eq!(crate::dvc_tool::stale(&sandbox), dvc.stale(&sandbox));
    pipe(&sandbox, &["repro"]).code(0);
    assert_eq!(sandbox.read("o"), "2\n");
    assert_clean(&mut dvc, &sandbox);
    sandbox.commit("two");
    // Git moves the pointer: the params come back before the stage is judged.
    sandbox.git(["checkout", "-q", "HEAD~1"]);
    pipe(&sandbox, &["checkout"]).code(0);
    assert_eq!((sandbox.read("params.yaml"), sandbox.read("o")), ("a: 1\n".into(), "1\n".into()));
    assert_clean(&mut dvc, &sandbox);
    assert!(crate::dvc_tool::stale(&sandbox).is_empty());
    pipe(&sandbox, &["add", "dvc.lock"]).code(2).tells(&["which pipe reads itself"]);
}

#[test]
fn lines_of_gitignore_stand_outside_of_what_is_read() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = [project(&mut dvc), project(&mut dvc)];
    for sandbox in [&ours, &theirs] {
        sandbox.write("in", "1\n");
        sandbox.write(
            "dvc.yaml",
            "stages:\n  a: {cmd: mkdir -p o/a && cp in o/a/x, deps: [in], outs: [o/a/x]}\n  \
             all: {cmd: cat o/a/x > y, deps: [o], outs: [y]}\n",
        );
    }
    pipe(&ours, &["repro"]).code(0);
    dvc.ok(&theirs, &["repro", "-q"]);
    assert!(ours.read(".gitignore").contains("/o/a/x\n") && ours.read("dvc.lock").contains("nfiles: 1\n"));
    assert!(theirs.exists("o/a/.gitignore") && theirs.read("dvc.lock").contains("nfiles: 2\n"));
    for sandbox in [&ours, &theirs] {
        dvc.ok(sandbox, &["repro", "-q", "-f"]);
        pipe(sandbox, &["repro"]).code(0);
        assert_eq!(dvc.ok(sandbox, &["status", "--json"]).trim(), "{}");
        pipe(sandbox, &["status", "-q"]).code(0);
    }
    assert!(!ours.exists("o/a/.gitignore"));
}

/// A pointer that git ignores is in no commit, and DVC reads none.
#[test]
fn a_pointer_that_git_ignores_is_refused() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("f", "1\n");
    sandbox.write("g", "2\n");
    sandbox.write(".gitignore", "f.dvc\n");
    let (code, _, err) = dvc.call(&sandbox, &["add", "f"]);
    assert!(code != 0 && err.contains("is git-ignored"), "{err}");
    let told = ["bad DVC file name f.dvc: it is git-ignored", "`git check-ignore -v f.dvc` names the rule"];
    pipe(&sandbox, &["add", "f"]).code(2).tells(&told);
    pipe(&sandbox, &["add", "g", "f"]).code(2);
    assert!(!sandbox.exists("f.dvc") && !sandbox.exists("g.dvc"));
    pipe(&sandbox, &["add", "g"]).code(0);
    let native = Sandbox::new();
    native.write(".gitignore", "*.pipe\n");
    native.write("f", "1\n");
    native.ok(["init"]);
    native.ok(["add", "f"]).tells(&["git ignores f.pipe, so that no commit has it"]);
}

/// What the cache has needs no remote; what it lacks does, and is told once all else is in place.
#[test]
fn a_pull_without_a_remote_places_what_the_cache_has() {
    let (mut dvc, sandbox) = started();
    for name in ["one", "two"] {
        sandbox.write(name, name);
        sandbox.ok(["add", name]);
        sandbox.remove(name);
    }
    dvc.ok(&sandbox, &["fetch"]);
    pipe(&sandbox, &["fetch"]).code(0).tells(&["none is needed"]);
    dvc.ok(&sandbox, &["pull"]);
    sandbox.remove("one");
    sandbox.remove("two");
    pipe(&sandbox, &["pull"]).code(0).tells(&["none is needed"]);
    assert_eq!(sandbox.read("one") + &sandbox.read("two"), "onetwo");
    let files = sandbox.files(".dvc/cache/files/md5");
    sandbox.remove(files.iter().find(|file| sandbox.read(file) == "two").unwrap());
    // What is in place already is not lacking.
    dvc.ok(&sandbox, &["pull"]);
    pipe(&sandbox, &["pull"]).code(0);
    sandbox.remove("one");
    sandbox.remove("two");
    assert_ne!(dvc.call(&sandbox, &["pull"]).0, 0);
    sandbox.remove("one");
    pipe(&sandbox, &["pull"]).code(2).tells(&["there is no remote"]);
    assert_eq!(sandbox.read("one"), "one");
    assert!(!sandbox.exists("two"));
    pipe(&sandbox, &["fetch", "one"]).code(0);
    pipe(&sandbox, &["fetch"]).code(2).tells(&["there is no remote"]);
    pipe(&sandbox, &["pull", "-r", "none"]).code(2).tells(&["there is no remote `none`"]);
    pipe(&sandbox, &["push"]).code(2).tells(&["there is no remote"]);
}

#[test]
fn data_is_frozen_as_dvc_freezes_it() {
    let (mut dvc, sandbox) = started();
    sandbox.write("data", "data");
    sandbox.write("../source", "source");
    dvc.ok(&sandbox, &["add", "-q", "data"]);
    let source = sandbox.path("../source").display().to_string();
    dvc.ok(&sandbox, &["import-url", "-q", &source, "import"]);
    let plain = sandbox.read("data.dvc");
    for text in [plain.clone(), plain.clone() + "# end", format!("# top\nfrozen: false\n{plain}desc: one\n")]
    {
        let [mut theirs, mut ours] = [(); 2].map(|()| Vec::new());
        for (command, name) in
            [("freeze", "data"), ("unfreeze", "data"), ("unfreeze", "import"), ("freeze", "import")]
        {
            let file = format!("{name}.dvc");
            if command == "freeze" && name == "data" {
                sandbox.write(&file, &text);
            }
            let before = sandbox.read(&file);
            dvc.ok(&sandbox, &[command, &file]);
            theirs.push(sandbox.read(&file));
            sandbox.write(&file, before);
            pipe(&sandbox, &[command, &file]).code(0);
            ours.push(sandbox.read(&file));
        }
        assert_eq!(ours, theirs);
        assert_clean(&mut dvc, &sandbox);
    }
    // An import that is not frozen follows its source.
    pipe(&sandbox, &["unfreeze", "import.dvc"]).code(0).tells(&["when its source changed"]);
    sandbox.write("../source", "other");
    pipe(&sandbox, &["repro", "import.dvc"]).code(0);
    assert_eq!(sandbox.read("import"), "other");
    assert_clean(&mut dvc, &sandbox);
}
