//! The samples of all metrics as CSV, for spreadsheets and plots. Pure.

use std::fmt::Write as _;

use super::model::MetricReport;

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
