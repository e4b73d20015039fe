//! When to try again, and how long to wait before.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// How often something is tried altogether.
pub(crate) const TRIES: u32 = 5;
/// After this long nothing is tried again.
pub(crate) const DEADLINE: Duration = Duration::from_secs(300);

const FIRST_WAIT: Duration = Duration::from_millis(500);
/// A registry may ask for hours; somebody is waiting at a terminal, and CI pays by the minute.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long to wait after the failed try number `failed` (from 1): what the registry asks for, at most
/// [`LONGEST_WAIT`]; else twice as long each time, between half and all of it as `jitter` (0 to 255) says, so that many
/// clients that failed together do not come back together.
pub(crate) fn wait(failed: u32, retry_after: Option<Duration>, jitter: u8) -> Duration {
    match retry_after {
        Some(asked) => asked.min(LONGEST_WAIT),
        None => {
            let whole = FIRST_WAIT.saturating_mul(1 << failed.saturating_sub(1).min(6)).min(LONGEST_WAIT);
            whole / 2 + whole.mul_f64(f64::from(jitter) / 255.0) / 2
        }
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(value).ok().map(|date| date.duration_since(now).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use reqwest::header::{HeaderMap, RETRY_AFTER};

    use super::{LONGEST_WAIT, retry_after, wait};

    #[test]
    fn waits_longer_each_time_and_never_for_ever() {
        assert_eq!(wait(1, None, 0), Duration::from_millis(250));
        assert_eq!(wait(1, None, 255), Duration::from_millis(500));
        assert_eq!(wait(4, None, 255), Duration::from_secs(4));
        assert_eq!(wait(u32::MAX, None, 255), Duration::from_secs(32));
        assert_eq!(wait(1, Some(Duration::from_secs(86_400)), 0), LONGEST_WAIT);
        assert_eq!(wait(1, Some(Duration::from_secs(2)), 9), Duration::from_secs(2));
    }

    #[test]
    fn reads_seconds_and_dates() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        for (value, expected) in [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{value}");
        }
    }
}
