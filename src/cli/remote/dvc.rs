//! `pipe remote` in projects of DVC: `.dvc/config` and `.dvc/config.local` are changed as DVC changes them, and what else
//! stands in them stays.

use std::path::{Path, PathBuf};

use pipeline::{parse_dvc_config, remove_dvc_section, rename_dvc_section, set_dvc_config, unset_dvc_config};

use super::{AddArgs, RemoteCommand, ScopeArgs};
use crate::dvc_config::{self, schema};
use crate::error::{CliError, CliResult};
use crate::project::{DVC_FOLDER, Project};
use crate::remotes;
use crate::settings::{Scope, remote_key};
use crate::ui::Printer;

/// Carries a subcommand out that changes something, or tells the default remote.
///
/// # Errors
/// When a name is none, or a file cannot be changed.
pub fn run(project: &Project, command: &RemoteCommand, printer: Printer) -> CliResult {
    match command {
        RemoteCommand::Add(args) => add(project, args, printer),
        RemoteCommand::Default(args) => match &args.name {
            Some(name) => {
                let name = remotes::name(project, Some(name))?;
                change(project, args.scope.files()?[0], |text| set_dvc_config(text, "core", "remote", &name))
            }
            None if args.unset => {
                let files = args.scope.files()?;
                files.iter().try_for_each(|file| {
                    change(project, file, |text| Some(unset_dvc_config(text, "core", "remote")))
                })
            }
            None => match project.remotes().1 {
                Some(name) => {
                    printer.data_line(name);
                    Ok(())
                }
                None => Err(CliError::refusal("there is no default remote")
                    .hint("`pipe remote default NAME` chooses one")),
            },
        },
        RemoteCommand::Modify(args) => {
            let name = remotes::name(project, Some(&args.name))?;
            let value = match &args.value {
                Some(url) if args.key == "url" => Some(written(project, url)?),
                value => value.clone(),
            };
            let section = section(&name);
            let holds = |file: &&str| text_of(project, file).is_ok_and(|text| has(&text, &section));
            let files = args.scope.files()?;
            let file = files.iter().copied().find(holds).unwrap_or(files[0]);
            match &value {
                Some(value) => change(project, file, |text| set_dvc_config(text, &section, &args.key, value)),
                None => unset(project, file, &section, &args.key),
            }
        }
        RemoteCommand::Rename(args) => {
            let old = remotes::name(project, Some(&args.old))?;
            remote_key(&args.new)?;
            let new = project.dialect.remote_name(&args.new);
            if project.remotes().0.iter().any(|(name, _)| *name == new) {
                return Err(CliError::message(format!("there is a remote `{new}` already"))
                    .hint("choose another name, or `pipe remote remove` that one first"));
            }
            for file in FILES {
                change(project, file, |text| {
                    let text = rename_dvc_section(text, &section(&old), &section(&new));
                    match default_in(&text).as_deref() == Some(old.as_str()) {
                        true => set_dvc_config(&text, "core", "remote", &new),
                        false => Some(text),
                    }
                })?;
            }
            tell_outs(project, &old, printer);
            Ok(())
        }
        RemoteCommand::Remove(args) => {
            let name = remotes::name(project, Some(&args.name))?;
            let section = section(&name);
            let files = args.scope.files()?;
            let mut found = false;
            for file in &files {
                found |= has(&text_of(project, file)?, &section);
            }
            if !found {
                return Err(CliError::message(format!("remote `{name}` is not in that settings file"))
                    .hint("leave `--local` and `--project` out, or name the other"));
            }
            for file in files {
                change(project, file, |text| {
                    let text = remove_dvc_section(text, &section);
                    Some(match default_in(&text).as_deref() == Some(name.as_str()) {
                        true => unset_dvc_config(&text, "core", "remote"),
                        false => text,
                    })
                })?;
            }
            tell_outs(project, &name, printer);
            Ok(())
        }
        RemoteCommand::List(_) | RemoteCommand::Check(_) => unreachable!("they change nothing"),
    }
}

/// The files, that of the project first.
const FILES: [&str; 2] = ["config", "config.local"];

impl ScopeArgs {
    /// The files that are meant.
    fn files(self) -> CliResult<Vec<&'static str>> {
        match self.named() {
            Some(Scope::Local) => Ok(vec![FILES[1]]),
            Some(Scope::User) => Err(CliError::message("DVC's settings of the user are not changed here")
                .hint("`dvc remote --global` does it")),
            _ => Ok(FILES.to_vec()),
        }
    }
}

fn add(project: &Project, args: &AddArgs, printer: Printer) -> CliResult {
    remote_key(&args.name)?;
    let name = project.dialect.remote_name(&args.name);
    if !args.force && project.remotes().0.iter().any(|(known, _)| *known == name) {
        return Err(CliError::message(format!("there is a remote `{name}` already"))
            .hint("`-f` replaces it, `pipe remote modify NAME url URL` changes where it is"));
    }
    let url = written(project, &args.url)?;
    change(project, args.scope.files()?[0], |text| {
        let text = match args.default {
            true => set_dvc_config(text, "core", "remote", &name)?,
            false => text.to_owned(),
        };
        set_dvc_config(&text, &section(&name), "url", &url)
    })?;
    let default = if args.default { ", the default one," } else { "" };
    printer.say(format_args!(
        "Remote {name}{default} is {}.",
        remotes::folder(project, &from_here(project, &args.url))?.display()
    ));
    Ok(())
}

fn section(name: &str) -> String {
    format!("remote \"{name}\"")
}

fn has(text: &str, section: &str) -> bool {
    parse_dvc_config(text).contains_key(section)
}

fn default_in(text: &str) -> Option<String> {
    parse_dvc_config(text).get("core")?.get("remote").map(|name| name.to_lowercase())
}

/// A URL as seen from the current folder, which is where DVC takes it from.
pub fn from_here(project: &Project, url: &str) -> String {
    match is_relative(url) {
        true => plain(&Path::new(project.base.as_str()).join(url)),
        false => url.to_owned(),
    }
}

/// Whether it is a path from somewhere.
pub fn is_relative(url: &str) -> bool {
    !url.contains("://") && !url.starts_with("~/") && Path::new(url).is_relative()
}

/// A URL as it is written: a relative path is one from the folder of the settings.
fn written(project: &Project, url: &str) -> CliResult<String> {
    remotes::folder(project, url)?;
    if !is_relative(url) {
        return Ok(url.to_owned());
    }
    let from_settings = PathBuf::from("..").join(from_here(project, url));
    Ok(plain(&from_settings))
}

/// A relative path without detours.
pub fn plain(path: &Path) -> String {
    let mut parts: Vec<&std::ffi::OsStr> = Vec::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part.as_os_str()),
        }
    }
    parts.iter().collect::<PathBuf>().display().to_string()
}

/// Chooses the folder of the cache as `dvc cache dir` does; `None` for the one in the project.
///
/// # Errors
/// When the user's file is meant, or a file cannot be changed.
pub fn set_cache_folder(project: &Project, scope: ScopeArgs, folder: Option<&str>) -> CliResult {
    let files = scope.files()?;
    let Some(folder) = folder else {
        return files
            .iter()
            .try_for_each(|file| change(project, file, |text| Some(unset_dvc_config(text, "cache", "dir"))));
    };
    let written = match is_relative(folder) {
        true => plain(&PathBuf::from("..").join(from_here(project, folder))),
        false => folder.to_owned(),
    };
    change(project, files[0], |text| set_dvc_config(text, "cache", "dir", &written))
}

fn file_of(project: &Project, file: &str) -> PathBuf {
    project.root.join(DVC_FOLDER).join(file)
}

fn text_of(project: &Project, file: &str) -> CliResult<String> {
    Ok(disk::read_text_optional(&file_of(project, file))?.unwrap_or_default())
}

/// Changes a file of DVC's settings, unless it cannot hold what it is to.
///
/// # Errors
/// When that is so, or it cannot be read or written.
pub fn change(project: &Project, file: &str, change: impl Fn(&str) -> Option<String>) -> CliResult {
    let old = text_of(project, file)?;
    let new = change(&old).ok_or_else(|| {
        CliError::message(format!("{DVC_FOLDER}/{file} cannot hold that value")).hint(
            "a value of DVC's settings is one line, and one with `#` or `,` has no more than one kind of quotes in it",
        )
    })?;
    let of = |text: &str| dvc_config::merged_up_to(&project.root, &file_of(project, file), text);
    let known = schema::faults(&of(&old));
    if let Some(fault) = schema::faults(&of(&new)).into_iter().find(|fault| !known.contains(fault)) {
        return Err(CliError::message(format!("{DVC_FOLDER}/{file} stays as it is: {fault}"))
            .hint("with it, every command of DVC fails"));
    }
    if new != old {
        disk::replace(&file_of(project, file), new.as_bytes())?;
    }
    Ok(())
}

/// Takes a key out of a file of DVC's settings.
///
/// # Errors
/// When a remote would have no URL without it, or the file cannot be read or written.
pub fn unset(project: &Project, file: &str, section: &str, key: &str) -> CliResult {
    let text = unset_dvc_config(&text_of(project, file)?, section, key);
    let left = dvc_config::merged_up_to(&project.root, &file_of(project, file), &text);
    let has_url = left.get(section).is_some_and(|keys| keys.contains_key("url"));
    match schema::remote_of(section).filter(|_| key.eq_ignore_ascii_case("url") && !has_url) {
        Some(name) => Err(CliError::message(format!("remote `{name}` would have no URL")).hint(format!(
            "`pipe remote remove {name}` forgets the remote, `pipe remote modify {name} url URL` moves it"
        ))),
        None => change(project, file, |text| Some(unset_dvc_config(text, section, key))),
    }
}

fn tell_outs(project: &Project, name: &str, printer: Printer) {
    let named = super::outs_naming(project, name);
    if !named.is_empty() {
        printer.warn(format_args!("pipeline files still say `remote: {name}` of {}", named.join(", ")));
    }
}
