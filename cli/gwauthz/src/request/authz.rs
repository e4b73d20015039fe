//! How the authorization service answers: as told, or for real.

use std::{
    error::Error as _,
    io,
    str::FromStr,
    time::{Duration, Instant},
};

use gwauthz_host::{CallOutcome, HeaderMap, HttpCall, HttpResponse, World};
use reqwest::{Client, Method, Url, redirect};
use tokio::runtime::{Builder, Runtime};

use crate::exit::Failure;

/// `--authz`
#[derive(Clone, Debug)]
pub(crate) enum Authz {
    Answers(CallOutcome),
    Real(Url),
}

impl FromStr for Authz {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let outcome = match text {
            "timeout" => CallOutcome::Timeout,
            "refused" => CallOutcome::Refused,
            "reset" => CallOutcome::Reset,
            url if url.contains("://") => return real(url),
            status => match status.parse() {
                Ok(status @ 200..=599) => {
                    CallOutcome::Reply { response: HttpResponse::new(status), delay: Duration::ZERO }
                }
                _ => {
                    return Err("expected a status from 200 to 599, `timeout`, `refused`, `reset`, or a URL".to_owned());
                }
            },
        };
        Ok(Self::Answers(outcome))
    }
}

fn real(text: &str) -> Result<Authz, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https")
        || url.path() != "/"
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err("expected http:// or https:// and a host: the plugin says the path".to_owned());
    }
    Ok(Authz::Real(url))
}

impl Authz {
    /// The answer, where it is told and not asked for.
    pub(crate) fn scripted(&self) -> Option<CallOutcome> {
        match self {
            Self::Answers(outcome) => Some(outcome.clone()),
            Self::Real(_) => None,
        }
    }

    /// The services around the gateway: the authorization service, and an upstream that says 200.
    pub(crate) fn into_services(self) -> Result<Services, Failure> {
        Ok(match self {
            Self::Answers(outcome) => Services::Scripted(outcome),
            Self::Real(url) => Services::Real(Box::new(RealService::new(url)?)),
        })
    }
}

/// What stands around the gateway.
pub(crate) enum Services {
    /// The authorization service answers every callout alike.
    Scripted(CallOutcome),
    /// Callouts go to a real one.
    Real(Box<RealService>),
}

impl World for Services {
    fn call(&mut self, call: &HttpCall) -> CallOutcome {
        match self {
            Self::Scripted(outcome) => outcome.clone(),
            Self::Real(service) => service.ask(call),
        }
    }
}

/// A real authorization service.
pub(crate) struct RealService {
    url: Url,
    client: Client,
    runtime: Runtime,
}

/// Envoy's bound on the body of a callout's reply.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

impl RealService {
    fn new(url: Url) -> Result<Self, Failure> {
        gwauthz_oci::install_tls();
        // A proxy or a redirect would be another service than the one that is named.
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().build().map_err(Failure::bug)?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Failure::bug)?;
        Ok(Self { url, client, runtime })
    }

    /// The reply; `None` where its body is longer than Envoy takes.
    async fn send(&self, call: &HttpCall) -> reqwest::Result<Option<HttpResponse>> {
        let pseudo = |name: &str| call.headers.first(name.as_bytes()).map(String::from_utf8_lossy).unwrap_or_default();
        let mut url = self.url.clone();
        let path = pseudo(":path");
        let (path, query) = path.split_once('?').map_or((path.as_ref(), None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
        let method = Method::from_bytes(pseudo(":method").as_bytes()).unwrap_or(Method::POST);
        let mut request = self
            .client
            .request(method, url)
            .timeout(call.timeout)
            .header("host", pseudo(":authority").as_ref())
            .body(call.body.clone());
        for (name, value) in call.headers.iter().filter(|(name, _)| !name.starts_with(b":")) {
            request = request.header(name, value);
        }
        let mut reply = request.send().await?;
        let mut headers: HeaderMap = [(":status", reply.status().as_str())].into_iter().collect();
        reply.headers().iter().for_each(|(name, value)| headers.add(name, value));
        let mut body = Vec::new();
        while let Some(chunk) = reply.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BODY_BYTES {
                return Ok(None);
            }
        }
        Ok(Some(HttpResponse { headers, body, trailers: HeaderMap::new() }))
    }

    fn ask(&self, call: &HttpCall) -> CallOutcome {
        let begin = Instant::now();
        match self.runtime.block_on(self.send(call)) {
            Ok(Some(response)) => CallOutcome::Reply { response, delay: begin.elapsed() },
            Ok(None) => CallOutcome::Reset,
            Err(error) if error.is_timeout() => CallOutcome::Timeout,
            Err(error) if is_refused(&error) => CallOutcome::Refused,
            Err(_) => CallOutcome::Reset,
        }
    }
}

fn is_refused(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        source = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::Authz;

    #[test]
    fn an_answer_is_a_status_a_failure_or_a_url() {
        for text in ["200", "503", "timeout", "refused", "reset", "http://127.0.0.1:8080", "https://authz.local/"] {
            assert!(text.parse::<Authz>().is_ok(), "{text}");
        }
        for text in ["", "99", "600", "+200 ", "slow", "ftp://x", "http://x/authorize", "http://x/?y", "http://"] {
            assert!(text.parse::<Authz>().is_err(), "{text}");
        }
    }
}
