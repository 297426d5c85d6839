//! The second fence: PostgreSQL itself shows no row of a tenant that a connection is not set to.

use medcor_store::{AuditEntry, Fence};
use tokio_postgres::{Client, NoTls};

use crate::support::{Hospital, entry, heart_rate, patient};

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_setting_shows_and_changes_nothing() {
    let Some(hospital) = Hospital::on_postgres().await else { return };
    assert_eq!(hospital.store.fence(), Some(Fence::Enforced));
    let ada = hospital.create(patient("Lovelace")).await;
    hospital.create(heart_rate(&ada.id, 70)).await;
    // The owner of the tables, who is no superuser.
    let client = connected(hospital.url()).await;
    check_fence(&client, &hospital).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superusers_login_works_as_a_role_that_is_bound() {
    let Some(hospital) = Hospital::on_postgres_as_superuser().await else { return };
    assert_eq!(hospital.store.fence(), Some(Fence::Enforced));
    let ada = hospital.create(patient("Lovelace")).await;
    hospital.create(heart_rate(&ada.id, 70)).await;
    let client = connected(hospital.url()).await;
    client.batch_execute("SET ROLE medcor_application").await.expect("the role is there");
    check_fence(&client, &hospital).await;
    let changed = client.execute("UPDATE mcp_audit_log SET payload = ''", &[]).await;
    assert!(changed.is_err(), "the trail only grows");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_keys_events_and_the_trail_are_fenced_too() {
    let Some(hospital) = Hospital::on_postgres().await else { return };
    let ada = hospital.create(patient("Lovelace")).await;
    hospital.create(heart_rate(&ada.id, 70)).await;
    hospital.store.identity().signing_keys().await.expect("one is made");
    let of_tenant = AuditEntry { tenant: Some(hospital.tenant), ..entry("look") };
    hospital.store.ledger().record(of_tenant).await.expect("recorded");
    let client = connected(hospital.url()).await;
    let tables = ["event", "mcp_audit_log", "tenant", "signing_key", "secret"];
    for (tenants, shown) in [
        (String::new(), [false; 5]),
        (format!("{{{}}}", hospital.tenant), [true, true, true, false, false]),
        // Who follows the outbox reads ids of all tenants, and no content.
        ("{0}".to_owned(), [true, true, true, true, true]),
    ] {
        set(&client, &tenants).await;
        for (table, is_shown) in tables.into_iter().zip(shown) {
            let count = format!("SELECT count(*) FROM {table}");
            let rows: i64 = client.query_one(&count, &[]).await.expect("it may be asked").get(0);
            assert_eq!(rows > 0, is_shown, "{table} for `{tenants}`");
        }
    }
    set(&client, &format!("{{{}}}", hospital.other_tenant)).await;
    for statement in
        ["UPDATE mcp_audit_log SET payload = ''", "UPDATE tenant SET slug = slug WHERE number = 1"]
    {
        assert_eq!(client.execute(statement, &[]).await.expect("it may be tried"), 0, "{statement}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_table_with_a_tenant_is_without_a_fence() {
    let Some(hospital) = Hospital::on_postgres().await else { return };
    let client = connected(hospital.url()).await;
    let sql = "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
               WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
               AND a.attname = 'tenant' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)";
    let open = client.query(sql, &[]).await.expect("the catalogue answers");
    let open: Vec<String> = open.iter().map(|row| row.get(0)).collect();
    assert!(open.is_empty(), "{open:?}: a migration fences each with medcor_may_touch");
}

async fn check_fence(client: &Client, hospital: &Hospital) {
    for table in ["resource", "index_string", "index_token"] {
        let count = format!("SELECT count(*) FROM {table}");
        for (tenants, is_shown) in [
            (String::new(), false),
            (format!("{{{}}}", hospital.other_tenant), false),
            (format!("{{{}}}", hospital.tenant), true),
        ] {
            set(client, &tenants).await;
            let rows: i64 = client.query_one(&count, &[]).await.expect("it may be asked").get(0);
            assert_eq!(rows > 0, is_shown, "{table} for `{tenants}`");
        }
    }
    set(client, &format!("{{{}}}", hospital.other_tenant)).await;
    let changed = client.execute("UPDATE resource SET body = ''", &[]).await.expect("it may be tried");
    assert_eq!(changed, 0);
    let insert = format!("INSERT INTO claim (tenant, key, at) VALUES ({}, 'theirs', 0)", hospital.tenant);
    assert!(client.execute(&insert, &[]).await.is_err(), "no row for another tenant can be added");
}

async fn set(client: &Client, tenants: &str) {
    let set = "SELECT set_config('medcor.tenants', $1, false)";
    client.execute(set, &[&tenants]).await.expect("a setting is set");
}

async fn connected(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}
