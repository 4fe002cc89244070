//! `pipe plots show` and `pipe plots diff`.

use serde_json::json;

use crate::harness::{Sandbox, snapshot};

const PIPELINE: &str = "\
stages:
  a:
    cmd: cp source.csv history.csv; mkdir -p curves/deep; cp source.csv curves/deep/a.csv; cp icon curves/b.svg
    deps: [source.csv, icon]
    plots:
      - history.csv: {x: epoch, y: loss, title: The loss}
      - curves
";

fn source(sandbox: &Sandbox, last: &str) {
    sandbox.write("source.csv", format!("epoch,loss,note\n1,4,a\n2,nan,b\n3,{last},c\n"));
    sandbox.write("icon", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
}

fn committed() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    source(&sandbox, "2");
    sandbox.ok(["repro"]);
    sandbox.commit("first");
    sandbox
}

/// Names and revisions of what `--json` tells, as `history.csv:HEAD,workspace`.
fn told(json: &serde_json::Value) -> Vec<String> {
    let plots = json["plots"].as_array().unwrap().iter();
    let line = |plot: &serde_json::Value| {
        let parts = ["traces", "images", "matrices"].iter().find_map(|key| plot[*key].as_array());
        let revisions = parts.unwrap().iter().map(|part| part["revision"].as_str().unwrap());
        format!("{}:{}", plot["name"].as_str().unwrap(), revisions.collect::<Vec<_>>().join(","))
    };
    plots.map(line).collect()
}

/// Everything that a browser would load for the page, besides what the page holds.
fn loads(page: &str) -> Vec<String> {
    let lower = page.to_lowercase();
    let after = ["src=\"", "href=\"", "url(", "@import", "<link", "<iframe", "<base", "src='", "href='"];
    // The library builds elements at run time; what it may load is up to the policy. Its text is left out.
    let start = lower.find("<script>").unwrap_or(lower.len());
    let end = lower.find("<script type=\"application/json\"").unwrap_or(lower.len());
    let ours = lower[..start.min(end)].to_owned() + &lower[end..];
    let places = after.iter().flat_map(|mark| ours.match_indices(mark).collect::<Vec<_>>());
    let found = places.map(|(at, mark)| ours[at + mark.len()..].chars().take(40).collect::<String>());
    found.filter(|address| !address.starts_with("data:")).collect()
}

#[test]
fn shows_files_and_folders_in_one_page_that_loads_nothing() {
    let sandbox = committed();
    snapshot!(sandbox.pipe(["plots", "show"]), @"
    exit: 0
    --- stdout
    file://ROOT/pipe_plots/index.html
    ");
    let page = sandbox.read("pipe_plots/index.html");
    assert_eq!(loads(&page), Vec::<String>::new());
    for part in ["default-src 'none'", "The loss", "curves/deep/a.csv", "plotly.js (basic - minified)"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.contains("src=\"data:image/svg+xml;base64,"));
    assert!(page.contains("[4.0,null,2.0]"), "a gap is null");
    // Drawings are nothing for git.
    assert_eq!(sandbox.git(["status", "--porcelain"]), "");
    let names = told(&sandbox.json(["plots", "show", "--json"]));
    let expected = ["curves/b.svg:workspace", "curves/deep/a.csv:workspace", "history.csv:workspace"];
    assert_eq!(names, expected);
    assert_eq!(told(&sandbox.json(["plots", "show", "--json", "curves/deep"])), [expected[1]]);
}

#[test]
fn draws_in_the_terminal_and_as_svg() {
    let sandbox = committed();
    snapshot!(sandbox.pipe(["plots", "show", "--format", "text", "history.csv"]), @"
    exit: 0
    --- stdout
    The loss (history.csv)
    series  course  first  last  least  most  points
    loss    █ ▁         4     2      2     4       3
    ");
    snapshot!(sandbox.pipe(["plots", "show", "--format", "svg", "--out", "drawings"]), @"
    exit: 0
    --- stdout
    ROOT/drawings/curves/b.svg.svg
    ROOT/drawings/curves/deep/a.csv.svg
    ROOT/drawings/history.csv.svg
    ");
    let drawing = sandbox.read("drawings/history.csv.svg");
    assert!(drawing.starts_with("<svg ") && drawing.contains(">The loss</text>"), "{drawing}");
    sandbox.pipe(["plots", "show", "--format", "svg", "--out", "a.html"]).code(2).tells(&["names a page"]);
    sandbox.ok(["plots", "show", "--out", "a page.html"]);
    assert!(sandbox.exists("a page.html"));
}

#[test]
fn compares_with_head_and_with_runs() {
    let sandbox = committed();
    let run = sandbox.stage_run("a")["run_id"].as_str().unwrap().to_owned();
    source(&sandbox, "1");
    sandbox.ok(["repro"]);
    let both =
        ["curves/b.svg:HEAD,workspace", "curves/deep/a.csv:HEAD,workspace", "history.csv:HEAD,workspace"];
    let diff = sandbox.json(["plots", "diff", "--json"]);
    assert_eq!(told(&diff), both, "what git does not keep comes from the cache");
    let traces = &diff["plots"][2]["traces"];
    assert_eq!(traces[0]["points"][2], json!({"x": 3, "y": 2}));
    assert_eq!(traces[1]["points"], json!([{"x": 1, "y": 4}, {"x": 2, "y": null}, {"x": 3, "y": 1}]));
    let run = format!("run:{run}");
    let three =
        sandbox.json(["plots", "diff", "--json", &run, "HEAD", "workspace", "--targets", "history.csv"]);
    assert_eq!(told(&three), [format!("history.csv:{run},HEAD,workspace")]);
    assert_eq!(three["plots"][0]["traces"][0]["points"], traces[0]["points"]);
    let below = sandbox.pipe(["plots", "diff", "--targets", "history.csv/x"]).code(2);
    below.tells(&["failed to draw history.csv/x: there is no such file or folder"]);
    sandbox.commit("second");
    let commits = sandbox.json(["plots", "diff", "--json", "HEAD~1", "HEAD", "--targets", "curves/deep"]);
    assert_eq!(told(&commits), ["curves/deep/a.csv:HEAD~1,HEAD"]);
    sandbox.ok(["plots", "diff"]);
    let page = sandbox.read("pipe_plots/index.html");
    assert!(
        page.contains("<figcaption>HEAD</figcaption>") && page.contains("<figcaption>workspace</figcaption>")
    );
    assert_eq!(loads(&page), Vec::<String>::new());
}

#[test]
fn bad_files_are_named_and_the_others_shown() {
    let sandbox = committed();
    sandbox.write("short.csv", "a,b\n1,2\n3\n");
    sandbox.write("bad.json", "[{\"a\": }]");
    sandbox.write("fake.png", "<html>");
    sandbox.write("words.yaml", "- {a: x}\n");
    sandbox.write("notes.txt", "hello");
    let files = ["short.csv", "bad.json", "fake.png", "words.yaml", "notes.txt", "gone.csv", "history.csv"];
    let said = sandbox.pipe(["plots", "show"].into_iter().chain(files)).code(2).tells(&[
        "failed to draw short.csv:3: expected 2 cells as in the first row, found 1",
        "failed to draw bad.json:1:8: ",
        "failed to draw fake.png: it is no PNG image",
        "failed to draw words.yaml: no column holds numbers",
        "failed to draw notes.txt: it is neither CSV, TSV, JSON or YAML nor an image",
        "failed to draw gone.csv: there is no such file or folder",
    ]);
    assert_eq!(said.stderr.matches("error:").count(), 6, "{}", said.stderr);
    let page = sandbox.read("pipe_plots/index.html");
    assert!(page.contains("The loss") && page.contains("short.csv:3: "), "the page tells them as well");
    let said = sandbox.pipe(["plots", "show", "history.csv", "-y", "los"]).code(2);
    said.tells(&["history.csv: there is no column `los`; there are epoch, loss, note"]);
    // A file of another kind in a folder of plots is none.
    sandbox.write("curves/notes.txt", "hello");
    sandbox.ok(["plots", "show", "curves"]);
}

#[test]
fn draws_confusion_matrices_and_bars_from_flags() {
    let sandbox = Sandbox::new();
    sandbox.write("classes.csv", "cat,cat\ncat,dog\ndog,dog\ndog,dog\n");
    let flags = ["plots", "show", "classes.csv", "--no-header", "-x", "0", "-y", "1", "--json", "-t"];
    let json = sandbox.json(flags.into_iter().chain(["confusion"]));
    assert_eq!(json["plots"][0]["classes"], json!(["cat", "dog"]));
    assert_eq!(json["plots"][0]["matrices"][0]["rows"], json!([[1, 0], [1, 2]]));
    let json = sandbox.json(flags.into_iter().chain(["confusion_normalized"]));
    assert_eq!(json["plots"][0]["matrices"][0]["rows"][0], json!([1, 0]));
    sandbox.write(
        "scores.json",
        r#"{"seed": 1, "scores": [{"name": "a", "score": 1}, {"name": "b", "score": 2}]}"#,
    );
    snapshot!(sandbox.pipe(["plots", "show", "scores.json", "-t", "bar_horizontal", "--format", "text"]), @"
    exit: 0
    --- stdout
    scores.json
    name  score  bar
    a         1  ████████████████
    b         2  ████████████████████████████████
    ");
    sandbox.pipe(["plots", "show", "scores.json", "-t", "mine"]).code(2).tells(&["bar_horizontal_sorted"]);
}

#[test]
fn no_plots_at_all_is_told() {
    let sandbox = Sandbox::with_pipeline("stages:\n  a:\n    cmd: 'true'\n");
    sandbox.pipe(["plots", "show"]).code(2).tells(&["there are no plots in workspace", "hint: "]);
    sandbox.commit("first");
    sandbox.pipe(["plots", "diff"]).code(2).tells(&["there are no plots in HEAD and workspace"]);
}

#[test]
fn bytes_that_are_gone_from_the_cache_are_told() {
    let sandbox = committed();
    source(&sandbox, "1");
    sandbox.ok(["repro"]);
    sandbox.remove(".pipe/cache/blake3");
    let said = sandbox.pipe(["plots", "diff", "--targets", "history.csv"]).code(2);
    said.tells(&["failed to draw history.csv: ", "is not in the cache (in HEAD)"]);
    assert!(sandbox.read("pipe_plots/index.html").contains("The loss"), "the workspace is drawn");
}
