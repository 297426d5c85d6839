//! A real browser: headless Chromium, driven by its own protocol, and a site for its pages.
//!
//! It is no part of the workspace. `.ci/run` installs it and makes its absence a failure; where it is absent otherwise,
//! the tests say so and test nothing.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use axum::{
    Router,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::{WebSocket, folder::Folder, setting};

const PROGRAMS: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const LISTENING: &str = "DevTools listening on ws://";

/// A browser with one page. It ends with this value.
pub(crate) struct Chromium {
    process: Child,
    connection: WebSocket,
    session: String,
    next_id: u64,
    _profile: Folder,
}

/// Files that a browser can load, at an origin of their own.
pub(crate) struct Site {
    pub(crate) origin: String,
    served: JoinHandle<()>,
}

impl Chromium {
    /// Starts it; `None`, after saying so, where there is none.
    pub(crate) async fn start() -> Option<Self> {
        let program = setting("MEDCOR_CHROMIUM").map(PathBuf::from);
        let known = || PROGRAMS.iter().map(PathBuf::from).find(|path| path.exists());
        let Some(program) = program.or_else(known) else {
            assert!(setting("MEDCOR_REQUIRE_BROWSER").is_none(), "Chromium is not installed");
            eprintln!("skipped: Chromium is not installed (.ci/run shows how)");
            return None;
        };
        let profile = Folder::new();
        let (process, address) = launched(&program, profile.path()).await;
        let (host, path) = address.split_once('/').expect("an address has a path");
        let address: SocketAddr = host.parse().expect("an address of this machine");
        let connection = WebSocket::open(address, &format!("/{path}"), &[]).await.expect("it listens");
        let mut browser = Self { process, connection, session: String::new(), next_id: 0, _profile: profile };
        let target = browser.command("Target.createTarget", json!({ "url": "about:blank" })).await;
        let attached = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.command("Target.attachToTarget", attached).await;
        browser.session = attached["sessionId"].as_str().expect("a session").to_owned();
        browser.command("Page.enable", json!({})).await;
        Some(browser)
    }

    /// Loads a page.
    pub(crate) async fn load(&mut self, url: &str) {
        let loading = self.command("Page.navigate", json!({ "url": url })).await;
        assert_eq!(loading.get("errorText"), None, "{url}: {loading}");
        while self.connection.next().await["method"] != "Page.loadEventFired" {}
    }

    /// Runs a script in the page, as the body of an async function; what it returns.
    pub(crate) async fn run(&mut self, script: &str) -> Value {
        self.try_run(script).await.unwrap_or_else(|error| panic!("{error}\nin {script}"))
    }

    /// As [`Self::run`]; an error is what the script throws.
    pub(crate) async fn try_run(&mut self, script: &str) -> Result<Value, String> {
        let expression = format!("(async () => {{ {script} }})()");
        let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true });
        let mut evaluated = self.command("Runtime.evaluate", parameters).await;
        match evaluated["exceptionDetails"]["exception"]["description"].as_str() {
            Some(thrown) => Err(thrown.to_owned()),
            None => Ok(evaluated["result"]["value"].take()),
        }
    }

    async fn command(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let mut message = json!({ "id": self.next_id, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = self.session.as_str().into();
        }
        self.connection.send(message).await;
        loop {
            let mut answer = self.connection.next().await;
            if answer["id"] == self.next_id {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].take();
            }
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        if let Err(error) = self.process.kill().and_then(|()| self.process.wait()) {
            eprintln!("the browser stays behind: {error}");
        }
    }
}

/// The process, and where it listens.
async fn launched(program: &Path, profile: &Path) -> (Child, String) {
    let mut command = Command::new(program);
    command.args(["--headless=new", "--remote-debugging-port=0", "--no-first-run", "--disable-gpu"]);
    // Tests run as root in containers, whose shared memory is small; the pages are ours.
    command.args(["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"]);
    command.arg(format!("--user-data-dir={}", profile.display())).arg("about:blank");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("the browser starts");
    let log = BufReader::new(process.stderr.take().expect("the log is piped"));
    let (send, listening) = oneshot::channel();
    thread::spawn(move || {
        let mut lines = log.lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.strip_prefix(LISTENING).map(str::to_owned));
        // The rest of what it logs has to go somewhere.
        send.send(address).is_ok().then(|| lines.for_each(drop))
    });
    let address = listening.await.expect("the log is read");
    (process, address.expect("the browser says where it listens"))
}

impl Site {
    /// Serves the files of a folder.
    pub(crate) async fn of(folder: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let routes = Router::new().fallback(async move |uri: Uri| file(folder, uri.path()));
        let served = tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves") });
        Self { origin, served }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.served.abort();
    }
}

fn file(folder: &str, path: &str) -> Response {
    let name = path.trim_start_matches('/');
    let media_type = match name.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    match std::fs::read(Path::new(folder).join(name)) {
        Ok(content) => ([(header::CONTENT_TYPE, media_type)], content).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}
