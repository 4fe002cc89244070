//! Of what was imported: which repositories, and which sources that data follows, have other data now. They are asked, and
//! nothing is brought.

use std::collections::BTreeMap;

use pipeline::{Import, Pipeline, StageId};
use serde_json::{Value as Json, json};

use crate::error::CliResult;
use crate::import::{self, Depot, Update};
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::ui::Printer;

/// What is new where data came from.
#[derive(Debug, Default)]
pub struct Updates {
    /// By imported data, where it came from and what is new there.
    new: BTreeMap<StageId, (Import, Update)>,
    /// Whether a source could not be asked.
    pub unasked: bool,
}

/// Asks the repositories and sources of the imports among `wanted`. One that cannot be asked is told, and makes nothing stale.
///
/// # Errors
/// When a pointer cannot be read.
pub fn find(
    project: &Project,
    pipeline: &Pipeline,
    wanted: &[StageId],
    printer: Printer,
) -> CliResult<Updates> {
    let mut updates = Updates::default();
    let interrupt = Interrupt::default();
    let depot = Depot::of(project, None, &interrupt, printer);
    for id in wanted {
        let stage = pipeline.stage(*id);
        let Some(import) = import::of_stage(project, stage)? else { continue };
        match import::update_of(&depot, project, stage, &import) {
            Ok(Some(update)) => drop(updates.new.insert(*id, (import, update))),
            Ok(None) => {}
            Err(fault) => {
                updates.unasked = true;
                let reason = fault.source.map(|source| format!("{source:#}")).unwrap_or_default();
                printer.warn(format_args!(
                    "it is not known whether {} has other data now: {reason}; `--no-updates` does not ask",
                    import.shown()
                ));
            }
        }
    }
    Ok(updates)
}

impl Updates {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty()
    }

    /// Where the data of a pointer came from, if there is something new now.
    pub fn of(&self, id: StageId) -> Option<&(Import, Update)> {
        self.new.get(&id)
    }

    /// What machines are told of a stage, with the update.
    pub fn told(&self, id: StageId, mut stage: Json) -> Json {
        let Some((source, _)) = self.of(id) else { return stage };
        if stage["state"] == "fresh" {
            stage["state"] = "stale".into();
        }
        if let Some(reasons) = stage["reasons"].as_array_mut() {
            reasons.push(
                json!({ "kind": "update_available", "source": source.shown(), "old": null, "new": null }),
            );
        }
        stage
    }
}
