//! The plain questions to the tables; searching has a file of its own.

use std::collections::{BTreeMap, HashMap, HashSet};

use base::{Digest, Timestamp};
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::apply::last_heard;
use super::choose::{choose, page};
use super::fault::Fault;
use super::pairs::Pairs;
use super::{artifact, whole};
use crate::{
    Artifact, ArtifactOwner, DATASET_CONTEXT_TAG, DatasetSummary, Experiment, ExperimentId, ExperimentSearch,
    Lease, Lifecycle, LineageFile, ModelId, Purge, Role, RunId, StoreError, TagValue, View,
};

/// How many candidates an ambiguous run id names.
const CANDIDATES: usize = 5;

const EXPERIMENT: &str = "SELECT id, name, lifecycle, created, updated, artifact_location FROM experiment";

pub(super) fn experiments(connection: &Connection) -> Result<Vec<Experiment>, Fault> {
    read_experiments(connection, "ORDER BY id")
}

pub(super) fn experiment(connection: &Connection, name: &str) -> Result<Option<Experiment>, Fault> {
    let mut query = connection.prepare_cached(&format!("{EXPERIMENT} WHERE name = ?1 AND lifecycle = 0"))?;
    let found = query.query_row([name], experiment_row).optional()?;
    Ok(with_tags(connection, found.into_iter().collect())?.pop())
}

pub(super) fn experiment_by_id(connection: &Connection, id: ExperimentId) -> Result<Experiment, Fault> {
    let mut query = connection.prepare_cached(&format!("{EXPERIMENT} WHERE id = ?1"))?;
    let found = query.query_row([id.0], experiment_row).optional()?;
    let unknown = || StoreError::UnknownExperiment(id.to_string()).into();
    with_tags(connection, found.into_iter().collect())?.pop().ok_or_else(unknown)
}

pub(super) fn search_experiments(
    connection: &Connection,
    search: &ExperimentSearch,
) -> Result<Vec<Experiment>, Fault> {
    let seen = match search.view {
        View::Active => "WHERE lifecycle = 0",
        View::Deleted => "WHERE lifecycle = 1",
        View::All => "",
    };
    let mut rest = format!("{seen} ORDER BY created DESC, id");
    let cut = (search.offset, search.limit);
    if search.filter.is_none() && search.order_by.is_empty() {
        rest.push_str(&page(cut));
        return read_experiments(connection, &rest);
    }
    Ok(choose(read_experiments(connection, &rest)?, search.filter.as_ref(), &search.order_by, cut))
}

fn read_experiments(connection: &Connection, rest: &str) -> Result<Vec<Experiment>, Fault> {
    let mut query = connection.prepare_cached(&format!("{EXPERIMENT} {rest}"))?;
    let found = query.query_map([], experiment_row)?.collect::<Result<Vec<_>, _>>()?;
    with_tags(connection, found)
}

fn experiment_row(row: &Row) -> rusqlite::Result<Experiment> {
    Ok(Experiment {
        id: ExperimentId(row.get(0)?),
        name: row.get(1)?,
        lifecycle: lifecycle(row.get(2)?),
        created: Timestamp(row.get(3)?),
        updated: Timestamp(row.get(4)?),
        artifact_location: row.get(5)?,
        tags: BTreeMap::new(),
    })
}

fn with_tags(connection: &Connection, mut found: Vec<Experiment>) -> Result<Vec<Experiment>, Fault> {
    let numbers: Vec<i64> = found.iter().map(|experiment| experiment.id.0).collect();
    let mut tags = texts_of(connection, "experiment_tag", "experiment", &numbers)?;
    for experiment in &mut found {
        experiment.tags = tags.remove(&experiment.id.0).unwrap_or_default();
    }
    Ok(found)
}

/// Keys and texts in one of our own tables, of all owners with these numbers that have some.
pub(super) fn texts_of(
    connection: &Connection,
    table: &str,
    owner: &str,
    numbers: &[i64],
) -> Result<HashMap<i64, BTreeMap<String, String>>, Fault> {
    let mut found: HashMap<i64, BTreeMap<String, String>> = HashMap::new();
    let mut query = connection.prepare_cached(&format!(
        "SELECT {owner}, {table}.key, {table}.value FROM json_each(?1) AS page CROSS JOIN {table} ON {owner} = page.value"
    ))?;
    let mut rows = query.query([whole::list(numbers)])?;
    while let Some(row) = rows.next()? {
        found.entry(row.get(0)?).or_default().insert(row.get(1)?, row.get(2)?);
    }
    Ok(found)
}

/// The data sets of some experiments with every purpose they were read for.
pub(super) fn datasets(
    connection: &Connection,
    experiments: &[ExperimentId],
    limit: usize,
) -> Result<Vec<DatasetSummary>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT DISTINCT experiment, name, digest, dataset_input_tag.value FROM dataset
         JOIN dataset_input ON dataset_input.dataset = dataset.number
         LEFT JOIN dataset_input_tag ON input = dataset_input.number AND dataset_input_tag.key = ?2
         WHERE experiment IN (SELECT value FROM json_each(?1)) ORDER BY 1, 2, 3, 4 LIMIT ?3",
    )?;
    let ids = whole::list(&experiments.iter().map(|experiment| experiment.0).collect::<Vec<_>>());
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = query.query_map(params![ids, DATASET_CONTEXT_TAG, limit], |row| {
        Ok(DatasetSummary {
            experiment: ExperimentId(row.get(0)?),
            name: row.get(1)?,
            digest: row.get(2)?,
            context: row.get(3)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Experiments that go whole: nothing in them was restored, or deleted later.
const WHOLE: &str = "SELECT id FROM experiment WHERE lifecycle = 1 AND updated < ?1
    AND NOT EXISTS (SELECT 1 FROM run WHERE run.experiment = experiment.id
        AND (run.lifecycle = 0 OR coalesce(run.deleted, 0) >= ?1))
    AND NOT EXISTS (SELECT 1 FROM logged_model AS model WHERE model.experiment = experiment.id
        AND (model.lifecycle = 0 OR coalesce(model.deleted, 0) >= ?1))";

/// What was deleted before a time, or at any time. What an older schema deleted has no time, and is older than any.
pub(super) fn purgeable(connection: &Connection, before: Option<Timestamp>) -> Result<Purge, Fault> {
    let before = before.map_or(i64::MAX, |before| before.0);
    let experiments = connection
        .prepare_cached(&format!("{WHOLE} ORDER BY id"))?
        .query_map([before], |row| Ok(ExperimentId(row.get(0)?)))?
        .collect::<Result<_, _>>()?;
    let of = |table: &str| {
        format!(
            "SELECT id FROM {table} WHERE lifecycle = 1 AND coalesce(deleted, 0) < ?1 AND experiment NOT IN ({WHOLE})
             ORDER BY id"
        )
    };
    let runs = connection
        .prepare_cached(&of("run"))?
        .query_map([before], |row| run_id(row, 0))?
        .collect::<Result<_, _>>()?;
    let models = connection
        .prepare_cached(&of("logged_model"))?
        .query_map([before], |row| model_id(row, 0))?
        .collect::<Result<_, _>>()?;
    Ok(Purge { experiments, runs, models })
}

/// Of an id, the fewest digits that are shown to people.
const SHORTEST: usize = 8;

pub(super) fn find_run(connection: &Connection, wanted: &str, view: View) -> Result<RunId, Fault> {
    let seen = match view {
        View::Active => "lifecycle = 0",
        View::Deleted => "lifecycle = 1",
        View::All => "lifecycle IN (0, 1)",
    };
    if let Some(back) = back_from_last(wanted) {
        return newest(connection, wanted, back, seen);
    }
    let digits = wanted.to_ascii_lowercase();
    // Fewer digits are a name: who deletes run `a` does not mean one whose id happens to end so.
    let is_id = digits.len() >= FEWEST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id {
        // `g` comes after every digit of an id.
        for condition in [STARTS_WITH, "substr(id, -length(?1)) = ?1"] {
            if let Some(run) = single(connection, condition, &digits, (wanted, seen))? {
                // As few digits as nobody is shown may as well be a name, `2024` say: who deletes that run must not hit
                // another one whose id happens to end so.
                if digits.len() < SHORTEST {
                    single(connection, &format!("(id = '{run}' OR name = ?1)"), wanted, (wanted, seen))?;
                }
                return Ok(run);
            }
        }
    }
    if let Some(run) = single(connection, "name = ?1", wanted, (wanted, seen))? {
        return Ok(run);
    }
    if view == View::Active
        && let Ok(deleted) = find_run(connection, wanted, View::Deleted)
    {
        let name: String =
            connection
                .query_row("SELECT name FROM run WHERE id = ?1", [deleted.to_string()], |row| row.get(0))?;
        let name = base::one_line(&name).into_owned();
        return Err(StoreError::FoundDeleted { wanted: wanted.to_owned(), name }.into());
    }
    Err(StoreError::NoMatch(wanted.to_owned()).into())
}

/// So many digits of an id have to be given, as git asks for them.
const FEWEST_DIGITS: usize = 4;

/// `g` comes after every digit of an id.
const STARTS_WITH: &str = "id >= ?1 AND id < ?1 || 'g'";

/// How far before the newest run a text points: 0 for `last`, 2 for `last~2`.
fn back_from_last(wanted: &str) -> Option<i64> {
    let rest = wanted.strip_prefix("last")?;
    if rest.is_empty() {
        return Some(0);
    }
    let digits = rest.strip_prefix('~')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // As in git, `~` alone is one back.
    if digits.is_empty() { Some(1) } else { digits.parse().ok() }
}

fn newest(connection: &Connection, wanted: &str, back: i64, seen: &str) -> Result<RunId, Fault> {
    let top = format!("FROM run WHERE parent IS NULL AND {seen}");
    // Numbers are given by this store, in its own order; a start is the word of whoever made the run.
    let order = "ORDER BY number DESC LIMIT 1 OFFSET ?1";
    let mut query = connection.prepare_cached(&format!("SELECT id {top} {order}"))?;
    if let Some(run) = query.query_row([back], |row| run_id(row, 0)).optional()? {
        return Ok(run);
    }
    let count = connection.query_row(&format!("SELECT count(*) {top}"), [], |row| row.get(0))?;
    Err(StoreError::NotSoMany { wanted: wanted.to_owned(), count }.into())
}

/// The one run, of those that are seen, that fulfils a condition on `value`, if any; an error when several do. Of a stage's
/// run and its script's the stage's stands for both, as in lists.
fn single(
    connection: &Connection,
    condition: &str,
    value: &str,
    (wanted, seen): (&str, &str),
) -> Result<Option<RunId>, Fault> {
    let mut query = connection.prepare_cached(&format!(
        "SELECT id, name, start_time FROM run WHERE {condition} AND {seen}
         ORDER BY start_time DESC, id DESC"
    ))?;
    let found = query.query_map([value], |row| Ok((run_id(row, 0)?, row.get(1)?, Timestamp(row.get(2)?))))?;
    let mut found: Vec<(RunId, String, Timestamp)> = found.collect::<Result<_, _>>()?;
    if found.len() > 1 {
        found = as_listed(connection, found)?;
    }
    if found.len() > 1 {
        let candidates = found.iter().take(CANDIDATES).map(|(id, name, start)| {
            Ok(format!("{} ({name}, {})", unique_end(connection, *id, seen)?, start.local()))
        });
        let candidates = candidates.collect::<Result<_, Fault>>()?;
        return Err(
            StoreError::Ambiguous { wanted: wanted.to_owned(), count: found.len(), candidates }.into()
        );
    }
    Ok(found.first().map(|(id, ..)| *id))
}

/// Runs as lists show them: for that of a script its stage's, each once.
fn as_listed(
    connection: &Connection,
    found: Vec<(RunId, String, Timestamp)>,
) -> Result<Vec<(RunId, String, Timestamp)>, Fault> {
    let pairs = Pairs::load(connection)?;
    let mut listed: Vec<(RunId, String, Timestamp)> = Vec::new();
    let mut known = HashSet::new();
    for (id, name, start) in found {
        let text = id.to_string();
        let run = match pairs.both(&text) {
            Some((stage, _)) if stage != text => connection.query_row(
                "SELECT id, name, start_time FROM run WHERE id = ?1",
                [stage],
                |row| Ok((run_id(row, 0)?, row.get(1)?, Timestamp(row.get(2)?))),
            )?,
            _ => (id, name, start),
        };
        if known.insert(run.0) {
            listed.push(run);
        }
    }
    listed.sort_by_key(|(id, _, start)| std::cmp::Reverse((*start, *id)));
    Ok(listed)
}

/// The shortest end of an id, of [`SHORTEST`] digits at least, that names no other run.
fn unique_end(connection: &Connection, id: RunId, seen: &str) -> Result<String, Fault> {
    let id = id.to_string();
    let mut query = connection.prepare_cached(&format!(
        "SELECT count(*) FROM run WHERE (substr(id, -length(?1)) = ?1 OR {STARTS_WITH}) AND {seen}"
    ))?;
    for digits in (SHORTEST..id.len()).step_by(4) {
        let end = &id[id.len() - digits..];
        if query.query_row([end], |row| row.get::<_, i64>(0))? == 1 {
            return Ok(end.to_owned());
        }
    }
    Ok(id)
}

pub(super) fn metric_keys(connection: &Connection, run: RunId) -> Result<Vec<String>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT metric_key.name FROM run JOIN metric_latest ON metric_latest.run = run.number
         JOIN metric_key ON metric_key.number = metric_latest.key WHERE run.id = ?1 ORDER BY 1",
    )?;
    let keys = query.query_map([run.to_string()], |row| row.get(0))?;
    Ok(keys.collect::<Result<_, _>>()?)
}

pub(super) fn artifacts(connection: &Connection, run: RunId) -> Result<Vec<Artifact>, Fault> {
    match artifact::all(connection, &ArtifactOwner::Run(run)) {
        Err(Fault::Store(StoreError::UnknownRun(_))) => Ok(Vec::new()),
        found => found,
    }
}

pub(super) fn tag_history(connection: &Connection, run: RunId, key: &str) -> Result<Vec<TagValue>, Fault> {
    let mut query = connection.prepare_cached(
        "WITH this AS (SELECT number FROM run WHERE id = ?1)
         SELECT value, set_at, 0 AS now, number FROM tag_history WHERE run = (SELECT number FROM this) AND key = ?2
         UNION ALL
         SELECT value, set_at, 1, 0 FROM tag WHERE run = (SELECT number FROM this) AND key = ?2
         ORDER BY now, number",
    )?;
    let values = query.query_map([&run.to_string(), key], |row| {
        Ok(TagValue { value: row.get(0)?, set: Timestamp(row.get(1)?) })
    })?;
    Ok(values.collect::<Result<_, _>>()?)
}

pub(super) fn lineage(connection: &Connection, run: RunId, role: Role) -> Result<Vec<LineageFile>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT path, digest, size FROM lineage JOIN run ON run.number = lineage.run
         WHERE id = ?1 AND role = ?2 ORDER BY path",
    )?;
    let found = query.query_map(params![run.to_string(), role as i64], |row| {
        Ok(LineageFile { path: row.get(0)?, digest: digest(row, 1)?, size: size(row, 2)? })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The index by digest has the runs of each in order, so that the newest is met first. CROSS JOIN keeps SQLite from going through
/// all runs instead.
const MAKER: &str = "SELECT id FROM lineage CROSS JOIN run ON run.number = lineage.run
    WHERE digest = ?1 AND role = ?2 AND lineage.run < (SELECT number FROM run WHERE id = ?3) AND lifecycle = 0
    ORDER BY lineage.run DESC LIMIT 1";

pub(super) fn maker(connection: &Connection, digest: &Digest, before: RunId) -> Result<Option<RunId>, Fault> {
    let mut query = connection.prepare_cached(MAKER)?;
    let wanted = params![digest.to_string(), Role::Output as i64, before.to_string()];
    Ok(query.query_row(wanted, |row| run_id(row, 0)).optional()?)
}

pub(super) fn leases(connection: &Connection) -> Result<Vec<(RunId, Lease)>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT lease_host, lease_boot, lease_pid, lease_started, id FROM run
         WHERE lease_host IS NOT NULL AND lifecycle = 0 ORDER BY id",
    )?;
    let found = query.query_map([], |row| Ok((run_id(row, 4)?, lease_row(row)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Running runs that were heard of, with all below them, before the one time or after the other.
pub(super) fn heard_outside(
    connection: &Connection,
    earliest: Timestamp,
    latest: Timestamp,
) -> Result<Vec<(RunId, Option<Lease>, Timestamp)>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT number, id FROM run
         WHERE status = 0 AND lifecycle = 0 AND (heard < ?1 OR heard > ?2) ORDER BY number",
    )?;
    let found = query.query_map([earliest.0, latest.0], |row| Ok((row.get(0)?, run_id(row, 1)?)))?;
    let mut outside = Vec::new();
    for row in found {
        let (number, run): (i64, RunId) = row?;
        let heard = last_heard(connection, number, latest)?;
        if heard < earliest || heard > latest {
            outside.push((run, lease(connection, number)?, heard));
        }
    }
    Ok(outside)
}

/// The lease of the run with that number.
pub(super) fn lease(connection: &Connection, number: i64) -> Result<Option<Lease>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT lease_host, lease_boot, lease_pid, lease_started FROM run
         WHERE number = ?1 AND lease_host IS NOT NULL",
    )?;
    Ok(query.query_row([number], lease_row).optional()?)
}

fn lease_row(row: &Row) -> rusqlite::Result<Lease> {
    let started: i64 = row.get(3)?;
    Ok(Lease { host: row.get(0)?, boot: row.get(1)?, pid: row.get(2)?, started: started as u64 })
}

/// The run id in a column.
pub(super) fn run_id(row: &Row, column: usize) -> rusqlite::Result<RunId> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| unreadable(column, error))
}

/// The id of a logged model in a column.
pub(super) fn model_id(row: &Row, column: usize) -> rusqlite::Result<ModelId> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| unreadable(column, error))
}

pub(super) fn digest(row: &Row, column: usize) -> rusqlite::Result<Digest> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| unreadable(column, error))
}

pub(super) fn size(row: &Row, column: usize) -> rusqlite::Result<u64> {
    let size: i64 = row.get(column)?;
    u64::try_from(size).map_err(|_| unreadable(column, FromSqlError::OutOfRange(size)))
}

/// A lifecycle as stored; whatever is not active is hidden.
pub(super) fn lifecycle(stored: i64) -> Lifecycle {
    if stored == 0 { Lifecycle::Active } else { Lifecycle::Deleted }
}

pub(super) fn unreadable(
    column: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::{Change, Changes, LineageFile, NewRun, RunStore, SqliteStore};

    #[test]
    fn a_maker_is_found_at_once_among_any_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("runs.db");
        let store = SqliteStore::open(&path).expect("opens");
        let id = |number: u128| RunId::from_parts(Timestamp(1), number);
        let file = LineageFile { path: "out".into(), digest: Digest::Blake3([1; 32]), size: 1 };
        let wrote = |number: u128| {
            let outputs = Change::LogOutputs { run: id(number), files: vec![file.clone()] };
            [Change::CreateRun(NewRun::new(id(number), Timestamp(1))), outputs]
        };
        let changes = (0..1000).flat_map(wrote).collect();
        store.apply(Changes::new(Timestamp(1), changes)).expect("applied");
        assert_eq!(store.maker(&file.digest, id(999)).expect("read"), Some(id(998)));
        let connection = Connection::open(&path).expect("opens");
        let mut query = connection.prepare(MAKER).expect("prepared");
        let wanted = params![file.digest.to_string(), Role::Output as i64, id(999).to_string()];
        query.query_row(wanted, |_| Ok(())).expect("found");
        let steps = query.get_status(StatementStatus::VmStep);
        assert!(steps < 100, "{steps} steps");
    }
}
