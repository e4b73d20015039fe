//! Expectations that nothing can fulfil.

use super::{
    super::{
        fields::HeaderFields,
        format::{
            Decision, Effects, EndingName, ForeignCallExpectation, RequestExpectation, Scenario, StateExpectation,
        },
        place::Place,
    },
    Checked, check_duration,
    grpc::{self, check_bytes},
    message, no,
};

pub(super) fn check_request(expect: &RequestExpectation, scenario: &Scenario, place: &Place) -> Checked {
    if expect.decision == Some(Decision::Deny) {
        if expect.upstream.is_some() {
            return no(
                &place.key("upstream"),
                "a request that is denied never reaches the upstream",
                "leave `upstream` out, or expect `decision: allow`",
            );
        }
        if expect.ending == Some(EndingName::Served) {
            return no(
                &place.key("ending"),
                "a request that is denied is not served",
                "expect `answered`, or `decision: allow`",
            );
        }
    }
    if expect.decision == Some(Decision::Allow) && expect.ending == Some(EndingName::Refused) {
        return no(
            &place.key("ending"),
            "a request that the gateway refuses is not allowed",
            "expect `decision: deny`",
        );
    }
    if expect.status.is_some_and(|status| !(200..=599).contains(&status)) {
        return no(&place.key("status"), "no response has this status", "expected 200 to 599");
    }
    if expect.body.is_some() && expect.json.is_some() {
        return no(&place.key("json"), "the body is expected here and in `body`", "keep one of them");
    }
    if let Some(body) = &expect.body
        && let Some(number) = expect.body_contains.iter().position(|text| !body.contains(text))
    {
        let place = place.key("bodyContains").item(number);
        return no(&place, "`body`, which is the whole, does not hold this", "keep one of them");
    }
    check_headers(&expect.headers, &expect.headers_absent, place)?;
    for name in expect.headers_contain.keys() {
        message::check_name(name, &place.key("headersContain").key(name))?;
    }
    if let Some(upstream) = &expect.upstream {
        check_headers(&upstream.headers, &upstream.headers_absent, &place.key("upstream"))?;
    }
    check_effects(expect.effects(), scenario, place)
}

/// What a request or a connection causes.
pub(super) fn check_effects(expect: Effects<'_>, scenario: &Scenario, place: &Place) -> Checked {
    for (number, callout) in expect.callouts.iter().copied().flatten().enumerate() {
        let place = place.key("callouts").item(number);
        check_headers(&callout.headers, &callout.headers_absent, &place)?;
        if let Some(cluster) = &callout.cluster
            && !scenario.services.iter().any(|service| service.cluster == *cluster)
        {
            return no(
                &place.key("cluster"),
                "a cluster that no entry of `services` names does not exist, and cannot be called",
                "add it to `services`",
            );
        }
    }
    for (number, callout) in expect.grpc_callouts.iter().copied().flatten().enumerate() {
        grpc::check_callout(callout, scenario, &place.key("grpcCallouts").item(number))?;
    }
    check_foreign_calls(expect.foreign_calls, &place.key("foreignCalls"))?;
    check_logs(expect.logs_contain, expect.logs_lack, place)?;
    check_duration(expect.within, &place.key("within"))
}

pub(super) fn check_state(expect: &StateExpectation, place: &Place) -> Checked {
    check_foreign_calls(expect.foreign_calls.as_deref(), &place.key("foreignCalls"))?;
    check_logs(&expect.logs_contain, &expect.logs_lack, place)
}

fn check_headers(present: &HeaderFields, absent: &[String], place: &Place) -> Checked {
    let [headers, headers_absent] = [place.key("headers"), place.key("headersAbsent")];
    check_presence((present, &headers), (absent, &headers_absent))
}

/// Names that are expected to be there, and names that are not, each with where they stand.
pub(super) fn check_presence(
    (present, place): (&HeaderFields, &Place),
    (absent, absent_place): (&[String], &Place),
) -> Checked {
    for (name, _) in present.iter() {
        message::check_name(name, &place.key(name))?;
    }
    for (number, name) in absent.iter().enumerate() {
        let here = absent_place.item(number);
        message::check_name(name, &here)?;
        if present.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            return no(&here, "this one is expected to be there as well", "keep one of them");
        }
    }
    Ok(())
}

fn check_foreign_calls(expect: Option<&[ForeignCallExpectation]>, place: &Place) -> Checked {
    for (number, call) in expect.into_iter().flatten().enumerate() {
        let place = place.item(number);
        check_bytes(("arguments", call.arguments.as_deref()), call.base64.as_deref(), &place)?;
    }
    Ok(())
}

fn check_logs(contain: &[String], lack: &[String], place: &Place) -> Checked {
    match lack.iter().position(|text| contain.iter().any(|present| present.contains(text))) {
        Some(number) => {
            no(&place.key("logsLack").item(number), "`logsContain` expects this text to be there", "keep one of them")
        }
        None => Ok(()),
    }
}
