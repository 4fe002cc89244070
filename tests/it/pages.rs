//! Pages of `pipe ui`: what they show, in which order, and what becomes of hostile names.

use serde_json::{Value as Json, json};

use crate::harness::Sandbox;
use crate::mlflow_tool::{Answer, Served};

/// A name that would be markup, a script, and a turn of the writing direction.
const HOSTILE: &str = "<script>alert(1)</script> \"><img src=x> 100% & 'é' \u{202e}#?";

/// A page as a browser asks for it.
fn browse(served: &Served, path: &str) -> Answer {
    served.ask("GET", path, &[("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")], b"")
}

/// A page that must be there, and in which nothing of others runs.
#[track_caller]
fn shown(served: &Served, path: &str) -> String {
    let page = browse(served, path);
    let text = page.text();
    assert_eq!(page.status, 200, "{path}: {text}");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(!text.contains("<script>alert") && !text.contains("<img"), "{text}");
    assert!(!text.contains('\u{202e}'), "what turns the direction of writing is shown: {text}");
    text
}

/// A run with a metric of some points, and a param.
fn run(served: &Served, name: &str, values: &[f64], seed: &str) -> String {
    let made = served.ok("runs/create", json!({"experiment_id": "0", "start_time": 1, "run_name": name}));
    let id = made["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    let metrics: Vec<Json> = (0_i64..)
        .zip(values)
        .map(|(step, value)| json!({"key": "val loss", "value": value, "timestamp": 1, "step": step}))
        .collect();
    let params = json!([{"key": "seed", "value": seed}, {"key": "same", "value": "x"}]);
    served.ok("runs/log-batch", json!({"run_id": id, "metrics": metrics, "params": params}));
    id
}

/// Where in a text some others stand, in their order.
#[track_caller]
fn places(text: &str, wanted: &[&str]) -> Vec<usize> {
    wanted.iter().map(|word| text.find(word).unwrap_or_else(|| panic!("no {word} in {text}"))).collect()
}

/// A link in a page, as its address: the first whose text begins so.
fn link(text: &str, name: &str) -> String {
    let before = text.split(&format!("\">{name}")).next().expect("a text");
    let address = before.rsplit("href=\"").next().expect("an address");
    address.replace("&amp;", "&")
}

#[test]
fn runs_are_ordered_filtered_and_walked_through() {
    let served = Served::start();
    for (name, last) in [("middle", 0.5), ("least", 0.125), ("most", 2.0)] {
        run(&served, name, &[9.0, last], "7");
    }
    run(&served, HOSTILE, &[], "8");
    let newest = shown(&served, "/");
    let order = link(&newest, "val loss");
    let greatest = shown(&served, &order);
    assert!(places(&greatest, &[">most<", ">middle<", ">least<"]).is_sorted(), "{greatest}");
    assert!(greatest.contains("val loss ▼"), "{greatest}");
    let least = shown(&served, &link(&greatest, "val loss ▼"));
    assert!(places(&least, &[">least<", ">middle<", ">most<"]).is_sorted(), "{least}");
    // A filter and an order hold together, here and on the page of an experiment.
    for list in ["/", "/experiments/0"] {
        let found = shown(
            &served,
            &format!("{list}?filter=metrics.%60val+loss%60+%3E+0.2&order_by=metrics.%60val+loss%60+ASC"),
        );
        assert!(places(&found, &[">middle<", ">most<"]).is_sorted() && !found.contains(">least<"), "{found}");
        assert!(found.contains("value=\"metrics.`val loss` &gt; 0.2\""), "{found}");
        let refused = shown(&served, &format!("{list}?filter=%3Cimg+src%3Dx%3E&order_by=%22%3E%3Cimg%3E"));
        assert!(refused.contains("The filter is not used") && refused.contains("The order is not used"));
        assert!(shown(&served, &format!("{list}?from=nonsense")).contains(">most<"));
        assert!(shown(&served, &format!("{list}?from=18446744073709551615")).contains("No run matches."));
    }
    for number in 0..101 {
        served.ok(
            "runs/create",
            json!({"experiment_id": "0", "start_time": 1000 + number, "run_name": format!("n{number}.")}),
        );
    }
    // Below a long list nobody sees the button.
    let head = ["<form method=\"get\" action=\"/compare\">\n<p><button>", "<table>"];
    assert_eq!(newest.matches("<button>Compare").count(), 1, "{newest}");
    let first = shown(&served, "/?filter=name+like+%27%25.%27");
    assert_eq!(first.matches("<button>Compare").count(), 2, "{first}");
    assert!(places(first.split_once("<h2>Runs").expect("runs").1, &head).is_sorted(), "{first}");
    assert!(first.contains(">n100.<") && !first.contains(">n0.<") && !first.contains("previous"), "{first}");
    let second = shown(&served, &link(&first, "next"));
    assert!(second.contains(">n0.<") && !second.contains(">n1.<") && !second.contains("next"), "{second}");
    assert!(shown(&served, &link(&second, "← previous")).contains(">n100.<"));
}

#[test]
fn runs_are_compared() {
    let served = Served::start();
    let long = format!("{}END", "word ".repeat(100));
    let ids = [
        run(&served, HOSTILE, &[3.0, 0.1], &long),
        run(&served, "second", &[2.0, 0.1 + 1e-12], "2"),
        run(&served, "third", &[1.0, 0.2], "2"),
    ];
    let chosen = |ids: &[String]| ids.iter().map(|id| format!("run={id}&")).collect::<String>();
    let page = shown(&served, &format!("/compare?{}", chosen(&ids)));
    assert!(page.contains("&lt;script&gt;alert") && page.contains(">second<"), "{page}");
    assert!(
        page.contains("params.seed") && !page.contains("params.same"),
        "what is equal is left out: {page}"
    );
    assert!(page.contains("<details>") && page.contains("END"), "a long value is there for who opens it");
    // One chart with a line for each run.
    assert_eq!(page.matches("<svg").count(), 1, "{page}");
    assert!(page.contains(&format!("third {}", &ids[2][24..])), "{page}");
    let all = shown(&served, &link(&page, "Show 5 equal rows too"));
    assert!(all.contains(">params.same<") && all.contains("* params.seed"), "{all}");
    // Digits enough to see that two values differ, also beside others.
    assert!(page.contains("0.100000000001"), "{page}");
    let two = shown(&served, &format!("/compare?{}", chosen(&ids[..2])));
    assert!(two.contains("0.100000000001"), "{two}");
    for few in ["/compare", "/compare?run=x", &format!("/compare?run={0}&run={0}", ids[0])] {
        assert!(shown(&served, few).contains("Choose two runs at least"), "{few}");
    }
    let unknown = browse(&served, &format!("/compare?run={}&run=%3Cimg%3E", ids[0]));
    assert_eq!(unknown.status, 404);
    assert!(unknown.text().contains("Run with id=&lt;img&gt; not found"), "{}", unknown.text());
    let many: String = (0..30).map(|_| format!("run={}&", served.run())).collect();
    assert!(shown(&served, &format!("/compare?{many}")).contains("Only the first 20"));
}

#[test]
fn a_comparison_leaves_out_tags_that_keep_books() {
    let served = Served::start();
    let ids = ["a", "b"].map(|name| run(&served, name, &[], "1"));
    for (id, text) in ids.iter().zip(["1", "2"]) {
        for key in ["mlflow.source.name", "mlflow.note.content", "mine"] {
            served.ok("runs/set-tag", json!({"run_id": id, "key": key, "value": text}));
        }
    }
    let page = shown(&served, &format!("/compare?run={}&run={}", ids[0], ids[1]));
    assert!(page.contains(">tags.mine<") && page.contains(">tags.mlflow.note.content<"), "{page}");
    assert!(!page.contains("mlflow.source"), "{page}");
    let all = shown(&served, &link(&page, "Show "));
    assert!(page.contains(" of pipe and MLflow too</a>"), "{page}");
    assert!(all.contains("tags.mlflow.source.name<"), "{all}");
    assert!(!all.contains("of pipe and MLflow"), "{all}");
}

#[test]
fn rows_named_alike_are_told_apart() {
    let served = Served::start();
    let first = run(&served, "same", &[], "1");
    let second = run(&served, "same", &[], "1");
    let page = shown(&served, "/");
    for id in [&first, &second] {
        assert!(page.contains(&format!(">{}</td>", &id[24..])), "{id} in {page}");
    }
    assert!(!page.contains(">experiment</th>"), "of one experiment alone: {page}");
    let other = served.ok("experiments/create", json!({"name": HOSTILE}))["experiment_id"].clone();
    served.ok("runs/create", json!({"experiment_id": other, "start_time": 2, "run_name": "same"}));
    let page = shown(&served, "/");
    assert!(
        page.contains(">experiment</th>") && page.matches("href=\"/experiments/0\"").count() == 3,
        "{page}"
    );
    assert!(!shown(&served, "/experiments/0").contains(">experiment</th>"));
}

#[test]
fn a_deleted_experiment_says_so() {
    let served = Served::start();
    let id = served.ok("experiments/create", json!({"name": "old"}))["experiment_id"].clone();
    let run = || {
        let made = served.ok("runs/create", json!({"experiment_id": id, "start_time": 1}));
        made["run"]["info"]["run_id"].as_str().unwrap().to_owned()
    };
    let (first, _) = (run(), run());
    let address = format!("/experiments/{}", id.as_str().unwrap());
    assert!(!shown(&served, &address).contains("deleted"));
    served.ok("experiments/delete", json!({"experiment_id": id}));
    let page = shown(&served, &address);
    assert!(page.contains("This experiment is deleted, with 2 runs."), "{page}");
    assert!(page.contains("`pipe experiments restore 1`") && !page.contains("There is no run yet"), "{page}");
    // A run that a client brought back alone is there.
    served.ok("runs/restore", json!({"run_id": first}));
    let page = shown(&served, &address);
    assert!(page.contains("deleted, with 1 run.") && page.contains(&format!("/runs/{first}")), "{page}");
}

#[test]
fn registered_models_have_pages() {
    let served = Served::start();
    assert!(shown(&served, "/models").contains("There is no registered model yet."));
    let run = run(&served, HOSTILE, &[1.0], "1");
    // No `/` and no `:` in the name of a model.
    let name = HOSTILE.replace("</", "<");
    let tags = json!([{"key": "task", "value": HOSTILE}]);
    served.ok(
        "registered-models/create",
        json!({"name": name, "description": format!("{HOSTILE}\nsecond line"), "tags": tags}),
    );
    served.ok("registered-models/create", json!({"name": "other"}));
    for _ in 0..2 {
        let source = format!("runs:/{run}/<img>");
        served.ok(
            "model-versions/create",
            json!({"name": name, "source": source, "run_id": run, "tags": tags}),
        );
    }
    served.ok("registered-models/alias", json!({"name": name, "alias": "champion", "version": "1"}));
    let stage = json!({"name": name, "version": "2", "stage": "Staging", "archive_existing_versions": false});
    served.ok("model-versions/transition-stage", stage);
    let list = shown(&served, "/models");
    assert!(list.contains("@champion → 1") && list.contains(">other<"), "{list}");
    let one = shown(&served, &link(&list, "&lt;script"));
    let expected = ["second line", "task", "2 versions", "Staging", "@champion", &format!("/runs/{run}")];
    assert!(expected.iter().all(|text| one.contains(text)), "{one}");
    assert!(places(&one, &["Staging", "@champion"]).is_sorted(), "the newest first: {one}");
    // Each version has a page of its own, with what its run logged.
    let version = shown(&served, &link(&one, "1<"));
    let expected = [", version 1</h1>", "@champion", &format!("/runs/{run}"), "task", ">seed<", ">val loss<"];
    assert!(expected.iter().all(|text| version.contains(text)), "{version}");
    assert!(shown(&served, &format!("/runs/{run}")).contains(&format!("{}\"", link(&one, "1<"))));
    let filtered = shown(&served, "/models?filter=name+%3D+%27other%27");
    assert!(filtered.contains(">other<") && !filtered.contains("champion"), "{filtered}");
    assert!(shown(&served, "/models?filter=%3Cimg%3E").contains("The filter is not used"));
    for gone in [
        "/models/none",
        "/models/other/versions/1",
        "/models/other/versions/x",
        "/models/none/versions/1",
        "/models/%2e%2e%2fetc",
        "/models/%FF",
        "/models/a%00b",
    ] {
        let page = browse(&served, gone);
        assert!(matches!(page.status, 400 | 404), "{gone}: {page:?}");
    }
}

#[test]
fn a_run_says_what_it_read_wrote_and_measured() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  first:\n    cmd: echo 1 > made\n    outs: [made]\n  second:\n    cmd: cp made out && pipe log metric \
         loss 3 --step 1 && pipe log metric loss 1 --step 2 && pipe log metric loss 2 --step 3 && pipe log model out \
         --register net\n    deps: [made]\n    outs: [out]\n",
    );
    sandbox.ok(["repro"]);
    let run = |stage: &str| sandbox.stage_run(stage);
    let (first, second) = (run("first"), run("second"));
    let digest = second["inputs"][0]["digest"].as_str().unwrap().to_owned();
    let id = |run: &Json| run["run_id"].as_str().unwrap().to_owned();
    let (first, id, parent) = (id(&first), id(&second), second["parent"].as_str().unwrap().to_owned());
    let served = Served::with(sandbox, &["--no-token"]);
    let huge = format!("{}END", "x".repeat(3000));
    let data = json!({"name": "iris", "digest": "d1", "source_type": "local", "source": "/data/iris.csv"});
    let tags = json!([{"key": "mlflow.data.context", "value": "training"}]);
    served.ok("runs/log-inputs", json!({"run_id": id, "datasets": [{"dataset": data, "tags": tags}]}));
    served.ok("runs/set-tag", json!({"run_id": id, "key": "note", "value": format!("a\u{202e}b\u{7}")}));
    served.ok("runs/set-tag", json!({"run_id": id, "key": "mlflow.note.content", "value": "first\nsecond"}));
    served.ok("runs/log-parameter", json!({"run_id": id, "key": "huge", "value": huge}));
    let page = shown(&served, &format!("/runs/{id}"));
    assert!(
        places(&page, &[">Inputs<", ">made<", &digest, ">Data sets<", ">iris<", ">Outs<", ">out<"])
            .is_sorted()
    );
    for text in [
        &format!("/runs/{first}\">first "),
        &format!("/runs/{parent}\">repro "),
        "<pre>first\nsecond</pre>",
        "training",
        "/models/net/versions/1",
        "<td class=\"number\">2</td><td class=\"number\">1</td><td class=\"number\">3</td><td class=\"number\">3</td>",
        r"a\u{202e}b\u{7}",
        "… (3003 characters)</summary>",
        "xEND</pre>",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    // Of more metrics than a list has room for, those are there that most runs have, in the order of the alphabet.
    for at in 0..12 {
        served.ok(
            "runs/log-metric",
            json!({"run_id": id, "key": format!("a{at:02}"), "value": 1, "timestamp": 1}),
        );
        served.ok(
            "runs/log-metric",
            json!({"run_id": first, "key": format!("z{at}"), "value": 1, "timestamp": 1}),
        );
        served.ok(
            "runs/log-metric",
            json!({"run_id": parent, "key": format!("z{at}"), "value": 1, "timestamp": 1}),
        );
    }
    let list = shown(&served, "/");
    assert!(
        places(&list, &[">z0<", ">z1<", ">z10<", ">z2<", ">z5<"]).is_sorted() && !list.contains(">a00<"),
        "{list}"
    );
    let told = "Columns for 8 of 25 metrics: those that most of these runs have";
    assert!(list.contains(told) && !list.contains("Fewer columns"), "{list}");
    // All have columns where they are asked for, in any order and with any filter.
    let ordered = shown(&served, "/?order_by=start_time+ASC&filter=duration+%3E%3D+0");
    let whole = shown(&served, &link(&ordered, "All columns"));
    assert!(whole.contains(">a00<") && whole.contains(">z11<") && !whole.contains(told), "{whole}");
    assert!(whole.contains("start ▲") && whole.contains("value=\"duration &gt;= 0\""), "{whole}");
    assert!(whole.contains("<input type=\"hidden\" name=\"columns\" value=\"all\">"), "{whole}");
    assert!(shown(&served, &link(&whole, "a00")).contains("a00 ▼"));
    let fewer = shown(&served, &link(&whole, "Fewer columns"));
    assert!(fewer.contains(told) && fewer.contains("start ▲"), "{fewer}");
    // One run with many has no columns for some, though no other run has more.
    let one = shown(&served, "/?filter=metrics.a00+%3D+1");
    assert!(one.contains("Columns for 8 of 13 metrics: "), "{one}");
}

/// A pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\
    \0\0\0\nIDAT\x08\xd7c`\0\0\0\x02\0\x01\xe2!\xbc3\0\0\0\0IEND\xaeB`\x82";

#[test]
fn a_run_of_a_client_shows_its_parent_its_images_and_its_note_once() {
    let served = Served::start();
    let (parent, child) = (run(&served, "sweep", &[1.0, 2.0], "1"), run(&served, "trial", &[3.0], "2"));
    served.ok("runs/set-tag", json!({"run_id": child, "key": "mlflow.parentRunId", "value": parent}));
    served.ok("runs/set-tag", json!({"run_id": parent, "key": "mlflow.note.content", "value": "my words"}));
    let list = shown(&served, "/");
    let there = format!("<td class=\"name\"><a href=\"/runs/{parent}\">sweep</a></td>");
    assert_eq!((list.matches(&there).count(), list.matches(">part of<").count()), (2, 1), "{list}");
    // There is no stage here.
    let text = served.sandbox.ok(["runs", "show", "sweep"]).stdout;
    assert!(text.contains("\nRuns\n") && !text.contains("Stages"), "{text}");

    let params = |keys: std::ops::Range<u32>| -> Json {
        keys.map(|key| json!({"key": format!("p{key}"), "value": "1"})).collect()
    };
    served.ok("runs/log-batch", json!({"run_id": parent, "params": params(0..28)}));
    let page = shown(&served, &format!("/runs/{parent}"));
    assert!(!page.contains("<details>") && !page.contains("<figure>"), "{page}");
    assert_eq!(page.matches("my words").count(), 1, "{page}");
    served.ok("runs/log-batch", json!({"run_id": parent, "params": params(28..29)}));
    let image = "plots/a \"><b>.png";
    for (name, bytes) in [("plots/a%20%22%3E%3Cb%3E.png", PNG), ("x.svg", b"<svg/>"), ("page.html", b"<p>")] {
        let path = format!("/api/2.0/mlflow-artifacts/artifacts/0/{parent}/artifacts/{name}");
        assert_eq!(served.ask("PUT", &path, &[], bytes).status, 200);
    }
    let page = browse(&served, &format!("/runs/{parent}")).text();
    assert!(page.contains("<details><summary>31 params</summary>"), "{page}");
    assert_eq!(page.matches("<img ").count(), 1, "{page}");
    let source = page.split("<img src=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an image");
    let file = served.get(&source.replace("&amp;", "&"));
    assert_eq!((file.status, file.header("content-type")), (200, "image/png"), "{source}");
    assert_eq!(file.header("content-security-policy"), "default-src 'none'; sandbox");
    assert!(!page.contains(image) && page.contains("plots/a &quot;&gt;&lt;b&gt;.png</figcaption>"), "{page}");
}

#[test]
fn a_browser_is_shown_a_page_where_a_client_gets_json() {
    let served = Served::with(Sandbox::new(), &[]);
    let token = served.token.clone().expect("it is printed");
    let cookie =
        served.get(&format!("/?token={token}")).header("set-cookie").split(';').next().unwrap().to_owned();
    let accept = ("Accept", "text/html");
    for (path, headers, status) in [
        ("/", &[accept][..], 401),
        ("/nothing/<img>", &[accept, ("Cookie", &cookie)], 404),
        ("/get-artifact?run_uuid=x&path=y", &[accept, ("Cookie", &cookie)], 404),
        ("/runs/none", &[accept, ("Cookie", &cookie)], 404),
        ("/", &[accept, ("Host", "evil.example")], 403),
    ] {
        let page = served.ask("GET", &path.replace(['<', '>'], "%3C"), headers, b"");
        assert_eq!(
            (page.status, page.header("content-type")),
            (status, "text/html; charset=utf-8"),
            "{path}"
        );
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert!(page.text().contains("This cannot be shown") && !page.text().contains(&token), "{path}");
        assert_eq!(page.header("www-authenticate").is_empty(), status != 401, "{path}");
    }
    // What the protocol answers is JSON for everybody, and all is for who asks for no page.
    for (path, headers) in [
        ("/api/2.0/mlflow/none", &[accept, ("Cookie", &cookie)][..]),
        ("/ajax-api/2.0/mlflow/none", &[accept, ("Cookie", &cookie)]),
        ("/none", &[("Accept", "*/*"), ("Cookie", &cookie)]),
        ("/none", &[("Cookie", &cookie)]),
    ] {
        let answer = served.ask("GET", path, headers, b"");
        assert_eq!(answer.json()["error_code"], "ENDPOINT_NOT_FOUND", "{path}");
    }
}

/// MLflow decodes a name until nothing is left to decode; the pages mean the file that they name.
#[test]
fn each_file_of_a_run_is_behind_its_name() {
    let sandbox = Sandbox::new();
    let run = sandbox.ok(["runs", "start", "--name", "odd"]).stdout.trim().to_owned();
    let names = [
        "a b.txt",
        "a%20b.txt",
        "a#b.txt",
        "a?b.txt",
        "a+b.txt",
        "a%2Fb.txt",
        "%2e%2e",
        "%.txt",
        "a:b.txt",
        "a\\b.txt",
        "C:x",
        "ü é.txt",
        "日本.txt",
        "a&b=c.txt",
        "a'b\"c<i>.txt",
        " a",
    ];
    for name in names {
        sandbox.write(name, name);
        sandbox.ok(["log", "artifact", name, "--run", &run]);
        sandbox.ok(["log", "artifact", name, "--run", &run, "--as", &format!("model/{name}")]);
    }
    sandbox.ok(["models", "register", "odd", "--run", &run]);
    let served = Served::with(sandbox, &["--no-token"]);
    for (page, folder) in [(format!("/runs/{run}"), "model/"), ("/models/odd/versions/1".to_owned(), "")] {
        let page = shown(&served, &page);
        for name in names {
            let written =
                name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
            let name_of_link = format!(">{folder}{written}</a>");
            let link = page.split(&name_of_link).next().filter(|before| before.len() < page.len());
            let link = link.unwrap_or_else(|| panic!("{name}: {page}")).rsplit("href=\"").next().unwrap();
            let address = link.trim_end_matches('"').replace("&amp;", "&");
            let answer = served.get(&address);
            assert_eq!((answer.status, answer.body), (200, name.as_bytes().to_vec()), "{address}");
        }
    }
    // To clients it stays what MLflow makes of it.
    let file = |path: &str| served.get(&format!("/get-artifact?run_uuid={run}&path={path}"));
    assert_eq!(file("a%2520b.txt").body, b"a b.txt");
    assert_eq!(
        (file("a%23b.txt").status, file("a%5C..%5Cb").status, file("a%3Ab.txt").status),
        (400, 400, 200)
    );
    assert_eq!(file("..%2F..%2Fruns.db&exact=true").status, 404);
}

#[test]
fn any_folder_can_be_served_by_several_and_copied() {
    let sandbox = Sandbox::without_git();
    let place = "daten größe #1 %20 'x'";
    std::fs::create_dir_all(sandbox.path(&format!("{place}/.pipe"))).unwrap();
    let inside = |place: &str| {
        let mut command = sandbox.pipe_command(["ui", "--port", "0", "--no-token"]);
        command.current_dir(sandbox.path(place));
        command
    };
    let (one, two) = (inside(place), inside(place));
    let other = Served::of(Sandbox::without_git(), two);
    let (run, copy) = {
        let served = Served::of(Sandbox::without_git(), one);
        let run = run(&served, "both", &[1.0, 2.0], "1");
        let path = format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/a%20b/%C3%A4.txt");
        assert_eq!(served.ask("PUT", &path, &[], b"content").status, 200);
        // What one has acknowledged the other has.
        assert_eq!(other.get(&path).body, b"content");
        assert!(shown(&other, &format!("/runs/{run}")).contains("a b/ä.txt"));
        other.ok(
            "runs/log-metric",
            json!({"run_id": run, "key": "val loss", "value": 5, "timestamp": 1, "step": 9}),
        );
        let history = format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=val+loss");
        assert_eq!(served.get(&history).json()["metrics"].as_array().unwrap().len(), 3);
        let copied = sandbox.program("cp").args(["-r", place, "copy"]).status().unwrap();
        assert!(copied.success());
        (run, Served::of(Sandbox::without_git(), inside("copy")))
    };
    // The copy is another project from then on.
    copy.ok("runs/set-tag", json!({"run_id": run, "key": "moved", "value": "copy"}));
    assert!(shown(&copy, &format!("/runs/{run}")).contains("moved"));
    assert!(!shown(&other, &format!("/runs/{run}")).contains("moved"));
    let path = format!("/get-artifact?run_uuid={run}&path=a%20b/%C3%A4.txt");
    assert_eq!(copy.get(&path).body, b"content");
    let told = sandbox.program("sh").args(["-c", "! grep -rl \"größe\" copy/.pipe"]).status().unwrap();
    assert!(told.success(), "no record names the place where it was made");
}

#[test]
fn every_metric_with_a_course_has_a_chart() {
    let served = Served::start();
    let id = run(&served, "many", &[], "1");
    let log = |metrics: Vec<Json>| served.ok("runs/log-batch", json!({"run_id": id, "metrics": metrics}));
    let point = |key: &str, step: i64, value: f64| json!({"key": key, "value": value, "timestamp": step, "step": step});
    log((0..300).map(|number| point(&format!("m{number:03}"), 0, 1.0)).collect());
    log((0..10).map(|step| point("z", step, 1.0)).collect());
    // Logged twice, as `mlflow.evaluate` does: nothing to draw.
    log(vec![point("twice", 0, 0.5), json!({"key": "twice", "value": 0.5, "timestamp": 7, "step": 0})]);
    let charts = |page: &str| page.matches("<svg").count();
    let page = shown(&served, &format!("/runs/{id}"));
    assert!(
        charts(&page) == 1 && page.contains("<title>z</title>") && !page.contains("next charts"),
        "{page}"
    );
    for number in 0..70 {
        log((0..2).map(|step| point(&format!("c{number:02}"), step, 1.0)).collect());
    }
    let other = run(&served, "other", &[], "1");
    for address in [format!("/runs/{id}"), format!("/compare?run={id}&run={other}")] {
        let page = shown(&served, &address);
        assert!(charts(&page) == 60 && page.contains("Charts 1 to 60 of 71."), "{page}");
        let next = link(&page, "next charts");
        let rest = shown(&served, next.trim_end_matches("#charts"));
        assert!(charts(&rest) == 11 && rest.contains("<title>z</title>"), "{rest}");
        let back = link(&rest, "← previous charts");
        assert_eq!(charts(&shown(&served, back.trim_end_matches("#charts"))), 60);
        let beyond = shown(&served, &next.replace("=60#charts", "=18446744073709551615"));
        assert!(charts(&beyond) == 0 && beyond.contains("71 charts."), "{beyond}");
    }
}

#[test]
fn a_list_tells_of_keys_that_no_run_has() {
    let served = Served::start();
    run(&served, "one", &[1.0], "7");
    let page = shown(&served, "/?filter=metrics.nope+%3E+1+and+params.sed+%3D+7&order_by=tags.gone");
    for told in [
        "No run has a metric `nope`.",
        "No run has a param `sed`; did you mean `seed`?",
        "No run has a tag `gone`",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(!shown(&served, "/?filter=params.seed+%3D+8").contains("No run has"));
}

#[test]
fn models_are_found_by_a_word_of_their_name() {
    let served = Served::start();
    for name in ["rf-small", "clf"] {
        served.ok("registered-models/create", json!({"name": name}));
    }
    let found = shown(&served, "/models?filter=RF");
    assert!(found.contains(">rf-small<") && !found.contains(">clf<"), "{found}");
    assert!(shown(&served, "/models?filter=name+%3D+%27clf%27").contains(">clf<"));
    assert!(shown(&served, "/models?filter=name+%3D+clf").contains("The filter is not used"));
}

#[test]
fn the_note_of_an_experiment_is_what_its_page_begins_with() {
    let served = Served::start();
    let id = served.ok("experiments/create", json!({"name": "noted"}))["experiment_id"].clone();
    let list = || served.sandbox.json(["experiments", "list", "--json"]);
    let has = |text| served.sandbox.ok(["experiments", "list"]).stdout.contains(text);
    assert!(list()[1]["note"].is_null() && !has("  note\n"), "{}", list());
    assert!(!shown(&served, "/experiments/1").contains("<pre>"));
    let note = "what I tried:\n<script>alert(1)</script>";
    let tag = json!({"experiment_id": id, "key": "mlflow.note.content", "value": note});
    served.ok("experiments/set-experiment-tag", tag);
    run(&served, "one", &[1.0], "1");
    let page = shown(&served, "/experiments/1");
    assert!(
        places(&page, &[">noted</h1>", "<pre>what I tried:\n&lt;script&gt;", "name=\"filter\""]).is_sorted()
    );
    assert_eq!(list()[1]["note"], note);
    assert!(has("  note\n") && has("what I tried:\\n<script>"), "people see it where there is one");
}

#[test]
fn an_image_that_a_client_logs_in_two_sizes_is_seen_once() {
    let served = Served::start();
    let id = run(&served, "drawn", &[1.0], "1");
    let names = [10, 2].map(|step| format!("images/a~b+step+{step}+timestamp+7+0-1-2"));
    for name in &names {
        for end in [".png", "+compressed.webp"] {
            let path = format!("/api/2.0/mlflow-artifacts/artifacts/0/{id}/artifacts/{name}{end}");
            assert_eq!(served.ask("PUT", &path, &[], PNG).status, 200);
        }
    }
    let page = browse(&served, &format!("/runs/{id}")).text();
    assert!(
        places(&page, &["<figcaption>a/b, step 2</figcaption>", "<figcaption>a/b, step 10</figcaption>"])
            .is_sorted(),
        "{page}"
    );
    assert_eq!(page.matches("<figure>").count(), 2, "{page}");
    let figure = page.split("<figure>").nth(1).expect("an image");
    let address = |before: &str| {
        let found = figure.split(before).nth(1).and_then(|rest| rest.split('"').next());
        found.expect("an address").replace("&amp;", "&")
    };
    for (before, kind) in [("<a href=\"", "image/png"), ("<img src=\"", "image/webp")] {
        let file = served.get(&address(before));
        assert_eq!((file.status, file.header("content-type")), (200, kind), "{figure}");
    }
    // All files are to be had.
    assert_eq!(page.matches("+compressed.webp</a>").count(), 2, "{page}");
}
