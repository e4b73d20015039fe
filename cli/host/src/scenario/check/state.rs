//! A gateway at one moment.

use super::{
    super::{format::StateExpectation, observed::State, place::Place},
    Findings,
};

impl Findings<'_> {
    pub(super) fn state(&mut self, expect: &StateExpectation, state: &State, place: &Place) {
        if let Some(metrics) = &state.metrics {
            for (name, value) in &expect.metrics {
                let found = metrics.get(name).map_or_else(|| "no such metric".to_owned(), u64::to_string);
                let place = place.key("metrics").key(name);
                self.equal(&format!("metric {name}"), Some(&value.to_string()), &found, &place);
            }
        }
        if let Some(data) = &state.shared_data {
            for (key, value) in &expect.shared_data {
                let found = data.get(key.as_bytes()).map(|value| String::from_utf8_lossy(value));
                if value.as_deref() != found.as_deref() {
                    let shown = |value: Option<&str>| value.unwrap_or("absent").to_owned();
                    let place = place.key("sharedData").key(key);
                    self.fail(&format!("shared data {key}"), shown(value.as_deref()), shown(found.as_deref()), &place);
                }
            }
        }
        for (cluster, count) in &expect.callouts {
            let found = state.callouts.get(cluster).copied().unwrap_or_default();
            let place = place.key("callouts").key(cluster);
            self.equal(&format!("callouts to {cluster} so far"), Some(&count.to_string()), &found.to_string(), &place);
        }
        if let (Some(expected), Some(count)) = (&expect.foreign_calls, state.foreign_calls) {
            let found: Vec<_> = self.observed.foreign_calls.iter().take(count).collect();
            self.foreign_calls(expected, "so far", &found, &place.key("foreignCalls"));
        }
        let lines = self.observed.logs.get(..state.logs).unwrap_or_default();
        self.logs("so far", (&expect.logs_contain, &expect.logs_lack), lines, place);
    }
}
