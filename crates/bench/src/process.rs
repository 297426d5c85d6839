//! What processes have used, from Linux' `/proc`. Elsewhere nothing is known, and the report says so.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What the server, the database and this generator have used so far.
#[derive(Debug)]
pub struct Usage {
    /// `None` where nothing is known, as for the others.
    pub server: Option<ProcessUsage>,
    /// With its children.
    pub database: Option<ProcessUsage>,
    /// This process.
    pub generator: Option<ProcessUsage>,
}

/// What a process and its children have used.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessUsage {
    /// CPU time of the threads that live.
    pub cpu_nanoseconds: u64,
    /// Resident memory now.
    pub memory_kib: u64,
    /// Most resident memory since the last reading.
    pub memory_max_kib: u64,
}

impl Usage {
    /// As it is now; the most memory begins anew.
    #[must_use]
    pub fn read(server: Option<u32>, database: Option<u32>) -> Self {
        Self {
            server: server.and_then(ProcessUsage::read),
            database: database.and_then(ProcessUsage::read),
            generator: ProcessUsage::read(std::process::id()),
        }
    }
}

impl ProcessUsage {
    fn read(process: u32) -> Option<Self> {
        let mut usage = Self::default();
        for folder in family(process) {
            let Some(member) = Self::of_one(&folder) else { continue };
            usage.cpu_nanoseconds += member.cpu_nanoseconds;
            usage.memory_kib += member.memory_kib;
            usage.memory_max_kib += member.memory_max_kib;
        }
        (usage.cpu_nanoseconds > 0).then_some(usage)
    }

    fn of_one(folder: &Path) -> Option<Self> {
        let mut cpu_nanoseconds = 0;
        for thread in fs::read_dir(folder.join("task")).ok()?.flatten() {
            // A thread may end between the two lookups.
            let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
            cpu_nanoseconds += text.split(' ').next()?.parse::<u64>().ok()?;
        }
        let status = fs::read_to_string(folder.join("status")).ok()?;
        let usage = Self {
            cpu_nanoseconds,
            memory_kib: status_kib(&status, "VmRSS:")?,
            memory_max_kib: status_kib(&status, "VmHWM:")?,
        };
        forget_most_memory(folder);
        Some(usage)
    }
}

/// Lets the kernel start anew with the most memory. Where it may not, the most since the start stands.
fn forget_most_memory(folder: &Path) {
    const RESET_PEAK: &str = "5";
    fs::write(folder.join("clear_refs"), RESET_PEAK).unwrap_or_default();
}

fn status_kib(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// A process and all its descendants.
fn family(process: u32) -> Vec<PathBuf> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The second field is the program's name in brackets, which may hold anything.
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u32>().ok());
        if let Some(parent) = parent {
            parents.push((child, parent));
        }
    }
    let mut members = vec![process];
    let mut index = 0;
    while let Some(&member) = members.get(index) {
        members.extend(parents.iter().filter(|(_, parent)| *parent == member).map(|(child, _)| *child));
        index += 1;
    }
    members.into_iter().map(|member| PathBuf::from(format!("/proc/{member}"))).collect()
}
