//! Changing one key of a settings file, with comments, order and layout of the rest left alone.

use std::path::Path;

use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value as TomlValue, value};

use super::{Fault, KEYS, Scope, SettingsError, Value, find, read};

/// The text of a settings file with `name` set to what `given` says.
///
/// # Errors
/// When the key or the value is none, or the file is faulty.
pub fn set(text: &str, scope: Scope, path: &Path, name: &str, given: &str) -> Result<String, SettingsError> {
    let key = find(name, KEYS).map_err(Fault::bare)?;
    key.permit(name, scope).map_err(Fault::bare)?;
    let new = match key.of_text(given).map_err(Fault::bare)? {
        Value::Flag(flag) => value(flag),
        Value::Text(text) => value(text),
        Value::Words(words) => value(words.into_iter().collect::<Array>()),
    };
    read(text, scope, path, KEYS)?;
    let mut document = parse(text, scope, path)?;
    let (last, above) = split(name);
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for part in above {
        let entry = table.entry(part).or_insert_with(|| Item::Table(idle_table()));
        table = entry.as_table_like_mut().expect("the file was checked");
    }
    match table.get_mut(last).and_then(Item::as_value_mut) {
        Some(old) => {
            let decor = old.decor().clone();
            *old = new.into_value().unwrap_or_else(|_| TomlValue::from(""));
            *old.decor_mut() = decor;
        }
        None => {
            table.insert(last, new);
        }
    }
    Ok(document.to_string())
}

/// The text of a settings file without `name`; `None` when it is not set there. Works on files with other faults too,
/// so that a wrong key can be taken out.
///
/// # Errors
/// When the file is no TOML.
pub fn unset(text: &str, scope: Scope, path: &Path, name: &str) -> Result<Option<String>, SettingsError> {
    let mut document = parse(text, scope, path)?;
    let (last, above) = split(name);
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for part in &above {
        let Some(below) = table.get_mut(part).and_then(Item::as_table_like_mut) else { return Ok(None) };
        table = below;
    }
    if table.remove(last).is_none() {
        return Ok(None);
    }
    // A table that this leaves empty says nothing, unless somebody wrote a comment over it.
    for end in (1..=above.len()).rev() {
        if !remove_empty(document.as_table_mut(), &above[..end]) {
            break;
        }
    }
    Ok(Some(document.to_string()))
}

/// A table that is written down only when it holds something itself.
fn idle_table() -> Table {
    let mut table = Table::new();
    table.set_implicit(true);
    table
}

/// Removes the table of this name if it is empty and without comments.
fn remove_empty(document: &mut Table, name: &[&str]) -> bool {
    let Some((last, above)) = name.split_last() else { return false };
    let mut table: &mut dyn TableLike = document;
    for part in above {
        let Some(below) = table.get_mut(part).and_then(Item::as_table_like_mut) else { return false };
        table = below;
    }
    let is_idle = table.get(last).is_some_and(|item| {
        item.as_table_like().is_some_and(TableLike::is_empty) && !item.as_table().is_some_and(is_commented)
    });
    is_idle && table.remove(last).is_some()
}

fn is_commented(table: &Table) -> bool {
    let decor = table.decor();
    [decor.prefix(), decor.suffix()]
        .into_iter()
        .flatten()
        .any(|text| text.as_str().is_some_and(|text| text.contains('#')))
}

fn split(name: &str) -> (&str, Vec<&str>) {
    let mut parts: Vec<&str> = name.split('.').collect();
    (parts.pop().unwrap_or_default(), parts)
}

fn parse(text: &str, scope: Scope, path: &Path) -> Result<DocumentMut, SettingsError> {
    text.parse().map_err(|_| read(text, scope, path, KEYS).expect_err("the same parser refused it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# ours\n[cache]  # the cache\n  # why\n  dir = \"/a\" # here\n\nlink_types = 'copy'\n";

    fn set_in(text: &str, name: &str, value: &str) -> String {
        set(text, Scope::Project, Path::new("config.toml"), name, value).unwrap()
    }

    #[test]
    fn what_is_not_meant_stays() {
        assert_eq!(set_in(TEXT, "cache.dir", "/b"), TEXT.replace("/a", "/b"));
        let listed = set_in(TEXT, "cache.link_types", "hardlink, copy");
        assert_eq!(listed, TEXT.replace("'copy'", r#"["hardlink", "copy"]"#));
        assert_eq!(set_in("", "cache.dir", "/b"), "[cache]\ndir = \"/b\"\n");
        assert_eq!(set_in("cache.dir = '/a'\n", "cache.dir", "b"), "cache.dir = \"b\"\n");
        let unset = |text, name| unset(text, Scope::Project, Path::new("config.toml"), name).unwrap();
        assert_eq!(
            unset(TEXT, "cache.link_types").unwrap(),
            "# ours\n[cache]  # the cache\n  # why\n  dir = \"/a\" # here\n"
        );
        assert_eq!(unset("[cache]\ndir = '/a'\n", "cache.dir").unwrap(), "");
        assert_eq!(unset("[cache]\ndri = '/a'\n", "cache.dri").unwrap(), "");
        assert_eq!(unset("# why\n[cache]\ndir = '/a'\n", "cache.dir").unwrap(), "# why\n[cache]\n");
        assert_eq!(unset(TEXT, "cache.none"), None);
        assert_eq!(unset(TEXT, "cache.dir.below"), None);
    }

    #[test]
    fn nothing_wrong_is_written() {
        let set = |text, name, value| set(text, Scope::Project, Path::new("config.toml"), name, value);
        for (text, name, value) in [
            ("", "cache.dri", "x"),
            ("", "cache.dir", " "),
            ("[cache\n", "cache.dir", "x"),
            ("x = 1", "cache.dir", "x"),
        ] {
            assert!(set(text, name, value).is_err(), "{text} {name} {value}");
        }
    }
}
