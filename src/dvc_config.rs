//! What the settings of a DVC project say: the files `config` and `config.local` in `.dvc`, and before them those of the
//! user and of the machine. The later file wins.

pub mod schema;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use disk::LinkType;
use pipeline::{DvcSections, parse_dvc_config as parse, unquoted};

use crate::environment;
use crate::error::CliResult;
use crate::project::DVC_FOLDER;
use crate::settings::Scope;

/// How URLs begin that name another remote.
pub const REMOTE_SCHEME: &str = "remote://";

/// Where a project that was made one of pipe keeps the files of DVC.
pub const KEPT: &str = ".dvc-converted";

/// DVC's folder, also where `pipe convert` has put it.
fn own_folder(root: &Path) -> PathBuf {
    let own = root.join(DVC_FOLDER);
    if own.is_dir() {
        own
    } else {
        Some(root.join(KEPT).join(DVC_FOLDER)).filter(|kept| kept.is_dir()).unwrap_or(own)
    }
}

/// The files, the weakest first.
fn files(root: &Path) -> Vec<PathBuf> {
    let own = own_folder(root);
    let user = environment::config_home().map(|folder| folder.join("dvc").join("config"));
    let elsewhere = [Some(PathBuf::from("/etc/xdg/dvc/config")), user].into_iter().flatten();
    elsewhere.chain([own.join("config"), own.join("config.local")]).collect()
}

/// Refuses files that are no texts, as DVC does: passed over, they would take remotes and the cache with them in silence.
///
/// # Errors
/// When one is none, or cannot be read.
pub fn check(root: &Path) -> CliResult {
    for file in files(root) {
        disk::read_text_optional(&file)?;
    }
    Ok(())
}

/// What each file says, the weakest first, and whose it is.
pub fn said(root: &Path) -> Vec<(Scope, PathBuf, DvcSections)> {
    let files = files(root);
    let own = files.len() - 2;
    let whose = |at: usize| match at.checked_sub(own) {
        None => Scope::User,
        Some(0) => Scope::Project,
        Some(_) => Scope::Local,
    };
    let read = |(at, file): (usize, PathBuf)| {
        let text = disk::read_text(&file).ok()?;
        Some((whose(at), file, parse(&text)))
    };
    files.into_iter().enumerate().filter_map(read).collect()
}

/// What all files say together, up to `file` and with `text` in its place: what DVC goes by when it changes that file.
pub fn merged_up_to(root: &Path, file: &Path, text: &str) -> DvcSections {
    let mut merged = DvcSections::new();
    for known in files(root) {
        let is_it = known == file;
        let said = if is_it { Some(text.to_owned()) } else { disk::read_text(&known).ok() };
        for (section, keys) in parse(&said.unwrap_or_default()) {
            merged.entry(section).or_default().extend(keys);
        }
        if is_it {
            break;
        }
    }
    merged
}

/// The folder that a path in a settings file names: at the user's home, or relative to the file.
fn folder(file: &Path, path: &str) -> PathBuf {
    let home = path.strip_prefix("~/").and_then(|below| Some(environment::home()?.join(below)));
    let path = home.unwrap_or_else(|| PathBuf::from(path));
    cache::lexical(&file.parent().unwrap_or(Path::new("")).join(path))
}

/// The cache folder: `cache.dir`, relative to the file that says so, else `.dvc/cache`.
pub fn cache_folder(root: &Path) -> PathBuf {
    cache_dir(root).unwrap_or_else(|| own_folder(root).join("cache"))
}

/// `cache.dir`, relative to the file that says so.
pub fn cache_dir(root: &Path) -> Option<PathBuf> {
    let mut place = None;
    for file in files(root) {
        let Ok(text) = disk::read_text(&file) else { continue };
        if let Some(dir) = parse(&text).get("cache").and_then(|section| section.get("dir")) {
            place = Some(folder(&file, dir));
        }
    }
    place
}

/// A setting of the project's own files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSetting {
    /// Whether it stands in `config.local`.
    pub is_local: bool,
    /// Its section, without quotes: `core`, `remote "NAME"`.
    pub section: String,
    /// Its key in that section.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl OwnSetting {
    /// The remote that it is about.
    pub fn remote(&self) -> Option<&str> {
        self.section.strip_prefix("remote").map(|rest| unquoted(rest.trim())).filter(|name| !name.is_empty())
    }
}

/// All that the project's own files say, `config` first.
pub fn own_settings(root: &Path) -> Vec<OwnSetting> {
    let mut settings = Vec::new();
    for (is_local, name) in [(false, "config"), (true, "config.local")] {
        let text = disk::read_text(&own_folder(root).join(name)).unwrap_or_default();
        for (section, keys) in parse(&text) {
            settings.extend(keys.into_iter().map(|(key, value)| OwnSetting {
                is_local,
                section: section.clone(),
                key,
                value,
            }));
        }
    }
    settings
}

/// Whether `cache.shared` is `group`.
pub fn is_cache_shared(root: &Path) -> bool {
    let shared = |file: &PathBuf| parse(&disk::read_text(file).ok()?).get("cache")?.get("shared").cloned();
    files(root).iter().rev().find_map(shared).is_some_and(|whom| whom.eq_ignore_ascii_case("group"))
}

/// Whether `shared` of a remote is `group`.
pub fn is_remote_shared(root: &Path, name: &str) -> bool {
    let said = |file: &PathBuf| {
        let sections = parse(&disk::read_text(file).ok()?);
        let is_it = |section: &str| {
            section.strip_prefix("remote").is_some_and(|rest| unquoted(rest.trim()) == name.to_lowercase())
        };
        sections.iter().find(|(section, _)| is_it(section))?.1.get("shared").cloned()
    };
    files(root).iter().rev().find_map(said).is_some_and(|whom| whom.eq_ignore_ascii_case("group"))
}

/// `cache.type`: how files of the workspace are made from the cache, the preferred way first.
pub fn link_types(root: &Path) -> Option<Vec<LinkType>> {
    let said = |file: &PathBuf| parse(&disk::read_text(file).ok()?).get("cache")?.get("type").cloned();
    let types = files(root).iter().rev().find_map(said)?;
    let types: Vec<LinkType> = types.split(',').filter_map(|word| LinkType::from_name(word.trim())).collect();
    (!types.is_empty()).then_some(types)
}

/// Whether `core.autostage` asks that git be told of what was recorded.
pub fn wants_staging(root: &Path) -> bool {
    is_on(root, "autostage")
}

/// Whether `core.no_scm` says that the project is not under version control, whatever lies around it.
pub fn is_without_git(root: &Path) -> bool {
    is_on(root, "no_scm")
}

/// Whether a key of `core` is true.
fn is_on(root: &Path, key: &str) -> bool {
    let said = |file: &PathBuf| parse(&disk::read_text(file).ok()?).get("core")?.get(key).cloned();
    files(root).iter().rev().find_map(said).is_some_and(|word| word.eq_ignore_ascii_case("true"))
}

/// The remotes with their URLs, ascending by name, and the name of the one that is meant when none is named. A path is
/// relative to the file that names it.
pub fn remotes(root: &Path) -> (Vec<(String, String)>, Option<String>) {
    let (mut remotes, mut default) = (BTreeMap::new(), None);
    for file in files(root) {
        let Ok(text) = disk::read_text(&file) else { continue };
        for (section, keys) in parse(&text) {
            let name = section.strip_prefix("remote").map(|rest| unquoted(rest.trim()));
            match (name, keys.get("url")) {
                (Some(name), Some(url)) if url.contains("://") => {
                    remotes.insert(name.to_owned(), url.clone());
                }
                (Some(name), Some(url)) => {
                    remotes.insert(name.to_owned(), folder(&file, url).display().to_string());
                }
                _ => {}
            }
            if section == "core" {
                default = keys.get("remote").map(|name| name.to_lowercase()).or(default);
            }
        }
    }
    let resolved = remotes.iter().map(|(name, url)| (name.clone(), below_base(&remotes, url)));
    (resolved.collect(), default)
}

/// The URL that `remote://BASE/PATH` stands for: one below that of another remote, which may be of the kind itself. Where no
/// such remote is there, or it leads back to itself, it stays what it is.
fn below_base(remotes: &BTreeMap<String, String>, url: &str) -> String {
    let (mut base, mut below) = (url, String::new());
    // Each remote can stand there once.
    for _ in 0..=remotes.len() {
        let Some(rest) = base.strip_prefix(REMOTE_SCHEME) else {
            return format!("{}{below}", base.trim_end_matches('/'));
        };
        let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_matches('/');
        if !path.is_empty() {
            below = format!("/{path}{below}");
        }
        let Some((_, next)) = remotes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
            break;
        };
        base = next;
    }
    url.to_owned()
}
