//! `pipe config`: shows and changes settings.

mod dvc;

use std::path::PathBuf;

use clap::Args;
use pipeline::Dialect;
use serde_json::json;

use crate::cli::remote::ScopeArgs;
use crate::error::{CliError, CliResult, ErrorKind};
use crate::project::Project;
use crate::settings::{self, Scope, Setting, Value};
use crate::ui::Printer;

/// Show or change settings
///
/// A KEY alone prints its value (exit code 1 when it is not set), a KEY with a VALUE sets it, and nothing at all lists what
/// is set. Settings are in `.pipe/config.toml` (committed to git), `.pipe/config.local.toml` (kept out of git) and
/// `pipe/config.toml` in the user's folder for settings; the local file counts before the project's, and that before the
/// user's. Comments and order of a file stay as they are. In projects of DVC the keys that DVC has too (`cache.dir`,
/// `cache.link_types`, which is its `cache.type`, `cache.shared`, `core.remote`, `core.autostage`, `remote.NAME.url`) are in
/// `.dvc/config` and `.dvc/config.local`.
///
/// Keys: `cache.dir`, the folder of the cache (a relative one starts at the project's root); `cache.link_types`, how files
/// of the workspace are made from the cache: an ordered list of `reflink`, `hardlink`, `symlink` and `copy`, of which the
/// first that works counts (default `reflink,copy`); `core.remote` and `remote.NAME.url`, as `pipe remote` sets them;
/// `gc.grace`, how young something at a remote must be to stay in any case (default `1d`); `stage_cache.trust`, whose results
/// are restored: `all`, `local`, or users and hosts (default `all`); `stage_cache.other_platforms`, whether those of other
/// platforms are (default `false`); `tracking.inject`, when scripts of stages get a tracking URI for MLflow: `auto`, unless the
/// environment has one, `always` or `never` (default `auto`); `tracking.unheard_after`, after how much silence a run ends as
/// killed that lives in no process which could be asked after: `12h`, `7d` or `never` (default `7d`).
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The key, as in cache.dir
    #[arg(value_name = "KEY")]
    key: Option<String>,
    /// Its new value; several words are separated by commas, or a list as in the file: '["a", "b"]'
    #[arg(value_name = "VALUE", requires = "key", allow_hyphen_values = true)]
    value: Option<String>,
    #[command(flatten)]
    scope: ScopeArgs,
    /// Take the key out of the file
    #[arg(short, long, requires = "key", conflicts_with = "value")]
    unset: bool,
    /// List what is set
    #[arg(short, long, conflicts_with_all = ["key", "unset"])]
    list: bool,
    /// Tell the file of each setting too
    #[arg(long)]
    show_origin: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows or changes settings.
///
/// # Errors
/// With exit code 1 when the key is not set, 2 when a file, a key or a value is faulty.
pub fn run(args: &ConfigArgs, printer: Printer) -> CliResult {
    let project = Project::locate()?;
    let scope = args.scope.named();
    if let Some(key) = &args.key
        && project.dialect == Dialect::Dvc
    {
        let is_theirs = dvc::place(key, scope).is_some();
        let target = scope.unwrap_or(Scope::Project);
        match &args.value {
            Some(value) if is_theirs => return dvc::write(&project, key, Some(value), target).map(drop),
            None if is_theirs && args.unset => {
                return match dvc::write(&project, key, None, target)? {
                    true => Ok(()),
                    false => Err(not_set(key)),
                };
            }
            _ => {}
        }
        if args.value.is_none()
            && !args.unset
            && !is_theirs
            && settings::check_key(dvc::own_name(key)).is_err()
            && let Some(found) = dvc::foreign(&project, key, scope)
        {
            return show(args, &project, &[found], printer);
        }
        let is_of_dvc = ["cache.", "core.", "remote."].iter().any(|section| key.starts_with(section));
        if let Err(fault) = settings::check_key(dvc::own_name(key))
            && is_of_dvc
        {
            return Err(
                CliError::from(fault).hint(format!("`dvc config {key}` shows and sets what DVC alone reads"))
            );
        }
    }
    match (&args.key, &args.value) {
        (Some(key), Some(value)) => project.set(scope.unwrap_or(Scope::Project), key, value),
        (Some(key), None) if args.unset => match project.unset(scope.unwrap_or(Scope::Project), key)? {
            true => Ok(()),
            false => Err(not_set(key)),
        },
        (Some(key), None) => {
            let name = if project.dialect == Dialect::Dvc { dvc::own_name(key) } else { key };
            settings::check_key(name)?;
            let found = shown(&project, scope)?;
            let found: Vec<Shown> = found.into_iter().filter(|(setting, _)| setting.key == name).collect();
            match found.is_empty() {
                true => Err(not_set(key)),
                false => show(args, &project, &found, printer),
            }
        }
        (None, _) => show(args, &project, &shown(&project, scope)?, printer),
    }
}

fn not_set(key: &str) -> CliError {
    CliError { kind: ErrorKind::Negative, ..CliError::message(format!("`{key}` is not set")) }
}

/// A setting with the file that it stands in.
type Shown = (Setting, PathBuf);

/// What is set: in one file, or what counts of all.
fn shown(project: &Project, scope: Option<Scope>) -> CliResult<Vec<Shown>> {
    let project = project.clone().with_settings_of(scope)?;
    let own = project.settings.all().iter().cloned().map(|setting| {
        let file = project.settings_file(setting.scope).unwrap_or_default();
        (setting, file)
    });
    if project.dialect == Dialect::Native {
        return Ok(own.collect());
    }
    let theirs = dvc::shown(&project, scope);
    let is_ours = |(setting, _): &Shown| {
        // Of remotes and of staging DVC's files alone are asked.
        !theirs.iter().any(|(known, _)| known.key == setting.key)
            && !["core.", "remote."].iter().any(|section| setting.key.starts_with(section))
    };
    let mut all: Vec<Shown> = own.filter(is_ours).collect();
    all.extend(theirs);
    all.sort_by(|(a, _), (b, _)| a.key.cmp(&b.key));
    Ok(all)
}

/// Several words are a list, as in the file.
fn value_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Words(words) => json!(words),
        value => json!(value.to_string()),
    }
}

fn show(args: &ConfigArgs, project: &Project, settings: &[Shown], printer: Printer) -> CliResult {
    let file = |path: &PathBuf| path.strip_prefix(&project.root).unwrap_or(path).display().to_string();
    if args.json {
        let rows: Vec<_> = settings
            .iter()
            .map(|(Setting { key, value, scope }, path)| {
                json!({ "key": key, "value": value_json(value), "scope": scope.name(), "file": file(path) })
            })
            .collect();
        printer.data_line(serde_json::to_string_pretty(&rows).expect("plain data"));
        return Ok(());
    }
    for (setting, path) in settings {
        let origin = if args.show_origin { format!("{}\t", file(path)) } else { String::new() };
        let key = if args.key.is_some() { String::new() } else { format!("{}=", setting.key) };
        printer.data_line(format_args!("{origin}{key}{}", setting.value));
    }
    Ok(())
}
