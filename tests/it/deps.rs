//! Deps that are no single path of the project: patterns, paths outside, URLs.

use serde_json::json;

use crate::harness::{Sandbox, snapshot};

const PATTERN: &str = "\
stages:
  join:
    cmd: cat raw/*.json > joined
    deps:
    - glob: raw/*.json
      exclude: ['raw/tmp*']
    outs: [joined]
";

fn ran(sandbox: &Sandbox) -> bool {
    sandbox.ok(["repro"]).stderr.contains(" ran")
}

#[test]
fn a_pattern_is_the_set_of_files_that_it_matches() {
    let sandbox = Sandbox::with_pipeline(PATTERN);
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 2
    --- stdout
    join: stale
      no file matches dep raw/*.json
      has not run yet
    ");
    sandbox.write("raw/a.json", "1\n");
    sandbox.write("raw/b.json", "2\n");
    assert!(ran(&sandbox));
    let lock = sandbox.read("pipeline.lock");
    assert!(lock.contains("    deps:\n    - glob: raw/*.json\n      digest: blake3:"), "{lock}");
    // What does not match, is excluded, hidden or lies deeper is no input.
    for path in ["raw/a.txt", "raw/tmp.json", "raw/.c.json", "raw/sub/c.json"] {
        sandbox.write(path, "x\n");
    }
    assert!(!ran(&sandbox));
    // An edit, a new file, a lost file, another name: each is a change.
    sandbox.write("raw/a.json", "3\n");
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 0
    --- stdout
    join: stale
      dep raw/*.json changed: 60d6832c67 -> d8cca804f5
    ");
    assert_eq!(sandbox.pipe(["status", "--json"]).json()["stages"][0]["reasons"][0]["path"], "raw/*.json");
    assert!(ran(&sandbox));
    assert_eq!(sandbox.read("joined"), "3\n2\nx\n");
    sandbox.write("raw/c.json", "4\n");
    assert!(ran(&sandbox));
    std::fs::rename(sandbox.path("raw/c.json"), sandbox.path("raw/d.json")).unwrap();
    assert!(ran(&sandbox));
    std::fs::remove_file(sandbox.path("raw/d.json")).unwrap();
    let back = sandbox.ok(["repro"]);
    assert!(back.stderr.contains("1 restored"), "{}", back.stderr);
    // How the same files are chosen is no input.
    sandbox.write("pipeline.yaml", PATTERN.replace("['raw/tmp*']", "[raw/tmp.json, raw/none]"));
    assert!(!ran(&sandbox));
    // Without any file there is nothing to be told but that.
    for name in ["a", "b"] {
        std::fs::remove_file(sandbox.path(&format!("raw/{name}.json"))).unwrap();
    }
    sandbox.pipe(["repro"]).code(2);
    assert!(!sandbox.pipe(["repro", "--allow-missing"]).stderr.contains(" ran"));
}

#[test]
fn a_stage_that_writes_what_a_pattern_can_match_comes_first() {
    let sandbox = Sandbox::with_pipeline(
        "stages:
  join:
    cmd: cat parts/*/*.csv > joined
    deps: [{glob: 'parts/*/*.csv'}]
    outs: [joined]
  folder:
    cmd: mkdir -p parts/f && cat x > parts/f/1.csv
    deps: [x]
    outs: [parts/f]
  file:
    cmd: mkdir -p parts/g && echo g > parts/g/2.csv
    outs: [parts/g/2.csv]
  other:
    cmd: mkdir -p parts && echo other > parts/g/other.txt
    outs: [parts/g/other.txt]
",
    );
    snapshot!(sandbox.pipe(["dag"]), @"
    exit: 0
    --- stdout
    ○    folder
    │ ○  file
    ●─┘  join    ← folder, file
    ○    other
    ");
    sandbox.write("x", "1\n");
    assert!(ran(&sandbox));
    assert_eq!(sandbox.read("joined"), "1\ng\n");
    sandbox.write("x", "2\n");
    snapshot!(sandbox.pipe(["repro", "--dry"]), @"
    exit: 0
    --- stdout
    folder: would run: dep x changed: 50cc1102b1 -> b9a1a3183d
    file: up to date
    join: depends on the result of folder
    other: up to date
    ");
    assert!(ran(&sandbox));
    assert_eq!(sandbox.read("joined"), "2\ng\n");
    // What is going to be restored is not foretold, and the plan says so.
    sandbox.write("x", "1\n");
    let plan = sandbox.ok(["repro", "--dry"]);
    assert!(plan.stdout.contains("folder: would be restored"), "{}", plan.stdout);
    assert!(plan.stdout.contains("join: depends on the result of folder"), "{}", plan.stdout);
    let back = sandbox.ok(["repro"]);
    assert!(back.stderr.contains("2 restored"), "{}", back.stderr);
    assert_eq!(sandbox.read("joined"), "1\ng\n");
}

#[test]
fn patterns_that_cannot_be_meant_are_refused() {
    let stage = |dep: &str| format!("stages:\n  a:\n    cmd: x\n    deps: [{dep}]\n    outs: [data/sum]\n");
    let sandbox = Sandbox::with_pipeline(&stage("{glob: 'data/**'}"));
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:2:3: stage `a` has out `data/sum`, which a pattern among its deps covers
    hint: leave it out: `exclude: ['data/sum']`
    ");
    for (dep, message) in [
        ("{glob: 'a['}", "`a[`"),
        ("{glob: 'a**'}", "stands beside other characters"),
        ("{glob: '../*'}", "leads out of the project"),
        ("{glob: '.git/*'}", "keeps for itself"),
        ("{exclude: a}", "expected a path"),
        ("{glob: a, globs: b}", "unknown key `globs`"),
        ("{glob: 'a*'}, {glob: 'a*', exclude: ab}", "stands here twice"),
    ] {
        sandbox.write("pipeline.yaml", stage(dep));
        let said = sandbox.pipe(["status"]).code(2);
        assert!(said.stderr.contains(message), "{dep}: {}", said.stderr);
    }
}

/// A plain dvc.yaml means what it means elsewhere: such a dep is a file of that very name.
#[test]
fn a_plain_path_is_no_pattern() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: cat '*.txt' > out\n    deps: ['*.txt']\n    outs: [out]\n",
    );
    sandbox.write("a.txt", "a\n");
    sandbox.pipe(["repro"]).code(2);
    sandbox.write("*.txt", "star\n");
    assert!(ran(&sandbox));
    sandbox.write("a.txt", "b\n");
    assert!(!ran(&sandbox));
}

#[test]
fn what_lies_outside_the_project_is_an_input_too() {
    let sandbox = Sandbox::new();
    let outside = sandbox.root().with_file_name("outside");
    let file = outside.join("x.csv");
    std::fs::create_dir_all(outside.join("folder")).unwrap();
    std::fs::write(outside.join("folder/y"), "y\n").unwrap();
    let (file_text, folder_text) = (file.display(), outside.join("folder").display().to_string());
    let pipeline = format!(
        "stages:\n  a:\n    cmd: cat {file_text} {folder_text}/* > out\n    deps: [{file_text}, {folder_text}/]\n    outs: [out]\n"
    );
    sandbox.write("pipeline.yaml", &pipeline);
    let missing = sandbox.pipe(["status", "-q"]).code(2);
    assert!(missing.stderr.contains(&format!("dep {file_text} does not exist")), "{}", missing.stderr);
    std::fs::write(&file, "x\n").unwrap();
    assert!(ran(&sandbox));
    assert_eq!(sandbox.read("out"), "x\ny\n");
    let lock = sandbox.read("pipeline.lock");
    assert!(lock.contains(&format!("    - outside: {file_text}\n      digest: blake3:")), "{lock}");
    assert!(lock.contains(&format!("    - outside: {folder_text}\n")), "{lock}");
    assert!(!ran(&sandbox));
    std::fs::write(outside.join("folder/y"), "z\n").unwrap();
    let status = sandbox.ok(["status"]);
    assert!(status.stdout.contains(&format!("  dep {folder_text} changed: ")), "{}", status.stdout);
    assert!(ran(&sandbox));
    // Same size, and the time put back: seen all the same.
    let time = std::fs::metadata(&file).unwrap().modified().unwrap();
    std::fs::write(&file, "X\n").unwrap();
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
    assert!(ran(&sandbox));
    assert_eq!(sandbox.read("out"), "X\nz\n");
    // Only what is read may lie there; and what lies in the project has a path in it, and edges.
    sandbox.write("pipeline.yaml", format!("stages:\n  a:\n    cmd: x\n    outs: [{file_text}]\n"));
    let said = sandbox.pipe(["status"]).code(2);
    assert!(said.stderr.contains("is an absolute path"), "{}", said.stderr);
    assert!(said.stderr.contains("hint: what a stage writes lies in the project"), "{}", said.stderr);
    let inside = sandbox.root().canonicalize().unwrap().join("in.csv");
    sandbox.write("pipeline.yaml", format!("stages:\n  a:\n    cmd: x\n    deps: [{}]\n", inside.display()));
    let said = sandbox.pipe(["status", "-q"]).code(2);
    assert!(said.stderr.contains("lies in the project: write it as `in.csv`"), "{}", said.stderr);
}

#[test]
fn a_file_url_is_a_path_outside() {
    let sandbox = Sandbox::new();
    let file = sandbox.root().with_file_name("a b.csv");
    std::fs::write(&file, "1\n").unwrap();
    let url = format!("file://{}", file.display()).replace(' ', "%20");
    sandbox.write(
        "pipeline.yaml",
        format!("stages:\n  a:\n    cmd: echo x > out\n    deps: ['{url}']\n    outs: [out]\n"),
    );
    assert!(ran(&sandbox));
    assert!(sandbox.read("pipeline.lock").contains(&format!("- outside: {}\n", file.display())));
    assert!(!ran(&sandbox));
    std::fs::write(&file, "2\n").unwrap();
    assert!(ran(&sandbox));
    sandbox.write("pipeline.yaml", "stages:\n  a:\n    cmd: x\n    deps: ['s3://bucket/x']\n");
    let said = sandbox.pipe(["status"]).code(2);
    assert!(said.stderr.contains("use http, https, file or remote"), "{}", said.stderr);
}

#[test]
fn lists_and_runs_name_deps_of_every_sort() {
    let sandbox = Sandbox::new();
    let outside = sandbox.root().with_file_name("outside.csv");
    std::fs::write(&outside, "1\n").unwrap();
    let outside_text = outside.display().to_string();
    sandbox.write(
        "pipeline.yaml",
        format!(
            "stages:\n  a:\n    cmd: echo x > out\n    deps: [in, '{outside_text}', {{glob: 'raw/*.json', exclude: ['raw/t*', '**/b*']}}]\n    outs: [out]\n"
        ),
    );
    sandbox.write("in", "1\n");
    sandbox.write("raw/a.json", "1\n");
    assert_eq!(
        sandbox.json(["stage", "list", "--json"])[0]["deps"],
        json!(["in", {"glob": "raw/*.json", "exclude": ["raw/t*", "**/b*"]}, outside_text])
    );
    assert!(ran(&sandbox));
    std::fs::write(&outside, "2\n").unwrap();
    sandbox.write("raw/a.json", "2\n");
    assert!(ran(&sandbox));
    let names = |list: &serde_json::Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&sandbox.stage_run("a")["inputs"]), [&outside_text, "in", "raw/*.json"]);
    assert_eq!(names(&sandbox.json(["diff", "a", "--json"])[0]["deps"]), [&outside_text, "raw/*.json"]);
}

/// A server of one resource, whose answers to HEAD the test chooses. It ends with the test.
#[cfg(feature = "http")]
mod server {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::sync::{Arc, Mutex};

    pub struct Server {
        pub address: SocketAddr,
        answers: Arc<Mutex<[String; 2]>>,
    }

    impl Server {
        pub fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let answers = Arc::new(Mutex::new([String::new(), String::new()]));
            let shared = Arc::clone(&answers);
            std::thread::spawn(move || {
                for connection in listener.incoming() {
                    let mut connection = connection.unwrap();
                    let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
                    // Some connect and ask for nothing.
                    let Some(Ok(first)) = lines.next() else { continue };
                    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                    let [head, get] = shared.lock().unwrap().clone();
                    let answer = if first.starts_with("HEAD ") { head } else { get };
                    let has_body = answer.contains("\r\n\r\n");
                    let end = if has_body { "" } else { "\r\nConnection: close\r\n\r\n" };
                    let _ = write!(connection, "HTTP/1.1 {answer}{end}");
                }
            });
            Server { address, answers }
        }

        /// What it answers to HEAD and to GET from now on: status, then header lines.
        pub fn answer(&self, head: &str, get: &str) {
            *self.answers.lock().unwrap() = [head.replace('\n', "\r\n"), get.replace('\n', "\r\n")];
        }
    }
}

#[cfg(feature = "http")]
#[test]
fn a_server_is_asked_and_believed() {
    let sandbox = Sandbox::new();
    let server = server::Server::start();
    let url = format!("http://{}/x.csv", server.address);
    sandbox.write(
        "pipeline.yaml",
        format!(
            "stages:\n  a:\n    cmd: echo x > out\n    deps: ['{url}']\n    outs: [out]\n  b:\n    cmd: echo y > other\n    deps: [in]\n    outs: [other]\n"
        ),
    );
    sandbox.write("in", "1\n");
    let pipe = |arguments: &[&str]| {
        let mut command = sandbox.pipe_command(arguments);
        for name in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(name);
        }
        sandbox.finish(command)
    };
    let stale = |expected: bool| {
        let said = pipe(&["status"]).code(0);
        assert_eq!(said.stdout.contains(&format!("  dep {url} changed: ")), expected, "{}", said.stdout);
        pipe(&["repro"]).code(0);
    };
    server.answer("200 OK\nETag: \"1\"\nContent-Length: 5", "");
    assert!(pipe(&["repro"]).code(0).stderr.contains("2 ran"));
    let lock = sandbox.read("pipeline.lock");
    assert!(lock.contains(&format!("    - url: {url}\n      digest: blake3:")), "{lock}");
    assert!(lock.contains("      size: 5\n"), "{lock}");
    stale(false);
    // The tag counts before all else.
    server.answer("200 OK\nETag: \"1\"\nLast-Modified: now\nContent-Length: 5", "");
    stale(false);
    server.answer("200 OK\nETag: \"2\"\nContent-Length: 5", "");
    stale(true);
    // Without a tag, time and length do.
    server.answer("200 OK\nLast-Modified: now\nContent-Length: 5", "");
    stale(true);
    stale(false);
    server.answer("200 OK\nLast-Modified: now\nContent-Length: 6", "");
    stale(true);
    // Who does not answer to HEAD is asked for one byte.
    server.answer(
        "405 Method Not Allowed",
        "206 Partial Content\nLast-Modified: now\nContent-Range: bytes 0-0/6\nContent-Length: 0",
    );
    stale(false);
    // What cannot be told is told, with the URL, and hinders no other stage.
    for (answer, message) in [
        ("200 OK\nContent-Length: 5", "neither its ETag"),
        ("503 Service Unavailable", "the server answers 503"),
        ("404 Not Found", "does not exist"),
    ] {
        server.answer(answer, "");
        sandbox.write("in", format!("{answer}\n"));
        let said = pipe(&["status"]).code(2);
        assert!(said.stdout.contains(message) && said.stdout.contains(&url), "{}", said.stdout);
        assert_eq!(said.stderr, "", "said once");
        assert!(said.stdout.contains("a: cannot be told"), "{}", said.stdout);
        assert!(said.stdout.contains("b: stale\n  dep in changed"), "{}", said.stdout);
    }
    // Nobody answers: the sandbox has no way to the network.
    let offline = sandbox.pipe(["status"]).code(2);
    assert!(offline.stdout.contains(&format!("failed to ask about {url}: ")), "{}", offline.stdout);
    assert!(offline.stdout.contains("a: cannot be told"), "{}", offline.stdout);
}

/// A folder that is read may be a repository: what its tools keep for themselves is no input.
#[test]
fn what_tools_keep_in_a_folder_is_no_input() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  s:\n    cmd: cat in/a > out; echo x >> in/.git/index\n    deps: [in]\n    outs: [out]\n  o:\n    cmd: mkdir made; mkdir made/.git; touch made/.git/x\n    outs: [made]\n",
    );
    for file in ["a", ".git/config", "sub/.GIT", "sub/.dvc/config", "sub/.pipe/x"] {
        sandbox.write(&format!("in/{file}"), "1");
    }
    sandbox.ok(["repro", "s"]);
    sandbox.write("in/.git/config", "2");
    assert!(sandbox.ok(["repro", "s"]).stderr.contains("up to date"));
    sandbox.write("in/a", "2");
    assert!(sandbox.ok(["repro", "s"]).stderr.contains("1 ran"));
    // What a stage writes would lose it.
    sandbox.pipe(["repro", "o"]).code(2).tells(&["keeps for itself"]);
}

#[test]
fn what_lies_in_a_remote_is_an_input_too() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  count:\n    cmd: wc -l < ../store/sub/x > count\n    deps: ['remote://store/sub/x']\n    outs: [count]\n",
    );
    sandbox.pipe(["repro"]).code(2).tells(&["there is no remote `store`"]);
    sandbox.ok(["remote", "add", "store", "../store"]);
    sandbox.pipe(["repro"]).code(2);
    sandbox.write("../store/sub/x", "1\n");
    assert!(ran(&sandbox));
    assert!(
        sandbox.read("pipeline.lock").contains("    - remote: remote://store/sub/x\n      digest: blake3:")
    );
    assert!(!ran(&sandbox));
    // Where the remote lies is no input, and what it holds is.
    std::fs::rename(sandbox.path("../store"), sandbox.path("../elsewhere")).unwrap();
    sandbox.ok(["remote", "modify", "store", "url", "../elsewhere"]);
    assert!(!ran(&sandbox));
    sandbox.append("../elsewhere/sub/x", "2\n");
    assert!(sandbox.ok(["status"]).stdout.contains("dep remote://store/sub/x changed"));
    sandbox.write("pipeline.yaml", sandbox.read("pipeline.yaml").replace("sub/x'", "../x'"));
    sandbox.pipe(["status"]).code(2).tells(&["names nothing in a remote"]);
}

/// As DVC records them, so that either tool takes the other's word.
#[cfg(feature = "http")]
#[test]
fn dvc_records_what_a_server_tells() {
    use crate::dvc_tool::{Dvc, pipe, project, stale};
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = [project(&mut dvc), project(&mut dvc)];
    let server = server::Server::start();
    let answer = |header: &str| {
        let answer = |length: u8| format!("200 OK\nContent-Length: {length}\n{header}");
        server.answer(&answer(6), &answer(0));
    };
    for sandbox in [&ours, &theirs] {
        sandbox.write("in", "1\n");
        let url = format!("http://{}/x", server.address);
        sandbox.write(
            "dvc.yaml",
            format!("stages:\n  a:\n    cmd: echo x > out\n    deps: [in, '{url}']\n    outs: [out]\n"),
        );
    }
    for tag in ["ETag: \"one\"", "ETag: W/\"two\"", "Content-MD5: sQqNsWTgdUEFt6mb5y4/5Q=="] {
        answer(tag);
        assert!(stale(&ours).contains("a") && dvc.stale(&ours).contains("a"), "{tag}");
        pipe(&ours, &["repro"]).code(0);
        dvc.ok(&theirs, &["repro"]);
        assert_eq!(ours.read("dvc.lock"), theirs.read("dvc.lock"));
        assert!(dvc.stale(&ours).is_empty() && stale(&theirs).is_empty(), "{tag}");
        assert_eq!(ours.files(".dvc/cache/runs"), theirs.files(".dvc/cache/runs"), "there are none");
    }
}

/// Data of a pointer that is not frozen follows its source, as a stage does what it reads.
#[cfg(feature = "http")]
#[test]
fn imports_that_are_not_frozen_follow_their_source_as_in_dvc() {
    use crate::dvc_tool::{Dvc, pipe, project, stale};
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = [project(&mut dvc), project(&mut dvc)];
    let server = server::Server::start();
    let answer = |tag: &str, body: &str| {
        let head = format!("200 OK\nETag: \"{tag}\"\nContent-Length: {}", body.len());
        server.answer(&head, &format!("{head}\nConnection: close\n\n{body}"));
    };
    let url = format!("http://{}/in/x.csv", server.address);
    answer("1", "one");
    for sandbox in [&ours, &theirs] {
        sandbox.write("../outside/file", "1\n");
        sandbox.write("dvc.yaml", "stages:\n  a: {cmd: cat x file > out, deps: [x, file], outs: [out]}\n");
        dvc.ok(sandbox, &["import-url", &url, "x"]);
        dvc.ok(sandbox, &["import-url", "../outside/file"]);
        dvc.ok(sandbox, &["repro", "-q"]);
    }
    let both = |dvc: &mut Dvc, expected: &[&str]| {
        let theirs: Vec<String> = dvc.stale(&ours).into_iter().collect();
        assert_eq!(theirs, expected);
        assert_eq!(stale(&ours).into_iter().collect::<Vec<_>>(), expected);
    };
    // Frozen data stays whatever its source does; one whose key is gone or says no follows it.
    answer("2", "two");
    ours.write("../outside/file", "2\n");
    theirs.write("../outside/file", "2\n");
    both(&mut dvc, &[]);
    for sandbox in [&ours, &theirs] {
        sandbox.edit("x.dvc", "frozen: true", "frozen: false");
        sandbox.edit("file.dvc", "frozen: true\n", "");
    }
    both(&mut dvc, &["file.dvc", "x.dvc"]);
    let said = pipe(&ours, &["status"]).code(0).stdout;
    assert!(said.contains("has other data now: `pipe update x.dvc`"), "{said}");
    pipe(&ours, &["status", "-q"]).code(1);
    assert_eq!(pipe(&ours, &["status", "--no-updates"]).code(0).stdout, "Everything is up to date.\n");
    pipe(&ours, &["repro", "--dry"]).code(0);
    assert_eq!(ours.read("x"), "one", "a dry run brings nothing");
    pipe(&ours, &["repro"]).code(0).tells(&["Updated x", "Updated file", "a"]);
    dvc.ok(&theirs, &["repro", "-q", "-R", "."]);
    for sandbox in [&ours, &theirs] {
        assert_eq!(sandbox.read("out"), "two2\n");
    }
    both(&mut dvc, &[]);
    assert!(stale(&theirs).is_empty());
    pipe(&ours, &["repro"]).code(0).tells(&["Everything is up to date"]);
    // What is the same is not brought again, whoever asks.
    pipe(&ours, &["update", "x"]).code(0).tells(&["Unchanged: x"]);
    // A server that is away hides nothing else, and a reproduction says so.
    server.answer("500 Oh\nContent-Length: 0", "500 Oh\nContent-Length: 0");
    for words in [&["status"][..], &["status", "--json"], &["status"], &["status", "-q"]] {
        let said =
            pipe(&ours, words).code(2).tells(&["it is not known whether", "`--no-updates` does not ask"]);
        assert!(!said.stdout.contains("Everything is up to date"), "{}", said.stdout);
    }
    pipe(&ours, &["status", "-q", "--no-updates"]).code(0);
    pipe(&ours, &["repro"]).code(2).tells(&["failed to bring"]);
    assert_eq!(ours.read("x"), "two");
    // Where a server tells nothing else, the size counts.
    let plain = |time: &str, body: &str| {
        let head = format!("200 OK\nLast-Modified: {time}\nContent-Length: {}", body.len());
        server.answer(&head, &format!("{head}\nConnection: close\n\n{body}"));
    };
    plain("Sun, 01 Jan 2023 00:00:00 GMT", "four");
    dvc.ok(&ours, &["import-url", "-f", &url, "x"]);
    dvc.ok(&ours, &["repro", "-q"]);
    ours.edit("x.dvc", "frozen: true\n", "");
    both(&mut dvc, &[]);
    plain("Mon, 02 Jan 2023 00:00:00 GMT", "fifth");
    both(&mut dvc, &["x.dvc"]);
}

/// An import of a URL is written as DVC writes it, brought back as it was, and updated when it is asked for.
#[cfg(feature = "http")]
#[test]
fn what_a_server_has_is_imported_and_updated() {
    use crate::dvc_tool::{Dvc, pipe, project};
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = [project(&mut dvc), project(&mut dvc)];
    let server = server::Server::start();
    let answer = |tag: &str, body: &str| {
        let head = format!("200 OK\nETag: \"{tag}\"\nContent-Length: {}", body.len());
        server.answer(&head, &format!("{head}\nConnection: close\n\n{body}"));
    };
    let url = format!("http://{}/in/x.csv", server.address);
    answer("1", "one");
    for arguments in [&["import-url", &url, "x"][..], &["import-url", "--no-download", &url, "y"]] {
        pipe(&ours, arguments).code(0);
        dvc.ok(&theirs, arguments);
    }
    let same = || {
        for pointer in ["x.dvc", "y.dvc"] {
            // What comes anew is appended there.
            let lines = |sandbox: &Sandbox| {
                let mut lines: Vec<String> =
                    sandbox.read(pointer).lines().map(|line| line.replacen("- ", "  ", 1)).collect();
                lines.sort();
                lines
            };
            assert_eq!(lines(&ours), lines(&theirs));
        }
    };
    same();
    assert_eq!(ours.read("x"), "one");
    assert!(!ours.exists("y"));
    ours.remove(".dvc/cache");
    ours.remove("x");
    pipe(&ours, &["pull", "x"]).code(0);
    assert_eq!(ours.read("x"), "one");
    pipe(&ours, &["update", "x"]).code(0).tells(&["Unchanged: x"]);
    answer("2", "two");
    pipe(&ours, &["update"]).code(0).tells(&["Updated x", "Updated y"]);
    dvc.ok(&theirs, &["update", "x.dvc", "y.dvc"]);
    same();
    assert_eq!(ours.read("x") + &ours.read("y"), "twotwo");
    // What the server has is another now than what was recorded.
    answer("3", "three");
    ours.remove(".dvc/cache");
    ours.remove("x");
    pipe(&ours, &["pull", "x"]).code(1).tells(&["holds other bytes now than x.dvc records"]);
    // A part of it is nothing.
    server.answer(
        "200 OK\nETag: \"4\"\nContent-Length: 900",
        "200 OK\nETag: \"4\"\nContent-Length: 900\n\nfour",
    );
    pipe(&ours, &["update", "x"]).code(2).tells(&["failed to fetch"]);
    server.answer("404 Not Found\nContent-Length: 0", "404 Not Found\nContent-Length: 0");
    pipe(&ours, &["update", "x"]).code(2).tells(&["the server has nothing at"]);
    // Ours tells the same in a pointer of ours.
    let native = Sandbox::new();
    native.ok(["init"]);
    answer("1", "one");
    let mut command = native.pipe_command(["import-url", &format!("{url}?a=1")]);
    command.env("no_proxy", "127.0.0.1");
    native.finish(command).code(0);
    assert_eq!(native.read("x.csv"), "one");
    assert!(native.read("x.csv.pipe").contains("checksum: '\"1\"'"), "{}", native.read("x.csv.pipe"));
}
