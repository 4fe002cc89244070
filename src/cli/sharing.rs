//! What `push`, `fetch`, `pull` and `status --cloud` have in common: which outs are meant, where each of them goes, and
//! how the end is told.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use base::{Digest, FileState, ProjectPath, one_line};
use cache::{
    Below, Blobs, CacheError, Extent, Item, Report, Root, SharedEntry, Tally, Transfer, TransferError,
    Whereabouts,
};
use clap::Args;
use disk::{LockFile, Sharing};
use indexmap::IndexMap;
use pipeline::{Dialect, Out, OutKind, Pipeline};
use serde_json::{Value as Json, json};

use crate::cli::command_line;
use crate::cli::targets::{Picked, TargetArgs};
use crate::error::{CliError, CliResult};
use crate::git::FileVersion;
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::recorded;
use crate::revision::pipeline_at;
use crate::roots::{self, Record, Scope};
use crate::ui::Printer;

/// How many paths are named.
const NAMED: usize = 10;

/// Which outs are meant, and how they are transferred.
#[derive(Clone, Debug, Default, Args)]
pub struct ShareArgs {
    #[command(flatten)]
    pub which: TargetArgs,
    /// The remote [default: the one of `core.remote`]
    #[arg(short, long, value_name = "NAME")]
    pub remote: Option<String>,
    /// Transfer N files at once [default: four for each processor, at most 32]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Also what the tips of all branches record
    #[arg(short = 'a', long)]
    pub all_branches: bool,
    /// Also what all tags record
    #[arg(short = 'T', long)]
    pub all_tags: bool,
    /// Also what all commits record
    #[arg(short = 'A', long)]
    pub all_commits: bool,
    /// Also what a revision records; can be given several times
    #[arg(long, value_name = "REVISION")]
    pub rev: Vec<String>,
    /// Also the results in the stage cache, with what they name
    #[arg(long, alias = "run-cache")]
    pub stage_cache: bool,
    /// As it is without `--stage-cache`
    #[arg(long, alias = "no-run-cache", hide_short_help = true, conflicts_with = "stage_cache")]
    pub no_stage_cache: bool,
    /// Take it as done when something is nowhere to be had
    #[arg(long)]
    pub allow_missing: bool,
    /// Only outs of these kinds
    #[arg(skip)]
    pub kinds: Vec<OutKind>,
    /// Only outs that are smaller than this, bytes
    #[arg(skip)]
    pub below: Option<u64>,
    /// Outs of the workspace that need no remote, since they have come already
    #[arg(skip)]
    pub brought: BTreeSet<ProjectPath>,
    /// Outs that are never shared, since they came from elsewhere
    #[arg(skip)]
    pub foreign: BTreeSet<ProjectPath>,
    /// Show what would be transferred, and transfer nothing
    #[arg(long)]
    pub dry: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl ShareArgs {
    /// Whether nothing can be meant: the pipeline has neither stages nor data, and no revision is asked for.
    pub fn is_about_nothing(&self, pipeline: &Pipeline) -> bool {
        pipeline.stages.is_empty() && self.which.targets.is_empty() && self.is_of_now()
    }

    /// Whether nothing is meant but what is recorded now: neither commits nor results in the stage cache.
    pub fn is_of_now(&self) -> bool {
        let of_commits = self.all_branches || self.all_tags || self.all_commits || !self.rev.is_empty();
        !of_commits && !self.stage_cache
    }

    /// What is to be said where nothing is meant.
    pub fn told_of_nothing(&self) -> &'static str {
        match (self.kinds.is_empty(), self.below) {
            (true, None) => {
                "Locks and pointers record nothing to share; `pipe repro` makes results, `pipe add` takes data in."
            }
            (false, None) => "Nothing that is recorded is of the kind that `--type` names.",
            (true, Some(_)) => "Nothing that is recorded is smaller than `--max-size`.",
            (false, Some(_)) => {
                "Nothing that is recorded is of the kind that `--type` names and smaller than `--max-size`."
            }
        }
    }

    /// Whether a report says that what was asked for is done.
    pub fn is_done(&self, report: &Report) -> bool {
        report.is_whole() || (self.allow_missing && report.failed.is_empty())
    }
}

/// A content that is meant.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Where the out lies: of one that is a pattern, the folder from which the files of such a set are named.
    pub out: ProjectPath,
    /// Whether the out is a pattern.
    pub is_set: bool,
    /// What it held.
    pub state: FileState,
    /// Only what lies at this path in it.
    pub inner: Option<ProjectPath>,
    /// Whether DVC 1 or 2 recorded it, and has it elsewhere.
    pub is_old: bool,
    /// What records it, where that is not the workspace: a revision as it was given, or the start of a commit's name.
    pub revision: Option<String>,
}

impl Wish {
    /// Whether the cache has it.
    pub fn is_here(&self, blobs: &Blobs) -> bool {
        let Some(inner) = &self.inner else { return blobs.has_all(&self.state) };
        let below = inner.as_str().strip_prefix(self.out.as_str()).unwrap_or_default();
        let below = ProjectPath::resolve(&ProjectPath::root(), below.trim_start_matches('/'));
        let found = below.ok().and_then(|below| blobs.entry_below(&self.state, &below).ok().flatten());
        found.is_some_and(|found| blobs.has_all(&found))
    }

    /// Whether an object is of it, as far as the cache can tell.
    fn has(&self, item: &Item, blobs: &Blobs) -> bool {
        let below = item.path.as_str().strip_prefix(self.out.as_str()).unwrap_or_default();
        let below = ProjectPath::resolve(&ProjectPath::root(), below.trim_start_matches('/'));
        let found = blobs.entry_below(&self.state, &below.unwrap_or_default());
        found.is_ok_and(|found| found.is_some_and(|found| found.digest == item.state.digest))
    }
}

/// What is meant, by the name of the remote that it goes to.
pub type Wishes = BTreeMap<String, Vec<Wish>>;

/// What is meant by the arguments: of the workspace, and of the chosen revisions. What is not to be shared is left out,
/// and so is what goes to another remote than the one that is named.
///
/// # Errors
/// When a target names nothing, a revision cannot be read, or there is no remote.
pub fn wishes(
    project: &Project,
    pipeline: &Pipeline,
    args: &ShareArgs,
    printer: Printer,
) -> CliResult<Wishes> {
    let chosen = crate::remotes::name(project, args.remote.as_deref())?;
    wishes_of(project, pipeline, args, &chosen, printer)
}

/// The same, where `chosen` is the remote of all that names none of its own.
///
/// # Errors
/// When a target names nothing, or a revision cannot be read.
pub fn wishes_of(
    project: &Project,
    pipeline: &Pipeline,
    args: &ShareArgs,
    chosen: &str,
    printer: Printer,
) -> CliResult<Wishes> {
    let mut wishes = Wishes::new();
    wishes.insert(chosen.to_owned(), Vec::new());
    let mut add =
        |out: &Out, state: &FileState, is_old, inner: Option<ProjectPath>, revision: Option<&str>| {
            let own = out.remote.as_deref().map(|name| project.dialect.remote_name(name));
            let remote = own.as_deref().unwrap_or(chosen);
            let is_meant = (args.kinds.is_empty() || args.kinds.contains(&out.kind))
                && args.below.is_none_or(|limit| state.size < limit);
            if is_meant
                && !args.foreign.contains(&out.path)
                && out.cache
                && out.push
                && (args.remote.is_none() || remote == chosen)
            {
                let revision = revision.map(str::to_owned);
                let place = out.glob.as_ref().map_or(&out.path, |glob| glob.base()).clone();
                let is_set = out.glob.is_some();
                let wish = Wish { out: place, is_set, state: *state, inner, is_old, revision };
                wishes.entry(remote.to_owned()).or_default().push(wish);
            }
        };
    let picked = args.which.pick(pipeline, project)?;
    let ledger = project.ledger(pipeline)?;
    // By out: the paths in it that are meant, none for all of it.
    let mut meant: HashMap<&ProjectPath, Vec<Option<ProjectPath>>> = HashMap::new();
    for Picked { stage, path } in &picked {
        let stage = pipeline.stage(*stage);
        let locked = ledger.get(&stage.address);
        for out in stage.outs.iter().filter(|out| path.as_ref().is_none_or(|path| out.holds(path))) {
            let inner = path.clone().filter(|path| *path != out.path);
            let is_old = locked.is_some_and(|locked| locked.unix_text.contains(&out.path));
            match locked.and_then(|locked| locked.recorded(out)) {
                Some(_) if args.brought.contains(&out.path) => {}
                Some(state) => add(out, state, is_old, inner.clone(), None),
                None if !args.which.targets.is_empty() => {
                    printer.say(format_args!("{} is not recorded: {} has not run.", out.path, stage.address));
                }
                None => {}
            }
            meant.entry(&out.path).or_default().push(inner);
        }
    }
    let mut scopes = vec![Scope {
        branches: args.all_branches,
        tags: args.all_tags,
        commits: args.all_commits,
        experiments: false,
        last: None,
        since: None,
    }];
    scopes.extend(args.rev.iter().map(|rev| Scope { last: Some((1, rev.clone())), ..Scope::default() }));
    let declared = Declared::of(pipeline);
    let mut earlier: HashMap<String, Declared> = HashMap::new();
    for scope in &scopes {
        let records = roots::records(project, scope)?;
        let others = roots::commits_of_other_tool(project, scope)?;
        if let Some(commit) = others.first() {
            let tool = if project.dialect == Dialect::Dvc { "pipe" } else { "DVC" };
            let short = &commit[..commit.len().min(10)];
            let way = format!("`git worktree add FOLDER {short}`, and the same command there");
            if let (Some((_, rev)), true) = (&scope.last, records.is_empty()) {
                let text =
                    format!("{rev} records its data in files of {tool}, and this project is none of {tool}");
                return Err(CliError::message(text).hint(format!("{way} shares it; nothing was done")));
            }
            printer.insist(format_args!(
                "what commits such as {short} record in files of {tool} is left out; {way} shares it"
            ));
        }
        for (version, record) in records {
            let record = match project.dialect.paths_need_a_pipeline() {
                true => placed(project, &version, record)?,
                false => record,
            };
            let old = record.old(&version);
            for (path, state) in record.outs() {
                let inner = meant.get(path);
                if inner.is_none() && !args.which.targets.is_empty() {
                    continue;
                }
                // How an out is shared is said by the pipeline as it is now; of one that is gone, by that of its commit.
                let out = match declared.0.get(path) {
                    Some(out) => Some(out),
                    None => {
                        if !earlier.contains_key(&version.commit) {
                            earlier.insert(
                                version.commit.clone(),
                                declared_at(project, &version.commit, printer),
                            );
                        }
                        earlier[&version.commit].0.get(path)
                    }
                };
                let Some(out) = out else { continue };
                for inner in inner.cloned().unwrap_or_else(|| vec![None]) {
                    let commit = &version.commit[..version.commit.len().min(10)];
                    let revision = scope.last.as_ref().map_or(commit, |(_, rev)| rev);
                    add(out, state, old.contains(path), inner, Some(revision));
                }
            }
        }
    }
    Ok(wishes)
}

/// A record with its outs where the pipeline of its commit has them.
fn placed(project: &Project, version: &FileVersion, record: Record) -> CliResult<Record> {
    let Ok(file) = ProjectPath::from_record(&version.path) else { return Ok(record) };
    match pipeline_at(project, &version.commit) {
        Ok(Some(pipeline)) => Ok(record.placed(&file, &pipeline)?),
        // That is told where the outs are looked for.
        _ => Ok(record),
    }
}

/// Outs by path.
struct Declared(HashMap<ProjectPath, Out>);

impl Declared {
    fn of(pipeline: &Pipeline) -> Self {
        let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
        Declared(outs.map(|out| (out.path.clone(), out.clone())).collect())
    }
}

fn declared_at(project: &Project, commit: &str, printer: Printer) -> Declared {
    match pipeline_at(project, commit) {
        Ok(Some(pipeline)) => Declared::of(&pipeline),
        Ok(None) => Declared(HashMap::new()),
        Err(fault) => {
            let reason = fault.source.map(|source| format!("{source:#}")).unwrap_or_default();
            printer.warn(format_args!(
                "what commit {} records of outs that are gone is left out, since its pipeline does not load: {reason}",
                &commit[..commit.len().min(10)]
            ));
            Declared(HashMap::new())
        }
    }
}

/// The contents of wishes. A path inside a folder is found with manifests that are here, or else at the remote; those are
/// kept when `fetch` says so. They belong to what is meant, since nobody finds the path without them.
///
/// # Errors
/// When a folder records nothing at a path, or the remote fails.
pub fn roots_of(transfer: &Transfer<'_>, wishes: &[Wish], fetch: bool) -> CliResult<Vec<Root>> {
    let mut roots: Vec<Root> = Vec::new();
    let mut seen = HashSet::new();
    let mut add = |root: Root| {
        if seen.insert((root.path.clone(), root.state, root.extent == Extent::List)) {
            roots.push(root);
        }
    };
    for Wish { out, is_set, state, inner, is_old, .. } in wishes {
        let root = |path, state, extent| Root { path, state, is_old: *is_old, extent };
        let Some(path) = inner else {
            add(root(out.clone(), *state, Extent::Whole));
            continue;
        };
        let below = path.as_str().strip_prefix(out.as_str()).unwrap_or_default().trim_start_matches('/');
        let below = ProjectPath::resolve(&ProjectPath::root(), below)?;
        let kept = if fetch { transfer.entry_below(state, &below, *is_old).map(drop) } else { Ok(()) };
        match kept.and_then(|()| transfer.look_below(state, &below, *is_old)) {
            // It is told like any other folder of which nobody has the list.
            Err(TransferError::Cache(CacheError::Missing { digest })) => {
                let path = without_list(transfer.blobs, out, state, &below);
                let state = FileState { digest, size: 0, files: Some(0), executable: false };
                add(root(path, state, Extent::Whole));
            }
            found => {
                let Below { lists, found } = found?;
                let found = found.ok_or_else(|| {
                    if *is_set {
                        return CliError::message(format!("the lock records no {path}"))
                            .hint("`pipe pull` brings all that is recorded");
                    }
                    CliError::message(format!("the lock records no {path} in out {out}"))
                        .hint(format!("`pipe pull {out}` brings the whole out"))
                })?;
                for (at, state) in lists {
                    add(root(inside(out, &at), state, Extent::List));
                }
                add(root(path.clone(), found, Extent::Part));
            }
        }
    }
    Ok(roots)
}

/// The outermost folder on the way to what is `below` an out whose list the cache lacks.
fn without_list(blobs: &Blobs, out: &ProjectPath, state: &FileState, below: &ProjectPath) -> ProjectPath {
    let mut folder = ProjectPath::root();
    for name in below.parts() {
        let next = folder.join(name);
        if blobs.entry_below(state, &next).is_err() {
            break;
        }
        folder = next;
    }
    inside(out, &folder)
}

/// The path `below` an out.
fn inside(out: &ProjectPath, below: &ProjectPath) -> ProjectPath {
    below.parts().fold(out.clone(), |path, name| path.join(name))
}

/// Shares the project's lock, so that nothing is collected meanwhile; with `--dry` only to read, since nothing is written.
///
/// # Errors
/// As [`Project::lock`].
pub fn hold(
    project: &Project,
    is_dry: bool,
    interrupt: &Interrupt,
    printer: Printer,
) -> CliResult<Option<LockFile>> {
    match is_dry {
        true => project.lock_to_read(&command_line(), interrupt, printer),
        false => project.lock(&command_line(), Sharing::Shared, true, interrupt, printer).map(Some),
    }
}

/// The results that may be shared through `remote`: none that names an out which is not to be pushed, or goes elsewhere.
pub fn shareable(
    entries: Vec<SharedEntry>,
    pipeline: &Pipeline,
    remote: &str,
    dialect: Dialect,
) -> Vec<SharedEntry> {
    let outs = || pipeline.stages.iter().flat_map(|stage| &stage.outs);
    let may_go =
        |out: &Out| out.push && out.remote.as_deref().is_none_or(|name| dialect.remote_name(name) == remote);
    let kept: Vec<&ProjectPath> = outs().filter(|out| !may_go(out)).map(|out| &out.path).collect();
    // Where a path is told from a folder that only the stage knows, its last parts have to do.
    let is_meant = |path: &ProjectPath, kept: &ProjectPath| match dialect {
        Dialect::Native => path == kept,
        Dialect::Dvc => {
            path.is_root() || format!("/{}", kept.as_str()).ends_with(&format!("/{}", path.as_str()))
        }
    };
    let may = |path: &ProjectPath| !kept.iter().any(|kept| is_meant(path, kept));
    entries.into_iter().filter(|shared| shared.roots().all(|root| may(&root.path))).collect()
}

/// `12 files (1.2 GB)`.
pub fn tally_text(tally: Tally) -> String {
    format!("{} ({})", report::count_text(tally.count, "file"), report::bytes_text(tally.bytes))
}

/// Names what did not go over, and what `damaged` says of what stood there with other bytes.
pub fn tell_faults(
    report: &Report,
    missing: impl Fn(&ProjectPath) -> String,
    damaged: &str,
    printer: Printer,
) {
    for item in report.damaged.iter().take(NAMED) {
        printer.warn(format_args!("{}: {damaged}", shown(item)));
    }
    // What is missing for the same reason is told at once.
    let mut reasons: IndexMap<String, Vec<String>> = IndexMap::new();
    let missing = report.missing.iter().map(|item| (item, missing(&item.path)));
    for (item, reason) in missing.chain(report.failed.iter().map(|(item, reason)| (item, reason.clone()))) {
        let names = reasons.entry(reason).or_default();
        // Several commits may lack the same path with several contents.
        let name = shown(item);
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    for (reason, names) in reasons.iter().take(NAMED) {
        printer.insist(format_args!("{}: {reason}", report::few_text(names, NAMED, ", ")));
    }
    if reasons.len() > NAMED || reasons.values().any(|names| names.len() > NAMED) {
        printer.insist("`--json` names them all");
    }
    if report.unmarked > 0 {
        printer.warn(format_args!(
            "{} of other users could not be marked as used at the remote, so that a collection of garbage there may not \
             know that they are needed; make the files writable for the group that shares them",
            report::count_text(report.unmarked, "file")
        ));
    }
}

/// The names of objects. Where several have one name, each is told with what records it, and where that cannot be told, with
/// its digest.
pub fn told_apart(places: &[&Whereabouts], wishes: &[Wish], blobs: &Blobs) -> Vec<String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for place in places {
        *counts.entry(named(&place.item)).or_default() += 1;
    }
    let told = |place: &&Whereabouts| {
        let name = named(&place.item);
        if counts[&name] < 2 {
            return name;
        }
        let mut of = wishes.iter().filter(|wish| wish.out.contains(&place.item.path));
        match of.find(|wish| wish.has(&place.item, blobs)).map(|wish| &wish.revision) {
            Some(Some(revision)) => format!("{name} ({revision})"),
            Some(None) => format!("{name} (workspace)"),
            None => format!("{name} ({})", &place.item.state.digest.hex()[..10]),
        }
    };
    places.iter().map(told).collect()
}

/// By content the revision that records it; `None` where that is the workspace. What only lists at the remote name is not
/// among them.
pub fn recorders<'a>(wishes: &'a [Wish], blobs: &Blobs) -> HashMap<Digest, Option<&'a str>> {
    let mut found = HashMap::new();
    for Wish { out, state, revision, .. } in wishes {
        found.entry(state.digest).or_insert(revision.as_deref());
        for (_, state) in blobs.files(out, state).into_iter().flatten() {
            found.entry(state.digest).or_insert(revision.as_deref());
        }
    }
    found
}

/// The path of an object, a folder's with a slash.
pub fn named(item: &Item) -> String {
    recorded::named(&item.path, Some(&item.state))
}

/// The same for people.
fn shown(item: &Item) -> String {
    one_line(&named(item)).into_owned()
}

/// Names the lists of folders that a remote does not let be read, and why.
pub fn tell_unread(unread: &[(Item, String)], printer: Printer) {
    for (item, reason) in unread {
        printer.insist(format_args!("{} cannot be told: {reason}", shown(item)));
    }
}

/// The same for machines.
pub fn unread_json(unread: &[(Item, String)]) -> Json {
    unread.iter().map(|(item, reason)| json!({ "path": named(item), "reason": reason })).collect()
}

/// A report for machines; `moved` is the word for what went over.
pub fn report_json(remote: &str, moved: &str, report: &Report) -> Json {
    let tally = |tally: Tally| json!({ "count": tally.count, "bytes": tally.bytes });
    let missing = report.missing.iter();
    let missing: Vec<Json> =
        missing.map(|item| json!({ "path": named(item), "digest": item.state.digest })).collect();
    let failed = report.failed.iter();
    let failed: Vec<Json> = failed
        .map(|(item, reason)| json!({ "path": named(item), "digest": item.state.digest, "reason": reason }))
        .collect();
    let damaged = report.damaged.iter();
    let damaged: Vec<Json> =
        damaged.map(|item| json!({ "path": named(item), "digest": item.state.digest })).collect();
    json!({
        "remote": remote,
        "damaged": damaged,
        (moved): tally(report.moved),
        "up_to_date": tally(report.present),
        "missing": missing,
        "failed": failed,
    })
}
