//! Which address is answered by which function, and what happens around it.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, RawPathParams, Request, State};
use axum::http::header::{self, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderName, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, any, get, on, post};
use tower_service::Service;

use crate::call::Call;
use crate::context::{Context, Scope};
use crate::error::{Code, Fault};
use crate::guard::Guard;
use crate::stream::{Lent, blocking, body_of};
use crate::wire::Json;
use crate::{
    artifacts, experiments, history, inputs, logged_models, logging, own, pages, registry, runs, search,
    versions,
};

/// The version that clients are told: they send what this one understands.
pub const MLFLOW_VERSION: &str = "3.17.2";

/// The largest body of a request that is no file. A batch is a hundred kilobytes; the profile of a data set may have
/// 16 MB.
const LARGEST: usize = 64 << 20;

/// How an address is answered.
pub type Handler = fn(&Context, &Call) -> Result<Json, Fault>;

/// Before which the addresses below stand.
pub const PREFIXES: [&str; 5] = [
    "/api/2.0/mlflow",
    "/ajax-api/2.0/mlflow",
    "/api/2.0/preview/mlflow",
    "/api/3.0/mlflow",
    "/ajax-api/3.0/mlflow",
];

pub const ROUTES: &[(MethodFilter, &str, Handler)] = &[
    (MethodFilter::GET, "/server-info", server_info),
    (MethodFilter::POST, "/experiments/create", experiments::create),
    (MethodFilter::GET, "/experiments/get", experiments::get),
    (MethodFilter::GET, "/experiments/get-by-name", experiments::get_by_name),
    (MethodFilter::GET, "/experiments/search", experiments::search),
    (MethodFilter::POST, "/experiments/search", experiments::search),
    (MethodFilter::POST, "/experiments/update", experiments::update),
    (MethodFilter::POST, "/experiments/delete", experiments::delete),
    (MethodFilter::POST, "/experiments/restore", experiments::restore),
    (MethodFilter::POST, "/experiments/set-experiment-tag", experiments::set_tag),
    (MethodFilter::POST, "/experiments/delete-experiment-tag", experiments::delete_tag),
    (MethodFilter::POST, "/experiments/search-datasets", inputs::search_datasets),
    (MethodFilter::POST, "/runs/create", runs::create),
    (MethodFilter::GET, "/runs/get", runs::get),
    (MethodFilter::POST, "/runs/update", runs::update),
    (MethodFilter::POST, "/runs/delete", runs::delete),
    (MethodFilter::POST, "/runs/restore", runs::restore),
    (MethodFilter::POST, "/runs/set-tag", runs::set_tag),
    (MethodFilter::POST, "/runs/delete-tag", runs::delete_tag),
    (MethodFilter::POST, "/runs/log-metric", logging::log_metric),
    (MethodFilter::POST, "/runs/log-parameter", logging::log_parameter),
    (MethodFilter::POST, "/runs/log-batch", logging::log_batch),
    (MethodFilter::POST, "/runs/log-model", logging::log_model),
    (MethodFilter::POST, "/runs/log-inputs", inputs::log_inputs),
    (MethodFilter::POST, "/runs/outputs", inputs::log_outputs),
    (MethodFilter::POST, "/runs/search", search::search),
    (MethodFilter::GET, "/metrics/get-history", history::get),
    (MethodFilter::GET, "/metrics/get-history-bulk", history::bulk),
    (MethodFilter::GET, "/metrics/get-history-bulk-interval", history::interval),
    (MethodFilter::GET, "/artifacts/list", artifacts::list),
    (MethodFilter::POST, "/logged-models", logged_models::create),
    (MethodFilter::POST, "/logged-models/search", logged_models::search),
    (MethodFilter::GET, "/logged-models/{model_id}", logged_models::get),
    (MethodFilter::PATCH, "/logged-models/{model_id}", logged_models::finalize),
    (MethodFilter::DELETE, "/logged-models/{model_id}", logged_models::delete),
    (MethodFilter::PATCH, "/logged-models/{model_id}/tags", logged_models::set_tags),
    (MethodFilter::DELETE, "/logged-models/{model_id}/tags/{key}", logged_models::delete_tag),
    (MethodFilter::POST, "/logged-models/{model_id}/params", logged_models::log_params),
    (MethodFilter::GET, "/logged-models/{model_id}/artifacts/directories", logged_models::list),
    (MethodFilter::POST, "/registered-models/create", registry::create),
    (MethodFilter::POST, "/registered-models/rename", registry::rename),
    (MethodFilter::PATCH, "/registered-models/update", registry::update),
    (MethodFilter::DELETE, "/registered-models/delete", registry::delete),
    (MethodFilter::GET, "/registered-models/get", registry::get),
    (MethodFilter::GET, "/registered-models/search", registry::search),
    (MethodFilter::GET, "/registered-models/get-latest-versions", registry::latest_versions),
    (MethodFilter::POST, "/registered-models/get-latest-versions", registry::latest_versions),
    (MethodFilter::POST, "/registered-models/set-tag", registry::set_tag),
    (MethodFilter::DELETE, "/registered-models/delete-tag", registry::delete_tag),
    (MethodFilter::POST, "/registered-models/alias", registry::set_alias),
    (MethodFilter::DELETE, "/registered-models/alias", registry::delete_alias),
    (MethodFilter::GET, "/registered-models/alias", registry::get_by_alias),
    (MethodFilter::POST, "/model-versions/create", versions::create),
    (MethodFilter::GET, "/model-versions/get", versions::get),
    (MethodFilter::PATCH, "/model-versions/update", versions::update),
    (MethodFilter::DELETE, "/model-versions/delete", versions::delete),
    (MethodFilter::GET, "/model-versions/search", versions::search),
    (MethodFilter::GET, "/model-versions/get-download-uri", versions::download_uri),
    (MethodFilter::POST, "/model-versions/transition-stage", versions::transition),
    (MethodFilter::POST, "/model-versions/set-tag", versions::set_tag),
    (MethodFilter::DELETE, "/model-versions/delete-tag", versions::delete_tag),
];

/// Before which our own addresses stand, which MLflow has not.
pub const OWN_PREFIX: &str = "/api/pipe/1";

pub const OWN_ROUTES: &[(MethodFilter, &str, Handler)] =
    &[(MethodFilter::GET, "/runs/search", own::search), (MethodFilter::POST, "/runs/search", own::search)];

/// The stage whose script asks, if it is one.
#[derive(Clone, Default)]
struct Asking(Option<Arc<Scope>>);

/// What a server is made of.
#[derive(Clone)]
pub struct Site {
    guard: Arc<Guard>,
    context: Context,
    inside: Router,
}

/// Everything that is served, behind the guard.
pub fn site(context: Context, guard: Guard) -> Router {
    let inside = inside(context.clone());
    Router::new().fallback(answer).with_state(Site { guard: Arc::new(guard), context, inside })
}

/// Lets a request in, or does not, and hands it on.
async fn answer(State(site): State<Site>, mut request: Request) -> Response {
    let wants_page = wants_page(&request);
    let lent = Lent::new(std::mem::take(request.body_mut()));
    *request.body_mut() = Body::new(lent.clone());
    let mut response = match admit(&site, &mut request) {
        Ok(None) => match site.inside.clone().call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
        Ok(Some(response)) => response,
        Err(fault) => fault.into_response(),
    };
    if let Some(fault) = response.extensions_mut().remove::<Fault>().filter(|_| wants_page) {
        let (status, ask) = (response.status(), response.headers_mut().remove(header::WWW_AUTHENTICATE));
        response = pages::refusal(&fault);
        *response.status_mut() = status;
        response.headers_mut().extend(ask.map(|ask| (header::WWW_AUTHENTICATE, ask)));
    }
    if !lent.ends_soon().await {
        // The rest of the body would be taken for the next request.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    with_headers(response)
}

/// Whether a person looks at the answer: no client of the protocol takes HTML before anything else.
fn wants_page(request: &Request) -> bool {
    let path = request.uri().path();
    let is_of_protocol = ["/api/", "/ajax-api/", "/s/"].iter().any(|start| path.starts_with(start));
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    !is_of_protocol
        && matches!(*request.method(), Method::GET | Method::HEAD)
        && accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Checks who asks and where; an answer, where that is all there is to do.
fn admit(site: &Site, request: &mut Request) -> Result<Option<Response>, Fault> {
    site.guard.check_origin(request.method(), request.headers())?;
    let path = request.uri().path();
    let mut scope = Asking::default();
    if let Some(rest) = path.strip_prefix("/s/") {
        let (secret, inner) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let found = site.context.scopes.find(secret);
        let found = found.ok_or_else(|| {
            Fault::new(Code::EndpointNotFound, "This address is closed: its stage has ended")
        })?;
        scope = Asking(Some(found));
        *request.uri_mut() = without_prefix(request.uri(), inner)?;
    } else if !matches!(path, "/health" | "/version") {
        if let Some(shown) = shown_token(request.uri()) {
            let cookie = site.guard.admit(&shown);
            let cookie = cookie
                .ok_or_else(|| Fault::new(Code::Unauthenticated, "This is not the token of this server"))?;
            // Of this server: what begins with two slashes would name another one.
            let place =
                format!("/{}{}", path.trim_start_matches(['/', '\\']), query_without_token(request.uri()));
            let there = [(header::SET_COOKIE, cookie), (header::LOCATION, place)];
            return Ok(Some((StatusCode::SEE_OTHER, there).into_response()));
        }
        site.guard.check_token(request.headers())?;
    }
    request.extensions_mut().insert(scope);
    Ok(None)
}

/// The token in an address that a person follows.
fn shown_token(uri: &Uri) -> Option<String> {
    let pairs = form_urlencoded::parse(uri.query()?.as_bytes());
    let mut tokens = pairs.filter(|(name, _)| name == "token").map(|(_, token)| token.into_owned());
    tokens.next()
}

/// The rest of its query, with the question mark.
fn query_without_token(uri: &Uri) -> String {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let rest = pairs.filter(|(name, _)| name != "token");
    let rest = form_urlencoded::Serializer::new(String::new()).extend_pairs(rest).finish();
    if rest.is_empty() { rest } else { format!("?{rest}") }
}

fn without_prefix(uri: &Uri, path: &str) -> Result<Uri, Fault> {
    let path = if path.is_empty() { "/" } else { path };
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    text.parse().map_err(|_| Fault::new(Code::BadRequest, "The address is none"))
}

/// What browsers are told whatever the answer is: to guess no types, and to let nothing of ours into other pages.
fn with_headers(mut response: Response) -> Response {
    const PAGES: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; \
                         frame-ancestors 'none'; base-uri 'none'";
    const FILES: &str = "default-src 'none'; sandbox";
    let headers = response.headers_mut();
    let is_file = headers.contains_key(header::CONTENT_DISPOSITION);
    let policy = HeaderValue::from_static(if is_file { FILES } else { PAGES });
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    );
    response
}

fn inside(context: Context) -> Router {
    let mut router = Router::new()
        .route("/health", get(|| async { "OK" }))
        .route("/version", get(|| async { MLFLOW_VERSION }))
        .merge(pages::router());
    let routes_of = |prefixes: &'static [&str], routes: &'static [(MethodFilter, &str, Handler)]| {
        prefixes.iter().flat_map(move |prefix| routes.iter().map(move |route| (prefix, route)))
    };
    for (prefix, &(method, path, handler)) in
        routes_of(&PREFIXES, ROUTES).chain(routes_of(&[OWN_PREFIX], OWN_ROUTES))
    {
        let respond =
            move |context, scope, params, request| respond(handler, context, scope, params, request);
        router = router.route(&format!("{prefix}{path}"), on(method, respond));
    }
    for prefix in ["/api/2.0", "/ajax-api/2.0"] {
        let list = |context, scope, params, request| {
            respond(artifacts::list_proxied, context, scope, params, request)
        };
        let root = format!("{prefix}/mlflow-artifacts/artifacts");
        router = router
            .route(&root, get(list))
            .route(&format!("{root}/{{*path}}"), get(download).put(upload).delete(remove));
        for refused in ["mpu/{*path}", "presigned/{*path}"] {
            router = router.route(&format!("{prefix}/mlflow-artifacts/{refused}"), any(not_in_parts));
        }
    }
    router
        .route("/ajax-api/2.0/mlflow/upload-artifact", post(upload_by_page))
        .route("/get-artifact", get(download_by_run))
        .route("/ajax-api/2.0/mlflow/get-artifact", get(download_by_run))
        .route("/model-versions/get-artifact", get(download_by_version))
        .route("/ajax-api/2.0/mlflow/model-versions/get-artifact", get(download_by_version))
        .route("/ajax-api/2.0/mlflow/logged-models/{model_id}/artifacts/files", get(download_by_model))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .with_state(context)
}

/// MLflow has no code for it, so the status of its own server goes with the code for addresses that are not there.
async fn wrong_method(request: Request) -> Response {
    let mut response = nothing_here(request).await.into_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

/// Also what is said to requests of what MLflow has and `pipe` has not, so that a person who reads it in a client's
/// message knows why.
async fn nothing_here(request: Request) -> Fault {
    const ABSENT: [(&str, &str); 8] = [
        ("traces", "keeps no traces"),
        ("/graphql", "answers no GraphQL"),
        ("webhooks", "calls no webhooks"),
        ("gateway", "is no gateway to other services"),
        ("scorers", "keeps no scorers"),
        ("promptlab", "runs no prompts"),
        ("/mlflow/datasets", "keeps no evaluation data sets"),
        ("assessments", "keeps no assessments"),
    ];
    let path = request.uri().path();
    let absent = ABSENT.iter().find(|(part, _)| path.contains(part));
    let why = absent.map(|(_, why)| format!(": pipe {why}")).unwrap_or_default();
    Fault::new(Code::EndpointNotFound, format!("There is nothing at {} {path}{why}", request.method()))
}

/// Clients that are told so in these words send a file whole.
async fn not_in_parts() -> Fault {
    Fault::new(Code::NotImplemented, "Multipart upload is not supported for the current artifact repository")
}

/// Reads a request, lets its handler answer on a thread that may block, and writes the answer.
async fn respond(
    handler: Handler,
    State(context): State<Context>,
    Extension(Asking(scope)): Extension<Asking>,
    params: RawPathParams,
    request: Request,
) -> Result<Json, Fault> {
    let path = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let sent = read(request).await?;
    // Parsed there too: what one thread allocates and another frees stays allocated for longer.
    blocking(move || {
        let call = match &sent {
            Sent::Query(query) => Call::from_query(query),
            Sent::Body(body) => Call::from_body(body),
        };
        drop(sent);
        let call = Call { path, scope, ..call };
        if let Some(scope) = &call.scope {
            scope.enter();
        }
        handler(&context, &call)
    })
    .await
}

/// The fields of a request, as they came.
enum Sent {
    Query(String),
    Body(Bytes),
}

async fn read(request: Request) -> Result<Sent, Fault> {
    let query = request.uri().query().unwrap_or_default();
    // Deleting names its thing either way.
    let is_by_query = matches!(*request.method(), Method::GET | Method::DELETE) && !query.is_empty();
    if is_by_query {
        return Ok(Sent::Query(query.to_owned()));
    }
    if matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH) {
        check_type(request.headers().get(CONTENT_TYPE))?;
    }
    let body = axum::body::to_bytes(request.into_body(), LARGEST).await.map_err(|fault| {
        Fault::new(
            Code::BadRequest,
            format!("The request could not be read, or is longer than {LARGEST} bytes: {fault}"),
        )
    })?;
    Ok(Sent::Body(body))
}

/// A page of another site can send plain texts and forms, but no JSON, without asking first.
fn check_type(sent: Option<&HeaderValue>) -> Result<(), Fault> {
    let Some(sent) = sent else {
        return Err(Fault::invalid("Bad Request. Content-Type header is missing."));
    };
    let kind = sent.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if kind == "application/json" {
        return Ok(());
    }
    Err(Fault::invalid("Bad Request. Content-Type must be one of ['application/json']."))
}

async fn download(State(context): State<Context>, request: Request) -> Result<Response, Fault> {
    artifacts::get(context, artifact_path(request.uri()), request.headers().clone()).await
}

async fn upload(State(context): State<Context>, request: Request) -> Result<Response, Fault> {
    let path = artifact_path(request.uri());
    artifacts::put(context, path, request.into_body()).await
}

async fn remove(State(context): State<Context>, request: Request) -> Result<Json, Fault> {
    let path = artifact_path(request.uri());
    blocking(move || artifacts::delete(&context, &path)).await
}

async fn upload_by_page(State(context): State<Context>, request: Request) -> Result<Response, Fault> {
    artifacts::upload(context, request).await
}

async fn download_by_run(State(context): State<Context>, request: Request) -> Result<Response, Fault> {
    artifacts::get_by_run(context, request).await
}

async fn download_by_version(State(context): State<Context>, request: Request) -> Result<Response, Fault> {
    artifacts::get_by_version(context, request).await
}

async fn download_by_model(
    State(context): State<Context>,
    Path(model): Path<String>,
    request: Request,
) -> Result<Response, Fault> {
    artifacts::get_by_model(context, model, request).await
}

/// What an address of the proxy names, as it was sent: its own check decodes it.
fn artifact_path(uri: &Uri) -> String {
    let path = uri.path();
    path.split_once("/mlflow-artifacts/artifacts/").map_or("", |(_, path)| path).to_owned()
}

fn server_info(_: &Context, _: &Call) -> Result<Json, Fault> {
    Ok(Json::of(&serde_json::json!({
        "store_type": "SqlStore",
        "workspaces_enabled": false,
        "trace_archival_enabled": false,
        "multipart_uploads_enabled": false,
        "multipart_downloads_enabled": false,
        "presigned_upload_run_id_supported": false,
        "presigned_upload_model_id_supported": false,
        "features_enabled": {"gateway": false},
    })))
}

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        let body = match self {
            Json::Whole(bytes) => Body::from(bytes),
            Json::Long(pieces) => body_of(pieces, None),
        };
        ([(CONTENT_TYPE, "application/json")], body).into_response()
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response =
            (self.code.status(), [(CONTENT_TYPE, "application/json")], self.body()).into_response();
        if self.code == Code::Unauthenticated {
            let ask = HeaderValue::from_static("Basic realm=\"pipe\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
        }
        // For a browser, which is shown a page.
        response.extensions_mut().insert(self);
        response
    }
}
