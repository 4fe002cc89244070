//! What a stage writes: paths of the project, patterns for files in it, and in projects of DVC what lies outside.

use base::ProjectPath;

use super::{Loader, deps};
use crate::error::PipelineError;
use crate::format::native::spec::{BodyPlace, OutSpec};
use crate::place::Place;
use crate::special::{SpecialKind, SpecialName, SpecialOut};
use crate::stage::Out;
use crate::yaml::Segment;

impl Loader<'_, '_> {
    /// The outs of a stage that runs in `wdir`, sorted by path, and those outside the project, sorted by name.
    pub(super) fn outs(
        &self,
        place: BodyPlace<'_>,
        wdir: &ProjectPath,
        specs: &[OutSpec],
    ) -> Result<(Vec<Out>, Vec<SpecialOut>), PipelineError> {
        let mut outs = Vec::with_capacity(specs.len());
        let mut special = Vec::new();
        for spec in specs {
            let inside = [Segment::Key(spec.kind.field()), Segment::Index(spec.index)];
            let there = self.place(wdir, &spec.path);
            let is_outside = spec.exclude.is_none()
                && match &there {
                    _ if spec.path.contains("://") => true,
                    Ok(Place::Inside(_)) => false,
                    Ok(Place::Outside(_)) => true,
                    Err(_) => spec.path.starts_with('/'),
                };
            if is_outside && self.dialect.writes_outside() {
                special.push(self.special_out(place, &inside, spec, there.ok())?);
                continue;
            }
            if spec.path.starts_with('/') && is_outside {
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
        special.sort_by(|a, b| a.name.cmp(&b.name));
        Ok((outs, special))
    }

    /// An out outside the project, which DVC has without its cache alone.
    fn special_out(
        &self,
        place: BodyPlace<'_>,
        inside: &[Segment<'static>],
        spec: &OutSpec,
        there: Option<Place>,
    ) -> Result<SpecialOut, PipelineError> {
        let fault = |message: String| self.fault_at(&place.path(inside), message);
        let is_url = !spec.path.starts_with('/') && spec.path.contains("://");
        let name = match (spec.path.starts_with('/'), there) {
            (_, Some(Place::Outside(name))) if !is_url => Ok(name),
            (true, _) => SpecialName::outside(&spec.path).map_err(|error| error.to_string()),
            (false, _) => SpecialName::url(&spec.path),
        };
        let is_there = |name: &SpecialName| {
            name.kind == SpecialKind::Remote || (name.kind == SpecialKind::Outside && !is_url)
        };
        let name = match name {
            Ok(name) if is_there(&name) => name,
            Err(message) if spec.path.starts_with('/') || spec.path.starts_with("remote:") => {
                return Err(fault(message));
            }
            _ => {
                let message =
                    format!("out `{}` is a URL of a kind that nothing can be written to", spec.path);
                let hint = "an out lies in the project, at an absolute path, or in the folder of a remote: \
                            remote://NAME/PATH";
                return Err(fault(message).hint(Some(hint)));
            }
        };
        if spec.cache {
            let message =
                format!("out `{}` lies outside the project, where the cache keeps nothing", spec.path);
            let hint = "say so with `cache: false`; or write a file of the project and declare that, with `remote: NAME`, \
                        so that `pipe push` brings it there";
            return Err(fault(message).hint(Some(hint)));
        }
        Ok(SpecialOut { name, persist: spec.persist })
    }
}
