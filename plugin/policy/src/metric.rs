//! What operators can count: decisions by their reason, callouts by their result and time, and how what decides does.
//!
//! Envoy shows a metric `gwauthz.denied.missing_token` as the statistic `wasmcustom.gwauthz.denied.missing_token`, and at
//! `/stats/prometheus` as `gwauthz_denied_missing_token`.

use crate::{CalloutResult, Denial, PermitReason};

/// What kind of a metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A number that grows.
    Counter,
    /// A number that is set, or goes up and down.
    Gauge,
    /// Values, of which their distribution is kept.
    Histogram,
}

macro_rules! metrics {
    ($($(#[$about:meta])* $name:ident = $kind:ident $text:literal;)+) => {
        /// A metric of the plugin.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric {
            /// Requests that were let through.
            Allowed(PermitReason),
            /// Requests that were answered.
            Denied(Denial),
            /// Callouts of requests.
            Callout(CalloutResult),
            /// Requests that would have been answered, in shadow mode.
            ShadowDenied(Denial),
            $($(#[$about])* $name,)+
        }

        /// The metrics that stand for themselves, for their order.
        enum Single {
            $($name,)+
        }

        const SINGLE: [(Metric, &str, MetricKind); [$($text),+].len()] =
            [$((Metric::$name, $text, MetricKind::$kind)),+];

        impl Metric {
            /// Its place among all.
            #[must_use]
            pub fn index(self) -> usize {
                match self {
                    Self::Allowed(reason) => ALLOWED + reason as usize,
                    Self::Denied(denial) => DENIED + denial as usize,
                    Self::Callout(result) => CALLOUT + result as usize,
                    Self::ShadowDenied(denial) => SHADOW_DENIED + denial as usize,
                    $(Self::$name => SINGLES + Single::$name as usize,)+
                }
            }
        }
    };
}

metrics! {
    /// How long callouts took, in milliseconds.
    CalloutTime = Histogram "gwauthz.callout_milliseconds";
    /// Requests that would have been let through, in shadow mode.
    ShadowAllowed = Counter "gwauthz.shadow.allowed";
    /// Requests of which nobody has found out, in shadow mode: too many were under way.
    ShadowUndecided = Counter "gwauthz.shadow.undecided";
    /// Questions to the service whose answer was kept.
    DecisionHit = Counter "gwauthz.decisions.hits";
    /// Questions to the service whose answer was not kept, or not any more.
    DecisionMiss = Counter "gwauthz.decisions.misses";
    /// Tokens whose signature had been verified before.
    SignatureHit = Counter "gwauthz.signatures.hits";
    /// Tokens whose signature was to be verified.
    SignatureMiss = Counter "gwauthz.signatures.misses";
    /// How often a breaker has opened, once where workers share it.
    BreakerOpened = Counter "gwauthz.breakers.opened";
    /// How many breakers are open, each once for every worker that knows.
    BreakersOpen = Gauge "gwauthz.breakers.open";
    /// Callouts that an open breaker has withheld.
    BreakerWithheld = Counter "gwauthz.breakers.withheld";
    /// When the oldest of the JWK Sets that count came, in seconds since 1970.
    KeysTime = Gauge "gwauthz.keys.fetched_seconds";
    /// Fetches of JWK Sets that brought none.
    KeysFailure = Counter "gwauthz.keys.failures";
    /// When the snapshot of revocations that counts was issued, in seconds since 1970.
    RevocationsTime = Gauge "gwauthz.revocations.issued_seconds";
    /// Fetches of snapshots that brought none, or one that was too old.
    RevocationsFailure = Counter "gwauthz.revocations.failures";
    /// Which configuration is in force: the first 48 bits of its digest, which a double holds exactly.
    Configuration = Gauge "gwauthz.configuration";
}

const ALLOWED: usize = 0;
const DENIED: usize = ALLOWED + PermitReason::ALL.len();
const CALLOUT: usize = DENIED + Denial::ALL.len();
const SHADOW_DENIED: usize = CALLOUT + CalloutResult::ALL.len();
const SINGLES: usize = SHADOW_DENIED + Denial::ALL.len();

impl Metric {
    /// How many there are.
    pub const COUNT: usize = SINGLES + SINGLE.len();

    /// Every metric, by its [`Self::index`].
    pub fn all() -> impl Iterator<Item = Self> {
        let allowed = PermitReason::ALL.into_iter().map(Self::Allowed);
        let denied = Denial::ALL.into_iter().map(Self::Denied);
        let callouts = CalloutResult::ALL.into_iter().map(Self::Callout);
        let shadow_denied = Denial::ALL.into_iter().map(Self::ShadowDenied);
        let singles = SINGLE.into_iter().map(|(metric, ..)| metric);
        allowed.chain(denied).chain(callouts).chain(shadow_denied).chain(singles)
    }

    /// Its name, never reused.
    #[must_use]
    pub fn name(self) -> String {
        let (group, code) = match self {
            Self::Allowed(reason) => ("gwauthz.allowed.", reason.code()),
            Self::Denied(denial) => ("gwauthz.denied.", denial.code()),
            Self::Callout(result) => ("gwauthz.callouts.", result.code()),
            Self::ShadowDenied(denial) => ("gwauthz.shadow.denied.", denial.code()),
            single => ("", single.single().map_or("", |(_, name, _)| name)),
        };
        [group, code].concat()
    }

    /// What kind of a metric it is.
    #[must_use]
    pub fn kind(self) -> MetricKind {
        self.single().map_or(MetricKind::Counter, |(.., kind)| kind)
    }

    fn single(self) -> Option<(Self, &'static str, MetricKind)> {
        SINGLE.get(self.index().checked_sub(SINGLES)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Metric;

    #[test]
    fn each_has_a_place_and_a_name_of_its_own() {
        for (place, metric) in Metric::all().enumerate() {
            assert_eq!(metric.index(), place, "{metric:?}");
            let is_plain = |byte: u8| byte.is_ascii_lowercase() || b"._".contains(&byte);
            assert!(metric.name().bytes().all(is_plain), "{metric:?}");
        }
        let names: BTreeSet<_> = Metric::all().map(Metric::name).collect();
        assert_eq!(names.len(), Metric::all().count());
        assert_eq!(names.len(), Metric::COUNT);
    }
}
