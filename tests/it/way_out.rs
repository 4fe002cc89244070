//! What cannot be done with data is told with the way out.

use std::os::unix::fs::symlink;

use crate::dvc_tool::{Dvc, project};
use crate::harness::Sandbox;

fn data() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("data", "d\n");
    sandbox.write("raw/x", "1\n");
    sandbox.ok(["add", "data", "raw"]);
    sandbox
}

#[test]
fn of_add_and_move() {
    let sandbox = data();
    symlink("nowhere", sandbox.path("link")).unwrap();
    sandbox.pipe(["add", "link"]).code(2).tells(&["it is a symlink to nowhere, where nothing is"]);
    symlink("circle", sandbox.path("circle")).unwrap();
    sandbox
        .pipe(["add", "circle"])
        .code(2)
        .tells(&["it is a symlink that leads round in a circle", "hint: remove the link"]);
    for place in ["raw", "raw/other", "raw/sub/other"] {
        let said = sandbox.pipe(["move", "data", place]).code(2);
        said.tells(&[
            "raw is kept as a whole, and holds no pointers",
            "`pipe add raw/",
            "`pipe remove data`",
        ]);
    }
    sandbox.write("a b/it's $5", "x");
    sandbox.ok(["add", "a b/it's $5"]).tells(&[r"git add 'a b/it'\''s $5.pipe' 'a b/.gitignore'"]);
}

#[test]
fn of_push_and_pull_of_data_that_nobody_has() {
    let sandbox = data();
    sandbox.ok(["remote", "add", "--default", "store", "../store"]);
    std::fs::create_dir(sandbox.path("../store")).unwrap();
    sandbox.remove(".pipe/cache");
    let said = sandbox
        .pipe(["push"])
        .code(1)
        .tells(&["data, raw/: neither the cache", "who has the data can `pipe push` it"]);
    assert!(!said.stderr.contains("pipe repro"), "{}", said.stderr);
    sandbox.remove("data");
    let said = sandbox.pipe(["pull"]).code(1).tells(&["Cannot bring back data", "does not have it"]);
    assert!(!said.stderr.contains("`pipe pull` fetches it"), "{}", said.stderr);
    sandbox.pipe(["checkout"]).code(1).tells(&["`pipe pull` fetches it"]);
}

#[test]
fn of_a_damaged_list() {
    let sandbox = data();
    sandbox.ok(["remote", "add", "--default", "store", "../store"]);
    sandbox.ok(["push"]);
    let files = sandbox.files(".pipe/cache/blake3");
    let manifest = files.iter().find(|file| sandbox.read(file).starts_with("pipe-tree")).unwrap();
    let length = sandbox.read(manifest).len();
    sandbox.remove(manifest);
    sandbox.write(manifest, "X".repeat(length));
    let said = sandbox.ok(["list", "-R"]).tells(&["the files of raw cannot be told", "`pipe fetch raw`"]);
    assert_eq!(said.stdout, "data\nraw/\n");
    sandbox.pipe(["data", "status", "--granular"]).code(2).tells(&["`pipe fetch raw`"]);
    sandbox.ok(["fetch", "raw"]).tells(&["raw/: the cache held other bytes"]);
    assert_eq!(sandbox.ok(["list", "-R"]).stdout, "data\nraw/x\n");
}

/// A list that is right by its digest, and tells what is not so: whoever wrote it made it so.
#[test]
fn of_a_list_that_lies() {
    let sandbox = data();
    let files = sandbox.files(".pipe/cache/blake3");
    let manifest = files.iter().find(|file| sandbox.read(file).starts_with("pipe-tree")).unwrap();
    let list = sandbox.read(manifest);
    let (pointer, is) = (sandbox.read("raw.pipe"), sandbox.ok(["du", "raw"]).stdout);
    let lie = |list: &str| {
        sandbox.write("list", list);
        sandbox.ok(["add", "--quiet", "list"]);
        let made = sandbox.read("list.pipe");
        let digest =
            |text: &str| text.lines().find_map(|line| line.split_once("digest: ")).unwrap().1.to_owned();
        let (new, old) = (digest(&made), digest(&pointer));
        sandbox.write("raw.pipe", pointer.replace(&old, &new));
        sandbox.ok(["remove", "list.pipe"]);
    };
    let (start, _) = list.rsplit_once(" 2 x\n").unwrap_or_else(|| panic!("{list}"));
    for (list, told) in [
        (format!("{start} 777 x\n"), "line 2: `x` has 2 bytes, and not 777"),
        (format!("{start} 2 x"), "line 2: it does not end with a line feed"),
        (format!("{start} 02 x\n"), "line 2: `02` is not a number in its one form"),
    ] {
        lie(&list);
        let way =
            "an earlier version of its pointer, from git, names another, and `pipe add` makes a new one";
        for _ in 0..2 {
            sandbox.pipe(["checkout", "raw"]).code(1).tells(&["Cannot bring back raw", told, way]);
        }
        assert!(sandbox.exists("raw/x"), "what is here stays");
    }
    // As it says.
    sandbox.ok(["commit", "--force", "raw"]);
    assert_eq!(sandbox.read("raw.pipe"), pointer);
    assert!(!sandbox.ok(["checkout"]).stderr.contains("Cannot"));
    assert_eq!(sandbox.ok(["status"]).stdout, "Everything is up to date.\n");
    // A record lies of a file: it is as large as its bytes.
    sandbox.write("data.pipe", sandbox.read("data.pipe").replace("size: 2", "size: 99999999999999"));
    assert_eq!(sandbox.ok(["du", "raw"]).stdout, is);
    let said = sandbox.ok(["du"]).stdout;
    assert!(said.contains("2 B\tdata\n") && !said.contains("TB"), "{said}");
}

/// What a list or a difference leaves out is told, with what brings it.
#[test]
fn of_a_list_that_the_cache_lacks() {
    for (settings, cache) in [(".pipe/config.toml", ".pipe/cache"), (".dvc/config", ".dvc/cache")] {
        let sandbox = Sandbox::new();
        sandbox.write(settings, "");
        sandbox.write(".gitignore", "/.dvc/cache\n/.dvc/tmp\n");
        for file in ["raw/x", "raw/y"] {
            sandbox.write(file, format!("{file}\n"));
            sandbox.ok(["add", "raw"]);
            sandbox.commit(file);
        }
        sandbox.ok(["remote", "add", "--default", "store", "../store"]);
        sandbox.ok(["push", "--all-commits"]);
        let commits = ["HEAD~1", "HEAD"].map(|name| sandbox.git(["rev-parse", "--short=10", name]));
        let [old, new] = commits.each_ref().map(|commit| commit.trim());
        sandbox.remove(cache);
        let told = "the files of raw cannot be told: the cache lacks its list; `pipe fetch raw` brings it";
        let said = sandbox.ok(["list", "-R"]).tells(&[told]);
        assert_eq!(said.stdout, "raw/\n");
        sandbox.ok(["list", "raw"]).tells(&[told]);
        sandbox.pipe(["list", "raw/x"]).code(2).tells(&[told, "no data is recorded at raw/x"]);
        // What names no file needs no list.
        for words in [["list", "--size"], ["du", "."]] {
            let said = sandbox.ok(words);
            assert!(!said.stderr.contains("cannot be told"), "{words:?} {}", said.stderr);
        }
        let [told_old, told_new] = [old, new].map(|commit| {
            format!(
                "the files of raw at {commit} cannot be told: the cache lacks its list; `pipe fetch raw --rev {commit}`"
            )
        });
        sandbox.ok(["list", "-R", "--rev", "HEAD~1"]).tells(&[&told_old]);
        for format in ["--md", "--json"] {
            sandbox.ok(["diff", "HEAD~1", "HEAD", format]).tells(&[&told_old, &told_new]);
        }
        let said = sandbox.ok(["diff", "HEAD~1"]).tells(&[&told_old]);
        assert!(said.stdout.contains("not in cache  raw/"), "{}", said.stdout);
        assert!(!said.stderr.contains(&told_new), "what stands there needs no list: {}", said.stderr);
        // Where nothing differs, nothing is left out.
        let said = sandbox.ok(["diff", "HEAD", "HEAD"]);
        assert!(
            said.stderr.is_empty() && said.stdout == "Nothing differs.\n",
            "{}{}",
            said.stdout,
            said.stderr
        );
        // As it says.
        sandbox.ok(["fetch", "raw", "--rev", old]);
        let said = sandbox.ok(["diff", "HEAD~1", "HEAD"]);
        assert!(
            said.stderr.is_empty() && said.stdout.contains("added     raw/y"),
            "{}{}",
            said.stdout,
            said.stderr
        );
        assert_eq!(sandbox.ok(["list", "-R"]).stdout, "raw/x\nraw/y\n");
    }
}

#[test]
fn of_projects_of_dvc() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let said = sandbox.ok(["status"]).stdout;
    assert!(
        said.contains("There are no stages and no data yet") && said.contains("`pipe add` puts data"),
        "{said}"
    );
    assert!(!said.contains("pipe init"), "{said}");
    sandbox.ok(["install"]).tells(&["Installed the hooks", "Installed the merge driver for dvc.lock"]);
    assert!(sandbox.exists(".git/hooks/post-merge"));
}
