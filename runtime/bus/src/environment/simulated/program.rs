//! Programs that can be made to stand still, as by SIGSTOP, or where a machine gives a process no time.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A program of a simulation: all tasks that began in it. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Program(Arc<Mutex<Standing>>);

#[derive(Debug, Default)]
struct Standing {
    is_still: bool,
    /// Those who were woken meanwhile.
    woken: Vec<Waker>,
}

thread_local! {
    /// The program whose task is polled.
    static CURRENT: RefCell<Option<Program>> = const { RefCell::new(None) };
}

impl Program {
    /// Lets no task of it go on until [`go_on`](Self::go_on). Its clocks run on.
    pub fn stand_still(&self) {
        self.standing().is_still = true;
    }

    /// Lets all that was woken meanwhile go on.
    pub fn go_on(&self) {
        let woken = {
            let mut standing = self.standing();
            standing.is_still = false;
            std::mem::take(&mut standing.woken)
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// Whether it stands still.
    pub fn is_still(&self) -> bool {
        self.standing().is_still
    }

    /// Makes a task, and all that begin in it, one of this program.
    pub fn task<F: Future>(self, task: F) -> Task<F> {
        Task { program: Some(self), task: Box::pin(task) }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a task one of the program in which it begins.
pub(crate) fn of_program<F: Future>(task: F) -> Task<F> {
    Task { program: CURRENT.with_borrow(Clone::clone), task: Box::pin(task) }
}

/// A task of a program, if it is of one.
#[derive(Debug)]
pub struct Task<F> {
    program: Option<Program>,
    task: Pin<Box<F>>,
}

impl<F: Future> Future for Task<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if let Some(program) = &self.program {
            let mut standing = program.standing();
            if standing.is_still {
                standing.woken.push(context.waker().clone());
                return Poll::Pending;
            }
        }
        let _polled = Polled(CURRENT.replace(self.program.clone()));
        self.task.as_mut().poll(context)
    }
}

/// A task is polled within another, of which this remembers the program.
struct Polled(Option<Program>);

impl Drop for Polled {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_program_that_stands_still_goes_on_later_with_all_its_tasks() {
        let (program, begun) = (Program::default(), Instant::now());
        let life = program.clone().task(async move {
            let task = tokio::spawn(of_program(async move {
                sleep(Duration::from_secs(1)).await;
                begun.elapsed()
            }));
            sleep(Duration::from_secs(2)).await;
            (task.await.unwrap(), begun.elapsed())
        });
        let life = tokio::spawn(life);
        sleep(Duration::from_millis(500)).await;

        program.stand_still();
        sleep(Duration::from_secs(10)).await;
        assert!(program.is_still() && !life.is_finished());
        program.go_on();

        let least = Duration::from_millis(10_500);
        let (task, whole) = life.await.unwrap();
        assert!(task >= least && whole >= least, "{task:?} {whole:?}");
    }
}
