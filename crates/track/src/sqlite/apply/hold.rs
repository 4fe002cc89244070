//! Files of versions that lie elsewhere, and are about to go there, or to become others: they become the versions' own.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Table, artifact};
use crate::sqlite::fault::Fault;
use crate::sqlite::lead::{Lead, leads, leads_into, leads_to, sources_of_copies};
use crate::{Artifact, Purge, VersionRef};

/// Makes the files of versions their own.
fn hold(transaction: &Transaction, leads: impl IntoIterator<Item = Lead>) -> Result<(), Fault> {
    for lead in leads {
        artifact::put(transaction, Table::Version, lead.version, &lead.files(transaction)?)?;
    }
    Ok(())
}

/// Those that go with what is removed, or cannot be reached any more because it is deleted.
pub(super) fn hold_what_goes_with(transaction: &Transaction, purge: &Purge) -> Result<(), Fault> {
    hold(transaction, leads_into(transaction, purge)?)
}

/// Those that were made of a version, or of any of a registered model. Where there are none yet, or they are kept elsewhere, what names
/// them is handed on.
pub(super) fn hold_what_is_made_of(
    transaction: &Transaction,
    model: &str,
    version: Option<i64>,
) -> Result<(), Fault> {
    let is_of = |of: &VersionRef| of.model == model && version.is_none_or(|one| one == of.version);
    let made_of = |lead: &Lead| lead.through.as_ref().is_some_and(is_of);
    hold(transaction, leads(transaction)?.into_iter().filter(made_of))?;
    for (copy, source) in sources_of_copies(transaction, is_of)? {
        transaction
            .prepare_cached("UPDATE model_version SET source = ?2 WHERE number = ?1")?
            .execute(params![copy, source])?;
    }
    Ok(())
}

/// Those that are among what lies at paths of an artifact's owner.
pub(super) fn hold_what_lies_at(
    transaction: &Transaction,
    (table, owner): (Table, i64),
    paths: &[&str],
) -> Result<(), Fault> {
    let is_below = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| outer.is_empty() || rest.is_empty() || rest.starts_with('/'))
    };
    let is_there =
        |lead: &Lead| paths.iter().any(|path| is_below(&lead.path, path) || is_below(path, &lead.path));
    hold(transaction, leads_to(transaction, table, owner)?.into_iter().filter(is_there))
}

/// Those of whose files one is about to be another by its name.
pub(super) fn hold_what_is_replaced(
    transaction: &Transaction,
    (table, owner): (Table, i64),
    artifacts: &[Artifact],
) -> Result<(), Fault> {
    let (name, column) = table.names();
    let mut query = transaction
        .prepare_cached(&format!("SELECT digest FROM {name} WHERE {column} = ?1 AND path = ?2"))?;
    let mut replaced = Vec::new();
    for artifact in artifacts {
        let known = query.query_row(params![owner, artifact.path], |row| row.get::<_, String>(0));
        if known.optional()?.is_some_and(|known| known != artifact.digest.to_string()) {
            replaced.push(&*artifact.path);
        }
    }
    if replaced.is_empty() { Ok(()) } else { hold_what_lies_at(transaction, (table, owner), &replaced) }
}
