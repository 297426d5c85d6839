//! Who calls by another provider's token, or by a certificate, as clients meet it.

use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use axum::http::StatusCode;
use medcor::door::{self, DoorSettings, DoorState};
use medcor_oauth::{
    Authenticator, AuthorizationServer, ClientCertificate, ExternalSettings, ServerSettings, TokenSettings,
};
use medcor_policy::{ClientId, Role};
use medcor_store::{
    AuditEvent, EventKind,
    identity::{AuthMethod, Client, Registration, Source},
};
use medcor_testbed::{
    certificate::{Said, as_header, self_signed},
    provider::{Provider, SigningKey},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::support::{Reply, Request, Server};

const ORIGIN: &str = "https://mcp.example.org";
/// When the server of tests believes to be.
const NOW_SECONDS: u64 = 1_796_202_000;

/// Further doors to a server of tests, which trust others.
struct Doors {
    address: SocketAddr,
    stop: CancellationToken,
}

impl Doors {
    async fn open(server: &Server, external: Option<ExternalSettings>, proxies: Vec<IpAddr>) -> Self {
        let tokens = TokenSettings { liveness: Duration::ZERO, external, ..TokenSettings::new(ORIGIN) };
        let authenticator = Arc::new(Authenticator::open(&server.store, tokens).await.unwrap());
        let takes = ServerSettings { takes_certificates: !proxies.is_empty(), ..ServerSettings::default() };
        let authorization = AuthorizationServer::open(&server.store, authenticator.clone(), takes).await;
        // Who is believed about addresses is not believed about certificates.
        let settings = DoorSettings {
            trusted_proxies: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            ..DoorSettings::new(ORIGIN)
        };
        let state = DoorState {
            pipeline: server.pipeline.clone(),
            authenticator,
            authorization: Arc::new(authorization.unwrap()),
            accounts: server.accounts.clone(),
            mail: server.mail.clone(),
            hub: server.hub.clone(),
            settings: Arc::new(DoorSettings { certificate_proxies: proxies, ..settings }),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        tokio::spawn(door::serve(vec![listener], state, stop.clone()));
        Self { address, stop }
    }

    fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path)
    }

    async fn list(&self, token: &str, certificates: &[&str]) -> Reply {
        let mut request = self.request("POST", "/mcp").bearer(token);
        for certificate in certificates {
            request = request.header("client-cert", certificate);
        }
        request.rpc(1, "tools/list", Value::Null).send().await
    }

    async fn token(&self, certificates: &[&str]) -> Reply {
        let mut request = self.request("POST", "/token");
        for certificate in certificates {
            request = request.header("client-cert", certificate);
        }
        request.form("grant_type=client_credentials&client_id=lab").send().await
    }
}

impl Drop for Doors {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test]
async fn a_providers_people_call_and_the_refusal_of_others_names_the_provider() {
    let server = Server::start().await;
    let key = SigningKey::p256();
    let provider = Provider::start(&[key.jwk("k1")]).await;
    let external = ExternalSettings {
        roles: vec![("physicians".to_owned(), Role::Doctor)],
        tenants: vec![(String::new(), "here".to_owned())],
        ..ExternalSettings::new(&provider.issuer(), "medcor")
    };
    let doors = Doors::open(&server, Some(external), Vec::new()).await;
    let token = |subject: &str, audience: &str| {
        let claims = json!({
            "iss": provider.issuer(), "sub": subject, "aud": audience, "azp": "portal", "roles": ["physicians"],
            "iat": NOW_SECONDS, "exp": NOW_SECONDS + 900,
        });
        key.token(&json!({ "alg": "ES256", "kid": "k1" }), &claims)
    };
    let good = token("u-1", "medcor");
    let listed = doors.list(&good, &[]).await;
    assert_eq!(listed.status, StatusCode::OK, "{}", listed.body);
    assert_eq!(doors.list(&server.token("nurse@here").await, &[]).await.status, StatusCode::OK);
    assert_eq!(
        server.request("POST", "/mcp").bearer(&good).rpc(1, "ping", Value::Null).send().await.status,
        401
    );

    let refused = doors.list(&token("u-1", "other"), &[]).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let named = refused.header("www-authenticate").split('"').nth(1).unwrap().to_owned();
    let metadata = doors.request("GET", named.strip_prefix(ORIGIN).unwrap()).send().await;
    assert_eq!(metadata.rpc()["authorization_servers"], json!([ORIGIN, provider.issuer()]));

    let identity = server.store.identity();
    let doctor = identity.user_by_email("doctor@here").await.unwrap().unwrap();
    let event = AuditEvent::new(EventKind::Administration, "arrange").at_door("test", "test");
    assert!(identity.link_user(&provider.issuer(), "u-2", &doctor.id, &event).await.unwrap());
    let linked = token("u-2", "medcor");
    assert_eq!(doors.list(&linked, &[]).await.status, StatusCode::OK);
    identity.set_user_active(&doctor.id, false).await.unwrap();
    let refused = doors.list(&linked, &[]).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.body.contains("its user is not active"), "{}", refused.body);
}

#[tokio::test]
async fn a_provider_that_is_gone_is_no_reason_to_log_in_again() {
    let server = Server::start().await;
    let issuer = "http://127.0.0.1:1";
    let doors = Doors::open(&server, Some(ExternalSettings::new(issuer, "medcor")), Vec::new()).await;
    let token =
        SigningKey::ed25519().token(&json!({ "alg": "EdDSA", "kid": "k1" }), &json!({ "iss": issuer }));
    assert_eq!(doors.list(&token, &[]).await.status, StatusCode::SERVICE_UNAVAILABLE);
}

fn said(from: u64, to: u64) -> Said<'static> {
    Said { subject: "CN=lab", host: None, valid_seconds: (NOW_SECONDS - from, NOW_SECONDS + to) }
}

/// Registers the client `lab` with these certificates.
async fn register_lab(server: &Server, certificates: &[&[u8]]) {
    let client = Client {
        id: ClientId("lab".to_owned()),
        tenant: server.here.id,
        app_id: "lab".to_owned(),
        display_name: "Laboratory".to_owned(),
        role: Role::System,
        scopes: "system/Patient.rs".to_owned(),
        secret_hash: "none".to_owned(),
        is_active: true,
    };
    let registration = Registration {
        id: client.id.clone(),
        tenant: Some(client.tenant),
        source: Source::Operator,
        name: client.display_name.clone(),
        is_native: false,
        redirect_uris: Vec::new(),
        grant_types: vec!["client_credentials".to_owned()],
        auth_method: AuthMethod::SelfSignedTls,
        secret_hash: None,
        jwks: None,
        scopes: None,
        created_at: 0,
        used_at: None,
        is_active: true,
    };
    let read = |der: &&[u8]| ClientCertificate::from_file(der).unwrap().registered();
    let certificates: Vec<String> = certificates.iter().map(read).collect();
    let identity = server.store.identity();
    identity.create_certified_client(&client, &registration, &certificates).await.unwrap();
}

#[tokio::test]
async fn a_certificate_is_taken_from_trusted_proxies_and_binds_the_token() {
    let server = Server::start().await;
    let (good, expired) = (self_signed(&said(60, 3600)), self_signed(&said(120, 0)));
    let ended = self_signed(&Said { valid_seconds: (NOW_SECONDS - 120, NOW_SECONDS - 60), ..said(0, 0) });
    register_lab(&server, &[&good, &expired, &ended]).await;
    let doors = Doors::open(&server, None, vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]).await;
    let (shown, ended) = (&*as_header(&good), &*as_header(&ended));
    let another = &*as_header(&self_signed(&said(60, 3600)));
    let issued = doors.token(&[shown]).await;
    assert_eq!(issued.status, StatusCode::OK, "{}", issued.body);
    let issued: Value = serde_json::from_str(&issued.body).unwrap();
    let token = issued["access_token"].as_str().unwrap();
    assert_eq!(doors.list(token, &[shown]).await.status, StatusCode::OK);

    for certificates in [&[][..], &[another], &[ended]] {
        let refused = doors.list(token, certificates).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        assert!(refused.body.contains("bound to a certificate"), "{}", refused.body);
    }
    for certificates in [&[][..], &[another], &[ended]] {
        let refused = doors.token(certificates).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        assert!(refused.body.contains("invalid_client"), "{}", refused.body);
    }
    for certificates in [&["nonsense"][..], &[":AAAA:"], &[""], &[shown, shown], &[another, shown]] {
        assert_eq!(doors.list(token, certificates).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(doors.token(certificates).await.status, StatusCode::BAD_REQUEST);
    }
    let metadata = doors.request("GET", "/.well-known/oauth-authorization-server").send().await.rpc();
    assert!(
        metadata["token_endpoint_auth_methods_supported"].to_string().contains("self_signed_tls_client_auth")
    );
    assert_eq!(metadata["tls_client_certificate_bound_access_tokens"], json!(true));
}

#[tokio::test]
async fn a_strangers_certificate_header_is_refused_wherever_it_comes() {
    let server = Server::start().await;
    let good = self_signed(&said(60, 3600));
    register_lab(&server, &[&good]).await;
    let stranger = Doors::open(&server, None, vec![IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))]).await;
    let nobody = Doors::open(&server, None, Vec::new()).await;
    let shown = as_header(&good);
    let token = server.token("doctor@here").await;
    for doors in [&stranger, &nobody] {
        assert_eq!(doors.token(&[&shown]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(doors.list(&token, &[&shown]).await.status, StatusCode::FORBIDDEN);
        let health = doors.request("GET", "/login").header("client-cert-chain", &shown).send().await;
        assert_eq!(health.status, StatusCode::FORBIDDEN);
        assert_eq!(doors.list(&token, &[]).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_bound_token_among_the_arguments_is_worth_nothing() {
    let server = Server::start().await;
    server.patient("Ada", "Lovelace").await;
    let good = self_signed(&said(60, 3600));
    register_lab(&server, &[&good]).await;
    let doors = Doors::open(&server, None, vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]).await;
    let issued: Value = serde_json::from_str(&doors.token(&[&as_header(&good)]).await.body).unwrap();
    let token = issued["access_token"].as_str().unwrap();
    let call = json!({ "name": "search_patients", "arguments": { "query": "Ada", "access_token": token } });
    let refused = doors.request("POST", "/mcp").rpc(1, "tools/call", call.clone()).send().await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{}", refused.body);
    assert!(refused.body.contains("bound to a certificate"), "{}", refused.body);

    // Over standard input the operator named who calls, and an auditor sees no patients.
    let said = over_stdio(&server, "auditor@here", &call);
    assert!(said.contains("PERMISSION_DENIED") && !said.contains("Lovelace"), "{said}");
}

fn over_stdio(server: &Server, email: &str, call: &Value) -> String {
    let mut process = Command::new(env!("CARGO_BIN_EXE_medcor"))
        .args(server.stdio_arguments(email))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    let opening = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
        }
    });
    let opened = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call });
    for message in [opening, opened, call] {
        writeln!(input, "{message}").unwrap();
    }
    drop(input);
    String::from_utf8(process.wait_with_output().unwrap().stdout).unwrap()
}

#[tokio::test]
async fn the_operator_registers_certificates_and_links_people() {
    let server = Server::start().await;
    let folder = crate::support::folder::Folder::new();
    let file = folder.path().join("lab.der");
    std::fs::write(&file, self_signed(&said(60, 3600))).unwrap();
    let run = |arguments: &[&str], issuer: &str| {
        let place = server.stdio_arguments("nobody");
        let mut command = Command::new(env!("CARGO_BIN_EXE_medcor"));
        command.args(arguments).args(&place[1..3]).env_clear();
        if !issuer.is_empty() {
            command.env("MEDCOR_IDENTITY_ISSUER", issuer).env("MEDCOR_IDENTITY_AUDIENCE", "medcor");
            command.env("MEDCOR_IDENTITY_ROLES", "a=doctor").env("MEDCOR_IDENTITY_TENANTS", "here");
        }
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let file = file.display().to_string();
    let add =
        ["client", "add", "lab", "--role", "system", "--scope", "system/Patient.rs", "--tenant", "here"];
    let with = |more: &[&str]| run(&[&add[..], more].concat(), "");
    let (code, text) = with(&["--certificate", &file]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("self_signed_tls_client_auth") && !text.contains("client_secret\t"), "{text}");
    let id = text.split_whitespace().nth(1).unwrap().to_owned();
    assert_eq!(server.store.identity().certificates_of(&ClientId(id.clone())).await.unwrap().len(), 1);
    let (code, text) = run(&["client", "rotate-secret", &id], "");
    assert!(code == Some(2) && text.contains("certificate in the place of a secret"), "{text}");
    let (code, text) = with(&["--certificate-subject", "CN=lab,O=North"]);
    assert!(code == Some(0) && text.contains("tls_client_auth"), "{text}");
    assert_eq!(with(&["--certificate-subject", "lab"]).0, Some(2));
    assert_eq!(with(&["--certificate", "/dev/null"]).0, Some(2));

    let (code, text) = run(&["client", "certify", &id, "--certificate", &file], "");
    assert!(code == Some(0) && text.contains("has 1 certificate(s)"), "{text}");
    assert_eq!(
        run(&["client", "certify", "robot", "--certificate", &file], "").0,
        Some(2),
        "it has a secret"
    );

    let issuer = "https://login.example.org";
    let link = ["user", "link", "doctor@here", "--subject", "u-1"];
    assert_eq!(run(&link, "").0, Some(2), "there is no provider");
    assert_eq!(run(&link, issuer).0, Some(0));
    assert_eq!(run(&link, issuer).0, Some(2), "it is linked");
    let linked = server.store.identity().linked_user(issuer, "u-1").await.unwrap();
    assert_eq!(linked.unwrap().email, "doctor@here");
    assert_eq!(run(&["user", "unlink", "doctor@here"], issuer).0, Some(0));
    assert_eq!(run(&["user", "unlink", "doctor@here"], issuer).0, Some(2), "there is no link");
    assert!(server.store.identity().linked_user(issuer, "u-1").await.unwrap().is_none());
}
