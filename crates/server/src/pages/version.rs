//! One version of a registered model: what it is, what its run measured, what it takes and gives, and its files.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use report::{bytes_text, float_text};
use serde_json::Value as Json;
use track::{ArtifactOwner, Joined, LoggedModel, ModelVersion, StoreError, VersionRef, shown_id};

use super::html::{Html, Link, cell, folded, head, number};
use super::{models, run};
use crate::artifacts::exactly;
use crate::context::Context;
use crate::error::Fault;
use crate::{logged_models, versions};

/// A description of a model that is larger is not read.
const LARGEST: u64 = 1 << 20;
/// Files of a page.
const MOST_FILES: usize = 500;

/// The address of a version's page.
pub fn address(model: &str, version: i64) -> String {
    format!("{}/versions/{version}", models::address(model))
}

/// The page of a version.
pub fn page(context: &Context, name: &str, number: &str) -> Result<String, Fault> {
    let no_number = || Fault::missing(format!("Model Version (name={name}, version={number}) not found"));
    let wanted = VersionRef { model: name.to_owned(), version: number.parse().map_err(|_| no_number())? };
    let version = versions::find(context, &wanted)?;
    let title = format!("{name}, version {}", version.version);
    let mut page = Html::default();
    page.link(&Link(models::address(name), name));
    page.heading(1, &title);
    if let Some(text) = version.description.as_deref().filter(|text| !text.is_empty()) {
        page.text(text);
    }
    let made_by = version.run.map(|run| context.store.run(run));
    let made_by = match made_by.transpose() {
        Ok(run) => run.map(|run| Joined::of(&*context.store, run)).transpose()?,
        Err(StoreError::UnknownRun(_)) => None,
        Err(fault) => return Err(fault.into()),
    };
    let model = version.logged_model.map(|id| logged_models::find(context, id));
    let model = model.transpose().unwrap_or_default();
    facts(&mut page, context, &version, model.as_ref())?;
    page.pairs("Tags", version.tags.iter().map(|(key, value)| vec![cell(key), folded(value)]));
    let (owner, folder) = match versions::place_of(context, version.clone()) {
        Ok(place) => place,
        Err(_) => (ArtifactOwner::Version(version.model.clone(), version.version), String::new()),
    };
    signature(&mut page, context, &owner, &folder)?;
    let params = made_by.iter().map(|found| &found.run.data.params);
    let params = params.chain(model.iter().map(|model| &model.params)).find(|params| !params.is_empty());
    let params = params.into_iter().flatten().map(|(key, value)| vec![cell(key), folded(value)]);
    page.pairs("Params of its run", params);
    if let Some(found) = &made_by {
        run::metrics(&mut page, context, found)?;
    }
    if let Some(model) = &model {
        measured(&mut page, model);
    }
    files(&mut page, context, &version, (&owner, &folder))?;
    Ok(page.finish(&title))
}

fn facts(
    page: &mut Html,
    context: &Context,
    version: &ModelVersion,
    model: Option<&LoggedModel>,
) -> Result<(), Fault> {
    let aliases: Vec<String> = version.aliases.iter().map(|alias| format!("@{alias}")).collect();
    let status = version.message.iter().fold(version.status.name().to_owned(), |status, message| {
        if message.is_empty() { status } else { format!("{status}: {message}") }
    });
    let mut facts = vec![
        ("status", cell(status)),
        ("stage", cell(version.stage)),
        ("aliases", cell(aliases.join(", "))),
        ("source", folded(&version.source)),
    ];
    if let Some(run) = version.run {
        facts.push(("run", run::link_to(context, shown_id(&*context.store, run)?)?));
    }
    facts.extend(version.logged_model.map(|id| {
        let name = model.map(|model| format!("{} ", model.name)).unwrap_or_default();
        ("logged model", cell(format_args!("{name}{id}")))
    }));
    facts.extend((!version.user.is_empty()).then(|| ("made by", cell(&version.user))));
    facts.push(("made", cell(version.created.local())));
    facts.push(("changed", cell(version.updated.local())));
    page.table(&[], facts.into_iter().map(|(name, value)| vec![cell(name), value]));
    Ok(())
}

/// What was measured of the logged model itself, with the data that it was measured on.
fn measured(page: &mut Html, model: &LoggedModel) {
    if model.metrics.is_empty() {
        return;
    }
    page.heading(2, "Measured of the logged model");
    let rows = model.metrics.iter().map(|point| {
        let data = point.dataset.as_ref().map_or("", |dataset| dataset.name.as_str());
        let value = float_text(point.metric.value, run::DIGITS);
        vec![cell(&point.metric.key), number(value), number(point.metric.step), cell(data)]
    });
    let heads = [head("", "metric"), head("number", "value"), head("number", "step"), head("", "data set")];
    page.table_below(&heads, rows);
}

/// What the model takes and gives, as its description says.
fn signature(page: &mut Html, context: &Context, owner: &ArtifactOwner, folder: &str) -> Result<(), Fault> {
    let path = if folder.is_empty() { "MLmodel".to_owned() } else { format!("{folder}/MLmodel") };
    let found = match context.store.artifact(owner, &path) {
        Ok(found) => found.filter(|file| file.size <= LARGEST),
        Err(_) => None,
    };
    let Some(text) = found.and_then(|file| context.blobs.read(&file.digest).ok()) else { return Ok(()) };
    let rows = signature_of(&String::from_utf8_lossy(&text));
    let rows = rows.into_iter().flat_map(|(part, columns)| {
        columns.into_iter().map(move |(name, kind)| vec![cell(&part), cell(name), folded(&kind)])
    });
    page.pairs("Signature", rows);
    Ok(())
}

/// The parts of a signature (`inputs`, `outputs`, `params`) in a model's description, each with the name and the type of its
/// columns. The description is YAML of MLflow's own making: each part is a text in quotes, which is JSON and may go on in
/// lines that stand further in.
fn signature_of(description: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut parts: Vec<(String, String)> = Vec::new();
    let lines = description.lines().skip_while(|line| line.trim_end() != "signature:").skip(1);
    for line in lines.take_while(|line| line.starts_with(' ')) {
        let text = line.trim();
        match (line.starts_with("   "), text.split_once(": "), parts.last_mut()) {
            (false, Some((part, value)), _) => parts.push((part.to_owned(), value.to_owned())),
            (true, _, Some((_, value))) => *value = format!("{value} {text}"),
            _ => {}
        }
    }
    let columns = |text: &str| -> Vec<(String, String)> {
        let text = text.trim_matches('\'').replace("''", "'");
        let Ok(Json::Array(columns)) = serde_json::from_str(&text) else { return Vec::new() };
        columns.iter().map(column).collect()
    };
    parts.into_iter().map(|(part, text)| (part, columns(&text))).collect()
}

/// The name of a column, and its type: that of a tensor with its shape.
fn column(column: &Json) -> (String, String) {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let name = column.get("name").map(text).unwrap_or_default();
    let kind = match column.get("tensor-spec") {
        Some(tensor) => format!("{} {}", text(&tensor["dtype"]), tensor["shape"]),
        None => column.get("type").map(text).unwrap_or_default(),
    };
    let is_optional = column.get("required") == Some(&Json::Bool(false));
    (name, if is_optional { format!("{kind} (optional)") } else { kind })
}

/// The files of a version, each to be had.
fn files(
    page: &mut Html,
    context: &Context,
    version: &ModelVersion,
    (owner, folder): (&ArtifactOwner, &str),
) -> Result<(), Fault> {
    // Files that are kept elsewhere are nobody's here.
    let mut all = context.store.artifacts_of(owner).unwrap_or_default();
    let name = utf8_percent_encode(&version.model, NON_ALPHANUMERIC);
    let below = |path: &str| match folder {
        "" => Some(path.to_owned()),
        _ => Some(path.strip_prefix(folder)?.strip_prefix('/')?.to_owned()),
    };
    all.retain(|file| below(&file.path).is_some());
    let count = all.len();
    let rows = all.iter().take(MOST_FILES).filter_map(|file| {
        let path = below(&file.path)?;
        let there = format!(
            "/model-versions/get-artifact?name={name}&version={}&path={}{}",
            version.version,
            utf8_percent_encode(&path, NON_ALPHANUMERIC),
            exactly(&path)
        );
        Some(vec![Link(there, &path).cell(), number(bytes_text(file.size))])
    });
    page.pairs("Files", rows);
    if count > MOST_FILES {
        page.paragraph("faint", format_args!("Only the first {MOST_FILES} of {count} are shown."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_of_a_description() {
        let text = "run_id: x\nsignature:\n  inputs: '[{\"type\": \"double\", \"name\": \"it''s\", \"required\": false},\n    \
                    {\"type\": \"long\", \"name\": \"b\"}]'\n  outputs: '[{\"type\": \"tensor\", \"tensor-spec\": \
                    {\"dtype\": \"int64\", \"shape\": [-1]}}]'\n  params: null\nutc: 1\n";
        let pair = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
        let expected = vec![
            ("inputs".to_owned(), vec![pair("it's", "double (optional)"), pair("b", "long")]),
            ("outputs".to_owned(), vec![pair("", "int64 [-1]")]),
            ("params".to_owned(), Vec::new()),
        ];
        assert_eq!(signature_of(text), expected);
        assert_eq!(signature_of("flavors: {}\n"), Vec::new());
        assert_eq!(signature_of("signature:\n  inputs: '[{'\n"), vec![("inputs".to_owned(), Vec::new())]);
    }
}
