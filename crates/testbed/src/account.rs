//! As whom the server runs: PostgreSQL refuses to run as root.

use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::TestbedError;

/// Accounts that root may lend to the server, in this order.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// The user and group that the server's processes get.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Account {
    /// Ours.
    Own,
    /// Another, because ours is root.
    Other { user: u32, group: u32 },
}

impl Account {
    /// Ours, or an unprivileged one where ours is root.
    pub(crate) fn unprivileged() -> Result<Self, TestbedError> {
        if number(&["-u"])? != 0 {
            return Ok(Self::Own);
        }
        let mut last = None;
        for name in ACCOUNTS {
            match (number(&["-u", name]), number(&["-g", name])) {
                (Ok(user), Ok(group)) => return Ok(Self::Other { user, group }),
                (Err(error), _) | (_, Err(error)) => last = Some(error),
            }
        }
        Err(last.unwrap_or(TestbedError::NotInstalled("postgres")))
    }

    /// A command that runs as this account.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Self::Other { user, group } = self {
            command.uid(user).gid(group);
        }
        command.current_dir("/");
        command
    }

    /// Hands a folder to this account.
    pub(crate) fn take_over(self, folder: &Path) -> Result<(), TestbedError> {
        match self {
            Self::Own => Ok(()),
            Self::Other { user, group } => {
                std::os::unix::fs::chown(folder, Some(user), Some(group)).map_err(TestbedError::Folder)
            }
        }
    }
}

/// What `id` answers.
fn number(arguments: &[&str]) -> Result<u32, TestbedError> {
    let program = PathBuf::from("id");
    let output = Command::new(&program)
        .args(arguments)
        .output()
        .map_err(|source| TestbedError::Program { program: program.clone(), source })?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| TestbedError::Failed {
        program,
        message: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
