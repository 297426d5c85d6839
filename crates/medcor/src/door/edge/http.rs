//! HTTP/1.1 and HTTP/2 as they are spoken here: how large heads may be, how many requests at once.

use std::time::Duration;

use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};

/// Largest head over HTTP/1.1.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 64;
/// Largest head over HTTP/2, and most requests at once on one connection.
const HTTP2_HEAD_BYTES_MAX: u32 = 32 * 1024;
const HTTP2_STREAMS_MAX: u32 = 128;
const HTTP2_PING_SECONDS: u64 = 30;

/// Of a connection whose client may take so long for a head.
pub(super) fn builder(head_time: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HTTP2_HEAD_BYTES_MAX)
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .keep_alive_interval(Duration::from_secs(HTTP2_PING_SECONDS));
    builder
}
