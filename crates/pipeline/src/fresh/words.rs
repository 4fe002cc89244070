//! What a reason says to people.

use std::fmt;

use base::Value;

use crate::fresh::{PathOrName, StaleReason};
use crate::special::{DepName, SpecialKind, SpecialName};

/// What can be done with data that was edited while its pointer moved; `path` as a shell takes it.
pub fn ways_out(path: &dyn fmt::Display, is_folder: bool) -> String {
    let one = format!(
        "`pipe checkout -f {path}` takes what the pointer records, `pipe commit -f {path}` what is here"
    );
    match is_folder {
        false => one,
        true => format!(
            "{one}; of a folder also some of both, by `pipe add {path}/FILE` for each file of yours and then `pipe checkout \
             {path}`"
        ),
    }
}

/// That `absent` of so many files of `word` `path` are not here; whether the cache holds them.
pub fn partial_text(
    word: &str,
    path: &dyn fmt::Display,
    (absent, files): (u64, u64),
    in_cache: bool,
) -> String {
    let are = if absent == 1 { "is" } else { "are" };
    let brings = if in_cache { "checkout" } else { "pull" };
    format!(
        "{absent} of {files} files in {word} {path} {are} not here (`pipe {brings} {path}` brings what is absent, `pipe \
         commit -f {path}` records that it was removed)"
    )
}

/// That `path` is a part of what a checkout was bringing; whether the cache holds that, and whether something else was put
/// there since.
pub fn cut_off_text(path: &dyn fmt::Display, in_cache: bool, is_edited: bool) -> String {
    let (finishes, changed) = match (in_cache, is_edited) {
        (false, false) => ("pull", ""),
        (true, false) => ("checkout", ""),
        (false, true) => ("pull -f", ", and files in it were changed since"),
        (true, true) => ("checkout -f", ", and files in it were changed since"),
    };
    format!(
        "a checkout of {path} was cut off{changed} (`pipe {finishes} {path}` finishes it, `pipe commit -f {path}` records \
         what is here)"
    )
}

impl fmt::Display for PathOrName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathOrName::Path(path) => path.fmt(f),
            PathOrName::Name(name) => name.fmt(f),
        }
    }
}

/// A clause for people, without a full stop: `param params.yaml:lr changed: 0.1 -> 0.2`.
impl fmt::Display for StaleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shell = |shell: &Option<String>| shell.clone().unwrap_or_else(|| "default".to_owned());
        let builtin = |builtin: &Option<String>| builtin.clone().unwrap_or_else(|| "none".to_owned());
        match self {
            StaleReason::New => f.write_str("has not run yet"),
            StaleReason::CommandChanged { old, new } => {
                let (old, new) = differing(&old.to_string(), &new.to_string());
                write!(f, "command changed: {old} -> {new}")
            }
            StaleReason::ShellChanged { old, new } => {
                write!(f, "shell changed: {} -> {}", shell(old), shell(new))
            }
            StaleReason::WdirChanged { old, new } => write!(f, "wdir changed: {old} -> {new}"),
            StaleReason::BuiltinChanged { old, new } => {
                write!(f, "built-in algorithm changed: {} -> {}", builtin(old), builtin(new))
            }
            StaleReason::DepChanged { path, old, new } => {
                write!(f, "dep {path} changed: {} -> {}", old.short(), new.short())
            }
            StaleReason::DepAdded { path } => write!(f, "dep {path} is new"),
            StaleReason::DepRemoved { path } => write!(f, "dep {path} was removed"),
            StaleReason::DepMissing {
                path: DepName::Special(SpecialName { kind: SpecialKind::Glob, text }),
            } => {
                write!(f, "no file matches dep {text}")
            }
            StaleReason::DepMissing { path } => write!(f, "dep {path} does not exist"),
            StaleReason::DepShrinks { path } => write!(f, "depends on the removal of {path}"),
            StaleReason::ParamChanged { file, key, old, new } => {
                write!(f, "param {file}:{key} changed: {}", change(old, new))
            }
            StaleReason::ParamAdded { file, key, .. } if key.is_empty() => {
                write!(f, "param file {file} is new, and holds nothing")
            }
            StaleReason::ParamAdded { file, key, new } => {
                write!(f, "param {file}:{key} is new: {}", short(new))
            }
            StaleReason::ParamRemoved { file, key, old } => {
                write!(f, "param {file}:{key} was removed: it was {old}")
            }
            StaleReason::ParamMissing { file, key: Some(key) } => {
                write!(f, "param file {file} has no key `{key}`")
            }
            StaleReason::ParamMissing { file, key: None } => write!(f, "param file {file} does not exist"),
            StaleReason::ParamFileMisspelled { text, right, .. } => {
                write!(f, "params of {text} are new to DVC each time: write {right} in dvc.yaml")
            }
            StaleReason::ParamUnrecordable { file, place, what, instead, .. } => write!(
                f,
                "param {file}:{place} is {what}, which dvc.lock cannot hold, so that DVC calls it changed each time: write \
                 {instead}"
            ),
            StaleReason::Unreadable { message, .. } => f.write_str(message),
            StaleReason::OutMissing { path } => write!(f, "out {path} does not exist"),
            StaleReason::DataMissing { path } => {
                write!(f, "data {path} is neither in the workspace nor in the cache (`pipe pull` fetches it)")
            }
            StaleReason::DataOutdated { path, old, new } => {
                let (old, new) = (old.short(), new.short());
                write!(
                    f,
                    "data {path} is outdated, since its pointer moved: {old} -> {new} (`pipe checkout {path}` brings it)"
                )
            }
            StaleReason::DataNotFetched { path, new, .. } => write!(
                f,
                "data {path} is outdated, since its pointer moved to {}, which the cache does not hold (`pipe pull` \
                 fetches it)",
                new.short()
            ),
            StaleReason::DataPartial { path, absent, files, in_cache, .. } => {
                f.write_str(&partial_text("data", path, (*absent, *files), *in_cache))
            }
            StaleReason::CheckoutCutOff { path, in_cache, is_edited, .. } => {
                f.write_str(&cut_off_text(path, *in_cache, *is_edited))
            }
            StaleReason::DataDiverged { path, old: Some(_), is_folder, .. } => {
                let ways = ways_out(path, *is_folder);
                write!(f, "data {path} was edited, and its pointer moved meanwhile ({ways})")
            }
            StaleReason::DataDiverged { path, old: None, is_folder, .. } => write!(
                f,
                "data {path} is not what its pointer records, and nothing here tells which of them changed ({})",
                ways_out(path, *is_folder)
            ),
            StaleReason::SourceChanged { source } => write!(f, "{source} has other data"),
            StaleReason::OutChanged { path, old, new } => {
                write!(f, "out {path} changed: {} -> {}", old.short(), new.short())
            }
            StaleReason::OutAdded { path } => write!(f, "out {path} is new"),
            StaleReason::OutRemoved { path } => write!(f, "out {path} was removed"),
            StaleReason::OutNotCached { path } => write!(f, "out {path} is not in the cache"),
            StaleReason::PersistChanged { path, old, new } => {
                write!(f, "persist of out {path} changed: {old} -> {new}")
            }
            StaleReason::ExcludeChanged { path, old, new } => {
                write!(f, "exclude of out {path} changed: [{}] -> [{}]", old.join(", "), new.join(", "))
            }
            StaleReason::EnvChanged { name, old: Some(old), new: Some(new) } => {
                write!(f, "variable {name} changed: {old} -> {new}")
            }
            StaleReason::EnvChanged { name, .. } => write!(f, "variable {name} changed"),
            StaleReason::EnvAdded { name } => write!(f, "variable {name} is new"),
            StaleReason::EnvRemoved { name } => write!(f, "variable {name} is no longer declared"),
            StaleReason::AlwaysChanged => f.write_str("is always changed"),
            StaleReason::Callback => f.write_str("has neither deps, params nor outs"),
            StaleReason::Forced => f.write_str("was forced"),
            StaleReason::Upstream { stage } if stage.is_source() => {
                write!(f, "data of {stage} before it is stale")
            }
            StaleReason::Upstream { stage } => write!(f, "stage {stage} before it is stale"),
        }
    }
}

/// So many characters of a command are told.
const LONGEST: usize = 100;

/// Two texts, without words that both begin and end with where they are long.
fn differing(old: &str, new: &str) -> (String, String) {
    let is_short = |text: &str| text.chars().count() <= LONGEST;
    if is_short(old) && is_short(new) {
        return (old.to_owned(), new.to_owned());
    }
    let [old, new] = [old, new].map(|text| text.split(' ').collect::<Vec<&str>>());
    let alike = |(a, b): &(&&str, &&str)| a == b;
    let before = old.iter().zip(&new).take_while(alike).count();
    let most = old.len().min(new.len()) - before;
    let behind = old.iter().rev().zip(new.iter().rev()).take_while(alike).count().min(most);
    // A word more than differs tells where it is.
    let (before, behind) = (before.saturating_sub(1), behind.saturating_sub(1));
    let shown = |words: &[&str]| {
        let middle = shortened(&words[before..words.len() - behind].join(" "));
        let (head, tail) = (if before > 0 { "… " } else { "" }, if behind > 0 { " …" } else { "" });
        format!("{head}{middle}{tail}")
    };
    (shown(&old), shown(&new))
}

/// A long text without its middle.
fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= LONGEST {
        return text.to_owned();
    }
    let start: String = text.chars().take(LONGEST / 2).collect();
    let end: String = text.chars().skip(length - LONGEST / 2).collect();
    format!("{start} … {end}")
}

/// So many changed keys of a map are told; of more it is told how many.
const TOLD: usize = 5;

/// So many characters of a value are told.
const SHORT: usize = 80;

/// A value, cut where it is long.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHORT) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Two different values, told so that they differ: where they begin alike by the words that do, and where they read alike with
/// their types.
fn distinct(old: &Value, new: &Value) -> (String, String) {
    let cut = (short(old), short(new));
    if cut.0 != cut.1 {
        return cut;
    }
    let (mut whole_old, mut whole_new) = (old.to_string(), new.to_string());
    if whole_old == whole_new {
        (whole_old, whole_new) = (typed(old), typed(new));
    }
    let told = differing(&whole_old, &whole_new);
    if told.0 != told.1 {
        return told;
    }
    // One word without blanks, or what the middle was cut out of.
    let same = whole_old.chars().zip(whole_new.chars()).take_while(|(a, b)| a == b).count();
    let from = |text: &str| format!("…{}", text.chars().skip(same).take(SHORT).collect::<String>());
    (from(&whole_old), from(&whole_new))
}

/// A value with quotes around all texts, and none around dates.
fn typed(value: &Value) -> String {
    let entry = |key: String, value: &Value| format!("{key}: {}", typed(value));
    match value {
        Value::Str(text) => format!("{text:?}"),
        Value::List(list) => format!("[{}]", list.iter().map(typed).collect::<Vec<_>>().join(", ")),
        Value::Map(map) => {
            let entries: Vec<_> = map.iter().map(|(key, value)| entry(format!("{key:?}"), value)).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Pairs(pairs) => {
            let entries: Vec<_> = pairs.iter().map(|(key, value)| entry(typed(key), value)).collect();
            format!("{{{}}}", entries.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

/// How a value changed; of a map, which of the keys in it, however deep, in any order.
fn change(old: &Value, new: &Value) -> String {
    let mut changes = Vec::new();
    collect("", Some(old), Some(new), &mut changes);
    if changes.len() > TOLD {
        let more = changes.len() - TOLD;
        changes.truncate(TOLD);
        return format!("{}, and {more} more", changes.join(", "));
    }
    changes.join(", ")
}

fn collect(key: &str, old: Option<&Value>, new: Option<&Value>, changes: &mut Vec<String>) {
    if let (Some(Value::Map(old)), Some(Value::Map(new))) = (old, new) {
        let added = new.keys().filter(|name| !old.contains_key(*name));
        for name in old.keys().chain(added) {
            let inner = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
            collect(&inner, old.get(name), new.get(name), changes);
        }
        return;
    }
    let key = if key.is_empty() { String::new() } else { format!("{key} ") };
    match (old, new) {
        (Some(old), Some(new)) if old != new => {
            let (old, new) = distinct(old, new);
            changes.push(format!("{key}{old} -> {new}"));
        }
        (Some(_), None) => changes.push(format!("{key}removed")),
        (None, Some(new)) => changes.push(format!("{key}new: {}", short(new))),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{change, differing};
    use base::Value;

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn of_long_commands_the_words_that_differ_are_told() {
        let told = |old: &str, new: &str| {
            let (old, new) = differing(old, new);
            format!("{old} -> {new}")
        };
        assert_eq!(told("cp a b", "cp a c"), "cp a b -> cp a c");
        let command = |epochs: &str| {
            format!(
                "python train.py {} --epochs {epochs} --seed 1 {}",
                "--x 1".repeat(20),
                "--y 2 ".repeat(20)
            )
        };
        assert_eq!(
            told(&command("100"), &command("200")),
            "… --epochs 100 --seed … -> … --epochs 200 --seed …"
        );
        let long = "a ".repeat(200);
        assert_eq!(told(long.trim(), &format!("{long}b")), "… a -> … a b");
        assert_eq!(told("x", &format!("x {long}")).len(), "x -> ".len() + 50 + " … ".len() + 50);
    }

    #[test]
    fn of_a_map_the_changed_keys_are_told_and_of_many_the_first() {
        let told = |old: &str, new: &str| change(&value(old), &value(new));
        assert_eq!(told("1", "2"), "1 -> 2");
        assert_eq!(told(r#"{"epochs":7,"lr":0.05}"#, r#"{"lr":0.05,"epochs":8}"#), "epochs 7 -> 8");
        assert_eq!(
            told(r#"{"a":{"b":1,"gone":2},"c":[1]}"#, r#"{"c":[1],"a":{"b":{"x":1},"d":true}}"#),
            r#"a.b 1 -> {"x":1}, a.gone removed, a.d new: true"#
        );
        let many = |by: i32| {
            let keys: Vec<String> = (0..20_000).map(|at| format!("\"k{at:05}\":{}", at + by)).collect();
            format!("{{{}}}", keys.join(","))
        };
        let text = told(&many(0), &many(1));
        assert!(text.starts_with("k00000 0 -> 1, ") && text.ends_with(", and 19995 more"), "{text}");
        let numbered = |key: Value| Value::Pairs(vec![(key, Value::from("x"))]);
        assert_eq!(change(&numbered(Value::Int(0)), &value(r#"{"0":"x"}"#)), r#"{0: "x"} -> {"0": "x"}"#);
        let date = Value::Date("2024-01-02".to_owned());
        assert_eq!(change(&date, &Value::from("2024-01-02")), r#"2024-01-02 -> "2024-01-02""#);
        let ones = "1,".repeat(100);
        let told_list = told(&format!("[{ones}2,{ones}1]"), &format!("[{ones}3,{ones}1]"));
        assert!(told_list.starts_with("…2,1,") && told_list.contains(" -> …3,1,"), "{told_list}");
        let words = |last: &str| Value::Str(format!("{}{last}", "word ".repeat(50)));
        assert_eq!(change(&words("a"), &words("b")), "… word a -> … word b");
        let long = format!("[{}]", vec!["1"; 10_000].join(","));
        assert!(told(&long, "2").len() < 100);
    }
}
