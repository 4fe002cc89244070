//! `pipe checkout`: outs come back as the lock records them, and nothing that exists once is lost by it.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::json;

use crate::harness::{Sandbox, await_that, snapshot};

const PIPELINE: &str = "\
stages:
  file:
    cmd: echo file >> ran; cat input > file.txt; echo 1 > kept.json
    deps: [input]
    outs: [file.txt]
    metrics: [{kept.json: {cache: false}}]
  folder:
    cmd: echo folder >> ran; mkdir -p out/deep out/empty; cat input > out/a; echo run > out/deep/tool; chmod +x out/deep/tool
    deps: [input]
    outs: [out]
";

fn done() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    sandbox.write("input", "one\n");
    sandbox.ok(["repro"]);
    sandbox
}

fn inode(sandbox: &Sandbox, path: &str) -> u64 {
    std::fs::metadata(sandbox.path(path)).unwrap().ino()
}

#[test]
fn what_is_gone_comes_back_without_running() {
    let sandbox = done();
    snapshot!(sandbox.pipe(["checkout"]), @"
    exit: 0
    --- stderr
    Everything is as recorded (2 outs).
    ");
    sandbox.remove("out");
    sandbox.remove("file.txt");
    snapshot!(sandbox.pipe(["checkout"]), @"
    exit: 0
    --- stdout
    A	file.txt
    A	out/
    ");
    assert_eq!((sandbox.read("file.txt"), sandbox.read("out/a")), ("one\n".into(), "one\n".into()));
    assert!(sandbox.path("out/empty").is_dir());
    assert_eq!(sandbox.states(), "file:fresh folder:fresh");
    assert_eq!(sandbox.read("ran").lines().count(), 2, "nothing ran");
}

#[test]
fn a_folder_with_something_ignored_is_named_where_a_file_belongs() {
    let sandbox = done();
    sandbox.write(".pipeignore", "*.tmp\n");
    sandbox.remove("file.txt");
    sandbox.write("file.txt/x.tmp", "mine");
    let tells = ["file.txt is a folder and holds file.txt/x.tmp, which is ignored: move it elsewhere"];
    sandbox.pipe(["checkout", "file.txt"]).code(1).tells(&["Cannot bring back file.txt: "]).tells(&tells);
    sandbox.pipe(["repro", "file"]).code(2).tells(&tells);
    assert_eq!(sandbox.read("file.txt/x.tmp"), "mine");
    std::fs::rename(sandbox.path("file.txt"), sandbox.path("elsewhere")).unwrap();
    sandbox.ok(["repro"]);
    assert_eq!(
        (sandbox.read("file.txt"), sandbox.states()),
        ("one\n".into(), "file:fresh folder:fresh".into())
    );
}

#[test]
fn the_workspace_follows_the_lock_of_another_commit() {
    let sandbox = done();
    sandbox.commit("one");
    sandbox.write("input", "two\n");
    sandbox.ok(["repro"]);
    sandbox.commit("two");
    let tool = inode(&sandbox, "out/deep/tool");
    sandbox.git(["checkout", "--quiet", "HEAD~1"]);
    snapshot!(sandbox.pipe(["checkout"]), @"
    exit: 0
    --- stdout
    M	file.txt
    M	out/a
    ");
    assert_eq!(sandbox.read("out/a"), "one\n");
    assert_eq!(inode(&sandbox, "out/deep/tool"), tool, "what is right keeps its inode");
    assert_eq!(sandbox.states(), "file:fresh folder:fresh");
    sandbox.ok(["checkout", "--relink"]);
    assert_ne!(inode(&sandbox, "out/deep/tool"), tool);
    assert_eq!(sandbox.states(), "file:fresh folder:fresh");
}

#[test]
fn unsaved_bytes_are_not_overwritten_without_force() {
    let sandbox = done();
    sandbox.remove("file.txt");
    sandbox.write("out/a", "edited\n");
    sandbox.write("out/extra/x", "mine\n");
    snapshot!(sandbox.pipe(["checkout"]), @"
    exit: 1
    --- stderr
    error: nothing was touched, since bytes that no cache holds would be replaced: out/a, out/extra
    hint: `pipe checkout -f` saves them to the cache first; `pipe commit` records them as results
    ");
    assert!(!sandbox.exists("file.txt"), "not even what could have come back");
    assert_eq!((sandbox.read("out/a"), sandbox.read("out/extra/x")), ("edited\n".into(), "mine\n".into()));
    let said = sandbox.ok(["checkout", "-f", "--json"]);
    let told = said.json();
    assert_eq!(told["added"], json!(["file.txt"]));
    assert_eq!(told["modified"], json!(["out/a"]));
    assert_eq!(told["deleted"], json!(["out/extra"]));
    assert!(!sandbox.exists("out/extra"));
    assert_eq!(sandbox.states(), "file:fresh folder:fresh");
    for saved in told["saved"].as_array().unwrap() {
        let place = format!("saved/{}", saved["path"].as_str().unwrap());
        std::fs::create_dir_all(sandbox.path(&place).parent().unwrap()).unwrap();
        sandbox.ok(["data", "restore", saved["digest"].as_str().unwrap(), &place]);
    }
    assert_eq!(sandbox.read("saved/out/a"), "edited\n");
    assert_eq!(sandbox.read("saved/out/extra/x"), "mine\n");
    // What a cache holds is no loss.
    sandbox.write("out/a", "edited\n");
    assert_eq!(sandbox.ok(["checkout"]).stdout, "M\tout/a\n");
}

#[test]
fn targets_are_stages_outs_and_files_in_outs() {
    let sandbox = done();
    for path in ["file.txt", "out/a", "out/deep/tool"] {
        sandbox.remove(path);
    }
    assert_eq!(sandbox.ok(["checkout", "out/deep"]).stdout, "A\tout/deep/tool\n");
    assert_eq!(sandbox.ok(["checkout", "out/a", "out/deep/tool"]).stdout, "A\tout/a\n");
    assert!(!sandbox.exists("file.txt"));
    assert_eq!(sandbox.ok(["checkout", "file"]).stdout, "A\tfile.txt\n");
    sandbox.pipe(["checkout", "out/none"]).code(2).tells(&["the lock records no out/none in out out"]);
    sandbox.pipe(["checkout", "nothing"]).code(2).tells(&["neither a stage nor an out"]);
    // As seen from a folder below.
    sandbox.remove("out/a");
    sandbox.ok(["--cd", "out", "checkout", "a"]);
    assert_eq!(sandbox.read("out/a"), "one\n");
}

#[test]
fn what_no_cache_holds_is_named_and_the_rest_is_done() {
    let sandbox = done();
    sandbox.remove("out/a");
    sandbox.remove("out/deep/tool");
    for blob in sandbox.files(".pipe/cache/blake3") {
        if sandbox.read(&blob) == "one\n" {
            sandbox.remove(&blob);
        }
    }
    let said = sandbox
        .pipe(["checkout"])
        .code(1)
        .tells(&["Cannot bring back out/a: blake3:", "is not in the cache"]);
    assert_eq!(said.stdout, "A\tout/deep/tool\n");
    assert_eq!(sandbox.read("file.txt"), "one\n", "what is there is left alone");
}

#[test]
fn a_damaged_blob_is_not_taken() {
    let sandbox = done();
    for blob in sandbox.files(".pipe/cache/blake3") {
        if sandbox.read(&blob) == "run\n" {
            sandbox.remove(&blob);
            sandbox.write(&blob, "bad\n");
        }
    }
    sandbox.remove("out");
    let said =
        sandbox.pipe(["checkout", "--json"]).code(1).tells(&["Cannot bring back out/deep/tool", "damaged"]);
    assert_eq!(said.json()["failed"][0]["path"], "out/deep/tool");
    assert!(!sandbox.exists("out/deep/tool"));
    assert_eq!(sandbox.read("out/a"), "one\n");
}

/// Of what cannot be replaced there is nothing to save.
#[test]
fn what_stands_in_place_of_a_damaged_blob_stays_and_is_not_saved_again_and_again() {
    for links in ["copy", "hardlink", "symlink"] {
        let sandbox = Sandbox::new();
        sandbox.ok(["config", "cache.link_types", links]);
        sandbox.write("d/a", "one\n");
        sandbox.write("d/b", "two\n");
        sandbox.ok(["add", "d"]);
        let blobs = || sandbox.files(".pipe/cache/blake3");
        let blob = blobs().into_iter().find(|blob| sandbox.read(blob) == "one\n").unwrap();
        std::fs::set_permissions(sandbox.path(&blob), std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::write(sandbox.path(&blob), "1ne\n").unwrap();
        if links == "copy" {
            sandbox.write("d/a", "mine\n");
        }
        sandbox.remove("d/b");
        let stands = sandbox.read("d/a");
        assert_ne!(stands, "one\n");
        let count = blobs().len();
        for arguments in
            [&["checkout"][..], &["checkout", "-f"], &["checkout", "-f", "d/a"], &["checkout", "-f"]]
        {
            let said = sandbox.pipe(arguments).code(1).tells(&["Cannot bring back d/a", "is damaged"]);
            assert!(!said.stderr.contains("Saved "), "{links}: {}", said.stderr);
            assert_eq!((sandbox.read("d/a"), sandbox.read("d/b")), (stands.clone(), "two\n".to_owned()));
            assert_eq!(blobs().len(), count, "{links}");
        }
        assert!(!sandbox.exists(".pipe/cache/damaged"));
    }
}

#[test]
fn a_lost_executable_bit_and_other_kinds_are_put_right() {
    let sandbox = done();
    let tool = sandbox.path("out/deep/tool");
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o644)).unwrap();
    let before = inode(&sandbox, "out/deep/tool");
    assert_eq!(sandbox.ok(["checkout"]).stdout, "M\tout/deep/tool\n");
    assert_eq!(inode(&sandbox, "out/deep/tool"), before);
    // A folder where a file belongs, and a file where a folder does.
    sandbox.remove("out");
    sandbox.remove("file.txt");
    sandbox.write("out", "one\n");
    sandbox.write("file.txt/x", "mine\n");
    sandbox.pipe(["checkout"]).code(1).tells(&["no cache holds would be replaced: file.txt"]);
    assert_eq!(sandbox.ok(["checkout", "-f"]).stdout, "M\tfile.txt\nM\tout/\n");
    assert_eq!(sandbox.states(), "file:fresh folder:fresh");
}

#[test]
fn links_are_replaced_and_never_written_through() {
    let sandbox = done();
    sandbox.write("elsewhere/a", "theirs\n");
    sandbox.remove("out");
    std::os::unix::fs::symlink("elsewhere", sandbox.path("out")).unwrap();
    sandbox.pipe(["checkout", "out"]).code(1).tells(&["no cache holds"]);
    sandbox.ok(["checkout", "-f", "out"]);
    assert_eq!(sandbox.read("elsewhere/a"), "theirs\n");
    assert!(!sandbox.path("out").is_symlink());
    assert_eq!(sandbox.states(), "file:fresh folder:fresh");
}

#[test]
fn what_is_brought_back_has_the_rights_that_the_mask_leaves() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    for (path, text) in
        [("d/sub/x", "x\n".to_owned()), ("run", "run\n".to_owned()), ("big", "b".repeat(300_000))]
    {
        sandbox.write(path, text);
    }
    std::fs::set_permissions(sandbox.path("run"), std::fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.ok(["add", "d", "run", "big"]);
    let mode = |path: &str| std::fs::metadata(sandbox.path(path)).unwrap().permissions().mode() & 0o777;
    let masked = |mask: &str, arguments: &str| {
        let mut command = sandbox.program("/bin/sh");
        command.args(["-c", &format!("umask {mask}; exec {} {arguments}", env!("CARGO_BIN_EXE_pipe"))]);
        let _ = sandbox.finish(command).code(0);
    };
    for (mask, folder, file, program) in
        [("077", 0o700, 0o600, 0o700), ("002", 0o775, 0o664, 0o775), ("022", 0o755, 0o644, 0o755)]
    {
        for path in ["d", "run", "big"] {
            sandbox.remove(path);
        }
        masked(mask, "checkout");
        let modes = ["d", "d/sub", "d/sub/x", "big", "run"].map(mode);
        assert_eq!(modes, [folder, folder, file, file, program], "umask {mask}");
        // Only the right to be run is changed.
        std::fs::set_permissions(sandbox.path("run"), std::fs::Permissions::from_mode(0o644)).unwrap();
        masked(mask, "checkout -f");
        assert_eq!(mode("run"), program, "umask {mask}");
    }
    sandbox.ok(["config", "cache.link_types", "hardlink"]);
    sandbox.ok(["checkout", "--relink"]);
    assert_eq!(mode("d/sub/x"), 0o444);
    masked("077", "unprotect d");
    assert_eq!(mode("d/sub/x"), 0o600);
}

#[test]
fn outs_that_git_keeps_are_left_alone() {
    let sandbox = done();
    sandbox.write("kept.json", "2\n");
    assert_eq!(sandbox.ok(["checkout"]).stdout, "");
    sandbox.ok(["checkout", "kept.json"]).tells(&["kept.json has `cache: false` and is left alone."]);
    assert_eq!(sandbox.read("kept.json"), "2\n");
}

#[test]
fn kill_9_in_the_middle_leaves_whole_files_and_the_next_one_goes_on() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  many:\n    cmd: mkdir out; for i in $(seq 800); do echo $(cat input) $i > out/$i; done\n    deps: [input]\n    outs: [out]\n",
    );
    for input in ["one", "two"] {
        sandbox.write("input", input);
        sandbox.ok(["repro"]);
        sandbox.commit(input);
    }
    let mut cut_off = 0;
    for round in 0.. {
        if round >= 6 && cut_off > 0 {
            break;
        }
        assert!(round < 60, "it was too fast to be killed");
        sandbox.git(["checkout", "--quiet", if round % 2 == 0 { "HEAD~1" } else { "main" }]);
        let mut started = sandbox.start(sandbox.pipe_command(["checkout"]));
        let first = ["one 1\n", "two 1\n"][round % 2];
        await_that("it has begun, or it ends", || {
            std::fs::read_to_string(sandbox.path("out/1")).is_ok_and(|text| text == first)
                || !started.is_running()
        });
        started.kill();
        cut_off += u32::from(started.wait().signal() == Some(9));
        for index in 1..=800 {
            let text = sandbox.read(&format!("out/{index}"));
            assert!(text == format!("one {index}\n") || text == format!("two {index}\n"), "{index}: {text}");
        }
        sandbox.write("out/.pipe-a1b2c3.tmp", "half");
        let said = sandbox.ok(["checkout"]);
        assert!(!said.stdout.contains("tmp"), "{}", said.stdout);
        assert_eq!(sandbox.states(), "many:fresh");
    }
}
