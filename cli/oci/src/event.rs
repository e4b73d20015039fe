use std::{fmt, sync::Arc, time::Duration};

use crate::Error;

/// Something that a user who waits may want to see.
#[derive(Debug)]
pub enum Event<'a> {
    /// An upload begins, perhaps once more.
    Upload {
        /// What is uploaded: "layer", "config" …
        what: &'static str,
        /// How many bytes it has.
        bytes: u64,
    },
    /// So many bytes of the upload have gone out.
    Sent {
        /// Since the upload began.
        bytes: u64,
    },
    /// Something failed and will be tried again.
    Retry {
        /// Why.
        error: &'a Error,
        /// After which time.
        wait: Duration,
    },
}

/// Called for every [`Event`], from the thread that transfers.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(&Event<'_>) + Send + Sync>);

impl Observer {
    /// Tells `observe` about every event.
    pub fn new(observe: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(observe))
    }

    pub(crate) fn tell(&self, event: &Event<'_>) {
        (self.0)(event);
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer(…)")
    }
}
