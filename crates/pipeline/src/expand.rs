//! `foreach` and `matrix`: one written stage becomes several.
//!
//! Only the names and the values of `item` and `key` are made here; the body is filled in with them like that of
//! any other stage. The rules for names are DVC's, so that its files keep their stages' names.

use base::{ProjectPath, Value};
use indexmap::IndexMap;

use crate::dialect::Dialect;
use crate::special::Glob;

/// No written stage becomes more than this: a product of a few lists is soon too large for any machine.
const MOST: usize = 100_000;

/// One stage to be made of a written one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    /// What stands behind the `@` in its name.
    pub suffix: String,
    /// `item`, and `key` where there is one.
    pub locals: Vec<(&'static str, Value)>,
    /// The file that it is about, where it is made of one.
    pub file: Option<ProjectPath>,
}

/// The name that only stages made of a file have: its path below the pattern's fixed part, without its suffix.
pub(crate) const STEM: &str = "stem";

/// The members of `foreach` over the files `found` of `glob`, in a pipeline file in `folder`.
///
/// A member is called by its file's path below the fixed part of the pattern, so that no other file changes its name.
/// `item` is the path as the pattern is written, from `folder`; `key` the member's name; `stem` is that without suffix.
pub(crate) fn files(glob: &Glob, found: &[ProjectPath], folder: &ProjectPath) -> Result<Vec<Member>, String> {
    let mut found: Vec<&ProjectPath> = found.iter().collect();
    found.sort_unstable();
    let members = found.into_iter().map(|file| {
        let key = file.relative_to(glob.base());
        let name = file.name();
        let suffix = name.rfind('.').filter(|at| *at > 0).map_or(0, |at| name.len() - at);
        let stem = &key[..key.len() - suffix];
        Member {
            suffix: stage_name(&key),
            locals: vec![
                ("item", Value::from(file.relative_to(folder).as_str())),
                ("key", Value::from(key.as_str())),
                (STEM, Value::from(stem)),
            ],
            file: Some(file.clone()),
        }
    });
    each_once(members.collect())
}

/// A path as part of a stage's name: control characters as `%0A`, and what looks like one of these with its `%` as
/// `%25`, so that two paths never give one name.
fn stage_name(path: &str) -> String {
    let is_code = |at: usize| {
        path.as_bytes().get(at + 1..at + 3).is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit))
    };
    let mut name = String::with_capacity(path.len());
    for (at, c) in path.char_indices() {
        if c.is_control() || (c == '%' && is_code(at)) {
            let mut bytes = [0; 4];
            name.extend(c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")));
        } else {
            name.push(c);
        }
    }
    name
}

/// The members of `foreach` over `data`, for which `written` stands in the pipeline file.
///
/// A map's members are called by their keys, a list's by their values, or by their numbers where an item is a map
/// or a list itself.
pub(crate) fn foreach(data: &Value, written: &Value, dialect: Dialect) -> Result<Vec<Member>, String> {
    let named;
    let data = match data {
        Value::Pairs(pairs) => {
            named = Value::Map(dialect.named_items(pairs));
            &named
        }
        _ => data,
    };
    let members = match data {
        Value::Map(map) => map
            .iter()
            .map(|(key, item)| Member {
                suffix: key.clone(),
                locals: vec![("item", item.clone()), ("key", Value::from(key.as_str()))],
                file: None,
            })
            .collect(),
        Value::List(list) => {
            let numbered = list.iter().any(is_composite);
            let member = |(at, item): (usize, &Value)| Member {
                suffix: if numbered { at.to_string() } else { dialect.name_part(item, item_at(written, at)) },
                locals: vec![("item", item.clone())],
                file: None,
            };
            list.iter().enumerate().map(member).collect()
        }
        other => return Err(format!("expected a list or a map, found {}", other.type_name())),
    };
    each_once(members)
}

/// The members of `matrix` over `data`, for which `written` stands in the pipeline file: every choice of one value for
/// each variable, the last variable changing fastest. A value that is a map or list is called by its variable and
/// number.
pub(crate) fn matrix(data: &Value, written: &Value, dialect: Dialect) -> Result<Vec<Member>, String> {
    let Value::Map(variables) = data else {
        return Err(format!("expected a map of lists, found {}", data.type_name()));
    };
    if variables.is_empty() {
        return Err("expected at least one variable with its values".to_owned());
    }
    let mut choices: Vec<(Vec<String>, IndexMap<String, Value>)> = vec![Default::default()];
    for (number, (variable, values)) in variables.iter().enumerate() {
        // Filling in keeps the order, and may change the name.
        let written = written.as_map().and_then(|map| Some(map.get_index(number)?.1));
        let Some(values) = dialect.values_of_variable(values, written) else {
            return Err(format!("`{variable}`: expected a list, found {}", values.type_name()));
        };
        if choices.len().saturating_mul(values.len()) > MOST {
            return Err(format!("more than {MOST} stages"));
        }
        let mut longer = Vec::with_capacity(choices.len() * values.len());
        for (parts, chosen) in &choices {
            for (at, value) in values.iter().enumerate() {
                let part = if is_composite(value) {
                    format!("{variable}{at}")
                } else {
                    dialect.name_part(value, written.and_then(|written| item_at(written, at)))
                };
                let mut parts = parts.clone();
                parts.push(part);
                let mut chosen = chosen.clone();
                chosen.insert(variable.clone(), value.clone());
                longer.push((parts, chosen));
            }
        }
        choices = longer;
    }
    let member = |(parts, chosen): (Vec<String>, IndexMap<String, Value>)| {
        let suffix = parts.join("-");
        let key = Value::from(suffix.as_str());
        Member { suffix, locals: vec![("item", Value::Map(chosen)), ("key", key)], file: None }
    };
    each_once(choices.into_iter().map(member).collect())
}

/// Refuses names that no stage can have, and two different values of one name; the same value twice is one stage.
fn each_once(members: Vec<Member>) -> Result<Vec<Member>, String> {
    if members.len() > MOST {
        return Err(format!("more than {MOST} stages"));
    }
    let mut known: IndexMap<String, Member> = IndexMap::with_capacity(members.len());
    for member in members {
        let suffix = &member.suffix;
        if suffix.is_empty() || suffix.chars().any(char::is_control) {
            return Err(format!("`{}` cannot be part of a stage's name", suffix.escape_debug()));
        }
        match known.get(suffix) {
            Some(first) if *first == member => {}
            Some(_) => return Err(format!("two different values would both be called `{suffix}`")),
            None => drop(known.insert(suffix.clone(), member)),
        }
    }
    Ok(known.into_values().collect())
}

fn item_at(written: &Value, at: usize) -> Option<&Value> {
    match written {
        Value::List(list) => list.get(at),
        _ => None,
    }
}

fn is_composite(value: &Value) -> bool {
    matches!(value, Value::Map(_) | Value::Pairs(_) | Value::List(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(members: Result<Vec<Member>, String>) -> Vec<String> {
        members.expect("members").into_iter().map(|member| member.suffix).collect()
    }

    fn json(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn names_of_foreach() {
        assert_eq!(
            names(foreach(&json(r#"["a", 1, 0.5, true, "1.0"]"#), &Value::Null, Dialect::Native)),
            ["a", "1", "0.5", "true", "1.0"]
        );
        assert_eq!(names(foreach(&json(r#"["a", {"b": 1}]"#), &Value::Null, Dialect::Native)), ["0", "1"]);
        assert_eq!(names(foreach(&json(r#"["a", [1]]"#), &Value::Null, Dialect::Native)), ["0", "1"]);
        assert_eq!(
            names(foreach(&json(r#"{"us": 1, "uk": {"x": 2}}"#), &Value::Null, Dialect::Native)),
            ["us", "uk"]
        );
        assert!(names(foreach(&json("[]"), &Value::Null, Dialect::Native)).is_empty());
        assert_eq!(names(foreach(&json("[1, 1]"), &Value::Null, Dialect::Native)), ["1"]);
        assert!(foreach(&json(r#"[1, "1"]"#), &Value::Null, Dialect::Native).is_err());
        assert!(foreach(&json(r#"[""]"#), &Value::Null, Dialect::Native).is_err());
        assert!(foreach(&json("3"), &Value::Null, Dialect::Native).is_err());
    }

    #[test]
    fn truths_from_elsewhere_are_pythons_in_projects_of_dvc() {
        let (data, written) = (json("[true, true, false]"), json(r#"[true, "${a}", "${b}"]"#));
        let of = |written: &Value, dialect| names(foreach(&data, written, dialect));
        assert_eq!(of(&written, Dialect::Dvc), ["true", "True", "False"]);
        assert_eq!(of(&Value::from("${l}"), Dialect::Dvc), ["True", "False"]);
        assert_eq!(of(&written, Dialect::Native), ["true", "false"]);
        let written = json(r#"{"x": [true], "${y}": "${l}"}"#);
        let members = matrix(&json(r#"{"x": [true], "y": [false]}"#), &written, Dialect::Dvc);
        assert_eq!(names(members), ["true-False"]);
    }

    #[test]
    fn files_are_called_by_their_paths() {
        let path = |text: &str| ProjectPath::from_record(text).expect("a path");
        let glob = Glob::new(&path("sub/raw/**"), &[]).expect("a pattern");
        let names = [
            "sub/raw/b.tar.gz",
            "sub/raw/a b.png",
            "sub/raw/x/.rc",
            "sub/raw/%0A",
            "sub/raw/\n",
            "sub/raw/5%",
        ];
        let found = names.map(|name| ProjectPath::from_relative(std::path::Path::new(name)).expect("a path"));
        let members = files(&glob, &found, &path("sub")).expect("members");
        let told: Vec<[String; 4]> = members
            .iter()
            .map(|member| {
                let local = |at: usize| member.locals[at].1.as_str().expect("a text").to_owned();
                [member.suffix.clone(), local(0), local(1), local(2)]
            })
            .collect();
        assert_eq!(
            told,
            [
                ["%0A", "raw/\n", "\n", "\n"],
                ["%250A", "raw/%0A", "%0A", "%0A"],
                ["5%", "raw/5%", "5%", "5%"],
                ["a b.png", "raw/a b.png", "a b.png", "a b"],
                ["b.tar.gz", "raw/b.tar.gz", "b.tar.gz", "b.tar"],
                ["x/.rc", "raw/x/.rc", "x/.rc", "x/.rc"],
            ]
        );
    }

    #[test]
    fn key_exists_for_maps_only() {
        let of = |text: &str| {
            foreach(&json(text), &Value::Null, Dialect::Native).expect("members")[0].locals.clone()
        };
        assert_eq!(of(r#"{"us": 1}"#), [("item", Value::from(1)), ("key", Value::from("us"))]);
        assert_eq!(of("[1]"), [("item", Value::from(1))]);
    }

    #[test]
    fn a_matrix_is_a_product_in_declared_order() {
        let members =
            matrix(&json(r#"{"m": ["a", "b"], "c": [1, {"x": 2}]}"#), &Value::Null, Dialect::Native);
        assert_eq!(names(members.clone()), ["a-1", "a-c1", "b-1", "b-c1"]);
        let last = members.expect("members").pop().expect("four");
        assert_eq!(last.locals[0].1, json(r#"{"m": "b", "c": {"x": 2}}"#));
        assert_eq!(last.locals[1], ("key", Value::from("b-c1")));
        assert!(matrix(&json(r#"{"m": 1}"#), &Value::Null, Dialect::Native).is_err());
        let names = |data: &str, written: &str, dialect| {
            let members = matrix(&json(data), &json(written), dialect)?;
            Ok::<_, String>(members.into_iter().map(|member| member.suffix).collect::<Vec<_>>())
        };
        let filled_in = (r#"{"m": {"a": 1, "b": 2}}"#, r#"{"m": "${a}"}"#);
        let text = (r#"{"m": "ab"}"#, r#"{"m": "ab"}"#);
        for (data, written) in [filled_in, text] {
            assert_eq!(names(data, written, Dialect::Dvc), Ok(vec!["a".to_owned(), "b".to_owned()]));
            assert!(names(data, written, Dialect::Native).is_err());
        }
        assert!(names(r#"{"m": "ab"}"#, r#"{"m": "${a}"}"#, Dialect::Dvc).is_err());
        assert!(names(r#"{"m": {"a": 1}}"#, r#"{"m": {"a": 1}}"#, Dialect::Dvc).is_err());
        assert!(matrix(&json("{}"), &Value::Null, Dialect::Native).is_err());
        let many = format!("[{}]", (0..400).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
        let error = matrix(&json(&format!(r#"{{"a": {many}, "b": {many}}}"#)), &Value::Null, Dialect::Native)
            .expect_err("too many");
        assert_eq!(error, "more than 100000 stages");
    }
}
