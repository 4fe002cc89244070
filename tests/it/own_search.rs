//! `/api/pipe/1/runs/search`: the rows of `pipe runs list --where`, over HTTP.

use serde_json::{Value as Json, json};

use crate::harness::Sandbox;
use crate::mlflow_tool::Served;

const SEARCH: &str = "/api/pipe/1/runs/search";

/// Filters with an order each.
const CORPUS: [(&str, &str); 16] = [
    ("", "start"),
    ("metrics.acc > 0.4 or params.lr = 1", "metrics.acc desc"),
    ("not metrics.acc > 0.4", "name"),
    ("metrics.acc is null and not (name = 'c' or name = 'd')", "name desc"),
    ("best(loss) <= 0.5", "best(loss)"),
    ("max(loss) > 1 or min(loss) < 0.3", "max(loss) desc"),
    ("last(loss) >= 0.25", "min(loss)"),
    ("name in ('a', 'b', 'e')", "params.lr"),
    ("name ~ '^[a-c]$' and params.lr !~ '[.]'", "params.lr desc"),
    ("tags.team ilike 'BL%'", "tags.team"),
    ("status = 'finished' and experiment = 'moons'", "duration desc"),
    ("status != 'RUNNING'", "end"),
    ("duration < 1000 and user is not null", "user"),
    ("stage = 'train'", "start desc"),
    ("parent = 'last'", "name"),
    ("params.lr != 1 or params.lr is null", "name"),
];

/// Runs of a pipeline, whose script logs, and others.
fn project() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  train:\n    cmd: 'echo acc: 0.5 > m.yaml'\n    metrics: [m.yaml]\n",
    );
    let rows: [(&str, &str, &[&str], &str, &str); 5] = [
        ("a", "Default", &["2", "0.25"], "1", "blue"),
        ("b", "moons", &["0.75", "0.5", "1.5"], "10", "Black"),
        ("c", "moons", &["nan"], "0.1", "red"),
        ("d", "Default", &[], "1.0", "blue"),
        ("e", "Default", &["0.125"], "none", "b_l"),
    ];
    for (name, experiment, losses, rate, team) in rows {
        let start = ["runs", "start", "--name", name, "--experiment", experiment];
        let run = sandbox.ok(start).stdout.trim().to_owned();
        for (step, loss) in losses.iter().enumerate() {
            sandbox.ok(["log", "metric", "loss", loss, "--step", &step.to_string(), "--run", &run]);
        }
        sandbox.ok(["log", "param", &format!("lr={rate}"), "--run", &run]);
        sandbox.ok(["runs", "tag", &run, &format!("team={team}")]);
        if name != "e" {
            sandbox.ok(["runs", "end", &run]);
        }
    }
    sandbox.ok(["repro"]);
    sandbox
}

fn ids(answer: &Json, name: &str) -> Vec<String> {
    let runs = answer.as_array().unwrap_or_else(|| panic!("no list: {answer}")).iter();
    runs.map(|run| run[name].as_str().expect("an id").to_owned()).collect()
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[test]
fn the_rows_are_those_of_runs_list() {
    let served = Served::with(project(), &["--no-token"]);
    let kind = [("Content-Type", "application/json")];
    let mut found = 0;
    for (filter, order) in CORPUS {
        let listed = served.sandbox.json([
            "runs",
            "list",
            "--json",
            "--columns",
            "id",
            "-n",
            "0",
            "--where",
            if filter.is_empty() { "id is not null" } else { filter },
            "--sort",
            order,
        ]);
        let listed = ids(&listed, "id");
        found += listed.len();
        let body = json!({"where": filter, "order_by": [order], "fields": []});
        let answer = served.ask("POST", SEARCH, &kind, body.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{filter}: {}", answer.text());
        assert_eq!(ids(&answer.json()["runs"], "run_id"), listed, "{filter}");
        // The same by pages of two, asked for by an address.
        let (mut paged, mut token) = (Vec::new(), Some(String::new()));
        while let Some(before) = token {
            let encoded = [filter, order, &before].map(encoded);
            let [filter, order, before] = &encoded;
            let path = format!("{SEARCH}?where={filter}&order_by={order}&limit=2&page_token={before}");
            let answer = served.get(&path).json();
            paged.extend(ids(&answer["runs"], "run_id"));
            token = answer["next_page_token"].as_str().map(ToOwned::to_owned);
        }
        assert_eq!(paged, listed, "{filter}");
    }
    assert!(found > 30, "{found} rows");
}

#[test]
fn faults_are_those_of_runs_list_and_whoever_may_not_is_refused() {
    let served = Served::with(Sandbox::new(), &[]);
    let token = served.token.clone().expect("a token");
    let bearer = format!("Bearer {token}");
    let json = ("Content-Type", "application/json");
    let ask = |headers: &[(&str, &str)], body: &Json| {
        let answer = served.ask("POST", SEARCH, headers, body.to_string().as_bytes());
        (answer.status, answer.json()["error_code"].as_str().unwrap_or_default().to_owned(), answer)
    };
    let search = json!({"where": "metrics.acc >"});
    let (status, code, answer) = ask(&[json, ("Authorization", &bearer)], &search);
    assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER_VALUE"));
    let message = answer.json()["message"].as_str().expect("a text").to_owned();
    let said = served.sandbox.pipe(["runs", "list", "--where", "metrics.acc >"]).code(2);
    let told = message.lines().next().and_then(|line| line.strip_prefix("where: ")).expect("its place");
    assert!(told.starts_with("filter, column 14: ") && said.stderr.contains(told), "{told}\n{}", said.stderr);
    let refused = |headers: &[(&str, &str)], status: u16| {
        let (told, code, _) = ask(headers, &json!({}));
        assert_eq!(told, status, "{headers:?} {code}");
    };
    refused(&[json], 401);
    refused(&[json, ("Authorization", "Bearer x")], 401);
    refused(&[json, ("Authorization", &bearer), ("Host", "evil.example")], 403);
    refused(&[json, ("Authorization", &bearer), ("Origin", "http://evil.example")], 403);
    refused(&[("Content-Type", "text/plain"), ("Authorization", &bearer)], 400);
    refused(&[json, ("Authorization", &bearer)], 200);
}
