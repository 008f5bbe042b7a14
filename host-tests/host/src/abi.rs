//! The edge to the guest's memory: statuses, and the one type through which host calls read and write it.

use wasmtime::{AsContext as _, AsContextMut as _, Caller, Memory};

use super::state::HostState;

/// A proxy-wasm status, as a host call returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    /// Success. As an injected fault: the call claims success and did nothing.
    Ok = 0,
    /// No such key, property, metric or function.
    NotFound = 1,
    /// The call makes no sense now or names something unknown.
    BadArgument = 2,
    /// A value could not be written out.
    SerializationFailure = 3,
    /// A value could not be read.
    ParseFailure = 4,
    /// A pointer outside the guest's memory.
    InvalidMemoryAccess = 6,
    /// An empty queue.
    Empty = 7,
    /// Shared data changed in between.
    CasMismatch = 8,
    /// Anything else.
    InternalFailure = 10,
    /// A host call this host does not model.
    Unimplemented = 12,
}

/// Why a host call did not succeed: the guest is told, or the guest is ended.
pub(crate) enum Fail {
    Status(Status),
    Trap(wasmtime::Error),
}

impl From<Status> for Fail {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

pub(crate) type Done = Result<(), Fail>;

/// One host call's view of the guest.
pub(crate) struct Guest<'a, 'b> {
    pub caller: &'a mut Caller<'b, HostState>,
}

impl Guest<'_, '_> {
    pub fn state(&mut self) -> &mut HostState {
        self.caller.data_mut()
    }

    pub fn read(&mut self, at: u32, len: u32) -> Result<Vec<u8>, Fail> {
        let memory = self.memory()?;
        let (at, len) = (at as usize, len as usize);
        let bytes = memory.data(self.caller.as_context()).get(at..at + len);
        Ok(bytes.ok_or(Status::InvalidMemoryAccess)?.to_vec())
    }

    /// Text from the guest; proxy-wasm does not promise UTF-8, so what is not is replaced.
    pub fn text(&mut self, at: u32, len: u32) -> Result<String, Fail> {
        let bytes = self.read(at, len)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub fn write(&mut self, at: u32, bytes: &[u8]) -> Done {
        let memory = self.memory()?;
        memory
            .write(self.caller.as_context_mut(), at as usize, bytes)
            .map_err(|_| Status::InvalidMemoryAccess.into())
    }

    pub fn write_u32(&mut self, at: u32, value: u32) -> Done {
        self.write(at, &value.to_le_bytes())
    }

    pub fn write_u64(&mut self, at: u32, value: u64) -> Done {
        self.write(at, &value.to_le_bytes())
    }

    /// Hands bytes over in memory the guest allocates. Empty bytes are a null pointer, as in Envoy.
    pub fn give(&mut self, bytes: &[u8], ptr_at: u32, size_at: u32) -> Done {
        let size = u32::try_from(bytes.len()).map_err(|_| Status::InternalFailure)?;
        let mut ptr = 0;
        if size > 0 {
            let alloc = self
                .state()
                .alloc
                .clone()
                .ok_or(Status::InvalidMemoryAccess)?;
            ptr = alloc
                .call(self.caller.as_context_mut(), size)
                .map_err(Fail::Trap)?;
            if ptr == 0 {
                return Err(Status::InvalidMemoryAccess.into());
            }
            self.write(ptr, bytes)?;
        }
        self.write_u32(ptr_at, ptr)?;
        self.write_u32(size_at, size)
    }

    fn memory(&mut self) -> Result<Memory, Fail> {
        Ok(self.state().memory.ok_or(Status::InvalidMemoryAccess)?)
    }
}
