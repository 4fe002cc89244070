//! The scripts that a stage's command runs, as far as its words tell: Python's, by file or by module, and those of shells,
//! with the scripts that these name in turn.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use pipeline::Stage;

use super::{is_said_in_command, line_in_python, line_in_shell};

/// Nobody writes longer scripts by hand.
const MOST_BYTES: u64 = 4 << 20;
/// How many scripts are read that name each other.
const MOST_FILES: usize = 64;
/// How many words of a script are looked at. One that is longer is made by a program, of lines that are alike.
const MOST_WORDS: usize = 10_000;
/// In how many folders a word may name a file: where the script begins, and those that it went to last.
const MOST_FOLDERS: usize = 8;
/// What reads a script for a shell that is named after it.
const SHELLS: [&str; 8] = ["sh", "bash", "dash", "zsh", "ksh", "fish", "source", "."];

/// Who reads a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Language {
    Python,
    Shell,
    /// What its first line says, if it has such a line.
    OfFirstLine,
}

/// Where a stage's scripts say themselves where they log: the file and the line, as they may be shown.
pub fn place_in_scripts(stage: &Stage, root: &Path) -> Option<String> {
    let scripts = stage.command.scripts();
    if scripts.iter().any(|script| is_said_in_command(script)) {
        return Some("its command".to_owned());
    }
    let folder = stage.wdir.to_path(root);
    let mut next: Vec<(PathBuf, Language)> =
        scripts.iter().flat_map(|script| named(script, &folder)).collect();
    let deps = stage.deps.iter().filter_map(|dep| Some((dep.to_path(root), language_of(dep.as_str())?)));
    // What has no such name is data.
    let deps = deps.filter(|(_, language)| *language != Language::OfFirstLine);
    next.extend(deps);
    next.reverse();
    let (mut seen, mut read) = (BTreeSet::new(), 0);
    while let Some((file, language)) = next.pop() {
        let file = plain(file);
        if !seen.insert(file.clone()) {
            continue;
        }
        // Most words name nothing.
        let Some(text) = text_of(&file) else { continue };
        read += 1;
        if read > MOST_FILES {
            return None;
        }
        let language = match language {
            Language::OfFirstLine => language_of_first_line(&text),
            known => Some(known),
        };
        let line = match language {
            Some(Language::Python) => line_in_python(&text),
            Some(Language::Shell) => {
                next.extend(named(&text, &folder));
                line_in_shell(&text)
            }
            _ => None,
        };
        if let Some(line) = line {
            return Some(format!("{}:{line}", base::shown(file.strip_prefix(root).unwrap_or(&file))));
        }
    }
    None
}

/// The same file without the folders that its path goes into and out of again, where no link is in between.
fn plain(file: PathBuf) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in file.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    let is_same = || Some(plain.canonicalize().ok()? == file.canonicalize().ok()?);
    if plain == file || is_same() == Some(true) { plain } else { file }
}

fn text_of(file: &Path) -> Option<String> {
    let is_script = std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.len() < MOST_BYTES);
    is_script.then(|| disk::read_text_optional(file).ok()).flatten().flatten()
}

/// The files that a script for a shell names, as files or as Python's modules, in the folder in which it begins and in those
/// that it goes to.
fn named(script: &str, folder: &Path) -> Vec<(PathBuf, Language)> {
    let is_sign = |c: char| c.is_whitespace() || "'\"`();|&<>=".contains(c);
    let words = script.split(is_sign).filter(|word| !word.is_empty()).take(MOST_WORDS);
    let mut folders = vec![folder.to_owned()];
    let (mut files, mut before) = (Vec::new(), "");
    for word in words {
        let module =
            if before == "-m" { Some(word) } else { word.strip_prefix("-m").filter(|it| !it.is_empty()) };
        // What it went to last is where it is, most likely.
        for folder in folders.iter().rev() {
            if let Some(module) = module {
                let module = folder.join(module.replace('.', "/"));
                let of_module = [module.with_extension("py"), module.join("__main__.py")];
                files.extend(of_module.map(|file| (file, Language::Python)));
            } else if SHELLS.iter().any(|shell| before.rsplit('/').next() == Some(shell)) {
                files.push((folder.join(word), Language::Shell));
            } else if let Some(language) = language_of(word) {
                files.push((folder.join(word), language));
            }
        }
        if before == "cd" {
            let there = folder.join(word);
            if let Some(at) = folders.iter().skip(1).position(|known| *known == there) {
                folders.remove(at + 1);
            }
            folders.push(there);
            if folders.len() > MOST_FOLDERS {
                folders.remove(1);
            }
        }
        // `sh -e FILE`.
        if !word.starts_with('-') || word == "-m" {
            before = word;
        }
    }
    files
}

/// Who reads a file of that name; nothing where it is none that is run.
fn language_of(word: &str) -> Option<Language> {
    if word.starts_with('-') {
        return None;
    }
    match Path::new(word).extension().and_then(|extension| extension.to_str()) {
        Some("py") => Some(Language::Python),
        Some("sh" | "bash" | "zsh" | "ksh") => Some(Language::Shell),
        Some(_) => None,
        None => Some(Language::OfFirstLine),
    }
}

fn language_of_first_line(text: &str) -> Option<Language> {
    let line = text.strip_prefix("#!")?.lines().next()?;
    let program = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let mut programs =
        line.split_whitespace().map(program).filter(|word| word != "env" && !word.starts_with('-'));
    let program = programs.next()?;
    if program.starts_with("python") {
        return Some(Language::Python);
    }
    SHELLS.contains(&program.as_str()).then_some(Language::Shell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_goes_to_many_folders_names_no_more_files_for_that() {
        let folder = Path::new("w");
        let jobs = |count: usize| {
            (0..count).map(|job| format!("(cd d{job} && ./train{job} x)\n")).collect::<String>()
        };
        let (few, many) = (named(&jobs(1_000), folder), named(&jobs(2_000), folder));
        assert!(many.len() < 3 * few.len(), "{} and {}", few.len(), many.len());
        assert!(many.contains(&(folder.join("d1999").join("./train1999"), Language::OfFirstLine)));
        assert!(named(&jobs(50_000), folder).len() < 200_000);
        let there_and_back = named("cd w; cd x; cd w; python a.py", folder);
        let places: Vec<_> = there_and_back.iter().filter(|(file, _)| file.ends_with("a.py")).collect();
        assert_eq!(places[0].0, folder.join("w/a.py"));
        assert_eq!(places.len(), 3);
    }

    #[test]
    fn a_script_is_shown_by_the_shortest_path_to_it() {
        let root = tempfile::tempdir().unwrap();
        let of = |path: &str| plain(root.path().join(path)).strip_prefix(root.path()).unwrap().to_owned();
        for folder in ["w/hard", "s", "far/off"] {
            disk::make_folder(&root.path().join(folder)).unwrap();
        }
        for file in ["s/hard.py", "far/s.py"] {
            disk::replace(&root.path().join(file), b"").unwrap();
        }
        assert_eq!(of("w/hard/../../s/./hard.py"), Path::new("s/hard.py"));
        // Nobody is led to a file that is another one, or none.
        std::os::unix::fs::symlink("../far/off", root.path().join("w/link")).unwrap();
        assert_eq!(of("w/link/../s.py"), Path::new("w/link/../s.py"));
        assert_eq!(of("w/none/../../s/hard.py"), Path::new("w/none/../../s/hard.py"));
    }
}
