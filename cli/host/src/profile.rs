//! Whom the gateway follows where the specification and Envoy differ.

/// Whom the gateway follows where the specification of the proxy-wasm ABI v0.2.1 and Envoy differ. `ENVOY.md` lists where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Envoy, as it was observed.
    #[default]
    Envoy,
    /// The text of the specification.
    Spec,
}
