//! Runs as a list that can be filtered, ordered, walked through, and from which some can be chosen to compare.

use form_urlencoded::Serializer;
use report::plots::escape;
use track::{ExperimentId, Filter, OrderBy, Run, Search, View, unknown_keys};

use super::html::{Html, Link, value};
use super::run::{parents, runs_table};
use crate::call::Call;
use crate::context::Context;
use crate::error::Fault;

/// Runs of one page.
const MOST_RUNS: usize = 100;

/// A list of more runs has the button that compares above it, too: below it nobody would see it.
const MOST_WITHOUT_BUTTON: usize = 15;
const COMPARE: &str = "<p><button>Compare the chosen runs</button></p>\n";

/// What asks for columns of all metrics and params.
const ALL: &str = "all";

/// What is asked for of a list.
pub struct Asked {
    /// The address of the list.
    address: String,
    /// Only what matches; empty for all.
    filter: String,
    /// The order in our language; empty for the newest first.
    order: String,
    /// So many are passed over.
    offset: usize,
    /// Whether all metrics and params have columns.
    all_columns: bool,
}

/// The order of a list, and the addresses of others.
pub struct Order<'a>(&'a Asked);

impl Asked {
    /// Reads what a query asks for of the list at `address`.
    pub fn of(call: &Call, address: &str) -> Result<Asked, Fault> {
        let text = |name| call.text(name).map(|text| text.unwrap_or_default().trim().to_owned());
        let offset = text("from")?.parse().unwrap_or(0);
        Ok(Asked {
            address: address.to_owned(),
            filter: text("filter")?,
            order: text("order_by")?,
            offset,
            all_columns: text("columns")? == ALL,
        })
    }

    /// The address of the same list in another order, from another place on.
    fn elsewhere(&self, order: &str, offset: usize) -> String {
        self.with(order, offset, self.all_columns)
    }

    fn with(&self, order: &str, offset: usize, all_columns: bool) -> String {
        let mut query = Serializer::new(String::new());
        let offset = if offset == 0 { String::new() } else { offset.to_string() };
        let columns = if all_columns { ALL } else { "" };
        let filter = self.filter.as_str();
        for (name, value) in
            [("filter", filter), ("order_by", order), ("from", &offset), ("columns", columns)]
        {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        let query = query.finish();
        if query.is_empty() { self.address.clone() } else { format!("{}?{query}", self.address) }
    }
}

impl Order<'_> {
    /// The head of a column, which orders the list by a field: greatest first, and the other way round when it is
    /// followed again.
    pub fn head(&self, class: &str, name: &str, field: &str) -> String {
        let Order(asked) = self;
        let greatest = format!("{field} DESC");
        let (next, mark) = match asked.order.as_str() {
            order if order == greatest => (format!("{field} ASC"), " ▼"),
            order if order == format!("{field} ASC") => (greatest, " ▲"),
            _ => (greatest, ""),
        };
        Link(asked.elsewhere(&next, 0), &format!("{name}{mark}")).head(class)
    }
}

impl Order<'_> {
    /// Whether all metrics and params have columns.
    pub fn has_all_columns(&self) -> bool {
        self.0.all_columns
    }

    /// A link to the same list with all columns, or with few again.
    pub fn other_columns(&self) -> String {
        let Order(asked) = self;
        let name = if asked.all_columns { "Fewer columns" } else { "All columns" };
        Link(asked.with(&asked.order, asked.offset, !asked.all_columns), name).text()
    }
}

/// The cell by which a run is chosen.
pub fn choice(run: &Run) -> String {
    let (id, name) = (run.info.id, escape(&run.info.name));
    format!(
        "<td><input type=\"checkbox\" name=\"run\" value=\"{id}\" aria-label=\"Compare run {name}\"></td>"
    )
}

/// A field for a filter, with an example of one; what else is asked for by a name stays, where it is not empty.
pub fn filter_form(page: &mut Html, address: &str, filter: &str, others: &[(&str, &str)], example: &str) {
    let others: String = others
        .iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", value(text)))
        .collect();
    page.raw(&format!(
        "<form method=\"get\" action=\"{}\"><input name=\"filter\" aria-label=\"Filter\" placeholder=\"{}\" value=\"{}\">{others} \
         <button>Filter</button></form>\n",
        escape(address),
        escape(example),
        value(filter)
    ));
}

/// Lists the runs of an experiment, or of all.
pub fn runs(
    page: &mut Html,
    context: &Context,
    experiment: Option<ExperimentId>,
    asked: &Asked,
) -> Result<(), Fault> {
    let example = "metrics.accuracy > 0.9 and params.seed = 42";
    let columns = if asked.all_columns { ALL } else { "" };
    let others = [("order_by", asked.order.as_str()), ("columns", columns)];
    filter_form(page, &asked.address, &asked.filter, &others, example);
    let mut search = Search {
        experiments: experiment.into_iter().collect(),
        joined: true,
        offset: asked.offset,
        limit: Some(MOST_RUNS + 1),
        ordered: Some(asked.offset.saturating_add(MOST_RUNS + 1)),
        ..Search::default()
    };
    if !asked.filter.is_empty() {
        match read_filter(context, &asked.filter) {
            Ok(filter) => search.filter = Some(filter),
            Err(fault) => page.paragraph("fault", format_args!("The filter is not used: {fault}")),
        }
    }
    if !asked.order.is_empty() {
        match OrderBy::parse(&asked.order) {
            Ok(order) => search.order_by = vec![order],
            Err(fault) => page.paragraph("fault", format_args!("The order is not used: {fault}")),
        }
    }
    let mut runs = context.store.search(&search)?;
    let is_cut = runs.len() > MOST_RUNS;
    runs.truncate(MOST_RUNS);
    let asked_for = search.filter.iter().flat_map(Filter::fields);
    let asked_for = asked_for.chain(search.order_by.iter().map(|order| &order.field));
    for unknown in unknown_keys(&*context.store, &runs, &asked_for.cloned().collect::<Vec<_>>())? {
        page.paragraph("fault", unknown);
    }
    if runs.is_empty() {
        let is_narrowed = search.filter.is_some() || asked.offset > 0;
        page.paragraph("faint", if is_narrowed { "No run matches." } else { "There is no run yet." });
    } else {
        page.raw("<form method=\"get\" action=\"/compare\">\n");
        if runs.len() > MOST_WITHOUT_BUTTON {
            page.raw(COMPARE);
        }
        runs_table(page, &runs, Some(&Order(asked)), &parents(context, &runs)?);
        page.raw(COMPARE);
        page.raw("</form>\n");
    }
    let earlier = asked.offset.saturating_sub(MOST_RUNS);
    let links = [
        (asked.offset > 0).then(|| Link(asked.elsewhere(&asked.order, earlier), "← previous")),
        is_cut.then(|| Link(asked.elsewhere(&asked.order, asked.offset.saturating_add(MOST_RUNS)), "next →")),
    ];
    let links: Vec<String> = links.iter().flatten().map(Link::text).collect();
    if !links.is_empty() {
        page.raw(&format!("<p>{}</p>\n", links.join(" · ")));
    }
    Ok(())
}

/// The filter that somebody wrote, or what is wrong with it.
fn read_filter(context: &Context, text: &str) -> Result<Filter, String> {
    let filter = Filter::parse(text).map_err(|fault| fault.to_string())?;
    filter.with_whole_ids(&*context.store, View::Active).map_err(|fault| fault.to_string())
}
