//! What operators can count: decisions by their reason, callouts by their result and time.
//!
//! Envoy shows a metric `gwauthz.denied.missing_token` as the statistic `wasmcustom.gwauthz.denied.missing_token`, and at
//! `/stats/prometheus` as `gwauthz_denied_missing_token`.

use crate::{CalloutResult, Denial, PermitReason};

/// A metric of the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Requests that were let through.
    Allowed(PermitReason),
    /// Requests that were answered.
    Denied(Denial),
    /// Requests that would have been let through, in shadow mode.
    ShadowAllowed,
    /// Requests that would have been answered, in shadow mode.
    ShadowDenied(Denial),
    /// Requests of which nobody has found out, in shadow mode: too many were under way.
    ShadowUndecided,
    /// Callouts of requests.
    Callout(CalloutResult),
    /// How long they took, in milliseconds.
    CalloutTime,
    /// Which configuration is in force: the first 48 bits of its digest, which a double holds exactly.
    Configuration,
}

/// What kind of a metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A number that grows.
    Counter,
    /// A number that is set.
    Gauge,
    /// Values, of which their distribution is kept.
    Histogram,
}

const ALLOWED: usize = 0;
const DENIED: usize = ALLOWED + PermitReason::ALL.len();
const SHADOW_ALLOWED: usize = DENIED + Denial::ALL.len();
const SHADOW_DENIED: usize = SHADOW_ALLOWED + 1;
const SHADOW_UNDECIDED: usize = SHADOW_DENIED + Denial::ALL.len();
const CALLOUT: usize = SHADOW_UNDECIDED + 1;
const CALLOUT_TIME: usize = CALLOUT + CalloutResult::ALL.len();
const CONFIGURATION: usize = CALLOUT_TIME + 1;

impl Metric {
    /// How many there are.
    pub const COUNT: usize = CONFIGURATION + 1;

    /// Every metric, by its [`Self::index`].
    pub fn all() -> impl Iterator<Item = Self> {
        let allowed = PermitReason::ALL.into_iter().map(Self::Allowed);
        let denied = Denial::ALL.into_iter().map(Self::Denied);
        let callouts = CalloutResult::ALL.into_iter().map(Self::Callout);
        let shadow_denied = Denial::ALL.into_iter().map(Self::ShadowDenied);
        let shadow = [Self::ShadowAllowed].into_iter().chain(shadow_denied).chain([Self::ShadowUndecided]);
        allowed.chain(denied).chain(shadow).chain(callouts).chain([Self::CalloutTime, Self::Configuration])
    }

    /// Its place among all.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::Allowed(reason) => ALLOWED + reason as usize,
            Self::Denied(denial) => DENIED + denial as usize,
            Self::ShadowAllowed => SHADOW_ALLOWED,
            Self::ShadowDenied(denial) => SHADOW_DENIED + denial as usize,
            Self::ShadowUndecided => SHADOW_UNDECIDED,
            Self::Callout(result) => CALLOUT + result as usize,
            Self::CalloutTime => CALLOUT_TIME,
            Self::Configuration => CONFIGURATION,
        }
    }

    /// Its name, never reused.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Allowed(reason) => ["gwauthz.allowed.", reason.code()].concat(),
            Self::Denied(denial) => ["gwauthz.denied.", denial.code()].concat(),
            Self::ShadowAllowed => "gwauthz.shadow.allowed".to_owned(),
            Self::ShadowDenied(denial) => ["gwauthz.shadow.denied.", denial.code()].concat(),
            Self::ShadowUndecided => "gwauthz.shadow.undecided".to_owned(),
            Self::Callout(result) => ["gwauthz.callouts.", result.code()].concat(),
            Self::CalloutTime => "gwauthz.callout_milliseconds".to_owned(),
            Self::Configuration => "gwauthz.configuration".to_owned(),
        }
    }

    /// What kind of a metric it is.
    #[must_use]
    pub fn kind(self) -> MetricKind {
        match self {
            Self::CalloutTime => MetricKind::Histogram,
            Self::Configuration => MetricKind::Gauge,
            _ => MetricKind::Counter,
        }
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
