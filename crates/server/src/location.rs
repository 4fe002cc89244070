//! Addresses at which a client wants files to be kept, read as Python reads them: what MLflow's server refuses is refused.

use percent_encoding::percent_decode_str;

use crate::error::Fault;

/// Schemes of which MLflow's server connects to the host that the address names.
const HOST_SCHEMES: [&str; 9] = ["ftp", "sftp", "hdfs", "viewfs", "http", "https", "r2", "b2", "abfss"];
/// Schemes whose paths have params after `;` for Python.
const SCHEMES_WITH_PARAMS: [&str; 5] = ["", "ftp", "http", "https", "sftp"];
/// The longest location of an experiment.
const LONGEST: usize = 2048;
/// How often a query may be encoded over itself before it counts as an attack.
const DEEPEST: usize = 10;

/// The parts of an address that are looked at.
struct Address<'a> {
    /// In lower case; empty where there is none.
    scheme: String,
    /// What follows `//`; empty where nothing does.
    host: &'a str,
    path: &'a str,
    query: &'a str,
    fragment: &'a str,
}

/// What Python leaves of an address before it reads it.
fn clean(text: &str) -> String {
    text.trim_start_matches(|c: char| c <= ' ').replace(['\t', '\r', '\n'], "")
}

impl<'a> Address<'a> {
    fn of(clean: &'a str) -> Address<'a> {
        let is_scheme = |scheme: &str| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        };
        let (scheme, rest) =
            clean.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).unwrap_or(("", clean));
        let (host, rest) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
            None => ("", rest),
        };
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        Address { scheme: scheme.to_ascii_lowercase(), host, path, query, fragment }
    }

    fn has_params(&self) -> bool {
        let last = self.path.rsplit_once('/').map_or(self.path, |(_, last)| last);
        let is_split = SCHEMES_WITH_PARAMS.contains(&self.scheme.as_str());
        is_split && last.split_once(';').is_some_and(|(_, params)| !params.is_empty())
    }

    fn names_host(&self) -> bool {
        HOST_SCHEMES.contains(&self.scheme.as_str())
            || self.scheme == "mlflow-artifacts" && !self.host.is_empty()
    }
}

/// Refuses addresses for which MLflow's server would connect to a host that a client names, its own among them. `field`
/// is what the client calls the address.
pub fn refuse_hosts(field: &str, address: &str) -> Result<(), Fault> {
    let clean = clean(address);
    let Address { scheme, .. } = match Address::of(&clean) {
        address if address.names_host() => address,
        _ => return Ok(()),
    };
    Err(Fault::invalid(format!(
        "'{field}' cannot use the '{scheme}' scheme: the '{scheme}' scheme addresses a host other than the tracking \
         server's configured artifact storage, so the server would connect to the host named in the URI."
    )))
}

/// The path of an address that is no file of this machine.
pub fn path_of(address: &str) -> String {
    let clean = clean(address);
    Address::of(&clean).path.to_owned()
}

/// Refuses what no experiment can be kept at.
pub fn check(location: &str) -> Result<(), Fault> {
    let clean = clean(location);
    let address = Address::of(&clean);
    if address.host.contains('[') != address.host.contains(']') {
        return Err(Fault::invalid(format!("'artifact_location' is no URL: '{location}'")));
    }
    if !address.fragment.is_empty() || address.has_params() {
        return Err(Fault::invalid("'artifact_location' URL can't include fragments or params."));
    }
    if !is_plain(address.query) {
        return Err(Fault::invalid("Invalid query string"));
    }
    refuse_hosts("artifact_location", location)?;
    if location.starts_with("runs:") {
        return Err(Fault::invalid(format!("Artifact location cannot be a runs:/ URI. Given: '{location}'")));
    }
    if location.chars().count() > LONGEST {
        return Err(Fault::invalid(format!(
            "Invalid artifact path length. The length of the artifact path cannot be greater than {LONGEST} characters."
        )));
    }
    Ok(())
}

/// Whether a query leads nowhere else, however often it is encoded.
fn is_plain(query: &str) -> bool {
    let mut text = query.to_owned();
    for _ in 0..DEEPEST {
        let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if decoded == text {
            return !text.contains("..");
        }
        text = decoded;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mlflow_keeps_files_at_is_taken() {
        for location in [
            "s3://b/x",
            "s3://b/x;y",
            "s3://b/x?y",
            "s3://b/../x",
            "file:///tmp/x",
            "file:///tmp/x#",
            "/tmp/x",
            "/tmp/a;b/c",
            "/tmp/a;",
            "mlflow-artifacts:/x",
            "mlflow-artifacts:///x",
            "mlflow-artifacts://",
            "abfs://b@h",
            "wasbs://b@h",
            "gs://b",
            "C:\\x",
            "//h/x",
            "nfs://h/x;y",
            "dbfs:/x",
            "s3://b/%25",
        ] {
            assert_eq!(check(location), Ok(()), "{location}");
        }
    }

    #[test]
    fn hosts_that_clients_name_are_refused_however_they_are_written() {
        for location in [
            "http://h",
            "https://h/x?y",
            "http:x",
            "HTTP://h",
            " http://h",
            "ht\ntp://h",
            "ftp:///x",
            "sftp://h/x",
            "hdfs:/x",
            "viewfs://h/x",
            "r2://b@h/x",
            "b2://b@h",
            "abfss://b@h/x",
            "mlflow-artifacts://h:9/x",
            "MLFLOW-artifacts://h/x",
            "HDFS://h;x",
        ] {
            let fault = check(location).expect_err(location);
            assert!(fault.message.contains("cannot use the '"), "{location}: {}", fault.message);
        }
    }

    #[test]
    fn parts_that_mean_something_else_are_refused() {
        for (location, said) in [
            ("file:///tmp/x#f", "fragments or params"),
            ("http://h#f", "fragments or params"),
            ("x;y", "fragments or params"),
            ("s3://b/x?a=../b", "query string"),
            ("s3://b/x?a=%252e%252e/b", "query string"),
            ("?..", "query string"),
            ("runs:/x", "runs:/ URI"),
            ("x://[h/x", "no URL"),
        ] {
            let fault = check(location).expect_err(location);
            assert!(fault.message.contains(said), "{location}: {}", fault.message);
        }
        assert_eq!(check(&format!("s3://{}", "ä".repeat(LONGEST - 5))), Ok(()));
        assert!(check(&format!("s3://{}", "x".repeat(LONGEST - 4))).is_err());
    }
}
