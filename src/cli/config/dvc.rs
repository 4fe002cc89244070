//! `pipe config` in projects of DVC: what DVC reads too stands in its settings files, so that both tools go by the same.

use std::path::{Path, PathBuf};

use pipeline::{set_dvc_config, unquoted};

use crate::cli::remote::dvc::{change, is_relative, plain, unset};
use crate::dvc_config;
use crate::error::{CliError, CliResult};
use crate::project::{DVC_FOLDER, Project};
use crate::settings::{self, CACHE_DIR, CACHE_LINK_TYPES, CACHE_SHARED, Scope, Setting, Value};

/// What DVC calls `cache.link_types`.
const CACHE_TYPE: &str = "cache.type";

/// Our name of a key that DVC and we read.
pub fn own_name(key: &str) -> &str {
    if key == CACHE_TYPE { CACHE_LINK_TYPES } else { key }
}

/// Section and name in DVC's files; `None` of what we alone read. The user's preference of links is one for all projects.
pub fn place(key: &str, scope: Option<Scope>) -> Option<(String, String)> {
    let of = |section: &str, name: &str| Some((section.to_owned(), name.to_owned()));
    match own_name(key) {
        CACHE_LINK_TYPES if scope == Some(Scope::User) => None,
        CACHE_LINK_TYPES => of("cache", "type"),
        CACHE_DIR => of("cache", "dir"),
        CACHE_SHARED => of("cache", "shared"),
        "core.autostage" => of("core", "autostage"),
        "core.remote" => of("core", "remote"),
        key => {
            let name = key.strip_prefix("remote.")?.strip_suffix(".url")?;
            of(&format!("remote \"{name}\""), "url")
        }
    }
}

/// Our name of what stands in DVC's files.
fn key_of(section: &str, name: &str) -> Option<String> {
    match (section, name) {
        ("cache", "type") => Some(CACHE_LINK_TYPES.to_owned()),
        ("cache", "dir" | "shared") | ("core", "autostage" | "remote") => Some(format!("{section}.{name}")),
        (_, "url") => {
            let remote = unquoted(section.strip_prefix("remote")?.trim());
            (!remote.is_empty()).then(|| format!("remote.{remote}.url"))
        }
        _ => None,
    }
}

/// What DVC's files say of such keys, each with its file: in one of them, or what counts of all.
pub fn shown(project: &Project, scope: Option<Scope>) -> Vec<(Setting, PathBuf)> {
    let mut found: Vec<(Setting, PathBuf)> = Vec::new();
    for (whose, file, sections) in dvc_config::said(&project.root) {
        if scope.is_some_and(|scope| scope != whose) {
            continue;
        }
        for (section, keys) in sections {
            for (name, value) in keys {
                let Some(key) = key_of(&section, &name) else { continue };
                let value = match name.as_str() {
                    "dir" | "url" => from_root(project, &file, &value),
                    _ => value,
                };
                found.retain(|(known, _)| known.key != key);
                found.push((Setting { key, value: Value::Text(value), scope: whose }, file.clone()));
            }
        }
    }
    found
}

/// What DVC's files say of a key that DVC alone reads: in one of them, or what counts of all.
pub fn foreign(project: &Project, key: &str, scope: Option<Scope>) -> Option<(Setting, PathBuf)> {
    let (place, name) = key.rsplit_once('.')?;
    let section = match place.strip_prefix("remote.") {
        Some(remote) => format!("remote \"{remote}\""),
        None => place.to_owned(),
    };
    let said = dvc_config::said(&project.root).into_iter().rev();
    said.filter(|(whose, ..)| scope.is_none_or(|scope| scope == *whose)).find_map(
        |(whose, file, sections)| {
            let value = sections.get(&section.to_lowercase())?.get(&name.to_lowercase())?;
            Some((Setting { key: key.to_owned(), value: Value::Text(value.clone()), scope: whose }, file))
        },
    )
}

/// A path of a settings file as seen from the project's root, as `pipe config` takes it.
fn from_root(project: &Project, file: &Path, value: &str) -> String {
    let folder = file.parent().and_then(|folder| folder.strip_prefix(&project.root).ok());
    match folder.filter(|_| is_relative(value)) {
        Some(folder) => plain(&folder.join(value)),
        None => value.to_owned(),
    }
}

/// Sets a key, or takes it out. False when it was to be taken out and is not there.
///
/// # Errors
/// When the value is none, the user's file is meant, or a file cannot be changed.
pub fn write(project: &Project, key: &str, value: Option<&str>, scope: Scope) -> CliResult<bool> {
    let (section, name) = place(key, Some(scope)).expect("the caller has looked");
    let file = match scope {
        Scope::Project => "config",
        Scope::Local => "config.local",
        Scope::User => {
            return Err(CliError::message("DVC's settings of the user are not changed here")
                .hint(format!("`dvc config --global {section}.{name}` does it")));
        }
    };
    let key = own_name(key);
    let Some(value) = value else {
        let had =
            shown(project, Some(scope)).iter().any(|(setting, _)| setting.key.eq_ignore_ascii_case(key));
        unset(project, file, &section, &name)?;
        return Ok(project.unset(scope, key)? || had);
    };
    if let Some(remote) = key.strip_prefix("remote.").and_then(|rest| rest.strip_suffix(".url"))
        && !project.remotes().0.iter().any(|(known, _)| known == remote)
    {
        settings::remote_key(remote)?;
    }
    settings::set("", scope, Path::new(DVC_FOLDER), key, value)?;
    let written = match name.as_str() {
        "dir" | "url" if is_relative(value) => plain(&Path::new("..").join(value)),
        "type" => value.split(',').map(str::trim).collect::<Vec<_>>().join(","),
        _ => value.to_owned(),
    };
    change(project, file, |text| set_dvc_config(text, &section, &name, &written))?;
    // What an earlier version wrote beside it.
    project.unset(scope, key).map(|_| true)
}
