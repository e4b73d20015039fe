//! What gRPC services and callouts of a scenario cannot be.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    super::{
        fields::HeaderFields,
        format::{
            GrpcAnswerSetup, GrpcCalloutExpectation, GrpcFailure, GrpcReply, GrpcService, GrpcStreamAnswer, Scenario,
        },
        place::Place,
    },
    Checked, check_cluster, check_duration, check_times, expectation, message, no,
};

/// The highest status code: `UNAUTHENTICATED`.
const LAST_CODE: u32 = 16;

/// A message that is written as text or in base64; `None` where it is neither, or no base64, which no scenario has that
/// was read.
pub(in super::super) fn message_bytes(text: Option<&str>, base64: Option<&str>) -> Option<Vec<u8>> {
    text.map(|text| text.as_bytes().to_vec()).or_else(|| BASE64_STANDARD.decode(base64?).ok())
}

pub(super) fn check_service(service: &GrpcService, place: &Place) -> Checked {
    check_cluster(&service.cluster, &place.key("cluster"))?;
    for (key, name) in [("service", &service.service), ("method", &service.method)] {
        if name
            .as_ref()
            .is_some_and(|name| name.is_empty() || name.contains(['/', ' ']) || name.contains(char::is_control))
        {
            return no(
                &place.key(key),
                "no gRPC service and no method has this name",
                "write them apart: `service: package.Service` and `method: Method`",
            );
        }
    }
    check_times(service.times, &place.key("times"))?;
    let answer = place.key("answer");
    match &service.answer {
        GrpcAnswerSetup::Reply(reply) => check_reply(reply, &answer.key("reply")),
        GrpcAnswerSetup::Stream(_) if service.times.is_some() => {
            no(&place.key("times"), "no calls are answered here, and a stream is answered to its end", "leave it out")
        }
        GrpcAnswerSetup::Stream(stream) => check_stream(stream, &answer.key("stream")),
        GrpcAnswerSetup::Fail(failure) => check_failure(failure, &answer.key("fail")),
        GrpcAnswerSetup::Timeout | GrpcAnswerSetup::Refused | GrpcAnswerSetup::Reset => Ok(()),
    }
}

fn check_reply(reply: &GrpcReply, place: &Place) -> Checked {
    check_message(reply.message.as_deref(), reply.base64.as_deref(), place)?;
    check_metadata(&reply.metadata, &place.key("metadata"))?;
    check_metadata(&reply.trailing_metadata, &place.key("trailingMetadata"))?;
    check_duration(reply.delay, &place.key("delay"))
}

fn check_stream(stream: &GrpcStreamAnswer, place: &Place) -> Checked {
    check_metadata(&stream.metadata, &place.key("metadata"))?;
    for (number, message) in stream.messages.iter().enumerate() {
        let place = place.key("messages").item(number);
        check_message(message.message.as_deref(), message.base64.as_deref(), &place)?;
        check_duration(message.delay, &place.key("delay"))?;
    }
    let Some(close) = &stream.close else { return Ok(()) };
    let place = place.key("close");
    if close.code > LAST_CODE {
        return no(&place.key("code"), "no stream is closed with this status", format!("expected 0 to {LAST_CODE}"));
    }
    check_metadata(&close.trailing_metadata, &place.key("trailingMetadata"))?;
    check_duration(close.delay, &place.key("delay"))
}

fn check_failure(failure: &GrpcFailure, place: &Place) -> Checked {
    if !(1..=LAST_CODE).contains(&failure.code) {
        return no(&place.key("code"), "no call fails with this status", format!("expected 1 to {LAST_CODE}"));
    }
    check_metadata(&failure.trailing_metadata, &place.key("trailingMetadata"))?;
    check_duration(failure.delay, &place.key("delay"))
}

pub(super) fn check_callout(expect: &GrpcCalloutExpectation, scenario: &Scenario, place: &Place) -> Checked {
    if let Some(cluster) = &expect.cluster
        && !scenario.grpc_services.iter().any(|service| service.cluster == *cluster)
    {
        return no(
            &place.key("cluster"),
            "a cluster that no entry of `grpcServices` names answers no gRPC",
            "add it to `grpcServices`",
        );
    }
    check_message(expect.message.as_deref(), expect.base64.as_deref(), place)?;
    if expect.messages.is_some() && (expect.message.is_some() || expect.base64.is_some()) {
        return no(
            &place.key("messages"),
            "a call has one message, which is expected here too",
            "expect `messages` of a stream alone",
        );
    }
    for (number, message) in expect.messages.iter().flatten().enumerate() {
        let place = place.key("messages").item(number);
        check_message(message.message.as_deref(), message.base64.as_deref(), &place)?;
    }
    let [present, absent] = [place.key("metadata"), place.key("metadataAbsent")];
    expectation::check_presence((&expect.metadata, &present), (&expect.metadata_absent, &absent))
}

fn check_message(text: Option<&str>, base64: Option<&str>, place: &Place) -> Checked {
    check_bytes(("message", text), base64, place)
}

/// Bytes that are written as text, under a key, or in base64.
pub(super) fn check_bytes((key, text): (&str, Option<&str>), base64: Option<&str>, place: &Place) -> Checked {
    let here = place.key("base64");
    match base64 {
        Some(_) if text.is_some() => no(&here, format!("this stands here and in `{key}`"), "keep one of them"),
        Some(base64) => check_base64(base64, &here),
        None => Ok(()),
    }
}

pub(super) fn check_base64(base64: &str, place: &Place) -> Checked {
    if BASE64_STANDARD.decode(base64).is_ok() {
        return Ok(());
    }
    no(place, "this is no base64", "expected letters, digits, `+` and `/`, padded with `=` (RFC 4648, section 4)")
}

fn check_metadata(metadata: &HeaderFields, place: &Place) -> Checked {
    let own = |name: &str| name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("grpc-"));
    match metadata.iter().find(|(name, _)| own(name)) {
        Some((name, _)) => {
            no(&place.key(name), "`grpc-` begins the names of gRPC's own metadata", "write `code` and `message`")
        }
        None => message::check_fields(metadata, place),
    }
}
