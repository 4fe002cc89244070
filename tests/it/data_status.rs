//! What became of data: `pipe data status`, `pipe diff` of revisions, `pipe list`, `pipe du`, `.pipeignore`.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::harness::{Sandbox, snapshot};

/// A commit with a file, a folder and the out of a stage.
fn project() -> Sandbox {
    let sandbox =
        Sandbox::with_pipeline("stages:\n  copy: {cmd: cp data.csv n, deps: [data.csv], outs: [n]}\n");
    sandbox.write("data.csv", "a\n");
    sandbox.write("raw/x", "1\n");
    sandbox.write("raw/sub/y", "2\n");
    sandbox.ok(["add", "data.csv", "raw"]);
    sandbox.ok(["repro"]);
    sandbox.commit("one");
    sandbox
}

#[test]
fn data_status_tells_what_is_committed_and_what_is_not() {
    let sandbox = project();
    snapshot!(sandbox.pipe(["data", "status"]), @"
    exit: 0
    --- stdout
    No changes.
    ");
    sandbox.write("data.csv", "b\n");
    sandbox.ok(["commit", "data.csv"]);
    sandbox.write("raw/new", "3\n");
    sandbox.remove("raw/x");
    sandbox.remove("n");
    snapshot!(sandbox.pipe(["data", "status", "--unchanged"]), @"
    exit: 0
    --- stdout
    Committed changes:
      (git commit the pointers and locks to keep them)
            modified: data.csv

    Uncommitted changes:
      (use `pipe commit PATH` to record them, `pipe checkout PATH` to discard them)
            modified: raw/
            deleted: n
    ");
    let status = sandbox.json(["data", "status", "--granular", "--unchanged", "--json"]);
    assert_eq!(
        status,
        json!({
            "not_in_cache": [],
            "committed": { "added": [], "modified": ["data.csv"], "deleted": [], "renamed": [] },
            "uncommitted": { "added": ["raw/new"], "modified": [], "deleted": ["n", "raw/x"], "renamed": [] },
            "outdated": [],
            "diverged": { "added": [], "modified": [], "deleted": [], "renamed": [] },
            "unchanged": ["raw/sub/y"],
        })
    );
    sandbox.remove(".pipe/cache");
    let status = sandbox.json(["data", "status", "--json"]);
    assert_eq!(status["not_in_cache"], json!(["data.csv", "n", "raw/"]));
    // Without a commit everything is new.
    let fresh = Sandbox::without_git();
    fresh.write("x", "1");
    fresh.ok(["add", "x"]);
    assert_eq!(fresh.json(["data", "status", "--json"])["committed"]["added"], json!(["x"]));
}

#[test]
fn data_status_tells_renames_and_what_is_outdated() {
    let sandbox = project();
    sandbox.ok(["move", "data.csv", "other.csv"]);
    sandbox.write("raw/x", "another\n");
    std::fs::rename(sandbox.path("raw/sub/y"), sandbox.path("raw/z")).unwrap();
    snapshot!(sandbox.pipe(["data", "status", "--granular"]), @"
    exit: 0
    --- stdout
    Committed changes:
      (git commit the pointers and locks to keep them)
            renamed: data.csv -> other.csv

    Uncommitted changes:
      (use `pipe commit PATH` to record them, `pipe checkout PATH` to discard them)
            added: raw/sub/
            modified: raw/x
            renamed: raw/sub/y -> raw/z
    ");
    sandbox.ok(["commit", "raw"]);
    let status = sandbox.json(["data", "status", "--granular", "--json"]);
    assert_eq!(status["committed"]["renamed"][1], json!({ "old": "raw/sub/y", "new": "raw/z" }));
    // A branch without hooks.
    sandbox.git(["checkout", "-q", "raw.pipe"]);
    snapshot!(sandbox.pipe(["data", "status", "--granular"]), @"
    exit: 0
    --- stdout
    Committed changes:
      (git commit the pointers and locks to keep them)
            renamed: data.csv -> other.csv

    Outdated data, whose pointers moved:
      (use `pipe checkout` to bring what they record, after `pipe fetch` where the cache lacks it)
            raw/
    ");
}

#[test]
fn diff_of_revisions_sees_renames_inside_folders() {
    let sandbox = project();
    sandbox.write("data.csv", "b\n");
    std::fs::rename(sandbox.path("raw/x"), sandbox.path("raw/z")).unwrap();
    sandbox.write("raw/new", "3\n");
    snapshot!(sandbox.pipe(["diff"]), @"
    exit: 0
    --- stdout
    change    path
    added     raw/new
    renamed   raw/x -> raw/z
    modified  data.csv
    modified  raw/
    ");
    sandbox.ok(["repro"]);
    sandbox.commit("two");
    assert_eq!(sandbox.ok(["diff"]).stdout, "Nothing differs.\n");
    let diff = sandbox.json(["diff", "HEAD~1", "HEAD", "--json", "--targets", "raw"]);
    assert_eq!(
        diff,
        json!({
            "added": [{ "path": "raw/new" }],
            "deleted": [],
            "modified": [{ "path": "raw/" }],
            "renamed": [{ "path": { "old": "raw/x", "new": "raw/z" } }],
        })
    );
    let back = sandbox.json(["diff", "HEAD", "HEAD~1", "--json", "--show-hash"]);
    assert_eq!(back["deleted"][0]["path"], "raw/new");
    assert!(back["renamed"][0]["hash"].as_str().unwrap().starts_with("blake3:"));
    let markdown = sandbox.ok(["diff", "HEAD~1", "--md"]).stdout;
    assert!(markdown.contains("| renamed"), "{markdown}");
    // A stage's name still means its executions.
    sandbox.ok(["diff", "copy"]).tells(&[]);
    sandbox.pipe(["diff", "nowhere"]).code(2);
    sandbox.git(["branch", "copy"]);
    assert_eq!(sandbox.ok(["diff", "--data", "copy"]).stdout, "Nothing differs.\n");
}

#[test]
fn list_and_du_need_no_data() {
    let sandbox = project();
    sandbox.write("raw/big", "0123456789");
    sandbox.ok(["commit", "raw"]);
    for path in ["raw", "data.csv", "n"] {
        sandbox.remove(path);
    }
    assert_eq!(sandbox.ok(["list"]).stdout, "data.csv\nn\nraw/\n");
    assert_eq!(sandbox.ok(["list", "-R"]).stdout, "data.csv\nn\nraw/big\nraw/sub/y\nraw/x\n");
    assert_eq!(sandbox.ok(["list", "raw"]).stdout, "big\nsub/\nx\n");
    assert_eq!(sandbox.ok(["list", "HEAD", "raw"]).stdout, "sub/\nx\n");
    assert_eq!(sandbox.ok(["list", "HEAD", "-R"]).stdout, "data.csv\nn\nraw/sub/y\nraw/x\n");
    assert_eq!(sandbox.ok(["list", "--size", "raw/sub"]).stdout, "size  path\n2 B   y\n");
    let list = sandbox.json(["list", "--json"]);
    assert_eq!(
        (&list[2]["path"], &list[2]["isdir"], &list[2]["files"], &list[2]["size"]),
        (&json!("raw"), &json!(true), &json!(3), &json!(14))
    );
    assert_eq!(sandbox.ok(["du"]).stdout, "2 B\tdata.csv\n2 B\tn\n14 B\traw/\n18 B\ttotal\n");
    assert_eq!(sandbox.ok(["du", "HEAD", "raw", "-s"]).stdout, "4 B\ttotal\n");
    // As in DVC, where the repository comes first.
    let root = sandbox.root().display().to_string();
    for here in [".", "./", &root] {
        assert_eq!(sandbox.ok(["du", here, "raw", "-s"]).stdout, "14 B\ttotal\n");
        assert_eq!(sandbox.ok(["list", here, "raw"]).stdout, sandbox.ok(["list", "raw"]).stdout);
        let at_head = sandbox.ok(["list", here, "raw", "--rev", "HEAD", "--size"]).stdout;
        assert_eq!(at_head, sandbox.ok(["list", "HEAD", "raw", "--size"]).stdout);
        sandbox.pipe(["list", here, "nosuch"]).code(2).tells(&["no data is recorded at nosuch"]);
    }
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    assert_eq!(sandbox.ok(["--cd", "empty", "list"]).stdout, "");
    sandbox.pipe(["list", "nowhere"]).code(2).tells(&["no data is recorded at nowhere"]);
    sandbox.pipe(["list", "nowhere", "raw"]).code(2).tells(&["no git revision `nowhere`"]);
    Sandbox::new().pipe(["list"]).code(2).tells(&["there is no pipeline.yaml"]);
}

#[test]
fn what_is_ignored_is_no_part_of_data_and_not_looked_into() {
    let sandbox = Sandbox::new();
    sandbox.write(".pipeignore", "*.tmp\n/junk/\n");
    sandbox.write("raw/x", "1\n");
    sandbox.write("raw/y.tmp", "2\n");
    sandbox.write("junk/pipeline.yaml", "this is: [no pipeline\n");
    sandbox.ok(["add", "raw"]);
    assert!(sandbox.read("raw.pipe").contains("files: 1"));
    sandbox.ok(["repro"]);
    sandbox.write("raw/y.tmp", "other\n");
    assert_eq!(sandbox.states(), "raw.pipe:fresh");
    sandbox.ok(["repro"]).tells(&["Everything is up to date"]);
    // A new rule changes what the folder is, and is seen by a verdict that is recalled.
    sandbox.write(".pipeignore", "/junk/\n");
    sandbox.ok(["repro"]).tells(&["Recorded the changed data of raw.pipe"]);
    sandbox.write("raw/.pipeignore", "!x\nx\n");
    sandbox.ok(["commit"]).tells(&["1 added, 1 deleted"]);
    sandbox.remove("raw");
    sandbox.ok(["checkout"]);
    assert_eq!(sandbox.files("raw"), ["raw/.pipeignore", "raw/y.tmp"]);
    snapshot!(sandbox.pipe(["check-ignore", "-d", "raw/x", "raw/y.tmp", "junk/a/b", "junk"]), @"
    exit: 0
    --- stdout
    raw/.pipeignore:2:x	raw/x
    .pipeignore:1:/junk/	junk/a/b
    .pipeignore:1:/junk/	junk
    ");
    assert_eq!(sandbox.ok(["--cd", "raw", "check-ignore", "x"]).stdout, "x\n");
    sandbox.pipe(["check-ignore", "raw/y.tmp"]).code(1);
}

/// What git makes of line ends changes nothing that pipe reads, and pipe leaves them as they are in ignore files.
#[test]
fn line_ends_that_git_writes_change_nothing() {
    let stages = "stages:\n  copy: {cmd: cp data.csv n, deps: [data.csv], params: [x], outs: [n]}\n";
    for setting in ["autocrlf", "attributes"] {
        let sandbox = Sandbox::with_pipeline(stages);
        match setting {
            "autocrlf" => drop(sandbox.git(["config", "core.autocrlf", "true"])),
            _ => sandbox.write(".gitattributes", "* text=auto eol=crlf\n"),
        }
        sandbox.write("data.csv", "a\n");
        sandbox.write("params.yaml", "x: 1\n");
        sandbox.write(".pipeignore", "*.tmp\nskipped/\n");
        sandbox.write("raw/x", "1\n");
        sandbox.write("raw/y.tmp", "2\n");
        sandbox.write("raw/skipped/z", "3\n");
        sandbox.ok(["add", "data.csv", "raw"]);
        sandbox.ok(["repro"]);
        sandbox.commit("one");
        // As a clone would have them.
        sandbox.git(["rm", "-r", "-q", "--cached", "."]);
        sandbox.git(["reset", "-q", "--hard"]);
        for file in ["data.csv.pipe", "pipeline.lock", "pipeline.yaml", ".gitignore", ".pipeignore"] {
            assert!(sandbox.read(file).contains("\r\n"), "{file}");
        }
        assert_eq!(sandbox.ok(["status"]).stdout, "Everything is up to date.\n", "{setting}");
        assert_eq!(sandbox.ok(["data", "status"]).stdout, "No changes.\n");
        assert_eq!(sandbox.ok(["diff"]).stdout, "Nothing differs.\n");
        sandbox.ok(["checkout"]);
        assert_eq!(sandbox.git(["status", "--porcelain"]), "");
        sandbox.write("raw/x", "4\n");
        sandbox.write("new", "5\n");
        sandbox.ok(["add", "raw", "new"]);
        let status = sandbox.json(["data", "status", "--json"]);
        assert_eq!(status["committed"]["modified"], json!(["raw/"]), "{setting}");
        assert_eq!(sandbox.read(".gitignore"), "/data.csv\r\n/n\r\n/new\r\n/raw\r\n");
        sandbox.ok(["remove", "new.pipe"]);
        assert_eq!(sandbox.git(["status", "--porcelain"]).trim(), "M raw.pipe\n?? new", "{setting}");
    }
}

#[test]
fn links_that_lead_nowhere_concern_their_own_data_alone() {
    let sandbox = project();
    let link = |to: &str| std::os::unix::fs::symlink(to, sandbox.path("raw/link")).unwrap();
    for (to, why) in [
        ("nowhere", "raw/link is a symlink to something that does not exist"),
        ("link", "raw/link is a symlink that leads round in a circle"),
        ("../raw", "raw/link is a symlink that leads round in a circle"),
    ] {
        link(to);
        sandbox.write("data.csv", "b\n");
        let told = [why, "remove the link, or name it in .pipeignore"];
        for more in [&[][..], &["--granular"]] {
            let said = sandbox.pipe([&["data", "status"], more].concat()).code(2).tells(&told);
            let modified = said.stdout.lines().filter(|line| line.contains("modified")).collect::<Vec<_>>();
            assert_eq!(modified, ["        modified: data.csv"], "{}", said.stdout);
            assert!(!said.stdout.contains("raw"), "{}", said.stdout);
        }
        let status = sandbox.pipe(["data", "status", "--json"]).code(2).json();
        assert!(status["unreadable"]["raw"].as_str().unwrap().contains(why), "{status}");
        assert_eq!(status["uncommitted"]["modified"], json!(["data.csv"]));
        sandbox.ok(["data", "status", "data.csv"]);
        let said = sandbox.pipe(["diff"]).code(2).tells(&told);
        assert!(said.stdout.contains("data.csv") && !said.stdout.contains("raw"), "{}", said.stdout);
        sandbox.ok(["diff", "--targets", "data.csv"]);
        sandbox.pipe(["status", "-q"]).code(2).tells(&told);
        sandbox.pipe(["repro", "raw.pipe"]).code(2).tells(&told);
        // What is beside it comes back; of what is in it, nothing is touched.
        sandbox.write("data.csv", "a\n");
        sandbox.remove("n");
        sandbox.remove("raw/x");
        let said = sandbox.pipe(["checkout"]).code(1).tells(&told).tells(&["Cannot bring back raw"]);
        assert!(!said.stderr.contains("pipe pull"), "{}", said.stderr);
        assert!(sandbox.exists("n") && !sandbox.exists("raw/x"));
        sandbox.remove("raw/link");
        sandbox.ok(["checkout", "-f"]);
        assert!(sandbox.exists("raw/x"));
    }
}

/// The executable bit of one file is recorded, and alone it is no change for anybody; in a folder it is content, as far as
/// the layout knows it.
#[test]
fn the_executable_bit_of_a_file_is_no_change() {
    for is_dvc in [false, true] {
        let sandbox = Sandbox::new();
        if is_dvc {
            sandbox.write(".dvc/config", "");
        }
        let set = |path: &str, mode| {
            std::fs::set_permissions(sandbox.path(path), PermissionsExt::from_mode(mode)).unwrap();
        };
        let is_unchanged = || {
            for granular in [&[][..], &["--granular"]] {
                let status = sandbox.ok([&["data", "status"][..], granular].concat());
                assert_eq!(status.stdout, "No changes.\n");
            }
            assert_eq!(sandbox.ok(["diff"]).stdout, "Nothing differs.\n");
            assert_eq!(sandbox.ok(["status"]).stdout, "Everything is up to date.\n");
            sandbox.ok(["commit"]).tells(&["Everything is recorded already (2 pointers)."]);
        };
        sandbox.write("tool", "run\n");
        sandbox.write("raw/tool", "run too\n");
        sandbox.ok(["add", "tool", "raw"]);
        sandbox.commit("data");
        set("tool", 0o755);
        is_unchanged();
        // Who wants it recorded says so.
        sandbox.ok(["add", "tool"]).tells(&["Added tool"]);
        let (pointer, key) = if is_dvc { ("tool.dvc", "isexec") } else { ("tool.pipe", "executable") };
        assert!(sandbox.read(pointer).contains(&format!("  {key}: true\n")), "{}", sandbox.read(pointer));
        is_unchanged();
        set("tool", 0o644);
        is_unchanged();
        sandbox.remove("tool");
        sandbox.ok(["checkout"]);
        let mode = std::fs::metadata(sandbox.path("tool")).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111);
        assert!(
            sandbox.json(["list", "--json"]).as_array().unwrap().iter().any(|entry| entry["isexec"] == true)
        );
        set("raw/tool", 0o755);
        if is_dvc {
            is_unchanged();
        } else {
            let status = sandbox.json(["data", "status", "--granular", "--json"]);
            assert_eq!(status["uncommitted"]["modified"], json!(["raw/tool"]));
            assert_eq!(sandbox.states(), "raw.pipe:stale tool.pipe:fresh");
        }
    }
}

#[test]
fn without_git_nobody_is_sent_to_it() {
    let sandbox = Sandbox::without_git();
    sandbox.ok(["init", "--no-git"]);
    sandbox.write("data", "1\n");
    sandbox.ok(["add", "data"]);
    let told = sandbox.ok(["data", "status"]).stdout;
    assert!(told.contains("added: data") && !told.contains("git commit"), "{told}");
}
