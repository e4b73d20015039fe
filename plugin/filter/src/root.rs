//! The root context: one configuration, and the streams that arrive under it.

use std::rc::Rc;

use gwauthz_policy::{Config, Engine};
use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{BufferType, ContextType, LogLevel},
};

use crate::http::Http;

#[derive(Default)]
pub(crate) struct Root {
    /// Absent until a configuration has been accepted: without one every request is refused.
    engine: Option<Rc<Engine>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let text = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten().unwrap_or_default();
        match Config::from_slice(&text) {
            Ok(parsed) => {
                for warning in &parsed.warnings {
                    log(LogLevel::Warn, &format!("gwauthz: configuration: {warning}"));
                }
                log(LogLevel::Info, &format!("gwauthz {}: configured", env!("CARGO_PKG_VERSION")));
                self.engine = Some(Rc::new(Engine::new(parsed.config)));
                true
            }
            Err(errors) => {
                log(LogLevel::Critical, &format!("gwauthz: configuration refused: {errors}"));
                false
            }
        }
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http::new(self.engine.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// Logs a line; a host that cannot log leaves nobody to tell.
fn log(level: LogLevel, line: &str) {
    let _ = hostcalls::log(level, line);
}
