//! `pipe data status`: what of the data changed since the last commit, and what is not recorded yet.

use std::collections::{BTreeMap, HashSet};

use base::{Digest, FileState, ProjectPath, one_line};
use cache::{Blobs, Comparison, Difference, Files, Meter};
use clap::Args;
use pipeline::{Dialect, Pipeline};
use serde_json::{Value as Json, json};

use crate::as_dvc;
use crate::begun;
use crate::cli::push::end;
use crate::cli::sharing::{ShareArgs, roots_of, tell_unread, wishes};
use crate::dvc_config;
use crate::error::{CliError, CliResult, ErrorKind, with_causes};
use crate::interrupt::Interrupt;
use crate::moved::Moved;
use crate::project::Project;
use crate::recorded::{self, Bit};
use crate::remotes;
use crate::ui::Printer;

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Only these files and folders, and what is in them
    #[arg(value_name = "PATH")]
    pub targets: Vec<String>,
    /// Tell of the files in folders one by one
    #[arg(long)]
    granular: bool,
    /// Tell also what is unchanged
    #[arg(long)]
    unchanged: bool,
    /// Tell also of files that neither pipe nor git knows
    #[arg(long, value_name = "WHICH", num_args = 0..=1, default_value = "no", default_missing_value = "all")]
    untracked_files: Untracked,
    /// Tell also what the remote lacks
    #[arg(long)]
    not_in_remote: bool,
    /// The remote that is asked [default: the one of `core.remote`]
    #[arg(short, long, value_name = "NAME", requires = "not_in_remote")]
    remote: Option<String>,
    /// Taken as DVC takes it; a folder is asked anew each time, since that costs little
    #[arg(long, requires = "not_in_remote", hide_short_help = true)]
    no_remote_refresh: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which files are told of that nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Untracked {
    /// None.
    No,
    /// All.
    All,
}

/// Shows how the data stands.
///
/// # Errors
/// With exit code 2 when it cannot be told, also of some of it; the rest is told.
pub fn run(args: &StatusArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    project.expect()?;
    begun::tell_cut_off_move(&project, printer);
    let pipeline = project.pipeline_if_any_told(printer)?;
    let workspace = project.workspace(printer)?;
    let ledger = project.ledger(&pipeline)?;
    let blobs = &workspace.blobs;
    let now = recorded::now(&pipeline, &ledger, blobs, Bit::Ignored)?;
    let mut looked_at = now.clone();
    if project.dialect == Dialect::Dvc {
        looked_at.extend(recorded::unrecorded(&pipeline, &now));
    }
    let (found, mut unreadable) =
        recorded::in_place(&workspace, (&pipeline, &ledger), &looked_at, args.granular);
    let is_without_git = project.dialect == Dialect::Dvc && dvc_config::is_without_git(&project.root);
    let head = match project.git().map_or(Ok(None), |git| git.known_head())? {
        // Nothing is committed, and nothing else than what is recorded is expected.
        _ if is_without_git => now.clone(),
        Some(commit) if recorded::is_before_conversion(&project, &commit)? => {
            printer.warn("the last commit is from before `pipe convert`: what changed since cannot be told until git has what it wrote");
            now.clone()
        }
        Some(commit) => recorded::at(&project, &commit, blobs, Bit::Ignored)?,
        None => Files::new(),
    };
    let _ = workspace.save_state();
    let targets = args.targets.iter().map(|target| ProjectPath::resolve(&project.base, target));
    let targets = targets.collect::<Result<Vec<_>, _>>()?;
    let is_meant =
        |path: &ProjectPath| targets.is_empty() || targets.iter().any(|target| target.contains(path));
    let (absent, is_all_told) = match args.not_in_remote {
        true => {
            let (absent, is_all_told) = not_in_remote(args, &project, &pipeline, &now, blobs, printer)?;
            (Some(absent), is_all_told)
        }
        false => (None, true),
    };
    let conclude = || if is_all_told { Ok(()) } else { Err(CliError::silent(ErrorKind::Unable)) };
    let (whole, whole_head) = (now.clone(), head.clone());
    let sort = |data: Files| if args.granular { recorded::granular(&data, blobs) } else { Ok(data) };
    let (mut head, mut now, mut found) = (sort(head)?, sort(now)?, found);
    let unlisted = recorded::unlisted(&[&head, &now]);
    if args.granular && !unlisted.is_empty() {
        let (whole_found, _) = recorded::in_place(&workspace, (&pipeline, &ledger), &looked_at, false);
        recorded::tell_whole(&mut head, &unlisted, &whole_head);
        recorded::tell_whole(&mut now, &unlisted, &whole);
        recorded::tell_whole(&mut found, &unlisted, &whole_found);
    }
    if args.granular && as_dvc::is_asked(&project) {
        let (whole_found, _) = recorded::in_place(&workspace, (&pipeline, &ledger), &looked_at, false);
        for (side, whole) in [(&mut head, &whole_head), (&mut now, &whole), (&mut found, &whole_found)] {
            // Folders stand beside their files, as DVC tells them.
            side.extend(
                whole
                    .iter()
                    .filter(|(_, state)| state.is_folder())
                    .map(|(path, state)| (path.clone(), *state)),
            );
        }
    }
    unreadable.retain(|data, _| is_meant(data) || targets.iter().any(|target| data.contains(target)));
    let is_unreadable = |path: &ProjectPath| unreadable.keys().any(|data| data.contains(path));
    for side in [&mut head, &mut now, &mut found] {
        side.retain(|path, _| is_meant(path));
    }
    let absent = absent.map(|mut paths| {
        paths.retain(is_meant);
        paths
    });
    let untracked = untracked(args, &project, is_meant)?;
    let committed = Difference::between(&head, &now).with_renames(&head, &now);
    let readable: Files = now
        .iter()
        .filter(|(path, _)| !is_unreadable(path))
        .map(|(path, state)| (path.clone(), *state))
        .collect();
    let mut uncommitted = Difference::between(&readable, &found).with_renames(&readable, &found);
    let all_uncommitted = uncommitted.clone();
    // What nobody edited waits for what its pointer records; of what somebody did, he has to choose.
    let Moved { mut outdated, edited, partial } = Moved::look(&workspace, &pipeline, &ledger);
    outdated.retain(is_meant);
    let is_outdated = |path: &ProjectPath| outdated.iter().any(|data| data.contains(path));
    split_off(&mut uncommitted, is_outdated);
    let diverged = split_off(&mut uncommitted, |path| edited.iter().any(|data| data.contains(path)));
    // Of a folder whose files are told one by one, its list counts.
    let is_held = |state: &FileState| match args.granular && state.is_folder() {
        true => blobs.has_list(state),
        false => blobs.holds_all(state),
    };
    let missing: Vec<&ProjectPath> =
        now.iter().filter(|(_, state)| !is_held(state)).map(|(path, _)| path).collect();
    let is_changed = |path: &ProjectPath| {
        let is_in = |one: &Difference| one.names(path);
        is_unreadable(path)
            || is_outdated(path)
            || [&committed, &uncommitted, &diverged].into_iter().any(is_in)
    };
    let unchanged: Vec<&ProjectPath> =
        now.keys().filter(|path| args.unchanged && !is_changed(path)).collect();
    let name = |path: &ProjectPath| {
        recorded::named(path, found.get(path).or(now.get(path)).or(head.get(path)).or(whole.get(path)))
    };
    if args.json && as_dvc::is_asked(&project) {
        let names = |paths: &mut dyn Iterator<Item = &ProjectPath>| paths.map(name).collect::<Json>();
        let sides = |one: &Difference| -> Json {
            let renamed = one.renamed.iter().map(|(old, new)| json!({ "old": name(old), "new": name(new) }));
            as_dvc::compact([
                ("added", names(&mut one.added.iter())),
                ("modified", names(&mut one.modified.iter())),
                ("deleted", names(&mut one.deleted.iter())),
                ("renamed", renamed.collect()),
            ])
        };
        let seen = |path: &ProjectPath| Json::from(path.relative_to(&project.base));
        let faults = unreadable.iter().map(|(path, fault)| (path.to_string(), with_causes(fault).into()));
        let all = as_dvc::compact([
            ("not_in_cache", names(&mut missing.iter().copied())),
            ("not_in_remote", names(&mut absent.iter().flatten())),
            ("committed", sides(&committed)),
            ("uncommitted", sides(&all_uncommitted)),
            ("untracked", untracked.iter().flatten().map(seen).collect()),
            ("unchanged", names(&mut unchanged.iter().copied())),
            ("unreadable", Json::Object(faults.collect())),
        ]);
        printer.data_line(serde_json::to_string_pretty(&all)?);
        return recorded::tell_unreadable(&unreadable, printer).and_then(|()| conclude());
    }
    if args.json {
        let names = |paths: &[ProjectPath]| paths.iter().map(name).collect::<Vec<_>>();
        let sides = |one: &Difference| -> Json {
            json!({
                "added": names(&one.added),
                "modified": names(&one.modified),
                "deleted": names(&one.deleted),
                "renamed": one.renamed.iter().map(|(old, new)| json!({ "old": name(old), "new": name(new) })).collect::<Vec<_>>(),
            })
        };
        let mut all = json!({
            "not_in_cache": missing.into_iter().map(name).collect::<Vec<_>>(),
            "committed": sides(&committed),
            "uncommitted": sides(&uncommitted),
            "outdated": names(&outdated),
            "diverged": sides(&diverged),
        });
        if let Some(absent) = &absent {
            all["not_in_remote"] = absent.iter().map(name).collect();
        }
        if let Some(untracked) = &untracked {
            all["untracked"] = json!(untracked);
        }
        if args.unchanged {
            all["unchanged"] = unchanged.into_iter().map(name).collect();
        }
        if !unreadable.is_empty() {
            let reasons =
                unreadable.iter().map(|(path, fault)| (path.to_string(), with_causes(fault).into()));
            all["unreadable"] = Json::Object(reasons.collect());
        }
        printer.data_line(serde_json::to_string_pretty(&all)?);
        return recorded::tell_unreadable(&unreadable, printer).and_then(|()| conclude());
    }
    let list = |title: &str, help: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            printer.data_line(format_args!("{title}:"));
            printer.data_line(format_args!("  ({help})"));
            for line in &lines {
                printer.data_line(format_args!("        {}", one_line(line)));
            }
            printer.data("\n");
        }
        !lines.is_empty()
    };
    let lines = |one: &Difference, partial: &BTreeMap<ProjectPath, (u64, u64)>| {
        let of = |word: &str, paths: &[ProjectPath]| {
            let part = |path| match partial.get(path) {
                Some((absent, files)) => format!(" ({absent} of {files} files are not here)"),
                None => String::new(),
            };
            paths.iter().map(|path| format!("{word}: {}{}", name(path), part(path))).collect::<Vec<_>>()
        };
        let renamed = one.renamed.iter().map(|(old, new)| format!("renamed: {} -> {}", name(old), name(new)));
        [
            of("added", &one.added),
            of("modified", &one.modified),
            of("deleted", &one.deleted),
            renamed.collect(),
        ]
        .concat()
    };
    let mut any = list(
        "Not in remote",
        "use `pipe push` to bring it there",
        absent.iter().flatten().map(name).collect(),
    );
    any |= list(
        "Not in cache",
        "use `pipe pull` to bring it from a remote",
        missing.into_iter().map(name).collect(),
    );
    any |= list(
        "Committed changes",
        match project.git() {
            Some(_) => "git commit the pointers and locks to keep them",
            None => "without git nothing keeps earlier ones",
        },
        lines(&committed, &BTreeMap::new()),
    );
    any |= list(
        "Uncommitted changes",
        "use `pipe commit PATH` to record them, `pipe checkout PATH` to discard them",
        lines(&uncommitted, &partial),
    );
    any |= list(
        "Outdated data, whose pointers moved",
        "use `pipe checkout` to bring what they record, after `pipe fetch` where the cache lacks it",
        outdated.iter().map(name).collect(),
    );
    let is_any_folder = edited.iter().any(|data| data.to_path(&project.root).is_dir());
    any |= list(
        "Edited data, whose pointers moved meanwhile",
        &pipeline::ways_out(&"PATH", is_any_folder),
        lines(&diverged, &partial),
    );
    any |= list("Unchanged", "as the last commit records it", unchanged.into_iter().map(name).collect());
    any |= list(
        "Untracked files",
        "use `git add` or `pipe add` to keep them",
        untracked.iter().flatten().map(ToString::to_string).collect(),
    );
    if !any && unreadable.is_empty() && is_all_told {
        printer.data_line("No changes.");
    }
    recorded::tell_unreadable(&unreadable, printer).and_then(|()| conclude())
}

/// Takes out of a difference what is at paths of some kind.
fn split_off(whole: &mut Difference, is_it: impl Fn(&ProjectPath) -> bool) -> Difference {
    let paths = |paths: &mut Vec<ProjectPath>| paths.extract_if(.., |path| is_it(path)).collect();
    Difference {
        added: paths(&mut whole.added),
        modified: paths(&mut whole.modified),
        deleted: paths(&mut whole.deleted),
        renamed: whole.renamed.extract_if(.., |(_, path)| is_it(path)).collect(),
    }
}

/// The files that neither pipe nor git knows; `None` when they are not asked for.
fn untracked(
    args: &StatusArgs,
    project: &Project,
    is_meant: impl Fn(&ProjectPath) -> bool,
) -> CliResult<Option<Vec<ProjectPath>>> {
    let Some(git) = project.git().filter(|_| args.untracked_files == Untracked::All) else { return Ok(None) };
    let files = git.untracked()?;
    let files = files.iter().filter_map(|file| ProjectPath::from_record(file).ok());
    Ok(Some(files.filter(is_meant).collect()))
}

/// What of the recorded data the remote lacks that it goes to: outs, or with `--granular` files in them too. False when a
/// remote does not let all be told.
fn not_in_remote(
    args: &StatusArgs,
    project: &Project,
    pipeline: &Pipeline,
    now: &Files,
    blobs: &Blobs,
    printer: Printer,
) -> CliResult<(Vec<ProjectPath>, bool)> {
    if project.remotes().0.is_empty() && args.remote.is_none() {
        printer.say(
            "There is no remote: it has nothing. `pipe remote add --default NAME FOLDER` makes one known.",
        );
        let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs).filter(|out| out.push);
        let pushed: Vec<&ProjectPath> =
            outs.map(|out| out.glob.as_ref().map_or(&out.path, |glob| glob.base())).collect();
        let is_pushed = |path: &ProjectPath| pushed.iter().any(|out| out.contains(path));
        let mut all = now.clone();
        if args.granular {
            all.extend(recorded::granular(now, blobs)?);
        }
        return Ok((all.into_keys().filter(is_pushed).collect(), true));
    }
    let interrupt = Interrupt::listen()?;
    let share = ShareArgs { remote: args.remote.clone(), ..ShareArgs::default() };
    let (mut absent, mut is_all_told) = (Vec::new(), true);
    for (name, wishes) in &wishes(project, pipeline, &share, printer)? {
        let remote = remotes::open_existing(project, name)?;
        if let (Some(text), false) = (remotes::emptiness(&remote), wishes.is_empty()) {
            printer.insist(format_args!("{text}; mount it if it is a share, or `pipe push` fills it"));
        }
        let meter = Meter::new(interrupt.stop.clone());
        let transfer = remotes::transfer(blobs, &remote, None, &meter);
        let roots = roots_of(&transfer, wishes, false)?;
        let found = end(transfer.compare(&roots), &interrupt, "compared", &meter, name, printer)?;
        let Comparison { places: found, unread } = found;
        tell_unread(&unread, printer);
        is_all_told &= unread.is_empty();
        // Of equal contents one is told, so that all are found by it.
        let lost: HashSet<Digest> =
            found.iter().filter(|place| !place.there).map(|place| place.item.state.digest).collect();
        for wish in wishes {
            let Some(state) = now.get(&wish.out) else { continue };
            let inside = recorded::granular(&Files::from([(wish.out.clone(), *state)]), blobs)?;
            let is_lost = |state: &FileState| lost.contains(&state.digest);
            if is_lost(state) || (!args.granular && inside.values().any(is_lost)) {
                absent.push(wish.out.clone());
            }
            if args.granular {
                absent.extend(inside.into_iter().filter(|(_, state)| is_lost(state)).map(|(path, _)| path));
            }
        }
    }
    absent.sort();
    absent.dedup();
    Ok((absent, is_all_told))
}
