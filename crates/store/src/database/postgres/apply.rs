//! What a group of batches writes, as statements on arrays.

use std::collections::HashMap;

use medcor_fhir::{Id, ResourceType};
use medcor_policy::TenantId;
use tokio_postgres::Statement;

use super::{
    pipeline::Step,
    statements::{PerTable, Statements},
};
use crate::{
    WriteOutcome,
    batch::{ANSWER_KEPT, Batch, STATE_CURRENT, STATE_DELETED, STATE_WITHHELD, Taking, Write},
    record::joined,
    records::index_row::{IndexRow, system_number},
};

/// A write, whose it is, and the number of its row.
#[derive(Clone, Copy)]
pub(super) struct Placed<'b> {
    pub(super) tenant: TenantId,
    pub(super) write: &'b Write,
    pub(super) row_id: i64,
}

/// The steps of a group. `placed` has the writes of all batches, each batch's in its order.
pub(super) fn steps<'b>(
    statements: &Statements,
    batches: &[&'b Batch],
    placed: &[Placed<'b>],
) -> Vec<Step<'b>> {
    let mut steps = Vec::new();
    push_locks(statements, placed, &mut steps);
    push_claims(statements, batches, &mut steps);
    for wave in waves(placed) {
        push_resources(statements, &wave, &mut steps);
        push_index_rows(&statements.remove, &wave, |write| &write.removed, &mut steps);
        push_index_rows(&statements.add, &wave, |write| &write.added, &mut steps);
    }
    push_events(statements, placed, &mut steps);
    push_answers(statements, batches, &mut steps);
    steps
}

/// Whether the write takes a patient's whole compartment out of sight, or brings it back.
pub(super) fn turns_compartment(write: &Write) -> bool {
    write.resource_type == ResourceType::PATIENT
        && write.replaces.is_some()
        && write.is_deleted != write.replaces_deletion
}

/// A record about a patient and that patient's deactivation exclude each other: which one is later
/// decides whether the record is seen.
fn push_locks<'b>(statements: &Statements, placed: &[Placed<'b>], steps: &mut Vec<Step<'b>>) {
    let mut charts: Vec<i64> = Vec::new();
    for placed in placed {
        let Some(patient) = &placed.write.patient else { continue };
        let chart = system_number(Some(&format!("{}/{patient}", placed.tenant)));
        if turns_compartment(placed.write) {
            steps.push(Step::new(&statements.lock_chart_alone).with(chart));
            push_turn(statements, placed, steps);
        } else {
            charts.push(chart);
        }
    }
    // In one order for everybody, so that nobody waits in a circle.
    charts.sort_unstable();
    charts.dedup();
    if !charts.is_empty() {
        steps.push(Step::new(&statements.lock_charts).with(charts));
    }
}

/// Touches every record of the patient, so that no read has to ask.
fn push_turn<'b>(statements: &Statements, placed: &Placed<'b>, steps: &mut Vec<Step<'b>>) {
    let (tenant, patient) = (placed.tenant.0, placed.write.id.as_str());
    let (list, from, to) = if placed.write.is_deleted {
        (&statements.list_withheld, STATE_CURRENT, STATE_WITHHELD)
    } else {
        (&statements.unlist_withheld, STATE_WITHHELD, STATE_CURRENT)
    };
    steps.push(Step::new(list).with(tenant).with(patient));
    let of_patient = code(ResourceType::PATIENT);
    let turn = Step::new(&statements.turn_state).with(tenant).with(patient);
    steps.push(turn.with(small(from)).with(small(to)).with(of_patient));
}

fn push_claims<'b>(statements: &Statements, batches: &[&'b Batch], steps: &mut Vec<Step<'b>>) {
    let (mut tenants, mut keys, mut owners) = (Vec::new(), Vec::new(), Vec::new());
    for batch in batches {
        let Some(tenant) = batch.tenant else { continue };
        for release in &batch.releases {
            tenants.push(tenant.0);
            keys.push(release.key.as_str());
            owners.push(release.owner.as_str());
        }
    }
    if !tenants.is_empty() {
        steps.push(Step::new(&statements.release_claims).with(tenants).with(keys).with(owners));
    }
    push_takings(&statements.take_claims, batches, |batch| &batch.claims, steps);
    push_takings(&statements.mark_claims, batches, |batch| &batch.marks, steps);
}

fn push_takings<'b>(
    statement: &Statement,
    batches: &[&'b Batch],
    takings: impl Fn(&'b Batch) -> &'b [Taking],
    steps: &mut Vec<Step<'b>>,
) {
    let mut rows: Vec<(i32, &Taking, i64)> = Vec::new();
    for batch in batches {
        let Some(tenant) = batch.tenant else { continue };
        rows.extend(takings(batch).iter().map(|taking| (tenant.0, taking, batch.at)));
    }
    if rows.is_empty() {
        return;
    }
    // Instances that take some of the same keys take them in one order, so that none waits for the other.
    rows.sort_by(|one, other| (one.0, &one.1.key).cmp(&(other.0, &other.1.key)));
    let tenants: Vec<i32> = rows.iter().map(|(tenant, ..)| *tenant).collect();
    let keys: Vec<&str> = rows.iter().map(|(_, taking, _)| taking.key.as_str()).collect();
    let at: Vec<i64> = rows.iter().map(|(.., at)| *at).collect();
    let owners: Vec<&str> = rows.iter().map(|(_, taking, _)| taking.owner.as_str()).collect();
    let until: Vec<i64> = rows.iter().map(|(_, taking, _)| taking.until).collect();
    steps.push(Step::new(statement).with(tenants).with(keys).with(at).with(owners).with(until));
}

/// Writes of one record one after the other: one statement can't replace a row twice.
fn waves<'b>(placed: &[Placed<'b>]) -> Vec<Vec<Placed<'b>>> {
    let mut waves: Vec<Vec<Placed<'b>>> = Vec::new();
    let mut next: HashMap<(TenantId, ResourceType, &Id), usize> = HashMap::new();
    for placed in placed {
        let key = (placed.tenant, placed.write.resource_type, &placed.write.id);
        let wave = next.entry(key).or_default();
        if *wave == waves.len() {
            waves.push(Vec::new());
        }
        waves[*wave].push(*placed);
        *wave += 1;
    }
    waves
}

fn push_resources<'b>(statements: &Statements, wave: &[Placed<'b>], steps: &mut Vec<Step<'b>>) {
    let (replacing, new): (Vec<Placed<'b>>, Vec<Placed<'b>>) =
        wave.iter().partition(|placed| placed.write.replaces.is_some());
    if !new.is_empty() {
        steps.push(with_resources(Step::new(&statements.insert_resources), &new));
    }
    if !replacing.is_empty() {
        let rows: Vec<i64> = replacing.iter().map(|placed| placed.row_id).collect();
        steps.push(Step::new(&statements.keep_history).with(rows));
        let replaces: Vec<Option<i32>> =
            replacing.iter().map(|placed| placed.write.replaces.map(version)).collect();
        steps.push(with_resources(Step::new(&statements.replace_resources), &replacing).with(replaces));
    }
}

/// The columns of `resource` as arrays.
fn with_resources<'b>(step: Step<'b>, placed: &[Placed<'b>]) -> Step<'b> {
    let writes = || placed.iter().map(|placed| placed.write);
    let state = |write: &Write| small(if write.is_deleted { STATE_DELETED } else { STATE_CURRENT });
    step.with(placed.iter().map(|placed| placed.row_id).collect::<Vec<i64>>())
        .with(placed.iter().map(|placed| placed.tenant.0).collect::<Vec<i32>>())
        .with(writes().map(|write| code(write.resource_type)).collect::<Vec<i16>>())
        .with(writes().map(|write| write.id.as_str()).collect::<Vec<&str>>())
        .with(writes().map(|write| version(write.version)).collect::<Vec<i32>>())
        .with(writes().map(state).collect::<Vec<i16>>())
        .with(writes().map(|write| write.patient.as_ref().map(Id::as_str)).collect::<Vec<Option<&str>>>())
        .with(writes().map(|write| i16::from(write.is_chart)).collect::<Vec<i16>>())
        .with(writes().map(|write| write.moment).collect::<Vec<i64>>())
        .with(writes().map(|write| write.moment_end).collect::<Vec<i64>>())
        .with(writes().map(|write| write.last_updated).collect::<Vec<i64>>())
        .with(writes().map(|write| write.content_hash.to_be_bytes().to_vec()).collect::<Vec<Vec<u8>>>())
        .with(writes().map(|write| &*write.body).collect::<Vec<&str>>())
        .with(writes().map(|write| joined(&write.patients)).collect::<Vec<Option<String>>>())
}

/// The rows of one index table as arrays; the last three are of the table's own columns.
#[derive(Default)]
struct Columns<'b> {
    tenants: Vec<i32>,
    parameters: Vec<i32>,
    rows: Vec<i64>,
    texts: Vec<&'b str>,
    other_texts: Vec<&'b str>,
    numbers: Vec<i64>,
    other_numbers: Vec<i64>,
    smalls: Vec<i16>,
    reals: Vec<f64>,
    other_reals: Vec<f64>,
}

impl<'b> Columns<'b> {
    fn push(&mut self, placed: &Placed<'_>, parameter: medcor_fhir::search::ParameterId) {
        self.tenants.push(placed.tenant.0);
        self.parameters.push(i32::from(parameter.0));
        self.rows.push(placed.row_id);
    }

    fn step(&mut self, statement: &tokio_postgres::Statement) -> Option<Step<'b>> {
        if self.rows.is_empty() {
            return None;
        }
        let tenants = std::mem::take(&mut self.tenants);
        let parameters = std::mem::take(&mut self.parameters);
        Some(Step::new(statement).with(tenants).with(parameters).with(std::mem::take(&mut self.rows)))
    }
}

fn push_index_rows<'b>(
    tables: &PerTable,
    wave: &[Placed<'b>],
    rows: fn(&Write) -> &Vec<IndexRow>,
    steps: &mut Vec<Step<'b>>,
) {
    let [mut strings, mut tokens, mut references, mut dates, mut numbers, mut uris] =
        std::array::from_fn(|_| Columns::default());
    for placed in wave {
        let write: &'b Write = placed.write;
        for row in rows(write) {
            match row {
                IndexRow::String { parameter, folded, exact } => {
                    strings.push(placed, *parameter);
                    strings.texts.push(folded);
                    strings.other_texts.push(exact);
                }
                IndexRow::Token { parameter, code, system } => {
                    tokens.push(placed, *parameter);
                    tokens.texts.push(code);
                    tokens.numbers.push(*system);
                }
                IndexRow::Reference { parameter, target, target_type } => {
                    references.push(placed, *parameter);
                    references.texts.push(target);
                    references.smalls.push(i16::from(*target_type));
                }
                IndexRow::Date { parameter, low, high } => {
                    dates.push(placed, *parameter);
                    dates.numbers.push(*low);
                    dates.other_numbers.push(*high);
                }
                IndexRow::Number { parameter, low, high, system, code, unit } => {
                    numbers.push(placed, *parameter);
                    numbers.reals.push(low.0);
                    numbers.other_reals.push(high.0);
                    numbers.numbers.push(*system);
                    numbers.texts.push(code);
                    numbers.other_texts.push(unit);
                }
                IndexRow::Uri { parameter, value } => {
                    uris.push(placed, *parameter);
                    uris.texts.push(value);
                }
            }
        }
    }
    let step = strings.step(&tables.string);
    steps.extend(step.map(|step| step.with(strings.texts).with(strings.other_texts)));
    let step = tokens.step(&tables.token);
    steps.extend(step.map(|step| step.with(tokens.texts).with(tokens.numbers)));
    let step = references.step(&tables.reference);
    steps.extend(step.map(|step| step.with(references.texts).with(references.smalls)));
    let step = dates.step(&tables.date);
    steps.extend(step.map(|step| step.with(dates.numbers).with(dates.other_numbers)));
    let step = numbers.step(&tables.number).map(|step| step.with(numbers.reals).with(numbers.other_reals));
    steps.extend(step.map(|step| step.with(numbers.numbers).with(numbers.texts).with(numbers.other_texts)));
    let step = uris.step(&tables.uri);
    steps.extend(step.map(|step| step.with(uris.texts)));
}

fn push_events<'b>(statements: &Statements, placed: &[Placed<'b>], steps: &mut Vec<Step<'b>>) {
    if placed.is_empty() {
        return;
    }
    let action = |write: &Write| match write.outcome {
        WriteOutcome::Created => 0_i16,
        WriteOutcome::Updated | WriteOutcome::Unchanged => 1,
        WriteOutcome::Deleted => 2,
    };
    let writes = || placed.iter().map(|placed| placed.write);
    steps.push(
        Step::new(&statements.insert_events)
            .with(placed.iter().map(|placed| placed.tenant.0).collect::<Vec<i32>>())
            .with(writes().map(|write| code(write.resource_type)).collect::<Vec<i16>>())
            .with(writes().map(|write| write.id.as_str()).collect::<Vec<&str>>())
            .with(writes().map(|write| version(write.version)).collect::<Vec<i32>>())
            .with(writes().map(action).collect::<Vec<i16>>())
            .with(writes().map(|write| write.last_updated).collect::<Vec<i64>>()),
    );
}

fn push_answers<'b>(statements: &Statements, batches: &[&'b Batch], steps: &mut Vec<Step<'b>>) {
    let mut kept = Vec::new();
    for batch in batches {
        let Some(tenant) = batch.tenant else { continue };
        kept.extend(batch.answers.iter().map(|answer| (tenant, answer, batch.at)));
    }
    if kept.is_empty() {
        return;
    }
    steps.push(
        Step::new(&statements.keep_answers)
            .with(kept.iter().map(|(tenant, ..)| tenant.0).collect::<Vec<i32>>())
            .with(kept.iter().map(|(_, kept, _)| kept.subject.as_str()).collect::<Vec<&str>>())
            .with(kept.iter().map(|(_, kept, _)| kept.client.as_str()).collect::<Vec<&str>>())
            .with(kept.iter().map(|(_, kept, _)| kept.key.as_str()).collect::<Vec<&str>>())
            .with(kept.iter().map(|(_, kept, _)| kept.request_hash.to_vec()).collect::<Vec<Vec<u8>>>())
            .with(kept.iter().map(|(_, kept, _)| kept.answer.as_str()).collect::<Vec<&str>>())
            .with(kept.iter().map(|(.., at)| *at).collect::<Vec<i64>>())
            .with(ANSWER_KEPT),
    );
}

pub(super) fn code(resource_type: ResourceType) -> i16 {
    i16::from(resource_type.code())
}

/// Versions and states stay far below their columns' limits.
fn version(version: u32) -> i32 {
    i32::try_from(version).unwrap_or(i32::MAX)
}

fn small(state: i64) -> i16 {
    i16::try_from(state).unwrap_or(i16::MAX)
}
