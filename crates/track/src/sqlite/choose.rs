//! Filter, order and page of things that were read whole.

use std::cmp::Ordering;

use crate::filter::Subject;
use crate::{Filter, OrderBy};

/// What matches, ordered and cut; ties stay in the order that they came in.
pub(super) fn choose<T: Subject>(
    mut things: Vec<T>,
    filter: Option<&Filter>,
    order_by: &[OrderBy],
    (offset, limit): (usize, Option<usize>),
) -> Vec<T> {
    if let Some(filter) = filter {
        things.retain(|thing| filter.holds_of(thing));
    }
    if !order_by.is_empty() {
        things.sort_by(|a, b| {
            let by_key =
                order_by.iter().map(|order| order.compare(&a.values(&order.field), &b.values(&order.field)));
            by_key.fold(Ordering::Equal, Ordering::then)
        });
    }
    cut(things, offset, limit)
}

/// A page of what is in order.
pub(super) fn cut<T>(mut things: Vec<T>, offset: usize, limit: Option<usize>) -> Vec<T> {
    things.drain(..offset.min(things.len()));
    things.truncate(limit.unwrap_or(usize::MAX));
    things
}

/// The same page, cut by SQL where nothing else decides.
pub(super) fn page((offset, limit): (usize, Option<usize>)) -> String {
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    format!(" LIMIT {} OFFSET {}", limit.map_or(-1, number), number(offset))
}
