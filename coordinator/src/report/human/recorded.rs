//! The figures that steps recorded, as tables.

use std::collections::BTreeSet;

use throng_common::scenario::figure::Figure;

use super::figures::{columns, figure};
use super::render::Page;
use crate::report::model::RunReport;
use crate::report::recorded::{Places, collect, slope};

/// Those that stand for themselves in one line, the others in a table for each thing that they were recorded at.
pub(super) fn recorded(page: &mut Page, report: &RunReport) {
    let (alone, tables) = collect(report);
    if !alone.is_empty() {
        let shown: Vec<String> = alone.iter().map(|(name, value)| format!("{name} {}", figure(*value))).collect();
        page.gap();
        page.headed("Recorded", &shown.join("; "));
    }
    for (of, columns_of) in &tables {
        page.gap();
        for line in columns(&rows(of, columns_of)) {
            page.line(&line);
        }
    }
}

/// A row for each place, and what one more of it means for each figure.
fn rows(of: &str, table: &[(String, Places<Figure>)]) -> Vec<Vec<String>> {
    let head = std::iter::once(format!("Recorded at {of}")).chain(table.iter().map(|(name, _)| name.clone()));
    let places: BTreeSet<Figure> = table.iter().flat_map(|(_, column)| column.keys().copied()).collect();
    let cell = |value: Option<Figure>| value.map_or_else(|| "-".to_owned(), figure);
    let row = |at: &Figure| {
        let cells = table.iter().map(|(_, column)| cell(column.get(at).copied()));
        std::iter::once(figure(*at)).chain(cells).collect()
    };
    let mut rows: Vec<Vec<String>> = std::iter::once(head.collect()).chain(places.iter().map(row)).collect();
    if places.len() > 1 {
        let slopes = table.iter().map(|(_, column)| cell(slope(column).map(Figure::Real)));
        rows.push(std::iter::once("each one more".to_owned()).chain(slopes).collect());
    }
    rows
}
