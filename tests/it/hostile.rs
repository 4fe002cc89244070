//! Records that others wrote and that lead where no record may: each way of spelling such a path, in each kind of record, in
//! projects of both kinds. Nothing is written there, whatever is asked of them.

use std::path::Path;

use cache::hash_bytes_by;

use crate::harness::Sandbox;

/// What a hostile record names. No file but those that a record may name ever holds it.
const EVIL: &str = "evil\n";

/// Paths that lead out of the project, or into a tool's folder, or would on some file system; `ABSOLUTE` is one outside.
const PATHS: [&str; 20] = [
    "../victim",
    "sub/../../victim",
    "ABSOLUTE/victim",
    "./../victim",
    ".git/hooks/post-checkout",
    ".GIT/hooks/post-checkout",
    "sub/.gIt/config",
    ".git./config",
    ".git . /config",
    "git~1/config",
    "GIT~1/config",
    ".g\u{200c}it/config",
    ".git\u{feff}/config",
    ".git::$INDEX_ALLOCATION/config",
    ".pipe/config.toml",
    ".PIPE/config.toml",
    ".pipe ./config.toml",
    ".dvc/config.local",
    ".Dvc/config.local",
    "dvc~1/config.local",
];

/// A kind of record.
struct Record {
    name: &'static str,
    is_dvc: bool,
    /// Makes a project with a record of evil at a path.
    write: fn(&Sandbox, &str),
    /// The path that is as it should be: what it names comes back.
    good: &'static str,
    /// What a path in the record lies in.
    inside: &'static str,
    /// Whether the paths are declared elsewhere, so that any other is too much.
    is_declared: bool,
}

const RECORDS: [Record; 8] = [
    Record { name: "pointer", is_dvc: false, write: pointer, good: "good", inside: "", is_declared: false },
    Record { name: ".dvc file", is_dvc: true, write: pointer, good: "good", inside: "", is_declared: false },
    Record { name: "tree", is_dvc: false, write: tree, good: "a/good", inside: "out/", is_declared: false },
    Record { name: ".dir", is_dvc: true, write: list, good: "a/good", inside: "out/", is_declared: false },
    Record { name: "lock", is_dvc: false, write: lock, good: "out", inside: "", is_declared: true },
    Record { name: "dvc.lock", is_dvc: true, write: lock, good: "out", inside: "", is_declared: true },
    Record { name: "stage cache", is_dvc: false, write: entry, good: "out", inside: "", is_declared: true },
    Record { name: "run cache", is_dvc: true, write: entry, good: "out", inside: "", is_declared: true },
];

fn project(is_dvc: bool) -> Sandbox {
    let sandbox = Sandbox::new();
    if is_dvc {
        sandbox.write(".dvc/config", "");
    } else {
        sandbox.ok(["init"]);
    }
    sandbox.write("../victim", "mine\n");
    sandbox.write("../outside/victim", "mine\n");
    std::os::unix::fs::symlink("../outside", sandbox.path("link")).unwrap();
    sandbox
}

fn is_dvc(sandbox: &Sandbox) -> bool {
    sandbox.exists(".dvc")
}

/// The text with another path for `out`.
fn renamed(text: &str, path: &str) -> String {
    let quoted = serde_json::to_string(path).unwrap();
    let to = if text.starts_with('{') { format!("\"path\": {quoted}") } else { format!("path: {quoted}\n") };
    let from = if text.starts_with('{') { "\"path\": \"out\"" } else { "path: out\n" };
    assert!(text.contains(from), "{text}");
    text.replace(from, &to)
}

fn pointer(sandbox: &Sandbox, path: &str) {
    sandbox.write("out", EVIL);
    sandbox.ok(["add", "out"]);
    sandbox.remove("out");
    let file = if is_dvc(sandbox) { "out.dvc" } else { "out.pipe" };
    sandbox.write(file, renamed(&sandbox.read(file), path));
}

/// Keeps bytes in the cache; returns their digest in hexadecimal.
fn keep(sandbox: &Sandbox, bytes: &str, suffix: &str) -> String {
    let (algorithm, folder) = match is_dvc(sandbox) {
        true => (base::Algorithm::Md5, ".dvc/cache/files/md5"),
        false => (base::Algorithm::Blake3, ".pipe/cache/blake3"),
    };
    let hex = hash_bytes_by(algorithm, bytes.as_bytes()).hex();
    sandbox.write(&format!("{folder}/{}/{}{suffix}", &hex[..2], &hex[2..]), bytes);
    hex
}

fn tree(sandbox: &Sandbox, path: &str) {
    let mut hex = keep(sandbox, EVIL, "");
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut line = format!("file {hex} 5 {name}");
    for folder in folders.split('/').rev().filter(|_| !folders.is_empty()) {
        hex = keep(sandbox, &format!("pipe-tree 1\n{line}\n"), "");
        line = format!("folder {hex} 5 1 {folder}");
    }
    hex = keep(sandbox, &format!("pipe-tree 1\n{line}\n"), "");
    sandbox.write(
        "out.pipe",
        format!("version: 1\nouts:\n- path: out\n  digest: blake3:{hex}\n  size: 5\n  files: 1\n"),
    );
}

fn list(sandbox: &Sandbox, path: &str) {
    let hex = keep(sandbox, EVIL, "");
    let list = format!("[{{\"md5\": \"{hex}\", \"relpath\": {}}}]", serde_json::to_string(path).unwrap());
    let hex = keep(sandbox, &list, ".dir");
    sandbox.write(
        "out.dvc",
        format!("outs:\n- md5: {hex}.dir\n  size: 5\n  nfiles: 1\n  hash: md5\n  path: out\n"),
    );
}

/// A project with a stage that has run and whose out is gone.
fn ran(sandbox: &Sandbox) {
    let file = if is_dvc(sandbox) { "dvc.yaml" } else { "pipeline.yaml" };
    sandbox.write(file, "stages:\n  s:\n    cmd: cat in in2 > out\n    deps: [in, in2]\n    outs: [out]\n");
    sandbox.write("in", "ev");
    sandbox.write("in2", "il\n");
    sandbox.ok(["repro"]);
    sandbox.remove("out");
}

fn lock(sandbox: &Sandbox, path: &str) {
    ran(sandbox);
    let file = if is_dvc(sandbox) { "dvc.lock" } else { "pipeline.lock" };
    sandbox.write(file, renamed(&sandbox.read(file), path));
}

fn entry(sandbox: &Sandbox, path: &str) {
    ran(sandbox);
    let (lock, folder) = match is_dvc(sandbox) {
        true => ("dvc.lock", ".dvc/cache/runs"),
        false => ("pipeline.lock", ".pipe/cache/stages"),
    };
    sandbox.remove(lock);
    // Our own entries are beside those of DVC's run cache.
    for entry in sandbox.files(".dvc/tmp/pipe").iter().filter(|file| file.contains("/stages/")) {
        sandbox.remove(entry);
    }
    let files = sandbox.files(folder);
    assert_eq!(files.len(), 1);
    let text = sandbox.read(&files[0]);
    sandbox.remove(&files[0]);
    sandbox.write(&files[0], renamed(&text, path));
}

/// Files with the bytes of evil below a folder that are not in a cache.
fn find_evil(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_cache = [".pipe/cache/blake3", ".dvc/cache/files"].iter().any(|cache| path.ends_with(cache));
        if path.is_symlink() || is_cache {
            continue;
        }
        if path.is_dir() {
            find_evil(&path, found);
        } else if std::fs::read(&path).unwrap() == EVIL.as_bytes() {
            found.push(path.display().to_string());
        }
    }
}

/// What lies where no record may write, in the project and beside it.
fn evil(sandbox: &Sandbox, record: &Record) -> Vec<String> {
    let mut found = Vec::new();
    let root = sandbox.root();
    find_evil(root.parent().unwrap(), &mut found);
    let here = |path: &str| root.join(path).display().to_string();
    // A stage that ran makes its own out.
    found.retain(|path| !(record.is_declared && *path == here("out")));
    found
}

fn ask(sandbox: &Sandbox) -> Vec<Option<i32>> {
    let commands: [&[&str]; 4] = [&["status"], &["checkout", "-f"], &["repro"], &["commit", "-f"]];
    commands.iter().map(|command| sandbox.pipe(*command).code_of()).collect()
}

fn check(record: &Record, path: &str) {
    let sandbox = project(record.is_dvc);
    let outside = sandbox.path("../outside").canonicalize().unwrap();
    let path = path.replace("ABSOLUTE", outside.to_str().unwrap());
    let story = format!("{path:?} in a {}", record.name);
    (record.write)(&sandbox, &path);
    let before = sandbox.files(".git");
    let codes = ask(&sandbox);
    assert_eq!(evil(&sandbox, record), Vec::<String>::new(), "{story}");
    assert_eq!(sandbox.read("../victim"), "mine\n", "{story}");
    assert_eq!(sandbox.read("../outside/victim"), "mine\n", "{story}");
    assert_eq!(sandbox.files(".git"), before, "{story}");
    if !record.is_declared {
        assert!(codes[1..3].iter().all(|code| matches!(code, Some(1 | 2))), "{story}: it is told: {codes:?}");
        // Nor does what it names go.
        let pointer = if record.is_dvc { "out.dvc" } else { "out.pipe" };
        sandbox.pipe(["remove", "--outs", pointer]);
        assert_eq!(sandbox.files(".git"), before, "{story}");
        assert!(sandbox.exists("../victim") && sandbox.exists("../outside/victim"), "{story}");
    }
}

fn check_all(is_dvc: bool) {
    for record in RECORDS.iter().filter(|record| record.is_dvc == is_dvc) {
        // The record itself is right.
        let sandbox = project(is_dvc);
        (record.write)(&sandbox, record.good);
        assert_eq!(evil(&sandbox, record), Vec::<String>::new(), "{}", record.name);
        let said = sandbox.ok([if record.is_declared { "repro" } else { "checkout" }]);
        assert_eq!(sandbox.read(&format!("{}{}", record.inside, record.good)), EVIL);
        assert!(
            !record.is_declared || said.stderr.contains("1 restored"),
            "{}: {}",
            record.name,
            said.stderr
        );
        for path in PATHS {
            check(record, path);
        }
        if record.inside.is_empty() {
            check(record, "link/victim");
        }
        if record.is_declared {
            check(record, "undeclared");
        }
    }
}

#[test]
fn records_of_projects_lead_nowhere() {
    check_all(false);
}

#[test]
fn records_of_dvc_projects_lead_nowhere() {
    check_all(true);
}

/// Inside a folder that comes back, a symlink of the user's is replaced and not followed.
/// Its bytes are those that the pointer asks for, wherever they come from.
#[test]
fn a_list_that_is_none_is_told_with_a_way_out_that_is_one() {
    for is_dvc in [false, true] {
        let sandbox = project(is_dvc);
        let write = if is_dvc { list } else { tree };
        write(&sandbox, "../victim");
        sandbox.ok(["remote", "add", "-d", "store", "../store"]);
        std::fs::create_dir_all(sandbox.path("../store")).unwrap();
        let said = sandbox.pipe(["checkout"]).code(1);
        let said = said.tells(&["Cannot bring back out", "no remote has a better one", "`pipe add`"]);
        assert!(!said.stderr.contains("pipe pull"), "{}", said.stderr);
        // The way out.
        sandbox.write("out/mine", "mine\n");
        sandbox.ok(["add", "-f", "out"]);
        sandbox.ok(["checkout"]);
    }
}

#[test]
fn a_symlink_in_a_folder_is_not_written_through() {
    for record in RECORDS.iter().filter(|record| !record.inside.is_empty()) {
        let sandbox = project(record.is_dvc);
        (record.write)(&sandbox, "link/victim");
        std::fs::create_dir(sandbox.path("out")).unwrap();
        std::os::unix::fs::symlink("../../outside", sandbox.path("out/link")).unwrap();
        sandbox.pipe(["checkout"]).code(1);
        assert_eq!(sandbox.read("../outside/victim"), "mine\n", "{}", record.name);
        sandbox.ok(["checkout", "-f"]);
        assert_eq!(
            (sandbox.read("out/link/victim"), sandbox.read("../outside/victim")),
            (EVIL.into(), "mine\n".into())
        );
    }
}

#[test]
fn sizes_that_lie_decide_nothing() {
    for record in &RECORDS {
        for size in ["0", "1", "9223372036854775807", "18446744073709551615"] {
            let sandbox = project(record.is_dvc);
            (record.write)(&sandbox, record.good);
            let mut lies = 0;
            for file in sandbox.files("") {
                let in_cache = file.contains("cache/blake3") || file.contains("cache/files");
                let is_record = file.ends_with(".pipe") || file.ends_with(".dvc") || file.ends_with(".lock");
                if !is_record && !file.contains("/stages/") && !file.contains("cache/runs") || in_cache {
                    continue;
                }
                let text = sandbox.read(&file);
                let lie = text
                    .replace("size: 5", &format!("size: {size}"))
                    .replace("files: 1\n", &format!("files: {size}\n"))
                    .replace("\"size\": 5", &format!("\"size\": {size}"));
                lies += usize::from(lie != text);
                sandbox.remove(&file);
                sandbox.write(&file, lie);
            }
            let story = format!("{size} in a {}", record.name);
            assert!(lies > 0, "{story}");
            let said = sandbox.pipe([if record.is_declared { "repro" } else { "checkout" }]);
            // DVC's own records are read as the numbers that they can be.
            if said.code_of() != Some(0) {
                assert!(
                    said.stderr.contains("size") || said.stderr.contains("files"),
                    "{story}: {}",
                    said.stderr
                );
                continue;
            }
            assert_eq!(sandbox.read(&format!("{}{}", record.inside, record.good)), EVIL, "{story}");
            if record.name.ends_with(" cache") {
                let lock = sandbox.read(if record.is_dvc { "dvc.lock" } else { "pipeline.lock" });
                let told = lock.rsplit_once("size: ").unwrap().1.lines().next();
                assert_eq!(told, Some("5"), "{story}: {lock}");
            }
            for command in
                [&["status"][..], &["du"], &["list", "--size"], &["data", "status"], &["gc", "-w", "-f"]]
            {
                sandbox.ok(command);
            }
        }
    }
}
