//! Settings: three TOML files, of which the nearer one counts, and the keys that they may hold.
//!
//! A key is one line of [`KEYS`]; everything else (reading, checking, `pipe config`) follows from it. What names a
//! program, holds a secret or says where data is sent is `local_only`: a repository that somebody clones must not
//! decide that.

mod edit;
mod inject;

use std::fmt;
use std::path::{Path, PathBuf};

use cache::{Trust, Whose};
use disk::LinkType;
use pipeline::Position;
use toml_edit::{Document, DocumentMut, Item, TableLike};

use crate::age::parse_age;

pub use edit::{set, unset};
pub use inject::Inject;

/// Whose settings a file holds, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The user's, in every project.
    User,
    /// The project's, committed to git.
    Project,
    /// The project's on this machine, kept out of git.
    Local,
}

impl Scope {
    /// All, the weakest first.
    pub const ALL: [Scope; 3] = [Scope::User, Scope::Project, Scope::Local];

    /// Its name, as flags and JSON have it.
    pub fn name(self) -> &'static str {
        match self {
            Scope::User => "user",
            Scope::Project => "project",
            Scope::Local => "local",
        }
    }
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The path of a folder.
    Folder,
    /// One or more link types, the preferred one first.
    LinkTypes,
    /// The name of a remote.
    Remote,
    /// Where a remote is.
    Url,
    /// A length of time.
    Age,
    /// A length of time, or `never`.
    AgeOrNever,
    /// True or false.
    Flag,
    /// `group`, and nothing else.
    Group,
    /// `all`, `local`, or names of users and hosts.
    Names,
    /// `normal` or `full`.
    Sync,
    /// When scripts get a tracking URI.
    Inject,
}

/// A key that settings may hold.
#[derive(Clone, Copy, Debug)]
struct Key {
    /// Its dotted name; `*` stands for a part that the user chooses.
    name: &'static str,
    kind: Kind,
    /// Whether it counts only in the local and the user's file.
    local_only: bool,
}

/// Every key there is.
const KEYS: &[Key] = &[
    Key { name: CACHE_DIR, kind: Kind::Folder, local_only: false },
    Key { name: CACHE_LINK_TYPES, kind: Kind::LinkTypes, local_only: false },
    Key { name: CACHE_SHARED, kind: Kind::Group, local_only: false },
    Key { name: CORE_AUTOSTAGE, kind: Kind::Flag, local_only: false },
    Key { name: CORE_REMOTE, kind: Kind::Remote, local_only: false },
    Key { name: GC_GRACE, kind: Kind::Age, local_only: false },
    Key { name: PUSH_SYNC, kind: Kind::Sync, local_only: false },
    Key { name: "remote.*.url", kind: Kind::Url, local_only: false },
    Key { name: OTHER_PLATFORMS, kind: Kind::Flag, local_only: false },
    Key { name: STORE_SYNC, kind: Kind::Sync, local_only: false },
    Key { name: TRUST, kind: Kind::Names, local_only: false },
    Key { name: TRACKING_INJECT, kind: Kind::Inject, local_only: false },
    Key { name: UNHEARD_AFTER, kind: Kind::AgeOrNever, local_only: false },
];

/// Where the cache is.
/// The folder of the cache.
pub const CACHE_DIR: &str = "cache.dir";
/// How files of the workspace are made from the cache.
pub const CACHE_LINK_TYPES: &str = "cache.link_types";
/// With whom the cache is shared.
pub const CACHE_SHARED: &str = "cache.shared";

/// Whether git is told of the records that commands write.
const CORE_AUTOSTAGE: &str = "core.autostage";
/// Which remote is meant when none is named.
pub const CORE_REMOTE: &str = "core.remote";
/// How young something at a remote must be to stay in any case.
const GC_GRACE: &str = "gc.grace";
/// What pushed objects survive.
const PUSH_SYNC: &str = "push.sync";
/// Whether results of other platforms are restored.
const OTHER_PLATFORMS: &str = "stage_cache.other_platforms";
/// Whose results are restored.
const TRUST: &str = "stage_cache.trust";

/// What recorded runs survive.
const STORE_SYNC: &str = "store.sync";
/// When the scripts of stages get a tracking URI.
const TRACKING_INJECT: &str = "tracking.inject";

/// How long a run may be silent that lives in no process which could be asked after.
const UNHEARD_AFTER: &str = "tracking.unheard_after";
/// That length of time where nobody sets one: a script that logs once a day is heard, also over a weekend and a holiday.
const UNHEARD_AFTER_DEFAULT: &str = "7d";
/// What is set so that such runs are never ended.
const NEVER: &str = "never";

/// A day in nanoseconds.
const DAY: i64 = 86_400 * 1_000_000_000;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// True or false.
    Flag(bool),
    /// One text.
    Text(String),
    /// Several words.
    Words(Vec<String>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Flag(flag) => write!(f, "{flag}"),
            Value::Text(text) => f.write_str(text),
            Value::Words(words) => f.write_str(&words.join(",")),
        }
    }
}

/// A key with its value and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key's dotted name.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// The file that holds it.
    pub scope: Scope,
}

/// A fault of a settings file, or of what is to be written into one.
#[derive(Debug)]
pub struct SettingsError {
    /// The file with the place in it; `None` when the fault is in the command line.
    place: Option<(PathBuf, Position)>,
    message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((file, Position { line, column })) = &self.place {
            write!(f, "{}:{line}:{column}: ", base::shown(file))?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for SettingsError {}

/// What counts: of every key that is set, the value of the nearest file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Ascending by key.
    settings: Vec<Setting>,
}

impl Settings {
    /// Puts together what the files hold, each given with its scope and text.
    ///
    /// # Errors
    /// When one of them holds something that is no setting.
    pub fn of<'a>(
        files: impl IntoIterator<Item = (Scope, &'a Path, &'a str)>,
    ) -> Result<Self, SettingsError> {
        let mut settings: Vec<Setting> = Vec::new();
        for (scope, path, text) in files {
            settings.extend(read(text, scope, path, KEYS)?);
        }
        // The nearest first, so that it is the one that stays.
        settings.sort_by(|a, b| a.key.cmp(&b.key).then(b.scope.cmp(&a.scope)));
        settings.dedup_by(|weaker, kept| weaker.key == kept.key);
        Ok(Settings { settings })
    }

    /// All of them, ascending by key.
    pub fn all(&self) -> &[Setting] {
        &self.settings
    }

    /// The setting of a key.
    pub fn get(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    /// Where the cache is, when it is not in the project: as it was written.
    pub fn cache_dir(&self) -> Option<&str> {
        self.text(CACHE_DIR)
    }

    /// Whether the cache is shared with the users of its group.
    pub fn is_cache_shared(&self) -> bool {
        self.text(CACHE_SHARED).is_some()
    }

    fn text(&self, key: &str) -> Option<&str> {
        match &self.get(key)?.value {
            Value::Text(text) => Some(text),
            Value::Flag(_) | Value::Words(_) => None,
        }
    }

    /// The remote that is meant when none is named.
    pub fn default_remote(&self) -> Option<&str> {
        self.text(CORE_REMOTE)
    }

    /// Name and URL of each remote, ascending by name.
    pub fn remotes(&self) -> Vec<(&str, &str)> {
        let name = |key: &'_ str| Some(key.strip_prefix("remote.")?.strip_suffix(".url")?.len());
        let remotes = self.settings.iter().filter_map(|Setting { key, value, .. }| match value {
            Value::Text(url) => Some((&key["remote.".len()..][..name(key)?], url.as_str())),
            _ => None,
        });
        remotes.collect()
    }

    /// How young something at a remote must be to stay in any case, in nanoseconds.
    pub fn gc_grace(&self) -> i64 {
        self.text(GC_GRACE).and_then(|age| parse_age(age).ok()).unwrap_or(DAY)
    }

    /// Whether git is told of the records that commands write.
    pub fn wants_staging(&self) -> bool {
        self.is_set(CORE_AUTOSTAGE)
    }

    fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(|setting| setting.value == Value::Flag(true))
    }

    /// What recorded runs survive: the death of the process, or a loss of power too.
    pub fn store_sync(&self) -> track::Sync {
        match self.text(STORE_SYNC) {
            Some("full") => track::Sync::Full,
            _ => track::Sync::Normal,
        }
    }

    /// What pushed objects survive: the death of the process, or a loss of power too.
    pub fn push_sync(&self) -> remote::Sync {
        match self.text(PUSH_SYNC) {
            Some("full") => remote::Sync::Full,
            _ => remote::Sync::Normal,
        }
    }

    /// Which results of the stage cache are restored.
    pub fn trust(&self) -> Trust {
        let words: Vec<String> = match self.get(TRUST).map(|setting| &setting.value) {
            Some(Value::Words(words)) => words.clone(),
            _ => vec!["all".to_owned()],
        };
        let whose = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["all"] => Whose::All,
            ["local"] => Whose::Local,
            _ => Whose::Named(words),
        };
        let other_platforms = self.is_set(OTHER_PLATFORMS);
        Trust { whose, other_platforms }
    }

    /// When the scripts of stages get a tracking URI.
    #[cfg(feature = "serve")]
    pub fn inject(&self) -> Inject {
        self.text(TRACKING_INJECT).and_then(Inject::from_name).unwrap_or_default()
    }

    /// After how much silence a run is ended that lives in no process which could be asked after, as it was written; `None` for
    /// never.
    pub fn unheard_after(&self) -> Option<&str> {
        Some(self.text(UNHEARD_AFTER).unwrap_or(UNHEARD_AFTER_DEFAULT)).filter(|age| *age != NEVER)
    }

    /// The same in milliseconds.
    pub fn unheard_after_millis(&self) -> Option<i64> {
        parse_age(self.unheard_after()?).ok().map(|age| age / 1_000_000)
    }

    /// How files of the workspace are made from the cache, the preferred way first.
    pub fn link_types(&self) -> Vec<LinkType> {
        let Some(Setting { value: Value::Words(words), .. }) = self.get(CACHE_LINK_TYPES) else {
            return vec![LinkType::Reflink, LinkType::Copy];
        };
        words.iter().filter_map(|word| LinkType::from_name(word)).collect()
    }
}

/// A key of [`KEYS`] by its name.
///
/// # Errors
/// When there is none, with the one that may be meant.
pub fn check_key(name: &str) -> Result<(), SettingsError> {
    find(name, KEYS).map(drop).map_err(Fault::bare)
}

/// Checks the name of a remote, which is a part of a key.
fn check_remote_name(name: &str) -> Result<(), Fault> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(Fault {
        message: format!("`{name}` is no name of a remote"),
        hint: Some("use letters, digits, `-` and `_`".to_owned()),
    })
}

/// The key of a remote's URL.
///
/// # Errors
/// When `name` is no name of a remote.
pub fn remote_key(name: &str) -> Result<String, SettingsError> {
    check_remote_name(name).map_err(Fault::bare)?;
    Ok(format!("remote.{name}.url"))
}

/// What is wrong, before its place is known.
struct Fault {
    message: String,
    hint: Option<String>,
}

impl Fault {
    fn bare(self) -> SettingsError {
        SettingsError { place: None, message: self.message, hint: self.hint }
    }
}

fn find(name: &str, keys: &'static [Key]) -> Result<&'static Key, Fault> {
    let fits = |key: &&Key| {
        let mut parts = name.split('.');
        let all = key.name.split('.').all(|part| {
            parts.next().is_some_and(|given| !given.is_empty() && (part == "*" || part == given))
        });
        all && parts.next().is_none()
    };
    keys.iter().find(fits).ok_or_else(|| {
        let names = || keys.iter().map(|key| key.name);
        let hint = (name == "cache.type")
            .then(|| format!("what DVC calls so is `{CACHE_LINK_TYPES}` here"))
            .or_else(|| pipeline::did_you_mean(name, names()))
            .unwrap_or_else(|| format!("known keys: {}", names().collect::<Vec<_>>().join(", ")));
        Fault { message: format!("unknown key `{name}`"), hint: Some(hint) }
    })
}

impl Key {
    /// Whether the key may stand in a file of this scope.
    fn permit(&self, name: &str, scope: Scope) -> Result<(), Fault> {
        if !self.local_only || scope != Scope::Project {
            return Ok(());
        }
        Err(Fault {
            message: format!("`{name}` counts only in a file that git does not bring"),
            hint: Some(format!(
                "set it with `pipe config --local {name} VALUE`, or `--user` for all projects"
            )),
        })
    }

    /// The value in one text, as the command line has it.
    fn of_text(&self, text: &str) -> Result<Value, Fault> {
        match self.kind {
            Kind::Folder if text.trim().is_empty() => Err(Fault {
                message: format!("`{}` is empty", self.name),
                hint: Some("name a folder".to_owned()),
            }),
            Kind::Folder => Ok(Value::Text(text.to_owned())),
            Kind::Url if text.trim().is_empty() => Err(Fault {
                message: format!("`{}` is empty", self.name),
                hint: Some("name a folder, or its file:// URL".to_owned()),
            }),
            Kind::Url => Ok(Value::Text(text.to_owned())),
            Kind::Group if text == "group" => Ok(Value::Text(text.to_owned())),
            Kind::Group => Err(Fault {
                message: format!("`{text}` is nobody that a cache is shared with"),
                hint: Some(format!("set `{}` to group, or unset it", self.name)),
            }),
            Kind::Sync if matches!(text, "normal" | "full") => Ok(Value::Text(text.to_owned())),
            Kind::Sync => Err(Fault {
                message: format!("`{text}` is no way to write the run store"),
                hint: Some(format!("set `{}` to normal or full", self.name)),
            }),
            Kind::Inject if Inject::from_name(text).is_some() => Ok(Value::Text(text.to_owned())),
            Kind::Inject => Err(Fault {
                message: format!("`{text}` does not say when scripts get a tracking URI"),
                hint: Some(format!(
                    "set `{}` to auto, to always (whatever the environment says) or to never",
                    self.name
                )),
            }),
            Kind::Remote => {
                check_remote_name(text)?;
                Ok(Value::Text(text.to_owned()))
            }
            Kind::AgeOrNever if text == NEVER => Ok(Value::Text(text.to_owned())),
            Kind::Age | Kind::AgeOrNever => match parse_age(text) {
                Ok(_) => Ok(Value::Text(text.to_owned())),
                Err(reason) => Err(Fault {
                    message: format!("`{}` is no length of time", self.name),
                    hint: Some(match self.kind {
                        Kind::AgeOrNever => format!("{reason}, or {NEVER}"),
                        _ => reason,
                    }),
                }),
            },
            Kind::Flag => match text {
                "true" => Ok(Value::Flag(true)),
                "false" => Ok(Value::Flag(false)),
                _ => Err(Fault {
                    message: format!("`{text}` is neither true nor false"),
                    hint: Some(format!("set `{}` to true or false", self.name)),
                }),
            },
            // As the file has it.
            Kind::Names | Kind::LinkTypes if text.trim_start().starts_with('[') => {
                let document: Option<DocumentMut> = format!("list = {text}").parse().ok();
                match document.as_ref().and_then(|document| document.get("list")) {
                    Some(list) => self.of_item(list),
                    None => Err(Fault {
                        message: format!("`{text}` is no list"),
                        hint: Some(
                            "write it as [\"a\", \"b\"], or the words alone, separated by commas".to_owned(),
                        ),
                    }),
                }
            }
            Kind::Names | Kind::LinkTypes => {
                self.of_words(text.split(',').map(|word| word.trim().to_owned()).collect())
            }
        }
    }

    fn of_words(&self, words: Vec<String>) -> Result<Value, Fault> {
        let names = LinkType::ALL.map(LinkType::name);
        let all = || match self.kind {
            Kind::Names => "set it to all, to local, or to names of users and hosts".to_owned(),
            _ => format!("choose among {}, the preferred one first", names.join(", ")),
        };
        if words.is_empty() {
            let hint = format!("{}; `pipe config --unset {}` takes it out", all(), self.name);
            return Err(Fault { message: format!("`{}` is empty", self.name), hint: Some(hint) });
        }
        for (at, word) in words.iter().enumerate() {
            let is_right = match self.kind {
                Kind::Names => {
                    !word.is_empty() && (words.len() == 1 || !matches!(word.as_str(), "all" | "local"))
                }
                _ => LinkType::from_name(word).is_some(),
            };
            if matches!(self.kind, Kind::Names)
                && word.contains(|c: char| c.is_whitespace() || "@:/*".contains(c))
            {
                return Err(Fault {
                    message: format!("`{word}` is no name of a user or host"),
                    hint: Some(all()),
                });
            }
            if !is_right && matches!(self.kind, Kind::Names) {
                return Err(Fault {
                    message: format!("`{word}` does not stand beside other names"),
                    hint: Some(all()),
                });
            }
            if !is_right {
                let hint = pipeline::did_you_mean(word, names).unwrap_or_else(all);
                return Err(Fault { message: format!("`{word}` is no link type"), hint: Some(hint) });
            }
            if words[..at].contains(word) {
                return Err(Fault { message: format!("`{word}` stands there twice"), hint: Some(all()) });
            }
        }
        Ok(Value::Words(words))
    }

    /// The value in a file.
    fn of_item(&self, item: &Item) -> Result<Value, Fault> {
        if let Some(text) = item.as_str() {
            return self.of_text(text);
        }
        if let (Kind::Flag, Some(flag)) = (self.kind, item.as_bool()) {
            return Ok(Value::Flag(flag));
        }
        let expected = match self.kind {
            Kind::Folder
            | Kind::Group
            | Kind::Inject
            | Kind::Remote
            | Kind::Url
            | Kind::Age
            | Kind::AgeOrNever
            | Kind::Sync => "a text",
            Kind::LinkTypes | Kind::Names => "a list of texts",
            Kind::Flag => "true or false",
        };
        let wrong = || Fault {
            message: format!("`{}` is {expected}, not {}", self.name, article(item.type_name())),
            hint: None,
        };
        match (self.kind, item.as_array()) {
            (Kind::LinkTypes | Kind::Names, Some(array)) => {
                let words = array.iter().map(|value| value.as_str().map(str::to_owned));
                self.of_words(words.collect::<Option<_>>().ok_or_else(wrong)?)
            }
            _ => Err(wrong()),
        }
    }
}

fn article(name: &str) -> String {
    let vowel = name.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {name}", if vowel { "an" } else { "a" })
}

/// What one file holds.
fn read(text: &str, scope: Scope, path: &Path, keys: &'static [Key]) -> Result<Vec<Setting>, SettingsError> {
    let at = |offset: Option<usize>| {
        Some((path.to_owned(), Position::of_offset(text, offset.unwrap_or_default())))
    };
    let document = Document::parse(text).map_err(|fault| SettingsError {
        place: at(fault.span().map(|span| span.start)),
        message: fault.message().trim().replace('\n', ", "),
        hint: None,
    })?;
    let mut found = Vec::new();
    let mut open: Vec<(String, &dyn TableLike)> = vec![(String::new(), document.as_table())];
    while let Some((prefix, table)) = open.pop() {
        for (name, item) in table.iter() {
            let (word, _) = table.get_key_value(name).expect("it was just listed");
            let full = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
            let place = |fault: Fault, span: Option<std::ops::Range<usize>>| SettingsError {
                place: at(span.or(word.span()).map(|span| span.start)),
                message: fault.message,
                hint: fault.hint,
            };
            match item.as_table_like() {
                Some(below) if leads_on(&full, keys) => open.push((full, below)),
                _ => {
                    let key = find(&full, keys).map_err(|fault| place(fault, word.span()))?;
                    key.permit(&full, scope).map_err(|fault| place(fault, word.span()))?;
                    let value = key.of_item(item).map_err(|fault| place(fault, item.span()))?;
                    found.push(Setting { key: full, value, scope });
                }
            }
        }
    }
    Ok(found)
}

/// Whether a table of this name can hold keys.
fn leads_on(name: &str, keys: &[Key]) -> bool {
    let parts = name.split('.').count();
    keys.iter().any(|key| {
        let known: Vec<&str> = key.name.split('.').collect();
        known.len() > parts && name.split('.').zip(&known).all(|(given, part)| *part == "*" || *part == given)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST_KEYS: &[Key] = &[
        Key { name: "cache.dir", kind: Kind::Folder, local_only: false },
        Key { name: "remote.*.url", kind: Kind::Folder, local_only: true },
    ];

    fn fault(text: &str) -> String {
        let fault = read(text, Scope::Project, Path::new("config.toml"), KEYS).unwrap_err();
        format!("{fault} | {}", fault.hint.as_deref().unwrap_or_default())
    }

    #[test]
    fn the_disk_is_waited_for_where_that_is_told() {
        use remote::Sync as Pushed;
        for (text, store, pushed) in [
            ("", track::Sync::Normal, Pushed::Normal),
            ("store.sync = 'normal'\npush.sync = 'normal'\n", track::Sync::Normal, Pushed::Normal),
            ("store.sync = 'full'\n", track::Sync::Full, Pushed::Normal),
            ("push.sync = 'full'\n", track::Sync::Normal, Pushed::Full),
        ] {
            let settings = Settings::of([(Scope::Project, Path::new("config.toml"), text)]).expect(text);
            assert_eq!((settings.store_sync(), settings.push_sync()), (store, pushed), "{text}");
        }
    }

    #[test]
    fn faults_have_a_place_and_a_suggestion() {
        let types = "choose among reflink, hardlink, symlink, copy, the preferred one first";
        let known = format!("known keys: {}", KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", "));
        for (text, expected) in [
            ("[cache]\ndri = 'x'\n", "config.toml:2:1: unknown key `cache.dri` | did you mean `cache.dir`?"),
            ("x = 1\n", &format!("config.toml:1:1: unknown key `x` | {known}")),
            ("[cash]\ndir = 'x'\n", &format!("config.toml:1:2: unknown key `cash` | {known}")),
            ("\ncache.dir = 3\n", "config.toml:2:13: `cache.dir` is a text, not an integer | "),
            ("cache.dir = ''\n", "config.toml:1:13: `cache.dir` is empty | name a folder"),
            ("cache = 1\n", &format!("config.toml:1:1: unknown key `cache` | {known}")),
            (
                "cache.link_types = ['hardlnk']\n",
                "config.toml:1:20: `hardlnk` is no link type | did you mean `hardlink`?",
            ),
            (
                "cache.link_types = [1]",
                "config.toml:1:20: `cache.link_types` is a list of texts, not an array | ",
            ),
            (
                "cache.link_types = 'copy,copy'",
                &format!("config.toml:1:20: `copy` stands there twice | {types}"),
            ),
            (
                "cache.link_types = []",
                &format!(
                    "config.toml:1:20: `cache.link_types` is empty | {types}; `pipe config --unset cache.link_types` \
                     takes it out"
                ),
            ),
        ] {
            assert_eq!(fault(text), expected, "{text}");
        }
        assert!(fault("[cache\n").starts_with("config.toml:1:7: "), "{}", fault("[cache\n"));
    }

    #[test]
    fn the_nearest_file_counts() {
        let path = Path::new("config.toml");
        let settings = Settings::of([
            (Scope::User, path, "[cache]\ndir = '/user'\nlink_types = 'hardlink, copy'\n"),
            (Scope::Local, path, "cache.dir = '/local'\n"),
            (Scope::Project, path, "cache = { dir = '/project' }\n"),
        ]);
        let settings = settings.unwrap();
        assert_eq!(settings.cache_dir(), Some("/local"));
        assert_eq!(settings.link_types(), [LinkType::Hardlink, LinkType::Copy]);
        assert_eq!(settings.all().len(), 2);
        assert_eq!(settings.get("cache.link_types").unwrap().scope, Scope::User);
        assert_eq!(Settings::default().link_types(), [LinkType::Reflink, LinkType::Copy]);
    }

    #[test]
    fn a_repository_does_not_set_what_is_local() {
        let text = "[remote.storage]\nurl = 's3://elsewhere'\n";
        let read = |scope| read(text, scope, Path::new("config.toml"), TEST_KEYS);
        let fault = read(Scope::Project).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "config.toml:2:1: `remote.storage.url` counts only in a file that git does not bring"
        );
        assert!(fault.hint.unwrap().contains("pipe config --local remote.storage.url VALUE"));
        for scope in [Scope::Local, Scope::User] {
            assert_eq!(read(scope).unwrap()[0].key, "remote.storage.url");
        }
    }
}
