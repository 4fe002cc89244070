//! Data that came from elsewhere: what a pointer tells of its origin (`deps`), in either dialect.
//!
//! An import is data like any other, and never made anew by `repro`. Where it came from serves two commands alone: what the
//! cache lacks is brought from there as it was, and `update` takes what is there now.

use base::{FileState, ProjectPath, Value};
use indexmap::IndexMap;

use crate::dialect::Dialect;
use crate::error::PipelineError;
use crate::format::dvc::emit::emit;
use crate::format::dvc::lock as dvc_lock;
use crate::format::dvc::pointer::own_digest;
use crate::format::native::pointer::{self as native, set_scalar};
use crate::node::{Node, Source};
use crate::yaml::Segment;

/// Where imported data came from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// In a repository, the path there; else a URL, or a path that is relative to the pointer's folder.
    pub path: String,
    /// The repository.
    pub repo: Option<Repo>,
    /// What lay at a path outside of any repository.
    pub state: Option<FileState>,
    /// What stands for the content of a URL: its `ETag`, or what else its server told.
    pub checksum: Option<String>,
    /// How large that content was, as DVC records it.
    pub size: Option<u64>,
    /// Whether the data follows its source: a pointer of DVC that is not frozen. Its source counts as what a stage reads.
    pub follows: bool,
}

/// The repository that imported data came from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Repo {
    /// As it was named: a URL that git knows, or a path that is relative to the project's root, in projects of DVC to where it
    /// was typed.
    pub url: String,
    /// The branch, tag or commit that is followed; the default branch where there is none.
    pub rev: Option<String>,
    /// The commit that the data is of.
    pub rev_lock: Option<String>,
    /// The remote of it that has the data, by its name there.
    pub remote: Option<String>,
    /// Whether it says more of where the data is (`config`, or a `remote` of its own) than is understood here.
    pub has_more: bool,
}

impl Import {
    /// Whether data that was edited here, and recorded, is no import any more: what repositories have is never pushed. In DVC
    /// what came by `import-url` stays one; it is pushed like other data.
    pub fn ends_with_an_edit(&self, dialect: Dialect) -> bool {
        self.repo.is_some() || dialect == Dialect::Native
    }

    /// Whether its source, of which `seen` was just found, is as it was when this was recorded.
    pub fn is_same(&self, seen: &Import) -> bool {
        let is_same_content = match (&self.checksum, &seen.checksum) {
            // Where a server tells nothing else, DVC makes a number of the rest, of which only the size may change.
            (Some(number), Some(told)) if told.starts_with("last-modified ") && is_number(number) => {
                self.size.is_some() && self.size == seen.size
            }
            // Of a URL, what the server tells stands for it.
            (known, Some(told)) => known.as_ref() == Some(told),
            (known, None) => {
                known.is_none()
                    && self.state.map(|state| state.digest) == seen.state.map(|state| state.digest)
            }
        };
        self.repo == seen.repo && is_same_content
    }

    /// The import with its origin as messages call it.
    pub fn shown(&self) -> String {
        match &self.repo {
            Some(repo) => format!("{} ({})", self.path, repo.url),
            None => self.path.clone(),
        }
    }

    fn dep(&self, dialect: Dialect, old: Option<&IndexMap<String, Value>>) -> Value {
        let mut dep = old.cloned().unwrap_or_default();
        if let Some(repo) = &self.repo {
            dep.insert("path".to_owned(), Value::from(self.path.as_str()));
            let mut map = dep.get("repo").and_then(Value::as_map).cloned().unwrap_or_default();
            map.insert("url".to_owned(), Value::from(repo.url.as_str()));
            let words = [("rev", &repo.rev), ("rev_lock", &repo.rev_lock)];
            for (key, word) in words {
                match word {
                    Some(word) => drop(map.insert(key.to_owned(), Value::from(word.as_str()))),
                    None => drop(map.shift_remove(key)),
                }
            }
            if let Some(remote) = &repo.remote {
                map.insert("remote".to_owned(), Value::from(remote.as_str()));
            }
            dep.insert("repo".to_owned(), Value::Map(map));
            return Value::Map(dep);
        }
        let mut fresh = IndexMap::new();
        match (&self.checksum, &self.state, dialect) {
            (Some(checksum), state, _) => {
                fresh.insert("checksum".to_owned(), Value::from(checksum.as_str()));
                if let Some(state) = state.filter(|state| state.size > 0) {
                    fresh.insert("size".to_owned(), Value::Int(i128::from(state.size)));
                }
            }
            (None, Some(state), Dialect::Dvc) => dvc_lock::write_state(&mut fresh, state),
            (None, Some(state), Dialect::Native) => native::write_state(&mut fresh, state),
            (None, None, _) => {}
        }
        if dialect == Dialect::Dvc {
            fresh.insert("hash".to_owned(), Value::from("md5"));
        }
        fresh.insert("path".to_owned(), Value::from(self.path.as_str()));
        let told = [
            "checksum",
            "etag",
            "md5",
            "digest",
            "size",
            "nfiles",
            "files",
            "isexec",
            "executable",
            "hash",
            "path",
        ];
        fresh.extend(dep.into_iter().filter(|(key, _)| !told.contains(&key.as_str())));
        Value::Map(fresh)
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Where the data of a pointer came from; `None` of data that came from nowhere else, or from several places.
///
/// # Errors
/// When the text is no pointer.
pub fn parse_import(file: &ProjectPath, text: &str) -> Result<Option<Import>, PipelineError> {
    // A full reading costs a hundred times as much, and few pointers are imports.
    if !text.contains("deps") {
        return Ok(None);
    }
    let dialect = Dialect::of_file(file);
    let value = dialect.read_typed_yaml(file, text)?;
    let root = Node::root(Source { file, text }, &value);
    let count = |key| root.get(key).map_or(Ok(0), |list| list.items().map(Iterator::count));
    if count("deps")? != 1 || count("outs")? != 1 {
        return Ok(None);
    }
    let Some(list) = root.get("deps") else { return Ok(None) };
    let frozen = root.get("frozen").map(|frozen| frozen.boolean()).transpose()?.unwrap_or_default();
    let import = list.items()?.next().map(|dep| read(&dep, dialect)).transpose()?;
    Ok(import.map(|import| Import { follows: dialect == Dialect::Dvc && !frozen, ..import }))
}

/// Reads an entry of `deps`.
pub(crate) fn read(dep: &Node<'_, '_>, dialect: Dialect) -> Result<Import, PipelineError> {
    let text =
        |node: &Node<'_, '_>, key| node.get(key).map(|node| node.string().map(str::to_owned)).transpose();
    let path = text(dep, "path")?.ok_or_else(|| dep.fault("the dep has no `path`"))?;
    let repo = dep.get("repo").map(|repo| {
        let remote = repo.get("remote");
        Ok::<_, PipelineError>(Repo {
            url: text(&repo, "url")?.ok_or_else(|| repo.fault("the repository has no `url`"))?,
            rev: text(&repo, "rev")?,
            rev_lock: text(&repo, "rev_lock")?,
            remote: remote.as_ref().and_then(|remote| remote.string().ok()).map(str::to_owned),
            has_more: repo.get("config").is_some() || remote.is_some_and(|remote| remote.string().is_err()),
        })
    });
    let mut size = None;
    let (state, checksum) = match (&repo, dialect) {
        (Some(_), _) => (None, None),
        (None, Dialect::Dvc) => {
            let tag = match text(dep, "checksum")? {
                Some(tag) => Some(tag),
                None => text(dep, "etag")?,
            };
            if tag.is_some() {
                size = dep.get("size").map(|size| size.unsigned()).transpose()?;
            }
            (dvc_lock::read_state(dep)?, tag)
        }
        (None, Dialect::Native) => {
            let state = dep.get("digest").is_some().then(|| native::read_state(dep)).transpose()?;
            (state, text(dep, "checksum")?)
        }
    };
    Ok(Import { path, repo: repo.transpose()?, state, checksum, size, follows: false })
}

/// The text of a new pointer `file` to the imported data `name` in its folder. Without a state, only DVC's can be
/// written.
pub fn write_import(
    file: &ProjectPath,
    name: &str,
    import: &Import,
    state: Option<&FileState>,
    desc: Option<&str>,
) -> String {
    let dialect = Dialect::of_file(file);
    let mut top = IndexMap::new();
    let mut out = IndexMap::new();
    if let Some(desc) = desc {
        top.insert("desc".to_owned(), Value::from(desc));
    }
    if dialect == Dialect::Dvc {
        top.insert("frozen".to_owned(), Value::Bool(true));
    }
    top.insert("deps".to_owned(), Value::List(vec![import.dep(dialect, None)]));
    match dialect {
        Dialect::Dvc => {
            if let Some(state) = state {
                dvc_lock::write_state(&mut out, state);
            }
            out.insert("hash".to_owned(), Value::from("md5"));
            out.insert("path".to_owned(), Value::from(name));
        }
        Dialect::Native => {
            out.insert("path".to_owned(), Value::from(name));
            if let Some(state) = state {
                native::write_state(&mut out, state);
            }
        }
    }
    top.insert("outs".to_owned(), Value::List(vec![Value::Map(out)]));
    let is_known = import.state.is_some()
        || import.checksum.is_some()
        || import.repo.as_ref().is_some_and(|repo| repo.rev_lock.is_some());
    finish(dialect, top, is_known)
}

/// The text of the pointer `file` with another origin and content. Comments stay where that can be.
///
/// # Errors
/// When the text is no pointer of an import.
pub fn update_import(
    file: &ProjectPath,
    text: &str,
    import: &Import,
    state: Option<&FileState>,
) -> Result<String, PipelineError> {
    let dialect = Dialect::of_file(file);
    let old = dialect.read_typed_yaml(file, text)?;
    let mut top = old.as_map().cloned().unwrap_or_default();
    if let Some(Value::List(deps)) = top.get_mut("deps")
        && let Some(dep) = deps.first_mut()
    {
        *dep = import.dep(dialect, dep.as_map());
    }
    if let Some(Value::List(outs)) = top.get_mut("outs")
        && let Some(Value::Map(out)) = outs.first_mut()
    {
        let rest = std::mem::take(out);
        match (dialect, state) {
            (Dialect::Dvc, Some(state)) => dvc_lock::write_state(out, state),
            (Dialect::Native, Some(state)) => native::write_state(out, state),
            _ => {}
        }
        if dialect == Dialect::Dvc {
            out.insert("hash".to_owned(), Value::from("md5"));
        }
        let told = ["md5", "digest", "size", "nfiles", "files", "isexec", "executable", "hash"];
        out.extend(rest.into_iter().filter(|(key, _)| !told.contains(&key.as_str())));
    }
    if dialect == Dialect::Dvc {
        let digest = own_digest(&Value::Map(top.clone()));
        top.insert("md5".to_owned(), Value::from(digest.as_str()));
    }
    let wanted = Value::Map(top);
    let changed = change(dialect, text.to_owned(), &mut Vec::new(), &old, &wanted);
    if let Some(changed) =
        changed.filter(|changed| dialect.read_typed_yaml(file, changed).is_ok_and(|read| read == wanted))
    {
        return Ok(changed);
    }
    Ok(written(dialect, &wanted))
}

/// The text of the pointer `file` without where its data came from: as it is data of one's own. Comments stay where that can be.
///
/// # Errors
/// When the text is no pointer.
pub(crate) fn disown_import(file: &ProjectPath, text: &str) -> Result<String, PipelineError> {
    let dialect = Dialect::of_file(file);
    let gone: &[&str] = match dialect {
        Dialect::Native => &["deps"],
        // Both stand there because it was imported.
        Dialect::Dvc => &["deps", "frozen", "md5"],
    };
    let old = dialect.read_typed_yaml(file, text)?;
    let mut wanted = old.as_map().cloned().unwrap_or_default();
    wanted.retain(|key, _| !gone.contains(&key.as_str()));
    let wanted = Value::Map(wanted);
    let mut is_gone = false;
    let is_kept = |line: &&str| {
        if !line.starts_with([' ', '-', '\n', '\r']) {
            is_gone = line.split(':').next().is_some_and(|key| gone.contains(&key.trim_end()));
        }
        !is_gone
    };
    let kept: String = text.split_inclusive('\n').filter(is_kept).collect();
    match dialect.read_typed_yaml(file, &kept) {
        Ok(read) if read == wanted => Ok(kept),
        _ => Ok(written(dialect, &wanted)),
    }
}

/// The text of a whole file, with the digest of itself where DVC has one.
fn finish(dialect: Dialect, top: IndexMap<String, Value>, is_known: bool) -> String {
    let mut whole = IndexMap::new();
    match dialect {
        Dialect::Native => drop(whole.insert("version".to_owned(), Value::Int(1))),
        Dialect::Dvc if is_known => {
            let digest = own_digest(&Value::Map(top.clone()));
            whole.insert("md5".to_owned(), Value::from(digest.as_str()));
        }
        Dialect::Dvc => {}
    }
    whole.extend(top);
    written(dialect, &Value::Map(whole))
}

fn written(dialect: Dialect, value: &Value) -> String {
    match dialect {
        Dialect::Dvc => emit(value),
        Dialect::Native => serde_yaml::to_string(value).expect("texts and numbers are YAML"),
    }
}

/// The text with each word that differs replaced where it stands; `None` where that takes more.
fn change<'a>(
    dialect: Dialect,
    mut text: String,
    path: &mut Vec<Segment<'a>>,
    old: &'a Value,
    new: &'a Value,
) -> Option<String> {
    match (old, new) {
        _ if old == new => {}
        (Value::Map(before), Value::Map(after)) => {
            let mut behind = None;
            for (key, value) in after {
                path.push(Segment::Key(key));
                match (before.get(key), value) {
                    (Some(known), _) if known == value => {}
                    (Some(known), Value::Map(_) | Value::List(_)) => {
                        text = change(dialect, text, path, known, value)?;
                    }
                    (_, Value::Map(_) | Value::List(_)) => return None,
                    _ => {
                        let map = Value::Map(IndexMap::from([("k".to_owned(), value.clone())]));
                        let spelled = written(dialect, &map);
                        let spelled = spelled.strip_prefix("k: ")?.trim_end();
                        text = set_scalar(&text, path, Some(spelled), behind)?;
                    }
                }
                path.pop();
                behind = Some(key.as_str());
            }
            for key in before.keys().filter(|key| !after.contains_key(*key)) {
                path.push(Segment::Key(key));
                text = set_scalar(&text, path, None, None)?;
                path.pop();
            }
        }
        (Value::List(before), Value::List(after)) if before.len() == after.len() => {
            for (at, (before, after)) in before.iter().zip(after).enumerate() {
                path.push(Segment::Index(at));
                text = change(dialect, text, path, before, after)?;
                path.pop();
            }
        }
        _ => return None,
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use base::Digest;

    use super::*;

    fn path(text: &str) -> ProjectPath {
        ProjectPath::from_record(text).expect("a path")
    }

    fn of_repo(rev_lock: &str) -> Import {
        let repo = Repo { url: "../src".to_owned(), rev_lock: Some(rev_lock.to_owned()), ..Repo::default() };
        Import { path: "data".to_owned(), repo: Some(repo), ..Import::default() }
    }

    /// As DVC 3.67 wrote it.
    #[test]
    fn an_import_is_written_and_updated_as_dvc_does() {
        let hex = "326d7f26ce5379f53984b0ae8cf1f51f";
        let digest = Digest::from_hex(base::Algorithm::Md5, hex).expect("a digest");
        let state = FileState { digest, size: 4, files: Some(2), executable: false };
        let import = of_repo("e9e38f24b4372b8d67f27177fbf5ad240954558f");
        let text = write_import(&path("d.dvc"), "d", &import, Some(&state), None);
        let expected = "md5: b1212fecd7bdf000624ad18935e12a6d\nfrozen: true\ndeps:\n- path: data\n  repo:\n    url: ../src\n    \
                        rev_lock: e9e38f24b4372b8d67f27177fbf5ad240954558f\nouts:\n- md5: \
                        326d7f26ce5379f53984b0ae8cf1f51f.dir\n  size: 4\n  nfiles: 2\n  hash: md5\n  path: d\n";
        assert_eq!(text, expected);
        assert_eq!(parse_import(&path("d.dvc"), &text).expect("a pointer"), Some(import));
        // Comments stay.
        let digest =
            Digest::from_hex(base::Algorithm::Md5, "4b86d4ec5b6dadb05ac6bdff24a757a5").expect("a digest");
        let now = FileState { digest, size: 2, files: Some(2), executable: false };
        let text = text.replace("  size: 4\n", "  size: 4 # bytes\n");
        let moved = of_repo("ad4a2cae80d5aa4d248c627adcf258884c7b84ea");
        let updated = update_import(&path("d.dvc"), &text, &moved, Some(&now)).expect("a text");
        let expected = expected
            .replace("b1212fecd7bdf000624ad18935e12a6d", "31e89e2d14d64511e8f3238ce23e87d3")
            .replace("e9e38f24b4372b8d67f27177fbf5ad240954558f", "ad4a2cae80d5aa4d248c627adcf258884c7b84ea")
            .replace(hex, "4b86d4ec5b6dadb05ac6bdff24a757a5")
            .replace("size: 4", "size: 2 # bytes");
        assert_eq!(updated, expected);
    }

    #[test]
    fn data_of_ones_own_tells_of_no_origin() {
        let text = "md5: 1\n# raw\nfrozen: true\ndeps:\n- path: data # there\n  repo: {url: ../src}\n# here\nouts:\n- md5: \
                    326d7f26ce5379f53984b0ae8cf1f51f\n  path: d # mine\n";
        let own = disown_import(&path("d.dvc"), text).expect("a text");
        assert_eq!(own, "# raw\n# here\nouts:\n- md5: 326d7f26ce5379f53984b0ae8cf1f51f\n  path: d # mine\n");
        assert_eq!(parse_import(&path("d.dvc"), &own).expect("a pointer"), None);
        let state = FileState { digest: Digest::Blake3([7; 32]), size: 4, files: None, executable: false };
        let text = write_import(&path("x.pipe"), "x", &of_repo("abc"), Some(&state), Some("raw"));
        let own = disown_import(&path("x.pipe"), &text).expect("a text");
        let pointer = native::parse_pointer(&path("x.pipe"), &own).expect("a pointer");
        assert!(!pointer.frozen && pointer.state == state && pointer.desc.as_deref() == Some("raw"));
        // However it is laid out.
        let own =
            disown_import(&path("x.pipe"), "{version: 1, deps: [{path: a}], outs: [1]}").expect("a text");
        assert_eq!(own, "version: 1\nouts:\n- 1\n");
    }

    #[test]
    fn a_pointer_of_ours_tells_where_data_came_from() {
        let state = FileState { digest: Digest::Blake3([7; 32]), size: 4, files: None, executable: true };
        let file = path("sub/x.pipe");
        let text = write_import(&file, "x", &of_repo("abc"), Some(&state), Some("raw"));
        let pointer = native::parse_pointer(&file, &text).expect("a pointer");
        assert!(pointer.frozen && pointer.state == state && pointer.desc.as_deref() == Some("raw"));
        let import = parse_import(&file, &text).expect("a pointer").expect("an import");
        assert_eq!(import, of_repo("abc"));
        let mut import = Import { repo: None, path: "http://a/b".to_owned(), ..import };
        import.checksum = Some("\"1\"".to_owned());
        let text = write_import(&file, "x", &import, Some(&state), None);
        assert_eq!(parse_import(&file, &text).expect("a pointer"), Some(import));
        assert_eq!(parse_import(&file, "version: 1\nouts: []\n").expect("a pointer"), None);
        for wrong in ["deps: [{}]", "deps: [{path: a, repo: {}}]", "deps: [{path: 1}]"] {
            assert!(parse_import(&file, &format!("{wrong}\nouts: [1]\n")).is_err(), "{wrong}");
        }
    }
}
