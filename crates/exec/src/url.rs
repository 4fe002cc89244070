//! Asks servers what they have at a URL, without fetching it.
//!
//! The answer stands for the content: its `ETag` or `Content-MD5`, or else `Last-Modified` with the length. A server that tells
//! neither cannot be believed to have the same as yesterday.

use base::FileState;

/// What the server has at `url`, by what it says of it, and that; `None` when there is nothing.
///
/// # Errors
/// A sentence that names the URL, when no server answers in time, or none that tells enough.
#[cfg(feature = "http")]
pub fn ask(url: &str) -> Result<Option<(FileState, String)>, String> {
    use ureq::http::StatusCode;

    let agent = agent();
    let fault = |fault: ureq::Error| format!("failed to ask about {url}: {fault}");
    let mut answer = agent.head(url).call().map_err(fault)?;
    if matches!(answer.status(), StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED) {
        answer = agent.get(url).header("Range", "bytes=0-0").call().map_err(fault)?;
    }
    let status = answer.status();
    if matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE) {
        return Ok(None);
    }
    if !status.is_success() {
        return Err(format!("failed to ask about {url}: the server answers {status}"));
    }
    let (told, length) = told(url, answer.headers())?;
    let size = length.unwrap_or_default();
    Ok(Some((FileState { digest: pipeline::told_digest(&told), size, files: None, executable: false }, told)))
}

/// Writes what the server has at `url` to `to`, as long as `stop` does not say otherwise; returns what it tells of it, or
/// `None` when there is nothing.
///
/// # Errors
/// A sentence that names the URL, when it could not be fetched as a whole, or the server tells too little of it.
#[cfg(feature = "http")]
pub fn download(
    url: &str,
    to: &mut dyn std::io::Write,
    stop: &dyn Fn() -> bool,
) -> Result<Option<String>, String> {
    use std::io::Read;

    use ureq::http::StatusCode;

    let fault = |fault: &dyn std::fmt::Display| format!("failed to fetch {url}: {fault}");
    // However long it takes: only a server that says nothing is given up.
    let request = agent().get(url).config().timeout_global(None).timeout_recv_response(Some(SILENCE)).build();
    let mut answer = request.call().map_err(|cause| fault(&cause))?;
    let status = answer.status();
    if matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE) {
        return Ok(None);
    }
    if !status.is_success() {
        return Err(format!("failed to fetch {url}: the server answers {status}"));
    }
    let (told, length) = told(url, answer.headers())?;
    let mut body = answer.body_mut().as_reader();
    let mut piece = vec![0; 1 << 16];
    let mut moved = 0;
    while !stop() {
        let count = body.read(&mut piece).map_err(|cause| fault(&cause))?;
        if count == 0 {
            break;
        }
        to.write_all(&piece[..count]).map_err(|cause| fault(&cause))?;
        moved += count as u64;
    }
    match length.filter(|length| *length != moved && !stop()) {
        Some(length) => Err(format!("failed to fetch {url}: {moved} of {length} bytes came")),
        None => Ok(Some(told)),
    }
}

/// What this build answers to every URL.
///
/// # Errors
/// Always: it has no client.
#[cfg(not(feature = "http"))]
pub fn download(
    url: &str,
    _: &mut dyn std::io::Write,
    _: &dyn Fn() -> bool,
) -> Result<Option<String>, String> {
    Err(format!("failed to fetch {url}: this pipe was built without its feature `http`"))
}

/// How long a server may take to begin an answer.
#[cfg(feature = "http")]
const SILENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// What stands for the content, and how long that is where it is told.
#[cfg(feature = "http")]
fn told(url: &str, headers: &ureq::http::HeaderMap) -> Result<(String, Option<u64>), String> {
    let header = |name: &str| headers.get(name)?.to_str().ok();
    let length = match header("content-range") {
        Some(range) => range.rsplit_once('/').map(|(_, whole)| whole),
        None => header("content-length"),
    };
    // What DVC, too, takes for the content.
    let tag = header("etag").or_else(|| header("content-md5"));
    let told = match (tag, header("last-modified"), length) {
        (Some(etag), ..) => format!("etag {etag}"),
        (None, Some(time), Some(length)) => format!("last-modified {time} length {length}"),
        _ => {
            return Err(format!(
                "failed to ask about {url}: the server tells neither its ETag nor when it was changed; \
                 fetch it in a stage with `always_changed: true`"
            ));
        }
    };
    Ok((told, length.and_then(|length| length.parse().ok())))
}

/// What this build answers to every URL.
///
/// # Errors
/// Always: it has no client.
#[cfg(not(feature = "http"))]
pub fn ask(url: &str) -> Result<Option<(FileState, String)>, String> {
    Err(format!("failed to ask about {url}: this pipe was built without its feature `http`"))
}

/// A client that gives up after ten seconds and trusts whom the system trusts.
#[cfg(feature = "http")]
fn agent() -> ureq::Agent {
    use std::sync::{Arc, LazyLock};
    use std::time::Duration;

    use ureq::tls::{Certificate, RootCerts, TlsConfig};

    static AGENT: LazyLock<ureq::Agent> = LazyLock::new(|| {
        let found = rustls_native_certs::load_native_certs().certs;
        let certificates: Vec<Certificate<'static>> =
            found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(certificates)))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .timeout_connect(Some(Duration::from_secs(5)))
            .http_status_as_error(false)
            .tls_config(tls)
            .build();
        config.into()
    });
    AGENT.clone()
}
