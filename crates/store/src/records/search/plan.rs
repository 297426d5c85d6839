//! How a search goes about: what it starts from, what SQL tests, what is asked of each record found.

use std::{cmp::Reverse, fmt::Write};

use medcor_policy::Visibility;

use super::{
    condition::{Chart, Compiled, DATED, Reach, Rows, Test},
    position::{Key, Order, Position, Source},
    sql::{Dialect, Mark, Values},
};
use crate::{
    database::{RECORD_COLUMNS, Statement},
    sight::{LimitText, Limits},
};

/// Fewest letters of a beginning that few different texts share.
const BEGINNING_MIN: usize = 3;

/// A search on one resource type, ready to be put into SQL.
#[derive(Debug)]
pub(super) struct Plan {
    dialect: Dialect,
    values: Values,
    /// The patient whose compartment is all that the caller sees.
    compartment: Option<Mark>,
    start: Start,
    /// Common tables that the conditions use.
    tables: Vec<String>,
    /// Conditions on `r`.
    tests: Vec<String>,
    /// Whether a condition is a range of `r.moment`.
    bounds_moment: bool,
    /// Which filters have to be asked of each record found, by their position.
    pub(super) residual: Vec<usize>,
}

/// What a search starts from.
#[derive(Debug)]
enum Start {
    /// A few ids.
    Ids(String),
    /// Index rows that few records have.
    Rows(Rows),
    /// A patient's chart.
    Chart(Chart),
    /// The caller's compartment.
    Compartment,
    /// All records of the type.
    Type,
}

/// How a chart is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChartForm {
    /// By the chart's own index, in the order of time. Right where no index row refers to the patient.
    Straight,
    /// By that index and the index rows.
    WithRows,
}

/// A part of an order: rows with a value before rows without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// All rows.
    All,
    /// Rows with a value.
    Valued,
    /// Rows without.
    Missing,
}

/// Which rows of a search a statement gives, and in which order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice<'s> {
    pub(super) form: ChartForm,
    pub(super) order: &'s Order,
    pub(super) pass: Pass,
    pub(super) after: Option<&'s Position>,
    /// At most so many rows.
    pub(super) limit: Option<usize>,
}

impl Plan {
    pub(super) fn new(
        dialect: Dialect,
        mut values: Values,
        (visibility, limits): (&Visibility<'_>, &Limits),
        compiled: Vec<Compiled>,
    ) -> Self {
        let compartment = match visibility {
            Visibility::Compartment(patient) => Some(values.bind(patient.as_str())),
            Visibility::Tenant | Visibility::Nothing => None,
        };
        let limited = limits.texts(dialect).into_iter().map(|limit| bound(limit, &mut values));
        let tests: Vec<String> = limited.collect();
        let leader = leader(&compiled, compartment.is_some());
        let start = if compartment.is_some() { Start::Compartment } else { Start::Type };
        let bounds_moment = compiled.iter().any(|compiled| compiled.bounds_moment);
        let (tables, residual) = (Vec::new(), Vec::new());
        let mut plan = Self { dialect, values, compartment, start, tables, tests, bounds_moment, residual };
        let mut others = Vec::new();
        for (position, compiled) in compiled.into_iter().enumerate() {
            if !compiled.is_exact {
                plan.residual.push(position);
            }
            match compiled.test {
                Some(test) if leader == Some(position) => plan.start = Start::of(test),
                Some(test) => others.push((position, test)),
                None => {}
            }
        }
        for (position, test) in others {
            match plan.text_of(test) {
                Some(text) => plan.tests.push(text),
                None if plan.residual.contains(&position) => {}
                None => plan.residual.push(position),
            }
        }
        plan
    }

    /// Whether few enough records come into question to look at all of them where the caller stands.
    pub(super) fn is_narrow(&self) -> bool {
        !matches!(self.start, Start::Type)
    }

    /// Whether so few records come into question that putting them in order here is cheaper than in SQL.
    pub(super) fn is_handful(&self) -> bool {
        matches!(&self.start, Start::Rows(rows) if rows.reach == Reach::Handful)
    }

    /// Whether a page is read off an index without passing over other rows.
    pub(super) fn is_page_of_index(&self) -> bool {
        self.tests.is_empty()
    }

    /// The statement that tells whether a chart needs [`ChartForm::WithRows`]; `None` where it is no
    /// question.
    pub(super) fn chart_question(&self) -> Option<Statement> {
        let Start::Chart(chart) = &self.start else { return None };
        let text = format!("{} LIMIT 1", chart.rows.selected());
        Some(self.values.clone().into_statement(&text))
    }

    /// Records in an order that a column of `r` gives, or in none that matters.
    pub(super) fn records(&self, slice: Slice<'_>) -> Statement {
        let mut values = self.values.clone();
        let column = slice.order.column();
        let mut text = format!(
            "{}SELECT {RECORD_COLUMNS}, r.row_id, r.moment FROM resource r{}",
            self.head(),
            self.hint(slice.form, column.map(|(column, _)| column))
        );
        self.push_where(&mut text, slice.form);
        if let Some((column, key)) = column {
            let passed = pass_text(column, slice.pass);
            let after = slice.after.and_then(|after| after_text(&mut values, column, slice, after));
            for test in [passed, after].into_iter().flatten() {
                push(&mut text, format_args!(" AND {test}"));
            }
            let rows = direction(slice.order.rows_descend);
            match slice.pass {
                Pass::Missing => push(&mut text, format_args!(" ORDER BY r.row_id{rows}")),
                Pass::All | Pass::Valued => {
                    let keys = direction(key.is_descending);
                    push(&mut text, format_args!(" ORDER BY {column}{keys}, r.row_id{rows}"));
                }
            }
        }
        finish(values, text, slice.limit)
    }

    /// Records in any order, a record perhaps several times.
    ///
    /// SQLite puts the set of an `IN` into a table that it makes for the purpose, which costs more than
    /// reading a few records. Joined, the index rows lead to the records as they are found, and rows that
    /// miss a further set are dropped before their record is looked up.
    pub(super) fn glance(&self, slice: Slice<'_>) -> Statement {
        let joined = match &self.start {
            Start::Rows(rows) if self.dialect == Dialect::Sqlite => rows.joined(),
            _ => None,
        };
        let Some((table, conditions)) = joined else {
            return self.records(slice);
        };
        let mut text = self.head();
        for (index, condition) in conditions.iter().enumerate() {
            if index > 0 {
                text.push_str(" UNION ALL ");
            }
            self.push_joined(&mut text, table, condition);
        }
        finish(self.values.clone(), text, slice.limit)
    }

    /// The records that index rows lead to.
    fn push_joined(&self, text: &mut String, table: &str, condition: &str) {
        push(
            text,
            format_args!(
                "SELECT {RECORD_COLUMNS}, r.row_id, r.moment FROM {table} x CROSS JOIN resource r
                 WHERE {condition} AND r.row_id = x.row_id
                 AND +r.tenant = ?1 AND +r.type = ?2 AND +r.state = 0"
            ),
        );
        if let Some(patient) = self.compartment {
            push(text, format_args!(" AND +r.patient = {patient}"));
        }
        for test in &self.tests {
            // The same number, known one table earlier.
            match test.strip_prefix("r.row_id ") {
                Some(rest) => push(text, format_args!(" AND x.row_id {rest}")),
                None => push(text, format_args!(" AND {test}")),
            }
        }
    }

    /// Records in the order of an index table, once for each of their rows there. The last column is the
    /// row's value.
    pub(super) fn stream(&self, slice: Slice<'_>, source: Source, index: (&str, &str)) -> Statement {
        let (table, column) = index;
        let Source::Parameter(parameter) = source else {
            return self.records(slice);
        };
        let mut values = self.values.clone();
        let mut text = format!(
            "{}SELECT {RECORD_COLUMNS}, r.row_id, r.moment, s.{column}
             FROM {table} s CROSS JOIN resource r
             WHERE s.tenant = ?1 AND s.parameter = {} AND r.row_id = s.row_id",
            self.head(),
            parameter.id.0
        );
        text.push_str(" AND ");
        self.push_tests(&mut text, slice.form, self.plain());
        let is_descending = slice.order.rows_descend;
        if let Some(after) = slice.after {
            let sign = if is_descending { '<' } else { '>' };
            if let Some(key) = after.keys.first() {
                let value = key.bind(&mut values);
                let is_only_key = slice.order.keys.len() == 1;
                if is_only_key {
                    let row = values.bind(after.row);
                    push(&mut text, format_args!(" AND (s.{column}, s.row_id) {sign} ({value}, {row})"));
                } else {
                    push(&mut text, format_args!(" AND s.{column} {sign}= {value}"));
                }
            }
        }
        let direction = direction(is_descending);
        push(&mut text, format_args!(" ORDER BY s.{column}{direction}, s.row_id{direction}"));
        finish(values, text, slice.limit)
    }

    /// Records that have no row of this parameter.
    pub(super) fn without_rows(&self, slice: Slice<'_>, source: Source, table: &str) -> Statement {
        let Source::Parameter(parameter) = source else {
            return self.records(slice);
        };
        let mut text = format!(
            "{}SELECT {RECORD_COLUMNS}, r.row_id, r.moment FROM resource r{}",
            self.head(),
            self.hint(slice.form, None)
        );
        self.push_where(&mut text, slice.form);
        push(
            &mut text,
            format_args!(
                " AND r.row_id NOT IN (SELECT x.row_id FROM {table} x WHERE x.tenant = ?1 AND x.parameter = {})",
                parameter.id.0
            ),
        );
        finish(self.values.clone(), text, slice.limit)
    }

    /// How many records there are, as far as SQL can tell.
    pub(super) fn count(&self, form: ChartForm) -> Statement {
        let column = self.bounds_moment.then_some("r.moment");
        let mut text = format!("{}SELECT count(*) FROM resource r{}", self.head(), self.hint(form, column));
        self.push_where(&mut text, form);
        self.values.clone().into_statement(&text)
    }

    /// How many records were first stored between two moments: they were last changed then or after, which an index
    /// tells.
    pub(super) fn count_first_stored(&self, from: i64, to: i64) -> Statement {
        let mut values = self.values.clone();
        let (from, to) = (values.bind(from), values.bind(to));
        let mut text =
            format!("SELECT count(*) FROM resource r{} WHERE ", self.hint(ChartForm::Straight, None));
        self.push_tests(&mut text, ChartForm::Straight, "");
        push(
            &mut text,
            format_args!(
                " AND r.last_updated >= {from} AND ((r.version = 1 AND r.last_updated < {to})
                  OR (r.version > 1 AND EXISTS (SELECT 1 FROM history h
                      WHERE h.tenant = ?1 AND h.type = ?2 AND h.id = r.id AND h.version = 1
                          AND h.last_updated >= {from} AND h.last_updated < {to})))"
            ),
        );
        values.into_statement(&text)
    }

    /// The condition on a record, or nothing where asking the record itself is cheaper.
    fn text_of(&mut self, test: Test) -> Option<String> {
        match test {
            Test::Columns(condition) => Some(condition),
            Test::Ids(marks) => Some(format!("r.id IN ({marks})")),
            Test::Chart(chart) => {
                let (patient, rows) = (&chart.patient, chart.rows.asked());
                Some(format!("((r.is_chart = 1 AND r.patient = {patient}) OR {rows})"))
            }
            Test::Rows(rows) if rows.is_point && self.is_narrow() => Some(rows.asked_of_few()),
            Test::Rows(rows) if rows.is_point => Some(rows.asked()),
            Test::Rows(rows) if self.asks_by_text(&rows) => {
                let (table, condition) = rows.asked_by_text(&format!("texts{}", self.tables.len()))?;
                self.tables.push(table);
                Some(condition)
            }
            Test::Rows(rows) => {
                let is_worth_a_set = match &self.start {
                    Start::Type => true,
                    Start::Rows(start) => start.reach >= Reach::Few && rows.reach <= Reach::Few,
                    Start::Ids(_) | Start::Chart(_) | Start::Compartment => false,
                };
                is_worth_a_set.then(|| rows.set())
            }
        }
    }

    /// Whether looking for one of few texts in each record is cheaper than all records with those texts.
    fn asks_by_text(&self, rows: &Rows) -> bool {
        let starts_from_few = matches!(&self.start, Start::Rows(_));
        starts_from_few && rows.beginning.is_some_and(|beginning| beginning.length >= BEGINNING_MIN)
    }

    /// What stands in front of a statement.
    fn head(&self) -> String {
        if self.tables.is_empty() {
            return String::new();
        }
        format!("WITH RECURSIVE {} ", self.tables.join(", "))
    }

    /// Which index SQLite is to take. PostgreSQL knows better by its statistics.
    fn hint(&self, form: ChartForm, column: Option<&str>) -> &'static str {
        if self.dialect == Dialect::Postgres {
            return "";
        }
        match (&self.start, column) {
            (Start::Ids(_), _) | (Start::Type, Some("r.id")) => " INDEXED BY resource_by_id",
            (Start::Rows(_), _) => "",
            (Start::Chart(_), _) if form == ChartForm::WithRows => "",
            (Start::Chart(_) | Start::Compartment, _) => " INDEXED BY resource_by_chart",
            (Start::Type, Some("r.moment")) => " INDEXED BY resource_by_moment",
            (Start::Type, _) => " INDEXED BY resource_by_update",
        }
    }

    fn push_where(&self, text: &mut String, form: ChartForm) {
        let starts_from_rows = match &self.start {
            Start::Rows(_) => true,
            Start::Chart(_) => form == ChartForm::WithRows,
            Start::Ids(_) | Start::Compartment | Start::Type => false,
        };
        text.push_str(" WHERE ");
        self.push_tests(text, form, if starts_from_rows { self.plain() } else { "" });
    }

    /// What keeps SQLite from taking an index for a column. PostgreSQL needs no telling.
    fn plain(&self) -> &'static str {
        if self.dialect == Dialect::Sqlite { "+" } else { "" }
    }

    /// The fence, what the search starts from, and its conditions.
    fn push_tests(&self, text: &mut String, form: ChartForm, plain: &str) {
        push(text, format_args!("{plain}r.tenant = ?1 AND {plain}r.type = ?2 AND {plain}r.state = 0"));
        if let Some(patient) = self.compartment {
            push(text, format_args!(" AND {plain}r.patient = {patient}"));
        }
        match (&self.start, form) {
            (Start::Ids(marks), _) => push(text, format_args!(" AND r.id IN ({marks})")),
            // PostgreSQL plans without knowing the values, and may go through all records in their order.
            (Start::Rows(rows), _) if self.dialect == Dialect::Postgres && self.is_handful() => {
                push(text, format_args!(" AND {}", rows.set_at_first()));
            }
            (Start::Rows(rows), _) => push(text, format_args!(" AND {}", rows.set())),
            (Start::Chart(chart), ChartForm::Straight) => {
                push(text, format_args!(" AND r.is_chart = 1 AND r.patient = {}", chart.patient));
            }
            (Start::Chart(chart), ChartForm::WithRows) => {
                let own = format!(
                    "SELECT c.row_id FROM resource c
                     WHERE c.tenant = ?1 AND c.patient = {} AND c.type = ?2 AND c.is_chart = 1 AND c.state = 0",
                    chart.patient
                );
                push(text, format_args!(" AND r.row_id IN ({own} UNION ALL {})", chart.rows.selected()));
            }
            (Start::Compartment | Start::Type, _) => {}
        }
        for test in &self.tests {
            push(text, format_args!(" AND {test}"));
        }
    }
}

impl Start {
    fn of(test: Test) -> Self {
        match test {
            Test::Ids(marks) => Self::Ids(marks),
            Test::Chart(chart) => Self::Chart(chart),
            Test::Rows(rows) => Self::Rows(rows),
            Test::Columns(_) => Self::Type,
        }
    }
}

impl Key {
    fn bind(&self, values: &mut Values) -> Mark {
        match self {
            Self::Missing => values.bind(i64::MIN),
            Self::Integer(number) => values.bind(*number),
            Self::Real(number) => values.bind(*number),
            Self::Text(text) => values.bind(&**text),
        }
    }
}

/// The filter that leaves the fewest records, if one leaves few.
pub(super) fn leader(compiled: &[Compiled], has_compartment: bool) -> Option<usize> {
    let mut best: Option<((u8, Reverse<usize>), usize)> = None;
    for (position, compiled) in compiled.iter().enumerate() {
        let rank = match &compiled.test {
            Some(Test::Ids(_)) => (0, Reverse(0)),
            Some(Test::Rows(rows)) if !rows.is_negated && rows.reach == Reach::Handful => (1, Reverse(0)),
            Some(Test::Chart(_)) => (2, Reverse(0)),
            Some(Test::Rows(rows)) if !rows.is_negated && rows.reach == Reach::Few && !has_compartment => {
                let length = rows.beginning.map_or(usize::MAX, |beginning| beginning.length);
                (3, Reverse(length))
            }
            _ => continue,
        };
        if best.is_none_or(|(least, _)| rank < least) {
            best = Some((rank, position));
        }
    }
    best.map(|(_, position)| position)
}

/// A condition of consent or care with its values bound.
fn bound(limit: LimitText, values: &mut Values) -> String {
    let mut text = limit.text;
    for (place, value) in limit.values.into_iter().enumerate() {
        text = text.replace(&format!("${}", place + 1), &values.bind(value).to_string());
    }
    text
}

fn pass_text(column: &str, pass: Pass) -> Option<String> {
    match pass {
        Pass::All => None,
        Pass::Valued => Some(format!("{column} >= {DATED}")),
        Pass::Missing => Some(format!("{column} < {DATED}")),
    }
}

/// The rows that follow a position within a pass.
fn after_text(values: &mut Values, column: &str, slice: Slice<'_>, after: &Position) -> Option<String> {
    let key = after.keys.first()?;
    let sign = if slice.order.rows_descend { '<' } else { '>' };
    match slice.pass {
        Pass::Missing if *key == Key::Missing => Some(format!("r.row_id {sign} {}", values.bind(after.row))),
        Pass::Missing => None,
        Pass::All | Pass::Valued => {
            let (value, row) = (key.bind(values), values.bind(after.row));
            Some(format!("({column}, r.row_id) {sign} ({value}, {row})"))
        }
    }
}

fn direction(is_descending: bool) -> &'static str {
    if is_descending { " DESC" } else { "" }
}

fn finish(mut values: Values, mut text: String, limit: Option<usize>) -> Statement {
    if let Some(limit) = limit {
        let limit = values.bind(i64::try_from(limit).expect("a page is short"));
        push(&mut text, format_args!(" LIMIT {limit}"));
    }
    values.into_statement(&text)
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a String takes all text");
}
