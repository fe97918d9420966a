//! The figures that the steps of a run recorded, and how they grow with what they were recorded at. Pure.

use std::collections::BTreeMap;

use throng_common::scenario::figure::Figure;

use super::model::{Recorded, RunReport, StepReport};

/// What there is by name, in the order in which the names came.
type Named<T> = Vec<(String, T)>;

/// What there is at each place.
pub(super) type Places<T> = BTreeMap<Figure, T>;

/// All figures of a run: by name those that stand for themselves, and by what they were recorded at the columns of tables.
/// Several of one name at one place count by their median.
pub(super) fn collect(report: &RunReport) -> (Named<Figure>, BTreeMap<String, Named<Places<Figure>>>) {
    let mut alone: Named<Vec<Figure>> = Vec::new();
    let mut tables: BTreeMap<String, Named<Places<Vec<Figure>>>> = BTreeMap::new();
    let steps = report.tests.iter().flat_map(|test| &test.steps);
    for Recorded { name, value, at } in steps.flat_map(all) {
        match at {
            None => entry(&mut alone, name).push(*value),
            Some(at) => {
                let table = tables.entry(at.of.clone()).or_default();
                entry(table, name).entry(at.value).or_default().push(*value);
            }
        }
    }
    let median = |values: Vec<Figure>| {
        let mut values = values;
        values.sort();
        values[(values.len() - 1) / 2].midpoint(values[values.len() / 2])
    };
    let column = |(name, places): (String, Places<Vec<Figure>>)| {
        (name, places.into_iter().map(|(at, values)| (at, median(values))).collect())
    };
    let table = |(of, columns): (String, Named<_>)| (of, columns.into_iter().map(column).collect());
    let alone = alone.into_iter().map(|(name, values)| (name, median(values))).collect();
    (alone, tables.into_iter().map(table).collect())
}

/// What a step recorded, and those that it ran in parallel.
fn all(step: &StepReport) -> Vec<&Recorded> {
    step.recorded.iter().chain(step.steps.iter().flat_map(all)).collect()
}

/// The entry of this name; a new one at the end where there is none.
fn entry<'l, T: Default>(list: &'l mut Named<T>, name: &str) -> &'l mut T {
    let place = list.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
        list.push((name.to_owned(), T::default()));
        list.len() - 1
    });
    &mut list[place].1
}

/// By how much a column grows with one more: the slope of the straight line that fits best (least squares). None where
/// there is but one place.
pub(super) fn slope(column: &Places<Figure>) -> Option<f64> {
    let points: Vec<(f64, f64)> = column.iter().map(|(at, value)| (at.nearest(), value.nearest())).collect();
    if points.len() < 2 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "places are few")]
    let count = points.len() as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let rise: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let run: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    Some(rise / run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_that_of_the_line_that_fits_best() {
        let column = |points: &[(u64, u64)]| -> BTreeMap<Figure, Figure> {
            points.iter().map(|(at, value)| ((*at).into(), (*value).into())).collect()
        };
        for (points, expected) in [
            (&[(0, 100), (50, 50), (100, 0)][..], Some(-1.0)),
            (&[(0, 10), (10, 10)], Some(0.0)),
            (&[(0, 0), (1, 3), (2, 3)], Some(1.5)),
            (&[(7, 1)], None),
            (&[], None),
        ] {
            let found = slope(&column(points));
            assert!(
                found.zip(expected).is_none_or(|(a, b)| (a - b).abs() < 1e-9) && found.is_some() == expected.is_some()
            );
        }
    }
}
