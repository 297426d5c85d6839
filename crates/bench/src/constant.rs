//! The ceiling: rmcp over hyper that answers every tool call with the same result, and does nothing else.
//!
//! No server that speaks MCP by rmcp is faster; how near MedCor comes is what `cargo xtask bench` shows.

use std::{error::Error, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Parser;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{CallToolRequestParams, CallToolResponse, CallToolResult},
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};
use tokio::net::TcpListener;

/// The same allocator as the server's, so that the ratio shows the work and not the allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Answers every tool call with one result, without sessions.
#[derive(Debug, Parser)]
#[command(name = "constant")]
struct Arguments {
    /// Address to listen on; the URL is printed.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// File with the `result` of a tool call as JSON.
    #[arg(long)]
    answer: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let answer: CallToolResult = serde_json::from_slice(&std::fs::read(&arguments.answer)?)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(arguments.listen, Constant(Arc::new(answer))))
}

async fn serve(address: SocketAddr, constant: Constant) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address).await?;
    announce(listener.local_addr()?);
    let config =
        StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
    let service = StreamableHttpService::new(
        move || Ok(constant.clone()),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                complain(&error);
            }
        });
    }
}

#[derive(Debug, Clone)]
struct Constant(Arc<CallToolResult>);

impl ServerHandler for Constant {
    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Ok(CallToolResult::clone(&self.0).into())
    }
}

#[expect(clippy::print_stdout, reason = "whoever started it needs the port")]
fn announce(address: SocketAddr) {
    println!("http://{address}/mcp");
}

#[expect(clippy::print_stderr, reason = "a program of its own has no log")]
fn complain(error: &dyn Error) {
    eprintln!("{error}");
}
