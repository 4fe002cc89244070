//! Several runs side by side: what differs first, what is equal when it is asked for, and the courses of their metrics.

use std::collections::BTreeSet;

use report::{LISTED, duration_text, float_text};
use track::{Joined, Run, is_bookkeeping};

use super::charts::{self, charts};
use super::html::{Html, Link, folded, head, name as name_cell, short, shortened};
use super::run::{name_of, status};
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
    let is_left_out = |row: &Row| !with_equal && row.field.strip_prefix("tags.").is_some_and(is_bookkeeping);
    let left_out = rows.iter().filter(|row| is_left_out(row)).count();
    rows.retain(|row| !is_left_out(row));
    let equal = rows.iter().filter(|row| !row.differs).count();
    rows.retain(|row| with_equal || row.differs);
    rows.sort_by_key(|row| !row.differs);
    let mut heads = vec![head("", "")];
    heads.extend(runs.iter().map(|run| Link(format!("/runs/{}", run.info.id), &name_of(run)).head("name")));
    page.table_below(
        &heads,
        rows.into_iter().map(|row| {
            let field = if with_equal && row.differs { format!("* {}", row.field) } else { row.field };
            let mut cells = vec![name_cell(field)];
            cells.extend(row.cells);
            cells
        }),
    );
    let chosen: Vec<String> = runs.iter().map(|run| format!("run={}", run.info.id)).collect();
    let address = format!("/compare?{}", chosen.join("&"));
    let hidden = [
        (equal > 0 && !with_equal).then(|| report::count_text(equal, "equal row")),
        (left_out > 0).then(|| format!("{} of pipe and MLflow", report::count_text(left_out, "tag"))),
    ];
    let hidden: Vec<String> = hidden.into_iter().flatten().collect();
    if !hidden.is_empty() {
        let text = format!("Show {} too", hidden.join(" and "));
        page.link(&Link(format!("{address}&all="), &text));
    }
    let name = |run: &Run| format!("{} {}", name_of(run), run.info.id.short());
    let named: Vec<(String, &Joined)> = joined.iter().map(|one| (name(&one.run), one)).collect();
    let address = if with_equal { format!("{address}&all=") } else { address };
    charts(&mut page, context, &named, &address, charts::from(call)?)?;
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
        row("experiment".to_owned(), of(|run| run.info.experiment_name.clone()), |text| {
            if shortened(text) == text { name_cell(text) } else { folded(text) }
        }),
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
