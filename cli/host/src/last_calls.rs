//! The last host calls of a VM: what a guest did before it trapped. They are always recorded, so that recording has to
//! cost next to nothing: it copies numbers, and turns them into text only once they are asked for.

use std::fmt::Write as _;

use crate::trace::Values;

/// How many calls are kept.
const KEPT: usize = 16;
/// The most arguments that a host function has.
pub(crate) const MAX_ARGUMENTS: usize = 12;

/// The last host calls, in a ring.
#[derive(Debug)]
pub(crate) struct LastCalls {
    ring: [Call; KEPT],
    /// How many calls there were.
    count: u64,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    function: &'static str,
    arguments: [u64; MAX_ARGUMENTS],
    argument_count: u8,
    /// `None` until the call returns.
    result: Option<u32>,
}

impl Default for LastCalls {
    fn default() -> Self {
        let call = Call { function: "", arguments: [0; MAX_ARGUMENTS], argument_count: 0, result: None };
        Self { ring: [call; KEPT], count: 0 }
    }
}

impl LastCalls {
    /// The guest calls a function of the host; gives the call's number.
    pub(crate) fn called(&mut self, function: &'static str, arguments: &impl Values) -> u64 {
        let number = self.count;
        self.count += 1;
        if let Some(call) = self.slot(number) {
            call.function = function;
            call.argument_count = arguments.copy_to(&mut call.arguments);
            call.result = None;
        }
        number
    }

    /// The function returns. Between its call and this, others may have taken its place.
    pub(crate) fn returned(&mut self, number: u64, result: u32) {
        if self.count - number <= KEPT as u64
            && let Some(call) = self.slot(number)
        {
            call.result = Some(result);
        }
    }

    /// The calls, the last one last: `proxy_log(2, 1024, 5) = 0`.
    pub(crate) fn shown(&self) -> Vec<String> {
        let first = self.count.saturating_sub(KEPT as u64);
        (first..self.count).filter_map(|number| self.ring.get(index(number)).map(Call::shown)).collect()
    }

    fn slot(&mut self, number: u64) -> Option<&mut Call> {
        self.ring.get_mut(index(number))
    }
}

impl Call {
    fn shown(&self) -> String {
        let arguments = self.arguments.iter().take(self.argument_count.into());
        let arguments: Vec<_> = arguments.map(u64::to_string).collect();
        let mut text = format!("{}({})", self.function, arguments.join(", "));
        if let Some(result) = self.result {
            // Writing to a String cannot fail.
            let _ = write!(text, " = {result}");
        }
        text
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number % KEPT as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{KEPT, LastCalls};

    #[test]
    fn the_last_calls_are_kept() {
        let mut calls = LastCalls::default();
        assert!(calls.shown().is_empty());
        let first = calls.called("proxy_log", &(2_u32, 1024_u32, 5_u32));
        calls.returned(first, 0);
        let open = calls.called("proxy_record_metric", &(1_u32, u64::MAX));
        assert_eq!(calls.shown(), ["proxy_log(2, 1024, 5) = 0", "proxy_record_metric(1, 18446744073709551615)"]);
        for _ in 0..KEPT {
            calls.called("proxy_done", &());
        }
        // Its place is another's by now.
        calls.returned(open, 7);
        assert_eq!(calls.shown(), vec!["proxy_done()"; KEPT]);
    }
}
