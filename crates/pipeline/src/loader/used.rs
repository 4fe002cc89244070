//! Which values of files the stages use that are made of templates.

use base::Value;

use super::Loader;
use crate::format::native::spec::{Form, Written};
use crate::param_path::ParamPath;
use crate::template::{Context, Way, alone};

impl Loader<'_, '_> {
    /// Notes which values of files the body of a stage names, where the dialect tells of them. `context` is its own, and
    /// `of_group` that in which its group was filled in.
    pub(super) fn note_used(
        &mut self,
        written: &Written,
        context: &Context,
        of_group: &Context,
        locals: &[(&'static str, Value)],
    ) {
        if !self.dialect.tells_used_values() {
            return;
        }
        let locals = origins(written, of_group, locals);
        for used in context.used(&written.body, &locals) {
            // What stands in the pipeline file itself is called by no file's name.
            let file = used.source.strip_prefix('`').and_then(|source| source.strip_suffix('`'));
            let file = file.and_then(|file| ParamPath::from_record(file).ok());
            if let Some(file) =
                file.filter(|file| self.read_by_templates.iter().any(|read| file.inside() == Some(read)))
            {
                self.used.entry(file).or_default().insert(used.key, used.value.clone());
            }
        }
    }
}

/// Where the values of the local names came from, as far as files have them.
fn origins(
    written: &Written,
    context: &Context,
    locals: &[(&'static str, Value)],
) -> Vec<(Way, Option<Way>)> {
    let mut ways: Vec<(Way, Option<Way>)> =
        locals.iter().map(|(name, _)| (vec![(*name).to_owned()], None)).collect();
    let local = |name: &str| locals.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
    let Some(item) = local("item") else { return ways };
    let own = || vec!["item".to_owned()];
    match &written.form {
        Form::Foreach(data) => {
            let way = match local("key").and_then(Value::as_str) {
                Some(key) => below(data, context, key),
                None => among(data, context, item),
            };
            ways.push((own(), way));
        }
        Form::Matrix(data) => {
            for (variable, value) in item.as_map().into_iter().flatten() {
                let values = match data {
                    Value::Map(map) => map.get(variable).and_then(|values| among(values, context, value)),
                    data => alone(data).and_then(|way| place(context, joined(way, variable), value)),
                };
                ways.push((joined(own(), variable), values));
            }
        }
        Form::Single | Form::Files(_) => {}
    }
    ways
}

fn joined(mut way: Way, part: &str) -> Way {
    way.push(part.to_owned());
    way
}

/// Where the value under a key of what is written as a map came from.
fn below(written: &Value, context: &Context, key: &str) -> Option<Way> {
    let way = alone(written).map(|way| joined(way, key)).or_else(|| alone(written.as_map()?.get(key)?))?;
    context.at(&way).map(|_| way)
}

/// Where an item of what is written as a list came from.
fn among(written: &Value, context: &Context, item: &Value) -> Option<Way> {
    match written {
        Value::List(list) => {
            let mut ways = list.iter().filter_map(alone);
            ways.find(|way| context.at(way) == Some(item))
        }
        written => place(context, alone(written)?, item),
    }
}

/// The place of an item in the list at a way.
fn place(context: &Context, way: Way, item: &Value) -> Option<Way> {
    let Value::List(list) = context.at(&way)? else { return None };
    let at = list.iter().rposition(|known| known == item)?;
    Some(joined(way, &at.to_string()))
}
