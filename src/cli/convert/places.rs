//! Places that stages of DVC name and stages of pipe cannot.

use pipeline::{Dialect, Pipeline, SpecialKind, Stage};

use crate::error::{CliError, CliResult};
use crate::project::Project;

/// Refuses a stage that reads or writes where a project of pipe has no word for it.
///
/// # Errors
/// When there is one.
pub fn check(pipeline: &Pipeline) -> CliResult {
    pipeline.stages.iter().try_for_each(|stage| {
        let refusal = |what: &str, name: &str, hint: &str| {
            let text = format!(
                "stage {} {what} {}, which lies outside the project",
                stage.address,
                base::one_line(name)
            );
            Err(CliError::message(text).hint(format!("{hint}, and convert again; nothing was changed")))
        };
        if let Some(out) = stage.special_outs.first() {
            let hint = "let it write a file of the project, which `remote: NAME` brings to a remote";
            return refusal("writes", &out.name.text, hint);
        }
        if let Some(name) = stage.params.iter().find_map(|param| param.file.outside()) {
            let hint = "let it read params of a file of the project, which `pipe import-url` can bring";
            return refusal("reads params of", &name.text, hint);
        }
        match stage.special.iter().find(|dep| is_relative(stage, &dep.name.text)) {
            Some(dep) => {
                let spelled = stage.spelled.get(&dep.name.text).map_or(&dep.name.text, |texts| &texts[0]);
                refusal(
                    "reads",
                    spelled,
                    &format!("name it by its absolute path, {}", base::one_line(&dep.name.text)),
                )
            }
            None => Ok(()),
        }
    })
}

/// Whether the pipeline file names what lies outside by a relative path.
fn is_relative(stage: &Stage, name: &str) -> bool {
    name.starts_with('/')
        && stage
            .spelled
            .get(name)
            .into_iter()
            .flatten()
            .any(|text| !text.starts_with('/') && !text.contains("://"))
}

/// Refuses files of the project by absolute paths, which a project of pipe takes for others.
///
/// # Errors
/// When a stage of `converted` has one.
pub fn check_converted(old: &Project, converted: &Pipeline) -> CliResult {
    let root = old.root.canonicalize().unwrap_or_else(|_| old.root.clone());
    for stage in &converted.stages {
        let deps = stage.special.iter().filter(|dep| dep.name.kind == SpecialKind::Outside);
        for dep in deps {
            if let Ok(inside) = std::path::Path::new(&dep.name.text).strip_prefix(&root) {
                let text =
                    format!("stage {} names {} by its absolute path", stage.address, base::shown(inside));
                let file = Dialect::Dvc.pipeline_file();
                return Err(CliError::message(text)
                    .hint(format!("write it in {file} as seen from the stage's folder")));
            }
        }
    }
    Ok(())
}
