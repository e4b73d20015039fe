//! Every call between host and guest, in the words of Envoy's log at `wasm:trace`.

use std::{
    cell::{Cell, RefCell},
    fmt::Write as _,
    rc::Rc,
    time::Duration,
};

use crate::{
    crossings::{Crossed, Crossing},
    last_calls::MAX_ARGUMENTS,
    thread::Thread,
};

/// A line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceLine {
    /// Whose VM was called, or called.
    pub thread: Thread,
    /// The call, or its return.
    pub call: String,
}

/// What a callback cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The callback.
    pub callback: &'static str,
    /// How long it ran, host functions included.
    pub time: Duration,
    /// Fuel that it burnt, in wasmtime's units: about one an instruction, and the same in every run. 0 unless the module
    /// was compiled to be metered by it.
    pub fuel: u64,
}

/// The calls of all VMs of a gateway in their order, and what they cost, if they are recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    lines: Option<Rc<RefCell<Vec<TraceLine>>>>,
    samples: Option<Rc<RefCell<Vec<Sample>>>>,
    crossings: Option<Rc<RefCell<Vec<Crossing>>>>,
    /// How many VMs there have been.
    vms: Rc<Cell<u32>>,
}

/// The calls of one VM.
#[derive(Debug)]
pub(crate) struct Trace {
    recorder: Recorder,
    thread: Thread,
    vm: u32,
}

/// The bound on recorded lines and samples: a guest can make calls without end.
const MAX_RECORDED: usize = 1_000_000;

impl Recorder {
    /// One that records lines, samples and crossings, or nothing.
    pub(crate) fn new(lines: bool, samples: bool, crossings: bool) -> Self {
        Self {
            lines: lines.then(Rc::default),
            samples: samples.then(Rc::default),
            crossings: crossings.then(Rc::default),
            vms: Rc::default(),
        }
    }

    /// The calls of one VM, which go into this record.
    pub(crate) fn trace(&self, thread: Thread) -> Trace {
        let vm = self.vms.get();
        self.vms.set(vm + 1);
        Trace { recorder: self.clone(), thread, vm }
    }

    /// The lines since the last time.
    pub(crate) fn take_lines(&self) -> Vec<TraceLine> {
        self.lines.as_ref().map(|lines| lines.take()).unwrap_or_default()
    }

    /// The crossings since the last time.
    pub(crate) fn take_crossings(&self) -> Vec<Crossing> {
        self.crossings.as_ref().map(|crossings| crossings.take()).unwrap_or_default()
    }

    /// The samples since the last time.
    pub(crate) fn take_samples(&self) -> Vec<Sample> {
        self.samples.as_ref().map(|samples| samples.take()).unwrap_or_default()
    }
}

impl Trace {
    /// The host calls an export of the guest.
    pub(crate) fn guest_called(&self, function: &'static str, arguments: &impl Values) {
        self.cross(|| Crossed::Callback(function, numbers(arguments)));
        self.record(|| format!("[host->vm] {function}({})", arguments.shown()));
    }

    /// The export has returned.
    pub(crate) fn guest_returned(&self, function: &str, result: &impl Values) {
        self.cross(|| Crossed::Returned(numbers(result).first().copied()));
        self.record(|| format!("[host<-vm] {function} return: {}", result_of(result)));
    }

    /// The guest calls a function of the host.
    pub(crate) fn host_called(&self, module: &str, function: &'static str, arguments: &impl Values) {
        self.cross(|| Crossed::Call(function, numbers(arguments)));
        self.record(|| format!("[vm->host] {module}.{function}({})", arguments.shown()));
    }

    /// The function has returned.
    pub(crate) fn host_returned(&self, module: &str, function: &str, result: &impl Values) {
        self.cross(|| Crossed::Answered(numbers(result).first().map_or(0, |status| *status as u32)));
        self.record(|| format!("[vm<-host] {module}.{function} return: {}", result_of(result)));
    }

    /// The host has the guest allocate: a line like any other, and no crossing.
    pub(crate) fn allocation_begins(&self, function: &str, size: u32) {
        self.record(|| format!("[host->vm] {function}({size})"));
    }

    /// The guest has allocated.
    pub(crate) fn allocation_ends(&self, function: &str, pointer: u32) {
        self.record(|| format!("[host<-vm] {function} return: {pointer}"));
    }

    /// Something else crosses.
    pub(crate) fn cross(&self, what: impl FnOnce() -> Crossed) {
        let Some(crossings) = &self.recorder.crossings else { return };
        let mut crossings = crossings.borrow_mut();
        if crossings.len() < MAX_RECORDED {
            crossings.push(Crossing { vm: self.vm, what: what() });
        }
    }

    /// Whether it is recorded what callbacks cost.
    pub(crate) fn takes_samples(&self) -> bool {
        self.recorder.samples.is_some()
    }

    /// A callback has run.
    pub(crate) fn sample(&self, sample: Sample) {
        let Some(samples) = &self.recorder.samples else { return };
        let mut samples = samples.borrow_mut();
        if samples.len() < MAX_RECORDED {
            samples.push(sample);
        }
    }

    fn record(&self, line: impl FnOnce() -> String) {
        let Some(lines) = &self.recorder.lines else { return };
        let mut lines = lines.borrow_mut();
        if lines.len() < MAX_RECORDED {
            lines.push(TraceLine { thread: self.thread, call: line() });
        }
    }
}

/// Arguments or results of a call.
pub(crate) trait Values {
    /// The values, separated by commas.
    fn shown(&self) -> String;

    /// Copies the values, and gives how many there are.
    fn copy_to(&self, target: &mut [u64; MAX_ARGUMENTS]) -> u8;
}

impl Values for () {
    fn shown(&self) -> String {
        String::new()
    }

    fn copy_to(&self, _target: &mut [u64; MAX_ARGUMENTS]) -> u8 {
        0
    }
}

impl Values for u32 {
    fn shown(&self) -> String {
        self.to_string()
    }

    fn copy_to(&self, target: &mut [u64; MAX_ARGUMENTS]) -> u8 {
        (*self,).copy_to(target)
    }
}

macro_rules! values_of_tuples {
    ($(($($part:ident),+);)+) => {$(
        impl<$($part: std::fmt::Display + Copy + Into<u64>),+> Values for ($($part,)+) {
            fn shown(&self) -> String {
                #[expect(non_snake_case, reason = "the names of the type parameters serve for the values")]
                let ($($part,)+) = self;
                let mut text = String::new();
                // Writing to a String cannot fail.
                $(let _ = write!(text, "{}{}", if text.is_empty() { "" } else { ", " }, $part);)+
                text
            }

            fn copy_to(&self, target: &mut [u64; MAX_ARGUMENTS]) -> u8 {
                #[expect(non_snake_case, reason = "the names of the type parameters serve for the values")]
                let ($($part,)+) = *self;
                let mut count = 0;
                for (slot, value) in target.iter_mut().zip([$($part.into()),+]) {
                    *slot = value;
                    count += 1;
                }
                count
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

fn numbers(values: &impl Values) -> Vec<u64> {
    let mut numbers = [0; MAX_ARGUMENTS];
    let count = values.copy_to(&mut numbers);
    numbers.into_iter().take(count.into()).collect()
}

fn result_of(result: &impl Values) -> String {
    let shown = result.shown();
    if shown.is_empty() { "void".to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::{Recorder, Thread};

    #[test]
    fn calls_are_told_in_envoys_words() {
        Recorder::default().trace(Thread::Main).guest_called("unseen", &());
        let recorder = Recorder::new(true, false, false);
        let trace = recorder.trace(Thread::Worker(0));
        trace.guest_called("proxy_on_request_headers", &(2_u32, 8_u32, 1_u32));
        trace.host_called("env", "proxy_done", &());
        trace.host_returned("env", "proxy_done", &0_u32);
        trace.guest_returned("proxy_on_request_headers", &1_u32);
        trace.guest_returned("proxy_on_log", &());
        let lines = recorder.take_lines();
        assert!(lines.iter().all(|line| line.thread == Thread::Worker(0)));
        assert_eq!(
            lines.into_iter().map(|line| line.call).collect::<Vec<_>>(),
            [
                "[host->vm] proxy_on_request_headers(2, 8, 1)",
                "[vm->host] env.proxy_done()",
                "[vm<-host] env.proxy_done return: 0",
                "[host<-vm] proxy_on_request_headers return: 1",
                "[host<-vm] proxy_on_log return: void",
            ]
        );
        assert!(recorder.take_lines().is_empty());
    }
}
