//! Runs and registered models of the project of DVC: they name contents by DVC's digests, and stay with its cache.

use track::{ModelSearch, ModelStore as _, RunStore as _, Search};

use super::undo::SCRIPT;
use crate::dvc_config::KEPT;
use crate::error::CliResult;
use crate::project::{DVC_FOLDER, Project};

/// What stays behind, and how to look at it; `None` where there is nothing.
pub fn left_behind(old: &Project) -> Option<String> {
    let what = match counts(old) {
        Ok(None | Some((0, 0))) => return None,
        Ok(Some((runs, 0))) => report::count_text(runs, "run"),
        Ok(Some((runs, models))) => format!(
            "{} and {}",
            report::count_text(runs, "run"),
            report::count_text(models, "registered model")
        ),
        // They stay all the same, and nothing else hangs on them.
        Err(_) => "the runs, which cannot be read now".to_owned(),
    };
    Some(format!(
        "{what}, which stay in {KEPT}/{DVC_FOLDER}: in the folder {KEPT}, `pipe runs list`, `pipe models list` and `pipe ui` show \
         them; `sh {KEPT}/{SCRIPT}` brings them back into the project"
    ))
}

fn counts(old: &Project) -> CliResult<Option<(usize, usize)>> {
    let Some(store) = old.existing_store()? else { return Ok(None) };
    let runs = store.select(&Search { joined: true, ..Search::default() })?.len();
    Ok(Some((runs, store.search_registered_models(&ModelSearch::default())?.len())))
}
