//! Keys of params as DVC looks them up: parts between points, each of them a pattern.
//!
//! Such is dpath, which it asks: `*`, `?` and `[…]` stand for characters, `**` for any number of parts, and a key finds nothing
//! where it finds several values. A key that holds points itself is not found.

use base::Value;

/// The value that a key means; `None` where there is none, or several.
pub(crate) fn find<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    let parts: Vec<&str> = key.trim_start_matches('.').split('.').collect();
    if parts.iter().filter(|part| **part == "**").count() > 1 {
        return None;
    }
    let mut found = Vec::new();
    if parts == ["**"] {
        children(value, |_, child| collect(child, &parts, &mut found));
    } else {
        collect(value, &parts, &mut found);
    }
    match found[..] {
        [one] => Some(one),
        _ => None,
    }
}

/// What keys mean of a value, all that each finds, in the maps and lists in which it stands; what stands before an item of
/// a list is nothing. `None` where they find nothing.
pub(crate) fn pick(value: &Value, keys: &[&str]) -> Option<Value> {
    let keys: Vec<Vec<&str>> =
        keys.iter().map(|key| key.trim_start_matches('.').split('.').collect()).collect();
    let keys: Vec<&[&str]> = keys.iter().map(Vec::as_slice).collect();
    pick_below(value, &keys)
}

fn pick_below(value: &Value, keys: &[&[&str]]) -> Option<Value> {
    if keys.iter().any(|key| key.is_empty()) {
        return Some(value.clone());
    }
    // Any number of parts may be none.
    let open = |key: &&[&str]| key.first() == Some(&"**") && key.len() > 1;
    let mut keys = keys.to_vec();
    keys.extend(keys.clone().into_iter().filter(open).map(|key| &key[1..]));
    let inside = |part: &Part<'_>, child: &Value| {
        let below = keys.iter().filter_map(|key| match *key {
            ["**"] => Some(&key[1..]),
            ["**", ..] => Some(*key),
            [first, rest @ ..] => part.is(first).then_some(rest),
            [] => None,
        });
        pick_below(child, &below.collect::<Vec<_>>())
    };
    let found = match value {
        Value::Map(map) => Value::Map(
            map.iter()
                .filter_map(|(key, child)| Some((key.clone(), inside(&Part::Text(key), child)?)))
                .collect(),
        ),
        Value::Pairs(pairs) => Value::Pairs(
            pairs
                .iter()
                .filter_map(|(key, child)| Some((key.clone(), inside(&Part::Key(key), child)?)))
                .collect(),
        ),
        Value::List(list) => {
            let items = list.iter().enumerate().map(|(at, child)| inside(&Part::Item(at, list.len()), child));
            let mut items: Vec<Option<Value>> = items.collect();
            items.truncate(items.iter().rposition(Option::is_some).map_or(0, |last| last + 1));
            Value::List(items.into_iter().map(|item| item.unwrap_or(Value::Null)).collect())
        }
        _ => return None,
    };
    let is_empty = match &found {
        Value::Map(map) => map.is_empty(),
        Value::Pairs(pairs) => pairs.is_empty(),
        Value::List(list) => list.is_empty(),
        _ => false,
    };
    (!is_empty).then_some(found)
}

/// Adds what the parts mean inside a value, but no more than tells that it is several.
fn collect<'a>(value: &'a Value, parts: &[&str], found: &mut Vec<&'a Value>) {
    let Some((first, rest)) = parts.split_first() else { return found.push(value) };
    if *first == "**" {
        collect(value, rest, found);
    }
    children(value, |part, child| {
        if found.len() > 1 {
            return;
        }
        if *first == "**" {
            collect(child, parts, found);
        } else if part.is(first) {
            collect(child, rest, found);
        }
    });
}

/// One step from a value to a value inside it.
enum Part<'a> {
    Key(&'a Value),
    Text(&'a str),
    /// An item, of so many.
    Item(usize, usize),
}

fn children<'a>(value: &'a Value, mut see: impl FnMut(Part<'a>, &'a Value)) {
    match value {
        Value::Map(map) => map.iter().for_each(|(key, value)| see(Part::Text(key), value)),
        Value::Pairs(pairs) => pairs.iter().for_each(|(key, value)| see(Part::Key(key), value)),
        Value::List(list) => {
            list.iter().enumerate().for_each(|(at, value)| see(Part::Item(at, list.len()), value));
        }
        _ => {}
    }
}

impl Part<'_> {
    fn is(&self, pattern: &str) -> bool {
        match self {
            Part::Text(text) => matches(text, pattern),
            Part::Key(Value::Str(text)) => matches(text, pattern),
            Part::Item(at, length) => match integer(pattern) {
                Some(number) => {
                    usize::try_from(number).is_ok_and(|number| number == *at)
                        || i128::try_from(*length)
                            .is_ok_and(|length| length.checked_add(number) == i128::try_from(*at).ok())
                }
                None => matches(&at.to_string(), pattern),
            },
            // To Python, what is true is 1.
            Part::Key(Value::Bool(truth)) => match integer(pattern) {
                Some(number) => number == i128::from(*truth),
                None => matches(if *truth { "True" } else { "False" }, pattern),
            },
            Part::Key(key @ (Value::Int(_) | Value::Big(_))) => match integer(pattern) {
                Some(number) => **key == Value::Int(number),
                None => matches(&key.to_string(), pattern),
            },
            Part::Key(_) => false,
        }
    }
}

/// The number that Python's `int` makes of a text.
fn integer(text: &str) -> Option<i128> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = !digits.is_empty()
        && digits.split('_').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    is_number.then(|| text.replace('_', "").parse().ok())?
}

/// Whether a text is as a pattern of Python's `fnmatch` says, upper and lower case told apart.
fn matches(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut to) = (0, 0);
    // Where the last star stands, and what it has taken the text up to.
    let mut star = None;
    loop {
        let step = match pattern.get(to) {
            Some('*') => {
                star = Some((to, at));
                to += 1;
                continue;
            }
            Some(_) if at == text.len() => None,
            Some('?') => Some(1),
            Some('[') => match set(&pattern[to + 1..]) {
                Some((length, is_in)) => is_in(text[at]).then_some(length + 1),
                None => (text[at] == '[').then_some(1),
            },
            Some(c) => (*c == text[at]).then_some(1),
            None if at == text.len() => return true,
            None => None,
        };
        match (step, star) {
            (Some(length), _) => {
                to += length;
                at += 1;
            }
            (None, Some((place, taken))) if taken < text.len() => {
                star = Some((place, taken + 1));
                (at, to) = (taken + 1, place + 1);
            }
            _ => return false,
        }
    }
}

/// What stands in brackets up to the closing one, which counts to the length; `None` where it is never closed.
fn set(pattern: &[char]) -> Option<(usize, impl Fn(char) -> bool)> {
    let negated = pattern.first() == Some(&'!');
    let start = usize::from(negated);
    // A bracket at the start is one of the set.
    let end = pattern.iter().skip(start + 1).position(|c| *c == ']')? + start + 1;
    let mut ranges = Vec::new();
    let mut at = start;
    while at < end {
        if pattern[at + 1] == '-' && at + 2 < end {
            ranges.push((pattern[at], pattern[at + 2]));
            at += 3;
        } else {
            ranges.push((pattern[at], pattern[at]));
            at += 1;
        }
    }
    let is_in = move |c| ranges.iter().any(|(first, last)| (*first..=*last).contains(&c)) != negated;
    Some((end + 1, is_in))
}

#[cfg(test)]
mod tests {
    use base::ProjectPath;

    use super::*;
    use crate::dialect::Dialect;

    /// What dpath 2.2 found.
    #[test]
    fn keys_find_what_dvc_finds() {
        let text = "l: [1, [2, 3], {x: 4}]\nm: {a: 1, b: {c: 2}}\na.b: 5\na: {b: 6, c: {d: 7}}\nx1: 8\nk0: 9\n'0': \
                    10\n1: {2: x}\nkey: {'a[0]': 3, 'a*': 4}\nmm: {only: 1}\nab: 3\n':': 11\n";
        let file = ProjectPath::root().join("params.yaml");
        let value = Dialect::Dvc.read_typed_yaml(&file, text).expect("YAML");
        let found = |key: &str| find(&value, key).map(ToString::to_string);
        for (key, expected) in [
            ("l.0", "1"),
            ("l.-1", r#"{"x":4}"#),
            ("l.00", "1"),
            ("l.+0", "1"),
            ("l. 0", "1"),
            ("l.1.-1", "3"),
            ("l.2.*", "4"),
            ("a.b", "6"),
            (".a.b", "6"),
            ("x?", "8"),
            ("k[0]", "9"),
            ("k[0-9]", "9"),
            ("k[!1]", "9"),
            ("**.d", "7"),
            ("*.c.d", "7"),
            ("mm.*", "1"),
            ("mm.onl[y]", "1"),
            ("**.only", "1"),
            ("mm.only.**", "1"),
            ("key.a[*]", "4"),
            ("[:]", "11"),
            ("a[b]", "3"),
            ("0", "10"),
            ("1.2", "x"),
        ] {
            assert_eq!(found(key).as_deref(), Some(expected), "{key}");
        }
        let none = [
            "l[0]",
            "l.170141183460469231731687303715884105727",
            "key.a[0]",
            "a.",
            "a..b",
            "a*",
            "m.*",
            "l.3",
            "l.-4",
            "**",
            "*",
            "**.**",
            "[:, 1]",
        ];
        for key in none {
            assert_eq!(found(key), None, "{key}");
        }
    }

    /// What Python 3.11's `fnmatchcase` says.
    #[test]
    fn patterns_are_those_of_python() {
        for (text, pattern, expected) in [
            ("abc", "a*c", true),
            ("abcbc", "a*bc", true),
            ("ab", "a*bc", false),
            ("a]", "a[]]", true),
            ("a-", "a[b-]", true),
            ("a-", "a[-b]", true),
            ("ab", "a[c-a]", false),
            ("ab", "a[!c-a]", true),
            ("a[", "a[", true),
            ("a[b", "a[b", true),
            ("é", "?", true),
            ("", "*", true),
            ("", "?", false),
            ("A", "a", false),
        ] {
            assert_eq!(matches(text, pattern), expected, "{text} {pattern}");
        }
    }

    /// As DVC 3.67 shows them.
    #[test]
    fn all_that_keys_find_is_picked() {
        let value: Value = serde_json::from_str(
            r#"{"models": {"a": 1, "b": 2}, "q1": 1, "q2": {"x": 1}, "l": [1, 2, 3], "w": {"u": {"deep": 1, "not": 1}}}"#,
        )
        .expect("JSON");
        let picked = |keys: &[&str]| pick(&value, keys).map(|value| value.to_string());
        let all = ["models.a", "q*", "l.1", "nope", "**.deep"];
        let expected = r#"{"models":{"a":1},"q1":1,"q2":{"x":1},"l":[null,2],"w":{"u":{"deep":1}}}"#;
        assert_eq!(picked(&all).as_deref(), Some(expected));
        assert_eq!(picked(&["nope", "q1.x", "l.7"]), None);
    }
}
