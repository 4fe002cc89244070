//! The courses of metrics as charts, some at a time: which metrics have one, and how to get to the others.

use std::collections::BTreeSet;

use report::plots::{Figure, Series, Shape, Template, Trace, svg};
use track::{Joined, Metric, RunId, RunStore, StoreError};

use super::html::{Html, Link};
use crate::call::Call;
use crate::context::Context;
use crate::error::Fault;

/// Charts of a page.
pub const MOST_CHARTS: usize = 60;
/// Points of a chart.
const MOST_POINTS: usize = 2500;
/// What a query says of how many charts are passed over.
const FROM: &str = "charts_from";

/// How many charts a query passes over.
pub fn from(call: &Call) -> Result<usize, Fault> {
    Ok(call.text(FROM)?.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Charts of what some runs measured, all runs in one chart, each by its name in the legend; `from` of them are passed over.
/// `address` is that of the page, with `?` and what else it asks for, if that is anything.
pub fn charts(
    page: &mut Html,
    context: &Context,
    runs: &[(String, &Joined)],
    address: &str,
    from: usize,
) -> Result<(), Fault> {
    let store = &*context.store;
    let keys = with_a_course(store, runs)?;
    page.raw("<div class=\"charts\" id=\"charts\">\n");
    for key in keys.iter().skip(from).take(MOST_CHARTS) {
        let holders: Vec<RunId> = runs.iter().map(|(_, one)| one.holder(key)).collect();
        let found = store.sampled_history(&holders, key, None, MOST_POINTS)?;
        let named = found.into_iter().map(|(id, history)| {
            let name =
                runs.iter().zip(&holders).find(|(_, holder)| **holder == id).map(|((name, _), _)| name);
            (name.filter(|name| !name.is_empty()).unwrap_or(key).clone(), history)
        });
        page.raw(&chart(key, &named.collect::<Vec<_>>()));
    }
    page.raw("</div>\n");
    walk(page, keys.len(), address, from);
    Ok(())
}

/// Says which charts these are, where there are others, and leads to them.
fn walk(page: &mut Html, all: usize, address: &str, from: usize) {
    let end = from.saturating_add(MOST_CHARTS).min(all);
    if from == 0 && end == all {
        return;
    }
    let joint = if address.contains('?') { '&' } else { '?' };
    let there = |from: usize| format!("{address}{joint}{FROM}={from}#charts");
    let links = [
        (from > 0).then(|| Link(there(from.saturating_sub(MOST_CHARTS).min(all)), "← previous charts")),
        (end < all).then(|| Link(there(end), "next charts →")),
    ];
    let links: Vec<String> = links.iter().flatten().map(Link::text).collect();
    let which =
        if from < end { format!("Charts {} to {end} of {all}.", from + 1) } else { format!("{all} charts.") };
    page.paragraph("faint", which);
    page.raw(&format!("<p>{}</p>\n", links.join(" · ")));
}

/// The metrics of which there is something to draw, in their order: a run has points of different steps, or of one step but with
/// different values. What was logged twice is no course.
fn with_a_course(store: &dyn RunStore, runs: &[(String, &Joined)]) -> Result<BTreeSet<String>, StoreError> {
    let mut keys = BTreeSet::new();
    for (_, one) in runs {
        for id in one.ids() {
            for course in store.courses(id, 1)? {
                let is_shown =
                    course.points > 1 && one.holder(&course.key) == id && !keys.contains(&course.key);
                if is_shown && has_a_course(store, id, &course.key)? {
                    keys.insert(course.key);
                }
            }
        }
    }
    Ok(keys)
}

fn has_a_course(store: &dyn RunStore, run: RunId, key: &str) -> Result<bool, StoreError> {
    let points = |most| store.sampled_history(&[run], key, None, most);
    let what = |point: &Metric| (point.step, point.value.to_bits());
    let differs = |found: Vec<(RunId, Vec<Metric>)>| {
        found.iter().any(|(_, points)| points.windows(2).any(|pair| what(&pair[0]) != what(&pair[1])))
    };
    // The first and the last one tell it of nearly all.
    Ok(differs(points(2)?) || differs(points(MOST_POINTS)?))
}

/// The course of a metric in some runs, each with what the legend calls it: over its steps, or over the order of its
/// points where the steps say nothing.
fn chart(key: &str, histories: &[(String, Vec<Metric>)]) -> String {
    let has_steps = histories.iter().any(|(_, history)| {
        history.first().map(|point| point.step) != history.last().map(|point| point.step)
    });
    let x = |at: usize, point: &Metric| if has_steps { point.step as f64 } else { at as f64 };
    let y = |point: &Metric| if point.value.is_finite() { point.value } else { f64::NAN };
    let traces = histories.iter().enumerate().map(|(color, (name, history))| Trace {
        name: name.clone(),
        revision: String::new(),
        column: key.to_owned(),
        color,
        dash: 0,
        points: history.iter().enumerate().map(|(at, point)| (x(at, point), y(point))).collect(),
        smooth: Vec::new(),
    });
    svg(&Figure {
        name: key.to_owned(),
        title: key.to_owned(),
        x_label: if has_steps { "step" } else { "point" }.to_owned(),
        y_label: String::new(),
        shape: Shape::Series(Series {
            template: Template::Linear,
            categories: None,
            traces: traces.collect(),
        }),
        notes: Vec::new(),
    })
}
