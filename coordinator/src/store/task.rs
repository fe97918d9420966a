//! The threads that own the connections, and the handle that sends them work.

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

/// A thread with a connection of its own, which works off what it is sent in its order.
#[derive(Debug, Clone)]
struct Worker {
    jobs: mpsc::Sender<Job>,
}

impl Worker {
    fn start(name: &str, connection: Connection) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel(QUEUE_MAX_JOBS);
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.spawn(move || run(connection, queue)).map_err(StoreError::Thread)?;
        Ok(Self { jobs })
    }

    async fn run<T: Send + 'static>(
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

    async fn close(&self) {
        let (answer, closed) = oneshot::channel();
        if self.jobs.send(Job::Close(answer)).await.is_ok() {
            // One that has ended is closed too.
            let _ = closed.await;
        }
    }
}

/// A handle on the store; clones share it. Its threads end when the last one is dropped and their work is done.
///
/// What is read does not wait for what is written: a write ends when the disk has it, which may take seconds.
#[derive(Debug, Clone)]
pub struct Store {
    writer: Worker,
    reader: Worker,
    /// The number of the newest event, for those who follow.
    pub(super) newest_event: watch::Sender<u64>,
}

impl Store {
    /// Opens the database, or creates it; refuses a damaged one and one of a newer schema.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let writer = Worker::start("store", connection::open(path)?)?;
        let reader = Worker::start("store-reader", connection::open_to_read(path)?)?;
        Ok(Self { writer, reader, newest_event: watch::Sender::new(0) })
    }

    /// Runs `work` on the database's thread, after all that was asked of it before.
    ///
    /// Once it is queued it is done even if the caller no longer waits.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.run(operation, work).await
    }

    /// Runs `work`, which writes nothing, beside what is being written. It sees every write that has been answered.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.reader.run(operation, work).await
    }

    /// Closes the database after all that was asked before: it is one file then, without a log beside it. What is asked
    /// later is refused.
    pub async fn close(&self) {
        // The last connection takes the log in.
        self.reader.close().await;
        self.writer.close().await;
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
