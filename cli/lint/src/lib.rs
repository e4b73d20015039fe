//! What istiod will do with a manifest, and what an attacker could: the linter behind `gwauthz lint`.
//!
//! ```text
//! bytes -> Source -> spanned tree -> resources -> rules over the whole set -> Diagnostic -> an output of the caller
//! ```
//!
//! Nothing here reads a file or prints. Sources are untrusted: a broken document is a finding at its place, in time and
//! memory proportional to the text.
//!
//! ```
//! use gwauthz_lint::{Persona, Settings, Source, Sources, lint};
//!
//! let mut sources = Sources::default();
//! sources.add(Source::new("deploy.yaml", b"a: 1\na: 2\n".to_vec())?);
//! let report = lint(&sources, &Settings::default(), Persona::Regular);
//! assert_eq!(report.diagnostics[0].rule.name, "duplicate-key");
//! # Ok::<(), gwauthz_lint::TooLarge>(())
//! ```
#![forbid(unsafe_code)]

mod context;
mod cvss;
mod deployed;
mod diagnostic;
mod engine;
mod resource;
mod rules;
mod settings;
mod source;
mod spelling;
mod suppression;
mod tree;

pub use cvss::{Severity, Vector};
pub use deployed::{DeployedPlugin, Unreadable, deployed_plugins};
pub use diagnostic::{Diagnostic, Fix, Label, Safety};
pub use engine::{Report, lint};
pub use rules::{Code, Confidence, Persona, RULES, Rule, UnknownRule, find};
pub use settings::{Settings, SettingsError};
pub use source::{Location, MAX_SOURCE_BYTES, Position, Source, SourceId, Sources, Span, Spanned, TooLarge};
