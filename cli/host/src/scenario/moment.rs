//! Times in the JSON that a service replies with: a real Envoy has the time of day, which no file can hold.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;

use super::place::Place;

/// The key of an object that stands for a time.
const UNIX_TIME: &str = "$unixTime";

/// The JSON with times in it, for a gateway that was started at `start`, the time since the Unix epoch.
pub(super) fn with_times(json: &Value, start: Duration) -> Value {
    match json {
        Value::Object(members) => match members.get(UNIX_TIME).and_then(from_start) {
            Some(from_start) => {
                let start = i64::try_from(start.as_secs()).unwrap_or(i64::MAX);
                start.saturating_add(from_start.as_secs()).into()
            }
            None => members.iter().map(|(name, member)| (name.clone(), with_times(member, start))).collect(),
        },
        Value::Array(items) => items.iter().map(|item| with_times(item, start)).collect(),
        other => other.clone(),
    }
}

/// Where a time stands that is not written as one.
pub(super) fn first_malformed(json: &Value, place: &Place) -> Option<Place> {
    let mut times = Vec::new();
    find_times(json, place, &mut times);
    times.into_iter().find(|(_, is_sound)| !is_sound).map(|(place, _)| place)
}

/// Where a time stands.
pub(super) fn first(json: &Value, place: &Place) -> Option<Place> {
    let mut times = Vec::new();
    find_times(json, place, &mut times);
    times.into_iter().next().map(|(place, _)| place)
}

/// Gathers where times stand, and whether each is written as one.
fn find_times(json: &Value, place: &Place, times: &mut Vec<(Place, bool)>) {
    match json {
        Value::Object(members) => match members.get(UNIX_TIME) {
            Some(time) => {
                times.push((place.key(UNIX_TIME), members.len() == 1 && from_start(time).is_some()));
            }
            None => members.iter().for_each(|(name, member)| find_times(member, &place.key(name), times)),
        },
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(number, item)| find_times(item, &place.item(number), times));
        }
        _ => {}
    }
}

fn from_start(time: &Value) -> Option<SignedDuration> {
    time.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{first, first_malformed, with_times};
    use crate::scenario::Place;

    #[test]
    fn a_time_is_counted_from_the_start() {
        let json = json!({"issuedAt": {"$unixTime": "-5s"}, "ids": [{"id": "a", "exp": {"$unixTime": "1h 1s"}}], "version": 1});
        assert_eq!(
            with_times(&json, Duration::from_millis(1_767_225_600_900)),
            json!({"issuedAt": 1_767_225_595, "ids": [{"id": "a", "exp": 1_767_229_201}], "version": 1})
        );
        assert_eq!(first_malformed(&json, &Place::default()), None);
    }

    #[test]
    fn what_is_no_time_is_found() {
        let place = |json| first_malformed(&json, &Place::default().key("json")).map(|place| place.to_string());
        for wrong in [json!(5), json!("soon"), json!(null)] {
            let json = json!({"at": {"$unixTime": "0s"}, "list": [1, {"$unixTime": wrong}]});
            assert_eq!(place(json).as_deref(), Some("json.list[1].$unixTime"));
        }
        assert_eq!(place(json!({"$unixTime": "0s", "a": 1})).as_deref(), Some("json.$unixTime"));
        assert_eq!(first(&json!({"unixTime": "0s"}), &Place::default()), None);
    }
}
