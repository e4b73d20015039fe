//! The callbacks of gRPC callouts. They run on the root context; the SDK then switches to the stream's.

use wasmtime::{Instance, Store};

use crate::{fault::Fault, module::ModuleError, state::VmState};

use super::{Callback, Vm, optional, wire_size};

/// A callback's context, token, and size or status.
type OnGrpc = Callback<(u32, u32, u32), ()>;

pub(super) struct Callbacks {
    receive_initial_metadata: OnGrpc,
    receive: OnGrpc,
    receive_trailing_metadata: OnGrpc,
    close: OnGrpc,
}

impl Callbacks {
    pub(super) fn find(instance: &Instance, store: &mut Store<VmState>) -> Result<Self, ModuleError> {
        Ok(Self {
            receive_initial_metadata: optional(instance, store, "proxy_on_grpc_receive_initial_metadata")?,
            receive: optional(instance, store, "proxy_on_grpc_receive")?,
            receive_trailing_metadata: optional(instance, store, "proxy_on_grpc_receive_trailing_metadata")?,
            close: optional(instance, store, "proxy_on_grpc_close")?,
        })
    }
}

impl Vm {
    pub(crate) fn on_grpc_receive_initial_metadata(
        &mut self,
        root: u32,
        token: u32,
        count: usize,
    ) -> Result<(), Fault> {
        self.enter(root);
        let callback = self.callbacks.grpc.receive_initial_metadata.clone();
        let arguments = (root, token, wire_size(count));
        self.call("proxy_on_grpc_receive_initial_metadata", callback.as_ref(), arguments).map(drop)
    }

    pub(crate) fn on_grpc_receive(&mut self, root: u32, token: u32, size: usize) -> Result<(), Fault> {
        self.enter(root);
        let callback = self.callbacks.grpc.receive.clone();
        self.call("proxy_on_grpc_receive", callback.as_ref(), (root, token, wire_size(size))).map(drop)
    }

    pub(crate) fn on_grpc_receive_trailing_metadata(
        &mut self,
        root: u32,
        token: u32,
        count: usize,
    ) -> Result<(), Fault> {
        self.enter(root);
        let callback = self.callbacks.grpc.receive_trailing_metadata.clone();
        let arguments = (root, token, wire_size(count));
        self.call("proxy_on_grpc_receive_trailing_metadata", callback.as_ref(), arguments).map(drop)
    }

    pub(crate) fn on_grpc_close(&mut self, root: u32, token: u32, status: u32) -> Result<(), Fault> {
        self.enter(root);
        let callback = self.callbacks.grpc.close.clone();
        self.call("proxy_on_grpc_close", callback.as_ref(), (root, token, status)).map(drop)
    }
}
