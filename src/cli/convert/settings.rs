//! What of DVC's settings a project of pipe takes along.

use std::path::{Component, Path, PathBuf};

use crate::dvc_config::{OwnSetting, own_settings};
use crate::project::DVC_FOLDER;
use crate::settings::{CACHE_LINK_TYPES, CACHE_SHARED, CORE_REMOTE, Scope, remote_key};

/// A setting of the new project.
#[derive(Debug, PartialEq, Eq)]
pub struct Carried {
    pub scope: Scope,
    pub key: String,
    pub value: String,
}

/// What becomes of the settings: those of ours, and what is said of the others.
pub fn carried(root: &Path) -> (Vec<Carried>, Vec<String>) {
    sorted(&own_settings(root))
}

fn sorted(settings: &[OwnSetting]) -> (Vec<Carried>, Vec<String>) {
    let (mut carried, mut left) = (Vec::new(), Vec::new());
    for setting in settings {
        let OwnSetting { is_local, section, key, value } = setting;
        let file = if *is_local { "config.local" } else { "config" };
        match of_ours(setting) {
            Ok((key, value)) => {
                let scope = if *is_local { Scope::Local } else { Scope::Project };
                carried.push(Carried { scope, key, value });
            }
            // A value may be a secret, so that it is told only where it is none.
            Err(Some(reason)) => {
                let value = without_user(value);
                left.push(format!("`{section}.{key} = {value}` of {DVC_FOLDER}/{file}: {reason}"));
            }
            Err(None) => {
                left.push(format!("`{section}.{key}` of {DVC_FOLDER}/{file}, which means nothing here"));
            }
        }
    }
    // The default one must be one that came along.
    let is_carried = |name: &str, carried: &[Carried]| {
        remote_key(name).is_ok_and(|key| carried.iter().any(|known| known.key == key))
    };
    let (kept, lost): (Vec<_>, Vec<_>) = {
        let known: Vec<bool> =
            carried.iter().map(|own| own.key != CORE_REMOTE || is_carried(&own.value, &carried)).collect();
        let (kept, lost): (Vec<_>, Vec<_>) = carried.into_iter().zip(known).partition(|(_, known)| *known);
        (kept.into_iter().map(|(own, _)| own).collect(), lost.into_iter().map(|(own, _)| own).collect())
    };
    left.extend(lost.iter().map(|own| format!("the default remote, which was `{}`", own.value)));
    (kept, left)
}

/// The same in a project of ours; an error is why not, where there is more to say than that we have no such key.
fn of_ours(setting: &OwnSetting) -> Result<(String, String), Option<String>> {
    let OwnSetting { section, key, value, .. } = setting;
    match (setting.remote(), section.as_str(), key.as_str()) {
        (Some(name), _, "url") => {
            let folder = folder(value).map_err(Some)?;
            Ok((remote_key(name).map_err(|fault| Some(fault.to_string()))?, folder))
        }
        (None, "core", "remote") => Ok((CORE_REMOTE.to_owned(), value.clone())),
        (None, "cache", "shared") if value.eq_ignore_ascii_case("group") => {
            Ok((CACHE_SHARED.to_owned(), "group".to_owned()))
        }
        (None, "cache", "type") => Ok((CACHE_LINK_TYPES.to_owned(), value.clone())),
        (None, "cache", "dir") => Err(Some(
            "the new cache is .pipe/cache; `pipe config cache.dir FOLDER` puts it elsewhere".to_owned(),
        )),
        _ => Err(None),
    }
}

/// A URL without the user and the password in it.
fn without_user(url: &str) -> String {
    match url.split_once("://").map(|(scheme, rest)| (scheme, rest.rsplit_once('@'))) {
        Some((scheme, Some((_, rest)))) => format!("{scheme}://{rest}"),
        _ => url.to_owned(),
    }
}

/// A folder that DVC's settings name, relative to the project's root where it was relative to theirs.
fn folder(url: &str) -> Result<String, String> {
    if url.contains("://") {
        return match url.starts_with("file:///") {
            true => Ok(url.to_owned()),
            false => Err("remotes are folders for now".to_owned()),
        };
    }
    let path = Path::new(url);
    if path.is_absolute() || url.starts_with("~/") {
        return Ok(url.to_owned());
    }
    let mut parts = path.components().filter(|part| *part != Component::CurDir);
    match parts.next() {
        Some(Component::ParentDir) => Ok(parts.collect::<PathBuf>().display().to_string()),
        _ => Err(format!("it lies in {DVC_FOLDER}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_no_word_for_is_told() {
        let setting = |section: &str, key: &str, value: &str| OwnSetting {
            is_local: key == "password",
            section: section.to_owned(),
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let (carried, left) = sorted(&[
            setting("core", "remote", "far"),
            setting("core", "autostage", "true"),
            setting("cache", "type", "hardlink,copy"),
            setting("remote \"near\"", "url", "../../store"),
            setting("remote \"far\"", "url", "s3://bucket"),
            setting("remote \"far\"", "password", "hunter2"),
            setting("remote \"in\"", "url", "store"),
            setting("remote \"web\"", "url", "https://me:hunter2@host/x"),
        ]);
        let carried: Vec<_> = carried.iter().map(|own| (own.key.as_str(), own.value.as_str())).collect();
        assert_eq!(carried, [("cache.link_types", "hardlink,copy"), ("remote.near.url", "../store")]);
        let left = left.join("\n");
        assert!(!left.contains("hunter2"), "{left}");
        for text in [
            "core.autostage",
            "s3://bucket",
            "password",
            "it lies in .dvc",
            "the default remote, which was `far`",
        ] {
            assert!(left.contains(text), "{text}: {left}");
        }
    }
}
