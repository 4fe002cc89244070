//! Whether everything is up to date, asked in the fastest way: by recalling that it was, when nothing changed since.

use base::ProjectPath;
use cache::{Counted, Memo, Workspace};
use exec::Ledger;
use pipeline::{Pipeline, StageId};

use crate::import;
use crate::project::{Origin, Project};

/// How many stages there are in `wanted`, and how many pointers.
pub fn counted(pipeline: &Pipeline, wanted: &[StageId]) -> Counted {
    let pointers = wanted.iter().filter(|id| pipeline.stage(**id).is_source()).count();
    Counted { stages: (wanted.len() - pointers) as u64, pointers: pointers as u64 }
}

/// `3 stages, 6 pointers`.
pub fn counted_text(Counted { stages, pointers }: Counted) -> String {
    let text = |count: u64, what| report::count_text(usize::try_from(count).unwrap_or(usize::MAX), what);
    match (stages, pointers) {
        (_, 0) => text(stages, "stage"),
        (0, _) => text(pointers, "pointer"),
        _ => format!("{}, {}", text(stages, "stage"), text(pointers, "pointer")),
    }
}

/// One way to ask, whose answer can be remembered.
#[derive(Debug)]
pub struct Question<'a> {
    project: &'a Project,
    text: String,
}

impl<'a> Question<'a> {
    /// The question whether the stages of `select` (everything that tells which they are) are up to date.
    pub fn new(project: &'a Project, select: &str) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let text = format!("{version}\n{:?}\n{}\n{select}", Project::builtins(), project.base);
        Question { project, text }
    }

    fn memo(&self) -> Memo {
        Memo::new(&self.project.root, &self.project.pipe_path("tmp").join("up-to-date"))
    }

    /// What it is about, when all of it was up to date and nothing changed since.
    pub fn recall(&self) -> Option<Counted> {
        // Deleting the state asks for everything to be hashed again.
        let may_recall = self.project.dialect.bytes_in_place_are_enough();
        if !may_recall || !self.project.pipe_path("state").exists() || self.project.is_in_motion() {
            return None;
        }
        self.memo().recall(&self.text)
    }

    /// Remembers that the stages `wanted` are up to date, as `workspace` has witnessed. What cannot be remembered
    /// safely is not: it only costs the next process its time.
    pub fn remember(
        &self,
        pipeline: &Pipeline,
        origin: &Origin,
        ledger: &Ledger,
        workspace: &Workspace,
        wanted: &[StageId],
    ) {
        let witness = workspace.end_witness();
        let stages = || wanted.iter().map(|id| pipeline.stage(*id));
        let witnessed: std::collections::HashSet<&ProjectPath> =
            witness.iter().map(|(path, _)| path).collect();
        let is_witnessed = |path: &ProjectPath| witnessed.contains(path);
        let covered = stages().all(|stage| {
            // A verdict about anything but paths of the project is made anew.
            stage.env.is_empty()
                && stage.special.is_empty()
                && stage.special_outs.is_empty()
                && stage.params.iter().all(|param| param.file.inside().is_some())
                && (stage.frozen || stage.deps.iter().all(is_witnessed))
                && stage.outs.iter().all(|out| out.glob.is_none() && is_witnessed(&out.path))
        });
        let is_asked = import::is_asked_about(self.project, pipeline).unwrap_or(true);
        if !covered || is_asked || ledger.has_unwritten() || !self.project.pipe_path("state").exists() {
            return;
        }
        let (mut present, mut absent) = (origin.present.clone(), origin.absent.clone());
        let params = stages().flat_map(|stage| &stage.params).filter_map(|reference| reference.file.inside());
        let locks = pipeline.files.iter().map(pipeline::lock_beside);
        let journal = ProjectPath::from_relative(std::path::Path::new(".pipe/journal")).ok();
        for path in params.cloned().chain(locks).chain(journal) {
            let is_there = path.to_path(&self.project.root).exists();
            if is_there { &mut present } else { &mut absent }.push(path);
        }
        let counted = counted(pipeline, wanted);
        let _ = self.memo().remember(&self.text, counted, origin.start, (&present, &absent), witness);
    }
}
