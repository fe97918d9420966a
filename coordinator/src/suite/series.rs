//! The samples of one metric, in bounded memory. Pure.

use throng_common::scenario::figure::Figure;
use throng_common::scenario::model::Metric;
use throng_common::status::UnixMillis;

use crate::report::model::{MetricReport, MetricSample, Summary};

/// Most samples kept: beyond it every second one goes, so that a night's run keeps its shape in a megabyte.
const SAMPLES_MAX: usize = 10_000;

/// Most different errors kept.
const ERRORS_MAX: usize = 5;

/// The samples of one metric.
#[derive(Debug, Default)]
pub(super) struct Series {
    samples: Vec<MetricSample>,
    /// One of so many samples is kept.
    stride: u64,
    count: u64,
    extremes: Option<(Figure, Figure)>,
    last: Option<Figure>,
    failed: u64,
    errors: Vec<String>,
}

impl Series {
    /// Adds a figure.
    pub(super) fn push(&mut self, at: UnixMillis, value: Figure) {
        let (min, max) = self.extremes.unwrap_or((value, value));
        self.extremes = Some((min.min(value), max.max(value)));
        self.last = Some(value);
        if self.count.is_multiple_of(self.stride.max(1)) {
            self.samples.push(MetricSample { at, value });
        }
        self.count += 1;
        if self.samples.len() >= SAMPLES_MAX {
            let mut keep = false;
            self.samples.retain(|_| {
                keep = !keep;
                keep
            });
            self.stride = self.stride.max(1) * 2;
        }
    }

    /// Adds a sample that failed.
    pub(super) fn fail(&mut self, error: String) {
        self.failed += 1;
        if self.errors.len() < ERRORS_MAX && !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// The report.
    pub(super) fn report(&self, metric: &Metric) -> MetricReport {
        let summary = self.extremes.zip(self.last).map(|((min, max), last)| Summary {
            count: self.count,
            min,
            median: median(&self.samples).unwrap_or(last),
            max,
            last,
        });
        MetricReport {
            name: metric.name.clone(),
            unit: metric.unit.clone().unwrap_or_default(),
            summary,
            samples: self.samples.clone(),
            failed: self.failed,
            errors: self.errors.clone(),
        }
    }
}

/// The middle one; of an even number, the mean of the two in the middle; none of none.
fn median(samples: &[MetricSample]) -> Option<Figure> {
    let mut values: Vec<Figure> = samples.iter().map(|sample| sample.value).collect();
    values.sort();
    Some(values.get((values.len().saturating_sub(1)) / 2)?.midpoint(*values.get(values.len() / 2)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric() -> Metric {
        serde_json::from_value(serde_json::json!({"name": "m", "on": "primary", "exec": ["x"], "match": "(.*)"}))
            .unwrap()
    }

    #[test]
    fn the_figures_are_those_of_all_samples() {
        let mut series = Series::default();
        assert_eq!(series.report(&metric()).summary, None);
        for value in [5_u64, 1, 9, 4] {
            series.push(UnixMillis(0), value.into());
        }
        let [min, max, last] = [1_u64, 9, 4].map(Figure::from);
        let summary = Summary { count: 4, min, median: Figure::Real(4.5), max, last };
        assert_eq!(series.report(&metric()).summary, Some(summary));
    }

    #[test]
    fn a_long_run_is_thinned_out_and_keeps_its_extremes() {
        let mut series = Series::default();
        for index in 0..1_000_000_u32 {
            series.push(UnixMillis(u64::from(index)), u64::from(index).into());
        }
        let report = series.report(&metric());
        let summary = report.summary.unwrap();
        assert!(report.samples.len() < SAMPLES_MAX && report.samples.len() > SAMPLES_MAX / 4);
        assert!(summary.count == 1_000_000 && summary.min == 0.into() && summary.max == 999_999.into());
        let steps: Vec<u64> = report.samples.windows(2).map(|pair| pair[1].at.0 - pair[0].at.0).collect();
        assert!(steps.iter().all(|step| *step == steps[0]), "thinned out evenly");
    }

    #[test]
    fn errors_are_counted_all_and_kept_once_each() {
        let mut series = Series::default();
        for index in 0..100 {
            series.fail(format!("error {}", index % 10));
        }
        let report = series.report(&metric());
        assert_eq!((report.failed, report.errors.len()), (100, ERRORS_MAX));
    }
}
