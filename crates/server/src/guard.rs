//! Who may ask: the token, and the checks that keep web pages of others from asking in a browser's name.
//!
//! A page of any site can make a browser send requests to 127.0.0.1, and a name that resolves to 127.0.0.1 makes
//! them same-origin (DNS rebinding). So a server on loopback answers only to names of loopback, and a request that a
//! page of another origin sent is refused whatever it carries.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, Method};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::Rng;
use subtle::ConstantTimeEq;

use crate::error::{Code, Fault};

/// Characters of a chosen token, at least.
const SHORTEST: usize = 16;

/// A secret: of 128 random bits, as hexadecimal digits, where nobody chose it. Its debug text does not show it.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one, from the system's randomness.
    pub fn random() -> Token {
        let mut random = rand::make_rng::<rand::rngs::StdRng>();
        Token(format!("{:016x}{:016x}", random.next_u64(), random.next_u64()))
    }

    /// One that people chose: nothing when it is short enough to be guessed, or has characters that would not come through an
    /// address, a cookie and a header as they are.
    pub fn chosen(text: &str) -> Option<Token> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        (text.len() >= SHORTEST && text.bytes().all(is_plain)).then(|| Token(text.to_owned()))
    }

    /// The secret itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a text is the secret, in a time that does not depend on how much of it is right.
    fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The checks of one server.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Where it listens.
    pub address: SocketAddr,
    /// What must be known to ask; nothing for everybody.
    pub token: Option<Token>,
}

impl Guard {
    /// Refuses requests that were addressed to another name than ours, or sent by another site's page.
    pub fn check_origin(&self, method: &Method, headers: &HeaderMap) -> Result<(), Fault> {
        let refuse = |what: &str| Err(Fault::new(Code::PermissionDenied, what.to_owned()));
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if self.address.ip().is_loopback() && !is_loopback_name(host) {
            return refuse("The Host header names another machine: ask 127.0.0.1 or localhost");
        }
        let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        if !is_read && matches!(site, Some("cross-site" | "same-site")) {
            return refuse("A page of another site sent this request");
        }
        // Nobody speaks TLS on this machine's own address; before an address that others reach somebody may.
        let is_own = |scheme: &str| scheme == "http" || scheme == "https" && !self.address.ip().is_loopback();
        let is_ours = |(scheme, from): (&str, &str)| is_own(scheme) && from == host;
        match headers.get(ORIGIN).map(|origin| origin.to_str()) {
            None => Ok(()),
            Some(Ok(origin)) if origin.split_once("://").is_some_and(is_ours) => Ok(()),
            Some(_) => refuse("A page of another origin sent this request"),
        }
    }

    /// Refuses requests without the token.
    pub fn check_token(&self, headers: &HeaderMap) -> Result<(), Fault> {
        let Some(token) = &self.token else { return Ok(()) };
        if bearer(headers).is_some_and(|text| token.is(text))
            || password(headers).is_some_and(|text| token.is(&text))
            || cookie(headers, &self.cookie_name()).is_some_and(|text| token.is(text))
        {
            return Ok(());
        }
        Err(Fault::new(
            Code::Unauthenticated,
            "This server asks for its token: MLFLOW_TRACKING_TOKEN, the header `Authorization: Bearer`, or the address \
             that `pipe ui` printed",
        ))
    }

    /// The `Set-Cookie` that lets a browser in which has shown the right token.
    pub fn admit(&self, shown: &str) -> Option<String> {
        let token = self.token.as_ref().filter(|token| token.is(shown))?;
        Some(format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie_name(), token.as_str()))
    }

    /// Cookies are shared by all ports of a host, so the name tells the port.
    fn cookie_name(&self) -> String {
        format!("pipe_token_{}", self.address.port())
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, text) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| text.trim())
}

fn password(headers: &HeaderMap) -> Option<String> {
    let (scheme, text) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let decoded = STANDARD.decode(text.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let decoded = String::from_utf8(decoded).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Whether a `Host` means this machine and no other.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn guard() -> Guard {
        Guard {
            address: "127.0.0.1:5000".parse().unwrap(),
            token: Some(Token("0123456789abcdef".to_owned())),
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        pairs.iter().map(|(name, text)| (name.parse().unwrap(), value(text))).collect()
    }

    #[test]
    fn a_chosen_token_is_long_and_plain() {
        for good in ["0123456789abcdef", "A-long_one.of~mine"] {
            assert!(Token::chosen(good).is_some_and(|token| token.is(good)), "{good}");
        }
        for bad in [
            "",
            "0123456789abcde",
            "0123456789abcde;",
            "with a space in it",
            "&token=0123456789",
            "schlüssel-schlüssel",
        ] {
            assert!(Token::chosen(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_token_comes_by_header_password_or_cookie() {
        let guard = guard();
        let basic = |password: &str| format!("Basic {}", STANDARD.encode(format!("me:{password}")));
        for good in [
            ("authorization", "Bearer 0123456789abcdef".to_owned()),
            ("authorization", basic("0123456789abcdef")),
            ("cookie", "a=b; pipe_token_5000=0123456789abcdef".to_owned()),
        ] {
            assert_eq!(guard.check_token(&headers(&[(good.0, &good.1)])), Ok(()), "{good:?}");
        }
        for bad in [
            ("authorization", "Bearer 0123456789abcdee".to_owned()),
            ("authorization", "Bearer 0123456789abcde".to_owned()),
            ("authorization", "Bearer ".to_owned()),
            ("authorization", basic("")),
            ("authorization", "Basic !".to_owned()),
            ("cookie", "pipe_token_5001=0123456789abcdef".to_owned()),
        ] {
            assert!(guard.check_token(&headers(&[(bad.0, &bad.1)])).is_err(), "{bad:?}");
        }
        assert!(guard.check_token(&HeaderMap::new()).is_err());
    }

    #[test]
    fn other_names_and_other_sites_are_refused() {
        let guard = guard();
        let check =
            |pairs: &[(&'static str, &str)]| guard.check_origin(&Method::POST, &headers(pairs)).is_ok();
        for host in ["localhost:5000", "127.0.0.1:5000", "127.0.0.1", "[::1]:5000", "LOCALHOST"] {
            assert!(check(&[("host", host)]), "{host}");
        }
        for host in
            ["", "evil.example", "127.0.0.1.evil.example:5000", "10.0.0.1", "localhost.evil", "127.0.0.1:x"]
        {
            assert!(!check(&[("host", host)]), "{host}");
        }
        let ours = ("host", "localhost:5000");
        assert!(check(&[ours, ("origin", "http://localhost:5000")]));
        for origin in [
            "http://evil.example",
            "null",
            "https://localhost:5000",
            "http://localhost:8080",
            "http://localhost:5000.evil",
        ] {
            assert!(!check(&[ours, ("origin", origin)]), "{origin}");
        }
        assert!(!check(&[ours, ("sec-fetch-site", "cross-site")]));
    }
}
