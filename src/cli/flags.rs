//! Flags made from a configuration type: one for each of its fields, with the field's default.
//!
//! A field's name is the flag's (`--n_samples`, and `--n-samples` too), its default value tells the type, and
//! a table of help texts tells people. Values come back as JSON, so that the configuration type itself is
//! the only judge of what is legal.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Map, Value as Json};

/// A field: its name and what people are told.
pub type Flag = (&'static str, &'static str);

/// Adds a flag for each field.
pub fn add(command: Command, heading: &'static str, flags: &'static [Flag], defaults: &Json) -> Command {
    flags.iter().fold(command, |command, (name, help)| {
        let default = match &defaults[*name] {
            Json::Null => String::new(),
            Json::Array(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                format!(" [default: {}]", items.join(","))
            }
            Json::String(text) => format!(" [default: {text}]"),
            other => format!(" [default: {other}]"),
        };
        let arg = Arg::new(*name)
            .long(*name)
            .help(format!("{help}{default}"))
            .help_heading(heading)
            .value_name(placeholder(&defaults[*name]))
            .allow_hyphen_values(true)
            .num_args(1);
        let dashed: &'static str = if name.contains('_') { dashed(name) } else { name };
        command.arg(if dashed == *name { arg } else { arg.alias(dashed) })
    })
}

/// The name with dashes. clap keeps names for the whole process, and this is done once per flag.
fn dashed(name: &str) -> &'static str {
    Box::leak(name.replace('_', "-").into_boxed_str())
}

fn placeholder(default: &Json) -> &'static str {
    match default {
        Json::Number(_) => "N",
        Json::Bool(_) => "true|false",
        Json::Array(_) => "LIST",
        _ => "NAME",
    }
}

/// What was given on the command line, by field.
pub fn given(matches: &ArgMatches, flags: &[Flag], defaults: &Json) -> Map<String, Json> {
    let mut values = Map::new();
    for (name, _) in flags {
        if let Some(text) = matches.get_one::<String>(name) {
            values.insert((*name).to_owned(), read(text, &defaults[*name]));
        }
    }
    values
}

/// A flag's text as the type of its default; a text that is of another type stays a text, and the
/// configuration type refuses it.
fn read(text: &str, default: &Json) -> Json {
    let number = |text: &str| -> Json {
        let text = text.trim();
        let whole = text.parse::<u64>().map(Json::from).or_else(|_| text.parse::<i64>().map(Json::from));
        let number = whole
            .ok()
            .or_else(|| text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Json::from));
        number.unwrap_or_else(|| Json::from(text))
    };
    match default {
        Json::Number(_) => number(text),
        Json::Bool(_) => text.parse::<bool>().map_or_else(|_| Json::from(text), Json::from),
        Json::Array(_) => text.split([',', ' ']).filter(|item| !item.is_empty()).map(number).collect(),
        // A field without default: a number where it looks like one.
        Json::Null => number(text),
        _ => Json::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_take_the_type_of_the_default() {
        assert_eq!(read("3", &json!(1.5)), json!(3));
        assert_eq!(read("1e-3", &json!(1.5)), json!(0.001));
        assert_eq!(read("x", &json!(1)), json!("x"));
        assert_eq!(read("nan", &json!(1.0)), json!("nan"));
        assert_eq!(read("true", &json!(false)), json!(true));
        assert_eq!(read("1,2.5", &json!([])), json!([1, 2.5]));
        assert_eq!(read("spirals", &Json::Null), json!("spirals"));
    }
}
