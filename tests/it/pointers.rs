//! Data under version control: `pipe add`, and what all other commands make of pointers.

use std::os::unix::fs::{MetadataExt, symlink};

use serde_json::json;

use crate::harness::{Sandbox, snapshot};

/// A file and a folder that are added.
fn data() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("data.csv", "a\n");
    sandbox.write("raw/x", "1\n");
    sandbox.write("raw/sub/y", "2\n");
    sandbox.ok(["add", "data.csv", "raw"]);
    sandbox
}

/// The digest that a pointer records.
fn digest(sandbox: &Sandbox, pointer: &str) -> String {
    let text = sandbox.read(pointer);
    text.split("digest: ").nth(1).unwrap().lines().next().unwrap().to_owned()
}

#[test]
fn adding_writes_pointers_that_git_keeps() {
    let sandbox = Sandbox::new();
    sandbox.write("data.csv", "a\n");
    sandbox.write("raw/x", "1\n");
    sandbox.write("raw/sub/y", "2\n");
    snapshot!(sandbox.pipe(["add", "data.csv", "raw"]), @"
    exit: 0
    --- stderr
    Added data.csv (2 B).
    Added raw (2 files, 4 B).
    To version the change: git add data.csv.pipe raw.pipe .gitignore
    ");
    let text = sandbox.read("raw.pipe").replace(&digest(&sandbox, "raw.pipe"), "DIGEST");
    assert_eq!(text, "version: 1\nouts:\n- path: raw\n  digest: DIGEST\n  size: 4\n  files: 2\n");
    assert_eq!(sandbox.read(".gitignore"), "/data.csv\n/raw\n");
    sandbox.commit("data");
    assert_eq!(sandbox.git(["ls-files"]), ".gitignore\n.pipe/.gitignore\ndata.csv.pipe\nraw.pipe\n");
    sandbox.ok(["add", "raw"]).tells(&["Unchanged: raw"]);
    assert_eq!(sandbox.git(["status", "--short"]), "");
    // From a subfolder, by absolute path, by pattern.
    for name in ["b.bin", "c.bin"] {
        sandbox.write(&format!("sub/{name}"), name);
    }
    let absolute = sandbox.path("sub/b.bin");
    sandbox.ok([std::ffi::OsStr::new("--cd"), "sub".as_ref(), "add".as_ref(), absolute.as_os_str()]);
    sandbox.ok(["--cd", "sub", "add", "--glob", "*.bin", "--desc", "two # of them"]);
    assert!(sandbox.read("sub/c.bin.pipe").contains("path: c.bin"));
    assert!(sandbox.read("sub/b.bin.pipe").contains("two # of them"));
    assert_eq!(sandbox.read("sub/.gitignore"), "/b.bin\n/c.bin\n");
}

#[test]
fn changed_data_is_told_and_recorded_by_repro_and_what_reads_it_runs() {
    let sandbox = data();
    sandbox.write(
        "pipeline.yaml",
        "stages:\n  count: {cmd: cat data.csv raw/x > n, deps: [data.csv, raw/x], outs: [n]}\n",
    );
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.states(), "data.csv.pipe:fresh raw.pipe:fresh count:fresh");
    sandbox.write("raw/x", "10\n");
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 0
    --- stdout
    raw.pipe: stale (`pipe commit raw` records it)
      out raw changed: fb29e637c7 -> e9e471bdbb
        M raw/x
    count: stale
      dep raw/x changed: 50cc1102b1 -> a8f966533b
    ");
    sandbox.ok(["repro"]).tells(&[
        "Recorded the changed data of raw.pipe.",
        "1 stage, 2 pointers: 1 ran, 1 recorded, 1 up to date",
    ]);
    assert_eq!(sandbox.read("n"), "a\n10\n");
    // Both runs are nested in reproductions; data has none.
    assert_eq!(sandbox.states(), "data.csv.pipe:fresh raw.pipe:fresh count:fresh");
    sandbox.ok(["repro"]).tells(&["Everything is up to date (1 stage, 2 pointers)"]);
    // The verdict is recalled only while the pointers are what they were.
    sandbox.edit("raw.pipe", "size: 5", "size: 5\n  desc: mine");
    sandbox.ok(["repro"]).tells(&["Everything is up to date (1 stage, 2 pointers)"]);
    let recorded = digest(&sandbox, "raw.pipe");
    sandbox.edit("raw.pipe", &recorded, &format!("blake3:{}", "0".repeat(64)));
    assert_eq!(sandbox.states(), "data.csv.pipe:fresh raw.pipe:unknown count:upstream");
    sandbox.ok(["commit", "-f", "raw"]);
    assert!(sandbox.read("raw.pipe").contains("desc: mine"), "what people wrote stays");
    assert_eq!(digest(&sandbox, "raw.pipe"), recorded);
    // Missing: from the cache, without a run of its own.
    let runs = sandbox.run_count();
    sandbox.remove("raw");
    sandbox.ok(["repro", "raw/x"]).tells(&["Restored raw.pipe"]);
    assert_eq!((sandbox.read("raw/x"), sandbox.run_count()), ("10\n".to_owned(), runs));
    // A pointer that came with a commit, before its data.
    sandbox.remove("raw");
    sandbox.remove(".pipe/cache");
    sandbox
        .pipe(["repro"])
        .code(2)
        .tells(&["data raw is neither in the workspace nor in the cache", "pipe pull"]);
    sandbox.pipe(["status"]).code(2);
    sandbox.ok(["repro", "--allow-missing", "--dry"]);
    sandbox.pipe(["checkout"]).code(1).tells(&["Cannot bring back raw", "pipe pull"]);
}

#[test]
fn a_frozen_pointer_is_left_as_it_is() {
    let sandbox = data();
    sandbox.ok(["freeze", "raw.pipe"]).tells(&["Froze raw.pipe: is left as it is"]);
    let text = sandbox.read("raw.pipe");
    sandbox.write("raw/x", "10\n");
    sandbox.ok(["repro"]).tells(&["raw.pipe is frozen and its outs are left as they are"]);
    assert_eq!((sandbox.read("raw.pipe"), sandbox.read("raw/x")), (text, "10\n".to_owned()));
    sandbox.ok(["commit", "raw"]).tells(&["Recorded raw.pipe: 1 modified."]);
    sandbox.write("raw/x", "11\n");
    sandbox.ok(["unfreeze", "raw"]);
    sandbox.ok(["repro"]).tells(&["Recorded the changed data of raw.pipe"]);
    assert_eq!(sandbox.states(), "data.csv.pipe:fresh raw.pipe:fresh");
}

#[test]
fn checkout_touches_what_is_wrong_alone() {
    let sandbox = data();
    let inode = |path: &str| std::fs::metadata(sandbox.path(path)).unwrap().ino();
    let (kept, inner) = (inode("data.csv"), inode("raw/sub/y"));
    sandbox.write("raw/x", "other\n");
    sandbox.write("raw/new", "new\n");
    sandbox.ok(["commit"]).tells(&["Recorded raw.pipe: 1 added, 1 modified."]);
    assert_eq!((inode("data.csv"), inode("raw/sub/y")), (kept, inner), "what is stored stays where it is");
    sandbox.write("raw/x", "1\n");
    sandbox.remove("raw/new");
    sandbox.write("raw/more", "more\n");
    let said = sandbox.pipe(["checkout", "raw.pipe"]).code(1).tells(&["nothing was touched", "raw/more"]);
    assert_eq!(said.stdout, "");
    snapshot!(sandbox.pipe(["checkout", "-f"]), @"
    exit: 0
    --- stdout
    D	raw/more
    A	raw/new
    M	raw/x
    --- stderr
    Saved raw/more, which was in no cache, before it is replaced; `pipe data restore d9065f3fb0f6 DESTINATION` brings it back
    Saved raw/x, which no record names, before it is replaced; `pipe data restore 50cc1102b1c6 DESTINATION` brings it back
    ");
    assert_eq!((inode("data.csv"), inode("raw/sub/y")), (kept, inner));
    // One file of a folder, by its own path.
    sandbox.remove("raw");
    assert_eq!(sandbox.ok(["checkout", "raw/sub/y"]).stdout, "A\traw/sub/y\n");
    assert_eq!(sandbox.files("raw"), ["raw/sub/y"]);
}

#[test]
fn a_file_in_a_tracked_folder_goes_into_its_pointer() {
    let sandbox = data();
    sandbox.write("raw/sub/z", "3\n");
    sandbox.write("raw/x", "not yet\n");
    sandbox.ok(["add", "raw/sub/z"]).tells(&["Added raw/sub/z", "git add raw.pipe"]);
    assert!(sandbox.read("raw.pipe").contains("files: 3"));
    assert!(!sandbox.exists("raw/sub/z.pipe"));
    let status = sandbox.json(["data", "status", "--granular", "--json"]);
    assert_eq!(
        status["uncommitted"],
        json!({ "added": [], "modified": ["raw/x"], "deleted": [], "renamed": [] })
    );
    // The rest of the folder need not be there.
    sandbox.remove("raw");
    sandbox.write("raw/late", "4\n");
    sandbox.ok(["add", "raw/late"]);
    sandbox.ok(["checkout"]);
    assert_eq!(sandbox.files("raw"), ["raw/late", "raw/sub/y", "raw/sub/z", "raw/x"]);
    assert_eq!(sandbox.read("raw/x"), "1\n");
}

#[test]
fn a_part_of_a_folder_whose_list_the_cache_lacks_is_named_and_the_rest_comes_back() {
    let sandbox = data();
    let manifest = digest(&sandbox, "raw.pipe");
    let hex = manifest.trim_start_matches("blake3:");
    let blob =
        sandbox.files(".pipe/cache/blake3").into_iter().find(|blob| blob.replace('/', "").contains(hex));
    sandbox.remove(&blob.unwrap());
    sandbox.remove("data.csv");
    sandbox.remove("raw");
    let said = sandbox
        .pipe(["checkout", "data.csv", "raw/x"])
        .code(1)
        .tells(&["Cannot bring back raw/x: blake3:", "is not in the cache; `pipe pull` fetches it"]);
    assert_eq!((said.stdout.as_str(), sandbox.read("data.csv")), ("A\tdata.csv\n", "a\n".into()));
    assert!(!sandbox.exists("raw"));
    sandbox.ok(["checkout", "data.csv", "raw/x", "--allow-missing"]);
}

#[test]
fn data_that_is_not_here_keeps_nothing_from_being_recorded() {
    let sandbox = data();
    sandbox.remove("raw");
    sandbox.write("data.csv", "b\n");
    let pointer = sandbox.read("raw.pipe");
    sandbox.ok(["commit"]).tells(&["Recorded data.csv.pipe: 1 modified."]);
    assert_eq!(sandbox.read("raw.pipe"), pointer);
    sandbox.pipe(["commit", "raw"]).code(1).tells(&["cannot record data of raw.pipe", "is not there"]);
}

#[test]
fn no_commit_records_and_commit_stores() {
    let sandbox = Sandbox::new();
    sandbox.write("data", "bytes\n");
    sandbox.ok(["add", "--no-commit", "data"]);
    assert_eq!(sandbox.files(".pipe/cache"), Vec::<String>::new());
    assert_eq!(sandbox.json(["data", "status", "--json"])["not_in_cache"], json!(["data"]));
    assert_eq!(sandbox.states(), "data.pipe:fresh");
    sandbox.ok(["commit"]).tells(&["Recorded data.pipe: stored in the cache."]);
    sandbox.remove("data");
    sandbox.ok(["checkout"]);
    assert_eq!(sandbox.read("data"), "bytes\n");
}

#[test]
fn data_from_outside_is_copied_in() {
    let sandbox = Sandbox::new();
    let outside = sandbox.root().with_file_name("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("one"), "1").unwrap();
    let outside = outside.to_str().unwrap();
    sandbox.pipe(["add", outside]).code(2).tells(&["absolute path", "-o OUT"]);
    sandbox.pipe(["add", "../outside"]).code(2).tells(&["leads out of the project", "-o OUT"]);
    sandbox.ok(["add", outside, "-o", "in/data"]);
    assert_eq!(sandbox.files("in"), ["in/.gitignore", "in/data.pipe", "in/data/one"]);
    sandbox.write("in/data/one", "2");
    sandbox.pipe(["add", outside, "-o", "in/data"]).code(2).tells(&["exists already", "-f"]);
    sandbox.ok(["add", outside, "-o", "in/data", "-f"]).tells(&["Saved in/data"]);
    assert_eq!(sandbox.read("in/data/one"), "1");
}

#[test]
fn what_cannot_be_added_is_refused_with_the_way_out() {
    let sandbox = Sandbox::new();
    sandbox.write("pipeline.yaml", "stages:\n  make: {cmd: echo > made, outs: [made]}\n");
    for (path, text) in
        [("tracked", "x"), ("folder/tracked", "x"), (".hidden/x", "x"), ("venv/pyvenv.cfg", "")]
    {
        sandbox.write(path, text);
    }
    sandbox.commit("files");
    for path in
        ["made", "venv/x", "real/x", "data", "nest/inner", "git/.git/config", "nested/.pipe/x", "junk.tmp"]
    {
        sandbox.write(path, "y");
    }
    symlink("real", sandbox.path("link")).unwrap();
    symlink(".", sandbox.path("real/loop")).unwrap();
    sandbox.write(".pipeignore", "*.tmp\n");
    sandbox.ok(["add", "nest/inner"]);
    sandbox.ok(["add", "data"]);
    for (path, why, hint) in [
        ("made", "it is an out of stage make", "pipe commit make"),
        ("tracked", "git tracks it", "git rm -r --cached tracked"),
        ("folder", "git tracks `folder/tracked`", "git rm -r --cached"),
        ("nest", "it contains nest/inner.pipe", "pipe remove nest/inner.pipe"),
        ("data.pipe", "it is a pointer", "pipe commit"),
        ("missing", "there is no such file", ""),
        (".", "it is the project's root", ""),
        ("link/x", "it lies behind the symlink", ""),
        ("link", "it is a symlink to a folder", ""),
        ("real", "is a symlink that leads round in a circle", ""),
        (".hidden/y", "pipe looks for no pointers in the folder .hidden", "hidden folders"),
        ("venv/x", "pipe looks for no pointers in the folder venv", ""),
        (".git/config", "`.git/config` lies in a folder that git", ""),
        (".GIT/config", "`.GIT/config` lies in a folder that git", ""),
        (".pipe/state", "lies in a folder that git", ""),
        ("git", "failed to record ROOT/git/.git", ""),
        ("nested", "failed to record ROOT/nested/.pipe", ""),
        ("junk.tmp", ".pipeignore:1 ignores it: *.tmp", ""),
    ] {
        sandbox.pipe(["add", path]).code(2).tells(&[why, hint]);
        assert!(!sandbox.exists(&format!("{path}.pipe")), "{path}");
    }
    sandbox.remove("data");
    sandbox.pipe(["add", "data"]).code(2).tells(&["there is no such file", "pipe checkout data"]);
    sandbox.ok(["checkout", "data"]);
    // Of several, none is recorded when one is refused.
    sandbox.write("good", "z");
    sandbox.pipe(["add", "good", "tracked"]).code(2);
    assert!(!sandbox.exists("good.pipe"));
    assert_eq!(sandbox.states(), "make:stale data.pipe:fresh nest/inner.pipe:fresh");
}

#[test]
fn names_that_are_one_name_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("data/\u{e9}", "1");
    sandbox.write("data/e\u{301}", "2");
    sandbox.pipe(["add", "data"]).code(2).tells(&[
        "`data/\u{e9}`",
        "`data/e\u{301}`",
        "are the same name after Unicode normalization",
        "rename one",
    ]);
    sandbox.pipe(["add", "data/\u{e9}", "data/e\u{301}"]).code(2);
    sandbox.ok(["add", "data/\u{e9}"]);
    sandbox.pipe(["add", "data/e\u{301}"]).code(2).tells(&["the same name"]);
    // Nor does the second come into a folder that holds the first.
    let told = ["`whole/e\u{301}` (", "`whole/\u{e9}` (", "are the same name after Unicode normalization"];
    sandbox.write("whole/\u{e9}", "1");
    sandbox.ok(["add", "whole"]);
    let pointer = sandbox.read("whole.pipe");
    sandbox.write("whole/e\u{301}", "2");
    sandbox.pipe(["add", "whole/e\u{301}"]).code(2).tells(&told);
    let said = sandbox.pipe(["commit", "-f"]);
    assert_ne!(said.code_of(), Some(0));
    said.tells(&told);
    assert_eq!(sandbox.read("whole.pipe"), pointer);
    sandbox.remove("whole/e\u{301}");
    let cmd = "mkdir -p out && touch out/\u{e9} out/e\u{301}";
    sandbox.write("pipeline.yaml", format!("stages:\n  make:\n    cmd: {cmd}\n    outs: [out]\n"));
    let said = sandbox.pipe(["repro"]);
    assert_ne!(said.code_of(), Some(0));
    said.tells(&["`out/\u{e9}` (", "the same name after"]);
    sandbox.write("case/A", "1");
    sandbox.write("case/a", "2");
    sandbox.ok(["add", "case"]).tells(&["differ in case alone"]);
    // Of a pair of data it is told when one of both is added.
    sandbox.write("Pair", "1");
    sandbox.write("pair", "2");
    sandbox.write("other", "3");
    sandbox.ok(["add", "Pair"]);
    sandbox.ok(["add", "pair"]).tells(&["Pair and pair differ in case alone"]);
    let said = sandbox.ok(["add", "other"]);
    assert!(!said.stderr.contains("differ in case alone"), "{}", said.stderr);
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::OsStr::from_bytes(b"bad\xff");
    std::fs::create_dir(sandbox.path("bytes")).unwrap();
    std::fs::write(sandbox.path("bytes").join(name), "x").unwrap();
    sandbox.pipe(["add", "bytes"]).code(2).tells(&["failed to record", "is not UTF-8"]);
    std::fs::write(sandbox.root().join(name), "x").unwrap();
    sandbox.pipe([std::ffi::OsStr::new("add"), name]).code(2).tells(&["its name is not UTF-8"]);
}

#[test]
fn several_at_once_add_all() {
    let sandbox = Sandbox::new();
    let names: Vec<String> = (0..8).map(|number| format!("f{number}")).collect();
    for name in &names {
        sandbox.write(name, name);
    }
    let started: Vec<_> =
        names.iter().map(|name| sandbox.start(sandbox.pipe_command(["add", name]))).collect();
    for one in started {
        one.wait().code(0);
    }
    let lines: String = names.iter().map(|name| format!("/{name}\n")).collect();
    assert_eq!(sandbox.read(".gitignore"), lines);
    let states: Vec<String> = names.iter().map(|name| format!("{name}.pipe:fresh")).collect();
    assert_eq!(sandbox.states(), states.join(" "));
}

#[test]
fn hostile_pointers_lead_nowhere() {
    let sandbox = data();
    sandbox.write("stage/pipeline.yaml", "stages:\n  s: {cmd: 'true', outs: [out]}\n");
    let text = sandbox.read("data.csv.pipe");
    let outside = sandbox.root().with_file_name("victim");
    std::fs::write(&outside, "mine").unwrap();
    for path in
        ["../victim", "/etc/passwd", ".git/hooks/post-checkout", ".GIT/config", "sub/.Pipe/x", ".", "a/../b"]
    {
        sandbox.write("data.csv.pipe", text.replace("path: data.csv", &format!("path: '{path}'")));
        for command in ["status", "checkout", "repro", "commit"] {
            sandbox.pipe([command]).code(2).tells(&["data.csv.pipe:3:9"]);
        }
        sandbox.gc(&["-w"]).code(2);
    }
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "mine");
    // Two pointers to one place, one inside another, one over the out of a stage, one over a pointer.
    for (path, why) in [
        ("raw", "`raw` is an out of both pointer `data.csv.pipe` and pointer `raw.pipe`"),
        ("raw/x", "`raw/x` of pointer `data.csv.pipe` lies inside out `raw` of pointer `raw.pipe`"),
        (
            "stage/out",
            "`stage/out` is an out of both stage `stage/pipeline.yaml:s` and pointer `data.csv.pipe`",
        ),
        ("raw.pipe", "is a pointer to data"),
        ("stage", "contains `stage/p"),
        (".gitignore", "is a file that git itself reads"),
        (".pipeignore", "is a file that tells what is passed over"),
    ] {
        sandbox.write("data.csv.pipe", text.replace("path: data.csv", &format!("path: {path}")));
        sandbox.pipe(["status"]).code(2).tells(&[why]);
    }
    // A size that lies drives nothing, and a symlink is not written through.
    sandbox.write("data.csv.pipe", text.replace("size: 2", "size: 18446744073709551615"));
    sandbox.remove("data.csv");
    sandbox.ok(["checkout"]);
    sandbox.write("data.csv.pipe", text.replace("path: data.csv", "path: link/data.csv"));
    symlink("..", sandbox.path("link")).unwrap();
    sandbox.pipe(["checkout"]).code(1).tells(&["never writes through one"]);
    assert!(!sandbox.root().with_file_name("data.csv").exists());
    sandbox.write("data.csv.pipe", "<<<<<<< HEAD\nversion: 1\n=======\nversion: 1\n>>>>>>> other\n");
    sandbox
        .pipe(["status"])
        .code(2)
        .tells(&["data.csv.pipe:1:1: the file holds an unresolved merge conflict"]);
}

#[test]
fn moving_and_removing() {
    let sandbox = data();
    sandbox.write("pipeline.yaml", "stages:\n  count: {cmd: wc -l raw/x > n, deps: [raw/x], outs: [n]}\n");
    sandbox.edit("data.csv.pipe", "version: 1", "# ours\nversion: 1");
    std::fs::create_dir(sandbox.path("sub")).unwrap();
    let inode = std::fs::metadata(sandbox.path("data.csv")).unwrap().ino();
    sandbox.ok(["move", "data.csv", "sub"]).tells(&["Moved data.csv to sub/data.csv"]);
    sandbox.ok(["move", "sub/data.csv.pipe", "sub/other.csv"]);
    assert_eq!(std::fs::metadata(sandbox.path("sub/other.csv")).unwrap().ino(), inode);
    assert_eq!(sandbox.files("sub"), ["sub/.gitignore", "sub/other.csv", "sub/other.csv.pipe"]);
    assert!(sandbox.read("sub/other.csv.pipe").starts_with("# ours\nversion: 1\nouts:\n- path: other.csv\n"));
    assert_eq!(
        (sandbox.read(".gitignore"), sandbox.read("sub/.gitignore")),
        ("/raw\n".into(), "/other.csv\n".into())
    );
    sandbox.write("taken", "x");
    for (from, to, why) in [
        ("raw", "taken", "something stands there"),
        ("raw", "raw/sub", "that lies inside it"),
        ("raw/x", "y", "is no data with a pointer of its own"),
        ("raw", ".hidden/raw", "pipe looks for no pointers there"),
        ("raw", "../raw", "leads out of the project"),
        ("raw", ".git/raw", "lies in a folder that git"),
        ("n", "m", "is no data with a pointer"),
    ] {
        std::fs::create_dir_all(sandbox.path(".hidden")).unwrap();
        sandbox.pipe(["move", from, to]).code(2).tells(&[why]);
    }
    sandbox.ok(["move", "raw", "cooked"]).tells(&["stage count reads raw; change its deps"]);
    sandbox.ok(["move", "cooked", "raw"]);
    sandbox.ok(["remove", "raw.pipe"]).tells(&["the data stays, and git sees it now"]);
    assert!(sandbox.exists("raw/x") && !sandbox.exists("raw.pipe") && !sandbox.exists(".gitignore"));
    sandbox.write("sub/other.csv", "unsaved\n");
    sandbox
        .ok(["remove", "--outs", "sub/other.csv"])
        .tells(&["Saved sub/other.csv", "Removed sub/other.csv"]);
    assert_eq!(sandbox.files("sub"), Vec::<String>::new());
    // Stages too, as DVC has it.
    sandbox.ok(["remove", "count"]).tells(&["Removed stage count"]);
}

#[test]
fn data_that_is_linked_moves_and_is_let_go() {
    for kind in ["symlink", "hardlink"] {
        let sandbox = Sandbox::new();
        sandbox.ok(["config", "cache.link_types", kind]);
        sandbox.write("raw/x", "1\n");
        sandbox.ok(["add", "raw"]);
        let is_link = |path: &str| {
            let metadata = std::fs::symlink_metadata(sandbox.path(path)).unwrap();
            metadata.is_symlink() || metadata.nlink() > 1
        };
        assert!(is_link("raw/x"), "{kind}");
        sandbox.ok(["move", "raw", "deep/er/raw"]);
        assert_eq!(
            (sandbox.read("deep/er/raw/x"), is_link("deep/er/raw/x")),
            ("1\n".to_owned(), true),
            "{kind}"
        );
        assert_eq!(sandbox.states(), "deep/er/raw.pipe:fresh");
        sandbox.ok(["remove", "deep/er/raw"]);
        assert!(!is_link("deep/er/raw/x"), "{kind}: git gets the file itself");
    }
}

#[test]
fn what_cannot_be_read_is_told_with_the_way_out() {
    let sandbox = Sandbox::new();
    sandbox.write("raw/x", "1\n");
    symlink("nowhere", sandbox.path("raw/dangling")).unwrap();
    sandbox
        .pipe(["add", "raw"])
        .code(2)
        .tells(&["raw/dangling is a symlink to something that does not exist", ".pipeignore"]);
    sandbox.write(".pipeignore", "dangling\n");
    sandbox.ok(["add", "raw"]);
    let _socket = std::os::unix::net::UnixListener::bind(sandbox.path("raw/socket")).unwrap();
    sandbox.pipe(["status", "-q"]).code(2).tells(&["raw/socket is neither a file nor a folder"]);
    sandbox.remove("raw/socket");
    assert_eq!(sandbox.states(), "raw.pipe:fresh");
    // A file that is written to all the time is recorded as one of its states, or not at all.
    let path = sandbox.path("busy");
    std::fs::write(&path, vec![0; 1 << 20]).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                std::io::Write::write_all(&mut file, b"more").unwrap();
            }
        });
        for _ in 0..5 {
            let said = sandbox.pipe(["add", "busy"]);
            if sandbox.exists("busy.pipe") {
                break;
            }
            said.code(2).tells(&["busy changed while it was being read", "once nothing writes"]);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    sandbox.ok(["add", "busy"]);
    sandbox.ok(["status", "--verify"]);
}

#[test]
fn data_is_pushed_and_pulled() {
    let sandbox = data();
    let remote = sandbox.root().with_file_name("remote");
    sandbox.ok(["remote", "add", "-d", "store", remote.to_str().unwrap()]);
    sandbox.ok(["push"]);
    for path in [".pipe/cache", "raw", "data.csv"] {
        sandbox.remove(path);
    }
    sandbox.ok(["pull", "raw.pipe"]);
    assert_eq!(sandbox.files("raw"), ["raw/sub/y", "raw/x"]);
    assert!(!sandbox.exists("data.csv"));
    sandbox.ok(["pull"]);
    assert_eq!(sandbox.states(), "data.csv.pipe:fresh raw.pipe:fresh");
}

#[test]
fn garbage_is_what_no_pointer_of_workspace_and_history_names() {
    let sandbox = data();
    sandbox.commit("one");
    sandbox.write("raw/x", "2nd\n");
    sandbox.ok(["commit"]);
    sandbox.commit("two");
    sandbox.write("raw/x", "3rd\n");
    sandbox.ok(["commit"]);
    let bring = |revision: &str| {
        sandbox.git(["checkout", "--quiet", revision, "--", "raw.pipe"]);
        sandbox.pipe(["checkout", "-f"])
    };
    sandbox.gc(&["-f", "--rev", "HEAD"]).code(0);
    bring("HEAD").code(0);
    assert_eq!(sandbox.read("raw/x"), "2nd\n");
    bring("HEAD~1").code(1);
    let sandbox = data();
    sandbox.commit("one");
    sandbox.write("raw/x", "2nd\n");
    sandbox.ok(["commit"]);
    sandbox.commit("two");
    sandbox.gc(&["-f", "-A"]).code(0);
    sandbox.git(["checkout", "--quiet", "HEAD~1"]);
    sandbox.ok(["checkout"]);
    assert_eq!(sandbox.read("raw/x"), "1\n");
}

/// What a checkout that was cut off left is a part of the data, and nobody's edit.
#[test]
fn half_a_checkout_is_never_recorded() {
    let sandbox = Sandbox::new();
    sandbox.ok(["init"]);
    for name in ["a", "b"] {
        sandbox.write(&format!("data/{name}"), name);
    }
    sandbox.ok(["add", "data"]);
    let pointer = sandbox.read("data.pipe");
    // As a kill leaves it: a note, a file that is missing, and one that had no name yet.
    sandbox.remove("data/b");
    sandbox.write("data/.pipe-a1b2c3.tmp", "half");
    sandbox.write(".pipe/tmp/checkouts/vm-1-1", "data");
    for command in [&["commit"][..], &["commit", "-f"], &["add", "data"]] {
        let said = sandbox.pipe(command);
        assert_ne!(said.code_of(), Some(0), "{command:?}");
        said.tells(&["was cut off", "`pipe checkout data`"]);
        assert_eq!(sandbox.read("data.pipe"), pointer, "{command:?}");
    }
    sandbox.ok(["checkout"]);
    assert_eq!((sandbox.read("data/b"), sandbox.read("data.pipe")), ("b".to_owned(), pointer.clone()));
    sandbox.write("data/c", "c");
    sandbox.ok(["commit", "-f"]);
    assert_ne!(sandbox.read("data.pipe"), pointer, "a true edit is recorded");
    assert!(!sandbox.ok(["list", "-R"]).stdout.contains(".tmp"));
}

/// What a note of a checkout names is freed by any checkout of it, whatever its name.
#[test]
fn a_note_of_a_checkout_goes_part_by_part() {
    let sandbox = Sandbox::new();
    sandbox.ok(["init"]);
    let odd = "odd\nname";
    for name in ["a", "b", odd] {
        sandbox.write(&format!("{name}/x"), name);
        sandbox.write(&format!("{name}/y"), name);
        sandbox.ok(["add", name]);
    }
    sandbox.remove("a/x");
    sandbox.remove(&format!("{odd}/x"));
    sandbox.write(".pipe/tmp/checkouts/vm-1-1", format!("a\0{odd}"));
    sandbox.write("b/x", "edited");
    sandbox.ok(["commit", "b"]);
    assert_ne!(sandbox.pipe(["add", "a"]).code_of(), Some(0));
    sandbox.ok(["checkout", "a"]);
    sandbox.ok(["add", "a"]);
    assert_ne!(sandbox.pipe(["add", odd]).code_of(), Some(0));
    sandbox.ok(["checkout"]);
    sandbox.ok(["add", odd]);
    assert!(!sandbox.exists(".pipe/tmp/checkouts/vm-1-1"));
    // One that is refused has begun nothing, and what is right already is never noted.
    sandbox.remove("a");
    sandbox.write("b/x", "mine");
    sandbox.write("b/new", "mine");
    assert_ne!(sandbox.pipe(["checkout"]).code_of(), Some(0));
    sandbox.ok(["commit", "b"]);
}

#[test]
fn what_a_checkout_brings_back_is_kept_out_of_git() {
    let sandbox = Sandbox::new();
    sandbox.write("data.csv", "1\n");
    sandbox.ok(["add", "data.csv"]);
    sandbox.commit("data");
    sandbox.ok(["remove", "--outs", "data.csv"]);
    assert!(!sandbox.exists(".gitignore") && !sandbox.exists("data.csv"));
    sandbox.git(["checkout", "data.csv.pipe"]);
    sandbox.ok(["checkout", "data.csv"]).tells(&["to .gitignore"]);
    assert_eq!(
        (sandbox.read("data.csv").as_str(), sandbox.read(".gitignore").as_str()),
        ("1\n", "/data.csv\n")
    );
    // Also of a folder of which a file alone is meant, and of data that is here already.
    sandbox.write("folder/a", "a\n");
    sandbox.ok(["add", "folder"]);
    for target in ["folder/a", "folder"] {
        sandbox.write(".gitignore", "/data.csv\n");
        sandbox.ok(["checkout", target]);
        assert_eq!(sandbox.read(".gitignore"), "/data.csv\n/folder\n");
    }
}

#[test]
fn stages_and_pointers_are_counted_and_called_apart() {
    let sandbox = data();
    sandbox.ok(["repro"]).tells(&["Everything is up to date (2 pointers)."]);
    sandbox.write("pipeline.yaml", "stages:\n  count: {cmd: wc -l raw/x > n, deps: [raw/x], outs: [n]}\n");
    sandbox.remove("data.csv");
    sandbox.ok(["repro"]).tells(&[
        "Restored data.csv.pipe from the cache, as the pointer records it.",
        "1 stage, 2 pointers: 1 ran, 1 restored, 1 up to date.",
    ]);
    // From the files, and from memory.
    for _ in 0..2 {
        sandbox.settle();
        sandbox.ok(["repro"]).tells(&["Everything is up to date (1 stage, 2 pointers)."]);
    }
    sandbox.ok(["commit"]).tells(&["Everything is recorded already (1 stage, 2 pointers)."]);
    sandbox.remove("n");
    sandbox.remove("data.csv");
    let plan = sandbox.ok(["repro", "--dry"]).stdout;
    assert!(
        plan.contains("data.csv.pipe: would be restored from the cache, as the pointer records it"),
        "{plan}"
    );
    assert!(plan.contains("count: would be restored from the cache, as the lock records it"), "{plan}");
    sandbox.pipe(["repro", "nothing"]).code(2).tells(&["stages and pointers are: count, "]);
}
