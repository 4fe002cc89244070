//! MLflow's grammars, held to what MLflow itself said of the same texts (`tests/golden/mlflow-grammar.jsonl`).

use serde_json::Value;
use track::{Attribute, Comparison, Field, Filter, Literal, OrderBy, Searched};

const CORPUS: &str = include_str!("../golden/mlflow-grammar.jsonl");

/// Where we differ on purpose: what MLflow fails at with an error of the server is refused as a fault of the text, and
/// what it misunderstands is refused or understood.
const DIFFERENT: [(&str, &str); 13] = [
    // MLflow: 500.
    ("runs", "run_id IN (a)"),
    ("registered_models", "tags.x IS NULL"),
    ("model_versions", "name IS NULL"),
    ("logged_models", "foo = 'a'"),
    ("logged_models", "metrics.acc > 'a'"),
    // MLflow takes `last_updated_time` for a text.
    ("logged_models", "last_updated_time > 1"),
    // MLflow shows no space between the two.
    ("logged_models", "name IS NULL"),
    // Words of SQL, which MLflow cannot have as names; we do not know all of SQL's words.
    ("runs", "timestamp > 1"),
    ("runs", "user = 'a'"),
    // Refused by both, in other words.
    ("runs", "metrics.acc = 0x10"),
    ("runs", "metrics.a:b>1"),
    ("runs", "metrics.acc /* c */ > 1"),
    ("runs", "params.m = 'a' = 'b'"),
];

fn searched(kind: &str) -> Searched {
    match kind {
        "runs" => Searched::Runs,
        "experiments" => Searched::Experiments,
        "registered_models" => Searched::RegisteredModels,
        "model_versions" => Searched::ModelVersions,
        "logged_models" => Searched::LoggedModels,
        other => panic!("{other}"),
    }
}

/// A message up to a set or a list of pieces, whose order or number is any.
fn comparable(message: &str) -> &str {
    let end = ["'{", "in filter string: "].into_iter().filter_map(|mark| message.find(mark)).min();
    &message[..end.unwrap_or(message.len())]
}

fn corpus(part: &str) -> Vec<(String, String, Value)> {
    let lines = CORPUS.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.map(|line| serde_json::from_str::<(String, String, String, Value)>(line).expect(line));
    rows.filter(|row| row.0 == part).map(|(_, kind, text, answer)| (kind, text, answer)).collect()
}

/// The clauses of a filter as the corpus writes them; a condition that hides prompts is none of the text's.
fn clauses(filter: Option<&Filter>) -> Vec<(String, String, String, String)> {
    let parts = match filter {
        None => &[],
        Some(Filter::And(parts)) => parts.as_slice(),
        Some(part) => std::slice::from_ref(part),
    };
    let clause = |field: &Field, sign: &str, value: String| {
        let (kind, key) = match field {
            Field::Metric(key) => ("metric", key.clone()),
            Field::Param(key) => ("parameter", key.clone()),
            Field::Tag(key) => ("tag", key.clone()),
            Field::Dataset(field) => ("dataset", field.name().to_owned()),
            Field::Attribute(attribute) => ("attribute", attribute.name().to_owned()),
            Field::Aggregate(..) => panic!("MLflow has none"),
        };
        (kind.to_owned(), key, sign.to_owned(), value)
    };
    let one = |literal: &Literal| match literal {
        Literal::Number { value, .. } => value.to_string(),
        Literal::Exact(text) => text.clone(),
        Literal::Text(text) => panic!("`{text}` would be compared as a number"),
        Literal::Span { text, .. } => panic!("`{text}` would stand for more than itself"),
    };
    let many = |literals: &[Literal]| literals.iter().map(one).collect::<Vec<_>>().join("|");
    let shown = parts.iter().filter_map(|part| {
        Some(match part {
            Filter::Compare { field, comparison, value } => clause(field, comparison.sign(), one(value)),
            Filter::Like { field, pattern, ignore_case } => {
                clause(field, if *ignore_case { "ILIKE" } else { "LIKE" }, pattern.clone())
            }
            Filter::In { field, values } => clause(field, "IN", many(values)),
            Filter::NotIn { field, values } => clause(field, "NOT IN", many(values)),
            Filter::IsNull(field) => clause(field, "IS NULL", String::new()),
            Filter::Not(part) => match part.as_ref() {
                Filter::IsNull(field) => clause(field, "IS NOT NULL", String::new()),
                other => panic!("{other}"),
            },
            Filter::Or(_) => return None,
            other => panic!("{other}"),
        })
    });
    shown.collect()
}

/// What MLflow read, in our words.
fn expected(answer: &Value) -> Vec<(String, String, String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let clause = |clause: &Value| {
        let kind = text(&clause[0]);
        let kind = kind.strip_suffix('s').unwrap_or(&kind).replace("param", "parameter");
        let kind = kind.replace("parametereter", "parameter");
        let key = match (kind.as_str(), text(&clause[1]).as_str()) {
            ("attribute", "run_name" | "run name" | "Run name" | "Run Name") => "name".to_owned(),
            ("attribute", "user_id") => "user".to_owned(),
            ("attribute", "created" | "Created") => "start_time".to_owned(),
            ("attribute", "creation_time" | "creation_timestamp_ms") => "created".to_owned(),
            ("attribute", "last_update_time" | "last_updated_timestamp_ms") => "updated".to_owned(),
            ("attribute", "source_path") => "source".to_owned(),
            ("attribute", "source_run_id") => "run_id".to_owned(),
            ("attribute", "version_number") => "version".to_owned(),
            (_, key) => key.to_owned(),
        };
        let is_number = kind == "metric"
            || ["start_time", "end_time", "created", "updated", "version", "experiment_id"]
                .contains(&key.as_str());
        let value = match &clause[3] {
            Value::Null => String::new(),
            Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join("|"),
            value if is_number => text(value).parse::<f64>().expect("a number").to_string(),
            value => text(value),
        };
        (kind, key, text(&clause[2]), value)
    };
    answer.as_array().expect("clauses").iter().map(clause).collect()
}

fn is_of_prompts((kind, key, ..): &(String, String, String, String)) -> bool {
    kind == "tag" && key == "mlflow.prompt.is_prompt"
}

#[test]
fn filters_are_read_as_mlflow_reads_them() {
    let mut faults = Vec::new();
    for (kind, text, answer) in corpus("filters") {
        let read = Filter::parse_mlflow(&text, searched(&kind));
        if DIFFERENT.contains(&(kind.as_str(), text.as_str())) {
            assert!(read.is_err(), "{kind}: {text}");
            continue;
        }
        match (&answer, read) {
            (Value::String(message), Err(error)) => {
                if comparable(message) != comparable(&error.0) {
                    faults.push(format!("{kind}: {text}\n  MLflow: {message}\n  ours:   {error}"));
                }
            }
            (Value::String(message), Ok(filter)) => {
                faults.push(format!("{kind}: {text}\n  MLflow: {message}\n  ours:   {filter:?}"));
            }
            (answer, Err(error)) => {
                faults.push(format!("{kind}: {text}\n  MLflow: {answer}\n  ours:   {error}"));
            }
            (answer, Ok(filter)) => {
                let (mut expected, read) = (expected(answer), clauses(filter.as_ref()));
                // MLflow drops these after reading them, where prompts are hidden.
                if !read.iter().any(is_of_prompts) {
                    expected.retain(|clause| !is_of_prompts(clause));
                }
                if expected != read {
                    faults.push(format!("{kind}: {text}\n  MLflow: {expected:?}\n  ours:   {read:?}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn orders_are_read_as_mlflow_reads_them() {
    for (kind, text, answer) in corpus("orders") {
        let read = OrderBy::parse_mlflow(&[&text], searched(&kind));
        match (&answer, &read) {
            // What MLflow's parser takes and its store refuses.
            (Value::Array(parts), Err(error)) if parts[0] == "dataset" => {
                assert_eq!(error.0, "Invalid identifier type 'dataset'");
            }
            (Value::Array(parts), Err(_)) if parts[0] == "tag" && kind != "runs" => {}
            (Value::Array(parts), Ok(orders)) => {
                let ascending = parts.last().expect("a direction");
                assert_eq!(Value::Bool(!orders[0].descending), *ascending, "{kind}: {text}");
            }
            (Value::String(message), Err(error)) => {
                assert_eq!(comparable(message), comparable(&error.0), "{kind}: {text}");
            }
            _ => panic!("{kind}: {text}: MLflow {answer}, ours {read:?}"),
        }
    }
    let twice = OrderBy::parse_mlflow(&["start_time", "attribute.start_time desc"], Searched::Runs);
    assert!(twice.expect_err("twice").0.starts_with("`order_by` contains duplicate fields: ["));
    let tied = OrderBy::parse_mlflow(&["name"], Searched::Experiments).expect("an order");
    assert_eq!(
        (tied.len(), &tied[1].field, tied[1].descending),
        (2, &Field::Attribute(Attribute::ExperimentId), true)
    );
    assert_eq!(OrderBy::parse_mlflow(&[""; 0], Searched::Experiments), Ok(vec![]));
}

#[test]
fn prompts_are_hidden_unless_they_are_asked_for() {
    for (text, asks) in [
        ("", false),
        ("name = 'a'", false),
        ("tags.`mlflow.prompt.is_prompt` = 'true'", true),
        ("tags.`mlflow.prompt.is_prompt` != 'False'", true),
        ("tags.`mlflow.prompt.is_prompt` = 'false'", false),
    ] {
        for searched in [Searched::RegisteredModels, Searched::ModelVersions] {
            let filter = Filter::parse_mlflow(text, searched).expect(text);
            let hides = |part: &Filter| matches!(part, Filter::Or(_));
            let hidden = match &filter {
                Some(Filter::And(parts)) => parts.iter().any(hides),
                Some(part) => hides(part),
                None => false,
            };
            assert_eq!(hidden, !asks, "{text}");
        }
    }
    let asked =
        Filter::parse_mlflow("name = '1' and name != '01'", Searched::RegisteredModels).expect("a filter");
    let Some(Filter::And(parts)) = asked else { panic!("two parts and a hidden one") };
    let exact = Literal::Exact("1".into());
    let field = Field::Attribute(Attribute::Name);
    assert_eq!(parts[0], Filter::Compare { field, comparison: Comparison::Equal, value: exact });
}

#[test]
fn no_text_makes_a_grammar_panic() {
    use proptest::prelude::*;
    let texts = "[a-z.'\"`()=<>!,;0-9eE+/ ä\\\\\n-]{0,40}|(metrics|tags|name|run_id)(\\.x)? ?(=|IN|LIKE|IS) ?['(]{0,2}[a0,'\\\\)]{0,6}";
    proptest!(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() }, |(text in texts)| {
        for kind in ["runs", "experiments", "registered_models", "model_versions", "logged_models"] {
            let _ = Filter::parse_mlflow(&text, searched(kind));
            let _ = OrderBy::parse_mlflow(&[&text], searched(kind));
        }
    });
}
