//! Statements sent one behind the other without waiting, answered in their order: a transaction of many
//! statements costs one round trip.

use std::{future::poll_fn, pin::Pin, task::Poll};

use tokio_postgres::{Client, Error, Statement, types::ToSql};

/// A prepared statement with its values.
pub(super) struct Step<'v> {
    statement: Statement,
    values: Vec<Box<dyn ToSql + Sync + Send + 'v>>,
}

impl<'v> Step<'v> {
    pub(super) fn new(statement: &Statement) -> Self {
        Self { statement: statement.clone(), values: Vec::new() }
    }

    pub(super) fn with(mut self, value: impl ToSql + Sync + Send + 'v) -> Self {
        self.values.push(Box::new(value));
        self
    }

    fn references(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
    }
}

/// Runs the steps in their order. The first error is the cause of those behind it.
pub(super) async fn run(client: &Client, steps: &[Step<'_>]) -> Result<(), Error> {
    let mut running: Vec<Pin<Box<_>>> = Vec::with_capacity(steps.len());
    for step in steps {
        running.push(Box::pin(client.execute_raw(&step.statement, step.references())));
    }
    let mut answers: Vec<Option<Result<u64, Error>>> = Vec::with_capacity(steps.len());
    // A statement is on the wire after its first poll, so polling in order sends in order.
    poll_fn(|cx| {
        for statement in &mut running {
            answers.push(match statement.as_mut().poll(cx) {
                Poll::Ready(answer) => Some(answer),
                Poll::Pending => None,
            });
        }
        Poll::Ready(())
    })
    .await;
    let mut outcome = Ok(());
    for (statement, answer) in running.into_iter().zip(answers) {
        let answer = match answer {
            Some(answer) => answer,
            None => statement.await,
        };
        outcome = outcome.and(answer.map(drop));
    }
    outcome
}
