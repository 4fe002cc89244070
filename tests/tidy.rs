//! The rules of the house that no compiler checks: which crate may know which, what the pure one may not
//! touch, how files begin and how long they get, and under which licences we build.
//!
//! Reads the repository's own text and asks cargo for the licences; knows no crate of ours. The reasons of
//! the rules stand in ARCHITECTURE.md, and which standard functions are closed, in clippy.toml.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Which crates of the workspace each crate may use. What is missing here is no crate of ours.
const ARROWS: [(&str, &[&str]); 11] = [
    ("base", &[]),
    ("disk", &["base"]),
    ("pipeline", &["base"]),
    ("cache", &["base", "disk"]),
    ("remote", &["base", "disk", "cache"]),
    ("exec", &["base", "disk", "pipeline", "cache"]),
    ("track", &["base", "disk"]),
    ("tune", &["base", "track"]),
    ("learn", &["base", "disk"]),
    ("report", &["base"]),
    ("server", &["base", "cache", "report", "track"]),
];

/// Packages that one crate alone may know: the others stay small to build and easy to test without them.
const CONFINED: [(&str, &str); 4] =
    [("axum", "server"), ("burn", "learn"), ("rusqlite", "track"), ("tokio", "server")];

/// What `pipeline` may not name: digests, file contents and times come in as values.
const IMPURE: [&str; 5] = ["fs", "env", "process", "time", "net"];

/// Lines that a source file may have. Longer ones hold more than one thought.
const LONGEST: usize = 700;

/// Licences under which others may be given what we build.
const LICENCES: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages with terms of their own that we looked at. burn brings in `colored`; the terms of MPL-2.0 reach
/// no further than its own files.
const LOOKED_AT: [(&str, &str); 1] = [("colored", "MPL-2.0")];

#[test]
fn crates_know_only_whom_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into();
    let names: BTreeSet<String> = crates().into_iter().map(|(name, _)| name).collect();
    let mut faults = Vec::new();
    for (name, folder) in crates() {
        let Some(allowed) = allowed.get(name.as_str()) else {
            faults.push(format!("crate `{name}` has no place among the arrows in tests/tidy.rs"));
            continue;
        };
        let manifest = read(&folder.join("Cargo.toml"));
        let used = ["dependencies", "dev-dependencies", "build-dependencies"];
        for used in used.iter().flat_map(|section| listed(&manifest, section)) {
            if names.contains(&used) && !allowed.contains(&used.as_str()) {
                faults.push(format!("crate `{name}` may not use crate `{used}`"));
            }
        }
    }
    none(&faults);
}

#[test]
fn some_packages_have_one_door() {
    let mut faults = Vec::new();
    for (name, folder) in crates().into_iter().chain([("pipe".to_owned(), root())]) {
        let used = listed(&read(&folder.join("Cargo.toml")), "dependencies");
        for (package, owner) in CONFINED {
            if name != owner && used.contains(package) {
                faults.push(format!("crate `{name}` uses `{package}`, which belongs to `{owner}`"));
            }
        }
    }
    none(&faults);
}

#[test]
fn pipeline_touches_nothing() {
    let mut faults = Vec::new();
    for file in sources(&root().join("crates/pipeline/src")) {
        for (at, line) in code(&read(&file)).enumerate() {
            if IMPURE.iter().any(|module| names_std(line, module)) {
                faults.push(format!("{}:{}: {}", shown(&file), at + 1, line.trim()));
            }
        }
    }
    none(&faults);
}

#[test]
fn no_spelling_of_a_module_slips_through() {
    for line in ["use std::fs;", "std::fs::read(path)", "use ::std::fs::File;", "use std::{fmt, fs};"] {
        assert!(names_std(line, "fs"), "{line}");
    }
    for line in ["use std::fmt;", "let fs = 1;", "use std::fsx;", "disk::fs::x()"] {
        assert!(!names_std(line, "fs"), "{line}");
    }
    let commented = ["// std::fs", "use std::fs;"].join("\n");
    assert_eq!(code(&commented).filter(|line| names_std(line, "fs")).count(), 1);
}

#[test]
fn files_say_what_they_are_for_and_end_in_time() {
    let mut faults = Vec::new();
    let folders = ["src", "tests", "crates", "benches"].map(|folder| root().join(folder));
    for file in folders.iter().flat_map(|folder| sources(folder)) {
        let text = read(&file);
        if !text.starts_with("//!") {
            faults.push(format!("{}: does not begin with what it is for (`//!`)", shown(&file)));
        }
        let lines = text.lines().count();
        if lines > LONGEST {
            faults.push(format!("{}: {lines} lines, more than {LONGEST}", shown(&file)));
        }
    }
    none(&faults);
}

#[test]
fn what_we_build_may_be_given_away() {
    let mut faults = Vec::new();
    for line in dependency_tree().lines() {
        let (package, licence) = line.split_once('|').expect("the format asked for");
        let name = package.split(' ').next().unwrap_or_default();
        if !permits(licence) && !LOOKED_AT.contains(&(name, licence)) {
            faults.push(format!("{package}: `{licence}`"));
        }
    }
    none(&faults);
}

#[test]
fn licence_terms_are_read_right() {
    for good in ["MIT", "GPL-3.0 OR MIT", "MIT/Apache-2.0", "(MIT OR GPL-3.0) AND ISC", "Zlib AND MIT"] {
        assert!(permits(good), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND GPL-3.0", "GPL-3.0 OR (MIT AND SSPL-1.0)"]
    {
        assert!(!permits(bad), "{bad}");
    }
}

#[track_caller]
fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[allow(clippy::disallowed_methods, reason = "tests know no crate of ours")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Each crate's name and folder.
fn crates() -> Vec<(String, PathBuf)> {
    let found: Vec<_> = entries(&root().join("crates"))
        .into_iter()
        .filter(|folder| folder.join("Cargo.toml").is_file())
        .map(|folder| (folder.file_name().expect("a name").to_string_lossy().into_owned(), folder))
        .collect();
    assert!(found.len() > 1, "the crates were not found");
    found
}

/// What is in a folder, sorted; nothing when there is none.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

/// All Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let (folders, files): (Vec<_>, Vec<_>) = entries(folder).into_iter().partition(|path| path.is_dir());
    let rust = files.into_iter().filter(|path| path.extension().is_some_and(|suffix| suffix == "rs"));
    rust.chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

/// The names under `[SECTION]` of a manifest as we write them: one a line.
fn listed(manifest: &str, section: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            let plain = !line.starts_with("[target.") && !line.contains("dependencies.");
            assert!(plain, "`{line}`: tidy reads plain lists of dependencies only");
            inside = line == format!("[{section}]");
        } else if inside && line.starts_with(|c: char| c.is_alphanumeric()) {
            let end = line.find([' ', '.', '=']).unwrap_or(line.len());
            names.insert(line[..end].to_owned());
        }
    }
    names
}

/// The lines of a source with comments blanked.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line })
}

/// Whether a line names the module `std::MODULE`. A list of imports counts too, whatever is in it: it may go on
/// in the next line, and one import a line is how the house writes.
fn names_std(line: &str, module: &str) -> bool {
    line.match_indices("std::").any(|(at, found)| {
        let rest = &line[at + found.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest.starts_with('{') || &rest[..end] == module
    })
}

/// `NAME VERSION|LICENCE` for everything that is compiled for this system, one a line.
#[allow(clippy::disallowed_methods, reason = "cargo alone knows what is compiled; no stage is started here")]
fn dependency_tree() -> String {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--offline", "--edges", "normal,build", "--prefix", "none"])
        .args(["--format", "{p}|{l}"])
        .current_dir(root())
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    // What was shown before has a mark behind it.
    let packages: BTreeSet<&str> = lines.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    packages.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Whether a licence expression leaves a choice of allowed licences. `/` is an old spelling of `OR`.
fn permits(expression: &str) -> bool {
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = text.split_whitespace().peekable();
    any_of(&mut words)
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>) -> bool {
    let mut any = all_of(words);
    while words.next_if_eq(&"OR").is_some() {
        any |= all_of(words);
    }
    any
}

fn all_of(words: &mut Words<'_>) -> bool {
    let mut all = one(words);
    while words.next_if_eq(&"AND").is_some() {
        all &= one(words);
    }
    all
}

fn one(words: &mut Words<'_>) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let inside = any_of(words);
        words.next();
        return inside;
    }
    let Some(name) = words.next() else { return false };
    let name = match words.next_if_eq(&"WITH").and_then(|_| words.next()) {
        Some(exception) => format!("{name} WITH {exception}"),
        None => name.to_owned(),
    };
    LICENCES.contains(&name.as_str())
}
