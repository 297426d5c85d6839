//! Requests that schemathesis makes of the API document, against the real server: none makes it fail, and no
//! answer is another than the document says.
//!
//! schemathesis is no part of the workspace. `.ci/run` installs it and makes its absence a failure; where it
//! is absent otherwise, this test says so and tests nothing. `cargo xtask prove` runs it with many more cases.

use std::process::{Command, Stdio};

use medcor_policy::Role;

use crate::support::{process::Doors, region::Region, setting};

/// Cases for each operation and phase, where nothing says how many.
const CASES: &str = "3";
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generated_requests_find_no_failure_and_no_answer_beyond_the_document() {
    let Some(program) = setting("MEDCOR_SCHEMATHESIS") else {
        assert!(setting("MEDCOR_REQUIRE_SCHEMATHESIS").is_none(), "schemathesis is not installed");
        eprintln!("skipped: schemathesis is not installed (.ci/run shows how)");
        return;
    };
    let region = Region::on_sqlite().await;
    let doors = Doors::open(&region).await;
    let url = format!("http://{}", doors.address);
    let wanted = setting("MEDCOR_FUZZED_CASES");
    // The phase of coverage has many cases of its own, whatever number is asked for.
    let phases = if wanted.is_some() { "examples,coverage,fuzzing" } else { "examples,fuzzing" };
    let cases = wanted.unwrap_or_else(|| CASES.to_owned());
    for role in [Role::Doctor, Role::Admin] {
        let token = region.token(&region.north, role).await;
        let mut command = Command::new(&program);
        command.args(["run", &format!("{url}/api/openapi.json"), "--url", &url]);
        command.args(["--checks", CHECKS, "--phases", phases]);
        command.args(["--max-examples", &cases, "--generation-deterministic", "--continue-on-failure"]);
        command.args(["--header", &format!("Authorization: Bearer {token}")]);
        // Accounts end by these, that of whoever asks too.
        command.args(["--exclude-path", "/delete_user", "--exclude-path", "/update_user"]);
        command.args(["--suppress-health-check", "all", "--warnings", "off", "--no-color"]);
        command.stdin(Stdio::null()).current_dir(std::env::temp_dir());
        // The server runs on this thread meanwhile.
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
        let output = output.expect("schemathesis runs");
        let told = String::from_utf8_lossy(&output.stdout);
        let cases = told.lines().find(|line| line.contains("generated")).unwrap_or_default();
        eprintln!("{role}: {}", cases.trim());
        assert!(output.status.success(), "{role}: {told}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}
