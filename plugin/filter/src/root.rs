//! The root context: one configuration, and the streams that arrive under it.

use std::rc::Rc;

use gwauthz_policy::{Config, Effective, Engine, Metric};
use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{BufferType, ContextType, LogLevel},
};

use crate::{host::HostData, http::Http, metrics, shared::Shared};

pub(crate) struct Root {
    id: u32,
    /// Absent until a configuration has been accepted: without one every request is refused.
    shared: Option<Rc<Shared>>,
}

impl Root {
    pub(crate) fn new(id: u32) -> Self {
        Self { id, shared: None }
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _trailers: usize) {
        if let Some(shared) = &self.shared {
            shared.handle_reply(token, headers, body);
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let text = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten().unwrap_or_default();
        let parsed = Config::from_slice(&text).and_then(|mut parsed| {
            parsed.config.fill_secrets(|name| std::env::var(name).ok())?;
            Ok(parsed)
        });
        match parsed {
            Ok(parsed) => {
                for warning in &parsed.warnings {
                    log(LogLevel::Warn, &format!("gwauthz: configuration: {warning}"));
                }
                let Effective { text, .. } = &parsed.effective;
                log(LogLevel::Info, &format!("gwauthz {}: configured: {text}", env!("CARGO_PKG_VERSION")));
                metrics::record(Metric::Configuration, parsed.effective.number());
                let shared = Rc::new(Shared::new(self.id, Engine::with_shared_data(parsed.config, Rc::new(HostData))));
                shared.schedule();
                self.shared = Some(shared);
                true
            }
            Err(errors) => {
                log(LogLevel::Critical, &format!("gwauthz: configuration refused: {errors}"));
                false
            }
        }
    }

    fn on_tick(&mut self) {
        if let Some(shared) = &self.shared {
            shared.handle_tick();
        }
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http::new(context_id, self.shared.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// Logs a line; a host that cannot log leaves nobody to tell.
pub(crate) fn log(level: LogLevel, line: &str) {
    let _ = hostcalls::log(level, line);
}
