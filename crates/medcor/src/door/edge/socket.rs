//! What the operating system is asked of a connection.

use std::io;

use tokio::net::TcpStream;

/// What the system keeps of an answer beyond what is on its way. By itself it takes megabytes for a client that reads
/// nothing, and it takes them long after the client has stopped.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_BYTES_MAX: u32 = 128 * 1024;

/// Sends at once, and no more than the client takes.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
    Ok(())
}
