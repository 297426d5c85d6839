//! Work that goes on when whoever waits for it goes away.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// Runs the work in the waiting task; where that task is dropped halfway, in a task of its own.
///
/// This costs one allocation, where spawning every call would cost a task switch for the few whose
/// client goes away.
pub(super) fn run_to_end<F>(work: F, tracker: &TaskTracker) -> impl Future<Output = F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    RunToEnd { work: Some(Box::pin(work)), has_begun: false, tracker: tracker.clone() }
}

struct RunToEnd<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    work: Option<Pin<Box<F>>>,
    has_begun: bool,
    tracker: TaskTracker,
}

impl<F> Future for RunToEnd<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.has_begun = true;
        let work = self.work.as_mut().expect("a future is not polled after it was ready");
        let output = std::task::ready!(work.as_mut().poll(cx));
        self.work = None;
        Poll::Ready(output)
    }
}

impl<F> Drop for RunToEnd<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn drop(&mut self) {
        let Some(work) = self.work.take().filter(|_| self.has_begun && !std::thread::panicking()) else {
            return;
        };
        // Without a runtime the process is ending, and the store has refused the rest already.
        if let Ok(runtime) = Handle::try_current() {
            self.tracker.spawn_on(
                async move {
                    work.await;
                },
                &runtime,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_goes_on_when_nobody_waits_any_more() {
        let tracker = TaskTracker::new();
        let (release, released) = oneshot::channel::<()>();
        let is_done = Arc::new(AtomicBool::new(false));
        let done = is_done.clone();
        let mut work = Box::pin(run_to_end(
            async move {
                released.await.unwrap();
                done.store(true, Ordering::Relaxed);
            },
            &tracker,
        ));
        assert!(work.as_mut().now_or_never().is_none());
        drop(work);
        release.send(()).unwrap();
        tracker.close();
        tracker.wait().await;
        assert!(is_done.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn work_that_never_began_is_dropped() {
        let tracker = TaskTracker::new();
        drop(run_to_end(async { unreachable!("nobody asked") }, &tracker));
        assert!(tracker.is_empty());
    }
}
