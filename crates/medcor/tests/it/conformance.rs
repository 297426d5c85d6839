//! The official conformance suite of MCP against the program: every set completely on a build that has what the
//! suite calls, and on the program as it is released whatever can be tested without.
//!
//! The suite sends no token, so a proxy between adds one; all else is the doors as they are. The suite is no part
//! of the workspace: `.ci/run` installs it, builds the program with its fixtures and makes their absence a
//! failure; where they are absent otherwise, these tests say so and test nothing.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::support::{
    folder::Folder,
    process::{Place, Program},
    setting,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/conformance");
const VERSIONS: [&str; 3] = ["2025-06-18", "2025-11-25", "2026-07-28"];
/// What a check says that can't be made on a server without the suite's fixtures.
const UNTESTABLE: &str = "Not testable: ";
/// `-2026-11-21T09-15-30-250Z`, at the end of a folder's name.
const TIME_LENGTH: usize = 25;
/// The scenarios that need no fixture, or can say for each of their checks whether it needs one.
const WITHOUT_FIXTURES: [&str; 15] = [
    "server-initialize",
    "server-session-lifecycle",
    "server-sse-polling",
    "server-sse-multiple-streams",
    "server-stateless",
    "ping",
    "tools-list",
    "resources-list",
    "prompts-list",
    "dns-rebinding-protection",
    "sep-2164-resource-not-found",
    "caching",
    "http-header-validation",
    "http-custom-header-server-validation",
    "input-required-result-unsupported-methods",
];

/// Something that the suite looked at.
struct Check {
    scenario: String,
    id: String,
    status: String,
    message: String,
}

impl Check {
    fn is_failure(&self) -> bool {
        matches!(self.status.as_str(), "FAILURE" | "WARNING")
    }
}

#[tokio::test]
async fn every_set_of_the_suite_passes_with_its_fixtures() {
    let Some(node) = node() else { return };
    let Some(program) = setting("MEDCOR_CONFORMANCE_PROGRAM") else {
        assert!(setting("MEDCOR_REQUIRE_CONFORMANCE").is_none(), "there is no program with fixtures");
        eprintln!("skipped: no program with the feature `conformance` (.ci/run shows how)");
        return;
    };
    for (version, checks) in VERSIONS.iter().zip(checked(&node, &program).await) {
        let failed: Vec<String> = checks.iter().filter(|it| it.is_failure()).map(told).collect();
        assert!(failed.is_empty(), "{version}:\n{}", failed.join("\n"));
        let passed = checks.iter().filter(|it| it.status == "SUCCESS").count();
        eprintln!("{version}: {passed} of {} checks passed, none failed", checks.len());
    }
}

#[tokio::test]
async fn what_the_suite_can_test_without_fixtures_passes_on_the_real_tools() {
    let Some(node) = node() else { return };
    for (version, checks) in VERSIONS.iter().zip(checked(&node, env!("CARGO_BIN_EXE_medcor")).await) {
        let concerns = |check: &Check| {
            let is_free = WITHOUT_FIXTURES.contains(&check.scenario.as_str());
            is_free && !check.message.starts_with(UNTESTABLE)
        };
        let checks: Vec<Check> = checks.into_iter().filter(concerns).collect();
        let failed: Vec<String> = checks.iter().filter(|it| it.is_failure()).map(told).collect();
        assert!(failed.is_empty(), "{version}:\n{}", failed.join("\n"));
        let passed = checks.iter().filter(|it| it.status == "SUCCESS").count();
        assert!(passed >= 10, "{version}: the suite made {passed} checks only");
    }
}

#[tokio::test]
async fn a_program_with_fixtures_listens_on_loopback_alone() {
    let Some(program) = setting("MEDCOR_CONFORMANCE_PROGRAM") else { return };
    let folder = Folder::new();
    let place = Place { folder: folder.path(), database_url: None };
    let output = place.command_of(&program, &["serve", "--listen", "0.0.0.0:0"]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "it listens");
    assert!(errors.contains("conformance fixtures may not listen on 0.0.0.0"), "{errors}");
}

/// Node 22 or newer, where it and the suite are installed.
fn node() -> Option<String> {
    let is_installed = Path::new(&format!("{FOLDER}/node_modules/@modelcontextprotocol")).exists();
    let node = setting("MEDCOR_NODE_22").filter(|_| is_installed);
    if node.is_none() {
        assert!(setting("MEDCOR_REQUIRE_CONFORMANCE").is_none(), "the conformance suite is not installed");
        eprintln!("skipped: the conformance suite is not installed (.ci/run shows how)");
    }
    node
}

/// What the suite finds at this program, a list for each of [`VERSIONS`].
async fn checked(node: &str, program: &str) -> Vec<Vec<Check>> {
    let folder = Folder::new();
    let place = Place { folder: folder.path(), database_url: None };
    place.run(&["user", "add", "--email", "doctor@here.example", "--role", "doctor"]);
    let token = place.run(&["token", "--user", "doctor@here.example"]);
    let server = Program::start_as(program, place, &[]).await;
    let proxy = Proxy::start(node, &server.address.to_string(), token.trim());
    let mut found = Vec::new();
    for version in VERSIONS {
        let out = folder.path().join(format!("checks-{version}"));
        let mut suite = Command::new(node);
        suite.arg(format!("{FOLDER}/node_modules/@modelcontextprotocol/conformance/dist/index.js"));
        suite.args(["server", "--url", &format!("http://{}/mcp", proxy.address), "--suite", "all"]);
        suite.args(["--spec-version", version]).arg("-o").arg(&out).stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || suite.output()).await.unwrap();
        let output = output.expect("the suite runs");
        let checks = checks_in(&out);
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(!checks.is_empty(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
        found.push(checks);
    }
    found
}

/// The checks of all scenarios; their folders are named `server-SCENARIO-TIME`.
fn checks_in(folder: &Path) -> Vec<Check> {
    let scenarios = std::fs::read_dir(folder).into_iter().flatten();
    let of_scenario = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let scenario = name.strip_prefix("server-").and_then(|name| name.get(..name.len() - TIME_LENGTH));
        let scenario = scenario.unwrap_or_else(|| panic!("{name} is no folder of a scenario")).to_owned();
        let text = std::fs::read_to_string(entry.path().join("checks.json")).unwrap();
        let checks: Vec<Value> = serde_json::from_str(&text).unwrap();
        checks.into_iter().map(move |check| {
            let field = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
            Check {
                scenario: scenario.clone(),
                id: field("id"),
                status: field("status"),
                message: field("errorMessage"),
            }
        })
    };
    scenarios.flat_map(of_scenario).collect()
}

fn told(check: &Check) -> String {
    format!("{} of {} ({}): {}", check.id, check.scenario, check.status, check.message)
}

/// The proxy that adds the token; it ends with this value.
struct Proxy {
    process: Child,
    address: String,
}

impl Proxy {
    fn start(node: &str, server: &str, token: &str) -> Self {
        let mut command = Command::new(node);
        command.arg(format!("{FOLDER}/proxy.mjs")).arg(server).env("MEDCOR_TOKEN", token);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("node runs");
        let mut address = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { process, address: address.trim().to_owned() }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if self.process.kill().is_ok() {
            _ = self.process.wait();
        }
    }
}
