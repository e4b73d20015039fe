//! The guest's memory as host functions see it. The guest is hostile: no pointer and no length is believed.

use wasmtime::{AsContext as _, AsContextMut as _, Caller, Extern, Memory};

use crate::{abi::Status, crossings::Crossed, state::VmState, trace::Values};

/// Why a host function did not answer OK.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The guest gets this status.
    Status(Status),
    /// The guest trapped while it allocated for us, or must not go on.
    Trap(wasmtime::Error),
}

impl From<Status> for Stop {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// What a host function gives back.
pub(crate) type HostResult = Result<(), Stop>;

/// The guest that called.
pub(crate) struct Guest<'a, 'b> {
    caller: &'a mut Caller<'b, VmState>,
}

impl<'a, 'b> Guest<'a, 'b> {
    /// The guest at the beginning of a host call, which is counted.
    pub(crate) fn enter(caller: &'a mut Caller<'b, VmState>) -> Self {
        let mut guest = Self { caller };
        guest.state().host_calls += 1;
        guest.find_memory();
        guest
    }

    /// It calls a function, which is recorded; gives the call's number.
    pub(crate) fn called(&mut self, module: &str, function: &'static str, arguments: &impl Values) -> u64 {
        let state = self.state();
        state.trace.host_called(module, function, arguments);
        state.last_calls.called(function, arguments)
    }

    /// The function returns.
    pub(crate) fn returned(&mut self, number: u64, module: &str, function: &str, result: u32) {
        let state = self.state();
        state.trace.host_returned(module, function, &result);
        state.last_calls.returned(number, result);
    }

    /// Whether the guest may call this function now: while it starts, few are allowed.
    pub(crate) fn check_start(&mut self, module: &str, name: &str, allowed: bool) -> wasmtime::Result<()> {
        if self.state().starting && !allowed {
            wasmtime::bail!("called `{module}.{name}`, which no module may before its first context is created");
        }
        Ok(())
    }

    pub(crate) fn state(&mut self) -> &mut VmState {
        self.caller.data_mut()
    }

    /// Copies `size` bytes at `pointer`.
    pub(crate) fn read(&self, pointer: u32, size: u32) -> Result<Vec<u8>, Stop> {
        let range = range(pointer, size)?;
        let memory = self.memory()?;
        let bytes = memory.data(self.caller.as_context()).get(range).map(<[u8]>::to_vec);
        let bytes = bytes.ok_or(Stop::Status(Status::InvalidMemoryAccess))?;
        self.caller.data().trace.cross(|| Crossed::Read(bytes.clone()));
        Ok(bytes)
    }

    /// Copies text; what is not UTF-8 is replaced, as in Envoy's log.
    pub(crate) fn read_text(&self, pointer: u32, size: u32) -> Result<String, Stop> {
        Ok(String::from_utf8_lossy(&self.read(pointer, size)?).into_owned())
    }

    /// Writes `bytes` at `pointer`.
    pub(crate) fn write(&mut self, pointer: u32, bytes: &[u8]) -> HostResult {
        let size = u32::try_from(bytes.len()).map_err(|_| Status::InvalidMemoryAccess)?;
        let range = range(pointer, size)?;
        let memory = self.memory()?;
        let target = memory.data_mut(self.caller.as_context_mut()).get_mut(range).ok_or(Status::InvalidMemoryAccess)?;
        target.copy_from_slice(bytes);
        Ok(())
    }

    /// Writes a number at an out pointer.
    pub(crate) fn write_u32(&mut self, pointer: u32, value: u32) -> HostResult {
        self.state().trace.cross(|| Crossed::Number(pointer, value.into()));
        self.write(pointer, &value.to_le_bytes())
    }

    /// Writes a number at an out pointer.
    pub(crate) fn write_u64(&mut self, pointer: u32, value: u64) -> HostResult {
        self.state().trace.cross(|| Crossed::Number(pointer, value));
        self.write(pointer, &value.to_le_bytes())
    }

    /// Hands `data` over in memory that the guest allocates, and writes where and how much to two out pointers.
    /// Nothing is allocated for no data: the pointer is 0 then.
    pub(crate) fn give(&mut self, data: &[u8], pointer_out: u32, size_out: u32) -> HostResult {
        let size = u32::try_from(data.len()).map_err(|_| Status::InternalFailure)?;
        let pointer = if data.is_empty() { 0 } else { self.place(data)? };
        self.state().trace.cross(|| Crossed::Given(data.to_vec()));
        self.write(pointer_out, &pointer.to_le_bytes())?;
        self.write(size_out, &size.to_le_bytes())
    }

    /// Puts `data` into memory that the guest allocates, be it none; gives where.
    pub(crate) fn place(&mut self, data: &[u8]) -> Result<u32, Stop> {
        let size = u32::try_from(data.len()).map_err(|_| Status::InternalFailure)?;
        let pointer = self.allocate(size)?;
        self.write(pointer, data)?;
        Ok(pointer)
    }

    fn allocate(&mut self, size: u32) -> Result<u32, Stop> {
        let state = self.state();
        if !state.injected.may_allocate() {
            return Err(Stop::Status(Status::InvalidMemoryAccess));
        }
        let (name, allocate) = state.allocate.clone().ok_or(Status::InternalFailure)?;
        state.trace.allocation_begins(name, size);
        let pointer = allocate.call(self.caller.as_context_mut(), size).map_err(Stop::Trap)?;
        self.state().trace.allocation_ends(name, pointer);
        // An allocator that has nothing left answers null.
        if pointer == 0 { Err(Stop::Status(Status::InvalidMemoryAccess)) } else { Ok(pointer) }
    }

    /// The memory: known once the instance is made, looked up while its start function runs.
    fn memory(&self) -> Result<Memory, Stop> {
        self.caller.data().memory.ok_or(Stop::Status(Status::InvalidMemoryAccess))
    }

    /// Looks the memory up for calls that come while the instance is being made.
    fn find_memory(&mut self) {
        if self.state().memory.is_none()
            && let Some(Extern::Memory(memory)) = self.caller.get_export("memory")
        {
            self.state().memory = Some(memory);
        }
    }
}

fn range(pointer: u32, size: u32) -> Result<std::ops::Range<usize>, Status> {
    let start = usize::try_from(pointer).map_err(|_| Status::InvalidMemoryAccess)?;
    let size = usize::try_from(size).map_err(|_| Status::InvalidMemoryAccess)?;
    Ok(start..start.checked_add(size).ok_or(Status::InvalidMemoryAccess)?)
}
