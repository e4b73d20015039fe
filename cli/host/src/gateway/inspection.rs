//! What tests read of a gateway, and what they do in the place of other plugins.

use crate::{metrics::MetricReading, shared_data::SharedEntry};

use super::Gateway;

impl<W> Gateway<W> {
    /// The metrics that plugins have defined, in the order of their names.
    #[must_use]
    pub fn metrics(&self) -> Vec<MetricReading> {
        self.shared.get().metrics.readings()
    }

    /// The data that plugins share, in the order of `vm_id` and key.
    #[must_use]
    pub fn shared_data(&self) -> Vec<SharedEntry> {
        self.shared.get().data.entries()
    }

    /// Writes shared data, as a plugin of another VM does, whatever is there.
    pub fn write_shared_data(&mut self, entry: SharedEntry) {
        self.shared.get().data.put(entry);
    }
}
