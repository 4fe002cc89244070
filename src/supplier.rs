//! Brings results from remotes before a stage would run: `pipe repro --pull`.

use std::collections::BTreeMap;

use base::{FileState, ProjectPath};
use cache::{CacheError, Extent, Meter, Placement, Root, TransferError, Workspace};
use exec::Supplier;
use pipeline::{Dialect, Out, Stage, StageLock};

use crate::error::CliResult;
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::remotes;

/// Brings results from the remotes of a project.
pub struct Remotes<'a> {
    project: &'a Project,
    workspace: &'a Workspace,
    interrupt: &'a Interrupt,
    /// The one that is meant where an out names none.
    name: String,
    /// Whether results of the same inputs are looked for too.
    with_results: bool,
}

impl<'a> Remotes<'a> {
    /// The remotes of `project`, which has to have one.
    ///
    /// # Errors
    /// When there is none, or it is not said which.
    pub fn new(
        project: &'a Project,
        workspace: &'a Workspace,
        interrupt: &'a Interrupt,
        named: Option<&str>,
        with_results: bool,
    ) -> CliResult<Self> {
        let name = remotes::name(project, named)?;
        remotes::open_existing(project, &name)?;
        Ok(Remotes { project, workspace, interrupt, name, with_results })
    }

    fn bring(
        &self,
        stage: &Stage,
        inputs: Option<&StageLock>,
        locked: Option<&StageLock>,
    ) -> Result<(), String> {
        let mut groups: BTreeMap<&str, Vec<Root>> = BTreeMap::new();
        for out in &stage.outs {
            let Some(state) = locked.and_then(|locked| locked.recorded(out)) else { continue };
            if self.workspace.blobs.has_all(state) {
                continue;
            }
            // What git keeps is in place already; restoring needs it in the cache.
            if !out.cache {
                let is_there = self.workspace.observe(&out.path).ok().flatten() == Some(*state);
                if is_there {
                    let stored = self.workspace.store(&out.path, Placement::Private);
                    stored.map_err(|fault| chain(&fault))?;
                }
                continue;
            }
            let remote = out.remote.as_deref().unwrap_or(&self.name);
            let is_old = locked.is_some_and(|locked| locked.unix_text.contains(&out.path));
            let root = Root { path: out.path.clone(), state: *state, is_old, extent: Extent::Whole };
            groups.entry(remote).or_default().push(root);
        }
        for (name, roots) in groups {
            self.with_transfer(name, |transfer| {
                // What is there and cannot be read is no reason to compute for hours.
                let unread = transfer.fetch(&roots)?.unread;
                unread.map_or(Ok(()), |reason| Err(TransferError::Unread(reason)))
            })?;
        }
        let is_whole = |locked: &StageLock| {
            locked.has_outs(&stage.outs)
                && locked.outs.iter().all(|(_, state)| self.workspace.blobs.has_all(state))
        };
        let (Some(inputs), true, false) = (inputs, self.with_results, locked.is_some_and(is_whole)) else {
            return Ok(());
        };
        let paths: Vec<&ProjectPath> = stage.outs.iter().map(|out| &out.path).collect();
        match self.project.dialect {
            Dialect::Native => self.with_transfer(&self.name, |transfer| {
                transfer.fetch_result(&self.workspace.stages, &inputs.key().0, &paths).map(drop)
            }),
            Dialect::Dvc => {
                let Some(key) = self.project.dialect.run_key(stage, inputs) else { return Ok(()) };
                let results = remotes::results(self.project, self.workspace);
                let fits = |text: &str| {
                    let outs = self.project.dialect.read_run_entry(stage, text);
                    outs.is_some_and(|outs| outs.iter().map(|(path, _)| path).eq(paths.iter().copied()))
                };
                self.with_transfer(&self.name, |transfer| transfer.fetch_run(&results, &key, fits).map(drop))
            }
        }
    }

    fn with_transfer(
        &self,
        name: &str,
        work: impl FnOnce(&cache::Transfer<'_>) -> Result<(), TransferError>,
    ) -> Result<(), String> {
        let remote = remotes::open_existing(self.project, name)
            .map_err(|fault| fault.source.map_or_else(String::new, |source| format!("{source:#}")))?;
        let meter = Meter::new(self.interrupt.stop.clone());
        let transfer = remotes::transfer(&self.workspace.blobs, &remote, None, &meter);
        work(&transfer).map_err(|fault| chain(&fault))
    }
}

impl Supplier for Remotes<'_> {
    fn supply(
        &self,
        stage: &Stage,
        inputs: Option<&StageLock>,
        locked: Option<&StageLock>,
    ) -> Result<(), String> {
        self.bring(stage, inputs, locked).map_err(|reason| {
            format!(
                "it could not be told whether a remote has its result ({reason}); without `--pull` it runs"
            )
        })
    }

    fn supply_dep(
        &self,
        out: &Out,
        locked: &StageLock,
        path: &ProjectPath,
    ) -> Result<Option<FileState>, String> {
        let Some(whole) = locked.recorded(out).filter(|_| out.cache) else { return Ok(None) };
        let below = path.parts().skip(out.path.parts().count());
        let below = below.fold(ProjectPath::root(), |folder, part| folder.join(part));
        let blobs = &self.workspace.blobs;
        if let Ok(Some(state)) = blobs.entry_below(whole, &below)
            && blobs.has_all(&state)
        {
            return Ok(Some(state));
        }
        let is_old = locked.unix_text.contains(&out.path);
        let mut found = None;
        let fetched = self.with_transfer(out.remote.as_deref().unwrap_or(&self.name), |transfer| {
            found = match transfer.entry_below(whole, &below, is_old) {
                Err(TransferError::Cache(CacheError::Missing { .. })) => None,
                found => found?,
            };
            let Some(state) = found else { return Ok(()) };
            let extent = if below.is_root() { Extent::Whole } else { Extent::Part };
            let unread = transfer.fetch(&[Root { path: path.clone(), state, is_old, extent }])?.unread;
            unread.map_or(Ok(()), |reason| Err(TransferError::Unread(reason)))
        });
        fetched.map_err(|reason| format!("dep {path} could not be brought ({reason})"))?;
        Ok(found)
    }
}

fn chain(fault: &dyn std::error::Error) -> String {
    let mut text = fault.to_string();
    let mut cause = fault.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
