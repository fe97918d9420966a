//! The samples of metrics and of hosts as CSV, for spreadsheets and plots. Pure.

use std::fmt::Write as _;

use super::load::LoadSample;
use super::model::{HostReport, MetricReport};

/// One line a sample: metric, moment, figure, unit. Names hold no commas; a unit is quoted.
pub(super) fn metrics(metrics: &[MetricReport]) -> String {
    let mut csv = String::from("metric,at_unix_millis,value,unit\n");
    for metric in metrics {
        let unit = metric.unit.replace('"', "\"\"");
        for sample in &metric.samples {
            let _ = writeln!(csv, "{},{},{},\"{unit}\"", metric.name, sample.at.0, sample.value);
        }
    }
    csv
}

/// One line an interval of a host. What a host cannot tell is left empty.
pub(super) fn hosts(hosts: &[HostReport]) -> String {
    let mut csv = String::from(
        "host,at_unix_millis,took_millis,cpu_busy_cores,cpu_stolen_cores,nodes_cpu_cores,memory_available_bytes,\
         nodes_memory_bytes,cpu_stalled_percent,memory_stalled_percent,io_stalled_percent,late_millis,oom_kills,\
         net_received_bytes,net_sent_bytes,disk_read_bytes,disk_written_bytes,disk_free_bytes\n",
    );
    for host in hosts {
        for load in host.load.iter().flat_map(|load| &load.samples) {
            let _ = writeln!(csv, "{},{}", host.host, row(load));
        }
    }
    csv
}

fn row(load: &LoadSample) -> String {
    let maybe = |figure: Option<f64>| figure.map(|figure| figure.to_string()).unwrap_or_default();
    [
        load.at.0.to_string(),
        load.took_millis.to_string(),
        load.cpu_busy_cores.to_string(),
        load.cpu_stolen_cores.to_string(),
        load.nodes_cpu_cores.to_string(),
        load.memory_available_bytes.to_string(),
        load.nodes_memory_bytes.to_string(),
        maybe(load.cpu_stalled_percent),
        maybe(load.memory_stalled_percent),
        maybe(load.io_stalled_percent),
        load.late_millis.map(|millis| millis.to_string()).unwrap_or_default(),
        load.oom_kills.to_string(),
        load.net_received_bytes.to_string(),
        load.net_sent_bytes.to_string(),
        load.disk_read_bytes.to_string(),
        load.disk_written_bytes.to_string(),
        load.disk_free_bytes.to_string(),
    ]
    .join(",")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn every_interval_of_a_host_has_a_row_with_a_field_for_every_column() {
        let csv = hosts(&sample::passed().hosts);
        let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!(rows.len(), 3, "{csv}");
        assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{csv}");
        let late = rows[0].iter().position(|name| *name == "late_millis").unwrap();
        assert_eq!((rows[1][0], rows[1][late], rows[2][late]), ("local", "3", ""), "{csv}");
    }
}
