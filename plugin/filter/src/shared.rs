//! What the requests under one configuration share in a VM, and how those that wait are gone on with.
//!
//! A callout belongs to who sent it: the SDK hands a reply to the context whose callback sent the callout, and drops it
//! where that context is gone. So the root context fetches what is for all, on its tick; and it sends and gets the
//! callouts of requests that it goes on with.

use std::{
    cell::{Cell, RefCell, RefMut},
    rc::Rc,
    time::{Duration, SystemTime},
};

use gwauthz_policy::{CalloutReply, Engine, Exchange, FetchId, FetchReply, Report};
use proxy_wasm::{
    hostcalls,
    types::{BufferType, LogLevel, MapType},
};

use crate::{
    http::{audit, dispatch, reply, status, take_reply, wake},
    metrics,
    root::log,
};

pub(crate) struct Shared {
    root: u32,
    engine: RefCell<Engine>,
    held: RefCell<Numbered<Rc<RefCell<Exchange>>>>,
    /// What the root context has asked for, by the host's number.
    calls: RefCell<Numbered<Call>>,
    tick: Cell<Duration>,
    acts_for_request: Cell<bool>,
}

/// The configuration is not in force any more, and no request is left under it.
impl Drop for Shared {
    fn drop(&mut self) {
        self.engine().handle_end();
        self.tell();
    }
}

enum Call {
    Fetch(FetchId),
    Request(u32, Rc<RefCell<Exchange>>),
    /// On behalf of a request that has passed.
    Detached(u32),
}

/// What the host has given numbers to, the least first: new ones mostly go behind the others. A tree would be ten times the
/// code.
struct Numbered<T>(Vec<(u32, T)>);

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Numbered<T> {
    fn insert(&mut self, number: u32, thing: T) {
        match self.place(number) {
            Ok(place) => {
                if let Some((_, other)) = self.0.get_mut(place) {
                    *other = thing;
                }
            }
            Err(place) => self.0.insert(place, (number, thing)),
        }
    }

    fn remove(&mut self, number: u32) -> Option<T> {
        let place = self.place(number).ok()?;
        Some(self.0.remove(place).1)
    }

    fn place(&self, number: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&number, |(number, _)| *number)
    }
}

/// The shortest tick; a host may take zero for none.
const SHORTEST_TICK: Duration = Duration::from_millis(1);

impl Shared {
    pub(crate) fn new(root: u32, engine: Engine) -> Self {
        Self {
            root,
            engine: RefCell::new(engine),
            held: RefCell::default(),
            calls: RefCell::default(),
            tick: Cell::new(Duration::ZERO),
            acts_for_request: Cell::new(false),
        }
    }

    /// To be given back before anything else is called here.
    pub(crate) fn engine(&self) -> RefMut<'_, Engine> {
        self.engine.borrow_mut()
    }

    /// A request waits until the root context wakes it.
    pub(crate) fn hold(&self, id: u32, exchange: &Rc<RefCell<Exchange>>) {
        self.held.borrow_mut().insert(id, Rc::clone(exchange));
        self.schedule();
    }

    /// A request has sent a callout. The reply comes to the context that sent it: the request's own, or the root context.
    pub(crate) fn called(&self, token: u32, id: u32, exchange: &Rc<RefCell<Exchange>>) {
        if self.acts_for_request.get() {
            self.calls.borrow_mut().insert(token, Call::Request(id, Rc::clone(exchange)));
        }
    }

    /// A request is over.
    pub(crate) fn forget(&self, id: u32) {
        self.held.borrow_mut().remove(id);
    }

    /// The root context's tick.
    pub(crate) fn handle_tick(self: &Rc<Self>) {
        let Ok(now) = hostcalls::get_current_time() else { return };
        let fetches = self.engine().handle_tick(now);
        for fetch in fetches {
            match dispatch(&fetch.callout) {
                Some(token) => {
                    self.calls.borrow_mut().insert(token, Call::Fetch(fetch.id));
                }
                None => self.handle_fetched(fetch.id, None),
            }
        }
        self.go_on();
    }

    /// A reply to what the root context has asked for.
    pub(crate) fn handle_reply(self: &Rc<Self>, token: u32, headers: usize, body: usize) {
        let Some(call) = self.calls.borrow_mut().remove(token) else { return };
        match call {
            Call::Fetch(id) if headers == 0 => self.handle_fetched(id, None),
            Call::Fetch(id) => {
                let header =
                    |name| hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, name).ok().flatten();
                let (status, etag) = (header(":status").unwrap_or_default(), header("etag"));
                let size = body.min(id.max_body_bytes());
                let body = hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, size).ok().flatten();
                let reply = FetchReply { status: &status, etag: etag.as_deref(), body: body.unwrap_or_default() };
                self.handle_fetched(id, Some(reply));
            }
            Call::Request(id, exchange) => self.within(id, || take_reply(self, id, &exchange, headers)),
            Call::Detached(number) => self.handle_detached(number, reply(&status(headers))),
        }
        self.go_on();
    }

    /// Does what the root context has to do behind each tick and reply.
    fn go_on(self: &Rc<Self>) {
        self.wake();
        self.send_detached();
        self.tell();
        self.schedule();
    }

    /// Sends the callouts of requests that have passed.
    fn send_detached(&self) {
        loop {
            let callouts = self.engine().take_detached();
            if callouts.is_empty() {
                return;
            }
            for (number, callout) in callouts {
                match dispatch(&callout) {
                    Some(token) => {
                        self.calls.borrow_mut().insert(token, Call::Detached(number));
                    }
                    // There may be another service to ask.
                    None => self.handle_detached(number, CalloutReply::NotSent),
                }
            }
        }
    }

    fn handle_detached(&self, number: u32, reply: CalloutReply<'_>) {
        let now = hostcalls::get_current_time().unwrap_or(SystemTime::UNIX_EPOCH);
        self.engine().handle_detached_reply(number, reply, now);
    }

    /// Tells operators what the policy has for them.
    pub(crate) fn tell(&self) {
        loop {
            let report = self.engine().next_report();
            match report {
                Some(Report::Count(metric)) => metrics::count(metric),
                Some(Report::Change(metric, by)) => metrics::change(metric, by),
                Some(Report::Record(metric, value)) => metrics::record(metric, value),
                Some(Report::Audit(line)) => audit(Some(line)),
                Some(Report::Log(line)) => log(LogLevel::Warn, &["gwauthz: ", &line].concat()),
                None => return,
            }
        }
    }

    fn handle_fetched(&self, id: FetchId, reply: Option<FetchReply<'_>>) {
        let Ok(now) = hostcalls::get_current_time() else { return };
        self.engine().handle_fetch_reply(id, reply, now);
    }

    /// Goes on with the requests that need not wait any longer.
    fn wake(self: &Rc<Self>) {
        let woken = self.engine().take_woken();
        for id in woken {
            let held = self.held.borrow_mut().remove(id);
            if let Some(exchange) = held {
                self.within(id, || wake(self, id, &exchange));
            }
        }
    }

    /// Acts for a request in the root context's place.
    fn within(&self, id: u32, act: impl FnOnce()) {
        // A request that is gone has no context.
        if hostcalls::set_effective_context(id).is_ok() {
            self.acts_for_request.set(true);
            act();
            self.acts_for_request.set(false);
            let _ = hostcalls::set_effective_context(self.root);
        }
    }

    /// Has the root context go on with requests that wait no longer.
    pub(crate) fn schedule_wake(&self) {
        if self.engine().has_woken() {
            self.schedule();
        }
    }

    /// Has the host tick when the policy needs it next.
    pub(crate) fn schedule(&self) {
        let Ok(now) = hostcalls::get_current_time() else { return };
        let next = self.engine().next_tick(now).map_or(Duration::ZERO, |next| next.max(SHORTEST_TICK));
        if self.tick.replace(next) != next {
            let _ = hostcalls::set_tick_period(next);
        }
    }
}
