//! What a stage writes: paths of the project, and patterns for files in it.

use base::ProjectPath;

use super::{Loader, deps};
use crate::error::PipelineError;
use crate::format::native::spec::{BodyPlace, OutSpec};
use crate::stage::Out;
use crate::yaml::Segment;

impl Loader<'_, '_> {
    /// The outs of a stage that runs in `wdir`, sorted by path.
    pub(super) fn outs(
        &self,
        place: BodyPlace<'_>,
        wdir: &ProjectPath,
        specs: &[OutSpec],
    ) -> Result<Vec<Out>, PipelineError> {
        let mut outs = Vec::with_capacity(specs.len());
        for spec in specs {
            let inside = [Segment::Key(spec.kind.field()), Segment::Index(spec.index)];
            if spec.path.starts_with('/') {
                let message = format!("out `{}` is an absolute path", spec.path);
                let hint =
                    "what a stage writes lies in the project, where pipe can set it aside and put it back";
                return Err(self.fault_at(&place.path(&inside), message).hint(Some(hint)));
            }
            let (path, glob) = match &spec.exclude {
                None => (self.path(wdir, &spec.path, place, &inside)?, None),
                Some(exclude) => deps::out_glob(wdir, &spec.path, exclude)
                    .map(|(path, glob)| (path, Some(glob)))
                    .map_err(|message| self.fault_at(&place.path(&inside), message))?,
            };
            outs.push(Out {
                path,
                glob,
                kind: spec.kind,
                cache: spec.cache,
                persist: spec.persist,
                remote: spec.remote.clone(),
                push: spec.push,
                desc: spec.desc.clone(),
                annotation: spec.annotation.clone(),
                plot: spec.plot.clone(),
            });
        }
        outs.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(outs)
    }
}
