//! `cargo xtask prove`: the tests that stand for a figure, at the size of that figure. `cargo test` runs them small.

use std::{error::Error, process::Command};

use crate::report;

/// A test that takes its size from a variable.
struct Proof {
    /// What is shown.
    fact: &'static str,
    package: &'static str,
    target: &'static str,
    /// A part of the tests' names.
    tests: &'static str,
    variable: &'static str,
    size: &'static str,
}

const PROOFS: &[Proof] = &[
    Proof {
        fact: "concurrent refreshes issue nothing twice",
        package: "medcor-oauth",
        target: "server",
        tests: "concurrent_refreshes",
        variable: "MEDCOR_REFRESH_RACES",
        size: "30000",
    },
    Proof {
        fact: "random calls find no word of another organisation",
        package: "medcor",
        target: "it",
        tests: "random_calls_find_no_word",
        variable: "MEDCOR_CANARY_CALLS",
        size: "100000",
    },
    Proof {
        fact: "searches answer as if hidden records did not exist",
        package: "medcor-store",
        target: "contract",
        tests: "what_is_not_seen_changes_no_answer",
        variable: "MEDCOR_TEST_TRIPLES",
        size: "2000",
    },
    Proof {
        fact: "generated requests find no failure and no answer beyond the API document",
        package: "medcor",
        target: "it",
        tests: "generated_requests_find_no_failure",
        variable: "MEDCOR_FUZZED_CASES",
        size: "100",
    },
    Proof {
        fact: "every subscriber has each event that it may see once and in order",
        package: "medcor",
        target: "it",
        tests: "events_load::",
        variable: "MEDCOR_EVENT_WRITES",
        size: "10000",
    },
    Proof {
        fact: "followers of a server that is killed again and again hear each change once and in order",
        package: "medcor",
        target: "it",
        tests: "crash::followers",
        variable: "MEDCOR_FOLLOWED_KILLS",
        size: "20",
    },
    Proof {
        fact: "idle WebSockets and streams of events are held, and what each costs",
        package: "medcor",
        target: "it",
        tests: "door_idle::",
        variable: "MEDCOR_IDLE_CONNECTIONS",
        size: "10000",
    },
    Proof {
        fact: "hostile connections are closed while others are served",
        package: "medcor",
        target: "it",
        tests: "hostile::",
        variable: "MEDCOR_HOSTILE_CONNECTIONS",
        size: "4000",
    },
    Proof {
        fact: "nothing that was answered is lost when the server is killed",
        package: "medcor",
        target: "it",
        tests: "crash::a_kill",
        variable: "MEDCOR_CRASH_KILLS",
        size: "200",
    },
    Proof {
        fact: "what is repeated under its key is done once, through cut connections and kills",
        package: "medcor",
        target: "it",
        tests: "what_is_repeated",
        variable: "MEDCOR_REPEATED_CALLS",
        size: "10000",
    },
    Proof {
        fact: "nobody is booked twice and no appointment is lost",
        package: "medcor",
        target: "it",
        tests: "of_random_bookings",
        variable: "MEDCOR_BOOKING_ATTEMPTS",
        size: "1000000",
    },
];

/// Runs all of them, or those whose fact or variable holds this text.
pub(crate) fn run(wanted: Option<&str>) -> Result<(), Box<dyn Error>> {
    let mut failed = Vec::new();
    let is_wanted = |proof: &&Proof| {
        wanted.is_none_or(|text| proof.fact.contains(text) || proof.variable.eq_ignore_ascii_case(text))
    };
    let proofs: Vec<&Proof> = PROOFS.iter().filter(is_wanted).collect();
    if proofs.is_empty() {
        return Err("no proof is called so".into());
    }
    for proof in proofs {
        report(&format!("== {} ({}={})", proof.fact, proof.variable, proof.size));
        let test = ["test", "--package", proof.package, "--test", proof.target, "--", proof.tests];
        let status = Command::new(env!("CARGO")).args(test).env(proof.variable, proof.size).status()?;
        if !status.success() {
            failed.push(proof.fact);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("not so: {}", failed.join("; ")).into()) }
}
