//! Keys of a `dvc.yaml` under which nothing stands: DVC takes null for none of the types that they have.

use base::Value;

use crate::error::PipelineError;
use crate::node::Node;

/// What is expected at the top.
const TOP_TYPES: &[(&str, &str)] = &[
    ("stages", "a map"),
    ("vars", "a list"),
    ("params", "a list"),
    ("metrics", "a list"),
    ("plots", "a list"),
    ("artifacts", "a map"),
];

/// What is expected in a stage, or under its `do`.
const STAGE_TYPES: &[(&str, &str)] = &[
    ("wdir", "a string"),
    ("deps", "a list"),
    ("params", "a list"),
    ("outs", "a list"),
    ("metrics", "a list"),
    ("plots", "a list"),
    ("frozen", "`true` or `false`"),
    ("always_changed", "`true` or `false`"),
    ("desc", "a string"),
    ("vars", "a list"),
];

/// Tells of each such key in a pipeline file.
pub(crate) fn refuse(root: &Node<'_, '_>, faults: &mut Vec<PipelineError>) {
    refuse_in(root, TOP_TYPES, faults);
    let Some(stages) = root.get("stages") else { return };
    for (name, stage) in stages.value.as_map().into_iter().flatten() {
        let stage = stages.child(name, stage);
        refuse_in(&stage, STAGE_TYPES, faults);
        if let Some(body) = stage.get("do") {
            refuse_in(&body, STAGE_TYPES, faults);
        }
    }
}

fn refuse_in(node: &Node<'_, '_>, types: &[(&str, &str)], faults: &mut Vec<PipelineError>) {
    let Some(map) = node.value.as_map() else { return };
    for (key, value) in map.iter().filter(|(_, value)| matches!(value, Value::Null)) {
        let expected = types.iter().find(|(known, _)| known == key);
        faults.extend(expected.map(|(_, expected)| node.child(key, value).expected(expected)));
    }
}
