//! A stand-in for tokio's `watch`, which wakes those who wait in an order that its own random numbers decide. Here the seed does.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::task::{Poll, Waker};

#[derive(Debug)]
struct Shared<T> {
    value: RwLock<T>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    version: u64,
    senders: usize,
    receivers: u64,
    /// Who waits, by the number of the receiver.
    waiting: BTreeMap<u64, Waker>,
}

#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Shared<T>>);

#[derive(Debug)]
pub(crate) struct Receiver<T> {
    shared: Arc<Shared<T>>,
    number: u64,
    seen: u64,
}

/// The value, which does not change as long as this lives.
#[derive(Debug)]
pub(crate) struct Ref<'a, T>(RwLockReadGuard<'a, T>);

/// All senders are gone.
#[derive(Debug, thiserror::Error)]
#[error("the channel is closed")]
pub(crate) struct RecvError;

pub(crate) fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T> Sender<T> {
    pub(crate) fn new(value: T) -> Self {
        let state = State { senders: 1, ..State::default() };
        Self(Arc::new(Shared { value: RwLock::new(value), state: Mutex::new(state) }))
    }

    pub(crate) fn subscribe(&self) -> Receiver<T> {
        let seen = self.0.state().version;
        Receiver::new(Arc::clone(&self.0), seen)
    }

    #[cfg(test)]
    pub(crate) fn borrow(&self) -> Ref<'_, T> {
        self.0.read()
    }

    pub(crate) fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    pub(crate) fn send_replace(&self, value: T) -> T {
        let mut value = value;
        self.send_modify(|old| std::mem::swap(old, &mut value));
        value
    }

    pub(crate) fn send_if_modified(&self, modify: impl FnOnce(&mut T) -> bool) -> bool {
        let is_modified = modify(&mut self.0.value.write().unwrap_or_else(PoisonError::into_inner));
        if is_modified {
            self.0.state().version += 1;
            self.0.wake();
        }
        is_modified
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.state().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let left = {
            let mut state = self.0.state();
            state.senders -= 1;
            state.senders
        };
        if left == 0 {
            self.0.wake();
        }
    }
}

impl<T> Receiver<T> {
    fn new(shared: Arc<Shared<T>>, seen: u64) -> Self {
        let number = {
            let mut state = shared.state();
            state.receivers += 1;
            state.receivers
        };
        Self { shared, number, seen }
    }

    pub(crate) fn borrow(&self) -> Ref<'_, T> {
        self.shared.read()
    }

    pub(crate) fn borrow_and_update(&mut self) -> Ref<'_, T> {
        self.seen = self.shared.state().version;
        self.shared.read()
    }

    pub(crate) async fn changed(&mut self) -> Result<(), RecvError> {
        poll_fn(|context| {
            let mut state = self.shared.state();
            if state.version != self.seen {
                self.seen = state.version;
                state.waiting.remove(&self.number);
                return Poll::Ready(Ok(()));
            }
            if state.senders == 0 {
                return Poll::Ready(Err(RecvError));
            }
            state.waiting.insert(self.number, context.waker().clone());
            Poll::Pending
        })
        .await
    }

    pub(crate) async fn wait_for(&mut self, mut until: impl FnMut(&T) -> bool) -> Result<Ref<'_, T>, RecvError> {
        while !until(&self.borrow_and_update()) {
            self.changed().await?;
        }
        Ok(self.shared.read())
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared), self.seen)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.state().waiting.remove(&self.number);
    }
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Ref<'_, T> {
        Ref(self.value.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wakes those who wait, in an order that follows from the seed.
    fn wake(&self) {
        let mut waiting: Vec<Waker> = std::mem::take(&mut self.state().waiting).into_values().collect();
        for left in (1..=waiting.len()).rev() {
            let chosen = super::random().unwrap_or_default() % left as u64;
            waiting.swap_remove(usize::try_from(chosen).unwrap_or_default()).wake();
        }
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
