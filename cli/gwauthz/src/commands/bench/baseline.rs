//! An earlier result to compare with.

use serde::Deserialize;

use super::report::{Machine, SCHEMA};

/// An earlier result of `gwauthz bench --format json`.
pub(super) struct Baseline(Machine);

impl Baseline {
    /// Reads what `gwauthz bench --format json` printed.
    ///
    /// # Errors
    /// Whatever else a text is.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let head: Head = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if head.schema != SCHEMA {
            return Err(format!("expected the schema {SCHEMA}, found {}", head.schema.escape_debug()));
        }
        let machine: Machine = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if machine.modules.is_empty() {
            return Err("expected a module".to_owned());
        }
        Ok(Self(machine))
    }

    /// Fuel of a request, of the first module.
    pub(super) fn fuel(&self) -> u64 {
        self.0.modules.first().map(|module| module.fuel).unwrap_or_default()
    }

    /// The median time of a request in nanoseconds.
    pub(super) fn time(&self) -> u64 {
        self.0.modules.first().map(|module| module.request_ns.median).unwrap_or_default()
    }

    /// So many percent more fuel than the baseline's.
    pub(super) fn fuel_above(&self, percent: f64) -> f64 {
        self.fuel() as f64 * (1.0 + percent / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Baseline;

    #[test]
    fn what_is_no_baseline_is_refused() {
        for (text, expected) in [
            ("", "EOF"),
            ("{}", "missing field `schema`"),
            (r#"{"schema":"gwauthz.test/v1"}"#, "expected the schema gwauthz.bench/v1, found gwauthz.test/v1"),
            (r#"{"schema":"gwauthz.bench/v1","request":"","requests":1,"modules":[]}"#, "expected a module"),
        ] {
            let error = Baseline::parse(text).map(drop).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
