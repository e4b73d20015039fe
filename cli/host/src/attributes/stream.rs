//! What the gateway knows of a stream beside its messages, and what filters keep with it.

use std::{
    cell::{RefCell, RefMut},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use crate::abi::Status;

/// A handle to what is known of a stream; every filter that the stream walks through has one.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamInfo(Rc<RefCell<StreamFacts>>);

/// What is known of a stream; times are those of the gateway's clock.
#[derive(Debug, Default)]
pub(crate) struct StreamFacts {
    pub(crate) began: Duration,
    pub(crate) ended: Option<Duration>,
    /// Bytes of the request's body that have arrived.
    pub(crate) received: usize,
    /// Bytes of the response's body that have gone to the client.
    pub(crate) sent: usize,
    /// When the request's headers went to the upstream.
    pub(crate) forwarded: Option<Duration>,
    /// When the last byte of the upstream's response came.
    pub(crate) answered: Option<Duration>,
    pub(crate) response: Option<ResponseFacts>,
    pub(crate) filter_state: FilterState,
}

/// What is known of a response.
#[derive(Debug)]
pub(crate) struct ResponseFacts {
    pub(crate) code: u32,
    /// Where it comes from, in Envoy's words.
    pub(crate) details: String,
}

/// What plugins keep with a stream, by name: a property that was set is the state `wasm.` and its path.
#[derive(Debug, Default)]
pub(crate) struct FilterState {
    states: BTreeMap<Vec<u8>, State>,
    bytes: usize,
}

#[derive(Debug)]
struct State {
    value: Vec<u8>,
    read_only: bool,
}

/// The bound on the states of one stream.
const MAX_STATES: usize = 1024;
/// The bound on the bytes of all their names and values.
const MAX_BYTES: usize = 1024 * 1024;

impl StreamInfo {
    /// Of a stream that begins now.
    pub(crate) fn begun(now: Duration) -> Self {
        Self(Rc::new(RefCell::new(StreamFacts { began: now, ..StreamFacts::default() })))
    }

    /// Borrows it for one step: no host function keeps it while the guest runs.
    pub(crate) fn get(&self) -> RefMut<'_, StreamFacts> {
        self.0.borrow_mut()
    }
}

impl FilterState {
    pub(crate) fn value(&self, name: &[u8]) -> Option<&[u8]> {
        self.states.get(name).map(|state| state.value.as_slice())
    }

    /// Keeps a value under a name, unless the one that is there cannot be changed or a bound is passed. Whether it can be
    /// changed is settled by the first that is set.
    pub(crate) fn set(&mut self, name: Vec<u8>, value: Vec<u8>, read_only: bool) -> Result<(), Status> {
        let old = self.states.get(&name);
        let read_only = read_only && old.is_none();
        if old.is_some_and(|state| state.read_only) {
            return Err(Status::BadArgument);
        }
        let freed = old.map_or(0, |state| name.len() + state.value.len());
        let bytes = self.bytes - freed + name.len() + value.len();
        if bytes > MAX_BYTES || (old.is_none() && self.states.len() >= MAX_STATES) {
            return Err(Status::InternalFailure);
        }
        self.bytes = bytes;
        self.states.insert(name, State { value, read_only });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{FilterState, MAX_BYTES, MAX_STATES};
    use crate::abi::Status;

    #[test]
    fn states_are_bounded_and_some_are_not_changed() {
        let mut states = FilterState::default();
        assert_eq!(states.set(b"a".to_vec(), b"1".to_vec(), true), Ok(()));
        assert_eq!(states.set(b"a".to_vec(), b"2".to_vec(), false), Err(Status::BadArgument));
        assert_eq!(states.value(b"a"), Some(b"1".as_slice()));
        assert_eq!(states.set(b"b".to_vec(), vec![0; MAX_BYTES], false), Err(Status::InternalFailure));
        for _ in 0..3 {
            assert_eq!(states.set(b"b".to_vec(), vec![0; MAX_BYTES / 2], false), Ok(()));
        }
        for name in 2..MAX_STATES {
            assert_eq!(states.set(name.to_string().into(), Vec::new(), false), Ok(()));
        }
        assert_eq!(states.set(b"c".to_vec(), Vec::new(), false), Err(Status::InternalFailure));
        assert_eq!(states.set(b"b".to_vec(), Vec::new(), false), Ok(()));
    }
}
