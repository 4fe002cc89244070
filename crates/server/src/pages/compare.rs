//! Several runs side by side: what differs first, what is equal when it is asked for, and the courses of their metrics.

use std::collections::BTreeSet;

use report::{LISTED, duration_text, float_text};
use track::{Joined, Run, RunId};

use super::html::{Html, Link, cell, folded, head, short};
use super::run::{MOST_CHARTS, MOST_POINTS, chart, name_of, status};
use crate::call::Call;
use crate::context::Context;
use crate::error::Fault;
use crate::runs::find;

/// Runs of one comparison; beyond, nobody reads the table.
const MOST_RUNS: usize = 20;

/// One line of the comparison: its cells as HTML, and whether they differ.
struct Row {
    field: String,
    cells: Vec<String>,
    differs: bool,
}

/// Compares the runs that a query names, as `run=ID` each.
pub fn page(context: &Context, call: &Call) -> Result<String, Fault> {
    let mut ids = call.texts("run")?;
    let mut seen = BTreeSet::new();
    ids.retain(|id| seen.insert(*id));
    let mut page = Html::default();
    page.heading(1, "Runs side by side");
    if ids.len() < 2 {
        page.paragraph("fault", "Choose two runs at least, by the boxes in a list of runs.");
        return Ok(page.finish("Runs side by side"));
    }
    if ids.len() > MOST_RUNS {
        page.paragraph("faint", format_args!("Only the first {MOST_RUNS} are shown."));
        ids.truncate(MOST_RUNS);
    }
    let joined = ids
        .iter()
        .map(|id| Ok(Joined::of(&*context.store, find(context, id)?)?))
        .collect::<Result<Vec<_>, Fault>>()?;
    let runs: Vec<Run> = joined.iter().map(|one| one.run.clone()).collect();
    let with_equal = call.text("all")?.is_some();
    let mut rows = rows(&runs);
    let equal = rows.iter().filter(|row| !row.differs).count();
    rows.retain(|row| with_equal || row.differs);
    rows.sort_by_key(|row| !row.differs);
    let mut heads = vec![head("", "")];
    heads.extend(runs.iter().map(|run| Link(format!("/runs/{}", run.info.id), &name_of(run)).head("")));
    page.table_below(
        &heads,
        rows.into_iter().map(|row| {
            let field = if with_equal && row.differs { format!("* {}", row.field) } else { row.field };
            let mut cells = vec![short(field)];
            cells.extend(row.cells);
            cells
        }),
    );
    if equal > 0 && !with_equal {
        let chosen: Vec<String> = runs.iter().map(|run| format!("run={}", run.info.id)).collect();
        let text = format!("Show {} too", report::count_text(equal, "equal row"));
        page.link(&Link(format!("/compare?{}&all=", chosen.join("&")), &text));
    }
    charts(&mut page, context, &joined, &runs)?;
    Ok(page.finish("Runs side by side"))
}

/// Everything that is compared, in the order: who, metrics, params, tags.
fn rows(runs: &[Run]) -> Vec<Row> {
    let row = |field: String, texts: Vec<Option<String>>, made: fn(&str) -> String| Row {
        field,
        differs: texts.windows(2).any(|pair| pair[0] != pair[1]),
        cells: texts.iter().map(|text| made(text.as_deref().unwrap_or("-"))).collect(),
    };
    let of = |text: fn(&Run) -> String| runs.iter().map(|run| Some(text(run))).collect();
    let mut rows = vec![
        row("id".to_owned(), of(|run| run.info.id.short()), |text| short(text)),
        row("experiment".to_owned(), of(|run| run.info.experiment_name.clone()), |text| cell(text)),
        row("status".to_owned(), of(status), |text| short(text)),
        row("start".to_owned(), of(|run| run.info.start_time.local()), |text| short(text)),
        row(
            "duration".to_owned(),
            runs.iter().map(|run| run.info.duration_millis().map(duration_text)).collect(),
            |text| short(text),
        ),
    ];
    for key in keys(runs, |run| run.data.metrics.keys().collect()) {
        // In as many digits as it takes to see that two differ.
        let at = |digits| -> Vec<Option<String>> {
            let value = |run: &Run| Some(float_text(run.data.metrics.get(&key)?.value, digits));
            runs.iter().map(value).collect()
        };
        let looks = |texts: &[Option<String>]| texts.iter().collect::<BTreeSet<_>>().len();
        let (listed, exact) = (at(LISTED), at(17));
        let texts = if looks(&listed) < looks(&exact) { exact } else { listed };
        rows.push(row(format!("metrics.{key}"), texts, |text| short(text)));
    }
    for key in keys(runs, |run| run.data.params.keys().collect()) {
        let texts = runs.iter().map(|run| run.data.params.get(&key).cloned()).collect();
        rows.push(row(format!("params.{key}"), texts, folded));
    }
    for key in keys(runs, |run| run.data.tags.keys().collect()) {
        let texts = runs.iter().map(|run| run.data.tags.get(&key).cloned()).collect();
        rows.push(row(format!("tags.{key}"), texts, folded));
    }
    rows
}

fn keys<'a>(runs: &'a [Run], of: fn(&'a Run) -> Vec<&'a String>) -> BTreeSet<String> {
    runs.iter().flat_map(of).cloned().collect()
}

/// A chart for each metric of which two points at least were logged.
fn charts(page: &mut Html, context: &Context, joined: &[Joined], runs: &[Run]) -> Result<(), Fault> {
    let keys = keys(runs, |run| run.data.metrics.keys().collect());
    page.raw("<div class=\"charts\">\n");
    for key in keys.iter().take(MOST_CHARTS) {
        let holders: Vec<RunId> = joined.iter().map(|one| one.holder(key)).collect();
        let found = context.store.sampled_history(&holders, key, None, MOST_POINTS)?;
        if found.iter().any(|(_, history)| history.len() > 1) {
            let named = found.into_iter().map(|(id, history)| {
                let run = joined.iter().map(|one| &one.run).zip(&holders).find(|(_, holder)| **holder == id);
                let name = run.map_or_else(
                    || id.short(),
                    |(run, _)| format!("{} {}", name_of(run), run.info.id.short()),
                );
                (name, history)
            });
            page.raw(&chart(key, &named.collect::<Vec<_>>()));
        }
    }
    page.raw("</div>\n");
    if keys.len() > MOST_CHARTS {
        page.paragraph("faint", format_args!("Charts of the first {MOST_CHARTS} metrics are shown."));
    }
    Ok(())
}
