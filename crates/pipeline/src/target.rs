//! What users call stages on the command line: names, groups, addresses, outs, files and folders.

use base::ProjectPath;

use crate::resolve::{Content, Pipeline};
use crate::stage::StageId;
use crate::suggest;

/// A target that names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is neither a stage nor an out of one in {file}", base::one_line(target))]
pub struct TargetError {
    /// As written.
    pub target: String,
    /// The pipeline file that was searched first.
    pub file: ProjectPath,
    /// What was meant, perhaps.
    pub hint: Option<String>,
}

impl Pipeline {
    /// The stages that are meant without a target: those of [`Pipeline::file`] with everything they need, and the
    /// sources in and below its folder, in the order of the graph. Everything where that file is not there.
    pub fn default_stages(&self) -> Vec<StageId> {
        if self.files.len() <= 1 || !self.has_own_file() {
            return self.graph.order().to_vec();
        }
        let folder = self.file.parent().unwrap_or_default();
        let near = self.sources().filter(|id| folder.contains(&self.stage(*id).address.file));
        let own: Vec<StageId> = self.own_stages().into_iter().chain(near).collect();
        self.graph.with_upstream(&own)
    }

    /// Whether [`Pipeline::file`] is there, which it need not be.
    pub fn has_own_file(&self) -> bool {
        self.contents.contains_key(&self.file)
    }

    /// The stages of [`Pipeline::file`], those of all files where it is not there; without sources.
    pub fn own_stages(&self) -> Vec<StageId> {
        if self.has_own_file() {
            return self.stages_of(&self.file);
        }
        self.ids().filter(|id| !self.stage(*id).is_source()).collect()
    }

    /// All stages of a pipeline file, in its order.
    pub fn stages_of(&self, file: &ProjectPath) -> Vec<StageId> {
        self.contents.get(file).map(|content| content.names.values().copied().collect()).unwrap_or_default()
    }

    /// The stages that `targets` name, each once, in the order named. A target is
    ///
    /// - a stage's name in [`Pipeline::file`] or else in the root's file, or the name of a stage with `foreach` or
    ///   `matrix` for all that is made of it;
    /// - such a name behind the path of its pipeline file, or of that file's folder: `sub:train`;
    /// - the path of an out, or of something inside it;
    /// - a pipeline file or its folder, for all of its stages;
    /// - a pointer, for its data.
    ///
    /// Paths are relative to the folder `base`; what names nothing there is looked for from the root, as messages write it.
    ///
    /// # Errors
    /// When a target names nothing.
    pub fn targets<T: AsRef<str>>(
        &self,
        targets: &[T],
        base: &ProjectPath,
    ) -> Result<Vec<StageId>, TargetError> {
        let mut found = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for target in targets {
            let target = target.as_ref();
            let named = self.target(target, base).ok_or_else(|| self.unknown_target(target, base))?;
            found.extend(named.into_iter().filter(|id| seen.insert(*id)));
        }
        Ok(found)
    }

    fn target(&self, target: &str, base: &ProjectPath) -> Option<Vec<StageId>> {
        let root_file = ProjectPath::root().join(self.dialect().pipeline_file());
        let named = [&self.file, &root_file].into_iter().find_map(|file| self.named(file, target));
        if named.is_some() {
            return named;
        }
        self.target_from(target, base).or_else(|| self.target_from(target, &ProjectPath::root()))
    }

    fn target_from(&self, target: &str, base: &ProjectPath) -> Option<Vec<StageId>> {
        // A generated name may hold a colon itself, so every place to cut is tried.
        for (at, _) in target.rmatch_indices(':') {
            let (place, name) = (&target[..at], &target[at + 1..]);
            if let Some(found) = self.file_at(place, base).and_then(|file| self.named(file, name)) {
                return Some(found);
            }
        }
        let path = ProjectPath::resolve(base, target).ok()?;
        if let Some(producer) = self.graph.producer(&path) {
            return Some(vec![producer]);
        }
        self.file_at(target, base).map(|file| self.stages_of(file))
    }

    /// The pipeline file at a path, or in the folder at that path.
    fn file_at(&self, place: &str, base: &ProjectPath) -> Option<&ProjectPath> {
        let path = ProjectPath::resolve(base, place).ok()?;
        let inside = path.join(self.dialect().pipeline_file());
        let found = self.contents.get_key_value(&path).or_else(|| self.contents.get_key_value(&inside));
        found.map(|(file, _)| file)
    }

    fn named(&self, file: &ProjectPath, name: &str) -> Option<Vec<StageId>> {
        let Content { names, groups, .. } = self.contents.get(file)?;
        if let Some(id) = names.get(name) {
            return Some(vec![*id]);
        }
        groups.get(name).map(|range| range.clone().map(StageId).collect())
    }

    fn unknown_target(&self, target: &str, base: &ProjectPath) -> TargetError {
        if let Some(error) = self.unknown_name(target, base) {
            return error;
        }
        let own = self.contents.get(&self.file);
        let mut names: Vec<String> = own
            .map(|content| content.names.keys().chain(content.groups.keys()).cloned().collect())
            .unwrap_or_default();
        let others = self.stages.iter().filter(|stage| stage.address.file != self.file);
        names.extend(others.map(|stage| stage.address.spelled()));
        let outs = self.stages.iter().flat_map(|stage| &stage.outs).map(|out| out.path.as_str());
        let hint =
            suggest::did_you_mean(target, names.iter().map(String::as_str).chain(outs)).or_else(|| {
                let known = names.iter().take(10).map(String::as_str).collect::<Vec<_>>().join(", ");
                let more = if names.len() > 10 { ", …" } else { "" };
                let what = if self.sources().next().is_some() { "stages and pointers" } else { "stages" };
                Some(match known.is_empty() {
                    true => "`pipe stage add` describes a stage, `pipe add` puts data under version control"
                        .to_owned(),
                    false => format!("{what} are: {known}{more}"),
                })
            });
        let hint = hint.map(|hint| base::one_line(&hint).into_owned());
        TargetError { target: target.to_owned(), file: self.file.clone(), hint }
    }

    /// A target that names a pipeline file of the project, and then no stage of it.
    fn unknown_name(&self, target: &str, base: &ProjectPath) -> Option<TargetError> {
        let (place, name) = target.rsplit_once(':')?;
        let file = self.file_at(place, base).or_else(|| self.file_at(place, &ProjectPath::root()))?;
        let content = self.contents.get(file)?;
        let names = content.names.keys().chain(content.groups.keys()).map(String::as_str);
        let near = suggest::nearest(name, names);
        let hint = near.map(|near| format!("did you mean `{place}:{near}`?"));
        Some(TargetError { target: target.to_owned(), file: file.clone(), hint })
    }
}
