//! A place in a list of runs, so that a reader goes on where a page ended, whatever came, went or changed meanwhile.
//!
//! It is made of what the list is ordered by, as the run at the end of the page had it: so runs that come, end or are
//! deleted between two pages move no other run from one page to another. Only a run whose own values change may be seen
//! twice, or not at all.

use std::borrow::Cow;
use std::cmp::Ordering;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FieldValue, OrderBy, Subject, Values};
use crate::{Run, RunId};

/// The place of a run in a list; the run need not be there any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCursor {
    /// For each field of the order, the value that decides.
    values: Vec<Option<Key>>,
    /// What ties are decided by: newest first, then by id.
    start: Timestamp,
    id: RunId,
}

/// A value in an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Key {
    /// The bits of a number: JSON has no NaN.
    Number(u64),
    Text(String),
}

impl RunCursor {
    /// The place of a run in a list with this order.
    pub fn of(run: &Run, order_by: &[OrderBy]) -> Self {
        let key = |order: &OrderBy| {
            let values = run.values(&order.field);
            let value = values.iter().next()?;
            Some(match value {
                FieldValue::Number(number) => Key::Number(number.to_bits()),
                FieldValue::Text(text) => Key::Text(text.clone().into_owned()),
            })
        };
        RunCursor { values: order_by.iter().map(key).collect(), start: run.info.start_time, id: run.info.id }
    }

    /// Whether it can be a place in a list with this order.
    pub fn fits(&self, order_by: &[OrderBy]) -> bool {
        self.values.len() == order_by.len()
    }

    /// What decides where nothing else does: the start and the id.
    pub(crate) fn natural(&self) -> (Timestamp, RunId) {
        (self.start, self.id)
    }

    /// Whether a run comes after this place, which has these values for the fields of the order.
    pub(crate) fn is_before<'a>(
        &self,
        order_by: &[OrderBy],
        mut value: impl FnMut(&OrderBy) -> &'a Values<'a>,
        (start, id): (Timestamp, RunId),
    ) -> bool {
        let by_key = order_by.iter().zip(&self.values).map(|(order, key)| {
            let key = match key {
                Some(Key::Number(bits)) => Values::number(f64::from_bits(*bits)),
                Some(Key::Text(text)) => Values::One(FieldValue::Text(Cow::Borrowed(text))),
                None => Values::None,
            };
            order.compare(&key, value(order))
        });
        let by_key = by_key.fold(Ordering::Equal, Ordering::then);
        by_key.then(start.cmp(&self.start)).then(self.id.cmp(&id)).is_lt()
    }
}
