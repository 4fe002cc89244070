//! Paths of `.dvc` files that only who knows the project's root can read: absolute ones, and those that lead out of it
//! and in again.
//!
//! DVC takes them and never writes them: what it records has the path as seen from the `.dvc` file. So they are made
//! plain in the text, before anything else reads or changes it, and all that is refused in a plain path stays refused.

use std::borrow::Cow;

use base::{ProjectPath, Value};

use super::emit::emit;
use super::lock::relative;
use super::pointer::spelled;
use crate::dialect::Dialect;
use crate::format::native::pointer::set_scalar;
use crate::place::{Place, place};
use crate::stage::is_pointer;
use crate::yaml::Segment;

/// The text of a `.dvc` file of the project at `root` with such paths of the project in their plain spelling. Those that
/// lead out of the project stay as they are, and so do all other texts.
pub fn plain_pointer<'a>(root: &str, file: &ProjectPath, text: &'a str) -> Cow<'a, str> {
    let may_hold_some = || ["\"/", "'/", " /", "\t/", "\n/", "../"].iter().any(|start| text.contains(start));
    if Dialect::of_file(file) != Dialect::Dvc || !is_pointer(file) || !may_hold_some() {
        return Cow::Borrowed(text);
    }
    match Dialect::Dvc.read_typed_yaml(file, text) {
        Ok(Value::Map(top)) => made_plain(root, file, text, top).map_or(Cow::Borrowed(text), Cow::Owned),
        // It is told where the file is read.
        _ => Cow::Borrowed(text),
    }
}

/// `None` where nothing is to be changed.
fn made_plain(
    root: &str,
    file: &ProjectPath,
    text: &str,
    mut top: indexmap::IndexMap<String, Value>,
) -> Option<String> {
    let folder = file.parent().unwrap_or_default();
    // Where a path leads that has no plain spelling.
    let inside = |base: &ProjectPath, text: &str| match ProjectPath::resolve(base, text) {
        Ok(_) => None,
        Err(_) => match place(root, base, text) {
            Ok(Place::Inside(path)) => Some(path),
            _ => None,
        },
    };
    let mut changes: Vec<(Vec<Segment<'_>>, String)> = Vec::new();
    let mut wdir = folder.clone();
    if let Some(written) = top.get_mut("wdir")
        && let Value::Str(text) = written
    {
        match inside(&folder, text) {
            Some(path) => {
                *text = relative(&folder, &path);
                changes.push((vec![Segment::Key("wdir")], text.clone()));
                wdir = path;
            }
            None => wdir = ProjectPath::resolve(&folder, text).ok()?,
        }
    }
    if let Some(Value::List(outs)) = top.get_mut("outs") {
        for (at, out) in outs.iter_mut().enumerate() {
            let Value::Map(out) = out else { continue };
            let Some(Value::Str(text)) = out.get_mut("path") else { continue };
            let Some(path) = inside(&wdir, text) else { continue };
            *text = relative(&wdir, &path);
            changes
                .push((vec![Segment::Key("outs"), Segment::Index(at), Segment::Key("path")], text.clone()));
        }
    }
    if changes.is_empty() {
        return None;
    }
    if top.get("wdir").and_then(Value::as_str) == Some(".") {
        top.shift_remove("wdir");
    }
    let mut changed = Some(text.to_owned());
    for (path, value) in &changes {
        // A working folder that is the file's own is not told.
        let is_told = path.len() > 1 || value != ".";
        changed = changed.and_then(|text| match is_told {
            true => set_scalar(&text, path, Some(&spelled(value)?), None),
            false => set_scalar(&text, path, None, None),
        });
    }
    let wanted = Value::Map(top);
    let is_wanted = |text: &String| Dialect::Dvc.read_typed_yaml(file, text).is_ok_and(|read| read == wanted);
    // Where it is laid out so that it cannot be changed in place, comments go.
    Some(changed.filter(is_wanted).unwrap_or_else(|| emit(&wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        let file = ProjectPath::from_record("sub/a.dvc").expect("a path");
        plain_pointer("/home/me/p", &file, text).into_owned()
    }

    #[test]
    fn paths_of_the_project_are_made_plain() {
        for (text, expected) in [
            ("outs:\n- path: /home/me/p/sub/a # x\n", "outs:\n- path: a # x\n"),
            ("outs:\n- path: '/home/me//p/./b'\n", "outs:\n- path: ../b\n"),
            ("outs:\n- path: ../../p/b\n", "outs:\n- path: ../b\n"),
            ("wdir: /home/me/p\nouts:\n- path: /home/me/p/sub/a\n", "wdir: ..\nouts:\n- path: sub/a\n"),
            ("wdir: /home/me/p/sub/\nouts:\n- path: a\n", "outs:\n- path: a\n"),
            ("outs: [{path: \"/home/me/p/1\"}, {path: b}]\n", "outs: [{path: ../1}, {path: b}]\n"),
            ("outs:\n- path: >-\n    /home/me/p/c\n", "outs:\n- path: >-\n    ../c\n"),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    #[test]
    fn what_leads_elsewhere_stays_as_it_is() {
        for path in
            ["/home/me/pp/a", "/home/me", "/etc/passwd", "../../a", "/home/me/p/../a", "..", "a/../../a", "/"]
        {
            for text in
                [format!("outs:\n- path: {path}\n"), format!("wdir: {path}\nouts:\n- path: /home/me/x\n")]
            {
                assert_eq!(plain(&text), text);
            }
        }
        for text in
            ["outs: /home\n", "wdir: [/home/me/p]\n", "/home", "outs: [/home/me/p]\n", "cmd: ' /x", ""]
        {
            assert_eq!(plain(text), text);
        }
    }
}
