//! A cluster starts, serves and vanishes.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use medcor_testbed::{Cluster, Durability};

/// Set for the process that is killed.
const VICTIM: &str = "MEDCOR_TESTBED_VICTIM";

#[tokio::test]
async fn a_copy_has_the_content_of_its_template() {
    let Some(cluster) = medcor_testbed::cluster() else { return };
    let template = cluster.database().unwrap();
    run(template.url(), "CREATE TABLE patient (id int); INSERT INTO patient VALUES (7)").await.unwrap();
    let copy = cluster.copy_of(&template).unwrap();
    run(copy.url(), "INSERT INTO patient SELECT 8 / (count(*) FILTER (WHERE id = 7)) FROM patient")
        .await
        .unwrap();
}

#[test]
fn a_stopped_cluster_leaves_nothing_behind() {
    if medcor_testbed::cluster().is_none() {
        return;
    }
    let cluster = Cluster::start(Durability::On).unwrap();
    let folder = cluster.socket_folder().expect("our own").to_owned();
    assert!(folder.join("data").exists());
    drop(cluster);
    assert!(!folder.exists());
}

#[test]
fn a_killed_process_leaves_nothing_behind() {
    if medcor_testbed::cluster().is_none() {
        return;
    }
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["the_victim_waits_to_be_killed", "--exact", "--nocapture"])
        .env(VICTIM, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(victim.stdout.take().unwrap());
    let line = std::io::BufRead::lines(output).map(Result::unwrap).find(|line| line.contains("folder="));
    let folder = line.unwrap().split_once("folder=").unwrap().1.to_owned();
    assert!(Path::new(&folder).exists());
    victim.kill().unwrap();
    victim.wait().unwrap();
    let end = Instant::now() + Duration::from_mins(1);
    while Path::new(&folder).exists() {
        assert!(Instant::now() < end, "{folder} stays");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// Only does something in the process that [`a_killed_process_leaves_nothing_behind`] starts.
#[test]
fn the_victim_waits_to_be_killed() {
    if std::env::var_os(VICTIM).is_none() {
        return;
    }
    let cluster = Cluster::start(Durability::Off).unwrap();
    println!("folder={}", cluster.socket_folder().unwrap().display());
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

async fn run(url: &str, statement: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::try_join!(connection, async {
        client.batch_execute(statement).await?;
        drop(client);
        Ok::<(), tokio_postgres::Error>(())
    })?;
    Ok(())
}
