//! What TCP connections of a scenario cannot be.

use super::{
    super::{
        format::{ConnectionEnding, ConnectionExpectation, ReceivedExpectation, Scenario, TcpAct, TcpConnection},
        place::Place,
    },
    Checked, check_duration, check_times, check_worker, expectation,
    grpc::{check_base64, check_bytes},
    no,
};

pub(super) fn check(connection: &TcpConnection, scenario: &Scenario, place: &Place) -> Checked {
    let upstream = connection.upstream.as_deref().unwrap_or_default();
    check_acts(&connection.client, &place.key("client"))?;
    check_acts(upstream, &place.key("upstream"))?;
    check_worker(connection.worker, scenario, &place.key("worker"))?;
    check_times(connection.times, &place.key("times"))?;
    let Some(expect) = &connection.expect else { return Ok(()) };
    let resets = connection.client.iter().chain(upstream).any(|act| *act == TcpAct::Reset);
    check_expectation(expect, resets, scenario, &place.key("expect"))
}

/// What one side does.
fn check_acts(acts: &[TcpAct], place: &Place) -> Checked {
    let (mut has_ended, mut has_reset) = (false, false);
    for (number, act) in acts.iter().enumerate() {
        let here = place.item(number);
        let sends = matches!(act, TcpAct::Send(_) | TcpAct::SendBase64(_) | TcpAct::End);
        if has_reset || has_ended && sends {
            let how = if has_reset { "a side that has reset the connection" } else { "a side that has ended" };
            return no(&here, format!("{how} does not do this"), "put it in front, or leave it out");
        }
        match act {
            TcpAct::Receive(text) | TcpAct::ReceiveBase64(text) if text.is_empty() => {
                return no(&here, "nothing at all is always there", "name what has to arrive");
            }
            TcpAct::SendBase64(base64) | TcpAct::ReceiveBase64(base64) => check_base64(base64, &here)?,
            TcpAct::Wait(time) => check_duration(Some(*time), &here)?,
            TcpAct::End => has_ended = true,
            TcpAct::Reset => has_reset = true,
            TcpAct::Send(_) | TcpAct::Receive(_) | TcpAct::AwaitEnd => {}
        }
    }
    Ok(())
}

fn check_expectation(expect: &ConnectionExpectation, resets: bool, scenario: &Scenario, place: &Place) -> Checked {
    if expect.ending == Some(ConnectionEnding::Reset) && !resets {
        return no(&place.key("ending"), "neither side resets this connection", "let one do so: `reset`");
    }
    for (key, received) in [("client", &expect.client), ("upstream", &expect.upstream)] {
        received.as_ref().map_or(Ok(()), |received| check_received(received, &place.key(key)))?;
    }
    expectation::check_effects(expect.effects(), scenario, place)
}

fn check_received(expect: &ReceivedExpectation, place: &Place) -> Checked {
    check_bytes(("text", expect.text.as_deref()), expect.base64.as_deref(), place)?;
    let Some(whole) = &expect.text else { return Ok(()) };
    match expect.contains.iter().position(|text| !whole.contains(text)) {
        Some(number) => no(
            &place.key("contains").item(number),
            "`text`, which is the whole, does not hold this",
            "keep one of them",
        ),
        None => Ok(()),
    }
}
