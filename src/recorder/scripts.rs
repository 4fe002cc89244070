//! MLflow's protocol for the scripts of stages: what they log becomes runs below the stage's run, with no change to
//! them.
//!
//! There is one server to a reproduction, and an address of its own for each stage that runs, `/s/SECRET`, which is
//! closed when the stage has ended. Whoever set a tracking URI himself is not overruled, but told.

use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use base::Timestamp;
use indexmap::IndexMap;
use pipeline::Stage;
use server::{Context, Scope, Scopes, Server, Token};
use track::{Change, Lifecycle, Run, RunId, RunStatus, SETTLED_TAG};

use super::elsewhere::Setting;
use super::standby::StandbyStore;
use super::{Recorder, elsewhere, tag, tags};
use crate::environment;
use crate::settings::Inject;

/// Where MLflow's clients log to.
pub(super) const TRACKING_URI: &str = "MLFLOW_TRACKING_URI";
/// The experiment of runs for which the script names none.
const EXPERIMENT_NAME: &str = "MLFLOW_EXPERIMENT_NAME";

/// What would send a client elsewhere, or into a run or an experiment that the stage's server does not know.
const CLEARED: [&str; 9] = [
    "MLFLOW_RUN_ID",
    "MLFLOW_EXPERIMENT_ID",
    EXPERIMENT_NAME,
    "MLFLOW_REGISTRY_URI",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_AUTH",
    "MLFLOW_WORKSPACE",
];

/// What holds unless the user says otherwise. A client would try for four minutes to reach a server that is gone; the
/// addresses that it prints are closed by the time that somebody reads the log.
const UNLESS_SET: [(&str, &str); 3] = [
    ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"),
    ("MLFLOW_HTTP_REQUEST_TIMEOUT", "20"),
    ("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true"),
];

/// The server of a reproduction and the addresses that are open.
#[derive(Default)]
pub struct Scripts {
    /// Started for the first stage that runs; `None` when that failed.
    serving: OnceLock<Option<Serving>>,
    /// By the name of the stage.
    doors: Mutex<IndexMap<String, Door>>,
    /// Whether people know that their environment says where scripts log.
    has_told: AtomicBool,
}

/// A server, the addresses that it opens, and the store behind them.
struct Serving {
    server: Server,
    scopes: Scopes,
    store: Arc<StandbyStore>,
}

/// The address of one stage.
#[derive(Debug)]
struct Door {
    secret: Token,
    scope: Arc<Scope>,
    /// Whether people know that the command sends elsewhere what it logs.
    is_told: bool,
}

/// What a script's environment gains and loses.
#[derive(Debug, Default, PartialEq)]
pub struct Surroundings {
    pub set: Vec<(OsString, OsString)>,
    pub cleared: Vec<OsString>,
}

impl Recorder<'_> {
    /// Opens an address for a stage that is about to run, recorded by `run`.
    pub(super) fn open_door(&self, stage: &Stage, run: RunId) -> Option<Surroundings> {
        let inject = self.project.settings.inject();
        if inject == Inject::Never {
            return None;
        }
        let theirs = environment::inherited(TRACKING_URI).filter(|uri| !is_ours(&uri.to_string_lossy()));
        if let Some(uri) = theirs.filter(|_| inject == Inject::Auto) {
            let shown = without_secrets(&uri.to_string_lossy());
            if !self.scripts.has_told.swap(true, Ordering::SeqCst) {
                self.printer.say(format_args!(
                    "Note: {TRACKING_URI} is set to {shown}: scripts log there, not to the runs of this project (`pipe \
                     config tracking.inject always` changes that)."
                ));
            }
            return None;
        }
        let is_told = self.tell_of_command(stage);
        let Serving { server, scopes, store } = self.serving()?;
        store.expect(run);
        let flush = self.writer().flusher();
        let mut marks = self.common_tags("script");
        marks.push(tag(tags::STAGE, &stage.address.spelled()));
        let scope = Arc::new(Scope::new(run, marks, flush));
        let secret = scopes.open(scope.clone());
        let uri = format!("http://{}/s/{}", server.address(), secret.as_str());
        self.scripts.doors().insert(stage.address.spelled(), Door { secret, scope, is_told });
        let is_declared = |name: &str| stage.env.iter().any(|variable| variable.name == name);
        Some(surroundings(&uri, stage.tracking.experiment.as_deref(), is_declared, environment::inherited))
    }

    /// Closes a stage's address, and ends what its scripts left running as the stage ended. Returns what there is to tell
    /// of the stage's own run.
    pub(super) fn close_door(&self, stage: &Stage, run: RunId, status: RunStatus) -> Vec<Change> {
        let Some(door) = self.scripts.doors().shift_remove(&stage.address.spelled()) else {
            return Vec::new();
        };
        let Some(Some(Serving { scopes, store, .. })) = self.scripts.serving.get() else { return Vec::new() };
        scopes.close(&door.secret);
        store.settle();
        if !door.is_told && !door.scope.was_entered() {
            self.tell_of_scripts_elsewhere(stage);
        }
        let started = door.scope.started();
        if started.is_empty() {
            return Vec::new();
        }
        let mut runs: Vec<Run> = started.into_iter().filter_map(|id| store.known_run(id)).collect();
        let end_time = Some(Timestamp::now());
        let mut changes = Vec::new();
        for Run { info, .. } in runs.iter().filter(|run| !run.info.status.has_ended()) {
            let why = tag(SETTLED_TAG, "its stage ended without ending it");
            changes.push(Change::SetTags { run: info.id, tags: vec![why] });
            changes.push(Change::UpdateRun { run: info.id, status: Some(status), end_time, name: None });
        }
        runs.retain(|run| run.info.lifecycle == Lifecycle::Active);
        let mut told = Vec::new();
        if let Some([of_script, of_stage]) = track::ties(run, &runs) {
            changes.push(of_script);
            told.push(of_stage);
        }
        // Apart from what is told of the stage: a run that somebody deletes just now must not keep that from the store.
        self.apply(changes);
        told
    }

    /// The server, which is made of what the system has to give at once (an address), and of the rest when somebody
    /// connects.
    fn serving(&self) -> Option<&Serving> {
        let started = self.scripts.serving.get_or_init(|| {
            let (spool, teller) = (self.project.spool_folder(), self.teller.clone());
            let real = self.store().cloned();
            let store = StandbyStore::new(real, spool, teller.clone(), self.writer().catcher());
            if self.recording().is_behind {
                store.fall_behind();
            }
            let store = Arc::new(store);
            let blobs = self.project.blobs();
            let scopes = Scopes::default();
            let (served, behind) = (scopes.clone(), store.clone());
            let context = move || {
                behind.look_around();
                let lose: server::Lose = Arc::new(move |thing, why| teller.lose_thing(thing, why));
                Some(Context { scopes: served, lose: Some(lose), ..Context::new(behind, blobs) })
            };
            match Server::on_demand(context) {
                Ok(server) => Some(Serving { server, scopes, store }),
                Err(fault) => {
                    let cause = std::error::Error::source(&fault);
                    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
                    self.printer.warn(format_args!(
                        "what scripts log by MLflow is not tracked in this reproduction: {fault}{cause}"
                    ));
                    None
                }
            }
        });
        started.as_ref()
    }

    /// Has what waits in memory recorded, where there is room by now.
    pub(super) fn settle_scripts(&self) {
        if let Some(Some(serving)) = self.scripts.serving.get() {
            serving.store.settle();
        }
    }

    /// Has what scripts logged recorded as far as it can be, or waits for the next command.
    pub(super) fn end_of_scripts(&self) {
        if let Some(Some(serving)) = self.scripts.serving.get() {
            serving.store.end();
        }
    }

    /// Says of a stage at whose address nobody knocked that its scripts log elsewhere, where they say so.
    fn tell_of_scripts_elsewhere(&self, stage: &Stage) {
        if let Some(place) = elsewhere::place_in_scripts(stage, &self.project.root) {
            self.printer.say(format_args!(
                "Note: stage {} logged nothing here, and {place} sets a tracking URI of its own: what is logged there is \
                 not among the runs of this project. Without that line, or with {TRACKING_URI} of the environment as the \
                 URI, it is.",
                stage.address
            ));
        }
    }

    /// Says that a stage's command itself decides where its scripts log, or means to. Whether it does.
    fn tell_of_command(&self, stage: &Stage) -> bool {
        let setting = elsewhere::setting_in(&self.project.dialect.scripts(&stage.command));
        match setting {
            Setting::None => {}
            Setting::Counts => self.printer.say(format_args!(
                "Note: the command of stage {} sets {TRACKING_URI}: that counts, and what is logged elsewhere is not among \
                 the runs of this project.",
                stage.address
            )),
            Setting::InVain => self.printer.say(format_args!(
                "Note: stage {} sets {TRACKING_URI} in a part of its command that runs nothing then: each part has a shell of \
                 its own, so that does not count.",
                stage.address
            )),
        }
        setting == Setting::Counts
    }
}

impl Scripts {
    fn doors(&self) -> MutexGuard<'_, IndexMap<String, Door>> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a stage's scripts find, in an environment that `inherited` tells of. What the stage declares as its input is left
/// as it is.
fn surroundings(
    uri: &str,
    experiment: Option<&str>,
    is_declared: impl Fn(&str) -> bool,
    inherited: impl Fn(&str) -> Option<OsString>,
) -> Surroundings {
    let mut set: Vec<(OsString, OsString)> = vec![(TRACKING_URI.into(), uri.into())];
    let missing = UNLESS_SET.into_iter().filter(|(name, _)| inherited(name).is_none());
    set.extend(missing.map(|(name, value)| (name.into(), value.into())));
    let cleared: Vec<&str> =
        CLEARED.into_iter().filter(|name| inherited(name).is_some() && !is_declared(name)).collect();
    if let Some(experiment) = experiment.filter(|_| !is_declared(EXPERIMENT_NAME)) {
        set.push((EXPERIMENT_NAME.into(), experiment.into()));
    }
    for (name, other) in [("NO_PROXY", "no_proxy"), ("no_proxy", "NO_PROXY")] {
        let mut value = inherited(name).or_else(|| inherited(other)).unwrap_or_default();
        value.push(if value.is_empty() { "127.0.0.1" } else { ",127.0.0.1" });
        set.push((name.into(), value));
    }
    Surroundings { set, cleared: cleared.into_iter().map(OsString::from).collect() }
}

/// Whether an address is one that a reproduction around this one gave its stage.
fn is_ours(uri: &str) -> bool {
    let Some((port, secret)) = uri.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.split_once("/s/"))
    else {
        return false;
    };
    port.parse::<u16>().is_ok() && secret.len() == 32 && secret.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An address as it may be shown: without the password, and without what its query and its fragment say.
fn without_secrets(uri: &str) -> String {
    let (place, said) = uri.split_at(uri.find(['?', '#']).unwrap_or(uri.len()));
    let place = match place.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            match rest[..end].rfind('@') {
                Some(at) => format!("{scheme}://…{}", &rest[at..]),
                // Perhaps the sign is one of a password.
                None if end == rest.len() && said.contains('@') => format!("{scheme}://…"),
                None => place.to_owned(),
            }
        }
        None => place.to_owned(),
    };
    let (query, fragment) = said.split_at(said.find('#').unwrap_or(said.len()));
    let hidden = |part: &str| match part.split_once('=') {
        Some((key, _)) => format!("{key}=…"),
        None if part.is_empty() => String::new(),
        None => "…".to_owned(),
    };
    let query = query.strip_prefix('?').map(|query| {
        let parts: Vec<String> = query.split('&').map(hidden).collect();
        format!("?{}", parts.join("&"))
    });
    format!("{place}{}{}", query.unwrap_or_default(), if fragment.is_empty() { "" } else { "#…" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(surroundings: &Surroundings) -> (Vec<String>, Vec<&str>) {
        let pair = |(name, value): &(OsString, OsString)| format!("{}={}", name.display(), value.display());
        let cleared = surroundings.cleared.iter().filter_map(|name| name.to_str());
        (surroundings.set.iter().map(pair).collect(), cleared.collect())
    }

    #[test]
    fn an_empty_environment_gains_what_clients_need() {
        let found = surroundings("URI", None, |_| false, |_| None);
        let expected = [
            "MLFLOW_TRACKING_URI=URI",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES=2",
            "MLFLOW_HTTP_REQUEST_TIMEOUT=20",
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT=true",
            "NO_PROXY=127.0.0.1",
            "no_proxy=127.0.0.1",
        ];
        assert_eq!(texts(&found), (expected.map(str::to_owned).to_vec(), vec![]));
    }

    #[test]
    fn what_would_lead_elsewhere_goes_and_the_users_own_choices_stay() {
        let inherited = |name: &str| {
            let value = match name {
                "MLFLOW_RUN_ID" | "MLFLOW_EXPERIMENT_NAME" | "MLFLOW_TRACKING_TOKEN" => "x",
                "MLFLOW_HTTP_REQUEST_TIMEOUT" => "5",
                "NO_PROXY" => "internal",
                _ => return None,
            };
            Some(OsString::from(value))
        };
        let found = surroundings("URI", Some("churn"), |name| name == "MLFLOW_RUN_ID", inherited);
        let (set, cleared) = texts(&found);
        assert_eq!(cleared, ["MLFLOW_EXPERIMENT_NAME", "MLFLOW_TRACKING_TOKEN"], "one is an input");
        assert!(set.contains(&"MLFLOW_EXPERIMENT_NAME=churn".to_owned()), "{set:?}");
        assert!(set.contains(&"no_proxy=internal,127.0.0.1".to_owned()), "{set:?}");
        assert!(!set.iter().any(|text| text.starts_with("MLFLOW_HTTP_REQUEST_TIMEOUT")), "{set:?}");
        let declared = surroundings("URI", Some("churn"), |_| true, inherited);
        assert!(!texts(&declared).0.iter().any(|text| text.contains("churn")));
    }

    #[test]
    fn addresses() {
        let secret = "0123456789abcdef0123456789abcdef";
        assert!(is_ours(&format!("http://127.0.0.1:4000/s/{secret}")));
        for other in [
            "http://127.0.0.1:4000",
            "http://127.0.0.1:4000/s/abc",
            &format!("http://example.org:80/s/{secret}"),
            &format!("http://127.0.0.1:x/s/{secret}"),
            "sqlite:///mlflow.db",
        ] {
            assert!(!is_ours(other), "{other}");
        }
        for (uri, shown) in [
            ("https://me:secret@host/x@y", "https://…@host/x@y"),
            ("https://host/x@y", "https://host/x@y"),
            ("databricks", "databricks"),
            ("https://host/x?token=secret", "https://host/x?token=…"),
            ("https://me:secret@host?a=1&token=b=c@d&secret#secret", "https://…@host?a=…&token=…&…#…"),
            ("https://me:sec?ret=@host/x", "https://…?ret=…"),
            ("https://me:sec#ret@host/x", "https://…#…"),
            ("sqlite:///x.db?", "sqlite:///x.db?"),
        ] {
            assert_eq!(without_secrets(uri), shown);
        }
    }
}
