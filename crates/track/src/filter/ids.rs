//! Ids of runs in a filter, as people write ids elsewhere: the start or the end of one, or `last`.

use super::evaluate::names_a_run;
use super::{Filter, Literal};
use crate::{RunStore, StoreError, View};

/// Digits of a whole id.
const WHOLE: usize = 32;

impl Filter {
    /// The same filter with whole ids where a run is named by a part of its id or as `last`. A run is looked for in `view`, and
    /// where it is not, among all. A whole id stays as it is, whether there is such a run or not.
    ///
    /// # Errors
    /// When no run, or more than one, is named so: such a comparison could match nothing, or anything. Or when the store fails.
    pub fn with_whole_ids(mut self, store: &dyn RunStore, view: View) -> Result<Filter, StoreError> {
        self.complete(&|wanted| whole_id(store, wanted, view))?;
        Ok(self)
    }

    fn complete(&mut self, whole: &dyn Fn(&str) -> Result<String, StoreError>) -> Result<(), StoreError> {
        let replace = |literal: &mut Literal| -> Result<(), StoreError> {
            *literal = Literal::Exact(whole(literal.text())?);
            Ok(())
        };
        match self {
            Filter::And(parts) | Filter::Or(parts) => {
                parts.iter_mut().try_for_each(|part| part.complete(whole))
            }
            Filter::Not(part) => part.complete(whole),
            Filter::Compare { field, value, .. } if names_a_run(field) => replace(value),
            Filter::In { field, values } | Filter::NotIn { field, values } if names_a_run(field) => {
                values.iter_mut().try_for_each(replace)
            }
            _ => Ok(()),
        }
    }
}

fn whole_id(store: &dyn RunStore, wanted: &str, view: View) -> Result<String, StoreError> {
    let digits = wanted.to_ascii_lowercase();
    let is_hex = digits.len() <= WHOLE && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && digits.len() == WHOLE {
        return Ok(digits);
    }
    let is_last = wanted.strip_prefix("last").is_some_and(|rest| rest.is_empty() || rest.starts_with('~'));
    if !(is_last || is_hex && digits.len() >= 4) {
        return Err(StoreError::NoId(wanted.to_owned()));
    }
    let found = match store.find_run_in(wanted, view) {
        Err(StoreError::NoMatch(_) | StoreError::FoundDeleted { .. }) => store.find_run_in(wanted, View::All),
        found => found,
    };
    let id = match found {
        Ok(id) => id.to_string(),
        Err(StoreError::NoMatch(_)) => return Err(StoreError::NoSuchId(wanted.to_owned())),
        Err(fault) => return Err(fault),
    };
    // A run may be called as part of an id.
    if is_last || id.starts_with(&digits) || id.ends_with(&digits) {
        return Ok(id);
    }
    Err(StoreError::NoSuchId(wanted.to_owned()))
}
