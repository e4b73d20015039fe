//! HTTP with a registry: who we are, what is tried again, what an answer stands for.

use std::{
    error::Error as _,
    io::Read as _,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime},
};

use oci_client::errors::OciEnvelope;
use reqwest::{
    StatusCode, Url,
    blocking::{Client, RequestBuilder, Response},
    header::{AUTHORIZATION, HeaderValue},
};

use crate::{
    Access, Credentials, Error, Event, Observer, Options, Reference,
    auth::{self, Challenge},
    error::printable,
    retry,
    tls::install_tls,
};

/// For an exchange without content worth mentioning.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A conversation with one registry about one repository.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) http: Client,
    pub(crate) observer: Observer,
    /// `…/v2/<repository>/`
    pub(crate) base: Url,
    host: String,
    scope: String,
    credentials: Option<Credentials>,
    authorization: Mutex<Option<HeaderValue>>,
}

impl Transport {
    pub(crate) fn new(reference: &Reference, options: Options) -> Result<Self, Error> {
        install_tls();
        let plain_http = options.plain_http || reference.is_loopback();
        let mut http = Client::builder()
            .user_agent(concat!("gwauthz/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // No redirect and no token service takes a conversation back into the clear.
            .https_only(!plain_http);
        if reference.is_loopback() {
            // Neither a proxy nor the machine's root certificates have a part in it; the latter may be missing.
            http = http.no_proxy().tls_certs_only([]);
        }
        let host = reference.host().to_owned();
        let scheme = if plain_http { "http" } else { "https" };
        let base = format!("{scheme}://{host}/v2/{}/", reference.repository());
        let actions = match options.access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
        };
        Ok(Self {
            http: http.build().map_err(|error| Error::Client { cause: causes(&error) })?,
            observer: options.observer,
            base: Url::parse(&base).map_err(|error| Error::Reference { problem: error.to_string() })?,
            host,
            scope: format!("repository:{}:{actions}", reference.repository()),
            credentials: options.credentials,
            authorization: Mutex::new(None),
        })
    }

    /// Sends what `request` makes, as whoever we are by now; where the registry asks who that is, says so once.
    pub(crate) fn send(&self, action: &'static str, request: impl Fn() -> RequestBuilder) -> Result<Response, Error> {
        let mut asked = false;
        loop {
            let mut request = request().build().map_err(|error| self.failed(action, error))?;
            // An upload may go elsewhere, such as to a cloud's storage, which has its own secret in the URL. What
            // this registry knows us by is not for others (CVE-2020-15157).
            if request.url().origin() == self.base.origin()
                && let Some(header) = self.authorization().clone()
            {
                request.headers_mut().insert(AUTHORIZATION, header);
            }
            let response = self.http.execute(request).map_err(|error| self.failed(action, error))?;
            // Nor may others ask for it, where a redirect has led to them.
            let ours = response.url().origin() == self.base.origin();
            if response.status() != StatusCode::UNAUTHORIZED || asked || !ours {
                return Ok(response);
            }
            asked = true;
            match Challenge::from_headers(response.headers()) {
                Some(challenge) => *self.authorization() = Some(self.authorize(&challenge)?),
                None => return Ok(response),
            }
        }
    }

    fn authorize(&self, challenge: &Challenge) -> Result<HeaderValue, Error> {
        match (challenge, &self.credentials) {
            (Challenge::Bearer { realm, service }, credentials) => {
                let request =
                    auth::token_request(&self.http, realm, service.as_deref(), &self.scope, credentials.as_ref());
                let response =
                    request.timeout(REQUEST_TIMEOUT).send().map_err(|error| self.failed(AUTHORIZE, error))?;
                let answer = self.body(AUTHORIZE, "token", self.accepted(AUTHORIZE, response)?, MAX_TOKEN_BYTES)?;
                auth::bearer(&answer).ok_or_else(|| self.protocol("the token service answered without a token"))
            }
            (Challenge::Basic, Some(Credentials::Password { username, password })) => {
                auth::basic(username, password).ok_or_else(|| self.refused(AUTHORIZE, "unusable credentials"))
            }
            (Challenge::Basic, Some(Credentials::IdentityToken(_))) => {
                Err(self.refused(AUTHORIZE, "it takes a name and a password, not an identity token"))
            }
            (Challenge::Basic, None) => Err(self.refused(AUTHORIZE, "it asks for a name and a password")),
        }
    }

    /// Does `attempt` until it succeeds, fails for good or has failed too often.
    pub(crate) fn trying<T>(&self, attempt: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
        let started = Instant::now();
        let mut tries = 1;
        loop {
            let error = match attempt() {
                Err(error) => error,
                done => return done,
            };
            let Error::Transient { retry_after, .. } = error else { return Err(error) };
            let mut jitter = [u8::MAX];
            // Without randomness the wait is merely the longest.
            let _ = getrandom::fill(&mut jitter);
            let wait = retry::wait(tries, retry_after, jitter[0]);
            if tries == retry::TRIES || started.elapsed() + wait > retry::DEADLINE {
                return Err(error);
            }
            self.observer.tell(&Event::Retry { error: &error, wait });
            thread::sleep(wait);
            tries += 1;
        }
    }

    /// `response` if it says that all is well, else the error that it stands for.
    pub(crate) fn accepted(&self, action: &'static str, response: Response) -> Result<Response, Error> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = retry::retry_after(response.headers(), SystemTime::now());
        let mut body = Vec::new();
        // The status says what matters; a body that breaks off only explains less.
        let _ = response.take(MAX_ERROR_BYTES).read_to_end(&mut body);
        let cause = match explanation(&body) {
            Some(text) => format!("HTTP {status}: {text}"),
            None => format!("HTTP {status}"),
        };
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => self.refused(action, &cause),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => self.transient(action, cause, retry_after),
            _ if status.is_server_error() => self.transient(action, cause, retry_after),
            _ => Error::Rejected { registry: self.host.clone(), action, cause },
        })
    }

    /// The body of `response`, of at most `limit` bytes.
    pub(crate) fn body(
        &self,
        action: &'static str,
        what: &'static str,
        response: Response,
        limit: u64,
    ) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let read = response.take(limit + 1).read_to_end(&mut bytes);
        read.map_err(|error| {
            // The error's own text would tell the URL.
            let cause = error.source().map_or_else(|| error.kind().to_string(), causes_from);
            self.transient(action, cause, None)
        })?;
        if bytes.len() as u64 > limit {
            return Err(Error::TooLarge { what, limit });
        }
        Ok(bytes)
    }

    fn failed(&self, action: &'static str, error: reqwest::Error) -> Error {
        // A URL may hold a secret.
        let error = error.without_url();
        let cause = causes(&error);
        if error.is_builder() {
            // Our own URLs are sound: this one came from the registry, and leads nowhere or into the clear.
            self.protocol(&format!("it names a URL that cannot be used ({cause})"))
        } else if error.is_connect() && !error.is_timeout() {
            Error::Unreachable { registry: self.host.clone(), cause }
        } else {
            self.transient(action, cause, None)
        }
    }

    fn transient(&self, action: &'static str, cause: String, retry_after: Option<Duration>) -> Error {
        Error::Transient { registry: self.host.clone(), action, cause, retry_after }
    }

    fn refused(&self, action: &'static str, cause: &str) -> Error {
        let with_credentials = self.credentials.is_some();
        Error::Refused { registry: self.host.clone(), action, cause: cause.to_owned(), with_credentials }
    }

    pub(crate) fn protocol(&self, problem: &str) -> Error {
        Error::Protocol { registry: self.host.clone(), problem: problem.to_owned() }
    }

    fn authorization(&self) -> MutexGuard<'_, Option<HeaderValue>> {
        self.authorization.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_TOKEN_BYTES: u64 = 64 << 10;
const MAX_ERROR_BYTES: u64 = 8 << 10;
const AUTHORIZE: &str = "authorize us";

/// What the registry says about an error, for a terminal: one line, without control characters.
fn explanation(body: &[u8]) -> Option<String> {
    let envelope: OciEnvelope = serde_json::from_slice(body).ok()?;
    let error = envelope.errors.into_iter().next()?;
    let code = serde_json::to_value(&error.code).ok()?;
    Some(printable(&format!("{} {}", code.as_str()?, error.message)))
}

/// What lies behind `error`, whose own text says little; that text where nothing does.
fn causes(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), causes_from)
}

fn causes_from(first: &(dyn std::error::Error + 'static)) -> String {
    let mut text = first.to_string();
    let mut next = first.source();
    while let Some(cause) = next {
        let part = cause.to_string();
        // Many layers repeat the one below.
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        next = cause.source();
    }
    text
}
