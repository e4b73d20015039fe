//! What a service or the upstream of a scenario sends.

use std::time::Duration;

use crate::{headers::HeaderMap, world::HttpResponse};

use super::{format::Reply, moment::with_times};

impl Reply {
    /// The response as Envoy has it of an HTTP/1.1 server: the status, the headers of the file in their order, the type
    /// of a JSON body, and how long the body is (RFC 9112, section 6). Times in it are counted from `start`, the time since
    /// the Unix epoch.
    #[must_use]
    pub fn response(&self, start: Duration) -> HttpResponse {
        let mut response = HttpResponse::new(self.status);
        self.headers.pairs().for_each(|(name, value)| response.headers.add(name, value));
        if let Some(json) = &self.json {
            response.body = with_times(json, start).to_string().into_bytes();
            if response.headers.first(b"content-type").is_none() {
                response.headers.add("content-type", "application/json");
            }
        } else if let Some(body) = &self.body {
            response.body = body.clone().into_bytes();
        }
        response.trailers = self.trailers.pairs().collect::<HeaderMap>();
        if !response.trailers.is_empty() {
            response.headers.add("transfer-encoding", "chunked");
        } else if !matches!(self.status, 204 | 304) {
            response.headers.add("content-length", response.body.len().to_string());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Reply;
    use crate::headers::HeaderMap;

    fn sent(text: &str) -> (HeaderMap, Vec<u8>) {
        let response = serde_saphyr::from_str::<Reply>(text).unwrap().response(Duration::ZERO);
        (response.headers, response.body)
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs.iter().copied().collect()
    }

    #[test]
    fn headers_say_what_the_body_is() {
        assert_eq!(sent("status: 200"), (headers(&[(":status", "200"), ("content-length", "0")]), Vec::new()));
        assert_eq!(sent("status: 204").0, headers(&[(":status", "204")]));
        assert_eq!(
            sent("{status: 200, json: {a: 1}, headers: {x-a: b}}"),
            (
                headers(&[
                    (":status", "200"),
                    ("x-a", "b"),
                    ("content-type", "application/json"),
                    ("content-length", "7")
                ]),
                br#"{"a":1}"#.to_vec()
            )
        );
        assert_eq!(
            sent("{status: 200, body: ab, trailers: {x-a: b}}").0,
            headers(&[(":status", "200"), ("transfer-encoding", "chunked")])
        );
    }
}
