//! Section "Foreign function interface".

use crate::{
    abi::Status,
    foreign::{self, ForeignReply},
    guest::{Guest, HostResult},
};

/// Who wants no results, or not their size, gives null for the pointer.
pub(super) fn call_foreign_function(
    guest: &mut Guest<'_, '_>,
    name: u32,
    name_size: u32,
    arguments: u32,
    arguments_size: u32,
    data_out: u32,
    size_out: u32,
) -> HostResult {
    let (name, arguments) = (guest.read(name, name_size)?, guest.read(arguments, arguments_size)?);
    // No function has a name that is not text, nor one with the characters that stand for what is none.
    let name = String::from_utf8_lossy(&name);
    let ForeignReply { status, results } = foreign::call(guest.state(), &name, &arguments).ok_or(Status::NotFound)?;
    let size = results.as_ref().map_or(Ok(0), |results| u32::try_from(results.len()));
    if data_out != 0 {
        let data = results.map_or(Ok(0), |results| guest.place(&results))?;
        guest.write_u32(data_out, data)?;
    }
    if size_out != 0 {
        guest.write_u32(size_out, size.map_err(|_| Status::InternalFailure)?)?;
    }
    if status == Status::Ok { Ok(()) } else { Err(status.into()) }
}
