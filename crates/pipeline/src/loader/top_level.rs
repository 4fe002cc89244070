//! What stands beside the stages: lists of params, metrics and plots, and artifacts.

use base::ProjectPath;

use super::Loader;
use crate::error::PipelineError;
use crate::format::native::top::{ArtifactSpec, PlotSpec};
use crate::param_path::ParamPath;
use crate::stage::{Artifact, Plot};
use crate::yaml::Segment;

impl Loader<'_, '_> {
    /// A path of the project; `None` of one outside where DVC takes such without using it.
    fn top_path(&self, text: &str, place: &[Segment<'_>]) -> Result<Option<ProjectPath>, PipelineError> {
        match self.param_path(&self.folder, text) {
            Ok(ParamPath::Inside(path)) => Ok(Some(path)),
            Ok(ParamPath::Outside(_)) => Ok(None),
            Err(error) => Err(self.fault_at(place, error.to_string())),
        }
    }

    pub(super) fn top_paths(
        &self,
        key: &str,
        texts: &[(usize, String)],
    ) -> Result<Vec<ProjectPath>, PipelineError> {
        let path =
            |(at, text): &(usize, String)| self.top_path(text, &[Segment::Key(key), Segment::Index(*at)]);
        texts.iter().filter_map(|text| path(text).transpose()).collect()
    }

    pub(super) fn plots(&self, specs: &[PlotSpec]) -> Result<Vec<Plot>, PipelineError> {
        let mut plots = Vec::with_capacity(specs.len());
        for spec in specs {
            let last = spec.index.map_or(Segment::Key(spec.id.as_str()), Segment::Index);
            let place = [Segment::Key("plots"), last];
            let maps = ["x", "y"].into_iter().filter_map(|axis| spec.options.get(axis)?.as_map());
            let mut named: Vec<&str> = maps.flat_map(|map| map.keys().map(String::as_str)).collect();
            if named.is_empty() {
                named.push(&spec.id);
            }
            let mut sources = Vec::with_capacity(named.len());
            for text in named {
                let Some(source) = self.top_path(text, &place)? else { continue };
                if !sources.contains(&source) {
                    sources.push(source);
                }
            }
            if sources.is_empty() {
                continue;
            }
            let (file, id, options) = (self.file.clone(), spec.id.clone(), spec.options.clone());
            plots.push(Plot { file, id, sources, options });
        }
        Ok(plots)
    }

    pub(super) fn artifacts(&self, specs: &[ArtifactSpec]) -> Result<Vec<Artifact>, PipelineError> {
        let artifact = |spec: &ArtifactSpec| {
            let place = [Segment::Key("artifacts"), Segment::Key(&spec.id), Segment::Key("path")];
            let Some(path) = self.top_path(&spec.path, &place)? else { return Ok(None) };
            let (file, id, desc) = (self.file.clone(), spec.id.clone(), spec.desc.clone());
            Ok(Some(Artifact { file, id, path, desc, annotation: spec.annotation.clone() }))
        };
        specs.iter().filter_map(|spec| artifact(spec).transpose()).collect()
    }
}
