//! Which settings DVC takes, and which of their values: what it does not take makes each of its commands fail.
//!
//! Known are the sections that are changed here: `core`, `cache` and remotes, by the kind of their URL.

use std::collections::BTreeMap;

use pipeline::{DvcSections, unquoted};

/// Keys with their values.
type Keys = BTreeMap<String, String>;

/// What a value may be.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    /// `true` or `false`, in any case.
    Bool,
    Whole,
    /// A whole number from 1 up.
    Count,
    /// A number from 0 up.
    Seconds,
    /// Ways to link, separated by commas.
    Links,
    /// One of some words, in any case.
    OneOf(&'static [&'static str]),
    /// Nothing that a file can say.
    Nothing,
}

use Kind::{Bool, Count, Links, Nothing, OneOf, Seconds, Text, Whole};

const COMMON: &[(&str, Kind)] = &[
    ("url", Text),
    ("checksum_jobs", Count),
    ("jobs", Count),
    ("worktree", Bool),
    ("no_traverse", Bool),
    ("version_aware", Bool),
];
const LOCAL: &[(&str, Kind)] = &[
    ("type", Links),
    ("protected", Bool),
    ("shared", OneOf(&["group"])),
    ("slow_link_warning", Bool),
    ("verify", Bool),
];
const CORE: &[(&str, Kind)] = &[
    ("remote", Text),
    ("checksum_jobs", Count),
    ("interactive", Bool),
    ("analytics", Bool),
    ("hardlink_lock", Bool),
    ("no_scm", Bool),
    ("autostage", Bool),
    ("experiments", Bool),
    ("check_update", Bool),
    ("site_cache_dir", Text),
    ("machine", Text),
];
const CACHE: &[(&str, Kind)] = &[
    ("dir", Text),
    ("local", Text),
    ("s3", Text),
    ("gs", Text),
    ("hdfs", Text),
    ("webhdfs", Text),
    ("ssh", Text),
    ("azure", Text),
];
const S3: &[(&str, Kind)] = &[
    ("region", Text),
    ("profile", Text),
    ("credentialpath", Text),
    ("configpath", Text),
    ("endpointurl", Text),
    ("access_key_id", Text),
    ("secret_access_key", Text),
    ("session_token", Text),
    ("listobjects", Bool),
    ("use_ssl", Bool),
    ("allow_anonymous_login", Bool),
    ("ssl_verify", Text),
    ("sse", Text),
    ("sse_kms_key_id", Text),
    ("sse_customer_algorithm", Text),
    ("sse_customer_key", Text),
    ("acl", Text),
    ("grant_read", Text),
    ("grant_read_acp", Text),
    ("grant_write_acp", Text),
    ("grant_full_control", Text),
    ("cache_regions", Nothing),
    ("read_timeout", Whole),
    ("connect_timeout", Whole),
    ("verify", Bool),
];
const GS: &[(&str, Kind)] = &[
    ("projectname", Text),
    ("credentialpath", Text),
    ("endpointurl", Text),
    ("verify", Bool),
    ("allow_anonymous_login", Bool),
];
const SSH: &[(&str, Kind)] = &[
    ("type", Links),
    ("port", Whole),
    ("user", Text),
    ("password", Text),
    ("ask_password", Bool),
    ("passphrase", Text),
    ("ask_passphrase", Bool),
    ("keyfile", Text),
    ("timeout", Whole),
    ("gss_auth", Bool),
    ("allow_agent", Bool),
    ("max_sessions", Whole),
    ("verify", Bool),
];
const HDFS: &[(&str, Kind)] = &[("user", Text), ("kerb_ticket", Text), ("replication", Nothing)];
const WEBHDFS: &[(&str, Kind)] = &[
    ("kerberos", Bool),
    ("kerberos_principal", Text),
    ("proxy_to", Text),
    ("ssl_verify", Text),
    ("token", Text),
    ("use_https", Bool),
    ("user", Text),
    ("password", Text),
    ("data_proxy_target", Text),
    ("verify", Bool),
];
const AZURE: &[(&str, Kind)] = &[
    ("connection_string", Text),
    ("sas_token", Text),
    ("account_name", Text),
    ("account_key", Text),
    ("tenant_id", Text),
    ("client_id", Text),
    ("client_secret", Text),
    ("allow_anonymous_login", Bool),
    ("exclude_environment_credential", Bool),
    ("exclude_visual_studio_code_credential", Bool),
    ("exclude_shared_token_cache_credential", Bool),
    ("exclude_managed_identity_credential", Bool),
    ("verify", Bool),
    ("timeout", Whole),
    ("read_timeout", Whole),
    ("connection_timeout", Whole),
];
const OSS: &[(&str, Kind)] =
    &[("oss_key_id", Text), ("oss_key_secret", Text), ("oss_endpoint", Text), ("verify", Bool)];
const GDRIVE: &[(&str, Kind)] = &[
    ("profile", Text),
    ("gdrive_use_service_account", Bool),
    ("gdrive_client_id", Text),
    ("gdrive_client_secret", Text),
    ("gdrive_user_credentials_file", Text),
    ("gdrive_service_account_user_email", Text),
    ("gdrive_service_account_json_file_path", Text),
    ("gdrive_trash_only", Bool),
    ("gdrive_acknowledge_abuse", Bool),
    ("verify", Bool),
];
const HTTP: &[(&str, Kind)] = &[
    ("auth", OneOf(&["basic", "digest", "custom"])),
    ("custom_auth_header", Text),
    ("user", Text),
    ("password", Text),
    ("ask_password", Bool),
    ("ssl_verify", Text),
    ("method", Text),
    ("connect_timeout", Seconds),
    ("read_timeout", Seconds),
    ("verify", Bool),
];
const WEBDAV: &[(&str, Kind)] = &[
    ("user", Text),
    ("password", Text),
    ("ask_password", Bool),
    ("token", Text),
    ("bearer_token_command", Text),
    ("custom_auth_header", Text),
    ("cert_path", Text),
    ("key_path", Text),
    ("timeout", Whole),
    ("ssl_verify", Text),
    ("verify", Bool),
];

/// What DVC does not take of all that stands in `sections`, in words.
pub fn faults(sections: &DvcSections) -> Vec<String> {
    let mut faults = Vec::new();
    for (section, keys) in sections {
        let known: &[&[(&str, Kind)]] = match section.as_str() {
            "core" => &[CORE],
            "cache" => &[CACHE, LOCAL],
            section => match remote_of(section) {
                Some(name) => match keys_of(&name, keys, &mut faults) {
                    Some(known) => known,
                    None => continue,
                },
                None => continue,
            },
        };
        check(section, keys, known, &mut faults);
    }
    faults
}

/// The remote that a section is about.
pub fn remote_of(section: &str) -> Option<String> {
    let name = unquoted(section.strip_prefix("remote")?.trim());
    (!name.is_empty()).then(|| name.to_owned())
}

/// What a remote may have by its URL; `None` where anything goes, or it is told why nothing does.
fn keys_of(
    name: &str,
    keys: &Keys,
    faults: &mut Vec<String>,
) -> Option<&'static [&'static [(&'static str, Kind)]]> {
    let Some(url) = keys.get("url") else {
        faults.push(format!("remote `{name}` has no `url`"));
        return None;
    };
    let place = url.split_once("://").filter(|(_, rest)| !rest.is_empty() && !rest.starts_with('/'));
    let scheme = place.map(|(scheme, _)| scheme.to_ascii_lowercase()).unwrap_or_default();
    Some(match scheme.as_str() {
        "" => &[LOCAL, COMMON],
        "s3" => &[S3, COMMON],
        "gs" => &[GS, COMMON],
        "ssh" => &[SSH, COMMON],
        "hdfs" => &[HDFS, COMMON],
        "webhdfs" => &[WEBHDFS, COMMON],
        "azure" => &[AZURE, COMMON],
        "oss" => &[OSS, COMMON],
        "gdrive" => &[GDRIVE, COMMON],
        "http" | "https" => &[HTTP, COMMON],
        "webdav" | "webdavs" => &[WEBDAV, COMMON],
        "remote" => return None,
        scheme => {
            faults.push(format!("remote `{name}`: DVC knows no URLs with {scheme}://"));
            return None;
        }
    })
}

fn check(section: &str, keys: &Keys, known: &[&[(&str, Kind)]], faults: &mut Vec<String>) {
    let place = match remote_of(section) {
        Some(name) => format!("remote.{name}"),
        None => section.to_owned(),
    };
    for (key, value) in keys {
        let kind = known.iter().copied().flatten().find(|(name, _)| name == key);
        match kind.map(|(_, kind)| *kind) {
            None => faults.push(format!("`{place}.{key}` is no setting of DVC's")),
            Some(kind) => {
                if let Some(expected) = kind.refusal(value) {
                    faults.push(format!("`{place}.{key}` cannot be `{value}`: {expected}"));
                }
            }
        }
    }
}

impl Kind {
    /// What is expected in the place of `value`; `None` where it will do.
    fn refusal(self, value: &str) -> Option<String> {
        let is_one_of = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(value));
        let refuse_unless =
            |will_do: bool, expected: &str| (!will_do).then(|| format!("expected {expected}"));
        match self {
            Text => None,
            Bool => refuse_unless(is_one_of(&["true", "false"]), "true or false"),
            Whole => refuse_unless(whole(value).is_some(), "a whole number"),
            Count => refuse_unless(whole(value).is_some_and(|number| number > 0), "a number from 1 up"),
            Seconds => {
                let number = value.trim().parse::<f64>();
                refuse_unless(number.is_ok_and(|number| number >= 0.0), "a number from 0 up")
            }
            Links => {
                let is_known = |word: &str| ["reflink", "hardlink", "symlink", "copy"].contains(&word.trim());
                refuse_unless(value.split(',').all(is_known), "some of reflink, hardlink, symlink, copy")
            }
            OneOf(words) => refuse_unless(is_one_of(words), &words.join(", ")),
            Nothing => Some("DVC takes no value for it from a file".to_owned()),
        }
    }
}

/// A whole number as Python reads it.
fn whole(value: &str) -> Option<i128> {
    let digits = value.trim();
    let body = digits.trim_start_matches(['+', '-']);
    let is_plain = !body.is_empty() && !body.starts_with('_') && !body.ends_with('_') && !body.contains("__");
    digits.replace('_', "").parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use pipeline::parse_dvc_config;

    use super::*;

    #[test]
    fn values_are_those_of_their_kind() {
        let told = |text: &str| faults(&parse_dvc_config(text)).join("; ");
        let remote = |url: &str, line: &str| told(&format!("['remote \"r\"']\nurl = {url}\n{line}\n"));
        for (url, line) in [
            ("/a", "verify = True"),
            ("/a", "jobs = 1_0"),
            ("/a", "type = reflink, copy"),
            ("/a", "shared = Group"),
            ("file:///a", "verify = false"),
            ("s3://b", "read_timeout = -1"),
            ("s3://b", "region = eu"),
            ("https://h/x", "connect_timeout = 0.5"),
            ("remote://a/b", "anything = goes"),
        ] {
            assert_eq!(remote(url, line), "", "{url} {line}");
        }
        for (url, line, fault) in [
            ("/a", "verify = maybe", "`remote.r.verify` cannot be `maybe`: expected true or false"),
            ("/a", "jobs = 0", "`remote.r.jobs` cannot be `0`: expected a number from 1 up"),
            ("/a", "region = eu", "`remote.r.region` is no setting of DVC's"),
            ("s3://b", "shared = group", "`remote.r.shared` is no setting of DVC's"),
            ("ftp://b", "jobs = 1", "remote `r`: DVC knows no URLs with ftp://"),
            (
                "hdfs://b",
                "replication = 1",
                "`remote.r.replication` cannot be `1`: DVC takes no value for it from a file",
            ),
        ] {
            assert_eq!(remote(url, line), fault);
        }
        assert_eq!(told("['remote \"r\"']\njobs = 1\n"), "remote `r` has no `url`");
        assert!(told("[core]\nanalytics = no\n[cache]\nshared = all\n[own]\na = b\n").contains("; "));
    }
}
