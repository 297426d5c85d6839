//! The command line, through the real binary.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::support::folder::Folder;

const PATIENT: &str =
    r#"{"resourceType":"Patient","id":"ada","name":[{"family":"Lovelace"}],"multipleBirthInteger":1}"#;

/// A data folder, and the binary on it.
struct Installation {
    folder: Folder,
}

impl Installation {
    fn new() -> Self {
        Self { folder: Folder::new() }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_medcor"));
        command.args(arguments).arg("--data").arg(self.data()).current_dir(self.folder.path());
        for variable in ["MEDCOR_LISTEN", "MEDCOR_DATABASE_URL", "MCP_DATABASE_URL", "MCP_SERVER_PORT"] {
            command.env_remove(variable);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran(self.command(arguments).output().unwrap())
    }

    /// An installation with one patient and one doctor.
    fn with_a_patient() -> Self {
        let installation = Self::new();
        let file = installation.file("patient.json", PATIENT);
        assert_eq!(installation.run(&["import", &file]).code(), 0);
        let added = installation.run(&["user", "add", "--email", "Grace@Example.org", "--role", "doctor"]);
        assert_eq!(added.code(), 0, "{}", added.errors());
        installation
    }
}

struct Ran(Output);

impl Ran {
    fn code(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    fn errors(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }
}

#[test]
fn the_story_of_real_records_needs_no_demonstration_data() {
    let installation = Installation::new();
    let file = installation.file("patient.json", PATIENT);
    let imported = installation.run(&["import", &file]);
    assert_eq!(imported.code(), 0, "{}", imported.errors());
    assert!(imported.text().contains("Patient"), "{}", imported.text());
    assert!(imported.errors().contains("medcor user add --tenant default"), "{}", imported.errors());

    let added = installation.run(&["user", "add", "--email", "grace@example.org", "--role", "doctor"]);
    assert_eq!((added.code(), added.text().trim()), (0, "Added grace@example.org to default."));
    let token = installation.run(&["token", "--user", "GRACE@example.org"]);
    assert_eq!((token.code(), token.errors().as_str()), (0, ""));
    assert_eq!(token.text().trim().split('.').count(), 3);
    assert_eq!(token.text().lines().count(), 1);

    let exported = installation.run(&["export", "out"]);
    assert_eq!(exported.code(), 0, "{}", exported.errors());
    let path = installation.folder.path().join("out/Patient.ndjson");
    let line = fs::read_to_string(&path).unwrap();
    let mut patient: Value = serde_json::from_str(line.trim_end()).unwrap();
    patient.as_object_mut().unwrap().shift_remove("meta");
    assert_eq!(patient.to_string(), PATIENT);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(installation.data()).unwrap().permissions().mode() & 0o777, 0o700);

    let again = installation.run(&["import", "out"]);
    assert_eq!(again.code(), 0);
    let row = again.text().lines().find(|line| line.starts_with("Patient")).unwrap().to_owned();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["Patient", "0", "0", "1", "0"]);
    assert_eq!(installation.run(&["export", "out"]).code(), 2);
}

#[test]
fn what_is_refused_is_told_and_makes_the_exit_code_1() {
    let installation = Installation::new();
    let file = installation
        .file("mixed.ndjson", &format!("{PATIENT}\n{{\"resourceType\":\"Patient\",\"shoe\":1}}\n"));
    let imported = installation.run(&["import", &file]);
    assert_eq!(imported.code(), 1);
    assert!(
        imported.errors().contains("mixed.ndjson:2 Patient\n    Patient.shoe: "),
        "{}",
        imported.errors()
    );
    let strict = installation.run(&["import", &file, "--strict"]);
    assert_eq!(strict.code(), 1);
    assert!(strict.text().contains("--strict"), "{}", strict.text());
}

#[test]
fn a_wrong_command_or_setting_makes_the_exit_code_2_and_every_problem_is_named() {
    let installation = Installation::new();
    assert_eq!(installation.run(&["imprt"]).code(), 2);
    assert_eq!(installation.run(&["import", "no-such-file.json"]).code(), 2);
    let wrong = installation
        .command(&["version", "--clock", "noon", "--database-url", "mysql://x"])
        .env("MEDCOR_LOG", "loud")
        .output()
        .map(Ran)
        .unwrap();
    assert_eq!(wrong.code(), 2);
    for name in ["--clock", "--database-url", "MEDCOR_LOG"] {
        assert!(wrong.errors().contains(name), "{}", wrong.errors());
    }
    let fixed = installation.run(&["serve", "--clock", "2026-12-02T09:00:00Z", "--production"]);
    assert_eq!(fixed.code(), 2);
    assert!(fixed.errors().contains("--production"), "{}", fixed.errors());
    let demo = installation.run(&["serve", "--demo", "--production"]);
    assert_eq!(demo.code(), 2);
}

#[test]
fn a_settings_file_is_read_and_its_slips_are_refused() {
    let installation = Installation::new();
    fs::create_dir_all(installation.data()).unwrap();
    fs::write(installation.data().join("medcor.toml"), "log = \"warn\"\n").unwrap();
    assert_eq!(installation.run(&["version"]).code(), 0);
    fs::write(installation.data().join("medcor.toml"), "lgo = \"warn\"\n").unwrap();
    let refused = installation.run(&["version"]);
    assert_eq!(refused.code(), 2);
    assert!(refused.errors().contains("`lgo`"), "{}", refused.errors());
    let missing = installation.run(&["version", "--config", "nowhere.toml"]);
    assert_eq!(missing.code(), 2);
}

#[test]
fn tokens_are_for_people_who_exist_and_scopes_that_are_understood() {
    let installation = Installation::with_a_patient();
    assert_eq!(installation.run(&["token", "--user", "nobody@example.org"]).code(), 1);
    let refused =
        installation.run(&["token", "--user", "grace@example.org", "--scope", "user/Everything.rs"]);
    assert_eq!((refused.code(), refused.text().as_str()), (1, ""));
    let narrowed = installation.run(&["token", "--user", "grace@example.org", "--scope", "user/Patient.rs"]);
    assert_eq!(narrowed.code(), 0);
    assert_eq!(installation.run(&["token", "--user", "grace@example.org", "--lifetime", "5"]).code(), 2);
}

#[test]
fn people_and_organisations_are_added_once_and_checked() {
    let installation = Installation::with_a_patient();
    let list = installation.run(&["user", "list"]).text();
    assert!(list.starts_with("grace@example.org\tdoctor\t"), "{list}");
    let add = |arguments: &[&str]| installation.run(&[&["user", "add"], arguments].concat()).code();
    assert_eq!(add(&["--email", "grace@example.org", "--role", "nurse"]), 2);
    assert_eq!(add(&["--email", "not an address", "--role", "nurse"]), 2);
    assert_eq!(add(&["--email", "eve@example.org", "--role", "king"]), 2);
    assert_eq!(add(&["--email", "eve@example.org", "--role", "patient"]), 2);
    assert_eq!(add(&["--email", "eve@example.org", "--role", "patient", "--patient", "nobody"]), 2);
    assert_eq!(add(&["--email", "eve@example.org", "--role", "patient", "--patient", "ada"]), 0);

    assert_eq!(installation.run(&["tenant", "add", "St Mary"]).code(), 2);
    assert_eq!(installation.run(&["tenant", "add", "st-marys", "--time-zone", "Mars/Base"]).code(), 2);
    assert_eq!(installation.run(&["tenant", "add", "st-marys", "--time-zone", "Europe/London"]).code(), 0);
    assert_eq!(installation.run(&["tenant", "add", "st-marys"]).code(), 2);
    let file = installation.file("other.json", PATIENT);
    let ambiguous = installation.run(&["import", &file]);
    assert_eq!(ambiguous.code(), 2);
    assert!(ambiguous.errors().contains("default, st-marys"), "{}", ambiguous.errors());
    assert_eq!(installation.run(&["import", &file, "--tenant", "st-mary"]).code(), 2);
    assert_eq!(installation.run(&["import", &file, "--tenant", "st-marys"]).code(), 0);
}

#[test]
fn the_trail_is_verified_shown_and_searched() {
    let installation = Installation::with_a_patient();
    let verified = installation.run(&["audit", "verify"]);
    assert_eq!(verified.code(), 0);
    assert!(verified.text().starts_with("The trail is whole: "), "{}", verified.text());
    let tail = installation.run(&["audit", "tail", "--count", "3"]).text();
    assert_eq!(tail.lines().count(), 3);
    for line in tail.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        assert!(row["event"].as_str().unwrap().starts_with("AUDIT:"));
        assert!(!line.contains("Lovelace"));
    }
    let search = |arguments: &[&str]| installation.run(&[&["audit", "search"], arguments].concat()).text();
    let found = search(&["--action", "import", "--patient", "ada"]);
    assert_eq!(found.lines().count(), 1);
    assert!(found.contains("the operator  imported records; patient ada"), "{found}");
    assert_eq!(search(&["--action", "import", "--to", "2020-01-01T00:00:00Z"]), "");
    assert_eq!(installation.run(&["audit", "search", "--from", "yesterday"]).code(), 2);
    let searches = search(&["--action", "trail_read", "--patient", "ada", "--json"]);
    let row: Value = serde_json::from_str(searches.lines().last().unwrap()).unwrap();
    assert_eq!(row["parameters"], json!(["patient", "action"]), "a search is in the trail");
}

#[test]
fn whom_a_search_is_about_is_named_exactly_or_not_at_all() {
    let installation = Installation::new();
    let patients = json!([
        { "resourceType": "Patient", "id": "ada", "name": [{ "given": ["Ada"], "family": "Lovelace" }],
          "identifier": [{ "value": "MRN-1" }] },
        { "resourceType": "Patient", "id": "bea", "name": [{ "given": ["Bea"], "family": "Lovelace" }] },
        { "resourceType": "Patient", "id": "eve", "name": [{ "given": ["Bea"], "family": "Lovelace" }] }
    ]);
    for patient in patients.as_array().unwrap() {
        let file = installation.file("patient.json", &patient.to_string());
        assert_eq!(installation.run(&["import", &file]).code(), 0);
    }
    let added = installation.run(&["user", "add", "--email", "grace@example.org", "--role", "doctor"]);
    assert_eq!(added.code(), 0);
    let search = |arguments: &[&str]| installation.run(&[&["audit", "search"], arguments].concat());
    for name in ["ada", "MRN-1", "Ada Lovelace"] {
        let found = search(&["--action", "import", "--patient", name]);
        assert_eq!((found.code(), found.text().lines().count()), (0, 1), "{name}: {}", found.errors());
    }
    assert_eq!(search(&["--patient", "Bea Lovelace"]).code(), 2, "two are called so");
    for name in ["Ada Lovelac", "Lovelace", "MRN-", "nobody"] {
        assert_eq!(search(&["--patient", name]).code(), 1, "{name}");
    }
    assert_eq!(search(&["--user", "GRACE@example.org"]).code(), 0);
    assert_eq!(search(&["--user", "grac@example.org"]).code(), 1);
    let newest = search(&["--limit", "1", "--json"]);
    let row: Value = serde_json::from_str(newest.text().trim()).unwrap();
    assert_eq!(row["action"], "audit search");
}

#[test]
fn the_trail_is_exported_from_where_an_earlier_export_ended() {
    let installation = Installation::with_a_patient();
    let export = |arguments: &[&str]| installation.run(&[&["audit", "export"], arguments].concat());
    let rows = |ran: &Ran| -> Vec<i64> {
        let row = |line: &str| serde_json::from_str::<Value>(line).unwrap()["row"].as_i64().unwrap();
        ran.text().lines().map(row).collect()
    };
    let first = export(&[]);
    let known = rows(&first);
    assert!(known.len() > 1 && known.is_sorted(), "{known:?}");
    let last = known.last().unwrap().to_string();
    assert!(first.errors().contains(&format!("--after {last}")), "{}", first.errors());
    // What came since: the row of the first export.
    let second = export(&["--after", &last]);
    assert_eq!(rows(&second).len(), 1);
    assert!(second.text().contains(r#""what":"read the audit trail (audit export)""#), "{}", second.text());
    let cef = export(&["--format", "cef"]);
    for line in cef.text().lines() {
        assert!(line.starts_with("CEF:0|MedCor|medcor|") && line.contains("outcome="), "{line}");
    }
    assert_eq!(export(&["--to", "2020-01-01"]).text(), "");
    assert_eq!(export(&["--format", "xml"]).code(), 2);
}

#[test]
fn a_key_is_made_once_for_its_owner_alone() {
    let installation = Installation::with_a_patient();
    let path = installation.folder.path().join("audit.key");
    let key = path.display().to_string();
    let made = installation.run(&["audit", "key", &key]);
    assert_eq!(made.code(), 0, "{}", made.errors());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let public = fs::read_to_string(format!("{key}.pub")).unwrap();
    assert!(public.starts_with("-----BEGIN PUBLIC KEY-----"), "{public}");
    assert_eq!(installation.run(&["audit", "key", &key]).code(), 2, "it is not written over");
    let verified = installation.run(&["audit", "verify", "--public-key", &format!("{key}.pub")]);
    assert!(verified.text().contains("no daily signature"), "{}", verified.text());
    let wrong = installation.file("wrong.pub", "not a key");
    assert_eq!(installation.run(&["audit", "verify", "--public-key", &wrong]).code(), 2);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let open = installation.run(&["audit", "verify", "--audit-key-file", &key]);
    assert_eq!(open.code(), 2);
    assert!(open.errors().contains("chmod 600"), "{}", open.errors());
}

#[test]
fn disclosures_of_a_patient_are_told_with_their_purpose() {
    let installation = Installation::with_a_patient();
    assert_eq!(installation.run(&["export", "out"]).code(), 0);
    let told = installation.run(&["audit", "disclosures", "--patient", "ada"]);
    assert_eq!(told.code(), 0, "{}", told.errors());
    assert!(
        told.text().contains("the operator  exported records; records written to files"),
        "{}",
        told.text()
    );
    let line =
        installation.run(&["audit", "disclosures", "--patient", "ada", "--accountable", "--json"]).text();
    let row: Value = serde_json::from_str(line.trim()).unwrap();
    assert_eq!((&row["exempt"], &row["recipient"]), (&json!(false), &json!("the operator")));
    assert_eq!(installation.run(&["audit", "disclosures", "--patient", "nobody"]).code(), 1);
    let searched = installation.run(&["audit", "search", "--action", "disclosures_read", "--patient", "ada"]);
    assert_eq!(searched.text().lines().count(), 2, "asking is in the trail");
}

#[test]
fn the_doctor_says_what_to_do() {
    let installation = Installation::new();
    let before = installation.run(&["doctor", "--listen", "127.0.0.1:0"]);
    assert_eq!(before.code(), 0, "{}", before.text());
    assert!(before.text().contains("medcor serve"), "{}", before.text());
    assert!(!installation.data().exists(), "a check makes nothing");

    let installation = Installation::with_a_patient();
    let sound = installation.run(&["doctor", "--listen", "127.0.0.1:0"]);
    assert_eq!(sound.code(), 0, "{}", sound.text());
    for what in ["settings", "data folder", "database", "keys", "people", "clock", "disk", "listen"] {
        assert!(sound.text().contains(&format!("ok    {what}")), "{what}: {}", sound.text());
    }
    fs::set_permissions(installation.data(), fs::Permissions::from_mode(0o755)).unwrap();
    let open = installation.run(&["doctor", "--listen", "0.0.0.0:0", "--clock", "noon"]);
    assert_eq!(open.code(), 1);
    assert!(open.text().contains("FIX   settings"), "{}", open.text());
    let open = installation.run(&["doctor", "--listen", "0.0.0.0:0"]);
    assert_eq!(open.code(), 1);
    assert!(open.text().contains("chmod 700") && open.text().contains("--public-url"), "{}", open.text());
}

/// A running server.
struct Serving {
    process: Child,
    output: BufReader<ChildStdout>,
    /// What it printed when it was ready.
    invitation: String,
}

impl Serving {
    fn start(installation: &Installation, arguments: &[&str]) -> Self {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut command = installation.command(&arguments);
        let log = fs::File::create(installation.folder.path().join("log")).unwrap();
        let mut process = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut invitation = String::new();
        while !invitation.contains("Ctrl-C") && output.read_line(&mut invitation).unwrap() > 0 {}
        Self { process, output, invitation }
    }

    /// Asks it to end; what else it printed.
    fn end(mut self) -> String {
        let killed = Command::new("kill").arg(self.process.id().to_string()).status().unwrap();
        assert!(killed.success());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert!(self.process.wait().unwrap().success());
        rest
    }
}

#[test]
fn the_lines_that_a_new_server_prints_work_as_printed() {
    let installation = Installation::with_a_patient();
    let serving = Serving::start(&installation, &[]);
    let lines = serving.invitation.split("Try it:\n").nth(1).expect("lines to try");
    let script = lines.split("\n\n").next().unwrap();
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("skipped: there is no curl");
        return;
    }
    let ran = Ran(Command::new("sh")
        .args(["-eu", "-c", script])
        .current_dir(installation.folder.path())
        .output()
        .unwrap());
    assert_eq!(ran.code(), 0, "{script}\n{}", ran.errors());
    let answer = ran.text();
    let answer =
        answer.lines().find_map(|line| line.strip_prefix("data: ").or(line.starts_with('{').then_some(line)));
    let answer: Value = serde_json::from_str(answer.unwrap_or_else(|| panic!("{}", ran.text()))).unwrap();
    assert_eq!(answer["jsonrpc"], "2.0", "{answer}");
    assert_ne!(answer["result"]["isError"], json!(true), "{answer}");
    assert!(answer.to_string().contains("Lovelace"), "{answer}");
    assert_eq!(serving.end(), "");
}

#[test]
fn configurations_of_clients_are_json_and_hold_no_token() {
    let installation = Installation::with_a_patient();
    let serving = Serving::start(&installation, &[]);
    for client in ["Claude Desktop:", "VS Code mcp.json:"] {
        let line = serving.invitation.lines().map(str::trim).find(|line| line.starts_with(client)).unwrap();
        let json: Value = serde_json::from_str(line[client.len()..].trim()).unwrap();
        assert!(json.is_object());
        assert!(!line.contains("eyJ"), "{line}");
    }
    serving.end();
}

#[test]
fn a_new_server_names_every_door() {
    let installation = Installation::with_a_patient();
    let serving = Serving::start(&installation, &[]);
    let url = serving.invitation.lines().find_map(|line| line.split_once("is ready: ")).unwrap().1;
    let socket = url.replacen("http:", "ws:", 1);
    for door in [
        format!("{url}/mcp "),
        format!("{url}/api/v1/mcp/tools/invoke "),
        format!("{url}/api/docs/)"),
        format!("{url}/api/mcp/sse,"),
        format!("{url}/api/asyncapi.json)"),
        format!("{socket}/api/mcp/ws "),
        format!("{socket}/ws\n"),
    ] {
        assert!(serving.invitation.contains(&door), "{door} is not in {}", serving.invitation);
    }
    serving.end();
}

#[test]
fn a_demonstration_writes_its_accounts_to_a_private_file_and_nowhere_else() {
    let installation = Installation::new();
    let serving = Serving::start(&installation, &["--demo"]);
    let path = installation.data().join("demo-credentials.json");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let credentials: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let users = credentials["users"].as_array().unwrap();
    let clients = credentials["clients"].as_array().unwrap();
    assert!(users.len() >= 12 && !clients.is_empty());
    let invitation = serving.invitation.clone();
    assert!(invitation.contains("demo-credentials.json"), "{invitation}");
    let rest = serving.end();
    let log = fs::read_to_string(installation.folder.path().join("log")).unwrap();
    let secrets = users.iter().map(|user| &user["password"]);
    for secret in secrets.chain(clients.iter().map(|client| &client["client_secret"])) {
        let secret = secret.as_str().unwrap();
        assert!(!invitation.contains(secret) && !rest.contains(secret) && !log.contains(secret));
    }

    let before = fs::read_to_string(&path).unwrap();
    Serving::start(&installation, &["--demo"]).end();
    assert_eq!(fs::read_to_string(&path).unwrap(), before, "a filled database stays as it is");
}

#[test]
fn a_second_server_on_one_address_says_so_and_leaves_the_first_alone() {
    let installation = Installation::with_a_patient();
    let serving = Serving::start(&installation, &[]);
    let url = serving.invitation.lines().next().unwrap().rsplit("http://").next().unwrap().trim().to_owned();
    let other = Installation::new();
    let refused = other.run(&["serve", "--listen", &url]);
    assert_eq!(refused.code(), 1);
    assert!(refused.errors().contains("--listen"), "{}", refused.errors());
    serving.end();
}

#[test]
fn a_server_signs_the_trail_when_it_starts() {
    let installation = Installation::with_a_patient();
    let path = installation.folder.path().join("audit.key").display().to_string();
    assert_eq!(installation.run(&["audit", "key", &path]).code(), 0);
    for _ in 0..2 {
        Serving::start(&installation, &["--audit-key-file", &path]).end();
    }
    let verified = installation.run(&["audit", "verify", "--public-key", &format!("{path}.pub")]);
    assert_eq!(verified.code(), 0, "{}", verified.text());
    let text = verified.text();
    assert!(text.contains("daily signatures: 1, ") && text.contains("made with the key"), "{text}");
    let signed = installation.run(&["audit", "search", "--action", "sign_trail"]);
    assert!(signed.text().contains("the audit trail was signed; about signature/1"), "{}", signed.text());
    let other = installation.folder.path().join("other.key").display().to_string();
    assert_eq!(installation.run(&["audit", "key", &other]).code(), 0);
    let wrong = installation.run(&["audit", "verify", "--public-key", &format!("{other}.pub")]);
    assert_eq!(wrong.code(), 1);
    assert!(wrong.text().contains("a key that was not given"), "{}", wrong.text());
}
