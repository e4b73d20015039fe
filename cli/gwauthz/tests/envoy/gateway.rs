//! The table's world around a real Envoy: listeners for every setup, an authorization service, an upstream.

use std::{path::Path, thread};

use gwauthz_host::envoy::{Message, NOBODY};

use crate::{
    embedded::text,
    outcome::{Headers, Outcome, compared},
    real::{RealEnvoy, listener},
    request::Request,
    services::{RecordingService, Reply},
    table::{AUTHORIZATION_CLUSTER, REFUSING_CLUSTER, Row, Setup},
};

pub(crate) struct RealGateway {
    envoy: RealEnvoy,
    authorization: RecordingService,
    upstream: RecordingService,
}

impl RealGateway {
    pub(crate) fn start(plugin: &Path) -> Self {
        let authorization = RecordingService::start(Reply::Status(200));
        let upstream = RecordingService::start(Reply::Status(200));
        let clusters = [
            (AUTHORIZATION_CLUSTER, authorization.address()),
            ("upstream", upstream.address()),
            (REFUSING_CLUSTER, NOBODY),
        ];
        let listeners: Vec<_> = Setup::ALL
            .into_iter()
            .flat_map(|setup| [false, true].map(|normalize_path| (setup, normalize_path)))
            .map(|(setup, normalize_path)| {
                let name = listener_name(setup, normalize_path);
                listener(&name, plugin, &setup.plugin_config(), normalize_path)
            })
            .collect();
        Self { envoy: RealEnvoy::start(listeners, &clusters), authorization, upstream }
    }

    /// Sends many requests at once, whose tokens spell what the service will say of them; their answers, in order.
    pub(crate) fn answer_at_once(&self, setup: Setup, requests: Vec<Request>) -> Vec<u16> {
        self.authorization.reply_with(Reply::Spelled);
        let listener = self.envoy.listener(&listener_name(setup, false));
        let sent: Vec<_> = requests
            .into_iter()
            .map(|request| thread::spawn(move || request.send(listener).expect("an answer").status()))
            .collect();
        sent.into_iter().map(|sent| sent.join().expect("a client")).collect()
    }

    /// Everything that was logged.
    pub(crate) fn log(&self) -> String {
        self.envoy.0.folder().log_text()
    }

    /// Sends the row's request to the listener of its setup.
    pub(crate) fn answer(&self, row: &Row, normalized: bool) -> Outcome {
        self.authorization.reply_with(row.authorization);
        let listener = self.envoy.listener(&listener_name(row.setup, normalized));
        let answer = row.request.send(listener).unwrap_or_else(|| panic!("{}: no answer", row.name));
        let mut forwarded = self.upstream.take_seen().into_iter();
        let outcome = Outcome {
            status: answer.status(),
            headers: compared(text(&answer.headers)),
            body: answer.body.escape_ascii().to_string(),
            forwarded: forwarded.next().map(|message| (received(&message), message.body.escape_ascii().to_string())),
            callouts: self.authorization.take_seen().iter().map(received).collect(),
        };
        assert!(forwarded.next().is_none(), "{}: the upstream got the request twice", row.name);
        outcome
    }
}

fn listener_name(setup: Setup, normalized: bool) -> String {
    format!("{setup:?}{}", if normalized { "-normalized" } else { "" })
}

/// A request as a filter would see it: the request line as pseudo-headers, Envoy's own additions left out.
fn received(message: &Message) -> Headers {
    let mut headers: Headers = text(&message.headers).collect();
    headers.push((":method".to_owned(), message.method().to_owned()));
    headers.push((":path".to_owned(), message.target().to_owned()));
    for (name, _) in &mut headers {
        if name == "host" {
            *name = ":authority".to_owned();
        }
    }
    compared(headers)
}
