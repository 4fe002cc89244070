//! Carries out a pipeline: decides, restores, runs in parallel, writes down.
//!
//! Knows stages, files and processes. That runs are tracked, or how things look on a terminal, it does not
//! know: it asks its [`Host`] and tells its [`Observer`].

mod aside;
mod aside_files;
mod assess;
mod attempt;
mod bring;
mod budget;
mod claim;
mod commit;
mod cut_off;
mod drive;
mod durations;
mod event;
mod guard;
mod halt;
mod job;
mod ledger;
mod neighbour;
mod outs;
mod params;
mod run_cache;
mod runner;
mod schedule;
mod special;
mod start;
mod unix_text;
mod url;

pub use aside::{AtWork, Running, at_work, running};
pub use assess::{Assessment, Conditions, Decision, World, assess, survey};
pub use budget::Limits;
pub use claim::{Claim, Claims, InTheWay, Wish};
pub use commit::{Committable, commit, committable};
pub use cut_off::{Below, MadeSince, Recall, record_mark};
pub use drive::{Confirm, Crew, OnFailure, Options, Summary, drive, leaves_data_out};
pub use event::{Event, Observer};
pub use halt::HALTED;
pub use job::{Failure, Host, Job, JobEnv, OutStates, Outcome, Source, Supplier, signal_name};
pub use ledger::{Ledger, LedgerError};
pub use neighbour::Neighbour;
pub use outs::{put_back, save_own, with_choice};
pub use params::{ParamReader, Unreadable};
pub use run_cache::maker_in_run_cache;
pub use runner::{Deadline, Exit, LocalRunner, RunError, Runner, Spawn, Stream};
pub use schedule::{Schedule, StageState};
pub use special::changed_special;
pub use url::{ask as ask_url, download as download_url};
