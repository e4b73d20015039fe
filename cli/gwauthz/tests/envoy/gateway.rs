//! The table's world around a real Envoy: listeners for every setup, an authorization service, an upstream.

use std::{path::Path, thread};

use crate::{
    http::{Headers, Message, Request},
    outcome::{Outcome, compared},
    process::{Envoy, Listener, NOBODY},
    service::{Reply, Service},
    table::{AUTHORIZATION_CLUSTER, REFUSING_CLUSTER, Row, Setup},
};

pub(crate) struct RealGateway {
    envoy: Envoy,
    authorization: Service,
    upstream: Service,
}

impl RealGateway {
    pub(crate) fn start(plugin: &Path) -> Self {
        let authorization = Service::start(Reply::Status(200)).expect("an authorization service");
        let upstream = Service::start(Reply::Status(200)).expect("an upstream");
        let clusters = [
            (AUTHORIZATION_CLUSTER, authorization.address),
            ("upstream", upstream.address),
            (REFUSING_CLUSTER, NOBODY),
        ];
        let listeners: Vec<_> = Setup::ALL
            .into_iter()
            .flat_map(|setup| [false, true].map(|normalize_path| (setup, normalize_path)))
            .map(|(setup, normalize_path)| Listener {
                name: listener_name(setup, normalize_path),
                vm_id: listener_name(setup, normalize_path),
                plugin_config: setup.plugin_config(),
                normalize_path,
            })
            .collect();
        Self { envoy: Envoy::start(plugin, &listeners, &clusters), authorization, upstream }
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
        self.envoy.log()
    }

    /// Sends the row's request to the listener of its setup.
    pub(crate) fn answer(&self, row: &Row, normalized: bool) -> Outcome {
        self.authorization.reply_with(row.authorization);
        let listener = self.envoy.listener(&listener_name(row.setup, normalized));
        let answer = row.request.send(listener).unwrap_or_else(|error| panic!("{}: {error}", row.name));
        let mut forwarded = self.upstream.take_seen().into_iter();
        let outcome = Outcome {
            status: answer.status(),
            headers: compared(answer.headers),
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
    let mut line = message.start.split(' ').map(str::to_owned);
    let mut headers = message.headers.clone();
    headers.extend([":method", ":path"].map(|name| (name.to_owned(), line.next().unwrap_or_default())));
    for (name, _) in &mut headers {
        if name == "host" {
            *name = ":authority".to_owned();
        }
    }
    compared(headers)
}
