//! A `dvc.lock` stage by stage, for merges: every stage that stands in it, declared or not.

use base::{ProjectPath, Value};
use indexmap::IndexMap;

use super::emit::emit;
use crate::dialect::Dialect;

/// The head of a lock, and its stages in order; `None` where the text is no lock, or holds more than stages.
pub fn dvc_lock_stages(file: &ProjectPath, text: &str) -> Option<IndexMap<String, Value>> {
    let mut top = match Dialect::Dvc.read_typed_yaml(file, text).ok()? {
        Value::Null => IndexMap::new(),
        Value::Map(map) => map,
        _ => return None,
    };
    let schema = top.shift_remove("schema");
    let stages = top.shift_remove("stages").unwrap_or_else(|| Value::Map(IndexMap::new()));
    let is_known = schema.is_none_or(|schema| schema.as_str().is_some_and(|schema| schema.starts_with("2.")));
    match stages {
        Value::Map(stages) if is_known && top.is_empty() => Some(stages),
        _ => None,
    }
}

/// The lines of some stages in a lock, below its head.
pub fn dvc_lock_lines(stages: IndexMap<String, Value>) -> String {
    if stages.is_empty() {
        return String::new();
    }
    let text = emit(&Value::Map(IndexMap::from([("stages".to_owned(), Value::Map(stages))])));
    text.strip_prefix("stages:\n").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_come_apart_and_together() {
        let file = ProjectPath::root().join("dvc.lock");
        let lines = "  a:\n    cmd: 'a: b'\n  gone:\n    cmd: x\n    outs:\n    - path: y\n      md5: abc\n";
        let stages = dvc_lock_stages(&file, &format!("schema: '2.0'\nstages:\n{lines}")).expect("a lock");
        assert_eq!(dvc_lock_lines(stages), lines);
        assert_eq!(dvc_lock_stages(&file, ""), Some(IndexMap::new()));
        for text in ["[]", "schema: '3.0'\n", "schema: '2.0'\nstages: {}\ndatasets: []\n", "a: {cmd: old}\n"]
        {
            assert_eq!(dvc_lock_stages(&file, text), None, "{text}");
        }
    }
}
