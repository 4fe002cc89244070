//! `pipe remote`: the places that data is shared through.

pub mod dvc;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Instant;

use cache::{Remote, Upload, hash_bytes};
use clap::{Args, Subcommand};
use pipeline::Dialect;
use serde_json::json;

use crate::error::{CliError, CliResult, ErrorKind};
use crate::project::Project;
use crate::remotes;
use crate::settings::{self, CORE_REMOTE, Scope, Settings, remote_key};
use crate::ui::Printer;

/// How much a check writes and reads, bytes.
const PROBE: usize = 8 << 20;

/// Tell pipe where to share data: `add`, `list`, `default`, `modify`, `rename`, `remove`, `check`
///
/// A remote is a folder: on a disk, or on a share that is mounted. It is kept in the settings as `remote.NAME.url`, and the
/// default one as `core.remote`.
#[derive(Debug, Subcommand)]
pub enum RemoteCommand {
    /// Make a remote known
    Add(AddArgs),
    /// List the remotes
    List(ListArgs),
    /// Show or choose the remote that is meant when none is named
    Default(DefaultArgs),
    /// Change what is known of a remote
    Modify(ModifyArgs),
    /// Give a remote another name
    Rename(RenameArgs),
    /// Forget a remote; what it holds stays
    Remove(RemoveArgs),
    /// Try whether a remote can be listed, written and read, and how fast
    Check(CheckArgs),
}

/// Which settings file is meant.
#[derive(Clone, Copy, Debug, Args)]
pub struct ScopeArgs {
    /// The project's file of this machine, which git does not see
    #[arg(long, conflicts_with = "user")]
    local: bool,
    /// The user's file, for all projects
    #[arg(long, visible_alias = "global")]
    user: bool,
    /// The project's file, which git keeps; what is written goes there in any case
    #[arg(long, conflicts_with_all = ["local", "user"])]
    project: bool,
}

impl ScopeArgs {
    /// The file that is named.
    pub fn named(self) -> Option<Scope> {
        match (self.local, self.user, self.project) {
            (true, ..) => Some(Scope::Local),
            (_, true, _) => Some(Scope::User),
            (.., true) => Some(Scope::Project),
            _ => None,
        }
    }

    fn scope(self) -> Scope {
        self.named().unwrap_or(Scope::Project)
    }
}

#[derive(Debug, Args)]
pub struct AddArgs {
    /// Its name
    name: String,
    /// A folder: absolute, relative to the project's root, `~/…`, or, but in projects of DVC, `file:///…`
    url: String,
    /// Make it the default one
    #[arg(short, long)]
    default: bool,
    /// Replace a remote of that name
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    scope: ScopeArgs,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct DefaultArgs {
    /// The remote
    name: Option<String>,
    /// Have no default one
    #[arg(short, long, conflicts_with = "name")]
    unset: bool,
    #[command(flatten)]
    scope: ScopeArgs,
}

#[derive(Debug, Args)]
pub struct ModifyArgs {
    /// The remote
    name: String,
    /// What is changed: `url`
    key: String,
    /// Its new value
    #[arg(required_unless_present = "unset")]
    value: Option<String>,
    /// Take the key out of the file
    #[arg(short, long, conflicts_with = "value")]
    unset: bool,
    #[command(flatten)]
    scope: ScopeArgs,
}

#[derive(Debug, Args)]
pub struct RenameArgs {
    /// Its name
    old: String,
    /// Its new name
    new: String,
}

#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The remote
    name: String,
    #[command(flatten)]
    scope: ScopeArgs,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The remote [default: the default one]
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Carries a subcommand out.
///
/// # Errors
/// When a name is none, or a file cannot be changed; of `default` and `check` with exit code 1 when the answer is no.
pub fn run(command: &RemoteCommand, printer: Printer) -> CliResult {
    let project = Project::find()?;
    if project.dialect == Dialect::Dvc && !matches!(command, RemoteCommand::List(_) | RemoteCommand::Check(_))
    {
        return dvc::run(&project, command, printer);
    }
    match command {
        RemoteCommand::Add(args) => add(&project, args, printer),
        RemoteCommand::List(args) => list(&project, args, printer),
        RemoteCommand::Default(args) => default(&project, args, printer),
        RemoteCommand::Modify(args) => modify(&project, args),
        RemoteCommand::Rename(args) => rename(&project, args, printer),
        RemoteCommand::Remove(args) => remove(&project, args, printer),
        RemoteCommand::Check(args) => check(&project, args, printer),
    }
}

fn add(project: &Project, args: &AddArgs, printer: Printer) -> CliResult {
    let key = remote_key(&args.name)?;
    let folder = remotes::folder(project, &args.url)?;
    if !args.force && project.settings.get(&key).is_some() {
        return Err(CliError::message(format!("there is a remote `{}` already", args.name))
            .hint("`-f` replaces it, `pipe remote modify NAME url URL` changes where it is"));
    }
    let scope = args.scope.scope();
    project.set(scope, &key, &args.url)?;
    if args.default {
        project.set(scope, CORE_REMOTE, &args.name)?;
    }
    printer.say(format_args!(
        "Remote {}{} is {}.",
        args.name,
        if args.default { ", the default one," } else { "" },
        base::shown(&folder)
    ));
    Ok(())
}

fn list(project: &Project, args: &ListArgs, printer: Printer) -> CliResult {
    let (remotes, default) = project.remotes();
    let is_default = |name: &str| default.as_deref() == Some(name);
    if args.json {
        let rows: Vec<_> = remotes
            .iter()
            .map(|(name, url)| json!({ "name": name, "url": url, "default": is_default(name) }))
            .collect();
        printer.data_line(serde_json::to_string_pretty(&rows).expect("plain data"));
        return Ok(());
    }
    for (name, url) in &remotes {
        let mark = if is_default(name) { "\t(default)" } else { "" };
        printer.data_line(format_args!("{name}\t{url}{mark}"));
    }
    if remotes.is_empty() {
        printer.say("There is no remote; `pipe remote add --default NAME FOLDER` makes one known.");
    }
    Ok(())
}

fn default(project: &Project, args: &DefaultArgs, printer: Printer) -> CliResult {
    match &args.name {
        Some(name) => {
            remotes::name(project, Some(name))?;
            project.set(args.scope.scope(), CORE_REMOTE, name)
        }
        None if args.unset => {
            let scopes =
                args.scope.named().map_or_else(|| vec![Scope::Local, Scope::Project], |scope| vec![scope]);
            for scope in scopes {
                project.unset(scope, CORE_REMOTE)?;
            }
            Ok(())
        }
        None => match project.settings.default_remote() {
            Some(name) => {
                printer.data_line(name);
                Ok(())
            }
            None => Err(CliError::refusal("there is no default remote")
                .hint("`pipe remote default NAME` chooses one")),
        },
    }
}

fn modify(project: &Project, args: &ModifyArgs) -> CliResult {
    remotes::name(project, Some(&args.name))?;
    let key = format!("remote.{}.{}", args.name, args.key);
    settings::check_key(&key)?;
    let holder = project.settings.get(&key).map(|setting| setting.scope);
    let scope = args.scope.named().or(holder).unwrap_or(Scope::Project);
    let Some(value) = &args.value else {
        return if project.unset(scope, &key)? { Ok(()) } else { Err(not_set(&key)) };
    };
    if args.key == "url" {
        remotes::folder(project, value)?;
    }
    project.set(scope, &key, value)
}

fn not_set(key: &str) -> CliError {
    CliError { kind: ErrorKind::Negative, ..CliError::message(format!("`{key}` is not set")) }
}

/// The files in which a key is set, with its value in each.
fn holders(project: &Project, key: &str) -> CliResult<Vec<(Scope, String)>> {
    let mut found = Vec::new();
    for scope in Scope::ALL {
        let settings: Settings = project.clone().with_settings_of(Some(scope))?.settings;
        found.extend(settings.get(key).map(|setting| (scope, setting.value.to_string())));
    }
    Ok(found)
}

fn rename(project: &Project, args: &RenameArgs, printer: Printer) -> CliResult {
    remotes::name(project, Some(&args.old))?;
    let (old, new) = (remote_key(&args.old)?, remote_key(&args.new)?);
    if project.settings.get(&new).is_some() {
        return Err(CliError::message(format!("there is a remote `{}` already", args.new))
            .hint("choose another name, or `pipe remote remove` that one first"));
    }
    for (scope, url) in holders(project, &old)? {
        // First the new name: cut off in between, there are two names for one place.
        project.set(scope, &new, &url)?;
    }
    for (scope, name) in holders(project, CORE_REMOTE)? {
        if name == args.old {
            project.set(scope, CORE_REMOTE, &args.new)?;
        }
    }
    for (scope, _) in holders(project, &old)? {
        project.unset(scope, &old)?;
    }
    let named = outs_naming(project, &args.old);
    if !named.is_empty() {
        printer.warn(format_args!("pipeline files still say `remote: {}` of {}", args.old, named.join(", ")));
    }
    Ok(())
}

fn remove(project: &Project, args: &RemoveArgs, printer: Printer) -> CliResult {
    remotes::name(project, Some(&args.name))?;
    let key = remote_key(&args.name)?;
    let may = |scope: Scope| args.scope.named().map_or(scope != Scope::User, |named| named == scope);
    let holders_of = |key: &str| -> CliResult<Vec<(Scope, String)>> {
        Ok(holders(project, key)?.into_iter().filter(|(scope, _)| may(*scope)).collect())
    };
    let found = holders_of(&key)?;
    if found.is_empty() {
        return Err(CliError::message(format!("remote `{}` is not in that settings file", args.name))
            .hint("`pipe config --list --show-origin` tells in which; `--user` is the user's"));
    }
    for (scope, name) in holders_of(CORE_REMOTE)? {
        if name == args.name {
            project.unset(scope, CORE_REMOTE)?;
        }
    }
    for (scope, _) in found {
        project.unset(scope, &key)?;
    }
    let named = outs_naming(project, &args.name);
    if !named.is_empty() {
        printer.warn(format_args!(
            "pipeline files still say `remote: {}` of {}",
            args.name,
            named.join(", ")
        ));
    }
    Ok(())
}

/// The outs that go to a remote by name. A pipeline that does not load names none.
fn outs_naming(project: &Project, name: &str) -> Vec<String> {
    let Ok(pipeline) = project.pipeline() else { return Vec::new() };
    let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
    let is_it = |own: &String| project.dialect.remote_name(own) == name;
    let named = outs.filter(|out| out.remote.as_ref().is_some_and(is_it)).map(|out| out.path.to_string());
    named.collect::<BTreeSet<_>>().into_iter().collect()
}

fn check(project: &Project, args: &CheckArgs, printer: Printer) -> CliResult {
    let name = remotes::name(project, args.name.as_deref())?;
    let remote = remotes::open_existing(project, &name)?;
    let told = remotes::refuse_vanished(project, &remote).and_then(|()| try_out(project, &remote));
    let told = told.map_err(|fault| CliError { kind: ErrorKind::Negative, ..fault })?;
    if args.json {
        let Speeds { objects, bytes, list, write, read } = told;
        let text = serde_json::to_string_pretty(&json!({
            "remote": name, "objects": objects, "bytes": bytes, "list_seconds": list,
            "write_bytes_per_second": write, "read_bytes_per_second": read,
        }));
        printer.data_line(text.expect("plain data"));
        return Ok(());
    }
    let tally = listed(told.objects, told.bytes);
    let listed_in = report::duration_text((told.list * 1000.0) as i64);
    printer.data_line(format_args!("{name}: {tally} listed in {listed_in}"));
    printer.data_line(format_args!(
        "written at {}/s, read at {}/s",
        report::bytes_text(told.write as u64),
        report::bytes_text(told.read as u64)
    ));
    Ok(())
}

/// `12 objects (1.2 GB)`
fn listed(objects: usize, bytes: u64) -> String {
    format!("{} ({})", report::count_text(objects, "object"), report::bytes_text(bytes))
}

struct Speeds {
    objects: usize,
    bytes: u64,
    list: f64,
    write: f64,
    read: f64,
}

fn try_out(project: &Project, remote: &dyn Remote) -> CliResult<Speeds> {
    let (mut objects, mut bytes) = (0, 0);
    let begun = Instant::now();
    remote.list("", &mut |object| {
        objects += 1;
        bytes += object.size;
        ControlFlow::Continue(())
    })?;
    let list = begun.elapsed().as_secs_f64();
    // Bytes that no file system can shorten, and that differ each time.
    let seed = hash_bytes(&disk::Stamp::now().to_le_bytes());
    let mut content = Vec::with_capacity(PROBE);
    let mut block = seed;
    while content.len() < PROBE {
        content.extend_from_slice(block.bytes());
        block = hash_bytes(block.bytes());
    }
    let from = project.pipe_path("tmp").join(format!("check-{}", &seed.hex()[..12]));
    let untried = format!(
        "remote `{}` was listed, {}, but nothing was put there and read back",
        remote.name(),
        listed(objects, bytes)
    );
    let written = project.make_pipe_folder().and_then(|()| Ok(disk::replace_volatile(&from, &content)?));
    written.map_err(|fault| project.told_if_read_only(fault, &untried))?;
    // In no folder of its own: that would stay, and the remote would look like one that holds something.
    let key = format!("check-{}", seed.hex());
    let tried = (|| -> CliResult<(f64, f64)> {
        let moved = |_| ControlFlow::Continue(());
        let upload = Upload { from: &from, size: PROBE as u64, digest: hash_bytes(&content), moved: &moved };
        let begun = Instant::now();
        remote.put(&key, &upload).map_err(|fault| CliError::from(fault).context(untried))?;
        let write = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let mut back = Vec::with_capacity(PROBE);
        remote.get(&key, 0, &mut |piece| {
            back.extend_from_slice(piece);
            ControlFlow::Continue(())
        })?;
        let read = begun.elapsed().as_secs_f64();
        if back != content {
            return Err(CliError::message(format!(
                "remote `{}` gave back other bytes than were put there",
                remote.name()
            ))
            .hint("have its disk checked before data is shared through it"));
        }
        Ok((write, read))
    })();
    let removed = remote.remove(&key, None);
    disk::remove(&from)?;
    let (write, read) = tried?;
    removed?;
    let rate = |seconds: f64| PROBE as f64 / seconds.max(1e-6);
    Ok(Speeds { objects, bytes, list, write: rate(write), read: rate(read) })
}
