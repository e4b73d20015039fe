//! Every call between host and guest, in the words of Envoy's log at `wasm:trace`.

use std::fmt::Write as _;

/// The calls of one VM, if they are recorded.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    lines: Option<Vec<String>>,
}

/// The bound on recorded lines: a guest can make calls without end.
const MAX_LINES: usize = 1_000_000;

impl Trace {
    /// Begins to record.
    pub(crate) fn start(&mut self) {
        self.lines = Some(Vec::new());
    }

    /// The lines since the last time.
    pub(crate) fn take(&mut self) -> Vec<String> {
        self.lines.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The host calls an export of the guest.
    pub(crate) fn guest_called(&mut self, function: &str, arguments: &impl Values) {
        self.record(|| format!("[host->vm] {function}({})", arguments.shown()));
    }

    /// The export has returned.
    pub(crate) fn guest_returned(&mut self, function: &str, result: &impl Values) {
        self.record(|| format!("[host<-vm] {function} return: {}", result_of(result)));
    }

    /// The guest calls a function of the host.
    pub(crate) fn host_called(&mut self, module: &str, function: &str, arguments: &impl Values) {
        self.record(|| format!("[vm->host] {module}.{function}({})", arguments.shown()));
    }

    /// The function has returned.
    pub(crate) fn host_returned(&mut self, module: &str, function: &str, result: u32) {
        self.record(|| format!("[vm<-host] {module}.{function} return: {result}"));
    }

    fn record(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines
            && lines.len() < MAX_LINES
        {
            lines.push(line());
        }
    }
}

/// Arguments or results of a call.
pub(crate) trait Values {
    /// The values, separated by commas.
    fn shown(&self) -> String;
}

impl Values for () {
    fn shown(&self) -> String {
        String::new()
    }
}

impl Values for u32 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

macro_rules! values_of_tuples {
    ($(($($part:ident),+);)+) => {$(
        impl<$($part: std::fmt::Display),+> Values for ($($part,)+) {
            fn shown(&self) -> String {
                #[expect(non_snake_case, reason = "the names of the type parameters serve for the values")]
                let ($($part,)+) = self;
                let mut text = String::new();
                // Writing to a String cannot fail.
                $(let _ = write!(text, "{}{}", if text.is_empty() { "" } else { ", " }, $part);)+
                text
            }
        }
    )+};
}

values_of_tuples! {
    (A);
    (A, B);
    (A, B, C);
    (A, B, C, D);
    (A, B, C, D, E);
    (A, B, C, D, E, F);
    (A, B, C, D, E, F, G);
    (A, B, C, D, E, F, G, H);
    (A, B, C, D, E, F, G, H, I);
    (A, B, C, D, E, F, G, H, I, J);
    (A, B, C, D, E, F, G, H, I, J, K);
    (A, B, C, D, E, F, G, H, I, J, K, L);
}

fn result_of(result: &impl Values) -> String {
    let shown = result.shown();
    if shown.is_empty() { "void".to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::Trace;

    #[test]
    fn calls_are_told_in_envoys_words() {
        let mut trace = Trace::default();
        trace.guest_called("unseen", &());
        trace.start();
        trace.guest_called("proxy_on_request_headers", &(2, 8, 1));
        trace.host_called("env", "proxy_done", &());
        trace.host_returned("env", "proxy_done", 0);
        trace.guest_returned("proxy_on_request_headers", &1);
        trace.guest_returned("proxy_on_log", &());
        assert_eq!(
            trace.take(),
            [
                "[host->vm] proxy_on_request_headers(2, 8, 1)",
                "[vm->host] env.proxy_done()",
                "[vm<-host] env.proxy_done return: 0",
                "[host<-vm] proxy_on_request_headers return: 1",
                "[host<-vm] proxy_on_log return: void",
            ]
        );
        assert!(trace.take().is_empty());
    }
}
