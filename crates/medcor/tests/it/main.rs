//! Everything that is tested through the real doors, on a real database: one binary, so that it links once.

#![expect(clippy::unwrap_used, reason = "a test that can't arrange or read has failed")]
#![expect(clippy::print_stderr, reason = "a test that tests nothing has to say so")]

mod account_ends;
mod account_pages;
mod adherence;
mod agent_tasks;
mod allergies;
mod analytics;
mod answer_sizes;
mod asyncapi;
mod attack;
mod audit;
mod batch;
mod browser;
mod calculators;
mod catalogue;
mod chart;
mod clinic_day;
mod clinical_review;
mod command;
mod confirmation;
mod confirmation_asked;
mod conformance;
mod connect;
mod conversation;
mod crash;
mod documented_calls;
mod door_catalogue;
mod door_edge;
mod door_identity;
mod door_idle;
mod door_lists;
mod door_mcp;
mod door_oauth;
mod door_oauth_pages;
mod door_refusals;
mod door_sdk;
mod door_sessions;
mod door_stdio;
mod door_step_up;
mod door_streams;
mod door_websocket;
mod door_websocket_limits;
mod emergency;
mod encounters;
mod engagement;
mod events;
mod events_load;
mod events_mcp;
mod events_sight;
mod events_websocket;
mod examples;
mod hostile;
mod import;
mod import_synthea;
mod laboratory;
mod limits;
mod login_api;
mod login_failures;
mod login_tools;
mod medical_records;
mod medications;
mod notes;
mod openapi;
mod openapi_fuzzed;
mod orders;
mod overloads;
mod passkeys;
mod patients;
mod people;
mod people_commands;
mod pharmacology;
mod prescribing;
mod previsit;
mod prompts;
mod providers;
mod races;
mod records;
mod reference;
mod reports;
mod rest;
mod scheduling;
mod scheduling_calls;
mod scheduling_races;
mod specialties;
mod subscriptions;
mod support;
mod synthea_chart;
mod system;
mod treatment_plans;
mod vital_signs;
mod waiting_list;
mod webhooks;

/// Makes a test of every fact, on each database. A fact is an async function that takes a fresh
/// [`support::region::Region`].
macro_rules! on_each_database {
    ($($fact:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $fact() {
                    super::$fact(crate::support::region::Region::on_sqlite().await).await;
                }
            )+
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $fact() {
                    if let Some(region) = crate::support::region::Region::on_postgres().await {
                        super::$fact(region).await;
                    }
                }
            )+
        }
    };
}

pub(crate) use on_each_database;
