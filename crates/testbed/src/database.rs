//! One database of a cluster, dropped with its value.

use tokio_postgres::NoTls;

use crate::TestbedError;

/// A database for one test.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
    superuser_url: String,
    maintenance_url: String,
}

impl Database {
    pub(crate) fn new(name: &str, url: String, superuser_url: String, maintenance_url: String) -> Self {
        Self { name: name.to_owned(), url, superuser_url, maintenance_url }
    }

    /// The URL for its owner, who is no superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL for a superuser. On a server that was there before, the same as [`Self::url`].
    pub fn superuser_url(&self) -> &str {
        &self.superuser_url
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = run(&self.maintenance_url, &[&format!("DROP DATABASE {} WITH (FORCE)", self.name)]);
        // A second panic would hide the first, which is the test's own.
        assert!(dropped.is_ok() || std::thread::panicking(), "a test's database stays: {dropped:?}");
    }
}

/// Runs statements one by one. Callable from anywhere: it has a thread and a runtime of its own.
pub(crate) fn run(url: &str, statements: &[&str]) -> Result<(), TestbedError> {
    let task = async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let connection = tokio::spawn(connection);
        for statement in statements {
            client.batch_execute(statement).await?;
        }
        drop(client);
        if let Ok(ended) = connection.await {
            ended?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(TestbedError::Folder)?.block_on(task)
        });
        thread.join().expect("the thread returns its errors")
    })
}
