//! Registered models: all of them, and one with its versions, aliases and tags.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use report::count_text;
use track::{
    Attribute, Comparison, Field, Filter, Joined, Literal, MlflowError, ModelSearch, ModelVersion, RunId,
    Searched, VersionSearch,
};

use super::html::{Html, Link, cell, folded, number, short, shortened};
use super::list::filter_form;
use super::run::name_of;
use super::version;
use crate::call::Call;
use crate::context::Context;
use crate::error::Fault;

/// Models, or versions of one, of a page.
const MOST: usize = 200;

/// All registered models, or those that match.
pub fn list(context: &Context, call: &Call) -> Result<String, Fault> {
    let mut page = Html::default();
    page.heading(1, "Registered models");
    let text = call.text("filter")?.unwrap_or_default().trim();
    filter_form(&mut page, "/models", text, &[], "iris, or name ILIKE '%iris%' and tags.task = 'classify'");
    let filter = match read_filter(text) {
        Ok(filter) => filter.filter(|_| !text.is_empty()),
        Err(fault) => {
            page.paragraph("fault", format_args!("The filter is not used: {fault}"));
            None
        }
    };
    let is_narrowed = filter.is_some();
    let search = ModelSearch { filter, limit: Some(MOST + 1), ..ModelSearch::default() };
    let mut models = context.store.search_registered_models(&search)?;
    let is_cut = models.len() > MOST;
    models.truncate(MOST);
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    let latest = context.store.latest_versions_of_each(&names)?;
    let rows = models.iter().zip(&latest).map(|(model, latest)| {
        let newest = latest.iter().map(|version| version.version).max();
        let aliases: Vec<String> =
            model.aliases.iter().map(|(alias, version)| format!("@{alias} → {version}")).collect();
        vec![
            Link(address(&model.name), &shortened(&model.name)).named(),
            number(newest.map_or_else(|| "-".to_owned(), |version| version.to_string())),
            short(model.updated.local()),
            cell(aliases.join(", ")),
            cell(tags_text(&model.tags)),
            cell(shortened(model.description.as_deref().unwrap_or_default())),
        ]
    });
    page.table(&["name", "newest", "changed", "aliases", "tags", "description"], rows);
    if models.is_empty() {
        page.paragraph(
            "faint",
            if is_narrowed { "No model matches." } else { "There is no registered model yet." },
        );
    }
    if is_cut {
        page.paragraph("faint", format_args!("Only the first {MOST} are shown; a filter finds others."));
    }
    Ok(page.finish("Registered models"))
}

/// A filter in MLflow's grammar; what is none of it but words is part of a name, as in MLflow's own pages.
fn read_filter(text: &str) -> Result<Option<Filter>, MlflowError> {
    let parse = |text: &str| Filter::parse_mlflow(text, Searched::RegisteredModels);
    let is_words = !text.contains(['=', '<', '>', '!', '\'', '"', '`', '%', '(']);
    parse(text).or_else(|fault| if is_words { parse(&format!("name ILIKE '%{text}%'")) } else { Err(fault) })
}

/// One registered model.
pub fn one(context: &Context, name: &str) -> Result<String, Fault> {
    let model = context.store.registered_model(name);
    let model =
        model.map_err(|fault| crate::registry::missing_as(fault, || crate::registry::missing(name)))?;
    let mut page = Html::default();
    page.heading(1, &model.name);
    if let Some(text) = model.description.as_deref().filter(|text| !text.is_empty()) {
        page.text(text);
    }
    let facts = [("made", model.created.local()), ("changed", model.updated.local())];
    page.table(&[], facts.into_iter().map(|(name, value)| vec![cell(name), short(value)]));
    page.pairs("Tags", model.tags.iter().map(|(key, value)| vec![cell(key), folded(value)]));
    let mut versions = versions(context, name)?;
    let is_cut = versions.len() > MOST;
    versions.truncate(MOST);
    page.heading(2, count_text(versions.len(), "version"));
    let runs = runs(context, &versions)?;
    let rows = versions.iter().map(|version| {
        let aliases: Vec<String> = version.aliases.iter().map(|alias| format!("@{alias}")).collect();
        let run = version.run.map_or_else(
            || cell("-"),
            |run| match runs.get(&run) {
                Some((shown, name)) => Link(format!("/runs/{shown}"), name).cell(),
                None => cell(format_args!("{} (gone)", run.short())),
            },
        );
        vec![
            Link(version::address(name, version.version), &version.version.to_string()).cell(),
            short(version.status.name()),
            short(version.stage),
            cell(aliases.join(", ")),
            run,
            folded(&version.source),
            cell(tags_text(&version.tags)),
            folded(version.description.as_deref().unwrap_or_default()),
            short(version.created.local()),
        ]
    });
    let heads = ["version", "status", "stage", "aliases", "run", "source", "tags", "description", "made"];
    page.table(&heads, rows);
    if is_cut {
        page.paragraph("faint", format_args!("Only the newest {MOST} are shown."));
    }
    Ok(page.finish(&model.name))
}

/// The newest versions of a model, one more than a page shows.
fn versions(context: &Context, name: &str) -> Result<Vec<ModelVersion>, Fault> {
    let is_of_it = Filter::Compare {
        field: Field::Attribute(Attribute::Name),
        comparison: Comparison::Equal,
        value: Literal::Exact(name.to_owned()),
    };
    let search = VersionSearch { filter: Some(is_of_it), limit: Some(MOST + 1), ..VersionSearch::default() };
    Ok(context.store.search_model_versions(&search)?)
}

/// The runs that made versions, of those that are there, as lists show them: of a stage's script its stage's run.
fn runs(context: &Context, versions: &[ModelVersion]) -> Result<BTreeMap<RunId, (RunId, String)>, Fault> {
    let ids: Vec<RunId> = versions.iter().filter_map(|version| version.run).collect();
    let mut shown = BTreeMap::new();
    for run in context.store.runs(&ids)? {
        let id = run.info.id;
        let Joined { run, .. } = Joined::of(&*context.store, run)?;
        shown.insert(id, (run.info.id, name_of(&run).into_owned()));
    }
    Ok(shown)
}

fn tags_text(tags: &BTreeMap<String, String>) -> String {
    let texts: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={}", shortened(value))).collect();
    texts.join(", ")
}

/// The address of a model's page.
pub fn address(name: &str) -> String {
    format!("/models/{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}
