//! The filter language: what it says yes to, where it stops, and a store's search against the evaluator.

use base::Timestamp;
use proptest::prelude::*;
use track::{
    Aggregate, Attribute, Change, Comparison, Dataset, DatasetField, DatasetInput, Field, Filter, Literal,
    Metric, NewRun, OrderBy, Pattern, Run, RunStatus, RunStore, Search, SqliteStore,
};

use crate::{at, id, param, point, tag};

fn dataset(name: &str, digest: &str, context: Option<&str>) -> DatasetInput {
    let (source_type, source) = ("local".to_owned(), "data.csv".to_owned());
    let (name, digest) = (name.to_owned(), digest.to_owned());
    let tags = context.map(|context| ("mlflow.data.context".to_owned(), context.to_owned()));
    DatasetInput {
        dataset: Dataset { name, digest, source_type, source, schema: None, profile: None },
        tags: tags.into_iter().collect(),
    }
}

fn sample() -> (SqliteStore, Run) {
    let store = SqliteStore::open_in_memory().expect("memory");
    let run = NewRun {
        name: Some("keen-otter-1".into()),
        user: "ada".into(),
        ..NewRun::new(id(1), Timestamp(1_795_257_720_000))
    };
    let changes = vec![
        Change::CreateRun(run),
        Change::LogMetrics {
            run: id(1),
            metrics: vec![
                point("best_acc", 0, 0, 0.84),
                point("train/loss", 0, 0, f64::NAN),
                point("a b", 0, 0, 1.0),
                point("val_loss", 0, 0, 0.9),
                point("val_loss", 1, 0, 0.2),
                point("val_loss", 2, 0, f64::NAN),
                point("val_loss", 3, 0, 0.4),
                point("score", 0, 0, 3.0),
                point("score", 1, 0, 5.0),
                point("score", 2, 0, 4.0),
            ],
        },
        Change::LogDatasets {
            run: id(1),
            datasets: vec![dataset("iris", "a1", Some("training")), dataset("moons", "b2", None)],
        },
        Change::LogParams {
            run: id(1),
            params: vec![
                param("seed", "42"),
                param("lr", "1e-3"),
                param("opt", "adam"),
                param("big", "18446744073709551615"),
                param("flag", "true"),
            ],
        },
        Change::SetTags {
            run: id(1),
            tags: vec![
                tag("pipe.stage", "train"),
                tag("note", "it's fine"),
                tag("pipe.better.score", "lower"),
            ],
        },
        Change::UpdateRun {
            run: id(1),
            status: Some(RunStatus::Failed),
            end_time: Some(Timestamp(1_795_257_780_000)),
            name: None,
        },
    ];
    store.apply(at(0, changes)).expect("applied");
    let run = store.run(id(1)).expect("there");
    (store, run)
}

#[test]
fn what_holds_and_what_does_not() {
    let (_store, run) = sample();
    let yes = [
        "metrics.best_acc > 0.8 and params.seed = 42",
        "metric.best_acc>=0.84 AND parameters.seed<50",
        "params.lr = 0.001",
        "params.lr < '0.01'",
        "params.seed == '42.0'",
        "params.big = 18446744073709551615",
        "params.big != 18446744073709551614",
        "params.flag = true",
        "params.opt != 5",
        "tags.`pipe.stage` = 'train'",
        "tags.pipe.stage = \"train\"",
        "tags.\"pipe.stage\" = 'train'",
        "stage = 'train'",
        "tags.note = 'it''s fine'",
        "status = 'failed'",
        "attributes.status IN ('FINISHED', 'FAILED')",
        "name like 'keen-%' and name ilike 'KEEN%'",
        "user = 'ada'",
        "metrics.train/loss != 1",
        "metrics.`a b` = 1",
        "metrics.missing is null and metrics.best_acc is not null",
        "parent is null",
        "duration = 60 and duration = '1m' and duration < '1h'",
        "start_time >= '2026-11-21' and start_time < '2026-11-22'",
        "start_time = 1795257720000",
        "experiment = 'Default' and experiment_id = 0",
        "not (metrics.best_acc > 0.9 or params.seed = 1)",
        "params.seed not in (1, 2, 3)",
        "params.opt not like 'sgd%'",
        "not metrics.missing > 1 or status = 'FAILED'",
        "name ~ '^keen-.*-\\d+$' and name !~ 'KEEN' and name ~ '(?i)KEEN'",
        "metrics.best_acc ~ '^0[.]8'",
        "last(metrics.val_loss) = 0.4 and min(val_loss) = 0.2 and max(metrics.val_loss) = 0.9",
        "best(val_loss) = 0.2 and BEST(metrics.`best_acc`) = 0.84",
        "best(score) = 3 and max(\"score\") in (5, 6)",
        "min(metrics.train/loss) is null and min(missing) is null",
        "datasets.name = 'iris' and dataset.name = 'moons'",
        "datasets.name in ('x', 'moons') and datasets.digest ~ '^b' and datasets.context = 'training'",
        "datasets.name != 'iris' and datasets.name has none of ('iris', 'x')",
        "params.seed has none of (1, 2)",
        "artifact_uri like 'mlflow-artifacts:/0/%/artifacts'",
        // A time stands for as long as it is written.
        "start = '2026-11-21T10:42Z' and start = '2026-11-21T10:42:00Z' and end in ('2026-11-21 10:43Z')",
        "start != '2026-11-21 10:41Z' and start not in ('2026-11-21 10:43Z') and start <= '2026-11-21 10:42Z'",
        "start >= '2026-11-21 10:42Z' and start < '2026-11-21 10:43Z' and end > '2026-11-21 10:42Z'",
        "start ~ '^2026-11-2' and start ~ '^2026-11-21T10:42:00.000Z$' and end !~ '^2025'",
        "duration = '1m' and duration in ('60s', '9h') and duration != '59s' and duration <= '1m' and duration >= '1m'",
        "duration ~ '^1m 00s$' and duration ~ '^60$' and duration !~ 'ms'",
        "status ~ '^fail' and status ~ 'FAIL' and status like 'fail%' and status !~ 'restored'",
        "metrics.train/loss = nan and metrics.train/loss in ('NaN') and metrics.best_acc != nan",
        "metrics.train/loss ~ '^nan$' and metrics.train/loss ~ 'NaN'",
    ];
    for text in yes {
        let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{error}\n{}", error.caret()));
        assert!(filter.matches(&run), "{text}");
    }
    let no = [
        "metrics.best_acc > 0.84",
        "metrics.missing < 1",
        "not metrics.missing < 1",
        "metrics.missing != 1",
        "metrics.train/loss = 1",
        "metrics.train/loss > 0",
        "params.opt > 5",
        "not params.opt > 5",
        "name like 'KEEN%'",
        "status != 'FAILED'",
        "params.seed in (1, 2)",
        "params.seed is null",
        "status = 'FAILED' and params.seed = 1 or user = 'bob'",
        "params.missing ~ '.*'",
        "params.missing !~ 'x'",
        "best(val_loss) > 0.2",
        "max(missing) > 0 or not max(missing) > 0",
        "datasets.name = 'x' or not datasets.name = 'iris'",
        "datasets.name has none of ('iris', 'moons')",
        "start = '2026-11-21T10:41Z' or start > '2026-11-21T10:43Z' or start < '2026-11-21 10:42Z'",
        "duration = '1h' or duration = '61s' or duration < '1m' or duration > '1m'",
        "metrics.train/loss != nan or metrics.best_acc = nan or metrics.missing = nan or metrics.missing != nan",
    ];
    for text in no {
        let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{error}\n{}", error.caret()));
        assert!(!filter.matches(&run), "{text}");
    }
}

#[test]
fn a_restored_run_finished_and_executed_nothing() {
    let (store, run) = sample();
    let holds = |text: &str, run: &Run| Filter::parse(text).expect(text).matches(run);
    let end = Change::UpdateRun { run: id(1), status: Some(RunStatus::Finished), end_time: None, name: None };
    store.apply(at(0, vec![end])).expect("applied");
    let finished = store.run(id(1)).expect("there");
    let from = Change::SetTags { run: id(1), tags: vec![tag("pipe.restored_from", "lock")] };
    store.apply(at(0, vec![from])).expect("applied");
    let restored = store.run(id(1)).expect("there");
    for (text, expected) in [
        ("status = 'restored'", [false, false, true]),
        ("status != 'RESTORED'", [true, true, false]),
        ("status = 'finished'", [false, true, true]),
        ("status in ('FAILED', 'restored')", [true, false, true]),
        ("status not in ('FAILED', 'restored')", [false, true, false]),
        ("status has none of ('restored')", [true, true, false]),
        ("status ~ '^rest'", [false, false, true]),
        ("status like 'REST%'", [false, false, true]),
        ("status !~ 'restored'", [true, true, false]),
        ("status ~ '.'", [true, true, true]),
    ] {
        assert_eq!([&run, &finished, &restored].map(|run| holds(text, run)), expected, "{text}");
    }
    let told = Filter::parse("status = 'x'").expect_err("no status").to_string();
    assert!(told.contains("RUNNING, SCHEDULED, FINISHED, FAILED, KILLED, PRUNED or RESTORED"), "{told}");
}

#[test]
fn faults_have_a_place_and_a_suggestion() {
    let cases = [
        ("metrcs.acc > 1", 1, 10, Some("metrics.acc")),
        ("satus = 'FAILED'", 1, 5, Some("status")),
        ("status = 'FAILD'", 10, 7, Some("'FAILED'")),
        ("status in ('FAILED', 'restord')", 22, 9, Some("'RESTORED'")),
        ("status > 'restored'", 10, 10, None),
        ("metrics.a > 1 && metrics.b > 1", 15, 2, Some("and")),
        ("metrics.a > 1 an metrics.b > 1", 15, 2, Some("and")),
        ("params.opt = adam", 14, 4, Some("'adam'")),
        ("metrics.a lke 'x'", 11, 3, Some("like")),
        ("metrics.a > 'x'", 13, 3, None),
        ("metrics.a >", 12, 0, None),
        ("metrics. > 1", 10, 1, None),
        ("(metrics.a > 1", 15, 0, None),
        ("metrics.a > 1)", 14, 1, None),
        ("params.ä = 'x", 12, 2, None),
        ("start_time > 'soon'", 14, 6, None),
        ("params.a in ()", 14, 1, None),
        ("metrics.a is 1", 14, 1, None),
        ("", 1, 0, None),
        ("name ~ '('", 8, 3, None),
        ("name ~ x", 8, 1, None),
        ("best(params.lr) > 1", 6, 9, None),
        ("best(acc > 1", 10, 1, None),
        ("datasets.nam = 'x'", 1, 12, Some("datasets.name")),
        ("dataset.name has some of ('x')", 18, 4, None),
        ("status > 'FAILED'", 10, 8, None),
        ("status = 3", 10, 1, None),
        ("metrics.a < nan", 13, 3, None),
        ("start like '2026%'", 12, 7, None),
    ];
    for (text, column, length, suggestion) in cases {
        let error = Filter::parse(text).expect_err(text);
        assert_eq!(
            (error.column(), error.length, error.suggestion.as_deref()),
            (column, length, suggestion),
            "{text}: {error}"
        );
        error.caret();
    }
    let error = Filter::parse("ä = 1 or metrcs.x > 1").expect_err("no field");
    assert_eq!(error.caret(), "ä = 1 or metrcs.x > 1\n^");
    assert!(error.to_string().starts_with("filter, column 1: "), "{error}");
    for (text, message) in [
        ("metrics.a upwards", "sort, column 11: expected `asc`, `desc` or the end"),
        ("'metrics.a", "sort, column 1: the quote ' is not closed"),
        ("&", "sort, column 1: `&` means nothing here (did you mean `and`?)"),
    ] {
        assert_eq!(OrderBy::parse(text).expect_err(text).to_string(), message);
    }
    assert!(Filter::parse(&"(".repeat(100_000)).is_err());
    assert!(Filter::parse(&"not ".repeat(100_000)).is_err());
}

fn fields() -> impl Strategy<Value = Field> {
    let key = prop_oneof![Just("a".to_owned()), Just("b c".to_owned()), Just("d.e".to_owned())];
    prop_oneof![
        key.clone().prop_map(Field::Metric),
        key.clone().prop_map(Field::Param),
        key.clone().prop_map(Field::Tag),
        prop_oneof![
            Just(Attribute::Name),
            Just(Attribute::User),
            Just(Attribute::Parent),
            Just(Attribute::ArtifactUri)
        ]
        .prop_map(Field::Attribute),
        (prop::sample::select(vec![Aggregate::Min, Aggregate::Max, Aggregate::Best]), key)
            .prop_map(|(aggregate, key)| Field::Aggregate(aggregate, key)),
        prop::sample::select(DatasetField::ALL.to_vec()).prop_map(Field::Dataset),
    ]
}

fn numbers() -> impl Strategy<Value = Literal> {
    (-2_i32..3).prop_map(|value| Literal::Number { text: value.to_string(), value: f64::from(value) })
}

fn comparisons() -> impl Strategy<Value = Comparison> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    prop::sample::select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual])
}

fn leaves() -> impl Strategy<Value = Filter> {
    let texts = "[a-c'%_`\"]{0,3}";
    let text_fields =
        || fields().prop_filter("a text", |field| !matches!(field, Field::Metric(_) | Field::Aggregate(..)));
    let patterns = prop::sample::select(vec!["a", "^[a-c]$", "[0-9]+", "b|%"]);
    prop_oneof![
        (fields(), comparisons(), numbers()).prop_map(|(field, comparison, value)| Filter::Compare {
            field,
            comparison,
            value
        }),
        (text_fields(), comparisons(), texts).prop_map(|(field, comparison, text)| Filter::Compare {
            field,
            comparison,
            value: Literal::Text(text)
        }),
        (text_fields(), texts, any::<bool>()).prop_map(|(field, pattern, ignore_case)| Filter::Like {
            field,
            pattern,
            ignore_case
        }),
        (fields(), prop::collection::vec(numbers(), 1..3))
            .prop_map(|(field, values)| Filter::In { field, values }),
        (fields(), prop::collection::vec(numbers(), 1..3))
            .prop_map(|(field, values)| Filter::NotIn { field, values }),
        (fields(), patterns).prop_map(|(field, pattern)| Filter::Matches {
            field,
            pattern: Pattern::new(pattern).expect("an expression")
        }),
        fields().prop_map(Filter::IsNull),
        (any::<bool>(), prop::sample::select(RunStatus::ALL.to_vec())).prop_map(|(is_equal, status)| {
            Filter::Compare {
                field: Field::Attribute(Attribute::Status),
                comparison: if is_equal { Comparison::Equal } else { Comparison::NotEqual },
                value: Literal::Text(status.name().to_owned()),
            }
        }),
        (comparisons(), 0_i32..6).prop_map(|(comparison, time)| Filter::Compare {
            field: Field::Attribute(Attribute::StartTime),
            comparison,
            value: Literal::Number { text: time.to_string(), value: f64::from(time) },
        }),
    ]
}

fn filters() -> impl Strategy<Value = Filter> {
    leaves().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
            inner.prop_map(|part| Filter::Not(Box::new(part))),
        ]
    })
}

/// Twenty runs that differ in all that the filters above ask for.
fn many() -> SqliteStore {
    let store = SqliteStore::open_in_memory().expect("memory");
    for number in 0..20_u128 {
        let n = number as usize;
        let run = NewRun {
            name: Some(["a", "b", "cab", "a'c"][n % 4].into()),
            user: ["", "a", "c"][n % 3].into(),
            status: RunStatus::ALL[n % 6],
            parent: (n % 5 == 4).then(|| id(number - 1)),
            ..NewRun::new(id(number), Timestamp((number % 7) as i64))
        };
        let mut changes = vec![Change::CreateRun(run)];
        for (place, key) in ["a", "b c", "d.e"].into_iter().enumerate() {
            let value = [f64::NAN, 0.0, 1.0, -1.0, f64::INFINITY][(n + place) % 5];
            if !(n + place).is_multiple_of(4) {
                let values = [value, [2.0, -2.0, f64::NAN][n % 3], value];
                let metrics = (0..3).map(|step: usize| Metric {
                    key: key.into(),
                    ..point("", i64::try_from(step).expect("small"), 0, values[step])
                });
                changes.push(Change::LogMetrics { run: id(number), metrics: metrics.collect() });
            }
            if (n + place).is_multiple_of(5) {
                let context = [None, Some("a"), Some("1")][n % 3];
                let input = dataset(["a", "1", "b%"][(n / 3) % 3], ["2", "b"][n % 2], context);
                changes.push(Change::LogDatasets { run: id(number), datasets: vec![input] });
            }
            if n.is_multiple_of(4) {
                let better = tag(&format!("pipe.better.{key}"), ["lower", "higher", "?"][(n / 4) % 3]);
                changes.push(Change::SetTags { run: id(number), tags: vec![better] });
            }
            if !(n + place).is_multiple_of(3) {
                changes.push(Change::LogParams {
                    run: id(number),
                    params: vec![param(key, ["1", "-1.0", "a", "b%", ""][(n * 2 + place) % 5])],
                });
                changes.push(Change::SetTags {
                    run: id(number),
                    tags: vec![tag(key, ["c", "0", "ab", "2"][(n + place * 2) % 4])],
                });
            }
        }
        store.apply(at(0, changes)).expect("applied");
    }
    store
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_filter_prints_reads_back(filter in filters()) {
        let text = filter.to_string();
        let read = Filter::parse(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{}", error.caret())))?;
        prop_assert_eq!(read, filter);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-z.'\"`()=<>!,&|0-9 äß\\n]{0,40}") {
        if let Err(error) = Filter::parse(&text) {
            error.caret();
        }
    }
}

#[test]
fn a_search_finds_what_the_evaluator_says() {
    let store = many();
    let all = store.search(&Search::default()).expect("read");
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let judged = runner.run(&filters(), |filter| {
        let expected: Vec<&Run> = all.iter().filter(|run| filter.matches(run)).collect();
        let search = Search { filter: Some(filter), ..Search::default() };
        let found = store.search(&search).expect("read");
        prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        Ok(())
    });
    judged.expect("search and evaluator agree");
}

#[test]
fn long_texts_are_found_as_short_ones_are() {
    let store = SqliteStore::open_in_memory().expect("memory");
    let texts = ["ä".repeat(99), "ä".repeat(100), "ä".repeat(101), "ä".repeat(5000)];
    for (number, text) in (0..).zip(&texts) {
        let changes = vec![
            Change::CreateRun(NewRun::new(id(number), Timestamp(1))),
            Change::LogParams { run: id(number), params: vec![param("text", text)] },
            Change::SetTags { run: id(number), tags: vec![tag("text", text)] },
        ];
        store.apply(at(0, changes)).expect("applied");
    }
    for (number, text) in (0..).zip(&texts) {
        let filter =
            Filter::parse(&format!("params.text = '{text}' and tags.text = '{text}'")).expect("a filter");
        let found = store.search(&Search { filter: Some(filter), ..Search::default() }).expect("read");
        assert_eq!(found.iter().map(|run| run.info.id).collect::<Vec<_>>(), [id(number)]);
    }
}

#[test]
fn a_search_orders_as_the_evaluator_does() {
    let store = many();
    let all = store.search(&Search::default()).expect("read");
    for text in [
        "metrics.a",
        "metrics.a desc",
        "params.`b c`",
        "tags.a desc",
        "min(a)",
        "best(d.e) desc",
        "name",
        "datasets.name",
    ] {
        let order = OrderBy::parse(text).expect(text);
        let found =
            store.search(&Search { order_by: vec![order.clone()], ..Search::default() }).expect("read");
        assert_eq!(found.len(), all.len());
        for pair in found.windows(2) {
            let tie =
                || all.iter().position(|run| *run == pair[0]) < all.iter().position(|run| *run == pair[1]);
            let ordered = order.compare_runs(&pair[0], &pair[1]);
            assert!(ordered.is_lt() || ordered.is_eq() && tie(), "{text}");
        }
        let page = Search { order_by: vec![order], offset: 3, limit: Some(5), ..Search::default() };
        assert_eq!(store.search(&page).expect("read"), found[3..8], "{text}");
    }
}
