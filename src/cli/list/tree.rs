//! A listing as a tree.

use std::collections::BTreeMap;

use base::one_line;

/// A folder, by name what is in it.
#[derive(Default)]
struct Folder<'a>(BTreeMap<&'a str, Folder<'a>>);

/// Draws paths, of which those of folders end with a slash, below `top`.
pub fn drawn<'a>(top: &str, paths: impl Iterator<Item = &'a String>) -> String {
    let mut all = Folder::default();
    for path in paths {
        let mut folder = &mut all;
        for name in path.trim_end_matches('/').split('/') {
            folder = folder.0.entry(name).or_default();
        }
    }
    let mut text = format!("{top}\n");
    all.draw("", &mut text);
    text
}

impl Folder<'_> {
    fn draw(&self, indent: &str, text: &mut String) {
        for (at, (name, folder)) in self.0.iter().enumerate() {
            let (branch, below) =
                if at + 1 == self.0.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
            text.push_str(&format!("{indent}{branch}{}\n", one_line(name)));
            folder.draw(&format!("{indent}{below}"), text);
        }
    }
}
