//! Queues that the VMs of a gateway share.

use std::collections::{BTreeMap, VecDeque};

use crate::{abi::Status, thread::RootId};

/// Queues by their numbers, which begin at 1.
#[derive(Debug, Default)]
pub(crate) struct SharedQueues {
    /// By `vm_id` and name.
    names: BTreeMap<(String, String), u32>,
    queues: BTreeMap<u32, Queue>,
    /// Root contexts that are to be told of a message, with the queue's number.
    ready: VecDeque<(RootId, u32)>,
}

#[derive(Debug)]
struct Queue {
    /// The root context that registered it last is the one that is told.
    root: RootId,
    messages: VecDeque<Vec<u8>>,
}

/// The bounds on what guests may leave behind: queues, and messages in each.
const MAX_QUEUES: usize = 1024;
const MAX_MESSAGES: usize = 65_536;

impl SharedQueues {
    /// The number of the queue `name` of a `vm_id`; the same one for the same name.
    pub(crate) fn register(&mut self, vm_id: &str, name: String, root: RootId) -> Result<u32, Status> {
        let name = (vm_id.to_owned(), name);
        let next = u32::try_from(self.names.len() + 1).map_err(|_| Status::InternalFailure)?;
        if self.names.len() >= MAX_QUEUES && !self.names.contains_key(&name) {
            return Err(Status::InternalFailure);
        }
        let id = *self.names.entry(name).or_insert(next);
        self.queues.entry(id).or_insert_with(|| Queue { root, messages: VecDeque::new() }).root = root;
        Ok(id)
    }

    pub(crate) fn resolve(&self, vm_id: &str, name: &str) -> Result<u32, Status> {
        self.names.get(&(vm_id.to_owned(), name.to_owned())).copied().ok_or(Status::NotFound)
    }

    pub(crate) fn enqueue(&mut self, id: u32, message: Vec<u8>) -> Result<(), Status> {
        let queue = self.queues.get_mut(&id).ok_or(Status::NotFound)?;
        if queue.messages.len() >= MAX_MESSAGES {
            return Err(Status::InternalFailure);
        }
        queue.messages.push_back(message);
        self.ready.push_back((queue.root, id));
        Ok(())
    }

    pub(crate) fn dequeue(&mut self, id: u32) -> Result<Vec<u8>, Status> {
        self.queues.get_mut(&id).ok_or(Status::NotFound)?.messages.pop_front().ok_or(Status::Empty)
    }

    /// The next root context that is to be told of a message.
    pub(crate) fn take_ready(&mut self) -> Option<(RootId, u32)> {
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::SharedQueues;
    use crate::{
        abi::Status,
        thread::{RootId, VmId},
    };

    #[test]
    fn messages_come_out_in_order_and_tell_who_registered_last() {
        let [first, last] = [0, 1].map(|worker| RootId { vm: VmId { worker, number: 0 }, context: 1 });
        let mut queues = SharedQueues::default();
        let id = queues.register("vm", "q".into(), first).unwrap();
        assert_eq!(queues.register("vm", "q".into(), last), Ok(id));
        assert_eq!(
            [("vm", "q"), ("vm", "other"), ("", "q")].map(|(vm_id, name)| queues.resolve(vm_id, name)),
            [Ok(id), Err(Status::NotFound), Err(Status::NotFound)]
        );
        queues.enqueue(id, b"a".to_vec()).unwrap();
        queues.enqueue(id, b"b".to_vec()).unwrap();
        assert_eq!(queues.take_ready(), Some((last, id)));
        assert_eq!(queues.dequeue(id).unwrap(), b"a");
        assert_eq!(queues.dequeue(id).unwrap(), b"b");
        assert_eq!(queues.dequeue(id), Err(Status::Empty));
        assert_eq!(queues.enqueue(99, Vec::new()), Err(Status::NotFound));
    }
}
