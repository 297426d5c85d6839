//! The API document says what the server does, and the pages that show it need nothing from elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use serde_json::Value;

use crate::{
    rest::json_of,
    support::{Server, reference},
};

async fn document(server: &Server) -> Value {
    let reply = server.request("GET", "/api/openapi.json").send().await;
    assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, "application/json"));
    json_of(&reply)
}

/// Every operation, with its method and path.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let methods = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("a path has methods");
        item.iter().map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
    });
    methods.collect()
}

#[tokio::test]
async fn the_document_is_whole_and_has_every_tool() {
    let server = Server::start().await;
    let document = document(&server).await;
    assert_eq!(document["openapi"], "3.1.0");
    reference::check(&document);
    let mut ids = BTreeSet::new();
    let tags: BTreeSet<&str> =
        document["tags"].as_array().expect("tags").iter().filter_map(|tag| tag["name"].as_str()).collect();
    for (method, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{path} has no id"));
        assert!(ids.insert(id.to_owned()), "two operations are called {id}");
        assert!(operation["responses"]["200"].is_object(), "{method} {path}");
        assert!(
            operation["tags"]
                .as_array()
                .is_some_and(|own| own.iter().all(|it| tags.contains(it.as_str().unwrap())))
        );
        let variables = path.matches('{').count();
        let own = operation["parameters"].as_array().into_iter().flatten();
        assert_eq!(own.filter(|it| it["in"] == "path").count(), variables, "{path}");
    }
    for tool in server.pipeline.catalog().tools() {
        let name = tool.entry.name;
        let operation = &document["paths"][format!("/{name}")]["post"];
        assert!(operation.is_object(), "{name} is not in the document");
        if name == "authenticate" {
            continue;
        }
        assert_eq!(operation["description"], tool.description.trim(), "{name}");
        let schema = &document["components"]["schemas"][format!("{name}.parameters")];
        assert_eq!(
            schema["properties"].as_object().map(serde_json::Map::len),
            Some(tool.parameters().count()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn every_route_of_the_document_is_there_and_takes_no_other_method() {
    let server = Server::start().await;
    let token = server.token("doctor@here").await;
    let document = document(&server).await;
    let mut methods: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (method, path, _) in operations(&document) {
        methods.entry(path).or_default().insert(method);
    }
    for (path, methods) in methods {
        let path = path.replace("{id}", "unknown");
        for method in ["DELETE", "PUT", "PATCH"] {
            let reply = server.request(method, &path).bearer(&token).send().await;
            assert!(
                reply.status == StatusCode::METHOD_NOT_ALLOWED || reply.status == StatusCode::FORBIDDEN,
                "{method} {path}: {}",
                reply.status
            );
            if reply.status == StatusCode::METHOD_NOT_ALLOWED {
                for own in &methods {
                    assert!(reply.header("allow").contains(own), "{path}: {}", reply.header("allow"));
                }
            }
        }
    }
}

#[tokio::test]
async fn the_paths_are_those_that_were_agreed() {
    let server = Server::start().await;
    let document = document(&server).await;
    let tools: BTreeSet<String> =
        server.pipeline.catalog().tools().map(|tool| format!("/{}", tool.entry.name)).collect();
    let paths: Vec<String> = operations(&document)
        .into_iter()
        .filter(|(_, path, _)| !tools.contains(path))
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    insta::assert_snapshot!("openapi_paths", paths.join("\n"));
}

#[tokio::test]
async fn both_pages_show_it_with_what_the_program_brings() {
    let server = Server::start().await;
    for page in ["/api/docs/", "/api/docs", "/api/redoc/", "/api/redoc"] {
        let reply = server.request("GET", page).send().await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (StatusCode::OK, "text/html; charset=utf-8")
        );
        let policy = reply.header("content-security-policy");
        assert!(policy.contains("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!reply.body.contains("//"), "{page} leads elsewhere: {}", reply.body);
        let sources = reply.body.split("src=\"").skip(1).chain(reply.body.split("href=\"").skip(1));
        for source in sources.filter_map(|rest| rest.split('"').next()) {
            let asset = server.request("GET", source).send().await;
            assert_eq!(asset.status, StatusCode::OK, "{source}");
            let packed = server.request("GET", source).header("accept-encoding", "gzip").open().await;
            assert!(packed.headers["content-type"].to_str().unwrap().starts_with("text/"), "{source}");
        }
    }
    assert_eq!(server.request("GET", "/api/docs/assets/other.js").send().await.status, StatusCode::NOT_FOUND);
    let first = server.request("GET", "/api/openapi.json").send().await;
    let again = server.request("GET", "/api/openapi.json").header("if-none-match", first.header("etag"));
    assert_eq!(again.send().await.status, StatusCode::NOT_MODIFIED);
}
