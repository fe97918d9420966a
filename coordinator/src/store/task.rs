//! The thread that owns the connection, and the handle that sends it work.

use std::path::Path;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::StoreError;
use super::connection;

/// Work that may wait for the database: beyond it callers wait. A fleet's burst of events is one piece of work.
const QUEUE_MAX_JOBS: usize = 256;

type Work = Box<dyn FnOnce(&mut Connection) + Send>;

enum Job {
    Do(Work),
    Close(oneshot::Sender<()>),
}

/// What a piece of work can end with: `?` turns SQLite's errors into this, the handle adds what was being done.
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A handle on the store; clones share it. The thread ends when the last one is dropped and its work is done.
#[derive(Debug, Clone)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
    /// The number of the newest event, for those who follow.
    pub(super) newest_event: watch::Sender<u64>,
}

impl Store {
    /// Opens the database, or creates it; refuses a damaged one and one of a newer schema.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = connection::open(path)?;
        let (jobs, queue) = mpsc::channel(QUEUE_MAX_JOBS);
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || run(connection, queue))
            .map_err(StoreError::Thread)?;
        Ok(Self { jobs, newest_event: watch::Sender::new(0) })
    }

    /// Runs `work` on the database's thread, after all that was asked before it.
    ///
    /// Once it is queued it is done even if the caller no longer waits.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Work = Box::new(move |connection| drop(answer.send(work(connection))));
        self.jobs.send(Job::Do(job)).await.map_err(|_| StoreError::Closed { operation })?;
        answered.await.map_err(|_| StoreError::Closed { operation })?.map_err(|fault| match fault {
            Fault::Sqlite(source) => StoreError::Statement { operation, source },
            Fault::Store(error) => error,
        })
    }

    /// Closes the database after all that was asked before: it is one file then, without a log beside it. What is asked
    /// later is refused.
    pub async fn close(&self) {
        let (answer, closed) = oneshot::channel();
        if self.jobs.send(Job::Close(answer)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

fn run(mut connection: Connection, mut queue: mpsc::Receiver<Job>) {
    while let Some(job) = queue.blocking_recv() {
        match job {
            Job::Do(work) => work(&mut connection),
            Job::Close(closed) => {
                drop(connection);
                let _ = closed.send(());
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
