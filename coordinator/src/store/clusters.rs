//! The clusters that are meant to be there, with all that is needed to take them up again or down.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Row, params};
use throng_common::ids::{ClusterId, HostId, Incarnation, NodeName, RoleName};
use throng_common::status::{SysctlChange, UnixMillis};
use throng_failpoints::{Point, hit, planted};

use super::rows::{decode, json, signed, time};
use super::task::Fault;
use super::{Store, StoreError};

const COLUMNS: &str = "cluster, scenario, state, created, bundle, plan, counts, incarnations, sysctl_originals";

/// A cluster as it is remembered.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterRecord {
    /// Its id.
    pub cluster: ClusterId,
    /// The scenario's name.
    pub scenario: String,
    /// Where it stands, in the cluster's own words.
    pub state: String,
    /// When it was created.
    pub created: UnixMillis,
    /// The bundle that it came from, encoded by whoever saves it.
    pub bundle: Vec<u8>,
    /// Its plan, a JSON document.
    pub plan_json: String,
    /// Desired nodes by role, where `scale` changed what the scenario says.
    pub counts: BTreeMap<RoleName, u32>,
    /// Incarnations of nodes that were restarted.
    pub incarnations: BTreeMap<NodeName, Incarnation>,
    /// What sysctls were before it came, by host.
    pub sysctl_originals: BTreeMap<HostId, Vec<SysctlChange>>,
}

impl Store {
    /// Remembers a cluster as a whole, in the place of what was known of it.
    pub async fn save_cluster(&self, record: ClusterRecord) -> Result<(), StoreError> {
        self.write("save a cluster", move |connection| {
            if planted(throng_failpoints::Fault::SkipClusterRecord) {
                return Ok(());
            }
            hit(Point::JournalClusterWriting);
            connection.execute(
                "INSERT OR REPLACE INTO clusters
                 (cluster, scenario, state, created, bundle, plan, counts, incarnations, sysctl_originals)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    record.cluster.as_str(),
                    record.scenario,
                    record.state,
                    signed(record.created.0),
                    record.bundle,
                    record.plan_json,
                    json(&record.counts),
                    json(&record.incarnations),
                    json(&record.sysctl_originals),
                ],
            )?;
            hit(Point::JournalClusterWritten);
            Ok(())
        })
        .await
    }

    /// One cluster; none when it is unknown.
    pub async fn cluster(&self, cluster: ClusterId) -> Result<Option<ClusterRecord>, StoreError> {
        self.read("read a cluster", move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM clusters WHERE cluster = ?1");
            let row = connection.query_row(&sql, [cluster.as_str()], |row| Ok(read(row))).optional()?;
            row.transpose()
        })
        .await
    }

    /// All clusters, oldest first.
    pub async fn list_clusters(&self) -> Result<Vec<ClusterRecord>, StoreError> {
        self.read("list clusters", |connection| {
            let mut statement =
                connection.prepare(&format!("SELECT {COLUMNS} FROM clusters ORDER BY created, cluster"))?;
            let rows = statement.query_map([], |row| Ok(read(row)))?;
            rows.map(|row| row?).collect()
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

fn read(row: &Row<'_>) -> Result<ClusterRecord, Fault> {
    let cluster: String = row.get(0)?;
    let text = |column: usize| row.get::<_, String>(column);
    Ok(ClusterRecord {
        cluster: decode("clusters", &cluster, ClusterId::new(cluster.clone()))?,
        scenario: text(1)?,
        state: text(2)?,
        created: time(row.get(3)?),
        bundle: row.get(4)?,
        plan_json: text(5)?,
        counts: decode("clusters", &cluster, serde_json::from_str(&text(6)?))?,
        incarnations: decode("clusters", &cluster, serde_json::from_str(&text(7)?))?,
        sysctl_originals: decode("clusters", &cluster, serde_json::from_str(&text(8)?))?,
    })
}
