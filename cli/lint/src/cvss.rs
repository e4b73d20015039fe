//! Severity by the base score of CVSS version 3.1 (FIRST, specification document, sections 2 and 7).

use std::fmt;

/// The base metrics of a defect; the score is always computed from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vector {
    pub(crate) attack_vector: AttackVector,
    pub(crate) attack_complexity: AttackComplexity,
    pub(crate) privileges_required: PrivilegesRequired,
    pub(crate) user_interaction: UserInteraction,
    pub(crate) scope: Scope,
    pub(crate) confidentiality: Impact,
    pub(crate) integrity: Impact,
    pub(crate) availability: Impact,
}

/// The qualitative rating of a score (section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Below 4.0.
    Low,
    /// From 4.0.
    Medium,
    /// From 7.0.
    High,
    /// From 9.0.
    Critical,
}

impl Vector {
    /// The base score, from 0.0 to 10.0 with one decimal (section 7.1).
    #[must_use]
    pub fn score(self) -> f64 {
        let changed = self.scope == Scope::Changed;
        let kept = [self.confidentiality, self.integrity, self.availability];
        let iss = 1.0 - kept.iter().map(|impact| 1.0 - impact.weight()).product::<f64>();
        let impact = if changed { 7.52 * (iss - 0.029) - 3.25 * (iss - 0.02).powi(15) } else { 6.42 * iss };
        if impact <= 0.0 {
            return 0.0;
        }
        let exploitability = 8.22
            * self.attack_vector.weight()
            * self.attack_complexity.weight()
            * self.privileges_required.weight(changed)
            * self.user_interaction.weight();
        let sum = impact + exploitability;
        round_up(if changed { 1.08 * sum } else { sum }.min(10.0))
    }

    /// The rating of the score.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self.score() {
            score if score >= 9.0 => Severity::Critical,
            score if score >= 7.0 => Severity::High,
            score if score >= 4.0 => Severity::Medium,
            _ => Severity::Low,
        }
    }
}

/// The vector string (section 6), with its version.
impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attack_vector, attack_complexity, privileges_required, user_interaction, scope, .. } = self;
        let letter = |metric: &dyn fmt::Debug| format!("{metric:?}").chars().next().unwrap_or_default();
        write!(
            f,
            "CVSS:3.1/AV:{}/AC:{}/PR:{}/UI:{}/S:{}/C:{}/I:{}/A:{}",
            letter(attack_vector),
            letter(attack_complexity),
            letter(privileges_required),
            letter(user_interaction),
            letter(scope),
            letter(&self.confidentiality),
            letter(&self.integrity),
            letter(&self.availability),
        )
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

// The variants that rules use, each named as the specification names it; the first letter is its abbreviation.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttackVector {
    Network,
    Adjacent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttackComplexity {
    Low,
    High,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrivilegesRequired {
    None,
    High,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserInteraction {
    None,
    Required,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Unchanged,
    Changed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Impact {
    None,
    Low,
    High,
}

impl AttackVector {
    fn weight(self) -> f64 {
        match self {
            Self::Network => 0.85,
            Self::Adjacent => 0.62,
        }
    }
}

impl AttackComplexity {
    fn weight(self) -> f64 {
        match self {
            Self::Low => 0.77,
            Self::High => 0.44,
        }
    }
}

impl PrivilegesRequired {
    fn weight(self, scope_changed: bool) -> f64 {
        match self {
            Self::None => 0.85,
            Self::High if scope_changed => 0.5,
            Self::High => 0.27,
        }
    }
}

impl UserInteraction {
    fn weight(self) -> f64 {
        match self {
            Self::None => 0.85,
            Self::Required => 0.62,
        }
    }
}

impl Impact {
    fn weight(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Low => 0.22,
            Self::High => 0.56,
        }
    }
}

/// Up to one decimal, unharmed by binary fractions (appendix A).
fn round_up(score: f64) -> f64 {
    let hundred_thousandths = (score * 100_000.0).round();
    if hundred_thousandths % 10_000.0 == 0.0 {
        hundred_thousandths / 100_000.0
    } else {
        ((hundred_thousandths / 10_000.0).floor() + 1.0) / 10.0
    }
}

/// The vectors that rules share, each named for what the attacker gets.
pub(crate) mod vectors {
    use super::{AttackComplexity, AttackVector, Impact, PrivilegesRequired, Scope, UserInteraction, Vector};

    /// Anyone on the network passes the gateway.
    pub(crate) const OPEN_GATEWAY: Vector = Vector {
        attack_vector: AttackVector::Network,
        attack_complexity: AttackComplexity::Low,
        privileges_required: PrivilegesRequired::None,
        user_interaction: UserInteraction::None,
        scope: Scope::Unchanged,
        confidentiality: Impact::High,
        integrity: Impact::High,
        availability: Impact::None,
    };
    /// Anyone on the network passes the gateway, given a condition that they do not control alone.
    pub(crate) const OPEN_GATEWAY_SOMETIMES: Vector =
        Vector { attack_complexity: AttackComplexity::High, ..OPEN_GATEWAY };
    /// Someone who may write to the registry runs code in the gateway.
    pub(crate) const CODE_BY_REGISTRY: Vector = Vector {
        attack_vector: AttackVector::Network,
        attack_complexity: AttackComplexity::High,
        privileges_required: PrivilegesRequired::High,
        user_interaction: UserInteraction::None,
        scope: Scope::Changed,
        confidentiality: Impact::High,
        integrity: Impact::High,
        availability: Impact::High,
    };
    /// Someone on the same network reads and changes what is protected.
    pub(crate) const NEIGHBOUR: Vector = Vector { attack_vector: AttackVector::Adjacent, ..OPEN_GATEWAY_SOMETIMES };
    /// Someone between gateway and server runs code in the gateway.
    pub(crate) const CODE_IN_TRANSIT: Vector = Vector {
        attack_vector: AttackVector::Adjacent,
        privileges_required: PrivilegesRequired::None,
        ..CODE_BY_REGISTRY
    };
    /// Requests are refused, or an update does not take effect.
    pub(crate) const OUTAGE: Vector = Vector {
        confidentiality: Impact::None,
        integrity: Impact::None,
        availability: Impact::High,
        ..OPEN_GATEWAY_SOMETIMES
    };
    /// Something is learnt that should not be.
    pub(crate) const LEAK: Vector = Vector { confidentiality: Impact::Low, availability: Impact::None, ..OUTAGE };
    /// What a reviewer reads is not what runs.
    pub(crate) const MISLEADS_REVIEW: Vector = Vector {
        privileges_required: PrivilegesRequired::High,
        user_interaction: UserInteraction::Required,
        confidentiality: Impact::Low,
        integrity: Impact::High,
        ..OPEN_GATEWAY_SOMETIMES
    };
    /// A weaker footing than need be.
    pub(crate) const HYGIENE: Vector = Vector {
        privileges_required: PrivilegesRequired::High,
        confidentiality: Impact::None,
        integrity: Impact::Low,
        availability: Impact::Low,
        ..OPEN_GATEWAY_SOMETIMES
    };
}

#[cfg(test)]
mod tests {
    use super::{Severity, Vector, vectors};

    #[test]
    fn scores_are_those_of_the_calculator() {
        let cases: [(Vector, &str, f64, Severity); 9] = [
            (vectors::OPEN_GATEWAY, "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:N", 9.1, Severity::Critical),
            (vectors::OPEN_GATEWAY_SOMETIMES, "AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:N", 7.4, Severity::High),
            (vectors::CODE_BY_REGISTRY, "AV:N/AC:H/PR:H/UI:N/S:C/C:H/I:H/A:H", 8.0, Severity::High),
            (vectors::NEIGHBOUR, "AV:A/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:N", 6.8, Severity::Medium),
            (vectors::CODE_IN_TRANSIT, "AV:A/AC:H/PR:N/UI:N/S:C/C:H/I:H/A:H", 8.3, Severity::High),
            (vectors::OUTAGE, "AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H", 5.9, Severity::Medium),
            (vectors::LEAK, "AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:N/A:N", 3.7, Severity::Low),
            (vectors::MISLEADS_REVIEW, "AV:N/AC:H/PR:H/UI:R/S:U/C:L/I:H/A:N", 4.8, Severity::Medium),
            (vectors::HYGIENE, "AV:N/AC:H/PR:H/UI:N/S:U/C:N/I:L/A:L", 3.3, Severity::Low),
        ];
        for (vector, text, score, severity) in cases {
            assert_eq!(vector.to_string(), format!("CVSS:3.1/{text}"));
            assert!((vector.score() - score).abs() < 1e-9, "{text} scores {}", vector.score());
            assert_eq!(vector.severity(), severity, "{text}");
        }
    }
}
