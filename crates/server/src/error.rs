//! What a client is told that did not get what it asked for: MLflow's codes, statuses and messages.

use std::io;

use axum::http::StatusCode;
use serde::Serialize;
use track::{ErrorKind, StoreError};

/// A refusal in MLflow's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which kind.
    pub code: Code,
    /// What a person reads.
    pub message: String,
}

/// MLflow's error codes, as far as they are answered here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// Something in the request is wrong.
    InvalidParameterValue,
    /// The name is taken.
    ResourceAlreadyExists,
    /// The request is none.
    BadRequest,
    /// It is not said who asks.
    Unauthenticated,
    /// Whoever asks may not.
    PermissionDenied,
    /// There is no such thing.
    ResourceDoesNotExist,
    /// There is no such address.
    EndpointNotFound,
    /// MLflow has it, and we do not.
    NotImplemented,
    /// The store is locked by others, or somebody took it away: to be tried again.
    TemporarilyUnavailable,
    /// Our fault, or the disk's.
    InternalError,
}

impl Code {
    /// The HTTP status that goes with it.
    pub fn status(self) -> StatusCode {
        match self {
            Code::InvalidParameterValue | Code::ResourceAlreadyExists | Code::BadRequest => {
                StatusCode::BAD_REQUEST
            }
            Code::Unauthenticated => StatusCode::UNAUTHORIZED,
            Code::PermissionDenied => StatusCode::FORBIDDEN,
            Code::ResourceDoesNotExist | Code::EndpointNotFound => StatusCode::NOT_FOUND,
            Code::NotImplemented => StatusCode::NOT_IMPLEMENTED,
            Code::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl Fault {
    /// A fault of this kind.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Fault { code, message: message.into() }
    }

    /// Something in the request is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Fault::new(Code::InvalidParameterValue, message)
    }

    /// There is no such thing.
    pub fn missing(message: impl Into<String>) -> Self {
        Fault::new(Code::ResourceDoesNotExist, message)
    }

    /// There is no run of this id, which need not be one of ours.
    pub fn no_run(id: impl std::fmt::Display) -> Self {
        Fault::missing(format!("Run with id={id} not found"))
    }

    /// Whether it is ours or the disk's, and none of who asked.
    pub fn is_ours(&self) -> bool {
        matches!(self.code, Code::InternalError | Code::TemporarilyUnavailable | Code::PermissionDenied)
    }

    /// Our fault, or the disk's.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            message.push_str(": ");
            message.push_str(&next.to_string());
            cause = next.source();
        }
        Fault::new(Code::InternalError, message)
    }

    /// The same fault of ours with what was being done.
    #[must_use]
    pub fn while_doing(self, what: impl std::fmt::Display) -> Self {
        Fault { message: format!("failed to {what}: {}", self.message), ..self }
    }

    /// Tells what helps, where something does.
    fn with_way_out(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        if has_no_room(error) {
            self.message.push_str("; free some space and send it again");
        }
        self
    }

    /// The body of the answer.
    pub fn body(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            error_code: Code,
            message: &'a str,
        }
        let body = Body { error_code: self.code, message: &self.message };
        serde_json::to_vec(&body).expect("plain texts")
    }
}

/// What the store refuses, in MLflow's words. What only one kind of request can run into is told where that kind is
/// answered.
impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::UnknownRun(id) => Fault::no_run(id),
            StoreError::Deleted { run } => not_active("run", run),
            StoreError::UnknownExperiment(id) => Fault::missing(format!("No Experiment with id={id} exists")),
            StoreError::ExperimentExists(name) => {
                Fault::new(Code::ResourceAlreadyExists, format!("Experiment(name={name}) already exists."))
            }
            StoreError::ParamChanged { run, key, old, new } => Fault::invalid(format!(
                "Changing param values is not allowed. Param with key='{key}' was already logged with \
                 value='{old}' for run ID='{run}'. Attempted logging new value '{new}'."
            )),
            StoreError::ExperimentDeleted(id) => not_active("experiment", id),
            StoreError::ModelParamChanged { model, key, old, new } => Fault::invalid(format!(
                "Changing param values is not allowed. Param with key='{key}' was already logged with \
                 value='{old}' for model ID='{model}'. Attempted logging new value '{new}'."
            )),
            // No 5xx: a client would try again for minutes.
            StoreError::ReadOnly { .. } => Fault::new(Code::PermissionDenied, error.to_string()),
            StoreError::Busy { .. } | StoreError::Gone { .. } => {
                Fault::new(Code::TemporarilyUnavailable, error.to_string())
            }
            _ => match error.kind() {
                ErrorKind::NotFound => Fault::missing(error.to_string()),
                ErrorKind::Exists => Fault::new(Code::ResourceAlreadyExists, error.to_string()),
                ErrorKind::Invalid | ErrorKind::State => Fault::invalid(error.to_string()),
                ErrorKind::Failed => Fault::internal(&error).with_way_out(&error),
            },
        }
    }
}

impl From<cache::CacheError> for Fault {
    fn from(error: cache::CacheError) -> Self {
        let fault = Fault::internal(&error);
        match may_not_write(&error) {
            true => Fault::new(Code::PermissionDenied, fault.message),
            false => fault.with_way_out(&error),
        }
    }
}

/// Whether the system lets nobody write there, which trying again does not change.
fn may_not_write(error: &(dyn std::error::Error + 'static)) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    is_caused_by(error, |fault| matches!(fault.kind(), PermissionDenied | ReadOnlyFilesystem))
}

/// Whether the system has no room for it, or no more for this user.
fn has_no_room(error: &(dyn std::error::Error + 'static)) -> bool {
    let is_full = matches!(error.downcast_ref(), Some(StoreError::Full { .. }));
    is_full
        || is_caused_by(error, |fault| {
            matches!(fault.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        })
}

fn is_caused_by(error: &(dyn std::error::Error + 'static), is_it: fn(&io::Error) -> bool) -> bool {
    let mut causes = std::iter::successors(Some(error), |cause| cause.source());
    causes.any(|cause| cause.downcast_ref::<io::Error>().is_some_and(is_it))
}

/// A deleted run or experiment takes no writes.
pub fn not_active(noun: &str, id: impl std::fmt::Display) -> Fault {
    Fault::invalid(format!("The {noun} {id} must be in the 'active' state. Current state is deleted."))
}
