//! The filter as a library of this machine, and the functions that it imports: each answers what the gateway has answered
//! the module.
#![expect(
    unsafe_code,
    reason = "the plugin's ABI, natively: pointers come with their lengths, and live as long as the call"
)]

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    env,
    sync::mpsc::{Sender, channel},
    thread,
    time::Duration,
};

use gwauthz_filter_native as _;
use gwauthz_host::Crossed;

/// Runs the callbacks of a VM natively; what is different from what the module did, if anything.
///
/// To be called by one thread at a time: it sets variables of this process.
pub(crate) fn replay(crossed: Vec<Crossed>, environment: &BTreeMap<String, String>) -> Result<(), String> {
    // SAFETY: the only other threads of this test wait.
    environment.iter().for_each(|(name, value)| unsafe { env::set_var(name, value) });
    let (sender, receiver) = channel();
    // The SDK keeps its contexts by thread: each VM is a thread. It never ends, as little as a VM runs destructors.
    thread::spawn(move || {
        REPLAY.set(Some(Replay { rest: crossed.into(), taken: 0, told: sender }));
        while let Some(callback) = with(|replay| replay.rest.pop_front()) {
            let Crossed::Callback(name, arguments) = callback else {
                part(format!("expected a callback, found {callback:?}"))
            };
            let result = call_back(name, &arguments);
            // The SDK has panics logged, of every thread.
            drop(std::panic::take_hook());
            let returned = with(Replay::next);
            if returned != Some(Crossed::Returned(result)) {
                part(format!("{name} returns {result:?}, and of the module {returned:?}"));
            }
        }
        tell(Ok(()))
    });
    let told = receiver.recv_timeout(LONGEST).unwrap_or_else(|error| Err(error.to_string()));
    // SAFETY: as above; this one waits by now.
    environment.keys().for_each(|name| unsafe { env::remove_var(name) });
    told
}

/// How long a VM may take: far more than any.
const LONGEST: Duration = Duration::from_secs(30);

/// What is still to cross.
struct Replay {
    rest: VecDeque<Crossed>,
    taken: usize,
    told: Sender<Result<(), String>>,
}

thread_local! {
    static REPLAY: RefCell<Option<Replay>> = const { RefCell::new(None) };
}

impl Replay {
    fn next(&mut self) -> Option<Crossed> {
        self.taken += 1;
        self.rest.pop_front()
    }
}

fn with<T>(act: impl FnOnce(&mut Replay) -> T) -> T {
    REPLAY.with_borrow_mut(|replay| act(replay.as_mut().expect("a replay")))
}

/// Tells the difference, and goes no further: there is native code to return to that expects an answer.
fn part(difference: String) -> ! {
    let taken = with(|replay| replay.taken);
    tell(Err(format!("at crossing {taken}: {difference}")))
}

fn tell(told: Result<(), String>) -> ! {
    with(|replay| replay.told.send(told)).expect("it is listened to");
    loop {
        thread::park();
    }
}

macro_rules! exports {
    ($($name:ident ($($kind:ty),*) $(-> $result:ty)?;)+) => {
        mod filter {
            unsafe extern "C" {
                $(pub(super) safe fn $name($(_: $kind),*) $(-> $result)?;)+
            }
        }

        /// Calls an export of the filter.
        fn call_back(name: &str, arguments: &[u64]) -> Option<u64> {
            let mut arguments = arguments.iter().copied();
            let mut next = || arguments.next().unwrap_or_default();
            match name {
                $(stringify!($name) => { let result = filter::$name($(<$kind as Argument>::of(next())),*); result.shown() })+
                _ => part(format!("no such export: {name}")),
            }
        }
    };
}

exports! {
    _initialize();
    proxy_on_context_create(u32, u32);
    proxy_on_vm_start(u32, usize) -> bool;
    proxy_on_configure(u32, usize) -> bool;
    proxy_on_tick(u32);
    proxy_on_queue_ready(u32, u32);
    proxy_on_request_headers(u32, usize, bool) -> u32;
    proxy_on_request_body(u32, usize, bool) -> u32;
    proxy_on_request_trailers(u32, usize) -> u32;
    proxy_on_response_headers(u32, usize, bool) -> u32;
    proxy_on_response_body(u32, usize, bool) -> u32;
    proxy_on_response_trailers(u32, usize) -> u32;
    proxy_on_http_call_response(u32, u32, usize, usize, usize);
    proxy_on_done(u32) -> bool;
    proxy_on_log(u32);
    proxy_on_delete(u32);
}

/// An argument of an export.
trait Argument {
    fn of(number: u64) -> Self;
}

impl Argument for u32 {
    fn of(number: u64) -> Self {
        number as Self
    }
}

impl Argument for usize {
    fn of(number: u64) -> Self {
        number as Self
    }
}

impl Argument for bool {
    fn of(number: u64) -> Self {
        number != 0
    }
}

/// The result of an export.
trait Shown {
    fn shown(self) -> Option<u64>;
}

impl Shown for () {
    fn shown(self) -> Option<u64> {
        None
    }
}

impl Shown for u32 {
    fn shown(self) -> Option<u64> {
        Some(self.into())
    }
}

impl Shown for bool {
    fn shown(self) -> Option<u64> {
        Some(self.into())
    }
}

/// An argument of a function of the gateway.
enum Given {
    Number(u64),
    /// Bytes that are read.
    In(*const u8, usize),
    /// Where bytes are handed over, and their number.
    Out(*mut *mut u8, *mut usize),
    /// Where a number is written.
    Out32(*mut u32),
    Out64(*mut u64),
}

unsafe extern "C" {
    safe fn proxy_on_memory_allocate(size: usize) -> *mut u8;
}

/// A call of the plugin: the module has made the same, and gets what the module got.
fn answer(name: &str, arguments: &[Given]) -> u32 {
    let call = with(Replay::next);
    let Some(Crossed::Call(expected, numbers)) = &call else {
        part(format!("{name} is called, and by the module {call:?}"))
    };
    if *expected != name {
        part(format!("{name} is called, and by the module {expected}"));
    }
    let mut numbers = numbers.iter().copied();
    // Where the module has places for numbers, and where the same are here.
    let mut places = Vec::new();
    for argument in arguments {
        let found = numbers.next();
        let wanted = match argument {
            Given::Number(number) => Some(*number),
            Given::In(_, size) => {
                // Behind the pointer.
                let found = numbers.next();
                if found != Some(*size as u64) {
                    part(format!("{name} is given {size} bytes, and by the module {found:?}: {}", text(argument)));
                }
                continue;
            }
            Given::Out(..) => {
                numbers.next();
                continue;
            }
            Given::Out32(_) | Given::Out64(_) => {
                places.push((found, argument));
                continue;
            }
        };
        if found != wanted {
            part(format!("{name} is given {wanted:?}, and by the module {found:?}"));
        }
    }
    let mut inputs = arguments.iter().filter(|argument| matches!(argument, Given::In(..)));
    let mut outputs = arguments.iter().filter(|argument| matches!(argument, Given::Out(..)));
    loop {
        match with(Replay::next) {
            Some(Crossed::Read(bytes)) => {
                let Some(argument) = inputs.next() else { part(format!("{name} reads more")) };
                if text(argument) != bytes.escape_ascii().to_string() {
                    part(format!("{name} is given {}, and by the module {}", text(argument), bytes.escape_ascii()));
                }
            }
            Some(Crossed::Given(bytes)) => {
                let Some(Given::Out(pointer, size)) = outputs.next() else { part(format!("{name} hands over more")) };
                // SAFETY: the plugin gives pointers to places of its own, and takes the memory over.
                unsafe {
                    **pointer = std::ptr::null_mut();
                    if !bytes.is_empty() {
                        **pointer = proxy_on_memory_allocate(bytes.len());
                        std::ptr::copy_nonoverlapping(bytes.as_ptr(), **pointer, bytes.len());
                    }
                    **size = bytes.len();
                }
            }
            Some(Crossed::Number(pointer, number)) => {
                match places.iter().find(|(place, _)| *place == Some(pointer.into())) {
                    // SAFETY: as above.
                    Some((_, Given::Out32(place))) => unsafe { **place = number as u32 },
                    Some((_, Given::Out64(place))) => unsafe { **place = number },
                    _ => part(format!("{name} writes elsewhere")),
                }
            }
            Some(Crossed::Answered(status)) => return status,
            other => part(format!("{name} is not answered: {other:?}")),
        }
    }
}

/// What is read, for people.
fn text(argument: &Given) -> String {
    match argument {
        Given::In(pointer, size) if *size > 0 => {
            // SAFETY: a pointer comes with the length of what it points to.
            unsafe { std::slice::from_raw_parts(*pointer, *size) }.escape_ascii().to_string()
        }
        _ => String::new(),
    }
}

macro_rules! imports {
    ($($name:ident ($($arguments:tt)*);)+) => {
        $(imports!(@one $name [] [] $($arguments)*);)+
    };
    (@one $name:ident [$($parameters:tt)*] [$($given:expr),*] number $argument:ident: $kind:ty $(, $($rest:tt)*)?) => {
        imports!(@one $name [$($parameters)* $argument: $kind,] [$($given,)* Given::Number($argument as u64)] $($($rest)*)?);
    };
    (@one $name:ident [$($parameters:tt)*] [$($given:expr),*] bytes $pointer:ident $size:ident $(, $($rest:tt)*)?) => {
        imports!(@one $name [$($parameters)* $pointer: *const u8, $size: usize,] [$($given,)* Given::In($pointer, $size)] $($($rest)*)?);
    };
    (@one $name:ident [$($parameters:tt)*] [$($given:expr),*] out $pointer:ident $size:ident $(, $($rest:tt)*)?) => {
        imports!(@one $name [$($parameters)* $pointer: *mut *mut u8, $size: *mut usize,] [$($given,)* Given::Out($pointer, $size)] $($($rest)*)?);
    };
    (@one $name:ident [$($parameters:tt)*] [$($given:expr),*] out32 $pointer:ident $(, $($rest:tt)*)?) => {
        imports!(@one $name [$($parameters)* $pointer: *mut u32,] [$($given,)* Given::Out32($pointer)] $($($rest)*)?);
    };
    (@one $name:ident [$($parameters:tt)*] [$($given:expr),*] out64 $pointer:ident $(, $($rest:tt)*)?) => {
        imports!(@one $name [$($parameters)* $pointer: *mut u64,] [$($given,)* Given::Out64($pointer)] $($($rest)*)?);
    };
    (@one $name:ident [$($parameters:tt)*] [$($given:expr),*]) => {
        #[unsafe(no_mangle)]
        extern "C" fn $name($($parameters)*) -> u32 {
            answer(stringify!($name), &[$($given),*])
        }
    };
}

// In the order of the ABI's sections. Of those that the SDK knows, the plugin does not call all.
imports! {
    proxy_done();
    proxy_set_effective_context(number context: u32);
    proxy_log(number level: u32, bytes message size);
    proxy_get_log_level(out32 level);
    proxy_get_current_time_nanoseconds(out64 time);
    proxy_set_tick_period_milliseconds(number period: u32);
    proxy_get_buffer_bytes(number buffer: u32, number start: usize, number max: usize, out data size);
    proxy_set_buffer_bytes(number buffer: u32, number start: usize, number size: usize, bytes data data_size);
    proxy_get_header_map_pairs(number map: u32, out data size);
    proxy_set_header_map_pairs(number map: u32, bytes data size);
    proxy_get_header_map_value(number map: u32, bytes key key_size, out data size);
    proxy_add_header_map_value(number map: u32, bytes key key_size, bytes value value_size);
    proxy_replace_header_map_value(number map: u32, bytes key key_size, bytes value value_size);
    proxy_remove_header_map_value(number map: u32, bytes key key_size);
    proxy_continue_stream(number stream: u32);
    proxy_close_stream(number stream: u32);
    proxy_send_local_response(
        number status: u32, bytes details details_size, bytes body body_size, bytes headers headers_size, number grpc_status: u32
    );
    proxy_http_call(
        bytes upstream upstream_size, bytes headers headers_size, bytes body body_size, bytes trailers trailers_size,
        number timeout: u32, out32 token
    );
    proxy_grpc_call(
        bytes service service_size, bytes name name_size, bytes method method_size, bytes metadata metadata_size,
        bytes message message_size, number timeout: u32, out32 token
    );
    proxy_grpc_stream(
        bytes service service_size, bytes name name_size, bytes method method_size, bytes metadata metadata_size, out32 token
    );
    proxy_grpc_send(number token: u32, bytes message message_size, number end: u32);
    proxy_grpc_cancel(number token: u32);
    proxy_grpc_close(number token: u32);
    proxy_get_status(out32 code, out data size);
    proxy_get_shared_data(bytes key key_size, out data size, out32 cas);
    proxy_set_shared_data(bytes key key_size, bytes value value_size, number cas: u32);
    proxy_register_shared_queue(bytes name name_size, out32 id);
    proxy_resolve_shared_queue(bytes vm vm_size, bytes name name_size, out32 id);
    proxy_enqueue_shared_queue(number id: u32, bytes data size);
    proxy_dequeue_shared_queue(number id: u32, out data size);
    proxy_define_metric(number kind: u32, bytes name name_size, out32 id);
    proxy_record_metric(number id: u32, number value: u64);
    proxy_increment_metric(number id: u32, number offset: u64);
    proxy_get_metric(number id: u32, out64 value);
    proxy_get_property(bytes path path_size, out data size);
    proxy_set_property(bytes path path_size, bytes value value_size);
    proxy_call_foreign_function(bytes name name_size, bytes arguments arguments_size, out data size);
}
