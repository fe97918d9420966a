//! The generation of every host's desired state.

use throng_common::ids::{Generation, HostId};
use throng_failpoints::{Point, hit};

use super::rows::unsigned;
use super::{Store, StoreError};

impl Store {
    /// The next generation for a host: raised and kept before it is answered, so that no number is ever given twice.
    pub async fn next_generation(&self, host: HostId) -> Result<Generation, StoreError> {
        self.write("raise a host's generation", move |connection| {
            let sql = "INSERT INTO generations (host, generation) VALUES (?1, 1)
                       ON CONFLICT (host) DO UPDATE SET generation = generation + 1 RETURNING generation";
            hit(Point::JournalGenerationWriting);
            let number = connection.query_row(sql, [host.as_str()], |row| row.get(0))?;
            hit(Point::JournalGenerationWritten);
            Ok(Generation(unsigned(number)))
        })
        .await
    }

    /// Raises a host's generation to at least this, for an agent that holds a higher one than we remember.
    pub async fn raise_generation(&self, host: HostId, floor: Generation) -> Result<(), StoreError> {
        self.write("raise a host's generation", move |connection| {
            let sql = "INSERT INTO generations (host, generation) VALUES (?1, ?2)
                       ON CONFLICT (host) DO UPDATE SET generation = max(generation, excluded.generation)";
            hit(Point::JournalGenerationRaising);
            connection.execute(sql, rusqlite::params![host.as_str(), super::rows::signed(floor.0)])?;
            hit(Point::JournalGenerationRaised);
            Ok(())
        })
        .await
    }
}
