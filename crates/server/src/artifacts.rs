//! The artifacts of runs and logged models: `artifacts/list`, and the proxy through which clients put and get files.
//!
//! An address names an entry of the store and never a file of ours: the bytes are found by the digest that the store
//! has for it.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, RANGE,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use track::{
    Artifact, ArtifactOwner, Change, LoggedModelChange, RegistryChange, StoreError, VersionRef,
    check_artifact_path,
};

use crate::call::Call;
use crate::context::Context;
use crate::error::{Code, Fault};
use crate::listing::{Entry, content_type, names, safe_path};
use crate::logged_models;
use crate::runs::find;
use crate::stream::{blocking, file_body, read_to_end, receive};
use crate::wire::{Json, Page};

/// What MLflow's UI may upload at once.
const MOST_BY_PAGE: u64 = 10 << 20;

/// Characters that a file name in a header may have.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// A file or folder among the artifacts of a run or a logged model.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// The location of its experiment in the proxy: the experiment's number, or what its maker chose.
    location: String,
    owner: ArtifactOwner,
    path: String,
}

impl Place {
    /// Reads an address of the proxy, `LOCATION/RUN/artifacts/PATH`, `LOCATION/models/MODEL/artifacts/PATH` or
    /// `versions/NAME/NUMBER/artifacts/PATH`; nothing when it is none.
    fn parse(sent: &str) -> Result<Option<Place>, Fault> {
        let path = safe_path(sent)?;
        let parts: Vec<&str> = path.split('/').collect();
        if let [VERSIONS, name, number, "artifacts", path @ ..] = &parts[..]
            && let (Some(name), Ok(number)) = (plain_name(name), number.parse())
        {
            let owner = ArtifactOwner::Version(name, number);
            return Ok(Some(Place { location: VERSIONS.to_owned(), owner, path: path.join("/") }));
        }
        // The first that can be one: what lies below is named by people.
        let found = (1..parts.len()).find_map(|at| {
            let (owner, path) = match &parts[at..] {
                ["models", model, "artifacts", path @ ..] => {
                    (ArtifactOwner::Model(model.parse().ok()?), path)
                }
                [run, "artifacts", path @ ..] => (ArtifactOwner::Run(run.parse().ok()?), path),
                _ => return None,
            };
            Some(Place { location: parts[..at].join("/"), owner, path: path.join("/") })
        });
        Ok(found)
    }

    /// The same of one that clients write to: files of a version are there to be read.
    fn parse_to_write(sent: &str) -> Result<Option<Place>, Fault> {
        Ok(Place::parse(sent)?.filter(|place| !matches!(place.owner, ArtifactOwner::Version(..))))
    }

    /// That its owner is there, in that experiment.
    fn check(&self, context: &Context) -> Result<(), Fault> {
        let (experiment, missing) = match &self.owner {
            ArtifactOwner::Run(run) => (context.store.run(*run)?.info.experiment, Fault::no_run(run)),
            ArtifactOwner::Model(model) => (
                logged_models::find(context, *model)?.experiment,
                Fault::missing(format!("Logged model with ID '{model}' not found.")),
            ),
            ArtifactOwner::Version(name, number) => {
                let version = VersionRef { model: name.clone(), version: *number };
                return crate::versions::find(context, &version).map(drop);
            }
        };
        let locations = context.locations([experiment])?;
        if locations.in_proxy(experiment).as_deref() == Some(self.location.as_str()) {
            Ok(())
        } else {
            Err(missing)
        }
    }
}

/// Where the files of versions are in the proxy that are the versions' own.
const VERSIONS: &str = "versions";

/// The address of the files that are a version's own.
pub fn of_version(model: &str, version: i64) -> String {
    // Addresses are decoded until nothing is left to decode, so that a name has marks of its own in place of `%`.
    let name = utf8_percent_encode(model, NON_ALPHANUMERIC).to_string().replace('%', "~");
    format!("mlflow-artifacts:/{VERSIONS}/{name}/{version}/artifacts")
}

/// The name of a registered model in such an address.
fn plain_name(name: &str) -> Option<String> {
    let name = name.replace('~', "%");
    percent_decode_str(&name).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Whose file or folder an address like `mlflow-artifacts:/3/RUN/artifacts/PATH` names; nothing when it is none of ours.
pub fn named_by(uri: &str) -> Result<Option<(ArtifactOwner, String)>, Fault> {
    let Some(path) = uri.strip_prefix("mlflow-artifacts:") else { return Ok(None) };
    Ok(Place::parse(path.trim_start_matches('/'))?.map(|place| (place.owner, place.path)))
}

/// What lies in a folder.
pub fn entries(context: &Context, owner: &ArtifactOwner, folder: &str) -> Result<Vec<Entry>, Fault> {
    let mut found = context.store.artifact_folder(owner, folder)?;
    if found.is_empty()
        && !folder.is_empty()
        && let Some(folder) = stored_as(context, owner, folder)?
    {
        found = context.store.artifact_folder(owner, &folder)?;
    }
    Ok(found.into_iter().map(Entry::from).collect())
}

/// The path of a file or folder whose name has something to decode in it, which people log without a client: clients name it
/// decoded, whatever they are told. Nothing where there is none.
fn stored_as(context: &Context, owner: &ArtifactOwner, sent: &str) -> Result<Option<String>, Fault> {
    let parts = sent.split('/').count();
    let artifacts = context.store.artifacts_of(owner)?;
    let encoded = artifacts.iter().filter(|artifact| artifact.path.contains('%'));
    let is_it = |path: &&str| safe_path(path).is_ok_and(|path| path == sent);
    let mut places = encoded.flat_map(|artifact| {
        let path = artifact.path.as_str();
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        // What is decoded may have more parts, never fewer.
        ends.take(parts).map(move |end| &path[..end])
    });
    Ok(places.find(is_it).map(str::to_owned))
}

/// Clients write to such a place themselves, and nobody tells us what.
pub fn elsewhere(root_uri: &str) -> Fault {
    Fault::invalid(format!(
        "These artifacts are kept at '{root_uri}', which this server does not read. MLflow's client lists and downloads them \
         from there."
    ))
}

/// Files and folders, and where they are.
#[derive(serde::Serialize)]
pub struct Listing {
    pub root_uri: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Entry>,
}

/// `artifacts/list`: what lies in a folder of a run.
pub fn list(context: &Context, call: &Call) -> Result<Json, Fault> {
    let id = call.run_id()?;
    let folder = safe_path(call.text("path")?.unwrap_or_default())?;
    let run = find(context, id)?;
    let files = entries(context, &ArtifactOwner::Run(run.info.id), &folder)?;
    let locations = context.locations([run.info.experiment])?;
    let root_uri = locations.run(&run.info);
    if files.is_empty() && locations.in_proxy(run.info.experiment).is_none() {
        return Err(elsewhere(&root_uri));
    }
    Ok(Json::of(&Listing { root_uri, files }))
}

/// `GET mlflow-artifacts/artifacts?path=`: the same by address, with bare names.
pub fn list_proxied(context: &Context, call: &Call) -> Result<Json, Fault> {
    let Some(place) = Place::parse(call.text("path")?.unwrap_or_default())? else { return Ok(Json::empty()) };
    match place.check(context) {
        Ok(()) => {
            let mut files = names(entries(context, &place.owner, &place.path)?);
            // A client that is told a name which it takes for an attack lists nothing at all.
            files.retain(|file| safe_path(&file.path).is_ok());
            Ok(Json::of(&Page("files", files, None)))
        }
        // A folder that nobody wrote to is empty, whatever it is of.
        Err(fault) if fault.code == Code::ResourceDoesNotExist => Ok(Json::empty()),
        Err(fault) => Err(fault),
    }
}

/// `DELETE mlflow-artifacts/artifacts/PATH`: a file, or a folder with all that is in it. Absent ones are fine.
pub fn delete(context: &Context, sent: &str) -> Result<Json, Fault> {
    let place = Place::parse_to_write(sent)?.ok_or_else(|| Fault::invalid("Invalid path"))?;
    place.check(context)?;
    context.apply(vec![Change::DeleteArtifacts { owner: place.owner, path: place.path }])?;
    Ok(Json::empty())
}

/// `PUT mlflow-artifacts/artifacts/PATH`.
pub async fn put(context: Context, sent: String, mut body: Body) -> Result<Response, Fault> {
    let lose = context.lose.clone();
    let done = put_at(context, &sent, &mut body).await;
    if done.is_err() {
        read_to_end(&mut body).await;
    }
    match (done, lose) {
        (Err(fault), Some(lose)) if fault.is_ours() => {
            let thing = format!("artifact {sent}");
            lose(&thing, &format!("{thing}: {}", fault.message));
        }
        (answer, _) => answer?,
    }
    Ok(StatusCode::OK.into_response())
}

async fn put_at(context: Context, sent: &str, body: &mut Body) -> Result<(), Fault> {
    let place = Place::parse_to_write(sent)?.filter(|place| !place.path.is_empty());
    let place = place.ok_or_else(|| Fault::invalid("Invalid path"))?;
    let (known, checked) = (context.clone(), place.clone());
    blocking(move || checked.check(&known)).await?;
    store(context, place.owner, place.path, body).await
}

async fn store(context: Context, owner: ArtifactOwner, path: String, body: &mut Body) -> Result<(), Fault> {
    // Before its bytes are kept for nothing.
    check_artifact_path(&path).map_err(StoreError::from)?;
    let whose = match &owner {
        ArtifactOwner::Run(run) => format!("run {run}"),
        ArtifactOwner::Model(model) => format!("logged model {model}"),
        ArtifactOwner::Version(model, version) => format!("version {model}/{version}"),
    };
    let what = format!("keep artifact `{path}` of {whose}");
    let kept = keep(context, owner, path, body).await;
    kept.map_err(|fault| if fault.is_ours() { fault.while_doing(what) } else { fault })
}

async fn keep(context: Context, owner: ArtifactOwner, path: String, body: &mut Body) -> Result<(), Fault> {
    // Until it is named, nothing else keeps the bytes from a collection of garbage.
    let blobs = context.blobs.clone();
    let _pin = blocking(move || blobs.pin()).await?;
    let (digest, size) = receive(context.blobs.clone(), body).await?;
    let artifacts = vec![Artifact { path, digest, size }];
    let change = match owner {
        ArtifactOwner::Run(run) => Change::LogArtifacts { run, artifacts },
        ArtifactOwner::Model(model) => {
            Change::LoggedModel(LoggedModelChange::LogArtifacts { model, artifacts })
        }
        ArtifactOwner::Version(model, version) => {
            let version = VersionRef { model, version };
            Change::Registry(RegistryChange::LogVersionArtifacts { version, artifacts })
        }
    };
    blocking(move || context.apply(vec![change])).await?;
    Ok(())
}

/// `POST upload-artifact?run_uuid=&path=`, which MLflow's pages use.
pub async fn upload(context: Context, request: Request) -> Result<Response, Fault> {
    let call = Call::from_query(request.uri().query().unwrap_or_default());
    let missing = |what: &str| Fault::invalid(format!("Request must specify {what}."));
    let id =
        call.text("run_uuid")?.filter(|id| !id.is_empty()).ok_or_else(|| missing("run_uuid"))?.to_owned();
    let path = call.text("path")?.filter(|path| !path.is_empty()).ok_or_else(|| missing("path"))?;
    let path = safe_path(path)?;
    let limit = usize::try_from(MOST_BY_PAGE).expect("small");
    let bytes = axum::body::to_bytes(request.into_body(), limit)
        .await
        .map_err(|_| Fault::invalid("Artifact size is too large. Max size is 10MB."))?;
    if bytes.is_empty() {
        return Err(missing("data"));
    }
    let known = context.clone();
    let run = blocking(move || find(&known, &id)).await?;
    store(context, ArtifactOwner::Run(run.info.id), path, &mut Body::from(bytes)).await?;
    Ok(StatusCode::OK.into_response())
}

/// `GET mlflow-artifacts/artifacts/PATH`.
pub async fn get(context: Context, sent: String, headers: HeaderMap) -> Result<Response, Fault> {
    let missing = || Fault::missing(format!("No such artifact: '{sent}'"));
    let place = Place::parse(&sent)?.ok_or_else(missing)?;
    let (known, checked) = (context.clone(), place.clone());
    blocking(move || checked.check(&known)).await?;
    send(&context, place.owner, place.path, &sent, &headers).await
}

/// The same for a browser, which shows at once what cannot do anything there.
async fn send_to_browser(
    context: &Context,
    owner: ArtifactOwner,
    path: String,
    shown: &str,
    headers: &HeaderMap,
) -> Result<Response, Fault> {
    let is_harmless = is_harmless(content_type(&path));
    let mut response = send(context, owner, path, shown, headers).await?;
    if is_harmless && let Some(found) = response.headers_mut().get_mut(CONTENT_DISPOSITION) {
        let text = found.to_str().unwrap_or_default().replacen("attachment", "inline", 1);
        *found = text.parse().expect("it was one before");
    }
    Ok(response)
}

/// Images of points, which can do nothing but be seen.
pub const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// Texts and images of points; pages and drawings may hold scripts.
fn is_harmless(content_type: &str) -> bool {
    const TEXTS: [&str; 3] = ["text/plain", "text/csv", "text/tab-separated-values"];
    let kind = content_type.split(';').next().unwrap_or_default();
    IMAGES.contains(&kind) || TEXTS.contains(&kind)
}

/// What our pages add to an address of a file whose name means another one, or nothing, where it is decoded as MLflow does.
pub fn exactly(path: &str) -> &'static str {
    if safe_path(path).is_ok_and(|meant| meant == path) { "" } else { "&exact=true" }
}

/// The file that a browser asks for: as MLflow reads its name, or the very entry of the store.
fn named_file(call: &Call, parameter: &'static str) -> Result<String, Fault> {
    let sent = call.required(parameter)?;
    if call.text("exact")?.is_some() { Ok(sent.to_owned()) } else { safe_path(sent) }
}

/// `get-artifact?run_uuid=&path=`, which MLflow's pages use.
pub async fn get_by_run(context: Context, request: Request) -> Result<Response, Fault> {
    let call = Call::from_query(request.uri().query().unwrap_or_default());
    let id = call.run_id()?.to_owned();
    let path = named_file(&call, "path")?;
    let known = context.clone();
    let run = blocking(move || find(&known, &id)).await?;
    let (known, experiment) = (context.clone(), run.info.experiment);
    let locations = blocking(move || known.locations([experiment])).await?;
    // As clients name it who ask the proxy.
    let shown = match locations.in_proxy(experiment) {
        Some(location) => format!("{location}/{}/artifacts/{path}", run.info.id),
        None => path.clone(),
    };
    send_to_browser(&context, ArtifactOwner::Run(run.info.id), path, &shown, request.headers()).await
}

/// `model-versions/get-artifact?name=&version=&path=`, which MLflow's pages use.
pub async fn get_by_version(context: Context, request: Request) -> Result<Response, Fault> {
    let call = Call::from_query(request.uri().query().unwrap_or_default());
    let path = named_file(&call, "path")?;
    let known = context.clone();
    let (owner, folder) = blocking(move || crate::versions::files_of(&known, &call)).await?;
    let whole = if folder.is_empty() { path.clone() } else { format!("{folder}/{path}") };
    send_to_browser(&context, owner, whole, &path, request.headers()).await
}

/// `logged-models/MODEL/artifacts/files?artifact_file_path=`, which MLflow's pages use.
pub async fn get_by_model(context: Context, id: String, request: Request) -> Result<Response, Fault> {
    let call = Call::from_query(request.uri().query().unwrap_or_default());
    let path = named_file(&call, "artifact_file_path")?;
    let known = context.clone();
    let model = blocking(move || logged_models::find(&known, logged_models::parse_id(&id)?)).await?;
    send_to_browser(&context, ArtifactOwner::Model(model.id), path.clone(), &path, request.headers()).await
}

/// A file as an attachment, or the part of it that was asked for.
async fn send(
    context: &Context,
    owner: ArtifactOwner,
    path: String,
    shown: &str,
    headers: &HeaderMap,
) -> Result<Response, Fault> {
    let (known, wanted_path) = (context.clone(), path.clone());
    let found = blocking(move || -> Result<_, Fault> {
        let mut found = known.store.artifact(&owner, &wanted_path)?;
        if found.is_none()
            && let Some(path) = stored_as(&known, &owner, &wanted_path)?
        {
            found = known.store.artifact(&owner, &path)?;
        }
        let is_folder = found.is_none() && !known.store.artifact_folder(&owner, &wanted_path)?.is_empty();
        Ok(found.ok_or(is_folder))
    });
    let artifact = found.await?.map_err(|is_folder| match is_folder {
        true => Fault::invalid(format!("Artifact path refers to a directory, not a file: '{shown}'")),
        false => Fault::missing(format!("No such artifact: '{shown}'")),
    })?;
    let size = artifact.size;
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok());
    let etag = format!("\"{}\"", artifact.digest.hex());
    let (status, start, length) = match range.map_or(Wanted::All, |range| wanted(range, size)) {
        Wanted::All => (StatusCode::OK, 0, size),
        Wanted::Part(start, length) => (StatusCode::PARTIAL_CONTENT, start, length),
        Wanted::Nothing => {
            let range = [(CONTENT_RANGE, format!("bytes */{size}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, range).into_response());
        }
    };
    let (blobs, digest) = (context.blobs.clone(), artifact.digest);
    let open = move || file_body(blobs.open(&digest)?, start, length);
    let body = blocking(move || open().map_err(|fault| lost(&fault))).await?;
    let name = path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name);
    let described = [
        (CONTENT_TYPE, content_type(&path).to_owned()),
        (CONTENT_LENGTH, length.to_string()),
        (CONTENT_DISPOSITION, disposition(name)),
        (ACCEPT_RANGES, "bytes".to_owned()),
        (ETAG, etag),
    ];
    let mut response = (status, described, body).into_response();
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {start}-{}/{size}", start + length - 1);
        response.headers_mut().insert(CONTENT_RANGE, range.parse().expect("digits"));
    }
    Ok(response)
}

fn lost(fault: &std::io::Error) -> Fault {
    match fault.kind() {
        std::io::ErrorKind::NotFound => Fault::missing(
            "The bytes of this artifact are not in the cache here; `pipe pull` brings them where a remote has them",
        ),
        _ => Fault::internal(fault),
    }
}

/// Uploaded pages and drawings must not run in our name, so a browser is told to store them.
fn disposition(name: &str) -> String {
    format!("attachment; filename*=UTF-8''{}", utf8_percent_encode(name, PLAIN))
}

/// What of a file is wanted.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    /// Where it starts and how long it is.
    Part(u64, u64),
    Nothing,
}

/// Reads one range. What is no range, or several, means the whole file, as HTTP allows.
fn wanted(range: &str, size: u64) -> Wanted {
    let Some((first, last)) = range.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-'))
    else {
        return Wanted::All;
    };
    let (first, last) = (first.trim(), last.trim());
    let number =
        |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    match (first.is_empty(), number(first), last.is_empty(), number(last)) {
        (true, _, false, Some(0)) => Wanted::Nothing,
        (true, _, false, Some(_)) if size == 0 => Wanted::Nothing,
        (true, _, false, Some(tail)) => Wanted::Part(size.saturating_sub(tail), tail.min(size)),
        (false, Some(start), _, _) if start >= size => Wanted::Nothing,
        (false, Some(start), true, _) => Wanted::Part(start, size - start),
        (false, Some(start), false, Some(end)) if end >= start => {
            Wanted::Part(start, end.min(size - 1) - start + 1)
        }
        _ => Wanted::All,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use base::{Digest, Timestamp};
    use cache::Blobs;
    use track::{Changes, NewRun, RunId, RunStore, SqliteStore};

    use super::*;

    #[test]
    fn names_that_clients_never_see_are_found_by_what_they_make_of_them() {
        let store = SqliteStore::open_in_memory().unwrap();
        let run = RunId::from_parts(Timestamp(1), 1);
        let artifact =
            |path: &str| Artifact { path: path.to_owned(), digest: Digest::Blake3([0; 32]), size: 1 };
        let artifacts = ["m%20x/w", "a%2Fb", "deep/50%25/%41", "a#b/w", "plain"].map(artifact).to_vec();
        let changes =
            vec![Change::CreateRun(NewRun::new(run, Timestamp(1))), Change::LogArtifacts { run, artifacts }];
        store.apply(Changes::new(Timestamp(1), changes)).unwrap();
        let context = Context::new(Arc::new(store), Blobs::new(std::path::Path::new("nowhere")));
        let owner = ArtifactOwner::Run(run);
        for (sent, stored) in [
            ("m x", Some("m%20x")),
            ("m x/w", Some("m%20x/w")),
            ("a/b", Some("a%2Fb")),
            ("deep/50%", Some("deep/50%25")),
            ("deep/50%/A", Some("deep/50%25/%41")),
            ("m", None),
            ("nothing", None),
        ] {
            assert_eq!(stored_as(&context, &owner, sent).unwrap().as_deref(), stored, "{sent}");
        }
        let files = entries(&context, &owner, "m x").unwrap();
        assert_eq!(files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["m%20x/w"]);
        let call = Call::from_query(&format!("path=0/{run}/artifacts"));
        let Json::Whole(bytes) = list_proxied(&context, &call).unwrap() else { panic!("it is short") };
        let told = String::from_utf8(bytes).unwrap();
        assert!(told.contains("\"plain\"") && !told.contains('#'), "{told}");
    }

    #[test]
    fn ranges() {
        use Wanted::{All, Nothing, Part};
        for (range, size, expected) in [
            ("bytes=0-", 5, Part(0, 5)),
            ("bytes=1-2", 5, Part(1, 2)),
            ("bytes=3-99", 5, Part(3, 2)),
            ("bytes=-2", 5, Part(3, 2)),
            ("bytes=-9", 5, Part(0, 5)),
            ("bytes=5-", 5, Nothing),
            ("bytes=-0", 5, Nothing),
            ("bytes=0-0", 0, Nothing),
            ("bytes=-1", 0, Nothing),
            ("bytes=2-1", 5, All),
            ("bytes=0-1,3-4", 5, All),
            ("bytes=+1-2", 5, All),
            ("bytes=-", 5, All),
            ("lines=1-2", 5, All),
            ("bytes=18446744073709551615-18446744073709551615", 5, Nothing),
        ] {
            assert_eq!(wanted(range, size), expected, "{range} of {size}");
        }
    }

    #[test]
    fn a_browser_shows_what_can_do_nothing() {
        for (path, expected) in [
            ("a.txt", true),
            ("stderr.log", true),
            ("a.json", true),
            ("MLmodel", true),
            ("a.csv", true),
            ("a.png", true),
            ("a.JPG", true),
            ("a.js", true),
            ("a.html", false),
            ("a.svg", false),
            ("a.pdf", false),
            ("a", false),
            ("a.pkl", false),
        ] {
            assert_eq!(is_harmless(content_type(path)), expected, "{path}");
        }
    }

    #[test]
    fn an_address_of_a_version_reads_back_whatever_the_name() {
        for name in
            ["iris", "my model", "größe#1", "50%", "a%2Fb", "~41", "back\\slash", ".hidden", "a+b?c=d"]
        {
            let uri = of_version(name, 3);
            let (owner, path) = named_by(&format!("{uri}/a b/c.txt")).unwrap().unwrap();
            assert_eq!((owner, &*path), (ArtifactOwner::Version(name.to_owned(), 3), "a b/c.txt"), "{uri}");
            let sent = uri.strip_prefix("mlflow-artifacts:/").unwrap();
            assert_eq!(Place::parse_to_write(sent).unwrap(), None, "{uri}");
        }
    }

    #[test]
    fn addresses_name_runs_and_nothing_else() {
        let run = "0123456789ab7fffbfffffffffffffff";
        let place = Place::parse(&format!("3/{run}/artifacts/m/a.txt")).unwrap().unwrap();
        assert_eq!((place.location.as_str(), place.path.as_str()), ("3", "m/a.txt"));
        let chosen = Place::parse(&format!("my/place/{run}/artifacts/{run}/artifacts")).unwrap().unwrap();
        assert_eq!(
            (chosen.location.as_str(), chosen.path.as_str()),
            ("my/place", &*format!("{run}/artifacts"))
        );
        assert_eq!(Place::parse(&format!("3/{run}/artifacts")).unwrap().unwrap().path, "");
        let model = Place::parse(&format!("3/models/m-{run}/artifacts/MLmodel")).unwrap().unwrap();
        assert_eq!(model.owner, ArtifactOwner::Model(format!("m-{run}").parse().unwrap()));
        for other in [
            "",
            "3",
            "3/x/artifacts/a",
            &format!("3/{run}"),
            &format!("3/{run}/other/a"),
            "3/models/x/artifacts/a",
        ] {
            assert_eq!(Place::parse(other).unwrap(), None, "{other}");
        }
    }
}
