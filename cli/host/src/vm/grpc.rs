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
        let callback = self.callbacks.grpc.receive_initial_metadata.clone();
        self.on_grpc("proxy_on_grpc_receive_initial_metadata", &callback, root, token, wire_size(count))
    }

    pub(crate) fn on_grpc_receive(&mut self, root: u32, token: u32, size: usize) -> Result<(), Fault> {
        let callback = self.callbacks.grpc.receive.clone();
        self.on_grpc("proxy_on_grpc_receive", &callback, root, token, wire_size(size))
    }

    pub(crate) fn on_grpc_receive_trailing_metadata(
        &mut self,
        root: u32,
        token: u32,
        count: usize,
    ) -> Result<(), Fault> {
        let callback = self.callbacks.grpc.receive_trailing_metadata.clone();
        self.on_grpc("proxy_on_grpc_receive_trailing_metadata", &callback, root, token, wire_size(count))
    }

    pub(crate) fn on_grpc_close(&mut self, root: u32, token: u32, status: u32) -> Result<(), Fault> {
        let callback = self.callbacks.grpc.close.clone();
        self.on_grpc("proxy_on_grpc_close", &callback, root, token, status)
    }

    /// Runs one of them: they differ in nothing but their names and what their last argument means.
    fn on_grpc(
        &mut self,
        name: &'static str,
        callback: &OnGrpc,
        root: u32,
        token: u32,
        argument: u32,
    ) -> Result<(), Fault> {
        self.enter(root);
        self.call(name, callback.as_ref(), (root, token, argument)).map(drop)
    }
}
