//! A listing as a tree.

use std::collections::BTreeMap;

use base::one_line;

use super::Entry;

/// A folder or file, by name what is in it.
#[derive(Default)]
struct Node<'a> {
    /// What the listing says of it.
    entry: Option<&'a Entry>,
    inside: BTreeMap<&'a str, Node<'a>>,
}

/// A line.
type Line<'a> = (String, Option<&'a Entry>);

/// Draws paths, of which those of folders end with a slash, below `top`: the lines, and what stands there.
pub fn drawn<'a>(top: &str, entries: &'a BTreeMap<String, Entry>) -> Vec<Line<'a>> {
    let mut all = Node::default();
    for (path, entry) in entries {
        let mut node = &mut all;
        for name in path.trim_end_matches('/').split('/') {
            node = node.inside.entry(name).or_default();
        }
        node.entry = Some(entry);
    }
    let mut lines = vec![(top.to_owned(), None)];
    all.draw("", &mut lines);
    lines
}

impl<'a> Node<'a> {
    fn draw(&self, indent: &str, lines: &mut Vec<Line<'a>>) {
        for (at, (name, node)) in self.inside.iter().enumerate() {
            let (branch, below) =
                if at + 1 == self.inside.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
            lines.push((format!("{indent}{branch}{}", one_line(name)), node.entry));
            node.draw(&format!("{indent}{below}"), lines);
        }
    }
}
