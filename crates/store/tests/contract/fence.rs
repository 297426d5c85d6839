//! The second fence: PostgreSQL itself shows no row of a tenant that a connection is not set to.

use medcor_store::Fence;
use tokio_postgres::{Client, NoTls};

use crate::support::{Hospital, heart_rate, patient};

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
