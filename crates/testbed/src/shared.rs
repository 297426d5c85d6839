//! One cluster for all test processes of a user: a test runner that gives each test a process of its own
//! would otherwise start a server for each.
//!
//! Whoever uses the cluster holds a shared lock on a file. The system lets go of it when the process ends,
//! however it ends; a watchdog that gets the lock for itself alone stops the server and removes its folder.

use std::{
    fs::{self, File},
    os::unix::{fs::MetadataExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{Cluster, Durability, TestbedError, account::Account, cluster};

/// Starts the server, says so, and stops it when nobody has used it for some seconds. A test that comes
/// while it stops waits for the other lock and starts a new one.
const WATCHDOG: &str = r#"
"$1/pg_ctl" -D "$2/data" -l "$2/log" -t 120 -w -o "$3" start >/dev/null 2>&1 && echo ready
exec >/dev/null 8>"$4/lock" 9>"$4/users"
while :; do
    flock 9
    flock -u 9
    sleep 5
    if flock -n 9; then
        flock -n 8 && break
        flock -u 9
    fi
done
"$1/pg_ctl" -D "$2/data" -m immediate -w stop >/dev/null 2>&1
rm -rf "$2"
"#;

/// Uses the cluster that runs, or starts it. Without the programs `flock` and `setsid` it is this process's
/// own.
pub(crate) fn join() -> Result<Cluster, TestbedError> {
    if !["flock", "setsid"].iter().all(|program| is_installed(program)) {
        return Cluster::start(Durability::Off);
    }
    let programs = cluster::programs()?;
    let account = Account::unprivileged()?;
    let home = home(account)?;
    let lock = opened(&home.join("lock"), account)?;
    lock.lock().map_err(TestbedError::Folder)?;
    let folder = home.join("cluster");
    let is_running = UnixStream::connect(folder.join(".s.PGSQL.5432")).is_ok();
    if !is_running {
        start(&programs, account, &home, &folder)?;
    }
    let users = opened(&home.join("users"), account)?;
    users.lock_shared().map_err(TestbedError::Folder)?;
    let cluster = Cluster::shared(folder, users);
    if !is_running {
        cluster.create_owner()?;
    }
    Ok(cluster)
}

fn is_installed(program: &str) -> bool {
    let answer = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    answer.is_ok_and(|status| status.success())
}

/// The folder with the locks, one for each user of the machine.
fn home(account: Account) -> Result<PathBuf, TestbedError> {
    let parent = cluster::short_temporary_folder();
    let user = fs::metadata("/proc/self").map_or(0, |process| process.uid());
    let home = parent.join(format!("medcor-testbed-of-{user}"));
    match fs::create_dir(&home) {
        Ok(()) => account.take_over(&home)?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(TestbedError::Folder(error)),
    }
    Ok(home)
}

fn opened(path: &Path, account: Account) -> Result<File, TestbedError> {
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(TestbedError::Folder)?;
    account.take_over(path)?;
    Ok(file)
}

fn start(programs: &Path, account: Account, home: &Path, folder: &Path) -> Result<(), TestbedError> {
    // What a machine that stopped has left.
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(TestbedError::Folder)?;
    }
    fs::create_dir(folder).map_err(TestbedError::Folder)?;
    account.take_over(folder)?;
    cluster::initialise(programs, account, folder)?;
    // In a session of its own, so that whoever ends everything that a test started spares it: it outlives
    // this process, and nobody waits for it here.
    let mut command = account.command(Path::new("setsid"));
    command.args(["/bin/sh", "-c", WATCHDOG, "medcor-testbed"]).stdin(Stdio::null());
    command.arg(programs).arg(folder).arg(cluster::options(folder, Durability::Off)).arg(home);
    cluster::wait_until_ready(programs, folder, &mut command).map(drop)
}
