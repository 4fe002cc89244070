//! `status --json` in projects of DVC: what changed of each stage, and what a remote lacks.

use std::collections::{BTreeSet, HashMap};

use base::ProjectPath;
use cache::Whereabouts;
use pipeline::{DepName, ParamPath, SpecialName, Stage, StageId, StageLock, StaleReason};
use serde_json::{Map, Value as Json, json};

use super::updates::Updates;
use super::{Plan, reasons};
use crate::as_dvc::compact;
use crate::inside::Inside;

/// `{STAGE: [{"changed deps": {PATH: WORD}}, {"changed outs": {PATH: WORD}}, "always changed", "changed command"]}`, of the
/// stages that are stale of themselves. What DVC does not know of stands there as a text. Of a stage that stands in `outs`,
/// its outs are told at these paths alone.
pub fn status(
    inside: Inside<'_>,
    plan: &Plan,
    (updates, outs): (&Updates, &HashMap<StageId, Vec<ProjectPath>>),
    base: &ProjectPath,
) -> Json {
    let mut stages = Map::new();
    for (id, judged) in plan {
        let stage = inside.pipeline.stage(*id);
        let reasons = reasons(inside.pipeline, &judged.decision);
        let locked = inside.ledger.get(&stage.address);
        let outs = outs.get(id).map(Vec::as_slice);
        let view = View { inside, stage, base, locked, reasons: &reasons, outs };
        let changes = view.changes(updates, *id);
        if !changes.is_empty() {
            stages.insert(view.name(), Json::Array(changes));
        }
    }
    Json::Object(stages)
}

/// A stage that is told of.
struct View<'a> {
    inside: Inside<'a>,
    stage: &'a Stage,
    /// Where the command was called.
    base: &'a ProjectPath,
    locked: Option<&'a StageLock>,
    reasons: &'a [StaleReason],
    /// The outs that alone are told, or something in them; all where there is none.
    outs: Option<&'a [ProjectPath]>,
}

impl View<'_> {
    fn name(&self) -> String {
        let file = self.stage.address.file.relative_to(self.base);
        match self.stage.address.name.as_str() {
            "" => file,
            name if file == pipeline::DVC_FILE => name.to_owned(),
            name => format!("{file}:{name}"),
        }
    }

    fn changes(&self, updates: &Updates, id: StageId) -> Vec<Json> {
        let mut deps = if self.stage.frozen { Map::new() } else { self.deps() };
        if let Some((import, _)) = updates.of(id) {
            let word = if import.repo.is_some() { "update available" } else { "modified" };
            deps.insert(import.shown(), word.into());
        }
        let mut changes = Vec::new();
        for (title, map) in [("changed deps", deps), ("changed outs", self.outs())] {
            if !map.is_empty() {
                changes.push(compact([(title, Json::Object(map))]));
            }
        }
        for reason in self.reasons {
            let text = match reason {
                StaleReason::AlwaysChanged | StaleReason::Callback => "always changed".to_owned(),
                StaleReason::CommandChanged { .. } => "changed command".to_owned(),
                StaleReason::ShellChanged { .. }
                | StaleReason::BuiltinChanged { .. }
                | StaleReason::WdirChanged { .. }
                | StaleReason::DepRemoved { .. }
                | StaleReason::OutRemoved { .. }
                | StaleReason::EnvChanged { .. }
                | StaleReason::EnvAdded { .. }
                | StaleReason::EnvRemoved { .. }
                | StaleReason::PersistChanged { .. }
                | StaleReason::ExcludeChanged { .. }
                | StaleReason::Unreadable { .. } => reason.to_string(),
                _ => continue,
            };
            changes.push(text.into());
        }
        changes
    }

    fn seen(&self, name: &DepName) -> String {
        match name {
            DepName::Path(path) => path.relative_to(self.base),
            DepName::Special(name) => self.special(name),
        }
    }

    /// What lies outside the project is told as the stage names it.
    fn special(&self, name: &SpecialName) -> String {
        self.stage.spelled.get(&name.text).map_or(&name.text, |texts| &texts[0]).clone()
    }

    fn params_file(&self, file: &ParamPath) -> String {
        match file {
            ParamPath::Inside(path) => path.relative_to(self.base),
            ParamPath::Outside(name) => {
                self.stage.spelled_params.get(&name.text).unwrap_or(&name.text).clone()
            }
        }
    }

    fn deps(&self) -> Map<String, Json> {
        let mut deps = Map::new();
        if self.locked.is_none() {
            for path in &self.stage.deps {
                let word = if self.is_here(path) { "modified" } else { "deleted" };
                deps.insert(path.relative_to(self.base), word.into());
            }
            for special in &self.stage.special {
                deps.insert(self.special(&special.name), "modified".into());
            }
            let files: BTreeSet<&ParamPath> = self.stage.params.iter().map(|param| &param.file).collect();
            for file in files {
                let is_here = file
                    .inside()
                    .map_or_else(|| file.to_path("/".as_ref()).exists(), |path| self.is_here(path));
                let word = if is_here { "new" } else { "deleted" };
                deps.insert(self.params_file(file), word.into());
            }
        }
        for reason in self.reasons {
            match reason {
                StaleReason::DepChanged { path, .. } | StaleReason::DepAdded { path } => {
                    deps.insert(self.seen(path), "modified".into());
                }
                StaleReason::DepShrinks { path } => {
                    deps.insert(path.relative_to(self.base), "modified".into());
                }
                StaleReason::DepMissing { path } => {
                    deps.insert(self.seen(path), "deleted".into());
                }
                // What a stage before it is going to make.
                StaleReason::OutMissing { path } if !self.is_own(path) => {
                    deps.insert(self.seen(path), "deleted".into());
                }
                StaleReason::SourceChanged { source } => {
                    deps.insert(source.clone(), "modified".into());
                }
                StaleReason::ParamFileMisspelled { text, .. } => {
                    deps.insert(text.clone(), "new".into());
                }
                StaleReason::ParamMissing { file, key: None } => {
                    deps.insert(self.params_file(file), "deleted".into());
                }
                StaleReason::ParamAdded { file, .. } if !self.is_recorded(file) => {
                    deps.insert(self.params_file(file), "new".into());
                }
                StaleReason::ParamChanged { file, key, .. } => self.param(&mut deps, file, key, "modified"),
                StaleReason::ParamAdded { file, key, .. } => self.param(&mut deps, file, key, "new"),
                StaleReason::ParamUnrecordable { file, key, .. }
                    if !is_new(&deps, &self.params_file(file), key) =>
                {
                    self.param(&mut deps, file, key, "modified");
                }
                StaleReason::ParamRemoved { file, key, .. }
                | StaleReason::ParamMissing { file, key: Some(key) } => {
                    self.param(&mut deps, file, key, "deleted");
                }
                _ => {}
            }
        }
        deps
    }

    /// Tells of one key, but of a file of which all was told.
    fn param(&self, deps: &mut Map<String, Json>, file: &ParamPath, key: &str, word: &str) {
        let file = deps.entry(self.params_file(file)).or_insert_with(|| json!({}));
        if let Some(keys) = file.as_object_mut() {
            keys.insert(key.to_owned(), word.into());
        }
    }

    /// Whether the last success had params of a file.
    fn is_recorded(&self, file: &ParamPath) -> bool {
        self.locked.is_some_and(|locked| locked.params.contains_key(file))
    }

    fn outs(&self) -> Map<String, Json> {
        let mut outs = Map::new();
        let is_meant =
            |out: &ProjectPath| self.outs.is_none_or(|paths| paths.iter().any(|path| out.contains(path)));
        for out in self.stage.outs.iter().filter(|out| out.glob.is_none() && is_meant(&out.path)) {
            let recorded = self.locked.and_then(|locked| locked.recorded(out));
            let is_told_lost = self
                .reasons
                .iter()
                .any(|reason| matches!(reason, StaleReason::OutNotCached { path } if *path == out.path));
            let is_kept = |state| !out.cache || (!is_told_lost && self.inside.workspace.blobs.has_all(state));
            let word = match recorded {
                Some(state) if !is_kept(state) => "not in cache",
                _ if !self.is_here(&out.path) => "deleted",
                None => "modified",
                Some(_) if self.is_told(&out.path) => "modified",
                Some(_) => continue,
            };
            outs.insert(out.path.relative_to(self.base), word.into());
        }
        for reason in self.reasons.iter().filter(|_| self.outs.is_none()) {
            match reason {
                StaleReason::OutMissing { path: DepName::Special(name) } if self.is_own_special(name) => {
                    outs.insert(self.special(name), "deleted".into());
                }
                StaleReason::OutChanged { path: DepName::Special(name), .. }
                | StaleReason::OutAdded { path: DepName::Special(name) } => {
                    outs.insert(self.special(name), "modified".into());
                }
                _ => {}
            }
        }
        outs
    }

    /// Whether a reason tells that the out at `out` is another than recorded.
    fn is_told(&self, out: &ProjectPath) -> bool {
        self.reasons.iter().any(|reason| match reason {
            StaleReason::OutChanged { path: DepName::Path(path), .. }
            | StaleReason::OutAdded { path: DepName::Path(path) }
            | StaleReason::DataOutdated { path, .. }
            | StaleReason::DataNotFetched { path, .. }
            | StaleReason::DataPartial { path, .. }
            | StaleReason::CheckoutCutOff { path, .. }
            | StaleReason::DataDiverged { path, .. } => path == out,
            _ => false,
        })
    }

    fn is_own(&self, name: &DepName) -> bool {
        match name {
            DepName::Path(path) => self.stage.outs.iter().any(|out| out.path == *path),
            DepName::Special(name) => self.is_own_special(name),
        }
    }

    fn is_own_special(&self, name: &SpecialName) -> bool {
        self.stage.special_outs.iter().any(|out| out.name == *name)
    }

    fn is_here(&self, path: &ProjectPath) -> bool {
        self.inside.workspace.os_path(path).exists()
    }
}

/// `{PATH: WORD}`: what only the cache has is `new`, what only the remote has `deleted`, what neither has `missing`.
pub fn moves(places: &[Whereabouts], base: &ProjectPath) -> Map<String, Json> {
    let told = places.iter().filter_map(|place| {
        let word = match (place.here, place.there) {
            (true, true) => return None,
            (true, false) => "new",
            (false, true) => "deleted",
            (false, false) => "missing",
        };
        Some((place.item.path.relative_to(base), word.into()))
    });
    told.collect()
}

/// Whether a param was told to be new.
fn is_new(deps: &Map<String, Json>, file: &str, key: &str) -> bool {
    deps.get(file).is_some_and(|keys| keys[key] == "new")
}
