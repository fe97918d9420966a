//! The clusters that are meant to be there, with all that is needed to take them up again or down.

use rusqlite::{OptionalExtension as _, Row, params};
use throng_common::ids::ClusterId;
use throng_common::status::UnixMillis;
use throng_failpoints::{Point, hit, planted};

use super::rows::{decode, signed, time};
use super::{Store, StoreError};

/// A cluster as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRow {
    /// Its id.
    pub cluster: ClusterId,
    /// When it was created.
    pub created: UnixMillis,
    /// All that is known of it, a JSON document of whoever saves it.
    pub record: String,
}

impl Store {
    /// Remembers a cluster as a whole, in the place of what was known of it.
    pub async fn save_cluster(&self, row: ClusterRow) -> Result<(), StoreError> {
        self.write("save a cluster", move |connection| {
            if planted(throng_failpoints::Fault::SkipClusterRecord) {
                return Ok(());
            }
            hit(Point::JournalClusterWriting);
            connection.execute(
                "INSERT OR REPLACE INTO clusters (cluster, created, record) VALUES (?1, ?2, ?3)",
                params![row.cluster.as_str(), signed(row.created.0), row.record],
            )?;
            hit(Point::JournalClusterWritten);
            Ok(())
        })
        .await
    }

    /// Whether a cluster is remembered.
    pub async fn has_cluster(&self, cluster: ClusterId) -> Result<bool, StoreError> {
        self.read("look for a cluster", move |connection| {
            let sql = "SELECT 1 FROM clusters WHERE cluster = ?1";
            Ok(connection.query_row(sql, [cluster.as_str()], |_| Ok(())).optional()?.is_some())
        })
        .await
    }

    /// All clusters, oldest first; of each that cannot be read, why.
    pub async fn list_clusters(&self) -> Result<Vec<Result<ClusterRow, StoreError>>, StoreError> {
        self.read("list clusters", |connection| {
            let sql = "SELECT cluster, created, record FROM clusters ORDER BY created, cluster";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Forgets a cluster. Forgetting an unknown one is no error.
    pub async fn delete_cluster(&self, cluster: ClusterId) -> Result<(), StoreError> {
        self.write("forget a cluster", move |connection| {
            hit(Point::JournalClusterForgetting);
            connection.execute("DELETE FROM clusters WHERE cluster = ?1", [cluster.as_str()])?;
            hit(Point::JournalClusterForgotten);
            Ok(())
        })
        .await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Result<ClusterRow, StoreError>> {
    let cluster: String = row.get(0)?;
    let (created, record) = (time(row.get(1)?), row.get(2)?);
    let id = decode("clusters", &cluster, ClusterId::new(cluster.clone()));
    Ok(id.map(|cluster| ClusterRow { cluster, created, record }))
}
