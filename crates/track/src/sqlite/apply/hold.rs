//! Files of versions that lie elsewhere, and are about to go there: they become the versions' own.

use rusqlite::Transaction;

use super::{Table, artifact};
use crate::sqlite::fault::Fault;
use crate::sqlite::lead::{Lead, leads};

/// Makes the files of those versions their own for which it is so.
pub(super) fn hold(
    transaction: &Transaction,
    goes: impl Fn(&Lead) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    for lead in leads(transaction)? {
        if goes(&lead)? {
            artifact::log(transaction, Table::Version, lead.version, &lead.files(transaction)?)?;
        }
    }
    Ok(())
}

/// Those that were made of a version, or of any of a registered model.
pub(super) fn hold_what_is_made_of(
    transaction: &Transaction,
    model: &str,
    version: Option<i64>,
) -> Result<(), Fault> {
    hold(transaction, |lead| {
        let is_of = |of: &crate::VersionRef| of.model == model && version.is_none_or(|one| one == of.version);
        Ok(lead.through.as_ref().is_some_and(is_of))
    })
}

/// Those whose files are among what lies at a path of an artifact's owner.
pub(super) fn hold_what_lies_at(
    transaction: &Transaction,
    table: Table,
    owner: i64,
    path: &str,
) -> Result<(), Fault> {
    let is_below = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| outer.is_empty() || rest.is_empty() || rest.starts_with('/'))
    };
    hold(transaction, |lead| {
        let is_there = lead.table == table && lead.owner == owner;
        Ok(is_there && (is_below(&lead.path, path) || is_below(path, &lead.path)))
    })
}
