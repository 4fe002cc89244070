//! What is no file where one belongs: a named pipe, which keeps who opens it waiting for ever, or a folder. Anyone may put
//! one there who may write there, so it is told at once, with the way out, and in the cache it gives way.

use crate::bad_data::data;
use crate::harness::Sandbox;

/// Puts a named pipe in a place, or a folder.
fn put(sandbox: &Sandbox, path: &str, is_folder: bool) {
    if sandbox.exists(path) {
        sandbox.remove(path);
    }
    let mut command = sandbox.program(if is_folder { "mkdir" } else { "mkfifo" });
    command.arg("-m").arg("777").arg(sandbox.path(path));
    sandbox.finish(command).code(0);
}

/// A project of either kind with data and a stage that was run.
fn project(is_dvc: bool) -> Sandbox {
    let sandbox = data(is_dvc);
    let pipeline = if is_dvc { "dvc.yaml" } else { "pipeline.yaml" };
    sandbox.write("params.yaml", "size: 1\n");
    sandbox.write(
        pipeline,
        "stages:\n  a:\n    cmd: cp other out\n    deps: [other]\n    params: [size]\n    outs: [out]\n",
    );
    sandbox.write(if is_dvc { ".dvcignore" } else { ".pipeignore" }, "*.tmp\n");
    sandbox.ok(["repro"]);
    sandbox.ok(["remote", "add", "-d", "store", "../store"]);
    sandbox.ok(["push"]);
    sandbox.commit("a stage");
    sandbox
}

#[test]
fn a_named_pipe_in_place_of_a_record_is_named_and_keeps_nobody_waiting() {
    for is_dvc in [false, true] {
        let (lock, settings) =
            if is_dvc { ("dvc.lock", ".dvc/config") } else { ("pipeline.lock", ".pipe/config.toml") };
        for (place, commands) in [
            (lock, &[&["status"][..], &["repro"]][..]),
            ("params.yaml", &[&["status"], &["repro"]]),
            (settings, &[&["status"], &["add", "fresh"]]),
            (".gitignore", &[&["add", "fresh"], &["remove", "raw"]]),
        ] {
            let sandbox = project(is_dvc);
            sandbox.write("fresh", "new\n");
            put(&sandbox, place, false);
            for command in commands {
                let said = sandbox.pipe(*command).code(2);
                said.tells(&[
                    place,
                    "it is a named pipe, not a file",
                    "move it elsewhere: a file belongs there",
                ]);
            }
        }
        // What may be missing is passed over.
        let (pipeline, ignore, other) = match is_dvc {
            true => ("dvc.yaml", ".dvcignore", "z.dvc"),
            false => ("pipeline.yaml", ".pipeignore", "z.pipe"),
        };
        for place in [pipeline, ignore, other] {
            let sandbox = project(is_dvc);
            put(&sandbox, place, false);
            for command in ["status", "repro", "checkout"] {
                sandbox.pipe([command]);
            }
        }
    }
}

#[test]
fn a_named_pipe_among_what_is_remembered_keeps_nobody_waiting() {
    let sandbox = project(false);
    sandbox.ok(["runs", "list"]);
    let entry = sandbox.files(".pipe/cache/stages").remove(0);
    for file in [".pipe/lock", ".pipe/journal", ".pipe/runs.db", ".pipe/state", ".pipe/tmp/jobs.lock", &entry]
    {
        let bytes = sandbox.bytes(file);
        put(&sandbox, file, false);
        let commands: [&[&str]; 5] = [
            &["status"],
            &["repro", "-f"],
            &["push", "--stage-cache"],
            &["runs", "list"],
            &["gc", "-w", "-f"],
        ];
        for command in commands {
            sandbox.pipe(command);
        }
        sandbox.remove(file);
        sandbox.write(file, bytes);
    }
}

#[test]
fn what_is_no_file_in_the_cache_is_damage_and_gives_way() {
    for (is_dvc, is_folder) in [(false, false), (false, true), (true, false), (true, true)] {
        for is_list in [false, true] {
            let sandbox = project(is_dvc);
            let mut blobs = sandbox.files(sandbox.cache());
            blobs.retain(|blob| match is_list {
                true => sandbox.read(blob).contains("sub"),
                false => sandbox.bytes(blob) == b"two\n",
            });
            blobs.retain(|blob| !blob.contains("/stages/") && !blob.contains("/runs/"));
            let blob = &blobs[0];
            let aside = format!("{}/damaged", sandbox.cache());
            put(&sandbox, blob, is_folder);
            sandbox.pipe(["status"]);
            sandbox.ok(["du"]);
            sandbox.ok(["list", "-R", "."]);
            // Where the workspace has the content.
            sandbox.write("raw/a", "one\n");
            sandbox.ok(["add", "raw"]);
            assert!(sandbox.path(blob).is_file(), "{blob}");
            assert_eq!(sandbox.exists(&aside), is_folder || !is_list, "{blob}");
            if sandbox.exists(&aside) {
                sandbox.remove(&aside);
            }
            // And where a remote has it.
            sandbox.remove("raw");
            put(&sandbox, blob, is_folder);
            let said = sandbox.pipe(["checkout"]).code(1);
            said.tells(&["`pipe pull` fetches"]);
            sandbox.pipe(["gc", "-w", "-f"]);
            sandbox.ok(["pull"]);
            assert!(sandbox.exists(&aside), "{blob}");
            assert_eq!(sandbox.read("raw/sub/b"), "two\n");
            sandbox.ok(["status"]);
        }
    }
}
