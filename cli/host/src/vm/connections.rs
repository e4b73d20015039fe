//! The callbacks of TCP connections.

use wasmtime::{Instance, Store};

use crate::{
    abi::{Action, CloseType},
    fault::Fault,
    module::ModuleError,
    state::VmState,
};

use super::{Callback, Vm, action, wire_size};

pub(super) struct Callbacks {
    new_connection: Callback<u32, u32>,
    downstream_data: Callback<(u32, u32, u32), u32>,
    upstream_data: Callback<(u32, u32, u32), u32>,
    downstream_close: Callback<(u32, u32), ()>,
    upstream_close: Callback<(u32, u32), ()>,
}

impl Callbacks {
    pub(super) fn find(instance: &Instance, store: &mut Store<VmState>) -> Result<Self, ModuleError> {
        Ok(Self {
            new_connection: Callback::find(instance, store, "proxy_on_new_connection")?,
            downstream_data: Callback::find(instance, store, "proxy_on_downstream_data")?,
            upstream_data: Callback::find(instance, store, "proxy_on_upstream_data")?,
            downstream_close: Callback::find(instance, store, "proxy_on_downstream_connection_close")?,
            upstream_close: Callback::find(instance, store, "proxy_on_upstream_connection_close")?,
        })
    }
}

impl Vm {
    pub(crate) fn on_new_connection(&mut self, context: u32) -> Result<Action, Fault> {
        Ok(action(self.runner.call(&self.callbacks.connections.new_connection, context, context)?))
    }

    pub(crate) fn on_downstream_data(&mut self, context: u32, size: usize, end: bool) -> Result<Action, Fault> {
        let arguments = (context, wire_size(size), end.into());
        Ok(action(self.runner.call(&self.callbacks.connections.downstream_data, context, arguments)?))
    }

    pub(crate) fn on_upstream_data(&mut self, context: u32, size: usize, end: bool) -> Result<Action, Fault> {
        let arguments = (context, wire_size(size), end.into());
        Ok(action(self.runner.call(&self.callbacks.connections.upstream_data, context, arguments)?))
    }

    pub(crate) fn on_upstream_connection_close(&mut self, context: u32, close: CloseType) -> Result<(), Fault> {
        self.runner.call(&self.callbacks.connections.upstream_close, context, (context, close as u32)).map(drop)
    }

    /// The end of a connection, in Envoy's order; it waits for no `done`.
    pub(crate) fn end_connection(&mut self, context: u32, close: CloseType) -> Result<(), Fault> {
        self.runner.call(&self.callbacks.connections.downstream_close, context, (context, close as u32))?;
        self.on_done(context)?;
        self.on_log(context)?;
        self.on_delete(context)
    }
}
