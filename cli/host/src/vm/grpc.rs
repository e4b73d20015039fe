//! The callbacks of gRPC callouts. They run on the root context; the SDK then switches to the stream's.

use wasmtime::{Instance, Store};

use crate::{fault::Fault, module::ModuleError, state::VmState};

use super::{Callback, Vm, wire_size};

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
            receive_initial_metadata: Callback::find(instance, store, "proxy_on_grpc_receive_initial_metadata")?,
            receive: Callback::find(instance, store, "proxy_on_grpc_receive")?,
            receive_trailing_metadata: Callback::find(instance, store, "proxy_on_grpc_receive_trailing_metadata")?,
            close: Callback::find(instance, store, "proxy_on_grpc_close")?,
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
        let callback = &self.callbacks.grpc.receive_initial_metadata;
        self.runner.call(callback, root, (root, token, wire_size(count))).map(drop)
    }

    pub(crate) fn on_grpc_receive(&mut self, root: u32, token: u32, size: usize) -> Result<(), Fault> {
        self.runner.call(&self.callbacks.grpc.receive, root, (root, token, wire_size(size))).map(drop)
    }

    pub(crate) fn on_grpc_receive_trailing_metadata(
        &mut self,
        root: u32,
        token: u32,
        count: usize,
    ) -> Result<(), Fault> {
        let callback = &self.callbacks.grpc.receive_trailing_metadata;
        self.runner.call(callback, root, (root, token, wire_size(count))).map(drop)
    }

    pub(crate) fn on_grpc_close(&mut self, root: u32, token: u32, status: u32) -> Result<(), Fault> {
        self.runner.call(&self.callbacks.grpc.close, root, (root, token, status)).map(drop)
    }
}
