use std::sync::Once;

/// Chooses the implementation of TLS for this process, once: rustls wants to be told. Whoever makes an HTTP client
/// calls this first; [`Registry`](crate::Registry) does so itself.
pub fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails only where the process has chosen one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
